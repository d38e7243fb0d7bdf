//! Responders: who may decide in a case, and by which SSH keys and passkeys. Who is enrolled stands in the ledger alone, so that an outsider
//! can check every signature with nothing but the ledger.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strandline_model::time::Instant;

use crate::folder::{Case, CaseError};
use crate::ledger::{Entry, EntryKind, Function};
use crate::passkey::{Assertion, Passkey, PasskeyProblem};
use crate::rights::Right;
use crate::signature::{NAMESPACE, SIGN_IN, SignatureProblem, check, check_for, fingerprint, sign_in_text, signed_text};
use crate::signed::{Walk, walk};

/// What somebody is in a case; [`crate::Right`] has what each may see and do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks, and sees no names.
    Reader,
    /// Answers those who were exposed.
    Desk,
    /// Sees to duties, forms, single letters.
    PrivacyOfficer,
    /// Decides: on links and detections, on duties, on single letters, on who else is enrolled.
    Responder,
    /// Decides, and approves what goes out or is cut off.
    Approver,
}

impl Role {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Desk => "desk",
            Self::PrivacyOfficer => "privacy-officer",
            Self::Responder => "responder",
            Self::Approver => "approver",
        }
    }
}

/// A word that is no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no role: `reader` looks, `desk` answers people, `privacy-officer` sees to duties and letters, `responder` decides, `approver` decides and approves"
)]
pub struct NoRole(pub String);

impl FromStr for Role {
    type Err = NoRole;
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == word).ok_or_else(|| NoRole(word.to_owned()))
    }
}

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It signs from here on.
    Enrolled,
    /// It signs no more.
    Removed,
}

/// One change of who may decide, as a ledger entry has it. Fields stand in alphabetical order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// What became of the key.
    pub change: Change,
    /// The public key: as OpenSSH writes it, without a comment, or a passkey's line.
    pub key: String,
    /// Whose it is.
    pub name: String,
    /// What its signature counts for.
    pub role: Role,
}

/// A key, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Responder {
    /// Whose.
    pub name: String,
    /// What its signature counts for.
    pub role: Role,
    /// The public key, as OpenSSH writes it, or a passkey's line.
    pub key: String,
    /// Its fingerprint, as `ssh-keygen -l` shows it; of a passkey, a hash over its line.
    pub fingerprint: String,
    /// The ledger entry that enrolled it.
    pub enrolled: u64,
    /// The ledger entry that removed it.
    pub removed: Option<u64>,
}

impl Responder {
    /// The passkey, if the key is one.
    pub fn passkey(&self) -> Option<Passkey> {
        Passkey::of_line(&self.key).ok()
    }
}

/// All keys that were ever enrolled, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Responders(Vec<Responder>);

impl Responders {
    /// Whether nobody ever was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, removed ones too.
    pub fn iter(&self) -> impl Iterator<Item = &Responder> {
        self.0.iter()
    }

    /// Whose a key is now.
    pub fn holder(&self, key: &str) -> Option<&Responder> {
        self.0.iter().find(|r| r.key == key && r.removed.is_none())
    }

    /// Takes over what an entry says.
    pub(crate) fn take(&mut self, index: u64, enrolment: &Enrolment) {
        let Enrolment { change, key, name, role } = enrolment.clone();
        match change {
            Change::Enrolled => {
                let fingerprint = fingerprint(&key);
                self.0.push(Responder { name, role, key, fingerprint, enrolled: index, removed: None });
            }
            Change::Removed => {
                self.0.iter_mut().filter(|r| r.key == key && r.removed.is_none()).for_each(|r| r.removed = Some(index));
            }
        }
    }

    /// Why a passkey cannot be enrolled: its line is none, or its credential has another key already (7.1, step 26).
    fn passkey_objection(&self, line: &str) -> Option<Objection> {
        if !Passkey::is_line(line) {
            return None;
        }
        match Passkey::of_line(line) {
            Err(problem) => Some(Objection::Passkey(problem)),
            Ok(passkey) if self.0.iter().filter_map(Responder::passkey).any(|known| known.credential() == passkey.credential()) => {
                Some(Objection::PasskeyAgain)
            }
            Ok(_) => None,
        }
    }

    /// Whose passkey browsers call by this name now, and the passkey.
    pub fn of_credential(&self, credential: &str) -> Option<(&Responder, Passkey)> {
        let current = self.0.iter().filter(|r| r.removed.is_none());
        current.filter_map(|r| Some((r, r.passkey()?))).find(|(_, passkey)| passkey.credential() == credential)
    }

    /// Why a change cannot be made, beside its signature.
    pub(crate) fn objection(&self, enrolment: &Enrolment) -> Option<Objection> {
        let current: Vec<&Responder> = self.0.iter().filter(|r| r.removed.is_none()).collect();
        match enrolment.change {
            Change::Enrolled => {
                let of_another = self.0.iter().find(|r| r.key == enrolment.key && r.name != enrolment.name);
                let spelled = self.0.iter().find(|r| same_name(&r.name) == same_name(&enrolment.name) && r.name != enrolment.name);
                if enrolment.name.trim().is_empty() {
                    Some(Objection::NoName)
                } else if let Some(other) = of_another {
                    Some(Objection::KeyOfAnother(other.name.clone()))
                } else if let Some(known) = spelled {
                    Some(Objection::Spelled(known.name.clone()))
                } else if self.0.is_empty() && enrolment.role != Role::Approver {
                    Some(Objection::FirstIsNoApprover)
                } else if current.iter().any(|r| r.key == enrolment.key) {
                    Some(Objection::Already(enrolment.name.clone()))
                } else {
                    self.passkey_objection(&enrolment.key)
                }
            }
            Change::Removed if !current.iter().any(|r| r.key == enrolment.key) => Some(Objection::NoSuchKey),
            Change::Removed if current.iter().any(|r| r.key == enrolment.key && (r.role != enrolment.role || r.name != enrolment.name)) => {
                Some(Objection::OtherNameOrRole)
            }
            Change::Removed if enrolment.role == Role::Approver && current.iter().filter(|r| r.role == Role::Approver).count() == 1 => {
                Some(Objection::LastApprover)
            }
            Change::Removed => None,
        }
    }
}

/// Why a change of the responders' table cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// Nobody's name.
    #[error("a responder has a name")]
    NoName,
    /// Somebody else's key.
    #[error("this key is {0}'s: two people do not share one")]
    KeyOfAnother(String),
    /// A name that is another one but for its spelling.
    #[error("{0} is enrolled in another spelling: write the name so")]
    Spelled(String),
    /// The first must be able to make others.
    #[error("the first responder is an approver (--role approver): nobody else could make one")]
    FirstIsNoApprover,
    /// The same key again.
    #[error("this key of {0} is enrolled already")]
    Already(String),
    /// The same passkey again.
    #[error("a passkey of this name was enrolled before: make a new one")]
    PasskeyAgain,
    /// No passkey.
    #[error(transparent)]
    Passkey(PasskeyProblem),
    /// A key that nobody has.
    #[error("no such key is enrolled")]
    NoSuchKey,
    /// Nobody of that name has such a key.
    #[error("{name:?} is not enrolled with such a key: {}", if enrolled.is_empty() { "nobody is".to_owned() } else { format!("enrolled are {enrolled}") })]
    NotOfThatName {
        /// The name.
        name: String,
        /// Who is.
        enrolled: String,
    },
    /// A key that is there for something else.
    #[error("the key is enrolled for another name or role")]
    OtherNameOrRole,
    /// Nobody could approve any more.
    #[error("it is the last approver's: enrol another first, or nobody could approve any more")]
    LastApprover,
    /// The first enrolment by another key.
    #[error("the first responder signs their own enrolment, with the key that is enrolled")]
    NotByItself,
}

/// A name as it is compared: case and blanks make no other person.
pub fn same_name(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Signs a text by a responder's key and returns the armoured signature; what went wrong, in words, else.
pub type SignText = dyn Fn(&[u8], &str) -> Result<String, String> + Send + Sync;

/// How decisions are signed: by a key that this program never sees.
#[derive(Clone)]
pub struct Signer(pub Arc<SignText>);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

/// Why a decision was not entered.
#[derive(Debug, thiserror::Error)]
pub enum NotSigned {
    /// No key was given.
    #[error(
        "this case has responders, so whoever decides signs: give your key with --sign-with FILE (a private key, or the public half of one in the agent); whoever has a passkey decides in the console (`strandline serve CASE`)"
    )]
    NoKey,
    /// Nobody is enrolled.
    #[error("nobody is enrolled in this case, so a signature would say nothing: begin with `strandline responders CASE add NAME --key FILE --role approver`")]
    NobodyEnrolled,
    /// The first is enrolled by whoever opened the case.
    #[error("the first responder is enrolled by whoever opened the case, {0}: --responder {0:?}")]
    NotTheOpener(String),
    /// Signing failed.
    #[error("the decision was not signed: {0}")]
    Failed(String),
    /// The signature is not one of this text.
    #[error("the signature does not fit: {0}")]
    Wrong(SignatureProblem),
    /// The key is nobody's.
    #[error("the key {0} is not enrolled in this case, or was removed: `strandline responders CASE` lists who is")]
    NotEnrolled(String),
    /// The key is somebody else's.
    #[error("the key is {holder}'s, and the decision is in the name of {name}: --responder {holder:?}")]
    OtherName {
        /// Whose the key is.
        holder: String,
        /// In whose name the decision is.
        name: String,
    },
    /// A responder approves.
    #[error("{0} is enrolled to decide, not to approve or to make approvers: an approver does that")]
    NotAnApprover(String),
    /// A role that may not decide this.
    #[error("{name} is enrolled as {}, who may not {}: somebody who may does that", .role.as_str(), .right.as_str())]
    NotTheirs {
        /// Whose the key is.
        name: String,
        /// What they are enrolled for.
        role: Role,
        /// What it takes.
        right: Right,
    },
    /// A change that cannot be.
    #[error(transparent)]
    Enrolment(#[from] Objection),
}

/// Characters of what names a case in an address line.
const SHORT_NAME_CHARS: usize = 8;

/// The kind of statements that approve something, or what it begins with (`approval/contain`): an approver signs them.
pub const APPROVAL: &str = "approval";

impl Case {
    /// How decisions are signed from here on.
    pub fn sign_with(&mut self, signer: Signer) {
        self.signer = Some(signer);
    }

    /// Who may decide in this case; nobody is enrolled in one whose decisions are typed names.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn responders(&self) -> Result<Responders, CaseError> {
        Ok(walk(self.ledger(), Walk::Enrolments)?.responders)
    }

    /// Whose signature this is over a text that says who is there: somebody who is enrolled now.
    ///
    /// # Errors
    /// If it is no such signature, its key is nobody's here, or the ledger cannot be read.
    pub fn who_signs_in(&self, text: &[u8], signature: &str) -> Result<Responder, CaseError> {
        let wrong = |problem: SignatureProblem| NotSigned::Wrong(problem);
        let key = check_for(SIGN_IN, signature, text).map_err(wrong)?;
        self.check_counter(signature, &key)?;
        Ok(self.responders()?.holder(&key).cloned().ok_or_else(|| NotSigned::NotEnrolled(fingerprint(&key)))?)
    }

    /// Names the case in an address line: tells nothing of it, and is always the same. Two cases of one folder's name are two.
    ///
    /// # Errors
    /// If the case has lost its salt.
    pub fn short_name(&self) -> Result<String, CaseError> {
        let digest = self.require_salt()?.digest(b"the case in an address line");
        Ok(digest.chars().take(SHORT_NAME_CHARS).collect())
    }

    /// The text that signs somebody in, by a number that was drawn for it alone.
    pub fn sign_in_text(&self, number: &str) -> String {
        sign_in_text(&self.manifest().origin, number)
    }

    /// Whether a passkey counted on since the ledger has it last. (A sign-in is no entry: whoever lets people in keeps its count.)
    fn check_counter(&self, signature: &str, key: &str) -> Result<(), CaseError> {
        let Ok(assertion) = Assertion::of_text(signature) else { return Ok(()) };
        for index in (0..self.ledger().size()).rev() {
            let entry = self.ledger().entry(index)?;
            let earlier = entry.signature.as_deref().filter(|text| Assertion::is_text(text)).and_then(|text| Assertion::of_text(text).ok());
            if let Some(earlier) = earlier.filter(|earlier| earlier.key().to_line() == key) {
                return if has_risen(earlier.counter(), assertion.counter()) { Ok(()) } else { Err(NotSigned::Wrong(PasskeyProblem::Counter.into()).into()) };
            }
        }
        Ok(())
    }

    /// Who signed an entry, if the signature holds and its key was enrolled then.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn signer_of(&self, index: u64) -> Result<Option<Responder>, CaseError> {
        Ok(self.signer_among(&self.responders()?, index, &self.ledger().entry(index)?))
    }

    /// The same for an entry that was read already, among all who were ever enrolled: a page of entries asks for those once.
    pub fn signer_among(&self, responders: &Responders, index: u64, entry: &Entry) -> Option<Responder> {
        let key = check(entry.signature.as_ref()?, &signed_text(self.ledger().origin(), index, entry)).ok()?;
        let then = |r: &&Responder| r.key == key && r.enrolled < index && r.removed.is_none_or(|removed| removed > index) && r.name == entry.actor;
        responders.iter().find(then).cloned()
    }

    /// Enrols or removes a key: a decision of its own, signed by somebody enrolled before; the first by itself.
    ///
    /// # Errors
    /// If the change cannot be made, nobody who may signs it, or the case cannot be written.
    pub fn change_responders(&mut self, enrolment: Enrolment, actor: &str, time: Instant, version: &str) -> Result<u64, CaseError> {
        self.require_writable()?;
        let responders = self.responders()?;
        if let Some(objection) = responders.objection(&enrolment) {
            return Err(NotSigned::Enrolment(objection).into());
        }
        if responders.is_empty() && self.ledger().size() > 0 {
            let opener = self.ledger().entry(0)?.actor;
            if same_name(&opener) != same_name(actor) && same_name(&opener) != same_name(&enrolment.name) {
                return Err(NotSigned::NotTheOpener(opener).into());
            }
        }
        let actor = if responders.is_empty() { enrolment.name.clone() } else { actor.to_owned() };
        let mut entry = Entry::new(EntryKind::Decision, Function::Respond, &actor, time, version);
        entry.stage = Some("responders".to_owned());
        entry.enrolment = Some(enrolment);
        self.append_decision(entry)
    }

    /// Enters what somebody decided. Once anybody is enrolled, it is signed first, by somebody who is.
    pub(crate) fn append_decision(&mut self, mut entry: Entry) -> Result<u64, CaseError> {
        let responders = self.responders()?;
        match (&self.signer, responders.is_empty(), &entry.enrolment) {
            (None, true, None) => return Ok(self.ledger_mut()?.append(&[entry])?.start),
            (None, ..) => return Err(NotSigned::NoKey.into()),
            (Some(_), true, None) => return Err(NotSigned::NobodyEnrolled.into()),
            (Some(signer), ..) => {
                let text = signed_text(self.ledger().origin(), self.ledger().size(), &entry);
                let signature = (signer.0)(&text, NAMESPACE).map_err(NotSigned::Failed)?;
                let key = check(&signature, &text).map_err(NotSigned::Wrong)?;
                self.check_counter(&signature, &key)?;
                entry.signature = Some(signature);
                may_sign(&responders, &entry, &key)?;
            }
        }
        Ok(self.ledger_mut()?.append(&[entry])?.start)
    }
}

/// Whether a passkey's counter rose (7.2, step 22); one that never counts says 0.
pub fn has_risen(before: u32, now: u32) -> bool {
    (before == 0 && now == 0) || now > before
}

/// Whether the holder of a key may sign an entry.
pub(crate) fn may_sign(responders: &Responders, entry: &Entry, key: &str) -> Result<(), NotSigned> {
    if let (true, Some(first)) = (responders.is_empty(), &entry.enrolment) {
        let itself = first.key == key && first.change == Change::Enrolled && first.name == entry.actor;
        let other = || NotSigned::Enrolment(Objection::NotByItself);
        return if itself { Ok(()) } else { Err(other()) };
    }
    let holder = responders.holder(key).ok_or_else(|| NotSigned::NotEnrolled(fingerprint(key)))?;
    if holder.name != entry.actor {
        return Err(NotSigned::OtherName { holder: holder.name.clone(), name: entry.actor.clone() });
    }
    let right = Right::of(entry);
    match holder.role {
        role if role.may(right) => Ok(()),
        Role::Responder if right == Right::Approve => Err(NotSigned::NotAnApprover(holder.name.clone())),
        role => Err(NotSigned::NotTheirs { name: holder.name.clone(), role, right }),
    }
}
