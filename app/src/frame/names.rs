//! Names of projects, for filters.

use crate::{NodeResource, error::AppResult, live::use_live, wire::Rpc};
use leptos::{prelude::*, server};
use model::{
    id::ProjectId,
    live::{Row, ServerSays},
};

/// Names of all projects in order, for filters.
#[server(prefix = "/api/rpc", endpoint = "frame/projects", protocol = Rpc)]
async fn project_names() -> AppResult<Vec<(ProjectId, String)>> {
    use crate::server::{caller, services};
    Ok(services()?.projects.names(&caller()?).await?)
}

/// The names, read again when a project comes, goes or is renamed.
pub(crate) fn read_project_names() -> NodeResource<Vec<(ProjectId, String)>> {
    let live = use_live();
    let changed = RwSignal::new(0_u32);
    let names = NodeResource::new(
        move || {
            changed.track();
            live.reloads.track();
        },
        project_names,
    );
    live.on(move |said| {
        let known = || untrack(|| names.get()).and_then(Result::ok).unwrap_or_default();
        let differs = match said {
            ServerSays::Row {
                row: Row::Project(project),
                ..
            } => !known()
                .iter()
                .any(|(id, name)| *id == project.id && *name == project.name),
            ServerSays::Gone { id: gone, .. } => known().iter().any(|(id, _)| id.to_string() == *gone),
            _ => false,
        };
        if differs {
            changed.update(|n| *n = n.wrapping_add(1));
        }
    });
    names
}
