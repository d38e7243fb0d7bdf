//! The printer, a program of its own beside `strandline`: started once, given documents, ended with its last use.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use strandline_model::document::Document;
use strandline_model::print::{PrintAnswer, PrintJob};
use strandline_model::time::Instant;

/// The printer's program.
const PROGRAM: &str = "strandline-print";
/// Longer answers and files are none of our printer.
const ANSWER_BYTES_LIMIT: u64 = 1 << 20;
const PDF_BYTES_LIMIT: u64 = 1 << 30;

/// What is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paper {
    /// Letters, one page each; on the organisation's own page where a folder with its `layout.typ` is given.
    Letter {
        /// That folder.
        layout: Option<PathBuf>,
    },
    /// An authority's form.
    Form,
}

/// How the printer is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PressSettings {
    /// What is printed.
    pub paper: Paper,
    /// A folder of fonts; without one, the fonts of the system that hold Chinese.
    pub fonts: Option<PathBuf>,
}

/// A PDF, and the page each document begins on, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Print {
    /// The file.
    pub pdf: Vec<u8>,
    /// Pages of the whole file.
    pub pages: u32,
    /// The first page of each document.
    pub first_pages: Vec<u32>,
    /// What is wrong with what the envelope's window shows of each document; never a value.
    pub windows: Vec<Option<String>>,
}

/// Why nothing was printed.
#[derive(Debug, thiserror::Error)]
pub enum PressError {
    /// There is no printer.
    #[error("there is no {PROGRAM} beside strandline or on the path: `cargo build --release -p {PROGRAM}` makes it, in some minutes")]
    NoPrinter,
    /// The printer cannot be started.
    #[error("{} cannot be started", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The printer ended, or answered what no printer of ours answers.
    #[error("the printer ended or answered nonsense: the document was not printed. Please report this; the next one is given to a new printer")]
    Broken,
    /// Layout or fonts were changed while letters were printed.
    #[error("layout or fonts were changed while letters were printed: print again")]
    PageChanged,
    /// The printer says why it cannot.
    #[error("{0}")]
    Refused(String),
}

/// A running printer.
pub struct Press {
    program: PathBuf,
    settings: PressSettings,
    running: Option<Running>,
    page_sha256: String,
}

struct Running {
    child: Child,
    jobs: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Press {
    /// Starts the printer and waits until it has read layout and fonts.
    ///
    /// # Errors
    /// If there is none, it cannot be started, or it refuses layout or fonts.
    pub fn start(settings: PressSettings) -> Result<Self, PressError> {
        let program = find().ok_or(PressError::NoPrinter)?;
        let (running, page_sha256) = Running::start(&program, &settings)?;
        Ok(Self { program, settings, running: Some(running), page_sha256 })
    }

    /// SHA-256 over layout and fonts: the same page gives the same PDF.
    pub fn page_sha256(&self) -> &str {
        &self.page_sha256
    }

    /// Hands over documents for one PDF; [`Press::take`] waits for it. With several printers this lets all of them work.
    ///
    /// # Errors
    /// If the printer ended and cannot be started again.
    pub fn give(&mut self, documents: &[&Document], at: Instant) -> Result<(), PressError> {
        let running = match &mut self.running {
            Some(running) => running,
            none => {
                let (running, page_sha256) = Running::start(&self.program, &self.settings)?;
                // Letters on another page than the others would be no letters that somebody approved.
                if page_sha256 != self.page_sha256 {
                    return Err(PressError::PageChanged);
                }
                none.insert(running)
            }
        };
        let job = PrintJob { documents: documents.iter().map(|document| (*document).clone()).collect(), at };
        let mut line = serde_json::to_vec(&job).expect("documents are strings and lists, which JSON always holds");
        line.push(b'\n');
        // A printer that ended is noticed when its answer is read.
        let _ = running.jobs.write_all(&line).and_then(|()| running.jobs.flush());
        Ok(())
    }

    /// Waits for the PDF of the documents that were given last.
    ///
    /// # Errors
    /// If the printer refuses them, or ended over them; it can be given others.
    pub fn take(&mut self) -> Result<Print, PressError> {
        let Some(running) = &mut self.running else { return Err(PressError::Broken) };
        let taken = running.take();
        if matches!(taken, Err(PressError::Broken)) {
            self.running = None;
        }
        taken
    }

    /// Prints documents into one PDF, each from a new page.
    ///
    /// # Errors
    /// As for [`Press::give`] and [`Press::take`].
    pub fn print(&mut self, documents: &[&Document], at: Instant) -> Result<Print, PressError> {
        self.give(documents, at)?;
        self.take()
    }
}

impl Running {
    fn start(program: &Path, settings: &PressSettings) -> Result<(Self, String), PressError> {
        let mut command = Command::new(program);
        match &settings.paper {
            Paper::Letter { layout } => command.arg("letter").args(layout.iter().flat_map(|folder| [Path::new("--layout"), folder])),
            Paper::Form => command.arg("form"),
        };
        command.args(settings.fonts.iter().flat_map(|folder| [Path::new("--fonts"), folder]));
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|source| PressError::Start { program: program.to_owned(), source })?;
        let (Some(jobs), Some(answers)) = (child.stdin.take(), child.stdout.take()) else { return Err(PressError::Broken) };
        let mut running = Self { child, jobs, answers: BufReader::new(answers) };
        match running.answer()? {
            PrintAnswer::Ready { page_sha256 } => Ok((running, page_sha256)),
            PrintAnswer::Failed { reason } => Err(PressError::Refused(reason)),
            PrintAnswer::Printed { .. } => Err(PressError::Broken),
        }
    }

    fn answer(&mut self) -> Result<PrintAnswer, PressError> {
        let mut line = Vec::new();
        self.answers.by_ref().take(ANSWER_BYTES_LIMIT).read_until(b'\n', &mut line).map_err(|_| PressError::Broken)?;
        serde_json::from_slice(&line).map_err(|_| PressError::Broken)
    }

    fn take(&mut self) -> Result<Print, PressError> {
        match self.answer()? {
            PrintAnswer::Printed { bytes, pages, first_pages, windows } if bytes <= PDF_BYTES_LIMIT => {
                let mut pdf = Vec::new();
                let read = self.answers.by_ref().take(bytes).read_to_end(&mut pdf);
                if read.is_ok_and(|read| read as u64 == bytes) { Ok(Print { pdf, pages, first_pages, windows }) } else { Err(PressError::Broken) }
            }
            PrintAnswer::Failed { reason } => Err(PressError::Refused(reason)),
            _ => Err(PressError::Broken),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may be at work on a document that nobody waits for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The printer beside this program, or on the path.
fn find() -> Option<PathBuf> {
    let name = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
    let own = std::env::current_exe().ok()?;
    // The tests of a crate run one folder below the programs.
    let beside = own.ancestors().skip(1).take(2).map(|folder| folder.join(&name));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&path).map(|folder| folder.join(&name)).collect();
    beside.chain(on_path).find(|program| program.is_file())
}
