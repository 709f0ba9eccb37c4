//! The journal as streams follow it. All followers share one serialised copy of each event and one lookup of whose it
//! is.

use super::Hub;
use crate::journal::{Belongs, Recorded};
use model::{
    Action, Caller, Pos, Result,
    caller::{Decision, Resource, decide, require},
};
use std::sync::Arc;

/// A slice of the journal, filtered for one caller.
#[derive(Debug, Default)]
pub struct Tail {
    /// In the order of the journal.
    pub events: Vec<Arc<Recorded>>,
    /// The caller has now seen all of theirs up to here.
    pub upto: Pos,
}

impl Hub {
    /// The events that the caller may see among the next `limit` after `after`.
    ///
    /// # Errors
    /// `Forbidden` for a caller who may not read the node; those of reading.
    pub async fn events(&self, caller: &Caller, after: Pos, limit: u64) -> Result<Tail> {
        require(caller, Action::ReadNode, Resource::Node, "event")?;
        let recorded = self.inner.journal.recorded(after, limit).await?;
        let upto = recorded.last().map_or(after, |recorded| recorded.event().pos);
        // Events about people carry names, roles and GitHub logins, so only callers who may list people get them.
        let sees_people = decide(caller, Action::EditUsers, Resource::Node) == Decision::Allow;
        let mut events = Vec::with_capacity(recorded.len());
        for event in recorded {
            let told = match event.belongs() {
                Belongs::People => sees_people,
                Belongs::Node => true,
                Belongs::Session(session) => self
                    .whose(event.event().node(), session, upto)
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
