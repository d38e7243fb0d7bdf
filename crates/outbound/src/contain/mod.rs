//! Cutting an intruder off: one file a kind of target behind one trait, and the wave that applies a plan of them as one.
//!
//! It does what was approved and no more. What is to be done and what has become of it stands behind [`Journal`], which the
//! conductor implements; what each connector does, what it cannot, and which side doors it looks at, is told in
//! `docs/containment.md`, and how to write one in `docs/adding-a-connector.md`.

mod contract;
mod dial;
mod error;
mod guard;
mod http;
mod keys;
mod ldap;
mod linux;
mod machine;
mod mysql;
mod mysql_admins;
mod mysql_grants;
mod mysql_views;
mod nftables;
mod nginx_text;
mod ours;
mod postgres;
mod session_table;
mod sessions;
mod sign_in;
mod state;
mod taken;
mod tls;
mod version;
mod wave;
mod web;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strandline_model::containment::Effect;
use strandline_model::estate::{BreakGlass, Target, TargetKind};

pub use error::ContainError;
pub use guard::NeverTouch;
pub use ours::{Ours, strays};
pub use state::{Difference, Held, Stands, TargetState, compare};
pub use wave::{Done, Force, Journal, Planned, STOOD_THERE, Wave, WaveError, plan};

use crate::smtp::Secret;

/// Evidence is taken for so long before a cut, unless somebody says otherwise: an intruder is in meanwhile.
const EVIDENCE: Duration = Duration::from_secs(120);

/// What a target held as evidence before the cut.
#[derive(Clone, PartialEq, Eq)]
pub struct Captured {
    /// What it is: `pg_stat_activity.json`.
    pub name: String,
    /// Its bytes, which may be about people.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Captured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes.len())
    }
}

/// What was captured of a target, and what could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// What was.
    pub pieces: Vec<Captured>,
    /// What was not, or will be lost by the cut, each with its reason.
    pub lost: Vec<String>,
}

/// Whether a cut holds. There is no fourth answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was tried from outside, or nothing is left to try, and nothing got through.
    Effective,
    /// It could not be tried: [`Verdict::untested`] says why.
    NotTestable,
    /// Something gets through: [`Verdict::doors`] names it.
    NotEffective,
}

/// What verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What was looked at or tried, and held.
    pub held: Vec<String>,
    /// Doors that are open, each by name.
    pub doors: Vec<String>,
    /// What could not be tried, and why.
    pub untested: Vec<String>,
    /// What somebody should know although it opens no door of this action.
    pub remarks: Vec<String>,
    /// Whether the target did not answer, so that nobody could look.
    #[serde(default)]
    pub is_blind: bool,
}

impl Verdict {
    /// The answer in a word.
    pub fn answer(&self) -> Answer {
        if !self.doors.is_empty() {
            Answer::NotEffective
        } else if !self.untested.is_empty() {
            Answer::NotTestable
        } else {
            Answer::Effective
        }
    }

    /// Notes what held or which door is open.
    pub(crate) fn note(&mut self, holds: bool, held: impl Into<String>, door: impl Into<String>) {
        if holds { self.held.push(held.into()) } else { self.doors.push(door.into()) }
    }
}

/// How a target is spoken to, for every connector.
#[derive(Clone, Debug)]
pub struct Manner {
    /// How long one answer may take.
    pub patience: Duration,
    /// How long evidence may take, of all targets together.
    pub evidence: Duration,
    /// What is never touched.
    pub never: NeverTouch,
    /// Secrets that may be used to try a door, by target and account. They are never kept.
    pub keys: BTreeMap<(String, String), Secret>,
    /// How long the lease is, where the target itself can end the cut.
    pub lease: Option<Duration>,
    /// Marks what is ours in a target: of which case.
    pub mark: String,
}

impl Manner {
    /// For a case, with defaults.
    pub fn new(mark: impl Into<String>, breakglass: Vec<BreakGlass>) -> Self {
        Self {
            patience: Duration::from_secs(10),
            evidence: EVIDENCE,
            never: NeverTouch::new(breakglass),
            keys: BTreeMap::new(),
            lease: None,
            mark: mark.into(),
        }
    }

    fn key(&self, target: &str, account: &str) -> Option<&Secret> {
        self.keys.get(&(target.to_owned(), account.to_owned()))
    }
}

/// What one kind of target must be able to do. Each call may be repeated: a run that was killed does not know how far it came.
pub trait Connector: Send {
    /// Refuses what is never cut off there: of the estate's list, our own way in, the last administrator. Asked when a plan is made
    /// and again before each effect, and never of the way back: what stands there must be read and taken back whatever was put on
    /// a list since. Changes nothing.
    ///
    /// # Errors
    /// If it must not be touched, or the target does not answer.
    fn refuse_protected(&mut self, effect: &Effect) -> Result<(), ContainError>;

    /// What the effect would change, as it stands now. Changes nothing.
    ///
    /// # Errors
    /// If the target does not answer, or the effect's subject is not there.
    fn read(&mut self, effect: &Effect) -> Result<TargetState, ContainError>;

    /// The same of an effect that was planned, with what stood there then: sessions are those of that time, and no later ones.
    ///
    /// # Errors
    /// As for [`Connector::read`].
    fn read_again(&mut self, effect: &Effect, _before: &TargetState) -> Result<TargetState, ContainError> {
        self.read(effect)
    }

    /// What is to stand there afterwards. `random` makes secrets that nobody is to know.
    ///
    /// # Errors
    /// If the effect would change nothing, or cannot be had here.
    fn meant(&mut self, effect: &Effect, before: &TargetState, random: &mut dyn FnMut() -> [u8; 32]) -> Result<TargetState, ContainError>;

    /// Evidence that the cut would destroy, and what of it cannot be had. Changes nothing.
    ///
    /// # Errors
    /// If the target does not answer.
    fn capture(&mut self, effect: &Effect) -> Result<Capture, ContainError>;

    /// Brings what is not yet as meant there. What is so already is left alone.
    ///
    /// # Errors
    /// If the target refuses; then some values can be as before, and some as meant.
    fn apply(&mut self, effect: &Effect, meant: &TargetState) -> Result<(), ContainError>;

    /// Tries the doors. Changes nothing.
    ///
    /// # Errors
    /// If the target does not answer.
    fn verify(&mut self, effect: &Effect, before: &TargetState, meant: &TargetState) -> Result<Verdict, ContainError>;

    /// Brings what is not yet as before there again.
    ///
    /// # Errors
    /// If the target refuses.
    fn undo(&mut self, effect: &Effect, before: &TargetState) -> Result<(), ContainError>;

    /// Everything that bears our mark there, of whatever case. Nothing where the target holds no mark (a role without login looks
    /// as somebody else's). Changes nothing.
    ///
    /// # Errors
    /// If the target does not answer.
    fn ours(&mut self) -> Result<Vec<Ours>, ContainError> {
        Ok(Vec::new())
    }

    /// What an effect leaves there while it is applied, in the words of [`Connector::ours`].
    ///
    /// # Errors
    /// If the target does not answer.
    fn leaves(&mut self, _effect: &Effect) -> Result<Vec<String>, ContainError> {
        Ok(Vec::new())
    }
}

/// A target and the secret for it.
#[derive(Clone, Debug)]
pub struct Reach {
    /// What the estate says of it.
    pub target: Target,
    /// The password, or the key that signs.
    pub secret: Option<Secret>,
    /// Certificate authorities of the organisation, PEM.
    pub authorities: Option<String>,
    /// Why its secret or its authorities could not be had; then it is not spoken to.
    pub missing: Option<String>,
    /// Poolers that stand before it.
    pub poolers: Vec<Reach>,
}

impl Reach {
    /// Refuses where something that it needs could not be had.
    pub(crate) fn complete(&self) -> Result<(), ContainError> {
        match &self.missing {
            Some(why) => Err(ContainError::Unusable { target: self.target.name.clone(), why: why.clone() }),
            None => Ok(()),
        }
    }
}

/// A connector for a target.
///
/// # Errors
/// If there is no such target, or it does not let us in.
pub fn connect(reach: &Reach, manner: &Manner) -> Result<Box<dyn Connector>, ContainError> {
    reach.complete()?;
    match reach.target.kind {
        TargetKind::Postgres => Ok(Box::new(postgres::Postgres::connect(reach, manner)?)),
        TargetKind::Webhook | TargetKind::Exec => Ok(Box::new(contract::Contract::connect(reach, manner)?)),
        TargetKind::Ldap | TargetKind::ActiveDirectory => Ok(Box::new(ldap::Ldap::connect(reach, manner)?)),
        TargetKind::Linux => Ok(Box::new(linux::Linux::connect(reach, manner)?)),
        TargetKind::Mysql => Ok(Box::new(mysql::Mysql::connect(reach, manner)?)),
        TargetKind::Nftables => Ok(Box::new(nftables::Nftables::connect(reach, manner)?)),
        TargetKind::Sessions if reach.target.session_column.is_some() => Ok(Box::new(session_table::SessionTable::connect(reach, manner)?)),
        TargetKind::Sessions => Ok(Box::new(sessions::Sessions::connect(reach, manner)?)),
        TargetKind::Web => Ok(Box::new(web::Web::connect(reach, manner)?)),
        TargetKind::Pgbouncer => Ok(Box::new(postgres::Pgbouncer::connect(reach, manner)?)),
    }
}
