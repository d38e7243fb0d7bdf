//! In which state of its session a statement ran: where its names are looked for, in which zone its times are read, how its
//! text is cut. From the session's own statements in the log, else from what the dump gives to its role and its database,
//! else from the estate. What is not known is said to be so.

use strandline_history::store::StoredSetting;
use strandline_sql::{Dialect, SessionState, Setting};

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
    /// Settings of roles and databases, of the dumps.
    pub(crate) settings: Vec<StoredSetting>,
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
        let path = match self.dialect {
            Some(Dialect::MySql) => setting(&SessionState::database),
            _ => setting(&SessionState::search_path),
        };
        let path = if path == Setting::Default { self.given("search_path", role).map_or(path, |list| Setting::Is(schemas(&list))) } else { path };
        // `$user` is whom the session works as, not who signed in.
        let user = match setting(&SessionState::role) {
            Setting::Is(role) => role.into_iter().next(),
            Setting::Default => role.map(str::to_owned),
            Setting::Unknown => None,
        };
        let is_user_lost = user.is_none() && matches!(&path, Setting::Is(list) if list.iter().any(|name| name == "$user")) && state.is_some();
        let search_path = match &path {
            Setting::Is(list) if !self.is_own(list) => {
                Some(list.iter().filter_map(|name| if name == "$user" { user.clone() } else { Some(name.clone()) }).collect())
            }
            _ => None,
        };
        let zone = match setting(&SessionState::time_zone) {
            Setting::Is(zone) if !zone.iter().any(|zone| zone.eq_ignore_ascii_case("system") || zone.eq_ignore_ascii_case("local")) => zone.into_iter().next(),
            Setting::Unknown => None,
            _ => self.given("timezone", role).or_else(|| self.zone.as_deref().map(|zone| self.as_setting(zone))),
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
        Standing { session, odd, is_lost: path == Setting::Unknown || is_user_lost, limits_rows: state.is_some_and(SessionState::limits_rows) }
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

    /// Whether `USE` names the database itself, under whose name the estate keeps the tables as it likes.
    fn is_own(&self, list: &[String]) -> bool {
        self.dialect == Some(Dialect::MySql) && list.first().is_some_and(|name| name.eq_ignore_ascii_case(&self.database))
    }

    /// What the role and the database are given: the role in this database first, then the role, then the database.
    fn given(&self, name: &str, role: Option<&str>) -> Option<String> {
        let rank = |setting: &&StoredSetting| {
            let here = setting.database.as_deref().is_none_or(|database| database == self.database);
            let own = setting.role.as_deref().is_none_or(|named| role == Some(named));
            (here && own && setting.name == name).then_some((setting.role.is_some(), setting.database.is_some()))
        };
        let best = self.settings.iter().filter(|setting| rank(setting).is_some()).max_by_key(rank)?;
        Some(best.value.clone())
    }
}

/// The schemas of a list, as a setting of a dump holds them.
fn schemas(list: &str) -> Vec<String> {
    list.split(',').map(|name| name.trim().trim_matches('"').to_owned()).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
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
        let givens = Givens { dialect: Some(Dialect::PostgreSql), database: "d".to_owned(), settings, zone: Some("UTC".to_owned()), has_policies: false };
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
