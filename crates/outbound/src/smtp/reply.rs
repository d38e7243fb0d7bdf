//! Replies of a server (RFC 5321, 4.2; enhanced codes of RFC 3463), with limits on lines and length.

use std::fmt;

use crate::plain::without_addresses;

/// Longest text of an answer that is kept, characters.
const TEXT_LIMIT: usize = 200;

/// A server's answer as it is kept: its codes, and its words without addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The reply code; 0 where it was not a server that spoke.
    pub code: u16,
    /// The enhanced code, `5.1.1`.
    pub enhanced: Option<String>,
    /// The words, one line, addresses masked.
    pub text: String,
}

impl Answer {
    /// Our own words, where no server spoke.
    pub fn own(text: impl fmt::Display) -> Self {
        Self { code: 0, enhanced: None, text: without_addresses(&text.to_string(), TEXT_LIMIT) }
    }

    /// From the lines of a reply.
    pub(crate) fn new(code: u16, lines: &[String]) -> Self {
        let joined = lines.join(" ");
        let (first, rest) = joined.split_once(' ').unwrap_or((&joined, ""));
        let (enhanced, text) = if is_enhanced(first) { (Some(first.to_owned()), rest) } else { (None, joined.as_str()) };
        Self { code, enhanced, text: without_addresses(text, TEXT_LIMIT) }
    }

    /// 4xx: later.
    pub fn is_transient(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// 5xx: never.
    pub fn is_permanent(&self) -> bool {
        (500..600).contains(&self.code)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.code != 0 {
            write!(f, "{} ", self.code)?;
        }
        if let Some(enhanced) = &self.enhanced {
            write!(f, "{enhanced} ")?;
        }
        f.write_str(&self.text)
    }
}

/// `class.subject.detail`, RFC 3463, 2.
pub(crate) fn is_enhanced(word: &str) -> bool {
    let mut parts = word.split('.');
    let class = parts.next().is_some_and(|class| matches!(class, "2" | "4" | "5"));
    let number = |part: Option<&str>| part.is_some_and(|p| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()));
    class && number(parts.next()) && number(parts.next()) && parts.next().is_none()
}

/// A whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) lines: Vec<String>,
}

impl Reply {
    pub(crate) fn is_positive(&self) -> bool {
        (200..400).contains(&self.code)
    }

    pub(crate) fn answer(&self) -> Answer {
        Answer::new(self.code, &self.lines)
    }
}

/// One line of a reply: code, whether more follow, and its text. `None` if it is no such line.
pub(crate) fn parse_line(line: &[u8]) -> Option<(u16, bool, String)> {
    let (code, rest) = line.split_at_checked(3)?;
    let valid = matches!(code[0], b'2'..=b'5') && code.iter().all(u8::is_ascii_digit);
    let code = code.iter().fold(0, |number, digit| number * 10 + u16::from(digit.wrapping_sub(b'0')));
    let more = match rest.first() {
        Some(b'-') => true,
        Some(b' ') | None => false,
        Some(_) => return None,
    };
    valid.then(|| (code, more, String::from_utf8_lossy(rest.get(1..).unwrap_or_default()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_parsed_or_refused() {
        assert_eq!(parse_line(b"250-SIZE 10"), Some((250, true, "SIZE 10".into())));
        assert_eq!(parse_line(b"250"), Some((250, false, String::new())));
        assert_eq!(parse_line(b"550 5.1.1 no"), Some((550, false, "5.1.1 no".into())));
        for bad in [&b"25"[..], b"", b"99x", b"250x", b"650 a", b"\xff\xff\xff a", b"2 0 a"] {
            assert_eq!(parse_line(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_answer_keeps_codes_and_loses_addresses() {
        let answer = Answer::new(550, &["5.1.1 <a@b.org>: no such user".into(), "5.1.1 sorry\u{1b}[2J".into()]);
        assert_eq!(answer.to_string(), "550 5.1.1 <[address]>: no such user 5.1.1 sorry [2J");
        assert_eq!(Answer::new(250, &["Ok".into()]).enhanced, None);
        for (word, enhanced) in [("5.1.1", true), ("2.0.0", true), ("3.0.0", false), ("5.1", false), ("5.1.1.1", false), ("5.1.1234", false)] {
            assert_eq!(is_enhanced(word), enhanced, "{word}");
        }
    }
}
