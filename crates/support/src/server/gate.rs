//! Who may look up a code now: a bucket of tries for each address, and a queue that is fair between addresses, so that a flood from
//! some shuts out nobody else. All of it has a bounded size.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

/// Where a request comes from: an IPv4 address, or the 64 bits of an IPv6 network that one household has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address(u64);

/// Addresses that have no bucket of their own any more share this one: no address begins so.
const CROWD: Address = Address(u64::MAX);

impl Address {
    pub(crate) fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(u64::from(u32::from(ip))),
            IpAddr::V6(ip) => Self((u128::from(ip) >> 64) as u64 | 1 << 63),
        }
    }
}

/// What one line to the world can have of addresses: the first 48 bits of an IPv6 address, or 24 of an IPv4 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Network(u64);

impl Address {
    /// The network that it is of.
    pub(crate) fn network(self) -> Network {
        let is_v6 = self.0 >> 63 == 1;
        Network(if is_v6 { self.0 >> 16 | 1 << 63 } else { self.0 >> 8 })
    }
}

/// How often an address may try.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    /// Tries at once.
    pub(crate) burst: f64,
    /// More of them a second.
    pub(crate) per_second: f64,
}

/// A bucket of tries for each address.
pub(crate) struct Buckets {
    rate: Rate,
    limit: usize,
    levels: Mutex<HashMap<Address, (f64, Instant)>>,
}

impl Buckets {
    pub(crate) fn new(rate: Rate, limit: usize) -> Self {
        Self { rate, limit, levels: Mutex::new(HashMap::new()) }
    }

    /// Takes a try. One that turned out to be right is given back.
    fn take(&self, address: Address, now: Instant) -> bool {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        if !levels.contains_key(&address) && levels.len() >= self.limit {
            // A bucket that is full again says nothing that a new one does not.
            levels.retain(|_, (level, at)| filled(*level, *at, now, self.rate) < self.rate.burst);
        }
        let full = !levels.contains_key(&address) && levels.len() >= self.limit;
        // The crowd's is larger, since it is many people's.
        let (address, rate) = if full { (CROWD, crowd(self.rate)) } else { (address, self.rate) };
        let (level, at) = levels.entry(address).or_insert((rate.burst, now));
        (*level, *at) = (filled(*level, *at, now, rate), now);
        let may = *level >= 1.0;
        if may {
            *level -= 1.0;
        }
        may
    }

    /// A try, where there is one; [`Try::spend`] says that it was wrong.
    pub(crate) fn try_of(&self, address: Address, now: Instant) -> Option<Try<'_>> {
        self.take(address, now).then(|| Try { buckets: self, address, is_spent: false })
    }

    /// Gives a try back: the code was right.
    fn give_back(&self, address: Address) {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let known = if levels.contains_key(&address) { address } else { CROWD };
        let burst = if known == CROWD { crowd(self.rate).burst } else { self.rate.burst };
        if let Some((level, _)) = levels.get_mut(&known) {
            *level = (*level + 1.0).min(burst);
        }
    }
}

fn crowd(rate: Rate) -> Rate {
    Rate { burst: rate.burst * 10.0, per_second: rate.per_second * 100.0 }
}

fn filled(level: f64, at: Instant, now: Instant, rate: Rate) -> f64 {
    (level + now.saturating_duration_since(at).as_secs_f64() * rate.per_second).min(rate.burst)
}

/// Nobody can be let in now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// A try that was taken. Dropped, it goes back, unless the code turned out to open nothing: who gives up, or is sent away since many
/// are here, has guessed nothing.
pub(crate) struct Try<'b> {
    buckets: &'b Buckets,
    address: Address,
    is_spent: bool,
}

impl Try<'_> {
    /// The code opened nothing.
    pub(crate) fn spend(mut self) {
        self.is_spent = true;
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        if !self.is_spent {
            self.buckets.give_back(self.address);
        }
    }
}

/// Lets a few in at a time, a network after the other, and of each an address after the other.
pub(crate) struct Gate {
    waiting_limit: usize,
    line: Mutex<Line>,
}

struct Line {
    free: usize,
    waiting: usize,
    networks: BTreeMap<Network, Waiting>,
    /// Networks that somebody waits from, in the order of their turns.
    turns: VecDeque<Network>,
}

/// Who waits from one network.
#[derive(Default)]
struct Waiting {
    count: usize,
    queues: BTreeMap<Address, VecDeque<oneshot::Sender<Pass>>>,
    /// Addresses that somebody waits from, in the order of their turns.
    turns: VecDeque<Address>,
}

/// That somebody was let in. Dropped, it lets the next one in.
pub(crate) struct Pass(Option<Arc<Gate>>);

impl Gate {
    /// `at_once` are let in together; `waiting_limit` wait.
    pub(crate) fn new(at_once: usize, waiting_limit: usize) -> Arc<Self> {
        let line = Line { free: at_once.max(1), waiting: 0, networks: BTreeMap::new(), turns: VecDeque::new() };
        Arc::new(Self { waiting_limit, line: Mutex::new(line) })
    }

    /// Waits for the turn of this address. Whoever stops waiting loses it.
    ///
    /// # Errors
    /// If too many wait already, and neither another network nor another address of this one has more of them.
    pub(crate) async fn enter(self: &Arc<Self>, address: Address) -> Result<Pass, Busy> {
        let turn = {
            let mut line = self.lock();
            if line.free > 0 && line.waiting == 0 {
                line.free -= 1;
                return Ok(Pass(Some(Arc::clone(self))));
            }
            if line.waiting >= self.waiting_limit {
                line.make_room(address)?;
            }
            let (sender, turn) = oneshot::channel();
            line.join(address, sender);
            turn
        };
        turn.await.map_err(|_| Busy)
    }

    fn leave(self: &Arc<Self>) {
        let mut line = self.lock();
        while let Some(next) = line.next() {
            match next.send(Pass(Some(Arc::clone(self)))) {
                Ok(()) => return,
                // Nobody waits there any more. The pass must not come here again while the line is held.
                Err(mut unused) => unused.0 = None,
            }
        }
        line.free += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn join(&mut self, address: Address, sender: oneshot::Sender<Pass>) {
        let network = self.networks.entry(address.network()).or_default();
        if network.count == 0 {
            self.turns.push_back(address.network());
        }
        let queue = network.queues.entry(address).or_default();
        if queue.is_empty() {
            network.turns.push_back(address);
        }
        queue.push_back(sender);
        network.count += 1;
        self.waiting += 1;
    }

    /// The next: a network after the other, and within each an address after the other.
    fn next(&mut self) -> Option<oneshot::Sender<Pass>> {
        let name = self.turns.pop_front()?;
        let network = self.networks.get_mut(&name)?;
        let next = network.next();
        self.waiting -= usize::from(next.is_some());
        if network.count == 0 {
            self.networks.remove(&name);
        } else {
            self.turns.push_back(name);
        }
        next
    }

    /// Sends away the last who came from the network that most wait from, of that from the address with the longest queue: if more wait
    /// from there than would from the newcomer's. Within one network the same holds between addresses.
    fn make_room(&mut self, newcomer: Address) -> Result<(), Busy> {
        let own = self.networks.get(&newcomer.network()).map_or(0, |network| network.count);
        let (fullest, count) = self.networks.iter().map(|(name, network)| (*name, network.count)).max_by_key(|(_, count)| *count).ok_or(Busy)?;
        let from = if count > own + 1 { fullest } else { newcomer.network() };
        let network = self.networks.get_mut(&from).ok_or(Busy)?;
        let own = if from == newcomer.network() { network.queues.get(&newcomer).map_or(0, VecDeque::len) + 1 } else { 0 };
        network.send_away(own)?;
        self.waiting -= 1;
        Ok(())
    }
}

impl Waiting {
    fn next(&mut self) -> Option<oneshot::Sender<Pass>> {
        let address = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&address)?;
        let next = queue.pop_front();
        self.count -= usize::from(next.is_some());
        if queue.is_empty() {
            self.queues.remove(&address);
        } else {
            self.turns.push_back(address);
        }
        next
    }

    /// Sends away the last of the longest queue, if it is longer than this.
    fn send_away(&mut self, than: usize) -> Result<(), Busy> {
        let (longest, length) = self.queues.iter().map(|(address, queue)| (*address, queue.len())).max_by_key(|(_, length)| *length).ok_or(Busy)?;
        let queue = self.queues.get_mut(&longest).filter(|_| length > than).ok_or(Busy)?;
        queue.pop_back();
        self.count -= 1;
        if queue.is_empty() {
            self.queues.remove(&longest);
            self.turns.retain(|address| *address != longest);
        }
        Ok(())
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(gate) = self.0.take() {
            gate.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn address(number: u8) -> Address {
        Address::of(IpAddr::from([10, 0, 0, number]))
    }

    #[test]
    fn a_household_is_one_address() {
        let of = |text: &str| Address::of(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.7"));
        assert_ne!(of("192.0.2.7"), of("192.0.2.8"));
    }

    #[test]
    fn tries_run_out_come_back_and_right_ones_cost_nothing() {
        let (buckets, start) = (Buckets::new(Rate { burst: 3.0, per_second: 0.5 }, 100), Instant::now());
        assert_eq!((0..5).filter(|_| buckets.take(address(1), start)).count(), 3);
        assert!(buckets.take(address(2), start), "another address pays for it");
        assert!(!buckets.take(address(1), start + Duration::from_secs(1)));
        assert!(buckets.take(address(1), start + Duration::from_secs(2)));
        for _ in 0..50 {
            // Right, or given up: it is dropped.
            assert!(buckets.try_of(address(3), start).is_some());
        }
        (0..3).for_each(|_| buckets.try_of(address(3), start).expect("a try is left").spend());
        (0..3).for_each(|_| assert!(buckets.try_of(address(3), start).is_none(), "wrong ones cost nothing"));
    }

    #[test]
    fn a_million_addresses_take_no_more_memory_than_the_limit() {
        let (buckets, start) = (Buckets::new(Rate { burst: 3.0, per_second: 0.5 }, 1000), Instant::now());
        for number in 0..100_000_u64 {
            buckets.take(Address(number), start);
        }
        assert!(buckets.levels.lock().expect("no panic").len() <= 1001);
        // Those whose buckets are full again give way.
        assert!(buckets.take(Address(500_000), start + Duration::from_secs(60)));
    }

    #[tokio::test]
    async fn addresses_take_turns() {
        let gate = Gate::new(1, 100);
        let first = gate.enter(address(9)).await.expect("nobody is there");
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = Vec::new();
        // A flood from 1, and then one from each of 2 and 3.
        for (place, from) in [1, 1, 1, 1, 1, 1, 2, 3].into_iter().enumerate() {
            let (own, served) = (Arc::clone(&gate), Arc::clone(&served));
            waiting.push(tokio::spawn(async move {
                let pass = own.enter(address(from)).await.expect("there is room");
                served.lock().expect("no panic").push(from);
                drop(pass);
            }));
            while gate.lock().waiting <= place {
                tokio::task::yield_now().await;
            }
        }
        drop(first);
        for task in waiting {
            task.await.expect("no panic");
        }
        assert_eq!(served.lock().expect("no panic")[..3], [1, 2, 3]);
        let line = gate.lock();
        assert_eq!((line.free, line.waiting, line.networks.len(), line.turns.len()), (1, 0, 0, 0));
    }

    #[tokio::test]
    async fn a_flood_is_sent_away_before_anybody_else() {
        let gate = Gate::new(1, 4);
        let first = gate.enter(address(9)).await.expect("nobody is there");
        let enter = |from: u8| {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move { gate.enter(address(from)).await.map(drop) })
        };
        let mut flood = Vec::new();
        for place in 0..4 {
            flood.push(enter(1));
            while gate.lock().waiting <= place {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(enter(1).await.expect("no panic"), Err(Busy), "one more of the flood");
        let other = enter(2);
        while gate.lock().networks.values().map(|network| network.queues.len()).sum::<usize>() < 2 {
            tokio::task::yield_now().await;
        }
        drop(first);
        assert_eq!(other.await.expect("no panic"), Ok(()));
        let mut done = Vec::new();
        for task in flood {
            done.push(task.await.expect("no panic").is_ok());
        }
        assert_eq!(done, [true, true, true, false], "the last of the flood gives way");
        assert_eq!(gate.lock().free, 1);
    }

    #[test]
    fn a_line_to_the_world_is_one_network() {
        let of = |text: &str| Address::of(text.parse().expect("an address")).network();
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:ffff::1"));
        assert_ne!(of("2001:db8:1::1"), of("2001:db8:2::1"));
        assert_eq!(of("192.0.2.7"), of("192.0.2.8"));
        assert_ne!(of("192.0.2.7"), of("192.0.3.7"));
        assert_ne!(of("2001:db8:1::1"), of("192.0.2.7"));
    }

    #[tokio::test]
    async fn a_network_of_many_addresses_waits_for_itself() {
        let gate = Gate::new(1, 6);
        let first = gate.enter(address(9)).await.expect("nobody is there");
        let served = Arc::new(Mutex::new(Vec::new()));
        let enter = |from: &str| {
            let (gate, served, from) = (Arc::clone(&gate), Arc::clone(&served), from.to_owned());
            tokio::spawn(async move {
                let pass = gate.enter(Address::of(from.parse().expect("an address"))).await;
                if pass.is_ok() {
                    served.lock().expect("no panic").push(from);
                }
                pass.is_ok()
            })
        };
        let mut tasks = Vec::new();
        for place in 0..6 {
            tasks.push(enter(&format!("2001:db8:1:{place}::1")));
            while gate.lock().waiting <= place {
                tokio::task::yield_now().await;
            }
        }
        assert!(!enter("2001:db8:1:77::1").await.expect("no panic"), "a seventh household of one line");
        tasks.push(enter("198.51.100.7"));
        while gate.lock().networks.len() < 2 {
            tokio::task::yield_now().await;
        }
        drop(first);
        let mut done = Vec::new();
        for task in tasks {
            done.push(task.await.expect("no panic"));
        }
        assert_eq!(done.iter().filter(|done| **done).count(), 6, "one of the many gave way");
        assert!(served.lock().expect("no panic")[..2].contains(&"198.51.100.7".to_owned()), "the other waited for all of them");
        let line = gate.lock();
        assert_eq!((line.free, line.waiting, line.networks.len(), line.turns.len()), (1, 0, 0, 0));
    }

    #[tokio::test]
    async fn who_goes_away_keeps_nobody_waiting() {
        let gate = Gate::new(1, 4);
        let first = gate.enter(address(9)).await.expect("nobody is there");
        let gone = {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move { gate.enter(address(1)).await.map(drop) })
        };
        while gate.lock().waiting < 1 {
            tokio::task::yield_now().await;
        }
        gone.abort();
        let _ = gone.await;
        drop(first);
        assert_eq!(gate.lock().free, 1);
        assert!(gate.enter(address(2)).await.is_ok());
    }
}
