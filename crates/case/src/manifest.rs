//! `manifest.json`: what each stage has left in the case folder, by name, size and hash. Replacing it is the commit point of
//! a stage; nothing that the old one names is removed before the new one stands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strandline_model::time::Instant;

use crate::names::{hexadecimal, is_plain_name, is_plain_path, is_sha256};

/// The form of `manifest.json` that this version writes and reads.
pub(crate) const MANIFEST_FORMAT: u32 = 1;

/// Everything that the stages have committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Form of this file.
    pub format: u32,
    /// The ledger's origin, which names the case.
    pub origin: String,
    /// Stages by name.
    pub stages: BTreeMap<String, StageRecord>,
}

/// What one stage has committed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageRecord {
    /// Digest of the inputs that the stage's result stands on; absent while the stage is under way.
    pub inputs_digest: Option<String>,
    /// The inputs by name, as long as they are few; the digest covers all.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
    /// The program version that ran.
    pub version: Option<String>,
    /// The ledger entry of the run.
    pub ledger_entry: Option<u64>,
    /// Parts of tables, by table and part.
    pub parts: Vec<TablePart>,
    /// Other files, by path.
    pub files: Vec<StoredFile>,
}

/// One Parquet file of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TablePart {
    /// The table.
    pub table: String,
    /// The part's name: `all`, or an artefact's id.
    pub part: String,
    /// Where it lies, relative to the case folder.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Rows.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Columns that the rows are sorted by, ascending.
    pub sorted_by: Vec<String>,
    /// Digest of the inputs of this part alone, where it was committed alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs_digest: Option<String>,
}

/// One other file of a stage: an export, a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredFile {
    /// Where it lies, relative to the case folder.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Bytes of the file.
    pub bytes: u64,
}

/// What a result stands on: the program version, and files or settings by name and SHA-256.
///
/// Names go into the ledger, which nothing is ever removed from. So they are plain paths such as `evidence/<sha256>` or
/// `estate.toml`, never a path of the outside, which can hold a person's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    version: String,
    hashes: BTreeMap<String, String>,
}

impl Inputs {
    /// No inputs yet; `version` is the program's.
    pub fn new(version: &str) -> Self {
        Self { version: version.to_owned(), hashes: BTreeMap::new() }
    }

    /// Adds one input.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, sha256: impl Into<String>) -> Self {
        self.insert(name, sha256);
        self
    }

    /// Adds one input; the last word on a name counts.
    pub fn insert(&mut self, name: impl Into<String>, sha256: impl Into<String>) {
        self.hashes.insert(name.into(), sha256.into());
    }

    /// Adds a setting that is not a file, by the hash of its text.
    pub fn insert_setting(&mut self, name: impl Into<String>, text: &str) {
        self.insert(name, hexadecimal(&Sha256::digest(text.as_bytes())));
    }

    /// One digest of it all: SHA-256 over the version's line and `sha256sum` lines in order of names.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(format!("{}\n", self.version));
        for (name, sha256) in &self.hashes {
            hasher.update(format!("{sha256}  {name}\n"));
        }
        hexadecimal(&hasher.finalize())
    }

    /// The program version.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn hashes(&self) -> &BTreeMap<String, String> {
        &self.hashes
    }
}

/// Who commits, with which program, when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// A responder's user name, or the program's name.
    pub actor: String,
    /// When; the clock is the caller's.
    pub time: Instant,
}

/// The whole result of a stage, to become visible at once.
#[derive(Clone, Debug)]
pub struct StageCommit {
    /// The stage.
    pub stage: String,
    /// What the result stands on.
    pub inputs: Inputs,
    /// Exactly the parts that the stage now consists of.
    pub parts: Vec<TablePart>,
    /// Exactly the other files that it now consists of.
    pub files: Vec<StoredFile>,
    /// Who, when.
    pub author: Author,
}

/// SHA-256 over the output of `sha256sum` for these files, in byte order of their paths: what the ledger says of a table.
/// Anybody can check it: `sha256sum tables/steps/* | sha256sum`.
pub(crate) fn listing_digest<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut sorted: Vec<_> = files.collect();
    sorted.sort_unstable();
    let mut hasher = Sha256::new();
    for (file, sha256) in sorted {
        hasher.update(format!("{sha256}  {file}\n"));
    }
    hexadecimal(&hasher.finalize())
}

impl StageRecord {
    /// Names and digests of what the stage has left: one a table, one a folder of other files.
    pub(crate) fn outputs(&self) -> BTreeMap<String, String> {
        let mut groups: BTreeMap<String, Vec<(&str, &str)>> = BTreeMap::new();
        for part in &self.parts {
            groups.entry(format!("tables/{}", part.table)).or_default().push((&part.file, &part.sha256));
        }
        for file in &self.files {
            let folder = file.file.split_once('/').map_or(file.file.as_str(), |(folder, _)| folder);
            groups.entry(folder.to_owned()).or_default().push((&file.file, &file.sha256));
        }
        groups.into_iter().map(|(name, files)| (name, listing_digest(files.into_iter()))).collect()
    }

    /// Every file of the stage with its hash and size.
    pub(crate) fn all_files(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        let parts = self.parts.iter().map(|p| (p.file.as_str(), p.sha256.as_str(), p.bytes));
        parts.chain(self.files.iter().map(|f| (f.file.as_str(), f.sha256.as_str(), f.bytes)))
    }

    /// Puts one part in its place, replacing the part of that name.
    pub(crate) fn put_part(&mut self, part: TablePart) {
        self.parts.retain(|p| (&p.table, &p.part) != (&part.table, &part.part));
        self.parts.push(part);
        self.parts.sort();
    }
}

/// The first thing in the manifest that no version of ours writes: a path out of the folder, a hash that is none.
pub(crate) fn find_foreign(manifest: &Manifest) -> Option<String> {
    for (name, stage) in &manifest.stages {
        if !is_plain_name(name) {
            return Some("the name of a stage".to_owned());
        }
        for part in &stage.parts {
            let in_place = part.file.starts_with(&format!("tables/{}/", part.table)) && is_plain_path(&part.file);
            if !is_plain_name(&part.table) || !is_plain_name(&part.part) || !in_place || !is_sha256(&part.sha256) {
                return Some(format!("a table part of stage {name}"));
            }
        }
        if stage.files.iter().any(|f| !is_plain_path(&f.file) || !is_sha256(&f.sha256)) {
            return Some(format!("a file of stage {name}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_have_one_digest_whatever_the_order() {
        let one = Inputs::new("1").with("a", "00").with("b", "11");
        let other = Inputs::new("1").with("b", "11").with("a", "00");
        assert_eq!(one.digest(), other.digest());
        assert_ne!(one.digest(), Inputs::new("2").with("a", "00").with("b", "11").digest());
        assert_ne!(one.digest(), Inputs::new("1").with("a", "00").digest());
    }

    #[test]
    fn a_listing_is_what_sha256sum_prints() {
        // printf '%s  x\n' 00 | sha256sum
        assert_eq!(listing_digest([("x", "00")].into_iter()), "7d18808cb1c936dca665377bd8aaa3c6708598a4e9c21bb1b3d761c1e1f2efbc");
    }
}
