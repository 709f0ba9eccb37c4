//! Which rows an event touches. Only names: the rows themselves are read per caller.

use crate::{journal::StoredEvent, rows::RowId};
use model::{
    Pos,
    caller::Visibility,
    event::Fact,
    id::{ApprovalId, SessionId},
    live::Topic,
};

/// A row that may look different now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Touch {
    /// The session it is a part of: who sees that sees it. `None` for what everybody sees.
    pub session: Option<SessionId>,
    /// The row.
    pub row: RowId,
}

impl Touch {
    /// Whether a tab that follows `topic` wants the row.
    pub fn is_covered_by(self, topic: &Topic) -> bool {
        match topic {
            Topic::Node => self.row.is_listed(),
            Topic::Session { id } => self.session == Some(*id),
        }
    }
}

/// From whose sight an event may have taken a row: only they hear `gone`, so that hidden rows stay unheard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hides {
    /// From nobody's.
    Nothing,
    /// A session was deleted: from those who may see it apart from that.
    Deleted,
    /// From anybody's: until then everybody could see it.
    Shared,
}

/// A touch and the position of the event that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touched {
    /// The event's position.
    pub pos: Pos,
    /// The row.
    pub touch: Touch,
    /// From whose sight the event may have taken it.
    pub hides: Hides,
    /// Whether other approvals than before may wait for somebody.
    pub counts: bool,
}

/// The rows `event` touches; none for kinds this version does not know.
pub fn of_event(event: &StoredEvent) -> Vec<Touched> {
    let Some(fact) = event.fact() else { return Vec::new() };
    let session = fact.session(&event.subject);
    let subject_session = || event.subject.parse::<SessionId>().ok();
    let subject_approval = || event.subject.parse::<ApprovalId>().ok().map(RowId::Approval);
    let subject_project = || event.subject.parse().ok().map(RowId::Project);
    let hides = match &fact {
        // Said only when it is another one than before: what becomes private was shared.
        Fact::SessionChanged(fact) if fact.visibility == Some(Visibility::Private) => Hides::Shared,
        Fact::SessionDeleted(fact) if fact.deleted => Hides::Deleted,
        // What is purged has been out of sight since it was deleted.
        Fact::ProjectRemoved(_) => Hides::Shared,
        _ => Hides::Nothing,
    };
    let asks = matches!(
        fact,
        Fact::SessionDeleted(_) | Fact::ApprovalAsked(_) | Fact::ApprovalDecided(_) | Fact::ApprovalWithdrawn(_)
    );
    // First what is the session's, then what everybody sees.
    let (parts, shared): (Vec<RowId>, Option<RowId>) = match fact {
        Fact::ProjectAdded(fact) => (Vec::new(), Some(RowId::Project(fact.id))),
        Fact::ProjectChanged(_) | Fact::ProjectTrusted(_) | Fact::ProjectRemoved(_) => (Vec::new(), subject_project()),
        // The project counts its sessions.
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
        // First the entry, so that the approval finds its place.
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
        | Fact::NodeRenamed(_) => (Vec::new(), None),
    };
    let parts = parts.into_iter().map(|row| Touch { session, row });
    let touches = parts.chain(shared.map(|row| Touch { session: None, row }));
    let touched = |touch: Touch| {
        // The project of a deleted session stays.
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
