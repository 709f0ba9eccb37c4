//! Events of other nodes: how a link's batch gets into this node's log and tables. It verifies everything itself, and
//! it must not start, stop or run anything: rows of another node are shown and nothing else.

use super::{
    Journal, StoredEvent, Writes,
    chain::{self, Fields, GENESIS},
    projection::{self, Happened, Target},
    purge,
    writer::append,
};
use crate::{
    journal::Stored,
    origin::node_of,
    store::sql::{self, Together},
};
use model::{
    Caller, Error, Millis, Pos, Result,
    event::{Body, Fact},
    id::SessionId,
};
use sea_orm::DatabaseTransaction;

/// A part of another node's log, in order: what a link delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The node that made the events, 32 hex digits.
    pub origin: String,
    /// Its log's incarnation, 16 hex digits.
    pub epoch: String,
    /// The peer that sent them, 32 hex digits.
    pub via: String,
    /// How far a link has come with it; stored in the same commit.
    pub taken: Option<TakenBy>,
    /// Each follows the one before without a gap.
    pub items: Vec<Item>,
}

/// How far a link has come in a log, in the numbers of its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenBy {
    /// The link's id.
    pub link: String,
    /// The sender's number for what it sends of the log.
    pub pass: i64,
    /// The last position.
    pub through: i64,
}

/// One item of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An event, whole or without its payload.
    Event(Box<Sent>),
    /// Events that a filter left out.
    Skip {
        /// The last of them; the first is the one after the item before.
        upto: i64,
        /// The hash of the last one, from which the chain goes on.
        hash: [u8; 32],
    },
}

/// An event as its origin made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its place in its log.
    pub seq: i64,
    /// The origin's clock.
    pub hlc: i64,
    /// Who did it, there.
    pub actor: String,
    /// The kind of fact.
    pub kind: String,
    /// The version of the payload's shape.
    pub v: i32,
    /// The id of what it is about.
    pub subject: String,
    /// Payload and salt; `None` when they were purged or withheld.
    pub whole: Option<(Vec<u8>, [u8; 16])>,
    /// BLAKE3 over salt and payload.
    pub commitment: [u8; 32],
    /// BLAKE3 over the previous hash and the fields.
    pub hash: [u8; 32],
}

/// How far a log of another node is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frontier {
    /// Everything up to here is here, or was left out by a filter.
    pub seq: i64,
    /// The hash of the last one.
    pub hash: [u8; 32],
}

impl Journal {
    /// Stores a part of another node's log: the events that are new are appended and folded, in one durable commit.
    /// What is here already changes nothing.
    ///
    /// # Errors
    /// `Conflict` when the part does not follow what is here, when a hash or a commitment does not fit, or when the log
    /// is this node's own; those of [`Journal::commit`]. Then nothing was written.
    pub async fn receive(&self, received: Received) -> Result<Frontier> {
        self.write(&Caller::node(), |_| {
            Box::pin(async move { Ok((Writes::Foreign(Box::new(received)), Box::new(()) as super::Value)) })
        })
        .await
    }

    /// How far the log of `origin` is here; the beginning where nothing of it is.
    pub async fn frontier(&self, origin: &str, epoch: &str) -> Result<Frontier> {
        frontier(self.0.store.read(), origin, epoch).await
    }
}

async fn frontier(db: &impl sea_orm::ConnectionTrait, origin: &str, epoch: &str) -> Result<Frontier> {
    let text = r#"SELECT "seq", "hash" FROM "log" WHERE "origin" = $1 AND "epoch" = $2"#;
    let Some(row) = sql::one(db, text, [origin.into(), epoch.into()]).await.stored()? else {
        return Ok(Frontier { seq: 0, hash: GENESIS });
    };
    let hash: Vec<u8> = row.try_get("", "hash").stored()?;
    Ok(Frontier {
        seq: row.try_get("", "seq").stored()?,
        hash: hash
            .try_into()
            .map_err(|_| Error::Conflict("the head of a log is damaged".into()))?,
    })
}

/// What receiving needs of the writer.
pub(super) struct Receiving<'a> {
    pub(super) db: &'a DatabaseTransaction,
    /// This node's own origin.
    pub(super) own: &'a str,
    pub(super) now: Millis,
    /// The newest position; it goes on with every stored event.
    pub(super) pos: &'a mut Pos,
    /// The events that were stored.
    pub(super) fresh: &'a mut Vec<StoredEvent>,
}

/// Verifies and stores a batch, and gives the frontier after it.
pub(super) async fn receive(to: Receiving<'_>, received: Received) -> Result<Frontier> {
    let Received {
        origin,
        epoch,
        via,
        taken,
        items,
    } = received;
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    if !is_hex(&origin, 32) || !is_hex(&epoch, 16) {
        return Err(refused("its log has no proper name"));
    }
    if origin == to.own {
        return Err(refused("it is this node's own log"));
    }
    if let Some(taken) = &taken {
        check_link(&to, &taken.link, &via, &origin).await?;
    }
    let before = frontier(to.db, &origin, &epoch).await?;
    let mut at = before;
    let together = Together::default();
    for item in items {
        match item {
            Item::Skip { upto, hash } => {
                if upto > at.seq {
                    let text = r#"INSERT INTO "skip" ("origin", "epoch", "from_seq", "upto_seq", "hash") VALUES ($1, $2, $3, $4, $5)"#;
                    let values = [
                        origin.as_str().into(),
                        epoch.as_str().into(),
                        (at.seq + 1).into(),
                        upto.into(),
                        hash.to_vec().into(),
                    ];
                    together.add(to.db, text, values).await.stored()?;
                    at = Frontier { seq: upto, hash };
                }
            }
            Item::Event(sent) if sent.seq <= at.seq => {}
            Item::Event(sent) => {
                let event = verified(&origin, &epoch, at, *sent)?;
                *to.pos += 1;
                let fact = event.0.readable();
                let session = match &fact {
                    Some(fact) => fact.session(&event.0.subject),
                    None => event.0.subject.parse::<SessionId>().ok(),
                };
                let event = StoredEvent {
                    pos: *to.pos,
                    session: session.map(|session| session.to_string()),
                    received: Some(to.now),
                    via: Some(via.clone()),
                    ..event.0
                };
                at = Frontier {
                    seq: event.seq,
                    hash: hash_of(&event)?,
                };
                append(to.db, &together, event.clone()).await.stored()?;
                if let Some(fact) = &fact {
                    if let Fact::SessionPurged(_) = fact {
                        together.run(to.db).await.stored()?;
                        purge::purge(to.db, &event.origin, &event.subject, event.pos, false)
                            .await
                            .stored()?;
                    }
                    let target = Target {
                        db: to.db,
                        prefix: "",
                        together: &together,
                    };
                    let happened = Happened {
                        pos: event.pos,
                        origin: &event.origin,
                        at: event.at(),
                        subject: &event.subject,
                        fact,
                        foreign: true,
                    };
                    projection::apply(&target, &happened).await.stored()?;
                }
                to.fresh.push(event);
            }
        }
    }
    if let Some(TakenBy { link, pass, through }) = taken {
        let text = r#"INSERT INTO "taken" ("link", "origin", "epoch", "pass", "through") VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT ("link", "origin", "epoch") DO UPDATE SET "pass" = excluded."pass", "through" = excluded."through""#;
        let values = [
            link.into(),
            origin.as_str().into(),
            epoch.as_str().into(),
            pass.into(),
            through.into(),
        ];
        together.add(to.db, text, values).await.stored()?;
    }
    together.run(to.db).await.stored()?;
    if at != before {
        let text = r#"INSERT INTO "log" ("origin", "epoch", "seq", "hash", "pos", "own") VALUES ($1, $2, $3, $4, $5, FALSE)
            ON CONFLICT ("origin", "epoch") DO UPDATE SET "seq" = excluded."seq", "hash" = excluded."hash", "pos" = excluded."pos""#;
        let values = [
            origin.into(),
            epoch.into(),
            at.seq.into(),
            at.hash.to_vec().into(),
            (*to.pos).into(),
        ];
        sql::run(to.db, text, values).await.stored()?;
    }
    Ok(at)
}

/// Whether the link still stands in this transaction: a batch that was under way when it was revoked is refused. A node
/// with a link of its own is heard over that link alone, or a relay could make up its log.
async fn check_link(to: &Receiving<'_>, link: &str, via: &str, origin: &str) -> Result<()> {
    let text = r#"SELECT 1 AS "one" FROM "link" WHERE "id" = $1 AND "origin" = $2 AND "confirmed" = TRUE AND "revoked" = FALSE"#;
    if sql::one(to.db, text, [link.into(), to.own.into()])
        .await
        .stored()?
        .is_none()
    {
        return Err(refused("its link has ended"));
    }
    if origin == via {
        return Ok(());
    }
    let text = r#"SELECT 1 AS "one" FROM "link" WHERE "peer" = $1 AND "origin" = $2 AND "revoked" = FALSE"#;
    let peer = node_of(origin).to_string();
    match sql::one(to.db, text, [peer.into(), to.own.into()]).await.stored()? {
        Some(_) => Err(refused("its node has a link of its own")),
        None => Ok(()),
    }
}

/// A verified event, without what is local.
struct Verified(StoredEvent);

/// The event, if it is the next of its log and what it says of itself is true.
fn verified(origin: &str, epoch: &str, at: Frontier, sent: Sent) -> Result<Verified> {
    if sent.seq != at.seq + 1 {
        return Err(refused(&format!(
            "number {} came where {} belongs",
            sent.seq,
            at.seq + 1
        )));
    }
    if let Some((payload, salt)) = &sent.whole
        && chain::commitment(salt, payload) != sent.commitment
    {
        return Err(refused(&format!("the payload of number {} is not its own", sent.seq)));
    }
    let fields = Fields {
        origin,
        epoch,
        seq: sent.seq,
        hlc: sent.hlc,
        actor: &sent.actor,
        kind: &sent.kind,
        v: sent.v,
        subject: &sent.subject,
        commitment: &sent.commitment,
    };
    if chain::hash(&at.hash, &fields) != sent.hash {
        return Err(refused(&format!(
            "the hash of number {} does not fit it and the one before",
            sent.seq
        )));
    }
    let (payload, salt) = sent
        .whole
        .map_or((None, None), |(payload, salt)| (Some(payload), Some(salt.to_vec())));
    Ok(Verified(StoredEvent {
        pos: 0,
        origin: origin.to_owned(),
        epoch: epoch.to_owned(),
        seq: sent.seq,
        hlc: sent.hlc,
        actor: sent.actor,
        kind: sent.kind,
        v: sent.v,
        subject: sent.subject,
        payload,
        salt,
        commitment: sent.commitment.to_vec(),
        hash: sent.hash.to_vec(),
        session: None,
        received: None,
        via: None,
    }))
}

impl StoredEvent {
    /// The fact of another node's event. One that refers to a text by anything but a hash is not read: the name would
    /// become a file's.
    fn readable(&self) -> Option<Fact> {
        self.fact().filter(|fact| match fact.body() {
            Some(Body::Blob(hash)) => hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()),
            _ => true,
        })
    }
}

fn hash_of(event: &StoredEvent) -> Result<[u8; 32]> {
    event.hash.as_slice().try_into().stored()
}

fn refused(why: &str) -> Error {
    Error::Conflict(format!("a part of another node's log was refused: {why}"))
}
