//! Toasts: feedback on actions whose result the page does not show, with an undo. They are read aloud and disappear by
//! themselves. What the page does show is only read aloud: see [`Toasts::tell`].

use super::keyed_list::keyed_list;
use super::{Icon, Look, Shape};
use crate::{browser, view};
use leptos::prelude::*;
use std::{sync::Arc, time::Duration};

/// The effect of a toast's button.
type NodeAction = Arc<dyn Fn() + Send + Sync>;

/// A toast. It owns its text and action, since the page that showed it may be left before.
#[derive(Clone)]
pub struct Toast {
    look: Look,
    undo: Option<(&'static str, NodeAction)>,
    text: Arc<str>,
}

impl Toast {
    fn new(look: Look, text: impl Into<String>) -> Self {
        Self {
            look,
            undo: None,
            text: Arc::from(text.into()),
        }
    }

    /// Something was done.
    pub fn done(text: impl Into<String>) -> Self {
        Self::new(Look::DONE, text)
    }

    /// Something was refused or stopped, as wished.
    pub fn denied(text: impl Into<String>) -> Self {
        Self::new(Look::DENIED, text)
    }

    /// Something failed.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::new(Look::FAILED, text)
    }

    /// Adds an undo button.
    #[must_use]
    pub fn undo(self, callback: impl Fn() + Send + Sync + 'static) -> Self {
        self.action("Undo", callback)
    }

    /// Adds another button: `Retry`.
    #[must_use]
    pub fn action(mut self, word: &'static str, callback: impl Fn() + Send + Sync + 'static) -> Self {
        self.undo = Some((word, Arc::new(callback)));
        self
    }
}

/// The toasts of this tab.
#[derive(Clone, Copy)]
pub struct Toasts {
    shown: RwSignal<Vec<(u32, Toast)>>,
    told: RwSignal<String>,
    next: StoredValue<u32>,
    owner: StoredValue<Owner>,
}

impl Toasts {
    /// Shows a toast for eight seconds; a failure stays until it is dismissed.
    pub fn show(self, toast: Toast) {
        let id = self.next.with_value(|next| *next);
        self.next.set_value(id.wrapping_add(1));
        let stays = toast.look == Look::FAILED;
        self.shown.update(|shown| {
            // Nobody reads more than four at once.
            if shown.len() >= 4 {
                shown.remove(0);
            }
            shown.push((id, toast));
        });
        if !stays {
            // The timer belongs to the frame, not to the row that was decided and is gone.
            self.owner
                .with_value(|owner| owner.with(|| browser::after(Duration::from_secs(8), move || self.dismiss(id))));
        }
    }

    /// Reads aloud what the page already shows, for screen readers.
    pub fn tell(self, text: String) {
        // The same text twice would be read once.
        let again = self.told.with_untracked(|told| *told == text);
        self.told.set(if again { format!("{text}\u{a0}") } else { text });
    }

    fn dismiss(self, id: u32) {
        self.shown.update(|shown| shown.retain(|(shown, _)| *shown != id));
    }
}

/// Provides toasts to everything below.
pub fn provide_toasts() -> Toasts {
    let owner = Owner::current().unwrap_or_default();
    let toasts = Toasts {
        shown: RwSignal::new(Vec::new()),
        told: RwSignal::default(),
        next: StoredValue::new(0),
        owner: StoredValue::new(owner),
    };
    provide_context(toasts);
    toasts
}

/// The toasts of this tab; `None` outside the frame.
pub fn use_toasts() -> Option<Toasts> {
    use_context::<Toasts>()
}

/// Shows a toast, from a component or its event handlers. Handlers that outlive their component call [`use_toasts`]
/// before.
pub fn toast(toast: Toast) {
    if let Some(toasts) = use_toasts() {
        toasts.show(toast);
    }
}

/// The place of toasts; the frame has it once.
#[component]
pub fn ToastsView() -> impl IntoView {
    let Some(toasts) = use_toasts() else {
        return ().into_any();
    };
    view! {
        <div class="toasts" role="status" aria-live="polite">
            <p class="vh">{toasts.told}</p>
            {keyed_list(move || toasts.shown.get(), |(id, _)| id.to_string(), move |(id, toast)| view! { <ToastRow toast=toast on_close=move || toasts.dismiss(id) /> })}
        </div>
    }
}

/// One toast; also rendered on `/kit`.
#[component]
pub(crate) fn ToastRow(
    /// The toast.
    toast: Toast,
    /// Called when it is dismissed or its action was taken.
    on_close: impl Fn() + Clone + Send + Sync + 'static,
) -> impl IntoView {
    let close = on_close.clone();
    view! {
        <div class="toast" role=(toast.look == Look::FAILED).then_some("alert")>
            <Shape look=toast.look />
            <span>{toast.text.to_string()}</span>
            <span class="push row">
                {toast
                    .undo
                    .map(|(word, callback)| {
                        view! {
                            <button
                                type="button"
                                class="btn btn-q"
                                on:click=move |_| {
                                    callback();
                                    close();
                                }
                            >
                                {(word == "Undo").then(|| view! { <Icon name="undo-2" /> })}
                                {word}
                            </button>
                        }
                    })}
                <button type="button" class="btn btn-i btn-q" aria-label="Dismiss" on:click=move |_| on_close()>
                    <Icon name="x" />
                </button>
            </span>
        </div>
    }
}
