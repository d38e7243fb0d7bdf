//! What people write: sealed by `age` to a key that only the case has, and proved by the code of the letter. The host that takes a
//! message can neither read it again nor make up another in somebody's name.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use age::secrecy::ExposeSecret;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use strandline_model::personal::Personal;
use strandline_model::time::Instant;

use crate::files;
use crate::key::{CardKeys, CardName};

/// Every message is padded to this before it is sealed, so that its size tells nothing of it, bytes.
const PADDED_BYTES: usize = 32 << 10;
/// Longest file of the inbox: what `age` adds is some hundred bytes.
const FILE_BYTES_LIMIT: u64 = 40 << 10;

/// Where messages wait, and where their names stay when they were taken.
pub(crate) const INBOX: &str = "inbox";
pub(crate) const TAKEN: &str = "taken";
const ENDING: &str = ".age";

/// What a message is about; the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody fears for their safety.
    Safety,
    /// The letter was for somebody else.
    NotMe,
    /// Is a message really from the organisation? Its text.
    Check,
    /// A question.
    Question,
    /// The address is no longer right.
    Moved,
}

impl Kind {
    /// All, the gravest first.
    pub const ALL: [Self; 5] = [Self::Safety, Self::NotMe, Self::Check, Self::Question, Self::Moved];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Safety => "safety",
            Self::Check => "check",
            Self::Question => "question",
            Self::NotMe => "not_me",
            Self::Moved => "moved",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// How the person wants the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// On this page.
    Page,
    /// By a letter to the address on record.
    Post,
    /// By a call.
    Phone,
}

impl Way {
    /// All.
    pub const ALL: [Self; 3] = [Self::Page, Self::Post, Self::Phone];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Post => "post",
            Self::Phone => "phone",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == word)
    }
}

/// Names a message: 128 random bits in hexadecimal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId(CardName);

impl MessageId {
    /// A new one, of random bits.
    pub fn new(bits: [u8; 16]) -> Self {
        Self(CardName::of_bytes(bits))
    }

    /// That of what a form sent: the same sent twice is one message, and other words of the same form are another. Only who has the code
    /// can make it, so that nobody takes another's name.
    pub(crate) fn of_form(keys: &CardKeys, parts: [&str; 4]) -> Self {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(keys.message()).expect("HMAC takes a key of any length");
        mac.update(b"strandline support form v1\0");
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let bytes = mac.finalize().into_bytes();
        Self::new(std::array::from_fn(|place| bytes[place]))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for MessageId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        CardName::try_from(text).map(Self).map_err(|_| "no name of a message")
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> Self {
        id.0.into()
    }
}

/// What somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Names it.
    pub id: MessageId,
    /// From whose card.
    pub card: CardName,
    /// What it is about.
    pub kind: Kind,
    /// The language that the person was reading.
    pub language: String,
    /// How they want the answer.
    pub way: Way,
    /// Their words.
    pub text: Personal<String>,
    /// How they can be reached, in their words, where they say so.
    pub reach: Option<Personal<String>>,
    /// When, by the clock of the host.
    pub written_at: Instant,
}

/// Why a message was not sealed, or cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// It has too many words.
    #[error("the message is too long: at most {PADDED_BYTES} bytes with all that belongs to it")]
    TooLong,
    /// It could not be sealed; our bug.
    #[error("the message could not be sealed")]
    Seal,
    /// No key of ours.
    #[error("this is not the key that `age` makes")]
    NoKey,
    /// It is sealed to another key, or a byte of it was changed.
    #[error("it does not open with the case's key: it was changed, or is of another case")]
    DoesNotOpen,
    /// It opens, and is none of ours.
    #[error("it opens, and is no message as the support page writes it: somebody else put it there")]
    Foreign,
    /// It was not written with the code of the card that it names.
    #[error("it was not written with the code of the letter: somebody put it there who has the host, and not the letter")]
    NotProved,
    /// A file could not be read or put aside.
    #[error("{} cannot be read or put aside", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// The case's public key: who has it can seal.
#[derive(Clone)]
pub struct Recipient(age::x25519::Recipient);

impl Recipient {
    /// As it is written: `age1…`.
    pub fn to_text(&self) -> String {
        self.0.to_string()
    }
}

impl FromStr for Recipient {
    type Err = MessageError;
    fn from_str(text: &str) -> Result<Self, MessageError> {
        text.trim().parse().map(Self).map_err(|_| MessageError::NoKey)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// The case's secret key: who has it can read what people wrote.
pub struct SecretKey(age::x25519::Identity);

impl SecretKey {
    /// A new one, from the system's generator.
    pub fn generate() -> Self {
        Self(age::x25519::Identity::generate())
    }

    /// Its public half.
    pub fn recipient(&self) -> Recipient {
        Recipient(self.0.to_public())
    }

    /// The secret itself, for its file.
    pub fn expose_secret(&self) -> String {
        self.0.to_string().expose_secret().to_owned()
    }
}

impl FromStr for SecretKey {
    type Err = MessageError;
    fn from_str(text: &str) -> Result<Self, MessageError> {
        text.trim().parse().map(Self).map_err(|_| MessageError::NoKey)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// What is sealed: the message, and the proof that its writer had the code.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    body: Personal<String>,
    proof: String,
}

/// A message that was opened, and not yet proved.
#[derive(Debug)]
pub struct Unproved {
    message: Message,
    body: Personal<String>,
    proof: String,
}

impl Unproved {
    /// The card that it names.
    pub fn card(&self) -> &CardName {
        &self.message.card
    }

    /// The message, once it is shown to be written with the code that gives these keys.
    ///
    /// # Errors
    /// If it is not.
    pub fn prove(self, keys: &CardKeys) -> Result<Message, MessageError> {
        let proof = unhex(&self.proof).ok_or(MessageError::NotProved)?;
        let is_right = keys.name == self.message.card && mac(keys, self.body.expose_personal()).verify_slice(&proof).is_ok();
        if is_right { Ok(self.message) } else { Err(MessageError::NotProved) }
    }
}

/// Seals a message.
///
/// # Errors
/// If it is too long.
pub(crate) fn seal(message: &Message, keys: &CardKeys, recipient: &Recipient) -> Result<Vec<u8>, MessageError> {
    let body = serde_json::to_string(message).map_err(|_| MessageError::Seal)?;
    let proof = mac(keys, &body).finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut plain = serde_json::to_vec(&Envelope { body: Personal::new(body), proof }).map_err(|_| MessageError::Seal)?;
    if plain.len() > PADDED_BYTES {
        return Err(MessageError::TooLong);
    }
    // JSON lets blanks follow.
    plain.resize(PADDED_BYTES, b' ');
    age::encrypt(&recipient.0, &plain).map_err(|_| MessageError::Seal)
}

/// Opens a message.
fn open(bytes: &[u8], id: &MessageId, secret: &SecretKey) -> Result<Unproved, MessageError> {
    let plain = age::decrypt(&secret.0, bytes).map_err(|_| MessageError::DoesNotOpen)?;
    let Envelope { body, proof } = serde_json::from_slice(&plain).map_err(|_| MessageError::Foreign)?;
    let message: Message = serde_json::from_str(body.expose_personal()).map_err(|_| MessageError::Foreign)?;
    // Under another name it could be entered twice.
    if message.id == *id { Ok(Unproved { message, body, proof }) } else { Err(MessageError::Foreign) }
}

fn mac(keys: &CardKeys, body: &str) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(keys.message()).expect("HMAC takes a key of any length");
    mac.update(b"strandline support message v1\0");
    mac.update(body.as_bytes());
    mac
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (text.len().is_multiple_of(2) && text.is_ascii()).then_some(())?;
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// The messages of a bundle that wait, for whoever collects them.
#[derive(Debug)]
pub struct Inbox {
    folder: PathBuf,
    taken: PathBuf,
}

impl Inbox {
    /// Of the bundle in this folder.
    pub fn of(bundle: &Path) -> Self {
        Self { folder: bundle.join(INBOX), taken: bundle.join(TAKEN) }
    }

    /// Messages that wait, by name. What has another name is nobody's message.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn waiting(&self) -> Result<Vec<MessageId>, MessageError> {
        let file = |source| MessageError::File { path: self.folder.clone(), source };
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(file)? {
            let name = entry.map_err(file)?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(ENDING));
            ids.extend(stem.and_then(|stem| MessageId::try_from(stem.to_owned()).ok()));
        }
        ids.sort();
        Ok(ids)
    }

    /// Opens one.
    ///
    /// # Errors
    /// If it cannot be read or is none of ours.
    pub fn open(&self, id: &MessageId, secret: &SecretKey) -> Result<Unproved, MessageError> {
        let path = self.path(id);
        let bytes = files::read(&path, FILE_BYTES_LIMIT).map_err(|source| MessageError::File { path, source })?;
        open(&bytes, id, secret)
    }

    /// Marks one as taken and removes it. Killed in between, the same again does the rest.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn take(&self, id: &MessageId) -> Result<(), MessageError> {
        let path = self.path(id);
        let taken = || -> io::Result<()> {
            files::create_folder(&self.taken)?;
            files::write(&self.taken, id.as_str(), b"")?;
            files::flush(&self.taken)?;
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => files::flush(&self.folder),
            }
        };
        taken().map_err(|source| MessageError::File { path: path.clone(), source })
    }

    fn path(&self, id: &MessageId) -> PathBuf {
        self.folder.join(file_name(id))
    }
}

/// Whether a file of the inbox is a message.
pub(crate) fn is_file_name(name: &std::ffi::OsStr) -> bool {
    let stem = name.to_str().and_then(|name| name.strip_suffix(ENDING));
    stem.is_some_and(|stem| MessageId::try_from(stem.to_owned()).is_ok())
}

/// What the file of a message is called.
pub(crate) fn file_name(id: &MessageId) -> String {
    format!("{}{ENDING}", id.as_str())
}

#[cfg(test)]
mod tests {
    use strandline_model::code::SupportCode;

    use super::*;
    use crate::key::Parameters;

    fn keys(seed: u8) -> CardKeys {
        CardKeys::derive(&SupportCode::from_bits([seed; 10]), &[5; 16], Parameters { memory_kib: 64, passes: 1 })
    }

    fn message(text: &str) -> Message {
        Message {
            id: MessageId::new([9; 16]),
            card: keys(1).name,
            kind: Kind::Safety,
            language: "zh-Hant".into(),
            way: Way::Phone,
            text: Personal::new(text.into()),
            reach: None,
            written_at: Instant(7),
        }
    }

    #[test]
    fn what_was_sealed_opens_with_the_secret_and_all_have_one_size() {
        let secret = SecretKey::generate();
        let (short, long) = (message("x"), message(&"地址".repeat(2000)));
        let sealed = [&short, &long].map(|message| seal(message, &keys(1), &secret.recipient()).expect("it fits"));
        // What age adds is the same but for a stanza of random length, which no reader knows.
        assert!(sealed.iter().all(|sealed| (PADDED_BYTES..PADDED_BYTES + 1024).contains(&sealed.len())));
        let opened = open(&sealed[1], &long.id, &secret).expect("it opens").prove(&keys(1)).expect("it is proved");
        assert_eq!(opened, long);
        assert!(matches!(open(&sealed[0], &long.id, &SecretKey::generate()), Err(MessageError::DoesNotOpen)));
        assert!(matches!(open(&sealed[0], &MessageId::new([8; 16]), &secret), Err(MessageError::Foreign)));
        let read_again: SecretKey = secret.expose_secret().parse().expect("a key");
        assert!(open(&sealed[0], &short.id, &read_again).is_ok());
    }

    #[test]
    fn who_has_the_host_and_not_the_letter_makes_no_message() {
        let secret = SecretKey::generate();
        let forged = seal(&message("send the letters elsewhere"), &keys(2), &secret.recipient()).expect("it fits");
        let opened = open(&forged, &MessageId::new([9; 16]), &secret).expect("the key is public");
        assert!(matches!(opened.prove(&keys(1)), Err(MessageError::NotProved)));
        let opened = open(&forged, &MessageId::new([9; 16]), &secret).expect("the key is public");
        assert!(matches!(opened.prove(&keys(2)), Err(MessageError::NotProved)), "it names another card");
        let plain = age::encrypt(&secret.recipient().0, b"hello").expect("it seals");
        assert!(matches!(open(&plain, &MessageId::new([9; 16]), &secret), Err(MessageError::Foreign)));
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let secret = SecretKey::generate();
        assert!(matches!(seal(&message(&"\"".repeat(30_000)), &keys(1), &secret.recipient()), Err(MessageError::TooLong)));
    }

    #[test]
    fn a_message_does_not_print_itself() {
        assert!(!format!("{:?}", message("my address is")).contains("address"));
    }
}
