//! PostgreSQL csvlog, as versions 9 to 18 write it
//! (<https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-LOGGING-CSVLOG>).
//!
//! Lines are joined here and not by the framing: a record that a crash tore in the middle of a quoted field would
//! otherwise turn every quote after it inside out. Such a record costs its own line, and the next line starts anew.

use std::borrow::Cow;

use super::Format;
use super::postgres::{Entry, Log, audit_message, csv_fields, filled, split_remote, without_lead};
use crate::stamp::{self, Zone};
use crate::{Context, EventError, MAX_RECORD_BYTES, Output, Record};

/// Columns up to version 12; 13 adds backend_type, 14 leader_pid and query_id.
const FEWEST_COLUMNS: usize = 23;

/// The most that a future version may add.
const MOST_COLUMNS: usize = 40;

/// A csvlog.
pub struct PostgresCsv {
    zone: Zone,
    log: Log,
    pending: Vec<Line>,
    pending_bytes: usize,
    open_quote: bool,
}

/// A line that waits for the end of its record.
struct Line {
    bytes: Vec<u8>,
    offset: u64,
    end: u64,
    line: u64,
}

impl PostgresCsv {
    /// For one artefact.
    ///
    /// # Errors
    /// If the estate names no zone that exists.
    pub fn new(context: &Context<'_>) -> Result<Self, EventError> {
        Ok(Self { zone: Zone::of(context)?, log: Log::default(), pending: Vec::new(), pending_bytes: 0, open_quote: false })
    }

    /// Whether one of the first lines of `head` begins a record of a csvlog: the very first may be the end of one.
    pub fn recognises(head: &[u8]) -> bool {
        head.split(|b| *b == b'\n').filter(|line| !line.is_empty()).take(200).any(begins_a_record)
    }

    fn whole(&mut self, bytes: &[u8], record: &Record<'_>, output: &mut Output<'_>) -> Result<(), &'static str> {
        let text = String::from_utf8_lossy(bytes);
        let fields = csv_fields(without_lead(&text)).ok_or("not a record of a csvlog: a quoted field does not end")?;
        let audited = audit_of(&fields);
        let entry = match &audited {
            Some(message) => audit_entry(&fields, message, &self.zone)?,
            None => entry_of(&fields, &self.zone)?,
        };
        let place = output.place(record);
        let event = self.log.read(&entry, place);
        output.event(record, event);
        Ok(())
    }

    /// Reads the lines that wait, as one record. If they are none, the first costs itself and the rest are read again.
    fn settle(&mut self, output: &mut Output<'_>) {
        let mut lines = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        self.open_quote = false;
        let bytes = lines.iter().map(|l| l.bytes.as_slice()).collect::<Vec<_>>().join(&b"\n"[..]);
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return };
        let record = Record::at(first.offset, last.end, first.line);
        match self.whole(&bytes, &record, output) {
            Ok(()) => {}
            Err(reason) => {
                output.refuse(&record, reason);
                for line in lines.drain(1..) {
                    self.take(line, output);
                }
            }
        }
    }

    fn take(&mut self, line: Line, output: &mut Output<'_>) {
        let quotes = memchr::memchr_iter(b'"', &line.bytes).count();
        self.open_quote ^= quotes % 2 == 1;
        self.pending_bytes += line.bytes.len() + 1;
        self.pending.push(line);
        if !self.open_quote || self.pending_bytes > MAX_RECORD_BYTES {
            self.settle(output);
        }
    }
}

impl Format for PostgresCsv {
    fn name(&self) -> &'static str {
        "postgresql_csvlog"
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        if self.pending.is_empty() && memchr::memchr_iter(b'"', record.bytes).count().is_multiple_of(2) {
            if record.bytes.is_empty() {
                output.pass(record);
            } else if let Err(reason) = self.whole(record.bytes, record, output) {
                output.refuse(record, reason);
            }
            return;
        }
        self.take(Line { bytes: record.bytes.to_vec(), offset: record.offset, end: record.end(), line: record.line }, output);
    }

    fn finish(&mut self, output: &mut Output<'_>) {
        while !self.pending.is_empty() {
            self.settle(output);
        }
    }
}

/// A stamp, in whatever zone, and as many commas behind it as a record has at the least.
fn begins_a_record(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    let Some((time, rest)) = without_lead(&text).split_once(',') else { return false };
    let is_stamp = time.get(..19).is_some_and(|civil| stamp::parse(civil, &Zone::utc()).is_some()) && time.len() <= 40;
    is_stamp && memchr::memchr_iter(b',', rest.as_bytes()).count() >= 10
}

/// The columns that the csvlog and the file of pgauditlogtofile share.
fn shared<'f>(fields: &'f [Cow<'_, str>], severity: &'f str, message: &'f str, zone: &Zone) -> Result<Entry<'f>, &'static str> {
    let field = |index: usize| fields.get(index).and_then(|f| filled(f));
    let written = field(0).unwrap_or("");
    let stamp = stamp::parse(written, zone).ok_or_else(|| {
        let civil = written.get(..19).is_some_and(|civil| stamp::parse(civil, &Zone::utc()).is_some());
        if civil { "the name of its time zone means several; say which in the estate: clock = \"Asia/Kolkata\"" } else { "the first column is no time stamp" }
    })?;
    let mut entry = Entry::new(stamp, severity, message);
    (entry.host, entry.port) = field(4).map_or((None, None), split_remote);
    entry.account = field(1);
    entry.database = field(2);
    entry.pid = field(3).and_then(|p| p.parse().ok());
    entry.session = field(5);
    entry.sequence = field(6).and_then(|n| n.parse().ok());
    entry.transaction = field(9).or(field(10).filter(|id| *id != "0"));
    entry.activity = field(7);
    Ok(entry)
}

/// Whether it is five of the characters that a class and a condition are made of.
fn is_state(field: &str) -> bool {
    field.len() == 5 && field.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

/// The record of pgaudit in a line of pgauditlogtofile, which writes a file of its own layout: the csvlog's first eleven
/// columns, the state where the severity stands there, and then pgaudit's own columns, of which the count of rows may be left out.
fn audit_of(fields: &[Cow<'_, str>]) -> Option<String> {
    let field = |index: usize| fields.get(index).map_or("", AsRef::as_ref);
    let numbers = field(13).parse::<i64>().is_ok() && field(14).parse::<i64>().is_ok();
    if !is_state(field(11)) || !matches!(field(12), "SESSION" | "OBJECT") || !numbers {
        return None;
    }
    // Behind them stand nine columns, the application last; where rows are counted, ten.
    let rows = fields.get(21).filter(|rows| fields.len() > 30 && rows.parse::<i64>().is_ok());
    Some(audit_message(fields.iter().skip(12).take(9).chain(rows).map(AsRef::as_ref)))
}

fn audit_entry<'f>(fields: &'f [Cow<'_, str>], message: &'f str, zone: &Zone) -> Result<Entry<'f>, &'static str> {
    let mut entry = shared(fields, "LOG", message, zone)?;
    entry.code = fields.get(11).map(AsRef::as_ref);
    entry.application = if fields.len() > 30 { fields.get(30).or(fields.get(29)) } else { fields.last() }.and_then(|f| filled(f));
    Ok(entry)
}

/// A severity is a word, in whatever language the server speaks.
fn is_severity(field: &str) -> bool {
    let word = field.trim_end_matches(|c: char| ('1'..='5').contains(&c));
    !word.is_empty() && word.chars().all(|c| c.is_alphabetic() || c == ' ')
}

fn entry_of<'f>(fields: &'f [Cow<'_, str>], zone: &Zone) -> Result<Entry<'f>, &'static str> {
    if !(FEWEST_COLUMNS..=MOST_COLUMNS).contains(&fields.len()) {
        return Err("not a record of a csvlog: it has not 23 columns or more");
    }
    let field = |index: usize| fields.get(index).and_then(|f| filled(f));
    if !field(11).is_some_and(is_severity) || !field(12).is_some_and(is_state) {
        return Err("not a record of a csvlog: no severity and no state stand where they must");
    }
    let mut entry = shared(fields, field(11).unwrap_or(""), field(13).unwrap_or(""), zone)?;
    entry.code = field(12);
    entry.detail = field(14);
    entry.context = field(18);
    entry.statement = field(19);
    entry.application = field(22);
    entry.backend_type = field(23);
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::PostgresCsv;
    use crate::testing;

    fn check(input: &str, expected: &str) {
        let (collected, _) = testing::read(input.as_bytes(), None, |context, _| Ok(Box::new(PostgresCsv::new(context)?)));
        assert_eq!(collected.text(), expected);
    }

    /// One record of the columns that matter here; 26 columns as version 14 and later write them.
    fn record(sequence: u32, severity: &str, code: &str, message: &str, detail: &str, context: &str, statement: &str) -> String {
        let quoted = |text: &str| if text.is_empty() { String::new() } else { format!("\"{}\"", text.replace('"', "\"\"")) };
        format!(
            "2026-11-23 20:42:57.145 UTC,\"app\",\"hr\",7,\"10.0.0.5:123\",s.7,{sequence},\"x\",2026-11-23 20:42:57 UTC,5/16,0,{severity},{code},{},{},,,,{},{},,,\"psql\",\"client backend\",,0\n",
            quoted(message),
            quoted(detail),
            quoted(context),
            quoted(statement)
        )
    }

    /// What every such event begins with.
    const WHO: &str = "ip=10.0.0.5 port=123 account=app session=s.7";

    fn check_message(message: &str, detail: &str, expected: &str) {
        check(&record(1, "LOG", "00000", message, detail, "", ""), &expected.replace("WHO", WHO).replace(" AT ", " database=hr application=psql pid=7 "));
    }

    #[test]
    fn statements_and_their_parameters() {
        check_message(
            "execute st1/p1: SELECT 1 FROM a WHERE u = $1 AND password_md5 = md5($2) AND c = $3",
            "parameters: $1 = 'a''b', $2 = 'x', $3 = NULL",
            "1 datastore_activity/read/unknown WHO AT command=SELECT name=st1/p1 statement=SELECT 1 FROM a WHERE u = $1 AND password_md5 = md5($2) AND c = $3 parameters=[\"a'b\", \"[masked]\", \"NULL\"] sequence=1 transaction=5/16 kind=execute masked=yes",
        );
        check_message(
            "duration: 12.5 ms  statement: UPDATE t SET a = 1",
            "",
            "1 datastore_activity/write/success WHO micros=12500 AT command=UPDATE statement=UPDATE t SET a = 1 sequence=1 transaction=5/16 kind=duration",
        );
        check_message(
            "duration: 0.5 ms  bind <unnamed>: SELECT $1",
            "parameters: $1 = 'v'",
            "1 datastore_activity/query/success WHO micros=500 AT command=BIND statement=SELECT $1 parameters=[\"v\"] sequence=1 transaction=5/16 kind=other",
        );
        check_message(
            "statement: execute q('u', 'x')",
            "prepare: prepare q as select 1 from a where u = $1 and password = $2",
            "1 datastore_activity/query/unknown WHO AT command=EXECUTE statement=execute q('u', '[masked]') sequence=1 transaction=5/16 kind=statement labels={\"prepare\":\"prepare q as select 1 from a where u = $1 and password = $2\"} masked=yes",
        );
    }

    #[test]
    fn what_is_logged_after_the_commit_is_of_no_transaction() {
        let line = record(1, "LOG", "00000", "duration: 12.5 ms  statement: SELECT 1", "", "", "").replace("5/16", "5/0");
        let expected = "1 datastore_activity/read/success WHO micros=12500 AT command=SELECT statement=SELECT 1 sequence=1 kind=duration";
        check(&line, &expected.replace("WHO", WHO).replace(" AT ", " database=hr application=psql pid=7 "));
    }

    #[test]
    fn the_file_of_pgauditlogtofile_has_its_own_columns() {
        let line = |rows: &str| {
            format!(
                "2026-11-23 20:42:57.145 UTC,app,hr,7,10.0.0.5,s.7,1,SELECT,2026-11-23 20:42:00 UTC,5/16,0,00000,SESSION,2,1,READ,SELECT,TABLE,hr.staff,\"select a, b from t where c = $1\",\"C1\"{rows},,,,,,,,,psql\n"
            )
        };
        let expected = |n: u32, status: &str, rows: &str| {
            format!(
                "{n} datastore_activity/read/{status} ip=10.0.0.5 account=app session=s.7 database=hr application=psql pid=7 command=SELECT statement=select a, b from t where c = $1 parameters=[\"C1\"]{rows} sequence=1 statement_id=2 transaction=5/16 kind=pgaudit_session labels={{\"class\":\"READ\",\"object_name\":\"hr.staff\",\"object_type\":\"TABLE\",\"substatement\":\"1\"}}"
            )
        };
        check(&[line(""), line(",3")].concat(), &[expected(1, "unknown", ""), expected(2, "success", " rows=3")].join("\n"));
    }

    #[test]
    fn columns_that_are_no_severity_and_no_state_are_no_csvlog() {
        check(&record(1, "00000", "SESSION", "x", "", "", ""), "1 refused: not a record of a csvlog: no severity and no state stand where they must");
    }

    #[test]
    fn a_zone_of_several_meanings_is_asked_for() {
        let input = record(1, "LOG", "00000", "statement: select 1", "", "", "").replacen(" UTC", " IST", 1);
        assert!(PostgresCsv::recognises(input.as_bytes()));
        check(&input, "1 refused: the name of its time zone means several; say which in the estate: clock = \"Asia/Kolkata\"");
    }

    #[test]
    fn a_file_that_begins_in_the_middle_is_recognised_by_its_first_whole_record() {
        let whole = record(1, "LOG", "00000", "statement: select 1", "", "", "");
        assert!(PostgresCsv::recognises(format!("from staff where a = 1\"\",,,\n{whole}").as_bytes()));
        assert!(PostgresCsv::recognises(format!("\0\0\0{whole}").as_bytes()));
        assert!(!PostgresCsv::recognises(b"2026-11-23 20:42:57 UTC [1] LOG:  statement: select a,b,c,d,e,f,g,h,i,j,k,l,m\n"));
    }

    #[test]
    fn plans_of_auto_explain_are_reads() {
        let text = "duration: 52.114 ms  plan:\nQuery Text: select a\nfrom t where b = $1;\nQuery Parameters: $1 = 'C1'\nSeq Scan on t  (cost=0.00..1.00 rows=9 width=4) (actual time=0.2..0.3 rows=2 loops=1)";
        let json = "duration: 52.114 ms  plan:\n{\"Query Text\": \"select a\\nfrom t where b = $1;\", \"Query Parameters\": \"$1 = 'C1'\", \"Plan\": {\"Node Type\": \"Seq Scan\", \"Actual Rows\": 2, \"Actual Loops\": 1}}";
        for message in [text, json] {
            check_message(
                message,
                "",
                "1 datastore_activity/read/success WHO micros=52114 AT command=SELECT statement=select a\\nfrom t where b = $1; parameters=[\"C1\"] rows=2 sequence=1 transaction=5/16 kind=duration labels={\"auto_explain\":\"true\"}",
            );
        }
    }

    #[test]
    fn audit_records() {
        check_message(
            "AUDIT: SESSION,2,1,READ,SELECT,TABLE,hr.staff,\"select *\nfrom t where b=$1 or c=$2 or d=$3\",\"\"\"it's, \"\"\"\"q\"\"\"\"\nnl\"\",,x\",5",
            "",
            "1 datastore_activity/read/success WHO AT command=SELECT statement=select *\\nfrom t where b=$1 or c=$2 or d=$3 parameters=[\"it's, \\\"q\\\"\\nnl\", \"NULL\", \"x\"] rows=5 sequence=1 statement_id=2 transaction=5/16 kind=pgaudit_session labels={\"class\":\"READ\",\"empty_or_null\":\"true\",\"object_name\":\"hr.staff\",\"object_type\":\"TABLE\",\"substatement\":\"1\"}",
        );
        check_message(
            "AUDIT: OBJECT,2,1,READ,SELECT,TABLE,hr.staff,select 1,<not logged>",
            "",
            "1 datastore_activity/read/unknown WHO AT command=SELECT statement=select 1 sequence=1 statement_id=2 transaction=5/16 kind=pgaudit_object labels={\"class\":\"READ\",\"object_name\":\"hr.staff\",\"object_type\":\"TABLE\",\"substatement\":\"1\"}",
        );
    }

    #[test]
    fn zero_rows_of_a_utility_command_is_no_count() {
        check_message(
            "AUDIT: SESSION,13,1,MISC,FETCH,,,fetch all from c;,<none>,0",
            "",
            "1 datastore_activity/read/success WHO AT command=FETCH statement=fetch all from c; parameters=[] sequence=1 statement_id=13 transaction=5/16 kind=pgaudit_session labels={\"class\":\"MISC\",\"substatement\":\"1\"}",
        );
    }

    #[test]
    fn what_was_previously_logged_is_filled_in() {
        let first = record(1, "LOG", "00000", "AUDIT: SESSION,9,1,READ,SELECT,TABLE,a,select 1 from a where password=$1,x,1", "", "", "");
        let second = record(2, "LOG", "00000", "AUDIT: SESSION,9,1,READ,SELECT,TABLE,b,<previously logged>,<previously logged>,1", "", "", "");
        let third = record(3, "LOG", "00000", "AUDIT: SESSION,10,1,READ,SELECT,TABLE,b,<previously logged>,<previously logged>,1", "", "", "");
        let line = |n: u32, id: u32, object: &str, filled: &str, end: &str| {
            format!(
                "{n} datastore_activity/read/success {WHO} database=hr application=psql pid=7 command=SELECT {filled}rows=1 sequence={n} statement_id={id} transaction=5/16 kind=pgaudit_session labels={{\"class\":\"READ\",\"object_name\":\"{object}\",\"object_type\":\"TABLE\",\"substatement\":\"1\"}}{end}"
            )
        };
        let filled = "statement=select 1 from a where password=$1 parameters=[\"[masked]\"] ";
        check(
            &format!("{first}{second}{third}"),
            &[line(1, 9, "a", filled, " masked=yes"), line(2, 9, "b", filled, " masked=yes"), line(3, 10, "b", "", "")].join("\n"),
        );
    }

    #[test]
    fn errors_keep_the_statement_and_hide_the_value() {
        check(
            &record(
                1,
                "ERROR",
                "23505",
                "duplicate key value violates unique constraint \"t_pkey\"",
                "Key (a)=(7) already exists.",
                "unnamed portal with parameters: $1 = '7'",
                "insert into t values($1)",
            ),
            &format!(
                "1 datastore_activity/error/failure {WHO} database=hr application=psql pid=7 command=INSERT statement=insert into t values($1) parameters=[\"7\"] sequence=1 transaction=5/16 kind=error_context error=23505 message=duplicate key value violates unique constraint \"t_pkey\" error_values=[\"t_pkey\"] labels={{\"detail\":\"Key (a)=([masked]) already exists.\"}}"
            ),
        );
        check(
            &record(1, "FATAL", "28P01", "password authentication failed for user \"app\"", "", "", ""),
            &format!(
                "1 authentication/logon/failure {WHO} database=hr application=psql pid=7 sequence=1 transaction=5/16 error=28P01 message=password authentication failed for user \"app\""
            ),
        );
    }

    #[test]
    fn connections() {
        check_message(
            "disconnection: session time: 1:00:00.048 user=app database=hr host=10.0.0.5 port=123",
            "",
            "1 datastore_activity/disconnect/success WHO micros=3600048000 AT sequence=1 transaction=5/16 message=disconnection: session time: 1:00:00.048 user=app database=hr host=10.0.0.5 port=123",
        );
        check(
            "2026-11-23 20:42:57.141 +08,,,7,,s.7,2,\"authentication\",2026-11-23 20:42:57 UTC,,0,LOG,00000,\"connection authorized: user=an app database=hr application_name=my app SSL enabled (protocol=TLSv1.3)\",,,,,,,,,\"\"\n",
            "1 datastore_activity/connect/success account=an app session=s.7 database=hr application=my app pid=7 sequence=2 message=connection authorized: user=an app database=hr application_name=my app SSL enabled (protocol=TLSv1.3)",
        );
    }

    #[test]
    fn a_record_torn_in_a_quote_does_not_turn_the_rest_inside_out() {
        let torn = "2026-11-23 20:42:57.145 UTC,\"app\",\"hr\",7,\"10.0.0.5:123\",s.7,1,\"x\",2026-11-23 20:42:57 UTC,5/16,0,LOG,00000,\"statement: SEL\n";
        let line = |n: u32, sequence: u32, statement: &str| {
            format!(
                "{n} datastore_activity/read/unknown {WHO} database=hr application=psql pid=7 command=SELECT statement={statement} sequence={sequence} transaction=5/16 kind=statement"
            )
        };
        check(
            &format!(
                "{torn}{}{}{}",
                record(2, "LOG", "00000", "statement: SELECT 1", "", "", ""),
                record(3, "LOG", "00000", "statement: SELECT\n2", "", "", ""),
                record(4, "LOG", "00000", "statement: SELECT 3", "", "", "")
            ),
            &[
                line(2, 2, "SELECT 1"),
                line(3, 3, "SELECT\\n2"),
                line(5, 4, "SELECT 3"),
                "1 refused: not a record of a csvlog: a quoted field does not end".to_owned(),
            ]
            .join("\n"),
        );
    }

    #[test]
    fn a_forged_record_inside_a_statement_stays_a_statement() {
        let forged = record(9, "LOG", "00000", "disconnection: ", "", "", "");
        let input = record(1, "LOG", "00000", &format!("statement: SELECT '\n{forged}'"), "", "", "");
        let (collected, _) = testing::read(input.as_bytes(), None, |context, _| Ok(Box::new(PostgresCsv::new(context)?)));
        assert_eq!((collected.events().len(), collected.warnings.len()), (1, 0));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(lines in proptest::collection::vec("(2026-11-23 20:42:57 UTC,)?(a,){0,20}(LOG|\"|AUDIT: |,){0,8}[ -~é]{0,20}", 0..6), bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            let input = [lines.join("\n").as_bytes(), &bytes].concat();
            testing::read(&input, None, |context, _| Ok(Box::new(PostgresCsv::new(context)?)));
        }
    }
}
