//! How many of the connections one address may hold, where other machines are served: nobody can take all of them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Connections of one address: several people behind one of them are served, and a browser opens six.
pub const PER_ADDRESS: usize = 32;

/// Connections by where they come from.
#[derive(Clone, Default)]
pub struct Shares(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// A place among the connections of one address; given back when it is dropped.
pub struct Share {
    of: Shares,
    from: IpAddr,
}

impl Shares {
    /// A place for a connection from there; none where the address has its part.
    pub fn take(&self, from: IpAddr) -> Option<Share> {
        let from = household(from);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(from).or_default();
        if *count >= PER_ADDRESS {
            return None;
        }
        *count += 1;
        Some(Share { of: self.clone(), from })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.from);
            }
        }
    }
}

/// Whoever has one IPv6 address has 2^64 of them: the first half is the key. One that stands for an IPv4 address is that one.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::from((u128::from(address) >> 64 << 64).to_be_bytes()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(first: &str, second: &str, is_one: bool) {
        let shares = Shares::default();
        let [first, second] = [first, second].map(|text| text.parse::<IpAddr>().unwrap());
        let held: Vec<Share> = (0..PER_ADDRESS).map(|_| shares.take(first).unwrap()).collect();
        assert_eq!(shares.take(second).is_none(), is_one, "{first} and {second}");
        drop(held);
        assert!(shares.take(second).is_some() && shares.0.lock().unwrap().is_empty(), "a place was not given back");
    }

    #[test]
    fn one_household_has_its_part_and_takes_nobody_elses() {
        check("192.0.2.1", "192.0.2.1", true);
        check("192.0.2.1", "192.0.2.2", false);
        check("::ffff:192.0.2.1", "192.0.2.1", true);
        check("2001:db8::1", "2001:db8::ffff:1", true);
        check("2001:db8::1", "2001:db8:0:1::1", false);
    }
}
