//! The command line: one file a command. It parses, calls the conductor and prints; it decides nothing.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the one crate that talks to a terminal")]

#[macro_use]
mod ui;
mod cmd;
mod error;

use std::process::ExitCode;

use clap::Parser;

/// The exit code of a program that an interrupt ended, as shells count it.
const INTERRUPTED: i32 = 130;

fn main() -> ExitCode {
    // Before anything else is there that a reader of hostile evidence could use.
    if std::env::args_os().skip(1).eq([strandline_reader::ARGUMENT]) {
        return strandline_reader::serve();
    }
    // Every write of a case is one rename, so there is nothing to tidy up: say so, and go.
    let watching = ctrlc::set_handler(|| {
        if cmd::is_interrupt_heeded() {
            tell!("\nfinishing the letters that are under way; once more ends at once and leaves them uncertain");
            return;
        }
        tell!("\ninterrupted: nothing is lost, and the same command goes on from here");
        std::process::exit(INTERRUPTED);
    });
    if let Err(error) = watching {
        tell!("warning: an interrupt will end the program without a word ({error})");
    }
    error::to_exit_code(cmd::Cli::parse().run())
}
