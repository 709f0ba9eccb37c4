//! Lists of sessions, entries and raw lines, with keyset pagination. A cursor is the key of the last row; callers treat
//! it as opaque, and it is validated when it comes back.

use super::Engine;
use crate::origin::origin_of;
use crate::{
    entity::{entry, project, run, session},
    journal::{Journal, Stored, internal},
    page::{cursor, parts},
    rows::Rows,
    store::{Store, of_origin},
};
use model::{
    Action, Caller, Error, Page, PageQuery, Result,
    caller::{Resource, require},
    entries::Entry,
    id::{RunId, SessionId},
    sessions::{RawLine, Session, SessionFilter},
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait},
};
use serde_json::Value;

/// The most bytes of a raw line that are shown.
const RAW_SHOWN: usize = 64 * 1024;

/// A LIKE pattern for the text itself, with its wildcards escaped.
fn like(text: &str) -> String {
    let escaped = text
        .to_lowercase()
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    format!("%{escaped}%")
}

pub(super) async fn sessions(
    rows: &Rows,
    store: &Store,
    caller: &Caller,
    filter: SessionFilter,
    page: PageQuery,
) -> Result<Page<Session>> {
    require(caller, Action::ReadNode, Resource::Node, "session")?;
    let limit = page.limit()?;
    let mut query = filtered(rows, store, caller, &filter).await?;
    if let Some(after) = &page.after {
        let key = parts(after, 2)?;
        let updated: i64 = key[0]
            .parse()
            .map_err(|_| Error::invalid("after", "this is not a cursor of this list"))?;
        query = query.filter(
            Condition::any().add(session::Column::Updated.lt(updated)).add(
                Condition::all()
                    .add(session::Column::Updated.eq(updated))
                    .add(session::Column::Id.lt(key[1].clone())),
            ),
        );
    }
    let (items, last) = rows.some_sessions(query, limit as usize).await?;
    let next = last.map(|(updated, id)| cursor(&[&updated.to_string(), &id]));
    Ok(Page { items, next })
}

/// [`SessionFilter::shows`] as a statement; newest activity first.
async fn filtered(
    rows: &Rows,
    store: &Store,
    caller: &Caller,
    filter: &SessionFilter,
) -> Result<Select<session::Entity>> {
    let SessionFilter {
        state,
        project,
        agent,
        q,
        tag,
        archived,
    } = filter;
    let mut query = rows.visible(caller);
    query = if *archived {
        query.filter(session::Column::Archived.is_not_null())
    } else {
        query.filter(session::Column::Archived.is_null())
    };
    if !state.is_empty() {
        query = query.filter(session::Column::State.is_in(state.iter().map(|state| state.word())));
    }
    if let Some(project) = project {
        query = query.filter(session::Column::Project.eq(project.to_string()));
    }
    if let Some(agent) = agent {
        query = query.filter(session::Column::Agent.eq(agent.word()));
    }
    if let Some(q) = q.as_deref().map(str::trim).filter(|q| !q.is_empty()) {
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
        query = query.filter(
            Condition::any()
                .add(Expr::col(session::Column::TitleFolded).like(pattern))
                .add(session::Column::Project.is_in(named)),
        );
    }
    if let Some(tag) = tag {
        // No stored tag is as long, and SQLite refuses very long patterns.
        if tag.len() > 1_000 {
            return Err(Error::invalid("tag", "search for at most 1,000 bytes"));
        }
        let json = serde_json::to_string(tag).stored()?;
        let pattern = sea_orm::sea_query::LikeExpr::new(format!(
            "%{}%",
            json.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
        ))
        .escape('\\');
        query = query.filter(Expr::col(session::Column::Tags).like(pattern));
    }
    Ok(query
        .order_by_desc(session::Column::Updated)
        .order_by_desc(session::Column::Id))
}

/// A range of a session's entries.
pub(super) enum Span {
    /// Those after this number.
    After(i64),
    /// The newest before this number.
    Before(i64),
    /// The newest.
    Last,
}

pub(super) async fn entries(
    rows: &Rows,
    store: &Store,
    session: &Session,
    span: Span,
    limit: u32,
) -> Result<Page<Entry>> {
    let limit = PageQuery {
        after: None,
        limit: Some(limit),
    }
    .limit()?;
    let query = of_origin::<entry::Entity>(&origin_of(session.node.id))
        .filter(entry::Column::Session.eq(session.id.to_string()))
        .limit(u64::from(limit) + 1);
    let (query, backwards) = match span {
        Span::After(after) => (
            query
                .filter(entry::Column::Seq.gt(after))
                .order_by_asc(entry::Column::Seq),
            false,
        ),
        Span::Before(before) => (
            query
                .filter(entry::Column::Seq.lt(before))
                .order_by_desc(entry::Column::Seq),
            true,
        ),
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
    Ok(Page {
        items: rows.entries(found).await?,
        next,
    })
}

/// The raw lines of all runs of the session, oldest run first. The cursor is the run and the byte offset.
pub(super) async fn raw(engine: &Engine, id: SessionId, page: PageQuery) -> Result<Page<RawLine>> {
    let limit = page.limit()? as usize;
    let runs = engine
        .store
        .own::<run::Entity>()
        .filter(run::Column::Session.eq(id.to_string()))
        .order_by_asc(run::Column::Id)
        .all(engine.store.read())
        .await
        .stored()?;
    let (from, mut offset) = match &page.after {
        Some(after) => {
            let key = parts(after, 2)?;
            (
                key[0].clone(),
                key[1]
                    .parse::<u64>()
                    .map_err(|_| Error::invalid("after", "this is not a cursor of this list"))?,
            )
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
        let lines = engine
            .processes
            .raw(run, offset, wanted)
            .await
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::InvalidInput => Error::invalid("after", "this is not a cursor of this list"),
                _ => internal(error),
            })?;
        let journal = engine.journal.clone();
        let shown = move || {
            lines
                .into_iter()
                .map(|(offset, line)| RawLine {
                    run,
                    offset,
                    text: shown(&journal, line),
                })
                .collect::<Vec<_>>()
        };
        items.extend(tokio::task::spawn_blocking(shown).await.stored()?);
        if items.len() > limit {
            break;
        }
    }
    let next = items
        .get(limit)
        .map(|line| cursor(&[&line.run.to_string(), &line.offset.to_string()]));
    items.truncate(limit);
    Ok(Page { items, next })
}

/// A raw line as it is shown, masked before it is cut. Deltas are left out, because a secret may be spread over several
/// of them; the whole text follows in a line of its own.
fn shown(journal: &Journal, line: Vec<u8>) -> String {
    let line = without_pieces(&line).unwrap_or(line);
    let (line, _) = journal.masked_line(line);
    let text = String::from_utf8_lossy(&line);
    let end = text.floor_char_boundary(RAW_SHOWN);
    text[..end].to_owned()
}

/// A delta line with sizes instead of its texts; `None` for other lines.
fn without_pieces(line: &[u8]) -> Option<Vec<u8>> {
    memchr::memmem::find(line, b"_delta")?;
    let mut value: Value = serde_json::from_slice(line).ok()?;
    let delta = value
        .get_mut("event")
        .filter(|event| event["type"] == "content_block_delta")?
        .get_mut("delta")?
        .as_object_mut()?;
    for (name, piece) in delta
        .iter_mut()
        .filter(|(name, piece)| *name != "type" && piece.is_string())
    {
        *piece = Value::from(format!(
            "[a piece of the {name}: {} bytes]",
            piece.as_str().map_or(0, str::len)
        ));
    }
    serde_json::to_vec(&value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        folder::{Borders, Folders},
        journal::{Outcome, testing},
        rows::Names,
        store::testing::TestStore,
    };
    use model::sessions::{AgentKind, SessionState};
    use proptest::prelude::*;
    use sea_orm::DbBackend;
    use std::collections::BTreeSet;

    fn rows_of(test: &TestStore) -> Rows {
        let names = Names::new(test.store.clone(), test.deps.clone(), "here".into());
        let folders = Folders::new(
            test.deps.clone(),
            Borders {
                roots: Vec::new(),
                data_dir: test.place.config.data_dir.clone(),
            },
        );
        Rows::new(test.store.clone(), test.journal.clone(), folders, names)
    }

    #[test]
    fn a_search_means_its_characters_not_patterns() {
        assert_eq!(like("50%_OFF"), "%50\\%\\_off%");
    }

    /// Filters built from the values of [`testing::event`]: none, each field alone, and all together with both kinds of
    /// `archived`.
    fn filters([state, project, agent, q, tag]: [u8; 5]) -> Vec<SessionFilter> {
        let states = vec![
            SessionState::ALL[usize::from(state) % SessionState::ALL.len()],
            SessionState::Idle,
        ];
        let project = testing::project(project);
        let agent = AgentKind::ALL[usize::from(agent) % AgentKind::ALL.len()];
        let q = ["ITLE", "sitzung ä", " öü ", "project", "'", "%", "_", "\\", "nowhere"][usize::from(q) % 9];
        let tag = [format!("tag{}", tag % 8), "x".to_owned(), "%".to_owned()][usize::from(tag) % 3].clone();
        let whole = SessionFilter {
            state: states,
            project: Some(project),
            agent: Some(agent),
            q: Some(q.into()),
            tag: Some(tag),
            archived: false,
        };
        let Value::Object(fields) = serde_json::to_value(&whole).unwrap() else {
            unreachable!("a filter is an object")
        };
        let alone = fields
            .into_iter()
            .map(|field| serde_json::from_value(Value::Object([field].into_iter().collect())).unwrap());
        let filters = alone.chain([SessionFilter::default(), whole]);
        filters
            .flat_map(|filter| {
                [
                    SessionFilter {
                        archived: true,
                        ..filter.clone()
                    },
                    filter,
                ]
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn the_statement_of_a_filter_finds_what_the_filter_shows(
            said in proptest::collection::vec(any::<[u8; 4]>(), 1..200),
            wanted in any::<[u8; 5]>(),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let test = TestStore::new::<migration::Migrator>(3).await;
                let mut plausible = testing::Plausible::default();
                let projects = (0..2).map(|n| testing::of_kind("project.added", n));
                let sessions = (0..4).map(|n| testing::of_kind("session.created", n));
                let events: Vec<_> = projects.chain(sessions).chain(said.into_iter().map(testing::event)).filter(|event| plausible.admit(event)).collect();
                test.journal.commit(&Caller::node(), move |_| Box::pin(async move { Ok(Outcome { value: (), events }) })).await.unwrap();
                let rows = rows_of(&test);
                let list = async |filter: SessionFilter| sessions_of(&rows, &test, filter).await;
                let mut all = list(SessionFilter::default()).await;
                all.extend(list(SessionFilter { archived: true, ..SessionFilter::default() }).await);
                for filter in filters(wanted) {
                    let ids = |rows: Vec<Session>| rows.into_iter().map(|row| row.id).collect::<BTreeSet<_>>();
                    let shown = ids(all.iter().filter(|row| filter.shows(row, str::to_lowercase)).cloned().collect());
                    prop_assert_eq!(ids(list(filter.clone()).await), shown, "{:?}", filter);
                }
                Ok(())
            })?;
        }
    }

    async fn sessions_of(rows: &Rows, test: &TestStore, filter: SessionFilter) -> Vec<Session> {
        sessions(rows, &test.store, &Caller::node(), filter, PageQuery::default())
            .await
            .unwrap()
            .items
    }

    #[tokio::test]
    async fn every_filter_is_answered_through_an_index_in_the_order_of_the_list() {
        let test = TestStore::new::<migration::Migrator>(1).await;
        for filter in filters([0; 5]) {
            let query = filtered(&rows_of(&test), &test.store, &Caller::node(), &filter)
                .await
                .unwrap();
            let plan = test.indexes(query.limit(51)).await.join("\n");
            assert!(plan.contains(" INDEX ") || plan.contains("Index"), "{filter:?}: {plan}");
            assert!(
                !plan.contains("Seq Scan") && !plan.lines().any(|step| step == "SCAN session"),
                "{filter:?} reads the whole table: {plan}"
            );
            // PostgreSQL's plan depends on the contents of the table.
            if test.store.backend() == DbBackend::Sqlite {
                let index = match &filter {
                    SessionFilter { project: Some(_), .. } => "session_project_updated_id (project=?)",
                    SessionFilter { state, .. } if !state.is_empty() => "session_state_updated_id (state=?)",
                    SessionFilter { agent: Some(_), .. } => "session_agent_updated_id (agent=?)",
                    SessionFilter { archived: true, .. } => "session_archived",
                    // A search for a word scans in the order of the list.
                    SessionFilter { .. } => "session_newest",
                };
                assert!(plan.contains(&format!("INDEX {index}")), "{filter:?}: {plan}");
                let sorts = plan.contains("TEMP B-TREE");
                assert!(
                    !sorts || filter.state.len() > 1,
                    "{filter:?} sorts what it finds: {plan}"
                );
            }
        }
    }
}
