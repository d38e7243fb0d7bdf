//! A hit as a line: for a person, a spreadsheet, a program, or Timesketch.

use clap::ValueEnum;
use serde_json::{Map, Value, json};
use strandline_case::export::spreadsheet_text;
use strandline_model::detection::Level;
use strandline_model::personal::Personal;
use strandline_model::time::Instant;
use strandline_response::{BoxError, Hit, Rule};

use crate::ui::printable;

/// How hits are written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// For a person
    Table,
    /// For a spreadsheet
    Csv,
    /// One JSON object a line
    Jsonl,
    /// One JSON object a line, as Timesketch imports it
    Timesketch,
}

const CSV_HEAD: &str =
    "time,level,title,rule,host,account,address,techniques,channel,event_id,record_id,carved,fields,last,events,file,line,offset,length,rule_sha256\n";

/// Characters of one value, and of all fields, in the table.
const VALUE: usize = 60;
const FIELDS: usize = 200;

impl Shape {
    /// What stands before the first hit.
    pub fn head(self) -> String {
        match self {
            Self::Table => format!("{:<19} {:<4} {:<40} {:<20} {:<20} matched, and where\n", "time (UTC)", "", "rule", "host", "account"),
            Self::Csv => CSV_HEAD.to_owned(),
            Self::Jsonl | Self::Timesketch => String::new(),
        }
    }

    /// A hit, with its line ending.
    pub fn line(self, rule: &Rule, hit: &Hit, path: &str) -> Result<Vec<u8>, BoxError> {
        match self {
            Self::Table => Ok(table(rule, hit, path).into_bytes()),
            Self::Csv => csv_line(rule, hit, path),
            Self::Jsonl => json_line(&Value::Object(object(rule, hit, path))),
            Self::Timesketch => json_line(&timesketch(rule, hit, path)),
        }
    }
}

/// A level in four letters.
pub fn short(level: Level) -> &'static str {
    match level {
        Level::Informational => "info",
        Level::Low => "low",
        Level::Medium => "med",
        Level::High => "high",
        Level::Critical => "crit",
    }
}

/// A level as Sigma writes it.
pub fn word(level: Level) -> &'static str {
    match level {
        Level::Informational => "informational",
        Level::Low => "low",
        Level::Medium => "medium",
        Level::High => "high",
        Level::Critical => "critical",
    }
}

fn stamp(time: Instant, pattern: &str) -> String {
    match jiff::Timestamp::from_microsecond(time.micros()) {
        Ok(timestamp) => timestamp.strftime(pattern).to_string(),
        Err(_) => time.to_string(),
    }
}

/// ISO 8601 with microseconds.
fn iso(time: Instant) -> String {
    stamp(time, "%Y-%m-%dT%H:%M:%S.%6f+00:00")
}

fn text(value: Option<&Personal<String>>) -> &str {
    value.map_or("", |value| value.expose_personal())
}

/// At most so many characters, on one line.
pub fn cut(text: &str, most: usize) -> String {
    let mut short: String = printable(text).chars().map(|c| if c.is_whitespace() { ' ' } else { c }).take(most + 1).collect();
    if short.chars().count() > most {
        short = short.chars().take(most.saturating_sub(1)).collect();
        short.push('…');
    }
    short
}

fn table(rule: &Rule, hit: &Hit, path: &str) -> String {
    let time = hit.time.map_or_else(|| "no time".to_owned(), |time| stamp(time, "%Y-%m-%d %H:%M:%S"));
    let values = |(name, values): &(String, Vec<Personal<String>>)| {
        let values: Vec<String> = values.iter().map(|value| cut(value.expose_personal(), VALUE)).collect();
        format!("{name}={}", values.join("|"))
    };
    let mut matched: Vec<String> = hit.fields.iter().map(values).collect();
    if let Some((last, count)) = hit.stretch {
        matched.push(format!("{count} events until {}", stamp(last, "%Y-%m-%d %H:%M:%S")));
    }
    if hit.is_carved {
        matched.push("(carved)".to_owned());
    }
    let place = hit.line.map_or_else(|| format!("{path}@{}", hit.place.offset), |line| format!("{path}:{line}"));
    format!(
        "{time:<19} {:<4} {:<40} {:<20} {:<20} {}  {}\n",
        short(rule.level),
        cut(&rule.title, 40),
        cut(hit.host.as_deref().unwrap_or(""), 20),
        cut(text(hit.account.as_ref()), 20),
        cut(&matched.join(" "), FIELDS),
        printable(&place)
    )
}

fn fields(hit: &Hit) -> String {
    let one = |(name, values): &(String, Vec<Personal<String>>)| {
        let values: Vec<&str> = values.iter().map(|value| value.expose_personal().as_str()).collect();
        format!("{name}={}", values.join(" | "))
    };
    hit.fields.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn csv_line(rule: &Rule, hit: &Hit, path: &str) -> Result<Vec<u8>, BoxError> {
    let number = |value: Option<String>| value.unwrap_or_default();
    let techniques = rule.techniques.join(" ");
    let matched = fields(hit);
    let mut writer = csv::Writer::from_writer(Vec::new());
    for cell in [hit.time.map(iso).unwrap_or_default().as_str(), word(rule.level)] {
        writer.write_field(cell)?;
    }
    for cell in [
        &rule.title,
        &rule.id,
        hit.host.as_deref().unwrap_or(""),
        text(hit.account.as_ref()),
        text(hit.address.as_ref()),
        &techniques,
        hit.channel.as_deref().unwrap_or(""),
    ] {
        writer.write_field(spreadsheet_text(cell).as_ref())?;
    }
    writer.write_field(number(hit.event_id.map(|id| id.to_string())))?;
    writer.write_field(number(hit.record_id.map(|id| id.to_string())))?;
    writer.write_field(if hit.is_carved { "yes" } else { "" })?;
    writer.write_field(spreadsheet_text(&matched).as_ref())?;
    writer.write_field(hit.stretch.map(|(last, _)| iso(last)).unwrap_or_default())?;
    writer.write_field(number(hit.stretch.map(|(_, count)| count.to_string())))?;
    writer.write_field(spreadsheet_text(path).as_ref())?;
    writer.write_field(number(hit.line.map(|line| line.to_string())))?;
    writer.write_field(hit.place.offset.to_string())?;
    writer.write_field(hit.place.length.to_string())?;
    writer.write_field(&rule.sha256)?;
    writer.write_record(None::<&[u8]>)?;
    Ok(writer.into_inner().map_err(|error| error.to_string())?)
}

fn json_line(value: &Value) -> Result<Vec<u8>, BoxError> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// A hit as an object; what is not known is left out.
fn object(rule: &Rule, hit: &Hit, path: &str) -> Map<String, Value> {
    let matched: Map<String, Value> =
        hit.fields.iter().map(|(name, values)| (name.clone(), values.iter().map(|value| value.expose_personal().as_str()).collect())).collect();
    let personal = |value: &Option<Personal<String>>| value.as_ref().map(|value| value.expose_personal().clone());
    let all = [
        ("time", json!(hit.time.map(iso))),
        ("level", json!(word(rule.level))),
        ("title", json!(rule.title)),
        ("rule", json!(rule.id)),
        ("rule_sha256", json!(rule.sha256)),
        ("techniques", json!(rule.techniques)),
        ("host", json!(hit.host)),
        ("account", json!(personal(&hit.account))),
        ("address", json!(personal(&hit.address))),
        ("session", json!(personal(&hit.session))),
        ("channel", json!(hit.channel)),
        ("event_id", json!(hit.event_id)),
        ("record_id", json!(hit.record_id)),
        ("carved", if hit.is_carved { json!(true) } else { Value::Null }),
        ("fields", Value::Object(matched)),
        ("last", json!(hit.stretch.map(|(last, _)| iso(last)))),
        ("events", json!(hit.stretch.map(|(_, count)| count))),
        ("file", json!(path)),
        ("line", json!(hit.line)),
        ("offset", json!(hit.place.offset)),
        ("length", json!(hit.place.length)),
    ];
    all.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The same, flat, with the three names that Timesketch asks for: `message`, `datetime`, `timestamp_desc`.
fn timesketch(rule: &Rule, hit: &Hit, path: &str) -> Value {
    let mut flat = object(rule, hit, path);
    flat.remove("time");
    flat.insert("fields".to_owned(), json!(fields(hit)));
    flat.insert("message".to_owned(), json!(format!("{} ({}): {}", rule.title, word(rule.level), fields(hit))));
    flat.insert("datetime".to_owned(), json!(iso(hit.time.unwrap_or_default())));
    let what = match (hit.time, hit.stretch) {
        (None, _) => "Time not known",
        (_, Some(_)) => "First Event of Sigma Correlation",
        _ => "Sigma Match",
    };
    flat.insert("timestamp_desc".to_owned(), json!(what));
    flat.insert("tag".to_owned(), json!(rule.techniques));
    Value::Object(flat)
}
