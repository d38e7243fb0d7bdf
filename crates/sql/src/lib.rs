//! What a piece of SQL says, for everybody who reads it: one dialect, one tokenizer. It knows no log and no data.

pub mod lexer;

/// The SQL dialect of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// PostgreSQL.
    PostgreSql,
    /// MySQL and MariaDB.
    MySql,
}
