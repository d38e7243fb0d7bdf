//! Letters: one draft a person, in the person's language, and an index of them. Nothing is sent.

mod codes;
mod drafting;
mod index;
mod others;

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use strandline_case::{Inputs, StoredFile};
use strandline_model::personal::Personal;
use strandline_model::time::Instant;
use strandline_notice::duties::TierCounts;
use strandline_notice::letter::lint::{Finding, Rule, Strangers, lint};
use strandline_notice::letter::{Before, Kind, Recipient, Recounted, Said, Templates};

pub use codes::Codes;
use drafting::Drafted;
pub use drafting::People;
pub use drafting::{Committed, Drafting, Reassurance, described_categories, drafted_at, laws_of, text_of};
use index::INDEX;
pub use index::{IndexedLetter, file_stem, index};
pub use others::OthersCount;

use crate::clearance::open_questions;
use crate::duties::{add, decisions};
use crate::error::ResponseError;
use crate::exposed::strongest;
use crate::letter_words::Addressees;
use crate::run::{Made, Response};
use crate::stage::notify::{hexadecimal, kept_letters};
use crate::stage::print;
use crate::store::{self, ManyFiles};
use crate::support::Withdrawn;

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

/// Keeps the round that letters are drafted for: from the second on they say what is new.
pub fn use_round(response: &mut Response<'_>, round: u32) -> Result<(), ResponseError> {
    let mut inputs = response.inputs();
    inputs.insert_setting("round", &round.to_string());
    response.run_stage("round", inputs, |response, _| Ok(Made { files: vec![store::write_json(&response.case, store::ROUND, &round)?], ..Made::default() }))
}

/// Keeps the values that a file gives people for their letters.
pub fn use_values(response: &mut Response<'_>, path: &str, text: &str) -> Result<(), ResponseError> {
    let values = values(path, text, &Addressees::of(response)?.people)?;
    let mut inputs = response.inputs();
    let digest = serde_json::to_vec(&values).expect("texts are JSON");
    inputs.insert("values", hexadecimal(&Sha256::digest(digest)));
    response.run_stage("values", inputs, |response, _| Ok(Made { files: vec![store::write_json(&response.case, store::VALUES, &values)?], ..Made::default() }))
}

/// A value for each key: two columns, with or without a line of heads. A line that gives none, or one to nobody, is an error by its number.
fn values(path: &str, text: &str, people: &People) -> Result<BTreeMap<String, Personal<String>>, ResponseError> {
    let wrong = |line: u64, reason: &str| ResponseError::Register { path: path.to_owned(), line, reason: reason.to_owned() };
    let mut values = BTreeMap::new();
    let text = text.trim_start_matches('\u{feff}');
    for (place, record) in csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes()).records().enumerate() {
        let line = place as u64 + 1;
        let record = record.map_err(|_| wrong(line, "the line is no CSV; quote what holds a comma"))?;
        let (key, value) = (record.get(0).unwrap_or_default().trim(), record.get(1).unwrap_or_default().trim());
        match people.contains_key(key) {
            false if place == 0 => {}
            false => return Err(wrong(line, "its first column is nobody's key")),
            true if value.is_empty() || value.chars().count() > VALUE_CHARS_LIMIT || value.chars().any(char::is_control) => {
                return Err(wrong(line, "its second column is no value that a letter can show: one line of at most 80 characters"));
            }
            true if values.insert(key.to_owned(), Personal::new(value.to_owned())).is_some() => {
                return Err(wrong(line, "an earlier line gives the same person a value"));
            }
            true => {}
        }
    }
    Ok(values)
}

/// Characters of a value that a letter shows within a line.
const VALUE_CHARS_LIMIT: usize = 80;

/// What the letters stand on; and, first, the digest of what all of them stand on beside the words on single letters.
fn inputs(response: &Response<'_>, addressees: &Addressees) -> Result<(String, Inputs), ResponseError> {
    let mut inputs = response.inputs_after(&["trace", "expose", "templates", "round", "values"]);
    for artefact in response.custody()? {
        inputs.insert(format!("evidence/{}", artefact.sha256), artefact.sha256.clone());
    }
    if let Some(entry) = Said::of(&decisions(&response.case)?).last_entry {
        inputs.insert_setting("decisions", &entry.to_string());
    }
    // What earlier rounds told counts from the second one on: before, it would make letters old that have just left.
    let round: u32 = store::read_json(&response.case, store::ROUND)?.unwrap_or(1);
    if round > 1 {
        let kept: Vec<String> = kept_letters(response)?.into_iter().filter(|kept| kept.round < round).map(|kept| kept.letter_sha256).collect();
        inputs.insert_setting("sent", &kept.concat());
    }
    let basis = inputs.digest();
    if let Some(entry) = addressees.last_entry {
        inputs.insert_setting("letter_decisions", &entry.to_string());
    }
    // Whoever had a card that was withdrawn gets another code; the letters of all others stay as they are.
    if let Some(entry) = Withdrawn::of(&response.case)?.last_entry {
        inputs.insert_setting("withdrawn", &entry.to_string());
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

/// The same, whatever became of their files since: one that was changed is not what was approved, and says that where it is read.
pub fn stand_on_case(response: &Response<'_>) -> Result<bool, ResponseError> {
    if response.case.manifest().stages.get("letters").is_none_or(|record| record.files.is_empty()) {
        return Ok(true);
    }
    let (_, inputs) = inputs(response, &Addressees::of(response)?)?;
    Ok(response.stands_on("letters", &inputs))
}

/// Drafts the letters.
pub fn run(response: &mut Response<'_>) -> Result<(), ResponseError> {
    response.needs("expose", "exposures", "expose")?;
    let addressees = Addressees::of(response)?;
    response.outcome.people = addressees.subjects;
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
    let mut tally = Tally::of(response, drafted.at);
    let said = drafting.said().clone();
    let recounted = |language: &str| Recounted::of(&said.account, &said.measures, said.stopped_at, language);
    drafting.each_new_letter(&response.case, reassurance, response.settings.random, &mut |letter, recipient| {
        tally.count(recipient, recounted(&letter.language));
        held += u64::from(letter.is_held());
        index.serialize(IndexedLetter::of(&letter)).expect("memory takes every record of texts");
        let stem = file_stem(&letter.data_subject);
        files.add(&response.case, format!("{stem}.txt"), &text_of(&letter))?;
        files.add(&response.case, format!("{stem}.html"), letter.html().expose_personal().as_bytes())?;
        response.watcher.progress(files.len() / 2, total, "letters");
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
    tally.store(response, &mut files)?;
    Ok(files)
}

/// What is counted while letters are drafted.
struct Tally {
    regimes: Vec<String>,
    /// The day on the letters.
    at: Instant,
    /// People by tier, by the law that they fall under.
    under: BTreeMap<String, TierCounts>,
    others: BTreeMap<String, OthersCount>,
    /// What each person is told.
    told: BTreeMap<String, Before>,
}

impl Tally {
    fn of(response: &Response<'_>, at: Instant) -> Self {
        let regimes = response.estate.organisation.regimes.clone();
        let under = regimes.iter().map(|id| (id.clone(), TierCounts::default())).collect();
        Self { regimes, at, under, others: BTreeMap::new(), told: BTreeMap::new() }
    }

    fn count(&mut self, recipient: &Recipient<'_>, recounted: Recounted) {
        self.told.insert(recipient.key.to_owned(), Before::of(recipient.exposures, self.at).recounting(recounted));
        let Some(tier) = strongest(recipient.exposures) else { return };
        let laws = laws_of(recipient.entry, &self.regimes);
        self.under.iter_mut().filter(|(id, _)| laws.contains(id)).for_each(|(_, counts)| add(counts, tier));
        recipient.tells.iter().for_each(|about| self.others.entry(about.clone()).or_default().through += 1);
        if let Some(belongs) = recipient.entry.and_then(|entry| entry.belongs_to.as_ref()) {
            self.others.entry(belongs.about.clone()).or_default().letters += 1;
        }
    }

    fn store(self, response: &mut Response<'_>, files: &mut Vec<StoredFile>) -> Result<(), ResponseError> {
        files.push(store::write_json(&response.case, store::TOLD, &self.told)?);
        // Without a word of the register everybody is meant by every law: what `duties` says by itself.
        if response.estate.register.as_ref().is_some_and(|register| register.law.is_some()) {
            files.push(store::write_json(&response.case, store::LAWS, &self.under)?);
        }
        if !self.others.is_empty() {
            files.push(store::write_json(&response.case, store::OTHERS, &self.others)?);
        }
        for (about, count) in &self.others {
            response.watcher.note(&format!("{about}: {} get a letter of their own; {} people are asked to tell theirs", count.letters, count.through));
        }
        Ok(())
    }
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
