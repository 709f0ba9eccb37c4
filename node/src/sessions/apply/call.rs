//! Tool calls: each is an entry that begins and ends.

use crate::{
    agents::Call,
    sessions::{
        calls::CallEnd,
        scribe::{NewEntry, Scribe},
    },
};
use model::{
    Result,
    calls::{self, CallClass},
    entries::EntryKind,
};
use serde_json::Value;

pub(super) async fn hear(scribe: &mut Scribe<'_>, call: Call) -> Result<()> {
    match call {
        Call::Start {
            id,
            tool,
            shape,
            target,
            input,
            parent,
        } => {
            // Plans and the like are no tools to a person, so they have their own entry kinds.
            let kind = if shape.class == CallClass::Plan {
                EntryKind::Plan
            } else {
                EntryKind::Tool
            };
            let plan = calls::text(&input, shape.parts.plan.as_deref())
                .filter(|_| kind == EntryKind::Plan)
                .map(str::to_owned);
            let text = plan.clone().unwrap_or_else(|| target.clone());
            let body = Some(plan.map_or(input, Value::String));
            let new = NewEntry {
                parent,
                call: Some(id),
                tool: Some(tool),
                shape: Some(shape),
                target: Some(target),
                body,
                ..NewEntry::text(text)
            };
            scribe.entry(kind, new).await?;
        }
        Call::End {
            id,
            status,
            result,
            added,
            removed,
            output,
        } => {
            scribe
                .end_call(
                    &id,
                    status,
                    CallEnd {
                        result,
                        added,
                        removed,
                        output: Some(output),
                    },
                )
                .await?;
        }
    }
    Ok(())
}
