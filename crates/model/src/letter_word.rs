//! What people decide about one person's letter: held, released, to another reader or address, done by hand. Kept in the ledger; the
//! last word on each thing counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::personal::Personal;
use crate::register::{LineDoubt, RegisterEntry};
use crate::time::Instant;

/// A named person's word on a letter. Free text and addresses are about a person, so they do not print themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case")]
pub enum LetterWord {
    /// It waits until somebody releases it.
    Held {
        /// Whose letter.
        data_subject: String,
        /// Why.
        why: Personal<String>,
    },
    /// It may go, although something about it made it wait.
    Released {
        /// Whose letter.
        data_subject: String,
        /// Why.
        why: Personal<String>,
    },
    /// Nobody gets it: there is nobody to write to.
    ForNobody {
        /// Whose letter.
        data_subject: String,
        /// Why.
        why: Personal<String>,
    },
    /// It goes to another address, or to another reader.
    Readdressed {
        /// Whose letter.
        data_subject: String,
        /// Who reads it.
        reader: Reader,
        /// Where it goes.
        place: Place,
        /// Why.
        why: Personal<String>,
    },
    /// Somebody has told the person in another way.
    DoneByHand {
        /// Whose letter.
        data_subject: String,
        /// The round of letters.
        round: u32,
        /// When.
        at: Instant,
        /// How and why.
        why: Personal<String>,
    },
}

impl LetterWord {
    /// Whose letter it is about.
    pub fn data_subject(&self) -> &str {
        match self {
            Self::Held { data_subject, .. }
            | Self::Released { data_subject, .. }
            | Self::ForNobody { data_subject, .. }
            | Self::Readdressed { data_subject, .. }
            | Self::DoneByHand { data_subject, .. } => data_subject,
        }
    }
}

/// Who reads a letter about a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reader {
    /// The person.
    #[default]
    Person,
    /// Whoever executes the will of somebody who has died.
    Executor,
    /// Next of kin of somebody who has died.
    NextOfKin,
    /// Parent or guardian of a child, or of an adult who cannot act.
    Guardian,
    /// The person, at somebody else's address.
    CareOf,
}

impl Reader {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Person, Self::Executor, Self::NextOfKin, Self::Guardian, Self::CareOf];

    /// The word that lists use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Executor => "executor",
            Self::NextOfKin => "next-of-kin",
            Self::Guardian => "guardian",
            Self::CareOf => "care-of",
        }
    }

    /// Whether somebody else than the person reads it.
    pub fn is_other(self) -> bool {
        !matches!(self, Self::Person | Self::CareOf)
    }
}

/// Where a letter goes, as far as somebody said; the register has the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The reader's name.
    pub name: Option<Personal<String>>,
    /// E-mail address.
    pub email: Option<Personal<String>>,
    /// Postal address, a line each.
    pub postal_address: Option<Personal<String>>,
    /// Language, a BCP 47 tag.
    pub language: Option<String>,
}

/// Whether a person decided that a letter waits, or goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    /// Nobody said anything.
    #[default]
    Unset,
    /// It waits.
    Held,
    /// It goes.
    Released,
    /// It goes to nobody.
    ForNobody,
}

/// What is decided about one person's letter: all words on it, folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// Whether it waits.
    pub gate: Gate,
    /// Who reads it, and where; `None` if nobody said.
    pub addressed: Option<(Reader, Place)>,
    /// When the person was told by hand, by round.
    pub by_hand: BTreeMap<u32, Instant>,
}

impl Decided {
    /// Folds words, oldest first, by person.
    pub fn fold<'w>(words: impl Iterator<Item = &'w LetterWord>) -> BTreeMap<String, Self> {
        let mut decided: BTreeMap<String, Self> = BTreeMap::new();
        for word in words {
            let own = decided.entry(word.data_subject().to_owned()).or_default();
            match word {
                LetterWord::Held { .. } => own.gate = Gate::Held,
                LetterWord::Released { .. } => own.gate = Gate::Released,
                LetterWord::ForNobody { .. } => own.gate = Gate::ForNobody,
                LetterWord::Readdressed { reader, place, .. } => {
                    // Who names another reader has decided that it goes.
                    if reader.is_other() || own.gate == Gate::ForNobody {
                        own.gate = Gate::Released;
                    }
                    own.addressed = Some((*reader, place.clone()));
                }
                LetterWord::DoneByHand { round, at, .. } => {
                    own.by_hand.insert(*round, *at);
                }
            }
        }
        decided
    }

    /// The register's entry as it counts for the letter.
    pub fn apply(&self, entry: &mut RegisterEntry) {
        let Some((reader, place)) = &self.addressed else { return };
        // Where nobody knows whose the line's values are, none of them counts, and what was named does.
        if *reader == Reader::Person && place.name.is_some() && (place.email.is_some() || place.postal_address.is_some()) {
            match entry.doubt.take() {
                None => {}
                Some(LineDoubt::TwoLines) => (entry.email, entry.phone, entry.postal_address) = (None, None, None),
                // What stands in the wrong place is no status and no language either.
                Some(LineDoubt::TooManyFields) => {
                    *entry = RegisterEntry { key: std::mem::take(&mut entry.key), belongs_to: entry.belongs_to.take(), ..RegisterEntry::default() };
                }
            }
        }
        // Who named an address for this letter has asked.
        entry.email_agreed |= place.email.is_some();
        if place.language.is_some() {
            entry.language.clone_from(&place.language);
        }
        if reader.is_other() {
            // Nobody else is meant to read the person's own mailbox.
            entry.email.clone_from(&place.email);
            entry.postal_address = place.postal_address.clone().or(entry.postal_address.take().filter(|_| place.email.is_none()));
        } else {
            entry.email = place.email.clone().or(entry.email.take());
            entry.postal_address = place.postal_address.clone().or(entry.postal_address.take());
        }
        match (reader, &place.name) {
            (Reader::Person, Some(name)) => {
                let language = entry.language.clone().unwrap_or_else(|| "en".to_owned());
                entry.names = BTreeMap::from([(language, name.clone())]);
            }
            (Reader::Person, None) => {}
            _ => entry.reader = Some((*reader, place.name.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why() -> Personal<String> {
        Personal::new("x".into())
    }

    fn readdressed(reader: Reader, place: Place) -> LetterWord {
        LetterWord::Readdressed { data_subject: "P".into(), reader, place, why: why() }
    }

    fn gate(words: &[LetterWord]) -> Gate {
        Decided::fold(words.iter()).remove("P").map_or(Gate::Unset, |decided| decided.gate)
    }

    #[test]
    fn the_last_word_counts() {
        let (held, released) = (LetterWord::Held { data_subject: "P".into(), why: why() }, LetterWord::Released { data_subject: "P".into(), why: why() });
        assert_eq!(gate(&[]), Gate::Unset);
        assert_eq!(gate(&[held.clone(), released.clone()]), Gate::Released);
        assert_eq!(gate(&[released, held.clone()]), Gate::Held);
        assert_eq!(gate(&[readdressed(Reader::Person, Place::default())]), Gate::Unset);
        assert_eq!(gate(&[readdressed(Reader::Executor, Place::default())]), Gate::Released);
        assert_eq!(gate(&[readdressed(Reader::Executor, Place::default()), held]), Gate::Held);
    }

    #[test]
    fn another_reader_never_gets_the_persons_own_mailbox() {
        let entry = || RegisterEntry {
            key: "P".into(),
            email: Some(Personal::new("own@people.example".into())),
            postal_address: Some(Personal::new("Home".into())),
            ..RegisterEntry::default()
        };
        let applied = |reader, place: Place| {
            let mut entry = entry();
            Decided { addressed: Some((reader, place)), ..Decided::default() }.apply(&mut entry);
            (entry.email.map(|e| e.expose_personal().clone()), entry.postal_address.map(|a| a.expose_personal().clone()))
        };
        let email = || Place { email: Some(Personal::new("kin@people.example".into())), ..Place::default() };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(applied(Reader::NextOfKin, Place::default()), (None, some("Home")));
        assert_eq!(applied(Reader::NextOfKin, email()), (some("kin@people.example"), None));
        assert_eq!(applied(Reader::Person, email()), (some("kin@people.example"), some("Home")));
        assert_eq!(applied(Reader::CareOf, Place::default()), (some("own@people.example"), some("Home")));
    }
    #[test]
    fn of_a_line_that_nobody_believes_only_what_was_named_counts() {
        let some = |text: &str| Some(Personal::new(text.to_owned()));
        let entry = |doubt| RegisterEntry {
            key: "P".into(),
            names: BTreeMap::from([("en".to_owned(), Personal::new("Another".to_owned()))]),
            email: some("another@people.example"),
            postal_address: some("Another Road"),
            status: Some("zh-Hant".into()),
            doubt: Some(doubt),
            ..RegisterEntry::default()
        };
        let applied = |doubt, place: Place| {
            let decided = Decided::fold([readdressed(Reader::Person, place)].iter()).remove("P").expect("a word on P");
            let mut entry = entry(doubt);
            decided.apply(&mut entry);
            entry
        };
        let whole = || Place { name: some("Right"), postal_address: some("Right Road"), ..Place::default() };
        for (doubt, status) in [(LineDoubt::TwoLines, Some("zh-Hant")), (LineDoubt::TooManyFields, None)] {
            let entry = applied(doubt, whole());
            assert_eq!((entry.doubt, entry.email, entry.postal_address, entry.status.as_deref()), (None, None, some("Right Road"), status));
            assert_eq!(entry.names.values().next(), some("Right").as_ref());
            // An address alone would go to whichever name stands there.
            assert_eq!(applied(doubt, Place { name: None, ..whole() }).doubt, Some(doubt));
        }
    }
}
