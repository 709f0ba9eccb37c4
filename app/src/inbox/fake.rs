//! An in-memory fake of the approvals port. Only compiled for tests.

use crate::testing::{Fake, NOW, approval_id, here, page, project_id, session_id};
use async_trait::async_trait;
use model::{
    Caller, Error, Page, PageQuery, Result,
    approvals::{
        Always, Approval, ApprovalFilter, ApprovalInput, ApprovalKind, ApprovalState, Decide, RememberScope, Suggestion,
    },
    calls::{CallClass, CallParts},
    id::ApprovalId,
    ports,
};

/// The data of the fake approvals port.
#[derive(Clone, Debug, Default)]
pub struct Approvals {
    /// Approvals, oldest first.
    pub rows: Vec<Approval>,
}

impl From<Vec<Approval>> for Approvals {
    fn from(rows: Vec<Approval>) -> Self {
        Self { rows }
    }
}

/// A pending approval of session 1, modified by the test.
pub fn approval(n: u8, change: impl FnOnce(&mut Approval)) -> Approval {
    let mut approval = Approval {
        node: here(),
        id: approval_id(n),
        session: session_id(1),
        session_title: "Session 1".into(),
        project: project_id(1),
        project_name: "billing-api".into(),
        kind: ApprovalKind::Tool,
        tool: "Bash".into(),
        class: CallClass::Shell,
        label: None,
        parts: CallParts {
            command: Some("/command".into()),
            purpose: Some("/description".into()),
            ..CallParts::default()
        },
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
        suggestions: vec![Suggestion {
            text: "allow Bash(cargo test *)".into(),
            scope: RememberScope::Local,
            raw: serde_json::json!({}),
        }],
        scopes: RememberScope::ALL.to_vec(),
        always: RememberScope::ALL
            .iter()
            .map(|scope| Always {
                scope: *scope,
                text: String::new(),
                file: (*scope != RememberScope::Session).then(|| format!("{}.json", scope.word())),
            })
            .collect(),
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

impl Fake {
    pub(crate) fn pending_total(&self) -> i64 {
        i64::try_from(
            self.approvals
                .rows
                .iter()
                .filter(|a| a.state == ApprovalState::Pending)
                .count(),
        )
        .unwrap_or(i64::MAX)
    }
}

#[async_trait]
impl ports::Approvals for Fake {
    async fn list(&self, _: &Caller, filter: ApprovalFilter, query: PageQuery) -> Result<Page<Approval>> {
        self.checked()?;
        let wanted = |approval: &&Approval| {
            filter.state.is_none_or(|state| state == approval.state)
                && filter.session.is_none_or(|session| session == approval.session)
        };
        page(
            &self.approvals.rows.iter().filter(wanted).cloned().collect::<Vec<_>>(),
            &query,
        )
    }
    async fn find(&self, _: &Caller, id: ApprovalId) -> Result<Approval> {
        self.checked()?;
        self.approvals
            .rows
            .iter()
            .find(|approval| approval.id == id)
            .cloned()
            .ok_or_else(|| Error::NotFound("approval".into()))
    }
    async fn input(&self, caller: &Caller, id: ApprovalId) -> Result<ApprovalInput> {
        let Approval {
            input,
            input_html,
            diff,
            plan_html,
            questions,
            ..
        } = ports::Approvals::find(self, caller, id).await?;
        Ok(ApprovalInput {
            input,
            input_html,
            diff,
            plan_html,
            questions,
        })
    }
    async fn decide(&self, caller: &Caller, id: ApprovalId, _: Decide) -> Result<Approval> {
        let approval = ports::Approvals::find(self, caller, id).await?;
        if approval.state == ApprovalState::Pending {
            Ok(approval)
        } else {
            Err(Error::Conflict("it is over".into()))
        }
    }
    async fn pending(&self, _: &Caller) -> Result<i64> {
        self.framed()?;
        Ok(self.pending_total())
    }
}
