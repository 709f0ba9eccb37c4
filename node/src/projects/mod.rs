//! Projects: the folders a node knows, their git facts and their trust. Folders are read through `folder` only, and
//! nothing in them is run.

mod demo;

pub use demo::demo;

use crate::{
    clock::Deps,
    entity::{project, session},
    folder::Folders,
    journal::{Journal, Outcome, Stored, Tx},
    page,
    rows::Rows,
    store::{Store, of_origin},
};
use async_trait::async_trait;
use futures::future::join_all;
use model::{
    Action, Caller, Error, Page, PageQuery, Result,
    caller::{Resource, require},
    event::{ProjectAdded, ProjectChanged, ProjectRemoved, ProjectTrusted},
    id::ProjectId,
    ports,
    projects::{NewProject, OwnFiles, Project, ProjectPatch},
    sessions::SessionState,
};
use sea_orm::{ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use std::path::{Path, PathBuf};

/// The most names that are offered for a choice.
const NAMES: u64 = 1_000;

/// [`ports::Projects`] on a journal.
#[derive(Clone)]
pub struct ProjectsService {
    store: Store,
    journal: Journal,
    deps: Deps,
    rows: Rows,
    folders: Folders,
}

impl ProjectsService {
    /// Commits to `journal` and reads folders through `folders`.
    pub fn new(store: Store, journal: Journal, deps: Deps, rows: Rows, folders: Folders) -> Self {
        Self {
            store,
            journal,
            deps,
            rows,
            folders,
        }
    }

    /// The seal of trusting the folder as it is now. The error says why it cannot be trusted.
    async fn sealed(&self, folder: &Path) -> Result<String> {
        self.folders
            .seal(folder)
            .await?
            .map_err(|why| Error::invalid("trusted", format!("it cannot be trusted: {why}")))
    }
}

fn checked_name(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            "name",
            "a project's name has 1 to 100 characters on one line",
        ));
    }
    Ok(name.to_owned())
}

async fn alive(tx: &Tx<'_>, id: ProjectId) -> Result<project::Model> {
    let row = project::Entity::find_by_id(tx.key(id)).one(tx.db()).await.stored()?;
    row.filter(|row| row.removed.is_none())
        .ok_or_else(|| Error::NotFound("project".into()))
}

#[async_trait]
impl ports::Projects for ProjectsService {
    async fn list(&self, caller: &Caller, page: PageQuery) -> Result<Page<Project>> {
        require(caller, Action::ReadNode, Resource::Node, "project")?;
        let limit = page.limit()?;
        let mut query = project::Entity::find().filter(project::Column::Removed.is_null());
        if let Some(after) = &page.after {
            let key = page::parts(after, 2)?;
            let same = Condition::all()
                .add(project::Column::Name.eq(key[0].clone()))
                .add(project::Column::Id.gt(key[1].clone()));
            query = query.filter(Condition::any().add(project::Column::Name.gt(key[0].clone())).add(same));
        }
        let mut found = query
            .order_by_asc(project::Column::Name)
            .order_by_asc(project::Column::Id)
            .limit(u64::from(limit) + 1)
            .all(self.store.read())
            .await
            .stored()?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found
            .last()
            .filter(|_| more)
            .map(|row| page::cursor(&[&row.name, &row.id]));
        let activity = self
            .rows
            .activity(caller, found.iter().map(|row| row.id.as_str()))
            .await?;
        let shown = found.into_iter().map(|row| {
            let active = activity.get(&(row.id.clone(), row.origin.clone())).copied();
            self.rows.project_row(row, active)
        });
        // All together, so that many silent folders take no longer than one.
        Ok(Page {
            items: join_all(shown).await.into_iter().flatten().collect(),
            next,
        })
    }

    async fn names(&self, caller: &Caller) -> Result<Vec<(ProjectId, String)>> {
        require(caller, Action::ReadNode, Resource::Node, "project")?;
        let rows = self
            .store
            .own::<project::Entity>()
            .filter(project::Column::Removed.is_null())
            .order_by_asc(project::Column::Name)
            .order_by_asc(project::Column::Id)
            .limit(NAMES)
            .all(self.store.read())
            .await
            .stored()?;
        Ok(rows
            .into_iter()
            .filter_map(|row| Some((row.id.parse().ok()?, row.name)))
            .collect())
    }

    async fn find(&self, caller: &Caller, id: ProjectId) -> Result<Project> {
        require(caller, Action::ReadNode, Resource::Node, "project")?;
        self.rows
            .project(caller, id)
            .await?
            .ok_or_else(|| Error::NotFound("project".into()))
    }

    async fn own_files(&self, caller: &Caller, id: ProjectId) -> Result<OwnFiles> {
        // The files may hold keys, so only callers who may trust them see them.
        require(caller, Action::EditProject, Resource::Node, "project")?;
        let row = project::Entity::find_by_id(self.store.key(id))
            .one(self.store.read())
            .await
            .stored()?;
        let row = row
            .filter(|row| row.removed.is_none())
            .ok_or_else(|| Error::NotFound("project".into()))?;
        let mut own = self.folders.own_files(&row.path).await?;
        for text in own.files.iter_mut().filter_map(|file| file.text.as_mut()) {
            *text = self.journal.masked(text).into_owned();
        }
        Ok(own)
    }

    async fn create(&self, caller: &Caller, new: NewProject) -> Result<Project> {
        let folder = self.named_folder(caller, &new.path, new.name.as_deref()).await?;
        let trust = match new.trusted {
            Some(true) => Some(self.sealed(Path::new(&folder.path)).await?),
            _ => None,
        };
        let who = caller.clone();
        let id = self
            .journal
            .commit(caller, move |tx| {
                Box::pin(async move {
                    require(&who, Action::AddProject, Resource::Node, "project")?;
                    let added = match folder.project(tx).await? {
                        FolderIs::Project { name, .. } => {
                            return Err(Error::Conflict(format!("this folder is the project {name} already")));
                        }
                        FolderIs::New(added) => added,
                    };
                    let id = added.id;
                    let outcome = Outcome::new(id).with(id, added);
                    Ok(match trust {
                        Some(hash) => outcome.with(
                            id,
                            ProjectTrusted {
                                hash: Some(hash),
                                also: None,
                            },
                        ),
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
                return Err(Error::invalid(
                    "approval_timeout_s",
                    "between 10 and 604800 seconds, or 0 to let approvals wait",
                ));
            }
            other => other,
        };
        let folder = PathBuf::from(self.find(caller, id).await?.path);
        let trust = match patch.trusted {
            Some(true) => {
                let seal = self.sealed(&folder).await?;
                if patch.seen.is_some_and(|seen| seen != seal) {
                    return Err(Error::Conflict(
                        "what its folder would run has changed since you looked at it: look again".into(),
                    ));
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
                    let as_before = |hash: &Option<String>| *hash == row.trusted_hash && row.trusted_also.is_none();
                    if let Some(hash) = trust.filter(|hash| !as_before(hash)) {
                        outcome = outcome.with(id, ProjectTrusted { hash, also: None });
                    }
                    Ok(outcome)
                })
            })
            .await?;
        self.rows.forget_names();
        self.find(caller, id).await
    }

    async fn delete(&self, caller: &Caller, id: ProjectId) -> Result<()> {
        let who = caller.clone();
        self.journal
            .commit(caller, move |tx| {
                Box::pin(async move {
                    require(&who, Action::EditProject, Resource::Node, "project")?;
                    alive(tx, id).await?;
                    let live = SessionState::ALL
                        .iter()
                        .filter(|state| state.is_live())
                        .map(|state| state.word());
                    let running = tx
                        .own::<session::Entity>()
                        .filter(session::Column::Project.eq(id.to_string()))
                        .filter(session::Column::State.is_in(live))
                        .count(tx.db())
                        .await
                        .stored()?;
                    match running {
                        0 => Ok(Outcome::new(()).with(id, ProjectRemoved {})),
                        1 => Err(Error::Conflict("one of its sessions is running: stop it first".into())),
                        n => Err(Error::Conflict(format!(
                            "{n} of its sessions are running: stop them first"
                        ))),
                    }
                })
            })
            .await
    }
}

/// A folder that a caller named and may add as a project.
pub(crate) struct NamedFolder {
    /// Its canonical path.
    pub(crate) path: String,
    name: String,
    /// The id of its project, if it becomes one.
    fresh: ProjectId,
}

/// The state of a folder that is to become a project.
pub(crate) enum FolderIs {
    /// It is a project already.
    Project { id: ProjectId, name: String },
    /// It becomes a project by this fact. A removed project comes back with its sessions.
    New(ProjectAdded),
}

impl ProjectsService {
    /// The folder at `path`, if the caller may add it. Without `name` its project gets the folder's name. Refusals name
    /// `path` or `name`.
    pub(crate) async fn named_folder(&self, caller: &Caller, path: &str, name: Option<&str>) -> Result<NamedFolder> {
        // Other callers learn nothing about the node's folders.
        require(caller, Action::AddProject, Resource::Node, "project")?;
        let path = self.folders.check(path).await?;
        let own = path.file_name().map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        let name = checked_name(name.map(str::trim).filter(|name| !name.is_empty()).unwrap_or(&own))?;
        Ok(NamedFolder {
            path: path.display().to_string(),
            name,
            fresh: ProjectId::from_uuid(self.deps.uuid_v7()),
        })
    }
}

impl NamedFolder {
    /// The state of the folder within this commit.
    pub(crate) async fn project(self, tx: &Tx<'_>) -> Result<FolderIs> {
        let known = at(tx.origin(), &self.path).one(tx.db()).await.stored()?;
        let id = match &known {
            Some(row) => row.id.parse().map_err(|_| Error::NotFound("project".into()))?,
            None => self.fresh,
        };
        Ok(match known.filter(|row| row.removed.is_none()) {
            Some(row) => FolderIs::Project { id, name: row.name },
            None => FolderIs::New(ProjectAdded {
                id,
                name: self.name,
                path: self.path,
                demo: false,
            }),
        })
    }
}

/// The projects of a node at a path. The filter begins with the node, as the index does.
fn at(origin: &str, path: &str) -> Select<project::Entity> {
    of_origin::<project::Entity>(origin).filter(project::Column::Path.eq(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::TestStore;

    #[tokio::test]
    async fn a_folder_is_found_by_an_index_among_however_many() {
        let test = TestStore::new::<migration::Migrator>(1).await;
        if let Some(plan) = test.plan(at(test.journal.origin(), "/work")).await {
            assert!(
                plan.contains("INDEX project_path_origin (path=? AND origin=?)"),
                "{plan}"
            );
        }
    }
}
