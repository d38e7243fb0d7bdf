//! The side that asks: starts the process, feeds it, and believes of its answers only what has the shape of events of this artefact.

use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use strandline_event::{Context, EventError, Sink, Summary};
use strandline_model::event;
use strandline_model::evidence::Warning;

use crate::serve::{Job, Misdescribed};
use crate::{ARGUMENT, frame};

/// Bytes of the artefact in one frame.
const CHUNK_BYTES: usize = 256 << 10;
/// Frames on their way to the process: some batches of events, so that it has work while we store one.
const CHUNKS_AHEAD: usize = 32;
/// Answers that wait for us; the process waits when there are more.
const ANSWERS_AHEAD: usize = 4;

/// How often we look whether a process that has nothing more to say has ended, and how long between.
const MOMENTS: u32 = 1000;
const MOMENT: Duration = Duration::from_millis(1);

/// Why an artefact was not read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// The process ended, by itself or by a limit, or answered what no reader answers. What it gave before was handed on.
    #[error("the process that read it ended ({how})")]
    Ended {
        /// How it ended.
        how: String,
        /// Offset of the last record that it gave an event of, or 0.
        offset: u64,
    },
    /// As when it is read in this process.
    #[error(transparent)]
    Event(#[from] EventError),
}

/// A process that reads one artefact.
pub struct Reader {
    process: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
}

impl Reader {
    /// Starts one: `program` with [`ARGUMENT`], and no environment.
    ///
    /// # Errors
    /// If it cannot be started; the program is to blame, or a limit of this machine.
    pub fn start(program: &Path) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.arg(ARGUMENT).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::null()); // a panic's words may hold what it read
        // An interrupt at the terminal is for us: the process ends when its input does, and not as if the bytes had ended it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = command.spawn()?;
        let (stdin, stdout) = (process.stdin.take().expect("it is piped"), process.stdout.take().expect("it is piped"));
        Ok(Self { process, stdin, stdout })
    }

    /// As [`strandline_event::read_artefact`], by the process, which ends with it.
    ///
    /// # Errors
    /// [`ReaderError`]; a record that cannot be read is a warning and not an error.
    pub fn read_artefact(self, input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<Summary, ReaderError> {
        let Self { mut process, stdin, stdout } = self;
        thread::scope(|scope| {
            let (tell, told) = sync_channel(ANSWERS_AHEAD);
            let (give, given) = channel();
            let teller = tell.clone();
            scope.spawn(move || feed(stdin, &given, &teller));
            scope.spawn(move || listen(stdout, &tell));
            // Both channels are this conversation's own: when it ends, by an error too, the threads end.
            let mut conversation = Conversation { give, told, context, sink, room: CHUNKS_AHEAD, fed: false, failure: None, last_offset: 0 };
            let outcome = conversation.hold(input);
            drop(conversation);
            let how = end(&mut process);
            outcome.map_err(|error| match error {
                ReaderError::Ended { offset, .. } => ReaderError::Ended { how, offset },
                error => error,
            })
        })
    }
}

/// What the two threads tell.
enum Told {
    /// A frame has gone to the process.
    Room,
    Batch(RecordBatch),
    Warning(Warning),
    Done(Summary),
    Stopped(u64),
    Misdescribed(Misdescribed),
    /// Nothing more will come.
    Over,
}

struct Conversation<'c> {
    give: Sender<Vec<u8>>,
    told: Receiver<Told>,
    context: &'c Context<'c>,
    sink: &'c mut dyn Sink,
    /// Frames that may still be given.
    room: usize,
    /// Whether the artefact's end was given.
    fed: bool,
    /// What stopped the input.
    failure: Option<io::Error>,
    last_offset: u64,
}

impl Conversation<'_> {
    fn hold(&mut self, input: &mut dyn Read) -> Result<Summary, ReaderError> {
        let context = self.context;
        let job = Job {
            artefact: context.artefact.clone(),
            path: context.path.to_owned(),
            source: context.source.clone(),
            assumed_year: context.assumed_year,
            last_change: context.last_change,
            secret_key: context.secret_key.cloned(),
        };
        self.give(frame::JOB, &serde_json::to_vec(&job).expect("a job is text and numbers"));
        let sink_failed = |source| EventError::Sink { path: context.path.to_owned(), source };
        loop {
            while self.room > 0 && !self.fed {
                self.give_next(input);
            }
            match self.told.recv().unwrap_or(Told::Over) {
                Told::Room => self.room += 1,
                Told::Batch(batch) => {
                    if !is_of(&batch, context) {
                        return Err(self.ended());
                    }
                    let offsets = batch.column_by_name("offset").and_then(|column| column.as_primitive_opt::<UInt64Type>());
                    self.last_offset = offsets.and_then(|offsets| offsets.values().last().copied()).unwrap_or(self.last_offset);
                    self.sink.batch(batch).map_err(sink_failed)?;
                }
                Told::Warning(warning) if warning.artefact == *context.artefact => self.sink.warning(warning).map_err(sink_failed)?,
                Told::Done(summary) => return Ok(summary),
                Told::Stopped(offset) => {
                    let source = self.failure.take().unwrap_or_else(|| ErrorKind::UnexpectedEof.into());
                    return Err(EventError::Interrupted { path: context.path.to_owned(), offset, source }.into());
                }
                Told::Misdescribed(Misdescribed { source_id, reason }) => return Err(EventError::Configuration { source_id, reason }.into()),
                Told::Over | Told::Warning(_) => return Err(self.ended()),
            }
        }
    }

    /// Gives the next bytes of the artefact, or its end, or that there are no more.
    fn give_next(&mut self, input: &mut dyn Read) {
        let mut framed = Vec::with_capacity(frame::HEAD_BYTES + CHUNK_BYTES);
        framed.resize(frame::HEAD_BYTES, 0);
        // What came before a failure is in the vector.
        self.failure = input.take(CHUNK_BYTES as u64).read_to_end(&mut framed).err();
        let count = framed.len() - frame::HEAD_BYTES;
        if count > 0 {
            framed[..frame::HEAD_BYTES].copy_from_slice(&frame::head(frame::DATA, count).expect("a chunk is short"));
            self.send(framed);
        }
        if self.failure.is_some() || count == 0 {
            self.give(if self.failure.is_some() { frame::BROKEN } else { frame::END }, &[]);
            self.fed = true;
        }
    }

    fn give(&mut self, kind: u8, bytes: &[u8]) {
        let mut framed = Vec::with_capacity(frame::HEAD_BYTES + bytes.len());
        frame::write(&mut framed, kind, bytes).expect("memory takes every byte");
        self.send(framed);
    }

    fn send(&mut self, framed: Vec<u8>) {
        // Where the process has gone, its answers say how.
        self.fed |= self.give.send(framed).is_err();
        self.room = self.room.saturating_sub(1);
    }

    fn ended(&self) -> ReaderError {
        ReaderError::Ended { how: String::new(), offset: self.last_offset }
    }
}

/// Writes frames to the process until there are no more, or it takes no more.
fn feed(mut stdin: ChildStdin, given: &Receiver<Vec<u8>>, tell: &SyncSender<Told>) {
    for framed in given {
        if stdin.write_all(&framed).is_err() || tell.send(Told::Room).is_err() {
            return;
        }
    }
}

/// Reads answers until they end, or one is none.
fn listen(stdout: ChildStdout, tell: &SyncSender<Told>) {
    let mut answers = BufReader::new(stdout);
    while let Ok(Some((kind, bytes))) = frame::read(&mut answers) {
        let Some(answer) = understood(kind, bytes) else { break };
        if tell.send(answer).is_err() {
            return;
        }
    }
    let _ = tell.send(Told::Over);
}

fn understood(kind: u8, bytes: Vec<u8>) -> Option<Told> {
    match kind {
        frame::BATCH => StreamDecoder::new().decode(&mut Buffer::from_vec(bytes)).ok().flatten().map(Told::Batch),
        frame::WARNING => serde_json::from_slice(&bytes).ok().map(Told::Warning),
        frame::SUMMARY => serde_json::from_slice(&bytes).ok().map(Told::Done),
        frame::STOPPED => serde_json::from_slice(&bytes).ok().map(Told::Stopped),
        frame::CONFIGURATION => serde_json::from_slice(&bytes).ok().map(Told::Misdescribed),
        _ => None,
    }
}

/// Whether a batch has the shape of events, and all of them are this artefact's and this source's.
fn is_of(batch: &RecordBatch, context: &Context<'_>) -> bool {
    let all = |name: &str, value: &str| {
        let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        column.is_some_and(|column| column.null_count() == 0 && column.iter().all(|cell| cell == Some(value)))
    };
    batch.schema() == event::schema() && all("artefact", &context.artefact.0) && all("source", &context.source.id) && all("system", &context.source.system)
}

/// Says how the process ended; ends it, where it has said all and does not go.
fn end(child: &mut Child) -> String {
    for _ in 0..MOMENTS {
        match child.try_wait() {
            Ok(Some(status)) => return status.to_string(),
            Ok(None) => thread::sleep(MOMENT),
            Err(_) => break,
        }
    }
    let _ = child.kill();
    child.wait().map_or_else(|error| error.kind().to_string(), |status| status.to_string())
}
