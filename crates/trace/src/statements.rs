//! The fourth pass: database records of the actor's connections and at the moments of the actor's requests, and the
//! executions they tell of. A database may log one execution several times; here it becomes one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use strandline_model::access::Completion;
use strandline_model::estate::Estate;
use strandline_model::event::{Activity, Class, EMPTY_OR_NULL, RecordKind, Status, columns};
use strandline_model::table::ScanError;

use crate::Inputs;
use crate::clock::Clocks;
use crate::requests::within;
use crate::shape::{Lifted, lift};
use crate::survey::{Survey, connection_of, present, trusted};
use crate::text::{Place, Pool};
use crate::within::mark_within;

strandline_model::event_columns! {
    /// What is read of a database record.
    struct Row {
        time, time_precision_micros, class, activity, status, source, place, src_ip, account, session, request_id, database, statement,
        parameters, row_count, sequence, statement_id, transaction, record_kind, masked, command, error_code, message, error_values,
    }
}

/// Shapes that are counted outside the actor's moments.
const MOST_SHAPES: usize = 200_000;
/// Two records of one execution without a transaction id stand at most this far apart.
const SAME_EXECUTION_MICROS: i64 = 600_000_000;
/// The coarsest stamps that are compared.
pub(crate) const WIDEST_PRECISION_MICROS: i64 = 60_000_000;
/// How many executions back a record's twin may stand …
const OPEN_EXECUTIONS: usize = 16;
/// … or how far: where stamps are whole seconds, all records of one log in a second stand before those of the next log.
const ONE_STAMP_MICROS: i64 = 2_000_000;
/// Executions of one text that are looked through for a twin.
const MOST_CANDIDATES: usize = 1024;

/// What to keep.
pub(crate) struct Wanted {
    /// Connections that are the actor's whole.
    pub connections: BTreeSet<Arc<str>>,
    /// Request ids of the actor's requests.
    pub request_ids: BTreeSet<Arc<str>>,
    /// For each system, moments (common clock) in which its application's statements are kept.
    pub moments: BTreeMap<Arc<str>, Vec<(i64, i64)>>,
    /// For each system, the actor's own moments: shapes inside them are not "elsewhere".
    pub own_moments: BTreeMap<Arc<str>, Vec<(i64, i64)>>,
    /// Connections of each system's application.
    pub applications: HashMap<Arc<str>, Vec<Arc<str>>>,
    /// Pinned records.
    pub places: BTreeSet<(String, u64)>,
}

/// One execution of a statement.
#[derive(Clone, Debug)]
pub(crate) struct Execution {
    pub proof: Vec<Place>,
    pub source: Arc<str>,
    /// The database's own clock.
    pub raw: i64,
    /// The same, of the last of its records.
    last_raw: i64,
    /// The common clock.
    pub time: i64,
    /// Resolution of its stamp: it ran at `time` or up to so much later.
    pub precision: i64,
    pub connection: Arc<str>,
    pub sequence: Option<i64>,
    pub database: Option<Arc<str>>,
    pub activity: Activity,
    pub statement: Arc<str>,
    pub lifted: Arc<Lifted>,
    pub parameters: Option<Vec<Option<Arc<str>>>>,
    pub rows: Option<i64>,
    pub masked: bool,
    pub request_id: Option<Arc<str>>,
    pub completion: Completion,
    /// Whether another one ran it: a function, a trigger, `CREATE TABLE AS EXECUTE`.
    pub is_within: bool,
    /// What a failed one was answered with, values masked.
    pub error: Option<Arc<str>>,
    /// What that answer quotes beyond the statement's own words and values.
    pub error_values: Option<Vec<Arc<str>>>,
    pub kinds: BTreeSet<RecordKind>,
    pub statement_id: Option<i64>,
    pub transaction: Option<Arc<str>>,
    last_sequence: Option<i64>,
}

impl Execution {
    /// Bind values, then literals.
    pub(crate) fn value(&self, slot: usize) -> Option<&str> {
        let bound = self.parameters.as_ref().map_or(0, Vec::len);
        match self.parameters.as_ref().and_then(|p| p.get(slot)) {
            Some(value) => value.as_deref(),
            None => self.lifted.literals.get(slot - bound).map(String::as_str),
        }
    }

    /// How many values it has.
    pub(crate) fn value_count(&self) -> usize {
        self.parameters.as_ref().map_or(0, Vec::len) + self.lifted.literals.len()
    }

    /// Whether a MySQL or MariaDB server ran it.
    pub(crate) fn is_mysql(&self) -> bool {
        self.kinds.iter().any(|kind| is_mysql(Some(*kind)))
    }

    pub(crate) fn is_read(&self) -> bool {
        matches!(self.activity, Activity::Read) || first_word(&self.lifted.shape) == "select"
    }
}

/// What the pass found.
#[derive(Debug, Default)]
pub(crate) struct Statements {
    /// In order of the common clock, then place.
    pub all: Vec<Execution>,
    /// The coarsest stamp among them, microseconds.
    pub coarsest: i64,
    /// How often applications sent each shape outside the actor's moments.
    pub elsewhere: HashMap<u64, u32>,
    /// Statements counted there.
    pub elsewhere_total: u64,
}

#[derive(Clone, Debug)]
struct Record {
    place: Place,
    source: Arc<str>,
    raw: i64,
    precision: i64,
    connection: Arc<str>,
    sequence: Option<i64>,
    database: Option<Arc<str>>,
    activity: Activity,
    failed: bool,
    succeeded: bool,
    error: Option<Arc<str>>,
    error_values: Option<Vec<Arc<str>>>,
    statement: Option<Arc<str>>,
    lifted: Arc<Lifted>,
    parameters: Option<Vec<Option<Arc<str>>>>,
    rows: Option<i64>,
    masked: bool,
    request_id: Option<Arc<str>>,
    kind: RecordKind,
    statement_id: Option<i64>,
    transaction: Option<Arc<str>>,
}

/// The key of a shape.
pub(crate) fn shape_key(lifted: &Lifted) -> u64 {
    lifted.key
}

pub(crate) fn first_word(shape: &str) -> &str {
    shape.split(' ').next().unwrap_or_default()
}

/// Which systems' applications each connection serves. Roles and addresses of the estate say so; where a system has
/// neither, its databases' untrusted connections may be its application's.
pub(crate) fn applications(estate: &Estate, survey: &Survey, systems: &BTreeSet<Arc<str>>, own: &BTreeSet<Arc<str>>) -> HashMap<Arc<str>, Vec<Arc<str>>> {
    let mut out: HashMap<Arc<str>, Vec<Arc<str>>> = HashMap::new();
    for (id, c) in &survey.connections {
        if own.contains(id.as_ref()) || trusted(estate, c.role.as_deref(), None, c.host.as_deref()).is_some() {
            continue;
        }
        for system in systems {
            let described = estate.systems.iter().find(|s| s.id == system.as_ref());
            let (roles, addresses) = described.map_or((&[][..], &[][..]), |s| (&s.roles[..], &s.addresses[..]));
            let by_role = c.role.as_deref().is_some_and(|role| roles.iter().any(|r| r == role));
            let by_host = c.host.as_deref().is_some_and(|host| addresses.iter().any(|a| a == host));
            // From its own host as a role that is nobody's: a console that signs its users in at the database, or what was forgotten in the estate.
            let by_nobodys_role = by_host && !c.role.as_deref().is_some_and(|role| estate.systems.iter().any(|s| s.roles.iter().any(|r| r == role)));
            let unknown = roles.is_empty() && addresses.is_empty();
            let mut databases = estate.databases.iter().filter(|d| d.system == system.as_ref()).peekable();
            let by_database = unknown && (databases.peek().is_none() || databases.any(|d| Some(d.name.as_deref().unwrap_or(&d.id)) == c.database.as_deref()));
            // A log that names neither role nor host may hold anybody's statements, the application's too.
            let nameless = c.role.is_none() && c.host.is_none();
            if by_role || (roles.is_empty() && by_host) || by_nobodys_role || by_database || nameless {
                out.entry(id.clone()).or_default().push(system.clone());
            }
        }
    }
    out
}

/// Runs the pass.
pub(crate) fn collect(inputs: &Inputs<'_>, clocks: &Clocks, wanted: &Wanted) -> Result<Statements, ScanError> {
    let (mut pool, mut out) = (Pool::default(), Statements::default());
    let mut records: BTreeMap<Arc<str>, Vec<Record>> = BTreeMap::new();
    let mut lifted_before: HashMap<Arc<str>, Arc<Lifted>> = HashMap::new();
    for part in columns::scan::<Row<'_>>(inputs.events)? {
        for event in part?.iter().filter(|e| e.class == Class::Datastore) {
            let time = clocks.common(&event.source, event.time.micros());
            let in_window = inputs.window.is_none_or(|w| w.contains(event.time));
            let (keep, elsewhere) = judge(&event, time, wanted);
            if elsewhere {
                count_shape(&event, &mut out);
            }
            if keep && in_window {
                let record = record(&event, &mut pool, &mut lifted_before);
                records.entry(record.connection.clone()).or_default().push(record);
            }
        }
    }
    for (_, list) in records {
        out.all.extend(executions(list, clocks));
    }
    out.coarsest = out.all.iter().map(|e| e.precision).max().unwrap_or(0);
    out.all.sort_by(|a, b| (a.time, &a.proof[0]).cmp(&(b.time, &b.proof[0])));
    Ok(out)
}

/// Whether to keep a record, and whether it counts as an application's statement outside the actor's moments.
fn judge(event: &Row<'_>, time: i64, wanted: &Wanted) -> (bool, bool) {
    let session = connection_of(event);
    if wanted.connections.contains(session.as_ref()) || wanted.places.contains(&(event.place.artefact.0.clone(), event.place.offset)) {
        return (true, false);
    }
    if event.statement.is_none() {
        return (false, false);
    }
    if present(event.request_id.as_deref()).is_some_and(|id| wanted.request_ids.contains(id)) {
        return (true, false);
    }
    let Some(systems) = wanted.applications.get(session.as_ref()) else {
        return (false, false);
    };
    let inside = |moments: &BTreeMap<Arc<str>, Vec<(i64, i64)>>| {
        systems.iter().any(|s| moments.get(s).is_some_and(|list| within(list, time, time.saturating_add(precision(event)))))
    };
    (inside(&wanted.moments), !inside(&wanted.own_moments))
}

/// What a stamp leaves open, microseconds; at most a minute, whatever a record says.
fn precision(event: &Row<'_>) -> i64 {
    i64::from(event.time_precision_micros).clamp(1, WIDEST_PRECISION_MICROS)
}

fn count_shape(event: &Row<'_>, out: &mut Statements) {
    let Some(statement) = event.statement.as_deref().filter(|_| event.activity != Activity::Error && !prepares(event)) else {
        return;
    };
    let key = shape_key(&lift(statement, is_mysql(event.record_kind)));
    out.elsewhere_total += 1;
    if out.elsewhere.len() < MOST_SHAPES || out.elsewhere.contains_key(&key) {
        *out.elsewhere.entry(key).or_default() += 1;
    }
}

/// Whether a record tells that a statement was parsed, bound or made ready: that is no execution of it.
fn prepares(event: &Row<'_>) -> bool {
    let is_timed = event.record_kind == Some(RecordKind::Other) && matches!(event.command.as_deref(), Some("PARSE" | "BIND"));
    // MySQL logs the text of a prepared statement before it runs; what runs is logged with its values.
    let says_so = || event.statement.as_deref().is_some_and(|s| s.trim_start().get(..7).is_some_and(|word| word.eq_ignore_ascii_case("prepare")));
    is_timed || (event.record_kind == Some(RecordKind::MysqlGeneral) && event.command.as_deref() == Some("PREPARE") && !says_so())
}

fn record(event: &Row<'_>, pool: &mut Pool, lifted_before: &mut HashMap<Arc<str>, Arc<Lifted>>) -> Record {
    let mut own = |value: Option<&str>| present(value).map(|v| pool.intern(v));
    let statement = own(event.statement.as_deref().filter(|_| !prepares(event)).map(|s| s.trim().trim_end_matches(';').trim_end()));
    let (request_id, transaction, database) = (own(event.request_id.as_deref()), own(event.transaction.as_deref()), own(event.database.as_deref()));
    // pgaudit writes NULL and an empty text alike: which one it was is not known.
    let missing = event.record_kind.filter(|kind| audits(*kind)).map(|_| EMPTY_OR_NULL);
    let parameters = event.parameters.as_ref().map(|list| list.iter().map(|v| v.as_deref().or(missing).map(|v| pool.intern(v))).collect());
    let lifted = match &statement {
        Some(s) => lifted_before.entry(s.clone()).or_insert_with(|| Arc::new(lift(s, is_mysql(event.record_kind)))).clone(),
        None => Arc::default(),
    };
    Record {
        place: Place::of(&event.place, pool),
        source: pool.intern(&event.source),
        raw: event.time.micros(),
        precision: precision(event),
        connection: pool.intern(&connection_of(event)),
        sequence: event.sequence,
        database,
        activity: event.activity,
        failed: event.activity == Activity::Error || event.status == Status::Failure,
        succeeded: event.status == Status::Success,
        error: error_text(event).map(|text| pool.intern(&text)),
        error_values: event.error_values.as_ref().map(|list| list.iter().flatten().map(|v| pool.intern(v)).collect()),
        statement,
        lifted,
        parameters,
        rows: event.row_count,
        masked: event.masked,
        request_id,
        kind: event.record_kind.unwrap_or(RecordKind::Other),
        statement_id: event.statement_id,
        transaction,
    }
}

/// Code and message of an error record, values masked.
fn error_text(event: &Row<'_>) -> Option<String> {
    let failed = event.activity == Activity::Error || event.status == Status::Failure;
    let parts: Vec<&str> = [event.error_code.as_deref(), event.message.as_deref()].into_iter().flatten().collect();
    (failed && !parts.is_empty()).then(|| parts.join(": "))
}

fn is_mysql(kind: Option<RecordKind>) -> bool {
    matches!(kind, Some(RecordKind::MysqlGeneral | RecordKind::MysqlSlow | RecordKind::MysqlAudit))
}

pub(crate) fn audits(kind: RecordKind) -> bool {
    matches!(kind, RecordKind::PgauditSession | RecordKind::PgauditObject)
}

/// Whether a record is an error's, with the statement that it was raised for.
fn is_error(kind: RecordKind) -> bool {
    matches!(kind, RecordKind::ErrorContext | RecordKind::ErrorUnrun | RecordKind::ErrorRunning)
}

/// Whether a record is written once the statement has ended. pgaudit writes before it runs, unless it counts rows.
fn ends(kind: RecordKind, succeeded: bool) -> bool {
    (audits(kind) && succeeded) || matches!(kind, RecordKind::Duration | RecordKind::MysqlSlow | RecordKind::MysqlAudit)
}

/// The executions of one connection.
fn executions(mut records: Vec<Record>, clocks: &Clocks) -> Vec<Execution> {
    records.sort_by(|a, b| (a.raw, a.sequence, &a.place).cmp(&(b.raw, b.sequence, &b.place)));
    let mut out: Vec<Execution> = Vec::new();
    let mut sequences: BTreeMap<(Arc<str>, i64), bool> = BTreeMap::new();
    let mut by_text: HashMap<Arc<str>, Vec<usize>> = HashMap::new();
    for r in records {
        if let Some(sequence) = r.sequence {
            sequences.insert((r.source.clone(), sequence), r.activity == Activity::Error);
        }
        let Some(statement) = r.statement.clone() else {
            continue;
        };
        let same_text = by_text.entry(statement.clone()).or_default();
        match twin(&out, same_text, &r) {
            Some(at) => absorb(&mut out[at], r),
            None => {
                same_text.push(out.len());
                out.push(execution(r, statement, clocks));
            }
        }
    }
    mark_within(&mut out);
    let audited: BTreeSet<String> = out.iter().filter(|e| e.kinds.iter().any(|k| audits(*k))).map(|e| first_word(&e.lifted.shape).to_owned()).collect();
    for e in &mut out {
        if e.completion != Completion::Unknown || audited.contains(first_word(&e.lifted.shape)) {
            continue;
        }
        // No record tells of its end, and this log does not audit such commands. But the next line of the connection
        // is there, without a hole in the numbering, and it is no error: PostgreSQL reports every error.
        let next = e.last_sequence.and_then(|s| sequences.get(&(e.source.clone(), s + 1)));
        if next == Some(&false) {
            e.completion = Completion::Completed;
        }
    }
    out
}

/// The execution that a record tells of once more, among those with its text: the latest; of those that another log
/// tells of with the very same stamp the first, since both logs have them in one order.
fn twin(all: &[Execution], same_text: &[usize], r: &Record) -> Option<usize> {
    let near = |at: &usize| *at + OPEN_EXECUTIONS >= all.len() || (r.raw - all[*at].raw).abs() <= ONE_STAMP_MICROS;
    let mut candidates = same_text.iter().rev().take(MOST_CANDIDATES).take_while(|at| near(at)).filter(|at| same_execution(&all[**at], r));
    let latest = *candidates.next()?;
    let in_step = |at: usize| all[at].raw == r.raw && all[at].proof[0].artefact != r.place.artefact;
    Some(if in_step(latest) { candidates.copied().take_while(|at| in_step(*at)).last().unwrap_or(latest) } else { latest })
}

/// Whether two logs tell of one value.
fn same_value(a: Option<&str>, b: Option<&str>) -> bool {
    let may_be_either = |one: Option<&str>, other: Option<&str>| one == Some(EMPTY_OR_NULL) && other.is_none_or(str::is_empty);
    a == b || may_be_either(a, b) || may_be_either(b, a)
}

fn same_execution(e: &Execution, r: &Record) -> bool {
    // `log_statement` tells of each execution once: as a statement, or as the execution of a prepared one.
    let told = |kind: RecordKind| matches!(kind, RecordKind::Statement | RecordKind::Execute);
    let tells_again = e.kinds.contains(&r.kind) || told(r.kind) && e.kinds.iter().any(|kind| told(*kind));
    let again = tells_again && !(audits(r.kind) && e.statement_id.is_some() && e.statement_id == r.statement_id && e.source == r.source);
    let values = match (&e.parameters, &r.parameters) {
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a.as_deref(), b.as_deref())),
        _ => true,
    };
    let transaction = match (&e.transaction, &r.transaction) {
        (Some(a), Some(b)) => a == b,
        _ => (r.raw - e.raw).abs() <= SAME_EXECUTION_MICROS,
    };
    let other_audit = audits(r.kind) && e.statement_id.is_some() && r.statement_id.is_some() && e.statement_id != r.statement_id;
    let text = e.statement.as_ref() == r.statement.as_deref().unwrap_or_default();
    text && values && transaction && !again && !other_audit && (!is_error(r.kind) || may_have_failed(e, r)) && !is_another_try(e, r)
}

/// Whether an execution failed before this record was written: an error ends it, so the record is of the next try, which may have gone well.
fn is_another_try(e: &Execution, r: &Record) -> bool {
    let has_failed = e.kinds.iter().any(|kind| is_error(*kind));
    // Of one tick, another log may tell of its beginning behind the error.
    let is_behind = r.raw > e.last_raw || e.proof.last().is_some_and(|last| last.artefact == r.place.artefact);
    has_failed && !is_error(r.kind) && (is_behind || r.rows.is_some() || ends(r.kind, r.succeeded))
}

/// Whether an error record may tell of the end of this execution. One that was raised while a statement was parsed or bound
/// is of a statement that did not run; where the record does not say when it was raised, only the simple protocol, in which
/// each run has a line of its own, ties it to a run. What is not tied says nothing of an execution that may have gone well.
fn may_have_failed(e: &Execution, r: &Record) -> bool {
    let ended = e.rows.is_some() || e.kinds.contains(&RecordKind::Duration) || e.kinds.iter().any(|k| is_error(*k));
    let tied = match r.kind {
        RecordKind::ErrorUnrun => false,
        RecordKind::ErrorContext => e.kinds.contains(&RecordKind::Statement),
        _ => true,
    };
    tied && !ended
}

fn absorb(e: &mut Execution, r: Record) {
    e.completion = completion(e.completion, &r);
    e.proof.push(r.place);
    e.kinds.insert(r.kind);
    e.last_raw = e.last_raw.max(r.raw);
    e.rows = e.rows.max(r.rows);
    e.masked |= r.masked;
    let is_open = |list: &Vec<Option<Arc<str>>>| list.iter().flatten().any(|v| v.as_ref() == EMPTY_OR_NULL);
    e.parameters = match (e.parameters.take(), r.parameters) {
        (Some(known), Some(told)) if is_open(&known) && !is_open(&told) => Some(told),
        (known, told) => known.or(told),
    };
    e.request_id = e.request_id.take().or(r.request_id);
    e.statement_id = e.statement_id.or(r.statement_id);
    e.transaction = e.transaction.take().or(r.transaction);
    e.last_sequence = e.last_sequence.max(r.sequence);
    e.error = e.error.take().or(r.error);
    e.error_values = e.error_values.take().or(r.error_values);
    if e.activity == Activity::Error || (e.activity == Activity::Query && r.activity != Activity::Error) {
        e.activity = r.activity;
    }
}

fn completion(known: Completion, r: &Record) -> Completion {
    match known {
        _ if r.failed => Completion::Failed,
        Completion::Unknown if ends(r.kind, r.succeeded) || r.rows.is_some() => Completion::Completed,
        known => known,
    }
}

fn execution(r: Record, statement: Arc<str>, clocks: &Clocks) -> Execution {
    Execution {
        time: clocks.common(&r.source, r.raw),
        completion: completion(Completion::Unknown, &r),
        error: r.error,
        error_values: r.error_values,
        proof: vec![r.place],
        source: r.source,
        raw: r.raw,
        last_raw: r.raw,
        precision: r.precision,
        connection: r.connection,
        sequence: r.sequence,
        database: r.database,
        activity: r.activity,
        statement,
        lifted: r.lifted,
        parameters: r.parameters,
        rows: r.rows,
        masked: r.masked,
        request_id: r.request_id,
        kinds: BTreeSet::from([r.kind]),
        statement_id: r.statement_id,
        transaction: r.transaction,
        last_sequence: r.sequence,
        is_within: false,
    }
}
