//! What a hunt found, on one screen of 80 columns; and, as plainly, what it did not look at.

use std::collections::BTreeMap;

use strandline_model::time::Instant;
use strandline_response::{HuntReport, RuleHits, Tally};

use super::hits::{cut, short, word};
use crate::ui::thousands;

/// Rules shown for each level, hosts and accounts shown.
const RULES: usize = 6;
const NAMES: usize = 6;
/// Rows of the histogram.
const ROWS: usize = 16;
const BAR: usize = 40;
/// What was not looked at, shown without `--all`.
const FEW: usize = 3;

/// The lines.
pub fn lines(report: &HuntReport, all: bool) -> Vec<String> {
    let mut lines = vec![String::new()];
    lines.extend(found(report));
    lines.extend(rules(&report.rules_matched, all));
    lines.extend(names("Hosts", &report.hosts, all));
    lines.extend(names("Accounts", &report.accounts, all));
    lines.extend(over_time(report));
    lines.push(String::new());
    lines.extend(looked_at(report));
    lines.extend(not_looked_at(report, all));
    lines
}

fn day(time: Instant, pattern: &str) -> String {
    jiff::Timestamp::from_microsecond(time.micros()).map_or_else(|_| time.to_string(), |timestamp| timestamp.strftime(pattern).to_string())
}

fn found(report: &HuntReport) -> Vec<String> {
    let Some((first, last)) = report.first.zip(report.last) else {
        return vec![format!("Hits       {}", if report.hits == 0 { "none".to_owned() } else { format!("{}, none of them with a time", report.hits) })];
    };
    let levels: Vec<String> = report.levels.iter().map(|(level, hits)| format!("{} {}", word(*level), thousands(*hits))).collect();
    vec![
        format!("Hits       {} of {} rules", thousands(report.hits), thousands(report.rules_matched.len() as u64)),
        format!("           {} to {} UTC", day(first, "%Y-%m-%d %H:%M:%S"), day(last, "%Y-%m-%d %H:%M:%S")),
        format!("Levels     {}", levels.join(", ")),
    ]
}

/// The rules with the most hits of each level.
fn rules(matched: &[RuleHits], all: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for of_level in matched.chunk_by(|a, b| a.level == b.level) {
        let shown = if all { of_level.len() } else { RULES };
        for rule in of_level.iter().take(shown) {
            lines.push(format!("  {:<4} {:<62} {:>9}", short(rule.level), cut(&rule.title, 62), thousands(rule.hits)));
        }
        if of_level.len() > shown {
            lines.push(format!("       … {} more rules of this level", of_level.len() - shown));
        }
    }
    titled("Rules", lines)
}

fn names(title: &str, tally: &Tally, all: bool) -> Vec<String> {
    let shown = if all { 100 } else { NAMES };
    let mut lines: Vec<String> = tally.top(shown).into_iter().map(|(name, hits)| format!("  {:<67} {:>9}", cut(name, 67), thousands(hits))).collect();
    if tally.distinct() > shown {
        lines.push(format!("  … {} more", thousands((tally.distinct() - shown) as u64)));
    }
    titled(title, lines)
}

fn over_time(report: &HuntReport) -> Vec<String> {
    let (rows, seconds) = report.histogram.rows(ROWS);
    let most = rows.iter().map(|(_, hits)| *hits).max().unwrap_or(0).max(1);
    let pattern = if seconds >= 86_400 { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M" };
    let row = |(start, hits): &(Instant, u64)| {
        // Every stretch that has a hit shows one.
        let bar = "#".repeat(1.max((u128::from(*hits) * BAR as u128 / u128::from(most)) as usize));
        format!("  {:<16} {bar:<BAR$} {:>9}", day(*start, pattern), thousands(*hits))
    };
    let length = match seconds {
        0..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    };
    titled(&format!("Over time (from each time on, {length}; times without hits left out)"), rows.iter().map(row).collect())
}

fn titled(title: &str, lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() {
        return lines;
    }
    [String::new(), title.to_owned()].into_iter().chain(lines).collect()
}

fn looked_at(report: &HuntReport) -> Vec<String> {
    vec![format!(
        "Looked at  {} records of {} files, with {} rules",
        thousands(report.records - report.records_outside),
        thousands(report.files.len() as u64),
        thousands(report.rules_tried as u64)
    )]
}

/// A heading with its figure, and below it the first few, or all.
fn section(lines: &mut Vec<String>, count: u64, what: &str, all: bool, list: impl ExactSizeIterator<Item = String>) {
    if count == 0 {
        return;
    }
    lines.push(format!("  {:>9}  {what}", thousands(count)));
    let known = list.len();
    let shown = if all { known } else { FEW };
    lines.extend(list.take(shown).map(|one| format!("             {}", if all { one } else { cut(&one, 66) })));
    if all && (known as u64) < count {
        lines.push(format!("             … and {} that are counted only", thousands(count - known as u64)));
    }
}

/// Why rules could not match, the reason of the most rules first.
fn reasons(report: &HuntReport) -> Vec<String> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for rule in &report.rules_unmatched {
        *counts.entry(&rule.reason).or_default() += 1;
    }
    let mut list: Vec<(&str, u64)> = counts.into_iter().collect();
    list.sort_by(|a, b| (b.1, a.0).cmp(&(a.1, b.0)));
    list.into_iter().map(|(reason, count)| format!("{} × {reason}", thousands(count))).collect()
}

fn not_looked_at(report: &HuntReport, all: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let refused = report.rules_refused.iter().map(|one| {
        let line = one.line.map(|line| format!(":{line}")).unwrap_or_default();
        // In the short list the file's name must do: its reason is worth more than its folders.
        let path = if all { one.path.as_str() } else { one.path.rsplit('/').next().unwrap_or_default() };
        format!("{}{line}: {}", if all { path.to_owned() } else { cut(path, 40) }, one.reason)
    });
    section(&mut lines, report.rules_refused.len() as u64, "rule documents are not loaded", all, refused);
    let unmatched: Vec<String> =
        if all { report.rules_unmatched.iter().map(|one| format!("{}: {}", one.title, one.reason)).collect() } else { reasons(report) };
    section(&mut lines, report.rules_unmatched.len() as u64, "rules could not match: nothing here is of their log source", all, unmatched.into_iter());
    let unlooked = report.unlooked.iter().map(|one| {
        let id = one.event_id.map(|id| format!(" {id}")).unwrap_or_default();
        format!("{} × {}{id}", thousands(one.records), one.channel)
    });
    section(&mut lines, report.records_unlooked, "records are of a kind that no rule is about", all, unlooked);
    let place = |one: &strandline_response::RefusedRecord| {
        let place = one.line.filter(|line| *line > 0).map_or_else(|| format!("@{}", one.offset), |line| format!(":{line}"));
        format!("{}{place}: {}", one.path, one.reason)
    };
    section(&mut lines, report.records_refused, "records could not be read", all, report.refusals.iter().map(place));
    section(&mut lines, report.records_outside, "records are outside the time asked for", all, std::iter::empty());
    let files = report.not_scanned.iter().map(|one| format!("{}: {}", one.path, one.reason));
    section(&mut lines, report.not_scanned.len() as u64, "files were not read, or not to their end", all, files);
    let correlations = &report.correlations;
    section(&mut lines, correlations.without_time, "matches carry no time and count in no correlation", all, std::iter::empty());
    section(&mut lines, correlations.without_group, "matches lack a field that their correlation groups by", all, std::iter::empty());
    let incomplete = correlations.incomplete.iter().map(|(title, count)| format!("{title}: {} matches", thousands(*count)));
    section(&mut lines, correlations.incomplete.len() as u64, "correlations had more matches than are kept: incomplete", all, incomplete);
    if lines.is_empty() {
        return vec!["Not looked at: nothing".to_owned()];
    }
    let hint = if all { "Not looked at" } else { "Not looked at (--all lists it)" };
    std::iter::once(hint.to_owned()).chain(lines).collect()
}
