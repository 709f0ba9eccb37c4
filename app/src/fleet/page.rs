//! `/fleet`: the map, the tables that say the same, and what waits for a confirmation. The dialog that pairs is in
//! `pair`.

use super::{
    api::{FleetView, Names, read_fleet},
    lists::{LinksTable, NodesTable},
    map::{FleetMap, lay_out},
    pair::{Pair, Pairing},
    parts::ConfirmPeer,
    reread,
    words::sentence,
};
use crate::{
    NodeResource,
    frame::{Verb, offer_verbs},
    live::{Rows, use_live},
    ui::{Empty, QueryState, keyed_list},
    view,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{NavigateOptions, components::A, hooks::use_navigate};
use model::fleet::{FleetNode, Link, LinkState};

/// The path that opens the dialog.
const PAIR: &str = "/fleet?pair=invite";

/// What the page shows now.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// All of it, for the map and the sentence.
    pub all: RwSignal<(Vec<FleetNode>, Vec<Link>)>,
    nodes: Rows<FleetNode>,
    pub links: Rows<Link>,
    pub projects: RwSignal<Names>,
    pub may_change: RwSignal<bool>,
}

impl Seen {
    fn new() -> Self {
        Self {
            all: RwSignal::new((Vec::new(), Vec::new())),
            nodes: Rows::new(|node: &FleetNode| node.id.to_string()),
            links: Rows::new(|link: &Link| link.id.to_string()),
            projects: RwSignal::new(Vec::new()),
            may_change: RwSignal::new(false),
        }
    }

    fn take(self, view: FleetView) {
        self.nodes.replace(view.nodes.clone());
        self.links.replace(view.links.clone());
        set(self.all, (view.nodes, view.links));
        set(self.projects, view.projects);
        set(self.may_change, view.may_change);
    }
}

fn set<T: PartialEq + std::marker::Send + Sync + 'static>(signal: RwSignal<T>, now: T) {
    if signal.with_untracked(|old| *old != now) {
        signal.set(now);
    }
}

/// `/fleet?pair&invite`.
#[component]
pub(super) fn FleetPage() -> impl IntoView {
    let live = use_live();
    // Blocking: an invite left by a plain form is removed from its cookie in the response's head.
    let fleet = NodeResource::blocking(move || live.reloads.track(), read_fleet);
    let seen = Seen::new();
    let pairing = Pairing::new();
    let here = StoredValue::new(());
    let again = reread(move || async move {
        let answer = read_fleet().await;
        // The page may be gone.
        if let (Ok(view), Some(())) = (answer, here.try_get_value()) {
            seen.take(view);
        }
    });
    let navigate = use_navigate();
    let go = Callback::new(move |()| navigate(PAIR, NavigateOptions::default()));
    offer_verbs(move || {
        let verb = Verb {
            name: "Pair with a node".into(),
            icon: "link",
            run: go,
        };
        seen.may_change.get().then_some(verb).into_iter().collect()
    });
    view! {
        <Title text="Fleet" />
        <div class="page">
            <QueryState
                query=fleet
                failed="The fleet could not be read."
                rows=8
                content=move |view: FleetView| {
                    pairing.take(&view);
                    seen.take(view);
                    view! { <Whole seen=seen again=again pairing=pairing /> }
                }
            />
        </div>
    }
}

#[component]
fn Whole(seen: Seen, again: Callback<()>, pairing: Pairing) -> impl IntoView {
    let alone = Memo::new(move |_| seen.all.with(|(nodes, links)| nodes.len() < 2 && links.is_empty()));
    let said = move || seen.all.with(|(nodes, links)| sentence(nodes, links));
    let layout = Memo::new(move |_| seen.all.with(|(nodes, links)| lay_out(nodes, links)));
    let waiting = move || {
        // The dialog asks the same.
        let may = seen.may_change.get() && !pairing.open.get();
        seen.all.with(|(_, links)| {
            let waits = |link: &&Link| may && link.inviter && link.state == LinkState::Pending;
            links.iter().filter(waits).cloned().collect::<Vec<_>>()
        })
    };
    view! {
        <div class="page-bar">
            <h1>"Fleet"</h1>
            <span class="xs muted">{said}</span>
            {move || {
                seen.may_change
                    .get()
                    .then(|| view! { <A href=PAIR attr:class="btn btn-lg push"><crate::ui::Icon name="link" />"Pair with a node"</A> })
            }}
        </div>
        {keyed_list(waiting, |link| link.id.to_string(), move |link| view! { <ConfirmPeer link=link done=again /> })}
        {move || {
            if alone.get() {
                view! { <Alone may_change=seen.may_change /> }
            } else {
                view! {
                    <FleetMap layout=layout />
                    <p class="fm-k xs faint">
                        <span class="fm-k-live">"live"</span>
                        <span class="fm-k-lag">"lagging"</span>
                        <span class="fm-k-bad">"not connected"</span>
                        <span class="fm-k-off">"to confirm, paused or revoked"</span>
                        <span class="fm-k-via">"passed on by a peer"</span>
                        <span>"Arrows lead to who receives."</span>
                    </p>
                }
            }
        }}
        <section aria-labelledby="fl-n">
            <div class="sec-h"><h2 id="fl-n">"Nodes"</h2></div>
            <NodesTable rows=seen.nodes />
        </section>
        {move || {
            let none = seen.links.is_empty();
            (!none)
                .then(|| {
                    view! {
                        <section class="fl-l" aria-labelledby="fl-l">
                            <div class="sec-h"><h2 id="fl-l">"Links"</h2></div>
                            <LinksTable rows=seen.links names=seen.projects />
                        </section>
                    }
                })
        }}
        <Pair seen=seen again=again pairing=pairing />
    }
}

/// What stands in place of the map while there is nothing to draw.
#[component]
fn Alone(may_change: RwSignal<bool>) -> impl IntoView {
    view! {
        <Empty
            icon="network"
            title="No other node yet"
            text="Paired nodes send each other what you choose: projects, sessions, approvals and usage, live, and nothing is lost while one is away. What runs on a node keeps running there."
        >
            <ol class="muted fl-how">
                <li>"On one node, make an invite."</li>
                <li>"On the other, open it and choose what is sent."</li>
                <li>"Compare the fingerprints, and confirm."</li>
            </ol>
            {move || {
                if may_change.get() {
                    view! { <A href=PAIR attr:class="btn btn-p btn-lg">"Make or open an invite"</A> }
                } else {
                    view! { <p class="muted">"Pairing needs the role admin."</p> }
                }
            }}
        </Empty>
    }
}
