//! The PostgreSQL server log as text (`log_destination = stderr`), with any `log_line_prefix`
//! (<https://www.postgresql.org/docs/current/runtime-config-logging.html#GUC-LOG-LINE-PREFIX>). The prefix becomes one
//! regular expression; where the estate gives none, the common one that fits most of the first lines is taken.
//!
//! The server begins every line of a message but the first with a tab, so that a statement cannot forge an entry.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock};

use regex::{Captures, Regex};

use super::Format;
use super::postgres::{Entry, Log, filled, without_lead};
use crate::stamp::{self, Stamp, Zone};
use crate::{Context, EventError, MAX_RECORD_BYTES, Output, Record};

macro_rules! prefixes {
    ($($prefix:literal),+ $(,)?) => {
        &[$(($prefix, concat!("postgresql_stderr (log_line_prefix taken to be '", $prefix, "')")),)+]
    };
}

/// Prefixes in common use (Debian, managed services, pgBadger's manual), with the name that custody records.
static PREFIXES: &[(&str, &str)] = prefixes![
    "%m [%p] ",
    "%m [%p] %q%u@%d ",
    "%t [%p] ",
    "%t [%p] %q%u@%d ",
    "%t [%p-%l] %q%u@%d ",
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: [%l-1] user=%u,db=%d,remote=%r ",
    "%t [%p]: [%l-1] user=%u,db=%d ",
    "%t [%p]: [%l-1] user=%u,db=%d,client=%h ",
    "%t [%p]: [%l-1] user=%u,db=%d,host=%h ",
    "%t [%p]: [%l-1] db=%d,user=%u,client=%h ",
    "%t [%p]: [%l-1] %q%u@%d ",
    "%t [%p]: user=%u,db=%d,client=%h ",
    "%t [%p]: user=%u,db=%d ",
    "%m [%p]: [%l-1] user=%u,db=%d ",
    "%m [%p]: [%l-1] user=%u,db=%d,client=%h ",
    "%m [%p] user=%u,db=%d,client=%h ",
    "%m [%p] user=%u,db=%d ",
    "%m [%p] db=%d,user=%u ",
    "%m [%p] db=%d,user=%u,app=%a,client=%h ",
    "%m [0] [%p]: [%l-1] db=%d,user=%u ",
    "%m [0] [%p]: [%l-1] user=%u,db=%d ",
    "%m [%p]  sql_error_code = %e ",
    "%m [%p] %quser=%u,db=%d,app=%a,client=%h ",
    "%m [%p] [queryid=%Q] %q%u@%d ",
    "%m [%p] %q[queryid=%Q] %u@%d ",
    "%m [%p] %q%u@%d [queryid=%Q] ",
    "%t [%p]: [%l-1] db=%d,user=%u,app=%a,client=%h ",
    "%t [%p]: [%l-1] db=%d,user=%u ",
    "%t [%p]: [%l-1] ",
    "%m [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%m [%p]: [%l-1] db=%d,user=%u,app=%a,client=%h ",
    "%m [%p]: [%l-1] db=%d,user=%u ",
    "%m [%p]: user=%u,db=%d,app=%a,client=%h ",
    "%m [%p] user=%u,db=%d,app=%a,client=%h ",
    "%m [%p] %q[user=%u,db=%d,app=%a] ",
    "%m [%p] %q[user=%u,db=%d,app=%a,client=%h] ",
    "%m [%p] %u@%d ",
    "%m [%p] %q%u@%d/%a ",
    "%m [%p] %q%a %u@%d ",
    "%m [%p] %q%u@%d %h ",
    "%m [%p] %q%u@%d %r ",
    "%m [%p] %q%u@%d %c %l %v ",
    "%m [%p] %q%u@%d %c %l ",
    "%m [%p] %q%u@%d %c ",
    "%m [%p] %q%u@%d %c:%l ",
    "%m [%p] %q%u@%d %h %c %l ",
    "%m [%p] %q%u@%d %v ",
    "%m [%p] %q%u@%d %x ",
    "%m [%p] %q%u@%d %e ",
    "%m [%p] %q%u@%d %l ",
    "%m [%p] %q%u@%d %i ",
    "%m [%p] %q[%c] %u@%d ",
    "%m [%p] %c %l %q%u@%d ",
    "%m [%p] [%c] %q%u@%d ",
    "%m [%p:%c] %q%u@%d ",
    "%m %p %u@%d from %h [vxid:%v txid:%x] [%i] ",
    "%t:%r:%u@%d:[%p]:",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:",
    "%t-%c-",
    "%m %u %d [%p] ",
    "< %m > ",
    "<%m> ",
    "%m ",
    "%t ",
];

/// First words of an entry, in the languages that the server speaks most.
const SEVERITIES: &str = "DEBUG[1-5]?|INFO|NOTICE|LOG|WARNING|ERROR|FATAL|PANIC|FEHLER|WARNUNG|HINWEIS|PANIK|ERREUR|ATTENTION|PANIQUE|ADVERTENCIA|NOTICIA|P\u{c1}NICO|日志|错误|致命错误|警告|注意";

/// First words of a line that belongs to the entry before it.
const PARTS: &str = "DETAIL|HINT|QUERY|CONTEXT|STATEMENT|LOCATION|BACKTRACE|TIPP|ANFRAGE|ZUSAMMENHANG|ANWEISUNG|ORT|D\u{c9}TAIL|ASTUCE|REQU\u{ca}TE|CONTEXTE|INSTRUCTION|EMPLACEMENT|DETALLE|SUGERENCIA|CONTEXTO|SENTENCIA|UBICACI\u{d3}N|详细信息|提示|上下文|语句";

/// Entries that may wait for their last line at a time: as many backends as write at the same moment.
const OPEN_ENTRIES: usize = 64;

/// Sessions whose line counts are kept.
const MOST_SESSIONS: usize = 65_536;

/// A server log in text.
pub struct PostgresText {
    name: &'static str,
    prefix: Arc<Regex>,
    zone: Zone,
    log: Log,
    open: VecDeque<Draft>,
    sessions: HashMap<String, Counted>,
    /// Whether the line before was refused, so that lines that go on are refused with it in silence.
    adrift: bool,
}

/// What is counted of a session: the line number of a text log also counts DETAIL, STATEMENT and the like.
#[derive(Debug, Default)]
struct Counted {
    parts: i64,
    started: String,
}

impl PostgresText {
    /// For one artefact. `head` is its first bytes, to find the prefix where the estate gives none; `None` where none fits.
    ///
    /// # Errors
    /// If the estate names no zone that exists, or a prefix that cannot be one.
    pub fn new(context: &Context<'_>, head: &[u8]) -> Result<Option<Self>, EventError> {
        let configuration = |reason| EventError::Configuration { source_id: context.source.id.clone(), reason };
        let (prefix, name) = match &context.source.log_format {
            Some(written) => (Arc::new(compile(written).map_err(configuration)?), "postgresql_stderr"),
            None => match infer(head) {
                Some(known) => known,
                None => return Ok(None),
            },
        };
        Ok(Some(Self { name, prefix, zone: Zone::of(context)?, log: Log::default(), open: VecDeque::new(), sessions: HashMap::new(), adrift: false }))
    }

    /// A line that begins an entry.
    fn begin(&mut self, captures: &Captures<'_>, record: &Record<'_>) -> Result<(), &'static str> {
        let draft = self.draft(captures, record)?;
        for open in &mut self.open {
            open.closed |= open.key == draft.key || draft.key.is_empty();
        }
        self.open.push_back(draft);
        Ok(())
    }

    fn draft(&mut self, captures: &Captures<'_>, record: &Record<'_>) -> Result<Draft, &'static str> {
        let group = |name: &str| captures.name(name).map(|m| m.as_str().trim()).and_then(filled).filter(|v| *v != "[unknown]");
        let written = group("m").or(group("t")).or(group("n")).or(group("s")).ok_or("the prefix holds no time stamp (%m, %t or %n)")?;
        let stamp = stamp::parse(written, &self.zone).ok_or("the time stamp cannot be read")?;
        let (host, port) = match group("r") {
            Some(remote) => remote_of(remote),
            None => (group("h"), None),
        };
        let pid: Option<i32> = group("p").and_then(|p| p.parse().ok());
        let key = join_key(captures);
        let parts = self.sessions.get(&key).map_or(0, |counted| counted.parts);
        let message = captures.name("message").map_or("", |m| m.as_str());
        let session = match group("c") {
            Some(session) => Some(session.to_owned()),
            None => pid.map(|pid| self.session_of(pid, &key, group("s").unwrap_or(written), message)),
        };
        Ok(Draft {
            key,
            stamp,
            account: group("u").map(str::to_owned),
            database: group("d").map(str::to_owned),
            application: group("a").map(str::to_owned),
            host: host.map(str::to_owned),
            port,
            pid,
            session,
            sequence: group("l").and_then(|l| l.parse::<i64>().ok()).map(|l| l - parts),
            transaction: group("v").or(group("x").filter(|x| *x != "0")).map(str::to_owned),
            severity: group("severity").unwrap_or_default().to_owned(),
            code: group("code").or(group("e")).map(str::to_owned),
            message: message.to_owned(),
            detail: None,
            context: None,
            statement: None,
            backend: group("b").map(str::to_owned),
            activity: group("i").map(str::to_owned),
            last: Part::Message,
            offset: record.offset,
            line: record.line,
            end: record.end(),
            closed: false,
        })
    }

    /// `pid@start`: where no session id is logged, the start is the session's own (`%s`) or the first line seen of it.
    fn session_of(&mut self, pid: i32, key: &str, at: &str, message: &str) -> String {
        if self.sessions.len() >= MOST_SESSIONS {
            self.sessions.clear();
        }
        let counted = self.sessions.entry(key.to_owned()).or_default();
        if counted.started.is_empty() || message.starts_with("connection received") {
            at.clone_into(&mut counted.started);
        }
        format!("{pid}@{}", counted.started)
    }

    /// A DETAIL, CONTEXT, STATEMENT … line, joined to the entry of its process.
    fn part(&mut self, captures: &Captures<'_>, record: &Record<'_>) -> bool {
        let key = join_key(captures);
        if self.sessions.len() < MOST_SESSIONS {
            self.sessions.entry(key.clone()).or_default().parts += 1;
        }
        let Some(draft) = self.open.iter_mut().rev().find(|d| d.key == key && !d.closed) else { return false };
        draft.end = record.end();
        let text = captures.name("message").map_or("", |m| m.as_str()).to_owned();
        draft.last = match captures.name("part").map_or("", |m| m.as_str()) {
            "DETAIL" | "D\u{c9}TAIL" | "DETALLE" | "详细信息" => Part::Detail,
            "CONTEXT" | "ZUSAMMENHANG" | "CONTEXTE" | "CONTEXTO" | "上下文" => Part::Context,
            "STATEMENT" | "ANWEISUNG" | "INSTRUCTION" | "SENTENCIA" | "语句" => Part::Statement,
            _ => Part::Other,
        };
        match draft.last {
            Part::Detail => draft.detail = Some(text),
            Part::Context => draft.context = Some(text),
            Part::Statement => draft.statement = Some(text),
            Part::Message | Part::Other => {}
        }
        true
    }

    /// A line that goes on: the server writes a tab before it.
    fn go_on(&mut self, text: &str, record: &Record<'_>) -> bool {
        let Some(draft) = self.open.back_mut() else { return false };
        if draft.size() + text.len() > MAX_RECORD_BYTES {
            return false;
        }
        draft.end = record.end();
        let target = match draft.last {
            Part::Message => Some(&mut draft.message),
            Part::Detail => draft.detail.as_mut(),
            Part::Context => draft.context.as_mut(),
            Part::Statement => draft.statement.as_mut(),
            Part::Other => None,
        };
        if let Some(target) = target {
            target.push('\n');
            target.push_str(text.strip_prefix('\t').unwrap_or(text));
        }
        true
    }

    /// Gives out entries from the front that nothing can be added to any more.
    fn give(&mut self, most_open: usize, output: &mut Output<'_>) {
        while self.open.front().is_some_and(|d| d.closed) || self.open.len() > most_open {
            let Some(draft) = self.open.pop_front() else { break };
            draft.emit(&mut self.log, output);
        }
    }
}

impl Format for PostgresText {
    fn name(&self) -> &'static str {
        self.name
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        let text = String::from_utf8_lossy(record.bytes);
        let text = without_lead(&text);
        if text.starts_with('\t') || text.is_empty() {
            let joined = !self.adrift && self.go_on(text, record);
            match (joined, text.is_empty()) {
                (true, _) | (false, true) => {}
                (false, false) => output.refuse(record, "a line that goes on, and nothing before it that it belongs to"),
            }
            return;
        }
        let prefix = Arc::clone(&self.prefix);
        let outcome = match prefix.captures(text) {
            None => Err("not a line of a server log with this log_line_prefix"),
            Some(captures) if captures.name("part").is_some() => {
                if self.part(&captures, record) {
                    Ok(())
                } else {
                    Err("a DETAIL, HINT or STATEMENT line, and no entry before it that it belongs to")
                }
            }
            Some(captures) => self.begin(&captures, record),
        };
        self.adrift = outcome.is_err();
        if let Err(reason) = outcome {
            output.refuse(record, reason);
        }
        self.give(OPEN_ENTRIES, output);
    }

    fn finish(&mut self, output: &mut Output<'_>) {
        self.give(0, output);
    }
}

/// The line number of a session's entry counts the parts of entries before it, so both go by the same key.
fn join_key(captures: &Captures<'_>) -> String {
    let group = |name: &str| captures.name(name).map(|m| m.as_str().trim()).filter(|v| !v.is_empty());
    group("c").or(group("p")).unwrap_or_default().to_owned()
}

/// `host(port)`, `[local]`.
fn remote_of(remote: &str) -> (Option<&str>, Option<i32>) {
    match remote.strip_suffix(')').and_then(|r| r.rsplit_once('(')) {
        Some((host, port)) => (filled(host), port.parse().ok()),
        None => (filled(remote), None),
    }
}

/// Which part of an entry the last line belonged to.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Message,
    Detail,
    Context,
    Statement,
    Other,
}

/// An entry that may still get lines.
struct Draft {
    key: String,
    stamp: Stamp,
    account: Option<String>,
    database: Option<String>,
    application: Option<String>,
    host: Option<String>,
    port: Option<i32>,
    pid: Option<i32>,
    session: Option<String>,
    sequence: Option<i64>,
    transaction: Option<String>,
    severity: String,
    code: Option<String>,
    message: String,
    detail: Option<String>,
    context: Option<String>,
    statement: Option<String>,
    backend: Option<String>,
    activity: Option<String>,
    last: Part,
    offset: u64,
    line: u64,
    end: u64,
    closed: bool,
}

impl Draft {
    fn size(&self) -> usize {
        let part = |p: &Option<String>| p.as_ref().map_or(0, String::len);
        self.message.len() + part(&self.detail) + part(&self.context) + part(&self.statement)
    }

    fn emit(&self, log: &mut Log, output: &mut Output<'_>) {
        let mut entry = Entry::new(self.stamp, &self.severity, without_position(&self.message));
        entry.account = self.account.as_deref();
        entry.database = self.database.as_deref();
        entry.application = self.application.as_deref();
        entry.host = self.host.as_deref();
        entry.port = self.port;
        entry.pid = self.pid;
        entry.session = self.session.as_deref();
        entry.sequence = self.sequence;
        entry.transaction = self.transaction.as_deref();
        entry.code = self.code.as_deref();
        entry.detail = self.detail.as_deref();
        entry.context = self.context.as_deref();
        entry.statement = self.statement.as_deref();
        entry.backend_type = self.backend.as_deref();
        entry.activity = self.activity.as_deref();
        let record = Record::at(self.offset, self.end, self.line);
        let place = output.place(&record);
        let event = log.read(&entry, place);
        output.event(&record, event);
    }
}

/// The text log puts the place of a syntax error behind the message.
fn without_position(message: &str) -> &str {
    match message.rsplit_once(" at character ") {
        Some((before, digits)) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => before,
        _ => message,
    }
}

/// The regular expression of a `log_line_prefix` and what follows it.
fn compile(prefix: &str) -> Result<Regex, String> {
    let mut pattern = String::from("(?s)^");
    let mut seen = String::new();
    let mut optional = false;
    let mut letters = prefix.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            pattern.push_str(&regex::escape(&letter.to_string()));
            continue;
        }
        let mut padded = false;
        while letters.peek().is_some_and(|c| c.is_ascii_digit() || *c == '-') {
            padded = true;
            letters.next();
        }
        let Some(escape) = letters.next() else { break };
        if escape == 'q' {
            optional = true;
            pattern.push_str("(?:");
            continue;
        }
        let Some(body) = escape_pattern(escape) else {
            pattern.push_str(if escape == '%' { "%" } else { "" });
            continue;
        };
        let space = if padded { " *" } else { "" };
        let name = if seen.contains(escape) { String::new() } else { format!("?P<{escape}>") };
        seen.push(escape);
        pattern.push_str(&format!("{space}({name}{body}){space}"));
    }
    pattern.push_str(if optional { ")?" } else { "" });
    let code = "(?:(?P<code>(?:[0-5][0-9A-Z]|F0|HV|P0|XX|72)[0-9A-Z]{3}): )?";
    pattern.push_str(&format!(r"\s*(?:(?P<severity>{SEVERITIES})|(?P<part>{PARTS})): {{1,2}}{code}(?P<message>.*)$"));
    if !seen.contains(['m', 't', 'n', 's']) {
        return Err("log_line_prefix holds no time (%m, %t or %n), so that its lines cannot be placed".to_owned());
    }
    regex::RegexBuilder::new(&pattern).size_limit(8 << 20).build().map_err(|_| "log_line_prefix cannot be understood".to_owned())
}

/// What an escape stands for; `None` for one that prints nothing.
fn escape_pattern(escape: char) -> Option<&'static str> {
    Some(match escape {
        'm' | 't' => r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [A-Za-z0-9+:-]+",
        's' => r"(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [A-Za-z0-9+:-]+)?",
        'n' => r"\d+\.\d+",
        'p' | 'P' | 'l' | 'x' => r"\d*",
        'c' => r"(?:[0-9a-f]+\.[0-9a-f]+)?",
        'v' => r"(?:-?\d+/\d+)?",
        'e' => r"[0-9A-Z]{5}",
        'Q' => r"-?\d*",
        'h' | 'r' | 'L' => r"[^ ]*?",
        'a' | 'u' | 'd' | 'i' | 'b' => r".*?",
        _ => return None,
    })
}

/// Whether what a guessed prefix calls a role or a database can be one. A guess that is too short takes the words that it does
/// not know for a part of the last name before the level, and a database of that name is nobody's: such a line does not fit.
fn names_are_plausible(captures: &Captures<'_>) -> bool {
    let plausible = |name: &str| {
        let name = captures.name(name).map_or("", |m| m.as_str());
        name == "[unknown]" || !name.contains(|c: char| c.is_whitespace() || matches!(c, ',' | '=' | '[' | ']' | '(' | ')' | '"' | '|'))
    };
    // A command's tag (`%i`) is made of words.
    let tag = captures.name("i").map_or("", |m| m.as_str());
    plausible("u") && plausible("d") && tag.bytes().all(|b| b.is_ascii_alphabetic() || b == b' ')
}

/// A prefix, the name that custody records, and the lines that it fits.
type Prefix = (Arc<Regex>, &'static str);

/// The common prefixes, compiled once: an unknown file tries all of them.
static COMPILED: LazyLock<Vec<Prefix>> =
    LazyLock::new(|| PREFIXES.iter().filter_map(|(prefix, name)| Some((Arc::new(compile(prefix).ok()?), *name))).collect());

/// The common prefix that fits most of the first lines; the one listed first where several fit as many.
fn infer(head: &[u8]) -> Option<Prefix> {
    let text = String::from_utf8_lossy(head);
    let lines: Vec<&str> = text.lines().map(without_lead).filter(|l| !l.starts_with('\t') && LEVEL.is_match(l)).take(200).collect();
    let mut best: Option<(usize, &Prefix)> = None;
    // Without a level in any line it is no log of a server, whatever the prefix is.
    for candidate in COMPILED.iter().filter(|_| !lines.is_empty()) {
        let fitting = lines.iter().filter(|l| candidate.0.captures(l).is_some_and(|c| names_are_plausible(&c))).count();
        if fitting > best.map_or(0, |(most, _)| most) {
            best = Some((fitting, candidate));
        }
    }
    best.filter(|(fitting, _)| *fitting * 2 > lines.len()).map(|(_, candidate)| candidate.clone())
}

/// A level or the name of a part, as the server writes it behind the prefix.
static LEVEL: LazyLock<Regex> = LazyLock::new(|| Regex::new(&format!("(?:{SEVERITIES}|{PARTS}): ")).expect("the words hold nothing special"));

#[cfg(test)]
mod tests {
    use super::PostgresText;
    use crate::testing;

    fn check(prefix: Option<&str>, input: &str, name: &str, expected: &str) {
        let (collected, summary) =
            testing::read(input.as_bytes(), prefix, |context, head| Ok(Box::new(PostgresText::new(context, head)?.expect("a prefix fits"))));
        assert_eq!((collected.text().as_str(), summary.format.as_str()), (expected, name));
    }

    #[test]
    fn the_prefix_is_found_and_lines_are_joined() {
        check(
            None,
            "2026-11-24 20:54:26.340 UTC [97] [unknown]@[unknown] LOG:  connection received: host=10.0.0.5 port=5\n\
             2026-11-24 20:54:26.341 UTC [97] app@hr LOG:  execute <unnamed>: select *\n\tfrom t where a=$1\n\
             2026-11-24 20:54:26.341 UTC [97] app@hr DETAIL:  parameters: $1 = 'x\n\ty'\n\
             2026-11-24 20:54:26.350 UTC [98] app@hr ERROR:  invalid input syntax for type integer: \"abc\" at character 8\n\
             2026-11-24 20:54:26.350 UTC [98] app@hr STATEMENT:  select 'abc'::int;\n\
             2026-11-24 20:54:26.350 UTC [1] LOG:  checkpoint starting: time\n",
            "postgresql_stderr (log_line_prefix taken to be '%m [%p] %q%u@%d ')",
            "1 datastore_activity/connect/unknown ip=10.0.0.5 port=5 session=97@2026-11-24 20:54:26.340 UTC pid=97 message=connection received: host=10.0.0.5 port=5\n\
             2 datastore_activity/read/unknown ip=10.0.0.5 port=5 account=app session=97@2026-11-24 20:54:26.340 UTC database=hr pid=97 command=SELECT statement=select *\\nfrom t where a=$1 parameters=[\"x\\ny\"] kind=execute\n\
             6 datastore_activity/error/failure account=app session=98@2026-11-24 20:54:26.350 UTC database=hr pid=98 command=SELECT statement=select 'abc'::int; kind=error_context message=invalid input syntax for type integer: \"[masked]\"\n\
             8 application_lifecycle/other/unknown session=1@2026-11-24 20:54:26.350 UTC pid=1 message=checkpoint starting: time",
        );
    }

    #[test]
    fn a_prefix_that_leaves_words_before_the_level_is_not_guessed() {
        let line = |prefix: &str| format!("2026-11-28 19:48:46.406 UTC [5150] app@mini {prefix} LOG:  statement: select 1\n");
        let expected = |session: &str, rest: &str| {
            format!(
                "1 datastore_activity/read/unknown account=app session={session} database=mini pid=5150 command=SELECT statement=select 1{rest} kind=statement"
            )
        };
        check(
            None,
            &line("6b0b301e.141e 3 3/30255"),
            "postgresql_stderr (log_line_prefix taken to be '%m [%p] %q%u@%d %c %l %v ')",
            &expected("6b0b301e.141e", " sequence=3 transaction=3/30255"),
        );
        assert!(super::infer(line("[queryid=77] of a fork").as_bytes()).is_none());
    }

    #[test]
    fn a_guess_swallows_nothing_into_a_name() {
        for (line, account, database) in [
            ("2026-11-24 20:54:26 UTC [97]: [1-1] user=app,db=hr,client=192.0.2.6 LOG:  statement: select 1\n", "app", "hr"),
            ("2026-11-24 20:54:26.001 UTC [97] [queryid=-5] app@hr LOG:  statement: select 1\n", "app", "hr"),
        ] {
            let (collected, _) = testing::read(line.as_bytes(), None, |context, head| Ok(Box::new(PostgresText::new(context, head)?.expect("a prefix fits"))));
            let event = &collected.events()[0];
            assert_eq!((event.account.as_deref(), event.database.as_deref()), (Some(account), Some(database)), "{line}");
        }
    }

    #[test]
    fn entries_of_two_processes_may_be_mixed() {
        check(
            Some("%t:%r:%u@%d:[%p]:%l:"),
            "2026-11-24 20:54:26 UTC:10.0.0.5(77):app@hr:[97]:3:LOG:  execute <unnamed>: select $1\n\
             2026-11-24 20:54:26 UTC:10.0.0.6(78):app@hr:[98]:1:LOG:  statement: select 2\n\
             2026-11-24 20:54:26 UTC:10.0.0.5(77):app@hr:[97]:4:DETAIL:  parameters: $1 = '1'\n\
             2026-11-24 20:54:27 UTC:10.0.0.5(77):app@hr:[97]:5:LOG:  statement: select 3\n",
            "postgresql_stderr",
            "1 datastore_activity/read/unknown ip=10.0.0.5 port=77 account=app session=97@2026-11-24 20:54:26 UTC database=hr pid=97 command=SELECT statement=select $1 parameters=[\"1\"] sequence=3 kind=execute\n\
             2 datastore_activity/read/unknown ip=10.0.0.6 port=78 account=app session=98@2026-11-24 20:54:26 UTC database=hr pid=98 command=SELECT statement=select 2 sequence=1 kind=statement\n\
             4 datastore_activity/read/unknown ip=10.0.0.5 port=77 account=app session=97@2026-11-24 20:54:26 UTC database=hr pid=97 command=SELECT statement=select 3 sequence=4 kind=statement",
        );
    }

    #[test]
    fn an_audit_record_is_no_error_code() {
        check(
            Some("%m %c %e %-8u "),
            "2026-11-24 20:54:26.341 UTC 6b05f982.3a95 00000 app      LOG:  AUDIT: SESSION,1,1,READ,SELECT,,,\"select 1,\n\t2\",<none>,1\n\
             2026-11-24 20:54:26.341 UTC 6b05f982.3a95 00000 app      LOCATION:  log_audit_event, pgaudit.c:783\nnonsense\n\tgoes on\n",
            "postgresql_stderr",
            "1 datastore_activity/read/success account=app session=6b05f982.3a95 command=SELECT statement=select 1,\\n2 parameters=[] rows=1 statement_id=1 kind=pgaudit_session labels={\"class\":\"READ\",\"substatement\":\"1\"}\n\
             4 refused: not a line of a server log with this log_line_prefix\n\
             5 refused: a line that goes on, and nothing before it that it belongs to",
        );
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(64))]
        #[test]
        fn no_bytes_make_it_panic(lines in proptest::collection::vec("(2026-11-24 20:54:26.341 UTC \\[1\\] )?(LOG:  |DETAIL:  |ERROR:  |\t)?(AUDIT: |execute |parameters: \\$1 = ')?[ -~é]{0,20}", 0..6)) {
            testing::read(lines.join("\n").as_bytes(), Some("%m [%p] "), |context, head| Ok(Box::new(PostgresText::new(context, head)?.expect("a prefix fits"))));
        }
    }
}
