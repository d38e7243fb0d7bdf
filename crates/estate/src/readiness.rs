//! Whether the logs, as they are configured, could ever answer *whose*: what would be lost, and the setting that mends it.
//!
//! It judges what the logs really held, not what somebody says they are set to.

mod bound;
mod data;

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::estate::{Estate, Table};
use strandline_model::event::{Activity, Class, RecordKind, columns};

use bound::Bound;

pub use data::{Data, cookies_of};

/// How bad a shortcoming is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good as it is.
    Good,
    /// Costs certainty: *likely* where *confirmed* was to be had, or wider letters.
    Costly,
    /// The question *whose* cannot be answered from this log.
    Blind,
}

impl Severity {
    /// The word for screens and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Costly => "costly",
            Self::Blind => "blind",
        }
    }
}

/// One answer of the check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The source, database, table or register meant.
    pub subject: String,
    /// How bad.
    pub severity: Severity,
    /// What was found, with figures.
    pub found: String,
    /// What would be lost in an incident.
    pub lost: Option<String>,
    /// The setting that mends it.
    pub mend: Option<String>,
}

#[derive(Debug, Default)]
struct Observed {
    events: u64,
    class_http: u64,
    statements: u64,
    bound: Bound,
    /// Statements that read, by whatever record tells of them.
    reads: u64,
    /// Those of an audit, or with a count: what the records before and after an execution repeat is left out.
    audited_reads: u64,
    reads_with_rows: u64,
    writes: u64,
    with_session: u64,
    with_request: u64,
    with_status: u64,
    with_bytes: u64,
    with_duration: u64,
    coarse: u64,
    sequenced: u64,
    fetches: u64,
    kinds: BTreeSet<&'static str>,
    connections: u64,
    /// Database roles, with how many statements each ran.
    roles: BTreeMap<String, u64>,
}

/// Roles that are counted by name.
const MOST_ROLES: usize = 1_000;

strandline_model::event_columns! {
    /// What is counted of an event.
    pub struct Counted {
        time_precision_micros, class, activity, source, account, session, request_id, status_code, bytes, duration_micros, statement, command,
        parameters, row_count, sequence, record_kind, labels,
    }
}

/// Counts what each source's events hold.
#[derive(Debug, Default)]
pub struct Observer {
    sources: BTreeMap<String, Observed>,
}

impl Observer {
    /// Counts the events of one part of the table.
    pub fn observe(&mut self, rows: &columns::Part<Counted<'static>>) {
        for event in rows.iter() {
            let seen = self.sources.entry(event.source.to_string()).or_default();
            seen.events += 1;
            seen.coarse += u64::from(event.time_precision_micros >= 1_000_000);
            seen.with_session += u64::from(event.session.is_some());
            seen.with_request += u64::from(event.request_id.is_some());
            seen.sequenced += u64::from(event.sequence.is_some());
            seen.connections += u64::from(event.activity == Activity::Connect);
            if event.class == Class::Http {
                seen.class_http += 1;
                seen.with_status += u64::from(event.status_code.is_some());
                seen.with_bytes += u64::from(event.bytes.is_some());
                seen.with_duration += u64::from(event.duration_micros.is_some());
            }
            if let (Class::Datastore, Some(statement)) = (event.class, event.statement.as_deref()) {
                seen.bound.observe(&event, statement);
                // A prepared statement is written down once more when it is executed.
                if bound::only_prepares(&event, statement) {
                    continue;
                }
                seen.statements += 1;
                let audited = matches!(
                    event.record_kind,
                    Some(RecordKind::PgauditSession | RecordKind::PgauditObject | RecordKind::MysqlGeneral | RecordKind::MysqlSlow | RecordKind::MysqlAudit)
                );
                seen.reads += u64::from(event.activity == Activity::Read);
                if event.activity == Activity::Read && (audited || event.row_count.is_some()) {
                    seen.audited_reads += 1;
                    seen.reads_with_rows += u64::from(event.row_count.is_some());
                }
                seen.writes += u64::from(matches!(event.activity, Activity::Write | Activity::Define));
                seen.fetches += u64::from(statement.trim_start().get(..5).is_some_and(|word| word.eq_ignore_ascii_case("fetch")));
                seen.kinds.extend(event.record_kind.map(RecordKind::as_str));
                if let Some(role) = event.account.as_deref().filter(|role| seen.roles.len() < MOST_ROLES || seen.roles.contains_key(*role)) {
                    *seen.roles.entry(role.to_owned()).or_default() += 1;
                }
            }
        }
    }

    /// Judges the estate by what was counted, and by what the data holds. Answers come in the order of the estate file.
    pub fn judge(&self, estate: &Estate, data: &Data) -> Vec<Answer> {
        let mut answers = Vec::new();
        for source in &estate.sources {
            match self.sources.get(&source.id) {
                None => answers.push(blind(
                    &source.id,
                    "no event of this source was found".to_owned(),
                    "everything that this source would show",
                    "check `path` and `format` of the source, and that the log is written and kept",
                )),
                Some(seen) => {
                    // Another log of the same server may have the counts that this one lacks.
                    let beside = estate.sources.iter().filter(|other| other.system == source.system && other.id != source.id);
                    let beside: Vec<&Observed> = beside.filter_map(|other| self.sources.get(&other.id)).collect();
                    let counted = beside.iter().map(|other| other.reads_with_rows).max().unwrap_or(0);
                    judge_source(&source.id, seen, counted, &mut answers);
                    judge_reads(&source.id, seen, &beside, counted, &mut answers);
                    judge_durations(&source.id, seen, &beside, &mut answers);
                    judge_writes(&source.id, seen, &beside, &mut answers);
                    judge_retention(&source.id, source.retention_days, &mut answers);
                }
            }
        }
        self.judge_sessions(estate, data, &mut answers);
        self.judge_roles(estate, &mut answers);
        judge_data(estate, &mut answers);
        data::judge(estate, data, &mut answers);
        answers
    }

    /// Whether any log tells sessions apart.
    fn judge_sessions(&self, estate: &Estate, data: &Data, answers: &mut Vec<Answer>) {
        let without = |source: &&String| self.sources.get(*source).is_none_or(|seen| seen.with_session == 0);
        for (source, keys) in data.unmapped_sessions.iter().filter(|(source, _)| without(source)) {
            answers.push(costly(
                source,
                format!("its records have what looks like a session, and no field is mapped to it: {}", keys.join(", ")),
                "which requests are one person's at work: a session that goes on from another address is not followed",
                "add session = \"…\" to `fields` of the source",
            ));
        }
        let requests = estate.sources.iter().filter_map(|source| self.sources.get(&source.id)).filter(|seen| seen.class_http > 0);
        let (mut any, mut told) = (false, false);
        for seen in requests {
            (any, told) = (true, told || seen.with_session > 0);
        }
        if any && !told {
            answers.push(costly(
                "sessions",
                "no log tells the session of a request".to_owned(),
                "which requests are one person's at work: those of one address after a sign-in are taken for it, and what went on from elsewhere is not found",
                "log the session: nginx: $cookie_NAME in log_format; Apache: %{NAME}C; or the application's own log, by a digest of the session's id",
            ));
        }
    }

    /// Whether the roles that the databases saw are named.
    fn judge_roles(&self, estate: &Estate, answers: &mut Vec<Answer>) {
        let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
        for (role, count) in self.sources.values().flat_map(|source| &source.roles) {
            *seen.entry(role).or_default() += count;
        }
        if seen.is_empty() {
            return;
        }
        for system in &estate.systems {
            for role in system.roles.iter().filter(|role| !seen.contains_key(role.as_str())) {
                answers.push(costly(
                    &system.id,
                    format!("its role {role:?} ran no statement in any log"),
                    "which database connections are its application's, if the name is another",
                    "write the role as the database's log does",
                ));
            }
        }
        let named =
            |role: &str| estate.systems.iter().any(|s| s.roles.iter().any(|r| r == role)) || estate.trusted.iter().any(|t| t.role.as_deref() == Some(role));
        let unnamed: Vec<String> = seen.iter().filter(|(role, _)| !named(role)).map(|(role, count)| format!("{role} ({count} statements)")).collect();
        if !unnamed.is_empty() && estate.systems.iter().any(|system| !system.roles.is_empty()) {
            answers.push(costly(
                "roles",
                format!("roles that no system and no [[trusted]] entry names: {}", unnamed.iter().take(20).cloned().collect::<Vec<_>>().join(", ")),
                "who is behind their statements: all of them can be the actor's",
                "name each in `roles` of the system whose application uses it, or in a [[trusted]] entry with its addresses",
            ));
        }
    }
}

fn judge_source(id: &str, seen: &Observed, counted: u64, answers: &mut Vec<Answer>) {
    judge_bound(id, &seen.bound, answers);
    if seen.statements > 0 {
        judge_statements(id, seen, counted, answers);
    }
    if seen.class_http > 0 {
        judge_requests(id, seen, answers);
    }
    if seen.coarse * 2 > seen.events {
        answers.push(costly(
            id,
            format!("{} of {} stamps are to the whole second", seen.coarse, seen.events),
            "which of two requests in one second caused a statement",
            "nginx: $msec in log_format; Apache: %{msec_frac}t; PostgreSQL: %m in log_line_prefix; MariaDB has no finer stamps, MySQL has",
        ));
    }
}

/// Where no log of a system tells how long its requests took, each is taken to have run for a second at least.
fn judge_durations(id: &str, seen: &Observed, beside: &[&Observed], answers: &mut Vec<Answer>) {
    if seen.class_http > 0 && seen.with_duration == 0 && beside.iter().all(|other| other.with_duration == 0) {
        answers.push(costly(
            id,
            "no log tells how long a request took".to_owned(),
            "which statements ran while it did: whatever ran within a second of its stamp may be its, and pages without a value in their URL are possible for all whom others read then",
            "nginx: $request_time in log_format; Apache: %D; an application's log: map the time that it took to duration_ms (`Completed 200 OK in 45ms`)",
        ));
    }
}

/// Data that changed since the dump is known by its writes alone.
fn judge_writes(id: &str, seen: &Observed, beside: &[&Observed], answers: &mut Vec<Answer>) {
    if seen.statements > 0 && seen.writes == 0 && beside.iter().all(|other| other.writes == 0) {
        answers.push(blind(
            id,
            format!("none of {} statements is a write", seen.statements),
            "what changed since the dump: reads are replayed on the rows of the dump, and may name others",
            "PostgreSQL: pgaudit.log = 'read, write, ddl' with pgaudit.log_parameter = on and pgaudit.log_rows = on; MySQL and MariaDB: the general log, or the audit log with its writes",
        ));
    }
}

/// Whether what was bound to the placeholders of statements is known.
fn judge_bound(id: &str, bound: &Bound, answers: &mut Vec<Answer>) {
    const LOST: &str = "whose record a prepared statement read: everybody in its tables becomes possible";
    if bound.lost() > 0 {
        let mend = if bound.of_mysql() {
            "MySQL and MariaDB: the general log, which has each execution with its values"
        } else {
            "PostgreSQL: pgaudit.log_parameter = on; with log_statement also log_parameter_max_length = -1"
        };
        let found = format!("{} of {} statements with placeholders were logged without their bind values", bound.lost(), bound.asked());
        answers.push(blind(id, found, LOST, mend));
    }
    if bound.cut() > 0 {
        let found = format!("{} of {} statements with placeholders were logged with values left out for their length", bound.cut(), bound.asked());
        let mend = "PostgreSQL: pgaudit.log_parameter_max_size = 0 and log_parameter_max_length = -1, neither of which leaves a value out";
        answers.push(costly(id, found, "whose record such a statement read, where the value that was left out decides", mend));
    }
}

/// Whether reads are logged at all, and with how many rows each sent.
fn judge_reads(id: &str, seen: &Observed, beside: &[&Observed], counted: u64, answers: &mut Vec<Answer>) {
    const ROWS: &str = "PostgreSQL: pgaudit.log = 'read, write, ddl' with pgaudit.log_parameter = on and pgaudit.log_rows = on; MySQL and MariaDB: slow_query_log = ON with long_query_time = 0, beside the general or the audit log";
    const LOST: &str = "the proof that a replay is exact: reads become likely where they were to be confirmed";
    if seen.statements == 0 {
        return;
    }
    if seen.reads == 0 {
        if beside.iter().all(|other| other.reads == 0) {
            let mend = "PostgreSQL: pgaudit.log = 'read, write, ddl' with pgaudit.log_parameter = on and pgaudit.log_rows = on; MySQL and MariaDB: the general log, or the audit log with its reads (server_audit_events without a restriction to changes)";
            answers.push(blind(id, format!("none of {} statements is a read", seen.statements), "whom anybody read: there is nothing to replay", mend));
        }
    } else if seen.audited_reads == 0 && counted == 0 {
        answers.push(costly(id, format!("none of {} reads stands in an audit log or carries a row count", seen.reads), LOST, ROWS));
    } else if seen.reads_with_rows.max(counted) * 10 < seen.audited_reads * 9 {
        answers.push(costly(id, format!("{} of {} audited reads carry a row count", seen.reads_with_rows, seen.audited_reads), LOST, ROWS));
    }
}

fn judge_statements(id: &str, seen: &Observed, counted: u64, answers: &mut Vec<Answer>) {
    let before = answers.len();
    if !seen.kinds.iter().any(|k| matches!(*k, "statement" | "execute" | "duration" | "mysql_general" | "mysql_slow" | "mysql_audit")) && seen.fetches == 0 {
        answers.push(costly(
            id,
            "pgaudit alone does not log the FETCHes of a cursor".to_owned(),
            "how far a cursor was read: all its rows become likely",
            "PostgreSQL: beside pgaudit, not in its place: log_statement = 'all' with log_parameter_max_length = -1, at least for roles of people",
        ));
    }
    if seen.sequenced * 2 < seen.events {
        answers.push(costly(
            id,
            "records carry no number within their session".to_owned(),
            "the proof that no line was taken out",
            "PostgreSQL: csvlog or jsonlog, or %c and %l in log_line_prefix",
        ));
    }
    if seen.with_session == 0 {
        answers.push(costly(
            id,
            "statements carry no connection id".to_owned(),
            "which statements belong together",
            "PostgreSQL: csvlog or jsonlog, or %c in log_line_prefix",
        ));
    }
    if seen.connections == 0 {
        answers.push(costly(
            id,
            "no connection is logged".to_owned(),
            "from which host a role was used",
            "PostgreSQL: log_connections = on, log_disconnections = on",
        ));
    }
    if seen.with_request == 0 {
        answers.push(costly(
            id,
            "no statement carries a request id".to_owned(),
            "the proof which request caused a statement; it is then concluded from route, value and time",
            "add a sqlcommenter comment with the request id in the application",
        ));
    }
    let counts_rows = seen.audited_reads > 0 && seen.reads_with_rows.max(counted) * 10 >= seen.audited_reads * 9;
    if answers.len() == before && counts_rows && seen.bound.lost() == 0 {
        answers.push(good(id, format!("{} statements with bind values, row counts, numbers and request ids", seen.statements)));
    }
}

fn judge_requests(id: &str, seen: &Observed, answers: &mut Vec<Answer>) {
    let before = answers.len();
    if seen.with_session == 0 && seen.with_request == 0 {
        answers.push(costly(
            id,
            "requests carry neither session nor request id".to_owned(),
            "whose session made a request: it is joined to the application's log by address and time alone",
            "log a request id at the web server and pass it on (nginx: $request_id, proxy_set_header X-Request-Id)",
        ));
    }
    if seen.with_status * 10 < seen.class_http * 9 {
        answers.push(costly(id, "requests carry no status".to_owned(), "whether anything was delivered", "log the response status"));
    }
    if seen.with_bytes * 10 < seen.class_http * 5 {
        answers.push(costly(id, "requests carry no size".to_owned(), "whether a response could hold what the replay says", "log the bytes sent"));
    }
    if answers.len() == before {
        answers.push(good(id, format!("{} requests with status, size and an id to join them by", seen.class_http)));
    }
}

fn judge_retention(id: &str, days: Option<u32>, answers: &mut Vec<Answer>) {
    match days {
        None => answers.push(costly(
            id,
            "the estate does not say how long this log is kept".to_owned(),
            "knowing beforehand how far back a question can be answered",
            "set retention_days of the source",
        )),
        Some(days) if days < 180 => {
            answers.push(costly(id, format!("kept for {days} days"), "intrusions are often found after months", "keep logs that can answer whose for a year"))
        }
        Some(_) => {}
    }
}

fn judge_data(estate: &Estate, answers: &mut Vec<Answer>) {
    for database in &estate.databases {
        let described = estate.tables.iter().any(|t| t.database == database.id);
        if described && database.snapshot.is_empty() {
            answers.push(blind(
                &database.id,
                "no snapshot is named".to_owned(),
                "the data as it stood: nothing can be replayed",
                "name a plain pg_dump or mysqldump (or CSV or Parquet files) in `snapshot`, taken daily",
            ));
        }
        if !described {
            answers.push(costly(
                &database.id,
                "no table of it is described".to_owned(),
                "whose data its statements read",
                "add [[table]] entries, or name its tables in without_personal_data, once somebody has looked at them",
            ));
        }
    }
    for table in estate.tables.iter().filter(|t| !t.names_people() && t.all_categories().next().is_some()) {
        answers.push(blind(&table.name, "holds personal data and names no subject".to_owned(), "whose row it is", "set subject_key or subject_via"));
    }
    let leads_on = |table: &Table, name: &str| {
        let there = estate.tables.iter().find(|other| other.database == table.database && other.name == name);
        there.is_some_and(Table::names_people)
    };
    for table in estate.tables.iter().flat_map(|table| table.entries()) {
        if let Some(via) = table.subject_via.as_ref().filter(|via| !leads_on(table, &via.table)) {
            let found = format!("its way to people goes through {}, of whose people the estate says nothing", via.table);
            answers.push(blind(&table.name, found, "whose row it is: everybody is possible", "add a [[table]] for it, with subject_key or subject_via"));
        }
    }
    for system in estate.systems.iter().filter(|s| has_application(estate, &s.id)) {
        let (found, severity) = match (system.addresses.is_empty(), system.roles.is_empty()) {
            (true, true) => ("neither its addresses nor its database roles are named", Severity::Blind),
            (false, true) => ("its database roles are not named", Severity::Costly),
            (true, false) => ("its addresses are not named", Severity::Costly),
            (false, false) => continue,
        };
        let lost = "which database connections are its application's: one that an intruder opens from its host does not stand out";
        let answer = costly(&system.id, found.to_owned(), lost, "set `addresses` (the hosts that it connects from) and `roles` (its database accounts)");
        answers.push(Answer { severity, ..answer });
    }
    match &estate.register {
        None => answers.push(blind("register", "there is none".to_owned(), "how to reach the people", "name a CSV file in [register]")),
        Some(register) if register.email.is_none() && register.postal_address.is_none() => {
            answers.push(blind("register", "it has neither e-mail nor postal address".to_owned(), "how to reach the people", "name the columns in [register]"));
        }
        Some(register) if register.language.is_none() => {
            answers.push(costly("register", "it has no language".to_owned(), "letters in the reader's language", "name the column in [register]"));
        }
        Some(_) => {}
    }
}

/// Whether a system has a log of its own that is no database's and no machine's, while there are databases that it could read.
fn has_application(estate: &Estate, system: &str) -> bool {
    const APPLICATIONS: &[&str] = &["nginx", "apache", "web", "json", "text"];
    let logs = estate.sources.iter().any(|s| s.system == system && APPLICATIONS.contains(&s.format.as_str()));
    let is_server = |format: &str| format.starts_with("postgresql") || format.starts_with("mysql");
    logs && estate.sources.iter().any(|s| is_server(&s.format))
}

fn good(subject: &str, found: String) -> Answer {
    Answer { subject: subject.to_owned(), severity: Severity::Good, found, lost: None, mend: None }
}

fn costly(subject: &str, found: String, lost: &str, mend: &str) -> Answer {
    Answer { subject: subject.to_owned(), severity: Severity::Costly, found, lost: Some(lost.to_owned()), mend: Some(mend.to_owned()) }
}

fn blind(subject: &str, found: String, lost: &str, mend: &str) -> Answer {
    Answer { severity: Severity::Blind, ..costly(subject, found, lost, mend) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strandline_model::event::{Event, EventBatchBuilder};
    use strandline_model::evidence::{ArtefactId, EventRef};
    use strandline_model::time::Instant;

    fn observe(observer: &mut Observer, mut built: EventBatchBuilder) {
        for part in columns::scan(&vec![built.finish().expect("schema and builders agree")]).expect("in memory") {
            observer.observe(&part.expect("in memory"));
        }
    }

    fn check(change: impl Fn(&mut Event<'_>), subject: &str, found: &str, severity: Severity) {
        let estate: Estate = toml::from_str(include_str!("../../../examples/prison-service/estate.toml")).expect("the kept example is valid");
        let mut builder = EventBatchBuilder::new();
        for n in 0..10 {
            let place = EventRef { artefact: ArtefactId("a".into()), offset: n, length: 1 };
            let mut event = Event::new(Instant(n as i64), Class::Datastore, Activity::Read, place);
            event.source = "db-log".into();
            event.statement = Some("SELECT a FROM t WHERE k = $1".into());
            event.parameters = Some(vec![Some("x".into())]);
            event.row_count = Some(1);
            event.sequence = Some(n as i64);
            event.session = Some("s".into());
            event.request_id = Some("r".into());
            event.record_kind = Some(RecordKind::Execute);
            change(&mut event);
            builder.push(&event);
        }
        let mut observer = Observer::default();
        observe(&mut observer, builder);
        let answers = observer.judge(&estate, &Data::default());
        assert!(answers.iter().any(|a| a.subject == subject && a.found.contains(found) && a.severity == severity), "{answers:#?}");
    }

    #[test]
    fn what_the_log_lacks_is_named() {
        check(|e| e.parameters = None, "db-log", "without their bind values", Severity::Blind);
        check(
            |e| {
                e.row_count = None;
                e.record_kind = Some(RecordKind::PgauditSession)
            },
            "db-log",
            "carry a row count",
            Severity::Costly,
        );
        check(|e| (e.row_count, e.record_kind) = (None, Some(RecordKind::MysqlAudit)), "db-log", "0 of 10 audited reads carry a row count", Severity::Costly);
        check(|e| e.time_precision_micros = 1_000_000, "db-log", "whole second", Severity::Costly);
        check(|e| e.request_id = None, "db-log", "request id", Severity::Costly);
        check(|e| e.class = Class::Http, "db-log", "how long a request took", Severity::Costly);
        check(|e| e.record_kind = Some(RecordKind::PgauditSession), "db-log", "FETCHes", Severity::Costly);
        check(|_| {}, "kms-web", "no event of this source", Severity::Blind);
        check(|_| {}, "db-log", "none of 10 statements is a write", Severity::Blind);
    }

    fn check_data(data: &Data, subject: &str, found: &str, severity: Option<Severity>) {
        let estate: Estate = toml::from_str(include_str!("../../../examples/prison-service/estate.toml")).expect("the kept example is valid");
        let answers = Observer::default().judge(&estate, data);
        let told = answers.iter().find(|a| a.subject == subject && a.found.contains(found)).map(|a| a.severity);
        assert_eq!(told, severity, "{answers:#?}");
    }

    #[test]
    fn what_the_estate_says_of_the_data_is_compared_with_the_data() {
        use strandline_model::sketch::{ColumnSketch, Compared, TableSketch};
        let key = |known: u64, compared: Compared| ColumnSketch {
            name: "staff_no".into(),
            distinct: 50,
            filled: 50,
            known: vec![known],
            compared: vec![compared],
            ..ColumnSketch::default()
        };
        let staff = |column: ColumnSketch| TableSketch {
            name: "hr.staff".into(),
            columns: vec![column],
            primary_key: vec!["staff_no".into()],
            rows: 50,
            ..TableSketch::default()
        };
        let data = |tables: Vec<TableSketch>| Data { databases: [("hrs".to_owned(), tables)].into(), people: 50, ..Data::default() };
        let same = Compared { rows: 50, same: 50, other: 0 };
        check_data(&data(vec![staff(key(0, Compared::default()))]), "hr.staff", "is a key of the register", Some(Severity::Blind));
        check_data(&data(vec![staff(key(50, Compared { rows: 50, same: 0, other: 50 }))]), "hr.staff", "another person", Some(Severity::Blind));
        check_data(&data(vec![staff(key(10, same))]), "hr.staff", "only 10 of the 50", Some(Severity::Costly));
        check_data(&data(vec![staff(key(50, same))]), "hr.staff", "", None);
        let body = || ColumnSketch { name: "body".into(), ..ColumnSketch::default() };
        let of = |known: u64| ColumnSketch { name: "staff_no".into(), distinct: 1, filled: 1, known: vec![known], ..ColumnSketch::default() };
        let refers = |name: &str, rows| TableSketch {
            columns: vec![body(), of(1)],
            name: name.into(),
            rows,
            foreign_keys: vec![("staff_no".into(), "hr.staff".into(), "staff_no".into())],
            ..TableSketch::default()
        };
        let log = TableSketch {
            name: "hr.log".into(),
            rows: 9,
            foreign_keys: vec![("created_by".into(), "hr.staff".into(), "staff_no".into())],
            ..TableSketch::default()
        };
        let tables = vec![staff(key(50, same)), refers("hr.medication", 19), refers("hr.later", 0), log];
        check_data(&data(tables.clone()), "hr.medication", "19 rows lead to people", Some(Severity::Blind));
        check_data(&data(tables.clone()), "hrs", "1 tables lead to people, are empty and are not described: hr.later", Some(Severity::Costly));
        check_data(&data(tables), "hr.log", "", None);
        // Of organisations, and of nobody at all; and one of keys alone.
        let firm = TableSketch { columns: vec![body(), of(0)], ..refers("hr.firm", 1) };
        let unused = TableSketch { columns: vec![body(), ColumnSketch { filled: 0, ..of(0) }], ..refers("hr.unused", 9) };
        let link = TableSketch { columns: vec![of(1)], ..refers("hr.link", 9) };
        let tables = vec![staff(key(50, same)), firm, unused, link];
        check_data(&data(tables.clone()), "hr.firm", "", None);
        check_data(&data(tables.clone()), "hr.unused", "", None);
        check_data(&data(tables), "hrs", "1 tables lead to people, hold keys alone and are not described: hr.link", Some(Severity::Costly));
        let held = Data { unclear_statuses: [("staff".to_owned(), 14), ("Ada's remark".to_owned(), 1)].into(), ..Data::default() };
        check_data(&held, "register", "15 people have a status", Some(Severity::Costly));
        check_data(&held, "register", "remark", None);
        let unmapped = Data { unmapped_sessions: [("kms-app".to_owned(), vec!["cookie.sid".to_owned()])].into(), ..Data::default() };
        check_data(&unmapped, "kms-app", "cookie.sid", Some(Severity::Costly));
        assert_eq!(cookies_of("$remote_addr \"$cookie_portal\" %{JID}C %{X-User}i $cookie_"), ["$cookie_portal", "%{JID}C"]);
    }

    #[test]
    fn roles_and_sessions_that_no_log_or_system_names_are_told() {
        check(|e| (e.session, e.account) = (None, Some("stranger".into())), "roles", "stranger (10 statements)", Severity::Costly);
        check(|e| e.account = Some("stranger".into()), "hrs", "ran no statement in any log", Severity::Costly);
        check(|e| (e.class, e.session) = (Class::Http, None), "sessions", "no log tells the session", Severity::Costly);
    }

    #[test]
    fn no_advice_blinds() {
        let text = include_str!("readiness.rs");
        let advice = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in advice.lines().filter(|line| line.contains("log_statement = 'all'") || line.contains("log_min_duration_statement")) {
            assert!(line.contains("beside pgaudit") && line.contains("log_parameter_max_length"), "{line}");
        }
    }

    /// The answers on the log of one source with these records: kind, command, statement, value.
    fn answers_on(records: &[(RecordKind, &'static str, &'static str, Option<&'static str>)]) -> Vec<Answer> {
        let estate: Estate = toml::from_str(include_str!("../../../examples/prison-service/estate.toml")).expect("the kept example is valid");
        let mut builder = EventBatchBuilder::new();
        for (n, (kind, command, statement, value)) in records.iter().enumerate() {
            let place = EventRef { artefact: ArtefactId("a".into()), offset: n as u64, length: 1 };
            let activity = if *command == "SELECT" { Activity::Read } else { Activity::Query };
            let mut event = Event::new(Instant(n as i64), Class::Datastore, activity, place);
            (event.source, event.session, event.record_kind) = ("db-log".into(), Some("s".into()), Some(*kind));
            (event.command, event.statement) = (Some((*command).into()), Some((*statement).into()));
            event.parameters = value.map(|value| vec![Some(value.into())]);
            builder.push(&event);
        }
        let mut observer = Observer::default();
        observe(&mut observer, builder);
        observer.judge(&estate, &Data::default())
    }

    fn check_bound(records: &[(RecordKind, &'static str, &'static str, Option<&'static str>)], expected: Option<&str>) {
        let answers = answers_on(records);
        let found = answers.iter().find(|a| a.found.contains("bind values")).map(|a| a.found.as_str());
        assert_eq!(found.map(|f| f.split(" statements").next().unwrap_or_default()), expected, "{answers:#?}");
        assert!(!answers.iter().any(|a| a.found.contains(" of 0 ")), "{answers:#?}");
    }

    #[test]
    fn values_are_missed_where_no_record_of_an_execution_has_them() {
        use RecordKind::{Duration, Execute, MysqlAudit, MysqlGeneral, Other, PgauditSession, Statement};
        const ASKS: &str = "SELECT a FROM t WHERE k = $1";
        check_bound(&[(PgauditSession, "SELECT", "SELECT a FROM t WHERE doc ? 'k' -- $1", None)], None);
        check_bound(&[(Statement, "PREPARE", "PREPARE p AS SELECT a FROM t WHERE k = $1", None), (Statement, "EXECUTE", "EXECUTE p(7)", None)], None);
        check_bound(&[(Other, "PARSE", ASKS, None), (Other, "BIND", ASKS, None), (Duration, "SELECT", ASKS, Some("7"))], None);
        check_bound(&[(Execute, "SELECT", ASKS, None), (PgauditSession, "SELECT", ASKS, Some("7"))], None);
        check_bound(&[(Execute, "SELECT", ASKS, None), (PgauditSession, "SELECT", "SELECT b FROM t WHERE k = $1", Some("7"))], Some("1 of 2"));
        check_bound(&[(PgauditSession, "SELECT", ASKS, None)], Some("1 of 1"));
        check_bound(&[(MysqlGeneral, "PREPARE", "SELECT a FROM t WHERE k = ?", None), (MysqlGeneral, "SELECT", "SELECT a FROM t WHERE k = 7", None)], None);
        check_bound(&[(MysqlAudit, "SELECT", "SELECT a FROM t WHERE k = ? AND b = '?'", None)], Some("1 of 1"));
    }

    #[test]
    fn a_log_without_reads_or_counts_says_so_in_words() {
        let told = |kind, command, found: &str, severity| {
            let answers = answers_on(&[(kind, command, "SELECT a FROM t", None)]);
            assert!(answers.iter().any(|a| a.found.contains(found) && a.severity == severity && a.mend.is_some()), "{answers:#?}");
        };
        told(RecordKind::PgauditSession, "INSERT", "none of 1 statements is a read", Severity::Blind);
        told(RecordKind::Execute, "SELECT", "none of 1 reads stands in an audit log", Severity::Costly);
        told(RecordKind::PgauditSession, "SELECT", "0 of 1 audited reads carry a row count", Severity::Costly);
    }

    #[test]
    fn a_statement_that_is_only_prepared_lacks_no_values() {
        let seen = |kind: RecordKind| {
            let place = EventRef { artefact: ArtefactId("a".into()), offset: 0, length: 1 };
            let mut event = Event::new(Instant(0), Class::Datastore, Activity::Query, place);
            (event.source, event.statement, event.command) = ("db-log".into(), Some("SELECT a FROM t WHERE k = ?".into()), Some("PREPARE".into()));
            event.record_kind = Some(kind);
            let mut builder = EventBatchBuilder::new();
            builder.push(&event);
            let mut observer = Observer::default();
            observe(&mut observer, builder);
            observer.sources["db-log"].bound.asked()
        };
        assert_eq!((seen(RecordKind::MysqlGeneral), seen(RecordKind::MysqlSlow)), (0, 1));
    }

    #[test]
    fn a_system_whose_connections_cannot_be_told_is_named() {
        let mut estate: Estate = toml::from_str(include_str!("../../../examples/prison-service/estate.toml")).expect("the kept example is valid");
        let named = |estate: &Estate| {
            let mut answers = Vec::new();
            judge_data(estate, &mut answers);
            answers.iter().filter(|a| a.found.contains("neither its addresses")).map(|a| a.subject.clone()).collect::<Vec<_>>()
        };
        assert!(named(&estate).is_empty());
        for system in &mut estate.systems {
            (system.addresses, system.roles) = (Vec::new(), Vec::new());
        }
        assert_eq!(named(&estate), ["kms", "hrs"]);
    }
}
