//! What a person does with a case, and what a case shows a person, once: typed acts and views. The terminal and the console are two
//! faces of it, and decide nothing themselves.

mod act;
mod mark;
mod quiet;
mod signing;
mod time;
mod words;

pub use act::{Act, Acted, DeskError, perform, renew};
pub use mark::{Mark, mark};
pub use quiet::Quiet;
pub use signing::{Performed, SignIn, Signed, sign_in_text, who_signs_in};
pub use time::{End, TimeError, instant, moment};
pub use words::{DutyForm, ReaddressForm, WordError, given_reason};
