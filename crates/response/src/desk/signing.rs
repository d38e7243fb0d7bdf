//! An act and its signature where the key is elsewhere: first the exact text to sign, then the same act with the signature over it.

use std::path::Path;
use std::sync::{Arc, Mutex};

use strandline_case::{Assertion, Case, Passkey, PasskeyProblem, Responder, Signer};

use super::act::{Act, Acted, DeskError};
use crate::error::ResponseError;
use crate::run::Settings;

/// What came of trying an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Performed {
    /// It is entered and done.
    Done(Acted),
    /// It waits for a signature over exactly this text, in the namespace [`crate::desk::Signed::NAMESPACE`].
    ToSign(String),
}

/// A signature, and the text that its holder was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What was signed.
    pub text: String,
    /// The armoured SSHSIG signature, or what a passkey says.
    pub signature: String,
}

impl Signed {
    /// What such a signature is for: `ssh-keygen -Y sign -n` takes it.
    pub const NAMESPACE: &'static str = strandline_case::NAMESPACE;
}

/// Settings of which the signature is known, or not yet. What is asked for is kept, and the act fails before the decision is
/// entered. (Approving letters keeps its list of them first, which is an entry of a run and approves nothing.)
pub(super) fn with_signature(
    settings: &Settings<'_>,
    (signed, act): (Option<&Signed>, &Act),
    doing: &mut dyn FnMut(&Settings<'_>) -> Result<Acted, DeskError>,
) -> Result<Performed, DeskError> {
    // The first enrolment is signed, too: by the key that it enrols.
    let needs_none = !matches!(act, Act::Enrol(_)) && Case::open_for_reading(&settings.case)?.responders()?.is_empty();
    if settings.signer.is_some() || needs_none {
        return doing(settings).map(Performed::Done);
    }
    let asked: Arc<Mutex<Option<String>>> = Arc::default();
    let (kept, given) = (Arc::clone(&asked), signed.cloned());
    let signer = Signer(Arc::new(move |text: &[u8], _: &str| {
        let text = String::from_utf8_lossy(text).into_owned();
        match &given {
            Some(given) if given.text == text => Ok(given.signature.clone()),
            // Somebody else's entry came first, or nothing was signed yet: the text is another one now.
            _ => {
                if let Ok(mut kept) = kept.lock() {
                    *kept = Some(text);
                }
                Err("it waits for a signature".to_owned())
            }
        }
    }));
    let settings = Settings {
        case: settings.case.clone(),
        responder: settings.responder.clone(),
        now: settings.now,
        random: settings.random,
        reader: settings.reader.clone(),
        memory_limit_bytes: settings.memory_limit_bytes,
        threads: settings.threads,
        rules: settings.rules.clone(),
        told: settings.told,
        signer: Some(signer),
    };
    let done = doing(&settings);
    let asked = asked.lock().ok().and_then(|mut asked| asked.take());
    match (done, asked) {
        (Ok(acted), _) => Ok(Performed::Done(acted)),
        (Err(_), Some(text)) => Ok(Performed::ToSign(text)),
        (Err(error), None) => Err(error),
    }
}

/// What somebody signs to say who they are, with a number that is good once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// The text.
    pub text: String,
}

impl SignIn {
    /// What such a signature is for; it can never pass for a decision.
    pub const NAMESPACE: &'static str = strandline_case::SIGN_IN;
}

/// What a passkey said of a text, from the three answers of a browser in base64url: authenticator data, client data, signature. It stands
/// where an SSH signature stands, and is checked there.
///
/// # Errors
/// If one of them is not in its form.
pub fn passkey_signature(key: &Passkey, answers: [&str; 3]) -> Result<String, PasskeyProblem> {
    Ok(Assertion::of_browser(key.clone(), answers)?.to_text())
}

/// The passkey that signed, as the responders' table has it, and how often it says that it did; of any other signature nothing.
pub fn passkey_count(signature: &str) -> Option<(String, u32)> {
    Assertion::of_text(signature).ok().map(|assertion| (assertion.key().to_line(), assertion.counter()))
}

/// The text that signs somebody in to a case, by a number that was drawn for it alone.
///
/// # Errors
/// If there is no case.
pub fn sign_in_text(case: &Path, number: &str) -> Result<SignIn, ResponseError> {
    let case = Case::open_for_reading(case)?;
    Ok(SignIn { text: case.sign_in_text(number) })
}

/// A name of the case for addresses: it tells nothing, and is always the same.
///
/// # Errors
/// If there is no case.
pub fn short_name(case: &Path) -> Result<String, ResponseError> {
    Ok(Case::open_for_reading(case)?.short_name()?)
}

/// Who signed such a text: somebody who is enrolled now.
///
/// # Errors
/// If the signature is not one of it, or its key is nobody's in this case.
pub fn who_signs_in(case: &Path, text: &SignIn, signature: &str) -> Result<Responder, ResponseError> {
    Ok(Case::open_for_reading(case)?.who_signs_in(text.text.as_bytes(), signature)?)
}
