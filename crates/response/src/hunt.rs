//! Hunt: Sigma rules over files and folders, without a case. Hits go out as they are found; what is kept is figures.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use strandline_detection::sigma::{CorrelationReport, HitLog, LoadReport, Rule, RuleNumber, RuleSet, Scratch, Seen};
use strandline_event::{Context, EventError, Sink, SinkError, assumed_year, bare_source, last_change, read_artefact, recognise};
use strandline_evidence::{Content, Found, Limits, browse};
use strandline_model::detection::Level;
use strandline_model::evidence::{ArtefactId, Warning};
use strandline_model::personal::Personal;
use strandline_model::time::{Instant, Interval};

use crate::error::ResponseError;
use crate::matching::{BoxError, Feeder, Hit, Looked, Origin, Piece, Scope, feed_evtx, run};
use crate::rules::{RefusedRule, RuleFigures, UnmatchedRule, load_rules};
use crate::run::Watcher;
use crate::tally::{Histogram, Tally};

/// Records that were refused, each with its place, that a report keeps; the rest are counted.
const REFUSALS: usize = 10_000;
/// Kinds of records that no rule looked at, hosts and accounts that a report keeps.
const LISTED: usize = 100;
/// The share of a file's first records that a format must read to be taken for its own.
const SHARE: f32 = 0.5;

/// What to hunt, where, and with what.
pub struct HuntRequest<'a> {
    /// Files and folders.
    pub evidence: &'a [PathBuf],
    /// Folders of rules; none: the built-in ones.
    pub rules: &'a [PathBuf],
    /// Which of the rules.
    pub choice: RuleChoice,
    /// Only records of this time; a record without a time counts as inside.
    pub window: Option<Interval>,
    /// Worker threads.
    pub threads: usize,
    /// Where matches that do not fit into memory are put aside, in a file without a name; none: where the system puts such files.
    pub scratch: Option<&'a Path>,
    /// The clock, for stamps without a year in files without a date.
    pub now: Instant,
}

impl HuntRequest<'_> {
    fn scratch(&self) -> Scratch {
        match self.scratch.map(Path::to_owned) {
            Some(folder) => Box::new(move || tempfile::tempfile_in(&folder)),
            None => Box::new(tempfile::tempfile),
        }
    }
}

/// Which rules of a folder.
#[derive(Clone, Debug)]
pub struct RuleChoice {
    /// This level and above.
    pub level: Level,
    /// ATT&CK techniques (`T1021`, which includes `T1021.001`); none: all.
    pub techniques: Vec<String>,
    /// Ids, or parts of titles; none: all.
    pub rules: Vec<String>,
}

impl RuleChoice {
    fn wants(&self, rule: &Rule) -> bool {
        let is_technique = |wanted: &String| {
            let below = |id: &String| {
                id.len() > wanted.len() && id.as_bytes()[wanted.len()] == b'.' && id.get(..wanted.len()).is_some_and(|s| s.eq_ignore_ascii_case(wanted))
            };
            rule.techniques.iter().any(|id| id.eq_ignore_ascii_case(wanted) || below(id))
        };
        let is_named = |wanted: &String| rule.id.eq_ignore_ascii_case(wanted) || rule.title.to_lowercase().contains(&wanted.to_lowercase());
        rule.level >= self.level
            && (self.techniques.is_empty() || self.techniques.iter().any(is_technique))
            && (self.rules.is_empty() || self.rules.iter().any(is_named))
    }
}

/// What a hunt found, in figures, and what it did not look at.
#[derive(Clone, Debug, Default, Serialize)]
pub struct HuntReport {
    /// What was loaded of the rules.
    pub rules: RuleFigures,
    /// Rules that were tried, after the choice.
    pub rules_tried: usize,
    /// Documents and files that were not loaded.
    pub rules_refused: Vec<RefusedRule>,
    /// Rules that none of this evidence could match, and why.
    pub rules_unmatched: Vec<UnmatchedRule>,
    /// Rules that matched, by level (highest first), hits and title.
    pub rules_matched: Vec<RuleHits>,
    /// All hits.
    pub hits: u64,
    /// Hits by level, highest first.
    pub levels: Vec<(Level, u64)>,
    /// Files that were read.
    pub files: Vec<ScannedFile>,
    /// Files that were not, or not to their end.
    pub not_scanned: Vec<NotScanned>,
    /// Records that were read, those outside the time included.
    pub records: u64,
    /// Records outside the time that was asked for.
    pub records_outside: u64,
    /// Records that could not be read.
    pub records_refused: u64,
    /// The first of them, and what else was damaged.
    pub refusals: Vec<RefusedRecord>,
    /// Records that no rule looked at.
    pub records_unlooked: u64,
    /// What they are, most first.
    pub unlooked: Vec<Unlooked>,
    /// What correlations could not use.
    pub correlations: CorrelationFigures,
    /// First and last hit.
    pub first: Option<Instant>,
    /// Last hit.
    pub last: Option<Instant>,
    /// Hits over time.
    pub histogram: Histogram,
    /// Machines with the most hits.
    pub hosts: Tally,
    /// Accounts with the most hits.
    pub accounts: Tally,
}

/// A rule that matched.
#[derive(Clone, Debug, Serialize)]
pub struct RuleHits {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its level.
    pub level: Level,
    /// Its ATT&CK techniques.
    pub techniques: Vec<String>,
    /// SHA-256 of its file.
    pub sha256: String,
    /// How often it matched.
    pub hits: u64,
}

/// A file that was read.
#[derive(Clone, Debug, Serialize)]
pub struct ScannedFile {
    /// Its path.
    pub path: String,
    /// What it was read as.
    pub format: String,
    /// Records.
    pub records: u64,
    /// Records of which more was understood than a time and a message.
    pub understood: u64,
    /// Records that could not be read.
    pub refused: u64,
}

/// A file that was not read, or not to its end.
#[derive(Clone, Debug, Serialize)]
pub struct NotScanned {
    /// Its path.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// A record that could not be read, or damage by which none was lost.
#[derive(Clone, Debug, Serialize)]
pub struct RefusedRecord {
    /// The file.
    pub path: String,
    /// The line, in logs of lines.
    pub line: Option<u64>,
    /// The byte.
    pub offset: u64,
    /// Why. Never holds the record's own bytes.
    pub reason: String,
}

/// Records of a kind that no rule looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Unlooked {
    /// Channel; `@…` for what is no Windows log.
    pub channel: String,
    /// Event id, if the record has one.
    pub event_id: Option<u32>,
    /// How many.
    pub records: u64,
}

/// What correlations could not use.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CorrelationFigures {
    /// Matches of their rules that carry no time.
    pub without_time: u64,
    /// Matches that lack a field to group by.
    pub without_group: u64,
    /// Correlations of which matches were left out, because there were too many: title, and how many.
    pub incomplete: Vec<(String, u64)>,
}

/// Takes each hit: the rule, the hit, and the path of its file.
pub type TakeHit<'t> = dyn FnMut(&Rule, &Hit, &str) -> Result<(), BoxError> + 't;

/// Hunts. Hits come in the order of the files and of the records in them, correlations last; they are the same, in the
/// same order, whatever the number of threads.
///
/// # Errors
/// If a folder that was named cannot be read, or `take` fails.
pub fn hunt(request: &HuntRequest<'_>, watcher: &mut dyn Watcher, take: &mut TakeHit<'_>) -> Result<HuntReport, ResponseError> {
    watcher.stage("rules");
    let (mut set, loaded) = load_rules(request.rules)?;
    set.keep(|rule| request.choice.wants(rule));
    watcher.stage("hunt");
    let mut gathered = Gathered {
        set: &set,
        hits_by_rule: vec![0; set.rules().len()],
        report: HuntReport::default(),
        seen: Seen::default(),
        log: HitLog::without_limit(&set, request.scratch()),
        files: Vec::new(),
        take,
    };
    let mut files = Files { watcher, request, scanned: Vec::new(), report: HuntReport::default() };
    let scope = Scope { window: request.window, trusted: &[] };
    run(&set, request.threads, scope, &mut |looked| gathered.looked(looked), |feeder| files.feed(feeder)).map_err(ResponseError::Scanning)?;
    gathered.correlate().map_err(ResponseError::Scanning)?;
    let Files { scanned, report: of_files, .. } = files;
    Ok(gathered.report(&loaded, scanned, of_files))
}

/// The way in: files, read and cut into pieces.
struct Files<'f> {
    watcher: &'f mut dyn Watcher,
    request: &'f HuntRequest<'f>,
    scanned: Vec<ScannedFile>,
    report: HuntReport,
}

impl Files<'_> {
    fn feed(&mut self, feeder: &mut Feeder<'_, '_>) -> Result<(), BoxError> {
        let cut = browse(self.request.evidence, Limits::default(), &mut |found| self.file(found, feeder))?;
        self.report.not_scanned.extend(cut.into_iter().map(|refusal| NotScanned { path: refusal.path, reason: refusal.reason }));
        self.report.not_scanned.sort_by(|a, b| (&a.path, &a.reason).cmp(&(&b.path, &b.reason)));
        Ok(())
    }

    fn file(&mut self, found: Found<'_>, feeder: &mut Feeder<'_, '_>) -> Result<(), BoxError> {
        let format = match format_of(&found) {
            Ok(format) => format,
            Err(reason) => {
                self.report.not_scanned.push(NotScanned { path: found.path, reason });
                return Ok(());
            }
        };
        let origin = Arc::new(Origin { artefact: ArtefactId(found.path.clone()), path: found.path.clone(), system: String::new(), number: self.scanned.len() });
        self.scanned.push(ScannedFile { path: found.path.clone(), format: format.to_owned(), records: 0, understood: 0, refused: 0 });
        if format == "evtx" {
            let (watcher, progress) = (&mut *self.watcher, found.progress);
            return feed_evtx(found.input, &origin, feeder, &mut || {
                let at = progress();
                watcher.progress(at.bytes_done, at.bytes_total, "bytes");
            });
        }
        self.lines(found, format, &origin, feeder)
    }

    fn lines(&mut self, found: Found<'_>, format: &str, origin: &Arc<Origin>, feeder: &mut Feeder<'_, '_>) -> Result<(), BoxError> {
        let mut source = bare_source(format);
        source.id = format.to_owned();
        let changed = last_change(found.modified, self.request.now);
        let year = assumed_year(found.head, changed);
        let context =
            Context { artefact: &origin.artefact, path: &origin.path, source: &source, assumed_year: year, last_change: Some(changed), secret_key: None };
        let formats = Arc::new(BTreeMap::from([(format.to_owned(), format.to_owned())]));
        let progress = found.progress;
        let input: &mut dyn Read = found.input;
        let mut events = Events { files: self, origin, formats, feeder, progress };
        match read_artefact(input, &context, &mut events) {
            Ok(summary) => {
                if let Some(file) = self.scanned.last_mut() {
                    (file.format, file.refused, file.understood) = (summary.format, summary.records_refused, summary.records_understood);
                }
                self.report.records_refused += summary.records_refused;
                Ok(())
            }
            Err(EventError::Sink { source, .. }) => Err(source),
            Err(error) => {
                self.report.not_scanned.push(NotScanned { path: origin.path.clone(), reason: error.to_string() });
                Ok(())
            }
        }
    }
}

/// What a file is read as; or why it is not read.
fn format_of(found: &Found<'_>) -> Result<&'static str, String> {
    let shares = recognise(found.head);
    let best = shares.first().copied();
    if let Some(("evtx", _)) = best {
        return Ok("evtx");
    }
    match (found.content, best) {
        (Content::Empty, _) => Err("empty".to_owned()),
        (Content::Binary(name), _) => Err(format!("binary ({}): not a log that is read here", name.unwrap_or("of no known format"))),
        (Content::Snapshot(name), _) => Err(format!("a copy of a database ({name}), not a log")),
        (_, Some((format, share))) if share >= SHARE => Ok(format),
        (Content::Log("text"), _) => {
            Err("lines of a form of their own: describe them as a source of an estate (`strandline estate draft`), then `strandline detect`".to_owned())
        }
        (_, Some((format, share))) => Err(format!(
            "{format} reads {:.0} % of its first records, which is too little: describe it as a source of an estate (`strandline estate draft`), then `strandline detect`",
            share * 100.0
        )),
        (_, None) => Err("text of no known format: describe it as a source of an estate, if it is a log".to_owned()),
    }
}

/// Events on their way to the workers.
struct Events<'e, 'f, 'r, 'd, 'x> {
    files: &'e mut Files<'d>,
    origin: &'e Arc<Origin>,
    formats: Arc<BTreeMap<String, String>>,
    feeder: &'e mut Feeder<'f, 'r>,
    progress: &'x dyn Fn() -> strandline_evidence::Progress,
}

impl Sink for Events<'_, '_, '_, '_, '_> {
    fn batch(&mut self, batch: arrow_array::RecordBatch) -> Result<(), SinkError> {
        self.feeder.submit(Piece::events(self.origin, batch, &self.formats))?;
        let at = (self.progress)();
        self.files.watcher.progress(at.bytes_done, at.bytes_total, "bytes");
        Ok(())
    }

    fn warning(&mut self, warning: Warning) -> Result<(), SinkError> {
        let refusals = &mut self.files.report.refusals;
        if refusals.len() < REFUSALS {
            refusals.push(RefusedRecord { path: warning.path, line: Some(warning.line), offset: warning.offset, reason: warning.reason });
        }
        Ok(())
    }
}

/// The way out: hits handed on, figures kept.
struct Gathered<'g, 't> {
    set: &'g RuleSet,
    hits_by_rule: Vec<u64>,
    report: HuntReport,
    seen: Seen,
    log: HitLog,
    /// By origin: records, and records refused.
    files: Vec<(u64, u64)>,
    take: &'g mut TakeHit<'t>,
}

impl Gathered<'_, '_> {
    fn looked(&mut self, looked: Looked) -> Result<(), BoxError> {
        let Looked { origin, hits, seen, log, damages, outside, .. } = looked;
        if self.files.len() <= origin.number {
            self.files.resize(origin.number + 1, (0, 0));
        }
        let file = &mut self.files[origin.number];
        file.0 += seen.records() + outside;
        self.report.records_outside += outside;
        for damage in damages {
            if damage.is_loss {
                file.1 += 1;
                self.report.records_refused += 1;
            }
            if self.report.refusals.len() < REFUSALS {
                let (path, reason) = (origin.path.clone(), damage.reason.to_owned());
                self.report.refusals.push(RefusedRecord { path, line: None, offset: damage.offset, reason });
            }
        }
        self.seen.add(&seen);
        self.log.join(log)?;
        for hit in hits {
            self.hit(&hit, &origin.path)?;
        }
        Ok(())
    }

    fn hit(&mut self, hit: &Hit, path: &str) -> Result<(), BoxError> {
        self.hits_by_rule[hit.rule.0 as usize] += 1;
        let report = &mut self.report;
        report.hits += 1;
        if let Some(time) = hit.time {
            report.first = Some(report.first.map_or(time, |first| first.min(time)));
            report.last = Some(report.last.map_or(time, |last| last.max(time)));
            report.histogram.add(time);
        }
        if let Some(host) = &hit.host {
            report.hosts.add(host);
        }
        if let Some(account) = &hit.account {
            report.accounts.add(account.expose_personal());
        }
        (self.take)(self.set.rule(hit.rule), hit, path)
    }

    /// Judges the correlations; what they found goes out behind everything else.
    fn correlate(&mut self) -> Result<(), BoxError> {
        let CorrelationReport { matches, without_time, without_group, incomplete } = self.set.correlate(std::mem::take(&mut self.log))?;
        let title = |number: RuleNumber| self.set.rule(number).title.clone();
        let incomplete = incomplete.into_iter().map(|(number, count)| (title(number), count)).collect();
        self.report.correlations = CorrelationFigures { without_time, without_group, incomplete };
        for found in matches {
            let Some(place) = found.events.first().cloned() else { continue };
            let path = place.artefact.0.clone();
            let fields = found.group.into_iter().map(|(name, value)| (name, vec![Personal::new(value.into_personal())])).collect();
            let hit = Hit { time: Some(found.first), fields, stretch: Some((found.last, found.event_count)), ..Hit::bare(found.rule, place) };
            self.hit(&hit, &path)?;
        }
        Ok(())
    }

    fn report(self, loaded: &LoadReport, mut files: Vec<ScannedFile>, of_files: HuntReport) -> HuntReport {
        let mut report = self.report;
        for (file, (records, refused)) in files.iter_mut().zip(&self.files) {
            file.records += records;
            file.refused += refused;
            if file.format == "evtx" {
                file.understood += records; // its fields have names
            }
        }
        report.files = files;
        report.not_scanned = of_files.not_scanned;
        report.records_refused += of_files.records_refused;
        report.refusals.extend(of_files.refusals);
        report.refusals.sort_by(|a, b| (&a.path, a.offset, &a.reason).cmp(&(&b.path, b.offset, &b.reason)));
        report.rules = RuleFigures::of(loaded);
        report.rules_tried = self.set.kept_count();
        report.rules_refused = RefusedRule::list(loaded);
        report.rules_unmatched = UnmatchedRule::list(self.set, &self.seen);
        report.rules_matched = matched(self.set, &self.hits_by_rule);
        report.levels = by_level(&report.rules_matched);
        report.records = self.seen.records() + report.records_outside;
        report.records_unlooked = self.seen.unlooked();
        report.unlooked = unlooked(&self.seen);
        report
    }
}

fn matched(set: &RuleSet, hits: &[u64]) -> Vec<RuleHits> {
    let rules = set.rules().iter().zip(hits).filter(|(_, hits)| **hits > 0);
    let mut list: Vec<RuleHits> = rules
        .map(|(rule, hits)| RuleHits {
            id: rule.id.clone(),
            title: rule.title.clone(),
            level: rule.level,
            techniques: rule.techniques.clone(),
            sha256: rule.sha256.clone(),
            hits: *hits,
        })
        .collect();
    // The id is the tie-break: two rules may share a title.
    list.sort_by(|a, b| (b.level, b.hits, &a.title, &a.id).cmp(&(a.level, a.hits, &b.title, &b.id)));
    list
}

fn by_level(matched: &[RuleHits]) -> Vec<(Level, u64)> {
    let mut levels: Vec<(Level, u64)> = Vec::new();
    for rule in matched {
        match levels.last_mut() {
            Some((level, hits)) if *level == rule.level => *hits += rule.hits,
            _ => levels.push((rule.level, rule.hits)),
        }
    }
    levels
}

/// Kinds of records that no rule looked at, most first.
pub fn unlooked(seen: &Seen) -> Vec<Unlooked> {
    let none = seen.figures().filter(|(_, _, figures)| figures.rules == 0);
    let mut list: Vec<Unlooked> =
        none.map(|(channel, event_id, figures)| Unlooked { channel: channel.to_owned(), event_id, records: figures.records }).collect();
    if seen.without_channel > 0 {
        list.push(Unlooked { channel: "(no channel)".to_owned(), event_id: None, records: seen.without_channel });
    }
    list.sort_by(|a, b| (b.records, &a.channel, a.event_id).cmp(&(a.records, &b.channel, b.event_id)));
    list.truncate(LISTED);
    list
}
