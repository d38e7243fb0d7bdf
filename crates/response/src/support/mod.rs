//! The support page as the conductor sees it: it makes the cards, collects what people wrote, and keeps the desk's answers. What a
//! card looks like inside a bundle, and who can open it, is `strandline-support`'s own.

mod cards;
mod collect;
mod desk;
mod publish;
mod sheet;
mod withdrawn;

use std::collections::BTreeMap;
use std::io::Write;

use serde::{Deserialize, Serialize};
use strandline_case::{AtomicFile, Case};
use strandline_support::{CardName, MessageError, PublishError, SALT_BYTES, SecretKey};

pub use collect::{Collected, RefusedMessage};
pub(crate) use desk::last_in_hand;
pub use desk::{DeskError, DeskItem, DeskState, ShownMessage};
pub use publish::Published;
pub(crate) use sheet::{Sheet, tier_section};
pub(crate) use withdrawn::Withdrawn;

use crate::error::ResponseError;
use crate::store;

/// The stage, and its file: whose each card is.
const STAGE: &str = "support";
const STATE: &str = "support.json";
/// The case's secret key: who has it reads what people wrote.
const SECRET: &str = "support.key";

/// Why the support page could not be published, or messages not be collected.
#[derive(Debug, thiserror::Error)]
pub enum SupportError {
    /// The bundle could not be written.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A message or a key.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The key is not there.
    #[error("{SECRET} is not in the case: without it nobody can read what people wrote. Put it back from a copy of the case")]
    NoSecret,
    /// Nothing was published.
    #[error("this case has published no support page: `strandline support publish CASE --into BUNDLE`")]
    NotPublished,
    /// There is no card to publish.
    #[error(
        "no letter of this case was released, so there is no card to publish: have the letters approved (`strandline notify CASE approve`), and publish again"
    )]
    NoCards,
}

/// What the case keeps of its support page.
#[derive(Default, Serialize, Deserialize)]
struct State {
    /// Whose each card is or was: a message can come from one that is shown no more.
    cards: BTreeMap<CardName, String>,
}

impl State {
    fn of(case: &Case) -> Result<Option<Self>, ResponseError> {
        store::read_json(case, STATE)
    }
}

/// The salt of the case's bundles. It is public, and stays the same, so that a card keeps its name.
fn salt(case: &Case) -> Result<[u8; SALT_BYTES], ResponseError> {
    let bytes = seed(case, b"support page salt")?;
    Ok(std::array::from_fn(|place| bytes[place]))
}

/// Bits that follow from the case's salt and say nothing of it.
fn seed(case: &Case, label: &[u8]) -> Result<[u8; 32], ResponseError> {
    let digest = case.salted_digest(label)?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digest.as_bytes().chunks_exact(2)) {
        let digit = |place: usize| (pair[place] as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0);
        *byte = digit(0) << 4 | digit(1);
    }
    Ok(bytes)
}

/// The case's secret key; `None` if it has none yet.
fn secret(case: &Case) -> Result<Option<SecretKey>, ResponseError> {
    let Some(text) = store::read_text(case, SECRET)? else { return Ok(None) };
    Ok(Some(text.parse().map_err(SupportError::from)?))
}

/// The case's secret key; made where there is none. Its file is its owner's alone, and never part of a stage: a hash of it is nobody's
/// business.
fn secret_or_new(case: &Case) -> Result<SecretKey, ResponseError> {
    match (secret(case)?, State::of(case)?) {
        (Some(key), _) => Ok(key),
        // With another key, messages that wait in the bundle could be read by nobody.
        (None, Some(_)) => Err(SupportError::NoSecret.into()),
        (None, None) => {
            let key = SecretKey::generate();
            let mut file = AtomicFile::create_in(case.path())?;
            let written = file.write_all(format!("{}\n", key.expose_secret()).as_bytes());
            written.map_err(|source| ResponseError::Write { path: case.path().join(SECRET), source })?;
            file.commit(SECRET)?;
            Ok(key)
        }
    }
}
