//! How often requests of each kind run statements of each shape, and so whose a statement most likely is, of the requests that were running.
//! Where no identifier, value or connection tells, this may: it gives statements to the actor, by inference, and to nobody else.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use strandline_model::node::How;
use strandline_model::trail::Strength;

use crate::clock::Clocks;
use crate::conserve::{During, Ground, Owner, give};
use crate::requests::{Request, union};
use crate::routes::{Match, running};
use crate::statements::shape_key;
use crate::survey::{Sample, Survey, TemplateKey};
use crate::text::hash64;
use crate::wider::Wider;

/// What must speak for the actor's requests, of all that speaks for any, before a statement is taken for his.
const ENOUGH: f64 = 0.9;
/// Rounds of estimating how often each kind runs each shape.
const ROUNDS: usize = 24;
/// What is taken of a kind before anything was seen of it: so many requests of it that did what the average one does.
const BEFOREHAND: f64 = 1.0;
/// Work that belongs to no logged request counts as one request a second, of a kind of its own.
const BACKGROUND: usize = 0;
const BACKGROUND_MICROS: i64 = 1_000_000;
/// Pairs of a statement and a request that was running; with more, nothing is concluded so.
const MOST_PAIRS: usize = 4_000_000;
/// Of a shape that every request of a kind was seen to run, one may run without it all the same, and the reverse.
const SUREST: f64 = 0.98;

/// When requests ran, the actor's and others', and of which kind they are.
pub(crate) struct Windows {
    /// Those of the requests first, in their order; then samples of other times.
    all: Vec<Window>,
    /// How much of each kind was looked at, in requests.
    looked_at: Vec<f64>,
}

struct Window {
    system: Arc<str>,
    from: i64,
    to: i64,
    kind: usize,
    account: Option<Arc<str>>,
    is_own: bool,
}

/// Requests are alike if their templates are, and if both or neither were answered as asked for.
type Kind = (Option<TemplateKey>, bool);

impl Windows {
    /// Those of the requests, and of all that was sampled beside them.
    pub(crate) fn of(survey: &Survey, clocks: &Clocks, requests: &[Request]) -> Self {
        let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
        let mut number = |kind: Kind| {
            let next = kinds.len() + 1;
            *kinds.entry(kind).or_insert(next)
        };
        let mut all: Vec<Window> = Vec::new();
        for r in requests {
            let kind = number((r.template(), r.status.is_none_or(|status| (200..400).contains(&status))));
            all.push(Window { system: r.system.clone(), from: r.from, to: r.to, kind, account: r.account.clone(), is_own: r.mine.is_some() });
        }
        let rank = |artefact: &str, offset: u64| hash64(&[artefact.as_bytes(), &offset.to_le_bytes()]);
        let told: HashSet<u64> = requests.iter().flat_map(|r| &r.lines).map(|l| rank(&l.place.artefact, l.place.offset)).collect();
        let wanted = Wider::of(survey, requests).kinds();
        let mut kept: BTreeMap<Arc<str>, Vec<(i64, i64)>> = BTreeMap::new();
        for w in all.iter().filter(|w| w.is_own) {
            kept.entry(w.system.clone()).or_default().push((w.from, w.to));
        }
        for (key, samples) in &survey.samples {
            let kind = number((Some(key.clone()), true));
            for (at, sample) in of_one_source(samples).enumerate() {
                let (from, to) = sample.interval(clocks);
                if wanted.get(key).is_some_and(|most| at < *most) {
                    kept.entry(key.0.clone()).or_default().push((from, to));
                }
                if !told.contains(&sample.rank) {
                    all.push(Window { system: key.0.clone(), from, to, kind, account: sample.account.clone(), is_own: false });
                }
            }
        }
        let kept: BTreeMap<Arc<str>, Vec<(i64, i64)>> = kept.into_iter().map(|(system, list)| (system, union(list))).collect();
        let mut looked_at = vec![0.0; kinds.len() + 1];
        looked_at[BACKGROUND] = kept.values().flatten().map(|(from, to)| to.saturating_sub(*from) as f64).sum::<f64>() / BACKGROUND_MICROS as f64;
        for w in &all {
            looked_at[w.kind] += kept.get(&w.system).map_or(0.0, |list| covered(list, w.from, w.to));
        }
        Self { all, looked_at }
    }
}

/// Several logs may tell of one request: those of one log, which tells of nearly as many as any and has the finest stamps.
fn of_one_source(samples: &[Sample]) -> impl Iterator<Item = &Sample> {
    let mut seen: BTreeMap<&Arc<str>, (usize, (bool, i64))> = BTreeMap::new();
    for s in samples {
        let known = seen.entry(&s.source).or_insert((0, (true, i64::MAX)));
        *known = (known.0 + 1, known.1.min((s.duration.is_none(), s.precision)));
    }
    let most = seen.values().map(|(count, _)| *count).max().unwrap_or(0);
    let finest = seen.iter().filter(|(_, (count, _))| 10 * count >= 9 * most).min_by_key(|(source, (_, fineness))| (*fineness, Arc::clone(source)));
    let finest = finest.map(|(source, _)| Arc::clone(source));
    samples.iter().filter(move |s| Some(&s.source) == finest.as_ref())
}

/// Which part of an interval lies in a list of intervals that do not touch.
fn covered(list: &[(i64, i64)], from: i64, to: i64) -> f64 {
    let start = list.partition_point(|(_, end)| *end < from);
    let inside: i64 = list[start..].iter().take_while(|(begin, _)| *begin <= to).map(|(begin, end)| to.min(*end) - from.max(*begin)).sum();
    if to > from { inside as f64 / (to - from) as f64 } else { f64::from(u8::from(inside > 0)) }
}

/// How often a request of each kind runs something, in order of the kinds; a kind that is missing never does.
type Rates = Vec<(usize, f64)>;

/// What is estimated from.
struct Habits<'g, 'a> {
    ground: &'a Ground<'g>,
    /// The windows in which statements may have run, each list once.
    sets: Vec<Set>,
    /// The set of each statement; nothing where none of the windows holds it.
    set_of: Vec<Option<usize>>,
    /// Who is known to have run which.
    known: BTreeMap<usize, usize>,
}

/// Windows in which a statement may have run, each with what speaks for it before its habits are known: the shorter it is, the more.
struct Set {
    windows: Vec<(usize, f64)>,
    /// The same by kind.
    kinds: Vec<(usize, f64)>,
}

/// Gives the actor what nobody has and what his requests run by habit: each statement by itself, but those of `lanes`, each of which is
/// one request's as a whole.
pub(crate) fn bind_habits(ground: &Ground<'_>, during: &During, lanes: &[Vec<usize>], owners: &mut BTreeMap<usize, Owner>, matches: &mut Vec<Match>) {
    let rest = |e: &usize| !owners.contains_key(e) && (ground.compared)(&ground.statements.all[*e]);
    let of_lanes: BTreeSet<usize> = lanes.iter().flatten().copied().collect();
    if !during.keys().any(rest) {
        return;
    }
    let known = owners.iter().map(|(e, owner)| (*e, owner.request)).collect();
    let Some(habits) = Habits::of(ground, known) else { return };
    let mut by_shape: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for e in (0..habits.set_of.len()).filter(|e| habits.set_of[*e].is_some()) {
        by_shape.entry(shape_key(&ground.statements.all[e].lifted)).or_default().push(e);
    }
    let rates: BTreeMap<u64, Rates> = by_shape.iter().map(|(shape, list)| (*shape, habits.rates(list))).collect();
    let mut found: Vec<(usize, usize)> = Vec::new();
    for e in during.keys().filter(|e| rest(e) && !of_lanes.contains(e)) {
        let rates = rates.get(&shape_key(&ground.statements.all[*e].lifted));
        found.extend(rates.and_then(|rates| habits.owner(&habits.shares(*e, rates))).map(|request| (*e, request)));
    }
    found.extend(habits.of_lanes(lanes, &rates).into_iter().filter(|(e, _)| during.contains_key(e) && rest(e)));
    for (e, request) in found.into_iter().filter(|(e, request)| !(ground.has_foreign_id)(&ground.statements.all[*e], &ground.requests[*request].system)) {
        give(e, Owner { request, strength: Strength::Inferred, is_certain: false }, How::Habit, owners, matches);
    }
}

impl<'g, 'a> Habits<'g, 'a> {
    /// Nothing where the pairs of a statement and a window are too many to weigh.
    fn of(ground: &'a Ground<'g>, known: BTreeMap<usize, usize>) -> Option<Self> {
        let all = &ground.statements.all;
        let mut lists: Vec<Vec<u32>> = vec![Vec::new(); all.len()];
        let mut pairs = 0;
        for (number, w) in ground.windows.all.iter().enumerate() {
            for e in running(ground.statements, w.from, w.to).filter(|e| (ground.serves)(&all[*e], &w.system, w.account.as_deref())) {
                lists[e].push(u32::try_from(number).ok()?);
                pairs += 1;
                if pairs > MOST_PAIRS {
                    return None;
                }
            }
        }
        let (mut sets, mut numbers) = (Vec::new(), HashMap::new());
        let mut number = |list: Vec<u32>, precision: i64| {
            *numbers.entry((list, precision)).or_insert_with_key(|(list, precision)| {
                sets.push(Set::of(&ground.windows.all, list, *precision));
                sets.len() - 1
            })
        };
        let set_of = lists.into_iter().enumerate().map(|(e, list)| (!list.is_empty()).then(|| number(list, all[e].precision))).collect();
        Some(Self { ground, sets, set_of, known })
    }

    fn set(&self, e: usize) -> Option<&Set> {
        self.set_of[e].map(|set| &self.sets[set])
    }

    /// How often a request of each kind runs a shape, from all times that one of it ran.
    fn rates(&self, list: &[usize]) -> Rates {
        let windows = &self.ground.windows;
        let (mut of_sets, mut of_known): (BTreeMap<usize, f64>, BTreeMap<usize, f64>) = Default::default();
        for e in list {
            match (self.known.get(e), self.set_of[*e]) {
                (Some(request), _) => *of_known.entry(windows.all[*request].kind).or_default() += 1.0,
                (None, Some(set)) => *of_sets.entry(set).or_default() += 1.0,
                (None, None) => {}
            }
        }
        let kinds: BTreeSet<usize> = of_sets.keys().flat_map(|set| &self.sets[*set].kinds).map(|(kind, _)| *kind).chain(of_known.keys().copied()).collect();
        let looked_at: f64 = kinds.iter().map(|kind| windows.looked_at[*kind]).sum();
        let average = list.len() as f64 / looked_at.max(1.0);
        // By number of the kind: this is where the time of a large case goes.
        let mut known = vec![0.0; windows.looked_at.len()];
        of_known.iter().for_each(|(kind, count)| known[*kind] = *count);
        let (mut rates, mut ran) = (vec![average; known.len()], known.clone());
        for _ in 0..ROUNDS {
            ran.clone_from(&known);
            for (set, count) in &of_sets {
                let weighed = || self.sets[*set].kinds.iter().map(|(kind, weight)| (*kind, weight * rates[*kind]));
                let sum: f64 = weighed().map(|(_, weight)| weight).sum();
                if sum > 0.0 {
                    weighed().for_each(|(kind, weight)| ran[kind] += count * weight / sum);
                }
            }
            for kind in &kinds {
                rates[*kind] = (ran[*kind] + BEFOREHAND * average) / (windows.looked_at[*kind] + BEFOREHAND);
            }
        }
        kinds.into_iter().map(|kind| (kind, rates[kind])).collect()
    }

    /// What part of all that speaks for any owner of a statement speaks for each; the last is no request.
    fn shares(&self, e: usize, rates: &Rates) -> Vec<(Option<usize>, f64)> {
        let windows = self.set(e).map(|set| set.windows.as_slice()).unwrap_or_default();
        let of_window = |(w, density): &(usize, f64)| (Some(*w), rate(rates, self.ground.windows.all[*w].kind) * density);
        let mut shares: Vec<(Option<usize>, f64)> = windows.iter().map(of_window).collect();
        shares.push((None, rate(rates, BACKGROUND) / BACKGROUND_MICROS as f64));
        scaled(shares)
    }

    /// The request of the actor that a statement is most likely of, if enough speaks for his.
    fn owner(&self, shares: &[(Option<usize>, f64)]) -> Option<usize> {
        let own = || shares.iter().filter_map(|(w, share)| w.filter(|w| self.ground.windows.all[*w].is_own).map(|w| (w, *share)));
        let best = own().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        best.filter(|_| own().map(|(_, share)| share).sum::<f64>() >= ENOUGH).map(|(w, _)| w)
    }

    /// The actor's among the statements of connections that serve one request each, with the request.
    fn of_lanes(&self, lanes: &[Vec<usize>], rates: &BTreeMap<u64, Rates>) -> Vec<(usize, usize)> {
        let shapes: Vec<BTreeSet<u64>> = lanes.iter().map(|lane| lane.iter().map(|e| shape_key(&self.ground.statements.all[*e].lifted)).collect()).collect();
        let windows: Vec<Vec<(usize, f64)>> = lanes.iter().map(|lane| self.windows_of(lane)).collect();
        let mut odds = Odds::of(rates);
        let mut shares: Vec<Vec<(Option<usize>, f64)>> = Vec::new();
        for round in 0..ROUNDS / 2 {
            if round > 0 {
                odds = Odds::seen(&shapes, &shares, &self.ground.windows.all);
            }
            shares = shapes.iter().zip(&windows).map(|(shapes, windows)| self.of_lane(&odds, shapes, windows)).collect();
        }
        let owned = lanes.iter().zip(&shares).filter_map(|(lane, shares)| self.owner(shares).map(|request| (lane, request)));
        owned.flat_map(|(lane, request)| lane.iter().map(move |e| (*e, request))).collect()
    }

    /// What part of all that speaks for any owner of a connection speaks for each.
    fn of_lane(&self, odds: &Odds, shapes: &BTreeSet<u64>, windows: &[(usize, f64)]) -> Vec<(Option<usize>, f64)> {
        let kind = |w: usize| self.ground.windows.all[w].kind;
        let kinds: BTreeSet<usize> = windows.iter().map(|(w, _)| kind(*w)).collect();
        let scores: BTreeMap<usize, f64> = kinds.into_iter().map(|kind| (kind, odds.of_kind(kind, shapes))).collect();
        likeliest(windows.iter().map(|(w, density)| (*w, scores[&kind(*w)] + density.ln())).collect())
    }

    /// The windows in which all statements of a connection may have run.
    fn windows_of(&self, lane: &[usize]) -> Vec<(usize, f64)> {
        let times = || lane.iter().map(|e| &self.ground.statements.all[*e]);
        let (Some(first), Some(last)) = (times().map(|e| e.time.saturating_add(e.precision)).min(), times().map(|e| e.time).max()) else { return Vec::new() };
        let fewest = lane.iter().filter_map(|e| self.set(*e)).min_by_key(|set| set.windows.len());
        let holds = |w: &&(usize, f64)| self.ground.windows.all[w.0].from <= first && last <= self.ground.windows.all[w.0].to;
        fewest.into_iter().flat_map(|set| &set.windows).filter(holds).copied().collect()
    }
}

impl Set {
    fn of(windows: &[Window], list: &[u32], precision: i64) -> Self {
        let density = |w: &Window| 1.0 / w.to.saturating_sub(w.from).saturating_add(precision).max(1) as f64;
        let of_window = |number: &u32| (*number as usize, density(&windows[*number as usize]));
        let windows_here: Vec<(usize, f64)> = list.iter().map(of_window).collect();
        let mut kinds: BTreeMap<usize, f64> = BTreeMap::from([(BACKGROUND, 1.0 / BACKGROUND_MICROS as f64)]);
        windows_here.iter().for_each(|(w, density)| *kinds.entry(windows[*w].kind).or_default() += density);
        Self { windows: windows_here, kinds: kinds.into_iter().collect() }
    }
}

fn rate(rates: &Rates, kind: usize) -> f64 {
    rates.binary_search_by_key(&kind, |(kind, _)| *kind).map_or(0.0, |at| rates[at].1)
}

/// How likely a request of each kind runs a shape at all, as what a connection's shapes add to its score.
struct Odds {
    /// The score of a connection on which nothing ran.
    none: BTreeMap<usize, f64>,
    /// What each shape adds that ran.
    each: BTreeMap<usize, BTreeMap<u64, f64>>,
}

impl Odds {
    /// From rates of single statements.
    fn of(rates: &BTreeMap<u64, Rates>) -> Self {
        let mut chances: BTreeMap<usize, BTreeMap<u64, f64>> = BTreeMap::new();
        for (shape, rates) in rates {
            for (kind, rate) in rates {
                chances.entry(*kind).or_default().insert(*shape, *rate);
            }
        }
        Self::from(chances)
    }

    /// From connections and what speaks for whose they are.
    fn seen(shapes: &[BTreeSet<u64>], shares: &[Vec<(Option<usize>, f64)>], windows: &[Window]) -> Self {
        let mut average: BTreeMap<u64, f64> = BTreeMap::new();
        shapes.iter().flatten().for_each(|shape| *average.entry(*shape).or_default() += 1.0 / shapes.len() as f64);
        let mut counts: BTreeMap<usize, (f64, BTreeMap<u64, f64>)> = BTreeMap::new();
        for (shapes, shares) in shapes.iter().zip(shares) {
            for (kind, share) in shares.iter().filter_map(|(w, share)| w.map(|w| (windows[w].kind, *share))) {
                let (all, of_shape) = counts.entry(kind).or_default();
                *all += share;
                shapes.iter().for_each(|shape| *of_shape.entry(*shape).or_default() += share);
            }
        }
        let chance = |all: f64, ran: f64, shape: &u64| (ran + BEFOREHAND * average[shape]) / (all + BEFOREHAND);
        let of_kind = |(kind, (all, ran)): (usize, (f64, BTreeMap<u64, f64>))| {
            (kind, average.keys().map(|shape| (*shape, chance(all, ran.get(shape).copied().unwrap_or(0.0), shape))).collect())
        };
        Self::from(counts.into_iter().map(of_kind).collect())
    }

    fn from(chances: BTreeMap<usize, BTreeMap<u64, f64>>) -> Self {
        let sure = |chance: &f64| chance.clamp(1.0 - SUREST, SUREST);
        let none = chances.iter().map(|(kind, of)| (*kind, of.values().map(|chance| (1.0 - sure(chance)).ln()).sum())).collect();
        let adds = |chance: &f64| sure(chance).ln() - (1.0 - sure(chance)).ln();
        let each = chances.iter().map(|(kind, of)| (*kind, of.iter().map(|(shape, chance)| (*shape, adds(chance))).collect())).collect();
        Self { none, each }
    }

    fn of_kind(&self, kind: usize, shapes: &BTreeSet<u64>) -> f64 {
        let never = (1.0 - SUREST).ln() - SUREST.ln();
        let adds = |shape: &u64| self.each.get(&kind).and_then(|each| each.get(shape)).copied().unwrap_or(never);
        self.none.get(&kind).copied().unwrap_or(0.0) + shapes.iter().map(adds).sum::<f64>()
    }
}

/// Scores as parts of one.
fn likeliest(scores: Vec<(usize, f64)>) -> Vec<(Option<usize>, f64)> {
    let best = scores.iter().map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max);
    scaled(scores.into_iter().map(|(w, score)| (Some(w), (score - best).exp())).collect())
}

fn scaled(mut shares: Vec<(Option<usize>, f64)>) -> Vec<(Option<usize>, f64)> {
    let sum: f64 = shares.iter().map(|(_, share)| *share).sum();
    if sum > 0.0 {
        shares.iter_mut().for_each(|(_, share)| *share /= sum);
    }
    shares
}
