//! Modifiers: from a line of a selection to the tests that it means, modifier by modifier in the order written.
//!
//! Source: the modifiers appendix of the Sigma specification 2.1; where it is silent, pySigma.

use std::collections::BTreeMap;

use rsigma_parser::Modifier;

use super::document::{Comparison, Item, Refusal, Scalar};
use super::predicate::{Bits, Test, TimePart, check_regex, read_network};
use super::text::{DASHES, Pattern, Piece};

/// Values that one value may become. More dashes than this allows are matched one by one instead.
const VARIANTS: usize = 125;

/// What a field is asked, before the field is a number.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// A test of the field's values.
    Test(Test),
    /// Another field's value, with what may stand around it.
    Field {
        /// The other field.
        name: String,
        /// Whether anything may stand before it.
        open_start: bool,
        /// Whether anything may stand behind it.
        open_end: bool,
    },
}

/// What a line of a selection means: the values, each a list of variants of which one suffices.
#[derive(Clone, Debug)]
pub struct Meaning {
    /// Values, and the variants of each.
    pub values: Vec<Vec<Question>>,
    /// Whether every value must fit, or one.
    pub all: bool,
    /// Whether the line says that they must not.
    pub negated: bool,
    /// Whether the field must be there (`Some(true)`) or not; then there are no values.
    pub exists: Option<bool>,
}

/// A value on its way through the modifiers.
#[derive(Clone, Debug)]
enum Draft {
    Text(Pattern),
    /// Encoded text.
    Bytes(Vec<u8>),
    Base64(Pattern),
    Cased(Pattern),
    Regex {
        source: String,
        flags: String,
    },
    Network(std::net::IpAddr, u8),
    Whole(i128),
    Number(f64),
    Compare(Comparison, f64),
    Bool(bool),
    Null,
    Field {
        name: String,
        open_start: bool,
        open_end: bool,
    },
}

/// Values for placeholders, by name.
pub type Placeholders = BTreeMap<String, Vec<String>>;

/// Reads a line of a selection.
///
/// # Errors
/// If a modifier does not fit the values, or a value cannot be what it should be.
pub fn read_item(item: &Item, placeholders: &Placeholders) -> Result<Meaning, Refusal> {
    let wrong = |reason: String| Refusal::Field { key: item.key.clone(), reason };
    let modifiers = &item.field.modifiers;
    let mut meaning = Meaning { values: Vec::new(), all: false, negated: false, exists: None };
    if modifiers.contains(&Modifier::Exists) {
        return match (item.field.name.is_some(), modifiers.as_slice(), item.values.as_slice()) {
            (true, [Modifier::Exists], [Scalar::Bool(value)]) => Ok(Meaning { exists: Some(*value), ..meaning }),
            _ => Err(wrong("`exists` stands alone, with a field, and true or false".into())),
        };
    }
    let mut part = None;
    let mut drafts: Vec<Vec<Draft>> = item.values.iter().map(|value| vec![draft(value, modifiers.contains(&Modifier::Re))]).collect();
    if drafts.is_empty() {
        drafts.push(vec![Draft::Null]);
    }
    for (at, modifier) in modifiers.iter().enumerate() {
        match modifier {
            Modifier::All => meaning.all = true,
            Modifier::Neq => meaning.negated = true,
            Modifier::Exists => {}
            Modifier::Minute | Modifier::Hour | Modifier::Day | Modifier::Week | Modifier::Month | Modifier::Year => {
                if part.replace(time_part(*modifier)).is_some() {
                    return Err(wrong("a time stamp has one part taken at a time".into()));
                }
            }
            _ => {
                for variants in &mut drafts {
                    let mut next = Vec::new();
                    for value in variants.drain(..) {
                        next.extend(modify(value, *modifier, at == 0, placeholders).map_err(|failure| failure.into_refusal(&item.key))?);
                    }
                    if next.len() > VARIANTS {
                        return Err(wrong(format!("a value has more than {VARIANTS} variants")));
                    }
                    *variants = next;
                }
            }
        }
    }
    let finished = |variants: Vec<Draft>| -> Result<Vec<Question>, Refusal> {
        variants.into_iter().map(|value| finish(value, part, item.field.name.is_none()).map_err(|failure| failure.into_refusal(&item.key))).collect()
    };
    meaning.values = drafts.into_iter().map(finished).collect::<Result<_, _>>()?;
    Ok(meaning)
}

/// Reads a keyword of a list without field.
///
/// # Errors
/// If it says nothing.
pub fn read_keyword(value: &Scalar) -> Result<Question, Refusal> {
    finish(draft(value, false), None, true).map_err(|failure| failure.into_refusal("keyword"))
}

/// Why a value does not fit.
enum Failure {
    Reason(&'static str),
    Regex(String),
    Placeholder(String),
}

impl Failure {
    fn into_refusal(self, key: &str) -> Refusal {
        match self {
            Self::Reason(reason) => Refusal::Field { key: key.to_owned(), reason: reason.to_owned() },
            Self::Regex(reason) => Refusal::Regex { key: key.to_owned(), reason },
            Self::Placeholder(name) => Refusal::Placeholder(name),
        }
    }
}

fn draft(value: &Scalar, raw: bool) -> Draft {
    match value {
        Scalar::Text(text) if raw => Draft::Text(Pattern::literal(text)),
        Scalar::Text(text) => Draft::Text(Pattern::of_rule(text)),
        Scalar::Whole(number) if raw => Draft::Text(Pattern::literal(&number.to_string())),
        Scalar::Whole(number) => Draft::Whole(*number),
        Scalar::Number(number) => Draft::Number(*number),
        Scalar::Bool(value) => Draft::Bool(*value),
        Scalar::Null => Draft::Null,
    }
}

fn time_part(modifier: Modifier) -> TimePart {
    match modifier {
        Modifier::Minute => TimePart::Minute,
        Modifier::Hour => TimePart::Hour,
        Modifier::Day => TimePart::Day,
        Modifier::Week => TimePart::Week,
        Modifier::Month => TimePart::Month,
        _ => TimePart::Year,
    }
}

/// Applies one modifier to one value.
fn modify(value: Draft, modifier: Modifier, first: bool, placeholders: &Placeholders) -> Result<Vec<Draft>, Failure> {
    let one = |value| Ok(vec![value]);
    match modifier {
        Modifier::Contains => one(opened(value, true, true)?),
        Modifier::StartsWith => one(opened(value, false, true)?),
        Modifier::EndsWith => one(opened(value, true, false)?),
        Modifier::Cased => match value {
            Draft::Text(pattern) | Draft::Cased(pattern) | Draft::Base64(pattern) => one(Draft::Cased(pattern)),
            _ => Err(Failure::Reason("`cased` is for text")),
        },
        Modifier::Re => match value {
            Draft::Text(pattern) if first => one(Draft::Regex { source: pattern.plain().unwrap_or_default().to_owned(), flags: String::new() }),
            _ => Err(Failure::Reason("`re` is for text, and comes first")),
        },
        Modifier::IgnoreCase => one(flagged(value, 'i')?),
        Modifier::Multiline => one(flagged(value, 'm')?),
        Modifier::DotAll => one(flagged(value, 's')?),
        Modifier::Cidr => match value {
            Draft::Text(pattern) if first => {
                let network = pattern.plain().and_then(read_network).ok_or(Failure::Reason("not a network such as 10.0.0.0/8"))?;
                one(Draft::Network(network.0, network.1))
            }
            _ => Err(Failure::Reason("`cidr` is for text, and comes first")),
        },
        Modifier::Wide => one(Draft::Bytes(encoded(&value, false, false)?)),
        Modifier::Utf16be => one(Draft::Bytes(encoded(&value, true, false)?)),
        Modifier::Utf16 => one(Draft::Bytes(encoded(&value, false, true)?)),
        Modifier::Base64 => one(Draft::Base64(Pattern::literal(&base64(&bytes(&value)?)))),
        Modifier::Base64Offset if bytes(&value)?.len() < 2 => Err(Failure::Reason("one character leaves no trace of its own in base64")),
        Modifier::Base64Offset => Ok(base64_offsets(&bytes(&value)?).into_iter().map(|text| Draft::Base64(Pattern::literal(&text))).collect()),
        Modifier::WindAsh => match value {
            Draft::Text(pattern) => Ok(with_dashes(&pattern).into_iter().map(Draft::Text).collect()),
            Draft::Cased(pattern) => Ok(with_dashes(&pattern).into_iter().map(Draft::Cased).collect()),
            _ => Err(Failure::Reason("`windash` is for text")),
        },
        Modifier::Expand => match value {
            Draft::Text(pattern) => Ok(expanded(&pattern, placeholders)?.into_iter().map(Draft::Text).collect()),
            _ => Err(Failure::Reason("`expand` is for text")),
        },
        Modifier::FieldRef => match value {
            Draft::Text(pattern) if pattern.plain().is_some_and(|name| !name.is_empty()) => {
                one(Draft::Field { name: pattern.plain().unwrap_or_default().to_owned(), open_start: false, open_end: false })
            }
            _ => Err(Failure::Reason("`fieldref` takes the name of a field")),
        },
        Modifier::Gt => one(compared(&value, Comparison::Greater)?),
        Modifier::Gte => one(compared(&value, Comparison::GreaterOrEqual)?),
        Modifier::Lt => one(compared(&value, Comparison::Less)?),
        Modifier::Lte => one(compared(&value, Comparison::LessOrEqual)?),
        _ => Err(Failure::Reason("this modifier cannot stand here")),
    }
}

fn opened(value: Draft, start: bool, end: bool) -> Result<Draft, Failure> {
    let open = |mut pattern: Pattern| {
        if start {
            pattern.open_start();
        }
        if end {
            pattern.open_end();
        }
        pattern
    };
    match value {
        Draft::Text(pattern) => Ok(Draft::Text(open(pattern))),
        Draft::Cased(pattern) => Ok(Draft::Cased(open(pattern))),
        Draft::Base64(pattern) => Ok(Draft::Base64(open(pattern))),
        Draft::Bytes(bytes) => Ok(Draft::Cased(open(Pattern::literal(&encoded_text(bytes)?)))),
        Draft::Whole(number) => Ok(Draft::Text(open(Pattern::literal(&number.to_string())))),
        Draft::Number(number) => Ok(Draft::Text(open(Pattern::literal(&number.to_string())))),
        Draft::Field { name, open_start, open_end } => Ok(Draft::Field { name, open_start: open_start || start, open_end: open_end || end }),
        // An expression is looked for anywhere in the value as it is.
        regex @ Draft::Regex { .. } => Ok(regex),
        _ => Err(Failure::Reason("`contains`, `startswith` and `endswith` are for text")),
    }
}

fn flagged(value: Draft, flag: char) -> Result<Draft, Failure> {
    match value {
        Draft::Regex { source, mut flags } => {
            flags.push(flag);
            Ok(Draft::Regex { source, flags })
        }
        _ => Err(Failure::Reason("the flags i, m and s follow `re`")),
    }
}

fn compared(value: &Draft, comparison: Comparison) -> Result<Draft, Failure> {
    let number = match value {
        Draft::Whole(number) => Some(*number as f64),
        Draft::Number(number) => Some(*number),
        Draft::Text(pattern) => pattern.plain().and_then(|text| text.parse().ok()),
        _ => None,
    };
    number.filter(|n| n.is_finite()).map(|n| Draft::Compare(comparison, n)).ok_or(Failure::Reason("a comparison takes a number"))
}

fn bytes(value: &Draft) -> Result<Vec<u8>, Failure> {
    match value {
        Draft::Text(pattern) | Draft::Cased(pattern) => {
            pattern.plain().map(|text| text.as_bytes().to_vec()).ok_or(Failure::Reason("text with wildcards cannot be encoded"))
        }
        Draft::Bytes(bytes) => Ok(bytes.clone()),
        Draft::Whole(number) => Ok(number.to_string().into_bytes()),
        _ => Err(Failure::Reason("only text can be encoded")),
    }
}

/// UTF-16, little-endian unless asked, with a byte order mark if asked.
fn encoded(value: &Draft, big_endian: bool, mark: bool) -> Result<Vec<u8>, Failure> {
    let text = String::from_utf8(bytes(value)?).map_err(|_| Failure::Reason("text that is encoded already"))?;
    let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
    Ok(units.flat_map(|unit: u16| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect())
}

fn encoded_text(bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|_| Failure::Reason("no text holds these bytes; base64offset should follow"))
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding (RFC 4648 section 4).
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// The three forms in which these bytes can stand in a longer Base64 text, without the characters that depend on what
/// stands around them.
fn base64_offsets(bytes: &[u8]) -> Vec<String> {
    let form = |offset: usize| {
        let padded: Vec<u8> = std::iter::repeat_n(b' ', offset).chain(bytes.iter().copied()).collect();
        let text = base64(&padded);
        let start = [0, 2, 3][offset];
        let end = text.len() - [0, 3, 2][(bytes.len() + offset) % 3];
        text.get(start..end).unwrap_or_default().to_owned()
    };
    (0..3).map(form).collect()
}

/// Each dash before a word and not within one may be any of the dashes.
fn with_dashes(pattern: &Pattern) -> Vec<Pattern> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut general = Pattern::default();
    let mut dashes = 0;
    for piece in &pattern.pieces {
        let Piece::Text(text) = piece else {
            general.push(piece.clone());
            continue;
        };
        let mut before = None;
        let mut characters = text.chars().peekable();
        while let Some(c) = characters.next() {
            let opens = DASHES.contains(&c) && !before.is_some_and(is_word) && characters.peek().is_some_and(|next| is_word(*next));
            if opens {
                general.push(Piece::Dash);
                dashes += 1;
            } else {
                general.push_text(c.encode_utf8(&mut [0; 4]));
            }
            before = Some(c);
        }
    }
    // One or two dashes are written out: whole literals are found faster than pieces.
    if dashes == 0 || dashes > 2 {
        return vec![general];
    }
    let mut variants = vec![Pattern::default()];
    for piece in &general.pieces {
        let choices: Vec<Piece> = if *piece == Piece::Dash { DASHES.iter().map(|c| Piece::Text(c.to_string())).collect() } else { vec![piece.clone()] };
        variants = variants.iter().flat_map(|variant| choices.iter().map(|choice| with_piece(variant, choice))).collect();
    }
    variants
}

fn with_piece(pattern: &Pattern, piece: &Piece) -> Pattern {
    let mut longer = pattern.clone();
    longer.push(piece.clone());
    longer
}

/// Puts values in the place of `%name%`; `\%` is a percent sign.
fn expanded(pattern: &Pattern, placeholders: &Placeholders) -> Result<Vec<Pattern>, Failure> {
    let mut variants = vec![Pattern::default()];
    let mut push = |choices: Vec<Pattern>| {
        let longer = |variant: &Pattern| -> Vec<Pattern> {
            choices.iter().map(|choice| choice.pieces.iter().fold(variant.clone(), |pattern, piece| with_piece(&pattern, piece))).collect()
        };
        variants = variants.iter().flat_map(longer).take(VARIANTS + 1).collect();
    };
    for piece in &pattern.pieces {
        let Piece::Text(text) = piece else {
            push(vec![Pattern { pieces: vec![piece.clone()] }]);
            continue;
        };
        let mut rest = text.as_str();
        while let Some((before, name, after)) = next_placeholder(rest) {
            push(vec![Pattern::literal(&before.replace(r"\%", "%"))]);
            let values = placeholders.get(name).filter(|values| !values.is_empty()).ok_or_else(|| Failure::Placeholder(name.to_owned()))?;
            push(values.iter().map(|value| Pattern::of_rule(value)).collect());
            rest = after;
        }
        push(vec![Pattern::literal(&rest.replace(r"\%", "%"))]);
    }
    Ok(variants)
}

/// Text before the first placeholder, its name, text behind it.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let is_open = |at: &usize| *at == 0 || text.as_bytes()[at - 1] != b'\\';
    let start = text.match_indices('%').map(|(at, _)| at).find(is_open)?;
    let length = text[start + 1..].find('%').filter(|length| *length > 0)?;
    Some((&text[..start], &text[start + 1..start + 1 + length], &text[start + length + 2..]))
}

fn finish(value: Draft, part: Option<TimePart>, keyword: bool) -> Result<Question, Failure> {
    if let Some(part) = part {
        let (comparison, number) = match value {
            Draft::Whole(number) => (Comparison::Equal, number as f64),
            Draft::Number(number) => (Comparison::Equal, number),
            Draft::Compare(comparison, number) => (comparison, number),
            _ => return Err(Failure::Reason("a part of a time stamp is compared with a number")),
        };
        return Ok(Question::Test(Test::Time(part, comparison, Bits::new(number))));
    }
    // A keyword may stand anywhere in a value.
    let open = |mut pattern: Pattern| {
        if keyword {
            pattern.open_start();
            pattern.open_end();
        }
        pattern
    };
    let test = match value {
        Draft::Text(pattern) if keyword && pattern.pieces.is_empty() => return Err(Failure::Reason("an empty keyword is in every event")),
        Draft::Text(pattern) => Test::Text(open(pattern).folded().shape()),
        Draft::Cased(pattern) | Draft::Base64(pattern) => Test::Cased(open(pattern).shape()),
        Draft::Bytes(bytes) => Test::Cased(open(Pattern::literal(&encoded_text(bytes)?)).shape()),
        Draft::Regex { source, flags } => {
            let source = if flags.is_empty() { source } else { format!("(?{}){source}", sorted(&flags)) };
            check_regex(&source).map_err(Failure::Regex)?;
            Test::Regex(source)
        }
        Draft::Network(address, prefix) => Test::Network(address, prefix),
        Draft::Whole(number) if keyword => Test::Text(open(Pattern::literal(&number.to_string())).shape()),
        Draft::Number(number) if keyword => Test::Text(open(Pattern::literal(&number.to_string())).shape()),
        Draft::Whole(number) => Test::Whole(number),
        Draft::Number(number) => Test::Compare(Comparison::Equal, Bits::new(number)),
        Draft::Compare(comparison, number) => Test::Compare(comparison, Bits::new(number)),
        Draft::Bool(value) if keyword => Test::Text(open(Pattern::literal(if value { "true" } else { "false" })).shape()),
        Draft::Bool(value) => Test::Bool(value),
        Draft::Null if keyword => return Err(Failure::Reason("`null` needs a field")),
        Draft::Null => Test::Null,
        Draft::Field { .. } if keyword => return Err(Failure::Reason("`fieldref` needs a field")),
        Draft::Field { name, open_start, open_end } => return Ok(Question::Field { name, open_start, open_end }),
    };
    Ok(Question::Test(test))
}

fn sorted(flags: &str) -> String {
    let mut letters: Vec<char> = flags.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_base64(text: &str, expected: &str) {
        assert_eq!(base64(text.as_bytes()), expected);
    }

    #[test]
    fn base64_follows_the_rfc() {
        for (text, expected) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")] {
            check_base64(text, expected);
        }
    }

    #[test]
    fn every_offset_form_stands_in_the_encoding() {
        for secret in ["fo", "foo", "foobar", "http://", "mimikätz"] {
            for before in ["", "a", "ab", "abc"] {
                for after in ["", "x", "xy", "xyz"] {
                    let whole = base64(format!("{before}{secret}{after}").as_bytes());
                    let forms = base64_offsets(secret.as_bytes());
                    assert!(forms.iter().any(|form| whole.contains(form.as_str())), "{before}|{secret}|{after}");
                }
            }
        }
        assert_eq!(base64_offsets(b"foobar"), ["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"]);
    }

    #[test]
    fn dashes_open_words_only() {
        let count = |text: &str| with_dashes(&Pattern::of_rule(text)).len();
        assert_eq!(count(" -param-name "), 5);
        assert_eq!(count("-a /b"), 25);
        assert_eq!(count("a-b"), 1);
        assert_eq!(count("- "), 1);
        assert_eq!(
            with_dashes(&Pattern::of_rule("-a -b -c")),
            [Pattern { pieces: vec![Piece::Dash, Piece::Text("a ".into()), Piece::Dash, Piece::Text("b ".into()), Piece::Dash, Piece::Text("c".into())] }]
        );
    }

    #[test]
    fn placeholders_are_expanded_or_refused() {
        let placeholders = Placeholders::from([("who".to_owned(), vec!["a*".to_owned(), "b".to_owned()])]);
        let patterns = |text: &str| expanded(&Pattern::of_rule(text), &placeholders).ok();
        assert_eq!(patterns("x%who%y"), Some(vec![Pattern::of_rule("xa*y"), Pattern::of_rule("xby")]));
        assert_eq!(patterns("x%nobody%"), None);
        assert_eq!(patterns(r"\%plain%who%"), Some(vec![Pattern::of_rule("%plaina*"), Pattern::of_rule("%plainb")]));
        assert_eq!(patterns("100%"), Some(vec![Pattern::of_rule("100%")]));
    }
}
