//! What is said of one access while its replays are done: a row of the table `replays`.

use std::collections::BTreeSet;

use strandline_model::access::Access;
use strandline_model::exposure::{Basis, Certainty, Replay};
use strandline_model::time::Instant;

use crate::nobody::Nobody;

/// The account of one access.
pub(crate) struct Account {
    replay: Replay,
    cap: Option<Certainty>,
    /// Sorted, unique.
    shown: Vec<u32>,
    inferred: Vec<u32>,
    nobody: BTreeSet<(Nobody, String)>,
}

impl Account {
    pub(crate) fn new(access: &Access) -> Self {
        let replay = Replay {
            access: access.id.clone(),
            time: Instant(access.time.micros()),
            outcome: "control".to_owned(),
            reason: None,
            rows_logged: access.row_count,
            rows_replayed: None,
            certainty: None,
            subjects_displayed: 0,
            subjects_inferred: 0,
            tables: Vec::new(),
            nobody: Vec::new(),
        };
        Self { replay, cap: None, shown: Vec::new(), inferred: Vec::new(), nobody: BTreeSet::new() }
    }

    /// Of the outcomes of several statements in one string, the one that says most about people stays.
    pub(crate) fn outcome(&mut self, outcome: &str, reason: Option<String>) {
        let weight = |word: &str| ["control", "no_personal_data", "replayed", "failed", "unknown", "undescribed", "widened"].iter().position(|w| *w == word);
        if weight(outcome) >= weight(&self.replay.outcome) {
            self.replay.outcome = outcome.to_owned();
            self.reason(reason);
        }
    }

    pub(crate) fn reason(&mut self, reason: Option<String>) {
        if reason.is_some() {
            self.replay.reason = reason;
        }
    }

    /// A part of it showed nobody, for this reason; `about` names tables.
    pub(crate) fn shows_nobody(&mut self, reason: Nobody, about: &str, detail: Option<String>) {
        let is_told = matches!(reason, Nobody::ReplayedWithout | Nobody::NoRowCounted | Nobody::NoTable | Nobody::Statement(_) | Nobody::Command);
        self.outcome(reason.outcome(), detail.or_else(|| (!is_told).then(|| reason.sentence().to_owned())));
        self.nobody.insert((reason, about.to_owned()));
    }

    /// Whether it showed somebody, surely or not.
    pub(crate) fn shows(&self) -> bool {
        self.cap.is_some()
    }

    /// Why parts of it showed nobody.
    pub(crate) fn nobody(&self) -> &BTreeSet<(Nobody, String)> {
        &self.nobody
    }

    pub(crate) fn support(&mut self, certainty: Certainty) {
        self.cap = self.cap.max(Some(certainty));
    }

    pub(crate) fn rows_replayed(&mut self, rows: u64) {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        self.replay.rows_replayed = Some(self.replay.rows_replayed.unwrap_or(0).saturating_add(rows));
    }

    /// An access may be replayed twice, the second time without its LIMIT: each person counts once.
    pub(crate) fn count(&mut self, subjects: &[u32], basis: Basis) {
        let all = match basis {
            Basis::Disclosed => &mut self.shown,
            Basis::Inferred => &mut self.inferred,
        };
        all.extend_from_slice(subjects);
        all.sort_unstable();
        all.dedup();
    }

    pub(crate) fn name_tables<'t>(&mut self, tables: impl Iterator<Item = &'t String>) {
        self.replay.tables.extend(tables.cloned());
    }

    pub(crate) fn finish(mut self) -> Replay {
        self.replay.tables.sort();
        self.replay.tables.dedup();
        self.replay.subjects_displayed = self.shown.len() as i64;
        self.replay.subjects_inferred = self.inferred.len() as i64;
        self.replay.certainty = self.cap.map(|c| c.as_str().to_owned());
        self.replay.nobody = self.nobody.iter().map(|(reason, _)| reason.as_str().to_owned()).collect();
        self.replay.nobody.dedup();
        self.replay
    }
}
