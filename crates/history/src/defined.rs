//! Code that a database defines under a name that its server may have, too.

use strandline_sql::lexer::{Kind, Token, after_bracket, at_commas, qualified_name, tokens};

use crate::Dialect;

/// What a definition of PostgreSQL gives a meaning to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defined {
    /// A function or an aggregate, by its bare name, in lower case.
    Function(String),
    /// An operator over two values of one type, or over one value. One over two types means what the server has nothing for.
    Operator(String),
}

impl Defined {
    /// What a statement defines.
    pub fn of(statement: &str) -> Option<Self> {
        let begins = statement.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("create"));
        if begins { Self::in_tokens(&tokens(statement, Dialect::PostgreSql)) } else { None }
    }

    pub(crate) fn in_tokens(all: &[Token<'_>]) -> Option<Self> {
        let kind = all.iter().take(4).position(|t| ["function", "aggregate", "operator"].iter().any(|word| t.is(word)))?;
        if !all[kind].is("operator") {
            return Some(Self::Function(qualified_name(all, kind + 1, Dialect::PostgreSql)?.0.pop()?.to_lowercase()));
        }
        if all.get(kind + 1).is_some_and(|t| t.is("class") || t.is("family")) {
            return None;
        }
        let open = kind + all[kind..].iter().position(|t| t.is_symbol('('))?;
        // After the schema, if it is named.
        let from = (kind + 1..open).find(|at| all[*at].is_symbol('.')).map_or(kind + 1, |dot| dot + 1);
        let symbol: String = all[from..open].iter().filter_map(|t| if let Kind::Symbol(symbol) = t.kind { Some(symbol) } else { None }).collect();
        let side = |word: &str| {
            let parts = at_commas(&all[open + 1..after_bracket(all, open).saturating_sub(1).max(open + 1)]);
            let part = parts.into_iter().find(|part| part.first().is_some_and(|t| t.is(word)))?;
            Some(part.get(2..)?.iter().map(|t| t.name(Dialect::PostgreSql).unwrap_or_default()).collect::<Vec<String>>())
        };
        let is_of_one_type = match (side("leftarg"), side("rightarg")) {
            (Some(left), Some(right)) => left.last() == right.last(),
            _ => true,
        };
        (is_of_one_type && !symbol.is_empty()).then_some(Self::Operator(symbol))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_and_operators_are_known_by_name() {
        let function = |name: &str| Some(Defined::Function(name.to_owned()));
        let operator = |symbol: &str| Some(Defined::Operator(symbol.to_owned()));
        assert_eq!(Defined::of("CREATE OR REPLACE FUNCTION other.Lower(text) RETURNS text LANGUAGE sql AS 'SELECT 1'"), function("lower"));
        assert_eq!(Defined::of("create aggregate \"Sum\" (text) (sfunc = x, stype = text)"), function("sum"));
        assert_eq!(Defined::of("CREATE OPERATOR other.= (LEFTARG = int, RIGHTARG = int, FUNCTION = near)"), operator("="));
        assert_eq!(Defined::of("CREATE OPERATOR <-> (FUNCTION = f, LEFTARG = pg_catalog.int4, RIGHTARG = int4)"), operator("<->"));
        assert_eq!(Defined::of("CREATE OPERATOR = (PROCEDURE = f, LEFTARG = integer, RIGHTARG = text)"), None);
        assert_eq!(Defined::of("CREATE OPERATOR CLASS c FOR TYPE t USING btree AS OPERATOR 1 < (t, t)"), None);
        assert_eq!(Defined::of("CREATE TABLE t (a int)"), None);
        assert_eq!(Defined::of("SELECT 1"), None);
    }
}
