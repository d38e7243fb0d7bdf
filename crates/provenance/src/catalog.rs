//! The database as the planner sees it: visible columns and views. Rows come in only when a plan has been rewritten.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Constraint, Constraints};
use datafusion::datasource::{MemTable, ViewTable, provider_as_source, source_as_provider};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionContext;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::SessionConfig;

use crate::database::{Database, Dialect, IN_DOUBT, Options, ROW_IN_DOUBT, VersionedTable};
use crate::near::Nears;
use crate::operators::Operators;
use crate::pieces::are_all_present;
use crate::stand_in::stand_ins;
use crate::statement::{Reading, read_view};
use crate::types::{ColumnRef, EngineError};
use crate::watches::WatchesLast;

/// Schema in which unqualified names are found: the first match of the search path.
const SEARCH: &str = "__search_path";
const CATALOG: &str = "database";
/// Schema in which each table stands by its full name, with the rows that begin at the moment after the one that is read:
/// what the statement that took effect then put in their place.
pub const CHANGED: &str = "__changed";

/// Which versions of a table's rows a scan reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// Those of the call's moment.
    AsOf,
    /// Those that begin right after it.
    Changed,
    /// Those of this moment, whatever the call's is.
    At(i64),
}

/// Tables by what the planner holds of them.
pub(crate) struct Tables {
    tables: Vec<VersionedTable>,
    visible: Vec<Arc<dyn TableProvider>>,
    /// Other names of tables, which stand for other versions.
    twins: Vec<(Arc<dyn TableProvider>, usize, Reads)>,
    stored: Vec<Arc<MemTable>>,
    keys: HashSet<ColumnRef>,
    sorting: HashSet<ColumnRef>,
    absent: HashSet<ColumnRef>,
    /// By table.
    in_doubt: Vec<u64>,
    /// Columns that are known but for a little.
    pub(crate) nears: Nears,
}

impl Tables {
    pub(crate) fn table(&self, table: usize) -> Option<&VersionedTable> {
        self.tables.get(table)
    }

    pub(crate) fn stored(&self, table: usize) -> Option<Arc<MemTable>> {
        self.stored.get(table).cloned()
    }

    pub(crate) fn find(&self, provider: &Arc<dyn TableProvider>) -> Option<(usize, Reads)> {
        let own = self.visible.iter().position(|known| Arc::ptr_eq(known, provider)).map(|table| (table, Reads::AsOf));
        own.or_else(|| self.twins.iter().find(|(twin, ..)| Arc::ptr_eq(twin, provider)).map(|(_, table, reads)| (*table, *reads)))
    }

    /// A provider of a table's columns that stands for other versions of its rows.
    fn twin(&mut self, table: usize, reads: Reads) -> datafusion::common::Result<Arc<dyn TableProvider>> {
        if let Some((twin, ..)) = self.twins.iter().find(|(_, of, read)| (*of, *read) == (table, reads)) {
            return Ok(twin.clone());
        }
        let columns = self.visible[table].schema();
        let twin: Arc<dyn TableProvider> = Arc::new(MemTable::try_new(columns, vec![vec![]])?);
        self.twins.push((twin.clone(), table, reads));
        Ok(twin)
    }

    /// The plan with its tables as they stood at a moment; what is read as of another one already stays so.
    fn pinned(&mut self, plan: LogicalPlan, moment: i64) -> datafusion::common::Result<LogicalPlan> {
        let pinned = plan.transform_down_with_subqueries(|node| {
            let LogicalPlan::TableScan(mut scan) = node else { return Ok(Transformed::no(node)) };
            let Some((table, Reads::AsOf)) = self.find(&source_as_provider(&scan.source)?) else {
                return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
            };
            scan.source = provider_as_source(self.twin(table, Reads::At(moment))?);
            Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
        })?;
        Ok(pinned.data)
    }

    /// Whether the column is of a unique key, never null, and sorts alike in every collation: numbers and dates do, and so do
    /// texts of digits and letters of one case.
    pub(crate) fn sorts_alike(&self, column: ColumnRef) -> bool {
        self.sorting.contains(&column)
    }

    /// Whether any version of the column is NULL or an empty text.
    pub(crate) fn may_be_absent(&self, column: ColumnRef) -> bool {
        self.absent.contains(&column)
    }

    /// What is in doubt of any version of a row of the table, as [`column_in_doubt`] numbers it.
    ///
    /// [`column_in_doubt`]: crate::database::column_in_doubt
    pub(crate) fn in_doubt(&self, table: usize) -> u64 {
        self.in_doubt.get(table).copied().unwrap_or_default()
    }

    /// Whether a column joins tables rather than says something: part of a unique key, or named like one.
    pub(crate) fn is_key(&self, column: ColumnRef) -> bool {
        self.keys.contains(&column)
    }
}

fn key_columns(tables: &[VersionedTable]) -> HashSet<ColumnRef> {
    let name = |table: &VersionedTable, column: usize| table.columns.fields().get(column).map(|field| field.name().clone());
    let mut names = BTreeSet::new();
    let mut keys = HashSet::new();
    for (position, table) in tables.iter().enumerate() {
        for key in &table.unique_keys {
            keys.extend(key.iter().map(|column| ColumnRef { table: position, column: *column }));
            if let ([column], true) = (key.as_slice(), table.has_subject) {
                names.extend(name(table, *column));
            }
        }
    }
    for (position, table) in tables.iter().enumerate() {
        let named = (0..table.columns.fields().len()).filter(|column| name(table, *column).is_some_and(|name| names.contains(&name)));
        keys.extend(named.map(|column| ColumnRef { table: position, column }));
    }
    keys
}

fn absent_columns(tables: &[VersionedTable]) -> HashSet<ColumnRef> {
    let mut absent = HashSet::new();
    for (table, stored) in tables.iter().enumerate() {
        for column in 0..stored.columns.fields().len() {
            if !stored.batches.iter().filter_map(|batch| batch.columns().get(column)).all(are_all_present) {
                absent.insert(ColumnRef { table, column });
            }
        }
    }
    absent
}

/// What is in doubt of any row, by table.
fn in_doubt(tables: &[VersionedTable]) -> Vec<u64> {
    let of_batch = |batch: &RecordBatch| {
        let flags = batch.column_by_name(IN_DOUBT).and_then(|flags| flags.as_primitive_opt::<UInt64Type>());
        flags.map_or(ROW_IN_DOUBT, |flags| flags.values().iter().fold(0, |all, what| all | what))
    };
    let of_table = |table: &VersionedTable| table.batches.iter().map(of_batch).fold(0, |all, what| all | what);
    tables.iter().map(of_table).collect()
}

fn sorting_columns(tables: &[VersionedTable]) -> HashSet<ColumnRef> {
    let mut sorting = HashSet::new();
    for (position, table) in tables.iter().enumerate() {
        let columns: BTreeSet<usize> = table.unique_keys.iter().flatten().copied().collect();
        for column in columns {
            let values = || table.batches.iter().filter_map(|batch| batch.columns().get(column));
            let letters = |is_letter: fn(&u8) -> bool| values().all(|values| texts_are(values, is_letter));
            let is_plain =
                letters(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) || letters(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
            if is_plain && values().all(|values| values.null_count() == 0) {
                sorting.insert(ColumnRef { table: position, column });
            }
        }
    }
    sorting
}

/// Whether all texts are of such bytes; other types are no texts.
fn texts_are(values: &ArrayRef, is_letter: fn(&u8) -> bool) -> bool {
    if let Some(texts) = values.as_string_opt::<i32>() {
        return texts.iter().flatten().all(|text| text.as_bytes().iter().all(is_letter));
    }
    !matches!(values.data_type(), DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..))
}

/// The engine's rules for physical plans, without those that push filters below joins: under an outer join, version 55.2 of the engine
/// may take rows away with a filter that stands above it on the other side's columns.
pub fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let own: Arc<dyn PhysicalOptimizerRule + Send + Sync> = Arc::new(WatchesLast);
    PhysicalOptimizer::new().rules.into_iter().filter(|rule| !rule.name().starts_with("FilterPushdown")).chain([own]).collect()
}

fn configuration(database: &Database, options: &Options) -> SessionConfig {
    let mut config = SessionConfig::new().with_default_catalog_and_schema(CATALOG, SEARCH).with_create_default_catalog_and_schema(false);
    config = config.with_target_partitions(options.threads.max(1)).with_information_schema(false);
    let settings = config.options_mut();
    settings.sql_parser.map_string_types_to_utf8view = false;
    settings.sql_parser.default_null_ordering = match database.dialect {
        Dialect::PostgreSql => "nulls_max".into(),
        Dialect::MySql => "nulls_min".into(),
    };
    settings.optimizer.enable_physical_uncorrelated_scalar_subquery = false;
    settings.optimizer.skip_failed_rules = false;
    // The engine's own common parts may be NULL where its check says that they are not; nothing here depends on that.
    settings.execution.skip_physical_aggregate_schema_check = true;
    config
}

/// Titles of tables that share their plain name with another one.
fn namesakes(database: &Database) -> HashSet<String> {
    let mut bearing: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for title in database.tables.iter().map(VersionedTable::title) {
        bearing.entry(database.dialect.plain_name(&title).into_owned()).or_default().insert(title);
    }
    bearing.into_values().filter(|titles| titles.len() > 1).flatten().collect()
}

/// A planner's state for the database. Views that cannot be planned are left out, so that a statement that names one is not understood.
pub(crate) async fn open(database: &Database, options: &Options) -> Result<(SessionState, Tables), EngineError> {
    let set_up = |error: datafusion::common::DataFusionError| EngineError::SetUp(error.strip_backtrace());
    let pool = Arc::new(FairSpillPool::new(options.memory_limit_bytes));
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc().map_err(set_up)?;
    let state = SessionStateBuilder::new().with_config(configuration(database, options)).with_runtime_env(runtime);
    // Before the planner's own, which refuse what they do not know.
    let state = state.with_expr_planners(vec![Arc::new(Operators { dialect: database.dialect })]);
    let state = state.with_default_features().with_physical_optimizer_rules(physical_rules()).build();
    let context = SessionContext::new_with_state(state);
    context.register_udf(crate::vocabulary::opaque_function());
    context.register_udf(crate::whole_row::whole_row_function());
    context.register_udf(crate::kernels::collation_function());
    context.register_udf(crate::document::array_function());
    context.register_udf(crate::document::text_function());
    stand_ins().chain(crate::calendar::counting_functions()).for_each(|function| context.register_udf(function));
    let mut schemas: BTreeMap<String, Arc<MemorySchemaProvider>> = BTreeMap::new();
    schemas.insert(SEARCH.into(), Arc::default());
    let mut tables = Tables {
        tables: Vec::new(),
        visible: Vec::new(),
        twins: Vec::new(),
        stored: Vec::new(),
        keys: key_columns(&database.tables),
        sorting: sorting_columns(&database.tables),
        absent: absent_columns(&database.tables),
        in_doubt: in_doubt(&database.tables),
        nears: Nears::of(&database.tables),
    };
    let plain = |name: &str| database.dialect.plain_name(name).into_owned();
    let namesakes = namesakes(database);
    for table in &database.tables {
        table.check()?;
        // What depends on a key may be selected beside it where rows are grouped by it.
        let keys = table.unique_keys.first().map(|key| Constraint::Unique(key.clone()));
        let visible = MemTable::try_new(table.columns.clone(), vec![vec![]]).map_err(set_up)?;
        let visible: Arc<dyn TableProvider> = Arc::new(visible.with_constraints(Constraints::new_unverified(keys.into_iter().collect())));
        let schema = VersionedTable::stored_schema(&table.columns);
        let batches = table.batches.iter().map(|batch| batch.clone().with_schema(schema.clone())).collect::<Result<Vec<_>, _>>();
        let batches = batches.map_err(|_| EngineError::Table { table: table.title() })?;
        let home = schemas.entry(plain(&table.schema)).or_default();
        if tables.tables.iter().any(|known| (&known.schema, &known.name) == (&table.schema, &table.name)) {
            return Err(EngineError::Duplicate { table: table.title() });
        }
        // Of tables whose names differ in capitals alone, a statement that names one is not understood.
        if !namesakes.contains(&table.title()) && home.register_table(plain(&table.name), visible.clone()).is_err() {
            return Err(EngineError::Duplicate { table: table.title() });
        }
        tables.visible.push(visible);
        tables.stored.push(Arc::new(MemTable::try_new(schema, vec![batches]).map_err(set_up)?));
        tables.tables.push(table.clone());
    }
    for table in 0..tables.tables.len() {
        let name = tables.tables[table].title();
        if namesakes.contains(&name) {
            continue;
        }
        let twin = tables.twin(table, Reads::Changed).map_err(set_up)?;
        let _new = schemas.entry(CHANGED.into()).or_default().register_table(plain(&name), twin);
    }
    let catalog = Arc::new(MemoryCatalogProvider::new());
    for (name, schema) in &schemas {
        catalog.register_schema(name, schema.clone()).map_err(set_up)?;
    }
    context.register_catalog(CATALOG, catalog.clone());
    fill_search_path(SEARCH, &database.search_path, catalog.as_ref()).await;
    open_views(database, &context, &catalog, &mut tables).await;
    Ok((context.state(), tables))
}

/// The planner's state for a session that searches other schemas. `number` keeps one such list apart from another.
pub(crate) async fn searching(state: &SessionState, path: &[String], number: usize) -> Option<SessionState> {
    let catalog = state.catalog_list().catalog(CATALOG)?;
    let name = format!("{SEARCH}_{number}");
    catalog.register_schema(&name, Arc::new(MemorySchemaProvider::new())).ok()?;
    fill_search_path(&name, path, catalog.as_ref()).await;
    let config = state.config().clone().with_default_catalog_and_schema(CATALOG, name);
    Some(SessionStateBuilder::new_from_existing(state.clone()).with_config(config).build())
}

async fn fill_search_path(name: &str, path: &[String], catalog: &dyn CatalogProvider) {
    let Some(search) = catalog.schema(name) else {
        return;
    };
    for schema in path.iter().filter_map(|name| catalog.schema(name)) {
        for name in schema.table_names() {
            if let (false, Ok(Some(table))) = (search.table_exist(&name), schema.table(&name).await) {
                let _already_there = search.register_table(name, table);
            }
        }
    }
}

/// Plans views until no further one can be planned: they may stand on each other in any order.
async fn open_views(database: &Database, context: &SessionContext, catalog: &Arc<MemoryCatalogProvider>, tables: &mut Tables) {
    let mut waiting: Vec<_> = database.views.iter().collect();
    loop {
        let mut left = Vec::new();
        let before = waiting.len();
        for view in waiting {
            let Ok(Reading::Query(statement)) = read_view(&view.sql, database.dialect) else {
                continue;
            };
            let statement = datafusion::sql::parser::Statement::Statement(statement);
            let Ok(plan) = context.state().statement_to_plan(statement).await else {
                left.push(view);
                continue;
            };
            let Ok(plan) = view.as_of.map_or(Ok(plan.clone()), |moment| tables.pinned(plan, moment)) else { continue };
            let home = database.dialect.plain_name(&view.schema);
            let schema = catalog.schema(&home).unwrap_or_else(|| {
                let schema: Arc<dyn SchemaProvider> = Arc::new(MemorySchemaProvider::new());
                let _new = catalog.register_schema(&home, schema.clone());
                schema
            });
            let _already_there = schema.register_table(database.dialect.plain_name(&view.name).into_owned(), Arc::new(ViewTable::new(plan, None)));
        }
        fill_search_path(SEARCH, &database.search_path, catalog.as_ref()).await;
        if left.is_empty() || left.len() == before {
            return;
        }
        waiting = left;
    }
}
