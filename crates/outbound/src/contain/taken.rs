//! Which sessions a cut is about: settled when it is planned, kept with what stood there before, and never another one. A sign-in
//! afterwards is a session of its own, and one whose time runs out while it is held back is over, not lost.

use serde::{Deserialize, Serialize};

use super::state::{Held, TargetState};

/// The value that holds which they are; it is not shown.
const WHICH: &str = "which sessions";

/// One session of a cut.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct One {
    /// Its name in the store.
    pub(super) key: Vec<u8>,
    /// When it ends by itself, in milliseconds of the store's clock; nothing where the store does not end it.
    pub(super) until: Option<i64>,
}

/// As it is stored: bytes in hexadecimal.
#[derive(Serialize, Deserialize)]
struct Stored(String, Option<i64>);

/// The sessions that a state was made for; nothing in plans of before, which named none.
pub(super) fn taken(state: &TargetState) -> Option<Vec<One>> {
    let stored: Vec<Stored> = serde_json::from_str(state.held(WHICH).expose()?).ok()?;
    stored.into_iter().map(|Stored(key, until)| Some(One { key: bytes(&key)?, until })).collect()
}

fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hexadecimal.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

/// The state of sessions that are there, before a cut.
pub(super) fn before(place: &str, mut sessions: Vec<One>, by: Option<&str>) -> TargetState {
    sessions.sort();
    let count = match sessions.len() {
        0 => return TargetState::default().with(place, none()),
        1 => "1 session".to_owned(),
        many => format!("{many} sessions"),
    };
    let stored: Vec<Stored> = sessions.into_iter().map(|one| Stored(one.key.iter().map(|byte| format!("{byte:02x}")).collect(), one.until)).collect();
    let told = by.map_or_else(|| count.clone(), |by| format!("{count}, by {by}"));
    TargetState::default().with(place, Held::text(told)).with(WHICH, Held::secret(serde_json::to_string(&stored).unwrap_or_default()))
}

/// What a cut of these is to leave.
pub(super) fn meant(place: &str, before: &TargetState) -> TargetState {
    with_which(before).with(place, none())
}

/// Where they stand now: how many of them are in the store, how many are held back, and what became of them where none is left.
pub(super) fn now(place: &str, before: &TargetState, (there, aside): (usize, usize), over: impl FnOnce() -> String) -> TargetState {
    let held = match (there, aside) {
        (0, 0) => Held::Ended(over()),
        // Plans of before say yes and no.
        (0, _) if taken(before).is_none() => Held::flag(false),
        (0, _) => none(),
        (_, 0) => before.held(place).clone(),
        // Begun and not ended, or saved again by a request that was running.
        _ => Held::Half("some are there, and some are held back".to_owned()),
    };
    with_which(before).with(place, held)
}

fn with_which(before: &TargetState) -> TargetState {
    let state = TargetState::default();
    if taken(before).is_some() { state.with(WHICH, before.held(WHICH).clone()) } else { state }
}

fn none() -> Held {
    Held::text("none")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contain::state::{Stands, compare};

    #[test]
    fn sessions_stand_where_those_of_the_plan_stand() {
        let one = |key: &[u8], until| One { key: key.to_vec(), until };
        let was = before("in the store", vec![one(b"b\xff", None), one(b"a", Some(7))], Some("user"));
        assert_eq!(taken(&was), Some(vec![one(b"a", Some(7)), one(b"b\xff", None)]));
        assert!(was.held("in the store").to_string() == "2 sessions, by user" && !format!("{was:?}").contains("62ff"));
        let aimed = meant("in the store", &was);
        let check =
            |counts, expected: Stands| assert_eq!(compare(&was, &aimed, &now("in the store", &was, counts, || "over".to_owned())), expected, "{counts:?}");
        check((2, 0), Stands::Before);
        check((1, 0), Stands::Before);
        check((1, 1), Stands::Between);
        check((0, 1), Stands::AsMeant);
        check((0, 0), Stands::Ended("over".to_owned()));
        // As plans of before have it.
        let old = TargetState::default().with("in the store", Held::flag(true));
        assert_eq!(now("in the store", &old, (0, 2), String::new), TargetState::default().with("in the store", Held::flag(false)));
        assert_eq!(now("in the store", &old, (2, 0), String::new), old);
    }
}
