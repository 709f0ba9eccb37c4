//! The tables of nodes and links. Rows are patched in place, so neither a focus nor a hover is lost to a new reading.

use super::{
    api::Names,
    words::{clock, direction, lag, link_look, node_look, sent_words},
};
use crate::{
    live::Rows,
    ui::{Ago, Exact, Short, StatusWord, keyed_list},
    view,
};
use leptos::prelude::*;
use model::fleet::{FleetNode, Link, NodeState};

/// The table of nodes.
#[component]
pub(super) fn NodesTable(
    /// This node first.
    rows: Rows<FleetNode>,
) -> impl IntoView {
    view! {
        <div class="table" role="table" aria-label="Nodes">
            <div class="tr th fn-row" role="row">
                <span role="columnheader">"State"</span>
                <span role="columnheader" class="c-title">"Node"</span>
                <span role="columnheader" class="c-kind">"Kind"</span>
                <span role="columnheader" class="c-via">"Known by"</span>
                <span role="columnheader" class="num c-ver">"Version"</span>
                <span role="columnheader" class="num c-last">"Last heard"</span>
            </div>
            {keyed_list(move || rows.list(), |(key, _)| key.clone(), |(_, node)| view! { <NodeRow node=node /> })}
        </div>
    }
}

#[component]
fn NodeRow(node: ArcRwSignal<FleetNode>) -> impl IntoView {
    let id = node.with_untracked(|node| node.id);
    let n = RwSignal::from(node);
    let since = Memo::new(move |_| n.with(|n| (n.state != NodeState::Live).then_some(n.state_since)));
    let via = move || {
        n.with(|n| match &n.via {
            Some(via) => format!("via {}", via.name),
            None if n.here => "this node".to_owned(),
            None => "a link".to_owned(),
        })
    };
    let off = Memo::new(move |_| n.with(clock));
    view! {
        <div class="tr link-row fn-row" role="row">
            <span role="cell" class="row">
                <StatusWord look=Signal::derive(move || n.with(node_look)) />
                {move || since.get().map(|since| view! { <span class="xs muted cut">"since " <Exact at=since time=true /></span> })}
            </span>
            <span role="cell" class="c-title">
                <a class="go" href=format!("/fleet/nodes/{id}")>{move || n.with(|n| n.name.clone())}</a>
                {move || off.get().map(|off| view! { " " <span class="chip waiting">{format!("clock {off}")}</span> })}
            </span>
            <span role="cell" class="c-kind muted">{move || n.with(|n| n.kind.word())}</span>
            <span role="cell" class="c-via muted">{via}</span>
            <span role="cell" class="num c-ver muted">
                <span class:nk=move || n.with(|n| n.version.is_none())>{move || n.with(|n| n.version.clone().unwrap_or_else(|| "not known".into()))}</span>
            </span>
            <span role="cell" class="num c-last muted">
                {move || match n.with(|n| (n.here, n.last_heard)) {
                    (true, _) => "now".into_any(),
                    (false, Some(at)) => view! { <Ago at=at short=true /> },
                    (false, None) => "never".into_any(),
                }}
            </span>
        </div>
    }
}

/// The table of links.
#[component]
pub(super) fn LinksTable(
    /// By the peer's name.
    rows: Rows<Link>,
    /// The names of projects.
    #[prop(into)]
    names: Signal<Names>,
) -> impl IntoView {
    let row = move |link| view! { <LinkRow link=link names=names /> };
    view! {
        <div class="table" role="table" aria-label="Links">
            <div class="tr th lk-row" role="row">
                <span role="columnheader">"State"</span>
                <span role="columnheader" class="c-title">"Peer"</span>
                <span role="columnheader" class="c-dir">"Direction"</span>
                <span role="columnheader" class="c-sent">"This node sends"</span>
                <span role="columnheader" class="c-sent">"The peer sends"</span>
                <span role="columnheader" class="num c-lag">"Lag"</span>
                <span role="columnheader" class="num c-wait">"Waiting"</span>
            </div>
            {keyed_list(move || rows.list(), |(key, _)| key.clone(), move |(_, link)| row(link))}
        </div>
    }
}

#[component]
fn LinkRow(link: ArcRwSignal<Link>, names: Signal<Names>) -> impl IntoView {
    let id = link.with_untracked(|link| link.id);
    let l = RwSignal::from(link);
    let since = Memo::new(move |_| l.with(|l| l.state_since));
    let sent = move || names.with(|names| l.with(|l| sent_words(&l.send, names)));
    let received = move || names.with(|names| l.with(|l| sent_words(&l.receive, names)));
    view! {
        <div class="tr link-row lk-row" role="row">
            <span role="cell" class="row">
                <StatusWord look=Signal::derive(move || l.with(link_look)) />
                <span class="xs muted cut">"since " <Exact at=since time=true /></span>
            </span>
            <span role="cell" class="c-title">
                <a class="go" href=format!("/fleet/links/{id}")>{move || l.with(|l| l.peer.name.clone())}</a>
                {move || l.with(|l| !l.encrypted).then(|| view! { " " <span class="chip waiting">"not encrypted"</span> })}
            </span>
            <span role="cell" class="c-dir muted">{move || l.with(direction)}</span>
            <span role="cell" class="c-sent muted" title=sent>{sent}</span>
            <span role="cell" class="c-sent muted" title=received>{received}</span>
            <span role="cell" class="num c-lag"><span class:nk=move || l.with(|l| l.lag_ms.is_none())>{move || l.with(lag)}</span></span>
            <span role="cell" class="num c-wait"><Short n=Signal::derive(move || l.with(|l| l.unsent_events)) /></span>
        </div>
    }
}
