//! The agent's words, as entries of the timeline.

use crate::{
    agents::Said,
    journal::Stored,
    sessions::scribe::{NewEntry, Scribe},
};
use model::{
    Result,
    entries::{EntryKind, Todo, TodoState},
};
use serde_json::Value;

pub(super) async fn hear(scribe: &mut Scribe<'_>, said: Said) -> Result<()> {
    let (kind, new) = match said {
        Said::Message { parent, text } => (EntryKind::Message, NewEntry::text(text).under(parent)),
        Said::Thought { parent, text } => (EntryKind::Thought, NewEntry::text(text).under(parent)),
        Said::Todo { parent, todos } => {
            let text = todo_line(&todos);
            let body = serde_json::to_value(todos).stored()?;
            (
                EntryKind::Todo,
                NewEntry {
                    body: Some(body),
                    ..NewEntry::text(text).under(parent)
                },
            )
        }
        Said::Status { text } => (EntryKind::Status, NewEntry::text(text)),
        Said::Error { text } => (EntryKind::Error, NewEntry::text(text)),
        Said::Raw(value) => {
            let text = value
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or("message")
                .to_owned();
            let text = value
                .get("subtype")
                .and_then(Value::as_str)
                .map_or(text.clone(), |subtype| format!("{text}/{subtype}"));
            (
                EntryKind::Raw,
                NewEntry {
                    body: Some(value),
                    ..NewEntry::text(text)
                },
            )
        }
        // Half-written text is never journaled.
        Said::Delta { .. } | Said::DeltaReset { .. } => return Ok(()),
    };
    scribe.entry(kind, new).await?;
    Ok(())
}

fn todo_line(todos: &[Todo]) -> String {
    let done = todos.iter().filter(|todo| todo.state == TodoState::Done).count();
    format!("{done} of {} done", todos.len())
}
