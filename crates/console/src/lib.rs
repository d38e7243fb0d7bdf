//! Serves a case, or several, to the people who respond: pages drawn on the server, sessions, forms. It decides nothing: every view and every act
//! is `strandline_response::desk`'s. `docs/console.md` says what it defends against.

mod acts;
mod cases;
mod commands;
mod console;
mod door;
mod form;
mod guard;
mod job;
mod outcome;
mod own_seal;
mod pages;
mod pictures;
mod reply;
mod routes;
mod serve;
mod shares;
mod texts;
mod visit;
mod words;

pub use console::Options;
pub use own_seal::{host_of, own_seal};
pub use serve::{Opened, Seal, ServeError, serve};
