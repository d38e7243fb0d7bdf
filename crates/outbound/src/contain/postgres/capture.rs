//! What the server knows that a cut destroys: who is in, what they are doing, what they hold, and the end of the log.

use strandline_model::containment::Effect;

use super::Postgres;
use crate::contain::{Capture, Captured};

/// Name and query; each gives one row of one JSON text.
const PIECES: [(&str, &str); 7] = [
    (
        "pg_stat_activity",
        "SELECT pid, datname, usename, application_name, host(client_addr) AS client_addr, client_port, backend_start, xact_start, query_start, state_change, wait_event_type, wait_event, state, query, backend_type FROM pg_stat_activity",
    ),
    ("pg_locks", "SELECT locktype, database, relation::regclass::text AS relation, pid, mode, granted FROM pg_locks"),
    ("pg_prepared_xacts", "SELECT * FROM pg_prepared_xacts"),
    (
        "pg_roles",
        "SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolconnlimit, rolvaliduntil, rolbypassrls, rolconfig FROM pg_roles",
    ),
    (
        "pg_auth_members",
        "SELECT pg_get_userbyid(roleid) AS role, pg_get_userbyid(member) AS member, pg_get_userbyid(grantor) AS grantor, admin_option FROM pg_auth_members",
    ),
    ("privileges", "SELECT c.oid::regclass::text AS relation, c.relacl::text[] AS privileges FROM pg_class c WHERE relacl IS NOT NULL"),
    ("pg_hba_file_rules", "SELECT * FROM pg_hba_file_rules"),
];

/// How much of the end of the log is taken.
const LOG_BYTES: i64 = 4 << 20;

impl Postgres {
    pub(super) fn capture_all(&mut self, effect: &Effect) -> Capture {
        let mut capture = Capture::default();
        for (name, query) in PIECES {
            let whole = format!("SELECT coalesce(json_agg(found), '[]')::text FROM ({query}) found");
            match self.session.text(&format!("read {name}"), &whole, &[]) {
                Ok(text) => capture.pieces.push(Captured { name: format!("{name}.json"), bytes: text.unwrap_or_default().into_bytes() }),
                Err(error) => capture.lost.push(format!("{name} could not be read: {error}")),
            }
        }
        match super::role_of(effect).map_or(Ok(true), |role| self.sees(role)) {
            Ok(true) => {}
            Ok(false) => capture.lost.push("what connections of others do: our account may not see it (pg_read_all_stats)".to_owned()),
            Err(error) => capture.lost.push(format!("what our account sees of connections could not be read: {error}")),
        }
        match self.log_tail() {
            Ok(Some(bytes)) => capture.pieces.push(Captured { name: "server.log".to_owned(), bytes }),
            Ok(None) => capture.lost.push("the server's log is not written by its own collector: take it from the machine".to_owned()),
            Err(error) => capture.lost.push(format!("the server's log could not be read: {error}")),
        }
        if matches!(effect, Effect::PostgresTerminate { .. }) {
            capture
                .lost
                .push("what open cursors and temporary tables of the ended connections hold cannot be read by anybody else, and is gone with them".to_owned());
        }
        capture
    }

    fn log_tail(&mut self) -> Result<Option<Vec<u8>>, crate::contain::error::ContainError> {
        const TAIL: &str = "SELECT pg_read_binary_file(f.path, greatest(s.size - $1, 0), $1) FROM (SELECT pg_current_logfile() AS path) f, \
             LATERAL pg_stat_file(f.path) s WHERE f.path IS NOT NULL";
        let rows = self.session.rows("read the end of the log", TAIL, &[&LOG_BYTES])?;
        Ok(rows.first().map(|row| row.get(0)))
    }
}
