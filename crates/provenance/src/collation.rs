//! How a server orders texts and holds them equal: which collation it is, by what is declared, and how far we are equal to it.
//!
//! A collation that is not known, or not ours to imitate, has several readings: the orders of which one is the server's. What
//! all of them say is sure. Texts that a reading cannot place may stand anywhere.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::database::Dialect;

/// How texts are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Reading {
    /// By their bytes.
    Bytes,
    /// As MySQL's `_bin` does: by bytes, trailing blanks left out.
    PaddedBytes,
    /// As ICU does: punctuation, digits, letters; small letters first among equals.
    Icu,
    /// As the C library does outside C: letters and digits first, without case; what else there is breaks ties only.
    Library,
    /// As MySQL's collations of one byte do, of plain characters: by their numbers, without case.
    OneByte {
        /// Whether trailing blanks count.
        pads: bool,
    },
    /// As MySQL's `_general_ci` does: character by character, without case and accents.
    General {
        /// Whether trailing blanks count.
        pads: bool,
    },
    /// As MySQL's Unicode collations do; by one of two orders of punctuation.
    Unicode {
        /// Whether trailing blanks count.
        pads: bool,
        /// Whether `` ` `` and `^` stand before all other punctuation.
        is_early: bool,
    },
}

/// A collation: its readings, of which one is the server's, the first being ours.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Collation {
    pub(crate) readings: Vec<Reading>,
    /// Whether equal means the same bytes.
    pub(crate) is_bytewise: bool,
}

/// Languages whose order moves plain letters, or puts two of them together.
const MOVES_LETTERS: &[&str] = &[
    "az", "br", "bs", "crh", "cs", "cy", "da", "et", "fi", "fo", "haw", "hr", "hsb", "hu", "is", "kl", "lt", "lv", "mt", "nb", "nn", "no", "se", "sk", "sl",
    "sq", "sr", "sv", "tk", "tr", "tt", "uz", "vi",
];

impl Collation {
    fn of(readings: &[Reading], is_bytewise: bool) -> Self {
        Self { readings: readings.to_vec(), is_bytewise }
    }

    /// By bytes.
    pub(crate) fn bytes() -> Self {
        Self::of(&[Reading::Bytes], true)
    }

    /// Nothing is known of it.
    pub(crate) fn unknown(dialect: Dialect) -> Self {
        let unicode = |is_early| Reading::Unicode { pads: true, is_early };
        match dialect {
            Dialect::PostgreSql => Self::of(&[Reading::Bytes, Reading::Library, Reading::Icu], true),
            Dialect::MySql => Self::of(&[Reading::General { pads: true }, unicode(true), unicode(false), Reading::Bytes], false),
        }
    }

    /// From what is declared: `icu:de-DE`, `libc:en_US.UTF-8`, a name like `C` or `utf8mb4_general_ci`.
    pub(crate) fn declared(dialect: Dialect, name: &str) -> Self {
        match dialect {
            Dialect::PostgreSql => Self::of_postgres(name),
            Dialect::MySql => Self::of_mysql(name),
        }
    }

    fn of_postgres(name: &str) -> Self {
        if let Some(locale) = name.strip_prefix("icu:").or_else(|| name.strip_suffix("-x-icu")) {
            return Self::of_icu(locale);
        }
        let locale = name.strip_prefix("libc:").unwrap_or(name);
        let base = locale.split(['.', '@']).next().unwrap_or_default();
        match base {
            "C" | "POSIX" | "ucs_basic" => Self::bytes(),
            _ if base.contains('_') && !moves_letters(base) => Self::of(&[Reading::Library], true),
            _ if base.contains('_') || name.starts_with("libc:") => Self::unknown(Dialect::PostgreSql),
            // One that the database defines: perhaps one that holds texts equal that differ in their bytes.
            _ => Self { is_bytewise: false, ..Self::unknown(Dialect::PostgreSql) },
        }
    }

    /// Options in a locale (`-u-kn`, `@colNumeric=yes`) change the order; those are not read.
    fn of_icu(locale: &str) -> Self {
        let is_plain = !locale.contains("-u-") && !locale.contains('@') && !moves_letters(locale);
        if is_plain { Self::of(&[Reading::Icu], true) } else { Self::unknown(Dialect::PostgreSql) }
    }

    fn of_mysql(name: &str) -> Self {
        let name = name.to_lowercase();
        if let Some(set) = name.strip_prefix("charset:") {
            return Self::of_character_set(set);
        }
        let pads = !name.contains("_nopad_") && !name.contains("0900");
        let general = ["utf8mb4_general", "utf8mb3_general", "utf8_general", "ucs2_general"];
        let of_one_byte = ["latin1_swedish", "latin1_german1", "latin1_general", "ascii_general"];
        if name == "binary" || name.ends_with("_bin") {
            // Unicode's `_bin` compares characters, whose bytes in UTF-8 stand in the same order.
            return Self::of(&[if name == "binary" || !pads { Reading::Bytes } else { Reading::PaddedBytes }], name == "binary" || !pads);
        }
        if !name.ends_with("_ci") {
            return Self { is_bytewise: true, ..Self::unknown(Dialect::MySql) };
        }
        match name {
            _ if general.iter().any(|prefix| name.starts_with(prefix)) => Self::of(&[Reading::General { pads }], false),
            _ if of_one_byte.iter().any(|prefix| name.starts_with(prefix)) => Self::of(&[Reading::OneByte { pads }], false),
            _ if name.contains("0900_ai") || name.contains("uca1400_ai") => Self::of(&[Reading::Unicode { pads, is_early: false }], false),
            _ if name.contains("_unicode_") => Self::of(&[Reading::Unicode { pads, is_early: true }], false),
            _ => Self::unknown(Dialect::MySql),
        }
    }

    /// The default of a character set. That of `utf8mb4` is another one since MySQL 8, which writes it out in its dumps.
    fn of_character_set(set: &str) -> Self {
        match set {
            "utf8mb4" => Self::of(&[Reading::General { pads: true }, Reading::Unicode { pads: false, is_early: false }], false),
            "utf8" | "utf8mb3" | "ucs2" => Self::of(&[Reading::General { pads: true }], false),
            "latin1" | "ascii" => Self::of(&[Reading::OneByte { pads: true }], false),
            "binary" => Self::bytes(),
            _ => Self::unknown(Dialect::MySql),
        }
    }

    /// Whether every reading is ours for all texts.
    pub(crate) fn is_exact(&self) -> bool {
        self.readings == [Reading::Bytes]
    }

    /// Whether case or accents may be left out.
    pub(crate) fn is_folded(&self) -> bool {
        !self.is_bytewise && !self.readings.iter().all(|reading| matches!(reading, Reading::Bytes | Reading::PaddedBytes))
    }

    /// Whether the order of two texts is sure.
    pub(crate) fn orders_alike(&self, left: &str, right: &str) -> bool {
        if left == right {
            return true;
        }
        let mut orders = self.readings.iter().map(|reading| reading.compare(left, right));
        let Some(Some(first)) = orders.next() else { return false };
        orders.all(|order| order == Some(first))
    }

    /// Whether all readings agree that two texts are equal, or that they are not.
    pub(crate) fn equals_alike(&self, left: &str, right: &str) -> bool {
        if self.is_bytewise || left == right {
            return true;
        }
        let is_equal = |reading: &Reading| reading.compare(left, right).map(std::cmp::Ordering::is_eq);
        let mut equal = self.readings.iter().map(is_equal);
        let Some(Some(first)) = equal.next() else { return false };
        equal.all(|equal| equal == Some(first))
    }
}

impl Reading {
    /// Whether the reading knows where a text stands among all texts that it knows.
    pub(crate) fn places(self, text: &str) -> bool {
        let is_printed = |letter: char| (' '..='~').contains(&letter);
        match self {
            Self::Bytes => true,
            Self::Library | Self::Icu | Self::Unicode { .. } | Self::OneByte { .. } => text.chars().all(is_printed),
            // Less than a blank is less than the end.
            Self::PaddedBytes => text.chars().all(|letter| letter >= ' '),
            // Above the first plane all characters weigh the same.
            Self::General { .. } => text.chars().all(|letter| letter >= ' ' && u32::from(letter) <= 0xFFFF),
        }
    }

    /// A key whose order is the reading's.
    pub(crate) fn key(self, text: &str) -> Vec<u8> {
        match self {
            Self::Bytes => text.as_bytes().to_vec(),
            Self::Library => text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>().into_bytes(),
            Self::PaddedBytes => trimmed(text, true).as_bytes().to_vec(),
            Self::Icu => icu_key(text),
            Self::General { pads } => general(trimmed(text, pads)).into_bytes(),
            Self::OneByte { pads } => trimmed(text, pads).to_ascii_uppercase().into_bytes(),
            Self::Unicode { pads, is_early } => trimmed(text, pads).chars().map(|letter| weight(letter, is_early)).collect::<String>().into_bytes(),
        }
    }

    /// The places of the characters alone, by which a difference in the text's beginning decides.
    fn first_level(self, text: &str) -> Vec<u8> {
        match self {
            Self::Icu => text.chars().map(|letter| weight(letter, false)).collect::<String>().into_bytes(),
            other => other.key(text),
        }
    }

    /// How two texts compare; `None` if this reading cannot say, and of two texts that it holds to weigh the same and
    /// that the server tells apart by more.
    fn compare(self, left: &str, right: &str) -> Option<std::cmp::Ordering> {
        let order = match (self.places(left) && self.places(right), self) {
            (true, _) => self.key(left).cmp(&self.key(right)),
            // Up to the first character that it does not know, the texts may differ already.
            (false, Self::Unicode { .. } | Self::OneByte { .. } | Self::Library | Self::Icu) => {
                let end = |text: &str| text.char_indices().find(|(_, letter)| !(' '..='~').contains(letter)).map_or(text.len(), |(at, _)| at);
                let known = |text: &str| self.first_level(&text[..end(text)]);
                let (left, right) = (known(left), known(right));
                let difference = left.iter().zip(&right).find(|(one, other)| one != other);
                difference.map(|(one, other)| one.cmp(other))?
            }
            (false, _) => return None,
        };
        if self == Self::Library && order.is_eq() { None } else { Some(order) }
    }
}

/// Whether a locale's language orders plain letters otherwise than English does.
fn moves_letters(locale: &str) -> bool {
    let language = locale.split(['_', '-', '.']).next().unwrap_or_default().to_ascii_lowercase();
    MOVES_LETTERS.contains(&language.as_str())
}

/// The places of all characters, then small before capital letters, then the bytes: PostgreSQL breaks ties by them.
fn icu_key(text: &str) -> Vec<u8> {
    let mut key: Vec<u8> = Reading::Icu.first_level(text);
    key.push(0);
    key.extend(text.chars().map(|letter| 1 + u8::from(letter.is_uppercase())));
    key.push(0);
    key.extend_from_slice(text.as_bytes());
    key
}

fn trimmed(text: &str, pads: bool) -> &str {
    if pads { text.trim_end_matches(' ') } else { text }
}

/// The weights of `_general_ci` that are not the character's own number and not those of plain letters, from MariaDB 10.11:
/// a line is a weight and the characters that have it.
const GENERAL: &str = include_str!("general_ci.txt");

fn general_weights() -> &'static HashMap<char, char> {
    static WEIGHTS: OnceLock<HashMap<char, char>> = OnceLock::new();
    WEIGHTS.get_or_init(|| {
        let letter = |word: &str| u32::from_str_radix(word, 16).ok().and_then(char::from_u32);
        let line = |line: &str| {
            let mut letters = line.split(' ').filter_map(letter).collect::<Vec<_>>().into_iter();
            letters.next().map(|weight| letters.map(move |letter| (letter, weight)))
        };
        GENERAL.lines().filter_map(line).flatten().collect()
    })
}

/// A text with each character as `_general_ci` weighs it.
pub(crate) fn general(text: &str) -> String {
    let weigh = |letter: char| match letter {
        '\0'..='\x7f' => letter.to_ascii_uppercase(),
        letter => general_weights().get(&letter).copied().unwrap_or(letter),
    };
    text.chars().map(weigh).collect()
}

/// The place of a plain character in MySQL's Unicode collations; others keep their own.
fn weight(letter: char, is_early: bool) -> char {
    const PUNCTUATION: &str = " `^_-,;:!?.'\"()[]{}@*/\\&#%+<=>|~$0123456789";
    const LATER: &str = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789";
    let order = if is_early { PUNCTUATION } else { LATER };
    match order.find(letter) {
        Some(place) => char::from(u8::try_from(place + 0x10).unwrap_or(0x7f)),
        None => letter.to_ascii_uppercase(),
    }
}
