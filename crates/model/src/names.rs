//! Names of accounts, hosts, sessions and connections in one form, so that what two logs write differently, and what two stages
//! call it, is found to be the same.

use std::collections::BTreeMap;

use crate::estate::Estate;

/// A value that says something: logs write `-` for none.
pub fn present(value: Option<&str>) -> Option<&str> {
    value.filter(|v| !v.is_empty() && *v != "-")
}

/// What all connections of one role from one host are called, where a log tells nothing that sets them apart.
pub fn nameless_connection(source: &str, role: Option<&str>, host: Option<&str>) -> String {
    format!("{source}:{}@{}", role.unwrap_or("-"), host.unwrap_or("-"))
}

/// What a session is called that no log names: by the digest of its secret.
pub fn secret_session(digest: &str) -> String {
    format!("{SECRET}{}", cut(digest, 12))
}

/// Whether a session is called by the digest of its secret.
pub fn is_secret_session(session: &str) -> bool {
    session.starts_with(SECRET)
}

const SECRET: &str = "secret-";

/// The beginning of a text, at most so many bytes.
pub fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// How long the shortest log of each system keeps a session's id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionLengths(BTreeMap<String, usize>);

impl SessionLengths {
    /// As the estate describes its logs.
    pub fn of(estate: &Estate) -> Self {
        let mut shortest = BTreeMap::new();
        for source in &estate.sources {
            if let Some(length) = source.session_prefix {
                let length = (length as usize).max(1);
                shortest.entry(source.system.clone()).and_modify(|known: &mut usize| *known = (*known).min(length)).or_insert(length);
            }
        }
        Self(shortest)
    }

    /// A session's id, cut to that length, so that all logs of the system have it.
    pub fn cut<'s>(&self, system: &str, session: &'s str) -> &'s str {
        self.0.get(system).map_or(session, |length| cut(session, *length))
    }
}

/// An account in one form: `DOMAIN\name` and `name@domain.example` of the same domain are the same, in any case.
pub fn account_key(written: &str) -> String {
    let lower = written.to_lowercase();
    let (domain, name) = match (lower.split_once('\\'), lower.rsplit_once('@')) {
        (Some((domain, name)), _) | (None, Some((name, domain))) => (domain, name),
        (None, None) => return lower,
    };
    let name = name.split('@').next().unwrap_or(name);
    format!("{}\\{name}", domain.split('.').next().unwrap_or(domain))
}

/// Whether two accounts in the form of [`account_key`] are the same; one without a domain is any domain's.
pub fn same_account(one: &str, other: &str) -> bool {
    one == other
        || match (one.split_once('\\'), other.split_once('\\')) {
            (None, Some((_, name))) => one == name,
            (Some((_, name)), None) => name == other,
            _ => false,
        }
}

/// A host's own name: lower case, without its domain, and without what no host's name has.
pub fn host_key(written: &str) -> String {
    let name = written.split('.').next().unwrap_or(written).to_lowercase();
    if name.contains(['@', ' ']) { name.replace(['@', ' '], "_") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!((cut("abc", 2), cut("a\u{e9}b", 2), cut("abc", 9), cut("", 1)), ("ab", "a", "abc", ""));
        assert!(is_secret_session(&secret_session("0123456789abcdef")) && secret_session("0123456789abcdef") == "secret-0123456789ab");
        assert_eq!(nameless_connection("db", Some("app"), None), "db:app@-");
    }

    #[test]
    fn accounts_have_one_form() {
        for (one, other, same) in [
            ("CLINIC\\a.nurse", "a.nurse@CLINIC.EXAMPLE.ORG", true),
            ("CLINIC\\a.nurse", "clinic.example.org\\A.Nurse", true),
            ("CLINIC\\a.nurse", "a.nurse", true),
            ("FS1\\Administrator", "CLINIC\\Administrator", false),
            ("CLINIC\\a.nurse", "CLINIC\\b.nurse", false),
        ] {
            assert_eq!(same_account(&account_key(one), &account_key(other)), same, "{one} and {other}");
        }
    }
}
