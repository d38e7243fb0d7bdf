//! The truth: what the intruder was really shown, kept while it happens, from the drill's own tables and never from a log.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::DrillError;
use crate::clock::Millis;
use crate::store::{Answer, Column, Store};

/// One true step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrueStep {
    /// First moment, seconds since the epoch.
    pub first: f64,
    /// Last moment, seconds since the epoch.
    pub last: f64,
    /// ATT&CK tactic (`initial_access`).
    pub tactic: String,
    /// ATT&CK technique id.
    pub technique: String,
    /// System acted on, by its id in the estate.
    pub system: String,
    /// Address or host it came from.
    pub from_host: String,
    /// Account or role used.
    pub account: Option<String>,
    /// What happened.
    pub summary: String,
}

/// Evidence that was lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrueGap {
    /// Source ids of the estate.
    pub sources: Vec<String>,
    /// Seconds since the epoch.
    pub from: f64,
    /// Seconds since the epoch.
    pub to: f64,
}

/// One thing that the intruder sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrueStatement {
    /// Seconds since the epoch.
    pub t: f64,
    /// The SQL, or the request line.
    pub text: String,
    /// Rows that came back, where it was a query.
    pub rows: Option<usize>,
    /// Whether some log of it is lost.
    pub inside_gap: bool,
}

/// `truth/intrusion.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intrusion {
    /// The plan's seed.
    pub seed: u64,
    /// The plan's scenario.
    pub scenario: String,
    /// The intruder's addresses.
    pub addresses: Vec<String>,
    /// Accounts and roles used.
    pub accounts: Vec<String>,
    /// Session ids, as far as the application log keeps them.
    pub sessions: Vec<String>,
    /// Steps in order.
    pub steps: Vec<TrueStep>,
    /// Statements and requests that read personal data, in order.
    pub statements: Vec<TrueStatement>,
    /// Evidence lost.
    pub gaps: Vec<TrueGap>,
    /// People of whom something was shown.
    pub people: usize,
}

/// The book that the truth is written into.
pub(crate) struct TruthBook {
    pub(crate) intrusion: Intrusion,
    cells: BTreeMap<(u32, Column, bool), (Millis, &'static str)>,
}

impl TruthBook {
    pub(crate) fn new(seed: u64, scenario: String) -> Self {
        let intrusion = Intrusion {
            seed,
            scenario,
            addresses: Vec::new(),
            accounts: Vec::new(),
            sessions: Vec::new(),
            steps: Vec::new(),
            statements: Vec::new(),
            gaps: Vec::new(),
            people: 0,
        };
        Self { intrusion, cells: BTreeMap::new() }
    }

    /// The intruder received `answer`.
    pub(crate) fn shown(&mut self, at: Millis, via: &'static str, answer: &Answer) {
        for &who in &answer.people {
            for &column in &answer.disclosed {
                self.cells.entry((who, column, false)).or_insert((at, via));
            }
            for &column in answer.inferred.iter().filter(|c| !answer.disclosed.contains(c)) {
                self.cells.entry((who, column, true)).or_insert((at, via));
            }
        }
    }

    /// The intruder sent `text`.
    pub(crate) fn sent(&mut self, at: Millis, text: String, rows: Option<usize>) {
        let t = seconds(at);
        let inside_gap = self.intrusion.gaps.iter().any(|g| g.from <= t && t <= g.to);
        self.intrusion.statements.push(TrueStatement { t, text, rows, inside_gap });
    }

    /// Adds a step, or stretches the last one of its kind.
    pub(crate) fn step(&mut self, at: Millis, step: (&str, &str, &str), from_host: &str, account: Option<&str>, summary: &str) {
        let (tactic, technique, system) = step;
        let t = seconds(at);
        let same = |s: &&mut TrueStep| {
            s.technique == technique
                && s.tactic == tactic
                && s.system == system
                && s.from_host == from_host
                && s.account.as_deref() == account
                && s.summary == summary
        };
        if let Some(known) = self.intrusion.steps.iter_mut().find(same) {
            known.last = t;
            return;
        }
        self.intrusion.steps.push(TrueStep {
            first: t,
            last: t,
            tactic: tactic.to_owned(),
            technique: technique.to_owned(),
            system: system.to_owned(),
            from_host: from_host.to_owned(),
            account: account.map(str::to_owned),
            summary: summary.to_owned(),
        });
    }

    /// Writes `exposures.csv` and `intrusion.json` into `folder`.
    pub(crate) fn write(mut self, folder: &Path, store: &Store) -> Result<(), DrillError> {
        let path = folder.join("exposures.csv");
        let failed = |source| DrillError::Write { path: path.clone(), source };
        let mut out = BufWriter::new(std::fs::File::create(&path).map_err(failed)?);
        out.write_all(b"data_subject,column,category,basis,via,first_seen\n").map_err(failed)?;
        let mut people: Vec<u32> = Vec::new();
        for ((who, (column, category), inferred), (at, via)) in &self.cells {
            let basis = if *inferred { "inferred" } else { "disclosed" };
            if !inferred {
                people.push(*who);
            }
            writeln!(out, "{},{column},{category},{basis},{via},{:.3}", store.emp_id(*who), seconds(*at)).map_err(failed)?;
        }
        out.flush().map_err(failed)?;
        people.dedup();
        self.intrusion.people = people.len();
        let path = folder.join("intrusion.json");
        let text = serde_json::to_string_pretty(&self.intrusion).map_err(DrillError::Json)?;
        std::fs::write(&path, text + "\n").map_err(|source| DrillError::Write { path: path.clone(), source })
    }
}

/// Seconds since the epoch, as the truth files write them.
pub(crate) fn seconds(at: Millis) -> f64 {
    at as f64 / 1000.0
}
