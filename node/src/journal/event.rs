//! A stored event and what can be read from it.
//! It must not interpret facts; `projection` does.

use model::{
    Millis,
    event::{Event, Fact},
};

/// An event as it is stored: the row of the table `event`.
pub type StoredEvent = crate::entity::event::Model;

impl StoredEvent {
    /// What happened; `None` when the payload was purged or withheld, or is of a kind or version this program does not know.
    pub fn fact(&self) -> Option<Fact> {
        Fact::decode(&self.kind, self.v, self.payload.as_deref()?)
    }

    /// When, by the event's clock, unix ms.
    pub fn at(&self) -> Millis {
        self.hlc >> 16
    }

    /// As it is exchanged: payload as JSON, hash in hex. A payload that is not JSON is left out.
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
            payload: self.payload.as_deref().and_then(|payload| serde_json::from_slice(payload).ok()),
            hash: crate::hex::hex(&self.hash),
        }
    }
}
