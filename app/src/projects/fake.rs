//! An in-memory fake of the projects port. Only compiled for tests.

use crate::testing::{Fake, NOW, here, page, project_id};
use async_trait::async_trait;
use model::{
    Caller, Error, Page, PageQuery, Result,
    id::ProjectId,
    ports,
    projects::{NewProject, OwnFile, OwnFiles, Project, ProjectPatch},
};

/// The data of the fake projects port.
#[derive(Clone, Debug, Default)]
pub struct Projects {
    /// Projects.
    pub rows: Vec<Project>,
}

impl From<Vec<Project>> for Projects {
    fn from(rows: Vec<Project>) -> Self {
        Self { rows }
    }
}

/// A project, modified by the test.
pub fn project(n: u8, change: impl FnOnce(&mut Project)) -> Project {
    let mut project = Project {
        node: here(),
        id: project_id(n),
        name: format!("project-{n}"),
        path: format!("/home/mara/src/project-{n}"),
        branch: Some("main".into()),
        remote: None,
        trusted: true,
        trust_stale: false,
        runs_own: Vec::new(),
        approval_timeout_s: None,
        present: true,
        unread: false,
        demo: false,
        sessions: 3,
        added: NOW - 86_400_000,
        updated: NOW - 60_000,
    };
    change(&mut project);
    project
}

#[async_trait]
impl ports::Projects for Fake {
    async fn list(&self, _: &Caller, query: PageQuery) -> Result<Page<Project>> {
        self.checked()?;
        page(&self.projects.rows, &query)
    }
    async fn names(&self, _: &Caller) -> Result<Vec<(ProjectId, String)>> {
        self.checked()?;
        Ok(self
            .projects
            .rows
            .iter()
            .map(|project| (project.id, project.name.clone()))
            .collect())
    }
    async fn find(&self, _: &Caller, id: ProjectId) -> Result<Project> {
        self.checked()?;
        self.projects
            .rows
            .iter()
            .find(|project| project.id == id)
            .cloned()
            .ok_or_else(|| Error::NotFound("project".into()))
    }
    async fn own_files(&self, caller: &Caller, id: ProjectId) -> Result<OwnFiles> {
        let project = ports::Projects::find(self, caller, id).await?;
        let files = project
            .runs_own
            .into_iter()
            .map(|name| OwnFile {
                name,
                size: 2,
                text: Some("{}".into()),
                cut: false,
            })
            .collect();
        Ok(OwnFiles {
            files,
            seal: Some("seal".into()),
            ..OwnFiles::default()
        })
    }
    async fn create(&self, _: &Caller, new: NewProject) -> Result<Project> {
        self.checked()?;
        Ok(project(77, |project| project.path = new.path))
    }
    async fn update(&self, caller: &Caller, id: ProjectId, _: ProjectPatch) -> Result<Project> {
        ports::Projects::find(self, caller, id).await
    }
    async fn delete(&self, caller: &Caller, id: ProjectId) -> Result<()> {
        ports::Projects::find(self, caller, id).await.map(drop)
    }
}
