//! The Overview page: the sentence, the lanes and the rest; on a new node the checklist. It reads once and then follows
//! the socket.

use super::{
    api::{OverviewView, read_overview},
    board::Board,
    first_run::{FirstRun, is_first},
    lanes::Lanes,
    lower::Lower,
    sentence::sentence,
};
use crate::{
    NodeResource,
    live::use_live,
    ui::{Exact, QueryState, format, use_clock},
    view,
};
use leptos::prelude::*;
use leptos_meta::Title;

/// `/`.
#[component]
pub fn OverviewPage() -> impl IntoView {
    let live = use_live();
    let view = NodeResource::new(move || live.reloads.track(), read_overview);
    let content = move |view: OverviewView| view! { <Overview view=view /> };
    view! {
        <Title text="Overview" />
        <div class="page">
            <QueryState query=view rows=9 failed="The overview could not be read." content=content />
        </div>
    }
}

#[component]
fn Overview(view: OverviewView) -> impl IntoView {
    let board = Board::new(view.overview.clone());
    let first = Memo::new(move |_| is_first(board.checklist.get()));
    move || {
        if first.get() {
            return view! { <FirstRun view=view.clone() list=board.checklist /> };
        }
        let OverviewView { overview, node, agents } = view.clone();
        view! {
            <Head board=board node=node.name.clone() />
            <Lanes board=board />
            <Lower board=board node=node health=overview.health agents=agents />
        }
    }
}

#[component]
fn Head(board: Board, node: String) -> impl IntoView {
    let words = Memo::new(move |_| sentence(board.counts.get()));
    let clock = use_clock();
    let shown = RwSignal::new(false);
    Effect::new(move || shown.set(true));
    // By the browser's clock, like everything on the page; the server only knows its own day.
    let today = move || match clock.now().filter(|_| shown.get()) {
        Some(now) => view! { <Exact at=now /> },
        None => board
            .days
            .with(|days| days.last().map(|day| format::day(&day.key)))
            .into_any(),
    };
    view! {
        <div class="page-bar ov-head">
            <h1 class="vh">"Overview"</h1>
            <p class="fig" role="status">
                <b class="strong">{move || words.with(|words| words.0.clone())}</b>
                " "
                <span class="muted">{move || words.with(|words| words.1.clone())}</span>
            </p>
            <span class="push xs faint no-phone">{today} ", " {node}</span>
        </div>
    }
}
