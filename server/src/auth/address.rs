//! The client's address behind trusted proxies. Pure. Proxies are trusted by configuration only: a peer on this machine
//! Pure. Without `behind_proxy` it believes no header, not even one from this machine.

use crate::config::Net;
use http::HeaderMap;
use std::net::IpAddr;

/// The client's address: the peer's, or behind a trusted proxy the last address in `X-Forwarded-For` that is not a
/// trusted proxy itself.
pub fn client_address(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    behind_proxy: bool,
    trusted: &[Net],
) -> Option<IpAddr> {
    let peer = peer?.to_canonical();
    let trusts = |address: IpAddr| {
        if trusted.is_empty() {
            address.is_loopback()
        } else {
            trusted.iter().any(|net| net.contains(address))
        }
    };
    if !behind_proxy || !trusts(peer) {
        return Some(peer);
    }
    let mut client = peer;
    let said: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for address in said.iter().rev() {
        // No trusted proxy writes something other than an address: keep the last good one.
        let Some(address) = parse(address.trim()) else { break };
        client = address;
        if !trusts(client) {
            break;
        }
    }
    Some(client)
}

/// An address as proxies write it: alone, in brackets, or with a port.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = || {
        text.strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .unwrap_or(text)
            .parse::<IpAddr>()
            .ok()
    };
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    bare().or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str], behind: bool, trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let trusted: Vec<Net> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        client_address(Some(peer.parse().unwrap()), &headers, behind, &trusted)
            .unwrap()
            .to_string()
    }

    #[test]
    fn nobody_is_believed_unless_a_proxy_is_configured() {
        assert_eq!(seen("127.0.0.1", &["8.8.8.8"], false, &["127.0.0.1"]), "127.0.0.1");
        assert_eq!(seen("203.0.113.9", &["8.8.8.8"], true, &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(
            seen("10.0.0.2", &["8.8.8.8"], true, &[]),
            "10.0.0.2",
            "loopback is the default"
        );
    }

    #[test]
    fn the_last_untrusted_address_is_the_client() {
        assert_eq!(seen("127.0.0.1", &["8.8.8.8"], true, &[]), "8.8.8.8");
        assert_eq!(
            seen("10.0.0.2", &["1.1.1.1, 8.8.8.8, 10.0.0.3"], true, &["10.0.0.0/8"]),
            "8.8.8.8",
            "what the client wrote itself does not count"
        );
        assert_eq!(
            seen("10.0.0.2", &["1.1.1.1", "8.8.8.8, 10.0.0.3"], true, &["10.0.0.0/8"]),
            "8.8.8.8",
            "several headers are one list"
        );
        assert_eq!(
            seen("::ffff:10.0.0.2", &["[2001:db8::1]:4711"], true, &["10.0.0.0/8"]),
            "2001:db8::1"
        );
        assert_eq!(seen("10.0.0.2", &["8.8.8.8:1234"], true, &["10.0.0.0/8"]), "8.8.8.8");
    }

    #[test]
    fn what_is_no_address_ends_the_search() {
        assert_eq!(
            seen("10.0.0.2", &["8.8.8.8, unknown, 10.0.0.3"], true, &["10.0.0.0/8"]),
            "10.0.0.3"
        );
        assert_eq!(seen("10.0.0.2", &[""], true, &["10.0.0.0/8"]), "10.0.0.2");
        assert_eq!(seen("10.0.0.2", &[], true, &["10.0.0.0/8"]), "10.0.0.2");
    }
}
