//! First use of an account from a host: somebody who always signed in from one or two places signs in from another.
//!
//! It says no more than that: people move to other desks. It weighs nothing alone, and tells a responder where to look.

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::detection::{Detection, Level, SubjectKind};
use strandline_model::estate::{Estate, Trusted};
use strandline_model::event::{Activity, Class, Status};

use crate::sink::{Artefacts, Seen, Statement, detection};
use crate::{Analytic, Row, is_trusted};

/// Days with sign-ins from elsewhere before an address is new rather than unknown.
const DAYS_KNOWN: usize = 5;
/// An account that came from more addresses than this before has no usual place.
const USUAL_PLACES: usize = 2;
/// Addresses remembered for an account; one with more roams.
const ADDRESSES_KEPT: usize = 16;
/// Days remembered for an address: more say nothing new.
const DAYS_KEPT: usize = 64;
const DAY_MICROS: i64 = 24 * 3_600_000_000;

#[derive(Default)]
struct Place {
    seen: Seen,
    /// The first days, numbered from 1970.
    days: BTreeSet<i64>,
}

#[derive(Default)]
struct Account {
    places: BTreeMap<String, Place>,
    is_roaming: bool,
}

/// Watches sign-ins that worked. State: for each account and system, the addresses that it came from.
#[derive(Default)]
pub struct FirstAccount {
    trusted: Vec<Trusted>,
    artefacts: Artefacts,
    accounts: BTreeMap<(String, String), Account>,
}

impl FirstAccount {
    /// For an estate, whose trusted accounts are left alone.
    pub fn new(estate: &Estate) -> Self {
        Self { trusted: estate.trusted.clone(), ..Self::default() }
    }
}

impl Analytic for FirstAccount {
    fn watch(&mut self, event: &Row<'_>) {
        if event.class != Class::Authentication || event.activity != Activity::Logon || event.status != Status::Success {
            return;
        }
        let (Some(account), Some(address)) = (event.account.as_deref(), event.src_ip.as_deref()) else { return };
        // A machine's own account signs in wherever machines do.
        if account.ends_with('$') || is_trusted(&self.trusted, None, Some(account), Some(address)) {
            return;
        }
        let place = self.artefacts.place(event);
        let known = self.accounts.entry((event.system.to_string(), account.to_owned())).or_default();
        if !known.places.contains_key(address) && known.places.len() >= ADDRESSES_KEPT {
            known.is_roaming = true;
            return;
        }
        let at = known.places.entry(address.to_owned()).or_default();
        at.seen.add(event.time, place);
        let day = event.time.micros().div_euclid(DAY_MICROS);
        at.days.insert(day);
        if at.days.len() > DAYS_KEPT {
            at.days.pop_last();
        }
    }

    fn conclude(self: Box<Self>, found: &mut Vec<Detection>) {
        for ((system, name), account) in self.accounts.iter().filter(|(_, account)| !account.is_roaming) {
            let mut seen = Seen::default();
            let (mut related, mut before) = (Vec::new(), None);
            for (address, place) in &account.places {
                let Some(usual) = account.usual_before(place) else { continue };
                seen.add_all(&place.seen);
                related.push(format!("address={address}"));
                before = before.max(Some(usual));
            }
            let Some((days, places)) = before else { continue };
            let from = if places == 1 { "one address".to_owned() } else { format!("{places} addresses") };
            found.push(detection(
                &self.artefacts,
                &seen,
                Statement {
                    rule: "first_account_from_host",
                    title: "An account signed in from a host that it never used",
                    level: Level::Low,
                    techniques: &["T1078"],
                    subject: (SubjectKind::Account, name),
                    system,
                    reason: format!("on {days} days before, it had signed in here from {from} only"),
                    related,
                },
            ));
        }
    }
}

impl Account {
    /// Days and addresses on and from which the account signed in before it came from this place, if that makes the place new.
    fn usual_before(&self, place: &Place) -> Option<(usize, usize)> {
        let first = place.seen.first?;
        let today = first.micros().div_euclid(DAY_MICROS);
        let mut days: BTreeSet<i64> = BTreeSet::new();
        let mut places = 0;
        for other in self.places.values().filter(|other| other.seen.first.is_some_and(|at| at < first)) {
            places += 1;
            days.extend(other.days.range(..today));
        }
        (days.len() >= DAYS_KNOWN && places <= USUAL_PLACES).then_some((days.len(), places))
    }
}

#[cfg(test)]
mod tests {
    use strandline_model::event::Event;
    use strandline_model::event::columns::ColumnSet;
    use strandline_model::evidence::{ArtefactId, EventRef};
    use strandline_model::time::Instant;

    use super::*;

    /// Sign-ins: day, account, address.
    fn found(sign_ins: &[(i64, &str, &str)]) -> Vec<Detection> {
        let mut analytic = Box::new(FirstAccount::default());
        for (at, (day, account, address)) in (0..).zip(sign_ins) {
            let place = EventRef { artefact: ArtefactId("a".into()), offset: at, length: 1 };
            let mut event = Event::new(Instant(day * DAY_MICROS + 1), Class::Authentication, Activity::Logon, place);
            (event.system, event.status) = ("ward".into(), Status::Success);
            (event.account, event.src_ip) = (Some((*account).into()), Some((*address).into()));
            analytic.watch(&Row::of_event(event));
        }
        let mut found = Vec::new();
        analytic.conclude(&mut found);
        found
    }

    fn week(account: &'static str) -> Vec<(i64, &'static str, &'static str)> {
        (0..5).map(|day| (day, account, "10.0.0.1")).collect()
    }

    #[test]
    fn an_account_with_one_desk_signs_in_from_others() {
        let mut sign_ins = week("nurse");
        sign_ins.extend([(5, "nurse", "10.0.0.9"), (6, "nurse", "10.0.0.1"), (7, "nurse", "10.0.0.7")]);
        // The order in which logs are read does not matter.
        sign_ins.reverse();
        let found = found(&sign_ins);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].subject.as_str(), found[0].level, found[0].event_count), ("nurse", Level::Low, 2));
        assert_eq!(found[0].related, ["address=10.0.0.7", "address=10.0.0.9"]);
        assert_eq!(found[0].reason, "on 7 days before, it had signed in here from 2 addresses only");
    }

    #[test]
    fn neither_a_short_history_nor_a_roaming_account_nor_a_machine_is_news() {
        let mut short = week("nurse");
        short.pop();
        short.push((5, "nurse", "10.0.0.9"));
        assert!(found(&short).is_empty(), "four days are no habit");
        let mut roams = week("porter");
        roams.extend([(0, "porter", "10.0.0.2"), (1, "porter", "10.0.0.3"), (9, "porter", "10.0.0.9")]);
        assert!(found(&roams).is_empty(), "three usual places");
        let mut machine = week("WARD1$");
        machine.push((9, "WARD1$", "10.0.0.9"));
        assert!(found(&machine).is_empty(), "a machine");
    }
}
