//! The pages. Each reads what it shows from the desk, and has a template of its own under `templates/`.

pub mod access;
pub mod clocks;
pub mod contain;
pub mod evidence;
pub mod ledger;
pub mod letters;
pub mod lines;
pub mod path;
pub mod people;
pub mod person;
pub mod tide;
pub mod timeline;

use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use strandline_response::desk::{Clocks, Need, Overview};
use strandline_response::notice::State;

use crate::door::Role;
use crate::pictures::Zone;
use crate::reply::{Fault, Reply};
use crate::texts::{Language, Texts};
use crate::visit::Visit;

/// How a part of the case stands, beside its name in the rail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    NotYet,
    Done,
    Waits,
    NeedsYou,
}

/// A line of the rail.
pub struct NavItem {
    /// Where it leads.
    pub href: &'static str,
    /// Its name.
    pub name: String,
    /// Its sign.
    pub sign: &'static str,
    /// What the sign says.
    pub says: String,
    /// Its class.
    pub class: &'static str,
    /// Whether it is this page.
    pub is_here: bool,
}

/// What every page has around it.
pub struct Frame<'v> {
    /// The texts.
    pub t: &'v Texts,
    /// The page's title.
    pub title: String,
    /// The page's path, to come back to.
    pub path: String,
    /// In whose name things are done here.
    pub name: String,
    /// What they may do, in words.
    pub role: String,
    /// What every form carries.
    pub csrf: String,
    /// What the case is called.
    pub reference: String,
    /// The organisation.
    pub organisation: String,
    /// The next clock: what, and how long is left.
    pub clock: Option<(String, String)>,
    /// Whether it has run out.
    pub is_late: bool,
    /// What is told once.
    pub notice: Option<String>,
    /// Work that runs.
    pub job: Option<String>,
    /// The rail.
    pub nav: Vec<NavItem>,
    /// Whether whoever is in may decide.
    pub decides: bool,
    /// Whether they may approve.
    pub approves: bool,
}

impl Frame<'_> {
    /// The tag of the page's language.
    pub fn language(&self) -> &'static str {
        self.t.language.tag()
    }

    /// The tag of the other language.
    pub fn other_language(&self) -> &'static str {
        match self.t.language {
            Language::English => Language::Chinese.tag(),
            Language::Chinese => Language::English.tag(),
        }
    }
}

/// The frame of a page of the case, with its clocks.
pub fn frame<'v>(visit: &'v Visit, overview: &Overview, here: &'static str, title: &str) -> Result<(Frame<'v>, Arc<Clocks>), Fault> {
    let session = visit.session()?;
    let t = visit.t();
    let clocks = visit.console.clocks(overview)?;
    let organisation =
        overview.organisation.get(t.language.tag()).or_else(|| overview.organisation.get("en")).or_else(|| overview.organisation.values().next());
    let next = clocks.next();
    // It is told once.
    let notice = session.notice.clone();
    if notice.is_some() {
        visit.console.door().change(session.number, |session| session.notice = None);
    }
    let frame = Frame {
        t,
        title: title.to_owned(),
        path: visit.path.clone(),
        name: session.who.name.clone(),
        role: role(t, session.who.role).to_owned(),
        csrf: session.csrf.clone(),
        reference: overview.reference.clone(),
        organisation: organisation.cloned().unwrap_or_default(),
        clock: next.map(|view| (view.duty.title.clone(), view.left.clone().unwrap_or_default())),
        is_late: next.is_some_and(|view| view.state == State::Overdue),
        notice,
        job: visit.console.job().filter(|job| !job.progress().is_over).map(|job| t.x(job.work.name()).to_owned()),
        nav: nav(t, overview, &clocks, here),
        decides: session.who.role >= Role::Responder,
        approves: session.who.role >= Role::Approver,
    };
    Ok((frame, clocks))
}

/// A role in words.
pub fn role(t: &Texts, role: Role) -> &str {
    match role {
        Role::Reader => t.x("role_reader"),
        Role::Responder => t.x("role_responder"),
        Role::Approver => t.x("role_approver"),
    }
}

fn nav(t: &Texts, overview: &Overview, clocks: &Clocks, here: &'static str) -> Vec<NavItem> {
    let has = |wanted: fn(&Need) -> bool| overview.needs.iter().any(wanted);
    let of = |is_done: bool, waits: bool, is_urgent: bool| match (is_urgent, waits, is_done) {
        (true, ..) => Standing::NeedsYou,
        (_, true, _) => Standing::Waits,
        (.., true) => Standing::Done,
        _ => Standing::NotYet,
    };
    let failed = has(|need| matches!(need, Need::LettersOld | Need::LettersFailed { .. }));
    let letters = has(|need| matches!(need, Need::LettersHeld { .. } | Need::Approval { .. }));
    let (overdue, waiting) = (clocks.count(State::Overdue) > 0, clocks.count(State::Waiting) > 0);
    let items = [
        ("/", t.x("nav_tide"), of(overview.is_exposed, false, false)),
        ("/evidence", t.x("nav_evidence"), of(!overview.evidence.artefacts.is_empty(), false, false)),
        ("/path", t.x("nav_path"), of(!overview.path.steps.is_empty(), false, has(|need| matches!(need, Need::Renew { .. })))),
        ("/timeline", t.x("nav_timeline"), of(!overview.path.steps.is_empty(), false, false)),
        ("/people", t.x("nav_people"), of(overview.is_exposed, has(|need| matches!(need, Need::Questions { .. })), false)),
        ("/contain", t.x("nav_contain"), of(!overview.containment.footholds.is_empty(), false, has(|need| matches!(need, Need::LeftOpen { .. })))),
        ("/clocks", t.x("nav_clocks"), of(clocks.count(State::Done) > 0, waiting, overdue)),
        ("/letters", t.x("nav_letters"), of(overview.letters.is_some(), letters, failed)),
        ("/ledger", t.x("nav_ledger"), Standing::Done),
        ("/access", t.x("nav_access"), of(overview.enrolled > 0, has(|need| matches!(need, Need::NobodyEnrolled)), false)),
    ];
    let item = |(href, name, standing): (&'static str, &str, Standing)| {
        let (sign, says, class) = match standing {
            Standing::NotYet => ("○", t.x("standing_not_yet"), "notyet"),
            Standing::Done => ("✓", t.x("standing_done"), "done"),
            Standing::Waits => ("•", t.x("standing_waits"), "waits"),
            Standing::NeedsYou => ("!", t.x("standing_needs_you"), "needs"),
        };
        NavItem { href, name: name.to_owned(), sign, says: says.to_owned(), class, is_here: href == here }
    };
    items.into_iter().map(item).collect()
}

/// Times of the case in the organisation's zone.
pub fn zone(overview: &Overview) -> Zone {
    Zone::new(&overview.time_zone)
}

/// A category's name in the page's language, where there is one.
pub fn category(t: &Texts, name: &str) -> String {
    t.find(&format!("category_{name}")).map_or_else(|| name.replace('_', " "), str::to_owned)
}

/// A tier in words.
pub fn tier<'t>(t: &'t Texts, name: &'t str) -> &'t str {
    match name {
        "confirmed" => t.x("tier_confirmed"),
        "likely" => t.x("tier_likely"),
        "possible" => t.x("tier_possible"),
        "not_reached" => t.x("tier_not_reached"),
        "not_known" => t.x("tier_not_known"),
        "other" => t.x("tier_other"),
        other => other,
    }
}

/// Where a letter is, in words.
pub fn letter_state(t: &Texts, state: &str) -> String {
    t.find(&format!("letter_{state}")).map_or_else(|| state.replace('_', " "), str::to_owned)
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage<'v> {
    t: &'v Texts,
    heading: String,
    why: String,
}

/// A page that says what was wrong, and the way out.
pub fn refusal(visit: &Visit, fault: Fault) -> Reply {
    let t = visit.t();
    let (status, heading, why) = match fault {
        Fault::NotFound => (StatusCode::NOT_FOUND, t.x("refusal_not_found"), t.x("refusal_not_found_why").to_owned()),
        Fault::Forbidden => (StatusCode::FORBIDDEN, t.x("refusal_forbidden"), t.x("refusal_forbidden_why").to_owned()),
        Fault::Unusable(why) => (StatusCode::UNPROCESSABLE_ENTITY, t.x("refusal_unusable"), why),
        Fault::Case(why) => (StatusCode::INTERNAL_SERVER_ERROR, t.x("refusal_case"), why),
    };
    let page = RefusalPage { t, heading: heading.to_owned(), why };
    match page.render() {
        Ok(page) => Reply::Refused(status, page),
        Err(_) => Reply::Refused(status, String::new()),
    }
}

/// No such page.
pub fn not_found(_visit: &Visit) -> Result<Reply, Fault> {
    Err(Fault::NotFound)
}

/// What is built in: the style and the mark.
pub fn assets(name: &str) -> Option<Reply> {
    match name {
        "console.css" => Some(Reply::Asset("text/css; charset=utf-8", include_bytes!("../../assets/console.css"))),
        "mark.svg" => Some(Reply::Asset("image/svg+xml", include_bytes!("../../assets/mark.svg"))),
        _ => None,
    }
}
