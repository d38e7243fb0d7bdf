//! Values that are nobody's: what stands in a register where there is nothing. And mailboxes that are everybody's: forty letters to one
//! of them are a second breach. Found by words, [`NOBODYS`], and by counting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use strandline_model::register::RegisterEntry;

/// The words, `nobodys.txt`.
const NOBODYS: &str = include_str!("nobodys.txt");

/// From this many people on, one mailbox is nobody's own: a couple shares one, and so may a child.
const SHARED_FROM: u64 = 3;

static WORDS: LazyLock<BTreeMap<&'static str, BTreeSet<&'static str>>> = LazyLock::new(|| {
    let mut words: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut section = "";
    for line in NOBODYS.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")) {
        match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(name) => section = name,
            None => {
                words.entry(section).or_default().insert(line);
            }
        }
    }
    words
});

fn is_among(section: &str, word: &str) -> bool {
    WORDS.get(section).is_some_and(|words| words.contains(word))
}

/// Whether a name, an address or an e-mail address stands for nothing.
pub(super) fn is_nothing(value: &str) -> bool {
    let folded = value.trim().trim_matches(|c: char| matches!(c, '.' | '-' | '*' | '?' | '!' | '"' | '\'' | '<' | '>' | '[' | ']')).trim().to_lowercase();
    let mut characters = folded.chars().filter(|c| c.is_alphanumeric());
    let Some(first) = characters.next() else { return true };
    // xxxx, 0000: whoever had to type something typed this.
    let repeated = folded.chars().count() > 1 && first.is_ascii() && folded.chars().all(|c| c == first);
    repeated || is_among("nothing", &folded.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Whether what stands where a name should is none: nothing, a title alone, a number, or somebody's mailbox.
pub(super) fn is_no_name(value: &str) -> bool {
    let is_empty_word = |word: &str| is_nothing(word) || is_among("title", word.trim_matches(['.', ',']).to_lowercase().as_str());
    let is_mailbox = value.contains('@') && !value.contains(char::is_whitespace);
    is_nothing(value) || is_mailbox || !value.contains(char::is_alphabetic) || value.split_whitespace().all(is_empty_word)
}

/// A name without what says behind or before it that its bearer has died: `CHAN Siu Ming (deceased)`.
pub(super) fn of_the_dead(value: &str) -> Option<String> {
    let says_so = |part: &str| {
        is_among("died", part.trim_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '*' | '-' | ',' | '.')).to_lowercase().as_str())
    };
    let open = value.find(['(', '[', '（', '*']).filter(|at| *at > 0).or_else(|| value.find(" - "));
    let parts = open.map(|at| value.split_at(at)).or_else(|| value.rsplit_once(','));
    let (name, behind) = parts?;
    let name = name.trim();
    (says_so(behind.trim_matches(['（', '）'])) && !name.is_empty()).then(|| name.to_owned())
}

/// Whether a postal address is none. One word of a script that parts words, figures, or a country alone lead nobody to a door.
pub(super) fn is_no_place(lines: &[String]) -> bool {
    let is_one_word = lines.len() == 1 && lines[0].is_ascii() && !lines[0].contains([' ', ',']);
    if is_one_word || !lines.iter().any(|line| line.contains(char::is_alphabetic)) {
        return true;
    }
    let part = |part: &str| part.trim().trim_matches(['.', '(', ')', '*', '-']).trim().to_lowercase();
    let parts: Vec<String> = lines.iter().flat_map(|line| line.split([',', '，', ';'])).map(part).filter(|part| !part.is_empty()).collect();
    lines.iter().all(|line| is_nothing(line))
        || parts.first().is_some_and(|first| is_nothing(first))
        || parts.iter().any(|part| is_among("no-place", part))
        || parts.iter().all(|part| is_among("too-wide", part))
}

/// Whether a mailbox is one that nobody reads: by its words, or because the same word stands on both sides of the sign.
pub(super) fn is_no_mailbox(email: &str) -> bool {
    let Some((local, domain)) = email.rsplit_once('@') else { return is_nothing(email) };
    let host = domain.split('.').next().unwrap_or_default().to_lowercase();
    let top = domain.rsplit('.').next().unwrap_or_default().to_lowercase();
    let name = bare(local);
    let letters = name.replace('.', "");
    let begins = WORDS.get("no-mailbox-begins").is_some_and(|words| words.iter().any(|word| letters.starts_with(word)));
    // ann@ann.example is Ann, who has a page; a@a.com and test@test.com are whoever had to type something.
    let is_twice = name == bare(&host) && (name.chars().count() <= 2 || is_among("no-mailbox", &name));
    begins || is_twice || is_among("no-mailbox", &name) || is_among("no-host", &bare(&host)) || matches!(top.as_str(), "invalid" | "localhost")
}

/// Whether a mailbox is, by its name, one that several people read.
pub(super) fn is_everybodys(email: &str) -> bool {
    email.rsplit_once('@').is_some_and(|(local, _)| is_among("shared", &bare(local)))
}

/// A word without digits and signs; a dot stays, since `n.one` is a person.
fn bare(word: &str) -> String {
    word.chars().filter(|c| c.is_alphabetic() || *c == '.').flat_map(char::to_lowercase).collect()
}

/// Mailboxes that the register gives to several people, as they are compared.
#[derive(Clone, Debug, Default)]
pub struct SharedMailboxes(BTreeSet<String>);

impl SharedMailboxes {
    /// Counts a register. Who has another reader, by a person's decision, is written to there on purpose.
    pub fn of<'a>(people: impl Iterator<Item = &'a RegisterEntry>) -> Self {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for email in people.filter(|entry| entry.reader.is_none()).filter_map(|entry| entry.email.as_ref()) {
            *counts.entry(folded(email.expose_personal())).or_default() += 1;
        }
        Self(counts.into_iter().filter(|(_, people)| *people >= SHARED_FROM).map(|(email, _)| email).collect())
    }

    /// Whether an entry's mailbox is among them.
    pub fn has(&self, entry: &RegisterEntry) -> bool {
        entry.reader.is_none() && entry.email.as_ref().is_some_and(|email| self.0.contains(&folded(email.expose_personal())))
    }
}

fn folded(email: &str) -> String {
    email.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_nothing_is_no_value() {
        for nothing in ["", " - ", "N/A", "n.a.", "NULL", "None", "ADDRESS  UNKNOWN", "不詳", "???", "xxxx", "0000", "<null>", "—"] {
            assert!(is_nothing(nothing), "{nothing:?}");
        }
        for name in ["Ann", "Null Ann", "Ng", "O", "李", "No. 5 Some Road", "Noel", "Xu Xu"] {
            assert!(!is_nothing(name), "{name:?}");
        }
        for (address, expected) in [
            (vec!["ADDRESS UNKNOWN", "HONG KONG"], true),
            (vec!["(Gone away), 5 Some Road"], true),
            (vec!["N/A", "N/A"], true),
            (vec!["Unknown, Hong Kong"], true),
            (vec!["Flat 2, 5 Unknown Road"], false),
            (vec!["5 Null Street", "Hong Kong"], false),
            (vec!["Address not known"], true),
            (vec!["address withheld", "Hong Kong"], true),
            (vec!["see file"], true),
            (vec!["HONG KONG"], true),
            (vec!["Kowloon, Hong Kong"], true),
            (vec!["香港"], true),
            (vec!["Ward 3, Kowloon Hospital", "Hong Kong"], false),
            (vec!["Seefile Road 5", "London"], false),
        ] {
            assert_eq!(is_no_place(&address.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>()), expected, "{address:?}");
        }
    }

    #[test]
    fn a_mailbox_of_nobody_and_of_everybody_is_known_by_its_words() {
        for nobody in [
            "noemail@people.example",
            "no-email@people.example",
            "NoReply1@people.example",
            "ann@noemail.example",
            "test@test.com",
            "no@no.com",
            "x@x.com",
            "a@a.com",
            "noone@nowhere.com",
            "noemailaddress@gmail.com",
            "no-email-provided@people.example",
            "email@email.com",
            "ann@host.invalid",
            "-",
            "n/a",
        ] {
            assert!(is_no_mailbox(nobody), "{nobody}");
        }
        for nobody in ["Not Stated", "No Name", "Unknown Male", "Do Not Use"] {
            assert!(is_no_name(nobody), "{nobody}");
        }
        for (name, expected) in [
            ("CHAN Siu Ming (deceased)", Some("CHAN Siu Ming")),
            ("CHAN Siu Ming [Dec'd]", Some("CHAN Siu Ming")),
            ("Ann Chan - deceased", Some("Ann Chan")),
            ("陳小明（已故）", Some("陳小明")),
            ("CHAN Siu Ming (Peter)", None),
            ("Ann Chan", None),
            ("(deceased)", None),
        ] {
            assert_eq!(of_the_dead(name).as_deref(), expected, "{name}");
        }
        for everybody in ["info@ward.example", "HR@ward.example", "admin2@ward.example"] {
            assert!(is_everybodys(everybody), "{everybody}");
        }
        for own in [
            "ann@people.example",
            "nina@people.example",
            "n.one@people.example",
            "infora@people.example",
            "hrh@people.example",
            "testa@people.example",
            "no.an@people.example",
            "nora@nora.example",
            "mailer.ann@people.example",
        ] {
            assert!(!is_no_mailbox(own) && !is_everybodys(own), "{own}");
        }
    }

    #[test]
    fn a_mailbox_that_many_people_have_is_found_by_counting() {
        use strandline_model::personal::Personal;
        let entry = |key: usize, email: &str| RegisterEntry { key: key.to_string(), email: Some(Personal::new(email.into())), ..RegisterEntry::default() };
        let people: Vec<RegisterEntry> = [(1, "a@b.example"), (2, "A@B.example "), (3, "c@b.example"), (4, "c@b.example"), (5, "c@B.example")]
            .map(|(key, email)| entry(key, email))
            .to_vec();
        let shared = SharedMailboxes::of(people.iter());
        let has: Vec<bool> = people.iter().map(|entry| shared.has(entry)).collect();
        assert_eq!(has, [false, false, true, true, true], "a couple may share one");
    }
}
