//! The Session page: opens a session, keeps it current by the live socket, and places header, timeline, composer and
//! panel. It must not render entries or decide anything itself.

use super::{
    api::{Opened, open_session},
    composer::Composer,
    header::{Controls, Header},
    order::Shown,
    panel::{Panel, Part, PartTabs, is_bare},
    scroll::Follow,
    store::Store,
    timeline::Timeline,
};
use crate::{
    NodeResource, browser,
    error::AppError,
    live::use_live,
    session::changed::restore,
    ui::{Button, ErrorNote, LiveTitle, Skeleton, use_toasts},
    view,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate, use_params_map, use_query_map},
};
use model::{
    id::SessionId,
    live::{Row, ServerSays, Topic},
};

/// `/sessions/:id`.
#[component]
pub fn SessionPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").and_then(|id| id.parse::<SessionId>().ok())));
    move || {
        if let Some(id) = id.get() {
            view! { <OpenSession id=id /> }
        } else {
            crate::error::reject(model::Error::NotFound("session".into()));
            view! { <NoSession /> }
        }
    }
}

/// `children` are the possible actions.
#[component]
fn NoSession(#[prop(optional)] children: Option<Children>) -> impl IntoView {
    view! {
        <Title text="No such session" />
        <div class="page">
            <div class="page-bar"><h1>"There is no such session"</h1></div>
            <p class="muted">"It may have been deleted, or it is not yours to see. "<a class="link" href="/sessions">"All sessions"</a></p>
            {children.map(|children| children())}
        </div>
    }
}

/// The undo of a deletion. The socket reports the restored session like any change.
#[component]
fn Restore(id: SessionId) -> impl IntoView {
    let toasts = use_toasts();
    view! {
        <p class="muted">
            "What was deleted can be taken back for 30 days. "
            <Button on:click=move |_| restore(toasts, id, "This session")>"Restore it"</Button>
        </p>
    }
}

#[component]
fn OpenSession(id: SessionId) -> impl IntoView {
    let live = use_live();
    let opened = NodeResource::blocking(move || live.reloads.track(), move || open_session(id));
    // A deleted session may be restored.
    let missing = StoredValue::new(false);
    live.on(move |said| match said {
        ServerSays::Row {
            row: Row::Session(session),
            ..
        } if session.id == id && missing.get_value() => opened.refetch(),
        _ => {}
    });
    view! {
        <Transition fallback=|| {
            view! {
                <div class="page">
                    <Skeleton rows=9 />
                </div>
            }
        }>
            {move || {
                opened
                    .get()
                    .map(|answer| match answer {
                        Ok(opened_now) => {
                            missing.set_value(false);
                            view! { <SessionOpen opened=opened_now again=Callback::new(move |()| opened.refetch()) /> }
                        }
                        Err(AppError(model::Error::NotFound(_))) => {
                            missing.set_value(true);
                            view! { <NoSession><Restore id=id /></NoSession> }
                        }
                        Err(error) => {
                            view! {
                                <Title text="Session" />
                                <div class="page">
                                    <div class="page-bar"><h1>"Session"</h1></div>
                                    <ErrorNote error=error title="The session could not be opened." retry=Callback::new(move |()| opened.refetch()) />
                                </div>
                            }
                        }
                    })
            }}
        </Transition>
    }
}

/// An open session.
#[component(transparent)]
fn SessionOpen(opened: Opened, again: Callback<()>) -> impl IntoView {
    let Opened {
        view,
        entries,
        approvals,
    } = opened;
    let id = view.session.id;
    let store = Store::new(
        view.session,
        view.trusted,
        view.runs_own,
        view.may_drive,
        view.queued,
        approvals,
    );
    store.load(&entries.items);
    store
        .timeline
        .older
        .set(entries.items.first().is_some_and(|entry| entry.seq > 1));
    listen(store, id, view.pos, again);
    let query = use_query_map();
    let part = Memo::new(move |_| query.with(|query| query.get("tab").map_or(Part::Timeline, |tab| Part::of(&tab))));
    let shown = move || query.with(|query| query.get("show").map_or(Shown::All, |shown| Shown::of(&shown)));
    store.reader.shown.set(untrack(shown));
    Effect::new(move || store.reader.shown.set(shown()));
    let bare = Memo::new(move |_| part.get() == Part::Timeline && is_bare(store));
    let go = use_query();
    browser::on_keys(move |key| {
        let mine = key.is("]");
        if mine && bare.get_untracked() {
            go.run(("tab", Some(Part::Usage.key().to_owned())));
        } else if mine {
            browser::flip("panel");
        }
        mine
    });
    let follow = Follow::new(store);
    let controls = Controls::new(store);
    use_live().on_return(move || {
        store.ask_again();
        follow.ask_again();
    });
    view! {
        <LiveTitle text=move || store.session.with(|session| session.title.clone()) />
        <div class="sx">
            <Header store=store controls=controls />
            <PartTabs store=store part=part />
            <div class="sx-b" class:sx-side=move || part.get() != Part::Timeline class:sx-bare=move || bare.get()>
                <div class="sx-m">
                    <Timeline store=store follow=follow controls=controls />
                    <Composer store=store follow=follow />
                </div>
                <Panel store=store part=part />
            </div>
        </div>
    }
}

/// Sets or removes one parameter of the address, without leaving the page.
pub(super) fn use_query() -> Callback<(&'static str, Option<String>)> {
    let navigate = use_navigate();
    let location = use_location();
    Callback::new(move |(name, value): (&'static str, Option<String>)| {
        let mut query = location.query.get_untracked();
        query.remove(name);
        if let Some(value) = value {
            query.insert(name, value);
        }
        let to = format!("{}{}", location.pathname.get_untracked(), query.to_query_string());
        navigate(
            &to,
            NavigateOptions {
                replace: true,
                scroll: false,
                resolve: false,
                ..NavigateOptions::default()
            },
        );
    })
}

/// Applies the socket's messages to the store.
fn listen(store: Store, id: SessionId, pos: model::Pos, again: Callback<()>) {
    let live = use_live();
    live.follow(vec![Topic::Session { id }, Topic::Node], pos);
    live.on(move |said| match said {
        ServerSays::Row {
            row: Row::Session(session),
            ..
        } if session.id == id => store.session.set((**session).clone()),
        ServerSays::Row {
            row: Row::Entry(entry), ..
        } if entry.session == id => store.take(entry),
        ServerSays::Row {
            row: Row::Prompt(prompt),
            ..
        } if prompt.session == id => store.take_prompt(prompt.clone()),
        ServerSays::Row {
            row: Row::Approval(approval),
            ..
        } if approval.session == id => {
            store.take_approval((**approval).clone());
        }
        ServerSays::Row {
            row: Row::Project(project),
            ..
        } if store.session.with_untracked(|session| session.project == project.id) => {
            store.trusted.set(project.trusted && !project.trust_stale);
            store.runs_own.set(!project.runs_own.is_empty());
            if store
                .session
                .with_untracked(|session| session.project_name != project.name)
            {
                store
                    .session
                    .update(|session| session.project_name.clone_from(&project.name));
            }
        }
        ServerSays::Gone { id: gone, .. } if *gone == id.to_string() => again.run(()),
        ServerSays::Partial(partial) if partial.session == id => store.take_partial(partial.clone()),
        _ => {}
    });
}
