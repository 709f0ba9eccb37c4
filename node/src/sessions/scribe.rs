//! The scribe writes the events of one session within one commit. It numbers entries and turns from the session's row
//! and must not outlive the commit that loaded it.

use super::calls::Fresh;
use crate::store::Store;
use crate::{
    entity::{entry, event, input, project, prompt, session},
    journal::{NewEvent, Outcome, Stored, Tx, blob},
};
use model::{
    Error, Pos, Result,
    calls::CallShape,
    entries::EntryKind,
    event::{EntryAdded, Fact, PromptSettled, SessionChanged, SessionMoved},
    id::{PromptId, RunId, SessionId},
    sessions::{AgentKind, PromptState, SessionState},
    standing::Standing,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// The kind of [`Fact::SessionMoved`].
pub(super) const MOVED: &str = "session.moved";
/// The most characters of a text in a row.
pub(super) const PREVIEW: usize = 200;

/// A new item of the transcript.
#[derive(Default)]
pub(crate) struct NewEntry {
    pub(crate) parent: Option<String>,
    pub(crate) by_name: Option<String>,
    /// The text for the preview.
    pub(crate) text: String,
    pub(crate) call: Option<String>,
    pub(crate) tool: Option<String>,
    pub(crate) shape: Option<CallShape>,
    pub(crate) target: Option<String>,
    /// The whole, if the preview cannot hold it.
    pub(crate) body: Option<Value>,
}

impl NewEntry {
    /// An entry of text only.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    pub(crate) fn under(mut self, parent: Option<String>) -> Self {
        self.parent = parent;
        self
    }
}

pub(crate) struct Scribe<'t> {
    pub(crate) tx: &'t Tx<'t>,
    pub(crate) id: SessionId,
    /// The row as it was when the commit began.
    pub(crate) row: session::Model,
    pub(super) state: SessionState,
    pub(super) detail: Option<String>,
    background: bool,
    next_seq: i64,
    turn: i64,
    /// Calls that began within this commit; the table does not have them yet.
    pub(super) fresh_calls: HashMap<String, Fresh>,
    pub(super) ended_calls: HashSet<i64>,
    settled: HashSet<PromptId>,
    holds_prompts: bool,
    next_input: Option<i64>,
    pub(super) events: Vec<NewEvent>,
}

impl<'t> Scribe<'t> {
    /// Loads the session; `NotFound` when there is none.
    pub(crate) async fn load(tx: &'t Tx<'t>, id: SessionId) -> Result<Self> {
        let row = session::Entity::find_by_id(tx.key(id))
            .one(tx.db())
            .await
            .stored()?
            .ok_or_else(|| Error::NotFound("session".into()))?;
        let state = SessionState::parse(&row.state).unwrap_or(SessionState::Unknown);
        Ok(Self {
            tx,
            id,
            state,
            detail: row.state_detail.clone(),
            background: row.background,
            next_seq: row.next_seq.max(1),
            turn: row.turns,
            fresh_calls: HashMap::new(),
            ended_calls: HashSet::new(),
            settled: HashSet::new(),
            holds_prompts: false,
            next_input: None,
            events: Vec::new(),
            row,
        })
    }

    /// The session's agent; `Conflict` when this version does not know it: nothing ever falls back to another one.
    pub(crate) fn agent(&self) -> Result<AgentKind> {
        AgentKind::parse(&self.row.agent).ok_or_else(|| Error::Conflict(unknown_agent(&self.row.agent)))
    }

    /// The state as of the events written so far.
    pub(crate) fn state(&self) -> SessionState {
        self.state
    }

    /// The number of turns as of the events written so far.
    pub(crate) fn turn(&self) -> i64 {
        self.turn
    }

    /// The run that serves the session, if any.
    pub(crate) fn run(&self) -> Option<RunId> {
        self.row.run.as_deref().and_then(|run| run.parse().ok())
    }

    /// The standing as of the events written so far.
    pub(crate) fn standing(&self) -> Standing {
        Standing {
            state: self.state,
            run: self.row.run.is_some(),
            background: self.background,
        }
    }

    /// Whether a stop is under way: the person's state counts, and the agent no longer changes it.
    ///
    /// The stop's own commit says `done`, so the order of commits decides about prompts. An earlier prompt stays
    /// queued. A later prompt, or a resume, says `queued` and starts the agent anew once this process is gone.
    pub(crate) fn is_stopping(&self) -> bool {
        self.row.standing().is_stopping()
    }

    /// From here on the agent gets no prompt: it is being ended, and waiting prompts are for the next one.
    pub(crate) fn hold_prompts(&mut self) {
        self.holds_prompts = true;
    }

    /// Adds an event about any subject.
    pub(crate) fn push(&mut self, subject: impl ToString, fact: impl Into<Fact>) {
        self.events.push(NewEvent {
            subject: subject.to_string(),
            fact: fact.into(),
        });
    }

    /// Moves the session to a state with a cause; does nothing if both are as before.
    pub(crate) fn moved(&mut self, state: SessionState, detail: Option<String>) {
        self.moved_as(state, detail, false);
    }

    fn moved_as(&mut self, state: SessionState, detail: Option<String>, background: bool) {
        let detail = detail.map(|detail| shorten(&detail, 300));
        if self.state == state && self.detail == detail && self.background == background {
            return;
        }
        self.state = state;
        self.detail.clone_from(&detail);
        self.background = background;
        self.push(
            self.id,
            SessionMoved {
                state,
                detail,
                background,
            },
        );
    }

    /// Moves the session because of what the agent did, unless a stop is under way.
    pub(crate) fn led_to(&mut self, state: SessionState, detail: Option<String>) {
        self.led_to_as(state, detail, false);
    }

    pub(super) fn led_to_as(&mut self, state: SessionState, detail: Option<String>, background: bool) {
        if !self.is_stopping() {
            self.moved_as(state, detail, background);
        }
    }

    /// Records a change of the session, unless it is empty.
    pub(crate) fn changed(&mut self, changed: SessionChanged) {
        if changed != SessionChanged::default() {
            self.push(self.id, changed);
        }
    }

    /// Adds an entry and returns its number.
    pub(crate) async fn entry(&mut self, kind: EntryKind, new: NewEntry) -> Result<i64> {
        if kind == EntryKind::Prompt {
            self.turn = self.turn.saturating_add(1);
        }
        let preview = shorten(&new.text, PREVIEW);
        let body = match new.body {
            Some(value) => Some(blob::put(self.tx, &value).await?),
            None if preview != new.text => Some(blob::put(self.tx, &Value::String(new.text)).await?),
            None => None,
        };
        let seq = self.next_seq;
        self.next_seq = self.next_seq.saturating_add(1);
        if let Some(call) = &new.call {
            self.fresh_calls.insert(
                call.clone(),
                Fresh {
                    seq,
                    kind,
                    parent: new.parent.clone(),
                },
            );
        }
        self.push(
            self.id,
            EntryAdded {
                session: self.id,
                seq,
                turn: self.turn,
                kind,
                parent: new.parent,
                by_name: new.by_name,
                preview,
                call: new.call,
                tool: new.tool,
                shape: new.shape,
                target: new.target.map(|target| shorten(&target, 500)),
                body,
            },
        );
        Ok(seq)
    }

    /// The oldest waiting prompt.
    pub(crate) async fn next_prompt(&self) -> Result<Option<prompt::Model>> {
        Ok(self.waiting_prompts().await?.into_iter().next())
    }

    /// The waiting prompts, oldest first.
    async fn waiting_prompts(&self) -> Result<Vec<prompt::Model>> {
        let mut waiting = waiting_prompts(self.tx.store(), self.tx.db(), self.id).await?;
        waiting.retain(|row| row.id.parse().is_ok_and(|id| !self.settled.contains(&id)));
        Ok(waiting)
    }

    /// Whether its agent gets no prompt at present: it is being ended, or the session is deleted.
    fn takes_no_prompt(&self) -> bool {
        self.is_stopping() || self.holds_prompts || self.row.deleted.is_some()
    }

    /// Gives the oldest waiting prompt to the agent; `false` when there is none or the agent gets none.
    pub(crate) async fn send_next_prompt(&mut self, run: RunId) -> Result<bool> {
        if self.takes_no_prompt() {
            return Ok(false);
        }
        let Some(row) = self.next_prompt().await? else {
            return Ok(false);
        };
        let Ok(id) = row.id.parse::<PromptId>() else {
            return Ok(false);
        };
        let lines = crate::agents::driver(self.agent()?).prompt(id, &row.text);
        self.settled.insert(id);
        self.push(
            self.id,
            PromptSettled {
                id,
                session: self.id,
                sent: true,
            },
        );
        self.entry(
            EntryKind::Prompt,
            NewEntry {
                by_name: Some(row.by_name),
                ..NewEntry::text(row.text)
            },
        )
        .await?;
        self.input(run, lines).await?;
        self.turn_begins().await?;
        Ok(true)
    }

    /// Sends the newest prompt again to an agent that has no transcript of it and did nothing about it. Returns `false`
    /// when there is none. The timeline already shows it.
    pub(crate) async fn resend_unread_prompt(&mut self, run: RunId) -> Result<bool> {
        if self.takes_no_prompt() {
            return Ok(false);
        }
        let Some(row) = self.unread_prompt().await? else {
            return Ok(false);
        };
        let Ok(id) = row.id.parse::<PromptId>() else {
            return Ok(false);
        };
        let lines = crate::agents::driver(self.agent()?).prompt(id, &row.text);
        self.entry(
            EntryKind::Status,
            NewEntry::text("The agent had not kept the last prompt: it was given to it again"),
        )
        .await?;
        self.input(run, lines).await?;
        self.turn_begins().await?;
        Ok(true)
    }

    /// The newest prompt that was given to an agent.
    pub(crate) async fn last_sent(&self) -> Result<Option<prompt::Model>> {
        self.tx
            .own::<prompt::Entity>()
            .filter(prompt::Column::Session.eq(self.id.to_string()))
            .filter(prompt::Column::State.eq(PromptState::Sent.word()))
            .order_by_desc(prompt::Column::Pos)
            .one(self.tx.db())
            .await
            .stored()
    }

    /// The newest given prompt, unless the agent has said a word about it or ended its turn. A prompt that a person
    /// stopped is dropped if another one waits.
    async fn unread_prompt(&self) -> Result<Option<prompt::Model>> {
        let Some(row) = self.last_sent().await? else {
            return Ok(None);
        };
        // The prompt's newest event is its being given.
        let given = event::Entity::find()
            .filter(event::Column::Subject.eq(row.id.clone()))
            .filter(event::Column::Origin.eq(self.tx.origin()))
            .order_by_desc(event::Column::Pos)
            .one(self.tx.db())
            .await
            .stored()?
            .map_or(row.pos, |event| event.pos);
        let of_the_agent = [
            EntryKind::Message,
            EntryKind::Thought,
            EntryKind::Tool,
            EntryKind::Plan,
            EntryKind::Todo,
            EntryKind::Task,
        ];
        let replied = self
            .tx
            .own::<entry::Entity>()
            .filter(entry::Column::Session.eq(self.id.to_string()))
            .filter(entry::Column::Pos.gt(given))
            .filter(entry::Column::Kind.is_in(of_the_agent.map(EntryKind::word)))
            .limit(1)
            .one(self.tx.db())
            .await
            .stored()?
            .is_some();
        let moves = moves_since(self.tx.store(), self.tx.db(), self.id, given).await?;
        let led_to = |state: SessionState| moves.iter().any(|(_, moved)| moved.state == state);
        // An interrupt without a cause was reported by the agent. One with a cause comes from the node, and its agent
        // may never have read the prompt.
        let interrupted = moves
            .iter()
            .any(|(_, moved)| moved.state == SessionState::Interrupted && moved.detail.is_none());
        let over = replied || led_to(SessionState::Idle) || interrupted;
        let superseded = led_to(SessionState::Done) && self.next_prompt().await?.is_some();
        Ok(Some(row).filter(|_| !over && !superseded))
    }

    /// Whether a waiting prompt came after the session's move to its present state.
    pub(crate) async fn spoken_to_since_it_moved(&self) -> Result<bool> {
        let Some(waiting) = self.waiting_prompts().await?.pop() else {
            return Ok(false);
        };
        Ok(!moves_since(self.tx.store(), self.tx.db(), self.id, waiting.pos)
            .await?
            .iter()
            .any(|(_, moved)| moved.state == self.state))
    }

    /// Stores lines for the agent's stdin; they are sent exactly once, after the commit.
    pub(crate) async fn input(&mut self, run: RunId, lines: Vec<Vec<u8>>) -> Result<()> {
        let mut n = match self.next_input {
            Some(n) => n,
            None => {
                let last: Option<i64> = input::Entity::find()
                    .filter(input::Column::Run.eq(run.to_string()))
                    .select_only()
                    .column_as(input::Column::N.max(), "last")
                    .into_tuple::<Option<i64>>()
                    .one(self.tx.db())
                    .await
                    .stored()?
                    .flatten();
                last.unwrap_or(0) + 1
            }
        };
        for line in lines {
            let row = input::ActiveModel {
                run: Set(run.to_string()),
                n: Set(n),
                line: Set(line),
                acked: Set(false),
            };
            input::Entity::insert(row)
                .exec_without_returning(self.tx.db())
                .await
                .stored()?;
            n += 1;
        }
        self.next_input = Some(n);
        Ok(())
    }

    /// The session's project.
    pub(crate) async fn project(&self) -> Result<project::Model> {
        project::Entity::find_by_id(self.tx.key(&self.row.project))
            .one(self.tx.db())
            .await
            .stored()?
            .ok_or_else(|| Error::NotFound("project".into()))
    }

    /// Ends the commit with `value`.
    pub(crate) fn finish<T>(self, value: T) -> Outcome<T> {
        Outcome {
            value,
            events: self.events,
        }
    }
}

/// The waiting prompts of a session, oldest first.
pub(super) async fn waiting_prompts(
    store: &Store,
    db: &impl ConnectionTrait,
    session: SessionId,
) -> Result<Vec<prompt::Model>> {
    store
        .own::<prompt::Entity>()
        .filter(prompt::Column::Session.eq(session.to_string()))
        .filter(prompt::Column::State.eq(PromptState::Queued.word()))
        .order_by_asc(prompt::Column::Pos)
        .all(db)
        .await
        .stored()
}

/// Whether a waiting prompt came after the session's move to `state`, its present state.
pub(super) async fn spoken_to_since(
    store: &Store,
    db: &impl ConnectionTrait,
    session: SessionId,
    state: SessionState,
) -> Result<bool> {
    let Some(waiting) = waiting_prompts(store, db, session).await?.pop() else {
        return Ok(false);
    };
    Ok(!moves_since(store, db, session, waiting.pos)
        .await?
        .iter()
        .any(|(_, moved)| moved.state == state))
}

/// The session's moves after a position, oldest first.
async fn moves_since(
    store: &Store,
    db: &impl ConnectionTrait,
    session: SessionId,
    pos: Pos,
) -> Result<Vec<(Pos, SessionMoved)>> {
    let rows = event::Entity::find()
        .filter(event::Column::Subject.eq(session.to_string()))
        .filter(event::Column::Origin.eq(store.origin()))
        .filter(event::Column::Pos.gt(pos))
        .filter(event::Column::Kind.eq(MOVED))
        .order_by_asc(event::Column::Pos)
        .all(db)
        .await
        .stored()?;
    Ok(rows.iter().filter_map(|row| Some((row.pos, moved_to(row)?))).collect())
}

/// The move that an event records, if it does.
pub(super) fn moved_to(row: &event::Model) -> Option<SessionMoved> {
    match Fact::decode(&row.kind, row.v, row.payload.as_deref()?)? {
        Fact::SessionMoved(moved) => Some(moved),
        _ => None,
    }
}

/// Why a session of this agent cannot be used: a newer version, or something else, wrote the agent's name.
pub(super) fn unknown_agent(word: &str) -> String {
    format!(
        "this version of OrchWiz knows no agent called `{}`: upgrade it, or start a new session",
        shorten(word, 40)
    )
}

/// The text in at most `limit` characters; an ellipsis marks a cut.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => text
            .chars()
            .take(limit.saturating_sub(1))
            .chain(std::iter::once('…'))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_is_of_the_kind_that_is_looked_for() {
        assert_eq!(
            Fact::from(SessionMoved {
                state: SessionState::Idle,
                detail: None,
                background: false
            })
            .kind(),
            MOVED
        );
    }

    #[test]
    fn a_preview_cuts_at_characters_not_bytes() {
        assert_eq!(shorten("größe", 5), "größe");
        assert_eq!(shorten("größer", 5), "größ…");
        assert_eq!(shorten("", 5), "");
    }
}
