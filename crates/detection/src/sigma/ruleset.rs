//! A set of rules, loaded: what a matcher works with, and a report of everything that was not loaded.
//!
//! Nothing here opens a file. Whoever calls gives paths with bytes, or with the reason why a file was not read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use sha2::{Digest, Sha256};
use strandline_model::detection::Level;

use super::compile::{Compiler, Interner, Node, order_by_cost, pinned_event_ids, witnesses};
use super::correlation::Correlations;
use super::document::{Body, Detections, Document, FilterTarget, LogSource, Refusal, RefusedDocument, read_documents};
use super::logsource::{Meaning, Sources};
use super::predicate::Anchor;
use super::text::fold;
use super::value::Placeholders;

/// A rule file as the caller found it.
#[derive(Clone, Debug)]
pub enum RuleFile {
    /// Its bytes.
    Read(Vec<u8>),
    /// It was not read, for this reason: a symbolic link, no permission, too large to be worth it.
    Refused(String),
}

/// What was loaded, and what was not.
#[derive(Clone, Debug, Default)]
pub struct LoadReport {
    /// Files given.
    pub files: usize,
    /// Rules over single events that were loaded.
    pub rules: usize,
    /// Correlations that were loaded.
    pub correlations: usize,
    /// Filters that were loaded.
    pub filters: usize,
    /// Documents and files that were not, by path.
    pub refused: Vec<Refused>,
    /// Oddities of what was loaded, by path.
    pub remarks: Vec<Remark>,
}

/// A document or file that was not loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The file.
    pub path: String,
    /// The line, where it is known.
    pub line: Option<usize>,
    /// The rule's title, where it has one.
    pub title: Option<String>,
    /// Why.
    pub reason: Refusal,
}

/// An oddity that does not keep a rule from being loaded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// The file.
    pub path: String,
    /// The rule's title.
    pub title: String,
    /// What is odd.
    pub text: String,
}

/// What a rule says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id; where it has none, the beginning of its file's SHA-256 and its number in the file.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How much it matters; medium where it does not say.
    pub level: Level,
    /// Its status (`stable`, `test`, `experimental` …), as written.
    pub status: Option<String>,
    /// All tags.
    pub tags: Vec<String>,
    /// ATT&CK technique ids among the tags, as `T1003.001`.
    pub techniques: Vec<String>,
    /// Its log source; none for a correlation.
    pub logsource: Option<LogSource>,
    /// Its file.
    pub path: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Whether it stands only for the correlations that refer to it, and fires none of its own.
    pub is_quiet: bool,
}

/// The number of a rule in its set. Rules over single events come first, then correlations, both by path and place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleNumber(pub u32);

/// Where a rule may be tried: an entry of the log source table, narrowed to event ids that its condition pins.
#[derive(Debug)]
pub(super) struct Dispatch {
    pub rule: u32,
    pub source: usize,
    pub space: u16,
    pub pinned: Option<BTreeSet<u32>>,
}

/// A literal of a field, and the predicates that it answers or opens.
#[derive(Debug, Default)]
pub(super) struct Literals {
    pub texts: Vec<String>,
    pub hits: Vec<Vec<(u32, Anchor)>>,
    automaton: OnceLock<Option<AhoCorasick>>,
}

impl Literals {
    /// The automaton that finds all of them at once. Built when it is first needed: most log sources are not there.
    pub fn automaton(&self) -> Option<&AhoCorasick> {
        let build = || {
            let kind = if self.texts.len() <= 200 { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
            AhoCorasick::builder().match_kind(MatchKind::Standard).kind(Some(kind)).build(&self.texts).ok()
        };
        self.automaton.get_or_init(build).as_ref()
    }
}

/// Rules, compiled.
#[derive(Debug)]
pub struct RuleSet {
    pub(super) rules: Vec<Rule>,
    pub(super) programs: Vec<Node>,
    pub(super) interner: Interner,
    pub(super) sources: &'static Sources,
    /// Folded channel to the rules that may be tried there.
    pub(super) by_channel: HashMap<String, Vec<Dispatch>>,
    /// Rules for every Windows channel.
    pub(super) every_channel: Vec<Dispatch>,
    /// By field: its literals.
    pub(super) literals: Vec<Literals>,
    /// By predicate: whether a literal stands for it.
    pub(super) has_literal: Vec<bool>,
    /// By predicate: rules that it may set off.
    pub(super) sets_off: Vec<Vec<u32>>,
    /// By rule: the fields whose literals set it off; empty for a rule that is always tried.
    pub(super) witness_fields: Vec<Vec<u32>>,
    pub(super) correlations: Correlations,
    /// By rule, correlations included: whether it is tried.
    kept: Vec<bool>,
}

/// A rule on its way into the set.
struct Pending {
    rule: Rule,
    name: Option<String>,
    source: LogSource,
    meaning: Meaning,
    program: Node,
}

impl RuleSet {
    /// Loads rules from files. What cannot be loaded is in the report, with its reason; the rest is in the set. The order
    /// of the files does not matter.
    pub fn load(files: impl IntoIterator<Item = (String, RuleFile)>) -> (Self, LoadReport) {
        Self::load_with(files, &Placeholders::new())
    }

    /// The same, with values for placeholders (`%DomainControllers%`): name without percent signs, and values, in which
    /// `*` and `?` are wildcards.
    pub fn load_with(files: impl IntoIterator<Item = (String, RuleFile)>, placeholders: &Placeholders) -> (Self, LoadReport) {
        Loader::new(placeholders).load(files)
    }

    /// All rules, by number.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// A rule.
    ///
    /// # Panics
    /// If the number is of another set.
    pub fn rule(&self, number: RuleNumber) -> &Rule {
        &self.rules[number.0 as usize]
    }

    /// Leaves out all rules but those wanted, and those on which a wanted correlation builds, which then fire none of their
    /// own. What is left out costs nothing and is not reported as unable to match.
    pub fn keep(&mut self, wanted: impl Fn(&Rule) -> bool) {
        let is_wanted: Vec<bool> = self.rules.iter().map(wanted).collect();
        let first = self.programs.len();
        let mut kept = is_wanted.clone();
        let needs: Vec<&BTreeSet<u32>> = self.correlations.needs().collect();
        // Inner correlations come before those that build on them: from the last to the first, each need is known in time.
        for (at, needed) in needs.iter().enumerate().rev() {
            if kept[first + at] {
                needed.iter().for_each(|rule| kept[*rule as usize] = true);
            }
        }
        self.correlations.keep(&kept[first..]);
        self.every_channel.retain(|dispatch| kept[dispatch.rule as usize]);
        self.by_channel.values_mut().for_each(|list| list.retain(|dispatch| kept[dispatch.rule as usize]));
        for (rule, is_wanted) in self.rules.iter_mut().zip(is_wanted) {
            rule.is_quiet |= !is_wanted;
        }
        self.kept = kept;
    }

    /// How many rules are tried, correlations included.
    pub fn kept_count(&self) -> usize {
        self.kept.iter().filter(|kept| **kept).count()
    }

    /// How many distinct predicates the rules have between them.
    pub fn predicate_count(&self) -> usize {
        self.interner.predicates.len()
    }

    /// Rules that may be tried on events of this folded channel and id.
    pub(super) fn dispatched<'s>(&'s self, channel: &str, event_id: Option<u32>) -> impl Iterator<Item = &'s Dispatch> {
        let windows = if channel.starts_with('@') { &[][..] } else { &self.every_channel[..] };
        let of_channel = self.by_channel.get(channel).map_or(&[][..], Vec::as_slice);
        let is_meant = move |dispatch: &&Dispatch| {
            self.sources.entry(dispatch.source).takes(event_id) && dispatch.pinned.as_ref().is_none_or(|ids| event_id.is_some_and(|id| ids.contains(&id)))
        };
        of_channel.iter().chain(windows).filter(is_meant)
    }
}

/// Loads files.
struct Loader<'p> {
    placeholders: &'p Placeholders,
    report: LoadReport,
    interner: Interner,
    sources: &'static Sources,
    ids: HashMap<String, String>,
    pending: Vec<Pending>,
}

/// A document with its file.
struct Placed {
    path: String,
    /// The whole file, to find lines in.
    text: Rc<str>,
    sha256: String,
    number: usize,
    document: Document,
}

impl<'p> Loader<'p> {
    fn new(placeholders: &'p Placeholders) -> Self {
        Self {
            placeholders,
            report: LoadReport::default(),
            interner: Interner::default(),
            sources: Sources::built_in(),
            ids: HashMap::new(),
            pending: Vec::new(),
        }
    }

    fn load(mut self, files: impl IntoIterator<Item = (String, RuleFile)>) -> (RuleSet, LoadReport) {
        let mut documents = self.read(files);
        // Numbers, and with them the order of detections, must not depend on the order of a folder's entries.
        documents.sort_by(|a, b| (&a.path, a.number).cmp(&(&b.path, b.number)));
        let (mut correlations, mut filters) = (Vec::new(), Vec::new());
        for placed in documents {
            if !self.is_first_of_its_id(&placed) {
                continue;
            }
            for text in &placed.document.remarks {
                self.remark(&placed, text.clone());
            }
            match &placed.document.body {
                Body::Rule(source, detections) => self.rule(&placed, source, detections),
                Body::Correlation(_) => correlations.push(placed),
                Body::Filter(..) => filters.push(placed),
            }
        }
        for placed in &filters {
            self.filter(placed);
        }
        self.finish(correlations)
    }

    fn read(&mut self, files: impl IntoIterator<Item = (String, RuleFile)>) -> Vec<Placed> {
        let mut documents = Vec::new();
        for (path, file) in files {
            self.report.files += 1;
            let bytes = match file {
                RuleFile::Read(bytes) => bytes,
                RuleFile::Refused(reason) => {
                    self.refuse(&path, None, None, Refusal::Unread(reason));
                    continue;
                }
            };
            let text = match std::str::from_utf8(&bytes) {
                Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
                Err(error) => {
                    self.refuse(&path, None, None, Refusal::NotUtf8(error.valid_up_to()));
                    continue;
                }
            };
            let sha256: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
            let text: Rc<str> = text.into();
            for (number, document) in read_documents(&text).into_iter().enumerate() {
                match document {
                    Ok(document) => documents.push(Placed { path: path.clone(), text: Rc::clone(&text), sha256: sha256.clone(), number, document }),
                    Err(RefusedDocument { title, line, refusal }) => self.refuse(&path, line, title, refusal),
                }
            }
        }
        documents
    }

    fn refuse(&mut self, path: &str, line: Option<usize>, title: Option<String>, reason: Refusal) {
        self.report.refused.push(Refused { path: path.to_owned(), line, title, reason });
    }

    fn refuse_document(&mut self, placed: &Placed, reason: Refusal) {
        let title = &placed.document.header.title;
        self.refuse(&placed.path, reason.line_in(&placed.text, Some(title)), Some(title.clone()), reason);
    }

    fn remark(&mut self, placed: &Placed, text: String) {
        self.report.remarks.push(Remark { path: placed.path.clone(), title: placed.document.header.title.clone(), text });
    }

    /// Two rules with one id would be one to whoever reads the detections.
    fn is_first_of_its_id(&mut self, placed: &Placed) -> bool {
        let Some(id) = &placed.document.header.id else { return true };
        if let Some(path) = self.ids.get(id) {
            let refusal = Refusal::Duplicate(path.clone());
            self.refuse_document(placed, refusal);
            return false;
        }
        self.ids.insert(id.clone(), placed.path.clone());
        true
    }

    fn rule(&mut self, placed: &Placed, source: &LogSource, detections: &Detections) {
        let meaning = self.sources.meaning(source);
        let mut compiler = Compiler { interner: &mut self.interner, placeholders: self.placeholders, space: meaning.space };
        match compiler.detections(detections) {
            Ok(compiled) => {
                for name in compiled.unused {
                    self.remark(placed, format!("the condition does not use the selection {name:?}"));
                }
                let rule = describe(placed, Some(source.clone()));
                let name = placed.document.header.name.clone();
                self.pending.push(Pending { rule, name, source: source.clone(), meaning, program: compiled.program });
                self.report.rules += 1;
            }
            Err(refusal) => self.refuse_document(placed, refusal),
        }
    }

    /// Adds a filter's condition to the rules that it names, within its log source.
    fn filter(&mut self, placed: &Placed) {
        let Body::Filter(source, target, detections) = &placed.document.body else { return };
        let is_within = |wanted: &Option<String>, of: &Option<String>| wanted.is_none() || wanted == of;
        let is_meant = |pending: &Pending| match target {
            FilterTarget::Any => true,
            FilterTarget::Rules(list) => list.iter().any(|one| *one == pending.rule.id || Some(one) == pending.name.as_ref() || *one == pending.rule.title),
        };
        let chosen: Vec<usize> = (0..self.pending.len())
            .filter(|at| {
                let pending = &self.pending[*at];
                let of = &pending.source;
                is_meant(pending)
                    && is_within(&source.product, &of.product)
                    && is_within(&source.category, &of.category)
                    && is_within(&source.service, &of.service)
            })
            .collect();
        if chosen.is_empty() {
            let what = match target {
                FilterTarget::Any => "any".to_owned(),
                FilterTarget::Rules(list) => list.join(", "),
            };
            self.refuse_document(placed, Refusal::Unresolved(what));
            return;
        }
        for at in chosen {
            // Compiled for each rule, since the rules may read their fields from different spaces of names.
            let space = self.pending[at].meaning.space;
            let mut compiler = Compiler { interner: &mut self.interner, placeholders: self.placeholders, space };
            match compiler.detections(detections) {
                Ok(compiled) => {
                    let rule = std::mem::replace(&mut self.pending[at].program, Node::Any(Box::default()));
                    self.pending[at].program = Node::All([rule, compiled.program].into());
                }
                Err(refusal) => {
                    self.refuse_document(placed, refusal);
                    return;
                }
            }
        }
        self.report.filters += 1;
    }

    fn finish(mut self, correlations: Vec<Placed>) -> (RuleSet, LoadReport) {
        let mut names: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, pending) in self.pending.iter().enumerate() {
            names.entry(pending.rule.id.clone()).or_default().push(at);
            if let Some(name) = &pending.name {
                names.entry(name.clone()).or_default().push(at);
            }
        }
        let spaces: Vec<u16> = self.pending.iter().map(|pending| pending.meaning.space).collect();
        let mut compiled = Correlations::compile(
            correlations.iter().filter_map(|placed| match &placed.document.body {
                Body::Correlation(correlation) => Some((&placed.document.header, correlation)),
                _ => None,
            }),
            &names,
            &spaces,
            &mut self.interner,
        );
        for (at, refusal) in std::mem::take(&mut compiled.refused) {
            self.refuse_document(&correlations[at], refusal);
        }
        for at in &compiled.quiet_rules {
            self.pending[*at].rule.is_quiet = true;
        }
        self.report.correlations = compiled.count();
        let loaded: Vec<Rule> = compiled.loaded.iter().map(|(at, is_quiet)| Rule { is_quiet: *is_quiet, ..describe(&correlations[*at], None) }).collect();
        self.report.refused.sort_by(|a, b| (&a.path, a.line, &a.title).cmp(&(&b.path, b.line, &b.title)));
        self.report.remarks.sort();
        let report = std::mem::take(&mut self.report);
        (assemble(self.pending, loaded, self.interner, self.sources, compiled), report)
    }
}

/// What a document says of itself.
fn describe(placed: &Placed, logsource: Option<LogSource>) -> Rule {
    let header = &placed.document.header;
    let technique = |tag: &String| {
        let id = tag.to_ascii_lowercase().strip_prefix("attack.t").map(|id| format!("T{id}"))?;
        id[1..].chars().all(|c| c.is_ascii_digit() || c == '.').then_some(id)
    };
    Rule {
        id: header.id.clone().unwrap_or_else(|| format!("{}-{}", &placed.sha256[..12], placed.number + 1)),
        title: header.title.clone(),
        level: header.level.unwrap_or(Level::Medium),
        status: header.status.clone(),
        techniques: header.tags.iter().filter_map(technique).collect::<BTreeSet<_>>().into_iter().collect(),
        tags: header.tags.clone(),
        logsource,
        path: placed.path.clone(),
        sha256: placed.sha256.clone(),
        is_quiet: false,
    }
}

fn assemble(pending: Vec<Pending>, correlations: Vec<Rule>, interner: Interner, sources: &'static Sources, compiled: Correlations) -> RuleSet {
    let mut set = RuleSet {
        rules: Vec::new(),
        programs: Vec::new(),
        sources,
        by_channel: HashMap::new(),
        every_channel: Vec::new(),
        literals: interner.fields.iter().map(|_| Literals::default()).collect(),
        has_literal: vec![false; interner.predicates.len()],
        sets_off: vec![Vec::new(); interner.predicates.len()],
        witness_fields: Vec::new(),
        correlations: compiled,
        interner,
        kept: Vec::new(),
    };
    let weights = index_literals(&mut set);
    for (number, mut one) in (0u32..).zip(pending) {
        order_by_cost(&mut one.program, &set.interner);
        dispatch(&mut set, number, &one);
        let list = witnesses(&one.program, &weights).map(|(_, list)| list).unwrap_or_default();
        let fields: BTreeSet<u32> = list.iter().map(|predicate| set.interner.predicates[*predicate as usize].field).collect();
        set.witness_fields.push(fields.into_iter().collect());
        for predicate in list.into_iter().collect::<BTreeSet<_>>() {
            set.sets_off[predicate as usize].push(number);
        }
        set.programs.push(one.program);
        set.rules.push(one.rule);
    }
    set.rules.extend(correlations);
    set.kept = vec![true; set.rules.len()];
    set
}

/// Sorts literals under their fields. Returns, by predicate with a literal, how often it is expected to hit.
fn index_literals(set: &mut RuleSet) -> Vec<Option<u32>> {
    let mut places: HashMap<(u32, String), usize> = HashMap::new();
    let mut weights = Vec::with_capacity(set.interner.predicates.len());
    for (number, predicate) in (0u32..).zip(&set.interner.predicates) {
        let Some((text, anchor)) = predicate.literal() else {
            weights.push(None);
            continue;
        };
        weights.push(Some(match text.len() {
            0..=2 => 60,
            3..=4 => 8,
            5..=7 => 2,
            _ => 1,
        }));
        let literals = &mut set.literals[predicate.field as usize];
        let place = *places.entry((predicate.field, text)).or_insert_with_key(|(_, text)| {
            literals.texts.push(text.clone());
            literals.hits.push(Vec::new());
            literals.texts.len() - 1
        });
        literals.hits[place].push((number, anchor));
        set.has_literal[number as usize] = true;
    }
    weights
}

fn dispatch(set: &mut RuleSet, rule: u32, pending: &Pending) {
    let pinned = pinned_event_ids(&pending.program, &set.interner);
    for source in &pending.meaning.sources {
        let make = || Dispatch { rule, source: *source, space: pending.meaning.space, pinned: pinned.clone() };
        let entry = set.sources.entry(*source);
        if entry.is_every_channel() {
            set.every_channel.push(make());
            continue;
        }
        for channel in &entry.channels {
            set.by_channel.entry(channel.clone()).or_default().push(make());
        }
    }
}

/// Why a rule could not match any of the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// This version reads no evidence for its log source.
    UnknownLogSource(LogSource),
    /// None of its channels was seen.
    ChannelsNotSeen(Vec<String>),
    /// Its channels were seen, but none of the event ids that it is about.
    EventsNotSeen(Vec<String>, Vec<u32>),
    /// A correlation of which a rule could not match.
    NeedsRule(String),
}

impl std::fmt::Display for Unreachable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownLogSource(source) => write!(f, "this version reads no evidence for the log source {source}"),
            Self::ChannelsNotSeen(channels) => write!(f, "no event of {}", channels.join(" or ")),
            Self::EventsNotSeen(channels, ids) => {
                let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
                write!(f, "{} was seen, but no event with id {}", channels.join(" or "), ids.join(", "))
            }
            Self::NeedsRule(rule) => write!(f, "it builds on {rule:?}, which could not match"),
        }
    }
}

impl RuleSet {
    /// Rules whose log source leads to no evidence that this version reads, whatever the case holds.
    pub fn without_evidence(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.logsource.as_ref().is_some_and(|source| self.sources.meaning(source).sources.is_empty()))
    }

    /// Every rule that the evidence seen could not match, and why. `seen`: channel as the records say, event id, records.
    pub fn unreachable(&self, seen: &super::Seen) -> Vec<(RuleNumber, Unreachable)> {
        let mut channels: BTreeMap<String, (String, BTreeSet<Option<u32>>)> = BTreeMap::new();
        for (channel, event_id) in seen.kinds() {
            channels.entry(fold(channel)).or_insert_with(|| (channel.to_owned(), BTreeSet::new())).1.insert(event_id);
        }
        let mut reached = vec![false; self.rules.len()];
        for (channel, (_, ids)) in &channels {
            for id in ids {
                self.dispatched(channel, *id).for_each(|dispatch| reached[dispatch.rule as usize] = true);
            }
        }
        let mut found: Vec<(RuleNumber, Unreachable)> = Vec::new();
        for (number, rule) in (0u32..).zip(&self.rules[..self.programs.len()]) {
            if !reached[number as usize] && self.kept[number as usize] {
                found.push((RuleNumber(number), self.why_unreached(number, rule, &channels)));
            }
        }
        let first = self.programs.len();
        for (at, needed) in self.correlations.needs().enumerate() {
            let missing = needed.iter().find(|rule| !reached[**rule as usize]);
            match missing {
                _ if !self.kept[first + at] => {}
                Some(rule) => found.push((RuleNumber((first + at) as u32), Unreachable::NeedsRule(self.rules[*rule as usize].title.clone()))),
                None => reached[first + at] = true,
            }
        }
        found
    }

    fn why_unreached(&self, number: u32, rule: &Rule, seen: &BTreeMap<String, (String, BTreeSet<Option<u32>>)>) -> Unreachable {
        let source = rule.logsource.clone().unwrap_or_default();
        let entries = self.sources.meaning(&source).sources;
        if entries.is_empty() {
            return Unreachable::UnknownLogSource(source);
        }
        let channels: BTreeSet<&String> = entries.iter().flat_map(|at| &self.sources.entry(*at).channels).collect();
        let seen_of_these: Vec<String> = channels.iter().filter_map(|channel| seen.get(*channel).map(|(name, _)| name.clone())).collect();
        let mut ids: BTreeSet<u32> = entries.iter().filter_map(|at| self.sources.entry(*at).event_ids.as_ref()).flatten().copied().collect();
        let pinned = self.by_channel.values().flatten().chain(&self.every_channel).filter(|d| d.rule == number).find_map(|d| d.pinned.clone());
        if let Some(pinned) = pinned {
            ids = pinned;
        }
        let every = channels.iter().any(|channel| *channel == "*");
        let none_seen = if every { seen.keys().all(|channel| channel.starts_with('@')) } else { seen_of_these.is_empty() };
        if none_seen {
            return Unreachable::ChannelsNotSeen(channels.into_iter().map(|channel| self.channel_title(channel)).collect());
        }
        let named = if every { vec!["Windows".to_owned()] } else { seen_of_these };
        Unreachable::EventsNotSeen(named, ids.into_iter().collect())
    }

    fn channel_title(&self, folded: &str) -> String {
        if folded == "*" { "any Windows channel".to_owned() } else { folded.to_owned() }
    }
}
