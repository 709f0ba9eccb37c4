//! Projects: folders a node knows, their git facts and their trust.
//! It must not read a folder itself, nor run anything a folder contains: `folder` reads.

mod demo;

pub use demo::demo;

use crate::{
    clock::Deps,
    entity::{project, session},
    folder::{Facts, Folders},
    journal::{Journal, Outcome, Tx, internal},
    rows::{Names, Rows},
    store::Store,
};
use async_trait::async_trait;
use futures::future::join_all;
use model::{
    Action, Caller, Error, Millis, Page, PageQuery, Result,
    caller::{Resource, require},
    event::{ProjectAdded, ProjectChanged, ProjectRemoved, ProjectTrusted},
    id::ProjectId,
    ports,
    projects::{NewProject, OwnFiles, Project, ProjectPatch},
    sessions::SessionState,
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, Order, Query},
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

/// So many names are offered for choosing.
const NAMES: u64 = 1_000;

/// [`ports::Projects`] on a journal.
#[derive(Clone)]
pub struct ProjectsService {
    store: Store,
    journal: Journal,
    deps: Deps,
    names: Names,
    folders: Folders,
}

impl ProjectsService {
    /// On a journal, with folders read by `folders`.
    pub fn new(store: Store, journal: Journal, deps: Deps, names: Names, folders: Folders) -> Self {
        Self { store, journal, deps, names, folders }
    }

    /// Reads the folders of projects.
    pub fn folders(&self) -> &Folders {
        &self.folders
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// When a session that the caller may see last did something in each of these projects that has any; each is one look at the end of an
    /// index.
    async fn activity(&self, caller: &Caller, projects: impl IntoIterator<Item = &str>) -> Result<HashMap<String, Millis>> {
        let newest = Query::select()
            .column(session::Column::Updated)
            .from(session::Entity)
            .and_where(Expr::col((session::Entity, session::Column::Project)).equals((project::Entity, project::Column::Id)))
            .cond_where(Rows::scope(caller))
            .order_by(session::Column::Updated, Order::Desc)
            .limit(1)
            .to_owned();
        let rows: Vec<(String, Option<Millis>)> = project::Entity::find()
            .filter(project::Column::Id.is_in(projects))
            .select_only()
            .column(project::Column::Id)
            .expr_as(Expr::SubQuery(None, Box::new(newest.into())), "active")
            .into_tuple()
            .all(self.store.read())
            .await
            .map_err(internal)?;
        Ok(rows.into_iter().filter_map(|(id, active)| Some((id, active?))).collect())
    }

    /// A row with what its folder says now; without, and `unread`, where the folder does not answer.
    async fn shown(&self, row: project::Model, active: Option<Millis>) -> Option<Project> {
        let id = row.id.parse().ok()?;
        let read = self.folders.facts(&row).await;
        let unread = read.is_err();
        // Nothing is claimed of a folder that does not answer.
        let facts = read.unwrap_or(Facts { branch: None, remote: None, trusted: false, runs_own: Vec::new(), present: true });
        Some(Project {
            id,
            name: row.name,
            path: row.path,
            branch: facts.branch,
            remote: facts.remote,
            trusted: facts.trusted,
            trust_stale: row.trusted_hash.is_some() && !facts.trusted && !unread,
            runs_own: facts.runs_own,
            approval_timeout_s: row.approval_timeout_s.filter(|seconds| *seconds > 0),
            present: facts.present,
            unread,
            demo: row.demo,
            sessions: row.sessions,
            added: row.added,
            updated: active.map_or(row.updated, |active| std::cmp::max(active, row.updated)),
        })
    }

    /// What a person trusts who trusts the folder as it is now; an error says what nobody can vouch for.
    async fn sealed(&self, folder: &Path) -> Result<String> {
        self.folders.seal(folder).await?.map_err(|why| Error::invalid("trusted", format!("it cannot be trusted: {why}")))
    }
}

fn checked_name(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Error::invalid("name", "a project's name has 1 to 100 characters on one line"));
    }
    Ok(name.to_owned())
}

async fn alive(tx: &Tx<'_>, id: ProjectId) -> Result<project::Model> {
    let row = project::Entity::find_by_id(id.to_string()).one(tx.db()).await.map_err(internal)?;
    row.filter(|row| row.removed.is_none()).ok_or_else(|| Error::NotFound("project".into()))
}

#[async_trait]
impl ports::Projects for ProjectsService {
    async fn list(&self, caller: &Caller, page: PageQuery) -> Result<Page<Project>> {
        require(caller, Action::ReadNode, Resource::Node, "project")?;
        let limit = page.limit()?;
        let mut query = project::Entity::find().filter(project::Column::Removed.is_null());
        if let Some(after) = &page.after {
            let key = crate::sessions::cursor_parts(after, 2)?;
            let same = Condition::all().add(project::Column::Name.eq(key[0].clone())).add(project::Column::Id.gt(key[1].clone()));
            query = query.filter(Condition::any().add(project::Column::Name.gt(key[0].clone())).add(same));
        }
        let mut found = query
            .order_by_asc(project::Column::Name)
            .order_by_asc(project::Column::Id)
            .limit(u64::from(limit) + 1)
            .all(self.store.read())
            .await
            .map_err(internal)?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|row| crate::sessions::cursor(&[&row.name, &row.id]));
        let activity = self.activity(caller, found.iter().map(|row| row.id.as_str())).await?;
        let shown = found.into_iter().map(|row| {
            let active = activity.get(&row.id).copied();
            self.shown(row, active)
        });
        // Together: many that do not answer are waited for as long as one.
        Ok(Page { items: join_all(shown).await.into_iter().flatten().collect(), next })
    }

    async fn names(&self, caller: &Caller) -> Result<Vec<(ProjectId, String)>> {
        require(caller, Action::ReadNode, Resource::Node, "project")?;
        let rows = project::Entity::find()
            .filter(project::Column::Removed.is_null())
            .order_by_asc(project::Column::Name)
            .order_by_asc(project::Column::Id)
            .limit(NAMES)
            .all(self.store.read())
            .await
            .map_err(internal)?;
        Ok(rows.into_iter().filter_map(|row| Some((row.id.parse().ok()?, row.name))).collect())
    }

    async fn find(&self, caller: &Caller, id: ProjectId) -> Result<Project> {
        require(caller, Action::ReadNode, Resource::Node, "project")?;
        let row = project::Entity::find_by_id(id.to_string()).one(self.store.read()).await.map_err(internal)?;
        match row.filter(|row| row.removed.is_none()) {
            Some(row) => {
                let active = self.activity(caller, [row.id.as_str()]).await?.remove(&row.id);
                self.shown(row, active).await.ok_or_else(|| Error::NotFound("project".into()))
            }
            None => Err(Error::NotFound("project".into())),
        }
    }

    async fn at(&self, caller: &Caller, path: &str) -> Result<Option<ProjectId>> {
        // Asked by whoever is about to add it: others learn nothing of the node's folders.
        require(caller, Action::AddProject, Resource::Node, "project")?;
        let path = self.folders.check(path).await?.display().to_string();
        let known = at(self.journal.origin(), &path).filter(project::Column::Removed.is_null());
        Ok(known.one(self.store.read()).await.map_err(internal)?.and_then(|row| row.id.parse().ok()))
    }

    async fn own_files(&self, caller: &Caller, id: ProjectId) -> Result<OwnFiles> {
        // They may hold keys: only who may trust them sees them.
        require(caller, Action::EditProject, Resource::Node, "project")?;
        let row = project::Entity::find_by_id(id.to_string()).one(self.store.read()).await.map_err(internal)?;
        let row = row.filter(|row| row.removed.is_none()).ok_or_else(|| Error::NotFound("project".into()))?;
        let mut own = self.folders.own_files(&row.path).await?;
        for text in own.files.iter_mut().filter_map(|file| file.text.as_mut()) {
            *text = self.journal.masked(text).into_owned();
        }
        Ok(own)
    }

    async fn create(&self, caller: &Caller, new: NewProject) -> Result<Project> {
        require(caller, Action::AddProject, Resource::Node, "project")?;
        let path = self.folders.check(&new.path).await?;
        let folder_name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
        let name = match new.name.as_deref().map(str::trim) {
            None | Some("") => checked_name(&folder_name)?,
            Some(name) => checked_name(name)?,
        };
        let trust = match new.trusted {
            Some(true) => Some(self.sealed(&path).await?),
            _ => None,
        };
        let path = path.display().to_string();
        let fresh = ProjectId::from_uuid(self.deps.uuid_v7());
        let (who, origin) = (caller.clone(), self.journal.origin().to_owned());
        let id = self
            .journal
            .commit(caller, move |tx| {
                Box::pin(async move {
                    require(&who, Action::AddProject, Resource::Node, "project")?;
                    let known = at(&origin, &path).one(tx.db()).await.map_err(internal)?;
                    let id = match known {
                        Some(row) if row.removed.is_none() => return Err(Error::Conflict(format!("this folder is the project {} already", row.name))),
                        // Adding it again takes it back, with its sessions.
                        Some(row) => row.id.parse().map_err(|_| Error::NotFound("project".into()))?,
                        None => fresh,
                    };
                    let outcome = Outcome::new(id).with(id, ProjectAdded { id, name, path, demo: false });
                    Ok(match trust {
                        Some(hash) => outcome.with(id, ProjectTrusted { hash: Some(hash) }),
                        None => outcome,
                    })
                })
            })
            .await?;
        self.find(caller, id).await
    }

    async fn update(&self, caller: &Caller, id: ProjectId, patch: ProjectPatch) -> Result<Project> {
        require(caller, Action::EditProject, Resource::Node, "project")?;
        let name = patch.name.as_deref().map(checked_name).transpose()?;
        let timeout = match patch.approval_timeout_s {
            Some(seconds) if seconds != 0 && !(10..=604_800).contains(&seconds) => {
                return Err(Error::invalid("approval_timeout_s", "between 10 and 604800 seconds, or 0 to let approvals wait"));
            }
            other => other,
        };
        let folder = PathBuf::from(self.find(caller, id).await?.path);
        let trust = match patch.trusted {
            Some(true) => {
                let seal = self.sealed(&folder).await?;
                if patch.seen.is_some_and(|seen| seen != seal) {
                    return Err(Error::Conflict("what its folder would run has changed since you looked at it: look again".into()));
                }
                Some(Some(seal))
            }
            Some(false) => Some(None),
            None => None,
        };
        let who = caller.clone();
        self.journal
            .commit(caller, move |tx| {
                Box::pin(async move {
                    require(&who, Action::EditProject, Resource::Node, "project")?;
                    let row = alive(tx, id).await?;
                    let mut outcome = Outcome::new(());
                    let changed = ProjectChanged {
                        name: name.filter(|name| *name != row.name),
                        approval_timeout_s: timeout.filter(|seconds| *seconds != row.approval_timeout_s.unwrap_or(0)),
                    };
                    if changed != ProjectChanged::default() {
                        outcome = outcome.with(id, changed);
                    }
                    if let Some(hash) = trust.filter(|hash| *hash != row.trusted_hash) {
                        outcome = outcome.with(id, ProjectTrusted { hash });
                    }
                    Ok(outcome)
                })
            })
            .await?;
        self.names.forget();
        self.find(caller, id).await
    }

    async fn delete(&self, caller: &Caller, id: ProjectId) -> Result<()> {
        let who = caller.clone();
        self.journal
            .commit(caller, move |tx| {
                Box::pin(async move {
                    require(&who, Action::EditProject, Resource::Node, "project")?;
                    alive(tx, id).await?;
                    let live = SessionState::ALL.iter().filter(|state| state.is_live()).map(|state| state.word());
                    let running = session::Entity::find()
                        .filter(session::Column::Project.eq(id.to_string()))
                        .filter(session::Column::State.is_in(live))
                        .count(tx.db())
                        .await
                        .map_err(internal)?;
                    match running {
                        0 => Ok(Outcome::new(()).with(id, ProjectRemoved {})),
                        1 => Err(Error::Conflict("one of its sessions is running: stop it first".into())),
                        n => Err(Error::Conflict(format!("{n} of its sessions are running: stop them first"))),
                    }
                })
            })
            .await
    }
}
/// Projects of a node at a path: the index begins with the node.
fn at(origin: &str, path: &str) -> Select<project::Entity> {
    project::Entity::find().filter(project::Column::Origin.eq(origin)).filter(project::Column::Path.eq(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::TestStore;

    #[tokio::test]
    async fn a_folder_is_found_by_an_index_among_however_many() {
        let test = TestStore::new::<migration::Migrator>(1).await;
        if let Some(plan) = test.plan(at(test.journal.origin(), "/work")).await {
            assert!(plan.contains("INDEX project_origin_path (origin=? AND path=?)"), "{plan}");
        }
    }
}
