//! What hangs on a judgement, before it is signed: people now and then, worked out by the stages themselves, and who would stand
//! elsewhere.

use std::sync::Arc;

use askama::Template;
use strandline_model::detection::Verdict;
use strandline_response::desk::{Preview, Standing, Task, Trying};

use super::{Frame, frame, tier};
use crate::job::End;
use crate::reply::{Fault, Reply};
use crate::texts::Texts;
use crate::visit::Visit;

/// A figure now and then.
struct FigureLine {
    name: String,
    before: String,
    after: String,
    difference: String,
}

/// People who would go from one place to another.
struct MoveLine {
    says: String,
    count: String,
    href: String,
}

/// What came of it.
struct Found {
    state: String,
    is_current: bool,
    was_stale: bool,
    figures: Vec<FigureLine>,
    moves: Vec<MoveLine>,
    changed: String,
}

#[derive(Template)]
#[template(path = "preview.html")]
struct PreviewPage<'v> {
    f: Frame<'v>,
    id: String,
    verdict: &'static str,
    /// How far the work is, while it runs.
    runs: Option<String>,
    failed: Option<String>,
    found: Option<Found>,
}

/// The verdict of this word.
pub fn verdict(word: &str) -> Result<Verdict, Fault> {
    match word {
        "struck" => Ok(Verdict::Struck),
        "confirmed" => Ok(Verdict::Confirmed),
        _ => Err(Fault::NotFound),
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Struck => "struck",
        Verdict::Confirmed => "confirmed",
    }
}

/// What is tried, where one thing is judged.
pub fn trying(target: &str, verdict: Verdict) -> Trying {
    Trying { judgements: vec![(target.to_owned(), verdict)], ..Trying::default() }
}

/// What is tried, in words.
pub fn says(t: &Texts, target: &str, word: &str) -> String {
    if word == "struck" { t.w("preview_struck", target) } else { t.w("preview_confirmed", target) }
}

/// Where what hangs on something is shown.
pub fn href(trying: &Trying) -> String {
    trying.judgements.first().map_or_else(|| "/path".to_owned(), |(target, verdict)| format!("/path/{target}/{}", word(*verdict)))
}

/// Begins to work it out.
pub fn begin(visit: &Visit) -> Result<Reply, Fault> {
    let target = visit.form.filled("target").unwrap_or_default();
    let overview = visit.overview()?;
    let path = &overview.path;
    if !path.links.iter().any(|view| view.link.id == target) && !path.detections.iter().any(|detection| detection.id == target) {
        return Err(Fault::NotFound);
    }
    begun(visit, target, verdict(visit.form.text("verdict").unwrap_or_default())?)
}

/// The same, of what is known to be there.
pub fn begun(visit: &Visit, target: &str, verdict: Verdict) -> Result<Reply, Fault> {
    let trying = trying(target, verdict);
    let task = Task::Preview { trying: trying.clone() };
    let session = visit.needs(task.right())?;
    let is_known = matches!(visit.console.known_preview(&trying)?, Some((_, true)));
    if !is_known && !visit.console.begin(task, &session.who.name, session.who.role) {
        visit.tell(visit.t().x("work_not_begun").to_owned());
    }
    Ok(Reply::Goto(format!("/path/{target}/{}", word(verdict))))
}

/// The page.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let t = visit.t();
    let (id, verdict) = (visit.param("id").to_owned(), verdict(visit.param("verdict"))?);
    let trying = trying(&id, verdict);
    let (f, _) = frame(visit, &overview, "/path", &says(t, &id, word(verdict)))?;
    let job = visit.console.last_preview().filter(|(of, _)| *of == trying).map(|(_, job)| job.progress());
    let runs = job.as_ref().filter(|progress| !progress.is_over()).map(|progress| {
        let done = if progress.total > 0 { t.w2("lines_shown", t.n(progress.done), t.n(progress.total)) } else { String::new() };
        format!("{} {done}", progress.stage)
    });
    let known = if runs.is_some() { None } else { visit.console.known_preview(&trying)? };
    let found = known.map(|(preview, is_current)| found(&preview, is_current, &trying, t));
    let failed = job.and_then(|progress| progress.end).and_then(|end| match end {
        End::Failed(why) => Some(t.said(&why)),
        End::Elsewhere => Some(t.x("work_elsewhere").to_owned()),
        End::CutShort => Some(t.x("work_cut_short").to_owned()),
        End::Done(_) => None,
    });
    let is_under_way = runs.is_some();
    let page = PreviewPage { f, id, verdict: word(verdict), runs, failed, found }.render()?;
    Ok(if is_under_way { Reply::Again(page) } else { Reply::Page(page) })
}

fn found(preview: &Arc<Preview>, is_current: bool, trying: &Trying, t: &Texts) -> Found {
    let (before, after) = (&preview.before, &preview.after);
    let line = |name: String, before: u64, after: u64| FigureLine { name, before: t.n(before), after: t.n(after), difference: difference(before, after, t) };
    let people = Standing::ALL.map(|standing| line(tier(t, standing.as_str()).to_owned(), before.count(standing), after.count(standing)));
    let trail = [(t.x("preview_steps"), before.steps, after.steps), (t.x("preview_accesses"), before.accesses, after.accesses)];
    let trail = trail.map(|(name, before, after)| line(name.to_owned(), before, after));
    let of = trying.judgements.first().map(|(target, verdict)| format!("preview={target}&verdict={}", word(*verdict))).unwrap_or_default();
    let one = |((from, to), count): ((Standing, Standing), u64)| MoveLine {
        says: if from == to { t.w("preview_cells_of", tier(t, from.as_str())) } else { t.w2("preview_from_to", tier(t, from.as_str()), tier(t, to.as_str())) },
        count: t.n(count),
        href: format!("/people?{of}&before={}&after={}", from.as_str(), to.as_str()),
    };
    Found {
        state: preview.state.clone(),
        is_current,
        was_stale: preview.was_stale,
        figures: people.into_iter().chain(trail).collect(),
        moves: preview.moves().into_iter().map(one).collect(),
        changed: t.n(preview.moved.len() as u64),
    }
}

fn difference(before: u64, after: u64, t: &Texts) -> String {
    match after.cmp(&before) {
        std::cmp::Ordering::Equal => "0".to_owned(),
        std::cmp::Ordering::Less => format!("−{}", t.n(before - after)),
        std::cmp::Ordering::Greater => format!("+{}", t.n(after - before)),
    }
}
