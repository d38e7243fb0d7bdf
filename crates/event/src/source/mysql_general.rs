//! The general query log of MySQL and MariaDB
//! (<https://dev.mysql.com/doc/refman/8.4/en/query-log.html>, <https://mariadb.com/kb/en/general-query-log/>) and,
//! told apart by content, their slow query log, which has row counts.
//!
//! Neither escapes line ends: a statement that holds a line like the log's own can forge a record. The audit plug-ins
//! are the better evidence.

use std::borrow::Cow;
use std::collections::HashMap;

use strandline_model::event::{Activity, Class, Event, RecordKind, Status};

use super::Format;
use super::draft::Draft;
use crate::sql::Dialect;
use crate::stamp::{self, Stamp, Zone};
use crate::{Context, EventError, MAX_RECORD_BYTES, Output, Record};

/// Connections that are remembered at a time.
const MOST_CONNECTIONS: usize = 65_536;

const SECOND_MICROS: i32 = 1_000_000;

/// Commands that the general log names.
const COMMANDS: &[&str] = &[
    "Sleep",
    "Quit",
    "Init DB",
    "Query",
    "Field List",
    "Create DB",
    "Drop DB",
    "Refresh",
    "Shutdown",
    "Statistics",
    "Processlist",
    "Connect",
    "Kill",
    "Debug",
    "Ping",
    "Time",
    "Delayed insert",
    "Change user",
    "Binlog Dump",
    "Binlog Dump GTID",
    "Table Dump",
    "Connect Out",
    "Register Slave",
    "Register Replica",
    "Prepare",
    "Execute",
    "Long Data",
    "Close stmt",
    "Reset stmt",
    "Set option",
    "Fetch",
    "Daemon",
    "Error",
    "Reset Connection",
    "clone",
    "Bulk_execute",
    "Slave_worker",
    "Slave_IO",
    "Slave_SQL",
    "Com_multi",
];

/// A general or slow query log.
pub struct MysqlGeneral {
    zone: Zone,
    stamp: Option<Stamp>,
    pending: Option<Pending>,
    connections: HashMap<u64, Connection>,
    /// Starts of the server seen so far: thread ids begin again at each.
    starts: u32,
    slow: bool,
}

/// Who a thread id belongs to.
#[derive(Clone, Debug, Default)]
struct Connection {
    account: Option<String>,
    host: Option<String>,
    database: Option<String>,
}

/// A record whose statement may go on in the next line.
struct Pending {
    stamp: Stamp,
    thread: Option<u64>,
    command: String,
    argument: String,
    slow: Option<Slow>,
    offset: u64,
    line: u64,
    end: u64,
}

/// The head of a slow log's record.
#[derive(Clone, Debug, Default)]
struct Slow {
    connection: Connection,
    micros: Option<i64>,
    /// `SET timestamp=`, microseconds: by the server when the statement began, or what a client made of it.
    began: Option<i64>,
    rows_sent: Option<i64>,
    /// Rows that a write changed (MariaDB, Percona).
    rows_affected: Option<i64>,
    /// The server's number of the error, 0 for none (MySQL with `log_slow_extra`: `Errno`; Percona: `Last_errno`).
    error: Option<i64>,
    labels: Vec<(&'static str, String)>,
}

impl MysqlGeneral {
    /// For one artefact; `head` tells a slow log from a general log.
    ///
    /// # Errors
    /// If the estate names no zone that exists.
    pub fn new(context: &Context<'_>, head: &[u8]) -> Result<Self, EventError> {
        let slow = String::from_utf8_lossy(head).lines().any(|l| l.starts_with("# User@Host:") || l.starts_with("# Query_time:"));
        Ok(Self { zone: Zone::of(context)?, stamp: None, pending: None, connections: HashMap::new(), starts: 0, slow })
    }

    fn general_line(&mut self, text: &str, record: &Record<'_>, output: &mut Output<'_>) {
        match record_head(text, &self.zone) {
            Some(head) => {
                self.settle(output);
                if head.stamp.is_some() {
                    self.stamp = head.stamp;
                }
                match self.stamp {
                    Some(stamp) => self.pending = Some(Pending::new(stamp, Some(head.thread), head.command, head.argument, record)),
                    None => output.refuse(record, "no time stamp yet: the log begins in the middle of a second"),
                }
            }
            None => self.other_line(text, record, output),
        }
    }

    /// The header that a server writes when it starts, or a line that goes on.
    fn other_line(&mut self, text: &str, record: &Record<'_>, output: &mut Output<'_>) {
        if is_header(text) {
            self.settle(output);
            if text.ends_with("started with:") {
                self.starts += 1;
                self.connections.clear();
            }
            return output.pass(record);
        }
        match &mut self.pending {
            Some(pending) if pending.argument.len() + text.len() < MAX_RECORD_BYTES => pending.go_on(text, record),
            _ if text.is_empty() => output.pass(record),
            _ => output.refuse(record, "not a record of a general query log"),
        }
    }

    fn slow_line(&mut self, text: &str, record: &Record<'_>, output: &mut Output<'_>) {
        if is_header(text) {
            self.settle(output);
            return output.pass(record);
        }
        let Some(comment) = text.strip_prefix("# ") else {
            return match &mut self.pending {
                Some(pending) if pending.slow.is_some() => {
                    let began = text.strip_prefix("SET timestamp=").filter(|_| pending.argument.is_empty());
                    if let (Some(seconds), Some(slow)) = (began.and_then(|t| t.trim_end_matches(';').parse::<f64>().ok()), &mut pending.slow) {
                        slow.began = micros_of(seconds).filter(|micros| *micros > 0);
                    } else if let Some(name) = text.strip_prefix("use ").filter(|_| pending.argument.is_empty()) {
                        if let Some(slow) = &mut pending.slow {
                            slow.connection.database = Some(name.trim_end_matches(';').trim_matches('`').to_owned());
                        }
                    } else if pending.argument.len() + text.len() < MAX_RECORD_BYTES {
                        pending.go_on(text, record);
                        return;
                    }
                    pending.end = record.end();
                }
                _ => output.refuse(record, "not a record of a slow query log"),
            };
        };
        if let Some(time) = comment.strip_prefix("Time: ") {
            self.settle(output);
            self.stamp = stamp::parse(time, &self.zone).or_else(|| old_stamp(time, &self.zone).map(|(s, _)| s));
            return output.pass(record);
        }
        if self.pending.as_ref().is_some_and(|p| !p.argument.is_empty()) {
            self.settle(output);
        }
        let unknown = Stamp { time: strandline_model::time::Instant(0), precision_micros: SECOND_MICROS, utc_offset_seconds: 0 };
        let stamp = self.stamp.unwrap_or(unknown);
        let pending = self.pending.get_or_insert_with(|| Pending { slow: Some(Slow::default()), ..Pending::new(stamp, None, "Query", "", record) });
        pending.slow_comment(comment);
    }

    fn settle(&mut self, output: &mut Output<'_>) {
        let Some(mut pending) = self.pending.take() else { return };
        let record = Record::at(pending.offset, pending.end, pending.line);
        if pending.slow.is_some() && !pending.settle_slow() {
            return output.refuse(&record, "a record of a slow query log without a time");
        }
        let place = output.place(&record);
        let mut event = Event::new(pending.stamp.time, Class::Datastore, Activity::Query, place);
        event.time_precision_micros = pending.stamp.precision_micros;
        event.utc_offset_seconds = pending.stamp.utc_offset_seconds;
        event.record_kind = Some(if pending.slow.is_some() { RecordKind::MysqlSlow } else { RecordKind::MysqlGeneral });
        event.session = pending.thread.map(|thread| Cow::Owned(if self.starts > 1 { format!("{thread}@{}", self.starts) } else { thread.to_string() }));
        let mut draft = Draft::new(event);
        self.command(&pending, &mut draft);
        output.event(&record, draft.finish());
    }

    fn command<'e>(&mut self, pending: &'e Pending, draft: &mut Draft<'e>) {
        let argument = pending.argument.as_str();
        let thread = pending.thread.unwrap_or(0);
        match pending.command.as_str() {
            "Connect" | "Change user" => self.connect(thread, argument, draft),
            "Quit" => {
                self.fill(thread, draft);
                self.connections.remove(&thread);
                draft.event.activity = Activity::Disconnect;
                draft.event.status = Status::Success;
            }
            "Init DB" => {
                self.connection(thread).database = Some(argument.to_owned());
                self.fill(thread, draft);
                draft.event.command = Some(Cow::Borrowed("USE"));
            }
            "Query" | "Execute" | "Prepare" => {
                self.fill(thread, draft);
                if let Some(slow) = &pending.slow {
                    slow.fill(draft);
                }
                draft.statement(argument, Dialect::MySql, |_| Vec::new());
                if draft.event.activity == Activity::Write {
                    let changed = pending.slow.as_ref().and_then(Slow::rows_changed);
                    draft.event.row_count = changed; // not the rows sent: a write sends none
                    let is_told = changed.is_some() || pending.slow.as_ref().is_some_and(|slow| slow.error.is_some());
                    if !is_told {
                        draft.event.status = Status::Unknown;
                    }
                }
                if pending.command == "Prepare" {
                    draft.event.activity = Activity::Query;
                    draft.event.command = Some(Cow::Borrowed("PREPARE"));
                }
            }
            other => {
                self.fill(thread, draft);
                draft.event.activity = Activity::Other;
                draft.event.command = Some(Cow::Owned(other.to_ascii_uppercase()));
                draft.message(argument);
            }
        }
    }

    /// `user@host on db using TCP/IP`, or `Access denied for user 'user'@'host' (using password: YES)`.
    fn connect<'e>(&mut self, thread: u64, argument: &'e str, draft: &mut Draft<'e>) {
        draft.message(argument);
        if argument.starts_with("Access denied") {
            let mut quoted = argument.split('\'').skip(1).step_by(2);
            draft.event.class = Class::Authentication;
            draft.event.activity = Activity::Logon;
            draft.event.status = Status::Failure;
            draft.event.account = quoted.next().filter(|v| !v.is_empty()).map(Cow::Borrowed).or(draft.event.account.take());
            draft.event.src_ip = quoted.next().filter(|v| !v.is_empty()).map(Cow::Borrowed);
            return;
        }
        let (who, rest) = argument.split_once(" on ").map_or((argument, ""), |(who, rest)| (who, rest));
        let (account, host) = who.rsplit_once('@').unwrap_or((who, ""));
        let host = host.split(' ').next().unwrap_or_default();
        let database = rest.split(" using ").next().unwrap_or_default().trim();
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        *self.connection(thread) = Connection { account: some(account.trim()), host: some(host), database: some(database) };
        self.fill(thread, draft);
        draft.event.activity = Activity::Connect; // a refusal follows as a record of its own
    }

    fn connection(&mut self, thread: u64) -> &mut Connection {
        if self.connections.len() >= MOST_CONNECTIONS {
            self.connections.clear();
        }
        self.connections.entry(thread).or_default()
    }

    fn fill(&self, thread: u64, draft: &mut Draft<'_>) {
        if let Some(connection) = self.connections.get(&thread) {
            connection.fill(draft);
        }
    }
}

impl Connection {
    fn fill(&self, draft: &mut Draft<'_>) {
        draft.event.account = self.account.clone().map(Cow::Owned);
        draft.event.src_ip = self.host.clone().map(Cow::Owned);
        draft.event.database = self.database.clone().map(Cow::Owned);
    }
}

impl Slow {
    /// The rows that a write changed. The log holds writes that failed, too, and counts none for them: no row says nothing.
    fn rows_changed(&self) -> Option<i64> {
        self.rows_affected.filter(|rows| *rows > 0)
    }

    fn fill(&self, draft: &mut Draft<'_>) {
        self.connection.fill(draft);
        draft.event.duration_micros = self.micros;
        draft.event.row_count = self.rows_sent;
        draft.event.status = if self.error.is_some_and(|number| number != 0) { Status::Failure } else { Status::Success };
        for (key, value) in &self.labels {
            draft.label(key, value);
        }
    }
}

impl Pending {
    fn new(stamp: Stamp, thread: Option<u64>, command: &str, argument: &str, record: &Record<'_>) -> Self {
        let end = record.end();
        Self { stamp, thread, command: command.to_owned(), argument: argument.to_owned(), slow: None, offset: record.offset, line: record.line, end }
    }

    fn go_on(&mut self, text: &str, record: &Record<'_>) {
        if !(self.argument.is_empty() && self.slow.is_some()) {
            self.argument.push('\n');
        }
        self.argument.push_str(text);
        self.end = record.end();
    }

    /// Sets when the statement began, as the other logs have it, and takes off the semicolon that this log adds; whether
    /// there is a time at all. `# Time:` says when the statement ended, some servers to the second only. `SET timestamp=`
    /// says when it began, but a client may have set it: it counts only where it fits, or where nothing else is.
    fn settle_slow(&mut self) -> bool {
        let Some(slow) = &self.slow else { return true };
        if let Some(statement) = self.argument.strip_suffix(';') {
            self.argument.truncate(statement.len());
        }
        let ended = self.stamp.time.micros();
        let began = ended.saturating_sub(slow.micros.unwrap_or(0));
        self.stamp.time = strandline_model::time::Instant(match slow.began {
            Some(said) if ended == 0 => said,
            Some(said) if self.stamp.precision_micros >= SECOND_MICROS && (said.saturating_sub(began)).saturating_abs() <= i64::from(2 * SECOND_MICROS) => said,
            _ => began,
        });
        ended != 0 || slow.began.is_some()
    }

    /// `User@Host: u[u] @ host [ip]  Id: 8`, `Query_time: 0.1  Lock_time: 0  Rows_sent: 1 …`, `Thread_id: 5  Schema: db …`.
    fn slow_comment(&mut self, comment: &str) {
        let Some(slow) = &mut self.slow else { return };
        if let Some(who) = comment.strip_prefix("User@Host: ") {
            let (account, rest) = who.split_once('[').unwrap_or((who, ""));
            let place = rest.split_once('@').map_or("", |(_, place)| place).trim();
            let (host, address) = place.split_once('[').map_or((place, ""), |(host, rest)| (host.trim(), rest.split(']').next().unwrap_or_default()));
            let address = if address.is_empty() { host } else { address };
            slow.connection.account = (!account.trim().is_empty()).then(|| account.trim().to_owned());
            slow.connection.host = (!address.is_empty()).then(|| address.to_owned());
        }
        for (key, value) in comment.split_whitespace().collect::<Vec<_>>().windows(2).map(|pair| (pair[0], pair[1])) {
            match key {
                "Id:" | "Thread_id:" => self.thread = value.parse().ok(),
                "Schema:" => slow.connection.database = (!value.ends_with(':')).then(|| value.to_owned()),
                "Query_time:" => slow.micros = value.parse().ok().and_then(micros_of),
                "Rows_sent:" => slow.rows_sent = value.parse().ok(),
                "Rows_examined:" => slow.labels.push(("rows_examined", value.to_owned())),
                "Rows_affected:" => {
                    slow.rows_affected = value.parse().ok();
                    slow.labels.push(("rows_affected", value.to_owned()));
                }
                "Errno:" | "Last_errno:" => slow.error = value.parse().ok(),
                _ => {}
            }
        }
    }
}

impl Format for MysqlGeneral {
    fn name(&self) -> &'static str {
        if self.slow { "mysql_slow" } else { "mysql_general" }
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        let text = String::from_utf8_lossy(record.bytes);
        if self.slow { self.slow_line(&text, record, output) } else { self.general_line(&text, record, output) }
    }

    fn finish(&mut self, output: &mut Output<'_>) {
        self.settle(output);
    }
}

/// The beginning of a general log's record.
struct Head<'t> {
    stamp: Option<Stamp>,
    thread: u64,
    command: &'t str,
    argument: &'t str,
}

/// `[stamp] <blank> id <blank> Command <tab> argument`; the stamp is left out within one second by old servers.
fn record_head<'t>(text: &'t str, zone: &Zone) -> Option<Head<'t>> {
    let (stamp, rest) = if text.starts_with(['\t', ' ']) && !text.trim_start().is_empty() && text.starts_with("\t\t") {
        (None, text)
    } else if let Some((stamp, rest)) = old_stamp(text, zone) {
        (Some(stamp), rest)
    } else {
        let end = text.find(['\t', ' '])?;
        (Some(stamp::parse(&text[..end], zone)?), &text[end..])
    };
    let rest = rest.trim_start_matches(['\t', ' ']);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let thread = rest[..digits].parse().ok()?;
    let rest = rest[digits..].strip_prefix(' ')?.trim_start_matches(' ');
    let (command, argument) = rest.split_once('\t').unwrap_or((rest, ""));
    COMMANDS.contains(&command.trim_end()).then(|| Head { stamp, thread, command: command.trim_end(), argument })
}

/// `260124 21:00:00` or `260124  9:00:00`.
fn old_stamp<'t>(text: &'t str, zone: &Zone) -> Option<(Stamp, &'t str)> {
    let bytes = text.as_bytes();
    let shape = bytes.len() >= 15 && bytes[..6].iter().all(u8::is_ascii_digit) && bytes[6] == b' ' && bytes[9] == b':' && bytes[12] == b':';
    if !shape || !text.is_char_boundary(15) {
        return None;
    }
    let hour = text[7..9].trim();
    let written = format!("20{}-{}-{} {hour:0>2}:{}", &text[..2], &text[2..4], &text[4..6], &text[10..15]);
    Some((stamp::parse(&written, zone)?, &text[15..]))
}

/// Seconds of a log as microseconds; `None` for what is no time of this calendar.
fn micros_of(seconds: f64) -> Option<i64> {
    (0.0..=253_402_300_799.0).contains(&seconds).then(|| (seconds * 1e6).round() as i64)
}

/// One of the three lines that a server writes when it opens the log: `Time`, `Id`, `Command`, `Argument` stand apart by
/// blanks in MySQL and by tabs in MariaDB.
fn is_header(text: &str) -> bool {
    text.contains(", Version: ") && text.ends_with("started with:")
        || text.starts_with("Tcp port:")
        || text.starts_with("TCP Port:")
        || text.starts_with("Time") && text.split_ascii_whitespace().eq(["Time", "Id", "Command", "Argument"])
}

#[cfg(test)]
mod tests {
    use super::MysqlGeneral;
    use crate::testing;

    fn check(input: &str, expected: &str) {
        let (collected, _) = testing::read(input.as_bytes(), None, |context, head| Ok(Box::new(MysqlGeneral::new(context, head)?)));
        assert_eq!(collected.text(), expected);
    }

    #[test]
    fn stamps_of_version_8() {
        check(
            "/usr/sbin/mysqld, Version: 8.0.36 (MySQL). started with:\nTcp port: 3306  Unix socket: /x\nTime                 Id Command    Argument\n\
             2026-01-24T21:00:00.123456Z\t   12 Connect\tapp@10.0.0.5 on hr using TCP/IP\n\
             2026-01-24T21:00:01.000000Z\t   12 Query\tSELECT *\nFROM staff /*request_id='r1'*/\n\
             2026-01-24T21:00:01.500000Z\t   12 Execute\tSELECT 1 FROM account WHERE password = 'x'\n\
             2026-01-24T21:00:02.000000Z\t   12 Quit\t\n\
             2026-01-24T21:00:03.000000Z\t   13 Connect\tAccess denied for user 'root'@'10.0.0.9' (using password: YES)\n",
            "4 datastore_activity/connect/unknown ip=10.0.0.5 account=app session=12 database=hr kind=mysql_general message=app@10.0.0.5 on hr using TCP/IP\n\
             5 datastore_activity/read/unknown ip=10.0.0.5 account=app session=12 request=r1 database=hr command=SELECT statement=SELECT *\\nFROM staff kind=mysql_general\n\
             7 datastore_activity/read/unknown ip=10.0.0.5 account=app session=12 database=hr command=SELECT statement=SELECT 1 FROM account WHERE password = '[masked]' kind=mysql_general masked=yes\n\
             8 datastore_activity/disconnect/success ip=10.0.0.5 account=app session=12 database=hr kind=mysql_general\n\
             9 authentication/logon/failure ip=10.0.0.9 account=root session=13 kind=mysql_general message=Access denied for user 'root'@'10.0.0.9' (using password: [masked])",
        );
    }

    #[test]
    fn a_stamp_on_the_first_line_of_a_second_only() {
        check(
            "260124  9:00:00\t    5 Connect\tapp@localhost as anonymous on \n\t\t    5 Init DB\thr\n\t\t    5 Query\tINSERT INTO t VALUES (1)\n",
            "1 datastore_activity/connect/unknown ip=localhost account=app session=5 kind=mysql_general message=app@localhost as anonymous on \n\
             2 datastore_activity/query/unknown ip=localhost account=app session=5 database=hr command=USE kind=mysql_general\n\
             3 datastore_activity/write/unknown ip=localhost account=app session=5 database=hr command=INSERT statement=INSERT INTO t VALUES (1) kind=mysql_general",
        );
    }

    #[test]
    fn a_slow_log_has_row_counts() {
        check(
            "# Time: 2026-01-24T21:00:00.000000Z\n# User@Host: app[app] @ localhost [10.0.0.5]  Id:     8\n\
             # Query_time: 1.500000  Lock_time: 0.000000 Rows_sent: 3  Rows_examined: 9\nuse hr;\nSET timestamp=1769288398;\nSELECT *\nFROM staff;\n",
            "2 datastore_activity/read/success ip=10.0.0.5 account=app session=8 micros=1500000 database=hr command=SELECT statement=SELECT *\\nFROM staff rows=3 kind=mysql_slow labels={\"rows_examined\":\"9\"}",
        );
    }

    #[test]
    fn a_slow_log_tells_of_a_write_that_it_was_done_by_the_rows_or_the_error_alone() {
        let record = |head: &str, statement: &str, line: usize, status: &str, rows: &str, labels: &str| {
            check(
                &format!(
                    "# Time: 2026-01-24T21:00:00.000000Z\n# User@Host: app[app] @ localhost [10.0.0.5]  Id:     8\n# Query_time: 0.5  {head}\nSET timestamp=1769288400;\n{statement};\n"
                ),
                &format!(
                    "{line} datastore_activity/{status} ip=10.0.0.5 account=app session=8 micros=500000 command={} statement={statement}{rows} kind=mysql_slow{labels}",
                    statement.split(' ').next().unwrap_or_default()
                ),
            );
        };
        let delete = "DELETE FROM staff WHERE id = 4";
        record("Rows_affected: 2", delete, 2, "write/success", " rows=2", " labels={\"rows_affected\":\"2\"}");
        record("Rows_affected: 0", delete, 2, "write/unknown", "", " labels={\"rows_affected\":\"0\"}");
        record("Rows_sent: 0", delete, 2, "write/unknown", "", "");
        record("Rows_sent: 0  Errno: 0", delete, 2, "write/success", "", "");
        record("Rows_sent: 0  Errno: 1451", delete, 2, "write/failure", "", "");
        record("Rows_sent: 0  Last_errno: 1242", "SELECT (SELECT id FROM staff)", 2, "read/failure", " rows=0", "");
    }

    #[test]
    fn a_slow_log_of_mariadb_tells_when_a_statement_began_as_far_as_that_can_be_believed() {
        let times = |log: &str| {
            let (collected, _) = testing::read(log.as_bytes(), None, |context, head| Ok(Box::new(MysqlGeneral::new(context, head)?)));
            collected.events().iter().map(|e| e.time.to_string()).collect::<Vec<_>>()
        };
        let record = |timestamp: &str, seconds: &str| {
            format!(
                "# User@Host: a[a] @  [10.0.0.1]\n# Thread_id: 5  Schema: d  QC_hit: No\n# Query_time: {seconds}  Lock_time: 0  Rows_sent: 1\nSET timestamp={timestamp};\nSELECT 1;\n"
            )
        };
        // 2026-01-24T21:00:10Z is 1769288410.
        let log = format!("# Time: 260124 21:00:10\n{}{}{}", record("1769288407", "3.2"), record("1", "0.1"), record("9e300", "9e18"));
        assert_eq!(times(&log), ["2026-01-24T21:00:07.000Z", "2026-01-24T21:00:09.900Z", "2026-01-24T21:00:10.000Z"]);
        // Without `# Time:` nothing else is known.
        assert_eq!(times(&record("1769288407", "3.2")), ["2026-01-24T21:00:07.000Z"]);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(lines in proptest::collection::vec("(260124  9:00:00|\t\t|2026-01-24T21:00:00Z\t|# Time: |# Time: 260124  9:00:00|# User@Host: |# Query_time: |# Query_time: 9e18|SET timestamp=9e300;|SET timestamp=1|use `|é| )?[ -~é\t]{0,40}", 0..6), slow in proptest::bool::ANY) {
            let input = format!("{}{}", if slow { "# User@Host: a[a] @ b []\n" } else { "" }, lines.join("\n"));
            testing::read(input.as_bytes(), None, |context, head| Ok(Box::new(MysqlGeneral::new(context, head)?)));
        }
    }
}
