//! A line of `pg_hba.conf`: written above all others, loaded, and looked for in what the server reads.
//!
//! A reload answers *true* even where the file is broken and the old rules stay, so that nothing here believes it: the rules
//! are read as the server parses them, before the reload and after.

use std::net::IpAddr;

use super::hba::{
    Approach, HbaRule, LOCAL, Met, Named, Place, REPLICATION, Tls, can_be_written, first_match, named_in, older_line, place, reject_line, with_line,
    without_line,
};
use super::{Postgres, Role};
use crate::contain::error::ContainError;
use crate::contain::guard::Network;
use crate::contain::state::{Held, TargetState};
use crate::contain::tls::{Protection, protection};

/// Files that `pg_hba.conf` takes in: more is no configuration that anybody reads.
const MOST_FILES: usize = 1000;

const LINE: &str = "first line of pg_hba.conf for it";

impl Postgres {
    pub(super) fn read_line(&mut self, role: &Role, address: &str) -> Result<TargetState, ContainError> {
        let text = self.hba_text()?;
        let [line, older] = self.lines(role, address)?;
        let line = if place(&text, &line) == Place::Nowhere && place(&text, &older) != Place::Nowhere { older } else { line };
        let place = place(&text, &line);
        // A line of ours counts once it is in force for sure: whoever wrote it also loads it until that can be told.
        let is_loaded = if place == Place::Nowhere { self.is_loaded()? } else { self.is_surely_loaded()? };
        let held = match (place, is_loaded) {
            (Place::First, true) => Held::text(line),
            (Place::Below, true) => Held::text("our line, and others above it"),
            (Place::Nowhere, true) => Held::Absent,
            (_, false) => Held::Half("pg_hba.conf is not loaded as it stands".to_owned()),
        };
        Ok(TargetState::default().with(LINE, held))
    }

    pub(super) fn meant_line(&mut self, role: &Role, address: &str, before: &TargetState) -> Result<TargetState, ContainError> {
        if let Some(broken) = self.broken_line()? {
            return self.no_effect(format!("{broken} is broken: the server would load nothing; mend it first"));
        }
        if matches!(before.held(LINE), Held::Half(_)) {
            return self.no_effect(
                "pg_hba.conf was changed and is not loaded: a reload would put somebody else's changes into force; reload it or take them back first",
            );
        }
        let [line, _] = self.lines(role, address)?;
        Ok(TargetState::default().with(LINE, Held::text(line)))
    }

    pub(super) fn bring_line(&mut self, role: &Role, address: &str, aim: &TargetState) -> Result<(), ContainError> {
        let [line, older] = self.lines(role, address)?;
        let text = self.hba_text()?;
        let without = without_line(&without_line(&text, &line), &older);
        let wanted = match aim.held(LINE).expose() {
            Some(aimed) => with_line(&without, if aimed == older { &older } else { &line }),
            None => without,
        };
        if wanted != text {
            self.write_hba(&wanted)?;
            if let Some(broken) = self.broken_line()? {
                self.write_hba(&text)?;
                let why = format!("{broken} would be broken; the file is as it was");
                return Err(ContainError::Refused { target: self.session.target().to_owned(), doing: "write pg_hba.conf".to_owned(), why });
            }
        }
        self.reload()
    }

    /// The rules as the server parses them, in the order in which it tries them, without those that it cannot.
    pub(super) fn hba_rules(&mut self) -> Result<Vec<HbaRule>, ContainError> {
        // From version 16 on files take others in, and lines are counted in each: there is a number of the rule then.
        let more = if self.has_includes()? { ("file_name", "rule_number") } else { ("NULL::text", "line_number") };
        let rules = format!(
            "SELECT line_number, type, database, user_name, address, netmask, auth_method, {} FROM pg_hba_file_rules WHERE error IS NULL ORDER BY {}",
            more.0, more.1
        );
        let own = self.hba_file()?;
        let rows = self.session.rows("read pg_hba_file_rules", &rules, &[])?;
        let words = |list: Option<Vec<String>>| list.unwrap_or_default();
        let rules = rows.iter().map(|row| HbaRule {
            place: place_of(row.get(0), row.get(7), &own),
            kind: row.get(1),
            databases: words(row.get(2)),
            roles: words(row.get(3)),
            address: row.get(4),
            netmask: row.get(5),
            method: row.get(6),
        });
        Ok(rules.collect())
    }

    fn has_includes(&mut self) -> Result<bool, ContainError> {
        let rows = self.session.rows("read its version", "SELECT current_setting('server_version_num')::int >= 160000", &[])?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    }

    fn hba_file(&mut self) -> Result<String, ContainError> {
        let path = self.session.text("look for pg_hba.conf", "SELECT current_setting('hba_file')", &[])?;
        path.ok_or_else(|| self.session.strange("it has no pg_hba.conf".to_owned()))
    }

    /// The file and all that it takes in, however deep: rules of others, and lists of names.
    fn hba_files(&mut self) -> Result<Vec<String>, ContainError> {
        const TEXT: &str = "SELECT pg_read_file($1, 0, 67108864, true)";
        const FOLDER: &str = "SELECT f FROM pg_ls_dir($1, true, false) f WHERE f LIKE '%.conf' AND f NOT LIKE '.%'";
        let mut files = vec![self.hba_file()?];
        let mut at = 0;
        while let Some(file) = files.get(at).cloned() {
            at += 1;
            // A folder stands among them for its own stamp, which tells of files that came and went.
            let Ok(Some(text)) = self.session.text("read pg_hba.conf", TEXT, &[&file]) else { continue };
            for named in named_in(&text) {
                let (Named::File(name) | Named::Folder(name)) = &named;
                let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
                let path = if name.starts_with('/') { name.clone() } else { format!("{folder}/{name}") };
                let inside = match named {
                    Named::File(_) => Vec::new(),
                    Named::Folder(_) => {
                        self.session.rows("read pg_hba.conf", FOLDER, &[&path])?.iter().map(|row| format!("{path}/{}", row.get::<_, String>(0))).collect()
                    }
                };
                for path in std::iter::once(path).chain(inside) {
                    if !files.contains(&path) {
                        files.push(path);
                    }
                }
            }
            if files.len() > MOST_FILES {
                return Err(self.session.strange(format!("pg_hba.conf takes in more than {MOST_FILES} files")));
            }
        }
        Ok(files)
    }

    /// Whether the file is the one in force: nothing was written to it since the second in which it was loaded. Its stamp has whole
    /// seconds here, so that within that second it cannot be told; [`Self::is_surely_loaded`] asks for a later one.
    pub(super) fn is_loaded(&mut self) -> Result<bool, ContainError> {
        self.compare_stamps("<=")
    }

    fn is_surely_loaded(&mut self) -> Result<bool, ContainError> {
        self.compare_stamps("<")
    }

    fn compare_stamps(&mut self, how: &str) -> Result<bool, ContainError> {
        let files = self.hba_files()?;
        let query = format!(
            "SELECT bool_and(s.modification IS NULL OR s.modification {how} date_trunc('second', pg_conf_load_time())) FROM unnest($1::text[]) f, LATERAL pg_stat_file(f, true) s"
        );
        // A session that is open has the time at which it took the settings itself, which can be later: a new one has the server's.
        let database = self.reach.target.databases.first().map_or("postgres", String::as_str);
        let rows = self.at(database)?.rows("see whether pg_hba.conf is loaded", &query, &[&files])?;
        Ok(rows.first().is_some_and(|row| row.get(0)) && self.broken_line()?.is_none())
    }

    /// The first line that the server cannot read, in words.
    fn broken_line(&mut self) -> Result<Option<String>, ContainError> {
        let file = if self.has_includes()? { "file_name" } else { "NULL::text" };
        let broken = format!("SELECT line_number, {file} FROM pg_hba_file_rules WHERE error IS NOT NULL ORDER BY 2, 1 LIMIT 1");
        let own = self.hba_file()?;
        let rows = self.session.rows("read pg_hba_file_rules", &broken, &[])?;
        Ok(rows.first().map(|row| place_of(row.get(0), row.get(1), &own)))
    }

    pub(super) fn hba_text(&mut self) -> Result<String, ContainError> {
        let text = self.session.text("read pg_hba.conf", "SELECT pg_read_file(current_setting('hba_file'))", &[])?;
        text.ok_or_else(|| self.session.strange("it shows no pg_hba.conf".to_owned()))
    }

    /// Writes the file by the server's own hand: one transaction there, which goes on when we are killed.
    fn write_hba(&mut self, text: &str) -> Result<(), ContainError> {
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let command = format!(
            "DO $strandline$ DECLARE piece oid; BEGIN piece := lo_from_bytea(0, decode('{hex}', 'hex')); PERFORM lo_export(piece, current_setting('hba_file')); PERFORM lo_unlink(piece); END $strandline$"
        );
        self.session.run("write pg_hba.conf", &command)
    }

    /// Loads the file, until a load is of a later second than its stamp: a run that is killed in between leaves what can be told.
    fn reload(&mut self) -> Result<(), ContainError> {
        let begun = std::time::Instant::now();
        while !self.is_surely_loaded()? {
            if begun.elapsed() > self.manner.patience {
                let why = "it answers that it reloads, and does not".to_owned();
                return Err(ContainError::Refused { target: self.session.target().to_owned(), doing: "load pg_hba.conf".to_owned(), why });
            }
            self.session.rows("reload", "SELECT pg_reload_conf()", &[])?;
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        Ok(())
    }

    /// Our line, and the one that plans of before wrote.
    pub(super) fn lines(&self, role: &Role, address: &str) -> Result<[String; 2], ContainError> {
        if !can_be_written(&role.name) {
            return self.no_effect("the role's name cannot stand in pg_hba.conf");
        }
        Ok([reject_line(&role.name, address, &self.manner.mark), older_line(&role.name, address, &self.manner.mark)])
    }

    pub(super) fn refuse_address(&self, address: &str) -> Result<(), ContainError> {
        if address == LOCAL { Ok(()) } else { self.manner.never.address(self.session.target(), address) }
    }

    /// Refuses a line that would keep ourselves out: our own connection, met by our line first.
    pub(super) fn refuse_own_way(&mut self, role: &Role, address: &str) -> Result<(), ContainError> {
        const OWN: &str = "SELECT session_user::text, current_database()::text, host(inet_client_addr())";
        let rows = self.session.rows("read who we are", OWN, &[])?;
        let (own_role, database, from): (String, String, Option<String>) = rows.first().map(|row| (row.get(0), row.get(1), row.get(2))).unwrap_or_default();
        let tls = if protection(&self.reach) == Protection::Plain { Tls::Off } else { Tls::On };
        let own = Approach {
            role: own_role.clone(),
            groups: self.role(&own_role)?.groups,
            database: Some(database),
            address: from.and_then(|a| a.parse().ok()),
            tls,
        };
        match first_match(&[rule_of(role, address)], &own) {
            Met::Nothing => Ok(()),
            _ => Err(ContainError::NeverTouched {
                target: self.session.target().to_owned(),
                what: format!("role {} from {address}", role.name),
                why: "it is the way that we come in ourselves".to_owned(),
            }),
        }
    }

    /// What a connection of the role would meet; one without a database copies the whole server.
    pub(super) fn meets(&mut self, role: &Role, database: Option<&str>, address: Option<IpAddr>, tls: Tls) -> Result<Met, ContainError> {
        let rules = self.hba_rules()?;
        let how = Approach { role: role.name.clone(), groups: role.groups.clone(), database: database.map(str::to_owned), address, tls };
        Ok(first_match(&rules, &how))
    }

    /// Lines that let the role copy the whole server, in words: for that it needs no right on a database or a table.
    pub(super) fn lines_for_copies(&mut self, role: &Role) -> Result<Vec<String>, ContainError> {
        if !role.can_replicate {
            return Ok(Vec::new());
        }
        let fits = |rule: &&HbaRule| rule.method != "reject" && rule.databases.iter().any(|word| word == REPLICATION) && rule.names(role);
        Ok(self.hba_rules()?.iter().filter(fits).map(|rule| format!("{} ({})", rule.place, rule.method)).collect())
    }

    /// Databases that the role could ask for: those of the estate, or all that take connections.
    pub(super) fn databases(&mut self) -> Result<Vec<String>, ContainError> {
        if !self.reach.target.databases.is_empty() {
            return Ok(self.reach.target.databases.clone());
        }
        let rows = self.session.rows("list databases", "SELECT datname FROM pg_database WHERE datallowconn ORDER BY datname", &[])?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

impl HbaRule {
    /// Whether it may be about the role: what is written as a pattern may be about anybody.
    pub(super) fn names(&self, role: &Role) -> bool {
        let is_group = |group: &str| group == role.name || role.groups.contains(group);
        self.roles.iter().any(|word| word == "all" || *word == role.name || word.starts_with('/') || word.strip_prefix('+').is_some_and(is_group))
    }
}

/// Where a rule stands, in words.
fn place_of(line: i32, file: Option<String>, own: &str) -> String {
    let file = file.filter(|file| file != own).unwrap_or_else(|| "pg_hba.conf".to_owned());
    format!("line {line} of {file}")
}

/// Our line, as the server would parse it.
fn rule_of(role: &Role, address: &str) -> HbaRule {
    let is_local = address == LOCAL;
    let network = Network::read(address);
    let mask = network.map(|network| match network.address {
        IpAddr::V4(_) => IpAddr::V4(u32::MAX.checked_shl(32 - network.bits).unwrap_or(0).into()),
        IpAddr::V6(_) => IpAddr::V6(u128::MAX.checked_shl(128 - network.bits).unwrap_or(0).into()),
    });
    HbaRule {
        place: "our line".to_owned(),
        kind: if is_local { "local" } else { "host" }.to_owned(),
        databases: vec!["all".to_owned(), REPLICATION.to_owned()],
        roles: vec![role.name.clone()],
        address: network.map(|network| network.address.to_string()),
        netmask: mask.map(|mask| mask.to_string()),
        method: "reject".to_owned(),
    }
}
