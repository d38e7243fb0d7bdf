//! Whether an account of MySQL or MariaDB can still sign in, by what `SHOW CREATE USER` says of it: an administrator who is locked out
//! already is none that is left.

use std::collections::BTreeSet;

use super::mysql_grants::given;

/// When an account's password is good for nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// It is so already.
    Now,
    /// So many days after it was set.
    After(u32),
    /// Never.
    Never,
    /// As the server says for all (`default_password_lifetime`).
    Default,
}

/// Reads it off `CREATE USER …`.
pub(super) fn expiry(definition: &str) -> Expiry {
    let Some(rest) = after(definition, " PASSWORD EXPIRE") else { return Expiry::Default };
    let mut words = rest.split_whitespace();
    match (words.next(), words.next()) {
        (Some("NEVER"), _) => Expiry::Never,
        (Some("DEFAULT"), _) => Expiry::Default,
        // What cannot be read counts as over.
        (Some("INTERVAL"), Some(days)) => days.parse().map_or(Expiry::Now, Expiry::After),
        _ => Expiry::Now,
    }
}

/// Whether the definition locks the account.
pub(super) fn is_locked(definition: &str) -> bool {
    after(definition, " ACCOUNT LOCK").is_some()
}

/// The part of `CREATE USER` that says how it signs in.
pub(super) fn identified(definition: &str) -> Option<String> {
    let begin = outside(definition, " IDENTIFIED ").next()? + 1;
    let rest = &definition[begin..];
    // The clause ends before the next one, outside of quotes.
    let mut end = rest.len();
    for next in [" REQUIRE ", " WITH MAX_", " ACCOUNT ", " PASSWORD EXPIRE", " PASSWORD HISTORY", " PASSWORD REUSE", " DEFAULT ROLE "] {
        end = end.min(outside(rest, next).next().unwrap_or(end));
    }
    Some(rest[..end].to_owned())
}

/// Whether anybody can sign in by it: it is not locked, and one of its ways is open. `active` are the server's plugins of authentication.
pub(super) fn signs_in(definition: &str, has_expired: bool, active: &BTreeSet<String>) -> bool {
    if is_locked(definition) {
        return false;
    }
    let Some(clause) = identified(definition) else {
        // MariaDB's word for a password that is empty.
        return !has_expired;
    };
    let clause = clause.strip_prefix("IDENTIFIED ").unwrap_or(&clause);
    let mut from = 0;
    let ends: Vec<usize> = outside(clause, " OR ").chain([clause.len()]).collect();
    ends.into_iter().any(|end| {
        let way = &clause[from..end];
        from = (end + " OR ".len()).min(clause.len());
        is_open(way, has_expired, active)
    })
}

/// `BY PASSWORD '*…'`, `VIA ed25519 USING '…'`, `unix_socket`, `WITH 'caching_sha2_password' AS '…'`.
fn is_open(way: &str, has_expired: bool, active: &BTreeSet<String>) -> bool {
    const NATIVE: &str = "mysql_native_password";
    let mut words = way.split_whitespace();
    let plugin = match words.next() {
        Some("BY") => NATIVE,
        Some("VIA" | "WITH") => words.next().unwrap_or_default().trim_matches(['\'', '`', '"']),
        // The second of several ways, and each after it.
        Some(plugin) => plugin,
        None => return false,
    };
    if !active.contains(plugin) {
        return false;
    }
    let stored = way.trim_end().strip_suffix('\'').and_then(|way| way.rsplit_once('\'')).map(|(_, stored)| stored);
    match plugin {
        "mysql_no_login" => false,
        // The system's word on who somebody is: no password of it gets old.
        "unix_socket" => true,
        NATIVE => !has_expired && stored.is_none_or(|stored| stored == NATIVE || stored.is_empty() || is_hash(stored)),
        _ => !has_expired,
    }
}

/// Whether some password has this hash: what servers write for none (`invalid`) has another form.
fn is_hash(stored: &str) -> bool {
    stored.strip_prefix('*').is_some_and(|digits| digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether these grants make an administrator, or may: a role can carry anything.
pub(super) fn may_administer(grants: &[String]) -> bool {
    let is_all = |right: &str| ["SUPER", "ALL PRIVILEGES", "ALL"].contains(&right.trim());
    grants.iter().any(|line| match given(line) {
        Some(given) => given.level == "*.*" && given.rights.split(',').any(is_all),
        None => line.starts_with("GRANT ") && !line.contains(" ON "),
    })
}

/// What stands behind the first one of a text that is in no quotes.
fn after<'t>(text: &'t str, wanted: &str) -> Option<&'t str> {
    outside(text, wanted).next().map(|at| &text[at + wanted.len()..])
}

/// Where a text stands outside of quotes.
fn outside<'t>(text: &'t str, wanted: &'t str) -> impl Iterator<Item = usize> + 't {
    let (mut quote, mut is_escaped) = (None, false);
    let found = text.char_indices().filter(move |(at, c)| {
        let is_outside = quote.is_none();
        match (quote, c) {
            _ if std::mem::take(&mut is_escaped) => {}
            (Some('\''), '\\') => is_escaped = true,
            (Some(open), c) if open == *c => quote = None,
            (None, '\'' | '`' | '"') => quote = Some(*c),
            _ => {}
        }
        is_outside && text[*at..].starts_with(wanted)
    });
    found.map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "'*667F407DE7C6AD07358FA38DAED7828A72014B4E'";

    #[test]
    fn a_definition_is_read_outside_of_quotes() {
        let text = "CREATE USER `a`@`%` IDENTIFIED VIA ed25519 USING ' ACCOUNT LOCK ' OR unix_socket REQUIRE SSL ACCOUNT LOCK PASSWORD EXPIRE";
        assert_eq!(identified(text).as_deref(), Some("IDENTIFIED VIA ed25519 USING ' ACCOUNT LOCK ' OR unix_socket"));
        assert!(is_locked(text) && !is_locked("CREATE USER `a`@`%` IDENTIFIED BY PASSWORD ' ACCOUNT LOCK'"));
        assert_eq!(identified("CREATE USER `a`@`%`"), None);
        assert!(is_locked("CREATE USER `o'brien`@`%` IDENTIFIED VIA x USING 'it''s \\' one' ACCOUNT LOCK") && !is_locked("CREATE USER ` ACCOUNT LOCK`@`%`"));
        for (end, expected) in [
            ("", Expiry::Default),
            (" PASSWORD EXPIRE", Expiry::Now),
            (" PASSWORD EXPIRE ACCOUNT LOCK", Expiry::Now),
            (" PASSWORD EXPIRE NEVER", Expiry::Never),
            (" REQUIRE NONE PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK", Expiry::Default),
            (" PASSWORD EXPIRE INTERVAL 90 DAY", Expiry::After(90)),
        ] {
            assert_eq!(expiry(&format!("CREATE USER `a`@`%` IDENTIFIED VIA pam USING ' PASSWORD EXPIRE NEVER'{end}")), expected, "{end}");
        }
    }

    #[test]
    fn who_is_locked_expired_or_has_no_way_in_does_not_sign_in() {
        let active = ["mysql_native_password", "unix_socket", "caching_sha2_password", "mysql_no_login"].map(str::to_owned).into();
        let check = |rest: &str, has_expired: bool, expected: bool| {
            assert_eq!(signs_in(&format!("CREATE USER `a`@`%`{rest}"), has_expired, &active), expected, "{rest} {has_expired}");
        };
        // As MariaDB writes it.
        check("", false, true);
        check("", true, false);
        check(&format!(" IDENTIFIED BY PASSWORD {HASH}"), false, true);
        check(&format!(" IDENTIFIED BY PASSWORD {HASH}"), true, false);
        check(&format!(" IDENTIFIED BY PASSWORD {HASH} ACCOUNT LOCK"), false, false);
        check(" IDENTIFIED BY PASSWORD 'invalid'", false, false);
        check(" IDENTIFIED VIA mysql_native_password USING 'invalid' OR unix_socket", true, true);
        check(&format!(" IDENTIFIED VIA unix_socket OR mysql_native_password USING {HASH}"), false, true);
        check(" IDENTIFIED VIA mysql_native_password USING 'invalid' OR ed25519 USING ' OR unix_socket'", false, false);
        // As MySQL does.
        let native = |stored: &str| format!(" IDENTIFIED WITH 'mysql_native_password' AS {stored} REQUIRE NONE PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK");
        check(&native(HASH), false, true);
        check(&native("'*THISISNOTAVALIDPASSWORDTHATCANBEUSEDHERE'"), false, false);
        check(" IDENTIFIED WITH 'mysql_native_password' REQUIRE NONE PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK", false, true);
        check(" IDENTIFIED WITH 'mysql_no_login' REQUIRE NONE PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK", false, false);
        check(
            " IDENTIFIED WITH `caching_sha2_password` AS '$A$005$x' REQUIRE NONE PASSWORD EXPIRE DEFAULT ACCOUNT LOCK PASSWORD HISTORY DEFAULT",
            false,
            false,
        );
        check(" IDENTIFIED WITH `caching_sha2_password` AS '$A$005$x' REQUIRE NONE PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK", false, true);
        check(" IDENTIFIED WITH `sha256_password` AS 'x' REQUIRE NONE PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK", false, false);
    }

    #[test]
    fn an_administrator_has_all_rights_everywhere_or_a_role_that_may() {
        for (line, expected) in [
            ("GRANT ALL PRIVILEGES ON *.* TO `a`@`%` WITH GRANT OPTION", true),
            ("GRANT SELECT, SUPER ON *.* TO `a`@`%`", true),
            ("GRANT `boss` TO `a`@`%`", true),
            ("GRANT ALL PRIVILEGES ON `hr`.* TO `a`@`%`", false),
            ("GRANT SELECT, PROCESS ON *.* TO `a`@`%`", false),
            ("GRANT EXECUTE ON PROCEDURE `hr`.`p` TO `a`@`%`", false),
        ] {
            assert_eq!(may_administer(&[line.to_owned()]), expected, "{line}");
        }
    }
}
