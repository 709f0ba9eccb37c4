//! The journal as streams follow it: each event written out once, whose it is asked once for all who follow.

use super::Hub;
use crate::journal::{Belongs, Recorded};
use model::{
    Action, Caller, Pos, Result,
    caller::{Decision, Resource, decide, require},
};
use std::sync::Arc;

/// Some events as a caller may see them.
#[derive(Debug, Default)]
pub struct Tail {
    /// In the order of the journal.
    pub events: Vec<Arc<Recorded>>,
    /// Up to here nothing else is the caller's to see.
    pub upto: Pos,
}

impl Hub {
    /// Events after `after` that the caller may see, out of the next `limit`.
    ///
    /// # Errors
    /// `Forbidden` for who may not read the node; those of reading.
    pub async fn events(&self, caller: &Caller, after: Pos, limit: u64) -> Result<Tail> {
        require(caller, Action::ReadNode, Resource::Node, "event")?;
        let recorded = self.inner.journal.recorded(after, limit).await?;
        let upto = recorded.last().map_or(after, |recorded| recorded.event().pos);
        // Their names, roles and GitHub logins are told to whoever may list them.
        let sees_people = decide(caller, Action::EditUsers, Resource::Node) == Decision::Allow;
        let mut events = Vec::with_capacity(recorded.len());
        for event in recorded {
            let told = match event.belongs() {
                Belongs::People => sees_people,
                Belongs::Node => true,
                Belongs::Session(session) => self
                    .whose(session, upto)
                    .await?
                    .is_some_and(|whose| whose.is_seen_by(caller)),
                Belongs::Unknown => false,
            };
            if told {
                events.push(event);
            }
        }
        Ok(Tail { events, upto })
    }
}
