//! The letters as they left, `sent/`: each text is kept before it is queued, under the hash that it was approved by, and stays
//! whatever is drafted afterwards. So the desk reads to a caller what the caller holds, and a regulator sees what people were told.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use strandline_case::NewLetter;
use strandline_model::letter::LetterReference;
use strandline_model::time::Instant;
use strandline_notice::letter::Before;

use super::outbox::read_checked;
use super::plan::{LetterPlan, is_pdf};
use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::letters::{drafted_at, file_stem};
use crate::store::{self, ManyFiles};

/// The stage, and its folder in the case.
const STAGE: &str = "sent";
const INDEX: (&str, &str) = ("sent", "letters.csv");
/// What each sent letter told, so that a later round can say what is new.
const TOLD_NAME: &str = "told.json";
const SENT_TOLD: &str = "sent/told.json";

/// Characters of a letter's hash in the name of its file; `verify` looks for them.
const HASH_CHARS: usize = 16;

/// A letter as it was released: a line of `sent/letters.csv`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLetter {
    /// Names it.
    pub reference: LetterReference,
    /// Whose it is.
    pub data_subject: String,
    /// The round of letters.
    pub round: u32,
    /// SHA-256 over its files, as it was approved.
    pub letter_sha256: String,
    /// Its text, relative to the case folder.
    pub file: String,
    /// SHA-256 of the text.
    pub text_sha256: String,
    /// SHA-256 of its PDF, where it was printed.
    pub pdf_sha256: Option<String>,
    /// When it was put aside.
    pub kept_at: i64,
    /// When it was drafted: what it says of the next letter was decided then. Letters of older versions lack it.
    #[serde(default)]
    pub drafted_at: Option<i64>,
}

/// Every letter that was ever released, by reference, oldest first.
///
/// # Errors
/// If the list cannot be read.
pub fn kept_letters(response: &Response<'_>) -> Result<Vec<KeptLetter>, ResponseError> {
    if !response.case.manifest().stages.contains_key(STAGE) {
        return Ok(Vec::new());
    }
    let path = response.case.path().join(INDEX.0).join(INDEX.1);
    let bytes = std::fs::read(&path).map_err(|source| ResponseError::Read { path, source })?;
    let damaged = |_| ResponseError::Register {
        path: format!("{}/{}", INDEX.0, INDEX.1),
        line: 0,
        reason: "the list of sent letters is damaged: run `strandline verify`".to_owned(),
    };
    csv::Reader::from_reader(bytes.as_slice()).deserialize().collect::<Result<_, _>>().map_err(damaged)
}

/// Puts aside what is about to be queued and is not kept yet.
///
/// # Errors
/// If a letter is not what was approved, or the case cannot be written; then nothing is to be queued.
pub(super) fn keep(response: &mut Response<'_>, plan: &LetterPlan, queued: &[NewLetter], now: Instant) -> Result<(), ResponseError> {
    let mut kept = kept_letters(response)?;
    let known: BTreeSet<(&LetterReference, &str)> = kept.iter().map(|letter| (&letter.reference, letter.letter_sha256.as_str())).collect();
    let fresh: Vec<&NewLetter> = queued.iter().filter(|letter| !known.contains(&(&letter.reference, letter.letter_sha256.as_str()))).collect();
    if fresh.is_empty() {
        return Ok(());
    }
    let mut files = ManyFiles::of(INDEX.0);
    let mut added = Vec::new();
    let drafted_at = drafted_at(response)?;
    for (place, letter) in fresh.iter().enumerate() {
        let Some(planned) = plan.letters.get(&letter.reference) else { continue };
        let Some(text) = planned.files.iter().find(|file| file.file.ends_with(".txt")) else { continue };
        let bytes = read_checked(&response.case.path().join(&text.file), text)?;
        let name = format!("{}.{}.{}.txt", file_stem(&letter.data_subject), letter.round, &letter.letter_sha256[..HASH_CHARS]);
        added.push(KeptLetter {
            reference: letter.reference.clone(),
            data_subject: letter.data_subject.clone(),
            round: letter.round,
            letter_sha256: letter.letter_sha256.clone(),
            file: format!("{}/{name}", INDEX.0),
            text_sha256: text.sha256.clone(),
            pdf_sha256: planned.files.iter().find(|file| is_pdf(file)).map(|file| file.sha256.clone()),
            kept_at: now.0,
            drafted_at: drafted_at.map(|at| at.0),
        });
        files.add(&response.case, name, &bytes)?;
        response.watcher.progress(place as u64 + 1, fresh.len() as u64, "letters kept");
    }
    let told = told_with(response, &added)?;
    kept.extend(added);
    kept.sort_by(|a, b| (&a.reference, a.kept_at, &a.letter_sha256).cmp(&(&b.reference, b.kept_at, &b.letter_sha256)));
    commit(response, plan, &kept, (files, &told))
}

/// What every sent letter told, and these.
fn told_with(response: &Response<'_>, added: &[KeptLetter]) -> Result<BTreeMap<LetterReference, Before>, ResponseError> {
    let mut told = sent_told(response)?;
    let drafted: BTreeMap<String, Before> = store::read_json(&response.case, store::TOLD)?.unwrap_or_default();
    told.extend(added.iter().filter_map(|letter| Some((letter.reference.clone(), drafted.get(&letter.data_subject)?.clone()))));
    Ok(told)
}

/// What the letters that were ever released told, by reference.
///
/// # Errors
/// If the list cannot be read.
pub fn sent_told(response: &Response<'_>) -> Result<BTreeMap<LetterReference, Before>, ResponseError> {
    if !response.case.manifest().stages.contains_key(STAGE) {
        return Ok(BTreeMap::new());
    }
    Ok(store::read_json(&response.case, SENT_TOLD)?.unwrap_or_default())
}

fn commit(
    response: &mut Response<'_>,
    plan: &LetterPlan,
    kept: &[KeptLetter],
    (files, told): (ManyFiles, &BTreeMap<LetterReference, Before>),
) -> Result<(), ResponseError> {
    let mut index = csv::Writer::from_writer(Vec::new());
    kept.iter().for_each(|letter| index.serialize(letter).expect("memory takes every record of texts"));
    let bytes = index.into_inner().expect("memory can be flushed");
    let mut all = files.finish()?;
    let before = response.case.manifest().stages.get(STAGE).map(|record| record.files.clone()).unwrap_or_default();
    let of_index = format!("{}/{}", INDEX.0, INDEX.1);
    let fresh: BTreeSet<String> = all.iter().map(|file| file.file.clone()).chain([of_index, SENT_TOLD.to_owned()]).collect();
    all.extend(before.into_iter().filter(|file| !fresh.contains(&file.file)));
    all.push(store::write(&response.case, INDEX.0, INDEX.1, &bytes)?);
    let told = serde_json::to_vec(told).expect("names, tiers and times are JSON");
    all.push(store::write(&response.case, INDEX.0, TOLD_NAME, &told)?);
    let mut inputs = response.inputs();
    inputs.insert("letters", plan.sha256.clone());
    response.commit_files(STAGE, inputs, all)
}
