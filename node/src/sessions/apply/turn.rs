//! Turns: how their beginning and end change the session.

use super::Hears;
use crate::{
    agents::{AgentEvent, Turn, TurnOutcome},
    sessions::scribe::Scribe,
};
use model::{Result, id::RunId, sessions::SessionState};

pub(super) async fn hear(scribe: &mut Scribe<'_>, hears: &Hears, turn: Turn) -> Result<()> {
    match turn {
        Turn::Started => {
            if scribe.state() == SessionState::Starting || scribe.rests() {
                scribe.turn_begins().await?;
            }
            Ok(())
        }
        Turn::Ended { outcome } => ended(scribe, hears.run, outcome).await,
    }
}

/// The same without the agent's words.
pub(super) fn bare(turn: Turn, why: &str) -> AgentEvent {
    AgentEvent::Turn(match turn {
        Turn::Ended {
            outcome: TurnOutcome::Failed(_),
        } => Turn::Ended {
            outcome: TurnOutcome::Failed(why.into()),
        },
        other => other,
    })
}

async fn ended(scribe: &mut Scribe<'_>, run: RunId, outcome: TurnOutcome) -> Result<()> {
    scribe.end_open_tools().await?;
    // After a failure the process may be about to end, so a waiting prompt is kept back.
    if !matches!(outcome, TurnOutcome::Failed(_))
        && scribe.state() != SessionState::Starting
        && scribe.send_next_prompt(run).await?
    {
        return Ok(());
    }
    match outcome {
        // A subagent in the background may still ask after the turn that started it.
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
