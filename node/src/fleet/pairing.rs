//! Pairing: what the two sides say to each other until both hold the same link, and afterwards about it. The joiner
//! asks, the inviter answers; both record what they hear as facts. It must not decide who may invite, join or end a
//! link: the port does.

use super::{
    FleetService,
    invite::{InviteText, hash_of, is_a_name, proof},
    key::PublicKey,
    links::{LinkEnd, Standing},
    peers::{NotAnswered, is_encrypted, named, refused},
    signature::{self, Received},
};
use crate::{
    entity::{invite, known_node, link},
    journal::{Outcome, Stored, Tx},
};
use data_encoding::HEXLOWER;
use model::{
    Caller, Error, Millis, Result,
    event::{LinkChanged, LinkConfirmed, LinkMade, LinkRevoked},
    fleet::{Detail, Peer, Send, SentProjects},
    id::{LinkId, NodeId},
    node::NodeKind,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    sea_query::OnConflict,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The path of the joiner's first request.
pub const PAIR: &str = "/fwd/v1/pair";
/// The path of its later ones, about the link.
pub const STATUS: &str = "/fwd/v1/pair/status";
/// The content type of both.
pub(super) const JSON: &str = "application/json";
/// Wrong proofs after which an invite is dead.
pub(super) const TRIES: i64 = 5;
/// How long an invite works.
pub(super) const INVITE_MS: Millis = 600_000;

/// A node, as it says itself. Unknown fields are from later versions and ignored, here and below.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Said {
    id: NodeId,
    name: String,
    kind: NodeKind,
    version: Option<String>,
    /// Its time, unix ms.
    at: Option<Millis>,
}

/// What one side sends, read without objection to fields of later versions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Sends {
    #[serde(with = "projects")]
    projects: SentProjects,
    detail: Detail,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    relay: bool,
}

/// [`SentProjects`] as it is; only the structure around it is another.
mod projects {
    pub(super) use serde::{Deserialize, Serialize};

    pub(super) fn serialize<S: serde::Serializer>(
        value: &super::SentProjects,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<super::SentProjects, D::Error> {
        super::SentProjects::deserialize(deserializer)
    }
}

impl From<Send> for Sends {
    fn from(send: Send) -> Self {
        Self {
            projects: send.projects,
            detail: send.detail,
            private: send.private,
            relay: send.relay,
        }
    }
}

impl From<Sends> for Send {
    fn from(sends: Sends) -> Self {
        Self {
            projects: sends.projects,
            detail: sends.detail,
            private: sends.private,
            relay: sends.relay,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Asks {
    /// The invite's handle, 16 hex digits.
    invite: String,
    /// That the joiner knows the invite's secret, 64 hex digits.
    proof: String,
    /// The joiner's public key, 64 hex digits.
    key: String,
    node: Said,
    /// Under which address the joiner sent this.
    to: String,
    /// Where the joiner itself is reached, if others can reach it.
    url: Option<String>,
    send: Sends,
}

#[derive(Debug, Serialize, Deserialize)]
struct Accepts {
    link: LinkId,
    confirmed: bool,
    node: Said,
    send: Sends,
}

#[derive(Debug, Serialize, Deserialize)]
struct Tells {
    link: LinkId,
    revoked: bool,
    node: Said,
    send: Sends,
}

#[derive(Debug, Serialize, Deserialize)]
struct Replies {
    confirmed: bool,
    revoked: bool,
    node: Said,
    send: Sends,
}

/// An answer to sign: its body, and the signature of the request that it answers.
#[derive(Debug)]
pub struct Reply {
    /// The JSON of the answer, or the refusal of a request that is signed well.
    pub body: Result<Vec<u8>>,
    /// The signature of the request.
    pub signature: String,
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| Error::invalid("", format!("this cannot be read: {error}")))
}

fn bytes(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| crate::store::internal(error))
}

/// The actor of what a peer does here.
fn as_peer(peer: NodeId) -> Caller {
    Caller {
        name: peer.to_string(),
        ..Caller::node()
    }
}

impl FleetService {
    /// This node, as peers hear of it.
    async fn said(&self) -> Result<Said> {
        let identity = &self.0.identity;
        Ok(Said {
            id: identity.id,
            name: self.name().await?,
            kind: identity.kind,
            version: Some(identity.version.clone()),
            at: Some(self.0.deps.now()),
        })
    }

    /// Answers [`PAIR`]. `network` is the key of where it came from, for the limit of tries. `Err` for a request that is
    /// not signed by the key in it: its answer cannot be bound to anything.
    pub async fn pair(&self, received: &Received<'_>, network: &str) -> Result<Reply> {
        self.0.tries.check(network)?;
        let (_, peer) = named(received)?;
        let asks: Asks = read(received.body)?;
        let key: PublicKey = asks.key.parse().map_err(|_| Error::Unauthenticated)?;
        // Its nonce is not kept: the invite works once, and a repeated request gets the same answer.
        let signature = signature::verify_request(received, &key, None, self.0.deps.now()).map_err(refused)?;
        let body = if asks.node.id == peer && is_a_name(&asks.node.name) {
            self.accept(asks, key).await
        } else {
            Err(Error::invalid(
                "node",
                "the node names itself in two ways, or has no fit name",
            ))
        };
        Ok(Reply { body, signature })
    }

    async fn accept(&self, asks: Asks, key: PublicKey) -> Result<Vec<u8>> {
        let own = self.key().public();
        if asks.node.id == self.0.identity.id || key == own {
            return Err(Error::Conflict(
                "this invite is this node's own: open it on the other node".into(),
            ));
        }
        let said = self.said().await?;
        let peer = asks.node.id;
        // A refusal is the value of the operation, so that a wrong try is counted.
        let at = asks.node.at;
        let accepted = self
            .0
            .journal
            .commit(&as_peer(peer), move |tx| {
                Box::pin(async move {
                    let found = invite::Entity::find_by_id(asks.invite.clone())
                        .one(tx.db())
                        .await
                        .stored()?;
                    let Some(found) = found.filter(|found| found.expires > tx.now()) else {
                        return Ok(Outcome::new(Err(no_invite())));
                    };
                    if found.tries >= TRIES {
                        return Ok(Outcome::new(Err(Error::Forbidden(
                            "this invite was tried with wrong secrets too often: ask for a new one".into(),
                        ))));
                    }
                    if !shows(&found, &asks.proof, &own, &key) {
                        let tries = found.tries + 1;
                        let mut found = found.into_active_model();
                        found.tries = Set(tries);
                        found.update(tx.db()).await.stored()?;
                        return Ok(Outcome::new(Err(no_invite())));
                    }
                    if let Some(used_by) = &found.used_by {
                        return again(tx, &found, used_by == &key.to_string()).await.map(Outcome::new);
                    }
                    if let Err(taken) = is_free(tx, peer, &key).await? {
                        return Ok(Outcome::new(Err(taken)));
                    }
                    let id = LinkId::from_uuid(tx.deps().uuid_v7());
                    let send: Send = serde_json::from_str(&found.send).stored()?;
                    let confirmed = found.auto;
                    let mut found = found.into_active_model();
                    found.link = Set(Some(id.to_string()));
                    found.used_by = Set(Some(key.to_string()));
                    found.update(tx.db()).await.stored()?;
                    // Before somebody has compared fingerprints, it must not rename a node that is known.
                    if confirmed || !is_known(tx, peer).await? {
                        note(tx.db(), &asks.node, tx.now()).await?;
                    }
                    let made = LinkMade {
                        id,
                        peer: Peer {
                            id: peer,
                            name: asks.node.name,
                            kind: asks.node.kind,
                            fingerprint: key.fingerprint(),
                            url: asks.url,
                        },
                        key: key.to_string(),
                        inviter: true,
                        confirmed,
                        encrypted: is_encrypted(&asks.to),
                        send: send.clone(),
                        receive: asks.send.into(),
                    };
                    Ok(Outcome::new(Ok((id, confirmed, send))).with(id, made))
                })
            })
            .await?;
        let (link, confirmed, send) = accepted?;
        self.0.links.heard(peer, at);
        self.0.links.announce();
        bytes(&Accepts {
            link,
            confirmed,
            node: said,
            send: send.into(),
        })
    }

    /// Answers [`STATUS`], for a peer whose link may be pending or over; see [`pair`](Self::pair).
    pub async fn status(&self, received: &Received<'_>) -> Result<Reply> {
        let (_, peer) = named(received)?;
        let tells: Tells = read(received.body)?;
        let end = self.0.links.find(tells.link).await?;
        let end = end
            .filter(|end| end.peer == peer && end.inviter)
            .ok_or(Error::Unauthenticated)?;
        let signature = self.verified(received, &end)?;
        Ok(Reply {
            body: self.reply(end, tells).await,
            signature,
        })
    }

    async fn reply(&self, end: LinkEnd, tells: Tells) -> Result<Vec<u8>> {
        self.learn(&end, &tells.node, tells.revoked, tells.send.into(), false)
            .await?;
        let end = self.0.links.find(end.id).await?.unwrap_or(end);
        bytes(&Replies {
            confirmed: matches!(end.standing, Standing::Confirmed | Standing::Paused),
            revoked: !end.lasts(),
            node: self.said().await?,
            send: end.send.into(),
        })
    }

    /// Tells the inviter of a link how it stands here and hears how it stands there.
    pub(super) async fn ask_status(&self, end: &LinkEnd) -> Result<(), NotAnswered> {
        let unreached = |error: Error| NotAnswered::Unreached(error.to_string());
        let Some(url) = &end.url else { return Ok(()) };
        let tells = Tells {
            link: end.id,
            revoked: !end.lasts(),
            node: self.said().await.map_err(unreached)?,
            send: end.send.clone().into(),
        };
        let body = bytes(&tells).map_err(unreached)?;
        let body = self.post(url, STATUS, JSON, body, &end.key).await?;
        let replies: Replies = read(&body).map_err(|error| NotAnswered::Refused {
            status: 200,
            message: error.to_string(),
        })?;
        self.0.links.heard(end.peer, replies.node.at);
        self.learn(
            end,
            &replies.node,
            replies.revoked,
            replies.send.into(),
            replies.confirmed,
        )
        .await
        .map_err(unreached)
    }

    /// Records what the other side of a link says about it, where that is news.
    async fn learn(&self, end: &LinkEnd, node: &Said, revoked: bool, receive: Send, confirmed: bool) -> Result<()> {
        let (id, node, peer) = (end.id, node.clone(), end.peer);
        let is_news =
            end.lasts() && (revoked || end.receive != receive || (confirmed && end.standing == Standing::Pending));
        let known = known_node::Entity::find_by_id(peer.to_string())
            .one(self.0.store.read())
            .await
            .stored()?;
        let is_known = known.is_some_and(|known| {
            known.name == node.name && known.kind == node.kind.word() && known.version == node.version
        });
        let fits = node.id == peer && is_a_name(&node.name) && end.standing != Standing::Pending;
        if !is_news && (is_known || !fits) {
            return Ok(());
        }
        self.0
            .journal
            .commit(&as_peer(peer), move |tx| {
                Box::pin(async move {
                    if fits {
                        note(tx.db(), &node, tx.now()).await?;
                    }
                    let mut outcome = Outcome::new(());
                    let row = link::Entity::find_by_id(tx.key(id)).one(tx.db()).await.stored()?;
                    let Some(row) = row.filter(|row| !row.revoked) else {
                        return Ok(outcome);
                    };
                    if serde_json::from_str::<Send>(&row.receive).ok().as_ref() != Some(&receive) {
                        let receive = Some(receive);
                        outcome = outcome.with(id, LinkChanged { send: None, receive });
                    }
                    if confirmed && !row.confirmed {
                        outcome = outcome.with(id, LinkConfirmed {});
                    }
                    if revoked {
                        let by_peer = true;
                        outcome = outcome.with(id, LinkRevoked { forget: false, by_peer });
                    }
                    Ok(outcome)
                })
            })
            .await?;
        if is_news {
            self.0.links.announce();
        }
        Ok(())
    }

    /// Joins the node of an invite over the first of its addresses that answers. Everything that is recorded is from
    /// answers signed with the key in the invite.
    pub(super) async fn pair_with(
        &self,
        caller: &Caller,
        invite: InviteText,
        urls: Vec<String>,
        send: Send,
    ) -> Result<LinkId> {
        let key = invite.key;
        let shown = proof(&hash_of(&invite.secret), &key, &self.key().public());
        let own_url = self.0.config.urls.first().filter(|_| self.0.config.public).cloned();
        let mut last = None;
        for url in urls {
            let asks = Asks {
                invite: invite.handle_text(),
                proof: HEXLOWER.encode(&shown),
                key: self.key().public().to_string(),
                node: self.said().await?,
                to: url.clone(),
                url: own_url.clone(),
                send: send.clone().into(),
            };
            match self.post(&url, PAIR, JSON, bytes(&asks)?, &key).await {
                Ok(body) => {
                    let accepts: Accepts = read(&body)?;
                    if accepts.node.id != invite.node || !is_a_name(&accepts.node.name) {
                        return Err(Error::invalid("invite", "the node there is not the one of this invite"));
                    }
                    return self.record(caller, key, url, send, accepts).await;
                }
                Err(NotAnswered::Refused { status: 409, message }) => return Err(Error::Conflict(message)),
                Err(NotAnswered::Refused { message, .. }) => return Err(Error::invalid("invite", message)),
                Err(error) => last = Some(format!("{url}: {error}")),
            }
        }
        Err(Error::Unavailable(
            last.unwrap_or_else(|| "the invite names no address".into()),
        ))
    }

    async fn record(
        &self,
        caller: &Caller,
        key: PublicKey,
        url: String,
        send: Send,
        accepts: Accepts,
    ) -> Result<LinkId> {
        let (id, peer, at) = (accepts.link, accepts.node.id, accepts.node.at);
        self.0
            .journal
            .commit(caller, move |tx| {
                Box::pin(async move {
                    let known = link::Entity::find_by_id(tx.key(id)).one(tx.db()).await.stored()?;
                    if known.is_some() {
                        return Ok(Outcome::new(()));
                    }
                    is_free(tx, peer, &key).await??;
                    note(tx.db(), &accepts.node, tx.now()).await?;
                    let made = LinkMade {
                        id,
                        peer: Peer {
                            id: peer,
                            name: accepts.node.name,
                            kind: accepts.node.kind,
                            fingerprint: key.fingerprint(),
                            url: Some(url.clone()),
                        },
                        key: key.to_string(),
                        inviter: false,
                        confirmed: accepts.confirmed,
                        encrypted: is_encrypted(&url),
                        send,
                        receive: accepts.send.into(),
                    };
                    Ok(Outcome::new(()).with(id, made))
                })
            })
            .await?;
        self.0.links.heard(peer, at);
        self.0.links.announce();
        Ok(id)
    }
}

fn no_invite() -> Error {
    Error::Forbidden("this node knows no such invite: it has expired, or its secret is wrong; ask for a new one".into())
}

/// Whether the proof is that of the invite's secret. Hashes are compared in constant time.
fn shows(found: &invite::Model, given: &str, own: &PublicKey, joiner: &PublicKey) -> bool {
    let hash = |text: &str| {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        <[u8; 32]>::try_from(bytes).ok()
    };
    let (Some(key), Some(given)) = (hash(&found.hash), hash(given)) else {
        return false;
    };
    blake3::Hash::from_bytes(proof(&key, own, joiner)) == blake3::Hash::from_bytes(given)
}

/// A used invite gives the same node the same link again, since its first answer may have been lost.
async fn again(tx: &Tx<'_>, found: &invite::Model, same: bool) -> Result<Result<(LinkId, bool, Send)>> {
    let used = || Error::Forbidden("this invite was used: each works once; ask for a new one".into());
    let Some(id) = found
        .link
        .as_ref()
        .and_then(|id| id.parse::<LinkId>().ok())
        .filter(|_| same)
    else {
        return Ok(Err(used()));
    };
    let row = link::Entity::find_by_id(tx.key(id)).one(tx.db()).await.stored()?;
    let Some(row) = row.filter(|row| !row.revoked) else {
        return Ok(Err(used()));
    };
    Ok(Ok((id, row.confirmed, serde_json::from_str(&row.send).stored()?)))
}

/// One link at most between two nodes; `Conflict` where there is one.
async fn is_free(tx: &Tx<'_>, peer: NodeId, key: &PublicKey) -> Result<Result<()>> {
    let rows = link::Entity::find()
        .filter(link::Column::Origin.eq(tx.origin()))
        .filter(link::Column::Revoked.eq(false))
        .all(tx.db())
        .await
        .stored()?;
    let (peer, key) = (peer.to_string(), key.to_string());
    let taken = rows.into_iter().find(|row| row.peer == peer || row.key == key);
    Ok(taken.map_or(Ok(()), |row| {
        Err(Error::Conflict(format!(
            "these two nodes have a link already ({}): revoke it first, on both of them",
            row.id
        )))
    }))
}

async fn is_known(tx: &Tx<'_>, node: NodeId) -> Result<bool> {
    let known = known_node::Entity::find_by_id(node.to_string());
    Ok(known.one(tx.db()).await.stored()?.is_some())
}

/// Notes what a node says of itself.
async fn note(db: &DatabaseTransaction, node: &Said, now: Millis) -> Result<()> {
    let row = known_node::ActiveModel {
        id: Set(node.id.to_string()),
        name: Set(node.name.clone()),
        kind: Set(node.kind.word().into()),
        version: Set(node.version.clone()),
        via: Set(None),
        heard: Set(Some(now)),
        clock_ahead: Set(None),
        since: Set(now),
    };
    let news = [
        known_node::Column::Name,
        known_node::Column::Kind,
        known_node::Column::Version,
        known_node::Column::Via,
        known_node::Column::Heard,
    ];
    known_node::Entity::insert(row)
        .on_conflict(
            OnConflict::column(known_node::Column::Id)
                .update_columns(news)
                .to_owned(),
        )
        .exec_without_returning(db)
        .await
        .stored()?;
    Ok(())
}
