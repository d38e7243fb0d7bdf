//! Tables of keys and values: a column whose values are of another kind in each row, as a column beside it says. An estate gives a
//! column one category, so that what each kind holds is said for whoever corrects the draft, and decides only where one word fits all.

use std::collections::BTreeSet;

use strandline_model::sketch::{ByType, ColumnSketch, TableSketch};

use super::columns::{Category, own_category};
use super::printable;

/// Kinds by which somebody is reached: one word is for all of them.
const OF_CONTACT: &[&str] = &["email", "phone", "address", "contact"];

/// What the rows of one type hold.
fn category(by_type: &ByType, at: usize) -> Option<(&'static str, String)> {
    let (name, rows, samples) = by_type.values.get(at)?.clone();
    let distinct = samples.expose_personal().len() as u64;
    own_category(&ColumnSketch { name, filled: rows, distinct, samples, ..ColumnSketch::default() }, None)
}

/// The one category that fits the values of every type, if there is one.
pub(super) fn one_for_all(column: &ColumnSketch, table: &TableSketch) -> Option<Category> {
    let by_type = table.by_type.iter().find(|by_type| by_type.value == column.name)?;
    let told: Option<BTreeSet<&'static str>> = (0..by_type.values.len()).map(|at| Some(category(by_type, at)?.0)).collect();
    let told = told.filter(|told| told.iter().all(|category| OF_CONTACT.contains(category)))?;
    let name = if told.len() == 1 { told.first()? } else { "contact" };
    Some(Category { name, why: format!("by what {} says of each row", printable(&by_type.of)), is_sure: false })
}

/// A comment for each column whose values are of several kinds.
pub(super) fn comments(table: &TableSketch) -> Vec<String> {
    let line = |by_type: &ByType| {
        let parts = by_type.values.iter().enumerate().map(|(at, (name, rows, _))| {
            let holds = category(by_type, at).map_or("not told", |(category, _)| category);
            format!("{} ({rows} rows): {holds}", printable(name))
        });
        format!(
            "# {} holds by {}: {}. Letters name one category for all of it.",
            printable(&by_type.value),
            printable(&by_type.of),
            parts.collect::<Vec<_>>().join(", ")
        )
    };
    table.by_type.iter().map(line).collect()
}
