//! Desk: what people wrote, the gravest first; one message, which is read once the ledger has that somebody reads it; and the plain
//! words for whoever speaks with one person.

use askama::Template;
use strandline_model::time::Instant;
use strandline_response::desk::{Arrivals, Task, call_sheet, message, queue};
use strandline_response::{Authenticity, CallSheet, DeskItem, DeskState, InHand, Left, MessageKind, Right, ShownMessage, Way};

use super::{Frame, frame, tier, zone};
use crate::job::End;
use crate::outcome::came_of;
use crate::pictures::{Zone, arrivals};
use crate::reply::{Fault, Reply};
use crate::texts::Texts;
use crate::visit::Visit;

/// Messages of one page.
const ROWS: usize = 100;
/// Characters of a message's name that a list shows.
const SHORT_CHARS: usize = 8;

struct ItemLine {
    href: String,
    short: String,
    kind: String,
    is_safety: bool,
    age: String,
    who: String,
    handle: Option<String>,
    language: String,
    way: String,
    assigned: String,
    state: String,
    is_withdrawn: bool,
}

#[derive(Template)]
#[template(path = "desk.html")]
struct DeskPage<'v> {
    f: Frame<'v>,
    items: Vec<ItemLine>,
    all: bool,
    count: String,
    rest: Option<String>,
    wave: Option<Wave>,
    /// Whether whoever started the console said where the bundle of the support page is.
    has_bundle: bool,
    /// What came of the last collection since then.
    came: Vec<String>,
}

/// What arrives beside what was to be expected: the picture, the same in words, and day by day.
struct Wave {
    svg: String,
    says: String,
    days: Vec<[String; 5]>,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'v> {
    f: Frame<'v>,
    id: String,
    item: ItemLine,
    written: String,
    collected: String,
    entry: u64,
    shown: Option<Words>,
    may_withdraw: bool,
}

/// What stands on a message's page once it is read.
struct Words {
    text: String,
    reach: String,
    tier: String,
    check: String,
    sheet: String,
    answers: Vec<String>,
}

#[derive(Template)]
#[template(path = "call.html")]
struct CallPage<'v> {
    f: Frame<'v>,
    handle: String,
    key: String,
    language: String,
    in_hand: String,
    answers: Vec<(String, String)>,
}

/// The page.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let t = visit.t();
    let all = visit.query.text("all").is_some();
    let settings = visit.console.settings(&visit.session()?.who.name, &visit.console.options.now);
    let mut items = queue(&settings, visit.role()?)?;
    let zone = zone(&overview);
    let wave = Arrivals::of(&overview.told_all, &items, visit.console.now()).map(|found| wave(&found, &zone, t));
    items.retain(|item| all || item.state == DeskState::Open);
    let (f, _) = frame(visit, &overview, "/desk", t.x("nav_desk"))?;
    let handle = |key: &str| overview.person_of_key(key).map(|row| row.handle.clone()).filter(|_| visit.may(Right::SeePeople));
    let page = DeskPage {
        f,
        count: t.w("desk_count", t.n(items.len() as u64)),
        rest: (items.len() > ROWS).then(|| t.w("more_rows", t.n((items.len() - ROWS) as u64))),
        items: items.iter().take(ROWS).map(|item| line(item, handle(&item.data_subject), t)).collect(),
        all,
        wave,
        has_bundle: visit.console.options.given.bundle.is_some(),
        came: collected(visit),
    };
    Ok(Reply::Page(page.render()?))
}

fn collected(visit: &Visit) -> Vec<String> {
    let last = visit.console.jobs().into_iter().find(|job| job.task == Task::Collect).and_then(|job| job.progress().end);
    match last {
        Some(End::Done(done)) => came_of(&done, visit.t()),
        _ => Vec::new(),
    }
}

fn wave(found: &Arrivals, zone: &Zone, t: &Texts) -> Wave {
    const DAY_MICROS: i64 = 86_400_000_000;
    let day = |(place, day): (usize, &strandline_response::desk::ArrivalDay)| {
        let date = zone.show(Instant(found.from.micros().saturating_add(place as i64 * DAY_MICROS)), "%Y-%m-%d");
        [date, t.n(day.told), t.n(day.messages), t.n(day.safety), t.n(day.expected.round() as u64)]
    };
    Wave { svg: arrivals::arrivals(found, zone, t), says: arrivals::says(found, t), days: found.days.iter().enumerate().map(day).collect() }
}

/// One message. Its words stand there once somebody has said that they read it.
pub fn one(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let (t, zone) = (visit.t(), zone(&overview));
    let settings = visit.console.settings(&visit.session()?.who.name, &visit.console.options.now);
    let found = message(&settings, visit.role()?, visit.param("id")).map_err(|_| Fault::NotFound)?;
    let handle = overview.person_of_key(&found.item.data_subject).map(|row| row.handle.clone());
    let (f, _) = frame(visit, &overview, "/desk", t.x("desk_message"))?;
    let is_shown = visit.sees(&seen_name(&found.item.id));
    let page = MessagePage {
        f,
        id: found.item.id.clone(),
        written: zone.full(found.item.written_at),
        collected: zone.full(found.item.collected_at),
        entry: found.item.ledger_entry,
        item: line(&found.item, handle.filter(|_| is_shown), t),
        may_withdraw: !found.item.is_withdrawn && found.item.kind == MessageKind::NotMe,
        shown: is_shown.then(|| words(found, t)),
    };
    Ok(Reply::Page(page.render()?))
}

/// By what name a session knows that a message is read.
pub fn seen_name(id: &str) -> String {
    format!("message {id}")
}

/// The plain words for whoever speaks with a person whom they found.
pub fn call(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let t = visit.t();
    let row = overview.person(visit.param("handle")).ok_or(Fault::NotFound)?;
    if !visit.sees(&row.handle) {
        return Err(Fault::Forbidden);
    }
    let settings = visit.console.settings(&visit.session()?.who.name, &visit.console.options.now);
    let sheet = call_sheet(&settings, visit.role()?, &row.data_subject, visit.query.filled("language"))?;
    let (f, _) = frame(visit, &overview, "/desk", t.x("call_title"))?;
    let CallSheet { language, in_hand, answers, .. } = sheet;
    let page = CallPage {
        f,
        handle: row.handle.clone(),
        key: row.data_subject.clone(),
        in_hand: match in_hand {
            InHand::Nothing => t.x("call_no_letter"),
            InHand::TheSame => t.x("call_same"),
            InHand::Another => t.x("call_another"),
        }
        .to_owned(),
        language,
        answers: answers.into_iter().map(|answer| (answer.question, answer.answer.into_personal())).collect(),
    };
    Ok(Reply::Page(page.render()?))
}

fn line(item: &DeskItem, handle: Option<String>, t: &Texts) -> ItemLine {
    ItemLine {
        href: format!("/desk/{}", item.id),
        short: item.id.chars().take(SHORT_CHARS).collect(),
        kind: t.find(&format!("message_{}", item.kind.as_str())).unwrap_or_default().to_owned(),
        is_safety: item.kind == MessageKind::Safety,
        age: if item.age_hours < 48 { t.w("desk_hours", item.age_hours) } else { t.w("desk_days", item.age_hours / 24) },
        who: item.data_subject.clone(),
        handle,
        language: item.language.clone(),
        way: way(item.way, t),
        assigned: item.assigned_to.clone().unwrap_or_else(|| t.x("desk_nobody").to_owned()),
        state: match item.state {
            DeskState::Open => t.x("desk_open"),
            DeskState::Answered => t.x("desk_answered"),
            DeskState::Closed => t.x("desk_closed"),
        }
        .to_owned(),
        is_withdrawn: item.is_withdrawn,
    }
}

/// How somebody wants an answer, in words.
fn way(way: Way, t: &Texts) -> String {
    match way {
        Way::Page => t.x("desk_way_page"),
        Way::Post => t.x("way_post"),
        Way::Phone => t.x("way_phone"),
    }
    .to_owned()
}

fn words(found: ShownMessage, t: &Texts) -> Words {
    let check = match &found.check {
        None => "",
        Some(_) if found.is_writers_letter => t.x("check_theirs"),
        Some(Authenticity::Ours { data_subject: Some(of), .. }) if *of != found.item.data_subject => t.x("check_others"),
        Some(Authenticity::Ours { left: Left::No, .. }) => t.x("check_not_sent"),
        Some(Authenticity::Ours { .. }) => t.x("check_part"),
        Some(Authenticity::CodeAlone { .. }) => t.x("check_code"),
        Some(Authenticity::Altered { .. }) => t.x("check_altered"),
        Some(Authenticity::NotOurs | Authenticity::Unreadable) => t.x("check_not_ours"),
    };
    Words {
        text: found.text.into_personal(),
        reach: found.reach.map(|reach| reach.into_personal()).unwrap_or_default(),
        tier: found.tier.map_or_else(|| t.x("tier_none").to_owned(), |name| tier(t, name).to_owned()),
        check: check.to_owned(),
        sheet: found.sheet.map(|sheet| sheet.into_personal()).unwrap_or_default(),
        answers: found.answers.into_iter().map(|answer| answer.into_personal()).collect(),
    }
}
