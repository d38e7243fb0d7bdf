//! The oldest versions of servers that connectors were written for: an older one would misunderstand half of what it is asked, and
//! say so half-way.

use super::error::ContainError;

/// Refuses a server that is older than `least`, or that says no version at all.
pub(super) fn at_least(target: &str, what: &str, told: &str, least: [u32; 2]) -> Result<(), ContainError> {
    let strange = |why: String| Err(ContainError::Strange { target: target.to_owned(), why });
    let shown: String = told.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ' ')).take(60).collect();
    match version_in(told) {
        Some(found) if found >= least => Ok(()),
        Some(_) => strange(format!("it is {what} {shown}, and {}.{} is the oldest that can be cut off at: do it by hand there", least[0], least[1])),
        None => strange(format!("it does not say of which version of {what} it is")),
    }
}

/// The first two numbers of the first word that begins with one: `10.6` of `10.6.4-MariaDB`, `1.0` of `nftables v1.0.6 (…)`.
fn version_in(text: &str) -> Option<[u32; 2]> {
    let number = |part: Option<&str>| part.and_then(|part| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok());
    text.split([' ', '/']).find_map(|word| {
        let mut parts = word.strip_prefix('v').unwrap_or(word).split('.');
        Some([number(parts.next())?, number(parts.next()).unwrap_or(0)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_server_is_refused_and_one_without_a_version() {
        let check = |told: &str, least: [u32; 2], is_good: bool| assert_eq!(at_least("db", "X", told, least).is_ok(), is_good, "{told}");
        check("15.13 (Debian 15.13-0+deb12u1)", [10, 0], true);
        check("9.6.24", [10, 0], false);
        check("10.3.39-MariaDB-0+deb10u1", [10, 4], false);
        check("10.11.19-MariaDB", [10, 4], true);
        check("8.4.0", [5, 7], true);
        check("nftables v0.9.0 (Fearless Fosdick)", [0, 9], true);
        check("nftables v0.8.2 (Joe Btfsplk)", [0, 9], false);
        check("nginx version: nginx/1.8.1", [1, 9], false);
        check("nginx version: nginx/1.22.1", [1, 9], true);
        check("17beta1", [10, 0], true);
        for told in ["", "nothing", "v", "99999999999"] {
            check(told, [1, 0], false);
        }
        let told = at_least("db", "PostgreSQL", "9.6.24\u{1b}[31m", [10, 0]).unwrap_err().to_string();
        assert!(told.contains("PostgreSQL 9.6.24") && told.contains("10.0 is the oldest") && !told.contains('\u{1b}'), "{told}");
    }
}
