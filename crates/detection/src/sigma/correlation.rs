//! Correlations: rules over the matches of other rules, on event time.
//!
//! Evidence comes file by file, so two events of one second may be read an hour apart. Matches that a correlation needs
//! are therefore kept, small, and judged at the end in the order of their time: input out of order gives the same answer.
//! Source: the Sigma correlation rules specification 2.1. Windows slide over the events and are never cut to the hour.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::rc::Rc;

use rsigma_parser::{ConditionExpr, Quantifier, SelectorPattern};
use strandline_model::evidence::{ArtefactId, EventRef};
use strandline_model::time::Instant;

use super::compile::Interner;
use super::document::{Correlation, CorrelationCondition, CorrelationKind, Header, Refusal};
use super::ruleset::{RuleNumber, RuleSet};
use super::runs::{self, Hit, Place, Runs, Scratch, Source, Texts};

/// Matches for correlations that a log holds in memory. What is over is put aside; where a log has no file, it is counted,
/// and the correlations concerned say so.
const HITS: usize = 1_000_000;
/// Bytes of the values that they are grouped by and that are counted, over all of them.
const TEXT_BYTES: usize = 64 << 20;
/// Matches of one group that are judged together, in memory.
const GROUP_HITS: usize = 2_000_000;
/// Places that a correlation's detection cites: the first half and the last half.
const PLACES: usize = 1000;

/// What a rule's match gives to a correlation.
#[derive(Debug)]
pub(super) struct Leg {
    correlation: u32,
    /// Which of the correlation's rules this is.
    rule: u32,
    /// Fields to group by; for a leg of a chain, places in the inner correlation's group.
    group: Vec<Origin>,
    /// Fields whose values count.
    values: Vec<Origin>,
}

/// Where a leg finds a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Origin {
    /// A field of the event.
    Field(u32),
    /// A place in the group of the inner correlation.
    Group(usize),
    /// Nowhere: the inner correlation does not have it.
    Nowhere,
}

#[derive(Debug)]
struct Compiled {
    kind: CorrelationKind,
    span_micros: i64,
    condition: CorrelationCondition,
    group_names: Vec<String>,
    /// The rules, as the correlation names them.
    rule_names: Vec<String>,
    /// By rule of this correlation: the rules and correlations behind it.
    needs: BTreeSet<u32>,
}

/// All correlations of a set, inner ones before those that build on them.
#[derive(Debug, Default)]
pub struct Correlations {
    compiled: Vec<Compiled>,
    legs: Vec<Leg>,
    /// By rule number, correlations included: the legs that it feeds.
    feeds: HashMap<u32, Vec<u32>>,
    /// Which documents were loaded, in the order of `compiled`, and whether each fires only for others.
    pub(super) loaded: Vec<(usize, bool)>,
    /// Documents that were not.
    pub(super) refused: Vec<(usize, Refusal)>,
    /// Rules that do not fire by themselves.
    pub(super) quiet_rules: BTreeSet<usize>,
}

/// What a reference in a correlation means.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Rule(usize),
    /// A correlation, by its place in `compiled`.
    Correlation(usize),
}

impl Correlations {
    /// How many were loaded.
    pub(super) fn count(&self) -> usize {
        self.compiled.len()
    }

    /// Keeps those correlations whose place is marked, and forgets what would feed the others.
    pub(super) fn keep(&mut self, is_kept: &[bool]) {
        let legs = &self.legs;
        self.feeds.values_mut().for_each(|list| list.retain(|leg| is_kept[legs[*leg as usize].correlation as usize]));
    }

    /// By correlation: the numbers of the rules that it needs.
    pub(super) fn needs(&self) -> impl Iterator<Item = &BTreeSet<u32>> {
        self.compiled.iter().map(|one| &one.needs)
    }

    /// The legs that a rule's match feeds.
    pub(super) fn legs_of(&self, rule: u32) -> &[u32] {
        self.feeds.get(&rule).map_or(&[], Vec::as_slice)
    }

    /// The fields that a leg reads from the event: to group by, and to count.
    pub(super) fn origins(&self, leg: u32) -> (&[Origin], &[Origin]) {
        let leg = &self.legs[leg as usize];
        (&leg.group, &leg.values)
    }

    /// Compiles correlations. `names`: id or name to rules; `spaces`: by rule, the space of its field names.
    pub(super) fn compile<'d>(
        documents: impl Iterator<Item = (&'d Header, &'d Correlation)>,
        names: &HashMap<String, Vec<usize>>,
        spaces: &[u16],
        interner: &mut Interner,
    ) -> Self {
        let documents: Vec<(&Header, &Correlation)> = documents.collect();
        let mut own_names: HashMap<&str, usize> = HashMap::new();
        for (at, (header, _)) in documents.iter().enumerate() {
            for name in [&header.id, &header.name].into_iter().flatten() {
                own_names.insert(name, at);
            }
        }
        let mut built = Self::default();
        let mut placed: HashMap<usize, usize> = HashMap::new();
        for at in inner_first(&documents, &own_names, &mut built.refused) {
            let correlation = documents[at].1;
            let mut resolve = |name: &String| -> Result<Vec<Target>, Refusal> {
                let rules = names.get(name).map_or(&[][..], Vec::as_slice).iter().map(|rule| Target::Rule(*rule));
                let inner = own_names.get(name.as_str()).and_then(|inner| placed.get(inner)).map(|inner| Target::Correlation(*inner));
                let found: Vec<Target> = rules.chain(inner).collect();
                if found.is_empty() { Err(Refusal::Unresolved(name.clone())) } else { Ok(found) }
            };
            let targets: Result<Vec<Vec<Target>>, Refusal> = correlation.rules.iter().map(&mut resolve).collect();
            match targets.and_then(|targets| built.add(correlation, &targets, spaces, interner)) {
                Ok(()) => {
                    placed.insert(at, built.compiled.len() - 1);
                    built.loaded.push((at, false));
                }
                Err(refusal) => built.refused.push((at, refusal)),
            }
        }
        built.silence(&documents, names, &own_names, &placed);
        built.refused.sort_by_key(|(at, _)| *at);
        built
    }

    /// A rule that a correlation refers to fires by itself only where the correlation says `generate: true`.
    fn silence(
        &mut self,
        documents: &[(&Header, &Correlation)],
        names: &HashMap<String, Vec<usize>>,
        own: &HashMap<&str, usize>,
        placed: &HashMap<usize, usize>,
    ) {
        let (mut quiet, mut loud) = (BTreeSet::new(), BTreeSet::new());
        for (at, _) in &self.loaded {
            let correlation = documents[*at].1;
            for name in &correlation.rules {
                let rules = names.get(name).map_or(&[][..], Vec::as_slice).iter().map(|rule| Target::Rule(*rule));
                let inner = own.get(name.as_str()).and_then(|inner| placed.get(inner)).map(|inner| Target::Correlation(*inner));
                let list = if correlation.generate { &mut loud } else { &mut quiet };
                list.extend(rules.chain(inner));
            }
        }
        for target in quiet.difference(&loud) {
            match target {
                Target::Rule(rule) => drop(self.quiet_rules.insert(*rule)),
                Target::Correlation(place) => self.loaded[*place].1 = true,
            }
        }
    }

    fn add(&mut self, correlation: &Correlation, targets: &[Vec<Target>], spaces: &[u16], interner: &mut Interner) -> Result<(), Refusal> {
        let number = u32::try_from(self.compiled.len()).map_err(|_| Refusal::Shape("too many correlations".into()))?;
        let value_fields = match &correlation.condition {
            CorrelationCondition::Bounds { fields, .. } => fields.as_slice(),
            _ => &[],
        };
        if let CorrelationCondition::Expression(condition) = &correlation.condition {
            check_names(condition, &correlation.rules)?;
        }
        for (alias, mapping) in &correlation.aliases {
            if let Some(rule) = mapping.keys().find(|rule| !correlation.rules.contains(rule)) {
                return Err(Refusal::Shape(format!("the alias {alias:?} names the rule {rule:?}, which is not among its rules")));
            }
        }
        let mut legs = Vec::new();
        let mut needs = BTreeSet::new();
        for (place, (name, found)) in (0u32..).zip(correlation.rules.iter().zip(targets)) {
            let field =
                |wanted: &String| correlation.aliases.iter().find(|(alias, _)| alias == wanted).map_or(Some(wanted), |(_, mapping)| mapping.get(name)).cloned();
            for target in found {
                let mut origin = |wanted: &String| match (field(wanted), target) {
                    (None, _) => Origin::Nowhere,
                    (Some(name), Target::Rule(rule)) => Origin::Field(interner.field(spaces[*rule], &name)),
                    (Some(name), Target::Correlation(inner)) => {
                        self.compiled[*inner].group_names.iter().position(|known| *known == name).map_or(Origin::Nowhere, Origin::Group)
                    }
                };
                let group = correlation.group_by.iter().map(&mut origin).collect();
                let values: Vec<Origin> = value_fields.iter().map(&mut origin).collect();
                if values.contains(&Origin::Nowhere) {
                    return Err(Refusal::Shape(format!("{name:?} has no field that could be counted")));
                }
                let source = match target {
                    Target::Rule(rule) => *rule as u32,
                    Target::Correlation(inner) => (spaces.len() + inner) as u32,
                };
                needs.insert(source);
                legs.push((source, Leg { correlation: number, rule: place, group, values }));
            }
        }
        for (source, leg) in legs {
            self.feeds.entry(source).or_default().push(self.legs.len() as u32);
            self.legs.push(leg);
        }
        self.compiled.push(Compiled {
            kind: correlation.kind,
            span_micros: correlation.span_micros,
            condition: correlation.condition.clone(),
            group_names: correlation.group_by.clone(),
            rule_names: correlation.rules.clone(),
            needs,
        });
        Ok(())
    }
}

/// The order in which correlations can be judged: inner ones first. Those in a circle are refused.
fn inner_first(documents: &[(&Header, &Correlation)], names: &HashMap<&str, usize>, refused: &mut Vec<(usize, Refusal)>) -> Vec<usize> {
    let inner = |at: usize| documents[at].1.rules.iter().filter_map(|name| names.get(name.as_str()).copied());
    let mut order: Vec<usize> = Vec::new();
    let mut left: BTreeSet<usize> = (0..documents.len()).collect();
    loop {
        let ready: Vec<usize> = left.iter().copied().filter(|at| inner(*at).all(|other| !left.contains(&other))).collect();
        if ready.is_empty() {
            break;
        }
        left.retain(|at| !ready.contains(at));
        order.extend(ready);
    }
    refused.extend(left.into_iter().map(|at| (at, Refusal::Circle)));
    order
}

fn check_names(condition: &ConditionExpr, rules: &[String]) -> Result<(), Refusal> {
    match condition {
        ConditionExpr::And(list) | ConditionExpr::Or(list) => list.iter().try_for_each(|one| check_names(one, rules)),
        ConditionExpr::Not(one) => check_names(one, rules),
        ConditionExpr::Identifier(name) if rules.contains(name) => Ok(()),
        ConditionExpr::Identifier(name) => Err(Refusal::Condition(format!("{name:?} is not among the correlation's rules"))),
        ConditionExpr::Selector { pattern: SelectorPattern::Them, .. } => Ok(()),
        ConditionExpr::Selector { pattern, .. } => Err(Refusal::Condition(format!("\"of {pattern}\" is for selections; a correlation knows \"of them\""))),
    }
}

/// The matches that correlations need, as one matcher saw them. Logs of several matchers can be joined in any order.
#[derive(Debug, Default)]
pub struct HitLog {
    hits: Vec<Hit>,
    texts: Texts,
    without_time: u64,
    without_group: u64,
    over_limit: BTreeMap<u32, u64>,
    aside: Option<Aside>,
}

/// Where a log puts what does not fit into memory.
struct Aside {
    scratch: Scratch,
    /// By leg: its correlation.
    correlations: Vec<u32>,
    runs: Option<Runs>,
    /// Matches held in memory.
    limit: usize,
}

fn join(texts: &[String]) -> String {
    texts.iter().map(|text| format!("{}:{text}", text.len())).collect()
}

fn split(joined: &str) -> Vec<String> {
    let mut list = Vec::new();
    let mut rest = joined;
    while let Some((length, after)) = rest.split_once(':') {
        let length: usize = length.parse().unwrap_or(0);
        list.push(after.get(..length).unwrap_or_default().to_owned());
        rest = after.get(length..).unwrap_or_default();
    }
    list
}

impl std::fmt::Debug for Aside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aside").field("runs", &self.runs).field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl HitLog {
    /// A log without a limit: what does not fit into memory is put into one file that `scratch` opens.
    pub fn without_limit(set: &RuleSet, scratch: Scratch) -> Self {
        Self::with_runs(set, scratch, HITS)
    }

    pub(super) fn with_runs(set: &RuleSet, scratch: Scratch, limit: usize) -> Self {
        let correlations = set.correlations.legs.iter().map(|leg| leg.correlation).collect();
        Self { aside: Some(Aside { scratch, correlations, runs: None, limit }), ..Self::default() }
    }

    fn is_full(&self) -> bool {
        self.hits.len() >= self.aside.as_ref().map_or(HITS, |aside| aside.limit) || self.texts.bytes() >= TEXT_BYTES
    }

    /// Adds a match. `group` and `values` are what the leg's origins gave; nothing where a field is missing.
    pub(super) fn add(&mut self, leg: u32, time: Option<Instant>, place: &EventRef, group: Option<Vec<String>>, values: Option<Vec<String>>) {
        let Some(time) = time else {
            self.without_time += 1;
            return;
        };
        let (Some(group), Some(values)) = (group, values) else {
            self.without_group += 1;
            return;
        };
        if self.is_full() {
            *self.over_limit.entry(leg).or_default() += 1;
            return;
        }
        let key = self.texts.number(&join(&group));
        let value = self.texts.number(&join(&values));
        let artefact = self.texts.number(&place.artefact.0);
        self.hits.push(Hit { time: time.micros(), leg, key, value, place: Place { artefact, offset: place.offset, length: place.length } });
    }

    /// Joins another matcher's log. The order of joining makes no difference, but where a log without a file is full.
    ///
    /// # Errors
    /// If what does not fit into memory cannot be put aside.
    pub fn join(&mut self, other: Self) -> io::Result<()> {
        let mut numbers: Vec<Option<u32>> = vec![None; other.texts.len()];
        for hit in other.hits {
            if self.is_full() {
                if self.aside.is_none() {
                    *self.over_limit.entry(hit.leg).or_default() += 1;
                    continue;
                }
                self.put_aside()?;
                numbers.fill(None);
            }
            let mut number = |text: u32| *numbers[text as usize].get_or_insert_with(|| self.texts.number(other.texts.text(text)));
            let (artefact, key, value) = (number(hit.place.artefact), number(hit.key), number(hit.value));
            self.hits.push(Hit { key, value, place: Place { artefact, ..hit.place }, ..hit });
        }
        self.without_time += other.without_time;
        self.without_group += other.without_group;
        for (leg, count) in other.over_limit {
            *self.over_limit.entry(leg).or_default() += count;
        }
        Ok(())
    }

    /// Puts what is held aside as one run.
    fn put_aside(&mut self) -> io::Result<()> {
        let Some(aside) = &mut self.aside else { return Ok(()) };
        let correlation_of = |leg: u32| aside.correlations[leg as usize];
        runs::sort(&mut self.hits, &self.texts, correlation_of);
        let runs = match &mut aside.runs {
            Some(runs) => runs,
            None => aside.runs.insert(Runs::new((aside.scratch)()?)),
        };
        runs.put(&self.hits, &self.texts, correlation_of)?;
        self.hits.clear();
        self.texts = Texts::default();
        Ok(())
    }

    /// Everything, in sorted sources.
    fn sources(&mut self, correlation_of: impl Fn(u32) -> u32 + Copy) -> io::Result<Vec<Source>> {
        let mut hits = std::mem::take(&mut self.hits);
        runs::sort(&mut hits, &self.texts, correlation_of);
        let held = Source::memory(hits, Rc::new(std::mem::take(&mut self.texts)), correlation_of);
        let runs = self.aside.take().and_then(|aside| aside.runs).map(Runs::read).transpose()?;
        Ok(runs.into_iter().flatten().chain([held]).collect())
    }
}

/// What a correlation found: a stretch of time in which its condition held without a break.
#[derive(Clone, Debug, PartialEq)]
pub struct CorrelationMatch {
    /// The correlation's number.
    pub rule: RuleNumber,
    /// Its `group-by` names and the values that the events share. The values may be about a person.
    pub group: Vec<(String, strandline_model::personal::Personal<String>)>,
    /// First event.
    pub first: Instant,
    /// Last event.
    pub last: Instant,
    /// How many events.
    pub event_count: u64,
    /// The figure that the condition was about, at its first holding.
    pub figure: f64,
    /// The events: all up to a thousand, then the first and the last five hundred.
    pub events: Vec<EventRef>,
}

/// What correlations found, and what they could not use.
#[derive(Clone, Debug, Default)]
pub struct CorrelationReport {
    /// What they found, by first event, then rule, then group.
    pub matches: Vec<CorrelationMatch>,
    /// Matches of their rules that have no time.
    pub without_time: u64,
    /// Matches of their rules that lack a field to group by or to count.
    pub without_group: u64,
    /// Correlations of which matches were left out because there were too many, and how many: their result is
    /// incomplete.
    pub incomplete: BTreeMap<RuleNumber, u64>,
}

impl RuleSet {
    /// Judges the correlations over all matches that matchers kept.
    ///
    /// # Errors
    /// If what was put aside cannot be read back.
    pub fn correlate(&self, mut log: HitLog) -> io::Result<CorrelationReport> {
        let correlations = &self.correlations;
        let correlation_of = |leg: u32| correlations.legs[leg as usize].correlation;
        let mut report = CorrelationReport { without_time: log.without_time, without_group: log.without_group, ..CorrelationReport::default() };
        let first = self.programs.len() as u32;
        for (leg, count) in &log.over_limit {
            *report.incomplete.entry(RuleNumber(first + correlation_of(*leg))).or_default() += count;
        }
        let mut sources = log.sources(correlation_of)?;
        // What inner correlations found, for the outer ones.
        let mut chained: Vec<(Vec<Hit>, Texts)> = correlations.compiled.iter().map(|_| Default::default()).collect();
        for at in 0..correlations.compiled.len() {
            let rule = RuleNumber(first + at as u32);
            let (mut hits, texts) = std::mem::take(&mut chained[at]);
            runs::sort(&mut hits, &texts, correlation_of);
            sources.push(Source::memory(hits, Rc::new(texts), correlation_of));
            while let Some(group) = runs::next_group(&mut sources, at as u32, GROUP_HITS)? {
                if group.left_out > 0 {
                    *report.incomplete.entry(rule).or_default() += group.left_out;
                }
                let values = split(&group.key);
                for found in correlations.judge(at, group.hits, &group.texts) {
                    for leg in correlations.legs_of(rule.0) {
                        let (hits, texts) = &mut chained[correlation_of(*leg) as usize];
                        match correlations.chained(*leg, &found, &values, &group.texts, texts) {
                            Some(hit) => hits.push(hit),
                            None => report.without_group += 1,
                        }
                    }
                    if !self.rules[rule.0 as usize].is_quiet {
                        report.matches.push(correlations.describe(at, rule, found, &values, &group.texts));
                    }
                }
            }
            sources.pop();
        }
        let group_texts = |found: &CorrelationMatch| -> Vec<String> { found.group.iter().map(|(_, value)| value.expose_personal().clone()).collect() };
        report.matches.sort_by(|a, b| (a.first, a.rule, a.last).cmp(&(b.first, b.rule, b.last)).then_with(|| group_texts(a).cmp(&group_texts(b))));
        Ok(report)
    }
}

/// A stretch in which a condition held.
struct Found {
    figure: f64,
    first: i64,
    last: i64,
    count: u64,
    places: Vec<Place>,
    /// When the condition first held: the time at which an outer correlation sees this one.
    held_at: i64,
    end: Place,
}

impl Correlations {
    /// What an inner correlation gives to an outer one. `texts`: of the inner one's group; `outer`: of what is given.
    fn chained(&self, leg: u32, found: &Found, group: &[String], texts: &Texts, outer: &mut Texts) -> Option<Hit> {
        let pick = |origins: &[Origin]| -> Option<Vec<String>> {
            origins.iter().map(|origin| if let Origin::Group(place) = origin { group.get(*place).cloned() } else { None }).collect()
        };
        let of = &self.legs[leg as usize];
        let key = outer.number(&join(&pick(&of.group)?));
        let value = outer.number(&join(&pick(&of.values)?));
        let artefact = outer.number(texts.text(found.end.artefact));
        Some(Hit { time: found.held_at, leg, key, value, place: Place { artefact, ..found.end } })
    }

    fn describe(&self, at: usize, rule: RuleNumber, found: Found, group: &[String], texts: &Texts) -> CorrelationMatch {
        let personal = strandline_model::personal::Personal::new;
        let reference = |place: &Place| EventRef { artefact: ArtefactId(texts.text(place.artefact).to_owned()), offset: place.offset, length: place.length };
        CorrelationMatch {
            rule,
            group: self.compiled[at].group_names.iter().cloned().zip(group.iter().cloned().map(personal)).collect(),
            first: Instant(found.first),
            last: Instant(found.last),
            event_count: found.count,
            figure: found.figure,
            events: found.places.iter().map(reference).collect(),
        }
    }

    /// All stretches of one group of one correlation.
    fn judge(&self, at: usize, mut hits: Vec<Hit>, texts: &Texts) -> Vec<Found> {
        let place = |p: &Place| (texts.text(p.artefact), p.offset, p.length);
        // Time first; of events of one moment, the place decides, so that every run sees the same order. An event that
        // feeds the same leg twice (two rules behind one name) counts once.
        hits.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| place(&a.place).cmp(&place(&b.place))).then(a.leg.cmp(&b.leg)));
        hits.dedup_by(|a, b| a.time == b.time && a.place == b.place && self.legs[a.leg as usize].rule == self.legs[b.leg as usize].rule);
        let mut found = Vec::new();
        self.slide(&self.compiled[at], &hits, texts, &mut found);
        found
    }

    /// Slides the window over the events of one group. All events of one moment enter before the condition is asked.
    fn slide(&self, of: &Compiled, hits: &[Hit], texts: &Texts, found: &mut Vec<Found>) {
        let mut window = Window::new(of, hits, texts);
        let mut start = 0;
        let mut open: Option<Stretch> = None;
        let mut at = 0;
        while at < hits.len() {
            let now = hits[at].time;
            let next = at + hits[at..].iter().take_while(|hit| hit.time == now).count();
            while start < at && hits[start].time < now.saturating_sub(of.span_micros) {
                window.leave(self, start);
                start += 1;
            }
            // Between two windows that share no event, the condition was not asked.
            if open.as_ref().is_some_and(|stretch| stretch.until <= start) {
                found.extend(open.take().map(|stretch| stretch.close(hits)));
            }
            (at..next).for_each(|one| window.enter(self, one));
            match window.judge(of) {
                Some(figure) => match &mut open {
                    Some(stretch) => stretch.until = next,
                    None => open = Some(Stretch { from: start, until: next, figure, held_at: next - 1 }),
                },
                None => found.extend(open.take().map(|stretch| stretch.close(hits))),
            }
            at = next;
        }
        found.extend(open.take().map(|stretch| stretch.close(hits)));
    }
}

/// Hits from the first of the window in which the condition began to hold to the last at which it held.
struct Stretch {
    from: usize,
    until: usize,
    figure: f64,
    held_at: usize,
}

impl Stretch {
    fn close(self, hits: &[Hit]) -> Found {
        let taken = &hits[self.from..self.until];
        let mut places: Vec<Place> = Vec::new();
        if taken.len() <= PLACES {
            places.extend(taken.iter().map(|hit| hit.place));
        } else {
            places.extend(taken[..PLACES / 2].iter().chain(&taken[taken.len() - PLACES / 2..]).map(|hit| hit.place));
        }
        places.dedup();
        Found {
            figure: self.figure,
            first: taken[0].time,
            last: taken[taken.len() - 1].time,
            count: taken.len() as u64,
            places,
            held_at: hits[self.held_at].time,
            end: hits[self.held_at].place,
        }
    }
}

/// The figures of a window, kept up to date as events enter and leave.
struct Window<'h> {
    hits: &'h [Hit],
    /// By rule of the correlation: events in the window, oldest first.
    by_rule: Vec<VecDeque<i64>>,
    count: u64,
    values: HashMap<u32, u64>,
    /// By hit: the number that it gives, where it gives one.
    numbers: Vec<Option<f64>>,
    sorted: Ranks,
}

/// Numbers in a window, in order: a Fenwick tree over the ranks of all numbers that will ever enter.
struct Ranks {
    all: Vec<f64>,
    tree: Vec<u64>,
    sum: f64,
    compensation: f64,
    count: u64,
}

impl Ranks {
    fn new(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        all.dedup();
        Self { tree: vec![0; all.len() + 1], all, sum: 0.0, compensation: 0.0, count: 0 }
    }

    fn add(&mut self, number: f64, times: i64) {
        let mut at = self.all.partition_point(|known| known.total_cmp(&number).is_lt()) + 1;
        while at < self.tree.len() {
            self.tree[at] = self.tree[at].wrapping_add_signed(times);
            at += at & at.wrapping_neg();
        }
        self.count = self.count.wrapping_add_signed(times);
        // Neumaier's sum: what leaves takes away exactly what it brought, but for the last bit.
        let term = number * times as f64;
        let sum = self.sum + term;
        self.compensation += if self.sum.abs() >= term.abs() { (self.sum - sum) + term } else { (term - sum) + self.sum };
        self.sum = sum;
        if self.count == 0 {
            (self.sum, self.compensation) = (0.0, 0.0);
        }
    }

    /// The number with `rank` smaller or equal ones before it, from 0.
    fn at_rank(&self, rank: u64) -> f64 {
        let (mut at, mut left) = (0usize, rank + 1);
        let mut step = self.tree.len().next_power_of_two();
        while step > 0 {
            if at + step < self.tree.len() && self.tree[at + step] < left {
                at += step;
                left -= self.tree[at];
            }
            step /= 2;
        }
        self.all.get(at).copied().unwrap_or(f64::NAN)
    }

    /// A percentile, interpolated linearly between the two nearest numbers.
    fn percentile(&self, percent: f64) -> Option<f64> {
        let last = self.count.checked_sub(1)?;
        let rank = percent / 100.0 * last as f64;
        let (below, above) = (self.at_rank(rank.floor() as u64), self.at_rank((rank.ceil() as u64).min(last)));
        Some(below + (above - below) * rank.fract())
    }
}

impl<'h> Window<'h> {
    fn new(of: &Compiled, hits: &'h [Hit], texts: &Texts) -> Self {
        use CorrelationKind::{ValueAverage, ValueMedian, ValuePercentile, ValueSum};
        let number = |hit: &Hit| {
            let text = split(texts.text(hit.value)).pop()?;
            super::predicate::number_of(&strandline_model::record::FieldValue::Text(text.into()))
        };
        let has_numbers = matches!(of.kind, ValueSum | ValueAverage | ValuePercentile | ValueMedian);
        let numbers: Vec<Option<f64>> = if has_numbers { hits.iter().map(number).collect() } else { Vec::new() };
        let sorted = Ranks::new(numbers.iter().flatten().copied().collect());
        Self { hits, by_rule: vec![VecDeque::new(); of.rule_names.len()], count: 0, values: HashMap::new(), numbers, sorted }
    }

    fn enter(&mut self, correlations: &Correlations, at: usize) {
        let hit = &self.hits[at];
        self.by_rule[correlations.legs[hit.leg as usize].rule as usize].push_back(hit.time);
        self.count += 1;
        *self.values.entry(hit.value).or_default() += 1;
        if let Some(Some(number)) = self.numbers.get(at) {
            self.sorted.add(*number, 1);
        }
    }

    fn leave(&mut self, correlations: &Correlations, at: usize) {
        let hit = &self.hits[at];
        self.by_rule[correlations.legs[hit.leg as usize].rule as usize].pop_front();
        self.count -= 1;
        if let Some(count) = self.values.get_mut(&hit.value) {
            *count -= 1;
            if *count == 0 {
                self.values.remove(&hit.value);
            }
        }
        if let Some(Some(number)) = self.numbers.get(at) {
            self.sorted.add(*number, -1);
        }
    }

    /// The figure, if the condition holds.
    fn judge(&self, of: &Compiled) -> Option<f64> {
        let figure = self.figure(of)?;
        let holds = match &of.condition {
            CorrelationCondition::AllRules => figure == self.by_rule.len() as f64,
            CorrelationCondition::Bounds { bounds, .. } => bounds.iter().all(|(comparison, bound)| comparison.holds(figure, *bound)),
            CorrelationCondition::Expression(condition) => {
                let ordered = of.kind == CorrelationKind::Temporal || self.longest_order() == self.by_rule.len();
                ordered && self.has(condition, &of.rule_names)
            }
        };
        holds.then_some(figure)
    }

    fn figure(&self, of: &Compiled) -> Option<f64> {
        let percentile = match &of.condition {
            CorrelationCondition::Bounds { percentile, .. } => *percentile,
            _ => 50.0,
        };
        let sum = self.sorted.sum + self.sorted.compensation;
        match of.kind {
            CorrelationKind::EventCount => Some(self.count as f64),
            CorrelationKind::ValueCount => Some(self.values.len() as f64),
            CorrelationKind::Temporal => Some(self.by_rule.iter().filter(|times| !times.is_empty()).count() as f64),
            CorrelationKind::TemporalOrdered => Some(self.longest_order() as f64),
            CorrelationKind::ValueSum => (self.sorted.count > 0).then_some(sum),
            CorrelationKind::ValueAverage => (self.sorted.count > 0).then(|| sum / self.sorted.count as f64),
            CorrelationKind::ValuePercentile => self.sorted.percentile(percentile),
            CorrelationKind::ValueMedian => self.sorted.percentile(50.0),
        }
    }

    /// How many of the rules, from the first on, stand in order in the window. Events of one moment are in any order:
    /// many clocks count seconds only.
    fn longest_order(&self) -> usize {
        let mut from = i64::MIN;
        for (at, times) in self.by_rule.iter().enumerate() {
            let first = times.partition_point(|time| *time < from);
            match times.get(first) {
                Some(time) => from = *time,
                None => return at,
            }
        }
        self.by_rule.len()
    }

    fn has(&self, condition: &ConditionExpr, names: &[String]) -> bool {
        let seen = |name: &String| names.iter().position(|known| known == name).is_some_and(|at| !self.by_rule[at].is_empty());
        match condition {
            ConditionExpr::And(list) => list.iter().all(|one| self.has(one, names)),
            ConditionExpr::Or(list) => list.iter().any(|one| self.has(one, names)),
            ConditionExpr::Not(one) => !self.has(one, names),
            ConditionExpr::Identifier(name) => seen(name),
            ConditionExpr::Selector { quantifier, .. } => {
                let rules = self.by_rule.iter().filter(|times| !times.is_empty()).count() as u64;
                match quantifier {
                    Quantifier::Any => rules >= 1,
                    Quantifier::All => rules == self.by_rule.len() as u64,
                    Quantifier::Count(count) => rules >= *count,
                }
            }
        }
    }
}
