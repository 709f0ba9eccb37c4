//! What an agent did, turned into events of its session. The one place where agent words become facts.
//! It runs within a commit and must not touch processes: lines for the agent are stored, not sent.

use super::{
    calls::CallEnd,
    questions::{after_decision, asks_for},
    scribe::{NewEntry, Scribe, shorten},
};
use crate::{
    agents::{AgentEvent, Answer, Ask, TurnOutcome, Wish, driver, entry_kind},
    entity::{approval, run_cursor},
    journal::{Outcome, Stored, Tx, blob},
};
use model::{
    Result,
    approvals::{ApprovalKind, ApprovalState, Decided, Verdict},
    entries::EntryKind,
    event::{ApprovalAsked, ApprovalDecided, ApprovalWithdrawn, SessionChanged, UsageRecorded},
    id::{ApprovalId, RunId, SessionId},
    sessions::{AgentKind, Mode, SessionState},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, sea_query::OnConflict};
use serde_json::Value;

const DAY_MS: i64 = 86_400_000;
/// What an unattended session asks is denied after so many seconds where the project sets no limit.
const UNATTENDED_LIMIT_S: i64 = 3_600;

/// Commits what the agent of `run` did up to byte `offset` of its output; nothing when that is in the journal already, because whoever asked
/// did not hear of it. `ending`: the node is ending the agent, which gets no more prompts.
pub(crate) async fn agent_events<'t>(
    tx: &'t Tx<'t>,
    session: SessionId,
    run: RunId,
    events: Vec<AgentEvent>,
    offset: u64,
    ending: bool,
) -> Result<Outcome<SessionState>> {
    let mut scribe = Scribe::load(tx, session).await?;
    let cursor = run_cursor::Entity::find_by_id(run.to_string()).one(tx.db()).await.stored()?;
    if cursor.is_some_and(|cursor| u64::try_from(cursor.offset).is_ok_and(|known| known >= offset)) {
        let state = scribe.state();
        return Ok(scribe.finish(state));
    }
    if ending {
        scribe.hold_prompts();
    }
    let mut applied =
        Applied { mode: Mode::parse(&scribe.row.mode).unwrap_or(Mode::Ask), model: scribe.row.model.clone(), version: scribe.row.agent_version.clone() };
    for event in events {
        one(&mut scribe, run, &mut applied, event).await?;
    }
    consumed(tx, run, offset).await?;
    let state = scribe.state();
    Ok(scribe.finish(state))
}

/// The same events without what the agent put into words, and a sentence in their place: for words that no database takes. Whatever decides
/// what the session is stays, and nobody is left waiting: what was asked is denied, for nobody could be shown what it was.
pub(crate) fn without_words(agent: AgentKind, events: Vec<AgentEvent>) -> Vec<AgentEvent> {
    const WHY: &str = "Some of what the agent wrote here could not be stored; its raw output has it.";
    let bare = |event: AgentEvent| match event {
        AgentEvent::TurnStarted
        | AgentEvent::Context { .. }
        | AgentEvent::Mode(_)
        | AgentEvent::AskCancelled { .. }
        | AgentEvent::Reply { .. }
        | AgentEvent::Resumable
        | AgentEvent::NothingToResume => vec![event],
        AgentEvent::Control { wish, ok, error } => vec![AgentEvent::Control { wish, ok, error: error.map(|_| WHY.into()) }],
        AgentEvent::TurnEnded { outcome: TurnOutcome::Failed(_) } => vec![AgentEvent::TurnEnded { outcome: TurnOutcome::Failed(WHY.into()) }],
        AgentEvent::TurnEnded { .. } => vec![event],
        AgentEvent::Ask(ask) => {
            let no = Answer::deny("This request could not be stored by the node, so that nobody can be asked. Put it in other words.");
            driver(agent).answer(&ask.request, &no).into_iter().map(|line| AgentEvent::Reply { line }).collect()
        }
        _ => Vec::new(),
    };
    std::iter::once(AgentEvent::Error { text: WHY.into() }).chain(events.into_iter().flat_map(bare)).collect()
}

/// Records that the run's output up to `offset` is in the journal.
pub(crate) async fn consumed(tx: &Tx<'_>, run: RunId, offset: u64) -> Result<()> {
    let row = run_cursor::ActiveModel { run: Set(run.to_string()), offset: Set(i64::try_from(offset).unwrap_or(i64::MAX)) };
    run_cursor::Entity::insert(row)
        .on_conflict(OnConflict::column(run_cursor::Column::Run).update_column(run_cursor::Column::Offset).to_owned())
        .exec_without_returning(tx.db())
        .await
        .stored()?;
    Ok(())
}

/// What is known of the session beyond its row, within one commit.
struct Applied {
    mode: Mode,
    model: Option<String>,
    version: Option<String>,
}

async fn one(scribe: &mut Scribe<'_>, run: RunId, applied: &mut Applied, event: AgentEvent) -> Result<()> {
    match event {
        AgentEvent::Ready { version, model, mode } => ready(scribe, applied, version, model, mode),
        AgentEvent::TurnStarted => {
            if scribe.state() == SessionState::Starting || scribe.rests() {
                scribe.turn_begins().await?;
            }
        }
        AgentEvent::Message { parent, text } => {
            scribe.entry(EntryKind::Message, NewEntry::text(text).under(parent)).await?;
        }
        AgentEvent::Thought { parent, text } => {
            scribe.entry(EntryKind::Thought, NewEntry::text(text).under(parent)).await?;
        }
        AgentEvent::ToolStart { id, tool, target, input, parent } => tool_start(scribe, id, tool, target, input, parent).await?,
        AgentEvent::ToolEnd { id, status, result, added, removed, output } => {
            scribe.end_call(&id, status, CallEnd { result, added, removed, output: Some(output) }).await?;
        }
        AgentEvent::Ask(ask) => asked(scribe, run, applied.mode, *ask).await?,
        AgentEvent::AskCancelled { request } => cancelled(scribe, run, &request).await?,
        AgentEvent::Todo { parent, todos } => {
            let text = todo_line(&todos);
            scribe.entry(EntryKind::Todo, NewEntry { body: Some(todos), ..NewEntry::text(text).under(parent) }).await?;
        }
        AgentEvent::TaskStarted { id, call, task, text } => {
            let tool = task.unwrap_or_else(|| "task".into());
            let new = NewEntry {
                parent: None,
                call: Some(task_call(&id)),
                tool: Some(tool),
                target: Some(text.clone()),
                body: call.map(|call| serde_json::json!({ "started_by": call })),
                ..NewEntry::text(text)
            };
            scribe.entry(EntryKind::Task, new).await?;
        }
        AgentEvent::TaskEnded { id, status, text } => {
            scribe.end_call(&task_call(&id), status, CallEnd { result: Some(shorten(&text, 200)), ..CallEnd::default() }).await?;
        }
        AgentEvent::Usage { model, tokens, cost_micros } => {
            let Ok(project) = scribe.row.project.parse() else { return Ok(()) };
            let session = scribe.id;
            let day = scribe.tx.now().div_euclid(DAY_MS);
            scribe.push(run, UsageRecorded { session, run, project, model, day, tokens, cost_micros });
        }
        AgentEvent::Context { used, size } => {
            let news = SessionChanged {
                context_used: (scribe.row.context_used != Some(used)).then_some(used),
                context_size: size.filter(|size| scribe.row.context_size != Some(*size)),
                ..SessionChanged::default()
            };
            scribe.changed(news);
        }
        AgentEvent::Mode(mode) => mode_is(scribe, applied, mode).await?,
        AgentEvent::Status { text } => {
            scribe.entry(EntryKind::Status, NewEntry::text(text)).await?;
        }
        AgentEvent::Error { text } => {
            scribe.entry(EntryKind::Error, NewEntry::text(text)).await?;
        }
        AgentEvent::Control { wish: Wish::Initialize, ok, error } => initialized(scribe, run, ok, error).await?,
        AgentEvent::Control { wish: Wish::Mode(mode), ok: true, .. } => mode_is(scribe, applied, mode).await?,
        AgentEvent::TurnEnded { outcome } => turn_ended(scribe, run, outcome).await?,
        AgentEvent::Resumable => {
            if !scribe.row.resumable {
                scribe.changed(SessionChanged { resumable: Some(true), ..SessionChanged::default() });
            }
        }
        AgentEvent::NothingToResume => {
            // The process ends by itself; its end queues the session again, to be started anew.
            scribe.changed(SessionChanged { resumable: Some(false), ..SessionChanged::default() });
        }
        AgentEvent::Reply { line } => scribe.input(run, vec![line]).await?,
        AgentEvent::Raw(value) => {
            let text = value.get("type").and_then(Value::as_str).unwrap_or("message").to_owned();
            let text = value.get("subtype").and_then(Value::as_str).map_or(text.clone(), |subtype| format!("{text}/{subtype}"));
            scribe.entry(EntryKind::Raw, NewEntry { body: Some(value), ..NewEntry::text(text) }).await?;
        }
        // Half-written text is never journaled; progress of tasks and answers to other wishes are shown by what follows them.
        AgentEvent::Delta { .. } | AgentEvent::DeltaReset { .. } | AgentEvent::TaskProgress { .. } | AgentEvent::Control { .. } => {}
    }
    Ok(())
}

fn task_call(id: &str) -> String {
    format!("task:{id}")
}

fn ready(scribe: &mut Scribe<'_>, applied: &mut Applied, version: Option<String>, model: Option<String>, mode: Option<Mode>) {
    let news = SessionChanged {
        agent_version: version.filter(|version| applied.version.as_ref() != Some(version)),
        model: model.filter(|model| applied.model.as_ref() != Some(model)),
        mode: mode.filter(|mode| applied.mode != *mode),
        ..SessionChanged::default()
    };
    applied.version = news.agent_version.clone().or(applied.version.take());
    applied.model = news.model.clone().or(applied.model.take());
    applied.mode = news.mode.unwrap_or(applied.mode);
    scribe.changed(news);
}

async fn mode_is(scribe: &mut Scribe<'_>, applied: &mut Applied, mode: Mode) -> Result<()> {
    if applied.mode != mode {
        applied.mode = mode;
        scribe.changed(SessionChanged { mode: Some(mode), ..SessionChanged::default() });
        scribe.entry(EntryKind::Status, NewEntry::text(format!("Mode: {}", mode.word()))).await?;
    }
    Ok(())
}

async fn tool_start(scribe: &mut Scribe<'_>, id: String, tool: String, target: String, input: Value, parent: Option<String>) -> Result<()> {
    let kind = entry_kind(&tool);
    let plan = input.get("plan").and_then(Value::as_str).filter(|_| kind == EntryKind::Plan).map(str::to_owned);
    let text = plan.clone().unwrap_or_else(|| target.clone());
    let body = Some(plan.map_or(input, Value::String));
    scribe.entry(kind, NewEntry { parent, call: Some(id), tool: Some(tool), target: Some(target), body, ..NewEntry::text(text) }).await?;
    Ok(())
}

async fn asked(scribe: &mut Scribe<'_>, run: RunId, mode: Mode, ask: Ask) -> Result<()> {
    let id = ApprovalId::from_uuid(scribe.tx.deps().uuid_v7());
    let session = scribe.id;
    let now = scribe.tx.now();
    let against_plan = mode == Mode::Plan && ask.is_against_plan();
    let limit = time_limit(scribe.project().await?.approval_timeout_s, scribe.row.unattended);
    let masked = ask.masked || scribe.tx.masks(&ask.input)?;
    let input = blob::put(scribe.tx, &ask.input).await?;
    let detail = asks_for(ask.kind, &ask.tool, &ask.target);
    scribe.push(
        id,
        ApprovalAsked {
            id,
            session,
            run,
            request: ask.request.clone(),
            kind: ask.kind,
            tool: ask.tool,
            call: ask.call,
            input,
            masked,
            target: shorten(&ask.target, 500),
            reason: ask.reason.or_else(|| reason_in_words(ask.kind, ask.reason_type.as_deref(), mode)),
            subagent: ask.subagent,
            suggestions: ask.suggestions,
            questions: ask.questions,
            expires: limit.map(|seconds| now.saturating_add(seconds.saturating_mul(1000))),
        },
    );
    if against_plan {
        let why = "Still planning: nothing may be changed before the plan is approved.";
        scribe.push(id, ApprovalDecided { session, decided: by_node(now, why), answers: None, mode: None });
        let lines = driver(scribe.agent()?).answer(&ask.request, &Answer::still_planning());
        scribe.input(run, lines).await?;
        scribe.entry(EntryKind::Status, NewEntry::text(format!("Still planning: {detail} was denied by this node"))).await?;
    } else if scribe.is_stopping() {
        scribe.push(id, ApprovalWithdrawn { session, why: "the agent was stopped".into() });
    } else {
        // Between turns nobody but a subagent in the background can ask.
        let between = scribe.rests();
        scribe.waits_for(detail, between);
    }
    Ok(())
}

/// After how many seconds an unanswered approval is denied: what the project says; where it says nothing, only unattended sessions have a limit.
fn time_limit(project: Option<i64>, unattended: bool) -> Option<i64> {
    project.filter(|seconds| *seconds > 0).or(unattended.then_some(UNATTENDED_LIMIT_S))
}

/// A denial by the node itself.
pub(crate) fn by_node(at: i64, why: &str) -> Decided {
    Decided { decision: Verdict::Deny, at, by: None, by_name: Some("node".into()), via: "node".into(), from: None, reason: Some(why.into()), remember: None }
}

/// Why a tool asks. An agent that gives no cause asks because its mode does and no rule decided; a cause this version does not know stays unsaid.
fn reason_in_words(kind: ApprovalKind, cause: Option<&str>, mode: Mode) -> Option<String> {
    if cause.is_none() && kind != ApprovalKind::Tool {
        return None;
    }
    let words = match (cause, mode) {
        (None, Mode::Plan) => "the session is planning, and no rule allows this",
        (None, Mode::Ask) => "mode ask, and no rule allows this",
        (None, Mode::AutoAccept) => "mode auto-accept, and no rule allows this",
        (Some("mode"), Mode::Plan) => "the session is planning",
        (Some("mode"), Mode::Ask) => "mode ask: edits, commands and network ask",
        (Some("mode"), Mode::AutoAccept) => "mode auto-accept: only edits in the project run unasked",
        (Some("rule"), _) => "a permission rule says ask",
        (Some("workingDir"), _) => "it reaches outside the project's folder",
        (Some("safetyCheck"), _) => "the agent's own safety check",
        (Some("hook"), _) => "a hook says ask",
        (Some("subcommandResults"), _) => "a part of the command is not allowed by any rule",
        _ => return None,
    };
    Some(words.into())
}

async fn cancelled(scribe: &mut Scribe<'_>, run: RunId, request: &str) -> Result<()> {
    let row = approval::Entity::find()
        .filter(approval::Column::Run.eq(run.to_string()))
        .filter(approval::Column::Request.eq(request))
        .filter(approval::Column::State.eq(ApprovalState::Pending.word()))
        .one(scribe.tx.db())
        .await
        .stored()?;
    // It may have been asked and cancelled within one commit.
    let fresh = scribe.fresh_asks().find(|asked| asked.run == run && asked.request == request).map(|asked| asked.id.to_string());
    if let Some(id) = row.map(|row| row.id).or(fresh) {
        withdraw(scribe, id, "the agent no longer needs an answer");
        after_decision(scribe).await?;
    }
    Ok(())
}

fn withdraw(scribe: &mut Scribe<'_>, id: String, why: &str) {
    let session = scribe.id;
    scribe.push(id, ApprovalWithdrawn { session, why: why.into() });
}

/// Withdraws everything a session still asks.
pub(crate) async fn withdraw_all(scribe: &mut Scribe<'_>, why: &str) -> Result<()> {
    for (id, _) in scribe.pending().await? {
        withdraw(scribe, id, why);
    }
    Ok(())
}

async fn initialized(scribe: &mut Scribe<'_>, run: RunId, ok: bool, error: Option<String>) -> Result<()> {
    if !ok {
        let why = error.unwrap_or_else(|| "the agent refused to start".into());
        scribe.entry(EntryKind::Error, NewEntry::text(why.clone())).await?;
        scribe.led_to(SessionState::Failed, Some(why));
        return Ok(());
    }
    if scribe.state() != SessionState::Starting {
        return Ok(());
    }
    if !scribe.row.resumable && scribe.turn() > 0 && scribe.resend_unread_prompt(run).await? {
        return Ok(());
    }
    if !scribe.send_next_prompt(run).await? {
        scribe.led_to(SessionState::Idle, None);
    }
    Ok(())
}

async fn turn_ended(scribe: &mut Scribe<'_>, run: RunId, outcome: TurnOutcome) -> Result<()> {
    scribe.end_open_tools().await?;
    // After a failure the process may be about to end: what waits is not thrown after it.
    if !matches!(outcome, TurnOutcome::Failed(_)) && scribe.state() != SessionState::Starting && scribe.send_next_prompt(run).await? {
        return Ok(());
    }
    match outcome {
        // A subagent in the background may go on asking after the turn that started it.
        TurnOutcome::Completed => match scribe.pending().await?.into_iter().next() {
            Some((_, what)) => scribe.waits_for(what, true),
            None => scribe.led_to(SessionState::Idle, None),
        },
        TurnOutcome::Interrupted => scribe.led_to(SessionState::Interrupted, None),
        // The error itself is in the timeline already.
        TurnOutcome::Failed(why) => scribe.led_to(SessionState::Failed, Some(why)),
    }
    Ok(())
}

fn todo_line(todos: &Value) -> String {
    let Some(items) = todos.as_array() else { return "Todo list".into() };
    let done = items.iter().filter(|item| item.get("status").and_then(Value::as_str) == Some("completed")).count();
    format!("{done} of {} done", items.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_cannot_be_stored_leaves_nobody_waiting_and_no_turn_open() {
        let ask = Ask {
            request: "r1".into(),
            kind: ApprovalKind::Tool,
            tool: "Bash".into(),
            call: None,
            input: json!({"command": "secret words"}),
            masked: false,
            target: "secret words".into(),
            reason: None,
            reason_type: None,
            subagent: None,
            suggestions: Vec::new(),
            questions: Vec::new(),
        };
        let events = vec![
            AgentEvent::TurnStarted,
            AgentEvent::Message { parent: None, text: "secret words".into() },
            AgentEvent::Ask(Box::new(ask)),
            AgentEvent::Control { wish: Wish::Initialize, ok: false, error: Some("secret words".into()) },
            AgentEvent::TurnEnded { outcome: TurnOutcome::Failed("secret words".into()) },
        ];
        let bare = without_words(AgentKind::Claude, events);
        assert!(!format!("{bare:?}").contains("secret words"), "{bare:?}");
        assert!(matches!(&bare[0], AgentEvent::Error { .. }));
        assert_eq!(bare[1], AgentEvent::TurnStarted);
        assert!(matches!(&bare[2], AgentEvent::Reply { line } if String::from_utf8_lossy(line).contains(r#""behavior":"deny""#)), "{bare:?}");
        assert!(matches!(&bare[3], AgentEvent::Control { wish: Wish::Initialize, ok: false, error: Some(_) }));
        assert!(matches!(&bare[4], AgentEvent::TurnEnded { outcome: TurnOutcome::Failed(_) }));
        assert_eq!(bare.len(), 5);
    }

    #[test]
    fn a_tool_that_gives_no_cause_asks_for_its_mode_and_an_unknown_cause_stays_unsaid() {
        let tool = |cause, mode| reason_in_words(ApprovalKind::Tool, cause, mode);
        assert_eq!(tool(None, Mode::Ask).as_deref(), Some("mode ask, and no rule allows this"));
        assert_eq!(tool(None, Mode::AutoAccept).as_deref(), Some("mode auto-accept, and no rule allows this"));
        assert_eq!(tool(Some("rule"), Mode::Ask).as_deref(), Some("a permission rule says ask"));
        assert_eq!(tool(Some("from a newer agent"), Mode::Ask), None);
        assert_eq!(reason_in_words(ApprovalKind::Question, None, Mode::Ask), None);
    }
}
