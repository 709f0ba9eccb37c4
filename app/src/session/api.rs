//! Server functions of the Session page: open, read on, drive. Each asks a port for its caller and returns the answer.
#![allow(
    missing_docs,
    reason = "server functions make structs of their arguments, whose fields cannot carry comments"
)]

#[cfg(feature = "ssr")]
use crate::server::{caller, services};
use crate::{
    error::AppResult,
    wire::{FormRpc, Rpc},
};
use leptos::server;
use model::{
    Page, PageQuery,
    approvals::Approval,
    entries::{Entry, EntryBody},
    id::{PromptId, SessionId},
    sessions::{Mode, Prompt, RawLine, Session, SessionPatch, SessionView},
    usage::UsageRow,
};
use serde::{Deserialize, Serialize};

/// The first data of a session page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// The session, with what is shown beside the timeline.
    pub view: SessionView,
    /// The newest entries, in order.
    pub entries: Page<Entry>,
    /// Pending approvals, and the newest decided ones.
    pub approvals: Vec<Approval>,
}

/// The number of entries that a page starts with.
pub const FIRST: u32 = 100;
/// The number of entries per page when scrolling up: few enough to render without a stutter.
pub const MORE: u32 = 50;

/// Opens a session.
#[server(prefix = "/api/rpc", endpoint = "session/open", protocol = Rpc)]
pub async fn open_session(id: SessionId) -> AppResult<Opened> {
    use model::approvals::{ApprovalFilter, ApprovalState};
    let (services, caller) = (services()?, caller()?);
    let view = services.sessions.view(&caller, id).await?;
    let entries = services.sessions.entries(&caller, id, 0, FIRST, true).await?;
    let all = ApprovalFilter {
        state: None,
        session: Some(id),
    };
    let mut approvals = services
        .approvals
        .list(
            &caller,
            all,
            PageQuery {
                after: None,
                limit: Some(50),
            },
        )
        .await?
        .items;
    let waiting = ApprovalFilter {
        state: Some(ApprovalState::Pending),
        session: Some(id),
    };
    for approval in services
        .approvals
        .list(&caller, waiting, PageQuery::default())
        .await?
        .items
    {
        if approvals.iter().all(|known| known.id != approval.id) {
            approvals.push(approval);
        }
    }
    approvals.sort_by_key(|approval| (approval.created, approval.id));
    Ok(Opened {
        view,
        entries,
        approvals,
    })
}

/// Entries before `before`, in order, for scrolling up.
#[server(prefix = "/api/rpc", endpoint = "session/before", protocol = Rpc)]
pub async fn entries_before(id: SessionId, before: i64) -> AppResult<Page<Entry>> {
    Ok(services()?
        .sessions
        .entries_before(&caller()?, id, before, MORE)
        .await?)
}

/// The body of one entry.
#[server(prefix = "/api/rpc", endpoint = "session/body", protocol = Rpc)]
pub async fn read_body(id: SessionId, seq: i64) -> AppResult<EntryBody> {
    Ok(services()?.sessions.entry_body(&caller()?, id, seq).await?)
}

/// Sends a prompt, by a plain form that works before WASM has loaded.
#[server(prefix = "/api/rpc", endpoint = "session/prompt", protocol = FormRpc)]
pub async fn say(id: SessionId, text: String) -> AppResult<Prompt> {
    Ok(services()?
        .sessions
        .prompt(&caller()?, id, text.replace("\r\n", "\n"))
        .await?)
}

/// Sends the last prompt again after its turn failed or was interrupted, by a plain form that works before WASM has
/// loaded.
#[server(prefix = "/api/rpc", endpoint = "session/send-again", protocol = FormRpc)]
pub async fn send_again(id: SessionId) -> AppResult<Prompt> {
    Ok(services()?.sessions.send_again(&caller()?, id).await?)
}

/// Withdraws a queued prompt.
#[server(prefix = "/api/rpc", endpoint = "session/withdraw", protocol = Rpc)]
pub async fn withdraw(id: SessionId, prompt: PromptId) -> AppResult<()> {
    Ok(services()?.sessions.withdraw(&caller()?, id, prompt).await?)
}

/// An operation on a session and its agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drive {
    /// Interrupts the turn.
    Interrupt,
    /// Ends the agent.
    Stop,
    /// Starts it again on the same conversation.
    Resume,
    /// Makes a new session that continues the same conversation.
    Fork,
    /// Changes how much the agent may do unasked.
    Mode(Mode),
    /// Changes the model; `None` is the agent's default.
    Model(Option<String>),
}

/// Runs the operation; gives the session afterwards, or the fork.
#[server(prefix = "/api/rpc", endpoint = "session/drive", protocol = Rpc)]
pub async fn drive_agent(id: SessionId, what: Drive) -> AppResult<Session> {
    let (sessions, caller) = (services()?.sessions, caller()?);
    Ok(match what {
        Drive::Interrupt => sessions.interrupt(&caller, id).await,
        Drive::Stop => sessions.stop(&caller, id).await,
        Drive::Resume => sessions.resume(&caller, id).await,
        Drive::Fork => sessions.fork(&caller, id).await,
        Drive::Mode(mode) => sessions.set_mode(&caller, id, mode).await,
        Drive::Model(model) => sessions.set_model(&caller, id, model).await,
    }?)
}

/// Raw lines of the agent's stream.
#[server(prefix = "/api/rpc", endpoint = "session/raw", protocol = Rpc)]
pub async fn raw_lines(id: SessionId, page: PageQuery) -> AppResult<Page<RawLine>> {
    Ok(services()?.sessions.raw(&caller()?, id, page).await?)
}

/// The usage of a session, by model.
#[server(prefix = "/api/rpc", endpoint = "session/usage", protocol = Rpc)]
pub async fn usage_by_model(id: SessionId) -> AppResult<Vec<UsageRow>> {
    Ok(services()?.usage.of_session(&caller()?, id).await?)
}

/// Renames, tags, archives.
#[server(prefix = "/api/rpc", endpoint = "sessions/update", protocol = Rpc)]
pub async fn update_session(id: SessionId, patch: SessionPatch) -> AppResult<Session> {
    Ok(services()?.sessions.update(&caller()?, id, patch).await?)
}

/// Deletes; can be undone.
#[server(prefix = "/api/rpc", endpoint = "sessions/delete", protocol = Rpc)]
pub async fn delete_session(id: SessionId) -> AppResult<()> {
    Ok(services()?.sessions.delete(&caller()?, id).await?)
}

/// Undoes a deletion.
#[server(prefix = "/api/rpc", endpoint = "sessions/restore", protocol = Rpc)]
pub async fn restore_session(id: SessionId) -> AppResult<Session> {
    Ok(services()?.sessions.restore(&caller()?, id).await?)
}
