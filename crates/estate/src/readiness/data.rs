//! Whether what the estate says of the data fits the data: keys, tables that nobody described, people whose letters would be held.

use std::collections::BTreeMap;

use strandline_model::estate::{Database, Estate, Table};
use strandline_model::sketch::{ColumnSketch, TableSketch};

use super::{Answer, blind, costly};
use crate::draft::words;

/// Names that an answer spells out.
const NAMES: usize = 12;

/// What the snapshots and the register hold.
#[derive(Debug, Default)]
pub struct Data {
    /// The tables of each database, by its id, matched with the register; its key is the first column.
    pub databases: BTreeMap<String, Vec<TableSketch>>,
    /// People of the register.
    pub people: u64,
    /// Words in the register's status that mean nothing known, with how many people have them.
    pub unclear_statuses: BTreeMap<String, u64>,
    /// Keys of JSON logs that look like a session and that no field is mapped to, by source.
    pub unmapped_sessions: BTreeMap<String, Vec<String>>,
}

/// The cookies that a web server's log writes down, as its `log_format` names them.
pub fn cookies_of(log_format: &str) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let nginx = log_format.split("$cookie_").skip(1).map(|rest| rest.split(|c| !is_name(c)).next().unwrap_or_default());
    let nginx = nginx.filter(|name| !name.is_empty()).map(|name| format!("$cookie_{name}"));
    let apache = log_format.split("%{").skip(1).filter_map(|rest| rest.split_once("}C")).map(|(name, _)| name);
    let apache = apache.filter(|name| !name.is_empty() && name.chars().all(is_name)).map(|name| format!("%{{{name}}}C"));
    nginx.chain(apache).collect()
}

/// Judges the description of the data.
pub(super) fn judge(estate: &Estate, data: &Data, answers: &mut Vec<Answer>) {
    for database in &estate.databases {
        let Some(tables) = data.databases.get(&database.id).filter(|tables| !tables.is_empty()) else { continue };
        for described in estate.tables.iter().filter(|table| table.database == database.id) {
            described.entries().for_each(|entry| judge_key(entry, tables, data.people, answers));
        }
        judge_undescribed(estate, (database, tables), data.people > 0, answers);
    }
    judge_statuses(data, answers);
}

/// Whether the subject key of a table is the register's.
fn judge_key(described: &Table, tables: &[TableSketch], people: u64, answers: &mut Vec<Answer>) {
    let Some(table) = tables.iter().find(|table| table.name == described.name) else { return };
    let Some(column) = described.subject_key.as_deref().and_then(|key| find(table, key)) else { return };
    let known = column.known.first().copied().unwrap_or(0);
    let compared = column.compared.first().copied().unwrap_or_default();
    if people == 0 || column.distinct == 0 {
        return;
    }
    let mend = "name the column that holds the register's key in subject_key, the way to it in subject_via, or another column as key of [register]";
    if known == 0 {
        let found = format!("none of the {} values of its subject key {:?} is a key of the register", column.distinct, column.name);
        answers.push(blind(&table.name, found, "who the people in it are: they would be told what is told to people who are in no data", mend));
    } else if compared.other >= 3 && compared.other * 10 >= compared.rows * 9 && table.unique.iter().chain(&table.primary_key).any(|key| *key == column.name) {
        let found = format!("of {} of {} rows the register has another person under the number in {:?}", compared.other, compared.rows, column.name);
        answers.push(blind(&table.name, found, "who the people in it are: letters would go to others", mend));
    } else if known * 2 < column.distinct && described.rows.is_empty() {
        let found = format!("only {known} of the {} values of its subject key {:?} are keys of the register", column.distinct, column.name);
        answers.push(costly(&table.name, found, "how to reach the others", mend));
    }
}

fn find<'t>(table: &'t TableSketch, name: &str) -> Option<&'t ColumnSketch> {
    table.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
}

/// Tables that lead to people, and of which the estate says nothing.
fn judge_undescribed(estate: &Estate, (database, tables): (&Database, &[TableSketch]), has_register: bool, answers: &mut Vec<Answer>) {
    let described: Vec<&Table> = estate.tables.iter().filter(|table| table.database == database.id).collect();
    let keys: BTreeMap<&str, &str> = described.iter().filter_map(|table| Some((table.name.as_str(), table.subject_key.as_deref()?))).collect();
    let mut leading: BTreeMap<&str, String> = described.iter().map(|table| (table.name.as_str(), String::new())).collect();
    loop {
        let unknown = tables.iter().filter(|table| !leading.contains_key(table.name.as_str()));
        let found: Vec<(&str, String)> = unknown.filter_map(|table| Some((table.name.as_str(), way(table, &leading, (&keys, has_register))?))).collect();
        if found.is_empty() {
            break;
        }
        leading.extend(found);
    }
    let open = tables.iter().filter_map(|table| Some((table, leading.get(table.name.as_str()).filter(|way| !way.is_empty())?)));
    let (mut empty, mut plain, mut said) = (Vec::new(), Vec::new(), Vec::new());
    for (table, way) in open {
        let is_said = database.without_personal_data.contains(&table.name);
        match table.rows {
            0 if is_said => {}
            _ if is_said => said.push(format!("{} ({way})", table.name)),
            0 => empty.push(table.name.clone()),
            _ if words::holds_keys_alone(table) => plain.push(table.name.clone()),
            rows => answers.push(blind(
                &table.name,
                format!("{rows} rows lead to people ({way}), and the estate does not describe it"),
                "whom a read of it shows: everybody it may be about is possible, and nobody can be told that they were not reached",
                "add a [[table]] for it, or name it in without_personal_data of its database once somebody has looked",
            )),
        }
    }
    let mut tell = |names: &[String], what: &str, lost: &str, mend: &str| {
        if !names.is_empty() {
            answers.push(costly(&database.id, format!("{} tables {what}: {}", names.len(), few(names)), lost, mend));
        }
    };
    let mend = "add a [[table]] for each that is in use, or name it in without_personal_data";
    tell(&plain, "lead to people, hold keys alone and are not described", "that people can be told that they were not reached, once they are read", mend);
    tell(&empty, "lead to people, are empty and are not described", "whom a read of them shows, once they hold rows", mend);
    tell(&said, "lead to people and are said to hold no personal data", "whom a read of them shows, should it not be so", "look at them once more");
}

/// How a table leads to people: by a foreign key, or by a column that bears the name of their key.
fn way(table: &TableSketch, leading: &BTreeMap<&str, String>, (keys, has_register): (&BTreeMap<&str, &str>, bool)) -> Option<String> {
    let about = |column: &str| !words::is_of_a_writer(column) && !words::is_bookkeeping(column);
    let is_of_nobody = |column: &str, is_key: bool| {
        let sketch = find(table, column);
        // It names none at all, or organisations that no register has.
        table.rows > 0 && sketch.is_some_and(|sketch| sketch.filled == 0 || (is_key && has_register && sketch.known.first() == Some(&0)))
    };
    let declared = table.foreign_keys.iter().find(|(column, to, to_column)| {
        let is_key = keys.get(to.as_str()) == Some(&to_column.as_str());
        leading.contains_key(to.as_str()) && *to != table.name && about(column) && !is_of_nobody(column, is_key)
    });
    let by_name = |column: &&ColumnSketch| keys.values().any(|key| *key == column.name && says_more_than_id(key)) && !is_of_nobody(&column.name, true);
    let declared = declared.map(|(column, to, _)| format!("{column} refers to {to}"));
    declared.or_else(|| table.columns.iter().find(by_name).map(|column| format!("{} is a key of people", column.name)))
}

fn says_more_than_id(key: &str) -> bool {
    !["id", "uuid", "pk", "name", "code", "no"].contains(&key.to_lowercase().as_str())
}

fn few(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMES);
    let shown = names[..names.len() - more].join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// Words of the register that hold letters.
fn judge_statuses(data: &Data, answers: &mut Vec<Answer>) {
    let held: u64 = data.unclear_statuses.values().sum();
    if held == 0 {
        return;
    }
    // A word that few people have may be a remark on one of them.
    let words: Vec<String> = data.unclear_statuses.iter().filter(|(_, people)| **people >= 3).map(|(word, people)| format!("{word:?} ({people})")).collect();
    let which = if words.is_empty() { String::new() } else { format!(": {}", few(&words)) };
    answers.push(costly(
        "register",
        format!("{held} people have a status that says neither that they are there, nor that they left or died{which}"),
        "their letters: each is held until a person has read it",
        "write serving, departed or deceased in the register, or leave the status out of [register]",
    ));
}
