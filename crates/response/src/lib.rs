//! The conductor. It alone calls stages and writes the case; what a stage decides is the stage's own.

mod error;
mod explain;
mod people;
mod readiness;
mod rules;
mod run;
mod stage;
mod store;

pub use error::ResponseError;
pub use explain::{ExplainedCategory, Explanation, explain};
pub use readiness::{Readiness, check_estate, draft_estate};
pub use rules::{CheckedRules, check_rules, load_rules};
pub use run::{Names, Outcome, Response, Settings, Tiers, Watcher, respond};
