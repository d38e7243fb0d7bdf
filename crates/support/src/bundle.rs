//! The bundle: a folder with a manifest that says how its cards are opened, and the cards. It is written by whoever has the case, and
//! read by the server, which also puts into it what people write.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strandline_model::code::SupportCode;
use strandline_model::time::Instant;
use zeroize::Zeroizing;

use crate::card::Card;
use crate::files;
use crate::key::{CardKeys, CardName, Parameters, SALT_BYTES};
use crate::message::{INBOX, MessageId, Recipient, TAKEN};
use crate::seal::{self, OVERHEAD};

const MANIFEST: &str = "manifest.json";
const CARDS: &str = "cards";
const OWN: &str = "own";

/// The form of a bundle that this version writes and reads.
const FORM: u32 = 2;
/// The oldest form that is read: its cards lack what the desk has.
const OLDEST_FORM: u32 = 1;

/// Cards have a length that is a multiple of this, all of a bundle the same, bytes.
const STEP_BYTES: usize = 4096;
/// Longest card that a server reads, bytes.
const CARD_BYTES_LIMIT: usize = 1 << 20;
/// Longest manifest, bytes.
const MANIFEST_BYTES_LIMIT: u64 = 256 << 10;
/// Length of what is kept of a person's ticks and messages, bytes.
const OWN_BYTES: usize = 8192;
/// The number of files is a multiple of this, so that it tells the number of people only roughly.
const COUNT_STEP: usize = 100;
/// Cards that are written together, so that memory does not grow with their number.
const WRITTEN_AT_ONCE: usize = 256;

/// Whom to ask, as the public page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Office or person, by language tag.
    pub name: BTreeMap<String, String>,
    /// Telephone.
    pub phone: Option<String>,
    /// E-mail.
    pub email: Option<String>,
    /// Opening hours, by language tag.
    #[serde(default)]
    pub hours: BTreeMap<String, String>,
}

/// What the server needs to know, and everybody may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    form: u32,
    /// Names this publication: the folder of its cards.
    generation: CardName,
    salt: CardName,
    argon2id: Parameters,
    card_bytes: usize,
    /// The case's public key.
    recipient: String,
    /// The organisation, by language tag.
    pub organisation: BTreeMap<String, String>,
    /// Its domain.
    pub domain: Option<String>,
    /// The reference that letters have.
    pub reference: String,
    /// Whom people may ask.
    pub contact: Option<Contact>,
    /// Whom people may ask when they fear for their safety.
    pub safety: Option<Contact>,
    /// The organisation's time zone: promises end with its days.
    pub time_zone: String,
    /// When it was published.
    pub published_at: Instant,
}

/// What a publication is made with.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The salt of all publications of a case: it keeps a card's name the same.
    pub salt: [u8; SALT_BYTES],
    /// The costs of a derivation.
    pub parameters: Parameters,
    /// To whom messages are sealed.
    pub recipient: Recipient,
    /// Of the case, secret: makes the names of the cards that are nobody's.
    pub decoys: [u8; 32],
    /// The organisation, by language tag.
    pub organisation: BTreeMap<String, String>,
    /// Its domain.
    pub domain: Option<String>,
    /// The reference that letters have.
    pub reference: String,
    /// Whom people may ask.
    pub contact: Option<Contact>,
    /// Whom people may ask when they fear for their safety.
    pub safety: Option<Contact>,
    /// The organisation's time zone.
    pub time_zone: String,
    /// Now.
    pub now: Instant,
}

/// Why a bundle was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The folder holds something else.
    #[error("{} holds files that are no bundle of the support page: choose a new folder", .0.display())]
    NotABundle(PathBuf),
    /// The bundle is of another case.
    #[error("{} is the bundle of another case: people's ticks and messages of that one would be lost. Choose a new folder", .0.display())]
    OtherCase(PathBuf),
    /// Messages that wait in the bundle are sealed to another key.
    #[error(
        "people write to the bundle {} under another key than this case has: what waits there could be read by nobody. Put back support.key from the copy of the case that published it, collect, and publish again; or choose a new folder",
        .0.display()
    )]
    OtherKey(PathBuf),
    /// A card is longer than a server reads.
    #[error("a card has {0} bytes, and the support page reads {CARD_BYTES_LIMIT} at most: shorten the letters or the answers")]
    LongCard(usize),
    /// Two people have one code: our bug.
    #[error("two letters have the same code; nothing was published. Please report this")]
    SameCode,
    /// A file could not be read or written.
    #[error("{} cannot be read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PublishError + '_ {
    |source| PublishError::File { path: path.to_owned(), source }
}

/// Cards on their way into a bundle. They wait in a file without a name, since all must have the length of the longest, and be written
/// in the order of their names: in the order of the register, the disk would tell whose is whose.
pub struct Spool {
    file: File,
    written: u64,
    longest: usize,
    waiting: Vec<(SupportCode, u64, usize)>,
}

impl Spool {
    /// Waits in this file, which has no name and is gone when it is closed.
    pub fn new(file: File) -> Self {
        Self { file, written: 0, longest: 0, waiting: Vec::new() }
    }

    /// Adds the card of whoever has this code. Its place is told back by [`Prepared::names`].
    ///
    /// # Errors
    /// If it is too long, or the disk does not take it.
    pub fn add(&mut self, code: SupportCode, card: &Card) -> Result<(), PublishError> {
        let bytes = Zeroizing::new(serde_json::to_vec(card).expect("texts, numbers and days are JSON"));
        if bytes.len() > CARD_BYTES_LIMIT - OVERHEAD {
            return Err(PublishError::LongCard(bytes.len()));
        }
        self.file.write_all(&bytes).map_err(at(Path::new("(cards that wait)")))?;
        self.waiting.push((code, self.written, bytes.len()));
        self.written += bytes.len() as u64;
        self.longest = self.longest.max(bytes.len());
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Writes all of them into `bundle` as a generation that nothing points to yet; [`Prepared::commit`] makes it the one that is shown.
    ///
    /// # Errors
    /// If the folder is none that this case may publish into, or the disk does not take it. What was shown before still is.
    pub fn publish(mut self, bundle: &Path, terms: &Terms, threads: usize, progress: &mut dyn FnMut(u64, u64)) -> Result<Prepared, PublishError> {
        let before = prepare_folder(bundle, terms)?;
        let card_bytes = (self.longest + OVERHEAD).next_multiple_of(STEP_BYTES);
        let generation = CardName::of_bytes(rand::random());
        let manifest = Manifest {
            form: FORM,
            generation: generation.clone(),
            salt: CardName::of_bytes(terms.salt),
            argon2id: terms.parameters,
            card_bytes,
            recipient: terms.recipient.to_text(),
            organisation: terms.organisation.clone(),
            domain: terms.domain.clone(),
            reference: terms.reference.clone(),
            contact: terms.contact.clone(),
            safety: terms.safety.clone(),
            time_zone: terms.time_zone.clone(),
            published_at: terms.now,
        };
        let bytes = serde_json::to_vec_pretty(&manifest).expect("texts and numbers are JSON");
        let bound = digest(&bytes);
        let keys = derive_all(&self.waiting, terms, threads, progress);
        let names: Vec<CardName> = keys.iter().map(|keys| keys.name.clone()).collect();
        let mut files: BTreeMap<CardName, Option<usize>> = names.iter().cloned().zip((0..).map(Some)).collect();
        if files.len() != names.len() {
            return Err(PublishError::SameCode);
        }
        let mut decoys = decoys(terms);
        while !files.len().is_multiple_of(COUNT_STEP) || files.is_empty() {
            files.entry(decoys.next().expect("decoys do not end")).or_insert(None);
        }
        let folder = bundle.join(CARDS).join(generation.as_str());
        files::create_folder(&folder).map_err(at(&folder))?;
        let in_order: Vec<(&CardName, &Option<usize>)> = files.iter().collect();
        for together in in_order.chunks(WRITTEN_AT_ONCE) {
            let mut sealed = Vec::with_capacity(together.len());
            for (name, place) in together {
                let bytes = match place {
                    Some(place) => self.seal(*place, &keys[*place], (&bound, card_bytes))?,
                    None => noise(card_bytes),
                };
                sealed.push((name.as_str(), bytes));
            }
            files::write_many(&folder, &sealed).map_err(at(&folder))?;
        }
        files::flush(&folder).and_then(|()| files::flush(&bundle.join(CARDS))).map_err(at(&folder))?;
        Ok(Prepared { bundle: bundle.to_owned(), bytes, manifest, names, kept: before.map(|manifest| manifest.generation) })
    }

    fn seal(&mut self, place: usize, keys: &CardKeys, (bound, card_bytes): (&[u8; 32], usize)) -> Result<Vec<u8>, PublishError> {
        let (_, from, length) = &self.waiting[place];
        let mut plain = Zeroizing::new(vec![0; *length]);
        let read = self.file.seek(SeekFrom::Start(*from)).and_then(|_| self.file.read_exact(&mut plain));
        read.map_err(at(Path::new("(cards that wait)")))?;
        Ok(seal::seal(keys.card(), rand::random(), &card_bound(bound, &keys.name), &plain, card_bytes).expect("all cards are as long as the longest"))
    }
}

/// What becomes of the cards that were shown until a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// They stay until the next: whoever reads one at this moment reads on.
    Kept,
    /// They go at once: one of them was withdrawn.
    Removed,
}

/// A publication that lies in the bundle and is not shown yet.
pub struct Prepared {
    bundle: PathBuf,
    bytes: Vec<u8>,
    manifest: Manifest,
    /// What each card is called, in the order in which they were added.
    pub names: Vec<CardName>,
    /// The generation that is shown until now: whoever reads it at this moment finds its cards for a while yet.
    kept: Option<CardName>,
}

impl Prepared {
    /// SHA-256 of the manifest, in hexadecimal, for the ledger.
    pub fn sha256(&self) -> String {
        digest(&self.bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Bytes of each card.
    pub fn card_bytes(&self) -> usize {
        self.manifest.card_bytes
    }

    /// Shows it. Cards of generations before the last are removed, and of the last too, where it is not to be kept.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn commit(self, before: Before) -> Result<(), PublishError> {
        files::write(&self.bundle, MANIFEST, &self.bytes).and_then(|()| files::flush(&self.bundle)).map_err(at(&self.bundle))?;
        let cards = self.bundle.join(CARDS);
        for entry in fs::read_dir(&cards).map_err(at(&cards))?.flatten() {
            let name = entry.file_name().to_str().and_then(|name| CardName::try_from(name.to_owned()).ok());
            if name.as_ref().is_some_and(|name| *name != self.manifest.generation && (before == Before::Removed || Some(name) != self.kept.as_ref())) {
                // What is left of a generation that nothing names is in nobody's way.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        Ok(())
    }
}

/// The folders of a bundle; the manifest that is there already, where it is this case's.
fn prepare_folder(bundle: &Path, terms: &Terms) -> Result<Option<Manifest>, PublishError> {
    files::create_folder(bundle).map_err(at(bundle))?;
    let before = match files::read(&bundle.join(MANIFEST), MANIFEST_BYTES_LIMIT) {
        Ok(bytes) => Some(serde_json::from_slice::<Manifest>(&bytes).map_err(|_| PublishError::NotABundle(bundle.to_owned()))?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(at(&bundle.join(MANIFEST))(source)),
    };
    if before.as_ref().is_some_and(|manifest| manifest.salt != CardName::of_bytes(terms.salt)) {
        return Err(PublishError::OtherCase(bundle.to_owned()));
    }
    if before.as_ref().is_some_and(|manifest| manifest.recipient != terms.recipient.to_text()) {
        return Err(PublishError::OtherKey(bundle.to_owned()));
    }
    let foreign = |name: &str| ![CARDS, INBOX, OWN, TAKEN].contains(&name) && !name.starts_with(files::TEMPORARY);
    let holds_other = fs::read_dir(bundle).map_err(at(bundle))?.flatten().any(|entry| entry.file_name().to_str().is_none_or(foreign));
    if before.is_none() && holds_other {
        return Err(PublishError::NotABundle(bundle.to_owned()));
    }
    for folder in [CARDS, INBOX, OWN, TAKEN] {
        let path = bundle.join(folder);
        files::create_folder(&path).map_err(at(&path))?;
    }
    Ok(before)
}

/// The keys of all codes, in their order, on some threads.
fn derive_all(waiting: &[(SupportCode, u64, usize)], terms: &Terms, threads: usize, progress: &mut dyn FnMut(u64, u64)) -> Vec<CardKeys> {
    const AT_ONCE: usize = 64;
    let threads = threads.clamp(1, 16);
    let mut keys = Vec::with_capacity(waiting.len());
    for batch in waiting.chunks(AT_ONCE * threads) {
        std::thread::scope(|scope| {
            let derive = |part: &[(SupportCode, u64, usize)]| -> Vec<CardKeys> {
                part.iter().map(|(code, ..)| CardKeys::derive(code, &terms.salt, terms.parameters)).collect()
            };
            let running: Vec<_> = batch.chunks(AT_ONCE).map(|part| scope.spawn(move || derive(part))).collect();
            keys.extend(running.into_iter().flat_map(|thread| thread.join().expect("a derivation does not panic")));
        });
        progress(keys.len() as u64, waiting.len() as u64);
    }
    keys
}

/// Names of cards that are nobody's. They stay the same from one publication to the next, as people's do.
fn decoys(terms: &Terms) -> impl Iterator<Item = CardName> + '_ {
    (0_u64..).map(|number| {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&terms.decoys).expect("HMAC takes a key of any length");
        mac.update(&number.to_be_bytes());
        let bytes = mac.finalize().into_bytes();
        CardName::of_bytes(std::array::from_fn(|place| bytes[place]))
    })
}

fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rand::RngCore::fill_bytes(&mut rand::rng(), &mut bytes);
    bytes
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// What a card is tied to: the manifest as it stood when the card was sealed, and the card's name.
fn card_bound(manifest: &[u8; 32], name: &CardName) -> Vec<u8> {
    [b"strandline support card v1\0", manifest.as_slice(), name.as_str().as_bytes()].concat()
}

/// What a person's own file is tied to. Not to the manifest: it outlives it.
fn own_bound(name: &CardName) -> Vec<u8> {
    [b"strandline support own v1\0", name.as_str().as_bytes()].concat()
}

/// Why a bundle cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// There is no bundle.
    #[error("{} is no bundle: `strandline support publish CASE --into FOLDER` makes one", .0.display())]
    NotABundle(PathBuf),
    /// A newer version wrote it.
    #[error("{} has form {form}, and this version reads form {FORM}: use the version that published it, or a newer one", path.display())]
    UnknownForm {
        /// The manifest.
        path: PathBuf,
        /// Its form.
        form: u32,
    },
    /// The manifest asks for what no version of ours writes.
    #[error("{} is not as `support publish` writes it: publish again", .0.display())]
    Damaged(PathBuf),
    /// A file could not be read or written.
    #[error("{} cannot be read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// What a person ticked off, and what they sent.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Own {
    /// Letter and number of an action that is done.
    pub(crate) done: Vec<String>,
    /// Messages, oldest first.
    pub(crate) sent: Vec<SentNote>,
}

/// That a message was sent; not what it says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentNote {
    pub(crate) id: MessageId,
    pub(crate) kind: crate::message::Kind,
    pub(crate) at: Instant,
}

/// The manifest as the server holds it.
pub(crate) struct Current {
    pub(crate) manifest: Manifest,
    pub(crate) salt: [u8; SALT_BYTES],
    pub(crate) recipient: Recipient,
    bound: [u8; 32],
    /// Length and time of change of the file, to see that it is another.
    stamp: (u64, Option<std::time::SystemTime>),
}

/// A bundle that is shown.
pub struct Bundle {
    path: PathBuf,
    current: Mutex<Arc<Current>>,
}

impl Bundle {
    /// Opens one.
    ///
    /// # Errors
    /// If it is none, or not as we write it.
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        let current = Mutex::new(Arc::new(read_manifest(path)?));
        for folder in [INBOX, OWN] {
            let folder = path.join(folder);
            files::create_folder(&folder).and_then(|()| files::remove_temporary(&folder)).map_err(|source| BundleError::File { path: folder, source })?;
        }
        Ok(Self { path: path.to_owned(), current })
    }

    /// The manifest as it stands now. One that cannot be read leaves the one before: it is being put there.
    pub(crate) fn current(&self) -> Arc<Current> {
        let mut current = self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if stamp(&self.path.join(MANIFEST)) != Some(current.stamp)
            && let Ok(read) = read_manifest(&self.path)
        {
            *current = Arc::new(read);
        }
        Arc::clone(&current)
    }

    /// Why the manifest that lies there now is not the one that is shown; `None` where it is.
    pub(crate) fn unread(&self) -> Option<BundleError> {
        let shown = self.current().stamp;
        if stamp(&self.path.join(MANIFEST)) == Some(shown) { None } else { read_manifest(&self.path).err() }
    }

    /// The card that these keys open; `None` if there is none, or it was changed. The work is the same.
    ///
    /// # Errors
    /// If a card that may be there cannot be read: that says nothing of the code.
    pub(crate) fn card(&self, current: &Current, keys: &CardKeys) -> io::Result<Option<Card>> {
        let path = self.path.join(CARDS).join(current.manifest.generation.as_str()).join(keys.name.as_str());
        let limit = current.manifest.card_bytes;
        let sealed = match files::read(&path, limit as u64) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => vec![0; limit],
            read => read?,
        };
        let opened = seal::open(keys.card(), &card_bound(&current.bound, &keys.name), &sealed).map(Zeroizing::new);
        Ok(opened.and_then(|plain| serde_json::from_slice(&plain).ok()))
    }

    /// What the person ticked off and sent; empty where nothing is kept or what is kept was changed.
    pub(crate) fn own(&self, keys: &CardKeys) -> Own {
        let sealed = files::read(&self.path.join(OWN).join(keys.name.as_str()), OWN_BYTES as u64).unwrap_or_default();
        let plain = seal::open(keys.own(), &own_bound(&keys.name), &sealed).map(Zeroizing::new);
        plain.and_then(|plain| serde_json::from_slice(&plain).ok()).unwrap_or_default()
    }

    /// Keeps what the person ticked off and sent.
    pub(crate) fn keep_own(&self, keys: &CardKeys, own: &Own) -> io::Result<()> {
        let plain = Zeroizing::new(serde_json::to_vec(own)?);
        let sealed = seal::seal(keys.own(), rand::random(), &own_bound(&keys.name), &plain, OWN_BYTES).map_err(io::Error::other)?;
        files::write(&self.path.join(OWN), keys.name.as_str(), &sealed)
    }

    /// Puts a sealed message into the inbox. When this returns, it is on the disk.
    pub(crate) fn deliver(&self, id: &MessageId, sealed: &[u8]) -> io::Result<()> {
        let inbox = self.path.join(INBOX);
        files::write(&inbox, &crate::message::file_name(id), sealed)?;
        files::flush(&inbox)
    }

    /// How many messages wait.
    pub(crate) fn waiting(&self) -> io::Result<u64> {
        let is_message = |entry: &io::Result<fs::DirEntry>| entry.as_ref().is_ok_and(|entry| crate::message::is_file_name(&entry.file_name()));
        Ok(fs::read_dir(self.path.join(INBOX))?.filter(is_message).count() as u64)
    }

    /// Whether the message waits in the inbox, or was taken from it.
    pub(crate) fn has_message(&self, id: &MessageId) -> bool {
        self.path.join(INBOX).join(crate::message::file_name(id)).exists() || self.is_taken(id)
    }

    /// Whether somebody has collected the message.
    pub(crate) fn is_taken(&self, id: &MessageId) -> bool {
        self.path.join(TAKEN).join(id.as_str()).exists()
    }
}

fn stamp(path: &Path) -> Option<(u64, Option<std::time::SystemTime>)> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()))
}

fn read_manifest(bundle: &Path) -> Result<Current, BundleError> {
    let path = bundle.join(MANIFEST);
    // Before the bytes: a file that is exchanged in between is read again next time.
    let stamp = stamp(&path).ok_or_else(|| BundleError::NotABundle(bundle.to_owned()))?;
    let bytes = files::read(&path, MANIFEST_BYTES_LIMIT).map_err(|source| BundleError::File { path: path.clone(), source })?;
    #[derive(Deserialize)]
    struct Form {
        form: u32,
    }
    let damaged = || BundleError::Damaged(path.clone());
    let form: Form = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
    if !(OLDEST_FORM..=FORM).contains(&form.form) {
        return Err(BundleError::UnknownForm { path, form: form.form });
    }
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
    let salt = manifest.salt.to_bytes();
    let recipient = manifest.recipient.parse().map_err(|_| damaged())?;
    let sane = manifest.argon2id.are_sane() && (OVERHEAD..=CARD_BYTES_LIMIT + STEP_BYTES).contains(&manifest.card_bytes);
    if !sane {
        return Err(damaged());
    }
    Ok(Current { salt, recipient, bound: digest(&bytes), manifest, stamp })
}

impl Manifest {
    /// The costs of a derivation.
    pub(crate) fn parameters(&self) -> Parameters {
        self.argon2id
    }
}
