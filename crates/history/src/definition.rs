//! Statements that define: which of them leave the rows alone, and which bring rows in.

use sqlparser::ast::{AlterTableOperation, Statement};

/// Whether a statement changes no row of a table that is there.
pub(crate) fn leaves_rows(statement: &Statement) -> bool {
    match statement {
        Statement::CreateView(_) | Statement::CreateTable(_) | Statement::CreateIndex(_) | Statement::CreateSequence { .. } => true,
        Statement::CreateFunction(_) | Statement::CreateSchema { .. } | Statement::CreateExtension(_) | Statement::CreateRole(_) => true,
        Statement::Grant(_) | Statement::Revoke(_) | Statement::Analyze(_) | Statement::Vacuum(_) | Statement::Comment { .. } => true,
        Statement::AlterTable(alter) => alter.operations.iter().all(|operation| {
            matches!(
                operation,
                AlterTableOperation::AddConstraint { .. }
                    | AlterTableOperation::DropConstraint { .. }
                    | AlterTableOperation::OwnerTo { .. }
                    | AlterTableOperation::RenameConstraint { .. }
                    | AlterTableOperation::EnableRowLevelSecurity
                    | AlterTableOperation::DisableRowLevelSecurity
            )
        }),
        _ => false,
    }
}

/// Whether a statement that no parser reads puts rows into what it names, and leaves those that are there.
pub(crate) fn loads_rows(statement: &str) -> bool {
    let lower = statement.trim_start().to_ascii_lowercase();
    lower.starts_with("copy ") || lower.starts_with("load ") && !lower.contains(" replace ")
}
