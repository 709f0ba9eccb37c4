//! The node's own port: identity, health, activity, and the contents of the Overview. It composes the other features'
//! lists; its only own data is the node's name.

mod activity;

use crate::{
    agents,
    clock::Deps,
    entity::{event, project, session, setting},
    health,
    journal::{Belongs, Journal, Outcome, Stored},
    rows::Rows,
    sessions::Engine,
    store::Store,
};
use async_trait::async_trait;
use model::{
    Action, Caller, Error, Page, PageQuery, Pos, Result,
    approvals::{ApprovalFilter, ApprovalState},
    caller::{Decision, Resource, decide, require},
    event::{Event, NodeRenamed},
    id::{NodeId, SessionId},
    node::{AgentFound, Checklist, HealthSample, NodeInfo, NodeKind, Overview},
    ports,
    sessions::{AgentKind, SessionState},
    usage::{UsageBy, UsageQuery},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    Select, sea_query::OnConflict,
};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const DAY_MS: i64 = 86_400_000;
/// The lifetime of a cached problem with an agent: somebody may fix it at any moment.
const WRONG_FOR: Duration = Duration::from_secs(10);
/// The number of days in the Overview's charts.
const CHART_DAYS: u32 = 14;

/// The node's description of itself.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its id.
    pub id: NodeId,
    /// Its name until a person renames it.
    pub name: String,
    /// Its kind.
    pub kind: NodeKind,
    /// The version of OrchWiz.
    pub version: String,
    /// The data directory.
    pub data_dir: PathBuf,
}

/// [`ports::Node`] on the other services.
#[derive(Clone)]
pub struct NodeService {
    inner: Arc<Inner>,
}

struct Inner {
    identity: Identity,
    store: Store,
    journal: Journal,
    deps: Deps,
    rows: Rows,
    engine: Arc<Engine>,
    approvals: Arc<dyn ports::Approvals>,
    usage: Arc<dyn ports::UsageSums>,
    started: i64,
    /// The agents found last, and when. The lock is held only for moments.
    agents: Mutex<Option<(Instant, Vec<AgentFound>)>>,
    /// Held during a search for agents; others wait for its result.
    looking: tokio::sync::Mutex<()>,
}

impl NodeService {
    #[expect(
        clippy::too_many_arguments,
        reason = "the port is made of the other services, passed on once"
    )]
    pub(crate) fn new(
        identity: Identity,
        store: Store,
        journal: Journal,
        deps: Deps,
        rows: Rows,
        engine: Arc<Engine>,
        approvals: Arc<dyn ports::Approvals>,
        usage: Arc<dyn ports::UsageSums>,
    ) -> Self {
        let started = deps.now();
        let (agents, looking) = (Mutex::default(), tokio::sync::Mutex::default());
        Self {
            inner: Arc::new(Inner {
                identity,
                store,
                journal,
                deps,
                rows,
                engine,
                approvals,
                usage,
                started,
                agents,
                looking,
            }),
        }
    }

    async fn name(&self) -> Result<String> {
        let row = setting::Entity::find_by_id("node.name".to_owned())
            .one(self.inner.store.read())
            .await
            .stored()?;
        Ok(row.map_or_else(|| self.inner.identity.name.clone(), |row| row.value))
    }

    async fn newest(
        &self,
        caller: &Caller,
        states: &[SessionState],
        since: Option<i64>,
        limit: u64,
    ) -> Result<Vec<model::sessions::Session>> {
        let newest = self
            .in_states(caller, states, since)
            .order_by_desc(session::Column::Updated)
            .order_by_desc(session::Column::Id);
        self.inner.rows.sessions(newest.limit(limit)).await
    }

    fn in_states(&self, caller: &Caller, states: &[SessionState], since: Option<i64>) -> Select<session::Entity> {
        let mut wanted = Condition::all()
            .add(session::Column::State.is_in(states.iter().map(|state| state.word())))
            .add(session::Column::Archived.is_null());
        if let Some(since) = since {
            wanted = wanted.add(session::Column::Updated.gte(since));
        }
        self.inner.rows.visible(caller).filter(wanted)
    }

    async fn checklist(&self, caller: &Caller) -> Result<Checklist> {
        let store = self.inner.store.read();
        let sessions = |agent: AgentKind| {
            let own = self.inner.store.own::<session::Entity>();
            own.filter(self.inner.rows.scope(caller))
                .filter(session::Column::Agent.eq(agent.word()))
                .limit(1)
        };
        let found = self.agents_at_hand().await;
        Ok(Checklist {
            claude_ready: found
                .iter()
                .any(|found| found.agent == AgentKind::Claude && found.problem.is_none()),
            demo_run: sessions(AgentKind::Demo).one(store).await.stored()?.is_some(),
            project_added: self
                .inner
                .store
                .own::<project::Entity>()
                .filter(project::Column::Demo.eq(false))
                .filter(project::Column::Removed.is_null())
                .limit(1)
                .one(store)
                .await
                .stored()?
                .is_some(),
            session_started: sessions(AgentKind::Claude).one(store).await.stored()?.is_some(),
        })
    }

    /// The agents, single-flight: searches again if `fresh`, or if the cached result is stale. During a search other
    /// callers get the cached result, or wait for the new one if there is none.
    async fn agents_found(&self, fresh: bool) -> Vec<AgentFound> {
        let (_alone, waited) = match self.inner.looking.try_lock() {
            Ok(alone) => (alone, false),
            Err(_) => match self.agents_known() {
                Some((_, found)) => return found,
                None => (self.inner.looking.lock().await, true),
            },
        };
        match self.agents_known() {
            Some((looked, found)) if waited || (!fresh && is_believed(&found, looked.elapsed())) => found,
            _ => {
                let found = agents::discover::discover(self.inner.engine.config.claude.as_deref()).await;
                *self
                    .inner
                    .agents
                    .lock()
                    .expect("nothing panics while it holds the agents") = Some((Instant::now(), found.clone()));
                found
            }
        }
    }

    /// The cached agents; a stale result is refreshed in the background. So the Overview never waits for a slow
    /// program.
    async fn agents_at_hand(&self) -> Vec<AgentFound> {
        let Some((looked, found)) = self.agents_known() else {
            return self.agents_found(false).await;
        };
        if !is_believed(&found, looked.elapsed()) {
            let this = self.clone();
            tokio::spawn(async move { this.agents_found(false).await });
        }
        found
    }

    fn agents_known(&self) -> Option<(Instant, Vec<AgentFound>)> {
        self.inner
            .agents
            .lock()
            .expect("nothing panics while it holds the agents")
            .clone()
    }
}

/// Whether a cached result of this age is still good. A result without problems stays good until somebody asks anew.
fn is_believed(found: &[AgentFound], age: Duration) -> bool {
    age < WRONG_FOR || found.iter().all(|found| found.problem.is_none())
}

#[async_trait]
impl ports::Node for NodeService {
    async fn info(&self, caller: &Caller) -> Result<NodeInfo> {
        require(caller, Action::ReadNode, Resource::Node, "node")?;
        let identity = &self.inner.identity;
        Ok(NodeInfo {
            id: identity.id,
            name: self.name().await?,
            kind: identity.kind,
            version: identity.version.clone(),
            database: self.inner.store.backend_name(),
            data_dir: identity.data_dir.display().to_string(),
            started: self.inner.started,
            agents_max: i64::try_from(self.inner.engine.config.agents_max).unwrap_or(i64::MAX),
            agents_idle_s: i64::try_from(self.inner.engine.config.agents_idle.as_secs()).unwrap_or(i64::MAX),
        })
    }

    async fn rename(&self, caller: &Caller, name: String) -> Result<NodeInfo> {
        require(caller, Action::EditProject, Resource::Node, "node")?;
        let name = name.trim().to_owned();
        if name.is_empty() || name.chars().count() > 60 || name.chars().any(char::is_control) {
            return Err(Error::invalid(
                "name",
                "a node's name has 1 to 60 characters on one line",
            ));
        }
        let id = self.inner.identity.id;
        self.inner
            .journal
            .commit(caller, move |tx| {
                Box::pin(async move {
                    let renamed = NodeRenamed { name: name.clone() };
                    let row = setting::ActiveModel {
                        key: Set("node.name".into()),
                        value: Set(name),
                    };
                    let newest = OnConflict::column(setting::Column::Key)
                        .update_column(setting::Column::Value)
                        .to_owned();
                    setting::Entity::insert(row)
                        .on_conflict(newest)
                        .exec_without_returning(tx.db())
                        .await
                        .stored()?;
                    Ok(Outcome::new(()).with(id, renamed))
                })
            })
            .await?;
        self.info(caller).await
    }

    async fn health(&self, caller: &Caller) -> Result<Vec<HealthSample>> {
        require(caller, Action::ReadNode, Resource::Node, "node")?;
        health::samples(&self.inner.store).await
    }

    async fn health_now(&self, caller: &Caller) -> Result<Option<HealthSample>> {
        require(caller, Action::ReadNode, Resource::Node, "node")?;
        health::newest(&self.inner.store).await
    }

    async fn agents(&self, caller: &Caller, fresh: bool) -> Result<Vec<AgentFound>> {
        // A fresh search starts programs, which is more than reading.
        let action = if fresh { Action::StartSession } else { Action::ReadNode };
        require(caller, action, Resource::Node, "node")?;
        Ok(self.agents_found(fresh).await)
    }

    async fn overview(&self, caller: &Caller) -> Result<Overview> {
        require(caller, Action::ReadNode, Resource::Node, "node")?;
        let pos = self.inner.journal.head().await;
        let midnight = self.inner.deps.now().div_euclid(DAY_MS) * DAY_MS;
        let pending = ApprovalFilter {
            state: Some(ApprovalState::Pending),
            session: None,
        };
        let approvals = self
            .inner
            .approvals
            .list(
                caller,
                pending,
                PageQuery {
                    after: None,
                    limit: Some(20),
                },
            )
            .await?
            .items;
        let rested = [SessionState::Idle, SessionState::Interrupted, SessionState::Done];
        let done_today_total = self
            .in_states(caller, &rested, Some(midnight))
            .count(self.inner.store.read())
            .await
            .stored()?;
        let mut projects = self
            .inner
            .usage
            .sums(
                caller,
                UsageQuery {
                    by: UsageBy::Project,
                    days: CHART_DAYS,
                },
            )
            .await?;
        projects.truncate(6);
        Ok(Overview {
            approvals_total: self.inner.approvals.pending(caller).await?,
            approvals,
            troubled: self
                .newest(caller, &[SessionState::Failed, SessionState::Unknown], None, 10)
                .await?,
            working: self
                .newest(
                    caller,
                    &[SessionState::Queued, SessionState::Starting, SessionState::Working],
                    None,
                    20,
                )
                .await?,
            done_today: self.newest(caller, &rested, Some(midnight), 12).await?,
            done_today_total: i64::try_from(done_today_total).unwrap_or(i64::MAX),
            days: self
                .inner
                .usage
                .sums(
                    caller,
                    UsageQuery {
                        by: UsageBy::Day,
                        days: CHART_DAYS,
                    },
                )
                .await?,
            projects,
            activity: activity::newest(&self.inner.store, &self.inner.rows, caller, 12).await?,
            checklist: self.checklist(caller).await?,
            health: health::newest(&self.inner.store).await?,
            pos,
        })
    }

    async fn events(&self, caller: &Caller, after: Pos, limit: u32) -> Result<Page<Event>> {
        require(caller, Action::ReadNode, Resource::Node, "event")?;
        let limit = PageQuery {
            after: None,
            limit: Some(limit),
        }
        .limit()?;
        let rows = event::Entity::find()
            .filter(event::Column::Pos.gt(after))
            .order_by_asc(event::Column::Pos)
            .limit(u64::from(limit))
            .all(self.inner.store.read())
            .await
            .stored()?;
        let next = rows
            .last()
            .filter(|_| rows.len() == limit as usize)
            .map(|row| row.pos.to_string());
        let mut seen: HashMap<(NodeId, SessionId), bool> = HashMap::new();
        // Events about people carry names, roles and GitHub logins, so only callers who may list people get them.
        let sees_people = decide(caller, Action::EditUsers, Resource::Node) == Decision::Allow;
        let mut items = Vec::with_capacity(rows.len());
        for stored in rows {
            let told = match stored.belongs() {
                Belongs::People => sees_people,
                Belongs::Node => true,
                Belongs::Session(session) => match seen.get(&(stored.node(), session)) {
                    Some(seen) => *seen,
                    None => {
                        let sees = self
                            .inner
                            .rows
                            .whose(stored.node(), session)
                            .await?
                            .is_some_and(|whose| whose.is_seen_by(caller));
                        seen.insert((stored.node(), session), sees);
                        sees
                    }
                },
                Belongs::Unknown => false,
            };
            if told {
                items.push(stored.exchanged());
            }
        }
        Ok(Page { items, next })
    }

    async fn head(&self) -> Result<Pos> {
        Ok(self.inner.journal.head().await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_an_agent_is_looked_at_again_and_what_is_right_is_not() {
        let found = |problem: Option<&str>| {
            let agent = |agent, problem| AgentFound {
                agent,
                path: None,
                version: None,
                signed_in: None,
                problem,
            };
            [
                agent(AgentKind::Claude, problem.map(str::to_owned)),
                agent(AgentKind::Demo, None),
            ]
        };
        assert!(is_believed(&found(None), Duration::from_hours(24)));
        assert!(is_believed(&found(Some("not signed in")), Duration::from_secs(9)));
        assert!(!is_believed(&found(Some("not signed in")), Duration::from_secs(10)));
    }
}
