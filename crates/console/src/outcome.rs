//! What came of a piece of work, in lines for people. No person is named in them.

use strandline_response::desk::TaskDone;
use strandline_response::{Collected, CutView, Outdone, PlanView, Published, SentTally, WaveView};

use crate::texts::Texts;

/// Lines of one list that are shown.
const SHOWN: usize = 20;

/// What came of it.
pub fn came_of(done: &TaskDone, t: &Texts) -> Vec<String> {
    match done {
        TaskDone::Renewed => Vec::new(),
        TaskDone::Checked(report) => vec![if report.is_sound() { t.x("came_sound") } else { t.x("came_unsound") }.to_owned()],
        TaskDone::Linted(lines) => vec![t.w("came_linted", t.n(lines.len() as u64))],
        TaskDone::Previewed(preview) => vec![t.w("preview_changed", t.n(preview.moved.len() as u64))],
        TaskDone::Printed(printed) => vec![t.w2("came_printed", t.n(printed.letters), t.n(printed.findings.len() as u64))],
        TaskDone::Rehearsed(written) => vec![t.w2("came_rehearsed", t.n(written.written), written.folder.display())],
        TaskDone::Sent(tally) => sent(tally, t),
        TaskDone::HandedOver(written) if written.written == 0 => vec![t.x("came_no_paper").to_owned()],
        TaskDone::HandedOver(written) => vec![t.w2("came_handed_over", t.n(written.written), written.folder.display())],
        TaskDone::Published(published) => self::published(published, t),
        TaskDone::Collected(collected) => self::collected(collected, t),
        TaskDone::CutRead(view) => plan_read(view, t),
        TaskDone::Cuts(waves) => waves.iter().flat_map(|wave| self::wave(wave, t)).collect(),
    }
}

fn sent(tally: &SentTally, t: &Texts) -> Vec<String> {
    let mut lines = vec![t.w2("came_sent", t.n(tally.accepted), t.n(tally.refused))];
    if tally.uncertain > 0 {
        lines.push(t.w("came_uncertain", t.n(tally.uncertain)));
    }
    if tally.deferrals > 0 {
        lines.push(t.w("came_deferred", t.n(tally.deferrals)));
    }
    lines
}

fn published(published: &Published, t: &Texts) -> Vec<String> {
    let mut lines = vec![t.w2("came_published", t.n(published.cards), t.n(published.answers))];
    lines.extend(published.left_out.iter().map(|(reason, people)| t.w2("came_left_out", t.n(*people), reason)));
    if published.stopped_translations > 0 {
        lines.push(t.w("came_stopped", t.n(published.stopped_translations)));
    }
    lines
}

fn collected(collected: &Collected, t: &Texts) -> Vec<String> {
    let mut lines = vec![t.w2("came_collected", t.n(collected.new), t.n(collected.safety))];
    if collected.known > 0 {
        lines.push(t.w("came_known", t.n(collected.known)));
    }
    lines.extend(collected.refused.iter().take(SHOWN).map(|refused| t.w2("came_refused", &refused.id, &refused.reason)));
    lines
}

fn plan_read(view: &PlanView, t: &Texts) -> Vec<String> {
    let mut lines = Vec::new();
    for action in &view.actions {
        let now = action.now.as_deref().unwrap_or_default();
        let key = if action.is_ready == Some(false) { "came_not_ready" } else { "came_ready" };
        lines.push(t.w2(key, format!("{} · {}", action.id, action.target), now));
        lines.extend(action.verdict.iter().flat_map(|verdict| &verdict.doors).map(|door| t.w("came_door", door)));
    }
    lines
}

fn wave(wave: &WaveView, t: &Texts) -> Vec<String> {
    let one = |cut: &CutView| {
        let name = format!("{} · {}", cut.id, cut.target);
        let step = super::pages::contain::cut_step(cut, t);
        let answer = super::pages::contain::answer(cut, t);
        let mut lines = vec![format!("{name}: {step}{}", if answer.is_empty() { String::new() } else { format!(" · {answer}") })];
        if let Some(Outdone::Failed(why)) = &cut.outcome {
            lines.push(t.w("came_failed", why));
        }
        lines.extend(cut.verdict.iter().flat_map(|verdict| &verdict.doors).map(|door| t.w("came_door", door)));
        lines
    };
    std::iter::once(t.w("contain_plan", wave.plan)).chain(wave.actions.iter().flat_map(one)).collect()
}
