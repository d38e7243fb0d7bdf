//! What is given for targets at the moment of acting, by file: passwords that the estate names files of, and secrets of accounts to try a
//! door with. None of it is ever kept.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use strandline_model::estate::{Target, TargetKind};
use strandline_outbound::Secret;

use crate::cutting::TargetSecrets;

/// Where secrets of targets are, and how long a target is waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretFiles {
    /// A file with the secret of an account, by target and account.
    pub keys: Vec<((String, String), PathBuf)>,
    /// How long one answer may take; none: the usual time.
    pub patience: Option<Duration>,
    /// How long evidence may take before a cut; none: the usual time.
    pub evidence: Option<Duration>,
}

/// Why a secret could not be had. It names files, and no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// A password's file.
    #[error("{about}the password file {} cannot be read", path.display())]
    Unread {
        /// Whose it is, where it is a target's: `target gate: `.
        about: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file without a secret.
    #[error("{about}the password file {} is empty", path.display())]
    Empty {
        /// Whose it is, where it is a target's.
        about: String,
        /// The file.
        path: PathBuf,
    },
    /// The authorities of a target.
    #[error("the authorities {path} cannot be read")]
    Authorities {
        /// The file, as the estate names it.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Nobody could be asked.
    #[error("the password cannot be asked for")]
    Asking(#[source] io::Error),
}

/// Asks somebody for the password of a target; nothing where they give none.
pub type Asks<'a> = Option<&'a dyn Fn(&Target) -> io::Result<Option<Secret>>>;

impl SecretFiles {
    /// Reads what these targets need. Where the estate names no file, `asks` is asked.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn read(&self, targets: &[Target], asks: Asks<'_>) -> Result<TargetSecrets, SecretError> {
        let mut given = self.bare()?;
        targets.iter().try_for_each(|target| take(target, asks, &mut given))?;
        Ok(given)
    }

    /// The same for what is applied already: a target whose secret cannot be read fails alone, and holds up no other one.
    ///
    /// # Errors
    /// If a file that was given for an account cannot be read.
    pub fn read_each(&self, targets: &[Target], asks: Asks<'_>) -> Result<TargetSecrets, SecretError> {
        let mut given = self.bare()?;
        for target in targets {
            if let Err(error) = take(target, asks, &mut given) {
                let why = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
                given.missing.insert(target.name.clone(), why.map(ToString::to_string).collect::<Vec<_>>().join(": "));
            }
        }
        Ok(given)
    }

    fn bare(&self) -> Result<TargetSecrets, SecretError> {
        let mut keys = BTreeMap::new();
        for (names, file) in &self.keys {
            keys.insert(names.clone(), secret_file("", file)?);
        }
        Ok(TargetSecrets { patience: self.patience, evidence: self.evidence, keys, ..TargetSecrets::default() })
    }
}

/// Takes what one target needs.
fn take(target: &Target, asks: Asks<'_>, given: &mut TargetSecrets) -> Result<(), SecretError> {
    let secret = match (&target.password_file, asks) {
        (Some(file), _) => Some(secret_file(&format!("target {}: ", target.name), Path::new(file))?),
        (None, Some(ask)) if takes_one(target.kind) => ask(target).map_err(SecretError::Asking)?,
        (None, _) => None,
    };
    if let Some(secret) = secret {
        given.secrets.insert(target.name.clone(), secret);
    }
    if let Some(path) = &target.authorities {
        let pem = fs::read_to_string(path).map_err(|source| SecretError::Authorities { path: path.clone(), source })?;
        given.authorities.insert(target.name.clone(), pem);
    }
    Ok(())
}

fn takes_one(kind: TargetKind) -> bool {
    !matches!(kind, TargetKind::Nftables | TargetKind::Web | TargetKind::Linux | TargetKind::Exec | TargetKind::Webhook)
}

/// The first line of a file.
fn secret_file(about: &str, path: &Path) -> Result<Secret, SecretError> {
    let about = about.to_owned();
    let text = fs::read_to_string(path).map_err(|source| SecretError::Unread { about: about.clone(), path: path.to_owned(), source })?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() { Err(SecretError::Empty { about, path: path.to_owned() }) } else { Ok(Secret::new(text.to_owned())) }
}
