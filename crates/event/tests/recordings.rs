//! The two recorded intrusions: every line of their web and application logs is read.

#![allow(clippy::print_stdout, reason = "a test that skips says so")]

mod common;

use std::path::PathBuf;

use strandline_model::estate::Estate;
use strandline_model::event::{Class, Status};

fn shared() -> Option<PathBuf> {
    let shared = std::env::var_os("STRANDLINE_SHARED").map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let found = shared.join("recordings").is_dir();
    if !found {
        println!("skipped: the recordings are not here");
    }
    found.then_some(shared)
}

#[test]
fn no_line_of_the_web_and_application_logs_is_refused() {
    let Some(shared) = shared() else { return };
    let estate = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/prison-service/estate.toml")).expect("the example estate");
    let estate: Estate = toml::from_str(&estate).expect("the example estate is valid");
    for recording in ["kms-pivot", "quiet-hours"] {
        for source in estate.sources.iter().filter(|source| matches!(source.format.as_str(), "nginx" | "json" | "text")) {
            let path = shared.join("recordings").join(recording).join("evidence").join(&source.path[0]);
            let bytes = std::fs::read(&path).expect("a file of the recording");
            let (summary, kept) = common::read(source, &bytes).expect("a source that can be read");
            let lines = bytes.iter().filter(|b| **b == b'\n').count() as u64;
            assert_eq!((summary.records_refused, summary.records_read), (0, lines), "{recording} {}", source.id);
            let events = kept.events();
            assert!(events.iter().filter(|e| e.class == Class::Http).all(|e| e.url.is_some() && e.status != Status::Unknown), "{recording} {}", source.id);
            if source.format != "nginx" {
                assert!(events.iter().any(|e| e.request_id.is_some()));
            }
            let recognised = strandline_event::recognise(&bytes);
            if source.format != "text" {
                assert_eq!(recognised.first(), Some(&(if source.format == "nginx" { "nginx" } else { "json" }, 1.0)));
            }
        }
    }
}
