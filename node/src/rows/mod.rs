//! Rows: turns stored tables into what pages and sockets show. It only reads, and returns only rows that the caller may
//! see.

mod approvals;
mod beginning;
mod memo;
mod names;
mod projects;
mod row_id;
mod whose;

pub(crate) use approvals::{may_last, offered};
pub use names::Names;
pub use row_id::{Reader, RowId};
pub use whose::Whose;

use crate::origin::origin_of;
use crate::{
    entity::{approval, entry, event, id, prompt, session},
    folder::Folders,
    journal::{Journal, Stored, blob},
    render,
    store::{Store, of_origin, sql},
};
use memo::Memo;
use model::{
    Action, Caller, Millis, Pos, Result, Via,
    approvals::ApprovalState,
    caller::{Decision, Resource, Visibility, decide},
    calls::CallClass,
    entries::{Call, CallStatus, Entry, EntryKind},
    event::{Body, Fact},
    id::{ApprovalId, NodeId, PromptId, SessionId},
    sessions::{Prompt, PromptState, Queued, QueuedWhy, Session, SessionState},
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect, QueryTrait,
    Select,
    sea_query::{Expr, ExprTrait, SimpleExpr},
};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// A found session: its id, the position of its last event, and the time of its last activity.
type Found = (String, Pos, Millis);

/// The most bytes of text that a row carries as HTML; a longer text is fetched as a body.
const HTML_WITHIN_ROW: usize = 32 * 1024;

/// Reads rows; cheap to clone.
#[derive(Clone)]
pub struct Rows {
    store: Store,
    journal: Journal,
    folders: Folders,
    memo: Arc<Memo>,
    names: Names,
    capacity: Arc<Mutex<Option<Capacity>>>,
}

/// How full the node is while sessions are queued: agents at work, agents that wait for a person, and the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    pub(crate) why: QueuedWhy,
    pub(crate) busy: i64,
    pub(crate) waiting: i64,
    pub(crate) max: i64,
}

impl Rows {
    /// Reads rows from `store` and folders from `folders`.
    pub fn new(store: Store, journal: Journal, folders: Folders, names: Names) -> Self {
        Self {
            store,
            journal,
            folders,
            memo: Arc::default(),
            names,
            capacity: Arc::default(),
        }
    }

    /// Invalidates the names of projects after a rename.
    pub fn forget_names(&self) {
        self.names.forget();
    }

    /// Sets how full the node is; returns whether that changed.
    pub(crate) fn set_capacity(&self, now: Option<Capacity>) -> bool {
        std::mem::replace(&mut *self.capacity.lock().unwrap_or_else(PoisonError::into_inner), now) != now
    }

    pub(crate) fn is_full(&self) -> bool {
        self.capacity.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Why a session waits at this moment. Never stored with the row, because it changes without an event.
    fn queued_for(&self, session: &Session) -> Option<Queued> {
        if session.state != SessionState::Queued {
            return None;
        }
        let capacity = *self.capacity.lock().unwrap_or_else(PoisonError::into_inner);
        Some(match capacity {
            _ if session.run.is_some() => Queued {
                why: QueuedWhy::Ending,
                busy: 0,
                waiting: 0,
                max: 0,
            },
            None => Queued {
                why: QueuedWhy::Next,
                busy: 0,
                waiting: 0,
                max: 0,
            },
            Some(Capacity {
                why,
                busy,
                waiting,
                max,
            }) => Queued {
                why,
                busy,
                waiting,
                max,
            },
        })
    }

    /// At most 200 queued sessions that the caller may see.
    pub(crate) async fn queued_sessions(&self, caller: &Caller) -> Result<Vec<Session>> {
        let own = self.store.own::<session::Entity>();
        let queued = own
            .filter(self.scope(caller))
            .filter(session::Column::State.eq(SessionState::Queued.word()));
        self.sessions(queued.order_by_asc(session::Column::Id).limit(200)).await
    }

    /// The sessions that `caller` may see, as a condition on the session table.
    pub fn scope(&self, caller: &Caller) -> Condition {
        Condition::all()
            .add(session::Column::Deleted.is_null())
            .add(self.shared_with(caller))
    }

    /// [`Rows::scope`] with deleted sessions.
    fn shared_with(&self, caller: &Caller) -> Condition {
        if caller.via == Via::Node {
            return Condition::all();
        }
        let mut seen = Condition::any().add(session::Column::Visibility.ne(Visibility::Private.word()));
        // Nobody of another node is anybody here, whatever id they have.
        let own = session::Column::Origin.eq(self.store.origin());
        if let Some(user) = caller.user {
            let mine = session::Column::Owner.eq(user.to_string());
            seen = seen.add(Condition::all().add(mine).add(own.clone()));
        }
        let private = Resource::PeerSession {
            visibility: Visibility::Private,
        };
        if decide(caller, Action::ReadSession, private) == Decision::Allow {
            seen = seen.add(own.not());
        }
        seen
    }

    /// The sessions that the caller may see, of all nodes.
    pub fn visible(&self, caller: &Caller) -> Select<session::Entity> {
        session::Entity::find().filter(self.scope(caller))
    }

    /// Whether a row belongs to a session that the caller may see, by the row's columns of the session and its origin.
    pub fn of_visible<C: ColumnTrait>(&self, caller: &Caller, session: C, origin: C) -> SimpleExpr {
        let mut visible = self
            .visible(caller)
            .select_only()
            .columns([session::Column::Id, session::Column::Origin]);
        Expr::tuple([Expr::col(session.as_column_ref()), Expr::col(origin.as_column_ref())])
            .in_subquery(QuerySelect::query(&mut visible).to_owned())
    }

    /// A session that is not deleted, if the caller may see it. Where another node uses the id of one of this node's,
    /// this node's counts.
    pub async fn session(&self, caller: &Caller, id: SessionId) -> Result<Option<Session>> {
        let text = id.to_string();
        let query = self
            .visible(caller)
            .filter(session::Column::Id.eq(&text))
            .order_by_desc(session::Column::Origin.eq(self.store.origin()))
            .order_by_asc(session::Column::Origin)
            .limit(1);
        if self.memo.knows(&text) {
            return Ok(self.sessions(query).await?.pop());
        }
        self.session_by(query).await
    }

    /// [`session`](Self::session) in one statement, for a row that has just changed: the cache cannot have it.
    async fn session_now(&self, caller: &Caller, node: NodeId, id: SessionId) -> Result<Option<Session>> {
        self.session_by(session::Entity::find_by_id(key(node, id)).filter(self.scope(caller)))
            .await
    }

    async fn session_by(&self, query: Select<session::Entity>) -> Result<Option<Session>> {
        let rows = sql::each(self.store.read(), query).await.stored()?;
        Ok(self
            .told(self.read(rows).into_iter().map(|(_, session)| session))
            .await?
            .pop())
    }

    /// The sessions of `query`, in its order.
    pub async fn sessions(&self, query: Select<session::Entity>) -> Result<Vec<Session>> {
        let found = self.found(query.clone()).await?;
        self.shown(query, found).await
    }

    /// The first `limit` sessions and, if there are more, the cursor: time of activity and id of the last one as it was
    /// found. A session may be shown newer than it was found, or be gone meanwhile, so the cursor cannot come from the
    /// shown rows.
    pub async fn some_sessions(
        &self,
        query: Select<session::Entity>,
        limit: usize,
    ) -> Result<(Vec<Session>, Option<(Millis, String)>)> {
        let query = query.limit(limit as u64 + 1);
        let mut found = self.found(query.clone()).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found
            .last()
            .filter(|_| more)
            .map(|(id, _, updated)| (*updated, id.clone()));
        Ok((self.shown(query, found).await?, last))
    }

    async fn found(&self, query: Select<session::Entity>) -> Result<Vec<Found>> {
        let query = query
            .select_only()
            .columns([session::Column::Id, session::Column::Pos, session::Column::Updated])
            .into_query();
        sql::packed(self.store.read(), query, &["id", "pos", "updated"])
            .await
            .stored()
    }

    /// The found sessions, read-through: those that are not cached are read.
    async fn shown(&self, query: Select<session::Entity>, found: Vec<Found>) -> Result<Vec<Session>> {
        let mut known = self.memo.find(found.iter().map(|(id, pos, ..)| (id.as_str(), *pos)));
        let unknown: Vec<&str> = found
            .iter()
            .zip(&known)
            .filter(|(_, known)| known.is_none())
            .map(|((id, ..), _)| id.as_str())
            .collect();
        if !unknown.is_empty() {
            // The same query again, so that a session the caller lost meanwhile is left out.
            let rows = sql::each(self.store.read(), query.filter(session::Column::Id.is_in(unknown)))
                .await
                .stored()?;
            let read = self.read(rows);
            for ((id, ..), place) in found.iter().zip(&mut known).filter(|(_, known)| known.is_none()) {
                *place = read
                    .iter()
                    .find(|(read, _)| read == id)
                    .map(|(_, session)| session.clone());
            }
        }
        self.told(known.into_iter().flatten()).await
    }

    /// Parses rows into sessions, with their ids as stored, and caches those that could be read whole.
    fn read(&self, rows: Vec<std::result::Result<session::Model, QueryResult>>) -> Vec<(String, Arc<Session>)> {
        let mut whole: Vec<(String, Pos, Arc<Session>)> = Vec::new();
        let mut broken = Vec::new();
        for row in rows {
            match row {
                Ok(row) => {
                    let (id, pos) = (row.id.clone(), row.pos);
                    whole.extend(row.session().map(|session| (id, pos, Arc::new(session))));
                }
                Err(row) => {
                    broken.extend(session::damaged(&row).map(|session| (session.id.to_string(), Arc::new(session))));
                }
            }
        }
        let read = whole
            .iter()
            .map(|(id, _, session)| (id.clone(), session.clone()))
            .chain(broken)
            .collect();
        self.memo.keep(whole);
        read
    }

    /// Adds what is not in the rows: names, and why a session is queued.
    async fn told(&self, sessions: impl Iterator<Item = Arc<Session>>) -> Result<Vec<Session>> {
        let mut sessions: Vec<Session> = sessions.map(|session| Session::clone(&session)).collect();
        self.names.put_on(&mut sessions).await?;
        for session in &mut sessions {
            session.queued = self.queued_for(session);
        }
        Ok(sessions)
    }

    /// An entry, without a check of the caller.
    async fn entry(&self, node: NodeId, session: SessionId, seq: i64) -> Result<Option<Entry>> {
        let row = entry::Entity::find_by_id((session.to_string(), seq, origin_of(node)))
            .one(self.store.read())
            .await
            .stored()?;
        Ok(self.entries(row.into_iter().collect()).await?.pop())
    }

    /// The entries of an approval's call, without a check of the caller.
    async fn entries_asked_about(&self, node: NodeId, id: ApprovalId) -> Result<Vec<Entry>> {
        let asked = approval::Entity::find_by_id(key(node, id))
            .one(self.store.read())
            .await
            .stored()?;
        let Some((session, call)) = asked.and_then(|row| Some((row.session, row.call?))) else {
            return Ok(Vec::new());
        };
        let rows = of_origin::<entry::Entity>(&origin_of(node))
            .filter(entry::Column::Session.eq(session))
            .filter(entry::Column::Call.eq(call));
        self.entries(rows.all(self.store.read()).await.stored()?).await
    }

    /// Entries with their texts as HTML.
    pub async fn entries(&self, rows: Vec<entry::Model>) -> Result<Vec<Entry>> {
        let positions: Vec<i64> = rows
            .iter()
            .filter(|row| shows_html(&row.kind))
            .map(|row| row.pos)
            .collect();
        let mut bodies = self.texts(&positions).await?;
        let previews = rows.iter().filter(|row| shows_html(&row.kind)).map(|row| &row.preview);
        let size = bodies
            .values()
            .filter(|text| text.len() <= HTML_WITHIN_ROW)
            .chain(previews)
            .map(|text| render::text_weight(text))
            .sum();
        let drawn = move || {
            let row = |row: entry::Model| {
                let html = shows_html(&row.kind).then(|| {
                    let text = bodies.remove(&row.pos).unwrap_or_else(|| row.preview.clone());
                    (text.len() <= HTML_WITHIN_ROW).then(|| render::markdown(&text))
                });
                entry_row(row, html.flatten())
            };
            rows.into_iter().filter_map(row).collect()
        };
        render::draw(size, drawn).await
    }

    /// The whole texts of entries' events, by position. An entry whose preview is its whole text is absent.
    async fn texts(&self, positions: &[i64]) -> Result<HashMap<i64, String>> {
        if positions.is_empty() {
            return Ok(HashMap::new());
        }
        let events = event::Entity::find()
            .filter(event::Column::Pos.is_in(positions.iter().copied()))
            .all(self.store.read())
            .await
            .stored()?;
        let mut texts = HashMap::new();
        for event in events {
            let fact = event
                .payload
                .as_deref()
                .and_then(|payload| Fact::decode(&event.kind, event.v, payload));
            if let Some(Fact::EntryAdded(fact)) = fact
                && let Some(body) = fact.body
                && let Value::String(text) = self.body(&body).await?
            {
                texts.insert(event.pos, text);
            }
        }
        Ok(texts)
    }

    /// A body, inline or blob; null when it was purged.
    pub async fn body(&self, body: &Body) -> Result<Value> {
        match blob::get(&self.store, body).await {
            Err(model::Error::NotFound(_)) => Ok(Value::Null),
            other => other,
        }
    }

    /// The fact at a position; `None` when it was purged or this version does not know it.
    pub async fn fact(&self, pos: i64) -> Result<Option<Fact>> {
        let event = event::Entity::find_by_id(pos).one(self.store.read()).await.stored()?;
        Ok(event.and_then(|event| {
            event
                .payload
                .as_deref()
                .and_then(|payload| Fact::decode(&event.kind, event.v, payload))
        }))
    }

    /// A prompt of a session the caller may see.
    pub async fn prompt(&self, caller: &Caller, session: SessionId, id: PromptId) -> Result<Option<Prompt>> {
        let Some(found) = self.session(caller, session).await? else {
            return Ok(None);
        };
        let prompt = self.prompt_of_any(found.node.id, id).await?;
        Ok(prompt.filter(|prompt| prompt.session == session))
    }

    /// A prompt, without a check of the caller.
    async fn prompt_of_any(&self, node: NodeId, id: PromptId) -> Result<Option<Prompt>> {
        let row = prompt::Entity::find_by_id(key(node, id))
            .one(self.store.read())
            .await
            .stored()?;
        Ok(row.and_then(prompt_row))
    }

    /// The waiting prompts of a session, oldest first.
    pub async fn queued(&self, node: NodeId, session: SessionId) -> Result<Vec<Prompt>> {
        let rows = of_origin::<prompt::Entity>(&origin_of(node))
            .filter(prompt::Column::Session.eq(session.to_string()))
            .filter(prompt::Column::State.eq(PromptState::Queued.word()))
            .order_by_asc(prompt::Column::Pos)
            .all(self.store.read())
            .await
            .stored()?;
        Ok(rows.into_iter().filter_map(prompt_row).collect())
    }

    /// The number of pending approvals that the caller sees.
    pub async fn pending(&self, caller: &Caller) -> Result<i64> {
        let count = approval::Entity::find()
            .filter(approval::Column::State.eq(ApprovalState::Pending.word()))
            .filter(self.of_visible(caller, approval::Column::Session, approval::Column::Origin))
            .count(self.store.read())
            .await
            .stored()?;
        Ok(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

/// The key of a row that this node's events made.
fn key(node: NodeId, id: impl ToString) -> (String, String) {
    (id.to_string(), origin_of(node))
}

fn shows_html(kind: &str) -> bool {
    matches!(
        EntryKind::parse(kind),
        Some(EntryKind::Prompt | EntryKind::Message | EntryKind::Plan)
    )
}

fn prompt_row(row: prompt::Model) -> Option<Prompt> {
    Some(Prompt {
        id: id(&row.id)?,
        session: id(&row.session)?,
        text: row.text,
        by_name: row.by_name,
        at: row.at,
        state: PromptState::parse(&row.state)?,
    })
}

fn entry_row(row: entry::Model, html: Option<String>) -> Option<Entry> {
    let kind = EntryKind::parse(&row.kind)?;
    let call = row.tool.map(|tool| Call {
        id: row.call.clone().unwrap_or_default(),
        tool,
        class: row
            .class
            .as_deref()
            .and_then(CallClass::parse)
            .unwrap_or(CallClass::Other),
        label: row.label,
        target: row.target.unwrap_or_default(),
        status: row
            .status
            .as_deref()
            .and_then(CallStatus::parse)
            .unwrap_or(CallStatus::Unknown),
        result: row.result,
        added: row.added,
        removed: row.removed,
        ended: row.ended,
    });
    Some(Entry {
        session: id(&row.session)?,
        seq: row.seq,
        turn: row.turn,
        kind,
        at: row.at,
        parent: row.parent,
        by_name: row.by_name,
        preview: row.preview,
        more: row.more,
        html,
        call,
        approval: row.approval.as_deref().and_then(id),
    })
}
