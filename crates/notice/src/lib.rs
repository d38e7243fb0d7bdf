//! Exposures to letters: what each person is told, and how sure we are; and what the law wants told to whom by when.
//!
//! It drafts, counts and checks; approval and sending are other parts.

pub mod calendar;
pub mod clock;
pub mod duties;
pub mod forms;
pub mod law;
pub mod letter;
