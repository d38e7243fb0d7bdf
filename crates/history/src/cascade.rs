//! What foreign keys do besides the statement that deletes, or gives another key: rows of the tables that refer to it go or change, too.

use sqlparser::ast::{BinaryOperator, Expr, ObjectName};
use strandline_sql::parts;

use crate::Dialect;
use crate::change::Action;
use crate::store::{ForeignKey, KeyAction, StoredTable};

/// What a key does with its rows, and which rows these are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cascade {
    /// As if this statement had run; `false`: perhaps.
    Statement(String, bool),
    /// Any of its rows may have gone.
    MayGo,
    /// Any of its rows may have changed in the key's columns.
    MayChange,
}

/// What a key of `child` does where an action happens to `parent`. `None`: nothing.
pub(crate) fn cascade(action: &Action<'_>, key: &ForeignKey, (child, parent): (&StoredTable, &StoredTable), dialect: Dialect) -> Option<Cascade> {
    let to = to_columns(key, parent);
    let (does, condition) = match action {
        Action::Delete(delete) => (key.on_delete, delete.selection.as_ref()),
        Action::Insert(insert) if insert.replace_into => (key.on_delete, None),
        // TRUNCATE fires no key.
        Action::Empty => return None,
        Action::Merge(_) | Action::Unknown => (if key.on_delete == KeyAction::Refuse { key.on_update } else { key.on_delete }, None),
        Action::Update(update) => {
            let assigned = |column: &String| update.assignments.iter().any(|a| assigns(&a.target.to_string(), column, dialect));
            return (key.on_update != KeyAction::Refuse && to.iter().any(assigned)).then_some(Cascade::MayChange);
        }
        Action::Insert(_) | Action::Load => return None,
    };
    if does == KeyAction::Refuse {
        return None;
    }
    let known = match (to.as_slice(), key.columns.as_slice(), action) {
        ([to], [own], Action::Delete(_)) => condition.and_then(|condition| rows_of(condition, to, &quoted(&child.columns[*own].name, dialect), dialect)),
        _ => None,
    };
    let table = full_name(child, dialect);
    let own = |value: &str| key.columns.iter().map(|c| format!("{} = {value}", quoted(&child.columns[*c].name, dialect))).collect::<Vec<_>>().join(", ");
    Some(match (known, does) {
        (Some((rows, sure)), KeyAction::Cascade) => Cascade::Statement(format!("DELETE FROM {table} WHERE {rows}"), sure),
        (Some((rows, sure)), KeyAction::SetNull) => Cascade::Statement(format!("UPDATE {table} SET {} WHERE {rows}", own("NULL")), sure),
        (Some((rows, sure)), _) => Cascade::Statement(format!("UPDATE {table} SET {} WHERE {rows}", own("DEFAULT")), sure),
        (None, KeyAction::Cascade) => Cascade::MayGo,
        (None, _) => Cascade::MayChange,
    })
}

/// The columns that a key refers to.
fn to_columns(key: &ForeignKey, parent: &StoredTable) -> Vec<String> {
    match key.to_columns.is_empty() {
        true => parent.primary_key.iter().map(|column| parent.columns[*column].name.clone()).collect(),
        false => key.to_columns.clone(),
    }
}

fn assigns(target: &str, column: &str, dialect: Dialect) -> bool {
    let last = target.rsplit('.').next().unwrap_or(target).trim_matches(['"', '`', ' ', '(', ')']);
    match dialect {
        Dialect::PostgreSql => last == column || last.eq_ignore_ascii_case(column),
        Dialect::MySql => last.eq_ignore_ascii_case(column),
    }
}

/// The rows that refer to those which a condition names by their key, in the columns of the referring table; and whether all of those that
/// the key names went.
fn rows_of(condition: &Expr, to: &str, own: &str, dialect: Dialect) -> Option<(String, bool)> {
    let is_key = |expr: &Expr| match expr {
        Expr::Identifier(ident) => is_column(&ObjectName::from(vec![ident.clone()]), to, dialect),
        Expr::CompoundIdentifier(idents) => is_column(&ObjectName::from(idents.clone()), to, dialect),
        _ => false,
    };
    match condition {
        Expr::Nested(inner) => rows_of(inner, to, own, dialect),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            let (rows, _) = rows_of(left, to, own, dialect).or_else(|| rows_of(right, to, own, dialect))?;
            Some((rows, false))
        }
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => match (left.as_ref(), right.as_ref()) {
            (column, Expr::Value(value)) if is_key(column) => Some((format!("{own} = {value}"), true)),
            (Expr::Value(value), column) if is_key(column) => Some((format!("{own} = {value}"), true)),
            _ => None,
        },
        Expr::InList { expr, list, negated: false } if is_key(expr) && list.iter().all(|item| matches!(item, Expr::Value(_))) => {
            Some((format!("{own} IN ({})", list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")), true))
        }
        _ => None,
    }
}

fn is_column(name: &ObjectName, column: &str, dialect: Dialect) -> bool {
    let last = parts(name, dialect).pop().unwrap_or_default();
    last == column || dialect == Dialect::MySql && last.eq_ignore_ascii_case(column)
}

/// A table's name, as a statement writes it.
pub(crate) fn full_name(table: &StoredTable, dialect: Dialect) -> String {
    format!("{}.{}", quoted(&table.schema, dialect), quoted(&table.name, dialect))
}

fn quoted(name: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::PostgreSql => format!("\"{}\"", name.replace('"', "\"\"")),
        Dialect::MySql => format!("`{}`", name.replace('`', "``")),
    }
}
