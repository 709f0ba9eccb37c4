//! Ports: what pages and REST ask of a node. `node` implements them, `app` and `server` call them, tests fake them.
//! Every method decides about its caller itself; nothing is authorised by not being shown.

use crate::{
    Caller, Page, PageQuery, Pos, Result,
    accounts::{Login, Me, NewToken, Token, TokenCreated, User},
    approvals::{Approval, ApprovalFilter, ApprovalInput, Decide},
    entries::{Entry, EntryBody},
    event::Event,
    id::{ApprovalId, ProjectId, PromptId, SessionId, TokenId},
    node::{AgentFound, HealthSample, NodeInfo, Overview},
    projects::{NewProject, OwnFiles, Project, ProjectPatch},
    sessions::{Mode, NewSession, Prompt, RawLine, Session, SessionFilter, SessionPatch, SessionView},
    usage::{UsageQuery, UsageRow},
};
use async_trait::async_trait;
use std::sync::Arc;

/// Sessions: start, watch, drive.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Sessions the caller may see, newest activity first.
    async fn list(&self, caller: &Caller, filter: SessionFilter, page: PageQuery) -> Result<Page<Session>>;
    /// One session.
    async fn find(&self, caller: &Caller, id: SessionId) -> Result<Session>;
    /// One session with what its page needs.
    async fn view(&self, caller: &Caller, id: SessionId) -> Result<SessionView>;
    /// Starts a session; it is `queued` at once and durable. A folder that is no project yet becomes one in the same
    /// commit.
    async fn create(&self, caller: &Caller, new: NewSession) -> Result<Session>;
    /// Starts the demo agent in its own scratch project.
    async fn run_demo(&self, caller: &Caller) -> Result<Session>;
    /// Renames, tags, archives.
    async fn update(&self, caller: &Caller, id: SessionId, patch: SessionPatch) -> Result<Session>;
    /// Deletes (hides); 409 while its agent runs.
    async fn delete(&self, caller: &Caller, id: SessionId) -> Result<()>;
    /// Takes a deletion back, within 30 days.
    async fn restore(&self, caller: &Caller, id: SessionId) -> Result<Session>;
    /// Entries in order. `after` is the `seq` before the first wanted; with `last` the newest page is given, still in
    /// order.
    async fn entries(&self, caller: &Caller, id: SessionId, after: i64, limit: u32, last: bool) -> Result<Page<Entry>>;
    /// Entries before `before`, the newest of them, in order: scrolling up.
    async fn entries_before(&self, caller: &Caller, id: SessionId, before: i64, limit: u32) -> Result<Page<Entry>>;
    /// The whole of one entry.
    async fn entry_body(&self, caller: &Caller, id: SessionId, seq: i64) -> Result<EntryBody>;
    /// Says something to the agent: at once when it is idle, queued while it works, resuming it when it has ended.
    async fn prompt(&self, caller: &Caller, id: SessionId, text: String) -> Result<Prompt>;
    /// Takes back a queued prompt; 409 once the agent has it.
    async fn withdraw(&self, caller: &Caller, id: SessionId, prompt: PromptId) -> Result<()>;
    /// Changes how much the agent may do unasked, at once where it runs.
    async fn set_mode(&self, caller: &Caller, id: SessionId, mode: Mode) -> Result<Session>;
    /// Changes the model from the next request on; `None` is the agent's default.
    async fn set_model(&self, caller: &Caller, id: SessionId, model: Option<String>) -> Result<Session>;
    /// Ends the turn that runs; the session stays open.
    async fn interrupt(&self, caller: &Caller, id: SessionId) -> Result<Session>;
    /// Ends the agent; the session is `done` and can be resumed.
    async fn stop(&self, caller: &Caller, id: SessionId) -> Result<Session>;
    /// Says again what was said last, after its turn failed or was interrupted, and resumes the agent where it has
    /// ended; what no agent was given yet goes first. 409 while a turn is under way, and where nothing was said.
    async fn send_again(&self, caller: &Caller, id: SessionId) -> Result<Prompt>;
    /// Starts the agent again on the same conversation, without a prompt. One that is still there and rests takes up
    /// what waits; 409 in a turn.
    async fn resume(&self, caller: &Caller, id: SessionId) -> Result<Session>;
    /// A new session that continues the same conversation; the old one stays as it is.
    async fn fork(&self, caller: &Caller, id: SessionId) -> Result<Session>;
    /// Raw lines of its agents' streams from the spools, newest run last.
    async fn raw(&self, caller: &Caller, id: SessionId, page: PageQuery) -> Result<Page<RawLine>>;
}

/// Approvals: see and decide.
#[async_trait]
pub trait Approvals: Send + Sync {
    /// Approvals the caller may see.
    async fn list(&self, caller: &Caller, filter: ApprovalFilter, page: PageQuery) -> Result<Page<Approval>>;
    /// One approval.
    async fn find(&self, caller: &Caller, id: ApprovalId) -> Result<Approval>;
    /// All of what it asks: lists carry only the beginning of a long one.
    async fn input(&self, caller: &Caller, id: ApprovalId) -> Result<ApprovalInput>;
    /// Decides; `AlreadyDecided` when somebody was faster.
    async fn decide(&self, caller: &Caller, id: ApprovalId, decide: Decide) -> Result<Approval>;
    /// How many wait for the caller.
    async fn pending(&self, caller: &Caller) -> Result<i64>;
}

/// Projects: add, trust, remove.
#[async_trait]
pub trait Projects: Send + Sync {
    /// All projects by name.
    async fn list(&self, caller: &Caller, page: PageQuery) -> Result<Page<Project>>;
    /// Names of all projects, by name, at most 1,000: for choosing one. Unlike `list` it looks into no folder.
    async fn names(&self, caller: &Caller) -> Result<Vec<(ProjectId, String)>>;
    /// One project.
    async fn find(&self, caller: &Caller, id: ProjectId) -> Result<Project>;
    /// What a project's folder would run if trusted, with what stands in its files: to be looked at before it is
    /// trusted, by who may trust it.
    async fn own_files(&self, caller: &Caller, id: ProjectId) -> Result<OwnFiles>;
    /// Adds a folder.
    async fn create(&self, caller: &Caller, new: NewProject) -> Result<Project>;
    /// Renames, trusts, sets the time limit of approvals.
    async fn update(&self, caller: &Caller, id: ProjectId, patch: ProjectPatch) -> Result<Project>;
    /// Forgets a project; 409 while one of its sessions runs. Its folder is untouched; adding it again takes it back.
    async fn delete(&self, caller: &Caller, id: ProjectId) -> Result<()>;
}

/// Usage: sums.
#[async_trait]
pub trait UsageSums: Send + Sync {
    /// Sums, of sessions the caller may see: days in order, projects and models costliest first.
    async fn sums(&self, caller: &Caller, query: UsageQuery) -> Result<Vec<UsageRow>>;
    /// What one session spent, by model, costliest first.
    async fn of_session(&self, caller: &Caller, id: SessionId) -> Result<Vec<UsageRow>>;
}

/// The caller's own account.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Who am I.
    async fn me(&self, caller: &Caller) -> Result<Me>;
    /// Everybody, for owners.
    async fn users(&self, caller: &Caller) -> Result<Vec<User>>;
    /// The caller's API tokens, newest first.
    async fn tokens(&self, caller: &Caller) -> Result<Vec<Token>>;
    /// Whether the caller has a password: who comes by GitHub may have none.
    async fn has_password(&self, caller: &Caller) -> Result<bool>;
    /// Creates an API token; its secret is shown this once. `password` is the caller's present one, for who has one: a
    /// borrowed browser must not become a token. `Invalid` at `password` when it is another.
    async fn create_token(&self, caller: &Caller, new: NewToken, password: String) -> Result<TokenCreated>;
    /// Revokes one of the caller's API tokens, at once and everywhere.
    async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<()>;
    /// Where the caller is signed in.
    async fn logins(&self, caller: &Caller) -> Result<Vec<Login>>;
    /// Ends every login of the caller, this one too; with `tokens` revokes their API tokens as well.
    async fn log_out_everywhere(&self, caller: &Caller, tokens: bool) -> Result<()>;
    /// Changes the caller's password; every other login ends. With `tokens` revokes their API tokens as well.
    async fn change_password(&self, caller: &Caller, current: String, new: String, tokens: bool) -> Result<()>;
}

/// The node itself.
#[async_trait]
pub trait Node: Send + Sync {
    /// What it is.
    async fn info(&self, caller: &Caller) -> Result<NodeInfo>;
    /// Renames it (admin).
    async fn rename(&self, caller: &Caller, name: String) -> Result<NodeInfo>;
    /// Health of the last hour, oldest first, a sample every 10 s; gaps where the node was down.
    async fn health(&self, caller: &Caller) -> Result<Vec<HealthSample>>;
    /// The newest of those samples; `None` before the first.
    async fn health_now(&self, caller: &Caller) -> Result<Option<HealthSample>>;
    /// Agent programs on this machine; looked for anew when `fresh` (operator): that starts them to ask for their
    /// version.
    async fn agents(&self, caller: &Caller, fresh: bool) -> Result<Vec<AgentFound>>;
    /// Everything the Overview shows.
    async fn overview(&self, caller: &Caller) -> Result<Overview>;
    /// Events after `after` that the caller may see, in order, at most `limit`.
    async fn events(&self, caller: &Caller, after: Pos, limit: u32) -> Result<Page<Event>>;
    /// The newest position.
    async fn head(&self) -> Result<Pos>;
}

/// All ports of a node, as pages and handlers get them by context.
#[derive(Clone)]
pub struct Services {
    /// Sessions.
    pub sessions: Arc<dyn Sessions>,
    /// Approvals.
    pub approvals: Arc<dyn Approvals>,
    /// Projects.
    pub projects: Arc<dyn Projects>,
    /// Usage.
    pub usage: Arc<dyn UsageSums>,
    /// Accounts.
    pub accounts: Arc<dyn Accounts>,
    /// The node.
    pub node: Arc<dyn Node>,
}
