//! The rail: the pages that exist, and at its foot the node and the connection.

use super::{FrameResource, Pending, health_look, look_of};
use crate::{
    live::{LiveState, use_live},
    ui::{Exact, Icon, Mark, Shape, use_clock},
    view,
};
use leptos::prelude::*;
use leptos_router::components::A;

/// The rail.
#[component]
pub(super) fn Rail(
    /// What the frame read.
    frame: FrameResource,
) -> impl IntoView {
    view! {
        <aside class="rail" aria-label="Navigation">
            <a class="brand" href="/" aria-label="OrchWiz">
                <Mark />
                <span>"OrchWiz"</span>
            </a>
            <nav class="nav" aria-label="Pages">
                <Item href="/" icon="gauge" name="Overview" exact=true />
                <A href="/inbox" attr:title="Inbox">
                    <Icon name="inbox" />
                    <span>"Inbox"</span>
                    <Pending frame=frame />
                </A>
                <Item href="/sessions" icon="square-terminal" name="Sessions" />
                <Item href="/projects" icon="folder-git-2" name="Projects" />
                <Item href="/usage" icon="zap" name="Usage" />
                <div class="nav-t">"Node"</div>
                <Item href="/settings" icon="settings" name="Settings" />
            </nav>
            <Foot frame=frame />
        </aside>
    }
}

#[component]
fn Item(
    /// Where it leads.
    href: &'static str,
    /// Its icon.
    icon: &'static str,
    /// Its name.
    name: &'static str,
    /// Only this path is it, not those below.
    #[prop(optional)]
    exact: bool,
) -> impl IntoView {
    view! {
        <A href=href exact=exact attr:title=name>
            <Icon name=icon />
            <span>{name}</span>
        </A>
    }
}

#[component]
fn Foot(
    /// What the frame read.
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
            // Stays while it is read again, after the node was renamed.
            <Transition>
                {move || {
                    frame
                        .get()
                        .and_then(Result::ok)
                        .map(|view| {
                            let health = Signal::derive(move || {
                                health_look(live.health.get().or(view.health).as_ref(), clock.now())
                            });
                            let hover = format!("{}, {}", view.node.name, view.node.kind.word());
                            view! {
                                <div class="row" title=hover>
                                    <Shape look=health />
                                    <span class="t cut">
                                        <b>{view.node.name}</b>
                                        " "
                                        {view.node.kind.word()}
                                        ", "
                                        {move || health.get().word}
                                    </span>
                                </div>
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
