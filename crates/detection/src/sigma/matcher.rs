//! Records against rules. One matcher a thread over one shared set.
//!
//! The cost of a record is kept down in this order: a record whose channel and event id no rule is about is left before
//! its fields are decoded; the literals of all rules are found in a field in one pass; only rules whose literals stand
//! there are tried at all; a predicate that several rules share is answered once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use strandline_model::evidence::EventRef;
use strandline_model::personal::Personal;
use strandline_model::record::{FieldList, FieldValue, LogRecord};
use strandline_model::time::Instant;

use super::compile::{ANY_FIELD, Node};
use super::correlation::{HitLog, Origin};
use super::predicate::{Anchor, Candidate, Test};
use super::ruleset::{Rule, RuleNumber, RuleSet};
use super::text::{fold, fold_into};

/// Kinds of record (channel and event id) that are remembered one by one. A hostile log may invent any number.
const KINDS: usize = 20_000;
/// Field names that a matcher remembers, over all kinds.
const NAMES: usize = 200_000;
/// Bytes of a name or channel that is remembered.
const NAME_BYTES: usize = 256;
/// No link.
const END: u32 = u32::MAX;

/// A rule's match on one record.
#[derive(Debug)]
pub struct Match<'m> {
    /// The rule's number.
    pub number: RuleNumber,
    /// The rule.
    pub rule: &'m Rule,
    /// The record's place in the evidence.
    pub place: EventRef,
    /// The record's time.
    pub time: Option<Instant>,
    /// The fields that made the rule match, by name, as the rule names them.
    pub fields: Vec<MatchedField<'m>>,
}

/// A field that made a rule match.
#[derive(Debug)]
pub struct MatchedField<'m> {
    /// Its name.
    pub name: &'m str,
    /// Its values. They may be about a person.
    pub values: Vec<Personal<Cow<'m, str>>>,
}

/// What a matcher has seen, by channel and event id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    kinds: BTreeMap<(String, Option<u32>), SeenKind>,
    /// Records of kinds beyond those that are counted one by one.
    pub uncounted: u64,
    /// Records that name no channel.
    pub without_channel: u64,
}

/// Records of one channel and event id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeenKind {
    /// How many.
    pub records: u64,
    /// How many rules may be tried on one.
    pub rules: usize,
}

impl Seen {
    /// Every channel and event id.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, Option<u32>)> {
        self.kinds.keys().map(|(channel, id)| (channel.as_str(), *id))
    }

    /// Every channel and event id with its figures.
    pub fn figures(&self) -> impl Iterator<Item = (&str, Option<u32>, SeenKind)> {
        self.kinds.iter().map(|((channel, id), kind)| (channel.as_str(), *id, *kind))
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// All records.
    pub fn records(&self) -> u64 {
        self.kinds.values().map(|kind| kind.records).sum::<u64>() + self.uncounted + self.without_channel
    }

    /// Records that no rule looked at.
    pub fn unlooked(&self) -> u64 {
        self.kinds.values().filter(|kind| kind.rules == 0).map(|kind| kind.records).sum::<u64>() + self.without_channel
    }

    /// Adds what another matcher saw. Kinds beyond those that are counted one by one count as one.
    pub fn add(&mut self, other: &Self) {
        for (kind, figures) in &other.kinds {
            let is_full = self.kinds.len() >= KINDS;
            match self.kinds.get_mut(kind) {
                Some(mine) => mine.records += figures.records,
                None if !is_full => drop(self.kinds.insert(kind.clone(), *figures)),
                None => self.uncounted += figures.records,
            }
        }
        self.uncounted += other.uncounted;
        self.without_channel += other.without_channel;
    }
}

/// What may be tried on records of one channel and event id.
#[derive(Debug, Default)]
struct Group {
    /// A bit for each rule.
    members: Vec<u64>,
    rule_count: usize,
    /// Rules that no literal sets off.
    always: Vec<u32>,
    /// Fields whose literals set rules off.
    witness_fields: Vec<u32>,
    /// Spaces of names, with the log source entry that says how they are read.
    spaces: BTreeSet<(u16, usize)>,
}

impl Group {
    fn is_member(&self, rule: u32) -> bool {
        self.members[rule as usize / 64] >> (rule % 64) & 1 == 1
    }
}

/// A kind of record.
#[derive(Debug)]
struct Kind {
    records: u64,
    group: Rc<Group>,
    /// Field numbers by the name in the log.
    names: HashMap<String, Rc<[u32]>>,
    /// The names of the last record in their order: the next one mostly has the same.
    layout: Vec<(String, Rc<[u32]>)>,
}

/// Matches records against a set of rules.
#[derive(Debug)]
pub struct Matcher<'r> {
    set: &'r RuleSet,
    /// By channel as written: kinds by event id.
    kinds: HashMap<String, HashMap<Option<u32>, Kind>>,
    kind_count: usize,
    /// Names that may still be remembered.
    names_left: usize,
    uncounted: u64,
    without_channel: u64,
    event: Answers,
    hits: HitLog,
}

impl<'r> Matcher<'r> {
    /// A matcher over a set.
    pub fn new(set: &'r RuleSet) -> Self {
        let event = Answers {
            generation: 0,
            answers: vec![0; set.interner.predicates.len()],
            scanned: vec![0; set.interner.fields.len()],
            heads: vec![(0, END); set.interner.fields.len()],
            tried: vec![0; set.programs.len()],
            links: Vec::new(),
            texts: Vec::new(),
            arena: String::new(),
            set_off: Vec::new(),
        };
        Self { set, kinds: HashMap::new(), kind_count: 0, names_left: NAMES, uncounted: 0, without_channel: 0, event, hits: HitLog::default() }
    }

    /// Whether any rule may be tried on records of this channel and event id. A reader that skips the others must still
    /// say so with [`Matcher::pass`], so that they are counted.
    pub fn wants(&mut self, channel: Option<&str>, event_id: Option<u32>) -> bool {
        channel.is_some_and(|channel| match self.kind(channel, event_id) {
            Some(kind) => kind.group.rule_count > 0,
            None => self.set.dispatched(&fold(channel), event_id).next().is_some(),
        })
    }

    /// Counts a record that was skipped because no rule wants it.
    pub fn pass(&mut self, channel: Option<&str>, event_id: Option<u32>) {
        match channel {
            None => self.without_channel += 1,
            Some(channel) => match self.kind(channel, event_id) {
                Some(kind) => kind.records += 1,
                None => self.uncounted += 1,
            },
        }
    }

    /// Looks at a record, and reports each rule that matches, in the order of their numbers.
    pub fn look(&mut self, record: &dyn LogRecord, found: &mut dyn FnMut(Match<'_>)) {
        let (channel, event_id) = (record.channel(), record.event_id());
        self.pass(channel, event_id);
        let Some(channel) = channel else { return };
        let set = self.set;
        let mut strange;
        let kind = match self.kinds.get_mut(channel).and_then(|ids| ids.get_mut(&event_id)) {
            Some(kind) => kind,
            None => {
                strange = new_kind(set, channel, event_id);
                &mut strange
            }
        };
        if kind.group.rule_count == 0 {
            return;
        }
        let mut list = FieldList::new();
        record.fields(&mut list);
        self.event.begin(list.len());
        bind(set, kind, &list, &mut self.names_left, &mut self.event);
        let group = Rc::clone(&kind.group);
        let mut event = View { set, list: &list, answers: &mut self.event };
        for number in event.candidates(&group) {
            if event.holds(&set.programs[number as usize]) {
                for leg in set.correlations.legs_of(number) {
                    let (keys, values) = set.correlations.origins(*leg);
                    self.hits.add(*leg, record.time(), &record.place(), event.values_of(keys), event.values_of(values));
                }
                let rule = &set.rules[number as usize];
                if !rule.is_quiet {
                    let fields = event.matched_fields(&set.programs[number as usize]);
                    found(Match { number: RuleNumber(number), rule, place: record.place(), time: record.time(), fields });
                }
            }
        }
    }

    /// What was seen, and the matches that correlations need.
    pub fn finish(mut self) -> (Seen, HitLog) {
        self.take()
    }

    /// What was seen since it was last asked, and the matches that correlations need. Who cuts the evidence into pieces of
    /// at most 10,000 records, asks after each piece and joins the answers in the order of the pieces gets the same
    /// figures whichever matcher looked at which piece.
    pub fn take(&mut self) -> (Seen, HitLog) {
        let mut seen =
            Seen { kinds: BTreeMap::new(), uncounted: std::mem::take(&mut self.uncounted), without_channel: std::mem::take(&mut self.without_channel) };
        for (channel, ids) in &mut self.kinds {
            for (id, kind) in ids.iter_mut().filter(|(_, kind)| kind.records > 0) {
                seen.kinds.insert((channel.clone(), *id), SeenKind { records: std::mem::take(&mut kind.records), rules: kind.group.rule_count });
            }
        }
        // What was learnt from earlier pieces only saves time; it must not fill up and make later ones count differently.
        if self.kind_count > KINDS / 2 || self.names_left < NAMES / 2 {
            self.kinds.clear();
            self.kind_count = 0;
            self.names_left = NAMES;
        }
        (seen, std::mem::take(&mut self.hits))
    }

    /// The kind of a record; none if there are too many to remember.
    fn kind(&mut self, channel: &str, event_id: Option<u32>) -> Option<&mut Kind> {
        let known = self.kinds.get(channel).is_some_and(|ids| ids.contains_key(&event_id));
        if !known {
            if self.kind_count >= KINDS || channel.len() > NAME_BYTES {
                return None;
            }
            self.kind_count += 1;
            let kind = new_kind(self.set, channel, event_id);
            self.kinds.entry(channel.to_owned()).or_default().insert(event_id, kind);
        }
        self.kinds.get_mut(channel)?.get_mut(&event_id)
    }
}

fn new_kind(set: &RuleSet, channel: &str, event_id: Option<u32>) -> Kind {
    let mut rules = BTreeSet::new();
    let mut group = Group::default();
    for dispatch in set.dispatched(&fold(channel), event_id) {
        if rules.insert(dispatch.rule) {
            let fields = &set.witness_fields[dispatch.rule as usize];
            if fields.is_empty() {
                group.always.push(dispatch.rule);
            }
            group.witness_fields.extend(fields);
        }
        group.spaces.insert((dispatch.space, dispatch.source));
    }
    group.witness_fields.sort_unstable();
    group.witness_fields.dedup();
    group.rule_count = rules.len();
    if !rules.is_empty() {
        group.members = vec![0; set.programs.len().div_ceil(64)];
        rules.iter().for_each(|rule| group.members[*rule as usize / 64] |= 1 << (rule % 64));
    }
    Kind { records: 0, group: Rc::new(group), names: HashMap::new(), layout: Vec::new() }
}

/// Puts the record's values under the numbers of the fields that rules know.
fn bind(set: &RuleSet, kind: &mut Kind, list: &FieldList<'_>, names_left: &mut usize, answers: &mut Answers) {
    for (at, (name, _)) in list.iter().enumerate() {
        let same = kind.layout.get(at).is_some_and(|(known, _)| known == name);
        if !same {
            let numbers = numbers_of(set, kind, name, names_left);
            let is_kept = name.len() <= NAME_BYTES;
            let length = kind.layout.len();
            match kind.layout.get_mut(at) {
                Some(place) if is_kept => *place = (name.to_string(), numbers),
                None if is_kept && at == length && *names_left > 0 => {
                    *names_left -= 1;
                    kind.layout.push((name.to_string(), numbers));
                }
                _ => {
                    numbers.iter().for_each(|field| answers.link(*field, at as u32));
                    continue;
                }
            }
        }
        for field in kind.layout[at].1.iter() {
            answers.link(*field, at as u32);
        }
    }
}

/// The numbers of a field of the log, in every space of names that this kind of record is read in.
fn numbers_of(set: &RuleSet, kind: &mut Kind, name: &str, names_left: &mut usize) -> Rc<[u32]> {
    if let Some(numbers) = kind.names.get(name) {
        return Rc::clone(numbers);
    }
    let folded = fold(name);
    let number = |space: u16, name: &str| set.interner.field_numbers.get(&(space, name.to_owned())).copied();
    let mut numbers = BTreeSet::new();
    for (space, source) in &kind.group.spaces {
        numbers.extend(set.sources.entry(*source).rule_names(&folded).filter_map(|rule_name| number(*space, rule_name)));
    }
    let numbers: Rc<[u32]> = numbers.into_iter().collect();
    if *names_left > 0 && name.len() <= NAME_BYTES {
        *names_left -= 1;
        kind.names.insert(name.to_owned(), Rc::clone(&numbers));
    }
    numbers
}

/// A value in a chain of values of one field.
#[derive(Debug)]
struct Link {
    value: u32,
    next: u32,
}

/// Texts of a value in the arena, once they are needed: as written where the log does not hold it as text, and folded.
#[derive(Clone, Copy, Debug, Default)]
struct Texts {
    is_ready: bool,
    plain: (u32, u32),
    folded: (u32, u32),
}

/// Answers about one record. Everything is marked with the record's generation, so that nothing need be cleared.
#[derive(Debug)]
struct Answers {
    generation: u32,
    /// By predicate: generation times four, and the answer.
    answers: Vec<u32>,
    /// By field: the generation in which its literals were looked for.
    scanned: Vec<u32>,
    /// By field: generation, and the first link of its values.
    heads: Vec<(u32, u32)>,
    /// By rule: the generation in which it became a candidate.
    tried: Vec<u32>,
    links: Vec<Link>,
    /// By value.
    texts: Vec<Texts>,
    arena: String,
    /// Predicates that a literal hit.
    set_off: Vec<u32>,
}

const NO: u32 = 1;
const YES: u32 = 2;
/// The literal stands there; the question must still be asked.
const OPEN: u32 = 3;

impl Answers {
    fn begin(&mut self, values: usize) {
        self.generation += 1;
        if self.generation >= 1 << 29 {
            self.generation = 1;
            self.answers.fill(0);
            self.scanned.fill(0);
            self.heads.fill((0, END));
            self.tried.fill(0);
        }
        self.links.clear();
        self.texts.clear();
        self.texts.resize(values, Texts::default());
        self.arena.clear();
        self.set_off.clear();
    }

    fn link(&mut self, field: u32, value: u32) {
        let head = &mut self.heads[field as usize];
        let next = if head.0 == self.generation { head.1 } else { END };
        *head = (self.generation, self.links.len() as u32);
        self.links.push(Link { value, next });
    }

    fn first(&self, field: u32) -> u32 {
        let (generation, link) = self.heads[field as usize];
        if generation == self.generation { link } else { END }
    }

    fn answer(&self, predicate: u32) -> Option<u32> {
        let marked = self.answers[predicate as usize];
        (marked >> 2 == self.generation).then_some(marked & 3)
    }

    fn mark(&mut self, predicate: u32, answer: u32) {
        self.answers[predicate as usize] = self.generation << 2 | answer;
    }
}

/// One record under the rules.
struct View<'v, 'r, 'f> {
    set: &'r RuleSet,
    list: &'v FieldList<'f>,
    answers: &'v mut Answers,
}

impl<'v, 'r> View<'v, 'r, '_> {
    /// Rules worth trying: those that a literal set off, and those that need none.
    fn candidates(&mut self, group: &Group) -> Vec<u32> {
        for field in &group.witness_fields {
            self.scan(*field);
        }
        let mut candidates = group.always.clone();
        let generation = self.answers.generation;
        for at in 0..self.answers.set_off.len() {
            for rule in &self.set.sets_off[self.answers.set_off[at] as usize] {
                let tried = &mut self.answers.tried[*rule as usize];
                if *tried != generation && group.is_member(*rule) {
                    *tried = generation;
                    candidates.push(*rule);
                }
            }
        }
        candidates.sort_unstable();
        candidates
    }

    /// Looks for all literals of a field.
    fn scan(&mut self, field: u32) {
        let generation = self.answers.generation;
        if std::mem::replace(&mut self.answers.scanned[field as usize], generation) == generation {
            return;
        }
        let literals = &self.set.literals[field as usize];
        if literals.texts.is_empty() {
            return;
        }
        if field == ANY_FIELD {
            for value in 0..self.list.len() as u32 {
                self.scan_value(field, value);
            }
            return;
        }
        let mut link = self.answers.first(field);
        while link != END {
            let Link { value, next } = self.answers.links[link as usize];
            self.scan_value(field, value);
            link = next;
        }
    }

    fn scan_value(&mut self, field: u32, value: u32) {
        self.ready(value);
        let literals = &self.set.literals[field as usize];
        let Some(automaton) = literals.automaton() else { return };
        let Texts { folded: (from, to), .. } = self.answers.texts[value as usize];
        let length = (to - from) as usize;
        // Taken out for the time of the search, so that answers can be marked meanwhile.
        let arena = std::mem::take(&mut self.answers.arena);
        for hit in automaton.find_overlapping_iter(&arena[from as usize..to as usize]) {
            for (predicate, anchor) in &literals.hits[hit.pattern().as_usize()] {
                let answer = match anchor {
                    Anchor::Gate => OPEN,
                    Anchor::Anywhere => YES,
                    Anchor::Start if hit.start() == 0 => YES,
                    Anchor::End if hit.end() == length => YES,
                    Anchor::Whole if hit.start() == 0 && hit.end() == length => YES,
                    _ => continue,
                };
                if self.answers.answer(*predicate).is_none() {
                    self.answers.mark(*predicate, answer);
                    self.answers.set_off.push(*predicate);
                }
            }
        }
        self.answers.arena = arena;
    }

    /// Writes a value's texts into the arena.
    fn ready(&mut self, value: u32) {
        let texts = &mut self.answers.texts[value as usize];
        if texts.is_ready {
            return;
        }
        use std::fmt::Write;
        let arena = &mut self.answers.arena;
        let start = arena.len() as u32;
        let written = match &self.list[value as usize].1 {
            FieldValue::Text(text) => {
                fold_into(text, arena);
                Ok(())
            }
            FieldValue::Whole(number) => write!(arena, "{number}"),
            FieldValue::Number(number) => write!(arena, "{number}"),
            FieldValue::Bool(value) => write!(arena, "{value}"),
            FieldValue::Null => Ok(()),
        };
        written.expect("writing to a string does not fail");
        let end = arena.len() as u32;
        // What is not text has no case but for the `E` of a number, which is never written.
        *texts = Texts { is_ready: true, plain: (start, end), folded: (start, end) };
    }

    fn holds(&mut self, node: &Node) -> bool {
        match node {
            Node::Predicate(number) => self.answer(*number),
            Node::All(nodes) => nodes.iter().all(|one| self.holds(one)),
            Node::Any(nodes) => nodes.iter().any(|one| self.holds(one)),
            Node::AtLeast(count, nodes) => {
                nodes.iter().filter(|one| self.holds(one)).take(usize::try_from(*count).unwrap_or(usize::MAX)).count() as u64 == *count
            }
            Node::Not(one) => !self.holds(one),
        }
    }

    fn answer(&mut self, number: u32) -> bool {
        if let Some(answer) = self.answers.answer(number)
            && answer != OPEN
        {
            return answer == YES;
        }
        let predicate = &self.set.interner.predicates[number as usize];
        if self.set.has_literal[number as usize] {
            self.scan(predicate.field);
            match self.answers.answer(number) {
                Some(YES) => return true,
                Some(OPEN) => {}
                _ => {
                    self.answers.mark(number, NO);
                    return false;
                }
            }
        }
        let answer = self.ask(number);
        self.answers.mark(number, if answer { YES } else { NO });
        answer
    }

    fn ask(&mut self, number: u32) -> bool {
        let set = self.set;
        let predicate = &set.interner.predicates[number as usize];
        if predicate.field == ANY_FIELD {
            return (0..self.list.len() as u32).any(|value| self.fits(number, value));
        }
        let mut link = self.answers.first(predicate.field);
        match &predicate.test {
            Test::Exists => return link != END,
            Test::Null => {
                let mut is_null = link == END;
                while link != END {
                    let Link { value, next } = self.answers.links[link as usize];
                    is_null |= self.list[value as usize].1 == FieldValue::Null;
                    link = next;
                }
                return is_null;
            }
            _ => {}
        }
        while link != END {
            let Link { value, next } = self.answers.links[link as usize];
            let fits = match predicate.test {
                Test::Field(other, open_start, open_end) => self.refers(value, other, open_start, open_end),
                _ => self.fits(number, value),
            };
            if fits {
                return true;
            }
            link = next;
        }
        false
    }

    fn fits(&mut self, predicate: u32, value: u32) -> bool {
        self.ready(value);
        let texts = self.answers.texts[value as usize];
        let arena = &self.answers.arena;
        let part = |(from, to): (u32, u32)| &arena[from as usize..to as usize];
        let of_log = &self.list[value as usize].1;
        let text = if let FieldValue::Text(text) = of_log { text.as_ref() } else { part(texts.plain) };
        self.set.interner.predicates[predicate as usize].fits(&Candidate { value: of_log, text, folded: part(texts.folded) })
    }

    /// Whether a value is, begins, ends or holds a value of another field, without regard to case.
    fn refers(&mut self, value: u32, other: u32, open_start: bool, open_end: bool) -> bool {
        if self.list[value as usize].1 == FieldValue::Null {
            return false;
        }
        self.ready(value);
        let mut link = self.answers.first(other);
        while link != END {
            let Link { value: second, next } = self.answers.links[link as usize];
            self.ready(second);
            let part = |value: u32| {
                let (from, to) = self.answers.texts[value as usize].folded;
                &self.answers.arena[from as usize..to as usize]
            };
            let (mine, theirs) = (part(value), part(second));
            let fits = match (open_start, open_end) {
                _ if self.list[second as usize].1 == FieldValue::Null => false,
                (false, false) => mine == theirs,
                (false, true) => mine.starts_with(theirs),
                (true, false) => mine.ends_with(theirs),
                (true, true) => mine.contains(theirs),
            };
            if fits {
                return true;
            }
            link = next;
        }
        false
    }

    /// The first value of each field; nothing if one is missing.
    fn values_of(&mut self, origins: &[Origin]) -> Option<Vec<String>> {
        origins.iter().map(|origin| if let Origin::Field(field) = origin { self.first_text(*field) } else { None }).collect()
    }

    fn first_text(&mut self, field: u32) -> Option<String> {
        let mut link = self.answers.first(field);
        let mut first = None;
        // Links run from the last value to the first.
        while link != END {
            first = Some(self.answers.links[link as usize].value);
            link = self.answers.links[link as usize].next;
        }
        self.text(first?).map(Cow::into_owned)
    }

    fn text(&self, value: u32) -> Option<Cow<'v, str>> {
        let list: &'v FieldList<'_> = self.list;
        match &list[value as usize].1 {
            FieldValue::Text(text) => Some(Cow::Borrowed(text.as_ref())),
            FieldValue::Whole(number) => Some(Cow::Owned(number.to_string())),
            FieldValue::Number(number) => Some(Cow::Owned(number.to_string())),
            FieldValue::Bool(value) => Some(Cow::Owned(value.to_string())),
            FieldValue::Null => None,
        }
    }

    /// The fields of predicates that hold and stand under no `not`. For keywords: the fields in which one stands.
    fn matched_fields(&mut self, program: &Node) -> Vec<MatchedField<'v>>
    where
        'r: 'v,
    {
        let mut predicates = BTreeSet::new();
        self.gather(program, &mut predicates);
        let mut values: BTreeMap<&'v str, BTreeSet<u32>> = BTreeMap::new();
        for number in predicates {
            let predicate = &self.set.interner.predicates[number as usize];
            if predicate.field == ANY_FIELD {
                for value in 0..self.list.len() as u32 {
                    if self.fits(number, value) {
                        values.entry(self.list[value as usize].0.as_ref()).or_default().insert(value);
                    }
                }
                continue;
            }
            let of_field = values.entry(self.set.interner.fields[predicate.field as usize].name.as_str()).or_default();
            let mut link = self.answers.first(predicate.field);
            while link != END {
                of_field.insert(self.answers.links[link as usize].value);
                link = self.answers.links[link as usize].next;
            }
        }
        let field =
            |(name, values): (&'v str, BTreeSet<u32>)| MatchedField { name, values: values.iter().filter_map(|v| self.text(*v)).map(Personal::new).collect() };
        values.into_iter().map(field).collect()
    }

    fn gather(&mut self, node: &Node, into: &mut BTreeSet<u32>) {
        match node {
            Node::Predicate(number) => {
                if self.answer(*number) {
                    into.insert(*number);
                }
            }
            Node::All(nodes) | Node::Any(nodes) | Node::AtLeast(_, nodes) => {
                for one in nodes {
                    if self.holds(one) {
                        self.gather(one, into);
                    }
                }
            }
            Node::Not(_) => {}
        }
    }
}
