//! The register, read from its sealed copy.

use std::collections::BTreeMap;
use std::io::Read;

use strandline_model::estate::Register;
use strandline_model::personal::Personal;
use strandline_model::register::{RegisterEntry, Status};

use crate::error::ResponseError;

/// Reads a register. Entries come by key; a key that stands twice keeps its first line and is reported.
///
/// # Errors
/// The line and what is wrong with it, never a value.
pub fn read(register: &Register, path: &str, bytes: Box<dyn Read + '_>) -> Result<(BTreeMap<String, RegisterEntry>, Vec<String>), ResponseError> {
    let wrong = |line: u64, reason: String| ResponseError::Register { path: path.to_owned(), line, reason };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let headers = reader.byte_headers().map_err(|_| wrong(1, "the first line must hold the column names".to_owned()))?.clone();
    let names: Vec<String> = headers.iter().map(|name| String::from_utf8_lossy(name).trim_start_matches('\u{feff}').trim().to_owned()).collect();
    let column = |wanted: &str| {
        names.iter().position(|name| name == wanted).ok_or_else(|| {
            let hint =
                strandline_estate::nearest(wanted, names.iter().map(String::as_str)).map(|right| format!("; did you mean {right:?}?")).unwrap_or_default();
            wrong(1, format!("the register has no column {wanted:?}{hint}"))
        })
    };
    let optional = |wanted: &Option<String>| wanted.as_deref().map(column).transpose();
    let key = column(&register.key)?;
    let languages: Vec<(String, usize)> = register.name.iter().map(|(tag, name)| Ok((tag.clone(), column(name)?))).collect::<Result<_, ResponseError>>()?;
    let (email, phone, address) = (optional(&register.email)?, optional(&register.phone)?, optional(&register.postal_address)?);
    let (language, status) = (optional(&register.language)?, optional(&register.status)?);

    let meanings: BTreeMap<String, Status> = register.statuses.iter().map(|(word, means)| (word.trim().to_lowercase(), Status::of(means))).collect();
    let mut people = BTreeMap::new();
    let mut notes = Vec::new();
    for record in reader.byte_records() {
        let record =
            record.map_err(|error| wrong(error.position().map_or(0, csv::Position::line), "the line is no CSV; quote fields that hold commas".to_owned()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |column: usize| record.get(column).map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned()).filter(|text| !text.is_empty());
        let personal = |column: Option<usize>| column.and_then(&field).map(Personal::new);
        let Some(key) = field(key) else {
            notes.push(format!("{path} line {line}: no key; the line was left out"));
            continue;
        };
        let status = status.and_then(&field);
        let entry = RegisterEntry {
            key: key.clone(),
            names: languages.iter().filter_map(|(tag, column)| Some((tag.clone(), Personal::new(field(*column)?)))).collect(),
            email: personal(email),
            phone: personal(phone),
            postal_address: personal(address),
            language: language.and_then(&field),
            means: status.as_deref().and_then(|word| meanings.get(&word.to_lowercase()).copied()),
            status,
            reader: None,
        };
        if people.contains_key(&key) {
            notes.push(format!("{path} line {line}: the key of an earlier line; the first one counts"));
            continue;
        }
        people.insert(key, entry);
    }
    notes.truncate(100);
    Ok((people, notes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(csv: &str, expected: Result<(usize, usize), &str>) {
        let register = Register {
            file: "r.csv".into(),
            key: "no".into(),
            name: BTreeMap::from([("en".into(), "name".into())]),
            email: Some("email".into()),
            phone: None,
            postal_address: None,
            language: None,
            status: None,
            statuses: BTreeMap::new(),
        };
        let got = read(&register, "r.csv", Box::new(csv.as_bytes())).map(|(people, notes)| (people.len(), notes.len())).map_err(|e| e.to_string());
        match (got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected),
            (Err(got), Err(expected)) => assert!(got.contains(expected), "{got}"),
            (got, expected) => panic!("{got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn a_register_names_its_mistakes_by_line() {
        check("\u{feff}no,name,email\n1,\"A, B\",a@b.c\n2,C,\n", Ok((2, 0)));
        check("no,name,email\n1,A,\n1,B,\n,C,\n", Ok((1, 2)));
        check("no,nmae,email\n1,A,\n", Err("did you mean \"nmae\"?"));
        check("", Err("line 1"));
    }
}
