//! From an access to the replays that it asks for, or to the reason why it showed nobody. Pure: it reads the world and writes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use strandline_history::evaluate::is_unreadable;
use strandline_history::writes::{self, ConnectionFacts};
use strandline_history::{Otherwise, Place, ReadInstant, Reader, Sessions};
use strandline_model::access::{Access, AccessKind};
use strandline_model::event::MASK;
use strandline_model::evidence::EventRef;
use strandline_model::exposure::Certainty;
use strandline_sql::{Held, Ran, SessionState, ShowsNobody, canonical, lexer};

use crate::cursors::{Commands, Cursor, Resolved};
use crate::instead::Instead;
use crate::made::Look;
use crate::missing::{Cap, Missing, cap_of, lower};
use crate::nobody::Nobody;
use crate::page::OnPage;
use crate::replay::Call;
use crate::session::{Session, Standing};
use crate::statement::{Meaning, Read, Sent, Shown, Unknowns, reads_clock, setting_shown, shape, understand, variables_read, widen};
use crate::world::{DatabaseWorld, Named, World};
use crate::written::{Piece, written};
use sqlparser::ast::ObjectName;
use strandline_sql::Dialect;

/// How a job's result is to be read.
#[derive(Clone, PartialEq)]
pub(crate) enum Mode {
    /// As the statement stands.
    Exact,
    /// The statement was widened: whoever it shows is possible.
    Wide(Missing),
}

/// One replay to do.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) database: usize,
    pub(crate) sql: String,
    /// In which it ran.
    pub(crate) session: Rc<Session>,
    pub(crate) call: Call,
    /// The highest tier that attribution, completion and delivery allow.
    pub(crate) cap: Cap,
    pub(crate) rows_logged: Option<i64>,
    pub(crate) named: Rc<Named>,
    pub(crate) mode: Mode,
    /// The rows stand for a file that may have held others.
    pub(crate) is_extract: bool,
    /// What of it went to the actor, if the rows were delivered.
    pub(crate) on_page: OnPage,
    /// Bytes of the response that delivered them.
    pub(crate) response_bytes: Option<i64>,
    /// What others asked for in the place of what it asked for.
    pub(crate) instead: Option<Rc<Instead>>,
    /// Whether the answer to that tells that the page does not show what is read for it.
    pub(crate) is_page_alike: bool,
    /// Whether it stands for a page of what a path names, and that was answered: its query finds something, or is not of that page.
    pub(crate) is_answered_page: bool,
    /// It may have read another state of its tables than the replay, and which is not known.
    pub(crate) is_mixed: bool,
    /// Values of others that may stand in what it reads.
    pub(crate) moved: Rc<Vec<Moved>>,
}

impl Job {
    /// The instants as of which a table is read.
    pub(crate) fn times(&self, table: usize) -> Vec<i64> {
        self.named.times(table, self.call.reads_at())
    }
}

/// Values that a write moved into a table.
pub(crate) struct Moved {
    /// The table.
    pub(crate) table: usize,
    /// The columns that were assigned, by number and by name; with `None`, rows were put in.
    pub(crate) columns: Option<(BTreeSet<usize>, Vec<String>)>,
    /// The replay of what the values were.
    pub(crate) job: Job,
}

/// What one statement of an access comes to.
pub(crate) enum Part {
    /// It is replayed.
    Replay(Box<Job>),
    /// Everybody of these tables is possible.
    Everybody { database: usize, tables: BTreeSet<usize>, missing: Missing, detail: Option<String> },
    /// It showed nobody.
    Nobody(Nobody, Option<String>),
}

/// What an access comes to.
#[derive(Default)]
pub(crate) struct Planned {
    pub(crate) parts: Vec<Part>,
    /// Places of the access that it depends on, as a FETCH on its DECLARE.
    pub(crate) also: Vec<EventRef>,
    /// Described tables that it reads, and others.
    pub(crate) described: BTreeSet<String>,
    pub(crate) undescribed: BTreeSet<String>,
    /// All rows of a cursor are shown, since its fetches are not logged.
    pub(crate) is_whole_cursor: bool,
}

/// Rows to skip and to take, for each motion of a cursor; `None` where it moved over no row.
pub(crate) type Windows = Vec<Option<(u64, u64)>>;

/// What a plan is made from.
pub(crate) struct Scene<'s> {
    pub(crate) world: &'s World,
    pub(crate) commands: &'s Commands,
    /// What the logs show of each connection.
    pub(crate) connections: &'s BTreeMap<String, ConnectionFacts>,
    /// Rows of each fetch, by cursor; `None` if the cursor cannot be replayed.
    pub(crate) windows: &'s HashMap<usize, Option<Windows>>,
    /// What the connections had set.
    pub(crate) sessions: &'s Sessions,
}

/// How the logged row count may be used.
#[derive(Clone, Copy, PartialEq)]
enum CountUse {
    /// A FETCH says how many rows it wants; having run to its end with that many left, it sent just these.
    Stated(u64),
    /// It counts the rows of the query.
    Plain,
    /// An audit log writes 0 for commands that run a query inside (FETCH, EXECUTE, COPY), and MySQL's slow log for rows that went into a
    /// table or a variable: 0 says nothing.
    ZeroMeansNothing,
    /// It counts something else.
    None,
}

/// Which replays the access with this number asks for.
pub(crate) fn plan(number: usize, access: &Access, scene: &Scene<'_>) -> Planned {
    let mut planned = Planned::default();
    let Some(database) = scene.world.database(&access.database) else {
        planned.undescribed.insert(access.database.clone());
        planned.parts.push(Part::Nobody(Nobody::UndescribedDatabase, None));
        return planned;
    };
    let state = state_of(access, scene.sessions);
    let standing = scene.world.databases[database].givens.standing(access.role.as_deref(), state);
    let state = state.cloned().unwrap_or_else(|| SessionState::new(scene.world.databases[database].dialect));
    let mut planner = Planner { scene, database, access, part: 0, cap: (Certainty::Confirmed, None), count: CountUse::Plain, planned, standing, state };
    planner.access(number);
    if planner.planned.parts.is_empty() {
        // No statement stands in it: an empty query, or a comment.
        planner.nobody(Nobody::Statement(ShowsNobody::Empty), None);
    }
    planner.planned
}

/// What the access's connection had set before it.
pub(crate) fn state_of<'s>(access: &Access, sessions: &'s Sessions) -> Option<&'s SessionState> {
    sessions.at(access.connection.as_deref()?, access.time.micros(), &access.proof)
}

struct Planner<'p> {
    scene: &'p Scene<'p>,
    database: usize,
    access: &'p Access,
    /// Number of the statement in the access's string.
    part: usize,
    cap: Cap,
    count: CountUse,
    planned: Planned,
    standing: Standing,
    /// What its session had set.
    state: SessionState,
}

impl Planner<'_> {
    fn world(&self) -> &DatabaseWorld {
        &self.scene.world.databases[self.database]
    }

    fn nobody(&mut self, reason: Nobody, detail: Option<String>) {
        self.planned.parts.push(Part::Nobody(reason, detail));
    }

    fn everybody(&mut self, tables: BTreeSet<usize>, missing: Missing, detail: Option<String>) {
        self.planned.parts.push(Part::Everybody { database: self.database, tables, missing, detail });
    }

    /// Everything that the role may read is possible.
    fn widen_to_role(&mut self, missing: Missing, detail: Option<&str>) {
        let tables = self.world().readable(self.access.role.as_deref());
        self.everybody(tables, missing, detail.map(str::to_owned));
    }

    fn access(&mut self, number: usize) {
        let access = self.access;
        if access.kind == AccessKind::Route && access.statement.is_empty() {
            return match was_turned_away(access) {
                true => self.nobody(Nobody::RequestRefused, None),
                // What the missing log leaves open is folded in with the gap itself.
                false => self.nobody(Nobody::UnknownRequest, None),
            };
        }
        if access.kind == AccessKind::Route && was_turned_away(access) {
            return self.nobody(Nobody::RequestRefused, None);
        }
        let dialect = self.world().dialect;
        let statements: Vec<&str> = lexer::statements(&access.statement, self.state.rules());
        if failed(access) && access.kind != AccessKind::Statement {
            // A file that could not be opened gives no bytes.
            return self.nobody(Nobody::RefusedBeforeReading, None);
        }
        if failed(access) {
            return statements.into_iter().for_each(|sql| self.failed(&canonical(sql, self.state.rules())));
        }
        if statements.len() > 1 {
            self.count = CountUse::None;
        }
        for (part, sql) in statements.into_iter().enumerate() {
            self.part = part;
            self.cap = cap_of(access, Sent::ToClient);
            let mut plain = canonical(sql, self.state.rules());
            if let Some(bound) = access.is_within.then(|| self.world().code.bound(&plain, &access.parameters, dialect)).flatten() {
                plain = bound.into();
            }
            match self.scene.commands.resolved.get(&(number, part)).cloned() {
                Some(resolved) => self.command(resolved),
                None if self.shows_setting(&plain) => {}
                None => self.statement(understand(&plain, dialect)),
            }
            // What one statement of a text sets holds for the next.
            self.state.step(Ran { sql, time: access.time.micros(), parameters: &access.parameters });
            self.standing = self.world().givens.standing(access.role.as_deref(), Some(&self.state));
        }
    }

    /// It failed: no row was sent, but an error's text may quote what it read before.
    fn failed(&mut self, sql: &str) {
        if refused_before_reading(self.access) {
            return self.nobody(Nobody::RefusedBeforeReading, None);
        }
        let named = match understand(sql, self.world().dialect) {
            Meaning::Shows(shown) => self.named_at(&shown.sql, self.look(&shown.sql, &Source::Itself)).named,
            // An error quotes of such a statement what it says itself, and which key is taken.
            Meaning::Writes(sql) if self.says_all_itself(&sql) => return self.nobody(Nobody::Statement(ShowsNobody::WriteWithoutQuery), None),
            Meaning::Writes(sql) => self.named_at(&sql, self.look(&sql, &Source::Itself)).named,
            Meaning::Nobody(class) => return self.nobody(Nobody::Statement(class), None),
            Meaning::Command(_) => return self.nobody(Nobody::Command, None),
            Meaning::Opaque(reason) => return self.widen_to_role(Missing::FailedWithError, Some(reason)),
        };
        self.name_tables(&named);
        let quotes = self.held_values(sql, Read::Anywhere);
        if named.may_read_more(false) || named.runs_code(false) {
            self.widen_to_role(Missing::FailedWithError, None);
        } else if !named.described.is_empty() {
            self.everybody(named.described.clone(), Missing::FailedWithError, None);
        } else if named.other.is_empty() && named.unknown.is_empty() {
            if !quotes {
                self.nobody(Nobody::NoTable, None);
            }
        } else if !named.filled && undeclared(&named, self.world()).next().is_none() {
            self.nobody(Nobody::DeclaredWithout, None);
        } else {
            self.nobody(Nobody::Failed, None);
        }
    }

    fn command(&mut self, resolved: Resolved) {
        let utility = if self.count == CountUse::Plain { CountUse::ZeroMeansNothing } else { self.count };
        match resolved {
            Resolved::Control => self.nobody(Nobody::Command, None),
            Resolved::Lost(missing) => self.widen_to_role(missing, None),
            Resolved::Executed { sql, parameters, parameters_known, missing } => {
                if let Some(missing) = missing {
                    self.cap = lower(self.cap, (Certainty::Possible, Some(missing)));
                }
                self.count = utility;
                match understand(&sql, self.world().dialect) {
                    Meaning::Shows(shown) => {
                        self.cap = lower(self.cap, cap_of(self.access, shown.sent));
                        self.query(&shown, Values { parameters, parameters_known }, &Source::Itself, None);
                    }
                    Meaning::Writes(sql) => self.writes(&sql, &Values { parameters, parameters_known }),
                    other => self.statement(other),
                }
            }
            Resolved::Fetched { cursor, fetch } => {
                self.count = utility;
                let rows = self.scene.windows.get(&cursor).and_then(|w| w.as_ref()).and_then(|w| w.get(fetch).copied());
                match rows {
                    Some(None) => self.nobody(Nobody::CursorAtItsEnd, None),
                    Some(Some(window)) if self.scene.commands.cursors[cursor].motions.get(fetch).is_some_and(|(motion, _)| motion.states(window.1)) => {
                        self.count = CountUse::Stated(window.1);
                        self.cursor(cursor, Some(window));
                    }
                    window => self.cursor(cursor, window.flatten()),
                }
            }
            Resolved::WholeCursor { cursor } => {
                self.count = CountUse::None;
                self.cap = lower(self.cap, (Certainty::Likely, Some(Missing::FetchesNotLogged)));
                self.cursor(cursor, None);
                self.planned.is_whole_cursor = true;
            }
        }
    }

    fn cursor(&mut self, cursor: usize, rows: Option<(u64, u64)>) {
        let cursor = &self.scene.commands.cursors[cursor];
        self.planned.also = if self.access.proof == cursor.proof { Vec::new() } else { cursor.proof.clone() };
        let Meaning::Shows(shown) = understand(&cursor.query, self.world().dialect) else {
            return self.widen_to_role(Missing::NotUnderstood, None);
        };
        let values = Values { parameters: cursor.parameters.clone(), parameters_known: cursor.parameters_known };
        self.query(&shown, values, &Source::Cursor(cursor), rows);
    }

    fn statement(&mut self, meaning: Meaning) {
        match meaning {
            Meaning::Shows(shown) => {
                self.cap = lower(self.cap, cap_of(self.access, shown.sent));
                let is_copy = self.access.statement.trim_start().get(..4).is_some_and(|w| w.eq_ignore_ascii_case("copy"));
                if self.count == CountUse::Plain && (is_copy || shown.sent == Sent::ToServer) {
                    self.count = CountUse::ZeroMeansNothing;
                }
                self.query(&shown, self.own_values(), &Source::Itself, None);
            }
            Meaning::Writes(sql) => self.writes(&sql, &self.own_values()),
            Meaning::Nobody(class) => self.nobody(Nobody::Statement(class), None),
            Meaning::Command(_) => self.nobody(Nobody::Command, None),
            Meaning::Opaque(reason) => self.widen_to_role(Missing::NotUnderstood, Some(reason)),
        }
    }

    fn own_values(&self) -> Values {
        Values { parameters: self.access.parameters.clone(), parameters_known: self.access.parameters_known }
    }

    /// Whether a write puts in what it says itself, and looks at no row but by its key.
    fn says_all_itself(&self, sql: &str) -> bool {
        let is_insert = sql.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("insert"));
        let find = |name: &ObjectName| self.world().target(name, &self.standing.session);
        let carries_none = |pieces: Vec<Piece>| pieces.iter().all(|piece| piece.missing == Some(Missing::Written));
        // A row that is changed instead may stand in the error, and what is made of it.
        is_insert && !changes_others(sql, self.world().dialect) && written(sql, self.world().dialect, &find).is_some_and(carries_none)
    }

    /// What a write sends back, and what it moves.
    fn writes(&mut self, sql: &str, values: &Values) {
        // What a variable holds goes where the write puts it.
        let moves = self.held_values(sql, Read::Anywhere);
        let find = |name: &ObjectName| self.world().target(name, &self.standing.session);
        let Some(pieces) = written(sql, self.world().dialect, &find) else {
            let all = lexer::tokens(sql, self.world().dialect);
            let may_move = all.first().is_some_and(|first| ["update", "merge", "with"].iter().any(|word| first.is(word)));
            let may_show = may_move || all.iter().any(|t| ["returning", "select", "table"].iter().any(|word| t.is(word)));
            return match may_show {
                true => self.widen_to_role(Missing::NotUnderstood, Some("the write cannot be understood")),
                false if moves => {}
                false => self.nobody(Nobody::Statement(ShowsNobody::WriteWithoutQuery), None),
            };
        };
        if pieces.is_empty() && !moves {
            return self.nobody(Nobody::Statement(ShowsNobody::WriteWithoutQuery), None);
        }
        let (cap, count) = (self.cap, self.count);
        for piece in pieces {
            self.cap = lower(cap, cap_of(self.access, piece.sent));
            if let Some(missing) = piece.missing {
                self.cap = lower(self.cap, (Certainty::Likely, Some(missing)));
            }
            self.count = match (piece.is_counted, count, piece.sent) {
                (false, ..) => CountUse::None,
                (true, CountUse::Plain, Sent::ToServer) => CountUse::ZeroMeansNothing,
                (true, ..) => count,
            };
            if piece.names_only {
                let named = self.world().named(&piece.sql, &self.standing.session);
                self.name_tables(&named);
                self.everybody(named.described, Missing::NotReplayed, None);
            } else {
                self.query(&Shown { sql: piece.sql, sent: piece.sent }, values.clone(), &Source::Before, None);
            }
        }
    }

    fn name_tables(&mut self, named: &Named) {
        let world = &self.scene.world.databases[self.database];
        self.planned.described.extend(named.described.iter().map(|t| world.tables[*t].full_name.clone()));
        self.planned.undescribed.extend(undeclared(named, world).cloned());
    }

    /// Whom the rows of a query show.
    fn query(&mut self, shown: &Shown, values: Values, source: &Source<'_>, rows: Option<(u64, u64)>) {
        if self.standing.is_lost {
            return self.widen_to_role(Missing::SessionReadsOtherwise, Some("search_path"));
        }
        let look = self.look(&shown.sql, source);
        let mut standing = self.named_at(&shown.sql, look);
        // Which state of its tables it read hangs on which they are, and what its names stood for on that.
        let read_at = self.state(&shown.sql, &standing.named, source).1.at;
        if read_at != look.at {
            standing = self.named_at(&shown.sql, Look { at: read_at, ..look });
        }
        if standing.is_unsure {
            self.cap = lower(self.cap, (Certainty::Likely, Some(Missing::TableDoubtful)));
        }
        let StoodFor { sql, named, is_changed, .. } = standing;
        let named = Rc::new(named);
        self.name_tables(&named);
        if named.may_read_more(self.access.is_within) {
            return self.widen_to_role(Missing::NotUnderstood, Some("it calls code that may read what it does not name"));
        }
        if named.runs_code(self.access.is_within) {
            return self.code(&named);
        }
        if named.only_runs_code() {
            return self.nobody(Nobody::CodeLogged, None);
        }
        let held = self.held_values(&sql, Read::Listed);
        let others_declared = !named.filled && undeclared(&named, self.world()).next().is_none();
        if !others_declared {
            if is_changed {
                // What was changed since the snapshot may not be what it is replayed on.
                self.cap = lower(self.cap, (Certainty::Likely, Some(Missing::MadeSince)));
            }
            self.undescribed(&named);
        }
        if named.described.is_empty() {
            return match (named.other.is_empty() && named.unknown.is_empty(), others_declared) {
                (true, _) if held => {}
                (true, _) => self.nobody(Nobody::NoTable, None),
                (false, true) => self.nobody(Nobody::DeclaredWithout, None),
                (false, false) => {}
            };
        }
        self.reads_otherwise(&sql, &named);
        let (time, read) = self.state(&shown.sql, &named, source);
        let moved = self.moved_here(&named, time, read.at);
        let is_mixed = read.otherwise == Otherwise::Mixed || named.stale;
        let mut job = Job {
            database: self.database,
            sql,
            session: Rc::new(self.standing.session.clone()),
            call: Call { time, as_of: Some(read.at), parameters: Vec::new(), rows },
            cap: self.cap,
            rows_logged: self.rows_logged(),
            named,
            mode: Mode::Exact,
            is_extract: self.access.kind == AccessKind::FileExtract,
            on_page: self.scene.world.pages.on_page(self.access, &shown.sql, self.world(), &self.standing.session),
            response_bytes: self.access.response_bytes,
            instead: Instead::of(self.access).map(Rc::new),
            is_page_alike: false,
            is_answered_page: is_answered_page(self.access),
            is_mixed,
            moved,
        };
        if let Otherwise::At(other) = read.otherwise {
            self.query_otherwise(&shown.sql, Look { at: other, ..look }, &job, &values);
            job.cap = lower(job.cap, (Certainty::Likely, Some(Missing::StateNotKnown)));
        }
        self.job(job, values);
    }

    /// It calls code of which no log tells what it read, but the dump what it may read.
    fn code(&mut self, named: &Named) {
        let wide = self.world().with_code(named);
        self.name_tables(&wide);
        let others_declared = !wide.filled && undeclared(&wide, self.world()).next().is_none();
        if wide.may_read_more(true) {
            return self.widen_to_role(Missing::NotUnderstood, Some("it calls code that may read what it does not name"));
        }
        if !others_declared {
            self.undescribed(&wide);
        }
        if !wide.described.is_empty() {
            return self.everybody(wide.described, Missing::NotUnderstood, Some("it calls code that may read these tables".to_owned()));
        }
        if others_declared {
            self.nobody(Nobody::DeclaredWithout, None);
        }
    }

    /// What the session had set under which the query may mean something else.
    fn reads_otherwise(&mut self, sql: &str, named: &Named) {
        // A view may read the clock, too.
        let is_untimely = self.state.sets_clock() && (reads_clock(sql, self.world().dialect) || !named.without_views());
        let odd = self.standing.odd.clone().or_else(|| is_untimely.then(|| "timestamp".to_owned()));
        if odd.is_some() || self.standing.limits_rows {
            self.cap = lower(self.cap, (Certainty::Likely, Some(Missing::SessionReadsOtherwise)));
        }
        if odd.is_some() {
            self.everybody(named.described.clone(), Missing::SessionReadsOtherwise, odd);
        }
    }

    /// The same query on the other state that it may have read, by the names that held there.
    fn query_otherwise(&mut self, sql: &str, look: Look, job: &Job, values: &Values) {
        let StoodFor { sql, named, .. } = self.named_at(sql, look);
        if named.may_read_more(self.access.is_within) || named.runs_code(self.access.is_within) || !named.unknown.is_empty() {
            self.widen_to_role(Missing::StateNotKnown, None);
        }
        let call = Call { as_of: Some(look.at), ..job.call.clone() };
        let wide = Job { mode: Mode::Wide(Missing::StateNotKnown), sql, named: Rc::new(named), call, ..job.clone() };
        self.job(wide, values.clone());
    }

    /// `SHOW name` of a setting in which the session put more than it said itself.
    fn shows_setting(&mut self, sql: &str) -> bool {
        let name = setting_shown(sql, self.world().dialect);
        name.is_some_and(|name| self.held_value(&name, ""))
    }

    /// Values that earlier statements put into variables of the session, and this one reads. Whether there are any.
    fn held_values(&mut self, sql: &str, read: Read) -> bool {
        let mut any = false;
        for name in variables_read(sql, self.world().dialect, read) {
            any |= self.held_value(&name, sql);
        }
        any
    }

    /// What stands in a variable when the statement reads it.
    fn held_value(&mut self, name: &str, sql: &str) -> bool {
        let mut after = self.state.clone();
        after.step(Ran::plain(sql, self.access.time.micros()));
        let before = self.state.held(name);
        // What it puts there itself it shows itself.
        for held in [Some(after.held(name)).filter(|after| *after != before), Some(before)].into_iter().flatten() {
            match held {
                Held::Said => {}
                Held::Query(own, _) if *own == *sql => {}
                Held::Query(query, time) => {
                    self.held_query(&query, time);
                    return true;
                }
                Held::Unknown => {
                    self.widen_to_role(Missing::HeldByVariable, None);
                    return true;
                }
            }
        }
        false
    }

    /// Whom the query shows whose result stands in a variable.
    fn held_query(&mut self, query: &str, time: i64) {
        let world = &self.scene.world.databases[self.database];
        let Meaning::Shows(shown) = understand(&canonical(query, self.state.rules()), world.dialect) else {
            return self.widen_to_role(Missing::HeldByVariable, None);
        };
        let named = Rc::new(world.named(&shown.sql, &self.standing.session));
        self.name_tables(&named);
        let goes_on = !variables_read(&shown.sql, world.dialect, Read::Listed).is_empty();
        if named.may_read_more(false)
            || named.runs_code(false)
            || goes_on
            || named.unknown.iter().chain(&named.other).any(|table| !world.is_without_personal_data(table))
        {
            return self.widen_to_role(Missing::HeldByVariable, None);
        }
        if named.described.is_empty() {
            return self.nobody(Nobody::NoTable, None);
        }
        let job = Job {
            database: self.database,
            sql: shown.sql,
            session: Rc::new(self.standing.session.clone()),
            call: Call { time, as_of: None, parameters: Vec::new(), rows: None },
            cap: self.cap,
            rows_logged: None,
            named,
            mode: Mode::Wide(Missing::HeldByVariable),
            is_extract: false,
            on_page: OnPage::Everything,
            response_bytes: None,
            instead: None,
            is_page_alike: false,
            is_answered_page: false,
            is_mixed: false,
            moved: Rc::default(),
        };
        self.job(job, Values { parameters: Vec::new(), parameters_known: false });
    }

    /// Who looks, and as of when.
    fn look(&self, sql: &str, source: &Source<'_>) -> Look {
        let owner = self.access.connection.as_deref().and_then(|name| self.scene.connections.get(name)).and_then(|c| c.number);
        Look { at: self.state(sql, &Named::default(), source).1.at, owner }
    }

    /// A statement with its names replaced by what they stood for at a moment, and what it then names.
    fn named_at(&self, sql: &str, look: Look) -> StoodFor {
        let rewritten = self.world().rewrite(sql, look, &self.standing.session);
        let is_changed = rewritten.is_some();
        let (sql, unknown, is_unsure) = match rewritten {
            Some(rewritten) => (rewritten.sql, rewritten.unknown, rewritten.is_unsure),
            None => (sql.to_owned(), BTreeSet::new(), false),
        };
        let mut named = self.world().named(&sql, &self.standing.session);
        named.filled = !unknown.is_empty();
        named.unknown.extend(unknown);
        StoodFor { sql, named, is_unsure, is_changed }
    }

    /// Values that writes moved into the tables that it reads, as replays of what they were.
    fn moved_here(&mut self, named: &Named, time: i64, at: i64) -> Rc<Vec<Moved>> {
        let world = self.world();
        let Some(flows) = world.flows(named, at) else {
            self.widen_to_role(Missing::MovedHere, None);
            return Rc::default();
        };
        let (mut all, mut is_lost) = (Vec::new(), false);
        for (table, flow) in flows {
            let of_flow = Rc::new(world.named(&flow.sql, &Session::default()));
            is_lost |= of_flow.may_read_more(false) || of_flow.runs_code(false) || !of_flow.unknown.is_empty();
            if of_flow.described.is_empty() {
                continue;
            }
            let mut job = Job {
                database: self.database,
                sql: flow.sql.clone(),
                // The session that moved the values is not followed.
                session: Rc::default(),
                call: Call { time, as_of: Some(flow.at), parameters: Vec::new(), rows: None },
                cap: self.cap,
                rows_logged: None,
                named: of_flow,
                mode: Mode::Wide(Missing::MovedHere),
                is_extract: false,
                on_page: OnPage::Everything,
                response_bytes: None,
                instead: None,
                is_page_alike: false,
                is_answered_page: false,
                is_mixed: false,
                moved: Rc::default(),
            };
            let mut parameters = flow.parameters.clone();
            job.sql = shape(&job.sql, world.dialect, &mut parameters);
            job.call.parameters = parameters;
            all.push(Moved { table, columns: flow.columns.as_ref().map(|names| (world.columns_named(table, names), names.clone())), job });
        }
        if is_lost {
            self.widen_to_role(Missing::MovedHere, None);
        }
        Rc::new(all)
    }

    /// When a query ran, and which state of its tables it read.
    fn state(&self, sql: &str, named: &Named, source: &Source<'_>) -> (i64, ReadInstant) {
        let tables = self.world().tables_of(named);
        let (time, part, proof, connection) = match source {
            Source::Cursor(cursor) => (cursor.time, cursor.place.1, &cursor.proof, Some(cursor.connection.as_str())),
            Source::Itself | Source::Before => (self.access.time.micros(), self.part, &self.access.proof, self.access.connection.as_deref()),
        };
        let before = matches!(source, Source::Before);
        let read = read_state(self.scene, self.database, &Asked { time, part, proof, connection, tables: &tables, sql, before });
        (time, read)
    }

    /// It reads what the estate does not describe. What was made since the snapshot may hold a copy of anything that the role may read;
    /// a table that refers to people is about them.
    fn undescribed(&mut self, named: &Named) {
        self.nobody(Nobody::UndescribedTable, None);
        let world = self.world();
        if named.filled || named.unknown.iter().any(|name| !world.is_without_personal_data(name)) {
            return self.widen_to_role(Missing::MadeSince, None);
        }
        let about: BTreeSet<usize> = undeclared(named, world).flat_map(|name| world.about(name)).collect();
        if !about.is_empty() {
            self.everybody(about, Missing::RefersToPeople, None);
        }
    }

    /// The job with its values; without the conditions that use a value which is not known.
    fn job(&mut self, mut job: Job, mut values: Values) {
        let dialect = self.world().dialect;
        let masked = job.sql.contains(MASK) || values.parameters.iter().flatten().any(|p| p == MASK);
        let has_placeholder = || lexer::tokens(&job.sql, dialect).iter().any(|t| matches!(t.kind, lexer::Kind::Placeholder(_)));
        let unreadable = is_unreadable(&job.sql) || values.parameters.iter().flatten().any(|p| is_unreadable(p));
        if masked || unreadable || (!values.parameters_known && has_placeholder()) {
            let missing = match (masked, unreadable) {
                (true, _) => Missing::ValuesMasked,
                (false, true) => Missing::ValueUnreadable,
                (false, false) => Missing::ParametersUnknown,
            };
            let wide = widen(&job.sql, dialect, &Unknowns { parameters: &values.parameters, parameters_known: values.parameters_known });
            let Some(sql) = wide else {
                self.planned.parts.extend(job.moved.iter().map(|moved| Part::Replay(Box::new(moved.job.clone()))));
                return self.everybody(job.named.described.clone(), missing, None);
            };
            job.mode = Mode::Wide(missing);
            job.call.rows = None;
            job.sql = sql;
        } else {
            job.sql = shape(&job.sql, dialect, &mut values.parameters);
        }
        job.call.parameters = values.parameters;
        self.planned.parts.push(Part::Replay(Box::new(job)));
    }

    fn rows_logged(&self) -> Option<i64> {
        match (self.count, self.access.kind) {
            (CountUse::None, _) | (_, AccessKind::Route | AccessKind::File | AccessKind::FileExtract) => None,
            (CountUse::ZeroMeansNothing, _) => self.access.row_count.filter(|n| *n > 0),
            (CountUse::Stated(rows), _) => self.access.row_count.filter(|n| *n > 0).or_else(|| i64::try_from(rows).ok()),
            (CountUse::Plain, _) => self.access.row_count,
        }
    }
}

/// Whether an INSERT changes the row that is there already.
fn changes_others(sql: &str, dialect: Dialect) -> bool {
    use sqlparser::ast::{OnConflictAction, OnInsert, Statement};
    match writes::parse(sql, dialect) {
        Some(Statement::Insert(insert)) => match insert.on {
            Some(OnInsert::OnConflict(conflict)) => !matches!(conflict.action, OnConflictAction::DoNothing),
            Some(_) => true,
            None => false,
        },
        _ => true,
    }
}

/// Tables that a statement names and the estate neither describes nor declares to be without personal data.
fn undeclared<'n>(named: &'n Named, world: &'n DatabaseWorld) -> impl Iterator<Item = &'n String> {
    named.other.iter().chain(&named.unknown).filter(|table| !world.is_without_personal_data(table))
}

/// A statement whose names stand for what they did at a moment.
struct StoodFor {
    sql: String,
    named: Named,
    /// Rows may be in what it reads that were not there.
    is_unsure: bool,
    /// Something that it reads is not what the snapshot has of it.
    is_changed: bool,
}

/// What ran a query.
enum Source<'s> {
    /// The statement itself.
    Itself,
    /// A write: it read the state right before it.
    Before,
    /// The declaration of a cursor.
    Cursor(&'s Cursor),
}

/// A statement whose state is asked for.
pub(crate) struct Asked<'a> {
    pub(crate) time: i64,
    pub(crate) part: usize,
    pub(crate) proof: &'a [EventRef],
    pub(crate) connection: Option<&'a str>,
    pub(crate) tables: &'a BTreeSet<usize>,
    pub(crate) sql: &'a str,
    /// Whether it reads what stood there before its own change.
    pub(crate) before: bool,
}

/// Which state of a database a statement read.
pub(crate) fn read_state(scene: &Scene<'_>, database: usize, asked: &Asked<'_>) -> ReadInstant {
    let world = &scene.world.databases[database];
    let committed = ReadInstant::committed(asked.time.saturating_sub(i64::from(asked.before)));
    let Some(connection) = asked.connection.and_then(|name| scene.connections.get(name)) else { return committed };
    let places: Vec<Place> = asked.proof.iter().map(|record| Place::new(asked.time, record, asked.part)).collect();
    let locks = world.dialect == Dialect::MySql && {
        let lower = asked.sql.to_ascii_lowercase();
        lower.contains("for update") || lower.contains("for share") || lower.contains("in share mode")
    };
    let reader = Reader { time: asked.time, connection, places: &places, tables: asked.tables, locks };
    match asked.before {
        true => world.effects.before_write(&reader).unwrap_or(committed),
        false => world.effects.read_instant(&reader),
    }
}

/// The values of an execution.
#[derive(Clone)]
struct Values {
    parameters: Vec<Option<String>>,
    /// Whether they are those of the execution.
    parameters_known: bool,
}

/// Whether the statement or the opening of the file failed.
fn failed(access: &Access) -> bool {
    use strandline_model::access::Completion;
    match access.kind {
        AccessKind::Statement | AccessKind::File | AccessKind::FileExtract => access.completion == Completion::Failed,
        AccessKind::Route => false,
    }
}

/// How the servers begin an error that comes before a row is read: their parser's, their analyser's, or a missing right. In English, as
/// servers log; an error in another language stays open. Sources: PostgreSQL's `errcodes.txt` class 42, MySQL's error reference.
const BEFORE_READING: [&str; 14] = [
    "permission denied for ",
    "syntax error ",
    "unterminated quoted ",
    "relation \"",
    "schema \"",
    "missing FROM-clause entry ",
    "invalid reference to FROM-clause entry ",
    "current transaction is aborted",
    "You have an error in your SQL syntax",
    "Unknown column ",
    "Unknown table ",
    "Unknown database ",
    "SELECT command denied ",
    "Access denied ",
];

/// Whether the server refused a statement before it read a row, and its error quotes nothing of the data.
fn refused_before_reading(access: &Access) -> bool {
    use strandline_model::access::ErrorShows;
    // Classes of SQLSTATE: syntax and access rules, unknown databases and schemas, authorization.
    let is_of_class = |state: &str| state.len() == 5 && ["42", "3D", "3F", "28"].iter().any(|class| state.starts_with(class));
    let is_classed = |error: &str| error.split_once(": ").is_some_and(|(state, _)| is_of_class(state));
    let is_worded = |error: &str| BEFORE_READING.iter().any(|start| error.starts_with(start));
    let is_of_column = |error: &str| error.starts_with("column ") && error.ends_with(" does not exist");
    let begins = |error: &str| is_classed(error) || is_worded(error) || is_of_column(error);
    access.error_shows() == ErrorShows::Nothing && access.error.as_deref().is_some_and(begins)
}

/// Whether the request for a route was turned away: no statement is known to have run, and a refusal is all there is. A server error may
/// come after the read, and so may a client that went away.
fn was_turned_away(access: &Access) -> bool {
    use strandline_model::access::Completion;
    access.kind == AccessKind::Route
        && (matches!(access.response_status, Some(300..=303 | 305..=407 | 409..=498))
            || (access.completion == Completion::Failed && access.response_status.is_none_or(|s| s < 499)))
}

/// Whether a request for what a path names was answered in full, and only the estate tells what it read. `/owners/find` fits `/owners/{id}`,
/// and is another page: a page of one thing that is not there is answered as not found.
fn is_answered_page(access: &Access) -> bool {
    access.kind == AccessKind::Route
        && access.response_status.is_some_and(|status| (200..300).contains(&status))
        && access.routes.iter().flatten().any(|route| route.contains('{'))
}
