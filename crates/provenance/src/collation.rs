//! How a server orders texts and holds them equal: which collation it is, by what is declared, and how far we are equal to it.
//!
//! A collation that is not known, or not ours to imitate, has several readings: the orders of which one is the server's. What
//! all of them say is sure. Texts that a reading cannot place may stand anywhere.

use std::collections::HashMap;
use std::sync::OnceLock;

use unicode_normalization::UnicodeNormalization;

use crate::database::Dialect;
use crate::tongue::{Tongue, is_han};

/// How texts are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Reading {
    /// By their bytes.
    Bytes,
    /// As MySQL's `_bin` does: by bytes, trailing blanks left out.
    PaddedBytes,
    /// As ICU does in a language.
    Icu(Tongue),
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
        /// Whether letters with accents weigh what they weigh without, and Han characters stand last, by their numbers: so in no language's own.
        is_root: bool,
    },
    /// As a language's own collation at MySQL, which may put letters elsewhere, or two together.
    Tongue,
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

/// What MySQL and MariaDB call collations of languages that leave plain letters where they are.
const LEAVES_LETTERS: &[&str] = &[
    "bulgarian",
    "chinese",
    "de_pb",
    "eo",
    "es",
    "esperanto",
    "general",
    "german1",
    "german2",
    "japanese",
    "korean",
    "myanmar",
    "persian",
    "pl",
    "polish",
    "ro",
    "romanian",
    "sinhala",
    "sl",
    "slovenian",
    "spanish",
    "thai",
    "ukrainian",
];

/// Character sets of one byte whose `_general_ci` orders plain characters by their numbers, without case (MariaDB 10.11).
const OF_ONE_BYTE: &[&str] =
    &["armscii8", "ascii", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "greek", "hebrew", "keybcs2", "koi8r", "latin1", "latin2", "macroman"];

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
        let unicode = |is_early| Reading::Unicode { pads: true, is_early, is_root: false };
        match dialect {
            Dialect::PostgreSql => Self::of(&[Reading::Bytes, Reading::Library, Reading::Icu(Tongue::ROOT)], true),
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
            _ if base.contains('_') => Self::of_moving(base),
            _ if name.starts_with("libc:") => Self::unknown(Dialect::PostgreSql),
            // One that the database defines: perhaps one that holds texts equal that differ in their bytes.
            _ => Self { is_bytewise: false, ..Self::unknown(Dialect::PostgreSql) },
        }
    }

    /// Options in a locale (`-u-kn`, `@colNumeric=yes`) change the order; those are not read.
    fn of_icu(locale: &str) -> Self {
        match Tongue::of(locale) {
            Some(tongue) => Self::of(&[Reading::Icu(tongue)], true),
            None => Self::of_moving(locale),
        }
    }

    /// Of a language that moves letters, beside the order that it has in CLDR, where that is known.
    fn of_moving(locale: &str) -> Self {
        let own = Tongue::of(locale).map_or(Reading::Tongue, Reading::Icu);
        let mut readings = Self::unknown(Dialect::PostgreSql).readings;
        readings.push(own);
        Self::of(&readings, true)
    }

    fn of_mysql(name: &str) -> Self {
        let name = name.to_lowercase();
        if let Some(set) = name.strip_prefix("charset:") {
            return Self::of_character_set(set);
        }
        // MariaDB's newer ones may be named without a character set.
        let name = if name.starts_with("uca1400_") { format!("utf8mb4_{name}") } else { name };
        let pads = !name.contains("_nopad_") && !name.contains("0900");
        // `utf8mb4_spanish_ci`, `utf8mb4_es_0900_ai_ci`: what stands between the character set and the way of comparing is a language.
        let (set, rest) = name.split_once('_').unwrap_or((&name, ""));
        let rest = rest.replacen("nopad_", "", 1);
        let is_unicode = set.starts_with("utf") || set == "ucs2";
        if name == "binary" || name.ends_with("_bin") {
            // Unicode's `_bin` compares characters, whose bytes in UTF-8 stand in the same order.
            return Self::of(&[if name == "binary" || !pads { Reading::Bytes } else { Reading::PaddedBytes }], name == "binary" || !pads);
        }
        if !name.ends_with("_ci") {
            return Self { is_bytewise: !pads, ..Self::unknown(Dialect::MySql) };
        }
        let unicode = |is_early| Self::of(&[Reading::Unicode { pads, is_early, is_root: true }], false);
        match rest.as_str() {
            "general_ci" if is_unicode => Self::of(&[Reading::General { pads }], false),
            "swedish_ci" | "german1_ci" if set == "latin1" => Self::of(&[Reading::OneByte { pads }], false),
            "general_ci" if OF_ONE_BYTE.contains(&set) => Self::of(&[Reading::OneByte { pads }], false),
            "0900_ai_ci" | "uca1400_ai_ci" if is_unicode => unicode(false),
            "unicode_ci" | "unicode_520_ci" if is_unicode => unicode(true),
            rest => Self::of_language(pads, leaves_letters(rest)),
        }
    }

    /// Of a language's own without case, or one that we know nothing of: where letters outside ASCII stand is not known, or where any do.
    fn of_language(pads: bool, leaves_letters: bool) -> Self {
        let unicode = |is_early| Reading::Unicode { pads, is_early, is_root: false };
        let mut readings = vec![Reading::General { pads }, unicode(true), unicode(false)];
        if !leaves_letters {
            readings.push(Reading::Tongue);
        }
        Self { readings, is_bytewise: false }
    }

    /// The default of a character set. That of `utf8mb4` is another one since MySQL 8, which writes it out in its dumps.
    fn of_character_set(set: &str) -> Self {
        match set {
            "utf8mb4" => Self::of(&[Reading::General { pads: true }, Reading::Unicode { pads: false, is_early: false, is_root: true }], false),
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
        let is_equal = |reading: &Reading| reading.is_equal(left, right);
        let mut equal = self.readings.iter().map(is_equal);
        let Some(Some(first)) = equal.next() else { return false };
        equal.all(|equal| equal == Some(first))
    }
}

impl Reading {
    /// Whether the reading knows where a text stands among all texts that it knows.
    pub(crate) fn places(self, text: &str) -> bool {
        let mut letters = text.chars();
        match self {
            Self::Bytes => true,
            Self::Library | Self::OneByte { .. } | Self::Unicode { is_root: false, .. } => letters.all(is_plain),
            Self::Unicode { is_root: true, .. } => letters.all(|letter| is_plain(letter) || is_han(letter) || accented(letter).is_some()),
            Self::Icu(tongue) => letters.all(|letter| tongue.places(letter)),
            Self::Tongue => letters.all(|letter| letter.is_ascii_digit()),
            // Less than a blank is less than the end.
            Self::PaddedBytes => letters.all(|letter| letter >= ' '),
            // Above the first plane all characters weigh the same.
            Self::General { .. } => letters.all(|letter| letter >= ' ' && u32::from(letter) <= 0xFFFF),
        }
    }

    /// Whether the reading knows which texts of all that it so knows are equal to a text. No collation takes one Han character for another.
    pub(crate) fn tells(self, text: &str) -> bool {
        let mut letters = text.chars();
        match self {
            Self::Unicode { is_root: false, .. } => letters.all(|letter| is_plain(letter) || is_han(letter)),
            // Some languages hold v and w equal, or y and i; to Turkish I is no capital i.
            Self::Tongue => letters.all(|letter| is_plain(letter) && !"ivwy".contains(letter.to_ascii_lowercase())),
            _ => self.places(text),
        }
    }

    /// A key whose order is the reading's.
    pub(crate) fn key(self, text: &str) -> Vec<u8> {
        match self {
            Self::Bytes => text.as_bytes().to_vec(),
            Self::Library => text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>().into_bytes(),
            Self::PaddedBytes => trimmed(text, true).as_bytes().to_vec(),
            Self::Icu(tongue) => tongue.key(text),
            Self::General { pads } => general(trimmed(text, pads)).into_bytes(),
            Self::OneByte { pads } => trimmed(text, pads).to_ascii_uppercase().into_bytes(),
            Self::Unicode { pads, is_early, .. } => trimmed(text, pads).chars().map(|letter| weight(letter, is_early)).collect::<String>().into_bytes(),
            Self::Tongue => trimmed(text, true).to_ascii_lowercase().into_bytes(),
        }
    }

    /// Whether two texts are equal; `None` if this reading cannot say.
    fn is_equal(self, left: &str, right: &str) -> Option<bool> {
        match self {
            // What is not the same by the loosest of them is different by all.
            Self::Tongue if left.chars().chain(right.chars()).all(is_plain) && loosest(left) != loosest(right) => Some(false),
            Self::Tongue if !(self.tells(left) && self.tells(right)) => None,
            _ if self.tells(left) && self.tells(right) && self != Self::Library => Some(self.key(left) == self.key(right)),
            _ => self.compare(left, right).map(std::cmp::Ordering::is_eq),
        }
    }

    /// How two texts compare; `None` if this reading cannot say, and of two texts that it holds to weigh the same and
    /// that the server tells apart by more.
    fn compare(self, left: &str, right: &str) -> Option<std::cmp::Ordering> {
        if self.places(left) && self.places(right) {
            let order = self.key(left).cmp(&self.key(right));
            return if self == Self::Library && order.is_eq() { None } else { Some(order) };
        }
        match self {
            // Up to the first character that it does not know, the texts may differ already.
            Self::Unicode { .. } | Self::OneByte { .. } | Self::Library | Self::Icu(Tongue::ROOT) => {
                let known = |text: &str| self.first_level(&text[..text.find(|letter| !is_plain(letter)).unwrap_or(text.len())]);
                let (left, right) = (known(left), known(right));
                left.iter().zip(&right).find(|(one, other)| one != other).map(|(one, other)| one.cmp(other))
            }
            Self::Bytes | Self::PaddedBytes | Self::General { .. } | Self::Icu(_) | Self::Tongue => None,
        }
    }

    /// The places of plain characters alone, by which a difference in the text's beginning decides.
    fn first_level(self, text: &str) -> Vec<u8> {
        match self {
            Self::Icu(_) => text.chars().map(|letter| weight(letter, false)).collect::<String>().into_bytes(),
            other => other.key(text),
        }
    }
}

fn is_plain(letter: char) -> bool {
    (' '..='~').contains(&letter)
}

/// The plain letter of which a letter is one with accents: all of MySQL's collations of Unicode's root let it weigh the same.
fn accented(letter: char) -> Option<char> {
    if !matches!(letter, '\u{C0}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}') {
        return None;
    }
    let mut parts = std::iter::once(letter).nfd();
    let plain = parts.next().filter(char::is_ascii_alphabetic)?;
    parts.all(|mark| ('\u{300}'..='\u{36F}').contains(&mark)).then_some(plain)
}

/// Whether a locale's language orders plain letters otherwise than English does.
fn moves_letters(locale: &str) -> bool {
    let language = locale.split(['_', '-', '.']).next().unwrap_or_default().to_ascii_lowercase();
    MOVES_LETTERS.contains(&language.as_str())
}

/// A text with those letters as one that some language holds equal.
pub(crate) fn loosest(text: &str) -> String {
    trimmed(text, true).to_ascii_lowercase().replace('w', "v").replace('y', "i")
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

/// Whether a language's own collation (`spanish_ci`, `es_0900_ai_ci`, `uca1400_polish_ai_ci`) leaves plain letters where they are.
fn leaves_letters(name: &str) -> bool {
    let language = name.trim_end_matches("_ci").trim_end_matches("_ai").trim_end_matches("_0900").trim_start_matches("uca1400_");
    LEAVES_LETTERS.contains(&language)
}

/// The place of a plain character in MySQL's Unicode collations, also of one with accents; others keep their own.
fn weight(letter: char, is_early: bool) -> char {
    const PUNCTUATION: &str = " `^_-,;:!?.'\"()[]{}@*/\\&#%+<=>|~$0123456789";
    const LATER: &str = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789";
    let order = if is_early { PUNCTUATION } else { LATER };
    match order.find(letter) {
        Some(place) => char::from(u8::try_from(place + 0x10).unwrap_or(0x7f)),
        None => accented(letter).unwrap_or(letter).to_ascii_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dialect: Dialect, name: &str, left: &str, right: &str, expected: [bool; 2]) {
        let collation = Collation::declared(dialect, name);
        assert_eq!([collation.orders_alike(left, right), collation.equals_alike(left, right)], expected, "{name}: {left} {right}");
    }

    #[test]
    fn accents_and_han_characters_have_their_place_in_the_root_alone() {
        for name in ["utf8mb4_unicode_ci", "utf8mb4_0900_ai_ci", "utf8mb4_unicode_520_nopad_ci", "uca1400_ai_ci", "charset:utf8mb4"] {
            check(Dialect::MySql, name, "Zoë", "Zorro", [true, true]);
            check(Dialect::MySql, name, "Zoë", "zoe", [true, true]);
            check(Dialect::MySql, name, "陳大文", "陳小文", [true, true]);
            check(Dialect::MySql, name, "陳大文", "Zorro", [true, true]);
            check(Dialect::MySql, name, "Иван", "Zorro", [false, false]);
        }
        check(Dialect::MySql, "utf8mb4_spanish_ci", "Ñandú", "Nzara", [false, false]);
        // No collation takes one Han character for another, but some order them by their sound.
        check(Dialect::MySql, "gbk_chinese_ci", "陳大文", "陳小文", [false, true]);
        check(Dialect::MySql, "utf8mb4_es_0900_ai_ci", "陳", "李", [false, true]);
    }

    #[test]
    fn a_language_that_moves_letters_is_not_the_root() {
        for name in ["utf8mb4_czech_ci", "utf8mb4_cs_0900_ai_ci", "utf8mb4_uca1400_czech_ai_ci", "utf8mb4_es_trad_0900_ai_ci", "utf8mb4_general1400_as_ci"] {
            check(Dialect::MySql, name, "chata", "cukr", [false, true]);
            check(Dialect::MySql, name, "open", "closed", [false, true]);
        }
        check(Dialect::MySql, "utf8mb4_swedish_ci", "Wik", "Vik", [false, false]);
        check(Dialect::MySql, "utf8mb4_turkish_ci", "IRIS", "iris", [false, false]);
        check(Dialect::MySql, "utf8mb4_turkish_ci", "OPEN", "open", [false, true]);
        check(Dialect::PostgreSql, "libc:cs_CZ.UTF-8", "chata", "cukr", [false, true]);
        check(Dialect::PostgreSql, "libc:cs_CZ.UTF-8", "alfa", "beta", [true, true]);
    }

    #[test]
    fn icu_orders_by_the_language_that_is_named() {
        let order = |name: &str, left: &str, right: &str| {
            let collation = Collation::declared(Dialect::PostgreSql, name);
            collation.orders_alike(left, right).then(|| collation.readings[0].compare(left, right)).flatten()
        };
        let (less, greater) = (Some(std::cmp::Ordering::Less), Some(std::cmp::Ordering::Greater));
        assert_eq!([order("icu:und", "chata", "cukr"), order("icu:cs-CZ", "chata", "cukr")], [less, greater]);
        assert_eq!([order("de-x-icu", "Zürich", "Zug"), order("icu:sv", "ö", "z")], [greater, greater]);
        assert_eq!([order("icu:en-US", "陳", "李"), order("icu:zh-TW", "陳", "李")], [greater, None]);
        assert_eq!([order("icu:de-u-co-phonebk", "ä", "az"), order("icu:xx", "a", "b")], [None, None]);
    }
}
