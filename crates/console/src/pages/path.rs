//! Path: the lanes, the steps, the links that they hang on with their reasons, and each link's own page, where a person strikes or
//! confirms it and sees before what rests on it.

use askama::Template;
use strandline_model::detection::Detection;
use strandline_model::trail::{Step, Strength};
use strandline_response::desk::{LinkView, Need, Overview, sessions};

use super::tide::renewal;
use super::{Frame, frame, zone};
use crate::pictures::Zone;
use crate::pictures::lanes::{Detail, lanes};
use crate::reply::{Fault, Reply};
use crate::texts::Texts;
use crate::visit::Visit;

/// Detections of one page.
const SHOWN: usize = 200;
/// Characters of an id that a table shows; its page shows all.
const SHORT_CHARS: usize = 7;

/// A step as a row.
pub struct StepLine {
    id: String,
    first: String,
    last: String,
    technique: String,
    name: String,
    system: String,
    account: String,
    summary: String,
    exploited: String,
    strength: String,
    events: String,
    because: Vec<(String, String)>,
}

/// A link as a row.
struct LinkLine {
    id: String,
    short: String,
    from: String,
    to: String,
    reason: String,
    strength: String,
    verdict: String,
    people: String,
}

/// A starting point as a row.
struct PinLine {
    pin: String,
    is_followed: bool,
}

/// A detection as a row.
struct DetectionLine {
    id: String,
    short: String,
    title: String,
    subject: String,
    system: String,
    first: String,
    events: String,
    verdict: String,
}

#[derive(Template)]
#[template(path = "path.html")]
struct PathPage<'v> {
    f: Frame<'v>,
    lanes: Option<String>,
    steps: Vec<StepLine>,
    links: Vec<LinkLine>,
    detections: Vec<DetectionLine>,
    rest: Option<String>,
    pins: Vec<PinLine>,
    sessions: Vec<String>,
    open: Vec<String>,
    notes: Vec<String>,
    renewal: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "target.html")]
struct TargetPage<'v> {
    f: Frame<'v>,
    id: String,
    heading: String,
    reason: String,
    kind: &'static str,
    facts: Vec<(String, String)>,
    verdict: String,
    steps: Vec<StepLine>,
    rests: Option<(String, String, String)>,
    decisions: Vec<String>,
}

/// The page.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let (t, zone) = (visit.t(), zone(&overview));
    let (f, _) = frame(visit, &overview, "/path", t.x("nav_path"))?;
    let path = &overview.path;
    let renewal = overview.needs.iter().find_map(|need| match need {
        Need::Renew { decisions } => {
            let (what, why) = renewal(*decisions, t);
            Some((what, why.to_owned()))
        }
        _ => None,
    });
    let page = PathPage {
        f,
        lanes: lanes(&overview, Detail::Steps, &zone, t),
        steps: path.steps.iter().map(|step| step_line(step, &zone, t)).collect(),
        links: path.links.iter().map(|link| link_line(link, &overview, t)).collect(),
        detections: path.detections.iter().take(SHOWN).map(|detection| detection_line(detection, &overview, &zone, t)).collect(),
        rest: (path.detections.len() > SHOWN).then(|| t.w("more_rows", t.n((path.detections.len() - SHOWN) as u64))),
        pins: path.pins.iter().map(|view| PinLine { pin: view.pin.to_string(), is_followed: view.is_followed }).collect(),
        sessions: sessions(&visit.console.settings("", &visit.console.options.now), visit.role()?)?,
        open: path.open.clone(),
        notes: path.notes.clone(),
        renewal,
    };
    Ok(Reply::Page(page.render()?))
}

/// One link or detection.
pub fn one(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let (t, zone) = (visit.t(), zone(&overview));
    let id = visit.param("id");
    let (f, _) = frame(visit, &overview, "/path", id)?;
    let decisions = overview.decisions.iter().filter(|decision| decision.target == id).map(|decision| {
        let verdict = verdict_word(t, verdict_name(decision.verdict));
        format!(
            "{} · {} · {}{}",
            zone.full(decision.decided_at),
            decision.decided_by,
            verdict,
            decision.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
        )
    });
    let decisions = decisions.collect();
    let verdict = current_verdict(&overview, id, t);
    let page = if let Some(view) = overview.path.links.iter().find(|view| view.link.id == id) {
        let link = &view.link;
        let steps = overview.path.steps.iter().filter(|step| view.steps.contains(&step.id));
        TargetPage {
            f,
            id: id.to_owned(),
            heading: format!("{} → {}", link.from, link.to),
            reason: link.reason.clone(),
            kind: "link",
            facts: vec![
                (t.x("link_rule").to_owned(), link.rule.clone()),
                (t.x("strength").to_owned(), strength(t, link.strength).to_owned()),
                (t.x("time").to_owned(), t.w2("from_to", zone.full(link.first), zone.full(link.last))),
            ],
            verdict,
            steps: steps.map(|step| step_line(step, &zone, t)).collect(),
            rests: Some((t.n(view.accesses), t.n(view.people), t.n(view.people_by_nothing_else))),
            decisions,
        }
    } else {
        let detection = overview.path.detections.iter().find(|detection| detection.id == id).ok_or(Fault::NotFound)?;
        TargetPage {
            f,
            id: id.to_owned(),
            heading: detection.title.clone(),
            reason: detection.reason.clone(),
            kind: "detection",
            facts: vec![
                (t.x("link_rule").to_owned(), detection.rule.clone()),
                (t.x("detection_subject").to_owned(), detection.subject.clone()),
                (t.x("system").to_owned(), detection.system.clone()),
                (t.x("time").to_owned(), t.w2("from_to", zone.full(detection.first), zone.full(detection.last))),
            ],
            verdict,
            steps: overview.path.steps.iter().filter(|step| step.because.iter().any(|because| because == id)).map(|step| step_line(step, &zone, t)).collect(),
            rests: None,
            decisions,
        }
    };
    Ok(Reply::Page(page.render()?))
}

fn step_line(step: &Step, zone: &Zone, t: &Texts) -> StepLine {
    StepLine {
        id: step.id.clone(),
        first: zone.full(step.first),
        last: if zone.show(step.first, "%F") == zone.show(step.last, "%F") { zone.show(step.last, "%H:%M:%S") } else { zone.full(step.last) },
        technique: step.technique.clone(),
        name: step.technique_name.clone(),
        system: step.system.clone(),
        account: step.account.clone().unwrap_or_default(),
        summary: step.summary.clone(),
        exploited: step.exploited.clone().unwrap_or_default(),
        strength: strength(t, step.strength).to_owned(),
        events: t.n(step.event_count.unsigned_abs()),
        because: step.because.iter().map(|id| (id.clone(), short(id))).collect(),
    }
}

fn link_line(view: &LinkView, overview: &Overview, t: &Texts) -> LinkLine {
    let link = &view.link;
    LinkLine {
        short: short(&link.id),
        id: link.id.clone(),
        from: link.from.clone(),
        to: link.to.clone(),
        reason: link.reason.clone(),
        strength: strength(t, link.strength).to_owned(),
        verdict: current_verdict(overview, &link.id, t),
        people: t.n(view.people),
    }
}

fn detection_line(detection: &Detection, overview: &Overview, zone: &Zone, t: &Texts) -> DetectionLine {
    DetectionLine {
        short: short(&detection.id),
        id: detection.id.clone(),
        title: detection.title.clone(),
        subject: detection.subject.clone(),
        system: detection.system.clone(),
        first: zone.full(detection.first),
        events: t.n(detection.event_count.unsigned_abs()),
        verdict: current_verdict(overview, &detection.id, t),
    }
}

/// The beginning of an id: enough to tell two of them apart by eye.
fn short(id: &str) -> String {
    id.chars().take(SHORT_CHARS).collect()
}

/// The last word on a link or detection.
fn current_verdict(overview: &Overview, id: &str, t: &Texts) -> String {
    overview
        .decisions
        .iter()
        .rev()
        .find(|decision| decision.target == id)
        .map(|decision| verdict_word(t, verdict_name(decision.verdict)).to_owned())
        .unwrap_or_default()
}

fn verdict_name(verdict: strandline_model::detection::Verdict) -> &'static str {
    match verdict {
        strandline_model::detection::Verdict::Confirmed => "confirmed",
        strandline_model::detection::Verdict::Struck => "struck",
    }
}

fn verdict_word<'t>(t: &'t Texts, name: &str) -> &'t str {
    if name == "struck" { t.x("verdict_struck") } else { t.x("verdict_confirmed") }
}

fn strength(t: &Texts, strength: Strength) -> &str {
    match strength {
        Strength::Proved => t.x("strength_proved"),
        Strength::Inferred => t.x("strength_inferred"),
        Strength::Open => t.x("strength_open"),
    }
}
