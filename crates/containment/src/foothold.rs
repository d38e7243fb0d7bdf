//! What the intruder holds, out of the trail: each thing once, with the links and steps that say so, and the systems where it
//! counts.

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::containment::{Foothold, canonical};
use strandline_model::estate::{Estate, LogSource};
use strandline_model::event::{Activity, Class, Status, columns};
use strandline_model::node::Node;
use strandline_model::table::ScanError;
use strandline_model::trail::{Link, Step};

use crate::Inputs;
use crate::key::ssh_key;
use crate::whose::{Actor, Whose, hash64, present};

/// Footholds that are worked out; what is beyond is named as left open, none is dropped silently.
const MOST_FOOTHOLDS: usize = 2_000;
/// Accounts of machines that were signed in to, each with each of its keys.
const MOST_LOGINS: usize = 10_000;

/// A foothold, and what it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub id: String,
    pub foothold: Foothold,
    /// Whether it only may be his.
    pub is_open: bool,
    /// Links and steps.
    pub because: BTreeSet<String>,
    /// Systems on which it counts; none: wherever it stands.
    pub systems: BTreeSet<String>,
    /// Accounts that were used with it: of a session its account.
    pub accounts: BTreeSet<String>,
    /// Addresses that others use too, from which it was used.
    pub shared_addresses: BTreeSet<String>,
    /// Accounts of machines that were signed in to, and where: of a key those that it opened.
    pub opened: BTreeSet<(String, String)>,
}

/// The footholds of a trail, each once, and what a responder must know.
pub(crate) fn of(inputs: &Inputs<'_>, actor: &Actor) -> Result<(Vec<Held>, Vec<String>), ScanError> {
    let mut all = Footholds { estate: inputs.estate, are_open: false, held: BTreeMap::new() };
    all.of_actor(actor, inputs.steps);
    inputs.links.iter().filter(|l| l.verdict.as_deref() != Some("struck")).for_each(|link| all.route(link, inputs.steps));
    all.shares(inputs.steps);
    let logins = logins(inputs, actor)?;
    logins.iter().filter(|(whose, _)| *whose == Whose::Intruder).for_each(|(_, login)| all.login(login, actor));
    all.are_open = true;
    logins.iter().filter(|(whose, _)| *whose == Whose::Open).for_each(|(_, login)| all.login(login, actor));
    if let Some(may_be) = &actor.may_be {
        all.of_actor(may_be, inputs.steps);
    }
    let mut held: Vec<Held> = all.held.into_values().collect();
    held.sort_by_key(|held| held.is_open);
    let mut notes = Vec::new();
    if held.len() > MOST_FOOTHOLDS {
        notes.push(format!("{} footholds are not worked out, beyond the first {MOST_FOOTHOLDS}: they count as left open", held.len() - MOST_FOOTHOLDS));
        held.truncate(MOST_FOOTHOLDS);
    }
    if logins.len() >= MOST_LOGINS {
        notes.push(format!("more than {MOST_LOGINS} accounts of machines were signed in to that are his or may be: those beyond are not looked at"));
    }
    Ok((held, notes))
}

/// A sign-in to a machine, as its own log tells of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Login {
    account: String,
    system: String,
    /// The fingerprint of the SSH key, where it was by one.
    key: Option<String>,
    /// Links that say whose it was.
    because: Vec<String>,
}

strandline_model::event_columns! {
    /// What is read of a record to tell who signed in, and with which key.
    struct SignIn { class, activity, status, source, system, place, src_ip, account, session, secrets, host, labels }
}

/// The sign-ins to machines that are his, or may be: each account, system and key once.
fn logins(inputs: &Inputs<'_>, actor: &Actor) -> Result<BTreeSet<(Whose, Login)>, ScanError> {
    let mut found = BTreeSet::new();
    let of_machine = |source: &&LogSource| matches!(source.format.as_str(), "linux_auth" | "journald" | "auditd");
    let sources: BTreeSet<&str> = inputs.estate.sources.iter().filter(of_machine).map(|source| source.id.as_str()).collect();
    if sources.is_empty() {
        return Ok(found);
    }
    for part in columns::scan::<SignIn<'_>>(inputs.events)? {
        for event in part?.iter() {
            let lets_in = event.class == Class::Authentication && event.activity == Activity::Logon && event.status == Status::Success;
            if !lets_in || found.len() >= MOST_LOGINS || !sources.contains(event.source.as_ref()) {
                continue;
            }
            let Some(account) = present(event.account.as_deref()) else { continue };
            let session = actor.session_of(&event);
            let whose = actor.whose(&event, session.as_deref());
            if whose != Whose::Lawful {
                let (account, system) = (account.to_owned(), event.system.to_string());
                let key = present(event.labels.as_deref()).and_then(ssh_key);
                found.insert((whose, Login { account, system, key, because: actor.links_of(&event, session.as_deref()) }));
            }
        }
    }
    Ok(found)
}

/// The stable id of a foothold.
fn id(foothold: &Foothold) -> String {
    format!("F{:012x}", hash64(&[canonical(foothold).as_bytes()]) >> 16)
}

struct Footholds<'a> {
    estate: &'a Estate,
    /// Whether what is added and not known yet only may be his.
    are_open: bool,
    held: BTreeMap<Foothold, Held>,
}

impl Footholds<'_> {
    fn add(&mut self, foothold: Foothold, because: impl IntoIterator<Item = String>, systems: impl IntoIterator<Item = String>) -> &mut Held {
        let held = self.held.entry(foothold.clone()).or_insert_with(|| Held {
            id: id(&foothold),
            foothold,
            is_open: self.are_open,
            because: BTreeSet::new(),
            systems: BTreeSet::new(),
            accounts: BTreeSet::new(),
            shared_addresses: BTreeSet::new(),
            opened: BTreeSet::new(),
        });
        held.because.extend(because);
        held.systems.extend(systems);
        held
    }

    fn of_actor(&mut self, actor: &Actor, steps: &[Step]) {
        self.addresses(actor, steps);
        self.sessions(actor, steps);
        self.accounts(actor, steps);
        self.connections(actor, steps);
        self.sign_ins(actor);
        self.logons(actor);
    }

    /// Addresses from which everything is his; of one that is a machine of the estate, the machine.
    fn addresses(&mut self, actor: &Actor, steps: &[Step]) {
        for (address, links) in &actor.addresses {
            let from_here: Vec<&Step> = steps.iter().filter(|s| s.from_host.as_deref() == Some(address)).collect();
            let because = links.iter().cloned().chain(from_here.iter().map(|s| s.id.clone()));
            let systems: BTreeSet<String> = from_here.iter().map(|s| s.system.clone()).collect();
            self.add(Foothold::Address { address: address.clone() }, because, systems);
        }
    }

    fn sessions(&mut self, actor: &Actor, steps: &[Step]) {
        for ((system, session), links) in &actor.sessions {
            let of_it = |s: &&Step| s.system == *system && s.session.as_deref() == Some(session);
            let accounts: BTreeSet<String> = steps.iter().filter(of_it).filter_map(|s| s.account.clone()).collect();
            let key = (system.clone(), session.clone());
            let shared = actor.shared.iter().filter(|(address, of)| of.contains(&key) && !actor.addresses.contains_key(*address));
            let shared: BTreeSet<String> = shared.map(|(address, _)| address.clone()).collect();
            let foothold = Foothold::Session { session: session.clone(), system: system.clone() };
            let held = self.add(foothold, links.iter().cloned(), [system.clone()]);
            held.accounts.extend(accounts);
            held.shared_addresses.extend(shared);
        }
    }

    /// Accounts whose session he used on a system (their password is taken to be known to him), and pinned ones.
    fn accounts(&mut self, actor: &Actor, steps: &[Step]) {
        for step in steps {
            let (Some(account), Some(session)) = (&step.account, &step.session) else { continue };
            if actor.sessions.contains_key(&(step.system.clone(), session.clone())) {
                let foothold = Foothold::Account { account: account.clone(), system: Some(step.system.clone()) };
                self.add(foothold, [step.id.clone()], [step.system.clone()]);
            }
        }
        for (account, links) in &actor.pinned {
            let of_it: BTreeSet<String> = steps.iter().filter(|s| s.account.as_ref() == Some(account)).map(|s| s.system.clone()).collect();
            self.add(Foothold::Account { account: account.clone(), system: None }, links.iter().cloned(), of_it);
        }
    }

    /// Database connections: the role at the host; and the host, where it is a machine of the estate.
    fn connections(&mut self, actor: &Actor, steps: &[Step]) {
        for step in steps {
            let Some(links) = step.session.as_ref().and_then(|s| actor.connections.get(s)) else { continue };
            let Some(host) = &step.from_host else { continue };
            if let Some(role) = &step.account {
                let foothold = Foothold::RoleAtHost { host: host.clone(), role: role.clone(), system: step.system.clone() };
                self.add(foothold, links.iter().cloned().chain([step.id.clone()]), [step.system.clone()]);
            }
            if let Some(machine) = self.estate.systems.iter().find(|s| s.addresses.contains(host)) {
                let because = links.iter().cloned().chain([step.id.clone()]);
                let systems = [step.system.clone()].into_iter().filter(|s| *s != machine.id).collect::<Vec<_>>();
                self.add(Foothold::Host { host: host.clone() }, because, systems);
            }
        }
    }

    /// Sign-ins from a machine that he reached.
    fn sign_ins(&mut self, actor: &Actor) {
        for ((account, system, address), links) in &actor.sign_ins {
            let foothold = Foothold::Account { account: account.clone(), system: Some(system.clone()) };
            self.add(foothold, links.iter().cloned(), [system.clone()]);
            if self.estate.systems.iter().any(|s| s.addresses.contains(address)) {
                self.add(Foothold::Host { host: address.clone() }, links.iter().cloned(), [system.clone()]);
            }
        }
    }

    /// Sign-ins to Windows hosts: the account, wherever the directory honours it; the host; the machine that he came from.
    fn logons(&mut self, actor: &Actor) {
        for ((account, host, origin), links) in &actor.logons {
            self.add(Foothold::Account { account: account.clone(), system: None }, links.iter().cloned(), []);
            self.add(Foothold::Host { host: host.clone() }, links.iter().cloned(), []);
            if !origin.is_empty() && !actor.addresses.contains_key(origin) {
                self.add(Foothold::Host { host: origin.clone() }, links.iter().cloned(), []);
            }
        }
    }

    /// A sign-in to a machine: the account there, and the key.
    fn login(&mut self, login: &Login, actor: &Actor) {
        if !actor.pinned.contains_key(&login.account) {
            let foothold = Foothold::Account { account: login.account.clone(), system: Some(login.system.clone()) };
            let held = self.add(foothold, login.because.iter().cloned(), [login.system.clone()]);
            held.opened.insert((login.account.clone(), login.system.clone()));
        }
        if let Some(key) = &login.key {
            let held = self.add(Foothold::Key { fingerprint: key.clone() }, login.because.iter().cloned(), [login.system.clone()]);
            held.accounts.insert(login.account.clone());
            held.opened.insert((login.account.clone(), login.system.clone()));
        }
    }

    /// A route whose weakness let his SQL through: `statements=GET /search?q of session=…, injected`.
    fn route(&mut self, link: &Link, steps: &[Step]) {
        if link.rule != "injection_to_request" {
            return;
        }
        let Ok(Node::Statements { kind, .. }) = link.to_node() else { return };
        let Some((method, target)) = kind.split_once(' ') else { return };
        let path = target.split('?').next().unwrap_or_default();
        let at_session = match link.from_node() {
            Ok(Node::Session { system, .. }) => Some(system.to_string()),
            _ => None,
        };
        // Before a sign-in there is no session: the step that tells of the weakness names the system.
        let told = format!(" {method} {path}");
        let at_step = || steps.iter().find(|s| s.exploited.as_ref().is_some_and(|e| e.contains(&told))).map(|s| s.system.clone());
        let Some(system) = at_session.or_else(at_step) else { return };
        let foothold = Foothold::Route { method: method.to_owned(), path: path.to_owned(), system: system.clone() };
        self.add(foothold, [link.id.clone()], [system]);
    }

    /// Shares that the estate describes, on systems where files on shares were read.
    fn shares(&mut self, steps: &[Step]) {
        for step in steps.iter().filter(|s| s.technique == "T1039") {
            let files = self.estate.files.iter().filter(|f| f.system == step.system).flat_map(|f| &f.path);
            let shares: BTreeSet<String> = files.filter_map(|path| share_of(path)).collect();
            for share in shares {
                self.add(Foothold::Share { host: step.system.clone(), share }, [step.id.clone()], [step.system.clone()]);
            }
        }
    }
}

/// The share of `\\host\share\folder\file`.
pub(crate) fn share_of(path: &str) -> Option<String> {
    let path = path.replace('/', "\\");
    let (_, below) = path.strip_prefix("\\\\")?.split_once('\\')?;
    let share = below.split('\\').next().filter(|s| !s.is_empty())?;
    Some(share.to_lowercase())
}
