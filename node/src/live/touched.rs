//! Which rows an event touches. Only names: the rows themselves are read per caller.

use crate::journal::StoredEvent;
use model::{
    Pos,
    caller::Visibility,
    event::Fact,
    id::{ApprovalId, ProjectId, PromptId, SessionId},
};

/// A row that may look different now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Touch {
    /// A session's row.
    Session(SessionId),
    /// An approval's row.
    Approval(ApprovalId),
    /// A project's row.
    Project(ProjectId),
    /// The row of the project in which a session is, or was.
    ProjectOf(SessionId),
    /// An entry of a session.
    Entry(SessionId, i64),
    /// The entries of the call that an approval is about.
    AskedAbout(SessionId, ApprovalId),
    /// A prompt of a session.
    Prompt(SessionId, PromptId),
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
}

/// The rows `event` touches; none for kinds this version does not know.
pub fn of_event(event: &StoredEvent) -> Vec<Touched> {
    let Some(fact) = event.fact() else { return Vec::new() };
    let subject_session = || event.subject.parse::<SessionId>().ok();
    let subject_approval = || event.subject.parse::<ApprovalId>().ok();
    let hides = match &fact {
        // Said only when it is another one than before: what becomes private was shared.
        Fact::SessionChanged(fact) if fact.visibility == Some(Visibility::Private) => Hides::Shared,
        Fact::SessionDeleted(fact) if fact.deleted => Hides::Deleted,
        // What is purged has been out of sight since it was deleted.
        Fact::ProjectRemoved(_) => Hides::Shared,
        _ => Hides::Nothing,
    };
    let mut touches = Vec::with_capacity(2);
    match fact {
        Fact::ProjectAdded(fact) => touches.push(Touch::Project(fact.id)),
        Fact::ProjectChanged(_) | Fact::ProjectTrusted(_) | Fact::ProjectRemoved(_) => touches.extend(event.subject.parse().ok().map(Touch::Project)),
        // The project counts its sessions.
        Fact::SessionCreated(fact) => {
            touches.extend(subject_session().map(Touch::Session));
            touches.push(Touch::Project(fact.project));
        }
        Fact::SessionDeleted(_) => touches.extend(subject_session().into_iter().flat_map(|id| [Touch::Session(id), Touch::ProjectOf(id)])),
        Fact::SessionMoved(_) | Fact::SessionChanged(_) | Fact::SessionPurged(_) => {
            touches.extend(subject_session().map(Touch::Session));
        }
        Fact::RunStarted(fact) => touches.push(Touch::Session(fact.session)),
        Fact::RunEnded(fact) => touches.push(Touch::Session(fact.session)),
        Fact::PromptQueued(fact) => touches.extend([Touch::Prompt(fact.session, fact.id), Touch::Session(fact.session)]),
        Fact::PromptSettled(fact) => touches.extend([Touch::Prompt(fact.session, fact.id), Touch::Session(fact.session)]),
        Fact::EntryAdded(fact) => touches.extend([Touch::Entry(fact.session, fact.seq), Touch::Session(fact.session)]),
        Fact::EntryEnded(fact) => touches.extend([Touch::Entry(fact.session, fact.seq), Touch::Session(fact.session)]),
        // First the entry, so that the approval finds its place.
        Fact::ApprovalAsked(fact) => {
            touches.extend([Touch::AskedAbout(fact.session, fact.id), Touch::Approval(fact.id), Touch::Session(fact.session)]);
        }
        Fact::ApprovalDecided(fact) => {
            touches.extend(subject_approval().map(Touch::Approval));
            touches.push(Touch::Session(fact.session));
        }
        Fact::ApprovalWithdrawn(fact) => {
            touches.extend(subject_approval().map(Touch::Approval));
            touches.push(Touch::Session(fact.session));
        }
        Fact::UsageRecorded(fact) => touches.push(Touch::Session(fact.session)),
        Fact::UserCreated(_)
        | Fact::UserChanged(_)
        | Fact::UserRemoved(_)
        | Fact::UserSignedIn(_)
        | Fact::SignInRefused(_)
        | Fact::PasswordSet(_)
        | Fact::TokenMade(_)
        | Fact::TokenRevoked(_)
        | Fact::NodeSetUp(_)
        | Fact::NodeRenamed(_) => {}
    }
    // The project of a deleted session stays.
    let hides_it = |touch: &Touch| if matches!(touch, Touch::Session(_) | Touch::Project(_)) { hides } else { Hides::Nothing };
    touches.into_iter().map(|touch| Touched { pos: event.pos, hides: hides_it(&touch), touch }).collect()
}
