//! The data of the frame: the caller, the node, the number of pending approvals, and the position of all.

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

/// The data of the frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FrameView {
    /// The signed-in person.
    pub me: Me,
    /// The node.
    pub node: NodeInfo,
    /// Approvals that wait for this person.
    pub pending: i64,
    /// The newest health sample; `None` before the first.
    pub health: Option<HealthSample>,
    /// The position at which all of this was read.
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
