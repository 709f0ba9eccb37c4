//! The scribe: writes what happens in one session as events, within one commit.
//! It numbers entries and turns from the session's row and must not outlive the commit that loaded it.

use crate::{
    blob,
    entity::{approval, entry, event, input, project, prompt, session},
    journal::{NewEvent, Outcome, Tx, internal},
};
use model::{
    Error, Pos, Result,
    approvals::{ApprovalKind, ApprovalState},
    entries::{CallStatus, EntryKind},
    event::{ApprovalAsked, Body, EntryAdded, EntryEnded, Fact, PromptSettled, SessionChanged, SessionMoved},
    id::{PromptId, RunId, SessionId},
    sessions::{AgentKind, PromptState, SessionState},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// The kind of [`Fact::SessionMoved`].
const MOVED: &str = "session.moved";
/// How the detail of a session begins that waits between its turns: only a subagent in the background asks, and the agent itself is free.
pub(crate) const BACKGROUND: &str = "In the background: ";
/// So many questions one after the other are looked through for how a session rested before them.
const LOOK_BACK: u64 = 100;
/// How much of a text a row shows, in characters.
const PREVIEW: usize = 200;

/// An item of the transcript that is about to be written.
#[derive(Default)]
pub(crate) struct NewEntry {
    pub(crate) parent: Option<String>,
    pub(crate) by_name: Option<String>,
    /// The text to preview.
    pub(crate) text: String,
    pub(crate) call: Option<String>,
    pub(crate) tool: Option<String>,
    pub(crate) target: Option<String>,
    /// The whole, when the preview cannot hold it.
    pub(crate) body: Option<Value>,
}

impl NewEntry {
    /// An entry that is only text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub(crate) fn under(mut self, parent: Option<String>) -> Self {
        self.parent = parent;
        self
    }
}

/// What came of a call.
#[derive(Default)]
pub(crate) struct CallEnd {
    pub(crate) result: Option<String>,
    pub(crate) added: Option<i64>,
    pub(crate) removed: Option<i64>,
    pub(crate) output: Option<Value>,
}

/// A call that began within this commit.
struct Fresh {
    seq: i64,
    parent: Option<String>,
}

/// A call that is not over.
struct Open {
    seq: i64,
    call: String,
    parent: Option<String>,
}

impl Open {
    fn is_task(&self) -> bool {
        self.call.starts_with("task:")
    }
}

/// Writes events about one session.
pub(crate) struct Scribe<'t> {
    pub(crate) tx: &'t Tx<'t>,
    pub(crate) id: SessionId,
    /// The row as it was when the commit began.
    pub(crate) row: session::Model,
    state: SessionState,
    detail: Option<String>,
    next_seq: i64,
    turn: i64,
    /// Calls that began within this commit: the table does not have them yet.
    fresh_calls: HashMap<String, Fresh>,
    ended_calls: HashSet<i64>,
    settled: HashSet<PromptId>,
    holds_prompts: bool,
    next_input: Option<i64>,
    events: Vec<NewEvent>,
}

impl<'t> Scribe<'t> {
    /// Reads the session; `NotFound` when there is none.
    pub(crate) async fn load(tx: &'t Tx<'t>, id: SessionId) -> Result<Self> {
        let row = session::Entity::find_by_id(id.to_string()).one(tx.db()).await.map_err(internal)?.ok_or_else(|| Error::NotFound("session".into()))?;
        let state = SessionState::parse(&row.state).unwrap_or(SessionState::Unknown);
        Ok(Self {
            tx,
            id,
            state,
            detail: row.state_detail.clone(),
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

    /// The agent of the session.
    pub(crate) fn agent(&self) -> AgentKind {
        AgentKind::parse(&self.row.agent).unwrap_or(AgentKind::Demo)
    }

    /// The state as of the events written so far.
    pub(crate) fn state(&self) -> SessionState {
        self.state
    }

    /// Whether it waits between its turns: what asks is a subagent in the background.
    pub(crate) fn rests_behind_questions(&self) -> bool {
        self.state == SessionState::Waiting && self.rests_between_turns()
    }

    /// [`rests_between_turns`], as of the events written so far.
    pub(crate) fn rests_between_turns(&self) -> bool {
        rests_between_turns(Some(self.state), self.detail.as_deref())
    }

    /// Turns as of the events written so far.
    pub(crate) fn turn(&self) -> i64 {
        self.turn
    }

    /// The run that serves the session, if any.
    pub(crate) fn run(&self) -> Option<RunId> {
        self.row.run.as_deref().and_then(|run| run.parse().ok())
    }

    /// A stop is under way: a person's word on the state counts, and what the agent still does no longer changes it.
    ///
    /// The stop's own commit says `done`, so the order of commits decides about prompts: one accepted before it stays queued, one
    /// accepted after it, or a resume, says `queued` and starts the agent anew once this process is gone.
    pub(crate) fn is_stopping(&self) -> bool {
        self.row.run.is_some() && is_ending(SessionState::parse(&self.row.state).unwrap_or(SessionState::Unknown))
    }

    /// From here on the agent gets no prompt: it is being ended, and what waits is for the next one.
    pub(crate) fn hold_prompts(&mut self) {
        self.holds_prompts = true;
    }

    /// An event about something else in the same commit.
    pub(crate) fn push(&mut self, subject: impl ToString, fact: impl Into<Fact>) {
        self.events.push(NewEvent { subject: subject.to_string(), fact: fact.into() });
    }

    /// The session is now in this state, for this reason; nothing when both are as before.
    pub(crate) fn moved(&mut self, state: SessionState, detail: Option<String>) {
        let detail = detail.map(|detail| shorten(&detail, 300));
        if self.state == state && self.detail == detail {
            return;
        }
        self.state = state;
        self.detail.clone_from(&detail);
        self.push(self.id, SessionMoved { state, detail });
    }

    /// What the agent did leads to this state, unless it is being stopped.
    pub(crate) fn led_to(&mut self, state: SessionState, detail: Option<String>) {
        if !self.is_stopping() {
            self.moved(state, detail);
        }
    }

    /// Something of the session changed.
    pub(crate) fn changed(&mut self, changed: SessionChanged) {
        if changed != SessionChanged::default() {
            self.push(self.id, changed);
        }
    }

    /// Adds an entry and gives its number.
    pub(crate) async fn entry(&mut self, kind: EntryKind, new: NewEntry) -> Result<i64> {
        if kind == EntryKind::Prompt {
            self.turn += 1;
        }
        let preview = shorten(&new.text, PREVIEW);
        let body = match new.body {
            Some(value) => Some(blob::put(self.tx, &value).await?),
            None if preview != new.text => Some(blob::put(self.tx, &Value::String(new.text)).await?),
            None => None,
        };
        let seq = self.next_seq;
        self.next_seq += 1;
        if let Some(call) = &new.call {
            self.fresh_calls.insert(call.clone(), Fresh { seq, parent: new.parent.clone() });
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
                target: new.target.map(|target| shorten(&target, 500)),
                body,
            },
        );
        Ok(seq)
    }

    /// The outcome of a call; `false` when no such call is running.
    pub(crate) async fn end_call(&mut self, call: &str, status: CallStatus, end: CallEnd) -> Result<bool> {
        let seq = match self.fresh_calls.get(call) {
            Some(fresh) => Some(fresh.seq),
            None => entry::Entity::find()
                .filter(entry::Column::Session.eq(self.id.to_string()))
                .filter(entry::Column::Call.eq(call))
                .filter(entry::Column::Ended.is_null())
                .order_by_desc(entry::Column::Seq)
                .one(self.tx.db())
                .await
                .map_err(internal)?
                .map(|row| row.seq),
        };
        let Some(seq) = seq.filter(|seq| !self.ended_calls.contains(seq)) else { return Ok(false) };
        self.end_entry(seq, status, end).await?;
        Ok(true)
    }

    async fn end_entry(&mut self, seq: i64, status: CallStatus, end: CallEnd) -> Result<()> {
        let body: Option<Body> = match end.output {
            Some(output) => Some(blob::put(self.tx, &output).await?),
            None => None,
        };
        self.ended_calls.insert(seq);
        let result = end.result.map(|result| shorten(&result, PREVIEW));
        self.push(self.id, EntryEnded { session: self.id, seq, status, result, added: end.added, removed: end.removed, body });
        Ok(())
    }

    /// Ends every call that still runs: nobody will see its end any more.
    pub(crate) async fn end_open_calls(&mut self, status: CallStatus) -> Result<()> {
        self.end_open(status, false).await
    }

    /// `turn`: only what ends with its turn.
    async fn end_open(&mut self, status: CallStatus, turn: bool) -> Result<()> {
        let rows = entry::Entity::find()
            .filter(entry::Column::Session.eq(self.id.to_string()))
            .filter(entry::Column::Status.eq(CallStatus::Running.word()))
            .all(self.tx.db())
            .await
            .map_err(internal)?;
        let stored = rows.into_iter().map(|row| Open { seq: row.seq, call: row.call.unwrap_or_default(), parent: row.parent });
        let fresh = self.fresh_calls.iter().map(|(call, fresh)| Open { seq: fresh.seq, call: call.clone(), parent: fresh.parent.clone() });
        let mut open: Vec<Open> = stored.chain(fresh).filter(|open| !self.ended_calls.contains(&open.seq)).collect();
        if turn {
            open = of_turn(open);
        }
        for Open { seq, .. } in open {
            self.end_entry(seq, status, CallEnd::default()).await?;
        }
        Ok(())
    }

    /// The oldest prompt that waits.
    pub(crate) async fn next_prompt(&self) -> Result<Option<prompt::Model>> {
        Ok(self.waiting_prompts().await?.into_iter().next())
    }

    /// The prompts that wait, oldest first.
    async fn waiting_prompts(&self) -> Result<Vec<prompt::Model>> {
        let mut waiting = prompt::Entity::find()
            .filter(prompt::Column::Session.eq(self.id.to_string()))
            .filter(prompt::Column::State.eq(PromptState::Queued.word()))
            .order_by_asc(prompt::Column::Pos)
            .all(self.tx.db())
            .await
            .map_err(internal)?;
        waiting.retain(|row| row.id.parse().is_ok_and(|id| !self.settled.contains(&id)));
        Ok(waiting)
    }

    /// Gives the oldest waiting prompt to the agent; `false` when none waits, or the agent is being stopped.
    pub(crate) async fn send_next_prompt(&mut self, run: RunId) -> Result<bool> {
        if self.is_stopping() || self.holds_prompts {
            return Ok(false);
        }
        let Some(row) = self.next_prompt().await? else { return Ok(false) };
        let Ok(id) = row.id.parse::<PromptId>() else { return Ok(false) };
        let lines = crate::agents::driver(self.agent()).prompt(id, &row.text);
        self.settled.insert(id);
        self.push(self.id, PromptSettled { id, session: self.id, sent: true });
        self.entry(EntryKind::Prompt, NewEntry { by_name: Some(row.by_name), ..NewEntry::text(row.text) }).await?;
        self.input(run, lines).await?;
        self.turn_begins().await?;
        Ok(true)
    }

    /// Says the newest prompt again to an agent that has no transcript of it and did nothing about it; `false` when there is none. It is in the
    /// timeline already.
    pub(crate) async fn resend_unread_prompt(&mut self, run: RunId) -> Result<bool> {
        if self.is_stopping() || self.holds_prompts {
            return Ok(false);
        }
        let Some(row) = self.unread_prompt().await? else { return Ok(false) };
        let Ok(id) = row.id.parse::<PromptId>() else { return Ok(false) };
        let lines = crate::agents::driver(self.agent()).prompt(id, &row.text);
        self.entry(EntryKind::Status, NewEntry::text("The agent had not kept the last prompt: it was given to it again")).await?;
        self.input(run, lines).await?;
        self.turn_begins().await?;
        Ok(true)
    }

    /// The newest prompt that an agent was given, if nothing came of it: no word of the agent, no end of its turn. One whose agent a person
    /// stopped is left alone where something else was said since.
    async fn unread_prompt(&self) -> Result<Option<prompt::Model>> {
        let row = prompt::Entity::find()
            .filter(prompt::Column::Session.eq(self.id.to_string()))
            .filter(prompt::Column::State.eq(PromptState::Sent.word()))
            .order_by_desc(prompt::Column::Pos)
            .one(self.tx.db())
            .await
            .map_err(internal)?;
        let Some(row) = row else { return Ok(None) };
        // Its newest event is that it was given.
        let given = event::Entity::find()
            .filter(event::Column::Subject.eq(row.id.clone()))
            .order_by_desc(event::Column::Pos)
            .one(self.tx.db())
            .await
            .map_err(internal)?
            .map_or(row.pos, |event| event.pos);
        let of_the_agent = [EntryKind::Message, EntryKind::Thought, EntryKind::Tool, EntryKind::Plan, EntryKind::Todo, EntryKind::Task];
        let replied = entry::Entity::find()
            .filter(entry::Column::Session.eq(self.id.to_string()))
            .filter(entry::Column::Pos.gt(given))
            .filter(entry::Column::Kind.is_in(of_the_agent.map(EntryKind::word)))
            .limit(1)
            .one(self.tx.db())
            .await
            .map_err(internal)?
            .is_some();
        let moves = self.moves_since(given).await?;
        let led_to = |state: SessionState| moves.iter().any(|(_, moved)| moved.state == state);
        // A turn that an agent says was interrupted needs no cause; a cause is the node's, of an agent that may never have read the prompt.
        let interrupted = moves.iter().any(|(_, moved)| moved.state == SessionState::Interrupted && moved.detail.is_none());
        let over = replied || led_to(SessionState::Idle) || interrupted;
        let superseded = led_to(SessionState::Done) && self.next_prompt().await?.is_some();
        Ok(Some(row).filter(|_| !over && !superseded))
    }

    /// How the session moved after a position, and where, oldest first.
    async fn moves_since(&self, pos: Pos) -> Result<Vec<(Pos, SessionMoved)>> {
        let rows = event::Entity::find()
            .filter(event::Column::Subject.eq(self.id.to_string()))
            .filter(event::Column::Pos.gt(pos))
            .filter(event::Column::Kind.eq(MOVED))
            .order_by_asc(event::Column::Pos)
            .all(self.tx.db())
            .await
            .map_err(internal)?;
        Ok(rows.iter().filter_map(|row| Some((row.pos, moved_to(row)?))).collect())
    }

    /// How it rested before it waited for a question in the background.
    pub(crate) async fn rested_as(&self) -> Result<(SessionState, Option<String>)> {
        let rows = event::Entity::find()
            .filter(event::Column::Subject.eq(self.id.to_string()))
            .filter(event::Column::Kind.eq(MOVED))
            .order_by_desc(event::Column::Pos)
            .limit(LOOK_BACK)
            .all(self.tx.db())
            .await
            .map_err(internal)?;
        let stored = rows.iter().filter_map(moved_to);
        let fresh = self.events.iter().rev().filter_map(|event| match &event.fact {
            Fact::SessionMoved(moved) => Some(moved.clone()),
            _ => None,
        });
        let before = fresh.chain(stored).find(|moved| moved.state != SessionState::Waiting);
        Ok(match before {
            Some(SessionMoved { state: state @ (SessionState::Interrupted | SessionState::Failed), detail }) => (state, detail),
            _ => (SessionState::Idle, None),
        })
    }

    /// Whether something was said to the session after it came into the state it is in.
    pub(crate) async fn spoken_to_since_it_moved(&self) -> Result<bool> {
        let Some(waiting) = self.waiting_prompts().await?.pop() else { return Ok(false) };
        Ok(!self.moves_since(waiting.pos).await?.iter().any(|(_, moved)| moved.state == self.state))
    }

    /// Whether the events written so far settle this approval.
    pub(crate) fn settles(&self, approval: &str) -> bool {
        self.events.iter().any(|event| event.subject == approval && matches!(event.fact, Fact::ApprovalDecided(_) | Fact::ApprovalWithdrawn(_)))
    }

    /// What was asked within this commit and is not settled in it: the table does not have it yet.
    pub(crate) fn fresh_asks(&self) -> impl Iterator<Item = &ApprovalAsked> {
        let asked = self.events.iter().filter_map(|event| match &event.fact {
            Fact::ApprovalAsked(asked) => Some(asked),
            _ => None,
        });
        asked.filter(|asked| !self.settles(&asked.id.to_string()))
    }

    /// What waits for a decision as of the events written so far, oldest first: the approval's id, and what the session's state says of it.
    pub(crate) async fn pending(&self) -> Result<Vec<(String, String)>> {
        let rows = approval::Entity::find()
            .filter(approval::Column::Session.eq(self.id.to_string()))
            .filter(approval::Column::State.eq(ApprovalState::Pending.word()))
            .order_by_asc(approval::Column::Id)
            .all(self.tx.db())
            .await
            .map_err(internal)?;
        let stored = rows.into_iter().filter(|row| !self.settles(&row.id)).map(|row| (row.id, ApprovalKind::parse(&row.kind), row.tool, row.target));
        let fresh = self.fresh_asks().map(|asked| (asked.id.to_string(), Some(asked.kind), asked.tool.clone(), asked.target.clone()));
        Ok(stored.chain(fresh).map(|(id, kind, tool, target)| (id, asks_for(kind.unwrap_or(ApprovalKind::Tool), &tool, &target))).collect())
    }

    /// A turn is under way: it is at work, or waits for what is asked already.
    pub(crate) async fn turn_begins(&mut self) -> Result<()> {
        match self.pending().await?.into_iter().next() {
            Some((_, what)) => self.led_to(SessionState::Waiting, Some(what)),
            None => self.led_to(SessionState::Working, None),
        }
        Ok(())
    }

    /// Ends tool calls that still run when their turn is over; background tasks go on.
    pub(crate) async fn end_open_tools(&mut self) -> Result<()> {
        self.end_open(CallStatus::Unknown, true).await
    }

    /// Stores lines for the agent's stdin: they are sent after the commit, exactly once.
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
                    .map_err(internal)?
                    .flatten();
                last.unwrap_or(0) + 1
            }
        };
        for line in lines {
            let row = input::ActiveModel { run: Set(run.to_string()), n: Set(n), line: Set(line), acked: Set(false) };
            input::Entity::insert(row).exec_without_returning(self.tx.db()).await.map_err(internal)?;
            n += 1;
        }
        self.next_input = Some(n);
        Ok(())
    }

    /// The session's project.
    pub(crate) async fn project(&self) -> Result<project::Model> {
        project::Entity::find_by_id(self.row.project.clone()).one(self.tx.db()).await.map_err(internal)?.ok_or_else(|| Error::NotFound("project".into()))
    }

    /// Ends the commit with `value`.
    pub(crate) fn finish<T>(self, value: T) -> Outcome<T> {
        Outcome { value, events: self.events }
    }
}

/// Whether an agent in this state, for this reason, is free to take a prompt.
pub(crate) fn rests_between_turns(state: Option<SessionState>, detail: Option<&str>) -> bool {
    match state {
        Some(SessionState::Idle | SessionState::Interrupted | SessionState::Failed) => true,
        Some(SessionState::Waiting) => detail.is_some_and(|detail| detail.starts_with(BACKGROUND)),
        _ => false,
    }
}

/// What a session waits for, as its state says it. It begins with the node's own words or a tool's name, whatever the agent asks.
pub(crate) fn asks_for(kind: ApprovalKind, tool: &str, target: &str) -> String {
    match kind {
        ApprovalKind::Tool => format!("{tool}: {target}"),
        ApprovalKind::Plan => "Plan to approve".into(),
        ApprovalKind::Question => format!("Question: {target}"),
    }
}

/// Which of the open calls end with their turn. Tasks in the background go on, and so does what a subagent in the background does: the call that
/// started it is over.
fn of_turn(open: Vec<Open>) -> Vec<Open> {
    let (tasks, mut rest): (Vec<Open>, Vec<Open>) = open.into_iter().partition(Open::is_task);
    if tasks.is_empty() {
        return rest;
    }
    let mut ends: Vec<Open> = Vec::new();
    loop {
        let within = |open: &Open| open.parent.as_ref().is_none_or(|parent| ends.iter().any(|end| end.call == *parent));
        let (more, left): (Vec<Open>, Vec<Open>) = rest.into_iter().partition(within);
        if more.is_empty() {
            return ends;
        }
        ends.extend(more);
        rest = left;
    }
}

/// How an event moved its session.
fn moved_to(row: &event::Model) -> Option<SessionMoved> {
    match Fact::decode(&row.kind, row.v, row.payload.as_deref()?)? {
        Fact::SessionMoved(moved) => Some(moved),
        _ => None,
    }
}

/// Whether a session in this state that still has a process is being stopped: nothing else is done or queued while it has one.
pub(crate) const fn is_ending(state: SessionState) -> bool {
    matches!(state, SessionState::Done | SessionState::Queued)
}

/// The first `limit` characters of the text, on one line where it is a preview; an ellipsis marks a cut.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => text.chars().take(limit.saturating_sub(1)).chain(std::iter::once('…')).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_is_of_the_kind_that_is_looked_for() {
        assert_eq!(Fact::from(SessionMoved { state: SessionState::Idle, detail: None }).kind(), MOVED);
    }

    #[test]
    fn a_preview_cuts_at_characters_not_bytes() {
        assert_eq!(shorten("größe", 5), "größe");
        assert_eq!(shorten("größer", 5), "größ…");
        assert_eq!(shorten("", 5), "");
    }
}
