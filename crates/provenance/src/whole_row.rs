//! Whole rows as values: `t::text`, `(t.*)::text`, `row_to_json(t)`, `json_agg(t)`, `t` as a select item.
//!
//! A name of the FROM clause where a value stands is the row of that name. The planner knows no such values, so it becomes a
//! function of all the row's columns, as its text in PostgreSQL (manual, 8.16.6); which columns those are is known once the
//! statement has been planned.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, plan_err};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{ColumnarValue, Expr, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::sql::sqlparser::ast::{
    self, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName, Query, SelectItem, SetExpr, Statement, TableFactor,
    TableWithJoins, VisitMut, VisitorMut,
};

/// The function that stands for a whole row.
pub(crate) const WHOLE_ROW: &str = "whole_row";

/// Functions that write one row as they write any value.
const WRITES_A_ROW: &[&str] = &["row_to_json", "to_json", "to_jsonb"];

/// Puts whole rows that stand as values into the planner's words; whether there were any.
pub(crate) fn write_whole_rows(statement: &mut Statement) -> bool {
    let mut rows = Rows::default();
    let _all: ControlFlow<()> = VisitMut::visit(statement, &mut rows);
    rows.found
}

#[derive(Default)]
struct Rows {
    /// Names of the FROM clauses around, one list a query.
    names: Vec<Vec<Ident>>,
    found: bool,
}

impl Rows {
    fn is_row(&self, name: &Ident) -> bool {
        let is_same = |known: &Ident| if name.quote_style.is_some() { known.value == name.value } else { known.value.eq_ignore_ascii_case(&name.value) };
        self.names.iter().flatten().any(is_same)
    }

    /// `(t).name`: that column of the row.
    fn column_of_row(&self, expression: &ast::Expr) -> Option<ast::Expr> {
        let ast::Expr::CompoundFieldAccess { root, access_chain } = expression else { return None };
        let (ast::Expr::Nested(row), [ast::AccessExpr::Dot(ast::Expr::Identifier(column))]) = (root.as_ref(), access_chain.as_slice()) else { return None };
        match row.as_ref() {
            ast::Expr::Identifier(name) if self.is_row(name) => Some(ast::Expr::CompoundIdentifier(vec![name.clone(), column.clone()])),
            _ => None,
        }
    }
}

impl VisitorMut for Rows {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let mut names = Vec::new();
        names_of(&query.body, &mut names);
        self.names.push(names);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.names.pop();
        name_rows(&mut query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut ast::Expr) -> ControlFlow<()> {
        if let ast::Expr::Function(function) = expression {
            self.found |= rows_as_arguments(function);
        }
        if let Some(row) = row_of_items(expression) {
            self.found = true;
            *expression = row;
        }
        if let Some(column) = self.column_of_row(expression) {
            self.found = true;
            *expression = column;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut ast::Expr) -> ControlFlow<()> {
        let row = match expression {
            ast::Expr::Identifier(name) if self.is_row(name) => row_of(ObjectName::from(vec![name.clone()])),
            ast::Expr::QualifiedWildcard(name, _) => row_of(name.clone()),
            ast::Expr::Function(function) => match row_in(function) {
                Some(row) => row,
                None => {
                    self.found |= join_lists(function);
                    return ControlFlow::Continue(());
                }
            },
            _ => return ControlFlow::Continue(()),
        };
        self.found = true;
        *expression = row;
        ControlFlow::Continue(())
    }
}

/// `json_agg(t.*)`, `concat(t.*)`: the row is one value, but to `count`, and to `ROW`, which takes its columns.
fn rows_as_arguments(function: &mut ast::Function) -> bool {
    let FunctionArguments::List(list) = &mut function.args else { return false };
    let takes_a_value = !["count", "row", WHOLE_ROW].iter().any(|name| function.name.to_string().eq_ignore_ascii_case(name));
    let mut found = false;
    for argument in list.args.iter_mut().filter(|_| takes_a_value) {
        if let FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) = argument {
            *argument = FunctionArg::Unnamed(FunctionArgExpr::Expr(row_of(name.clone())));
            found = true;
        }
    }
    found
}

/// The row that a function writes: `row_to_json(t)`, `row_to_json(t.*)`.
fn row_in(function: &ast::Function) -> Option<ast::Expr> {
    if function.name.to_string().eq_ignore_ascii_case("row") {
        return row_of_rows(function);
    }
    if !WRITES_A_ROW.contains(&function.name.to_string().to_lowercase().trim_start_matches("pg_catalog.")) {
        return None;
    }
    let FunctionArguments::List(list) = &function.args else { return None };
    match list.args.first()? {
        FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) => Some(row_of(name.clone())),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(row)) if is_whole_row(row) => Some(row.clone()),
        _ => None,
    }
}

/// `ROW(t.*, 1)` is a row of the columns of `t`, and of what stands beside them.
fn row_of_rows(function: &ast::Function) -> Option<ast::Expr> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let holds_row = list.args.iter().any(|argument| matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(_))));
    holds_row.then(|| whole_row(list.args.clone()))
}

/// `row_to_json((SELECT r FROM (SELECT a.x AS x, a.y AS y) AS r))`, as Hasura writes it, is a row of these values.
fn row_of_items(expression: &ast::Expr) -> Option<ast::Expr> {
    let ast::Expr::Subquery(query) = expression else { return None };
    let SetExpr::Select(outer) = query.body.as_ref() else { return None };
    let ([SelectItem::UnnamedExpr(ast::Expr::Identifier(name))], [from]) = (outer.projection.as_slice(), outer.from.as_slice()) else { return None };
    let TableFactor::Derived { subquery, alias: Some(alias), .. } = &from.relation else { return None };
    let SetExpr::Select(inner) = subquery.body.as_ref() else { return None };
    let is_plain = outer.selection.is_none() && inner.selection.is_none() && inner.from.is_empty() && from.joins.is_empty() && alias.name == *name;
    let value = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. } => Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(value.clone()))),
        _ => None,
    };
    if !is_plain {
        return None;
    }
    Some(whole_row(inner.projection.iter().map(value).collect::<Option<Vec<_>>>()?))
}

/// `coalesce(json_agg(…), '[]')`: the list, which is an array to the planner, becomes a text beside the other.
fn join_lists(function: &mut ast::Function) -> bool {
    if !["coalesce", "ifnull", "nvl"].contains(&function.name.to_string().to_lowercase().as_str()) {
        return false;
    }
    let FunctionArguments::List(list) = &mut function.args else { return false };
    let mut found = false;
    for argument in &mut list.args {
        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = argument
            && matches!(value, ast::Expr::Function(list) if list.name.to_string() == "array_agg")
        {
            let comma = ast::Expr::value(ast::Value::SingleQuotedString(",".into()));
            let parts = vec![value.clone(), comma].into_iter().map(|part| FunctionArg::Unnamed(FunctionArgExpr::Expr(part))).collect();
            *value = function_of("array_to_string", parts);
            found = true;
        }
    }
    found
}

fn is_whole_row(expression: &ast::Expr) -> bool {
    match expression {
        ast::Expr::Function(function) => function.name.to_string() == WHOLE_ROW,
        ast::Expr::Nested(inner) => is_whole_row(inner),
        _ => false,
    }
}

fn names_of(body: &SetExpr, names: &mut Vec<Ident>) {
    match body {
        SetExpr::Select(select) => select.from.iter().for_each(|from| names_in(from, names)),
        SetExpr::SetOperation { left, right, .. } => {
            names_of(left, names);
            names_of(right, names);
        }
        _ => {}
    }
}

fn names_in(from: &TableWithJoins, names: &mut Vec<Ident>) {
    for factor in std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)) {
        match factor {
            TableFactor::Table { name, alias, .. } => {
                let own = name.0.last().and_then(|part| part.as_ident());
                names.extend(alias.as_ref().map(|alias| &alias.name).or(own).cloned());
            }
            TableFactor::Derived { alias: Some(alias), .. } => names.push(alias.name.clone()),
            TableFactor::NestedJoin { table_with_joins, .. } => names_in(table_with_joins, names),
            _ => {}
        }
    }
}

/// Items that are rows get names of their own: the planner would name them by all their columns.
fn name_rows(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => {
            for (position, item) in select.projection.iter_mut().enumerate() {
                if let SelectItem::UnnamedExpr(value) = item
                    && is_whole_row(value)
                {
                    *item = SelectItem::ExprWithAlias { expr: value.clone(), alias: Ident::new(format!("__row_{position}")) };
                }
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            name_rows(left);
            name_rows(right);
        }
        _ => {}
    }
}

fn row_of(name: ObjectName) -> ast::Expr {
    whole_row(vec![FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name))])
}

fn whole_row(args: Vec<FunctionArg>) -> ast::Expr {
    function_of(WHOLE_ROW, args)
}

fn function_of(name: &str, args: Vec<FunctionArg>) -> ast::Expr {
    ast::Expr::Function(ast::Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// Whether a plan has rows as values that the planner let pass.
///
/// # Errors
/// If DataFusion refuses the plan; our bug.
pub(crate) fn has_rows(plan: &LogicalPlan) -> Result<bool> {
    #[expect(deprecated, reason = "the planner still makes them of `t.*` where a value stands")]
    let is_row = |part: &Expr| Ok(matches!(part, Expr::Wildcard { qualifier: Some(_), .. }));
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        for expression in node.expressions() {
            found |= expression.exists(is_row)?;
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Fills in the columns of the rows.
///
/// # Errors
/// If a row is of a name that the plan does not have where it stands.
pub(crate) fn with_columns(plan: LogicalPlan) -> Result<LogicalPlan> {
    let filled = plan.transform_up_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        node.map_expressions(|expression| {
            let name = NamePreserver::new_for_projection().save(&expression);
            let changed = expression.transform_up(|part| match part {
                Expr::ScalarFunction(mut function) if function.name() == WHOLE_ROW => {
                    function.args = columns_of(&function.args, &schema)?;
                    Ok(Transformed::yes(Expr::ScalarFunction(function)))
                }
                other => Ok(Transformed::no(other)),
            })?;
            Ok(changed.update_data(|expression| name.restore(expression)))
        })
    })?;
    Ok(filled.data)
}

fn columns_of(arguments: &[Expr], schema: &DFSchema) -> Result<Vec<Expr>> {
    let mut columns = Vec::new();
    for argument in arguments {
        #[expect(deprecated, reason = "the planner still makes them of `t.*` in a function")]
        let Expr::Wildcard { qualifier: Some(qualifier), .. } = argument else {
            columns.push(argument.clone());
            continue;
        };
        let own = schema.iter().filter(|(relation, _)| relation.is_some_and(|relation| relation.resolved_eq(qualifier)));
        let before = columns.len();
        columns.extend(own.map(|(relation, field)| Expr::Column(Column::new(relation.cloned(), field.name()))));
        if columns.len() == before {
            return plan_err!("a row of another query is not supported");
        }
    }
    Ok(columns)
}

/// The text of a row, as PostgreSQL writes it.
pub(crate) fn whole_row_function() -> ScalarUDF {
    ScalarUDF::new_from_impl(WholeRow { signature: Signature::variadic_any(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct WholeRow {
    signature: Signature,
}

impl ScalarUDFImpl for WholeRow {
    fn name(&self) -> &str {
        WHOLE_ROW
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let fields = args.args.iter().map(|value| value.to_array(args.number_rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let options = FormatOptions::default();
        let written = fields.iter().map(|field| ArrayFormatter::try_new(field.as_ref(), &options)).collect::<std::result::Result<Vec<_>, _>>()?;
        let mut rows = StringBuilder::new();
        for row in 0..args.number_rows {
            let texts: Vec<String> = fields
                .iter()
                .zip(&written)
                .map(|(field, text)| if field.is_null(row) { String::new() } else { quoted(&text.value(row).to_string()) })
                .collect();
            rows.append_value(format!("({})", texts.join(",")));
        }
        Ok(ColumnarValue::Array(Arc::new(rows.finish())))
    }
}

/// A field of a row: in quotes where it is empty or has a character that means something.
fn quoted(field: &str) -> String {
    let is_special = |character: char| matches!(character, '"' | '\\' | '(' | ')' | ',') || character.is_whitespace();
    if !field.is_empty() && !field.chars().any(is_special) {
        return field.to_owned();
    }
    format!("\"{}\"", field.replace('\\', "\\\\").replace('"', "\"\""))
}
