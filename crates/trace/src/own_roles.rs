//! Applications that sign each of their users in at the database with a role of his own, called as his account: there the role of a connection
//! says whose request it serves. Whether an application does so is seen in the statements of which a value tells the request.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use strandline_model::node::How;

use crate::requests::Request;
use crate::routes::Match;
use crate::statements::Statements;
use crate::survey::Survey;

/// Roles of an application that are seen to serve their account alone, before it is taken to give each user his own: one role may bear an
/// account's name by chance.
const FEWEST_ROLES: usize = 3;
/// Statements that tell so, of all of these roles …
const FEWEST_TOLD: usize = 20;
/// … and one of how many of them may say otherwise, of any role that counts: a value can be another request's, too.
const EXCEPTIONS: usize = 20;

/// Of each role, statements whose request was made as the account of its name, and as another.
type ByRole<'r> = BTreeMap<&'r Arc<str>, (usize, usize)>;

/// Roles that serve one account of a system each.
#[derive(Debug, Default)]
pub(crate) struct OwnRoles {
    of_systems: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// The role of each connection that has one of these.
    connections: HashMap<Arc<str>, Arc<str>>,
}

impl OwnRoles {
    /// From statements of which an identifier or a value that no other request had tells the request, the actor's and others'.
    pub(crate) fn of(survey: &Survey, requests: &[Request], statements: &Statements, matches: &[Match]) -> Self {
        let role_of = |connection: &Arc<str>| survey.connections.get(connection).and_then(|c| c.role.as_ref());
        let mut told: BTreeMap<&Arc<str>, ByRole<'_>> = BTreeMap::new();
        for m in matches.iter().filter(|m| m.is_certain && matches!(m.how, How::Id | How::Value)) {
            let request = &requests[m.request];
            let (Some(role), Some(account)) = (role_of(&statements.all[m.execution].connection), &request.account) else { continue };
            let counts = told.entry(&request.system).or_default().entry(role).or_default();
            if role == account { counts.0 += 1 } else { counts.1 += 1 }
        }
        let accounts: BTreeSet<&Arc<str>> = survey.addresses.values().flat_map(|seen| &seen.accounts).collect();
        let mut out = Self::default();
        for (system, roles) in told {
            let is_own = |(own, others): &(usize, usize)| others * EXCEPTIONS <= *own;
            let seen: Vec<&(usize, usize)> = roles.values().filter(|counts| counts.0 > 0 && is_own(counts)).collect();
            if seen.len() < FEWEST_ROLES || seen.iter().map(|(own, _)| own).sum::<usize>() < FEWEST_TOLD {
                continue;
            }
            // Of a role that no value tells of, its name does.
            let is_one = |role: &&Arc<str>| accounts.contains(*role) && roles.get(*role).is_none_or(is_own);
            let all = survey.connections.values().filter_map(|c| c.role.as_ref()).filter(is_one).cloned().collect();
            out.of_systems.insert(Arc::clone(system), all);
        }
        if !out.of_systems.is_empty() {
            let is_one = |role: &&Arc<str>| out.of_systems.values().any(|roles| roles.contains(*role));
            let of_one = survey.connections.iter().filter_map(|(id, c)| c.role.as_ref().filter(is_one).map(|role| (Arc::clone(id), Arc::clone(role))));
            out.connections = of_one.collect();
        }
        out
    }

    /// Whether no application gives its users roles of their own.
    pub(crate) fn is_empty(&self) -> bool {
        self.of_systems.is_empty()
    }

    /// Whether a connection may serve a request that was made as an account: not where it came as another user's own role.
    pub(crate) fn may_serve(&self, connection: &str, system: &str, account: Option<&str>) -> bool {
        let (Some(role), Some(account)) = (self.connections.get(connection), account) else { return true };
        let Some(roles) = self.of_systems.get(system) else { return true };
        !roles.contains(role) || !roles.contains(account) || role.as_ref() == account
    }
}
