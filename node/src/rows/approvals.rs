//! Rows of approvals: the question as it is shown, and where an "always" may be stored.

use super::{
    Rows,
    beginning::{ROW, beginning},
    id, key,
};
use crate::{
    agents,
    edit::{self, past},
    entity::{approval, project, session},
    journal::{Stored, blob},
    render,
};
use futures::{FutureExt, StreamExt, TryStreamExt};
use model::{
    Action, Caller, Result,
    approvals::{
        Always, Approval, ApprovalInput, ApprovalKind, ApprovalState, Decided, LimitOf, RememberScope, Suggestion,
        Whole,
    },
    caller::{Decision, Resource, decide},
    calls::{CallClass, CallParts, text},
    entries::Diff,
    event::Fact,
    fleet::NodeRef,
    id::{ApprovalId, NodeId},
    sessions::AgentKind,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::Value;
use std::collections::HashMap;

/// The most approvals that are drawn at once, each with its whole input in memory.
const DRAWN_AT_ONCE: usize = 8;

impl Rows {
    /// An approval, if the caller may see its session.
    pub async fn approval(&self, caller: &Caller, id: ApprovalId) -> Result<Option<Approval>> {
        let row = self.found_approval(id).await?;
        Ok(self.approvals(caller, row.into_iter().collect()).await?.pop())
    }

    /// The approval that this node's events made, if the caller may see its session.
    pub(super) async fn approval_of(&self, caller: &Caller, node: NodeId, id: ApprovalId) -> Result<Option<Approval>> {
        let row = approval::Entity::find_by_id(key(node, id))
            .one(self.store.read())
            .await
            .stored()?;
        Ok(self.approvals(caller, row.into_iter().collect()).await?.pop())
    }

    /// This node's approval of that id, else another node's.
    async fn found_approval(&self, id: ApprovalId) -> Result<Option<approval::Model>> {
        approval::Entity::find()
            .filter(approval::Column::Id.eq(id.to_string()))
            .order_by_desc(approval::Column::Origin.eq(self.store.origin()))
            .order_by_asc(approval::Column::Origin)
            .one(self.store.read())
            .await
            .stored()
    }

    /// The approvals of `rows` that the caller may see, with what is shown beside them.
    pub async fn approvals(&self, caller: &Caller, rows: Vec<approval::Model>) -> Result<Vec<Approval>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let sessions: HashMap<(String, String), session::Model> = self
            .visible(caller)
            .filter(session::Column::Id.is_in(rows.iter().map(|row| row.session.clone())))
            .all(self.store.read())
            .await
            .stored()?
            .into_iter()
            .map(|row| ((row.id.clone(), row.origin.clone()), row))
            .collect();
        let projects: HashMap<(String, String), project::Model> = project::Entity::find()
            .filter(project::Column::Id.is_in(sessions.values().map(|row| row.project.clone())))
            .all(self.store.read())
            .await
            .stored()?
            .into_iter()
            .map(|row| ((row.id.clone(), row.origin.clone()), row))
            .collect();
        let session_of = |row: &approval::Model| sessions.get(&(row.session.clone(), row.origin.clone()));
        let project_of = |row: &session::Model| projects.get(&(row.project.clone(), row.origin.clone()));
        let offering = rows
            .iter()
            .filter(|row| offers(row) && row.origin == self.store.origin())
            .filter_map(|row| project_of(session_of(row)?));
        let trusted = self.folders.seem_trusted(offering).await;
        let mut drawing = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(session) = session_of(&row) else { continue };
            let suggestions: Vec<Suggestion> = if row.suggestions.len() <= ROW {
                serde_json::from_str(&row.suggestions).unwrap_or_default()
            } else {
                Vec::new()
            };
            let scopes = if offers(&row) && row.origin == self.store.origin() {
                AgentKind::parse(&session.agent).map_or(&[][..], |agent| {
                    offered(agent, caller, &suggestions, trusted.contains(&session.project))
                })
            } else {
                &[]
            };
            drawing.push(
                self.approval_row(row, session, project_of(session), suggestions, scopes)
                    .boxed(),
            );
        }
        // Several at once, so that a slow folder does not hold up the list; few, so that few long inputs are in memory.
        let shown: Vec<Option<Approval>> = futures::stream::iter(drawing)
            .buffered(DRAWN_AT_ONCE)
            .try_collect()
            .await?;
        Ok(shown.into_iter().flatten().collect())
    }

    async fn approval_row(
        &self,
        row: approval::Model,
        session: &session::Model,
        project: Option<&project::Model>,
        suggestions: Vec<Suggestion>,
        scopes: &'static [RememberScope],
    ) -> Result<Option<Approval>> {
        let (input, parts) = self.asked(&row).await?;
        let (input, cut) = beginning(input, ROW);
        // A cut input gives no diff: the whole is drawn when the approval is opened.
        let diff = if cut.is_some() {
            None
        } else {
            self.change(&row, project, &parts, &input).await
        };
        let (session, project) = (session.clone(), project.cloned());
        let node = self.names.node(&row.origin).await?;
        let size = Drawn::weight(&row, &parts, &input);
        render::draw(size, move || {
            approval_row(
                node,
                row,
                &session,
                project.as_ref(),
                parts,
                input,
                cut,
                suggestions,
                diff,
                scopes,
            )
        })
        .await
    }

    /// The change that an approval's tool would make. A pending one is placed in the file as it is now.
    async fn change(
        &self,
        row: &approval::Model,
        project: Option<&project::Model>,
        parts: &CallParts,
        input: &Value,
    ) -> Option<Diff> {
        let folder = project.map(|project| project.path.as_str()).unwrap_or_default();
        // The path of another node's project is no path here.
        if row.state == ApprovalState::Pending.word() && row.origin == self.store.origin() {
            self.proposed(folder, parts, input).await
        } else {
            past(folder, parts, input)
        }
    }

    /// The whole input of an approval, if the caller may see its session.
    pub async fn whole_approval(&self, caller: &Caller, id: ApprovalId) -> Result<Option<ApprovalInput>> {
        let Some(row) = self.found_approval(id).await? else {
            return Ok(None);
        };
        let query = session::Entity::find_by_id((row.session.clone(), row.origin.clone())).filter(self.scope(caller));
        let Some(session) = query.one(self.store.read()).await.stored()? else {
            return Ok(None);
        };
        let project = project::Entity::find_by_id((session.project.clone(), session.origin.clone()))
            .one(self.store.read())
            .await
            .stored()?;
        let (input, parts) = self.asked(&row).await?;
        let size = Drawn::weight(&row, &parts, &input);
        let diff = self.change(&row, project.as_ref(), &parts, &input).await;
        let drawn = move || {
            let drawn = Drawn::of(&parts, diff, &input);
            let questions = serde_json::from_str(&row.questions).unwrap_or_default();
            ApprovalInput {
                input,
                input_html: drawn.html,
                diff: drawn.diff,
                plan_html: drawn.plan,
                questions,
            }
        };
        render::draw(size, drawn).await.map(Some)
    }

    /// The exact input of the approval's tool; null when it was purged.
    pub async fn approval_input(&self, row: &approval::Model) -> Result<Value> {
        Ok(self.asked(row).await?.0)
    }

    /// The input, and where in it people find what they look for.
    async fn asked(&self, row: &approval::Model) -> Result<(Value, CallParts)> {
        match self.fact(row.pos).await? {
            Some(Fact::ApprovalAsked(fact)) => Ok((blob::get(&self.store, &fact.input).await?, *fact.shape.parts)),
            _ => Ok((Value::Null, CallParts::default())),
        }
    }

    /// The change that a pending or running call would make to the file as it is now.
    pub(crate) async fn proposed(&self, folder: &str, parts: &CallParts, input: &Value) -> Option<Diff> {
        edit::proposed(&self.folders, &self.journal, folder, parts, input).await
    }
}

/// The scopes at which this caller's "always" would hold, by whether the project is trusted.
pub(crate) fn offered(
    agent: AgentKind,
    caller: &Caller,
    suggestions: &[Suggestion],
    trusted: bool,
) -> &'static [RememberScope] {
    RememberScope::offered(trusted, may_last(caller) && agents::can_last(agent, suggestions))
}

/// Whether the caller may make rules that outlast a session. Such rules are written into settings that everybody's
/// sessions read, and trust follows them, so it takes the right to change projects.
pub(crate) fn may_last(caller: &Caller) -> bool {
    decide(caller, Action::EditProject, Resource::Node) == Decision::Allow
}

/// Whether the approval is pending and the agent suggested a rule.
fn offers(row: &approval::Model) -> bool {
    row.state == ApprovalState::Pending.word() && row.suggestions != "[]" && row.suggestions.len() <= ROW
}

/// What an "always" for all suggestions does at a scope.
fn always(session: &session::Model, suggestions: &[Suggestion], scope: RememberScope) -> Always {
    let file = AgentKind::parse(&session.agent).and_then(|agent| agents::remembered_in(agent, scope));
    Always {
        scope,
        text: Always::text(suggestions, scope),
        file: file.map(str::to_owned),
    }
}

/// Whose time limit applies to the session's approvals, by the project's present setting.
fn limit_of(project: Option<&project::Model>, session: &session::Model) -> Option<LimitOf> {
    match project?.approval_timeout_s {
        Some(seconds) if seconds > 0 => Some(LimitOf::Project),
        _ => session.unattended.then_some(LimitOf::Unattended),
    }
}

/// An input as pages show it.
struct Drawn {
    html: Option<String>,
    diff: Option<Diff>,
    plan: Option<String>,
}

impl Drawn {
    /// The approximate number of bytes to draw.
    fn weight(row: &approval::Model, parts: &CallParts, input: &Value) -> usize {
        let is_code = parts.command.is_some() || parts.plan.is_some();
        render::weight(input) + row.questions.len() + if is_code { render::CODE } else { 0 }
    }

    fn of(parts: &CallParts, diff: Option<Diff>, input: &Value) -> Self {
        Self {
            html: text(input, parts.command.as_deref())
                .map(|command| render::command(command, parts.language.as_deref().unwrap_or_default())),
            diff,
            plan: text(input, parts.plan.as_deref()).map(render::markdown),
        }
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "what an approval is shown with, read before and put together once"
)]
fn approval_row(
    node: NodeRef,
    row: approval::Model,
    session: &session::Model,
    project: Option<&project::Model>,
    parts: CallParts,
    input: Value,
    mut cut: Option<Whole>,
    suggestions: Vec<Suggestion>,
    diff: Option<Diff>,
    scopes: &[RememberScope],
) -> Option<Approval> {
    let kind = ApprovalKind::parse(&row.kind)?;
    let questions = if row.questions.len() <= ROW {
        serde_json::from_str(&row.questions).unwrap_or_default()
    } else {
        cut = cut.or_else(|| {
            Some(Whole {
                bytes: i64::try_from(row.questions.len()).unwrap_or(i64::MAX),
                lines: 1,
            })
        });
        Vec::new()
    };
    let drawn = Drawn::of(&parts, diff, &input);
    Some(Approval {
        node,
        id: id(&row.id)?,
        session: id(&row.session)?,
        session_title: session.title.clone(),
        project: id(&session.project)?,
        project_name: project.map(|project| project.name.clone()).unwrap_or_default(),
        kind,
        tool: row.tool,
        class: CallClass::parse(&row.class).unwrap_or(CallClass::Other),
        label: row.label,
        call: row.call,
        parts,
        input,
        input_cut: cut,
        target: row.target,
        input_html: drawn.html,
        diff: drawn.diff,
        plan_html: drawn.plan,
        questions,
        reason: row.reason,
        subagent: row.subagent,
        always: scopes
            .iter()
            .map(|scope| always(session, &suggestions, *scope))
            .collect(),
        suggestions,
        scopes: scopes.to_vec(),
        state: ApprovalState::parse(&row.state)?,
        created: row.created,
        expires: row.expires,
        limit: row.expires.and_then(|_| limit_of(project, session)),
        directory: project.map(|project| project.path.clone()),
        branch: session.branch.clone(),
        decided: row
            .decided
            .as_deref()
            .and_then(|json| serde_json::from_str::<Decided>(json).ok()),
    })
}
