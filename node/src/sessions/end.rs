//! The end of an agent's process: what it means for the session, and why. It decides within one commit from what was
//! seen of the end, and waits for nothing.

use super::{
    apply,
    engine::Stop,
    scribe::{NewEntry, Scribe},
};
use crate::{
    entity::{input, run_cursor, session},
    journal::Stored,
};
use model::{
    Result,
    entries::{CallStatus, EntryKind},
    event::{Exit, RunEnded},
    id::{RunId, SessionId},
    sessions::SessionState,
    standing::Standing,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

/// Why a turn was cut short when the node ended.
const STOPPED: &str = "the node was stopped together with its agents";

/// The inputs of that decision.
#[derive(Clone)]
pub(super) struct End {
    pub(super) session: SessionId,
    pub(super) run: RunId,
    pub(super) exit: Exit,
    pub(super) stop: Option<Stop>,
    pub(super) name: &'static str,
    pub(super) stderr: String,
    pub(super) resumed: bool,
    /// The node cut a turn short to end the process, and the turn reported that itself.
    pub(super) cut: bool,
    /// Background tasks were running.
    pub(super) tasks: bool,
    /// Why its shim ended it: a sentence.
    pub(super) note: Option<String>,
    /// How the node itself failed while it served the agent: a sentence.
    pub(super) broken: Option<String>,
}

impl End {
    /// An end of which only the exit is known.
    pub(super) fn unseen(session: SessionId, run: RunId, name: &'static str, exit: Exit) -> Self {
        Self {
            session,
            run,
            exit,
            stop: None,
            name,
            stderr: String::new(),
            resumed: false,
            cut: false,
            tasks: false,
            note: None,
            broken: None,
        }
    }

    /// Commits the end of the process.
    pub(super) async fn commit<'t>(self, tx: &'t crate::journal::Tx<'t>) -> Result<crate::journal::Outcome<()>> {
        let mut scribe = Scribe::load(tx, self.session).await?;
        let before = scribe.state();
        let stopped = scribe.is_stopping();
        scribe.end_open_calls(CallStatus::Unknown).await?;
        apply::withdraw_all(&mut scribe, "the agent's process ended").await?;
        scribe.push(
            self.run,
            RunEnded {
                run: self.run,
                session: self.session,
                exit: self.exit.clone(),
            },
        );
        let waiting = scribe.next_prompt().await?.is_some();
        let (state, detail) = self.verdict(before, scribe.row.state_detail.clone());
        // A prompt from before the failure waits behind it. A prompt from after the failure starts the agent anew.
        let goes_on = match state {
            SessionState::Idle | SessionState::Interrupted => waiting,
            SessionState::Failed if before == state => waiting && scribe.spoken_to_since_it_moved().await?,
            _ => false,
        };
        // A deleted session keeps its waiting prompts until it is restored.
        let goes_on = goes_on && scribe.row.deleted.is_none();
        if stopped {
            // The person's state stays: `done`, or `queued` by a prompt after the stop.
        } else if self.found_nothing(&scribe.row) && scribe.row.deleted.is_none() {
            scribe
                .entry(
                    EntryKind::Status,
                    NewEntry::text("The agent has no transcript of this conversation: it starts anew"),
                )
                .await?;
            scribe.moved(SessionState::Queued, None);
        } else if goes_on {
            if self.stop == Some(Stop::Trust) {
                let lost = if self.tasks {
                    "; what it ran in the background ended with it"
                } else {
                    ""
                };
                scribe
                    .entry(
                        EntryKind::Status,
                        NewEntry::text(format!(
                            "What the project may run has changed: {} starts anew{lost}",
                            self.name
                        )),
                    )
                    .await?;
            }
            scribe.moved(SessionState::Queued, None);
        } else {
            if state == SessionState::Failed
                && let Some(detail) = detail.as_ref().filter(|_| before != state)
            {
                scribe.entry(EntryKind::Error, NewEntry::text(detail.clone())).await?;
            }
            scribe.moved(state, detail);
        }
        input::Entity::delete_many()
            .filter(input::Column::Run.eq(self.run.to_string()))
            .exec(tx.db())
            .await
            .stored()?;
        run_cursor::Entity::delete_many()
            .filter(run_cursor::Column::Run.eq(self.run.to_string()))
            .exec(tx.db())
            .await
            .stored()?;
        Ok(scribe.finish(()))
    }

    /// The agent was to resume a conversation and reported that it has none.
    fn found_nothing(&self, row: &session::Model) -> bool {
        self.resumed && !row.resumable && self.stop.is_none()
    }

    /// The session's new state with its cause; `why` is the cause of the state before. An agent that ends at rest
    /// leaves the cause as it is.
    fn verdict(&self, before: SessionState, why: Option<String>) -> (SessionState, Option<String>) {
        let rests = Standing {
            state: before,
            run: true,
            background: false,
        }
        .is_settled();
        if let Some(broken) = &self.broken {
            return (SessionState::Unknown, Some(broken.clone()));
        }
        match (&self.stop, &self.exit) {
            // This commit is the only record of the stop.
            (Some(Stop::Unwritten { by }), _) if before != SessionState::Done => {
                (SessionState::Done, Some(format!("stopped by {by}")))
            }
            (None, Exit::Code { .. } | Exit::Signal { .. }) if self.note.is_some() => (
                SessionState::Failed,
                self.note.as_ref().map(|note| format!("{}: {note}", self.name)),
            ),
            (Some(Stop::Person | Stop::Node), _) if self.cut && before == SessionState::Interrupted => {
                (before, Some(STOPPED.into()))
            }
            (Some(_), _) if rests => (before, why),
            (Some(Stop::Silent), _) => (
                SessionState::Failed,
                Some(format!(
                    "{} said nothing at all after it was started, and was ended",
                    self.name
                )),
            ),
            (Some(Stop::Idle), _) => (
                SessionState::Interrupted,
                Some(format!(
                    "{} was ended because it had rested long, just as it began again",
                    self.name
                )),
            ),
            (Some(Stop::Trust), _) => (
                SessionState::Interrupted,
                Some("what the project may run has changed".into()),
            ),
            (Some(Stop::Person | Stop::Unwritten { .. } | Stop::Node), _) => {
                (SessionState::Interrupted, Some(STOPPED.into()))
            }
            (None, Exit::Lost) => (
                SessionState::Unknown,
                Some(format!("nobody saw how {} ended", self.name)),
            ),
            (None, Exit::Code { code: 0 }) if rests => (before, why),
            (None, Exit::Code { .. } | Exit::Signal { .. }) if before == SessionState::Failed && why.is_some() => {
                (before, why)
            }
            // No turn was under way, so only the process failed; the next prompt starts it again.
            (None, Exit::Code { code }) if rests => (
                before,
                Some(format!("{} ended with code {code} while it rested", self.name)),
            ),
            (None, Exit::Signal { signal }) if rests => (
                before,
                Some(format!("{} was ended by signal {signal} while it rested", self.name)),
            ),
            (None, Exit::Code { code: 0 }) => (
                SessionState::Failed,
                Some(format!("{} ended in the middle of a turn", self.name)),
            ),
            (None, Exit::Code { code }) => (
                SessionState::Failed,
                Some(self.with_stderr(&format!("{} ended with code {code}", self.name))),
            ),
            (None, Exit::Signal { signal }) => (
                SessionState::Failed,
                Some(self.with_stderr(&format!("{} was ended by signal {signal}", self.name))),
            ),
            (None, Exit::NotStarted { why }) => (
                SessionState::Failed,
                Some(format!("{} could not be started: {why}", self.name)),
            ),
        }
    }

    fn with_stderr(&self, text: &str) -> String {
        match self.stderr.lines().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => format!("{text}: {}", line.trim()),
            None => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn end(stop: Option<Stop>, exit: Exit) -> End {
        End {
            session: SessionId::from_uuid(Uuid::from_u128(1)),
            run: RunId::from_uuid(Uuid::from_u128(2)),
            exit,
            stop,
            name: "Claude Code",
            stderr: "first\nlast line\n\n".into(),
            resumed: false,
            cut: false,
            tasks: false,
            note: None,
            broken: None,
        }
    }

    #[test]
    fn an_unseen_end_is_never_success() {
        for before in SessionState::ALL {
            let (state, detail) = end(None, Exit::Lost).verdict(*before, None);
            assert_eq!(state, SessionState::Unknown);
            assert!(detail.is_some());
        }
    }

    #[test]
    fn no_end_leaves_a_session_at_work() {
        let exits = [
            Exit::Lost,
            Exit::Code { code: 0 },
            Exit::Code { code: 1 },
            Exit::Signal { signal: 9 },
            Exit::NotStarted {
                why: "no such file".into(),
            },
        ];
        let stops = [
            None,
            Some(Stop::Person),
            Some(Stop::Unwritten { by: "mara".into() }),
            Some(Stop::Idle),
            Some(Stop::Trust),
            Some(Stop::Silent),
            Some(Stop::Node),
        ];
        for before in SessionState::ALL {
            for exit in &exits {
                for stop in &stops {
                    let (state, _) = end(stop.clone(), exit.clone()).verdict(*before, None);
                    assert!(!state.is_live(), "{before:?} {exit:?} {stop:?} gave {state:?}");
                }
            }
        }
    }

    #[test]
    fn a_failure_says_what_the_agent_said_last() {
        let (state, detail) = end(None, Exit::Code { code: 1 }).verdict(SessionState::Working, None);
        assert_eq!(
            (state, detail.as_deref()),
            (SessionState::Failed, Some("Claude Code ended with code 1: last line"))
        );
    }

    #[test]
    fn the_end_of_an_agent_that_rested_takes_no_cause_away() {
        let why = || Some("the model is overloaded".to_owned());
        for (stop, exit) in [
            (Some(Stop::Idle), Exit::Code { code: 0 }),
            (None, Exit::Code { code: 0 }),
            (None, Exit::Code { code: 1 }),
        ] {
            assert_eq!(
                end(stop, exit).verdict(SessionState::Failed, why()),
                (SessionState::Failed, why())
            );
        }
        assert_eq!(
            end(Some(Stop::Idle), Exit::Code { code: 0 })
                .verdict(SessionState::Interrupted, why())
                .1,
            why()
        );
        assert_eq!(
            end(None, Exit::Code { code: 1 })
                .verdict(SessionState::Failed, None)
                .1
                .as_deref(),
            Some("Claude Code ended with code 1 while it rested")
        );
    }
}
