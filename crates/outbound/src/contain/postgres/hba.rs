//! `pg_hba.conf`: which line a connection would meet, from the rules as the server itself reads them, and our own line in its text.
//!
//! The server parses its file (`pg_hba_file_rules`), so that no reading of ours can differ from its own; only the choice of
//! the first line that fits is done here.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::contain::guard::Network;
use crate::contain::ours::MARK;

/// One rule, as `pg_hba_file_rules` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HbaRule {
    /// Where it stands, in words: `line 3 of pg_hba.conf`.
    pub(super) place: String,
    /// `local`, `host`, `hostssl` …
    pub(super) kind: String,
    /// Databases, with the words `all`, `sameuser`, `samerole`, `replication`.
    pub(super) databases: Vec<String>,
    /// Roles, with `all` and `+group`.
    pub(super) roles: Vec<String>,
    /// An address, `all`, `samehost`, `samenet`, or a host's name; nothing for `local`.
    pub(super) address: Option<String>,
    /// The mask of an address.
    pub(super) netmask: Option<String>,
    /// `reject`, `trust`, `scram-sha-256` …
    pub(super) method: String,
}

/// How somebody would connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Approach {
    /// The role.
    pub(super) role: String,
    /// The groups that it is in, however deep.
    pub(super) groups: BTreeSet<String>,
    /// The database; nothing for who copies the whole server (physical replication), whom `all` does not mean.
    pub(super) database: Option<String>,
    /// From where; nothing for the Unix socket.
    pub(super) address: Option<IpAddr>,
    /// Whether by TLS.
    pub(super) tls: Tls,
}

/// Whether a connection is protected by TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    /// It is.
    On,
    /// It is not.
    Off,
}

/// What a connection meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// This line, and what it asks for.
    Line {
        /// Where it stands.
        place: String,
        /// Its method.
        method: String,
    },
    /// No line at all: the server refuses.
    Nothing,
    /// A line before any that fits for sure, of which it is not known whether it fits.
    Unsure {
        /// Where it stands.
        place: String,
    },
}

/// Whether a part of a rule fits; `None`: not known here.
type Fits = Option<bool>;

/// The first rule that fits, as the server picks it.
pub(super) fn first_match(rules: &[HbaRule], approach: &Approach) -> Met {
    for rule in rules {
        let parts = [
            kind_fits(rule, approach),
            address_fits(rule, approach),
            any(&rule.databases, |d| database_fits(d, approach)),
            any(&rule.roles, |r| role_fits(r, approach)),
        ];
        if parts.contains(&Some(false)) {
            continue;
        }
        if parts.contains(&None) {
            return Met::Unsure { place: rule.place.clone() };
        }
        return Met::Line { place: rule.place.clone(), method: rule.method.clone() };
    }
    Met::Nothing
}

fn any(words: &[String], fits: impl Fn(&str) -> Fits) -> Fits {
    let all: Vec<Fits> = words.iter().map(|word| fits(word)).collect();
    if all.contains(&Some(true)) {
        Some(true)
    } else if all.contains(&None) {
        None
    } else {
        Some(false)
    }
}

fn kind_fits(rule: &HbaRule, approach: &Approach) -> Fits {
    let is_local = approach.address.is_none();
    match rule.kind.as_str() {
        "local" => Some(is_local),
        // A connection that is encrypted by Kerberos is none that we make or simulate.
        "host" | "hostnogssenc" => Some(!is_local),
        "hostssl" => Some(!is_local && approach.tls == Tls::On),
        "hostnossl" => Some(!is_local && approach.tls == Tls::Off),
        "hostgssenc" => Some(false),
        _ => None,
    }
}

fn address_fits(rule: &HbaRule, approach: &Approach) -> Fits {
    let (Some(written), Some(address)) = (rule.address.as_deref(), approach.address) else { return Some(true) };
    match written {
        "all" => return Some(true),
        "samehost" | "samenet" => return None,
        _ => {}
    }
    let Ok(network) = written.parse::<IpAddr>() else { return None };
    match rule.netmask.as_deref().map(str::parse::<IpAddr>) {
        None => Some(network == address),
        Some(Ok(mask)) => Some(same_network(network, mask, address)),
        Some(Err(_)) => None,
    }
}

fn same_network(network: IpAddr, mask: IpAddr, address: IpAddr) -> bool {
    match (network, mask, address) {
        (IpAddr::V4(n), IpAddr::V4(m), IpAddr::V4(a)) => (n.to_bits() ^ a.to_bits()) & m.to_bits() == 0,
        (IpAddr::V6(n), IpAddr::V6(m), IpAddr::V6(a)) => (n.to_bits() ^ a.to_bits()) & m.to_bits() == 0,
        _ => false,
    }
}

fn database_fits(word: &str, approach: &Approach) -> Fits {
    let Some(database) = &approach.database else { return Some(word == REPLICATION) };
    match word {
        "all" => Some(true),
        "sameuser" => Some(*database == approach.role),
        "samerole" | "samegroup" => Some(*database == approach.role || approach.groups.contains(database)),
        REPLICATION => Some(false),
        _ if word.starts_with('/') => None,
        _ => Some(word == database),
    }
}

fn role_fits(word: &str, approach: &Approach) -> Fits {
    if word == "all" {
        return Some(true);
    }
    if let Some(group) = word.strip_prefix('+') {
        return Some(group == approach.role || approach.groups.contains(group));
    }
    if word.starts_with('/') { None } else { Some(word == approach.role) }
}

/// What stands for copies of the whole server where a database is asked for.
pub(super) const REPLICATION: &str = "replication";

/// What stands for the Unix socket where an address is asked for.
pub(super) const LOCAL: &str = "[local]";

/// The line that rejects a role at every database and for every copy of the server, from an address, a network or the Unix socket.
pub(super) fn reject_line(role: &str, address: &str, mark: &str) -> String {
    line_for("all,replication", role, address, mark)
}

/// As plans of before had it, which let copies of the server through: known, so that it can be taken back.
pub(super) fn older_line(role: &str, address: &str, mark: &str) -> String {
    line_for("all", role, address, mark)
}

fn line_for(databases: &str, role: &str, address: &str, mark: &str) -> String {
    let role = quoted(role);
    if address == LOCAL {
        return format!("local {databases} {role} reject {MARK}{mark}");
    }
    let network = Network::read(address).map_or_else(|| address.to_owned(), |network| format!("{}/{}", network.address, network.bits));
    format!("host {databases} {role} {network} reject {MARK}{mark}")
}

/// A name as `pg_hba.conf` takes it for itself: quoted, it is never a keyword, a group or a file.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Whether a name can stand in the file at all: a line end would make two lines of it.
pub(super) fn can_be_written(name: &str) -> bool {
    !name.is_empty() && name.len() <= 200 && !name.chars().any(char::is_control)
}

/// The text with our line before every other.
pub(super) fn with_line(text: &str, line: &str) -> String {
    format!("{line}\n{text}")
}

/// The text without exactly this line: what remains is what stood there before, to the byte.
pub(super) fn without_line(text: &str, line: &str) -> String {
    text.split_inclusive('\n').filter(|found| found.strip_suffix('\n').unwrap_or(found) != line).collect()
}

/// Where our line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Before every line that is not ours.
    First,
    /// Somewhere below one that is not.
    Below,
    /// Nowhere.
    Nowhere,
}

/// Where a line stands in the text.
pub(super) fn place(text: &str, line: &str) -> Place {
    if text.lines().take_while(|found| found.contains(MARK)).any(|found| found == line) {
        Place::First
    } else if text.lines().any(|found| found == line) {
        Place::Below
    } else {
        Place::Nowhere
    }
}

/// Another file that a file of rules takes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// Of rules (`include`), or of names (`@names`).
    File(String),
    /// All its files that end with `.conf`.
    Folder(String),
}

/// What a file of rules names of others, as the server splits it: <https://www.postgresql.org/docs/current/auth-pg-hba-conf.html>.
pub(super) fn named_in(text: &str) -> Vec<Named> {
    let mut found = Vec::new();
    for line in text.replace("\\\r\n", "").replace("\\\n", "").lines() {
        let words = words(line);
        let second = || words.get(1).map(|(word, _)| word.clone());
        match words.first() {
            Some((word, false)) if word == "include" || word == "include_if_exists" => found.extend(second().map(Named::File)),
            Some((word, false)) if word == "include_dir" => found.extend(second().map(Named::Folder)),
            _ => {
                let names = words.iter().filter(|(_, is_quoted)| !is_quoted).filter_map(|(word, _)| word.strip_prefix('@'));
                found.extend(names.map(|name| Named::File(name.to_owned())));
            }
        }
    }
    found
}

/// Words of a line, each with whether it begins in quotes.
fn words(line: &str) -> Vec<(String, bool)> {
    let (mut found, mut word, mut is_in_quotes) = (Vec::new(), None::<(String, bool)>, false);
    for c in line.chars() {
        match c {
            '"' => {
                is_in_quotes = !is_in_quotes;
                word.get_or_insert((String::new(), true));
            }
            '#' if !is_in_quotes => break,
            c if !is_in_quotes && (c.is_whitespace() || c == ',') => found.extend(word.take()),
            c => word.get_or_insert((String::new(), false)).0.push(c),
        }
    }
    found.extend(word);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(place: u32, kind: &str, databases: &str, roles: &str, address: &str, method: &str) -> HbaRule {
        let list = |text: &str| text.split(',').map(str::to_owned).collect();
        let (address, netmask) = match address.split_once(' ') {
            Some((address, mask)) => (Some(address.to_owned()), Some(mask.to_owned())),
            None => ((!address.is_empty()).then(|| address.to_owned()), None),
        };
        HbaRule { place: place.to_string(), kind: kind.to_owned(), databases: list(databases), roles: list(roles), address, netmask, method: method.to_owned() }
    }

    fn approach(role: &str, database: &str, address: Option<&str>) -> Approach {
        Approach {
            role: role.to_owned(),
            groups: BTreeSet::from(["staff".to_owned()]),
            database: Some(database.to_owned()).filter(|database| database != REPLICATION),
            address: address.map(|a| a.parse().expect("an address")),
            tls: Tls::Off,
        }
    }

    fn check(rules: &[HbaRule], how: &Approach, expected: &str) {
        let met = match first_match(rules, how) {
            Met::Line { place, method } => format!("{place} {method}"),
            Met::Nothing => "nothing".to_owned(),
            Met::Unsure { place } => format!("{place}?"),
        };
        assert_eq!(met, expected);
    }

    #[test]
    fn the_first_line_that_fits_decides() {
        let rules = [
            rule(1, "local", "all", "postgres", "", "peer"),
            rule(2, "hostssl", "all", "all", "all", "cert"),
            rule(3, "host", "hr", "+staff", "10.0.0.0 255.255.255.0", "reject"),
            rule(4, "host", "sameuser", "all", "10.0.0.0 255.0.0.0", "md5"),
            rule(5, "host", "all", "app", "2001:db8:: ffff:ffff::", "trust"),
            rule(6, "host", "all", "all", "db.example.org", "scram-sha-256"),
        ];
        check(&rules, &approach("postgres", "hr", None), "1 peer");
        check(&rules, &approach("app", "hr", None), "nothing");
        check(&rules, &approach("app", "hr", Some("10.0.0.9")), "3 reject");
        check(&rules, &approach("app", "app", Some("10.0.1.9")), "4 md5");
        check(&rules, &approach("app", "hr", Some("2001:db8::5")), "5 trust");
        check(&rules, &approach("app", "hr", Some("10.0.1.9")), "6?");
        // Who copies the server is met by no `all`.
        check(&rules, &approach("postgres", REPLICATION, None), "nothing");
        let ours = [rule(1, "host", "all,replication", "app", "10.0.0.9 255.255.255.255", "reject"), rule(2, "host", "replication", "all", "all", "trust")];
        check(&ours, &approach("app", REPLICATION, Some("10.0.0.9")), "1 reject");
        check(&ours, &approach("app", REPLICATION, Some("10.0.0.8")), "2 trust");
        check(&rules, &Approach { tls: Tls::On, ..approach("app", "hr", Some("10.0.0.9")) }, "2 cert");
    }

    #[test]
    fn other_files_of_rules_and_names_are_found() {
        let text = "# include no\ninclude \"a b\"\ninclude_if_exists c # d\ninclude_dir e\nlocal all,@f @\"g h\",\"@i\" trust\nhost \\\n@j all";
        let file = |name: &str| Named::File(name.to_owned());
        assert_eq!(named_in(text), [file("a b"), file("c"), Named::Folder("e".to_owned()), file("f"), file("g h"), file("j")]);
    }

    #[test]
    fn our_line_comes_and_goes_and_leaves_the_rest_to_the_byte() {
        for text in ["", "local all all peer\n", "# no end of line\r\nhost all all all md5"] {
            for line in [reject_line("a\"b", "10.0.0.9", "x"), reject_line("app", LOCAL, "y")] {
                let with = with_line(text, &line);
                assert_eq!(place(&with, &line), Place::First);
                assert_eq!(without_line(&with, &line), text);
                assert_eq!(place(&with_line(&with, "host all all all trust"), &line), Place::Below);
                assert_eq!(place(text, &line), Place::Nowhere);
            }
        }
        assert_eq!(reject_line("a\"b", "10.0.0.0/8", "x"), "host all,replication \"a\"\"b\" 10.0.0.0/8 reject # strandline x");
        assert_eq!(reject_line("app", "2001:db8::1", "x"), "host all,replication \"app\" 2001:db8::1/128 reject # strandline x");
        assert_eq!(older_line("app", LOCAL, "x"), "local all \"app\" reject # strandline x");
    }
}
