//! First use of a database role from a host: a role turns up where it has no business.

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::detection::{Detection, Level, SubjectKind};
use strandline_model::estate::{Estate, Trusted};
use strandline_model::event::{Activity, Class, Status};
use strandline_model::time::Instant;

use crate::sink::{Artefacts, Seen, Statement, detection};
use crate::{Analytic, Row, is_trusted};

/// Client programs that people type into. An application's pool does not call itself so.
const INTERACTIVE: &[&str] =
    &["psql", "pgadmin", "dbeaver", "datagrip", "heidisql", "navicat", "mysql", "sqlcl", "workbench", "pg_dump", "mysqldump", "tableplus"];
/// A pair that was there this soon after the log began is no news.
const SETTLE_MICROS: i64 = 20 * 1_000_000;

#[derive(Default)]
struct Pair {
    seen: Seen,
    interactive: bool,
    application: Option<String>,
}

/// Watches connections and statements at databases. State: one entry for each role and host.
pub struct FirstRole {
    trusted: Vec<Trusted>,
    roles_by_host: BTreeMap<String, (String, BTreeSet<String>)>,
    artefacts: Artefacts,
    begin: Option<Instant>,
    pairs: BTreeMap<(String, String, String), Pair>,
}

impl FirstRole {
    /// For an estate, whose systems say which roles belong to which hosts.
    pub fn new(estate: &Estate) -> Self {
        let mut roles_by_host = BTreeMap::new();
        for system in &estate.systems {
            for address in &system.addresses {
                let entry: &mut (String, BTreeSet<String>) = roles_by_host.entry(address.clone()).or_insert_with(|| (system.id.clone(), BTreeSet::new()));
                entry.1.extend(system.roles.iter().cloned());
            }
        }
        Self { trusted: estate.trusted.clone(), roles_by_host, artefacts: Artefacts::default(), begin: None, pairs: BTreeMap::new() }
    }

    fn level(&self, role: &str, host: &str, pair: &Pair, others_at_host: usize) -> Option<(Level, String)> {
        let first = pair.seen.first?;
        let early = self.begin.is_some_and(|begin| first.micros() - begin.micros() < SETTLE_MICROS);
        match self.roles_by_host.get(host) {
            Some((_, roles)) if roles.contains(role) => None,
            // What was there when the log began, and nobody types into, is more likely a job that the estate forgot.
            Some((system, roles)) if !roles.is_empty() => Some((
                if early && !pair.interactive { Level::Medium } else { Level::High },
                format!(
                    "the host of {system} used the role {role}, which is not its application's{}",
                    if pair.interactive { ", with a program that people type into" } else { "" }
                ),
            )),
            _ if early => None,
            _ if pair.interactive && others_at_host > 0 => {
                Some((Level::High, format!("a host that had used {others_at_host} other role(s) first used {role}, with a program that people type into")))
            }
            _ => Some((Level::Low, format!("the role {role} was first used from this host"))),
        }
    }
}

impl Analytic for FirstRole {
    fn watch(&mut self, event: &Row<'_>) {
        if event.class != Class::Datastore || matches!(event.activity, Activity::Disconnect) {
            return;
        }
        self.begin = Some(self.begin.map_or(event.time, |t| t.min(event.time)));
        let (Some(role), Some(host)) = (event.account.as_deref(), event.src_ip.as_deref()) else { return };
        // MySQL's general log writes that a client came before it is let in, or refused.
        if event.activity == Activity::Connect && event.status == Status::Unknown {
            return;
        }
        if host == "[local]" || event.status == Status::Failure || is_trusted(&self.trusted, Some(role), None, Some(host)) {
            return;
        }
        let place = self.artefacts.place(event);
        let pair = self.pairs.entry((event.system.to_string(), host.to_owned(), role.to_owned())).or_default();
        if let Some(application) = event.application.as_deref() {
            let lower = application.to_ascii_lowercase();
            pair.interactive |= INTERACTIVE.iter().any(|name| lower.contains(name));
            if pair.application.is_none() {
                pair.application = Some(application.to_owned());
            }
        }
        pair.seen.add(event.time, place);
    }

    fn conclude(self: Box<Self>, found: &mut Vec<Detection>) {
        let mut roles_at: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (system, host, _) in self.pairs.keys() {
            *roles_at.entry((system, host)).or_default() += 1;
        }
        for ((system, host, role), pair) in &self.pairs {
            let others = roles_at.get(&(system.as_str(), host.as_str())).map_or(0, |count| count - 1);
            let Some((level, reason)) = self.level(role, host, pair, others) else { continue };
            let subject = format!("{role}@{host}");
            let mut related = vec![format!("address={host}"), format!("account={role}")];
            related.extend(pair.application.iter().map(|name| format!("application={name}")));
            found.push(detection(
                &self.artefacts,
                &pair.seen,
                Statement {
                    rule: "first_role_from_host",
                    title: "A database role from a host that has no business with it",
                    level,
                    techniques: &["T1078"],
                    subject: (SubjectKind::RoleAtHost, &subject),
                    system,
                    reason,
                    related,
                },
            ));
        }
    }
}
