//! A first estate file, proposed from a dump, a register and a folder of logs. Each line says how sure it is, and from what.
//!
//! It is made to be corrected: what it is not sure of it leaves out, so that nobody is told that they were not reached by an oversight
//! of its, and counts.

mod by_type;
mod columns;
mod people;
mod register;
mod sources;
mod tables;
mod values;
mod web;
pub(crate) mod words;

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::sketch::TableSketch;

pub use register::RegisterSketch;
pub use sources::{fields_of, layout_of};

/// A log as intake found it.
#[derive(Clone, Default)]
pub struct LogSketch {
    /// Path below the folder.
    pub path: String,
    /// The format that fits best, and the share of records that it read.
    pub format: Option<(String, f64)>,
    /// Keys of its JSON records, if it has any, with some of their values; dots go into objects.
    pub json_keys: BTreeMap<String, Vec<String>>,
    /// Its first lines, to see what stands behind the usual fields of a web server's.
    pub lines: Vec<String>,
    /// Database roles seen, with the hosts they came from and how often.
    pub roles: BTreeMap<String, BTreeMap<String, u64>>,
    /// Databases seen.
    pub databases: BTreeSet<String>,
    /// Some of the numbers that its records give to requests: other logs of the same system have them, too.
    pub requests: BTreeSet<String>,
    /// Whether its records tell sessions.
    pub has_sessions: bool,
}

/// A database as a dump shows it.
#[derive(Clone, Debug, Default)]
pub struct DatabaseSketch {
    /// Path of the dump, as it should stand in the file.
    pub snapshot: String,
    /// Whether it is of MySQL or MariaDB.
    pub is_mysql: bool,
    /// What the dump calls the database.
    pub name: Option<String>,
    /// Its tables.
    pub tables: Vec<TableSketch>,
}

/// What the draft is made from.
#[derive(Clone, Default)]
pub struct Findings {
    /// The databases.
    pub databases: Vec<DatabaseSketch>,
    /// The logs.
    pub logs: Vec<LogSketch>,
    /// The register that fits the data best.
    pub register: Option<RegisterSketch>,
    /// Other files that look like registers.
    pub other_registers: Vec<String>,
}

/// Writes the draft. The same findings give the same text.
pub fn write(findings: &Findings) -> String {
    let mut text = String::from(HEAD);
    let systems = sources::Systems::of(&findings.logs);
    systems.write(&findings.logs, &mut text);
    sources::write(&findings.logs, &systems, &mut text);
    let key = tables::write(findings, &systems, &mut text);
    register::write(findings, key, &mut text);
    text
}

const HEAD: &str = "# A first draft of an estate file. What speaks for a line stands behind it: [sure] read off, [likely] by content or name, [guess] change it.\n\
# Correct it, then run `strandline estate check` on it. docs/estate.md describes every field.\n\ndraft = true  # take this line away when you have: until then nobody is told that they were not reached\n\n\
[organisation]\nname = { en = \"Our organisation\" }  # [guess]\ntime_zone = \"UTC\"  # [guess] for deadlines and letters\nregimes = []\n\n";

fn key(name: &str) -> String {
    if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') && !name.is_empty() { name.to_owned() } else { toml_string(name) }
}

/// An id made of a name.
fn word(text: &str) -> String {
    let cleaned: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let trimmed = cleaned.trim_matches('-');
    if trimmed.is_empty() { "system".to_owned() } else { trimmed.to_owned() }
}

/// A string as TOML writes it; the escapes of Rust are others where a character is no printable one.
fn toml_string(text: &str) -> String {
    let mut written = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => written.extend(['\\', letter]),
            letter if letter.is_control() => written.push_str(&format!("\\u{:04X}", u32::from(letter))),
            letter => written.push(letter),
        }
    }
    written.push('"');
    written
}

fn strings<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(toml_string).collect::<Vec<_>>().join(", ")
}

/// A name for a comment: what would end the comment, or speak to a terminal, is written out.
fn printable(name: &str) -> String {
    if name.chars().any(char::is_control) { name.escape_debug().to_string() } else { name.to_owned() }
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let all: BTreeSet<&str> = items.collect();
    if all.is_empty() { "none".to_owned() } else { all.into_iter().take(20).map(printable).collect::<Vec<_>>().join(", ") }
}

#[cfg(test)]
mod tests;
