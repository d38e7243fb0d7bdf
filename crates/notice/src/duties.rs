//! The duties of a case: what is owed to whom, what has started its clock, when it is due, what is left. A clock starts from a
//! person's recorded word and from nothing else; nothing here decides whether a duty applies.

pub mod ics;
mod said;

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use strandline_model::duty::{DutyWord, RecordedDecision};
use strandline_model::time::Instant;

use crate::calendar::DayKind;
use crate::clock::{self, left_words};
use crate::law::{Audience, Check, Deadline, Duty, Force, LawBook, Regime, RestsOn, Span, Standing, Status, Trigger};
use crate::letter::Next;
use crate::letter::said::NEXT;
use said::{Said, Start};

/// People by the strongest tier that the evidence shows, as of a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierCounts {
    /// Confirmed.
    pub confirmed: u64,
    /// Likely.
    pub likely: u64,
    /// Possible.
    pub possible: u64,
}

impl TierCounts {
    /// All three together.
    pub fn total(&self) -> u64 {
        self.confirmed.saturating_add(self.likely).saturating_add(self.possible)
    }
}

/// How a duty stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The clock runs, and the deadline has passed.
    Overdue,
    /// The clock runs.
    Running,
    /// A first part was given; more is owed.
    PartlyDone,
    /// The clock has not started: nobody has recorded its event.
    Waiting,
    /// It was done.
    Done,
    /// A person recorded that it does not apply.
    NotRequired,
    /// The regime was not in force when the clock started.
    NotInForce,
}

/// A time, for programs and for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// The instant, microseconds since the epoch.
    pub at: Instant,
    /// In the zone of the rule: `Fri 27 Nov 2026 09:00 HKT`.
    pub local: String,
}

/// What started a clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Started {
    /// When, as the person stated it.
    pub at: Moment,
    /// Who recorded it.
    pub by: String,
    /// The ledger entry.
    pub ledger_entry: u64,
}

/// One duty of the case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DutyView {
    /// How it stands.
    pub state: State,
    /// The duty, as its file has it.
    pub duty: Duty,
    /// The regime's name.
    pub regime: String,
    /// `guidance, voluntary; SECONDARY SOURCE ONLY: …; checked 2026-10-09 by …`, after `DRAFT, …` where it is one.
    pub standing: String,
    /// The rule in words: `within 72 hours`.
    pub rule: String,
    /// What started the clock.
    pub started: Option<Started>,
    /// What it waits for, while it waits.
    pub waits_for: Option<String>,
    /// The deadline; `None` while the clock waits, or where the rule has no number.
    pub deadline: Option<Moment>,
    /// Seconds to the deadline, negative when it has passed, while the clock runs.
    pub left_seconds: Option<i64>,
    /// The same in words.
    pub left: Option<String>,
    /// When it was done, or its last part given.
    pub done: Option<Moment>,
    /// How often a report of a series was given.
    pub reports: u32,
    /// Whether a person recorded that its condition is met.
    pub required: Option<bool>,
    /// What is unusual in this case, one sentence each: lateness, a moved start, a deadline on a closed day or that cannot be told.
    pub warnings: Vec<String>,
    /// What the rule says besides, one sentence each: condition, threshold, exceptions.
    pub notes: Vec<String>,
}

/// What must be known of a regime whose duties are listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegimeView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who it applies to, where the sources say.
    pub applies_to: Option<String>,
    /// First day in force; `None`: the sources do not say.
    pub in_force_from: Option<Date>,
    /// Last day in force.
    pub in_force_to: Option<Date>,
    /// When somebody last compared it with its sources.
    pub checked: Date,
    /// Who did; `None`: the file does not say.
    pub checked_by: Option<String>,
    /// How far it has come.
    pub status: Status,
    /// What was read.
    pub sources: Vec<String>,
    /// What a reader must know.
    pub note: Option<String>,
    /// The file it was read from.
    pub path: String,
}

impl RegimeView {
    fn of(regime: &Regime) -> Self {
        Self {
            id: regime.id.clone(),
            name: regime.name.clone(),
            applies_to: regime.applies_to.clone(),
            in_force_from: regime.days.from,
            in_force_to: regime.days.to,
            checked: regime.checked.on,
            checked_by: regime.checked.by.clone(),
            status: regime.status,
            sources: regime.sources.clone(),
            note: regime.note.clone(),
            path: regime.path.clone(),
        }
    }
}

/// All duties of a case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Duties {
    /// As of when.
    pub as_of: Moment,
    /// The most urgent first.
    pub duties: Vec<DutyView>,
    /// The regimes they are of, by id.
    pub regimes: Vec<RegimeView>,
    /// What could not be told, one sentence each: an unknown regime, an event that nobody waits for.
    pub problems: Vec<String>,
}

/// What a survey stands on.
#[derive(Clone, Copy, Debug)]
pub struct Survey<'a> {
    /// The law.
    pub book: &'a LawBook,
    /// Regimes that apply to the organisation, by id.
    pub regimes: &'a [String],
    /// Everything that people decided, oldest first. The last word on a thing counts.
    pub decisions: &'a [RecordedDecision],
    /// The clock.
    pub now: Instant,
    /// The organisation's zone, where a regime names none.
    pub zone: &'a TimeZone,
    /// People affected, if the case has exposures; for thresholds.
    pub people: Option<TierCounts>,
    /// Those of them who fall under a regime, by its id, where the register says under which laws people fall.
    pub people_under: &'a BTreeMap<String, TierCounts>,
}

/// Every duty of the regimes that apply.
pub fn survey(survey: &Survey<'_>) -> Duties {
    let said = Said::of(survey.decisions);
    let mut duties = Vec::new();
    let mut problems = Vec::new();
    let mut listed = Vec::new();
    let mut regimes: Vec<&String> = survey.regimes.iter().collect();
    regimes.sort();
    regimes.dedup();
    for id in &regimes {
        match survey.book.regime(id) {
            Some(regime) => {
                listed.push(RegimeView::of(regime));
                duties.extend(regime.duties.iter().map(|duty| view(survey, &said, regime, duty)));
            }
            None => {
                let known: Vec<&str> = survey.book.regimes().map(|regime| regime.id.as_str()).collect();
                problems.push(format!(
                    "the estate names the regime {id:?}, and no law file describes it: its duties are not in this list; there are {}",
                    known.join(", ")
                ));
            }
        }
    }
    if regimes.is_empty() {
        problems.push("the estate names no regime: add regimes to [organisation]".to_owned());
    }
    duties.extend(promise(survey, &said));
    // Urgency first; the id is unique, so the order is total.
    duties.sort_by(|a, b| {
        let key = |view: &DutyView| (view.state, view.deadline.as_ref().map_or(Instant::MAX, |due| due.at));
        key(a).cmp(&key(b)).then_with(|| a.duty.id.cmp(&b.duty.id))
    });
    Duties { as_of: moment(survey.now, survey.zone), duties, regimes: listed, problems }
}

fn view(survey: &Survey<'_>, said: &Said<'_>, regime: &Regime, duty: &Duty) -> DutyView {
    let zone = zone_of(regime, survey.zone);
    let record = said.duty(&duty.id);
    let start = start_of(said, regime, duty);
    let mut view = DutyView {
        state: State::Waiting,
        duty: duty.clone(),
        regime: regime.name.clone(),
        standing: standing(duty),
        rule: rule(duty),
        started: start.as_ref().map(|start| Started { at: moment(start.at, &zone), by: start.by.to_owned(), ledger_entry: start.ledger_entry }),
        waits_for: None,
        deadline: None,
        left_seconds: None,
        left: None,
        done: record.last_given().map(|at| moment(at, &zone)),
        reports: record.given.len().try_into().unwrap_or(u32::MAX),
        required: record.required,
        warnings: start.iter().flat_map(|start| start.notes.iter().cloned()).collect(),
        notes: Vec::new(),
    };
    note_rule(survey, regime, duty, &mut view);
    note_age(survey, duty, &zone, &mut view);
    if let Some(start) = &start {
        set_deadline(survey, said, regime, duty, start, &zone, &mut view);
    } else {
        view.waits_for = Some(waits_for(survey.book, duty));
    }
    view.state = state(survey, said, regime, duty, start.as_ref(), &view, &zone);
    finish(survey.now, duty, &mut view);
    view
}

/// The duty that letters make: to write again by the day that they name.
pub const PROMISE: &str = "letters/next";

/// What the organisation promised in its letters, where somebody decided on a day.
fn promise(survey: &Survey<'_>, said: &Said<'_>) -> Option<DutyView> {
    let zone = survey.zone.clone();
    let asked = |recorded: &&RecordedDecision| matches!(&recorded.decision.word, DutyWord::Answered { question, .. } if question == NEXT);
    let recorded = survey.decisions.iter().rev().find(asked)?;
    let DutyWord::Answered { text, .. } = &recorded.decision.word else { return None };
    let Some(Next::By(day)) = Next::parse(text.expose_personal()) else { return None };
    let end = zone.to_timestamp(day.tomorrow().ok()?.at(0, 0, 0, 0)).ok()?.as_microsecond().saturating_sub(1);
    let record = said.duty(PROMISE);
    let duty = Duty {
        id: PROMISE.to_owned(),
        title: "Write again to everybody who was reached or could have been, as the letters promise".to_owned(),
        recipient: "the people who were written to".to_owned(),
        audience: Audience::Individuals,
        trigger: Trigger::Event("letter_next".to_owned()),
        trigger_means: None,
        deadline: Deadline::promptly("by the day that the letters name"),
        condition: None,
        threshold_people: None,
        fewer_than_people: None,
        contents: vec!["what is new since the last letter, or that there is nothing new".to_owned()],
        must_not_contain: None,
        exceptions: Vec::new(),
        late: None,
        phased: None,
        repeats: None,
        channel: Some("a further round of letters".to_owned()),
        form: None,
        standing: Standing::HouseRule,
        force: Force::Binding,
        rests_on: RestsOn::HouseRule,
        sources: Vec::new(),
        checked: Check { on: day, by: None },
        status: Status::InForce,
        days: Span::default(),
        note: None,
    };
    let mut view = DutyView {
        state: match record.done {
            true => State::Done,
            false if end < survey.now.micros() => State::Overdue,
            false => State::Running,
        },
        regime: "the organisation's own letters".to_owned(),
        standing: "a promise in the organisation's name".to_owned(),
        rule: "by the day that the letters name".to_owned(),
        started: Some(Started {
            at: moment(recorded.decision.decided_at, &zone),
            by: recorded.decision.decided_by.clone(),
            ledger_entry: recorded.ledger_entry,
        }),
        waits_for: None,
        deadline: Some(moment(Instant(end), &zone)),
        left_seconds: None,
        left: None,
        done: record.last_given().map(|at| moment(at, &zone)),
        reports: 0,
        required: record.required,
        warnings: Vec::new(),
        notes: Vec::new(),
        duty: duty.clone(),
    };
    finish(survey.now, &duty, &mut view);
    Some(view)
}

fn start_of<'a>(said: &Said<'a>, regime: &Regime, duty: &Duty) -> Option<Start<'a>> {
    match &duty.trigger {
        // A word for this regime alone goes before a word for all.
        Trigger::Event(event) => said.event(&format!("{}/{event}", regime.id)).or_else(|| said.event(event)),
        Trigger::Done(other) => said.duty(other).first_given(),
    }
}

fn set_deadline(survey: &Survey<'_>, said: &Said<'_>, regime: &Regime, duty: &Duty, start: &Start<'_>, zone: &TimeZone, view: &mut DutyView) {
    if start.at > survey.now {
        view.warnings.push("its start lies in the future: check the time that was stated".to_owned());
    }
    let Some(period) = &duty.deadline.within else { return };
    let calendar = regime.calendar.as_deref().and_then(|id| survey.book.calendar(id));
    let due = clock::deadline(period, start.at, zone, calendar).and_then(|first| match &duty.repeats {
        None => Ok(first),
        Some(repeats) => clock::repetition(repeats, first, said.duty(&duty.id).given.len().try_into().unwrap_or(u32::MAX), zone),
    });
    match due {
        Ok(due) => {
            view.deadline = Some(moment(due, zone));
            let date = clock::local(due, zone).map(|local| local.date()).ok();
            if let (Some(calendar), Some(date)) = (calendar, date)
                && let DayKind::Closed(why) = calendar.kind(date, &period.closed())
            {
                view.warnings.push(format!("the deadline falls on a closed day ({why}): send it before"));
            }
        }
        Err(error) => view.warnings.push(format!("its deadline cannot be told: {error}")),
    }
}

fn state(survey: &Survey<'_>, said: &Said<'_>, regime: &Regime, duty: &Duty, start: Option<&Start<'_>>, view: &DutyView, zone: &TimeZone) -> State {
    let record = said.duty(&duty.id);
    if record.required == Some(false) {
        return State::NotRequired;
    }
    if !in_force(regime, duty, start.map_or(survey.now, |start| start.at), zone) {
        return State::NotInForce;
    }
    let ended = duty.repeats.as_ref().is_some_and(|repeats| ends_series(said, regime, &repeats.until).is_some());
    if ended || (record.done && duty.repeats.is_none()) {
        return State::Done;
    }
    if start.is_none() {
        return State::Waiting;
    }
    if !record.given.is_empty() && duty.repeats.is_none() {
        return State::PartlyDone;
    }
    match &view.deadline {
        Some(due) if due.at < survey.now => State::Overdue,
        _ => State::Running,
    }
}

fn ends_series<'a>(said: &Said<'a>, regime: &Regime, until: &str) -> Option<Start<'a>> {
    said.event(&format!("{}/{until}", regime.id)).or_else(|| said.event(until))
}

/// Time left while the clock runs; lateness once it was done.
fn finish(now: Instant, duty: &Duty, view: &mut DutyView) {
    let Some(due) = view.deadline.as_ref().map(|due| due.at) else { return };
    let late = match view.state {
        State::Running | State::Overdue => {
            let seconds = due.micros().saturating_sub(now.micros()).div_euclid(1_000_000);
            view.left_seconds = Some(seconds);
            view.left = Some(left_words(seconds));
            view.state == State::Overdue
        }
        State::Done | State::PartlyDone if duty.repeats.is_none() => view.done.as_ref().is_some_and(|done| done.at > due),
        _ => false,
    };
    if late && view.state != State::Overdue {
        view.warnings.push("it was done after its deadline".to_owned());
    }
    if late && let Some(what) = &duty.late {
        view.warnings.push(format!("late: {what}"));
    }
}

fn note_rule(survey: &Survey<'_>, regime: &Regime, duty: &Duty, view: &mut DutyView) {
    let notes = &mut view.notes;
    if let Some(condition) = &duty.condition {
        let decided = match view.required {
            Some(true) => "recorded as met",
            Some(false) => "recorded as not met",
            None => "a person decides; until then the clock runs",
        };
        notes.push(format!("condition: {condition} ({decided})"));
    }
    let thresholds = [("", duty.threshold_people), ("fewer than ", duty.fewer_than_people)];
    for (below, threshold) in thresholds.into_iter().filter_map(|(below, threshold)| Some((below, threshold?))) {
        let under = survey.people_under.get(&regime.id);
        let among = if under.is_some() { "of the people under this law " } else { "" };
        notes.push(match under.or(survey.people.as_ref()) {
            Some(people) => format!(
                "threshold: {below}{threshold} people; {among}the case shows {} confirmed, {} likely, {} possible",
                people.confirmed, people.likely, people.possible
            ),
            None => format!("threshold: {below}{threshold} people; how many are affected is unknown, because the case has no exposures yet"),
        });
    }
    notes.extend(duty.phased.clone());
    notes.extend(duty.exceptions.iter().map(|exception| format!("exception: {exception}")));
    notes.extend(duty.must_not_contain.iter().map(|what| format!("must not contain: {what}")));
    notes.extend(duty.note.clone());
    notes.extend(duty.sources.iter().map(|source| format!("source: {source}")));
}

/// From how many days on a comparison with the sources is old. Law changes several times a year somewhere in the list.
const OLD_DAYS: i32 = 180;

/// Says of a comparison that it is old, and of one to come that its day is wrong.
fn note_age(survey: &Survey<'_>, duty: &Duty, zone: &TimeZone, view: &mut DutyView) {
    let Ok(today) = clock::local(survey.now, zone).map(|local| local.date()) else { return };
    let Ok(days) = today.since(duty.checked.on).map(|span| span.get_days()) else { return };
    if days > OLD_DAYS {
        view.warnings.push(format!("last compared with its sources {days} days ago: look it up before you rely on it"));
    } else if days < 0 {
        view.warnings.push(format!("its file says that it was compared with its sources on {}, which is to come", duty.checked.on));
    }
}

fn rule(duty: &Duty) -> String {
    let mut words = duty.deadline.words();
    if let Some(repeats) = &duty.repeats {
        words.push_str(&format!(", then every {} until {:?}", repeats.unit.count(repeats.every), repeats.until));
    }
    words
}

fn standing(duty: &Duty) -> String {
    let status = duty.status.words().map(|words| format!("{words}; ")).unwrap_or_default();
    let by = duty.checked.by.as_deref().map(|who| format!(" by {who}")).unwrap_or_default();
    format!("{status}{}, {}; {}; checked {}{by}", duty.standing.words(), duty.force.words(), duty.rests_on.words(), duty.checked.on)
}

fn waits_for(book: &LawBook, duty: &Duty) -> String {
    match &duty.trigger {
        Trigger::Event(event) => {
            let means = duty.trigger_means.as_deref().or_else(|| book.event_means(event)).unwrap_or_default();
            format!("decide {event}: {means}")
        }
        Trigger::Done(other) => format!("{other} to be done"),
    }
}

/// Whether the rule binds at the time: its own days count where it has some, and the regime's always.
fn in_force(regime: &Regime, duty: &Duty, at: Instant, zone: &TimeZone) -> bool {
    let days = || clock::local(at, zone).map(|local| local.date());
    let holds = |span: &Span| days().map_or(true, |day| span.holds(day));
    match duty.status {
        Status::Draft => false,
        Status::Adopted if duty.days.from.or(regime.days.from).is_none() => false,
        Status::InForce | Status::Adopted => holds(&regime.days) && holds(&duty.days),
    }
}

fn zone_of(regime: &Regime, organisation: &TimeZone) -> TimeZone {
    regime.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok()).unwrap_or_else(|| organisation.clone())
}

/// A time as people read it: weekday, date, time and zone.
pub(crate) fn moment(at: Instant, zone: &TimeZone) -> Moment {
    let local = match clock::local(at, zone) {
        Ok(local) => local.strftime("%a %-d %b %Y %H:%M %Z").to_string(),
        Err(_) => at.to_string(),
    };
    Moment { at, local }
}

#[cfg(test)]
mod tests;
