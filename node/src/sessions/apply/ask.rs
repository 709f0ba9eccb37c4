//! Approvals that an agent asks of a person, and the withdrawal of those that need no answer any more.

use super::Hears;
use crate::{
    agents::{AgentEvent, Answer, Ask, Asks, Cause, Session, driver, still_planning},
    entity::approval,
    journal::{Stored, blob},
    sessions::{
        questions::{after_decision, asks_for},
        scribe::{NewEntry, Scribe, shorten},
    },
};
use model::{
    Result,
    approvals::{ApprovalKind, ApprovalState, Decided, Verdict},
    entries::EntryKind,
    event::{ApprovalAsked, ApprovalDecided, ApprovalWithdrawn},
    id::{ApprovalId, RunId},
    sessions::{AgentKind, Mode},
};
use sea_orm::{ColumnTrait, QueryFilter};

/// The time limit in seconds for approvals of unattended sessions whose project sets none.
const UNATTENDED_LIMIT_S: i64 = 3_600;

pub(super) async fn hear(scribe: &mut Scribe<'_>, hears: &Hears, asks: Asks) -> Result<()> {
    match asks {
        Asks::New(ask) => asked(scribe, hears.run, hears.mode, *ask).await,
        Asks::Cancelled { request } => cancelled(scribe, hears.run, &request).await,
    }
}

/// Denies what was asked, without the agent's words: no person could be shown what it was.
pub(super) fn bare(asks: Asks, agent: AgentKind) -> Vec<AgentEvent> {
    match asks {
        Asks::New(ask) => {
            let no = Answer::deny(
                "This request could not be stored by the node, so that nobody can be asked. Put it in other words.",
            );
            driver(agent)
                .answer(&ask.request, &no)
                .into_iter()
                .map(|line| AgentEvent::Session(Session::Reply { line }))
                .collect()
        }
        cancelled @ Asks::Cancelled { .. } => vec![AgentEvent::Ask(cancelled)],
    }
}

async fn asked(scribe: &mut Scribe<'_>, run: RunId, mode: Mode, ask: Ask) -> Result<()> {
    let id = ApprovalId::from_uuid(scribe.tx.deps().uuid_v7());
    let session = scribe.id;
    let now = scribe.tx.now();
    let against_plan = mode == Mode::Plan && ask.is_against_plan();
    let limit = time_limit(scribe.project().await?.approval_timeout_s, scribe.row.unattended);
    let masked = ask.masked || scribe.tx.masks(&ask.input)?;
    let input = blob::put(scribe.tx, &ask.input).await?;
    let detail = asks_for(ask.kind, ask.shape.name(&ask.tool), &ask.target);
    scribe.push(
        id,
        ApprovalAsked {
            id,
            session,
            run,
            request: ask.request.clone(),
            kind: ask.kind,
            tool: ask.tool,
            shape: ask.shape,
            call: ask.call,
            input,
            masked,
            target: shorten(&ask.target, 500),
            reason: ask.reason.or_else(|| reason_in_words(ask.kind, ask.cause, mode)),
            subagent: ask.subagent,
            suggestions: ask.suggestions,
            questions: ask.questions,
            expires: limit.map(|seconds| now.saturating_add(seconds.saturating_mul(1000))),
        },
    );
    if against_plan {
        let why = "Still planning: nothing may be changed before the plan is approved.";
        scribe.push(
            id,
            ApprovalDecided {
                session,
                decided: by_node(now, why),
                answers: None,
                mode: None,
            },
        );
        let agent = scribe.agent()?;
        let lines = driver(agent).answer(&ask.request, &still_planning(agent));
        scribe.input(run, lines).await?;
        scribe
            .entry(
                EntryKind::Status,
                NewEntry::text(format!("Still planning: {detail} was denied by this node")),
            )
            .await?;
    } else if scribe.is_stopping() {
        scribe.push(
            id,
            ApprovalWithdrawn {
                session,
                why: "the agent was stopped".into(),
            },
        );
    } else {
        // Between turns only a subagent in the background can ask.
        let between = scribe.rests();
        scribe.waits_for(detail, between);
    }
    Ok(())
}

/// The seconds after which an unanswered approval is denied: the project's setting. Without one only unattended
/// sessions have a limit.
fn time_limit(project: Option<i64>, unattended: bool) -> Option<i64> {
    project
        .filter(|seconds| *seconds > 0)
        .or(unattended.then_some(UNATTENDED_LIMIT_S))
}

/// A denial by the node itself.
pub(crate) fn by_node(at: i64, why: &str) -> Decided {
    Decided {
        decision: Verdict::Deny,
        at,
        by: None,
        by_name: Some("node".into()),
        via: "node".into(),
        from: None,
        reason: Some(why.into()),
        remember: None,
    }
}

/// Why a tool asks. If the agent gives no cause, its mode asks and no rule decided. `None` for a cause that this
/// version does not know.
fn reason_in_words(kind: ApprovalKind, cause: Cause, mode: Mode) -> Option<String> {
    if cause == Cause::Unsaid && kind != ApprovalKind::Tool {
        return None;
    }
    let words = match (cause, mode) {
        (Cause::Unsaid, Mode::Plan) => "the session is planning, and no rule allows this",
        (Cause::Unsaid, Mode::Ask) => "mode ask, and no rule allows this",
        (Cause::Unsaid, Mode::AutoAccept) => "mode auto-accept, and no rule allows this",
        (Cause::Mode, Mode::Plan) => "the session is planning",
        (Cause::Mode, Mode::Ask) => "mode ask: edits, commands and network ask",
        (Cause::Mode, Mode::AutoAccept) => "mode auto-accept: only edits in the project run unasked",
        (Cause::Rule, _) => "a permission rule says ask",
        (Cause::Outside, _) => "it reaches outside the project's folder",
        (Cause::Safety, _) => "the agent's own safety check",
        (Cause::Hook, _) => "a hook says ask",
        (Cause::Part, _) => "a part of the command is not allowed by any rule",
        (Cause::Other, _) => return None,
    };
    Some(words.into())
}

async fn cancelled(scribe: &mut Scribe<'_>, run: RunId, request: &str) -> Result<()> {
    let row = scribe
        .tx
        .own::<approval::Entity>()
        .filter(approval::Column::Run.eq(run.to_string()))
        .filter(approval::Column::Request.eq(request))
        .filter(approval::Column::State.eq(ApprovalState::Pending.word()))
        .one(scribe.tx.db())
        .await
        .stored()?;
    // The approval may have been asked within this same commit.
    let fresh = scribe
        .fresh_asks()
        .find(|asked| asked.run == run && asked.request == request)
        .map(|asked| asked.id.to_string());
    if let Some(id) = row.map(|row| row.id).or(fresh) {
        withdraw(scribe, id, "the agent no longer needs an answer");
        after_decision(scribe).await?;
    }
    Ok(())
}

fn withdraw(scribe: &mut Scribe<'_>, id: String, why: &str) {
    let session = scribe.id;
    scribe.push(
        id,
        ApprovalWithdrawn {
            session,
            why: why.into(),
        },
    );
}

/// Withdraws all pending approvals of a session.
pub(crate) async fn withdraw_all(scribe: &mut Scribe<'_>, why: &str) -> Result<()> {
    for (id, _) in scribe.pending().await? {
        withdraw(scribe, id, why);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_gives_no_cause_asks_for_its_mode_and_an_unknown_cause_stays_unsaid() {
        let tool = |cause, mode| reason_in_words(ApprovalKind::Tool, cause, mode);
        assert_eq!(
            tool(Cause::Unsaid, Mode::Ask).as_deref(),
            Some("mode ask, and no rule allows this")
        );
        assert_eq!(
            tool(Cause::Unsaid, Mode::AutoAccept).as_deref(),
            Some("mode auto-accept, and no rule allows this")
        );
        assert_eq!(
            tool(Cause::Rule, Mode::Ask).as_deref(),
            Some("a permission rule says ask")
        );
        assert_eq!(tool(Cause::Other, Mode::Ask), None);
        assert_eq!(reason_in_words(ApprovalKind::Question, Cause::Unsaid, Mode::Ask), None);
    }
}
