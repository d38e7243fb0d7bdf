//! Letters: one draft for each affected person, in the person's language. Nothing is sent.

use std::collections::{BTreeMap, BTreeSet};

use strandline_case::StageCommit;
use strandline_model::evidence::Coverage;
use strandline_model::exposure::Exposure;
use strandline_model::table::{Row, Scan};
use strandline_model::time::Interval;
use strandline_model::trail::Step;
use strandline_notice::letter::{Attention, Facts, Recipient, Templates, draft, record_endings};

use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::expose::register;
use crate::store;

/// An organisation writes again within this time.
const NEXT_UPDATE_MICROS: i64 = 14 * 24 * 3_600_000_000;

/// Drafts the letters.
pub fn run(response: &mut Response<'_>) -> Result<(), ResponseError> {
    if !response.case.manifest().stages.contains_key("expose") {
        return Err(ResponseError::NotYet { missing: "exposures", command: "expose" });
    }
    let (people, notes) = register(response)?;
    response.outcome.people = people.len() as u64;
    let mut inputs = response.inputs_after(&["trace", "expose"]);
    for artefact in response.custody()? {
        inputs.insert(format!("evidence/{}", artefact.sha256), artefact.sha256.clone());
    }
    if !response.case.stage_is_current("letters", &inputs) {
        for note in &notes {
            response.watcher.note(note);
        }
        let files = write_all(response, &people)?;
        let author = response.author();
        response.case.commit_stage(StageCommit { stage: "letters".to_owned(), inputs, parts: Vec::new(), files, author })?;
    }
    response.outcome.letters =
        response.case.manifest().stages.get("letters").map_or(0, |record| record.files.iter().filter(|f| f.file.ends_with(".txt")).count() as u64);
    Ok(())
}

type People = BTreeMap<String, strandline_model::register::RegisterEntry>;

fn write_all(response: &mut Response<'_>, people: &People) -> Result<Vec<strandline_case::StoredFile>, ResponseError> {
    let steps: Vec<Step> = response.case.read_rows(Step::TABLE)?;
    let Some(intrusion) = steps.iter().map(|s| Interval { from: s.first, to: s.last }).reduce(|a, b| a.hull(&b)) else { return Ok(Vec::new()) };
    let categories = described_categories(response);
    let now = (response.settings.now)();
    let reference = response.case.manifest().origin.rsplit('/').next().unwrap_or_default().to_owned();
    let organisation = response.estate.organisation.clone();
    let account = BTreeMap::new();
    let facts = Facts {
        organisation: &organisation,
        reference: &reference,
        intrusion,
        // Only a person's decision says when it was found, and only a verified action when it was stopped.
        found_at: None,
        stopped_at: None,
        checked: covered(&response.coverage()?, intrusion),
        account: &account,
        measures: &[],
        drafted_at: now,
        next_update: now.plus_micros(NEXT_UPDATE_MICROS),
        categories: &categories,
    };
    let mut writer = Writer { people, endings: record_endings(people.values()), templates: Templates::built_in(), facts, attention: Vec::new() };
    let mut files = Vec::new();
    let mut current: Vec<Exposure> = Vec::new();
    let total = response.outcome.tiers.confirmed + response.outcome.tiers.likely + response.outcome.tiers.possible;
    for batch in response.case.scan(Exposure::TABLE).scan(&[])? {
        for exposure in Exposure::from_batch(&batch?)? {
            if current.first().is_some_and(|first| first.data_subject != exposure.data_subject) {
                files.push(writer.write(response, &current)?);
                current.clear();
                response.watcher.progress(files.len() as u64, total, "letters");
            }
            current.push(exposure);
        }
    }
    if !current.is_empty() {
        files.push(writer.write(response, &current)?);
    }
    files.push(writer.list_attention(response)?);
    Ok(files)
}

/// The window that every source covers, where it reaches into the intrusion. Its holes are exposures of their own.
fn covered(coverage: &Coverage, intrusion: Interval) -> Option<Interval> {
    let from = coverage.spans.iter().map(|(_, span)| span.from).max()?;
    let to = coverage.spans.iter().map(|(_, span)| span.to).min()?;
    let window = Interval { from, to };
    (from <= to && window.overlaps(&intrusion)).then_some(window)
}

struct Writer<'a> {
    people: &'a People,
    endings: BTreeMap<String, String>,
    templates: Templates,
    facts: Facts<'a>,
    attention: Vec<(String, Attention)>,
}

impl Writer<'_> {
    fn write(&mut self, response: &Response<'_>, exposures: &[Exposure]) -> Result<strandline_case::StoredFile, ResponseError> {
        let key = &exposures[0].data_subject;
        let record_ending = self.endings.get(key).map(String::as_str);
        let recipient = Recipient { key, entry: self.people.get(key), exposures, code: None, record_ending };
        let letter = draft(&recipient, &self.facts, &self.templates)?;
        self.attention.extend(letter.attention.iter().map(|attention| (key.clone(), *attention)));
        let text = format!("Language: {}\nSubject: {}\n\n{}", letter.language, letter.subject, letter.plain_text().expose_personal());
        store::write(&response.case, "letters", &format!("{}.txt", file_name(key)), text.as_bytes())
    }

    /// Lists what a person must know or decide before letters go out: nobody is dropped in silence.
    fn list_attention(&self, response: &mut Response<'_>) -> Result<strandline_case::StoredFile, ResponseError> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let mut held = BTreeSet::new();
        let mut write = |record: [&str; 3]| csv.write_record(record).expect("memory takes every record of three fields");
        write(["data_subject", "held", "attention"]);
        for (key, attention) in &self.attention {
            held.extend(attention.holds().then_some(key));
            write([key, if attention.holds() { "yes" } else { "no" }, attention.explain()]);
        }
        if !held.is_empty() {
            response.watcher.note(&format!("{} letters wait for a person's decision: see letters/attention.csv", held.len()));
        }
        let bytes = csv.into_inner().expect("memory can be flushed");
        store::write(&response.case, "letters", "attention.csv", &bytes)
    }
}

/// A subject's key as a file name: letters, digits and hyphens stay, everything else is percent-encoded, so that no two keys
/// share a name and none leaves the folder.
fn file_name(key: &str) -> String {
    let mut name = String::new();
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            name.push(byte as char);
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    name.truncate(200);
    name
}

/// Categories that the estate describes, sorted.
pub fn described_categories(response: &Response<'_>) -> Vec<String> {
    let categories: BTreeSet<String> = response.estate.tables.iter().flat_map(|t| t.categories.values().cloned()).collect();
    categories.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn a_key_cannot_leave_the_folder() {
        assert_eq!(file_name("C-12"), "C-12");
        assert_eq!(file_name("../x"), "%2E%2E%2Fx");
        assert_eq!(file_name("陳"), "%E9%99%B3");
    }
}
