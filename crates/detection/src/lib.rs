//! Events to detections: Sigma rules ([`sigma`]), and the analytics that no rule language says.
//!
//! Each analytic is one file: it watches events stream by, keeps a bounded state for each address, session, account or
//! role, and says at the end what it saw against what it expected. None decides who the actor is; that is the trace's work.

mod access_rate;
mod account_host;
mod enumeration;
pub mod fuzz;
mod injection;
mod role;
mod scan;
mod session;
pub mod sigma;
mod sign_in;
mod sink;
mod two_places;

use strandline_model::detection::Detection;
use strandline_model::estate::{Estate, Trusted};
use strandline_model::event::columns;
use strandline_model::table::{Scan, ScanError};

/// Why detection stopped.
#[derive(Debug, thiserror::Error)]
pub enum DetectionError {
    /// The events table could not be read.
    #[error("the events table could not be read")]
    Events(#[source] ScanError),
}

/// One analytic.
trait Analytic {
    /// Watches one event.
    fn watch(&mut self, event: &Row<'_>);

    /// What it saw.
    fn conclude(self: Box<Self>, found: &mut Vec<Detection>);
}

strandline_model::event_columns! {
    /// What the analytics look at.
    pub(crate) struct Row {
        time, class, activity, status, source, system, place, src_ip, account, session, request_id, method, url, status_code,
        bytes, user_agent, database, application, statement, command, row_count, record_kind,
    }
}

/// Runs every analytic over the events, in one pass (two where an injection is checked against the statements that ran).
/// Detections come sorted by first event, then id. Memory grows with the number of addresses, sessions, accounts and
/// roles, not with the number of events.
///
/// # Errors
/// If the events table cannot be read.
pub fn detect(events: &dyn Scan, estate: &Estate) -> Result<Vec<Detection>, DetectionError> {
    let mut injection = injection::Injection::new(estate);
    let mut analytics: Vec<Box<dyn Analytic>> = vec![
        Box::new(sign_in::SignIn::new(estate)),
        Box::new(scan::Scanning::new(estate)),
        Box::new(enumeration::Enumeration::new(estate)),
        Box::new(session::SecondNetwork::default()),
        Box::new(two_places::TwoPlaces::new(estate)),
        Box::new(role::FirstRole::new(estate)),
        Box::new(account_host::FirstAccount::new(estate)),
        Box::new(access_rate::AccessRate::new(estate)),
    ];
    each_event(events, |event| {
        injection.watch(event);
        for analytic in &mut analytics {
            analytic.watch(event);
        }
    })?;
    if injection.has_suspects() {
        each_event(events, |event| injection.watch_statement(event))?;
    }
    analytics.push(Box::new(injection));
    let mut found = Vec::new();
    for analytic in analytics {
        analytic.conclude(&mut found);
    }
    // The id is the tie-break: it is a hash of rule, system and subject, and so the same in every run.
    found.sort_by(|a, b| (a.first, &a.id).cmp(&(b.first, &b.id)));
    Ok(found)
}

fn each_event(events: &dyn Scan, mut look: impl FnMut(&Row<'_>)) -> Result<(), DetectionError> {
    for part in columns::scan::<Row<'_>>(events).map_err(DetectionError::Events)? {
        for event in part.map_err(DetectionError::Events)?.iter() {
            look(&event);
        }
    }
    Ok(())
}

/// Whether the estate trusts this reader: all that an entry names (role, account, addresses) must fit.
pub fn is_trusted(trusted: &[Trusted], role: Option<&str>, account: Option<&str>, address: Option<&str>) -> bool {
    trusted.iter().any(|entry| {
        let names_something = entry.role.is_some() || entry.account.is_some() || !entry.addresses.is_empty();
        names_something
            && entry.role.as_deref().is_none_or(|name| role == Some(name))
            && entry.account.as_deref().is_none_or(|name| account == Some(name))
            && (entry.addresses.is_empty() || address.is_some_and(|a| entry.addresses.iter().any(|known| known == a)))
    })
}
