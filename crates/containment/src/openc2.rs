//! An action in the words of OpenC2, for who takes commands in them (Language Specification 1.0,
//! <https://docs.oasis-open.org/openc2/oc2ls/v1.0/oc2ls-v1.0.html>; packet filters:
//! <https://docs.oasis-open.org/openc2/oc2slpf/v1.0/oc2slpf-v1.0.html>).
//!
//! The language has words for addresses and machines, none for accounts, roles, sessions or rights. What has no word is said, never
//! told in a wider one: a command that denies a host would also cut whoever else works there.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Value, json};
use strandline_model::containment::{Action, Effect};

/// Why an action has no command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{action} has no word in OpenC2: {why}")]
pub struct NoWord {
    /// The action's id.
    pub action: String,
    /// Why.
    pub why: &'static str,
}

/// The command for an action at a target. `number` is its plan and its place there; the lease becomes the command's duration.
///
/// # Errors
/// If the language has no word for it.
pub fn openc2(action: &Action, target: &str, number: (u64, u32), lease: Option<Duration>) -> Result<Value, NoWord> {
    let no = |why| NoWord { action: action.id.clone(), why };
    let word = match &action.effect {
        Effect::NftablesDrop { address } => Word { is_packet_filter: true, ..Word::deny(address).ok_or(no("its address is none"))? },
        Effect::WebDenyAddress { address } => Word::deny(address).ok_or(no("its address is none"))?,
        Effect::Webhook { action: what, subject } | Effect::Exec { action: what, subject } => match what.as_str() {
            "block_address" => Word::deny(subject).ok_or(no("its address is none"))?,
            "isolate_host" => Word::contain(subject).ok_or(no("the host has a name that no host has"))?,
            _ => return Err(no("what a service of the organisation does is not the language's to say")),
        },
        Effect::PostgresHbaReject { .. } | Effect::PostgresTerminate { .. } => {
            return Err(no("it knows connections by address, not by role: denying the host would cut everybody there"));
        }
        Effect::WebDenyRoute { .. } => return Err(no("it knows whole URIs, not a method and a path of which a part may be anything")),
        Effect::WebDenySession { .. } | Effect::SessionStoreDelete { .. } | Effect::SessionStoreDeleteAccount { .. } => {
            return Err(no("it knows no sessions"));
        }
        Effect::WebRotateKey { .. } | Effect::PostgresPassword { .. } | Effect::MysqlPassword { .. } => return Err(no("it knows no secrets")),
        Effect::PgbouncerDisable { .. } => return Err(no("it knows no databases")),
        Effect::PostgresRoleNoLogin { .. }
        | Effect::PostgresRoleExpired { .. }
        | Effect::PostgresConnectionLimit { .. }
        | Effect::PostgresRevokeConnect { .. }
        | Effect::PostgresRevokeSelect { .. }
        | Effect::MysqlAccountLock { .. }
        | Effect::MysqlRevoke { .. }
        | Effect::MysqlKill { .. }
        | Effect::LdapLock { .. }
        | Effect::AdDisable { .. }
        | Effect::LinuxLock { .. }
        | Effect::LinuxKeysMove { .. }
        | Effect::LinuxJobsStop { .. }
        | Effect::LinuxEndSessions { .. } => return Err(no("it knows no accounts, and no rights of one")),
    };
    Ok(word.command(target, number, lease))
}

/// An action and a target of the language.
struct Word {
    action: &'static str,
    target: (&'static str, Value),
    is_packet_filter: bool,
}

impl Word {
    fn deny(address: &str) -> Option<Self> {
        let (host, bits) = address.split_once('/').map_or((address, None), |(host, bits)| (host, Some(bits)));
        let host: IpAddr = host.parse().ok()?;
        let (kind, longest) = if host.is_ipv4() { ("ipv4_net", 32) } else { ("ipv6_net", 128) };
        let bits = bits.map_or(Some(longest), |bits| bits.parse::<u8>().ok().filter(|bits| *bits <= longest))?;
        Some(Self { action: "deny", target: (kind, Value::from(format!("{host}/{bits}"))), is_packet_filter: false })
    }

    fn contain(host: &str) -> Option<Self> {
        let is_name = |part: &str| !part.is_empty() && part.len() <= 63 && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let is_host = host.len() <= 253 && host.split('.').all(is_name);
        is_host.then(|| Self { action: "contain", target: ("device", json!({ "hostname": host })), is_packet_filter: false })
    }

    fn command(self, at: &str, (plan, place): (u64, u32), lease: Option<Duration>) -> Value {
        let mut arguments = json!({ "response_requested": "complete" });
        if let Some(lease) = lease {
            // Milliseconds; how long it holds from when it is done, since no start is given.
            arguments["duration"] = Value::from(u64::try_from(lease.as_millis()).unwrap_or(u64::MAX));
        }
        let mut command = json!({
            "action": self.action,
            "target": { self.target.0: self.target.1 },
            "command_id": format!("strandline-{plan}-{place}"),
        });
        if self.is_packet_filter {
            // Reset, then dropped. Without a direction it is for both.
            arguments["slpf"] = json!({ "drop_process": "reject" });
            command["actuator"] = json!({ "slpf": { "asset_id": at } });
        }
        command["args"] = arguments;
        command
    }
}

#[cfg(test)]
mod tests {
    use strandline_model::containment::{Foothold, Notices, Undo};

    use super::*;

    fn check(effect: Effect, lease: Option<u64>, expected: Result<Value, &str>) {
        let action = Action {
            cannot_reach: vec![],
            effect,
            foothold: Foothold::Host { host: "h".to_owned() },
            id: "A1".to_owned(),
            notices: Notices::AtOnce,
            reaches: String::new(),
            system: None,
            target: None,
            undo: Undo::Exact,
        };
        let found = openc2(&action, "edge", (3, 2), lease.map(Duration::from_secs));
        match expected {
            Ok(command) => assert_eq!(found, Ok(command)),
            Err(part) => assert!(found.as_ref().is_err_and(|error| error.to_string().contains(part)), "{found:?}"),
        }
    }

    #[test]
    fn what_has_a_word_is_told_in_it_and_what_has_none_is_said() {
        let drop = |address: &str| Effect::NftablesDrop { address: address.to_owned() };
        let filter = json!({ "slpf": { "asset_id": "edge" } });
        let arguments = json!({ "response_requested": "complete", "duration": 3_600_000, "slpf": { "drop_process": "reject" } });
        let command = |target: Value| json!({ "action": "deny", "target": target, "command_id": "strandline-3-2", "args": arguments, "actuator": filter });
        check(drop("203.0.113.7"), Some(3600), Ok(command(json!({ "ipv4_net": "203.0.113.7/32" }))));
        check(drop("2001:db8::/64"), Some(3600), Ok(command(json!({ "ipv6_net": "2001:db8::/64" }))));
        check(drop("203.0.113.7/40"), None, Err("its address is none"));
        let plain = |action: &str, target: Value| json!({ "action": action, "target": target, "command_id": "strandline-3-2", "args": { "response_requested": "complete" } });
        check(Effect::WebDenyAddress { address: "203.0.113.7".to_owned() }, None, Ok(plain("deny", json!({ "ipv4_net": "203.0.113.7/32" }))));
        let exec = |action: &str, subject: &str| Effect::Exec { action: action.to_owned(), subject: subject.to_owned() };
        check(exec("isolate_host", "pc-7.example.org"), None, Ok(plain("contain", json!({ "device": { "hostname": "pc-7.example.org" } }))));
        check(exec("isolate_host", "a b"), None, Err("no host has"));
        check(exec("disable_account", "ann"), None, Err("not the language's"));
        check(Effect::PostgresHbaReject { address: "10.0.0.5".to_owned(), role: "r".to_owned() }, None, Err("cut everybody there"));
        check(Effect::WebDenySession { session: "abcdefgh".to_owned() }, None, Err("no sessions"));
    }
}
