//! The Windows side of a trail: who signed in to which host from where, and what ran and was opened in those sign-ins.
//!
//! A sign-in is followed by account, host and origin together, never by account alone: the owner of a stolen account goes on
//! working at their own desk. What happened on a host is joined by the logon id (`TargetLogonId` of 4624), which means one
//! session of one host until that session ends; a host may give the same id again after it was started anew.
//! Microsoft, "Security auditing", describes the records; `docs/windows-trail.md` the rules.

mod acts;
mod files;
mod path;
mod spread;
mod survey;

use std::collections::BTreeSet;
use std::sync::Arc;

use strandline_model::estate::Estate;
pub(crate) use strandline_model::names::{account_key, host_key, same_account};
use strandline_model::node::Node;

use crate::links::Links;

pub(crate) use acts::{Gathered, gather};
pub(crate) use files::Read;
pub(crate) use spread::{followed, spread};
pub(crate) use survey::{Logons, survey};

/// The sources of the estate that are Windows event logs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources(BTreeSet<String>);

impl Sources {
    pub(crate) fn of(estate: &Estate) -> Self {
        Self(estate.sources.iter().filter(|s| s.format == "evtx").map(|s| s.id.clone()).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether records of a source stand in a Windows event log.
    pub(crate) fn hold(&self, source: &str) -> bool {
        !self.0.is_empty() && self.0.contains(source)
    }
}

/// Accounts whose sign-ins the trail holds, as the logs write them.
pub(crate) fn accounts(logons: &Logons, links: &Links) -> BTreeSet<String> {
    followed(logons, links).keys().filter_map(|entry| logons.entries.get(entry)).map(|seen| seen.written.to_string()).collect()
}

/// Whether two written accounts are the same.
pub(crate) fn is_account(one: &str, other: &str) -> bool {
    same_account(&account_key(one), &account_key(other))
}

/// A machine's own account, or one that stands for nobody.
fn is_nobody(account: &str) -> bool {
    account.ends_with('$') || account.ends_with("anonymous logon") || account.ends_with("\\system") || account == "system"
}

/// The machine itself.
fn is_loopback(address: &str) -> bool {
    address.starts_with("127.") || address == "::1"
}

/// Account, host and origin of sign-ins. The account as [`account_key`], the host as [`host_key`]; the origin is an address,
/// or empty for a sign-in at the machine itself.
pub(crate) type Entry = (Arc<str>, Arc<str>, Arc<str>);

/// The node of an entry.
pub(crate) fn node((account, host, origin): &Entry) -> Node {
    Node::Logon { account: account.clone(), host: host.clone(), origin: origin.clone() }
}
