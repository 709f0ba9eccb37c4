//! Calls: how tool calls and tasks end, and which of them end with a turn. A call whose end nobody saw gets the status
//! `unknown`; nothing waits for it.

use super::scribe::{PREVIEW, Scribe, shorten};
use crate::{
    entity::entry,
    journal::{Stored, blob},
};
use model::{
    Result,
    entries::{CallStatus, EntryKind},
    event::{Body, EntryEnded},
};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde_json::Value;

/// The outcome of a call.
#[derive(Default)]
pub(crate) struct CallEnd {
    pub(crate) result: Option<String>,
    pub(crate) added: Option<i64>,
    pub(crate) removed: Option<i64>,
    pub(crate) output: Option<Value>,
}

/// A call that began within this commit.
pub(super) struct Fresh {
    pub(super) seq: i64,
    pub(super) kind: EntryKind,
    pub(super) parent: Option<String>,
}

/// A call that still runs.
struct Open {
    seq: i64,
    /// A background task, which outlives its turn.
    task: bool,
    call: String,
    parent: Option<String>,
}

impl Scribe<'_> {
    /// Ends a running call; `false` when no such call is running.
    pub(crate) async fn end_call(&mut self, call: &str, status: CallStatus, end: CallEnd) -> Result<bool> {
        let seq = match self.fresh_calls.get(call) {
            Some(fresh) => Some(fresh.seq),
            None => self
                .tx
                .own::<entry::Entity>()
                .filter(entry::Column::Session.eq(self.id.to_string()))
                .filter(entry::Column::Call.eq(call))
                .filter(entry::Column::Ended.is_null())
                .order_by_desc(entry::Column::Seq)
                .one(self.tx.db())
                .await
                .stored()?
                .map(|row| row.seq),
        };
        let Some(seq) = seq.filter(|seq| !self.ended_calls.contains(seq)) else {
            return Ok(false);
        };
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
        self.push(
            self.id,
            EntryEnded {
                session: self.id,
                seq,
                status,
                result,
                added: end.added,
                removed: end.removed,
                body,
            },
        );
        Ok(())
    }

    /// Ends every running call, because nobody will see its end any more.
    pub(crate) async fn end_open_calls(&mut self, status: CallStatus) -> Result<()> {
        self.end_open(status, false).await
    }

    /// With `turn`, only calls that end with their turn.
    async fn end_open(&mut self, status: CallStatus, turn: bool) -> Result<()> {
        let rows = self
            .tx
            .own::<entry::Entity>()
            .filter(entry::Column::Session.eq(self.id.to_string()))
            .filter(entry::Column::Status.eq(CallStatus::Running.word()))
            .all(self.tx.db())
            .await
            .stored()?;
        let stored = rows.into_iter().map(|row| Open {
            seq: row.seq,
            task: row.kind == EntryKind::Task.word(),
            call: row.call.unwrap_or_default(),
            parent: row.parent,
        });
        let fresh = self.fresh_calls.iter().map(|(call, fresh)| Open {
            seq: fresh.seq,
            task: fresh.kind == EntryKind::Task,
            call: call.clone(),
            parent: fresh.parent.clone(),
        });
        let mut open: Vec<Open> = stored
            .chain(fresh)
            .filter(|open| !self.ended_calls.contains(&open.seq))
            .collect();
        if turn {
            open = of_turn(open);
        }
        for Open { seq, .. } in open {
            self.end_entry(seq, status, CallEnd::default()).await?;
        }
        Ok(())
    }

    /// Ends the tool calls that still run when their turn is over; background tasks go on.
    pub(crate) async fn end_open_tools(&mut self) -> Result<()> {
        self.end_open(CallStatus::Unknown, true).await
    }
}

/// The open calls that end with their turn. Background tasks go on, and so do the calls of a background subagent: their
/// parent call is over.
fn of_turn(open: Vec<Open>) -> Vec<Open> {
    let (tasks, mut rest): (Vec<Open>, Vec<Open>) = open.into_iter().partition(|open| open.task);
    if tasks.is_empty() {
        return rest;
    }
    let mut ends: Vec<Open> = Vec::new();
    loop {
        let within = |open: &Open| {
            open.parent
                .as_ref()
                .is_none_or(|parent| ends.iter().any(|end| end.call == *parent))
        };
        let (more, left): (Vec<Open>, Vec<Open>) = rest.into_iter().partition(within);
        if more.is_empty() {
            return ends;
        }
        ends.extend(more);
        rest = left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(open: &[(i64, &str, Option<&str>)]) -> Vec<i64> {
        let open = open
            .iter()
            .map(|(seq, call, parent)| Open {
                seq: *seq,
                task: call.starts_with("task:"),
                call: (*call).into(),
                parent: parent.map(str::to_owned),
            })
            .collect();
        let mut ended: Vec<i64> = of_turn(open).into_iter().map(|open| open.seq).collect();
        ended.sort_unstable();
        ended
    }

    #[test]
    fn a_turn_ends_what_runs_in_it_and_nothing_in_the_background() {
        let foreground = [(1, "agent", None), (2, "read", Some("agent")), (3, "bash", None)];
        assert_eq!(ended(&foreground), [1, 2, 3]);
        let server = (4, "task:server", None);
        assert_eq!(
            ended(&[foreground[0], foreground[1], foreground[2], server]),
            [1, 2, 3],
            "a server in the background keeps no subagent of the turn"
        );
        // The parent call of the background subagent is over; the subagent's own calls go on.
        let background = [
            (5, "task:one", None),
            (6, "bash-of-one", Some("one")),
            (7, "agent-of-one", Some("one")),
            (8, "read-of-that", Some("agent-of-one")),
        ];
        assert_eq!(ended(&background), Vec::<i64>::new());
        assert_eq!(
            ended(&[background[0], background[1], foreground[0], foreground[1]]),
            [1, 2]
        );
    }
}
