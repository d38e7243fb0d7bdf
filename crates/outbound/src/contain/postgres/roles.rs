//! A role's own attributes: may it log in, until when, how often, with what password.

use strandline_model::containment::Effect;

use super::client::{identifier, literal};
use super::{Postgres, Role};
use crate::contain::error::ContainError;
use crate::contain::state::{Held, TargetState};

const CAN_LOG_IN: &str = "can log in";
const VALID_UNTIL: &str = "valid until";
const CONNECTION_LIMIT: &str = "connection limit";
const PASSWORD: &str = "password";

/// A time that has passed, as the server writes it.
const PAST: &str = "2000-01-01 00:00:00+00";

impl Postgres {
    pub(super) fn read_role(&mut self, effect: &Effect, role: &Role) -> Result<TargetState, ContainError> {
        let state = TargetState::default();
        Ok(match effect {
            Effect::PostgresRoleNoLogin { .. } => state.with(CAN_LOG_IN, Held::flag(role.can_log_in)),
            Effect::PostgresRoleExpired { .. } => state.with(VALID_UNTIL, Held::optional(role.valid_until.clone())),
            Effect::PostgresConnectionLimit { .. } => state.with(CONNECTION_LIMIT, Held::text(role.connection_limit.to_string())),
            Effect::PostgresPassword { .. } => {
                let stored = self.session.text("read the stored password", "SELECT rolpassword FROM pg_authid WHERE rolname = $1", &[&role.name])?;
                state.with(PASSWORD, stored.map_or(Held::Absent, Held::secret))
            }
            _ => return self.cannot(),
        })
    }

    pub(super) fn meant_role(&mut self, effect: &Effect, role: &Role, random: &mut dyn FnMut() -> [u8; 32]) -> Result<TargetState, ContainError> {
        let state = TargetState::default();
        Ok(match effect {
            Effect::PostgresRoleNoLogin { .. } if !role.can_log_in => {
                let members = self.session_members(&role.name)?;
                let by = if members.is_empty() { "nobody".to_owned() } else { members.join(", ") };
                return self.no_effect(format!("role {} cannot log in anyway; it is reached by SET ROLE, from {by}: cut those", role.name));
            }
            Effect::PostgresRoleNoLogin { .. } => state.with(CAN_LOG_IN, Held::flag(false)),
            Effect::PostgresRoleExpired { .. } => state.with(VALID_UNTIL, Held::text(PAST)),
            Effect::PostgresConnectionLimit { .. } if role.is_superuser => {
                return self.no_effect(format!("role {} is a superuser, whom no connection limit holds", role.name));
            }
            Effect::PostgresConnectionLimit { .. } => state.with(CONNECTION_LIMIT, Held::text("0")),
            Effect::PostgresPassword { .. } => {
                // Nobody is to know it: the bytes are gone when this returns, and only the verifier is kept.
                let unknown: String = random().iter().map(|byte| format!("{byte:02x}")).collect();
                state.with(PASSWORD, Held::secret(postgres_protocol::password::scram_sha_256(unknown.as_bytes())))
            }
            _ => return self.cannot(),
        })
    }

    pub(super) fn bring_role(&mut self, effect: &Effect, role: &Role, aim: &TargetState) -> Result<(), ContainError> {
        let name = identifier(&role.name);
        let command = match effect {
            Effect::PostgresRoleNoLogin { .. } => format!("ALTER ROLE {name} {}", if aim.is_yes(CAN_LOG_IN) { "LOGIN" } else { "NOLOGIN" }),
            Effect::PostgresRoleExpired { .. } => match aim.held(VALID_UNTIL).expose() {
                Some(until) => format!("ALTER ROLE {name} VALID UNTIL {}", literal(until)),
                // No command takes the end away, and `infinity` is another value in the catalogue.
                None => format!("UPDATE pg_catalog.pg_authid SET rolvaliduntil = NULL WHERE rolname = {}", literal(&role.name)),
            },
            Effect::PostgresConnectionLimit { .. } => {
                let limit: i32 = aim.held(CONNECTION_LIMIT).expose().and_then(|text| text.parse().ok()).unwrap_or(-1);
                format!("ALTER ROLE {name} CONNECTION LIMIT {limit}")
            }
            Effect::PostgresPassword { .. } => {
                format!("ALTER ROLE {name} PASSWORD {}", aim.held(PASSWORD).expose().map_or_else(|| "NULL".to_owned(), literal))
            }
            _ => return self.cannot(),
        };
        self.session.run("change the role", &command)
    }

    /// Roles that can log in and become this one by `SET ROLE`; superusers can become everybody.
    pub(super) fn session_members(&mut self, role: &str) -> Result<Vec<String>, ContainError> {
        const MEMBERS: &str =
            "SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper AND rolname <> $1 AND pg_has_role(oid, $1::name, 'MEMBER') ORDER BY rolname";
        let rows = self.session.rows("look for its members", MEMBERS, &[&role])?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}
