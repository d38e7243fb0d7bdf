//! Simulated targets: cuts that the department's servers hold, and what they refused. It is written apart from what proposes cuts
//! and knows nothing of logs, so that a proposal's figures can be judged by it.

use strandline_model::containment::{Effect, is_method_of_route};
use strandline_model::time::Instant;

use crate::clock::Millis;
use crate::world::{Client, encode};

/// A cut that the department's servers hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// What it does.
    pub effect: Effect,
    /// On which system; none: on all.
    pub system: Option<String>,
    /// From when on.
    pub since: Instant,
}

/// What one cut refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Requests of the intruder.
    pub intruder_requests: u64,
    /// Requests of others.
    pub lawful_requests: u64,
    /// Statements of the intruder, each once.
    pub intruder_statements: u64,
    /// Statements of others.
    pub lawful_statements: u64,
}

/// What the cuts of a department refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Each, in the order in which they were given.
    pub by_cut: Vec<Refused>,
    /// All together, what several refused counted once.
    pub all: Refused,
}

impl Refused {
    fn count(&mut self, is_request: bool, is_intruders: bool) {
        *match (is_request, is_intruders) {
            (true, true) => &mut self.intruder_requests,
            (true, false) => &mut self.lawful_requests,
            (false, true) => &mut self.intruder_statements,
            (false, false) => &mut self.lawful_statements,
        } += 1;
    }
}

/// One request, as the server before an application sees it.
pub(crate) struct Asked<'a> {
    pub at: Millis,
    pub system: &'a str,
    pub client: &'a Client,
    pub method: &'a str,
    pub target: &'a str,
}

/// The cuts in force.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    cuts: Vec<Cut>,
    refused: Refusals,
    /// Whether it is the intruder who acts now.
    pub(crate) is_intruders_turn: bool,
}

impl Gate {
    pub(crate) fn of(cuts: &[Cut]) -> Self {
        Self { cuts: cuts.to_vec(), refused: Refusals { by_cut: vec![Refused::default(); cuts.len()], all: Refused::default() }, is_intruders_turn: false }
    }

    pub(crate) fn into_refused(self) -> Refusals {
        self.refused
    }

    /// Whether a request is refused.
    pub(crate) fn refuses_request(&mut self, asked: &Asked<'_>) -> bool {
        self.count(true, |cut| cut.is_in_force(asked.at, asked.system) && stops(&cut.effect, asked))
    }

    /// Whether a statement is refused, of a connection that was opened at `opened` (now, if it is yet to be opened).
    pub(crate) fn refuses_statement(&mut self, at: Millis, opened: Millis, host: &str, role: &str) -> bool {
        // A door that is shut keeps nobody out who is in.
        let moment = |cut: &Cut| if is_door(&cut.effect) { opened } else { at };
        self.count(false, |cut| cut.is_in_force(moment(cut), "db") && shuts(&cut.effect, host, role))
    }

    /// Counts what the cuts that fit refuse; whether any does.
    fn count(&mut self, is_request: bool, fits: impl Fn(&Cut) -> bool) -> bool {
        let mut refused = false;
        for (_, count) in self.cuts.iter().zip(&mut self.refused.by_cut).filter(|(cut, _)| fits(cut)) {
            count.count(is_request, self.is_intruders_turn);
            refused = true;
        }
        if refused {
            self.refused.all.count(is_request, self.is_intruders_turn);
        }
        refused
    }
}

impl Cut {
    fn is_in_force(&self, at: Millis, system: &str) -> bool {
        at.saturating_mul(1000) >= self.since.micros() && self.system.as_deref().is_none_or(|of| of == system)
    }
}

/// Whether a web server, a session store or a directory with this effect turns a request away.
fn stops(effect: &Effect, asked: &Asked<'_>) -> bool {
    let is_of = |account: &str| asked.client.session.is_some() && asked.client.account.as_deref() == Some(account);
    match effect {
        Effect::WebDenySession { session } | Effect::SessionStoreDelete { session } => {
            asked.client.session.as_deref().is_some_and(|whole| whole.starts_with(session.as_str()))
        }
        Effect::WebDenyAddress { address } | Effect::NftablesDrop { address } => asked.client.address == *address,
        Effect::SessionStoreDeleteAccount { account } | Effect::LdapLock { account } | Effect::AdDisable { account } => is_of(account),
        Effect::Webhook { action, subject } | Effect::Exec { action, subject } => match action.as_str() {
            "disable_account" => is_of(subject),
            "block_address" | "isolate_host" => asked.client.address == *subject,
            "end_session" => asked.client.session.as_deref().is_some_and(|whole| whole.starts_with(subject.as_str())),
            _ => false,
        },
        Effect::WebRotateKey { .. } => asked.client.session.is_some(),
        Effect::WebDenyRoute { method, path } => is_method_of_route(method, asked.method) && is_at(asked.target, path),
        _ => false,
    }
}

/// Whether a target is at a path of which `{}` stands for one segment.
fn is_at(target: &str, path: &str) -> bool {
    let (have, want): (Vec<&str>, Vec<&str>) = (target.split('?').next().unwrap_or_default().split('/').collect(), path.split('/').collect());
    have.len() == want.len() && have.iter().zip(&want).all(|(have, want)| *want == "{}" || *have == encode(want, false))
}

/// Whether a database server, or the packet filter before it, turns a role at a host away.
fn shuts(effect: &Effect, host: &str, role: &str) -> bool {
    match effect {
        Effect::PostgresHbaReject { address, role: of } | Effect::PostgresTerminate { address: Some(address), role: of } => of == role && address == host,
        Effect::PostgresRoleNoLogin { role: of }
        | Effect::PostgresRoleExpired { role: of }
        | Effect::PostgresConnectionLimit { role: of }
        | Effect::PostgresPassword { role: of }
        | Effect::PostgresTerminate { role: of, .. } => of == role,
        Effect::NftablesDrop { address } => address == host,
        Effect::Webhook { action, subject } | Effect::Exec { action, subject } => match action.as_str() {
            "block_address" | "isolate_host" => subject == host,
            "deny_role" => subject.split_once('@') == Some((role, host)),
            _ => false,
        },
        _ => false,
    }
}

fn is_door(effect: &Effect) -> bool {
    let is_filter = matches!(effect, Effect::Webhook { action, .. } | Effect::Exec { action, .. } if ["block_address", "isolate_host", "deny_role"].contains(&action.as_str()));
    !is_filter && !matches!(effect, Effect::PostgresTerminate { .. } | Effect::NftablesDrop { .. })
}
