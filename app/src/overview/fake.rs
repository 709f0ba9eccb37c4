//! An in-memory fake of the node's port. Only compiled for tests.

use crate::testing::{Fake, NOW, hex};
use async_trait::async_trait;
use model::{
    Caller, Page, Pos, Result,
    event::Event,
    node::{AgentFound, Checklist, HealthSample, NodeInfo, NodeKind, Overview},
    ports,
    sessions::{Session, SessionState},
};

/// The data of the fake node port.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Health samples.
    pub health: Vec<HealthSample>,
    /// Agents found.
    pub agents: Vec<AgentFound>,
    /// The Overview; composed of the other ports when `None`.
    pub overview: Option<Overview>,
}

#[async_trait]
impl ports::Node for Fake {
    async fn info(&self, _: &Caller) -> Result<NodeInfo> {
        self.framed()?;
        Ok(NodeInfo {
            id: format!("nod_{}", hex(1)).parse().expect("well formed"),
            name: "workbench".into(),
            kind: NodeKind::Local,
            version: "0.1.0".into(),
            database: "SQLite 3.51.3".into(),
            data_dir: "/home/mara/data".into(),
            started: NOW - 3_600_000,
            agents_max: 8,
            agents_idle_s: 900,
        })
    }
    async fn rename(&self, caller: &Caller, name: String) -> Result<NodeInfo> {
        self.checked()?;
        Ok(NodeInfo {
            name,
            ..ports::Node::info(self, caller).await?
        })
    }
    async fn health_now(&self, _: &Caller) -> Result<Option<HealthSample>> {
        self.checked()?;
        Ok(self.node.health.last().copied())
    }
    async fn health(&self, _: &Caller) -> Result<Vec<HealthSample>> {
        self.framed()?;
        Ok(self.node.health.clone())
    }
    async fn agents(&self, _: &Caller, _: bool) -> Result<Vec<AgentFound>> {
        self.checked()?;
        Ok(self.node.agents.clone())
    }
    async fn overview(&self, _: &Caller) -> Result<Overview> {
        self.checked()?;
        let in_state = |wanted: &[SessionState]| -> Vec<Session> {
            self.sessions
                .rows
                .iter()
                .filter(|s| wanted.contains(&s.state))
                .cloned()
                .collect()
        };
        let done_today = in_state(&[SessionState::Idle, SessionState::Done, SessionState::Interrupted]);
        Ok(self.node.overview.clone().unwrap_or_else(|| Overview {
            approvals: self.approvals.rows.clone(),
            approvals_total: self.pending_total(),
            troubled: in_state(&[SessionState::Failed, SessionState::Unknown]),
            working: in_state(&[SessionState::Queued, SessionState::Starting, SessionState::Working]),
            done_today_total: i64::try_from(done_today.len()).unwrap_or(i64::MAX),
            done_today,
            days: self.usage.rows.clone(),
            projects: Vec::new(),
            activity: Vec::new(),
            checklist: Checklist::default(),
            health: self.node.health.last().copied(),
            pos: self.pos,
        }))
    }
    async fn events(&self, _: &Caller, _: Pos, _: u32) -> Result<Page<Event>> {
        self.checked()?;
        Ok(Page::default())
    }
    async fn head(&self) -> Result<Pos> {
        self.framed()?;
        Ok(self.pos)
    }
}
