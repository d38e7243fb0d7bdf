//! Live connections of a role: counted, ended until there are none, and counted again.

use std::time::{Duration, Instant};

use super::{Postgres, Role};
use crate::contain::error::ContainError;
use crate::contain::guard::Network;

/// How long after none was left it is looked again: what a pool opens anew comes within this.
pub(super) const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// A connection of somebody.
pub(super) struct Live {
    pub(super) pid: i32,
    pub(super) from: String,
    pub(super) since: String,
}

impl Postgres {
    /// The role's connections, from an address or network, `[local]`, or anywhere.
    pub(super) fn live(&mut self, role: &str, address: Option<&str>) -> Result<Vec<Live>, ContainError> {
        // Of a connection that we may not look into all is NULL but whose it is: it counts, wherever it comes from.
        const LIVE: &str = "SELECT pid, CASE WHEN backend_type IS NULL THEN 'somewhere' ELSE coalesce(host(client_addr), '[local]') END, \
             coalesce(backend_start::text, 'some time'), backend_type IS NULL FROM pg_stat_activity WHERE usename = $1 AND pid <> pg_backend_pid() \
             AND (backend_type IS NULL OR backend_type IN ('client backend', 'walsender', 'parallel worker')) ORDER BY pid";
        let rows = self.session.rows("look for its connections", LIVE, &[&role])?;
        let fits = |row: &&postgres::Row| row.get::<_, bool>(3) || address.is_none_or(|asked| is_from(&row.get::<_, String>(1), asked));
        Ok(rows.iter().filter(fits).map(|row| Live { pid: row.get(0), from: row.get(1), since: row.get(2) }).collect())
    }

    /// Whether the server shows us the role's connections as they are: to anybody else it shows next to nothing, without a word.
    pub(super) fn sees(&mut self, role: &str) -> Result<bool, ContainError> {
        const SEES: &str = "SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') OR pg_has_role(current_user, $1::name, 'USAGE')";
        Ok(self.session.rows("read our own rights", SEES, &[&role])?.first().is_some_and(|row| row.get(0)))
    }

    /// Refuses where connections cannot be seen: what is not seen would count as not there.
    pub(super) fn refuse_blind(&mut self, role: &str) -> Result<(), ContainError> {
        if self.sees(role)? {
            return Ok(());
        }
        Err(ContainError::NoRight {
            target: self.session.target().to_owned(),
            account: self.session.account().to_owned(),
            doing: format!("see the connections of role {role}"),
            way_out: "GRANT pg_read_all_stats, pg_signal_backend TO it, or give it a superuser".to_owned(),
        })
    }

    /// Ends the role's connections until there are none, for as long as one answer may take. All are told at once, and then
    /// looked for: a wait for each in turn leaves the last one reading.
    pub(super) fn terminate(&mut self, role: &Role, address: Option<&str>) -> Result<(), ContainError> {
        self.refuse_blind(&role.name)?;
        let begun = Instant::now();
        loop {
            let live = self.live(&role.name, address)?;
            if live.is_empty() {
                return Ok(());
            }
            let pids: Vec<i32> = live.iter().map(|one| one.pid).collect();
            self.session.rows("end connections", "SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) pid", &[&pids])?;
            if begun.elapsed() > self.manner.patience {
                let why = format!("{} connections of role {} are still there, or come again: is its door shut?", live.len(), role.name);
                return Err(ContainError::Refused { target: self.session.target().to_owned(), doing: "end connections".to_owned(), why });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Whether a connection comes from there.
pub(super) fn is_from(from: &str, asked: &str) -> bool {
    if from == super::hba::LOCAL || asked == super::hba::LOCAL {
        return from == asked;
    }
    matches!((Network::read(from), Network::read(asked)), (Some(from), Some(asked)) if from.meets(&asked))
}
