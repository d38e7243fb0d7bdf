//! Transactions that end in two phases: prepared by one connection, which is rid of them then, and ended by any.
//! Sources: PostgreSQL 15, PREPARE TRANSACTION; MariaDB 10.11 and MySQL 8.4, XA Transactions.

use strandline_sql::lexer::{self, Kind, Token};

use crate::Dialect;

/// A statement that begins, holds or ends such a transaction, by its name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TwoPhase {
    /// `XA START`: it begins.
    Begin,
    /// It is prepared: nobody sees it, its own connection neither.
    Prepare(String),
    /// It is committed, prepared or not.
    Commit(String),
    /// It is taken back, prepared or not.
    Rollback(String),
    /// `XA END`, `XA RECOVER`: nothing begins or ends.
    Other,
}

impl TwoPhase {
    /// What a statement of these says; `None` if it is none of them.
    pub(crate) fn of(sql: &str, dialect: Dialect) -> Option<Self> {
        let all = lexer::tokens(sql, dialect);
        let is = |at: usize, words: &[&str]| all.get(at).is_some_and(|token| words.iter().any(|word| token.is(word)));
        match dialect {
            Dialect::PostgreSql if is(0, &["prepare"]) && is(1, &["transaction"]) => Some(Self::Prepare(name(&all, 2))),
            Dialect::PostgreSql if is(0, &["commit"]) && is(1, &["prepared"]) => Some(Self::Commit(name(&all, 2))),
            Dialect::PostgreSql if is(0, &["rollback"]) && is(1, &["prepared"]) => Some(Self::Rollback(name(&all, 2))),
            Dialect::MySql if is(0, &["xa"]) => Some(match () {
                () if is(1, &["start", "begin"]) => Self::Begin,
                () if is(1, &["prepare"]) => Self::Prepare(name(&all, 2)),
                () if is(1, &["commit"]) => Self::Commit(name(&all, 2)),
                () if is(1, &["rollback"]) => Self::Rollback(name(&all, 2)),
                () => Self::Other,
            }),
            _ => None,
        }
    }
}

/// A name of one constant or of several (`'a', 'b', 1`), up to the word that comes after it.
fn name(all: &[Token<'_>], from: usize) -> String {
    let parts = all.get(from..).unwrap_or_default().iter().map_while(|token| match &token.kind {
        Kind::Text(text) => Some(format!("'{text}'")),
        Kind::Number(number) => Some((*number).to_owned()),
        Kind::Symbol(',') => Some(",".to_owned()),
        _ => None,
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_servers_name_what_they_prepare() {
        let of = |sql: &str, dialect| TwoPhase::of(sql, dialect);
        assert_eq!(of("PREPARE TRANSACTION 'a b';", Dialect::PostgreSql), Some(TwoPhase::Prepare("'a b'".to_owned())));
        assert_eq!(of("commit  prepared /* now */ 'a b'", Dialect::PostgreSql), Some(TwoPhase::Commit("'a b'".to_owned())));
        assert_eq!(of("ROLLBACK PREPARED 'a'", Dialect::PostgreSql), Some(TwoPhase::Rollback("'a'".to_owned())));
        assert_eq!(of("PREPARE p AS SELECT 1", Dialect::PostgreSql), None);
        assert_eq!(of("XA BEGIN 'a'", Dialect::MySql), Some(TwoPhase::Begin));
        assert_eq!(of("XA END 'a'", Dialect::MySql), Some(TwoPhase::Other));
        assert_eq!(of("XA PREPARE 0x61,0x62,0x1", Dialect::MySql), Some(TwoPhase::Prepare("0x61,0x62,0x1".to_owned())));
        assert_eq!(of("xa commit 'a', 'b' ONE PHASE", Dialect::MySql), Some(TwoPhase::Commit("'a','b'".to_owned())));
        assert_eq!(of("XA ROLLBACK 'a'", Dialect::PostgreSql), None);
    }
}
