//! Drills beside a case: what each was, and how its answer stood against the truth. The drill writes a file for each; a case that is none
//! has none beside it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

/// The file that a drill leaves beside its case.
const SCORE: &str = "score.json";
/// It is a page of figures.
const SCORE_BYTES_LIMIT: u64 = 256 << 10;
/// Folders beside a drill's that are looked into.
const FOLDERS_LIMIT: usize = 1_000;

/// One drill and its score.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct DrillRun {
    /// The folder's name.
    #[serde(skip)]
    pub folder: String,
    /// Whether it is this case's.
    #[serde(skip)]
    pub is_this: bool,
    /// What the intruder did.
    pub scenario: String,
    /// What the dice began with.
    pub seed: u64,
    /// Whether logs were lost.
    pub gap: bool,
    /// From first evidence to letters, seconds.
    pub seconds: f64,
    /// People of whom a value was disclosed.
    pub people_true: u64,
    /// People confirmed.
    pub people_confirmed: u64,
    /// True people in no tier.
    pub people_missed: u64,
    /// People confirmed of whom nothing was disclosed.
    pub people_false: u64,
    /// True steps.
    pub steps_true: u64,
    /// True steps that were found.
    pub steps_found: u64,
    /// True steps that were not, in words.
    pub steps_missed: Vec<String>,
    /// Share of the true pairs that the answer confirms.
    pub confirmed_recall: f64,
    /// People told over people really exposed.
    pub over_notification: f64,
    /// Whether nothing true is missed and nothing confirmed is false.
    pub sound: bool,
}

/// The drills of the folder that a case lies in, this case's first; none if the case is no drill.
pub fn drills(case: &Path) -> Vec<DrillRun> {
    // `.` has no parent until it is written out.
    let Ok(case) = case.canonicalize() else { return Vec::new() };
    let Some(own) = case.parent().and_then(|folder| Some((folder, run(folder)?))) else { return Vec::new() };
    let (folder, mut own) = own;
    own.is_this = true;
    let beside = folder.parent().and_then(|all| std::fs::read_dir(all).ok()).into_iter().flatten().flatten().take(FOLDERS_LIMIT);
    let mut others: Vec<DrillRun> = beside.map(|entry| entry.path()).filter(|path| path != folder).filter_map(|path| run(&path)).collect();
    others.sort_by(|a, b| a.folder.cmp(&b.folder));
    std::iter::once(own).chain(others).collect()
}

fn run(folder: &Path) -> Option<DrillRun> {
    let mut bytes = Vec::new();
    File::open(folder.join(SCORE)).ok()?.take(SCORE_BYTES_LIMIT).read_to_end(&mut bytes).ok()?;
    let run: DrillRun = serde_json::from_slice(&bytes).ok()?;
    Some(DrillRun { folder: folder.file_name()?.to_string_lossy().into_owned(), ..run })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drill_shows_those_beside_it_and_a_case_that_is_none_shows_nothing() {
        let all = tempfile::tempdir().expect("a folder");
        let score = |seed: u64, sound: bool| {
            format!(
                "{{\"console\":null,\"scenario\":\"pivot\",\"seed\":{seed},\"gap\":false,\"seconds\":1.5,\"people_true\":3,\"people_confirmed\":3,\"people_missed\":0,\
                 \"people_false\":0,\"steps_true\":4,\"steps_found\":4,\"steps_missed\":[],\"confirmed_recall\":1.0,\"over_notification\":1.0,\"sound\":{sound}}}"
            )
        };
        for (name, text) in [("b", score(1, true)), ("a", score(2, false)), ("c", "no score".to_owned())] {
            std::fs::create_dir_all(all.path().join(name).join("case")).expect("a folder");
            std::fs::write(all.path().join(name).join(SCORE), text).expect("a file");
        }
        let seen: Vec<_> = drills(&all.path().join("b/case")).into_iter().map(|run| (run.folder, run.is_this, run.sound)).collect();
        assert_eq!(seen, [("b".to_owned(), true, true), ("a".to_owned(), false, false)]);
        assert!(drills(&all.path().join("c/case")).is_empty() && drills(&all.path().join("nowhere")).is_empty());
    }
}
