//! The intruder: a script of moves with their times, made before the first day, played when its time comes. Every move
//! that reads personal data tells the truth book what came back.

use std::collections::VecDeque;

use strandline_model::trail::Pin;

use crate::clock::{DAY, HONG_KONG, HOUR, MINUTE, Millis, SECOND, civil, days, iso_date, weekday};
use crate::database::{Connection, Statement};
use crate::dice::Dice;
use crate::people::{GRADES, ISSUERS, PIERS, TITLES};
use crate::staff::{Access, Worker};
use crate::store::{
    ASSIGNMENT, Answer, BANK_NO, BIRTH_DATE, CHINESE_NAME, EMPLOYEE, FULL_NAME, GRADE, ID_CARD, ISSUER, KIN_NAME, KIN_PHONE, MAIL, MOBILE, PAY_POINT, PIER,
    Side, Store, TITLE,
};
use crate::truth::{TrueGap, seconds};
use crate::world::{BOARD_HOST, BoardCall, Client, CrewCall, Injected, World};
use crate::{DUMP_HOUR, DrillError, Plan, Scenario};

const TOOL: &str = "python-requests/2.32.3";
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Safari/537.36";

/// A statement typed into psql.
#[derive(Clone, Debug)]
enum Query {
    Version,
    Tables,
    Count,
    First(usize),
    Vault,
    Piers(usize, usize),
    Certified(usize),
    Averages,
    Accounts(i64),
    Control(&'static str, &'static str),
    Declare,
    Fetch(usize),
    MailLike(&'static str),
    Directory(usize),
    Holders(usize, usize),
    Newest(i64, usize),
    Mobiles(usize, usize),
    KinOfPaid(i64),
}

/// What an injected parameter asks for.
#[derive(Clone, Debug)]
enum Probe {
    Quote,
    OrderBy,
    Version,
    Tables,
    Identity(usize),
    Kin(usize, usize),
    Pay(i64),
}

#[derive(Clone, Debug)]
enum Move {
    Board(BoardCall),
    Ssh,
    PsqlOpen,
    Psql(Query),
    PsqlClose,
    Crew(CrewCall),
    Inject(Probe),
    /// From now on from the second address.
    Relocate,
    /// A session of one's own: a new one for the account.
    NewSession,
}

/// Tactic, technique, system and a sentence.
type Label = (&'static str, &'static str, &'static str, &'static str);

const RECONNAISSANCE: Label = ("reconnaissance", "T1595.003", "board", "asks for well-known paths");
const STUFFING: Label = ("initial_access", "T1110.004", "board", "tries stolen passwords until one fits");
const BOARD_INJECTION: Label = ("credential_access", "T1190", "board", "injects SQL into the search of the board");
const SECRETS: Label = ("credential_access", "T1552.001", "board", "reads pages of the board, one with secrets");
const SSH: Label = ("lateral_movement", "T1021.004", "board", "signs in to the board's host");
const PSQL: Label = ("lateral_movement", "T1078", "db", "connects to the crew database as the report role");
const DUMPING: Label = ("collection", "T1213", "db", "reads the crew database");
const STOLEN_ACCOUNT: Label = ("initial_access", "T1078", "crew", "signs in with a stolen password");
const BROWSING: Label = ("collection", "T1213", "crew", "reads records through the crew system");
const EXPORTING: Label = ("exfiltration", "T1567", "crew", "downloads an export");
const COOKIE: Label = ("initial_access", "T1550.004", "crew", "uses a clerk's session cookie from another network");
const PROBING: Label = ("initial_access", "T1190", "crew", "finds that the directory's parameter goes into SQL");
const UNION: Label = ("collection", "T1190", "crew", "reads personal data with UNION SELECT");
const CURIOUS: Label = ("collection", "T1213", "crew", "looks people up without a reason");

/// The intruder and what is left of the script.
pub(crate) struct Intruder {
    moves: VecDeque<(Millis, Move, Label)>,
    theft: Vec<Millis>,
    client: Client,
    second_address: String,
    scenario: Scenario,
    victim: usize,
    snapshot_at: Millis,
    psql: Option<Connection>,
    fetched: usize,
}

struct Script {
    at: Millis,
    dice: Dice,
    moves: VecDeque<(Millis, Move, Label)>,
}

impl Script {
    fn then(&mut self, pause_ms: Millis, label: Label, one: Move) {
        self.at += self.dice.pause(pause_ms);
        self.moves.push_back((self.at, one, label));
    }
}

impl Intruder {
    /// The intruder of a plan. `world` is read for numbers that exist, `workers` for accounts.
    pub(crate) fn new(plan: &Plan, window: (Millis, Millis), world: &mut World, workers: &[Worker]) -> Self {
        let mut dice = Dice::stream(plan.seed, "intruder");
        let mut day = window.0 + i64::from(plan.days - 2) * DAY;
        while weekday(day) >= 5 {
            day -= DAY;
        }
        let at = day + 13 * HOUR + dice.between(0, 100) * MINUTE;
        let first = format!("203.0.113.{}", dice.between(3, 250));
        let second_address = format!("198.51.100.{}", dice.between(3, 250));
        let victim = match plan.scenario {
            Scenario::StolenSession => 0,
            Scenario::Pivot | Scenario::Injection => 1,
            // The office of `file-share` is a world of its own, with an intruder of its own.
            Scenario::Insider | Scenario::FileShare => 2,
            Scenario::OneUrl => 0,
        };
        let mut script = Script { at, dice, moves: VecDeque::new() };
        let mut client = Client { address: first.clone(), agent: TOOL, ..Client::default() };
        let (mut snapshot_at, mut addresses, mut accounts) = (day + DUMP_HOUR, vec![first], Vec::new());
        match plan.scenario {
            Scenario::Pivot => {
                pivot(&mut script, &world.store, workers);
                addresses.push(second_address.clone());
                accounts = vec![workers[5].account.clone(), "crew_report".to_owned(), workers[1].account.clone()];
            }
            Scenario::StolenSession => {
                client.agent = BROWSER;
                stolen_session(&mut script, &world.store);
                accounts.push(workers[0].account.clone());
            }
            Scenario::Injection => injection(&mut script),
            Scenario::FileShare => {}
            Scenario::OneUrl => {
                client.agent = BROWSER;
                one_url(&mut script, &world.store, &workers[0].account);
                accounts.push(workers[0].account.clone());
            }
            Scenario::Insider => {
                client = workers[victim].client();
                insider(&mut script, &mut world.store, window);
                snapshot_at = window.0 + DUMP_HOUR;
                addresses = vec![client.address.clone()];
                accounts.push(client.account.clone().unwrap_or_default());
            }
        }
        (world.truth.intrusion.addresses, world.truth.intrusion.accounts) = (addresses, accounts);
        // A gap of the database's own log falls into the session at the database, where there is one.
        let labels = match (plan.scenario, plan.seed % 4) {
            (Scenario::Pivot, 3) => vec![DUMPING.3],
            _ => vec![BROWSING.3, UNION.3, CURIOUS.3],
        };
        let theft = script.moves.iter().filter(|(_, _, l)| labels.contains(&l.3)).map(|(at, ..)| *at).collect();
        Self { moves: script.moves, theft, client, second_address, scenario: plan.scenario, victim, snapshot_at, psql: None, fetched: 0 }
    }

    /// When the dump was taken: the night before, or for an insider before it all.
    pub(crate) fn snapshot_at(&self) -> Millis {
        self.snapshot_at
    }

    pub(crate) fn next_turn(&self) -> Option<Millis> {
        self.moves.front().map(|(at, ..)| *at)
    }

    /// What a responder would know from a complaint.
    pub(crate) fn pins(&self) -> Vec<Pin> {
        match (self.scenario, &self.client.account) {
            (Scenario::Insider, Some(account)) => vec![Pin::Account(account.clone())],
            (Scenario::OneUrl, _) => vec![Pin::Address(self.client.address.clone())],
            _ => Vec::new(),
        }
    }

    /// Loses logs in the middle of the theft: a minute or so, a whole rotated file, or lines of the database log.
    pub(crate) fn lose_evidence(&self, plan: &Plan, world: &mut World) {
        let mut dice = Dice::stream(plan.seed, "gap");
        let Some(&middle) = self.theft.get(self.theft.len() / 2) else {
            return;
        };
        let (sources, (from, to)) = match (plan.scenario, plan.seed % 4) {
            (Scenario::OneUrl, 0..=2) => {
                let hole = (middle - dice.between(15, 45) * SECOND, middle + dice.between(15, 45) * SECOND);
                world.crew_web.lose(hole.0, hole.1);
                (vec!["crew-web"], hole)
            }
            (Scenario::Insider, _) | (_, 2) => (vec!["crew-app"], world.crew_app.lose_file_of(middle)),
            (_, 3) => {
                let hole = (middle - dice.between(8, 20) * SECOND, middle + dice.between(12, 20) * SECOND);
                world.database.log.lose(hole.0, hole.1);
                (vec!["db-log"], hole)
            }
            _ => {
                let before = dice.between(15, 45) * SECOND;
                let hole = (middle - before, middle + dice.between(15, 45) * SECOND);
                world.crew_web.lose(hole.0, hole.1);
                world.crew_app.lose(hole.0, hole.1);
                (vec!["crew-web", "crew-app"], hole)
            }
        };
        let sources = sources.into_iter().map(str::to_owned).collect();
        world.truth.intrusion.gaps.push(TrueGap { sources, from: seconds(from), to: seconds(to) });
    }

    /// Plays the next move; when the one after that is due.
    pub(crate) fn turn(&mut self, at: Millis, world: &mut World, workers: &[Worker]) -> Result<Option<Millis>, DrillError> {
        let Some((_, one, label)) = self.moves.pop_front() else {
            return Ok(None);
        };
        self.sign(workers, world);
        let done = self.play(at, &one, world, workers)?;
        let (tactic, technique, system, summary) = label;
        let from_host = if system == "db" { BOARD_HOST } else { &self.client.address };
        let account = if system == "db" { Some("crew_report") } else { self.client.account.as_deref() };
        if !matches!(one, Move::Relocate | Move::NewSession) {
            world.truth.step(done, (tactic, technique, system), from_host, account, summary);
        }
        Ok(self.next_turn())
    }

    /// Takes the clerk's session, the first time it is needed.
    fn sign(&mut self, workers: &[Worker], world: &mut World) {
        if self.scenario == Scenario::StolenSession && self.client.session.is_none() {
            let victim = &workers[self.victim];
            self.client.account = Some(victim.account.clone());
            self.client.session.clone_from(&victim.crew_session);
            note_session(world, self.client.session.as_deref());
        }
    }

    fn play(&mut self, at: Millis, one: &Move, world: &mut World, workers: &[Worker]) -> Result<Millis, DrillError> {
        match one {
            Move::Board(BoardCall::Login(account, true)) => {
                (self.client.account, self.client.session) = (Some(account.clone()), Some(world.dice.hex(32)));
                // Its application's log keeps less of a session than the crew system's.
                world.truth.intrusion.sessions.extend(self.client.session.as_deref().map(|session| session[..8.min(session.len())].to_owned()));
                world.board(at, &self.client, &BoardCall::Login(account.clone(), true)).map(|(t, _)| t)
            }
            Move::Board(call) => world.board(at, &self.client, call).map(|(t, _)| t),
            Move::Ssh => self.ssh(at, world),
            Move::PsqlOpen => {
                self.psql = Some(world.connect(at, BOARD_HOST, ("crew_report", "crew", "psql"))?);
                Ok(at + 3)
            }
            Move::PsqlClose => {
                if let Some(connection) = self.psql.take() {
                    let session = connection.session();
                    world.truth.sent(at, format!("disconnect {session} (pid {})", connection.pid()), None);
                    world.database.disconnect(at, connection)?;
                }
                Ok(at)
            }
            Move::Psql(query) => self.type_query(at, query, world),
            Move::Crew(call) if self.scenario == Scenario::OneUrl => {
                let before = world.dice.chance(50);
                if before {
                    colleague(at, workers, world)?;
                }
                let done = self.ask_crew(at, call, world)?;
                if !before {
                    colleague(at, workers, world)?;
                }
                Ok(done)
            }
            Move::Crew(call) => self.ask_crew(at, call, world),
            Move::Inject(probe) => self.inject(at, probe, world),
            Move::Relocate => {
                self.client.address.clone_from(&self.second_address);
                Ok(at)
            }
            Move::NewSession => {
                let account = workers[self.victim].account.clone();
                self.client.session = Some(world.dice.hex(32));
                self.client.account = Some(account.clone());
                if self.scenario == Scenario::Pivot {
                    self.client.agent = BROWSER;
                }
                note_session(world, self.client.session.as_deref());
                let done = world.crew(at, &self.client, &CrewCall::Login(account.clone(), true))?.0;
                if self.scenario == Scenario::Pivot {
                    let (tactic, technique, system, summary) = STOLEN_ACCOUNT;
                    world.truth.step(done, (tactic, technique, system), &self.client.address, Some(&account), summary);
                }
                Ok(done)
            }
        }
    }

    fn ssh(&mut self, at: Millis, world: &mut World) -> Result<Millis, DrillError> {
        let pid = 31_000 + world.dice.below(900);
        let port = 40_000 + world.dice.below(20_000);
        for (later, text) in [
            (0, format!("Failed password for invalid user admin from {} port {port} ssh2", self.client.address)),
            (4_100, format!("Accepted password for deploy from {} port {} ssh2", self.client.address, port + 2)),
            (4_150, "pam_unix(sshd:session): session opened for user deploy(uid=1003) by (uid=0)".to_owned()),
        ] {
            world.auth.line(at + later, format!("{} board sshd[{pid}]: {text}", civil(at + later, HONG_KONG).syslog()))?;
        }
        Ok(at + 4_150)
    }

    fn type_query(&mut self, at: Millis, query: &Query, world: &mut World) -> Result<Millis, DrillError> {
        let (statement, answer) = ask(query, &world.store, &mut self.fetched);
        let Some(connection) = &mut self.psql else {
            return Ok(at);
        };
        if world.gate.refuses_statement(at, connection.opened(), BOARD_HOST, "crew_report") {
            return Ok(at);
        }
        let done = world.database.run(at, connection, &statement)?;
        let rows = (statement.error.is_none() && statement.tag != "BEGIN").then_some(answer.rows);
        world.truth.sent(done, statement.sql, rows);
        world.truth.shown(done, "psql", &answer);
        Ok(done)
    }

    fn ask_crew(&mut self, at: Millis, call: &CrewCall, world: &mut World) -> Result<Millis, DrillError> {
        let (done, mut answer) = world.crew(at, &self.client, call)?;
        match call {
            CrewCall::Find(_) => answer.inferred.push(FULL_NAME),
            CrewCall::List(Some(_), _) | CrewCall::Export(_) => answer.inferred.push(PIER),
            _ => {}
        }
        world.truth.sent(done, format!("{call:?}"), Some(answer.rows));
        world.truth.shown(done, "crew", &answer);
        Ok(done)
    }

    fn inject(&mut self, at: Millis, probe: &Probe, world: &mut World) -> Result<Millis, DrillError> {
        let (term, injected) = payload(probe, &world.store);
        let (done, answer) = world.crew(at, &self.client, &CrewCall::Directory(term.clone(), Some(injected)))?;
        world.truth.sent(done, term, Some(answer.rows));
        world.truth.shown(done, "crew", &answer);
        Ok(done)
    }
}

fn note_session(world: &mut World, session: Option<&str>) {
    let kept = session.map(|s| s[..s.len().min(16)].to_owned());
    world.truth.intrusion.sessions.extend(kept);
}

/// In most moments somebody else at work asks for something too, so that requests overlap.
fn colleague(at: Millis, workers: &[Worker], world: &mut World) -> Result<(), DrillError> {
    let others: Vec<&Worker> = workers.iter().skip(3).filter(|worker| worker.access != Access::None).collect();
    if others.is_empty() || !world.dice.chance(60) {
        return Ok(());
    }
    let (worker, who) = (others[world.dice.below(others.len())], world.dice.below(world.store.serving_count()));
    let id = world.store.emp_id(world.store.serving_at(who)).to_owned();
    let call = match world.dice.below(3) {
        0 => CrewCall::List(Some(world.dice.below(PIERS.len())), 1),
        1 => CrewCall::Side(id, Side::Kin),
        _ => CrewCall::Record(id),
    };
    world.crew(at, &worker.client(), &call).map(|_| ())
}

// Scripts -----------------------------------------------------------------------------------------------------------

fn pivot(s: &mut Script, store: &Store, workers: &[Worker]) {
    if s.dice.chance(70) {
        for path in ["/robots.txt", "/.env", "/admin", "/login.php", "/.git/config", "/backup.tar.gz"] {
            s.then(2 * SECOND, RECONNAISSANCE, Move::Board(BoardCall::Other(path.to_owned(), 302)));
        }
    }
    let tries = 24 + s.dice.below(22);
    for i in 0..tries {
        let account = if i % 3 == 0 { format!("{}.{}", s.dice.pick(workers).account, i) } else { s.dice.pick(&workers[6..]).account.clone() };
        s.then(900, STUFFING, Move::Board(BoardCall::Login(account, false)));
    }
    s.then(SECOND, STUFFING, Move::Board(BoardCall::Login(workers[5].account.clone(), true)));
    for (term, rows) in [
        ("zq' UNION SELECT 1, version() --", 1),
        ("zq' UNION SELECT 1, table_schema||'.'||table_name FROM information_schema.tables --", 100),
        ("zq' UNION SELECT 1, login||':'||pass_hash FROM board.member --", 100),
    ] {
        s.then(25 * SECOND, BOARD_INJECTION, Move::Board(BoardCall::Search(term.to_owned(), rows)));
    }
    for _ in 0..14 + s.dice.below(10) {
        let page = s.dice.between(1, crate::world::PAGES);
        s.then(4 * SECOND, SECRETS, Move::Board(BoardCall::Page(page)));
    }
    s.then(3 * MINUTE, SSH, Move::Ssh);
    s.at += 8 * SECOND;
    s.then(70 * SECOND, PSQL, Move::PsqlOpen);
    s.at += 300;
    for query in psql_session(&mut s.dice, store) {
        s.then(40 * SECOND, DUMPING, Move::Psql(query));
    }
    s.then(30 * SECOND, DUMPING, Move::PsqlClose);
    s.then(6 * MINUTE, STOLEN_ACCOUNT, Move::NewSession);
    let pier = s.dice.below(PIERS.len());
    for page in 1..=4 {
        s.then(5 * SECOND, BROWSING, Move::Crew(CrewCall::List(Some(pier), page)));
    }
    enumerate(s, store, 60);
    s.then(20 * SECOND, BROWSING, Move::Relocate);
    enumerate(s, store, 50);
    let pier = s.dice.below(PIERS.len());
    s.then(30 * SECOND, EXPORTING, Move::Crew(CrewCall::Export(pier)));
}

fn psql_session(dice: &mut Dice, store: &Store) -> Vec<Query> {
    let half = store.people.len() / 2;
    let mut middle = vec![
        vec![Query::Piers(dice.below(PIERS.len()), dice.below(PIERS.len()))],
        vec![Query::Certified(dice.below(GRADES.len()))],
        vec![Query::Averages],
        vec![Query::Accounts(dice.between(43, 47))],
        vec![
            Query::Control("BEGIN", "BEGIN"),
            Query::Declare,
            Query::Fetch(80 + dice.below(90)),
            Query::Fetch(25 + dice.below(50)),
            Query::Control("CLOSE CURSOR", "CLOSE big"),
            Query::Control("COMMIT", "COMMIT"),
        ],
        vec![Query::MailLike(["siu", "ho", "wai", "mei"][dice.below(4)])],
        vec![Query::Directory(dice.below(PIERS.len()))],
        vec![Query::Holders(dice.below(TITLES.len()), dice.below(ISSUERS.len()))],
        vec![Query::Newest(days(2026, 1, 1), 30 + dice.below(30))],
        vec![Query::Mobiles(60, half), Query::Mobiles(60, half + 60)],
        vec![Query::KinOfPaid(dice.between(46, 48))],
    ];
    dice.shuffle(&mut middle);
    let start = [Query::Version, Query::Tables, Query::Count, Query::First(3 + dice.below(4)), Query::Vault];
    start.into_iter().chain(middle.into_iter().flatten()).collect()
}

/// Counts numbers up from somewhere; most do not exist.
fn enumerate(s: &mut Script, store: &Store, count: u32) {
    let from = s.dice.below(store.people.len() - store.people.len() / 8);
    let number: u32 = store.people[from].emp_id[1..].parse().unwrap_or(100_400);
    for i in 0..count {
        let id = format!("E{:06}", number + i);
        s.then(2_500, BROWSING, Move::Crew(CrewCall::Record(id.clone())));
        if store.find(&id).is_some() && s.dice.chance(35) {
            let side = *s.dice.pick(&[Side::Certificates, Side::Assignments, Side::Kin]);
            s.then(900, BROWSING, Move::Crew(CrewCall::Side(id, side)));
        }
    }
}

fn stolen_session(s: &mut Script, store: &Store) {
    s.then(SECOND, COOKIE, Move::Crew(CrewCall::Home));
    for page in 1..=3 + s.dice.below(4) {
        s.then(6 * SECOND, BROWSING, Move::Crew(CrewCall::List(None, page)));
    }
    enumerate(s, store, 120);
    let (one, two) = (s.dice.below(PIERS.len()), s.dice.below(PIERS.len()));
    for page in 1..=3 {
        s.then(8 * SECOND, BROWSING, Move::Crew(CrewCall::List(Some(one), page)));
    }
    enumerate(s, store, 60);
    s.then(40 * SECOND, EXPORTING, Move::Crew(CrewCall::Export(two)));
}

fn one_url(s: &mut Script, store: &Store, account: &str) {
    s.then(SECOND, STOLEN_ACCOUNT, Move::Crew(CrewCall::Login(account.to_owned(), true)));
    for page in 1..=2 + s.dice.below(3) {
        s.then(6 * SECOND, BROWSING, Move::Crew(CrewCall::List(None, page)));
    }
    enumerate(s, store, 60);
    let (one, two) = (s.dice.below(PIERS.len()), s.dice.below(PIERS.len()));
    for page in 1..=2 {
        s.then(8 * SECOND, BROWSING, Move::Crew(CrewCall::List(Some(one), page)));
    }
    let (surname, _) = *s.dice.pick(&crate::people::SURNAMES[..24]);
    s.then(10 * SECOND, BROWSING, Move::Crew(CrewCall::Find(surname.to_owned())));
    enumerate(s, store, 40);
    s.then(40 * SECOND, EXPORTING, Move::Crew(CrewCall::Export(two)));
}

fn injection(s: &mut Script) {
    for probe in [Probe::Quote, Probe::OrderBy, Probe::Version, Probe::Tables] {
        s.then(30 * SECOND, PROBING, Move::Inject(probe));
    }
    for _ in 0..3 + s.dice.below(4) {
        let pier = s.dice.below(PIERS.len());
        s.then(18 * SECOND, UNION, Move::Inject(Probe::Identity(pier)));
    }
    let grade = s.dice.below(5);
    for page in 0..5 {
        s.then(15 * SECOND, UNION, Move::Inject(Probe::Kin(grade, page * 50)));
    }
    let point = s.dice.between(45, 48);
    s.then(25 * SECOND, UNION, Move::Inject(Probe::Pay(point)));
}

fn insider(s: &mut Script, store: &mut Store, window: (Millis, Millis)) {
    let (surname, _) = *s.dice.pick(&crate::people::SURNAMES[28..35]);
    let known = store.search(surname);
    let mut day = window.0;
    while day + DAY <= window.1 {
        if weekday(day) < 5 {
            s.at = day + 9 * HOUR + s.dice.between(40, 90) * MINUTE;
            s.then(MINUTE, CURIOUS, Move::NewSession);
            for i in 0..2 + s.dice.below(4) {
                let who = if s.dice.chance(60) && !known.is_empty() { *s.dice.pick(&known) } else { store.serving_at(s.dice.below(store.serving_count())) };
                let id = store.emp_id(who).to_owned();
                if i == 0 && s.dice.chance(40) {
                    s.then(40 * MINUTE, CURIOUS, Move::Crew(CrewCall::Find(surname.to_owned())));
                }
                s.then(45 * MINUTE, CURIOUS, Move::Crew(CrewCall::Record(id.clone())));
                if s.dice.chance(30) {
                    s.then(20 * SECOND, CURIOUS, Move::Crew(CrewCall::Side(id, Side::Kin)));
                }
            }
        }
        day += DAY;
    }
}

// Native answers ----------------------------------------------------------------------------------------------------

/// The statement of a query and what it returns now; `fetched` is how far the cursor has got.
fn ask(query: &Query, store: &Store, fetched: &mut usize) -> (Statement, Answer) {
    let answer = answer_to(query, store, fetched);
    (statement_of(query, answer.rows), answer)
}

/// The statement of a query that returns so many rows.
fn statement_of(query: &Query, rows: usize) -> Statement {
    match query {
        Query::Control(tag, _) => Statement::control(tag, sql_of(query)),
        Query::Fetch(_) => Statement::control("FETCH", sql_of(query)),
        Query::Declare => Statement { tag: "DECLARE CURSOR", audit: Some(("READ", "DECLARE CURSOR")), ..Statement::simple(sql_of(query), rows) },
        Query::Accounts(_) => Statement { tag: "COPY", ..Statement::simple(sql_of(query), rows) },
        Query::Vault => {
            let error = Some(("42501", "permission denied for table vault".to_owned(), None));
            Statement { error, ..Statement::simple(sql_of(query), rows) }
        }
        _ => Statement::simple(sql_of(query), rows),
    }
}

fn sql_of(query: &Query) -> String {
    match query {
        Query::Version => "SELECT version()".to_owned(),
        Query::Tables => "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema = 'crew'".to_owned(),
        Query::Count => "SELECT count(*) FROM crew.employee".to_owned(),
        Query::First(n) => format!("SELECT * FROM crew.employee ORDER BY emp_id LIMIT {n}"),
        Query::Vault => "SELECT * FROM crew.vault".to_owned(),
        Query::Piers(a, b) => {
            format!("SELECT emp_id, full_name, grade, pier FROM crew.employee WHERE pier IN ({}, {}) ORDER BY grade", literal(PIERS[*a]), literal(PIERS[*b]))
        }
        Query::Certified(grade) => format!(
            "SELECT e.full_name, e.birth_date, e.mail, c.title, c.issuer FROM crew.employee e JOIN crew.certificate c USING (emp_id) WHERE e.grade = {}",
            literal(GRADES[*grade])
        ),
        Query::Averages => {
            "SELECT pier, count(*), round(avg(pay_point), 1) FROM crew.employee JOIN crew.pay USING (emp_id) GROUP BY pier ORDER BY 2 DESC".to_owned()
        }
        Query::Accounts(point) => format!("COPY (SELECT emp_id, bank_no FROM crew.pay WHERE pay_point >= {point}) TO STDOUT"),
        Query::Control(_, sql) => (*sql).to_owned(),
        Query::Declare => "DECLARE big CURSOR FOR SELECT full_name, id_card FROM crew.employee ORDER BY emp_id DESC".to_owned(),
        Query::Fetch(n) => format!("FETCH {n} FROM big"),
        Query::MailLike(start) => format!("SELECT chinese_name FROM crew.employee WHERE mail LIKE '{start}%'"),
        Query::Directory(pier) => format!("SELECT * FROM crew.directory WHERE pier = {}", literal(PIERS[*pier])),
        Query::Holders(title, issuer) => format!(
            "SELECT e.full_name FROM crew.employee e WHERE EXISTS (SELECT 1 FROM crew.certificate c WHERE c.emp_id = e.emp_id AND c.title = {} AND c.issuer = {})",
            literal(TITLES[*title]),
            literal(ISSUERS[*issuer])
        ),
        Query::Newest(since, limit) => format!(
            "WITH latest AS (SELECT emp_id, max(from_date) AS since FROM crew.assignment GROUP BY emp_id) SELECT e.full_name, l.since FROM latest l JOIN crew.employee e USING (emp_id) WHERE l.since >= '{}' ORDER BY l.since DESC, e.emp_id LIMIT {limit}",
            iso_date(*since)
        ),
        Query::Mobiles(limit, offset) => format!("SELECT emp_id, mobile FROM crew.employee ORDER BY emp_id LIMIT {limit} OFFSET {offset}"),
        Query::KinOfPaid(point) => {
            format!("SELECT k.kin_name, k.kin_phone FROM crew.next_of_kin k WHERE k.emp_id IN (SELECT emp_id FROM crew.pay WHERE pay_point >= {point})")
        }
    }
}

/// What a query shows now, and of whom.
fn answer_to(query: &Query, store: &Store, fetched: &mut usize) -> Answer {
    let rows = |rows| Answer { rows, ..Answer::default() };
    match query {
        Query::Version | Query::Count => rows(1),
        Query::Tables => rows(6),
        Query::First(n) => store.answer((0..store.people.len().min(*n) as u32).collect(), EMPLOYEE),
        Query::Vault | Query::Control(..) => Answer::default(),
        Query::Piers(a, b) => store.answer(store.those(|p| p.pier == *a || p.pier == *b), &[FULL_NAME, GRADE, PIER]),
        Query::Certified(grade) => {
            let holders = store.those(|p| p.grade == *grade);
            let rows = holders.iter().map(|p| store.certificates_of(*p).count()).sum();
            let people = holders.into_iter().filter(|p| store.certificates_of(*p).next().is_some()).collect();
            Answer { rows, inferred: vec![GRADE], ..store.answer(people, &[FULL_NAME, BIRTH_DATE, MAIL, TITLE, ISSUER]) }
        }
        Query::Averages => small_groups(store, (0..PIERS.len()).filter(|pier| !store.those(|p| p.pier == *pier).is_empty()).count()),
        Query::Accounts(point) => Answer { inferred: vec![PAY_POINT], ..store.answer(store.those(|p| p.pay_point >= *point), &[BANK_NO]) },
        Query::Declare => {
            *fetched = 0;
            Answer::default()
        }
        Query::Fetch(n) => {
            let people: Vec<u32> = (0..store.people.len() as u32).rev().skip(*fetched).take(*n).collect();
            *fetched += people.len();
            store.answer(people, &[FULL_NAME, ID_CARD])
        }
        Query::MailLike(start) => Answer { inferred: vec![MAIL], ..store.answer(store.those(|p| p.mail.starts_with(start)), &[CHINESE_NAME]) },
        Query::Directory(pier) => store.answer(store.those(|p| p.pier == *pier && p.left_day.is_none()), &[FULL_NAME, GRADE, PIER, MAIL]),
        Query::Holders(title, issuer) => {
            let people = (0..store.people.len() as u32).filter(|p| store.certificates_of(*p).any(|c| c.title == *title && c.issuer == *issuer)).collect();
            Answer { inferred: vec![TITLE, ISSUER], ..store.answer(people, &[FULL_NAME]) }
        }
        Query::Newest(since, limit) => {
            let people = store.newest_assignments().into_iter().take_while(|(day, _)| day >= since).take(*limit).map(|(_, p)| p).collect();
            store.answer(people, &[FULL_NAME, ASSIGNMENT])
        }
        Query::Mobiles(limit, offset) => store.answer((0..store.people.len() as u32).skip(*offset).take(*limit).collect(), &[MOBILE]),
        Query::KinOfPaid(point) => {
            let people: Vec<u32> = store.those(|p| p.pay_point >= *point).into_iter().filter(|p| store.kin_count(*p) > 0).collect();
            Answer { inferred: vec![PAY_POINT], ..store.answer(people, &[KIN_NAME, KIN_PHONE]) }
        }
    }
}

/// An average by pier. It shows nobody's pay, save where a pier has one person; a handful of people can be worked out.
fn small_groups(store: &Store, rows: usize) -> Answer {
    let mut answer = Answer { rows, ..Answer::default() };
    for pier in 0..PIERS.len() {
        let people = store.those(|p| p.pier == pier);
        if people.len() == 1 {
            answer.people.extend(people);
            answer.disclosed = vec![PIER, PAY_POINT];
        }
    }
    answer
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The parameter of a probe, and what the database makes of it now. No name ends in `zq`, so only the second half of the
/// union has rows.
fn payload(probe: &Probe, store: &Store) -> (String, Injected) {
    let nothing = |rows| Injected::Rows(Answer { rows, bytes: 40 * rows + 2, ..Answer::default() });
    match probe {
        Probe::Quote => ("zq')".to_owned(), Injected::Error("42601", "syntax error at or near \")\"".to_owned(), ")%")),
        Probe::OrderBy => {
            let message = "ORDER BY position 5 is not in select list".to_owned();
            ("zq' ORDER BY 5 --".to_owned(), Injected::Error("42P10", message, "5 --"))
        }
        Probe::Version => ("zq' UNION SELECT NULL, NULL, NULL, version() --".to_owned(), nothing(1)),
        Probe::Tables => {
            ("zq' UNION SELECT table_schema, table_name, NULL, NULL FROM information_schema.tables WHERE table_schema = 'crew' --".to_owned(), nothing(6))
        }
        Probe::Identity(pier) => {
            let people = store.those(|p| p.pier == *pier);
            let term = format!("zq' UNION SELECT emp_id, id_card, mobile, birth_date::text FROM crew.employee WHERE pier = {} --", literal(PIERS[*pier]));
            (term, Injected::Rows(Answer { inferred: vec![PIER], ..store.answer(people, &[ID_CARD, MOBILE, BIRTH_DATE]) }))
        }
        Probe::Kin(grade, offset) => {
            // At most one next of kin a person, so rows and people are one.
            let people = store.those(|p| p.grade == *grade).into_iter().filter(|p| store.kin_count(*p) > 0).skip(*offset).take(50).collect();
            let term = format!(
                "zq' UNION ALL SELECT e.emp_id, e.full_name, k.kin_name, k.kin_phone FROM crew.employee e JOIN crew.next_of_kin k ON k.emp_id = e.emp_id WHERE e.grade = {} ORDER BY 1 LIMIT 50 OFFSET {offset} --",
                literal(GRADES[*grade])
            );
            (term, Injected::Rows(Answer { inferred: vec![GRADE], ..store.answer(people, &[FULL_NAME, KIN_NAME, KIN_PHONE]) }))
        }
        Probe::Pay(point) => {
            let people = store.those(|p| p.pay_point >= *point);
            (
                format!("zq' UNION SELECT emp_id, bank_no, pay_point::text, NULL FROM crew.pay WHERE pay_point >= {point} --"),
                Injected::Rows(store.answer(people, &[BANK_NO, PAY_POINT])),
            )
        }
    }
}
