//! Reads bytes as a format and shows what came out, for all tests of this crate.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod evtx;

use std::fmt::Write;

use strandline_event::{Collected, Context, EventError, Summary, read_artefact};
use strandline_model::estate::LogSource;
use strandline_model::event::Event;
use strandline_model::evidence::ArtefactId;

/// A source of the estate file, from its TOML.
pub fn source(toml: &str) -> LogSource {
    toml::from_str(&format!("id = \"s\"\nsystem = \"y\"\npath = [\"*\"]\n{toml}")).expect("a source")
}

pub fn read(source: &LogSource, input: &[u8]) -> Result<(Summary, Collected), EventError> {
    let artefact = ArtefactId("00".into());
    let context = Context { artefact: &artefact, path: "log", source, assumed_year: 2026, last_change: None, secret_key: None };
    let mut kept = Collected::default();
    let mut reader = input;
    let summary = read_artefact(&mut reader, &context, &mut kept)?;
    Ok((summary, kept))
}

/// Events one a line: the columns that are set, in the table's order. Refusals behind them, as `! line: reason`.
pub fn show(kept: &Collected) -> String {
    let mut shown = String::new();
    for event in kept.events() {
        let _ = writeln!(shown, "{}", show_event(&event));
    }
    for warning in &kept.warnings {
        let _ = writeln!(shown, "! {}: {}", warning.line, warning.reason);
    }
    shown
}

fn show_event(event: &Event<'_>) -> String {
    let mut shown = format!("{} {}/{}/{}", event.time, event.class.as_str(), event.activity.as_str(), event.status.as_str());
    let texts = [
        ("src_ip", &event.src_ip),
        ("account", &event.account),
        ("session", &event.session),
        ("request_id", &event.request_id),
        ("method", &event.method),
        ("url", &event.url),
        ("user_agent", &event.user_agent),
        ("database", &event.database),
        ("application", &event.application),
        ("statement", &event.statement),
        ("command", &event.command),
        ("error_code", &event.error_code),
        ("message", &event.message),
        ("host", &event.host),
        ("channel", &event.channel),
        ("object", &event.object),
        ("labels", &event.labels),
    ];
    let numbers = [
        ("src_port", event.src_port.map(i64::from)),
        ("status_code", event.status_code.map(i64::from)),
        ("bytes", event.bytes),
        ("duration_micros", event.duration_micros),
        ("pid", event.pid.map(i64::from)),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            let _ = write!(shown, " {name}={value}");
        }
    }
    for (name, value) in numbers {
        if let Some(value) = value {
            let _ = write!(shown, " {name}={value}");
        }
    }
    if event.masked {
        shown.push_str(" masked");
    }
    shown
}

/// Reads `input` as the source says; `expected` is what [`show`] says of it, blanks around lines aside.
#[track_caller]
pub fn check(source_toml: &str, input: impl AsRef<[u8]>, expected: &str) {
    let (summary, kept) = read(&source(source_toml), input.as_ref()).expect("a source that can be read");
    let expected: String = expected.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
    assert_eq!(show(&kept), expected);
    assert_eq!(summary.records_refused as usize, kept.warnings.len());
}
