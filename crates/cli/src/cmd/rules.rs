//! `strandline rules`: what a folder of detection rules is worth, before any evidence is there or over a case.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use strandline_response::{CheckedRules, RefusedRule, Response, UnmatchedRule, check_rules};

use crate::cmd::{Common, print_json};
use crate::ui::{Format, Screen};

/// Detection rules: check a folder of them
#[derive(Args)]
pub struct RulesCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Load Sigma rules, and list what does not load, what is odd, and what no evidence could match
    Check {
        /// Folders, or single files; without one, the built-in rules
        folders: Vec<PathBuf>,
        /// Say also which rules can never match this case, and why
        #[arg(long, value_name = "CASE")]
        case: Option<PathBuf>,
        /// List each rule that no evidence could match
        #[arg(long)]
        all: bool,
    },
}

impl RulesCommand {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let Action::Check { folders, case, all } = self.action;
        let checked = match case {
            None => check_rules(&folders, None)?,
            Some(case) => {
                let settings = common.settings(&case);
                let mut screen = Screen::new(common.format());
                Response::look(&settings, &mut screen)?.check_rules(&folders)?
            }
        };
        match common.format() {
            Format::Json => print_as_json(&checked)?,
            Format::Text => print_as_text(&checked, all),
        }
        Ok(if checked.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
    }
}

fn print_as_json(checked: &CheckedRules) -> anyhow::Result<()> {
    let remarks = checked.remarks.iter().map(|(path, title, text)| serde_json::json!({ "path": path, "title": title, "remark": text }));
    let without = checked.without_evidence.iter().map(|(path, title, source)| serde_json::json!({ "path": path, "title": title, "logsource": source }));
    print_json(&serde_json::json!({
        "files": checked.figures.files,
        "rules": checked.figures.rules,
        "correlations": checked.figures.correlations,
        "filters": checked.figures.filters,
        "refused": checked.refused,
        "remarks": remarks.collect::<Vec<_>>(),
        "without_evidence": without.collect::<Vec<_>>(),
        "unmatched": checked.unmatched,
    }))
}

fn print_as_text(checked: &CheckedRules, all: bool) {
    for RefusedRule { path, line, title, reason } in &checked.refused {
        let place = line.map_or_else(|| path.clone(), |line| format!("{path}:{line}"));
        say!("refused  {place}\n         {}{reason}", title.as_ref().map(|title| format!("{title}: ")).unwrap_or_default());
    }
    for (path, title, text) in &checked.remarks {
        say!("odd      {path}\n         {title}: {text}");
    }
    let without = checked.without_evidence.iter().map(|(path, title, source)| (source.as_str(), path.as_str(), title.as_str()));
    print_by_reason("no log  ", " rule(s) about evidence that this version does not read", without, all);
    if let Some(unmatched) = &checked.unmatched {
        let not_here = unmatched.iter().map(|UnmatchedRule { path, title, reason, .. }| (reason.as_str(), path.as_str(), title.as_str()));
        print_by_reason("no match", " rule(s) can never match this case", not_here, all);
    }
    let figures = &checked.figures;
    say!(
        "{} files: {} rules, {} correlations, {} filters; {} refused, {} odd, {} without evidence that this version reads",
        figures.files,
        figures.rules,
        figures.correlations,
        figures.filters,
        checked.refused.len(),
        checked.remarks.len(),
        checked.without_evidence.len()
    );
    if let Some(unmatched) = &checked.unmatched {
        say!("{} of {} can never match this case", unmatched.len(), figures.rules + figures.correlations);
    }
}

/// Rules by the reason that they share: reason, path, title.
fn print_by_reason<'r>(mark: &str, what: &str, rules: impl Iterator<Item = (&'r str, &'r str, &'r str)>, all: bool) {
    let mut by_reason = std::collections::BTreeMap::<&str, Vec<(&str, &str)>>::new();
    for (reason, path, title) in rules {
        by_reason.entry(reason).or_default().push((path, title));
    }
    for (reason, rules) in &by_reason {
        say!("{mark} {reason}: {}{what}", rules.len());
        for (path, title) in rules.iter().filter(|_| all) {
            say!("         {title} ({path})");
        }
    }
}
