//! Our own normalised events under the names that Sigma rules use for web servers, databases, sign-ins and Linux.

use std::borrow::Cow;
use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use strandline_model::event::columns::{self, Holds, Lend};
use strandline_model::event::{Activity, Class, Event, RecordKind, Status};
use strandline_model::evidence::EventRef;
use strandline_model::record::{FieldList, FieldValue, LogRecord};
use strandline_model::time::Instant;

/// An event, as rules see it.
#[derive(Debug)]
pub struct EventView<'e> {
    event: &'e Event<'e>,
    channel: Option<&'static str>,
}

impl<'e> EventView<'e> {
    /// Views an event. `format` is the format of the log source that it came from (`nginx`, `linux_auth` …).
    pub fn new(event: &'e Event<'e>, format: &str) -> Self {
        Self { event, channel: channel_of(event, format) }
    }
}

/// What stands for the channel of an event of a source of this format: see the end of `logsources.toml`.
pub fn channel_of(event: &(impl Holds<columns::class> + Holds<columns::application>), format: &str) -> Option<&'static str> {
    let program = event.column::<columns::application>().unwrap_or_default();
    Some(match (event.column::<columns::class>(), format) {
        (Class::Http, _) => "@web",
        (Class::Datastore, format) if format.starts_with("mysql") => "@database/mysql",
        (Class::Datastore, format) if format.starts_with("postgresql") => "@database/postgresql",
        (Class::Datastore, _) => "@database/other",
        (_, "linux_auth" | "journald") => match program {
            "sshd" | "sshd-session" | "sshd-auth" => "@linux/sshd",
            "sudo" | "su" => "@linux/sudo",
            "cron" | "CRON" | "crond" | "crontab" => "@linux/cron",
            _ => "@linux/other",
        },
        (_, format) if format.starts_with("mysql") => "@database/mysql",
        (_, format) if format.starts_with("postgresql") => "@database/postgresql",
        (Class::Authentication, _) => "@sign_in",
        _ => "@application",
    })
}

/// Path and query of what was asked for.
fn parts(url: &str) -> (&str, Option<&str>) {
    url.split_once('?').map_or((url, None), |(stem, query)| (stem, Some(query)))
}

/// How often a request is decoded: attackers encode twice, since some filters decode once.
const DECODINGS: usize = 2;

/// What was asked for, percent-encoding and plus signs taken off. Costs memory only where there is something to decode.
fn decoded(url: &str) -> Cow<'_, str> {
    let mut text = if url.contains('+') { Cow::Owned(url.replace('+', " ")) } else { Cow::Borrowed(url) };
    for _ in 0..DECODINGS {
        if !text.contains('%') {
            break;
        }
        text = Cow::Owned(percent_decode_str(&text).decode_utf8_lossy().into_owned());
    }
    text
}

/// Which record a request is about, and the request up to there: the value of a parameter whose name ends in `id` or `no`
/// (`/patient.php?id=4711`), else the last part of the path that holds a digit (`/patients/P4711/kin`). Versions (`v2`)
/// and files (`app.3f2a.js`) are no records.
fn resource(url: &str) -> Option<(&str, &str)> {
    let (stem, query) = parts(url);
    // Where a part of the text stands in it: every part is cut out of `url`.
    let before = |part: &str| url.get(..part.as_ptr() as usize - url.as_ptr() as usize);
    let names_record =
        |name: &str| ["id", "no"].iter().any(|end| name.len() >= end.len() && name.as_bytes()[name.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes()));
    let has_digit = |text: &&str| text.bytes().any(|byte| byte.is_ascii_digit());
    let parameter = query.into_iter().flat_map(|query| query.split('&')).filter_map(|pair| pair.split_once('='));
    let value = parameter.filter(|(name, _)| names_record(name)).map(|(_, value)| value).find(has_digit);
    let is_version = |part: &&str| part.strip_prefix(['v', 'V']).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    let part = value.or_else(|| stem.rsplit('/').filter(|part| !part.contains('.') && !is_version(part)).find(has_digit))?;
    Some((before(part)?, part))
}

/// The network of an address: the first half of an IPv4 address, the first two groups of an IPv6 address, which is what
/// a provider or a campus usually holds.
fn network(address: &str) -> Option<&str> {
    let mark = match address.parse().ok()? {
        IpAddr::V4(_) => '.',
        IpAddr::V6(_) => ':',
    };
    address.match_indices(mark).nth(1).and_then(|(end, _)| address.get(..end))
}

/// Collects fields that are there.
struct Fields<'f, 'a>(&'f mut FieldList<'a>);

impl<'a> Fields<'_, 'a> {
    fn text(&mut self, name: &'static str, value: Option<&'a str>) {
        if let Some(value) = value {
            self.0.push((Cow::Borrowed(name), FieldValue::Text(Cow::Borrowed(value))));
        }
    }

    fn whole(&mut self, name: &'static str, value: Option<impl Into<i128>>) {
        if let Some(value) = value {
            self.0.push((Cow::Borrowed(name), FieldValue::Whole(value.into())));
        }
    }
}

impl LogRecord for EventView<'_> {
    fn place(&self) -> EventRef {
        self.event.place.clone()
    }

    fn time(&self) -> Option<Instant> {
        Some(self.event.time)
    }

    fn channel(&self) -> Option<&str> {
        self.channel
    }

    fn provider(&self) -> Option<&str> {
        None
    }

    fn event_id(&self) -> Option<u32> {
        None
    }

    fn record_id(&self) -> Option<u64> {
        None
    }

    fn host(&self) -> Option<&str> {
        self.event.host.as_deref().or(Some(self.event.system.as_ref())).filter(|host| !host.is_empty())
    }

    fn fields<'a>(&'a self, into: &mut FieldList<'a>) {
        let mut fields = Fields(into);
        let event = self.event;
        for name in ["c-ip", "src_ip"] {
            fields.text(name, event.src_ip.as_deref());
        }
        fields.text("src_network", event.src_ip.as_deref().and_then(network));
        match event.class {
            Class::Http => web(event, &mut fields),
            Class::Datastore => database(event, &mut fields),
            _ => other(event, &mut fields),
        }
        fields.text("source", Some(event.source.as_ref()));
        fields.text("system", Some(event.system.as_ref()));
        fields.text("session", event.session.as_deref());
        fields.text("activity", Some(event.activity.as_str()));
        fields.text("status", (event.status != Status::Unknown).then(|| event.status.as_str()));
        fields.text("message", event.message.as_deref());
        labels(event, fields.0);
    }
}

/// W3C names; where rules use several for one thing, each of them.
fn web<'a>(event: &'a Event<'a>, fields: &mut Fields<'_, 'a>) {
    let url = event.url.as_deref();
    let (stem, query) = url.map_or((None, None), |url| (Some(parts(url).0), parts(url).1));
    fields.text("cs-method", event.method.as_deref());
    // Rules of the category ask `cs-uri-query` for the whole of what was asked for as often as for the query alone.
    for name in ["c-uri", "cs-uri", "cs-uri-query"] {
        fields.text(name, url);
    }
    for name in ["cs-uri-stem", "c-uri-stem"] {
        fields.text(name, stem);
    }
    fields.text("c-uri-query", query);
    if let Some(url) = url {
        fields.0.push((Cow::Borrowed("c-uri-decoded"), FieldValue::Text(decoded(url))));
        let resource = resource(url);
        fields.text("resource_path", resource.map(|(path, _)| path));
        fields.text("resource_id", resource.map(|(_, id)| id));
    }
    let file = stem.and_then(|stem| stem.rsplit('/').next());
    fields.text("c-uri-extension", file.and_then(|file| file.rsplit_once('.')).map(|(_, extension)| extension));
    fields.whole("sc-status", event.status_code);
    fields.whole("sc-bytes", event.bytes);
    for name in ["cs-user-agent", "c-useragent"] {
        fields.text(name, event.user_agent.as_deref());
    }
    fields.text("cs-username", event.account.as_deref());
    fields.text("request_id", event.request_id.as_deref());
    fields.whole("time-taken", event.duration_micros.map(|micros| micros / 1000));
}

fn database<'a>(event: &'a Event<'a>, fields: &mut Fields<'_, 'a>) {
    fields.text("user", event.account.as_deref());
    fields.text("statement", event.statement.as_deref());
    fields.text("command", event.command.as_deref());
    fields.text("db", event.database.as_deref());
    fields.text("application", event.application.as_deref());
    fields.whole("row_count", event.row_count);
    fields.whole("duration_ms", event.duration_micros.map(|micros| micros / 1000));
    fields.text("error_code", event.error_code.as_deref());
    fields.text("request_id", event.request_id.as_deref());
    fields.text("record_kind", event.record_kind.map(RecordKind::as_str));
}

fn other<'a>(event: &'a Event<'a>, fields: &mut Fields<'_, 'a>) {
    for name in ["user", "User"] {
        fields.text(name, event.account.as_deref());
    }
    fields.text("application", event.application.as_deref());
    fields.whole("pid", event.pid);
    if event.activity == Activity::Execute
        && let Some(command) = event.command.as_deref()
    {
        fields.text("CommandLine", Some(command));
        fields.text("Image", command.split_whitespace().next());
    } else {
        fields.text("command", event.command.as_deref());
    }
    fields.text("error_code", event.error_code.as_deref());
}

/// Fields without a column of their own, under the names that the log gives them.
fn labels<'a>(event: &'a Event<'a>, into: &mut FieldList<'a>) {
    let Some(labels) = event.labels.as_deref() else { return };
    let Ok(labels) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(labels) else { return };
    for (name, value) in labels {
        let value = match value {
            serde_json::Value::Null => FieldValue::Null,
            serde_json::Value::Bool(value) => FieldValue::Bool(value),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(whole), _, _) => FieldValue::Whole(whole.into()),
                (_, Some(whole), _) => FieldValue::Whole(whole.into()),
                (_, _, Some(number)) => FieldValue::Number(number),
                _ => FieldValue::Null,
            },
            serde_json::Value::String(text) => FieldValue::Text(Cow::Owned(text)),
            nested => FieldValue::Text(Cow::Owned(nested.to_string())),
        };
        into.push((Cow::Owned(name.replace(' ', "")), value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_record() {
        let check = |url: &str, expected: Option<(&str, &str)>| assert_eq!(resource(url), expected, "{url}");
        check("/patients/P4711/kin", Some(("/patients/", "P4711")));
        check("/v2/patients/17?page=3", Some(("/v2/patients/", "17")));
        check("/patient.php?tab=2&patientId=0815&x=1", Some(("/patient.php?tab=2&patientId=", "0815")));
        check("/v2/patients", None);
        check("/static/app.3f2a.js", None);
        check("/search?q=17", None);
        check("?id=é9", Some(("?id=", "é9")));
        check("", None);
    }

    #[test]
    fn a_request_is_decoded_twice() {
        let check = |url: &str, expected: &str| assert_eq!(decoded(url), expected);
        check("/a?q=%2527+or%201", "/a?q=' or 1");
        check("/a?q=%", "/a?q=%");
        check("/a", "/a");
        assert!(matches!(decoded("/a"), Cow::Borrowed(_)), "what needs no decoding is not copied");
    }

    #[test]
    fn an_address_belongs_to_a_network() {
        let check = |address: &str, expected: Option<&str>| assert_eq!(network(address), expected, "{address}");
        check("10.61.4.11", Some("10.61"));
        check("2001:db8:1::5", Some("2001:db8"));
        check("::1", Some(":"));
        check("ward-pc", None);
        check("[local]", None);
    }
}
