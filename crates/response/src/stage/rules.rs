//! Sigma rules over the evidence of a case: which rules it uses, what they say, and what nothing could say.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strandline_case::StoredFile;
use strandline_detection::sigma::{DetectionFold, HitLog, LoadReport, Matcher, Named, RuleFile, RuleSet, Seen, Subject, built_in_rules, channel_of};
use strandline_evidence::Vault;
use strandline_model::detection::Detection;
use strandline_model::event::{self, columns};
use strandline_model::evidence::{Artefact, ArtefactId};
use strandline_model::table::Scan;

use crate::error::ResponseError;
use crate::hunt::{Unlooked, unlooked};
use crate::matching::{BoxError, Feeder, Hit, Looked, Origin, Piece, Scope, feed_evtx, run as run_pool};
use crate::rules::{RefusedRule, RuleFigures, UnmatchedRule, rule_files};
use crate::run::{Made, Response};
use crate::stage::intake::Seals;
use crate::store;

const EVTX: &str = "evtx";

/// The columns that rules are tried on.
const ALL_COLUMNS: &[&str] = &[];

strandline_model::event_columns! {
    /// What tells the kind of a record.
    struct Kind { class, source, application, channel, labels }
}

/// What rules said of a case, and what they could not. The file `sigma.json` of the case; its hash is in the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigmaState {
    /// Whether the rules are the built-in ones.
    pub is_built_in: bool,
    /// Each rule file, with the SHA-256 of its bytes; none where it could not be read.
    pub files: Vec<(String, Option<String>)>,
    /// What loads.
    pub figures: RuleFigures,
    /// What does not.
    pub refused: Vec<RefusedRule>,
    /// What loads and none of this evidence could match.
    pub unmatched: Vec<UnmatchedRule>,
    /// Rules that matched.
    pub rules_matched: usize,
    /// Matches, correlations included.
    pub hits: u64,
    /// Records that rules were offered.
    pub records: u64,
    /// Records of readers that the estate trusts: no rule was tried on them.
    #[serde(default)]
    pub records_trusted: u64,
    /// Records that no rule looked at.
    pub records_unlooked: u64,
    /// What they are, most first.
    pub unlooked: Vec<UnlookedKind>,
    /// Correlations that had to leave matches out: title, and how many.
    pub incomplete: Vec<(String, u64)>,
}

/// Records of a kind that no rule looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlookedKind {
    /// Channel; `@…` for what is no Windows log.
    pub channel: String,
    /// Event id, if the record has one.
    pub event_id: Option<u32>,
    /// How many.
    pub records: u64,
}

/// The rules of a case.
pub struct CaseRules {
    files: Vec<(String, RuleFile)>,
    is_built_in: bool,
}

/// A rule file as the case keeps it.
#[derive(Serialize, Deserialize)]
enum Kept {
    Text(String),
    Refused(String),
}

impl CaseRules {
    /// The rules that this run is told to use, which the case then keeps; or those that it keeps; or the built-in ones.
    pub fn of(response: &mut Response<'_>) -> Result<Self, ResponseError> {
        if !response.settings.rules.is_empty() {
            keep(response, &rule_files(&response.settings.rules)?)?;
        }
        let kept: Option<Vec<(String, Kept)>> = store::read_json(&response.case, store::RULES)?;
        Ok(match kept {
            Some(kept) => Self { files: kept.into_iter().map(|(path, file)| (path, file.into())).collect(), is_built_in: false },
            None => Self { files: built_in_rules(), is_built_in: true },
        })
    }

    /// Path and SHA-256 of each file.
    pub fn hashes(&self) -> Vec<(String, Option<String>)> {
        let hash = |file: &RuleFile| match file {
            RuleFile::Read(bytes) => Some(Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()),
            RuleFile::Refused(_) => None,
        };
        self.files.iter().map(|(path, file)| (path.clone(), hash(file))).collect()
    }

    /// One text that changes with any of the files.
    pub fn listing(&self) -> String {
        self.hashes().into_iter().map(|(path, sha256)| format!("{}  {path}\n", sha256.unwrap_or_default())).collect()
    }
}

impl From<Kept> for RuleFile {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Text(text) => Self::Read(text.into_bytes()),
            Kept::Refused(reason) => Self::Refused(reason),
        }
    }
}

fn keep(response: &mut Response<'_>, files: &[(String, RuleFile)]) -> Result<(), ResponseError> {
    let kept = |file: &RuleFile| match file {
        RuleFile::Read(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Kept::Text(text.to_owned()),
            Err(error) => Kept::Refused(format!("not UTF-8 from byte {} on", error.valid_up_to())),
        },
        RuleFile::Refused(reason) => Kept::Refused(reason.clone()),
    };
    let kept: Vec<(&String, Kept)> = files.iter().map(|(path, file)| (path, kept(file))).collect();
    let mut inputs = response.inputs();
    inputs.insert_setting("rules", &serde_json::to_string(&kept).unwrap_or_default());
    response.run_stage("rules", inputs, |response, _| {
        let file = store::write_json(&response.case, store::RULES, &kept)?;
        Ok(Made { files: vec![file], ..Made::default() })
    })
}

/// Tries the rules on all evidence of the case: what they say, and the file that says what they could not.
pub fn run(response: &mut Response<'_>, rules: CaseRules) -> Result<(Vec<Detection>, StoredFile), ResponseError> {
    let hashes = rules.hashes();
    let is_built_in = rules.is_built_in;
    let (set, loaded) = RuleSet::load(rules.files);
    for refused in &loaded.refused {
        let line = refused.line.map(|line| format!(":{line}")).unwrap_or_default();
        response.watcher.note(&format!("rule {}{line} is not loaded: {}", refused.path, refused.reason));
    }
    let mut gathered = Gathered {
        set: &set,
        fold: DetectionFold::default(),
        seen: Seen::default(),
        log: HitLog::without_limit(&set, response.case.scratch()),
        hits: vec![0; set.rules().len()],
        trusted: 0,
    };
    let custody = response.custody()?;
    match_all(response, &custody, &set, &mut gathered)?;
    let incomplete = gathered.correlate(response, &custody).map_err(|error| ResponseError::Scanning(error.into()))?;
    let state = gathered.state(&loaded, hashes, is_built_in, incomplete);
    let file = store::write_json(&response.case, store::SIGMA, &state)?;
    Ok((gathered.fold.conclude(&set), file))
}

fn match_all(response: &mut Response<'_>, custody: &[Artefact], set: &RuleSet, gathered: &mut Gathered<'_>) -> Result<(), ResponseError> {
    let Response { case, estate, watcher, settings, .. } = response;
    let sources: BTreeMap<&str, (&str, &str)> = estate.sources.iter().map(|s| (s.id.as_str(), (s.format.as_str(), s.system.as_str()))).collect();
    let windows: Vec<&Artefact> =
        custody.iter().filter(|a| a.source.as_deref().and_then(|id| sources.get(id)).is_some_and(|(format, _)| *format == EVTX)).collect();
    let formats = sources.iter().filter(|(_, (format, _))| *format != EVTX).map(|(id, (format, _))| ((*id).to_owned(), (*format).to_owned()));
    let formats: Arc<BTreeMap<String, String>> = Arc::new(formats.collect());
    let seals = Seals(case);
    let vault = Vault::new(&seals, custody);
    let events = case.scan(event::TABLE);
    let total: u64 = windows.iter().map(|a| a.size).sum();
    let mut feed = |feeder: &mut Feeder<'_, '_>| -> Result<(), BoxError> {
        let mut done = 0;
        for (number, artefact) in windows.iter().enumerate() {
            let system = artefact.source.as_deref().and_then(|id| sources.get(id)).map_or("", |(_, system)| system);
            let origin = Arc::new(Origin { artefact: artefact.id.clone(), path: artefact.path.clone(), system: system.to_owned(), number: number + 1 });
            let mut input = vault.open(&artefact.id)?;
            feed_evtx(&mut Ending(&mut *input), &origin, feeder, &mut || {})?;
            done += artefact.size;
            watcher.progress(done, total, "bytes");
        }
        let origin = Arc::new(Origin { artefact: ArtefactId(String::new()), path: String::new(), system: String::new(), number: 0 });
        for batch in events.scan(ALL_COLUMNS)? {
            feeder.submit(Piece::events(&origin, batch?, &formats))?;
        }
        Ok(())
    };
    let scope = Scope { window: None, trusted: &estate.trusted };
    run_pool(set, settings.threads, scope, &mut |looked| gathered.looked(looked), |feeder| feed(feeder)).map_err(ResponseError::Scanning)
}

/// Reads what is cut as ended: that it is cut, the reading of its events has told.
struct Ending<'r>(&'r mut dyn Read);

impl Read for Ending<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => Ok(0),
            other => other,
        }
    }
}

struct Gathered<'g> {
    set: &'g RuleSet,
    fold: DetectionFold,
    seen: Seen,
    log: HitLog,
    hits: Vec<u64>,
    trusted: u64,
}

impl Gathered<'_> {
    fn looked(&mut self, looked: Looked) -> Result<(), BoxError> {
        for hit in &looked.hits {
            self.hit(hit);
        }
        self.trusted += looked.trusted;
        self.seen.add(&looked.seen);
        self.log.join(looked.log)?;
        Ok(())
    }

    fn hit(&mut self, hit: &Hit) {
        self.hits[hit.rule.0 as usize] += 1;
        let text = |value: &Option<strandline_model::personal::Personal<String>>| value.as_ref().map(|v| v.expose_personal().clone());
        let (account, address, session) = (text(&hit.account), text(&hit.address), text(&hit.session));
        let named = Named { account: account.as_deref(), address: address.as_deref(), session: session.as_deref(), host: hit.host.as_deref() };
        let subject = Subject::of(&named, &hit.system);
        self.fold.add(hit.rule, &hit.system, subject, hit.time, &hit.place, hit.fields.iter().map(|(name, _)| name.as_str()));
    }

    /// Judges the correlations. Returns those that had to leave matches out.
    fn correlate(&mut self, response: &Response<'_>, custody: &[Artefact]) -> std::io::Result<Vec<(String, u64)>> {
        let report = self.set.correlate(std::mem::take(&mut self.log))?;
        for found in &report.matches {
            self.hits[found.rule.0 as usize] += 1;
            let artefact = found.events.first().and_then(|place| custody.iter().find(|a| a.id == place.artefact));
            let source = artefact.and_then(|a| a.source.as_ref()).and_then(|id| response.estate.sources.iter().find(|s| s.id == *id));
            self.fold.add_correlation(found, source.map_or("", |source| source.system.as_str()));
        }
        Ok(report.incomplete.into_iter().map(|(number, count)| (self.set.rule(number).title.clone(), count)).collect())
    }

    fn state(&self, loaded: &LoadReport, files: Vec<(String, Option<String>)>, is_built_in: bool, incomplete: Vec<(String, u64)>) -> SigmaState {
        let kind = |kind: Unlooked| UnlookedKind { channel: kind.channel, event_id: kind.event_id, records: kind.records };
        SigmaState {
            is_built_in,
            files,
            figures: RuleFigures::of(loaded),
            refused: RefusedRule::list(loaded),
            unmatched: UnmatchedRule::list(self.set, &self.seen),
            rules_matched: self.hits.iter().filter(|hits| **hits > 0).count(),
            hits: self.hits.iter().sum(),
            records: self.seen.records(),
            records_trusted: self.trusted,
            records_unlooked: self.seen.unlooked(),
            unlooked: unlooked(&self.seen).into_iter().map(kind).collect(),
            incomplete,
        }
    }
}

/// Which kinds of records the case holds, as rules tell them apart: from the table of events, without reading the
/// evidence again.
pub fn seen(response: &Response<'_>) -> Result<Seen, ResponseError> {
    let formats: BTreeMap<&str, &str> = response.estate.sources.iter().map(|s| (s.id.as_str(), s.format.as_str())).collect();
    let (set, _) = RuleSet::load([]);
    let mut matcher = Matcher::new(&set);
    let mut seen = Seen::default();
    for part in columns::scan::<Kind<'_>>(&response.case.scan(event::TABLE))? {
        for event in part?.iter() {
            match formats.get(event.source.as_ref()) {
                Some(&EVTX) => matcher.pass(event.channel.as_deref(), event.labels.as_deref().and_then(event_id)),
                Some(format) => matcher.pass(channel_of(&event, format), None),
                None => {}
            }
        }
        seen.add(&matcher.take().0);
    }
    Ok(seen)
}

fn event_id(labels: &str) -> Option<u32> {
    let labels: BTreeMap<String, serde_json::Value> = serde_json::from_str(labels).ok()?;
    match labels.get("event_id")? {
        serde_json::Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|id| u32::try_from(id).ok()),
    }
}
