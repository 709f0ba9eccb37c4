//! All projects, and a form that adds one by its path and works before WASM has loaded. The node's refusal is shown
//! beside the field.

use super::api::{CreateProject, ProjectsView, list_projects};
use crate::{
    FormAction, NodeAction, NodeForm, NodeResource,
    error::AppError,
    live::{Rows, use_live},
    ui::{
        Ago, Button, ButtonKind, Empty, ErrorNote, Look, NodeChip, QueryState, Short, StatusWord, TextInput, format,
        keyed_list,
    },
    view,
};
use leptos::prelude::*;
use leptos_meta::Title;
use model::{
    PageQuery,
    live::{Row, ServerSays, Topic},
    projects::Project,
};

/// The largest page after this cursor.
const fn page_after(after: Option<String>) -> PageQuery {
    PageQuery {
        after,
        limit: Some(model::page::MAX_LIMIT),
    }
}

/// The index of a new row, by name; `None` if it belongs beyond the loaded rows while `more` follows.
fn place(rows: &[Project], project: &Project, more: bool) -> Option<usize> {
    let name = format::lower(&project.name);
    match rows.iter().position(|other| format::lower(&other.name) > name) {
        Some(at) => Some(at),
        None if more => None,
        None => Some(rows.len()),
    }
}

/// Applies a project's row; a renamed one moves to its new place.
fn take(rows: Rows<Project>, project: &Project, more: bool) {
    let key = project.id.to_string();
    let renamed = rows
        .find_untracked(&key)
        .is_some_and(|row| row.with_untracked(|row| row.name != project.name));
    rows.patch(project.clone(), |rows| place(rows, project, more));
    if renamed {
        let mut others = rows.items_untracked();
        others.retain(|other| other.id != project.id);
        rows.move_to(&key, place(&others, project, false).unwrap_or(others.len()));
    }
}

/// `/projects`.
#[component]
pub fn ProjectsPage() -> impl IntoView {
    let live = use_live();
    let projects = NodeResource::new(move || live.reloads.track(), || list_projects(page_after(None)));
    let create = FormAction::leaving::<CreateProject>();
    let rows = Rows::new(|project: &Project| project.id.to_string());
    let next = RwSignal::new(None::<String>);
    live.on(move |said| match said {
        ServerSays::Row {
            row: Row::Project(project),
            ..
        } => {
            take(rows, project, next.with_untracked(Option::is_some));
        }
        ServerSays::Row {
            row: Row::Session(session),
            ..
        } => {
            rows.change(
                |project| project.id == session.project,
                |project| project.updated = project.updated.max(session.updated),
            );
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
                next.set(view.projects.next);
                use_live().follow(vec![Topic::Node], view.pos);
                view! {
                    <Table rows=rows />
                    <More rows=rows next=next />
                }
            }
        />
        </div>
    }
}

#[component]
fn AddProject(create: FormAction) -> impl IntoView {
    let error = Signal::derive(move || create.refusal());
    let path = Signal::derive(move || error.with(|error| error.as_ref().and_then(|error| error.about("path"))));
    let other = move || error.get().filter(|error| error.field() != Some("path"));
    view! {
        <NodeForm action=create class="add-project">
            <TextInput label="Path" name="path" required=true hint="Absolute path of a folder on this node; usually a git repository." error=path />
            <Button large=true submit=true icon="plus" disabled=create.pending()>"Add project"</Button>
        </NodeForm>
        {move || other().map(|error| view! { <ErrorNote error=error title="The project was not added." /> })}
    }
}

/// The button for the next page, if there are more projects.
#[component]
fn More(rows: Rows<Project>, next: RwSignal<Option<String>>) -> impl IntoView {
    let failed = RwSignal::new(None::<AppError>);
    let here = StoredValue::new(());
    let load = NodeAction::new(move |after: &String| {
        let page = page_after(Some(after.clone()));
        async move {
            let answer = list_projects(page).await;
            // The page may be gone, or the whole list read again.
            if here.try_get_value().is_none() {
                return;
            }
            match answer {
                Ok(view) => {
                    failed.set(None);
                    rows.extend(view.projects.items);
                    next.set(view.projects.next);
                }
                Err(error) => failed.set(Some(error)),
            }
        }
    });
    view! {
        {move || failed.get().map(|error| view! { <ErrorNote error=error title="More projects could not be read." /> })}
        {move || {
            next.get()
                .map(|after| {
                    view! {
                        <p class="ss-foot">
                            <Button kind=ButtonKind::Quiet disabled=load.pending() on:click=move |_| { load.dispatch(after.clone()); }>
                                {move || if load.pending().get() { "Loading more" } else { "Load more" }}
                            </Button>
                        </p>
                    }
                })
        }}
    }
}

/// The status of a project, as a look.
pub(super) fn look(project: &Project) -> Look {
    if project.unread {
        Look::UNKNOWN.called("Not known")
    } else if !project.present {
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
    // Only a change of emptiness renders the table again, not every new row.
    let empty = Memo::new(move |_| rows.is_empty());
    move || {
        if empty.get() {
            return view! {
                <Empty icon="folder-git-2" title="No projects yet" text="A project is a folder in which agents work. Give the path of one above." />
            };
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
                {keyed_list(move || rows.list(), |(key, _)| key.clone(), |(_, project)| view! { <ProjectRow project=project /> })}
            </div>
        }
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
                " "
                <NodeChip node=Signal::derive(move || p.with(|p| p.node.clone())) />
                {move || p.with(|p| p.demo).then(|| view! { " " <span class="chip">"demo, no model"</span> })}
            </span>
            <span role="cell" class="c-path mono muted" title=move || p.with(|p| p.path.clone())>{move || p.with(|p| p.path.clone())}</span>
            <span role="cell" class="c-branch mono">{move || p.with(|p| if p.unread { "not known".into() } else { p.branch.clone().unwrap_or_default() })}</span>
            <span role="cell" class="num c-n"><Short n=Signal::derive(move || p.with(|p| p.sessions)) /></span>
            <span role="cell" class="num c-last muted"><Ago at=Signal::derive(move || p.with(|p| p.updated)) short=true /></span>
        </div>
    }
}

/// The kind of the trust button: primary only while trust is missing and would change what runs.
pub(super) fn trust_kind(project: &Project) -> ButtonKind {
    let holds = project.trusted && !project.trust_stale;
    if holds || project.runs_own.is_empty() {
        ButtonKind::Plain
    } else {
        ButtonKind::Primary
    }
}
