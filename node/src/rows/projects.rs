//! Rows of projects: the stored row, and its folder's state at this moment.

use super::{Rows, key};
use crate::{
    entity::{project, session},
    folder::Facts,
    journal::Stored,
};
use model::{
    Caller, Millis, Result,
    id::{NodeId, ProjectId, SessionId},
    projects::Project,
};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Order, Query},
};
use std::collections::HashMap;

impl Rows {
    /// A project, unless it was removed.
    pub async fn project(&self, caller: &Caller, id: ProjectId) -> Result<Option<Project>> {
        let row = project::Entity::find()
            .filter(project::Column::Id.eq(id.to_string()))
            .order_by_desc(project::Column::Origin.eq(self.store.origin()))
            .order_by_asc(project::Column::Origin)
            .one(self.store.read())
            .await
            .stored()?;
        self.shown_project(caller, row).await
    }

    /// The project that this node's events made, unless it was removed.
    pub(super) async fn project_at(&self, caller: &Caller, node: NodeId, id: ProjectId) -> Result<Option<Project>> {
        let row = project::Entity::find_by_id(key(node, id))
            .one(self.store.read())
            .await
            .stored()?;
        self.shown_project(caller, row).await
    }

    async fn shown_project(&self, caller: &Caller, row: Option<project::Model>) -> Result<Option<Project>> {
        let Some(row) = row.filter(|row| row.removed.is_none()) else {
            return Ok(None);
        };
        let active = self
            .activity(caller, [row.id.as_str()])
            .await?
            .remove(&(row.id.clone(), row.origin.clone()));
        Ok(self.project_row(row, active).await)
    }

    /// The project of a session, even a deleted one; `None` when the project was removed or the session purged.
    pub async fn project_of(&self, caller: &Caller, node: NodeId, id: SessionId) -> Result<Option<Project>> {
        let row = session::Entity::find_by_id(key(node, id))
            .one(self.store.read())
            .await
            .stored()?;
        match row.and_then(|row| row.project.parse().ok()) {
            Some(project) => self.project_at(caller, node, project).await,
            None => Ok(None),
        }
    }

    /// The last activity of any session the caller may see, for each of these projects that has one. One index lookup
    /// per project.
    pub(crate) async fn activity(
        &self,
        caller: &Caller,
        projects: impl IntoIterator<Item = &str>,
    ) -> Result<HashMap<(String, String), Millis>> {
        let newest = Query::select()
            .column(session::Column::Updated)
            .from(session::Entity)
            .and_where(
                Expr::col((session::Entity, session::Column::Project)).equals((project::Entity, project::Column::Id)),
            )
            .and_where(
                Expr::col((session::Entity, session::Column::Origin))
                    .equals((project::Entity, project::Column::Origin)),
            )
            .cond_where(self.scope(caller))
            .order_by(session::Column::Updated, Order::Desc)
            .limit(1)
            .to_owned();
        let rows: Vec<(String, String, Option<Millis>)> = project::Entity::find()
            .filter(project::Column::Id.is_in(projects))
            .select_only()
            .columns([project::Column::Id, project::Column::Origin])
            .expr_as(Expr::SubQuery(None, Box::new(newest.into())), "active")
            .into_tuple()
            .all(self.store.read())
            .await
            .stored()?;
        Ok(rows
            .into_iter()
            .filter_map(|(id, origin, active)| Some(((id, origin), active?)))
            .collect())
    }

    /// A row with its folder's state; `unread` and without the state if the folder is silent.
    pub(crate) async fn project_row(&self, row: project::Model, active: Option<Millis>) -> Option<Project> {
        let id = row.id.parse().ok()?;
        // The path of another node's project is no path here.
        let own = row.origin == self.store.origin();
        let read = if own {
            self.folders.facts(&row).await.map_err(drop)
        } else {
            Err(())
        };
        let unread = own && read.is_err();
        // A silent folder: these are placeholders, and `unread` says so.
        let facts = read.unwrap_or(Facts {
            branch: None,
            remote: None,
            trusted: false,
            runs_own: Vec::new(),
            present: true,
        });
        Some(Project {
            node: self.names.node(&row.origin).await.ok()?,
            id,
            name: row.name,
            path: row.path,
            branch: facts.branch,
            remote: facts.remote,
            trusted: if own { facts.trusted } else { row.trusted_hash.is_some() },
            trust_stale: own && row.trusted_hash.is_some() && !facts.trusted && !unread,
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
}
