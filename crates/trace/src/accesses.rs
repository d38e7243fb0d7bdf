//! What the actor read: executions and, where no statement was found, routes, in the form that exposure takes.

use std::sync::Arc;

use strandline_model::access::{Access, AccessKind, Completion};
use strandline_model::estate::{Database, Estate, Route};
use strandline_model::time::Instant;
use strandline_model::trail::Strength;

use crate::requests::Request;
use crate::routes::Derived;
use crate::statements::Execution;
use crate::survey::ConnectionSeen;
use crate::url::Target;

/// What an access is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A logged execution.
    Execution(usize),
    /// The query of a route of the estate.
    Route(usize),
    /// A statement that the request must have run.
    Derived(usize),
    /// Anything of a database: nothing tells what the request did.
    Unknown(usize),
}

/// What makes something that was read an access.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub origin: Origin,
    pub request: Option<usize>,
    /// The session it came through, where no request tells.
    pub session: Option<Arc<str>>,
    /// The deed it is part of.
    pub deed: usize,
    pub strength: Strength,
    pub reason: Arc<str>,
    /// The request that delivered it, where it is not the one that caused it.
    pub delivered_by: Option<usize>,
}

/// Whether an execution can show, copy or define anything. All do but plain transaction control: a write may carry what a
/// subquery read to where it is read again, and a definition may name it. What a statement shows is for exposure to say.
pub(crate) fn can_show(execution: &Execution) -> bool {
    let (shape, mut words) = (&execution.lifted.shape, execution.lifted.shape.split(' '));
    let controls = match words.next().unwrap_or_default() {
        // MariaDB runs whole blocks that begin with BEGIN NOT ATOMIC.
        "begin" => words.next() != Some("not"),
        "start" => words.next() == Some("transaction"),
        "commit" | "end" | "rollback" | "abort" | "savepoint" | "release" => true,
        _ => false,
    };
    // One string may hold several statements.
    !controls || shape.trim_end_matches([';', ' ']).contains(';')
}

fn database<'e>(estate: &'e Estate, name: Option<&str>) -> Option<&'e Database> {
    let name = name?;
    estate.databases.iter().find(|d| d.name.as_deref() == Some(name)).or_else(|| estate.databases.iter().find(|d| d.id == name))
}

/// The estate's id of a database, by its name at the server.
pub(crate) fn database_id(estate: &Estate, name: Option<&str>) -> String {
    database(estate, name).map_or_else(|| name.unwrap_or_default().to_owned(), |d| d.id.clone())
}

/// The access of an execution.
pub(crate) fn of_execution(
    draft: &Draft,
    step: &str,
    e: &Execution,
    request: Option<&Request>,
    connection: Option<&ConnectionSeen>,
    estate: &Estate,
) -> Access {
    let name = e.database.as_deref().or(connection.and_then(|c| c.database.as_deref()));
    let system = database(estate, name).map(|d| d.system.clone()).or_else(|| connection.map(|c| c.system.to_string())).unwrap_or_default();
    let proof: Vec<_> = e.proof.iter().map(|p| p.event_ref()).collect();
    let completion = match (e.completion, request.and_then(|r| r.status)) {
        (Completion::Unknown, Some(200..=299)) => Completion::Completed,
        (known, _) => known,
    };
    Access {
        id: format!("{}@{}", e.proof[0].artefact, e.proof[0].offset),
        step: step.to_owned(),
        time: Instant(e.raw),
        kind: AccessKind::Statement,
        system,
        database: database_id(estate, name),
        role: connection.and_then(|c| c.role.as_deref()).map(str::to_owned),
        connection: Some(e.connection.to_string()),
        sequence: e.sequence,
        session: request.and_then(|r| r.session.as_deref()).or(draft.session.as_deref()).map(str::to_owned),
        account: request.and_then(|r| r.account.as_deref()).map(str::to_owned),
        address: request.map_or(connection.and_then(|c| c.host.as_deref()), |r| r.address.as_deref()).map(str::to_owned),
        statement: e.statement.to_string(),
        parameters: e.parameters.iter().flatten().map(|v| v.as_deref().map(str::to_owned)).collect(),
        parameters_known: e.parameters.is_some() || !e.lifted.has_placeholders,
        masked: e.masked,
        row_count: e.rows,
        is_within: e.is_within,
        completion,
        error: e.error.as_deref().map(str::to_owned),
        error_values: e.error_values.as_ref().map(|list| list.iter().map(|v| v.to_string()).collect()),
        strength: draft.strength,
        reason: draft.reason.to_string(),
        response_status: request.and_then(|r| r.status),
        response_bytes: request.and_then(|r| r.bytes),
        asked: None,
        asked_instead: None,
        response_bytes_instead: None,
        routes: request.map(|r| routes_of(estate, r)).or_else(|| draft.session.is_some().then(Vec::new)),
        proof,
        delivery: request.map(delivery).unwrap_or_default(),
    }
}

/// What a request read and another one delivered: the file that it made was fetched there.
pub(crate) fn as_delivered_by(access: Access, fetch: &Request) -> Access {
    Access {
        response_status: fetch.status,
        response_bytes: fetch.bytes,
        asked: None,
        asked_instead: None,
        response_bytes_instead: None,
        delivery: access.delivery.into_iter().chain(delivery(fetch)).collect(),
        reason: format!("{}; a later request fetched the file that it made", access.reason),
        ..access
    }
}

/// The access of a request whose statement was not found, where other requests of its kind tell what it runs.
pub(crate) fn of_derived(
    draft: &Draft,
    step: &str,
    request: &Request,
    derived: &Derived,
    exemplar: &Execution,
    connection: Option<&ConnectionSeen>,
    estate: &Estate,
) -> Access {
    let as_logged = of_execution(draft, step, exemplar, Some(request), connection, estate);
    let access = of_request(draft, step, request, (as_logged.system, as_logged.database), estate);
    Access {
        // A request may run several statements; its own id is the first one's.
        id: if derived.rank == 0 { access.id } else { format!("{}+{}", access.id, derived.rank) },
        role: as_logged.role,
        statement: derived.statement.clone(),
        parameters: derived.parameters.clone(),
        parameters_known: derived.known,
        masked: exemplar.masked || access.masked,
        ..access
    }
}

/// The access of an answered request of which nothing tells what it read, while the database's own log is missing.
pub(crate) fn of_unknown(draft: &Draft, step: &str, request: &Request, database: &Database, estate: &Estate) -> Access {
    let access = of_request(draft, step, request, (database.system.clone(), database.id.clone()), estate);
    let session = access.session.or_else(|| access.address.clone());
    Access { id: format!("{}+{}", access.id, database.id), session, ..access }
}

/// What a request alone tells of an access, without a statement.
fn of_request(draft: &Draft, step: &str, request: &Request, (system, database): (String, String), estate: &Estate) -> Access {
    let first = &request.lines[0].place;
    Access {
        id: format!("{}@{}", first.artefact, first.offset),
        step: step.to_owned(),
        time: Instant(request.raw),
        kind: AccessKind::Route,
        system,
        database,
        role: None,
        connection: None,
        sequence: None,
        session: request.session.as_deref().map(str::to_owned),
        account: request.account.as_deref().map(str::to_owned),
        address: request.address.as_deref().map(str::to_owned),
        statement: String::new(),
        parameters: Vec::new(),
        parameters_known: false,
        masked: request.url.as_deref().is_some_and(|u| u.contains(strandline_model::event::MASK)),
        row_count: None,
        is_within: false,
        completion: Completion::Completed,
        error: None,
        error_values: None,
        strength: draft.strength,
        reason: draft.reason.to_string(),
        response_status: request.status,
        response_bytes: request.bytes,
        asked: None,
        asked_instead: None,
        response_bytes_instead: None,
        routes: Some(routes_of(estate, request)),
        proof: Vec::new(),
        delivery: delivery(request),
    }
}

fn delivery(request: &Request) -> Vec<strandline_model::evidence::EventRef> {
    request.lines.iter().filter(|l| l.sign_in.is_none()).map(|l| l.place.event_ref()).collect()
}

/// The estate's first route that fits a request and says what it reads.
pub(crate) fn route_of(estate: &Estate, request: &Request) -> Option<usize> {
    let fitting = fitting(estate, request);
    fitting.into_iter().find(|at| !estate.routes[*at].reads.is_empty())
}

/// All routes of the estate that fit a request: one page may run several queries.
fn routes_of(estate: &Estate, request: &Request) -> Vec<String> {
    fitting(estate, request).into_iter().map(|at| estate.routes[at].name()).collect()
}

/// The routes of the page that a request asks for, in the order of the estate. Of two paths that fit, the one that says more is the page's:
/// `/owners/find` before `/owners/{id}`, whichever comes first.
fn fitting(estate: &Estate, request: &Request) -> Vec<usize> {
    let all: Vec<usize> = (0..estate.routes.len()).filter(|at| fits(&estate.routes[*at], request)).collect();
    let placeholders = |at: &usize| estate.routes[*at].path.split('/').filter(|s| !s.is_empty()).map(|s| s.starts_with('{')).collect::<Vec<bool>>();
    let most = all.iter().map(placeholders).min();
    all.into_iter().filter(|at| Some(placeholders(at)) == most).collect()
}

fn fits(route: &Route, request: &Request) -> bool {
    route.system == request.system.as_ref()
        && request.method.as_deref().is_some_and(|method| route.method.eq_ignore_ascii_case(method))
        && request.target.fit(route).is_some()
}

/// The access of a request whose statement was not found: the route's query, with the request's values.
pub(crate) fn of_route(draft: &Draft, step: &str, request: &Request, route: &Route, estate: &Estate) -> Access {
    let (statement, parameters) = bind(&route.reads, &request.target, route);
    let system = estate.databases.iter().find(|d| d.id == route.database).map_or_else(|| route.system.clone(), |d| d.system.clone());
    let access = of_request(draft, step, request, (system, route.database.clone()), estate);
    Access { statement, parameters, parameters_known: true, ..access }
}

/// `:name` and `:name?default` become `$1`, `$2` …; a name that comes twice is one parameter. Quoted text and casts stay.
fn bind(reads: &str, target: &Target, route: &Route) -> (String, Vec<Option<String>>) {
    let values = target.fit(route).unwrap_or_default();
    let (mut statement, mut names, mut parameters) = (String::new(), Vec::<String>::new(), Vec::new());
    let mut chars = reads.chars().peekable();
    let mut quoted = false;
    let mut before = ' ';
    while let Some(c) = chars.next() {
        quoted ^= c == '\'';
        let named = c == ':' && !quoted && before != ':' && chars.peek().is_some_and(|n| n.is_ascii_alphabetic() || *n == '_');
        before = c;
        if !named {
            statement.push(c);
            continue;
        }
        let mut take = |fits: &dyn Fn(char) -> bool| {
            let mut word = String::new();
            while let Some(next) = chars.next_if(|n| fits(*n)) {
                word.push(next);
            }
            word
        };
        let name = take(&|n| n.is_ascii_alphanumeric() || n == '_');
        let default = (!take(&|n| n == '?').is_empty()).then(|| take(&|n| n.is_ascii_alphanumeric() || matches!(n, '_' | '.')));
        let at = names.iter().position(|known| *known == name).unwrap_or_else(|| {
            let value = values.iter().find(|(n, v)| *n == name && !v.is_empty()).map(|(_, v)| v.clone());
            names.push(name);
            parameters.push(value.or(default));
            names.len() - 1
        });
        statement.push_str(&format!("${}", at + 1));
    }
    (statement, parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reads: &str, path: &str, url: &str, statement: &str, parameters: &[Option<&str>]) {
        let route =
            Route { system: "s".into(), method: "GET".into(), path: path.into(), database: "d".into(), reads: reads.into(), shows: None, requires: Vec::new() };
        let (have, values) = bind(reads, &Target::of(url), &route);
        assert_eq!((have.as_str(), values.iter().map(|v| v.as_deref()).collect::<Vec<_>>()), (statement, parameters.to_vec()));
    }

    #[test]
    fn placeholders_become_parameters() {
        check("SELECT a::text FROM t WHERE b = :id", "/x/{id}", "/x/C%201", "SELECT a::text FROM t WHERE b = $1", &[Some("C 1")]);
        check("… OFFSET (:page?1 - 1) * 50", "/x", "/x", "… OFFSET ($1 - 1) * 50", &[Some("1")]);
        check("… OFFSET (:page?1 - 1) * 50", "/x", "/x?page=3", "… OFFSET ($1 - 1) * 50", &[Some("3")]);
        check("':no' || :q || :q", "/x", "/x", "':no' || $1 || $1", &[None]);
    }
}
