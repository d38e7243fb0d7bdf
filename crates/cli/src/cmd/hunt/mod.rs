//! `strandline hunt`: Sigma rules over files and folders, without a case.

mod hits;
mod sorted;
mod summary;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::{Args, ValueEnum};
use strandline_model::detection::Level;
use strandline_response::{HuntReport, HuntRequest, RuleChoice, hunt};

use crate::cmd::told::WindowArgs;
use crate::cmd::{Common, now, print_json};
use crate::ui::{Format, Screen};
use hits::Shape;
use sorted::Sorted;

/// Sigma rules over files and folders, without a case: every hit, and what was not looked at
#[derive(Args)]
pub struct Hunt {
    /// Files and folders: Windows event logs, web, database, Linux and JSON logs; compressed and archived ones too
    #[arg(required = true, value_name = "DIR")]
    evidence: Vec<PathBuf>,
    /// Folders (or files) of Sigma rules; without one, the built-in rules
    #[arg(long, value_name = "DIR", num_args = 1..)]
    rules: Vec<PathBuf>,
    /// Only rules of this level and above
    #[arg(long, value_name = "LEVEL", default_value = "informational")]
    level: Minimum,
    /// Only rules of this ATT&CK technique; T1021 includes T1021.001
    #[arg(long, value_name = "T…")]
    technique: Vec<String>,
    /// Only this rule: its id, or a part of its title
    #[arg(long, value_name = "RULE")]
    rule: Vec<String>,
    #[command(flatten)]
    window: WindowArgs,
    /// How hits are written; in order of time
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    output: Shape,
    /// Write the hits to this file; the summary then stands alone on the screen
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
    /// List everything that was not loaded, not read and not looked at
    #[arg(long)]
    all: bool,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Minimum {
    #[value(alias = "info")]
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

impl From<Minimum> for Level {
    fn from(minimum: Minimum) -> Self {
        match minimum {
            Minimum::Informational => Self::Informational,
            Minimum::Low => Self::Low,
            Minimum::Medium => Self::Medium,
            Minimum::High => Self::High,
            Minimum::Critical => Self::Critical,
        }
    }
}

impl Hunt {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        for technique in &self.technique {
            ensure!(is_technique(technique), "{technique:?} is no ATT&CK technique: write --technique T1021 or --technique T1021.001");
        }
        let folder = self.into.as_deref().map(folder_of).transpose()?;
        let mut sorted = Sorted::new(folder);
        let mut screen = Screen::new(common.format());
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let request = HuntRequest {
            evidence: &self.evidence,
            rules: &self.rules,
            choice: RuleChoice { level: self.level.into(), techniques: self.technique.clone(), rules: self.rule.clone() },
            window: self.window.window("UTC")?,
            threads: self.threads.unwrap_or(cores).clamp(1, 256),
            scratch: folder,
            now: now(),
        };
        // Without a file, JSON on stdout is the summary alone.
        let is_wanted = self.into.is_some() || common.format() == Format::Text;
        let report = hunt(&request, &mut screen, &mut |rule, hit, path| {
            if is_wanted {
                sorted.push(hit.time, &self.output.line(rule, hit, path)?)?;
            }
            Ok(())
        })?;
        drop(screen);
        if report.rules_tried == 0 {
            bail!(none_tried(&report));
        }
        self.print(common, &report, sorted)?;
        Ok(ExitCode::SUCCESS)
    }

    fn print(&self, common: &Common, report: &HuntReport, sorted: Sorted) -> anyhow::Result<()> {
        match &self.into {
            Some(path) => {
                let file = File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
                let mut file = BufWriter::new(file);
                self.write(&mut file, sorted).and_then(|()| file.flush()).with_context(|| format!("{} cannot be written to its end", path.display()))?;
            }
            None if common.format() == Format::Json => {}
            None => {
                let mut stdout = BufWriter::new(io::stdout().lock());
                match self.write(&mut stdout, sorted).and_then(|()| stdout.flush()) {
                    // Who closes the other end has seen enough.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                    written => written.context("the hits cannot be printed")?,
                }
            }
        }
        if common.format() == Format::Json {
            return print_json(report);
        }
        let lines = summary::lines(report, self.all);
        // A file of hits on stdout must hold nothing else.
        if self.into.is_none() && self.output != Shape::Table {
            lines.iter().for_each(|line| tell!("{line}"));
        } else {
            lines.iter().for_each(|line| say!("{line}"));
        }
        Ok(())
    }

    fn write(&self, out: &mut dyn Write, sorted: Sorted) -> io::Result<()> {
        out.write_all(self.output.head().as_bytes())?;
        sorted.write(out)
    }
}

/// Where a file would lie, so that a mistake is told before the work and not after it.
fn folder_of(path: &Path) -> anyhow::Result<&Path> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    ensure!(folder.is_dir(), "{} is no folder: --into names a file in a folder that exists", folder.display());
    ensure!(!path.is_dir(), "{} is a folder: --into names a file", path.display());
    Ok(folder)
}

fn is_technique(text: &str) -> bool {
    let Some(id) = text.strip_prefix(['T', 't']) else { return false };
    let (number, below) = id.split_once('.').map_or((id, None), |(number, below)| (number, Some(below)));
    let is_number = |text: &str, digits| text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    is_number(number, 4) && below.is_none_or(|below| is_number(below, 3))
}

fn none_tried(report: &HuntReport) -> String {
    match (report.rules.rules + report.rules.correlations, report.rules_refused.first()) {
        (0, Some(refused)) => {
            let line = refused.line.map(|line| format!(":{line}")).unwrap_or_default();
            format!("none of {} rule files could be loaded; the first: {}{line}: {}", report.rules.files, refused.path, refused.reason)
        }
        (0, None) => "there is no rule: --rules names a folder that holds .yml files".to_owned(),
        (loaded, _) => format!("none of {loaded} rules is of the level, technique or name that was asked for"),
    }
}
