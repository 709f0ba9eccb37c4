//! The whole of one entry, rendered for people: text, input, output, diff.
//! It reads the events behind the row; what was purged is simply absent.

use crate::{entity::entry, journal::internal, render, rows::Rows, store::Store};
use model::{
    Error, Result,
    approvals::is_shell,
    entries::{Diff, EntryBody, EntryKind},
    event::{Body, Fact},
    id::SessionId,
};
use sea_orm::EntityTrait;
use serde_json::Value;
use std::path::Path;

pub(super) async fn body(rows: &Rows, store: &Store, session: SessionId, seq: i64) -> Result<EntryBody> {
    let row = entry::Entity::find_by_id((session.to_string(), seq)).one(store.read()).await.map_err(internal)?;
    let row = row.ok_or_else(|| Error::NotFound("entry".into()))?;
    let begun = match rows.fact(row.pos).await? {
        Some(Fact::EntryAdded(fact)) => whole(rows, fact.body.as_ref()).await?,
        _ => None,
    };
    let ended = match row.end_pos {
        Some(pos) => match rows.fact(pos).await? {
            Some(Fact::EntryEnded(fact)) => whole(rows, fact.body.as_ref()).await?,
            _ => None,
        },
        None => None,
    };
    let size = [&begun, &ended].into_iter().flatten().map(render::weight).sum();
    render::draw(size, move || drawn(row, begun, ended)).await
}

fn drawn(row: entry::Model, begun: Option<Value>, ended: Option<Value>) -> EntryBody {
    let mut body = EntryBody::default();
    match EntryKind::parse(&row.kind) {
        Some(EntryKind::Tool | EntryKind::Task) => {
            let input = begun.unwrap_or(Value::Null);
            tool(&mut body, row.tool.as_deref().unwrap_or_default(), input, ended);
        }
        Some(EntryKind::Raw | EntryKind::Todo) => body.raw = begun,
        kind => {
            let text = begun.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or(row.preview);
            if matches!(kind, Some(EntryKind::Prompt | EntryKind::Message | EntryKind::Plan | EntryKind::Thought)) {
                body.html = Some(render::markdown(&text));
            }
            body.text = Some(text);
        }
    }
    body
}

async fn whole(rows: &Rows, body: Option<&Body>) -> Result<Option<Value>> {
    match body {
        Some(body) => Ok(Some(rows.body(body).await?).filter(|value| !value.is_null())),
        None => Ok(None),
    }
}

fn tool(body: &mut EntryBody, tool: &str, input: Value, output: Option<Value>) {
    let text = |key: &str| input.get(key).and_then(Value::as_str);
    let path = text("file_path").unwrap_or_default().to_owned();
    if let Some(command) = text("command").filter(|_| is_shell(tool)) {
        body.input_html = Some(render::command(command, tool));
    } else if let Some(content) = text("content") {
        body.input_html = Some(render::highlight(content, &path));
    }
    if let Some(output) = output {
        body.output = output.get("output").and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(patch) = output.get("patch").filter(|patch| patch.as_array().is_some_and(|hunks| !hunks.is_empty())) {
            let path = output.get("path").and_then(Value::as_str).unwrap_or(&path);
            body.diff = Some(render::diff_from_patch(path, patch));
        }
    }
    if body.diff.is_none() {
        body.diff = proposed("", tool, &input);
    }
    body.input = Some(input).filter(|input| !input.is_null());
}

/// The change an edit wants to make, as far as its input says: the path relative to `root` where it lies inside. `None` for tools that do not edit.
pub(crate) fn proposed(root: &str, tool: &str, input: &Value) -> Option<Diff> {
    let text = |key: &str| input.get(key).and_then(Value::as_str);
    let path = text("file_path")?;
    let shown = Path::new(path).strip_prefix(root).ok().and_then(Path::to_str).filter(|inside| !root.is_empty() && !inside.is_empty()).unwrap_or(path);
    match tool {
        "Edit" => Some(render::diff(shown, text("old_string")?, text("new_string")?)),
        "Write" => Some(render::diff(shown, "", text("content")?)),
        _ => None,
    }
}
