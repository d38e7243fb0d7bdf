//! Linux auth.log and secure: syslog lines of sshd, sudo, su, cron, PAM, systemd-logind and the account tools.
//!
//! Stamps after RFC 3164 (no year, no zone), ISO 8601 and RFC 5424. What a program says is read in [`describe`], which
//! the journal shares. Lines of other programs become a `base_event` that keeps its message.

use std::borrow::Cow;

use strandline_model::event::{Activity, Class, Status};

use super::Format;
use crate::fields::{Clock, Column, Filling, Kind, text_of};
use crate::{Context, EventError, Output, Record, stamp};

/// The auth.log format.
#[derive(Debug)]
pub struct LinuxAuth {
    clock: Clock,
    /// Program and message of the line before, which `last message repeated` stands for.
    last: Option<(String, String)>,
}

/// Opens an auth.log.
///
/// # Errors
/// If the clock zone cannot be understood.
pub fn open(context: &Context<'_>) -> Result<LinuxAuth, EventError> {
    Ok(LinuxAuth { clock: Clock::of(context)?, last: None })
}

impl Format for LinuxAuth {
    fn name(&self) -> &'static str {
        "linux_auth"
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        let line = super::trimmed(record.bytes);
        if line.is_empty() {
            return if super::is_blank(record.bytes) { output.pass(record) } else { output.refuse(record, "NUL bytes where a line should be") };
        }
        let text = text_of(line);
        let (text, version) = without_priority(&text);
        let Some((stamp, rest)) = self.stamp(text) else { return output.refuse(record, "the line begins with no syslog stamp") };
        let mut filling = Filling::new(output.place(record)).or_at(output.outer_time());
        filling.stamp(stamp);
        let rest = rest.trim_start();
        let header = header(rest, version);
        // A relay puts its own header in front of the one that it got.
        let header = header.map(|outer| relayed(&outer, self.clock.zone()).unwrap_or(outer));
        let header = header.filter(|header| version || !text.starts_with(|c: char| c.is_ascii_digit()) || header.is_syslog());
        let Some(header) = header else { return output.refuse(record, "no host and program stand behind the stamp, as syslog writes them") };
        if let Some(host) = header.host {
            filling.label("host", Cow::Borrowed(host));
        }
        if let Some(program) = header.program {
            filling.put(&Column::Application, Cow::Borrowed(program));
        }
        if let Some(pid) = header.pid {
            filling.put(&Column::Pid, Cow::Borrowed(pid));
        }
        let repeated = header.message.strip_prefix("last message repeated ").and_then(|rest| rest.strip_suffix(" times")).zip(self.last.clone());
        let message = without_message_id(header.message);
        match &repeated {
            Some((count, (program, message))) => {
                filling.label("repeated", Cow::Borrowed(*count));
                describe(&mut filling, program, message);
            }
            None => describe(&mut filling, header.program.unwrap_or(""), message),
        }
        if repeated.is_none() {
            self.last = Some((header.program.unwrap_or("").to_owned(), message.to_owned())).filter(|_| message.len() <= KEPT_BYTES);
        }
        match filling.finish() {
            Some(event) => output.event(record, event),
            None => output.refuse(record, "the line begins with no syslog stamp"),
        }
    }
}

/// The longest message that is kept for a repetition.
const KEPT_BYTES: usize = 64 << 10;

/// The inner header, where the message of a header without a program begins with a stamp, a host and a program.
fn relayed<'t>(outer: &Header<'t>, zone: &stamp::Zone) -> Option<Header<'t>> {
    if outer.program.is_some() {
        return None;
    }
    let (_, rest) = stamp::parse_prefix(outer.message, zone).filter(|(_, rest)| rest.starts_with(' '))?;
    header_3164(rest.trim_start()).filter(|inner| inner.program.is_some())
}

/// `[ID 800047 auth.info] …`, as Solaris numbers its messages.
fn without_message_id(message: &str) -> &str {
    message.strip_prefix("[ID ").and_then(|rest| rest.split_once("] ")).filter(|(id, _)| id.len() <= 40).map_or(message, |(_, rest)| rest)
}

/// `auth.info`, `local0.notice`: what some write between host and program.
fn is_priority(word: &str) -> bool {
    const FACILITIES: [&str; 13] = ["auth", "authpriv", "cron", "daemon", "ftp", "kern", "lpr", "mail", "news", "syslog", "user", "uucp", "local"];
    const SEVERITIES: [&str; 12] = ["emerg", "panic", "alert", "crit", "err", "error", "warning", "warn", "notice", "info", "debug", "none"];
    word.split_once('.')
        .is_some_and(|(facility, severity)| FACILITIES.contains(&facility.trim_end_matches(|c: char| c.is_ascii_digit())) && SEVERITIES.contains(&severity))
}

impl LinuxAuth {
    fn stamp<'t>(&self, text: &'t str) -> Option<(stamp::Stamp, &'t str)> {
        stamp::parse_prefix(text, self.clock.zone()).filter(|(_, rest)| rest.starts_with(' '))
    }
}

/// Takes off `<34>` and, after it, the version of RFC 5424.
pub(crate) fn without_priority(text: &str) -> (&str, bool) {
    let Some((priority, rest)) = text.strip_prefix('<').and_then(|t| t.split_once('>')) else { return (text, false) };
    if priority.is_empty() || priority.len() > 3 || !priority.bytes().all(|b| b.is_ascii_digit()) {
        return (text, false);
    }
    match rest.strip_prefix("1 ") {
        Some(rest) => (rest, true),
        None => (rest, false),
    }
}

/// What stands between stamp and message.
pub(crate) struct Header<'a> {
    pub(crate) host: Option<&'a str>,
    pub(crate) program: Option<&'a str>,
    pub(crate) pid: Option<&'a str>,
    pub(crate) message: &'a str,
}

/// The header that stands behind a stamp, of RFC 5424 or of RFC 3164.
pub(crate) fn header(rest: &str, version: bool) -> Option<Header<'_>> {
    if version { header_5424(rest) } else { header_3164(rest) }
}

impl Header<'_> {
    /// Many logs begin with an ISO stamp. syslog goes on with a host and a program, an application with a level.
    pub(crate) fn is_syslog(&self) -> bool {
        const LEVELS: [&str; 11] = ["TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "CRITICAL", "FATAL", "SEVERE", "LOG"];
        let is_level = |word: &str| LEVELS.contains(&word.trim_matches(['[', ']']).to_ascii_uppercase().as_str());
        self.program.is_some_and(|program| self.host.is_some() || !is_level(program)) && !self.host.is_some_and(is_level)
    }
}

/// `host sshd[1234]: message`; the host may be missing.
fn header_3164(rest: &str) -> Option<Header<'_>> {
    let (first, after) = rest.split_once(' ')?;
    let (host, rest) = if first.ends_with(':') && !first.starts_with('{') { (None, rest) } else { (Some(first), after.trim_start()) };
    let rest = rest.split_once(' ').filter(|(word, _)| is_priority(word)).map_or(rest, |(_, behind)| behind.trim_start());
    // A program's name holds no quote and no brace: `{"level":` behind a stamp is JSON.
    let is_tag = |tag: &str| !tag.contains(['"', '{', '}', '<', '>', '\'']);
    let end = rest.find([':', ' ']).filter(|end| rest.as_bytes()[*end] == b':' && *end <= 128 && is_tag(&rest[..*end]));
    let Some(end) = end.filter(|end| rest[end + 1..].is_empty() || rest[end + 1..].starts_with(' ')) else {
        return Some(Header { host, program: None, pid: None, message: rest });
    };
    let (tag, message) = (&rest[..end], rest[end + 1..].trim_start());
    let (program, pid) = match tag.strip_suffix(']').and_then(|t| t.rsplit_once('[')) {
        Some((program, pid)) => (program, Some(pid)),
        None => (tag, None),
    };
    let program = program.rsplit('/').next().filter(|p| !p.is_empty());
    Some(Header { host, program, pid, message })
}

/// `host app procid msgid [structured data] message`
fn header_5424(rest: &str) -> Option<Header<'_>> {
    let mut parts = rest.splitn(5, ' ');
    let (host, program, pid, _id, rest) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let message = if rest.starts_with('[') { &rest[structured_data(rest)..] } else { rest.strip_prefix('-').unwrap_or(rest) };
    let present = |text| Some(text).filter(|t| *t != "-");
    Some(Header { host: present(host), program: present(program), pid: present(pid), message: message.trim_start_matches([' ', '\u{feff}']) })
}

/// Length of `[id a="b"][…]`; a bracket in quotes belongs to its value.
fn structured_data(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b']' if !quoted && text.as_bytes().get(at + 1) != Some(&b'[') => return at + 1,
            _ => {}
        }
    }
    text.len()
}

const fn kind(class: Class, activity: Activity, status: Status) -> Kind {
    Kind { class, activity, status: Some(status) }
}

const SIGNED_IN: Kind = kind(Class::Authentication, Activity::Logon, Status::Success);
const SIGN_IN_FAILED: Kind = kind(Class::Authentication, Activity::Logon, Status::Failure);
const SIGNED_OUT: Kind = kind(Class::Authentication, Activity::Logoff, Status::Success);
const OTHER: Kind = kind(Class::Other, Activity::Other, Status::Unknown);

/// Reads what a program says: class, account, address, command. The message is kept in any case, secrets masked.
pub(super) fn describe<'a>(filling: &mut Filling<'a>, program: &str, message: &'a str) {
    let message = message.trim();
    filling.put(&Column::Message, Cow::Borrowed(message));
    let program = program.to_ascii_lowercase();
    // `sshd(pam_unix)`: older systems name the module with the program.
    let (program, module) = program.split_once("(pam_").map_or((program.as_str(), false), |(program, _)| (program, true));
    let (message, repeated) = unrepeated(message);
    if let Some(count) = repeated {
        filling.label("repeated", Cow::Borrowed(count));
    }
    let known = if module || message.starts_with("pam_") || message.starts_with("PAM ") || message.starts_with("(pam_") {
        pam(filling, program, message)
    } else {
        match program {
            "sshd" | "sshd-session" | "sshd-auth" | "dropbear" => sshd(filling, message),
            "sudo" => sudo(filling, message),
            "su" => su(filling, message),
            "cron" | "crond" | "anacron" => cron(filling, message),
            "systemd-logind" => logind(filling, message),
            "useradd" | "usermod" | "userdel" | "groupadd" | "groupmod" | "groupdel" | "passwd" | "chpasswd" | "gpasswd" | "chage" | "chfn" | "chsh"
            | "newusers" | "adduser" | "deluser" => account_tool(filling, message),
            _ => None,
        }
    };
    filling.kind(known.unwrap_or(OTHER));
}

/// `message repeated 3 times: [ Failed password … ]`
fn unrepeated(message: &str) -> (&str, Option<&str>) {
    let inner = message.strip_prefix("message repeated ").and_then(|rest| rest.split_once(" times: ["));
    match inner {
        Some((count, inner)) => (inner.strip_suffix(']').unwrap_or(inner).trim(), Some(count)),
        None => (message, None),
    }
}

fn sshd<'a>(filling: &mut Filling<'a>, message: &'a str) -> Option<Kind> {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    if let Some(rest) = message.strip_prefix("Accepted ") {
        let (method, rest) = rest.split_once(" for ")?;
        filling.label("method", Cow::Borrowed(method));
        // Who was let in is an account of the machine: what is written like a place behind the first one is of the key.
        let which = if has_key(method) { Which::First } else { Which::Last };
        if let Some((_, key)) = user_from_ssh2(filling, rest, which).and_then(|behind| behind.split_once(": ")) {
            filling.label("public_key", Cow::Borrowed(key));
        }
        return Some(SIGNED_IN);
    }
    for failed in ["Failed ", "maximum authentication attempts exceeded", "Postponed "] {
        if let Some(rest) = message.strip_prefix(failed) {
            let (method, rest) = rest.split_once(" for ").or_else(|| rest.split_once("for "))?;
            let method = method.trim();
            if !method.is_empty() {
                filling.label("method", Cow::Borrowed(method));
            }
            user_from_ssh2(filling, rest, if has_key(method) { Which::Only } else { Which::Last });
            return Some(if failed == "Postponed " { kind(Class::Authentication, Activity::Other, Status::Unknown) } else { SIGN_IN_FAILED });
        }
    }
    if let Some((complaint, user)) = message.strip_prefix("PAM: ").and_then(|rest| rest.split_once(" for ")) {
        filling.label("method", Cow::Borrowed("pam"));
        user_from(filling, user);
        let failed = complaint != "Authentication success";
        return Some(if failed { SIGN_IN_FAILED } else { kind(Class::Authentication, Activity::Other, Status::Success) });
    }
    for invalid in ["Invalid user ", "Illegal user "] {
        if let Some(rest) = message.strip_prefix(invalid) {
            filling.label("invalid_user", Cow::Borrowed("true"));
            // `Invalid user  from 10.0.0.1`: an empty name is a name too.
            user_from(filling, rest);
            return Some(SIGN_IN_FAILED);
        }
    }
    if let Some(rest) = message.strip_prefix("User ").filter(|rest| rest.contains(" not allowed because ")) {
        user_from(filling, rest.rsplit_once(" not allowed because ").map_or(rest, |(named, _)| named));
        return Some(SIGN_IN_FAILED);
    }
    sshd_connection(filling, message)
}

fn sshd_connection<'a>(filling: &mut Filling<'a>, message: &'a str) -> Option<Kind> {
    if let Some(rest) = message.strip_prefix("Received disconnect from ").or_else(|| message.strip_prefix("Connection from ")) {
        address(filling, rest);
        let activity = if message.starts_with('R') { Activity::Disconnect } else { Activity::Connect };
        return Some(kind(Class::Authentication, activity, Status::Unknown));
    }
    for closed in ["Disconnected from ", "Connection closed by ", "Connection reset by ", "Disconnecting "] {
        let Some(rest) = message.strip_prefix(closed) else { continue };
        let signed_in = rest.strip_prefix("user ");
        let tried = rest.strip_prefix("authenticating user ").or_else(|| rest.strip_prefix("invalid user "));
        if rest.starts_with("invalid user ") {
            filling.label("invalid_user", Cow::Borrowed("true"));
        }
        // `Disconnecting … : reason`, which may quote a second name that the client gave.
        let which = if closed == "Disconnecting " { Which::Only } else { Which::Last };
        match signed_in.or(tried) {
            Some(named) => user_and_address(filling, named, which),
            None => address(filling, rest),
        }
        return Some(if signed_in.is_some() && !message.contains("[preauth]") {
            SIGNED_OUT
        } else {
            kind(Class::Authentication, Activity::Disconnect, Status::Unknown)
        });
    }
    if let Some(named) = message.strip_prefix("Timeout, client not responding from user ") {
        user_and_address(filling, named, Which::Last);
        return Some(kind(Class::Authentication, Activity::Disconnect, Status::Unknown));
    }
    // What follows is the client's own offer.
    if let Some(rest) = message.strip_prefix("Unable to negotiate with ") {
        address(filling, rest);
        return None;
    }
    if let Some((_, place)) = message.rsplit_once(" from ").or_else(|| message.rsplit_once(" with "))
        && (place.split([' ', ':']).next().is_some_and(|host| host.contains('.')) || place.contains(" port "))
    {
        address(filling, place);
    }
    None
}

/// Which of the places of a line is the client's, where several stand in it: a name, the id of a certificate and a reason are
/// chosen by whoever signs in, and may be written like a place.
#[derive(Clone, Copy)]
enum Which {
    /// Nothing before it was chosen by an outsider.
    First,
    /// Nothing behind it was.
    Last,
    /// Both may have been: of several none is known to be it.
    Only,
}

/// Methods whose line goes on with the key, the certificate or the principal that was shown.
fn has_key(method: &str) -> bool {
    ["publickey", "hostbased", "gssapi"].iter().any(|known| method.starts_with(known))
}

/// `HOST port N`, what stands before it, and what behind.
struct Place<'a> {
    before: &'a str,
    place: &'a str,
    behind: &'a str,
}

/// The place of a line: `lead`, a host, ` port `, a number, and something behind that `fits`. `None` if none is there; `Some(None)` if
/// nobody can say which it is, which is labelled.
#[expect(clippy::option_option, reason = "no place, and no certain one, are two things")]
fn place_of<'a>(filling: &mut Filling<'a>, text: &'a str, lead: &str, which: Which, fits: impl Fn(&str) -> bool) -> Option<Option<Place<'a>>> {
    // From the right, so that of `a from from ADDRESS` the second is seen.
    let mut places = text.rmatch_indices(lead).filter_map(|(at, _)| {
        let place = &text[at + lead.len()..];
        let host = place.find(' ')?;
        let port = place[host..].strip_prefix(" port ")?;
        let digits = port.bytes().take_while(u8::is_ascii_digit).count();
        let end = host + " port ".len() + digits;
        let is_it = digits > 0 && (lead != " " || place[..host].contains(['.', ':']) || &place[..host] == "UNKNOWN") && fits(&place[end..]);
        is_it.then(|| Place { before: &text[..at], place: &place[..end], behind: &place[end..] })
    });
    let last = places.next()?;
    match which {
        Which::Last => Some(Some(last)),
        Which::First => Some(Some(places.last().unwrap_or(last))),
        Which::Only if places.next().is_none() => Some(Some(last)),
        Which::Only => {
            filling.label("ambiguous", Cow::Borrowed("place"));
            Some(None)
        }
    }
}

fn without_preauth(text: &str) -> &str {
    text.strip_suffix(" [preauth]").unwrap_or(text)
}

/// `NAME ADDRESS port N[: reason]`
fn user_and_address<'a>(filling: &mut Filling<'a>, named: &'a str, which: Which) {
    let found = place_of(filling, named, " ", which, |behind| match which {
        Which::Only => without_preauth(behind).is_empty() || behind.starts_with(':'),
        Which::First | Which::Last => true,
    });
    match found {
        Some(Some(found)) => {
            filling.put(&Column::Account, Cow::Borrowed(found.before));
            address(filling, found.place);
        }
        Some(None) => {}
        None => address(filling, named),
    }
}

/// Takes off `invalid user `, which becomes a label.
fn valid_or_not<'a>(filling: &mut Filling<'a>, rest: &'a str) -> &'a str {
    let Some(rest) = rest.strip_prefix("invalid user ").or_else(|| rest.strip_prefix("illegal user ")) else { return rest };
    filling.label("invalid_user", Cow::Borrowed("true"));
    rest
}

/// `[invalid user ]NAME from ADDRESS port N ssh2[: KEY]`; gives back what stands behind `ssh2`.
fn user_from_ssh2<'a>(filling: &mut Filling<'a>, rest: &'a str, which: Which) -> Option<&'a str> {
    let named = valid_or_not(filling, rest);
    let found = place_of(filling, named, " from ", which, |behind| {
        behind.strip_prefix(" ssh2").is_some_and(|behind| without_preauth(behind).is_empty() || behind.starts_with(": "))
    });
    match found {
        Some(Some(found)) => {
            filling.put(&Column::Account, Cow::Borrowed(found.before.trim()));
            address(filling, found.place);
            found.behind.strip_prefix(" ssh2")
        }
        Some(None) => None,
        // An empty name, or a line of another age, which ends with the address.
        None => {
            user_from(filling, named);
            None
        }
    }
}

/// `[invalid user ]NAME from ADDRESS[ port N…]`. The last ` from ` counts: a name may itself be written like one.
fn user_from<'a>(filling: &mut Filling<'a>, rest: &'a str) {
    let rest = valid_or_not(filling, rest);
    let (user, place) = match rest.rsplit_once(" from ") {
        Some((user, place)) => (user, Some(place)),
        None => match rest.strip_prefix("from ") {
            Some(place) => ("", Some(place)),
            None => (rest, None),
        },
    };
    filling.put(&Column::Account, Cow::Borrowed(user.trim()));
    if let Some(place) = place {
        address(filling, place);
    }
}

/// `ADDRESS[ port N]`
fn address<'a>(filling: &mut Filling<'a>, place: &'a str) {
    let end = place.find([' ', ',', ';']).unwrap_or(place.len());
    let host = place[..end].trim_end_matches(':');
    if host == "UNKNOWN" {
        return; // the peer was gone before sshd could ask; the port is made up, too
    }
    filling.put(&Column::SrcIp, Cow::Borrowed(host));
    if let Some(port) = place[end..].strip_prefix(" port ") {
        let digits = port.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            filling.put(&Column::SrcPort, Cow::Borrowed(&port[..digits]));
        }
    }
}

/// `amy : TTY=pts/0 ; PWD=/home/amy ; USER=root ; COMMAND=/bin/ls`, with a complaint before `TTY` if it was refused.
fn sudo<'a>(filling: &mut Filling<'a>, message: &'a str) -> Option<Kind> {
    let (user, rest) = message.split_once(" : ")?;
    if user.contains(' ') {
        return None;
    }
    filling.put(&Column::Account, Cow::Borrowed(user.trim()));
    if let Some(command) = rest.strip_prefix("(command continued) ") {
        // The rest of a command line too long for one message. How the command ended stands in the message before.
        filling.label("continued", Cow::Borrowed("true"));
        filling.put(&Column::Command, Cow::Borrowed(command));
        return Some(kind(Class::Process, Activity::Execute, Status::Unknown));
    }
    let (fields, command) = match rest.split_once("COMMAND=") {
        Some((fields, command)) => (fields, Some(command)),
        None => (rest, None),
    };
    let mut complaint = None;
    for part in fields.split(" ; ").map(|part| part.trim().trim_end_matches(" ;")) {
        match part.split_once('=') {
            Some(("TTY", tty)) => filling.label("tty", Cow::Borrowed(tty)),
            Some(("PWD", folder)) => filling.label("folder", Cow::Borrowed(folder)),
            Some(("USER", target)) => filling.label("run_as", Cow::Borrowed(target)),
            Some(_) => {}
            None if part.is_empty() || part == ";" => {}
            None => complaint = complaint.or(Some(part)),
        }
    }
    if let Some(command) = command {
        filling.put(&Column::Command, Cow::Borrowed(command));
    }
    Some(match complaint {
        Some(text) if text.contains("password") => SIGN_IN_FAILED,
        Some(_) => kind(Class::Process, Activity::Execute, Status::Failure),
        None => kind(Class::Process, Activity::Execute, Status::Success),
    })
}

/// `(to root) amy on pts/0`, `Successful su for root by amy`, `FAILED SU (to root) amy on pts/0`, `+ /dev/pts/0 amy:root`.
fn su<'a>(filling: &mut Filling<'a>, message: &'a str) -> Option<Kind> {
    let failed = message.starts_with("FAILED") || message.starts_with("- ");
    let rest = message.strip_prefix("FAILED SU ").or_else(|| message.strip_prefix("FAILED su ")).unwrap_or(message);
    let (account, target) = if let Some(inner) = rest.strip_prefix("(to ") {
        let (target, rest) = inner.split_once(") ")?;
        (rest.split(' ').next()?, target)
    } else if let Some((target, account)) = rest.strip_prefix("Successful su for ").or_else(|| rest.strip_prefix("for ")).and_then(|r| r.split_once(" by ")) {
        (account, target)
    } else if message.starts_with("+ ") || message.starts_with("- ") {
        message.rsplit(' ').next()?.split_once(':')?
    } else {
        return None;
    };
    filling.put(&Column::Account, Cow::Borrowed(account));
    filling.label("run_as", Cow::Borrowed(target));
    Some(if failed { SIGN_IN_FAILED } else { SIGNED_IN })
}

/// `(root) CMD (run-parts /etc/cron.hourly)`
fn cron<'a>(filling: &mut Filling<'a>, message: &'a str) -> Option<Kind> {
    let (user, rest) = message.strip_prefix('(')?.split_once(')')?;
    let command = rest.trim_start().strip_prefix("CMD (")?;
    filling.put(&Column::Account, Cow::Borrowed(user));
    filling.put(&Column::Command, Cow::Borrowed(command.strip_suffix(')').unwrap_or(command).trim()));
    Some(kind(Class::Process, Activity::Execute, Status::Unknown))
}

/// `pam_unix(sshd:session): session opened for user amy(uid=1000) by (uid=0)`, `authentication failure; … user=amy`,
/// `password changed for amy`.
fn pam<'a>(filling: &mut Filling<'a>, program: &str, message: &'a str) -> Option<Kind> {
    let service = message.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(inside, _)| inside.split(':').next().unwrap_or(inside));
    if let Some(service) = service.filter(|service| *service != program) {
        filling.label("service", Cow::Borrowed(service));
    }
    let body = message.split_once("): ").map_or(message, |(_, body)| body);
    if let Some(rest) = body.strip_prefix("session opened for user ").or_else(|| body.strip_prefix("session closed for user ")) {
        let user = rest.split([' ', '(']).next()?;
        filling.put(&Column::Account, Cow::Borrowed(user));
        if let Some(by) = rest.split_once(" by ").map(|(_, by)| by.split('(').next().unwrap_or("")).filter(|by| !by.is_empty()) {
            filling.label("by", Cow::Borrowed(by));
        }
        return Some(if body.starts_with("session opened") { SIGNED_IN } else { SIGNED_OUT });
    }
    let succeeded = body.starts_with("authentication success");
    if succeeded || body.starts_with("authentication failure") || body.contains("more authentication failure") {
        for part in body.split([' ', ';']) {
            match part.split_once('=') {
                Some(("user", user)) => filling.put(&Column::Account, Cow::Borrowed(user)),
                Some(("rhost", host)) => filling.put(&Column::SrcIp, Cow::Borrowed(host)),
                Some(("tty", tty)) if !tty.is_empty() => filling.label("tty", Cow::Borrowed(tty)),
                Some(("ruser", user)) if !user.is_empty() => filling.label("by", Cow::Borrowed(user)),
                _ => {}
            }
        }
        // The right password is not yet a sign-in: the account may still be refused.
        return Some(if succeeded { kind(Class::Authentication, Activity::Other, Status::Success) } else { SIGN_IN_FAILED });
    }
    if let Some(user) = body.strip_prefix("password changed for ") {
        filling.put(&Column::Account, Cow::Borrowed(user));
        return Some(kind(Class::AccountChange, Activity::Other, Status::Success));
    }
    None
}

/// `New session 12 of user amy.`, `Session 12 logged out. …`, `Removed session 12.`
fn logind<'a>(filling: &mut Filling<'a>, message: &'a str) -> Option<Kind> {
    if let Some(rest) = message.strip_prefix("New session ") {
        let (number, user) = rest.split_once(" of user ")?;
        filling.label("login_session", Cow::Borrowed(number.trim_matches('\'')));
        filling.put(&Column::Account, Cow::Borrowed(user.split(" with ").next().unwrap_or(user).trim_end_matches('.').trim_matches('\'')));
        return Some(SIGNED_IN);
    }
    let number = message.strip_prefix("Removed session ").or_else(|| message.strip_prefix("Session ").filter(|rest| rest.contains("logged out")))?;
    filling.label("login_session", Cow::Borrowed(number.split([' ', '.']).next().unwrap_or(number)));
    Some(SIGNED_OUT)
}

/// `new user: name=amy, UID=1001, …`, `add 'amy' to group 'sudo'`, `delete user 'amy'`, `user amy added by root to group sudo`.
fn account_tool<'a>(filling: &mut Filling<'a>, message: &'a str) -> Option<Kind> {
    let status = if message.contains("failed") || message.contains("cannot") || message.contains("can't") { Status::Failure } else { Status::Success };
    let mut quoted = message.split('\'').skip(1).step_by(2);
    if let Some((_, by)) = message.strip_prefix("password for '").and_then(|rest| rest.split_once("' changed by '")) {
        filling.label("by", Cow::Borrowed(by.trim_end_matches('\'')));
    }
    let about_group = message.starts_with("new group")
        || message.starts_with("group ")
        || message.starts_with("removed group")
        || message.starts_with("removed shadow group");
    let name = message.split_once("name=").map(|(_, rest)| rest.split([',', ' ']).next().unwrap_or(rest));
    let subject = name
        .or_else(|| quoted.next())
        .or_else(|| message.strip_prefix("user ").and_then(|rest| rest.split(' ').next()))
        .or_else(|| message.rsplit_once(" for ").map(|(_, user)| user));
    // A second quoted name is a group only where it is called one: others are shells, folders, numbers.
    let group = message.rsplit_once(" group ").map(|(_, group)| group.trim_matches('\''));
    match subject {
        Some(subject) if about_group => filling.label("group", Cow::Borrowed(subject)),
        Some(subject) => filling.put(&Column::Account, Cow::Borrowed(subject)),
        None => {}
    }
    if let Some(group) = group.filter(|_| !about_group) {
        filling.label("group", Cow::Borrowed(group));
    }
    Some(kind(Class::AccountChange, Activity::Other, status))
}
