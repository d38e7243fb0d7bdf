//! The two recordings, with a pin and without: who is in the trail and who is not. What is expected is written here by
//! hand from the recordings' own README; nothing here reads the truth.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::access::{Access, AccessKind, Completion};
use strandline_model::detection::{Detection, DetectionOrigin, Level, SubjectKind};
use strandline_model::estate::Estate;
use strandline_model::evidence::{Coverage, Gap, GapKind};
use strandline_model::time::{Instant, Interval};
use strandline_model::trail::{Pin, Strength};
use strandline_trace::{Inputs, Trail, trace};
use support::{Owned, recording, table};

fn estate() -> Estate {
    toml::from_str(include_str!("../../../examples/prison-service/estate.toml")).expect("the kept example is valid")
}

/// The silence at the end of the HR logs, as intake reports it: from a source's last event to the last event of all.
fn coverage(events: &[Owned]) -> Coverage {
    let end = events.iter().map(|e| e.time).max().unwrap();
    let mut coverage = Coverage::default();
    let sources: BTreeSet<(String, String)> = events.iter().map(|e| (e.source.to_string(), e.system.to_string())).collect();
    for (source, system) in sources {
        let mut times: Vec<Instant> = events.iter().filter(|e| e.source == source.as_str()).map(|e| e.time).collect();
        times.push(end);
        times.sort();
        for pair in times.windows(2).filter(|p| p[1].0 - p[0].0 > 12_000_000) {
            let interval = Interval { from: pair[0], to: pair[1] };
            coverage.gaps.push(Gap {
                source: source.clone(),
                system: system.clone(),
                artefact: None,
                kind: GapKind::Silence,
                interval,
                missing: None,
                reason: "silence".into(),
                evidence: vec![],
            });
        }
    }
    coverage
}

/// A guess at what the rules will say: refused sign-ins at many accounts from one address; a session at two addresses.
fn detections(events: &[Owned]) -> Vec<Detection> {
    let detection = |rule: &str, level, kind, subject: &str, system: &str| Detection {
        id: format!("D-{rule}-{subject}"),
        origin: DetectionOrigin::Analytic,
        rule: rule.into(),
        title: rule.into(),
        level,
        techniques: vec![],
        subject_kind: kind,
        subject: subject.into(),
        system: system.into(),
        first: Instant(0),
        last: Instant::MAX,
        event_count: 1,
        reason: "made by hand".into(),
        related: vec![],
        events: vec![],
    };
    let mut failed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut at: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for e in events {
        if let (strandline_model::event::Status::Failure, Some(a), Some(u)) = (e.status, &e.src_ip, &e.account) {
            failed.entry(a.to_string()).or_default().insert(u.to_string());
        }
        if let ("hrs-app", Some(s), Some(a)) = (e.source.as_ref(), &e.session, &e.src_ip) {
            at.entry(s.to_string()).or_default().insert(a.to_string());
        }
    }
    let mut out: Vec<Detection> =
        failed.iter().filter(|(_, u)| u.len() > 5).map(|(a, _)| detection("credential_stuffing", Level::High, SubjectKind::Address, a, "kms")).collect();
    out.extend(at.iter().filter(|(_, a)| a.len() > 1).map(|(s, _)| detection("session_second_network", Level::Medium, SubjectKind::Session, s, "hrs")));
    out.push(detection("first_role_from_host", Level::Medium, SubjectKind::RoleAtHost, "dba_lok@127.0.10.31", "hrs"));
    out.push(detection("bulk_read", Level::High, SubjectKind::RoleAtHost, "hrs_batch@127.0.10.40", "hrs"));
    out
}

fn run(events: Vec<Owned>, pins: &[Pin]) -> (Trail, Vec<Access>) {
    let (coverage, detections, estate) = (coverage(&events), detections(&events), estate());
    let table = table(events);
    let inputs = Inputs { events: &table, detections: &detections, coverage: &coverage, estate: &estate, pins, decisions: &[], window: None };
    let mut accesses = Vec::new();
    let trail = trace(&inputs, &mut |chunk| {
        accesses.extend(chunk);
        Ok(())
    })
    .expect("events in memory can be read");
    (trail, accesses)
}

fn check(name: &str, pins: &[&str], lawful_roles: &[&str]) -> Option<(Trail, Vec<Access>)> {
    let events = recording(name)?;
    let pins: Vec<Pin> = pins.iter().map(|p| p.parse().unwrap()).collect();
    let (trail, accesses) = run(events.clone(), &pins);
    if std::env::var_os("STRANDLINE_SHOW").is_some() {
        show(&trail, &accesses);
    }
    assert_eq!(trail.actor.addresses.len(), 2, "{:?}", trail.actor.addresses);
    assert!(trail.actor.addresses.iter().all(|a| !a.starts_with("10.") && !a.starts_with("127.")), "a workstation or a host was taken for the intruder");
    assert_eq!(trail.actor.connections.len(), 1, "{:?}", trail.actor.connections);
    assert_eq!(trail.actor.parties.len(), 1, "{:?}", trail.actor.parties);
    for access in &accesses {
        assert!(access.address.as_deref().is_none_or(|a| !a.starts_with("10.")), "a lawful request was taken: {}", access.id);
        assert!(!lawful_roles.contains(&access.role.as_deref().unwrap_or("")), "a lawful role was taken: {}", access.id);
        assert!(!access.step.is_empty());
    }
    assert!(accesses.windows(2).all(|w| (w[0].time, &w[0].id) < (w[1].time, &w[1].id)), "in order, none twice");
    let (again, accesses_again) = run(events, &pins);
    assert_eq!((&again, &accesses_again), (&trail, &accesses), "the same evidence gives the same trail");
    Some((trail, accesses))
}

fn show(trail: &Trail, accesses: &[Access]) {
    eprintln!("{:#?}", trail.actor);
    for l in &trail.links {
        eprintln!("{} {:?} {} -> {}: {}", l.rule, l.strength, l.from, l.to, l.reason);
    }
    for s in &trail.steps {
        eprintln!("{} {} {} {} {:?} {} | {:?}", s.id, s.first, s.technique, s.summary, s.strength, s.event_count, s.exploited);
    }
    for n in &trail.notes {
        eprintln!("note: {n}");
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for a in accesses {
        *counts.entry(format!("{:?} {} {:?} {:?} {:?} {}", a.kind, a.database, a.role, a.strength, a.completion, a.row_count.is_some())).or_default() += 1;
    }
    eprintln!("{counts:#?}");
}

#[test]
fn the_intruder_of_kms_pivot_is_found_from_one_address_and_from_none() {
    let lawful = ["hrs_batch", "dba_lok"];
    let first = check("kms-pivot", &["address=203.0.113.244"], &lawful);
    let second = check("kms-pivot", &[], &lawful);
    let (Some((_, pinned)), Some((_, unpinned))) = (first, second) else {
        return;
    };
    assert_eq!(pinned, unpinned);
    assert!(
        pinned
            .iter()
            .filter(|a| a.database == "hrs" && !a.statement.starts_with("UPDATE"))
            .all(|a| a.kind == AccessKind::Statement && a.strength == Strength::Proved),
        "every read of the HR database can be proved; the batch's updates carry no request id, and are told apart by time alone"
    );
    assert!(pinned.iter().any(|a| a.completion == Completion::Failed), "one statement was refused");
}

#[test]
fn the_intruder_of_quiet_hours_is_found_from_detections() {
    let Some((trail, accesses)) = check("quiet-hours", &[], &["hrs_batch", "dba_lok"]) else {
        return;
    };
    let of = |strength| accesses.iter().filter(|a| a.strength == strength).count();
    assert!(of(Strength::Inferred) > 50 && of(Strength::Open) > 5, "the gap holds statements that go on, and others");
    assert!(trail.notes.iter().any(|n| n.contains("no log tells of requests on hrs")));
}
