//! What a person does with a case, and what a case shows a person, once: typed acts and views. The terminal and the console are two
//! faces of it, and decide nothing themselves.

mod act;
mod arrivals;
mod cited;
mod clocks;
mod drill;
mod entries;
mod evidence;
mod left;
mod letters;
mod mail;
mod mark;
mod overview;
mod path;
mod people;
mod preview;
mod queue;
mod quiet;
mod rights;
mod said;
mod scope;
mod secrets;
mod signing;
mod task;
mod time;
mod turn;
mod words;

pub use strandline_report::escape;

pub use act::{Act, Acted, DeskError, note_safety_reading, perform, renew, settle};
pub use arrivals::{ArrivalDay, Arrivals};
pub use cited::{Cited, CitedBy, NotCited, cited};
pub use clocks::{Clocks, clocks};
pub use drill::{DrillRun, drills};
pub use entries::{EntryView, LedgerView, check, checkpoint, entries};
pub use evidence::{EvidenceView, SourceView};
pub use left::{Noted, TaskNote, left_tasks, note_task};
pub use letters::{Beside, Envelope, InWindow, LetterBatches, LetterText, LintLine, beside, lint, mail_way, masked_letter, whole_letter};
pub use mail::{MailError, MailGiven, MailWay};
pub use mark::{Mark, mark};
pub use overview::{CategoryCount, LettersOverview, Need, Overview, overview};
pub use path::{LinkView, PathView, PinView, Resting, resting_on};
pub use people::{PeopleFilter, PersonRow, mask_name, names_of};
pub use preview::{Figures, Moved, Preview, Standing, Trying, preview, state_of};
pub use queue::{call_sheet, form, message, queue, whose_code};
pub use quiet::Quiet;
pub use rights::{allow, role_among, role_in};
pub use said::{Kind, Kinded, Said, in_one_line};
pub use scope::{ScopeForm, Scoped, scope, sessions};
pub use secrets::{Asks, SecretError, SecretFiles};
pub use signing::{Performed, SignIn, Signed, passkey_count, passkey_signature, short_name, sign_in_text, who_signs_in};
pub use task::{AfterKill, Given, NotSet, Task, TaskDone, Written, run_task};
pub use time::{End, TimeError, instant, moment, window};
pub use turn::{Asking, Turn};
pub use words::{DutyForm, ReaddressForm, WordError, given_reason};
