//! Log files that rotate daily, older days gzipped, as logrotate and PostgreSQL's collector leave them. Lines that are a
//! little late are put in order; lines inside a hole are lost, which is how a drill loses evidence.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};

use crate::DrillError;
use crate::clock::{DAY, Millis, SECOND, civil};

/// A line may be this late and still find its place.
const LATENESS: Millis = 5 * SECOND;

/// How the file of a day is called.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Naming {
    /// `access.log`, `access.log.1`, `access.log.2.gz` …: counted back from the newest.
    Counted,
    /// `postgresql-2026-09-07_000000.csv`: by when it was begun, in the log's own zone.
    Dated,
}

enum Output {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
    /// Counted, not kept: a rotated file that went missing, or a calibration run.
    Nowhere,
}

/// One log over the whole window.
pub(crate) struct LogFile {
    path: Option<PathBuf>,
    naming: Naming,
    offset: Millis,
    first_period: i64,
    last_period: i64,
    period: Option<i64>,
    missing: Option<i64>,
    holes: Vec<(Millis, Millis)>,
    output: Output,
    waiting: BinaryHeap<Reverse<(Millis, u64, String)>>,
    written: u64,
    sequence: u64,
}

impl LogFile {
    /// A log at `path` (`None`: nowhere) for the window, rotated at midnight of the zone `offset` east of UTC.
    pub(crate) fn new(path: Option<PathBuf>, naming: Naming, offset: Millis, window: (Millis, Millis)) -> Self {
        let period = |at: Millis| (at + offset).div_euclid(DAY);
        Self {
            path,
            naming,
            offset,
            first_period: period(window.0),
            last_period: period(window.1 - 1),
            period: None,
            missing: None,
            holes: Vec::new(),
            output: Output::Nowhere,
            waiting: BinaryHeap::new(),
            written: 0,
            sequence: 0,
        }
    }

    /// Loses every line from `from` to `to`.
    pub(crate) fn lose(&mut self, from: Millis, to: Millis) {
        self.holes.push((from, to));
    }

    /// Loses the whole rotated file that holds `at`; what interval that is.
    pub(crate) fn lose_file_of(&mut self, at: Millis) -> (Millis, Millis) {
        let period = (at + self.offset).div_euclid(DAY);
        self.missing = Some(period);
        (period * DAY - self.offset, (period + 1) * DAY - self.offset)
    }

    /// Bytes of lines so far, before compression.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Adds a line (without its end), stamped `at`.
    pub(crate) fn line(&mut self, at: Millis, text: String) -> Result<(), DrillError> {
        self.sequence += 1;
        self.waiting.push(Reverse((at, self.sequence, text)));
        while self.waiting.peek().is_some_and(|Reverse((first, ..))| *first < at - LATENESS) {
            self.write_first()?;
        }
        Ok(())
    }

    /// Writes what waits and closes the file.
    pub(crate) fn finish(&mut self) -> Result<(), DrillError> {
        while !self.waiting.is_empty() {
            self.write_first()?;
        }
        self.close()
    }

    fn write_first(&mut self) -> Result<(), DrillError> {
        let Some(Reverse((at, _, text))) = self.waiting.pop() else {
            return Ok(());
        };
        if self.holes.iter().any(|(from, to)| (*from..=*to).contains(&at)) {
            return Ok(());
        }
        let period = (at + self.offset).div_euclid(DAY).clamp(self.first_period, self.last_period);
        if self.period.is_none_or(|current| period > current) {
            self.close()?;
            self.open(period)?;
        }
        self.written += text.len() as u64 + 1;
        let failed = |source| DrillError::Write { path: self.path.clone().unwrap_or_default(), source };
        let out: &mut dyn Write = match &mut self.output {
            Output::Plain(file) => file,
            Output::Gzip(file) => file,
            Output::Nowhere => return Ok(()),
        };
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).map_err(failed)
    }

    fn open(&mut self, period: i64) -> Result<(), DrillError> {
        self.period = Some(period);
        let Some(base) = self.path.as_ref().filter(|_| self.missing != Some(period)) else {
            self.output = Output::Nowhere;
            return Ok(());
        };
        let age = self.last_period - period;
        let path = file_of(base, self.naming, period, age);
        let failed = |source| DrillError::Write { path: path.clone(), source };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        let file = BufWriter::with_capacity(1 << 16, File::create(&path).map_err(failed)?);
        self.output = if age >= 2 {
            // No time stamp in the header: the same plan gives the same bytes.
            Output::Gzip(Box::new(GzBuilder::new().mtime(0).write(file, Compression::fast())))
        } else {
            Output::Plain(file)
        };
        Ok(())
    }

    fn close(&mut self) -> Result<(), DrillError> {
        let failed = |source| DrillError::Write { path: self.path.clone().unwrap_or_default(), source };
        match std::mem::replace(&mut self.output, Output::Nowhere) {
            Output::Plain(mut file) => file.flush().map_err(failed),
            Output::Gzip(file) => file.finish().and_then(|mut inner| inner.flush()).map_err(failed),
            Output::Nowhere => Ok(()),
        }
    }
}

fn file_of(base: &Path, naming: Naming, period: i64, age: i64) -> PathBuf {
    let name = base.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let gzip = if age >= 2 { ".gz" } else { "" };
    let name = match (naming, age) {
        (Naming::Counted, 0) => name,
        (Naming::Counted, _) => format!("{name}.{age}{gzip}"),
        (Naming::Dated, _) => {
            let day = civil(period * DAY, 0);
            let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, "log"));
            format!("{stem}-{:04}-{:02}-{:02}_000000.{ending}{gzip}", day.year, day.month, day.day)
        }
    };
    base.with_file_name(name)
}
