//! Enumeration of ids: one session walks through record numbers, as nobody who looks for a person does.

use std::collections::BTreeMap;

use strandline_model::detection::{Detection, Level, SubjectKind};
use strandline_model::estate::{Estate, Trusted};
use strandline_model::event::Class;
use strandline_model::time::Instant;

use crate::sink::{Artefacts, Seen, Statement, detection};
use crate::{Analytic, Row, is_trusted};

/// Steps in a row, each to a number close above (or below) the last, that make a walk.
const STEPS: u32 = 15;
/// How far the next number may be. Staff numbers have holes.
const REACH: u64 = 5;
/// A walk pauses no longer than this.
const PAUSE_MICROS: i64 = 30 * 60 * 1_000_000;

#[derive(Default)]
struct Walk {
    last_id: Option<u64>,
    last_time: Option<Instant>,
    steps: u32,
    longest: u32,
    missing: u32,
    seen: Seen,
    route: String,
    best_route: String,
}

/// Watches requests whose path holds a number. State: one entry for each session (or address, where the log has none).
pub struct Enumeration {
    trusted: Vec<Trusted>,
    artefacts: Artefacts,
    walks: BTreeMap<(String, SubjectKind, String), Walk>,
}

impl Enumeration {
    /// For an estate.
    pub fn new(estate: &Estate) -> Self {
        Self { trusted: estate.trusted.clone(), artefacts: Artefacts::default(), walks: BTreeMap::new() }
    }
}

/// The route with its last number taken out, and that number: `/staff/C18910/postings` is `/staff/C#/postings`, 18910.
fn route_and_id(url: &str) -> Option<(String, u64)> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let bytes = path.as_bytes();
    let end = bytes.iter().rposition(u8::is_ascii_digit)? + 1;
    let start = bytes[..end].iter().rposition(|b| !b.is_ascii_digit()).map_or(0, |i| i + 1);
    let id = path[start..end].parse().ok()?;
    Some((format!("{}#{}", &path[..start], &path[end..]), id))
}

impl Analytic for Enumeration {
    fn watch(&mut self, event: &Row<'_>) {
        if event.class != Class::Http {
            return;
        }
        let Some((route, id)) = event.url.as_deref().and_then(route_and_id) else { return };
        let (kind, subject) = match (event.session.as_deref(), event.src_ip.as_deref()) {
            (Some(session), _) => (SubjectKind::Session, session),
            (None, Some(address)) => (SubjectKind::Address, address),
            (None, None) => return,
        };
        if is_trusted(&self.trusted, None, event.account.as_deref(), event.src_ip.as_deref()) {
            return;
        }
        let place = self.artefacts.place(event);
        let walk = self.walks.entry((event.system.to_string(), kind, subject.to_owned())).or_default();
        // Pages below the same record (its postings, its qualifications) neither advance nor break a walk.
        if walk.last_id == Some(id) {
            return;
        }
        let near = walk.last_id.is_some_and(|last| last.abs_diff(id) <= REACH);
        let soon = walk.last_time.is_some_and(|last| (event.time.micros() - last.micros()).abs() <= PAUSE_MICROS);
        walk.steps = if near && soon { walk.steps + 1 } else { 0 };
        if walk.steps == 0 {
            walk.route.clone_from(&route);
        }
        walk.last_id = Some(id);
        walk.last_time = Some(event.time);
        if walk.steps > 0 {
            walk.missing += u32::from(event.status_code == Some(404));
            walk.seen.add(event.time, place);
        }
        if walk.steps > walk.longest {
            walk.longest = walk.steps;
            walk.best_route.clone_from(&walk.route);
        }
    }

    fn conclude(self: Box<Self>, found: &mut Vec<Detection>) {
        for ((system, kind, subject), walk) in &self.walks {
            if walk.longest < STEPS {
                continue;
            }
            let reason = format!("{} record numbers in a row at {}, {} of them for records that do not exist", walk.longest + 1, walk.best_route, walk.missing);
            found.push(detection(
                &self.artefacts,
                &walk.seen,
                Statement {
                    rule: "id_enumeration",
                    title: "A session walks through record numbers",
                    level: if walk.missing >= 3 { Level::High } else { Level::Medium },
                    techniques: &["T1213"],
                    subject: (*kind, subject),
                    system,
                    reason,
                    related: Vec::new(),
                },
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::route_and_id;

    #[test]
    fn the_last_number_of_a_path_is_the_id() {
        assert_eq!(route_and_id("/staff/C18910/postings?x=1"), Some(("/staff/C#/postings".into(), 18910)));
        assert_eq!(route_and_id("/v2/patients/42"), Some(("/v2/patients/#".into(), 42)));
        assert_eq!(route_and_id("/search?q=1"), None);
        assert_eq!(route_and_id("/x/99999999999999999999999"), None);
    }
}
