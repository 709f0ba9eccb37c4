//! Forms with progressive enhancement. Before WASM has loaded the browser sends them itself and gets the page again,
//! with the error. After hydration the same fields go to the same server function and the page stays. This module must
//! not know what is in a form.

use crate::{AppError, AppResult, NodeAction, view, wire};
use leptos::{
    ev::SubmitEvent,
    form::form_data_from_event,
    html,
    prelude::*,
    server::ServerActionError,
    server_fn::{Bytes, ServerFn, error::ServerFnUrlError},
    web_sys::UrlSearchParams,
};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// A server function that a form sends to, and its last answer. Unlike a `ServerAction` it sends the form's fields
/// unparsed, so that the browser carries no serializer of the function's input (10 kB over the wire).
#[derive(Clone, Copy)]
pub struct FormAction {
    url: &'static str,
    send: NodeAction<String>,
    answers: RwSignal<u32>,
    refusal: RwSignal<Option<AppError>>,
    pending: Memo<bool>,
}

impl FormAction {
    /// An action for the server function `S`. `done` gets its output, if the page is still there.
    pub fn to<S>(done: impl Fn(S::Output) + Send + Sync + 'static) -> Self
    where
        S: ServerFn<Error = AppError>,
        S::Output: DeserializeOwned,
    {
        sending(S::PATH, false, Arc::new(move |answer| wire::read(answer).map(&done)))
    }

    /// An action for a server function `S` that leads to another page; it stays pending until then, so nobody sends
    /// twice.
    pub fn leaving<S>() -> Self
    where
        S: ServerFn<Error = AppError>,
        S::Output: DeserializeOwned,
    {
        sending(
            S::PATH,
            true,
            Arc::new(|answer| wire::read(answer).map(|_: S::Output| ())),
        )
    }

    /// The last refusal, if any, also after the redirect of a plain form.
    pub fn refusal(self) -> Option<AppError> {
        self.refusal.get()
    }

    /// Whether the last call succeeded.
    pub fn done(self) -> bool {
        self.answers.get() > 0 && self.refusal.with(Option::is_none)
    }

    /// Subscribes to every answer.
    pub fn track(self) {
        self.answers.track();
    }

    /// Whether sending must wait: a call is under way, or the page is about to be left.
    pub fn pending(self) -> Memo<bool> {
        self.pending
    }
}

type Read = Arc<dyn Fn(Bytes) -> AppResult<()> + Send + Sync>;

fn sending(url: &'static str, leaves: bool, read: Read) -> FormAction {
    let left = use_context::<ServerActionError>().filter(|error| error.path() == url);
    let refusal = RwSignal::new(left.map(|error| ServerFnUrlError::<AppError>::decode_err(error.err())));
    let answers = RwSignal::new(0_u32);
    let send = NodeAction::new(move |fields: &String| {
        let (read, answer) = (Arc::clone(&read), wire::send_form(url, fields.clone()));
        async move {
            let answer = answer.await.and_then(|answer| read(answer));
            refusal.try_set(answer.err());
            answers.try_update(|n| *n = n.wrapping_add(1));
        }
    });
    let waits = send.pending();
    let pending = Memo::new(move |_| waits.get() || (leaves && answers.get() > 0 && refusal.with(Option::is_none)));
    FormAction {
        url,
        send,
        answers,
        refusal,
        pending,
    }
}

/// A form that sends its fields to a server function: `<NodeForm action=FormAction::to::<CreateProject>(done)>`.
#[component]
pub fn NodeForm(
    /// The server function.
    action: FormAction,
    /// Its class.
    #[prop(optional, into)]
    class: Option<&'static str>,
    /// The form element.
    #[prop(optional)]
    node_ref: NodeRef<html::Form>,
    /// Its fields and submit button.
    children: Children,
) -> impl IntoView {
    let submit = move |event: SubmitEvent| {
        if event.default_prevented() {
            return;
        }
        event.prevent_default();
        // The button is disabled then; the keyboard is not.
        if action.pending().get_untracked() {
            return;
        }
        match fields(&event) {
            Some(fields) => action.send.dispatch(fields),
            None => action.refusal.set(Some(AppError(model::Error::Transport(
                "the browser did not hand over the form's fields".into(),
            )))),
        }
    };
    view! {
        <form action=action.url method="post" class=class node_ref=node_ref on:submit=submit>
            {children()}
        </form>
    }
}

/// The fields, encoded as the browser would.
fn fields(event: &SubmitEvent) -> Option<String> {
    let filled = form_data_from_event(event).ok()?;
    UrlSearchParams::new_with_str_sequence_sequence(&filled)
        .ok()?
        .to_string()
        .as_string()
}
