//! Tide, the home page: who is exposed, to what, how they came in, what was done, the next clock, and what needs whoever looks.

use askama::Template;
use strandline_response::desk::{Clocks, Need, Overview};
use strandline_response::notice::State;
use strandline_response::{Right, Tiers, same_name};

use super::{Frame, category, frame, tier};
use crate::console::{Console, Waiting, is_allowed};
use crate::door::Who;
use crate::pictures::lanes::{Detail, lanes};
use crate::pictures::{bar, tide::tide};
use crate::reply::{Fault, Reply};
use crate::texts::Texts;
use crate::visit::Visit;

/// A number that opens its rows.
struct Figure {
    href: String,
    number: String,
    name: String,
    class: &'static str,
}

/// A category and its bar.
struct CategoryLine {
    href: String,
    name: String,
    bar: String,
    confirmed: String,
    rest: String,
    is_untouched: bool,
}

/// Something that waits for a person.
pub struct NeedLine {
    /// Where it is done.
    pub href: &'static str,
    /// What it is.
    pub what: String,
    /// Why, or what follows.
    pub why: String,
    /// Whether it is urgent.
    pub is_urgent: bool,
}

#[derive(Template)]
#[template(path = "tide.html")]
struct TidePage<'v> {
    f: Frame<'v>,
    is_exposed: bool,
    exposed: String,
    figures: Vec<Figure>,
    tide: Option<String>,
    lanes: Option<String>,
    categories: Vec<CategoryLine>,
    needs: Vec<NeedLine>,
    done: Vec<(String, String)>,
    notes: Vec<String>,
}

/// The page.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let t = visit.t();
    let (f, clocks) = frame(visit, &overview, "/", t.x("nav_tide"))?;
    let page = TidePage {
        f,
        is_exposed: overview.is_exposed,
        exposed: t.n(overview.exposed()),
        figures: figures(&overview, t),
        tide: tide(&overview, visit.console.now(), t),
        lanes: lanes(&overview, Detail::Moves, &super::zone(&overview), t),
        categories: categories(&overview, t),
        needs: needs(&visit.console, &visit.session()?.who, &overview, &clocks, t),
        done: done(&overview, &clocks, t),
        notes: overview.notes.clone(),
    };
    Ok(Reply::Page(page.render()?))
}

/// People by what is known of them.
pub fn by_tier(overview: &Overview) -> [(&'static str, u64); 5] {
    let tiers = overview.tiers;
    [
        ("confirmed", tiers.confirmed),
        ("likely", tiers.likely),
        ("possible", tiers.possible),
        ("not_reached", overview.not_reached),
        ("not_known", overview.not_known),
    ]
}

fn figures(overview: &Overview, t: &Texts) -> Vec<Figure> {
    let figure =
        |(name, count): (&'static str, u64)| Figure { href: format!("/people?tier={name}"), number: t.n(count), name: tier(t, name).to_owned(), class: name };
    by_tier(overview).into_iter().map(figure).collect()
}

fn categories(overview: &Overview, t: &Texts) -> Vec<CategoryLine> {
    let all = |tiers: Tiers| tiers.confirmed + tiers.likely + tiers.possible;
    let most = overview.categories.iter().map(|count| all(count.tiers)).max().unwrap_or(0);
    let line = |(place, count): (usize, &strandline_response::desk::CategoryCount)| {
        let rest = count.tiers.likely + count.tiers.possible;
        CategoryLine {
            href: format!("/people?category={place}"),
            name: category(t, &count.name),
            bar: bar(&format!("c{place}"), count.tiers, most),
            confirmed: t.n(count.tiers.confirmed),
            rest: if rest > 0 { format!("+ {}", t.n(rest)) } else { String::new() },
            is_untouched: all(count.tiers) == 0,
        }
    };
    let mut lines: Vec<(u64, CategoryLine)> = overview.categories.iter().enumerate().map(|(place, count)| (all(count.tiers), line((place, count)))).collect();
    // Most people first; equal ones in the order of the estate.
    lines.sort_by_key(|(people, _)| std::cmp::Reverse(*people));
    lines.into_iter().map(|(_, line)| line).collect()
}

/// What waits for whoever looks, the urgent first: what is not theirs to do is another's need.
pub fn needs(console: &Console, who: &Who, overview: &Overview, clocks: &Clocks, t: &Texts) -> Vec<NeedLine> {
    let mut lines = of_messages(console.waiting(), t);
    lines.extend(of_clocks(clocks, t));
    // What somebody has approved waits for somebody else.
    let has_approved = |names: &[String]| names.iter().any(|name| same_name(name) == same_name(&who.name));
    let is_theirs = |need: &&Need| !matches!(need, Need::Approval { .. } if overview.letters.iter().any(|l| has_approved(&l.status.approval.approved_by)));
    lines.extend(overview.needs.iter().filter(is_theirs).map(|need| of_case(need, t)));
    let plans = clocks.waves.iter().filter(|wave| wave.waits_for_approval() && !has_approved(&wave.approval.approved_by)).count() as u64;
    if plans > 0 {
        lines.push(need(Right::Approve, "/contain", t.w("need_plans", t.n(plans)), t.x("need_plans_why")));
    }
    let offers = console.waiting_offers();
    if offers > 0 {
        lines.push(need(Right::Admit, "/access", t.w("need_offers", t.n(offers)), t.x("need_offers_why")));
    }
    let mut lines: Vec<NeedLine> = lines.into_iter().filter(|(right, _)| is_allowed(who.role, *right)).map(|(_, line)| line).collect();
    lines.sort_by_key(|line| !line.is_urgent);
    lines
}

/// A need, and what it takes to see to it.
type Needed = (Right, NeedLine);

fn need(right: Right, href: &'static str, what: String, why: &str) -> Needed {
    (right, NeedLine { href, what, why: why.to_owned(), is_urgent: false })
}

fn urgent(right: Right, href: &'static str, what: String, why: &str) -> Needed {
    (right, NeedLine { href, what, why: why.to_owned(), is_urgent: true })
}

fn of_messages(waiting: Waiting, t: &Texts) -> Vec<Needed> {
    let mut lines = Vec::new();
    let others = waiting.open.saturating_sub(waiting.safety);
    if waiting.safety > 0 {
        lines.push(urgent(Right::Desk, "/desk", t.w("need_safety", t.n(waiting.safety)), t.x("need_safety_why")));
    }
    if others > 0 {
        lines.push(need(Right::Desk, "/desk", t.w("need_messages", t.n(others)), t.x("need_messages_why")));
    }
    lines
}

fn of_clocks(clocks: &Clocks, t: &Texts) -> Vec<Needed> {
    let (overdue, waiting) = (clocks.count(State::Overdue), clocks.count(State::Waiting));
    let mut lines = Vec::new();
    if overdue > 0 {
        lines.push(urgent(Right::Duties, "/clocks", t.w("need_overdue", t.n(overdue)), t.x("need_overdue_why")));
    }
    if waiting > 0 {
        lines.push(need(Right::Duties, "/clocks", t.w("need_waiting", t.n(waiting)), t.x("need_waiting_why")));
    }
    lines
}

fn of_case(of: &Need, t: &Texts) -> Needed {
    match of {
        Need::Renew { decisions } => {
            let (what, why) = renewal(*decisions, t);
            urgent(Right::Decide, "/path", what, why)
        }
        Need::Back => urgent(Right::Decide, "/contain", t.x("need_back").to_owned(), t.x("need_back_why")),
        Need::LeftOpen { footholds } => urgent(Right::Decide, "/contain", t.w("need_left_open", t.n(*footholds)), t.x("need_left_open_why")),
        Need::Questions { open, people } => {
            let (what, why) = (t.w("need_questions", t.n(*people)), t.w("need_questions_why", t.n(*open)));
            need(Right::Decide, "/people?tier=not_known", what, &why)
        }
        // Whoever sees to letters must know, and has somebody who decides bring the case up to date.
        Need::LettersOld => urgent(Right::Letters, "/letters", t.x("need_letters_old").to_owned(), t.x("need_letters_old_why")),
        Need::LettersHeld { letters } => need(Right::Letters, "/letters", t.w("need_held", t.n(*letters)), t.x("need_held_why")),
        Need::Approval { have, needed, letters } => {
            need(Right::Approve, "/letters", t.w("need_approval", t.n(*letters)), &t.w2("need_approval_why", have, needed))
        }
        Need::LettersFailed { letters } => urgent(Right::Letters, "/letters", t.w("need_failed", t.n(*letters)), t.x("need_failed_why")),
        Need::NobodyEnrolled => need(Right::Admit, "/access", t.x("need_nobody").to_owned(), t.x("need_nobody_why")),
    }
}

/// What is to be brought up to date, and what follows.
pub fn renewal(decisions: u64, t: &Texts) -> (String, &str) {
    if decisions > 0 { (t.w("need_renew", t.n(decisions)), t.x("need_renew_why")) } else { (t.x("need_follow").to_owned(), t.x("need_follow_why")) }
}

/// What was done so far, in figures that open their rows.
fn done(overview: &Overview, clocks: &Clocks, t: &Texts) -> Vec<(String, String)> {
    let artefacts = overview.evidence.artefacts.len() as u64;
    let mut lines = vec![
        ("/evidence".to_owned(), t.w("done_evidence", t.n(artefacts))),
        ("/path".to_owned(), t.w2("done_path", t.n(overview.path.steps.len() as u64), t.n(overview.path.links.len() as u64))),
        ("/contain".to_owned(), t.w2("done_contain", t.n(overview.containment.actions.len() as u64), t.n(clocks.effective_cuts()))),
    ];
    if let Some(letters) = &overview.letters {
        lines.push(("/letters".to_owned(), t.w2("done_letters", t.n(letters.status.people.len() as u64), t.n(overview.told_all.len() as u64))));
    }
    lines
}
