//! Drill: how the answer stands against the truth, of this drill and of those beside it. Only a case that is a drill has this page.

use askama::Template;
use strandline_response::desk::{DrillRun, drills};

use super::{Frame, frame};
use crate::reply::{Fault, Reply};
use crate::texts::Texts;
use crate::visit::Visit;

struct RunLine {
    folder: String,
    is_this: bool,
    what: String,
    minutes: String,
    people: String,
    missed: String,
    wrong: String,
    steps: String,
    told: String,
    is_sound: bool,
}

#[derive(Template)]
#[template(path = "drill.html")]
struct DrillPage<'v> {
    f: Frame<'v>,
    runs: Vec<RunLine>,
    steps_missed: Vec<String>,
}

/// The page.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let t = visit.t();
    let runs = drills(&visit.console.options.case);
    let Some(own) = runs.first() else { return Err(Fault::NotFound) };
    let (f, _) = frame(visit, &overview, "/drill", t.x("nav_drill"))?;
    let page = DrillPage { f, steps_missed: own.steps_missed.clone(), runs: runs.iter().map(|run| line(run, t)).collect() };
    Ok(Reply::Page(page.render()?))
}

fn line(run: &DrillRun, t: &Texts) -> RunLine {
    RunLine {
        folder: run.folder.clone(),
        is_this: run.is_this,
        what: if run.gap { t.w2("drill_with_gap", &run.scenario, run.seed) } else { t.w2("drill_seed", &run.scenario, run.seed) },
        minutes: format!("{:.1}", run.seconds),
        people: t.w2("contain_of", t.n(run.people_confirmed), t.n(run.people_true)),
        missed: t.n(run.people_missed),
        wrong: t.n(run.people_false),
        steps: t.w2("contain_of", t.n(run.steps_found), t.n(run.steps_true)),
        told: format!("{:.3}", run.over_notification),
        is_sound: run.sound,
    }
}
