//! `strandline rules`: what a folder of detection rules is worth before any evidence is there.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use strandline_response::{CheckedRules, check_rules};

use crate::cmd::{Common, print_json};
use crate::ui::Format;

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
        /// Folders, or single files
        #[arg(required = true)]
        folders: Vec<PathBuf>,
        /// List also each rule whose log source this version does not read
        #[arg(long)]
        all: bool,
    },
}

impl RulesCommand {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let Action::Check { folders, all } = self.action;
        let checked = check_rules(&folders)?;
        match common.format() {
            Format::Json => print_as_json(&checked)?,
            Format::Text => print_as_text(&checked, all),
        }
        Ok(if checked.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
    }
}

fn print_as_json(checked: &CheckedRules) -> anyhow::Result<()> {
    let refused = checked.refused.iter().map(|(path, line, title, reason)| serde_json::json!({ "path": path, "line": line, "title": title, "reason": reason }));
    let remarks = checked.remarks.iter().map(|(path, title, text)| serde_json::json!({ "path": path, "title": title, "remark": text }));
    let without = checked.without_evidence.iter().map(|(path, title, source)| serde_json::json!({ "path": path, "title": title, "logsource": source }));
    print_json(&serde_json::json!({
        "files": checked.files,
        "rules": checked.rules,
        "correlations": checked.correlations,
        "filters": checked.filters,
        "refused": refused.collect::<Vec<_>>(),
        "remarks": remarks.collect::<Vec<_>>(),
        "without_evidence": without.collect::<Vec<_>>(),
    }))
}

fn print_as_text(checked: &CheckedRules, all: bool) {
    for (path, line, title, reason) in &checked.refused {
        let place = line.map_or_else(|| path.clone(), |line| format!("{path}:{line}"));
        say!("refused  {place}\n         {}{reason}", title.as_ref().map(|title| format!("{title}: ")).unwrap_or_default());
    }
    for (path, title, text) in &checked.remarks {
        say!("odd      {path}\n         {title}: {text}");
    }
    let mut by_source = std::collections::BTreeMap::<&str, Vec<(&str, &str)>>::new();
    for (path, title, source) in &checked.without_evidence {
        by_source.entry(source).or_default().push((path, title));
    }
    for (source, rules) in &by_source {
        say!("no log   {source}: {} rule(s) about evidence that this version does not read", rules.len());
        for (path, title) in rules.iter().filter(|_| all) {
            say!("         {title} ({path})");
        }
    }
    say!(
        "{} files: {} rules, {} correlations, {} filters; {} refused, {} odd, {} without evidence that this version reads",
        checked.files,
        checked.rules,
        checked.correlations,
        checked.filters,
        checked.refused.len(),
        checked.remarks.len(),
        checked.without_evidence.len()
    );
}
