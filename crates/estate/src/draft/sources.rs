//! The systems and their logs: which logs lie together or tell of the same requests, in which format, and with which fields.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{LogSketch, list, printable, strings, toml_string, word};

/// The systems, by the logs that tell of them.
#[derive(Debug)]
pub(super) struct Systems {
    /// Path of a log -> the system.
    of_logs: BTreeMap<String, String>,
    /// In order.
    ids: Vec<String>,
}

impl Systems {
    /// Logs of one folder are of one system, and so are those that tell of the same requests.
    pub(super) fn of(logs: &[LogSketch]) -> Self {
        let logs: Vec<&LogSketch> = logs.iter().filter(|log| log.format.is_some()).collect();
        let mut names: BTreeMap<String, String> = logs.iter().map(|log| (folder_of(&log.path), folder_of(&log.path))).collect();
        for (at, log) in logs.iter().enumerate().filter(|(_, log)| is_application(log)) {
            let same = |other: &&&LogSketch| is_application(other) && log.requests.intersection(&other.requests).next().is_some();
            for other in logs[at + 1..].iter().filter(same) {
                let (one, two) = (names[&folder_of(&log.path)].clone(), names[&folder_of(&other.path)].clone());
                let first = one.clone().min(two.clone());
                names.values_mut().filter(|name| **name == one || **name == two).for_each(|name| name.clone_from(&first));
            }
        }
        let of_logs: BTreeMap<String, String> = logs.iter().map(|log| (log.path.clone(), names[&folder_of(&log.path)].clone())).collect();
        let ids: BTreeSet<String> = of_logs.values().cloned().collect();
        let ids = if ids.is_empty() { vec!["system".to_owned()] } else { ids.into_iter().collect() };
        Self { of_logs, ids }
    }

    /// The system of a log.
    pub(super) fn of_log(&self, path: &str) -> String {
        self.of_logs.get(path).cloned().unwrap_or_else(|| self.first())
    }

    /// The first of them.
    pub(super) fn first(&self) -> String {
        self.ids.first().cloned().unwrap_or_default()
    }

    pub(super) fn write(&self, logs: &[LogSketch], text: &mut String) {
        let uses = uses(logs);
        let applications: BTreeSet<&str> =
            logs.iter().filter(|log| is_application(log)).filter_map(|log| self.of_logs.get(&log.path)).map(String::as_str).collect();
        for id in &self.ids {
            let own = roles_of(id, &applications, &uses);
            let hosts: BTreeSet<&str> = own.iter().filter_map(|role| usual_host(role, &uses)).collect();
            let folders: BTreeSet<String> = self.of_logs.iter().filter(|(_, system)| *system == id).map(|(path, _)| folder_path(path)).collect();
            let why = if folders.len() > 1 { "they tell of the same requests" } else { "its folder" };
            let _ = writeln!(text, "[[system]]\nid = {}  # [likely] by {why}: {}", toml_string(id), list(folders.iter().map(String::as_str)));
            let _ = writeln!(text, "name = {}  # [guess]", toml_string(id));
            let seen = list(uses.values().flat_map(|hosts| hosts.keys().map(String::as_str)));
            let _ = writeln!(text, "addresses = [{}]  # [guess] the hosts that it connects from; seen at the databases: {seen}", strings(hosts));
            let seen = uses.iter().map(|(role, hosts)| format!("{role} ({})", hosts.values().sum::<u64>())).collect::<Vec<_>>();
            let _ = writeln!(text, "roles = [{}]  # [guess] its application's database roles; seen: {}\n", strings(own), list(seen.iter().map(String::as_str)));
        }
        let own: BTreeSet<&str> = self.ids.iter().flat_map(|id| roles_of(id, &applications, &uses)).collect();
        for (role, hosts) in uses.iter().filter(|(role, _)| !own.contains(role.as_str())) {
            let hosts = strings(hosts.keys().map(String::as_str));
            let _ = writeln!(text, "# Is this one known? Then: [[trusted]] role = {}, addresses = [{hosts}], reason = \"…\"", toml_string(role));
        }
        if uses.len() > own.len() {
            text.push('\n');
        }
    }
}

/// Whether a log is of an application or its web server.
fn is_application(log: &LogSketch) -> bool {
    log.format.as_ref().is_some_and(|(format, _)| matches!(format.as_str(), "nginx" | "apache" | "web" | "json" | "text"))
}

/// Role -> host -> how often it was seen there, in the logs of databases.
fn uses(logs: &[LogSketch]) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut uses: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for (role, hosts) in logs.iter().flat_map(|log| &log.roles) {
        for (host, count) in hosts {
            *uses.entry(role.clone()).or_default().entry(host.clone()).or_default() += count;
        }
    }
    uses
}

/// The database role of an application: of those that bear its name, or of all for the only application, the one that is used most.
fn roles_of<'u>(id: &str, applications: &BTreeSet<&str>, uses: &'u BTreeMap<String, BTreeMap<String, u64>>) -> BTreeSet<&'u str> {
    if !applications.contains(id) {
        return BTreeSet::new();
    }
    // Of several that bear its name one is the application's; the others are people's and programs' whose statements must stand out.
    let most = |among: &dyn Fn(&str) -> bool| {
        let used = uses.iter().filter(|(role, _)| among(role)).max_by_key(|(_, hosts)| hosts.values().sum::<u64>());
        used.map(|(role, _)| role.as_str())
    };
    let named = most(&|role| shares_a_word(role, id));
    named.or_else(|| most(&|_| true).filter(|_| applications.len() == 1)).into_iter().collect()
}

/// The host from which a role was used most.
fn usual_host<'u>(role: &str, uses: &'u BTreeMap<String, BTreeMap<String, u64>>) -> Option<&'u str> {
    let hosts = uses.get(role)?;
    hosts.iter().filter(|(host, _)| host.parse::<std::net::IpAddr>().is_ok()).max_by_key(|(_, count)| **count).map(|(host, _)| host.as_str())
}

/// Whether two names are the same word, or one is a word of the other: `hrs_app` of `hrs`.
pub(super) fn shares_a_word(a: &str, b: &str) -> bool {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let words = |name: &str, other: &str| name.split(|c: char| !c.is_alphanumeric()).any(|word| word == other);
    words(&a, &b) || words(&b, &a)
}

fn folder_path(path: &str) -> String {
    path.rsplit_once('/').map_or_else(|| ".".to_owned(), |(folder, _)| folder.to_owned())
}

fn folder_of(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, _)) => word(folder.rsplit('/').next().unwrap_or(folder)),
        None => "system".to_owned(),
    }
}

/// Writes the sources.
pub(super) fn write(logs: &[LogSketch], systems: &Systems, text: &mut String) {
    let mut taken = BTreeSet::new();
    for (path, logs) in rotated(logs) {
        let path = path.as_str();
        let log = logs[0];
        let Some((format, share)) = &log.format else {
            let _ = writeln!(
                text,
                "# {}: no format fits. A web server's own log_format goes into format = \"nginx\" or \"apache\" with log_format = \"…\"; for another text use format = \"text\" and a [[source.pattern]]\n",
                printable(path)
            );
            continue;
        };
        let file = path.rsplit('/').next().unwrap_or(path);
        let mut id = format!("{}-{}", folder_of(path), word(file.split(['.', '*']).next().unwrap_or(file)));
        while !taken.insert(id.clone()) {
            id.push('x');
        }
        let sure = match share {
            0.99.. => "sure",
            0.5.. => "likely",
            _ => "guess",
        };
        let of_files = if logs.len() > 1 { format!("  # {} files: it is rotated", logs.len()) } else { String::new() };
        let _ = writeln!(
            text,
            "[[source]]\nid = {}\nsystem = {}\npath = [{}]{of_files}",
            toml_string(&id),
            toml_string(&systems.of_log(&log.path)),
            toml_string(path)
        );
        let _ = writeln!(text, "format = {}  # [{sure}] {:.0} % of its records were understood", toml_string(format), share * 100.0);
        if let Some(layout) = layout_of(format, &log.lines) {
            let _ = writeln!(text, "log_format = '{layout}'  # [likely] by what stands behind the usual fields");
        }
        // In a wrapper the keys are the wrapper's.
        if format == "json" && !log.json_keys.is_empty() {
            let _ = writeln!(text, "fields = {{ {} }}  # [likely] by name and value", json_fields(&log.json_keys));
        }
        if is_application(log) && !log.has_sessions {
            text.push_str("# session = …  # [guess] nothing in it tells sessions apart: map a session id or a cookie, if it has one\n");
        }
        text.push_str("# clock, retention_days: the zone of stamps without an offset, and how long it is kept\n\n");
    }
}

/// The layout of a web server's log, where it has more than the usual fields.
pub fn layout_of(format: &str, lines: &[String]) -> Option<String> {
    super::web::layout(lines).filter(|layout| format == "nginx" && !layout.contains('\''))
}

/// Logs by the path that a source names: `access.log.1` and `access.log-20261120.gz` are found under `access.log`.
fn rotated(logs: &[LogSketch]) -> BTreeMap<String, Vec<&LogSketch>> {
    let mut families: BTreeMap<String, Vec<&LogSketch>> = BTreeMap::new();
    for log in logs {
        families.entry(without_day(before_rotation(&log.path))).or_default().push(log);
    }
    families
}

/// A path whose file name holds a day, as PostgreSQL's logs do, with `*` for the day and the time: `postgresql-2026-11-28_000000.csv`.
fn without_day(path: &str) -> String {
    let start = path.rfind('/').map_or(0, |at| at + 1);
    let (folder, file) = path.split_at(start);
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | 'T' | 'Z' | ':');
    let mut at = 0;
    while let Some(found) = file[at..].find(|c: char| c.is_ascii_digit()).map(|found| at + found) {
        let end = file[found..].find(|c| !is_part(c)).map_or(file.len(), |length| found + length);
        let run = file[found..end].trim_end_matches(['-', '_', 'T', 'Z', ':']);
        let digits: String = run.chars().filter(char::is_ascii_digit).collect();
        if digits.len() >= 8 && digits.get(..8).is_some_and(is_day) && path.find(['*', '?', '[']).is_none() {
            return format!("{folder}{}*{}", &file[..found], &file[found + run.len()..]);
        }
        at = end;
    }
    path.to_owned()
}

/// Whether eight digits are year, month and day.
fn is_day(digits: &str) -> bool {
    let part = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<u32>().ok()).unwrap_or_default();
    (1990..2100).contains(&part(0, 4)) && (1..=12).contains(&part(4, 6)) && (1..=31).contains(&part(6, 8))
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

/// Whether a value can be what a field says.
type Fits = fn(&str) -> bool;

fn is_any(_: &str) -> bool {
    true
}

/// A moment: a date with a time, or seconds or milliseconds since 1970 of this century.
fn is_time(value: &str) -> bool {
    let is_epoch = value.parse::<f64>().is_ok_and(|number| [1.0, 1e3, 1e6, 1e9].iter().any(|unit| (9.4e8..4.2e9).contains(&(number / unit))));
    let is_written = value.len() >= 14 && value.contains(':') && value.chars().filter(char::is_ascii_digit).count() >= 10;
    is_epoch || is_written
}

fn is_address(value: &str) -> bool {
    let first = value.split(',').next().unwrap_or(value).trim();
    first.parse::<std::net::IpAddr>().is_ok() || first.parse::<std::net::SocketAddr>().is_ok()
}

fn is_method(value: &str) -> bool {
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"].contains(&value)
}

fn is_url(value: &str) -> bool {
    value.starts_with('/') || value.starts_with("http://") || value.starts_with("https://")
}

fn is_status(value: &str) -> bool {
    value.parse::<u16>().is_ok_and(|status| (100..600).contains(&status))
}

fn is_number(value: &str) -> bool {
    value.parse::<f64>().is_ok()
}

fn is_long(value: &str) -> bool {
    value.len() >= 8
}

fn is_agent(value: &str) -> bool {
    value.contains('/') || value == "-" || value.is_empty()
}

/// Event field, the names that mean it (in full, or as the last parts of a nested key), and what its values look like. The more particular
/// names come first.
const JSON_FIELDS: &[(&str, &[&str], Fits)] = &[
    ("time", &["msec", "@timestamp", "timestamp", "ts", "time", "datetime", "time_iso8601", "epoch", "date", "when", "t"], is_time),
    (
        "src_ip",
        &[
            "x_forwarded_for",
            "forwarded_for",
            "remote_addr",
            "client_ip",
            "clientip",
            "client_addr",
            "src_ip",
            "source_ip",
            "remote_ip",
            "client_address",
            "source_address",
            "remote_address",
            "client",
            "ip",
        ],
        is_address,
    ),
    ("account", &["username", "user_name", "remote_user", "account", "user_id", "userid", "user", "login", "actor", "principal", "subject"], is_any),
    ("session", &["session_id", "sessionid", "session", "sid"], is_long),
    ("request_id", &["x_request_id", "http_request_id", "request_id", "requestid", "req_id", "rid", "correlation_id", "x_correlation_id", "trace_id"], is_long),
    ("method", &["request_method", "http_request_method", "req_method", "method", "verb"], is_method),
    ("url", &["request_uri", "url_original", "uri", "url", "url_path", "request_path", "path", "target"], is_url),
    ("status_code", &["http_response_status_code", "response_status", "status_code", "statuscode", "status", "code"], is_status),
    (
        "bytes",
        &[
            "body_bytes_sent",
            "bytes_sent",
            "http_response_body_bytes",
            "http_response_bytes",
            "response_bytes",
            "response_size",
            "content_length",
            "bytes",
            "size",
            "length",
        ],
        is_number,
    ),
    ("duration", &["request_time", "response_time", "responsetime", "duration_ms", "duration", "elapsed", "elapsed_ms", "latency", "took"], is_number),
    ("user_agent", &["http_user_agent", "user_agent_original", "user_agent", "useragent", "agent"], is_agent),
    ("message", &["event_action", "message", "msg", "event"], is_any),
];

/// Whether a key tells of a request's method or of its answer.
fn is_of_a_request(key: &str) -> bool {
    key.ends_with("method") || key.ends_with("status") || key.ends_with("status_code") || key.ends_with("verb")
}

/// Whether several values are all the same.
fn is_constant(values: &[String]) -> bool {
    values.len() > 1 && values.windows(2).all(|pair| pair[0] == pair[1])
}

pub(super) fn json_fields(keys: &BTreeMap<String, Vec<String>>) -> String {
    fields_of(keys).iter().map(|(field, key)| format!("{field} = {}", toml_string(key))).collect::<Vec<_>>().join(", ")
}

/// Event field and the JSON key that means it, by its name and by what its values can be.
pub fn fields_of(keys: &BTreeMap<String, Vec<String>>) -> Vec<(String, String)> {
    let plain = |key: &str| key.replace(['.', '-'], "_").to_lowercase();
    let ends_with = |key: &str, name: &str| key == name || key.strip_suffix(name).is_some_and(|before| before.ends_with('_'));
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    let mut found = Vec::new();
    for (field, names, fits) in JSON_FIELDS {
        let can_be = |key: &&String| !taken.contains(key.as_str()) && keys[*key].iter().all(|value| fits(value));
        let of_response = |key: &str| *field != "bytes" || !plain(key).starts_with("req");
        let whole = names.iter().find_map(|name| keys.keys().filter(can_be).find(|key| plain(key) == *name));
        let part = || names.iter().find_map(|name| keys.keys().filter(can_be).find(|key| ends_with(&plain(key), name) && of_response(key)));
        // One that no name tells, if its values are such as no other's.
        let alone = || {
            let mut such = keys.keys().filter(can_be).filter(|key| !keys[*key].is_empty());
            such.next().filter(|_| such.next().is_none() && matches!(*field, "time" | "src_ip" | "method" | "url"))
        };
        // Of a nested message no part is meant.
        // A path that is the same in all records, beside no method and no status, is a file's and no request's.
        let asked = |key: &&String| *field != "url" || keys.keys().any(|key| is_of_a_request(&plain(key))) || !is_constant(&keys[*key]);
        if let Some(key) = whole.or_else(|| part().filter(|_| !matches!(*field, "time" | "message"))).or_else(alone).filter(asked) {
            taken.insert(key);
            found.push(((*field).to_owned(), key.clone()));
        }
    }
    found
}
