//! Forms of a case: the facts are counted from its tables, one batch at a time, and the filled form is kept in `forms/`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strandline_case::Case;
use strandline_model::detection::{Detection, DetectionOrigin, Level};
use strandline_model::exposure::{Basis, Exposure, Replay};
use strandline_model::letter::SendingState;
use strandline_model::node::Node;
use strandline_model::register::RegisterEntry;
use strandline_model::table::{Row, Scan};
use strandline_model::time::Interval;
use strandline_model::trail::{Link, Step};
use strandline_notice::duties::TierCounts;
use strandline_notice::forms::{
    AccessFacts, CaseFacts, CategoryFacts, DetectionFacts, Form, FormId, LetterFacts, PeopleFacts, StatusFacts, SystemFacts, document, fields_about_people,
    fill, plain,
};

use crate::duties::{DutyError, add, decisions, reference};
use crate::error::ResponseError;
use crate::exposed;
use crate::run::Response;
use crate::stage::expose::register;
use crate::stage::notify::by_person;
use crate::stage::print::Page;
use crate::store;

type People = BTreeMap<String, RegisterEntry>;

impl Response<'_> {
    /// Fills a form from the case and keeps it as `forms/FORM.json` and `forms/FORM.txt`, and with a page as `forms/FORM.pdf`; the
    /// ledger has their hashes.
    ///
    /// # Errors
    /// If an answer is about a person of the register, the case cannot be read or written, or there is no printer.
    pub fn write_form(&mut self, id: FormId, page: Option<&Page>) -> Result<Form, DutyError> {
        let (form, facts) = self.filled(id)?;
        let mut json = serde_json::to_vec_pretty(&form).expect("a form has only texts and numbers");
        json.push(b'\n');
        let mut files = vec![
            store::write(&self.case, "forms", &format!("{}.json", id.as_str()), &json)?,
            store::write(&self.case, "forms", &format!("{}.txt", id.as_str()), plain(&form).as_bytes())?,
        ];
        if let Some(page) = page {
            let print = page.form_press().and_then(|mut press| press.print(&[&document(&form)], facts.as_of)).map_err(ResponseError::from)?;
            files.push(store::write(&self.case, "forms", &format!("{}.pdf", id.as_str()), &print.pdf)?);
        }
        let mut inputs = self.inputs_after(&["coverage", "detect", "trace", "expose", "letters"]);
        // The last decision: what was recorded after it is not in this form.
        let last = facts.decisions.last().map_or("none".to_owned(), |last| last.ledger_entry.to_string());
        inputs.insert_setting("last_decision", &last);
        self.commit_files(&format!("form-{}", id.as_str()), inputs, files)?;
        Ok(form)
    }

    /// Fills a form from the case, to be read: nothing is kept.
    ///
    /// # Errors
    /// If an answer is about a person of the register, or the case cannot be read.
    pub fn read_form(&self, id: FormId) -> Result<Form, DutyError> {
        Ok(self.filled(id)?.0)
    }

    fn filled(&self, id: FormId) -> Result<(Form, CaseFacts), DutyError> {
        let (people, _) = register(self)?;
        let facts = facts(self, &people)?;
        let form = fill(id, &facts);
        let about: Vec<&str> = fields_about_people(&form, people.values()).into_iter().collect();
        if about.is_empty() { Ok((form, facts)) } else { Err(DutyError::AboutPeople { form: id.as_str(), fields: about.join(", ") }) }
    }
}

fn facts(response: &Response<'_>, people: &People) -> Result<CaseFacts, DutyError> {
    let case = &response.case;
    let estate = &response.estate;
    let steps: Vec<Step> = case.read_rows(Step::TABLE)?;
    let systems = estate.systems.iter().map(|system| SystemFacts {
        id: system.id.clone(),
        name: system.name.clone(),
        steps: steps.iter().filter(|step| step.system == system.id).count() as u64,
        sources: estate.sources.iter().filter(|source| source.system == system.id).map(|source| source.id.clone()).collect(),
    });
    let (counted, categories) = match case.manifest().stages.contains_key("expose") {
        true => Counting::new(people, estate.register.is_some()).count(response).map(|(people, categories)| (Some(people), categories))?,
        false => (None, Vec::new()),
    };
    let links: Vec<Link> = case.read_rows(Link::TABLE)?;
    let start = |link: &Link| match link.from_node() {
        Ok(Node::Detection(id)) => Some(id),
        _ => None,
    };
    let starts: BTreeSet<Arc<str>> = links.iter().filter_map(start).collect();
    let mut detections: Vec<DetectionFacts> = Vec::new();
    for detection in case.read_rows::<Detection>(Detection::TABLE)? {
        // An authority is told what the case stands on, and not each rule that ordinary work set off.
        let weighs = detection.origin == DetectionOrigin::Analytic && detection.level >= Level::Medium;
        if !weighs && !starts.contains(detection.id.as_str()) {
            continue;
        }
        let events = u64::try_from(detection.event_count).unwrap_or(0);
        detections.push(DetectionFacts { title: detection.title, system: detection.system, first: detection.first, events });
    }
    detections.sort_by(|a, b| (a.first, &a.system, &a.title).cmp(&(b.first, &b.system, &b.title)));
    let letters = case
        .manifest()
        .stages
        .get("letters")
        .map_or(0, |record| record.files.iter().filter(|file| file.file.starts_with("letters/") && file.file.ends_with(".txt")).count());
    Ok(CaseFacts {
        reference: reference(case)?,
        organisation: estate.organisation.clone(),
        as_of: (response.settings.now)(),
        people: counted,
        categories,
        coverage: response.coverage()?,
        systems: systems.collect(),
        steps,
        accesses: accesses(response)?,
        detections,
        letters: letter_facts(case, letters as u64)?,
        decisions: decisions(case)?,
        artefacts: response.custody()?.len() as u64,
    })
}

/// How many people's letters left, and of how many none arrived.
fn letter_facts(case: &Case, drafted: u64) -> Result<LetterFacts, ResponseError> {
    let left = |state: SendingState| {
        state.has_failed() && state != SendingState::Refused || matches!(state, SendingState::Accepted | SendingState::HandedOver | SendingState::Answered)
    };
    let mut facts = LetterFacts { drafted, ..LetterFacts::default() };
    for letters in by_person(case.stored_letters()?).into_values() {
        let mut left = letters.iter().filter(|letter| left(letter.state)).peekable();
        if left.peek().is_some() {
            facts.handed_over += 1;
            facts.came_back += u64::from(left.all(|letter| letter.state.has_failed()));
        }
    }
    Ok(facts)
}

fn accesses(response: &Response<'_>) -> Result<AccessFacts, ResponseError> {
    let mut facts = AccessFacts::default();
    let mut tables = BTreeSet::new();
    for batch in response.case.scan(Replay::TABLE).scan(&[])? {
        for replay in Replay::from_batch(&batch?)? {
            let widened = replay.outcome == "widened";
            if !widened && replay.outcome != "replayed" {
                continue;
            }
            facts.reads += 1;
            facts.widened += u64::from(widened);
            let at = Interval { from: replay.time, to: replay.time };
            facts.span = Some(facts.span.map_or(at, |span| span.hull(&at)));
            tables.extend(replay.tables);
        }
    }
    facts.tables = tables.into_iter().collect();
    Ok(facts)
}

/// Exposures being counted.
struct Counting<'a> {
    people: &'a People,
    facts: PeopleFacts,
    by_status: BTreeMap<(bool, Option<String>), TierCounts>,
    by_category: BTreeMap<String, [TierCounts; 2]>,
}

impl<'a> Counting<'a> {
    fn new(people: &'a People, has_register: bool) -> Self {
        let facts = PeopleFacts { registered: has_register.then_some(people.len() as u64), ..PeopleFacts::default() };
        Self { people, facts, by_status: BTreeMap::new(), by_category: BTreeMap::new() }
    }

    fn count(mut self, response: &Response<'_>) -> Result<(PeopleFacts, Vec<CategoryFacts>), ResponseError> {
        exposed::each_person(&response.case, &mut |exposures| {
            for exposure in exposures {
                let place = usize::from(exposure.basis == Basis::Inferred);
                add(&mut self.by_category.entry(exposure.category.clone()).or_default()[place], exposure.certainty);
            }
            self.person(exposures);
            Ok(())
        })?;
        let by_status = self.by_status.into_iter();
        self.facts.by_status = by_status.map(|((in_register, status), people)| StatusFacts { status, in_register, people }).collect();
        let categories = self.by_category.into_iter().map(|(category, [disclosed, inferred])| CategoryFacts { category, disclosed, inferred });
        Ok((self.facts, categories.collect()))
    }

    fn person(&mut self, exposures: &[Exposure]) {
        let entry = exposures.first().and_then(|first| self.people.get(&first.data_subject));
        let status = (entry.is_some(), entry.and_then(|entry| entry.status.clone()));
        let all = exposed::strongest(exposures);
        let of = |basis: Basis| exposed::strongest(exposures.iter().filter(|exposure| exposure.basis == basis));
        let tiers = [
            (all, &mut self.facts.all),
            (of(Basis::Disclosed), &mut self.facts.disclosed),
            (of(Basis::Inferred), &mut self.facts.inferred),
            (all, self.by_status.entry(status).or_default()),
        ];
        for (certainty, counts) in tiers {
            if let Some(certainty) = certainty {
                add(counts, certainty);
            }
        }
    }
}
