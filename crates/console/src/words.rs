//! What an act says, in one sentence for whoever signs it or sees that it was done.

use strandline_model::detection::Verdict;
use strandline_model::duty::DutyWord;
use strandline_model::letter_word::LetterWord;
use strandline_response::desk::Act;

use crate::texts::Texts;

/// The sentence. It names no person.
pub fn says(act: &Act, t: &Texts) -> String {
    match act {
        Act::Judge { target, verdict: Verdict::Struck, .. } => t.w("says_strike", target),
        Act::Judge { target, verdict: Verdict::Confirmed, .. } => t.w("says_confirm", target),
        Act::Duty(word) => duty(word, t),
        Act::Letters(words) => match words.first() {
            Some(LetterWord::Held { .. }) => t.x("says_hold").to_owned(),
            Some(LetterWord::Released { .. }) => t.x("says_release").to_owned(),
            Some(LetterWord::ForNobody { .. }) => t.x("says_nobody").to_owned(),
            Some(LetterWord::DoneByHand { .. }) => t.x("says_by_hand").to_owned(),
            Some(LetterWord::Readdressed { .. }) | None => t.x("says_readdress").to_owned(),
        },
        Act::ApproveLetters { round, .. } => t.w("says_approve_letters", round),
        Act::ApproveCut { plan, .. } => t.w("says_approve_cut", plan.map(|plan| plan.to_string()).unwrap_or_default()),
        Act::LookUp { .. } => t.x("says_look").to_owned(),
    }
}

fn duty(word: &DutyWord, t: &Texts) -> String {
    match word {
        DutyWord::Happened { event, at, .. } => t.w2("says_happened", event, at),
        DutyWord::Retracted { event, .. } => t.w("says_retracted", event),
        DutyWord::Required { duty, .. } => t.w("says_required", duty),
        DutyWord::NotRequired { duty, .. } => t.w("says_not_required", duty),
        DutyWord::PartlyDone { duty, .. } => t.w("says_partly_done", duty),
        DutyWord::Done { duty, .. } => t.w("says_done", duty),
        DutyWord::Reopened { duty, .. } => t.w("says_reopened", duty),
        DutyWord::Answered { question, .. } => t.w("says_answered", question),
    }
}
