//! Standing: the meaning of a session's state together with its process. The only place that says whether a session
//! rests, is being stopped, or may take a prompt.

use crate::sessions::SessionState;

/// How a session stands.
///
/// | state | with a process | without one |
/// |---|---|---|
/// | `queued` | it is being stopped, and starts anew for what was said since | it waits for a place |
/// | `starting` | its agent has not answered yet | the same: its process is being made |
/// | `working` | a turn runs | nobody has noticed the end of its process yet |
/// | `waiting` | a turn waits for a person; in the background: no turn runs, a subagent asks | as `working` |
/// | `idle`, `interrupted`, `failed` | its agent rests and takes a prompt | the next prompt starts an agent |
/// | `done` | it is being stopped | a prompt or *Resume* starts an agent |
/// | `unknown` | nobody knows | a prompt or *Resume* starts an agent |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: SessionState,
    /// It has a process.
    pub run: bool,
    /// Only a subagent in the background asks; no turn runs.
    pub background: bool,
}

impl Standing {
    /// No turn runs, and the agent, if there is one, takes a prompt.
    pub const fn rests(self) -> bool {
        match self.state {
            SessionState::Idle | SessionState::Interrupted | SessionState::Failed => true,
            SessionState::Waiting => self.background,
            SessionState::Queued
            | SessionState::Starting
            | SessionState::Working
            | SessionState::Done
            | SessionState::Unknown => false,
        }
    }

    /// A turn runs that could be interrupted.
    pub const fn in_turn(self) -> bool {
        matches!(self.state, SessionState::Working | SessionState::Waiting) && !self.rests()
    }

    /// Nothing is under way and nothing is asked, so the end of its process interrupts nothing.
    pub const fn is_settled(self) -> bool {
        matches!(
            self.state,
            SessionState::Idle | SessionState::Interrupted | SessionState::Failed | SessionState::Done
        )
    }

    /// A person's stop is under way: its process is being ended and gets nothing more.
    pub const fn is_stopping(self) -> bool {
        self.run && matches!(self.state, SessionState::Done | SessionState::Queued)
    }

    /// An agent is there and stays.
    pub const fn has_agent(self) -> bool {
        self.run && !self.is_stopping()
    }

    /// A new prompt has to wait, for a turn to end or for a place.
    pub const fn queues_prompts(self) -> bool {
        self.state.is_live() && !self.rests()
    }

    /// A new prompt starts an agent: there is none, and none is about to start.
    pub const fn is_started_by_a_prompt(self) -> bool {
        self.is_stopping() || (!self.run && !self.state.is_live())
    }

    /// It has a process, or is about to: there is something to stop.
    pub const fn can_be_stopped(self) -> bool {
        self.run || self.state.is_live()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All combinations of state, process and background, each with a letter for what holds: `r`ests, in `t`urn,
    /// `s`ettled, s`T`opping, has an `a`gent, `q`ueues prompts, is started by a `p`rompt, `c`an be stopped.
    const TABLE: &[(&str, bool, bool, &str)] = &[
        ("queued", false, false, "qc"),
        ("queued", true, false, "Tqpc"),
        ("starting", false, false, "qc"),
        ("starting", true, false, "aqc"),
        ("working", false, false, "tqc"),
        ("working", true, false, "taqc"),
        ("waiting", false, false, "tqc"),
        ("waiting", false, true, "rc"),
        ("waiting", true, false, "taqc"),
        ("waiting", true, true, "rac"),
        ("idle", false, false, "rsp"),
        ("idle", true, false, "rsac"),
        ("interrupted", false, false, "rsp"),
        ("interrupted", true, false, "rsac"),
        ("failed", false, false, "rsp"),
        ("failed", true, false, "rsac"),
        ("done", false, false, "sp"),
        ("done", true, false, "sTpc"),
        ("unknown", false, false, "p"),
        ("unknown", true, false, "ac"),
    ];

    fn letters(standing: Standing) -> String {
        let all = [
            ('r', standing.rests()),
            ('t', standing.in_turn()),
            ('s', standing.is_settled()),
            ('T', standing.is_stopping()),
            ('a', standing.has_agent()),
            ('q', standing.queues_prompts()),
            ('p', standing.is_started_by_a_prompt()),
            ('c', standing.can_be_stopped()),
        ];
        all.into_iter()
            .filter_map(|(letter, holds)| holds.then_some(letter))
            .collect()
    }

    #[test]
    fn every_combination_means_what_the_table_says() {
        for state in SessionState::ALL.iter().copied() {
            for run in [false, true] {
                for background in [false, true] {
                    // Only what waits can wait in the background; a stray flag changes nothing.
                    let told = background && state == SessionState::Waiting;
                    let row = TABLE
                        .iter()
                        .find(|row| (row.0, row.1, row.2) == (state.word(), run, told));
                    let expected = row
                        .unwrap_or_else(|| panic!("the table has no row for {state:?}, {run}, {told}"))
                        .3;
                    assert_eq!(
                        letters(Standing { state, run, background }),
                        expected,
                        "{state:?}, run {run}, background {background}"
                    );
                }
            }
        }
    }
}
