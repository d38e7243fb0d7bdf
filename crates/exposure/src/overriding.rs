//! Code that a database defines under a name of the server's own: where the types fit it better, or its schema comes first in the search path, the
//! server runs it instead (PostgreSQL 15, 10.2 and 10.3, Operator and Function Type Resolution).

use std::collections::BTreeSet;

use strandline_history::Defined;
use strandline_history::store::StoredDatabase;
use strandline_sql::lexer::{Kind, Token, tokens};
use strandline_sql::{Dialect, Effect, effect};

/// Words that are operators, and the symbols that they stand for.
const WORDS: [(&str, &[&str]); 12] = [
    ("in", &["="]),
    ("between", &["<=", ">="]),
    ("using", &["="]),
    ("natural", &["="]),
    ("nullif", &["="]),
    ("case", &["="]),
    ("distinct", &["="]),
    ("any", &["="]),
    ("like", &["~~", "!~~"]),
    ("ilike", &["~~*", "!~~*"]),
    ("similar", &["~", "!~"]),
    ("overlaps", &["<", ">"]),
];
/// The characters of operators.
const OPERATOR: &str = "+-*/<>=~!@#%^&|`?";

/// What a database defines under names that its server has, too.
#[derive(Debug, Default)]
pub(crate) struct Overriding {
    functions: BTreeSet<String>,
    operators: BTreeSet<String>,
}

impl Overriding {
    /// From its dump, and from what the log defines. Functions in C are what whoever runs the server put there.
    pub(crate) fn of(stored: &StoredDatabase, of_log: &BTreeSet<Defined>) -> Self {
        let mut all = Self::default();
        if stored.dialect != Dialect::PostgreSql {
            // MySQL's own functions come first.
            return all;
        }
        let own = stored.described.functions.iter().filter(|f| !matches!(f.language.as_str(), "c" | "internal"));
        let functions = own.map(|f| Defined::Function(f.name.to_lowercase()));
        for defined in functions.chain(stored.described.operators.iter().cloned()).chain(of_log.iter().cloned()) {
            match defined {
                Defined::Function(name) if effect(std::slice::from_ref(&name), stored.dialect) != Effect::Unknown => drop(all.functions.insert(name)),
                Defined::Function(_) => {}
                Defined::Operator(symbol) => drop(all.operators.insert(symbol)),
            }
        }
        all
    }

    /// Whether a call may run what the database defines.
    pub(crate) fn may_be_called(&self, call: &[String]) -> bool {
        call.len() == 1 && self.functions.contains(&call[0].to_lowercase())
    }

    /// Whether an operator of a statement may be the database's own.
    pub(crate) fn means_otherwise(&self, sql: &str) -> bool {
        if self.operators.is_empty() {
            return false;
        }
        let all = tokens(sql, Dialect::PostgreSql);
        let of_word =
            |token: &Token<'_>| WORDS.iter().filter(|(word, _)| token.is(word)).any(|(_, symbols)| symbols.iter().any(|s| self.operators.contains(*s)));
        all.iter().any(of_word) || symbols(&all).iter().any(|symbol| self.operators.contains(symbol))
    }
}

/// The operators of a statement, each as far as its characters go.
fn symbols(all: &[Token<'_>]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (mut open, mut end) = (String::new(), 0);
    for token in all {
        match token.kind {
            Kind::Symbol(symbol) if OPERATOR.contains(symbol) => {
                if token.from != end {
                    found.insert(std::mem::take(&mut open));
                }
                open.push(symbol);
                end = token.to;
            }
            _ => drop(found.insert(std::mem::take(&mut open))),
        }
    }
    found.insert(open);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(defined: &[&str], sql: &str, expected: bool) {
        let of_log = defined.iter().filter_map(|statement| Defined::of(statement)).collect();
        let all = Overriding::of(&StoredDatabase::new("d", "d", Dialect::PostgreSql, &["public".to_owned()]), &of_log);
        let call = sql.split_once('(').map(|(name, _)| vec![name.to_owned()]);
        assert_eq!(all.means_otherwise(sql) || call.is_some_and(|call| all.may_be_called(&call)), expected, "{sql}");
    }

    #[test]
    fn what_the_database_defines_comes_before_what_the_server_has() {
        let equal = ["CREATE OPERATOR other.= (LEFTARG = int, RIGHTARG = int, FUNCTION = near)"];
        check(&equal, "SELECT 1 FROM t WHERE a=5", true);
        check(&equal, "SELECT 1 FROM t WHERE a IN (5)", true);
        check(&equal, "SELECT 1 FROM t WHERE a <= 5 AND b LIKE 'x'", false);
        check(&["CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE sql AS 'x'"], "lower(a)", true);
        check(&["CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE sql AS 'x'"], "upper(a)", false);
        check(&["CREATE FUNCTION mails() RETURNS text LANGUAGE sql AS 'x'"], "mails()", false);
        check(&[], "SELECT 1 FROM t WHERE a = 5", false);
    }
}
