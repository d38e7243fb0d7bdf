//! The register: which columns it has, which of them tell people apart, and which of them the data knows.

use std::fmt::Write as _;

use super::{Findings, printable, toml_string, words};

/// A register as it was found. It keeps no value.
#[derive(Clone, Debug, Default)]
pub struct RegisterSketch {
    /// Path below the folder.
    pub path: String,
    /// Its column names.
    pub columns: Vec<String>,
    /// How many people it has.
    pub people: u64,
    /// The columns in which each person has a value of their own.
    pub tells_apart: Vec<bool>,
    /// The category of each column, where it has one.
    pub(super) categories: Vec<Option<&'static str>>,
}

impl RegisterSketch {
    /// From what was found.
    pub fn new(path: String, columns: Vec<String>, people: u64, tells_apart: Vec<bool>) -> Self {
        let categories = columns.iter().enumerate().map(|(at, name)| category(name, tells_apart.get(at).is_some_and(|tells| *tells))).collect();
        Self { path, columns, people, tells_apart, categories }
    }
}

fn category(name: &str, tells_apart: bool) -> Option<&'static str> {
    let own: Vec<String> = words::words(name);
    let has = |word: &str| own.iter().any(|w| w == word);
    if has("lang") || has("language") || has("locale") || has("status") || has("state") {
        return None;
    }
    match words::of_column(name) {
        Some(category) => Some(category),
        None if has("name") => Some("name"),
        // A number by which people are known: of their standing, or of their identity.
        None if tells_apart => Some(words::of_people([name]).filter(|standing| *standing != "health").unwrap_or("identity_document")),
        None => None,
    }
}

/// Writes the register. `key` is the column whose values the data has.
pub(super) fn write(findings: &Findings, key: Option<usize>, text: &mut String) {
    let Some(register) = &findings.register else {
        text.push_str("# [register]  # no CSV file looks like a register: who are the people, and how are they reached?\n");
        return;
    };
    let _ = writeln!(text, "[register]\nfile = {}  # [likely] by its columns: {} people{}", toml_string(&register.path), register.people, others(findings));
    let first = register.columns.first().map_or("", String::as_str);
    let is_contact = key.and_then(|key| register.categories.get(key)).is_some_and(|category| matches!(category, Some("email" | "phone" | "name" | "address")));
    let _ = match key.and_then(|key| register.columns.get(key)) {
        Some(column) if is_contact => writeln!(
            text,
            "key = {}  # [likely] no number of the register is the data's, and this names people until they change it: better give the register the data's key",
            toml_string(column)
        ),
        Some(column) => writeln!(text, "key = {}  # [sure] its values are the keys of the data", toml_string(column)),
        None if findings.databases.is_empty() => writeln!(text, "key = {}  # [guess] its first column", toml_string(first)),
        None => writeln!(
            text,
            "key = {}  # [guess] no column of the register holds the keys of the data: `respond` refuses to start until both name people by the same number",
            toml_string(first)
        ),
    };
    let find = |names: &[&str]| register.columns.iter().find(|c| words::words(c).iter().any(|word| names.contains(&word.as_str())));
    let chinese = find(&["chinese", "zh"]);
    let english = register.columns.iter().enumerate().find(|(at, c)| register.categories[*at] == Some("name") && Some(*c) != chinese);
    let also = chinese.map(|column| format!(", \"zh-Hant\" = {}", toml_string(column))).unwrap_or_default();
    let _ = writeln!(text, "name = {{ en = {}{also} }}  # [likely] by name", toml_string(english.map_or("", |(_, column)| column)));
    let by_category =
        |wanted: &[&str]| register.columns.iter().enumerate().find(|(at, _)| register.categories[*at].is_some_and(|c| wanted.contains(&c))).map(|(_, c)| c);
    let fields = [
        ("email", by_category(&["email"])),
        ("phone", by_category(&["phone"])),
        ("postal_address", by_category(&["address"])),
        ("language", find(&["lang", "language", "locale"])),
        ("status", find(&["status", "state"])),
    ];
    for (field, column) in fields.into_iter().filter_map(|(field, column)| Some((field, column?))) {
        let _ = writeln!(text, "{field} = {}  # [likely] by name", toml_string(column));
    }
}

fn others(findings: &Findings) -> String {
    match findings.other_registers.as_slice() {
        [] => String::new(),
        others => format!("; it could also be {}", others.iter().take(5).map(|path| printable(path)).collect::<Vec<_>>().join(", ")),
    }
}
