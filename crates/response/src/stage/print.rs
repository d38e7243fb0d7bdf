//! PDFs of the letters, `letters/*.pdf`: set by the printer, a program of its own, from the same drafts as the committed texts.
//! From then on they belong to what is approved.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strandline_case::StoredFile;
use strandline_model::document::Document;
use strandline_model::letter::LetterReference;
use strandline_model::time::Instant;
use strandline_notice::letter::lint::check_pages;
use strandline_outbound::{Paper, Press, PressError, PressSettings, PrintedBatch, PrintedLetter, Printer};

use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::letters::{Committed, Drafting, file_stem};
use crate::stage::notify::{LetterPlan, hexadecimal};
use crate::store::{self, ManyFiles};

/// So many documents over which the printer ends are not the documents' fault.
const BROKEN_LIMIT: u32 = 10;

/// What letters are printed with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The organisation's own folder with a `layout.typ`.
    pub layout: Option<PathBuf>,
    /// A folder of fonts; without one, the fonts of the system that hold Chinese.
    pub fonts: Option<PathBuf>,
}

impl Page {
    fn press(&self) -> Result<Press, PressError> {
        Press::start(PressSettings { paper: Paper::Letter { layout: self.layout.clone() }, fonts: self.fonts.clone() })
    }

    /// A printer of forms.
    pub fn form_press(&self) -> Result<Press, PressError> {
        Press::start(PressSettings { paper: Paper::Form, fonts: self.fonts.clone() })
    }
}

/// What was printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintedLetters {
    /// The ledger entry of the letters that these are the PDFs of.
    letters_entry: u64,
    /// SHA-256 over layout and fonts.
    page_sha256: String,
    /// SHA-256 of what each PDF was set from, by the PDF's name: one that is set from the same again is kept.
    #[serde(default)]
    set_from: BTreeMap<String, String>,
    /// PDFs.
    pub letters: u64,
    /// Letters that were not printed, or take more than a page.
    pub findings: Vec<PrintFinding>,
}

/// What a person should know of a printed letter, or of one that could not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintFinding {
    /// Whose letter.
    pub data_subject: String,
    /// Its pages, where it was printed and takes more than one.
    pub pages: Option<u32>,
    /// Whether it is about what the window of the envelope shows.
    #[serde(default)]
    pub window: bool,
    /// What it is; never a value.
    pub problem: String,
}

/// Prints every letter, those that are held too.
///
/// # Errors
/// If there are no letters, or they were drafted from something else than the case holds now; if there is no printer, or the case
/// cannot be written.
pub fn run(response: &mut Response<'_>, page: &Page) -> Result<PrintedLetters, ResponseError> {
    let Some((drafting, committed)) = Drafting::again(response)? else { return Err(ResponseError::NothingToSend) };
    let mut presses = vec![page.press()?];
    let page_sha256 = presses[0].page_sha256().to_owned();
    let mut inputs = response.inputs_after(&["letters"]);
    inputs.insert("page", page_sha256.clone());
    if response.case.stage_is_current("print", &inputs)
        && let Some(printed) = current(response)?
    {
        return Ok(printed);
    }
    while presses.len() < response.settings.threads.min(usize::try_from(committed.len()).unwrap_or(1)) {
        presses.push(page.press()?);
    }
    let letters_entry = letters_entry(response).unwrap_or_default();
    let mut earlier = Earlier::of(response, &page_sha256)?;
    let mut kept: Vec<StoredFile> = Vec::new();
    let mut set_from = BTreeMap::new();
    let mut printing = Printing { presses, given: Vec::new(), at: drafting.drafted_at, files: ManyFiles::of("letters"), findings: Vec::new(), broken: 0 };
    let reassurance = drafting.reassurance(response);
    drafting.each_letter(&response.case, reassurance, &mut |letter, _| {
        if !committed.is(&letter) {
            return Err(ResponseError::LettersChanged);
        }
        let name = format!("{}.pdf", file_stem(&letter.data_subject));
        let document = document_sha256(letter.document.expose_personal(), drafting.drafted_at);
        set_from.insert(name.clone(), document.clone());
        if let Some((file, finding)) = earlier.take(&response.case, &name, &document, &letter.data_subject) {
            kept.push(file);
            printing.findings.extend(finding);
            return Ok(());
        }
        printing.give(letter.data_subject, letter.document.expose_personal())?;
        if printing.is_full() {
            printing.take(&response.case)?;
            response.watcher.progress(printing.files.len(), committed.len(), "letters");
        }
        Ok(())
    })?;
    printing.take(&response.case)?;
    let Printing { files, findings, .. } = printing;
    let mut files = files.finish()?;
    files.append(&mut kept);
    let printed = PrintedLetters { letters_entry, page_sha256, set_from, letters: files.len() as u64, findings };
    files.push(store::write_json(&response.case, store::PRINT, &printed)?);
    response.commit_files("print", inputs, files)?;
    Ok(printed)
}

/// What was printed before, on the same page.
#[derive(Default)]
struct Earlier {
    set_from: BTreeMap<String, String>,
    files: BTreeMap<String, StoredFile>,
    findings: Vec<PrintFinding>,
}

impl Earlier {
    fn of(response: &Response<'_>, page_sha256: &str) -> Result<Self, ResponseError> {
        let printed: Option<PrintedLetters> = store::read_json(&response.case, store::PRINT)?;
        let Some(printed) = printed.filter(|printed| printed.page_sha256 == page_sha256) else { return Ok(Self::default()) };
        let files = response.case.manifest().stages.get("print").map(|record| record.files.clone()).unwrap_or_default();
        let files = files.into_iter().filter_map(|file| Some((file.file.strip_prefix("letters/")?.to_owned(), file))).collect();
        Ok(Self { set_from: printed.set_from, files, findings: printed.findings })
    }

    /// The PDF that was set from just this, if it is there still, and what was found of it.
    fn take(&mut self, case: &strandline_case::Case, name: &str, document: &str, data_subject: &str) -> Option<(StoredFile, Vec<PrintFinding>)> {
        self.set_from.get(name).filter(|known| *known == document)?;
        let file = self.files.remove(name)?;
        let is_there = std::fs::symlink_metadata(case.path().join(&file.file)).is_ok_and(|found| found.is_file() && found.len() == file.bytes);
        is_there.then_some(())?;
        Some((file, self.findings.iter().filter(|finding| finding.data_subject == data_subject).cloned().collect()))
    }
}

/// SHA-256 of all that a PDF depends on beside the page.
fn document_sha256(document: &Document, at: Instant) -> String {
    let json = serde_json::to_vec(document).expect("a document has only texts");
    hexadecimal(&Sha256::digest([json, at.0.to_be_bytes().to_vec()].concat()))
}

/// What was printed of the letters as they are now; `None` if they were not, or were drafted again since.
pub fn current(response: &Response<'_>) -> Result<Option<PrintedLetters>, ResponseError> {
    if !response.case.manifest().stages.contains_key("print") {
        return Ok(None);
    }
    let printed: Option<PrintedLetters> = store::read_json(&response.case, store::PRINT)?;
    Ok(printed.filter(|printed| Some(printed.letters_entry) == letters_entry(response)))
}

fn letters_entry(response: &Response<'_>) -> Option<u64> {
    response.case.manifest().stages.get("letters").and_then(|record| record.ledger_entry)
}

/// Letters on their way through the printers.
struct Printing {
    presses: Vec<Press>,
    /// Whose letters the printers have, in order, and the smallest type that a law allows each.
    given: Vec<(String, Option<u32>)>,
    at: Instant,
    files: ManyFiles,
    findings: Vec<PrintFinding>,
    broken: u32,
}

impl Printing {
    fn is_full(&self) -> bool {
        self.given.len() == self.presses.len()
    }

    fn give(&mut self, data_subject: String, document: &Document) -> Result<(), ResponseError> {
        self.presses[self.given.len()].give(&[document], self.at)?;
        self.given.push((data_subject, document.points));
        Ok(())
    }

    /// Waits for all that was given, and keeps it.
    fn take(&mut self, case: &strandline_case::Case) -> Result<(), ResponseError> {
        for (press, (data_subject, points)) in self.presses.iter_mut().zip(std::mem::take(&mut self.given)) {
            let mut pages = None;
            let problem = match press.take() {
                Ok(print) => {
                    let shown = print.windows.into_iter().flatten().next();
                    self.findings.extend(shown.map(|problem| PrintFinding { data_subject: data_subject.clone(), pages: None, window: true, problem }));
                    pages = Some(print.pages).filter(|pages| check_pages(*pages as usize, points).is_some());
                    self.broken = 0;
                    self.files.add(case, format!("{}.pdf", file_stem(&data_subject)), &print.pdf)?;
                    pages.map(|pages| format!("the letter takes {pages} pages: shorten the account, the measures or the templates"))
                }
                Err(PressError::Broken) if self.broken < BROKEN_LIMIT => {
                    self.broken += 1;
                    Some(PressError::Broken.to_string())
                }
                Err(PressError::Refused(reason)) => Some(reason),
                Err(error) => return Err(error.into()),
            };
            self.findings.extend(problem.map(|problem| PrintFinding { data_subject, pages, window: false, problem }));
        }
        Ok(())
    }
}

/// Prints batches for the mail house, on the page that was approved.
pub struct BatchPrinter {
    press: Press,
    at: Instant,
    documents: BTreeMap<LetterReference, (Document, String)>,
}

impl BatchPrinter {
    /// For these letters of a plan.
    ///
    /// # Errors
    /// If the letters were not printed before on this page, so that nobody approved the PDFs; if there is no printer.
    pub fn new(response: &Response<'_>, page: &Page, plan: &LetterPlan, wanted: &BTreeSet<LetterReference>) -> Result<Self, ResponseError> {
        let printed = current(response)?.ok_or(ResponseError::PrintFirst)?;
        let press = page.press()?;
        if press.page_sha256() != printed.page_sha256 {
            return Err(ResponseError::OtherPage);
        }
        let Some((drafting, committed)) = Drafting::again(response)? else { return Err(ResponseError::NothingToSend) };
        let mut printer = Self { press, at: drafting.drafted_at, documents: BTreeMap::new() };
        printer.fetch(response, (&drafting, &committed), plan, wanted)?;
        Ok(printer)
    }

    fn fetch(
        &mut self,
        response: &Response<'_>,
        (drafting, committed): (&Drafting, &Committed),
        plan: &LetterPlan,
        wanted: &BTreeSet<LetterReference>,
    ) -> Result<(), ResponseError> {
        let by_key: BTreeMap<&str, _> = plan.letters.values().filter(|l| wanted.contains(&l.reference)).map(|l| (l.data_subject.as_str(), l)).collect();
        drafting.each_letter(&response.case, drafting.reassurance(response), &mut |letter, _| {
            let Some(planned) = by_key.get(letter.data_subject.as_str()) else { return Ok(()) };
            if !committed.is(&letter) {
                return Err(ResponseError::LettersChanged);
            }
            self.documents.insert(planned.reference.clone(), (letter.document.into_personal(), planned.letter_sha256.clone()));
            Ok(())
        })
    }
}

impl Printer for BatchPrinter {
    type Error = PressError;

    fn print(&mut self, letters: &[LetterReference]) -> Result<PrintedBatch, PressError> {
        let found: Vec<&(Document, String)> =
            letters.iter().map(|reference| self.documents.get(reference).ok_or(PressError::Broken)).collect::<Result<_, _>>()?;
        let documents: Vec<&Document> = found.iter().map(|(document, _)| document).collect();
        let print = self.press.print(&documents, self.at)?;
        if print.first_pages.len() != letters.len() {
            return Err(PressError::Broken);
        }
        let ends = print.first_pages.iter().skip(1).copied().chain([print.pages + 1]);
        let letters = found
            .iter()
            .zip(print.first_pages.iter().zip(ends))
            .map(|((_, letter_sha256), (first, end))| PrintedLetter { pages: end.saturating_sub(*first), letter_sha256: letter_sha256.clone() });
        Ok(PrintedBatch { letters: letters.collect(), pdf: print.pdf })
    }
}
