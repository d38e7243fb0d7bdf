//! The crew system as a program of one URL (`one-url`): every call is `POST /rpc`, its log names no session and no id of a
//! request, an object-relational mapper reads rows whole and one by one, and requests overlap on pooled connections.

use std::collections::VecDeque;

use crate::DrillError;
use crate::clock::Millis;
use crate::database::Statement;
use crate::gate::Asked;
use crate::store::{Answer, Store};
use crate::world::{Client, CrewCall, World};

/// What the mapper reads of a person, whatever the page shows.
const WHOLE: &str = "SELECT e.emp_id, e.full_name, e.chinese_name, e.sex, e.birth_date, e.id_card, e.mail, e.mobile, e.grade, e.pier, e.hired, e.left_on FROM crew.employee e WHERE e.emp_id = $1";

/// A request in progress.
#[derive(Debug)]
pub(crate) struct Flight {
    address: String,
    agent: &'static str,
    method: &'static str,
    target: String,
    status: u16,
    bytes: usize,
    begun: Millis,
    /// When it goes on.
    next: Millis,
    work: VecDeque<Statement>,
    /// The connection that it keeps to its end, where the framework hands out one a request.
    kept: Option<usize>,
}

/// The statements of a call: the list of numbers first, then each person, and what hangs on them.
fn work(store: &Store, call: &CrewCall, own: Option<Statement>, answer: &Answer) -> VecDeque<Statement> {
    let whole = |id: &str| Statement::bound(WHOLE, vec![id.to_owned()], usize::from(store.find(id).is_some()));
    let each = || answer.people.iter().map(|who| whole(store.emp_id(*who)));
    let Some(own) = own else { return VecDeque::new() };
    let numbers = |own: Statement| match own.sql.find(" FROM ") {
        Some(at) => Statement { sql: format!("SELECT emp_id{}", &own.sql[at..]), ..own },
        None => own,
    };
    match call {
        CrewCall::List(..) | CrewCall::Find(_) => std::iter::once(numbers(own)).chain(each()).collect(),
        CrewCall::Record(id) => {
            let side = crate::store::Side::Certificates;
            let prefetched = Statement::bound(side.sql(), vec![id.clone()], store.side(id, side).rows);
            std::iter::once(whole(id)).chain(store.find(id).map(|_| prefetched)).collect()
        }
        CrewCall::Side(id, _) => [whole(id), own].into(),
        _ => [own].into(),
    }
}

impl World {
    /// Begins a request; its first statement runs at once, so that what it lists is what stands there.
    pub(crate) fn take_off(&mut self, at: Millis, client: &Client, call: &CrewCall) -> Result<(Millis, Answer), DrillError> {
        let request = self.crew_request(call);
        let is_call = !matches!(call, CrewCall::Health | CrewCall::Other(..));
        let mut flight = Flight {
            address: client.address.clone(),
            agent: client.agent,
            method: if is_call { "POST" } else { request.method },
            target: if is_call { "/rpc".to_owned() } else { request.target },
            // An error stands in the answer of a call.
            status: if is_call && request.status != 500 { 200 } else { request.status },
            bytes: request.bytes.max(40),
            begun: at,
            next: at + 1,
            work: work(&self.store, call, request.statement.map(|(statement, _)| statement), &request.answer),
            kept: None,
        };
        // As the server before the program sees it: who is cut off gets no further.
        if self.gate.refuses_request(&Asked { at, system: "crew", client, method: flight.method, target: &flight.target }) {
            let refused = Flight { status: 403, bytes: 153, work: VecDeque::new(), ..flight };
            self.land(at + 1, &refused)?;
            return Ok((at + 1, Answer::default()));
        }
        self.go_on(at + 1, &mut flight)?;
        let done = flight.next;
        self.flights.push(flight);
        Ok((done, request.answer))
    }

    /// When the next of the requests in progress goes on.
    pub(crate) fn next_flight(&self) -> Option<Millis> {
        self.flights.iter().map(|flight| flight.next).min()
    }

    /// One of them goes on: its next statement, or its end.
    pub(crate) fn fly(&mut self, at: Millis) -> Result<(), DrillError> {
        let due = (0..self.flights.len()).filter(|i| self.flights[*i].next <= at).min_by_key(|i| (self.flights[*i].next, *i));
        let Some(due) = due else { return Ok(()) };
        let mut flight = self.flights.remove(due);
        if flight.work.is_empty() {
            return self.land(at, &flight);
        }
        self.go_on(at, &mut flight)?;
        self.flights.push(flight);
        Ok(())
    }

    fn go_on(&mut self, at: Millis, flight: &mut Flight) -> Result<(), DrillError> {
        let Some(statement) = flight.work.pop_front() else { return Ok(()) };
        let place = match flight.kept {
            Some(place) => place,
            None => self.free_place(),
        };
        if self.connection_each {
            flight.kept = Some(place);
        }
        let done = self.pooled_at(at, true, place, &statement)?;
        flight.next = done + self.dice.between(2, 14);
        Ok(())
    }

    /// A connection that no request keeps; one more, if all of them are kept.
    fn free_place(&mut self) -> usize {
        let kept = |place: &usize| self.flights.iter().any(|flight| flight.kept == Some(*place));
        let free: Vec<usize> = (0..self.crew_pool.len()).filter(|place| !kept(place)).collect();
        if free.is_empty() {
            self.crew_pool.push(None);
            return self.crew_pool.len() - 1;
        }
        free[self.dice.below(free.len())]
    }

    fn land(&mut self, at: Millis, flight: &Flight) -> Result<(), DrillError> {
        let Flight { address, agent, method, target, status, bytes, begun, .. } = flight;
        let (sent, took) = (at + 1, at + 1 - begun);
        let quoted = |text: &str| serde_json::to_string(text).map_err(DrillError::Json);
        let line = format!(
            "{{\"epoch\":{}.{:03},\"client\":\"{address}\",\"verb\":\"{method}\",\"target\":{},\"code\":{status},\"sent\":{bytes},\"agent\":{},\"took\":{}.{:03}}}",
            sent / 1000,
            sent % 1000,
            quoted(target)?,
            quoted(agent)?,
            took / 1000,
            took % 1000
        );
        self.crew_web.line(sent, line)
    }
}
