//! The support page for those who were exposed: one sealed card a person, and the server that shows it to whoever has the code of
//! that person's letter.
//!
//! A [`publish`](Spool::publish)ed bundle is a folder that holds nothing which opens without one of those codes. The server works on
//! that folder alone: it never sees a case, and what people write to it is sealed to a key that it does not have.

mod bundle;
mod card;
mod files;
mod html;
mod key;
mod message;
mod pages;
mod seal;
mod server;
mod words;

pub use bundle::{Before, BundleError, Contact, Manifest, Prepared, PublishError, Spool, Terms};
pub use card::{Answer, Card, CardLetter, Handled, Handling, Promise, Round};
pub use key::{CardKeys, CardName, Parameters, SALT_BYTES};
pub use message::{Inbox, Kind, Message, MessageError, MessageId, Recipient, SecretKey, Unproved, Way};
pub use server::{Identity, Limits, Running, ServeError, Settings, Site, serve, start};
pub use words::LANGUAGES;
