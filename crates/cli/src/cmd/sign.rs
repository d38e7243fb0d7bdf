//! How what a responder decides is signed: by `ssh-keygen -Y sign`, which knows files, agents and FIDO tokens. No key is read here.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, bail};
use strandline_response::{PublicKey, Signer};

/// A signer by this key: a private one, or the public half of one that an agent or a token holds.
pub fn signer(key: &Path) -> Signer {
    let key = key.to_owned();
    Signer(Arc::new(move |text: &[u8], namespace: &str| sign(&key, text, namespace)))
}

fn sign(key: &Path, text: &[u8], namespace: &str) -> Result<String, String> {
    if !key.exists() {
        return Err(format!("there is no key {}", key.display()));
    }
    // What it asks (a passphrase, a touch) it asks on the terminal, or says on stderr.
    let child = Command::new("ssh-keygen").args(["-Y", "sign", "-q", "-n", namespace, "-f"]).arg(key).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("ssh-keygen could not be started ({error}): it comes with OpenSSH 8.1 and later"))?;
    if let Some(mut input) = child.stdin.take() {
        // Where it does not listen, it has said why, and its exit tells.
        let _ = input.write_all(text);
    }
    let done = child.wait_with_output().map_err(|error| format!("ssh-keygen ended oddly ({error})"))?;
    if !done.status.success() {
        return Err(format!("ssh-keygen would not sign with {}", key.display()));
    }
    String::from_utf8(done.stdout).map_err(|_| "ssh-keygen wrote no signature".to_owned())
}

/// The public half of a key: of the file itself, or of the one beside it that ends in `.pub`.
pub fn public_key(file: &Path) -> anyhow::Result<PublicKey> {
    let beside = PathBuf::from(format!("{}.pub", file.display()));
    let read = |path: &Path| std::fs::read_to_string(path).with_context(|| format!("the key {} cannot be read", path.display()));
    let text = read(file)?;
    let (path, text) = if text.contains("PRIVATE KEY") {
        let text = read(&beside).with_context(|| format!("{} is a private key; only its public half is enrolled", file.display()))?;
        (beside.as_path(), text)
    } else {
        (file, text)
    };
    match PublicKey::of_openssh(&text) {
        Ok(key) => Ok(key),
        Err(problem) => bail!("{}: {problem}", path.display()),
    }
}
