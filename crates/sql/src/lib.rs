//! What a piece of SQL says, for everybody who reads it: one dialect, one tokenizer, statements understood once.
//! It knows no log and no data.

mod constant;
pub mod lexer;
mod nobody;
mod rules;
mod split;
pub mod token;
mod utility;

pub use constant::content;
pub use nobody::ShowsNobody;
pub use rules::{Backslash, Dialect, DoubleQuotes, DoubtfulComments, Rules, Server};
pub use split::{Statements, canonical, statements};
pub use utility::utility;
