//! The section on Sigma rules: what ran, what they said, and what they could not say.

use std::collections::BTreeMap;

use strandline_model::detection::{Detection, DetectionOrigin, Level};

use crate::html::{Page, escape};
use crate::thousands;

/// Detections shown for each level.
const SHOWN: usize = 5;
/// Reasons, kinds of records and refused rules shown.
const LISTED: usize = 8;

/// What rules could do with the case's evidence.
#[derive(Clone, Debug, Default)]
pub struct RulesRun {
    /// Whether they are the ones that come with the program.
    pub is_built_in: bool,
    /// Rules and correlations that were loaded.
    pub loaded: usize,
    /// Rules that matched.
    pub matched: usize,
    /// What was not loaded: file and line, and why.
    pub refused: Vec<(String, String)>,
    /// For each reason why a rule could match none of this evidence: how many rules.
    pub unmatched: BTreeMap<String, u64>,
    /// Records that rules were offered.
    pub records: u64,
    /// Records of readers that the estate trusts, which were left out.
    pub trusted: u64,
    /// Records that no rule looked at.
    pub unlooked: u64,
    /// What they are, most first: kind, and how many.
    pub unlooked_kinds: Vec<(String, u64)>,
    /// Correlations that had to leave matches out: title, and how many.
    pub incomplete: Vec<(String, u64)>,
}

/// Writes the section.
pub(crate) fn write(page: &mut Page, run: &RulesRun, detections: &[Detection]) {
    page.heading("Sigma rules");
    let unmatched: u64 = run.unmatched.values().sum();
    page.paragraph(&format!(
        "{} rules ran ({}): {} matched, {} could match nothing of this evidence, since it holds no log of theirs; {} were not loaded. Of {} records, {} are of a kind that no rule is about; {} more are of readers that the estate trusts, and were left out. \
         What a rule says starts no trail before a responder confirms it.",
        thousands(run.loaded as u64),
        if run.is_built_in { "those that come with the program" } else { "given with the case" },
        thousands(run.matched as u64),
        thousands(unmatched),
        thousands(run.refused.len() as u64),
        thousands(run.records),
        thousands(run.unlooked),
        thousands(run.trusted)
    ));
    write_top(page, detections);
    let mut lines: Vec<String> = run.refused.iter().take(LISTED).map(|(place, reason)| format!("Not loaded: {place}: {reason}")).collect();
    lines.extend(run.incomplete.iter().map(|(title, count)| format!("Incomplete: {title}, {} matches beyond what is kept", thousands(*count))));
    let mut reasons: Vec<(&String, u64)> = run.unmatched.iter().map(|(reason, count)| (reason, *count)).collect();
    reasons.sort_by(|a, b| (b.1, a.0).cmp(&(a.1, b.0)));
    lines.extend(reasons.iter().take(LISTED).map(|(reason, count)| format!("Could not match: {}, {reason}", some(*count, "rule"))));
    lines.extend(run.unlooked_kinds.iter().take(LISTED).map(|(kind, count)| format!("No rule is about: {} × {kind}", thousands(*count))));
    if lines.is_empty() {
        return;
    }
    page.raw("<ul>");
    lines.iter().for_each(|line| page.raw(&format!("<li>{}</li>", escape(line))));
    page.raw("</ul>");
}

fn some(count: u64, what: &str) -> String {
    format!("{} {what}{}", thousands(count), if count == 1 { "" } else { "s" })
}

/// The rules with the most events of each level, highest level first.
fn write_top(page: &mut Page, detections: &[Detection]) {
    let mut by_rule: BTreeMap<(std::cmp::Reverse<Level>, &str, &str), (u64, i64)> = BTreeMap::new();
    for detection in detections.iter().filter(|d| d.origin == DetectionOrigin::Sigma) {
        let counts = by_rule.entry((std::cmp::Reverse(detection.level), detection.rule.as_str(), detection.title.as_str())).or_default();
        counts.0 += 1;
        counts.1 = counts.1.saturating_add(detection.event_count);
    }
    if by_rule.is_empty() {
        return;
    }
    let mut rows: Vec<_> = by_rule.into_iter().collect();
    rows.sort_by(|a, b| (a.0.0, b.1.1, a.0.1).cmp(&(b.0.0, a.1.1, b.0.1)));
    page.raw("<table><thead><tr><th>Level<th>Rule<th class=n>Subjects<th class=n>Events</tr></thead><tbody>");
    for of_level in rows.chunk_by(|a, b| a.0.0 == b.0.0) {
        for ((level, _, title), (subjects, events)) in of_level.iter().take(SHOWN) {
            let level = format!("{:?}", level.0).to_lowercase();
            page.raw(&format!("<tr><td>{level}<td>{}<td class=n>{}<td class=n>{}</tr>", escape(title), thousands(*subjects), thousands(events.unsigned_abs())));
        }
        if let Some(rest @ 1..) = of_level.len().checked_sub(SHOWN) {
            page.raw(&format!("<tr><td><td>and {} of this level<td><td></tr>", some(rest as u64, "more rule")));
        }
    }
    page.raw("</tbody></table>");
}
