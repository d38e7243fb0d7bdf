//! One row a person: tiers by category, where the letter is, a name that is masked until somebody says why they look.

use std::collections::BTreeMap;

use strandline_case::{Case, Right, Role};
use strandline_model::exposure::{Certainty, Exposure};
use strandline_model::personal::Personal;
use strandline_model::register::RegisterEntry;
use strandline_model::time::Instant;

use super::act::DeskError;
use super::rights::allow;
use crate::error::ResponseError;
use crate::exposed::each_person;
use crate::run::{Response, Settings};
use crate::stage::expose::{others, register};

/// Characters of a handle: 64 bits of a salted digest.
const HANDLE_CHARS: usize = 16;

/// One person of the register or of the exposures.
#[derive(Clone, Debug)]
pub struct PersonRow {
    /// Names the person in an address line, and tells nothing to whoever has no salt of this case.
    pub handle: String,
    /// The key.
    pub data_subject: String,
    /// The name with all but its first letters covered; none where the register has no name.
    pub masked_name: Option<Personal<String>>,
    /// What the register says the person is: serving, left …
    pub status: Option<String>,
    /// The tier of each category, in the order of the overview's categories.
    pub cells: Vec<Option<Certainty>>,
    /// The highest of them.
    pub strongest: Option<Certainty>,
    /// For each tier (possible, likely, confirmed), when the person first reached it.
    pub first: [Option<Instant>; 3],
    /// Whether the evidence proves that nothing of this person was shown.
    pub is_cleared: bool,
    /// Where the letter is: `drafted`, `held`, `accepted` …; none before there are letters.
    pub letter: Option<String>,
    /// Whether it is somebody of whom a person's records tell, such as next of kin, or who was written to and stands in no register any
    /// more: they have a letter, and stand in no tier.
    pub is_other: bool,
}

/// Whom a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeopleFilter {
    /// `confirmed`, `likely`, `possible`, `not_reached`, `not_known`; none: everybody.
    pub tier: Option<String>,
    /// With this category in that tier, or in any.
    pub category: Option<usize>,
    /// Whose letter is there.
    pub letter: Option<String>,
}

impl PeopleFilter {
    /// Whether somebody is shown.
    pub fn shows(&self, row: &PersonRow) -> bool {
        if row.is_other && (self.letter.is_none() || self.tier.is_some() || self.category.is_some()) {
            return false;
        }
        let tier = self.category.map_or(row.strongest, |category| row.cells.get(category).copied().flatten());
        let of_tier = match self.tier.as_deref() {
            None => self.category.is_none() || tier.is_some(),
            Some("not_reached") => tier.is_none() && row.is_cleared,
            Some("not_known") => row.strongest.is_none() && !row.is_cleared,
            Some(asked) => tier.is_some_and(|tier| tier.as_str() == asked),
        };
        of_tier && self.letter.as_ref().is_none_or(|asked| row.letter.as_ref() == Some(asked))
    }
}

/// A name of which the first letter of each part stands, and of a name without blanks the first sign.
pub fn mask_name(name: &str) -> String {
    let part = |part: &str| part.chars().next().map(|first| format!("{first}**")).unwrap_or_default();
    name.split_whitespace().map(part).collect::<Vec<_>>().join(" ")
}

/// A person's names as the register has them, by language. Whoever shows them has entered why before.
///
/// # Errors
/// If it is not the role's, there is no case, or its register cannot be read.
pub fn names_of(settings: &Settings<'_>, role: Role, data_subject: &str) -> Result<Vec<(String, Personal<String>)>, DeskError> {
    allow(role, Right::ShowName)?;
    let mut quiet = super::Quiet;
    let response = Response::look(settings, &mut quiet)?;
    let entry = match register(&response)?.0.remove(data_subject) {
        None => others(&response)?.0.remove(data_subject),
        entry => entry,
    };
    Ok(entry.map(|entry| entry.names.into_iter().collect()).unwrap_or_default())
}

/// What a list calls a person without naming them.
pub(super) fn handle(case: &Case, data_subject: &str) -> Result<String, ResponseError> {
    let mut digest = case.salted_digest(format!("person {data_subject}").as_bytes())?;
    digest.truncate(HANDLE_CHARS);
    Ok(digest)
}

/// Everybody, by key, and the categories in their order. Categories that the estate does not describe come last.
pub(super) fn rows(
    case: &Case,
    register: &BTreeMap<String, RegisterEntry>,
    categories: &mut Vec<String>,
) -> Result<BTreeMap<String, PersonRow>, ResponseError> {
    let mut rows = BTreeMap::new();
    for (key, entry) in register {
        rows.insert(key.clone(), empty_row(case, key, Some(entry))?);
    }
    each_person(case, &mut |exposures| {
        let Some(first) = exposures.first() else { return Ok(()) };
        let key = &first.data_subject;
        if !rows.contains_key(key) {
            rows.insert(key.clone(), empty_row(case, key, None)?);
        }
        if let Some(row) = rows.get_mut(key) {
            exposures.iter().for_each(|exposure| add(row, exposure, categories));
        }
        Ok(())
    })?;
    for row in rows.values_mut() {
        row.cells.resize(categories.len(), None);
        row.strongest = row.cells.iter().flatten().max().copied();
    }
    Ok(rows)
}

fn empty_row(case: &Case, key: &str, entry: Option<&RegisterEntry>) -> Result<PersonRow, ResponseError> {
    let name = entry.and_then(|entry| entry.names.values().next()).map(|name| Personal::new(mask_name(name.expose_personal())));
    Ok(PersonRow {
        handle: handle(case, key)?,
        data_subject: key.to_owned(),
        masked_name: name,
        status: entry.and_then(|entry| entry.status.clone()),
        cells: Vec::new(),
        strongest: None,
        first: [None; 3],
        is_cleared: false,
        letter: None,
        is_other: false,
    })
}

/// The row of somebody beside the people of the case, who stands in no tier.
pub(super) fn other_row(case: &Case, key: &str, entry: Option<&RegisterEntry>, cells: usize) -> Result<PersonRow, ResponseError> {
    Ok(PersonRow { cells: vec![None; cells], is_other: true, ..empty_row(case, key, entry)? })
}

fn add(row: &mut PersonRow, exposure: &Exposure, categories: &mut Vec<String>) {
    let column = categories.iter().position(|name| *name == exposure.category).unwrap_or_else(|| {
        categories.push(exposure.category.clone());
        categories.len() - 1
    });
    if row.cells.len() <= column {
        row.cells.resize(column + 1, None);
    }
    row.cells[column] = row.cells[column].max(Some(exposure.certainty));
    let tier = match exposure.certainty {
        Certainty::Possible => 0,
        Certainty::Likely => 1,
        Certainty::Confirmed => 2,
    };
    // Who is confirmed at an instant has been likely and possible since then, too.
    for first in &mut row.first[..=tier] {
        *first = Some(first.map_or(exposure.first_seen, |at| at.min(exposure.first_seen)));
    }
}

#[cfg(test)]
mod tests {
    use super::{PeopleFilter, PersonRow, mask_name};

    fn check(name: &str, expected: &str) {
        assert_eq!(mask_name(name), expected);
    }

    #[test]
    fn a_masked_name_keeps_first_letters_alone() {
        check("CHAN Tai Man", "C** T** M**");
        check("陳大文", "陳**");
        check("", "");
        check("<b>x", "<**");
    }

    #[test]
    fn somebody_beside_stands_in_the_list_of_letters_alone() {
        let row = PersonRow {
            handle: String::new(),
            data_subject: "kin:7".to_owned(),
            masked_name: None,
            status: None,
            cells: vec![None],
            strongest: None,
            first: [None; 3],
            is_cleared: false,
            letter: Some("held".to_owned()),
            is_other: true,
        };
        let filter =
            |tier: Option<&str>, category, letter: Option<&str>| PeopleFilter { tier: tier.map(str::to_owned), category, letter: letter.map(str::to_owned) };
        assert!(filter(None, None, Some("held")).shows(&row), "a held letter is not found");
        for (tier, category, letter) in [(None, None, None), (Some("not_known"), None, None), (None, Some(0), None), (None, None, Some("drafted"))] {
            assert!(!filter(tier, category, letter).shows(&row), "{tier:?} {category:?} {letter:?}");
        }
    }
}
