//! For tests of pages: ports that answer from memory, and a page rendered as the server would. Only compiled for tests.

use async_trait::async_trait;
use axum::{body::Body, http::Request};
use leptos::{config::LeptosOptions, prelude::provide_context};
use model::{
    Caller, Error, Page, PageQuery, Pos, Result, Role, Services, Via,
    accounts::{Login, Me, NewToken, Token, TokenCreated, User},
    approvals::{Approval, ApprovalFilter, ApprovalInput, ApprovalKind, ApprovalState, Decide, RememberScope, Suggestion},
    caller::{Scope, Visibility},
    entries::{Entry, EntryBody},
    event::Event,
    id::{ApprovalId, ProjectId, PromptId, SessionId, TokenId, UserId},
    node::{AgentFound, HealthSample, NodeInfo, NodeKind, Overview},
    ports,
    projects::{NewProject, OwnFile, OwnFiles, Project, ProjectPatch},
    sessions::{AgentKind, Mode, NewSession, Prompt, RawLine, Session, SessionFilter, SessionPatch, SessionState, SessionView, Tokens},
    usage::{UsageQuery, UsageRow},
};
use std::sync::{Arc, Once};

/// 2026-11-22 14:36:05 UTC.
pub const NOW: model::Millis = 1_795_358_165_000;

fn hex(n: u8) -> String {
    format!("019200000000700080000000000000{n:02x}")
}

/// The `n`th session's id.
pub fn session_id(n: u8) -> SessionId {
    format!("ses_{}", hex(n)).parse().expect("well formed")
}

/// The `n`th project's id.
pub fn project_id(n: u8) -> ProjectId {
    format!("prj_{}", hex(n)).parse().expect("well formed")
}

/// The `n`th approval's id.
pub fn approval_id(n: u8) -> ApprovalId {
    format!("apr_{}", hex(n)).parse().expect("well formed")
}

/// The `n`th user's id.
pub fn user_id(n: u8) -> UserId {
    format!("usr_{}", hex(n)).parse().expect("well formed")
}

/// Mara, signed in by cookie, in that role.
pub fn caller(role: Role) -> Caller {
    let via = Via::Cookie { login: "login-1".into() };
    Caller { user: Some(user_id(1)), name: "mara".into(), role, via, from: Some("127.0.0.1".into()) }
}

/// A session, changed as the test needs it.
pub fn session(n: u8, change: impl FnOnce(&mut Session)) -> Session {
    let mut session = Session {
        id: session_id(n),
        title: format!("Session {n}"),
        project: project_id(1),
        project_name: "billing-api".into(),
        branch: Some("main".into()),
        agent: AgentKind::Claude,
        agent_version: Some("2.1.330".into()),
        model: Some("claude-sonnet-5".into()),
        mode: Mode::Ask,
        state: SessionState::Idle,
        state_since: NOW - 60_000,
        state_detail: None,
        background: false,
        owner: Some(user_id(1)),
        owner_name: "mara".into(),
        visibility: Visibility::Project,
        tags: Vec::new(),
        usage: Tokens { input: 1_000, output: 500, cache_read: 10_000, cache_write: 0 },
        cost_micros: Some(220_000),
        context_used: Some(50_000),
        context_size: Some(200_000),
        started: NOW - 600_000,
        updated: NOW - 60_000,
        turns: 2,
        calls: 7,
        pending: 0,
        last: Some("Edit src/main.rs".into()),
        forked_from: None,
        unattended: false,
        queued: None,
        run: None,
        archived: None,
        deleted: None,
    };
    change(&mut session);
    session
}

/// A project, changed as the test needs it.
pub fn project(n: u8, change: impl FnOnce(&mut Project)) -> Project {
    let mut project = Project {
        id: project_id(n),
        name: format!("project-{n}"),
        path: format!("/home/mara/src/project-{n}"),
        branch: Some("main".into()),
        remote: None,
        trusted: true,
        trust_stale: false,
        runs_own: Vec::new(),
        approval_timeout_s: None,
        present: true,
        unread: false,
        demo: false,
        sessions: 3,
        added: NOW - 86_400_000,
        updated: NOW - 60_000,
    };
    change(&mut project);
    project
}

/// A pending approval of session 1, changed as the test needs it.
pub fn approval(n: u8, change: impl FnOnce(&mut Approval)) -> Approval {
    let mut approval = Approval {
        id: approval_id(n),
        session: session_id(1),
        session_title: "Session 1".into(),
        project: project_id(1),
        project_name: "billing-api".into(),
        kind: ApprovalKind::Tool,
        tool: "Bash".into(),
        call: Some("toolu_1".into()),
        input: serde_json::json!({ "command": "cargo test" }),
        input_cut: None,
        target: "cargo test".into(),
        input_html: None,
        diff: None,
        plan_html: None,
        questions: Vec::new(),
        reason: Some("the mode ask asks before commands".into()),
        subagent: None,
        suggestions: vec![Suggestion { text: "allow Bash(cargo test *)".into(), scope: RememberScope::Local, raw: serde_json::json!({}) }],
        scopes: RememberScope::ALL.to_vec(),
        always: Vec::new(),
        state: ApprovalState::Pending,
        created: NOW - 42_000,
        expires: None,
        limit: None,
        directory: Some("/srv/billing-api".into()),
        branch: Some("main".into()),
        decided: None,
    };
    change(&mut approval);
    approval
}

/// What a node that answers from memory knows. `Fake::default()` is a new, empty node with Mara as its owner.
#[derive(Clone)]
pub struct Fake {
    /// Who is signed in; `None` for nobody.
    pub caller: Option<Caller>,
    /// What every port answers that the frame does not need; `None` for what is below.
    pub error: Option<Error>,
    /// The frame's ports answer `error` as well.
    pub frame_fails: bool,
    /// Sessions, newest first.
    pub sessions: Vec<Session>,
    /// Approvals, oldest first.
    pub approvals: Vec<Approval>,
    /// Projects.
    pub projects: Vec<Project>,
    /// Entries of every session, in order.
    pub entries: Vec<Entry>,
    /// The body of every entry.
    pub body: EntryBody,
    /// Prompts that wait in every session.
    pub queued: Vec<Prompt>,
    /// Raw lines of every session.
    pub raw: Vec<RawLine>,
    /// Usage, whatever it is asked by.
    pub usage: Vec<UsageRow>,
    /// Tokens.
    pub tokens: Vec<Token>,
    /// Logins.
    pub logins: Vec<Login>,
    /// Health samples.
    pub health: Vec<HealthSample>,
    /// Agents found.
    pub agents: Vec<AgentFound>,
    /// What the Overview shows; put together from the above when `None`.
    pub overview: Option<Overview>,
    /// The newest position.
    pub pos: Pos,
    /// Whether GitHub is offered on the sign-in page.
    pub github: bool,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            caller: Some(caller(Role::Owner)),
            error: None,
            frame_fails: false,
            sessions: Vec::new(),
            approvals: Vec::new(),
            projects: Vec::new(),
            entries: Vec::new(),
            body: EntryBody::default(),
            queued: Vec::new(),
            raw: Vec::new(),
            usage: Vec::new(),
            tokens: Vec::new(),
            logins: Vec::new(),
            health: Vec::new(),
            agents: Vec::new(),
            overview: None,
            pos: 41,
            github: false,
        }
    }
}

/// A page as it was answered.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The HTTP status.
    pub status: u16,
    /// Where it leads, for redirects.
    pub location: Option<String>,
    /// The whole document.
    pub html: String,
}

impl Rendered {
    /// The document without its scripts and without the marks that hydration needs: what a person could read.
    pub fn visible(&self) -> String {
        let mut rest = self.html.as_str();
        let mut out = String::with_capacity(rest.len());
        while let Some(start) = rest.find("<script") {
            out.push_str(&rest[..start]);
            rest = rest[start..].find("</script>").map_or("", |end| &rest[start + end + "</script>".len()..]);
        }
        out.push_str(rest);
        out.replace("<!>", "").replace("<!--hot-reload-->", "")
    }

    /// Asserts that a person can read each of these.
    #[track_caller]
    pub fn shows(&self, texts: &[&str]) -> &Self {
        let visible = self.visible();
        for text in texts {
            assert!(visible.contains(text), "{text:?} is missing in:\n{visible}");
        }
        self
    }

    /// Asserts that none of these is on the page.
    #[track_caller]
    pub fn lacks(&self, texts: &[&str]) -> &Self {
        let visible = self.visible();
        for text in texts {
            assert!(!visible.contains(text), "{text:?} should not be in:\n{visible}");
        }
        self
    }
}

impl Fake {
    /// A node whose ports fail with `error`, but for what the frame needs.
    pub fn failing(error: Error) -> Self {
        Self { error: Some(error), ..Self::default() }
    }

    /// The ports.
    pub fn services(self) -> Services {
        let fake = Arc::new(self);
        Services { sessions: fake.clone(), approvals: fake.clone(), projects: fake.clone(), usage: fake.clone(), accounts: fake.clone(), node: fake }
    }

    /// Renders the page at `path` (with its query) as the server would for this node.
    pub async fn render(self, path: &str) -> Rendered {
        // Listing the routes is what starts Leptos' executor in the server, too.
        static ROUTES: Once = Once::new();
        ROUTES.call_once(|| drop(leptos_axum::generate_route_list(crate::App)));
        let mut request = Request::get(path).header("accept", "text/html").body(Body::empty()).expect("a path");
        if let Some(caller) = &self.caller {
            request.extensions_mut().insert(caller.clone());
        }
        let options = LeptosOptions::builder().output_name("orchwiz").build();
        // The link `works` works, all others are spent.
        let link_works: crate::auth::LinkCheck = Arc::new(|token| Box::pin(async move { Ok(token == "works") }));
        let auth = crate::auth::AuthOptions { github: self.github, link_works };
        let services = self.services();
        let context = move || {
            provide_context(services.clone());
            provide_context(auth.clone());
        };
        let handler = leptos_axum::render_app_to_stream_with_context(context, move || crate::shell(options.clone()));
        let response = handler(request).await;
        let status = response.status().as_u16();
        let location = response.headers().get("location").and_then(|to| to.to_str().ok()).map(str::to_owned);
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("the whole page");
        let html = String::from_utf8(body.to_vec()).expect("UTF-8");
        #[expect(clippy::disallowed_methods, reason = "a switch of the test itself: where to leave pages for looking at")]
        if let Ok(folder) = std::env::var("ORCHWIZ_TEST_PAGES") {
            let name: String = path.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
            let thread = std::thread::current().name().unwrap_or("test").rsplit("::").next().unwrap_or("test").to_owned();
            std::fs::write(format!("{folder}/{thread}{name}.html"), &html).expect("the folder exists");
        }
        Rendered { status, location, html }
    }

    fn checked(&self) -> Result<()> {
        self.error.clone().map_or(Ok(()), Err)
    }

    fn framed(&self) -> Result<()> {
        if self.frame_fails { self.checked() } else { Ok(()) }
    }

    fn session(&self, id: SessionId) -> Result<Session> {
        self.checked()?;
        self.sessions.iter().find(|session| session.id == id).cloned().ok_or_else(|| Error::NotFound("session".into()))
    }

    fn pending_total(&self) -> i64 {
        i64::try_from(self.approvals.iter().filter(|a| a.state == ApprovalState::Pending).count()).unwrap_or(i64::MAX)
    }
}

fn page<T: Clone>(items: &[T], query: &PageQuery) -> Result<Page<T>> {
    let limit = usize::try_from(query.limit()?).unwrap_or(usize::MAX);
    let from = query.after.as_deref().and_then(|after| after.parse().ok()).unwrap_or(0_usize).min(items.len());
    let to = (from + limit).min(items.len());
    Ok(Page { items: items[from..to].to_vec(), next: (to < items.len()).then(|| to.to_string()) })
}

#[async_trait]
impl ports::Sessions for Fake {
    async fn list(&self, _: &Caller, filter: SessionFilter, query: PageQuery) -> Result<Page<Session>> {
        self.checked()?;
        let wanted = |session: &&Session| {
            (filter.state.is_empty() || filter.state.contains(&session.state))
                && filter.project.is_none_or(|project| project == session.project)
                && filter.agent.is_none_or(|agent| agent == session.agent)
                && filter.archived == session.archived.is_some()
                && filter.q.as_deref().is_none_or(|q| session.title.to_lowercase().contains(&q.to_lowercase()))
        };
        page(&self.sessions.iter().filter(wanted).cloned().collect::<Vec<_>>(), &query)
    }
    async fn find(&self, _: &Caller, id: SessionId) -> Result<Session> {
        self.session(id)
    }
    async fn view(&self, caller: &Caller, id: SessionId) -> Result<SessionView> {
        let session = self.session(id)?;
        let may_drive = caller.role >= Role::Operator;
        let of = self.projects.iter().find(|project| project.id == session.project);
        let (trusted, runs_own) = of.map_or((true, false), |project| (project.trusted, !project.runs_own.is_empty()));
        Ok(SessionView { session, trusted, runs_own, queued: self.queued.clone(), pos: self.pos, may_drive })
    }
    async fn check(&self, _: &Caller, prompt: &str, _: Option<&str>, _: Option<&str>) -> Result<()> {
        self.checked()?;
        if prompt.trim().is_empty() { Err(Error::invalid("prompt", "say what the agent shall do")) } else { Ok(()) }
    }
    async fn create(&self, _: &Caller, new: NewSession) -> Result<Session> {
        self.checked()?;
        Ok(session(77, |session| session.mode = new.mode))
    }
    async fn run_demo(&self, _: &Caller) -> Result<Session> {
        self.checked()?;
        Ok(session(78, |session| session.agent = AgentKind::Demo))
    }
    async fn update(&self, _: &Caller, id: SessionId, _: SessionPatch) -> Result<Session> {
        self.session(id)
    }
    async fn delete(&self, _: &Caller, id: SessionId) -> Result<()> {
        self.session(id).map(drop)
    }
    async fn restore(&self, _: &Caller, id: SessionId) -> Result<Session> {
        self.session(id)
    }
    async fn entries(&self, _: &Caller, _: SessionId, after: i64, limit: u32, last: bool) -> Result<Page<Entry>> {
        self.checked()?;
        let all: Vec<_> = self.entries.iter().filter(|entry| entry.seq > after).cloned().collect();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let items = if last { all[all.len().saturating_sub(limit)..].to_vec() } else { all.into_iter().take(limit).collect() };
        Ok(Page { items, next: None })
    }
    async fn entries_before(&self, _: &Caller, _: SessionId, before: i64, limit: u32) -> Result<Page<Entry>> {
        self.checked()?;
        let all: Vec<_> = self.entries.iter().filter(|entry| entry.seq < before).cloned().collect();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(Page { items: all[all.len().saturating_sub(limit)..].to_vec(), next: None })
    }
    async fn entry_body(&self, _: &Caller, _: SessionId, _: i64) -> Result<EntryBody> {
        self.checked()?;
        Ok(self.body.clone())
    }
    async fn prompt(&self, _: &Caller, _: SessionId, _: String) -> Result<Prompt> {
        self.checked()?;
        self.queued.first().cloned().ok_or_else(|| Error::Conflict("no prompt in this test".into()))
    }
    async fn withdraw(&self, _: &Caller, _: SessionId, _: PromptId) -> Result<()> {
        self.checked()
    }
    async fn set_mode(&self, _: &Caller, id: SessionId, _: Mode) -> Result<Session> {
        self.session(id)
    }
    async fn set_model(&self, _: &Caller, id: SessionId, _: Option<String>) -> Result<Session> {
        self.session(id)
    }
    async fn interrupt(&self, _: &Caller, id: SessionId) -> Result<Session> {
        self.session(id)
    }
    async fn stop(&self, _: &Caller, id: SessionId) -> Result<Session> {
        self.session(id)
    }
    async fn resume(&self, _: &Caller, id: SessionId) -> Result<Session> {
        self.session(id)
    }
    async fn send_again(&self, caller: &Caller, id: SessionId) -> Result<Prompt> {
        ports::Sessions::prompt(self, caller, id, String::new()).await
    }
    async fn fork(&self, _: &Caller, id: SessionId) -> Result<Session> {
        self.session(id)
    }
    async fn raw(&self, _: &Caller, _: SessionId, query: PageQuery) -> Result<Page<RawLine>> {
        self.checked()?;
        page(&self.raw, &query)
    }
}

#[async_trait]
impl ports::Approvals for Fake {
    async fn list(&self, _: &Caller, filter: ApprovalFilter, query: PageQuery) -> Result<Page<Approval>> {
        self.checked()?;
        let wanted =
            |approval: &&Approval| filter.state.is_none_or(|state| state == approval.state) && filter.session.is_none_or(|session| session == approval.session);
        page(&self.approvals.iter().filter(wanted).cloned().collect::<Vec<_>>(), &query)
    }
    async fn find(&self, _: &Caller, id: ApprovalId) -> Result<Approval> {
        self.checked()?;
        self.approvals.iter().find(|approval| approval.id == id).cloned().ok_or_else(|| Error::NotFound("approval".into()))
    }
    async fn input(&self, caller: &Caller, id: ApprovalId) -> Result<ApprovalInput> {
        let Approval { input, input_html, diff, plan_html, questions, .. } = ports::Approvals::find(self, caller, id).await?;
        Ok(ApprovalInput { input, input_html, diff, plan_html, questions })
    }
    async fn decide(&self, caller: &Caller, id: ApprovalId, _: Decide) -> Result<Approval> {
        ports::Approvals::find(self, caller, id).await
    }
    async fn pending(&self, _: &Caller) -> Result<i64> {
        self.framed()?;
        Ok(self.pending_total())
    }
}

#[async_trait]
impl ports::Projects for Fake {
    async fn list(&self, _: &Caller, query: PageQuery) -> Result<Page<Project>> {
        self.checked()?;
        page(&self.projects, &query)
    }
    async fn names(&self, _: &Caller) -> Result<Vec<(ProjectId, String)>> {
        self.checked()?;
        Ok(self.projects.iter().map(|project| (project.id, project.name.clone())).collect())
    }
    async fn find(&self, _: &Caller, id: ProjectId) -> Result<Project> {
        self.checked()?;
        self.projects.iter().find(|project| project.id == id).cloned().ok_or_else(|| Error::NotFound("project".into()))
    }
    async fn at(&self, _: &Caller, path: &str) -> Result<Option<ProjectId>> {
        self.checked()?;
        Ok(self.projects.iter().find(|project| project.path == path).map(|project| project.id))
    }
    async fn own_files(&self, caller: &Caller, id: ProjectId) -> Result<OwnFiles> {
        let project = ports::Projects::find(self, caller, id).await?;
        let files = project.runs_own.into_iter().map(|name| OwnFile { name, size: 2, text: Some("{}".into()), cut: false }).collect();
        Ok(OwnFiles { files, seal: Some("seal".into()), ..OwnFiles::default() })
    }
    async fn create(&self, _: &Caller, new: NewProject) -> Result<Project> {
        self.checked()?;
        Ok(project(77, |project| project.path = new.path))
    }
    async fn update(&self, caller: &Caller, id: ProjectId, _: ProjectPatch) -> Result<Project> {
        ports::Projects::find(self, caller, id).await
    }
    async fn delete(&self, _: &Caller, _: ProjectId) -> Result<()> {
        self.checked()
    }
}

#[async_trait]
impl ports::UsageSums for Fake {
    async fn sums(&self, _: &Caller, _: UsageQuery) -> Result<Vec<UsageRow>> {
        self.checked()?;
        Ok(self.usage.clone())
    }
    async fn of_session(&self, _: &Caller, id: SessionId) -> Result<Vec<UsageRow>> {
        self.session(id)?;
        Ok(self.usage.clone())
    }
}

#[async_trait]
impl ports::Accounts for Fake {
    async fn me(&self, caller: &Caller) -> Result<Me> {
        self.framed()?;
        Ok(Me { id: caller.user, name: caller.name.clone(), role: caller.role, scope: None })
    }
    async fn users(&self, _: &Caller) -> Result<Vec<User>> {
        self.checked()?;
        Ok(Vec::new())
    }
    async fn tokens(&self, _: &Caller) -> Result<Vec<Token>> {
        self.checked()?;
        Ok(self.tokens.clone())
    }
    async fn has_password(&self, _: &Caller) -> Result<bool> {
        self.checked()?;
        Ok(true)
    }
    async fn create_token(&self, caller: &Caller, new: NewToken, _: String) -> Result<TokenCreated> {
        self.checked()?;
        let token = token(9, |token| (token.name, token.scope, token.user) = (new.name, new.scope, caller.user.unwrap_or_else(|| user_id(1))));
        Ok(TokenCreated { token, secret: "owz_shown_once".into() })
    }
    async fn revoke_token(&self, _: &Caller, _: TokenId) -> Result<()> {
        self.checked()
    }
    async fn logins(&self, _: &Caller) -> Result<Vec<Login>> {
        self.checked()?;
        Ok(self.logins.clone())
    }
    async fn log_out_everywhere(&self, _: &Caller, _: bool) -> Result<()> {
        self.checked()
    }
    async fn change_password(&self, _: &Caller, _: String, _: String, _: bool) -> Result<()> {
        self.checked()
    }
}

/// A token, changed as the test needs it.
pub fn token(n: u8, change: impl FnOnce(&mut Token)) -> Token {
    let mut token = Token {
        id: format!("tok_{}", hex(n)).parse().expect("well formed"),
        name: format!("token {n}"),
        user: user_id(1),
        scope: Scope::Write,
        created: NOW - 86_400_000,
        expires: None,
        used: None,
    };
    change(&mut token);
    token
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
        Ok(NodeInfo { name, ..ports::Node::info(self, caller).await? })
    }
    async fn health_now(&self, _: &Caller) -> Result<Option<HealthSample>> {
        self.checked()?;
        Ok(self.health.last().copied())
    }
    async fn health(&self, _: &Caller) -> Result<Vec<HealthSample>> {
        self.framed()?;
        Ok(self.health.clone())
    }
    async fn agents(&self, _: &Caller, _: bool) -> Result<Vec<AgentFound>> {
        self.checked()?;
        Ok(self.agents.clone())
    }
    async fn overview(&self, _: &Caller) -> Result<Overview> {
        self.checked()?;
        let in_state = |wanted: &[SessionState]| -> Vec<Session> { self.sessions.iter().filter(|s| wanted.contains(&s.state)).cloned().collect() };
        let done_today = in_state(&[SessionState::Idle, SessionState::Done, SessionState::Interrupted]);
        Ok(self.overview.clone().unwrap_or_else(|| Overview {
            approvals: self.approvals.clone(),
            approvals_total: self.pending_total(),
            troubled: in_state(&[SessionState::Failed, SessionState::Unknown]),
            working: in_state(&[SessionState::Queued, SessionState::Starting, SessionState::Working]),
            done_today_total: i64::try_from(done_today.len()).unwrap_or(i64::MAX),
            done_today,
            days: self.usage.clone(),
            projects: Vec::new(),
            activity: Vec::new(),
            checklist: model::node::Checklist::default(),
            health: self.health.last().copied(),
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
