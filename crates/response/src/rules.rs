//! Rule folders: read, loaded, and checked, with or without a case's evidence.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use strandline_detection::sigma::{LoadReport, Rule, RuleFile, RuleSet, Seen, built_in_rules};
use strandline_evidence::read_rule_folder;
use strandline_model::detection::Level;

use crate::error::ResponseError;

/// What was loaded of rules, in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFigures {
    /// Files read or refused.
    pub files: usize,
    /// Rules over single events that load.
    pub rules: usize,
    /// Correlations that load.
    pub correlations: usize,
    /// Filters that load.
    pub filters: usize,
    /// Documents and files that do not load.
    pub refused: usize,
    /// Oddities of what loads.
    pub remarks: usize,
}

impl RuleFigures {
    pub(crate) fn of(report: &LoadReport) -> Self {
        Self {
            files: report.files,
            rules: report.rules,
            correlations: report.correlations,
            filters: report.filters,
            refused: report.refused.len(),
            remarks: report.remarks.len(),
        }
    }
}

/// A document or file that does not load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRule {
    /// The file.
    pub path: String,
    /// The line, where it is known.
    pub line: Option<usize>,
    /// The rule's title, where it has one.
    pub title: Option<String>,
    /// Why.
    pub reason: String,
}

impl RefusedRule {
    pub(crate) fn list(report: &LoadReport) -> Vec<Self> {
        let one = |refused: &strandline_detection::sigma::Refused| Self {
            path: refused.path.clone(),
            line: refused.line,
            title: refused.title.clone(),
            reason: refused.reason.to_string(),
        };
        report.refused.iter().map(one).collect()
    }
}

/// A rule that none of the evidence could match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmatchedRule {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its level.
    pub level: Level,
    /// Its file.
    pub path: String,
    /// Why: its log source, and what of it was not seen.
    pub reason: String,
}

impl UnmatchedRule {
    pub(crate) fn list(set: &RuleSet, seen: &Seen) -> Vec<Self> {
        let one = |(number, why): (strandline_detection::sigma::RuleNumber, strandline_detection::sigma::Unreachable)| {
            let rule = set.rule(number);
            Self { id: rule.id.clone(), title: rule.title.clone(), level: rule.level, path: rule.path.clone(), reason: why.to_string() }
        };
        set.unreachable(seen).into_iter().map(one).collect()
    }
}

/// What a check of rules says.
#[derive(Debug, Default)]
pub struct CheckedRules {
    /// What loads, in figures.
    pub figures: RuleFigures,
    /// What does not load.
    pub refused: Vec<RefusedRule>,
    /// What loads and is odd: file, title, remark.
    pub remarks: Vec<(String, String, String)>,
    /// What loads and no evidence that this version reads could match: file, title, log source.
    pub without_evidence: Vec<(String, String, String)>,
    /// What loads and the evidence of the case could not match; `None` where no case was named.
    pub unmatched: Option<Vec<UnmatchedRule>>,
}

/// The files of rule folders; without a folder, the built-in rules. A path stands as it was given, with what is below it.
///
/// # Errors
/// If a folder cannot be read at all.
pub(crate) fn rule_files(folders: &[PathBuf]) -> Result<Vec<(String, RuleFile)>, ResponseError> {
    if folders.is_empty() {
        return Ok(built_in_rules());
    }
    let mut files = Vec::new();
    for folder in folders {
        let read = read_rule_folder(folder).map_err(|source| ResponseError::Read { path: folder.clone(), source })?;
        files.extend(read.into_iter().map(|(path, bytes)| (path, bytes.map_or_else(RuleFile::Refused, RuleFile::Read))));
    }
    Ok(files)
}

/// Loads the rules of folders; without a folder, the built-in ones.
///
/// # Errors
/// If a folder cannot be read at all.
pub fn load_rules(folders: &[PathBuf]) -> Result<(RuleSet, LoadReport), ResponseError> {
    Ok(RuleSet::load(rule_files(folders)?))
}

/// Loads the rules of folders and says what is wrong with them. `seen`: what a case's evidence holds.
///
/// # Errors
/// If a folder cannot be read at all.
pub fn check_rules(folders: &[PathBuf], seen: Option<&Seen>) -> Result<CheckedRules, ResponseError> {
    let (set, report) = load_rules(folders)?;
    let source = |rule: &Rule| rule.logsource.as_ref().map(ToString::to_string).unwrap_or_default();
    Ok(CheckedRules {
        figures: RuleFigures::of(&report),
        refused: RefusedRule::list(&report),
        without_evidence: set.without_evidence().map(|rule| (rule.path.clone(), rule.title.clone(), source(rule))).collect(),
        unmatched: seen.map(|seen| UnmatchedRule::list(&set, seen)),
        remarks: report.remarks.into_iter().map(|one| (one.path, one.title, one.text)).collect(),
    })
}
