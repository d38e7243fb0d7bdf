//! Which statements a request caused. What requests of one template cause is learned from all traffic: shapes that follow
//! within the request, and bind values or literals that come from its URL. The actor's requests are matched by that.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use strandline_model::access::Completion;
use strandline_model::event::MASK;
use strandline_model::node::How;
use strandline_model::trail::Strength;

use crate::clock::{Clocks, telling};
use crate::conserve::{During, Ground, conserve, during};
use crate::doubt::{Rival, contested};
use crate::habits::Windows;
use crate::jobs::Job;
use crate::lanes::Brief;
use crate::own_roles::OwnRoles;
use crate::requests::{Request, SAME_REQUEST_MICROS};
use crate::statements::{Execution, Statements, shape_key};
use crate::survey::{Sample, Survey, TemplateKey};
use crate::url::Target;
use crate::wider::{Differ, Wider};

/// Values of one statement that are compared.
const MOST_SLOTS: usize = 16;
/// Share of the samples that show a shape, in which a value must come from the URL.
const VALUE_SHARE: f64 = 0.6;
/// Share of all samples that must show a shape with no value from the URL, and the share of other templates' samples that may.
const PRESENCE_SHARE: f64 = 0.7;
/// Samples of a thousand that may be without a shape, for it to be taken as run by a request that no statement is known of …
const USUALLY_WITHOUT: i64 = 300;
/// … and by one of which other statements are known.
const ALWAYS_WITHOUT: i64 = 100;
/// Requests of a kind that must have been looked at, for it to be known what it does not run …
const FEWEST_KNOWN: usize = 20;
/// … and one of how many of them may have run beside such a statement by chance.
const BY_CHANCE: usize = 10;
/// Numbers of a request of which the products of two are compared.
const MOST_FACTORS: usize = 4;
/// Samples that are compared with one another.
const SAMPLES_COMPARED: usize = 64;
/// Samples of a wider kind that must show a shape.
const FEWEST_OF_A_WIDER_KIND: usize = 3;
/// Statements that must be known from elsewhere before an unknown shape is called unusual.
const FEWEST_ELSEWHERE: u64 = 50;

/// Where a value of a statement comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    /// The field's value between two fixed texts.
    Field {
        field: String,
        before: String,
        after: String,
    },
    /// `(value − origin) × scale`.
    Linear {
        field: String,
        origin: i64,
        scale: i64,
    },
    /// `(value − origin) × other value`: where a page begins, of a number of rows that the request names too.
    Product {
        field: String,
        origin: i64,
        by: String,
    },
    /// Always the same.
    Constant(Option<String>),
    Free,
}

/// A shape that requests of one template cause.
#[derive(Clone, Debug)]
struct Learned {
    shape: u64,
    /// An execution that fits.
    exemplar: usize,
    slots: Vec<Slot>,
    lag: i64,
    /// Samples without such a statement, of a thousand: the kind of request that always causes it has the best claim.
    without: i64,
    by_value: bool,
    free: bool,
    /// Whether one request runs several of them: a row at a time, in a loop.
    many: bool,
}

/// Fixed texts around a URL value that the application writes into its SQL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Carrier {
    field: String,
    before: String,
    after: String,
    shape: u64,
}

#[derive(Debug, Default)]
struct Template {
    learned: Vec<Learned>,
    carriers: Vec<Carrier>,
    /// Requests that were looked at.
    samples: usize,
    /// During how many of them a statement of a shape ran, its own or somebody else's.
    seen: BTreeMap<u64, usize>,
}

/// A statement and the request that caused it.
#[derive(Clone, Debug)]
pub(crate) struct Match {
    pub execution: usize,
    pub request: usize,
    pub how: How,
    pub strength: Strength,
    /// Whether an identifier, or a value that nobody else's request had, says that it was this execution and no other like it.
    pub is_certain: bool,
    /// Whether no other request could have caused it, for all that is known of their kinds.
    pub is_sole: bool,
    /// The field whose value became SQL.
    pub field: Option<String>,
}

/// A statement that an answered request must have run, though no log tells of it: from a cache, or in a gap.
#[derive(Clone, Debug)]
pub(crate) struct Derived {
    pub request: usize,
    /// Its number among those of the request.
    pub rank: usize,
    /// An execution of the same shape.
    pub exemplar: usize,
    pub statement: String,
    pub parameters: Vec<Option<String>>,
    /// Whether every value of it follows from the request.
    pub known: bool,
}

/// Statements to requests.
#[derive(Debug, Default)]
pub(crate) struct Matched {
    /// One for each statement that anybody caused, or may have, in their order.
    pub matches: Vec<Match>,
    /// Statements that requests must have run.
    pub derived: Vec<Derived>,
    pub during: During,
}

/// Whether a statement's connection may serve a request of a system, made as an account where that is known.
pub(crate) type Serves<'s> = dyn Fn(&Execution, &str, Option<&str>) -> bool + 's;

/// Whom connections serve.
pub(crate) struct Serving<'s> {
    /// Whether a connection serves a system's application.
    pub serves: &'s dyn Fn(&Execution, &str) -> bool,
    /// Whether the requests of everybody whom it serves are among those that are compared.
    pub compared: &'s dyn Fn(&Execution) -> bool,
    /// Connections that may serve one request each.
    pub brief: &'s Brief<'s>,
}

/// Matches statements to requests; those of others' requests too, so that they are not taken for the actor's.
pub(crate) fn match_requests(
    survey: &Survey,
    clocks: &Clocks,
    requests: &[Request],
    statements: &Statements,
    serving: &Serving<'_>,
    jobs: &BTreeSet<Job>,
) -> Matched {
    let Serving { serves, compared, brief } = *serving;
    let anybodys = |e: &Execution, system: &str, _: Option<&str>| serves(e, system);
    let mut templates = learn(survey, clocks, requests, statements, &anybodys);
    let mut claims = claims_on(&templates, requests, statements, &anybodys);
    let mut settled = settle(&claims, requests);
    let own_roles = OwnRoles::of(survey, requests, statements, &settled.matches);
    let serves = |e: &Execution, system: &str, account: Option<&str>| serves(e, system) && own_roles.may_serve(&e.connection, system, account);
    let serves: &Serves<'_> = &serves;
    if !own_roles.is_empty() {
        templates = learn(survey, clocks, requests, statements, serves);
        claims = claims_on(&templates, requests, statements, serves);
        settled = settle(&claims, requests);
    }
    let ids_tell: BTreeSet<&str> = claims.iter().filter(|claim| claim.how == How::Id).map(|claim| requests[claim.request].system.as_ref()).collect();
    let Settled { mut taken, mut matches, rivals, mut open } = settled;
    let has_foreign_id = |e: &Execution, system: &str| e.request_id.is_some() && ids_tell.contains(system);
    remaining(requests, statements, serves, &has_foreign_id, &mut taken, &mut matches);
    let windows = Windows::of(survey, clocks, requests);
    let ground = Ground { requests, statements, serves, compared, has_foreign_id: &has_foreign_id, brief, windows: &windows, jobs };
    let during = during(&ground);
    let may_run = |request: &Request, e: &Execution| may_run(&templates, request, shape_key(&e.lifted));
    open.extend(contested(&ground, &during, &rivals, &may_run, &matches));
    conserve(&ground, &during, &open, &mut matches);
    matches.sort_by_key(|m| m.execution);
    let derived = derive(&templates, requests, statements, &matches);
    Matched { matches, derived, during }
}

/// Every request's claims on the statements that ran while it did, the best first.
fn claims_on(templates: &BTreeMap<TemplateKey, Template>, requests: &[Request], statements: &Statements, serves: &Serves<'_>) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    let mut by_id: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, e) in statements.all.iter().enumerate() {
        if let Some(id) = e.request_id.as_deref() {
            by_id.entry(id).or_default().push(at);
        }
    }
    for (r, request) in requests.iter().enumerate() {
        let with_id = request.request_id.as_deref().and_then(|id| by_id.get(id)).into_iter().flatten();
        for e in with_id.filter(|e| (statements.all[**e].time - request.to).abs() <= SAME_REQUEST_MICROS) {
            // Several requests may be of one trace: the one that was running first.
            let at = statements.all[*e].time;
            let distance = (request.from - at).max(at - request.to).max(0);
            claims.push(Claim { how: How::Id, without: 0, distance, request: r, execution: *e, rule: 0, ..Claim::default() });
        }
    }
    let ids_tell: BTreeSet<Arc<str>> = claims.iter().map(|claim| requests[claim.request].system.clone()).collect();
    for (r, request) in requests.iter().enumerate() {
        let Some(template) = request.template().and_then(|key| templates.get(&key)) else {
            continue;
        };
        let by_id_alone = |e: &Execution| e.request_id.is_some() && request.request_id.is_some() && ids_tell.contains(&request.system);
        for e in running(statements, request.from, request.to) {
            let execution = &statements.all[e];
            if serves(execution, &request.system, request.account.as_deref()) && !by_id_alone(execution) {
                claims_of(template, request, r, e, execution, &mut claims);
            }
        }
    }
    claims.sort_by_key(Claim::order);
    claims
}

/// What came of the claims.
struct Settled {
    taken: BTreeSet<usize>,
    matches: Vec<Match>,
    /// The actor's best claim on each statement that others got.
    rivals: BTreeMap<usize, Rival>,
    /// Statements that the actor and others explain as well as each other, with the actor's request.
    open: BTreeMap<usize, usize>,
}

/// Statements whose id requests of different hands carry, the actor's among them, with the actor's request: a client may choose the id
/// of a trace, or be given another's. It proves nobody's.
fn whose_ids(claims: &[Claim], requests: &[Request]) -> BTreeMap<usize, usize> {
    let differ = |a: &Option<Arc<str>>, b: &Option<Arc<str>>| a.is_some() && b.is_some() && a != b;
    let mut of_id: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for claim in claims.iter().filter(|claim| claim.how == How::Id) {
        of_id.entry(claim.execution).or_default().push(claim.request);
    }
    let mut found = BTreeMap::new();
    for (execution, list) in of_id {
        let first = &requests[list[0]];
        let is_shared = list.iter().any(|r| differ(&requests[*r].address, &first.address) || differ(&requests[*r].session, &first.session));
        if let Some(own) = list.iter().find(|r| requests[**r].mine.is_some()).filter(|_| is_shared) {
            found.insert(execution, *own);
        }
    }
    found
}

/// Gives each statement to the best claim on it.
fn settle(claims: &[Claim], requests: &[Request]) -> Settled {
    let is_mine = |claim: &Claim| requests[claim.request].mine.is_some();
    let mut own: BTreeMap<usize, (How, usize)> = BTreeMap::new();
    let mut of_others: BTreeMap<usize, How> = BTreeMap::new();
    let mut claimants: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for claim in claims {
        claimants.entry(claim.execution).or_default().insert(claim.request);
        if is_mine(claim) {
            own.entry(claim.execution).or_insert((claim.how, claim.request));
        } else {
            of_others.entry(claim.execution).or_insert(claim.how);
        }
    }
    let by_id = whose_ids(claims, requests);
    let mut settled = Settled { taken: BTreeSet::new(), matches: Vec::new(), rivals: BTreeMap::new(), open: BTreeMap::new() };
    let mut served = BTreeSet::new();
    for claim in claims {
        if settled.taken.contains(&claim.execution) || (claim.how != How::Id && !claim.many && !served.insert((claim.request, claim.how, claim.rule))) {
            continue;
        }
        settled.taken.insert(claim.execution);
        let strength = claim.strength();
        if let Some(own) = by_id.get(&claim.execution).filter(|_| claim.how == How::Id) {
            settled.open.insert(claim.execution, *own);
            continue;
        }
        let is_rivalled = is_mine(claim) && of_others.get(&claim.execution).is_some_and(|other| *other <= claim.how);
        if is_rivalled && strength < Strength::Proved {
            settled.open.insert(claim.execution, claim.request);
            continue;
        }
        // Habit proves nothing where somebody else had it too.
        let strength = if is_rivalled && claim.how == How::Route { Strength::Inferred } else { strength };
        if !is_mine(claim) && claim.how != How::Id {
            let rival = Rival { telling: claim.telling, free: claim.free, claim: own.get(&claim.execution).copied() };
            settled.rivals.insert(claim.execution, rival);
        }
        let is_only_ones = claim.how == How::Injected || (claim.how == How::Value && claim.telling && claimants[&claim.execution].len() == 1);
        settled.matches.push(Match {
            execution: claim.execution,
            request: claim.request,
            how: claim.how,
            strength,
            is_certain: claim.how == How::Id || is_only_ones,
            is_sole: claimants[&claim.execution].len() == 1,
            field: claim.field.clone(),
        });
    }
    settled
}

/// Whether enough requests of a kind were seen to know what they read.
pub(crate) fn is_known(survey: &Survey, request: &Request) -> bool {
    request.template().and_then(|key| survey.samples.get(&key)).is_some_and(|samples| samples.len() >= FEWEST_KNOWN)
}

/// Whether a request may have run statements of a shape, for all that requests of its kind show.
fn may_run(templates: &BTreeMap<TemplateKey, Template>, request: &Request, shape: u64) -> bool {
    let Some(template) = request.template().and_then(|key| templates.get(&key)).filter(|template| template.samples >= FEWEST_KNOWN) else {
        return true;
    };
    template.seen.get(&shape).is_some_and(|seen| seen * BY_CHANCE >= template.samples)
}

/// Statements that requests of their kind run, for answered requests of the actor that no such statement is matched with.
fn derive(templates: &BTreeMap<TemplateKey, Template>, requests: &[Request], statements: &Statements, matches: &[Match]) -> Vec<Derived> {
    let mut found: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
    let mut odd: BTreeSet<usize> = BTreeSet::new();
    for m in matches.iter().filter(|m| m.strength > Strength::Open) {
        found.entry(m.request).or_default().insert(shape_key(&statements.all[m.execution].lifted));
        if matches!(m.how, How::Injected | How::Unusual) {
            odd.insert(m.request); // it ran something else instead
        }
    }
    let mut derived = Vec::new();
    for (r, request) in requests.iter().enumerate().filter(|(r, _)| !odd.contains(r)) {
        let followed = request.sign_in.is_none() && request.mine.is_some();
        let Some(template) = request.template().filter(|_| followed).and_then(|key| templates.get(&key)) else { continue };
        let shapes = found.get(&r);
        let rarest = if shapes.is_some() { ALWAYS_WITHOUT } else { USUALLY_WITHOUT };
        let usual = |l: &&Learned| l.without <= rarest && (l.by_value || !l.free) && shapes.is_none_or(|s| !s.contains(&l.shape));
        let of_request = template.learned.iter().filter(usual).filter_map(|learned| derived_statement(r, request, learned, statements));
        derived.extend(of_request.enumerate().map(|(rank, one)| Derived { rank, ..one }));
    }
    derived
}

fn derived_statement(r: usize, request: &Request, learned: &Learned, statements: &Statements) -> Option<Derived> {
    let exemplar = &statements.all[learned.exemplar];
    if exemplar.value_count() != learned.slots.len() || !exemplar.is_read() {
        return None;
    }
    let values: Vec<Option<Option<String>>> = learned.slots.iter().map(|slot| slot.value(&request.target)).collect();
    let bound = exemplar.parameters.as_ref().map_or(0, Vec::len);
    let mut statement = exemplar.statement.to_string();
    for (value, (from, to)) in values[bound..].iter().zip(&exemplar.lifted.spans).rev() {
        let plain = statement.as_bytes().get(*from).is_some_and(u8::is_ascii_digit);
        statement.get(*from..*to)?;
        statement.replace_range(*from..*to, &written(value.as_ref(), plain, exemplar.is_mysql()));
    }
    let known = values.iter().all(Option::is_some);
    let parameters = values.into_iter().take(bound).map(Option::flatten).collect();
    Some(Derived { request: r, rank: 0, exemplar: learned.exemplar, statement, parameters, known })
}

/// A value as SQL; a placeholder where it is not known.
fn written(value: Option<&Option<String>>, plain: bool, backslashes: bool) -> String {
    match value {
        None => "?".to_owned(),
        Some(None) => "NULL".to_owned(),
        Some(Some(number)) if plain && number.parse::<f64>().is_ok() => number.clone(),
        Some(Some(text)) if backslashes => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
        Some(Some(text)) => format!("'{}'", text.replace('\'', "''")),
    }
}

/// Executions that may have run within an interval of the common clock, as far as their stamps say.
pub(crate) fn running(statements: &Statements, from: i64, to: i64) -> impl Iterator<Item = usize> + '_ {
    let start = statements.all.partition_point(|e| e.time < from.saturating_sub(statements.coarsest));
    let in_time = (start..statements.all.len()).take_while(move |i| statements.all[*i].time <= to);
    in_time.filter(move |i| statements.all[*i].time.saturating_add(statements.all[*i].precision - 1) >= from)
}

/// One request's claim on one statement.
#[derive(Clone, Debug)]
struct Claim {
    how: How,
    /// How seldom requests of its kind are without such a statement comes first.
    without: i64,
    distance: i64,
    request: usize,
    execution: usize,
    rule: usize,
    /// Whether a value stands in both that few requests share.
    telling: bool,
    /// Whether the statement has values that do not follow from the request.
    free: bool,
    /// Whether one request runs it several times.
    many: bool,
    /// The field whose value became SQL.
    field: Option<String>,
}

impl Default for Claim {
    fn default() -> Self {
        Self { how: How::Id, without: 0, distance: 0, request: 0, execution: 0, rule: 0, telling: true, free: false, many: false, field: None }
    }
}

impl Claim {
    /// Smaller is better: way of knowing, how often the kind of request does it, then distance from the usual delay.
    fn order(&self) -> (How, i64, i64, usize, usize, usize) {
        (self.how, self.without, self.distance, self.request, self.execution, self.rule)
    }

    fn strength(&self) -> Strength {
        if self.free && !self.telling { Strength::Inferred } else { Strength::Proved }
    }
}

fn claims_of(template: &Template, request: &Request, r: usize, e: usize, execution: &Execution, claims: &mut Vec<Claim>) {
    let shape = shape_key(&execution.lifted);
    for (rule, learned) in template.learned.iter().enumerate().filter(|(_, l)| l.shape == shape) {
        if !learned.slots.iter().enumerate().all(|(i, slot)| slot.agrees(execution.value(i), &request.target)) {
            continue;
        }
        claims.push(Claim {
            how: if learned.by_value { How::Value } else { How::Route },
            without: learned.without,
            distance: (request.to - execution.time - learned.lag).abs(),
            request: r,
            execution: e,
            rule,
            telling: learned.slots.iter().enumerate().any(|(i, slot)| slot.tells(&request.target) && execution.value(i) != Some(MASK)),
            free: learned.free || learned.slots.iter().enumerate().any(|(i, slot)| slot.is_masked(&request.target) || execution.value(i) == Some(MASK)),
            many: learned.many,
            field: None,
        });
    }
    for (rule, carrier) in template.carriers.iter().enumerate() {
        let Some(value) = request.target.field(&carrier.field) else {
            continue;
        };
        let inner = execution.statement.strip_prefix(carrier.before.as_str()).and_then(|s| s.strip_suffix(carrier.after.as_str()));
        if inner == Some(value) {
            let injected = shape != carrier.shape || execution.completion == Completion::Failed;
            claims.push(Claim {
                how: if injected { How::Injected } else { How::Value },
                distance: (request.to - execution.time).abs(),
                request: r,
                execution: e,
                rule: 1000 + rule,
                field: injected.then(|| carrier.field.clone()),
                ..Claim::default()
            });
        }
    }
}

/// What no learned rule explains: SQL that stands in the actor's own request; and shapes never sent elsewhere.
fn remaining(
    requests: &[Request],
    statements: &Statements,
    serves: &Serves<'_>,
    has_foreign_id: &dyn Fn(&Execution, &str) -> bool,
    taken: &mut BTreeSet<usize>,
    matches: &mut Vec<Match>,
) {
    let mut rest: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (r, request) in requests.iter().enumerate() {
        let may_be = |e: &Execution| serves(e, &request.system, request.account.as_deref()) && !has_foreign_id(e, &request.system);
        for e in running(statements, request.from, request.to).filter(|e| !taken.contains(e) && may_be(&statements.all[*e])) {
            rest.entry(e).or_default().push(r);
        }
    }
    for (e, running) in rest {
        let execution = &statements.all[e];
        // The actor first: what may be either's is not taken from him.
        let ordered = running.iter().filter(|r| requests[**r].mine.is_some()).chain(running.iter().filter(|r| requests[**r].mine.is_none()));
        let carried = ordered.into_iter().find_map(|r| verbatim(&requests[*r], execution).map(|(field, how)| (*r, field, how)));
        let unusual = || {
            let known = statements.elsewhere.contains_key(&shape_key(&execution.lifted));
            let mine = running.iter().all(|r| requests[*r].mine.is_some());
            (statements.elsewhere_total >= FEWEST_ELSEWHERE && !known && mine)
                .then(|| running.iter().min_by_key(|r| (requests[**r].to - execution.time).abs()).copied())
                .flatten()
        };
        if let Some((request, field, how)) = carried {
            let strength = if how == How::Injected { Strength::Proved } else { Strength::Inferred };
            matches.push(Match {
                execution: e,
                request,
                how,
                strength,
                is_certain: how == How::Injected,
                is_sole: false,
                field: (how == How::Injected).then_some(field),
            });
            taken.insert(e);
        } else if let Some(request) = unusual() {
            matches.push(Match { execution: e, request, how: How::Unusual, strength: Strength::Inferred, is_certain: false, is_sole: false, field: None });
            taken.insert(e);
        }
    }
}

/// A value of the request that stands in the statement: as SQL, if it is not wholly inside one literal, else as a value.
fn verbatim(request: &Request, execution: &Execution) -> Option<(String, How)> {
    for (name, value) in request.target.fields.iter().filter(|(_, v)| v.len() >= 4 && !v.contains(MASK)) {
        let bound = execution.parameters.iter().flatten().any(|p| p.as_deref() == Some(value.as_str()));
        let literal = execution.lifted.literals.iter().any(|l| l.contains(value.as_str()));
        if bound || literal {
            return Some((name.clone(), How::Value));
        }
        let code = value.bytes().any(|b| matches!(b, b'\'' | b'"' | b';' | b'(' | b' '));
        if value.len() >= 6 && code && execution.statement.contains(value.as_str()) {
            return Some((name.clone(), How::Injected));
        }
    }
    None
}

/// Of the row on which a page begins: `(page − origin) × size`.
fn product(target: &Target, field: &str, origin: i64, by: &str) -> Option<i64> {
    let number = |field: &str| target.field(field)?.parse::<i64>().ok();
    number(field)?.checked_sub(origin)?.checked_mul(number(by)?)
}

/// Products of two values of a request that a statement's value may be.
fn products(target: &Target, values: &BTreeSet<Option<&str>>) -> Vec<Slot> {
    let numbers: Vec<&str> = target.fields.iter().filter(|(_, value)| value.parse::<i64>().is_ok()).map(|(name, _)| name.as_str()).take(MOST_FACTORS).collect();
    let pairs = numbers.iter().flat_map(|field| numbers.iter().filter(move |by| *by != field).map(move |by| (*field, *by)));
    let all = pairs.flat_map(|(field, by)| [0, 1].map(|origin| Slot::Product { field: field.to_owned(), origin, by: by.to_owned() }));
    all.filter(|slot| slot.value(target).flatten().is_some_and(|value| values.contains(&Some(value.as_str())))).collect()
}

impl Slot {
    /// Whether it comes from the request.
    fn is_of_field(&self) -> bool {
        matches!(self, Self::Field { .. } | Self::Linear { .. } | Self::Product { .. })
    }

    /// The value that a request gives it: `None` if it does not follow from the request, `Some(None)` if it is NULL.
    fn value(&self, target: &Target) -> Option<Option<String>> {
        match self {
            Self::Free => None,
            Self::Constant(known) => Some(known.clone()),
            Self::Field { field, before, after } => target.field(field).map(|have| Some(format!("{before}{have}{after}"))),
            Self::Linear { field, origin, scale } => {
                let have = target.field(field)?.parse::<i64>().ok()?;
                Some(Some(have.checked_sub(*origin)?.checked_mul(*scale)?.to_string()))
            }
            Self::Product { field, origin, by } => Some(Some(product(target, field, *origin, by)?.to_string())),
        }
    }

    /// Whether the field that it comes from holds a value that few requests share.
    fn tells(&self, target: &Target) -> bool {
        matches!(self, Self::Field { field, .. } | Self::Linear { field, .. } | Self::Product { field, .. } if target.field(field).is_some_and(telling))
    }

    /// Whether the field that it comes from was masked, so that it cannot be compared.
    fn is_masked(&self, target: &Target) -> bool {
        let is_mask = |field: &str| target.field(field) == Some(MASK);
        match self {
            Self::Field { field, .. } | Self::Linear { field, .. } => is_mask(field),
            Self::Product { field, by, .. } => is_mask(field) || is_mask(by),
            Self::Constant(_) | Self::Free => false,
        }
    }

    fn agrees(&self, value: Option<&str>, target: &Target) -> bool {
        match self {
            Self::Free => true,
            Self::Field { .. } | Self::Linear { .. } | Self::Product { .. } if self.is_masked(target) || value == Some(MASK) => true,
            Self::Constant(known) => known.as_deref() == value,
            Self::Field { field, before, after } => match (target.field(field), value) {
                (Some(have), Some(value)) => between(value, before, after).is_some_and(|inner| inner.eq_ignore_ascii_case(have)),
                _ => false,
            },
            Self::Linear { field, origin, scale } => {
                let have = target.field(field).and_then(|v| v.parse::<i64>().ok());
                have.and_then(|v| v.checked_sub(*origin)?.checked_mul(*scale)) == value.and_then(|v| v.parse().ok()) && have.is_some()
            }
            Self::Product { field, origin, by } => {
                let have = product(target, field, *origin, by);
                have.is_some() && have == value.and_then(|v| v.parse().ok())
            }
        }
    }
}

fn between<'v>(value: &'v str, before: &str, after: &str) -> Option<&'v str> {
    value.strip_prefix(before)?.strip_suffix(after)
}

/// A sample's number, a field's value in it, and the numbers that one slot had.
type Numbers = (usize, i64, BTreeSet<i64>);

/// A sample and the executions that ran within it, by shape.
struct Observed<'s> {
    sample: &'s Sample,
    to: i64,
    shapes: BTreeMap<u64, Vec<usize>>,
}

fn learn(survey: &Survey, clocks: &Clocks, requests: &[Request], statements: &Statements, serves: &Serves<'_>) -> BTreeMap<TemplateKey, Template> {
    let wider = Wider::of(survey, requests);
    let wanted = wider.kinds();
    let mut observed: BTreeMap<&TemplateKey, Vec<Observed<'_>>> = BTreeMap::new();
    let mut presence: BTreeMap<(&Arc<str>, u64), usize> = BTreeMap::new();
    let mut totals: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
    for (key, most) in &wanted {
        for sample in survey.samples.get(key).into_iter().flatten().take(*most) {
            let (from, to) = sample.interval(clocks);
            let mut shapes: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
            for e in running(statements, from, to).filter(|e| serves(&statements.all[*e], &key.0, sample.account.as_deref())) {
                shapes.entry(shape_key(&statements.all[e].lifted)).or_default().push(e);
            }
            *totals.entry(&key.0).or_default() += 1;
            for shape in shapes.keys() {
                *presence.entry((&key.0, *shape)).or_default() += 1;
            }
            observed.entry(key).or_default().push(Observed { sample, to, shapes });
        }
    }
    let mut out = BTreeMap::new();
    for key in wider.own() {
        let list = observed.get(key).map_or(&[][..], Vec::as_slice);
        let mut template = Template { samples: list.len(), ..Template::default() };
        for shape in list.iter().flat_map(|o| o.shapes.keys().copied()) {
            *template.seen.entry(shape).or_default() += 1;
        }
        for (shape, here) in template.seen.clone() {
            let others = totals.get(&key.0).copied().unwrap_or(0) - list.len();
            let elsewhere = presence[&(&key.0, shape)] - here;
            let common = others > 0 && elsewhere as f64 > (1.0 - PRESENCE_SHARE) * others as f64;
            template.learned.extend(learn_shape(shape, here, list, common, statements));
        }
        template.carriers = carriers(list, statements);
        for (differ, kinds) in wider.around(key) {
            let list: Vec<&Observed<'_>> = kinds.iter().filter_map(|kind| observed.get(*kind)).flatten().collect();
            template.learned.extend(learn_wider(differ, &list, statements));
        }
        out.insert(key.clone(), template);
    }
    out
}

/// What requests of a wider kind cause, by values alone: habits of one kind are not those of another.
fn learn_wider(differ: Differ, list: &[&Observed<'_>], statements: &Statements) -> Vec<Learned> {
    let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
    for shape in list.iter().flat_map(|o| o.shapes.keys().copied()) {
        *seen.entry(shape).or_default() += 1;
    }
    let frequent = seen.into_iter().filter(|(_, here)| *here >= FEWEST_OF_A_WIDER_KIND);
    frequent
        .filter_map(|(shape, _)| {
            let showing: Vec<&Observed<'_>> = list.iter().copied().filter(|o| o.shapes.contains_key(&shape)).collect();
            let learned = learned(shape, &showing, list.len(), Some(differ), statements)?;
            // Its claim is the last: the request's own kind is not known to cause it.
            learned.by_value.then_some(Learned { without: 1000, ..learned })
        })
        .collect()
}

fn learn_shape(shape: u64, here: usize, list: &[Observed<'_>], common: bool, statements: &Statements) -> Option<Learned> {
    let showing: Vec<&Observed<'_>> = list.iter().filter(|o| o.shapes.contains_key(&shape)).collect();
    let frequent = here >= 3 && here as f64 >= PRESENCE_SHARE * list.len() as f64;
    learned(shape, &showing, list.len(), None, statements).filter(|learned| learned.by_value || (frequent && !common))
}

/// What the samples that show a shape tell of it, of so many samples. `differ` says what a wider kind differs in.
fn learned(shape: u64, showing: &[&Observed<'_>], samples: usize, differ: Option<Differ>, statements: &Statements) -> Option<Learned> {
    let count = showing.iter().flat_map(|o| &o.shapes[&shape]).map(|e| statements.all[*e].value_count()).min().unwrap_or(0);
    let slots: Vec<Slot> = (0..count.min(MOST_SLOTS)).map(|slot| learn_slot(slot, shape, showing, differ, statements)).collect();
    let by_value = slots.iter().any(Slot::is_of_field);
    let mut lags: Vec<i64> = showing.iter().filter_map(|o| o.shapes[&shape].iter().map(|e| o.to - statements.all[*e].time).min()).collect();
    lags.sort_unstable();
    let free = slots.contains(&Slot::Free);
    let fits = |o: &&&Observed<'_>| {
        o.shapes[&shape].iter().any(|e| slots.iter().enumerate().all(|(i, slot)| slot.agrees(statements.all[*e].value(i), &o.sample.target)))
    };
    let without = 1000 - (showing.iter().filter(fits).count() * 1000 / samples.max(1)) as i64;
    let exemplar = *showing.iter().find(fits).or(showing.first())?.shapes[&shape].first()?;
    let several = showing.iter().filter(|o| o.shapes[&shape].len() > 1).count();
    let many = 2 * several > showing.len();
    Some(Learned { shape, exemplar, slots, lag: lags.get(lags.len() / 2).copied().unwrap_or(0), without, by_value, free, many })
}

/// The best account of one value: a field, arithmetic on a field, always the same, or none.
fn learn_slot(slot: usize, shape: u64, showing: &[&Observed<'_>], differ: Option<Differ>, statements: &Statements) -> Slot {
    let mut votes: BTreeMap<Slot, BTreeSet<usize>> = BTreeMap::new();
    let mut numbers: BTreeMap<Cow<'_, str>, Vec<Numbers>> = BTreeMap::new();
    for (i, o) in showing.iter().enumerate() {
        let values: BTreeSet<Option<&str>> = o.shapes[&shape].iter().map(|e| statements.all[*e].value(slot)).collect();
        for value in &values {
            votes.entry(Slot::Constant(value.map(str::to_owned))).or_default().insert(i);
        }
        for product in if differ.is_none() { products(&o.sample.target, &values) } else { Vec::new() } {
            votes.entry(product).or_default().insert(i);
        }
        for (field, have) in fields_of(&o.sample.target, differ) {
            for value in values.iter().flatten().filter(|_| !have.is_empty() && have != MASK) {
                if let Some((before, after)) = around(value, have) {
                    votes.entry(Slot::Field { field: field.to_string(), before, after }).or_default().insert(i);
                }
            }
            if let Ok(have) = have.parse::<i64>() {
                let seen = values.iter().flatten().filter_map(|v| v.parse().ok()).collect();
                numbers.entry(field).or_default().push((i, have, seen));
            }
        }
    }
    for (field, seen) in &numbers {
        if let Some((origin, scale, by)) = line_through(seen) {
            votes.entry(Slot::Linear { field: field.to_string(), origin, scale }).or_default().extend(by);
        }
    }
    let enough = |by: &BTreeSet<usize>| by.len() as f64 >= VALUE_SHARE * showing.len() as f64;
    let telling = |slot: &Slot, by: &BTreeSet<usize>| match slot {
        Slot::Field { field, .. } | Slot::Linear { field, .. } | Slot::Product { field, .. } => {
            let distinct: BTreeSet<Option<&str>> = by.iter().map(|i| showing[*i].sample.target.field(field)).collect();
            // Of a segment that nothing else marks as a value, more must be seen.
            if matches!(differ, Some(Differ::Segment(_))) {
                distinct.len() >= 3
            } else {
                distinct.len() >= 2 || distinct.iter().flatten().any(|v| v.len() >= 4)
            }
        }
        _ => false,
    };
    let bound = votes
        .iter()
        .filter(|(s, by)| telling(s, by) && enough(by) && stands_out(s, by.len(), slot, shape, showing, statements))
        .max_by_key(|(s, by)| (by.len(), matches!(s, Slot::Field { .. }), matches!(s, Slot::Product { .. }), std::cmp::Reverse((*s).clone())));
    if let Some((slot, _)) = bound {
        return slot.clone();
    }
    let constant = votes.iter().filter(|(s, by)| matches!(s, Slot::Constant(_)) && by.len() as f64 >= 0.9 * showing.len() as f64);
    constant.max_by_key(|(s, by)| (by.len(), std::cmp::Reverse((*s).clone()))).map_or(Slot::Free, |(s, _)| s.clone())
}

/// Whether a value follows from the requests rather than from chance: where each request runs many statements of a shape, or all of
/// them hold the same few values, what one request asks for stands as well in what others ran.
fn stands_out(found: &Slot, own: usize, slot: usize, shape: u64, showing: &[&Observed<'_>], statements: &Statements) -> bool {
    let compared = &showing[..showing.len().min(SAMPLES_COMPARED)];
    let predicted: Vec<Option<String>> = compared.iter().map(|o| Some(found.value(&o.sample.target)??.to_lowercase())).collect();
    let held = |o: &&Observed<'_>| o.shapes[&shape].iter().filter_map(|e| statements.all[*e].value(slot)).map(str::to_lowercase).collect();
    let held: Vec<HashSet<String>> = compared.iter().map(held).collect();
    let (mut others, mut by_chance) = (0, 0);
    for one in predicted.iter().flatten() {
        for (other, held) in predicted.iter().zip(&held).filter(|(other, _)| other.as_ref() != Some(one)) {
            others += 1;
            by_chance += usize::from(other.is_some() && held.contains(one));
        }
    }
    // Of all samples the value stands in those that it follows from at least twice as often as in others.
    others == 0 || 2 * by_chance * showing.len() <= own * others
}

/// The values of a request that a statement may hold.
fn fields_of(target: &Target, differ: Option<Differ>) -> Vec<(Cow<'_, str>, &str)> {
    match differ {
        Some(Differ::Segment(at)) => target.segments.get(at).map(|value| (Cow::Owned(format!("segment.{at}")), value.as_str())).into_iter().collect(),
        Some(Differ::Filters) | None => target.fields.iter().map(|(name, value)| (Cow::Borrowed(name.as_str()), value.as_str())).collect(),
    }
}

/// The texts before and after a field's value inside a statement's value; a short one must be the whole.
fn around(value: &str, have: &str) -> Option<(String, String)> {
    if value.eq_ignore_ascii_case(have) {
        return Some((String::new(), String::new()));
    }
    let at = value.to_ascii_lowercase().find(&have.to_ascii_lowercase()).filter(|_| have.len() >= 2)?;
    let (before, after) = (&value[..at], &value[at + have.len()..]);
    let fixed = |s: &str| s.len() <= 4 && !s.bytes().any(|b| b.is_ascii_alphanumeric());
    (fixed(before) && fixed(after)).then(|| (before.to_owned(), after.to_owned()))
}

/// `(origin, scale)` of the line that most samples lie on, and which do.
fn line_through(seen: &[Numbers]) -> Option<(i64, i64, BTreeSet<usize>)> {
    let mut best: Option<(BTreeSet<usize>, i64, i64)> = None;
    for (n, (_, x, ys)) in seen.iter().enumerate().take(24) {
        for (_, other, other_ys) in seen.iter().skip(n + 1).take(24).filter(|(_, o, _)| o != x) {
            for (y, z) in ys.iter().take(4).flat_map(|y| other_ys.iter().take(4).map(move |z| (*y, *z))) {
                let (dy, dx) = (z.checked_sub(y)?, other.checked_sub(*x)?);
                if dy == 0 || dy.checked_rem(dx) != Some(0) {
                    continue;
                }
                let scale = dy.checked_div(dx)?;
                if y.checked_rem(scale) != Some(0) {
                    continue;
                }
                let origin = x.checked_sub(y.checked_div(scale)?)?;
                let on = |(_, x, ys): &&Numbers| x.checked_sub(origin).and_then(|d| d.checked_mul(scale)).is_some_and(|y| ys.contains(&y));
                let by: BTreeSet<usize> = seen.iter().filter(on).map(|(i, ..)| *i).collect();
                if best.as_ref().is_none_or(|(known, ..)| by.len() > known.len()) {
                    best = Some((by, origin, scale));
                }
            }
        }
    }
    best.map(|(by, origin, scale)| (origin, scale, by))
}

/// Texts around URL values that stand in the SQL itself: seen with at least two values.
fn carriers(list: &[Observed<'_>], statements: &Statements) -> Vec<Carrier> {
    let mut votes: BTreeMap<Carrier, BTreeSet<&str>> = BTreeMap::new();
    for o in list {
        for (field, value) in o.sample.target.fields.iter().filter(|(_, v)| v.len() >= 3) {
            for e in o.shapes.values().flatten().map(|e| &statements.all[*e]).filter(|e| e.completion != Completion::Failed) {
                let Some(at) = e.statement.find(value.as_str()).filter(|_| e.statement.len() <= 16_384) else {
                    continue;
                };
                let carrier = Carrier {
                    field: field.clone(),
                    before: e.statement[..at].to_owned(),
                    after: e.statement[at + value.len()..].to_owned(),
                    shape: shape_key(&e.lifted),
                };
                votes.entry(carrier).or_default().insert(value);
            }
        }
    }
    // The shape that most values give is the application's own.
    let mut best: BTreeMap<(String, String, String), (usize, Carrier)> = BTreeMap::new();
    for (carrier, values) in votes {
        let key = (carrier.field.clone(), carrier.before.clone(), carrier.after.clone());
        if best.get(&key).is_none_or(|(known, _)| *known < values.len()) {
            best.insert(key, (values.len(), carrier));
        }
    }
    best.into_values().filter(|(count, _)| *count >= 2).map(|(_, carrier)| carrier).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_page_begins_follows_from_its_number_and_its_size() {
        let target = Target::of("/patients?page=14&pageSize=20&sort=name");
        let found = products(&target, &BTreeSet::from([Some("260"), Some("20"), None]));
        let slot = Slot::Product { field: "query.page".to_owned(), origin: 1, by: "query.pageSize".to_owned() };
        assert!(found.contains(&slot), "{found:?}");
        let other = Target::of("/patients?page=6&pageSize=10&sort=name");
        assert!(slot.agrees(Some("50"), &other) && !slot.agrees(Some("260"), &other));
        assert!(products(&Target::of("/patients?page=9223372036854775807&pageSize=9"), &BTreeSet::from([Some("1")])).is_empty());
    }
}
