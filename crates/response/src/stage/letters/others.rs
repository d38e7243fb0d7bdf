//! Other people of whom a subject's records tell: next of kin, referees, dependants. They are data subjects too. Who stands in a register
//! of their kind gets a letter of their own; the subject is asked to tell the others.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use strandline_model::exposure::Exposure;

use crate::run::Response;
use crate::stage::letters::drafting::People;

/// What is known of other people.
pub struct Others {
    /// Columns (`schema.table.`) of tables that tell of them, by what they are.
    tables: BTreeMap<String, Vec<String>>,
    /// Categories of those tables, sorted.
    categories: BTreeMap<String, Vec<String>>,
    /// Their keys in a register of their own, by the subject's key and what they are.
    registered: BTreeMap<(String, String), Vec<String>>,
}

/// Those whom one subject's exposures are about beside the subject.
#[derive(Default)]
pub struct Beside {
    /// Who has a letter of their own, and what it tells.
    pub letters: Vec<(String, Vec<Exposure>)>,
    /// What the others are, whom the subject is asked to tell.
    pub through: Vec<String>,
}

/// How many there are, by what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OthersCount {
    /// People who get a letter of their own.
    pub letters: u64,
    /// Subjects who are asked to tell theirs.
    pub through: u64,
}

impl Others {
    /// Those of the case.
    pub fn of(response: &Response<'_>, people: &People) -> Self {
        let (mut tables, mut categories) = (BTreeMap::<String, Vec<String>>::new(), BTreeMap::<String, BTreeSet<String>>::new());
        for (table, about) in response.estate.tables.iter().filter_map(|table| Some((table, table.about.as_ref()?))) {
            tables.entry(about.clone()).or_default().push(format!("{}.", table.name));
            categories.entry(about.clone()).or_default().extend(table.all_categories().cloned());
        }
        let mut registered: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for (key, belongs) in people.iter().filter_map(|(key, entry)| Some((key, entry.belongs_to.as_ref()?))) {
            registered.entry((belongs.subject.clone(), belongs.about.clone())).or_default().push(key.clone());
        }
        Self { tables, categories: categories.into_iter().map(|(about, all)| (about, all.into_iter().collect())).collect(), registered }
    }

    /// The categories that tables hold of such people.
    pub fn categories(&self, about: &str) -> &[String] {
        self.categories.get(about).map_or(&[], Vec::as_slice)
    }

    /// Whom these exposures of one subject are about beside the subject.
    pub fn beside(&self, subject: &str, exposures: &[Exposure]) -> Beside {
        let mut beside = Beside::default();
        for (about, tables) in &self.tables {
            let is_theirs = |column: &String| tables.iter().any(|table| column.starts_with(table.as_str()));
            let theirs: Vec<&Exposure> = exposures.iter().filter(|exposure| exposure.columns.iter().any(is_theirs)).collect();
            if theirs.is_empty() {
                continue;
            }
            match self.registered.get(&(subject.to_owned(), about.clone())) {
                None => beside.through.push(about.clone()),
                Some(keys) => beside.letters.extend(keys.iter().map(|key| {
                    let own = |exposure: &&Exposure| {
                        let columns = exposure.columns.iter().filter(|column| is_theirs(column)).cloned().collect();
                        Exposure { data_subject: key.clone(), columns, ..(*exposure).clone() }
                    };
                    (key.clone(), theirs.iter().map(own).collect())
                })),
            }
        }
        beside
    }
}

#[cfg(test)]
mod tests {
    use strandline_model::exposure::{Basis, Certainty};
    use strandline_model::time::Instant;

    use super::*;

    fn exposure(category: &str, columns: &[&str]) -> Exposure {
        Exposure {
            data_subject: "P1".into(),
            category: category.into(),
            basis: Basis::Disclosed,
            certainty: Certainty::Confirmed,
            first_seen: Instant(1),
            last_seen: Instant(1),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            accesses: vec![],
            access_count: 1,
            missing_proof: None,
            proof: vec![],
        }
    }

    #[test]
    fn who_has_a_register_gets_a_letter_of_their_own_and_the_subject_tells_the_others() {
        let others = Others {
            tables: BTreeMap::from([("kin".into(), vec!["hr.kin.".into()]), ("referee".into(), vec!["hr.referees.".into()])]),
            categories: BTreeMap::new(),
            registered: BTreeMap::from([(("P1".into(), "kin".into()), vec!["kin:7".into()])]),
        };
        let seen = [exposure("name", &["hr.kin.name", "hr.staff.name"]), exposure("phone", &["hr.referees.phone"]), exposure("email", &["hr.kinship.email"])];
        let beside = others.beside("P1", &seen);
        let letters: Vec<_> =
            beside.letters.iter().map(|(key, theirs)| (key.as_str(), theirs.len(), theirs[0].columns.clone(), &theirs[0].data_subject)).collect();
        assert_eq!(letters, [("kin:7", 1, vec!["hr.kin.name".to_owned()], &"kin:7".to_owned())]);
        assert_eq!(beside.through, ["referee"]);
        assert_eq!(others.beside("P2", &seen).through, ["kin", "referee"]);
        assert!(others.beside("P1", &seen[2..]).through.is_empty(), "a table of another name is another table");
    }
}
