//! The command line: one file a command. It parses, calls the conductor and prints; it decides nothing.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the one crate that talks to a terminal")]

mod cmd;
mod error;
mod ui;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    error::to_exit_code(cmd::Cli::parse().run())
}
