//! The Sessions page: a dense table with filters in the address, infinite scrolling, and rows patched in place. It must
//! not keep a filter anywhere but in the address.

use super::{
    actions::{Rename, RowMenu},
    api::{SessionsList, list_sessions},
    filters::{Filters, Views, use_filter},
    order::patch_sessions,
    row::{SessionRow, SessionsHead},
};
use crate::{
    NodeAction, NodeResource, browser,
    error::AppError,
    live::{Rows, use_live},
    ui::{Button, ButtonKind, Empty, ErrorNote, QueryState, VirtualChunk, keyed_list},
    view,
};
use leptos::{ev, prelude::*};
use leptos_meta::Title;
use model::{
    PageQuery,
    live::{Row, ServerSays, Topic},
    sessions::{Session, SessionFilter},
};
use std::rc::Rc;

/// The number of rows that come with the page, more than most windows show.
const FIRST: u32 = 30;

/// `/sessions`.
#[component]
pub fn SessionsPage() -> impl IntoView {
    let filter = use_filter();
    let live = use_live();
    let first = NodeResource::new(
        move || {
            filter.track();
            live.reloads.track();
        },
        move || {
            list_sessions(
                filter.get_untracked(),
                PageQuery {
                    after: None,
                    limit: Some(FIRST),
                },
            )
        },
    );
    let rows = Rows::new(|session: &Session| session.id.to_string());
    let next = RwSignal::new(None::<String>);
    listen(rows, filter, next);
    browser::on_keys(|key| {
        let on = key.is("j");
        !key.shift && (on || key.is("k")) && step_rows(on)
    });
    let table = move |list: SessionsList| {
        let shown = filter.get_untracked();
        view! { <Table list=list filter=shown rows=rows next=next /> }
    };
    view! {
        <Title text="Sessions" />
        <div class="page ss">
            <div class="page-bar">
                <h1>"Sessions"</h1>
            </div>
            <Views filter=filter />
            <Filters filter=filter />
            <QueryState
                query=first
                rows=12
                failed="The sessions could not be read."
                content=table
            />
        </div>
    }
}

/// Applies the socket's rows.
fn listen(rows: Rows<Session>, filter: Memo<SessionFilter>, next: RwSignal<Option<String>>) {
    use_live().on(move |said| match said {
        ServerSays::Row {
            row: Row::Session(session),
            ..
        } => {
            let more = next.with_untracked(Option::is_some);
            filter.with_untracked(|shown| patch_sessions(rows, shown, session, more));
        }
        ServerSays::Row {
            row: Row::Project(project),
            ..
        } => {
            rows.change(
                |session| session.project == project.id,
                |session| session.project_name.clone_from(&project.name),
            );
        }
        ServerSays::Gone { id, .. } => rows.remove(id),
        _ => {}
    });
}

/// The number of rows per chunk of the virtual list.
const CHUNK: usize = 20;

#[component]
fn Table(
    list: SessionsList,
    filter: SessionFilter,
    rows: Rows<Session>,
    next: RwSignal<Option<String>>,
) -> impl IntoView {
    rows.replace(list.page.items);
    next.set(list.page.next);
    use_live().follow(vec![Topic::Node], list.pos);
    let renaming = RwSignal::new(None::<Session>);
    // The error of the last page; actions on rows show their own failures.
    let failed = RwSignal::new(None::<AppError>);
    let none = filter == SessionFilter::default();
    // An answer may arrive after the page was left or the filter changed.
    let here = StoredValue::new(());
    let load = {
        let filter = filter.clone();
        NodeAction::new(move |after: &String| {
            let (filter, after) = (filter.clone(), Some(after.clone()));
            async move {
                let answer = list_sessions(filter, PageQuery { after, limit: None }).await;
                if here.try_get_value().is_none() {
                    return;
                }
                match answer {
                    Ok(list) => {
                        failed.set(None);
                        rows.extend(list.page.items);
                        next.set(list.page.next);
                    }
                    Err(error) => failed.set(Some(error)),
                }
            }
        })
    };
    let more = move || {
        if let Some(after) = next.get_untracked()
            && !load.pending().get_untracked()
        {
            load.dispatch(after);
        }
    };
    use_live().on_return(move || {
        if failed.with_untracked(Option::is_some) {
            more();
        }
    });
    near_end(move || {
        if failed.with_untracked(Option::is_none) {
            more();
        }
    });
    // Only a change of emptiness renders the table again, not every new row.
    let empty = Memo::new(move |_| rows.is_empty());
    let chunks = Memo::new(move |_| rows.len().div_ceil(CHUNK));
    let row = move |session: ArcRwSignal<Session>| {
        let own = session.clone();
        let here = own.with_untracked(|session| session.node.here);
        let more =
            ViewFn::from(move || here.then(|| view! { <RowMenu session=own.clone() rows=rows renaming=renaming /> }));
        view! { <SessionRow session=session more=more /> }
    };
    let chunk = move |n: usize| {
        let count = Signal::derive(move || rows.len().saturating_sub(n * CHUNK).min(CHUNK));
        view! {
            <VirtualChunk rows=count role="rowgroup">
                {keyed_list(move || rows.slice(n * CHUNK, CHUNK), |(key, _)| key.clone(), move |(_, session)| row(session))}
            </VirtualChunk>
        }
    };
    view! {
        {move || {
            if empty.get() {
                return view! { <Nothing first=none /> };
            }
            view! {
                <div class="table" role="table" aria-label="Sessions, newest activity first">
                    <SessionsHead />
                    {keyed_list(move || (0..chunks.get()).collect(), ToString::to_string, chunk)}
                </div>
            }
        }}
        {move || failed.get().map(|error| view! { <ErrorNote error=error retry=Callback::new(move |()| { failed.set(None); more() }) /> })}
        <p class="ss-foot xs muted">
            {move || {
                next.get()
                    .map(|_| {
                        view! {
                            <Button kind=ButtonKind::Quiet disabled=load.pending() on:click=move |_| more()>
                                {move || if load.pending().get() { "Loading more" } else { "Load more" }}
                            </Button>
                        }
                    })
            }}
        </p>
        <Rename session=renaming rows=rows />
    }
}

/// Focuses the next or previous row; stops at the ends. `true` if there was a row.
fn step_rows(on: bool) -> bool {
    use wasm_bindgen::JsCast;
    let Ok(links) = document().query_selector_all(".ss-row .go") else {
        return false;
    };
    let rows: Vec<web_sys::HtmlElement> = (0..links.length())
        .filter_map(|at| links.item(at))
        .filter_map(|node| node.dyn_into().ok())
        .collect();
    let focused = document().active_element();
    let at = rows
        .iter()
        .position(|row| focused.as_ref().is_some_and(|element| row.is_same_node(Some(element))));
    let next = match (at, on) {
        // Rows above the window are rendered too, so start at the first visible one.
        (None, _) => rows
            .iter()
            .position(|row| row.get_bounding_client_rect().top() >= 0.0)
            .unwrap_or(0),
        (Some(at), true) => at + 1,
        (Some(at), false) => at.saturating_sub(1),
    };
    rows.get(next).is_some_and(|row| row.focus().is_ok())
}

/// Calls `f` when the reader comes near the end of the page.
fn near_end(f: impl Fn() + 'static) {
    if cfg!(feature = "hydrate") {
        let left = || {
            document().document_element().map_or(i32::MAX, |root| {
                root.scroll_height() - root.scroll_top() - root.client_height()
            })
        };
        let f = Rc::new(f);
        let tall = f.clone();
        // A window that shows everything gets no scroll events.
        Effect::new(move || {
            if left() <= 0 {
                tall();
            }
        });
        let handle = window_event_listener(ev::scroll, move |_| {
            if left() < 1_200 {
                f();
            }
        });
        on_cleanup(move || handle.remove());
    }
}

#[component]
fn Nothing(first: bool) -> impl IntoView {
    if first {
        view! {
            <Empty icon="square-terminal" title="No sessions yet" text="Every conversation with an agent stands here, the newest first.">
                <div class="acts">
                    <a class="btn btn-p btn-lg" href="/sessions/new">"Start a session"</a>
                    <a class="btn btn-lg" href="/">"Run the demo agent"</a>
                </div>
            </Empty>
        }
    } else {
        view! {
            <Empty icon="search" title="No session matches" text="Nothing is like this now.">
                <a class="btn" href="/sessions">"Show all sessions"</a>
            </Empty>
        }
    }
}
