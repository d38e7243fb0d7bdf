//! What nothing cuts off: the estate's `[[breakglass]]`. What only a target can tell (the last superuser, our own way in) is
//! refused by its connector.

use std::net::IpAddr;

use strandline_model::estate::BreakGlass;
use strandline_model::names::{account_key, same_account};

use super::error::ContainError;

/// What is never touched.
#[derive(Clone, Debug, Default)]
pub struct NeverTouch(Vec<BreakGlass>);

impl NeverTouch {
    /// From the estate.
    pub fn new(breakglass: Vec<BreakGlass>) -> Self {
        Self(breakglass)
    }

    /// Refuses an account of the list.
    ///
    /// # Errors
    /// If it is on the list for this target.
    pub fn account(&self, target: &str, account: &str) -> Result<(), ContainError> {
        let found = self.of(target).find(|one| one.account.as_deref().is_some_and(|known| same_account(&account_key(known), &account_key(account))));
        refuse(target, account, found)
    }

    /// Refuses an address or network that has an address of the list in it.
    ///
    /// # Errors
    /// If it meets the list for this target, or is no address.
    pub fn address(&self, target: &str, address: &str) -> Result<(), ContainError> {
        let asked = Network::read(address).ok_or_else(|| ContainError::Unusable { target: target.to_owned(), why: format!("{address:?} is no address") })?;
        let meets = |one: &&BreakGlass| one.address.as_deref().and_then(Network::read).is_some_and(|known| known.meets(&asked));
        refuse(target, address, self.of(target).find(meets))
    }

    fn of<'s>(&'s self, target: &'s str) -> impl Iterator<Item = &'s BreakGlass> {
        self.0.iter().filter(move |one| one.target.as_deref().is_none_or(|only| only == target))
    }
}

fn refuse(target: &str, what: &str, found: Option<&BreakGlass>) -> Result<(), ContainError> {
    match found {
        Some(one) => {
            Err(ContainError::NeverTouched { target: target.to_owned(), what: what.to_owned(), why: format!("[[breakglass]] of the estate: {}", one.reason) })
        }
        None => Ok(()),
    }
}

/// So many bits stand before an IPv4 address in IPv6 form.
const MAPPED_BITS: u32 = 96;

/// An address or a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    /// Any address of it.
    pub(crate) address: IpAddr,
    /// How many leading bits it fixes.
    pub(crate) bits: u32,
}

impl Network {
    /// Reads `10.0.0.5`, `10.0.0.0/24`, `2001:db8::/64`, `::ffff:10.0.0.5`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let bits: u32 = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= longest)?,
            None => longest,
        };
        // An IPv4 address in IPv6 form is the IPv4 address: a filter knows it by no other name.
        let canonical = address.to_canonical();
        if canonical.is_ipv4() != address.is_ipv4() && bits >= MAPPED_BITS {
            return Some(Self { address: canonical, bits: bits - MAPPED_BITS });
        }
        Some(Self { address, bits })
    }

    /// Whether the two share an address. An IPv4 address in IPv6 form is the IPv4 address.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.address.to_canonical(), other.address.to_canonical());
        let bits = self.fixed().min(other.fixed());
        match (mine, theirs) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).checked_shr(32 - bits.min(32)).unwrap_or(0) == 0,
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).checked_shr(128 - bits.min(128)).unwrap_or(0) == 0,
            _ => false,
        }
    }

    fn fixed(&self) -> u32 {
        let is_mapped = self.address.is_ipv6() && self.address.to_canonical().is_ipv4();
        if is_mapped { self.bits.saturating_sub(96) } else { self.bits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(asked: &str, is_refused: bool) {
        let list = vec![
            BreakGlass { target: Some("edge".to_owned()), account: None, address: Some("10.0.0.0/24".to_owned()), reason: "the desk".to_owned() },
            BreakGlass { target: None, account: Some("Rescue".to_owned()), address: Some("2001:db8::1".to_owned()), reason: "sealed".to_owned() },
        ];
        assert_eq!(NeverTouch::new(list).address("edge", asked).is_err(), is_refused, "{asked}");
    }

    #[test]
    fn a_network_that_has_a_protected_address_in_it_is_refused() {
        for asked in ["10.0.0.7", "10.0.0.0/8", "0.0.0.0/0", "::ffff:10.0.0.7", "2001:db8::/32", "2001:db8::1"] {
            check(asked, true);
        }
        for asked in ["10.0.1.7", "2001:db9::1", "192.168.0.0/16"] {
            check(asked, false);
        }
        check("no address", true);
    }

    #[test]
    fn an_ipv4_address_in_ipv6_form_is_the_ipv4_address() {
        for (text, expected) in
            [("::ffff:10.0.0.5", "10.0.0.5/32"), ("::ffff:10.0.0.0/120", "10.0.0.0/24"), ("::ffff:0:0/95", "::ffff:0.0.0.0/95"), ("::1", "::1/128")]
        {
            let network = Network::read(text).expect("a network");
            assert_eq!(format!("{}/{}", network.address, network.bits), expected);
        }
    }

    #[test]
    fn an_account_is_protected_however_it_is_written_and_only_where_it_is() {
        let list =
            NeverTouch::new(vec![BreakGlass { target: Some("db".to_owned()), account: Some("Rescue".to_owned()), address: None, reason: "sealed".to_owned() }]);
        assert!(list.account("db", "rescue").is_err());
        assert!(list.account("other", "rescue").is_ok());
    }
}
