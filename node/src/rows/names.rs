//! A cache of the names of nodes, projects and people that rows show beside ids: names hardly ever change, and every list
//! shows many.

use crate::{
    clock::Deps,
    entity::{known_node, project, setting, user},
    known::Known,
    origin::{node_of, origin_of},
    store::{Store, Stored},
};
use model::{
    Millis, Result,
    fleet::NodeRef,
    id::{NodeId, ProjectId, UserId},
    sessions::Session,
};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use std::{
    collections::{HashMap, HashSet},
    fmt::Display,
    hash::Hash,
    str::FromStr,
    sync::{Arc, OnceLock},
};

/// The cache; cheap to clone.
#[derive(Clone)]
pub struct Names(Arc<Inner>);

struct Inner {
    store: Store,
    deps: Deps,
    own_name: String,
    projects: Known<Key<ProjectId>, String>,
    people: Known<Key<UserId>, String>,
    nodes: Known<NodeId, String>,
    silence: OnceLock<Box<Silence>>,
}

/// Since when nothing was heard of a node, unix ms; `None` while it is heard.
type Silence = dyn Fn(NodeId) -> Option<Millis> + Send + Sync;

/// An id with the node that made it: two nodes may use one id for two things.
type Key<I> = (NodeId, I);

impl Names {
    /// Reads from `store`. `own_name` is this node's name until it is given another.
    pub fn new(store: Store, deps: Deps, own_name: String) -> Self {
        Self(Arc::new(Inner {
            store,
            deps,
            own_name,
            projects: Known::default(),
            people: Known::default(),
            nodes: Known::default(),
            silence: OnceLock::new(),
        }))
    }

    /// Asks this from now on since when a node is silent. Until then no node is.
    pub fn listen(&self, silence: impl Fn(NodeId) -> Option<Millis> + Send + Sync + 'static) {
        let _ = self.0.silence.set(Box::new(silence));
    }

    /// Invalidates the projects' and nodes' names after a rename. People keep their names.
    pub fn forget(&self) {
        self.0.projects.forget();
        self.0.nodes.forget();
    }

    /// The node of rows with this `origin`, by name.
    pub(super) async fn node(&self, origin: &str) -> Result<NodeRef> {
        let (id, now) = (node_of(origin), self.0.deps.now());
        let name = match self.0.nodes.find(&id, now) {
            Ok(name) => name,
            Err(asked) => {
                let name = self.name_of(origin).await?;
                self.0.nodes.keep(asked, id, now, name.clone());
                name
            }
        };
        let here = origin == self.0.store.origin();
        let silence = self.0.silence.get().filter(|_| !here);
        Ok(NodeRef {
            id,
            name,
            here,
            silent_since: silence.and_then(|silence| silence(id)),
        })
    }

    async fn name_of(&self, origin: &str) -> Result<String> {
        let inner = &self.0;
        if origin != inner.store.origin() {
            let known = known_node::Entity::find_by_id(node_of(origin).to_string())
                .one(inner.store.read())
                .await
                .stored()?;
            let short = || origin.get(..8).unwrap_or(origin).to_owned();
            return Ok(known.map_or_else(short, |known| known.name));
        }
        let set = setting::Entity::find_by_id("node.name")
            .one(inner.store.read())
            .await
            .stored()?;
        Ok(set.map_or_else(|| inner.own_name.clone(), |set| set.value))
    }

    /// Adds names to sessions that have only ids: none for a removed project, `cli` for a session without an owner.
    pub(super) async fn put_on(&self, sessions: &mut [Session]) -> Result<()> {
        let (db, now) = (self.0.store.read(), self.0.deps.now());
        let projects = of(
            &self.0.projects,
            sessions.iter().map(|session| (session.node.id, session.project)),
            now,
            async |ids| {
                let query = project::Entity::find().select_only().columns([
                    project::Column::Origin,
                    project::Column::Id,
                    project::Column::Name,
                ]);
                query.filter(project::Column::Id.is_in(ids)).into_tuple().all(db).await
            },
        );
        let projects = projects.await?;
        let people = of(
            &self.0.people,
            sessions
                .iter()
                .filter_map(|session| Some((session.node.id, session.owner?))),
            now,
            async |ids| {
                let query = user::Entity::find().select_only().columns([
                    user::Column::Origin,
                    user::Column::Id,
                    user::Column::Name,
                ]);
                query.filter(user::Column::Id.is_in(ids)).into_tuple().all(db).await
            },
        );
        let people = people.await?;
        for session in sessions {
            let node = session.node.id;
            session.node = self.node(&origin_of(node)).await?;
            session.project_name = projects.get(&(node, session.project)).cloned().unwrap_or_default();
            session.owner_name = match session.owner.and_then(|owner| people.get(&(node, owner))) {
                Some(name) => name.clone(),
                None if origin_of(node) == self.0.store.origin() => "cli".into(),
                // People of other nodes are not told about.
                None => format!("somebody@{}", session.node.name),
            };
        }
        Ok(())
    }
}

/// The names of `ids`, read-through.
async fn of<I: Copy + Eq + Hash + Display + FromStr>(
    known: &Known<Key<I>, String>,
    ids: impl Iterator<Item = Key<I>>,
    now: Millis,
    read: impl AsyncFnOnce(Vec<String>) -> std::result::Result<Vec<(String, String, String)>, DbErr>,
) -> Result<HashMap<Key<I>, String>> {
    let mut names = HashMap::new();
    let mut unknown = HashSet::new();
    let mut asked = 0;
    for id in ids {
        if names.contains_key(&id) || unknown.contains(&id) {
            continue;
        }
        match known.find(&id, now) {
            Ok(name) => drop(names.insert(id, name)),
            Err(changes) => {
                // The count from before the read: the earliest one holds for all ids.
                asked = if unknown.is_empty() { changes } else { asked };
                unknown.insert(id);
            }
        }
    }
    if !unknown.is_empty() {
        let ids = unknown.iter().map(|(_, id)| id.to_string()).collect();
        for (origin, id, name) in read(ids).await.stored()? {
            let Ok(id) = id.parse() else { continue };
            let key = (node_of(&origin), id);
            known.keep(asked, key, now, name.clone());
            names.insert(key, name);
        }
    }
    Ok(names)
}
