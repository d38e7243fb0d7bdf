//! Letters: one draft for each affected person, in the person's language, and an index of them. Nothing is sent.
//!
//! The index, `export/letters.csv`, is where sending learns which letter is whose, how it can go, and which wait for a person:
//! what the draft found out is decided once.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strandline_case::{Author, CaseError, StageCommit, StoredFile};
use strandline_model::estate::Organisation;
use strandline_model::evidence::Coverage;
use strandline_model::exposure::Exposure;
use strandline_model::letter::Channel;
use strandline_model::table::Row;
use strandline_model::time::{Instant, Interval};
use strandline_model::trail::Step;
use strandline_notice::letter::lint::{Finding, Rule, Strangers, lint};
use strandline_notice::letter::{Facts, Letter, Recipient, Templates, draft, record_endings};

use crate::error::ResponseError;
use crate::exposed::each_person;
use crate::run::Response;
use crate::stage::expose::register;
use crate::stage::notify::hexadecimal;
use crate::store;

/// An organisation writes again within this time.
const NEXT_UPDATE_MICROS: i64 = 14 * 24 * 3_600_000_000;
/// The index of the letters.
pub const INDEX: (&str, &str) = ("export", "letters.csv");
/// Longer keys are cut in a file name and made different by their hash.
const NAME_BYTES: usize = 120;

/// One letter of the index.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexedLetter {
    /// Whose it is.
    pub data_subject: String,
    /// Its files are `letters/STEM.txt` and others of that stem.
    pub stem: String,
    /// Which letter: `exposed`, `possible`, `not_reached`, `deceased`.
    pub kind: String,
    /// Its language.
    pub language: String,
    /// Ways to the person, best first, with blanks between.
    pub channels: String,
    /// `yes` where a person must decide before it goes.
    pub held: String,
    /// What a person must know or decide.
    pub attention: String,
}

impl IndexedLetter {
    fn of(letter: &Letter) -> Self {
        let joined = |parts: Vec<&str>, between: &str| parts.join(between);
        Self {
            data_subject: letter.data_subject.clone(),
            stem: file_stem(&letter.data_subject),
            kind: letter.kind.as_str().to_owned(),
            language: letter.language.clone(),
            channels: joined(letter.channels.iter().map(|c| c.as_str()).collect(), " "),
            held: if letter.is_held() { "yes" } else { "no" }.to_owned(),
            attention: joined(letter.attention.iter().map(|a| a.explain()).collect(), "; "),
        }
    }

    /// Ways to the person, best first.
    pub fn ways(&self) -> Vec<Channel> {
        self.channels.split_whitespace().filter_map(Channel::parse).collect()
    }

    /// Whether a person must decide before it goes.
    pub fn is_held(&self) -> bool {
        self.held != "no"
    }
}

/// Keeps the organisation's templates as a stage of their own, once they are without mistakes.
pub fn use_templates(response: &mut Response<'_>, files: &[(String, String)]) -> Result<(), ResponseError> {
    Templates::read(files, &response.estate.organisation.regimes)?;
    let mut inputs = response.inputs();
    for (path, text) in files {
        inputs.insert_setting(format!("templates/{path}"), text);
    }
    if response.case.stage_is_current("templates", &inputs) {
        return Ok(());
    }
    let file = store::write_json(&response.case, store::TEMPLATES, &files)?;
    let author = response.author();
    response.case.commit_stage(StageCommit { stage: "templates".to_owned(), inputs, parts: Vec::new(), files: vec![file], author })?;
    Ok(())
}

/// The templates that this case uses.
fn templates(response: &Response<'_>) -> Result<Templates, ResponseError> {
    let own: Vec<(String, String)> = store::read_json(&response.case, store::TEMPLATES)?.unwrap_or_default();
    Ok(Templates::read(&own, &response.estate.organisation.regimes)?)
}

/// Drafts the letters.
pub fn run(response: &mut Response<'_>) -> Result<(), ResponseError> {
    if !response.case.manifest().stages.contains_key("expose") {
        return Err(ResponseError::NotYet { missing: "exposures", command: "expose" });
    }
    let (people, notes) = register(response)?;
    response.outcome.people = people.len() as u64;
    let mut inputs = response.inputs_after(&["trace", "expose", "templates"]);
    for artefact in response.custody()? {
        inputs.insert(format!("evidence/{}", artefact.sha256), artefact.sha256.clone());
    }
    if !response.case.stage_is_current("letters", &inputs) {
        for note in &notes {
            response.watcher.note(note);
        }
        // The commit has the same instant as the letters: a lint later drafts them again as of then.
        let author = response.author();
        let files = write_all(response, people, &author)?;
        response.case.commit_stage(StageCommit { stage: "letters".to_owned(), inputs, parts: Vec::new(), files, author })?;
    }
    response.outcome.letters = texts(response).count() as u64;
    Ok(())
}

/// The committed texts.
fn texts<'r>(response: &'r Response<'_>) -> impl Iterator<Item = &'r StoredFile> {
    response.case.manifest().stages.get("letters").into_iter().flat_map(|record| &record.files).filter(|f| f.file.ends_with(".txt"))
}

/// Reads the index of the committed letters.
///
/// # Errors
/// If it is not there or not whole.
pub fn index(response: &Response<'_>) -> Result<Vec<IndexedLetter>, ResponseError> {
    let path = response.case.path().join(INDEX.0).join(INDEX.1);
    let damaged = |_| ResponseError::Register {
        path: format!("{}/{}", INDEX.0, INDEX.1),
        line: 0,
        reason: "the index of the letters is damaged: run `strandline notify CASE draft` again".to_owned(),
    };
    let bytes = std::fs::read(&path).map_err(|source| ResponseError::Read { path, source })?;
    csv::Reader::from_reader(bytes.as_slice()).deserialize().collect::<Result<_, _>>().map_err(damaged)
}

/// Judges the committed letters: each is drafted again as of its day and must be what was committed, and what its reader gets is
/// read by the rules of the lint. Held letters are left out: a person writes those.
///
/// # Errors
/// If there are no letters yet, or a table or file cannot be read.
pub fn lint_all(response: &mut Response<'_>) -> Result<Vec<(String, Finding)>, ResponseError> {
    let entry = response.case.manifest().stages.get("letters").and_then(|record| record.ledger_entry);
    let Some(entry) = entry else { return Err(ResponseError::NotYet { missing: "letters", command: "notify CASE draft" }) };
    let drafted_at = response.case.ledger().entry(entry).map_err(CaseError::from)?.time;
    let committed: BTreeMap<String, String> = texts(response).map(|f| (f.file.clone(), f.sha256.clone())).collect();
    let (people, _) = register(response)?;
    let Some(drafting) = Drafting::new(response, people, drafted_at)? else { return Ok(Vec::new()) };
    let facts = drafting.facts();
    let strangers = Strangers::of(drafting.people.values(), &facts, &drafting.templates);
    let mut findings = Vec::new();
    let (mut done, total) = (0, committed.len() as u64);
    each_person(&response.case, &mut |exposures| {
        let key = &exposures[0].data_subject;
        let code = response.case.support_code(key)?;
        let recipient = drafting.recipient(exposures, &code);
        let letter = draft(&recipient, &facts, &drafting.templates)?;
        if committed.get(&format!("letters/{}.txt", file_stem(key))) != Some(&hexadecimal(&Sha256::digest(text_of(&letter)))) {
            let problem = "the committed text is not what the templates and the exposures say now: draft again";
            findings.push((key.clone(), Finding { rule: Rule::MissingPart, place: "the letter".to_owned(), problem: problem.to_owned() }));
        } else if !letter.is_held() {
            findings.extend(lint(&letter, &recipient, &facts, &drafting.templates, &strangers).into_iter().map(|finding| (key.clone(), finding)));
        }
        done += 1;
        if done % 64 == 0 {
            response.watcher.progress(done, total, "letters");
        }
        Ok(())
    })?;
    Ok(findings)
}

type People = BTreeMap<String, strandline_model::register::RegisterEntry>;

/// What all letters of a case are drafted from.
struct Drafting {
    people: People,
    endings: BTreeMap<String, String>,
    templates: Templates,
    organisation: Organisation,
    reference: String,
    intrusion: Interval,
    checked: Option<Interval>,
    account: BTreeMap<String, String>,
    categories: Vec<String>,
    drafted_at: Instant,
}

impl Drafting {
    /// `None` where there is no trail, and so nobody to write to.
    fn new(response: &Response<'_>, people: People, drafted_at: Instant) -> Result<Option<Self>, ResponseError> {
        let steps: Vec<Step> = response.case.read_rows(Step::TABLE)?;
        let Some(intrusion) = steps.iter().map(|s| Interval { from: s.first, to: s.last }).reduce(|a, b| a.hull(&b)) else { return Ok(None) };
        Ok(Some(Self {
            endings: record_endings(people.values()),
            people,
            templates: templates(response)?,
            organisation: response.estate.organisation.clone(),
            reference: response.case.manifest().origin.rsplit('/').next().unwrap_or_default().to_owned(),
            intrusion,
            checked: covered(&response.coverage()?, intrusion),
            account: BTreeMap::new(),
            categories: described_categories(response),
            drafted_at,
        }))
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            organisation: &self.organisation,
            reference: &self.reference,
            intrusion: self.intrusion,
            // Only a person's decision says when it was found, and only a verified action when it was stopped.
            found_at: None,
            stopped_at: None,
            checked: self.checked,
            account: &self.account,
            measures: &[],
            drafted_at: self.drafted_at,
            next_update: self.drafted_at.plus_micros(NEXT_UPDATE_MICROS),
            categories: &self.categories,
        }
    }

    fn recipient<'r>(&'r self, exposures: &'r [Exposure], code: &'r str) -> Recipient<'r> {
        let key = &exposures[0].data_subject;
        Recipient { key, entry: self.people.get(key), exposures, code: Some(code), record_ending: self.endings.get(key).map(String::as_str) }
    }
}

fn write_all(response: &mut Response<'_>, people: People, author: &Author) -> Result<Vec<StoredFile>, ResponseError> {
    let Some(drafting) = Drafting::new(response, people, author.time)? else { return Ok(Vec::new()) };
    let facts = drafting.facts();
    let mut files = Vec::new();
    let mut index = csv::Writer::from_writer(Vec::new());
    let (mut held, total) = (0_u64, response.outcome.tiers.confirmed + response.outcome.tiers.likely + response.outcome.tiers.possible);
    each_person(&response.case, &mut |exposures| {
        let code = response.case.support_code(&exposures[0].data_subject)?;
        let letter = draft(&drafting.recipient(exposures, &code), &facts, &drafting.templates)?;
        held += u64::from(letter.is_held());
        index.serialize(IndexedLetter::of(&letter)).expect("memory takes every record of texts");
        files.push(store::write(&response.case, "letters", &format!("{}.txt", file_stem(&letter.data_subject)), &text_of(&letter))?);
        response.watcher.progress(files.len() as u64, total, "letters");
        Ok(())
    })?;
    if held > 0 {
        response.watcher.note(&format!("{held} letters wait for a person's decision: see {}/{}", INDEX.0, INDEX.1));
    }
    let bytes = index.into_inner().expect("memory can be flushed");
    files.push(store::write(&response.case, INDEX.0, INDEX.1, &bytes)?);
    Ok(files)
}

/// A letter as its file has it.
fn text_of(letter: &Letter) -> Vec<u8> {
    format!("Language: {}\nSubject: {}\n\n{}", letter.language, letter.subject, letter.plain_text().expose_personal()).into_bytes()
}

/// The window that every source covers, where it reaches into the intrusion. Its holes are exposures of their own.
fn covered(coverage: &Coverage, intrusion: Interval) -> Option<Interval> {
    let from = coverage.spans.iter().map(|(_, span)| span.from).max()?;
    let to = coverage.spans.iter().map(|(_, span)| span.to).min()?;
    let window = Interval { from, to };
    (from <= to && window.overlaps(&intrusion)).then_some(window)
}

/// A subject's key as a file name: letters, digits and hyphens stay, everything else is percent-encoded, so that no two keys
/// share a name and none leaves the folder. A long one ends in its hash.
fn file_stem(key: &str) -> String {
    let mut name = String::new();
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            name.push(byte as char);
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if name.len() > NAME_BYTES {
        name.truncate(NAME_BYTES - 18);
        // A tilde stands in no other name.
        name.push('~');
        name.push_str(&hexadecimal(&Sha256::digest(key))[..16]);
    }
    name
}

/// Categories that the estate describes, sorted.
pub fn described_categories(response: &Response<'_>) -> Vec<String> {
    let categories: BTreeSet<String> = response.estate.tables.iter().flat_map(|t| t.categories.values().cloned()).collect();
    categories.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::file_stem;

    #[test]
    fn a_key_cannot_leave_the_folder() {
        assert_eq!(file_stem("C-12"), "C-12");
        assert_eq!(file_stem("../x"), "%2E%2E%2Fx");
        assert_eq!(file_stem("陳"), "%E9%99%B3");
    }

    #[test]
    fn long_keys_that_begin_alike_get_names_of_their_own() {
        let long = "x".repeat(500);
        let (one, other) = (file_stem(&format!("{long}1")), file_stem(&format!("{long}2")));
        assert_ne!(one, other);
        assert!(one.len() < 200);
    }
}
