//! Web sessions in a table (`django_session`, Rails' `sessions`, PHP's in MySQL): taken out of the table in one transaction, kept
//! beside it, so that they come back exactly as they were, and taken out again where a running request saves them at its end.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use strandline_model::containment::Effect;

use super::error::ContainError;
use super::mysql::Mysql;
use super::ours::{Ours, beginning};
use super::postgres::Session;
use super::state::{Held, TargetState};
use super::taken::{One, before, taken};
use super::{Capture, Captured, Connector, Manner, Reach, Verdict};

const IN_STORE: &str = "in the table";

/// What the table beside the sessions is called: this, and the sessions' own name.
const ASIDE: &str = "strandline_held_";

/// A name of a table is at most this long at either server.
const LONGEST_NAME: usize = 63;

/// A beginning of a session that is shorter fits others, too.
const SHORTEST_SESSION: usize = 8;

/// Sessions of one account at most: more is no account.
const MOST_ROWS: usize = 10_000;

/// Names of sessions.
type Keys = BTreeSet<Vec<u8>>;

/// The server that has the table.
enum Server {
    Postgres(Box<Session>),
    Mysql(Box<Mysql>),
}

/// A table of sessions.
pub(crate) struct SessionTable {
    server: Server,
    target: String,
    manner: Manner,
    schema: String,
    table: String,
    key: String,
    account: Option<String>,
    /// Its columns, without those that the server works out.
    columns: Vec<String>,
}

impl SessionTable {
    /// Signs in, and sees that the table is there.
    ///
    /// # Errors
    /// If the server does not answer or does not let us in, or has no such table or column.
    pub(crate) fn connect(reach: &Reach, manner: &Manner) -> Result<Self, ContainError> {
        let of = &reach.target;
        let is_mysql = of.dialect.as_deref() == Some("mysql");
        let named = of.sessions.clone().unwrap_or_default();
        let database = of.databases.first().cloned();
        let server = if is_mysql {
            Server::Mysql(Box::new(Mysql::connect(reach, manner)?))
        } else {
            let mut session = Session::open(reach, manner, database.as_deref().unwrap_or("postgres"), super::postgres::PORT)?;
            session.settle(manner.patience)?;
            Server::Postgres(Box::new(session))
        };
        let default = if is_mysql { database.unwrap_or_default() } else { "public".to_owned() };
        let (schema, table) = named.split_once('.').map_or((default, named.clone()), |(schema, table)| (schema.to_owned(), table.to_owned()));
        let mut this = Self {
            server,
            target: of.name.clone(),
            manner: manner.clone(),
            schema,
            table,
            key: of.session_column.clone().unwrap_or_default(),
            account: of.account_column.clone(),
            columns: Vec::new(),
        };
        this.columns = this.columns_of_table()?;
        let needed = std::iter::once(&this.key).chain(&this.account);
        if let Some(column) = needed.into_iter().find(|column| !this.columns.contains(column)) {
            let what = format!("column {column} in a table {}.{} that we may read", this.schema, this.table);
            return Err(ContainError::Absent { target: this.target, what });
        }
        Ok(this)
    }

    fn columns_of_table(&mut self) -> Result<Vec<String>, ContainError> {
        let (schema, table) = (self.literal(&self.schema), self.literal(&self.table));
        let (name, plain) = match self.server {
            Server::Postgres(_) => ("column_name::text", "is_generated = 'NEVER'"),
            Server::Mysql(_) => {
                ("column_name", "EXTRA NOT LIKE '%VIRTUAL GENERATED%' AND EXTRA NOT LIKE '%STORED GENERATED%' AND EXTRA NOT LIKE '%PERSISTENT%'")
            }
        };
        self.texts(
            "look for the table of sessions",
            &format!(
                "SELECT {name} FROM information_schema.columns WHERE table_schema = {schema} AND table_name = {table} AND {plain} ORDER BY ordinal_position"
            ),
        )
    }

    fn texts(&mut self, doing: &str, query: &str) -> Result<Vec<String>, ContainError> {
        match &mut self.server {
            Server::Postgres(session) => session.texts(doing, query),
            Server::Mysql(server) => server.texts(doing, query),
        }
    }

    /// Commands that happen together or not at all, as far as the table's own engine can.
    fn together(&mut self, doing: &str, commands: &[String]) -> Result<(), ContainError> {
        match &mut self.server {
            Server::Postgres(session) => session.run(doing, &commands.join(";\n")),
            Server::Mysql(server) => {
                server.run(doing, "START TRANSACTION")?;
                let done = commands.iter().try_for_each(|command| server.run(doing, command)).and_then(|()| server.run(doing, "COMMIT"));
                if done.is_err() {
                    let _ = server.run(doing, "ROLLBACK");
                }
                done
            }
        }
    }

    fn literal(&self, text: &str) -> String {
        match self.server {
            Server::Postgres(_) => super::postgres::literal(text),
            Server::Mysql(_) => super::mysql::literal(text),
        }
    }

    fn name(&self, name: &str) -> String {
        match self.server {
            Server::Postgres(_) => super::postgres::identifier(name),
            Server::Mysql(_) => format!("`{}`", name.replace('`', "``")),
        }
    }

    fn sessions(&self) -> String {
        format!("{}.{}", self.name(&self.schema), self.name(&self.table))
    }

    fn aside_name(&self) -> String {
        let mut name = format!("{ASIDE}{}", self.table);
        while name.len() > LONGEST_NAME {
            name.pop();
        }
        name
    }

    fn aside(&self) -> String {
        format!("{}.{}", self.name(&self.schema), self.name(&self.aside_name()))
    }

    fn columns(&self) -> String {
        self.columns.iter().map(|column| self.name(column)).collect::<Vec<_>>().join(", ")
    }

    /// Which rows an effect is about.
    fn condition(&self, effect: &Effect) -> Result<String, ContainError> {
        let unusable = |why: &str| ContainError::Unusable { target: self.target.clone(), why: why.to_owned() };
        match effect {
            Effect::SessionStoreDelete { session } => {
                if session.len() < SHORTEST_SESSION {
                    return Err(unusable("so short a beginning of a session fits others, too"));
                }
                let digest: String = Sha256::digest(session).iter().map(|byte| format!("{byte:02x}")).collect();
                // Rails keeps the digest of the id, with the version of that before it.
                let hashed = self.literal(&format!("2::{digest}"));
                let (begins, key) = (self.begins(session), self.name(&self.key));
                Ok(format!("({begins} OR {key} = {hashed})"))
            }
            Effect::SessionStoreDeleteAccount { account } => {
                let column =
                    self.account.as_deref().ok_or_else(|| unusable("the estate names no column of this table that holds the account (`account_column`)"))?;
                let wanted = self.literal(account);
                Ok(match self.server {
                    Server::Postgres(_) => format!("{}::text = {wanted}", self.name(column)),
                    Server::Mysql(_) => format!("{} = {wanted}", self.name(column)),
                })
            }
            _ => Err(ContainError::NoConnector { target: self.target.clone(), kind: "sessions" }),
        }
    }

    fn begins(&self, session: &str) -> String {
        let pattern: String = session.chars().flat_map(|c| if matches!(c, '%' | '_' | '!') { vec!['!', c] } else { vec![c] }).collect();
        let (key, pattern) = (self.name(&self.key), self.literal(&format!("{pattern}%")));
        match self.server {
            Server::Postgres(_) => format!("{key}::text LIKE {pattern} ESCAPE '!'"),
            // Its texts are mostly compared without regard to capitals, which sessions have.
            Server::Mysql(_) => {
                let length = session.chars().count();
                format!("({key} LIKE {pattern} ESCAPE '!' AND BINARY LEFT({key}, {length}) = BINARY {})", self.literal(session))
            }
        }
    }

    fn count(&mut self, table: &str, condition: &str) -> Result<usize, ContainError> {
        let kind = if matches!(self.server, Server::Postgres(_)) { "text" } else { "char" };
        let query = format!("SELECT CAST(count(*) AS {kind}) FROM {table} WHERE {condition}");
        let counted = self.texts("look for sessions", &query)?;
        counted
            .first()
            .and_then(|count| count.parse().ok())
            .ok_or_else(|| ContainError::Strange { target: self.target.clone(), why: "it counts nothing".to_owned() })
    }

    fn has_aside(&mut self) -> Result<bool, ContainError> {
        let (schema, name) = (self.literal(&self.schema), self.literal(&self.aside_name()));
        let found = self.texts(
            "look for what is held back",
            &format!("SELECT 'there' FROM information_schema.tables WHERE table_schema = {schema} AND table_name = {name}"),
        )?;
        Ok(!found.is_empty())
    }

    /// A session's own name, as a text that can be compared: what a server that compares without capitals cannot confuse.
    fn key_text(&self) -> String {
        let key = self.name(&self.key);
        if matches!(self.server, Server::Postgres(_)) { format!("{key}::text") } else { format!("hex({key})") }
    }

    fn keys(&mut self, table: &str, condition: &str) -> Result<Keys, ContainError> {
        let query = format!("SELECT {} FROM {table} WHERE {condition}", self.key_text());
        Ok(self.texts("look for sessions", &query)?.into_iter().map(String::into_bytes).collect())
    }

    /// Sessions that an effect is about now: those in the table, and those that are held back.
    fn find(&mut self, effect: &Effect) -> Result<(Keys, Keys), ContainError> {
        let condition = self.condition(effect)?;
        let (table, aside) = (self.sessions(), self.aside());
        let most = if matches!(effect, Effect::SessionStoreDelete { .. }) { 1 } else { MOST_ROWS };
        let has_aside = self.has_aside()?;
        if self.count(&table, &condition)? > most || (has_aside && self.count(&aside, &condition)? > most) {
            let why = if most == 1 { "more than one session begins so: write more of it".to_owned() } else { format!("more than {MOST_ROWS} sessions fit") };
            return Err(ContainError::NoEffect { target: self.target.clone(), why });
        }
        let there = self.keys(&table, &condition)?;
        Ok((there, if has_aside { self.keys(&aside, &condition)? } else { Keys::new() }))
    }

    /// Which rows a plan is about: those of its time. Plans of before named none: they are about all that fit.
    fn condition_of(&self, effect: &Effect, state: &TargetState) -> Result<String, ContainError> {
        let Some(which) = taken(state) else { return self.condition(effect) };
        let names: Vec<String> = which.iter().map(|one| self.literal(&String::from_utf8_lossy(&one.key))).collect();
        Ok(if names.is_empty() { "1 = 0".to_owned() } else { format!("{} IN ({})", self.key_text(), names.join(", ")) })
    }

    /// How many rows of a plan are in the table, and how many are held back.
    fn count_of(&mut self, effect: &Effect, state: &TargetState) -> Result<(usize, usize), ContainError> {
        let condition = self.condition_of(effect, state)?;
        let (table, aside) = (self.sessions(), self.aside());
        let there = self.count(&table, &condition)?;
        Ok((there, if self.has_aside()? { self.count(&aside, &condition)? } else { 0 }))
    }

    /// What else happens when a row goes or comes: that would stay when the row is put back.
    fn followers(&mut self) -> Result<Vec<String>, ContainError> {
        let (schema, table) = (self.literal(&self.schema), self.literal(&self.table));
        let query = match self.server {
            Server::Postgres(_) => {
                let oid =
                    format!("(SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = {schema} AND c.relname = {table})");
                format!(
                    "SELECT 'rows of ' || conrelid::regclass::text || ' (' || conname || ')' FROM pg_constraint WHERE contype = 'f' AND confrelid = {oid} AND confdeltype IN ('c', 'n', 'd') \
                     UNION SELECT 'what trigger ' || tgname || ' does' FROM pg_trigger WHERE tgrelid = {oid} AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 12 <> 0 \
                     UNION SELECT 'what rule ' || rulename || ' does' FROM pg_rewrite WHERE ev_class = {oid} AND ev_type IN ('3', '4') ORDER BY 1"
                )
            }
            Server::Mysql(_) => format!(
                "SELECT concat('rows of ', CONSTRAINT_SCHEMA, '.', TABLE_NAME, ' (', CONSTRAINT_NAME, ')') FROM information_schema.REFERENTIAL_CONSTRAINTS \
                 WHERE UNIQUE_CONSTRAINT_SCHEMA = {schema} AND REFERENCED_TABLE_NAME = {table} AND DELETE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT') \
                 UNION SELECT concat('what trigger ', TRIGGER_NAME, ' does') FROM information_schema.TRIGGERS \
                 WHERE EVENT_OBJECT_SCHEMA = {schema} AND EVENT_OBJECT_TABLE = {table} AND EVENT_MANIPULATION IN ('DELETE', 'INSERT') ORDER BY 1"
            ),
        };
        self.texts("look for what hangs on a session", &query)
    }

    fn refuse_followers(&mut self) -> Result<(), ContainError> {
        let followers = self.followers()?;
        if followers.is_empty() {
            return Ok(());
        }
        let why = format!(
            "a row that goes takes more with it, which an undo would not give back: {}; deny the session at the web server instead, change the key, or take the row out by hand",
            followers.join(", ")
        );
        Err(ContainError::NoEffect { target: self.target.clone(), why })
    }

    /// Whether our account is shown all that could hang on a session.
    fn sees_followers(&mut self) -> Result<bool, ContainError> {
        match &mut self.server {
            Server::Postgres(_) => Ok(true),
            Server::Mysql(server) => server.has_everywhere(&["SELECT", "TRIGGER"]),
        }
    }
}

impl Connector for SessionTable {
    fn refuse_protected(&mut self, effect: &Effect) -> Result<(), ContainError> {
        match effect {
            Effect::SessionStoreDeleteAccount { account } => self.manner.never.account(&self.target, account),
            _ => Ok(()),
        }
    }

    fn read(&mut self, effect: &Effect) -> Result<TargetState, ContainError> {
        let (there, aside) = self.find(effect)?;
        if there.iter().any(|key| aside.contains(key)) {
            return Ok(TargetState::default().with(IN_STORE, Held::Half("some are in the table, and some are held back".to_owned())));
        }
        let by = self.account.clone().filter(|_| matches!(effect, Effect::SessionStoreDeleteAccount { .. }));
        Ok(before(IN_STORE, there.into_iter().map(|key| One { key, until: None }).collect(), by.as_deref()))
    }

    fn read_again(&mut self, effect: &Effect, before: &TargetState) -> Result<TargetState, ContainError> {
        let counts = self.count_of(effect, before)?;
        Ok(super::taken::now(IN_STORE, before, counts, || "it ended: somebody signed out, or took it out of the table".to_owned()))
    }

    fn meant(&mut self, _effect: &Effect, before: &TargetState, _random: &mut dyn FnMut() -> [u8; 32]) -> Result<TargetState, ContainError> {
        let no = |why: &str| Err(ContainError::NoEffect { target: self.target.clone(), why: why.to_owned() });
        match before.held(IN_STORE) {
            Held::Half(_) => return no("such a session is held back already, by another plan"),
            _ if taken(before).is_none() => return no("there is no such session in the table"),
            _ => {}
        }
        self.refuse_followers()?;
        Ok(super::taken::meant(IN_STORE, before))
    }

    fn capture(&mut self, effect: &Effect) -> Result<Capture, ContainError> {
        let (condition, table) = (self.condition(effect)?, self.sessions());
        let query = match self.server {
            Server::Postgres(_) => format!("SELECT s::text FROM {table} s WHERE {condition}"),
            Server::Mysql(_) => {
                let columns: Vec<String> = self.columns.iter().map(|column| format!("coalesce(hex({}), 'NULL')", self.name(column))).collect();
                format!("SELECT concat_ws(',', {}) FROM {table} WHERE {condition}", columns.join(", "))
            }
        };
        let rows = self.texts("read the session", &query)?;
        let bytes = format!("{}\n{}\n", self.columns.join(","), rows.join("\n")).into_bytes();
        let unseen = "whether rows of other tables, or triggers, hang on a session: our account is not shown all of them (SELECT, TRIGGER ON *.*)";
        let lost = if self.sees_followers()? { Vec::new() } else { vec![unseen.to_owned()] };
        Ok(Capture { pieces: vec![Captured { name: "sessions.txt".to_owned(), bytes }], lost })
    }

    fn apply(&mut self, effect: &Effect, meant: &TargetState) -> Result<(), ContainError> {
        let (condition, table, aside, columns) = (self.condition_of(effect, meant)?, self.sessions(), self.aside(), self.columns());
        if self.count_of(effect, meant)?.0 == 0 {
            return Ok(());
        }
        self.refuse_followers()?;
        let key = self.name(&self.key);
        let mut commands = Vec::new();
        if !self.has_aside()? {
            match self.server {
                Server::Postgres(_) => commands.push(format!("CREATE TABLE {aside} AS SELECT {columns} FROM {table} WITH NO DATA")),
                // It ends every transaction, so it stands alone.
                Server::Mysql(_) => self.together("keep a session beside the table", &[format!("CREATE TABLE {aside} LIKE {table}")])?,
            }
        }
        // What is held back already is what was there before: what a request saved since is younger, and goes.
        let known = format!("{key} NOT IN (SELECT {key} FROM {aside})");
        commands.push(format!("INSERT INTO {aside} ({columns}) SELECT {columns} FROM {table} WHERE {condition} AND {known}"));
        commands.push(format!("DELETE FROM {table} WHERE {condition}"));
        self.together("take a session out", &commands)
    }

    fn verify(&mut self, effect: &Effect, before: &TargetState, _meant: &TargetState) -> Result<Verdict, ContainError> {
        let mut verdict = Verdict::default();
        let first = self.count_of(effect, before)?.0;
        std::thread::sleep(std::time::Duration::from_millis(500));
        let open = first.max(self.count_of(effect, before)?.0);
        verdict.note(
            open == 0,
            "the session is not in the table, looked at twice",
            format!("{open} sessions are in the table: a running request saves what it has in hand, so deny it at the web server and end it again"),
        );
        if let (Effect::SessionStoreDeleteAccount { account }, Some(which)) = (effect, taken(before)) {
            let fresh = self.find(effect)?.0.iter().filter(|key| !which.iter().any(|one| one.key == **key)).count();
            if fresh > 0 {
                verdict
                    .remarks
                    .push(format!("{fresh} sessions of {account} began since the plan, and are not of it: plan them anew if they are the intruder's"));
            }
        }
        verdict
            .remarks
            .push("an application that keeps sessions in a cache before this table, or checks a token without it, is not reached by this".to_owned());
        Ok(verdict)
    }

    fn undo(&mut self, effect: &Effect, before: &TargetState) -> Result<(), ContainError> {
        if !self.has_aside()? {
            return Ok(());
        }
        let (condition, table, aside, columns, key) = (self.condition_of(effect, before)?, self.sessions(), self.aside(), self.columns(), self.name(&self.key));
        let overriding = if matches!(self.server, Server::Postgres(_)) { " OVERRIDING SYSTEM VALUE" } else { "" };
        let mut commands = vec![
            // What a request saved meanwhile is younger than what was held back, and gives way: before is before.
            format!("DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {aside} WHERE {condition})"),
            format!("INSERT INTO {table} ({columns}){overriding} SELECT {columns} FROM {aside} WHERE {condition}"),
            format!("DELETE FROM {aside} WHERE {condition}"),
        ];
        if let Server::Postgres(_) = self.server {
            let dropped = self.literal(&format!("BEGIN IF NOT EXISTS (SELECT 1 FROM {aside}) THEN DROP TABLE {aside}; END IF; END"));
            commands.push(format!("DO {dropped}"));
        }
        self.together("put a session back", &commands)?;
        if matches!(self.server, Server::Mysql(_)) && self.count(&aside, "1 = 1")? == 0 {
            self.together("take our table away", &[format!("DROP TABLE {aside}")])?;
        }
        Ok(())
    }

    fn ours(&mut self) -> Result<Vec<Ours>, ContainError> {
        if !self.has_aside()? {
            return Ok(Vec::new());
        }
        let held = self.held_back("1 = 1")?;
        let name = self.aside_name();
        Ok(if held.is_empty() { vec![Ours::bare(format!("table {name}, with nothing in it"))] } else { held.into_iter().map(Ours::bare).collect() })
    }

    fn leaves(&mut self, effect: &Effect) -> Result<Vec<String>, ContainError> {
        let condition = self.condition(effect)?;
        if self.has_aside()? { self.held_back(&condition) } else { Ok(Vec::new()) }
    }
}

impl SessionTable {
    /// Sessions that are held back, by their beginnings.
    fn held_back(&mut self, condition: &str) -> Result<Vec<String>, ContainError> {
        let (key, name) = (self.name(&self.key), self.aside_name());
        let text = if matches!(self.server, Server::Postgres(_)) { format!("{key}::text") } else { key };
        let query = format!("SELECT {text} FROM {} WHERE {condition}", self.aside());
        let sessions = self.texts("look for what is held back", &query)?;
        Ok(sessions.iter().map(|session| format!("row of {name}: {}", beginning(session))).collect())
    }
}
