//! The two web applications, their connections to the database and everything they log. A request runs here: it asks the
//! store, it is written to the database log, the application's log and the web server's log.

use std::path::Path;

use crate::DrillError;
use crate::clock::{HONG_KONG, HOUR, Millis, civil};
use crate::database::{Connection, Database, Setting, Statement};
use crate::dice::Dice;
use crate::flights::Flight;
use crate::gate::{Asked, Gate};
use crate::logfile::{LogFile, Naming};
use crate::people::PIERS;
use crate::store::{Answer, CHINESE_NAME, FULL_NAME, GRADE, PIER, Side, Store};
use crate::truth::TruthBook;
use crate::{Plan, Scenario};

pub(crate) const BOARD_HOST: &str = "10.61.4.11";
pub(crate) const CREW_HOST: &str = "10.61.4.12";
/// Pages of the board; one of them holds the report role's secret.
pub(crate) const PAGES: i64 = 190;

/// Who sends a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Client {
    pub(crate) address: String,
    pub(crate) agent: &'static str,
    pub(crate) account: Option<String>,
    pub(crate) session: Option<String>,
}

/// A request to the notice board.
#[derive(Clone, Debug)]
pub(crate) enum BoardCall {
    Health,
    Home,
    /// The account and whether the password was right.
    Login(String, bool),
    /// The term as the browser sent it; it goes into SQL as it is.
    Search(String, usize),
    Page(i64),
    /// Some other path and the status it gets.
    Other(String, u16),
}

/// A request to the crew system.
#[derive(Clone, Debug)]
pub(crate) enum CrewCall {
    Health,
    Home,
    Login(String, bool),
    List(Option<usize>, usize),
    Record(String),
    Side(String, Side),
    Find(String),
    Export(usize),
    /// The public directory, which pastes its parameter into SQL. With what an injected parameter gave, if it was one.
    Directory(String, Option<Injected>),
    Other(String, u16),
}

/// What an injected parameter gave.
#[derive(Clone, Debug)]
pub(crate) enum Injected {
    Rows(Answer),
    /// SQLSTATE, message, and the text that the message points at.
    Error(&'static str, String, &'static str),
}

/// Systems, database and logs.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) dice: Dice,
    pub(crate) database: Database,
    pub(crate) truth: TruthBook,
    pub(crate) board_web: LogFile,
    pub(crate) board_app: LogFile,
    pub(crate) crew_web: LogFile,
    pub(crate) crew_app: LogFile,
    pub(crate) auth: LogFile,
    /// Cuts that the servers hold.
    pub(crate) gate: Gate,
    comments: bool,
    board_pool: Vec<Option<Connection>>,
    pub(crate) crew_pool: Vec<Option<Connection>>,
    /// Whether the crew system is a program of one URL, with requests in progress.
    one_url: bool,
    /// Whether a request keeps its connection to its end.
    pub(crate) connection_each: bool,
    pub(crate) flights: Vec<Flight>,
}

/// What the database server logs in a scenario, and in which zone.
pub(crate) fn database_setting(scenario: Scenario) -> (Setting, (&'static str, Millis)) {
    match scenario {
        Scenario::Pivot => (Setting::CsvTwice, ("UTC", 0)),
        Scenario::StolenSession | Scenario::OneUrl => (Setting::JsonAudit, ("HKT", HONG_KONG)),
        Scenario::Injection => (Setting::CsvStatement, ("UTC", 0)),
        Scenario::Insider | Scenario::FileShare => (Setting::StderrAudit, ("HKT", HONG_KONG)),
    }
}

impl World {
    /// A world that logs below `evidence`, or nowhere.
    pub(crate) fn new(plan: &Plan, evidence: Option<&Path>, window: (Millis, Millis)) -> Self {
        let mut dice = Dice::stream(plan.seed, "people");
        let today = (window.0 + HONG_KONG).div_euclid(crate::clock::DAY);
        let store = Store::new(&mut dice, plan.people.max(200), today);
        let log = |name: &str, naming, offset| LogFile::new(evidence.map(|e| e.join(name)), naming, offset, window);
        let (setting, zone) = database_setting(plan.scenario);
        let database_log = log(&format!("db/postgresql.{}", setting.ending()), Naming::Dated, zone.1);
        Self {
            store,
            dice: Dice::stream(plan.seed, "traffic"),
            database: Database::new(database_log, setting, zone),
            truth: TruthBook::new(plan.seed, plan.scenario.to_string()),
            board_web: log("board/access.log", Naming::Counted, HONG_KONG),
            board_app: log("board/board.log", Naming::Counted, HONG_KONG),
            crew_web: log("crew/access.json", Naming::Counted, HONG_KONG),
            crew_app: log("crew/crew.jsonl", Naming::Counted, HONG_KONG),
            auth: log("board/auth.log", Naming::Counted, HONG_KONG),
            gate: Gate::default(),
            comments: matches!(plan.scenario, Scenario::Pivot | Scenario::Injection),
            board_pool: vec![None; 2],
            crew_pool: vec![None; if plan.scenario == Scenario::OneUrl { 6 } else { 3 }],
            one_url: plan.scenario == Scenario::OneUrl,
            connection_each: plan.seed.is_multiple_of(2),
            flights: Vec::new(),
        }
    }

    /// Bytes of log lines so far.
    pub(crate) fn written(&self) -> u64 {
        [&self.board_web, &self.board_app, &self.crew_web, &self.crew_app, &self.auth, &self.database.log].iter().map(|l| l.written()).sum()
    }

    /// Closes every log.
    pub(crate) fn finish(&mut self) -> Result<(), DrillError> {
        for log in [&mut self.board_web, &mut self.board_app, &mut self.crew_web, &mut self.crew_app, &mut self.auth, &mut self.database.log] {
            log.finish()?;
        }
        Ok(())
    }

    /// Opens a database connection from `host`.
    pub(crate) fn connect(&mut self, at: Millis, host: &'static str, who: (&'static str, &'static str, &'static str)) -> Result<Connection, DrillError> {
        let port = 32_768 + self.dice.below(28_000) as u32;
        self.database.connect(at, host, port, who)
    }

    /// Runs `statements` on a connection of its own.
    pub(crate) fn run_job(
        &mut self,
        at: Millis,
        host: &'static str,
        who: (&'static str, &'static str, &'static str),
        statements: &[Statement],
    ) -> Result<(), DrillError> {
        let refused = statements.iter().filter(|_| self.gate.refuses_statement(at, at, host, who.0)).count();
        if refused > 0 {
            return Ok(());
        }
        let mut connection = self.connect(at, host, who)?;
        let mut at = at + 4;
        for statement in statements {
            at = self.database.run(at, &mut connection, statement)? + 3;
        }
        self.database.disconnect(at + 2, connection)
    }

    fn pooled(&mut self, at: Millis, crew: bool, statement: &Statement) -> Result<Millis, DrillError> {
        let size = if crew { self.crew_pool.len() } else { self.board_pool.len() };
        let place = self.dice.below(size);
        self.pooled_at(at, crew, place, statement)
    }

    /// Runs a statement on one connection of a pool.
    pub(crate) fn pooled_at(&mut self, at: Millis, crew: bool, place: usize, statement: &Statement) -> Result<Millis, DrillError> {
        let (host, role) = if crew { (CREW_HOST, "crew_app") } else { (BOARD_HOST, "board_app") };
        let open = if crew { &self.crew_pool } else { &self.board_pool }[place].as_ref();
        let opened = open.filter(|c| at - c.start < 3 * HOUR).map_or(at, Connection::opened);
        if self.gate.refuses_statement(at, opened, host, role) {
            return Ok(at);
        }
        let pool = if crew { &mut self.crew_pool } else { &mut self.board_pool };
        let kept = pool[place].take();
        let mut connection = match kept {
            Some(c) if at - c.start < 3 * HOUR => c,
            old => {
                if let Some(old) = old {
                    self.database.disconnect(at, old)?;
                }
                let (host, who) = if crew { (CREW_HOST, ("crew_app", "crew", "crew")) } else { (BOARD_HOST, ("board_app", "board", "board")) };
                self.connect(at, host, who)?
            }
        };
        let done = self.database.run(at, &mut connection, statement)?;
        let pool = if crew { &mut self.crew_pool } else { &mut self.board_pool };
        pool[place] = Some(connection);
        Ok(done)
    }

    /// A request to the notice board; when it was answered, and with which status.
    pub(crate) fn board(&mut self, at: Millis, client: &Client, call: &BoardCall) -> Result<(Millis, u16), DrillError> {
        let rid = self.dice.hex(8);
        let request = self.board_request(call);
        let begun = at + 1;
        if self.gate.refuses_request(&Asked { at, system: "board", client, method: request.method, target: &request.target }) {
            let (address, agent, sent) = (&client.address, client.agent, civil(begun, HONG_KONG).nginx());
            let line = format!("{address} - - [{sent} +0800] \"{} {} HTTP/1.1\" 403 153 \"-\" \"{agent}\"", request.method, request.target);
            self.board_web.line(begun, line)?;
            return Ok((begun, 403));
        }
        let done = match &request.statement {
            Some(statement) => self.pooled(begun, false, statement)? + 1,
            None => begun,
        };
        let local = civil(done, HONG_KONG);
        let head = |level: &str| format!("[{},{:03}] {level} board.web rid={rid}", local.seconds(), local.milli);
        if let BoardCall::Login(tried, right) = call {
            let (level, word) = if *right { ("INFO", "accepted") } else { ("WARNING", "rejected") };
            let line = format!("{} sign-in {word} login={tried} addr={}", head(level), client.address);
            self.board_app.line(done, line)?;
        }
        if let Some((_, message, _)) = request.statement.as_ref().and_then(|s| s.error.as_ref()) {
            self.board_app.line(done, format!("{} database error: {message}", head("ERROR")))?;
        }
        let account = client.account.as_deref().unwrap_or("-");
        let session = client.session.as_deref().map_or("-", |s| &s[..s.len().min(8)]);
        let (address, agent, took) = (&client.address, client.agent, done - at);
        let BoardRequest { method, target, status, bytes, .. } = request;
        let line = format!("{} user={account} sess={session} addr={address} {method} {target} -> {status} in {took}ms", head("INFO"));
        self.board_app.line(done, line)?;
        let sent = civil(done + 1, HONG_KONG).nginx();
        let line = format!("{address} - - [{sent} +0800] \"{method} {target} HTTP/1.1\" {status} {bytes} \"-\" \"{agent}\"");
        self.board_web.line(done + 1, line)?;
        Ok((done, status))
    }

    fn board_request(&mut self, call: &BoardCall) -> BoardRequest {
        let get = |target: String, statement, status, bytes| BoardRequest { method: "GET", target, statement, status, bytes };
        match call {
            BoardCall::Health => get("/healthz".to_owned(), None, 200, 3),
            BoardCall::Home => get("/".to_owned(), None, 200, 412),
            BoardCall::Other(path, status) => get(path.clone(), None, *status, if *status == 302 { 0 } else { 13 }),
            BoardCall::Login(account, right) => {
                let password = format!("{}{}", if *right { "Pier-" } else { "guess" }, self.dice.hex(7));
                let sql = "SELECT 1 FROM board.member WHERE login = $1 AND pass_hash = crypt($2, pass_hash)";
                let statement = Statement::bound(sql, vec![account.clone(), password], usize::from(*right));
                let (status, bytes) = if *right { (302, 0) } else { (401, 27) };
                BoardRequest { method: "POST", ..get("/login".to_owned(), Some(statement), status, bytes) }
            }
            BoardCall::Search(term, rows) => {
                let sql = format!("SELECT page_id, headline FROM board.page WHERE headline ILIKE '%{term}%' ORDER BY 1 LIMIT 100");
                let mut statement = Statement::simple(sql, *rows);
                let target = format!("/search?q={}", encode(term, true));
                if !term.contains('\'') || term.contains("--") {
                    return get(target, Some(statement), 200, 11 + rows * 52);
                }
                // An honest apostrophe breaks the statement: the board pastes the term in.
                let word = term.rsplit('\'').next().unwrap_or_default();
                let position = statement.sql.find(&format!("'{word}%")).map(|p| p + 2);
                statement.error = Some(("42601", format!("syntax error at or near \"{word}\""), position));
                get(target, Some(statement), 500, 21)
            }
            BoardCall::Page(id) => {
                let exists = (1..=PAGES).contains(id);
                let sql = "SELECT headline, content FROM board.page WHERE page_id = $1";
                let statement = Statement::bound(sql, vec![id.to_string()], usize::from(exists));
                let (status, bytes) = if exists { (200, 900 + (*id as usize * 37) % 2100) } else { (404, 13) };
                get(format!("/p/{id}"), Some(statement), status, bytes)
            }
        }
    }

    /// A request to the crew system; when the database answered, and what.
    pub(crate) fn crew(&mut self, at: Millis, client: &Client, call: &CrewCall) -> Result<(Millis, Answer), DrillError> {
        if self.one_url {
            return self.take_off(at, client, call);
        }
        let rid = self.dice.hex(32);
        let request = self.crew_request(call);
        let begun = at + 1;
        if self.gate.refuses_request(&Asked { at, system: "crew", client, method: request.method, target: &request.target }) {
            let quoted = |text: &str| serde_json::to_string(text).map_err(DrillError::Json);
            let (method, target, agent) = (request.method, quoted(&request.target)?, quoted(client.agent)?);
            self.crew_web.line(begun, format!("{{\"epoch\":{}.{:03},\"client\":\"{}\",\"rid\":\"{rid}\",\"verb\":\"{method}\",\"target\":{target},\"code\":403,\"sent\":153,\"agent\":{agent},\"took\":0.001}}", begun / 1000, begun % 1000, client.address))?;
            return Ok((begun, Answer::default()));
        }
        let mut done = begun;
        if let Some((mut statement, route)) = request.statement {
            if self.comments {
                statement.sql.push_str(&format!(" /*request_id='{rid}',route='{}'*/", encode(route, false)));
            }
            done = self.pooled(begun, true, &statement)?;
        }
        let answered = done + 1;
        let local = civil(answered, HONG_KONG);
        let stamp = format!("{}.{:03}+08:00", local.iso_seconds(), local.milli);
        let quoted = |text: &str| serde_json::to_string(text).map_err(DrillError::Json);
        let account = match &client.account {
            Some(account) => quoted(account)?,
            None => "null".to_owned(),
        };
        let session = client.session.as_deref().map_or("", |s| &s[..s.len().min(16)]);
        if let CrewCall::Login(tried, right) = call {
            let (level, event) = if *right { ("INFO", "sign_in_ok") } else { ("WARN", "sign_in_failed") };
            self.crew_app.line(
                answered,
                format!(
                    "{{\"@timestamp\":\"{stamp}\",\"level\":\"{level}\",\"event\":\"{event}\",\"rid\":\"{rid}\",\"actor\":{},\"ip\":\"{}\"}}",
                    quoted(tried)?,
                    client.address
                ),
            )?;
        }
        let (method, target, status, bytes) = (request.method, quoted(&request.target)?, request.status, request.bytes);
        self.crew_app.line(answered, format!("{{\"@timestamp\":\"{stamp}\",\"level\":\"INFO\",\"event\":\"request\",\"rid\":\"{rid}\",\"sid\":\"{session}\",\"actor\":{account},\"ip\":\"{}\",\"verb\":\"{method}\",\"target\":{target},\"code\":{status},\"size\":{bytes},\"ms\":{}}}", client.address, answered - at))?;
        let sent = answered + 1;
        self.crew_web.line(sent, format!("{{\"epoch\":{}.{:03},\"client\":\"{}\",\"rid\":\"{rid}\",\"verb\":\"{method}\",\"target\":{target},\"code\":{status},\"sent\":{bytes},\"agent\":{},\"took\":{}.{:03}}}", sent / 1000, sent % 1000, client.address, quoted(client.agent)?, (sent - at) / 1000, (sent - at) % 1000))?;
        Ok((done, request.answer))
    }

    pub(crate) fn crew_request(&mut self, call: &CrewCall) -> CrewRequest {
        let plain =
            |target: &str, status, bytes| CrewRequest { method: "GET", target: target.to_owned(), statement: None, status, bytes, answer: Answer::default() };
        let query = |target: String, sql: &str, parameters: Vec<String>, route: &'static str, answer: Answer| {
            let statement = Statement { extended: true, ..Statement::bound(sql, parameters, answer.rows) };
            let found = answer.rows > 0 || !matches!(route, "/people/<emp_id>");
            let (status, bytes) = if found { (200, answer.bytes) } else { (404, 24) };
            CrewRequest { method: "GET", target, statement: Some((statement, route)), status, bytes, answer }
        };
        match call {
            CrewCall::Health => plain("/healthz", 200, 15),
            CrewCall::Home => plain("/", 200, 388),
            CrewCall::Other(path, status) => plain(path, *status, if *status == 302 { 0 } else { 24 }),
            CrewCall::Login(_, right) => CrewRequest { method: "POST", ..plain("/login", if *right { 303 } else { 401 }, if *right { 0 } else { 31 }) },
            CrewCall::List(Some(pier), page) => query(
                format!("/people?pier={}&p={page}", encode(PIERS[*pier], true)),
                "SELECT emp_id, full_name, grade, pier, mail FROM crew.employee WHERE pier = $1 AND left_on IS NULL ORDER BY emp_id LIMIT 40 OFFSET $2",
                vec![PIERS[*pier].to_owned(), ((page.max(&1) - 1) * 40).to_string()],
                "/people",
                self.store.page(Some(*pier), *page),
            ),
            CrewCall::List(None, page) => query(
                format!("/people?p={page}"),
                "SELECT emp_id, full_name, grade, pier, mail FROM crew.employee WHERE left_on IS NULL ORDER BY emp_id LIMIT 40 OFFSET $1",
                vec![((page.max(&1) - 1) * 40).to_string()],
                "/people",
                self.store.page(None, *page),
            ),
            CrewCall::Record(id) => query(
                format!("/people/{id}"),
                "SELECT emp_id, full_name, chinese_name, sex, birth_date, mail, mobile, grade, pier, hired, left_on FROM crew.employee WHERE emp_id = $1",
                vec![id.clone()],
                "/people/<emp_id>",
                self.store.record(id),
            ),
            CrewCall::Side(id, side) => {
                let route = match side {
                    Side::Certificates => "/people/<emp_id>/certificates",
                    Side::Assignments => "/people/<emp_id>/assignments",
                    Side::Kin => "/people/<emp_id>/kin",
                };
                query(format!("/people/{id}/{}", side.path()), side.sql(), vec![id.clone()], route, self.store.side(id, *side))
            }
            CrewCall::Find(term) => {
                let people = self.store.search(term);
                let answer = self.store.answer(people, &[FULL_NAME, CHINESE_NAME, PIER]);
                query(
                    format!("/find?name={}", encode(term, true)),
                    "SELECT emp_id, full_name, chinese_name, pier FROM crew.employee WHERE full_name ILIKE $1 ORDER BY emp_id LIMIT 20",
                    vec![format!("%{term}%")],
                    "/find",
                    answer,
                )
            }
            CrewCall::Export(pier) => query(
                format!("/report/pier.csv?pier={}", encode(PIERS[*pier], true)),
                "SELECT emp_id, full_name, sex, birth_date, mail, grade FROM crew.employee WHERE pier = $1 ORDER BY emp_id",
                vec![PIERS[*pier].to_owned()],
                "/report/pier.csv",
                self.store.export(*pier),
            ),
            CrewCall::Directory(term, injected) => self.directory(term, injected.as_ref()),
        }
    }

    fn directory(&mut self, term: &str, injected: Option<&Injected>) -> CrewRequest {
        let sql = format!("SELECT emp_id, full_name, grade, pier FROM crew.directory WHERE full_name ILIKE '%{term}%' ORDER BY 1 LIMIT 20");
        let target = format!("/directory?q={}", encode(term, true));
        let mut statement = Statement::simple(sql, 0);
        let (status, answer) = match injected {
            Some(Injected::Error(state, message, at)) => {
                statement.error = Some((state, message.clone(), statement.sql.find(at).map(|p| p + 1)));
                (500, Answer::default())
            }
            Some(Injected::Rows(answer)) => (200, answer.clone()),
            None => {
                let upper = term.to_uppercase();
                let people = self.store.directory(&upper);
                (200, self.store.answer(people, &[FULL_NAME, GRADE, PIER]))
            }
        };
        statement.rows = answer.rows;
        let bytes = if status == 500 { 36 } else { answer.bytes };
        CrewRequest { method: "GET", target, statement: Some((statement, "/directory")), status, bytes, answer }
    }
}

struct BoardRequest {
    method: &'static str,
    target: String,
    statement: Option<Statement>,
    status: u16,
    bytes: usize,
}

pub(crate) struct CrewRequest {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) statement: Option<(Statement, &'static str)>,
    pub(crate) status: u16,
    pub(crate) bytes: usize,
    pub(crate) answer: Answer,
}

/// Percent-encoding (RFC 3986); a space becomes `+` in a form field.
pub(crate) fn encode(text: &str, form: bool) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' if form => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
