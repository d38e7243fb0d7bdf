//! Words that no letter may hold: hedges, "no evidence", boasts, and slots that nothing filled.

use super::prose::Passage;
use super::{Finding, Rule, finding};
use crate::letter::manner::{Manner, holds};

/// Looks through the words of a letter; the recipient's own values are struck out, so that nobody's name is a hedge.
pub(super) fn check(passages: &[Passage], subject: &str, manner: Option<&Manner>, findings: &mut Vec<Finding>) {
    check_text("the subject", subject, manner, findings);
    for passage in passages {
        check_text(&passage.place, &passage.struck, manner, findings);
    }
}

fn check_text(place: &str, text: &str, manner: Option<&Manner>, findings: &mut Vec<Finding>) {
    if text.contains(['{', '}']) {
        findings.push(finding(Rule::UnfilledSlot, place, "a slot was not filled; draft the letter again"));
    }
    let Some(manner) = manner else { return };
    let joined = text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let lists: [(Rule, &[String], &str); 3] = [
        (Rule::Hedge, &manner.hedges, "hedges; say what the evidence shows"),
        (Rule::NoEvidence, &manner.no_evidence, "says nothing; say which logs were read, from when to when, and what they show"),
        (Rule::Boast, &manner.boasts, "is about you, not about the reader; leave it out"),
    ];
    for (rule, phrases, problem) in lists {
        for phrase in phrases.iter().filter(|phrase| holds(&joined, phrase)) {
            findings.push(finding(rule, place, format!("“{phrase}” {problem}")));
        }
    }
    for verb in manner.hedging_verbs.iter().filter(|verb| holds_verb(text, verb)) {
        findings.push(finding(Rule::Hedge, place, format!("the word “{verb}” hedges; say what the evidence shows")));
    }
}

/// Whether a word that is also a name (May) stands there as a verb: in small letters, or at the head of a sentence without a number beside it.
fn holds_verb(text: &str, verb: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.iter().enumerate().any(|(i, word)| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let number = |w: Option<&&str>| w.is_some_and(|w| w.chars().any(|c| c.is_ascii_digit()));
        let begins = i == 0 || words[i - 1].ends_with(['.', '!', '?', ':']);
        let heads = bare != verb && bare.to_lowercase() == verb && begins;
        bare == verb || (heads && !number(words.get(i + 1)) && !number(i.checked_sub(1).and_then(|i| words.get(i))))
    })
}
