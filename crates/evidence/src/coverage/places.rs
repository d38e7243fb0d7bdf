//! When something happened that only its place in an artefact tells: refused records and cuts. Keeps, for each artefact,
//! at most a few thousand blocks of neighbouring events with their times.

use std::collections::BTreeMap;

use strandline_model::evidence::{Gap, GapKind, Warning};
use strandline_model::time::Interval;

use super::edges::Context;
use super::{Mark, interval};

const BLOCKS_MAX: usize = 4096;
const REFUSED_MAX: usize = 10_000;
/// Refused records this close together, in bytes, are one stretch.
const STRETCH_BYTES: u64 = 64 * 1024;

#[derive(Clone, Copy, Debug)]
struct Block {
    low: Mark,
    high: Mark,
    first_offset: u64,
    last_offset: u64,
    events: u64,
}

#[derive(Debug, Default)]
struct Blocks {
    stride: u64,
    blocks: Vec<Block>,
    /// The newest time so far, and by how much a later record lay behind it at most: what was refused may too.
    newest: i64,
    disorder: i64,
}

/// Blocks by artefact.
#[derive(Debug, Default)]
pub(crate) struct Places {
    artefacts: BTreeMap<u32, Blocks>,
}

impl Places {
    pub fn see(&mut self, mark: Mark) {
        let blocks = self.artefacts.entry(mark.artefact).or_insert_with(|| Blocks { stride: 1, blocks: Vec::new(), newest: mark.time, disorder: 0 });
        blocks.newest = blocks.newest.max(mark.time);
        blocks.disorder = blocks.disorder.max(blocks.newest.saturating_sub(mark.time));
        let new = Block { low: mark, high: mark, first_offset: mark.offset, last_offset: mark.offset, events: 1 };
        match blocks.blocks.last_mut() {
            Some(last) if last.events < blocks.stride => *last = merge(*last, new),
            _ => blocks.blocks.push(new),
        }
        if blocks.blocks.len() > BLOCKS_MAX {
            blocks.stride = blocks.stride.saturating_mul(2);
            blocks.blocks = blocks.blocks.chunks(2).map(|pair| pair.iter().copied().reduce(merge).unwrap_or(pair[0])).collect();
        }
    }

    /// Refused stretches and cuts as intervals. Without an event on one side, the source's own span bounds them.
    pub fn gaps(&self, context: &Context<'_>, refused: &[Warning], cut: &str, span: Interval) -> Vec<Gap> {
        let mut sorted: Vec<&Warning> = refused.iter().collect();
        sorted.sort_by(|a, b| (&a.artefact, a.offset, &a.reason).cmp(&(&b.artefact, b.offset, &b.reason)));
        let mut gaps = Vec::new();
        let mut at = 0;
        while at < sorted.len() {
            let first = sorted[at];
            let is_cut = first.reason.starts_with(cut);
            let joins = |i: usize| {
                let (a, b): (&Warning, &Warning) = (sorted[i - 1], sorted[i]);
                !is_cut && !b.reason.starts_with(cut) && a.artefact == b.artefact && b.offset - a.offset <= STRETCH_BYTES
            };
            let end = (at + 1..sorted.len()).find(|&i| !joins(i)).unwrap_or(sorted.len());
            let last = sorted[end - 1];
            let known = context.artefacts.numbers.get(&first.artefact.0).and_then(|number| self.artefacts.get(number));
            let (before, after) = around(known.map(|b| &b.blocks[..]).unwrap_or_default(), first.offset, last.offset);
            // Twice: the record furthest behind may be the one that could not be read.
            let disorder = known.map_or(0, |b| b.disorder.saturating_mul(2));
            let from = before.map_or(span.from.0, |m| super::bounded(m.time.saturating_sub(disorder)));
            let to = after.map_or(span.to.0, |m| super::bounded(m.time.saturating_add(disorder)));
            let marks: Vec<Mark> = [before, after].into_iter().flatten().collect();
            let count = (end - at) as u64;
            let mut gap = if is_cut {
                context.gap(GapKind::Truncated, interval(from, to.max(from)), None, format!("{}: {}", first.path, first.reason), &marks)
            } else {
                let reason = format!("{} lines {} to {}: at least {count} records could not be read ({})", first.path, first.line, last.line, first.reason);
                context.gap(GapKind::Refused, interval(from, to), Some(count), reason, &marks)
            };
            gap.artefact = Some(first.artefact.clone());
            gaps.push(gap);
            at = end;
        }
        gaps
    }
}

fn merge(a: Block, b: Block) -> Block {
    Block {
        low: a.low.min(b.low),
        high: a.high.max(b.high),
        first_offset: a.first_offset.min(b.first_offset),
        last_offset: a.last_offset.max(b.last_offset),
        events: a.events + b.events,
    }
}

/// The events before and after a stretch of bytes. Inside a block, the block's own ends: wider, never narrower.
fn around(blocks: &[Block], from: u64, to: u64) -> (Option<Mark>, Option<Mark>) {
    let inside = |offset: u64| blocks.iter().find(|b| b.first_offset <= offset && offset <= b.last_offset);
    let before = inside(from).map(|b| b.low).or_else(|| blocks.iter().rfind(|b| b.last_offset < from).map(|b| b.high));
    let after = inside(to).map(|b| b.high).or_else(|| blocks.iter().find(|b| b.first_offset > to).map(|b| b.low));
    (before, after)
}

/// Keeps a warning. When there are too many, only the ends of dense stretches are kept.
pub(crate) fn keep_refused(kept: &mut Vec<Warning>, warning: &Warning) {
    if kept.len() >= REFUSED_MAX {
        // The newest takes the last place of its artefact: the stretch grows, and nothing in it is forgotten.
        if let Some(last) = kept.iter_mut().rev().find(|w| w.artefact == warning.artefact && !w.reason.starts_with(crate::TRUNCATED)) {
            *last = warning.clone();
            return;
        }
    }
    kept.push(warning.clone());
}
