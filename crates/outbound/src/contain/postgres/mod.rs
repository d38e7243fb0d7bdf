//! PostgreSQL: roles, rights, `pg_hba.conf` and live connections; and the pooler before it.
//!
//! What each does and what it leaves open was measured on real servers; `docs/containment/postgres.md` tells it.

mod capture;
mod client;
mod doors;
mod hba;
mod lines;
mod pooler;
mod rights;
mod roles;
mod sessions;
mod startup;

use std::collections::BTreeSet;

use strandline_model::containment::Effect;

pub(crate) use pooler::Pgbouncer;

pub(in crate::contain) use self::client::{Session, identifier, literal};
use super::error::ContainError;
use super::ours::Ours;
use super::state::TargetState;
use super::version::at_least;
use super::{Capture, Connector, Manner, Reach, Verdict};

/// PostgreSQL's port.
pub(in crate::contain) const PORT: u16 = 5432;

/// The first version whose server shows how it reads its own `pg_hba.conf`.
const OLDEST: [u32; 2] = [10, 0];

/// A PostgreSQL server.
pub(crate) struct Postgres {
    reach: Reach,
    manner: Manner,
    session: Session,
}

/// What the catalogue says of a role.
struct Role {
    name: String,
    can_log_in: bool,
    is_superuser: bool,
    /// It may copy the whole server (`REPLICATION`; a superuser always may).
    can_replicate: bool,
    valid_until: Option<String>,
    connection_limit: i32,
    /// All groups that it is in, however deep.
    groups: BTreeSet<String>,
}

impl Postgres {
    /// Signs in.
    ///
    /// # Errors
    /// If the server does not answer, or does not let us in.
    pub(crate) fn connect(reach: &Reach, manner: &Manner) -> Result<Self, ContainError> {
        let database = reach.target.databases.first().map_or("postgres", String::as_str);
        let mut session = Session::open(reach, manner, database, PORT)?;
        let told = session.table("read its version", "SHOW server_version")?;
        at_least(session.target(), "PostgreSQL", told.first().and_then(|row| row.get("server_version")).map_or("", String::as_str), OLDEST)?;
        session.settle(manner.patience)?;
        Ok(Self { reach: reach.clone(), manner: manner.clone(), session })
    }

    /// A session at another database of the same server.
    fn at(&self, database: &str) -> Result<Session, ContainError> {
        let mut session = Session::open(&self.reach, &self.manner, database, PORT)?;
        session.settle(self.manner.patience)?;
        Ok(session)
    }

    fn role(&mut self, name: &str) -> Result<Role, ContainError> {
        const ROLE: &str = "SELECT rolcanlogin, rolsuper, rolvaliduntil::text, rolconnlimit, rolreplication OR rolsuper FROM pg_roles WHERE rolname = $1";
        const GROUPS: &str = "WITH RECURSIVE up(oid) AS (SELECT oid FROM pg_roles WHERE rolname = $1 \
             UNION SELECT m.roleid FROM pg_auth_members m JOIN up ON m.member = up.oid) \
             SELECT r.rolname FROM up JOIN pg_roles r ON r.oid = up.oid WHERE r.rolname <> $1";
        let found = self.session.rows("read the role", ROLE, &[&name])?;
        let row = found.first().ok_or_else(|| ContainError::Absent { target: self.session.target().to_owned(), what: format!("role {name}") })?;
        let groups = self.session.rows("read its groups", GROUPS, &[&name])?;
        Ok(Role {
            name: name.to_owned(),
            can_log_in: row.get(0),
            is_superuser: row.get(1),
            valid_until: row.get(2),
            connection_limit: row.get(3),
            can_replicate: row.get(4),
            groups: groups.iter().map(|row| row.get(0)).collect(),
        })
    }

    /// Refuses a role that nothing cuts off: of the estate's list, our own, and the last superuser that can log in.
    fn refuse_role(&mut self, role: &Role) -> Result<(), ContainError> {
        const OTHERS: &str = "SELECT count(*) FROM pg_roles WHERE rolsuper AND rolcanlogin AND rolname <> $1 AND oid <> 0 \
             AND (rolvaliduntil IS NULL OR rolvaliduntil > now())";
        let target = self.session.target().to_owned();
        self.manner.never.account(&target, &role.name)?;
        let never = |why: &str| Err(ContainError::NeverTouched { target: target.clone(), what: format!("role {}", role.name), why: why.to_owned() });
        if role.name == self.session.account() {
            return never("it is the account that we use ourselves");
        }
        if role.is_superuser {
            let others: i64 = self.session.rows("look for other superusers", OTHERS, &[&role.name])?.first().map_or(0, |row| row.get(0));
            if others == 0 {
                return never("it is the last superuser that can log in");
            }
        }
        Ok(())
    }

    fn no_effect<T>(&self, why: impl Into<String>) -> Result<T, ContainError> {
        Err(ContainError::NoEffect { target: self.session.target().to_owned(), why: why.into() })
    }

    fn cannot<T>(&self) -> Result<T, ContainError> {
        Err(ContainError::NoConnector { target: self.session.target().to_owned(), kind: "postgres" })
    }
}

/// The role that an effect is about.
fn role_of(effect: &Effect) -> Option<&str> {
    match effect {
        Effect::PostgresRoleNoLogin { role }
        | Effect::PostgresRoleExpired { role }
        | Effect::PostgresConnectionLimit { role }
        | Effect::PostgresPassword { role }
        | Effect::PostgresRevokeConnect { role, .. }
        | Effect::PostgresRevokeSelect { role, .. }
        | Effect::PostgresHbaReject { role, .. }
        | Effect::PostgresTerminate { role, .. } => Some(role),
        _ => None,
    }
}

impl Connector for Postgres {
    fn refuse_protected(&mut self, effect: &Effect) -> Result<(), ContainError> {
        let Some(name) = role_of(effect) else { return self.cannot() };
        let role = self.role(name)?;
        self.refuse_role(&role)?;
        match effect {
            Effect::PostgresHbaReject { address, .. } => self.refuse_address(address).and_then(|()| self.refuse_own_way(&role, address)),
            _ => Ok(()),
        }
    }

    fn read(&mut self, effect: &Effect) -> Result<TargetState, ContainError> {
        let Some(name) = role_of(effect) else { return self.cannot() };
        let role = self.role(name)?;
        match effect {
            Effect::PostgresRevokeConnect { database, .. } => self.read_connect(&role, database),
            Effect::PostgresRevokeSelect { database, table, .. } => self.read_select(&role, database, table),
            Effect::PostgresHbaReject { address, .. } => self.read_line(&role, address),
            Effect::PostgresTerminate { .. } => Ok(TargetState::default()),
            _ => self.read_role(effect, &role),
        }
    }

    fn meant(&mut self, effect: &Effect, before: &TargetState, random: &mut dyn FnMut() -> [u8; 32]) -> Result<TargetState, ContainError> {
        let Some(name) = role_of(effect) else { return self.cannot() };
        let role = self.role(name)?;
        self.refuse_blind(name)?;
        match effect {
            Effect::PostgresRevokeConnect { database, .. } => self.meant_connect(&role, database, before),
            Effect::PostgresRevokeSelect { .. } => self.meant_select(&role, before),
            Effect::PostgresHbaReject { address, .. } => self.meant_line(&role, address, before),
            Effect::PostgresTerminate { .. } => Ok(TargetState::default()),
            _ => self.meant_role(effect, &role, random),
        }
    }

    fn capture(&mut self, effect: &Effect) -> Result<Capture, ContainError> {
        Ok(self.capture_all(effect))
    }

    fn apply(&mut self, effect: &Effect, meant: &TargetState) -> Result<(), ContainError> {
        self.bring(effect, meant)
    }

    fn verify(&mut self, effect: &Effect, before: &TargetState, _meant: &TargetState) -> Result<Verdict, ContainError> {
        self.try_doors(effect, before)
    }

    fn undo(&mut self, effect: &Effect, before: &TargetState) -> Result<(), ContainError> {
        match effect {
            Effect::PostgresTerminate { .. } => Ok(()),
            _ => self.bring(effect, before),
        }
    }

    fn ours(&mut self) -> Result<Vec<Ours>, ContainError> {
        Ok(self.hba_text()?.lines().filter_map(Ours::line).collect())
    }

    fn leaves(&mut self, effect: &Effect) -> Result<Vec<String>, ContainError> {
        let Effect::PostgresHbaReject { address, role } = effect else { return Ok(Vec::new()) };
        let role = self.role(role)?;
        Ok(self.lines(&role, address)?.to_vec())
    }
}

impl Postgres {
    /// Brings the values of an effect to what `aim` says, whichever way that is.
    fn bring(&mut self, effect: &Effect, aim: &TargetState) -> Result<(), ContainError> {
        let Some(name) = role_of(effect) else { return self.cannot() };
        let role = self.role(name)?;
        match effect {
            Effect::PostgresRevokeConnect { database, .. } => self.bring_connect(&role, database, aim),
            Effect::PostgresRevokeSelect { database, table, .. } => self.bring_select(&role, database, table, aim),
            Effect::PostgresHbaReject { address, .. } => self.bring_line(&role, address, aim),
            Effect::PostgresTerminate { address, .. } => self.terminate(&role, address.as_deref()),
            _ => self.bring_role(effect, &role, aim),
        }
    }
}
