//! The audit log of Linux, as auditd writes it: `type=… msg=audit(SECONDS.MILLIS:SERIAL): …`. The lines of one system call
//! (SYSCALL, EXECVE, CWD, PATH …) share a serial number and are one event.
//!
//! Source: audit userspace, "Audit Event Fields" and "Audit Record Types"; auditd.conf(5), `log_format`.

use std::borrow::Cow;

use strandline_model::event::{Activity, Class, Status};

use super::Format;
use crate::fields::{Column, Filling, Kind, is_absent, text_of};
use crate::stamp::{self, Stamp, Zone};
use crate::{Output, Record};

/// How much of one system call's lines is kept.
const KEPT_BYTES: usize = 256 << 10;

/// The most fields of a line that are looked at.
const FIELDS_MOST: usize = 4096;

/// The format.
#[derive(Debug, Default)]
pub struct Auditd {
    /// The system call whose lines are being read.
    call: Option<Call>,
}

/// The lines of one system call.
#[derive(Debug)]
struct Call {
    stamp: Stamp,
    serial: String,
    host: Option<String>,
    /// The SYSCALL line's fields.
    fields: Vec<(String, String)>,
    arguments: Vec<String>,
    paths: Vec<String>,
    /// What PROCTITLE says, where no EXECVE does.
    title: Option<String>,
    bytes: usize,
    offset: u64,
    end: u64,
    line: u64,
}

/// One line.
struct Line<'t> {
    host: Option<&'t str>,
    kind: &'t str,
    stamp: Stamp,
    serial: &'t str,
    rest: &'t str,
}

impl Format for Auditd {
    fn name(&self) -> &'static str {
        "auditd"
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        let bytes = super::trimmed(record.bytes);
        if bytes.is_empty() {
            return if super::is_blank(record.bytes) { output.pass(record) } else { output.refuse(record, "NUL bytes where a line should be") };
        }
        let text = text_of(bytes);
        let Some(line) = line(&text) else {
            self.settle(output);
            return output.refuse(record, "not a line of auditd (type=… msg=audit(…): …)");
        };
        if !is_of_a_call(line.kind) {
            self.settle(output);
            return give(&line, record, output);
        }
        let same = self.call.as_ref().is_some_and(|call| call.serial == line.serial && call.host.as_deref() == line.host);
        if !same {
            self.settle(output);
        }
        let call = self.call.get_or_insert_with(|| Call::new(&line, record));
        call.add(&line, record);
    }

    fn finish(&mut self, output: &mut Output<'_>) {
        self.settle(output);
    }
}

impl Auditd {
    fn settle(&mut self, output: &mut Output<'_>) {
        if let Some(call) = self.call.take() {
            call.give(output);
        }
    }
}

/// Cuts a line; `None` if it is none of auditd's.
fn line(text: &str) -> Option<Line<'_>> {
    let (host, rest) = match text.strip_prefix("node=") {
        Some(rest) => rest.split_once(' ').map(|(host, rest)| (Some(host), rest))?,
        None => (None, text),
    };
    let (kind, rest) = rest.strip_prefix("type=")?.split_once(' ')?;
    let (written, rest) = rest.strip_prefix("msg=audit(")?.split_once("):")?;
    let (time, serial) = written.split_once(':')?;
    let plain = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'_' | b'[' | b']'));
    let numbered = !serial.is_empty() && serial.len() <= 20 && serial.bytes().all(|b| b.is_ascii_digit());
    let stamp = stamp::parse(time, &Zone::utc()).filter(|_| plain && numbered)?;
    Some(Line { host, kind, stamp, serial, rest: rest.trim_start() })
}

fn is_of_a_call(kind: &str) -> bool {
    matches!(kind, "SYSCALL" | "EXECVE" | "CWD" | "PATH" | "PROCTITLE" | "SOCKADDR" | "BPRM_FCAPS" | "OBJ_PID" | "FD_PAIR" | "MMAP" | "EOE")
}

/// `name=value` pairs, also those in `msg='…'` and, behind the group separator, the names that auditd looked up. Quotes are
/// taken off; a text that was written in hexadecimal, since it holds odd bytes, is decoded where `text` says so.
fn fields(rest: &str, text: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut rest = rest;
    while let Some((name, after)) = rest.split_once('=').filter(|_| fields.len() < FIELDS_MOST) {
        let name = name.trim_matches([' ', '\'', '\u{1d}', ',']);
        if name == "msg" && after.starts_with('\'') {
            rest = &after[1..];
            continue;
        }
        let (value, behind, quoted) = match after.strip_prefix('"').and_then(|inside| inside.split_once('"')) {
            Some((value, behind)) => (value, behind, true),
            None => {
                let end = after.find([' ', '\'', '\u{1d}']).unwrap_or(after.len());
                (&after[..end], &after[end..], false)
            }
        };
        let value = if quoted || !text(name) { value.to_owned() } else { decoded(value).unwrap_or_else(|| value.to_owned()) };
        fields.push((name.to_owned(), value));
        rest = behind;
    }
    fields
}

/// Text that the kernel wrote in hexadecimal; NUL bytes part arguments.
fn decoded(hex: &str) -> Option<String> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| Some((char::from(*pair.first()?).to_digit(16)? * 16 + char::from(*pair.get(1)?).to_digit(16)?) as u8));
    let bytes: Vec<u8> = pairs.collect::<Option<_>>().filter(|bytes: &Vec<u8>| !bytes.is_empty())?;
    Some(text_of(&bytes).replace('\0', " ").trim_end().to_owned())
}

fn value<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).filter(|value| !is_absent(value) && !matches!(*value, "?" | "(null)"))
}

/// What a line of its own says: sign-ins, accounts, commands of sudo, the audit itself.
fn give(line: &Line<'_>, record: &Record<'_>, output: &mut Output<'_>) {
    let fields = fields(line.rest, |name| matches!(name, "acct" | "cmd" | "exe" | "cwd" | "data"));
    let mut filling = Filling::new(output.place(record));
    filling.stamp(line.stamp);
    let status = match value(&fields, "res").or(value(&fields, "result")) {
        Some("success" | "1" | "yes") => Status::Success,
        Some("failed" | "0" | "no") => Status::Failure,
        _ => Status::Unknown,
    };
    let kind = |class, activity| Kind { class, activity, status: Some(status) };
    filling.kind(match line.kind {
        "USER_LOGIN" => kind(Class::Authentication, Activity::Logon),
        "USER_AUTH" if status == Status::Failure => kind(Class::Authentication, Activity::Logon),
        "USER_AUTH" | "USER_ACCT" | "USER_START" | "CRED_ACQ" | "CRED_REFR" | "CRED_DISP" | "LOGIN" | "USER_ERR" => {
            kind(Class::Authentication, Activity::Other)
        }
        "USER_END" | "USER_LOGOUT" => kind(Class::Authentication, Activity::Logoff),
        "USER_CMD" => kind(Class::Process, Activity::Execute),
        "ADD_USER" | "DEL_USER" | "ADD_GROUP" | "DEL_GROUP" | "USER_CHAUTHTOK" | "USER_MGMT" | "GRP_MGMT" | "GRP_CHAUTHTOK" | "ACCT_LOCK" | "ACCT_UNLOCK"
        | "ROLE_ASSIGN" | "ROLE_REMOVE" => kind(Class::AccountChange, Activity::Other),
        "DAEMON_START" | "SERVICE_START" | "SYSTEM_BOOT" => kind(Class::Lifecycle, Activity::Start),
        "DAEMON_END" | "DAEMON_ABORT" | "SERVICE_STOP" | "SYSTEM_SHUTDOWN" => kind(Class::Lifecycle, Activity::Stop),
        "CONFIG_CHANGE" | "DAEMON_CONFIG" | "DAEMON_ROTATE" => kind(Class::Lifecycle, Activity::Other),
        _ => kind(Class::Other, Activity::Other),
    });
    filling.label("type", Cow::Owned(line.kind.to_owned()));
    filling.label("serial", Cow::Owned(line.serial.to_owned()));
    for (column, names) in [
        (Column::Account, &["acct", "ID", "AUID", "UID"][..]),
        (Column::SrcIp, &["addr", "laddr"]),
        (Column::Application, &["exe", "unit"]),
        (Column::Command, &["cmd"]),
        (Column::Pid, &["pid"]),
        (Column::Label("tty".to_owned()), &["terminal"]),
        (Column::Label("op".to_owned()), &["op"]),
        (Column::Label("auid".to_owned()), &["auid"]),
        (Column::Label("login_session".to_owned()), &["ses"]),
    ] {
        if let Some(value) = names.iter().find_map(|name| value(&fields, name)) {
            filling.put(&column, Cow::Owned(value.to_owned()));
        }
    }
    filling.put(&Column::Message, Cow::Owned(line.rest.replace('\u{1d}', " ")));
    finish(filling, line.host, record, output);
}

fn finish(filling: Filling<'_>, host: Option<&str>, record: &Record<'_>, output: &mut Output<'_>) {
    let Some(mut event) = filling.finish() else { return output.refuse(record, "the record carries no time") };
    event.host = event.host.or_else(|| host.map(|host| Cow::Owned(host.to_owned())));
    output.event(record, event);
}

impl Call {
    fn new(line: &Line<'_>, record: &Record<'_>) -> Self {
        Self {
            stamp: line.stamp,
            serial: line.serial.to_owned(),
            host: line.host.map(str::to_owned),
            fields: Vec::new(),
            arguments: Vec::new(),
            paths: Vec::new(),
            title: None,
            bytes: 0,
            offset: record.offset,
            end: record.end(),
            line: record.line,
        }
    }

    fn add(&mut self, line: &Line<'_>, record: &Record<'_>) {
        self.end = self.end.max(record.end());
        self.bytes = self.bytes.saturating_add(line.rest.len());
        if self.bytes > KEPT_BYTES {
            return;
        }
        match line.kind {
            "SYSCALL" if self.fields.is_empty() => self.fields = fields(line.rest, |name| matches!(name, "comm" | "exe" | "key")),
            "EXECVE" => {
                let is_argument = |name: &str| name.strip_prefix('a').is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()) && !n.ends_with("_len"));
                let arguments = fields(line.rest, is_argument).into_iter().filter(|(name, _)| is_argument(name)).map(|(_, value)| value);
                self.arguments.extend(arguments);
            }
            "PATH" => self.paths.extend(value(&fields(line.rest, |name| name == "name"), "name").map(str::to_owned)),
            "PROCTITLE" => self.title = value(&fields(line.rest, |name| name == "proctitle"), "proctitle").map(str::to_owned),
            _ => {}
        }
    }

    fn give(self, output: &mut Output<'_>) {
        let record = Record::at(self.offset, self.end, self.line);
        let mut filling = Filling::new(output.place(&record));
        filling.stamp(self.stamp);
        let status = match value(&self.fields, "success") {
            Some("yes") => Status::Success,
            Some("no") => Status::Failure,
            _ => Status::Unknown,
        };
        let ran = !self.arguments.is_empty();
        let class = if ran {
            Class::Process
        } else if self.paths.is_empty() {
            Class::Other
        } else {
            Class::FileSystem
        };
        filling.kind(Kind { class, activity: if ran { Activity::Execute } else { Activity::Other }, status: Some(status) });
        filling.label("serial", Cow::Borrowed(self.serial.as_str()));
        if self.bytes > KEPT_BYTES {
            filling.label("cut", Cow::Borrowed("the lines of this system call are longer than what is kept"));
        }
        for (column, names) in [
            (Column::Account, &["AUID", "UID"][..]),
            (Column::Application, &["comm"]),
            (Column::Pid, &["pid"]),
            (Column::Label("exe".to_owned()), &["exe"]),
            (Column::Label("tty".to_owned()), &["tty"]),
            (Column::Label("auid".to_owned()), &["auid"]),
            (Column::Label("uid".to_owned()), &["uid"]),
            (Column::Label("ppid".to_owned()), &["ppid"]),
            (Column::Label("login_session".to_owned()), &["ses"]),
            (Column::Label("rule".to_owned()), &["key"]),
            (Column::Label("syscall".to_owned()), &["SYSCALL", "syscall"]),
        ] {
            if let Some(value) = names.iter().find_map(|name| value(&self.fields, name)) {
                filling.put(&column, Cow::Owned(value.to_owned()));
            }
        }
        let command = if ran { Some(self.arguments.join(" ")) } else { self.title.clone() };
        if let Some(command) = command {
            filling.put(&Column::Command, Cow::Owned(command));
        }
        // The last path is what was touched; those before it are the folders on the way.
        if let Some(path) = self.paths.last().filter(|_| !ran) {
            filling.put(&Column::Object, Cow::Owned(path.clone()));
        }
        finish(filling, self.host.as_deref(), &record, output);
    }
}
