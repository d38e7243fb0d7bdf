//! pgbouncer: it lets clients in by its own list and keeps connections of its own, so that a role that is shut at the server can
//! still be open here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use strandline_model::containment::Effect;

use super::client::{Refusal, Session, Who, identifier, sign_in};
use crate::contain::error::ContainError;
use crate::contain::state::{Held, TargetState};
use crate::contain::{Capture, Captured, Connector, Manner, Reach, Verdict};
use crate::smtp::Secret;

/// pgbouncer's port.
const PORT: u16 = 6432;

/// Its console is a database of this name.
const CONSOLE: &str = "pgbouncer";

/// Databases of a pooler that are tried.
const MOST_DATABASES: usize = 8;

const DISABLED: &str = "is disabled";
const PAUSED: &str = "is paused";

/// A pooler.
pub(crate) struct Pgbouncer {
    reach: Reach,
    manner: Manner,
    console: Session,
}

impl Pgbouncer {
    /// Signs in to its console.
    ///
    /// # Errors
    /// If it does not answer, or does not let us in.
    pub(crate) fn connect(reach: &Reach, manner: &Manner) -> Result<Self, ContainError> {
        reach.complete()?;
        Ok(Self { reach: reach.clone(), manner: manner.clone(), console: Session::open(reach, manner, CONSOLE, PORT)? })
    }

    /// What of a role is open at the pooler.
    pub(super) fn doors_of(&mut self, role: &str, key: Option<&Secret>) -> Result<Verdict, ContainError> {
        let mut verdict = Verdict::default();
        let name = self.console.target().to_owned();
        let servers = self.console.table("list its connections to servers", "SHOW SERVERS")?;
        let held = servers
            .iter()
            .filter(|row| row.get("user").is_some_and(|user| user == role))
            .filter(|row| row.get("state").is_none_or(|state| state != "login"))
            .count();
        verdict.note(
            held == 0,
            format!("pooler {name} holds no connection as role {role}"),
            format!("pooler {name} holds {held} connections as role {role}: whoever signs in to the pooler uses them"),
        );
        let databases = self.console.table("list its databases", "SHOW DATABASES")?;
        let is_open =
            |row: &&BTreeMap<String, String>| row.get("disabled").is_none_or(|word| word != "1") && row.get("name").is_some_and(|name| name != CONSOLE);
        let open: Vec<&BTreeMap<String, String>> = databases.iter().filter(is_open).collect();
        let names: Vec<String> = open.iter().filter_map(|row| row.get("name").cloned()).collect();
        if names.is_empty() {
            verdict.held.push(format!("pooler {name} has no database open"));
            return Ok(verdict);
        }
        for row in &open {
            let (Some(database), Some(forced)) = (row.get("name"), row.get("force_user").filter(|user| !user.is_empty() && *user != role)) else { continue };
            let told = format!("database {database} of pooler {name} goes to the server as role {forced}, whatever its client is called");
            // With the password it is tried below; without, nobody knows whether the role is let in there.
            if key.is_some() { verdict.remarks.push(told) } else { verdict.untested.push(told) }
        }
        match key {
            Some(key) => self.try_through(role, key, &names, &mut verdict),
            None => verdict.untested.push(format!("pooler {name} lets clients in by its own list; role {role}'s password was not given, so nobody tried")),
        }
        Ok(verdict)
    }

    /// A new client with the old password, at each database. The pooler can let it in and then have no connection to give: it waits,
    /// and a wait is a refusal.
    fn try_through(&self, role: &str, key: &Secret, databases: &[String], verdict: &mut Verdict) {
        let name = self.console.target();
        let patience = self.manner.patience.min(Duration::from_secs(3));
        let (tell, told) = std::sync::mpsc::channel();
        // The library waits without end for a pooler that has nothing to give, so that each trial has a thread to itself.
        for database in databases.iter().take(MOST_DATABASES) {
            let (reach, account, secret, database, tell) = (self.reach.clone(), role.to_owned(), key.clone(), database.clone(), tell.clone());
            std::thread::spawn(move || {
                let who = Who { account: &account, password: Some(secret.expose_secret()) };
                let tried = sign_in(&reach, &who, &database, patience, PORT).and_then(|mut client| match client.simple_query("SELECT 1") {
                    Ok(_) => Ok(()),
                    Err(error) => Err(Refusal::Said { code: error.code().map_or("none", |code| code.code()).to_owned(), message: String::new() }),
                });
                let _ = tell.send((database, tried));
            });
        }
        drop(tell);
        let begun = Instant::now();
        let mut waiting: BTreeSet<String> = databases.iter().take(MOST_DATABASES).cloned().collect();
        while let Ok((database, tried)) = told.recv_timeout(patience.saturating_sub(begun.elapsed())) {
            waiting.remove(&database);
            let where_ = format!("through pooler {name} at database {database}");
            match tried {
                Ok(()) => verdict.doors.push(format!("role {role} reads {where_} with the password that was given")),
                Err(Refusal::Said { code, .. }) => verdict.held.push(format!("role {role} was tried {where_} and refused ({code})")),
                Err(Refusal::Other(error)) => verdict.untested.push(format!("the trial {where_} did not reach it: {error}")),
            }
        }
        for database in waiting {
            verdict
                .held
                .push(format!("role {role} was tried through pooler {name} at database {database} and got no connection within {} s", patience.as_secs()));
        }
        if databases.len() > MOST_DATABASES {
            verdict.untested.push(format!("{} more databases of pooler {name} were not tried", databases.len() - MOST_DATABASES));
        }
    }

    fn database(&self, effect: &Effect) -> Result<String, ContainError> {
        match effect {
            Effect::PgbouncerDisable { database } => Ok(database.clone()),
            _ => Err(ContainError::NoConnector { target: self.console.target().to_owned(), kind: "pgbouncer" }),
        }
    }

    fn bring(&mut self, effect: &Effect, aim: &TargetState) -> Result<(), ContainError> {
        let database = self.database(effect)?;
        let now = self.read(effect)?;
        let name = identifier(&database);
        if aim.is_yes(DISABLED) {
            if !now.is_yes(DISABLED) {
                self.console.table("shut the database", &format!("DISABLE {name}"))?;
            }
            // Whoever is in stays in: they are put out, and the pause that this leaves is taken back.
            if !self.clients(&database)?.is_empty() {
                self.console.table("put clients out", &format!("KILL {name}"))?;
            }
        } else if now.is_yes(DISABLED) {
            self.console.table("open the database", &format!("ENABLE {name}"))?;
        }
        if self.read(effect)?.is_yes(PAUSED) && !aim.is_yes(PAUSED) {
            self.console.table("end the pause", &format!("RESUME {name}"))?;
        }
        Ok(())
    }

    fn clients(&mut self, database: &str) -> Result<Vec<String>, ContainError> {
        let rows = self.console.table("list its clients", "SHOW CLIENTS")?;
        Ok(rows.into_iter().filter(|row| row.get("database").is_some_and(|name| name == database)).filter_map(|row| row.get("user").cloned()).collect())
    }
}

impl Connector for Pgbouncer {
    fn refuse_protected(&mut self, effect: &Effect) -> Result<(), ContainError> {
        if self.database(effect)? != CONSOLE {
            return Ok(());
        }
        let target = self.console.target().to_owned();
        Err(ContainError::NeverTouched { target, what: "the console".to_owned(), why: "it is our own way in".to_owned() })
    }

    fn read(&mut self, effect: &Effect) -> Result<TargetState, ContainError> {
        let database = self.database(effect)?;
        let rows = self.console.table("list its databases", "SHOW DATABASES")?;
        let row = rows.iter().find(|row| row.get("name") == Some(&database));
        let row = row.ok_or_else(|| ContainError::Absent { target: self.console.target().to_owned(), what: format!("database {database}") })?;
        let flag = |name: &str| Held::flag(row.get(name).is_some_and(|word| word == "1"));
        Ok(TargetState::default().with(DISABLED, flag("disabled")).with(PAUSED, flag("paused")))
    }

    fn meant(&mut self, _effect: &Effect, before: &TargetState, _random: &mut dyn FnMut() -> [u8; 32]) -> Result<TargetState, ContainError> {
        Ok(before.clone().with(DISABLED, Held::flag(true)))
    }

    fn capture(&mut self, _effect: &Effect) -> Result<Capture, ContainError> {
        let mut capture = Capture::default();
        for what in ["CLIENTS", "SERVERS", "POOLS", "DATABASES"] {
            match self.console.table("list what it holds", &format!("SHOW {what}")) {
                Ok(rows) => {
                    let bytes = serde_json::to_vec(&rows).unwrap_or_default();
                    capture.pieces.push(Captured { name: format!("pgbouncer_{}.json", what.to_lowercase()), bytes });
                }
                Err(error) => capture.lost.push(error.to_string()),
            }
        }
        capture.lost.push("the pooler's own log is a file of its machine: take it from there".to_owned());
        Ok(capture)
    }

    fn apply(&mut self, effect: &Effect, meant: &TargetState) -> Result<(), ContainError> {
        self.bring(effect, meant)
    }

    fn verify(&mut self, effect: &Effect, _before: &TargetState, _meant: &TargetState) -> Result<Verdict, ContainError> {
        let database = self.database(effect)?;
        let mut verdict = Verdict::default();
        let is_shut = self.read(effect)?.is_yes(DISABLED);
        verdict.note(is_shut, format!("the pooler's database {database} is disabled"), format!("the pooler's database {database} is open"));
        let clients = self.clients(&database)?.len();
        verdict.note(clients == 0, "no client is in", format!("{clients} clients are still in database {database}"));
        // Refused before any password: anybody can try it.
        let begun = Instant::now();
        let who = Who { account: self.console.account(), password: self.reach.secret.as_ref().map(Secret::expose_secret) };
        match sign_in(&self.reach, &who, &database, self.manner.patience.saturating_sub(begun.elapsed()), PORT) {
            Ok(_) => verdict.doors.push(format!("a new client gets into database {database}")),
            Err(Refusal::Said { code, .. }) => verdict.held.push(format!("a new client was refused ({code})")),
            Err(Refusal::Other(error)) => verdict.untested.push(format!("a new client could not be tried: {error}")),
        }
        Ok(verdict)
    }

    fn undo(&mut self, effect: &Effect, before: &TargetState) -> Result<(), ContainError> {
        self.bring(effect, before)
    }
}
