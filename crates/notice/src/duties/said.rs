//! What people have said so far, put together: the last word on an event or a duty counts, and what it replaced is told.

use std::collections::BTreeMap;

use strandline_model::duty::{DutyWord, RecordedDecision};
use strandline_model::time::Instant;

/// The start of a clock.
#[derive(Clone, Debug)]
pub(super) struct Start<'a> {
    /// When, as stated.
    pub at: Instant,
    /// Who recorded it.
    pub by: &'a str,
    /// The ledger entry.
    pub ledger_entry: u64,
    /// What a reader must know of how it came to be.
    pub notes: Vec<String>,
}

/// What was said of one duty.
#[derive(Clone, Debug, Default)]
pub(super) struct Record<'a> {
    /// Parts and reports given, oldest first: when, who, ledger entry.
    pub given: Vec<(Instant, &'a str, u64)>,
    /// Whether it is done.
    pub done: bool,
    /// Whether its condition was recorded as met.
    pub required: Option<bool>,
}

impl<'a> Record<'a> {
    /// The first part or report.
    pub fn first_given(&self) -> Option<Start<'a>> {
        let (at, by, ledger_entry) = self.given.iter().min_by_key(|given| (given.0, given.2)).copied()?;
        Some(Start { at, by, ledger_entry, notes: Vec::new() })
    }

    /// The last part or report.
    pub fn last_given(&self) -> Option<Instant> {
        self.given.iter().map(|given| given.0).max()
    }
}

/// Everything that was said.
#[derive(Debug, Default)]
pub(super) struct Said<'a> {
    events: BTreeMap<&'a str, Option<Start<'a>>>,
    duties: BTreeMap<&'a str, Record<'a>>,
}

impl<'a> Said<'a> {
    /// Decisions come oldest first.
    pub fn of(decisions: &'a [RecordedDecision]) -> Self {
        let mut said = Self::default();
        for RecordedDecision { ledger_entry, decision } in decisions {
            let by = decision.decided_by.as_str();
            match &decision.word {
                DutyWord::Happened { event, at, .. } => said.happened(event, Start { at: *at, by, ledger_entry: *ledger_entry, notes: Vec::new() }),
                DutyWord::Retracted { event, .. } => {
                    said.events.insert(event, None);
                }
                DutyWord::Required { duty, .. } => said.duties.entry(duty).or_default().required = Some(true),
                DutyWord::NotRequired { duty, .. } => said.duties.entry(duty).or_default().required = Some(false),
                DutyWord::PartlyDone { duty, at, .. } => said.duties.entry(duty).or_default().given.push((*at, by, *ledger_entry)),
                DutyWord::Done { duty, at, .. } => {
                    let record = said.duties.entry(duty).or_default();
                    record.given.push((*at, by, *ledger_entry));
                    record.done = true;
                }
                DutyWord::Reopened { duty, .. } => {
                    said.duties.insert(duty, Record::default());
                }
                DutyWord::Answered { .. } => {}
            }
        }
        said
    }

    fn happened(&mut self, event: &'a str, mut start: Start<'a>) {
        if let Some(Some(former)) = self.events.get(event) {
            start.notes.clone_from(&former.notes);
            if former.at != start.at {
                let moved = if start.at > former.at { "later, which gains time" } else { "earlier" };
                start.notes.push(format!("ledger entry {} moved its start {moved}: entry {} had said {}", start.ledger_entry, former.ledger_entry, former.at));
            }
        }
        self.events.insert(event, Some(start));
    }

    /// The start that the event gives, if the last word on it is that it happened.
    pub fn event(&self, event: &str) -> Option<Start<'a>> {
        self.events.get(event).cloned().flatten()
    }

    /// What was said of a duty; nothing, if nothing was.
    pub fn duty(&self, duty: &str) -> Record<'a> {
        self.duties.get(duty).cloned().unwrap_or_default()
    }
}
