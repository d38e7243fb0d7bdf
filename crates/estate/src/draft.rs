//! A first estate file, proposed from a dump and a folder of logs. Each line says how sure it is and from what.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// A table as a dump shows it.
#[derive(Clone, Debug, Default)]
pub struct TableSketch {
    /// `schema.table`
    pub name: String,
    /// Column names and types.
    pub columns: Vec<(String, String)>,
    /// The primary key's columns.
    pub primary_key: Vec<String>,
    /// Columns that name a row of another table: column, `schema.table`, its column.
    pub foreign_keys: Vec<(String, String, String)>,
    /// Rows.
    pub rows: u64,
    /// Some values of each column, to recognise contents by. They never stand in the draft.
    pub samples: Vec<Vec<String>>,
    /// Distinct values of each column among the samples, as a share.
    pub distinct: Vec<f64>,
}

/// A log as intake found it.
#[derive(Clone, Debug, Default)]
pub struct LogSketch {
    /// Path below the folder.
    pub path: String,
    /// The format that fits best, and the share of records that it read.
    pub format: Option<(String, f64)>,
    /// Keys of its JSON records, if it has any; dots go into objects.
    pub json_keys: Vec<String>,
    /// Database roles seen, with the hosts they came from.
    pub roles: BTreeMap<String, BTreeSet<String>>,
    /// Databases seen.
    pub databases: BTreeSet<String>,
}

/// What the draft is made from.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Path of the dump, as it should stand in the file.
    pub snapshot: Option<String>,
    /// Whether it is of MySQL or MariaDB.
    pub is_mysql: bool,
    /// What the dump calls the database.
    pub database: Option<String>,
    /// Its tables.
    pub tables: Vec<TableSketch>,
    /// The logs.
    pub logs: Vec<LogSketch>,
    /// A CSV file that looks like a register, with its column names.
    pub register: Option<(String, Vec<String>)>,
}

/// Name parts -> category. The first that fits wins, so the more telling ones come first.
const BY_NAME: &[(&[&str], &str)] = &[
    (&["password", "passwd", "pwd", "secret", "token", "api_key"], "credentials"),
    (&["hkid", "passport", "national_id", "id_card", "id_number", "identity_no", "ssn", "nric", "nino"], "identity_document"),
    (&["dob", "birth"], "date_of_birth"),
    (&["email", "e_mail", "mail"], "email"),
    (&["phone", "mobile", "telephone", "tel_no", "fax"], "phone"),
    (&["address", "street", "postcode", "zip_code", "district", "city"], "address"),
    (&["gender", "sex"], "gender"),
    (&["bank", "iban", "account_no", "salary", "pay_", "wage", "card_n", "credit_card", "card_holder", "tax", "amount", "balance"], "financial"),
    (
        &[
            "diagnos",
            "allerg",
            "blood",
            "medic",
            "lab_",
            "result",
            "ward",
            "admission",
            "admitted",
            "discharge",
            "treatment",
            "disease",
            "symptom",
            "prescri",
            "drug",
            "dose",
            "dosage",
            "vaccin",
            "health",
        ],
        "health",
    ),
    (&["award", "degree", "qualification", "institution", "school", "education", "graduat"], "academic_qualification"),
    (&["religion", "ethnic", "race", "nationality", "political"], "special_category"),
    (&["spouse", "next_of_kin", "family", "marital", "children", "emergency_contact"], "family"),
    (&["salutation", "surname", "given_name", "first_name", "last_name", "full_name", "name_"], "name"),
    (&["rank", "unit", "post", "grade", "joined", "departed", "hired", "department", "job", "position", "employ"], "employment"),
    (&["photo", "picture", "portrait"], "photo"),
];

/// Writes the draft. The same findings give the same text.
pub fn write(findings: &Findings) -> String {
    let mut text = String::new();
    text.push_str(HEAD);
    write_systems(findings, &mut text);
    write_sources(findings, &mut text);
    write_tables(findings, &mut text);
    write_register(findings, &mut text);
    text
}

const HEAD: &str = "# A first draft of an estate file. Every line says how sure it is: [sure] read off, [likely] by name or content, [guess] change it.\n\
# Then run `strandline estate check` on it. docs/estate.md describes every field.\n\n\
[organisation]\nname = { en = \"Our organisation\" }  # [guess]\ntime_zone = \"UTC\"  # [guess] for deadlines and letters\nregimes = []\n\n";

fn write_systems(findings: &Findings, text: &mut String) {
    let mut hosts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for log in &findings.logs {
        for (role, from) in &log.roles {
            for host in from {
                hosts.entry(host).or_default().insert(role);
            }
        }
    }
    for id in systems(findings) {
        // A role that bears the system's name is its application's, and so is the host that it comes from.
        let own: BTreeSet<&str> = hosts.values().flatten().copied().filter(|role| shares_a_word(role, &id)).collect();
        let from: BTreeSet<&str> = hosts.iter().filter(|(_, roles)| !own.is_empty() && roles.is_subset(&own)).map(|(host, _)| *host).collect();
        let _ = writeln!(text, "[[system]]\nid = {id:?}  # [likely] by its folder\nname = {id:?}  # [guess]");
        let _ = writeln!(text, "addresses = [{}]  # [guess] the host's own addresses; seen at the database: {}", quoted(&from), list(hosts.keys().copied()));
        let _ = writeln!(text, "roles = [{}]  # [guess] the application's database roles; seen: {}\n", quoted(&own), list(hosts.values().flatten().copied()));
    }
}

/// Whether two names are the same word, or one is a word of the other: `hrs_app` of `hrs`.
fn shares_a_word(a: &str, b: &str) -> bool {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let words = |name: &str, other: &str| name.split(|c: char| !c.is_alphanumeric()).any(|word| word == other);
    words(&a, &b) || words(&b, &a)
}

fn quoted(words: &BTreeSet<&str>) -> String {
    words.iter().map(|word| toml_string(word)).collect::<Vec<_>>().join(", ")
}

fn systems(findings: &Findings) -> BTreeSet<String> {
    let mut systems: BTreeSet<String> = findings.logs.iter().filter(|log| log.format.is_some()).map(|log| system_of(&log.path)).collect();
    if systems.is_empty() {
        systems.insert("system".to_owned());
    }
    systems
}

fn system_of(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, _)) => word(folder.rsplit('/').next().unwrap_or(folder)),
        None => "system".to_owned(),
    }
}

fn write_sources(findings: &Findings, text: &mut String) {
    let mut taken = BTreeSet::new();
    for (path, logs) in rotated(&findings.logs) {
        let log = logs[0];
        let Some((format, share)) = &log.format else {
            let _ = writeln!(
                text,
                "# {path:?}: no format fits. A web server's own log_format goes into format = \"nginx\" or \"apache\" with log_format = \"…\"; for another text use format = \"text\" and a [[source.pattern]]\n"
            );
            continue;
        };
        let file = path.rsplit('/').next().unwrap_or(path);
        let mut id = format!("{}-{}", system_of(path), word(file.split('.').next().unwrap_or(file)));
        while !taken.insert(id.clone()) {
            id.push('x');
        }
        let sure = if *share >= 0.99 { "sure" } else { "likely" };
        let _ = writeln!(text, "[[source]]\nid = {id:?}\nsystem = {:?}\npath = [{path:?}]{}", system_of(path), of_files(logs.len()));
        let _ = writeln!(text, "format = {format:?}  # [{sure}] {:.0} % of its first records were read", share * 100.0);
        // In a wrapper the keys are the wrapper's.
        if format == "json" && !log.json_keys.is_empty() {
            let _ = writeln!(text, "fields = {{ {} }}  # [likely] by name", json_fields(&log.json_keys));
        }
        let _ = writeln!(text, "# clock = \"UTC\"  # [guess] only for stamps without an offset\n# retention_days = 365  # [guess]\n");
    }
}

fn of_files(count: usize) -> String {
    if count > 1 { format!("  # {count} files: it is rotated") } else { String::new() }
}

/// Logs by the path that a source names: `access.log.1` and `access.log-20261120.gz` are found under `access.log`.
fn rotated(logs: &[LogSketch]) -> BTreeMap<&str, Vec<&LogSketch>> {
    let mut families: BTreeMap<&str, Vec<&LogSketch>> = BTreeMap::new();
    for log in logs {
        families.entry(before_rotation(&log.path)).or_default().push(log);
    }
    families
}

/// A path without the number or the day that rotation put at its end.
fn before_rotation(path: &str) -> &str {
    let mut rest = path;
    for compressed in [".gz", ".bz2", ".xz", ".zst"] {
        rest = rest.strip_suffix(compressed).unwrap_or(rest);
    }
    let end = rest.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '_');
    match end.strip_suffix('.').or((end.len() < rest.len() && rest[end.len()..].starts_with('-')).then_some(end)) {
        Some(base) if base.rsplit('/').next().is_some_and(|file| file.contains('.')) => base,
        _ => rest,
    }
}

/// JSON keys that mean an event field.
fn json_fields(keys: &[String]) -> String {
    const NAMES: &[(&str, &[&str])] = &[
        ("time", &["msec", "ts", "time", "timestamp", "@timestamp", "datetime"]),
        ("src_ip", &["remote_addr", "client", "client_ip", "clientip", "ip", "src_ip", "source_ip", "remote_ip", "client_address", "source_address"]),
        ("account", &["user", "username", "user_name", "account", "remote_user", "user_id"]),
        ("session", &["session", "session_id", "sessionid", "sid"]),
        ("request_id", &["request_id", "http_request_id", "req_id", "requestid", "trace_id", "correlation_id"]),
        ("method", &["method", "request_method", "http_request_method", "verb"]),
        ("url", &["uri", "path", "url", "request_uri", "url_original", "url_path"]),
        ("status_code", &["status", "status_code", "code", "http_response_status_code", "response_status"]),
        ("bytes", &["bytes", "body_bytes_sent", "size", "length", "http_response_bytes", "http_response_body_bytes", "response_bytes"]),
        ("user_agent", &["user_agent", "http_user_agent", "agent", "user_agent_original"]),
        ("message", &["msg", "message", "event_action"]),
    ];
    let plain = |key: &str| key.replace('.', "_").to_lowercase();
    let found = NAMES
        .iter()
        .filter_map(|(field, names)| names.iter().find_map(|name| keys.iter().find(|key| plain(key) == *name)).map(|key| format!("{field} = {key:?}")));
    found.collect::<Vec<_>>().join(", ")
}

fn write_tables(findings: &Findings, text: &mut String) {
    if findings.tables.is_empty() {
        return;
    }
    let databases: BTreeSet<&String> = findings.logs.iter().flat_map(|log| &log.databases).collect();
    let schemas: BTreeSet<&str> = findings.tables.iter().filter_map(|t| t.name.split_once('.')).map(|(schema, _)| schema).collect();
    // The database's own log lies with the system that it belongs to.
    let logged = findings.logs.iter().find(|log| !log.databases.is_empty()).map(|log| system_of(&log.path));
    let system = logged.or_else(|| systems(findings).into_iter().next()).unwrap_or_default();
    let (id, sure) = findings.database.as_deref().map_or(("main", "guess"), |name| (name, "sure"));
    let _ = writeln!(text, "[[database]]\nid = {id:?}  # [{sure}] databases seen: {}", list(databases.iter().map(|d| d.as_str())));
    let _ = writeln!(text, "system = {system:?}  # [guess]");
    if findings.is_mysql {
        text.push_str("dialect = \"mysql\"  # [sure]\n");
    }
    let _ = writeln!(text, "search_path = [{}]", quoted(&schemas));
    if let Some(snapshot) = &findings.snapshot {
        let _ = writeln!(text, "snapshot = [{snapshot:?}]  # [sure]");
    }
    text.push('\n');
    let register = findings.register.as_ref().map_or(&[][..], |(_, columns)| columns);
    let owners = owners(&findings.tables, register);
    for table in &findings.tables {
        write_table(id, table, owners.get(table.name.as_str()), text);
    }
}

fn write_table(database: &str, table: &TableSketch, owner: Option<&Owner>, text: &mut String) {
    let key_column = owner.map(Owner::column);
    let categories: Vec<(String, &str, &str)> = table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, (name, _))| Some(name.as_str()) != key_column)
        .filter_map(|(i, (name, _))| category(name, table.samples.get(i)).map(|(category, how)| (name.clone(), category, how)))
        .collect();
    if categories.is_empty() && owner.is_none() {
        let _ = writeln!(text, "# {}: {} rows, nothing in it looks personal  [likely]\n", table.name, table.rows);
        return;
    }
    let _ = writeln!(text, "[[table]]\ndatabase = {database:?}\nname = {:?}  # [sure] {} rows", table.name, table.rows);
    let _ = match owner {
        Some(Owner::Key { column, why }) => writeln!(text, "subject_key = {column:?}  # [likely] {why}"),
        Some(Owner::Via { column, table, to_column }) => {
            writeln!(text, "subject_via = {{ column = {column:?}, table = {table:?}, to_column = {to_column:?} }}  # [likely] it names a row there")
        }
        None => writeln!(text, "# subject_key = \"\"  # [guess] whose row is it? or subject_via = {{ column = \"\", table = \"\", to_column = \"\" }}"),
    };
    text.push_str("[table.categories]\n");
    for (column, category, how) in categories {
        let _ = writeln!(text, "{} = {category:?}  # [likely] by {how}", key(&column));
    }
    text.push('\n');
}

/// How a table's rows belong to a person.
#[derive(Debug, PartialEq)]
enum Owner {
    /// A column holds the person's key.
    Key { column: String, why: &'static str },
    /// A column names a row of a table whose rows belong to people.
    Via { column: String, table: String, to_column: String },
}

impl Owner {
    fn column(&self) -> &str {
        match self {
            Self::Key { column, .. } | Self::Via { column, .. } => column,
        }
    }
}

/// Whose the rows of each table are: of the table of people by its key, and of those that lead to it, step by step.
fn owners<'t>(tables: &'t [TableSketch], register: &[String]) -> BTreeMap<&'t str, Owner> {
    let mut owners = BTreeMap::new();
    let Some(people) = table_of_people(tables) else { return owners };
    let primary = people.primary_key[0].as_str();
    let named = |name: &str| people.columns.iter().any(|(column, _)| column == name);
    let in_register = |name: &str| register.iter().any(|column| column.eq_ignore_ascii_case(name));
    // The register knows people by its own key, which may be another column than the table's.
    let other = register.first().map(String::as_str).filter(|first| !in_register(primary) && named(first));
    let key = other.unwrap_or(primary);
    owners.insert(people.name.as_str(), Owner::Key { column: key.to_owned(), why: "the key of the table that describes people" });
    let mut before = 0;
    while owners.len() > before {
        before = owners.len();
        for table in tables {
            if owners.contains_key(table.name.as_str()) {
                continue;
            }
            if let Some(owner) = leads_to(table, tables, &owners, (people, key)) {
                owners.insert(table.name.as_str(), owner);
            }
        }
    }
    owners
}

fn leads_to(table: &TableSketch, tables: &[TableSketch], owners: &BTreeMap<&str, Owner>, (people, key): (&TableSketch, &str)) -> Option<Owner> {
    let held = |name: &str| table.columns.iter().any(|(column, _)| column == name);
    // A column of the same name, unless it says no more than `id`.
    if key != "id" && held(key) {
        return Some(Owner::Key { column: key.to_owned(), why: "the key that the tables share" });
    }
    let to = |other: &TableSketch, column: &str, to_column: &str| {
        if other.name == people.name && to_column == key {
            Owner::Key { column: column.to_owned(), why: "it names a row of the table that describes people" }
        } else {
            Owner::Via { column: column.to_owned(), table: other.name.clone(), to_column: to_column.to_owned() }
        }
    };
    let mut known: Vec<&TableSketch> = tables.iter().filter(|other| owners.contains_key(other.name.as_str())).collect();
    known.sort_by_key(|other| other.name != people.name); // the nearest way first
    for other in known {
        if let Some((column, _, to_column)) = table.foreign_keys.iter().find(|(_, name, _)| *name == other.name) {
            return Some(to(other, column, to_column));
        }
        // By the usual names: `patient_id` is the key of `patient` or `patients`.
        let [primary] = other.primary_key.as_slice() else { continue };
        let short = other.name.rsplit('.').next().unwrap_or(&other.name).to_lowercase();
        let usual = [short.trim_end_matches('s').to_owned(), short]
            .map(|name| if primary.to_lowercase().starts_with(&name) { primary.to_lowercase() } else { format!("{name}_{primary}").to_lowercase() });
        if let Some((column, _)) = table.columns.iter().find(|(column, _)| usual.contains(&column.to_lowercase())) {
            return Some(to(other, column, primary));
        }
    }
    None
}

/// The table that describes people: a key of one column, and the most kinds of what tells people apart.
fn table_of_people(tables: &[TableSketch]) -> Option<&TableSketch> {
    const OF_PEOPLE: &[&str] = &["name", "date_of_birth", "identity_document", "email", "phone", "address", "gender"];
    let score = |table: &TableSketch| {
        let kinds: BTreeSet<&str> =
            table.columns.iter().enumerate().filter_map(|(i, (name, _))| category(name, table.samples.get(i))).map(|(kind, _)| kind).collect();
        let shared = tables
            .iter()
            .filter(|other| other.name != table.name && other.columns.iter().any(|(name, _)| *name == table.primary_key[0] && name != "id"))
            .count();
        (kinds.iter().filter(|kind| OF_PEOPLE.contains(kind)).count(), shared, kinds.len(), table.rows)
    };
    tables.iter().filter(|t| t.primary_key.len() == 1).max_by_key(|t| score(t)).filter(|t| score(t).0 + score(t).1 > 0)
}

/// The category of a column, by its name or else by what it holds.
fn category(name: &str, samples: Option<&Vec<String>>) -> Option<(&'static str, &'static str)> {
    let lower = name.to_lowercase();
    let by_name = BY_NAME.iter().find(|(parts, _)| parts.iter().any(|part| lower.contains(part))).map(|(_, category)| *category);
    let by_name = by_name.or_else(|| (lower == "name" || lower.ends_with("_name")).then_some("name"));
    if let Some(category) = by_name {
        return Some((category, "name"));
    }
    let samples = samples?;
    let share = |test: fn(&str) -> bool| samples.iter().filter(|v| test(v)).count() * 10 >= samples.len() * 9 && samples.len() >= 5;
    if share(is_email) {
        return Some(("email", "content"));
    }
    share(is_hkid).then_some(("identity_document", "content"))
}

fn is_email(value: &str) -> bool {
    value.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !value.contains(char::is_whitespace))
}

/// A Hong Kong identity card number with a right check digit (weights 9 to 2, modulo 11; letters count from A = 10, a blank as 36).
fn is_hkid(value: &str) -> bool {
    let plain: Vec<char> = value.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_uppercase()).collect();
    let Some((check, body)) = plain.split_last() else { return false };
    let letters = body.iter().take_while(|c| c.is_ascii_alphabetic()).count();
    if !(1..=2).contains(&letters) || body.len() != letters + 6 || !body[letters..].iter().all(char::is_ascii_digit) {
        return false;
    }
    let value_of = |c: char| if c.is_ascii_digit() { c as u32 - '0' as u32 } else { c as u32 - 'A' as u32 + 10 };
    let mut sum = if letters == 1 { 36 * 9 } else { 0 };
    for (i, c) in body.iter().enumerate() {
        sum += value_of(*c) * (letters as u32 + 7 - i as u32);
    }
    let expected = (11 - sum % 11) % 11;
    value_of(*check) == expected
}

fn write_register(findings: &Findings, text: &mut String) {
    let Some((file, columns)) = &findings.register else {
        text.push_str("# [register]  # no CSV file looks like a register: who are the people, and how are they reached?\n");
        return;
    };
    let find = |names: &[&str]| columns.iter().find(|c| names.iter().any(|n| c.to_lowercase().contains(n)));
    let _ = writeln!(text, "[register]\nfile = {file:?}  # [likely] by its columns");
    let _ = writeln!(text, "key = {:?}  # [likely] its first column", columns.first().map_or("", String::as_str));
    let chinese = find(&["chinese", "_zh", "zh_"]);
    let english = columns.iter().find(|c| c.to_lowercase().contains("name") && Some(*c) != chinese);
    let also = chinese.map(|column| format!(", \"zh-Hant\" = {column:?}")).unwrap_or_default();
    let _ = writeln!(text, "name = {{ en = {:?}{also} }}  # [likely]", english.map_or("", String::as_str));
    for (field, names) in [
        ("email", ["mail", "mail"]),
        ("phone", ["phone", "mobile"]),
        ("postal_address", ["address", "postal"]),
        ("language", ["lang", "locale"]),
        ("status", ["status", "state"]),
    ] {
        if let Some(column) = find(&names) {
            let _ = writeln!(text, "{field} = {column:?}  # [likely] by name");
        }
    }
}

fn key(name: &str) -> String {
    if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') && !name.is_empty() { name.to_owned() } else { format!("{name:?}") }
}

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

/// A name for a comment: what would end the comment, or speak to a terminal, is written out.
fn printable(name: &str) -> String {
    if name.chars().any(char::is_control) { name.escape_debug().to_string() } else { name.to_owned() }
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let all: BTreeSet<&str> = items.collect();
    if all.is_empty() { "none".to_owned() } else { all.into_iter().take(20).map(printable).collect::<Vec<_>>().join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_control_character_leaves_the_draft_readable() {
        let mut log = LogSketch { path: "db/postgresql.csv".into(), format: Some(("postgresql".into(), 1.0)), ..LogSketch::default() };
        log.roles.insert("db\u{1}\u{1b}[31m\"".into(), ["10.0.0.5\u{7f}".to_owned()].into());
        log.databases.insert("hr\u{9b}".into());
        let text = write(&Findings { logs: vec![log], ..Findings::default() });
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        assert!(toml::from_str::<toml::Value>(&text).is_ok(), "{}", text.escape_debug());
    }

    #[test]
    fn check_digits_tell_identity_cards_from_other_numbers() {
        assert!(is_hkid("A123456(3)"));
        assert!(is_hkid("AB987654(3)") == is_hkid("AB9876543"));
        assert!(!is_hkid("A123456(4)"));
        assert!(!is_hkid("1234567"));
    }

    #[test]
    fn a_draft_is_an_estate_file() {
        let findings = Findings {
            snapshot: Some("../snapshot/clinic.sql".into()),
            tables: vec![
                TableSketch {
                    name: "care.patient".into(),
                    columns: vec![("patient_no".into(), "text".into()), ("full_name".into(), "text".into()), ("contact".into(), "text".into())],
                    primary_key: vec!["patient_no".into()],
                    rows: 10,
                    foreign_keys: vec![],
                    samples: vec![vec![], vec![], (0..9).map(|n| format!("p{n}@example.org")).collect()],
                    distinct: vec![],
                },
                TableSketch {
                    name: "care.visit".into(),
                    columns: vec![("id".into(), "int".into()), ("patient_no".into(), "text".into()), ("diagnosis".into(), "text".into())],
                    rows: 3,
                    ..TableSketch::default()
                },
            ],
            logs: vec![LogSketch { path: "web/access.log".into(), format: Some(("nginx".into(), 1.0)), ..LogSketch::default() }],
            register: Some(("../register.csv".into(), vec!["patient_no".into(), "name".into(), "email".into()])),
            ..Findings::default()
        };
        let text = write(&findings);
        let estate = crate::read(&text, "draft.toml").expect("a draft is valid");
        assert_eq!(estate.tables[0].subject_key.as_deref(), Some("patient_no"));
        assert_eq!(estate.tables[0].categories.get("contact").map(String::as_str), Some("email"));
        assert_eq!(estate.tables[1].categories.get("diagnosis").map(String::as_str), Some("health"));
        assert!(!text.contains("example.org"), "a value stands in the draft");
    }

    fn table(name: &str, columns: &[&str], key: &str, foreign: &[(&str, &str, &str)]) -> TableSketch {
        TableSketch {
            name: name.into(),
            columns: columns.iter().map(|c| ((*c).to_owned(), "Utf8".to_owned())).collect(),
            primary_key: vec![key.into()],
            foreign_keys: foreign.iter().map(|(a, b, c)| ((*a).into(), (*b).into(), (*c).into())).collect(),
            rows: 5,
            ..TableSketch::default()
        }
    }

    #[test]
    fn rows_belong_to_people_by_the_keys_that_lead_to_them() {
        let tables = vec![
            table("clinic.admission", &["id", "patient_id", "diagnosis"], "id", &[("patient_id", "clinic.patient", "id")]),
            table("clinic.lab_result", &["id", "admission_id", "value"], "id", &[]),
            table("clinic.patient", &["id", "mrn", "surname", "birth_date", "mobile"], "id", &[]),
            table("clinic.drug", &["code", "label"], "code", &[]),
        ];
        let by_id = owners(&tables, &["id".to_owned(), "name".to_owned()]);
        let key = |column: &str| matches!(by_id.get("clinic.admission"), Some(Owner::Key { column: c, .. }) if c == column);
        assert!(key("patient_id") && !by_id.contains_key("clinic.drug"));
        let via = |column: &str, table: &str| Owner::Via { column: column.into(), table: table.into(), to_column: "id".into() };
        assert_eq!(by_id["clinic.lab_result"], via("admission_id", "clinic.admission"));
        // A register that knows people by another number than the tables do.
        let by_number = owners(&tables, &["mrn".to_owned(), "name".to_owned()]);
        assert_eq!(by_number["clinic.patient"].column(), "mrn");
        assert_eq!(by_number["clinic.admission"], via("patient_id", "clinic.patient"));
    }

    #[test]
    fn rotated_logs_are_one_source_and_a_mysql_dump_says_so() {
        let log = |path: &str| LogSketch { path: path.into(), format: Some(("mysql_audit".into(), 1.0)), ..LogSketch::default() };
        let findings = Findings {
            snapshot: Some("clinic.sql".into()),
            is_mysql: true,
            database: Some("clinic".into()),
            tables: vec![table("clinic.patient", &["id", "surname", "birth_date"], "id", &[])],
            logs: vec![log("db/server_audit.log"), log("db/server_audit.log.1"), log("db/server_audit.log-20261120.gz"), log("db/v2.log")],
            register: Some(("r.csv".into(), vec!["id".into(), "english_name".into(), "chinese_name".into(), "mail".into()])),
        };
        let text = write(&findings);
        let estate = crate::read(&text, "draft.toml").expect("a draft is valid");
        let paths: Vec<&str> = estate.sources.iter().map(|s| s.path[0].as_str()).collect();
        assert_eq!(paths, ["db/server_audit.log", "db/v2.log"]);
        assert_eq!((estate.databases[0].dialect.as_str(), estate.databases[0].id.as_str()), ("mysql", "clinic"));
        assert!(shares_a_word("hrs_app", "hrs") && !shares_a_word("dba_ho", "db"), "a name is not a part of a word");
        assert!(text.contains("\"zh-Hant\" = \"chinese_name\""));
    }

    #[test]
    fn nested_keys_mean_fields() {
        let keys = ["@timestamp", "http.request.id", "http.response.status_code", "source.ip", "url.original", "user.name"].map(str::to_owned);
        let text = json_fields(&keys);
        for part in ["time = \"@timestamp\"", "src_ip = \"source.ip\"", "account = \"user.name\"", "request_id = \"http.request.id\"", "url = \"url.original\""]
        {
            assert!(text.contains(part), "{text}");
        }
    }
}
