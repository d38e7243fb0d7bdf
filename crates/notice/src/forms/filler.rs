//! What the forms share: the fields that are filled from the case's facts, each written once.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use strandline_model::duty::DutyWord;
use strandline_model::time::{Instant, Interval};
use strandline_model::trail::Step;

use super::facts::{CaseFacts, STAFF_QUESTION, StaffRule};
use super::guard::with_coverage;
use super::{Field, Form, FormId, Ground, Part, Stated, Value};
use crate::duties::{TierCounts, moment};

/// Rows that a table of steps shows; the case has all of them.
const STEPS_SHOWN: usize = 200;

/// Steps that a text shows.
const STEPS_TOLD: usize = 20;

/// The tactic of steps that take data away (ATT&CK TA0010).
const EXFILTRATION: &str = "exfiltration";

/// A time in a table that names its zone below.
const TABLE_TIME: &str = "%Y-%m-%d %H:%M:%S";

pub(super) struct Filler<'a> {
    facts: &'a CaseFacts,
    zone: TimeZone,
    answers: BTreeMap<&'a str, Stated>,
    coverage: String,
}

/// What the case says, and what it rests on.
pub(super) struct Found {
    value: Value,
    grounds: Vec<Ground>,
    words: Vec<String>,
    way: Option<String>,
}

impl Found {
    fn new(value: Value, grounds: Vec<Ground>) -> Self {
        Self { value, grounds, words: Vec::new(), way: None }
    }

    fn lines(lines: Vec<String>, grounds: Vec<Ground>) -> Self {
        Self::new(Value::Lines(lines), grounds)
    }

    fn unknown(because: impl Into<String>) -> Self {
        Self::new(Value::Unknown { because: because.into() }, Vec::new())
    }

    /// The command that would state it, for whoever fills the form. It is no part of the form: an authority has no use for it.
    fn by(self, way: impl Into<String>) -> Self {
        Self { way: Some(way.into()), ..self }
    }

    fn no_exposures() -> Self {
        Self::unknown("the case has no exposures yet").by("strandline expose CASE")
    }
}

impl<'a> Filler<'a> {
    pub fn new(facts: &'a CaseFacts) -> Self {
        let zone = TimeZone::get(&facts.organisation.time_zone).unwrap_or(TimeZone::UTC);
        let coverage = coverage_words(facts, &zone);
        let mut filler = Self { facts, zone, answers: BTreeMap::new(), coverage };
        // Oldest first, so that the last answer stands.
        for recorded in &facts.decisions {
            if let DutyWord::Answered { question, text } = &recorded.decision.word {
                let stated = Stated {
                    text: with_coverage(text.expose_personal(), &filler.coverage),
                    by: recorded.decision.decided_by.clone(),
                    at: moment(recorded.decision.decided_at, &filler.zone),
                    ledger_entry: recorded.ledger_entry,
                };
                filler.answers.insert(question, stated);
            }
        }
        filler
    }

    pub fn form(&self, id: FormId, title: &'static str, recipient: &'static str, source: &'static str, parts: Vec<Part>) -> Form {
        Form { id: id.as_str(), title, recipient, reference: self.facts.reference.clone(), as_of: moment(self.facts.as_of, &self.zone), source, parts }
    }

    /// A field that the case fills; a person's answer to it stands beside.
    pub fn field(&self, id: &'static str, label: &'static str, found: Found) -> Field {
        let stated = self.answers.get(id).cloned();
        let mut field = Field { id, label, value: found.value, stated, grounds: found.grounds, words: found.words, way: found.way };
        if let Some(stated) = &field.stated {
            if matches!(field.value, Value::Unknown { .. }) {
                field.value = Value::Stated;
                field.way = None;
            }
            field.grounds.push(Ground::Ledger { entry: stated.ledger_entry });
        }
        field
    }

    /// A field that only a person can fill.
    pub fn ask(&self, id: &'static str, label: &'static str) -> Field {
        self.field(id, label, Found::unknown("nobody has stated it").by(format!("strandline decide CASE answer {id} --text …")))
    }

    /// To the second: what the evidence shows is no appointment.
    fn time(&self, at: Instant) -> String {
        self.show(at, "%a %-d %b %Y %H:%M:%S %Z")
    }

    fn show(&self, at: Instant, pattern: &str) -> String {
        show(at, &self.zone, pattern)
    }

    fn between(&self, interval: Interval) -> String {
        format!("{} to {}", self.time(interval.from), self.time(interval.to))
    }

    fn zone_note(&self) -> String {
        format!("Times are those of {}.", self.zone.iana_name().unwrap_or("UTC"))
    }

    // ---- who and where ----

    pub fn organisation(&self) -> Found {
        let names: Vec<String> = self.facts.organisation.name.values().cloned().collect();
        if names.is_empty() {
            Found::unknown("the estate file gives no name")
        } else {
            Found::lines(names, vec![Ground::Estate { field: "organisation.name" }])
        }
    }

    pub fn contact(&self) -> Found {
        let Some(contact) = &self.facts.organisation.contact else { return Found::unknown("the estate file names no contact") };
        let parts = contact.name.values().chain(&contact.phone).chain(&contact.email).cloned().collect();
        Found::lines(parts, vec![Ground::Estate { field: "organisation.contact" }])
    }

    pub fn systems(&self) -> Found {
        let stepped: Vec<String> =
            self.facts.systems.iter().filter(|s| s.steps > 0).map(|s| format!("{} ({}): {} steps of the intruder", s.name, s.id, s.steps)).collect();
        match (stepped.is_empty(), self.facts.steps.is_empty()) {
            (false, _) => Found::lines(stepped, vec![Ground::Table { table: "steps" }, Ground::Estate { field: "system" }]),
            (true, true) => Found::unknown("the case has no trail yet"),
            (true, false) => Found::unknown("the trail's steps are on no system that the estate describes"),
        }
    }

    pub fn other_sites(&self) -> Found {
        let others: Vec<String> = self.facts.systems.iter().filter(|s| s.steps == 0).map(|s| s.name.clone()).collect();
        if self.facts.steps.is_empty() {
            return Found::unknown("the case has no trail yet");
        }
        if others.is_empty() {
            return Found::lines(
                vec!["None: the intruder's steps are on every system that the estate describes.".to_owned()],
                vec![Ground::Table { table: "steps" }],
            );
        }
        let line = format!("On these systems the trail has no step: {}. {}.", others.join(", "), capital(&self.coverage));
        Found::lines(vec![line], vec![Ground::Table { table: "steps" }, Ground::Coverage])
    }

    // ---- when ----

    pub fn occurred(&self) -> Found {
        match intrusion(self.facts) {
            Some(interval) => Found::lines(
                vec![
                    format!("{}, from the first step of the intruder that the evidence shows to the last", self.between(interval)),
                    format!("{}.", capital(&self.coverage)),
                ],
                vec![Ground::Table { table: "steps" }, Ground::Coverage],
            ),
            None => Found::unknown("the case has no trail yet"),
        }
    }

    /// When people recorded that the event happened.
    pub fn event(&self, event: &str) -> Found {
        let mut last = None;
        for recorded in &self.facts.decisions {
            match &recorded.decision.word {
                DutyWord::Happened { event: other, at, knowing } if other == event => last = Some((recorded, *at, knowing)),
                DutyWord::Retracted { event: other, .. } if other == event => last = None,
                _ => {}
            }
        }
        match last {
            Some((recorded, at, knowing)) => {
                let lines = vec![
                    format!("{}, as recorded by {}", self.time(at), recorded.decision.decided_by),
                    format!("Knowing: {}", with_coverage(knowing.expose_personal(), &self.coverage)),
                ];
                let grounds = vec![Ground::Ledger { entry: recorded.ledger_entry }];
                Found { words: vec![knowing.expose_personal().clone()], ..Found::lines(lines, grounds) }
            }
            None => Found::unknown("nobody has recorded it").by(format!("strandline decide CASE {event} --at … --knowing …")),
        }
    }

    /// When a duty was done, of those whose id ends so (`/pcpd`).
    pub fn duty_done(&self, ids: &[&str]) -> Found {
        let (mut lines, mut grounds, mut words) = (Vec::new(), Vec::new(), Vec::new());
        for recorded in &self.facts.decisions {
            let (duty, at, what, part) = match &recorded.decision.word {
                DutyWord::Done { duty, at, what } => (duty, at, what, ""),
                DutyWord::PartlyDone { duty, at, what } => (duty, at, what, " (in part)"),
                DutyWord::Reopened { duty, .. } if ids.contains(&duty.as_str()) => {
                    lines.clear();
                    grounds.clear();
                    words.clear();
                    continue;
                }
                _ => continue,
            };
            if ids.contains(&duty.as_str()) {
                let what = what.expose_personal().trim();
                let what = if what.is_empty() { "no reference given" } else { what };
                lines.push(format!("{duty}{part}: {}; {}", self.time(*at), with_coverage(what, &self.coverage)));
                grounds.push(Ground::Ledger { entry: recorded.ledger_entry });
                words.push(what.to_owned());
            }
        }
        if lines.is_empty() {
            let duty = ids.first().unwrap_or(&"DUTY");
            return Found::unknown("nobody has recorded it").by(format!("strandline decide CASE done {duty} --at … --given …"));
        }
        Found { words, ..Found::lines(lines, grounds) }
    }

    // ---- what happened ----

    pub fn sequence(&self) -> Found {
        if self.facts.steps.is_empty() {
            return Found::unknown("the case has no trail yet");
        }
        let columns = ["Step", "From", "To", "System", "What happened", "Technique", "Link", "Lines", "First line"].map(str::to_owned).to_vec();
        let rows = self.facts.steps.iter().take(STEPS_SHOWN).map(|step| {
            vec![
                step.id.clone(),
                self.show(step.first, TABLE_TIME),
                self.show(step.last, TABLE_TIME),
                step.system.clone(),
                step.summary.clone(),
                format!("{} {}", step.technique, step.technique_name),
                format!("{:?}", step.strength).to_lowercase(),
                step.event_count.to_string(),
                step.events.first().map(ToString::to_string).unwrap_or_default(),
            ]
        });
        let mut notes = vec![self.zone_note(), "Link: proved by an identifier, inferred from a pattern, or open where evidence is missing.".to_owned()];
        if self.facts.steps.len() > STEPS_SHOWN {
            notes.push(format!("The first {STEPS_SHOWN} of {} steps; the case has all of them.", self.facts.steps.len()));
        }
        Found::new(Value::Table { columns, rows: rows.collect(), notes }, self.step_grounds())
    }

    fn step_grounds(&self) -> Vec<Ground> {
        let lines = self.facts.steps.iter().map(|step| u64::try_from(step.event_count).unwrap_or(0)).sum();
        let first = self.facts.steps.iter().filter_map(|step| Some((step.first, step.events.first()?))).min();
        [Ground::Table { table: "steps" }].into_iter().chain(first.map(|(_, first)| Ground::Line { first: first.clone(), lines })).collect()
    }

    pub fn what_happened(&self) -> Found {
        if self.facts.steps.is_empty() {
            return Found::unknown("the case has no trail yet");
        }
        let mut lines: Vec<String> =
            self.facts.steps.iter().take(STEPS_TOLD).map(|step| format!("{} {}: {}", step.id, self.time(step.first), step.summary)).collect();
        if self.facts.steps.len() > lines.len() {
            lines.push(format!("… and {} more steps in the case.", self.facts.steps.len() - lines.len()));
        }
        Found::lines(lines, self.step_grounds())
    }

    /// Weaknesses that the steps used. What the evidence shows of the cause, and no more.
    pub fn cause(&self) -> Found {
        let mut lines = Vec::new();
        let mut grounds = Vec::new();
        for step in &self.facts.steps {
            if let Some(exploited) = &step.exploited {
                lines.push(format!("{} on {}: {exploited}", step.id, step.system));
                let lines_of_step = u64::try_from(step.event_count).unwrap_or(0);
                grounds.extend(step.events.first().map(|first| Ground::Line { first: first.clone(), lines: lines_of_step }));
            }
        }
        if lines.is_empty() {
            return Found::unknown(match self.facts.steps.is_empty() {
                true => "the case has no trail yet".to_owned(),
                false => format!("no step of the trail shows a weakness that was used; {}", self.coverage),
            });
        }
        grounds.insert(0, Ground::Table { table: "steps" });
        Found::lines(lines, grounds)
    }

    pub fn detections(&self) -> Found {
        if self.facts.detections.is_empty() {
            return Found::unknown(format!("no rule from which a trail could start fired; {}", self.coverage));
        }
        let mut lines: Vec<String> =
            self.facts.detections.iter().take(20).map(|d| format!("{} on {}: {} ({} events)", self.time(d.first), d.system, d.title, d.events)).collect();
        if self.facts.detections.len() > lines.len() {
            lines.push(format!("… and {} more.", self.facts.detections.len() - lines.len()));
        }
        lines.insert(0, "Rules that fired when the logs were read; who noticed the incident, and how, is for a person to state.".to_owned());
        Found::lines(lines, vec![Ground::Table { table: "detections" }])
    }

    // ---- whose data ----

    /// People by tier, staff and citizens apart.
    pub fn people(&self) -> Found {
        let Some(people) = &self.facts.people else { return Found::no_exposures() };
        let rule = self.answers.get(STAFF_QUESTION).and_then(|stated| Some((stated, stated.text.parse::<StaffRule>().ok()?)));
        let split = rule.as_ref().map(|(_, rule)| rule.split(people));
        let cell = |place: usize, count: fn(&TierCounts) -> u64| split.as_ref().map_or("unknown".to_owned(), |split| count(&split[place]).to_string());
        let row =
            |label: &str, count: fn(&TierCounts) -> u64| vec![label.to_owned(), count(&people.all).to_string(), cell(0, count), cell(1, count), cell(2, count)];
        let rows =
            vec![row("confirmed", |t| t.confirmed), row("likely", |t| t.likely), row("possible", |t| t.possible), row("all affected", TierCounts::total)];
        let mut notes = tier_notes();
        notes.push(match &rule {
            Some((stated, _)) => format!("Staff, as stated by {} (ledger entry {}): {}.", stated.by, stated.ledger_entry, stated.text),
            None => "Staff and citizens: unknown, because the register does not say who is staff and nobody has stated it.".to_owned(),
        });
        if let Some(registered) = people.registered {
            let inside: u64 = people.by_status.iter().filter(|group| group.in_register).map(|group| group.people.total()).sum();
            notes.push(format!(
                "Of {registered} people in the register, {} have no exposure in this case; {}.",
                registered.saturating_sub(inside),
                self.coverage
            ));
        }
        let mut grounds = vec![Ground::Table { table: "exposures" }, Ground::Coverage];
        grounds.extend(rule.as_ref().map(|(stated, _)| Ground::Ledger { entry: stated.ledger_entry }));
        let columns = ["Certainty", "People", "Staff", "Citizens", "Neither known"].map(str::to_owned).to_vec();
        let way = rule.is_none().then(|| format!("strandline decide CASE answer {STAFF_QUESTION} --text everyone"));
        Found { way, ..Found::new(Value::Table { columns, rows, notes }, grounds) }
    }

    pub fn categories(&self) -> Found {
        if self.facts.people.is_none() {
            return Found::no_exposures();
        }
        if self.facts.categories.is_empty() {
            let none = format!("No category of personal data has an exposure in this case; {}.", self.coverage);
            return Found::lines(vec![none], vec![Ground::Table { table: "exposures" }, Ground::Coverage]);
        }
        let columns = ["Type of data", "Disclosed: confirmed", "likely", "possible", "Worked out: confirmed", "likely", "possible"].map(str::to_owned).to_vec();
        let cells = |counts: &TierCounts| [counts.confirmed, counts.likely, counts.possible].map(|n| n.to_string());
        let rows = self
            .facts
            .categories
            .iter()
            .map(|category| [category.category.replace('_', " ")].into_iter().chain(cells(&category.disclosed)).chain(cells(&category.inferred)).collect());
        let mut notes = tier_notes();
        notes.push("People, by type of data. Disclosed: the value itself was in what was sent. Worked out: it can be concluded from what was sent.".to_owned());
        Found::new(Value::Table { columns, rows: rows.collect(), notes }, vec![Ground::Table { table: "exposures" }])
    }

    /// Records, approximately: one for each person and type of data.
    pub fn records(&self) -> Found {
        if self.facts.people.is_none() {
            return Found::no_exposures();
        }
        let mut sum = TierCounts::default();
        for category in &self.facts.categories {
            for counts in [&category.disclosed, &category.inferred] {
                sum.confirmed += counts.confirmed;
                sum.likely += counts.likely;
                sum.possible += counts.possible;
            }
        }
        let line = format!(
            "{} confirmed, {} likely, {} possible (one for each person, type of data, and way it was revealed)",
            sum.confirmed, sum.likely, sum.possible
        );
        Found::lines(vec![line], vec![Ground::Table { table: "exposures" }])
    }

    /// Reads by the intruder: accessed is not disclosed.
    pub fn accessed(&self) -> Found {
        let accesses = &self.facts.accesses;
        let Some(people) = &self.facts.people else { return Found::no_exposures() };
        let mut lines = Vec::new();
        match accesses.span {
            Some(span) => lines.push(format!("{} statements of the intruder read personal data, {}.", accesses.reads, self.between(span))),
            None => lines.push(format!("No statement of the intruder that reads personal data is in the case; {}.", self.coverage)),
        }
        lines.extend((!accesses.tables.is_empty()).then(|| format!("Tables read: {}.", accesses.tables.join(", "))));
        lines.push(format!("People whose stored data was read, or could have been: {}.", tiers(&people.all)));
        if accesses.widened > 0 {
            lines.push(format!("{} of them could not be replayed: every person in their tables counts as possible.", accesses.widened));
        }
        Found::lines(lines, vec![Ground::Table { table: "accesses" }, Ground::Table { table: "replays" }, Ground::Table { table: "exposures" }])
    }

    /// Values sent to the intruder.
    pub fn disclosed(&self) -> Found {
        let Some(people) = &self.facts.people else { return Found::no_exposures() };
        let lines = vec![
            format!("People with a value that was itself in what was sent to the intruder: {}.", tiers(&people.disclosed)),
            format!("People with a value that can be worked out from what was sent: {}.", tiers(&people.inferred)),
            "Confirmed: delivery is proved. Likely: one proof is missing. Possible: within reach while evidence is missing.".to_owned(),
        ];
        Found::lines(lines, vec![Ground::Table { table: "exposures" }])
    }

    /// Steps that took data away. How much of it left the network, the logs that a case is made from do not count.
    pub fn exfiltrated(&self) -> Found {
        let steps: Vec<&Step> = self.facts.steps.iter().filter(|step| step.tactic == EXFILTRATION).collect();
        let limit = "what left the organisation's network or was published is not counted: what was sent to the intruder is under disclosed";
        if steps.is_empty() {
            return Found::unknown(format!("no step of the trail is one of exfiltration, and {limit}; {}", self.coverage));
        }
        let told = steps.iter().take(STEPS_TOLD).map(|step| format!("{} {}: {} ({} lines)", step.id, self.time(step.first), step.summary, step.event_count));
        let lines = told.chain([format!("Of how many people: unknown, because {limit}; {}.", self.coverage)]).collect();
        let mut grounds = vec![Ground::Table { table: "steps" }];
        grounds.extend(
            steps.iter().filter_map(|step| Some(Ground::Line { first: step.events.first()?.clone(), lines: u64::try_from(step.event_count).unwrap_or(0) })),
        );
        Found::lines(lines, grounds)
    }

    // ---- evidence ----

    pub fn evidence(&self) -> Found {
        if self.facts.coverage.spans.is_empty() {
            return Found::unknown("no log with events is in custody");
        }
        let columns = ["Log source", "From", "To", "Missing"].map(str::to_owned).to_vec();
        let mut rows = Vec::new();
        for (source, interval) in &self.facts.coverage.spans {
            let gaps: Vec<String> = self
                .facts
                .coverage
                .gaps
                .iter()
                .filter(|gap| &gap.source == source)
                .take(10)
                .map(|gap| format!("{} to {}", self.show(gap.interval.from, TABLE_TIME), self.show(gap.interval.to, TABLE_TIME)))
                .collect();
            rows.push(vec![source.clone(), self.show(interval.from, TABLE_TIME), self.show(interval.to, TABLE_TIME), gaps.join("; ")]);
        }
        let absent = self.facts.coverage.gaps.iter().filter(|gap| !self.facts.coverage.spans.iter().any(|(source, _)| source == &gap.source));
        let notes = absent.take(20).map(|gap| format!("{}: {}", gap.source, gap.reason));
        let notes = [self.zone_note(), format!("{} artefacts in custody, sealed by SHA-256.", self.facts.artefacts)].into_iter().chain(notes).collect();
        Found::new(Value::Table { columns, rows, notes }, vec![Ground::Coverage, Ground::Table { table: "gaps" }])
    }

    // ---- what was done ----

    pub fn individuals_informed(&self, duties: &[&str]) -> Found {
        let done = self.duty_done(duties);
        let letters = &self.facts.letters;
        let back = if letters.came_back == 0 { String::new() } else { format!("; those to {} of them came back", letters.came_back) };
        let line = format!("{} letters drafted; letters to {} people handed over for delivery{back}.", letters.drafted, letters.handed_over);
        match done.value {
            Value::Lines(mut lines) => {
                lines.insert(0, "Yes, as recorded:".to_owned());
                lines.push(line);
                Found { value: Value::Lines(lines), ..done }
            }
            _ => match self.decided(duties) {
                Found { value: Value::Lines(mut lines), grounds, words, .. } => {
                    lines.push(line);
                    Found { words, ..Found::lines(lines, grounds) }
                }
                _ => Found::unknown(format!("nobody has recorded that they were informed, or why not; {line}")),
            },
        }
    }

    /// Whether people recorded that the duties' condition is met, and why.
    pub fn decided(&self, duties: &[&str]) -> Found {
        let (mut lines, mut grounds, mut words) = (Vec::new(), Vec::new(), Vec::new());
        for recorded in &self.facts.decisions {
            let (duty, why, answer) = match &recorded.decision.word {
                DutyWord::Required { duty, why } => (duty, why, "required"),
                DutyWord::NotRequired { duty, why } => (duty, why, "not required"),
                _ => continue,
            };
            if duties.contains(&duty.as_str()) {
                let why = why.expose_personal();
                lines.push(format!("{duty} is {answer}, as recorded by {}: {}", recorded.decision.decided_by, with_coverage(why, &self.coverage)));
                grounds.push(Ground::Ledger { entry: recorded.ledger_entry });
                words.push(why.clone());
            }
        }
        if lines.is_empty() {
            let duty = duties.first().unwrap_or(&"DUTY");
            return Found::unknown("nobody has decided it").by(format!("strandline decide CASE required {duty} --why …, or not-required {duty}"));
        }
        Found { words, ..Found::lines(lines, grounds) }
    }

    /// Decisions that people recorded, in order: the log of who did what.
    pub fn decisions(&self) -> Found {
        let mut lines = Vec::new();
        let mut grounds = Vec::new();
        for recorded in &self.facts.decisions {
            let what = match &recorded.decision.word {
                DutyWord::Answered { .. } => continue,
                DutyWord::Happened { event, at, .. } => format!("recorded {event}, {}", self.time(*at)),
                DutyWord::Retracted { event, .. } => format!("took {event} back"),
                DutyWord::Required { duty, .. } => format!("recorded that {duty} is required"),
                DutyWord::NotRequired { duty, .. } => format!("recorded that {duty} is not required"),
                DutyWord::PartlyDone { duty, at, .. } => format!("recorded a part of {duty}, {}", self.time(*at)),
                DutyWord::Done { duty, at, .. } => format!("recorded that {duty} was done, {}", self.time(*at)),
                DutyWord::Reopened { duty, .. } => format!("reopened {duty}"),
            };
            lines.push(format!("{}: {} {what}", self.time(recorded.decision.decided_at), recorded.decision.decided_by));
            grounds.push(Ground::Ledger { entry: recorded.ledger_entry });
        }
        if lines.is_empty() { Found::unknown("nobody has recorded a decision yet") } else { Found::lines(lines, grounds) }
    }
}

fn tiers(counts: &TierCounts) -> String {
    format!("{} confirmed, {} likely, {} possible", counts.confirmed, counts.likely, counts.possible)
}

fn tier_notes() -> Vec<String> {
    vec!["Each person counts once, by the strongest tier. Confirmed: sent to the intruder, delivery proved. Likely: asked for, one proof missing, or it can be worked out. Possible: within reach while evidence is missing.".to_owned()]
}

fn intrusion(facts: &CaseFacts) -> Option<Interval> {
    facts.steps.iter().map(|step| Interval { from: step.first, to: step.last }).reduce(|a, b| a.hull(&b))
}

/// What the logs cover, in words that can follow a comma.
fn coverage_words(facts: &CaseFacts, zone: &TimeZone) -> String {
    let spans = &facts.coverage.spans;
    let Some(hull) = spans.iter().map(|(_, interval)| *interval).reduce(|a, b| a.hull(&b)) else { return "no log is in custody".to_owned() };
    let gaps = match facts.coverage.gaps.len() {
        0 => "no gap was found in them".to_owned(),
        1 => "with 1 gap".to_owned(),
        gaps => format!("with {gaps} gaps"),
    };
    let pattern = "%a %-d %b %Y %H:%M:%S %Z";
    format!("the logs in custody ({} sources) cover {} to {}, {gaps}", spans.len(), show(hull.from, zone, pattern), show(hull.to, zone, pattern))
}

fn show(at: Instant, zone: &TimeZone, pattern: &str) -> String {
    match crate::clock::local(at, zone) {
        Ok(local) => local.strftime(pattern).to_string(),
        Err(_) => at.to_string(),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
