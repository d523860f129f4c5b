//! Addresses that begin with the same bits: `192.0.2.0/24`, `2001:db8::/32`, or one address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    /// With nothing beyond the bits.
    address: IpAddr,
    bits: u8,
}

/// It says no network.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no address and no network like 192.0.2.0/24 or 2001:db8::/32")]
pub struct NetworkError(pub String);

/// What one subscriber is given of IPv6, in bits: whoever has one address of it has them all.
const SUBSCRIBER: u8 = 64;

impl Network {
    /// The network of an address with so many bits. None: it has fewer bits than that.
    #[must_use]
    pub fn new(address: IpAddr, bits: u8) -> Option<Self> {
        let (address, bits) = match (address, address.to_canonical()) {
            // Of an IPv4 address in IPv6's clothes, the last 32 bits are its own.
            (IpAddr::V6(_), canonical @ IpAddr::V4(_)) => (canonical, bits.checked_sub(96)?),
            (address, _) => (address, bits),
        };
        let width = if address.is_ipv4() { 32 } else { 128 };
        let address = match address {
            _ if bits > width => return None,
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(u32::from(32 - bits)).unwrap_or(0);
                IpAddr::V4((u32::from(address) & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(u32::from(128 - bits)).unwrap_or(0);
                IpAddr::V6((u128::from(address) & mask).into())
            }
        };
        Some(Self { address, bits })
    }

    /// Whether an address is one of it, in whichever clothes it comes.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4()
            && Self::new(address, self.bits).as_ref() == Some(self)
    }

    fn is_one(&self) -> bool {
        self.bits == if self.address.is_ipv4() { 32 } else { 128 }
    }
}

/// What stands for whoever has this address: an IPv4 address is one, of IPv6 it is the first
/// 64 bits.
#[must_use]
pub fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        address @ IpAddr::V4(_) => address,
        address => Network::new(address, SUBSCRIBER).map_or(address, |network| network.address),
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let parse = || {
            let (address, bits) = match text.split_once('/') {
                Some((address, bits)) => (address, Some(bits.parse().ok()?)),
                None => (text, None),
            };
            let address: IpAddr = address.parse().ok()?;
            let all = if address.is_ipv4() { 32 } else { 128 };
            Self::new(address, bits.unwrap_or(all))
        };
        parse().ok_or_else(|| NetworkError(text.to_owned()))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_one() {
            self.address.fmt(f)
        } else {
            write!(f, "{}/{}", self.address, self.bits)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_written_one_way_and_has_its_own() {
        for (text, told, has, has_not) in [
            ("10.1.2.3/8", "10.0.0.0/8", "::ffff:10.255.0.1", "11.0.0.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.8"),
            (
                "::ffff:192.0.2.7/120",
                "192.0.2.0/24",
                "192.0.2.1",
                "192.0.3.1",
            ),
            (
                "2001:db8::1/32",
                "2001:db8::/32",
                "2001:db8:ffff::",
                "2001:db9::",
            ),
            ("0.0.0.0/0", "0.0.0.0/0", "203.0.113.1", "2001:db8::"),
        ] {
            let network: Network = text.parse().unwrap();
            assert_eq!(network.to_string(), told);
            assert!(network.has(has.parse().unwrap()), "{text} {has}");
            assert!(!network.has(has_not.parse().unwrap()), "{text} {has_not}");
        }
        for text in [
            "",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.0/",
            "::/129",
            "a.example",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError(text.to_owned())));
        }
    }

    #[test]
    fn whoever_has_one_address_of_ipv6_is_one_subscriber() {
        for (address, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
            ("2001:db8:1:3::", "2001:db8:1:3::"),
        ] {
            let found = subscriber(address.parse().unwrap());
            assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{address}");
        }
    }
}
