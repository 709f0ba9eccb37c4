//! The Sessions page: a dense table, its filters in the address, more rows as one scrolls, rows patched in place.
//! It must not keep a filter anywhere but in the address.

use super::{
    api::{delete_session, list_sessions, restore_session, update_session},
    filter::{from_query, matches, place, to_href},
    row::{SessionRow, SessionsHead},
};
use crate::{
    browser,
    error::AppError,
    frame::project_names,
    live::{Rows, use_live},
    ui::{Button, ButtonKind, Dialog, Empty, ErrorNote, Icon, Menu, QueryState, Stretch, Toast, use_toasts},
    view,
};
use leptos::{ev, html, prelude::*};
use leptos_meta::Title;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use model::{
    Page, PageQuery,
    id::SessionId,
    live::{Row, ServerSays, Topic},
    sessions::{AgentKind, Session, SessionFilter, SessionPatch, SessionState},
};

/// `/sessions`.
#[component]
pub fn SessionsPage() -> impl IntoView {
    let query = use_query_map();
    let filter = Memo::new(move |_| query.with(|query| from_query(|name| query.get(name))));
    let live = use_live();
    let first = Resource::new(move || (filter.get(), live.reloads.get()), |(filter, _)| list_sessions(filter, PageQuery::default()));
    let rows = Rows::new(|session: &Session| session.id.to_string());
    let next = RwSignal::new(None::<String>);
    listen(rows, filter, next);
    let table = move |page: Page<Session>| {
        let shown = filter.get_untracked();
        view! { <Table page=page filter=shown rows=rows next=next /> }
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

/// Patches rows as the socket brings them.
fn listen(rows: Rows<Session>, filter: Memo<SessionFilter>, next: RwSignal<Option<String>>) {
    use_live().on(move |said| match said {
        ServerSays::Row { row: Row::Session(session), .. } => {
            let shown = filter.get_untracked();
            if matches(&shown, session) {
                let more = next.with_untracked(Option::is_some);
                rows.patch((**session).clone(), |rows| place(rows, &shown, session, more));
            } else {
                rows.remove(&session.id.to_string());
            }
        }
        ServerSays::Gone { id, .. } => rows.remove(id),
        _ => {}
    });
}

/// The views everybody needs, as tabs: each is an address.
#[component]
fn Views(filter: Memo<SessionFilter>) -> impl IntoView {
    let view_of = |state: &[SessionState], archived: bool| SessionFilter { state: state.to_vec(), archived, ..SessionFilter::default() };
    let views = [
        ("All", view_of(&[], false)),
        ("Needs you", view_of(&[SessionState::Waiting], false)),
        ("Working", view_of(&[SessionState::Queued, SessionState::Starting, SessionState::Working], false)),
        ("Failed or unknown", view_of(&[SessionState::Failed, SessionState::Unknown], false)),
        ("Archived", view_of(&[], true)),
    ];
    view! {
        <nav class="tabs" aria-label="Views">
            {views
                .into_iter()
                .map(|(word, view)| {
                    // What else is filtered stays when the view changes.
                    let here = view.clone();
                    let href = move || {
                        let now = filter.get();
                        to_href(&SessionFilter { state: view.state.clone(), archived: view.archived, ..now })
                    };
                    let current = move || filter.with(|now| now.state == here.state && now.archived == here.archived);
                    view! { <a href=href aria-current=move || current().then_some("page")>{word}</a> }
                })
                .collect_view()}
        </nav>
    }
}

/// What is looked for, and what else the list is narrowed to. A plain form before WASM has loaded.
#[component]
fn Filters(filter: Memo<SessionFilter>) -> impl IntoView {
    let navigate = use_navigate();
    let field = NodeRef::<html::Input>::new();
    browser::on_keys(move |key| {
        if key.is("/") || (key.is("f") && !key.shift) {
            if let Some(field) = field.get_untracked() {
                let _ = field.focus();
                field.select();
            }
            return true;
        }
        false
    });
    browser::on_keys(|key| {
        let on = key.is("j");
        !key.shift && (on || key.is("k")) && step_rows(on)
    });
    let go = StoredValue::new(navigate);
    let show = move |wanted: &SessionFilter, replace: bool| {
        let options = NavigateOptions { replace, scroll: false, ..NavigateOptions::default() };
        go.with_value(|go| go(&to_href(wanted), options));
    };
    let projects = Resource::new(|| (), |()| project_names());
    view! {
        <form
            class="ss-filters"
            method="get"
            action="/sessions"
            role="search"
            on:submit=move |event| {
                event.prevent_default();
                if let Some(field) = field.get_untracked() {
                    let q = Some(field.value().trim().to_owned()).filter(|q| !q.is_empty());
                    show(&SessionFilter { q, ..filter.get_untracked() }, false);
                }
            }
        >
            <div class="search ss-q">
                <Icon name="search" />
                <input
                    class="input"
                    type="search"
                    name="q"
                    aria-label="Search titles and projects"
                    placeholder="Search titles and projects"
                    value=filter.get_untracked().q
                    prop:value=move || filter.with(|filter| filter.q.clone().unwrap_or_default())
                    node_ref=field
                    on:input:target=move |event| {
                        let q = Some(event.target().value().trim().to_owned()).filter(|q| !q.is_empty());
                        show(&SessionFilter { q, ..filter.get_untracked() }, true);
                    }
                />
                <span class="end no-phone"><kbd class="kbd" aria-hidden="true">"/"</kbd></span>
            </div>
            <Suspense fallback=|| ()>
                {move || Suspend::new(async move {
                    let names: Vec<(String, String)> = match projects.await {
                        Ok(names) => names.into_iter().map(|(id, name)| (id.to_string(), name)).collect(),
                        Err(_) => Vec::new(),
                    };
                    view! { <ProjectFilter names=names filter=filter on_pick=Callback::new(move |wanted: SessionFilter| show(&wanted, false)) /> }
                })}
            </Suspense>
            <span class="select-w">
                <select
                    class="select"
                    name="agent"
                    aria-label="Agent"
                    on:change:target=move |event| {
                        let agent = AgentKind::parse(&event.target().value());
                        show(&SessionFilter { agent, ..filter.get_untracked() }, false);
                    }
                >
                    <option value="" selected=move || filter.with(|filter| filter.agent.is_none())>"All agents"</option>
                    {AgentKind::ALL
                        .iter()
                        .map(|agent| {
                            let agent = *agent;
                            view! { <option value=agent.word() selected=move || filter.with(|filter| filter.agent == Some(agent))>{agent.title()}</option> }
                        })
                        .collect_view()}
                </select>
                <Icon name="chevron-down" />
            </span>
            {move || {
                filter
                    .with(|filter| filter.tag.clone())
                    .map(|tag| {
                        view! {
                            <span class="chip chip-f">
                                <i>"Tag"</i>
                                <b>{tag}</b>
                                <button type="button" aria-label="Remove filter Tag" on:click=move |_| show(&SessionFilter { tag: None, ..filter.get_untracked() }, false)>
                                    <Icon name="x" small=true />
                                </button>
                            </span>
                        }
                    })
            }}
            {move || {
                (filter.get() != SessionFilter::default()).then(|| view! { <a class="btn btn-q" href="/sessions">"Clear"</a> })
            }}
            <noscript><button class="btn" type="submit">"Filter"</button></noscript>
        </form>
    }
}

#[component]
fn ProjectFilter(names: Vec<(String, String)>, filter: Memo<SessionFilter>, on_pick: Callback<SessionFilter>) -> impl IntoView {
    view! {
        // The top bar has the same where there is room for it.
        <div class="select-w only-phone">
            <select
                class="select"
                name="project"
                aria-label="Project"
                on:change:target=move |event| {
                    let project = event.target().value().parse().ok();
                    on_pick.run(SessionFilter { project, ..filter.get_untracked() });
                }
            >
                <option value="" selected=move || filter.with(|filter| filter.project.is_none())>"All projects"</option>
                {names
                    .into_iter()
                    .map(|(id, name)| {
                        let value = id.clone();
                        view! {
                            <option value=value selected=move || filter.with(|filter| filter.project.is_some_and(|project| project.to_string() == id))>
                                {name}
                            </option>
                        }
                    })
                    .collect_view()}
            </select>
            <Icon name="chevron-down" />
        </div>
    }
}

/// So many rows are drawn together, or left out where they are far from the reader.
const STRETCH: usize = 20;

#[component]
fn Table(page: Page<Session>, filter: SessionFilter, rows: Rows<Session>, next: RwSignal<Option<String>>) -> impl IntoView {
    rows.replace(page.items);
    next.set(page.next);
    use_live().follow(vec![Topic::Node], 0);
    let renaming = RwSignal::new(None::<Session>);
    let failed = RwSignal::new(None::<AppError>);
    let none = filter == SessionFilter::default();
    // An answer may come after the reader has left or looks at another filter.
    let here = StoredValue::new(());
    let load = {
        let filter = filter.clone();
        Action::new(move |after: &String| {
            let (filter, after) = (filter.clone(), Some(after.clone()));
            async move {
                let answer = list_sessions(filter, PageQuery { after, limit: None }).await;
                if here.try_get_value().is_none() {
                    return;
                }
                match answer {
                    Ok(page) => {
                        failed.set(None);
                        rows.extend(page.items);
                        next.set(page.next);
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
    near_end(move || {
        if failed.with_untracked(Option::is_none) {
            more();
        }
    });
    // Only its coming and going draws the table anew, not every row that joins it.
    let empty = Memo::new(move |_| rows.is_empty());
    let stretches = Memo::new(move |_| rows.len().div_ceil(STRETCH));
    let row = move |session: ArcRwSignal<Session>| {
        let own = session.clone();
        let more = ViewFn::from(move || view! { <RowMenu session=own.clone() rows=rows renaming=renaming failed=failed /> }.into_any());
        view! { <SessionRow session=session more=more /> }
    };
    let stretch = move |n: usize| {
        let count = Signal::derive(move || rows.len().saturating_sub(n * STRETCH).min(STRETCH));
        view! {
            <Stretch rows=count role="rowgroup">
                <For each=move || rows.slice(n * STRETCH, STRETCH) key=|(key, _)| key.clone() children=move |(_, session)| row(session) />
            </Stretch>
        }
    };
    view! {
        {move || {
            if empty.get() {
                return view! { <Nothing first=none /> }.into_any();
            }
            view! {
                <div class="table" role="table" aria-label="Sessions, newest activity first">
                    <SessionsHead />
                    <For each=move || 0..stretches.get() key=|n| *n children=stretch />
                </div>
            }
                .into_any()
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
        <Rename session=renaming rows=rows failed=failed />
    }
}

/// Moves the focus to the next row or the one before; the ends hold. Says whether there was a row to go to.
fn step_rows(on: bool) -> bool {
    use wasm_bindgen::JsCast;
    let Ok(links) = document().query_selector_all(".ss-row .go") else { return false };
    let rows: Vec<web_sys::HtmlElement> = (0..links.length()).filter_map(|at| links.item(at)).filter_map(|node| node.dyn_into().ok()).collect();
    let focused = document().active_element();
    let at = rows.iter().position(|row| focused.as_ref().is_some_and(|element| row.is_same_node(Some(element))));
    let next = match (at, on) {
        // Rows above the window are drawn too: the first that is seen is meant.
        (None, _) => rows.iter().position(|row| row.get_bounding_client_rect().top() >= 0.0).unwrap_or(0),
        (Some(at), true) => at + 1,
        (Some(at), false) => at.saturating_sub(1),
    };
    rows.get(next).is_some_and(|row| row.focus().is_ok())
}

/// Calls `f` when the reader comes near the end of the page.
fn near_end(f: impl Fn() + 'static) {
    if cfg!(feature = "hydrate") {
        let handle = window_event_listener(ev::scroll, move |_| {
            if let Some(root) = document().document_element() {
                let left = root.scroll_height() - root.scroll_top() - root.client_height();
                if left < 1_200 {
                    f();
                }
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
        .into_any()
    } else {
        view! {
            <Empty icon="search" title="No session matches" text="Nothing is like this now.">
                <a class="btn" href="/sessions">"Show all sessions"</a>
            </Empty>
        }
        .into_any()
    }
}

/// Rename, archive, delete; what is taken away can be taken back.
#[component]
fn RowMenu(session: ArcRwSignal<Session>, rows: Rows<Session>, renaming: RwSignal<Option<Session>>, failed: RwSignal<Option<AppError>>) -> impl IntoView {
    let toasts = use_toasts();
    let id = session.with_untracked(|session| session.id);
    // The socket may take the row away before the answer comes.
    let here = StoredValue::new(());
    let take_away = move || {
        if here.try_get_value().is_some() {
            rows.remove(&id.to_string());
        }
    };
    let archive = Action::new(move |archived: &bool| {
        let archived = *archived;
        async move {
            match set_archived(id, archived).await {
                Ok(session) => {
                    take_away();
                    if let Some(toasts) = toasts {
                        let word = if archived { "Archived" } else { "Taken out of the archive" };
                        toasts.show(Toast::done(format!("{word}: {}.", session.title)).undo(move || {
                            leptos::task::spawn_local(async move {
                                let _ = set_archived(id, !archived).await;
                            });
                        }));
                    }
                }
                Err(error) => failed.set(Some(error)),
            }
        }
    });
    let own = session.clone();
    let delete = Action::new(move |(): &()| {
        let title = own.with_untracked(|session| session.title.clone());
        async move {
            match delete_session(id).await {
                Ok(()) => {
                    take_away();
                    if let Some(toasts) = toasts {
                        toasts.show(Toast::done(format!("Deleted: {title}.")).undo(move || {
                            leptos::task::spawn_local(async move {
                                let _ = restore_session(id).await;
                            });
                        }));
                    }
                }
                Err(error) => failed.set(Some(error)),
            }
        }
    });
    let (one, two, three) = (session.clone(), session.clone(), session);
    let label = move || format!("More for {}", one.with(|session| session.title.clone()));
    let word = move || if two.with(|session| session.archived.is_some()) { "Take out of the archive" } else { "Archive" };
    let own = three.clone();
    view! {
        <Menu label=Signal::derive(label) end=true button="btn btn-i btn-q btn-mini" trigger=ViewFn::from(|| view! { <Icon name="ellipsis" /> })>
            <button type="button" on:click=move |_| renaming.set(Some(own.get_untracked()))><Icon name="pencil" /> "Rename"</button>
            <button type="button" on:click=move |_| { archive.dispatch(three.with_untracked(|session| session.archived.is_none())); }>
                <Icon name="inbox" />
                {word}
            </button>
            <hr />
            <button type="button" class="bad" on:click=move |_| { delete.dispatch(()); }><Icon name="trash-2" /> "Delete"</button>
        </Menu>
    }
}

async fn set_archived(id: SessionId, archived: bool) -> Result<Session, AppError> {
    update_session(id, SessionPatch { archived: Some(archived), ..SessionPatch::default() }).await
}

/// The dialog that renames a session.
#[component]
fn Rename(session: RwSignal<Option<Session>>, rows: Rows<Session>, failed: RwSignal<Option<AppError>>) -> impl IntoView {
    let open = RwSignal::new(false);
    let here = StoredValue::new(());
    let text = RwSignal::new(String::new());
    Effect::new(move |_| {
        if let Some(session) = session.get() {
            text.set(session.title);
            open.set(true);
        }
    });
    Effect::new(move |_| {
        if !open.get() && session.with_untracked(Option::is_some) {
            session.set(None);
        }
    });
    let rename = Action::new(move |(id, title): &(SessionId, String)| {
        let (id, patch) = (*id, SessionPatch { title: Some(title.clone()), ..SessionPatch::default() });
        async move {
            match update_session(id, patch).await {
                Ok(session) if here.try_get_value().is_some() => rows.patch(session, |_| None),
                Ok(_) => {}
                Err(error) => failed.set(Some(error)),
            }
            open.set(false);
        }
    });
    view! {
        <Dialog open=open title="Rename session">
            <form
                class="stack"
                on:submit=move |event| {
                    event.prevent_default();
                    let title = text.get_untracked().trim().to_owned();
                    if let Some(session) = session.get_untracked().filter(|_| !title.is_empty()) {
                        rename.dispatch((session.id, title));
                    }
                }
            >
                <label class="field">
                    <span class="label">"Title"</span>
                    <input
                        class="input input-lg"
                        maxlength="200"
                        prop:value=move || text.get()
                        on:input:target=move |event| text.set(event.target().value())
                    />
                </label>
                <div class="acts">
                    <Button kind=ButtonKind::Primary large=true submit=true disabled=rename.pending()>"Rename"</Button>
                    <Button large=true on:click=move |_| open.set(false)>"Cancel"</Button>
                </div>
            </form>
        </Dialog>
    }
}
