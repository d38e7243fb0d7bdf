//! `strandline person`: one person's question, answered from the case.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use strandline_response::desk::{Act, DeskError};
use strandline_response::notice::LawBook;
use strandline_response::{ExplainedCategory, LookedUpBy, PersonFile, Response};

use crate::cmd::expose::{print_categories, print_clearance, print_questions};
use crate::cmd::{Common, print_json};
use crate::ui::{Format, Screen, printable};

/// Everything that the case holds on one person
#[derive(Args)]
pub struct Person {
    /// The case folder
    case: PathBuf,
    /// The person's key, or the code of their letter. Name and date of birth identify nobody: they were stolen
    #[arg(value_name = "KEY|CODE")]
    who: String,
    /// Also the proof: the statements and the original log lines
    #[arg(long)]
    proof: bool,
}

impl Person {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let settings = common.settings(&self.case);
        let mut screen = Screen::new(common.format());
        let mut person = Response::look(&settings, &mut screen)?.person(&self.who)?;
        let by = if self.who == person.data_subject { LookedUpBy::Key } else { LookedUpBy::Code };
        let look_up = Act::LookUp { data_subject: person.data_subject.clone(), by, why: None };
        // Letters can be going out meanwhile, and the caller waits.
        let noted =
            Response::resume(&settings, &mut screen).map_err(DeskError::from).and_then(|mut response| response.act(&look_up, &LawBook::default()).map(drop));
        drop(screen);
        if !self.proof {
            person.categories.iter_mut().for_each(|category| category.accesses.clear());
        }
        match common.format() {
            Format::Json => print_json(&person)?,
            Format::Text => print(&person, self.proof),
        }
        if let Err(error) = noted {
            eprintln!("This look-up is not in the ledger: {error}");
        }
        Ok(ExitCode::SUCCESS)
    }
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
            person.clearance.iter().for_each(print_clearance);
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
        let ways = if ways.is_empty() { "another text took its place before it was known to have left".to_owned() } else { ways.join(", ") };
        say!("  got in round {}: {} ({ways})", sent.round, printable(&sent.file));
        if !sent.is_draft {
            say!("          the draft says something else by now: this is what they hold");
        }
    }
    for event in &person.events {
        let answer = event.answer.as_deref().map(|answer| format!(": {}", printable(answer))).unwrap_or_default();
        say!("  {}  round {} by {}: {}{answer}", event.at, event.round, event.channel.as_str(), event.state);
    }
}
