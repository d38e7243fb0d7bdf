//! Simulated targets: what a cut takes from the intruder, what it refuses to others, and that nothing else changes.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly, too")]

use std::path::Path;

use strandline_drill::{Cut, DrillError, Intrusion, Plan, Refusals, Scenario, generate_with};
use strandline_model::containment::Effect;
use strandline_model::time::Instant;

fn plan(scenario: Scenario, seed: u64) -> Plan {
    Plan { people: 400, days: 3, ..Plan::new(scenario, seed) }
}

fn made(plan: &Plan, cuts: &[Cut]) -> (Intrusion, Refusals, String) {
    let folder = tempfile::tempdir().unwrap();
    let (department, refused) = generate_with(plan, cuts, folder.path(), &mut |_| {}).unwrap();
    let intrusion = serde_json::from_str(&std::fs::read_to_string(department.truth.join("intrusion.json")).unwrap()).unwrap();
    (intrusion, refused, lawful_lines(&department.evidence))
}

/// The web requests of the crew system that were answered, without what is drawn anew for each.
fn lawful_lines(evidence: &Path) -> String {
    let mut text = String::new();
    let mut files: Vec<_> = std::fs::read_dir(evidence.join("crew")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for path in files.iter().filter(|p| p.file_name().unwrap().to_string_lossy().starts_with("access")) {
        let bytes = std::fs::read(path).unwrap();
        let read = if path.extension().is_some_and(|e| e == "gz") {
            std::io::read_to_string(flate2::read::GzDecoder::new(&bytes[..])).unwrap()
        } else {
            String::from_utf8(bytes).unwrap()
        };
        for line in read.lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            text.push_str(&format!("{} {} {}\n", record["client"], record["verb"], record["target"]));
        }
    }
    text
}

fn cut(effect: Effect, since: i64) -> Cut {
    Cut { effect, system: None, since: Instant(since) }
}

#[test]
fn an_intruder_who_is_cut_off_gets_nothing_more_and_the_rest_work_on() {
    let plan = plan(Scenario::StolenSession, 3);
    let (uncut, none, before) = made(&plan, &[]);
    assert!(none == Refusals::default() && uncut.people > 0);
    let address = uncut.addresses[0].clone();
    let (from_the_start, refused, after) = made(&plan, &[cut(Effect::NftablesDrop { address: address.clone() }, i64::MIN)]);
    assert_eq!(from_the_start.people, 0);
    assert!(refused.all.intruder_requests > 0 && refused.all.lawful_requests == 0 && refused.by_cut == [refused.all], "{refused:?}");
    assert_eq!(before, after, "everybody asks for the same, whoever is refused");
    // Half-way: something, and less than all.
    let times: Vec<f64> = uncut.statements.iter().map(|s| s.t).collect();
    let middle = (times[times.len() / 2] * 1e6) as i64;
    let (halfway, later, _) = made(&plan, &[cut(Effect::NftablesDrop { address }, middle)]);
    assert!(halfway.people > 0 && halfway.people < uncut.people, "{} of {}", halfway.people, uncut.people);
    assert!(later.all.intruder_requests < refused.all.intruder_requests);
}

#[test]
fn a_door_keeps_nobody_out_who_is_in_and_ending_connections_does() {
    let plan = plan(Scenario::Pivot, 1);
    let uncut = made(&plan, &[]).0;
    let open = uncut.steps.iter().find(|s| s.technique == "T1213" && s.system == "db").unwrap();
    let middle = ((open.first + open.last) / 2.0 * 1e6) as i64;
    let (host, role) = (open.from_host.clone(), "crew_report".to_owned());
    let door = Effect::PostgresHbaReject { address: host.clone(), role: role.clone() };
    let kick = Effect::PostgresTerminate { address: Some(host), role };
    let at_the_door = made(&plan, &[cut(door.clone(), middle)]).1.all;
    let kicked = made(&plan, &[cut(kick, middle)]).1.all;
    let before = made(&plan, &[cut(door, i64::MIN)]).1.all;
    assert_eq!(at_the_door.intruder_statements, 0, "an open connection reads on");
    assert!(kicked.intruder_statements > 0 && before.intruder_statements > kicked.intruder_statements, "{kicked:?} {before:?}");
    assert_eq!([at_the_door, kicked, before].map(|r| r.lawful_statements), [0; 3]);
}

#[test]
fn a_department_without_simulated_targets_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let cuts = [cut(Effect::NftablesDrop { address: "203.0.113.7".into() }, 0)];
    let error = generate_with(&plan(Scenario::FileShare, 1), &cuts, folder.path(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, DrillError::NoTarget(_)), "{error}");
}
