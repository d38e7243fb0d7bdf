//! `strandline notify`: letters from draft to answer. Nothing leaves without approval, and everybody is listed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use strandline_model::letter::{Channel, SendingState};
use strandline_response::desk::{Act, MailGiven};
use strandline_response::notice::{Finding, LawBook};
use strandline_response::{
    AfterFailure, ApprovalState, Attach, Authenticity, Left, LetterStatus, LogIs, OpenReport, PersonStatus, PrintedLetters, Reach, Response, SentTally, Wave,
};

use crate::cmd::letter_word::{Word, decided};
use crate::cmd::mail::Mail;
use crate::cmd::page::PageArgs;
use crate::cmd::{Common, print_json, texts};
use crate::ui::{Format, Screen, printable, thousands};

/// Whether letters are being sent, and whether somebody has asked for an end.
static SENDING: AtomicBool = AtomicBool::new(false);
static STOP: AtomicBool = AtomicBool::new(false);

/// At an interrupt: whether it will be heeded by the work under way, so that the program must not end now.
pub fn is_interrupt_heeded() -> bool {
    SENDING.load(Ordering::SeqCst) && !STOP.swap(true, Ordering::SeqCst)
}

/// Differences of one message that are told.
const DIFFERENCES_SHOWN: usize = 12;

/// States of letters beside those of sending.
const OTHER_STATES: [&str; 5] = ["held", "drafted", "approved", "by_hand", "nobody"];

/// Draft the letters; look at them, approve, send, follow them
#[derive(Args)]
pub struct Notify {
    /// The case folder
    case: PathBuf,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// Draft the letters (the default)
    Draft {
        /// The organisation's own templates, kept with the case: docs/letters.md says what the folder holds
        #[arg(long, value_name = "DIR")]
        templates: Option<PathBuf>,
        /// When you write again: a day such as 2026-12-13, or `last`. A promise in the organisation's name; it goes into the ledger
        #[arg(long, value_name = "DATE|last")]
        next: Option<String>,
        /// The round that they are for: from the second on, letters say what is new since the one before
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=99))]
        round: Option<u32>,
        /// A value of each person's own, for the slot {value}: a CSV file of two columns, key and value
        #[arg(long, value_name = "FILE")]
        values: Option<PathBuf>,
    },
    /// Read every letter as its reader will: length, hedges, somebody else's data …; what it finds blocks approval
    Lint,
    /// Print every letter as a PDF, letters/KEY.pdf; from then on the PDFs belong to what is approved
    Print(PageArgs),
    /// Show one letter as it would go, who gets one, and what is held
    Preview {
        /// Whose letter; without it, the first one
        key: Option<String>,
        #[command(flatten)]
        round: Round,
    },
    /// Approve exactly the letters as they are now, in the name of --responder
    Approve {
        /// On what condition, or why
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
        #[command(flatten)]
        round: Round,
    },
    /// Send what is approved; run again, it goes on where it stopped
    Send(Box<Send>),
    /// Where everybody's letter is
    Status {
        /// List these states only (`uncertain`, `bounced`, `held` …)
        #[arg(long, value_name = "STATE")]
        only: Vec<String>,
        #[command(flatten)]
        round: Round,
    },
    /// Tell whether a message that somebody received, or a code that somebody names, is of one of these letters
    Check {
        /// The message: an .eml file, text copied out of it, a mailbox or a folder of them
        #[arg(required_unless_present = "code")]
        message: Option<PathBuf>,
        /// The code
        #[arg(long, value_name = "CODE", conflicts_with = "message")]
        code: Option<String>,
        /// Compare with this round of letters alone
        #[arg(long, value_name = "N")]
        round: Option<u32>,
    },
    #[command(flatten)]
    Word(Word),
    /// Record what became of letters: reports, answers, paper that came back, uncertain ones
    Record(Record),
}

#[derive(Args, Clone, Copy)]
struct Round {
    /// The round of letters: 1 to everybody first, 2 for the next news
    #[arg(long, value_name = "N", default_value_t = 1)]
    round: u32,
    /// From this many letters on two people approve; it can only tighten what the estate says
    #[arg(long, value_name = "N")]
    second_from: Option<u64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    Email,
    Post,
}

/// Send what is approved; run again, it goes on where it stopped
#[derive(Args)]
struct Send {
    #[command(flatten)]
    round: Round,
    /// Write what would be sent as .eml files into a new folder, and send nothing
    #[arg(long, value_name = "DIR")]
    dry_run: Option<PathBuf>,
    /// One channel only; otherwise each person's better one
    #[arg(long, value_name = "CHANNEL")]
    by: Option<By>,
    /// With --by: also those for whom the other channel is the better one
    #[arg(long, requires = "by")]
    everybody: bool,
    /// Use the other channel where one failed (refused, bounced, returned)
    #[arg(long)]
    other_channel: bool,
    /// Send again what failed for the sender and not for the reader (5.7.x, 5.3.x), also what came back so, once that is mended
    #[arg(long, conflicts_with = "other_channel")]
    send_again_refused: bool,
    /// Attach the PDF to the e-mail; people are better told not to open attachments
    #[arg(long)]
    attach_pdf: bool,
    /// Write what goes by post into a new folder for the mail house: one PDF a batch, a manifest, checksums
    #[arg(long, value_name = "DIR", conflicts_with = "dry_run")]
    into: Option<PathBuf>,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    mail: Mail,
}

/// Record what became of letters
#[derive(Args)]
struct Record {
    /// Reports of undelivered letters: a Maildir, an mbox, a folder of .eml files, or one
    #[arg(long, value_name = "PATH")]
    bounces: Option<PathBuf>,
    /// The return path that was used, if the estate does not say
    #[arg(long, value_name = "ADDRESS")]
    return_path: Option<String>,
    /// The mail server's log: uncertain letters that are in it were accepted
    #[arg(long, value_name = "FILE")]
    mail_log: Option<PathBuf>,
    /// That log holds all of the run: uncertain letters that are not in it are queued again
    #[arg(long, requires = "mail_log")]
    log_is_complete: bool,
    /// People whose uncertain letter arrived, as they or the mail server say
    #[arg(long, value_name = "KEY")]
    arrived: Vec<String>,
    /// People whose uncertain letter is sent again, at the risk that they get two
    #[arg(long, value_name = "KEY")]
    send_again: Vec<String>,
    /// People whose letter on paper came back
    #[arg(long, value_name = "KEY")]
    returned: Vec<String>,
    /// People whose letter did not arrive, as an unclear report says
    #[arg(long, value_name = "KEY")]
    bounced: Vec<String>,
    /// People whose unclear reports somebody has read, and nothing follows
    #[arg(long, value_name = "KEY")]
    read: Vec<String>,
    /// People who answered
    #[arg(long, value_name = "KEY")]
    answered: Vec<String>,
}

impl Notify {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let settings = common.settings(&self.case);
        let mut screen = Screen::new(common.format());
        let action = self.action.unwrap_or(Action::Draft { templates: None, next: None, round: None, values: None });
        // Somebody may look while letters go out.
        let mut response = match &action {
            Action::Preview { .. } | Action::Status { .. } | Action::Check { .. } => Response::look(&settings, &mut screen)?,
            _ => Response::resume(&settings, &mut screen)?,
        };
        match action {
            Action::Draft { templates, next, round, values } => {
                if let Some(round) = round {
                    response.use_round(round)?;
                }
                if let Some(file) = values {
                    response.use_values(&file.display().to_string(), &texts::text(&file)?)?;
                }
                draft(common, response, templates.as_deref(), next)
            }
            Action::Lint => {
                let findings = response.lint_letters()?;
                drop(response);
                drop(screen);
                print_findings(common, &findings)
            }
            Action::Print(page) => {
                let printed = response.print_letters(&page.page())?;
                drop(response);
                drop(screen);
                print_printed(common, &printed)
            }
            Action::Check { message, code, round } => {
                let told = match (&message, &code) {
                    (Some(path), _) => Checked::Messages(response.check_messages(path, round)?),
                    (None, code) => Checked::Code(response.whose_code(code.as_deref().unwrap_or_default())?),
                };
                drop(response);
                drop(screen);
                print_checked(common, &told)
            }
            Action::Preview { key, round } => preview(common, &response, key.as_deref(), round),
            Action::Approve { why, round } => {
                response.act(&Act::ApproveLetters { round: round.round, why, second_from: round.second_from, looked_at: None }, &LawBook::default())?;
                let approval = response.approval_state(&response.letter_plan(round.round)?, round.second_from)?;
                drop(response);
                drop(screen);
                print_approval(common, &approval)
            }
            Action::Send(order) => {
                let done = order.run(&mut response)?;
                let status = response.letter_status(order.round.round, order.round.second_from)?;
                drop(response);
                drop(screen);
                print_sent(common, &done, &status)
            }
            Action::Status { only, round } => {
                let status = response.letter_status(round.round, round.second_from)?;
                drop(response);
                drop(screen);
                print_status(common, status, &only)
            }
            Action::Record(record) => record.run(common, &mut response),
            Action::Word(word) => {
                let words = word.words(&response.time_zone())?;
                decided(common, response, words)
            }
        }
    }
}

fn draft(common: &Common, mut response: Response<'_>, templates: Option<&Path>, next: Option<String>) -> anyhow::Result<ExitCode> {
    if let Some(next) = next {
        response.decide_next_letter(&next)?;
    }
    response.expose()?;
    if let Some(folder) = templates {
        response.use_templates(&texts::read(folder, "txt", "docs/letters.md")?)?;
    }
    response.draft_letters()?;
    let outcome = response.finish();
    match common.format() {
        Format::Json => print_json(&outcome)?,
        Format::Text => {
            let reassurances =
                if outcome.reassurances > 0 { format!(", {} to people who were not reached", thousands(outcome.reassurances)) } else { String::new() };
            say!("{} letters drafted to people who were reached or could have been{reassurances}; nothing was sent", thousands(outcome.letters));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One line a finding and the people it concerns: a mistake of a template is everybody's.
fn print_findings(common: &Common, findings: &[(String, Finding)]) -> anyhow::Result<ExitCode> {
    let mut by_finding: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (key, finding) in findings {
        by_finding.entry(finding.to_string()).or_default().push(key);
    }
    match common.format() {
        Format::Json => print_json(&by_finding)?,
        Format::Text => {
            for (finding, keys) in &by_finding {
                let first: Vec<String> = keys.iter().take(3).map(|key| printable(key)).collect();
                say!("{:>8}  {finding}\n          {}{}", thousands(keys.len() as u64), first.join(", "), if keys.len() > 3 { " …" } else { "" });
            }
            say!("{} findings", thousands(findings.len() as u64));
        }
    }
    let blocked = findings.iter().any(|(_, finding)| finding.rule.blocks());
    Ok(if blocked { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

fn preview(common: &Common, response: &Response<'_>, key: Option<&str>, round: Round) -> anyhow::Result<ExitCode> {
    let plan = response.letter_plan(round.round)?;
    let approval = response.approval_state(&plan, round.second_from)?;
    let letter = response.preview_letter(&plan, key)?;
    let mut channels: BTreeMap<&str, u64> = BTreeMap::new();
    for planned in plan.letters.values() {
        *channels.entry(planned.channels.first().map_or("none", |c| c.as_str())).or_insert(0) += 1;
    }
    let mut held: BTreeMap<&str, u64> = BTreeMap::new();
    for letter in &plan.held {
        *held.entry(letter.reason.as_str()).or_insert(0) += 1;
    }
    match common.format() {
        Format::Json => print_json(&serde_json::json!({
            "approval": approval, "channels": channels, "held": held, "reference": letter.reference, "language": letter.language,
            "subject": letter.subject.expose_personal(), "text": letter.text.expose_personal(),
        }))?,
        Format::Text => {
            say!("Subject: {}\n\n{}", printable(letter.subject.expose_personal()), printable(letter.text.expose_personal()));
            say!("----");
            for (channel, letters) in &channels {
                say!("{:>8}  by {channel}", thousands(*letters));
            }
            for (reason, letters) in &held {
                say!("{:>8}  held: {reason}", thousands(*letters));
            }
            say!("{:>8}  of {} approvals; what is approved: {}", approval.have, approval.needed, approval.plan_sha256);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes every e-mail as it would go into a new folder, as a drill does. Returns how many.
pub fn rehearse(response: &mut Response<'_>, folder: &Path) -> anyhow::Result<u64> {
    let wave = Wave { round: 1, second_approver_from: None, channel: None, after_failure: AfterFailure::Leave, reach: Reach::Better };
    Ok(response.write_mail(&MailGiven::default(), wave, Attach::Nothing, folder)?)
}

impl Send {
    fn wave(&self) -> Wave {
        Wave {
            round: self.round.round,
            second_approver_from: self.round.second_from,
            channel: self.by.map(|by| match by {
                By::Email => Channel::Email,
                By::Post => Channel::Post,
            }),
            after_failure: match (self.other_channel, self.send_again_refused) {
                (true, _) => AfterFailure::OtherChannel,
                (false, true) => AfterFailure::SendAgain,
                (false, false) => AfterFailure::Leave,
            },
            reach: if self.everybody { Reach::Everybody } else { Reach::Better },
        }
    }

    /// Sends, or writes what would be sent. Returns what was done.
    fn run(&self, response: &mut Response<'_>) -> anyhow::Result<Done> {
        let wave = self.wave();
        let on_paper = wave.channel == Some(Channel::Post);
        match &self.into {
            Some(folder) if on_paper => return Ok(Done::HandedOver(response.hand_over_letters(wave, &self.page.page(), folder)?, folder.clone())),
            Some(_) => bail!("--into is for letters on paper: add --by post"),
            None => ensure!(!on_paper, "letters on paper go into a folder for the mail house: --by post --into DIR"),
        }
        let (mail, attach) = (self.mail.given()?, if self.attach_pdf { Attach::Pdf } else { Attach::Nothing });
        if let Some(folder) = &self.dry_run {
            return Ok(Done::Written(response.write_mail(&mail, wave, attach, folder)?, folder.clone()));
        }
        SENDING.store(true, Ordering::SeqCst);
        let sent = response.send_by_mail(&mail, wave, attach, &STOP);
        SENDING.store(false, Ordering::SeqCst);
        Ok(Done::Sent(sent?))
    }
}

enum Done {
    Written(u64, PathBuf),
    HandedOver(u64, PathBuf),
    Sent(SentTally),
}

impl Record {
    fn run(self, common: &Common, response: &mut Response<'_>) -> anyhow::Result<ExitCode> {
        let given = MailGiven { return_path: self.return_path.clone(), ..MailGiven::default() };
        let mut told = serde_json::Map::new();
        let mut note = |what: &str, value: serde_json::Value| told.insert(what.to_owned(), value);
        if let Some(mailbox) = &self.bounces {
            note("bounces", serde_json::to_value(response.read_bounces(mailbox, &given.return_path(response)?)?)?);
        }
        if let Some(log) = &self.mail_log {
            let log_is = if self.log_is_complete { LogIs::Complete } else { LogIs::Partial };
            note("mail_log", serde_json::to_value(response.resolve_by_log(log, &given.return_path(response)?, log_is)?)?);
        }
        if !self.read.is_empty() {
            let settled = response.settle_reports(&set(&self.read))?;
            ensure!(settled > 0, "no unclear report waits for these people; `notify CASE status` lists those that do");
            note("read", settled.into());
        }
        let word = [
            ("arrived", &self.arrived, SendingState::Accepted),
            ("send_again", &self.send_again, SendingState::Queued),
            ("returned", &self.returned, SendingState::Returned),
            ("bounced", &self.bounced, SendingState::Bounced),
            ("answered", &self.answered, SendingState::Answered),
        ];
        for (what, keys, state) in word {
            if !keys.is_empty() {
                note(what, response.letters_came(&set(keys), state)?.into());
            }
        }
        ensure!(!told.is_empty(), "record what? give --bounces, --mail-log, --arrived, --send-again, --returned, --bounced, --read or --answered");
        print_recorded(common, told)
    }
}

fn print_recorded(common: &Common, mut told: serde_json::Map<String, serde_json::Value>) -> anyhow::Result<ExitCode> {
    if common.format() == Format::Json {
        print_json(&told)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut taken = |list: &str| told.get_mut("bounces").and_then(|tally| tally.as_object_mut()?.remove(list));
    let (to_read, foreign) = (taken("to_read"), taken("foreign_files"));
    told.iter().for_each(|(what, value)| say!("{what}: {value}"));
    let to_read: Vec<OpenReport> = to_read.map(serde_json::from_value).transpose()?.unwrap_or_default();
    print_reports(&to_read);
    let foreign: Vec<(String, u64)> = foreign.map(serde_json::from_value).transpose()?.unwrap_or_default();
    for (file, number) in &foreign {
        say!("names no letter of this case: {} (message {number})", printable(file));
    }
    Ok(ExitCode::SUCCESS)
}

/// Reports that wait for a person, by file and letter.
fn print_reports(reports: &[OpenReport]) {
    for report in reports {
        say!("to read: {} (message {}), about the letter to {}: {}", printable(&report.file), report.number, printable(&report.data_subject), report.why);
    }
    if !reports.is_empty() {
        say!("Settle each: record --bounced KEY, --answered KEY, or --read KEY where nothing follows");
    }
}

fn set(keys: &[String]) -> BTreeSet<String> {
    keys.iter().cloned().collect()
}

fn print_approval(common: &Common, approval: &ApprovalState) -> anyhow::Result<ExitCode> {
    match common.format() {
        Format::Json => print_json(approval)?,
        Format::Text => {
            say!("{} letters, approved by {}: {}", thousands(approval.letters), approval.approved_by.join(" and "), approval.plan_sha256);
            if !approval.is_enough() {
                say!("{} of {} approvals: another person must approve the same", approval.have, approval.needed);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// 0 if all that goes by e-mail is on its way; 3 if some was refused, is uncertain or still waits. Letters for paper and held ones are
/// told, and are no failure of the run.
fn print_sent(common: &Common, done: &Done, status: &LetterStatus) -> anyhow::Result<ExitCode> {
    let tally = match done {
        Done::Written(letters, folder) => {
            match common.format() {
                Format::Json => print_json(&serde_json::json!({ "written": letters, "folder": folder }))?,
                Format::Text => say!("{} e-mails written to {}; nothing was sent", thousands(*letters), folder.display()),
            }
            return Ok(ExitCode::SUCCESS);
        }
        Done::HandedOver(letters, folder) => {
            match common.format() {
                Format::Json => print_json(&serde_json::json!({ "handed_over": letters, "folder": folder }))?,
                Format::Text if *letters == 0 => say!("No letter waits for paper"),
                Format::Text => say!("{} letters for the mail house in {}, with manifests and SHA256SUMS", thousands(*letters), folder.display()),
            }
            return Ok(ExitCode::SUCCESS);
        }
        Done::Sent(tally) => tally,
    };
    let count = |state: &str| status.counts.get(state).copied().unwrap_or(0);
    let ours = status.people.iter().filter(|person| person.failed_for_the_sender()).count() as u64;
    match common.format() {
        Format::Json => print_json(&serde_json::json!({
            "failed_for_the_sender": ours,
            "accepted": tally.accepted, "refused": tally.refused, "uncertain": tally.uncertain, "found_in_flight": tally.found_in_flight,
            "deferrals": tally.deferrals, "counts": status.counts,
        }))?,
        Format::Text => {
            say!("This run: {} accepted, {} refused, {} uncertain, {} times put off", tally.accepted, tally.refused, tally.uncertain, tally.deferrals);
            print_counts(&status.counts);
            if count("uncertain") > 0 {
                say!("Uncertain letters are not sent again by themselves: `strandline notify CASE record --mail-log FILE`, or --arrived / --send-again KEY");
            }
            let on_paper = status.people.iter().filter(|p| p.state == "queued" && p.channel == Some(Channel::Post)).count() as u64;
            if on_paper > 0 {
                say!("{} wait for paper: `strandline notify CASE send --by post --into DIR`", thousands(on_paper));
            }
            if count("held") > 0 {
                say!("{} are held: `strandline notify CASE status --only held` says why, and the way out", thousands(count("held")));
            }
            if count("deferred") + count("queued") > on_paper {
                say!("Run it again to go on with those that wait.");
            }
            if ours > 0 {
                say!("{} failed for the sender and not for the reader: mend that, then `strandline notify CASE send --send-again-refused`", thousands(ours));
            }
        }
    }
    let waits = |person: &PersonStatus| person.channel == Some(Channel::Email) && matches!(person.state.as_str(), "queued" | "deferred" | "in_flight");
    let is_whole = tally.refused == 0 && ours == 0 && count("uncertain") == 0 && !status.people.iter().any(waits);
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

fn print_counts(counts: &BTreeMap<String, u64>) {
    for (state, people) in counts {
        say!("{:>8}  {state}", thousands(*people));
    }
}

fn print_status(common: &Common, mut status: LetterStatus, only: &[String]) -> anyhow::Result<ExitCode> {
    let known = SendingState::ALL.map(SendingState::as_str);
    if let Some(unknown) = only.iter().find(|state| !known.contains(&state.as_str()) && !OTHER_STATES.contains(&state.as_str())) {
        bail!("{unknown:?} is no state: {}, {}", OTHER_STATES.join(", "), known.join(", "));
    }
    if !only.is_empty() {
        status.people.retain(|person| only.contains(&person.state));
    }
    match common.format() {
        Format::Json => print_json(&status)?,
        Format::Text => {
            let approval = &status.approval;
            say!("{} of {} approvals of {} letters ({})", approval.have, approval.needed, thousands(approval.letters), approval.plan_sha256);
            if approval.open > 0 && approval.open < approval.letters {
                say!("{:>8}  of them lack approvals: they are new, or were changed since", thousands(approval.open));
            }
            print_counts(&status.counts);
            // Without a question, only those whom a person must see to.
            let listed = |state: &str| !only.is_empty() || ["uncertain", "bounced", "refused", "returned", "held"].contains(&state);
            for person in status.people.iter().filter(|person| listed(&person.state)) {
                let channel = person.channel.map_or("-", Channel::as_str);
                say!("{}  {} {channel}  {}", printable(&person.data_subject), person.state, printable(person.answer.as_deref().unwrap_or_default()));
            }
            for (about, count) in &status.others {
                let (letters, through) = (thousands(count.letters), thousands(count.through));
                say!("{about}: {letters} have a letter of their own, {through} people are asked to tell theirs");
            }
            print_reports(&status.reports);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// 0 if every letter is there and on one page; 3 if a person must see to some.
fn print_printed(common: &Common, printed: &PrintedLetters) -> anyhow::Result<ExitCode> {
    match common.format() {
        Format::Json => print_json(&serde_json::json!({ "letters": printed.letters, "findings": printed.findings }))?,
        Format::Text => {
            let mut by_problem: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for finding in &printed.findings {
                by_problem.entry(&finding.problem).or_default().push(&finding.data_subject);
            }
            for (problem, keys) in &by_problem {
                let first: Vec<String> = keys.iter().take(3).map(|key| printable(key)).collect();
                say!("{:>8}  {problem}\n          {}{}", thousands(keys.len() as u64), first.join(", "), if keys.len() > 3 { " …" } else { "" });
            }
            say!("{} letters printed; the PDFs belong to what is approved", thousands(printed.letters));
        }
    }
    Ok(if printed.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

enum Checked {
    Messages(Vec<Authenticity>),
    Code(String),
}

/// 0 if everything is ours, 3 if something is not.
fn print_checked(common: &Common, checked: &Checked) -> anyhow::Result<ExitCode> {
    let verdicts = match checked {
        Checked::Messages(verdicts) => verdicts,
        Checked::Code(key) => {
            match common.format() {
                Format::Json => print_json(&serde_json::json!({ "data_subject": key }))?,
                Format::Text => say!("The code of the letters to {}", printable(key)),
            }
            return Ok(ExitCode::SUCCESS);
        }
    };
    match common.format() {
        Format::Json => print_json(verdicts)?,
        Format::Text => verdicts.iter().for_each(say_verdict),
    }
    // What is ours with a stranger's words, link, number or file around it is not simply ours.
    let simple = !verdicts.is_empty() && verdicts.iter().all(Authenticity::is_simply_ours);
    Ok(if simple { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

fn say_verdict(verdict: &Authenticity) {
    match verdict {
        Authenticity::Ours { .. } => say_ours(verdict),
        Authenticity::CodeAlone { data_subject, asked: false } => say!("OURS: the code of the letters to {}, and nothing else", printable(data_subject)),
        Authenticity::CodeAlone { data_subject, asked: true } => {
            say!("OURS: the code of the letters to {}, WITH WORDS BESIDE IT: a question, as it looks", printable(data_subject));
        }
        Authenticity::Altered { data_subject, round, differences, .. } => {
            let round = round.map_or(String::new(), |round| format!(" of round {round}"));
            match data_subject {
                Some(key) => say!("NOT OURS: it names our letter{round} to {} and says something else", printable(key)),
                None => say!("NOT OURS: it looks like our letters{round} and says something else"),
            }
            for (line, what) in differences.iter().take(DIFFERENCES_SHOWN) {
                let place = if *line > 0 { format!("line {line}: ") } else { String::new() };
                say!("          {place}{}", printable(what));
            }
            if differences.len() > DIFFERENCES_SHOWN {
                say!("          and {} more", differences.len() - DIFFERENCES_SHOWN);
            }
        }
        Authenticity::NotOurs => say!("NOT OURS: it names no letter of this case"),
        Authenticity::Unreadable => {
            say!("CANNOT BE READ: a picture, or a PDF that is none of ours byte for byte");
            say!("          copy its words out (`pdftotext`, or a telephone's camera) and check those, or its code with --code");
        }
    }
}

fn say_ours(verdict: &Authenticity) {
    let Authenticity::Ours { data_subject, round, left, missing_lines, beside_lines, beside_words, foreign_links, foreign_files } = verdict else { return };
    let whose = data_subject.as_deref().map_or("several people".to_owned(), printable);
    let round = round.map_or(String::new(), |round| format!(" of round {round}"));
    let how = if missing_lines.is_empty() { "word for word" } else { "in part" };
    let beside = if verdict.is_simply_ours() { "OURS" } else { "OURS, AND BESIDE IT WHAT IS NOT" };
    match left {
        Left::Yes => say!("{beside}: it says, {how}, what our letter{round} to {whose} says"),
        Left::Perhaps => say!("{beside}: it says, {how}, what our letter{round} to {whose} says; the mail server's answer to that letter is not known"),
        Left::No => say!("Our words to {whose}, {how}, but that letter has not left yet: find out where the message comes from"),
    }
    if data_subject.is_none() {
        say!("          nothing in it tells which of them: ask for the code");
    }
    if let (Some(first), lines) = (missing_lines.first(), missing_lines.len()) {
        say!("          {lines} lines of our letter are missing, the first is line {first}");
    }
    if *beside_words > 0 {
        let place = beside_lines.first().map_or(String::new(), |first| format!(", from line {first} on"));
        say!("          {beside_words} words beside it are not ours{place}: do nothing that they ask for");
    } else if let Some(first) = beside_lines.first() {
        say!("          what mail programs write stands beside it, from line {first} on");
    }
    for link in foreign_links {
        say!("          beside it, not ours: {}", printable(link));
    }
    for file in foreign_files {
        say!("          a file that is not ours: {}", printable(file));
    }
}
