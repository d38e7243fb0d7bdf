//! `strandline person`: one person's question, answered from the case.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use strandline_response::desk::{Act, DeskError};
use strandline_response::notice::LawBook;
use strandline_response::{CallSheet, ExplainedCategory, FoundNames, InHand, LookedUpBy, PersonFile, Response};

use crate::cmd::expose::{print_categories, print_clearance, print_questions};
use crate::cmd::{Common, print_json};
use crate::ui::{Format, Screen, printable};

/// Everything that the case holds on one person; or what to answer them
#[derive(Args)]
pub struct Person {
    /// The case folder
    case: PathBuf,
    /// The person's key, or the code of their letter. Name and date of birth identify nobody: they were stolen
    #[arg(value_name = "KEY|CODE", required_unless_present = "name")]
    who: Option<String>,
    /// List the people whose name holds these words, to choose from: it says nothing of what was reached
    #[arg(long, value_name = "WORDS", conflicts_with_all = ["who", "proof", "answers"])]
    name: Option<String>,
    /// Also the proof: the statements and the original log lines
    #[arg(long)]
    proof: bool,
    /// Questions and answers for whoever speaks with them, made from their letter
    #[arg(long, conflicts_with = "proof")]
    answers: bool,
    /// The language of the answers, a tag such as zh-Hant; without it, that of their letter
    #[arg(long, value_name = "TAG", requires = "answers")]
    language: Option<String>,
}

impl Person {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let settings = common.settings(&self.case);
        let mut screen = Screen::new(common.format());
        if let Some(name) = &self.name {
            let found = Response::look(&settings, &mut screen)?.people_named(name)?;
            let noted = Response::resume(&settings, &mut screen).and_then(|mut response| response.note_name_look_up(name, &found));
            drop(screen);
            warn_unless(noted);
            return print_names(common, &found);
        }
        let who = self.who.as_deref().context("whom? give the person's key or the code of their letter")?;
        let response = Response::look(&settings, &mut screen)?;
        let mut person = response.person(who)?;
        let sheet = if self.answers { Some(response.call_sheet(&person.data_subject, self.language.as_deref())?) } else { None };
        drop(response);
        let by = if who == person.data_subject { LookedUpBy::Key } else { LookedUpBy::Code };
        let look_up = Act::LookUp { data_subject: person.data_subject.clone(), by, why: None };
        // Letters can be going out meanwhile, and the caller waits.
        let noted =
            Response::resume(&settings, &mut screen).map_err(DeskError::from).and_then(|mut response| response.act(&look_up, &LawBook::default()).map(drop));
        drop(screen);
        warn_unless(noted);
        if let Some(sheet) = sheet {
            return print_answers(common, &sheet);
        }
        if !self.proof {
            person.categories.iter_mut().for_each(|category| category.accesses.clear());
            person.events.iter_mut().for_each(|event| event.answer = None);
        }
        match common.format() {
            Format::Json => print_json(&person)?,
            Format::Text => print(&person, self.proof),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn warn_unless<E: std::fmt::Display>(noted: Result<(), E>) {
    if let Err(error) = noted {
        eprintln!("This look-up is not in the ledger: {error}");
    }
}

fn print_names(common: &Common, found: &FoundNames) -> anyhow::Result<ExitCode> {
    if common.format() == Format::Json {
        print_json(found)?;
        return Ok(ExitCode::SUCCESS);
    }
    for person in &found.people {
        let letter = if person.has_letter { "has a letter" } else { "has no letter" };
        let status = person.status.as_deref().map_or_else(|| "status not known".to_owned(), printable);
        say!("{}  {}  ({status}, {letter})", printable(&person.data_subject), printable(person.name.expose_personal()));
    }
    match (found.count, found.people.len()) {
        (0, _) => say!("Nobody in the register has a name with these words"),
        (count, shown) if count > shown => say!("{shown} of {count}: give more of the name"),
        _ => say!("A name identifies nobody: ask for the code of the letter, or for what authorised staff can check, before you say anything"),
    }
    Ok(ExitCode::SUCCESS)
}

fn print_answers(common: &Common, sheet: &CallSheet) -> anyhow::Result<ExitCode> {
    if common.format() == Format::Json {
        print_json(sheet)?;
        return Ok(ExitCode::SUCCESS);
    }
    let stands = match sheet.in_hand {
        InHand::Nothing => "no letter has left yet: this is what theirs will say, so say nothing of it before it has",
        InHand::TheSame => "they hold the letter that this is made from",
        InHand::Another => "they hold this text; the draft says something else by now",
    };
    say!("{} — {} ({}): {stands}", printable(&sheet.data_subject), sheet.kind.replace('_', " "), sheet.language);
    for answer in &sheet.answers {
        say!("\n# {}", printable(&answer.question));
        answer.answer.expose_personal().lines().for_each(|line| say!("{}", printable(line)));
    }
    Ok(ExitCode::SUCCESS)
}

fn print(person: &PersonFile, proof: bool) {
    say!("{}", printable(&person.data_subject));
    match &person.register {
        None => say!("  not in the register: nobody is known to write to"),
        Some(line) => {
            let ways = [(line.has_email, "e-mail"), (line.has_postal_address, "postal address"), (line.has_phone, "telephone")];
            let ways: Vec<&str> = ways.iter().filter(|(has, _)| *has).map(|(_, way)| *way).collect();
            let word = |text: &Option<String>| text.as_deref().map_or_else(|| "not known".to_owned(), printable);
            say!(
                "  status {}, language {}, {}",
                word(&line.status),
                word(&line.language),
                if ways.is_empty() { "no way to reach them".to_owned() } else { ways.join(", ") }
            );
        }
    }
    print_letters(person);
    match (&person.categories[..], person.checked) {
        ([], Some(checked)) => {
            say!("\nNot reached. That rests on the logs from {} to {}.", checked.from, checked.to);
            if proof {
                person.clearance.iter().for_each(print_clearance);
            }
        }
        ([], None) => {
            say!("\nIn no tier, and not cleared: do not say \"not reached\".");
            print_questions(&person.open);
        }
        (categories, _) if proof => print_categories(categories),
        (categories, _) => categories.iter().for_each(print_plainly),
    }
}

/// One category in the words of a call desk.
fn print_plainly(category: &ExplainedCategory) {
    let says = match (category.certainty, category.basis) {
        ("confirmed", "inferred") => "the intruder searched by it, and the result gave it away",
        ("confirmed", _) => "the intruder saw it; the records prove it",
        ("likely", _) => "the intruder asked for it; one proof that it arrived is missing: treat it as seen",
        _ => "the intruder had a way to it; the records do not show whether it was opened",
    };
    say!("\n{} — {}: {says}", printable(&category.category.replace('_', " ")), category.certainty);
}

fn print_letters(person: &PersonFile) {
    match &person.letter {
        None => say!("  no letter drafted"),
        Some(letter) => {
            let held = if letter.held { ", HELD for a person's decision" } else { "" };
            say!("  letter: {} ({}){held}, {}", letter.kind.replace('_', " "), letter.language, printable(&letter.file));
            if !letter.attention.is_empty() {
                say!("          {}", letter.attention);
            }
        }
    }
    for sent in &person.sent {
        let ways: Vec<String> = sent.ways.iter().map(|(channel, state)| format!("{} {}", channel.as_str(), state.as_str())).collect();
        let ways = if ways.is_empty() { "another text took its place before it left".to_owned() } else { ways.join(", ") };
        let got = if sent.has_left() { "got" } else { "did not get" };
        say!("  {got} in round {}: {} ({ways})", sent.round, printable(&sent.file));
        if !sent.is_draft && sent.has_left() {
            say!("          the draft says something else by now: this is what they hold");
        }
    }
    for event in &person.events {
        let answer = event.answer.as_deref().map(|answer| format!(": {}", printable(answer))).unwrap_or_default();
        say!("  {}  round {} by {}: {}{answer}", event.at, event.round, event.channel.as_str(), plain_state(&event.state));
    }
}

/// What became of a letter, in the words of a call desk.
fn plain_state(state: &str) -> &str {
    match state {
        "queued" => "waits to be sent",
        "deferred" => "the mail server put it off; it is tried again",
        "in_flight" | "uncertain" => "sent, and nobody knows yet whether it arrived",
        "accepted" => "the mail server took it",
        "refused" => "the mail server did not take it",
        "bounced" => "it came back: it did not arrive",
        "returned" => "the paper came back",
        "handed_over" => "given to the mail house",
        "answered" => "they answered",
        "withdrawn" => "taken back, to go by another way",
        other => other,
    }
}
