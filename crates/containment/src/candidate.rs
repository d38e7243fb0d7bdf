//! Which effects could cut a foothold, and at which of the estate's targets.

use std::net::IpAddr;

use strandline_model::containment::{Action, Effect, Foothold, canonical};
use strandline_model::estate::{BreakGlass, Estate, Target};
use strandline_model::names::is_secret_session;

use crate::card::{Card, card};
use crate::foothold::Held;
use crate::whose::hash64;

/// Candidates that are replayed.
const MOST_CANDIDATES: usize = 10_000;

/// A candidate, and the foothold that it is to cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Its foothold's place in the list.
    pub of: usize,
    pub action: Action,
}

/// Candidates, and why some are not proposed, by the place of their foothold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Candidates {
    pub all: Vec<Candidate>,
    pub reasons: Vec<(usize, String)>,
}

/// What runs on a system, as far as the estate tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Runs {
    web: bool,
    postgres: bool,
    mysql: bool,
    pooler: bool,
    linux: bool,
}

/// The candidates of all footholds, in their order.
pub(crate) fn of(footholds: &[Held], estate: &Estate) -> (Candidates, Vec<String>) {
    let mut offers = Offers { estate, out: Candidates::default(), of: 0 };
    for (at, held) in footholds.iter().enumerate() {
        offers.of = at;
        offers.foothold(held);
    }
    let mut out = offers.out;
    out.all.sort_by(|a, b| (a.of, &a.action.id).cmp(&(b.of, &b.action.id)));
    out.all.dedup_by(|a, b| a.action.id == b.action.id);
    let beyond = out.all.len().saturating_sub(MOST_CANDIDATES);
    out.all.truncate(MOST_CANDIDATES);
    let notes = (beyond > 0).then(|| format!("{beyond} candidates are not worked out, beyond the first {MOST_CANDIDATES}")).into_iter().collect();
    (out, notes)
}

/// An action that somebody asks for beside what is proposed, at a target that they name: with the same card.
pub fn by_hand(effect: Effect, target: &str) -> Action {
    let foothold = match (effect.account(), effect.address()) {
        (Some(account), _) => Foothold::Account { account: account.to_owned(), system: None },
        (None, Some(address)) => Foothold::Address { address: address.to_owned() },
        (None, None) => Foothold::Host { host: target.to_owned() },
    };
    let Card { reaches, cannot_reach, notices, undo } = card(&effect);
    Action {
        cannot_reach,
        foothold,
        // Two of one kind at one target are two.
        id: format!("by-hand {} {target} {:06x}", effect.word(), hash64(&[canonical(&effect).as_bytes()]) >> 40),
        notices,
        reaches: format!("by hand: {reaches}"),
        system: None,
        target: Some(target.to_owned()),
        undo,
        effect,
    }
}

struct Offers<'a> {
    estate: &'a Estate,
    out: Candidates,
    of: usize,
}

impl Offers<'_> {
    fn foothold(&mut self, held: &Held) {
        match &held.foothold {
            Foothold::Address { address } => self.address(held, address),
            Foothold::Session { session, system } => self.session(held, session, system),
            Foothold::Account { account, system: Some(system) } => self.account(held, account, Some(system)),
            Foothold::Account { account, system: None } => self.account(held, account, None),
            Foothold::RoleAtHost { host, role, system } => self.role(held, role, host, system),
            Foothold::Host { host } => self.host(held, host),
            Foothold::Key { fingerprint } => self.key(held, fingerprint),
            Foothold::Route { method, path, system } => self.route(held, method, path, system),
            Foothold::Share { share, .. } => self.service(held, None, "deny_share", share, By::Default),
        }
    }

    fn address(&mut self, held: &Held, address: &str) {
        for system in self.web_systems(held) {
            self.offer(held, Some(&system), [Effect::WebDenyAddress { address: address.to_owned() }]);
        }
        self.drop(held, address);
        self.service(held, None, "block_address", address, By::Target);
    }

    /// At every packet filter before what he reached; each counts for what it stands before.
    fn drop(&mut self, held: &Held, address: &str) {
        let effect = Effect::NftablesDrop { address: address.to_owned() };
        let before = |t: &&Target| t.kind == effect.target_kind() && t.system.as_ref().is_none_or(|s| held.systems.is_empty() || held.systems.contains(s));
        let targets: Vec<(Option<String>, String)> = self.estate.targets.iter().filter(before).map(|t| (t.system.clone(), t.name.clone())).collect();
        if targets.is_empty() {
            match held.foothold {
                // A host of the estate is cut off from where he went, not from everything.
                Foothold::Host { .. } => {
                    for system in &held.systems {
                        self.push(held, effect.clone(), Some(system), None);
                    }
                }
                _ => self.push(held, effect, None, None),
            }
            return;
        }
        for (system, name) in targets {
            self.push(held, effect.clone(), system.as_deref(), Some(&name));
        }
    }

    fn session(&mut self, held: &Held, session: &str, system: &str) {
        // A session that is called by a digest is one whose cookie no log holds: it cannot be named to a server.
        let is_named = !is_secret_session(session);
        if is_named {
            self.offer(held, Some(system), [Effect::WebDenySession { session: session.to_owned() }]);
            self.offer(held, Some(system), [Effect::SessionStoreDelete { session: session.to_owned() }]);
            self.service(held, Some(system), "end_session", session, By::Target);
        }
        for account in &held.accounts {
            let effect = Effect::SessionStoreDeleteAccount { account: account.clone() };
            if !is_named || self.has_target(&effect, Some(system)) {
                self.offer(held, Some(system), [effect]);
            }
        }
        self.offer(held, Some(system), [Effect::WebRotateKey { key: system.to_owned() }]);
        for address in &held.shared_addresses {
            self.offer(held, Some(system), [Effect::WebDenyAddress { address: address.clone() }]);
        }
    }

    fn account(&mut self, held: &Held, account: &str, system: Option<&str>) {
        let name = account.rsplit('\\').next().unwrap_or(account).to_owned();
        let runs: Vec<Runs> = system.into_iter().map(str::to_owned).chain(held.systems.iter().cloned()).map(|s| self.runs(&s)).collect();
        let is_of_machine = runs.iter().any(|r| r.linux) && (!held.opened.is_empty() || !runs.iter().any(|r| r.web));
        if let Some(system) = system.filter(|_| is_of_machine) {
            let account = name.clone();
            self.offer(held, Some(system), [Effect::LinuxLock { account: account.clone() }]);
            self.offer(held, Some(system), [Effect::LinuxKeysMove { account: account.clone() }]);
            self.offer(held, Some(system), [Effect::LinuxJobsStop { account: account.clone() }]);
            self.offer(held, Some(system), [Effect::LinuxEndSessions { account }]);
            return;
        }
        let (action, subject) = ("disable_account".to_owned(), account.to_owned());
        let locks = [
            Effect::Webhook { action: action.clone(), subject: subject.clone() },
            Effect::Exec { action, subject },
            Effect::LdapLock { account: name.clone() },
            Effect::AdDisable { account: name.clone() },
        ];
        self.offer(held, system, locks);
        for system in held.systems.iter().filter(|s| self.runs(s).web).cloned().collect::<Vec<_>>() {
            self.offer(held, Some(&system), [Effect::SessionStoreDeleteAccount { account: account.to_owned() }]);
        }
    }

    fn role(&mut self, held: &Held, role: &str, host: &str, system: &str) {
        let (runs, role, host) = (self.runs(system), role.to_owned(), host.to_owned());
        if runs.postgres || (!runs.mysql && self.has_target(&Effect::PostgresRoleNoLogin { role: role.clone() }, Some(system))) {
            self.offer(held, Some(system), [Effect::PostgresHbaReject { address: host.clone(), role: role.clone() }]);
            self.offer(held, Some(system), [Effect::PostgresRoleNoLogin { role: role.clone() }]);
            self.offer(held, Some(system), [Effect::PostgresPassword { role: role.clone() }]);
            self.offer(held, Some(system), [Effect::PostgresTerminate { address: Some(host), role: role.clone() }]);
            for database in self.databases(system) {
                self.offer(held, Some(system), [Effect::PostgresRevokeConnect { database: database.clone(), role: role.clone() }]);
                let shut = Effect::PgbouncerDisable { database };
                if runs.pooler || self.has_target(&shut, Some(system)) {
                    self.offer(held, Some(system), [shut]);
                }
            }
            self.service(held, Some(system), "deny_role", &format!("{role}@{}", held_host(held)), By::Target);
        } else if runs.mysql {
            self.offer(held, Some(system), [Effect::MysqlAccountLock { user: role.clone() }]);
            self.offer(held, Some(system), [Effect::MysqlPassword { user: role.clone() }]);
            self.offer(held, Some(system), [Effect::MysqlKill { user: role }]);
        }
    }

    fn host(&mut self, held: &Held, host: &str) {
        if strandline_model::address::canonical(host).is_some() && !held.systems.is_empty() {
            self.drop(held, host);
        }
        self.service(held, None, "isolate_host", host, By::Default);
    }

    /// The keys of the accounts that it opened, where it did; elsewhere only who knows all machines finds it.
    fn key(&mut self, held: &Held, fingerprint: &str) {
        for (account, system) in &held.opened {
            self.offer(held, Some(system), [Effect::LinuxKeysMove { account: account.clone() }]);
        }
        self.service(held, None, "revoke_key", fingerprint, By::Target);
    }

    fn route(&mut self, held: &Held, method: &str, path: &str, system: &str) {
        if !path.starts_with('/') {
            let why = "one URL serves everything there, so that no server can refuse this call alone: mend it, or take the service down";
            self.out.reasons.push((self.of, why.to_owned()));
            return;
        }
        self.offer(held, Some(system), [Effect::WebDenyRoute { method: method.to_owned(), path: path.to_owned() }]);
    }

    /// What only a service or a program of the organisation can do.
    fn service(&mut self, held: &Held, system: Option<&str>, action: &str, subject: &str, by: By) {
        let (action, subject) = (action.to_owned(), subject.to_owned());
        let effects = [Effect::Webhook { action: action.clone(), subject: subject.clone() }, Effect::Exec { action, subject }];
        if by == By::Default || effects.iter().any(|e| self.has_target(e, system)) {
            self.offer(held, system, effects);
        }
    }

    /// Effects that come to the same: each at the targets that can; where none can, the first, without a target.
    fn offer<const N: usize>(&mut self, held: &Held, system: Option<&str>, effects: [Effect; N]) {
        let mut found = false;
        for effect in &effects {
            for target in self.estate.targets.iter().filter(|t| fits(t, effect, system)) {
                self.push(held, effect.clone(), system.or(target.system.as_deref()), Some(&target.name));
                found = true;
            }
        }
        if let (false, Some(effect)) = (found, effects.into_iter().next()) {
            self.push(held, effect, system, None);
        }
    }

    fn push(&mut self, held: &Held, effect: Effect, system: Option<&str>, target: Option<&str>) {
        if let Some(spared) = self.estate.breakglass.iter().find(|b| is_spared(b, &effect, target)) {
            self.out.reasons.push((self.of, format!("not proposed: it is never cut off ({})", spared.reason)));
            return;
        }
        let Card { reaches, cannot_reach, notices, undo } = card(&effect);
        let parts = [canonical(&held.foothold), canonical(&effect), system.unwrap_or_default().to_owned(), target.unwrap_or_default().to_owned()];
        let id = format!("A{:012x}", hash64(&parts.each_ref().map(|p| p.as_bytes())) >> 16);
        let action = Action {
            cannot_reach,
            effect,
            foothold: held.foothold.clone(),
            id,
            notices,
            reaches,
            system: system.map(str::to_owned),
            target: target.map(str::to_owned),
            undo,
        };
        self.out.all.push(Candidate { of: self.of, action });
    }

    fn has_target(&self, effect: &Effect, system: Option<&str>) -> bool {
        self.estate.targets.iter().any(|t| fits(t, effect, system))
    }

    fn web_systems(&self, held: &Held) -> Vec<String> {
        let reached = |id: &String| held.systems.is_empty() || held.systems.contains(id);
        let systems = self.estate.systems.iter().map(|s| s.id.clone()).filter(reached);
        systems.filter(|s| self.runs(s).web).collect()
    }

    fn databases(&self, system: &str) -> Vec<String> {
        self.estate.databases.iter().filter(|d| d.system == system).map(|d| d.server_name().to_owned()).collect()
    }

    fn runs(&self, system: &str) -> Runs {
        let mut runs = Runs::default();
        for source in self.estate.sources.iter().filter(|s| s.system == system) {
            match source.format.as_str() {
                "pgbouncer" => runs.pooler = true,
                "linux_auth" | "auditd" | "journald" => runs.linux = true,
                "evtx" => {}
                format if format.starts_with("postgresql") => runs.postgres = true,
                format if format.starts_with("mysql") => runs.mysql = true,
                _ => runs.web = true,
            }
        }
        for database in self.estate.databases.iter().filter(|d| d.system == system) {
            let kind = if database.is_mysql() { &mut runs.mysql } else { &mut runs.postgres };
            *kind = true;
        }
        runs
    }
}

/// Where a role was used from.
fn held_host(held: &Held) -> &str {
    if let Foothold::RoleAtHost { host, .. } = &held.foothold { host } else { "" }
}

/// When something is proposed that only a service of the organisation can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Always: nothing else can.
    Default,
    /// Where the estate names a target for it.
    Target,
}

/// Whether a target can do it for a system. A target of no system is for all.
fn fits(target: &Target, effect: &Effect, system: Option<&str>) -> bool {
    let for_it = system.is_none_or(|system| target.system.as_deref().is_none_or(|of| of == system));
    let can = match effect {
        Effect::WebRotateKey { .. } => target.key_file.is_some(),
        Effect::WebDenyAddress { .. } | Effect::WebDenySession { .. } | Effect::WebDenyRoute { .. } => target.folder.is_some(),
        _ => true,
    };
    target.kind == effect.target_kind() && for_it && can
}

/// Whether the estate says that this is never cut off. It is checked again when a plan is applied.
fn is_spared(spared: &BreakGlass, effect: &Effect, target: Option<&str>) -> bool {
    let here = spared.target.as_deref().is_none_or(|name| target.is_none_or(|target| target == name));
    let same = |one: &str, other: &str| strandline_model::names::same_account(&one.to_lowercase(), &other.to_lowercase());
    let account = spared.account.as_deref().zip(effect.account()).is_some_and(|(spared, account)| same(spared, account));
    let address = spared.address.as_deref().zip(effect.address()).is_some_and(|(network, address)| is_within(address, network));
    here && (account || address)
}

/// Whether an address is one, or lies in a network: `10.0.0.5`, `10.0.0.0/24`, `2001:db8::/64`.
fn is_within(address: &str, network: &str) -> bool {
    let Some((start, length)) = network.split_once('/') else {
        return strandline_model::address::as_compared(address) == strandline_model::address::as_compared(network);
    };
    let (Ok(address), Ok(start), Ok(length)) = (address.parse::<IpAddr>(), start.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    let ((one, width), (other, of)) = (bits(address), bits(start));
    width == of && length <= width && (one ^ other).checked_shr(width - length).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_lies_in_its_network() {
        for (address, network, expected) in [
            ("10.0.0.5", "10.0.0.5", true),
            ("10.0.0.5", "10.0.0.0/24", true),
            ("10.0.1.5", "10.0.0.0/24", false),
            ("10.0.1.5", "0.0.0.0/0", true),
            ("2001:db8::1", "2001:db8::/64", true),
            ("2001:db8:1::1", "2001:db8::/64", false),
            ("2001:db8::1", "::/0", true),
            ("2001:db8::1", "10.0.0.0/8", false),
            ("10.0.0.5", "10.0.0.0/33", false),
            ("10.0.0.5", "x/8", false),
        ] {
            assert_eq!(is_within(address, network), expected, "{address} in {network}");
        }
    }
}
