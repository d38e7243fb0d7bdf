//! Text as Sigma compares it: without regard to case unless asked, with `*` and `?` as wildcards.
//!
//! Folding is one character at a time, so that a fragment of a text folds to a fragment of the folded text; the literal
//! index depends on that.

use rsigma_parser::value::{SigmaString, SpecialChar, StringPart};

/// The dashes that Windows programs take for one another (Sigma modifier `windash`).
pub const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// Appends the folded text.
pub fn fold_into(text: &str, into: &mut String) {
    if text.is_ascii() {
        let from = into.len();
        into.push_str(text);
        into[from..].make_ascii_lowercase();
    } else {
        into.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// The folded text.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// These characters.
    Text(String),
    /// `*`: any characters, or none.
    Run,
    /// `?`: any one character.
    One,
    /// One of the dashes.
    Dash,
}

/// A text with wildcards, anchored at both ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// Its pieces: texts are never empty and never stand side by side, nor do runs.
    pub pieces: Vec<Piece>,
}

/// What a pattern asks of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// The value is this text.
    Equals(String),
    /// It stands somewhere in the value.
    Contains(String),
    /// The value begins with it.
    Starts(String),
    /// The value ends with it.
    Ends(String),
    /// Any value.
    Anything,
    /// Wildcards inside.
    Glob(Vec<Piece>),
}

impl Pattern {
    /// Reads a value of a rule: `*` and `?` are wildcards, `\` takes the meaning from a wildcard or a backslash after it.
    pub fn of_rule(value: &str) -> Self {
        let mut pattern = Self::default();
        for part in SigmaString::new(value).parts {
            match part {
                StringPart::Plain(text) => pattern.push_text(&text),
                StringPart::Special(SpecialChar::WildcardMulti) => pattern.push(Piece::Run),
                StringPart::Special(SpecialChar::WildcardSingle) => pattern.push(Piece::One),
            }
        }
        pattern
    }

    /// Exactly this text.
    pub fn literal(text: &str) -> Self {
        let mut pattern = Self::default();
        pattern.push_text(text);
        pattern
    }

    /// Appends characters.
    pub fn push_text(&mut self, text: &str) {
        match self.pieces.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }

    /// Appends a piece.
    pub fn push(&mut self, piece: Piece) {
        match (piece, self.pieces.last()) {
            (Piece::Text(text), _) => self.push_text(&text),
            (Piece::Run, Some(Piece::Run)) => {}
            (piece, _) => self.pieces.push(piece),
        }
    }

    /// With a `*` in front, unless one stands there.
    pub fn open_start(&mut self) {
        if self.pieces.first() != Some(&Piece::Run) {
            self.pieces.insert(0, Piece::Run);
        }
    }

    /// With a `*` behind, unless one stands there.
    pub fn open_end(&mut self) {
        self.push(Piece::Run);
    }

    /// The text, if there is no wildcard in it.
    pub fn plain(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The same pattern over folded text.
    #[must_use]
    pub fn folded(self) -> Self {
        let fold_piece = |piece| match piece {
            Piece::Text(text) => Piece::Text(fold(&text)),
            other => other,
        };
        Self { pieces: self.pieces.into_iter().map(fold_piece).collect() }
    }

    /// What it asks.
    pub fn shape(self) -> Shape {
        match self.pieces.as_slice() {
            [] => Shape::Equals(String::new()),
            [Piece::Text(text)] => Shape::Equals(text.clone()),
            [Piece::Run] => Shape::Anything,
            [Piece::Run, Piece::Text(text), Piece::Run] => Shape::Contains(text.clone()),
            [Piece::Text(text), Piece::Run] => Shape::Starts(text.clone()),
            [Piece::Run, Piece::Text(text)] => Shape::Ends(text.clone()),
            _ => Shape::Glob(self.pieces),
        }
    }
}

impl Shape {
    /// Whether the value (folded, if the pattern was) fits.
    pub fn fits(&self, value: &str) -> bool {
        match self {
            Self::Equals(text) => value == text,
            Self::Contains(text) => memchr::memmem::find(value.as_bytes(), text.as_bytes()).is_some(),
            Self::Starts(text) => value.starts_with(text.as_str()),
            Self::Ends(text) => value.ends_with(text.as_str()),
            Self::Anything => true,
            Self::Glob(pieces) => glob(pieces, value),
        }
    }

    /// A text that stands in every value that fits; the longest one.
    pub fn required(&self) -> Option<&str> {
        match self {
            Self::Equals(text) | Self::Contains(text) | Self::Starts(text) | Self::Ends(text) => Some(text.as_str()).filter(|t| !t.is_empty()),
            Self::Anything => None,
            Self::Glob(pieces) => pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Text(text) => Some(text.as_str()),
                    _ => None,
                })
                .max_by_key(|text| text.len()),
        }
    }
}

/// Matches pieces against the whole value. Each stretch between two runs is taken at its first place, which loses
/// nothing: an earlier place leaves more for what follows.
///
/// Not `globset`: its `*` and `?` are of bytes and paths, `[` and `{` are wildcards there and plain text in Sigma, it knows
/// nothing of `windash`, and its case folding is not the one that the index of literals stands on.
fn glob(pieces: &[Piece], value: &str) -> bool {
    let mut stretches = pieces.split(|piece| *piece == Piece::Run);
    let Some(first) = stretches.next() else { return value.is_empty() };
    let Some(taken) = stretch_at(first, value) else { return false };
    let mut rest = &value[taken..];
    let Some(last) = stretches.next_back() else { return rest.is_empty() };
    for stretch in stretches {
        match find_stretch(stretch, rest) {
            Some(end) => rest = &rest[end..],
            None => return false,
        }
    }
    ends_with_stretch(last, rest)
}

/// How many bytes of the value's beginning the stretch takes.
fn stretch_at(stretch: &[Piece], value: &str) -> Option<usize> {
    let mut at = 0;
    for piece in stretch {
        let rest = &value[at..];
        at += match piece {
            Piece::Text(text) => rest.starts_with(text.as_str()).then_some(text.len())?,
            Piece::One => rest.chars().next()?.len_utf8(),
            Piece::Dash => rest.chars().next().filter(|c| DASHES.contains(c))?.len_utf8(),
            Piece::Run => return None,
        };
    }
    Some(at)
}

/// Where the first place of the stretch ends.
fn find_stretch(stretch: &[Piece], value: &str) -> Option<usize> {
    if let [Piece::Text(text)] = stretch {
        return memchr::memmem::find(value.as_bytes(), text.as_bytes()).map(|at| at + text.len());
    }
    if stretch.is_empty() {
        return Some(0);
    }
    value.char_indices().map(|(at, _)| at).find_map(|at| stretch_at(stretch, &value[at..]).map(|taken| at + taken))
}

/// Whether the value ends with the stretch. A stretch takes a fixed number of characters, so its start is known.
fn ends_with_stretch(stretch: &[Piece], value: &str) -> bool {
    let characters: usize = stretch.iter().map(|piece| if let Piece::Text(text) = piece { text.chars().count() } else { 1 }).sum();
    if characters == 0 {
        return true;
    }
    let Some((start, _)) = value.char_indices().rev().nth(characters - 1) else { return false };
    stretch_at(stretch, &value[start..]) == Some(value.len() - start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, value: &str, expected: bool) {
        let shape = Pattern::of_rule(pattern).folded().shape();
        assert_eq!(shape.fits(&fold(value)), expected, "{pattern:?} against {value:?} ({shape:?})");
    }

    #[test]
    fn wildcards_are_anchored_and_fold_case() {
        check("ADMIN", "admin", true);
        check("admin", "administrator", false);
        check("admin*", "Administrator", true);
        check("*trat?r", "Administrator", true);
        check("a*n*r", "Administrator", true);
        check("a*n*x", "Administrator", false);
        check("?", "é", true);
        check("??", "é", false);
        check("*", "", true);
        check("ÄRGER*", "ärgerlich", true);
        check("a*a", "a", false);
        check("a**b", "ab", true);
        check("*ab?", "aabab1", true);
    }

    #[test]
    fn backslashes_follow_the_specification() {
        check(r"C:\Windows", r"c:\windows", true);
        check(r"C:\\Windows", r"c:\windows", true);
        check(r"\\*", r"\anything", true);
        check(r"\*", "*", true);
        check(r"\*", "x", false);
        check(r"\?", "?", true);
        check(r"\\\*", r"\*", true);
        check(r"\\\*", r"\x", false);
        check(r"\\\\", r"\\", true);
        check(r"\\\", r"\\", true);
        check(r"dir\", r"dir\", true);
        check(r"\\\\server", r"\\server", true);
    }

    #[test]
    fn required_text_is_the_longest() {
        assert_eq!(Pattern::of_rule("*ab*cdef?g").shape().required(), Some("cdef"));
        assert_eq!(Pattern::of_rule("*").shape().required(), None);
        assert_eq!(Pattern::of_rule("?").shape().required(), None);
    }
}
