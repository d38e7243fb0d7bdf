//! `strandline completions` and `strandline man`: what a package ships beside the program, made from the commands themselves, so that
//! neither can say what they do not.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cmd::{Cli, Common};

/// Completions of this command for a shell, on standard output
///
/// bash: `strandline completions bash > /usr/share/bash-completion/completions/strandline`. zsh: into a folder of `$fpath`, as
/// `_strandline`. fish: `~/.config/fish/completions/strandline.fish`.
#[derive(Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub fn run(self, _common: &Common) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "strandline", &mut script);
        say!("{}", String::from_utf8(script).context("completions are text")?.trim_end());
        Ok(ExitCode::SUCCESS)
    }
}

/// Manual pages of every command, into a folder
#[derive(Args)]
pub struct Man {
    /// The folder, such as /usr/share/man/man1
    folder: PathBuf,
}

impl Man {
    pub fn run(self, _common: &Common) -> anyhow::Result<ExitCode> {
        std::fs::create_dir_all(&self.folder).with_context(|| format!("{} cannot be made", self.folder.display()))?;
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        let written = write_pages(&command, "strandline", &self.folder)?;
        say!("{written} pages are in {}", self.folder.display());
        Ok(ExitCode::SUCCESS)
    }
}

/// A page for a command, and one for each below it.
fn write_pages(command: &clap::Command, name: &str, folder: &Path) -> anyhow::Result<u64> {
    let mut roff = Vec::new();
    clap_mangen::Man::new(command.clone().version(env!("CARGO_PKG_VERSION"))).render(&mut roff)?;
    let path = folder.join(format!("{name}.1"));
    std::fs::write(&path, roff).with_context(|| format!("{} cannot be written", path.display()))?;
    let mut written = 1;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help") {
        written += write_pages(below, &format!("{name}-{}", below.get_name()), folder)?;
    }
    Ok(written)
}
