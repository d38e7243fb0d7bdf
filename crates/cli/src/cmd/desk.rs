//! `strandline desk`: what people wrote, the gravest first; who sees to it, and the answers.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand, ValueEnum};
use strandline_response::{Authenticity, DeskItem, DeskState, Left, Response, ShownMessage};
use strandline_support::{Kind, Way};

use crate::cmd::{Common, print_json};
use crate::ui::{Format, Screen, printable};

/// What people wrote to the support page: the queue, the messages, the answers
#[derive(Args)]
pub struct Desk {
    /// The case folder
    case: PathBuf,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// What is open, the gravest first, then the oldest (the default)
    List {
        /// What is answered and closed, too
        #[arg(long)]
        all: bool,
    },
    /// One message with its words, what the sheet would answer, and, of a message that somebody asks about, whether it is yours
    Show {
        /// The message, or the beginning of its name
        id: String,
    },
    /// Decide who sees to a message
    Assign {
        /// The message, or the beginning of its name
        id: String,
        /// Who sees to it
        #[arg(long, value_name = "NAME")]
        to: String,
    },
    /// Answer a message; the next `support publish` puts it on the person's card
    Answer {
        /// The message, or the beginning of its name
        id: String,
        /// The answer, from a file; `-` for standard input
        #[arg(long, value_name = "FILE", required_unless_present = "sheet", conflicts_with = "sheet")]
        text: Option<PathBuf>,
        /// The answer of the sheet, as `show` prints it
        #[arg(long)]
        sheet: bool,
        /// Another way than the person asked for
        #[arg(long, value_name = "WAY")]
        by: Option<By>,
    },
    /// Decide that the card a message was written from is shown no more, since somebody else holds the letter
    ///
    /// The next `support publish` leaves it out, its code finds nobody at the desk, and letters that are drafted from then on have
    /// another code for the person.
    Withdraw {
        /// The message, or the beginning of its name
        id: String,
        /// Why; kept with the case, its digest in the ledger
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Decide that nothing more is to be done about a message
    Close {
        /// The message, or the beginning of its name
        id: String,
        /// Why; kept with the case, its digest in the ledger
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    /// On the support page
    Page,
    /// By a letter, which you send
    Post,
    /// By a call, which you make
    Phone,
}

impl From<By> for Way {
    fn from(by: By) -> Self {
        match by {
            By::Page => Self::Page,
            By::Post => Self::Post,
            By::Phone => Self::Phone,
        }
    }
}

/// Longest answer that is read, bytes.
const ANSWER_BYTES_LIMIT: u64 = 64 << 10;

impl Desk {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let settings = common.settings(&self.case);
        let mut screen = Screen::new(common.format());
        let entry = match self.verb.unwrap_or(Verb::List { all: false }) {
            Verb::List { all } => {
                let mut items = Response::look(&settings, &mut screen)?.desk()?;
                items.retain(|item| all || item.state == DeskState::Open);
                drop(screen);
                match common.format() {
                    Format::Json => print_json(&items)?,
                    Format::Text => print_items(&items),
                }
                return Ok(ExitCode::SUCCESS);
            }
            Verb::Show { id } => {
                let shown = Response::look(&settings, &mut screen)?.desk_message(&id)?;
                let noted = Response::resume(&settings, &mut screen).and_then(|mut response| {
                    let noted = response.note_desk_look_up(&shown.item.data_subject);
                    // A request for safety waits for no key.
                    if shown.item.kind == Kind::Safety { noted.or_else(|_| response.note_safety_reading(&shown.item.id).map(drop)) } else { noted }
                });
                drop(screen);
                // Nothing stops a safety request from being read; every other message is shown only once the ledger has the look.
                let noted = match noted {
                    Err(error) if shown.item.kind != Kind::Safety => {
                        return Err(error).context("the message is not shown, since the ledger does not take that somebody looked");
                    }
                    noted => noted,
                };
                match common.format() {
                    Format::Json => print_json(&shown)?,
                    Format::Text => print_message(&shown),
                }
                if let Err(error) = noted {
                    tell!("This look-up of a safety request is not in the ledger: {error}");
                }
                return Ok(ExitCode::SUCCESS);
            }
            Verb::Assign { id, to } => Response::resume(&settings, &mut screen)?.assign_message(&id, &to)?,
            Verb::Answer { id, text, by, .. } => {
                let text = text.as_deref().map(read_answer).transpose()?;
                Response::resume(&settings, &mut screen)?.answer_message(&id, text.as_deref(), by.map(Way::from))?
            }
            Verb::Close { id, why } => {
                ensure!(!why.trim().is_empty(), "a decision is recorded with its reason: add --why \"…\"");
                let mut response = Response::resume(&settings, &mut screen)?;
                let still_open = response.desk()?.iter().any(|item| item.id.starts_with(&id) && item.kind == Kind::NotMe && !item.is_withdrawn);
                let entry = response.close_message(&id, &why)?;
                drop(response);
                if still_open {
                    tell!("note: whoever wrote this holds somebody else's letter, and its card still opens for them: `desk CASE withdraw {id} --why …`");
                }
                entry
            }
            Verb::Withdraw { id, why } => {
                ensure!(!why.trim().is_empty(), "a decision is recorded with its reason: add --why \"…\"");
                let entry = Response::resume(&settings, &mut screen)?.withdraw_card(&id, &why)?;
                tell!(
                    "Next: `strandline notify CASE draft`, which draws another code; have the new letter approved and go to the person; `strandline support publish`"
                );
                entry
            }
        };
        drop(screen);
        match common.format() {
            Format::Json => print_json(&serde_json::json!({ "ledger_entry": entry }))?,
            Format::Text => say!("recorded, ledger entry {entry}. Answers reach their cards by `strandline support publish`"),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn read_answer(path: &std::path::Path) -> anyhow::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    let read = |source: &mut dyn Read, text: &mut String| source.take(ANSWER_BYTES_LIMIT).read_to_string(text);
    let done = if path.as_os_str() == "-" {
        read(&mut std::io::stdin().lock(), &mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| read(&mut file, &mut text))
    };
    done.with_context(|| format!("the answer {} cannot be read as text", path.display()))?;
    Ok(text)
}

fn print_items(items: &[DeskItem]) {
    if items.is_empty() {
        say!("Nothing is open.");
    }
    for item in items {
        let state = match item.state {
            DeskState::Open => "",
            DeskState::Answered => "  answered",
            DeskState::Closed => "  closed",
        };
        let who = item.assigned_to.as_deref().map_or_else(|| "nobody yet".to_owned(), printable);
        let withdrawn = if item.is_withdrawn { "  card withdrawn" } else { "" };
        say!(
            "{}  {:<8}  {:>4} h  {}  {}, answer by {}  -> {who}{state}{withdrawn}",
            item.id.get(..8).unwrap_or(&item.id),
            if item.kind == Kind::Safety { "SAFETY" } else { item.kind.as_str() },
            item.age_hours,
            printable(&item.data_subject),
            printable(&item.language),
            item.way.as_str(),
        );
    }
}

fn print_message(shown: &ShownMessage) {
    let item = &shown.item;
    say!("{}  {}  from {}", item.id, if item.kind == Kind::Safety { "SAFETY" } else { item.kind.as_str() }, printable(&item.data_subject));
    say!("  written {}, collected {}, ledger entry {}", item.written_at, item.collected_at, item.ledger_entry);
    say!("  reads {}, wants the answer by {}; the case holds of them: {}", printable(&item.language), item.way.as_str(), shown.tier.unwrap_or("nothing"));
    if let Some(reach) = &shown.reach {
        say!("  can be reached: {}", printable(reach.expose_personal()));
    }
    if item.is_withdrawn {
        say!("  the card that it was written from is withdrawn: whoever wrote it then is not the person, as far as anybody knows");
    }
    if let Some(who) = &item.assigned_to {
        say!("  seen to by {}", printable(who));
    }
    say!("\n{}", printable(shown.text.expose_personal()));
    if let Some(check) = &shown.check {
        let verdict = match check {
            _ if shown.is_writers_letter => "OURS, the letter to them, word for word".to_owned(),
            Authenticity::Ours { data_subject: Some(of), .. } if *of != item.data_subject => {
                format!("OURS, A LETTER TO SOMEBODY ELSE: {}. If it reached them, that is a new disclosure", printable(of))
            }
            Authenticity::Ours { data_subject: None, .. } => "OURS; whose letter it is, nothing in it tells".to_owned(),
            Authenticity::Ours { left: Left::No, .. } => "OURS, of a letter that HAS NOT LEFT".to_owned(),
            Authenticity::Ours { .. } => "OURS, and not the whole letter alone, or perhaps not sent: look at it with `strandline notify CASE check`".to_owned(),
            Authenticity::CodeAlone { data_subject, asked: true } => format!("the code of our letter to {}, with a question", printable(data_subject)),
            Authenticity::CodeAlone { data_subject, asked: false } => format!("the code of our letter to {} alone, and nothing else", printable(data_subject)),
            Authenticity::Altered { .. } => "NOT OURS AS IT STANDS: it looks like a letter of ours, and says something else".to_owned(),
            Authenticity::NotOurs => "NOT OURS".to_owned(),
            Authenticity::Unreadable => "not readable: look at it with `strandline notify CASE check`".to_owned(),
        };
        say!("\nThe message that they ask about is {verdict}");
    }
    for answer in &shown.answers {
        say!("\nAnswered:\n{}", printable(answer.expose_personal()));
    }
    match &shown.sheet {
        Some(sheet) if shown.answers.is_empty() => {
            say!("\nThe sheet would answer (`answer {} --sheet`):\n{}", item.id.get(..8).unwrap_or(&item.id), printable(sheet.expose_personal()))
        }
        None if item.kind == Kind::Safety => say!("\nNo sheet answers this: the safety officer does, by telephone or in person. Nothing of it goes by e-mail."),
        _ => {}
    }
}
