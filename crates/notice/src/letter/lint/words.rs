//! Words that no letter may hold: hedges, "no evidence", boasts, and slots that nothing filled.

use super::prose::Passage;
use super::{Finding, Rule, finding};

/// English words that hedge. "May" has a rule of its own, since it is a month as well.
const HEDGES: [&str; 16] = [
    "might",
    "could",
    "potentially",
    "possibly",
    "likely",
    "probably",
    "perhaps",
    "allegedly",
    "apparently",
    "seemingly",
    "presumably",
    "conceivably",
    "maybe",
    "suspected",
    "unlikely",
    "potential",
];

const HEDGING_PHRASES: [&str; 13] = [
    "out of an abundance of caution",
    "cannot rule out",
    "can not rule out",
    "we believe",
    "appears to",
    "appear to",
    "seems to",
    "it is possible",
    "可能",
    "或許",
    "也許",
    "懷疑",
    "疑似",
];

const MORE_CHINESE_HEDGES: [&str; 6] = ["大概", "似乎", "不排除", "恐怕", "我們相信", "未必"];

const NO_EVIDENCE: [&str; 16] = [
    "no evidence",
    "no indication",
    "no sign that",
    "no signs that",
    "no reason to believe",
    "not aware of any",
    "without evidence",
    "沒有證據",
    "没有证据",
    "並無證據",
    "無證據",
    "未有證據",
    "沒有跡象",
    "並無跡象",
    "未有跡象",
    "暫無證據",
];

const BOASTS: [&str; 7] = ["seriously", "is important to us", "top priority", "utmost", "高度重視", "非常重視", "十分重視"];

/// Looks through the words of a letter; the recipient's own values are struck out, so that nobody's name is a hedge.
pub(super) fn check(passages: &[Passage], subject: &str, findings: &mut Vec<Finding>) {
    check_text("the subject", subject, findings);
    for passage in passages {
        check_text(&passage.place, &passage.struck, findings);
    }
}

fn check_text(place: &str, text: &str, findings: &mut Vec<Finding>) {
    let lower = text.to_lowercase();
    let mut push = |rule, problem: String| findings.push(finding(rule, place, problem));
    for hedge in HEDGES {
        if words(&lower).any(|word| word == hedge) {
            push(Rule::Hedge, format!("the word “{hedge}” hedges; say what the evidence shows"));
        }
    }
    if holds_may(text) {
        push(Rule::Hedge, "the word “may” hedges; say what the evidence shows".to_owned());
    }
    let joined = lower.split_whitespace().collect::<Vec<_>>().join(" ");
    for phrase in HEDGING_PHRASES.iter().chain(&MORE_CHINESE_HEDGES).filter(|phrase| joined.contains(**phrase)) {
        push(Rule::Hedge, format!("“{phrase}” hedges; say what the evidence shows"));
    }
    for phrase in NO_EVIDENCE.iter().filter(|phrase| joined.contains(**phrase)) {
        push(Rule::NoEvidence, format!("“{phrase}” says nothing; say which logs were read, from when to when, and what they show"));
    }
    for phrase in BOASTS.iter().filter(|phrase| joined.contains(**phrase)) {
        push(Rule::Boast, format!("“{phrase}” is about you, not about the reader; leave it out"));
    }
    if text.contains(['{', '}']) {
        push(Rule::UnfilledSlot, "a slot was not filled; draft the letter again".to_owned());
    }
}

/// Whether "may" stands there as a verb: in small letters, or at the head of a sentence without a number beside it.
fn holds_may(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.iter().enumerate().any(|(i, word)| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let number = |w: Option<&&str>| w.is_some_and(|w| w.chars().any(|c| c.is_ascii_digit()));
        let begins = i == 0 || words[i - 1].ends_with(['.', '!', '?', ':']);
        bare == "may" || (bare == "May" && begins && !number(words.get(i + 1)) && !number(i.checked_sub(1).and_then(|i| words.get(i))))
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty())
}
