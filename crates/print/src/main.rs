//! `strandline-print`: the printer as a program of its own. Jobs come in on standard input, PDFs go out on standard output
//! (`strandline_model::print` says how); `strandline` starts it, and ends it by closing the input.

use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sha2::{Digest, Sha256};
use strandline_model::document::Document;
use strandline_model::print::{PrintAnswer, PrintJob};
use strandline_print::{Fonts, Layout, Pdf, PrintError, Printer, USUAL_PLACES};

/// Longer jobs are none that a batch of letters makes.
const JOB_BYTES_LIMIT: u64 = 64 << 20;
/// Longer files are no fonts, and no pictures for a letterhead.
const FILE_BYTES_LIMIT: u64 = 64 << 20;
const FILES_LIMIT: usize = 200;
const DEPTH_LIMIT: usize = 3;

const USAGE: &str = "strandline-print letter|form [--layout DIR] [--fonts DIR]: strandline starts it (`strandline notify CASE print`)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = io::stdout().lock();
    let served = match ready(&arguments) {
        Ok((printer, page_sha256)) => say(&mut out, &PrintAnswer::Ready { page_sha256 }).and_then(|()| serve(&printer, &mut io::stdin().lock(), &mut out)),
        Err(reason) => say(&mut out, &PrintAnswer::Failed { reason }),
    };
    // Whoever asked has gone: there is nobody to tell.
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Files as (path, bytes).
type Files = Vec<(String, Vec<u8>)>;

/// Reads layout and fonts; says also what their digest is.
fn ready(arguments: &[String]) -> Result<(Printer, String), String> {
    let (mut layout, mut fonts) = (None, None);
    let (kind, mut rest) = arguments.split_first().ok_or(USAGE)?;
    while let [option, value, others @ ..] = rest {
        match option.as_str() {
            "--layout" => layout = Some(Path::new(value)),
            "--fonts" => fonts = Some(Path::new(value)),
            _ => return Err(USAGE.to_owned()),
        }
        rest = others;
    }
    let (layout, page) = match (kind.as_str(), layout) {
        _ if !rest.is_empty() => return Err(USAGE.to_owned()),
        ("letter", Some(folder)) => {
            let page = files(folder, &|_| true)?;
            (Layout::letter_with(&page), page)
        }
        ("letter", None) => (Layout::letter(), Files::new()),
        ("form", None) => (Layout::form(), Files::new()),
        _ => return Err(USAGE.to_owned()),
    };
    let given = match fonts {
        Some(folder) => files(folder, &Fonts::is_font_file)?,
        None => usual_fonts()?,
    };
    let page_sha256 = digest(kind, [&page, &given]);
    let fonts = Fonts::built_in().with(given).map_err(|error| error.to_string())?;
    let printer = Printer::new(fonts, &layout).map_err(|error| error.to_string())?;
    Ok((printer, page_sha256))
}

/// The fonts of the system that hold Chinese.
fn usual_fonts() -> Result<Files, String> {
    USUAL_PLACES.iter().map(Path::new).filter(|place| place.exists()).map(|place| Ok((place.display().to_string(), file(place)?))).collect()
}

/// SHA-256 over what the page is made of, beside what comes along with this version.
fn digest(kind: &str, parts: [&Files; 2]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(format!("{} {kind}\n", env!("CARGO_PKG_VERSION")));
    for part in parts {
        hasher.update(format!("{} files\n", part.len()));
        for (_, bytes) in part {
            hasher.update(Sha256::digest(bytes));
        }
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Prints one job after another until the input ends.
fn serve(printer: &Printer, jobs: &mut impl BufRead, out: &mut impl Write) -> io::Result<()> {
    loop {
        let mut line = Vec::new();
        if jobs.take(JOB_BYTES_LIMIT).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let printed = match serde_json::from_slice::<PrintJob>(&line) {
            Ok(job) => print(printer, &job),
            Err(_) => return say(out, &PrintAnswer::Failed { reason: "this is no job for the printer: use a strandline of the same version".to_owned() }),
        };
        match printed {
            Ok(pdf) => {
                let pages = u32::try_from(pdf.pages).unwrap_or(u32::MAX);
                let first_pages = pdf.first_pages.iter().map(|page| u32::try_from(*page).unwrap_or(u32::MAX)).collect();
                say(out, &PrintAnswer::Printed { bytes: pdf.bytes.len() as u64, pages, first_pages, windows: pdf.windows })?;
                out.write_all(&pdf.bytes)?;
                out.flush()?;
            }
            Err(error) => say(out, &PrintAnswer::Failed { reason: error.to_string() })?,
        }
    }
}

fn print(printer: &Printer, job: &PrintJob) -> Result<Pdf, PrintError> {
    let documents: Vec<&Document> = job.documents.iter().collect();
    printer.print_all(&documents, job.at)
}

fn say(out: &mut impl Write, answer: &PrintAnswer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}

/// The files of a folder, as (path within it, bytes), sorted: where two fonts have a character, the first is taken.
fn files(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Files, String> {
    let mut paths = Vec::new();
    find(folder, DEPTH_LIMIT, &mut paths)?;
    paths.sort();
    let within = |path: &PathBuf| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    paths.iter().map(|path| (within(path), path)).filter(|(name, _)| wanted(name)).map(|(name, path)| Ok((name, file(path)?))).collect()
}

fn find(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), String> {
    let cannot = |error: io::Error| format!("the folder {} cannot be read: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.is_dir() {
            if depth > 1 {
                find(&path, depth - 1, paths)?;
            }
        } else {
            paths.push(path);
        }
        if paths.len() > FILES_LIMIT {
            return Err(format!("{} holds more than {FILES_LIMIT} files: name a smaller folder", folder.display()));
        }
    }
    Ok(())
}

fn file(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error: io::Error| format!("{} cannot be read: {error}", path.display());
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(cannot)?.take(FILE_BYTES_LIMIT + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > FILE_BYTES_LIMIT {
        return Err(format!("{} is longer than {} MiB: it is no font and no picture of a letter", path.display(), FILE_BYTES_LIMIT >> 20));
    }
    Ok(bytes)
}
