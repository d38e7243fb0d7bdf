//! What a target holds, as plain data by name, so that before, meant and now can be compared whatever the target is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use strandline_model::personal::Personal;

/// One value of a target.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// There is none.
    Absent,
    /// It may be shown.
    Text(String),
    /// It may not: a verifier of a password, a session.
    Secret(Personal<String>),
    /// Ours, half-way: written and not in force, or taken out and still in force. Neither before nor meant, and nobody else's.
    Half(String),
    /// It is over, by itself or by its owner: as good as before and as meant, and nothing that could be given back.
    Ended(String),
}

impl Held {
    /// A text that may be shown.
    pub fn text(value: impl Into<String>) -> Self {
        Self::Text(value.into())
    }

    /// A text that may not.
    pub fn secret(value: impl Into<String>) -> Self {
        Self::Secret(Personal::new(value.into()))
    }

    /// A text that may be shown, or none.
    pub fn optional(value: Option<String>) -> Self {
        value.map_or(Self::Absent, Self::Text)
    }

    /// `yes` or `no`.
    pub fn flag(is_so: bool) -> Self {
        Self::text(if is_so { "yes" } else { "no" })
    }

    /// The value, for whoever puts it back into the target.
    pub(crate) fn expose(&self) -> Option<&str> {
        match self {
            Self::Absent | Self::Half(_) | Self::Ended(_) => None,
            Self::Text(value) => Some(value),
            Self::Secret(value) => Some(value.expose_personal()),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("nothing"),
            Self::Text(value) | Self::Half(value) | Self::Ended(value) => f.write_str(value),
            Self::Secret(_) => f.write_str("[not shown]"),
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The values of a target that one action changes, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TargetState(pub BTreeMap<String, Held>);

impl TargetState {
    /// With one value more.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, held: Held) -> Self {
        self.0.insert(name.into(), held);
        self
    }

    /// One value; nothing of that name is as good as an absent one.
    pub fn held(&self, name: &str) -> &Held {
        self.0.get(name).unwrap_or(&Held::Absent)
    }

    /// Whether a value is `yes`.
    pub fn is_yes(&self, name: &str) -> bool {
        *self.held(name) == Held::flag(true)
    }
}

/// One value in three times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Its name.
    pub name: String,
    /// Before the action; secrets are not shown.
    pub before: String,
    /// As the action left it, or was to.
    pub meant: String,
    /// Now.
    pub now: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} before, {} by the action, {} now", self.name, self.before, self.meant, self.now)
    }
}

/// Where a target stands between before and meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stands {
    /// Every value is as before.
    Before,
    /// Every value is as meant.
    AsMeant,
    /// Some are as before and some as meant: something ended half-way.
    Between,
    /// Some are neither: somebody else changed them.
    Elsewhere(Vec<Difference>),
    /// What it was about is over, and nothing of it is left; with why.
    Ended(String),
}

/// Compares now with before and meant.
pub fn compare(before: &TargetState, meant: &TargetState, now: &TargetState) -> Stands {
    let names: BTreeSet<&String> = before.0.keys().chain(meant.0.keys()).chain(now.0.keys()).collect();
    let (mut elsewhere, mut ended) = (Vec::new(), None);
    let (mut all_before, mut all_meant) = (true, true);
    for name in names {
        let (was, aimed, is) = (before.held(name), meant.held(name), now.held(name));
        if let Held::Ended(why) = is {
            ended = Some(why.clone());
            continue;
        }
        all_before &= is == was;
        all_meant &= is == aimed;
        if is != was && is != aimed && !matches!(is, Held::Half(_)) {
            elsewhere.push(difference(name, (was, aimed, is)));
        }
    }
    match (elsewhere.is_empty(), all_meant, all_before) {
        (false, ..) => Stands::Elsewhere(elsewhere),
        (true, true, true) if ended.is_some() => Stands::Ended(ended.unwrap_or_default()),
        (true, true, _) => Stands::AsMeant,
        (true, _, true) => Stands::Before,
        _ => Stands::Between,
    }
}

fn difference(name: &str, (was, aimed, is): (&Held, &Held, &Held)) -> Difference {
    Difference { name: name.to_owned(), before: was.to_string(), meant: aimed.to_string(), now: is.to_string() }
}

/// What is not as before: of a target at which nothing was begun, that is somebody else's doing, whatever it is.
pub(super) fn changed(before: &TargetState, meant: &TargetState, now: &TargetState) -> Vec<Difference> {
    let names: BTreeSet<&String> = before.0.keys().chain(meant.0.keys()).chain(now.0.keys()).collect();
    let all = names.into_iter().map(|name| (name, (before.held(name), meant.held(name), now.held(name))));
    all.filter(|(_, (was, _, is))| was != is).map(|(name, held)| difference(name, held)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(values: &[(&str, &str)]) -> TargetState {
        values.iter().fold(TargetState::default(), |state, (name, value)| state.with(*name, Held::text(*value)))
    }

    fn check(now: &[(&str, &str)], expected: &Stands) {
        let before = state(&[("login", "yes"), ("limit", "-1")]);
        let meant = state(&[("login", "no"), ("limit", "0")]);
        assert_eq!(&compare(&before, &meant, &state(now)), expected);
    }

    #[test]
    fn a_target_stands_before_between_as_meant_or_elsewhere() {
        check(&[("login", "yes"), ("limit", "-1")], &Stands::Before);
        check(&[("login", "no"), ("limit", "-1")], &Stands::Between);
        check(&[("login", "no"), ("limit", "0")], &Stands::AsMeant);
        let of = |held: Held| TargetState::default().with("line", held);
        let half = of(Held::Half("written, not loaded".to_owned()));
        assert_eq!(compare(&of(Held::Absent), &of(Held::text("reject")), &half), Stands::Between);
        let other = Difference { name: "limit".to_owned(), before: "-1".to_owned(), meant: "0".to_owned(), now: "5".to_owned() };
        check(&[("login", "no"), ("limit", "5")], &Stands::Elsewhere(vec![other]));
        let gone = Difference { name: "login".to_owned(), before: "yes".to_owned(), meant: "no".to_owned(), now: "nothing".to_owned() };
        check(&[("limit", "0")], &Stands::Elsewhere(vec![gone]));
    }

    #[test]
    fn a_secret_is_compared_and_never_shown() {
        let of = |value: &str| TargetState::default().with("password", Held::secret(value));
        let Stands::Elsewhere(found) = compare(&of("one"), &of("two"), &of("three")) else { panic!("somebody else changed it") };
        let told = format!("{found:?} {} {:?}", found[0], of("one"));
        assert!(["one", "two", "three"].iter().all(|value| !told.contains(value)), "{told}");
    }
}
