//! Register values made fit for one line of a letter or a header. A register is typed by people and can be written by an intruder:
//! newlines, controls, direction overrides, invisible characters and towers of marks never reach a letter.

/// A value, and whether something had to be taken out of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cleaned {
    pub(super) text: String,
    pub(super) changed: bool,
}

/// Combining marks that one letter may carry: Vietnamese needs two, pointed Hebrew three.
const MARKS_LIMIT: usize = 3;

/// A name longer than this is none.
pub(super) const NAME_LIMIT_CHARS: usize = 120;

/// Lines that a postal address may have.
const ADDRESS_LINES_LIMIT: usize = 6;

/// An address line longer than this is none.
const ADDRESS_LINE_LIMIT_CHARS: usize = 160;

/// One line of at most `limit_chars`: white space of every kind becomes one blank, what cannot be seen is taken out.
pub(super) fn line(value: &str, limit_chars: usize) -> Cleaned {
    let mut text = String::new();
    let (mut changed, mut marks, mut chars) = (false, 0, 0);
    for c in value.trim().chars() {
        if c.is_whitespace() || c.is_control() {
            changed |= c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
            if !text.ends_with(' ') {
                text.push(' ');
                chars += 1;
            }
            continue;
        }
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if is_invisible(c) || marks > MARKS_LIMIT || chars >= limit_chars {
            changed = true;
            continue;
        }
        text.push(c);
        chars += 1;
    }
    Cleaned { text: text.trim().to_owned(), changed }
}

/// The lines of a postal address.
pub(super) fn address(value: &str) -> (Vec<String>, bool) {
    let lines = value.lines().map(|l| line(l, ADDRESS_LINE_LIMIT_CHARS)).filter(|l| !l.text.is_empty());
    let cleaned: Vec<Cleaned> = lines.take(ADDRESS_LINES_LIMIT + 1).collect();
    let changed = cleaned.len() > ADDRESS_LINES_LIMIT || cleaned.iter().any(|l| l.changed);
    (cleaned.into_iter().take(ADDRESS_LINES_LIMIT).map(|l| l.text).collect(), changed)
}

/// Why mail cannot be sent to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EmailFault {
    /// Two of them stand in one place.
    Two,
    /// A dot stands at an end of the mailbox's name, or two stand together (RFC 5321, 4.1.2).
    Dots,
    /// It is none.
    Shape,
}

/// An address that mail can be sent to as it stands: one `@`, a domain with a dot, no blank, control, quote or second address
/// (RFC 5321 section 4.1.2, without its quoted and literal forms, which nobody has). Letters of any script may stand in it
/// (RFC 6531, RFC 5890).
pub(super) fn email(value: &str) -> Result<String, EmailFault> {
    let value = value.trim();
    if value.split([',', ';', '/', ' ', '\n', '|']).filter(|part| part.contains('@')).count() > 1 {
        return Err(EmailFault::Two);
    }
    let (local, domain) = value.split_once('@').ok_or(EmailFault::Shape)?;
    let is_letter = |c: char| c.is_ascii_alphanumeric() || (!c.is_ascii() && (c.is_alphanumeric() || is_mark(c)) && !is_invisible(c));
    let local_fits = !local.is_empty() && local.len() <= 64 && local.chars().all(|c| is_letter(c) || "!#$%&'*+-/=?^_`{|}~.".contains(c));
    let label_fits = |label: &str| {
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-') && label.chars().all(|c| is_letter(c) || c == '-')
    };
    // No domain ends in a number: that is an address of a machine.
    let is_machine = domain.rsplit('.').next().is_some_and(|top| top.chars().all(|c| c.is_ascii_digit()));
    let domain_fits = domain.len() <= 253 && domain.contains('.') && domain.split('.').all(label_fits) && !is_machine;
    if !local_fits || !domain_fits {
        return Err(EmailFault::Shape);
    }
    let dots_fit = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
    if dots_fit { Ok(value.to_owned()) } else { Err(EmailFault::Dots) }
}

/// Characters that direct or hide other characters and print nothing: bidirectional controls, zero-width spaces, tags,
/// variation selectors beyond the ideographic ones, private use.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFF}' | '\u{E000}'..='\u{F8FF}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E00FF}' | '\u{E01F0}'..='\u{10FFFF}')
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{0591}'..='\u{05BD}' | '\u{064B}'..='\u{065F}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: &str, changed: bool) {
        assert_eq!(line(value, 20), Cleaned { text: expected.to_owned(), changed });
    }

    #[test]
    fn a_value_is_one_line_of_what_can_be_seen() {
        check("  CHAN  Siu\u{3000}Ming ", "CHAN Siu Ming", false);
        check("CHAN\r\nBcc: a@b.c", "CHAN Bcc: a@b.c", true);
        check("CHAN\u{2028}Ming\0", "CHAN Ming", true);
        check("\u{202E}gniM\u{2069}", "gniM", true);
        check("Nguyễn Văn Ế", "Nguyễn Văn Ế", false);
        check("a\u{0301}\u{0301}\u{0301}\u{0301}\u{0301}b", "a\u{0301}\u{0301}\u{0301}b", true);
        check("陳\u{200B}大\u{FEFF}文𠮷", "陳大文𠮷", true);
        check("葛\u{E0100}西", "葛\u{E0100}西", false);
        check("abcdefghijklmnopqrstuvw", "abcdefghijklmnopqrst", true);
        check("\u{0007}\u{200B}", "", true);
    }

    #[test]
    fn an_address_cannot_become_a_header_or_two_people() {
        for good in ["a@b.hk", "siu-ming.chan+x@mail.csd.example.hk", " a@b.hk ", "ann@bücher.example", "陳大文@例子.example"] {
            assert_eq!(email(good).as_deref(), Ok(good.trim()));
        }
        for bad in [
            "",
            "a",
            "a@b",
            "@b.c",
            "a b@c.d",
            "\"a\"@b.c",
            "<a@b.c>",
            "a@b..c",
            "a@10.0.0.1",
            "a@-b.c",
            "a@b.c>",
            "a\u{200b}b@c.d",
            "a\u{202e}@c.d",
            "a@b\u{feff}.c",
        ] {
            assert_eq!(email(bad), Err(EmailFault::Shape), "{}", bad.len());
        }
        for two in ["a@b.c,d@e.f", "a@b.c; d@e.f", "a@b.c / d@e.f", "a@b.c d@e.f"] {
            assert_eq!(email(two), Err(EmailFault::Two), "{}", two.len());
        }
        assert_eq!(email("a@b.c\r\nBcc: x@y.z"), Err(EmailFault::Two));
        for dots in [".a@b.c", "ke..n.@docomo.example", "a.@b.c"] {
            assert_eq!(email(dots), Err(EmailFault::Dots), "{}", dots.len());
        }
    }
}
