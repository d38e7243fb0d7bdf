//! Password guessing, stuffing and spraying: many failed sign-ins from one address in a short time, and what came of them.
//!
//! The measure is the share of failures, not their number alone: an address that a thousand people share fails often and
//! succeeds far more often; somebody who guesses fails almost always.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use strandline_model::detection::{Detection, Level, SubjectKind};
use strandline_model::estate::{Estate, Trusted};
use strandline_model::event::{Activity, Class, Status};
use strandline_model::time::Instant;

use crate::sink::{Artefacts, Seen, Statement, detection};
use crate::{Analytic, Row, is_trusted};

/// Sign-ins are weighed together within this time.
const WINDOW_MICROS: i64 = 15 * 60 * 1_000_000;
/// Failures in a window that somebody who mistypes does not reach.
const FAILURES: usize = 8;
/// Share of failures in a window that a shared address does not reach.
const FAILURE_SHARE: f64 = 0.75;
/// Accounts tried that make it stuffing rather than the guessing of one password.
const ACCOUNTS: usize = 4;
/// Accounts remembered for an address.
const ACCOUNTS_KEPT: usize = 1000;

/// One sign-in in the window.
struct Attempt {
    at: Instant,
    failed: bool,
    account: String,
}

#[derive(Default)]
struct Address {
    window: VecDeque<Attempt>,
    failures_in_window: usize,
    guessing: Seen,
    accounts: BTreeSet<String>,
    /// When each account first signed in from here. Records come file by file, so the first seen is not the first.
    usual: BTreeMap<String, Instant>,
    guessing_since: Option<Instant>,
    opened: BTreeSet<String>,
    guessing_until: Option<Instant>,
}

impl Address {
    /// Whether a sign-in after guessing is what the guessing was for: an account that was tried in vain before, or, where
    /// many are tried with one password each, one that never came from here and did not fail at all.
    fn has_opened(&self, account: &str) -> bool {
        let first = self.usual.get(account).copied();
        let is_first_here = self.guessing_since.is_some_and(|since| first.is_some_and(|first| first >= since));
        self.accounts.contains(account) || self.accounts.len() >= ACCOUNTS && is_first_here
    }
}

/// Watches sign-ins. State: one window for each system and address.
pub struct SignIn {
    trusted: Vec<Trusted>,
    artefacts: Artefacts,
    addresses: BTreeMap<(String, String), Address>,
}

impl SignIn {
    /// For an estate.
    pub fn new(estate: &Estate) -> Self {
        Self { trusted: estate.trusted.clone(), artefacts: Artefacts::default(), addresses: BTreeMap::new() }
    }
}

/// Whether an event is a sign-in, and whether it failed. A web log alone tells by the answer to a POST at a sign-in page.
fn outcome(event: &Row<'_>) -> Option<bool> {
    match (event.class, event.activity, event.status) {
        (Class::Authentication, Activity::Logon, Status::Failure) => Some(true),
        (Class::Authentication, Activity::Logon, _) => Some(false),
        _ => None,
    }
}

impl Analytic for SignIn {
    fn watch(&mut self, event: &Row<'_>) {
        let (Some(failed), Some(address)) = (outcome(event), event.src_ip.as_deref()) else { return };
        let account = event.account.as_deref().unwrap_or("-");
        if is_trusted(&self.trusted, None, Some(account), Some(address)) {
            return;
        }
        let place = self.artefacts.place(event);
        let state = self.addresses.entry((event.system.to_string(), address.to_owned())).or_default();
        state.window.push_back(Attempt { at: event.time, failed, account: account.to_owned() });
        state.failures_in_window += usize::from(failed);
        while state.window.front().is_some_and(|old| old.at < event.time.plus_micros(-WINDOW_MICROS)) {
            if let Some(old) = state.window.pop_front() {
                state.failures_in_window -= usize::from(old.failed);
            }
        }
        if !failed && (state.usual.len() < ACCOUNTS_KEPT || state.usual.contains_key(account)) {
            let first = state.usual.entry(account.to_owned()).or_insert(event.time);
            *first = (*first).min(event.time);
        }
        let guessing = state.failures_in_window >= FAILURES && state.failures_in_window as f64 >= FAILURE_SHARE * state.window.len() as f64;
        if guessing {
            if state.guessing_until.is_none() {
                for attempt in state.window.iter().filter(|attempt| attempt.failed) {
                    state.accounts.insert(attempt.account.clone());
                }
                state.guessing_since = state.window.iter().filter(|attempt| attempt.failed).map(|attempt| attempt.at).min();
            }
            state.guessing_until = Some(event.time);
        }
        if failed && state.accounts.len() < ACCOUNTS_KEPT {
            state.accounts.insert(account.to_owned());
        }
        if failed {
            state.guessing.add(event.time, place);
        }
        let follows_guessing = state.guessing_until.is_some_and(|until| event.time.micros() - until.micros() <= WINDOW_MICROS);
        if !failed && follows_guessing && state.has_opened(account) {
            state.guessing.add(event.time, place);
            state.opened.insert(account.to_owned());
        }
    }

    fn conclude(self: Box<Self>, found: &mut Vec<Detection>) {
        for ((system, address), state) in &self.addresses {
            if state.guessing_until.is_none() {
                continue;
            }
            let stuffing = state.accounts.len() >= ACCOUNTS;
            let opened = state.opened.len();
            let reason = format!(
                "{} failed sign-ins for {} account(s) from one address{}",
                state.guessing.count as usize - opened,
                state.accounts.len(),
                if opened > 0 { format!("; {opened} of them then opened") } else { "; none opened".to_owned() }
            );
            let mut related: Vec<String> = state.opened.iter().map(|account| format!("account={account}")).collect();
            related.push(format!("address={address}"));
            found.push(detection(
                &self.artefacts,
                &state.guessing,
                Statement {
                    rule: if stuffing { "credential_stuffing" } else { "password_guessing" },
                    title: if stuffing { "Many accounts tried from one address" } else { "One account's password guessed" },
                    level: if opened > 0 { Level::High } else { Level::Medium },
                    techniques: if stuffing { &["T1110.004"] } else { &["T1110.001"] },
                    subject: (SubjectKind::Address, address),
                    system,
                    reason,
                    related,
                },
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use strandline_model::event::Event;
    use strandline_model::event::columns::ColumnSet;

    use super::*;
    use strandline_model::evidence::{ArtefactId, EventRef};

    /// Sign-ins from one address, a second apart: account, and whether it failed. Level and accounts opened come back.
    fn check(sign_ins: &[(&str, bool)], expected: Option<(Level, &[&str])>) {
        let estate: Estate = toml::from_str("[organisation]\nname = { en = \"Clinic\" }\ntime_zone = \"UTC\"").expect("an estate");
        let mut analytic = Box::new(SignIn::new(&estate));
        for (second, (account, failed)) in sign_ins.iter().enumerate() {
            let place = EventRef { artefact: ArtefactId("a".into()), offset: second as u64, length: 1 };
            let mut event = Event::new(Instant(second as i64 * 1_000_000), Class::Authentication, Activity::Logon, place);
            (event.src_ip, event.account) = (Some("198.51.100.9".into()), Some((*account).into()));
            event.status = if *failed { Status::Failure } else { Status::Success };
            analytic.watch(&Row::of_event(event));
        }
        let mut found = Vec::new();
        analytic.conclude(&mut found);
        let opened = |d: &Detection| d.related.iter().filter_map(|r| r.strip_prefix("account=").map(str::to_owned)).collect::<Vec<_>>();
        let have = found.first().map(|d| (d.level, opened(d)));
        assert_eq!(have, expected.map(|(level, opened)| (level, opened.iter().map(|a| (*a).to_owned()).collect())));
    }

    #[test]
    fn what_guessing_opened_is_told_from_who_is_there_anyway() {
        let one: Vec<(&str, bool)> = vec![("a", true); 9];
        let many: Vec<(&str, bool)> = ["a", "b", "c", "d", "e", "f", "g", "h", "i"].map(|account| (account, true)).to_vec();
        check(&one[..7], None);
        check(&[one.clone(), vec![("a", false)]].concat(), Some((Level::High, &["a"])));
        // One account was guessed: another one that signs in from there says nothing.
        check(&[one, vec![("z", false)]].concat(), Some((Level::Medium, &[])));
        // Many were tried with one password each: the one that fits never failed.
        check(&[many.clone(), vec![("z", false)]].concat(), Some((Level::High, &["z"])));
        check(&[vec![("z", false)], many, vec![("z", false)]].concat(), Some((Level::Medium, &[])));
    }
}
