//! `strandline notify CASE hold | release | readdress | done-by-hand`: a person's word on single letters.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use strandline_model::letter_word::{LetterWord, Reader};
use strandline_model::personal::Personal;
use strandline_response::Response;
use strandline_response::desk::{Act, ReaddressForm, given_reason, moment};
use strandline_response::notice::LawBook;

use crate::cmd::{Common, print_json};
use crate::ui::{Format, printable, thousands};

#[derive(Subcommand)]
pub enum Word {
    /// Keep letters from going, until they are released
    Hold(About),
    /// Let held letters go: to the person, the family, the parents; or decide that nobody gets them
    Release {
        #[command(flatten)]
        about: About,
        /// `nobody`: there is nobody to write to, and no letter goes
        #[arg(long, value_name = "WHOM", default_value = "reader")]
        to: ReleasedTo,
    },
    /// Name another address or another reader for one letter; one that came back goes there again
    Readdress(Box<Readdress>),
    /// Record that people were told in another way; their letters do not go
    DoneByHand {
        #[command(flatten)]
        about: About,
        /// When: 2026-11-25T09:30 (the organisation's time), or with an offset or Z
        #[arg(long, value_name = "TIME")]
        at: String,
        /// The round of letters
        #[arg(long, value_name = "N", default_value_t = 1)]
        round: u32,
    },
}

/// Whose letters, and why
#[derive(Args)]
pub struct About {
    /// Keys of the people
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
    /// Why; kept with the case, its digest in the ledger
    #[arg(long, value_name = "TEXT")]
    why: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReleasedTo {
    /// Whoever the letter is to
    Reader,
    /// Nobody
    Nobody,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum As {
    /// The person
    Person,
    /// Who executes the will
    Executor,
    /// Next of kin of somebody who has died
    NextOfKin,
    /// Parent or guardian
    Guardian,
    /// The person, at somebody else's address
    CareOf,
}

/// Name another address or another reader for one letter
#[derive(Args)]
pub struct Readdress {
    /// Key of the person
    key: String,
    /// Why; kept with the case, its digest in the ledger
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Who reads it
    #[arg(long = "as", value_name = "READER", default_value = "person")]
    reader: As,
    /// The reader's name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// E-mail address
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// A line of the postal address; once for each line
    #[arg(long, value_name = "LINE")]
    address_line: Vec<String>,
    /// The reader's language, a tag such as en or zh-Hant
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
}

impl Word {
    /// What is recorded; times are read in the organisation's zone.
    pub fn words(self, zone: &str) -> anyhow::Result<Vec<LetterWord>> {
        match self {
            Self::Hold(about) => about.words(|data_subject, why| LetterWord::Held { data_subject, why }),
            Self::Release { about, to: ReleasedTo::Reader } => about.words(|data_subject, why| LetterWord::Released { data_subject, why }),
            Self::Release { about, to: ReleasedTo::Nobody } => about.words(|data_subject, why| LetterWord::ForNobody { data_subject, why }),
            Self::Readdress(readdress) => Ok(vec![readdress.form().word()?]),
            Self::DoneByHand { about, at, round } => {
                let at = moment(&at, zone).context("--at")?;
                about.words(|data_subject, why| LetterWord::DoneByHand { data_subject, round, at, why })
            }
        }
    }
}

impl About {
    fn words(&self, word: impl Fn(String, Personal<String>) -> LetterWord) -> anyhow::Result<Vec<LetterWord>> {
        let why = given_reason(&self.why)?;
        Ok(self.keys.iter().map(|key| word(key.clone(), why.clone())).collect())
    }
}

impl Readdress {
    fn form(self) -> ReaddressForm {
        let reader = match self.reader {
            As::Person => Reader::Person,
            As::Executor => Reader::Executor,
            As::NextOfKin => Reader::NextOfKin,
            As::Guardian => Reader::Guardian,
            As::CareOf => Reader::CareOf,
        };
        ReaddressForm {
            data_subject: self.key,
            reader,
            name: self.name,
            email: self.email,
            address_lines: self.address_line,
            language: self.language,
            why: self.why,
        }
    }
}

/// Records words on letters, and says what they came to.
pub fn decided(common: &Common, mut response: Response<'_>, words: Vec<LetterWord>) -> anyhow::Result<ExitCode> {
    let acted = response.act(&Act::Letters(words), &LawBook::default())?;
    if let Some(failed) = acted.failed_after.map(|said| said.text) {
        bail!(
            "the words are entered, and the letters could not be drafted after them: {failed}\nhint: `strandline notify CASE draft` drafts them; do not enter the words again"
        );
    }
    let decided = acted.letters.context("words on letters come to something")?;
    let responder = response.responder().to_owned();
    drop(response);
    match common.format() {
        Format::Json => print_json(&decided)?,
        Format::Text => {
            let entries: Vec<String> = decided.ledger_entries.iter().map(u64::to_string).collect();
            say!("recorded by {}, ledger {} {}", printable(&responder), if entries.len() == 1 { "entry" } else { "entries" }, entries.join(", "));
            for (key, reason) in &decided.held {
                say!("{}  still held: {}", printable(key), printable(reason));
            }
            if decided.queued_again > 0 {
                say!("{} that did not arrive are queued again for their new address", thousands(decided.queued_again));
            }
            say!("The letters are drafted again; approvals stand for all that did not change: `strandline notify CASE status`");
        }
    }
    Ok(ExitCode::SUCCESS)
}
