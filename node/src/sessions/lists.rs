//! Lists of sessions, entries and raw lines, paged by key.
//! A cursor is the key of the last row given; it is opaque to callers and checked when it comes back.

use super::Engine;
use crate::{
    entity::{entry, project, run, session},
    journal::{Journal, Stored, internal},
    page::{cursor, parts},
    rows::Rows,
    store::Store,
};
use model::{
    Action, Caller, Error, Page, PageQuery, Result,
    caller::{Resource, require},
    entries::Entry,
    id::{RunId, SessionId},
    sessions::{RawLine, Session, SessionFilter},
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use serde_json::Value;

/// How much of a raw line is shown, in bytes.
const RAW_SHOWN: usize = 64 * 1024;

/// Escapes what LIKE would read as a pattern.
fn like(text: &str) -> String {
    let escaped = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

pub(super) async fn sessions(rows: &Rows, store: &Store, caller: &Caller, filter: SessionFilter, page: PageQuery) -> Result<Page<Session>> {
    require(caller, Action::ReadNode, Resource::Node, "session")?;
    let limit = page.limit()?;
    let mut query = session::Entity::find().filter(Rows::scope(caller));
    query = if filter.archived { query.filter(session::Column::Archived.is_not_null()) } else { query.filter(session::Column::Archived.is_null()) };
    if !filter.state.is_empty() {
        query = query.filter(session::Column::State.is_in(filter.state.iter().map(|state| state.word())));
    }
    if let Some(project) = filter.project {
        query = query.filter(session::Column::Project.eq(project.to_string()));
    }
    if let Some(agent) = filter.agent {
        query = query.filter(session::Column::Agent.eq(agent.word()));
    }
    if let Some(q) = filter.q.as_deref().map(str::trim).filter(|q| !q.is_empty()) {
        if q.len() > 200 {
            return Err(Error::invalid("q", "search for at most 200 bytes"));
        }
        let named: Vec<String> = project::Entity::find()
            .all(store.read())
            .await
            .stored()?
            .into_iter()
            .filter(|row| row.name.to_lowercase().contains(&q.to_lowercase()))
            .map(|row| row.id)
            .collect();
        let pattern = sea_orm::sea_query::LikeExpr::new(like(q)).escape('\\');
        query = query.filter(Condition::any().add(Expr::col(session::Column::TitleFolded).like(pattern)).add(session::Column::Project.is_in(named)));
    }
    if let Some(tag) = &filter.tag {
        // No tag is so long, and SQLite refuses to look for very long ones.
        if tag.len() > 1_000 {
            return Err(Error::invalid("tag", "search for at most 1,000 bytes"));
        }
        let json = serde_json::to_string(tag).stored()?;
        let pattern = sea_orm::sea_query::LikeExpr::new(format!("%{}%", json.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))).escape('\\');
        query = query.filter(Expr::col(session::Column::Tags).like(pattern));
    }
    if let Some(after) = &page.after {
        let key = parts(after, 2)?;
        let updated: i64 = key[0].parse().map_err(|_| Error::invalid("after", "this is not a cursor of this list"))?;
        query = query.filter(
            Condition::any()
                .add(session::Column::Updated.lt(updated))
                .add(Condition::all().add(session::Column::Updated.eq(updated)).add(session::Column::Id.lt(key[1].clone()))),
        );
    }
    let query = query.order_by_desc(session::Column::Updated).order_by_desc(session::Column::Id);
    let (items, last) = rows.some_sessions(query, limit as usize).await?;
    let next = last.map(|(updated, id)| cursor(&[&updated.to_string(), &id]));
    Ok(Page { items, next })
}

/// Which entries of a session are wanted.
pub(super) enum Span {
    /// Those after this number.
    After(i64),
    /// The newest before this number.
    Before(i64),
    /// The newest.
    Last,
}

pub(super) async fn entries(rows: &Rows, store: &Store, id: SessionId, span: Span, limit: u32) -> Result<Page<Entry>> {
    let limit = PageQuery { after: None, limit: Some(limit) }.limit()?;
    let query = entry::Entity::find().filter(entry::Column::Session.eq(id.to_string())).limit(u64::from(limit) + 1);
    let (query, backwards) = match span {
        Span::After(after) => (query.filter(entry::Column::Seq.gt(after)).order_by_asc(entry::Column::Seq), false),
        Span::Before(before) => (query.filter(entry::Column::Seq.lt(before)).order_by_desc(entry::Column::Seq), true),
        Span::Last => (query.order_by_desc(entry::Column::Seq), true),
    };
    let mut found = query.all(store.read()).await.stored()?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    if backwards {
        found.reverse();
    }
    let end = if backwards { found.first() } else { found.last() };
    let next = end.filter(|_| more).map(|row| row.seq.to_string());
    Ok(Page { items: rows.entries(found).await?, next })
}

/// Raw lines of every run of the session, oldest run first. The cursor is the run and the byte offset.
pub(super) async fn raw(engine: &Engine, id: SessionId, page: PageQuery) -> Result<Page<RawLine>> {
    let limit = page.limit()? as usize;
    let runs = run::Entity::find().filter(run::Column::Session.eq(id.to_string())).order_by_asc(run::Column::Id).all(engine.store.read()).await.stored()?;
    let (from, mut offset) = match &page.after {
        Some(after) => {
            let key = parts(after, 2)?;
            (key[0].clone(), key[1].parse::<u64>().map_err(|_| Error::invalid("after", "this is not a cursor of this list"))?)
        }
        None => (String::new(), 0),
    };
    let mut items: Vec<RawLine> = Vec::new();
    for row in runs.iter().filter(|row| row.id >= from) {
        let Ok(run) = row.id.parse::<RunId>() else { continue };
        if row.id != from {
            offset = 0;
        }
        let wanted = limit + 1 - items.len();
        let lines = engine.processes.raw(run, offset, wanted).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidInput => Error::invalid("after", "this is not a cursor of this list"),
            _ => internal(error),
        })?;
        let journal = engine.journal.clone();
        let shown = move || lines.into_iter().map(|(offset, line)| RawLine { run, offset, text: shown(&journal, line) }).collect::<Vec<_>>();
        items.extend(tokio::task::spawn_blocking(shown).await.stored()?);
        if items.len() > limit {
            break;
        }
    }
    let next = items.get(limit).map(|line| cursor(&[&line.run.to_string(), &line.offset.to_string()]));
    items.truncate(limit);
    Ok(Page { items, next })
}

/// A raw line as it is shown: masked before it is cut. Pieces of a text that is being written are left out, for a secret may be spread over them;
/// the whole follows in a line of its own.
fn shown(journal: &Journal, line: Vec<u8>) -> String {
    let line = without_pieces(&line).unwrap_or(line);
    let (line, _) = journal.masked_line(line);
    let text = String::from_utf8_lossy(&line);
    let end = text.floor_char_boundary(RAW_SHOWN);
    text[..end].to_owned()
}

/// A line that carries a piece of a text, without the piece.
fn without_pieces(line: &[u8]) -> Option<Vec<u8>> {
    memchr::memmem::find(line, b"_delta")?;
    let mut value: Value = serde_json::from_slice(line).ok()?;
    let delta = value.get_mut("event").filter(|event| event["type"] == "content_block_delta")?.get_mut("delta")?.as_object_mut()?;
    for (name, piece) in delta.iter_mut().filter(|(name, piece)| *name != "type" && piece.is_string()) {
        *piece = Value::from(format!("[a piece of the {name}: {} bytes]", piece.as_str().map_or(0, str::len)));
    }
    serde_json::to_vec(&value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_means_its_characters_not_patterns() {
        assert_eq!(like("50%_OFF"), "%50\\%\\_off%");
    }
}
