//! Scores an answer against the truth of a drill, with the rules of the recordings: a disclosed value counts, whether a
//! cell is missed is asked of every tier and basis, whether it is false of *confirmed* alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use strandline_model::exposure::{Basis, Certainty};
use strandline_model::trail::Step;

use crate::DrillError;
use crate::truth::{Intrusion, TrueStep};

/// A found step may lie this far outside the true one, seconds.
const STEP_SLACK: f64 = 60.0;

/// One line of an exposures export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The subject's key.
    pub data_subject: String,
    /// Category, as in the estate.
    pub category: String,
    /// Disclosed or inferred.
    pub basis: Basis,
    /// How sure.
    pub certainty: Certainty,
}

/// How good an answer is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// People of whom a value was disclosed.
    pub people_true: usize,
    /// People confirmed by the answer.
    pub people_confirmed: usize,
    /// People likely or confirmed.
    pub people_likely: usize,
    /// People at any tier.
    pub people_any: usize,
    /// True people whom the answer does not have at any tier.
    pub people_missed: usize,
    /// People confirmed of whom nothing was disclosed.
    pub people_false: usize,
    /// True pairs (person × category).
    pub pairs_true: usize,
    /// Pairs confirmed.
    pub pairs_confirmed: usize,
    /// Pairs confirmed and true.
    pub pairs_confirmed_true: usize,
    /// Pairs confirmed and not true.
    pub pairs_false: usize,
    /// True pairs that the answer does not have at any tier.
    pub pairs_missed: usize,
    /// Pairs that can be inferred and that the answer does not have.
    pub inferred_missed: usize,
    /// True steps.
    pub steps_true: usize,
    /// True steps that a step of the answer covers.
    pub steps_found: usize,
    /// True steps that none covers: technique, system and what happened.
    pub steps_missed: Vec<String>,
}

impl Score {
    /// Share of the true pairs that the answer confirms.
    pub fn confirmed_recall(&self) -> f64 {
        self.pairs_confirmed_true as f64 / self.pairs_true.max(1) as f64
    }
    /// People told "likely or confirmed" over people really exposed.
    pub fn over_notification(&self) -> f64 {
        self.people_likely as f64 / self.people_true.max(1) as f64
    }
    /// Whether nothing true is missed and nothing confirmed is false.
    pub fn is_sound(&self) -> bool {
        self.pairs_missed == 0 && self.inferred_missed == 0 && self.pairs_false == 0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "people: {} in truth, {} confirmed, {} likely or confirmed, {} at any tier, {} missed, {} false",
            self.people_true, self.people_confirmed, self.people_likely, self.people_any, self.people_missed, self.people_false
        )?;
        writeln!(
            f,
            "pairs: {} in truth, {} confirmed, {} missed, {} false, {} inferred but missed",
            self.pairs_true, self.pairs_confirmed, self.pairs_missed, self.pairs_false, self.inferred_missed
        )?;
        writeln!(f, "confirmed recall: {:.4}", self.confirmed_recall())?;
        writeln!(f, "over-notification: {:.4}", self.over_notification())?;
        write!(f, "steps: {} of {} found", self.steps_found, self.steps_true)?;
        for step in &self.steps_missed {
            write!(f, "\n  not found: {step}")?;
        }
        Ok(())
    }
}

/// How many people the intruder had seen something of, by time: whoever is cut off then gets no more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Taken {
    /// When he began, seconds since the epoch.
    pub began: f64,
    /// When each person's data was first shown, in order; what is only inferred is not in it.
    pub first_seen: Vec<f64>,
}

impl Taken {
    /// The first minute by which he had half of the people that he got; nothing where he got none.
    pub fn half(&self) -> Option<u32> {
        let middle = self.first_seen.get(self.first_seen.len().saturating_sub(1) / 2)?;
        Some(((middle - self.began) / 60.0).floor().max(0.0) as u32 + 1)
    }

    /// People whose data he had so many minutes after he began.
    pub fn by_minute(&self, minutes: u32) -> usize {
        let until = self.began + f64::from(minutes) * 60.0;
        self.first_seen.partition_point(|at| *at < until)
    }
}

/// Reads from the truth folder what the intruder had seen by when.
///
/// # Errors
/// Where the truth cannot be read.
pub fn taken(truth: &Path) -> Result<Taken, DrillError> {
    let path = truth.join("exposures.csv");
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| DrillError::Truth { path: path.clone(), source };
    let mut reader = csv::Reader::from_path(&path).map_err(|e| failed(Box::new(e)))?;
    let mut first: BTreeMap<String, f64> = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|e| failed(Box::new(e)))?;
        let (Some(subject), Some("disclosed"), Some(at)) = (record.get(0), record.get(3), record.get(5).and_then(|at| at.parse::<f64>().ok())) else {
            continue;
        };
        let known = first.entry(subject.to_owned()).or_insert(at);
        *known = known.min(at);
    }
    let mut first_seen: Vec<f64> = first.into_values().collect();
    first_seen.sort_by(f64::total_cmp);
    let began = read_intrusion(&truth.join("intrusion.json"))?.iter().map(|step| step.first).fold(f64::INFINITY, f64::min);
    Ok(Taken { began: if began.is_finite() { began } else { first_seen.first().copied().unwrap_or(0.0) }, first_seen })
}

/// Scores `exposures` and `steps` against the truth folder `truth`. The first column of its `exposures.csv` is the
/// subject, whatever it is called, so that recordings can be scored too.
///
/// # Errors
/// Where the truth cannot be read.
pub fn score(exposures: &mut dyn Iterator<Item = Exported>, steps: &[Step], truth: &Path) -> Result<Score, DrillError> {
    let (disclosed_truth, inferred_truth) = read_pairs(&truth.join("exposures.csv"))?;
    let mut disclosed: BTreeMap<(String, String), Certainty> = BTreeMap::new();
    let mut anything = BTreeSet::new();
    for e in exposures {
        let pair = (e.data_subject, e.category);
        if e.basis == Basis::Disclosed {
            let kept = disclosed.entry(pair.clone()).or_insert(e.certainty);
            *kept = (*kept).max(e.certainty);
        }
        anything.insert(pair);
    }
    let at_least = |tier: Certainty| disclosed.iter().filter(move |(_, c)| **c >= tier).map(|(pair, _)| pair);
    let confirmed: BTreeSet<_> = at_least(Certainty::Confirmed).cloned().collect();
    let people = |pairs: &mut dyn Iterator<Item = &(String, String)>| pairs.map(|p| p.0.clone()).collect::<BTreeSet<String>>();
    let people_true = people(&mut disclosed_truth.iter());
    let people_any = people(&mut anything.iter());
    let people_confirmed = people(&mut confirmed.iter());
    let mut score = Score {
        people_likely: people(&mut at_least(Certainty::Likely)).len(),
        people_missed: people_true.difference(&people_any).count(),
        people_false: people_confirmed.difference(&people_true).count(),
        people_true: people_true.len(),
        people_confirmed: people_confirmed.len(),
        people_any: people_any.len(),
        pairs_true: disclosed_truth.len(),
        pairs_confirmed: confirmed.len(),
        pairs_confirmed_true: confirmed.intersection(&disclosed_truth).count(),
        pairs_false: confirmed.difference(&disclosed_truth).count(),
        pairs_missed: disclosed_truth.difference(&anything).count(),
        inferred_missed: inferred_truth.difference(&disclosed_truth).filter(|p| !anything.contains(*p)).count(),
        ..Score::default()
    };
    score_steps(&mut score, steps, &read_intrusion(&truth.join("intrusion.json"))?);
    Ok(score)
}

fn score_steps(score: &mut Score, steps: &[Step], truth: &[TrueStep]) {
    score.steps_true = truth.len();
    for t in truth {
        if steps.iter().any(|s| covers(s, t)) {
            score.steps_found += 1;
        } else {
            score.steps_missed.push(format!("{} on {}: {}", t.technique, t.system, t.summary));
        }
    }
}

/// Same technique (or its parent) or same tactic, on the same system, at the same time.
fn covers(found: &Step, step: &TrueStep) -> bool {
    let base = |technique: &str| technique.split('.').next().unwrap_or_default().to_owned();
    let alike = base(&found.technique) == base(&step.technique) || found.tactic == step.tactic;
    let meets = found.first.seconds() <= step.last + STEP_SLACK && found.last.seconds() >= step.first - STEP_SLACK;
    alike && meets && found.system == step.system
}

type Pairs = BTreeSet<(String, String)>;

fn read_pairs(path: &Path) -> Result<(Pairs, Pairs), DrillError> {
    let failed = |source: csv::Error| DrillError::Truth { path: path.to_owned(), source: Box::new(source) };
    let mut reader = csv::Reader::from_path(path).map_err(failed)?;
    let (mut disclosed, mut inferred) = (Pairs::new(), Pairs::new());
    for row in reader.records() {
        let row = row.map_err(failed)?;
        let pair = (row.get(0).unwrap_or_default().to_owned(), row.get(2).unwrap_or_default().to_owned());
        let pairs = if row.get(3) == Some("inferred") { &mut inferred } else { &mut disclosed };
        pairs.insert(pair);
    }
    Ok((disclosed, inferred))
}

/// The true steps; none where the folder is not a drill's.
fn read_intrusion(path: &Path) -> Result<Vec<TrueStep>, DrillError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| DrillError::Truth { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(|e| failed(Box::new(e)))?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|e| failed(Box::new(e)))?;
    if value.get("steps").is_none() {
        return Ok(Vec::new());
    }
    serde_json::from_value::<Intrusion>(value).map(|i| i.steps).map_err(|e| failed(Box::new(e)))
}

#[cfg(test)]
mod tests {
    use super::Taken;

    #[test]
    fn what_he_had_by_a_minute_is_what_was_shown_before_its_end() {
        let taken = Taken { began: 1000.0, first_seen: vec![1010.0, 1059.9, 1060.0, 1200.0, 4600.0] };
        let check = |minutes: u32, people: usize| assert_eq!(taken.by_minute(minutes), people, "{minutes}");
        [(0, 0), (1, 2), (2, 3), (4, 4), (60, 4), (61, 5)].into_iter().for_each(|(minutes, people)| check(minutes, people));
        assert_eq!((taken.half(), Taken::default().half()), (Some(2), None));
    }
}
