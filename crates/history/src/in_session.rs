//! Writes as their sessions meant them. A bare name is looked for along the path that the session had set, so it is written out; a write
//! of a session under which its words may mean something else is not read at all.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Query, Statement, VisitMut, VisitorMut};
use strandline_sql::{Dialect, Rules, SessionState, parts};

use crate::definition::{Definition, definitions};
use crate::paths::{Path, Paths};
use crate::rebuild::is_temporary;
use crate::store::StoredDatabase;
use crate::writes::{Write, mentions, parse};

/// Texts that are kept with their names written out; beyond, each is read anew.
const TEXTS: usize = 4096;

/// A statement, where its names are looked for, and which database it may be in.
type Asked = (Arc<str>, Arc<[String]>, usize);

/// Whose session, what it had set, and which database it may be in.
type Sitting = (Option<Arc<str>>, Option<Arc<SessionState>>, usize);

/// Where names are looked for, shared by the writes of a session.
#[derive(Clone)]
enum Looked {
    AsWritten,
    Along(Arc<[String]>),
    Nowhere,
}

/// Reads the writes as their sessions meant them, before they are applied. `made` are the schemas that the log names in what it makes.
pub fn in_their_sessions(writes: &mut [Write], stored: &[StoredDatabase], made: &BTreeSet<String>) {
    let paths: Vec<Paths> = stored.iter().map(|database| Paths::of(database, made)).collect();
    let moved = moved(writes);
    let mut known: HashMap<Asked, Option<Arc<str>>> = HashMap::new();
    let mut sittings: HashMap<Sitting, Looked> = HashMap::new();
    for write in writes.iter_mut() {
        let may_be_in = |database: &&StoredDatabase| database.dialect == write.dialect && write.database.as_deref().is_none_or(|name| name == database.name);
        let mut found = stored.iter().enumerate().filter(|(_, database)| may_be_in(database));
        let Some((at, database)) = found.next() else { continue };
        if write.session.is_none() && !paths[at].may_differ() {
            continue;
        }
        if sittings.len() >= TEXTS {
            sittings.clear();
        }
        let looked = sittings.entry((write.role.clone(), write.session.clone(), at)).or_insert_with_key(|sitting| looked(sitting, &paths[at])).clone();
        match looked {
            Looked::AsWritten => {}
            Looked::Nowhere => write.is_lost = true,
            Looked::Along(path) => {
                if known.len() >= TEXTS {
                    known.clear();
                }
                let key = (write.statement.clone(), path.clone(), at);
                let text = known.entry(key).or_insert_with(|| Qualifier::new(database, &path, &moved).read(&write.statement).map(Arc::from)).clone();
                match text.filter(|_| found.next().is_none()) {
                    Some(text) => write.statement = text,
                    None => write.is_lost = true,
                }
            }
        }
    }
}

/// Names that the log gives to another relation, or takes into another schema: which one has it when is not followed here.
fn moved(writes: &[Write]) -> BTreeSet<String> {
    let begins = |text: &str, word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let may_move = |write: &&Write| begins(write.statement.trim_start(), "alter") || begins(write.statement.trim_start(), "rename");
    let all = writes.iter().filter(may_move).filter_map(|write| definitions(&write.statement, write.dialect)).flatten();
    let names = all.flat_map(|definition| match definition {
        Definition::Rename { name, to } => vec![name, to],
        Definition::Move { name, .. } => vec![name],
        _ => Vec::new(),
    });
    names.filter_map(|mut name| name.pop()).map(|name| name.to_lowercase()).collect()
}

fn looked((role, session, _): &Sitting, paths: &Paths) -> Looked {
    if session.as_deref().is_some_and(is_odd) {
        return Looked::Nowhere;
    }
    match paths.of_session(role.as_deref(), session.as_deref()) {
        Path::Own => Looked::AsWritten,
        Path::Along(path) => Looked::Along(path.into()),
        Path::Lost => Looked::Nowhere,
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
    /// Names that stand for one relation now and for another then.
    moved: &'q BTreeSet<String>,
    /// Whether it uses one of these.
    is_lost: bool,
}

impl<'q> Qualifier<'q> {
    fn new(stored: &'q StoredDatabase, path: &'q [String], moved: &'q BTreeSet<String>) -> Self {
        Self { stored, path: path.iter().map(String::as_str).collect(), given: Vec::new(), makes: false, moved, is_lost: false }
    }

    /// The statement with its names written out; `None` where they cannot be found.
    fn read(mut self, sql: &str) -> Option<String> {
        let dialect = self.stored.dialect;
        let mut statement = parse(sql, dialect)?;
        self.makes = matches!(statement, Statement::CreateTable(_) | Statement::CreateView(_)) && !is_temporary(sql);
        let _given: ControlFlow<()> = statement.visit(&mut Given { names: &mut self.given, dialect });
        let mut qualified = self;
        let _done: ControlFlow<()> = statement.visit(&mut qualified);
        if qualified.is_lost {
            return None;
        }
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
        self.is_lost |= self.moved.contains(&name.to_lowercase());
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
        let moved = BTreeSet::from(["moved".to_owned()]);
        assert_eq!(Qualifier::new(&stored, &path, &moved).read(sql).as_deref(), expected, "{sql}");
    }

    #[test]
    fn a_bare_name_is_looked_for_along_the_sessions_path() {
        let north = ["north", "public"];
        check(&north, "UPDATE person SET name = 'x' WHERE person.id = 1", Some("UPDATE \"north\".person SET name = 'x' WHERE person.id = 1"));
        check(&north, "INSERT INTO note SELECT name FROM Person", Some("INSERT INTO \"public\".note SELECT name FROM \"north\".Person"));
        check(&north, "DELETE FROM public.person", Some("DELETE FROM public.person"));
        check(&north, "WITH person AS (SELECT 1) UPDATE visit SET a = 1", Some("WITH person AS (SELECT 1) UPDATE \"north\".visit SET a = 1"));
        check(&north, "CREATE TABLE person2 AS SELECT * FROM person", Some("CREATE TABLE \"north\".person2 AS SELECT * FROM \"north\".person"));
        // There is none in the path: it is not the one of the database's own path.
        check(&["south"], "DELETE FROM person", Some("DELETE FROM \"south\".person"));
        check(&["south"], "DELETE FROM elsewhere", Some("DELETE FROM elsewhere"));
        check(&north, "DROP TABLE person", None);
        // The log gives it another schema at some time.
        check(&north, "UPDATE moved SET name = 'x'", None);
        check(&north, "UPDATE public.moved SET name = 'x'", Some("UPDATE public.moved SET name = 'x'"));
        check(&north, "not a statement about person", None);
    }
}
