//! A stored event and what can be read from it. It must not interpret facts; `projection` does.

use crate::origin::node_of;
use model::{
    Millis,
    event::{Event, Fact, is_about_people},
    id::{NodeId, SessionId, UserId},
};
use std::sync::OnceLock;

/// An event as it is stored: the row of the table `event`.
pub type StoredEvent = crate::entity::event::Model;

impl StoredEvent {
    /// The typed payload. `None` when the payload was purged or withheld, or has a kind or version that this program
    /// does not know.
    pub fn fact(&self) -> Option<Fact> {
        Fact::decode(&self.kind, self.v, self.payload.as_deref()?)
    }

    /// The event's time by its clock, unix ms. Another node's clock may be ahead: its events are never later than the
    /// moment at which they came.
    pub fn at(&self) -> Millis {
        let said = self.hlc >> 16;
        self.received.map_or(said, |received| said.min(received))
    }

    /// The node that made it.
    pub fn node(&self) -> NodeId {
        node_of(&self.origin)
    }

    /// Whose event it is, and so who may be told of it.
    pub fn belongs(&self) -> Belongs {
        if is_about_people(&self.kind) || self.subject.parse::<UserId>().is_ok() {
            return Belongs::People;
        }
        match self.session.as_deref().and_then(|session| session.parse().ok()) {
            Some(session) => Belongs::Session(session),
            None if Fact::is_of_the_node(&self.kind) => Belongs::Node,
            None => Belongs::Unknown,
        }
    }

    /// The event as it is exchanged: payload as JSON, hash in hex. A payload that is not JSON is left out.
    pub fn exchanged(&self) -> Event {
        Event {
            pos: self.pos,
            origin: self.origin.clone(),
            epoch: self.epoch.clone(),
            seq: self.seq,
            hlc: self.hlc,
            actor: self.actor.clone(),
            kind: self.kind.clone(),
            v: self.v,
            subject: self.subject.clone(),
            payload: self
                .payload
                .as_deref()
                .and_then(|payload| serde_json::from_slice(payload).ok()),
            hash: crate::hex::hex(&self.hash),
        }
    }
}

/// Whose an event is; who may be told of it follows from that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belongs {
    /// People and their accounts: for callers who may list them.
    People,
    /// The node and its projects: for everybody.
    Node,
    /// A session: for callers who may see it.
    Session(SessionId),
    /// Unknown owner: for nobody.
    Unknown,
}

/// An event with a lazily written copy of its exchanged form.
#[derive(Debug)]
pub struct Recorded {
    event: StoredEvent,
    belongs: Belongs,
    exchanged: OnceLock<Box<str>>,
}

impl Recorded {
    /// The event.
    pub fn event(&self) -> &StoredEvent {
        &self.event
    }

    /// Whose event it is.
    pub fn belongs(&self) -> Belongs {
        self.belongs
    }

    /// The JSON of [`Event`] on one line, serialised at the first call.
    pub fn exchanged(&self) -> &str {
        self.exchanged.get_or_init(|| {
            serde_json::to_string(&self.event.exchanged())
                .expect("an event is plain data")
                .into()
        })
    }
}

impl From<StoredEvent> for Recorded {
    fn from(event: StoredEvent) -> Self {
        Self {
            belongs: event.belongs(),
            event,
            exchanged: OnceLock::new(),
        }
    }
}
