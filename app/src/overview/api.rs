//! Server functions of the Overview. Each asks a port for its caller and returns the answer.
#![allow(
    missing_docs,
    reason = "server functions make structs of their arguments, whose fields cannot carry comments"
)]

#[cfg(feature = "ssr")]
use crate::server::{caller, services};
use crate::{error::AppResult, wire::Rpc};
use leptos::server;
use model::node::{AgentFound, NodeInfo, Overview};
use serde::{Deserialize, Serialize};

/// The Overview with its node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OverviewView {
    /// The data of the Overview.
    pub overview: Overview,
    /// The node.
    pub node: NodeInfo,
    /// Agents found; only read while the checklist is shown.
    pub agents: Vec<AgentFound>,
}

/// The Overview.
#[server(prefix = "/api/rpc", endpoint = "overview/read", protocol = Rpc)]
pub async fn read_overview() -> AppResult<OverviewView> {
    let (services, caller) = (services()?, caller()?);
    let overview = services.node.overview(&caller).await?;
    let node = services.node.info(&caller).await?;
    let agents = if super::first_run::is_over(&overview) {
        Vec::new()
    } else {
        services.node.agents(&caller, false).await?
    };
    Ok(OverviewView { overview, node, agents })
}
