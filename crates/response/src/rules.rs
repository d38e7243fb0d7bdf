//! Rule folders: read, loaded, and checked without any evidence.

use std::path::PathBuf;

use strandline_detection::sigma::{LoadReport, RuleFile, RuleSet};
use strandline_evidence::read_rule_folder;

use crate::error::ResponseError;

/// What a check of rules says.
#[derive(Debug, Default)]
pub struct CheckedRules {
    /// Files read or refused.
    pub files: usize,
    /// Rules over single events that load.
    pub rules: usize,
    /// Correlations that load.
    pub correlations: usize,
    /// Filters that load.
    pub filters: usize,
    /// What does not load: file, line where it is known, title where there is one, reason.
    pub refused: Vec<(String, Option<usize>, Option<String>, String)>,
    /// What loads and is odd: file, title, remark.
    pub remarks: Vec<(String, String, String)>,
    /// What loads and no evidence that this version reads could match: file, title, log source.
    pub without_evidence: Vec<(String, String, String)>,
}

/// Loads the rules of folders.
///
/// # Errors
/// If a folder cannot be read at all.
pub fn load_rules(folders: &[PathBuf]) -> Result<(RuleSet, LoadReport), ResponseError> {
    let mut files = Vec::new();
    for folder in folders {
        let read = read_rule_folder(folder).map_err(|source| ResponseError::Read { path: folder.clone(), source })?;
        files.extend(read.into_iter().map(|(path, bytes)| (path, bytes.map_or_else(RuleFile::Refused, RuleFile::Read))));
    }
    Ok(RuleSet::load(files))
}

/// Loads the rules of folders and says what is wrong with them.
///
/// # Errors
/// If a folder cannot be read at all.
pub fn check_rules(folders: &[PathBuf]) -> Result<CheckedRules, ResponseError> {
    let (set, report) = load_rules(folders)?;
    let source = |rule: &strandline_detection::sigma::Rule| rule.logsource.as_ref().map(ToString::to_string).unwrap_or_default();
    Ok(CheckedRules {
        files: report.files,
        rules: report.rules,
        correlations: report.correlations,
        filters: report.filters,
        refused: report.refused.into_iter().map(|one| (one.path, one.line, one.title, one.reason.to_string())).collect(),
        remarks: report.remarks.into_iter().map(|one| (one.path, one.title, one.text)).collect(),
        without_evidence: set.without_evidence().map(|rule| (rule.path.clone(), rule.title.clone(), source(rule))).collect(),
    })
}
