//! What is given for targets at the moment of acting: passwords by file or prompt, and secrets of accounts to try a door with.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use strandline_model::estate::Target;
use strandline_response::desk::SecretFiles;
use strandline_response::{Secret, TargetSecrets};

/// What is given for targets
#[derive(Args, Default)]
pub struct SecretArgs {
    /// A file with the secret of an account, to try its door: TARGET/ACCOUNT=FILE. It is never kept
    #[arg(long, value_name = "TARGET/ACCOUNT=FILE")]
    key: Vec<String>,
    /// How long one answer of a target may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = seconds)]
    patience: u64,
    /// How long evidence may take before a cut, of all targets together; what is not had by then is named
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = seconds)]
    evidence_within: u64,
}

impl SecretArgs {
    /// Reads what these targets need. Where the estate names no file and somebody sits at a terminal, it is asked for.
    pub fn read(&self, targets: &[Target]) -> anyhow::Result<TargetSecrets> {
        Ok(self.files()?.read(targets, Some(&asked))?)
    }

    /// The same for what is applied already: a target whose secret cannot be read fails alone, and holds up no other one.
    pub fn read_each(&self, targets: &[Target]) -> anyhow::Result<TargetSecrets> {
        Ok(self.files()?.read_each(targets, Some(&asked))?)
    }

    /// Where the secrets are.
    fn files(&self) -> anyhow::Result<SecretFiles> {
        Ok(SecretFiles {
            keys: keys(&self.key)?,
            patience: Some(Duration::from_secs(self.patience.max(1))),
            evidence: Some(Duration::from_secs(self.evidence_within)),
        })
    }
}

/// `TARGET/ACCOUNT=FILE`, of each.
pub fn keys(all: &[String]) -> anyhow::Result<Vec<((String, String), PathBuf)>> {
    let key = |text: &String| {
        let parts = text.split_once('=').and_then(|(names, file)| Some((names.split_once('/')?, PathBuf::from(file))));
        let ((target, account), file) = parts.with_context(|| format!("--key {text:?} is not TARGET/ACCOUNT=FILE"))?;
        Ok(((target.to_owned(), account.to_owned()), file))
    };
    all.iter().map(key).collect()
}

/// Asks whoever sits at a terminal for a password.
fn asked(target: &Target) -> std::io::Result<Option<Secret>> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let account = target.account.as_deref().unwrap_or_default();
    let typed = rpassword::prompt_password(format!("password of {account} at {} (empty: none): ", target.name))?;
    Ok(if typed.is_empty() { None } else { Some(Secret::new(typed)) })
}

/// `90s`, `45m`, `24h`, `7d`, in seconds.
pub fn seconds(text: &str) -> Result<u64, String> {
    let (digits, unit) = text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(format!("{text:?} is no time: write 90s, 45m, 24h or 7d")),
    };
    let number: u64 = digits.parse().map_err(|_| format!("{text:?} is no time: write 90s, 45m, 24h or 7d"))?;
    number.checked_mul(factor).filter(|seconds| *seconds <= 366 * 86_400).ok_or_else(|| format!("{text:?} is longer than a year"))
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn a_time_has_a_unit_and_an_end() {
        for (text, expected) in
            [("90s", Some(90)), ("24h", Some(86_400)), ("0s", Some(0)), ("", None), ("24", None), ("9999999999d", None), ("-1s", None), ("1µ", None)]
        {
            assert_eq!(seconds(text).ok(), expected, "{text}");
        }
    }
}
