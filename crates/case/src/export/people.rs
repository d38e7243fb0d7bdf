//! `people.csv`: one line a person, from the register and from the data: what of theirs was exposed and whether they can be
//! reached. It says that there is an address, never which.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use strandline_model::exposure::{Basis, Certainty, Exposure};
use strandline_model::register::RegisterEntry;
use strandline_model::table::Scan;

use super::cell::{text, words};
use super::{ExportError, for_each_row};

const HEADER: [&str; 11] = ["data_subject", "highest_certainty", "confirmed", "likely", "possible", "email", "post", "phone", "language", "status", "flags"];

/// What `people.csv` is made from.
pub struct PeopleSources<'a> {
    /// The register, in any order.
    pub register: &'a mut dyn Iterator<Item = RegisterEntry>,
    /// Keys of everybody who is in the data, in any order, repeated or not; `None` where no snapshot was supplied, and then
    /// nobody is flagged `not_in_data`.
    pub data_subjects: Option<&'a mut dyn Iterator<Item = String>>,
    /// The exposures.
    pub exposures: &'a dyn Scan,
}

#[derive(Default)]
struct Person {
    in_register: bool,
    twice_in_register: bool,
    in_data: bool,
    email: bool,
    post: bool,
    phone: bool,
    language: Option<String>,
    status: Option<String>,
    /// Category (by number), tier, basis.
    cells: BTreeSet<(Certainty, u32, Basis)>,
}

/// Writes the people in order of their keys. Needs memory for each person, not for each exposure's proofs.
///
/// A person is flagged `no_email`, `no_address` (no e-mail, no post), `not_in_register`, `not_in_data`, `twice_in_register`.
///
/// # Errors
/// If the exposures cannot be read, or `out` does not take it.
pub fn write_people(out: &mut dyn Write, sources: PeopleSources<'_>) -> Result<(), ExportError> {
    let data_known = sources.data_subjects.is_some();
    let mut people: BTreeMap<String, Person> = BTreeMap::new();
    for entry in sources.register {
        register(people.entry(entry.key.clone()).or_default(), entry);
    }
    for key in sources.data_subjects.into_iter().flatten() {
        people.entry(key).or_default().in_data = true;
    }
    let mut categories: BTreeMap<String, u32> = BTreeMap::new();
    for_each_row(sources.exposures, |e: Exposure| {
        let next = categories.len() as u32;
        let category = *categories.entry(e.category).or_insert(next);
        let person = people.entry(e.data_subject).or_default();
        person.in_data = true;
        person.cells.insert((e.certainty, category, e.basis));
        Ok(())
    })?;
    let names: BTreeMap<u32, &str> = categories.iter().map(|(name, &number)| (number, name.as_str())).collect();
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(HEADER)?;
    for (key, person) in &people {
        let tier = |certainty| text(&cells_at(person, certainty, &names)).into_owned();
        let highest = person.cells.last().map_or("", |(certainty, ..)| certainty.as_str());
        csv.write_record([
            &*text(key),
            highest,
            &tier(Certainty::Confirmed),
            &tier(Certainty::Likely),
            &tier(Certainty::Possible),
            yes_or_no(person.email),
            yes_or_no(person.post),
            yes_or_no(person.phone),
            &text(person.language.as_deref().unwrap_or_default()),
            &text(person.status.as_deref().unwrap_or_default()),
            &flags(person, data_known),
        ])?;
    }
    csv.flush()?;
    Ok(())
}

fn register(person: &mut Person, entry: RegisterEntry) {
    person.twice_in_register = person.in_register;
    person.in_register = true;
    let filled = |field: &Option<strandline_model::personal::Personal<String>>| field.as_ref().is_some_and(|f| !f.expose_personal().trim().is_empty());
    person.email |= filled(&entry.email);
    person.post |= filled(&entry.postal_address);
    person.phone |= filled(&entry.phone);
    person.language = person.language.take().or(entry.language);
    person.status = person.status.take().or(entry.status);
}

/// Categories of one tier by name; those that can only be concluded are marked.
fn cells_at(person: &Person, wanted: Certainty, names: &BTreeMap<u32, &str>) -> String {
    let mut cells: Vec<String> = person
        .cells
        .iter()
        .filter(|(certainty, ..)| *certainty == wanted)
        .map(|(_, category, basis)| match basis {
            Basis::Disclosed => names[category].to_owned(),
            Basis::Inferred => format!("{}(inferred)", names[category]),
        })
        .collect();
    cells.sort();
    words(cells)
}

fn flags(person: &Person, data_known: bool) -> String {
    let flags = [
        ("no_email", person.in_register && !person.email),
        ("no_address", person.in_register && !person.email && !person.post),
        ("not_in_register", !person.in_register),
        ("not_in_data", data_known && !person.in_data),
        ("twice_in_register", person.twice_in_register),
    ];
    words(flags.into_iter().filter(|(_, set)| *set).map(|(flag, _)| flag))
}

fn yes_or_no(has: bool) -> &'static str {
    if has { "yes" } else { "no" }
}
