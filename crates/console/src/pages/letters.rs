//! Letters: where everybody's letter is, what the lint says, who approved, which wait for a person, and what one says.

use std::sync::Arc;

use askama::Template;
use strandline_model::letter_word::Reader;
use strandline_response::desk::{LintLine, masked_letter, whole_letter};

use super::{Frame, frame, letter_state};
use crate::reply::{Fault, Reply};
use crate::texts::Texts;
use crate::visit::Visit;

/// Letters that wait, of one page.
const HELD_SHOWN: usize = 100;

struct StateLine {
    href: String,
    name: String,
    count: String,
    width: u64,
}

struct HeldLine {
    handle: String,
    key: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "letters.html")]
struct LettersPage<'v> {
    f: Frame<'v>,
    has_letters: bool,
    is_current: bool,
    round: u32,
    states: Vec<StateLine>,
    letters: String,
    approvals: String,
    approved_by: String,
    is_enough: bool,
    plan: String,
    held: Vec<HeldLine>,
    held_rest: Option<String>,
    lint: Option<Arc<Vec<LintLine>>>,
    lint_blocks: bool,
    sample: Option<String>,
    reports: Vec<String>,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct LetterPage<'v> {
    f: Frame<'v>,
    handle: String,
    key: String,
    is_shown: bool,
    is_held: bool,
    /// Whether it is what the case says now: another is let go by nobody.
    is_current: bool,
    readers: Vec<(&'static str, &'v str)>,
    attention: String,
    state: String,
    language: String,
    subject: String,
    text: String,
}

/// The page.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let t = visit.t();
    let (f, _) = frame(visit, &overview, "/letters", t.x("nav_letters"))?;
    let lint = visit.console.known_lint();
    let mut page = LettersPage {
        f,
        has_letters: false,
        is_current: true,
        round: 1,
        states: Vec::new(),
        letters: String::new(),
        approvals: String::new(),
        approved_by: String::new(),
        is_enough: false,
        plan: String::new(),
        held: Vec::new(),
        held_rest: None,
        lint_blocks: lint.iter().flat_map(|lines| lines.iter()).any(|line| line.blocks),
        lint,
        sample: None,
        reports: Vec::new(),
    };
    if let Some(letters) = &overview.letters {
        let (status, approval) = (&letters.status, &letters.status.approval);
        let most = status.counts.values().max().copied().unwrap_or(1).max(1);
        page.has_letters = true;
        page.is_current = letters.is_current;
        page.round = letters.round;
        page.states = status
            .counts
            .iter()
            .map(|(state, count)| StateLine {
                href: format!("/people?letter={state}"),
                name: letter_state(t, state),
                count: t.n(*count),
                width: (count * 240 / most).max(2),
            })
            .collect();
        page.letters = t.n(approval.letters);
        page.approvals = t.w2("letters_approvals", approval.have, approval.needed);
        page.approved_by = approval.approved_by.join(", ");
        page.is_enough = approval.is_enough();
        page.plan = approval.plan_sha256.clone();
        let held: Vec<_> = status.people.iter().filter(|person| person.state == "held").collect();
        page.held_rest = (held.len() > HELD_SHOWN).then(|| t.w("more_rows", t.n((held.len() - HELD_SHOWN) as u64)));
        page.held = held
            .into_iter()
            .take(HELD_SHOWN)
            .filter_map(|person| {
                let row = overview.person_of_key(&person.data_subject)?;
                Some(HeldLine { handle: row.handle.clone(), key: row.data_subject.clone(), reason: person.answer.clone().unwrap_or_default() })
            })
            .collect();
        let first = status.people.iter().find(|person| person.state != "held").and_then(|person| overview.person_of_key(&person.data_subject));
        page.sample = first.map(|row| row.handle.clone());
        page.reports = status.reports.iter().map(|report| format!("{}: {}", report.data_subject, report.why)).collect();
    }
    Ok(Reply::Page(page.render()?))
}

/// Who reads a letter, in words.
fn reader_word(t: &Texts, reader: Reader) -> &str {
    match reader {
        Reader::Person => t.x("reader_person"),
        Reader::Executor => t.x("reader_executor"),
        Reader::NextOfKin => t.x("reader_next_of_kin"),
        Reader::Guardian => t.x("reader_guardian"),
        Reader::CareOf => t.x("reader_care_of"),
    }
}

/// One person's letter.
pub fn one(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let t = visit.t();
    let row = overview.person(visit.param("handle")).ok_or(Fault::NotFound)?;
    if overview.letters.is_none() || row.letter.is_none() {
        return Err(Fault::NotFound);
    }
    let (f, _) = frame(visit, &overview, "/letters", t.x("letter_title"))?;
    let session = visit.session()?;
    let settings = visit.console.settings(&session.who.name, &visit.console.options.now);
    let is_shown = visit.sees(&row.handle);
    let letter = if is_shown { whole_letter(&settings, visit.role()?, &row.data_subject)? } else { masked_letter(&settings, &row.data_subject)? };
    let page = LetterPage {
        f,
        handle: row.handle.clone(),
        key: row.data_subject.clone(),
        is_shown,
        is_held: letter.is_held,
        is_current: overview.letters.as_ref().is_some_and(|letters| letters.is_current),
        readers: Reader::ALL.map(|reader| (reader.as_str(), reader_word(t, reader))).to_vec(),
        attention: letter.attention,
        state: row.letter.as_deref().map(|state| letter_state(t, state)).unwrap_or_default(),
        language: letter.language,
        subject: letter.subject.into_personal(),
        text: letter.text.into_personal(),
    };
    Ok(Reply::Page(page.render()?))
}
