//! Return paths that name their letter (variable envelope return paths): a report that comes back says by its recipient
//! which letter it is about, whatever it holds.

use std::fmt;

use strandline_model::letter::LetterReference;

/// Where reports of undelivered letters go: `bounces+REFERENCE@example.org`. The mail system must deliver what has anything
/// after the separator to the part before it (`recipient_delimiter` in Postfix, `subaddress` elsewhere).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath {
    local: String,
    separator: char,
    domain: String,
}

/// An address that cannot be a return path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the return path must be a plain address such as bounces@example.org: letters, digits, dots, hyphens and underscores before the @, at most 40 of them, and a domain in ASCII after it"
)]
pub struct ReturnPathError;

/// Longest part before the separator: with a separator and a reference it stays within the 64 octets of RFC 5321, 4.5.3.1.1.
const LOCAL_LIMIT: usize = 40;

impl ReturnPath {
    /// From an address without a reference, and the character that the mail system takes for a separator (usually `+`).
    ///
    /// # Errors
    /// If it is no plain address.
    pub fn new(address: &str, separator: char) -> Result<Self, ReturnPathError> {
        let (local, domain) = address.split_once('@').ok_or(ReturnPathError)?;
        let plain = |text: &str, limit| {
            !text.is_empty()
                && text.len() <= limit
                && !text.starts_with(['.', '-'])
                && !text.ends_with(['.', '-'])
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        };
        let separates = matches!(separator, '+' | '-' | '=' | '_' | '#');
        if !plain(local, LOCAL_LIMIT) || !plain(domain, 180) || !separates {
            return Err(ReturnPathError);
        }
        Ok(Self { local: local.to_owned(), separator, domain: domain.to_ascii_lowercase() })
    }

    /// The return path of one letter.
    pub fn of(&self, reference: &LetterReference) -> String {
        format!("{}{}{reference}@{}", self.local, self.separator, self.domain)
    }

    /// The domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The letter that an address names, if it is a return path of ours. The case of letters is no matter.
    pub fn reference_in(&self, address: &str) -> Option<LetterReference> {
        let (local, domain) = address.rsplit_once('@')?;
        let (before, reference) = local.split_at_checked(self.local.len() + self.separator.len_utf8())?;
        let (start, separator) = before.split_at_checked(self.local.len())?;
        let ours = domain.eq_ignore_ascii_case(&self.domain) && start.eq_ignore_ascii_case(&self.local) && separator.starts_with(self.separator);
        if ours { LetterReference::parse(reference).ok() } else { None }
    }
}

impl fmt::Display for ReturnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_path_names_its_letter() {
        let path = ReturnPath::new("Bounces@Example.org", '+').unwrap();
        let reference = LetterReference::from_bits([7; 10]);
        let address = path.of(&reference);
        assert_eq!(path.reference_in(&address), Some(reference.clone()));
        assert_eq!(path.reference_in(&address.to_uppercase()), Some(reference));
        for foreign in [
            "bounces@example.org",
            "bounces+abc@example.org",
            "x@example.org",
            "bounces+aaaaaaaaaaaaaaaa@other.org",
            "ébounces+aaaaaaaaaaaaaaaa@example.org",
            "@",
            "",
        ] {
            assert_eq!(path.reference_in(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_return_path_is_plain() {
        for bad in ["", "x", "@x.org", "a b@x.org", "a\r\n@x.org", "a<@x.org", "a@b@c", "ä@x.org", "a@x..", ".a@x.org"] {
            assert!(ReturnPath::new(bad, '+').is_err(), "{bad:?}");
        }
        assert!(ReturnPath::new("a@x.org", '@').is_err());
    }
}
