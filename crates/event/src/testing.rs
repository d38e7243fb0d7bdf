//! What the tests of the database formats share: reading bytes with a format, and events as text.

use strandline_model::estate::LogSource;
use strandline_model::event::Event;
use strandline_model::evidence::ArtefactId;

use crate::source::Format;
use crate::{Collected, Context, EventError, Output, Records, Summary};

impl Collected {
    /// One line an event, then one a warning.
    pub(crate) fn text(&self) -> String {
        let events = self.events().iter().map(render).collect::<Vec<_>>();
        let warnings = self.warnings.iter().map(|w| format!("{} refused: {}", w.line, w.reason));
        events.into_iter().chain(warnings).collect::<Vec<_>>().join("\n")
    }
}

/// A source of the estate with nothing but a format.
pub(crate) fn source(log_format: Option<&str>) -> LogSource {
    LogSource {
        id: "db".into(),
        system: "s".into(),
        path: Vec::new(),
        format: "postgresql".into(),
        log_format: log_format.map(str::to_owned),
        fields: Default::default(),
        patterns: Vec::new(),
        clock: None,
        time_format: None,
        classify: Vec::new(),
        session_prefix: None,
        retention_days: None,
    }
}

/// Reads `input` to its end.
pub(crate) fn read(
    input: &[u8],
    log_format: Option<&str>,
    make: impl for<'c> FnOnce(&Context<'c>, &[u8]) -> Result<Box<dyn Format>, EventError>,
) -> (Collected, Summary) {
    let (artefact, source) = (ArtefactId("0123456789abcdef".into()), source(log_format));
    let context = Context { artefact: &artefact, path: "db.log", source: &source, assumed_year: 2026, last_change: None, secret_key: None };
    let mut format = make(&context, &input[..input.len().min(64 << 10)]).expect("the source is described rightly");
    let mut collected = Collected::default();
    let mut reader = input;
    let mut records = Records::new(&mut reader);
    records.frame(format.framing());
    let mut output = Output::new(&context, &mut collected);
    while let Some(record) = records.next().expect("memory does not fail") {
        if record.cut {
            output.refuse(&record, "too long")
        } else {
            format.read(&record, &mut output)
        }
        output.drain().expect("the collector does not fail");
    }
    format.finish(&mut output);
    let summary = output.close(format.name()).expect("the collector does not fail");
    (collected, summary)
}

fn render(event: &Event<'_>) -> String {
    let mut text = format!("{} {}/{}/{}", event.line, event.class.as_str(), event.activity.as_str(), event.status.as_str());
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            text.push_str(&format!(" {key}={}", value.replace('\n', "\\n")));
        }
    };
    let own = |value: &Option<std::borrow::Cow<'_, str>>| value.as_deref().map(str::to_owned);
    put("ip", own(&event.src_ip));
    put("port", event.src_port.map(|v| v.to_string()));
    put("account", own(&event.account));
    put("session", own(&event.session));
    put("request", own(&event.request_id));
    put("micros", event.duration_micros.map(|v| v.to_string()));
    put("database", own(&event.database));
    put("application", own(&event.application));
    put("pid", event.pid.map(|v| v.to_string()));
    put("command", own(&event.command));
    put("name", own(&event.statement_name));
    put("statement", own(&event.statement));
    put("parameters", event.parameters.as_ref().map(|p| format!("{:?}", p.iter().map(Option::as_deref).map(|v| v.unwrap_or("NULL")).collect::<Vec<_>>())));
    put("rows", event.row_count.map(|v| v.to_string()));
    put("sequence", event.sequence.map(|v| v.to_string()));
    put("statement_id", event.statement_id.map(|v| v.to_string()));
    put("transaction", own(&event.transaction));
    put("kind", event.record_kind.map(|k| k.as_str().to_owned()));
    put("error", own(&event.error_code));
    put("message", own(&event.message));
    put("error_values", event.error_values.as_ref().filter(|p| !p.is_empty()).map(|p| format!("{:?}", p.iter().flatten().collect::<Vec<_>>())));
    put("labels", own(&event.labels));
    put("masked", event.masked.then(|| "yes".to_owned()));
    text
}
