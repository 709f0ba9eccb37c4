//! Who may see a session: read once, then checked for any number of callers.

use super::{Rows, id, key};
use crate::{entity::session, journal::Stored};
use model::{
    Action, Caller, Result,
    caller::{Decision, Resource, Visibility, decide},
    id::{NodeId, SessionId, UserId},
    sessions::Session,
};
use sea_orm::{EntityTrait, QuerySelect};

/// Everything that decides who may see a session and its parts; the same rule as [`Rows::scope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whose {
    /// Whether it is a session of this node.
    own: bool,
    owner: Option<UserId>,
    visibility: Visibility,
    deleted: bool,
}

impl Whose {
    /// Whether the caller may see it.
    pub fn is_seen_by(self, caller: &Caller) -> bool {
        !self.deleted && self.is_shared_with(caller)
    }

    /// Whether the caller may see it, deleted or not.
    pub fn is_shared_with(self, caller: &Caller) -> bool {
        let session = if self.own {
            Resource::Session {
                owner: self.owner,
                visibility: self.visibility,
            }
        } else {
            Resource::PeerSession {
                visibility: self.visibility,
            }
        };
        decide(caller, Action::ReadSession, session) == Decision::Allow
    }
}

impl Rows {
    /// [`Rows::whose`] of a session that was just read.
    pub(crate) fn whose_is(&self, session: &Session) -> Whose {
        Whose {
            own: session.node.id == self.journal.node_id(),
            owner: session.owner,
            visibility: session.visibility,
            deleted: session.deleted.is_some(),
        }
    }
}

impl Rows {
    /// The owner and visibility of a session, even a deleted one; `None` when nothing is left of it.
    pub async fn whose(&self, node: NodeId, session: SessionId) -> Result<Option<Whose>> {
        let row: Option<(Option<String>, String, Option<i64>)> = session::Entity::find_by_id(key(node, session))
            .select_only()
            .columns([
                session::Column::Owner,
                session::Column::Visibility,
                session::Column::Deleted,
            ])
            .into_tuple()
            .one(self.store.read())
            .await
            .stored()?;
        Ok(row.map(|(owner, visibility, deleted)| Whose {
            own: node == self.journal.node_id(),
            owner: owner.as_deref().and_then(id),
            visibility: Visibility::parse(&visibility).unwrap_or(Visibility::Private),
            deleted: deleted.is_some(),
        }))
    }
}
