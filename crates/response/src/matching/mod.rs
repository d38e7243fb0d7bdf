//! Sigma rules over evidence as it is read: pieces of logs, several at a time, answers in the order of the evidence.
//!
//! A matcher needs the raw fields of a Windows record, which the table of events does not hold, so rules are tried while
//! the log is read. Everything else is tried as the event that it was read as.

mod piece;
mod pool;

pub use piece::{Hit, Looked, Origin, Piece, Scope};
pub use pool::{Feeder, run};

use std::io::Read;
use std::sync::Arc;

use strandline_event::evtx::Chunks;

/// Anything that stops a run.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Cuts a Windows event log into chunks and has them looked at. `told` hears after each chunk.
///
/// # Errors
/// If the stream breaks off, or the receiver of the answers fails.
pub fn feed_evtx(input: &mut dyn Read, origin: &Arc<Origin>, feeder: &mut Feeder<'_, '_>, told: &mut dyn FnMut()) -> Result<(), BoxError> {
    let mut chunks = Chunks::new(input);
    while let Some(chunk) = chunks.next()? {
        let piece = Piece::chunk(origin, &chunk, feeder.spare());
        feeder.submit(piece)?;
        told();
    }
    Ok(())
}
