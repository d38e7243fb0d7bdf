//! Addresses: one is compared in one writing, whatever a log's own is.

use std::net::IpAddr;

/// An address as RFC 5952 writes it, and the port that stood behind it; `None` for what is no address (a host's name).
/// Brackets, a port, a scope and IPv4 within IPv6 are looked through: `[2001:DB8:0:0::1]:443`, `::ffff:192.0.2.7`,
/// `fe80::1%eth0`, `192.0.2.7:5012`.
pub fn canonical(written: &str) -> Option<(String, Option<u16>)> {
    let written = written.trim();
    if written.len() > 80 {
        return None;
    }
    if let Some(inner) = written.strip_prefix('[') {
        let (address, behind) = inner.split_once(']')?;
        let port = match behind {
            "" => None,
            behind => Some(behind.strip_prefix(':')?.parse().ok()?),
        };
        return Some((plain(address)?, port));
    }
    if let Some(address) = plain(written) {
        return Some((address, None));
    }
    // With a port. What follows the last colon of an IPv6 address is one only where the rest is whole without it.
    let (address, port) = written.rsplit_once(':')?;
    Some((plain(address)?, Some(port.parse().ok()?)))
}

fn plain(text: &str) -> Option<String> {
    let text = text.split_once('%').map_or(text, |(address, _)| address);
    let address: IpAddr = text.parse().ok()?;
    Some(match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| v6.to_string(), |v4| v4.to_string()),
        IpAddr::V4(v4) => v4.to_string(),
    })
}

/// As [`canonical`], and what is no address as it is: for what people write.
pub fn as_compared(written: &str) -> String {
    canonical(written).map_or_else(|| written.to_owned(), |(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_in_one_writing() {
        let check = |written: &str, expected: Option<(&str, Option<u16>)>| {
            assert_eq!(canonical(written), expected.map(|(address, port)| (address.to_owned(), port)), "{written}");
        };
        check("192.0.2.7", Some(("192.0.2.7", None)));
        check("192.0.2.7:5012", Some(("192.0.2.7", Some(5012))));
        check("[192.0.2.7]", Some(("192.0.2.7", None)));
        check("::ffff:192.0.2.7", Some(("192.0.2.7", None)));
        check("[::FFFF:192.0.2.7]:443", Some(("192.0.2.7", Some(443))));
        check("2001:DB8:0:0:0:0:0:66", Some(("2001:db8::66", None)));
        check("fe80::1%eth0", Some(("fe80::1", None)));
        check("::1:65000", Some(("::1", Some(65000))));
        for no_address in ["", "-", "[local]", "web1", "web1:80", "1.2.3", "[::1", "[::1]x"] {
            check(no_address, None);
        }
        assert_eq!(as_compared("gate.example.org"), "gate.example.org");
    }
}
