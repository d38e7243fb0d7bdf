//! Rights on a database or a table: taken from the role for each grantor, and from it alone; the groups that carry them, too.
//!
//! A `REVOKE` by one grantor leaves what another has granted, without a word. So each grant is taken in its grantor's name.
//! What everybody has (`PUBLIC`), and what functions and views of others show, is not the role's to lose: verification names it.

use super::client::{Session, identifier};
use super::{Postgres, Role};
use crate::contain::error::ContainError;
use crate::contain::state::{Held, TargetState};

/// One grant as a name of the state: `SELECT on hr.staff, granted by postgres`.
struct Grant {
    /// What is granted, as it stands in `GRANT … TO`: `SELECT ON TABLE "hr"."staff"`, or a group.
    what: String,
    /// Who granted it.
    grantor: String,
    /// `yes`, `yes, to be granted on` …
    how: String,
}

const PLAIN: &str = "yes";
const WITH_OPTION: &str = "yes, to be granted on";
/// What a membership of version 16 and later begins with.
const OPTIONS: &str = "WITH ADMIN ";
const BY: &str = ", granted by ";

impl Grant {
    fn name(&self) -> String {
        format!("{}{BY}{}", self.what, self.grantor)
    }
}

fn state_of(grants: &[Grant]) -> TargetState {
    grants.iter().fold(TargetState::default(), |state, grant| state.with(grant.name(), Held::text(grant.how.clone())))
}

fn none_of(before: &TargetState) -> TargetState {
    before.0.keys().fold(TargetState::default(), |state, name| state.with(name, Held::Absent))
}

impl Postgres {
    pub(super) fn read_connect(&mut self, role: &Role, database: &str) -> Result<TargetState, ContainError> {
        const GRANTS: &str = "SELECT pg_get_userbyid(a.grantor)::text, a.is_grantable FROM pg_database d, aclexplode(d.datacl) a \
             WHERE d.datname = $1 AND a.privilege_type = 'CONNECT' AND a.grantee = (SELECT oid FROM pg_roles WHERE rolname = $2)";
        let exists = self.session.rows("look for the database", "SELECT 1 FROM pg_database WHERE datname = $1", &[&database])?;
        if exists.is_empty() {
            return Err(ContainError::Absent { target: self.session.target().to_owned(), what: format!("database {database}") });
        }
        let rows = self.session.rows("read rights on the database", GRANTS, &[&database, &role.name])?;
        let what = format!("CONNECT ON DATABASE {}", identifier(database));
        let grants: Vec<Grant> = rows.iter().map(|row| Grant { what: what.clone(), grantor: row.get(0), how: how(row.get(1)) }).collect();
        Ok(state_of(&grants))
    }

    pub(super) fn meant_connect(&mut self, role: &Role, database: &str, before: &TargetState) -> Result<TargetState, ContainError> {
        if before.0.is_empty() {
            let ways = self.ways_to_connect(role, database)?.join(", ");
            return self.no_effect(format!(
                "role {} has no grant of its own on database {database}; it has the right by {ways}: use NOLOGIN or a line of pg_hba.conf",
                role.name
            ));
        }
        Ok(none_of(before))
    }

    pub(super) fn bring_connect(&mut self, role: &Role, database: &str, aim: &TargetState) -> Result<(), ContainError> {
        let now = self.read_connect(role, database)?;
        let commands = changes(&role.name, &now, aim);
        if commands.is_empty() { Ok(()) } else { self.session.run("change rights on the database", &commands) }
    }

    /// How the role has CONNECT beside its own grants.
    pub(super) fn ways_to_connect(&mut self, role: &Role, database: &str) -> Result<Vec<String>, ContainError> {
        const WAYS: &str = "SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END FROM pg_database d, \
             aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE d.datname = $1 AND a.privilege_type = 'CONNECT' ORDER BY 1";
        let rows = self.session.rows("read rights on the database", WAYS, &[&database])?;
        let names = rows.iter().map(|row| row.get::<_, String>(0));
        let mut ways: Vec<String> = names
            .filter(|name| name == "PUBLIC" || role.groups.contains(name))
            .map(|name| if name == "PUBLIC" { name } else { format!("group {name}") })
            .collect();
        if role.is_superuser {
            ways.push("being a superuser".to_owned());
        }
        Ok(ways)
    }

    pub(super) fn read_select(&mut self, role: &Role, database: &str, table: &str) -> Result<TargetState, ContainError> {
        let mut there = self.at(database)?;
        let (schema, name) = schema_and_name(table).ok_or_else(|| no_table(&there, table))?;
        let oid = table_oid(&mut there, schema, name)?.ok_or_else(|| no_table(&there, table))?;
        let written = format!("{}.{}", identifier(schema), identifier(name));
        let mut grants = own_grants(&mut there, &role.name, oid, &written)?;
        grants.extend(carrying_groups(&mut there, role, oid)?);
        Ok(state_of(&grants))
    }

    pub(super) fn meant_select(&mut self, role: &Role, before: &TargetState) -> Result<TargetState, ContainError> {
        if role.is_superuser {
            return self.no_effect(format!("role {} is a superuser, from whom no right can be taken", role.name));
        }
        if before.0.is_empty() {
            return self.no_effect(format!(
                "role {} has no grant of its own and no group to lose there: it owns the table, has the right by PUBLIC, or has none",
                role.name
            ));
        }
        Ok(none_of(before))
    }

    pub(super) fn bring_select(&mut self, role: &Role, database: &str, table: &str, aim: &TargetState) -> Result<(), ContainError> {
        // Groups that were taken carry nothing any more, so that reading again would not find them: what they are is in the aim.
        let mut there = self.at(database)?;
        let now = self.read_select(role, database, table)?;
        let commands = changes(&role.name, &now, aim);
        if commands.is_empty() { Ok(()) } else { there.run("change rights on the table", &commands) }
    }
}

fn how(is_grantable: bool) -> String {
    if is_grantable { WITH_OPTION } else { PLAIN }.to_owned()
}

fn no_table(session: &Session, table: &str) -> ContainError {
    ContainError::Absent { target: session.target().to_owned(), what: format!("table {table} (written schema.table)") }
}

pub(super) fn schema_and_name(table: &str) -> Option<(&str, &str)> {
    table.split_once('.').filter(|(schema, name)| !schema.is_empty() && !name.is_empty())
}

/// The relation's number.
pub(super) fn table_oid(session: &mut Session, schema: &str, name: &str) -> Result<Option<u32>, ContainError> {
    const OID: &str = "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2";
    Ok(session.rows("look for the table", OID, &[&schema, &name])?.first().map(|row| row.get(0)))
}

/// Grants to the role itself, on the table and on its columns, of every grantor.
fn own_grants(session: &mut Session, role: &str, oid: u32, written: &str) -> Result<Vec<Grant>, ContainError> {
    const GRANTS: &str = "SELECT NULL::text, pg_get_userbyid(a.grantor)::text, a.is_grantable FROM pg_class c, aclexplode(c.relacl) a \
         WHERE c.oid = $1 AND a.privilege_type = 'SELECT' AND a.grantee = (SELECT oid FROM pg_roles WHERE rolname = $2) \
         UNION ALL SELECT t.attname::text, pg_get_userbyid(a.grantor)::text, a.is_grantable FROM pg_attribute t, aclexplode(t.attacl) a \
         WHERE t.attrelid = $1 AND NOT t.attisdropped AND a.privilege_type = 'SELECT' AND a.grantee = (SELECT oid FROM pg_roles WHERE rolname = $2)";
    let rows = session.rows("read rights on the table", GRANTS, &[&oid, &role])?;
    let grant = |row: &postgres::Row| {
        let column: Option<String> = row.get(0);
        let what = column.map_or_else(|| format!("SELECT ON TABLE {written}"), |column| format!("SELECT ({}) ON TABLE {written}", identifier(&column)));
        Grant { what, grantor: row.get(1), how: how(row.get(2)) }
    };
    Ok(rows.iter().map(grant).collect())
}

/// Memberships of the role by which it comes to read the table.
fn carrying_groups(session: &mut Session, role: &Role, oid: u32) -> Result<Vec<Grant>, ContainError> {
    const GROUPS: &str = "SELECT g.rolname::text, pg_get_userbyid(m.grantor)::text, m.admin_option FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid \
         WHERE m.member = (SELECT oid FROM pg_roles WHERE rolname = $1) \
         AND EXISTS (SELECT FROM pg_roles u WHERE pg_has_role(g.oid, u.oid, 'MEMBER') AND u.rolname <> $1 AND (u.rolsuper OR u.oid = (SELECT relowner FROM pg_class WHERE oid = $2) OR u.rolname = 'pg_read_all_data' \
         OR EXISTS (SELECT FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = $2 AND a.privilege_type = 'SELECT' AND a.grantee = u.oid) \
         OR EXISTS (SELECT FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = $2 AND a.privilege_type = 'SELECT' AND a.grantee = u.oid)))";
    // From version 16 on a membership says whether it is inherited and whether it can be changed to, each by its grantor.
    let has_options =
        session.rows("read its version", "SELECT current_setting('server_version_num')::int >= 160000", &[])?.first().is_some_and(|row| row.get(0));
    let query = if has_options { GROUPS.replacen("m.admin_option", "m.admin_option, m.inherit_option, m.set_option", 1) } else { GROUPS.to_owned() };
    let rows = session.rows("read its groups", &query, &[&role.name, &oid])?;
    let how_of = |row: &postgres::Row| if has_options { options([row.get(2), row.get(3), row.get(4)]) } else { how(row.get(2)) };
    Ok(rows.iter().map(|row| Grant { what: identifier(&row.get::<_, String>(0)), grantor: row.get(1), how: how_of(row) }).collect())
}

/// A membership of version 16 and later, in the words in which it is granted again.
fn options([admin, inherit, set]: [bool; 3]) -> String {
    let word = |is_so: bool| if is_so { "TRUE" } else { "FALSE" };
    format!("{OPTIONS}{}, INHERIT {}, SET {}", word(admin), word(inherit), word(set))
}

fn is_options(text: &str) -> bool {
    [true, false].iter().any(|a| [true, false].iter().any(|b| [true, false].iter().any(|c| text == options([*a, *b, *c]))))
}

/// The commands from now to the aim, each in the name of its grantor, all or none.
fn changes(role: &str, now: &TargetState, aim: &TargetState) -> String {
    let mut commands = Vec::new();
    for (name, aimed) in &aim.0 {
        let Some((what, grantor)) = name.rsplit_once(BY) else { continue };
        let is_group = !what.starts_with("SELECT ") && !what.starts_with("CONNECT ");
        let to = identifier(role);
        let command = match (now.held(name).expose(), aimed.expose()) {
            (had, wanted) if had == wanted => continue,
            (Some(had), None) if had.starts_with(OPTIONS) => format!("REVOKE {what} FROM {to} GRANTED BY {}", identifier(grantor)),
            (_, None) => format!("REVOKE {what} FROM {to}"),
            // Only our own words: the case is a file that somebody could have changed.
            (_, Some(wanted)) if is_group && is_options(wanted) => format!("GRANT {what} TO {to} {wanted} GRANTED BY {}", identifier(grantor)),
            (_, Some(wanted)) => {
                let option = match (wanted == WITH_OPTION, is_group) {
                    (false, _) => "",
                    (true, true) => " WITH ADMIN OPTION",
                    (true, false) => " WITH GRANT OPTION",
                };
                format!("GRANT {what} TO {to}{option}")
            }
        };
        // Memberships know no grantor that could be chosen by standing in his place; they take his name.
        commands.push(if is_group { command } else { format!("SET LOCAL ROLE {}; {command}; RESET ROLE", identifier(grantor)) });
    }
    if commands.is_empty() { String::new() } else { format!("BEGIN; SET LOCAL search_path = pg_catalog; {}; COMMIT", commands.join("; ")) }
}

/// Whether the text stands in a source as a word, whatever its case: a body that builds the name is not found, and is named as unsure.
pub(super) fn mentions(source: &str, word: &str) -> bool {
    source.to_lowercase().split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|found| found == word.to_lowercase())
}
