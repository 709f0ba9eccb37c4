//! The top bar: project filter where it applies, search, new session, theme, account.

use super::Open;
use crate::{
    AppError,
    frame::{FrameResource, ThemeSegment, read_project_names},
    ui::{Icon, Kbd, Mark, Menu, format},
    view,
};
use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};
use model::id::ProjectId;

/// The top bar.
#[component]
pub(super) fn Top(
    /// The frame's data.
    frame: FrameResource,
) -> impl IntoView {
    let open = expect_context::<Open>();
    let path = use_location().pathname;
    let filters = Memo::new(move |_| path.get() == "/sessions");
    view! {
        <header class="top">
            <a class="only-phone" href="/" aria-label="OrchWiz">
                <Mark />
            </a>
            {move || filters.get().then(|| view! { <ProjectFilter /> })}
            <span class="push"></span>
            <button
                type="button"
                class="find no-phone"
                aria-keyshortcuts="Control+K Meta+K"
                aria-haspopup="dialog"
                on:click=move |_| open.palette.set(true)
            >
                <Icon name="search" />
                <span>"Search or run a command"</span>
                <Kbd key="Ctrl K" />
            </button>
            <button
                type="button"
                class="btn btn-i btn-q only-phone"
                aria-label="Search or run a command"
                on:click=move |_| open.palette.set(true)
            >
                <Icon name="search" />
            </button>
            <a class="btn top-new" href="/sessions/new" aria-keyshortcuts="N">
                <Icon name="plus" />
                <span class="vh-phone">"New session"</span>
                <kbd class="kbd" aria-hidden="true">
                    "N"
                </kbd>
            </a>
            <button type="button" class="btn btn-i btn-q" data-theme-next aria-label="Switch theme" title="Switch theme">
                <Icon name="sun-moon" />
            </button>
            <Transition fallback=|| view! { <span class="av av-lg" aria-hidden="true"></span> }>
                {move || frame.get().and_then(Result::ok).map(|view| view! { <Account name=view.me.name role=view.me.role.word() /> })}
            </Transition>
        </header>
    }
}

/// The project filter. Its entries are links, so it works without WASM.
#[component]
fn ProjectFilter() -> impl IntoView {
    let projects = read_project_names();
    let query = use_query_map();
    let to = move |project: Option<ProjectId>| {
        let mut query = query.get();
        query.remove("project");
        query.remove("after");
        if let Some(project) = project {
            query.insert("project", project.to_string());
        }
        format!("/sessions{}", query.to_query_string())
    };
    let chosen = move || query.read().get("project");
    let shown = move |projects: &[(ProjectId, String)]| {
        let chosen = chosen();
        projects
            .iter()
            .find(|(id, _)| chosen.as_deref() == Some(id.to_string().as_str()))
            .map_or_else(|| "All projects".to_owned(), |(_, name)| name.clone())
    };
    view! {
        <Transition>
            {move || {
                let projects: Vec<_> = projects.get().and_then(Result::<_, AppError>::ok).filter(|projects| projects.len() > 1)?;
                let name = shown(&projects);
                let label = format!("Project: {name}");
                Some(
                    view! {
                        <div class="no-phone">
                            <Menu
                                label=label
                                trigger=move || {
                                    view! {
                                        <Icon name="folder-git-2" />
                                        <span class="cut">{name.clone()}</span>
                                        <Icon name="chevrons-up-down" small=true class="faint" />
                                    }
                                }
                            >
                                <a href=to(None) aria-current=chosen().is_none().then_some("true")>
                                    "All projects"
                                </a>
                                <hr />
                                {projects
                                    .into_iter()
                                    .map(|(id, name)| {
                                        let current = chosen().as_deref() == Some(id.to_string().as_str());
                                        view! {
                                            <a href=to(Some(id)) aria-current=current.then_some("true")>
                                                <span class="cut">{name}</span>
                                            </a>
                                        }
                                    })
                                    .collect_view()}
                            </Menu>
                        </div>
                    },
                )
            }}
        </Transition>
    }
}

/// The account menu.
#[component]
fn Account(
    /// Their name.
    name: String,
    /// Their role.
    role: &'static str,
) -> impl IntoView {
    let open = expect_context::<Open>();
    let initials = format::initials(&name);
    let title = format!("{name}, {role}");
    view! {
        <Menu
            label=format!("{initials}, account of {title}")
            button="btn btn-i btn-q"
            end=true
            trigger=move || view! { <span class="av av-lg" aria-hidden="true">{initials.clone()}</span> }
        >
            <p class="menu-t">{title}</p>
            <a href="/settings/profile">
                <Icon name="settings" />
                "Profile"
            </a>
            <button type="button" on:click=move |_| open.keys.set(true)>
                <Icon name="lightbulb" />
                "Keys"
                <span class="push">
                    <Kbd key="?" />
                </span>
            </button>
            <hr />
            <div class="menu-seg">
                <ThemeSegment />
            </div>
            <hr />
            <form method="post" action="/auth/logout">
                <button type="submit">
                    <Icon name="undo-2" />
                    "Sign out"
                </button>
            </form>
        </Menu>
    }
}
