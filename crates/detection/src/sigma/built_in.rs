//! The rules that come with the program: the folder `rules/` of the project, put into the binary by `build.rs`.

use super::ruleset::RuleFile;

include!(concat!(env!("OUT_DIR"), "/built_in_rules.rs"));

/// Paths below `rules/`, and the files, in the order of the paths.
pub fn built_in_rules() -> Vec<(String, RuleFile)> {
    FILES.iter().map(|(path, text)| ((*path).to_owned(), RuleFile::Read(text.to_vec()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::RuleSet;

    #[test]
    fn every_built_in_rule_loads_and_could_match_some_evidence() {
        let (set, report) = RuleSet::load(built_in_rules());
        assert!(report.rules > 0 && report.refused.is_empty(), "{:#?}", report.refused);
        let without: Vec<&str> = set.without_evidence().map(|rule| rule.path.as_str()).collect();
        assert!(without.is_empty(), "{without:#?}");
    }
}
