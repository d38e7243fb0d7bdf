//! Where no actor was found: what was looked at, and which addresses, sessions and connections look oddest, so that a responder
//! has somewhere to begin. It accuses nobody and starts no trail: each line says what was counted, beside what is usual.

use std::collections::BTreeMap;

use crate::Inputs;
use crate::identity::{Identity, is_for_hands};
use crate::survey::{Span, Survey, trusted};
use strandline_model::time::Instant;

/// Subjects and detections that are named.
const MOST_NAMED: usize = 10;
/// How many tenths of the usual a count is from which on it may be named.
const ODD: u64 = 15;
/// Failed sign-ins from which on they are odd, whatever is usual.
const FEWEST_FAILURES: u64 = 5;

/// What may be counted of a subject, and how it is called; in the order in which it is told.
const COUNTS: [&str; 5] = ["requests", "different records asked for", "bytes of answers", "failed sign-ins", "rows read"];

/// Somebody or something that read, with its counts in the order of [`COUNTS`].
struct Subject {
    kind: &'static str,
    name: String,
    counts: [u64; COUNTS.len()],
    span: Span,
    remark: Option<&'static str>,
}

/// Notes for a responder: the detections that were weighed, and the oddest subjects.
pub(crate) fn notes(inputs: &Inputs<'_>, survey: &Survey, identity: &Identity<'_>) -> Vec<String> {
    let subjects = subjects(inputs, survey, identity);
    let mut notes = vec![format!(
        "looked at: {} detections, {} addresses, {} sessions, {} database connections, in {} events",
        inputs.detections.len(),
        survey.addresses.len(),
        survey.sessions.len(),
        survey.connections.len(),
        survey.events
    )];
    let weighed = inputs.detections.iter().take(MOST_NAMED);
    notes.extend(weighed.map(|d| format!("weighed and too light alone: {} ({}), {} {}, {}", d.title, word(&d.level), word(&d.subject_kind), d.subject, d.id)));
    notes.extend(oddest(subjects).into_iter().enumerate().map(|(n, line)| format!("looks odd, {:>2}: {line}", n + 1)));
    notes
}

fn word(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

/// The subjects with the largest counts beside what is usual for their kind, in words, the oddest first.
fn oddest(subjects: Vec<Subject>) -> Vec<String> {
    let mut usual: BTreeMap<&str, [u64; COUNTS.len()]> = BTreeMap::new();
    for kind in subjects.iter().map(|s| s.kind) {
        usual.entry(kind).or_insert_with(|| {
            std::array::from_fn(|count| {
                let mut all: Vec<u64> = subjects.iter().filter(|s| s.kind == kind).map(|s| s.counts[count]).collect();
                all.sort_unstable();
                all[all.len() / 2]
            })
        });
    }
    let mut odd: Vec<(u64, String)> = subjects.iter().filter_map(|subject| told(subject, &usual[subject.kind])).collect();
    odd.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    odd.into_iter().take(MOST_NAMED).map(|(_, line)| line).collect()
}

/// How odd a subject is, in words; nothing where all of it is usual.
fn told(subject: &Subject, usual: &[u64; COUNTS.len()]) -> Option<(u64, String)> {
    let times = |at: usize| subject.counts[at].saturating_mul(10) / usual[at].max(1);
    let is_odd = |at: &usize| times(*at) >= ODD && (COUNTS[*at] != "failed sign-ins" || subject.counts[*at] >= FEWEST_FAILURES);
    let odd: Vec<usize> = (0..COUNTS.len()).filter(is_odd).collect();
    let most = odd.iter().map(|at| times(*at)).max();
    if most.is_none() && subject.remark.is_none() {
        return None;
    }
    let figures = odd.iter().map(|at| format!("{} {} (usual: {})", subject.counts[*at], COUNTS[*at], usual[*at]));
    let parts: Vec<String> = subject.remark.map(str::to_owned).into_iter().chain(figures).collect();
    let line = format!("{} {}: {}; {} to {}", subject.kind, subject.name, parts.join(", "), Instant(subject.span.first), Instant(subject.span.last));
    // A hand at the application's role outweighs any count.
    Some((if subject.remark.is_some() { u64::MAX } else { most.unwrap_or(0) }, line))
}

fn subjects(inputs: &Inputs<'_>, survey: &Survey, identity: &Identity<'_>) -> Vec<Subject> {
    let mut out = Vec::new();
    for (address, seen) in survey.addresses.iter().filter(|(address, _)| !identity.is_of_estate(address)) {
        if trusted(inputs.estate, None, None, Some(address)).is_none() {
            let counts = [seen.volume.requests, seen.volume.records.len() as u64, seen.volume.bytes, seen.failures, 0];
            out.push(Subject { kind: "address", name: address.to_string(), counts, span: seen.span, remark: None });
        }
    }
    for ((system, session), seen) in &survey.sessions {
        let counts = [seen.volume.requests, seen.volume.records.len() as u64, seen.volume.bytes, 0, 0];
        out.push(Subject { kind: "session", name: format!("{system}/{session}"), counts, span: seen.span, remark: None });
    }
    out.extend(programs(inputs, survey));
    out
}

/// Database connections, together by role, host and program.
fn programs(inputs: &Inputs<'_>, survey: &Survey) -> Vec<Subject> {
    let mut all: BTreeMap<(&str, &str, &str), (u64, Span)> = BTreeMap::new();
    for seen in survey.connections.values() {
        let (role, host) = (seen.role.as_deref(), seen.host.as_deref());
        if trusted(inputs.estate, role, None, host).is_some() {
            continue;
        }
        let key = (role.unwrap_or("-"), host.unwrap_or("-"), seen.application.as_deref().unwrap_or("-"));
        let (rows, span) = all.entry(key).or_default();
        *rows += seen.rows;
        span.first = span.first.min(seen.span.first);
        span.last = span.last.max(seen.span.last);
    }
    let subject = |((role, host, program), (rows, span)): ((&str, &str, &str), (u64, Span))| Subject {
        kind: "connections as",
        name: format!("{role} from {host} by {program}"),
        counts: [0, 0, 0, 0, rows],
        span,
        remark: is_for_hands(program).then_some("a program for people's hands"),
    };
    all.into_iter().map(subject).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(subjects: &[(&'static str, &str, [u64; COUNTS.len()])], expected: &[&str]) {
        let of = |(kind, name, counts): &(&'static str, &str, [u64; COUNTS.len()])| {
            let remark = name.ends_with("psql").then_some("a program for people's hands");
            Subject { kind, name: (*name).to_owned(), counts: *counts, span: Span { first: 0, last: 0, count: 1 }, remark }
        };
        let lines = oddest(subjects.iter().map(of).collect());
        let names: Vec<&str> = lines.iter().map(|line| line.split(": ").next().unwrap_or_default()).collect();
        assert_eq!(names, expected, "{lines:?}");
    }

    #[test]
    fn whoever_reads_far_more_than_is_usual_is_named_and_nobody_else() {
        let usual = |name| ("address", name, [40, 20, 9_000, 0, 0]);
        check(
            &[usual("a"), usual("b"), usual("c"), ("address", "d", [41, 900, 9_500, 0, 0]), ("address", "e", [200, 20, 9_000, 0, 0])],
            &["address d", "address e"],
        );
        check(&[usual("a"), usual("b"), usual("c")], &[]);
    }

    #[test]
    fn a_few_mistyped_passwords_are_not_odd_and_many_are() {
        let usual = |name, failures| ("address", name, [40, 20, 9_000, failures, 0]);
        check(&[usual("a", 0), usual("b", 3), usual("c", 0), usual("d", 30)], &["address d"]);
    }

    #[test]
    fn a_hand_at_a_database_comes_first() {
        let list = [("connections as", "app from h by -", [0, 0, 0, 0, 900]), ("connections as", "app from h by psql", [0, 0, 0, 0, 10])];
        check(&list, &["connections as app from h by psql"]);
    }
}
