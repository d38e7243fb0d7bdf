//! Whether the logs tell what was bound to the placeholders of statements.
//!
//! A server may tell of one execution several times: when it is parsed, bound, audited and timed. Its values are known where
//! one of these records has them. A text with placeholders that is only prepared asks for no values yet.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use strandline_model::event::RecordKind;
use strandline_sql::Dialect;
use strandline_sql::token::{Kind, tokenize};

use super::Counted;

/// Statements that are told apart; of what comes then, each record counts by itself.
const MOST_STATEMENTS: usize = 200_000;

/// What is known of the values of one text in one session.
#[derive(Debug, Default)]
struct Known {
    with: u64,
    without: u64,
}

/// Counts statements with placeholders.
#[derive(Debug, Default)]
pub struct Bound {
    /// By session, account and text, as a digest.
    statements: HashMap<u64, Known>,
    /// Beyond those.
    rest: Known,
    cut: u64,
    mysql: bool,
}

impl Bound {
    /// Counts one record of a statement.
    pub fn observe(&mut self, event: &Counted<'_>, statement: &str) {
        if only_prepares(event, statement) || !has_placeholders(event, statement) {
            return;
        }
        self.mysql |= is_mysql(event);
        let has = event.parameters.as_ref().is_some_and(|values| !values.is_empty());
        // `possible` is a text that ends in three dots of its own, perhaps.
        self.cut += u64::from(event.labels.as_deref().is_some_and(|labels| labels.contains(r#""parameters_cut":"true""#)));
        let mut digest = DefaultHasher::new();
        (event.session.as_deref(), event.account.as_deref(), statement).hash(&mut digest);
        let key = digest.finish();
        let known = match self.statements.len() < MOST_STATEMENTS || self.statements.contains_key(&key) {
            true => self.statements.entry(key).or_default(),
            false => &mut self.rest,
        };
        match has {
            true => known.with += 1,
            false => known.without += 1,
        }
    }

    /// Statements with placeholders that were executed, as far as records of one execution can be told for such.
    pub fn asked(&self) -> u64 {
        self.lost() + self.rest.with + self.statements.values().map(|known| known.with).sum::<u64>()
    }

    /// Those of whose values no record tells.
    pub fn lost(&self) -> u64 {
        self.rest.without + self.statements.values().filter(|known| known.with == 0).map(|known| known.without).sum::<u64>()
    }

    /// Those of which a value was left out for its length.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// Whether MySQL or MariaDB wrote them.
    pub fn of_mysql(&self) -> bool {
        self.mysql
    }
}

/// Whether a record tells of a statement that was prepared, parsed or bound alone.
pub fn only_prepares(event: &Counted<'_>, statement: &str) -> bool {
    match event.record_kind {
        // What failed while it was parsed or bound did not run.
        Some(RecordKind::ErrorUnrun) => true,
        Some(RecordKind::MysqlSlow) => false,
        Some(RecordKind::MysqlGeneral | RecordKind::MysqlAudit) => event.command.as_deref() == Some("PREPARE"),
        _ if matches!(event.command.as_deref(), Some("PARSE" | "BIND" | "PREPARE")) => true,
        Some(RecordKind::PgauditSession | RecordKind::PgauditObject) => false,
        _ => statement.trim_start().get(..8).is_some_and(|word| word.eq_ignore_ascii_case("prepare ")),
    }
}

/// Whether a value is to be bound: `$1` at PostgreSQL, where `?` is an operator, and `?` at MySQL; not within strings and comments.
fn has_placeholders(event: &Counted<'_>, statement: &str) -> bool {
    let (dialect, sign) = if is_mysql(event) { (Dialect::MySql, '?') } else { (Dialect::PostgreSql, '$') };
    statement.contains(sign) && tokenize(statement, dialect.into()).iter().any(|token| token.kind == Kind::Parameter && token.text(statement).starts_with(sign))
}

fn is_mysql(event: &Counted<'_>) -> bool {
    matches!(event.record_kind, Some(RecordKind::MysqlGeneral | RecordKind::MysqlSlow | RecordKind::MysqlAudit))
}
