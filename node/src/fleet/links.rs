//! The links as `forwarding` needs them, and what they do from moment to moment, which is kept in memory and not
//! journaled. It reads the table `link`, and must not change it: the port and pairing do, by facts.

use super::key::PublicKey;
use crate::{clock::Deps, entity, store::Store};
use crate::{
    entity::{known_node, link},
    journal::Stored,
};
use model::{
    Millis, Result,
    fleet::{Link, LinkState, Peer, Send, Transport},
    id::{LinkId, NodeId},
    node::NodeKind,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// A node that says nothing for so long is silent.
pub(super) const SILENCE_MS: Millis = 30_000;
/// How old the stored time of a peer's last word may become: after a restart it is that much too early.
const STORED_MS: Millis = 30_000;

/// What people decided about a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The inviting side has not confirmed it.
    Pending,
    /// Events may flow.
    Confirmed,
    /// A person paused it on this side.
    Paused,
    /// It ended.
    Revoked {
        /// On the other side.
        by_peer: bool,
    },
}

/// One link, as this side holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkEnd {
    /// Its id, the same on both sides.
    pub id: LinkId,
    /// The node at the other end.
    pub peer: NodeId,
    /// Its name when it was paired.
    pub name: String,
    /// Its kind.
    pub kind: NodeKind,
    /// Its key: the only one whose signatures count for it.
    pub key: PublicKey,
    /// Where it is reached; `None` for one that reaches this node.
    pub url: Option<String>,
    /// Whether this side made the invite. The other side dials.
    pub inviter: bool,
    /// Whether what travels is encrypted on the way.
    pub encrypted: bool,
    /// What this node sends.
    pub send: Send,
    /// What the peer says that it sends.
    pub receive: Send,
    /// What people decided.
    pub standing: Standing,
    /// Since when, unix ms.
    pub since: Millis,
}

impl LinkEnd {
    /// A row that cannot be read is left out and logged.
    fn read(row: link::Model) -> Option<Self> {
        let damaged = |what: &'static str| {
            tracing::error!(link = row.id, what, "a stored link is damaged; it is left out");
        };
        let standing = match (row.revoked, row.paused, row.confirmed) {
            (true, ..) => Standing::Revoked { by_peer: row.by_peer },
            (_, _, false) => Standing::Pending,
            (_, true, true) => Standing::Paused,
            (_, false, true) => Standing::Confirmed,
        };
        let sends = |text: &str| {
            serde_json::from_str::<Send>(text)
                .map_err(|_| damaged("what is sent"))
                .ok()
        };
        Some(Self {
            id: entity::id(&row.id)?,
            peer: entity::id(&row.peer)?,
            kind: NodeKind::parse(&row.kind).or_else(|| {
                damaged("its kind");
                None
            })?,
            key: row.key.parse().map_err(|_| damaged("its key")).ok()?,
            send: sends(&row.send)?,
            receive: sends(&row.receive)?,
            name: row.name,
            url: row.url,
            inviter: row.inviter,
            encrypted: row.encrypted,
            standing,
            since: row.since,
        })
    }

    /// Whether it has not ended.
    pub fn lasts(&self) -> bool {
        !matches!(self.standing, Standing::Revoked { .. })
    }
}

/// What a link does at this moment.
#[derive(Clone, Debug)]
struct Doing {
    state: LinkState,
    since: Millis,
    detail: Option<String>,
    transport: Option<Transport>,
    unsent: i64,
    lag_ms: Option<i64>,
    /// Whether what moves events has taken it up.
    driven: bool,
}

/// When a node was heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) last: Millis,
    /// Since when it is heard without a silence.
    pub(super) since: Millis,
    pub(super) clock_ahead: Option<i64>,
    stored: Millis,
}

/// The links of this node. Cheap to clone.
#[derive(Clone)]
pub struct Links(Arc<Inner>);

struct Inner {
    store: Store,
    deps: Deps,
    doing: Mutex<HashMap<LinkId, Doing>>,
    heard: Mutex<HashMap<NodeId, Heard>>,
    changed: watch::Sender<u64>,
}

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Links {
    pub(super) fn new(store: Store, deps: Deps) -> Self {
        Self(Arc::new(Inner {
            store,
            deps,
            doing: Mutex::default(),
            heard: Mutex::default(),
            changed: watch::channel(0).0,
        }))
    }

    /// Every link, ended ones too, newest first.
    pub async fn all(&self) -> Result<Vec<LinkEnd>> {
        let rows = link::Entity::find()
            .filter(link::Column::Origin.eq(self.0.store.origin()))
            .order_by_desc(link::Column::Id)
            .all(self.0.store.read())
            .await
            .stored()?;
        Ok(rows.into_iter().filter_map(LinkEnd::read).collect())
    }

    /// The links on which events may flow.
    pub async fn confirmed(&self) -> Result<Vec<LinkEnd>> {
        let mut all = self.all().await?;
        all.retain(|end| end.standing == Standing::Confirmed);
        Ok(all)
    }

    /// One link.
    pub async fn find(&self, id: LinkId) -> Result<Option<LinkEnd>> {
        let row = link::Entity::find_by_id(self.0.store.key(id))
            .one(self.0.store.read())
            .await
            .stored()?;
        Ok(row.and_then(LinkEnd::read))
    }

    /// The link to a node that has not ended; there is at most one.
    pub async fn of_peer(&self, peer: NodeId) -> Result<Option<LinkEnd>> {
        Ok(self
            .all()
            .await?
            .into_iter()
            .find(|end| end.peer == peer && end.lasts()))
    }

    /// Follows changes of links by people, on either side: a number that grows. Who holds a connection reads its link
    /// anew then; a revoked one must end within a second.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// Says what a confirmed link does. Pages show it at once; nothing is stored.
    pub fn set_state(&self, id: LinkId, state: LinkState, detail: Option<String>, transport: Option<Transport>) {
        let now = self.0.deps.now();
        let mut doing = open(&self.0.doing);
        let doing = doing.entry(id).or_insert_with(|| nothing_yet(now));
        if doing.state != state {
            doing.since = now;
        }
        doing.state = state;
        doing.detail = detail;
        doing.transport = transport;
        doing.driven = true;
    }

    /// Says why nothing flows on a confirmed link that nothing has taken up.
    pub(super) fn set_before_driven(&self, id: LinkId, detail: String) {
        let now = self.0.deps.now();
        let mut doing = open(&self.0.doing);
        let doing = doing.entry(id).or_insert_with(|| nothing_yet(now));
        if !doing.driven {
            doing.detail = Some(detail);
        }
    }

    /// Whether events flow: then all news comes with them.
    pub(super) fn is_live(&self, id: LinkId) -> bool {
        open(&self.0.doing)
            .get(&id)
            .is_some_and(|doing| doing.driven && doing.state == LinkState::Live)
    }

    /// Says how much a link has not sent: events, and the age of the oldest in ms.
    pub fn set_unsent(&self, id: LinkId, events: i64, lag_ms: Option<i64>) {
        let now = self.0.deps.now();
        let mut doing = open(&self.0.doing);
        let doing = doing.entry(id).or_insert_with(|| nothing_yet(now));
        doing.unsent = events;
        doing.lag_ms = lag_ms;
    }

    /// Notes a signed word of a node; `its_time` is what its clock says, unix ms.
    pub fn heard(&self, peer: NodeId, its_time: Option<Millis>) {
        let now = self.0.deps.now();
        let mut heard = open(&self.0.heard);
        let heard = heard.entry(peer).or_insert(Heard {
            last: now,
            since: now,
            clock_ahead: None,
            stored: 0,
        });
        if now - heard.last > SILENCE_MS {
            heard.since = now;
        }
        heard.last = now;
        if let Some(its_time) = its_time {
            heard.clock_ahead = Some(its_time - now);
        }
    }

    /// Since when nothing was heard of a peer, unix ms; `None` while it is heard, and for a node that is no peer.
    pub fn silent_since(&self, peer: NodeId) -> Option<Millis> {
        let now = self.0.deps.now();
        let heard = open(&self.0.heard).get(&peer).copied()?;
        (now - heard.last > SILENCE_MS).then_some(heard.last)
    }

    /// The peers of which nothing is heard.
    pub(super) fn silent(&self) -> BTreeSet<NodeId> {
        let now = self.0.deps.now();
        let heard = open(&self.0.heard);
        let silent = heard.iter().filter(|(_, heard)| now - heard.last > SILENCE_MS);
        silent.map(|(peer, _)| *peer).collect()
    }

    /// Takes over when peers were heard before this start.
    pub(super) async fn recall(&self) -> Result<()> {
        let known = known_node::Entity::find()
            .filter(known_node::Column::Via.is_null())
            .all(self.0.store.read())
            .await
            .stored()?;
        let mut heard = open(&self.0.heard);
        for row in known {
            let Some(peer) = entity::id(&row.id) else { continue };
            let last = row.heard.unwrap_or(row.since);
            heard.entry(peer).or_insert(Heard {
                last,
                since: row.since,
                clock_ahead: row.clock_ahead,
                stored: last,
            });
        }
        Ok(())
    }

    /// When it was heard since this start; the table has what was before.
    pub(super) fn last_heard(&self, peer: NodeId) -> Option<Heard> {
        open(&self.0.heard).get(&peer).copied()
    }

    /// Those whose last word should be stored again, which are then taken for stored.
    pub(super) fn unstored(&self) -> Vec<(NodeId, Heard)> {
        let mut heard = open(&self.0.heard);
        let mut due = Vec::new();
        for (peer, heard) in heard.iter_mut() {
            if heard.last - heard.stored >= STORED_MS {
                heard.stored = heard.last;
                due.push((*peer, *heard));
            }
        }
        due
    }

    /// Announces a change by a person or by the peer.
    pub(super) fn announce(&self) {
        self.0.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The link as pages see it. `known` is what the table knows of the peer.
    pub(super) fn shown(&self, end: LinkEnd, known: Option<&known_node::Model>) -> Link {
        // What is known of a node is not what somebody says who claims to be it.
        let known = known.filter(|_| end.standing != Standing::Pending);
        let name = known.map_or(end.name, |known| known.name.clone());
        let doing = open(&self.0.doing).get(&end.id).cloned();
        let (state, state_since, state_detail, transport) = match end.standing {
            Standing::Pending => {
                let detail = (!end.inviter).then(|| format!("waits until it is confirmed on {name}"));
                (LinkState::Pending, end.since, detail, None)
            }
            Standing::Paused => (LinkState::Paused, end.since, None, None),
            Standing::Revoked { by_peer } => {
                let detail = by_peer.then(|| format!("ended on {name}; pair again if it should not have been"));
                (LinkState::Revoked, end.since, detail, None)
            }
            Standing::Confirmed => {
                let doing = doing.clone().unwrap_or_else(|| nothing_yet(end.since));
                (doing.state, doing.since.max(end.since), doing.detail, doing.transport)
            }
        };
        let last_heard = self
            .last_heard(end.peer)
            .map(|heard| heard.last)
            .or_else(|| known.and_then(|known| known.heard));
        Link {
            id: end.id,
            peer: Peer {
                id: end.peer,
                name,
                kind: known.and_then(|known| NodeKind::parse(&known.kind)).unwrap_or(end.kind),
                fingerprint: end.key.fingerprint(),
                url: end.url,
            },
            state,
            state_since,
            state_detail,
            inviter: end.inviter,
            transport,
            encrypted: end.encrypted,
            send: end.send,
            receive: end.receive,
            unsent_events: doing.as_ref().map_or(0, |doing| doing.unsent),
            lag_ms: doing.and_then(|doing| doing.lag_ms),
            last_heard,
        }
    }
}

/// A confirmed link of which nothing was said yet.
fn nothing_yet(since: Millis) -> Doing {
    Doing {
        state: LinkState::Retrying,
        since,
        detail: Some("not connected yet".into()),
        transport: None,
        unsent: 0,
        lag_ms: None,
        driven: false,
    }
}
