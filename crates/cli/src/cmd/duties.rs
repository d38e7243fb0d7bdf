//! `strandline duties`: what is owed to whom by when, what is left, what it waits for; and the deadlines for a calendar.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use strandline_response::notice::{DutyView, State};
use strandline_response::{CaseDuties, duties};

use crate::cmd::{Common, law, now, print_json};
use crate::ui::{Format, put};

/// A terminal of the old kind, and the width of a printed page.
const WIDTH: usize = 80;

/// What must be told to whom by when
#[derive(Args)]
pub struct Duties {
    /// The case folder
    case: PathBuf,
    /// Write the running deadlines as a calendar file (iCalendar)
    #[arg(long, value_name = "FILE")]
    ics: Option<PathBuf>,
    /// Folder of law files of your own; they stand beside those that come with the program, or in their place
    #[arg(long, value_name = "DIR")]
    law: Option<PathBuf>,
    /// Show also who gets it, what started the clock, contents, exceptions, sources
    #[arg(long)]
    details: bool,
}

/// How much the table shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Deadline, duty, rule, standing, what is unusual.
    Short,
    /// All of it.
    Full,
}

impl Duties {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let law = law::read(self.law.as_deref())?;
        let now = now();
        let found = duties(&self.case, &law, now)?;
        if let Some(path) = &self.ics {
            std::fs::write(path, found.calendar(now)).with_context(|| format!("the calendar file {} cannot be written", path.display()))?;
        }
        match common.format() {
            Format::Json => print_json(&found)?,
            Format::Text => put(&table(&found, if self.details { Detail::Full } else { Detail::Short }))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The table, no line wider than 80 columns (a single word may be).
pub fn table(found: &CaseDuties, detail: Detail) -> Vec<String> {
    let mut lines = vec![format!("Duties of {}, as of {}", found.reference, found.duties.as_of.local)];
    let mut state = None;
    for view in &found.duties.duties {
        if state != Some(view.state) {
            state = Some(view.state);
            lines.push(String::new());
            lines.push(heading(view.state).to_owned());
        }
        duty(view, detail, &mut lines);
    }
    if detail == Detail::Full {
        regimes(found, &mut lines);
    }
    for problem in &found.duties.problems {
        lines.push(String::new());
        wrap(&format!("problem: {problem}"), 0, 2, &mut lines);
    }
    lines
}

fn regimes(found: &CaseDuties, lines: &mut Vec<String>) {
    lines.push(String::new());
    lines.push("REGIMES".to_owned());
    for regime in &found.duties.regimes {
        wrap(&format!("{}: {}", regime.id, regime.name), 2, 4, lines);
        let from = regime.in_force_from.map_or("not stated in the sources".to_owned(), |date| date.to_string());
        let to = regime.in_force_to.map(|date| format!(" to {date}")).unwrap_or_default();
        wrap(&format!("in force from: {from}{to}; from {}", regime.path), 4, 6, lines);
        let by = regime.checked_by.as_deref().map(|who| format!(" by {who}")).unwrap_or_default();
        wrap(&format!("compared with its sources on {}{by}", regime.checked), 4, 6, lines);
        for text in regime.applies_to.iter().map(|who| format!("applies to {who}")).chain(regime.note.clone()) {
            wrap(&text, 4, 6, lines);
        }
        for source in &regime.sources {
            wrap(&format!("source: {source}"), 4, 6, lines);
        }
    }
}

fn heading(state: State) -> &'static str {
    match state {
        State::Overdue => "OVERDUE",
        State::Running => "RUNNING",
        State::PartlyDone => "DONE IN PART, MORE IS OWED",
        State::Waiting => "WAITING: no clock runs before a person decides",
        State::Done => "DONE",
        State::NotRequired => "NOT REQUIRED",
        State::NotInForce => "NOT IN FORCE when the clock started",
    }
}

/// `Thu 26 Nov 2026 17:00 HKT` and `in 1 d 08:29` have columns of their own.
fn duty(view: &DutyView, detail: Detail, lines: &mut Vec<String>) {
    let due = match (&view.deadline, view.state) {
        (_, State::Waiting | State::NotRequired | State::NotInForce) => "-",
        (Some(due), _) => due.local.as_str(),
        (None, _) => "no number in the rule",
    };
    let left = view.left.as_deref().unwrap_or_default();
    lines.push(format!("  {due:<26}{left:<15}{}", view.duty.id));
    wrap(&view.duty.title, 4, 6, lines);
    wrap(&format!("{}; {}", view.rule, view.standing), 4, 6, lines);
    if let Some(what) = &view.waits_for {
        wrap(&format!("waits for: {what}"), 4, 6, lines);
    }
    if let Some(done) = &view.done {
        wrap(&format!("given {}", done.local), 4, 6, lines);
    }
    for warning in &view.warnings {
        wrap(&format!("! {warning}"), 4, 6, lines);
    }
    // What else must hold is never left out: it decides whether the line above is owed at all.
    let shown = |note: &&String| detail == Detail::Full || note.starts_with("condition:") || note.starts_with("threshold:");
    if !matches!(view.state, State::Done | State::NotRequired | State::NotInForce) || detail == Detail::Full {
        view.notes.iter().filter(shown).for_each(|note| wrap(note, 4, 6, lines));
    }
    if detail == Detail::Full {
        wrap(&format!("to: {}", view.duty.recipient), 4, 6, lines);
        if let Some(started) = &view.started {
            wrap(&format!("clock started {} (recorded by {}, ledger entry {})", started.at.local, started.by, started.ledger_entry), 4, 6, lines);
        }
        if !view.duty.contents.is_empty() {
            wrap(&format!("contents: {}", view.duty.contents.join("; ")), 4, 6, lines);
        }
    }
}

/// Breaks at spaces; a following line is indented by `hang`.
fn wrap(text: &str, indent: usize, hang: usize, lines: &mut Vec<String>) {
    let mut line = " ".repeat(indent);
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, " ".repeat(hang)));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_eighty_columns() {
        let mut lines = Vec::new();
        wrap(&"word ".repeat(60), 4, 6, &mut lines);
        assert!(lines.len() > 3 && lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
        assert!(lines[0].starts_with("    word") && lines[1].starts_with("      word"));
    }
}
