//! The estate file: read it, check it, say what its logs could never answer, propose a first one.
//!
//! It works on text and on what others observed; it opens no file.

pub mod draft;
mod nearest;
pub mod readiness;
mod target;

use std::collections::BTreeSet;

use strandline_model::address::as_compared;
use strandline_model::estate::{Estate, Route, SharedFile, Table};
use strandline_model::register::Status;
use strandline_model::window;

pub use nearest::nearest;

/// A mistake in an estate file, with its place and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} line {line}: {problem}")]
pub struct EstateError {
    /// The file.
    pub path: String,
    /// 1-based line; 0 where the whole file is meant.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
    /// What would be right.
    pub hint: Option<String>,
}

/// Reads an estate file and checks that everything it names exists in it.
///
/// # Errors
/// The first mistake, with its line and the nearest right name.
pub fn read(text: &str, path: &str) -> Result<Estate, EstateError> {
    let mut estate: Estate = toml::from_str(text).map_err(|error| EstateError {
        path: path.to_owned(),
        line: error.span().map_or(0, |span| line_of(text, span.start)),
        problem: error.message().to_owned(),
        hint: Some("docs/estate.md describes every field".to_owned()),
    })?;
    check_names(&estate, text, path)?;
    one_writing(&mut estate);
    estate.tables = one_a_table(std::mem::take(&mut estate.tables));
    Ok(estate)
}

/// Several entries of one table as one, with the categories of all; [`check_entries`] has seen that they agree.
fn one_a_table(entries: Vec<Table>) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for entry in entries {
        match tables.iter_mut().find(|table| is_same_table(table, &entry)) {
            Some(first) => {
                first.categories.extend(entry.categories.clone());
                first.without_personal_data.extend(entry.without_personal_data.iter().cloned());
                first.other_columns = first.other_columns.take().or_else(|| entry.other_columns.clone());
                first.about = first.about.take().or_else(|| entry.about.clone());
                first.also.push(entry);
            }
            None => tables.push(entry),
        }
    }
    tables
}

fn is_same_table(one: &Table, other: &Table) -> bool {
    one.database == other.database && one.name == other.name
}

/// Addresses as events have them, however they were written here.
fn one_writing(estate: &mut Estate) {
    let addresses = estate.systems.iter_mut().flat_map(|system| &mut system.addresses).chain(estate.trusted.iter_mut().flat_map(|known| &mut known.addresses));
    addresses.for_each(|address| *address = as_compared(address));
}

/// Checks the tables that the estate names against those that a snapshot holds (`schema.table`).
///
/// # Errors
/// The first table that the snapshot has not, with its line in the estate file and the nearest name that it has.
pub fn check_tables(estate: &Estate, database: &str, held: &BTreeSet<String>, text: &str, path: &str) -> Result<(), EstateError> {
    for table in estate.tables.iter().filter(|t| t.database == database) {
        if !held.contains(&table.name) {
            return Err(unknown(text, path, "table", &table.name, held.iter().map(String::as_str)));
        }
    }
    Ok(())
}

/// Checks the columns that the estate names for one table against those that the snapshot has.
///
/// # Errors
/// The first column that the table has not, with its line and the nearest name.
pub fn check_columns(estate: &Estate, database: &str, table: &str, columns: &BTreeSet<String>, text: &str, path: &str) -> Result<(), EstateError> {
    let Some(described) = estate.tables.iter().find(|t| t.database == database && t.name == table) else { return Ok(()) };
    let whose = |entry: &'_ Table| {
        entry.subject_key.iter().chain(entry.subject_via.iter().map(|via| &via.column)).chain(entry.rows.keys()).cloned().collect::<Vec<_>>()
    };
    let whose: Vec<String> = described.entries().flat_map(whose).collect();
    for column in described.categories.keys().chain(&whose).chain(&described.without_personal_data) {
        if !columns.contains(column) {
            return Err(unknown(text, path, &format!("column of {table}"), column, columns.iter().map(String::as_str)));
        }
    }
    Ok(())
}

fn check_names(estate: &Estate, text: &str, path: &str) -> Result<(), EstateError> {
    let systems: Vec<&str> = estate.systems.iter().map(|s| s.id.as_str()).collect();
    let databases: Vec<&str> = estate.databases.iter().map(|d| d.id.as_str()).collect();
    let known = |kind: &str, name: &str, among: &[&str]| {
        if among.contains(&name) { Ok(()) } else { Err(unknown(text, path, kind, name, among.iter().copied())) }
    };
    for source in &estate.sources {
        known("system", &source.system, &systems)?;
        check_clock(source.clock.as_deref(), text, path)?;
    }
    check_clock(Some(&estate.organisation.time_zone), text, path)?;
    for database in &estate.databases {
        known("system", &database.system, &systems)?;
        known("dialect", &database.dialect, &["postgresql", "mysql"])?;
        if let Some(written) = database.collation.as_deref().filter(|written| written.is_empty() || written.contains(char::is_whitespace)) {
            let help = "write what the server says: at PostgreSQL SELECT datlocprovider, datcollate FROM pg_database, a locale or icu:LOCALE; at MySQL @@collation_database";
            return Err(at(text, path, "collation", format!("{written:?} is no collation"), help));
        }
    }
    for table in &estate.tables {
        known("database", &table.database, &databases)?;
        if let Some(column) = table.without_personal_data.iter().find(|column| table.categories.contains_key(*column)) {
            let problem = format!("column {column} of {} has a category, and is said to hold no personal data", table.name);
            return Err(at(text, path, column, problem, "keep one of them"));
        }
        if table.subject_key.is_some() && table.subject_via.is_some() {
            return Err(at(text, path, &table.name, format!("table {} has both subject_key and subject_via", table.name), "keep one of them"));
        }
    }
    check_entries(&estate.tables, text, path)?;
    for route in &estate.routes {
        known("system", &route.system, &systems)?;
        known("database", &route.database, &databases)?;
        check_route(route, estate, text, path)?;
    }
    for file in &estate.files {
        known("system", &file.system, &systems)?;
        known("database", &file.database, &databases)?;
        check_file(file, text, path)?;
    }
    if let Some(window) = &estate.organisation.envelope_window {
        known("envelope window", window, &window::NAMES)?;
    }
    for means in estate.register.iter().flat_map(|register| register.statuses.values()) {
        known("status", means, &Status::NAMED.map(|(word, _)| word))?;
    }
    check_support(estate, text, path)?;
    check_others(estate, text, path)?;
    let regimes: Vec<&str> = estate.organisation.regimes.iter().map(String::as_str).collect();
    for id in estate.register.iter().flat_map(|register| register.laws.values()).flat_map(|ids| ids.split_whitespace()) {
        known("regime of the organisation", id, &regimes)?;
    }
    unique(estate.systems.iter().map(|s| s.id.as_str()), "system", text, path)?;
    unique(estate.targets.iter().map(|t| t.name.as_str()), "target", text, path)?;
    target::check(estate, text, path)?;
    unique(estate.sources.iter().map(|s| s.id.as_str()), "source", text, path)?;
    unique(estate.databases.iter().map(|d| d.id.as_str()), "database", text, path)
}

/// Several entries of one table tell whose different rows of it are: each says so, and what a column holds they say alike.
fn check_entries(tables: &[Table], text: &str, path: &str) -> Result<(), EstateError> {
    for (place, entry) in tables.iter().enumerate() {
        let before: Vec<&Table> = tables[..place].iter().filter(|first| is_same_table(first, entry)).collect();
        let Some(first) = before.first() else { continue };
        let wrong = |problem: &str, hint: &str| at(text, path, &entry.name, format!("table {} has several entries, {problem}", entry.name), hint);
        let way = |table: &Table| (table.subject_key.clone(), table.subject_via.clone(), table.rows.clone());
        if [*first, entry].iter().any(|table| table.subject_key.is_none() && table.subject_via.is_none()) {
            return Err(wrong("and one of them says nothing of whose its rows are", "give each entry a subject_key or subject_via"));
        }
        if before.iter().any(|other| way(other) == way(entry)) {
            return Err(wrong("and two of them say the same", "leave one of them out, or give them other rows or another way to people"));
        }
        let is_other =
            |(column, category): &(&String, &String)| before.iter().any(|table| table.categories.get(*column).is_some_and(|known| known != *category));
        if let Some((column, _)) = entry.categories.iter().find(is_other) {
            let problem = format!("and they give two categories to {column}");
            return Err(wrong(&problem, "a column has one category: name one that says all that it holds"));
        }
        let differ = |one: &Option<String>, other: &Option<String>| one.is_some() && other.is_some() && one != other;
        if before.iter().any(|table| differ(&table.other_columns, &entry.other_columns) || differ(&table.about, &entry.about)) {
            return Err(wrong("and they differ in other_columns or about", "both hold for the whole table: write them once"));
        }
    }
    Ok(())
}

/// Other people have a register that says whom they belong to, and a table that tells of them.
/// Letters name the page, so it stands under a domain of the organisation's, and is short enough to be typed.
fn check_support(estate: &Estate, text: &str, path: &str) -> Result<(), EstateError> {
    let Some(support) = &estate.support else { return Ok(()) };
    let wrong = |problem: String, hint: &str| at(text, path, &support.address, problem, hint);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-./:".contains(c);
    let host = support.shown().split(['/', ':']).next().unwrap_or_default();
    if !support.address.starts_with("https://") || !support.shown().chars().all(is_plain) || !host.contains('.') {
        return Err(wrong(
            "the address of the support page is none that a letter can name".to_owned(),
            "write https://HOST or https://HOST/PATH, with nothing behind it",
        ));
    }
    let organisation = &estate.organisation;
    let is_under = |domain: &String| host == domain || host.strip_suffix(domain.as_str()).is_some_and(|sub| sub.ends_with('.'));
    if organisation.domain.iter().chain(&organisation.link_domains).any(is_under) {
        return Ok(());
    }
    let problem = format!("the support page is at {host}, which is none of the organisation's domains");
    Err(wrong(problem, "put it under organisation.domain, or name its domain in link_domains: a letter may point nowhere else"))
}

fn check_others(estate: &Estate, text: &str, path: &str) -> Result<(), EstateError> {
    let plain = |word: &str| !word.is_empty() && word.len() <= 32 && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let told: Vec<&str> = estate.tables.iter().filter_map(|table| table.about.as_deref()).collect();
    if let Some(wrong) = told.iter().find(|about| !plain(about)) {
        return Err(at(text, path, wrong, format!("{wrong:?} cannot say whom a table is about"), "use small letters and _: kin, referee, dependant"));
    }
    for register in &estate.others {
        let (Some(about), Some(_)) = (&register.about, &register.of) else {
            let hint = "say `about`, as a table does, and `of`, the column with the subject's key";
            return Err(at(text, path, &register.file, format!("[[others]] with {:?} does not say who its people are", register.file), hint));
        };
        if !told.contains(&about.as_str()) {
            return Err(unknown(text, path, "table about", about, told.iter().copied()));
        }
    }
    match &estate.register {
        Some(register) if register.about.is_some() || register.of.is_some() => {
            Err(at(text, path, &register.file, "[register] is of the subjects themselves".to_owned(), "put other people into [[others]]"))
        }
        _ => Ok(()),
    }
}

/// A route says what it reads, what its page shows, or both; what it shows has a category.
fn check_route(route: &Route, estate: &Estate, text: &str, path: &str) -> Result<(), EstateError> {
    if route.reads.is_empty() && route.shows.is_none() {
        let hint = "give it `reads`, the query that it runs, or `shows`, the columns that its page shows";
        return Err(at(text, path, &route.path, format!("route {} says neither what it reads nor what it shows", route.path), hint));
    }
    let tables = estate.tables.iter().filter(|table| table.database == route.database);
    let columns: Vec<String> = tables.flat_map(|table| table.categories.keys().map(|column| format!("{}.{column}", table.name))).collect();
    match route.shows.iter().flatten().find(|column| !columns.contains(column)) {
        Some(column) => Err(unknown(text, path, "described column", column, columns.iter().map(String::as_str))),
        None => Ok(()),
    }
}

/// A file needs a path that could stand in a log; TOML's double quotes swallow backslashes, so one without any is a slip.
fn check_file(file: &SharedFile, text: &str, path: &str) -> Result<(), EstateError> {
    let hint = r"write it as the log does, between single quotes: '\\*\HR$\exports\staff*.csv' or 'D:\hr\staff.csv'";
    if file.path.is_empty() {
        return Err(at(text, path, &file.reads, format!("a file of system {} has no path", file.system), hint));
    }
    match file.path.iter().find(|one| !one.contains(['\\', '/'])) {
        Some(one) => Err(at(text, path, one, format!("{one:?} is no path of a file"), hint)),
        None => Ok(()),
    }
}

fn check_clock(zone: Option<&str>, text: &str, path: &str) -> Result<(), EstateError> {
    match zone {
        Some(zone) if jiff::tz::TimeZone::get(zone).is_err() => {
            Err(at(text, path, zone, format!("there is no time zone {zone:?}"), "use an IANA name such as Asia/Hong_Kong or UTC"))
        }
        _ => Ok(()),
    }
}

fn unique<'a>(ids: impl Iterator<Item = &'a str>, kind: &str, text: &str, path: &str) -> Result<(), EstateError> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(at(text, path, id, format!("two entries have the {kind} id {id:?}"), "give one of them another id"));
        }
    }
    Ok(())
}

fn unknown<'a>(text: &str, path: &str, kind: &str, name: &str, among: impl Iterator<Item = &'a str>) -> EstateError {
    let names: Vec<&str> = among.collect();
    let hint = match nearest(name, names.iter().copied()) {
        Some(right) => format!("did you mean {right:?}?"),
        None if names.is_empty() => format!("there is no {kind} at all yet"),
        None => format!("there are: {}", names.join(", ")),
    };
    at(text, path, name, format!("there is no {kind} {name:?}"), &hint)
}

/// The mistake at the last line that holds the name as a value: definitions stand before uses.
fn at(text: &str, path: &str, name: &str, problem: String, hint: &str) -> EstateError {
    let quoted = [format!("\"{name}\""), format!("'{name}'")];
    let line = text.lines().enumerate().filter(|(_, line)| quoted.iter().any(|q| line.contains(q)) || bare_key(line, name)).map(|(i, _)| i + 1).last();
    EstateError { path: path.to_owned(), line: line.unwrap_or(0), problem, hint: Some(hint.to_owned()) }
}

fn bare_key(line: &str, name: &str) -> bool {
    line.split_once('=').is_some_and(|(key, _)| key.trim() == name)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|b| **b == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../examples/prison-service/estate.toml");

    fn check(from: &str, to: &str, line_holds: &str, problem: &str, hint: &str) {
        assert!(EXAMPLE.contains(from), "the example no longer holds what the test changes");
        let text = EXAMPLE.replacen(from, to, 1);
        let error = read(&text, "estate.toml").expect_err("a mistake was made");
        assert!(text.lines().nth(error.line.wrapping_sub(1)).unwrap_or("").contains(line_holds), "line {} is wrong", error.line);
        assert!(error.problem.contains(problem), "{}", error.problem);
        assert!(error.hint.as_deref().unwrap_or("").contains(hint), "{:?}", error.hint);
    }

    #[test]
    fn several_entries_of_a_table_are_one_with_the_categories_of_all() {
        let entry = |more: &str| format!("[[table]]\ndatabase = \"hr\"\nname = \"hr.note\"\n{more}\n");
        let read = |entries: &[String]| read(&format!("{EXAMPLE}\n{}", entries.concat()), "estate.toml");
        let database = "[[table]]\ndatabase = \"hr\"";
        assert!(EXAMPLE.contains("[[table]]"), "{database}");
        let id = toml::from_str::<Estate>(EXAMPLE).expect("the example is valid").databases[0].id.clone();
        let entry = |more: &str| entry(more).replace("database = \"hr\"", &format!("database = {id:?}"));
        let staff = entry("subject_key = \"of_id\"\nrows = { of_type = [\"Staff\"] }\n[table.categories]\ntext = \"note\"");
        let case = entry(
            "subject_via = { column = \"of_id\", table = \"hr.case\", to_column = \"id\" }\nrows = { of_type = [\"Case\"] }\n[table.categories]\nauthor = \"name\"",
        );
        let estate = read(&[staff.clone(), case.clone()]).expect("both hold");
        let table = estate.tables.iter().find(|table| table.name == "hr.note").expect("it is there");
        assert_eq!((table.entries().count(), table.categories.len(), table.only_key()), (2, 2, None));
        let problem = |entries: &[String]| read(entries).expect_err("it is wrong").problem;
        assert!(problem(&[staff.clone(), staff.clone()]).contains("two of them say the same"));
        assert!(problem(&[staff.clone(), case.replace("author = \"name\"", "text = \"health\"")]).contains("two categories to text"));
        assert!(problem(&[staff, entry("[table.categories]\ntext = \"note\"")]).contains("says nothing of whose"));
    }

    #[test]
    fn the_example_is_right() {
        read(EXAMPLE, "estate.toml").expect("the kept example is valid");
    }

    #[test]
    fn a_mistake_names_its_line_and_the_nearest_right_name() {
        check("id = \"hrs-web\"\nsystem = \"hrs\"", "id = \"hrs-web\"\nsystem = \"hsr\"", "hsr", "no system", "\"hrs\"");
        check("[[table]]\ndatabase = \"hrs\"", "[[table]]\ndatabase = \"hr\"", "\"hr\"", "no database", "\"hrs\"");
        check("time_zone = \"Asia/Hong_Kong\"", "time_zone = \"Asia/HongKong\"", "HongKong", "no time zone", "IANA");
        check("subject_key = \"staff_no\"", "subjct_key = \"staff_no\"", "subjct_key", "unknown field", "docs/estate.md");
        check("search_path = [\"hr\", \"public\"]", "collation = \"\"", "collation", "no collation", "datcollate");
        check("id = \"kms-app\"", "id = \"kms-web\"", "kms-web", "two entries", "another id");
        check("https://support.csd.example.gov.hk", "http://support.csd.example.gov.hk", "http://", "none that a letter can name", "https://HOST");
        check("https://support.csd.example.gov.hk", "https://support.csd.example.gov.hk/?c=1", "?c=1", "none that a letter can name", "nothing behind it");
        check("https://support.csd.example.gov.hk", "https://csd.example.gov.hk.evil.example", "evil", "none of the organisation's domains", "link_domains");
    }

    #[test]
    fn a_file_is_checked_like_a_route() {
        const FILE: &str = "[[file]]\nsystem = \"hrs\"\npath = ['\\\\*\\HR$\\staff.csv']\ndatabase = \"hrs\"\nreads = \"SELECT * FROM hr.staff\"\n";
        read(&format!("{EXAMPLE}\n{FILE}"), "estate.toml").expect("a right file");
        for (from, to, line_holds, hint) in [
            ("system = \"hrs\"", "system = \"hsr\"", "hsr", "\"hrs\""),
            ("database = \"hrs\"", "database = \"hr\"", "\"hr\"", "\"hrs\""),
            ("'\\\\*\\HR$\\staff.csv'", "'staff.csv'", "staff.csv", "single quotes"),
            ("reads", "read", "read", "docs/estate.md"),
        ] {
            let text = format!("{EXAMPLE}\n{}", FILE.replacen(from, to, 1));
            let error = read(&text, "estate.toml").expect_err("a mistake was made");
            assert!(text.lines().nth(error.line.wrapping_sub(1)).unwrap_or("").contains(line_holds), "line {} is wrong: {}", error.line, error.problem);
            assert!(error.hint.as_deref().unwrap_or("").contains(hint), "{:?}", error.hint);
        }
    }

    #[test]
    fn a_route_says_what_it_reads_or_what_its_page_shows() {
        let route = |rest: &str| format!("{EXAMPLE}\n[[route]]\nsystem = \"hrs\"\npath = \"/new\"\ndatabase = \"hrs\"\n{rest}");
        read(&route("shows = [\"hr.staff.name_en\"]"), "estate.toml").expect("a right route");
        for (rest, line_holds, hint) in [("", "/new", "`shows`"), ("shows = [\"hr.staff.name_em\"]", "name_em", "hr.staff.name_en")] {
            let text = route(rest);
            let error = read(&text, "estate.toml").expect_err("a mistake was made");
            assert!(text.lines().nth(error.line.wrapping_sub(1)).unwrap_or("").contains(line_holds), "line {} is wrong: {}", error.line, error.problem);
            assert!(error.hint.as_deref().unwrap_or("").contains(hint), "{:?}", error.hint);
        }
    }

    #[test]
    fn a_wrong_table_name_gets_the_nearest_one_of_the_snapshot() {
        let text = EXAMPLE.replacen("name = \"hr.staff\"", "name = \"hr.stafff\"", 1);
        let estate = read(&text, "estate.toml").expect("only the snapshot can tell");
        let held = BTreeSet::from(["hr.staff".to_owned(), "hr.posting".to_owned()]);
        let error = check_tables(&estate, "hrs", &held, &text, "estate.toml").expect_err("no such table");
        assert_eq!(error.hint.as_deref(), Some("did you mean \"hr.staff\"?"));
        assert!(text.lines().nth(error.line - 1).is_some_and(|line| line.contains("stafff")));
    }
}
