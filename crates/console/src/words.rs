//! What an act says, in one sentence for whoever signs it or sees that it was done. Times are the organisation's.

use strandline_model::detection::Verdict;
use strandline_model::duty::DutyWord;
use strandline_model::letter_word::LetterWord;
use strandline_model::trail::Pin;
use strandline_response::desk::Act;
use strandline_response::{Change, PinWord};

use crate::pages::{letter_state, role};
use crate::pictures::Zone;
use crate::texts::Texts;

/// The sentence. It names no person; it has the key of one, so that two letters that wait for a signature are told apart.
pub fn says(act: &Act, zone: &Zone, t: &Texts) -> String {
    match act {
        Act::Judge { target, verdict: Verdict::Struck, .. } => t.w("says_strike", target),
        Act::Judge { target, verdict: Verdict::Confirmed, .. } => t.w("says_confirm", target),
        Act::Pin(word) => pin(word, t),
        Act::Duty(word) => duty(word, zone, t),
        Act::Letters(words) => words.first().map(|word| letter(word, zone, t)).unwrap_or_default(),
        Act::ApproveLetters { round, .. } => t.w("says_approve_letters", round),
        Act::ApproveCut { plan, .. } => t.w("says_approve_cut", plan.map(|plan| plan.to_string()).unwrap_or_default()),
        Act::Enrol(enrolment) => match enrolment.change {
            Change::Enrolled => t.w2("says_enrol", &enrolment.name, role(t, enrolment.role)),
            Change::Removed => t.w2("says_remove", &enrolment.name, role(t, enrolment.role)),
        },
        Act::LookUp { data_subject, .. } => t.w("says_look", data_subject),
        Act::LetterCame { data_subject, state } => t.w2("says_came", data_subject, letter_state(t, state.as_str())),
        Act::AssignMessage { message, to } => t.w2("says_assign", short(message), to),
        Act::AnswerMessage { message, .. } => t.w("says_answer", short(message)),
        Act::CloseMessage { message, .. } => t.w("says_close", short(message)),
        Act::WithdrawCard { message, .. } => t.w("says_withdraw", short(message)),
    }
}

fn short(message: &str) -> String {
    message.chars().take(8).collect()
}

fn pin(word: &PinWord, t: &Texts) -> String {
    let list = |pins: &[Pin]| pins.iter().map(Pin::to_string).collect::<Vec<_>>().join(", ");
    match (word.named.as_slice(), word.withdrawn.as_slice()) {
        (named, []) => t.w("says_pin", list(named)),
        ([], withdrawn) => t.w("says_unpin", list(withdrawn)),
        (named, withdrawn) => format!("{}; {}", t.w("says_pin", list(named)), t.w("says_unpin", list(withdrawn))),
    }
}

fn letter(word: &LetterWord, zone: &Zone, t: &Texts) -> String {
    let key = word.data_subject();
    match word {
        LetterWord::Held { .. } => t.w("says_hold", key),
        LetterWord::Released { .. } => t.w("says_release", key),
        LetterWord::ForNobody { .. } => t.w("says_nobody", key),
        LetterWord::DoneByHand { at, .. } => t.w2("says_by_hand", key, zone.full(*at)),
        LetterWord::Readdressed { .. } => t.w("says_readdress", key),
    }
}

fn duty(word: &DutyWord, zone: &Zone, t: &Texts) -> String {
    match word {
        DutyWord::Happened { event, at, .. } => t.w2("says_happened", event, zone.full(*at)),
        DutyWord::Retracted { event, .. } => t.w("says_retracted", event),
        DutyWord::Required { duty, .. } => t.w("says_required", duty),
        DutyWord::NotRequired { duty, .. } => t.w("says_not_required", duty),
        DutyWord::PartlyDone { duty, at, .. } => t.w2("says_partly_done", duty, zone.full(*at)),
        DutyWord::Done { duty, at, .. } => t.w2("says_done", duty, zone.full(*at)),
        DutyWord::Reopened { duty, .. } => t.w("says_reopened", duty),
        DutyWord::Answered { question, .. } => t.w("says_answered", question),
    }
}

#[cfg(test)]
mod tests {
    use strandline_model::personal::Personal;
    use strandline_model::time::Instant;

    use super::*;
    use crate::texts::Language;

    #[test]
    fn times_are_those_that_the_person_typed() {
        let (t, zone) = (Texts::of(Language::English).unwrap(), Zone::new("Asia/Hong_Kong"));
        let at = Instant::of_rfc3339("2026-11-24T19:12:00Z").unwrap();
        let word = DutyWord::Happened { event: "aware".to_owned(), at, knowing: Personal::new("x".to_owned()) };
        assert_eq!(says(&Act::Duty(word), &zone, &t), "aware happened at 2026-11-25 03:12:00");
        let word = LetterWord::DoneByHand { data_subject: "P7".to_owned(), round: 1, at, why: Personal::new("x".to_owned()) };
        assert_eq!(says(&Act::Letters(vec![word]), &zone, &t), "P7 was told in another way, at 2026-11-25 03:12:00");
    }
}
