//! Evidence read by a process of its own: the same events as in this one, and what comes before a break is kept however it breaks.

use std::io::{self, Read};
use std::path::Path;

use strandline_event::{Collected, Context, EventError, Summary};
use strandline_model::estate::LogSource;
use strandline_model::evidence::ArtefactId;
use strandline_reader::{Reader, ReaderError};

fn source(format: &str) -> LogSource {
    serde_json::from_value(serde_json::json!({ "id": "web", "system": "portal", "path": ["*"], "format": format })).expect("a source")
}

/// A log with one line in fifty that is none.
fn log(lines: usize) -> Vec<u8> {
    let line = |n: usize| match n % 50 {
        49 => "this is no request\n".to_owned(),
        _ => format!("192.0.2.{} - - [24/Nov/2026:04:{:02}:{:02} +0800] \"GET /record/{n} HTTP/1.1\" 200 512 \"-\" \"-\"\n", n % 250, n / 60 % 60, n % 60),
    };
    (0..lines).flat_map(|n| line(n).into_bytes()).collect()
}

fn read(program: Option<&Path>, input: &mut dyn Read, format: &str) -> (Result<Summary, ReaderError>, Collected) {
    let (artefact, source) = (ArtefactId("0123456789abcdef".to_owned()), source(format));
    let context = Context { artefact: &artefact, path: "web/access.log", source: &source, assumed_year: 2026, last_change: None, secret_key: None };
    let mut kept = Collected::default();
    let read = match program {
        Some(program) => Reader::start(program).expect("it starts").read_artefact(input, &context, &mut kept),
        None => strandline_event::read_artefact(input, &context, &mut kept).map_err(ReaderError::from),
    };
    (read, kept)
}

fn own() -> Option<&'static Path> {
    Some(Path::new(env!("CARGO_BIN_EXE_strandline")))
}

/// Gives the bytes, and then fails.
struct Broken<'b>(&'b [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() { Err(io::Error::new(io::ErrorKind::InvalidData, "broken")) } else { self.0.read(buffer) }
    }
}

#[test]
fn a_process_reads_what_this_one_reads() {
    for lines in [0, 1, 100, 60_000] {
        let log = log(lines);
        let (here, there) = (read(None, &mut log.as_slice(), "nginx"), read(own(), &mut log.as_slice(), "nginx"));
        assert_eq!(here.0.expect("a log is read"), there.0.expect("a log is read"));
        assert_eq!(here.1, there.1);
    }
}

#[test]
fn where_the_bytes_stop_what_came_before_is_kept() {
    let log = log(60_000);
    let cut = &log[..log.len() - 30];
    let (here, there) = (read(None, &mut Broken(cut), "nginx"), read(own(), &mut Broken(cut), "nginx"));
    let stopped = |read: Result<Summary, ReaderError>| match read {
        Err(ReaderError::Event(EventError::Interrupted { offset, source, .. })) => (offset, source.kind()),
        other => panic!("it was read to its end, or failed otherwise: {:?}", other.map(|_| ())),
    };
    assert_eq!(stopped(here.0), stopped(there.0));
    assert_eq!(here.1, there.1);
    assert!(there.1.events().len() > 50_000);
}

#[test]
fn a_source_that_is_described_wrongly_says_so() {
    let (read, _) = read(own(), &mut log(3).as_slice(), "no-such-format");
    assert!(matches!(read, Err(ReaderError::Event(EventError::Configuration { source_id, .. })) if source_id == "web"));
}

#[cfg(unix)]
#[test]
fn a_process_that_ends_or_talks_nonsense_is_told_from_one_that_reads() {
    let check = |program: &str, how: &str| {
        let (read, kept) = read(Some(Path::new(program)), &mut log(60_000).as_slice(), "nginx");
        match read {
            Err(ReaderError::Ended { how: told, offset: 0 }) => assert!(told.contains(how), "{program}: {told}"),
            other => panic!("{program}: {:?}", other.map(|_| ())),
        }
        assert_eq!(kept, Collected::default());
    };
    check("/bin/true", "exit status: 0");
    check("/bin/false", "exit status: 1");
    // It takes everything as a file's name.
    check("/bin/cat", "exit status: 1");
    assert!(Reader::start(Path::new("/no/such/program")).is_err());
}
