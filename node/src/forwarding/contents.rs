//! What a link sends: which events its filter lets through. It decides by whose an event is and fails closed: an event
//! of which that is not known stays here.

use crate::{
    entity::session,
    journal::StoredEvent,
    store::{Store, Stored, of_origin},
};
use model::{
    Result,
    caller::Visibility,
    event::{Fact, is_about_people},
    fleet::{Detail, Send, SentProjects},
    id::{ProjectId, SessionId},
};
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect};
use std::collections::HashMap;

/// Sessions that are remembered at most.
const KEPT: usize = 10_000;

/// The filter of one link.
pub(super) struct Contents {
    store: Store,
    send: Send,
    sessions: HashMap<(String, SessionId), bool>,
}

impl Contents {
    pub(super) fn new(store: Store, send: Send) -> Self {
        Self {
            store,
            send,
            sessions: HashMap::new(),
        }
    }

    /// The number of these contents: another filter has another.
    pub(super) fn pass(send: &Send) -> u64 {
        let json = serde_json::to_vec(send).unwrap_or_default();
        let hash = blake3::hash(&json);
        let (first, _) = hash.as_bytes().split_first_chunk::<8>().expect("a hash has 32 bytes");
        // 0 means that there was no pass.
        u64::from_be_bytes(*first) | 1
    }

    /// Whether the link sends this event.
    pub(super) async fn has(&mut self, event: &StoredEvent) -> Result<bool> {
        if is_about_people(&event.kind) || event.kind.starts_with("link.") || self.send.detail == Detail::Outline {
            return Ok(false);
        }
        // A session that was purged is in no table; that it is gone must be known wherever it was.
        if event.kind == "session.purged" {
            return Ok(self.send.projects != SentProjects::None);
        }
        if let Some(session) = event.session.as_deref() {
            return match session.parse() {
                Ok(session) => self.has_session(&event.origin, session, event).await,
                Err(_) => Ok(false),
            };
        }
        Ok(match event.fact() {
            Some(
                Fact::ProjectAdded(_) | Fact::ProjectChanged(_) | Fact::ProjectTrusted(_) | Fact::ProjectRemoved(_),
            ) => event.subject.parse().is_ok_and(|project| self.has_project(project)),
            _ => false,
        })
    }

    fn has_project(&self, project: ProjectId) -> bool {
        match &self.send.projects {
            SentProjects::All => true,
            SentProjects::None => false,
            SentProjects::Some(projects) => projects.contains(&project),
        }
    }

    async fn has_session(&mut self, origin: &str, session: SessionId, event: &StoredEvent) -> Result<bool> {
        let key = (origin.to_owned(), session);
        // Its visibility may be another from here on.
        if event.kind != "session.changed"
            && let Some(has) = self.sessions.get(&key)
        {
            return Ok(*has);
        }
        let row: Option<(String, String)> = of_origin::<session::Entity>(origin)
            .filter(session::Column::Id.eq(session.to_string()))
            .select_only()
            .columns([session::Column::Project, session::Column::Visibility])
            .into_tuple()
            .one(self.store.read())
            .await
            .stored()?;
        let (chosen, is_private) = row.map_or((false, true), |(project, visibility)| {
            let is_private = Visibility::parse(&visibility).is_none_or(|seen| seen == Visibility::Private);
            (
                project.parse().is_ok_and(|project| self.has_project(project)),
                is_private,
            )
        });
        let has = chosen && (self.send.private || !is_private);
        if self.sessions.len() >= KEPT {
            self.sessions.clear();
        }
        self.sessions.insert(key, has);
        // It was shared until this event, so the peer may hold it and must hear that it is private now.
        let hides =
            matches!(event.fact(), Some(Fact::SessionChanged(fact)) if fact.visibility == Some(Visibility::Private));
        Ok(has || (chosen && hides))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::{NewEvent, Outcome, testing},
        store::testing::TestStore,
    };
    use model::{
        Caller,
        event::{SessionChanged, SessionMoved},
        sessions::SessionState,
    };

    #[tokio::test]
    async fn a_session_that_becomes_private_says_so_and_nothing_after_it() {
        let test = TestStore::new::<migration::Migrator>(1).await;
        let subject = testing::session(0).to_string();
        let seen = |visibility| SessionChanged {
            visibility: Some(visibility),
            ..SessionChanged::default()
        };
        let said = |fact: Fact| NewEvent {
            subject: subject.clone(),
            fact,
        };
        let moved = SessionMoved {
            state: SessionState::Working,
            detail: Some("secret words".into()),
            background: false,
        };
        let events = vec![
            testing::of_kind("project.added", 0),
            testing::of_kind("session.created", 0),
            said(seen(Visibility::Project).into()),
            said(seen(Visibility::Private).into()),
            said(moved.into()),
        ];
        let commit = |_: &crate::journal::Tx<'_>| Outcome { value: (), events };
        let node = Caller::node();
        test.journal
            .commit(&node, move |tx| {
                let outcome = commit(tx);
                Box::pin(async move { Ok(outcome) })
            })
            .await
            .unwrap();
        let events = test.journal.events(0, 10).await.unwrap();
        let mut contents = Contents::new(test.store.clone(), Send::default());
        let mut sent = Vec::new();
        for event in &events {
            sent.push(contents.has(event).await.unwrap());
        }
        let last_two = &sent[sent.len() - 2..];
        assert_eq!(last_two, [true, false], "{sent:?}");
        assert!(!sent[1], "what is private now is not sent from before");
    }
}
