//! Signed words to and from peers: a request of ours with its answer checked, and a request of theirs admitted. It
//! knows keys and links, and nothing of what is said.

use super::{
    FleetService, Outgoing, Standing,
    key::PublicKey,
    links::LinkEnd,
    signature::{self, Received, Refusal, Request, Signed, Signer},
};
use model::{Result, id::NodeId};
use url::Url;

/// A request that is proven to be from a peer.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Its link. It is confirmed, or paused on this side: then nothing may flow, and the peer is told so.
    pub end: LinkEnd,
    /// Its signature, which the answer is bound to.
    pub signature: String,
    /// The epoch of its log, 16 hex digits.
    pub epoch: String,
}

/// Why a peer's answer does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnswered {
    /// It was not reached.
    #[error("it cannot be reached: {0}")]
    Unreached(String),
    /// Somebody answered who is not that node, or its words were changed.
    #[error("something that is not this node answers at its address ({0})")]
    Impostor(String),
    /// It refused, with this status and sentence.
    #[error("{message}")]
    Refused {
        /// The status.
        status: u16,
        /// Its sentence.
        message: String,
    },
}

impl FleetService {
    /// Who this node is in signatures.
    pub fn signer(&self) -> Signer {
        Signer {
            node: self.0.journal.node_id().to_string(),
            epoch: self.0.journal.epoch().to_owned(),
        }
    }

    /// Sends a signed `POST` to the node with this key and returns the body of its signed answer.
    pub async fn post(
        &self,
        url: &str,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
        key: &PublicKey,
    ) -> Result<Vec<u8>, NotAnswered> {
        let target = join(url, path).ok_or_else(|| NotAnswered::Unreached(format!("{url} is no address")))?;
        let authority = target.authority().to_ascii_lowercase();
        let request = Request {
            method: "POST",
            authority: &authority,
            path: target.path(),
            query: target.query(),
            content_type,
            body: &body,
        };
        let deps = &self.0.deps;
        let signed = signature::sign_request(self.key(), &self.signer(), &request, deps.now(), deps.bytes());
        let mut headers = signed.headers;
        headers.push(("content-type", content_type.to_owned()));
        let outgoing = Outgoing {
            url: target.to_string(),
            headers,
            body,
        };
        let answer = self
            .0
            .config
            .wire
            .post(outgoing)
            .await
            .map_err(NotAnswered::Unreached)?;
        let verdict = signature::verify_answer(
            key,
            answer.status,
            &answer.headers,
            &answer.body,
            &signed.signature,
            deps.now(),
        );
        if let Err(refusal) = verdict {
            return Err(NotAnswered::Impostor(match refusal {
                Refusal::Header(_) => format!("status {}, not signed{}", answer.status, said(&answer.body)),
                refusal => refusal.to_string(),
            }));
        }
        if answer.status == 200 {
            return Ok(answer.body);
        }
        let message = message_of(&answer.body).unwrap_or_else(|| format!("status {}", answer.status));
        Err(NotAnswered::Refused {
            status: answer.status,
            message,
        })
    }

    /// Signs an answer to the request with this signature.
    pub fn answer(&self, status: u16, content_type: &str, body: &[u8], request: &str) -> Signed {
        let now = self.0.deps.now();
        signature::sign_answer(self.key(), &self.signer(), status, content_type, body, request, now)
    }

    /// Admits a request of a peer whose link is confirmed, paused ones too; `Unauthenticated` for everybody else. A
    /// peer whose link has ended learns so by [`STATUS`](super::STATUS).
    pub async fn admit(&self, received: &Received<'_>) -> Result<Admitted> {
        let (named, peer) = named(received)?;
        let end = self.0.links.of_peer(peer).await?;
        let end = end
            .filter(|end| end.standing != Standing::Pending)
            .ok_or(model::Error::Unauthenticated)?;
        let signature = self.verified(received, &end)?;
        Ok(Admitted {
            end,
            signature,
            epoch: named.epoch,
        })
    }

    /// Checks a request against the key of a link, whatever people decided about it.
    pub(super) fn verified(&self, received: &Received<'_>, end: &LinkEnd) -> Result<String> {
        let now = self.0.deps.now();
        let signature = signature::verify_request(received, &end.key, Some(&self.0.nonces), now).map_err(refused)?;
        self.0.links.heard(end.peer, None);
        Ok(signature)
    }
}

/// The node that a request says it is from.
pub(super) fn named(received: &Received<'_>) -> Result<(Signer, NodeId)> {
    let named = signature::named(received.headers).map_err(|_| model::Error::Unauthenticated)?;
    let peer = named.node.parse().map_err(|_| model::Error::Unauthenticated)?;
    Ok((named, peer))
}

/// Only a clock that is wrong is told to whoever it was: nothing else helps an honest peer.
pub(super) fn refused(refusal: Refusal) -> model::Error {
    match refusal {
        Refusal::Time(_) => model::Error::Forbidden(refusal.to_string()),
        refusal => {
            tracing::debug!(%refusal, "a signed request was refused");
            model::Error::Unauthenticated
        }
    }
}

/// An address of ours below an address of a node.
fn join(url: &str, path: &str) -> Option<Url> {
    let whole: Url = format!("{}{path}", url.trim_end_matches('/')).parse().ok()?;
    let plain = whole.username().is_empty() && whole.password().is_none() && whole.host().is_some();
    (plain && matches!(whole.scheme(), "http" | "https")).then_some(whole)
}

/// Whether what goes to this address is encrypted on the way.
pub(super) fn is_encrypted(url: &str) -> bool {
    url.parse::<Url>().is_ok_and(|url| url.scheme() == "https")
}

/// Whether this address is on this machine.
pub(super) fn is_here(url: &str) -> bool {
    match url.parse::<Url>().ok().as_ref().and_then(Url::host) {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The sentence of an error's body, cut and without what a terminal would obey.
fn message_of(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let message = value.pointer("/error/message")?.as_str()?;
    Some(message.chars().filter(|c| !c.is_control()).take(200).collect())
}

fn said(body: &[u8]) -> String {
    message_of(body).map_or_else(String::new, |message| format!(", it said: {message}"))
}
