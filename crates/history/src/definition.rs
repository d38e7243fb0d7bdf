//! Statements that define, from their words: what they make, rename, change and drop.

use strandline_sql::lexer::{Kind, Token, after_bracket, outside_brackets, qualified_name, tokens};

use crate::Dialect;

/// A name as written, in parts.
pub type Name = Vec<String>;

/// One change of what there is.
#[derive(Clone, Debug, PartialEq)]
pub enum Definition {
    /// A view, with the names that it gives its columns, and its query.
    View {
        /// Its name.
        name: Name,
        /// The names of its columns, where it gives them.
        columns: Vec<String>,
        /// Its query.
        query: String,
        /// Whether its rows are kept.
        materialised: bool,
    },
    /// A table that holds what a query gave.
    Copy {
        /// Its name.
        name: Name,
        /// The names of its columns, where it gives them.
        columns: Vec<String>,
        /// Its query.
        query: String,
    },
    /// A table of its own.
    Table {
        /// Its name.
        name: Name,
    },
    /// A materialised view is filled again.
    Refresh {
        /// Its name.
        name: Name,
    },
    /// A table or view has another name from now on; without a schema, it stays where it is.
    Rename {
        /// Its name until now.
        name: Name,
        /// Its name from now on.
        to: Name,
    },
    /// It moves to another schema.
    Move {
        /// Its name until now.
        name: Name,
        /// Its schema from now on.
        schema: String,
    },
    /// A column has another name from now on.
    RenameColumn {
        /// The table.
        name: Name,
        /// The column's name until now.
        column: String,
        /// Its name from now on.
        to: String,
    },
    /// A column is added; its type in words with arguments, and its default, where that is a constant.
    AddColumn {
        /// The table.
        name: Name,
        /// The column.
        column: String,
        /// Its type.
        kind: String,
        /// What the rows hold that are there.
        default: NewCells,
    },
    /// A column is gone.
    DropColumn {
        /// The table.
        name: Name,
        /// The column.
        column: String,
    },
    /// Tables or views are gone.
    Drop {
        /// Their names.
        names: Vec<Name>,
    },
    /// Its rows or values changed in a way that is not followed.
    Changed {
        /// The table.
        name: Name,
    },
}

/// What the rows that are there hold in a new column.
#[derive(Clone, Debug, PartialEq)]
pub enum NewCells {
    /// NULL.
    Null,
    /// A constant.
    Constant(String),
    /// What only the server knows.
    Unknown,
}

/// What a statement defines. `None`: it is no definition.
pub fn definitions(statement: &str, dialect: Dialect) -> Option<Vec<Definition>> {
    let all = tokens(statement, dialect);
    let words = Words { text: statement, all: &all, dialect };
    let first = all.first()?;
    Some(if first.is("create") {
        words.create()
    } else if first.is("alter") {
        words.alter()
    } else if first.is("drop") {
        words.dropped()
    } else if first.is("rename") {
        words.renames()
    } else if first.is("refresh") {
        let at = words.skip(1, &["materialized", "view", "concurrently"]);
        words.name(at).map(|(name, _)| Definition::Refresh { name }).into_iter().collect()
    } else if first.is("select") {
        vec![words.select_into()?]
    } else {
        return None;
    })
}

/// Whether a statement that no parser reads puts rows into what it names, and leaves those that are there.
pub(crate) fn loads_rows(statement: &str) -> bool {
    let lower = statement.trim_start().to_ascii_lowercase();
    lower.starts_with("copy ") || lower.starts_with("load ") && !lower.contains(" replace ")
}

struct Words<'w> {
    text: &'w str,
    all: &'w [Token<'w>],
    dialect: Dialect,
}

impl Words<'_> {
    fn is(&self, at: usize, word: &str) -> bool {
        self.all.get(at).is_some_and(|t| t.is(word))
    }

    fn skip(&self, mut at: usize, words: &[&str]) -> usize {
        while words.iter().any(|word| self.is(at, word)) {
            at += 1;
        }
        at
    }

    fn name(&self, at: usize) -> Option<(Name, usize)> {
        qualified_name(self.all, at, self.dialect)
    }

    fn rest(&self, at: usize) -> String {
        self.all.get(at).map_or("", |t| &self.text[t.from..]).trim_end_matches(|c: char| c == ';' || c.is_whitespace()).to_owned()
    }

    /// Names in brackets at `at`, and the token after them.
    fn column_names(&self, at: usize) -> (Vec<String>, usize) {
        if !self.all.get(at).is_some_and(|t| t.is_symbol('(')) {
            return (Vec::new(), at);
        }
        let end = after_bracket(self.all, at);
        let names = self.all[at + 1..end.saturating_sub(1).max(at + 1)].iter().filter_map(|t| t.name(self.dialect)).collect();
        (names, end)
    }

    /// `CREATE RULE r AS ON SELECT TO name DO …`: from then on the table shows, or takes, what the rule says.
    fn rule(&self) -> Option<Definition> {
        let at = self.skip(1, &["or", "replace"]);
        let on = outside_brackets(self.all, at, |t| t.is("on")).filter(|_| self.is(at, "rule"))?;
        self.is(on + 2, "to").then(|| self.name(on + 3)).flatten().map(|(name, _)| Definition::Changed { name })
    }

    fn create(&self) -> Vec<Definition> {
        if let Some(rule) = self.rule() {
            return vec![rule];
        }
        let Some(kind) = self.all.iter().take(24).position(|t| t.is("table") || t.is("view")) else { return Vec::new() };
        if self.all[1..kind].iter().any(|t| ["function", "procedure", "index", "trigger", "event", "policy", "rule"].iter().any(|w| t.is(w))) {
            return Vec::new();
        }
        let Some((name, after)) = self.name(self.skip(kind + 1, &["if", "not", "exists"])) else { return Vec::new() };
        let materialised = self.all[..kind].iter().any(|t| t.is("materialized"));
        if self.all[kind].is("view") {
            let (columns, after) = self.column_names(after);
            let Some(body) = outside_brackets(self.all, after, |t| t.is("as")) else { return Vec::new() };
            return vec![Definition::View { name, columns, query: without_tail(self.rest(body + 1)), materialised }];
        }
        let (columns, end) = self.column_names(after);
        let query = outside_brackets(self.all, end.min(self.all.len()), |t| t.is("select") || t.is("with") || t.is("values"));
        let as_word = outside_brackets(self.all, end, |t| t.is("as"));
        let bracketed = as_word.filter(|at| self.all.get(at + 1).is_some_and(|t| t.is_symbol('(') || t.is("table"))).map(|at| at + 1);
        match bracketed.or(as_word.map(|at| at + 1)).or(query.filter(|at| self.is(*at, "select"))) {
            // MySQL lets columns be defined beside the query; their names are those of the query, and more.
            Some(at) if self.dialect == Dialect::PostgreSql || columns.is_empty() => {
                vec![Definition::Copy { name, columns, query: without_tail(self.rest(at)) }]
            }
            Some(at) => vec![Definition::Copy { name, columns: Vec::new(), query: without_tail(self.rest(at)) }],
            None => vec![Definition::Table { name }],
        }
    }

    /// `SELECT … INTO name FROM …`: a table made from the query without those words.
    fn select_into(&self) -> Option<Definition> {
        let into = outside_brackets(self.all, 1, |t| t.is("into"))?;
        if self.dialect == Dialect::MySql {
            return None;
        }
        let (name, after) = self.name(self.skip(into + 1, &["temp", "temporary", "unlogged", "table"]))?;
        let query = format!("{}{}", &self.text[..self.all[into].from], self.rest(after));
        Some(Definition::Copy { name, columns: Vec::new(), query })
    }

    fn alter(&self) -> Vec<Definition> {
        let at = self.skip(1, &["foreign", "materialized"]);
        if !self.is(at, "table") && !self.is(at, "view") {
            return Vec::new();
        }
        let Some((name, after)) = self.name(self.skip(at + 1, &["if", "exists", "only"])) else { return Vec::new() };
        let mut found = Vec::new();
        let mut start = after;
        while start < self.all.len() {
            let end = outside_brackets(self.all, start, |t| t.is_symbol(',') || t.is_symbol(';')).unwrap_or(self.all.len());
            found.extend(self.alteration(&name, start, end));
            start = end + 1;
        }
        found
    }

    fn alteration(&self, name: &Name, at: usize, end: usize) -> Option<Definition> {
        let name = name.clone();
        let word = |offset: usize| self.all.get(at + offset).filter(|_| at + offset < end);
        let named = |offset: usize| word(offset).and_then(|t| t.name(self.dialect));
        let is = |offset: usize, w: &str| word(offset).is_some_and(|t| t.is(w));
        if is(0, "rename") {
            if is(1, "to") || is(1, "as") {
                return self.name(at + 2).map(|(to, _)| Definition::Rename { name, to });
            }
            if is(1, "constraint") || is(1, "index") || is(1, "key") {
                return None;
            }
            let from = if is(1, "column") { 2 } else { 1 };
            return match (named(from), is(from + 1, "to"), named(from + 2)) {
                (Some(column), true, Some(to)) => Some(Definition::RenameColumn { name, column, to }),
                _ => Some(Definition::Changed { name }),
            };
        }
        if is(0, "set") && is(1, "schema") {
            return named(2).map(|schema| Definition::Move { name, schema });
        }
        if is(0, "change") {
            let from = if is(1, "column") { 2 } else { 1 };
            return named(from).zip(named(from + 1)).map(|(column, to)| Definition::RenameColumn { name, column, to });
        }
        if is(0, "add") {
            return self.addition(name, at + 1, end);
        }
        if is(0, "drop") {
            let other = ["constraint", "index", "key", "primary", "foreign", "check"];
            if other.iter().any(|w| is(1, w)) {
                return None;
            }
            let from = self.skip(at + 1, &["column", "if", "exists"]);
            return self.all.get(from).and_then(|t| t.name(self.dialect)).map(|column| Definition::DropColumn { name, column });
        }
        let harmless = ["owner", "enable", "disable", "force", "no", "validate", "cluster", "replica", "comment", "engine", "auto_increment", "order"];
        let of_column = is(0, "alter") && ["default", "null", "statistics", "storage"].iter().any(|w| (1..8).any(|offset| is(offset, w)));
        let is_inherit = is(0, "no") && is(1, "inherit");
        if (harmless.iter().any(|w| is(0, w)) && !is_inherit) || of_column || is(0, "set") {
            return None;
        }
        // A new type, a partition that comes or goes, another parent.
        Some(Definition::Changed { name })
    }

    fn addition(&self, name: Name, at: usize, end: usize) -> Option<Definition> {
        let other = ["constraint", "primary", "unique", "index", "key", "foreign", "check", "fulltext", "partition", "spatial"];
        if other.iter().any(|w| self.is(at, w)) {
            return None;
        }
        let at = self.skip(at, &["column", "if", "not", "exists"]);
        let column = self.all.get(at)?.name(self.dialect)?;
        let part = &self.all[(at + 1).min(end)..end];
        let ends = ["default", "not", "null", "collate", "check", "references", "generated", "primary", "unique", "after", "first", "comment"];
        let until = part.iter().position(|t| ends.iter().any(|w| t.is(w))).unwrap_or(part.len());
        let kind = part[..until].first().zip(part[..until].last()).map_or(String::new(), |(a, b)| self.text[a.from..b.to].to_lowercase());
        let default = match part.iter().position(|t| t.is("default")).map(|d| part.get(d + 1).map(|t| &t.kind)) {
            Some(Some(Kind::Text(text))) => NewCells::Constant(text.clone()),
            Some(Some(Kind::Number(number))) => NewCells::Constant((*number).to_owned()),
            Some(Some(Kind::Word(word))) if ["true", "false"].iter().any(|w| word.eq_ignore_ascii_case(w)) => NewCells::Constant(word.to_lowercase()),
            Some(Some(Kind::Word(word))) if word.eq_ignore_ascii_case("null") => NewCells::Null,
            Some(_) => NewCells::Unknown,
            None if part.iter().any(|t| t.is("generated")) || kind.contains("serial") => NewCells::Unknown,
            None => NewCells::Null,
        };
        Some(Definition::AddColumn { name, column, kind, default })
    }

    fn dropped(&self) -> Vec<Definition> {
        let at = self.skip(1, &["temporary", "materialized"]);
        if !self.is(at, "table") && !self.is(at, "view") {
            return Vec::new();
        }
        let mut at = self.skip(at + 1, &["if", "exists"]);
        let mut names = Vec::new();
        while let Some((name, after)) = self.name(at) {
            names.push(name);
            if !self.all.get(after).is_some_and(|t| t.is_symbol(',')) {
                break;
            }
            at = after + 1;
        }
        vec![Definition::Drop { names }]
    }

    fn renames(&self) -> Vec<Definition> {
        let mut at = self.skip(1, &["table", "tables", "if", "exists"]);
        let mut found = Vec::new();
        while let Some((name, after)) = self.name(at).filter(|(_, after)| self.is(*after, "to")) {
            let Some((to, next)) = self.name(after + 1) else { break };
            found.push(Definition::Rename { name, to });
            at = next + 1;
        }
        found
    }
}

fn without_tail(mut query: String) -> String {
    for tail in ["with no data", "with data", "with check option", "with local check option", "with cascaded check option"] {
        if query.to_ascii_lowercase().ends_with(tail) {
            query.truncate(query.len() - tail.len());
            query.truncate(query.trim_end().len());
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(statement: &str, expected: &str) {
        let found = definitions(statement, Dialect::PostgreSql).unwrap_or_default();
        assert_eq!(found.iter().map(|d| format!("{d:?}")).collect::<Vec<_>>().join("; "), expected, "{statement}");
    }

    #[test]
    fn definitions_are_read_from_their_words() {
        check(
            "CREATE OR REPLACE TEMP VIEW v (a) AS SELECT x FROM t WITH CHECK OPTION;",
            r#"View { name: ["v"], columns: ["a"], query: "SELECT x FROM t", materialised: false }"#,
        );
        check("create table s.c as table t", r#"Copy { name: ["s", "c"], columns: [], query: "table t" }"#);
        check("SELECT a INTO TEMP c FROM t WHERE b = 1", r#"Copy { name: ["c"], columns: [], query: "SELECT a FROM t WHERE b = 1" }"#);
        check("CREATE TABLE c (a int, b text DEFAULT 'as')", r#"Table { name: ["c"] }"#);
        check(
            "ALTER TABLE t RENAME COLUMN a TO b, ADD c numeric(8, 2) DEFAULT 0",
            r#"RenameColumn { name: ["t"], column: "a", to: "b" }; AddColumn { name: ["t"], column: "c", kind: "numeric(8, 2)", default: Constant("0") }"#,
        );
        check("ALTER TABLE t DROP COLUMN IF EXISTS a", r#"DropColumn { name: ["t"], column: "a" }"#);
        check("ALTER TABLE t ADD CONSTRAINT k UNIQUE (a), OWNER TO x", "");
        check("ALTER TABLE t ATTACH PARTITION p DEFAULT", r#"Changed { name: ["t"] }"#);
        check("ALTER TABLE t SET SCHEMA s", r#"Move { name: ["t"], schema: "s" }"#);
        check("DROP TABLE IF EXISTS a, s.b CASCADE", r#"Drop { names: [["a"], ["s", "b"]] }"#);
        check("REFRESH MATERIALIZED VIEW CONCURRENTLY m", r#"Refresh { name: ["m"] }"#);
        check("CREATE FUNCTION f() RETURNS TABLE (a int) AS 'x'", "");
    }
}
