//! One whole entry, rendered for people: text, input, output, diff. It reads the events behind the row and leaves out
//! what was purged. It reads files only through `folder`.

use crate::origin::origin_of;
use crate::{
    edit::{Edit, past},
    entity::{entry, project, session},
    folder::Unread,
    journal::Stored,
    render,
    rows::Rows,
    store::Store,
};
use model::{
    Error, Result,
    calls::{CallParts, text},
    entries::{CallStatus, Diff, EntryBody, EntryKind},
    event::{Body, Fact},
    id::SessionId,
    sessions::Session,
};
use sea_orm::EntityTrait;
use serde_json::Value;

pub(super) async fn body(rows: &Rows, store: &Store, session: &Session, seq: i64) -> Result<EntryBody> {
    let row = entry::Entity::find_by_id((session.id.to_string(), seq, origin_of(session.node.id)))
        .one(store.read())
        .await
        .stored()?;
    let row = row.ok_or_else(|| Error::NotFound("entry".into()))?;
    let (begun, parts) = match rows.fact(row.pos).await? {
        Some(Fact::EntryAdded(fact)) => (
            whole(rows, fact.body.as_ref()).await?,
            *fact.shape.unwrap_or_default().parts,
        ),
        _ => (None, CallParts::default()),
    };
    let ended = match row.end_pos {
        Some(pos) => match rows.fact(pos).await? {
            Some(Fact::EntryEnded(fact)) => whole(rows, fact.body.as_ref()).await?,
            _ => None,
        },
        None => None,
    };
    let change = unreported(rows, store, session, &row, &parts, begun.as_ref(), ended.as_ref()).await?;
    let size: usize = [&begun, &ended].into_iter().flatten().map(render::weight).sum();
    render::draw(size + render::CODE, move || drawn(row, &parts, begun, ended, change)).await
}

/// The change that an editing call made, where its output does not report it.
async fn unreported(
    rows: &Rows,
    store: &Store,
    session: &Session,
    row: &entry::Model,
    parts: &CallParts,
    begun: Option<&Value>,
    ended: Option<&Value>,
) -> Result<Option<Diff>> {
    let Some(input) = begun.filter(|_| EntryKind::parse(&row.kind) == Some(EntryKind::Tool)) else {
        return Ok(None);
    };
    // The path of another node's project is no path here.
    if origin_of(session.node.id) != store.origin() {
        return Ok(None);
    }
    if ended.and_then(patch).is_some() || Edit::of("", parts, input).is_none() {
        return Ok(None);
    }
    let folder = folder_of(store, session.id).await?;
    let Some(edit) = Edit::of(&folder, parts, input) else {
        return Ok(None);
    };
    Ok(match row.status.as_deref().and_then(CallStatus::parse) {
        Some(CallStatus::Running) => rows.proposed(&folder, parts, input).await,
        // A whole-file write that reports no change created the file.
        Some(CallStatus::Ok) if edit.is_of_all() => Some(edit.placed(Err(Unread::Missing))),
        _ => past(&folder, parts, input),
    })
}

/// The change that a call's output reports.
fn patch(output: &Value) -> Option<&Value> {
    output
        .get("patch")
        .filter(|patch| patch.as_array().is_some_and(|hunks| !hunks.is_empty()))
}

fn drawn(
    row: entry::Model,
    parts: &CallParts,
    begun: Option<Value>,
    ended: Option<Value>,
    change: Option<Diff>,
) -> EntryBody {
    let mut body = EntryBody::default();
    match EntryKind::parse(&row.kind) {
        Some(EntryKind::Tool | EntryKind::Task) => {
            let input = begun.unwrap_or(Value::Null);
            tool(&mut body, parts, &input, ended);
            body.diff = body.diff.or(change);
            body.input = Some(input).filter(|input| !input.is_null());
        }
        Some(EntryKind::Raw | EntryKind::Todo) => body.raw = begun,
        kind => {
            let text = begun
                .and_then(|value| value.as_str().map(str::to_owned))
                .unwrap_or(row.preview);
            if matches!(
                kind,
                Some(EntryKind::Prompt | EntryKind::Message | EntryKind::Plan | EntryKind::Thought)
            ) {
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

/// The folder that a session works in; empty if its project is unknown.
async fn folder_of(store: &Store, session: SessionId) -> Result<String> {
    let row = session::Entity::find_by_id(store.key(session))
        .one(store.read())
        .await
        .stored()?;
    let Some(row) = row else { return Ok(String::new()) };
    let project = project::Entity::find_by_id(store.key(&row.project))
        .one(store.read())
        .await
        .stored()?;
    Ok(project.map(|project| project.path).unwrap_or_default())
}

fn tool(body: &mut EntryBody, parts: &CallParts, input: &Value, output: Option<Value>) {
    let path = text(input, parts.path.as_deref()).unwrap_or_default();
    if let Some(command) = text(input, parts.command.as_deref()) {
        body.input_html = Some(render::command(command, parts.language.as_deref().unwrap_or_default()));
    } else if let Some(content) = text(input, parts.content.as_deref()) {
        body.input_html = Some(render::highlight(content, path));
    }
    if let Some(output) = output {
        body.output = output
            .get("output")
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(str::to_owned);
        if let Some(patch) = patch(&output) {
            let path = output.get("path").and_then(Value::as_str).unwrap_or(path);
            body.diff = Some(render::diff_from_patch(path, patch));
        }
    }
}
