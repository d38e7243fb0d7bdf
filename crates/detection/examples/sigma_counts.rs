//! Loads Sigma rules, tries them on a folder of EVTX files, and prints how often each rule matched, one line a rule, for
//! comparison with another engine: `sigma_counts EVTX_FOLDER RULE_FOLDER… > counts.tsv`. Figures go to standard error.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use strandline_detection::sigma::{Matcher, RuleNumber, RuleSet};

fn main() {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(evidence) = arguments.next() else {
        eprintln!("usage: sigma_counts EVTX_FOLDER RULE_FOLDER…");
        return;
    };
    let folders: Vec<PathBuf> = arguments.collect();
    let files = support::rule_files(&folders);
    let start = support::cpu_seconds();
    let (set, report) = RuleSet::load(files);
    let loaded = support::cpu_seconds();
    eprintln!(
        "{} files: {} rules, {} correlations, {} filters, {} refused, {} remarks; {} predicates; {:.2} CPU s, peak {:.0} MB",
        report.files,
        report.rules,
        report.correlations,
        report.filters,
        report.refused.len(),
        report.remarks.len(),
        set.predicate_count(),
        loaded - start,
        support::peak_megabytes()
    );
    for refused in &report.refused {
        eprintln!("refused: {}:{}: {}", refused.path, refused.line.map_or("?".to_owned(), |line| line.to_string()), refused.reason);
    }
    for remark in &report.remarks {
        eprintln!("remark: {}: {}: {}", remark.path, remark.title, remark.text);
    }
    let records: Vec<_> = support::files(&evidence, "evtx").iter().flat_map(|path| support::records(path)).collect();
    let mut counts: BTreeMap<RuleNumber, u64> = BTreeMap::new();
    let turns = std::env::var("TURNS").ok().and_then(|text| text.parse().ok()).unwrap_or(1u32);
    let mut matcher = Matcher::new(&set);
    for record in &records {
        matcher.look(record, &mut |found| *counts.entry(found.number).or_default() += 1);
    }
    let begin = support::cpu_seconds();
    for _ in 0..turns {
        for record in &records {
            matcher.look(record, &mut |_| {});
        }
    }
    let spent = support::cpu_seconds() - begin;
    let (seen, log) = matcher.finish();
    let correlated = set.correlate(log).expect("in memory");
    for (number, count) in &counts {
        println!("{}\t{count}\t{}", set.rule(*number).id, set.rule(*number).title);
    }
    eprintln!(
        "{} records: {} matches of {} rules, {} of correlations; {:.2} µs a record; {} records that no rule looked at; {} rules that could not match; peak {:.0} MB",
        records.len(),
        counts.values().sum::<u64>(),
        counts.len(),
        correlated.matches.len(),
        spent * 1e6 / (records.len().max(1) as f64 * f64::from(turns)),
        seen.unlooked() / u64::from(turns + 1),
        set.unreachable(&seen).len(),
        support::peak_megabytes()
    );
}
