//! Raw log lines, read by the real parsers, for tests of rules and for their figures.
#![allow(dead_code, missing_docs)]

use std::io::Read;

use arrow_array::RecordBatch;
use strandline_event::{Context, EventError, Sink, SinkError, Summary, read_artefact};
use strandline_model::estate::LogSource;
use strandline_model::event::{Event, EventRows};
use strandline_model::evidence::{ArtefactId, Warning};

struct Look<'l>(&'l mut dyn FnMut(&Event<'_>));

impl Sink for Look<'_> {
    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        EventRows::new(&batch).iter().for_each(|event| (self.0)(&event));
        Ok(())
    }

    fn warning(&mut self, _: Warning) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Reads one log to its end and shows each event. `name` stands for the artefact's hash.
pub fn read(source: &LogSource, name: &str, input: &mut dyn Read, look: &mut dyn FnMut(&Event<'_>)) -> Result<Summary, EventError> {
    let artefact = ArtefactId(name.to_owned());
    let context = Context { artefact: &artefact, path: name, source, assumed_year: 2026, last_change: None, secret_key: None };
    read_artefact(input, &context, &mut Look(look))
}
