//! Duties of a case: what people recorded goes to the ledger first, and the clocks are read from it.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::tz::TimeZone;
use serde::Serialize;
use strandline_case::{Case, CaseError, Function, Statement};
use strandline_model::duty::{DutyDecision, DutyWord, RecordedDecision};
use strandline_model::estate::Estate;
use strandline_model::exposure::Certainty;
use strandline_model::personal::Personal;
use strandline_model::time::Instant;
use strandline_notice::duties::{Duties, PROMISE, Survey, TierCounts, ics, survey};
use strandline_notice::forms::{self, StaffRule, StaffRuleError};
use strandline_notice::law::LawBook;
use strandline_notice::letter::said::{FOUND, NEXT, REFERENCE, REFERENCE_LIMIT_CHARS, STOPPED, is_letter_event, language_of_question};
use strandline_notice::letter::{Next, Said, Templates};

use crate::error::ResponseError;
use crate::exposed;
use crate::run::Response;
use crate::store;

/// What the case calls the statements that duties are made of.
const KIND: &str = "duty";

/// Why a word on a duty was not recorded, or a form not written.
#[derive(Debug, thiserror::Error)]
pub enum DutyError {
    /// No regime waits for such an event.
    #[error("no law file knows the event {event:?}; the regimes of this case wait for: {known}; letters wait for: {FOUND}, {STOPPED}")]
    UnknownEvent {
        /// As it was written.
        event: String,
        /// What there is.
        known: String,
    },
    /// There is no such duty.
    #[error("there is no duty {duty:?}; the duties of this case are: {known}")]
    UnknownDuty {
        /// As it was written.
        duty: String,
        /// What there is.
        known: String,
    },
    /// No form asks that.
    #[error(
        "no form asks {question:?}; forms ask: {known}; letters ask: letter_next (a day, or last), letter_reference, letter_account/LANGUAGE, letter_measures/LANGUAGE (a sentence a line)"
    )]
    UnknownQuestion {
        /// As it was written.
        question: String,
        /// What there is.
        known: String,
    },
    /// No day of a next letter.
    #[error("when you write again is a day such as 2026-12-13, or `last`")]
    NoNext,
    /// A reference that nobody can say.
    #[error("a reference is said on the telephone: at most {REFERENCE_LIMIT_CHARS} characters")]
    LongReference,
    /// No letter is written in that language.
    #[error("no letter is written in {language:?}; letters are written in: {known}")]
    UnknownLanguage {
        /// As it was written.
        language: String,
        /// What there is.
        known: String,
    },
    /// What is to come has not happened.
    #[error("{at} lies in the future, and a decision records what has happened: check --at")]
    InFuture {
        /// As it was stated.
        at: Instant,
    },
    /// Who is staff was answered in other words.
    #[error(transparent)]
    Staff(#[from] StaffRuleError),
    /// A form would tell something about an affected person.
    #[error("answers about {fields} hold a value of a person in the register, and the form {form} must not: answer them in other words")]
    AboutPeople {
        /// The form.
        form: &'static str,
        /// The questions; never the values.
        fields: String,
    },
    /// The case.
    #[error(transparent)]
    Response(#[from] ResponseError),
}

impl From<CaseError> for DutyError {
    fn from(source: CaseError) -> Self {
        Self::Response(source.into())
    }
}

/// The duties of a case, and what a calendar file of them needs.
#[derive(Clone, Debug, Serialize)]
pub struct CaseDuties {
    /// The case's origin.
    pub case: String,
    /// Its reference.
    pub reference: String,
    /// How many decisions stand behind it.
    pub decisions: u64,
    /// The duties.
    #[serde(flatten)]
    pub duties: Duties,
}

impl CaseDuties {
    /// The running deadlines as a calendar file.
    pub fn calendar(&self, stamp: Instant) -> String {
        ics::write(&self.duties, &ics::Calendar { case: &self.case, reference: &self.reference, stamp, revision: self.decisions })
    }
}

/// The duties of the case in `path`, as of `now`. Takes no lock and writes nothing.
///
/// # Errors
/// If there is no case, it keeps no estate yet, or it cannot be read.
pub fn duties(path: &Path, law: &LawBook, now: Instant) -> Result<CaseDuties, DutyError> {
    Ok(duties_with(path, law, now, None)?.0)
}

/// The same, where somebody has counted the people already (`Some(None)`: there are no exposures yet); and the regimes of the case.
pub(crate) fn duties_with(path: &Path, law: &LawBook, now: Instant, counted: Option<Option<TierCounts>>) -> Result<(CaseDuties, Vec<String>), DutyError> {
    let case = Case::open_for_reading(path)?;
    let text = store::read_text(&case, store::ESTATE)?.ok_or(ResponseError::NoEstate)?;
    let estate = strandline_estate::read(&text, &path.join(store::ESTATE).display().to_string()).map_err(ResponseError::from)?;
    let decisions = decisions(&case)?;
    let people = match counted {
        Some(counted) => counted,
        None if case.manifest().stages.contains_key("expose") => Some(count_people(&case)?),
        None => None,
    };
    let people_under: BTreeMap<String, TierCounts> = store::read_json(&case, store::LAWS)?.unwrap_or_default();
    let zone = zone_of(&estate);
    let told = Survey { book: law, regimes: &estate.organisation.regimes, decisions: &decisions, now, zone: &zone, people, people_under: &people_under };
    let duties = survey(&told);
    let found = CaseDuties { case: case.manifest().origin.clone(), reference: reference(&case)?, decisions: decisions.len() as u64, duties };
    Ok((found, estate.organisation.regimes))
}

impl Response<'_> {
    /// Records a person's word on a duty; the ledger has it first. Returns its entry.
    ///
    /// # Errors
    /// If it names what is not there, or something to come; or the case cannot be written.
    pub fn decide_duty(&mut self, word: DutyWord, law: &LawBook) -> Result<u64, DutyError> {
        let now = (self.settings.now)();
        check(&word, law, &self.estate, now)?;
        self.check_language(&word)?;
        let decision = DutyDecision { word, decided_by: self.settings.responder.clone(), decided_at: now };
        let body = serde_json::to_string(&decision.word).expect("a decision has only texts and numbers");
        let statement = Statement { kind: KIND.to_owned(), body, made_by: decision.decided_by, made_at: decision.decided_at };
        Ok(self.case.record_statement(&statement, Function::Respond, env!("CARGO_PKG_VERSION"))?)
    }
}

impl Response<'_> {
    /// Records when the organisation writes again, as its letters say: a day, or `last`. Says the same as `answer letter_next`.
    ///
    /// # Errors
    /// If it is neither; or the case cannot be written.
    pub fn decide_next_letter(&mut self, next: &str) -> Result<u64, DutyError> {
        if Next::parse(next).is_none() {
            return Err(DutyError::NoNext);
        }
        let word = DutyWord::Answered { question: NEXT.to_owned(), text: Personal::new(next.trim().to_owned()) };
        self.decide_duty(word, &LawBook::built_in().unwrap_or_default())
    }

    /// What letters say of their own is in a language that they are written in.
    fn check_language(&self, word: &DutyWord) -> Result<(), DutyError> {
        let DutyWord::Answered { question, .. } = word else { return Ok(()) };
        let Some(language) = language_of_question(question) else { return Ok(()) };
        let own: Vec<(String, String)> = store::read_json(&self.case, store::TEMPLATES)?.unwrap_or_default();
        let templates = Templates::read(&own, &self.estate.organisation.regimes).map_err(ResponseError::from)?;
        if templates.languages().any(|known| known == language) {
            return Ok(());
        }
        let known: Vec<&str> = templates.languages().collect();
        Err(DutyError::UnknownLanguage { language: language.to_owned(), known: known.join(", ") })
    }
}

/// Everything that people recorded on duties, oldest first.
pub(crate) fn decisions(case: &Case) -> Result<Vec<RecordedDecision>, ResponseError> {
    let read = |stored: strandline_case::StoredStatement| {
        let word: DutyWord =
            serde_json::from_str(&stored.statement.body).map_err(|source| ResponseError::UnknownDecision { entry: stored.ledger_entry, source })?;
        let decision = DutyDecision { word, decided_by: stored.statement.made_by, decided_at: stored.statement.made_at };
        Ok(RecordedDecision { ledger_entry: stored.ledger_entry, decision })
    };
    case.stored_statements(KIND)?.into_iter().map(read).collect()
}

/// What letters and forms call the case: what somebody chose, or else six digits that follow from the case's salt. The folder's name is
/// the organisation's own business, and can say more than its readers should know.
pub(crate) fn reference(case: &Case) -> Result<String, ResponseError> {
    if let Some(chosen) = Said::of(&decisions(case)?).reference {
        return Ok(chosen);
    }
    let digest = case.salted_digest(b"case reference")?;
    let number = u64::from_str_radix(digest.get(..12).unwrap_or("0"), 16).unwrap_or_default() % 1_000_000;
    Ok(format!("{:03}-{:03}", number / 1000, number % 1000))
}

pub(crate) fn zone_of(estate: &Estate) -> TimeZone {
    TimeZone::get(&estate.organisation.time_zone).unwrap_or(TimeZone::UTC)
}

fn check(word: &DutyWord, law: &LawBook, estate: &Estate, now: Instant) -> Result<(), DutyError> {
    match word {
        DutyWord::Happened { event, at, .. } if is_letter_event(event) => check_time(*at, now),
        DutyWord::Retracted { event, .. } if is_letter_event(event) => Ok(()),
        DutyWord::Answered { question, .. } if language_of_question(question).is_some() => Ok(()),
        DutyWord::Answered { question, text } if question == NEXT => {
            if Next::parse(text.expose_personal()).is_some() {
                Ok(())
            } else {
                Err(DutyError::NoNext)
            }
        }
        DutyWord::Answered { question, text } if question == REFERENCE => {
            if text.expose_personal().trim().chars().count() <= REFERENCE_LIMIT_CHARS {
                Ok(())
            } else {
                Err(DutyError::LongReference)
            }
        }
        DutyWord::Happened { event, at, .. } => check_event(event, law, estate).and_then(|()| check_time(*at, now)),
        DutyWord::Retracted { event, .. } => check_event(event, law, estate),
        DutyWord::PartlyDone { duty, at, .. } | DutyWord::Done { duty, at, .. } => check_duty(duty, law, estate).and_then(|()| check_time(*at, now)),
        DutyWord::Required { duty, .. } | DutyWord::NotRequired { duty, .. } | DutyWord::Reopened { duty, .. } => check_duty(duty, law, estate),
        DutyWord::Answered { question, text } => {
            let questions = forms::questions();
            if !questions.iter().any(|(id, _)| id == question) {
                let known: Vec<&str> = questions.iter().map(|(id, _)| *id).collect();
                return Err(DutyError::UnknownQuestion { question: question.clone(), known: known.join(", ") });
            }
            if question == forms::STAFF_QUESTION {
                text.expose_personal().parse::<StaffRule>()?;
            }
            Ok(())
        }
    }
}

/// The event, or `regime/event`, is one that a regime of this case waits for.
fn check_event(event: &str, law: &LawBook, estate: &Estate) -> Result<(), DutyError> {
    let regimes = &estate.organisation.regimes;
    let found = match event.split_once('/') {
        Some((regime, event)) => regimes.iter().any(|id| id == regime) && law.events_of(&[regime.to_owned()]).contains(&event),
        None => law.events_of(regimes).contains(&event),
    };
    if found { Ok(()) } else { Err(DutyError::UnknownEvent { event: event.to_owned(), known: law.events_of(regimes).join(", ") }) }
}

fn check_duty(duty: &str, law: &LawBook, estate: &Estate) -> Result<(), DutyError> {
    let regimes = &estate.organisation.regimes;
    let known: Vec<&str> = regimes.iter().filter_map(|id| law.regime(id)).flat_map(|regime| &regime.duties).map(|duty| duty.id.as_str()).collect();
    if known.contains(&duty) || duty == PROMISE { Ok(()) } else { Err(DutyError::UnknownDuty { duty: duty.to_owned(), known: known.join(", ") }) }
}

fn check_time(at: Instant, now: Instant) -> Result<(), DutyError> {
    if at > now { Err(DutyError::InFuture { at }) } else { Ok(()) }
}

fn count_people(case: &Case) -> Result<TierCounts, DutyError> {
    let tiers = exposed::tiers(case)?;
    Ok(TierCounts { confirmed: tiers.confirmed, likely: tiers.likely, possible: tiers.possible })
}

pub(crate) fn add(counts: &mut TierCounts, certainty: Certainty) {
    match certainty {
        Certainty::Confirmed => counts.confirmed += 1,
        Certainty::Likely => counts.likely += 1,
        Certainty::Possible => counts.possible += 1,
    }
}
