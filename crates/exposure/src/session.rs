//! In which state of its session a statement ran: where its names are looked for, in which zone its times are read, how its
//! text is cut. From the session's own statements in the log, else from what the dump gives to its role and its database,
//! else from the estate. What is not known is said to be so.

use strandline_history::paths::{Path, Paths, Zones, user};
use strandline_sql::{Dialect, SessionState, Setting, Zone};

/// The least that MySQL takes for `group_concat_max_len`.
const LEAST_JOINED_BYTES: u64 = 4;

/// What a replay needs of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Session {
    /// Schemas that are searched for a bare name, where they are not the database's.
    pub(crate) search_path: Option<Vec<String>>,
    /// The role as which it works, where any table's rows hang on that.
    pub(crate) role: Option<String>,
    /// The zone of its times; `None` where it is not known.
    pub(crate) zone: Option<String>,
    /// Whether `||` joins texts in MySQL.
    pub(crate) pipes_join: bool,
    /// Bytes after which MySQL cuts a joined text, where the session set it.
    pub(crate) joined_bytes: Option<u64>,
}

/// What a database gives to its sessions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Givens {
    pub(crate) dialect: Option<Dialect>,
    /// The database's name at the server.
    pub(crate) database: String,
    /// Where sessions look for names, and what else roles and databases are given.
    pub(crate) paths: Paths,
    /// The zone that the estate says.
    pub(crate) zone: Option<String>,
    /// Whether policies decide which rows of a table a role sees.
    pub(crate) has_policies: bool,
}

/// A session, and what keeps its statements from being read for sure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) session: Session,
    /// A setting under which statements may mean something else, by its name.
    pub(crate) odd: Option<String>,
    /// Whether its names cannot be looked up: the search path is not known.
    pub(crate) is_lost: bool,
    /// Whether it limits the rows of every query.
    pub(crate) limits_rows: bool,
}

impl Givens {
    /// The session of a role, as its own statements have set it.
    pub(crate) fn standing(&self, role: Option<&str>, state: Option<&SessionState>) -> Standing {
        let setting = |of: &dyn Fn(&SessionState) -> Setting| state.map_or(Setting::Default, of);
        let path = if self.dialect == Some(Dialect::MySql) { self.used(setting(&SessionState::database)) } else { self.paths.of_session(role, state) };
        let user = user(role, state);
        let is_lost = path == Path::Lost;
        let search_path = if let Path::Along(list) = path { Some(list) } else { None };
        let zone = match setting(&SessionState::time_zone) {
            Setting::Is(zone) if !zone.iter().any(|zone| zone.eq_ignore_ascii_case("system") || zone.eq_ignore_ascii_case("local")) => zone.into_iter().next(),
            Setting::Unknown => None,
            _ => self.paths.given("timezone", role).map(str::to_owned).or_else(|| self.zone.as_deref().map(|zone| self.as_setting(zone))),
        };
        let odd = state.and_then(SessionState::odd_setting).map(str::to_owned);
        let pipes_join = state.and_then(SessionState::pipes_join).unwrap_or(false);
        // What is not known may be the least that the server takes.
        let joined_bytes = match setting(&|state| state.setting("group_concat_max_len")) {
            Setting::Default => None,
            Setting::Is(bytes) => Some(bytes.first().and_then(|bytes| bytes.parse().ok()).unwrap_or(LEAST_JOINED_BYTES)),
            Setting::Unknown => Some(LEAST_JOINED_BYTES),
        };
        let role = user.filter(|_| self.has_policies);
        let session = Session { search_path, role, zone, pipes_join, joined_bytes };
        Standing { session, odd, is_lost, limits_rows: state.is_some_and(SessionState::limits_rows) }
    }

    /// The zones of sessions that set none: everybody's, and those of roles that are given one.
    pub(crate) fn zones(&self) -> Zones {
        let zone_of = |role: Option<&str>| Zone::named(&self.standing(role, None).session.zone?, self.dialect?);
        let of_roles = self.paths.roles_given("timezone").into_iter().map(|role| (role.to_owned(), zone_of(Some(role)))).collect();
        Zones::new(zone_of(None), of_roles)
    }

    /// The estate's zone as the database's setting writes it: the estate counts `+08:00` to the east, and PostgreSQL such a name to the west.
    fn as_setting(&self, zone: &str) -> String {
        let turned = match (self.dialect, zone.strip_prefix('+'), zone.strip_prefix('-')) {
            (Some(Dialect::MySql), ..) => None,
            (_, Some(rest), _) => Some(format!("-{rest}")),
            (_, _, Some(rest)) => Some(format!("+{rest}")),
            _ => None,
        };
        turned.filter(|zone| zone.contains(':')).unwrap_or_else(|| zone.to_owned())
    }

    /// Where a session of MySQL looks for tables: in what it named with `USE`. The database itself is kept under the estate's name for it.
    fn used(&self, database: Setting) -> Path {
        match database {
            Setting::Default => Path::Own,
            Setting::Unknown => Path::Lost,
            Setting::Is(list) if list.first().is_some_and(|name| name.eq_ignore_ascii_case(&self.database)) => Path::Own,
            Setting::Is(list) => Path::Along(list),
        }
    }
}

#[cfg(test)]
mod tests {
    use strandline_history::store::{StoredDatabase, StoredSetting};

    use super::*;

    fn check(statements: &[&str], role: Option<&str>, path: Option<&[&str]>, zone: Option<&str>) {
        let given = |role: Option<&str>, database: Option<&str>, name: &str, value: &str| StoredSetting {
            role: role.map(str::to_owned),
            database: database.map(str::to_owned),
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let settings = vec![
            given(None, Some("d"), "search_path", "hr, public"),
            given(Some("clerk"), None, "search_path", "desk"),
            given(None, Some("other"), "timezone", "Asia/Tokyo"),
            given(Some("clerk"), Some("d"), "timezone", "Asia/Hong_Kong"),
        ];
        let mut stored = StoredDatabase::new("d", "d", Dialect::PostgreSql, &["public".to_owned()]);
        stored.described.settings = settings;
        let (database, paths) = ("d".to_owned(), Paths::of(&stored, &std::collections::BTreeSet::new()));
        let givens = Givens { dialect: Some(Dialect::PostgreSql), database, paths, zone: Some("UTC".to_owned()), has_policies: false };
        let mut state = SessionState::new(Dialect::PostgreSql);
        statements.iter().for_each(|sql| state.take(strandline_sql::Ran::plain(sql, 0)));
        let Session { search_path, zone: found, .. } = givens.standing(role, Some(&state)).session;
        assert_eq!(search_path, path.map(|path| path.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()));
        assert_eq!(found.as_deref(), zone);
    }

    #[test]
    fn what_the_session_sets_goes_before_what_it_is_given() {
        check(&[], None, Some(&["hr", "public"]), Some("UTC"));
        check(&[], Some("clerk"), Some(&["desk"]), Some("Asia/Hong_Kong"));
        check(&["SET search_path = other, \"$user\"", "SET TIME ZONE 'Europe/Oslo'"], Some("clerk"), Some(&["other", "clerk"]), Some("Europe/Oslo"));
        check(&["SET timezone = DEFAULT"], None, Some(&["hr", "public"]), Some("UTC"));
    }

    #[test]
    fn the_user_of_a_search_path_is_whom_the_session_works_as() {
        let path = "SET search_path = \"$user\", hr";
        let check = |statements: &[&str], expected: &[&str]| {
            check(&[&[path], statements].concat(), Some("clerk"), Some(expected), Some("Asia/Hong_Kong"));
        };
        check(&[], &["clerk", "hr"]);
        check(&["SET ROLE boss"], &["boss", "hr"]);
        check(&["SET SESSION AUTHORIZATION boss"], &["boss", "hr"]);
        check(&["SET ROLE boss", "RESET ROLE"], &["clerk", "hr"]);
        check(&["SET ROLE boss", "SET ROLE NONE"], &["clerk", "hr"]);
        let mut state = SessionState::new(Dialect::PostgreSql);
        [path, "SELECT set_config('role', name, false) FROM t"].iter().for_each(|sql| state.take(strandline_sql::Ran::plain(sql, 0)));
        assert!(Givens { dialect: Some(Dialect::PostgreSql), ..Givens::default() }.standing(Some("clerk"), Some(&state)).is_lost);
    }

    #[test]
    fn the_zone_of_the_estate_counts_to_the_east() {
        let check = |dialect, zone: &str, expected: &str| {
            let givens = Givens { dialect: Some(dialect), zone: Some(zone.to_owned()), ..Givens::default() };
            assert_eq!(givens.standing(None, None).session.zone.as_deref(), Some(expected), "{zone}");
        };
        check(Dialect::PostgreSql, "+08:00", "-08:00");
        check(Dialect::PostgreSql, "-05:30", "+05:30");
        check(Dialect::PostgreSql, "Asia/Hong_Kong", "Asia/Hong_Kong");
        check(Dialect::MySql, "+08:00", "+08:00");
    }
}
