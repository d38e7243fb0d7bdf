//! Why a target could not be read or changed, and whose fault it is. No text here holds a secret or a value about a person.

use std::io;

use super::state::Difference;

/// Why something about a target did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContainError {
    /// It does not answer.
    #[error("target {target} does not answer")]
    Unreachable {
        /// The target.
        target: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It answered too late.
    #[error("target {target} took longer than {seconds} s to {doing}: whether it was done is told by reading it again")]
    TooSlow {
        /// The target.
        target: String,
        /// What it was to do.
        doing: String,
        /// How long it had.
        seconds: u64,
    },
    /// It does not let us in.
    #[error("target {target} does not let {account} in: {why}")]
    NotLetIn {
        /// The target.
        target: String,
        /// Our account.
        account: String,
        /// Why.
        why: String,
    },
    /// We may not do it there.
    #[error("target {target}: {account} lacks the right to {doing}; {way_out}")]
    NoRight {
        /// The target.
        target: String,
        /// Our account.
        account: String,
        /// What it was to do.
        doing: String,
        /// What would help.
        way_out: String,
    },
    /// It said something that no target of this kind says, or it is of another version.
    #[error("target {target}: {why}")]
    Strange {
        /// The target.
        target: String,
        /// What is strange.
        why: String,
    },
    /// What the effect is about is not there.
    #[error("target {target} has no {what}")]
    Absent {
        /// The target.
        target: String,
        /// What was looked for.
        what: String,
    },
    /// It must not be touched.
    #[error("target {target}: {what} is never cut off: {why}")]
    NeverTouched {
        /// The target.
        target: String,
        /// What.
        what: String,
        /// Why.
        why: String,
    },
    /// It would have no effect there, or one that was not asked for.
    #[error("target {target}: {why}")]
    NoEffect {
        /// The target.
        target: String,
        /// Why.
        why: String,
    },
    /// Somebody else changed it.
    #[error("target {target} was changed by somebody else: {}", told(differences))]
    Changed {
        /// The target.
        target: String,
        /// Before, meant and now.
        differences: Vec<Difference>,
    },
    /// It refused.
    #[error("target {target} refuses to {doing}: {why}")]
    Refused {
        /// The target.
        target: String,
        /// What it was to do.
        doing: String,
        /// What it said.
        why: String,
    },
    /// No connector for this kind, or for this effect at it.
    #[error("target {target} is of the kind {kind}, which cannot do that")]
    NoConnector {
        /// The target.
        target: String,
        /// Its kind.
        kind: &'static str,
    },
    /// What is given for the target is unusable.
    #[error("target {target}: {why}")]
    Unusable {
        /// The target.
        target: String,
        /// What is wrong.
        why: String,
    },
}

fn told(differences: &[Difference]) -> String {
    let list: Vec<String> = differences.iter().map(ToString::to_string).collect();
    list.join("; ")
}
