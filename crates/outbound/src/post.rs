//! Letters on paper: one PDF a batch, a manifest that a mail house can work from, and checksums over both.
//!
//! It prints nothing itself: whoever makes PDFs stands behind [`Printer`].

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use strandline_model::letter::LetterReference;
use strandline_model::personal::Personal;

use crate::plain::one_line;

/// Letters a batch at most: about 20 MB of PDF.
const BATCH_LIMIT: usize = 500;

/// Lines of an address that an envelope's window takes.
const ADDRESS_LINES: usize = 6;

/// Where one letter goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterAddress {
    /// The letter.
    pub reference: LetterReference,
    /// The person's name.
    pub name: Personal<String>,
    /// The address as the register has it; line ends and commas part its lines.
    pub address: Personal<String>,
    /// Language, a BCP 47 tag.
    pub language: String,
}

/// A letter as it was printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrintedLetter {
    /// Its pages in the batch's PDF.
    pub pages: u32,
    /// SHA-256 of what was printed for this person: the approved letter.
    pub letter_sha256: String,
}

/// A batch as it was printed.
#[derive(Clone)]
pub struct PrintedBatch {
    /// One PDF with all letters, in the order asked for.
    pub pdf: Vec<u8>,
    /// One for each letter, in that order.
    pub letters: Vec<PrintedLetter>,
}

/// Makes PDFs.
pub trait Printer {
    /// Why it cannot.
    type Error: std::error::Error + Send + Sync + 'static;

    /// One PDF with these letters, in this order.
    ///
    /// # Errors
    /// If a letter cannot be printed; then the batch is not.
    fn print(&mut self, letters: &[LetterReference]) -> Result<PrintedBatch, Self::Error>;
}

/// Files of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchFiles {
    /// The letters in it, in the order of the PDF.
    pub letters: Vec<LetterReference>,
    /// The PDF.
    pub pdf: PathBuf,
    /// SHA-256 of the PDF.
    pub pdf_sha256: String,
    /// The manifest.
    pub manifest: PathBuf,
    /// SHA-256 of the manifest.
    pub manifest_sha256: String,
}

/// Why a batch could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PostError<E: std::error::Error + 'static> {
    /// A file cannot be written, or is there already.
    #[error("{} cannot be written: a batch goes into a new folder", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The printer failed.
    #[error("the letters of a batch cannot be printed")]
    Print(#[source] E),
    /// The printer gave more or fewer letters than it was asked for; our bug.
    #[error("the printer gave {given} letters for {asked}: the batch was not written")]
    Count {
        /// Asked for.
        asked: usize,
        /// Given.
        given: usize,
    },
}

/// Writes batches of at most 500 letters into `folder`, which must not exist: `batch-001.pdf`, `batch-001.csv`, …, `SHA256SUMS`.
/// Letters come sorted by postcode, then by reference, as a mail house wants them. When this returns the files are on the disk.
///
/// # Errors
/// [`PostError`]; what was written before stays, without `SHA256SUMS`, and counts for nothing.
pub fn write_batch<P: Printer>(letters: &[LetterAddress], printer: &mut P, folder: &Path) -> Result<Vec<BatchFiles>, PostError<P::Error>> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| PostError::Write { path, source }
    };
    fs::create_dir(folder).map_err(failed(folder))?;
    let mut sorted: Vec<&LetterAddress> = letters.iter().collect();
    sorted.sort_by_cached_key(|letter| (postcode(letter.address.expose_personal()), letter.reference.clone()));
    let (mut batches, mut sums) = (Vec::new(), String::new());
    for (number, batch) in (1..).zip(sorted.chunks(BATCH_LIMIT)) {
        let references: Vec<LetterReference> = batch.iter().map(|letter| letter.reference.clone()).collect();
        let printed = printer.print(&references).map_err(PostError::Print)?;
        if printed.letters.len() != batch.len() {
            return Err(PostError::Count { asked: batch.len(), given: printed.letters.len() });
        }
        let (pdf, manifest) = (folder.join(format!("batch-{number:03}.pdf")), folder.join(format!("batch-{number:03}.csv")));
        let pdf_sha256 = write_durably(&pdf, &printed.pdf).map_err(failed(&pdf))?;
        let table = manifest_of(batch, &printed.letters).map_err(failed(&manifest))?;
        let manifest_sha256 = write_durably(&manifest, &table).map_err(failed(&manifest))?;
        sums.push_str(&format!("{pdf_sha256}  batch-{number:03}.pdf\n{manifest_sha256}  batch-{number:03}.csv\n"));
        batches.push(BatchFiles { letters: references, pdf, pdf_sha256, manifest, manifest_sha256 });
    }
    let path = folder.join("SHA256SUMS");
    write_durably(&path, sums.as_bytes()).map_err(failed(&path))?;
    File::open(folder).and_then(|f| f.sync_all()).map_err(failed(folder))?;
    Ok(batches)
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<String> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The manifest: one line a letter, in the order of the PDF.
fn manifest_of(batch: &[&LetterAddress], printed: &[PrintedLetter]) -> io::Result<Vec<u8>> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let mut header = vec!["position".to_owned(), "letter".into(), "first_page".into(), "pages".into(), "language".into(), "name".into()];
    header.extend((1..=ADDRESS_LINES).map(|n| format!("address_{n}")));
    header.extend(["postcode".to_owned(), "letter_sha256".into()]);
    table.write_record(&header)?;
    let mut first_page = 1_u64;
    for (position, (letter, printed)) in (1..).zip(batch.iter().zip(printed)) {
        let address = letter.address.expose_personal();
        let mut record = vec![
            format!("{position}"),
            letter.reference.to_string(),
            first_page.to_string(),
            printed.pages.to_string(),
            cell(&letter.language),
            cell(letter.name.expose_personal()),
        ];
        record.extend(address_lines(address).into_iter().map(|line| cell(&line)));
        record.resize(6 + ADDRESS_LINES, String::new());
        record.extend([cell(&postcode(address)), cell(&printed.letter_sha256)]);
        table.write_record(&record)?;
        first_page += u64::from(printed.pages);
    }
    table.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

/// Lines of an address; what does not fit joins the last one, so that nothing is lost.
fn address_lines(address: &str) -> Vec<String> {
    let apart = if address.trim().contains(['\n', '\r']) { &['\n', '\r'][..] } else { &[',', '，'][..] };
    let mut lines: Vec<String> = address.split(apart).map(|line| one_line(line, 200)).filter(|line| !line.is_empty()).collect();
    if lines.len() > ADDRESS_LINES {
        let rest = lines.split_off(ADDRESS_LINES - 1).join(", ");
        lines.push(rest);
    }
    lines
}

/// What looks like a postcode at the end of an address: its last word or two with a digit, in one of the usual shapes. Places
/// without postcodes (Hong Kong) have none, and their letters sort by reference.
fn postcode(address: &str) -> String {
    let words: Vec<&str> = address.split(|c: char| c.is_whitespace() || matches!(c, ',' | '，')).filter(|w| !w.is_empty()).collect();
    let shaped =
        |word: &str| (2..=10).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && word.bytes().any(|b| b.is_ascii_digit());
    let numeric = |word: &str| (4..=7).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    for (at, word) in words.iter().enumerate().rev().take(3) {
        // `SW1A 1AA`, `1234 AB`: two short words.
        if let Some(before) = at.checked_sub(1).map(|i| words[i])
            && shaped(before)
            && shaped_pair(before, word)
        {
            return format!("{before} {word}").to_ascii_uppercase();
        }
        if numeric(word) {
            return (*word).to_owned();
        }
    }
    String::new()
}

fn shaped_pair(first: &str, second: &str) -> bool {
    let british = (2..=4).contains(&first.len())
        && first.starts_with(|c: char| c.is_ascii_alphabetic())
        && second.len() == 3
        && second.starts_with(|c: char| c.is_ascii_digit())
        && second.bytes().skip(1).all(|b| b.is_ascii_alphabetic());
    let dutch = first.len() == 4 && first.bytes().all(|b| b.is_ascii_digit()) && second.len() == 2 && second.bytes().all(|b| b.is_ascii_uppercase());
    british || dutch
}

/// A cell that a spreadsheet will not run as a formula. The space in front is not seen on an envelope.
fn cell(text: &str) -> String {
    let line = one_line(text, 200);
    if line.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) { format!(" {line}") } else { line }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    struct Paper;

    impl Printer for Paper {
        type Error = Infallible;

        fn print(&mut self, letters: &[LetterReference]) -> Result<PrintedBatch, Infallible> {
            let pdf = letters.iter().flat_map(|l| l.as_str().bytes()).collect();
            let printed = letters.iter().zip(1..).map(|(_, pages)| PrintedLetter { pages, letter_sha256: "00".into() });
            Ok(PrintedBatch { pdf, letters: printed.collect() })
        }
    }

    fn address(number: u8, name: &str, address: &str) -> LetterAddress {
        LetterAddress {
            reference: LetterReference::from_bits([number; 10]),
            name: Personal::new(name.into()),
            address: Personal::new(address.into()),
            language: "en".into(),
        }
    }

    #[test]
    fn a_batch_is_sorted_and_its_sums_hold() {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("out");
        let letters = [address(3, "=cmd()", "1 High St\r\nLondon\nSW1A 1AA"), address(1, "B", "2 Low St, Town, 90210"), address(2, "C", "Flat 5, Mong Kok")];
        let batches = write_batch(&letters, &mut Paper, &into).unwrap();
        assert_eq!(batches.len(), 1);
        let table = fs::read_to_string(&batches[0].manifest).unwrap();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[0],
            "position,letter,first_page,pages,language,name,address_1,address_2,address_3,address_4,address_5,address_6,postcode,letter_sha256"
        );
        assert!(lines[1].ends_with(",C,Flat 5,Mong Kok,,,,,,00") && lines[1].starts_with("1,"), "{}", lines[1]);
        assert!(lines[2].contains(",2,2,en,B,2 Low St,Town,90210,,,,90210,00"), "{}", lines[2]);
        assert!(lines[3].contains(",4,3,en, =cmd(),1 High St,London,SW1A 1AA,,,,SW1A 1AA,00"), "{}", lines[3]);
        let sums = fs::read_to_string(into.join("SHA256SUMS")).unwrap();
        assert!(sums.starts_with(&format!("{}  batch-001.pdf\n", batches[0].pdf_sha256)));
        assert!(write_batch(&letters, &mut Paper, &into).is_err(), "an old batch was overwritten");
    }

    #[test]
    fn a_postcode_is_found_or_not() {
        for (address, code) in [
            ("1 High St, London sw1a 1aa", "SW1A 1AA"),
            ("Amsterdam 1234 AB, Netherlands", "1234 AB"),
            ("Flat 5, Mong Kok, Hong Kong", ""),
            ("Main St 5, 90210 Town", "90210"),
            ("", ""),
        ] {
            assert_eq!(postcode(address), code, "{address}");
        }
    }
}
