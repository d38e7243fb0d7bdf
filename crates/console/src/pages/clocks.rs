//! Clocks: what is owed to whom by when, and the forms by which a person says what happened. Nothing else starts a clock.

use askama::Template;
use strandline_response::notice::{DutyView, FormId, State, questions};

use super::{Frame, frame};
use crate::reply::{Fault, Reply};
use crate::texts::{LETTER_LANGUAGES, Texts};
use crate::visit::Visit;

/// Hours that a full bar stands for.
const BAR_HOURS: f64 = 72.0;

struct DutyLine {
    id: String,
    title: String,
    regime: String,
    rule: String,
    standing: String,
    due: String,
    left: String,
    bar: Option<String>,
    started: String,
    waits_for: String,
    done: String,
    recipient: String,
    contents: Vec<String>,
    warnings: Vec<String>,
    notes: Vec<String>,
}

struct Group {
    name: String,
    class: &'static str,
    duties: Vec<DutyLine>,
}

#[derive(Template)]
#[template(path = "clocks.html")]
struct ClocksPage<'v> {
    f: Frame<'v>,
    as_of: String,
    groups: Vec<Group>,
    events: Vec<String>,
    duties: Vec<String>,
    problems: Vec<String>,
    forms: [&'static str; FormId::ALL.len()],
    /// What the forms ask, by their names for it.
    questions: Vec<(&'static str, &'static str)>,
    /// What letters ask.
    of_letters: Vec<String>,
}

/// The page.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let t = visit.t();
    let (f, clocks) = frame(visit, &overview, "/clocks", t.x("nav_clocks"))?;
    let duties = &clocks.duties.duties;
    let states = [
        (State::Overdue, t.x("state_overdue"), "overdue"),
        (State::Running, t.x("state_running"), "running"),
        (State::PartlyDone, t.x("state_partly_done"), "running"),
        (State::Waiting, t.x("state_waiting"), "waiting"),
        (State::Done, t.x("state_done"), "done"),
        (State::NotRequired, t.x("state_not_required"), "done"),
        (State::NotInForce, t.x("state_not_in_force"), "done"),
    ];
    let group = |(state, name, class): (State, &str, &'static str)| {
        let lines: Vec<DutyLine> = duties.duties.iter().filter(|view| view.state == state).map(|view| line(view, t)).collect();
        (!lines.is_empty()).then(|| Group { name: name.to_owned(), class, duties: lines })
    };
    let page = ClocksPage {
        f,
        as_of: duties.as_of.local.clone(),
        groups: states.into_iter().filter_map(group).collect(),
        events: clocks.events.iter().cloned().chain(["found".to_owned(), "stopped".to_owned()]).collect(),
        duties: duties.duties.iter().map(|view| view.duty.id.clone()).collect(),
        problems: duties.problems.clone(),
        forms: FormId::ALL.map(FormId::as_str),
        questions: questions(),
        of_letters: of_letters(),
    };
    Ok(Reply::Page(page.render()?))
}

/// What letters ask: each in every language, and what all of them share.
fn of_letters() -> Vec<String> {
    let told = ["letter_account", "letter_measures", "letter_speaker"];
    let each = told.into_iter().flat_map(|question| LETTER_LANGUAGES.map(|(tag, _)| format!("{question}/{tag}")));
    ["letter_reference", "letter_next"].map(str::to_owned).into_iter().chain(each).collect()
}

fn line(view: &DutyView, t: &Texts) -> DutyLine {
    let is_running = matches!(view.state, State::Running | State::Overdue | State::PartlyDone);
    DutyLine {
        id: view.duty.id.clone(),
        title: view.duty.title.clone(),
        regime: view.regime.clone(),
        rule: view.rule.clone(),
        standing: view.standing.clone(),
        due: view.deadline.as_ref().map(|due| due.local.clone()).unwrap_or_default(),
        left: view.left.clone().unwrap_or_default(),
        bar: view.left_seconds.filter(|_| is_running).map(bar),
        started: view.started.as_ref().map(|started| t.w2("clock_started", &started.at.local, &started.by)).unwrap_or_default(),
        waits_for: view.waits_for.clone().unwrap_or_default(),
        done: view.done.as_ref().map(|done| done.local.clone()).unwrap_or_default(),
        recipient: view.duty.recipient.clone(),
        contents: view.duty.contents.clone(),
        warnings: view.warnings.clone(),
        notes: view.notes.clone(),
    }
}

/// What is left, of three days.
fn bar(left_seconds: i64) -> String {
    let share = (left_seconds as f64 / 3600.0 / BAR_HOURS).clamp(0.0, 1.0);
    format!(
        "<svg viewBox='0 0 240 12' preserveAspectRatio='none' class='bar clock' aria-hidden='true' focusable='false'><rect width='240' height='12' class='bar-empty'/><rect width='{:.1}' height='12' class='bar-left'/></svg>",
        share * 240.0
    )
}
