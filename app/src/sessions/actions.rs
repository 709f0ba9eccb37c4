//! The actions on a session in its row. Removals can be undone. A failure is shown in the open dialog, or as a toast
//! that names the session; never in the list's own error.

use crate::{
    NodeAction,
    error::AppError,
    live::Rows,
    session::{
        acts::{Done, SessionAct, SessionActs, perform},
        api::update_session,
        changed::{say, say_done},
    },
    ui::{Button, ButtonKind, Dialog, ErrorNote, Icon, Menu, use_toasts},
    view,
};
use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};
use model::{
    id::SessionId,
    sessions::{Session, SessionPatch},
};

/// The actions menu. Every row has one, so its content is rendered only when it is opened.
#[component]
pub(super) fn RowMenu(
    session: ArcRwSignal<Session>,
    rows: Rows<Session>,
    renaming: RwSignal<Option<Session>>,
) -> impl IntoView {
    let named = session.clone();
    let label = move || format!("More for {}", named.with(|session| session.title.clone()));
    view! {
        <Menu label=Signal::derive(label) end=true lazy=true button="btn btn-i btn-q btn-mini" trigger=ViewFn::from(|| view! { <Icon name="ellipsis" /> })>
            <RowActs session=session rows=rows renaming=renaming />
        </Menu>
    }
}

#[component]
fn RowActs(session: ArcRwSignal<Session>, rows: Rows<Session>, renaming: RwSignal<Option<Session>>) -> impl IntoView {
    let toasts = use_toasts();
    let id = session.with_untracked(|session| session.id);
    // The socket may remove the row before the answer comes.
    let here = StoredValue::new(());
    let navigate = use_navigate();
    let own = session.clone();
    // What becomes of the others is heard over the socket, like everything that happens to a session.
    let act = NodeAction::new(move |act: &SessionAct| {
        let (act, go) = (act.clone(), navigate.clone());
        let title = own.with_untracked(|session| session.title.clone());
        async move {
            match perform(id, act.clone()).await {
                Ok(done) => {
                    let leaves = matches!(act, SessionAct::Archive(_) | SessionAct::Delete);
                    let is_here = here.try_get_value().is_some();
                    if leaves && is_here {
                        rows.remove(&id.to_string());
                    }
                    if let (Done::Forked(fork), true) = (&done, is_here) {
                        go(&format!("/sessions/{fork}"), NavigateOptions::default());
                    }
                    say_done(toasts, id, &title, &act, &done);
                }
                Err(error) => say(toasts, &title, act.participle(), &error),
            }
        }
    });
    let own = session.clone();
    let act = Callback::new(move |chosen: SessionAct| match chosen {
        SessionAct::Rename => renaming.set(Some(own.get_untracked())),
        other => act.dispatch(other),
    });
    view! { <SessionActs session=Signal::derive(move || session.get()) act=act /> }
}

/// The rename dialog. It stays open with its text until the new name is accepted.
#[component]
pub(super) fn Rename(session: RwSignal<Option<Session>>, rows: Rows<Session>) -> impl IntoView {
    let open = RwSignal::new(false);
    let here = StoredValue::new(());
    let text = RwSignal::new(String::new());
    let failed = RwSignal::new(None::<AppError>);
    Effect::new(move || {
        if let Some(session) = session.get() {
            text.set(session.title);
            failed.set(None);
            open.set(true);
        }
    });
    Effect::new(move || {
        if !open.get() && session.with_untracked(Option::is_some) {
            session.set(None);
        }
    });
    let rename = NodeAction::new(move |(id, title): &(SessionId, String)| {
        let (id, patch) = (
            *id,
            SessionPatch {
                title: Some(title.clone()),
                ..SessionPatch::default()
            },
        );
        async move {
            let answer = update_session(id, patch).await;
            if here.try_get_value().is_none() {
                return;
            }
            // The dialog may be closed by now, or open for another session.
            let asked_here = session.with_untracked(|session| session.as_ref().is_some_and(|session| session.id == id));
            match answer {
                Ok(session) => {
                    rows.patch(session, |_| None);
                    if asked_here {
                        open.set(false);
                    }
                }
                Err(error) if asked_here => failed.set(Some(error)),
                Err(_) => {}
            }
        }
    });
    view! {
        <Dialog open=open title="Rename session">
            <form
                class="stack"
                on:submit=move |event| {
                    event.prevent_default();
                    let title = text.get_untracked().trim().to_owned();
                    if let Some(session) = session.get_untracked().filter(|_| !title.is_empty() && !rename.pending().get_untracked()) {
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
                {move || failed.get().map(|error| view! { <ErrorNote error=error title="The session was not renamed." /> })}
                <div class="acts">
                    <Button kind=ButtonKind::Primary large=true submit=true disabled=rename.pending()>"Rename"</Button>
                    <Button large=true on:click=move |_| open.set(false)>"Cancel"</Button>
                </div>
            </form>
        </Dialog>
    }
}
