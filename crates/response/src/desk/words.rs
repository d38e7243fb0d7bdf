//! What a person says of a duty or a letter, from the fields of a command or a form to the word that is recorded: which fields a word
//! needs is decided here, once.

use strandline_model::duty::DutyWord;
use strandline_model::letter_word::{LetterWord, Place, Reader};
use strandline_model::personal::Personal;
use strandline_model::time::Instant;

use super::time::{TimeError, moment};

/// Why what was said is no word yet.
#[derive(Debug, thiserror::Error)]
pub enum WordError {
    /// A word about one thing names none, or several.
    #[error("{verb} is about one thing: strandline decide CASE {verb} NAME …")]
    OneThing {
        /// The word.
        verb: String,
    },
    /// A reason is missing.
    #[error("a decision is recorded with its reason: add {flag} \"…\"")]
    NoReason {
        /// The option that gives it.
        flag: &'static str,
    },
    /// A time is missing.
    #[error("say when it happened: --at 2026-11-25T09:30")]
    NoTime,
    /// A time that is none.
    #[error("--at")]
    Time(#[source] TimeError),
    /// A question about no session.
    #[error("whose sight? name a session: --session ID")]
    NoSession,
    /// A time with two ends that is none.
    #[error("--from, --to")]
    Window(#[source] TimeError),
    /// Another reader without a name.
    #[error("who is it? give --name with --as {}", .0.as_str())]
    NoName(Reader),
    /// Nothing to change.
    #[error("readdress to what? give --name, --email, --address-line or --language")]
    NoPlace,
}

/// What somebody says of duties: the fields of `strandline decide`.
#[derive(Clone, Debug, Default)]
pub struct DutyForm {
    /// Events; or `done`, `partly-done`, `required`, `not-required`, `reopen`, `retract`, `answer` and what it is about.
    pub what: Vec<String>,
    /// When.
    pub at: Option<String>,
    /// What was known then.
    pub knowing: Option<Personal<String>>,
    /// Why.
    pub why: Option<Personal<String>>,
    /// What was given, or its reference.
    pub given: Option<Personal<String>>,
    /// The answer.
    pub text: Option<Personal<String>>,
}

impl DutyForm {
    /// What is recorded, word by word; times are read in the organisation's zone.
    ///
    /// # Errors
    /// If a field is missing that the word needs.
    pub fn words(&self, zone: &str) -> Result<Vec<DutyWord>, WordError> {
        let verb = self.what.first().map(String::as_str).unwrap_or_default();
        let about = || match self.what.as_slice() {
            [_, about] => Ok(about.clone()),
            _ => Err(WordError::OneThing { verb: verb.to_owned() }),
        };
        let word = match verb {
            "done" => DutyWord::Done { duty: about()?, at: self.time(zone)?, what: optional(&self.given) },
            "partly-done" => DutyWord::PartlyDone { duty: about()?, at: self.time(zone)?, what: optional(&self.given) },
            "required" => DutyWord::Required { duty: about()?, why: needed(&self.why, "--why")? },
            "not-required" => DutyWord::NotRequired { duty: about()?, why: needed(&self.why, "--why")? },
            "reopen" => DutyWord::Reopened { duty: about()?, why: needed(&self.why, "--why")? },
            "retract" => DutyWord::Retracted { event: about()?, why: needed(&self.why, "--why")? },
            "answer" => DutyWord::Answered { question: about()?, text: needed(&self.text, "--text")? },
            _ => {
                let (at, knowing) = (self.time(zone)?, needed(&self.knowing, "--knowing")?);
                return Ok(self.what.iter().map(|event| DutyWord::Happened { event: event.clone(), at, knowing: knowing.clone() }).collect());
            }
        };
        Ok(vec![word])
    }

    /// Whether what is said can start a clock.
    pub fn starts_clocks(&self) -> bool {
        let others = ["done", "partly-done", "required", "not-required", "reopen", "retract", "answer", "found", "stopped"];
        self.what.first().is_some_and(|verb| !others.contains(&verb.as_str()))
    }

    fn time(&self, zone: &str) -> Result<Instant, WordError> {
        moment(self.at.as_deref().ok_or(WordError::NoTime)?, zone).map_err(WordError::Time)
    }
}

/// Another address or another reader for one letter, as somebody says it.
#[derive(Clone, Debug)]
pub struct ReaddressForm {
    /// Key of the person.
    pub data_subject: String,
    /// Who reads it.
    pub reader: Reader,
    /// The reader's name.
    pub name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Lines of the postal address.
    pub address_lines: Vec<String>,
    /// The reader's language.
    pub language: Option<String>,
    /// Why.
    pub why: String,
}

impl ReaddressForm {
    /// What is recorded.
    ///
    /// # Errors
    /// If a field is missing that the word needs.
    pub fn word(self) -> Result<LetterWord, WordError> {
        let personal = |text: String| Personal::new(text.trim().to_owned());
        let needs_name = matches!(self.reader, Reader::Executor | Reader::NextOfKin | Reader::CareOf);
        if needs_name && self.name.is_none() {
            return Err(WordError::NoName(self.reader));
        }
        let postal_address = (!self.address_lines.is_empty()).then(|| personal(self.address_lines.join("\n")));
        let place = Place { name: self.name.map(personal), email: self.email.map(personal), postal_address, language: self.language };
        if place == Place::default() {
            return Err(WordError::NoPlace);
        }
        Ok(LetterWord::Readdressed { data_subject: self.data_subject, reader: self.reader, place, why: given_reason(&self.why)? })
    }
}

/// A reason that is one.
///
/// # Errors
/// If it is blank.
pub fn given_reason(why: &str) -> Result<Personal<String>, WordError> {
    needed(&Some(Personal::new(why.to_owned())), "--why")
}

fn needed(text: &Option<Personal<String>>, flag: &'static str) -> Result<Personal<String>, WordError> {
    match text.as_ref().map(|text| text.expose_personal().trim()) {
        Some(text) if !text.is_empty() => Ok(Personal::new(text.to_owned())),
        _ => Err(WordError::NoReason { flag }),
    }
}

fn optional(text: &Option<Personal<String>>) -> Personal<String> {
    Personal::new(text.as_ref().map(|text| text.expose_personal().trim()).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(what: &[&str], at: Option<&str>, reason: Option<&str>, expected: Result<usize, &str>) {
        let text = reason.map(|text| Personal::new(text.to_owned()));
        let form = DutyForm {
            what: what.iter().map(|word| (*word).to_owned()).collect(),
            at: at.map(str::to_owned),
            knowing: text.clone(),
            why: text.clone(),
            given: text.clone(),
            text,
        };
        let got = form.words("Asia/Hong_Kong").map(|words| words.len()).map_err(|error| error.to_string());
        assert_eq!(got, expected.map_err(str::to_owned), "{what:?}");
    }

    #[test]
    fn a_word_has_the_fields_that_it_needs_or_says_which_is_missing() {
        check(&["aware", "found"], Some("2026-11-25T09:30"), Some("seen"), Ok(2));
        check(&["aware"], None, Some("seen"), Err("say when it happened: --at 2026-11-25T09:30"));
        check(&["aware"], Some("2026-11-25T09:30"), None, Err("a decision is recorded with its reason: add --knowing \"…\""));
        check(&["aware"], Some("2026-11-25"), Some("seen"), Err("--at"));
        check(&["not-required", "pdpo-report"], None, Some(" "), Err("a decision is recorded with its reason: add --why \"…\""));
        check(&["done"], None, None, Err("done is about one thing: strandline decide CASE done NAME …"));
        check(&["done", "x"], Some("2026-11-25T09:30Z"), None, Ok(1));
    }
}
