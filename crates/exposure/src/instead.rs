//! What somebody else asked a page for in the place of what the actor did: where two answers are of one size, though much more is read for the one
//! than for the other, the page does not show what it reads.

use strandline_model::access::Access;
use strandline_sql::Dialect;
use strandline_sql::lexer::{Kind, tokens};

use crate::plan::Job;
use crate::replay::Call;

/// A value that was asked for, and another one in its place.
#[derive(Clone, Debug)]
pub(crate) struct Instead {
    asked: String,
    instead: String,
    /// By how many bytes the two answers differ.
    pub(crate) differ_by: i64,
}

impl Instead {
    /// That of an access, where its request and another one of its kind were answered.
    pub(crate) fn of(access: &Access) -> Option<Self> {
        let differ_by = access.response_bytes?.checked_sub(access.response_bytes_instead?)?.checked_abs()?;
        Some(Self { asked: access.asked.clone()?, instead: access.asked_instead.clone()?, differ_by })
    }

    /// The statement as it would have been for the other value; nothing where the value does not stand in it by itself, or the other one cannot
    /// stand in its place as it is.
    pub(crate) fn statement(&self, job: &Job, dialect: Dialect) -> Option<(String, Call)> {
        // Pages are of one size, and the value may be the page's.
        let pages = |word: &&str| tokens(&job.sql, dialect).iter().any(|token| token.is(word));
        if ["limit", "offset", "fetch"].iter().any(pages) {
            return None;
        }
        let mut call = job.call.clone();
        let mut is_changed = false;
        for parameter in call.parameters.iter_mut().filter(|parameter| parameter.as_deref() == Some(&self.asked)) {
            *parameter = Some(self.instead.clone());
            is_changed = true;
        }
        let sql = self.put(&job.sql, dialect);
        (is_changed || sql.is_some()).then(|| (sql.unwrap_or_else(|| job.sql.clone()), call))
    }

    /// The text with the other value in the place of the one that was asked for, wherever that stands by itself.
    fn put(&self, sql: &str, dialect: Dialect) -> Option<String> {
        let is_number = self.instead.bytes().all(|b| b.is_ascii_digit()) && (1..=18).contains(&self.instead.len());
        let is_plain = self.instead.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        let mut changed = sql.to_owned();
        for token in tokens(sql, dialect).iter().rev() {
            let written = match &token.kind {
                Kind::Number(number) if *number == self.asked && is_number => self.instead.clone(),
                Kind::Text(text) if *text == self.asked && is_plain => format!("'{}'", self.instead),
                _ => continue,
            };
            changed.replace_range(token.from..token.to, &written);
        }
        (changed != sql).then_some(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_value_is_put_where_the_one_that_was_asked_for_stands_by_itself() {
        let put = |sql: &str, asked: &str, instead: &str| {
            let instead = Instead { asked: asked.to_owned(), instead: instead.to_owned(), differ_by: 0 };
            instead.put(sql, Dialect::PostgreSql)
        };
        let sql = "SELECT name FROM t2 WHERE event = 2 AND unit = '2' AND age > 22 AND note = 'at 2'";
        assert_eq!(put(sql, "2", "1").as_deref(), Some("SELECT name FROM t2 WHERE event = 1 AND unit = '1' AND age > 22 AND note = 'at 2'"));
        assert_eq!(put("SELECT 'N1'", "N1", "S-1").as_deref(), Some("SELECT 'S-1'"));
        assert_eq!(put("SELECT 'N1', 5", "N1", "x' OR 'y"), None);
        assert_eq!(put("SELECT 5", "5", "1 OR 2"), None);
    }
}
