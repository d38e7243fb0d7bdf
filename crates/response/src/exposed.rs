//! The exposures of a case, one person at a time, and how many people stand at each tier.

use std::collections::BTreeMap;

use strandline_case::Case;
use strandline_model::exposure::{Certainty, Exposure};
use strandline_model::register::RegisterEntry;
use strandline_model::table::{Row, Scan};

use crate::error::ResponseError;
use crate::run::Tiers;

/// Hands over all exposures of one person after another. The table is sorted by person, so one person is held at a time.
///
/// # Errors
/// If the table cannot be read, or what `visit` says.
pub fn each_person(case: &Case, visit: &mut dyn FnMut(&[Exposure]) -> Result<(), ResponseError>) -> Result<(), ResponseError> {
    let mut current: Vec<Exposure> = Vec::new();
    for batch in case.scan(Exposure::TABLE).scan(&[])? {
        for exposure in Exposure::from_batch(&batch?)? {
            if current.first().is_some_and(|first| first.data_subject != exposure.data_subject) {
                visit(&current)?;
                current.clear();
            }
            current.push(exposure);
        }
    }
    if current.is_empty() { Ok(()) } else { visit(&current) }
}

/// The strongest tier among some exposures.
pub fn strongest<'e>(exposures: impl IntoIterator<Item = &'e Exposure>) -> Option<Certainty> {
    exposures.into_iter().map(|exposure| exposure.certainty).max()
}

/// How many people of the register stand in a tier.
///
/// # Errors
/// If the table cannot be read.
pub fn of_register(case: &Case, people: &BTreeMap<String, RegisterEntry>) -> Result<u64, ResponseError> {
    let mut count = 0;
    each_person(case, &mut |exposures| {
        count += u64::from(people.contains_key(&exposures[0].data_subject));
        Ok(())
    })?;
    Ok(count)
}

/// People by their strongest tier.
///
/// # Errors
/// If the table cannot be read.
pub fn tiers(case: &Case) -> Result<Tiers, ResponseError> {
    let mut tiers = Tiers::default();
    each_person(case, &mut |exposures| {
        match strongest(exposures) {
            Some(Certainty::Confirmed) => tiers.confirmed += 1,
            Some(Certainty::Likely) => tiers.likely += 1,
            Some(Certainty::Possible) => tiers.possible += 1,
            None => {}
        }
        Ok(())
    })?;
    Ok(tiers)
}
