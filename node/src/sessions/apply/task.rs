//! Background tasks: each is an entry that begins and ends.

use crate::{
    agents::Task,
    sessions::{
        calls::CallEnd,
        scribe::{NewEntry, Scribe, shorten},
    },
};
use model::{Result, entries::EntryKind};
use serde_json::json;

pub(super) async fn hear(scribe: &mut Scribe<'_>, task: Task) -> Result<()> {
    match task {
        Task::Started { id, call, task, text } => {
            let new = NewEntry {
                call: Some(call_of(&id)),
                tool: Some(task.unwrap_or_else(|| "task".into())),
                target: Some(text.clone()),
                body: call.map(|call| json!({ "started_by": call })),
                ..NewEntry::text(text)
            };
            scribe.entry(EntryKind::Task, new).await?;
        }
        Task::Ended { id, status, text } => {
            scribe
                .end_call(
                    &call_of(&id),
                    status,
                    CallEnd {
                        result: Some(shorten(&text, 200)),
                        ..CallEnd::default()
                    },
                )
                .await?;
        }
        // Progress shows in the events that follow it.
        Task::Progress { .. } => {}
    }
    Ok(())
}

/// The task's call id; the prefix keeps it apart from tool calls.
fn call_of(id: &str) -> String {
    format!("task:{id}")
}
