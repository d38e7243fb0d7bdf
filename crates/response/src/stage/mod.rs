//! One file a stage: what it needs from the case, what it leaves there.

pub mod contain;
pub mod coverage;
pub mod detect;
pub mod events;
pub mod export;
pub mod expose;
pub mod intake;
pub mod letters;
pub mod notify;
pub mod print;
pub mod report;
pub mod rules;
pub mod since;
pub mod trace;
