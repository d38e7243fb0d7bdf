//! The person behind a letter: name, address, language and ways, as far as the register has them and they can be used.

use std::collections::BTreeMap;

use strandline_model::letter::Channel;
use strandline_model::letter_word::{Gate, Reader};
use strandline_model::personal::Personal;
use strandline_model::register::{LineDoubt, RegisterEntry, Status};

use super::cleaning::EmailFault;
use super::template::{Templates, Texts};
use super::{Attention, Facts, Mailbox, Recipient, cleaning, nobodys};

/// What the register gives for one letter.
pub(super) struct Addressee {
    pub(super) name: Option<String>,
    pub(super) address: Vec<String>,
    pub(super) email: Option<String>,
    pub(super) language: String,
    /// Languages that the letter offers, where the person's own is not known or not written.
    pub(super) offers: Vec<String>,
    pub(super) status: Status,
    /// Who else reads the letter, and their name.
    pub(super) reader: Option<(Reader, Option<String>)>,
    pub(super) channels: Vec<Channel>,
    pub(super) attention: Vec<Attention>,
}

impl Addressee {
    pub(super) fn of(recipient: &Recipient<'_>, facts: &Facts<'_>, templates: &Templates) -> Self {
        let mut attention = Vec::new();
        let entry = recipient.entry;
        if entry.is_none() {
            attention.push(Attention::NotInRegister);
        }
        attention.extend(entry.and_then(|e| e.doubt).map(|doubt| match doubt {
            LineDoubt::TwoLines => Attention::TwoLines,
            LineDoubt::TooManyFields => Attention::BrokenLine,
        }));
        let (language, mut offers) = language(entry.and_then(|e| e.language.as_deref()), templates, entry.is_some(), &mut attention);
        // Where the organisation has no name in a language, nobody there has been asked to answer in it.
        offers.retain(|offered| facts.organisation.name.contains_key(offered));
        let name = entry.and_then(|e| name(&e.names, &language, &mut attention));
        if entry.is_some() && name.is_none() {
            attention.push(Attention::NoName);
        }
        let status = entry.map_or(Status::Serving, standing);
        let address = entry.and_then(|e| e.postal_address.as_ref()).map(|a| cleaning::address(a.expose_personal()));
        let no_place = address.as_ref().is_some_and(|(lines, _)| !lines.is_empty() && nobodys::is_no_place(lines));
        let address = address.filter(|_| !no_place);
        attention.extend(no_place.then_some(Attention::NoPlace));
        if address.as_ref().is_some_and(|(_, changed)| *changed) {
            attention.push(Attention::AddressCleaned);
        }
        let email = entry.and_then(|e| e.email.as_ref()).and_then(|value| mailbox(value.expose_personal(), recipient, &mut attention));
        let reader = entry.and_then(|e| e.reader.as_ref()).map(|(reader, name)| (*reader, name.as_ref().map(|name| read_name(name, &mut attention))));
        match recipient.gate {
            Gate::Held => attention.push(Attention::HeldByHand),
            Gate::ForNobody => attention.push(Attention::ForNobody),
            Gate::Unset | Gate::Released => {}
        }
        let address = address.map(|(lines, _)| lines).unwrap_or_default();
        let mut addressee = Self { name, address, email, language, offers, status, reader, channels: Vec::new(), attention };
        addressee.find_channels(facts, entry.is_some(), entry.is_some_and(|e| e.email_agreed));
        if recipient.record_ending.is_some() {
            addressee.attention.push(Attention::Namesake);
        }
        addressee
    }

    fn find_channels(&mut self, facts: &Facts<'_>, registered: bool, agreed: bool) {
        let own_domain = facts.organisation.domain.as_deref();
        match self.status {
            Status::Serving => {}
            Status::Unclear => self.attention.push(Attention::UnclearStatus),
            Status::Deceased => {
                self.attention.push(Attention::Deceased);
                // Nobody else is meant to read the mailbox of somebody who has died.
                self.email = self.email.take().filter(|_| self.is_read_by_another());
            }
            Status::Minor => {
                self.attention.push(Attention::Minor);
                // Nor are parents meant to read that of a child; a child is not meant to read this alone.
                self.email = self.email.take().filter(|_| self.is_read_by_another());
                self.reader.get_or_insert((Reader::Guardian, None));
            }
            Status::Departed => {
                self.attention.push(Attention::Departed);
                if self.email.as_deref().is_some_and(|email| own_domain.is_some_and(|domain| is_under(email, domain))) {
                    self.attention.push(Attention::WorkEmailOfDeparted);
                    self.email = None;
                }
            }
        }
        if facts.rules.email_needs_consent && !agreed && self.email.is_some() {
            self.attention.push(Attention::EmailNotAgreed);
            self.email = None;
        }
        self.channels.extend(self.email.as_ref().map(|_| Channel::Email));
        self.channels.extend((!self.address.is_empty()).then_some(Channel::Post));
        if self.channels.is_empty() && registered {
            self.attention.push(Attention::NoChannel);
        }
    }
}

/// The mailbox that a letter can go to: one that mail reaches, and that is the person's.
fn mailbox(value: &str, recipient: &Recipient<'_>, attention: &mut Vec<Attention>) -> Option<String> {
    let wrong = if value.trim().is_empty() {
        return None;
    } else if nobodys::is_no_mailbox(value.trim()) {
        Attention::NoMailbox
    } else if recipient.mailbox == Mailbox::Shared || nobodys::is_everybodys(value.trim()) {
        Attention::SharedMailbox
    } else {
        match cleaning::email(value) {
            Ok(email) => return Some(email),
            Err(EmailFault::Two) => Attention::TwoEmails,
            Err(EmailFault::Dots) => Attention::DotsInEmail,
            Err(EmailFault::Shape) => Attention::UnusableEmail,
        }
    };
    attention.push(wrong);
    None
}

impl Addressee {
    /// Whether somebody else than the person reads the letter.
    pub(super) fn is_read_by_another(&self) -> bool {
        self.reader.as_ref().is_some_and(|(reader, _)| reader.is_other())
    }

    /// The lines of the envelope: whom it is to, then the address.
    pub(super) fn envelope(&self, texts: &Texts) -> Vec<String> {
        let name = self.named(texts);
        let of = |section: &'static str, value: &str| texts.sentence(section).fill(|_| Some(value)).unwrap_or_default();
        let mut lines = match &self.reader {
            Some((Reader::CareOf, Some(reader))) => vec![name, of("care-of", reader)],
            Some((Reader::Guardian, Some(reader))) => vec![reader.clone(), of("addressee-guardian", &name)],
            Some((Reader::Guardian, None)) => vec![of("addressee-guardian", &name)],
            Some((Reader::Executor | Reader::NextOfKin, Some(reader))) => vec![reader.clone()],
            _ if self.status == Status::Deceased => vec![of("addressee-deceased", &name)],
            _ => vec![name],
        };
        lines.extend(self.address.iter().cloned());
        lines
    }

    /// How the letter greets its reader.
    pub(super) fn salutation(&self, texts: &Texts) -> String {
        let name = self.named(texts);
        let (section, name) = match &self.reader {
            Some((reader, Some(reads))) if reader.is_other() => ("salutation", reads),
            Some((Reader::Guardian, None)) => ("salutation-guardian", &name),
            _ if self.status == Status::Deceased => ("salutation-deceased", &name),
            _ => ("salutation", &name),
        };
        texts.sentence(section).fill(|_| Some(name)).unwrap_or_default()
    }

    /// The sentence that says whose data a letter is about, where somebody else reads it. The letter on a death says it anyway.
    pub(super) fn about(&self, texts: &Texts) -> Option<String> {
        let says_so = !self.is_read_by_another() || self.status == Status::Deceased;
        let name = self.named(texts);
        if says_so { None } else { texts.sentence("about").fill(|_| Some(&name)) }
    }

    /// The person's name, or what stands for one.
    pub(super) fn named(&self, texts: &Texts) -> String {
        self.name.clone().unwrap_or_else(|| texts.sentence("unnamed").plain())
    }
}

/// Whether a mail address belongs to a domain or one below it.
fn is_under(email: &str, domain: &str) -> bool {
    let host = email.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    let domain = domain.to_ascii_lowercase();
    host == domain || host.ends_with(&format!(".{domain}"))
}

/// What the register says of the person; a name can say that its bearer has died where no column does.
fn standing(entry: &RegisterEntry) -> Status {
    let says_dead = entry.names.values().any(|name| nobodys::of_the_dead(name.expose_personal()).is_some());
    if says_dead { Status::Deceased } else { entry.standing() }
}

/// The name in the letter's language, or else in English, or else in any. What stands for no name in one language is none there.
fn name(names: &BTreeMap<String, Personal<String>>, language: &str, attention: &mut Vec<Attention>) -> Option<String> {
    let is_name = |name: &Personal<String>| !nobodys::is_no_name(&cleaning::line(name.expose_personal(), cleaning::NAME_LIMIT_CHARS).text);
    let alone = |name: &Personal<String>| nobodys::of_the_dead(name.expose_personal()).map_or_else(|| name.clone(), Personal::new);
    let names: BTreeMap<String, Personal<String>> = names.iter().map(|(tag, name)| (tag.clone(), alone(name))).filter(|(_, name)| is_name(name)).collect();
    Some(read_name(named(&names, language)?, attention))
}

/// A name as a letter can show it.
fn read_name(raw: &Personal<String>, attention: &mut Vec<Attention>) -> String {
    let cleaned = cleaning::line(raw.expose_personal(), cleaning::NAME_LIMIT_CHARS);
    if cleaned.changed {
        attention.push(Attention::NameCleaned);
    }
    cleaned.text
}

/// The value for a language, or else for the same language as written elsewhere, or else for English, or else for any.
pub(super) fn named<'a, T>(names: &'a BTreeMap<String, T>, language: &str) -> Option<&'a T> {
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_lowercase();
    let near = || names.iter().find(|(tag, _)| primary(tag) == primary(language)).map(|(_, value)| value);
    names.get(language).or_else(near).or_else(|| names.get("en")).or_else(|| names.values().next())
}

/// The language of the letter, and the others where the person's own is not certain.
fn language(tag: Option<&str>, templates: &Templates, registered: bool, attention: &mut Vec<Attention>) -> (String, Vec<String>) {
    let known: Vec<&str> = templates.languages().collect();
    let fallback = || known.iter().find(|l| **l == "en").or(known.first()).copied().unwrap_or("en").to_owned();
    let others = |chosen: &str| known.iter().filter(|l| **l != chosen).map(|l| (*l).to_owned()).collect();
    let Some(tag) = tag.map(|t| t.trim().to_lowercase().replace('_', "-")).filter(|t| !t.is_empty()) else {
        if registered {
            attention.push(Attention::NoLanguage);
        }
        let chosen = fallback();
        let offers = others(&chosen);
        return (chosen, offers);
    };
    let wanted = templates.called(&tag).map_or_else(|| tag.clone(), str::to_lowercase);
    let wanted = wanted.as_str();
    let exact = known.iter().find(|l| l.eq_ignore_ascii_case(wanted) || wanted.strip_prefix(&l.to_lowercase()).is_some_and(|rest| rest.starts_with('-')));
    if let Some(exact) = exact {
        return ((*exact).to_owned(), Vec::new());
    }
    attention.push(Attention::LanguageWithoutTemplate);
    // A reader of the same language as written elsewhere is nearer to it than to English.
    let primary = wanted.split('-').next().unwrap_or_default();
    let nearest = known.iter().find(|l| l.to_lowercase().split('-').next() == Some(primary)).map(|l| (*l).to_owned());
    let chosen = nearest.unwrap_or_else(fallback);
    let offers = others(&chosen);
    (chosen, offers)
}
