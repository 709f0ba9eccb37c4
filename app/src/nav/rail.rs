//! The rail: the pages, recent projects, and at its foot the node and the connection.

use super::{Pending, pages_in};
use crate::{
    fleet,
    frame::{FrameResource, LastProjects, health_look, look_of},
    inbox,
    live::{LiveState, use_live},
    page::{PageLink, Place},
    ui::{Exact, Icon, Look, Mark, Shape, keyed_list, use_clock},
    view,
};
use leptos::prelude::*;
use leptos_router::components::A;

/// The rail.
#[component]
pub(super) fn Rail(
    /// The frame's data.
    frame: FrameResource,
) -> impl IntoView {
    view! {
        <aside class="rail" aria-label="Navigation">
            <div class="brand">
                <a class="row" href="/" aria-label="OrchWiz">
                    <Mark />
                    <span>"OrchWiz"</span>
                </a>
                <button
                    type="button"
                    class="btn btn-i btn-q btn-mini no-mid"
                    data-flip="rail"
                    aria-expanded="true"
                    aria-keyshortcuts="["
                    aria-label="Wide navigation"
                    title="Narrow or widen the navigation ([)"
                >
                    <Icon name="chevrons-up-down" small=true class="turned" />
                </button>
            </div>
            <nav class="nav" aria-label="Pages">
                {pages_in(Place::First).chain(pages_in(Place::Rail)).map(|page| view! { <Item page=page frame=frame /> }).collect_view()}
                <hr />
                <Projects frame=frame />
            </nav>
            <nav class="nav nav-foot" aria-label="This node's settings">
                {pages_in(Place::Foot).map(|page| view! { <Item page=page frame=frame /> }).collect_view()}
            </nav>
            <Foot frame=frame />
        </aside>
    }
}

/// The link to a page; the Inbox's shows the number of pending approvals.
#[component]
pub(super) fn Item(
    /// The page.
    page: &'static PageLink,
    /// Has that number.
    frame: FrameResource,
) -> impl IntoView {
    let title = page
        .letter
        .map_or_else(|| page.name.to_owned(), |letter| format!("{} (G {letter})", page.name));
    view! {
        <A href=page.href exact={page.href == "/"} attr:title=title>
            <Icon name=page.icon />
            <span>{page.name}</span>
            {(page.href == inbox::PAGE.href).then(|| view! { <Pending frame=frame /> })}
        </A>
    }
}

/// The link to Projects with the recent ones under it, each marked if something waits in it.
#[component]
fn Projects(frame: FrameResource) -> impl IntoView {
    let last = expect_context::<LastProjects>();
    view! {
        {pages_in(Place::Projects)
            .map(|page| {
                view! {
                    <div class="nav-open">
                        <Item page=page frame=frame />
                        <button
                            type="button"
                            class="btn btn-i btn-q btn-mini"
                            data-flip="projects"
                            aria-expanded="true"
                            aria-controls="rail-projects"
                            aria-label="Projects used last"
                            title="Projects used last"
                        >
                            <Icon name="chevron-down" small=true />
                        </button>
                    </div>
                }
            })
            .collect_view()}
        <div id="rail-projects" class="nav-sub">
            <LastUsed last=last />
        </div>
    }
}

/// The recent projects, each with its mark if something waits.
#[component]
pub(super) fn LastUsed(last: LastProjects) -> impl IntoView {
    keyed_list(
        move || last.shown(),
        |project| project.id.to_string(),
        move |project| {
            let id = project.id;
            let name = move || last.name(id);
            view! {
                <A href=format!("/projects/{id}") attr:title=name>
                    {move || {
                        if last.waits(id) {
                            view! { <Shape look=Look::WAITING label="Waits for you" /> }
                        } else {
                            view! { <i class="sh"></i> }
                        }
                    }}
                    <span class="cut">{name}</span>
                </A>
            }
        },
    )
}

#[component]
fn Foot(
    /// The frame's data.
    frame: FrameResource,
) -> impl IntoView {
    let live = use_live();
    let clock = use_clock();
    let connection = Signal::derive(move || look_of(live.state.get()));
    let word = move || match live.state.get() {
        LiveState::Live => "live",
        LiveState::CatchingUp => "catching-up",
        LiveState::Offline { .. } => "offline",
    };
    view! {
        <div class="rail-foot">
            // A `Transition` keeps the old name while it is read again after a rename.
            <Transition>
                {move || {
                    frame
                        .get()
                        .and_then(Result::ok)
                        .map(|view| {
                            let health = Signal::derive(move || {
                                health_look(live.health.get().or(view.health).as_ref(), clock.now())
                            });
                            let hover = format!("Fleet: {}, {} (G F)", view.node.name, view.node.kind.word());
                            view! {
                                <A href=fleet::PAGE.href attr:class="row" attr:title=hover>
                                    <Shape look=health />
                                    <span class="t cut">
                                        <span class="vh">"Fleet: "</span>
                                        <b>{view.node.name}</b>
                                        " "
                                        {view.node.kind.word()}
                                        ", "
                                        {move || health.get().word}
                                    </span>
                                </A>
                            }
                        })
                }}
            </Transition>
            <div class="row" data-live=word title=move || connection.get().word>
                <Shape look=connection />
                <span class="t">
                    {move || connection.get().word}
                    {move || match live.state.get() {
                        LiveState::Offline { since } => {
                            Some(
                                view! {
                                    " since "
                                    <Exact at=since time=true />
                                },
                            )
                        }
                        _ => None,
                    }}
                </span>
            </div>
        </div>
    }
}
