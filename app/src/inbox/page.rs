//! The Inbox page: the list, the item, the keys; on the phone one item with a stepper. The address names the shown
//! item, so Back and links work.

use super::{
    api::{InboxView, inbox, more_waiting},
    detail::Detail,
    lists::Lists,
    named::{Gone, Named},
};
use crate::{
    NodeAction, NodeResource, browser,
    decision::{waits::Waits, words},
    error::AppError,
    live::use_live,
    ui::{Empty, ErrorNote, Exact, Icon, IconButton, Kbd, Look, QueryState, Shape, keyed_list},
    view,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use model::{
    approvals::Approval,
    id::ApprovalId,
    live::{Row, ServerSays, Topic},
};
use std::time::Duration;

/// The most pending items that are loaded; the rest follows as these are decided.
const MOST: usize = 1_000;

/// `/inbox`.
#[component]
pub fn InboxPage() -> impl IntoView {
    let live = use_live();
    let query = use_query_map();
    let view = NodeResource::new(
        move || live.reloads.track(),
        move || inbox(query.with_untracked(|query| query.get("id")?.parse().ok())),
    );
    // An item shown without being named stays, even after everything is read again.
    let kept = RwSignal::new(None);
    let content = move |view: InboxView| view! { <Inbox view=view kept=kept /> };
    view! {
        <Title text="Inbox" />
        <QueryState query=view rows=6 failed="The inbox could not be read." content=content />
    }
}

fn href(id: ApprovalId) -> String {
    format!("/inbox?id={id}")
}

#[component]
fn Inbox(view: InboxView, kept: RwSignal<Option<ApprovalId>>) -> impl IntoView {
    let mut read = Lists {
        waiting: view.waiting.items,
        decided: view.decided,
        named: None,
    };
    if let Some(named) = view.named {
        read.name(named);
    }
    let lists = RwSignal::new(read);
    let live = use_live();
    live.follow(vec![Topic::Node], view.pos);
    live.on(move |said| match said {
        ServerSays::Row {
            row: Row::Approval(approval),
            ..
        } => lists.update(|lists| lists.take((**approval).clone())),
        ServerSays::Row { row, .. } => lists.maybe_update(|lists| lists.rename(row)),
        ServerSays::Gone { id, .. } => lists.update(|lists| lists.drop(id)),
        _ => {}
    });
    let more = More::new(lists, view.waiting.next);
    let query = use_query_map();
    let name = Memo::new(move |_| query.with(|query| query.get("id")));
    let named = Memo::new(move |_| name.with(|name| name.as_ref().and_then(|id| id.parse::<ApprovalId>().ok())));
    let wanted = Memo::new(move |_| {
        if name.with(Option::is_some) {
            named.get()
        } else {
            kept.get()
        }
    });
    // An invalid name shows nothing; it must not lead to the first item.
    let nameless = Memo::new(move |_| name.with(Option::is_some) && named.get().is_none());
    let find = move |lists: &Lists| {
        (!nameless.get())
            .then(|| lists.shown(wanted.get()).map(|approval| (approval.id, approval.state)))
            .flatten()
    };
    // The item is rendered again only when its state changes: a half-written reason must not be lost.
    let item = Memo::new(move |_| lists.with(find));
    let shown = Memo::new(move |_| item.get().map(|(id, _)| id));
    let missing = Memo::new(move |_| wanted.get().filter(|_| item.get().is_none()));
    // The node has already looked for this one.
    let sought = wanted.get_untracked();
    let navigate = StoredValue::new(use_navigate());
    let go = move |id: Option<ApprovalId>| {
        kept.set(None);
        if id.is_none() {
            // The router may believe that it is there already.
            browser::rewrite_address("/inbox");
        }
        let href = id.map_or_else(|| "/inbox".to_owned(), href);
        navigate.with_value(|go| {
            go(
                &href,
                NavigateOptions {
                    replace: true,
                    scroll: false,
                    ..NavigateOptions::default()
                },
            );
        });
        request_animation_frame(|| browser::focus("ibt"));
    };
    // The first shown item stays until the person moves on, even if an older one comes or somebody else decides it.
    Effect::new(move || {
        let now = shown.get();
        if name.with(Option::is_some) {
            kept.set(None);
        } else if now.is_some() && kept.with_untracked(Option::is_none) {
            kept.set(now);
        }
    });
    // The address is replaced without navigation, so that a person on the way to another page is not pulled back. This
    // waits until the router has written its own address.
    Effect::new(move || {
        if let Some(id) = kept.get() {
            browser::after(Duration::from_millis(100), move || {
                if browser::current_path() == "/inbox" {
                    browser::rewrite_address(&href(id));
                }
            });
        }
    });
    let step = move |on: bool| go(lists.with_untracked(|lists| lists.step(shown.get_untracked(), on)));
    browser::on_keys(move |key| {
        let on = key.is("j");
        if key.shift || !(on || key.is("k")) {
            return false;
        }
        step(on);
        true
    });
    // The neighbours of an item when its answer was sent: the socket may remove it from the list before the answer
    // comes.
    let around = StoredValue::new(Vec::new());
    let pressed = Callback::new(move |id| around.set_value(lists.with_untracked(|lists| lists.around(id))));
    let decided = Callback::new(move |now: Approval| {
        let (id, here) = (now.id, shown.get_untracked());
        lists.update(|lists| lists.take(now));
        let next = lists.with_untracked(|lists| around.with_value(|around| lists.next(id, around)));
        // A person who has moved on before the answer stays where they are.
        if here == Some(id) {
            go(next);
        }
    });
    let empty = Memo::new(move |_| lists.with(|lists| lists.waiting.is_empty() && lists.decided.is_empty()));
    view! {
        <div class="ib">
            <List lists=lists shown=shown step=Callback::new(step) more=more />
            {move || {
                if nameless.get() {
                    return view! { <Gone /> };
                }
                if let Some(id) = missing.get() {
                    return if sought == Some(id) { view! { <Gone /> } } else { view! { <Named id=id lists=lists /> } };
                }
                if empty.get() {
                    return view! { <div class="ib-detail"><Nothing /></div> };
                }
                match item.get().and_then(|(id, _)| lists.with_untracked(|lists| lists.shown(Some(id)).cloned())) {
                    Some(approval) => view! { <Detail approval=approval pressed=pressed decided=decided lists=lists /> },
                    None => view! { <div class="ib-detail"><Nothing /></div> },
                }
            }}
        </div>
    }
}

/// Pending items that are not loaded yet.
#[derive(Clone, Copy)]
struct More {
    next: RwSignal<Option<String>>,
    failed: RwSignal<Option<AppError>>,
}

impl More {
    /// Loads page after page while fewer are loaded than are pending.
    fn new(lists: RwSignal<Lists>, next: Option<String>) -> Self {
        let more = Self {
            next: RwSignal::new(next),
            failed: RwSignal::new(None),
        };
        let live = use_live();
        let load = NodeAction::new(move |after: &String| {
            let after = after.clone();
            async move {
                match more_waiting(Some(after)).await {
                    Ok(page) => {
                        lists.try_update(|lists| page.items.into_iter().for_each(|approval| lists.take(approval)));
                        more.next.set(page.next);
                    }
                    Err(error) => more.failed.set(Some(error)),
                }
            }
        });
        let loaded = Memo::new(move |_| lists.with(|lists| lists.waiting.len()));
        Effect::new(move || {
            let fewer =
                loaded.get() < MOST && i64::try_from(loaded.get()).is_ok_and(|loaded| loaded < live.pending.get());
            if fewer
                && !load.pending().get()
                && more.failed.with(Option::is_none)
                && let Some(next) = more.next.get()
            {
                load.dispatch(next);
            }
        });
        more
    }
}

#[component]
fn Nothing() -> impl IntoView {
    view! {
        <Empty icon="inbox" title="Nothing waits for you" text="When an agent wants to run a command, proposes a plan or asks a question, it stands here until somebody answers.">
            <a class="btn" href="/sessions/new">"Start a session"</a>
        </Empty>
    }
}

#[component]
fn List(lists: RwSignal<Lists>, shown: Memo<Option<ApprovalId>>, step: Callback<bool>, more: More) -> impl IntoView {
    let count = Memo::new(move |_| lists.with(|lists| lists.waiting.len()));
    let live = use_live();
    // While pages are missing, the node's count is the right one.
    let total = Memo::new(move |_| {
        let all = usize::try_from(live.pending.get()).unwrap_or(0);
        if more.next.with(Option::is_some) {
            all.max(count.get())
        } else {
            count.get()
        }
    });
    let place = move || {
        let id = shown.get();
        lists.with(|lists| {
            lists
                .waiting
                .iter()
                .position(|approval| Some(approval.id) == id)
                .map(|at| at + 1)
        })
    };
    let first = Signal::derive(move || count.get() == 0 || place() == Some(1));
    let last = Signal::derive(move || count.get() == 0 || place() == Some(count.get()));
    let ids =
        Memo::new(move |_| lists.with(|lists| lists.waiting.iter().map(|approval| approval.id).collect::<Vec<_>>()));
    view! {
        <section class="ib-list" aria-label="Waiting, oldest first">
            <div class="page-bar ib-bar">
                <h1>"Inbox"</h1>
                <span class="cnt" aria-live="polite">{move || (total.get() > 0).then(|| total.get())}</span>
                <div class="only-phone push row">
                    <IconButton icon="chevron-down" label="Previous" class="btn-lg rot" disabled=first on:click=move |_| step.run(false) />
                    <span class="mono nw">
                        {move || match place() {
                            Some(at) => format!("{at} of {}", total.get()),
                            None => format!("{} waiting", total.get()),
                        }}
                    </span>
                    <IconButton icon="chevron-down" label="Next" class="btn-lg" disabled=last on:click=move |_| step.run(true) />
                </div>
            </div>
            <div class="ib-rows no-phone">
                {keyed_list(move || ids.get(), ToString::to_string, move |id| view! { <WaitingRow lists=lists id=id shown=shown /> })}
                {move || (count.get() == 0).then(|| view! { <p class="ib-none muted">"Nothing waits."</p> })}
                {move || {
                    more.failed
                        .get()
                        .map(|error| {
                            view! { <ErrorNote error=error title="The rest of what waits was not read." retry=Callback::new(move |()| more.failed.set(None)) /> }
                        })
                }}
            </div>
            <Decided lists=lists shown=shown />
            <p class="xs faint ib-keys no-phone">
                <span class="row"><Kbd key="J" /><Kbd key="K" />" move"</span>
                <span class="row"><Kbd key="A" />" allow once"</span>
                <span class="row"><Kbd key="D" />" deny"</span>
                <span class="row no-mid"><Kbd key="?" />" all keys"</span>
            </p>
        </section>
    }
}

#[component]
fn WaitingRow(lists: RwSignal<Lists>, id: ApprovalId, shown: Memo<Option<ApprovalId>>) -> impl IntoView {
    let Some(approval) = lists.with_untracked(|lists| lists.shown(Some(id)).cloned()) else {
        return ().into_any();
    };
    let who = approval
        .subagent
        .as_ref()
        .map(|name| format!("{name}, "))
        .unwrap_or_default();
    view! {
        <a href=href(id) class="ib-row" aria-current=move || (shown.get() == Some(id)).then_some("true")>
            <Icon name=words::icon(&approval) class="muted" />
            <span class="t cut">
                <b class="medium">{words::kind_word(&approval)}</b>
                " "
                <code>{words::line(&approval)}</code>
            </span>
            <span class="r"><Waits since=approval.created short=true /></span>
            <span class="sub cut">
                {move || {
                    lists.with(|lists| lists.shown(Some(id)).map(|approval| format!("{}: {who}{}", approval.project_name, approval.session_title)))
                }}
            </span>
        </a>
    }
}

#[component]
fn Decided(lists: RwSignal<Lists>, shown: Memo<Option<ApprovalId>>) -> impl IntoView {
    let all = RwSignal::new(false);
    move || {
        let decided = lists.with(|lists| lists.decided.clone());
        if decided.is_empty() {
            return ().into_any();
        }
        let count = decided.len();
        let some = if all.get() { count } else { 8 };
        let rows = decided
            .into_iter()
            .take(some)
            .map(|approval| {
                let id = approval.id;
                let who = match approval.decided.as_ref().and_then(|decided| decided.by_name.clone()) {
                    Some(name) if name != "node" => name,
                    Some(_) => "OrchWiz".to_owned(),
                    None => "Agent".to_owned(),
                };
                let at = approval.decided.as_ref().map_or(approval.created, |decided| decided.at);
                view! {
                    <li>
                        <Shape look=Look::from(approval.state) label=Look::from(approval.state).word />
                        <a href=href(id) class="ib-d" aria-current=move || (shown.get() == Some(id)).then_some("true")>
                            <span class="nw">{who}</span>
                            " "
                            <code class="muted">{format!("{} {}", words::kind_word(&approval), words::line(&approval))}</code>
                        </a>
                        <span class="mono faint"><Exact at=at time=true /></span>
                    </li>
                }
            })
            .collect_view();
        view! {
            <div class="ib-done no-phone">
                <h2>"Answered"</h2>
                <ul>{rows}</ul>
                {(count > 8 && !all.get())
                    .then(|| view! { <button type="button" class="btn-link xs" on:click=move |_| all.set(true)>{format!("{} more", count - 8)}</button> })}
            </div>
        }
    }
}
