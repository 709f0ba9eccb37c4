//! The demo agent's scratch project: a folder in the data directory with a tiny program to fix. Its files are written
//! once; later changes stay.

use super::ProjectsService;
use crate::{
    entity::project,
    journal::{Outcome, Stored},
};
use model::{
    Action, Caller, Error, Result,
    caller::{Resource, require},
    event::ProjectAdded,
    id::ProjectId,
};
use sea_orm::{ColumnTrait, QueryFilter};
use std::{fs, io, path::Path};

const FILES: [(&str, &str); 3] = [
    (
        "README.md",
        "# Greeting\n\nA scratch project for the demo agent of OrchWiz. Change it as you like.\n",
    ),
    (
        "greet.sh",
        "#!/bin/sh\n# Greets whoever is named, or everybody.\nname=${1:-wrold}\necho \"Hello, $name\"\n",
    ),
    (
        "notes.txt",
        "The greeting is misspelt.\nNobody has run greet.sh for a while.\n",
    ),
];

/// The demo's project; created if it does not exist.
pub async fn demo(projects: &ProjectsService, caller: &Caller) -> Result<ProjectId> {
    require(caller, Action::StartSession, Resource::Node, "project")?;
    let (path, written) = projects.folders.demo(write).await?;
    written.stored()?;
    let path = path.display().to_string();
    let id = ProjectId::from_uuid(projects.deps.uuid_v7());
    let origin = projects.journal.origin().to_owned();
    projects
        .journal
        .commit(&Caller::node(), move |tx| {
            Box::pin(async move {
                let known = super::at(&origin, &path)
                    .filter(project::Column::Demo.eq(true))
                    .one(tx.db())
                    .await
                    .stored()?;
                match known {
                    Some(row) if row.removed.is_none() => Ok(Outcome::new(
                        row.id.parse().map_err(|_| Error::NotFound("project".into()))?,
                    )),
                    // Adding it again restores it under its old id.
                    Some(row) => {
                        let id: ProjectId = row.id.parse().map_err(|_| Error::NotFound("project".into()))?;
                        Ok(Outcome::new(id).with(
                            id,
                            ProjectAdded {
                                id,
                                name: row.name,
                                path,
                                demo: true,
                            },
                        ))
                    }
                    None => Ok(Outcome::new(id).with(
                        id,
                        ProjectAdded {
                            id,
                            name: "Demo".into(),
                            path,
                            demo: true,
                        },
                    )),
                }
            })
        })
        .await
}

fn write(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    for (name, text) in FILES {
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}
