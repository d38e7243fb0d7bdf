//! From a replay to showings: whose cells, how surely, and why not more surely. The table of rules in docs/exposure.md, as code. Pure.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{
    Expr, GroupByExpr, Join, JoinOperator, LimitClause, OrderBy, SelectItem, SetExpr, Statement, TableFactor, Value as Literal, visit_expressions,
};
use strandline_history::{NOBODY, ROW_IN_DOUBT, column_in_doubt};
use strandline_model::exposure::{Basis, Certainty};
use strandline_sql::lexer::{Kind, Token, tokens};

use crate::bound::{Bound, bound, reads_several};
use crate::missing::{Cap, Missing, lower};
use crate::nobody::Nobody;
use crate::page::OnPage;
use crate::plan::{Job, Mode};
use crate::replay::{Counted, Replayed, Revealed};
use crate::statement::{Unknowns, condition_words, widen};
use crate::world::{What, World};

/// How many bytes of text a byte of a response can stand for: pages are packed, and names hardly ever so well.
const PACKED_AT_MOST: f64 = 20.0;

/// Bytes by which two answers may differ for any reason: who asked, the time of day.
const LEAST_DIFFERENCE: i64 = 32;

/// Whether a response of so many bytes cannot have held so many bytes of text, packed as they may have been.
fn is_too_small(response: i64, read: f64) -> bool {
    read > response.max(0) as f64 * PACKED_AT_MOST
}

/// The categorised ones of these columns.
fn categorised(database: usize, columns: &[(usize, usize)], world: &World) -> BTreeSet<u32> {
    let tables = &world.databases[database].tables;
    columns.iter().filter_map(|(table, column)| tables.get(*table).and_then(|t| t.columns.get(*column).copied().flatten())).collect()
}

/// About how many bytes of text a replay displayed, if any.
fn displayed_bytes(database: usize, replayed: &Replayed, world: &World) -> Option<f64> {
    let bytes = |revealed: &Revealed| {
        let of_row: f64 = categorised(database, &revealed.columns, world).iter().filter_map(|column| world.bytes.get(column)).sum();
        of_row * revealed.subjects.len() as f64
    };
    let read: f64 = replayed.revealed.iter().filter(|r| r.displayed).map(bytes).sum();
    (read > 0.0).then_some(read)
}

/// Whether two answers, which differ by so many bytes, differ by too little to have held both what a page read for the one and for the other,
/// packed as they may have been.
pub(crate) fn are_alike(database: usize, (read, read_instead): (&Replayed, &Replayed), differ_by: i64, world: &World) -> bool {
    let bytes = |replayed| displayed_bytes(database, replayed, world).unwrap_or(0.0);
    is_too_small(differ_by.max(LEAST_DIFFERENCE), (bytes(read) - bytes(read_instead)).abs())
}

/// Whom a showing is about.
#[derive(Clone, Debug)]
pub(crate) enum Whom {
    /// These, by number.
    Subjects(Vec<u32>),
    /// Whoever has this key.
    Keyed(String),
    /// Everybody who may stand in a table: database, table, and who that is.
    Table(usize, usize, Arc<Vec<u32>>),
}

/// What one piece of a replay says of some people.
#[derive(Clone, Debug)]
pub(crate) struct Showing {
    pub(crate) whom: Whom,
    pub(crate) columns: BTreeSet<u32>,
    pub(crate) basis: Basis,
    pub(crate) certainty: Certainty,
    pub(crate) missing: Option<Missing>,
}

/// What a replay comes to.
#[derive(Default)]
pub(crate) struct Judged {
    pub(crate) showings: Vec<Showing>,
    /// Why nobody is shown, where nobody is.
    pub(crate) nobody: Option<Nobody>,
    /// Why the tier is not higher, or what the count says.
    pub(crate) missing: Option<Missing>,
    /// The log counts rows that the replay does not have.
    pub(crate) is_widened: bool,
    /// A wider replay that is needed besides.
    pub(crate) wider: Option<Job>,
    /// Replays of values that others moved into what was read.
    pub(crate) moved: Vec<Job>,
}

/// Reads one replay.
pub(crate) fn judge(job: &Job, replayed: &Replayed, world: &World) -> Judged {
    let counted = replayed.rows.against(job.rows_logged);
    let tables = world.databases[job.database].tables_of(&job.named);
    let read = |replayed| Judge { job, replayed, counted, world, tables: tables.clone(), bound: OnceCell::new(), judged: Judged::default() };
    // A count says which rows were sent only where every row is certain but for what decided about it.
    let settled = if job.mode == Mode::Exact && read(replayed).is_proved() { settled(replayed, counted) } else { replayed.clone() };
    let mut judge = read(&settled);
    match job.mode {
        Mode::Wide(missing) => {
            judge.revealed((Certainty::Possible, Some(missing)));
            judge.others(&judge.displayed(), Missing::TableDoubtful);
            if job.is_mixed {
                judge.of_another_state(&judge.displayed());
            }
            judge.let_through();
        }
        Mode::Exact => judge.exact(),
    }
    judge.looked_at();
    judge.moved();
    let mut judged = judge.judged;
    debug_assert!(judged.showings.iter().all(|s| s.certainty <= job.cap.0), "a tier never rises above what attribution and delivery allow");
    if judged.showings.is_empty() && judged.nobody.is_none() && judged.wider.is_none() {
        judged.nobody = Some(if job.is_answered_page { Nobody::AnotherPage } else { Nobody::ReplayedWithout });
    }
    judged
}

/// What a replay says once the log's count is known: with all rows sent none is in doubt, with the sure ones alone no other was sent.
fn settled(replayed: &Replayed, counted: Counted) -> Replayed {
    let mut settled = replayed.clone();
    let is_certain = |r: &Revealed| r.doubt.is_none_or(|d| d.is_settled_by_count);
    if !replayed.others.is_empty() || !replayed.revealed.iter().all(is_certain) {
        return settled;
    }
    match counted {
        Counted::All => settled.revealed.iter_mut().for_each(|r| r.doubt = None),
        Counted::SureAlone => settled.revealed.retain(|r| r.doubt.is_none()),
        Counted::NotLogged | Counted::Differs | Counted::Between => {}
    }
    settled
}

/// Whether each row more in its tables could only give rows more: it joins and filters, and neither cuts, folds nor compares them. A cursor
/// cuts, and so does what a view may hide.
fn sends_row_for_row(job: &Job, world: &World) -> bool {
    let parsed = strandline_history::writes::parse(&job.sql, world.databases[job.database].dialect);
    let is_plain = |statement: &Statement| {
        let Statement::Query(query) = statement else { return false };
        let SetExpr::Select(select) = query.body.as_ref() else { return false };
        let is_inner = |join: &Join| matches!(join.join_operator, JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_));
        let is_table = |factor: &TableFactor| matches!(factor, TableFactor::Table { args: None, sample: None, .. });
        query.with.is_none()
            && query.limit_clause.as_ref().is_none_or(|clause| cuts_nothing(clause, job.rows_logged))
            && query.fetch.is_none()
            && select.distinct.is_none()
            && select.top.is_none()
            && select.having.is_none()
            && matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty())
            && select.from.iter().all(|from| is_table(&from.relation) && from.joins.iter().all(|join| is_inner(join) && is_table(&join.relation)))
    };
    job.call.rows.is_none() && job.named.without_views() && parsed.is_some_and(|statement| is_plain(&statement) && !holds_folds(&statement))
}

/// Whether one row more or less in its tables may change which of the other rows are sent: it sends those of some places alone, or compares
/// or folds rows, or a view may.
fn chooses_among_rows(job: &Job, world: &World) -> bool {
    const CHOOSES: [&str; 6] = ["limit", "offset", "fetch", "distinct", "except", "intersect"];
    let dialect = world.databases[job.database].dialect;
    let chooses = tokens(&job.sql, dialect).iter().any(|token| CHOOSES.iter().any(|word| token.is(word)));
    chooses || !job.named.without_views() || strandline_history::writes::parse(&job.sql, dialect).is_none_or(|statement| holds_folds(&statement))
}

/// Whom one row more than the replay finds may bring in beside itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Brings {
    /// Nobody.
    Nobody,
    /// Rows behind it, into what an OFFSET leaves.
    Next,
    /// Rows of its group, or those that a function takes by their places.
    Group,
}

/// Whom one row more may bring in beside itself. What looks at several relations is told apart before ([`reads_several`]).
fn brings(job: &Job, world: &World) -> Brings {
    const OF_GROUPS: [&str; 7] = ["having", "over", "mode", "percentile_disc", "array_agg", "string_agg", "group_concat"];
    let dialect = world.databases[job.database].dialect;
    let all = tokens(&job.sql, dialect);
    let count = |words: &[&str]| all.iter().filter(|token| words.iter().any(|word| token.is(word))).count();
    let of_group = count(&OF_GROUPS) > 0 || !job.named.without_views();
    let parsed = strandline_history::writes::parse(&job.sql, dialect);
    let outermost = match &parsed {
        Some(Statement::Query(query)) => query.limit_clause.as_ref(),
        _ => None,
    };
    let is_nothing = |offset: &Expr| matches!(offset, Expr::Value(value) if matches!(&value.value, Literal::Number(number, _) if number == "0"));
    let (named, skips) = match outermost {
        Some(LimitClause::LimitOffset { offset: Some(offset), .. }) => (1, !is_nothing(&offset.value)),
        Some(LimitClause::OffsetCommaLimit { offset, .. }) => (0, !is_nothing(offset)),
        _ => (0, false),
    };
    // MySQL's `LIMIT 3, 4` says no word of it, and may stand in an inner query.
    let inner = dialect == strandline_sql::Dialect::MySql && count(&["select"]) > 1 && count(&["limit"]) > usize::from(outermost.is_some());
    let is_skipped = job.call.rows.is_some_and(|(skip, _)| skip > 0);
    match skips || is_skipped {
        _ if of_group || inner || parsed.is_none() || count(&["offset"]) > named => Brings::Group,
        true => Brings::Next,
        false => Brings::Nobody,
    }
}

/// Whether a row that is joined to none may pass where one that is joined does not: it is joined from one side, and something asks whether
/// there is a value.
fn asks_for_absence(job: &Job, world: &World) -> bool {
    const ASKS: [&str; 12] = ["null", "coalesce", "ifnull", "isnull", "nvl", "nullif", "case", "if", "true", "false", "unknown", "distinct"];
    let database = &world.databases[job.database];
    let asks = |sql: &str| {
        let all = tokens(sql, database.dialect);
        let names = |words: &[&str]| all.iter().any(|token| words.iter().any(|word| token.is(word)));
        let is_safe_equal = |three: &[Token<'_>]| three.iter().zip(['<', '=', '>']).all(|(token, symbol)| token.is_symbol(symbol));
        names(&["left", "right", "full"]) && (names(&ASKS) || all.windows(3).any(is_safe_equal))
    };
    asks(&job.sql) || database.views_of(&job.named).any(|sql| sql.is_none_or(asks))
}

/// Whether a statement names one of these columns elsewhere than as a value that it sends as it stands.
fn conditions_name(sql: &str, dialect: strandline_sql::Dialect, columns: &BTreeSet<&str>) -> bool {
    let Some(mut statement) = strandline_history::writes::parse(sql, dialect) else { return true };
    if let Statement::Query(query) = &mut statement
        && let SetExpr::Select(select) = query.body.as_mut()
        && select.distinct.is_none()
    {
        // A place in ORDER BY means a value of the list.
        let by_place = |order: &OrderBy| tokens(&order.to_string(), dialect).iter().any(|token| matches!(token.kind, Kind::Number(_)));
        if !query.order_by.as_ref().is_some_and(by_place) {
            let is_sent = |item: &SelectItem| {
                let plain = |expr: &Expr| matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
                matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)) || matches!(item, SelectItem::UnnamedExpr(expr) if plain(expr))
            };
            select.projection.retain(|item| !is_sent(item));
        }
    }
    let rest = statement.to_string();
    let all = tokens(&rest, dialect);
    let names = |token: &Token<'_>| token.name(dialect).is_some_and(|name| columns.iter().any(|column| name.eq_ignore_ascii_case(column)));
    // All columns of an inner query, but not those of count(*).
    let is_all = |pair: &[Token<'_>]| !pair[0].is_symbol('(') && pair[1].is_symbol('*');
    all.iter().any(names) || all.windows(2).any(is_all)
}

/// Whether fewer rows were sent than a LIMIT allows.
fn cuts_nothing(clause: &LimitClause, rows_logged: Option<i64>) -> bool {
    let LimitClause::LimitOffset { limit: Some(Expr::Value(limit)), offset: None, .. } = clause else { return false };
    let Literal::Number(limit, _) = &limit.value else { return false };
    limit.parse::<i64>().is_ok_and(|limit| rows_logged.is_some_and(|rows| rows < limit))
}

/// Whether a query stands in a query, or a function is called that makes one value of several rows.
fn holds_folds(statement: &Statement) -> bool {
    const FOLDS: [&str; 20] = [
        "count",
        "sum",
        "avg",
        "min",
        "max",
        "every",
        "bool_and",
        "bool_or",
        "bit_and",
        "bit_or",
        "bit_xor",
        "std",
        "stddev",
        "stddev_pop",
        "stddev_samp",
        "variance",
        "var_pop",
        "var_samp",
        "group_concat",
        "any_value",
    ];
    let folds = |name: &str| FOLDS.contains(&name) || ["agg", "corr", "covar_", "regr_", "percentile_", "mode"].iter().any(|part| name.contains(part));
    let found: ControlFlow<()> = visit_expressions(statement, |part| match part {
        Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => ControlFlow::Break(()),
        Expr::Function(function) => {
            let name = function.name.0.last().map(ToString::to_string).unwrap_or_default().to_lowercase();
            if function.over.is_some() || folds(&name) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// Everybody of these tables is possible, in all their columns.
pub(crate) fn everybody(database: usize, tables: &BTreeSet<usize>, time: i64, missing: Missing, world: &World) -> Vec<Showing> {
    let showing = |table: &usize| Showing {
        whom: Whom::Table(database, *table, world.population(database, *table, time)),
        columns: world.databases[database].tables[*table].categorised.clone(),
        basis: Basis::Disclosed,
        certainty: Certainty::Possible,
        missing: Some(missing),
    };
    tables.iter().map(showing).filter(|showing| !showing.columns.is_empty()).collect()
}

struct Judge<'j> {
    job: &'j Job,
    replayed: &'j Replayed,
    counted: Counted,
    world: &'j World,
    /// All tables that it reads: who is sent may hang on one that is about nobody.
    tables: BTreeSet<usize>,
    bound: OnceCell<Option<Bound>>,
    judged: Judged,
}

impl Judge<'_> {
    /// Whether it is known of every row of its tables whether it was there, and what decides about it.
    fn is_proved(&self) -> bool {
        let is_proved = |table: &usize| !self.is_open(*table) && !self.has_rows_in_doubt(*table);
        !self.job.is_mixed && self.tables.iter().all(is_proved)
    }

    /// What leaves it in doubt which rows of a table were sent, and what of them: the row itself, or a column that decides.
    fn decides(&self, table: usize) -> What {
        let own = || self.replayed.deciding.iter().filter(|(of, _)| *of == table);
        let fine = own().filter(|column| !self.replayed.coarse.contains(column));
        What {
            in_doubt: own().fold(ROW_IN_DOUBT, |all, (_, column)| all | column_in_doubt(*column)),
            near: fine.fold(0, |all, (_, column)| all | column_in_doubt(*column)),
        }
    }

    /// Whether a row of a table was in doubt when it was read, by itself or by what decides.
    fn has_rows_in_doubt(&self, table: usize) -> bool {
        let times = self.job.times(table);
        self.world.databases[self.job.database].tables[table].rows_in_doubt(&times, self.decides(table)).next().is_some()
    }

    /// Whether a row that the statement asks for may have been in doubt when it was read.
    fn asks_of_doubt(&self) -> bool {
        let of_nobody = |table: &usize| {
            let times = self.job.times(*table);
            self.world.databases[self.job.database].tables[*table].rows_in_doubt(&times, self.decides(*table)).any(|person| person == NOBODY)
        };
        let is_of_people = |table: &usize| self.job.named.described.contains(table);
        // One who is asked for by key has none of the rows that are nobody's; those of other tables are joined to his.
        !self.in_doubt().is_empty() || self.tables.iter().any(|table| (!is_of_people(table) || self.bound().is_none()) && of_nobody(table))
    }

    fn exact(&mut self) {
        let (job, replayed) = (self.job, self.replayed);
        if job.rows_logged == Some(0) {
            self.judged.nobody = Some(Nobody::NoRowCounted);
            return;
        }
        let mut cap = job.cap;
        match self.counted {
            Counted::NotLogged => cap = lower(cap, (Certainty::Likely, Some(Missing::CountNotLogged))),
            Counted::Differs => cap = lower(cap, (Certainty::Likely, Some(Missing::CountDiffers))),
            Counted::All | Counted::SureAlone | Counted::Between => {}
        }
        let may_differ = self.tables.iter().any(|table| self.may_differ(*table));
        let is_open = self.tables.iter().any(|table| self.is_open(*table));
        let leaves_nobody = self.count_leaves_nobody(may_differ);
        // Rows of others may have stood in the place of those that the replay finds.
        if may_differ || is_open && !leaves_nobody {
            cap = lower(cap, (Certainty::Likely, Some(Missing::TableDoubtful)));
        }
        // A row that the replay does not find, by a value that it may have got since, moves each row behind it by one place.
        let may_lack_rows = self.asks_of_unknown() && self.asks_of_doubt();
        if may_lack_rows && chooses_among_rows(job, self.world) {
            cap = lower(cap, (Certainty::Likely, Some(Missing::RowDoubtful)));
        }
        if self.response_is_too_small() {
            cap = lower(cap, (Certainty::Likely, Some(Missing::ResponseTooSmall)));
        }
        if job.is_mixed {
            cap = lower(cap, (Certainty::Likely, Some(Missing::StateNotKnown)));
        }
        self.revealed(cap);
        self.judged.missing = cap.1;
        let columns = self.displayed();
        if job.is_mixed {
            self.of_another_state(&columns);
        }
        if job.is_extract {
            self.everybody_known(&columns);
        }
        self.let_through();
        if self.counted == Counted::Differs {
            self.judged.is_widened = true;
            return self.all_of_tables(&columns, Missing::OtherRows);
        }
        self.doubtful(&columns);
        if !replayed.of_somebody.is_empty() {
            // One of the rows that were sent is of somebody, and nobody knows of whom.
            self.all_of_tables(&columns, Missing::RowDoubtful);
        }
        if !leaves_nobody {
            self.others(&columns, Missing::TableDoubtful);
        }
        let brings = if may_lack_rows { brings(job, self.world) } else { Brings::Nobody };
        if brings == Brings::Group {
            self.all_there(&columns, Missing::RowDoubtful);
        }
        let other_rows = brings == Brings::Next || replayed.other_rows || replayed.revealed.iter().any(|r| r.doubt.is_some_and(|d| d.other_rows));
        if other_rows {
            self.without_limit();
        }
    }

    /// The categorised columns of a piece of the replay.
    fn columns_of(&self, revealed: &Revealed) -> BTreeSet<u32> {
        categorised(self.job.database, &revealed.columns, self.world)
    }

    /// The columns that the replay displays of anybody, or would of rows that it does not find: a table may be empty in the dump that
    /// was not when it was read.
    fn displayed(&self) -> BTreeSet<u32> {
        let shown = self.replayed.revealed.iter().filter(|r| r.displayed && !r.subjects.is_empty());
        shown.flat_map(|r| self.columns_of(r)).chain(categorised(self.job.database, &self.replayed.displayable, self.world)).collect()
    }

    fn possible(&mut self, whom: Whom, columns: BTreeSet<u32>, missing: Missing) {
        self.judged.showings.push(Showing { whom, columns, basis: Basis::Disclosed, certainty: Certainty::Possible, missing: Some(missing) });
    }

    /// Whether it is a replay of values that were moved.
    fn shows_moved(&self) -> bool {
        matches!(self.job.mode, Mode::Wide(missing) if missing.is_moved())
    }

    /// All that the replay revealed.
    fn revealed(&mut self, cap: Cap) {
        // A moved value is what stands there; that its choice gives something away is not passed on.
        let displayed_alone = self.shows_moved();
        for revealed in self.replayed.revealed.iter().filter(|r| r.displayed || !displayed_alone) {
            let columns = self.columns_of(revealed);
            if columns.is_empty() || revealed.subjects.is_empty() {
                continue;
            }
            let mut own = cap;
            if self.world.guessed_actor {
                own = lower(own, (Certainty::Possible, Some(Missing::ActorGuessed)));
            }
            if let Some(doubt) = revealed.doubt {
                // Two things are not known then: whether it was the actor's, and whether this row was sent.
                let is_twice_in_doubt = doubt.other_rows && cap.1 == Some(Missing::AttributionInferred);
                let at_most = if is_twice_in_doubt { Certainty::Possible } else { doubt.at_most };
                own = lower(own, (at_most, Some(Missing::Replay(doubt.sentence))));
            }
            let basis = if revealed.displayed { Basis::Disclosed } else { Basis::Inferred };
            if !revealed.displayed {
                own = lower(own, (Certainty::Likely, Some(Missing::OnlyInferred)));
            }
            let (on_page, beside) = self.split(columns);
            for (columns, (certainty, missing)) in [(on_page, own), (beside, lower(own, self.beside_the_page(revealed.doubt.is_some_and(|d| d.other_rows))))] {
                let (unnamed, named): (BTreeSet<u32>, BTreeSet<u32>) = columns.into_iter().partition(|column| self.world.unnamed.contains(column));
                let unnamed_cap = lower((certainty, missing), (Certainty::Possible, Some(Missing::ColumnNotDescribed)));
                for (columns, (certainty, missing)) in [(named, (certainty, missing)), (unnamed, unnamed_cap)] {
                    if !columns.is_empty() {
                        let whom = Whom::Subjects(revealed.subjects.clone());
                        self.judged.showings.push(Showing { whom, columns, basis, certainty, missing });
                    }
                }
            }
        }
    }

    /// Columns that the page shows, and those that the application read beside them.
    fn split(&self, columns: BTreeSet<u32>) -> (BTreeSet<u32>, BTreeSet<u32>) {
        match &self.job.on_page {
            OnPage::Everything => (columns, BTreeSet::new()),
            OnPage::Columns(shown) => columns.into_iter().partition(|column| shown.contains(column)),
        }
    }

    /// How surely the actor got what his page is not known to show; `has_other_rows` where others may have been read in the place of these.
    fn beside_the_page(&self, has_other_rows: bool) -> Cap {
        // Neither which rows were read is known then, nor whether the page showed them.
        if has_other_rows {
            return (Certainty::Possible, Some(Missing::OtherRows));
        }
        match self.job.response_bytes.zip(self.displayed_bytes()) {
            Some((response, read)) if is_too_small(response, read) => (Certainty::Possible, Some(Missing::ResponseTooSmall)),
            _ if self.job.is_page_alike => (Certainty::Possible, Some(Missing::ResponsesAlike)),
            Some((response, read)) if response.max(0) as f64 >= read => (Certainty::Likely, Some(Missing::PageNotKnownAnswerFits)),
            _ => (Certainty::Likely, Some(Missing::PageNotKnown)),
        }
    }

    /// Whether the response cannot have held the texts that were displayed to the application, packed as they may have been.
    fn response_is_too_small(&self) -> bool {
        self.job.response_bytes.zip(self.displayed_bytes()).is_some_and(|(response, read)| is_too_small(response, read))
    }

    /// About how many bytes of text were displayed to the application, if any.
    fn displayed_bytes(&self) -> Option<f64> {
        displayed_bytes(self.job.database, self.replayed, self.world)
    }

    /// Categorised columns, by their tables.
    fn by_table(&self, columns: &[(usize, usize)]) -> BTreeMap<usize, BTreeSet<u32>> {
        let tables = &self.world.databases[self.job.database].tables;
        let mut of_tables: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
        for (table, column) in columns {
            if let Some(number) = tables.get(*table).and_then(|t| t.columns.get(*column).copied().flatten()) {
                of_tables.entry(*table).or_default().insert(number);
            }
        }
        of_tables
    }

    /// A part of the statement was left out: whoever it looked at may have decided what was sent.
    fn looked_at(&mut self) {
        // A moved value is what stands there; that its choice gives something away is not passed on.
        if self.judged.nobody == Some(Nobody::NoRowCounted) || self.shows_moved() {
            return;
        }
        for (table, columns) in self.by_table(&self.replayed.looked_at) {
            self.possible(Whom::Table(self.job.database, table, self.population(table)), columns, Missing::OnlyInferred);
        }
    }

    /// Something decided about the rows that the server may have decided otherwise: anybody of the tables may have been displayed.
    fn let_through(&mut self) {
        for (table, columns) in self.by_table(&self.replayed.others) {
            self.anybody(table, &columns, Missing::OtherRows, |judge| judge.population(table));
        }
    }

    /// Whether the logged count, which is the replay's, proves that no row of others was sent: all rows that were replayed are proved, and
    /// another row could only have been sent beside them.
    fn count_leaves_nobody(&self, may_differ: bool) -> bool {
        let (job, replayed) = (self.job, self.replayed);
        matches!(self.counted, Counted::All | Counted::SureAlone)
            && replayed.rows.least == replayed.rows.most
            && replayed.others.is_empty()
            && !may_differ
            && !replayed.other_rows
            && replayed.revealed.iter().all(|r| r.doubt.is_none())
            && !self.tables.iter().any(|table| self.has_rows_in_doubt(*table))
            && (!self.tables.iter().any(|table| self.is_open(*table)) || sends_row_for_row(job, self.world))
    }

    /// Values that were moved into what it reads: those that may have been among what was sent.
    fn moved(&mut self) {
        let job = self.job;
        if job.moved.is_empty() || self.judged.nobody == Some(Nobody::NoRowCounted) {
            return;
        }
        let conditions = condition_words(&job.sql, self.world.databases[job.database].dialect);
        let is_any = job.mode != Mode::Exact || self.counted == Counted::Differs || job.is_mixed || !self.replayed.of_somebody.is_empty();
        let leaves_nobody = self.count_leaves_nobody(false);
        for moved in job.moved.iter() {
            let is_column = |column: usize| moved.columns.as_ref().is_none_or(|(numbers, _)| numbers.contains(&column));
            let is_in_doubt = self.may_differ(moved.table);
            let is_open = !leaves_nobody && self.is_open(moved.table);
            let shows = |r: &Revealed| r.displayed && r.doubt.is_some() && r.columns.iter().any(|(table, column)| *table == moved.table && is_column(*column));
            let may_show = self.replayed.others.iter().any(|(table, column)| *table == moved.table && is_column(*column));
            // A condition on such a column may hold for a value that is not known.
            let decides = moved.columns.as_ref().is_none_or(|(_, names)| names.iter().any(|name| conditions.contains(&name.to_lowercase())));
            let may_hold = decides && self.has_row_in_doubt_of(moved.table);
            if is_any || is_in_doubt || is_open || may_show || may_hold || self.replayed.revealed.iter().any(shows) {
                self.judged.moved.push(moved.job.clone());
            }
        }
    }

    /// Whether a row of a table was in doubt; where the statement asks for people by that table's key, a row of theirs.
    fn has_row_in_doubt_of(&self, table: usize) -> bool {
        let (world, times) = (&self.world.databases[self.job.database], self.job.times(table));
        let bound = self.bound().filter(|bound| bound.is_of_one_table);
        let is_asked = |subject: u32| bound.is_none_or(|bound| bound.holds(subject));
        world.tables[table].people_in_doubt(&times, What::ANYTHING).any(is_asked)
    }

    /// The columns of a table that are in question: those displayed. A statement that displays none (`SELECT count(*)`) may still give away
    /// what it looks at; of one whose rows are not those of the log, nothing is known.
    fn in_question(&self, table: usize, displayed: &BTreeSet<u32>) -> BTreeSet<u32> {
        let own = &self.world.databases[self.job.database].tables[table].categorised;
        if !displayed.is_empty() {
            return own.intersection(displayed).copied().collect();
        }
        if self.counted == Counted::Differs {
            return own.clone();
        }
        let replayed = self.replayed;
        let looked_at =
            replayed.revealed.iter().flat_map(|revealed| &revealed.columns).chain(&replayed.of_somebody).chain(&replayed.displayable).chain(&replayed.deciding);
        let shown = categorised(self.job.database, &looked_at.copied().collect::<Vec<_>>(), self.world);
        own.intersection(&shown).copied().collect()
    }

    /// The log counts other rows than the replay: anybody whom the statement could show is possible. A statement that
    /// asks for one subject by key can show nobody else.
    fn all_of_tables(&mut self, displayed: &BTreeSet<u32>, missing: Missing) {
        for table in self.job.named.described.clone() {
            let columns = self.in_question(table, displayed);
            // A count that the known rows do not give proves that the table held others.
            self.anybody(table, &columns, missing, |judge| judge.world.everybody.clone());
        }
    }

    /// Where others may have stood in a table than those who are known in it, they are possible; and a row that nobody knows may
    /// have brought any row of the tables that it is joined to.
    fn others(&mut self, displayed: &BTreeSet<u32>, missing: Missing) {
        let joins_unknown = || {
            (!self.job.named.without_views() || reads_several(&self.job.sql, self.world.databases[self.job.database].dialect))
                && (self.asks_of_unknown() || asks_for_absence(self.job, self.world))
                && self.asks_of_doubt()
        };
        if self.tables.iter().any(|table| self.is_open(*table)) || joins_unknown() {
            self.all_there(displayed, missing);
        }
    }

    /// Whoever stood in its tables is possible.
    fn all_there(&mut self, displayed: &BTreeSet<u32>, missing: Missing) {
        for table in self.job.named.described.clone() {
            let columns = self.in_question(table, displayed);
            self.anybody(table, &columns, missing, |judge| judge.population(table));
        }
    }

    /// The subjects whom the statement asks for by key.
    fn bound(&self) -> Option<&Bound> {
        self.bound.get_or_init(|| bound(self.job, self.world)).as_ref()
    }

    /// Anybody of a table is possible, but only those whom the statement asks for, if it does by key.
    fn anybody(&mut self, table: usize, columns: &BTreeSet<u32>, missing: Missing, population: impl FnOnce(&Self) -> Arc<Vec<u32>>) {
        if columns.is_empty() {
            return;
        }
        let all = match self.bound() {
            Some(bound) => bound.whom(),
            None => vec![Whom::Table(self.job.database, table, population(self))],
        };
        for whom in all {
            self.possible(whom, columns.clone(), missing);
        }
    }

    /// Whether others than those known may have stood in a table when it was read, or any row may have been another.
    fn is_open(&self, table: usize) -> bool {
        self.job.times(table).into_iter().any(|time| self.world.is_open(self.job.database, table, time))
    }

    /// Whether the rows that are known of a table may have been others, or gone, when it was read.
    fn may_differ(&self, table: usize) -> bool {
        self.job.times(table).into_iter().any(|time| self.world.may_differ(self.job.database, table, time))
    }

    /// Who may have stood in a table when it was read.
    fn population(&self, table: usize) -> Arc<Vec<u32>> {
        let all: Vec<Arc<Vec<u32>>> = self.job.times(table).into_iter().map(|time| self.world.population(self.job.database, table, time)).collect();
        all.into_iter().max_by_key(|people| people.len()).unwrap_or_default()
    }

    /// It may have read a state that no replay has: whoever stood in its tables is possible.
    fn of_another_state(&mut self, displayed: &BTreeSet<u32>) {
        let (database, job) = (self.job.database, self.job);
        let pinned = job.named.pinned.iter().map(|(_, moment)| strandline_history::instant(*moment));
        let (from, to) = (job.call.time.min(job.call.reads_at()), job.call.time.max(job.call.reads_at()));
        let from = pinned.fold(from, i64::min);
        for table in job.named.described.clone() {
            let columns = self.in_question(table, displayed);
            self.anybody(table, &columns, Missing::StateNotKnown, |judge| judge.world.population_between(database, table, from, to));
        }
    }

    /// A file may have held anybody's row: everybody who is known is possible, in the columns that it shows.
    fn everybody_known(&mut self, displayed: &BTreeSet<u32>) {
        for table in self.job.named.described.clone() {
            let columns = self.in_question(table, displayed);
            if !columns.is_empty() {
                let whom = Whom::Subjects(self.world.everybody.to_vec());
                self.possible(whom, columns, Missing::FileContentUnknown);
            }
        }
    }

    /// People whose rows were doubtful then could have been among the rows.
    fn doubtful(&mut self, displayed: &BTreeSet<u32>) {
        let subjects = self.in_doubt();
        // A row that is in question in one table brings its person's rows of the others with it.
        for table in self.job.named.described.clone() {
            let columns = self.in_question(table, displayed);
            if !subjects.is_empty() && !columns.is_empty() {
                self.possible(Whom::Subjects(subjects.clone()), columns, Missing::RowDoubtful);
            }
        }
    }

    /// Whether a condition may stand on a column of which some row's value was not known then. A view hides what it stands on.
    fn asks_of_unknown(&self) -> bool {
        let (job, world) = (self.job, &self.world.databases[self.job.database]);
        let decides = |table: &usize| {
            let times = job.times(*table);
            let what = self.decides(*table);
            world.tables[*table].rows_in_doubt(&times, What { in_doubt: what.in_doubt & !ROW_IN_DOUBT, ..what }).next().is_some()
        };
        if self.tables.iter().any(decides) {
            return true;
        }
        let mut unknown = BTreeSet::new();
        for table in &self.tables {
            unknown.extend(job.times(*table).into_iter().flat_map(|time| world.tables[*table].unknown_columns(time)));
        }
        !unknown.is_empty() && (!job.named.without_views() || conditions_name(&job.sql, world.dialect, &unknown))
    }

    /// The people whose rows of the tables that it reads were in question then, in order.
    fn in_doubt(&self) -> Vec<u32> {
        let mut subjects: BTreeSet<u32> = BTreeSet::new();
        for table in &self.job.named.described {
            let times = self.job.times(*table);
            subjects.extend(self.world.databases[self.job.database].tables[*table].people_in_doubt(&times, self.decides(*table)));
        }
        subjects.into_iter().filter(|subject| self.bound().is_none_or(|bound| bound.holds(*subject))).collect()
    }

    /// Other rows than those that the replay chose may have been sent: whoever is in them without the LIMIT is possible.
    fn without_limit(&mut self) {
        let job = self.job;
        let known = Unknowns { parameters: &job.call.parameters, parameters_known: true };
        match widen(&job.sql, self.world.databases[job.database].dialect, &known) {
            Some(sql) => {
                let mut wider = Job { sql, mode: Mode::Wide(Missing::OtherRows), ..job.clone() };
                wider.call.rows = None;
                self.judged.wider = Some(wider);
            }
            None => {
                self.judged.showings.extend(everybody(job.database, &job.named.described, job.call.reads_at(), Missing::OtherRows, self.world));
                self.judged.is_widened = true;
            }
        }
    }
}
