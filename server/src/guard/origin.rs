//! The hosts of this node, and whether a browser says that a request comes from this node's own pages. Pure. A foreign
//! name that resolves to this machine (DNS rebinding) must not count as ours.

use http::{HeaderMap, HeaderName, header, uri::Authority};
use std::collections::BTreeSet;
use url::Url;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The origin of a request, by its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// From a page of this node.
    Own,
    /// From elsewhere.
    Foreign,
    /// The headers do not say.
    None,
}

/// The hosts and origins of this node.
pub(super) struct Origins {
    hosts: BTreeSet<String>,
    public: String,
    /// The public host, if it is reached by https: its http pages are not ours.
    https_only: Option<String>,
}

impl Origins {
    pub(super) fn new(public: &Url, more: &[String]) -> Self {
        let mut hosts: BTreeSet<String> = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).into();
        let public_host = public.host_str().unwrap_or_default().to_ascii_lowercase();
        // The unspecified address names no host.
        if !matches!(public_host.as_str(), "" | "0.0.0.0" | "[::]") {
            hosts.insert(public_host.clone());
        }
        hosts.extend(more.iter().map(|host| host.to_ascii_lowercase()));
        Self {
            hosts,
            public: public.origin().ascii_serialization(),
            https_only: (public.scheme() == "https").then_some(public_host),
        }
    }

    /// Whether `host`, an authority, is this node under any port: behind a tunnel the browser's port differs from ours.
    pub(super) fn knows_host(&self, host: &str) -> bool {
        // An authority with a port that is not a number parses too.
        let whole = |authority: &Authority| authority.port_u16().is_some() || authority.as_str() == authority.host();
        !host.contains('@')
            && host
                .parse::<Authority>()
                .is_ok_and(|authority| whole(&authority) && self.hosts.contains(authority.host()))
    }

    /// What the headers prove about a request to the known `host`.
    pub(super) fn proof(&self, headers: &HeaderMap, host: &str) -> Proof {
        if headers.contains_key(SEC_FETCH_SITE) {
            return match only(headers, &SEC_FETCH_SITE) {
                Some("same-origin") => Proof::Own,
                // `none` means typed or bookmarked, and such requests change nothing.
                _ => Proof::Foreign,
            };
        }
        if !headers.contains_key(header::ORIGIN) {
            return Proof::None;
        }
        match only(headers, &header::ORIGIN) {
            Some(origin) if self.is_own(origin, host) => Proof::Own,
            _ => Proof::Foreign,
        }
    }

    /// Whether the referring page is ours, or there is none.
    pub(super) fn is_own_page(&self, headers: &HeaderMap, host: &str) -> bool {
        !headers.contains_key(header::REFERER)
            || only(headers, &header::REFERER)
                .and_then(|referer| Url::parse(referer).ok())
                .is_some_and(|referer| self.is_own(&referer.origin().ascii_serialization(), host))
    }

    /// An origin is ours if it is the public one, or has exactly the authority of the request. Another port of this
    /// machine is another program.
    fn is_own(&self, origin: &str, host: &str) -> bool {
        if origin.eq_ignore_ascii_case(&self.public) {
            return true;
        }
        let Ok(origin) = Url::parse(origin) else { return false };
        let (Some(name), Some(port)) = (origin.host_str(), origin.port_or_known_default()) else {
            return false;
        };
        if !matches!(origin.scheme(), "http" | "https") || origin.path() != "/" || origin.query().is_some() {
            return false;
        }
        if origin.scheme() == "http" && self.https_only.as_deref() == Some(name) {
            return false;
        }
        let default = if origin.scheme() == "https" { 443 } else { 80 };
        host.parse::<Authority>()
            .is_ok_and(|host| host.host().eq_ignore_ascii_case(name) && host.port_u16().unwrap_or(default) == port)
    }
}

/// The value of a header that is present exactly once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(public: &str) -> Origins {
        Origins::new(&Url::parse(public).unwrap(), &["Node.Lan".into()])
    }

    fn proof(origins: &Origins, host: &str, headers: &[(&str, &str)]) -> Proof {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        origins.proof(&map, host)
    }

    #[test]
    fn only_listed_hosts_are_this_node() {
        let origins = origins("http://0.0.0.0:3000");
        for good in ["localhost", "localhost:3000", "127.0.0.1:9", "[::1]:3000", "node.lan"] {
            assert!(origins.knows_host(good), "{good} was refused");
        }
        for bad in [
            "",
            "evil.test",
            "0.0.0.0:3000",
            "localhost.evil.test",
            "evil@localhost",
            "127.0.0.1.evil.test:3000",
            "localhost.",
            "127.0.0.2",
            "a b",
            "localhost:x",
        ] {
            assert!(!origins.knows_host(bad), "{bad} was accepted");
        }
    }

    #[test]
    fn a_browsers_word_decides_before_the_origin() {
        let origins = origins("http://127.0.0.1:3000");
        let own = ("origin", "http://localhost:3000");
        assert_eq!(
            proof(&origins, "localhost:3000", &[("sec-fetch-site", "same-origin")]),
            Proof::Own
        );
        for word in ["cross-site", "same-site", "none", "", "Same-Origin"] {
            assert_eq!(
                proof(&origins, "localhost:3000", &[("sec-fetch-site", word), own]),
                Proof::Foreign,
                "{word}"
            );
        }
        assert_eq!(
            proof(
                &origins,
                "localhost:3000",
                &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")]
            ),
            Proof::Foreign
        );
        assert_eq!(proof(&origins, "localhost:3000", &[]), Proof::None);
    }

    #[test]
    fn an_origin_is_ours_only_with_the_hosts_own_port() {
        let origins = origins("http://127.0.0.1:3000");
        for good in ["http://localhost:3000", "http://127.0.0.1:3000"] {
            assert_eq!(
                proof(&origins, "localhost:3000", &[("origin", good)]),
                Proof::Own,
                "{good}"
            );
        }
        for bad in [
            "null",
            "",
            "http://localhost:8080",
            "http://localhost",
            "http://evil.test:3000",
            "http://localhost:3000.evil.test",
            "file://",
            "ftp://localhost:3000",
            "http://localhost:3000/x",
        ] {
            assert_eq!(
                proof(&origins, "localhost:3000", &[("origin", bad)]),
                Proof::Foreign,
                "{bad}"
            );
        }
        assert_eq!(
            proof(
                &origins,
                "localhost:3000",
                &[("origin", "http://localhost:3000"), ("origin", "http://evil.test")]
            ),
            Proof::Foreign
        );
        assert_eq!(
            proof(&origins, "localhost", &[("origin", "http://localhost")]),
            Proof::Own
        );
        assert_eq!(
            proof(&origins, "localhost:80", &[("origin", "http://localhost")]),
            Proof::Own
        );
    }

    #[test]
    fn the_http_page_of_an_https_node_is_foreign() {
        let origins = origins("https://orch.example.org");
        assert_eq!(
            proof(&origins, "orch.example.org", &[("origin", "https://orch.example.org")]),
            Proof::Own
        );
        assert_eq!(
            proof(&origins, "orch.example.org", &[("origin", "http://orch.example.org")]),
            Proof::Foreign
        );
        // A proxy that rewrites the host name.
        assert_eq!(
            proof(&origins, "127.0.0.1:3000", &[("origin", "https://orch.example.org")]),
            Proof::Own
        );
    }
}
