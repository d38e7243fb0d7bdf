//! Evidence was written while an intruder had the machine, so a parser may meet bytes that were made to break it. Here an artefact is
//! read by a process of its own: it gets the bytes on standard input, gives events on standard output, and can do nothing else. It
//! opens no file, makes no connection, starts no program, and its memory has a limit. Where it ends, what it gave before is kept.

mod confine;
mod frame;
mod parent;
mod serve;

pub use confine::{Confinement, confine};
pub use parent::{Reader, ReaderError};
pub use serve::serve;

/// The only argument of the program that makes it such a process.
pub const ARGUMENT: &str = "read-artefact";
