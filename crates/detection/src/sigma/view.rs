//! Our own normalised events under the names that Sigma rules use for web servers, databases, sign-ins and Linux.

use std::borrow::Cow;

use strandline_model::event::{Activity, Class, Event, Status};
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
        Self { event, channel: channel(event, format) }
    }
}

/// What stands for a channel: see the end of `logsources.toml`.
fn channel(event: &Event<'_>, format: &str) -> Option<&'static str> {
    let program = event.application.as_deref().unwrap_or_default();
    Some(match (event.class, format) {
        (Class::Http, _) => "@web",
        (Class::Datastore, "mysql_audit" | "mysql_general") => "@database/mysql",
        (Class::Datastore, format) if format.starts_with("postgresql") => "@database/postgresql",
        (Class::Datastore, _) => "@database/other",
        (_, "linux_auth" | "journald") => match program {
            "sshd" | "sshd-session" => "@linux/sshd",
            "sudo" | "su" => "@linux/sudo",
            "cron" | "CRON" | "crond" | "crontab" => "@linux/cron",
            _ => "@linux/other",
        },
        (_, "mysql_audit" | "mysql_general") => "@database/mysql",
        (_, format) if format.starts_with("postgresql") => "@database/postgresql",
        (Class::Authentication, _) => "@sign_in",
        _ => "@application",
    })
}

/// Path and query of what was asked for.
fn parts(url: &str) -> (&str, Option<&str>) {
    url.split_once('?').map_or((url, None), |(stem, query)| (stem, Some(query)))
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
    let file = stem.and_then(|stem| stem.rsplit('/').next());
    fields.text("c-uri-extension", file.and_then(|file| file.rsplit_once('.')).map(|(_, extension)| extension));
    fields.whole("sc-status", event.status_code);
    fields.whole("sc-bytes", event.bytes);
    for name in ["c-ip", "src_ip"] {
        fields.text(name, event.src_ip.as_deref());
    }
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
    for name in ["c-ip", "src_ip"] {
        fields.text(name, event.src_ip.as_deref());
    }
}

fn other<'a>(event: &'a Event<'a>, fields: &mut Fields<'_, 'a>) {
    for name in ["user", "User"] {
        fields.text(name, event.account.as_deref());
    }
    for name in ["c-ip", "src_ip"] {
        fields.text(name, event.src_ip.as_deref());
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
