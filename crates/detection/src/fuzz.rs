//! One call for a fuzzer: any bytes as a rule file, loaded and tried.

use std::borrow::Cow;

use strandline_model::evidence::{ArtefactId, EventRef};
use strandline_model::record::{FieldList, FieldValue, LogRecord};
use strandline_model::time::Instant;

use crate::sigma::{Matcher, RuleFile, RuleSet};

/// A record with a few fields of each kind.
struct Record(i64);

impl LogRecord for Record {
    fn place(&self) -> EventRef {
        EventRef { artefact: ArtefactId(String::new()), offset: self.0.unsigned_abs(), length: 1 }
    }
    fn time(&self) -> Option<Instant> {
        Some(Instant(self.0))
    }
    fn channel(&self) -> Option<&str> {
        Some("@application")
    }
    fn provider(&self) -> Option<&str> {
        None
    }
    fn event_id(&self) -> Option<u32> {
        Some(1)
    }
    fn record_id(&self) -> Option<u64> {
        None
    }
    fn host(&self) -> Option<&str> {
        None
    }
    fn fields<'a>(&'a self, into: &mut FieldList<'a>) {
        into.push((Cow::Borrowed("a"), FieldValue::Text(Cow::Borrowed("C:\\Wïndows\\cmd.exe /c -enc x 10.0.0.1 2025-01-02 03:04:05"))));
        into.push((Cow::Borrowed("b"), FieldValue::Whole(7)));
        into.push((Cow::Borrowed("c"), FieldValue::Null));
        into.push((Cow::Borrowed("EventID"), FieldValue::Whole(1)));
    }
}

/// Loads `bytes` as a rule file and tries its rules. Panics, hangs and unbounded memory are what a fuzzer looks for.
pub fn fuzz_sigma(bytes: &[u8]) {
    let (set, report) = RuleSet::load([("rules.yml".to_owned(), RuleFile::Read(bytes.to_vec()))]);
    for refused in &report.refused {
        let _ = refused.reason.to_string();
    }
    let mut matcher = Matcher::new(&set);
    for second in 0..4 {
        matcher.look(&Record(second), &mut |found| drop(found.fields));
    }
    let (seen, log) = matcher.finish();
    let _ = set.correlate(log);
    let _ = set.unreachable(&seen);
}
