//! Turns an agent's events into facts of its session; no other place does. It runs within a commit and must not touch
//! processes: lines for the agent are stored, not sent.

mod ask;
mod call;
mod said;
mod session;
mod task;
#[cfg(test)]
mod transitions;
mod turn;

pub(crate) use ask::{by_node, withdraw_all};

use super::scribe::Scribe;
use crate::{
    agents::{AgentEvent, Said},
    entity::run_cursor,
    journal::{Outcome, Stored, Tx},
};
use model::{
    Result,
    id::{RunId, SessionId},
    sessions::{AgentKind, Mode, SessionState},
};
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};

/// Commits what the agent of `run` did up to byte `offset` of its output. Idempotent by offset, so a caller may retry
/// after a lost answer. With `ending` the agent gets no more prompts.
pub(crate) async fn agent_events<'t>(
    tx: &'t Tx<'t>,
    session: SessionId,
    run: RunId,
    events: Vec<AgentEvent>,
    offset: u64,
    ending: bool,
) -> Result<Outcome<SessionState>> {
    let mut scribe = Scribe::load(tx, session).await?;
    let cursor = run_cursor::Entity::find_by_id(run.to_string())
        .one(tx.db())
        .await
        .stored()?;
    if cursor.is_some_and(|cursor| u64::try_from(cursor.offset).is_ok_and(|known| known >= offset)) {
        let state = scribe.state();
        return Ok(scribe.finish(state));
    }
    if ending {
        scribe.hold_prompts();
    }
    let mode = Mode::parse(&scribe.row.mode).unwrap_or(Mode::Ask);
    let mut hears = Hears {
        run,
        mode,
        model: scribe.row.model.clone(),
        version: scribe.row.agent_version.clone(),
    };
    for event in events {
        match event {
            AgentEvent::Turn(turn) => turn::hear(&mut scribe, &hears, turn).await?,
            AgentEvent::Said(said) => said::hear(&mut scribe, said).await?,
            AgentEvent::Call(call) => call::hear(&mut scribe, call).await?,
            AgentEvent::Ask(asks) => ask::hear(&mut scribe, &hears, asks).await?,
            AgentEvent::Task(task) => task::hear(&mut scribe, task).await?,
            AgentEvent::Session(said) => session::hear(&mut scribe, &mut hears, said).await?,
        }
    }
    consumed(tx, run, offset).await?;
    let state = scribe.state();
    Ok(scribe.finish(state))
}

/// The same events with a notice instead of the agent's words, for words that the database refuses. All events that
/// decide the session's state stay, and every question is answered.
pub(crate) fn without_words(agent: AgentKind, events: Vec<AgentEvent>) -> Vec<AgentEvent> {
    const WHY: &str = "Some of what the agent wrote here could not be stored; its raw output has it.";
    let bare = |event: AgentEvent| match event {
        AgentEvent::Turn(turn) => vec![turn::bare(turn, WHY)],
        AgentEvent::Ask(asks) => ask::bare(asks, agent),
        AgentEvent::Session(said) => session::bare(said, WHY).into_iter().collect(),
        AgentEvent::Said(_) | AgentEvent::Call(_) | AgentEvent::Task(_) => Vec::new(),
    };
    std::iter::once(AgentEvent::Said(Said::Error { text: WHY.into() }))
        .chain(events.into_iter().flat_map(bare))
        .collect()
}

/// Stores the run's cursor: output up to `offset` is in the journal.
pub(crate) async fn consumed(tx: &Tx<'_>, run: RunId, offset: u64) -> Result<()> {
    let row = run_cursor::ActiveModel {
        run: Set(run.to_string()),
        offset: Set(i64::try_from(offset).unwrap_or(i64::MAX)),
    };
    run_cursor::Entity::insert(row)
        .on_conflict(
            OnConflict::column(run_cursor::Column::Run)
                .update_column(run_cursor::Column::Offset)
                .to_owned(),
        )
        .exec_without_returning(tx.db())
        .await
        .stored()?;
    Ok(())
}

/// What one commit knows of the session beyond its row.
struct Hears {
    /// The process whose events these are.
    run: RunId,
    mode: Mode,
    model: Option<String>,
    version: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::{Ask, Asks, Cause, Session, Turn, TurnOutcome, Wish};
    use model::{approvals::ApprovalKind, calls::CallShape};
    use serde_json::json;

    #[test]
    fn what_cannot_be_stored_leaves_nobody_waiting_and_no_turn_open() {
        let ask = Ask {
            request: "r1".into(),
            kind: ApprovalKind::Tool,
            tool: "Bash".into(),
            shape: CallShape::default(),
            call: None,
            input: json!({"command": "secret words"}),
            masked: false,
            target: "secret words".into(),
            reason: None,
            cause: Cause::Unsaid,
            subagent: None,
            suggestions: Vec::new(),
            questions: Vec::new(),
        };
        let events = vec![
            AgentEvent::Turn(Turn::Started),
            AgentEvent::Said(Said::Message {
                parent: None,
                text: "secret words".into(),
            }),
            AgentEvent::Ask(Asks::New(Box::new(ask))),
            AgentEvent::Session(Session::Control {
                wish: Wish::Initialize,
                ok: false,
                error: Some("secret words".into()),
            }),
            AgentEvent::Turn(Turn::Ended {
                outcome: TurnOutcome::Failed("secret words".into()),
            }),
        ];
        let bare = without_words(AgentKind::Claude, events);
        assert!(!format!("{bare:?}").contains("secret words"), "{bare:?}");
        assert!(matches!(&bare[0], AgentEvent::Said(Said::Error { .. })));
        assert_eq!(bare[1], AgentEvent::Turn(Turn::Started));
        assert!(
            matches!(&bare[2], AgentEvent::Session(Session::Reply { line }) if String::from_utf8_lossy(line).contains(r#""behavior":"deny""#)),
            "{bare:?}"
        );
        assert!(matches!(
            &bare[3],
            AgentEvent::Session(Session::Control {
                wish: Wish::Initialize,
                ok: false,
                error: Some(_)
            })
        ));
        assert!(matches!(
            &bare[4],
            AgentEvent::Turn(Turn::Ended {
                outcome: TurnOutcome::Failed(_)
            })
        ));
        assert_eq!(bare.len(), 5);
    }
}
