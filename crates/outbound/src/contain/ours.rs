//! What of ours stands in a target that no case owns: what a lost case, another machine or a killed run left there.

use std::collections::BTreeMap;

use serde::Serialize;
use strandline_model::containment::Effect;

use super::error::ContainError;
use super::{Connector, Manner, Reach, connect};

/// Something that bears our mark in a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Ours {
    /// What it is, so that somebody finds it; of a session its beginning alone.
    pub what: String,
    /// Of which case, where the target can hold that.
    pub mark: Option<String>,
}

impl Ours {
    /// Without a case: the target cannot hold one.
    pub(super) fn bare(what: impl Into<String>) -> Self {
        Self { what: what.into(), mark: None }
    }

    /// A line of a file that ends with the mark and the case.
    pub(super) fn line(line: &str) -> Option<Self> {
        let (_, mark) = line.split_once(MARK)?;
        Some(Self { what: line.trim().to_owned(), mark: Some(mark.trim().to_owned()) })
    }
}

/// What stands before the case in a line of ours.
pub(super) const MARK: &str = "# strandline ";

/// What of ours stands in each of these targets, without what these actions leave there while they are applied. Changes nothing.
pub fn strays(reaches: &BTreeMap<String, Reach>, manner: &Manner, applied: &[(String, Effect)]) -> BTreeMap<String, Result<Vec<Ours>, ContainError>> {
    let asked = reaches.iter().map(|(name, reach)| {
        let of_it = applied.iter().filter(|(target, _)| target == name).map(|(_, effect)| effect);
        (name.clone(), connect(reach, manner).and_then(|mut target| beyond(target.as_mut(), of_it)))
    });
    asked.collect()
}

fn beyond<'e>(target: &mut dyn Connector, applied: impl Iterator<Item = &'e Effect>) -> Result<Vec<Ours>, ContainError> {
    let mut found = target.ours()?;
    for effect in applied {
        let left = target.leaves(effect)?;
        found.retain(|one| !left.contains(&one.what));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Enough of a session to find it, and not enough to use it.
pub(super) fn beginning(session: &str) -> String {
    let begin: String = session.chars().take(8).collect();
    format!("{begin}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_ours_says_of_which_case_it_is() {
        let found = Ours::line("host all \"app\" 10.0.0.5/32 reject # strandline case 7").expect("ours");
        assert_eq!(found.mark.as_deref(), Some("case 7"));
        assert_eq!(Ours::line("host all all all reject # somebody's"), None);
        assert_eq!(beginning("0123456789abcdef"), "01234567…");
    }
}
