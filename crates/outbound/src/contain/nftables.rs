//! nftables: a table of our own, with sets whose elements end by themselves and count what they refuse; never another tool's chains.
//!
//! A drop in any base chain is final, so that connections which another table accepts are cut, too. Reset first, then drop: what
//! was only dropped goes on when the drop is taken back. No `auto-merge`: it shortens the end of an element that lies in another.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;
use strandline_model::containment::Effect;

use super::error::ContainError;
use super::guard::Network;
use super::machine::{Machine, WAY_IN};
use super::ours::Ours;
use super::state::{Held, TargetState};
use super::version::at_least;
use super::{Capture, Captured, Connector, Manner, Reach, Verdict};

/// The packet filter of a machine.
pub(crate) struct Nftables {
    machine: Machine,
    manner: Manner,
}

/// The first version that speaks JSON.
const OLDEST: [u32; 2] = [0, 9];

/// So many ports are looked at for one by which a connection can be tried.
const MOST_TRIED: usize = 8;

const TABLE: &str = "strandline";
const CUT: &str = "cut off";

/// Set, its type and flags, how a packet is matched.
const SETS: [(&str, &str, &str); 4] = [
    ("v4", "type ipv4_addr; flags timeout; counter;", "ip saddr @v4"),
    ("v6", "type ipv6_addr; flags timeout; counter;", "ip6 saddr @v6"),
    ("n4", "type ipv4_addr; flags interval, timeout; counter;", "ip saddr @n4"),
    ("n6", "type ipv6_addr; flags interval, timeout; counter;", "ip6 saddr @n6"),
];

/// Our chains: what comes to the machine, and what goes through it (containers, forwarded ports).
const CHAINS: [(&str, &str); 2] = [("cut_in", "input"), ("cut_through", "forward")];

impl Nftables {
    /// Reaches the machine.
    ///
    /// # Errors
    /// If it does not answer, or has no nftables.
    pub(crate) fn connect(reach: &Reach, manner: &Manner) -> Result<Self, ContainError> {
        let machine = Machine::reach(reach, manner)?;
        let told = machine.must("find nftables", &["nft", "--version"], b"")?;
        at_least(machine.target(), "nftables", &told, OLDEST)?;
        Ok(Self { machine, manner: manner.clone() })
    }

    fn address(&self, effect: &Effect) -> Result<Network, ContainError> {
        let Effect::NftablesDrop { address } = effect else {
            return Err(ContainError::NoConnector { target: self.machine.target().to_owned(), kind: "nftables" });
        };
        Network::read(address).ok_or_else(|| ContainError::Unusable { target: self.machine.target().to_owned(), why: format!("{address:?} is no address") })
    }

    /// Refuses where our own connection comes from, the machine itself, its ways out and its name servers.
    fn refuse_own(&self, written: &str, asked: Network) -> Result<(), ContainError> {
        const OWN: &str = "ip -o addr show 2>/dev/null | awk '{split($4, a, \"/\"); print \"own \" a[1]}'; \
             for v in -4 -6; do ip $v route show default 2>/dev/null | awk '{for (i = 1; i < NF; i++) if ($i == \"via\") print \"route \" $(i + 1)}'; done; \
             awk '$1 == \"nameserver\" {print \"name \" $2}' /etc/resolv.conf 2>/dev/null; true";
        let script = format!("{WAY_IN}; {OWN}");
        let told = self.machine.must("read its own addresses", &["sh", "-c", &script], b"")?;
        if self.machine.is_remote() && !told.lines().any(|line| line.starts_with("peer ")) {
            let why = "where our own connection comes from cannot be told, so that it could be cut".to_owned();
            return Err(ContainError::Strange { target: self.machine.target().to_owned(), why });
        }
        for line in told.lines() {
            let Some((what, address)) = line.split_once(' ').filter(|(what, _)| *what != "account") else { continue };
            let Some(own) = Network::read(address.split('%').next().unwrap_or(address)) else { continue };
            if own.meets(&asked) {
                let why = match what {
                    "peer" => "our own connection comes from there",
                    "route" => "it is a default route",
                    "name" => "it is a name server",
                    _ => "it is the machine itself",
                };
                return Err(ContainError::NeverTouched { target: self.machine.target().to_owned(), what: written.to_owned(), why: why.to_owned() });
            }
        }
        Ok(())
    }

    /// Our table as nft tells it; nothing where there is none.
    fn table(&self) -> Result<Option<Vec<Value>>, ContainError> {
        let printed = self.machine.run(&["nft", "-j", "list", "table", "inet", TABLE], b"")?;
        if !printed.is_good {
            let is_absent = printed.errors.contains("No such file");
            let why = super::machine::last_line(&printed.errors);
            return if is_absent {
                Ok(None)
            } else {
                Err(ContainError::Refused { target: self.machine.target().to_owned(), doing: "list our table".to_owned(), why })
            };
        }
        let strange = || ContainError::Strange { target: self.machine.target().to_owned(), why: "nft does not answer with its JSON".to_owned() };
        let whole: Value = serde_json::from_slice(&printed.out).map_err(|_| strange())?;
        whole.get("nftables").and_then(Value::as_array).cloned().map(Some).ok_or_else(strange)
    }

    fn element_text(&self, network: Network) -> String {
        let mark: String = self.manner.mark.chars().filter(|c| !c.is_control() && *c != '"').take(80).collect();
        let timeout = self.manner.lease.map_or_else(String::new, |lease| format!(" timeout {}s", lease.as_secs().max(1)));
        format!("{}{timeout} comment \"strandline {mark}\"", written(network))
    }

    fn commands(&self, network: Network, is_there: bool) -> String {
        let mut text = format!("add table inet {TABLE}\n");
        for (set, definition, _) in SETS {
            text.push_str(&format!("add set inet {TABLE} {set} {{ {definition} }}\n"));
        }
        for (chain, hook) in CHAINS {
            text.push_str(&format!(
                "add chain inet {TABLE} {chain} {{ type filter hook {hook} priority -300; policy accept; }}\nflush chain inet {TABLE} {chain}\n"
            ));
            for (_, _, matched) in SETS {
                text.push_str(&format!("add rule inet {TABLE} {chain} meta l4proto tcp {matched} reject with tcp reset\nadd rule inet {TABLE} {chain} meta l4proto != tcp {matched} drop\n"));
            }
        }
        let set = set_of(network);
        if is_there {
            text.push_str(&format!("delete element inet {TABLE} {set} {{ {} }}\n", written(network)));
        }
        text.push_str(&format!("add element inet {TABLE} {set} {{ {} }}\n", self.element_text(network)));
        text
    }
}

/// A network or address as nft writes it.
fn written(network: Network) -> String {
    let longest = if network.address.is_ipv4() { 32 } else { 128 };
    if network.bits == longest { network.address.to_string() } else { format!("{}/{}", first_of(network), network.bits) }
}

/// The first address of a network: nft refuses others.
fn first_of(network: Network) -> IpAddr {
    match network.address {
        IpAddr::V4(a) => IpAddr::V4((a.to_bits() & u32::MAX.checked_shl(32 - network.bits).unwrap_or(0)).into()),
        IpAddr::V6(a) => IpAddr::V6((a.to_bits() & u128::MAX.checked_shl(128 - network.bits).unwrap_or(0)).into()),
    }
}

fn set_of(network: Network) -> &'static str {
    match (network.address.is_ipv4(), network.bits) {
        (true, 32) => "v4",
        (true, _) => "n4",
        (false, 128) => "v6",
        (false, _) => "n6",
    }
}

/// Of one element: its comment, and how many packets it refused.
fn element(table: &[Value], network: Network) -> Option<(String, u64)> {
    let set = table.iter().filter_map(|item| item.get("set")).find(|set| set.get("name").and_then(Value::as_str) == Some(set_of(network)))?;
    set.get("elem")?.as_array()?.iter().find_map(|one| {
        let body = one.get("elem")?;
        let value = body.get("val")?;
        let is_it = match value {
            Value::String(address) => *address == written(network),
            other => {
                let prefix = other.get("prefix")?;
                let (address, bits) = (prefix.get("addr")?.as_str()?, prefix.get("len")?.as_u64()?);
                format!("{address}/{bits}") == written(network)
            }
        };
        let packets = body.get("counter").and_then(|counter| counter.get("packets")).and_then(Value::as_u64).unwrap_or(0);
        is_it.then(|| (body.get("comment").and_then(Value::as_str).unwrap_or("no comment").to_owned(), packets))
    })
}

/// Whether both chains hang where they should and hold all rules.
fn rules_stand(table: &[Value]) -> bool {
    CHAINS.iter().all(|(chain, hook)| {
        let hangs = table
            .iter()
            .filter_map(|item| item.get("chain"))
            .any(|found| found.get("name").and_then(Value::as_str) == Some(chain) && found.get("hook").and_then(Value::as_str) == Some(hook));
        let rules = table.iter().filter_map(|item| item.get("rule")).filter(|rule| rule.get("chain").and_then(Value::as_str) == Some(chain));
        hangs && rules.count() == 2 * SETS.len()
    })
}

/// Whether what listens at this address, as `ss` writes it, can answer the machine itself there. `*` is both kinds at once, and `[::]` may be.
fn answers_to(host: &str, loopback: IpAddr) -> bool {
    let own: &[&str] = if loopback.is_ipv4() { &["127.0.0.1", "0.0.0.0"] } else { &["[::1]"] };
    own.contains(&host) || ["*", "[::]"].contains(&host)
}

/// How much our sets hold.
fn elements(table: &[Value]) -> usize {
    table.iter().filter_map(|item| item.get("set")?.get("elem")?.as_array()).map(Vec::len).sum()
}

impl Connector for Nftables {
    fn refuse_protected(&mut self, effect: &Effect) -> Result<(), ContainError> {
        let network = self.address(effect)?;
        let Effect::NftablesDrop { address } = effect else { return Ok(()) };
        self.manner.never.address(self.machine.target(), address)?;
        self.refuse_own(address, network)
    }

    fn read(&mut self, effect: &Effect) -> Result<TargetState, ContainError> {
        let network = self.address(effect)?;
        let held = match self.table()? {
            None => Held::Absent,
            Some(table) => match element(&table, network) {
                None => Held::Absent,
                Some(_) if !rules_stand(&table) => Held::text("in its set, but the rules are gone"),
                Some((comment, _)) => Held::text(comment),
            },
        };
        Ok(TargetState::default().with(CUT, held))
    }

    fn meant(&mut self, _effect: &Effect, before: &TargetState, _random: &mut dyn FnMut() -> [u8; 32]) -> Result<TargetState, ContainError> {
        if let Some(comment) = before.held(CUT).expose().filter(|text| text.starts_with("strandline ")) {
            return Err(ContainError::NoEffect { target: self.machine.target().to_owned(), why: format!("it is cut off already, by {comment}") });
        }
        let mark: String = self.manner.mark.chars().filter(|c| !c.is_control() && *c != '"').take(80).collect();
        Ok(TargetState::default().with(CUT, Held::text(format!("strandline {mark}"))))
    }

    fn capture(&mut self, _effect: &Effect) -> Result<Capture, ContainError> {
        let mut capture = Capture::default();
        for (name, words) in [
            ("nft_ruleset.json", &["nft", "-j", "list", "ruleset"][..]),
            ("sockets.txt", &["ss", "-tunpi"]),
            ("conntrack.txt", &["conntrack", "-L"]),
            ("neighbours.txt", &["ip", "neigh"]),
            ("routes.txt", &["ip", "route", "show", "table", "all"]),
        ] {
            match self.machine.run(words, b"") {
                Ok(printed) if printed.is_good => capture.pieces.push(Captured { name: name.to_owned(), bytes: printed.out }),
                Ok(printed) => capture.lost.push(format!("{name}: {}", super::machine::last_line(&printed.errors))),
                Err(error) => capture.lost.push(format!("{name}: {error}")),
            }
        }
        capture.lost.push("what is in flight on connections that are reset".to_owned());
        Ok(capture)
    }

    fn apply(&mut self, effect: &Effect, _meant: &TargetState) -> Result<(), ContainError> {
        let network = self.address(effect)?;
        let is_there = self.table()?.is_some_and(|table| element(&table, network).is_some());
        self.machine.change("cut the address off", &["nft", "-f", "-"], self.commands(network, is_there).as_bytes()).map(|_| ())
    }

    fn verify(&mut self, effect: &Effect, _before: &TargetState, _meant: &TargetState) -> Result<Verdict, ContainError> {
        let network = self.address(effect)?;
        let mut verdict = Verdict::default();
        let table = self.table()?.unwrap_or_default();
        let found = element(&table, network);
        verdict.note(found.is_some(), format!("{} is in its set", written(network)), format!("{} is in no set of ours", written(network)));
        verdict.note(rules_stand(&table), "both chains stand, with all rules", "our chains or rules are gone");
        let flowtables = self.machine.must("list flowtables", &["nft", "list", "flowtables"], b"")?;
        if flowtables.contains("flowtable ") {
            verdict.doors.push("a flowtable carries forwarded connections past the filter".to_owned());
        }
        let refused = found.map_or(0, |(_, packets)| packets);
        match (refused, self.try_from(network)) {
            (_, Some(true)) => verdict.doors.push(format!("a connection from {} came through", written(network))),
            (_, Some(false)) => verdict.held.push(format!("a connection from {} was tried and refused", written(network))),
            (0, None) => verdict.untested.push(format!("nothing has come from {} since, and nobody here can try it from there", written(network))),
            (_, None) => {}
        }
        if refused > 0 {
            verdict.held.push(format!("refused since: {refused} packets"));
        }
        if !self.machine.run(&["sh", "-c", "ls -d /sys/class/net/*/bridge 2>/dev/null"], b"")?.text().trim().is_empty() {
            verdict.remarks.push("there is a bridge here: what passes between its ports (virtual machines) does not pass this filter".to_owned());
        }
        verdict.remarks.push("what this machine or one behind it sends there without an answer (UDP) goes out".to_owned());
        verdict.remarks.push("behind a proxy or NAT its address is another, and a machine with IPv4 and IPv6 has two".to_owned());
        Ok(verdict)
    }

    fn undo(&mut self, effect: &Effect, before: &TargetState) -> Result<(), ContainError> {
        let network = self.address(effect)?;
        let Some(table) = self.table()? else { return Ok(()) };
        let is_there = before.held(CUT).expose().is_none() && element(&table, network).is_some();
        // The last one goes with the table, in one step: nothing of ours stays, whenever we are killed.
        if elements(&table) == usize::from(is_there) {
            return self.machine.change("take our table away", &["nft", "delete", "table", "inet", TABLE], b"").map(|_| ());
        }
        if !is_there {
            return Ok(());
        }
        let command = format!("delete element inet {TABLE} {} {{ {} }}\n", set_of(network), written(network));
        self.machine.change("let the address in again", &["nft", "-f", "-"], command.as_bytes()).map(|_| ())
    }

    fn ours(&mut self) -> Result<Vec<Ours>, ContainError> {
        let Some(table) = self.table()? else { return Ok(Vec::new()) };
        let mut found: Vec<Ours> =
            all_elements(&table).into_iter().map(|(what, comment)| Ours { what, mark: comment.strip_prefix("strandline ").map(str::to_owned) }).collect();
        if found.is_empty() {
            found.push(Ours::bare(format!("table inet {TABLE}, with nothing in it")));
        }
        Ok(found)
    }

    fn leaves(&mut self, effect: &Effect) -> Result<Vec<String>, ContainError> {
        let Effect::NftablesDrop { address } = effect else { return Ok(Vec::new()) };
        Ok(Network::read(address).map(|network| format!("{} {}", set_of(network), written(network))).into_iter().collect())
    }
}

/// Every element of our sets: its set and address, and its comment.
fn all_elements(table: &[Value]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for set in table.iter().filter_map(|item| item.get("set")) {
        let name = set.get("name").and_then(Value::as_str).unwrap_or_default();
        for body in set.get("elem").and_then(Value::as_array).into_iter().flatten() {
            let body = body.get("elem").unwrap_or(body);
            let address = match body.get("val").unwrap_or(body) {
                Value::String(address) => address.clone(),
                other => match other.get("prefix") {
                    Some(prefix) => {
                        let part =
                            |name: &str| prefix.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).unwrap_or_default();
                        format!("{}/{}", part("addr"), part("len"))
                    }
                    None => other.to_string(),
                },
            };
            found.push((format!("{name} {address}"), body.get("comment").and_then(Value::as_str).unwrap_or_default().to_owned()));
        }
    }
    found
}

impl Nftables {
    /// Whether a connection from there gets through to a port that listens here; nothing where this is another machine, the address
    /// cannot be ours for a trial, or nothing listens.
    fn try_from(&self, network: Network) -> Option<bool> {
        if self.machine.is_remote() {
            return None;
        }
        let listening = self.machine.run(&["ss", "-Hltn"], b"").ok()?.text();
        let loopback: IpAddr = if network.address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        let ports = listening.lines().filter_map(|line| line.split_whitespace().nth(3)).filter_map(|local| local.rsplit_once(':'));
        let ports = ports.filter(|(host, _)| answers_to(host, loopback)).filter_map(|(_, port)| port.parse().ok());
        let patience = std::time::Duration::from_millis(700);
        // Somebody else gets through there, or the trial says nothing.
        let mut open = ports.take(MOST_TRIED).map(|port| std::net::SocketAddr::new(loopback, port));
        let to = open.find(|to| std::net::TcpStream::connect_timeout(to, patience).is_ok())?;
        match super::dial::dial(to, Some(first_of(network)), patience) {
            Ok(_) => Some(true),
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::TimedOut) =>
            {
                Some(false)
            }
            Err(_) => None,
        }
    }
}
