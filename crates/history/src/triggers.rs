//! What triggers do besides the statement that fires them, as far as their code says: a column that they fill is not known, a table
//! that they write is not followed. Code that is not at hand, or is more than its words tell, may do anything.

use std::collections::BTreeSet;

use strandline_sql::lexer::{Kind, Token, outside_brackets, qualified_name, tokens};

use crate::Dialect;
use crate::definition::Name;
use crate::store::{Attached, AttachedKind, StoredDatabase, StoredFunction, StoredTable};
use crate::writes::mentions;

/// Functions that call functions are looked into so far.
const DEPTH: usize = 4;

/// What a write may do to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Rows come in.
    Insert,
    /// Rows change.
    Update,
    /// Rows go.
    Delete,
    /// Any of these.
    Any,
}

/// What triggers may do besides the write that fires them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Besides {
    /// Columns of the rows that are written which hold what the code put there.
    pub(crate) columns: BTreeSet<String>,
    /// The rows that are written may hold anything, or be other rows.
    pub(crate) any_column: bool,
    /// A row may be left as it was.
    pub(crate) may_refuse: bool,
    /// What else is written, by name.
    pub(crate) tables: BTreeSet<Name>,
    /// Any table may be written.
    pub(crate) any_table: bool,
}

impl Besides {
    fn anything() -> Self {
        Self { any_column: true, may_refuse: true, any_table: true, ..Self::default() }
    }

    /// Whether nothing happens besides.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Of code that no write fires there is no row that it could fill or refuse.
    fn of_a_call(self) -> Self {
        Self { tables: self.tables, any_table: self.any_table, ..Self::default() }
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.columns.extend(other.columns);
        self.tables.extend(other.tables);
        self.any_column |= other.any_column;
        self.may_refuse |= other.may_refuse;
        self.any_table |= other.any_table;
    }
}

/// A trigger: what fires it, and what it does.
#[derive(Clone, Debug)]
pub(crate) struct Trigger {
    events: Vec<Event>,
    besides: Besides,
}

/// The triggers of a table, and its rules.
pub(crate) fn triggers_of(table: &StoredTable, database: &StoredDatabase) -> Vec<Trigger> {
    triggers_on(&table.attached, database)
}

/// The triggers and rules among what is attached to a table or view.
pub(crate) fn triggers_on(attached: &[Attached], database: &StoredDatabase) -> Vec<Trigger> {
    let read = |attached: &Attached| match attached.kind {
        AttachedKind::Trigger => Some(trigger(&attached.sql, &database.described.functions, database.dialect)),
        AttachedKind::Rule => rule(&attached.sql, database.dialect),
        AttachedKind::Policy => None,
    };
    attached.iter().filter_map(read).collect()
}

/// What these triggers may do where such a write happens.
pub(crate) fn besides<'t>(triggers: impl Iterator<Item = &'t Trigger>, event: Event) -> Besides {
    let mut all = Besides::default();
    let fires = |one: &&Trigger| event == Event::Any || one.events.contains(&event) || one.events.contains(&Event::Any);
    triggers.filter(fires).for_each(|one| all.join(one.besides.clone()));
    all
}

/// The table of a `CREATE TRIGGER` or `CREATE RULE`, and what it does. `None`: the statement makes none.
pub(crate) fn created(statement: &str, functions: &[StoredFunction], dialect: Dialect) -> Option<(Name, Trigger)> {
    let all = tokens(statement, dialect);
    if all.iter().take(4).any(|t| t.is("rule")) && all[0].is("create") {
        let to = outside_brackets(&all, 0, |t| t.is("to"))?;
        let (name, _) = qualified_name(&all, to + 1, dialect)?;
        return Some((name, rule(statement, dialect)?));
    }
    let kind = all.iter().take(12).position(|t| t.is("trigger")).filter(|_| all[0].is("create"))?;
    let on = outside_brackets(&all, kind, |t| t.is("on"))?;
    let (name, _) = qualified_name(&all, on + 1, dialect)?;
    Some((name, trigger(statement, functions, dialect)))
}

/// What the functions of a name do, whichever of them is meant. `None`: there is none.
pub(crate) fn called(name: &str, functions: &[StoredFunction], dialect: Dialect) -> Option<Besides> {
    Code { functions, dialect }.called(name, DEPTH).map(Besides::of_a_call)
}

/// What a piece of code does that runs by itself.
pub(crate) fn of_code(text: &str, functions: &[StoredFunction], dialect: Dialect) -> Besides {
    Code { functions, dialect }.besides(text, DEPTH).of_a_call()
}

/// A rule: in place of a write or besides it, whatever it names may be written. `None` for one of reads, which makes a view.
fn rule(statement: &str, dialect: Dialect) -> Option<Trigger> {
    let all = tokens(statement, dialect);
    let on = outside_brackets(&all, 0, |t| t.is("on"))?;
    let event = match all.get(on + 1)? {
        word if word.is("select") => return None,
        word if word.is("insert") => Event::Insert,
        word if word.is("update") => Event::Update,
        word if word.is("delete") => Event::Delete,
        _ => Event::Any,
    };
    let besides = Besides { tables: mentions(statement, dialect).into_iter().collect(), any_column: true, may_refuse: true, ..Besides::default() };
    Some(Trigger { events: vec![event], besides })
}

fn trigger(statement: &str, functions: &[StoredFunction], dialect: Dialect) -> Trigger {
    let all = tokens(statement, dialect);
    let kind = all.iter().position(|t| t.is("trigger")).unwrap_or(0);
    let on = outside_brackets(&all, kind, |t| t.is("on")).unwrap_or(all.len());
    let head = &all[kind..on.max(kind)];
    let named = [("insert", Event::Insert), ("update", Event::Update), ("delete", Event::Delete), ("truncate", Event::Delete)];
    let mut events: Vec<Event> = named.iter().filter(|(word, _)| head.iter().any(|t| t.is(word))).map(|(_, event)| *event).collect();
    if events.is_empty() {
        events.push(Event::Any);
    }
    let is_after = head.iter().any(|t| t.is("after"));
    let code = Code { functions, dialect };
    let mut besides = match dialect {
        Dialect::PostgreSql => code.executed(&all, on),
        Dialect::MySql => match outside_brackets(&all, on, |t| t.is("row")).and_then(|row| all.get(row + 1)) {
            Some(first) => code.besides(&statement[first.from..], DEPTH),
            None => Besides::anything(),
        },
    };
    // What an AFTER trigger returns is passed over, and MySQL's return nothing; a row that is gone or there already is no longer filled.
    besides.may_refuse &= !is_after && dialect == Dialect::PostgreSql;
    if is_after {
        (besides.columns, besides.any_column) = (BTreeSet::new(), false);
    }
    Trigger { events, besides }
}

/// A statement in a text among the tokens that no operator goes on from.
fn whole_text<'t>(all: &'t [Token<'_>], at: usize) -> Option<&'t str> {
    let Kind::Text(text) = &all.get(at)?.kind else { return None };
    let goes_on = all.get(at + 1).is_some_and(|t| t.is_symbol('|') || t.is_symbol('+'));
    let says = text
        .split_whitespace()
        .next()
        .is_some_and(|first| ["select", "insert", "update", "delete", "with"].iter().any(|word| first.eq_ignore_ascii_case(word)));
    (says && !goes_on).then_some(text.as_ref())
}

struct Code<'c> {
    functions: &'c [StoredFunction],
    dialect: Dialect,
}

impl Code<'_> {
    /// `EXECUTE FUNCTION name (arguments)`.
    fn executed(&self, all: &[Token<'_>], on: usize) -> Besides {
        let Some(execute) = (on..all.len()).rev().find(|at| all[*at].is("execute")) else { return Besides::anything() };
        let at = execute + 1 + usize::from(all.get(execute + 1).is_some_and(|t| t.is("function") || t.is("procedure")));
        let Some((name, after)) = qualified_name(all, at, self.dialect) else { return Besides::anything() };
        let bare = name.last().map(String::as_str).unwrap_or_default();
        if let Some(body) = self.called(bare, DEPTH) {
            return body;
        }
        let argument = match all.get(after + 1).map(|t| &t.kind) {
            Some(Kind::Text(text) | Kind::Quoted(text)) => Some(text.to_lowercase()),
            Some(Kind::Word(word)) => Some(word.to_lowercase()),
            _ => None,
        };
        match (bare, argument) {
            ("suppress_redundant_updates_trigger", _) => Besides { may_refuse: true, ..Besides::default() },
            ("tsvector_update_trigger" | "tsvector_update_trigger_column" | "moddatetime" | "insert_username", Some(column)) => {
                Besides { columns: BTreeSet::from([column]), ..Besides::default() }
            }
            _ => Besides::anything(),
        }
    }

    /// What the functions of a name do, whichever of them is meant. `None`: there is none.
    fn called(&self, bare: &str, depth: usize) -> Option<Besides> {
        let mut of_name = self.functions.iter().filter(|f| f.name.eq_ignore_ascii_case(bare)).peekable();
        of_name.peek()?;
        let mut all = Besides::default();
        for function in of_name {
            let is_read = matches!(function.language.as_str(), "plpgsql" | "sql") && !function.body.is_empty();
            all.join(if is_read && depth > 0 { self.besides(&function.body, depth - 1) } else { Besides::anything() });
        }
        Some(all)
    }

    /// What a piece of code may do, from its words.
    fn besides(&self, text: &str, depth: usize) -> Besides {
        let all = tokens(text, self.dialect);
        let (mut found, mut writes) = (Besides::default(), false);
        let is = |at: usize, word: &str| all.get(at).is_some_and(|t| t.is(word));
        let symbol = |at: usize, c: char| all.get(at).is_some_and(|t| t.is_symbol(c));
        let assigns = |at: usize| symbol(at, '=') || symbol(at, ':') && symbol(at + 1, '=');
        for at in 0..all.len() {
            let Kind::Word(word) = all[at].kind else { continue };
            let is_filled = at > 0 && (is(at - 1, "into") || symbol(at - 1, ','));
            match word.to_ascii_lowercase().as_str() {
                "new" if symbol(at + 1, '.') => match all.get(at + 2).and_then(|t| t.name(self.dialect)) {
                    Some(column) if assigns(at + 3) => drop(found.columns.insert(column)),
                    Some(_) => found.any_column |= is_filled && is(at - 1, "into"),
                    None => found.any_column = true,
                },
                "new" => found.any_column |= assigns(at + 1) || is_filled && is(at - 1, "into"),
                "insert" | "update" | "delete" | "merge" | "replace" | "truncate" | "copy" | "load" | "alter" | "create" | "drop" => writes = true,
                // A text that stands there whole, with nothing put into it, does what it says.
                "execute" if whole_text(&all, at + 1).is_some() => {
                    if let Some(inner) = whole_text(&all, at + 1).filter(|_| depth > 0) {
                        found.join(self.besides(inner, depth - 1));
                    } else {
                        found.any_table = true;
                    }
                }
                "execute" | "prepare" | "call" | "dblink" | "dblink_exec" => found.any_table = true,
                "return" => found.may_refuse |= is(at + 1, "null"),
                name if symbol(at + 1, '(') => {
                    if let Some(inner) = self.called(name, depth) {
                        found.join(inner);
                    }
                }
                _ => {}
            }
        }
        if writes {
            found.tables.extend(mentions(text, self.dialect));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, body: &str) -> StoredFunction {
        let (schema, name) = ("public".to_owned(), name.to_owned());
        StoredFunction { schema, name, language: "plpgsql".into(), body: body.into(), sql: String::new() }
    }

    /// `insert update delete`: each with what happens besides: columns, `*` any, `?` may be refused, `> table`, `> *` any table.
    fn check(dialect: Dialect, sql: &str, expected: &str) {
        let functions = [
            function("touched", "BEGIN NEW.updated_at := now(); RETURN NEW; END"),
            function("logged", "BEGIN INSERT INTO audit.log VALUES (OLD.name); RETURN NULL; END"),
            function("guarded", "BEGIN IF NEW.v = 3 THEN RETURN NULL; END IF; RETURN NEW; END"),
            function("deep", "BEGIN PERFORM logged(); RETURN NEW; END"),
            function("dynamic", "BEGIN EXECUTE 'x'; RETURN NEW; END"),
            function("read", "BEGIN EXECUTE 'SELECT v FROM s.u WHERE k = $1' USING 1; RETURN NEW; END"),
            function("wrote", "BEGIN EXECUTE 'DELETE FROM s.u'; RETURN NEW; END"),
            function("joined", "BEGIN EXECUTE 'SELECT v FROM ' || t; RETURN NEW; END"),
            function("looked_up", "BEGIN SELECT * INTO NEW FROM s.u; RETURN NEW; END"),
            StoredFunction { language: "c".into(), ..function("native", "x") },
        ];
        let (_, made) = created(sql, &functions, dialect).expect("a trigger");
        let told = [Event::Insert, Event::Update, Event::Delete].map(|event| {
            let all = besides(std::iter::once(&made), event);
            let mut words: Vec<String> = all.columns.iter().cloned().collect();
            words.extend(all.any_column.then(|| "*".to_owned()));
            words.extend(all.may_refuse.then(|| "?".to_owned()));
            words.extend(all.tables.iter().filter(|name| name.len() > 1).map(|name| format!("> {}", name.join("."))));
            words.extend(all.any_table.then(|| "> *".to_owned()));
            words.join(" ")
        });
        assert_eq!(told.join(", "), expected, "{sql}");
    }

    #[test]
    fn what_a_trigger_does_besides_is_read_from_its_code() {
        let postgres = |rest: &str, expected: &str| check(Dialect::PostgreSql, &format!("CREATE TRIGGER x {rest}"), expected);
        postgres("BEFORE UPDATE ON s.t FOR EACH ROW EXECUTE FUNCTION public.touched()", ", updated_at, ");
        postgres("BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE PROCEDURE touched()", "updated_at, updated_at, ");
        postgres("AFTER INSERT OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION logged()", "> audit.log > old.name, , > audit.log > old.name");
        postgres("BEFORE UPDATE OF v ON t FOR EACH ROW EXECUTE FUNCTION guarded()", ", v ?, ");
        postgres("BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION deep()", ", , ? > audit.log > old.name");
        postgres("BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION dynamic()", "> *, , ");
        postgres("BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION read()", ", , ");
        postgres("BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION wrote()", "> s.u, , ");
        postgres("BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION joined()", "> *, , ");
        postgres("BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION looked_up()", "*, , ");
        postgres("BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION native()", "* ? > *, , ");
        postgres("AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION not_in_the_dump()", "> *, , ");
        postgres("BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger('words', 'pg_catalog.english', 'a')", ", words, ");
    }

    #[test]
    fn the_code_of_mysqls_triggers_stands_in_them() {
        let mysql = |rest: &str, expected: &str| check(Dialect::MySql, &format!("CREATE TRIGGER x {rest}"), expected);
        mysql("BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1, NEW.b = UUID()", "a b, , ");
        mysql("AFTER UPDATE ON t FOR EACH ROW BEGIN INSERT INTO s.log SELECT OLD.a; END", ", > OLD.a > s.log, ");
        mysql("BEFORE DELETE ON t FOR EACH ROW CALL p()", ", , > *");
    }
}
