//! `/fleet/nodes/:id`: what is known of a node and since when, its newest health, and the links to it.

use super::{
    api::{NodeView, find_node},
    reread,
    words::{clock, link_look, node_look},
};
use crate::{
    NodeResource,
    error::AppError,
    frame::health_look,
    live::use_live,
    settings,
    ui::{Ago, ErrorNote, Exact, LiveTitle, Note, NoteTone, Skeleton, StatusWord, format, quiet_clock},
    view,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{components::A, hooks::use_params_map};
use model::{
    Error,
    fleet::{FleetNode, Link, NodeState},
    id::NodeId,
    node::HealthSample,
};

/// `/fleet/nodes/:id`.
#[component]
pub(super) fn NodePage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").and_then(|id| id.parse::<NodeId>().ok())));
    let inside = move || match id.get() {
        Some(id) => view! { <OpenNode id=id /> },
        None => {
            crate::error::reject(Error::NotFound("node".into()));
            view! { <NoNode /> }
        }
    };
    view! { <div class="page">{inside}</div> }
}

#[component]
fn NoNode() -> impl IntoView {
    view! {
        <Title text="No such node" />
        <div class="page-bar"><h1>"There is no such node"</h1></div>
        <p class="muted">"This node never heard of it, or forgot it. " <a class="link" href="/fleet">"Fleet"</a></p>
    }
}

#[component]
fn OpenNode(id: NodeId) -> impl IntoView {
    let live = use_live();
    let found = NodeResource::blocking(move || live.reloads.track(), move || find_node(id));
    view! {
        <Transition fallback=|| view! { <Skeleton rows=8 /> }>
            {move || {
                found
                    .get()
                    .map(|answer| match answer {
                        Ok(view) => view! { <One view=view gone=Callback::new(move |()| found.refetch()) /> },
                        Err(AppError(Error::NotFound(_))) => view! { <NoNode /> },
                        Err(error) => view! {
                            <Title text="Node" />
                            <div class="page-bar"><h1>"Node"</h1></div>
                            <ErrorNote error=error title="The node could not be read." retry=Callback::new(move |()| found.refetch()) />
                        },
                    })
            }}
        </Transition>
    }
}

#[component]
fn One(view: NodeView, gone: Callback<()>) -> impl IntoView {
    let id = view.node.id;
    let node = RwSignal::new(view.node);
    let links = RwSignal::new(view.links);
    reread(move || async move {
        match find_node(id).await {
            Ok(view) => {
                if node.try_with_untracked(|old| *old != view.node) == Some(true) {
                    node.set(view.node);
                }
                if links.try_with_untracked(|old| *old != view.links) == Some(true) {
                    links.set(view.links);
                }
            }
            Err(AppError(Error::NotFound(_))) => {
                gone.try_run(());
            }
            Err(_) => {}
        }
    });
    let look = Signal::derive(move || node.with(node_look));
    let since = Memo::new(move |_| node.with(|node| node.state_since));
    let state = Memo::new(move |_| node.with(|node| node.state));
    let off = Memo::new(move |_| node.with(clock));
    let health = Memo::new(move |_| node.with(|node| node.health));
    view! {
        <LiveTitle text=move || node.with(|node| node.name.clone()) />
        <div class="page-bar">
            <nav class="xs muted" aria-label="Where"><A href="/fleet">"Fleet"</A> " /"</nav>
            <h1 class="cut">{move || node.with(|node| node.name.clone())}</h1>
            <StatusWord look=look chip=true />
            <span class="xs muted nw">"since " <Exact at=since time=true /></span>
        </div>
        {move || match state.get() {
            NodeState::Live => None,
            NodeState::Silent => Some(view! {
                <Note tone=NoteTone::Warning title="No word since then.">"What is shown of it is from that moment. It may go on working; nothing newer is known here."</Note>
            }),
            NodeState::Revoked => Some(view! {
                <Note title="Its link was revoked.">"What it sent stays, and nothing newer comes."</Note>
            }),
        }}
        {move || off.get().map(|off| view! {
            <Note tone=NoteTone::Warning title=format!("Its clock is {off}.")>"Its times are shown as it says them. Set the clock of one of the two machines."</Note>
        })}
        <Facts node=node />
        <section class="fl-s" aria-labelledby="nd-h">
            <div class="sec-h"><h2 id="nd-h">"Health"</h2></div>
            {move || match health.get() {
                Some(sample) => view! { <Health sample=sample /> },
                None => view! { <p class="muted">"Not known here: only nodes that are linked directly say it."</p> },
            }}
            {move || node.with(|node| node.here).then(|| view! {
                <p class="xs"><a class="link" href=settings::NODE.href>"The last hour, name and machine"</a></p>
            })}
        </section>
        {move || {
            let links = links.get();
            (!links.is_empty()).then(|| view! { <Links links=links /> })
        }}
    }
}

#[component]
fn Facts(node: RwSignal<FleetNode>) -> impl IntoView {
    let heard = Memo::new(move |_| node.with(|node| (node.here, node.last_heard)));
    let via = Memo::new(move |_| node.with(|node| node.via.clone()));
    view! {
        <section class="fl-s" aria-labelledby="nd-f">
            <div class="sec-h"><h2 id="nd-f">"What is known"</h2></div>
            <dl class="kv">
                <dt>"Kind"</dt>
                <dd>{move || node.with(|node| node.kind.word())}</dd>
                <dt>"Version"</dt>
                <dd>{move || node.with(|node| node.version.clone().unwrap_or_else(|| "not known".into()))}</dd>
                <dt>"Known by"</dt>
                <dd>
                    {move || match (via.get(), heard.get().0) {
                        (Some(via), _) => view! { "passed on by " <a class="link" href=format!("/fleet/nodes/{}", via.id)>{via.name}</a> },
                        (None, true) => "this node itself".into_any(),
                        (None, false) => "a link of this node".into_any(),
                    }}
                </dd>
                <dt>"Last heard"</dt>
                <dd>
                    {move || match heard.get() {
                        (true, _) => "now".into_any(),
                        (false, Some(at)) => view! { <Ago at=at /> },
                        (false, None) => "never".into_any(),
                    }}
                </dd>
                <dt>"Id"</dt>
                <dd><code class="plain">{move || node.with(|node| node.id.to_string())}</code></dd>
            </dl>
        </section>
    }
}

#[component]
fn Health(sample: HealthSample) -> impl IntoView {
    let now = quiet_clock();
    let look = Signal::derive(move || health_look(Some(&sample), now.get()));
    let known = |text: Option<String>| text.unwrap_or_else(|| "not known".to_owned());
    let memory = sample
        .memory_used
        .zip(sample.memory_total)
        .map(|(used, total)| format!("{} of {}", format::bytes(used), format::bytes(total)));
    view! {
        <dl class="kv">
            <dt>"State"</dt>
            <dd class="row"><StatusWord look=look /> <span class="xs muted">"measured " <Ago at=sample.at /></span></dd>
            <dt>"Processor"</dt>
            <dd>{known(sample.cpu_percent.map(|percent| format!("{percent:.0} %")))}</dd>
            <dt>"Memory of the machine"</dt>
            <dd>{known(memory)}</dd>
            <dt>"Memory of OrchWiz"</dt>
            <dd>{known(sample.memory_self.map(format::bytes))}</dd>
            <dt>"Disk free"</dt>
            <dd>{known(sample.disk_free.map(format::bytes))}</dd>
            <dt>"Database"</dt>
            <dd>{known(sample.database_bytes.map(format::bytes))}</dd>
            <dt>"Agents running"</dt>
            <dd>{known(sample.agents.map(format::exact))}</dd>
            <dt>"Write queue"</dt>
            <dd>{known(sample.queue.map(format::exact))}</dd>
        </dl>
    }
}

#[component]
fn Links(links: Vec<Link>) -> impl IntoView {
    view! {
        <section class="fl-s" aria-labelledby="nd-l">
            <div class="sec-h"><h2 id="nd-l">"Links"</h2></div>
            <ul class="stack">
                {links
                    .into_iter()
                    .map(|link| {
                        view! {
                            <li class="row wrap">
                                <a class="link" href=format!("/fleet/links/{}", link.id)>{format!("Link to {}", link.peer.name)}</a>
                                <StatusWord look=link_look(&link) />
                                <span class="xs muted">"since " <Exact at=link.state_since time=true /></span>
                            </li>
                        }
                    })
                    .collect_view()}
            </ul>
        </section>
    }
}
