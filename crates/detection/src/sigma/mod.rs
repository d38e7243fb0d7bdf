//! Sigma rules over records: loaded once, tried on many, with nothing dropped in silence.
//!
//! [`RuleSet::load`] takes rule files and says of each document that it refuses why. A [`Matcher`] tries the set on
//! records; [`RuleSet::correlate`] judges correlations over what the matchers saw, and [`RuleSet::unreachable`] lists the
//! rules that this evidence could not match. What is supported stands in `docs/sigma.md`.

mod built_in;
mod compile;
mod correlation;
mod document;
mod fold;
mod logsource;
mod matcher;
mod predicate;
mod ruleset;
mod runs;
mod text;
mod value;
mod view;

#[cfg(test)]
mod tests;

pub use built_in::built_in_rules;
pub use correlation::{CorrelationMatch, CorrelationReport, HitLog};
pub use document::{LogSource, Refusal};
pub use fold::{DetectionFold, Named, Subject};
pub use matcher::{Match, MatchedField, Matcher, Seen, SeenKind};
pub use ruleset::{LoadReport, Refused, Remark, Rule, RuleFile, RuleNumber, RuleSet, Unreachable};
pub use runs::Scratch;
pub use value::Placeholders;
pub use view::{EventView, channel_of};
