//! The engine: prepares statements once, replays their calls.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::config::ConfigOptions;
use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DataFusionError, ParamValues, ScalarValue};
use datafusion::datasource::{MemTable, source_as_provider};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, ExprSchemable, Limit, LogicalPlan, LogicalPlanBuilder, Projection, Sort, placeholder};
use datafusion::optimizer::decorrelate_lateral_join::DecorrelateLateralJoin;
use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::replace_distinct_aggregate::ReplaceDistinctWithAggregate;
use datafusion::optimizer::rewrite_set_comparison::RewriteSetComparison;
use datafusion::optimizer::scalar_subquery_to_join::ScalarSubqueryToJoin;
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::optimizer::{Analyzer, Optimizer};
use datafusion::sql::sqlparser::ast;
use tokio::runtime::Runtime;

use crate::aliases::fill_aliases;
use crate::arena::{Arena, Subjects};
use crate::batch::{CALL, batch, parameter_column};
use crate::budget::{Budget, TOO_LONG, TOO_MANY_ROWS, metered};
use crate::catalog::{Reads, Tables, open, searching};
use crate::collect::Reader;
use crate::correlated::{with_plain_subqueries, with_tied_columns};
use crate::cross_join::limit_cross_joins;
use crate::database::{Database, Dialect, Options, VALID_FROM, VALID_TO};
use crate::expression::Marks;
use crate::fidelity::Server;
use crate::functions::Functions;
use crate::keyed::in_words_of;
use crate::ladder::{looked_at, rungs};
use crate::lists::without_open_lists;
use crate::rewrite::{Parameters, Rewriter, Rewritten, set_name};
use crate::session::Session;
use crate::statement::{Reading, Tongue, Truths, read, tables_named};
use crate::types::{Call, ColumnRef, EngineError, ReplayError, Replayed, RowWindow, Unsupported};
use crate::vocabulary::write_arrays;
use crate::whole_row::{has_rows, with_columns, write_whole_rows};

/// Calls that one plan answers at most: bounds the memory of a batch.
const BATCH_CALLS: usize = 1 << 16;
/// Fewer calls than these are not worth a plan of their own.
const BATCH_CALLS_AT_LEAST: usize = 3;
/// Stack of the thread that plans and rewrites; a statement's operators are bounded, so this is enough.
const STACK_BYTES: usize = 64 << 20;
/// Parameters that a statement may have (PostgreSQL's protocol counts them in 16 bits).
const MOST_PARAMETERS: usize = 1 << 16;
/// Search paths for which a planner's state is kept at a time.
const SEARCH_PATHS: usize = 256;
const SKIP: &str = "$__skip";
const TAKE: &str = "$__take";

/// Replays statements against one database.
pub struct Engine {
    database: Database,
    options: Options,
    state: SessionState,
    tables: Tables,
    runtime: Runtime,
    /// Planners' states for sessions that search other schemas; `None` where one cannot be made.
    searching: Mutex<BTreeMap<Vec<String>, Option<SessionState>>>,
}

/// Whether all of a statement must be planned, or what cannot be may be taken as not known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Asked,
    Loosened,
}

/// A statement ready to be replayed.
pub struct Prepared {
    work: Option<Work>,
    /// A statement that compares with an array among its parameters (`= ANY ($1)`): planned anew for each call.
    late: Option<Box<ast::Statement>>,
    session: Session,
}

struct Work {
    /// Decorrelated, with placeholders; not yet rewritten.
    plan: LogicalPlan,
    parameters: Vec<(usize, DataType)>,
    arena: Arena,
    server: Server,
    /// One replay at a time may use the arena.
    turn: Mutex<()>,
    whole: Rewrite,
    windowed: Rewrite,
    /// The same for calls whose parameters are far from the values of these columns, which are known but for a little: by number.
    far: Option<Far>,
    /// Instants at which a table of the statement changes, sorted; between two of them every call sees the same rows.
    changes: Vec<i64>,
    /// Whether the statement reads the clock, so that calls at two instants are never the same.
    reads_clock: bool,
    /// Columns at which what was left out of the statement may have looked.
    looked_at: Vec<ColumnRef>,
}

struct Far {
    from: BTreeSet<(ColumnRef, usize)>,
    whole: Rewrite,
    windowed: Rewrite,
}

/// A rewritten plan that gives the set columns alone, and how to read them.
struct Rewrite {
    plan: LogicalPlan,
    reader: Reader,
}

impl Engine {
    /// An engine over a database, with a runtime of its own. Its calls block.
    ///
    /// # Errors
    /// If tables do not fit their description, or two bear one name.
    pub fn new(database: Database, options: Options) -> Result<Self, EngineError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.threads.max(1))
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()
            .map_err(EngineError::Start)?;
        let database = database.with_plain_names()?;
        let (state, tables) = runtime.block_on(open(&database, &options))?;
        Ok(Self { database, options, state, tables, runtime, searching: Mutex::default() })
    }

    /// Reads and plans a statement of a session that set nothing, and of whose zone nothing is known.
    ///
    /// # Errors
    /// If it cannot be replayed; the error names its tables, for the caller to fall back on.
    pub fn prepare(&self, sql: &str) -> Result<Prepared, Unsupported> {
        self.prepare_in(sql, &Session::default())
    }

    /// Reads and plans a statement as a session read it.
    ///
    /// # Errors
    /// If it cannot be replayed; the error names its tables, for the caller to fall back on.
    pub fn prepare_in(&self, sql: &str, session: &Session) -> Result<Prepared, Unsupported> {
        let unsupported = |reason: String| Unsupported { reason, tables: tables_named(sql, &self.database) };
        // The planner is large and the text may be hostile: a panic in it is one more statement that is not understood.
        on_a_large_stack(|| self.prepare_unguarded(sql, session)).unwrap_or_else(|| Err("the planner failed".into())).map_err(unsupported)
    }

    fn prepare_unguarded(&self, sql: &str, session: &Session) -> Result<Prepared, String> {
        // Where truths are numbers, a statement that takes them for truths cannot be planned otherwise.
        let truths = if self.database.dialect == Dialect::MySql { &[Truths::Plain, Truths::Numbers][..] } else { &[Truths::Plain][..] };
        let mut refused = None;
        for how in [Whole::Asked, Whole::Loosened] {
            for truths in truths {
                match self.prepare_as(sql, session, *truths, how) {
                    Ok(prepared) => return Ok(prepared),
                    Err(reason) => refused = refused.or(Some(reason)),
                }
            }
        }
        Err(refused.unwrap_or_else(|| "it cannot be planned".into()))
    }

    fn prepare_as(&self, sql: &str, session: &Session, truths: Truths, how: Whole) -> Result<Prepared, String> {
        let session = session.clone();
        match read(sql, Tongue { dialect: self.database.dialect, pipes_join: session.pipes_join, truths })? {
            Reading::Nothing => Ok(Prepared { work: None, late: None, session }),
            Reading::Query(mut statement) => {
                let late = statement.clone();
                // With arrays that could be any, to see whether it can be planned at all.
                let is_late = write_arrays(&mut statement, &vec![Some("{0,1}".to_owned()); MOST_PARAMETERS]);
                let work = self.climbed(statement, &session, how)?;
                Ok(if is_late { Prepared { work: None, late: Some(late), session } } else { Prepared { work: Some(work), late: None, session } })
            }
        }
    }

    /// The planner's state for a session's search path.
    fn state_of(&self, session: &Session) -> Result<SessionState, DataFusionError> {
        let plain = |path: &Vec<String>| path.iter().map(|name| self.database.dialect.plain_name(name).into_owned()).collect::<Vec<_>>();
        let Some(path) = session.search_path.as_ref().map(plain).filter(|path| *path != self.database.search_path) else { return Ok(self.state.clone()) };
        let mut known = self.searching.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains_key(&path) && known.len() >= SEARCH_PATHS {
            // What was prepared keeps what it needs; a path that comes again is made again.
            known.clear();
        }
        let number = known.len();
        let made = known.entry(path.clone()).or_insert_with(|| self.runtime.block_on(searching(&self.state, &path, number)));
        made.clone().ok_or_else(|| DataFusionError::Plan("a search path is not supported".to_owned()))
    }

    /// The statement as it is, or with as little of it not known as may be.
    fn climbed(&self, statement: Box<ast::Statement>, session: &Session, how: Whole) -> Result<Work, String> {
        if how == Whole::Asked {
            return self.planned(statement, session).map_err(|error| planning(&error));
        }
        let is_known = |name: &str| {
            self.state.scalar_functions().contains_key(name)
                || self.state.aggregate_functions().contains_key(name)
                || self.state.window_functions().contains_key(name)
        };
        let loosened = rungs(&statement, &is_known).into_iter().find_map(|rung| {
            let looked_at = looked_at(&rung, &self.database);
            Some(Work { looked_at, ..self.planned(Box::new(rung.statement), session).ok()? })
        });
        loosened.ok_or_else(|| "it cannot be planned".into())
    }

    fn planned(&self, statement: Box<ast::Statement>, session: &Session) -> Result<Work, DataFusionError> {
        let state = self.state_of(session)?;
        let mut statement = statement;
        self.runtime.block_on(fill_aliases(&mut statement, &state));
        let plan = |statement: Box<ast::Statement>| {
            let statement = datafusion::sql::parser::Statement::Statement(statement);
            with_sort_keys(self.runtime.block_on(state.statement_to_plan(statement))?)
        };
        let server = Server::of(&self.database, session);
        let mut with_rows = statement.clone();
        // A name that is of no column may be a row's: columns come first, as at the server.
        match plan(statement) {
            Ok(planned) if !has_rows(&planned)? => self.work(planned, server),
            _ if write_whole_rows(&mut with_rows) => self.work(with_columns(plan(with_rows)?)?, server),
            planned => self.work(planned?, server),
        }
    }

    /// One call of a statement with an array among its parameters.
    fn replay_late(&self, statement: &ast::Statement, session: &Session, call: &Call) -> Result<Replayed, ReplayError> {
        let one = || {
            let mut statement = Box::new(statement.clone());
            write_arrays(&mut statement, &call.parameters);
            let work = self.planned(statement, session).map_err(|error| failure(&error))?;
            self.replay_one(&work, call)
        };
        on_a_large_stack(one).unwrap_or_else(|| Err(ReplayError::Failed("the engine failed".into())))
    }

    fn work(&self, plan: LogicalPlan, server: Server) -> Result<Work, DataFusionError> {
        let plan = limit_cross_joins(self.decorrelate(with_plain_subqueries(typed(bind_clock(plan)?)?)?, &server)?)?;
        let mut parameters = Vec::new();
        for (name, kind) in plan.get_parameter_types()? {
            if let (Ok(number), Some(kind)) = (name.trim_start_matches('$').parse(), kind) {
                parameters.push((number, kind));
            }
        }
        parameters.sort_by_key(|(number, _)| *number);
        let arena = Arena::new(self.options.memory_limit_bytes).with_holders(self.database.holders.clone());
        let (whole, _) = self.finish(&plan, &arena, &server, Parameters::Any)?;
        let window = LogicalPlan::Limit(Limit { skip: Some(Box::new(number(SKIP))), fetch: Some(Box::new(number(TAKE))), input: Arc::new(plan.clone()) });
        let (windowed, _) = self.finish(&window, &arena, &server, Parameters::Any)?;
        let far = if self.tables.nears.is_empty() { None } else { Some(self.finish(&plan, &arena, &server, Parameters::Far)?) };
        let far = match far {
            None => None,
            Some((_, from)) if from.is_empty() => None,
            Some((whole, from)) => Some(Far { from, whole, windowed: self.finish(&window, &arena, &server, Parameters::Far)?.0 }),
        };
        let changes = self.changes(&plan)?;
        let reads_clock = plan.get_parameter_names()?.iter().any(|name| name.contains("__clock"));
        Ok(Work { plan, parameters, arena, server, turn: Mutex::new(()), whole, windowed, far, changes, reads_clock, looked_at: Vec::new() })
    }

    fn rewriter(&self, arena: &Arena, server: &Server, keeps_used: bool) -> Rewriter<'_> {
        let functions = Functions { arena: arena.clone() };
        let mut rewriter = Rewriter::new(&self.tables, functions, server.clone(), self.options.inferable_group, keeps_used);
        rewriter.is_mysql = self.database.dialect == Dialect::MySql;
        rewriter
    }

    /// The plan rewritten, and what it takes parameters to be far from.
    fn finish(
        &self,
        plan: &LogicalPlan,
        arena: &Arena,
        server: &Server,
        parameters: Parameters,
    ) -> Result<(Rewrite, BTreeSet<(ColumnRef, usize)>), DataFusionError> {
        let mut rewriter = self.rewriter(arena, server, false);
        rewriter.parameters = parameters;
        let rewritten = rewriter.statement(plan)?;
        let rewritten = rewriter.settled(rewritten)?;
        let rewritten = rewriter.spoken(rewritten, &Marks::new())?;
        let reader = Reader::new(&rewritten.all_marks(), rewritten.sets.clone(), self.options.inferable_group, &rewriter.decided);
        Ok((Rewrite { plan: only_sets(&rewritten)?, reader }, rewriter.lineage.far))
    }

    /// Turns subqueries into joins, and nothing else that would change which rows an operator sees.
    fn decorrelate(&self, plan: LogicalPlan, server: &Server) -> Result<LogicalPlan, DataFusionError> {
        let mut options = ConfigOptions::clone(self.state.config_options());
        options.optimizer.skip_failed_rules = false;
        let mut plan = Analyzer::new().execute_and_check(plan, &options, |_, _| {})?;
        plan = with_tied_columns(without_open_lists(in_words_of(server, plan)?)?)?;
        let rules = Optimizer::with_rules(vec![
            Arc::new(RewriteSetComparison::new()),
            Arc::new(SimplifyExpressions::new()),
            Arc::new(ReplaceDistinctWithAggregate::new()),
            Arc::new(DecorrelatePredicateSubquery::new()),
            Arc::new(ScalarSubqueryToJoin::new()),
            Arc::new(DecorrelateLateralJoin::new()),
            Arc::new(ExtractEquijoinPredicate::new()),
        ]);
        // The clock was bound before, so nothing here can fold it.
        rules.optimize(plan, &self.state, |_, _| {})
    }

    /// Replays calls of one statement: one result for each, in their order.
    pub fn replay(&self, prepared: &Prepared, calls: &[Call]) -> Vec<Result<Replayed, ReplayError>> {
        if let Some(statement) = &prepared.late {
            return calls.iter().map(|call| self.replay_late(statement, &prepared.session, call)).collect();
        }
        let Some(work) = &prepared.work else {
            return calls.iter().map(|_| Ok(Replayed::default())).collect();
        };
        let _turn = work.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let all = on_a_large_stack(|| self.replay_all(work, calls));
        let mut all = all.unwrap_or_else(|| calls.iter().map(|_| Err(ReplayError::Failed("the engine failed".into()))).collect());
        // Where no row was sent, nothing was told of them.
        for replayed in all.iter_mut().flatten().filter(|replayed| replayed.rows.most > 0) {
            replayed.looked_at.clone_from(&work.looked_at);
        }
        all
    }

    /// Equal calls between two changes of the tables are replayed once; many different ones at once where the shape allows it.
    fn replay_all(&self, work: &Work, calls: &[Call]) -> Vec<Result<Replayed, ReplayError>> {
        let mut distinct: BTreeMap<Question, usize> = BTreeMap::new();
        let questions: Vec<Result<Question, ReplayError>> = calls.iter().map(|call| work.question(call)).collect();
        for (position, question) in questions.iter().enumerate() {
            if let Ok(question) = question {
                distinct.entry(question.clone()).or_insert(position);
            }
        }
        let mut answers: HashMap<usize, Result<Replayed, ReplayError>> = HashMap::new();
        let distinct_calls: Vec<(&Question, usize)> = distinct.iter().map(|(question, position)| (question, *position)).collect();
        for epoch in distinct_calls.chunk_by(|one, next| one.0.epoch == next.0.epoch) {
            for chunk in epoch.chunks(BATCH_CALLS) {
                let chunk: Vec<(usize, &Call)> = chunk.iter().filter_map(|(_, position)| calls.get(*position).map(|call| (*position, call))).collect();
                answers.extend(self.replay_chunk(work, &chunk));
            }
        }
        let answer = |question: Result<Question, ReplayError>| {
            let position = distinct.get(&question?);
            position.and_then(|position| answers.get(position).cloned()).unwrap_or_else(|| Err(ReplayError::Failed("a call was lost".into())))
        };
        questions.into_iter().map(answer).collect()
    }

    /// Calls that see the same rows.
    fn replay_chunk(&self, work: &Work, calls: &[(usize, &Call)]) -> Vec<(usize, Result<Replayed, ReplayError>)> {
        let together =
            if calls.len() >= BATCH_CALLS_AT_LEAST && !work.reads_clock { self.replay_together(work, calls).unwrap_or_default() } else { HashMap::new() };
        let one = |call: &Call| {
            let guarded = catch_unwind(AssertUnwindSafe(|| self.replay_one(work, call)));
            guarded.unwrap_or_else(|_| Err(ReplayError::Failed("the engine failed".into())))
        };
        calls.iter().map(|(position, call)| (*position, together.get(position).cloned().map_or_else(|| one(call), Ok))).collect()
    }

    /// Answers of the calls that could be replayed in one plan, by position. A failure is no answer: those calls then run alone.
    fn replay_together(&self, work: &Work, calls: &[(usize, &Call)]) -> Result<HashMap<usize, Replayed>, DataFusionError> {
        let Some(first) = calls.first() else {
            return Ok(HashMap::new());
        };
        let table = table_of_calls(&work.parameters, calls)?;
        let Some(batch) = batch(&work.plan, &table)? else {
            return Ok(HashMap::new());
        };
        let mut rewriter = self.rewriter(&work.arena, &work.server, false);
        rewriter.calls = Some(table);
        let rewritten = rewriter.statement(&batch.plan)?;
        let rewritten = rewriter.settled(rewritten)?;
        let reader = Reader::new(&rewritten.all_marks(), rewritten.sets.clone(), self.options.inferable_group, &rewriter.decided);
        let mut expressions: Vec<Expr> = rewritten.sets.iter().map(|set| Expr::Column(Column::new_unqualified(set_name(*set)))).collect();
        expressions.push(Expr::Column(Column::new_unqualified(CALL)));
        let plan = LogicalPlanBuilder::from(rewritten.plan).project(expressions)?.build()?;
        let mut values = HashMap::new();
        values.insert(crate::rewrite::TIME.trim_start_matches('$').to_owned(), ScalarAndMetadata::from(ScalarValue::Int64(Some(first.1.reads_at()))));
        work.arena.clear();
        let batches = self.run(&plan, values)?;
        // What was in doubt is told of the whole run: these calls are then asked one by one.
        if work.arena.is_open() {
            return Ok(HashMap::new());
        }
        let nothing = reader.read(&[], &work.arena);
        let mut answers: HashMap<usize, Replayed> = calls.iter().map(|(position, _)| (*position, nothing.clone())).collect();
        for (number, replayed) in reader.read_calls(&batches, &work.arena) {
            let Some((position, call)) = calls.get(number as usize) else {
                continue;
            };
            let rows = replayed.rows.most;
            let is_whole = batch.limit_rows.is_none_or(|limit| rows <= limit)
                && call.rows.is_none_or(|window| window.skip == 0 && window.take.is_none_or(|take| rows <= take));
            // What LIMIT or a cursor cuts depends on an order: that call runs alone.
            if is_whole {
                answers.insert(*position, replayed)
            } else {
                answers.remove(position)
            };
        }
        work.arena.clear();
        Ok(answers)
    }

    /// Instants at which a table below a plan changes.
    fn changes(&self, plan: &LogicalPlan) -> Result<Vec<i64>, DataFusionError> {
        let mut changes = BTreeSet::new();
        plan.apply(|node| {
            if let LogicalPlan::TableScan(scan) = node
                && let Some((table, reads)) = self.tables.find(&source_as_provider(&scan.source)?)
                && let Some(table) = self.tables.table(table).filter(|_| !matches!(reads, Reads::At(_)))
            {
                for column in table.batches.iter().flat_map(|batch| [VALID_FROM, VALID_TO].map(|name| batch.column_by_name(name))).flatten() {
                    let moments = column.as_primitive::<Int64Type>().iter().flatten();
                    // What changed is another thing at the one moment before each change.
                    changes.extend(moments.flat_map(|change| if reads == Reads::Changed { [change.saturating_sub(1), change] } else { [change; 2] }));
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(changes.into_iter().collect())
    }

    fn replay_one(&self, work: &Work, call: &Call) -> Result<Replayed, ReplayError> {
        let is_far = |far: &Far| far.from.iter().all(|(column, number)| self.is_far(*column, *number, work, call));
        let (whole, windowed) = work.far.as_ref().filter(|far| is_far(far)).map_or((&work.whole, &work.windowed), |far| (&far.whole, &far.windowed));
        let rewrite = if call.rows.is_some() { windowed } else { whole };
        let values = values_of(work, call)?;
        work.arena.clear();
        let batches = self.run(&rewrite.plan, values).map_err(|error| failure(&error))?;
        let replayed = rewrite.reader.read(&batches, &work.arena);
        work.arena.clear();
        Ok(replayed)
    }

    /// Whether a parameter of a call compares with each value of a column as with the one that is stored.
    fn is_far(&self, column: ColumnRef, number: usize, work: &Work, call: &Call) -> bool {
        let kind = work.parameters.iter().find(|(known, _)| *known == number).map(|(_, kind)| kind);
        let value = kind.and_then(|kind| parameter_value(number, kind, call).ok());
        value.is_some_and(|value| self.tables.nears.are_far_from(column, &value))
    }

    fn run(&self, plan: &LogicalPlan, values: HashMap<String, ScalarAndMetadata>) -> Result<Vec<RecordBatch>, DataFusionError> {
        let plan = plan.clone().replace_params_with_values(&ParamValues::Map(values))?;
        let budget = Budget::new(self.options.rows_at_most, Duration::from_secs(self.options.seconds_at_most));
        self.runtime.block_on(async {
            let physical = metered(self.state.create_physical_plan(&plan).await?, &budget)?;
            datafusion::physical_plan::collect(physical, self.state.task_ctx()).await
        })
    }

    /// Whether calls of this statement are replayed many at once: for tests.
    #[doc(hidden)]
    pub fn runs_together(&self, prepared: &Prepared) -> bool {
        let Some(work) = &prepared.work else {
            return false;
        };
        let table = table_of_calls(&work.parameters, &[(0, &Call { parameters: vec![None; 64], ..Call::default() })]);
        !work.reads_clock && table.and_then(|table| batch(&work.plan, &table)).is_ok_and(|batch| batch.is_some())
    }

    /// Everybody whose rows took any part in the answer: for tests, where it is compared with removing people one by one.
    #[doc(hidden)]
    pub fn used(&self, prepared: &Prepared, call: &Call) -> Result<Vec<u32>, ReplayError> {
        let Some(work) = &prepared.work else {
            return Ok(Vec::new());
        };
        let _turn = work.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let values = values_of(work, call)?;
        work.arena.clear();
        let mut rewriter = self.rewriter(&work.arena, &work.server, true);
        let rewritten = rewriter.statement(&work.plan).map_err(|error| failure(&error))?;
        let mut people = Subjects::default();
        for part in std::iter::once(&rewritten).chain(&rewriter.aside) {
            let plan = only_sets(part).map_err(|error| failure(&error))?;
            let batches = self.run(&plan, values.clone()).map_err(|error| failure(&error))?;
            for column in batches.iter().flat_map(RecordBatch::columns) {
                if let Some(column) = column.as_primitive_opt::<UInt64Type>() {
                    work.arena.collect(column.iter().flatten(), &mut people);
                }
            }
        }
        Ok(people.iter().map(|(subject, _)| subject).collect())
    }

    /// The rows of the plain part of the rewritten plan: for tests, where they are compared with the statement as it stands.
    #[doc(hidden)]
    pub fn visible_rows(&self, prepared: &Prepared, call: &Call) -> Result<Vec<RecordBatch>, ReplayError> {
        let Some(work) = &prepared.work else {
            return Ok(Vec::new());
        };
        let _turn = work.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let values = values_of(work, call)?;
        let rewritten = self.rewriter(&work.arena, &work.server, true).statement(&work.plan).map_err(|error| failure(&error))?;
        let batches = self.run(&rewritten.plan, values).map_err(|error| failure(&error))?;
        let visible: Vec<usize> = (0..rewritten.columns.len()).collect();
        batches.iter().map(|batch| batch.project(&visible).map_err(|error| ReplayError::Failed(error.to_string()))).collect()
    }
}

/// Runs work that walks deep trees; `None` if it panicked.
fn on_a_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("replay".into()).stack_size(STACK_BYTES).spawn_scoped(scope, work);
        thread.ok().and_then(|thread| thread.join().ok())
    })
}

/// What makes two calls the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Question {
    epoch: usize,
    time: Option<i64>,
    rows: Option<(u64, Option<u64>)>,
    parameters: Vec<Option<String>>,
}

impl Work {
    fn question(&self, call: &Call) -> Result<Question, ReplayError> {
        let parameter = |(number, kind): &(usize, DataType)| {
            parameter_value(*number, kind, call)?;
            Ok(number.checked_sub(1).and_then(|position| call.parameters.get(position)).cloned().flatten())
        };
        Ok(Question {
            epoch: self.changes.partition_point(|change| *change <= call.reads_at()),
            time: self.reads_clock.then_some(call.time),
            rows: call.rows.map(|window| (window.skip, window.take)),
            parameters: self.parameters.iter().map(parameter).collect::<Result<_, _>>()?,
        })
    }
}

/// One row a call: its number in the chunk, and its parameters.
fn table_of_calls(parameters: &[(usize, DataType)], calls: &[(usize, &Call)]) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let numbers: UInt32Array = (0..calls.len() as u32).map(Some).collect();
    let mut fields = vec![Field::new(CALL, DataType::UInt32, false)];
    let mut columns: Vec<ArrayRef> = vec![Arc::new(numbers)];
    for (number, kind) in parameters.iter().filter(|_| !calls.is_empty()) {
        let values = calls.iter().map(|(_, call)| parameter_value(*number, kind, call));
        let values = values.collect::<Result<Vec<_>, _>>().map_err(|error| DataFusionError::External(Box::new(error)))?;
        columns.push(ScalarValue::iter_to_array(values)?);
        fields.push(Field::new(parameter_column(*number), kind.clone(), true));
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), columns)?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?))
}

/// A parameter as a value of the type that the planner found for it.
fn parameter_value(number: usize, kind: &DataType, call: &Call) -> Result<ScalarValue, ReplayError> {
    let wrong = || ReplayError::Parameter { number };
    let text = number.checked_sub(1).and_then(|position| call.parameters.get(position)).ok_or_else(wrong)?;
    let value = ScalarValue::Utf8(text.clone()).cast_to(kind).map_err(|_| wrong())?;
    if value.is_null() && text.is_some() { Err(wrong()) } else { Ok(value) }
}

/// The set columns alone; a plan without any still says how many rows there are.
fn only_sets(rewritten: &Rewritten) -> Result<LogicalPlan, DataFusionError> {
    let mut expressions: Vec<Expr> = rewritten.sets.iter().map(|set| Expr::Column(Column::new_unqualified(set_name(*set)))).collect();
    if expressions.is_empty() {
        expressions.push(Functions::nobody().alias("__nobody"));
    }
    LogicalPlanBuilder::from(rewritten.plan.clone()).project(expressions)?.build()
}

fn number(name: &str) -> Expr {
    of_type(name, DataType::Int64)
}

fn of_type(name: &str, kind: DataType) -> Expr {
    let mut expression = placeholder(name);
    if let Expr::Placeholder(placeholder) = &mut expression {
        placeholder.field = Some(Arc::new(Field::new(name, kind, true)));
    }
    expression
}

/// `now()` and its relatives become placeholders for the call's time, before anything can fold them into today's.
fn bind_clock(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let bound = plan.transform_up_with_subqueries(|node| {
        node.map_expressions(|expression| {
            let name_kept = datafusion::logical_expr::expr_rewriter::NamePreserver::new_for_projection().save(&expression);
            let changed = expression.transform_up(|part| match &part {
                Expr::ScalarFunction(function) if ["now", "current_date", "current_time", "today"].contains(&function.name()) => {
                    let kind = part.get_type(&DFSchema::empty())?;
                    Ok(Transformed::yes(of_type(&format!("$__clock_{}", function.name()), kind)))
                }
                _ => Ok(Transformed::no(part)),
            })?;
            Ok(changed.update_data(|expression| name_kept.restore(expression)))
        })
    })?;
    Ok(bound.data)
}

/// Parameters whose type the planner could not tell are text, or numbers of rows where they stand in LIMIT.
fn typed(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let typed = plan.transform_up_with_subqueries(|node| {
        let kind = if matches!(node, LogicalPlan::Limit(_)) { DataType::Int64 } else { DataType::Utf8 };
        node.map_expressions(|expression| {
            expression.transform_up(|mut part| {
                if let Expr::Placeholder(placeholder) = &mut part
                    && placeholder.field.is_none()
                {
                    placeholder.field = Some(Arc::new(Field::new(&placeholder.id, kind.clone(), true)));
                    return Ok(Transformed::yes(part));
                }
                Ok(Transformed::no(part))
            })
        })
    })?;
    typed.data.recompute_schema()
}

/// The planner takes a key of ORDER BY that is not selected along below a set-returning function, and then drops it above.
fn with_sort_keys(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let mended = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::Sort(sort) = &node else { return Ok(Transformed::no(node)) };
        let LogicalPlan::Projection(projection) = sort.input.as_ref() else { return Ok(Transformed::no(node)) };
        let keys: BTreeSet<&Column> = sort.expr.iter().flat_map(|key| key.expr.column_refs()).collect();
        let is_lost = |key: &&&Column| !projection.schema.has_column(key) && projection.input.schema().has_column(key);
        let lost: Vec<Expr> = keys.iter().filter(is_lost).map(|key| Expr::Column(Column::clone(key))).collect();
        if lost.is_empty() {
            return Ok(Transformed::no(node));
        }
        let expressions = projection.expr.iter().cloned().chain(lost).collect();
        let input = Projection::try_new(expressions, Arc::clone(&projection.input))?;
        Ok(Transformed::yes(LogicalPlan::Sort(Sort { input: Arc::new(LogicalPlan::Projection(input)), ..sort.clone() })))
    })?;
    Ok(mended.data)
}

/// Values of a call's placeholders, our own and the statement's.
fn values_of(work: &Work, call: &Call) -> Result<HashMap<String, ScalarAndMetadata>, ReplayError> {
    let mut values = HashMap::new();
    let mut add = |name: &str, value: ScalarValue| values.insert(name.trim_start_matches('$').to_owned(), ScalarAndMetadata::from(value));
    add(crate::rewrite::TIME, ScalarValue::Int64(Some(call.reads_at())));
    let nanoseconds = call.time.saturating_mul(1000);
    add("__clock_now", ScalarValue::TimestampNanosecond(Some(nanoseconds), Some("+00:00".into())));
    // Where the zone is not known, what is read off the clock is in doubt.
    let local = work.server.zone.as_ref().and_then(|zone| zone.to_local()(call.time)).unwrap_or(call.time);
    let date = ScalarValue::Date32(i32::try_from(local.div_euclid(86_400_000_000)).ok());
    add("__clock_current_date", date.clone());
    add("__clock_today", date);
    add("__clock_current_time", ScalarValue::Time64Nanosecond(Some(local.rem_euclid(86_400_000_000) * 1000)));
    if let Some(RowWindow { skip, take }) = call.rows {
        let number = |count: u64| ScalarValue::Int64(Some(i64::try_from(count).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)));
        add(SKIP, number(skip));
        add(TAKE, number(take.unwrap_or(u64::MAX)));
    }
    for (number, kind) in &work.parameters {
        add(&number.to_string(), parameter_value(*number, kind, call)?);
    }
    Ok(values)
}

/// Why a statement could not be planned, without any text of the statement: that may hold personal data.
fn planning(error: &DataFusionError) -> String {
    match error.find_root() {
        DataFusionError::SchemaError(..) => "it names a column that is not there, or not clearly".into(),
        DataFusionError::NotImplemented(_) => "it uses something that the planner does not know".into(),
        DataFusionError::Plan(text) if text.starts_with("table ") => "it names a table that is not in the data".into(),
        DataFusionError::Plan(text) if text.ends_with("is not supported") && !text.contains('\'') => text.clone(),
        DataFusionError::Plan(text) if text.starts_with("Invalid function") => "it uses a function that is not known".into(),
        _ => "it cannot be planned".into(),
    }
}

fn failure(error: &DataFusionError) -> ReplayError {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(what) if what == TOO_MANY_ROWS => ReplayError::Rows,
        DataFusionError::ResourcesExhausted(what) if what == TOO_LONG => ReplayError::Time,
        DataFusionError::ResourcesExhausted(_) => ReplayError::Memory,
        DataFusionError::ArrowError(..) => ReplayError::Failed("a value could not be computed".into()),
        _ => ReplayError::Failed("the engine could not run it".into()),
    }
}
