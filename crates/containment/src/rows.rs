//! From what the pass found to rows: figures out of the views, the order of candidates, limits in words.

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::containment::{Action, ActionRow, Cover, Effect, Foothold, FootholdRow, Phase, Refusal, Undo, canonical};
use strandline_model::time::Instant;

use crate::Proposal;
use crate::candidate::{Candidate, Candidates};
use crate::foothold::Held;
use crate::key::{Key, Predicate, Unit};
use crate::replay::{BEYOND, By, Replayed, Span, Tally};
use crate::whose::Whose;

/// Whether an action, if it refuses the records of a foothold, closes it: another session, address or account must not get the
/// intruder past it. An address that is refused closes no session: he comes from another.
pub(crate) fn closes(action: &Action, held: &Held) -> bool {
    match (&held.foothold, &action.effect) {
        (foothold, Effect::Webhook { .. } | Effect::Exec { .. }) => action.foothold == *foothold,
        (Foothold::Address { address }, Effect::NftablesDrop { address: cut } | Effect::WebDenyAddress { address: cut }) => address == cut,
        (
            Foothold::Session { .. },
            Effect::WebDenySession { .. } | Effect::SessionStoreDelete { .. } | Effect::SessionStoreDeleteAccount { .. } | Effect::WebRotateKey { .. },
        ) => true,
        (Foothold::Account { .. }, Effect::LdapLock { .. } | Effect::AdDisable { .. } | Effect::LinuxLock { .. }) => true,
        // Of that account at that machine, as its records tell.
        (Foothold::Key { .. }, Effect::LinuxKeysMove { .. } | Effect::LinuxLock { .. }) => true,
        (
            Foothold::RoleAtHost { .. },
            Effect::PostgresHbaReject { .. }
            | Effect::PostgresRoleNoLogin { .. }
            | Effect::PostgresRoleExpired { .. }
            | Effect::PostgresConnectionLimit { .. }
            | Effect::PostgresPassword { .. }
            | Effect::PostgresRevokeConnect { .. }
            | Effect::NftablesDrop { .. }
            | Effect::MysqlAccountLock { .. }
            | Effect::MysqlPassword { .. },
        ) => true,
        (Foothold::Host { host }, Effect::NftablesDrop { address }) => host == address,
        (Foothold::Route { .. }, Effect::WebDenyRoute { .. }) => true,
        _ => false,
    }
}

/// All rows of a proposal.
pub(crate) fn rows(footholds: &[Held], candidates: Candidates, replayed: Replayed, notes: Vec<String>) -> Proposal {
    let all = candidates.all.iter().zip(&replayed.tallies).enumerate();
    let row = |(at, (candidate, tally)): (usize, (&Candidate, &Tally))| {
        let row = action_row(at, candidate, tally, &replayed, footholds);
        (candidate.of, order(&row, replayed.predicates.get(at), candidate.action.effect.phase()), row)
    };
    let mut actions: Vec<(usize, Order, ActionRow)> = all.map(row).collect();
    actions.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    let mut rank = 0;
    let mut before = None;
    for (of, _, row) in &mut actions {
        rank = if before == Some(*of) { rank + 1 } else { 1 };
        (before, row.rank) = (Some(*of), rank);
    }
    let counts = actions.iter().fold(BTreeMap::<usize, i64>::new(), |mut counts, (of, ..)| {
        *counts.entry(*of).or_default() += 1;
        counts
    });
    let mut reasons: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    candidates.reasons.into_iter().for_each(|(of, reason)| {
        reasons.entry(of).or_default().insert(reason);
    });
    let mut held_row = |(at, held): (usize, &Held)| FootholdRow {
        id: held.id.clone(),
        kind: held.foothold.kind().to_owned(),
        name: held.foothold.to_string(),
        is_open: held.is_open,
        foothold: canonical(&held.foothold),
        because: held.because.iter().cloned().collect(),
        records: whole(replayed.through[at]),
        candidates: counts.get(&at).copied().unwrap_or(0),
        reason: reason_of(held, reasons.remove(&at).unwrap_or_default()),
    };
    let ids: Vec<&str> = candidates.all.iter().map(|c| c.action.id.as_str()).collect();
    let cover_row = |((held, closing), count): (&(usize, Vec<usize>), &u64)| {
        let mut actions: Vec<String> = closing.iter().map(|at| ids[*at].to_owned()).collect();
        actions.sort();
        Cover { foothold: footholds[*held].id.clone(), actions, records: whole(*count) }
    };
    let mut covers: Vec<Cover> = replayed.covers.iter().map(cover_row).collect();
    covers.sort_by(|a, b| (&a.foothold, &a.actions).cmp(&(&b.foothold, &b.actions)));
    let refusals = candidates.all.iter().zip(&replayed.tallies).flat_map(|(candidate, tally)| refusals(candidate, tally, &replayed)).collect();
    Proposal {
        footholds: footholds.iter().enumerate().map(&mut held_row).collect(),
        actions: actions.into_iter().map(|(.., row)| row).collect(),
        covers,
        refusals,
        notes,
    }
}

/// Why there is no candidate for it, and why none is to be taken without a person's word.
fn reason_of(held: &Held, mut reasons: BTreeSet<String>) -> Option<String> {
    if held.is_open {
        reasons.insert("it may be the intruder's and may be somebody else's: pin it if it is his, strike its link if not".to_owned());
    }
    (!reasons.is_empty()).then(|| reasons.into_iter().collect::<Vec<_>>().join("; "))
}

/// What candidates of one foothold are sorted by.
type Order = (i64, i64, u8, bool, u8, Phase, i64, String);

/// Narrowest first: what closes all comes before what closes less, then what costs lawful work least, then what acts on less of
/// what is to come, then what can be taken back and is not seen, a door before what is behind it; the id breaks ties, since it is the same on every run.
fn order(row: &ActionRow, predicate: &Predicate, phase: Phase) -> Order {
    let notices = match row.notices.as_str() {
        "quiet" => 0,
        "next_login" => 1,
        _ => 2,
    };
    let costs = row.units_lawful.iter().chain(&row.units_open).sum();
    (-row.closes, costs, breadth(predicate), !row.undo_exact, notices, phase, -row.intruder, row.id.clone())
}

/// How much it acts on that is not in the log: the same role from another host, other sessions, other systems.
fn breadth(predicate: &Predicate) -> u8 {
    let of_key = match &predicate.key {
        Key::Session(Some(_)) | Key::Role(_, Some(_)) | Key::Route(..) | Key::Share(_) | Key::Ssh(_) => 0,
        Key::Address(_) | Key::Account(_) | Key::Role(_, None) | Key::Machine(_) => 2,
        Key::Session(None) | Key::Database(_) => 4,
    };
    of_key + u8::from(predicate.system.is_none())
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn action_row(at: usize, candidate: &Candidate, tally: &Tally, replayed: &Replayed, footholds: &[Held]) -> ActionRow {
    let (action, predicate) = (&candidate.action, replayed.predicates.get(at));
    let unit = main_unit(predicate, tally, replayed);
    let units = units(unit, tally, replayed);
    let figures = of_all(tally, unit, replayed);
    let hours = hours(tally, &units, predicate, replayed);
    let of_units = |which: usize| units.iter().map(|(_, figures)| whole(figures[which])).collect::<Vec<i64>>();
    let (carries, of) = coverage(predicate, unit, replayed);
    let elsewhere = tally.accounts.iter().filter(|account| has_another_way(&predicate.key, &replayed.accounts[**account].addresses)).count();
    let closes = replayed.covers.iter().filter(|((held, closing), _)| *held == candidate.of && closing.contains(&at)).map(|(_, n)| n).sum();
    ActionRow {
        id: action.id.clone(),
        foothold: footholds[candidate.of].id.clone(),
        rank: 0,
        effect: action.effect.word(),
        system: action.system.clone(),
        target: action.target.clone(),
        reaches: action.reaches.clone(),
        cannot_reach: action.cannot_reach.clone(),
        notices: action.notices.as_str().to_owned(),
        undo_exact: action.undo == Undo::Exact,
        undo_reason: if let Undo::Not(reason) = &action.undo { Some(reason.clone()) } else { None },
        closes: whole(closes),
        unit: unit.as_str().to_owned(),
        intruder: whole(figures[0]),
        lawful: whole(figures[1]),
        open: whole(figures[2]),
        units: units.iter().map(|(unit, _)| unit.as_str().to_owned()).collect(),
        units_intruder: of_units(0),
        units_lawful: of_units(1),
        units_open: of_units(2),
        lawful_hour_median: whole(hours.0),
        lawful_hour_worst: whole(hours.1),
        lawful_last: last_lawful(tally).map(Instant),
        carries: whole(carries),
        of: whole(of),
        accounts: whole(tally.accounts.len() as u64),
        accounts_elsewhere: whole(elsewhere as u64),
        limits: limits(action, predicate, tally, (carries, of)),
        action: action.canonical(),
    }
}

/// What it acts on first; where the intruder has nothing of that, what it would have refused most of his; where he has nothing at
/// all, most of anybody's.
fn main_unit(predicate: &Predicate, tally: &Tally, replayed: &Replayed) -> Unit {
    let (his, all) = (|unit: Unit| of_all(tally, unit, replayed)[0], |unit: Unit| of_all(tally, unit, replayed).iter().sum::<u64>());
    let first = predicate.units[0];
    if his(first) > 0 {
        return first;
    }
    let most = predicate.units.iter().copied().max_by_key(|unit| (his(*unit), all(*unit), std::cmp::Reverse(*unit)));
    most.filter(|unit| all(*unit) > 0).unwrap_or(first)
}

/// All units of which it would have refused anything, with their figures; the main one first, whatever it is.
fn units(main: Unit, tally: &Tally, replayed: &Replayed) -> Vec<(Unit, [u64; 3])> {
    let all = std::iter::once(main).chain(Unit::ALL.into_iter().filter(|unit| *unit != main));
    all.map(|unit| (unit, of_all(tally, unit, replayed))).filter(|(unit, figures)| *unit == main || figures.iter().any(|count| *count > 0)).collect()
}

/// The figures over all systems.
fn of_all(tally: &Tally, unit: Unit, replayed: &Replayed) -> [u64; 3] {
    let of_system = |(of, _, by): &(Unit, Whose, By)| *of == unit && matches!(by, By::System(_) | By::Beyond("system"));
    figures(unit, replayed, tally.refused.iter().filter(|(key, _)| of_system(key)).map(|((_, whose, _), sources)| (*whose, sources)))
}

/// The figures of one account, batch job, system or hour.
fn of_one(tally: &Tally, unit: Unit, by: &By, replayed: &Replayed) -> [u64; 3] {
    figures(unit, replayed, Whose::ALL.into_iter().filter_map(|whose| Some((whose, tally.refused.get(&(unit, whose, by.clone()))?))))
}

/// Intruder's, lawful, and open ones, out of all sources that tell of them. Each is at least so many; what one source leaves open
/// and another settles is settled.
fn figures<'t>(unit: Unit, replayed: &Replayed, parts: impl Iterator<Item = (Whose, &'t BTreeMap<usize, Span>)>) -> [u64; 3] {
    let mut by_whose: BTreeMap<Whose, BTreeMap<usize, u64>> = BTreeMap::new();
    let mut total: BTreeMap<usize, u64> = BTreeMap::new();
    for (whose, sources) in parts {
        for (source, span) in sources {
            *by_whose.entry(whose).or_default().entry(*source).or_default() += span.count;
            *total.entry(*source).or_default() += span.count;
        }
    }
    let fold = |map: &BTreeMap<usize, u64>| replayed.views.fold(unit, map.iter().map(|(at, count)| (replayed.sources[*at].as_str(), *count)));
    let [intruder, lawful] = [Whose::Intruder, Whose::Lawful].map(|whose| by_whose.get(&whose).map_or(0, fold));
    let has_open = by_whose.contains_key(&Whose::Open);
    [intruder, lawful, if has_open { fold(&total).saturating_sub(intruder + lawful) } else { 0 }]
}

/// Lawful and open ones of all these units by hour: median and worst, of the hours in which the systems in reach were in use.
fn hours(tally: &Tally, units: &[(Unit, [u64; 3])], predicate: &Predicate, replayed: &Replayed) -> (u64, u64) {
    let mut in_use: BTreeSet<i64> = BTreeSet::new();
    let mut counts: BTreeMap<&By, u64> = BTreeMap::new();
    for &(unit, _) in units {
        let in_reach = replayed.hours.iter().filter(|((of, system), _)| *of == unit && predicate.is_in_reach(unit, system));
        in_use.extend(in_reach.flat_map(|(_, hours)| hours));
        let touched = |whose: Whose| {
            let hours = tally.refused.range((unit, whose, By::Hour(i64::MIN))..=(unit, whose, By::Hour(i64::MAX)));
            hours.map(|((.., by), _)| by)
        };
        let touched: BTreeSet<&By> = touched(Whose::Lawful).chain(touched(Whose::Open)).collect();
        for hour in touched {
            let [_, lawful, open] = of_one(tally, unit, hour, replayed);
            *counts.entry(hour).or_default() += lawful + open;
        }
    }
    let mut counts: Vec<u64> = counts.into_values().collect();
    counts.resize(counts.len().max(in_use.len()), 0);
    counts.sort_unstable();
    (counts.get(counts.len() / 2).copied().unwrap_or(0), counts.last().copied().unwrap_or(0))
}

/// Records in reach that carry the key, of all in reach.
fn coverage(predicate: &Predicate, unit: Unit, replayed: &Replayed) -> (u64, u64) {
    let in_reach =
        replayed.carried.iter().filter(|((of, source), _)| *of == unit && replayed.systems.get(source).is_some_and(|s| predicate.is_in_reach(unit, s)));
    let (mut carries, mut of) = (BTreeMap::new(), BTreeMap::new());
    for ((_, source), combinations) in in_reach {
        let with: u64 = combinations.iter().filter(|(carried, _)| predicate.is_carried(**carried)).map(|(_, count)| count).sum();
        carries.insert(*source, with);
        of.insert(*source, combinations.values().sum::<u64>());
    }
    let fold = |map: &BTreeMap<usize, u64>| replayed.views.fold(unit, map.iter().map(|(at, count)| (replayed.sources[*at].as_str(), *count)));
    (fold(&carries), fold(&of))
}

fn has_another_way(key: &Key, addresses: &[Option<String>; 2]) -> bool {
    match key {
        Key::Address(address) => addresses.iter().flatten().any(|seen| seen != address),
        _ => false,
    }
}

fn last_lawful(tally: &Tally) -> Option<i64> {
    tally.refused.iter().filter(|((_, whose, _), _)| *whose == Whose::Lawful).flat_map(|(_, sources)| sources.values().map(|span| span.last)).max()
}

/// What the figures do not tell.
fn limits(action: &Action, predicate: &Predicate, tally: &Tally, (carries, of): (u64, u64)) -> Vec<String> {
    let mut limits = Vec::new();
    if of > carries {
        limits.push(format!("{} of {of} records in its reach do not carry the key: the figures are at least so many", of - carries));
    }
    if of == 0 {
        limits.push("no log tells of what it acts on: what it would refuse is not known".to_owned());
    }
    if let (Key::Session(Some(_)), 2..) = (&predicate.key, tally.sessions.len()) {
        limits.push(format!("{} sessions begin like this one: all of them would be cut", tally.sessions.len()));
    }
    if tally.refused.keys().any(|(.., by)| matches!(by, By::Beyond(_))) {
        limits.push("there are more accounts or hours than are told apart".to_owned());
    }
    if matches!(action.effect, Effect::SessionStoreDelete { .. } | Effect::SessionStoreDeleteAccount { .. } | Effect::WebRotateKey { .. }) {
        limits.push("counted as if the sessions had stayed away: who signs in again goes on".to_owned());
    }
    if matches!(action.effect, Effect::PostgresRevokeConnect { .. } | Effect::PostgresRevokeSelect { .. }) {
        limits.push("counted for all that the role did: at other databases and tables it goes on".to_owned());
    }
    limits
}

/// The refusals of one candidate, by what they are told apart by.
fn refusals(candidate: &Candidate, tally: &Tally, replayed: &Replayed) -> Vec<Refusal> {
    let mut rows = Vec::new();
    for unit in Unit::ALL {
        let keys: BTreeSet<&By> = tally.refused.keys().filter(|(of, ..)| *of == unit).map(|(.., by)| by).collect();
        for by in keys {
            let counts = of_one(tally, unit, by, replayed);
            for (whose, count) in Whose::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
                let Some(span) = span(tally, unit, whose, by) else { continue };
                let (word, key) = words(by);
                let (first, last) = (Instant(span.first), Instant(span.last));
                rows.push(Refusal {
                    action: candidate.action.id.clone(),
                    unit: unit.as_str().to_owned(),
                    whose: whose.as_str().to_owned(),
                    by: word.to_owned(),
                    key,
                    count: whole(count),
                    first,
                    last,
                });
            }
        }
    }
    rows
}

fn span(tally: &Tally, unit: Unit, whose: Whose, by: &By) -> Option<Span> {
    let mut spans = tally.refused.get(&(unit, whose, by.clone()))?.values().copied();
    let first = spans.next()?;
    Some(spans.fold(first, |mut all, span| {
        all.join(span);
        all
    }))
}

fn words(by: &By) -> (&'static str, String) {
    match by {
        By::System(system) => ("system", system.clone()),
        By::Account(account) => ("account", account.clone()),
        By::Batch(batch) => ("batch", batch.clone()),
        By::Hour(hour) => ("hour", Instant(*hour).to_string()),
        By::Beyond(word) => (word, BEYOND.to_owned()),
    }
}
