//! Ports: what pages and REST ask of a node. `node` implements them, `app` and `server` call them, tests fake them.
//! Every method authorises its caller itself; hiding a button protects nothing.

use crate::{
    Caller, Page, PageQuery, Pos, Result,
    accounts::{Login, Me, NewToken, Token, TokenCreated, User},
    approvals::{Approval, ApprovalFilter, ApprovalInput, Decide},
    entries::{Entry, EntryBody},
    event::Event,
    fleet::{FleetNode, Invite, InviteRead, Link, LinkPatch, NewInvite, NewLink},
    id::{ApprovalId, LinkId, NodeId, ProjectId, PromptId, SessionId, TokenId},
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
    /// Starts a session: durable and `queued` at once. A folder that is no project yet becomes one in the same commit.
    async fn create(&self, caller: &Caller, new: NewSession) -> Result<Session>;
    /// Starts the demo agent in its own scratch project.
    async fn run_demo(&self, caller: &Caller) -> Result<Session>;
    /// Renames, tags, archives.
    async fn update(&self, caller: &Caller, id: SessionId, patch: SessionPatch) -> Result<Session>;
    /// Deletes (hides); 409 while its agent runs.
    async fn delete(&self, caller: &Caller, id: SessionId) -> Result<()>;
    /// Takes a deletion back, within 30 days.
    async fn restore(&self, caller: &Caller, id: SessionId) -> Result<Session>;
    /// Entries in order, those after the `seq` in `after`. With `last` the newest page, also in order.
    async fn entries(&self, caller: &Caller, id: SessionId, after: i64, limit: u32, last: bool) -> Result<Page<Entry>>;
    /// The newest entries before `before`, in order: for scrolling up.
    async fn entries_before(&self, caller: &Caller, id: SessionId, before: i64, limit: u32) -> Result<Page<Entry>>;
    /// The body of one entry.
    async fn entry_body(&self, caller: &Caller, id: SessionId, seq: i64) -> Result<EntryBody>;
    /// Gives the agent a prompt: at once when it is idle, queued while it works, with a resume when it has ended.
    async fn prompt(&self, caller: &Caller, id: SessionId, text: String) -> Result<Prompt>;
    /// Withdraws a queued prompt; 409 once the agent has it.
    async fn withdraw(&self, caller: &Caller, id: SessionId, prompt: PromptId) -> Result<()>;
    /// Changes how much the agent may do unasked; a running agent follows at once.
    async fn set_mode(&self, caller: &Caller, id: SessionId, mode: Mode) -> Result<Session>;
    /// Changes the model from the next request on; `None` is the agent's default.
    async fn set_model(&self, caller: &Caller, id: SessionId, model: Option<String>) -> Result<Session>;
    /// Ends the turn that runs; the session stays open.
    async fn interrupt(&self, caller: &Caller, id: SessionId) -> Result<Session>;
    /// Ends the agent; the session is `done` and can be resumed.
    async fn stop(&self, caller: &Caller, id: SessionId) -> Result<Session>;
    /// Sends the last prompt again after its turn failed or was interrupted, and resumes an ended agent. Prompts that
    /// no agent got go first. 409 during a turn, and where there was no prompt.
    async fn send_again(&self, caller: &Caller, id: SessionId) -> Result<Prompt>;
    /// Starts the agent again on the same conversation, without a prompt. An agent that is still there and rests takes
    /// up what waits. 409 during a turn.
    async fn resume(&self, caller: &Caller, id: SessionId) -> Result<Session>;
    /// A new session that continues the same conversation; the old one stays as it is.
    async fn fork(&self, caller: &Caller, id: SessionId) -> Result<Session>;
    /// Raw lines of its agents' streams, read from the spools, newest run last.
    async fn raw(&self, caller: &Caller, id: SessionId, page: PageQuery) -> Result<Page<RawLine>>;
}

/// Approvals: see and decide.
#[async_trait]
pub trait Approvals: Send + Sync {
    /// Approvals the caller may see.
    async fn list(&self, caller: &Caller, filter: ApprovalFilter, page: PageQuery) -> Result<Page<Approval>>;
    /// One approval.
    async fn find(&self, caller: &Caller, id: ApprovalId) -> Result<Approval>;
    /// The whole input; lists carry only the beginning of a long one.
    async fn input(&self, caller: &Caller, id: ApprovalId) -> Result<ApprovalInput>;
    /// Decides; `AlreadyDecided` when somebody was faster.
    async fn decide(&self, caller: &Caller, id: ApprovalId, decide: Decide) -> Result<Approval>;
    /// How many approvals wait for the caller.
    async fn pending(&self, caller: &Caller) -> Result<i64>;
}

/// Projects: add, trust, remove.
#[async_trait]
pub trait Projects: Send + Sync {
    /// All projects by name.
    async fn list(&self, caller: &Caller, page: PageQuery) -> Result<Page<Project>>;
    /// Names of all projects in order, at most 1,000, for a choice. Unlike `list` it reads no folder.
    async fn names(&self, caller: &Caller) -> Result<Vec<(ProjectId, String)>>;
    /// One project.
    async fn find(&self, caller: &Caller, id: ProjectId) -> Result<Project>;
    /// What a project's folder would run if trusted, with the contents of those files. Only for callers who may trust
    /// it.
    async fn own_files(&self, caller: &Caller, id: ProjectId) -> Result<OwnFiles>;
    /// Adds a folder.
    async fn create(&self, caller: &Caller, new: NewProject) -> Result<Project>;
    /// Renames, trusts, sets the time limit of approvals.
    async fn update(&self, caller: &Caller, id: ProjectId, patch: ProjectPatch) -> Result<Project>;
    /// Forgets a project; 409 while one of its sessions runs. Its folder stays untouched; adding it again restores it.
    async fn delete(&self, caller: &Caller, id: ProjectId) -> Result<()>;
}

/// Usage: sums.
#[async_trait]
pub trait UsageSums: Send + Sync {
    /// Sums over the sessions the caller may see: days in order, projects and models costliest first.
    async fn sums(&self, caller: &Caller, query: UsageQuery) -> Result<Vec<UsageRow>>;
    /// The usage of one session by model, costliest first.
    async fn of_session(&self, caller: &Caller, id: SessionId) -> Result<Vec<UsageRow>>;
}

/// The caller's own account.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// The caller.
    async fn me(&self, caller: &Caller) -> Result<Me>;
    /// All users; only for owners.
    async fn users(&self, caller: &Caller) -> Result<Vec<User>>;
    /// The caller's API tokens, newest first.
    async fn tokens(&self, caller: &Caller) -> Result<Vec<Token>>;
    /// Whether the caller has a password: people who sign in by GitHub may have none.
    async fn has_password(&self, caller: &Caller) -> Result<bool>;
    /// Creates an API token and shows its secret this once. Callers with a password must give it as `password`, so that
    /// a borrowed browser cannot become a token. `Invalid` at `password` when it is wrong.
    async fn create_token(&self, caller: &Caller, new: NewToken, password: String) -> Result<TokenCreated>;
    /// Revokes one of the caller's API tokens, at once and everywhere.
    async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<()>;
    /// The caller's logins.
    async fn logins(&self, caller: &Caller) -> Result<Vec<Login>>;
    /// Ends every login of the caller, this one included; with `tokens` also revokes their API tokens.
    async fn log_out_everywhere(&self, caller: &Caller, tokens: bool) -> Result<()>;
    /// Changes the caller's password and ends all other logins; with `tokens` also revokes their API tokens.
    async fn change_password(&self, caller: &Caller, current: String, new: String, tokens: bool) -> Result<()>;
}

/// The node itself.
#[async_trait]
pub trait Node: Send + Sync {
    /// The node.
    async fn info(&self, caller: &Caller) -> Result<NodeInfo>;
    /// Renames it (admin).
    async fn rename(&self, caller: &Caller, name: String) -> Result<NodeInfo>;
    /// Health of the last hour, oldest first, a sample every 10 s; gaps where the node was down.
    async fn health(&self, caller: &Caller) -> Result<Vec<HealthSample>>;
    /// The newest of those samples; `None` before the first.
    async fn health_now(&self, caller: &Caller) -> Result<Option<HealthSample>>;
    /// Agent programs on this machine. `fresh` (operator) searches anew and starts each to ask for its version.
    async fn agents(&self, caller: &Caller, fresh: bool) -> Result<Vec<AgentFound>>;
    /// Everything the Overview shows.
    async fn overview(&self, caller: &Caller) -> Result<Overview>;
    /// Events after `after` that the caller may see, in order, at most `limit`.
    async fn events(&self, caller: &Caller, after: Pos, limit: u32) -> Result<Page<Event>>;
    /// The newest position.
    async fn head(&self) -> Result<Pos>;
}

/// The nodes that this one knows, and its links to them.
#[async_trait]
pub trait Fleet: Send + Sync {
    /// This node first, then the others by name.
    async fn nodes(&self, caller: &Caller) -> Result<Vec<FleetNode>>;
    /// One node.
    async fn node(&self, caller: &Caller, id: NodeId) -> Result<FleetNode>;
    /// This node's own links, by the peer's name; revoked ones too.
    async fn links(&self, caller: &Caller) -> Result<Vec<Link>>;
    /// One link.
    async fn link(&self, caller: &Caller, id: LinkId) -> Result<Link>;
    /// Makes an invite and shows it this once (admin).
    async fn invite(&self, caller: &Caller, new: NewInvite) -> Result<Invite>;
    /// What an invite of another node says (admin). It asks nobody. `Invalid` at `invite` for one that is none.
    async fn read_invite(&self, caller: &Caller, invite: String) -> Result<InviteRead>;
    /// Joins the node that made the invite (admin). `Invalid` at `invite` for one that is none, used or over.
    async fn join(&self, caller: &Caller, new: NewLink) -> Result<Link>;
    /// Confirms a link that waits for it, on the inviting side (admin). 409 on the other, and once it is revoked.
    async fn confirm(&self, caller: &Caller, id: LinkId) -> Result<Link>;
    /// Changes what this node sends (admin). 409 once it is revoked.
    async fn update(&self, caller: &Caller, id: LinkId, patch: LinkPatch) -> Result<Link>;
    /// Stops sending and receiving until it is resumed (admin). 409 unless it is confirmed and not revoked.
    async fn pause(&self, caller: &Caller, id: LinkId) -> Result<Link>;
    /// Goes on where it was paused (admin).
    async fn resume(&self, caller: &Caller, id: LinkId) -> Result<Link>;
    /// Ends the link for good (admin). With `forget` what the peer sent is removed here, also of a link that was
    /// revoked before.
    async fn revoke(&self, caller: &Caller, id: LinkId, forget: bool) -> Result<()>;
}

/// All ports of a node; pages and handlers get them by context.
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
    /// The fleet.
    pub fleet: Arc<dyn Fleet>,
}
