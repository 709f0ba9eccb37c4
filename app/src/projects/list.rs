//! All projects, and adding one by its path. A plain form that works before WASM has loaded.
//! What the node refuses stands beside the field.

use super::api::{CreateProject, ProjectsView, list_projects};
use crate::{
    live::{Rows, use_live},
    ui::{Ago, Button, ButtonKind, Empty, ErrorNote, Look, QueryState, Short, StatusWord, TextInput},
    view,
};
use leptos::{form::ActionForm, prelude::*};
use leptos_meta::Title;
use model::{
    PageQuery,
    live::{Row, ServerSays, Topic},
    projects::Project,
};

/// `/projects`.
#[component]
pub fn ProjectsPage() -> impl IntoView {
    let live = use_live();
    let projects = Resource::new(move || live.reloads.get(), |_| list_projects(PageQuery { after: None, limit: Some(model::page::MAX_LIMIT) }));
    let create = ServerAction::<CreateProject>::new();
    let rows = Rows::new(|project: &Project| project.id.to_string());
    live.on(move |said| match said {
        ServerSays::Row { row: Row::Project(project), .. } => {
            rows.patch((**project).clone(), |rows| {
                let name = project.name.to_lowercase();
                Some(rows.iter().position(|other| other.name.to_lowercase() > name).unwrap_or(rows.len()))
            });
        }
        ServerSays::Gone { id, .. } => rows.remove(id),
        _ => {}
    });
    view! {
        <Title text="Projects" />
        <div class="page">
        <div class="page-bar"><h1>"Projects"</h1></div>
        <AddProject create=create />
        <QueryState
            query=projects
            failed="The projects could not be read."
            content=move |view: ProjectsView| {
                rows.replace(view.projects.items);
                use_live().follow(vec![Topic::Node], view.pos);
                view! { <Table rows=rows /> }
            }
        />
        </div>
    }
}

#[component]
fn AddProject(create: ServerAction<CreateProject>) -> impl IntoView {
    let error = Signal::derive(move || create.value().with(|value| value.as_ref().and_then(|value| value.as_ref().err().cloned())));
    let path = Signal::derive(move || error.with(|error| error.as_ref().and_then(|error| error.about("path"))));
    let other = move || error.get().filter(|error| error.field() != Some("path"));
    view! {
        <ActionForm action=create attr:class="add-project">
            <TextInput label="Path" name="path" required=true hint="Absolute path of a folder on this node; usually a git repository." error=path />
            <Button large=true submit=true icon="plus" disabled=create.pending()>"Add project"</Button>
        </ActionForm>
        {move || other().map(|error| view! { <ErrorNote error=error title="The project was not added." /> })}
    }
}

/// How a project stands, as a look.
pub(super) fn look(project: &Project) -> Look {
    if !project.present {
        Look::FAILED.called("Missing")
    } else if project.trust_stale {
        Look::WAITING.called("Changed")
    } else if project.trusted {
        Look::DONE.called("Trusted")
    } else {
        Look::IDLE.called("Not trusted")
    }
}

#[component]
fn Table(rows: Rows<Project>) -> impl IntoView {
    move || {
        if rows.is_empty() {
            return view! {
                <Empty icon="folder-git-2" title="No projects yet" text="A project is a folder in which agents work. Give the path of one above." />
            }
            .into_any();
        }
        view! {
            <div class="table" role="table" aria-label="Projects by name">
                <div class="tr th pj-row" role="row">
                    <span role="columnheader">"Trust"</span>
                    <span role="columnheader" class="c-title">"Name"</span>
                    <span role="columnheader" class="c-path">"Folder"</span>
                    <span role="columnheader" class="c-branch">"Branch"</span>
                    <span role="columnheader" class="num c-n">"Sessions"</span>
                    <span role="columnheader" class="num c-last">"Last"</span>
                </div>
                <For each=move || rows.list() key=|(key, _)| key.clone() children=|(_, project)| view! { <ProjectRow project=project /> } />
            </div>
        }
        .into_any()
    }
}

#[component]
fn ProjectRow(project: ArcRwSignal<Project>) -> impl IntoView {
    let id = project.with_untracked(|project| project.id);
    let p = RwSignal::from(project);
    view! {
        <div class="tr link-row pj-row" role="row">
            <span role="cell"><StatusWord look=Signal::derive(move || p.with(look)) /></span>
            <span role="cell" class="c-title">
                <a class="go" href=format!("/projects/{id}")>{move || p.with(|p| p.name.clone())}</a>
                {move || p.with(|p| p.demo).then(|| view! { " " <span class="chip">"demo, no model"</span> })}
            </span>
            <span role="cell" class="c-path mono muted" title=move || p.with(|p| p.path.clone())>{move || p.with(|p| p.path.clone())}</span>
            <span role="cell" class="c-branch mono">{move || p.with(|p| p.branch.clone().unwrap_or_default())}</span>
            <span role="cell" class="num c-n"><Short n=Signal::derive(move || p.with(|p| p.sessions)) /></span>
            <span role="cell" class="num c-last muted"><Ago at=Signal::derive(move || p.with(|p| p.updated)) short=true /></span>
        </div>
    }
}

/// The kind of the button that trusts: it is the decision of its page only while trust is missing.
pub(super) const fn trust_kind(project: &Project) -> ButtonKind {
    if project.trusted && !project.trust_stale { ButtonKind::Plain } else { ButtonKind::Primary }
}
