//! What a person sees while work goes on: stages and bars on stderr, quiet where nobody watches.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use strandline_response::Watcher;

/// Prints a line on stdout, as `println!` does; but who closes the other end has seen enough, and that is no error.
macro_rules! say {
    ($($part:tt)*) => { $crate::ui::line(format_args!($($part)*)) };
}

/// Prints a line on stderr, as `eprintln!` does, and goes on where nobody listens any more.
macro_rules! tell {
    ($($part:tt)*) => { $crate::ui::aside(format_args!($($part)*)) };
}

/// A watcher that draws on stderr.
pub struct Screen {
    bar: Option<ProgressBar>,
    stage: String,
    began: Instant,
    notes: usize,
    quiet: bool,
}

/// Notes shown while a stage runs; the report has all of them.
const NOTES_SHOWN: usize = 12;

impl Screen {
    /// Shows everything, or, for `--json`, nothing but errors.
    pub fn new(format: Format) -> Self {
        Self { bar: None, stage: String::new(), began: Instant::now(), notes: 0, quiet: format == Format::Json }
    }

    fn end_stage(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if !self.stage.is_empty() && !self.quiet {
            if self.notes > NOTES_SHOWN {
                tell!("  … and {} more notes, in the report", self.notes - NOTES_SHOWN);
            }
            tell!("  {:<10} {:>8.1} s", self.stage, self.began.elapsed().as_secs_f64());
        }
        self.stage.clear();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.end_stage();
    }
}

impl Watcher for Screen {
    fn stage(&mut self, name: &str) {
        self.end_stage();
        self.stage = name.to_owned();
        self.began = Instant::now();
        self.notes = 0;
        if !self.quiet && std::io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(120));
            bar.set_message(name.to_owned());
            self.bar = Some(bar);
        }
    }

    fn progress(&mut self, done: u64, total: u64, unit: &str) {
        let Some(bar) = &self.bar else { return };
        if total > 0 && bar.length() != Some(total) {
            bar.set_length(total);
            let template = match unit {
                "bytes" => "  {msg:<10} [{bar:30}] {binary_bytes} of {binary_total_bytes}, {eta} left",
                _ => "  {msg:<10} [{bar:30}] {human_pos} of {human_len}, {eta} left",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
        }
        bar.set_position(done);
    }

    fn note(&mut self, text: &str) {
        self.notes += 1;
        if self.quiet || self.notes > NOTES_SHOWN {
            return;
        }
        let line = format!("  note: {}", printable(text));
        match &self.bar {
            Some(bar) => bar.println(line),
            None => tell!("{line}"),
        }
    }
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For a person.
    Text,
    /// For a program.
    Json,
}

/// Text from evidence must not steer a terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// What `tell!` calls.
pub fn aside(text: std::fmt::Arguments<'_>) {
    // There is nowhere left to say that nobody listens.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// What `say!` calls.
pub fn line(text: std::fmt::Arguments<'_>) {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            tell!("error: the result cannot be printed ({error})");
            std::process::exit(1);
        }
        _ => {}
    }
}

/// Puts lines on stdout. Who closes the other end has seen enough: that is no error.
pub fn put(lines: &[String]) -> std::io::Result<()> {
    let text: String = lines.iter().flat_map(|line| [printable(line), "\n".to_owned()]).collect();
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// 6800 as `6,800`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(c);
    }
    text
}
