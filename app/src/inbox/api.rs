//! Server functions of approvals. Each asks a port for its caller and returns the answer.
#![allow(
    missing_docs,
    reason = "server functions make structs of their arguments, whose fields cannot carry comments"
)]

#[cfg(feature = "ssr")]
use crate::server::{caller, services};
use crate::{error::AppResult, wire::Rpc};
use leptos::server;
#[cfg(feature = "ssr")]
use model::{Error, PageQuery, approvals::ApprovalFilter};
use model::{Page, Pos, approvals::Approval, id::ApprovalId};
use serde::{Deserialize, Serialize};

/// The data of the Inbox.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InboxView {
    /// Pending approvals, oldest first.
    pub waiting: Page<Approval>,
    /// Decided approvals, newest first.
    pub decided: Vec<Approval>,
    /// The approval named in the address, if it is in neither list; also `None` if it does not exist.
    pub named: Option<Approval>,
    /// The position at which it was read.
    pub pos: Pos,
}

/// The Inbox, with the approval that the address names.
#[server(prefix = "/api/rpc", endpoint = "approvals/inbox", protocol = Rpc)]
pub async fn inbox(named: Option<ApprovalId>) -> AppResult<InboxView> {
    use model::approvals::ApprovalState;
    let (services, caller) = (services()?, caller()?);
    let pos = services.node.head().await?;
    let pending = ApprovalFilter {
        state: Some(ApprovalState::Pending),
        session: None,
    };
    let mut waiting = services
        .approvals
        .list(
            &caller,
            pending,
            PageQuery {
                after: None,
                limit: Some(100),
            },
        )
        .await?;
    let newest = PageQuery {
        after: None,
        limit: Some(100),
    };
    let decided = services
        .approvals
        .list(&caller, ApprovalFilter::default(), newest)
        .await?
        .items;
    let mut decided: Vec<_> = decided
        .into_iter()
        .filter(|approval| approval.state != ApprovalState::Pending)
        .take(50)
        .collect();
    let opened = named;
    let mut named = match named.filter(|id| waiting.items.iter().chain(&decided).all(|approval| approval.id != *id)) {
        Some(id) => match services.approvals.find(&caller, id).await {
            Err(Error::NotFound(_)) => None,
            found => Some(found?),
        },
        None => None,
    };
    // The opened approval is complete, also for browsers without scripts.
    let open = waiting
        .items
        .iter_mut()
        .chain(&mut decided)
        .chain(&mut named)
        .find(|approval| Some(approval.id) == opened);
    if let Some(approval) = open.filter(|approval| approval.input_cut.is_some()) {
        approval.complete(services.approvals.input(&caller, approval.id).await?);
    }
    Ok(InboxView {
        waiting,
        decided,
        named,
        pos,
    })
}

/// The next page of pending approvals, oldest first.
#[server(prefix = "/api/rpc", endpoint = "approvals/waiting", protocol = Rpc)]
pub async fn more_waiting(after: Option<String>) -> AppResult<Page<Approval>> {
    use model::approvals::ApprovalState;
    let pending = ApprovalFilter {
        state: Some(ApprovalState::Pending),
        session: None,
    };
    Ok(services()?
        .approvals
        .list(
            &caller()?,
            pending,
            PageQuery {
                after,
                limit: Some(100),
            },
        )
        .await?)
}

/// One approval.
#[server(prefix = "/api/rpc", endpoint = "approvals/find", protocol = Rpc)]
pub async fn find_approval(id: ApprovalId) -> AppResult<Approval> {
    Ok(services()?.approvals.find(&caller()?, id).await?)
}
