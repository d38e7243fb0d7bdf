//! SQL injection: a request whose parameter breaks out of a string and goes on in SQL, and whether the database ran it.
//!
//! A lone quote is not an injection: O'Brien has one. What is weighed is the structure after it.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;
use strandline_model::detection::{Detection, Level, SubjectKind};
use strandline_model::estate::{Estate, Trusted};
use strandline_model::event::Class;
use strandline_model::time::Instant;

use crate::sink::{Artefacts, Place, Seen, Statement, detection};
use crate::{Analytic, Row, is_trusted};

/// Different parameter values remembered, over all addresses.
const SUSPECTS_KEPT: usize = 20_000;
/// Shortest value that can prove a statement: a shorter one stands in many by chance.
const PROOF_BYTES: usize = 8;
/// A statement runs this close to the request that carries it (clocks differ).
const NEAR_MICROS: i64 = 10 * 60 * 1_000_000;

#[derive(Default)]
struct Address {
    seen: Seen,
    routes: BTreeSet<String>,
    sessions: BTreeSet<String>,
    accounts: BTreeSet<String>,
    answered: u64,
    ran: u64,
    reads_tables: bool,
}

/// One parameter that looks like SQL, and who sent it when.
struct Suspect {
    system: String,
    address: String,
    at: Instant,
}

/// Watches requests, then statements. State: one entry for each address that sent SQL.
pub struct Injection {
    trusted: Vec<Trusted>,
    artefacts: Artefacts,
    addresses: BTreeMap<(String, String), Address>,
    suspects: BTreeMap<String, Vec<Suspect>>,
    statements: Vec<((String, String), Instant, Place)>,
}

impl Injection {
    /// For an estate.
    pub fn new(estate: &Estate) -> Self {
        Self { trusted: estate.trusted.clone(), artefacts: Artefacts::default(), addresses: BTreeMap::new(), suspects: BTreeMap::new(), statements: Vec::new() }
    }

    /// Whether a second pass over the statements is worth while.
    pub fn has_suspects(&self) -> bool {
        !self.suspects.is_empty()
    }

    /// Second pass: a statement that holds a suspect parameter word for word, while it was sent, ran it.
    pub fn watch_statement(&mut self, event: &Row<'_>) {
        if event.class != Class::Datastore {
            return;
        }
        let Some(statement) = event.statement.as_deref() else { return };
        if !looks_like_sql_inside(statement) {
            return;
        }
        let place = self.artefacts.place(event);
        for (value, senders) in &self.suspects {
            if !statement.contains(value.as_str()) {
                continue;
            }
            for suspect in senders.iter().filter(|s| (s.at.micros() - event.time.micros()).abs() <= NEAR_MICROS) {
                self.statements.push(((suspect.system.clone(), suspect.address.clone()), event.time, place));
            }
        }
    }
}

/// Decodes a parameter as a browser encodes it.
fn decode(raw: &str) -> String {
    percent_decode_str(&raw.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// Names and values of a URL's query, decoded, and its path segments as values without a name.
fn parameters(url: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let fields = query.split('&').filter(|f| !f.is_empty()).map(|field| {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        (decode(name), decode(value))
    });
    let segments = path.split('/').filter(|s| !s.is_empty()).map(|segment| ("path".to_owned(), decode(segment)));
    fields.chain(segments)
}

/// Words of a text, lower case, with quotes, brackets, comment marks and operators as words of their own.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut previous = ' ';
    for c in text.to_lowercase().chars() {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
        } else {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            match (previous, c) {
                ('-', '-') => words.push("--".into()),
                ('/', '*') => words.push("/*".into()),
                ('|', '|') => words.push("||".into()),
                (_, c) if !c.is_whitespace() => words.push(c.into()),
                _ => {}
            }
        }
        previous = c;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn holds(words: &[String], sequence: &[&str]) -> bool {
    words.windows(sequence.len()).any(|w| w.iter().zip(sequence).all(|(have, want)| have == want))
}

/// How strongly a value looks like an injection: 0 not at all, 3 and more surely.
fn weigh(value: &str) -> u32 {
    if value.len() < 5 {
        return 0;
    }
    let words = words(value);
    let has = |word: &str| words.iter().any(|w| w == word);
    let breaks_out = has("'") || has("\"") || has(")") || value.trim_start().starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let mut weight = 0;
    weight += if holds(&words, &["union", "select"]) || holds(&words, &["union", "all", "select"]) { 3 } else { 0 };
    weight += if has("'") && (has("or") || has("and")) && (has("=") || has("like") || has("<") || has(">")) { 2 } else { 0 };
    weight += u32::from(has("--") || has("/*") || value.trim_end().ends_with('#')) * u32::from(breaks_out);
    weight += if has("information_schema") || has("pg_catalog") || has("sqlite_master") || has("pg_sleep") || has("xp_cmdshell") { 2 } else { 0 };
    weight += if (has("sleep") || has("benchmark") || has("waitfor")) && has("(") { 2 } else { 0 };
    weight += if has(";") && (has("select") || has("drop") || has("insert") || has("update") || has("delete") || has("copy")) { 2 } else { 0 };
    weight += if has("(") && has("select") && has("from") { 2 } else { 0 };
    if breaks_out { weight } else { 0 }
}

/// A cheap look before the costly one: does a statement hold anything that an injection leaves behind?
fn looks_like_sql_inside(statement: &str) -> bool {
    let lower = statement.to_ascii_lowercase();
    ["union", "--", "/*", " or ", " and ", "sleep", ";", "(select", "information_schema"].iter().any(|mark| lower.contains(mark))
}

impl Analytic for Injection {
    fn watch(&mut self, event: &Row<'_>) {
        if event.class != Class::Http {
            return;
        }
        let (Some(url), Some(address)) = (event.url.as_deref(), event.src_ip.as_deref()) else { return };
        let Some((name, value)) = parameters(url).find(|(_, value)| weigh(value) >= 2) else { return };
        if is_trusted(&self.trusted, None, event.account.as_deref(), Some(address)) {
            return;
        }
        let place = self.artefacts.place(event);
        let key = (event.system.to_string(), address.to_owned());
        let state = self.addresses.entry(key).or_default();
        state.seen.add(event.time, place);
        let path = url.split('?').next().unwrap_or(url);
        state.routes.insert(if name == "path" { "the path".to_owned() } else { format!("{path}, parameter {name}") });
        state.sessions.extend(event.session.as_deref().map(str::to_owned));
        state.accounts.extend(event.account.as_deref().map(str::to_owned));
        state.answered += u64::from(event.status_code.is_some_and(|status| (200..300).contains(&status)));
        state.reads_tables |= weigh(&value) >= 3;
        if value.len() >= PROOF_BYTES && self.suspects.len() < SUSPECTS_KEPT {
            let suspect = Suspect { system: event.system.to_string(), address: address.to_owned(), at: event.time };
            self.suspects.entry(value).or_default().push(suspect);
        }
    }

    fn conclude(mut self: Box<Self>, found: &mut Vec<Detection>) {
        for (key, at, place) in std::mem::take(&mut self.statements) {
            if let Some(state) = self.addresses.get_mut(&key) {
                state.ran += 1;
                state.seen.add(at, place);
            }
        }
        for ((system, address), state) in &self.addresses {
            let level = match (state.ran > 0, state.answered > 0 && state.reads_tables) {
                (true, _) => Level::Critical,
                (false, true) => Level::High,
                (false, false) => Level::Medium,
            };
            let routes: Vec<&str> = state.routes.iter().map(String::as_str).take(5).collect();
            let reason = format!(
                "SQL in {}: {} request(s) of which {} were answered, and {} record(s) of statements that ran it",
                routes.join("; "),
                state.seen.count - state.ran,
                state.answered,
                state.ran
            );
            let mut related = vec![format!("address={address}")];
            related.extend(state.sessions.iter().map(|session| format!("session={session}")));
            related.extend(state.accounts.iter().map(|account| format!("account={account}")));
            related.extend(routes.iter().map(|route| format!("route={route}")));
            found.push(detection(
                &self.artefacts,
                &state.seen,
                Statement {
                    rule: "sql_injection",
                    title: "SQL sent as a parameter",
                    level,
                    techniques: &["T1190"],
                    subject: (SubjectKind::Address, address),
                    system,
                    reason,
                    related,
                },
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: bool) {
        assert_eq!(parameters(url).any(|(_, value)| weigh(&value) >= 2), expected, "{url}");
    }

    #[test]
    fn names_and_titles_are_not_injections() {
        check("/search?q=O%27Brien", false);
        check("/search?q=rock+%27n%27+roll", false);
        check("/search?q=terms+and+conditions", false);
        check("/search?q=select+committee+on+unions", false);
        check("/search?q=student+union+select+committee", false);
        check("/doc/17", false);
        check("/search?q=Smith+%28Jones%29", false);
        check("/search?name=%25LAM%25", false);
    }

    #[test]
    fn sql_that_breaks_out_is_an_injection() {
        check("/search?q=x%27+UNION+SELECT+1%2C+version%28%29+--", true);
        check("/search?q=%27+OR+1%3D1+--", true);
        check("/search?q=%27%20or%20%27a%27%3D%27a", true);
        check("/item/1%20AND%20SLEEP(5)", true);
        check("/item?id=-1+UNION+ALL+SELECT+a,b+FROM+c", true);
        check("/search?q=x%27%3B+DROP+TABLE+t%3B--", true);
    }
}
