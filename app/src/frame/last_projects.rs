//! The most recently used projects, and which of them have something waiting. Read after hydration, so that no page
//! waits for it, and then kept current by the socket.

#[cfg(feature = "ssr")]
use crate::server::{caller, services};
use crate::{AppResult, live::use_live, wire::Rpc};
use leptos::{prelude::*, server};
use model::{
    id::{ProjectId, SessionId},
    live::{Row, ServerSays},
    sessions::Session,
};
use serde::{Deserialize, Serialize};

/// How many are shown.
const SHOWN: usize = 5;

/// A project in the rail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastProject {
    /// The project.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
}

/// The most recently used projects, newest first, and the sessions that wait for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastUsed {
    /// At most five.
    pub projects: Vec<LastProject>,
    /// Waiting sessions with their projects.
    pub waiting: Vec<(SessionId, ProjectId)>,
}

impl LastUsed {
    /// Applies a session's row: a project new to this list goes to the front. Also updates whether the session waits.
    fn take(&mut self, session: &Session) {
        self.waiting.retain(|(id, _)| *id != session.id);
        if session.pending > 0 {
            self.waiting.push((session.id, session.project));
        }
        let at = self.projects.iter().position(|project| project.id == session.project);
        let project = match at {
            // A known project keeps its place, so that the list does not move under a pointer.
            Some(_) => return,
            None => LastProject {
                id: session.project,
                name: session.project_name.clone(),
            },
        };
        self.projects.insert(0, project);
        self.projects.truncate(SHOWN);
    }

    /// Removes a deleted session or project.
    fn forget(&mut self, gone: &str) {
        self.waiting
            .retain(|(session, project)| session.to_string() != gone && project.to_string() != gone);
        self.projects.retain(|project| project.id.to_string() != gone);
    }
}

/// Reads both.
#[server(prefix = "/api/rpc", endpoint = "frame/last-projects", protocol = Rpc)]
async fn read_last_used() -> AppResult<LastUsed> {
    use model::{
        PageQuery,
        sessions::{SessionFilter, SessionState},
    };
    let (services, caller) = (services()?, caller()?);
    let mut last = LastUsed::default();
    let fifty = || PageQuery {
        after: None,
        limit: Some(50),
    };
    for session in services
        .sessions
        .list(&caller, SessionFilter::default(), fifty())
        .await?
        .items
    {
        if last.projects.len() < SHOWN && last.projects.iter().all(|project| project.id != session.project) {
            last.projects.push(LastProject {
                id: session.project,
                name: session.project_name,
            });
        }
    }
    if last.projects.len() < SHOWN {
        for (id, name) in services.projects.names(&caller).await? {
            if last.projects.len() < SHOWN && last.projects.iter().all(|project| project.id != id) {
                last.projects.push(LastProject { id, name });
            }
        }
    }
    let waiting = SessionFilter {
        state: vec![SessionState::Waiting],
        ..SessionFilter::default()
    };
    let waiting = services.sessions.list(&caller, waiting, fifty()).await?.items;
    last.waiting = waiting
        .into_iter()
        .filter(|session| session.pending > 0)
        .map(|session| (session.id, session.project))
        .collect();
    Ok(last)
}

/// The rail's copy of it.
#[derive(Clone, Copy)]
pub(crate) struct LastProjects(RwSignal<LastUsed>);

impl LastProjects {
    /// Reads them in the browser, again after each lost connection, and follows the socket.
    pub(crate) fn follow() -> Self {
        let known = RwSignal::new(LastUsed::default());
        let live = use_live();
        let read = move || {
            leptos::task::spawn_local(async move {
                // Without an answer the rail still links to the list of projects.
                if let Ok(last) = read_last_used().await {
                    known.try_set(last);
                }
            });
        };
        Effect::new(move || {
            live.reloads.track();
            read();
        });
        live.on_return(read);
        live.on(move |said| match said {
            ServerSays::Row {
                row: Row::Session(session),
                ..
            } => {
                let mut now = known.get_untracked();
                now.take(session);
                if known.with_untracked(|before| *before != now) {
                    known.set(now);
                }
            }
            ServerSays::Row {
                row: Row::Project(project),
                ..
            } => {
                let renamed = |last: &LastUsed| {
                    last.projects
                        .iter()
                        .position(|one| one.id == project.id && one.name != project.name)
                };
                if let Some(at) = known.with_untracked(renamed) {
                    known.update(|last| last.projects[at].name.clone_from(&project.name));
                }
            }
            ServerSays::Gone { id, .. } => {
                let mut now = known.get_untracked();
                now.forget(id);
                if known.with_untracked(|before| *before != now) {
                    known.set(now);
                }
            }
            _ => {}
        });
        Self(known)
    }

    /// The shown projects. Subscribes.
    pub(crate) fn shown(self) -> Vec<LastProject> {
        self.0.with(|last| last.projects.clone())
    }

    /// Their ids and names. Subscribes.
    pub(crate) fn recent(self) -> Vec<(ProjectId, String)> {
        self.shown()
            .into_iter()
            .map(|project| (project.id, project.name))
            .collect()
    }

    /// The present name of a project. Subscribes.
    pub(crate) fn name(self, id: ProjectId) -> String {
        self.0
            .with(|last| {
                last.projects
                    .iter()
                    .find(|project| project.id == id)
                    .map(|project| project.name.clone())
            })
            .unwrap_or_default()
    }

    /// Whether a project has something waiting. Subscribes.
    pub(crate) fn waits(self, id: ProjectId) -> bool {
        self.0
            .with(|last| last.waiting.iter().any(|(_, project)| *project == id))
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::testing::{project_id, session, session_id};

    #[test]
    fn the_newest_project_comes_in_front_and_waits_while_a_session_of_it_does() {
        let mut last = LastUsed::default();
        for n in 1..=6 {
            last.take(&session(n, |s| s.project = project_id(n)));
        }
        let ids: Vec<_> = last.projects.iter().map(|project| project.id).collect();
        assert_eq!(ids, [6, 5, 4, 3, 2].map(project_id));
        last.take(&session(3, |s| (s.project, s.pending) = (project_id(3), 2)));
        assert_eq!(last.projects.len(), 5);
        assert_eq!(last.waiting, [(session_id(3), project_id(3))]);
        last.take(&session(3, |s| s.project = project_id(3)));
        assert!(last.waiting.is_empty());
        last.forget(&project_id(4).to_string());
        assert_eq!(last.projects.len(), 4);
    }
}
