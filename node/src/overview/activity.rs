//! The activity stream: the newest events of interest to people, one line each. It tells only what the caller may see
//! and only what the event says.

use crate::{
    entity::event,
    journal::{Stored, StoredEvent},
    rows::Rows,
    store::Store,
};
use model::{
    Caller, Result,
    approvals::{ApprovalKind, Verdict},
    event::Fact,
    id::{NodeId, SessionId},
    node::Activity,
    sessions::{Session, SessionState},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::HashMap;

/// The kinds of events with a line.
const KINDS: [&str; 6] = [
    "session.created",
    "session.moved",
    "approval.asked",
    "approval.decided",
    "project.added",
    "project.trusted",
];
/// The most events that are read for one stream.
const LOOKED_AT: u64 = 120;

/// The newest lines, newest first.
pub(super) async fn newest(store: &Store, rows: &Rows, caller: &Caller, limit: usize) -> Result<Vec<Activity>> {
    let events = event::Entity::find()
        .filter(event::Column::Kind.is_in(KINDS))
        .order_by_desc(event::Column::Pos)
        .limit(LOOKED_AT)
        .all(store.read())
        .await
        .stored()?;
    let mut sessions: HashMap<(NodeId, SessionId), Option<Session>> = HashMap::new();
    let mut lines = Vec::new();
    for event in events {
        let Some(fact) = event.fact() else { continue };
        let about = fact.session(&event.subject);
        let session = match about {
            None => None,
            Some(id) => {
                let known = match sessions.get(&(event.node(), id)) {
                    Some(known) => known.clone(),
                    None => {
                        let found = rows
                            .session(caller, id)
                            .await?
                            .filter(|found| found.node.id == event.node());
                        sessions.insert((event.node(), id), found.clone());
                        found
                    }
                };
                match known {
                    Some(session) => Some(session),
                    None => continue,
                }
            }
        };
        lines.extend(line(&event, &fact, session.as_ref()));
        if lines.len() >= limit {
            break;
        }
    }
    Ok(lines)
}

/// The event comes before its subject in a line, because lines are cut at their end.
fn line(event: &StoredEvent, fact: &Fact, session: Option<&Session>) -> Option<Activity> {
    let title = session.map(|session| session.title.as_str()).unwrap_or_default();
    let (status, text) = match fact {
        Fact::SessionCreated(_) => (
            SessionState::Queued,
            format!(
                "{} started {title}",
                session.map(|session| session.owner_name.as_str()).unwrap_or_default()
            ),
        ),
        Fact::SessionMoved(fact) => match fact.state {
            // States that pass by themselves are no news.
            SessionState::Queued | SessionState::Starting | SessionState::Waiting => return None,
            SessionState::Working => (SessionState::Working, format!("At work: {title}")),
            SessionState::Idle => (SessionState::Done, format!("Finished a turn: {title}")),
            state => (
                state,
                with_detail(&format!("{}: {title}", capital(state.word())), fact.detail.as_deref()),
            ),
        },
        Fact::ApprovalAsked(fact) => {
            let asked = match fact.kind {
                ApprovalKind::Tool => format!("Asks for {} {}", fact.shape.name(&fact.tool), fact.target),
                ApprovalKind::Plan => format!("Proposes a plan: {}", fact.target),
                ApprovalKind::Question => "Asks a question".into(),
            };
            (SessionState::Waiting, format!("{asked} in {title}"))
        }
        Fact::ApprovalDecided(fact) => {
            let who = fact.decided.by_name.as_deref().unwrap_or("somebody");
            match fact.decided.decision {
                Verdict::Allow => (SessionState::Done, format!("{who} allowed a request of {title}")),
                Verdict::Deny => (SessionState::Interrupted, format!("{who} denied a request of {title}")),
            }
        }
        Fact::ProjectAdded(fact) => (SessionState::Done, format!("Project {} added", fact.name)),
        Fact::ProjectTrusted(fact) => {
            let text = match &fact.hash {
                Some(_) if fact.also.is_some() => "A rule is kept in a trusted project",
                Some(_) => "A project was trusted",
                None => "A project is no longer trusted",
            };
            (SessionState::Done, text.into())
        }
        _ => return None,
    };
    let href = match fact {
        Fact::ProjectAdded(_) | Fact::ProjectTrusted(_) => format!("/projects/{}", event.subject),
        _ => format!("/sessions/{}", session?.id),
    };
    Some(Activity {
        pos: event.pos,
        at: event.at(),
        status: status.word().into(),
        project: session.map(|session| session.project_name.clone()),
        text,
        href: Some(href),
    })
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn with_detail(text: &str, detail: Option<&str>) -> String {
    detail.map_or_else(|| text.to_owned(), |detail| format!("{text}, {detail}"))
}
