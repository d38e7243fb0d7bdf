//! A first look at snapshots: which tables and columns they hold, to check an estate file against; and, for a draft of
//! one, keys and a few values to recognise contents by. It judges nothing.

mod columns;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use strandline_model::estate::Estate;
use strandline_model::sketch::{Compared, TableSketch};

pub use columns::KnownPeople;

use crate::snapshot::{OnCut, Parts, Snapshot, announced_dialect, load, load_bare};
use crate::store::{ForeignKey, StoredDatabase, StoredTable};
use crate::{Dialect, HistoryError, ReadOptions, Rows};

/// First bytes of a dump, in which it says what it is.
const HEAD_BYTES: u64 = 1 << 16;

/// A dump as it says of itself.
#[derive(Clone, Debug)]
pub struct DumpSketch {
    /// Whose SQL it is.
    pub dialect: Dialect,
    /// The database's name, where the dump says it (MySQL and MariaDB).
    pub database: Option<String>,
    /// Its tables, by name.
    pub tables: Vec<TableSketch>,
}

/// The tables of one database (`schema.table`), each with its columns.
pub type HeldTables = BTreeMap<String, BTreeSet<String>>;

/// Which tables the snapshots of each database hold, by the database's id in the estate. Rows are passed over.
///
/// # Errors
/// If a snapshot is damaged, or cut and `on_cut` says to stop.
pub fn held_tables(estate: &Estate, snapshots: Vec<Snapshot<'_>>, on_cut: OnCut) -> Result<BTreeMap<String, HeldTables>, HistoryError> {
    let options = ReadOptions { on_cut, rows: Rows::Skipped, ..ReadOptions::default() };
    let (databases, _) = load(estate, snapshots, &options)?;
    let columns = |table: &StoredTable| table.columns.iter().map(|c| c.name.clone()).collect();
    let tables = |database: &StoredDatabase| database.tables.iter().map(|t| (t.full_name(), columns(t))).collect();
    Ok(databases.iter().map(|d| (d.id.clone(), tables(d))).collect())
}

/// Sketches the databases of an estate, by their ids, and matches them with the lines of a register.
///
/// # Errors
/// If a snapshot is damaged, or cut and `on_cut` says to stop.
pub fn sketch_databases(
    estate: &Estate,
    snapshots: Vec<Snapshot<'_>>,
    on_cut: OnCut,
    known: &KnownPeople,
) -> Result<BTreeMap<String, Vec<TableSketch>>, HistoryError> {
    let (databases, _) = load(estate, snapshots, &ReadOptions { on_cut, ..ReadOptions::default() })?;
    let tables = |database: &StoredDatabase| database.tables.iter().map(|table| sketch(table, database, known)).collect();
    Ok(databases.iter().map(|database| (database.id.clone(), tables(database))).collect())
}

/// How the rows of the tables that have a subject key compare with the register's lines of the same key, the first column of `known`:
/// by `schema.table`, and whether each key stands there once.
pub fn compare_keys(estate: &Estate, stored: &[StoredDatabase], known: &KnownPeople) -> Vec<(String, Compared, bool)> {
    let entries = estate.tables.iter().flat_map(|table| table.entries());
    let described = entries.filter_map(|table| Some((table, table.subject_key.as_deref()?)));
    let found = described.filter_map(|(described, key)| {
        let database = stored.iter().find(|database| database.id == described.database)?;
        let table = &database.tables[database.table(&described.name)?];
        let column = table.column_index(key)?;
        Some((described.name.clone(), columns::compared_by_key(table, column, 0, known), table.unique_keys.contains(&vec![column])))
    });
    found.collect()
}

/// Sketches a dump, and matches its columns with the lines of a register. The samples are about people: they must not be shown.
///
/// # Errors
/// If the dump cannot be read.
pub fn sketch_dump(parts: Box<dyn Parts + '_>, path: &str, known: &KnownPeople) -> Result<DumpSketch, HistoryError> {
    let (mut dialect, mut database) = (None, None);
    parts.visit(&mut |part| {
        if dialect.is_none() {
            let mut head = Vec::new();
            let _ = part.reader.take(HEAD_BYTES).read_to_end(&mut head);
            (dialect, database) = head_of_dump(part.name, &head);
        }
        Ok(())
    })?;
    let dialect = dialect.unwrap_or(Dialect::PostgreSql);
    let options = ReadOptions { on_cut: OnCut::GoOn, ..ReadOptions::default() };
    let snapshot = Snapshot { database: "draft".to_owned(), table: None, path: path.to_owned(), parts };
    let schema = database.clone().filter(|_| dialect == Dialect::MySql).unwrap_or_else(|| "public".to_owned());
    let stored = load_bare(&snapshot, dialect, &schema, &options)?;
    let mut tables: Vec<TableSketch> = stored.tables.iter().map(|table| sketch(table, &stored, known)).collect();
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(DumpSketch { dialect, database, tables })
}

/// Whose dump it is, and of which database, by its first comments (`-- Host: localhost    Database: clinic`), by
/// PostgreSQL's mark of an archive, or by mydumper's names (`clinic.patient-schema.sql`).
fn head_of_dump(name: &str, head: &[u8]) -> (Option<Dialect>, Option<String>) {
    if head.starts_with(b"PGDMP") {
        return (Some(Dialect::PostgreSql), None);
    }
    let file = name.rsplit('/').next().unwrap_or(name);
    if let Some((database, rest)) = file.split_once('.')
        && rest.contains("-schema.sql")
    {
        return (Some(Dialect::MySql), Some(database.to_owned()));
    }
    let text = crate::snapshot::head_text(head);
    let comments = || text.lines().filter_map(|line| line.trim().strip_prefix("--")).map(str::trim);
    let database = comments().filter(|c| c.starts_with("Host:")).find_map(|c| c.split_once("Database:")).map(|(_, name)| name.trim().to_owned());
    let used = || text.lines().find_map(|line| line.trim().strip_prefix("USE `")?.strip_suffix("`;").map(str::to_owned));
    (comments().find_map(announced_dialect), database.filter(|name| !name.is_empty()).or_else(used))
}

fn sketch(table: &StoredTable, stored: &StoredDatabase, known: &KnownPeople) -> TableSketch {
    let name = |column: &usize| table.columns.get(*column).map(|column| column.name.clone());
    let columns = columns::sketch(table, known);
    TableSketch {
        name: table.full_name(),
        splits: columns::splits(table, &columns, known),
        by_type: columns::by_type(table, &columns),
        columns,
        primary_key: table.primary_key.iter().filter_map(name).collect(),
        unique: table
            .unique_keys
            .iter()
            .filter(|key| **key != table.primary_key)
            .filter_map(|key| if let [one] = &key[..] { name(one) } else { None })
            .collect(),
        rows: table.rows() as u64,
        foreign_keys: table.foreign_keys.iter().filter_map(|key| Some((name(key.columns.first()?)?, key.table.clone(), referred(key, stored)?))).collect(),
    }
}

/// The one column that a foreign key of one column names; where it says none, the other table's primary key is meant.
fn referred(key: &ForeignKey, stored: &StoredDatabase) -> Option<String> {
    match (key.columns.as_slice(), key.to_columns.as_slice()) {
        ([_], [to_column]) => Some(to_column.clone()),
        ([_], []) => {
            let other = &stored.tables[stored.table(&key.table)?];
            let [primary] = other.primary_key[..] else { return None };
            Some(other.columns.get(primary)?.name.clone())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSTGRES: &str = "-- Dumped from database version 16.4\n\
        CREATE TABLE public.person (id integer NOT NULL, badge text, name text, email text);\n\
        COPY public.person (id, badge, name, email) FROM stdin;\n1\tB77001\tAda Berg\tada@x.example\n2\tB77002\tBo Hart\tbo@x.example\n3\tB77003\tCy Jans\tcy@x.example\n\\.\n\
        CREATE TABLE public.colour (id integer NOT NULL, label text);\n\
        COPY public.colour (id, label) FROM stdin;\n1\tred\n2\tblue\n3\tgreen\n\\.\n\
        CREATE TABLE public.note (id integer NOT NULL, person integer, body text);\n\
        COPY public.note (id, person, body) FROM stdin;\n\\.\n\
        ALTER TABLE ONLY public.person ADD CONSTRAINT a_badge UNIQUE (badge);\n\
        ALTER TABLE ONLY public.person ADD CONSTRAINT person_pkey PRIMARY KEY (id);\n\
        ALTER TABLE ONLY public.note ADD CONSTRAINT note_person FOREIGN KEY (person) REFERENCES public.person;\n";
    const MYSQL: &str = "-- MySQL dump 10.13  Distrib 8.0.36\n-- Host: localhost    Database: public\n\
        CREATE TABLE `person` (`id` int NOT NULL, `badge` varchar(9), `name` text, `email` text, UNIQUE KEY `a` (`badge`), PRIMARY KEY (`id`));\n\
        INSERT INTO `person` VALUES (1,'B77001','Ada Berg','ada@x.example'),(2,'B77002','Bo Hart','bo@x.example'),(3,'B77003','Cy Jans','cy@x.example');\n\
        CREATE TABLE `colour` (`id` int NOT NULL, `label` text, PRIMARY KEY (`id`));\n\
        INSERT INTO `colour` VALUES (1,'red'),(2,'blue'),(3,'green');\n\
        CREATE TABLE `note` (`id` int NOT NULL, `person` int, `body` text, FOREIGN KEY (`person`) REFERENCES `person` (`id`));\n-- Dump completed\n";

    fn known(first: &str, lines: &[&str]) -> KnownPeople {
        let columns = [first, "name", "email"].map(str::to_owned).to_vec();
        KnownPeople::new(columns, lines.iter().map(|line| line.split(',').map(str::to_owned).collect()).collect())
    }

    fn check(dump: &str, known: &KnownPeople, table: &str, column: &str, key: usize, expected: (u64, Compared)) -> TableSketch {
        let sketch = sketch_dump(Box::new(dump.as_bytes()), "dump.sql", known).expect("a whole dump");
        let table = sketch.tables.into_iter().find(|t| t.name == table).expect("a table of the dump");
        let found = table.columns.iter().find(|c| c.name == column).expect("a column of the table");
        assert_eq!((found.known[key], found.compared[key]), expected);
        table
    }

    #[test]
    fn the_primary_key_is_the_declared_one_and_the_register_is_found_in_the_rows() {
        let people = known("no", &["1,Ada Berg,ada@x.example", "2,Bo Hart,bo@x.example", "3,Cy Jans,cy@x.example"]);
        for dump in [POSTGRES, MYSQL] {
            let person = check(dump, &people, "public.person", "id", 0, (3, Compared { rows: 3, same: 3, other: 0 }));
            assert_eq!((person.primary_key, person.unique), (vec!["id".to_owned()], vec!["badge".to_owned()]));
            // The same numbers, of something else.
            check(dump, &people, "public.colour", "id", 0, (3, Compared { rows: 3, same: 0, other: 0 }));
            let note = sketch_dump(Box::new(dump.as_bytes()), "dump.sql", &people).expect("a whole dump").tables.remove(1);
            assert_eq!(note.foreign_keys, [("person".to_owned(), "public.person".to_owned(), "id".to_owned())]);
        }
    }

    #[test]
    fn a_column_of_few_values_parts_organisations_from_people() {
        let dump = "-- Dumped from database version 16.4\n\
            CREATE TABLE public.partner (id integer NOT NULL, name text, is_company boolean, vat text);\n\
            COPY public.partner (id, name, is_company, vat) FROM stdin;\n1\tAda Berg\tf\tGB123456\n2\tBo Hart\tf\t\\N\n3\tCy Jans\tf\t\\N\n4\tFirm\tt\t\\N\n\\.\n\
            ALTER TABLE ONLY public.partner ADD CONSTRAINT p PRIMARY KEY (id);\n";
        let people = known("no", &["1,Ada Berg,123456", "2,Bo Hart,x", "3,Cy Jans,y"]);
        let partner = check(dump, &people, "public.partner", "id", 0, (3, Compared { rows: 3, same: 3, other: 0 }));
        let split = partner.splits.iter().find(|split| split.column == "is_company").expect("a column of few values");
        assert_eq!((split.key.as_str(), split.register), ("id", 0));
        assert_eq!(split.values, [("f".to_owned(), 3, 0), ("t".to_owned(), 0, 1)]);
        assert_eq!(partner.columns[3].within[2], 1, "a number behind the code of a country");
    }

    #[test]
    fn a_register_that_counts_people_otherwise_meets_other_people() {
        let people = known("no", &["1,Bo Hart,bo@x.example", "2,Cy Jans,cy@x.example", "3,Ada Berg,ada@x.example"]);
        check(POSTGRES, &people, "public.person", "id", 0, (3, Compared { rows: 3, same: 0, other: 3 }));
    }
}
