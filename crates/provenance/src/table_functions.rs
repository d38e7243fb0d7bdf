//! Functions in FROM whose columns the planner names otherwise than PostgreSQL does, and arrays that are numbered there.
//!
//! Source: PostgreSQL 17 documentation, 7.2.1.4 Table Functions: the column of a function that returns a plain value is called like the function, or
//! like its alias.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CastKind, DataType, Expr, Ident, Parens, Query, SetExpr, TableAlias, TableAliasColumnDef, TableFactor, Value, Values,
};

use crate::shape::query_over;
use crate::vocabulary::{array_items, bare, text, text_of};

/// Functions of the planner that return rows of one plain value.
const OF_PLAIN_VALUES: &[&str] = &["generate_series"];
/// Items of an array that become rows of VALUES; one with more is not rewritten.
const ITEMS_AT_MOST: usize = 10_000;

/// Gives a function in FROM the names of its columns, and makes a written array WITH ORDINALITY the rows that it is.
pub(crate) fn name_columns(factor: &mut TableFactor) {
    match factor {
        TableFactor::Table { name, alias, args: Some(_), with_ordinality: false, .. } => {
            let own = name.0.last().and_then(|part| part.as_ident()).cloned();
            if let Some(own) = own.filter(|own| OF_PLAIN_VALUES.contains(&own.value.to_lowercase().as_str())) {
                let alias = alias.get_or_insert_with(|| alias_of(own));
                if alias.columns.is_empty() {
                    alias.columns.push(column(alias.name.clone()));
                }
            }
        }
        TableFactor::UNNEST { alias: Some(alias), array_exprs, with_ordinality, with_offset: false, .. } => {
            let [array] = array_exprs.as_slice() else { return };
            if alias.columns.is_empty() {
                alias.columns.push(column(alias.name.clone()));
            }
            if !*with_ordinality {
                return;
            }
            if alias.columns.len() == 1 {
                alias.columns.push(column(Ident::new("ordinality")));
            }
            if let Some(items) = items_of(array).filter(|items| !items.is_empty() && items.len() <= ITEMS_AT_MOST) {
                *factor = TableFactor::Derived { lateral: false, subquery: Box::new(numbered(items)), alias: Some(alias.clone()), sample: None };
            }
        }
        _ => {}
    }
}

fn alias_of(name: Ident) -> TableAlias {
    TableAlias { explicit: true, name, columns: Vec::new(), at: None }
}

fn column(name: Ident) -> TableAliasColumnDef {
    TableAliasColumnDef { name, data_type: None }
}

/// The items of an array that the statement writes, as `ARRAY[…]` or as `'{…}'::type[]`.
fn items_of(array: &Expr) -> Option<Vec<Expr>> {
    match array {
        Expr::Nested(inner) => items_of(inner),
        Expr::Array(array) => Some(array.elem.clone()),
        Expr::Cast { expr, data_type: DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)), .. } => match bare(expr) {
            Expr::Array(array) => Some(array.elem.iter().map(|item| cast(item.clone(), element)).collect()),
            written => {
                let item = |item: Option<String>| item.map_or_else(|| Expr::value(Value::Null), |item| text(&item));
                Some(array_items(&text_of(written)?)?.into_iter().map(|value| cast(item(value), element)).collect())
            }
        },
        _ => None,
    }
}

fn cast(expr: Expr, to: &DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type: to.clone(), array: false, format: None }
}

/// `VALUES (item, 1), (item, 2), …`.
fn numbered(items: Vec<Expr>) -> Query {
    let number = |at: usize| Expr::value(Value::Number((at + 1).to_string(), false));
    let rows = items.into_iter().enumerate().map(|(at, item)| Parens::with_empty_span(vec![item, number(at)])).collect();
    query_over(SetExpr::Values(Values { explicit_row: false, value_keyword: false, rows }))
}
