//! A sealed store in a folder, as plain as one can be, for tests.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part of it; a test may stop at once")]

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use strandline_evidence::{Extra, Intake, IntakeError, Limits, Request, SealStore, SealWriter, intake};
use strandline_model::estate::Estate;
use strandline_model::evidence::Artefact;
use strandline_model::time::Instant;

pub struct FolderStore(pub PathBuf);

struct Writer {
    file: tempfile::NamedTempFile,
    folder: PathBuf,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl SealWriter for Writer {
    fn commit(self: Box<Self>, sha256: &str) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist(self.folder.join(sha256)).map(|_| ()).map_err(|error| error.error)
    }
}

impl SealStore for FolderStore {
    fn begin(&self) -> io::Result<Box<dyn SealWriter>> {
        Ok(Box::new(Writer { file: tempfile::Builder::new().prefix("half-").tempfile_in(&self.0)?, folder: self.0.clone() }))
    }
    fn open(&self, sealed_sha256: &str) -> io::Result<File> {
        File::open(self.0.join(sealed_sha256))
    }
    fn contains(&self, sealed_sha256: &str) -> bool {
        self.0.join(sealed_sha256).exists()
    }
}

pub struct Bench {
    pub evidence: tempfile::TempDir,
    pub store_dir: tempfile::TempDir,
    pub store: FolderStore,
}

impl Bench {
    pub fn new() -> Self {
        let (evidence, store_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = FolderStore(store_dir.path().to_owned());
        Self { evidence, store_dir, store }
    }
    pub fn write(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let path = self.evidence.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
    pub fn take(&self) -> Intake {
        self.take_with(&self.store, &[], None, Limits::default(), vec![], &mut |_| Ok(())).unwrap()
    }
    pub fn take_known(&self, known: &[Artefact], taken: &mut Taken<'_>) -> Result<Intake, IntakeError> {
        self.take_with(&self.store, known, None, Limits::default(), vec![], taken)
    }
    pub fn take_with(
        &self,
        store: &dyn SealStore,
        known: &[Artefact],
        estate: Option<&Estate>,
        limits: Limits,
        extra: Vec<Extra>,
        taken: &mut Taken<'_>,
    ) -> Result<Intake, IntakeError> {
        let request = Request { evidence: self.evidence.path(), extra, known, taken_by: "tester", now: &|| Instant(1), limits, estate };
        intake(&request, store, &mut |_| {}, taken)
    }
}

pub type Taken<'t> = dyn FnMut(&Artefact) -> Result<(), strandline_evidence::BoxError> + 't;

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A ustar archive of regular files.
pub fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, bytes) in members {
        let mut header = [0u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
        header[136..148].copy_from_slice(b"00000000001\0");
        header[148..156].copy_from_slice(b"        ");
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|&b| u32::from(b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend_from_slice(&header);
        archive.extend_from_slice(bytes);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

pub fn estate(sources: &[(&str, &str, &str)]) -> Estate {
    let mut text = "[organisation]\nname = { en = \"Test\" }\ntime_zone = \"UTC\"\n".to_owned();
    for (id, path, format) in sources {
        text.push_str(&format!("[[source]]\nid = \"{id}\"\nsystem = \"s\"\npath = [\"{path}\"]\nformat = \"{format}\"\n"));
    }
    toml::from_str(&text).unwrap()
}

pub fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
