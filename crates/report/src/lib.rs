//! The case on one page: a self-contained HTML file that needs no script and prints well.
//!
//! It shows what the tables hold and concludes nothing of its own. Pictures have a pattern as well as a colour, and a text twin.

mod chart;
mod contain;
mod html;
mod rules;
mod tally;

pub use html::escape;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use strandline_model::clearance::{Clearance, Question};
use strandline_model::containment::{ActionRow, FootholdRow, LeftOpen};
use strandline_model::detection::Detection;
use strandline_model::evidence::{Artefact, Coverage, EventRef};
use strandline_model::exposure::{Certainty, Replay};
use strandline_model::since::{ReturnRow, SinceRow};
use strandline_model::table::{Row, Scan, ScanError};
use strandline_model::time::Instant;
use strandline_model::trail::{Division, Step};

use html::Page;
pub use rules::RulesRun;
use tally::Tally;

/// What the report is made from.
pub struct Input<'a> {
    /// The organisation's name.
    pub organisation: &'a str,
    /// The case's reference.
    pub reference: &'a str,
    /// When it is written; every number is "as of" then.
    pub written_at: Instant,
    /// IANA zone that times are shown in.
    pub time_zone: &'a str,
    /// People in the register.
    pub register_people: u64,
    /// People of the register who are cleared.
    pub cleared_people: u64,
    /// What the clearances rest on; that of anybody, since it is the same for all.
    pub clearance: Option<&'a Clearance>,
    /// What they rest on besides, where no person has named the intruder.
    pub premise: Option<&'a str>,
    /// What keeps people who are in no tier from being cleared.
    pub questions: &'a [Question],
    /// Categories that the estate describes, sorted.
    pub categories: &'a [String],
    /// Evidence in custody.
    pub artefacts: &'a [Artefact],
    /// What the evidence covers.
    pub coverage: &'a Coverage,
    /// The actor's steps, in order.
    pub steps: &'a [Step],
    /// How the statements divide that ran while requests of the actor were in progress.
    pub division: &'a Division,
    /// Detections, in order.
    pub detections: &'a [Detection],
    /// What Sigma rules could do with the evidence, if they ran.
    pub rules: Option<&'a RulesRun>,
    /// The table `exposures`.
    pub exposures: &'a dyn Scan,
    /// The table `replays`.
    pub replays: &'a dyn Scan,
    /// What the actor holds.
    pub footholds: &'a [FootholdRow],
    /// What would cut it, by foothold, narrowest first.
    pub actions: &'a [ActionRow],
    /// What no effective action closes.
    pub left_open: &'a [LeftOpen],
    /// What was refused and served since each cut.
    pub since: &'a [SinceRow],
    /// Ways by which the intruder was served after the last cut.
    pub returns: &'a [ReturnRow],
    /// Notes of the stages, one sentence each.
    pub notes: &'a [String],
    /// Names by subject key, where somebody asked for names: adds the list of people.
    pub names: Option<&'a BTreeMap<String, String>>,
}

/// Writes the page.
///
/// # Errors
/// If a table cannot be read.
pub fn write(input: &Input<'_>) -> Result<String, ScanError> {
    let tally = Tally::of(input.exposures, input.categories)?;
    let zone = Zone::new(input.time_zone);
    let mut page = Page::new(&format!("{}: {}", input.organisation, input.reference));
    write_answer(&mut page, input, &tally, &zone);
    page.figure("The tide: people exposed, over time", &chart::tide(&tally, &zone));
    write_categories(&mut page, &tally);
    page.figure("The path, by system; holes are missing evidence", &chart::lanes(input.steps, input.coverage, &zone));
    write_steps(&mut page, input, &zone);
    contain::write(&mut page, input, &zone);
    write_division(&mut page, input.division);
    write_matrix(&mut page, &tally);
    write_gaps(&mut page, input, &zone);
    write_replays(&mut page, input.replays)?;
    write_detections(&mut page, input.detections, &zone);
    if let Some(run) = input.rules {
        rules::write(&mut page, run, input.detections);
    }
    write_custody(&mut page, input.artefacts, &zone);
    write_notes(&mut page, input.notes);
    if let Some(names) = input.names {
        write_people(&mut page, &tally, names);
    }
    Ok(page.finish())
}

/// Times in the organisation's zone.
pub(crate) struct Zone {
    zone: TimeZone,
    name: String,
}

impl Zone {
    fn new(name: &str) -> Self {
        match TimeZone::get(name) {
            Ok(zone) => Self { zone, name: name.to_owned() },
            Err(_) => Self { zone: TimeZone::UTC, name: "UTC".to_owned() },
        }
    }

    pub(crate) fn show(&self, at: Instant, pattern: &str) -> String {
        match jiff::Timestamp::from_microsecond(at.micros()) {
            Ok(timestamp) => self.zone.to_datetime(timestamp).strftime(pattern).to_string(),
            Err(_) => at.to_string(),
        }
    }

    pub(crate) fn full(&self, at: Instant) -> String {
        self.show(at, "%Y-%m-%d %H:%M:%S")
    }
}

fn write_answer(page: &mut Page, input: &Input<'_>, tally: &Tally, zone: &Zone) {
    let by_tier = tally.people_by_highest();
    let reached: u64 = by_tier.iter().sum();
    let not_known = input.register_people.saturating_sub(reached).saturating_sub(input.cleared_people);
    page.raw("<div class=answer>");
    for (class, label, count) in [
        ("confirmed", "confirmed", by_tier[2]),
        ("likely", "likely", by_tier[1]),
        ("possible", "possible", by_tier[0]),
        ("none", "not reached", input.cleared_people),
        ("none", "not known yet", not_known),
    ] {
        if label == "not known yet" && count == 0 {
            continue;
        }
        page.raw(&format!("<div class='tier {class}'><b>{}</b><span>{label}</span></div>", thousands(count)));
    }
    page.raw("</div>");
    page.paragraph(&format!(
        "People by the strongest that the evidence shows, of {} in the register, as of {} ({}). Confirmed: the data was sent to the intruder and delivery is proved. \
         Likely: it was asked for and one proof is missing, or it can be worked out from what was sent. Possible: it was within reach while evidence is missing.",
        thousands(input.register_people),
        zone.full(input.written_at),
        zone.name
    ));
    write_clearance(page, input, zone);
    page.paragraph("Accessed, disclosed and taken away are not the same. This page says what was disclosed to the intruder's session; what was done with it afterwards, logs cannot show.");
}

/// What "not reached" rests on, or why nobody can be told so.
fn write_clearance(page: &mut Page, input: &Input<'_>, zone: &Zone) {
    let covered = input.coverage.spans.iter().map(|(_, span)| *span).reduce(|a, b| a.hull(&b));
    if let (Some(span), Some(clearance)) = (covered, input.clearance) {
        page.paragraph(&format!(
            "Not reached rests on this: the logs supplied cover {} to {}, with {} gap(s) listed below; of the intruder's {} accesses, {} were replayed without that person, \
             and the others are proved to have shown nobody ({}). It says nothing of times and systems without logs.",
            zone.full(span.from),
            zone.full(span.to),
            input.coverage.gaps.len(),
            clearance.accesses,
            clearance.replayed,
            if clearance.reasons.is_empty() { "there are none".to_owned() } else { clearance.reasons.join("; ") }
        ));
        if let Some(premise) = input.premise {
            page.paragraph(&format!("It stands on the trail being the intruder's; {premise}."));
        }
    }
    if input.questions.is_empty() {
        return;
    }
    page.paragraph("Nobody else can be told yet that they were not reached. These questions are open:");
    page.raw("<table><thead><tr><th>What is not known<th class=n>Accesses<th>What answers it</tr></thead><tbody>");
    for question in input.questions {
        page.raw(&format!(
            "<tr><td>{}<td class=n>{}<td>{}</tr>",
            escape(&question.told()),
            thousands(question.accesses.unsigned_abs()),
            escape(&question.hint)
        ));
    }
    page.raw("</tbody></table>");
}

fn write_categories(page: &mut Page, tally: &Tally) {
    page.heading("By category");
    page.raw("<table><thead><tr><th>Category<th class=n>Confirmed<th class=n>Likely<th class=n>Possible<th>People</tr></thead><tbody>");
    let most = tally.categories().iter().map(|(_, counts)| counts.iter().sum::<u64>()).max().unwrap_or(1).max(1);
    for (name, counts) in tally.categories() {
        page.raw(&format!(
            "<tr><td>{}<td class=n>{}<td class=n>{}<td class=n>{}<td>{}</tr>",
            escape(&name.replace('_', " ")),
            thousands(counts[2]),
            thousands(counts[1]),
            thousands(counts[0]),
            chart::bar(&counts, most)
        ));
    }
    page.raw("</tbody></table>");
}

fn write_matrix(page: &mut Page, tally: &Tally) {
    page.heading("People by category");
    page.paragraph("People with the same row stand together. ● confirmed  ◐ likely  ○ possible  · in no tier");
    page.raw("<table class=matrix><thead><tr><th class=n>People");
    for (name, _) in tally.categories() {
        page.raw(&format!("<th><span>{}</span>", escape(&name.replace('_', " "))));
    }
    page.raw("</tr></thead><tbody>");
    let patterns = tally.patterns();
    const ROWS: usize = 60;
    for (pattern, people) in patterns.iter().take(ROWS) {
        page.raw(&format!("<tr><td class=n>{}", thousands(*people)));
        for cell in pattern.iter() {
            let (class, mark, word) = match cell {
                Some(Certainty::Confirmed) => ("confirmed", "●", "confirmed"),
                Some(Certainty::Likely) => ("likely", "◐", "likely"),
                Some(Certainty::Possible) => ("possible", "○", "possible"),
                None => ("", "·", "in no tier"),
            };
            page.raw(&format!("<td class='{class}' title='{word}'>{mark}"));
        }
        page.raw("</tr>");
    }
    page.raw("</tbody></table>");
    if patterns.len() > ROWS {
        let rest: u64 = patterns[ROWS..].iter().map(|(_, people)| people).sum();
        page.paragraph(&format!("{} further rows with {} people: see export/people.csv.", patterns.len() - ROWS, thousands(rest)));
    }
}

fn write_steps(page: &mut Page, input: &Input<'_>, zone: &Zone) {
    page.heading("What the intruder did");
    page.raw(
        "<table><thead><tr><th>Step<th>From<th>To<th>Technique<th>What happened<th>Where from<th>Account<th class=n>Lines<th>First line</tr></thead><tbody>",
    );
    for step in input.steps {
        let exploited = step.exploited.as_ref().map(|weakness| format!("<br><em>Exploited: {}</em>", escape(weakness))).unwrap_or_default();
        page.raw(&format!(
            "<tr><td>{}<td>{}<td>{}<td>{} {}<td>{}{exploited}<td>{}<td>{}<td class=n>{}<td class=ref>{}</tr>",
            escape(&step.id),
            zone.full(step.first),
            zone.show(step.last, "%H:%M:%S"),
            escape(&step.technique),
            escape(&step.technique_name),
            escape(&step.summary),
            escape(step.from_host.as_deref().unwrap_or("")),
            escape(step.account.as_deref().unwrap_or("")),
            step.event_count,
            step.events.first().map(|place| locate(input.artefacts, place)).unwrap_or_default()
        ));
    }
    page.raw("</tbody></table>");
}

/// Whose the statements are that an application ran while it answered the intruder: all of them, so that none is left out unseen.
fn write_division(page: &mut Page, division: &Division) {
    if division.total() == 0 {
        return;
    }
    page.heading("Whose the statements are");
    page.paragraph(&format!(
        "While requests of the intruder were in progress, the applications ran {} statements. Each is in one line of this table. What is open counts as possible. \
         strandline trace --statements shows them request by request.",
        thousands(division.total().unsigned_abs())
    ));
    page.raw("<table><thead><tr><th>Whose<th class=n>Statements</tr></thead><tbody>");
    for (whose, count) in [
        ("The intruder's, proved", division.own_proved),
        ("The intruder's, inferred", division.own_inferred),
        ("Somebody else's, proved", division.others_proved),
        ("Probably somebody else's", division.others_inferred),
        ("Struck by a responder", division.struck),
        ("Open: nothing tells whose", division.open),
    ] {
        page.raw(&format!("<tr><td>{}<td class=n>{}</tr>", escape(whose), thousands(count.unsigned_abs())));
    }
    page.raw("</tbody></table>");
}

fn write_gaps(page: &mut Page, input: &Input<'_>, zone: &Zone) {
    page.heading("Missing evidence");
    if input.coverage.gaps.is_empty() {
        page.paragraph(
            "No gap was found in the logs supplied: where records are numbered the numbers run on, and no silence stands out against a source's own rate.",
        );
    } else {
        page.raw("<table><thead><tr><th>Source<th>From<th>To<th class=n>Records<th>Why it is a gap</tr></thead><tbody>");
        for gap in &input.coverage.gaps {
            page.raw(&format!(
                "<tr><td>{}<td>{}<td>{}<td class=n>{}<td>{}</tr>",
                escape(&gap.source),
                zone.full(gap.interval.from),
                zone.full(gap.interval.to),
                gap.missing.map(thousands).unwrap_or_default(),
                escape(&gap.reason)
            ));
        }
        page.raw("</tbody></table>");
    }
    for skew in &input.coverage.skews {
        page.paragraph(&format!(
            "The clock of {} is {:.3} s {} that of {} (± {:.3} s, from {} requests that both logged).",
            skew.source,
            (skew.skew_micros as f64 / 1e6).abs(),
            if skew.skew_micros >= 0 { "ahead of" } else { "behind" },
            skew.reference,
            skew.spread_micros as f64 / 1e6,
            skew.pairs
        ));
    }
}

fn write_replays(page: &mut Page, replays: &dyn Scan) -> Result<(), ScanError> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut wider: BTreeMap<String, u64> = BTreeMap::new();
    for batch in replays.scan(&[])? {
        for replay in Replay::from_batch(&batch?)? {
            if let (true, Some(reason)) = (replay.outcome == "widened" || replay.outcome == "undescribed", &replay.reason) {
                *wider.entry(reason.clone()).or_default() += 1;
            }
            *counts.entry(replay.outcome).or_default() += 1;
        }
    }
    page.heading("What was replayed");
    page.raw("<table><thead><tr><th>Outcome<th class=n>Statements</tr></thead><tbody>");
    for (outcome, count) in &counts {
        page.raw(&format!("<tr><td>{}<td class=n>{}</tr>", escape(&outcome.replace('_', " ")), thousands(*count)));
    }
    page.raw("</tbody></table>");
    if !wider.is_empty() {
        page.paragraph("What could not be replayed as it stands counts wider, never narrower:");
        page.raw("<ul>");
        for (reason, count) in wider.iter().take(50) {
            page.raw(&format!("<li>{} × {}</li>", thousands(*count), escape(reason)));
        }
        page.raw("</ul>");
    }
    Ok(())
}

fn write_detections(page: &mut Page, detections: &[Detection], zone: &Zone) {
    page.heading("Detections");
    page.raw("<table><thead><tr><th>First<th>Level<th>Detection<th>About<th>System<th>Figures</tr></thead><tbody>");
    for detection in detections.iter().rev().take(200).rev() {
        page.raw(&format!(
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>",
            zone.full(detection.first),
            format!("{:?}", detection.level).to_lowercase(),
            escape(&detection.title),
            escape(&detection.subject),
            escape(&detection.system),
            escape(&detection.reason)
        ));
    }
    page.raw("</tbody></table>");
}

fn write_custody(page: &mut Page, artefacts: &[Artefact], zone: &Zone) {
    page.heading("Evidence in custody");
    page.raw("<table><thead><tr><th>Artefact<th>Read as<th class=n>Bytes<th class=n>Records<th class=n>Refused<th>First event<th>Last event<th>SHA-256</tr></thead><tbody>");
    for artefact in artefacts {
        let (first, last) = artefact.span.map(|span| (zone.full(span.from), zone.full(span.to))).unwrap_or_default();
        page.raw(&format!(
            "<tr><td>{}<td>{}<td class=n>{}<td class=n>{}<td class=n>{}<td>{first}<td>{last}<td class=ref>{}</tr>",
            escape(&artefact.path),
            escape(artefact.format.as_deref().unwrap_or("")),
            thousands(artefact.size),
            thousands(artefact.records_read),
            thousands(artefact.records_refused),
            escape(&artefact.sha256)
        ));
    }
    page.raw("</tbody></table>");
}

fn write_notes(page: &mut Page, notes: &[String]) {
    if notes.is_empty() {
        return;
    }
    page.heading("Notes");
    page.raw("<ul>");
    for note in notes {
        page.raw(&format!("<li>{}</li>", escape(note)));
    }
    page.raw("</ul>");
}

fn write_people(page: &mut Page, tally: &Tally, names: &BTreeMap<String, String>) {
    page.heading("People, by name (shown because somebody asked for names)");
    page.raw("<table><thead><tr><th>Key<th>Name<th>Confirmed<th>Likely<th>Possible</tr></thead><tbody>");
    for (key, cells) in tally.people() {
        let list = |tier: Certainty| {
            let named: Vec<String> = tally.names().iter().zip(cells).filter(|(_, cell)| **cell == Some(tier)).map(|(n, _)| n.replace('_', " ")).collect();
            escape(&named.join(", "))
        };
        page.raw(&format!(
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{}</tr>",
            escape(key),
            escape(names.get(key).map_or("", String::as_str)),
            list(Certainty::Confirmed),
            list(Certainty::Likely),
            list(Certainty::Possible)
        ));
    }
    page.raw("</tbody></table>");
}

fn locate(artefacts: &[Artefact], place: &EventRef) -> String {
    let path = artefacts.iter().find(|a| a.id == place.artefact).map_or(place.artefact.0.as_str(), |a| a.path.as_str());
    format!("{} byte {}", escape(path), place.offset)
}

/// 6800 as `6,800`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(c);
    }
    text
}
