//! Every door of a role, tried or looked at: what is still in, the pooler, lines that ask for no password, other ways to a right.

use std::collections::BTreeSet;
use std::net::IpAddr;

use strandline_model::containment::Effect;

use super::client::{Refusal, Who, addresses, sign_in};
use super::hba::{LOCAL, Met, REPLICATION, Tls};
use super::rights::{mentions, schema_and_name, table_oid};
use super::sessions::AGAIN_AFTER;
use super::startup::{Greeting, greet};
use super::{PORT, Pgbouncer, Postgres, Role};
use crate::contain::Verdict;
use crate::contain::error::ContainError;
use crate::contain::state::TargetState;

/// Methods that look at a stored password, and so at its end and at whether it is another.
const BY_PASSWORD: [&str; 3] = ["scram-sha-256", "md5", "password"];

impl Postgres {
    /// Tries what an effect is to shut.
    pub(super) fn try_doors(&mut self, effect: &Effect, before: &TargetState) -> Result<Verdict, ContainError> {
        let Some(name) = super::role_of(effect) else { return self.cannot() };
        let role = self.role(name)?;
        let mut verdict = Verdict::default();
        match effect {
            Effect::PostgresTerminate { address, .. } => self.nobody_is_in(&role, address.as_deref(), &mut verdict)?,
            Effect::PostgresHbaReject { address, .. } => {
                self.nobody_is_in(&role, Some(address), &mut verdict)?;
                self.try_line(&role, address, &mut verdict)?;
            }
            Effect::PostgresRevokeConnect { database, .. } => {
                self.nobody_is_in(&role, None, &mut verdict)?;
                self.try_connect(&role, database, &mut verdict)?;
                self.try_copies(&role, &mut verdict)?;
            }
            Effect::PostgresRevokeSelect { database, table, .. } => {
                self.try_select(&role, database, table, &mut verdict)?;
                self.try_copies(&role, &mut verdict)?;
            }
            _ => {
                self.nobody_is_in(&role, None, &mut verdict)?;
                self.try_login(effect, &role, before, &mut verdict)?;
            }
        }
        // A pooler comes from its own address, so that a line for another one does not concern it.
        if !matches!(effect, Effect::PostgresRevokeSelect { .. } | Effect::PostgresTerminate { .. }) {
            self.try_poolers(&role, &mut verdict);
        }
        Ok(verdict)
    }

    /// Looked at twice: what a pool opens again comes in between.
    fn nobody_is_in(&mut self, role: &Role, address: Option<&str>, verdict: &mut Verdict) -> Result<(), ContainError> {
        let first = self.live(&role.name, address)?;
        std::thread::sleep(AGAIN_AFTER);
        let again = self.live(&role.name, address)?;
        if !self.sees(&role.name)? {
            verdict.untested.push(blind(role));
        } else if first.is_empty() && again.is_empty() {
            verdict.held.push(format!("role {} has no connection, looked at twice", role.name));
        }
        let mut seen = BTreeSet::new();
        for live in first.iter().chain(&again).filter(|live| seen.insert(live.pid)) {
            verdict.doors.push(format!("a connection of role {} from {} is open since {} (pid {})", role.name, live.from, live.since, live.pid));
        }
        Ok(())
    }

    fn try_login(&mut self, effect: &Effect, role: &Role, before: &TargetState, verdict: &mut Verdict) -> Result<(), ContainError> {
        let shut = match effect {
            Effect::PostgresRoleNoLogin { .. } => !role.can_log_in,
            Effect::PostgresConnectionLimit { .. } => role.connection_limit == 0 && !role.is_superuser,
            _ => true,
        };
        if matches!(effect, Effect::PostgresConnectionLimit { .. }) && !self.lines_for_copies(role)?.is_empty() {
            verdict.untested.push(format!("role {} may copy the whole server (replication), and not every version counts that as a connection", role.name));
        }
        verdict.note(shut, format!("the catalogue shuts role {} out", role.name), format!("the catalogue lets role {} in", role.name));
        if matches!(effect, Effect::PostgresRoleExpired { .. } | Effect::PostgresPassword { .. }) {
            self.lines_without_password(role, verdict)?;
        }
        let members = self.session_members(&role.name)?;
        if !members.is_empty() {
            verdict.remarks.push(format!("by SET ROLE these become role {}: {}", role.name, members.join(", ")));
        }
        let had_none = matches!(effect, Effect::PostgresPassword { .. }) && before.0.values().all(|held| held.expose().is_none());
        if had_none {
            verdict.held.push(format!("role {} had no password that could be known", role.name));
            return Ok(());
        }
        self.try_key(effect, role, verdict);
        Ok(())
    }

    /// The intruder's own way, where somebody gave the role's secret for it.
    fn try_key(&self, effect: &Effect, role: &Role, verdict: &mut Verdict) {
        let Some(key) = self.manner.key(self.session.target(), &role.name) else {
            let why = format!("role {}'s own password was not given, and with a wrong one the server answers as it always did", role.name);
            verdict.untested.push(why);
            return;
        };
        let database = self.reach.target.databases.first().map_or("postgres", String::as_str);
        let who = Who { account: &role.name, password: Some(key.expose_secret()) };
        match sign_in(&self.reach, &who, database, self.manner.patience, PORT) {
            Ok(_) => verdict.doors.push(format!("role {} signs in with the password that was given", role.name)),
            Err(Refusal::Said { code, .. }) if code == "28P01" && !matches!(effect, Effect::PostgresPassword { .. } | Effect::PostgresRoleExpired { .. }) => {
                verdict.untested.push(format!("the password that was given for role {} is not its password", role.name));
            }
            Err(Refusal::Said { code, .. }) if ["28P01", "28000", "53300", "42501"].contains(&code.as_str()) => {
                verdict.held.push(format!("role {} was tried with its password and refused ({code})", role.name));
            }
            Err(Refusal::Said { code, .. }) => verdict.untested.push(format!("the trial ended for another reason ({code})")),
            Err(Refusal::Other(error)) => verdict.untested.push(format!("the trial did not reach the server: {error}")),
        }
    }

    /// Lines that let the role in by other than a stored password; none below one that settles everything of its kind.
    fn lines_without_password(&mut self, role: &Role, verdict: &mut Verdict) -> Result<(), ContainError> {
        let rules = self.hba_rules()?;
        let (mut local_is_settled, mut host_is_settled) = (false, false);
        for rule in &rules {
            let is_local = rule.kind == "local";
            // What settles every database settles no copy of the server.
            let is_for_copies = role.can_replicate && rule.databases.iter().any(|word| word == REPLICATION);
            if !is_for_copies && if is_local { local_is_settled } else { host_is_settled } {
                continue;
            }
            if !rule.names(role) {
                continue;
            }
            let named = !rule.roles.iter().any(|word| word.starts_with('/'));
            if rule.method != "reject" && !BY_PASSWORD.contains(&rule.method.as_str()) {
                verdict.doors.push(format!("{} lets role {} in without its password ({})", rule.place, role.name, rule.method));
            }
            let is_for_all = named && rule.databases.iter().any(|word| word == "all") && matches!(rule.address.as_deref(), None | Some("all"));
            local_is_settled |= is_for_all && is_local;
            host_is_settled |= is_for_all && rule.kind == "host";
        }
        Ok(())
    }

    fn try_line(&mut self, role: &Role, address: &str, verdict: &mut Verdict) -> Result<(), ContainError> {
        if !self.is_loaded()? {
            verdict.doors.push("pg_hba.conf is not loaded as it stands: the old rules are in force".to_owned());
        }
        let from: Option<IpAddr> = crate::contain::guard::Network::read(address).map(|network| network.address);
        let copies = role.can_replicate.then_some(None);
        let databases: Vec<Option<String>> = self.databases()?.into_iter().map(Some).chain(copies).collect();
        for database in &databases {
            for tls in [Tls::Off, Tls::On] {
                if address == LOCAL && tls == Tls::On {
                    continue;
                }
                let met = self.meets(role, database.as_deref(), from, tls)?;
                let is_shut = matches!(&met, Met::Nothing) || matches!(&met, Met::Line { method, .. } if method == "reject");
                if !is_shut {
                    let where_ = database.as_ref().map_or_else(|| "for a copy of the server (replication)".to_owned(), |name| format!("at database {name}"));
                    verdict.doors.push(format!("role {} from {address} meets another line of pg_hba.conf first {where_}: {met:?}", role.name));
                }
            }
        }
        if address != LOCAL {
            verdict.remarks.push("connections by the Unix socket of the machine itself meet other lines".to_owned());
        }
        self.try_greeting(role, address, from, verdict)
    }

    /// The door without a key: a rejected role is told so before it is asked for anything.
    fn try_greeting(&mut self, role: &Role, address: &str, from: Option<IpAddr>, verdict: &mut Verdict) -> Result<(), ContainError> {
        let to = addresses(&self.reach, PORT)?;
        let database = self.databases()?.into_iter().next().unwrap_or_else(|| "postgres".to_owned());
        for database in std::iter::once(Some(database.as_str())).chain(role.can_replicate.then_some(None)) {
            let how = if database.is_some() { "" } else { ", to copy the server," };
            let tried = to.first().map(|to| greet(*to, from, &role.name, database, self.manner.patience));
            match tried {
                Some(Ok(Greeting::Refuses { code })) if code == "28000" => {
                    verdict.held.push(format!("role {} was tried from {address}{how} and rejected", role.name));
                }
                Some(Ok(greeting)) => verdict.doors.push(format!("role {} from {address}{how} is not rejected: {greeting:?}", role.name)),
                Some(Err(_)) | None => verdict
                    .untested
                    .push(format!("nobody can try it from {address}: that is not an address of this machine, or the server is not reached by TCP from here")),
            }
        }
        Ok(())
    }

    /// A role that may copy the whole server reads all tables without a right on any.
    fn try_copies(&mut self, role: &Role, verdict: &mut Verdict) -> Result<(), ContainError> {
        for line in self.lines_for_copies(role)? {
            verdict.doors.push(format!("role {} may copy the whole server (replication), for which it needs no right: {line} lets it in", role.name));
        }
        Ok(())
    }

    fn try_connect(&mut self, role: &Role, database: &str, verdict: &mut Verdict) -> Result<(), ContainError> {
        let rows =
            self.session.rows("read rights on the database", "SELECT has_database_privilege($1::name, $2::text, 'CONNECT')", &[&role.name, &database])?;
        let still: bool = rows.first().is_some_and(|row| row.get(0));
        if still {
            let ways = self.ways_to_connect(role, database)?.join(", ");
            verdict.doors.push(format!("role {} still may connect to database {database}, by {ways}", role.name));
        } else {
            verdict.held.push(format!("role {} may not connect to database {database}", role.name));
        }
        Ok(())
    }

    fn try_select(&mut self, role: &Role, database: &str, table: &str, verdict: &mut Verdict) -> Result<(), ContainError> {
        let mut there = self.at(database)?;
        let (schema, name) = schema_and_name(table).unwrap_or(("", table));
        let Some(oid) = table_oid(&mut there, schema, name)? else {
            verdict.held.push(format!("there is no table {table} any more"));
            return Ok(());
        };
        const STILL: &str = "SELECT has_table_privilege($1::name, $2::oid, 'SELECT') OR has_any_column_privilege($1::name, $2::oid, 'SELECT')";
        let still: bool = there.rows("read rights on the table", STILL, &[&role.name, &oid])?.first().is_some_and(|row| row.get(0));
        if still {
            const WAYS: &str = "SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END FROM pg_class c, \
                 aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a WHERE c.oid = $1 AND a.privilege_type = 'SELECT' \
                 AND (a.grantee = 0 OR pg_has_role($2::name, a.grantee, 'MEMBER'))";
            let ways: Vec<String> = there.rows("read rights on the table", WAYS, &[&oid, &role.name])?.iter().map(|row| row.get(0)).collect();
            verdict.doors.push(format!("role {} still may read {table}, by {}", role.name, ways.join(", ")));
        } else {
            verdict.held.push(format!("role {} may not read {table}", role.name));
        }
        self.try_set_role(&mut there, role, oid, table, verdict)?;
        for relation in views_of(&mut there, &role.name, oid)? {
            verdict.doors.push(format!("role {} reads rows of {table} by {relation}", role.name));
        }
        let (sure, unsure) = definers(&mut there, &role.name, oid, name)?;
        verdict.doors.extend(sure.into_iter().map(|function| format!("role {} may call {function}, which runs as its owner and names {name}", role.name)));
        verdict
            .untested
            .extend(unsure.into_iter().map(|function| format!("{function} runs as an owner who may read {table}; whether it does cannot be read off it")));
        let open = self.live(&role.name, None)?.len();
        if !self.sees(&role.name)? {
            verdict.untested.push(blind(role));
        }
        if open > 0 {
            verdict.doors.push(format!("{open} connections of role {} are open: a cursor opened before reads on; end them", role.name));
        }
        Ok(())
    }

    /// What the role may become by `SET ROLE`, or give itself: what a group may that it does not inherit, however long the chain; a
    /// superuser among them may all.
    fn try_set_role(&mut self, there: &mut super::Session, role: &Role, oid: u32, table: &str, verdict: &mut Verdict) -> Result<(), ContainError> {
        const BY_SET_ROLE: &str = "SELECT u.rolname::text, u.rolsuper FROM pg_roles u WHERE u.rolname <> $1 AND pg_has_role($1::name, u.oid, 'MEMBER') \
             AND (has_table_privilege(u.oid, $2::oid, 'SELECT') OR has_any_column_privilege(u.oid, $2::oid, 'SELECT')) ORDER BY 1";
        for row in &there.rows("read its groups", BY_SET_ROLE, &[&role.name, &oid])? {
            let what = if row.get(1) { ", a superuser" } else { "" };
            verdict.doors.push(format!("role {} may read {table} after SET ROLE {}{what}", role.name, row.get::<_, String>(0)));
        }
        // Before version 16 CREATEROLE gives itself every role that is no superuser; programs and files of the server are as good as one.
        const BY_ITSELF: &str = "SELECT u.rolname::text, u.rolcreaterole FROM pg_roles u WHERE NOT u.rolsuper AND pg_has_role($1::name, u.oid, 'MEMBER') AND ( \
             (u.rolcreaterole AND current_setting('server_version_num')::int < 160000) \
             OR u.rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')) ORDER BY 1";
        for row in &there.rows("read its groups", BY_ITSELF, &[&role.name])? {
            let how = if row.get(1) { "may give itself every right again (CREATEROLE)" } else { "reads the server's files, whatever its rights" };
            verdict.doors.push(format!("role {} {how}, by {}", role.name, row.get::<_, String>(0)));
        }
        Ok(())
    }

    fn try_poolers(&self, role: &Role, verdict: &mut Verdict) {
        for reach in &self.reach.poolers {
            match Pgbouncer::connect(reach, &self.manner).and_then(|mut pooler| pooler.doors_of(&role.name, self.manner.key(self.session.target(), &role.name)))
            {
                Ok(found) => {
                    verdict.held.extend(found.held);
                    verdict.doors.extend(found.doors);
                    verdict.untested.extend(found.untested);
                    verdict.remarks.extend(found.remarks);
                }
                Err(error) => verdict.untested.push(format!("the pooler could not be asked: {error}")),
            }
        }
    }
}

fn blind(role: &Role) -> String {
    format!("whether role {} has a connection cannot be seen by our account: GRANT pg_read_all_stats to it", role.name)
}

/// Views and tables made of the table (partitions, children) that the role may read; a view reads as its owner.
fn views_of(session: &mut super::client::Session, role: &str, oid: u32) -> Result<Vec<String>, ContainError> {
    const VIEWS: &str = "WITH RECURSIVE on_it(oid) AS (SELECT $2::oid UNION \
         SELECT DISTINCT w.ev_class FROM on_it JOIN pg_depend d ON d.refobjid = on_it.oid AND d.refclassid = 'pg_class'::regclass AND d.classid = 'pg_rewrite'::regclass JOIN pg_rewrite w ON w.oid = d.objid) \
         SELECT CASE c.relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END || c.oid::regclass::text FROM on_it JOIN pg_class c ON c.oid = on_it.oid \
         WHERE c.oid <> $2 AND (has_table_privilege($1::name, c.oid, 'SELECT') OR has_any_column_privilege($1::name, c.oid, 'SELECT')) \
         AND (c.relkind = 'm' OR has_table_privilege(c.relowner, $2::oid, 'SELECT')) \
         UNION SELECT 'its parent or partition ' || c.oid::regclass::text FROM pg_inherits i JOIN pg_class c ON c.oid IN (i.inhparent, i.inhrelid) \
         WHERE $2::oid IN (i.inhparent, i.inhrelid) AND c.oid <> $2 AND has_table_privilege($1::name, c.oid, 'SELECT') ORDER BY 1";
    Ok(session.rows("look for views of the table", VIEWS, &[&role, &oid])?.iter().map(|row| row.get(0)).collect())
}

/// Functions that run as an owner who may read the table, and that the role may call: those that name it, and those that may build its name.
fn definers(session: &mut super::client::Session, role: &str, oid: u32, table: &str) -> Result<(Vec<String>, Vec<String>), ContainError> {
    const DEFINERS: &str = "SELECT 'function ' || p.oid::regprocedure::text, coalesce(pg_get_functiondef(p.oid), p.prosrc) FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang \
         WHERE p.prosecdef AND p.prokind IN ('f', 'p') AND l.lanname NOT IN ('c', 'internal') AND has_function_privilege($1::name, p.oid, 'EXECUTE') \
         AND has_schema_privilege($1::name, p.pronamespace, 'USAGE') AND has_table_privilege(p.proowner, $2::oid, 'SELECT') ORDER BY 1";
    let rows = session.rows("look for functions that run as their owner", DEFINERS, &[&role, &oid])?;
    let found = rows.iter().map(|row| (row.get::<_, String>(0), row.get::<_, String>(1)));
    let (sure, unsure): (Vec<_>, Vec<_>) = found.partition(|(_, body)| mentions(body, table));
    let names = |list: Vec<(String, String)>| list.into_iter().map(|(name, _)| name).collect();
    Ok((names(sure), names(unsure)))
}
