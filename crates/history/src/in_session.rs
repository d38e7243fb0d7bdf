//! Writes as their sessions meant them. A bare name is looked for along the path that the session had set, so it is written out; a write
//! of a session under which its words may mean something else is not read at all.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Query, Statement, VisitMut, VisitorMut};
use strandline_sql::{Dialect, Rules, SessionState, Setting, parts};

use crate::rebuild::is_temporary;
use crate::store::StoredDatabase;
use crate::writes::{Write, mentions, parse};

/// Texts that are kept with their names written out; beyond, each is read anew.
const TEXTS: usize = 4096;

/// A statement, what its session had set, and which database it may be in.
type Asked = (Arc<str>, Arc<SessionState>, usize);

/// Reads the writes as their sessions meant them, before they are applied.
pub fn in_their_sessions(writes: &mut [Write], stored: &[StoredDatabase]) {
    let mut known: HashMap<Asked, Option<Arc<str>>> = HashMap::new();
    for write in writes.iter_mut() {
        let Some(session) = write.session.clone() else { continue };
        let may_be_in = |database: &&StoredDatabase| database.dialect == write.dialect && write.database.as_deref().is_none_or(|name| name == database.name);
        let mut found = stored.iter().enumerate().filter(|(_, database)| may_be_in(database));
        let Some((at, database)) = found.next() else { continue };
        if is_odd(&session) || session.search_path() == Setting::Unknown {
            write.is_lost = true;
        } else if let Setting::Is(path) = session.search_path() {
            if known.len() >= TEXTS {
                known.clear();
            }
            let key = (write.statement.clone(), session, at);
            let text = known.entry(key).or_insert_with(|| Qualifier::new(database, &path).read(&write.statement).map(Arc::from)).clone();
            match text.filter(|_| found.next().is_none()) {
                Some(text) => write.statement = text,
                None => write.is_lost = true,
            }
        }
    }
}

/// Whether statements of the session may be cut into words, or mean, something else than they do here.
fn is_odd(session: &SessionState) -> bool {
    let rules = session.rules();
    session.odd_setting().is_some() || rules != Rules::of(rules.dialect)
}

/// Writes out the names of one statement.
struct Qualifier<'q> {
    stored: &'q StoredDatabase,
    path: Vec<&'q str>,
    /// Names of WITH, anywhere in the statement: they are nobody's tables.
    given: Vec<String>,
    /// Whether the statement makes what it names first.
    makes: bool,
}

impl<'q> Qualifier<'q> {
    fn new(stored: &'q StoredDatabase, path: &'q [String]) -> Self {
        // What stands in the schema of whoever works is not told apart from what stands behind it.
        Self { stored, path: path.iter().map(String::as_str).filter(|schema| *schema != "$user").collect(), given: Vec::new(), makes: false }
    }

    /// The statement with its names written out; `None` where they cannot be found.
    fn read(mut self, sql: &str) -> Option<String> {
        let dialect = self.stored.dialect;
        let mut statement = parse(sql, dialect)?;
        self.makes = matches!(statement, Statement::CreateTable(_) | Statement::CreateView(_)) && !is_temporary(sql);
        let _given: ControlFlow<()> = statement.visit(&mut Given { names: &mut self.given, dialect });
        let mut qualified = self;
        let _done: ControlFlow<()> = statement.visit(&mut qualified);
        let text = statement.to_string();
        if matches!(
            statement,
            Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) | Statement::Query(_) | Statement::Merge(_) | Statement::CreateTable(_)
        ) {
            return Some(text);
        }
        // Of others the tree does not tell all names: one that is still bare may be of any schema.
        let is_left = |name: &Vec<String>| matches!(name.as_slice(), [one] if !qualified.given.contains(one) && qualified.is_anywhere(one));
        if mentions(&text, dialect).iter().any(is_left) { None } else { Some(text) }
    }

    fn is_in(&self, schema: &str, name: &str) -> bool {
        self.stored.table(&format!("{schema}.{name}")).is_some() || self.stored.views.iter().any(|view| view.schema == schema && view.name == name)
    }

    /// Whether a bare name could stand for anything that is stored.
    fn is_anywhere(&self, name: &str) -> bool {
        self.stored.search_path.iter().any(|schema| self.is_in(schema, name)) || self.path.iter().any(|schema| self.is_in(schema, name))
    }

    /// The schema that a bare name is of: where it is found, or where it is made.
    fn schema(&mut self, name: &str) -> Option<&'q str> {
        let makes = std::mem::take(&mut self.makes);
        if makes {
            return self.path.first().copied();
        }
        let found = self.path.iter().copied().find(|schema| self.is_in(schema, name));
        // Where the path does not have it, it is not what the database's own path has.
        found.or_else(|| if self.is_anywhere(name) { Some(self.path.first().copied().unwrap_or("pg_catalog")) } else { None })
    }
}

impl VisitorMut for Qualifier<'_> {
    type Break = ();

    fn pre_visit_relation(&mut self, name: &mut ObjectName) -> ControlFlow<()> {
        let written = parts(name, self.stored.dialect);
        if let [bare] = written.as_slice()
            && !self.given.contains(bare)
            && let Some(schema) = self.schema(bare)
        {
            name.0.insert(0, ObjectNamePart::Identifier(Ident::with_quote('"', schema)));
        }
        ControlFlow::Continue(())
    }
}

/// Collects the names that WITH gives.
struct Given<'g> {
    names: &'g mut Vec<String>,
    dialect: Dialect,
}

impl VisitorMut for Given<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let names = query.with.iter().flat_map(|with| &with.cte_tables).map(|table| ObjectName(vec![ObjectNamePart::Identifier(table.alias.name.clone())]));
        self.names.extend(names.filter_map(|name| parts(&name, self.dialect).pop()));
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoredTable;

    fn check(path: &[&str], sql: &str, expected: Option<&str>) {
        let mut stored = StoredDatabase::new("d", "d", Dialect::PostgreSql, &["public".to_owned()]);
        for (schema, name) in [("public", "person"), ("north", "person"), ("north", "visit"), ("public", "note")] {
            stored.add_table(StoredTable::new(schema.to_owned(), name.to_owned(), Vec::new()));
        }
        let path: Vec<String> = path.iter().map(|schema| (*schema).to_owned()).collect();
        assert_eq!(Qualifier::new(&stored, &path).read(sql).as_deref(), expected, "{sql}");
    }

    #[test]
    fn a_bare_name_is_looked_for_along_the_sessions_path() {
        let north = ["$user", "north", "public"];
        check(&north, "UPDATE person SET name = 'x' WHERE person.id = 1", Some("UPDATE \"north\".person SET name = 'x' WHERE person.id = 1"));
        check(&north, "INSERT INTO note SELECT name FROM Person", Some("INSERT INTO \"public\".note SELECT name FROM \"north\".Person"));
        check(&north, "DELETE FROM public.person", Some("DELETE FROM public.person"));
        check(&north, "WITH person AS (SELECT 1) UPDATE visit SET a = 1", Some("WITH person AS (SELECT 1) UPDATE \"north\".visit SET a = 1"));
        check(&north, "CREATE TABLE person2 AS SELECT * FROM person", Some("CREATE TABLE \"north\".person2 AS SELECT * FROM \"north\".person"));
        // There is none in the path: it is not the one of the database's own path.
        check(&["south"], "DELETE FROM person", Some("DELETE FROM \"south\".person"));
        check(&["south"], "DELETE FROM elsewhere", Some("DELETE FROM elsewhere"));
        check(&north, "DROP TABLE person", None);
        check(&north, "not a statement about person", None);
    }
}
