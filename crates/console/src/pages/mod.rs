//! The pages. Each reads what it shows from the desk, and has a template of its own under `templates/`.

pub mod access;
pub mod beside;
pub mod clocks;
pub mod contain;
pub mod desk;
pub mod drill;
pub mod evidence;
pub mod forms;
pub mod go;
pub mod ledger;
pub mod letters;
pub mod lines;
pub mod passkeys;
pub mod path;
pub mod people;
pub mod person;
pub mod preview;
pub mod scope;
pub mod tide;
pub mod timeline;

use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use strandline_response::desk::{Clocks, Need, Overview, Task};
use strandline_response::notice::State;
use strandline_response::{Right, Role};

use crate::console::Waiting;
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
    /// The page of all cases, where several are served.
    pub all_cases: Option<String>,
    /// What is told once.
    pub notice: Option<String>,
    /// Work that runs.
    pub job: Option<String>,
    /// The rail.
    pub nav: Vec<NavItem>,
    /// What whoever is in may do.
    rights: Vec<Right>,
}

impl Frame<'_> {
    fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// Whether whoever is in may decide on the trail.
    pub fn decides(&self) -> bool {
        self.may(Right::Decide)
    }

    /// Whether they may approve.
    pub fn approves(&self) -> bool {
        self.may(Right::Approve)
    }

    /// Whether they may say something of duties.
    pub fn sees_to_duties(&self) -> bool {
        self.may(Right::Duties)
    }

    /// Whether they may say something of letters.
    pub fn sees_to_letters(&self) -> bool {
        self.may(Right::Letters)
    }

    /// Whether they may see the list of people.
    pub fn sees_people(&self) -> bool {
        self.may(Right::SeePeople)
    }

    /// Whether they may see a name, after saying why.
    pub fn looks(&self) -> bool {
        self.may(Right::ShowName)
    }

    /// Whether they may let others in, and out.
    pub fn admits(&self) -> bool {
        self.may(Right::Admit)
    }

    /// Whether they may have every byte checked.
    pub fn checks(&self) -> bool {
        self.may(Right::Check)
    }

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
    let frame = Frame {
        t,
        title: title.to_owned(),
        path: visit.path.clone(),
        name: session.who.name.clone(),
        role: role(t, session.who.role).to_owned(),
        csrf: session.csrf.clone(),
        reference: overview.reference.clone(),
        organisation: organisation.cloned().unwrap_or_default(),
        clock: next
            .map(|view| (view.duty.title.clone(), view.left.clone().or_else(|| view.deadline.as_ref().map(|due| due.local.clone())).unwrap_or_default())),
        is_late: next.is_some_and(|view| view.state == State::Overdue),
        all_cases: (!visit.console.root.is_empty()).then(|| format!("{}/", visit.origin)),
        notice: session.notice.clone(),
        job: visit.console.jobs().iter().find(|job| !job.is_over()).map(|job| t.w2("job_by", job_name(t, &job.task), &job.by)),
        nav: nav(visit, overview, &clocks, here),
        rights: Right::all().filter(|right| visit.may(*right)).collect(),
    };
    Ok((frame, clocks))
}

/// A role in words.
pub fn role(t: &Texts, role: Role) -> &str {
    match role {
        Role::Reader => t.x("role_reader"),
        Role::Desk => t.x("role_desk"),
        Role::PrivacyOfficer => t.x("role_privacy_officer"),
        Role::Responder => t.x("role_responder"),
        Role::Approver => t.x("role_approver"),
    }
}

fn nav(visit: &Visit, overview: &Overview, clocks: &Clocks, here: &'static str) -> Vec<NavItem> {
    let t = visit.t();
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
    let queue = if visit.may(Right::Desk) { visit.console.waiting() } else { Waiting::default() };
    let offered = visit.may(Right::Admit) && visit.console.waiting_offers() > 0;
    let (desk_waits, desk_urgent) = (queue.open > 0, queue.safety > 0);
    let items = [
        ("/", t.x("nav_tide"), Right::SeeCase, of(overview.is_exposed, false, false)),
        ("/evidence", t.x("nav_evidence"), Right::SeeCase, of(!overview.evidence.artefacts.is_empty(), false, false)),
        ("/path", t.x("nav_path"), Right::SeeCase, of(!overview.path.steps.is_empty(), false, has(|need| matches!(need, Need::Renew { .. })))),
        ("/timeline", t.x("nav_timeline"), Right::SeeCase, of(!overview.path.steps.is_empty(), false, false)),
        ("/people", t.x("nav_people"), Right::SeePeople, of(overview.is_exposed, has(|need| matches!(need, Need::Questions { .. })), false)),
        (
            "/contain",
            t.x("nav_contain"),
            Right::SeeCase,
            of(!overview.containment.footholds.is_empty(), false, has(|need| matches!(need, Need::LeftOpen { .. }))),
        ),
        ("/clocks", t.x("nav_clocks"), Right::SeeCase, of(clocks.count(State::Done) > 0, waiting, overdue)),
        ("/letters", t.x("nav_letters"), Right::SeeCase, of(overview.letters.is_some(), letters, failed)),
        ("/desk", t.x("nav_desk"), Right::Desk, of(queue.all > 0, desk_waits, desk_urgent)),
        ("/drill", t.x("nav_drill"), Right::SeeCase, of(true, false, false)),
        ("/ledger", t.x("nav_ledger"), Right::SeeCase, Standing::Done),
        ("/access", t.x("nav_access"), Right::SeeCase, of(overview.enrolled > 0, has(|need| matches!(need, Need::NobodyEnrolled)) || offered, false)),
    ];
    let is_drill = visit.console.is_drill();
    let shown = items.into_iter().filter(|(href, _, right, _)| visit.may(*right) && (is_drill || *href != "/drill"));
    let items = shown.map(|(href, name, _, standing)| (href, name, standing));
    let item = |(href, name, standing): (&'static str, &str, Standing)| {
        let (sign, says, class) = match standing {
            Standing::NotYet => ("○", t.x("standing_not_yet"), "notyet"),
            Standing::Done => ("✓", t.x("standing_done"), "done"),
            Standing::Waits => ("•", t.x("standing_waits"), "waits"),
            Standing::NeedsYou => ("!", t.x("standing_needs_you"), "needs"),
        };
        NavItem { href, name: name.to_owned(), sign, says: says.to_owned(), class, is_here: href == here }
    };
    items.map(item).collect()
}

/// A piece of work in words.
pub fn job_name(t: &Texts, task: &Task) -> String {
    let name = t.find(&format!("job_{}", task.word())).unwrap_or_else(|| task.word());
    match task {
        Task::RehearseCut { plan } | Task::ApplyCut { plan } | Task::UndoCut { plan } => name.replace("{0}", &plan.to_string()),
        _ => name.to_owned(),
    }
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
        Fault::Refused(said) => (StatusCode::UNPROCESSABLE_ENTITY, t.x("refusal_unusable"), t.said(&said)),
        Fault::Case(said) => (StatusCode::INTERNAL_SERVER_ERROR, t.x("refusal_case"), t.said(&said)),
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
        "palette.js" => Some(Reply::Asset("text/javascript; charset=utf-8", include_bytes!("../../assets/palette.js"))),
        "passkey.js" => Some(Reply::Asset("text/javascript; charset=utf-8", include_bytes!("../../assets/passkey.js"))),
        "mark.svg" => Some(Reply::Asset("image/svg+xml", include_bytes!("../../assets/mark.svg"))),
        _ => None,
    }
}
