//! Letters: where everybody's letter is, what the lint says, who approved, which wait for a person, and what one says.

use std::collections::BTreeSet;

use askama::Template;
use strandline_model::letter::Channel;
use strandline_model::letter_word::Reader;
use strandline_response::desk::{LetterBatches, LettersOverview, LintLine, Overview, Said, mail_way, masked_letter, whole_letter};
use strandline_response::{PersonStatus, Right};

use super::{Frame, frame, letter_state, zone};
use crate::pictures::Zone;
use crate::reply::{Fault, Reply};
use crate::texts::{LETTER_LANGUAGES, Texts};
use crate::visit::Visit;

/// Letters that wait, of one page.
const HELD_SHOWN: usize = 100;
/// Letters of one finding that a page leads to; its count leads to all.
const FINDING_LETTERS: usize = 3;

struct StateLine {
    href: String,
    name: String,
    count: String,
    width: u64,
}

/// A lot of letters: how many, where their rows are, what they are.
struct BatchLine {
    href: String,
    name: String,
    count: String,
}

/// Letters of one template.
struct TemplateLine {
    href: String,
    rows: String,
    kind: String,
    language: String,
    count: String,
}

/// A finding of the lint, and the first letters that have it.
struct FindingLine {
    count: String,
    rule: &'static str,
    blocks: bool,
    place: String,
    problem: String,
    letters: Vec<(String, String)>,
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
    lint: Option<Vec<FindingLine>>,
    lint_blocks: bool,
    sample: Option<String>,
    reports: Vec<String>,
    batches: Vec<BatchLine>,
    templates: Vec<TemplateLine>,
    way: String,
    /// What is missing before anything can go by mail.
    no_way: Option<String>,
    /// How many e-mails go, were they sent now.
    to_mail: Option<String>,
    /// Those that failed, and go once more if somebody says so: by the other channel, and by the same.
    again: [Option<String>; 2],
    to_post: Option<String>,
    can_post: bool,
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
    /// By which way, since when, how often it was put off, what was said last.
    sent: Vec<(String, String)>,
    /// What can be said of where it is.
    can_come: Vec<(&'static str, String)>,
    findings: Vec<String>,
    beside: String,
    language: String,
    subject: String,
    text: String,
}

/// The page.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let t = visit.t();
    let (f, _) = frame(visit, &overview, "/letters", t.x("nav_letters"))?;
    let lint = visit.console.known_lint(&overview);
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
        lint: lint.map(|lines| lines.iter().map(|line| finding(line, &overview, t)).collect()),
        sample: None,
        reports: Vec::new(),
        batches: Vec::new(),
        templates: Vec::new(),
        way: String::new(),
        no_way: None,
        to_mail: None,
        again: [None, None],
        to_post: None,
        can_post: visit.console.options.given.post.is_some(),
    };
    if let Some(letters) = &overview.letters {
        page.fill(visit, &overview, letters)?;
    }
    Ok(Reply::Page(page.render()?))
}

impl LettersPage<'_> {
    /// What is said of letters, once there are any.
    fn fill(&mut self, visit: &Visit, overview: &Overview, letters: &LettersOverview) -> Result<(), Fault> {
        let t = visit.t();
        let (status, approval) = (&letters.status, &letters.status.approval);
        let most = status.counts.values().max().copied().unwrap_or(1).max(1);
        self.has_letters = true;
        self.is_current = letters.is_current;
        self.round = letters.round;
        self.states = status
            .counts
            .iter()
            .map(|(state, count)| StateLine {
                href: format!("/people?letter={state}"),
                name: letter_state(t, state),
                count: t.n(*count),
                width: (count * 240 / most).max(2),
            })
            .collect();
        self.letters = t.n(approval.letters);
        self.approvals = t.w2("letters_approvals", approval.have, approval.needed);
        self.approved_by = approval.approved_by.join(", ");
        self.is_enough = approval.is_enough();
        self.plan = approval.plan_sha256.clone();
        self.fill_held(letters, overview, t);
        let batches = &letters.batches;
        let waiting = |channel: Channel| batches.by_channel.get(channel.as_str()).map(|people| t.n(people.len() as u64));
        (self.to_mail, self.to_post) = (waiting(Channel::Email), waiting(Channel::Post));
        self.again = [&batches.other_channel, &batches.send_again].map(|people| (!people.is_empty()).then(|| t.n(people.len() as u64)));
        self.batches = batch_lines(batches, t);
        self.templates = template_lines(batches, t);
        if visit.may(Right::Letters) {
            let settings = visit.console.settings(&visit.session()?.who.name, &visit.console.options.now);
            match mail_way(&settings, &visit.console.options.given.mail) {
                Ok(way) => self.way = t.w(if way.is_sealed { "send_way_sealed" } else { "send_way" }, format!("{}:{}", way.host, way.port)),
                Err(error) => self.no_way = Some(t.said(&Said::from(&error))),
            }
        }
        self.reports = status.reports.iter().map(|report| format!("{}: {}", report.data_subject, report.why)).collect();
        Ok(())
    }

    /// Who is held and why, and a letter to look at.
    fn fill_held(&mut self, letters: &LettersOverview, overview: &Overview, t: &Texts) {
        let status = &letters.status;
        let held: Vec<_> = status.people.iter().filter(|person| person.state == "held").collect();
        self.held_rest = (held.len() > HELD_SHOWN).then(|| t.w("more_rows", t.n((held.len() - HELD_SHOWN) as u64)));
        self.held = held
            .into_iter()
            .take(HELD_SHOWN)
            .filter_map(|person| {
                let row = overview.person_of_key(&person.data_subject)?;
                Some(HeldLine { handle: row.handle.clone(), key: row.data_subject.clone(), reason: person.answer.clone().unwrap_or_default() })
            })
            .collect();
        let first = status.people.iter().find(|person| person.state != "held").and_then(|person| overview.person_of_key(&person.data_subject));
        self.sample = first.map(|row| row.handle.clone());
    }
}

/// Letters in the lots that they go in. The order is that in which somebody works them off.
fn batch_lines(batches: &LetterBatches, t: &Texts) -> Vec<BatchLine> {
    let line = |href: String, name: String, people: usize| BatchLine { href, name, count: t.n(people as u64) };
    let by_channel = batches.by_channel.iter().map(|(channel, people)| {
        let name = t.find(&format!("batch_{channel}")).unwrap_or(channel).to_owned();
        line(format!("/people?batch={channel}"), name, people.len())
    });
    let failed = [("other_channel", &batches.other_channel), ("send_again", &batches.send_again)];
    let failed = failed.into_iter().filter(|(_, people)| !people.is_empty()).map(|(word, people)| {
        let name = t.find(&format!("batch_{word}")).unwrap_or(word).to_owned();
        line(format!("/people?batch={word}"), name, people.len())
    });
    let held = batches.held.iter().enumerate().map(|(place, (reason, people))| line(format!("/people?held={place}"), t.w("batch_held", reason), people.len()));
    by_channel.chain(failed).chain(held).collect()
}

fn template_lines(batches: &LetterBatches, t: &Texts) -> Vec<TemplateLine> {
    let line = |((kind, language), people): (&(String, String), &BTreeSet<String>)| TemplateLine {
        href: format!("/letters/template/{kind}/{language}"),
        rows: format!("/people?template={kind}.{language}"),
        kind: letter_kind(t, kind),
        language: language_name(language),
        count: t.n(people.len() as u64),
    };
    batches.templates.iter().map(line).collect()
}

/// Which letter, in words.
pub fn letter_kind(t: &Texts, kind: &str) -> String {
    t.find(&format!("letter_kind_{kind}")).map_or_else(|| kind.replace('_', " "), str::to_owned)
}

/// A language as its readers call it.
pub fn language_name(tag: &str) -> String {
    LETTER_LANGUAGES.iter().find(|(known, _)| *known == tag).map_or_else(|| tag.to_owned(), |(_, name)| (*name).to_owned())
}

fn finding(line: &LintLine, overview: &Overview, t: &Texts) -> FindingLine {
    let rows = line.people.iter().filter_map(|key| overview.person_of_key(key)).take(FINDING_LETTERS);
    FindingLine {
        count: t.n(line.letters),
        rule: line.rule,
        blocks: line.blocks,
        place: line.place.clone(),
        problem: line.problem.clone(),
        letters: rows.map(|row| (format!("/letters/{}", row.handle), row.data_subject.clone())).collect(),
    }
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

/// How a letter goes, as far as it has gone.
fn sent(status: &PersonStatus, zone: &Zone, t: &Texts) -> Vec<(String, String)> {
    let fact = |key: &str, value: Option<String>| value.map(|value| (t.x(key).to_owned(), value));
    let channel = status.channel.map(|channel| t.find(&format!("way_{}", channel.as_str())).unwrap_or(channel.as_str()).to_owned());
    // Why a letter is held stands above.
    let answer = status.answer.clone().filter(|_| status.channel.is_some());
    let facts = [
        fact("letter_channel", channel),
        fact("letter_since", status.since.map(|since| zone.full(since))),
        fact("letter_attempts", (status.attempts > 0).then(|| t.n(status.attempts))),
        fact("letter_said", answer),
    ];
    facts.into_iter().flatten().collect()
}

/// What somebody can say of a letter that left; the desk decides again whether it may be said.
fn can_come(status: &PersonStatus, t: &Texts) -> Vec<(&'static str, String)> {
    let words: &[&'static str] = match status.state.as_str() {
        "uncertain" => &["arrived", "send_again", "bounced"],
        "accepted" => &["bounced", "answered"],
        "handed_over" => &["returned", "answered"],
        "refused" | "bounced" | "returned" => &["send_again"],
        _ => &[],
    };
    words.iter().map(|word| (*word, t.find(&format!("came_letter_{word}")).unwrap_or(word).to_owned())).collect()
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
    let status = overview.letters.iter().flat_map(|letters| &letters.status.people).find(|person| person.data_subject == row.data_subject);
    let lint = visit.console.known_lint(&overview);
    let of_it = lint.iter().flat_map(|lines| lines.iter()).filter(|line| line.people.contains(&row.data_subject));
    let page = LetterPage {
        f,
        sent: status.map(|status| sent(status, &zone(&overview), t)).unwrap_or_default(),
        can_come: status.map(|status| can_come(status, t)).unwrap_or_default(),
        findings: of_it.map(|line| format!("{}: {}", line.place, line.problem)).collect(),
        beside: format!("/letters/template/{}/{}?of={}", letter.kind, letter.language, row.handle),
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
