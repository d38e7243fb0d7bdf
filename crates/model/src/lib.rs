//! The nouns of the glossary as plain data.
//!
//! Every stage stands on this crate and on no other of ours. It holds data, constructors and the shape
//! of the tables; it does no IO, decides nothing, and knows no format.

pub mod access;
pub mod address;
pub mod clearance;
pub mod code;
pub mod containment;
pub mod detection;
pub mod document;
pub mod duty;
pub mod estate;
pub mod event;
pub mod evidence;
pub mod exposure;
pub mod letter;
pub mod letter_word;
pub mod names;
pub mod node;
pub mod pattern;
pub mod personal;
pub mod print;
pub mod record;
pub mod register;
pub mod since;
pub mod sketch;
pub mod table;
pub mod time;
pub mod trail;
pub mod window;
