//! What the frame reads: who is signed in, the node, what waits, and the position of it all.

#[cfg(feature = "ssr")]
use crate::server::{caller, services};
use crate::{error::AppResult, wire::Rpc};
use leptos::server;
use model::{
    Pos,
    accounts::Me,
    node::{HealthSample, NodeInfo},
};
use serde::{Deserialize, Serialize};

/// What the frame shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FrameView {
    /// Who is signed in.
    pub me: Me,
    /// The node.
    pub node: NodeInfo,
    /// Approvals that wait for them.
    pub pending: i64,
    /// The newest health sample; `None` before the first.
    pub health: Option<HealthSample>,
    /// The position all of this was read at.
    pub pos: Pos,
}

/// Reads the frame.
#[server(prefix = "/api/rpc", endpoint = "frame/read", protocol = Rpc)]
pub(crate) async fn read_frame() -> AppResult<FrameView> {
    let (services, caller) = (services()?, caller()?);
    let pos = services.node.head().await?;
    Ok(FrameView {
        me: services.accounts.me(&caller).await?,
        node: services.node.info(&caller).await?,
        pending: services.approvals.pending(&caller).await?,
        health: services.node.health_now(&caller).await?,
        pos,
    })
}
