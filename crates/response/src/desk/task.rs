//! Work that takes longer than a page: bringing a case up to date, checking it, reading, printing, rehearsing and sending its letters,
//! publishing and collecting of the support page, cuts. Typed, so that it can be noted, begun again after a kill, and is the same whoever
//! asks for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strandline_case::{Right, Role, VerifyReport};
use strandline_outbound::Tally;
use strandline_outbound::contain::Force;

use super::act::{DeskError, renew, resume_in_turn};
use super::entries::check;
use super::letters::{LintLine, lint};
use super::mail::MailGiven;
use super::preview::{Preview, Trying, preview};
use super::rights::allow;
use super::secrets::SecretFiles;
use super::turn::Turn;
use crate::cutting::{Back, PlanView, WaveView};
use crate::error::ResponseError;
use crate::run::{Response, Settings, Watcher};
use crate::stage::notify::{AfterFailure, Attach, Reach, Wave};
use crate::stage::print::{Page, PrintedLetters};
use crate::store;
use crate::support::{Collected, Published};

/// Work waits so long for a case that somebody else has.
const WAITS_FOR: Duration = Duration::from_secs(120);
/// What was cut is looked at again after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Rehearsals stand here, a folder each.
const REHEARSALS: &str = "rehearsals";
/// How the folder of a rehearsal begins that has not come to its end.
const UNFINISHED: &str = ".unfinished-";

/// A piece of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// The case is brought up to date.
    Renew,
    /// Every byte is hashed again.
    Verify,
    /// Every letter is read.
    Lint,
    /// What hangs on a judgement is worked out.
    Preview {
        /// What is tried.
        trying: Trying,
    },
    /// Every letter is printed.
    Print,
    /// Every e-mail is written as it would go, into a folder.
    Rehearse,
    /// What is approved goes by e-mail.
    Send {
        /// What is done about letters that failed before.
        after: AfterFailure,
    },
    /// What is approved and goes by post is written for the mail house.
    HandOver,
    /// The support page's cards are sealed.
    Publish,
    /// What people wrote on the support page comes into the case.
    Collect,
    /// Every target of a plan is read.
    RehearseCut {
        /// Its number.
        plan: u64,
    },
    /// An approved plan is applied, and verified.
    ApplyCut {
        /// Its number.
        plan: u64,
    },
    /// The doors of everything that is applied are tried.
    VerifyCuts,
    /// What a plan did is taken back.
    UndoCut {
        /// Its number.
        plan: u64,
    },
}

/// What becomes of work that was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterKill {
    /// It is begun again by itself: it goes on where it stopped, and does nothing twice.
    Again,
    /// It is told, and a person begins it again.
    Told,
}

impl Task {
    /// By its word, with the plan and the manner that the words of some take.
    pub fn of(word: &str, plan: Option<u64>, after: Option<&str>) -> Option<Self> {
        Some(match word {
            "renew" => Self::Renew,
            "verify" => Self::Verify,
            "lint" => Self::Lint,
            "print" => Self::Print,
            "rehearse" => Self::Rehearse,
            "send" => Self::Send {
                after: match after {
                    None => AfterFailure::Leave,
                    Some("other_channel") => AfterFailure::OtherChannel,
                    Some("send_again") => AfterFailure::SendAgain,
                    Some(_) => return None,
                },
            },
            "hand_over" => Self::HandOver,
            "publish" => Self::Publish,
            "collect" => Self::Collect,
            "rehearse_cut" => Self::RehearseCut { plan: plan? },
            "apply_cut" => Self::ApplyCut { plan: plan? },
            "verify_cuts" => Self::VerifyCuts,
            "undo_cut" => Self::UndoCut { plan: plan? },
            _ => return None,
        })
    }

    /// Its word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Renew => "renew",
            Self::Verify => "verify",
            Self::Lint => "lint",
            Self::Preview { .. } => "preview",
            Self::Print => "print",
            Self::Rehearse => "rehearse",
            Self::Send { .. } => "send",
            Self::HandOver => "hand_over",
            Self::Publish => "publish",
            Self::Collect => "collect",
            Self::RehearseCut { .. } => "rehearse_cut",
            Self::ApplyCut { .. } => "apply_cut",
            Self::VerifyCuts => "verify_cuts",
            Self::UndoCut { .. } => "undo_cut",
        }
    }

    /// What it takes to begin it.
    pub fn right(&self) -> Right {
        match self {
            Self::Verify => Right::Check,
            Self::Lint | Self::Print | Self::Rehearse | Self::Send { .. } | Self::HandOver | Self::Publish => Right::Letters,
            Self::Collect => Right::Desk,
            Self::Renew | Self::Preview { .. } | Self::RehearseCut { .. } | Self::ApplyCut { .. } | Self::VerifyCuts | Self::UndoCut { .. } => Right::Decide,
        }
    }

    /// What becomes of it after a kill. What touches a target is begun by a person, who looks at the target first; a batch for the mail
    /// house may lie half written where somebody takes it away.
    pub fn after_kill(&self) -> AfterKill {
        match self {
            Self::HandOver | Self::RehearseCut { .. } | Self::ApplyCut { .. } | Self::UndoCut { .. } => AfterKill::Told,
            _ => AfterKill::Again,
        }
    }

    /// Whether it writes the case, so that work that has the case for long makes room.
    fn takes_turn(&self) -> bool {
        !matches!(self, Self::Verify | Self::Lint | Self::Preview { .. } | Self::Rehearse | Self::Send { .. } | Self::RehearseCut { .. })
    }
}

/// What whoever started the program set: none of it is said in a browser.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// How mail goes.
    pub mail: MailGiven,
    /// What letters are printed with.
    pub page: Page,
    /// Where batches for the mail house go, a folder each.
    pub post: Option<PathBuf>,
    /// The bundle of the support page.
    pub bundle: Option<PathBuf>,
    /// Secrets of targets.
    pub secrets: SecretFiles,
    /// What was cut is looked at again so long after it was applied; none: after the usual time.
    pub again_after: Option<Duration>,
}

/// What came of a piece of work.
#[derive(Clone, Debug)]
pub enum TaskDone {
    /// The case was brought up to date.
    Renewed,
    /// What verification found.
    Checked(VerifyReport),
    /// What the lint found.
    Linted(Vec<LintLine>),
    /// What hangs on a judgement.
    Previewed(Arc<Preview>),
    /// What was printed.
    Printed(PrintedLetters),
    /// E-mails were written.
    Rehearsed(Written),
    /// Letters were sent.
    Sent(Tally),
    /// Letters were written for the mail house.
    HandedOver(Written),
    /// Cards were sealed.
    Published(Published),
    /// Messages were collected.
    Collected(Collected),
    /// A plan of cuts was held against its targets.
    CutRead(PlanView),
    /// Cuts were applied, tried or taken back.
    Cuts(Vec<WaveView>),
}

/// What was written, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Letters.
    pub written: u64,
    /// The folder.
    pub folder: PathBuf,
}

/// Something that whoever started the program must set first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSet {
    /// Where batches go.
    #[error("whoever starts the console says where letters for the mail house go: serve --post-into DIR")]
    Post,
    /// Where the bundle is.
    #[error("whoever starts the console says where the support page's bundle is: serve --support-bundle FOLDER")]
    Bundle,
}

/// Does a piece of work. What it stands on is what is committed; a killed one goes on where it stopped when it is done again.
///
/// # Errors
/// If it is not the role's, something that it needs was not set, or as what it does.
pub fn run_task(settings: &Settings<'_>, role: Role, task: &Task, (given, turn): (&Given, &Turn), watcher: &mut dyn Watcher) -> Result<TaskDone, DeskError> {
    allow(role, task.right())?;
    let _asking = task.takes_turn().then(|| turn.ask());
    Ok(match task {
        Task::Send { after } => TaskDone::Sent(send(settings, &given.mail, *after, turn, watcher)?),
        Task::Preview { trying } => TaskDone::Previewed(Arc::new(preview(settings, role, trying, watcher)?)),
        Task::RehearseCut { .. } | Task::ApplyCut { .. } | Task::VerifyCuts | Task::UndoCut { .. } => cut(settings, task, given, watcher)?,
        task => work(settings, task, given, watcher)?,
    })
}

/// Work on the case and its letters, but for sending them.
fn work(settings: &Settings<'_>, task: &Task, given: &Given, watcher: &mut dyn Watcher) -> Result<TaskDone, ResponseError> {
    let bundle = || given.bundle.as_deref().ok_or(NotSet::Bundle);
    Ok(match task {
        Task::Verify => TaskDone::Checked(check(&settings.case)),
        Task::Lint => TaskDone::Linted(lint(settings)?),
        Task::Print => TaskDone::Printed(writing(settings, watcher)?.print_letters(&given.page)?),
        Task::Rehearse => TaskDone::Rehearsed(rehearse(settings, &given.mail, watcher)?),
        Task::HandOver => TaskDone::HandedOver(hand_over(settings, given, watcher)?),
        Task::Publish => TaskDone::Published(writing(settings, watcher)?.publish_support(bundle()?, None)?),
        Task::Collect => TaskDone::Collected(writing(settings, watcher)?.collect_support(bundle()?)?),
        _ => {
            renew(settings, watcher)?;
            TaskDone::Renewed
        }
    })
}

/// Work at the targets of cuts.
fn cut(settings: &Settings<'_>, task: &Task, given: &Given, watcher: &mut dyn Watcher) -> Result<TaskDone, ResponseError> {
    let secrets = &given.secrets;
    Ok(TaskDone::Cuts(match task {
        Task::RehearseCut { plan } => {
            let response = Response::look(settings, watcher)?;
            let secrets = secrets.read(&response.targets_of_plan(Some(*plan))?, None)?;
            return Ok(TaskDone::CutRead(response.rehearse_cut(Some(*plan), &secrets)?));
        }
        Task::ApplyCut { plan } => vec![apply(settings, *plan, given, watcher)?],
        Task::UndoCut { plan } => {
            let mut response = writing(settings, watcher)?;
            let secrets = secrets.read_each(&response.targets_of_applied(Back::Plan(*plan))?, None)?;
            // What somebody else changed since is forced on the terminal, by whoever looked at it.
            response.undo_cut(Back::Plan(*plan), Force::No, &secrets)?
        }
        _ => {
            let mut response = writing(settings, watcher)?;
            let secrets = secrets.read_each(&response.targets_of_applied(Back::All)?, None)?;
            response.verify_cut(None, &secrets)?
        }
    }))
}

/// Applies a plan, and looks again after a while: what a running request had in hand when its session was taken, it saves at its end.
/// Between the two the case is nobody's.
fn apply(settings: &Settings<'_>, plan: u64, given: &Given, watcher: &mut dyn Watcher) -> Result<WaveView, ResponseError> {
    let mut response = writing(settings, watcher)?;
    let secrets = given.secrets.read(&response.targets_of_plan(Some(plan))?, None)?;
    let mut view = response.apply_cut(Some(plan), &secrets)?;
    drop(response);
    if view.is_tested() {
        std::thread::sleep(given.again_after.unwrap_or(AGAIN_AFTER));
        view.looked_at_again(writing(settings, watcher)?.end_again(plan, &secrets)?);
    }
    Ok(view)
}

fn writing<'a>(settings: &'a Settings<'a>, watcher: &'a mut dyn Watcher) -> Result<Response<'a>, ResponseError> {
    resume_in_turn(settings, watcher, WAITS_FOR)
}

/// The round that letters are drafted for, and how they go by themselves.
fn wave(response: &Response<'_>, after_failure: AfterFailure) -> Result<Wave, ResponseError> {
    let round: u32 = store::read_json(&response.case, store::ROUND)?.unwrap_or(1);
    Ok(Wave { round, second_approver_from: None, channel: None, after_failure, reach: Reach::Better })
}

/// A name for a folder: of the round and the instant, so that one never stands among another's letters.
fn folder_name(settings: &Settings<'_>, round: u32) -> String {
    format!("round-{round}-{}", (settings.now)().micros())
}

/// Writes every e-mail of the round as it would go, into a new folder of the case. Nothing leaves the machine.
fn rehearse(settings: &Settings<'_>, mail: &MailGiven, watcher: &mut dyn Watcher) -> Result<Written, ResponseError> {
    let mut response = Response::look(settings, watcher)?;
    let wave = wave(&response, AfterFailure::Leave)?;
    let (all, name) = (response.case.path().join(REHEARSALS), folder_name(settings, wave.round));
    let (unfinished, folder) = (all.join(format!("{UNFINISHED}{name}")), all.join(name));
    let written = response.write_mail(mail, wave, Attach::Nothing, &unfinished)?;
    std::fs::rename(&unfinished, &folder).map_err(|source| ResponseError::Write { path: folder.clone(), source })?;
    Ok(Written { written, folder })
}

/// Takes away what a killed rehearsal left half written.
pub(super) fn sweep_rehearsals(case: &Path) {
    let left = std::fs::read_dir(case.join(REHEARSALS)).into_iter().flatten().flatten();
    for entry in left.filter(|entry| entry.file_name().to_string_lossy().starts_with(UNFINISHED)) {
        // What stays lies beside the finished ones, under a name that says what it is.
        let _ = std::fs::remove_dir_all(entry.path());
    }
}

fn hand_over(settings: &Settings<'_>, given: &Given, watcher: &mut dyn Watcher) -> Result<Written, ResponseError> {
    let all = given.post.as_deref().ok_or(NotSet::Post)?;
    let mut response = writing(settings, watcher)?;
    let wave = wave(&response, AfterFailure::Leave)?;
    let wave = Wave { channel: Some(strandline_model::letter::Channel::Post), ..wave };
    let folder = all.join(folder_name(settings, wave.round));
    std::fs::create_dir_all(all).map_err(|source| ResponseError::Write { path: all.to_owned(), source })?;
    Ok(Written { written: response.hand_over_letters(wave, &given.page, &folder)?, folder })
}

/// Sends what is approved. Whoever decides meanwhile has the case in between: what they hold does not go.
fn send(settings: &Settings<'_>, mail: &MailGiven, after: AfterFailure, turn: &Turn, watcher: &mut dyn Watcher) -> Result<Tally, ResponseError> {
    watcher.stage("send");
    turn.begin();
    let (mut all, mut after) = (Tally::default(), after);
    loop {
        turn.pass();
        if turn.is_ended() {
            return Ok(all);
        }
        let mut counting = Counting { watcher, before: all.accepted + all.refused + all.uncertain };
        let mut response = writing(settings, &mut counting)?;
        let found = response.settle_letters()?;
        let wave = wave(&response, after)?;
        let sent = response.send_by_mail(mail, wave, Attach::Nothing, turn.stop());
        drop(response);
        let tally = sent?;
        all.accepted += tally.accepted;
        all.refused += tally.refused;
        all.uncertain += tally.uncertain + found;
        all.found_in_flight += tally.found_in_flight + found;
        all.deferrals += tally.deferrals;
        // Once is what was asked for: what is refused again meanwhile waits for another word.
        after = AfterFailure::Leave;
        if !turn.was_asked() {
            return Ok(all);
        }
    }
}

/// Counts on where an earlier part of the same work ended.
struct Counting<'w> {
    watcher: &'w mut dyn Watcher,
    before: u64,
}

impl Watcher for Counting<'_> {
    fn stage(&mut self, name: &str) {
        self.watcher.stage(name);
    }

    fn progress(&mut self, done: u64, total: u64, unit: &str) {
        self.watcher.progress(self.before + done, total, unit);
    }

    fn note(&mut self, text: &str) {
        self.watcher.note(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_found_by_its_word_and_what_touches_the_world_waits_for_a_person() {
        let words =
            ["renew", "verify", "lint", "print", "rehearse", "send", "hand_over", "publish", "collect", "rehearse_cut", "apply_cut", "verify_cuts", "undo_cut"];
        for word in words {
            let task = Task::of(word, Some(3), None).expect("a task of the list");
            assert_eq!(task.word(), word);
            let kept = serde_json::to_string(&task).expect("a task is JSON");
            assert_eq!(task.after_kill() == AfterKill::Told, ["hand_over", "rehearse_cut", "apply_cut", "undo_cut"].contains(&word), "{word}");
            assert_eq!(serde_json::from_str::<Task>(&kept).ok(), Some(task), "{kept}");
        }
        assert_eq!(Task::of("apply_cut", None, None), None, "a plan that nobody named");
        assert_eq!(Task::of("preview", None, None), None, "a form of its own says what is tried");
        assert_eq!(Task::of("send", None, Some("twice")), None);
    }
}
