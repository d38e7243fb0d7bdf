//! Every effect on the world goes through here: letters by e-mail and by post, what comes back of them, and the cut
//! that keeps an intruder out.
//!
//! It does what was approved and no more: it neither writes letters nor decides who gets one, and it knows no case. What is
//! to go and what has become of it stands behind [`Outbox`], which the conductor implements. Why a person gets one letter,
//! and what a kill can leave in doubt, is told in `docs/sending.md`.

mod bounce;
pub mod contain;
mod dkim;
mod dry_run;
pub mod fuzz;
mod letter;
mod mail_log;
mod mailbox;
mod outbox;
mod plain;
mod post;
mod press;
mod received;
mod return_path;
mod send;
mod smtp;

pub use bounce::{Bounce, BounceKind, is_mail, read_bounce};
pub use dkim::{DkimError, DkimKey};
pub use dry_run::{DryRunError, write_eml};
pub use letter::{Attachment, ComposeError, ComposedMail, OutgoingLetter, SenderIdentity, compose, is_address};
pub use mail_log::find_accepted;
pub use mailbox::{MailboxError, Source, read_messages};
pub use outbox::{Outbox, Outcome, SendResult};
pub use post::{BatchFiles, LetterAddress, PostError, PrintedBatch, PrintedLetter, Printer, write_batch};
pub use press::{Paper, Press, PressError, PressSettings, Print};
pub use received::{CodeOnly, Difference, FileKind, Heading, Judged, ReceivedFile, ReceivedMessage, Shown, What, codes_in, judge, likeness, read_received};
pub use return_path::{ReturnPath, ReturnPathError};
pub use send::{Pace, SendError, SendPlan, Tally, send};
pub use smtp::{Answer, Credentials, Secret, Security, Server, SmtpError, Stage, Timeouts};
