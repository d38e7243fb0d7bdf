//! What a piece of SQL says, for everybody who reads it: one dialect, one tokenizer, statements understood once.
//! It knows no log and no data.

mod constant;
mod function;
pub mod lexer;
mod names;
mod nobody;
mod rules;
mod session;
mod split;
mod system;
pub mod token;
mod utility;
mod zone;

pub use constant::content;
pub use function::{Effect, effect};
pub use names::{Found, Names, names, parse, parts};
pub use nobody::ShowsNobody;
pub use rules::{Backslash, Dialect, DoubleQuotes, DoubtfulComments, Rules, Server};
pub use session::{Held, Ran, SessionState, Setting, is_assigned, may_change, user_variable};
pub use split::{Statements, canonical, statements};
pub use system::{System, system};
pub use utility::utility;
pub use zone::Zone;
