//! What a responder chose for a case beside pins and decisions. The case keeps it, so that a stage run alone honours it.

use serde::{Deserialize, Serialize};
use strandline_exposure::OnCut;
use strandline_model::time::Interval;

/// What to do with a dump that ends too early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CutDump {
    /// Stop, and say where it ends.
    #[default]
    Stop,
    /// Go on with what was read; every table of it counts as incomplete, and so wider.
    GoOn,
}

/// The choices of a case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices {
    /// The time in which the intruder is looked for; `None`: all that the evidence covers.
    pub window: Option<Interval>,
    /// What to do with a dump that ends too early.
    #[serde(default)]
    pub cut_dump: CutDump,
}

/// What this run was told; what it was not told stays as the case keeps it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// The time in which the intruder is looked for.
    pub window: Option<Interval>,
    /// What to do with a dump that ends too early.
    pub cut_dump: Option<CutDump>,
}

impl Choices {
    /// These, with what a run was told in their place.
    #[must_use]
    pub fn with(self, told: Told) -> Self {
        Self { window: told.window.or(self.window), cut_dump: told.cut_dump.unwrap_or(self.cut_dump) }
    }

    pub(crate) fn on_cut(self) -> OnCut {
        match self.cut_dump {
            CutDump::Stop => OnCut::Stop,
            CutDump::GoOn => OnCut::GoOn,
        }
    }
}
