//! The printer: one layout and the fonts at hand, and documents through it. Memory stays flat however many there are.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use strandline_model::document::{Block, Document, Field};
use strandline_model::personal::Personal;
use strandline_model::time::Instant;
use typst::diag::{SourceDiagnostic, SourceResult};
use typst::foundations::{Bytes, Datetime, Label, Selector, Smart};
use typst::introspection::Introspector;
use typst::utils::PicoStr;
use typst::{WorldExt, compile};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp as PdfTimestamp, pdf};

use crate::code_picture;
use crate::layout::Aim;
use crate::pack::packed;
use crate::window;
use crate::world::{Desk, Shelf};
use crate::{Fonts, Layout, PrintError};

/// Documents between two emptyings of what Typst remembers. Measured: 50 costs no speed, and memory stays flat.
const DOCUMENTS_REMEMBERED: usize = 50;

/// Times that a document is set tighter, at most, where it should fit one page.
const TIGHTNESS_LIMIT: u8 = 3;

/// A PDF, and the page each document begins on.
pub struct Pdf {
    /// The file.
    pub bytes: Vec<u8>,
    /// Pages of the whole file.
    pub pages: usize,
    /// The first page of each document, from 1.
    pub first_pages: Vec<usize>,
    /// What is wrong with what the envelope's window shows of each document; never a value.
    pub windows: Vec<Option<String>>,
}

/// Sets documents by one layout. It can be shared between threads.
pub struct Printer {
    shelf: Shelf,
    layout_name: String,
    aim: Aim,
    standards: PdfStandards,
    printed: AtomicUsize,
}

impl Printer {
    /// Makes a printer ready, and tries its layout on a document about nobody.
    ///
    /// # Errors
    /// [`PrintError::Layout`], with the line of the layout's mistake.
    pub fn new(fonts: Fonts, layout: &Layout) -> Result<Self, PrintError> {
        let wrong_path =
            || PrintError::Layout { file: layout.name.clone(), line: 0, problem: "a file of the layout has a path that leaves its folder".to_owned() };
        let shelf = Shelf::new(fonts, layout).ok_or_else(wrong_path)?;
        let standards = PdfStandards::new(&[PdfStandard::Ua_1]).expect("PDF/UA-1 alone contradicts nothing");
        let printer = Self { shelf, layout_name: layout.name.clone(), aim: layout.aim, standards, printed: AtomicUsize::new(0) };
        printer.fit(&[&specimen()], Instant(0)).map_err(|errors| printer.layout_error(&errors))?;
        Ok(printer)
    }

    /// Prints one document. `at` is the day that the file says it was made; the same document at the same time gives the same bytes.
    ///
    /// # Errors
    /// If a character has no glyph, or the document cannot be set.
    pub fn print(&self, document: &Document, at: Instant) -> Result<Pdf, PrintError> {
        self.print_all(&[document], at)
    }

    /// Prints documents into one file, each from a new page: a batch for a mail house. Keep a batch to some hundreds, since it is held
    /// in memory whole.
    ///
    /// # Errors
    /// As for [`Printer::print`].
    pub fn print_all(&self, documents: &[&Document], at: Instant) -> Result<Pdf, PrintError> {
        if documents.is_empty() {
            return Err(PrintError::Nothing);
        }
        let lacking = self.lacking(documents);
        if !lacking.is_empty() {
            return Err(PrintError::NoGlyph { characters: Personal::new(lacking) });
        }
        let set = self.fit(documents, at);
        if self.printed.fetch_add(documents.len(), Ordering::Relaxed) % DOCUMENTS_REMEMBERED + documents.len() >= DOCUMENTS_REMEMBERED {
            comemo::evict(0);
        }
        set.map_err(|errors| self.document_error(&errors))
    }

    /// The characters of documents that the fonts at hand lack, sorted: what to look for before a batch is printed.
    pub fn lacking(&self, documents: &[&Document]) -> Vec<char> {
        self.shelf.fonts.lacking(documents.iter().flat_map(|document| texts(document)))
    }

    /// Sets documents, and sets those tighter that run over their page, until they fit or cannot be set tighter.
    fn fit(&self, documents: &[&Document], at: Instant) -> SourceResult<Pdf> {
        let mut tightness = vec![0_u8; documents.len()];
        let pictures: Vec<Option<String>> = documents.iter().map(|document| code_picture::svg(&document.page.as_ref()?.address)).collect();
        loop {
            let input = Input { documents, tightness: &tightness, pictures: &pictures };
            let json = serde_json::to_string(&input).expect("documents are strings and lists, which JSON always holds");
            let desk = Desk { shelf: &self.shelf, documents: Bytes::from_string(json.clone()) };
            let set: PagedDocument = compile(&desk).output?;
            let first_pages = first_pages(&set);
            let mut tightened = false;
            for (n, first) in first_pages.iter().enumerate().filter(|_| self.aim == Aim::OnePage) {
                let next = first_pages.get(n + 1).copied().unwrap_or(set.pages().len() + 1);
                if next - first > 1 && tightness[n] < TIGHTNESS_LIMIT {
                    tightness[n] += 1;
                    tightened = true;
                }
            }
            if !tightened {
                return self.export(&set, (documents, first_pages), json, at);
            }
        }
    }

    fn export(&self, set: &PagedDocument, (documents, first_pages): (&[&Document], Vec<usize>), ident: String, at: Instant) -> SourceResult<Pdf> {
        let options = PdfOptions {
            ident: Smart::Custom(ident),
            creator: Smart::Custom(Some("Strandline".to_owned())),
            timestamp: timestamp(at),
            standards: self.standards.clone(),
            ..PdfOptions::default()
        };
        let shown = |(first, document): (&usize, &&Document)| window::problem(&set.pages().get(first.saturating_sub(1))?.frame, document);
        let windows = first_pages.iter().zip(documents).map(shown).collect();
        Ok(Pdf { bytes: packed(pdf(set, &options)?), pages: set.pages().len(), first_pages, windows })
    }

    fn layout_error(&self, errors: &[SourceDiagnostic]) -> PrintError {
        let (file, line) = self.place(errors);
        let said = errors.first().map(|error| error.message.to_string()).unwrap_or_default();
        let hints: Vec<String> = errors.first().map(|error| error.hints.iter().map(|hint| hint.v.to_string()).collect()).unwrap_or_default();
        if file == "main.typ" {
            let problem = format!("{said}; a layout defines page-of(document, tightness: 0)");
            return PrintError::Layout { file: self.layout_name.clone(), line: 1, problem };
        }
        PrintError::Layout { file, line, problem: [vec![said], hints].concat().join("; ") }
    }

    fn document_error(&self, errors: &[SourceDiagnostic]) -> PrintError {
        let (file, line) = self.place(errors);
        PrintError::Document { file, line }
    }

    /// The file and the line that the first error is about.
    fn place(&self, errors: &[SourceDiagnostic]) -> (String, usize) {
        let found = errors.iter().find_map(|error| {
            let (path, source) = self.shelf.source(error.span.id()?)?;
            let desk = Desk { shelf: &self.shelf, documents: Bytes::from_string("[]") };
            let line = source.lines().byte_to_line(desk.range(error.span)?.start)?;
            Some((if path == "/layout.typ" { self.layout_name.clone() } else { path.trim_start_matches('/').to_owned() }, line + 1))
        });
        found.unwrap_or_else(|| (self.layout_name.clone(), 0))
    }
}

/// What a layout is given.
#[derive(serde::Serialize)]
struct Input<'a> {
    documents: &'a [&'a Document],
    tightness: &'a [u8],
    /// The picture of each document's page on the web, as SVG.
    pictures: &'a [Option<String>],
}

fn first_pages(set: &PagedDocument) -> Vec<usize> {
    let Some(label) = Label::new(PicoStr::intern("document")) else { return Vec::new() };
    let starts = set.introspector().query(&Selector::Label(label));
    starts.iter().filter_map(|start| set.introspector().page(start.location()?)).map(NonZeroUsize::get).collect()
}

fn timestamp(at: Instant) -> Option<PdfTimestamp> {
    let utc = jiff::tz::TimeZone::UTC.to_datetime(Timestamp::from_microsecond(at.micros()).ok()?);
    let part = |value: i8| u8::try_from(value).ok();
    let (month, day, hour, minute, second) = (part(utc.month())?, part(utc.day())?, part(utc.hour())?, part(utc.minute())?, part(utc.second())?);
    Datetime::from_ymd_hms(i32::from(utc.year()), month, day, hour, minute, second).map(PdfTimestamp::new_utc)
}

/// Every text of a document that is printed.
fn texts(document: &Document) -> impl Iterator<Item = &str> {
    let lines = document.sender.iter().chain(&document.recipient).map(String::as_str);
    let page = document.page.iter().flat_map(|page| [page.address.as_str(), page.says.as_str()]);
    lines.chain(page).chain([document.title.as_str()]).chain(document.head.iter().flat_map(field_texts)).chain(document.blocks.iter().flat_map(block_texts))
}

fn field_texts(field: &Field) -> impl Iterator<Item = &str> {
    [field.label.as_str(), field.value.as_str()].into_iter().chain(field.note.as_deref())
}

fn block_texts(block: &Block) -> Vec<&str> {
    match block {
        Block::Heading { text, .. } | Block::Paragraph { text, .. } => vec![text],
        Block::Numbered { items } | Block::Bulleted { items } => items.iter().map(String::as_str).collect(),
        Block::Fields { fields } => fields.iter().flat_map(field_texts).collect(),
        Block::Table { columns, rows } => columns.iter().chain(rows.iter().flatten()).map(String::as_str).collect(),
    }
}

/// A document about nobody, with every kind of block.
fn specimen() -> Document {
    let line = || "Specimen".to_owned();
    let field = || Field { label: line(), value: line(), note: None };
    Document {
        language: "en".to_owned(),
        title: line(),
        sender: vec![line()],
        recipient: vec![line()],
        head: vec![field()],
        blocks: vec![
            Block::Heading { level: 1, text: line() },
            Block::paragraph(line()),
            Block::Paragraph { text: line(), language: Some("zh-Hant".to_owned()) },
            Block::Numbered { items: vec![line()] },
            Block::Bulleted { items: vec![line()] },
            Block::Fields { fields: vec![field()] },
            Block::Fields { fields: vec![Field { note: Some(line()), ..field() }] },
            Block::Table { columns: vec![line(), line()], rows: vec![vec![line(), line()]] },
        ],
        window: None,
        points: None,
        page: None,
    }
}
