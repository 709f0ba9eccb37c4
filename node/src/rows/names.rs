//! A cache of the names of projects and people that rows show beside ids: names hardly ever change, and every list
//! shows many.

use crate::{
    clock::Deps,
    entity::{project, user},
    known::Known,
    store::{Store, Stored},
};
use model::{
    Millis, Result,
    id::{ProjectId, UserId},
    sessions::Session,
};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use std::{
    collections::{HashMap, HashSet},
    fmt::Display,
    hash::Hash,
    str::FromStr,
    sync::Arc,
};

/// The cache; cheap to clone.
#[derive(Clone)]
pub struct Names(Arc<Inner>);

struct Inner {
    store: Store,
    deps: Deps,
    projects: Known<ProjectId, String>,
    people: Known<UserId, String>,
}

impl Names {
    /// Reads from `store`.
    pub fn new(store: Store, deps: Deps) -> Self {
        Self(Arc::new(Inner {
            store,
            deps,
            projects: Known::default(),
            people: Known::default(),
        }))
    }

    /// Invalidates the projects' names after a rename. People keep their names.
    pub fn forget(&self) {
        self.0.projects.forget();
    }

    /// Adds names to sessions that have only ids: none for a removed project, `cli` for a session without an owner.
    pub(super) async fn put_on(&self, sessions: &mut [Session]) -> Result<()> {
        let (db, now) = (self.0.store.read(), self.0.deps.now());
        let projects = of(
            &self.0.projects,
            sessions.iter().map(|session| session.project),
            now,
            async |ids| {
                let query = project::Entity::find()
                    .select_only()
                    .columns([project::Column::Id, project::Column::Name]);
                query.filter(project::Column::Id.is_in(ids)).into_tuple().all(db).await
            },
        );
        let projects = projects.await?;
        let people = of(
            &self.0.people,
            sessions.iter().filter_map(|session| session.owner),
            now,
            async |ids| {
                let query = user::Entity::find()
                    .select_only()
                    .columns([user::Column::Id, user::Column::Name]);
                query.filter(user::Column::Id.is_in(ids)).into_tuple().all(db).await
            },
        );
        let people = people.await?;
        for session in sessions {
            session.project_name = projects.get(&session.project).cloned().unwrap_or_default();
            session.owner_name = session
                .owner
                .and_then(|owner| people.get(&owner).cloned())
                .unwrap_or_else(|| "cli".into());
        }
        Ok(())
    }
}

/// The names of `ids`, read-through.
async fn of<K: Copy + Eq + Hash + Display + FromStr>(
    known: &Known<K, String>,
    ids: impl Iterator<Item = K>,
    now: Millis,
    read: impl AsyncFnOnce(Vec<String>) -> std::result::Result<Vec<(String, String)>, DbErr>,
) -> Result<HashMap<K, String>> {
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
        for (id, name) in read(unknown.iter().map(ToString::to_string).collect()).await.stored()? {
            let Ok(id) = id.parse() else { continue };
            known.keep(asked, id, now, name.clone());
            names.insert(id, name);
        }
    }
    Ok(names)
}
