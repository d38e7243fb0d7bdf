//! The whole story: read the data and the writes, put the accesses in order, replay them, judge, fold, write.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use strandline_history::store::StoredDatabase;
use strandline_history::writes::ConnectionFacts;
use strandline_history::{Interest, KnownPeople, Otherwise, Sessions, Words, compare_keys, load, writes};
use strandline_model::access::Access;
use strandline_model::clearance::Question;
use strandline_model::estate::Estate;
use strandline_model::event::BATCH_ROWS;
use strandline_model::evidence::Coverage;
use strandline_model::exposure::{HeldSubject, Replay};
use strandline_model::table::{Row, Scan};
use strandline_sql::Dialect;

use crate::account::Account;
use crate::clearance::{Grounds, keys_apart};
use crate::cursors::{Collector, Commands};
use crate::fold::Fold;
use crate::judge::{Judged, Showing, Whom, are_alike, everybody, judge};
use crate::missing::Missing;
use crate::nobody::Nobody;
use crate::page::OnPage;
use crate::plan::{Asked, Job, Mode, Part, Planned, Scene, Windows, plan, read_state};
use crate::reach::{Presences, reach};
use crate::replay::{Call, MakeReplayer, Replayed};
use crate::session::Session;
use crate::stage::{Inputs, Output, Progress, Summary};
use crate::statement::advance;
use crate::world::{Builder, World};
use crate::{ExposureError, Options};

/// Accesses that are replayed together.
const CHUNK_ACCESSES: usize = 1024;
/// Executions handed to the engine at once.
const CALLS: usize = 128;
/// Statements kept ready.
const PREPARED: usize = 2048;
/// People of whom a page reads at least, before what it reads for another value is compared.
const FEWEST_OF_A_LIST: usize = 20;

/// Works out the exposures.
///
/// # Errors
/// If a snapshot is damaged, a table cannot be read, the engine cannot start, or a result cannot be written.
pub fn expose(inputs: Inputs<'_>, progress: &mut dyn FnMut(Progress), out: &mut dyn Output) -> Result<Summary, ExposureError> {
    let options: Options = inputs.options.clone();
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
    let (mut stored, mut notes) = load(inputs.estate, inputs.snapshots, &inputs.options.reading())?;
    keys_must_mean_the_same(inputs.estate, &stored, &inputs.known)?;
    progress(Progress::Writes);
    let mut wanted: BTreeSet<String> = first.collector.connections().chain(first.presences.connections()).map(str::to_owned).collect();
    wanted.extend(std::mem::take(&mut first.connections));
    let interest = Interest::of(inputs.estate, &stored, &first.words);
    let mut facts = writes::read(inputs.events, &wanted, interest)?;
    let mut writes = std::mem::take(&mut facts.writes);
    strandline_history::add_keys_of_log(&mut stored, &writes);
    strandline_history::in_their_sessions(&mut writes, &stored, &facts.made_schemas);
    for database in stored.iter().filter(|database| facts.first_event.is_some() && !facts.shows_writes(database.dialect, &database.name)) {
        notes.push(format!(
            "database {}: no log holds a write, so its data is taken to have stayed as in the dump; if the logs leave writes out, take a dump of that time",
            database.id
        ));
    }
    let mut world = Builder {
        estate: inputs.estate,
        register: &inputs.subjects,
        writes,
        made_schemas: &facts.made_schemas,
        defined: &facts.defined,
        audited: &facts.audited,
        read: &first.words,
        make,
        notes: &mut notes,
    }
    .build(stored)?;
    world.guessed_actor = inputs.options.guessed_actor;
    summary.notes = notes;
    keys_must_meet(inputs.estate, &inputs.subjects, &world)?;
    write_held(&world, out)?;
    let FirstPass { collector, presences, total, .. } = first;
    let commands = collector.resolve(&|connection| facts.connections.get(connection).is_some_and(|f| f.session_statements_logged));
    let sessions = std::mem::take(&mut facts.sessions);
    let mut run = Run::new(world, commands, (&facts.connections, sessions), summary);
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
    let left = Left { estate: inputs.estate, coverage: inputs.coverage, presences: &presences, facts: &facts, register: &inputs.subjects, open: inputs.open };
    run.finish(left, progress, out)
}

/// Refuses a register of which not one key stands in the data: nothing could be said of its people.
fn keys_must_meet(estate: &Estate, register: &[String], world: &World) -> Result<(), ExposureError> {
    let in_data: BTreeSet<&str> = world.in_data.iter().map(|person| world.people.key(*person)).collect();
    if register.is_empty() || in_data.is_empty() || register.iter().any(|key| in_data.contains(key.as_str())) {
        return Ok(());
    }
    let entries = estate.tables.iter().flat_map(|table| table.entries());
    let columns: BTreeSet<String> = entries.filter_map(|t| t.subject_key.as_ref().map(|key| format!("{key:?} of {}", t.name))).collect();
    let register = estate.register.as_ref().map(|register| register.key.clone()).unwrap_or_default();
    Err(ExposureError::KeysApart { register, data: columns.into_iter().collect::<Vec<_>>().join(", ") })
}

/// Refuses a register whose keys stand in the data by chance, and name other people there: their letters would go to others.
fn keys_must_mean_the_same(estate: &Estate, stored: &[StoredDatabase], known: &KnownPeople) -> Result<(), ExposureError> {
    let compared = compare_keys(estate, stored, known);
    let same: u64 = compared.iter().map(|(_, compared, _)| compared.same).sum();
    // A row may name others, too, as a supervisor; a table with one row for each person is about that person.
    let apart = compared.into_iter().find(|(_, compared, is_own)| *is_own && compared.other >= 3 && compared.other * 10 >= compared.rows * 9);
    match apart.filter(|(_, compared, _)| same * 10 <= compared.other) {
        Some((table, compared, _)) => {
            let register = estate.register.as_ref().map(|register| register.key.clone()).unwrap_or_default();
            Err(ExposureError::KeysMeanOthers { register, table, rows: compared.other })
        }
        None => Ok(()),
    }
}

/// What the end of the run still needs.
struct Left<'l> {
    estate: &'l Estate,
    coverage: &'l Coverage,
    presences: &'l Presences,
    facts: &'l writes::LogFacts,
    register: &'l [String],
    open: Vec<Question>,
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
    /// The words of all statements: what they name is worth following.
    words: Words,
    /// Connections of the accesses: what each read depends on its own transactions.
    connections: BTreeSet<String>,
    total: u64,
}

impl FirstPass {
    fn take(&mut self, number: usize, access: &Access, dialect: Dialect) {
        self.total += 1;
        self.words.add(&access.statement);
        self.collector.take(number, access, dialect);
        self.presences.take(access);
        if let Some(connection) = access.connection.as_ref().filter(|known| !self.connections.contains(*known)) {
            self.connections.insert(connection.clone());
        }
    }
}

/// A job of an access.
struct Pending {
    /// Place of the access in the chunk.
    at: usize,
    proof: u32,
    job: Job,
}

struct Run<'r> {
    world: World,
    commands: Commands,
    /// What the logs show of each connection.
    connections: &'r BTreeMap<String, ConnectionFacts>,
    fold: Fold,
    grounds: Grounds,
    summary: Summary,
    /// Rows of each fetch, by cursor; `None` if the cursor cannot be replayed.
    windows: HashMap<usize, Option<Windows>>,
    prepared: HashMap<(usize, Rc<Session>, String), Result<usize, String>>,
    /// What the connections had set.
    sessions: Sessions,
    whole_cursors: u64,
}

impl<'r> Run<'r> {
    fn new(world: World, commands: Commands, (connections, sessions): (&'r BTreeMap<String, ConnectionFacts>, Sessions), summary: Summary) -> Self {
        Self {
            world,
            commands,
            connections,
            fold: Fold::default(),
            grounds: Grounds::default(),
            summary,
            windows: HashMap::new(),
            prepared: HashMap::new(),
            sessions,
            whole_cursors: 0,
        }
    }

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
            let Some(database) = self.world.database(&cursor.database) else { continue };
            let state = self.sessions.at(&cursor.connection, cursor.time, &cursor.proof);
            let session = Rc::new(self.world.databases[database].givens.standing(None, state).session);
            let named = self.world.databases[database].named(&cursor.query, &session);
            let tables = self.world.databases[database].tables_of(&named);
            let (time, part, connection) = (cursor.time, cursor.place.1, Some(cursor.connection.as_str()));
            let asked = Asked { time, part, proof: &cursor.proof, connection, tables: &tables, sql: &cursor.query, before: false };
            let read = read_state(&self.scene(), database, &asked);
            let call = Call { time, as_of: Some(read.at), parameters: cursor.parameters.clone(), rows: None };
            let rows = self.replay_one(database, &session, &cursor.query, &call).ok().filter(|_| cursor.parameters_known);
            // Where a cursor stands can be told only if every row before it is sure.
            let rows = rows.filter(|r| r.rows.least == r.rows.most && read.otherwise == Otherwise::Nothing).map(|r| r.rows.most);
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

    fn scene(&self) -> Scene<'_> {
        Scene { world: &self.world, commands: &self.commands, connections: self.connections, windows: &self.windows, sessions: &self.sessions }
    }

    fn prepare(&mut self, database: usize, session: &Rc<Session>, sql: &str) -> Result<usize, String> {
        let key = (database, Rc::clone(session), sql.to_owned());
        if let Some(known) = self.prepared.get(&key) {
            return known.clone();
        }
        if self.prepared.len() >= PREPARED {
            self.prepared.clear();
            self.world.databases.iter_mut().for_each(|d| d.replayer.forget());
        }
        let made = self.world.databases[database].replayer.prepare(sql, session);
        self.prepared.insert(key, made.clone());
        made
    }

    fn replay_one(&mut self, database: usize, session: &Rc<Session>, sql: &str, call: &Call) -> Result<Replayed, String> {
        let statement = self.prepare(database, session, sql)?;
        let mut answers = self.world.databases[database].replayer.replay(statement, std::slice::from_ref(call));
        answers.pop().unwrap_or_else(|| Err("the engine gave no answer".to_owned()))
    }

    fn replay_chunk(&mut self, chunk: &[(usize, Access)], out: &mut dyn Output) -> Result<(), ExposureError> {
        if chunk.is_empty() {
            return Ok(());
        }
        let mut accounts: Vec<Account> = chunk.iter().map(|(_, access)| Account::new(access)).collect();
        let mut jobs = Vec::new();
        for (at, (number, access)) in chunk.iter().enumerate() {
            let planned = plan(*number, access, &self.scene());
            self.begin(at, access, planned, &mut accounts[at], &mut jobs);
        }
        while !jobs.is_empty() {
            let mut groups: BTreeMap<(usize, String, Rc<Session>), Vec<Pending>> = BTreeMap::new();
            for pending in std::mem::take(&mut jobs) {
                groups.entry((pending.job.database, pending.job.sql.clone(), Rc::clone(&pending.job.session))).or_default().push(pending);
            }
            for ((database, sql, session), group) in groups {
                self.replay_group(database, (&sql, &session), &group, (&mut accounts, &mut jobs), out)?;
            }
        }
        for ((_, access), account) in chunk.iter().zip(&accounts) {
            self.grounds.take(access, account.shows(), account.nobody());
        }
        let rows: Vec<Replay> = accounts.into_iter().map(Account::finish).collect();
        for row in &rows {
            *self.summary.outcomes.entry(row.outcome.clone()).or_default() += 1;
        }
        let batch = Replay::to_batch(&rows).map_err(|e| ExposureError::Write(Box::new(e)))?;
        out.replays(batch).map_err(ExposureError::Write)
    }

    /// Takes what was planned for an access: what is settled is folded in, what must be replayed becomes a job.
    fn begin(&mut self, at: usize, access: &Access, planned: Planned, account: &mut Account, jobs: &mut Vec<Pending>) {
        let Planned { parts, also, described, undescribed, is_whole_cursor } = planned;
        account.name_tables(described.iter().chain(&undescribed));
        let about = undescribed.iter().cloned().collect::<Vec<_>>().join(", ");
        self.whole_cursors += u64::from(is_whole_cursor);
        let mut proof = None;
        for part in parts {
            match part {
                Part::Nobody(reason, detail) => {
                    let about = if matches!(reason, Nobody::UndescribedTable | Nobody::UndescribedDatabase | Nobody::Failed) { about.as_str() } else { "" };
                    account.shows_nobody(reason, about, detail);
                }
                Part::Everybody { database, tables, missing, detail } => {
                    let proof = *proof.get_or_insert_with(|| self.fold.keep(access, &also));
                    let time = access.time.micros();
                    for showing in everybody(database, &tables, time, missing, &self.world) {
                        self.show(showing, time, proof, account);
                    }
                    self.widened(missing, detail.as_deref(), account);
                }
                Part::Replay(job) => {
                    if let Mode::Wide(missing) = job.mode {
                        account.outcome("widened", Some(missing.sentence().to_owned()));
                    }
                    let proof = *proof.get_or_insert_with(|| self.fold.keep(access, &also));
                    jobs.push(Pending { at, proof, job: *job });
                }
            }
        }
        self.summary.undescribed.extend(undescribed);
    }

    fn replay_group(
        &mut self,
        database: usize,
        (sql, session): (&str, &Rc<Session>),
        group: &[Pending],
        (accounts, jobs): (&mut [Account], &mut Vec<Pending>),
        out: &mut dyn Output,
    ) -> Result<(), ExposureError> {
        let statement = match self.prepare(database, session, sql) {
            Ok(statement) => statement,
            Err(reason) => {
                group.iter().for_each(|pending| self.fall_back(pending, &reason, &mut accounts[pending.at]));
                return Ok(());
            }
        };
        for part in group.chunks(CALLS) {
            let calls: Vec<Call> = part.iter().map(|pending| pending.job.call.clone()).collect();
            let mut answers = self.world.databases[database].replayer.replay(statement, &calls).into_iter();
            for pending in part {
                let account = &mut accounts[pending.at];
                match answers.next().unwrap_or_else(|| Err("the engine gave no answer".to_owned())) {
                    Ok(replayed) => jobs.extend(self.take(pending, &replayed, account)),
                    Err(reason) => {
                        self.fall_back(pending, &reason, account);
                        jobs.extend(pending.job.moved.iter().map(|moved| Pending { at: pending.at, proof: pending.proof, job: moved.job.clone() }));
                    }
                }
                if self.fold.sightings.is_full() {
                    self.fold.sightings.write(&self.world, out)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the answer to what somebody else asked for tells that the page does not show a list that is read for it.
    fn is_page_alike(&mut self, job: &Job, replayed: &Replayed) -> bool {
        let Some(instead) = job.instead.clone().filter(|_| job.mode == Mode::Exact && matches!(job.on_page, OnPage::Columns(_))) else { return false };
        let people: usize = replayed.revealed.iter().filter(|r| r.displayed).map(|r| r.subjects.len()).sum();
        // A full memory of prepared statements is emptied, and others of the group still need theirs.
        if people < FEWEST_OF_A_LIST || self.prepared.len() >= PREPARED {
            return false;
        }
        let Some((sql, call)) = instead.statement(job, self.world.databases[job.database].dialect) else { return false };
        let other = self.replay_one(job.database, &job.session, &sql, &call);
        other.is_ok_and(|other| are_alike(job.database, (replayed, &other), instead.differ_by, &self.world))
    }

    /// Folds in what a replay showed; the wider replay that it calls for comes back.
    fn take(&mut self, pending: &Pending, replayed: &Replayed, account: &mut Account) -> Vec<Pending> {
        let job = &pending.job;
        if job.mode == Mode::Exact {
            // An open statement may have sent any number.
            if replayed.rows.most < u64::MAX {
                account.rows_replayed(replayed.rows.most);
            }
            account.outcome("replayed", None);
        }
        let alike = self.is_page_alike(job, replayed).then(|| Job { is_page_alike: true, ..job.clone() });
        let job = alike.as_ref().unwrap_or(job);
        let Judged { showings, nobody, missing, is_widened, wider, moved } = judge(job, replayed, &self.world);
        for showing in showings {
            self.show(showing, job.call.time, pending.proof, account);
        }
        if let Some(reason) = nobody {
            account.shows_nobody(reason, "", (reason == Nobody::NoRowCounted && replayed.rows.least > 0).then(|| reason.sentence().to_owned()));
        }
        if let Some(missing) = missing {
            account.reason(Some(missing.sentence().to_owned()));
        }
        if is_widened {
            *self.summary.widened.entry(missing.unwrap_or(Missing::OtherRows).sentence().to_owned()).or_default() += 1;
        }
        wider.into_iter().chain(moved).map(|job| Pending { at: pending.at, proof: pending.proof, job }).collect()
    }

    fn show(&mut self, showing: Showing, time: i64, proof: u32, account: &mut Account) {
        account.support(showing.certainty);
        match showing.whom {
            Whom::Subjects(subjects) => {
                account.count(&subjects, showing.basis);
                self.fold.show(&subjects, &showing.columns, (showing.basis, showing.certainty, showing.missing), time, proof, &self.world);
            }
            Whom::Keyed(key) => {
                let subject = self.world.people.number(&key);
                self.fold.show(&[subject], &showing.columns, (showing.basis, showing.certainty, showing.missing), time, proof, &self.world);
            }
            Whom::Table(database, table, subjects) => {
                let reason = showing.missing.map_or("", Missing::sentence);
                self.fold.whole_table((database, table), &subjects, &showing.columns, reason, (time, time), proof, &self.world);
            }
        }
    }

    /// All subjects of the tables that the statement names are possible.
    fn fall_back(&mut self, pending: &Pending, reason: &str, account: &mut Account) {
        let job = &pending.job;
        let missing = if let Mode::Wide(missing) = job.mode { missing } else { Missing::NotReplayed };
        for showing in everybody(job.database, &job.named.described, job.call.reads_at(), missing, &self.world) {
            let showing = if job.is_extract { Showing { whom: Whom::Subjects(self.world.everybody.to_vec()), ..showing } } else { showing };
            self.show(showing, job.call.time, pending.proof, account);
        }
        self.widened(missing, (reason != missing.sentence()).then_some(reason), account);
    }

    fn widened(&mut self, missing: Missing, detail: Option<&str>, account: &mut Account) {
        let reason = detail.map_or_else(|| missing.sentence().to_owned(), |detail| format!("{}: {detail}", missing.sentence()));
        *self.summary.widened.entry(reason.clone()).or_default() += 1;
        account.outcome("widened", Some(reason));
    }

    fn finish(mut self, left: Left<'_>, progress: &mut dyn FnMut(Progress), out: &mut dyn Output) -> Result<Summary, ExposureError> {
        self.summary.gaps = reach(left.estate, left.coverage, left.presences, left.facts, &self.world, &mut self.fold);
        progress(Progress::Exposures);
        if self.whole_cursors > 0 {
            let note = format!("{} cursors: the log has no FETCH, so all their rows count as likely", self.whole_cursors);
            self.summary.notes.push(note);
        }
        self.fold.sightings.write(&self.world, out)?;
        let counts = self.fold.write(&self.world, out)?;
        self.summary.cells = counts.cells;
        self.summary.people = counts.people;
        let exposed: BTreeSet<&str> = counts.exposed.iter().map(|subject| self.world.people.key(*subject)).collect();
        let in_data: BTreeSet<&str> = self.world.in_data.iter().map(|subject| self.world.people.key(*subject)).collect();
        let apart = keys_apart(left.register, &in_data, &exposed);
        let mut questions = self.grounds.questions(left.open);
        let is_open = !questions.is_empty();
        questions.extend(apart.question());
        let batch = Question::to_batch(&questions).map_err(|e| ExposureError::Write(Box::new(e)))?;
        out.open_questions(batch).map_err(ExposureError::Write)?;
        let everybody: BTreeSet<&str> = left.register.iter().map(String::as_str).chain(in_data).collect();
        let cleared: Vec<&str> = everybody.into_iter().filter(|key| !is_open && !exposed.contains(key) && !apart.uncleared.contains(key)).collect();
        self.summary.cleared = self.grounds.clear(&cleared, out)?;
        self.summary.open = questions.iter().map(Question::told).collect();
        Ok(self.summary)
    }
}
