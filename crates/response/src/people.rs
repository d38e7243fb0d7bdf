//! The register, read from its sealed copy.

use std::collections::BTreeMap;
use std::io::Read;

use encoding_rs::{Encoding, UTF_8};
use strandline_model::estate::Register;
use strandline_model::personal::Personal;
use strandline_model::register::{BelongsTo, LineDoubt, RegisterEntry, Status};

use crate::error::ResponseError;

/// Reads a register. Entries come by key. A key that stands twice with different values, and a line with more fields than there are
/// columns, keep an entry whose values nobody believes, so that its letter waits.
///
/// # Errors
/// The line and what is wrong with it, never a value.
pub fn read(register: &Register, path: &str, bytes: Box<dyn Read + '_>) -> Result<(BTreeMap<String, RegisterEntry>, Vec<String>), ResponseError> {
    let wrong = |line: u64, reason: String| ResponseError::Register { path: path.to_owned(), line, reason };
    let text = decoded(register.encoding.as_deref(), bytes).map_err(|(line, reason)| wrong(line, reason))?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).delimiter(delimiter(&text)).from_reader(text.as_bytes());
    let headers = reader.byte_headers().map_err(|_| wrong(1, "the first line must hold the column names".to_owned()))?.clone();
    let names: Vec<String> = headers.iter().map(|name| String::from_utf8_lossy(name).trim_start_matches('\u{feff}').trim().to_owned()).collect();
    let columns = Columns::of(register, &names).map_err(|reason| wrong(1, reason))?;
    let width = names.len().max(usual_width(&text));
    let mut people: BTreeMap<String, RegisterEntry> = BTreeMap::new();
    let mut notes = Vec::new();
    for record in reader.byte_records() {
        let record =
            record.map_err(|error| wrong(error.position().map_or(0, csv::Position::line), "the line is no CSV; quote fields that hold commas".to_owned()))?;
        let mut note = |what: &str| notes.push(format!("{path} line {}: {what}", record.position().map_or(0, csv::Position::line)));
        let mut entry = match columns.entry(&record) {
            Ok(entry) => entry,
            Err(why) => {
                note(why);
                continue;
            }
        };
        if record.len() > width || record.iter().skip(names.len()).any(|field| !field.trim_ascii().is_empty()) {
            note("more fields than columns: some stand in the wrong place, and the letter waits; quote fields that hold commas");
            entry.doubt = Some(LineDoubt::TooManyFields);
        }
        match people.get_mut(&entry.key) {
            None => {
                people.insert(entry.key.clone(), entry);
            }
            Some(known) if *known == entry => note("an earlier line again"),
            Some(known) => {
                note("the key of an earlier line, with other values: nobody knows which are right, and the letter waits");
                known.doubt.get_or_insert(LineDoubt::TwoLines);
                if known.standing() != entry.standing() {
                    known.means = Some(Status::Unclear);
                }
            }
        }
    }
    notes.truncate(100);
    Ok((people, notes))
}

/// How many fields most lines have: some programs end each line, but the first, with a comma.
fn usual_width(text: &str) -> usize {
    let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
    let mut reader = csv::ReaderBuilder::new().flexible(true).delimiter(delimiter(text)).from_reader(text.as_bytes());
    reader.byte_records().flatten().for_each(|record| *counts.entry(record.len()).or_default() += 1);
    counts.into_iter().rev().max_by_key(|(_, lines)| *lines).map_or(0, |(width, _)| width)
}

/// Where a register has what, by the place of the column; and what its words mean.
struct Columns<'r> {
    register: &'r Register,
    key: usize,
    names: Vec<(String, usize)>,
    email: Option<usize>,
    email_agreed: Option<usize>,
    phone: Option<usize>,
    postal_address: Option<usize>,
    language: Option<usize>,
    status: Option<usize>,
    law: Option<usize>,
    of: Option<usize>,
    laws_of: BTreeMap<String, Vec<String>>,
    meanings: BTreeMap<String, Status>,
}

impl<'r> Columns<'r> {
    /// Finds them among the names of the first line; or which is not there.
    fn of(register: &'r Register, names: &[String]) -> Result<Self, String> {
        let column = |wanted: &str| {
            names.iter().position(|name| name == wanted).ok_or_else(|| {
                let nearest = strandline_estate::nearest(wanted, names.iter().map(String::as_str));
                let hint = nearest.map(|right| format!("; did you mean {right:?}?")).unwrap_or_default();
                format!("the register has no column {wanted:?}{hint}")
            })
        };
        let optional = |wanted: &Option<String>| wanted.as_deref().map(column).transpose();
        Ok(Self {
            register,
            key: column(&register.key)?,
            names: register.name.iter().map(|(tag, name)| Ok((tag.clone(), column(name)?))).collect::<Result<_, String>>()?,
            email: optional(&register.email)?,
            email_agreed: optional(&register.email_agreed)?,
            phone: optional(&register.phone)?,
            postal_address: optional(&register.postal_address)?,
            language: optional(&register.language)?,
            status: optional(&register.status)?,
            law: optional(&register.law)?,
            of: optional(&register.of)?,
            laws_of: register.laws.iter().map(|(word, ids)| (word.trim().to_lowercase(), words_of(ids))).collect(),
            meanings: register.statuses.iter().map(|(word, means)| (word.trim().to_lowercase(), Status::of(means))).collect(),
        })
    }

    /// The person of a line; or why there is none.
    fn entry(&self, record: &csv::ByteRecord) -> Result<RegisterEntry, &'static str> {
        let field = |column: usize| record.get(column).map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned()).filter(|text| !text.is_empty());
        let personal = |column: Option<usize>| column.and_then(&field).map(Personal::new);
        let key = field(self.key).ok_or("no key; the line was left out")?;
        let about = self.register.about.as_ref();
        // Keys of other people are a namespace of their own: nobody is taken for a subject of the same number.
        let key = about.map_or(key.clone(), |about| format!("{about}:{key}"));
        let belongs_to = about.zip(self.of.and_then(&field)).map(|(about, subject)| BelongsTo { about: about.clone(), subject });
        if about.is_some() && belongs_to.is_none() {
            return Err("it does not say whose data this person's stands with; the line was left out");
        }
        let status = self.status.and_then(&field);
        let laws = |word: String| self.laws_of.get(&word.to_lowercase()).cloned().unwrap_or_else(|| words_of(&word));
        Ok(RegisterEntry {
            key,
            names: self.names.iter().filter_map(|(tag, column)| Some((tag.clone(), Personal::new(field(*column)?)))).collect(),
            email: personal(self.email),
            email_agreed: self.email_agreed.and_then(&field).is_some_and(|word| is_yes(&word)),
            phone: personal(self.phone),
            postal_address: personal(self.postal_address),
            language: self.language.and_then(&field),
            means: status.as_deref().and_then(|word| self.meanings.get(&word.to_lowercase()).copied()),
            status,
            laws: self.law.and_then(&field).map(laws),
            given: None,
            belongs_to,
            reader: None,
            doubt: None,
        })
    }
}

/// Ids that stand side by side.
fn words_of(ids: &str) -> Vec<String> {
    ids.split([' ', ',', ';', '/', '+']).map(str::trim).filter(|id| !id.is_empty()).map(str::to_lowercase).collect()
}

/// Words by which registers say that somebody agreed.
fn is_yes(word: &str) -> bool {
    ["yes", "y", "true", "1", "agreed", "consented", "是", "同意"].contains(&word.to_lowercase().as_str())
}

/// Longer than any register of people.
const BYTES_LIMIT: u64 = 4 << 30;

/// The register's text: UTF-8 and UTF-16 by themselves, other encodings where the estate names them. A guess would put wrong names on
/// letters, so none is made.
fn decoded(named: Option<&str>, mut bytes: Box<dyn Read + '_>) -> Result<String, (u64, String)> {
    let mut read = Vec::new();
    bytes.by_ref().take(BYTES_LIMIT).read_to_end(&mut read).map_err(|error| (0, format!("it cannot be read: {error}")))?;
    let line_of = |at: usize| 1 + read[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
    let encoding = match named {
        Some(name) => {
            Encoding::for_label(name.as_bytes()).ok_or_else(|| (0, format!("[register] encoding {name:?} is none that is known: big5, gbk, windows-1252 …")))?
        }
        None => Encoding::for_bom(&read).map_or(UTF_8, |(encoding, _)| encoding),
    };
    if encoding == UTF_8 {
        let way_out = "the register is not in UTF-8: say what it is in, [register] encoding = \"big5\" (or gbk, windows-1252, utf-16le …), or save it as UTF-8";
        // UTF-16 has a NUL in every name of a column; one in somebody's cell is a mistake there.
        let in_utf_16 = |text: &str| text.lines().next().is_some_and(|first| first.contains('\0'));
        return match std::str::from_utf8(&read) {
            Ok(text) if !in_utf_16(text) => Ok(text.trim_start_matches('\u{feff}').to_owned()),
            Ok(_) => Err((1, way_out.to_owned())),
            Err(error) => Err((line_of(error.valid_up_to()), way_out.to_owned())),
        };
    }
    let (text, _, has_errors) = encoding.decode(&read);
    match has_errors {
        false => Ok(text.into_owned()),
        true => {
            let line = 1 + text.split('\u{fffd}').next().unwrap_or_default().matches('\n').count() as u64;
            Err((line, format!("a byte here is none of {}: say another [register] encoding", encoding.name())))
        }
    }
}

/// What parts the columns: the sign that stands most often in the first line. Spreadsheets write semicolons where a comma is decimal.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |sign: u8| first.bytes().filter(|byte| *byte == sign).count();
    [b',', b';', b'\t', b'|'].into_iter().rev().max_by_key(|sign| count(*sign)).filter(|sign| count(*sign) > 0).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(csv: &str, expected: Result<(usize, usize), &str>) {
        check_bytes(csv.as_bytes(), None, expected);
    }

    fn check_bytes(csv: &[u8], encoding: Option<&str>, expected: Result<(usize, usize), &str>) {
        let register = Register {
            file: "r.csv".into(),
            encoding: encoding.map(str::to_owned),
            key: "no".into(),
            name: BTreeMap::from([("en".into(), "name".into())]),
            email: Some("email".into()),
            email_agreed: None,
            phone: None,
            postal_address: None,
            language: None,
            status: None,
            statuses: BTreeMap::new(),
            law: None,
            laws: BTreeMap::new(),
            about: None,
            of: None,
        };
        let got = read(&register, "r.csv", Box::new(csv)).map(|(people, notes)| (people.len(), notes.len())).map_err(|e| e.to_string());
        match (got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected),
            (Err(got), Err(expected)) => assert!(got.contains(expected), "{got}"),
            (got, expected) => panic!("{got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn a_register_in_another_encoding_is_read_or_refused_with_the_reason() {
        let big5 = b"no,name,email\n1,\xb3\xaf\xa4j\xa4\xe5,a@b.c\n";
        check_bytes(big5, Some("big5"), Ok((1, 0)));
        check_bytes(big5, None, Err("r.csv line 2: the register is not in UTF-8"));
        check_bytes(b"no,name,email\n1,A\xff\xffB,\n", Some("big5"), Err("line 2: a byte here is none of Big5"));
        check_bytes(big5, Some("klingon"), Err("none that is known"));
        check_bytes(b"no;name;email\r\n1;M\xfcller, Ann;\r\n", Some("windows-1252"), Ok((1, 0)));
        let utf16: Vec<u8> = "\u{feff}no\tname\temail\n1\tA\t\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        check_bytes(&utf16, None, Ok((1, 0)));
        check_bytes(&utf16[2..], None, Err("line 1: the register is not in UTF-8"));
        check("no;name;email\n1;\"A; B\";a@b.c\n", Ok((1, 0)));
    }

    #[test]
    fn a_register_names_its_mistakes_by_line() {
        check("\u{feff}no,name,email\n1,\"A, B\",a@b.c\n2,C,\n", Ok((2, 0)));
        check("no,name,email\n1,A,\n1,B,\n,C,\n", Ok((1, 2)));
        check("no,name,email\n1,A\0,\n", Ok((1, 0)));
        check("no,name,email\n1,A,a@b.c\n2,B, C,\n", Ok((2, 1)));
        check("no,name,email\n1,A,,\n2,B,,\n3,C, D,,\n", Ok((3, 1)));
        check("no,name,email\n1,A,\n1,A,\n1,A,a@b.c\n", Ok((1, 2)));
        check("no,nmae,email\n1,A,\n", Err("did you mean \"nmae\"?"));
        check("", Err("line 1"));
    }
}
