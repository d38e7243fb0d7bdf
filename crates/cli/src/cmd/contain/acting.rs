//! `strandline contain CASE plan|rehearse|approve|apply|verify|undo|keep|status`: the verbs that touch targets, and what is shown of it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Subcommand;
use strandline_case::CaseError;
use strandline_model::containment::{Action, ActionRow, Effect};
use strandline_response::{Answer, Back, CutApproval, CutError, Force, Outdone, PlanView, Response, ResponseError, StrayView, WaveView, by_hand};

use super::secrets::{SecretArgs, seconds};
use crate::cmd::{Common, print_json};
use crate::ui::{Format, Screen, printable};

/// Something is open, failed or in doubt.
const OPEN: u8 = 3;
/// A round of `keep` that could not be is tried again after so many seconds at most.
const AGAIN_WITHIN: u64 = 5;
/// Nothing is open, and something could not be tried.
const UNTESTED: u8 = 4;

#[derive(Subcommand)]
pub enum Acting {
    /// Make a plan of actions that are applied as one wave: read every target, store what is there, change nothing
    Plan {
        /// Ids of candidates (or the beginning of one), `ID@TARGET` to choose the target
        actions: Vec<String>,
        /// An action by hand: `TARGET:EFFECT:NAME=VALUE,…`, as `hrs-db:postgres_role_no_login:role=hrs_report`
        #[arg(long, value_name = "TARGET:EFFECT:…")]
        effect: Vec<String>,
        /// How long the cut is to hold: 90s, 45m, 24h, 7d; a target that can end it by itself does
        #[arg(long, value_name = "TIME", value_parser = seconds)]
        lease: Option<u64>,
        #[command(flatten)]
        given: SecretArgs,
    },
    /// Read every target of a plan, try what is open now, and change nothing
    Rehearse {
        /// The plan; the newest if none is named
        #[arg(long, value_name = "N")]
        plan: Option<u64>,
        #[command(flatten)]
        given: SecretArgs,
    },
    /// Approve exactly the plan as it is, in the name of --responder
    Approve {
        /// The plan; the newest if none is named
        #[arg(long, value_name = "N")]
        plan: Option<u64>,
        /// On what condition, or why
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Capture evidence, apply an approved plan as one wave, verify; run again, it goes on where it stopped
    Apply {
        /// The plan; the newest if none is named
        #[arg(long, value_name = "N")]
        plan: Option<u64>,
        /// Verify again after so long; 0s leaves that to `keep`
        #[arg(long, value_name = "TIME", default_value = "60s", value_parser = seconds)]
        again_after: u64,
        #[command(flatten)]
        given: SecretArgs,
    },
    /// Try the doors of everything that is applied
    Verify {
        /// This plan alone
        #[arg(long, value_name = "N")]
        plan: Option<u64>,
        #[command(flatten)]
        given: SecretArgs,
    },
    /// Verify on a timer; a cut that no longer holds is an alarm
    Keep {
        /// How often
        #[arg(long, value_name = "TIME", default_value = "60s", value_parser = seconds)]
        every: u64,
        /// End after so many rounds
        #[arg(long, value_name = "N")]
        rounds: Option<u64>,
        #[command(flatten)]
        given: SecretArgs,
    },
    /// Put back what was there before, from the case folder alone
    Undo {
        /// The plan; the newest of which anything is applied if none is named
        #[arg(long, value_name = "N")]
        plan: Option<u64>,
        /// One action of it, by its place
        #[arg(long, value_name = "PLACE", requires = "plan")]
        action: Option<u32>,
        /// All plans, the newest first
        #[arg(long, conflicts_with = "plan")]
        all: bool,
        /// Also where somebody else changed the target since: his change goes, too
        #[arg(long)]
        force_undo: bool,
        #[command(flatten)]
        given: SecretArgs,
    },
    /// Write a plan as commands of OpenC2, one a line, for who takes them; what the language has no word for is said
    Export {
        /// The plan; the newest if none is named
        #[arg(long, value_name = "N")]
        plan: Option<u64>,
        /// Where to; `-` for standard output
        #[arg(long, value_name = "FILE")]
        openc2: PathBuf,
    },
    /// Where every action of every plan is, without asking any target
    Status,
    /// Ask every target of the estate what of ours stands there that this case does not own, and change nothing
    Strays {
        #[command(flatten)]
        given: SecretArgs,
    },
}

impl Acting {
    /// Runs the verb.
    pub fn run(self, case: &Path, common: &Common) -> anyhow::Result<ExitCode> {
        match self {
            Self::Plan { actions, effect, lease, given } => make(case, common, &actions, &effect, lease, &given),
            Self::Rehearse { plan, given } => with(case, common, Opened::ToLook, |response| {
                let secrets = given.read(&response.targets_of_plan(plan)?)?;
                Ok(response.rehearse_cut(plan, &secrets)?)
            })
            .and_then(|view| show_plan(common, &view)),
            Self::Approve { plan, why } => {
                with(case, common, Opened::ToWrite, |response| Ok(response.approve_cut(plan, why)?)).and_then(|approval| show_approval(common, &approval))
            }
            Self::Apply { plan, again_after, given } => apply(case, common, plan, again_after, &given),
            Self::Verify { plan, given } => verify(case, common, plan, &given).and_then(|views| show_waves(common, &views)),
            Self::Keep { every, rounds, given } => keep(case, common, every, rounds, &given),
            Self::Undo { plan, action, all, force_undo, given } => {
                let back = match (plan, action) {
                    (Some(plan), Some(action)) => Back::Action(plan, action),
                    (Some(plan), None) => Back::Plan(plan),
                    (None, _) if all => Back::All,
                    (None, _) => Back::Newest,
                };
                let force = if force_undo { Force::Yes } else { Force::No };
                with(case, common, Opened::ToWrite, |response| {
                    let secrets = given.read_each(&response.targets_of_applied(back)?)?;
                    Ok(response.undo_cut(back, force, &secrets)?)
                })
                .and_then(|views| show_undone(common, &views))
            }
            Self::Export { plan, openc2 } => export(case, common, plan, &openc2),
            Self::Strays { given } => with(case, common, Opened::ToLook, |response| {
                let secrets = given.read(response.targets())?;
                Ok(response.strays(&secrets)?)
            })
            .and_then(|views| show_strays(common, &views)),
            Self::Status => with(case, common, Opened::ToLook, |response| Ok(response.cut_status()?)).and_then(|views| show_waves(common, &views)),
        }
    }
}

/// Whether the case is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opened {
    ToLook,
    ToWrite,
}

fn with<T>(case: &Path, common: &Common, opened: Opened, work: impl FnOnce(&mut Response<'_>) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let settings = common.settings(case);
    let mut screen = Screen::new(common.format());
    let mut response = if opened == Opened::ToLook { Response::look(&settings, &mut screen)? } else { Response::resume(&settings, &mut screen)? };
    work(&mut response)
}

fn make(case: &Path, common: &Common, asked: &[String], by_hand: &[String], lease: Option<u64>, given: &SecretArgs) -> anyhow::Result<ExitCode> {
    let view = with(case, common, Opened::ToWrite, |response| {
        let mut actions = Vec::new();
        for text in asked {
            actions.push(candidate(response, text)?);
        }
        for text in by_hand {
            actions.push(action_by_hand(text)?);
        }
        let wanted: Vec<_> = response.targets().to_vec();
        let is_used = |name: &str| actions.iter().any(|action| action.target.as_deref() == Some(name));
        let used: Vec<_> = wanted
            .iter()
            .filter(|target| is_used(&target.name) || wanted.iter().any(|other| is_used(&other.name) && other.poolers.contains(&target.name)))
            .cloned()
            .collect();
        let secrets = given.read(&used)?;
        Ok(response.plan_cut(&actions, lease.map(Duration::from_secs), &secrets)?)
    })?;
    show_plan(common, &view)
}

/// A candidate by its id or the beginning of it.
fn candidate(response: &Response<'_>, text: &str) -> anyhow::Result<Action> {
    let (id, target) = text.split_once('@').map_or((text, None), |(id, target)| (id, Some(target)));
    let rows: Vec<ActionRow> = response.candidates()?;
    let found: Vec<&ActionRow> = rows.iter().filter(|row| row.id == id).collect();
    let found = if found.is_empty() { rows.iter().filter(|row| !id.is_empty() && row.id.starts_with(id)).collect() } else { found };
    let row = match found.as_slice() {
        [row] => *row,
        [] => bail!("there is no candidate {id:?}: `strandline contain CASE` lists them, and --effect takes an action by hand"),
        _ => bail!("{id:?} begins {} candidates: write more of it", found.len()),
    };
    let mut action = row.read_action().with_context(|| format!("candidate {id} was written by another version: run `strandline contain CASE` again"))?;
    if let Some(target) = target {
        action.target = Some(target.to_owned());
    }
    Ok(action)
}

/// `TARGET:EFFECT:NAME=VALUE,…`; a value goes to the next comma that is followed by a name and `=`.
fn action_by_hand(text: &str) -> anyhow::Result<Action> {
    let mut parts = text.splitn(3, ':');
    let (target, word, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut fields = serde_json::Map::from_iter([("effect".to_owned(), serde_json::Value::from(word))]);
    for field in rest.split(',').filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once('=').with_context(|| format!("{field:?} is not NAME=VALUE"))?;
        fields.insert(name.trim().to_owned(), serde_json::Value::from(value));
    }
    let effect: Effect = serde_json::from_value(serde_json::Value::Object(fields))
        .with_context(|| format!("{text:?} is no action; docs/containment.md has the effects and their fields"))?;
    Ok(by_hand(effect, target))
}

fn apply(case: &Path, common: &Common, plan: Option<u64>, again_after: u64, given: &SecretArgs) -> anyhow::Result<ExitCode> {
    let mut view = with(case, common, Opened::ToWrite, |response| {
        let secrets = given.read(&response.targets_of_plan(plan)?)?;
        Ok(response.apply_cut(plan, &secrets)?)
    })?;
    if again_after > 0 && view.is_tested() {
        if common.format() == Format::Text {
            show_waves(common, std::slice::from_ref(&view))?;
            say!("looking again in {again_after} s");
        }
        std::thread::sleep(Duration::from_secs(again_after));
        let again = with(case, common, Opened::ToWrite, |response| {
            let secrets = given.read(&response.targets_of_plan(Some(view.plan))?)?;
            Ok(response.end_again(view.plan, &secrets)?)
        })?;
        view.looked_at_again(again);
    }
    show_waves(common, &[view])
}

fn export(case: &Path, common: &Common, plan: Option<u64>, into: &Path) -> anyhow::Result<ExitCode> {
    let (commands, without) = with(case, common, Opened::ToLook, |response| Ok(response.openc2(plan)?))?;
    let lines: String = commands.iter().map(|command| format!("{command}\n")).collect();
    if into == Path::new("-") {
        lines.lines().for_each(|line| say!("{line}"));
    } else {
        std::fs::write(into, &lines).with_context(|| format!("cannot write {}", into.display()))?;
        tell!("{} commands in {}", commands.len(), into.display());
    }
    for no_word in &without {
        tell!("{}", printable(&no_word.to_string()));
    }
    Ok(if without.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(OPEN) })
}

fn verify(case: &Path, common: &Common, plan: Option<u64>, given: &SecretArgs) -> anyhow::Result<Vec<WaveView>> {
    with(case, common, Opened::ToWrite, |response| {
        let secrets = given.read_each(&response.targets_of_applied(plan.map_or(Back::All, Back::Plan))?)?;
        Ok(response.verify_cut(plan, &secrets)?)
    })
}

/// The case is free between two rounds, so that others can work on it. A round that could not be is an alarm and no end: nobody
/// would know that nobody watches.
fn keep(case: &Path, common: &Common, every: u64, rounds: Option<u64>, given: &SecretArgs) -> anyhow::Result<ExitCode> {
    let (mut round, mut is_blind) = (0, false);
    loop {
        let views = match verify(case, common, None, given) {
            Ok(views) => views,
            // Wrong from the beginning, or nothing left to watch.
            Err(error) if !is_busy(&error) && (round == 0 || is_over(&error)) => return Err(error),
            Err(error) => {
                if !is_blind {
                    tell!("ALARM: nobody could look whether the cuts hold, and it is tried again: {}", printable(&format!("{error:#}")));
                }
                is_blind = true;
                std::thread::sleep(Duration::from_secs(every.clamp(1, AGAIN_WITHIN)));
                continue;
            }
        };
        if std::mem::take(&mut is_blind) {
            tell!("the cuts are looked at again");
        }
        let code = show_waves(common, &views)?;
        tell_alarms(&views);
        round += 1;
        if rounds.is_some_and(|rounds| round >= rounds) {
            return Ok(code);
        }
        std::thread::sleep(Duration::from_secs(every.max(1)));
    }
}

/// Whether another command works on the case.
fn is_busy(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ResponseError::Case(CaseError::Busy(_))))
}

/// Whether nothing is applied any more.
fn is_over(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ResponseError::Cut(cut)) if matches!(**cut, CutError::NothingApplied))
}

fn tell_alarms(views: &[WaveView]) {
    for way in views.iter().flat_map(|view| &view.returns) {
        tell!("ALARM: he is back, or still in: {}", printable(&way.what));
    }
    for cut in views.iter().flat_map(|view| &view.actions) {
        if cut.is_passed() {
            tell!(
                "ALARM: {} at {} does not hold: newer evidence has records that carry what it cuts and were served",
                printable(&cut.id),
                printable(&cut.target)
            );
        }
        if let Some(why) = cut.is_unwatched() {
            tell!("ALARM: nobody knows whether {} at {} holds: {}", printable(&cut.id), printable(&cut.target), printable(&why));
        }
        for door in cut.verdict.iter().flat_map(|verdict| &verdict.doors) {
            tell!("ALARM: {} at {} does not hold: {}", printable(&cut.id), printable(&cut.target), printable(door));
        }
    }
}

fn show_plan(common: &Common, view: &PlanView) -> anyhow::Result<ExitCode> {
    match common.format() {
        Format::Json => print_json(view)?,
        Format::Text => print_plan(view),
    }
    let is_ready = view.actions.iter().all(|action| action.is_ready.unwrap_or(true));
    Ok(if is_ready { ExitCode::SUCCESS } else { ExitCode::from(OPEN) })
}

fn print_plan(view: &PlanView) {
    say!("plan {}, {}", view.plan, view.lease_seconds.map_or_else(|| "until it is taken back".to_owned(), |seconds| format!("for {seconds} s")));
    for action in &view.actions {
        say!("{:>3}  {}  {}  {}", action.place, printable(&action.target), printable(&action.id), printable(&action.effect));
        for (name, before, meant) in &action.changes {
            say!("       {}: {} -> {}", printable(name), printable(before), printable(meant));
        }
        print_list("cannot reach", &action.cannot_reach);
        print_list("is lost", &action.lost);
        print_list("not exactly undoable", action.undo.as_slice());
        print_list("now", action.now.as_slice());
        if let Some(verdict) = &action.verdict {
            print_list("open", &verdict.doors);
        }
    }
    print_approval(&view.approval);
}

fn print_list(what: &str, texts: &[String]) {
    for text in texts {
        say!("       {what}: {}", printable(text));
    }
}

fn print_approval(approval: &CutApproval) {
    let by = if approval.approved_by.is_empty() { "nobody".to_owned() } else { approval.approved_by.join(", ") };
    say!("approved by {} ({} of {})", printable(&by), approval.have(), approval.needed);
    print_list("two must, since", &approval.because);
    print_list("ends", &approval.ends);
    print_list("nobody must now, since it was approved beforehand by", &approval.beforehand);
}

fn show_approval(common: &Common, approval: &CutApproval) -> anyhow::Result<ExitCode> {
    match common.format() {
        Format::Json => print_json(approval)?,
        Format::Text => print_approval(approval),
    }
    Ok(ExitCode::SUCCESS)
}

fn show_waves(common: &Common, views: &[WaveView]) -> anyhow::Result<ExitCode> {
    match common.format() {
        Format::Json => print_json(&views)?,
        Format::Text => views.iter().for_each(print_wave),
    }
    let worst = views.iter().filter_map(WaveView::worst).max();
    let failed = views.iter().any(|view| view.has_failed() || view.is_back()) || views.iter().flat_map(|view| &view.actions).any(|cut| cut.is_overdue);
    Ok(match worst {
        Some(Answer::NotEffective) => ExitCode::from(OPEN),
        _ if failed => ExitCode::from(OPEN),
        Some(Answer::NotTestable) => ExitCode::from(UNTESTED),
        Some(Answer::Effective) | None => ExitCode::SUCCESS,
    })
}

fn show_strays(common: &Common, views: &[StrayView]) -> anyhow::Result<ExitCode> {
    match common.format() {
        Format::Json => print_json(&views)?,
        Format::Text => {
            for view in views {
                for one in &view.found {
                    let of = one.mark.as_ref().map_or_else(|| "of no case that could be told".to_owned(), |mark| format!("of {}", printable(mark)));
                    say!("{}: {}, {of}", printable(&view.target), printable(&one.what));
                }
                if let Some(why) = &view.untold {
                    say!("{}: not told: {}", printable(&view.target), printable(why));
                }
            }
            if views.iter().all(|view| view.found.is_empty()) {
                say!("Nothing of ours stands there that this case does not own.");
            }
        }
    }
    let is_any = views.iter().any(|view| !view.found.is_empty());
    let is_untold = views.iter().any(|view| view.untold.is_some());
    Ok(if is_any {
        ExitCode::from(OPEN)
    } else if is_untold {
        ExitCode::from(UNTESTED)
    } else {
        ExitCode::SUCCESS
    })
}

fn show_undone(common: &Common, views: &[WaveView]) -> anyhow::Result<ExitCode> {
    match common.format() {
        Format::Json => print_json(&views)?,
        Format::Text => views.iter().for_each(print_wave),
    }
    Ok(if views.iter().any(WaveView::has_failed) { ExitCode::from(OPEN) } else { ExitCode::SUCCESS })
}

fn print_wave(view: &WaveView) {
    say!("plan {} by {}", view.plan, printable(&view.made_by));
    super::print_returns(&view.returns);
    for cut in &view.actions {
        let answer = match cut.answer.as_deref().filter(|_| cut.step == strandline_model::containment::CutStep::Applied) {
            Some("effective") => "effective",
            Some("not_effective") => "NOT EFFECTIVE",
            Some(_) => "not testable yet",
            None => cut.step.as_str(),
        };
        say!("{:>3}  {:<16}  {}  {}", cut.place, answer, printable(&cut.target), printable(&cut.effect));
        match &cut.outcome {
            Some(Outdone::Failed(why)) => say!("       not done: {}", printable(why)),
            Some(Outdone::Already) => say!("       it stood there already"),
            Some(Outdone::Done) | None => {}
        }
        if let Some(verdict) = &cut.verdict {
            print_list("open", &verdict.doors);
            print_list("not tried", &verdict.untested);
            print_list("held", &verdict.held);
            print_list("note", &verdict.remarks);
        }
        if let Some(after) = cut.after.as_ref().filter(|_| cut.step == strandline_model::containment::CutStep::Applied) {
            say!("       {}", super::after_in_words(after));
        }
        if cut.is_overdue {
            say!("       its lease has ended, and it is still applied: take it back, or plan it anew");
        }
    }
}

#[cfg(test)]
mod tests {
    use strandline_model::containment::{Undo, canonical};

    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let found = action_by_hand(text).ok().map(|action| canonical(&action.effect));
        assert_eq!(found.as_deref(), expected, "{text}");
    }

    #[test]
    fn an_action_by_hand_is_an_effect_with_its_fields_and_nothing_else() {
        check("db:postgres_role_no_login:role=app", Some(r#"{"effect":"postgres_role_no_login","role":"app"}"#));
        check("edge:nftables_drop:address=2001:db8::1", Some(r#"{"effect":"nftables_drop","address":"2001:db8::1"}"#));
        for text in
            ["db", "db:drop_everything:role=app", "db:postgres_role_no_login:", "db:postgres_role_no_login:role=app,more=1", "db:postgres_role_no_login:role"]
        {
            check(text, None);
        }
    }

    #[test]
    fn an_action_by_hand_says_what_a_proposed_one_does() {
        let action = action_by_hand("db:postgres_terminate:role=app").expect("an effect");
        assert!(matches!(action.undo, Undo::Not(_)), "an end of connections is not taken back, whoever asks for it");
        assert!(!action.cannot_reach.is_empty());
    }
}
