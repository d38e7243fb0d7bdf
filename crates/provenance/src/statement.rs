//! From logged text to one query: wrappers come off, and what a statement cannot show is told apart from what we cannot read.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CopySource, DataType, Declare, Expr, LimitClause, Offset, OffsetRows, Query, SetExpr, Statement, TableFactor, visit_relations,
};
use datafusion::sql::sqlparser::dialect::{Dialect as Syntax, MySqlDialect, PostgreSqlDialect};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer, Word};

use crate::database::{Database, Dialect, TableName};
use crate::shape::{
    either_way, having_of_rows, like_any, mysql_marked, name_items, not_zero, plain_escape, read_truth, read_truth_of_join, rename_aliases, rolled_up,
    row_by_value, tell_apart, truths_as_numbers, unordered_by_null, values_with_queries, with_ties, without_sample,
};
use crate::spelling::respelled;
use crate::table_functions::name_columns;
use crate::vocabulary::{any_of_a_query, first_letters, hide_values, translate, truth};

/// What a statement is to us.
pub(crate) enum Reading {
    /// A query whose rows are sent.
    Query(Box<Statement>),
    /// It sends no rows of any table.
    Nothing,
}

fn syntax(dialect: Dialect) -> Box<dyn Syntax> {
    match dialect {
        Dialect::PostgreSql => Box::new(PostgreSqlDialect {}),
        Dialect::MySql => Box::new(MySqlDialect {}),
    }
}

/// Operators that a statement may have: each can make its tree one level deeper, and a tree is walked on the stack.
const OPERATORS_AT_MOST: usize = 1_000;

fn has_too_many_operators(tokens: &[Token]) -> bool {
    let is_operator = |token: &&Token| match token {
        Token::Word(word) => ["AND", "OR", "NOT", "UNION", "INTERSECT", "EXCEPT", "JOIN", "IS"].iter().any(|known| word.value.eq_ignore_ascii_case(known)),
        Token::Number(..) | Token::SingleQuotedString(_) | Token::DoubleQuotedString(_) | Token::Whitespace(_) | Token::Placeholder(_) => false,
        Token::Comma | Token::LParen | Token::RParen | Token::Period | Token::SemiColon | Token::EscapedStringLiteral(_) | Token::NationalStringLiteral(_) => {
            false
        }
        _ => true,
    };
    tokens.iter().filter(is_operator).count() > OPERATORS_AT_MOST
}

/// The tokens with names as [`Database::with_plain_names`] has them.
fn with_plain_names(tokens: Vec<Token>, dialect: Dialect) -> Vec<Token> {
    let plain = |token| match token {
        Token::Word(word) => Token::Word(Word { value: dialect.plain_name(&word.value).into_owned(), ..word }),
        token => token,
    };
    tokens.into_iter().map(plain).collect()
}

/// `pipes_join`: whether MySQL's `||` joins texts.
fn parse(sql: &str, dialect: Dialect, pipes_join: bool) -> Result<Vec<Statement>, String> {
    let syntax = syntax(dialect);
    let tokens = Tokenizer::new(syntax.as_ref(), sql).tokenize().map_err(|_| "it cannot be parsed".to_owned())?;
    let tokens = with_plain_names(respelled(tokens, dialect, pipes_join), dialect);
    if has_too_many_operators(&tokens) {
        return Err(format!("it has more than {OPERATORS_AT_MOST} operators"));
    }
    // The parser's message may quote the text, so it is not passed on.
    let parsed = Parser::new(syntax.as_ref()).with_recursion_limit(100).with_tokens(tokens).parse_statements();
    parsed.map_err(|_| "it cannot be parsed".to_owned())
}

/// What MySQL's columns of truths are taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truths {
    /// Truths.
    Plain,
    /// Numbers, as a dump has them.
    Numbers,
}

/// Whether what a query selects is sent, and nothing else is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Sent,
    Read,
}

/// Reads the query of a view.
pub(crate) fn read_view(sql: &str, dialect: Dialect) -> Result<Reading, String> {
    read_as(sql, Tongue { dialect, pipes_join: false, truths: Truths::Plain }, Use::Read)
}

/// Whose words a statement is in.
#[derive(Clone, Copy)]
pub(crate) struct Tongue {
    pub(crate) dialect: Dialect,
    /// Whether MySQL's `||` joins texts.
    pub(crate) pipes_join: bool,
    pub(crate) truths: Truths,
}

/// Reads one statement.
pub(crate) fn read(sql: &str, tongue: Tongue) -> Result<Reading, String> {
    read_as(sql, tongue, Use::Sent)
}

fn read_as(sql: &str, tongue: Tongue, using: Use) -> Result<Reading, String> {
    let dialect = tongue.dialect;
    let trimmed = sql.trim_start();
    if let (Some(word), Some(name)) = (trimmed.get(..6), trimmed.get(6..))
        && word.eq_ignore_ascii_case("table ")
    {
        return read(&format!("SELECT * FROM {name}"), tongue);
    }
    let mut statements = parse(sql, dialect, tongue.pipes_join)?;
    let (Some(statement), true) = (statements.pop(), statements.is_empty()) else {
        return Err("it is not one statement".into());
    };
    let query = match statement {
        Statement::Query(query) => query,
        Statement::Copy { source: CopySource::Query(query), to: true, .. } => query,
        Statement::Copy { source: CopySource::Table { table_name, columns }, to: true, .. } => {
            let names = columns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let text = format!("SELECT {} FROM {table_name}", if names.is_empty() { "*" } else { names.as_str() });
            return read(&text, tongue);
        }
        Statement::Declare { stmts } => cursor_query(stmts)?,
        Statement::Explain { analyze: false, .. } | Statement::ExplainTable { .. } => {
            return Ok(Reading::Nothing);
        }
        Statement::StartTransaction { .. } | Statement::Commit { .. } | Statement::Rollback { .. } | Statement::Set(_) => return Ok(Reading::Nothing),
        Statement::Insert(insert) if insert.returning.is_none() && insert.source.as_ref().is_some_and(|source| matches!(*source.body, SetExpr::Values(_))) => {
            return Ok(Reading::Nothing);
        }
        Statement::Insert(_) | Statement::CreateTable(_) => {
            return Err("it stores rows in another table instead of sending them".into());
        }
        _ => return Err("it is not a query".into()),
    };
    let mut query = query;
    if using == Use::Sent {
        rename_aliases(&mut query);
        hide_values(&mut query);
    }
    let mut statement = Statement::Query(query);
    tidy(&mut statement, tongue)?;
    if let (Use::Sent, Statement::Query(query)) = (using, &mut statement) {
        name_items(&mut query.body);
    }
    if names_only_the_catalogue(&statement, dialect) { Ok(Reading::Nothing) } else { Ok(Reading::Query(Box::new(statement))) }
}

fn cursor_query(declared: Vec<Declare>) -> Result<Box<Query>, String> {
    let query = declared.into_iter().find_map(|declare| declare.for_query);
    query.ok_or_else(|| "it declares a cursor without a query".to_owned())
}

/// Rewrites what the planner does not know, and refuses what it would misread.
fn tidy(statement: &mut Statement, tongue: Tongue) -> Result<(), String> {
    let outcome = datafusion::sql::sqlparser::ast::VisitMut::visit(statement, &mut Tidy { tongue });
    if let ControlFlow::Break(reason) = outcome {
        return Err(reason);
    }
    Ok(())
}

struct Tidy {
    tongue: Tongue,
}

impl datafusion::sql::sqlparser::ast::VisitorMut for Tidy {
    type Break = String;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<String> {
        query.locks.clear();
        if let SetExpr::Table(table) = query.body.as_ref() {
            let name = [table.schema_name.as_deref(), table.table_name.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(".");
            match read(&format!("SELECT * FROM {name}"), Tongue { dialect: Dialect::PostgreSql, pipes_join: false, truths: Truths::Plain }) {
                Ok(Reading::Query(inner)) => {
                    if let Statement::Query(inner) = *inner {
                        query.body = inner.body;
                    }
                }
                _ => return ControlFlow::Break("TABLE names nothing".into()),
            }
        }
        if let SetExpr::Select(select) = query.body.as_ref()
            && select.into.is_some()
        {
            return ControlFlow::Break("it stores rows in another table instead of sending them".into());
        }
        if matches!(query.body.as_ref(), SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)) {
            return ControlFlow::Break("it changes rows and returns them".into());
        }
        values_with_queries(&mut query.body);
        if let SetExpr::Select(select) = query.body.as_mut() {
            without_sample(select);
            tell_apart(select);
            rolled_up(select);
        }
        if self.tongue.dialect == Dialect::MySql {
            having_of_rows(query);
            unordered_by_null(query);
        }
        if let Some(fetch) = query.fetch.take() {
            let one = || Expr::value(datafusion::sql::sqlparser::ast::Value::Number("1".into(), false));
            let limit = fetch.quantity.unwrap_or_else(one);
            let takes_ties = fetch.with_ties && with_ties(query, &limit);
            if fetch.percent || fetch.with_ties && !takes_ties {
                return ControlFlow::Break("FETCH … PERCENT, and WITH TIES of this shape, are not supported".into());
            }
            if takes_ties {
                return ControlFlow::Continue(());
            }
            let limit = Some(limit);
            query.limit_clause = Some(match query.limit_clause.take() {
                Some(LimitClause::LimitOffset { offset, limit_by, .. }) => LimitClause::LimitOffset { limit, offset, limit_by },
                _ => LimitClause::LimitOffset { limit, offset: None, limit_by: Vec::new() },
            });
        }
        if let Some(LimitClause::OffsetCommaLimit { offset, limit }) =
            query.limit_clause.take_if(|clause| matches!(clause, LimitClause::OffsetCommaLimit { .. }))
        {
            let offset = Some(Offset { value: offset, rows: OffsetRows::None });
            query.limit_clause = Some(LimitClause::LimitOffset { limit: Some(limit), offset, limit_by: Vec::new() });
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<String> {
        if let (Dialect::PostgreSql, SetExpr::Select(select)) = (self.tongue.dialect, query.body.as_mut()) {
            read_truth(&mut select.selection);
            select.from.iter_mut().flat_map(|from| &mut from.joins).for_each(read_truth_of_join);
        }
        if self.tongue.dialect == Dialect::MySql
            && let SetExpr::Select(select) = query.body.as_mut()
        {
            for condition in [&mut select.selection, &mut select.having].into_iter().flatten() {
                *condition = truth(condition.clone());
                if self.tongue.truths == Truths::Numbers {
                    not_zero(condition);
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<String> {
        if self.tongue.dialect == Dialect::PostgreSql {
            name_columns(factor);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<String> {
        if is_misread(expression) {
            return ControlFlow::Break("XOR without brackets is not supported".into());
        }
        any_of_a_query(expression);
        if let Expr::Cast { data_type, .. } = expression
            && is_text(data_type)
        {
            let length = length_of(data_type);
            *data_type = DataType::Text;
            // What is longer is cut.
            if let Some(length) = length {
                *expression = first_letters(expression.clone(), length);
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<String> {
        like_any(expression);
        either_way(expression);
        plain_escape(expression);
        row_by_value(expression);
        mysql_marked(expression);
        if self.tongue.dialect == Dialect::MySql && self.tongue.truths == Truths::Numbers {
            truths_as_numbers(expression);
        }
        match translate(expression, self.tongue) {
            Ok(()) => ControlFlow::Continue(()),
            Err(reason) => ControlFlow::Break(reason),
        }
    }
}

/// Whether XOR stands without brackets where the parser lets it bind before what goes before it in MySQL: comparisons and AND.
fn is_misread(expression: &Expr) -> bool {
    let is_xor = |side: &Expr| matches!(side, Expr::BinaryOp { op: BinaryOperator::Xor, .. });
    match expression {
        Expr::BinaryOp { op: BinaryOperator::Or, .. } => false,
        Expr::BinaryOp { left, op: BinaryOperator::Xor, right } => is_xor(right) && !is_xor(left),
        Expr::BinaryOp { left, right, .. } => is_xor(left) || is_xor(right),
        Expr::Between { expr, low, high, .. } => is_xor(expr) || is_xor(low) || is_xor(high),
        Expr::Like { expr, pattern, .. } | Expr::RLike { expr, pattern, .. } => is_xor(expr) || is_xor(pattern),
        Expr::InList { expr, .. } | Expr::InSubquery { expr, .. } => is_xor(expr),
        Expr::IsNull(expr) | Expr::IsNotNull(expr) | Expr::IsTrue(expr) | Expr::IsNotTrue(expr) | Expr::IsFalse(expr) | Expr::IsNotFalse(expr) => is_xor(expr),
        _ => false,
    }
}

/// Types of text that the planner does not know by this name.
fn is_text(kind: &DataType) -> bool {
    let known = matches!(
        kind,
        DataType::Varchar(_) | DataType::Character(_) | DataType::Char(_) | DataType::CharacterVarying(_) | DataType::CharVarying(_) | DataType::Nvarchar(_)
    );
    known || matches!(kind, DataType::Custom(name, _) if ["citext", "name", "bpchar"].contains(&name.to_string().to_lowercase().as_str()))
}

/// How many letters a type of text has room for, where it says so.
fn length_of(kind: &DataType) -> Option<u64> {
    use datafusion::sql::sqlparser::ast::CharacterLength;
    match kind {
        DataType::Character(length)
        | DataType::Char(length)
        | DataType::CharacterVarying(length)
        | DataType::CharVarying(length)
        | DataType::Varchar(length) => {
            match length {
                Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
                // PostgreSQL's `char` without a length has room for one letter.
                _ => None,
            }
        }
        _ => None,
    }
}

fn parts(statement: &Statement) -> BTreeSet<Vec<String>> {
    let mut names = BTreeSet::new();
    let _all: ControlFlow<()> = visit_relations(statement, |name| {
        names.insert(name.0.iter().filter_map(|part| part.as_ident()).map(|ident| ident.value.to_lowercase()).collect());
        ControlFlow::Continue(())
    });
    names
}

fn names_only_the_catalogue(statement: &Statement, dialect: Dialect) -> bool {
    let names = parts(statement);
    let is_catalogue = |name: &Vec<String>| strandline_sql::system(name, dialect) == Some(strandline_sql::System::Describes);
    !names.is_empty() && names.iter().all(is_catalogue)
}

/// Tables that a text names, views opened: by parsing, else by looking for their names among its words.
pub(crate) fn tables_named(sql: &str, database: &Database) -> Vec<TableName> {
    let mut found = BTreeSet::new();
    let mut opened = BTreeSet::new();
    let mut open = vec![sql.to_owned()];
    while let Some(sql) = open.pop() {
        let words = words_of(&sql, database.dialect);
        let named = |schema: &str, name: &str| {
            words.iter().any(|parts| match parts.as_slice() {
                [.., in_schema, table] => table == &name.to_lowercase() && in_schema == &schema.to_lowercase(),
                [table] => table == &name.to_lowercase(),
                [] => false,
            })
        };
        for table in database.tables.iter().filter(|table| named(&table.schema, &table.name)) {
            found.insert(TableName { schema: table.schema.clone(), name: table.name.clone() });
        }
        for view in database.views.iter().filter(|view| named(&view.schema, &view.name)) {
            if opened.insert((&view.schema, &view.name)) {
                open.push(view.sql.clone());
            }
        }
    }
    found.into_iter().collect()
}

fn words_of(sql: &str, dialect: Dialect) -> BTreeSet<Vec<String>> {
    if let Ok(statements) = parse(sql, dialect, false) {
        let mut names: BTreeSet<_> = statements.iter().flat_map(parts).collect();
        for statement in &statements {
            if let Statement::Copy { source: CopySource::Table { table_name, .. }, .. } = statement {
                names.insert(table_name.0.iter().filter_map(|part| part.as_ident()).map(|ident| ident.value.to_lowercase()).collect());
            }
        }
        if !names.is_empty() {
            return names;
        }
    }
    let is_word = |character: char| character.is_alphanumeric() || character == '_' || character == '$';
    sql.split(|character| !is_word(character)).filter(|word| !word.is_empty()).map(|word| vec![word.to_lowercase()]).collect()
}
