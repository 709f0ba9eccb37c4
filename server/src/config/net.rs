//! A network: an address and a prefix length. It only compares addresses; it resolves no names.

use std::{net::IpAddr, str::FromStr};

/// `10.0.0.0/8`, `::1`: one address, or all that share its first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    address: IpAddr,
    bits: u32,
}

/// A text that is not a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address, or an address and a number of bits: 10.0.0.0/8")]
pub struct NotANet;

impl Net {
    /// Whether the address lies inside; an IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(address)) => (net.to_bits() ^ address.to_bits()).leading_zeros() >= self.bits,
            (IpAddr::V6(net), IpAddr::V6(address)) => (net.to_bits() ^ address.to_bits()).leading_zeros() >= self.bits,
            _ => false,
        }
    }
}

impl FromStr for Net {
    type Err = NotANet;

    fn from_str(text: &str) -> Result<Self, NotANet> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotANet)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), |bits| bits.parse().map_err(|_| NotANet))?;
        if bits > width {
            Err(NotANet)
        } else {
            Ok(Self { address, bits })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_own_and_no_other() {
        let holds = |net: &str, address: &str| net.parse::<Net>().unwrap().contains(address.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.200.3.4"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.1.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("::1", "::1"));
        assert!(!holds("::1", "127.0.0.1"));
        assert!(holds("0.0.0.0/0", "8.8.8.8"));
        for bad in ["", "localhost", "10.0.0.0/33", "10.0.0.0/x", "::/129"] {
            assert!(bad.parse::<Net>().is_err(), "{bad:?} was accepted");
        }
    }
}
