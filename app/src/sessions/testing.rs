//! Rows for tests of pages and folds. Only compiled for tests; nothing here is shown to anybody.

use model::{
    caller::Visibility,
    id::{ProjectId, SessionId},
    sessions::{AgentKind, Mode, Session, SessionState, Tokens},
};

/// A session with the `n`th id, changed as the test needs it.
pub fn session(n: u8, change: impl FnOnce(&mut Session)) -> Session {
    let mut session = Session {
        id: format!("ses_019200000000700080000000000000{n:02x}").parse::<SessionId>().unwrap(),
        title: format!("Session {n}"),
        project: "prj_01920000000070008000000000000001".parse::<ProjectId>().unwrap(),
        project_name: "billing-api".into(),
        branch: Some("main".into()),
        agent: AgentKind::Claude,
        agent_version: Some("2.1.330".into()),
        model: Some("claude-sonnet-5".into()),
        mode: Mode::Ask,
        state: SessionState::Idle,
        state_since: 1_763_800_000_000,
        state_detail: None,
        owner: None,
        owner_name: "mara".into(),
        visibility: Visibility::Project,
        tags: Vec::new(),
        usage: Tokens { input: 1_000, output: 500, cache_read: 10_000, cache_write: 0 },
        cost_micros: Some(220_000),
        context_used: Some(50_000),
        context_size: Some(200_000),
        started: 1_763_799_000_000,
        updated: 1_763_800_000_000,
        turns: 2,
        calls: 7,
        pending: 0,
        last: Some("Edit src/main.rs".into()),
        forked_from: None,
        run: None,
        archived: None,
        deleted: None,
    };
    change(&mut session);
    session
}
