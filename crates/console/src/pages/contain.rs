//! Contain: what the intruder holds, what would cut it and what that would have refused, what is left open, and where plans stand.

use askama::Template;
use strandline_model::containment::{ActionRow, CutStep, FootholdRow};
use strandline_response::desk::{Quiet, Task};
use strandline_response::{CutView, Response, WaveView};

use super::{Frame, frame, zone};
use crate::job::End;
use crate::outcome::came_of;
use crate::pictures::Zone;
use crate::reply::{Fault, Reply};
use crate::texts::Texts;
use crate::visit::Visit;

/// Refusals of one kind that are shown.
const SHOWN: usize = 15;

struct ActionLine {
    id: String,

    reaches: String,
    system: String,
    intruder: String,
    lawful: String,
    open: String,
    closes: String,
    notices: String,
    undo: String,
    target: String,
}

struct FootholdLine {
    id: String,
    name: String,
    records: String,
    reason: String,
    actions: Vec<ActionLine>,
}

struct CutLine {
    id: String,
    effect: String,
    target: String,
    step: String,
    since: String,
    answer: String,
    /// Doors that were found open, and those that nobody could try.
    doors: Vec<String>,
    said: String,
}

struct PlanLine {
    number: u64,
    made: String,
    approval: String,
    because: Vec<String>,
    is_approved: bool,
    /// Something of it can be applied still.
    can_apply: bool,
    /// Something of it stands, or could.
    can_undo: bool,
    cuts: Vec<CutLine>,
    /// What its targets said at the last rehearsal since the console was started.
    rehearsed: Vec<String>,
}

#[derive(Template)]
#[template(path = "contain.html")]
struct ContainPage<'v> {
    f: Frame<'v>,
    left_open: Vec<(String, String, String)>,
    plans: Vec<PlanLine>,
    footholds: Vec<FootholdLine>,
    notes: Vec<String>,
    /// Ways by which he was served after the last cut.
    returns: Vec<String>,
    /// Whether anything stands whose doors could be tried.
    has_applied: bool,
}

/// What would have been refused, by one kind of thing: which, whose, how many.
struct RefusalGroup {
    by: String,
    rows: Vec<(String, String, String)>,
}

#[derive(Template)]
#[template(path = "action.html")]
struct ActionPage<'v> {
    f: Frame<'v>,
    id: String,
    reaches: String,
    facts: Vec<(String, String)>,
    cannot_reach: Vec<String>,
    limits: Vec<String>,
    refusals: Vec<RefusalGroup>,
}

/// The page.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let (t, zone) = (visit.t(), zone(&overview));
    let (f, clocks) = frame(visit, &overview, "/contain", t.x("nav_contain"))?;
    let found = &overview.containment;
    let open = |left: &strandline_model::containment::LeftOpen| {
        (left.name.clone(), t.w2("contain_of", t.n(left.records.unsigned_abs()), t.n(left.of.unsigned_abs())), left.reason.clone())
    };
    let page = ContainPage {
        f,
        left_open: found.left_open.iter().map(open).collect(),
        plans: clocks.waves.iter().map(|wave| plan(visit, wave, &zone, t)).collect(),
        has_applied: clocks.waves.iter().flat_map(|wave| &wave.actions).any(|cut| cut.step == CutStep::Applied),
        footholds: found.footholds.iter().map(|foothold| foothold_line(foothold, &found.actions, t)).collect(),
        notes: found.notes.clone(),
        returns: found.returns.iter().map(|row| format!("{} · {}", row.what, zone.full(row.last))).collect(),
    };
    Ok(Reply::Page(page.render()?))
}

fn foothold_line(foothold: &FootholdRow, actions: &[ActionRow], t: &Texts) -> FootholdLine {
    let line = |action: &ActionRow| ActionLine {
        id: action.id.clone(),

        reaches: action.reaches.clone(),
        system: action.system.clone().unwrap_or_default(),
        intruder: of_each(t, action, 0),
        lawful: of_each(t, action, 1),
        open: of_each(t, action, 2),
        closes: t.w2("contain_of", t.n(action.closes.unsigned_abs()), t.n(foothold.records.unsigned_abs())),
        notices: notices(t, &action.notices).to_owned(),
        undo: if action.undo_exact { t.x("undo_exact") } else { t.x("undo_not_exact") }.to_owned(),
        target: action.target.clone().unwrap_or_else(|| t.x("contain_no_target").to_owned()),
    };
    FootholdLine {
        id: foothold.id.clone(),
        name: foothold.name.clone(),
        records: t.w(if foothold.is_open { "contain_records_open" } else { "contain_records" }, t.n(foothold.records.unsigned_abs())),
        reason: foothold.reason.clone().unwrap_or_default(),
        actions: actions.iter().filter(|action| action.foothold == foothold.id).map(line).collect(),
    }
}

fn notices<'t>(t: &'t Texts, word: &str) -> &'t str {
    match word {
        "quiet" => t.x("notices_quiet"),
        "next_login" => t.x("notices_next_login"),
        _ => t.x("notices_at_once"),
    }
}

fn plan(visit: &Visit, wave: &WaveView, zone: &Zone, t: &Texts) -> PlanLine {
    let approval = &wave.approval;
    let any = |steps: &[CutStep]| wave.actions.iter().any(|cut| steps.contains(&cut.step));
    let all = |step: CutStep| wave.actions.iter().all(|cut| cut.step == step);
    let cut = |cut: &CutView| CutLine {
        id: cut.id.clone(),
        effect: cut.effect.clone(),
        target: cut.target.clone(),
        step: cut_step(cut, t),
        since: zone.full(cut.since),
        answer: answer(cut, t),
        doors: cut.verdict.iter().flat_map(|verdict| verdict.doors.iter().chain(&verdict.untested)).cloned().collect(),
        said: cut.said.clone().unwrap_or_default(),
    };
    PlanLine {
        number: wave.plan,
        made: format!("{} · {}", wave.made_by, zone.full(wave.made_at)),
        approval: format!("{} {}", t.w2("contain_approvals", approval.have(), approval.needed), approval.approved_by.join(", ")),
        because: approval.because.clone(),
        is_approved: approval.have() >= approval.needed,
        // What was taken back is not applied again.
        can_apply: approval.have() >= approval.needed && !any(&[CutStep::Undoing, CutStep::Undone]) && !all(CutStep::Applied),
        can_undo: any(&[CutStep::Applying, CutStep::Applied, CutStep::Failed, CutStep::Undoing]),
        rehearsed: rehearsed(visit, wave.plan, t),
        cuts: wave.actions.iter().map(cut).collect(),
    }
}

fn rehearsed(visit: &Visit, plan: u64, t: &Texts) -> Vec<String> {
    let of_it = visit.console.jobs().into_iter().find(|job| job.task == Task::RehearseCut { plan }).and_then(|job| job.progress().end);
    match of_it {
        Some(End::Done(done)) => came_of(&done, t),
        _ => Vec::new(),
    }
}

/// What verification said last, in words.
pub fn answer(cut: &CutView, t: &Texts) -> String {
    cut.answer.as_deref().map(|answer| t.find(&format!("answer_{answer}")).unwrap_or(answer).to_owned()).unwrap_or_default()
}

/// Where a cut is, in words; that its lease has ended, where nobody has taken it back; and what newer evidence says.
pub fn cut_step(cut: &CutView, t: &Texts) -> String {
    let word = format!("{:?}", cut.step).to_lowercase();
    let step = t.find(&format!("cut_{word}")).map_or(word.clone(), str::to_owned);
    let step = if cut.is_overdue { format!("{step} · {}", t.x("cut_overdue")) } else { step };
    match &cut.after {
        Some(after) => format!("{step} · {}", t.w2("cut_after", t.n(after.refused.unsigned_abs()), t.n(after.served.unsigned_abs()))),
        None => step,
    }
}

/// One figure of each unit: `155 files · 51 sign-ins`.
fn of_each(t: &Texts, action: &ActionRow, which: usize) -> String {
    let one = |(unit, figures): (&str, [i64; 3])| format!("{} {}", t.n(figures[which].unsigned_abs()), t.find(&format!("unit_{unit}")).unwrap_or(unit));
    action.by_unit().map(one).collect::<Vec<_>>().join(" · ")
}

/// One candidate in full.
pub fn one(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let (t, zone) = (visit.t(), zone(&overview));
    let id = visit.param("id");
    if !overview.containment.actions.iter().any(|action| action.id == id) {
        return Err(Fault::NotFound);
    }
    let (f, _) = frame(visit, &overview, "/contain", id)?;
    let settings = visit.console.settings(&visit.session()?.who.name, &visit.console.options.now);
    let mut quiet = Quiet;
    let view = Response::look(&settings, &mut quiet)?.candidate(id)?;
    let row = &view.row;
    let n = |number: i64| t.n(number.unsigned_abs());
    let fact = |key: &str, value: String| (t.x(key).to_owned(), value);
    let facts = vec![
        fact("action_for", view.foothold.as_ref().map(|foothold| foothold.name.clone()).unwrap_or_default()),
        fact("action_effect", row.effect.clone()),
        fact("action_target", row.target.clone().unwrap_or_else(|| t.x("contain_no_target").to_owned())),
        fact("action_notices", notices(t, &row.notices).to_owned()),
        fact("action_undo", row.undo_reason.clone().unwrap_or_else(|| t.x("undo_exact").to_owned())),
        fact("action_intruder", of_each(t, row, 0)),
        fact("action_lawful", of_each(t, row, 1)),
        fact("action_open", of_each(t, row, 2)),
        fact("action_worst_hour", format!("{} / {}", n(row.lawful_hour_median), n(row.lawful_hour_worst))),
        fact("action_last_lawful", row.lawful_last.map(|at| zone.full(at)).unwrap_or_else(|| "–".to_owned())),
        fact("action_accounts", t.w2("contain_of", n(row.accounts_elsewhere), n(row.accounts))),
    ];
    let refusals = ["system", "account", "batch", "hour"].into_iter().filter_map(|by| {
        let mut of_it: Vec<_> = view.refusals.iter().filter(|refusal| refusal.by == by).collect();
        // Lawful ones first, the most first: they are what a cut costs.
        of_it.sort_by_key(|r| (r.whose == "intruder", std::cmp::Reverse(r.count), r.key.clone()));
        let rows = of_it.into_iter().take(SHOWN).map(|r| (r.key.clone(), whose(t, &r.whose), n(r.count))).collect::<Vec<_>>();
        (!rows.is_empty()).then(|| RefusalGroup { by: t.find(&format!("refused_by_{by}")).unwrap_or(by).to_owned(), rows })
    });
    let page = ActionPage {
        f,
        id: row.id.clone(),
        reaches: row.reaches.clone(),
        facts,
        cannot_reach: row.cannot_reach.clone(),
        limits: row.limits.clone(),
        refusals: refusals.collect(),
    };
    Ok(Reply::Page(page.render()?))
}

fn whose(t: &Texts, word: &str) -> String {
    t.find(&format!("whose_{word}")).unwrap_or(word).to_owned()
}
