//! Which rows an event touches. It gives ids only: the rows are read for each kind of caller.

use crate::{journal::StoredEvent, rows::RowId};
use model::{
    Pos,
    caller::Visibility,
    event::Fact,
    id::{ApprovalId, NodeId, SessionId},
    live::Topic,
};

/// A row that may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Touch {
    /// The node whose events make the row.
    pub origin: NodeId,
    /// The row's session: whoever sees the session sees the row. `None` for rows that everybody sees.
    pub session: Option<SessionId>,
    /// The row.
    pub row: RowId,
}

impl Touch {
    /// Whether a tab that follows `topic` wants the row; `node` is the node that a session runs on.
    pub fn is_covered_by(self, topic: &Topic, node: NodeId) -> bool {
        match topic {
            Topic::Node => self.row.is_listed(),
            Topic::Session { id } => self.session == Some(*id) && self.origin == node,
        }
    }
}

/// Who may lose sight of a row through an event. Only they hear `gone`, so that hidden rows stay secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hides {
    /// Nobody loses it.
    Nothing,
    /// A deleted session: whoever could see it.
    Deleted,
    /// Everybody, because everybody could see it.
    Shared,
}

/// A touch and the position of the event that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touched {
    /// The event's position.
    pub pos: Pos,
    /// The row.
    pub touch: Touch,
    /// Who may lose sight of it.
    pub hides: Hides,
    /// Whether the event may change somebody's count of pending approvals.
    pub counts: bool,
}

/// The rows that `event` touches; none for kinds that this version does not know.
pub fn of_event(event: &StoredEvent) -> Vec<Touched> {
    let Some(fact) = event.fact() else { return Vec::new() };
    let (origin, session) = (event.node(), fact.session(&event.subject));
    let subject_session = || event.subject.parse::<SessionId>().ok();
    let subject_approval = || event.subject.parse::<ApprovalId>().ok().map(RowId::Approval);
    let subject_project = || event.subject.parse().ok().map(RowId::Project);
    let hides = match &fact {
        // The journal records only real changes, so a session that becomes private was shared.
        Fact::SessionChanged(fact) if fact.visibility == Some(Visibility::Private) => Hides::Shared,
        Fact::SessionDeleted(fact) if fact.deleted => Hides::Deleted,
        // A purge needs no arm: the session has been hidden since its deletion.
        Fact::ProjectRemoved(_) => Hides::Shared,
        _ => Hides::Nothing,
    };
    let asks = matches!(
        fact,
        Fact::SessionDeleted(_) | Fact::ApprovalAsked(_) | Fact::ApprovalDecided(_) | Fact::ApprovalWithdrawn(_)
    );
    // The session's own rows, and the row that everybody sees.
    let (parts, shared): (Vec<RowId>, Option<RowId>) = match fact {
        Fact::ProjectAdded(fact) => (Vec::new(), Some(RowId::Project(fact.id))),
        Fact::ProjectChanged(_) | Fact::ProjectTrusted(_) | Fact::ProjectRemoved(_) => (Vec::new(), subject_project()),
        // The project shows its number of sessions.
        Fact::SessionCreated(fact) => (
            subject_session().map(RowId::Session).into_iter().collect(),
            Some(RowId::Project(fact.project)),
        ),
        Fact::SessionDeleted(_) => (
            subject_session().map(RowId::Session).into_iter().collect(),
            subject_session().map(RowId::ProjectOf),
        ),
        Fact::SessionMoved(_) | Fact::SessionChanged(_) | Fact::SessionPurged(_) => {
            (subject_session().map(RowId::Session).into_iter().collect(), None)
        }
        Fact::RunStarted(fact) => (vec![RowId::Session(fact.session)], None),
        Fact::RunEnded(fact) => (vec![RowId::Session(fact.session)], None),
        Fact::PromptQueued(fact) => (vec![RowId::Prompt(fact.id), RowId::Session(fact.session)], None),
        Fact::PromptSettled(fact) => (vec![RowId::Prompt(fact.id), RowId::Session(fact.session)], None),
        Fact::EntryAdded(fact) => (
            vec![RowId::Entry(fact.session, fact.seq), RowId::Session(fact.session)],
            None,
        ),
        Fact::EntryEnded(fact) => (
            vec![RowId::Entry(fact.session, fact.seq), RowId::Session(fact.session)],
            None,
        ),
        // The entry comes first, so that the approval finds its place.
        Fact::ApprovalAsked(fact) => (
            vec![
                RowId::AskedAbout(fact.id),
                RowId::Approval(fact.id),
                RowId::Session(fact.session),
            ],
            None,
        ),
        Fact::ApprovalDecided(fact) => (
            subject_approval()
                .into_iter()
                .chain([RowId::Session(fact.session)])
                .collect(),
            None,
        ),
        Fact::ApprovalWithdrawn(fact) => (
            subject_approval()
                .into_iter()
                .chain([RowId::Session(fact.session)])
                .collect(),
            None,
        ),
        Fact::UsageRecorded(fact) => (vec![RowId::Session(fact.session)], None),
        Fact::UserCreated(_)
        | Fact::UserChanged(_)
        | Fact::UserRemoved(_)
        | Fact::UserSignedIn(_)
        | Fact::SignInRefused(_)
        | Fact::PasswordSet(_)
        | Fact::TokenMade(_)
        | Fact::TokenRevoked(_)
        | Fact::NodeSetUp(_)
        | Fact::NodeRenamed(_)
        | Fact::LinkMade(_)
        | Fact::LinkConfirmed(_)
        | Fact::LinkChanged(_)
        | Fact::LinkPaused(_)
        | Fact::LinkResumed(_)
        | Fact::LinkRevoked(_) => (Vec::new(), None),
    };
    let parts = parts.into_iter().map(|row| Touch { origin, session, row });
    let touches = parts.chain(shared.map(|row| Touch {
        origin,
        session: None,
        row,
    }));
    let touched = |touch: Touch| {
        // Only the session is gone; its project stays.
        let hides = if matches!(touch.row, RowId::Session(_) | RowId::Project(_)) {
            hides
        } else {
            Hides::Nothing
        };
        Touched {
            pos: event.pos,
            touch,
            hides,
            counts: asks || hides != Hides::Nothing,
        }
    };
    touches.map(touched).collect()
}
