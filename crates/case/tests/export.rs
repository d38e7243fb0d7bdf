//! The exports: what stands in the files, and that the same case gives the same bytes.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

use std::collections::BTreeSet;
use std::io::{self, Write};

use arrow_array::RecordBatch;
use serde_json::Value;
use strandline_case::export::{PeopleSources, StixSources, TierCount, TimelineSources, write_exposures, write_people, write_stix, write_timeline};
use strandline_model::detection::{Decision, Verdict};
use strandline_model::evidence::{ArtefactId, EventRef, Gap, GapKind};
use strandline_model::exposure::{Basis, Certainty, Exposure};
use strandline_model::personal::Personal;
use strandline_model::register::RegisterEntry;
use strandline_model::table::Row;
use strandline_model::time::{Instant, Interval};
use strandline_model::trail::{Step, Strength};

fn place(offset: u64) -> EventRef {
    EventRef { artefact: ArtefactId("0123456789abcdef".into()), offset, length: 7 }
}

fn exposure(subject: &str, category: &str, basis: Basis, certainty: Certainty) -> Exposure {
    Exposure {
        data_subject: subject.into(),
        category: category.into(),
        basis,
        certainty,
        first_seen: Instant(1_000_000),
        last_seen: Instant(2_000_000),
        columns: vec!["hr.staff.name".into()],
        accesses: vec!["a@1".into()],
        access_count: 1,
        missing_proof: (certainty != Certainty::Confirmed).then(|| "=no, row count".into()),
        proof: vec![place(1), place(9)],
    }
}

fn step(id: &str, technique: &str, from_host: &str, at: i64) -> Step {
    Step {
        id: id.into(),
        first: Instant(at),
        last: Instant(at),
        tactic: "collection".into(),
        technique: technique.into(),
        technique_name: "Something".into(),
        from_host: Some(from_host.into()),
        system: "hrs".into(),
        account: Some("wong.siuming".into()),
        session: Some("81b9f5ffad10".into()),
        summary: "Read the records.".into(),
        exploited: None,
        strength: Strength::Proved,
        event_count: 3,
        because: vec![],
        events: (0..20).map(place).collect(),
    }
}

fn gap() -> Gap {
    Gap {
        source: "hrs-web".into(),
        system: "hrs".into(),
        artefact: None,
        kind: GapKind::Silence,
        interval: Interval { from: Instant(5_000_000), to: Instant(6_000_000) },
        missing: None,
        reason: "Silent for a second; usually ten lines.".into(),
        evidence: vec![],
    }
}

fn table<R: Row>(rows: &[R]) -> Vec<RecordBatch> {
    vec![R::to_batch(rows).unwrap()]
}

/// A writer that takes some bytes and then no more, as a disk does.
struct FullAfter(usize);

impl Write for FullAfter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn exposures_have_one_line_a_cell() {
    let rows = [exposure("C1", "name", Basis::Disclosed, Certainty::Confirmed), exposure("=C2", "email", Basis::Inferred, Certainty::Likely)];
    let mut out = Vec::new();
    write_exposures(&mut out, &table(&rows)).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "data_subject,category,basis,certainty,first_seen,last_seen,proof,columns,accesses,missing_proof\n\
         C1,name,disclosed,confirmed,1970-01-01T00:00:01.000Z,1970-01-01T00:00:02.000Z,0123456789abcdef@1+7 0123456789abcdef@9+7,hr.staff.name,a@1,\n\
         '=C2,email,inferred,likely,1970-01-01T00:00:01.000Z,1970-01-01T00:00:02.000Z,0123456789abcdef@1+7 0123456789abcdef@9+7,hr.staff.name,a@1,\"'=no, row count\"\n"
    );
}

#[test]
fn a_writer_that_fails_is_an_error() {
    let rows = table(&[exposure("C1", "name", Basis::Disclosed, Certainty::Confirmed)]);
    for room in [0, 10, 100] {
        assert!(write_exposures(&mut FullAfter(room), &rows).is_err());
        let sources = PeopleSources { register: &mut std::iter::empty(), data_subjects: None, exposures: &rows };
        assert!(write_people(&mut FullAfter(room.min(50)), sources).is_err());
        assert!(write_stix(&mut FullAfter(room), &stix_sources(&table(&[step("S01", "T1190", "192.0.2.1", 1)]), &[], &[])).is_err());
    }
}

#[test]
fn people_of_the_register_and_of_the_data_have_one_line_each() {
    let register = [
        RegisterEntry { key: "C2".into(), email: Some(Personal::new("x@example.org".into())), language: Some("zh-Hant".into()), ..Default::default() },
        RegisterEntry { key: "C1".into(), email: Some(Personal::new(" ".into())), ..Default::default() },
        RegisterEntry { key: "C2".into(), phone: Some(Personal::new("1".into())), status: Some("departed".into()), ..Default::default() },
    ];
    let exposures = table(&[
        exposure("C1", "name", Basis::Disclosed, Certainty::Confirmed),
        exposure("C1", "email", Basis::Disclosed, Certainty::Likely),
        exposure("C1", "award", Basis::Inferred, Certainty::Likely),
        exposure("C9", "name", Basis::Disclosed, Certainty::Possible),
    ]);
    let mut out = Vec::new();
    let sources =
        PeopleSources { register: &mut register.into_iter(), data_subjects: Some(&mut ["C1", "C9"].into_iter().map(str::to_owned)), exposures: &exposures };
    write_people(&mut out, sources).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "data_subject,highest_certainty,confirmed,likely,possible,email,post,phone,language,status,flags\n\
         C1,confirmed,name,award(inferred) email,,no,no,no,,,no_email no_address\n\
         C2,,,,,yes,no,yes,zh-Hant,departed,not_in_data twice_in_register\n\
         C9,possible,,,name,no,no,no,,,not_in_register\n"
    );
}

#[test]
fn the_timeline_is_in_order_of_time_and_names_places() {
    let decisions = [Decision { target: "d1".into(), verdict: Verdict::Confirmed, decided_by: "bob".into(), decided_at: Instant(5_500_000), reason: None }];
    let locate = |place: &EventRef| (place.offset == 0).then(|| "web/access.log:1".to_owned());
    let steps = table(&[step("S02", "T1213", "192.0.2.1", 7_000_000), step("S01", "T1190", "192.0.2.1", 1_000_000)]);
    let (links, detections) = (Vec::new(), Vec::new());
    let sources = TimelineSources { steps: &steps, links: &links, detections: &detections, gaps: &[gap()], decisions: &decisions, locate: &locate };
    let mut out = Vec::new();
    write_timeline(&mut out, &sources).unwrap();
    let text = String::from_utf8(out).unwrap();
    let kinds: Vec<_> = text.lines().skip(1).map(|l| l.split(',').nth(2).unwrap()).collect();
    assert_eq!(kinds, ["step", "gap", "decision", "step"]);
    assert!(text.lines().nth(1).unwrap().ends_with(",web/access.log:1"));
    assert_eq!(text.lines().nth(1).unwrap().matches("0123456789abcdef@").count(), 10);
}

fn stix_sources<'a>(steps: &'a Vec<RecordBatch>, gaps: &'a [Gap], tiers: &'a [TierCount]) -> StixSources<'a> {
    StixSources { origin: "strandline.example.org/case/1", organisation: "Example Department", made_at: Instant(9_000_000), steps, gaps, tiers }
}

fn stix() -> String {
    let steps = table(&[
        step("S01", "T1190", "192.0.2.1", 1_000_000),
        step("S02", "T1213.006", "2001:db8::1", 2_000_000),
        step("S03", "T1190", "kms.example.org", 3_000_000),
        step("S04", "not a technique", "192.0.2.1", i64::MAX),
    ]);
    let tiers = [TierCount { certainty: Certainty::Confirmed, people: 3, categories: BTreeSet::from(["name".to_owned()]) }];
    let mut out = Vec::new();
    write_stix(&mut out, &stix_sources(&steps, &[gap()], &tiers)).unwrap();
    String::from_utf8(out).unwrap()
}

/// The rules that the schemas of OASIS state and that we rely on; `docs/exports.md` says how to run the schemas themselves.
#[test]
fn the_bundle_keeps_the_rules_of_stix() {
    let text = stix();
    if let Some(path) = std::env::var_os("STRANDLINE_WRITE_STIX") {
        std::fs::write(path, &text).unwrap();
    }
    let bundle: Value = serde_json::from_str(&text).unwrap();
    let objects = bundle["objects"].as_array().unwrap();
    let ids: BTreeSet<&str> = objects.iter().map(|o| o["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), objects.len(), "no object stands there twice");
    for object in objects {
        let (kind, id) = (object["type"].as_str().unwrap(), object["id"].as_str().unwrap());
        assert!(id.strip_prefix(kind).unwrap().starts_with("--"));
        assert_eq!(object["spec_version"], "2.1");
        let observable = kind.ends_with("-addr");
        assert_eq!(object.get("created").is_none(), observable, "{kind}");
        for (name, value) in object.as_object().unwrap() {
            if let (true, Some(reference)) = (name.ends_with("_ref"), value.as_str()) {
                assert!(ids.contains(reference), "{id} {name}");
            }
        }
        for reference in object["object_refs"].as_array().into_iter().flatten() {
            assert!(ids.contains(reference.as_str().unwrap()), "{id}");
        }
        for name in ["created", "modified", "first_seen", "last_seen", "first_observed", "last_observed", "start_time", "stop_time", "valid_from"] {
            if let Some(time) = object.get(name) {
                let time = time.as_str().unwrap();
                assert!(time.len() == 24 && time.as_bytes()[10] == b'T' && time.ends_with('Z'), "{name} {time}");
            }
        }
        for (from, to) in [("first_seen", "last_seen"), ("first_observed", "last_observed"), ("start_time", "stop_time")] {
            assert!(object[from].as_str() <= object[to].as_str(), "{id}");
        }
        if let Some(confidence) = object["confidence"].as_i64() {
            assert!((0..=100).contains(&confidence));
        }
    }
    let count = |kind: &str| objects.iter().filter(|o| o["type"] == kind).count();
    assert_eq!(count("attack-pattern"), 2, "only ids that are technique ids");
    assert_eq!((count("ipv4-addr"), count("ipv6-addr"), count("indicator"), count("observed-data")), (1, 1, 2, 2));
    assert_eq!((count("incident"), count("intrusion-set"), count("note")), (1, 1, 3));
}

#[test]
fn the_bundle_names_no_account_and_is_the_same_each_time() {
    assert_eq!(stix(), stix());
    assert!(!stix().contains("wong"));
}
