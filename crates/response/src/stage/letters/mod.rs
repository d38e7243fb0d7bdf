//! Letters: one draft a person, in the person's language, and an index of them. Nothing is sent.

mod codes;
mod drafting;
mod index;

use std::collections::{BTreeMap, BTreeSet};

use strandline_case::{Inputs, StoredFile};
use strandline_notice::duties::TierCounts;
use strandline_notice::letter::lint::{Finding, Rule, Strangers, lint};
use strandline_notice::letter::{Kind, Said, Templates};

pub use codes::Codes;
pub use drafting::People;
pub use drafting::{Committed, Drafting, Reassurance, described_categories};
use drafting::{Drafted, laws_of, text_of};
use index::INDEX;
pub use index::{IndexedLetter, file_stem, index};

use crate::clearance::open_questions;
use crate::duties::{add, decisions};
use crate::error::ResponseError;
use crate::exposed::strongest;
use crate::letter_words::Addressees;
use crate::run::{Made, Response};
use crate::stage::print;
use crate::store::{self, ManyFiles};

/// Keeps the organisation's templates as a stage of their own, once they are without mistakes.
pub fn use_templates(response: &mut Response<'_>, files: &[(String, String)]) -> Result<(), ResponseError> {
    Templates::read(files, &response.estate.organisation.regimes)?;
    let mut inputs = response.inputs();
    for (path, text) in files {
        inputs.insert_setting(format!("templates/{path}"), text);
    }
    response.run_stage("templates", inputs, |response, _| {
        let file = store::write_json(&response.case, store::TEMPLATES, &files)?;
        Ok(Made { files: vec![file], ..Made::default() })
    })
}

/// What the letters stand on; and, first, the digest of what all of them stand on beside the words on single letters.
fn inputs(response: &Response<'_>, addressees: &Addressees) -> Result<(String, Inputs), ResponseError> {
    let mut inputs = response.inputs_after(&["trace", "expose", "templates"]);
    for artefact in response.custody()? {
        inputs.insert(format!("evidence/{}", artefact.sha256), artefact.sha256.clone());
    }
    if let Some(entry) = Said::of(&decisions(&response.case)?).last_entry {
        inputs.insert_setting("decisions", &entry.to_string());
    }
    let basis = inputs.digest();
    if let Some(entry) = addressees.last_entry {
        inputs.insert_setting("letter_decisions", &entry.to_string());
    }
    Ok((basis, inputs))
}

/// Whether the letters, if there are any, are what the case says now.
pub fn are_current(response: &Response<'_>) -> Result<bool, ResponseError> {
    if response.case.manifest().stages.get("letters").is_none_or(|record| record.files.is_empty()) {
        return Ok(true);
    }
    let (_, inputs) = inputs(response, &Addressees::of(response)?)?;
    Ok(response.case.stage_is_current("letters", &inputs))
}

/// Drafts the letters.
pub fn run(response: &mut Response<'_>) -> Result<(), ResponseError> {
    response.needs("expose", "exposures", "expose")?;
    let addressees = Addressees::of(response)?;
    response.outcome.people = addressees.people.len() as u64;
    let (basis, inputs) = inputs(response, &addressees)?;
    response.run_stage("letters", inputs, |response, author| {
        for note in &addressees.notes {
            response.watcher.note(note);
        }
        let drafted = Drafted::now_or_then(response, basis, author.time)?;
        Ok(Made { files: write_all(response, addressees, drafted)?, ..Made::default() })
    })?;
    let drafted = response.case.manifest().stages.get("letters").is_some_and(|record| !record.files.is_empty());
    for letter in if drafted { index(response)? } else { Vec::new() } {
        let reassures = letter.kind == Kind::NotReached.as_str();
        response.outcome.letters += u64::from(!reassures);
        response.outcome.reassurances += u64::from(reassures);
    }
    Ok(())
}

fn write_all(response: &mut Response<'_>, addressees: Addressees, drafted: Drafted) -> Result<Vec<StoredFile>, ResponseError> {
    let Some(mut drafting) = Drafting::new(response, addressees, drafted.at)? else { return Ok(Vec::new()) };
    let reassurance = drafting.reassurance(response);
    let mut files = ManyFiles::of("letters");
    let mut index = csv::Writer::from_writer(Vec::new());
    let (mut held, total) = (0_u64, drafting.people.len() as u64);
    let regimes = response.estate.organisation.regimes.clone();
    let mut under: BTreeMap<String, TierCounts> = regimes.iter().map(|id| (id.clone(), TierCounts::default())).collect();
    drafting.each_new_letter(&response.case, reassurance, response.settings.random, &mut |letter, recipient| {
        if let Some(tier) = strongest(recipient.exposures) {
            let laws = laws_of(recipient.entry, &regimes);
            under.iter_mut().filter(|(id, _)| laws.contains(id)).for_each(|(_, counts)| add(counts, tier));
        }
        held += u64::from(letter.is_held());
        index.serialize(IndexedLetter::of(&letter)).expect("memory takes every record of texts");
        files.add(&response.case, format!("{}.txt", file_stem(&letter.data_subject)), &text_of(&letter))?;
        response.watcher.progress(files.len(), total, "letters");
        Ok(())
    })?;
    if held > 0 {
        response.watcher.note(&format!("{held} letters wait for a person's decision: see {}/{}", INDEX.0, INDEX.1));
    }
    if reassurance == Reassurance::NotCleared {
        for question in open_questions(&response.case)? {
            response.watcher.note(&format!("nobody can be told yet that they were not reached: {}; {}", question.told(), question.hint));
        }
    }
    let mut files = files.finish()?;
    let bytes = index.into_inner().expect("memory can be flushed");
    files.push(store::write(&response.case, INDEX.0, INDEX.1, &bytes)?);
    files.push(drafting.codes.store(&response.case)?);
    files.push(store::write_json(&response.case, store::LETTERS, &drafted)?);
    // Without a word of the register everybody is meant by every law: what `duties` says by itself.
    if response.estate.register.as_ref().is_some_and(|register| register.law.is_some()) {
        files.push(store::write_json(&response.case, store::LAWS, &under)?);
    }
    Ok(files)
}

/// Judges the committed letters: each is drafted again as of its day and must be what was committed, and what its reader gets is
/// read by the rules of the lint. Held letters are left out: a person writes those.
///
/// # Errors
/// If there are no letters yet, or a table or file cannot be read.
pub fn lint_all(response: &mut Response<'_>) -> Result<Vec<(String, Finding)>, ResponseError> {
    let Some((drafting, committed)) = Drafting::again(response)? else { return Ok(Vec::new()) };
    let reassurance = drafting.reassurance(response);
    let strangers = Strangers::of(drafting.people.values(), &drafting.facts_of(None), &drafting.templates);
    let mut findings: Vec<(String, Finding)> = Vec::new();
    let held: BTreeSet<String> = index(response)?.into_iter().filter(IndexedLetter::is_held).map(|letter| letter.data_subject).collect();
    let printed = print::current(response)?.map(|printed| printed.findings).unwrap_or_default();
    for printed in printed.into_iter().filter(|printed| !held.contains(&printed.data_subject)) {
        if printed.window {
            findings.push((printed.data_subject, Finding { rule: Rule::Window, place: "the printed letter".to_owned(), problem: printed.problem }));
        } else if printed.pages.is_some() {
            findings.push((printed.data_subject, Finding { rule: Rule::Length, place: "the printed letter".to_owned(), problem: printed.problem }));
        }
    }
    let (mut done, total) = (0, committed.len());
    drafting.each_letter(&response.case, reassurance, &mut |letter, recipient| {
        if !committed.is(&letter) {
            let problem = "the committed text is not what the templates, the decisions and the exposures say now: run `strandline notify CASE draft`";
            findings.push((letter.data_subject.clone(), Finding { rule: Rule::MissingPart, place: "the letter".to_owned(), problem: problem.to_owned() }));
        } else if !letter.is_held() {
            let found = lint(&letter, recipient, &drafting.facts_of(recipient.entry), drafting.templates_of(recipient.entry), &strangers);
            findings.extend(found.into_iter().map(|finding| (letter.data_subject.clone(), finding)));
        }
        done += 1;
        if done % 64 == 0 {
            response.watcher.progress(done, total, "letters");
        }
        Ok(())
    })?;
    Ok(findings)
}
