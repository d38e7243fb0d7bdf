//! The log of pgbouncer: who came to the pool, from where, for which database. The server behind it sees the pool's address.
//!
//! Source: pgbouncer, `lib/usual/logging.c` and `slog_*` in `src/util.c`: `STAMP [PID] LEVEL SIDE-0xID: DB/USER@ADDRESS:PORT text`.

use std::borrow::Cow;

use strandline_model::event::{Activity, Class, Status};

use super::Format;
use crate::fields::{Clock, Column, Filling, Kind, text_of};
use crate::{Context, EventError, Output, Record, stamp};

/// The format.
#[derive(Debug)]
pub struct Pgbouncer {
    clock: Clock,
}

/// Opens a log of pgbouncer.
///
/// # Errors
/// If the clock zone cannot be understood.
pub fn open(context: &Context<'_>) -> Result<Pgbouncer, EventError> {
    Ok(Pgbouncer { clock: Clock::of(context)? })
}

/// One line.
struct Line<'t> {
    pid: Option<&'t str>,
    level: Option<&'t str>,
    peer: Option<Peer<'t>>,
    text: &'t str,
}

/// Who stands at one end.
struct Peer<'t> {
    /// `C-0x55d5`, a client, or `S-0x55d5`, a server.
    id: &'t str,
    database: &'t str,
    account: &'t str,
    /// With its port.
    address: &'t str,
}

impl Format for Pgbouncer {
    fn name(&self) -> &'static str {
        "pgbouncer"
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        let bytes = super::trimmed(record.bytes);
        if bytes.is_empty() {
            return if super::is_blank(record.bytes) { output.pass(record) } else { output.refuse(record, "NUL bytes where a line should be") };
        }
        let text = text_of(bytes);
        let (stamp, rest) = match stamp::parse_prefix(&text, self.clock.zone()).filter(|(_, rest)| rest.starts_with(' ')) {
            Some((stamp, rest)) => (Some(stamp), rest.trim_start()),
            None => (None, text.as_ref()),
        };
        let line = line(rest);
        // Without the pool's own mark in the line, nothing tells it from another program's.
        if line.peer.is_none() && (line.pid.is_none() || line.level.is_none()) {
            return output.refuse(record, "not a line of pgbouncer (STAMP [PID] LEVEL …)");
        }
        let mut filling = Filling::new(output.place(record)).or_at(output.outer_time());
        if let Some(stamp) = stamp {
            filling.stamp(stamp);
        }
        describe(&line, &mut filling);
        match filling.finish() {
            Some(event) => output.event(record, event),
            None => output.refuse(record, "the record carries no time"),
        }
    }
}

fn line(rest: &str) -> Line<'_> {
    let (pid, rest) = match rest.strip_prefix('[').and_then(|inside| inside.split_once("] ")) {
        Some((pid, rest)) if !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit()) => (Some(pid), rest),
        _ => (None, rest),
    };
    let is_level = |word: &str| matches!(word, "NOISE" | "DEBUG" | "LOG" | "WARNING" | "ERROR" | "FATAL");
    let (level, rest) = match rest.split_once(' ').filter(|(word, _)| is_level(word)) {
        Some((level, rest)) => (Some(level), rest),
        None => (None, rest),
    };
    match peer(rest) {
        Some((peer, text)) => Line { pid, level, peer: Some(peer), text },
        None => Line { pid, level, peer: None, text: rest },
    }
}

/// `C-0x55d5: hr/app@10.0.0.1:5432 `
fn peer(text: &str) -> Option<(Peer<'_>, &str)> {
    let (id, rest) = text.split_once(": ")?;
    let number = id.strip_prefix("C-0x").or(id.strip_prefix("S-0x"))?;
    let (who, text) = rest.split_once(' ')?;
    // A name may hold what parts names; the address, at the end, does not.
    let (names, address) = who.rsplit_once('@')?;
    let (database, account) = names.split_once('/')?;
    number.bytes().all(|b| b.is_ascii_hexdigit()).then_some((Peer { id, database, account, address }, text))
}

fn describe(line: &Line<'_>, filling: &mut Filling<'_>) {
    let is_client = line.peer.as_ref().is_some_and(|peer| peer.id.starts_with('C'));
    let starts = |words: &[&str]| words.iter().any(|word| line.text.starts_with(word));
    let refused = ["password authentication failed", "login failed", "no such user", "no such database", "auth failed", "SASL authentication failed"];
    let kind = |class, activity, status| Kind { class, activity, status: Some(status) };
    let kind = if is_client && refused.iter().any(|word| line.text.contains(word)) {
        Some(kind(Class::Authentication, Activity::Logon, Status::Failure))
    } else if is_client && starts(&["login attempt"]) {
        Some(kind(Class::Datastore, Activity::Connect, Status::Unknown))
    } else if is_client && starts(&["closing because"]) {
        Some(kind(Class::Datastore, Activity::Disconnect, Status::Unknown))
    } else {
        None
    };
    if let Some(kind) = kind {
        filling.kind(kind);
    }
    if let Some(peer) = &line.peer {
        let given = |name: &str| !matches!(name, "(nodb)" | "(nouser)" | "");
        if given(peer.database) {
            filling.put(&Column::Database, Cow::Owned(peer.database.to_owned()));
        }
        if given(peer.account) {
            filling.put(&Column::Account, Cow::Owned(peer.account.to_owned()));
        }
        // A server's line names the database's host, which is no client.
        let column = if is_client && !peer.address.starts_with("unix") { Column::SrcIp } else { Column::Label("server".to_owned()) };
        filling.put(&column, Cow::Owned(peer.address.to_owned()));
        filling.label("connection", Cow::Owned(peer.id.to_owned()));
    }
    if let Some(pid) = line.pid {
        filling.put(&Column::Pid, Cow::Owned(pid.to_owned()));
    }
    if let Some(level) = line.level {
        filling.label("level", Cow::Owned(level.to_owned()));
    }
    filling.put(&Column::Message, Cow::Owned(line.text.to_owned()));
}
