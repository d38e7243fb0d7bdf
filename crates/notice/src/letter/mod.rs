//! Letters: what each person is told, and how sure we are. Drafts and checks them; approves and sends none.
//!
//! The tier chooses the sentence, so that no letter hedges. The words are files that an organisation edits ([`Templates`]); one
//! draft is a [`Document`] that is printed, and a mail that says the same. [`lint`] finds what must not be approved.

mod cleaning;
mod compose;
mod dates;
pub mod lint;
mod mail;
mod manner;
mod namesake;
mod nobodys;
mod pattern;
mod recipient;
pub mod said;
mod template;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strandline_model::document::{Block, Document};
use strandline_model::estate::Organisation;
use strandline_model::exposure::{Basis, Certainty, Exposure};
use strandline_model::letter::Channel;
use strandline_model::letter_word::{Gate, Place};
use strandline_model::personal::Personal;
use strandline_model::register::RegisterEntry;
use strandline_model::time::{Instant, Interval};
use thiserror::Error;

use crate::law::LetterRules;

pub use compose::draft;
pub use mail::Mail;
pub use namesake::record_endings;
pub use nobodys::SharedMailboxes;
pub use said::{Next, Said};
pub use template::{Source, TemplateError, Templates};

/// What all letters of a case share.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Who writes.
    pub organisation: &'a Organisation,
    /// The case's reference.
    pub reference: &'a str,
    /// From the intruder's first move to the last.
    pub intrusion: Interval,
    /// When a person decided that it was found; `None` says nothing of it.
    pub found_at: Option<Instant>,
    /// When the intruder was shut out, by an action that was verified; `None` says nothing of it.
    pub stopped_at: Option<Instant>,
    /// The window that the logs cover whole, or whose holes are *possible* exposures. `None`: no letter says "not touched".
    pub checked: Option<Interval>,
    /// What happened in the organisation's own words, by language tag: one or two sentences, or nothing.
    pub account: &'a BTreeMap<String, String>,
    /// What was done about it beyond securing and reading the logs, by language tag, a sentence each.
    pub measures: &'a [BTreeMap<String, String>],
    /// The day the letter is drafted.
    pub drafted_at: Instant,
    /// When the organisation writes again.
    pub next: Next,
    /// What the laws that the person falls under ask of the letter.
    pub rules: &'a LetterRules,
    /// The page where the reader's code opens the letter again, as people type it; `None` where there is none.
    pub support_page: Option<&'a str>,
    /// Every category that the estate describes, sorted: those without an exposure were not touched.
    pub categories: &'a [String],
}

/// The person a letter goes to, and what is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recipient<'a> {
    /// The subject's key.
    pub key: &'a str,
    /// The person's entry of the register; `None` if there is none.
    pub entry: Option<&'a RegisterEntry>,
    /// All exposures of the person, and of nobody else; none for the letter to a person who was not reached.
    pub exposures: &'a [Exposure],
    /// The code of this letter; drawn, kept and hashed by the caller.
    pub code: Option<&'a str>,
    /// How the record's key ends, where somebody of the same name has the same address ([`record_endings`]).
    pub record_ending: Option<&'a str>,
    /// Whether a person decided that it waits, or goes.
    pub gate: Gate,
    /// Whose the mailbox is, as far as the register tells ([`SharedMailboxes`]).
    pub mailbox: Mailbox,
    /// Other people of whom records with the person's tell, that were reached too and have no letter of their own: `kin`, `referee` …
    /// The person is asked to tell them.
    pub tells: &'a [String],
    /// What the last letter of an earlier round told the person.
    pub before: Option<&'a Before>,
}

/// What a letter of an earlier round told somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// When it was put aside for sending.
    pub at: Instant,
    /// How sure it was of each category, and whether the value itself was sent.
    pub told: BTreeMap<String, (Certainty, Basis)>,
    /// What it said of the break-in beside that. Letters of older versions lack it.
    #[serde(default)]
    pub recounted: Option<Recounted>,
}

impl Before {
    /// What a letter tells of these exposures.
    pub fn of(exposures: &[Exposure], at: Instant) -> Self {
        Self { at, told: compose::told_of(exposures), recounted: None }
    }

    /// And what it says of the break-in.
    #[must_use]
    pub fn recounting(mut self, recounted: Recounted) -> Self {
        self.recounted = Some(recounted);
        self
    }
}

/// What a letter says of the break-in, in its language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recounted {
    /// What happened.
    pub account: Option<String>,
    /// What was done.
    pub measures: Vec<String>,
    /// When the intruder was shut out.
    pub stopped_at: Option<Instant>,
}

impl Recounted {
    /// What people recorded, as far as it is in this language.
    pub fn of(account: &BTreeMap<String, String>, measures: &[BTreeMap<String, String>], stopped_at: Option<Instant>, language: &str) -> Self {
        Self { account: account.get(language).cloned(), measures: measures.iter().filter_map(|measure| measure.get(language).cloned()).collect(), stopped_at }
    }
}

/// Whose a mailbox is, as far as the register tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mailbox {
    /// The person's, or a household's.
    #[default]
    Own,
    /// Many people's.
    Shared,
}

/// Which letter it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// At least one category is confirmed or likely.
    Exposed,
    /// *Possible*, and no more.
    Possible,
    /// Not reached.
    NotReached,
    /// The person has died; to the family.
    Deceased,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Exposed, Self::Possible, Self::NotReached, Self::Deceased];

    /// The word that lists use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exposed => "exposed",
            Self::Possible => "possible",
            Self::NotReached => "not_reached",
            Self::Deceased => "deceased",
        }
    }

    const fn body_file(self) -> &'static str {
        match self {
            Self::Exposed => "body.txt",
            Self::Possible => "body-possible.txt",
            Self::NotReached => "body-not-reached.txt",
            Self::Deceased => "body-deceased.txt",
        }
    }

    /// Which letter a person gets by the strongest tier.
    fn of(highest: Option<Certainty>, deceased: bool) -> Self {
        match highest {
            _ if deceased => Self::Deceased,
            Some(Certainty::Confirmed | Certainty::Likely) => Self::Exposed,
            Some(Certainty::Possible) => Self::Possible,
            None => Self::NotReached,
        }
    }
}

/// What a person must know, or decide, before a letter goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attention {
    /// The key is not in the register: nobody is known to write to.
    NotInRegister,
    /// The person has died: somebody decides whether and to whom the letter goes.
    Deceased,
    /// The person is a child: somebody says which parent or guardian gets the letter.
    Minor,
    /// The register's status is a word that we do not know.
    UnclearStatus,
    /// Neither a usable e-mail address nor a postal address.
    NoChannel,
    /// Two lines of the register have the key, and say different things.
    TwoLines,
    /// The line of the register has more fields than it has columns.
    BrokenLine,
    /// The register has no name.
    NoName,
    /// The name held what a letter cannot show and was cleaned.
    NameCleaned,
    /// The postal address held what a letter cannot show, or was too long, and was cleaned.
    AddressCleaned,
    /// The e-mail address is none that mail can be sent to.
    UnusableEmail,
    /// Two e-mail addresses stand where one should.
    TwoEmails,
    /// The e-mail address has dots where mail allows none, as old addresses of mobile networks have.
    DotsInEmail,
    /// Words stand in place of an e-mail address, or it is a mailbox that nobody reads.
    NoMailbox,
    /// The mailbox is many people's.
    SharedMailbox,
    /// Words stand in place of a postal address.
    NoPlace,
    /// A law asks that the person agreed to e-mail, and the register does not say so.
    EmailNotAgreed,
    /// The person has left: the address may be old.
    Departed,
    /// The person has left, and the e-mail address is one of the organisation's own.
    WorkEmailOfDeparted,
    /// The register has no language; the letter is in the first one, and offers the others.
    NoLanguage,
    /// There are no templates in the person's language; the letter is in the nearest one, and offers the others.
    LanguageWithoutTemplate,
    /// An account or measure of the organisation has no text in this language and is left out.
    Untranslated,
    /// Somebody of the same name has the same address.
    Namesake,
    /// A person decided that it waits.
    HeldByHand,
    /// A person decided that nobody gets it.
    ForNobody,
}

impl Attention {
    /// Whether the letter waits until a person has decided.
    pub fn holds(self) -> bool {
        self.is_lifted() || matches!(self, Self::NotInRegister | Self::NoChannel | Self::TwoLines | Self::BrokenLine | Self::HeldByHand | Self::ForNobody)
    }

    /// Whether it no longer holds a letter that a person releases. What is missing is not there by being released.
    pub fn is_lifted(self) -> bool {
        matches!(self, Self::Deceased | Self::Minor | Self::UnclearStatus | Self::NoName | Self::NameCleaned | Self::AddressCleaned)
    }

    /// What it is, and the way out. Never a value.
    pub fn explain(self) -> &'static str {
        match self {
            Self::NotInRegister => "is not in the register: find out who this is, and `readdress KEY --name … --address-line …`, or `release KEY --to nobody`",
            Self::Deceased => {
                "has died: `readdress KEY --as executor|next-of-kin --name …`, `release KEY` to write to the family, or `release KEY --to nobody`"
            }
            Self::Minor => "is a child: `release KEY` to write to the parents, or `readdress KEY --as guardian --name …`",
            Self::UnclearStatus => "has a status that is not known: `release KEY`, or say what the word means in [register.statuses] of the estate",
            Self::NoChannel => {
                "has no usable e-mail or postal address: find one, and `readdress KEY --email … | --address-line …`; or tell them, and `done-by-hand KEY`"
            }
            Self::TwoLines => {
                "stands twice in the register, with different values: find out which are theirs, and `readdress KEY --name … --address-line … | --email …`, or mend the register and respond again"
            }
            Self::BrokenLine => {
                "has a line with more fields than the register has columns, so that some stand in the wrong place: `readdress KEY --name … --address-line … | --email …`, or mend the line and respond again"
            }
            Self::NoName => "has no name in the register: `readdress KEY --name …`, or `release KEY` to write without one",
            Self::NameCleaned => {
                "has a name that cannot be shown as it stands (too long, or with invisible characters): `readdress KEY --name …`, or `release KEY` to show what is left of it"
            }
            Self::AddressCleaned => {
                "has a postal address that cannot be shown as it stands: `readdress KEY --address-line …`, or `release KEY` to use what is left of it"
            }
            Self::UnusableEmail => "has an e-mail address that mail cannot be sent to: `readdress KEY --email …`",
            Self::TwoEmails => "has two e-mail addresses where one should stand, and nobody knows whose they are: `readdress KEY --email …`",
            Self::DotsInEmail => "has an e-mail address with dots where mail allows none: ask for another, and `readdress KEY --email …`",
            Self::NoMailbox => "has words in place of an e-mail address, or a mailbox that nobody reads",
            Self::SharedMailbox => "has a mailbox that several people read: nothing is sent there; `readdress KEY --email …` with their own",
            Self::EmailNotAgreed => "has not agreed to e-mail as the register has it, and a law of this case asks for that: the letter goes by post",
            Self::NoPlace => "has words in place of a postal address",
            Self::Departed => "has left: the address may be old",
            Self::WorkEmailOfDeparted => "has left, and the e-mail address is the organisation's own: the letter goes by post",
            Self::NoLanguage => "has no language in the register: the letter offers the other languages",
            Self::LanguageWithoutTemplate => "reads a language that there are no templates for: the letter offers the others",
            Self::Untranslated => "gets a letter that leaves out an account or a measure, which has no text in its language",
            Self::Namesake => "has a namesake at the same address: the letter says which record it is about",
            Self::HeldByHand => "is held by a person's decision: `release KEY`",
            Self::ForNobody => "goes to nobody, by a person's decision: `release KEY` to take that back",
        }
    }
}

/// One drafted letter. Its text is about a person.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The subject's key.
    pub data_subject: String,
    /// Which letter it is.
    pub kind: Kind,
    /// The language it is written in, a tag of [`Templates::languages`].
    pub language: String,
    /// The subject line. It holds nothing of the person.
    pub subject: String,
    /// The letter.
    pub document: Personal<Document>,
    /// The ways to the person, best first; none if there is no way.
    pub channels: Vec<Channel>,
    /// What a person must know or decide, sorted.
    pub attention: Vec<Attention>,
    /// Whether a person decided that it waits, or goes.
    gate: Gate,
    /// The address that mail goes to.
    email: Option<Personal<String>>,
}

impl Letter {
    /// Whether it waits for a person's decision.
    pub fn is_held(&self) -> bool {
        let lifted = |attention: &Attention| self.gate == Gate::Released && attention.is_lifted();
        self.attention.iter().any(|attention| attention.holds() && !lifted(attention))
    }

    /// The letter as plain text, from the same parts as the printed one.
    pub fn plain_text(&self) -> Personal<String> {
        Personal::new(mail::plain_text(self.document.expose_personal()))
    }

    /// Some blocks of the letter as plain text.
    pub fn plain_blocks(&self, blocks: &[&Block]) -> Personal<String> {
        Personal::new(blocks.iter().map(|block| mail::block(block)).collect::<Vec<_>>().join("\n\n"))
    }

    /// The letter as HTML, from the same parts.
    pub fn html(&self) -> Personal<String> {
        Personal::new(mail::html(self.document.expose_personal()))
    }

    /// The letter as a mail; `None` where mail is no way to the person.
    pub fn mail(&self) -> Option<Mail> {
        self.channels.contains(&Channel::Email).then_some(())?;
        Some(Mail { to: self.email.clone()?, subject: self.subject.clone(), text: self.plain_text() })
    }
}

/// A name, or a value of a register, as a letter shows it: one line, without what cannot be seen.
pub fn as_shown(value: &str) -> String {
    cleaning::line(value, cleaning::NAME_LIMIT_CHARS).text
}

/// What of a place that a person named cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PlaceError {
    /// The name.
    #[error("the name cannot be shown as it stands, or is nobody's: one line of at most {limit} characters that can be seen", limit = cleaning::NAME_LIMIT_CHARS)]
    Name,
    /// The e-mail address.
    #[error("this is no e-mail address that mail can be sent to: one address, without blanks, as name@example.org")]
    Email,
    /// The postal address.
    #[error("the postal address cannot be shown as it stands: at most six lines of characters that can be seen")]
    Address,
}

/// Whether a letter can go to a place that a person named.
///
/// # Errors
/// What of it cannot be used; never the value.
pub fn check_place(place: &Place) -> Result<(), PlaceError> {
    let is_line = |name: &Personal<String>| {
        let cleaned = cleaning::line(name.expose_personal(), cleaning::NAME_LIMIT_CHARS);
        !cleaned.changed && !nobodys::is_no_name(&cleaned.text)
    };
    let is_address = |address: &Personal<String>| {
        let (lines, changed) = cleaning::address(address.expose_personal());
        !changed && !lines.is_empty()
    };
    if place.name.as_ref().is_some_and(|name| !is_line(name)) {
        return Err(PlaceError::Name);
    }
    if place.email.as_ref().is_some_and(|email| cleaning::email(email.expose_personal()).is_err()) {
        return Err(PlaceError::Email);
    }
    if place.postal_address.as_ref().is_some_and(|address| !is_address(address)) {
        return Err(PlaceError::Address);
    }
    Ok(())
}

/// Why a letter cannot be drafted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DraftError {
    /// Our bug: the register entry or an exposure is of another person.
    #[error("the letter for one person was given what belongs to another; nothing was written. Please report this")]
    OtherPerson,
    /// A person without exposures, and no window that the logs cover.
    #[error("nobody can be told that they were not reached: no window is known that the logs cover. Run `coverage`, or add the missing logs")]
    NotCovered,
}

#[cfg(test)]
mod tests;
