//! A predicate: one question about one value of a field. Each distinct one is kept once for all rules, and answered once
//! an event.

use std::net::IpAddr;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};
use strandline_model::record::FieldValue;

use super::document::Comparison;
use super::text::{Shape, fold};

/// Bytes that one compiled regular expression may take.
const REGEX_BYTES: usize = 4 << 20;
/// Above this estimate of its states a regular expression is compiled when it is loaded, so that one that explodes is
/// refused there; below it, it cannot reach the limit and is compiled when it is first needed.
const EAGER_STATES: usize = 20_000;
/// Levels in one another.
const REGEX_NESTING: u32 = 100;

/// A floating number that can be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bits(u64);

impl Bits {
    /// Of a number.
    pub fn new(number: f64) -> Self {
        Self(number.to_bits())
    }

    /// The number.
    pub fn number(self) -> f64 {
        f64::from_bits(self.0)
    }
}

/// A part of a time stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimePart {
    /// 0 to 59
    Minute,
    /// 0 to 23
    Hour,
    /// 1 to 31
    Day,
    /// 1 to 53, ISO 8601
    Week,
    /// 1 to 12
    Month,
    /// The year.
    Year,
}

/// A question about a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// Text, folded.
    Text(Shape),
    /// Text, as it stands.
    Cased(Shape),
    /// A regular expression, with its flags inside.
    Regex(String),
    /// A network: address and prefix length.
    Network(IpAddr, u8),
    /// This number.
    Whole(i128),
    /// A comparison with a number.
    Compare(Comparison, Bits),
    /// A comparison of a part of a time stamp.
    Time(TimePart, Comparison, Bits),
    /// True or false.
    Bool(bool),
    /// The field is missing or `null`.
    Null,
    /// The field is there, whatever it says.
    Exists,
    /// Another field's value: the number of its field; whether anything may stand before it, and behind it.
    Field(u32, bool, bool),
}

/// A test, ready to be answered.
#[derive(Debug)]
pub struct Predicate {
    /// The field's number.
    pub field: u32,
    /// The question.
    pub test: Test,
    regex: OnceLock<Option<Regex>>,
}

/// What the evaluation needs of a value: the value, its text where it has one, and its folded text.
pub struct Candidate<'v> {
    /// As the log typed it.
    pub value: &'v FieldValue<'v>,
    /// Its text.
    pub text: &'v str,
    /// Its text, folded.
    pub folded: &'v str,
}

impl Predicate {
    /// A predicate of a field.
    pub fn new(field: u32, test: Test) -> Self {
        Self { field, test, regex: OnceLock::new() }
    }

    /// Whether one value answers it. `Null`, `Exists` and `Field` are not about one value, and answer no.
    pub fn fits(&self, candidate: &Candidate<'_>) -> bool {
        match (&self.test, candidate.value) {
            // An empty text and an element without content are the same to the logs that have both.
            (Test::Text(shape) | Test::Cased(shape), FieldValue::Null) => *shape == Shape::Equals(String::new()),
            (_, FieldValue::Null) => false,
            (Test::Text(shape), _) => shape.fits(candidate.folded),
            (Test::Cased(shape), _) => shape.fits(candidate.text),
            (Test::Regex(source), _) => self.regex.get_or_init(|| compile(source).ok()).as_ref().is_some_and(|regex| regex.is_match(candidate.text)),
            (Test::Network(network, prefix), _) => candidate.text.trim().parse().is_ok_and(|address| is_inside(address, *network, *prefix)),
            (Test::Whole(number), FieldValue::Whole(value)) => value == number,
            (Test::Whole(number), FieldValue::Number(value)) => *value == *number as f64,
            (Test::Whole(number), FieldValue::Text(text)) => whole(text) == Some(*number),
            (Test::Compare(comparison, bound), _) => number(candidate).is_some_and(|value| comparison.holds(value, bound.number())),
            (Test::Time(part, comparison, bound), _) => time_part(candidate, *part).is_some_and(|value| comparison.holds(value, bound.number())),
            (Test::Bool(expected), FieldValue::Bool(value)) => value == expected,
            (Test::Bool(expected), FieldValue::Text(_)) => candidate.folded == if *expected { "true" } else { "false" },
            _ => false,
        }
    }

    /// The text whose presence in the folded value is needed, and whether that alone answers the question once its place
    /// in the value is right.
    pub fn literal(&self) -> Option<(String, Anchor)> {
        match &self.test {
            Test::Text(shape) => {
                let anchor = match shape {
                    Shape::Equals(_) => Anchor::Whole,
                    Shape::Contains(_) => Anchor::Anywhere,
                    Shape::Starts(_) => Anchor::Start,
                    Shape::Ends(_) => Anchor::End,
                    Shape::Anything | Shape::Glob(_) => Anchor::Gate,
                };
                shape.required().map(|text| (text.to_owned(), anchor))
            }
            Test::Cased(shape) => shape.required().map(|text| (fold(text), Anchor::Gate)),
            Test::Regex(source) => required_text(source).map(|text| (text, Anchor::Gate)),
            _ => None,
        }
    }
}

/// Where in the value a literal must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Anchor {
    /// Somewhere.
    Anywhere,
    /// At the beginning.
    Start,
    /// At the end.
    End,
    /// It is the value.
    Whole,
    /// Somewhere; but the question must still be asked.
    Gate,
}

/// A whole number, decimal or hexadecimal, as Windows writes it.
fn whole(text: &str) -> Option<i128> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => i128::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with(['+', '-'])),
        None => text.parse().ok(),
    }
}

/// The number that a value is.
pub fn number_of(value: &FieldValue<'_>) -> Option<f64> {
    match value {
        FieldValue::Whole(value) => Some(*value as f64),
        FieldValue::Number(value) => Some(*value),
        FieldValue::Text(text) => whole(text).map(|w| w as f64).or_else(|| text.trim().parse().ok()),
        FieldValue::Null | FieldValue::Bool(_) => None,
    }
    .filter(|number: &f64| number.is_finite())
}

fn number(candidate: &Candidate<'_>) -> Option<f64> {
    number_of(candidate.value)
}

/// Whether an address lies in a network. An IPv4 address mapped into IPv6 counts as the IPv4 address it is.
fn is_inside(address: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (address.to_canonical(), network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            u32::from(address) & mask == u32::from(network) & mask
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            u128::from(address) & mask == u128::from(network) & mask
        }
        _ => false,
    }
}

/// Reads `10.0.0.0/8`; an address alone is a network of itself.
pub fn read_network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = text.trim().split_once('/').map_or((text.trim(), None), |(a, p)| (a, Some(p)));
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.map_or(Some(most), |p| p.parse().ok())?;
    (prefix <= most).then_some((address, prefix))
}

/// A part of a stamp, read as it is written: Sigma converts neither zones nor formats. A number is seconds since 1970.
fn time_part(candidate: &Candidate<'_>, part: TimePart) -> Option<f64> {
    let moment = match candidate.value {
        FieldValue::Whole(seconds) => {
            let seconds = i64::try_from(*seconds).ok()?;
            // Later than the year 5138 in seconds is milliseconds.
            let seconds = if seconds.abs() >= 100_000_000_000 { seconds / 1000 } else { seconds };
            jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_second(seconds).ok()?)
        }
        _ => {
            let text = candidate.text.trim();
            let day: jiff::civil::Date = text.get(..10)?.parse().ok()?;
            let time = text.get(11..).map(|rest| rest.split(['.', ',', 'Z', '+', ' ']).next().unwrap_or_default()).filter(|t| !t.is_empty());
            let time: jiff::civil::Time = time.map_or(Ok(jiff::civil::Time::midnight()), str::parse).ok()?;
            day.to_datetime(time)
        }
    };
    Some(match part {
        TimePart::Minute => f64::from(moment.minute()),
        TimePart::Hour => f64::from(moment.hour()),
        TimePart::Day => f64::from(moment.day()),
        TimePart::Week => f64::from(moment.date().iso_week_date().week()),
        TimePart::Month => f64::from(moment.month()),
        TimePart::Year => f64::from(moment.year()),
    })
}

fn compile(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source).size_limit(REGEX_BYTES).dfa_size_limit(REGEX_BYTES).nest_limit(REGEX_NESTING).build()
}

/// Whether a regular expression can be used; if not, why.
///
/// # Errors
/// With the reason, in words.
pub fn check_regex(source: &str) -> Result<(), String> {
    let hir = parse(source)?;
    if states(&hir) > EAGER_STATES {
        compile(source).map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => format!("it would take more than {limit} bytes"),
            other => other.to_string(),
        })?;
    }
    Ok(())
}

/// Reads an expression; the reason, where it cannot be, leaves out the expression itself.
fn parse(source: &str) -> Result<regex_syntax::hir::Hir, String> {
    regex_syntax::ParserBuilder::new().nest_limit(REGEX_NESTING).build().parse(source).map_err(|error| match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        other => other.to_string(),
    })
}

/// An upper estimate of the states of the automaton.
fn states(hir: &regex_syntax::hir::Hir) -> usize {
    use regex_syntax::hir::{Class, HirKind};
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Unicode(class)) => class.ranges().len().saturating_mul(4),
        HirKind::Class(Class::Bytes(_)) => 1,
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1) as usize;
            states(&repetition.sub).saturating_add(2).saturating_mul(times)
        }
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().fold(1, |sum, part| sum.saturating_add(states(part)).saturating_add(1)),
    }
}

/// The longest text that stands, folded, in every folded value that the expression matches. None under three characters:
/// it would be there always.
fn required_text(source: &str) -> Option<String> {
    let hir = parse(source).ok()?;
    let mut best = String::new();
    let mut open = String::new();
    gather(&hir, &mut open, &mut best);
    keep_longer(&mut open, &mut best);
    (best.chars().count() >= 3).then_some(best)
}

fn keep_longer(open: &mut String, best: &mut String) {
    if open.len() > best.len() {
        std::mem::swap(open, best);
    }
    open.clear();
}

/// Walks what must be matched in order; `open` is the text that ends where the walk stands.
fn gather(hir: &regex_syntax::hir::Hir, open: &mut String, best: &mut String) {
    use regex_syntax::hir::HirKind;
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => super::text::fold_into(text, open),
            Err(_) => keep_longer(open, best),
        },
        HirKind::Class(class) => match single_letter(class) {
            Some(letter) => open.extend(letter.to_lowercase()),
            None => keep_longer(open, best),
        },
        HirKind::Capture(capture) => gather(&capture.sub, open, best),
        HirKind::Concat(parts) => parts.iter().for_each(|part| gather(part, open, best)),
        HirKind::Repetition(repetition) if repetition.min >= 1 => {
            // Once for sure; what follows may stand after another turn of it.
            gather(&repetition.sub, open, best);
            keep_longer(open, best);
        }
        HirKind::Repetition(_) | HirKind::Alternation(_) => keep_longer(open, best),
    }
}

/// The one letter that a class means when case is folded: `[Ee]`.
fn single_letter(class: &regex_syntax::hir::Class) -> Option<char> {
    let regex_syntax::hir::Class::Unicode(class) = class else { return None };
    let mut letters = class.ranges().iter().flat_map(|range| (range.start()..=range.end()).take(4)).take(4);
    let first = letters.next()?;
    let same = |letter: char| letter.to_lowercase().eq(first.to_lowercase());
    let narrow = class.ranges().iter().all(|range| u32::from(range.end()) - u32::from(range.start()) < 4);
    (narrow && class.ranges().len() <= 4 && letters.all(same)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_required(regex: &str, expected: Option<&str>) {
        assert_eq!(required_text(regex).as_deref(), expected, "{regex}");
    }

    #[test]
    fn required_text_of_expressions() {
        check_required("foo.*barbaz", Some("barbaz"));
        check_required("(?i)CMD.EXE", Some("cmd"));
        // A long s has the same case as s for an expression, and another letter's for folded text.
        check_required("(?i)PowerShell", Some("power"));
        check_required("a|b", None);
        check_required("abc(def)?ghij", Some("ghij"));
        check_required("(abc)+def", Some("abc"));
        check_required("x[0-9]y", None);
        check_required("(?i)k[0-9]met", Some("met"));
    }

    fn check_number(text: &str, expected: Option<i128>) {
        assert_eq!(whole(text), expected, "{text}");
    }

    #[test]
    fn numbers_are_read_by_value() {
        check_number("4688", Some(4688));
        check_number("0x1250", Some(4688));
        check_number("0x-5", None);
        check_number("four", None);
        check_number("", None);
    }

    #[test]
    fn networks_hold_their_addresses() {
        let check = |network: &str, address: &str, expected: bool| {
            let (base, prefix) = read_network(network).expect("a network");
            assert_eq!(is_inside(address.parse().expect("an address"), base, prefix), expected, "{address} in {network}");
        };
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.0.0.0/8", "::ffff:10.1.2.3", true);
        check("0.0.0.0/0", "1.2.3.4", true);
        check("fe80::/10", "fe80::1", true);
        check("::/0", "fe80::1", true);
        check("192.168.1.1", "192.168.1.1", true);
        assert_eq!(read_network("10.0.0.0/33"), None);
        assert_eq!(read_network("ten/8"), None);
    }

    #[test]
    fn an_expression_that_explodes_is_refused() {
        assert!(check_regex(r"(\w{1000}){1000}").is_err());
        assert!(check_regex(r"((((\pL{50}){50}){50}){50})").is_err());
        assert!(check_regex(r"(?=look)").is_err());
        assert!(check_regex(r"(a)\1").is_err());
        assert!(check_regex(r"^[a-z]{8,12}\.exe$").is_ok());
    }
}
