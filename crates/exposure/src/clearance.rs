//! What *not reached* rests on: every access of the trail was replayed without a person, or showed nobody for a reason that proves it.
//! One question that is open keeps everybody from being cleared.

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::access::Access;
use strandline_model::clearance::{Clearance, Question};
use strandline_model::evidence::EventRef;
use strandline_model::table::Row;
use strandline_model::time::Instant;

use crate::ExposureError;
use crate::nobody::{Nobody, Standing};
use crate::stage::Output;

/// Rows of an output batch.
const BATCH_ROWS: usize = 8192;
/// Log lines kept of a question's first access.
const KEPT_PROOFS: usize = 8;

/// The accesses that one question stands on.
struct Standings {
    count: i64,
    first: Instant,
    last: Instant,
    access: String,
    proof: Vec<EventRef>,
}

/// Collects, access by access, what speaks for and against a clearance.
#[derive(Default)]
pub(crate) struct Grounds {
    accesses: i64,
    replayed: i64,
    proved: BTreeMap<Nobody, i64>,
    open: BTreeMap<(Nobody, String), Standings>,
}

impl Grounds {
    /// One more access. `shows` says that it showed somebody, surely or not; `reasons` why parts of it showed nobody.
    pub(crate) fn take(&mut self, access: &Access, shows: bool, reasons: &BTreeSet<(Nobody, String)>) {
        self.accesses += 1;
        let is_replayed = shows || reasons.iter().any(|(reason, _)| matches!(reason, Nobody::ReplayedWithout));
        self.replayed += i64::from(is_replayed);
        for (reason, about) in reasons {
            match reason.standing() {
                Standing::Proved if is_replayed => {}
                Standing::Proved => *self.proved.entry(*reason).or_default() += 1,
                Standing::Open => self.stand(*reason, about, access),
            }
        }
    }

    fn stand(&mut self, reason: Nobody, about: &str, access: &Access) {
        let time = Instant(access.time.micros());
        let standing = self.open.entry((reason, about.to_owned())).or_insert_with(|| Standings {
            count: 0,
            first: time,
            last: time,
            access: access.id.clone(),
            proof: access.proof.iter().chain(&access.delivery).take(KEPT_PROOFS).cloned().collect(),
        });
        standing.count += 1;
        standing.first = standing.first.min(time);
        standing.last = standing.last.max(time);
    }

    /// What is open, those of the case first.
    pub(crate) fn questions(&self, of_the_case: Vec<Question>) -> Vec<Question> {
        let of_accesses = self.open.iter().map(|((reason, about), standing)| Question {
            reason: reason.as_str().to_owned(),
            sentence: reason.sentence().to_owned(),
            about: (!about.is_empty()).then(|| about.clone()),
            hint: reason.hint().to_owned(),
            accesses: standing.count,
            first: Some(standing.first),
            last: Some(standing.last),
            access: Some(standing.access.clone()),
            proof: standing.proof.clone(),
        });
        of_the_case.into_iter().chain(of_accesses).collect()
    }

    /// The clearances of `people`, sorted, in batches. Returns how many.
    pub(crate) fn clear(&self, people: &[&str], out: &mut dyn Output) -> Result<u64, ExposureError> {
        let reasons: Vec<String> = self.proved.iter().map(|(reason, count)| format!("{}: {count}", reason.sentence())).collect();
        for part in people.chunks(BATCH_ROWS) {
            let clearance =
                |key: &&str| Clearance { data_subject: (*key).to_owned(), accesses: self.accesses, replayed: self.replayed, reasons: reasons.clone() };
            let rows: Vec<Clearance> = part.iter().map(clearance).collect();
            let batch = Clearance::to_batch(&rows).map_err(|e| ExposureError::Write(Box::new(e)))?;
            out.clearances(batch).map_err(ExposureError::Write)?;
        }
        Ok(people.len() as u64)
    }
}

/// Keys by which the register and the data do not meet.
#[derive(Debug, Default)]
pub(crate) struct KeysApart<'k> {
    /// People of the register who are in no row, while somebody was exposed whom the register does not have: the same person, perhaps.
    pub(crate) uncleared: BTreeSet<&'k str>,
    strangers: usize,
}

impl KeysApart<'_> {
    /// The question, if there is one.
    pub(crate) fn question(&self) -> Option<Question> {
        let about = format!("{} exposed keys are not in the register; {} keys of the register are in no row of the data", self.strangers, self.uncleared.len());
        (!self.uncleared.is_empty()).then(|| {
            Question::of_the_case(
                "register_keys",
                "people of the register whose key is in no row of the data may be among those who were exposed under another key",
                Some(about),
                "compare `key` of [register] with `subject_key` of the tables in estate.toml: both must name people by the same number",
            )
        })
    }
}

/// Compares the keys of the register with those of the data. `exposed` are the keys that stand in a tier.
pub(crate) fn keys_apart<'k>(register: &'k [String], in_data: &BTreeSet<&str>, exposed: &BTreeSet<&str>) -> KeysApart<'k> {
    let known: BTreeSet<&str> = register.iter().map(String::as_str).collect();
    let strangers = exposed.iter().filter(|key| !known.contains(*key)).count();
    if strangers == 0 {
        return KeysApart::default();
    }
    KeysApart { uncleared: known.into_iter().filter(|key| !in_data.contains(key)).collect(), strangers }
}
