//! Clocks that disagree, from records of one request in two sources.
//!
//! A web server stamps the end of a request and truncates to its precision, so a request's life is the interval from
//! (stamp − duration) to (stamp + precision). For each pair, the skews that such lives can explain form an interval; a skew
//! is reported only if zero lies outside of the middle 90 % of them.

use std::collections::BTreeMap;

use strandline_model::event::{Class, Event};
use strandline_model::evidence::ClockSkew;

use super::density::SECOND;

/// Request ids kept. Beyond it a fixed half of all ids is no longer looked at, whatever order they come in.
const IDS_MAX: usize = 50_000;
/// Pairs that a skew must rest on.
const PAIRS_MIN: usize = 20;
/// How late a program may write its line after the fact.
const WRITING: i64 = SECOND / 5;
/// How long a request may take, where a web server does not log it.
const DURATION_UNKNOWN: i64 = 5 * SECOND;

#[derive(Clone, Copy, Debug)]
struct Life {
    from: i64,
    to: i64,
    /// Middle of the stamps, for the estimate.
    stamp: i64,
}

/// Lives of requests by id and source.
#[derive(Debug, Default)]
pub(crate) struct Skews {
    lives: BTreeMap<u64, BTreeMap<u16, Life>>,
    sources: Vec<String>,
    dropped_bits: u32,
}

impl Skews {
    pub fn see(&mut self, event: &Event<'_>) {
        let Some(id) = event.request_id.as_deref().filter(|id| id.len() >= 6) else { return };
        let hash = hash(id.as_bytes());
        if hash.leading_zeros() < self.dropped_bits {
            return;
        }
        let Some(source) = self.source(&event.source) else { return };
        let precision = i64::from(event.time_precision_micros.max(1));
        let duration = match (event.duration_micros, event.class) {
            (Some(known), _) => known.clamp(0, 3600 * SECOND),
            (None, Class::Http) => DURATION_UNKNOWN,
            _ => 0,
        };
        let stamp = super::bounded(event.time.0);
        let new = Life { from: stamp.saturating_sub(duration), to: stamp.saturating_add(precision), stamp };
        self.lives
            .entry(hash)
            .or_default()
            .entry(source)
            .and_modify(|life| *life = Life { from: life.from.min(new.from), to: life.to.max(new.to), stamp: life.stamp.max(stamp) })
            .or_insert(new);
        while self.lives.len() > IDS_MAX && self.dropped_bits < 60 {
            self.dropped_bits += 1;
            let bits = self.dropped_bits;
            self.lives.retain(|hash, _| hash.leading_zeros() >= bits);
        }
    }

    fn source(&mut self, name: &str) -> Option<u16> {
        let at = self.sources.iter().position(|known| known == name).unwrap_or_else(|| {
            self.sources.push(name.to_owned());
            self.sources.len() - 1
        });
        u16::try_from(at).ok()
    }

    /// The skews. Of two sources, the one that agrees with more others is taken as right; then the estate's order decides.
    pub fn finish(&self, order: &[&str]) -> Vec<ClockSkew> {
        let mut pairs: BTreeMap<(u16, u16), Vec<(Life, Life)>> = BTreeMap::new();
        for lives in self.lives.values() {
            for (a, life_a) in lives {
                for (b, life_b) in lives.range(a + 1..) {
                    pairs.entry((*a, *b)).or_default().push((*life_a, *life_b));
                }
            }
        }
        pairs.retain(|_, lives| lives.len() >= PAIRS_MIN);
        let mut agreements = vec![0usize; self.sources.len()];
        let mut skewed = Vec::new();
        for ((a, b), lives) in &pairs {
            if is_explained(lives) {
                agreements[usize::from(*a)] += 1;
                agreements[usize::from(*b)] += 1;
            } else {
                skewed.push((*a, *b, lives));
            }
        }
        let rank = |source: u16| {
            let name = self.sources[usize::from(source)].as_str();
            (usize::MAX - agreements[usize::from(source)], order.iter().position(|id| *id == name).unwrap_or(usize::MAX), name)
        };
        let mut skews: Vec<ClockSkew> = skewed
            .into_iter()
            .map(|(a, b, lives)| {
                let turned = rank(b) < rank(a);
                let differences = lives.iter().map(|(x, y)| if turned { x.stamp - y.stamp } else { y.stamp - x.stamp }).collect();
                let (reference, source) = if turned { (b, a) } else { (a, b) };
                self.skew(reference, source, differences)
            })
            .collect();
        skews.sort_by(|a, b| (&a.reference, &a.source).cmp(&(&b.reference, &b.source)));
        skews
    }

    fn skew(&self, reference: u16, source: u16, mut differences: Vec<i64>) -> ClockSkew {
        differences.sort_unstable();
        let at = |percent: usize| differences[(differences.len() - 1) * percent / 100];
        ClockSkew {
            reference: self.sources[usize::from(reference)].clone(),
            source: self.sources[usize::from(source)].clone(),
            skew_micros: at(50),
            spread_micros: at(95).saturating_sub(at(5)) / 2,
            pairs: differences.len() as u64,
        }
    }
}

/// Whether no skew at all explains nine of ten pairs on either side: the two lives touch, writing delays allowed.
fn is_explained(lives: &[(Life, Life)]) -> bool {
    let share = |test: &dyn Fn(&(Life, Life)) -> bool| lives.iter().filter(|pair| test(pair)).count() * 10 >= lives.len() * 9;
    share(&|(a, b)| a.from <= b.to.saturating_add(WRITING)) && share(&|(a, b)| b.from <= a.to.saturating_add(WRITING))
}

/// FNV-1a with a final mix: the same on every machine and in every version, unlike the library's hasher.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}
