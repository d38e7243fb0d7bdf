//! SigmaHQ's own regression data: an event log and the rule that must fire on it, for each case that is there.

mod support;

use std::collections::BTreeMap;

use strandline_detection::sigma::{Matcher, RuleSet};

#[test]
fn every_case_fires_its_rule() {
    let Some(root) = support::shared("sigma") else { return };
    let (set, report) = RuleSet::load(support::rule_files(&["rules", "rules-emerging-threats", "rules-threat-hunting"].map(|part| root.join(part))));
    assert!(report.rules > 3000, "{} rules", report.rules);
    let mut missed = Vec::new();
    let mut cases = 0;
    for info in support::files(&root.join("regression_data"), "yml") {
        let info_text = std::fs::read_to_string(&info).expect("readable");
        let case: serde_json::Value = yaml_serde::from_str(&info_text).expect("info.yml is YAML");
        let expected: Vec<&str> = case["rule_metadata"].as_array().into_iter().flatten().filter_map(|rule| rule["id"].as_str()).collect();
        let folder = info.parent().expect("a file stands in a folder");
        let mut matcher = Matcher::new(&set);
        let mut fired: BTreeMap<String, u64> = BTreeMap::new();
        for path in support::files(folder, "evtx") {
            for record in support::records(&path) {
                matcher.look(&record, &mut |found| *fired.entry(found.rule.id.clone()).or_default() += 1);
            }
        }
        for id in expected {
            cases += 1;
            if !fired.contains_key(id) {
                missed.push(format!("{id} in {}", folder.display()));
            }
        }
    }
    println!("{} of {cases} cases fired", cases - missed.len());
    assert!(cases > 90 && missed.is_empty(), "missed: {missed:#?}");
}

#[test]
fn no_rule_of_the_public_set_is_lost() {
    let Some(root) = support::shared("sigma") else { return };
    let (_, report) = RuleSet::load(support::rule_files(&["rules", "rules-emerging-threats", "rules-threat-hunting"].map(|part| root.join(part))));
    let reasons: Vec<String> = report.refused.iter().map(|refused| refused.reason.to_string()).collect();
    // Two rules wait for a list of domain controllers that only the organisation has.
    assert!(reasons.iter().all(|reason| reason.contains("placeholder")), "{reasons:#?}");
    assert_eq!(report.rules + reasons.len(), report.files);
}
