//! The process that reads: one artefact, and then it ends.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::process::ExitCode;

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use serde::{Deserialize, Serialize};
use strandline_event::{Context, EventError, SecretKey, Sink, SinkError, read_artefact};
use strandline_model::estate::LogSource;
use strandline_model::evidence::{ArtefactId, Warning};
use strandline_model::time::Instant;

use crate::confine::confine;
use crate::frame;

/// What to read as what.
#[derive(Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) artefact: ArtefactId,
    pub(crate) path: String,
    pub(crate) source: LogSource,
    pub(crate) assumed_year: i16,
    pub(crate) last_change: Option<Instant>,
    pub(crate) secret_key: Option<SecretKey>,
}

/// Why a source cannot be read as it is described.
#[derive(Serialize, Deserialize)]
pub(crate) struct Misdescribed {
    pub(crate) source_id: String,
    pub(crate) reason: String,
}

/// Gives up all that reading does not need, then reads one artefact from standard input.
pub fn serve() -> ExitCode {
    confine();
    let (mut input, mut out) = (BufReader::new(io::stdin().lock()), BufWriter::new(io::stdout().lock()));
    match read(&mut input, &mut out).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever asked has gone, or asked what is no question: there is nobody to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

fn read(input: &mut dyn BufRead, out: &mut dyn Write) -> io::Result<()> {
    let Some((frame::JOB, job)) = frame::read(input)? else { return Err(io::ErrorKind::InvalidData.into()) };
    let job: Job = serde_json::from_slice(&job)?;
    let context = Context {
        artefact: &job.artefact,
        path: &job.path,
        source: &job.source,
        assumed_year: job.assumed_year,
        last_change: job.last_change,
        secret_key: job.secret_key.as_ref(),
    };
    let mut bytes = Bytes { input, chunk: Vec::new(), at: 0, ended: false };
    match read_artefact(&mut bytes, &context, &mut Answers(out)) {
        Ok(summary) => frame::write(out, frame::SUMMARY, &serde_json::to_vec(&summary)?),
        Err(EventError::Interrupted { offset, .. }) => frame::write(out, frame::STOPPED, &serde_json::to_vec(&offset)?),
        Err(EventError::Configuration { source_id, reason }) => {
            frame::write(out, frame::CONFIGURATION, &serde_json::to_vec(&Misdescribed { source_id, reason })?)
        }
        Err(EventError::Sink { .. }) => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

/// The artefact's bytes, out of their frames.
struct Bytes<'i> {
    input: &'i mut dyn BufRead,
    chunk: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Read for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.chunk.len() && !self.ended {
            match frame::read(self.input)? {
                Some((frame::DATA, chunk)) => (self.chunk, self.at) = (chunk, 0),
                Some((frame::END, _)) => self.ended = true,
                _ => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let count = buffer.len().min(self.chunk.len() - self.at);
        buffer[..count].copy_from_slice(&self.chunk[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// Where events and warnings go: back.
struct Answers<'o>(&'o mut dyn Write);

impl Sink for Answers<'_> {
    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        let mut stream = StreamWriter::try_new(Vec::new(), &batch.schema())?;
        stream.write(&batch)?;
        Ok(frame::write(self.0, frame::BATCH, &stream.into_inner()?)?)
    }

    fn warning(&mut self, warning: Warning) -> Result<(), SinkError> {
        Ok(frame::write(self.0, frame::WARNING, &serde_json::to_vec(&warning)?)?)
    }
}
