//! The whole story: read the data and the writes, put the accesses in order, replay them, judge, fold, write.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use arrow_array::RecordBatch;
use strandline_model::access::{Access, AccessKind};
use strandline_model::estate::Estate;
use strandline_model::event::{BATCH_ROWS, MASK};
use strandline_model::evidence::{Coverage, EventRef};
use strandline_model::exposure::{Basis, Certainty, HeldSubject, Replay};
use strandline_model::table::{Row, Scan, ScanError};
use strandline_model::time::Instant;

use crate::cursors::{Collector, Commands, Resolved};
use crate::fold::{Fold, Showing};
use crate::missing::{Cap, Missing, cap_of, lower, showed_nothing};
use crate::reach::{Presences, reach};
use crate::replay::{Call, MakeReplayer, Replayed};
use crate::statement::{Meaning, Sent, Shown, Unknowns, advance, shape, understand, widen};
use crate::world::{Builder, Named, World};
use crate::{Dialect, ExposureError, Options};
use strandline_history::writes::{self, LogFacts};
use strandline_history::{Snapshot, load};
use strandline_sql::lexer;

/// Accesses that are replayed together.
const CHUNK_ACCESSES: usize = 1024;
/// Executions handed to the engine at once.
const CALLS: usize = 128;
/// Statements kept ready.
const PREPARED: usize = 2048;

/// What the stage works on.
pub struct Inputs<'a> {
    /// The organisation's description.
    pub estate: &'a Estate,
    /// Snapshots of its databases.
    pub snapshots: Vec<Snapshot<'a>>,
    /// Keys of the people in the register.
    pub subjects: Vec<String>,
    /// The table `accesses`, in order of time.
    pub accesses: &'a dyn Scan,
    /// The table `events`, in order of time.
    pub events: &'a dyn Scan,
    /// Where evidence is missing.
    pub coverage: &'a Coverage,
    /// How to expose.
    pub options: Options,
}

/// Where results go. Batches arrive in order.
pub trait Output {
    /// Rows of `exposures`, sorted by data subject, category and basis.
    ///
    /// # Errors
    /// If they cannot be kept.
    fn exposures(&mut self, batch: RecordBatch) -> Result<(), ScanError>;
    /// Rows of `replays`, in the order of `accesses`.
    ///
    /// # Errors
    /// If they cannot be kept.
    fn replays(&mut self, batch: RecordBatch) -> Result<(), ScanError>;
    /// Rows of `data_subjects`, sorted: everybody who has a row in the data at any time, whoever is in the register.
    ///
    /// # Errors
    /// If they cannot be kept.
    fn data_subjects(&mut self, batch: RecordBatch) -> Result<(), ScanError>;
    /// Rows of `sightings`, in runs sorted by session, time and access.
    ///
    /// # Errors
    /// If they cannot be kept.
    fn sightings(&mut self, batch: RecordBatch) -> Result<(), ScanError>;
}

/// How far the work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The snapshots are being read.
    Snapshots,
    /// The log's writes are being read and applied.
    Writes,
    /// So many accesses of so many are replayed.
    Accesses(u64, u64),
    /// The exposures are being written.
    Exposures,
}

/// What came out, in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cells of the matrix by tier.
    pub cells: BTreeMap<Certainty, u64>,
    /// People by the highest tier that any of their cells has.
    pub people: BTreeMap<Certainty, u64>,
    /// Accesses by the outcome of their replay.
    pub outcomes: BTreeMap<String, u64>,
    /// Why statements were widened to whole tables, and how many.
    pub widened: BTreeMap<String, u64>,
    /// Tables that statements read and the estate does not describe.
    pub undescribed: BTreeSet<String>,
    /// Gaps of database logs that leave data open.
    pub gaps: Vec<String>,
    /// What a reader of the figures must know: incomplete snapshots, cursors whose fetches are not logged …
    pub notes: Vec<String>,
}

/// Works out the exposures.
///
/// # Errors
/// If a snapshot is damaged, a table cannot be read, the engine cannot start, or a result cannot be written.
pub fn expose(inputs: Inputs<'_>, progress: &mut dyn FnMut(Progress), out: &mut dyn Output) -> Result<Summary, ExposureError> {
    let options = inputs.options.clone();
    let mut make = |database| crate::engine::replayer(database, &options);
    expose_with(inputs, &mut make, progress, out)
}

pub(crate) fn expose_with(
    inputs: Inputs<'_>,
    make: MakeReplayer<'_>,
    progress: &mut dyn FnMut(Progress),
    out: &mut dyn Output,
) -> Result<Summary, ExposureError> {
    let mut summary = Summary::default();
    let mut first = FirstPass::default();
    let dialects: HashMap<&str, Dialect> = inputs.estate.databases.iter().map(|d| (d.id.as_str(), strandline_history::dialect_of(d))).collect();
    for_each_access(inputs.accesses, |number, access| {
        first.take(number, access, dialects.get(access.database.as_str()).copied().unwrap_or(Dialect::PostgreSql));
        Ok(())
    })?;
    progress(Progress::Snapshots);
    let (stored, mut notes) = load(inputs.estate, inputs.snapshots, &inputs.options.reading())?;
    progress(Progress::Writes);
    let wanted = first.collector.connections().chain(first.presences.connections()).map(str::to_owned).collect();
    let facts = writes::read(inputs.events, &wanted)?;
    let world = Builder { estate: inputs.estate, register: &inputs.subjects, writes: &facts.writes, make, notes: &mut notes }.build(stored)?;
    summary.notes = notes;
    write_held(&world, out)?;
    let FirstPass { collector, presences, total } = first;
    let commands = collector.resolve(&|connection| facts.connections.get(connection).is_some_and(|f| f.session_statements_logged));
    let mut run = Run { world, commands, fold: Fold::default(), summary, windows: HashMap::new(), prepared: HashMap::new(), whole_cursors: BTreeSet::new() };
    run.complete_cursors(inputs.accesses)?;
    let mut chunk = Vec::new();
    for_each_access(inputs.accesses, |number, access| {
        chunk.push((number, access.clone()));
        if chunk.len() >= CHUNK_ACCESSES {
            run.replay_chunk(&chunk, out)?;
            progress(Progress::Accesses(number as u64 + 1, total));
            chunk.clear();
        }
        Ok(())
    })?;
    run.replay_chunk(&chunk, out)?;
    run.finish(&inputs_left(inputs.estate, inputs.coverage, &presences, &facts), progress, out)
}

fn write_held(world: &World, out: &mut dyn Output) -> Result<(), ExposureError> {
    let mut keys: Vec<&str> = world.in_data.iter().map(|number| world.people.key(*number)).collect();
    keys.sort_unstable();
    for part in keys.chunks(BATCH_ROWS) {
        let rows: Vec<HeldSubject> = part.iter().map(|key| HeldSubject { data_subject: (*key).to_owned() }).collect();
        let batch = HeldSubject::to_batch(&rows).map_err(|e| ExposureError::Write(Box::new(e)))?;
        out.data_subjects(batch).map_err(ExposureError::Write)?;
    }
    Ok(())
}

/// What the end of the run still needs.
struct Left<'l> {
    estate: &'l Estate,
    coverage: &'l Coverage,
    presences: &'l Presences,
    facts: &'l LogFacts,
}

fn inputs_left<'l>(estate: &'l Estate, coverage: &'l Coverage, presences: &'l Presences, facts: &'l LogFacts) -> Left<'l> {
    Left { estate, coverage, presences, facts }
}

fn for_each_access(accesses: &dyn Scan, mut take: impl FnMut(usize, &Access) -> Result<(), ExposureError>) -> Result<(), ExposureError> {
    let mut number = 0;
    for batch in accesses.scan(&[]).map_err(ExposureError::scan(Access::TABLE))? {
        let batch = batch.map_err(ExposureError::scan(Access::TABLE))?;
        for start in (0..batch.num_rows()).step_by(CHUNK_ACCESSES) {
            let part = batch.slice(start, CHUNK_ACCESSES.min(batch.num_rows() - start));
            for access in Access::from_batch(&part).map_err(|e| ExposureError::scan(Access::TABLE)(Box::new(e)))? {
                take(number, &access)?;
                number += 1;
            }
        }
    }
    Ok(())
}

#[derive(Default)]
struct FirstPass {
    collector: Collector,
    presences: Presences,
    total: u64,
}

impl FirstPass {
    fn take(&mut self, number: usize, access: &Access, dialect: Dialect) {
        self.total += 1;
        self.collector.take(number, access, dialect);
        self.presences.take(access);
    }
}

/// How a job's result is to be read.
#[derive(Clone, PartialEq)]
enum Mode {
    /// As the statement stands.
    Exact,
    /// The statement was widened: whoever it shows is possible.
    Wide(Missing),
}

/// One replay to do.
struct Job {
    /// Place in the chunk.
    at: usize,
    database: usize,
    sql: String,
    call: Call,
    cap: Cap,
    rows_logged: Option<i64>,
    named: Rc<Named>,
    mode: Mode,
    proof: u32,
    /// The rows stand for a file that may have held others.
    is_extract: bool,
}

/// What is being said of one access while its jobs are done.
struct Report {
    replay: Replay,
    cap: Option<Certainty>,
    /// Sorted, unique.
    shown: Vec<u32>,
    inferred: Vec<u32>,
}

/// Rows to skip and to take, for each motion of a cursor; `None` where it moved over no row.
type Windows = Vec<Option<(u64, u64)>>;

struct Run {
    world: World,
    commands: Commands,
    fold: Fold,
    summary: Summary,
    /// Rows of each fetch, by cursor; `None` if the cursor cannot be replayed.
    windows: HashMap<usize, Option<Windows>>,
    prepared: HashMap<(usize, String), Result<usize, String>>,
    whole_cursors: BTreeSet<u32>,
}

impl Run {
    /// Fills in when each cursor was declared and how large it is, and so which rows each FETCH took.
    fn complete_cursors(&mut self, accesses: &dyn Scan) -> Result<(), ExposureError> {
        if self.commands.cursors.is_empty() {
            return Ok(());
        }
        let declared: HashMap<usize, Vec<usize>> = self.commands.cursors.iter().enumerate().fold(HashMap::new(), |mut map, (at, cursor)| {
            map.entry(cursor.declared).or_insert_with(Vec::new).push(at);
            map
        });
        let cursors = &mut self.commands.cursors;
        for_each_access(accesses, |number, access| {
            for at in declared.get(&number).into_iter().flatten() {
                cursors[*at].time = access.time.micros();
                cursors[*at].proof.clone_from(&access.proof);
            }
            Ok(())
        })?;
        for at in 0..self.commands.cursors.len() {
            let cursor = self.commands.cursors[at].clone();
            let Some(database) = self.database(&cursor.database) else { continue };
            let call = Call { time: cursor.time, parameters: cursor.parameters.clone(), rows: None };
            let rows = self.replay_one(database, &cursor.query, &call).ok().filter(|_| cursor.parameters_known).map(|r| r.rows);
            let windows = rows.map(|rows| {
                let mut position = 0;
                let mut step = |(motion, _): &(_, bool)| {
                    let (next, window) = advance(position, rows, *motion);
                    position = next;
                    window
                };
                cursor.motions.iter().map(&mut step).collect()
            });
            self.windows.insert(at, windows);
        }
        Ok(())
    }

    fn database(&self, id: &str) -> Option<usize> {
        self.world.databases.iter().position(|d| d.id == id)
    }

    fn prepare(&mut self, database: usize, sql: &str) -> Result<usize, String> {
        if let Some(known) = self.prepared.get(&(database, sql.to_owned())) {
            return known.clone();
        }
        if self.prepared.len() >= PREPARED {
            self.prepared.clear();
            self.world.databases.iter_mut().for_each(|d| d.replayer.forget());
        }
        let made = self.world.databases[database].replayer.prepare(sql);
        self.prepared.insert((database, sql.to_owned()), made.clone());
        made
    }

    fn replay_one(&mut self, database: usize, sql: &str, call: &Call) -> Result<Replayed, String> {
        let statement = self.prepare(database, sql)?;
        let mut answers = self.world.databases[database].replayer.replay(statement, std::slice::from_ref(call));
        answers.pop().unwrap_or_else(|| Err("the engine gave no answer".to_owned()))
    }

    fn replay_chunk(&mut self, chunk: &[(usize, Access)], out: &mut dyn Output) -> Result<(), ExposureError> {
        let mut reports: Vec<Report> = chunk.iter().map(|(_, access)| Report::new(access)).collect();
        let mut jobs = Vec::new();
        for (at, (number, access)) in chunk.iter().enumerate() {
            self.plan(at, *number, access, &mut reports[at], &mut jobs);
        }
        while !jobs.is_empty() {
            let mut groups: BTreeMap<(usize, String), Vec<Job>> = BTreeMap::new();
            for job in std::mem::take(&mut jobs) {
                groups.entry((job.database, job.sql.clone())).or_default().push(job);
            }
            for ((database, sql), group) in groups {
                match self.prepare(database, &sql) {
                    Err(reason) => group.iter().for_each(|job| self.fall_back(job, &reason, &mut reports[job.at])),
                    Ok(statement) => {
                        for part in group.chunks(CALLS) {
                            let calls: Vec<Call> = part.iter().map(|job| job.call.clone()).collect();
                            let mut answers = self.world.databases[database].replayer.replay(statement, &calls).into_iter();
                            for job in part {
                                match answers.next().unwrap_or_else(|| Err("the engine gave no answer".to_owned())) {
                                    Ok(replayed) => jobs.extend(self.judge(job, &replayed, &mut reports[job.at])),
                                    Err(reason) => self.fall_back(job, &reason, &mut reports[job.at]),
                                }
                                if self.fold.sightings.is_full() {
                                    self.fold.sightings.write(&self.world, out)?;
                                }
                            }
                        }
                    }
                }
            }
        }
        let rows: Vec<Replay> = reports.into_iter().map(Report::finish).collect();
        for row in &rows {
            *self.summary.outcomes.entry(row.outcome.clone()).or_default() += 1;
        }
        if rows.is_empty() {
            return Ok(());
        }
        let batch = Replay::to_batch(&rows).map_err(|e| ExposureError::Write(Box::new(e)))?;
        out.replays(batch).map_err(ExposureError::Write)
    }

    /// Which replays an access asks for.
    fn plan(&mut self, at: usize, number: usize, access: &Access, report: &mut Report, jobs: &mut Vec<Job>) {
        if showed_nothing(access) {
            report.outcome("failed", Some("the statement or its request failed, so it showed no rows; an error message may still quote a value".to_owned()));
            return;
        }
        let Some(database) = self.database(&access.database) else {
            report.outcome("undescribed", Some("the estate does not describe this database".to_owned()));
            self.summary.undescribed.insert(access.database.clone());
            return;
        };
        if access.kind == AccessKind::Route && access.statement.is_empty() {
            // What the missing log leaves open is folded in with the gap itself.
            report.outcome("unknown", Some("what the request read is not known, and the database's log of that time is missing".to_owned()));
            return;
        }
        let dialect = self.world.databases[database].dialect;
        let statements: Vec<String> = lexer::statements(&access.statement, dialect).into_iter().map(str::to_owned).collect();
        let mut context = Planning { at, database, access, cap: (Certainty::Confirmed, None), count: CountUse::Plain, proof: None, also: Vec::new() };
        if statements.len() > 1 {
            context.count = CountUse::None;
        }
        for (part, sql) in statements.iter().enumerate() {
            context.cap = cap_of(access, Sent::ToClient);
            match self.commands.resolved.get(&(number, part)).cloned() {
                Some(resolved) => self.plan_command(resolved, &mut context, report, jobs),
                None => self.plan_statement(understand(sql, dialect), &mut context, report, jobs),
            }
        }
    }

    fn plan_command(&mut self, resolved: Resolved, context: &mut Planning<'_>, report: &mut Report, jobs: &mut Vec<Job>) {
        let utility = if context.count == CountUse::Plain { CountUse::ZeroMeansNothing } else { context.count };
        match resolved {
            Resolved::Control => report.outcome("control", None),
            Resolved::Lost(missing) => self.widen_to_role(context, missing, None, report),
            Resolved::Executed { sql, parameters, parameters_known, missing } => {
                if let Some(missing) = missing {
                    context.cap = lower(context.cap, (Certainty::Possible, Some(missing)));
                }
                context.count = utility;
                let meaning = understand(&sql, self.world.databases[context.database].dialect);
                let Meaning::Shows(shown) = meaning else { return self.plan_statement(meaning, context, report, jobs) };
                self.plan_query(&shown, parameters, parameters_known, context.access.time.micros(), None, context, report, jobs);
            }
            Resolved::Fetched { cursor, fetch } => {
                context.count = utility;
                let rows = self.windows.get(&cursor).and_then(|w| w.as_ref()).and_then(|w| w.get(fetch).copied());
                match rows {
                    Some(None) => report.outcome("replayed", Some("the cursor had no row there".to_owned())),
                    Some(Some(window)) if self.commands.cursors[cursor].motions.get(fetch).is_some_and(|(motion, _)| motion.states(window.1)) => {
                        context.count = CountUse::Stated(window.1);
                        self.plan_cursor(cursor, Some(window), context, report, jobs);
                    }
                    window => self.plan_cursor(cursor, window.flatten(), context, report, jobs),
                }
            }
            Resolved::WholeCursor { cursor } => {
                context.count = CountUse::None;
                context.cap = lower(context.cap, (Certainty::Likely, Some(Missing::FetchesNotLogged)));
                self.plan_cursor(cursor, None, context, report, jobs);
                if let Some(proof) = context.proof {
                    self.whole_cursors.insert(proof);
                }
            }
        }
    }

    fn plan_cursor(&mut self, cursor: usize, rows: Option<(u64, u64)>, context: &mut Planning<'_>, report: &mut Report, jobs: &mut Vec<Job>) {
        let cursor = self.commands.cursors[cursor].clone();
        context.also = if context.access.proof == cursor.proof { Vec::new() } else { cursor.proof };
        let Meaning::Shows(shown) = understand(&cursor.query, self.world.databases[context.database].dialect) else {
            return self.widen_to_role(context, Missing::NotUnderstood, None, report);
        };
        self.plan_query(&shown, cursor.parameters, cursor.parameters_known, cursor.time, rows, context, report, jobs);
    }

    fn plan_statement(&mut self, meaning: Meaning, context: &mut Planning<'_>, report: &mut Report, jobs: &mut Vec<Job>) {
        match meaning {
            Meaning::Shows(shown) => {
                context.cap = lower(context.cap, cap_of(context.access, shown.sent));
                if context.count == CountUse::Plain && context.access.statement.trim_start().get(..4).is_some_and(|w| w.eq_ignore_ascii_case("copy")) {
                    context.count = CountUse::ZeroMeansNothing;
                }
                let time = context.access.time.micros().saturating_sub(i64::from(shown.as_before));
                self.plan_query(&shown, context.access.parameters.clone(), context.access.parameters_known, time, None, context, report, jobs);
            }
            Meaning::Nothing | Meaning::Command(_) => report.outcome("control", None),
            Meaning::Opaque(reason) => self.widen_to_role(context, Missing::NotUnderstood, Some(reason), report),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one statement with everything that its replay depends on")]
    fn plan_query(
        &mut self,
        shown: &Shown,
        mut parameters: Vec<Option<String>>,
        parameters_known: bool,
        time: i64,
        rows: Option<(u64, u64)>,
        context: &mut Planning<'_>,
        report: &mut Report,
        jobs: &mut Vec<Job>,
    ) {
        let world = &self.world.databases[context.database];
        let named = Rc::new(world.named(&shown.sql));
        report.name_tables(&named, world);
        self.summary.undescribed.extend(named.other.iter().cloned());
        if named.opaque {
            return self.widen_to_role(context, Missing::NotUnderstood, Some("it calls code that may read what it does not name"), report);
        }
        if named.described.is_empty() {
            return match named.other.is_empty() {
                true => report.outcome("no_personal_data", None),
                false => report.outcome("undescribed", Some("the estate does not describe the tables that it reads".to_owned())),
            };
        }
        let masked = shown.sql.contains(MASK) || parameters.iter().flatten().any(|p| p == MASK);
        let open = !parameters_known && lexer::tokens(&shown.sql, world.dialect).iter().any(|t| matches!(t.kind, lexer::Kind::Placeholder(_)));
        let mut job = Job {
            at: context.at,
            database: context.database,
            sql: shown.sql.clone(),
            call: Call { time, parameters: Vec::new(), rows },
            cap: context.cap,
            rows_logged: context.rows_logged(),
            named,
            mode: Mode::Exact,
            proof: context.keep(&mut self.fold),
            is_extract: context.access.kind == AccessKind::FileExtract,
        };
        if masked || open {
            let missing = if masked { Missing::ValuesMasked } else { Missing::ParametersUnknown };
            let wide = widen(&shown.sql, world.dialect, &Unknowns { parameters: &parameters, parameters_known });
            job.mode = Mode::Wide(missing);
            job.call.rows = None;
            match wide {
                Some(sql) => job.sql = sql,
                None => return self.fall_back(&job, missing.sentence(), report),
            }
            report.outcome("widened", Some(missing.sentence().to_owned()));
        } else {
            job.sql = shape(&shown.sql, world.dialect, &mut parameters);
        }
        job.call.parameters = parameters;
        jobs.push(job);
    }

    /// Everything that the role may read is possible.
    fn widen_to_role(&mut self, context: &mut Planning<'_>, missing: Missing, detail: Option<&str>, report: &mut Report) {
        let proof = context.keep(&mut self.fold);
        let time = context.access.time.micros();
        for table in self.world.databases[context.database].readable(context.access.role.as_deref()) {
            self.fold.whole_table((context.database, table), None, missing.sentence(), (time, time), proof, &self.world);
        }
        let reason = detail.map_or_else(|| missing.sentence().to_owned(), |detail| format!("{}: {detail}", missing.sentence()));
        self.widened(reason, report);
    }

    /// All subjects of the tables that the statement names are possible.
    fn fall_back(&mut self, job: &Job, reason: &str, report: &mut Report) {
        let missing = if let Mode::Wide(missing) = job.mode { missing } else { Missing::NotReplayed };
        for table in &job.named.described {
            self.fold.whole_table((job.database, *table), None, missing.sentence(), (job.call.time, job.call.time), job.proof, &self.world);
        }
        if job.is_extract {
            self.show_everybody(job, &BTreeSet::new(), report);
        }
        self.widened(if reason == missing.sentence() { reason.to_owned() } else { format!("{}: {reason}", missing.sentence()) }, report);
    }

    fn widened(&mut self, reason: String, report: &mut Report) {
        *self.summary.widened.entry(reason.clone()).or_default() += 1;
        report.support(Certainty::Possible);
        report.outcome("widened", Some(reason));
    }

    /// Reads one replay: who was shown what, how surely; and which wider replays it calls for.
    fn judge(&mut self, job: &Job, replayed: &Replayed, report: &mut Report) -> Option<Job> {
        if let Mode::Wide(missing) = job.mode {
            self.show_all(job, replayed, (Certainty::Possible, Some(missing)), report);
            return None;
        }
        report.rows_replayed(replayed.rows);
        report.outcome("replayed", None);
        if job.rows_logged == Some(0) {
            report.reason(if replayed.rows > 0 { Some("the log says that it returned no row".to_owned()) } else { None });
            return None;
        }
        let mut cap = job.cap;
        let differs = job.rows_logged.is_some_and(|logged| u64::try_from(logged) != Ok(replayed.rows));
        match job.rows_logged {
            None => cap = lower(cap, (Certainty::Likely, Some(Missing::CountNotLogged))),
            Some(_) if differs => cap = lower(cap, (Certainty::Likely, Some(Missing::CountDiffers))),
            Some(_) => {}
        }
        let tables = &self.world.databases[job.database].tables;
        if job.named.described.iter().any(|t| tables[*t].doubts.iter().any(|d| d.from <= job.call.time && job.call.time < d.to)) {
            cap = lower(cap, (Certainty::Likely, Some(Missing::TableDoubtful)));
        }
        let columns = self.show_all(job, replayed, cap, report);
        if let Some(missing) = cap.1 {
            report.reason(Some(missing.sentence().to_owned()));
        }
        if job.is_extract {
            self.show_everybody(job, &columns, report);
        }
        if differs {
            self.show_others(job, &columns, report);
            return None;
        }
        self.show_doubtful(job, &columns);
        let other_rows = replayed.other_rows || replayed.revealed.iter().any(|r| r.doubt.is_some_and(|d| d.other_rows));
        other_rows.then(|| self.without_limit(job, report)).flatten()
    }

    fn without_limit(&mut self, job: &Job, report: &mut Report) -> Option<Job> {
        let dialect = self.world.databases[job.database].dialect;
        let known = Unknowns { parameters: &job.call.parameters, parameters_known: true };
        let sql = widen(&job.sql, dialect, &known);
        let mut wider = Job { call: job.call.clone(), named: job.named.clone(), sql: String::new(), mode: Mode::Wide(Missing::OtherRows), ..*job };
        wider.call.rows = None;
        match sql {
            Some(sql) => Some(Job { sql, ..wider }),
            None => {
                self.fall_back(&wider, Missing::OtherRows.sentence(), report);
                None
            }
        }
    }

    /// Folds in all that a replay revealed; the columns that it displayed come back.
    fn show_all(&mut self, job: &Job, replayed: &Replayed, cap: Cap, report: &mut Report) -> BTreeSet<u32> {
        let mut displayed = BTreeSet::new();
        let (mut shown, mut inferred) = (Vec::new(), Vec::new());
        for revealed in &replayed.revealed {
            let tables = &self.world.databases[job.database].tables;
            let columns: BTreeSet<u32> =
                revealed.columns.iter().filter_map(|(table, column)| tables.get(*table).and_then(|t| t.columns.get(*column).copied().flatten())).collect();
            let mut own = cap;
            if let Some(doubt) = revealed.doubt {
                own = lower(own, (Certainty::Likely, Some(Missing::Replay(doubt.sentence))));
            }
            let basis = if revealed.displayed { Basis::Disclosed } else { Basis::Inferred };
            if !revealed.displayed {
                own = lower(own, (Certainty::Likely, Some(Missing::OnlyInferred)));
            }
            if columns.is_empty() || revealed.subjects.is_empty() {
                continue;
            }
            if revealed.displayed {
                displayed.extend(&columns);
                shown.extend_from_slice(&revealed.subjects);
            } else {
                inferred.extend_from_slice(&revealed.subjects);
            }
            report.support(own.0);
            let showing =
                Showing { subjects: &revealed.subjects, columns: &columns, basis, certainty: own.0, missing: own.1, time: job.call.time, proof: job.proof };
            self.fold.show(&showing, &self.world);
        }
        report.count(&shown, &inferred);
        displayed
    }

    /// The log counts other rows than the replay: anybody whom the statement could show is possible. A statement that
    /// asks for one subject by key can show nobody else.
    fn show_others(&mut self, job: &Job, columns: &BTreeSet<u32>, report: &mut Report) {
        report.support(Certainty::Possible);
        let bound = self.bound_subjects(job);
        for table in &job.named.described {
            let own = &self.world.databases[job.database].tables[*table];
            let some: BTreeSet<u32> = if columns.is_empty() { own.categorised.clone() } else { own.categorised.intersection(columns).copied().collect() };
            match &bound {
                Some(subjects) if !some.is_empty() => {
                    let showing = Showing {
                        subjects,
                        columns: &some,
                        basis: Basis::Disclosed,
                        certainty: Certainty::Possible,
                        missing: Some(Missing::OtherRows),
                        time: job.call.time,
                        proof: job.proof,
                    };
                    self.fold.show(&showing, &self.world);
                }
                Some(_) => {}
                None => {
                    let time = job.call.time;
                    self.fold.whole_table((job.database, *table), Some(&some), Missing::OtherRows.sentence(), (time, time), job.proof, &self.world);
                }
            }
        }
        if bound.is_none() {
            *self.summary.widened.entry(Missing::CountDiffers.sentence().to_owned()).or_default() += 1;
        }
    }

    /// A file may have held anybody's row: everybody who is known is possible, in the columns that it shows.
    fn show_everybody(&mut self, job: &Job, columns: &BTreeSet<u32>, report: &mut Report) {
        let tables = &self.world.databases[job.database].tables;
        let categorised = || job.named.described.iter().flat_map(|t| tables[*t].categorised.iter().copied()).collect();
        let columns: BTreeSet<u32> = if columns.is_empty() { categorised() } else { columns.clone() };
        let subjects: Vec<u32> = (0..u32::try_from(self.world.people.keys().len()).unwrap_or(u32::MAX)).collect();
        if columns.is_empty() || subjects.is_empty() {
            return;
        }
        report.support(Certainty::Possible);
        let showing = Showing {
            subjects: &subjects,
            columns: &columns,
            basis: Basis::Disclosed,
            certainty: Certainty::Possible,
            missing: Some(Missing::FileContentUnknown),
            time: job.call.time,
            proof: job.proof,
        };
        self.fold.show(&showing, &self.world);
    }

    /// The subjects that a statement over one table asks for by key.
    fn bound_subjects(&mut self, job: &Job) -> Option<Vec<u32>> {
        let world = &self.world.databases[job.database];
        let [table] = job.named.described.iter().copied().collect::<Vec<_>>()[..] else { return None };
        let key = world.tables[table].subject_key.clone()?;
        if !job.named.other.is_empty() || !job.named.without_views() {
            return None;
        }
        let sqlparser::ast::Statement::Query(query) = writes::parse(&job.sql, world.dialect)? else { return None };
        let sqlparser::ast::SetExpr::Select(select) = query.body.as_ref() else { return None };
        if query.with.is_some()
            || select.from.len() != 1
            || !select.from[0].joins.is_empty()
            || !matches!(select.from[0].relation, sqlparser::ast::TableFactor::Table { .. })
        {
            return None;
        }
        let mut equal = Vec::new();
        strandline_history::roll::equalities(select.selection.as_ref(), &mut equal);
        let value = equal
            .iter()
            .find(|(column, _)| column.eq_ignore_ascii_case(&key))
            .map(|(_, value)| strandline_history::evaluate::literal(value, &job.call.parameters))?;
        let subject = self.world.people.number(&value.text()?);
        Some(vec![subject])
    }

    /// People whose rows were doubtful then could have been among the rows.
    fn show_doubtful(&mut self, job: &Job, columns: &BTreeSet<u32>) {
        if job.named.described.iter().all(|t| self.world.databases[job.database].tables[*t].doubtful.is_empty()) {
            return;
        }
        let bound = self.bound_subjects(job);
        for table in &job.named.described {
            let own = &self.world.databases[job.database].tables[*table];
            let time = job.call.time;
            let mut subjects: Vec<u32> = own.doubtful.iter().filter(|(d, _)| d.from <= time && time < d.to).map(|(_, subject)| *subject).collect();
            subjects.dedup();
            subjects.retain(|s| bound.as_ref().is_none_or(|b| b.contains(s)));
            let some: BTreeSet<u32> = if columns.is_empty() { own.categorised.clone() } else { own.categorised.intersection(columns).copied().collect() };
            if subjects.is_empty() || some.is_empty() {
                continue;
            }
            let showing = Showing {
                subjects: &subjects,
                columns: &some,
                basis: Basis::Disclosed,
                certainty: Certainty::Possible,
                missing: Some(Missing::RowDoubtful),
                time,
                proof: job.proof,
            };
            self.fold.show(&showing, &self.world);
        }
    }

    fn finish(mut self, left: &Left<'_>, progress: &mut dyn FnMut(Progress), out: &mut dyn Output) -> Result<Summary, ExposureError> {
        self.summary.gaps = reach(left.estate, left.coverage, left.presences, left.facts, &self.world, &mut self.fold);
        progress(Progress::Exposures);
        if !self.whole_cursors.is_empty() {
            let note = format!("{} cursors: the log has no FETCH, so all their rows count as likely", self.whole_cursors.len());
            self.summary.notes.push(note);
        }
        self.fold.sightings.write(&self.world, out)?;
        let counts = self.fold.write(&self.world, out)?;
        self.summary.cells = counts.cells;
        self.summary.people = counts.people;
        Ok(self.summary)
    }
}

/// How the logged row count may be used.
#[derive(Clone, Copy, PartialEq)]
enum CountUse {
    /// A FETCH says how many rows it wants; having run to its end with that many left, it sent just these.
    Stated(u64),
    /// It counts the rows of the query.
    Plain,
    /// An audit log writes 0 for commands that run a query inside (FETCH, EXECUTE, COPY): 0 says nothing.
    ZeroMeansNothing,
    /// It counts something else.
    None,
}

/// What is common to the statements of one access.
struct Planning<'p> {
    at: usize,
    database: usize,
    access: &'p Access,
    cap: Cap,
    count: CountUse,
    proof: Option<u32>,
    also: Vec<EventRef>,
}

impl Planning<'_> {
    fn rows_logged(&self) -> Option<i64> {
        match (self.count, self.access.kind) {
            (CountUse::None, _) | (_, AccessKind::Route | AccessKind::File | AccessKind::FileExtract) => None,
            (CountUse::ZeroMeansNothing, _) => self.access.row_count.filter(|n| *n > 0),
            (CountUse::Stated(rows), _) => self.access.row_count.filter(|n| *n > 0).or_else(|| i64::try_from(rows).ok()),
            (CountUse::Plain, _) => self.access.row_count,
        }
    }

    fn keep(&mut self, fold: &mut Fold) -> u32 {
        *self.proof.get_or_insert_with(|| fold.keep(self.access, &self.also))
    }
}

impl Report {
    fn new(access: &Access) -> Self {
        let replay = Replay {
            access: access.id.clone(),
            time: Instant(access.time.micros()),
            outcome: "control".to_owned(),
            reason: None,
            rows_logged: access.row_count,
            rows_replayed: None,
            certainty: None,
            subjects_displayed: 0,
            subjects_inferred: 0,
            tables: Vec::new(),
        };
        Self { replay, cap: None, shown: Vec::new(), inferred: Vec::new() }
    }

    /// Of the outcomes of several statements in one string, the one that says most about people stays.
    fn outcome(&mut self, outcome: &str, reason: Option<String>) {
        let weight = |word: &str| ["control", "unknown", "no_personal_data", "undescribed", "failed", "replayed", "widened"].iter().position(|w| *w == word);
        if weight(outcome) >= weight(&self.replay.outcome) {
            self.replay.outcome = outcome.to_owned();
            self.reason(reason);
        }
    }

    fn reason(&mut self, reason: Option<String>) {
        if reason.is_some() {
            self.replay.reason = reason;
        }
    }

    fn support(&mut self, certainty: Certainty) {
        self.cap = self.cap.max(Some(certainty));
    }

    fn rows_replayed(&mut self, rows: u64) {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        self.replay.rows_replayed = Some(self.replay.rows_replayed.unwrap_or(0).saturating_add(rows));
    }

    /// An access may be replayed twice, the second time without its LIMIT: each person counts once.
    fn count(&mut self, shown: &[u32], inferred: &[u32]) {
        for (all, new) in [(&mut self.shown, shown), (&mut self.inferred, inferred)] {
            all.extend_from_slice(new);
            all.sort_unstable();
            all.dedup();
        }
        self.replay.subjects_displayed = self.shown.len() as i64;
        self.replay.subjects_inferred = self.inferred.len() as i64;
    }

    fn name_tables(&mut self, named: &Named, world: &crate::world::DatabaseWorld) {
        self.replay.tables.extend(named.described.iter().map(|t| world.tables[*t].full_name.clone()));
        self.replay.tables.extend(named.other.iter().cloned());
    }

    fn finish(mut self) -> Replay {
        self.replay.tables.sort();
        self.replay.tables.dedup();
        self.replay.certainty = self.cap.map(|c| c.as_str().to_owned());
        self.replay
    }
}
