//! What all letters of a case are drafted from, and the drafting of each: the same drafts again whenever somebody lints, prints or
//! checks them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strandline_case::{Case, CaseError};
use strandline_model::code::SupportCode;
use strandline_model::estate::Organisation;
use strandline_model::exposure::Exposure;
use strandline_model::letter_word::{Decided, Gate};
use strandline_model::register::RegisterEntry;
use strandline_model::time::{Instant, Interval};
use strandline_notice::law::{LawBook, LetterRules};
use strandline_notice::letter::{Before, Facts, Letter, Mailbox, Recipient, Said, SharedMailboxes, Templates, draft, record_endings};

use crate::clearance::{cleared, covered, intrusion};
use crate::duties::{decisions, reference};
use crate::error::ResponseError;
use crate::exposed::each_person;
use crate::letter_words::Addressees;
use crate::run::Response;
use crate::stage::letters::codes::Codes;
use crate::stage::letters::index::file_stem;
use crate::stage::letters::others::Others;
use crate::stage::notify::{KeptLetter, hexadecimal, kept_letters, load_text, sent_told};
use crate::store;
use crate::support::Withdrawn;

/// People of the register, by key.
pub type People = BTreeMap<String, RegisterEntry>;

/// When the letters were drafted, and from what beside the decisions on single letters.
#[derive(Serialize, Deserialize)]
pub struct Drafted {
    /// When: the day that stands on them.
    pub at: Instant,
    /// Digest of what all of them stand on.
    basis: String,
}

impl Drafted {
    /// Letters that only words on single letters change keep their day, so that everybody else's stays byte by byte what it was.
    ///
    /// # Errors
    /// If the case cannot be read.
    pub fn now_or_then(response: &Response<'_>, basis: String, now: Instant) -> Result<Self, ResponseError> {
        let then: Option<Self> = store::read_json(&response.case, store::LETTERS)?;
        let at = then.filter(|then| then.basis == basis).map_or(now, |then| then.at);
        Ok(Self { at, basis })
    }
}

/// When the committed letters were drafted; `None` of letters that nobody drafted with this version.
///
/// # Errors
/// If the case cannot be read.
pub fn drafted_at(response: &Response<'_>) -> Result<Option<Instant>, ResponseError> {
    Ok(store::read_json::<Drafted>(&response.case, store::LETTERS)?.map(|drafted| drafted.at))
}

/// What all letters of a case are drafted from.
pub struct Drafting {
    /// The register.
    pub people: People,
    /// The words of a person who falls under every law of the case: what is not known of somebody is no reason to ask less.
    pub templates: Templates,
    /// When they are or were drafted.
    pub drafted_at: Instant,
    /// The codes on them.
    pub codes: Codes,
    decided: BTreeMap<String, Decided>,
    endings: BTreeMap<String, String>,
    shared: SharedMailboxes,
    organisation: Organisation,
    support_page: Option<String>,
    regimes: Vec<String>,
    /// What the law asks of letters, and their words, by the laws that people fall under.
    under: BTreeMap<Vec<String>, Under>,
    reference: String,
    intrusion: Interval,
    checked: Option<Interval>,
    cleared: BTreeSet<String>,
    said: Said,
    categories: Vec<String>,
    others: Others,
    /// What letters of earlier rounds told, by person.
    before: BTreeMap<String, Before>,
    /// The last letter that was released to each person: its code goes on.
    released: BTreeMap<String, KeptLetter>,
    /// Cards that a stranger could open: their codes do not go on.
    withdrawn: Withdrawn,
}

/// What some laws of the case ask of letters, and the words that letters have under them.
struct Under {
    rules: LetterRules,
    templates: Templates,
}

/// The laws of the case that a person falls under, in the estate's order: those that the register names, or all where it names none of
/// them. A law that the estate does not name is no law of the case.
pub fn laws_of(entry: Option<&RegisterEntry>, regimes: &[String]) -> Vec<String> {
    let Some(named) = entry.and_then(|entry| entry.laws.as_ref()) else { return regimes.to_vec() };
    // A word that means no law of ours says nothing of the person; an empty list says that none holds.
    if !named.is_empty() && !named.iter().any(|id| regimes.contains(id)) {
        return regimes.to_vec();
    }
    regimes.iter().filter(|id| named.contains(id)).cloned().collect()
}

/// Takes a letter, and whom it is to.
pub type Visit<'v> = &'v mut dyn FnMut(Letter, &Recipient<'_>) -> Result<(), ResponseError>;

/// Whom reassurance letters go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reassurance {
    /// Everybody of the register who is cleared.
    Given,
    /// Nobody, since the organisation does not want it.
    Unwanted,
    /// Nobody: questions are open, so nobody is cleared.
    NotCleared,
}

impl Drafting {
    /// `None` where there is no trail, and so nobody to write to.
    pub fn new(response: &Response<'_>, addressees: Addressees, drafted_at: Instant) -> Result<Option<Self>, ResponseError> {
        let Addressees { people, decided, .. } = addressees;
        let Some(intrusion) = intrusion(response)? else { return Ok(None) };
        let own: Vec<(String, String)> = store::read_json(&response.case, store::TEMPLATES)?.unwrap_or_default();
        let others = Others::of(response, &people);
        let regimes = response.estate.organisation.regimes.clone();
        let book = LawBook::built_in().unwrap_or_default();
        let mut under: BTreeMap<Vec<String>, Under> = BTreeMap::new();
        let known: BTreeSet<Vec<String>> = people.values().map(|entry| laws_of(Some(entry), &regimes)).chain([regimes.clone()]).collect();
        let said = Said::of(&decisions(&response.case)?);
        let read = |laws: &[String]| -> Result<Templates, ResponseError> {
            let mut templates = Templates::read(&own, laws)?;
            templates.checked_by_speakers_of(&said.checked);
            Ok(templates)
        };
        for laws in known {
            let these = Under { rules: book.letter_rules(&laws), templates: read(&laws)? };
            under.insert(laws, these);
        }
        let templates = read(&regimes)?;
        Ok(Some(Self {
            endings: record_endings(people.values()),
            shared: SharedMailboxes::of(people.values()),
            codes: Codes::of(&response.case)?,
            withdrawn: Withdrawn::of(&response.case)?,
            people,
            decided,
            templates,
            organisation: response.estate.organisation.clone(),
            support_page: response.estate.support.as_ref().map(|support| support.shown().to_owned()),
            regimes,
            under,
            reference: reference(&response.case)?,
            intrusion,
            checked: covered(&response.coverage()?, intrusion),
            cleared: cleared(&response.case)?,
            said,
            categories: described_categories(response),
            others,
            before: told_before(response)?,
            released: last_released(response)?,
            drafted_at,
        }))
    }

    /// The letters as they were committed, to be drafted again as of their day; `None` where there is no trail.
    ///
    /// # Errors
    /// If there are no letters yet, or something cannot be read.
    pub fn again(response: &Response<'_>) -> Result<Option<(Self, Committed)>, ResponseError> {
        let record = response.case.manifest().stages.get("letters");
        let Some(entry) = record.and_then(|record| record.ledger_entry) else {
            return Err(ResponseError::NotYet { missing: "letters", command: "notify CASE draft" });
        };
        let drafted: Option<Drafted> = store::read_json(&response.case, store::LETTERS)?;
        let drafted_at = match drafted {
            Some(drafted) => drafted.at,
            None => response.case.ledger().entry(entry).map_err(CaseError::from)?.time,
        };
        let addressees = Addressees::of(response)?;
        let texts = record.into_iter().flat_map(|record| &record.files).filter(|f| f.file.ends_with(".txt"));
        let committed = Committed(texts.map(|f| (f.file.clone(), f.sha256.clone())).collect());
        Ok(Self::new(response, addressees, drafted_at)?.map(|drafting| (drafting, committed)))
    }

    /// Whom reassurance letters go to.
    pub fn reassurance(&self, response: &Response<'_>) -> Reassurance {
        if response.estate.sending.as_ref().is_some_and(|sending| sending.reassure == Some(false)) {
            return Reassurance::Unwanted;
        }
        if self.checked.is_some() && !self.cleared.is_empty() { Reassurance::Given } else { Reassurance::NotCleared }
    }

    /// The laws that a person falls under, and the words of letters under them.
    fn under(&self, entry: Option<&RegisterEntry>) -> &Under {
        let laws = laws_of(entry, &self.regimes);
        self.under.get(&laws).expect("the laws of everybody in the register, and all of the case, were looked up at the start")
    }

    /// What people recorded for the letters.
    pub fn said(&self) -> &Said {
        &self.said
    }

    /// The words of a person's letter.
    pub fn templates_of(&self, entry: Option<&RegisterEntry>) -> &Templates {
        &self.under(entry).templates
    }

    /// What all letters share, and what the laws that a person falls under ask of theirs.
    pub fn facts_of(&self, entry: Option<&RegisterEntry>) -> Facts<'_> {
        Facts {
            organisation: &self.organisation,
            reference: &self.reference,
            intrusion: self.intrusion,
            found_at: self.said.found_at,
            stopped_at: self.said.stopped_at,
            checked: self.checked,
            account: &self.said.account,
            measures: &self.said.measures,
            drafted_at: self.drafted_at,
            next: self.said.next,
            rules: &self.under(entry).rules,
            support_page: self.support_page.as_deref(),
            categories: entry.and_then(|entry| entry.belongs_to.as_ref()).map_or(&self.categories, |belongs| self.others.categories(&belongs.about)),
        }
    }

    /// Drafts one letter after another, with the codes that the committed letters have: to everybody who was reached, by key, and then
    /// to everybody else of the register if they are to be reassured.
    ///
    /// # Errors
    /// If a table or a letter cannot be read, a letter cannot be drafted, or what `visit` says.
    pub fn each_letter(&self, case: &Case, reassurance: Reassurance, visit: Visit<'_>) -> Result<(), ResponseError> {
        self.each_coded_letter(case, reassurance, &|_| true, &mut |key| self.codes.in_letter(case, key), visit)
    }

    /// Drafts the letter of one person, as [`Drafting::each_letter`] does; nothing is visited where they have none.
    ///
    /// # Errors
    /// As [`Drafting::each_letter`].
    pub fn letter_of(&self, case: &Case, reassurance: Reassurance, data_subject: &str, visit: Visit<'_>) -> Result<(), ResponseError> {
        self.each_coded_letter(case, reassurance, &|key| key == data_subject, &mut |key| self.codes.in_letter(case, key), visit)
    }

    /// As [`Drafting::each_letter`]; whoever has no code yet, neither in a draft nor in a letter that was released, is given one. `random`
    /// is a cryptographic generator.
    ///
    /// # Errors
    /// As [`Drafting::each_letter`].
    pub fn each_new_letter(&mut self, case: &Case, reassurance: Reassurance, random: &dyn Fn() -> [u8; 32], visit: Visit<'_>) -> Result<(), ResponseError> {
        let mut codes = std::mem::take(&mut self.codes);
        let released = std::mem::take(&mut self.released);
        let withdrawn = std::mem::take(&mut self.withdrawn);
        let mut code_of = |key: &str| {
            let good = |code: Option<SupportCode>| -> Result<Option<SupportCode>, ResponseError> {
                let is_withdrawn = code.as_ref().map(|code| withdrawn.has_code(case, key, code)).transpose()?;
                Ok(code.filter(|_| is_withdrawn == Some(false)))
            };
            if let Some(code) = good(codes.in_letter(case, key)?)? {
                return Ok(Some(code));
            }
            // Whoever was left out of a draft between two letters has a letter in hand: another code would close their card.
            let of_released = good(released.get(key).map(|letter| Self::code_in_released(case, &codes, letter)).transpose()?.flatten())?;
            if of_released.is_some() { Ok(of_released) } else { codes.give(case, key, random()).map(Some) }
        };
        let drafted = self.each_coded_letter(case, reassurance, &|_| true, &mut code_of, visit);
        self.codes = codes;
        self.released = released;
        self.withdrawn = withdrawn;
        drafted
    }

    /// The first code in a text that is this person's.
    ///
    /// # Errors
    /// If the case has no salt here.
    pub fn code_in(case: &Case, codes: &Codes, key: &str, text: &str) -> Result<Option<SupportCode>, ResponseError> {
        for code in strandline_outbound::codes_in(text) {
            if codes.owner(case, &code)? == Some(key) {
                return Ok(Some(code));
            }
        }
        Ok(None)
    }

    /// The code in a letter that was released.
    ///
    /// # Errors
    /// If its text cannot be read or was changed, or the case has no salt here.
    pub fn code_in_released(case: &Case, codes: &Codes, letter: &KeptLetter) -> Result<Option<SupportCode>, ResponseError> {
        let (_, _, text) = load_text(case.path(), &letter.file, &letter.text_sha256)?;
        Self::code_in(case, codes, &letter.data_subject, text.expose_personal())
    }

    fn each_coded_letter(
        &self,
        case: &Case,
        reassurance: Reassurance,
        is_wanted: &dyn Fn(&str) -> bool,
        code_of: &mut dyn FnMut(&str) -> Result<Option<SupportCode>, ResponseError>,
        visit: Visit<'_>,
    ) -> Result<(), ResponseError> {
        let mut one = |key: &str, exposures: &[Exposure], tells: &[String]| {
            if !is_wanted(key) {
                return Ok(());
            }
            let code = code_of(key)?.map(|code| code.grouped());
            let gate = self.decided.get(key).map_or(Gate::Unset, |decided| decided.gate);
            let entry = self.people.get(key);
            let mailbox = if entry.is_some_and(|entry| self.shared.has(entry)) { Mailbox::Shared } else { Mailbox::Own };
            let record_ending = self.endings.get(key).map(String::as_str);
            let recipient = Recipient { key, entry, exposures, code: code.as_deref(), record_ending, gate, mailbox, tells, before: self.before.get(key) };
            visit(draft(&recipient, &self.facts_of(entry), self.templates_of(entry))?, &recipient)
        };
        let mut reached = BTreeSet::new();
        each_person(case, &mut |exposures| {
            let subject = &exposures[0].data_subject;
            reached.insert(subject.clone());
            let beside = self.others.beside(subject, exposures);
            one(subject, exposures, &beside.through)?;
            beside.letters.iter().try_for_each(|(key, theirs)| one(key, theirs, &[]))
        })?;
        let others = self.people.keys().filter(|key| reassurance == Reassurance::Given && !reached.contains(*key) && self.cleared.contains(*key));
        others.into_iter().try_for_each(|key| one(key, &[], &[]))
    }
}

/// What letters of rounds before the one that is drafted told, the last one of each person.
fn told_before(response: &Response<'_>) -> Result<BTreeMap<String, Before>, ResponseError> {
    let round: u32 = store::read_json(&response.case, store::ROUND)?.unwrap_or(1);
    if round < 2 {
        return Ok(BTreeMap::new());
    }
    let mut told = sent_told(response)?;
    let mut kept = kept_letters(response)?;
    kept.retain(|letter| letter.round < round);
    kept.sort_by_key(|letter| (letter.round, letter.kept_at));
    Ok(kept.into_iter().filter_map(|letter| Some((letter.data_subject, told.remove(&letter.reference)?))).collect())
}

/// The last letter that was released to each person.
fn last_released(response: &Response<'_>) -> Result<BTreeMap<String, KeptLetter>, ResponseError> {
    let mut kept = kept_letters(response)?;
    kept.sort_by_key(|letter| (letter.round, letter.kept_at));
    Ok(kept.into_iter().map(|letter| (letter.data_subject.clone(), letter)).collect())
}

/// The letters of the case, by file name: SHA-256 of each text.
pub struct Committed(BTreeMap<String, String>);

impl Committed {
    /// How many there are.
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Whether this draft is the committed letter, byte by byte.
    pub fn is(&self, letter: &Letter) -> bool {
        self.0.get(&format!("letters/{}.txt", file_stem(&letter.data_subject))) == Some(&hexadecimal(&Sha256::digest(text_of(letter))))
    }
}

/// A letter as its file has it.
pub fn text_of(letter: &Letter) -> Vec<u8> {
    format!("Language: {}\nSubject: {}\n\n{}", letter.language, letter.subject, letter.plain_text().expose_personal()).into_bytes()
}

/// Categories that the estate describes, sorted.
pub fn described_categories(response: &Response<'_>) -> Vec<String> {
    let categories: BTreeSet<String> = response.estate.tables.iter().flat_map(|t| t.all_categories().cloned()).collect();
    categories.into_iter().collect()
}
