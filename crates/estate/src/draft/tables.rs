//! The databases and their tables: those whose rows belong to people, with key and categories; the others counted.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use strandline_model::sketch::{Split, TableSketch};

use super::columns::{Sorted, own_category, sort};
use super::people::{Owner, Owners, People, Way, owners, people};
use super::sources::Systems;
use super::{DatabaseSketch, Findings, RegisterSketch, by_type, key, list, printable, strings, toml_string, words};

/// What people are to an organisation of which nothing tells it.
pub(super) const PLAIN: &str = "personal_record";

/// Writes the databases. Returns the register's column whose values are the data's keys.
pub(super) fn write(findings: &Findings, systems: &Systems, text: &mut String) -> Option<usize> {
    let register = findings.register.as_ref();
    let mut found: Vec<Option<People>> = findings.databases.iter().map(|database| people(&database.tables, register, None)).collect();
    // One key for all: that of the database which knows most people.
    let surest = found.iter().flatten().filter(|people| people.is_sure).max_by_key(|people| people.known);
    let key = surest.and_then(|people| people.register);
    for (database, found) in findings.databases.iter().zip(&mut found) {
        if key.is_some() && found.as_ref().is_some_and(|people| people.register != key) {
            *found = people(&database.tables, register, key).filter(|people| people.is_sure);
        }
    }
    let mut ids = BTreeSet::new();
    for (database, people) in findings.databases.iter().zip(&found) {
        write_database(findings, database, people.as_ref(), systems, &mut ids, text);
    }
    key
}

fn write_database(findings: &Findings, database: &DatabaseSketch, people: Option<&People>, systems: &Systems, ids: &mut BTreeSet<String>, text: &mut String) {
    let family = if database.is_mysql { "mysql" } else { "postgresql" };
    let logs = || findings.logs.iter().filter(|log| log.format.as_ref().is_some_and(|(format, _)| format.starts_with(family)));
    let seen: BTreeSet<&str> = logs().flat_map(|log| &log.databases).map(String::as_str).collect();
    let own: Vec<&str> = seen.iter().copied().filter(|name| !["postgres", "template0", "template1", "mysql", "information_schema"].contains(name)).collect();
    let schemas: BTreeSet<&str> = database.tables.iter().filter_map(|t| t.name.split_once('.')).map(|(schema, _)| schema).collect();
    // What the dump's file and its schemas are called like.
    let file = database.snapshot.rsplit('/').next().unwrap_or(&database.snapshot);
    let alike: Vec<&str> = own.iter().copied().filter(|name| schemas.contains(name) || words::share_a_word(name, file)).collect();
    let (name, sure) = match (database.name.as_deref(), &own[..], &alike[..]) {
        (Some(name), ..) => (name, "sure"),
        (None, [one], _) | (None, _, [one]) => (*one, "likely"),
        (None, ..) => ("main", "guess"),
    };
    let mut id = name.to_owned();
    while !ids.insert(id.clone()) {
        id.push('x');
    }
    let system = logs().find(|log| !log.databases.is_empty()).map_or_else(|| systems.first(), |log| systems.of_log(&log.path));
    let _ = writeln!(text, "[[database]]\nid = {}  # [{sure}] databases seen in logs: {}", toml_string(&id), list(seen.iter().copied()));
    let _ = writeln!(text, "system = {}  # [likely] where its log lies", toml_string(&system));
    if id != name {
        let _ = writeln!(text, "name = {}", toml_string(name));
    }
    if database.is_mysql {
        text.push_str("dialect = \"mysql\"  # [sure]\n");
    }
    let _ = writeln!(text, "search_path = [{}]", strings(schemas));
    let _ = writeln!(text, "snapshot = [{}]  # [sure]", toml_string(&database.snapshot));
    let described = people.map(|people| owners(&database.tables, findings.register.as_ref(), people));
    write_left_out(database, described.as_ref(), findings.register.as_ref(), text);
    if let (Some(people), Some(owners)) = (people, &described) {
        let standing = standing(findings, database, people);
        let taken = described_tables(&database.tables, owners);
        for (at, owner) in owners.of.iter().filter(|(at, _)| taken.contains(*at)) {
            let table = &database.tables[*at];
            let filter = (*at == people.table).then(|| row_filter(table, people)).flatten();
            write_table(&id, table, owner, (&sort(table, owner, *at == people.table, standing, findings.register.as_ref()), filter), text);
        }
    }
}

/// What these people are to the organisation.
fn standing(findings: &Findings, database: &DatabaseSketch, people: &People) -> &'static str {
    let register = findings.register.as_ref();
    let file = register.map(|register| register.path.rsplit('/').next().unwrap_or(&register.path));
    let names = [Some(people.column.as_str()), file, Some(database.tables[people.table].name.as_str()), database.name.as_deref()];
    let columns = register.into_iter().flat_map(|register| register.columns.iter().map(String::as_str));
    words::of_people(names.into_iter().flatten().chain(columns)).unwrap_or(PLAIN)
}

/// The tables that are described: that of the people, those that hold something, and those that the way of such a one goes through.
fn described_tables(tables: &[TableSketch], owners: &Owners) -> BTreeSet<usize> {
    let mut taken: BTreeSet<usize> = owners.of.keys().copied().filter(|at| *at == owners.people || !is_left_out(&tables[*at])).collect();
    let mut open: Vec<usize> = taken.iter().copied().collect();
    while let Some(at) = open.pop() {
        if let Some(Way::Via { table, .. }) = owners.of.get(&at).map(|owner| &owner.way)
            && let Some(through) = tables.iter().position(|other| other.name == *table).filter(|through| taken.insert(*through))
        {
            open.push(through);
        }
    }
    taken
}

/// Whether a table whose rows would belong to people holds nothing to describe yet: it has no rows, or only keys.
fn is_left_out(table: &TableSketch) -> bool {
    table.rows == 0 || words::holds_keys_alone(table)
}

/// Says which tables are not described, and why: until somebody has looked at them, nobody is told that they were not reached by a read of them.
fn write_left_out(database: &DatabaseSketch, owners: Option<&Owners>, register: Option<&RegisterSketch>, text: &mut String) {
    let owned = |at: &usize| owners.is_some_and(|owners| owners.of.contains_key(at));
    let why = |at: &usize| owners.and_then(|owners| owners.doubtful.get(at)).map(|why| format!(" ({why})")).unwrap_or_default();
    let taken = owners.map(|owners| described_tables(&database.tables, owners)).unwrap_or_default();
    let (mut empty, mut unowned, mut tied, mut plain) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (at, table) in database.tables.iter().enumerate() {
        let name = || printable(&table.name);
        match (personal_columns(table, register), why(&at)) {
            _ if taken.contains(&at) => {}
            _ if owned(&at) => empty.push(name()),
            (kinds, why) if kinds.is_empty() && why.is_empty() => plain.push(table.name.as_str()),
            (kinds, _) if kinds.is_empty() => tied.push(name()),
            (kinds, why) => unowned.push(format!("{}: {}{}", name(), list(kinds.into_iter()), printable(&why))),
        }
    }
    if !plain.is_empty() {
        let _ = writeln!(text, "# {} tables hold nothing that looks personal. Look at them, and take away the # before those that hold none:", plain.len());
        let _ = writeln!(text, "# without_personal_data = [{}]", strings(plain));
    }
    text.push('\n');
    for line in &unowned {
        let _ = writeln!(text, "# Not described, since whose rows these are is not known: {line}");
    }
    if !tied.is_empty() {
        let _ = writeln!(text, "# {} tables are tied to people only by who wrote a row, or by some of their rows: {}", tied.len(), tied.join(", "));
    }
    if !empty.is_empty() {
        let _ = writeln!(text, "# {} more tables lead to people and are empty, or hold keys alone: {}", empty.len(), empty.join(", "));
    }
    if !(unowned.is_empty() && tied.is_empty() && empty.is_empty()) {
        text.push_str("# Describe them: until then a read of them keeps everybody from being told that they were not reached.\n\n");
    }
}

/// The kinds of data about people that a table seems to hold.
fn personal_columns<'t>(table: &'t TableSketch, register: Option<&RegisterSketch>) -> BTreeSet<&'t str> {
    let told = table.columns.iter().filter(|column| column.filled > 0 || table.rows == 0);
    told.filter_map(|column| own_category(column, register)).map(|(category, _)| category).collect()
}

/// A line that keeps out the rows of the table of people that are no people, as it seems: a column says of all that the register has not
/// what it says of none that it has. It is only proposed: who is not in the register may be a person all the same.
fn row_filter(table: &TableSketch, people: &People) -> Option<String> {
    let splits = table.splits.iter().filter(|split| split.key == people.column && Some(split.register) == people.register);
    let outside = |split: &&Split| split.values.iter().filter(|(_, known, _)| *known == 0).map(|(.., unknown)| *unknown).sum::<u64>();
    let parts =
        splits.filter(|split| outside(split) > 0 && split.values.iter().all(|(value, known, unknown)| *known == 0 || (*unknown == 0 && !value.is_empty())));
    let split = parts.max_by_key(|split| (words::tells_persons(&split.column), std::cmp::Reverse(split.column.clone())))?;
    let kept = split.values.iter().filter(|(_, known, _)| *known > 0).map(|(value, ..)| value.as_str());
    Some(format!(
        "# rows = {{ {} = [{}] }}  # [likely] the {} rows that the register has not say otherwise: organisations?",
        key(&split.column),
        strings(kept),
        outside(&split)
    ))
}

fn write_table(database: &str, table: &TableSketch, owner: &Owner, (sorted, filter): (&Sorted, Option<String>), text: &mut String) {
    let sure = |is_sure: bool| if is_sure { "sure" } else { "likely" };
    let _ = writeln!(text, "[[table]]\ndatabase = {}\nname = {}  # [sure] {} rows", toml_string(database), toml_string(&table.name), table.rows);
    let why = format!("[{}] {}", sure(owner.is_sure), printable(&owner.why));
    let _ = match &owner.way {
        Way::Key(column) => writeln!(text, "subject_key = {}  # {why}", toml_string(column)),
        Way::Via { column, table, to_column } => {
            let (column, table, to_column) = (toml_string(column), toml_string(table), toml_string(to_column));
            writeln!(text, "subject_via = {{ column = {column}, table = {table}, to_column = {to_column} }}  # {why}")
        }
    };
    if let Some(filter) = filter {
        let _ = writeln!(text, "{filter}");
    }
    if sorted.left > 0 {
        let _ = writeln!(text, "other_columns = {}  # [guess] {} that are empty or always the same", toml_string(sorted.others), sorted.left);
        if !sorted.without.is_empty() {
            let _ = writeln!(text, "without_personal_data = [{}]  # [likely] keys and book-keeping", strings(sorted.without.iter().map(String::as_str)));
        }
    }
    for comment in by_type::comments(table) {
        let _ = writeln!(text, "{comment}");
    }
    text.push_str("[table.categories]\n");
    for (column, category) in &sorted.categories {
        let _ = writeln!(text, "{} = {:?}  # [{}] {}", key(column), category.name, if category.is_sure { "sure" } else { "likely" }, printable(&category.why));
    }
    text.push('\n');
}
