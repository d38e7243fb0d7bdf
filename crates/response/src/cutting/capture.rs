//! Evidence before the cut: what every target knows and will not know after it goes into the vault, under custody.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use strandline_case::StoredWave;
use strandline_model::evidence::{Artefact, ArtefactId, ArtefactKind, Container};
use strandline_outbound::contain::{Manner, Planned, Reach, Wave};

use super::CutPlan;
use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::notify::hexadecimal;

/// Where the pieces stand in custody.
const KEPT_UNDER: &str = "containment/plan-";

/// Whether this was captured before a cut, and not received as evidence.
pub(crate) fn is_of_a_cut(artefact: &Artefact) -> bool {
    artefact.path.starts_with(KEPT_UNDER) && artefact.source.is_none() && artefact.modified_at.is_none()
}

/// Names, in each action, what its cut destroys: before anybody approves it.
pub(super) fn name_what_is_lost(planned: &mut [Planned], reaches: &BTreeMap<String, Reach>, manner: &Manner) {
    let lost: Vec<(usize, Vec<String>)> = {
        let wave = Wave::new(planned, reaches, manner);
        let all: Vec<usize> = (0..wave.len()).collect();
        let found = wave.capture(&all).into_iter();
        found.map(|(at, capture)| (at, capture.map_or_else(|error| vec![format!("nothing can be captured: {error}")], |capture| capture.lost))).collect()
    };
    for (at, lost) in lost {
        planned[at].lost = lost;
    }
}

/// Captures what these actions of a plan would destroy, unless it was had before, and takes what was captured into custody.
pub(super) fn keep(response: &mut Response<'_>, stored: &StoredWave, plan: &CutPlan, (wave, of): (&Wave<'_>, &[usize])) -> Result<(), ResponseError> {
    let author = response.author();
    let mut custody = response.case.custody()?;
    let folder = |at: usize| format!("{KEPT_UNDER}{}/{}/{}/", stored.number, plan.actions[at].target, at + 1);
    let is_had = |at: usize| custody.iter().any(|artefact| artefact.path.starts_with(&folder(at)));
    let wanted: Vec<usize> = of.iter().copied().filter(|at| !is_had(wave.captured_with(*at))).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut known: BTreeSet<String> = custody.iter().map(|artefact| artefact.sealed_sha256.clone()).collect();
    let mut not_had = String::new();
    for (at, capture) in wave.capture(&wanted) {
        let (target, place) = (&plan.actions[at].target, at + 1);
        match capture {
            Ok(capture) => {
                for piece in &capture.pieces {
                    let sha256 = seal(response, &piece.bytes)?;
                    if known.insert(sha256.clone()) {
                        custody.push(artefact(&sha256, &format!("{}{}", folder(at), piece.name), piece.bytes.len(), &author));
                    }
                }
                for lost in &capture.lost {
                    response.watcher.note(&format!("{target}: {lost}"));
                    not_had.push_str(&format!("{target}, action {place}: {lost}\n"));
                }
            }
            Err(error) => {
                response.watcher.note(&format!("{target}: nothing could be captured: {error}"));
                not_had.push_str(&format!("{target}, action {place}: nothing could be captured: {error}\n"));
            }
        }
    }
    if !not_had.is_empty() {
        let sha256 = seal(response, not_had.as_bytes())?;
        if known.insert(sha256.clone()) {
            custody.push(artefact(&sha256, &format!("{KEPT_UNDER}{}/not-captured.txt", stored.number), not_had.len(), &author));
        }
    }
    response.case.save_custody(&custody, &author, env!("CARGO_PKG_VERSION"))?;
    Ok(())
}

fn seal(response: &Response<'_>, bytes: &[u8]) -> Result<String, ResponseError> {
    let failed = |source| ResponseError::Write { path: response.case.path().join("evidence"), source };
    let mut writer = response.case.seal_writer().map_err(|error| failed(std::io::Error::other(error)))?;
    writer.write_all(bytes).map_err(failed)?;
    writer.commit_written().map_err(|error| failed(std::io::Error::other(error)))
}

fn artefact(sha256: &str, path: &str, size: usize, author: &strandline_case::Author) -> Artefact {
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(sha256.as_bytes().chunks_exact(2)) {
        let digit = |d: u8| (d as char).to_digit(16).map_or(0, |n| n as u8);
        *byte = digit(pair[0]) << 4 | digit(pair[1]);
    }
    debug_assert_eq!(hexadecimal(&digest), sha256);
    Artefact {
        id: ArtefactId::of_digest(&digest),
        sha256: sha256.to_owned(),
        sealed_sha256: sha256.to_owned(),
        path: path.to_owned(),
        also_at: Vec::new(),
        member_of: None,
        container: Container::None,
        size: size as u64,
        kind: ArtefactKind::Text,
        format: None,
        source: None,
        taken_by: author.actor.clone(),
        taken_at: author.time,
        modified_at: None,
        span: None,
        records_read: 0,
        records_refused: 0,
        first_refusal: None,
    }
}
