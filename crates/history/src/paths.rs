//! Along which schemas a session looks for a bare name, and in which zone it works: what it set itself, else what its role or its
//! database is given, else the database's own. Before its own list of schemas stands the one that is called like its user.
//!
//! PostgreSQL 18, 5.10.3 (The Schema Search Path), and ALTER ROLE for what is given.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strandline_sql::{Dialect, SessionState, Setting, Zone};

use crate::store::{StoredDatabase, StoredSetting};

/// The name in a search path for the schema that is called like whom the session works as.
const OWN_SCHEMA: &str = "$user";

/// What tells the search paths of a database's sessions.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    database: String,
    settings: Vec<StoredSetting>,
    /// Schemas that stand before the database's own list for whoever is called like them: those that hold anything, where that list is
    /// what PostgreSQL has where nobody set it.
    own: BTreeSet<String>,
    /// Whether one of these is called like a role that owns something, so that it counts whose session it is.
    is_of_a_role: bool,
    /// Schemas that the log makes or puts something into and the snapshot does not have, where that is so: from when on is not asked.
    made: BTreeSet<String>,
}

/// Where a session looks for a bare name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Path {
    /// Along the database's own list.
    Own,
    /// Along these.
    Along(Vec<String>),
    /// Nobody knows.
    Lost,
}

impl Paths {
    /// Those of a database, as its snapshots have it, where the log names these schemas in what it makes.
    pub fn of(stored: &StoredDatabase, made: &BTreeSet<String>) -> Self {
        let database = stored.name.clone();
        if stored.dialect != Dialect::PostgreSql {
            return Self { database, settings: stored.described.settings.clone(), ..Self::default() };
        }
        let schemas = stored.tables.iter().map(|table| &table.schema).chain(stored.views.iter().map(|view| &view.schema));
        let is_default = stored.search_path.iter().map(String::as_str).eq(["public"]);
        let own: BTreeSet<String> = schemas.filter(|schema| is_default && *schema != "public").cloned().collect();
        let is_of_a_role = stored.tables.iter().filter_map(|table| table.owner.as_ref()).any(|owner| own.contains(owner));
        let made = made.iter().filter(|schema| is_default && *schema != "public" && !own.contains(*schema)).cloned().collect();
        Self { database, settings: stored.described.settings.clone(), own, is_of_a_role, made }
    }

    /// Whether sessions that set nothing may look elsewhere than along the database's own list.
    pub fn may_differ(&self) -> bool {
        !self.own.is_empty() || !self.made.is_empty() || self.settings.iter().any(|setting| setting.name == "search_path")
    }

    /// What sessions of a role are given: the role in this database first, then the role, then the database.
    pub fn given(&self, name: &str, role: Option<&str>) -> Option<&str> {
        let rank = |setting: &&StoredSetting| {
            let here = setting.database.as_deref().is_none_or(|database| database == self.database);
            let own = setting.role.as_deref().is_none_or(|named| role == Some(named));
            (here && own && setting.name == name).then_some((setting.role.is_some(), setting.database.is_some()))
        };
        let best = self.settings.iter().filter(|setting| rank(setting).is_some()).max_by_key(rank)?;
        Some(best.value.as_str())
    }

    /// Roles that are given a setting of their own.
    pub fn roles_given(&self, name: &str) -> BTreeSet<&str> {
        self.settings.iter().filter(|setting| setting.name == name).filter_map(|setting| setting.role.as_deref()).collect()
    }

    /// The path of a session of PostgreSQL: who signed in, and what it set.
    pub fn of_session(&self, role: Option<&str>, state: Option<&SessionState>) -> Path {
        let user = user(role, state);
        let list = match state.map_or(Setting::Default, SessionState::search_path) {
            Setting::Unknown => return Path::Lost,
            Setting::Is(list) => list,
            Setting::Default => match (self.given("search_path", role), &user) {
                (Some(list), _) => schemas(list),
                (None, Some(user)) if self.made.contains(user) => return Path::Lost,
                (None, Some(user)) if self.own.contains(user) => vec![OWN_SCHEMA.to_owned(), "public".to_owned()],
                (None, None) if self.is_of_a_role => return Path::Lost,
                (None, _) => return Path::Own,
            },
        };
        if user.is_none() && list.iter().any(|name| name == OWN_SCHEMA) && (state.is_some() || self.is_of_a_role) {
            return Path::Lost;
        }
        Path::Along(list.into_iter().filter_map(|name| if name == OWN_SCHEMA { user.clone() } else { Some(name) }).collect())
    }
}

/// In which zones sessions work that set none.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    /// Those of whoever is given none of his own; `None` where it is not known.
    everybodys: Option<Zone>,
    /// Those of roles that are.
    of_roles: Arc<BTreeMap<String, Option<Zone>>>,
}

impl Zones {
    /// Everybody's, and those of some roles; `None` where one is not known.
    pub fn new(everybodys: Option<Zone>, of_roles: BTreeMap<String, Option<Zone>>) -> Self {
        Self { everybodys, of_roles: Arc::new(of_roles) }
    }

    /// The zone of a role. Where nobody knows whose session it is, it may be any of them.
    pub(crate) fn of(&self, role: Option<&str>) -> Option<Zone> {
        match role {
            None if !self.of_roles.is_empty() => None,
            role => role.and_then(|role| self.of_roles.get(role)).unwrap_or(&self.everybodys).clone(),
        }
    }
}

/// Whom a session works as, which need not be who signed in.
pub fn user(role: Option<&str>, state: Option<&SessionState>) -> Option<String> {
    match state.map_or(Setting::Default, SessionState::role) {
        Setting::Is(role) => role.into_iter().next(),
        Setting::Default => role.map(str::to_owned),
        Setting::Unknown => None,
    }
}

/// The schemas of a list, as a setting of a dump holds them.
fn schemas(list: &str) -> Vec<String> {
    list.split(',').map(|name| name.trim().trim_matches(['"', '\'']).to_owned()).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoredTable;

    fn paths(settings: &[(Option<&str>, &str)], own: &[&str]) -> Paths {
        let mut stored = StoredDatabase::new("d", "d", Dialect::PostgreSql, &["public".to_owned()]);
        for schema in own.iter().chain(&["public"]) {
            let mut table = StoredTable::new((*schema).to_owned(), "person".to_owned(), Vec::new());
            table.owner = Some("clerk".to_owned());
            stored.add_table(table);
        }
        let setting = |(role, value): &(Option<&str>, &str)| StoredSetting {
            role: role.map(str::to_owned),
            database: None,
            name: "search_path".to_owned(),
            value: (*value).to_owned(),
        };
        stored.described.settings = settings.iter().map(setting).collect();
        Paths::of(&stored, &BTreeSet::from(["later".to_owned()]))
    }

    fn check(paths: &Paths, role: Option<&str>, statements: &[&str], expected: &[&str]) {
        let mut state = SessionState::new(Dialect::PostgreSql);
        statements.iter().for_each(|sql| state.take(strandline_sql::Ran::plain(sql, 0)));
        let state = (!statements.is_empty()).then_some(&state);
        let expected = match expected {
            ["own"] => Path::Own,
            ["lost"] => Path::Lost,
            list => Path::Along(list.iter().map(|name| (*name).to_owned()).collect()),
        };
        assert_eq!(paths.of_session(role, state), expected, "{role:?} {statements:?}");
    }

    #[test]
    fn the_schema_of_the_user_stands_before_the_list_that_nobody_set() {
        let found = paths(&[], &["clerk", "hr"]);
        check(&found, Some("clerk"), &[], &["clerk", "public"]);
        check(&found, Some("hr"), &[], &["hr", "public"]);
        check(&found, Some("boss"), &[], &["own"]);
        check(&found, Some("boss"), &["SET ROLE clerk"], &["clerk", "public"]);
        check(&found, Some("clerk"), &["SET search_path = hr"], &["hr"]);
        check(&found, Some("clerk"), &["SET search_path = hr", "RESET ALL"], &["clerk", "public"]);
        check(&found, None, &[], &["lost"]);
        // The log makes its schema: from when on it was there is not asked.
        check(&found, Some("later"), &[], &["lost"]);
        check(&found, Some("later"), &["SET search_path = hr"], &["hr"]);
        check(&paths(&[], &["hr"]), None, &[], &["own"]);
    }

    #[test]
    fn a_role_goes_before_its_database() {
        let found = paths(&[(None, "hr, public"), (Some("clerk"), "\"$user\", desk")], &["hr"]);
        check(&found, Some("clerk"), &[], &["clerk", "desk"]);
        check(&found, Some("hr"), &[], &["hr", "public"]);
        check(&found, None, &[], &["hr", "public"]);
    }
}
