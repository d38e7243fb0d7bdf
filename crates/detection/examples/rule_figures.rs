//! How often our own rules fire: on the normal weeks of drills, and on the intruder in them; or on one recording.
//!
//! `rule_figures [--people N] [--days N] [--seeds N]` makes one drill for each scenario and seed in a scratch folder.
//! `rule_figures --recording EVIDENCE ESTATE TRUTH` reads a folder of logs as the estate file says.
//! The truth is asked only which events are the intruder's, so that what fires can be counted on either side.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::expect_used)]

#[path = "../tests/support/logs.rs"]
mod logs;
#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use strandline_detection::is_trusted;
use strandline_detection::sigma::{EventView, HitLog, Matcher, RuleSet};
use strandline_drill::{Plan, Scenario, generate};
use strandline_event::evtx::{Damage, Visit, read_records};
use strandline_model::estate::{Estate, LogSource};
use strandline_model::event::{Class, Event};
use strandline_model::evidence::{ArtefactId, EventRef};
use strandline_model::record::LogRecord;

const WEEK_MICROS: f64 = 7.0 * 86_400e6;
/// Clocks of two logs may differ by this much, microseconds.
const SLACK_MICROS: i64 = 2_000_000;
/// Shortest value that is taken for the intruder's where it stands in a statement.
const PROOF_BYTES: usize = 4;

fn main() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules"));
    let themes: Vec<PathBuf> = ["database", "linux", "sign_in", "tampering", "web", "windows"].iter().map(|theme| folder.join(theme)).collect();
    let (set, report) = RuleSet::load(support::rule_files(&themes));
    eprintln!("{} rules and {} correlations loaded, {} refused", report.rules, report.correlations, report.refused.len());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut table = Table::default();
    if let [flag, evidence, estate, truth] = arguments.as_slice()
        && flag == "--recording"
    {
        table.add(&measure(&set, Path::new(evidence), Path::new(estate), Path::new(truth)));
    } else {
        let number = |name: &str, default: u64| arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(default);
        for seed in 1..=number("--seeds", 2) {
            for scenario in Scenario::ALL {
                let scratch = tempfile::tempdir().expect("a scratch folder");
                let people = u32::try_from(number("--people", 1500)).expect("a number of people");
                let days = u32::try_from(number("--days", 14)).expect("a number of days");
                let plan = Plan { people, days, seed, scenario, gap: false, target_bytes: None };
                let made = generate(&plan, scratch.path(), &mut |_| {}).expect("a drill");
                table.add(&measure(&set, &made.evidence, &made.estate, &made.truth.join("intrusion.json")));
                eprintln!("{scenario} {seed}: {} events so far", table.events);
            }
        }
    }
    table.print(&set);
}

/// What the rules did on one folder of evidence.
#[derive(Default)]
struct Figures {
    normal_events: u64,
    intruder_events: u64,
    micros: i64,
    /// By rule number: fires on normal work, and on the intruder.
    fires: BTreeMap<u32, (u64, u64)>,
    cpu_micros: f64,
}

/// The figures of several folders together.
#[derive(Default)]
struct Table {
    folders: u64,
    events: u64,
    normal_events: u64,
    weeks: f64,
    cpu_micros: f64,
    /// By rule number: fires on normal work, on the intruder, and folders in which it saw the intruder.
    fires: BTreeMap<u32, (u64, u64, u64)>,
}

impl Table {
    fn add(&mut self, figures: &Figures) {
        self.folders += 1;
        self.events += figures.normal_events + figures.intruder_events;
        self.normal_events += figures.normal_events;
        self.weeks += figures.micros as f64 / WEEK_MICROS;
        self.cpu_micros += figures.cpu_micros;
        for (rule, (normal, intruder)) in &figures.fires {
            let sum = self.fires.entry(*rule).or_default();
            *sum = (sum.0 + normal, sum.1 + intruder, sum.2 + u64::from(*intruder > 0));
        }
    }

    fn print(&self, set: &RuleSet) {
        println!(
            "{} folders, {} events ({} not the intruder's), {:.1} weeks; {:.1} µs of CPU an event to read and match",
            self.folders,
            self.events,
            self.normal_events,
            self.weeks,
            self.cpu_micros / self.events.max(1) as f64
        );
        println!("| rule | finds | level | on normal work | a week | on the intruder | in folders |");
        println!("|---|---|---|---|---|---|---|");
        for (number, rule) in (0..).zip(set.rules()).filter(|(_, rule)| !rule.is_quiet) {
            let (normal, intruder, folders) = self.fires.get(&number).copied().unwrap_or_default();
            println!(
                "| {} | {} | {} | {normal} | {:.1} | {intruder} | {folders} |",
                name_of(&rule.path),
                rule.title,
                format!("{:?}", rule.level).to_lowercase(),
                normal as f64 / self.weeks.max(1e-9)
            );
        }
    }
}

fn name_of(path: &str) -> String {
    let path = Path::new(path);
    let theme = path.parent().and_then(Path::file_name).unwrap_or_default();
    format!("{}/{}", theme.display(), path.file_stem().unwrap_or_default().display())
}

/// What the truth says of the intruder. Drills and recordings name things differently.
struct Intruder {
    addresses: BTreeSet<String>,
    sessions: Vec<String>,
    pids: BTreeSet<i64>,
    first: i64,
    /// First and last moment in microseconds, address, account.
    steps: Vec<(i64, i64, String, Option<String>)>,
    /// Moment in microseconds, and the text of a statement or a part of one.
    statements: Vec<(i64, String)>,
}

impl Intruder {
    fn read(path: &Path) -> Self {
        let truth: Value = serde_json::from_reader(BufReader::new(File::open(path).expect("a truth"))).expect("JSON");
        let list = |names: &[&str]| names.iter().filter_map(|name| truth[*name].as_array()).flatten().collect::<Vec<_>>();
        let texts = |names: &[&str]| list(names).into_iter().filter_map(|value| value.as_str().map(str::to_owned)).collect::<Vec<_>>();
        let micros = |value: &Value| (value.as_f64().unwrap_or(0.0) * 1e6) as i64;
        let step = |step: &Value| {
            let account = step["account"].as_str().map(str::to_owned);
            Some((micros(&step["first"]), micros(&step["last"]), step["from_host"].as_str()?.to_owned(), account))
        };
        let steps: Vec<_> = list(&["steps"]).into_iter().filter_map(step).collect();
        let begun = list(&["stages"]).into_iter().map(|stage| micros(&stage["t"])).chain(steps.iter().map(|step| step.0)).min();
        Self {
            addresses: texts(&["addresses", "intruder_addresses"]).into_iter().collect(),
            sessions: texts(&["sessions", "hrs_sessions"]),
            pids: list(&["statements"]).into_iter().filter_map(|statement| statement["pid"].as_i64()).collect(),
            first: begun.unwrap_or(0) - SLACK_MICROS,
            steps,
            statements: list(&["statements"]).into_iter().filter_map(|one| Some((micros(&one["t"]), one["text"].as_str()?.to_owned()))).collect(),
        }
    }

    /// Whether the event is the intruder's by what it says itself. Statements of a request are found by its request id.
    fn did(&self, event: &Event<'_>) -> bool {
        let at = event.time.micros();
        let address = event.src_ip.as_deref().unwrap_or_default();
        let in_step = |(first, last, host, account): &(i64, i64, String, Option<String>)| {
            let of_account = match (account, event.account.as_deref()) {
                (Some(one), Some(other)) => one == other || event.session.as_deref().is_some_and(|session| self.has_session(session)),
                _ => true,
            };
            (first - SLACK_MICROS..=last + SLACK_MICROS).contains(&at) && host == address && of_account
        };
        let ran = |text: &str| self.statements.iter().any(|(when, part)| (when - at).abs() <= SLACK_MICROS && text.contains(part.as_str()));
        at >= self.first
            && (self.addresses.contains(address)
                || event.pid.is_some_and(|pid| self.pids.contains(&pid.into())) && event.statement.is_some()
                || event.statement.as_deref().is_some_and(ran)
                || self.steps.iter().any(in_step))
    }

    fn has_session(&self, session: &str) -> bool {
        self.sessions.iter().any(|known| known.starts_with(session) || session.starts_with(known.as_str()))
    }
}

/// What is remembered of an event, by its place.
#[derive(Default)]
struct Remembered {
    events: HashMap<(u64, u64), (bool, Option<u64>)>,
    intruder_requests: BTreeSet<u64>,
    /// Values that the intruder sent to web applications, with their moments: an injected statement carries one.
    sent: Vec<(i64, String)>,
    /// Statements since the intruder came.
    statements: HashMap<(u64, u64), (i64, String)>,
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl Remembered {
    fn key(place: &EventRef) -> (u64, u64) {
        (hash(&place.artefact.0), place.offset)
    }

    fn add(&mut self, event: &Event<'_>, is_intruder: bool, first: i64) {
        let at = event.time.micros();
        if is_intruder && event.class == Class::Http {
            let values = event.url.iter().flat_map(|url| url.split(['?', '&']).skip(1)).filter_map(|pair| pair.split_once('='));
            let decoded = values.map(|(_, value)| percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned());
            self.sent.extend(decoded.filter(|value| value.len() >= PROOF_BYTES).map(|value| (at, value)));
        }
        if let Some(statement) = event.statement.as_deref().filter(|_| at >= first) {
            self.statements.insert(Self::key(&event.place), (at, statement.to_owned()));
        }
        let request = event.request_id.as_deref().map(hash);
        if is_intruder {
            self.intruder_requests.extend(request);
        }
        self.events.insert(Self::key(&event.place), (is_intruder, request));
    }

    fn is_intruder(&self, place: &EventRef) -> bool {
        let known = self.events.get(&Self::key(place));
        let carries = |(at, statement): &(i64, String)| self.sent.iter().any(|(when, value)| (when - at).abs() <= SLACK_MICROS && statement.contains(value));
        known.is_some_and(|(is_intruder, request)| *is_intruder || request.is_some_and(|request| self.intruder_requests.contains(&request)))
            || self.statements.get(&Self::key(place)).is_some_and(carries)
    }
}

/// Tries the rules on the records of a Windows event log: they ask for fields that events do not hold.
struct Records<'r, 's> {
    matcher: &'r mut Matcher<'s>,
    found: &'r mut Vec<(u32, EventRef)>,
}

impl Visit for Records<'_, '_> {
    fn record(&mut self, record: &dyn LogRecord) -> ControlFlow<()> {
        self.matcher.look(record, &mut |hit| self.found.push((hit.number.0, hit.place.clone())));
        ControlFlow::Continue(())
    }

    fn damage(&mut self, _: Damage) {}
}

fn measure(set: &RuleSet, evidence: &Path, estate: &Path, truth: &Path) -> Figures {
    let estate: Estate = toml::from_str(&std::fs::read_to_string(estate).expect("an estate file")).expect("a valid estate file");
    let intruder = Intruder::read(truth);
    let mut matcher = Matcher::new(set);
    let mut log = HitLog::without_limit(set, Box::new(tempfile::tempfile));
    let mut remembered = Remembered::default();
    let mut found: Vec<(u32, EventRef)> = Vec::new();
    let mut span = (i64::MAX, i64::MIN);
    let begin = support::cpu_seconds();
    for (source, path) in artefacts(evidence, &estate) {
        let name = path.display().to_string();
        let is_windows = source.format == "evtx";
        let mut look = |event: &Event<'_>| {
            span = (span.0.min(event.time.micros()), span.1.max(event.time.micros()));
            remembered.add(event, intruder.did(event), intruder.first);
            let (role, account) = if event.class == Class::Datastore { (event.account.as_deref(), None) } else { (None, event.account.as_deref()) };
            let leaves_alone = matches!(event.class, Class::Datastore | Class::Http) && is_trusted(&estate.trusted, role, account, event.src_ip.as_deref());
            if !is_windows && !leaves_alone {
                matcher.look(&EventView::new(event, &source.format), &mut |hit| found.push((hit.number.0, hit.place.clone())));
            }
        };
        logs::read(source, &name, &mut open(&path), &mut look).expect("a log that can be read");
        if is_windows {
            let mut records = Records { matcher: &mut matcher, found: &mut found };
            read_records(&mut open(&path), &ArtefactId(name), &mut records).expect("an event log that can be read");
        }
        log.join(matcher.take().1).expect("the scratch file can be written");
    }
    let correlated = set.correlate(log).expect("the scratch file is read back");
    let mut figures = Figures { micros: (span.1 - span.0).max(0), cpu_micros: (support::cpu_seconds() - begin) * 1e6, ..Figures::default() };
    for (rule, place) in &found {
        let fires = figures.fires.entry(*rule).or_default();
        if remembered.is_intruder(place) { fires.1 += 1 } else { fires.0 += 1 }
    }
    for one in &correlated.matches {
        let fires = figures.fires.entry(one.rule.0).or_default();
        if one.events.iter().any(|place| remembered.is_intruder(place)) { fires.1 += 1 } else { fires.0 += 1 }
    }
    let all: BTreeMap<bool, u64> = remembered.events.values().fold(BTreeMap::new(), |mut sum, (is_intruder, request)| {
        *sum.entry(*is_intruder || request.is_some_and(|request| remembered.intruder_requests.contains(&request))).or_default() += 1;
        sum
    });
    figures.normal_events = all.get(&false).copied().unwrap_or(0);
    figures.intruder_events = all.get(&true).copied().unwrap_or(0);
    figures
}

/// Logs below a folder, each with the first source whose path pattern it fits.
fn artefacts<'e>(evidence: &Path, estate: &'e Estate) -> Vec<(&'e LogSource, PathBuf)> {
    let mut found = Vec::new();
    for path in support::all_files(evidence) {
        let name = path.strip_prefix(evidence).expect("a file below the folder").display().to_string();
        if let Some(source) = estate.sources.iter().find(|source| source.path.iter().any(|pattern| fits(pattern.as_bytes(), name.as_bytes()))) {
            found.push((source, path));
        }
    }
    found
}

/// Whether a name fits a pattern in which `*` stands for any text. The last star alone is tried anew, so the work is bounded.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(byte) if *byte == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, n) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

fn open(path: &Path) -> Box<dyn Read> {
    let file = BufReader::new(File::open(path).expect("a log"));
    if path.extension().is_some_and(|ending| ending == "gz") { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) }
}
