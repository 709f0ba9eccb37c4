//! Sessions: start, watch and drive conversations with agents. Every change is one journal commit that checks the
//! caller's right itself. Processes follow what was committed.

mod apply;
mod bodies;
mod calls;
mod checks;
mod end;
mod engine;
mod lists;
mod questions;
mod runner;
pub(crate) mod scribe;

pub(crate) use apply::by_node;
pub use engine::EngineConfig;
pub(crate) use engine::{Engine, Stop};
pub(crate) use questions::after_decision;

use crate::{
    entity::{project, session},
    journal::{Outcome, Stored, Tx, own},
    projects::{self, FolderIs, NamedFolder, ProjectsService},
    rows::Rows,
};
use async_trait::async_trait;
use checks::{TITLE_MAX, checked_model, checked_prompt, checked_tags, checked_title, title_or_first_words};
use engine::{ANSWERS_WITHIN, Asked, Order, Reply, TAKES_WITHIN};
use model::{
    Action, Caller, Error, Page, PageQuery, Result, Via,
    caller::{Decision, Resource, Visibility, decide, require},
    entries::{Entry, EntryBody, EntryKind},
    event::{PromptQueued, PromptSettled, SessionChanged, SessionCreated, SessionDeleted, SessionMoved},
    id::{ProjectId, PromptId, SessionId},
    ports,
    sessions::{
        AgentKind, Mode, NewSession, Prompt, PromptState, RawLine, Session, SessionFilter, SessionPatch, SessionState,
        SessionView, Workplace,
    },
};
use scribe::{NewEntry, Scribe, shorten};
use sea_orm::EntityTrait;
use std::{sync::Arc, time::Duration};

/// How long an interrupt waits for the turn to end before it answers with the state as it is.
const SETTLES_WITHIN: Duration = Duration::from_secs(2);
/// Why an interrupt could not be journaled.
const UNWRITTEN: &str = "nothing can be written down at the moment: is the disk full?";
/// How long a deleted session can be restored, in ms; then `retention` purges it.
pub(crate) const RESTORE_MS: i64 = 30 * 86_400_000;

/// The prompt of a demo session.
const DEMO_PROMPT: &str = "Show me what you can do in this small project.";

/// [`ports::Sessions`] on a journal and an engine.
#[derive(Clone)]
pub struct SessionsService {
    engine: Arc<Engine>,
    rows: Rows,
    projects: ProjectsService,
}

impl SessionsService {
    pub(crate) fn new(engine: Arc<Engine>, rows: Rows, projects: ProjectsService) -> Self {
        Self { engine, rows, projects }
    }

    /// Commits one change of a session that the caller may `action`, then notifies its agent's runner, even if the
    /// caller hangs up.
    async fn change<F>(&self, caller: &Caller, id: SessionId, action: Action, f: F) -> Result<()>
    where
        F: for<'a, 't> FnOnce(&'a mut Scribe<'t>) -> futures::future::BoxFuture<'a, Result<()>> + Send + 'static,
    {
        let (who, engine) = (caller.clone(), self.engine.clone());
        self.engine
            .journal
            .commit_then(
                caller,
                move |tx| {
                    Box::pin(async move {
                        let mut scribe = allowed(tx, &who, id, action).await?;
                        f(&mut scribe).await?;
                        Ok(scribe.finish(()))
                    })
                },
                move |_| engine.look(id),
            )
            .await
    }

    /// [`change`](Self::change) for a closure that awaits nothing.
    async fn change_now<F>(&self, caller: &Caller, id: SessionId, action: Action, f: F) -> Result<()>
    where
        F: FnOnce(&mut Scribe<'_>, &Caller) -> Result<()> + Send + 'static,
    {
        let who = caller.clone();
        self.change(caller, id, action, move |scribe| {
            Box::pin(std::future::ready(f(scribe, &who)))
        })
        .await
    }

    /// The row of a session that the caller may drive. It checks only the right, for calls that change nothing yet.
    async fn driven(&self, caller: &Caller, id: SessionId) -> Result<session::Model> {
        let row = session::Entity::find_by_id(self.engine.store.key(id))
            .one(self.engine.store.read())
            .await
            .stored()?;
        let row = row.ok_or_else(|| Error::NotFound("session".into()))?;
        allows(caller, &row, Action::DriveSession)?;
        Ok(row)
    }

    async fn insert(
        &self,
        caller: &Caller,
        site: Site,
        new: NewSession,
        title: String,
        branch: Option<String>,
    ) -> Result<SessionId> {
        let id = SessionId::from_uuid(self.engine.deps.uuid_v7());
        let prompt = PromptId::from_uuid(self.engine.deps.uuid_v7());
        let (who, engine) = (caller.clone(), self.engine.clone());
        self.engine
            .journal
            .commit_then(
                caller,
                move |tx| {
                    Box::pin(async move {
                        require(&who, Action::StartSession, Resource::Node, "project")?;
                        let (project, added) = match site {
                            Site::Project(project) => (alive_project(tx, project).await?, None),
                            Site::Folder(folder) => match folder.project(tx).await? {
                                FolderIs::Project { id, .. } => (id, None),
                                FolderIs::New(added) => (added.id, Some(added)),
                            },
                        };
                        let created = SessionCreated {
                            project,
                            agent: new.agent,
                            mode: new.mode,
                            title,
                            model: new.model,
                            owner: who.user,
                            visibility: new.visibility.unwrap_or(Visibility::Project),
                            branch,
                            forked_from: None,
                            unattended: is_unattended(&who),
                        };
                        let queued = PromptQueued {
                            id: prompt,
                            session: id,
                            text: new.prompt,
                            by_name: who.name.clone(),
                        };
                        let outcome = match added {
                            Some(added) => Outcome::new(()).with(project, added),
                            None => Outcome::new(()),
                        };
                        Ok(outcome.with(id, created).with(prompt, queued))
                    })
                },
                move |_| engine.kick(),
            )
            .await?;
        Ok(id)
    }

    async fn said_again(&self, caller: &Caller, id: SessionId) -> Result<Prompt> {
        let fresh = PromptId::from_uuid(self.engine.deps.uuid_v7());
        let (by, (found, which)) = (caller.name.clone(), tokio::sync::oneshot::channel());
        self.change(caller, id, Action::DriveSession, move |scribe| {
            Box::pin(async move {
                if scribe.project().await?.removed.is_some() {
                    return Err(Error::Conflict(
                        "its project was removed: add its folder again to go on".into(),
                    ));
                }
                if scribe.state().is_live() {
                    return Err(Error::Conflict(
                        "its agent is at work: wait until its turn is over, or interrupt it".into(),
                    ));
                }
                let prompt = match (scribe.last_sent().await?, scribe.next_prompt().await?) {
                    (Some(last), _) => {
                        say(scribe, fresh, last.text, by);
                        fresh
                    }
                    // No agent was ever given a prompt, so the newest waiting one is the last.
                    (None, Some(waits)) => {
                        let there = scribe.row.standing().has_agent();
                        scribe.moved(
                            if there {
                                SessionState::Idle
                            } else {
                                SessionState::Queued
                            },
                            None,
                        );
                        waits.id.parse().stored()?
                    }
                    (None, None) => return Err(Error::Conflict("nothing was said in it yet".into())),
                };
                // The receiver is gone only if the commit itself failed.
                let _ = found.send(prompt);
                Ok(())
            })
        })
        .await?;
        let prompt = which.await.stored()?;
        self.rows
            .prompt(caller, id, prompt)
            .await?
            .ok_or_else(|| Error::NotFound("prompt".into()))
    }

    /// Hands an order to a running agent; `false` when none runs.
    async fn asked(&self, id: SessionId, order: impl FnOnce(Reply) -> Order) -> Result<bool> {
        match self.engine.ask(id, ANSWERS_WITHIN, order).await? {
            Asked::Agreed => Ok(true),
            Asked::NoAgent => Ok(false),
            Asked::HeldUp => Err(Error::Unavailable(
                "its agent is busy with what was asked before: try again".into(),
            )),
        }
    }

    async fn mode_is(&self, caller: &Caller, id: SessionId, mode: Mode) -> Result<Session> {
        self.driven(caller, id).await?;
        // A running agent confirms first, so that the shown mode is the mode in force.
        if !self.asked(id, |reply| Order::Mode(mode, reply)).await? {
            self.change(caller, id, Action::DriveSession, move |scribe| {
                Box::pin(async move {
                    if scribe.row.mode != mode.word() {
                        scribe.changed(SessionChanged {
                            mode: Some(mode),
                            ..SessionChanged::default()
                        });
                        scribe
                            .entry(EntryKind::Status, NewEntry::text(format!("Mode: {}", mode.word())))
                            .await?;
                    }
                    Ok(())
                })
            })
            .await?;
        }
        ports::Sessions::find(self, caller, id).await
    }

    async fn model_is(&self, caller: &Caller, id: SessionId, model: Option<String>) -> Result<Session> {
        self.driven(caller, id).await?;
        self.asked(id, |reply| Order::Model(model.clone(), reply)).await?;
        self.change(caller, id, Action::DriveSession, move |scribe| {
            Box::pin(async move {
                // `default` is the agents' own name of their default. An event without a model would mean "unchanged".
                let model = model.unwrap_or_else(|| "default".into());
                if scribe.row.model.as_ref() != Some(&model) {
                    scribe
                        .entry(
                            EntryKind::Status,
                            NewEntry::text(format!("Model from the next turn on: {model}")),
                        )
                        .await?;
                    scribe.changed(SessionChanged {
                        model: Some(model),
                        ..SessionChanged::default()
                    });
                }
                Ok(())
            })
        })
        .await?;
        ports::Sessions::find(self, caller, id).await
    }

    /// The session to interrupt or stop although `error` keeps that from being stored. The caller must be allowed to
    /// drive it. A client error is returned as it is.
    async fn unwritten(&self, caller: &Caller, id: SessionId, error: Error) -> Result<session::Model> {
        if error.status() < 500 {
            return Err(error);
        }
        self.driven(caller, id).await
    }

    /// Interrupts although `error` keeps that from being stored. Returns the caller's error: `told` where the agent
    /// took the interrupt.
    async fn interrupt_unwritten(&self, caller: &Caller, id: SessionId, error: Error, told: &str) -> Error {
        let row = match self.unwritten(caller, id, error.clone()).await {
            Ok(row) => row,
            Err(why) => return why,
        };
        match AgentKind::parse(&row.agent) {
            Some(agent) if row.standing().in_turn() && self.engine.interrupt_aside(id, agent).await => {
                Error::Unavailable(format!("its agent was told to end its turn, but {told}"))
            }
            _ => error,
        }
    }

    async fn interrupted(&self, caller: &Caller, id: SessionId) -> Result<Session> {
        let may = self.change_now(caller, id, Action::DriveSession, |scribe, _| match scribe.state() {
            SessionState::Waiting if scribe.rests_behind_questions() => Err(Error::Conflict(
                "nothing to interrupt: its turn is over, and a subagent in the background asks; stop ends that too"
                    .into(),
            )),
            SessionState::Working | SessionState::Waiting => Ok(()),
            SessionState::Queued => {
                let state = if scribe.is_stopping() {
                    SessionState::Done
                } else {
                    SessionState::Interrupted
                };
                scribe.moved(state, Some("before it was started".into()));
                Ok(())
            }
            state => Err(Error::Conflict(format!("nothing to interrupt: it is {}", state.word()))),
        });
        if let Err(error) = may.await {
            return Err(self.interrupt_unwritten(caller, id, error, UNWRITTEN).await);
        }
        let asked = match self.engine.ask(id, TAKES_WITHIN, Order::Interrupt).await {
            // The order to the agent is stored first; that needs room on the disk, which the check of the right did
            // not.
            Err(Error::StorageFull) => {
                return Err(self
                    .interrupt_unwritten(caller, id, Error::StorageFull, UNWRITTEN)
                    .await);
            }
            Ok(Asked::HeldUp) => {
                let error = Error::Unavailable(
                    "what its agent did before cannot be written down at the moment: try again, or stop it".into(),
                );
                return Err(self
                    .interrupt_unwritten(
                        caller,
                        id,
                        error,
                        "what it did before is not written down yet, and this comes after it",
                    )
                    .await);
            }
            asked => asked?,
        };
        if asked == Asked::Agreed {
            // The agent agreed and its turn ends soon. The answer is the state after that, if it comes in time.
            let mut news = self.engine.journal.watch();
            let deadline = tokio::time::Instant::now() + SETTLES_WITHIN;
            loop {
                let session = ports::Sessions::find(self, caller, id).await?;
                let changed = tokio::time::timeout_at(deadline, news.changed());
                if !matches!(session.state, SessionState::Working | SessionState::Waiting)
                    || !matches!(changed.await, Ok(Ok(())))
                {
                    return Ok(session);
                }
            }
        }
        ports::Sessions::find(self, caller, id).await
    }

    async fn stopped(&self, caller: &Caller, id: SessionId) -> Result<Session> {
        let by = caller.name.clone();
        let written = self.change(caller, id, Action::DriveSession, move |scribe| {
            Box::pin(async move {
                if scribe.state() != SessionState::Done {
                    apply::withdraw_all(scribe, "the agent was stopped").await?;
                    scribe.moved(SessionState::Done, Some(format!("stopped by {by}")));
                }
                Ok(())
            })
        });
        if let Err(error) = written.await {
            self.unwritten(caller, id, error.clone()).await?;
            return Err(
                if self.engine.stop(
                    id,
                    Stop::Unwritten {
                        by: caller.name.clone(),
                    },
                ) {
                    Error::Unavailable(
                        "its agent is being ended, and that is written down as soon as it can be: is the disk full?"
                            .into(),
                    )
                } else {
                    error
                },
            );
        }
        self.engine.stop(id, Stop::Person);
        ports::Sessions::find(self, caller, id).await
    }
}

/// Queues a prompt, and the session with it if it has no agent.
fn say(scribe: &mut Scribe<'_>, prompt: PromptId, text: String, by_name: String) {
    let session = scribe.id;
    scribe.push(
        prompt,
        PromptQueued {
            id: prompt,
            session,
            text,
            by_name,
        },
    );
    if scribe.row.standing().is_started_by_a_prompt() {
        scribe.moved(SessionState::Queued, None);
    }
}

/// Whether no person watches what this caller starts: only a browser has a person in front of it.
const fn is_unattended(caller: &Caller) -> bool {
    !matches!(caller.via, Via::Cookie { .. })
}

/// The session, if it is not deleted and the caller may do this to it.
async fn allowed<'t>(tx: &'t Tx<'t>, caller: &Caller, id: SessionId, action: Action) -> Result<Scribe<'t>> {
    let scribe = Scribe::load(tx, id).await?;
    allows(caller, &scribe.row, action)?;
    Ok(scribe)
}

/// Checks that the caller may do this to the session; a deleted one is `NotFound`.
fn allows(caller: &Caller, row: &session::Model, action: Action) -> Result<()> {
    may(caller, row, action)?;
    if row.deleted.is_some() {
        return Err(Error::NotFound("session".into()));
    }
    Ok(())
}

/// Checks the caller's right alone, on the session of this row.
pub(crate) fn may(caller: &Caller, row: &session::Model, action: Action) -> Result<()> {
    require(caller, action, resource(row), "session")
}

fn resource(row: &session::Model) -> Resource {
    Resource::Session {
        owner: row.owner.as_deref().and_then(|owner| owner.parse().ok()),
        visibility: Visibility::parse(&row.visibility).unwrap_or(Visibility::Private),
    }
}

/// The workplace of a new session.
enum Site {
    Project(ProjectId),
    Folder(NamedFolder),
}

fn no_such_project() -> Error {
    Error::invalid("project", "there is no such project")
}

async fn alive_project(tx: &Tx<'_>, id: ProjectId) -> Result<ProjectId> {
    let row = project::Entity::find_by_id(tx.key(id)).one(tx.db()).await.stored()?;
    row.filter(|row| row.removed.is_none())
        .map(|_| id)
        .ok_or_else(no_such_project)
}

#[async_trait]
impl ports::Sessions for SessionsService {
    async fn list(&self, caller: &Caller, filter: SessionFilter, page: PageQuery) -> Result<Page<Session>> {
        lists::sessions(&self.rows, &self.engine.store, caller, filter, page).await
    }

    async fn find(&self, caller: &Caller, id: SessionId) -> Result<Session> {
        require(caller, Action::ReadNode, Resource::Node, "session")?;
        self.rows
            .session(caller, id)
            .await?
            .ok_or_else(|| Error::NotFound("session".into()))
    }

    async fn view(&self, caller: &Caller, id: SessionId) -> Result<SessionView> {
        let pos = self.engine.journal.head().await;
        let session = self.find(caller, id).await?;
        let queued = self.rows.queued(session.node.id, id).await?;
        let own = session.node.id == self.engine.journal.node_id();
        let project = project::Entity::find_by_id(self.engine.store.key(session.project))
            .one(self.engine.store.read())
            .await
            .stored()?;
        let facts = match project.as_ref().filter(|_| own) {
            Some(project) => self.engine.folders.facts(project).await.ok(),
            None => None,
        };
        let (trusted, runs_own) = facts.map_or((false, false), |facts| (facts.trusted, !facts.runs_own.is_empty()));
        let resource = if own {
            Resource::Session {
                owner: session.owner,
                visibility: session.visibility,
            }
        } else {
            Resource::PeerSession {
                visibility: session.visibility,
            }
        };
        let may_drive = decide(caller, Action::DriveSession, resource) == Decision::Allow;
        Ok(SessionView {
            session,
            trusted,
            runs_own,
            queued,
            pos,
            may_drive,
        })
    }

    async fn create(&self, caller: &Caller, mut new: NewSession) -> Result<Session> {
        require(caller, Action::StartSession, Resource::Node, "project")?;
        new.prompt = checked_prompt(&new.prompt)?;
        new.model = checked_model(new.model)?;
        // The title is made from the masked prompt: if it cut through a secret, the rest of that could not be
        // recognised.
        let title = title_or_first_words(new.title.as_deref(), &self.engine.journal.masked(&new.prompt))?;
        let (site, path) = match new.workplace()? {
            Workplace::Project(id) => {
                let row = project::Entity::find_by_id(self.engine.store.key(id))
                    .one(self.engine.store.read())
                    .await
                    .stored()?;
                (
                    Site::Project(id),
                    row.filter(|row| row.removed.is_none())
                        .ok_or_else(no_such_project)?
                        .path,
                )
            }
            Workplace::Folder(path) => {
                let folder = self
                    .projects
                    .named_folder(caller, &path, None)
                    .await
                    .map_err(|error| error.about("folder"))?;
                let path = folder.path.clone();
                (Site::Folder(folder), path)
            }
        };
        let branch = self.engine.folders.branch(&path).await;
        let id = self.insert(caller, site, new, title, branch).await?;
        self.find(caller, id).await
    }

    async fn run_demo(&self, caller: &Caller) -> Result<Session> {
        require(caller, Action::StartSession, Resource::Node, "project")?;
        let project = projects::demo(&self.projects, caller).await?;
        let new = NewSession {
            project: Some(project),
            folder: None,
            agent: AgentKind::Demo,
            mode: Mode::Ask,
            prompt: DEMO_PROMPT.into(),
            title: None,
            model: None,
            visibility: None,
        };
        let id = self
            .insert(
                caller,
                Site::Project(project),
                new,
                "Demo: a tour of one session".into(),
                None,
            )
            .await?;
        self.find(caller, id).await
    }

    async fn update(&self, caller: &Caller, id: SessionId, patch: SessionPatch) -> Result<Session> {
        let SessionPatch {
            title,
            tags,
            archived,
            visibility,
        } = patch;
        let title = title.as_deref().map(checked_title).transpose()?;
        let tags = tags.map(checked_tags).transpose()?;
        let mut changed = SessionChanged {
            title,
            tags,
            archived,
            visibility,
            ..SessionChanged::default()
        };
        self.change_now(caller, id, Action::EditSession, move |scribe, caller| {
            if changed.visibility.is_some() && scribe.row.owner != caller.user.map(|user| user.to_string()) {
                return Err(Error::Forbidden("only its owner may change who sees a session".into()));
            }
            // Only a real change is recorded: the hub tells everybody that a session which becomes private is gone, so
            // a repeated event would reveal it.
            changed.visibility = changed
                .visibility
                .filter(|visibility| visibility.word() != scribe.row.visibility);
            scribe.changed(changed);
            Ok(())
        })
        .await?;
        self.find(caller, id).await
    }

    async fn delete(&self, caller: &Caller, id: SessionId) -> Result<()> {
        self.change_now(caller, id, Action::EditSession, move |scribe, _| {
            if scribe.state().is_live() {
                return Err(Error::Conflict("its agent is running: stop it first".into()));
            }
            // A resting agent has no more to wait for: its runner ends it at its next look.
            scribe.push(id, SessionDeleted { deleted: true });
            Ok(())
        })
        .await
    }

    async fn restore(&self, caller: &Caller, id: SessionId) -> Result<Session> {
        let (who, engine) = (caller.clone(), self.engine.clone());
        self.engine
            .journal
            .commit_then(
                caller,
                move |tx| {
                    Box::pin(async move {
                        let mut scribe = Scribe::load(tx, id).await?;
                        may(&who, &scribe.row, Action::EditSession)?;
                        match scribe.row.deleted {
                            None => {}
                            Some(deleted) if tx.now() - deleted > RESTORE_MS => {
                                return Err(Error::NotFound("session".into()));
                            }
                            Some(_) => {
                                scribe.push(id, SessionDeleted { deleted: false });
                                // A prompt from just before the deletion that no agent was given.
                                let goes_on = matches!(scribe.state(), SessionState::Idle | SessionState::Interrupted)
                                    && !scribe.standing().has_agent();
                                if goes_on && scribe.next_prompt().await?.is_some() {
                                    scribe.moved(SessionState::Queued, None);
                                }
                            }
                        }
                        Ok(scribe.finish(()))
                    })
                },
                move |_| engine.look(id),
            )
            .await?;
        self.find(caller, id).await
    }

    async fn entries(&self, caller: &Caller, id: SessionId, after: i64, limit: u32, last: bool) -> Result<Page<Entry>> {
        let session = self.find(caller, id).await?;
        lists::entries(
            &self.rows,
            &self.engine.store,
            &session,
            if last {
                lists::Span::Last
            } else {
                lists::Span::After(after)
            },
            limit,
        )
        .await
    }

    async fn entries_before(&self, caller: &Caller, id: SessionId, before: i64, limit: u32) -> Result<Page<Entry>> {
        let session = self.find(caller, id).await?;
        let span = lists::Span::Before(before);
        lists::entries(&self.rows, &self.engine.store, &session, span, limit).await
    }

    async fn entry_body(&self, caller: &Caller, id: SessionId, seq: i64) -> Result<EntryBody> {
        let session = self.find(caller, id).await?;
        bodies::body(&self.rows, &self.engine.store, &session, seq).await
    }

    async fn prompt(&self, caller: &Caller, id: SessionId, text: String) -> Result<Prompt> {
        let text = checked_prompt(&text).map_err(|error| error.about("text"))?;
        let prompt = PromptId::from_uuid(self.engine.deps.uuid_v7());
        let who = caller.clone();
        self.change(caller, id, Action::DriveSession, move |scribe| {
            Box::pin(async move {
                if scribe.project().await?.removed.is_some() {
                    return Err(Error::Conflict(
                        "its project was removed: add its folder again to go on".into(),
                    ));
                }
                say(scribe, prompt, text, who.name);
                Ok(())
            })
        })
        .await?;
        self.rows
            .prompt(caller, id, prompt)
            .await?
            .ok_or_else(|| Error::NotFound("prompt".into()))
    }

    async fn send_again(&self, caller: &Caller, id: SessionId) -> Result<Prompt> {
        let (this, caller) = (self.clone(), caller.clone());
        own(async move { this.said_again(&caller, id).await }).await
    }

    async fn withdraw(&self, caller: &Caller, id: SessionId, prompt: PromptId) -> Result<()> {
        self.change(caller, id, Action::DriveSession, move |scribe| {
            Box::pin(async move {
                let session = scribe.id;
                let row = crate::entity::prompt::Entity::find_by_id(scribe.tx.key(prompt))
                    .one(scribe.tx.db())
                    .await
                    .stored()?;
                let row = row
                    .filter(|row| row.session == session.to_string())
                    .ok_or_else(|| Error::NotFound("prompt".into()))?;
                if PromptState::parse(&row.state) != Some(PromptState::Queued) {
                    return Err(Error::Conflict("the agent has it already".into()));
                }
                scribe.push(
                    prompt,
                    PromptSettled {
                        id: prompt,
                        session,
                        sent: false,
                    },
                );
                Ok(())
            })
        })
        .await
    }

    async fn set_mode(&self, caller: &Caller, id: SessionId, mode: Mode) -> Result<Session> {
        let (this, caller) = (self.clone(), caller.clone());
        own(async move { this.mode_is(&caller, id, mode).await }).await
    }

    async fn set_model(&self, caller: &Caller, id: SessionId, model: Option<String>) -> Result<Session> {
        let model = checked_model(model)?;
        let (this, caller) = (self.clone(), caller.clone());
        own(async move { this.model_is(&caller, id, model).await }).await
    }

    async fn interrupt(&self, caller: &Caller, id: SessionId) -> Result<Session> {
        let (this, caller) = (self.clone(), caller.clone());
        own(async move { this.interrupted(&caller, id).await }).await
    }

    async fn stop(&self, caller: &Caller, id: SessionId) -> Result<Session> {
        let (this, caller) = (self.clone(), caller.clone());
        own(async move { this.stopped(&caller, id).await }).await
    }

    async fn resume(&self, caller: &Caller, id: SessionId) -> Result<Session> {
        let by = caller.name.clone();
        self.change(caller, id, Action::DriveSession, move |scribe| {
            Box::pin(async move {
                if scribe.state().is_live() {
                    return Err(Error::Conflict("its agent is running already".into()));
                }
                // A resting agent needs no start. After a failure, the prompts that waited behind it go on.
                let there = scribe.row.standing().has_agent();
                if there && scribe.state() != SessionState::Failed {
                    return Ok(());
                }
                scribe
                    .entry(EntryKind::Status, NewEntry::text(format!("Resumed by {by}")))
                    .await?;
                scribe.moved(
                    if there {
                        SessionState::Idle
                    } else {
                        SessionState::Queued
                    },
                    None,
                );
                Ok(())
            })
        })
        .await?;
        self.find(caller, id).await
    }

    async fn fork(&self, caller: &Caller, id: SessionId) -> Result<Session> {
        let fork = SessionId::from_uuid(self.engine.deps.uuid_v7());
        self.change_now(caller, id, Action::DriveSession, move |scribe, caller| {
            if !scribe.row.resumable {
                return Err(Error::Conflict(
                    "its agent has no transcript yet to continue from".into(),
                ));
            }
            let project = scribe
                .row
                .project
                .parse()
                .map_err(|_| Error::NotFound("project".into()))?;
            let created = SessionCreated {
                project,
                agent: scribe.agent()?,
                mode: Mode::parse(&scribe.row.mode).unwrap_or(Mode::Ask),
                title: shorten(&format!("{} (fork)", scribe.row.title), TITLE_MAX),
                model: scribe.row.model.clone(),
                owner: caller.user,
                visibility: Visibility::parse(&scribe.row.visibility).unwrap_or(Visibility::Project),
                branch: scribe.row.branch.clone(),
                forked_from: Some(id),
                unattended: is_unattended(caller),
            };
            scribe.push(fork, created);
            let detail = Some("forked: say something to go on".into());
            scribe.push(
                fork,
                SessionMoved {
                    state: SessionState::Idle,
                    detail,
                    background: false,
                },
            );
            Ok(())
        })
        .await?;
        self.find(caller, fork).await
    }

    async fn raw(&self, caller: &Caller, id: SessionId, page: PageQuery) -> Result<Page<RawLine>> {
        self.find(caller, id).await?;
        lists::raw(&self.engine, id, page).await
    }
}
