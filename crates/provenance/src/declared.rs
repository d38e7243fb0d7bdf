//! Types that Arrow has not: a column keeps their text, and what it was declared as stands in its field. Here is how a server
//! compares and orders such texts.
//!
//! Sources: PostgreSQL 15 manual, chapter 8; MariaDB manual, Data Types; both asked by `exposure/src/servers.rs`.

use std::collections::HashMap;

use arrow_schema::Field;

/// Key of a field's metadata: the declared type.
const TYPE: &str = "declared";
/// Key of a field's metadata: the labels of an enum, in order, parted by NUL, which no label holds.
const LABELS: &str = "labels";
/// Key of a field's metadata: the collation of a column of text, as [`crate::Database::collation`] is written.
const COLLATION: &str = "collation";

/// What a column is declared as, where its Arrow type does not say it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Declared {
    /// An enum, with its labels in order.
    Enum(Vec<String>),
    /// An amount of money, as PostgreSQL writes it with a point before two digits.
    Money,
    /// An address of a host or a network.
    Network,
    /// A span of time.
    Interval,
    /// A universally unique identifier.
    Uuid,
    /// Bytes, in hexadecimal digits.
    Bytes,
    /// An address of a network card.
    Hardware,
    /// A time of day, or MySQL's span of hours.
    Time,
    /// Bits, as digits.
    Bits,
    /// Text padded with blanks, kept without them.
    Padded,
    /// PostgreSQL's text without case.
    CaseFree,
    /// Anything else: its text alone is known.
    Opaque,
}

impl Declared {
    fn word(&self) -> &'static str {
        match self {
            Self::Enum(_) => "enum",
            Self::Money => "money",
            Self::Network => "network",
            Self::Interval => "interval",
            Self::Uuid => "uuid",
            Self::Bytes => "bytes",
            Self::Hardware => "hardware",
            Self::Time => "time",
            Self::Bits => "bits",
            Self::Padded => "padded",
            Self::CaseFree => "case-free",
            Self::Opaque => "opaque",
        }
    }

    /// The field, with what it is declared as.
    pub fn describe(&self, field: Field) -> Field {
        let mut metadata = field.metadata().clone();
        metadata.insert(TYPE.to_owned(), self.word().to_owned());
        if let Self::Enum(labels) = self {
            metadata.insert(LABELS.to_owned(), labels.join("\0"));
        }
        field.with_metadata(metadata)
    }

    /// What a column is declared as, from its type as a definition writes it (`inet`, `enum('a','b')`); `None` where its
    /// Arrow type says it all, or where it is plain text.
    pub fn of_sql(written: &str) -> Option<Self> {
        let lower = written.trim().to_lowercase();
        if lower.ends_with(']') || lower.contains(" array") {
            return Some(Self::Opaque);
        }
        // In quotes PostgreSQL's type of one byte, which is ordered by that.
        if lower == "\"char\"" {
            return Some(Self::Opaque);
        }
        let word = lower.split(['(', ' ']).next().unwrap_or_default();
        let word = word.rsplit('.').next().unwrap_or_default().trim_matches(['"', '`']);
        Some(match word {
            "enum" => Self::Enum(labels(written)?),
            "money" => Self::Money,
            "inet" | "cidr" => Self::Network,
            "interval" => Self::Interval,
            "uuid" => Self::Uuid,
            "bytea" => Self::Bytes,
            "macaddr" | "macaddr8" => Self::Hardware,
            // With a zone its order is by the instant.
            "time" if !lower.contains("with time zone") => Self::Time,
            "bit" | "varbit" => Self::Bits,
            "char" | "character" | "bpchar" if !lower.starts_with("character varying") => Self::Padded,
            "citext" => Self::CaseFree,
            "text" | "varchar" | "character" | "name" | "tinytext" | "mediumtext" | "longtext" | "nvarchar" | "nchar" => return None,
            "smallint" | "integer" | "int" | "int2" | "int4" | "int8" | "bigint" | "smallserial" | "serial" | "bigserial" | "oid" => return None,
            "tinyint" | "mediumint" | "year" | "numeric" | "decimal" | "dec" | "real" | "float" | "float4" | "float8" | "double" => return None,
            "boolean" | "bool" | "date" | "timestamp" | "timestamptz" | "datetime" | "" => return None,
            _ => Self::Opaque,
        })
    }

    /// What a column of the data is declared as, by its type as a definition writes it. A column that is kept as text and is
    /// no text to its server is opaque.
    pub fn of_column(written: &str, field: &Field) -> Option<Self> {
        Self::of_sql(written).or_else(|| (field.data_type().is_string() && !is_text(written)).then_some(Self::Opaque))
    }

    /// What a field is declared as, by its metadata.
    pub(crate) fn of(metadata: &HashMap<String, String>) -> Option<Self> {
        Some(match metadata.get(TYPE)?.as_str() {
            "enum" => Self::Enum(metadata.get(LABELS)?.split('\0').map(str::to_owned).collect()),
            "money" => Self::Money,
            "network" => Self::Network,
            "interval" => Self::Interval,
            "uuid" => Self::Uuid,
            "bytes" => Self::Bytes,
            "hardware" => Self::Hardware,
            "time" => Self::Time,
            "bits" => Self::Bits,
            "padded" => Self::Padded,
            "case-free" => Self::CaseFree,
            _ => Self::Opaque,
        })
    }

    /// Whether it is text to a server, of whatever habits.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Self::Padded | Self::CaseFree)
    }

    /// Whether equal values have equal texts in a dump, so that texts may be grouped and joined for them.
    pub(crate) fn equals_by_text(&self) -> bool {
        !matches!(self, Self::Interval | Self::Opaque | Self::CaseFree)
    }

    /// A key whose order is the type's; `None` for a text that is not of the type, or is not understood.
    pub(crate) fn key(&self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Enum(labels) => labels.iter().position(|label| label == text).map(|place| (place as u64).to_be_bytes().to_vec()),
            Self::Money => money(text).map(ordered),
            Self::Network => network(text),
            Self::Interval => interval(text).map(ordered),
            Self::Uuid => hexadecimal(&text.trim().trim_matches(['{', '}']).replace('-', "")).filter(|bytes| bytes.len() == 16),
            Self::Bytes => hexadecimal(text.strip_prefix("\\x")?),
            Self::Hardware => hexadecimal(&text.trim().replace([':', '-', '.'], "")).filter(|bytes| bytes.len() == 6),
            Self::Time => time(text).map(ordered),
            Self::Bits => text.bytes().all(|bit| bit == b'0' || bit == b'1').then(|| text.as_bytes().to_vec()),
            Self::Padded => Some(text.trim_end_matches(' ').as_bytes().to_vec()),
            Self::CaseFree => text.is_ascii().then(|| text.to_ascii_lowercase().into_bytes()),
            Self::Opaque => None,
        }
    }
}

/// Whether a type, as a definition writes it, holds text. Where none is written, a file said no more.
fn is_text(written: &str) -> bool {
    const TEXTS: [&str; 10] = ["", "text", "varchar", "character", "name", "tinytext", "mediumtext", "longtext", "nvarchar", "nchar"];
    let lower = written.trim().to_lowercase();
    let word = lower.split(['(', ' ']).next().unwrap_or_default();
    TEXTS.contains(&word.strip_prefix("pg_catalog.").unwrap_or(word))
}

/// A field of text, with its collation.
pub fn collated(field: Field, collation: &str) -> Field {
    let mut metadata = field.metadata().clone();
    metadata.insert(COLLATION.to_owned(), collation.to_owned());
    field.with_metadata(metadata)
}

/// The collation that a field declares.
pub(crate) fn collation_of(metadata: &HashMap<String, String>) -> Option<&str> {
    metadata.get(COLLATION).map(String::as_str)
}

/// The labels of `enum('a','it''s')`.
fn labels(written: &str) -> Option<Vec<String>> {
    let (_, inside) = written.split_once('(')?;
    let mut letters = inside.trim_end().strip_suffix(')')?.chars().peekable();
    let mut labels = Vec::new();
    while letters.find(|letter| *letter == '\'').is_some() {
        let mut label = String::new();
        loop {
            match letters.next()? {
                '\'' if letters.next_if_eq(&'\'').is_some() => label.push('\''),
                '\'' => break,
                letter => label.push(letter),
            }
        }
        labels.push(label);
    }
    Some(labels)
}

/// A whole number as bytes of the same order.
fn ordered(number: i128) -> Vec<u8> {
    (number.cast_unsigned() ^ (1 << 127)).to_be_bytes().to_vec()
}

/// Cents of `$1,234.50` and `-$1.00`. Where a locale writes it otherwise it is not understood.
fn money(text: &str) -> Option<i128> {
    let text = text.trim();
    let (is_negative, rest) = match text.strip_prefix('-').or_else(|| text.strip_prefix('(')) {
        Some(rest) => (true, rest.trim_end_matches(')')),
        None => (false, text),
    };
    let rest = rest.strip_prefix('$').unwrap_or(rest);
    let (whole, cents) = rest.split_once('.').unwrap_or((rest, ""));
    let digits: String = whole.chars().filter(|letter| *letter != ',').collect();
    let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    if digits.is_empty() || digits.len() > 17 || cents.len() > 2 || !is_number(&digits) || !is_number(cents) {
        return None;
    }
    let amount: i128 = format!("{digits}{cents:0<2}").parse().ok()?;
    Some(if is_negative { -amount } else { amount })
}

/// PostgreSQL's order: family, common bits of the network, length of the mask, address.
fn network(text: &str) -> Option<Vec<u8>> {
    let (address, mask) = match text.trim().split_once('/') {
        Some((address, mask)) => (address, Some(mask.parse::<u8>().ok()?)),
        None => (text.trim(), None),
    };
    let (family, bytes) = match address.parse::<std::net::IpAddr>().ok()? {
        std::net::IpAddr::V4(address) => (4, address.octets().to_vec()),
        std::net::IpAddr::V6(address) => (6, address.octets().to_vec()),
    };
    let bits = u8::try_from(bytes.len() * 8).ok()?;
    let mask = mask.unwrap_or(bits);
    if mask > bits {
        return None;
    }
    let mut key = vec![family];
    key.extend(bytes.iter().zip((0_u8..).step_by(8)).map(|(byte, at)| {
        let kept = mask.saturating_sub(at).min(8);
        byte & u8::try_from(0xff00_u16 >> kept & 0xff).unwrap_or(0)
    }));
    key.push(mask);
    key.extend(bytes);
    Some(key)
}

const SECOND: i128 = 1_000_000;
const DAY: i128 = 86_400 * SECOND;

/// Microseconds of an interval, a month counted as 30 days, as PostgreSQL compares them. Styles `postgres` and plain units.
fn interval(text: &str) -> Option<i128> {
    let mut total = 0_i128;
    let mut words = text.split_whitespace().peekable();
    words.peek()?;
    while let Some(word) = words.next() {
        if word.contains(':') {
            total = total.checked_add(time(word)?)?;
            continue;
        }
        let (number, unit) = match word.find(|letter: char| letter.is_ascii_alphabetic()) {
            Some(at) => word.split_at(at),
            None => (word, words.next()?),
        };
        let micros = match unit.trim_end_matches('s') {
            "year" => 360 * DAY,
            "mon" | "month" => 30 * DAY,
            "week" => 7 * DAY,
            "day" => DAY,
            "hour" => 3600 * SECOND,
            "min" | "minute" => 60 * SECOND,
            "sec" | "second" => SECOND,
            _ => return None,
        };
        total = total.checked_add(i128::from(number.parse::<i64>().ok()?).checked_mul(micros)?)?;
    }
    Some(total)
}

/// Microseconds of `[-]h:m[:s[.f]]`; a time with a zone is not understood.
fn time(text: &str) -> Option<i128> {
    let text = text.trim();
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = rest.split(':');
    let hours: i128 = parts.next()?.parse::<u32>().ok()?.into();
    let minutes: i128 = parts.next()?.parse::<u32>().ok().filter(|minutes| *minutes < 60)?.into();
    let (seconds, fraction) = parts.next().unwrap_or("0").split_once('.').unwrap_or((rest.split(':').nth(2).unwrap_or("0"), ""));
    if parts.next().is_some() || fraction.len() > 6 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let seconds: i128 = seconds.parse::<u32>().ok().filter(|seconds| *seconds <= 60)?.into();
    let fraction: i128 = format!("{fraction:0<6}").parse::<u32>().ok()?.into();
    Some(sign * (((hours * 60 + minutes) * 60 + seconds) * SECOND + fraction))
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(|pair| Some(value(*pair.first()?)? << 4 | value(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts stand in this order.
    fn check(declared: &Declared, texts: &[&str]) {
        let keys: Vec<_> = texts.iter().map(|text| declared.key(text).unwrap_or_else(|| panic!("{text}"))).collect();
        assert!(keys.is_sorted_by(|one, next| one < next), "{texts:?}");
    }

    #[test]
    fn texts_of_other_types_sort_by_their_value() {
        check(&Declared::Enum(vec!["new".into(), "active".into(), "closed".into()]), &["new", "active", "closed"]);
        check(&Declared::Money, &["-$1.00", "$9.50", "$9,001.00", "$10,004.00"]);
        check(&Declared::Network, &["10.0.0.0/8", "10.1.0.0/16", "10.1.0.0", "10.9.0.1", "10.10.0.4", "::1"]);
        check(&Declared::Interval, &["-1 days", "23:59:59", "9 days", "10 days", "1 mon", "1 year 2 mons 3 days 04:05:06.7"]);
        check(&Declared::Time, &["-01:00:00", "08:00:00", "08:00:00.5", "838:59:59"]);
        check(&Declared::Bytes, &["\\x00", "\\x0aff", "\\xff"]);
    }

    #[test]
    fn a_declared_type_is_read_as_it_is_written() {
        let check = |written: &str, expected: Option<Declared>| assert_eq!(Declared::of_sql(written), expected, "{written}");
        check("enum('new','it''s')", Some(Declared::Enum(vec!["new".into(), "it's".into()])));
        check("character(3)", Some(Declared::Padded));
        check("character varying(30)", None);
        check("time without time zone", Some(Declared::Time));
        check("time with time zone", Some(Declared::Opaque));
        check("public.citext", Some(Declared::CaseFree));
        check("text[]", Some(Declared::Opaque));
        check("jsonb", Some(Declared::Opaque));
        check("bigint unsigned", None);
    }

    #[test]
    fn a_number_that_is_kept_as_text_is_no_text() {
        let check = |written: &str, kind, expected| assert_eq!(Declared::of_column(written, &Field::new("c", kind, true)), expected, "{written}");
        check("numeric(60,2)", arrow_schema::DataType::Utf8, Some(Declared::Opaque));
        check("integer", arrow_schema::DataType::Int32, None);
        check("varchar(20) CHARACTER SET latin1", arrow_schema::DataType::Utf8, None);
        check("", arrow_schema::DataType::Utf8, None);
    }

    #[test]
    fn a_text_that_is_not_of_the_type_has_no_key() {
        assert_eq!(Declared::Money.key("1.234,50 €"), None);
        assert_eq!(Declared::Interval.key("P1Y"), None);
        assert_eq!(Declared::Network.key("10.0.0.0/33"), None);
    }
}
