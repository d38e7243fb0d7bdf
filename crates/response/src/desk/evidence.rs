//! What is in custody, and what could not be read of it.

use strandline_model::evidence::{Artefact, Warning};
use strandline_model::table::{Row, Scan};

use crate::error::ResponseError;
use crate::run::Response;

/// Warnings that a page shows; the table has all.
const WARNINGS_SHOWN: usize = 200;

/// Evidence in custody.
#[derive(Clone, Debug, Default)]
pub struct EvidenceView {
    /// What was taken, in the order of its paths.
    pub artefacts: Vec<Artefact>,
    /// The first warnings.
    pub warnings: Vec<Warning>,
    /// How many there are.
    pub warning_count: u64,
}

pub(super) fn view(response: &Response<'_>) -> Result<EvidenceView, ResponseError> {
    let mut artefacts = response.custody()?;
    artefacts.sort_by(|a, b| a.path.cmp(&b.path).then_with(|| a.id.cmp(&b.id)));
    let (mut warnings, mut warning_count) = (Vec::new(), 0);
    for batch in response.case.scan(Warning::TABLE).scan(&[])? {
        let rows = Warning::from_batch(&batch?)?;
        warning_count += rows.len() as u64;
        let room = WARNINGS_SHOWN.saturating_sub(warnings.len());
        warnings.extend(rows.into_iter().take(room));
    }
    Ok(EvidenceView { artefacts, warnings, warning_count })
}
