//! What must hold of `[[target]]`, `[[breakglass]]` and `[[precut]]`, so that a cut does not fail at night for a slip in the file.

use std::net::IpAddr;

use strandline_model::estate::{BreakGlass, Estate, PreCut, Target, TargetKind};

use crate::{EstateError, at, unknown};

/// Checks all targets, and what is never cut off.
///
/// # Errors
/// The first mistake, with its line and the way out.
pub(crate) fn check(estate: &Estate, text: &str, path: &str) -> Result<(), EstateError> {
    for target in &estate.targets {
        check_target(target, estate, text, path)?;
    }
    for one in &estate.breakglass {
        check_breakglass(one, estate, text, path)?;
    }
    for one in &estate.precut {
        check_precut(one, estate, text, path)?;
    }
    Ok(())
}

fn check_target(target: &Target, estate: &Estate, text: &str, path: &str) -> Result<(), EstateError> {
    let wrong = |problem: String, hint: &str| Err(at(text, path, &target.name, format!("target {}: {problem}", target.name), hint));
    if target.name.is_empty() || !target.name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
        return wrong("its name has other than letters, digits, `-`, `_` and `.`".to_owned(), "plans and commands name it: give it a plain name");
    }
    if let Some(system) = &target.system
        && !estate.systems.iter().any(|known| known.id == *system)
    {
        return Err(unknown(text, path, "system", system, estate.systems.iter().map(|s| s.id.as_str())));
    }
    for pooler in &target.poolers {
        let poolers = estate.targets.iter().filter(|other| other.kind == TargetKind::Pgbouncer).map(|other| other.name.as_str());
        if !poolers.clone().any(|name| name == pooler) {
            return Err(unknown(text, path, "target of kind pgbouncer", pooler, poolers));
        }
    }
    if let Some((field, hint)) = missing(target) {
        return wrong(format!("a target of the kind {} needs `{field}`", target.kind.as_str()), hint);
    }
    if let Some(field) = foreign(target) {
        return wrong(format!("`{field}` says nothing at a target of the kind {}", target.kind.as_str()), "docs/estate.md has the fields of each kind");
    }
    if target.address.as_deref().is_some_and(holds_password) {
        return wrong("its address holds a password".to_owned(), "put the password into a file of its own, and name that as `password_file`");
    }
    match target.dialect.as_deref() {
        None | Some("postgresql" | "mysql") => {}
        Some(other) => return Err(unknown(text, path, "dialect", other, ["postgresql", "mysql"].into_iter())),
    }
    if let Some(field) = target.account_field.as_deref().filter(|field| field.split('.').any(|part| part.trim().is_empty())) {
        let problem = format!("target {}: account_field = {field:?} is no place in a session", target.name);
        return Err(at(text, path, field, problem, "names with dots between them, from the outside in: account_field = \"auth.user.name\""));
    }
    match target.security.as_deref() {
        None | Some("tls" | "starttls" | "plain") => Ok(()),
        Some(other) => Err(unknown(text, path, "security", other, ["tls", "starttls", "plain"].into_iter())),
    }
}

/// The first field that a target of its kind cannot do without, and what to write there.
fn missing(target: &Target) -> Option<(&'static str, &'static str)> {
    use TargetKind::{ActiveDirectory, Exec, Ldap, Linux, Mysql, Nftables, Pgbouncer, Postgres, Sessions, Web, Webhook};
    let address = (target.address.is_none(), "address", "where it answers: HOST:PORT, the path of a socket, or a URL");
    let account = (target.account.is_none(), "account", "the account that we use there");
    let base = (target.base.is_none(), "base", "where people stand: ou=people,dc=example,dc=org");
    let needed = match target.kind {
        Postgres | Pgbouncer | Mysql => vec![address, account],
        Ldap | ActiveDirectory => vec![address, account, base],
        Webhook => vec![address],
        Sessions => {
            let is_table = target.session_column.is_some();
            let account = (is_table && target.account.is_none(), "account", "the account that we use there");
            let database = (is_table && target.databases.is_empty(), "databases", "the database that has the table of sessions, as a list");
            vec![
                address,
                account,
                database,
                (target.sessions.is_none(), "sessions", "what stands before the id in a key of Redis (`sess:`), or the table (`public.session`)"),
            ]
        }
        Web => vec![(target.folder.is_none() && target.key_file.is_none(), "folder", "the folder of the files that nginx includes: /etc/nginx/strandline")],
        Exec => vec![(target.command.is_empty(), "command", "the program and its arguments, as a list")],
        Nftables | Linux => vec![],
    };
    needed.into_iter().find(|(is_missing, ..)| *is_missing).map(|(_, field, hint)| (field, hint))
}

/// The first field that is of another kind of target: a slip that would be ignored in silence.
fn foreign(target: &Target) -> Option<&'static str> {
    use TargetKind::{ActiveDirectory, Exec, Ldap, Mysql, Postgres, Sessions, Web};
    let kind = target.kind;
    let fields = [
        (target.ssh.is_some() && !kind.is_of_a_machine(), "ssh"),
        (target.identity_file.is_some() && !kind.is_of_a_machine(), "identity_file"),
        (target.address.is_some() && kind.is_of_a_machine(), "address"),
        (!target.databases.is_empty() && !matches!(kind, Postgres | Mysql | Sessions), "databases"),
        (!target.poolers.is_empty() && kind != Postgres, "poolers"),
        (target.folder.is_some() && kind != Web, "folder"),
        (target.config.is_some() && kind != Web, "config"),
        (target.key_file.is_some() && kind != Web, "key_file"),
        (!target.reload.is_empty() && target.key_file.is_none(), "reload"),
        (target.probe.is_some() && kind != Web, "probe"),
        (target.cookie.is_some() && kind != Web, "cookie"),
        (target.sessions.is_some() && kind != Sessions, "sessions"),
        (target.session_column.is_some() && kind != Sessions, "session_column"),
        (target.account_column.is_some() && target.session_column.is_none(), "account_column"),
        (target.account_field.is_some() && (kind != Sessions || target.session_column.is_some()), "account_field"),
        (target.dialect.is_some() && target.session_column.is_none(), "dialect"),
        (target.longest_request_seconds.is_some() && kind != Sessions, "longest_request_seconds"),
        (target.base.is_some() && !matches!(kind, Ldap | ActiveDirectory), "base"),
        (target.name_attribute.is_some() && !matches!(kind, Ldap | ActiveDirectory), "name_attribute"),
        (target.policy.is_some() && kind != Ldap, "policy"),
        (!target.command.is_empty() && kind != Exec, "command"),
    ];
    fields.into_iter().find(|(is_foreign, _)| *is_foreign).map(|(_, field)| field)
}

/// `scheme://user:secret@host`, which would stand in every copy of the file.
fn holds_password(address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split(['/', '?']).next().and_then(|authority| authority.rsplit_once('@')).is_some_and(|(user, _)| user.contains(':'))
}

fn check_breakglass(one: &BreakGlass, estate: &Estate, text: &str, path: &str) -> Result<(), EstateError> {
    if let Some(target) = &one.target
        && !estate.targets.iter().any(|known| known.name == *target)
    {
        return Err(unknown(text, path, "target", target, estate.targets.iter().map(|t| t.name.as_str())));
    }
    if one.account.is_none() && one.address.is_none() {
        return Err(at(text, path, &one.reason, "an entry of [[breakglass]] names nobody".to_owned(), "give it `account` or `address`"));
    }
    match &one.address {
        Some(address) if !is_network(address) => {
            Err(at(text, path, address, format!("{address:?} is no address and no network"), "write 10.0.0.5, 10.0.0.0/24 or 2001:db8::/64"))
        }
        _ => Ok(()),
    }
}

fn check_precut(one: &PreCut, estate: &Estate, text: &str, path: &str) -> Result<(), EstateError> {
    let Some(target) = estate.targets.iter().find(|known| known.name == one.target) else {
        return Err(unknown(text, path, "target", &one.target, estate.targets.iter().map(|t| t.name.as_str())));
    };
    if !matches!(target.kind, TargetKind::Web | TargetKind::Sessions) {
        let problem = format!("[[precut]] names {}, which is of the kind {} and cuts more than a session", one.target, target.kind.as_str());
        return Err(at(text, path, &one.reason, problem, "name a target of the kind web or sessions"));
    }
    if one.approved_by.trim().is_empty() || one.reason.trim().is_empty() {
        return Err(at(
            text,
            path,
            &one.target,
            "an entry of [[precut]] says not who approved it, or not why".to_owned(),
            "give it `approved_by` and `reason`",
        ));
    }
    Ok(())
}

fn is_network(text: &str) -> bool {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length <= longest))
}

#[cfg(test)]
mod tests {
    use crate::read;

    const EXAMPLE: &str = include_str!("../../../examples/prison-service/estate.toml");

    const RIGHT: &str = r#"
[[target]]
name = "hrs-pool"
kind = "pgbouncer"
address = "127.0.0.1:6432"
account = "strandline"

[[target]]
name = "hrs-db"
kind = "postgres"
system = "hrs"
address = "127.0.0.1:5432"
account = "strandline"
password_file = "/etc/strandline/hrs-db.password"
poolers = ["hrs-pool"]

[[target]]
name = "edge"
kind = "web"
ssh = "root@edge:2222"
folder = "/etc/nginx/strandline"

[[breakglass]]
target = "hrs-db"
account = "dba_lok"
address = "10.1.0.0/16"
reason = "the way back in"

[[precut]]
target = "edge"
approved_by = "Head of Operations"
reason = "decision of 2 March: an intruder's session is not waited for"
"#;

    /// The right text with one change: the line of the mistake, and what is said of it.
    fn check(from: &str, to: &str, line_holds: &str, problem: &str, hint: &str) {
        assert!(RIGHT.contains(from), "the text no longer holds what the test changes: {from}");
        let text = format!("{EXAMPLE}{}", RIGHT.replacen(from, to, 1));
        let error = read(&text, "estate.toml").expect_err("a mistake was made");
        assert!(text.lines().nth(error.line.wrapping_sub(1)).unwrap_or("").contains(line_holds), "line {} is wrong: {}", error.line, error.problem);
        assert!(error.problem.contains(problem), "{}", error.problem);
        assert!(error.hint.as_deref().unwrap_or("").contains(hint), "{:?}", error.hint);
    }

    #[test]
    fn targets_are_read() {
        let estate = read(&format!("{EXAMPLE}{RIGHT}"), "estate.toml").expect("right");
        assert_eq!((estate.targets.len(), estate.breakglass.len(), estate.precut.len()), (3, 1, 1));
    }

    #[test]
    fn a_mistake_in_a_target_names_its_line_and_the_way_out() {
        check("target = \"edge\"\napproved", "target = \"hrs-db\"\napproved", "decision of 2 March", "cuts more than a session", "kind web or sessions");
        check("target = \"edge\"\napproved", "target = \"edges\"\napproved", "edges", "edges", "edge");
        check("approved_by = \"Head of Operations\"", "approved_by = \" \"", "edge", "not who approved it", "approved_by");
        check("kind = \"postgres\"", "kind = \"postgresql\"", "postgresql", "unknown variant", "docs/estate.md");
        check("account = \"strandline\"\npassword_file", "password_file", "hrs-db", "needs `account`", "the account");
        check("folder = \"/etc/nginx/strandline\"", "", "edge", "needs `folder`", "/etc/nginx/strandline");
        check("poolers = [\"hrs-pool\"]", "poolers = [\"hrs-pol\"]", "hrs-pol", "no target of kind pgbouncer", "hrs-pool");
        check("system = \"hrs\"", "system = \"hsr\"", "hsr", "no system", "\"hrs\"");
        check("ssh = \"root@edge:2222\"", "address = \"edge:80\"", "edge", "`address` says nothing", "docs/estate.md");
        check("address = \"127.0.0.1:5432\"", "address = \"postgres://me:secret@db:5432\"", "hrs-db", "holds a password", "password_file");
        check("name = \"edge\"", "name = \"hrs-db\"", "hrs-db", "two entries", "another id");
        check("name = \"edge\"", "name = \"the edge\"", "the edge", "its name", "plain name");
        let store = |more: &str| format!("name = \"edge\"\nkind = \"sessions\"\naddress = \"127.0.0.1:5432\"\nsessions = \"public.django_session\"\n{more}");
        let edge = "name = \"edge\"\nkind = \"web\"\nssh = \"root@edge:2222\"\nfolder = \"/etc/nginx/strandline\"\n";
        check(edge, &store("session_column = \"session_key\"\n"), "edge", "needs `account`", "the account");
        check(edge, &store("session_column = \"session_key\"\naccount = \"s\"\n"), "edge", "needs `databases`", "the table of sessions");
        check(edge, &store("dialect = \"mysql\"\n"), "edge", "`dialect` says nothing", "docs/estate.md");
        check(
            edge,
            &store("session_column = \"k\"\naccount = \"s\"\ndatabases = [\"d\"]\naccount_field = \"user\"\n"),
            "edge",
            "`account_field` says nothing",
            "docs/estate.md",
        );
        check(edge, &store("account_field = \"auth..name\"\n"), "auth..name", "no place in a session", "auth.user.name");
        check(edge, &store("session_column = \"k\"\naccount = \"s\"\ndatabases = [\"d\"]\ndialect = \"oracle\"\n"), "oracle", "no dialect", "mysql");
        check("target = \"hrs-db\"\naccount", "target = \"hrs-dv\"\naccount", "hrs-dv", "no target", "hrs-db");
        check("10.1.0.0/16", "10.1.0.0/33", "10.1.0.0/33", "no network", "10.0.0.0/24");
        check("account = \"dba_lok\"\naddress = \"10.1.0.0/16\"\n", "", "the way back in", "names nobody", "`account`");
    }

    #[test]
    fn a_mistake_never_prints_the_password_that_it_is_about() {
        let text = format!("{EXAMPLE}{}", RIGHT.replacen("127.0.0.1:5432", "postgres://me:hunter2@db", 1));
        let error = read(&text, "estate.toml").expect_err("a mistake was made");
        assert!(!format!("{error} {:?}", error.hint).contains("hunter2"));
    }
}
