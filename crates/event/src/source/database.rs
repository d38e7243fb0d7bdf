//! Which database log an artefact is, by what its first bytes look like: the estate says `postgresql` or `mysql_…`,
//! the content says the rest.

use super::mysql_audit::MysqlAudit;
use super::mysql_general::MysqlGeneral;
use super::postgres_csv::PostgresCsv;
use super::postgres_json::PostgresJson;
use super::postgres_text::PostgresText;
use super::{Format, Unreadable};
use crate::{Context, EventError};

/// Opens a source that the estate calls `postgresql`, `mysql_general` or `mysql_audit`. csvlog, jsonlog and text are
/// told apart by content, and so are the kinds of MySQL's logs.
///
/// # Errors
/// If the estate describes the source wrongly. A file that is none of these is refused line by line: one odd file must not
/// keep the others from being read.
pub fn open(context: &Context<'_>, head: &[u8]) -> Result<Box<dyn Format>, EventError> {
    Ok(match context.source.format.as_str() {
        "postgresql" if PostgresJson::recognises(head) => Box::new(PostgresJson::new(context)?),
        "postgresql" if PostgresCsv::recognises(head) => Box::new(PostgresCsv::new(context)?),
        "postgresql" => match PostgresText::new(context, head)? {
            Some(text) => Box::new(text),
            None => Box::new(Unreadable { reason: "the lines fit no common log_line_prefix; give it as log_format, as `SHOW log_line_prefix` prints it" }),
        },
        "mysql_general" => Box::new(MysqlGeneral::new(context, head)?),
        "mysql_audit" => Box::new(MysqlAudit::new(context, head)?),
        other => return Err(EventError::Configuration { source_id: context.source.id.clone(), reason: format!("there is no format {other:?}") }),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;
    use crate::testing;

    #[test]
    fn the_kinds_of_postgresql_logs_are_told_apart_by_content() {
        let check = |head: &str, expected: &str| {
            let (_, summary) = testing::read(head.as_bytes(), None, open);
            assert_eq!((summary.format.as_str(), summary.records_refused), (expected, 0), "{head}");
        };
        check("{\"timestamp\":\"2026-11-23 20:46:01.416 UTC\",\"error_severity\":\"LOG\",\"message\":\"x\"}\n", "postgresql_jsonlog");
        check("2026-11-23 20:42:53.049 UTC,,,25930,,6b04a54c.654a,1,,2026-11-23 20:42:52 UTC,,0,LOG,00000,\"x\",,,,,,,,,\"\"\n", "postgresql_csvlog");
        check("2026-11-24 20:54:26.340 UTC [97] LOG:  statement: select 1\n", "postgresql_stderr (log_line_prefix taken to be '%m [%p] ')");
    }

    #[test]
    fn an_odd_file_is_refused_and_stops_nothing() {
        let (collected, summary) = testing::read(b"neither\nnor\n", None, open);
        assert_eq!((summary.format.as_str(), collected.warnings.len()), ("unreadable", 2));
        assert_eq!(testing::read(b"", None, open).1.records_refused, 0);
    }

    /// A log of a recording; `None`, with a word, where the recordings are not at hand.
    fn recorded(path: &str) -> Option<Vec<u8>> {
        let base = std::env::var("STRANDLINE_SHARED").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").to_owned());
        let bytes = std::fs::read(PathBuf::from(base).join("recordings").join(path)).ok();
        if bytes.is_none() {
            println!("skipped: {path} is not at hand");
        }
        bytes
    }

    /// Values bound where the log itself says `password_md5 = md5($2)`, straight from the raw text.
    fn passwords(text: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        for line in text.lines().filter(|l| l.contains("password_md5 = md5($2)")) {
            if let Some((_, after)) = line.split_once("$2 = '") {
                found.insert(after.split('\'').next().unwrap_or_default());
            } else if let Some((_, after)) = line.split_once("md5($2),") {
                let list = after.trim_start_matches(['\\', '"']);
                found.insert(list.split(',').nth(1).unwrap_or_default().trim_end_matches(['\\', '"']));
            }
        }
        found.remove("");
        found
    }

    fn check_recording(path: &str, fewest_events: usize) {
        let Some(bytes) = recorded(path) else { return };
        let (collected, summary) = testing::read(&bytes, None, open);
        assert_eq!(summary.records_refused, 0);
        assert!(collected.events().len() >= fewest_events);
        let text = collected.text();
        let raw = String::from_utf8_lossy(&bytes);
        let secrets = passwords(&raw);
        assert!(secrets.len() > 20, "the recording holds passwords");
        // No secret is printed, whatever the outcome: only how many came through.
        assert_eq!(secrets.iter().filter(|secret| text.contains(**secret)).count(), 0, "passwords of the log stand in its events");
    }

    #[test]
    fn no_password_of_the_recorded_csvlog_reaches_an_event() {
        check_recording("kms-pivot/evidence/db/postgresql.csv", 5000);
    }

    #[test]
    fn no_password_of_the_recorded_jsonlog_reaches_an_event() {
        check_recording("quiet-hours/evidence/db/postgresql.json", 2000);
    }
}
