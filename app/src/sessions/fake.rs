//! An in-memory fake of the sessions port. Only compiled for tests.

use crate::testing::{Fake, NOW, here, page, project_id, session_id, user_id};
use async_trait::async_trait;
use model::{
    Caller, Error, Page, PageQuery, Result, Role,
    caller::Visibility,
    entries::{Entry, EntryBody, EntryKind},
    id::{PromptId, SessionId},
    ports,
    sessions::{
        AgentKind, Mode, NewSession, Prompt, RawLine, Session, SessionFilter, SessionPatch, SessionState, SessionView,
        Tokens,
    },
};

/// The data of the fake sessions port.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    /// Sessions, newest first.
    pub rows: Vec<Session>,
    /// Entries of every session, in order.
    pub entries: Vec<Entry>,
    /// The body of every entry.
    pub body: EntryBody,
    /// Queued prompts of every session.
    pub queued: Vec<Prompt>,
    /// Raw lines of every session.
    pub raw: Vec<RawLine>,
}

impl From<Vec<Session>> for Sessions {
    fn from(rows: Vec<Session>) -> Self {
        Self {
            rows,
            ..Self::default()
        }
    }
}

/// A session, modified by the test.
pub fn session(n: u8, change: impl FnOnce(&mut Session)) -> Session {
    let mut session = Session {
        node: here(),
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
        usage: Tokens {
            input: 1_000,
            output: 500,
            cache_read: 10_000,
            cache_write: 0,
        },
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

/// An entry of session 1, modified by the test.
pub fn entry(seq: i64, kind: EntryKind, change: impl FnOnce(&mut Entry)) -> Entry {
    let mut entry = Entry {
        session: session_id(1),
        seq,
        turn: 1,
        kind,
        at: NOW + seq * 1_000,
        parent: None,
        by_name: None,
        preview: format!("entry {seq}"),
        more: false,
        html: None,
        call: None,
        approval: None,
    };
    change(&mut entry);
    entry
}

impl Fake {
    pub(crate) fn session(&self, id: SessionId) -> Result<Session> {
        self.checked()?;
        self.sessions
            .rows
            .iter()
            .find(|session| session.id == id)
            .cloned()
            .ok_or_else(|| Error::NotFound("session".into()))
    }
}

#[async_trait]
impl ports::Sessions for Fake {
    async fn list(&self, _: &Caller, filter: SessionFilter, query: PageQuery) -> Result<Page<Session>> {
        self.checked()?;
        let wanted = |session: &&Session| filter.shows(session, str::to_lowercase);
        let mut rows: Vec<_> = self.sessions.rows.iter().filter(wanted).cloned().collect();
        rows.sort_by_key(|session| std::cmp::Reverse((session.updated, session.id)));
        page(&rows, &query)
    }
    async fn find(&self, _: &Caller, id: SessionId) -> Result<Session> {
        self.session(id)
    }
    async fn view(&self, caller: &Caller, id: SessionId) -> Result<SessionView> {
        let session = self.session(id)?;
        let may_drive = caller.role >= Role::Operator;
        let of = self.projects.rows.iter().find(|project| project.id == session.project);
        let (trusted, runs_own) = of.map_or((true, false), |project| (project.trusted, !project.runs_own.is_empty()));
        Ok(SessionView {
            session,
            trusted,
            runs_own,
            queued: self.sessions.queued.clone(),
            pos: self.pos,
            may_drive,
        })
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
    async fn entries(&self, _: &Caller, id: SessionId, after: i64, limit: u32, last: bool) -> Result<Page<Entry>> {
        self.session(id)?;
        let all: Vec<_> = self
            .sessions
            .entries
            .iter()
            .filter(|entry| entry.seq > after)
            .cloned()
            .collect();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let items = if last {
            all[all.len().saturating_sub(limit)..].to_vec()
        } else {
            all.into_iter().take(limit).collect()
        };
        Ok(Page { items, next: None })
    }
    async fn entries_before(&self, _: &Caller, id: SessionId, before: i64, limit: u32) -> Result<Page<Entry>> {
        self.session(id)?;
        let all: Vec<_> = self
            .sessions
            .entries
            .iter()
            .filter(|entry| entry.seq < before)
            .cloned()
            .collect();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(Page {
            items: all[all.len().saturating_sub(limit)..].to_vec(),
            next: None,
        })
    }
    async fn entry_body(&self, _: &Caller, id: SessionId, _: i64) -> Result<EntryBody> {
        self.session(id)?;
        Ok(self.sessions.body.clone())
    }
    async fn prompt(&self, _: &Caller, id: SessionId, _: String) -> Result<Prompt> {
        self.session(id)?;
        self.sessions
            .queued
            .first()
            .cloned()
            .ok_or_else(|| Error::Conflict("no prompt in this test".into()))
    }
    async fn withdraw(&self, _: &Caller, id: SessionId, _: PromptId) -> Result<()> {
        self.session(id).map(drop)
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
    async fn raw(&self, _: &Caller, id: SessionId, query: PageQuery) -> Result<Page<RawLine>> {
        self.session(id)?;
        page(&self.sessions.raw, &query)
    }
}
