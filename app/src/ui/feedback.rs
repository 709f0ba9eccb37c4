//! Loading, empty and error states, and notices. Pages provide only the content; `QueryState` adds the rest.

use super::{Icon, Look, Shape, lazy_child::lazy_child};
use crate::{AppResult, NodeResource, error::AppError, view};
use leptos::prelude::*;
use std::sync::Arc;

/// An empty state: says what would be here, and offers the first step (`children`).
#[component]
pub fn Empty(
    /// The icon of what would be here.
    icon: &'static str,
    /// What is missing: `No projects yet`.
    #[prop(into)]
    title: String,
    /// When it would appear, and how.
    #[prop(optional, into)]
    text: Option<String>,
    /// The first step.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <Icon name=icon />
            <h3>{title}</h3>
            {text.map(|text| view! { <p class="muted">{text}</p> })}
            {children.map(|children| children())}
        </div>
    }
}

/// The tone of a notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoteTone {
    /// Worth knowing.
    #[default]
    Plain,
    /// Look at it.
    Warning,
    /// It failed.
    Failed,
    /// It worked.
    Done,
}

/// A notice beside its subject.
#[component]
pub fn Note(
    /// Its tone.
    #[prop(optional)]
    tone: NoteTone,
    /// Its title, a few words.
    #[prop(optional, into)]
    title: Option<String>,
    /// The rest.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let (class, look) = match tone {
        NoteTone::Plain => ("note", Look::IDLE),
        NoteTone::Warning => ("note waiting", Look::LAGGING),
        NoteTone::Failed => ("note failed", Look::FAILED),
        NoteTone::Done => ("note", Look::DONE),
    };
    view! {
        <div class=class role=if tone == NoteTone::Failed { "alert" } else { "note" }>
            <Shape look=look />
            <span class="grow">
                {title.map(|title| view! { <b class="medium">{title}</b>" " })}
                {children.map(|children| children())}
            </span>
        </div>
    }
}

/// An error: what happened and what to do, with its reference where there is one.
#[component]
pub fn ErrorNote(
    /// The error.
    error: AppError,
    /// What could not be done, in a few words; the title.
    #[prop(optional, into)]
    title: MaybeProp<String>,
    /// Offers to try again.
    #[prop(optional, into)]
    retry: Option<Callback<()>>,
) -> impl IntoView {
    let title = title.get_untracked();
    let reference = error.reference().map(str::to_owned);
    let text = match &error.0 {
        model::Error::Internal(_) => "The cause is in the node's log under this reference:".to_owned(),
        // The title says the rest.
        model::Error::Transport(_) if title.is_none() => "It may be restarting, or the connection is down.".to_owned(),
        _ => sentence(&error.to_string()),
    };
    let title = title.unwrap_or_else(|| headline(&error).to_owned());
    view! {
        <div class="note failed" role="alert">
            <Shape look=Look::FAILED />
            <span class="grow">
                <b class="medium">{title}</b>
                " "
                {text}
                {reference.map(|reference| view! { " " <code>{reference}</code> })}
            </span>
            {retry.map(|retry| view! { <button type="button" class="btn btn-q" on:click=move |_| retry.run(())>"Try again"</button> })}
        </div>
    }
}

fn headline(error: &AppError) -> &'static str {
    use model::Error as E;
    match &error.0 {
        E::Unauthenticated => "You are signed out.",
        E::Forbidden(_) => "Not allowed.",
        E::NotFound(_) => "Not found.",
        E::Invalid { .. } | E::TooLarge(_) => "Not accepted.",
        E::Conflict(_) | E::AlreadyDecided(_) => "Not possible now.",
        E::RateLimited(_) => "Too many tries.",
        E::StorageFull => "The disk is full.",
        E::Unavailable(_) => "Not available.",
        E::InDoubt => "Perhaps stored.",
        E::Internal(_) => "Something went wrong on this node.",
        E::Transport(_) => "The node did not answer.",
    }
}

/// A text as a sentence: capitalised, with a full stop.
pub(crate) fn sentence(text: &str) -> String {
    // The node's own sentences begin with ASCII.
    let mut out = text.to_owned();
    if let Some(first) = out.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if !out.is_empty() && !out.ends_with(['.', '!', '?', ':']) {
        out.push('.');
    }
    out
}

/// Placeholder rows in the shape of the content, before the first data.
#[component]
pub fn Skeleton(
    /// The number of rows.
    #[prop(default = 5)]
    rows: usize,
) -> impl IntoView {
    let row = |n: usize| {
        let width = ["skel sk-60", "skel sk-44", "skel sk-72", "skel sk-52"][n % 4];
        view! {
            <div class="sk-row">
                <i class="skel sk-dot"></i>
                <i class=width></i>
                <i class="skel sk-end push"></i>
            </div>
        }
    };
    view! {
        <div aria-hidden="true">{(0..rows).map(row).collect_view()}</div>
        <p class="vh">"Loading"</p>
    }
}

/// Shows a resource: placeholder rows before the first answer, an error with a retry button, or the content. Old
/// content stays while newer is fetched.
#[component]
pub fn QueryState<T, F, V>(
    /// The resource.
    query: NodeResource<T>,
    /// Renders the content.
    content: F,
    /// The number of placeholder rows.
    #[prop(default = 5)]
    rows: usize,
    /// What could not be done, as the error's title.
    #[prop(optional, into)]
    failed: MaybeProp<String>,
) -> impl IntoView
where
    T: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static,
    F: Fn(T) -> V + Clone + Send + Sync + 'static,
    V: IntoView + 'static,
{
    let answer = move || {
        let content = content.clone();
        query
            .get()
            .map(|answer| answer.map(|value| lazy_child(move || content(value).into_any())))
    };
    query_state(Arc::new(answer), Callback::new(move |()| query.refetch()), rows, failed)
}

/// The part of [`QueryState`] that is compiled once.
fn query_state(
    answer: Arc<dyn Fn() -> Option<AppResult<AnyView>> + Send + Sync>,
    again: Callback<()>,
    rows: usize,
    failed: MaybeProp<String>,
) -> AnyView {
    view! {
        <Transition fallback=move || {
            view! { <Skeleton rows=rows /> }
        }>
            {
                let answer = answer.clone();
                move || answer().map(|shown| shown.unwrap_or_else(|error| view! { <ErrorNote error=error title=failed retry=again /> }))
            }
        </Transition>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_text_becomes_a_sentence() {
        assert_eq!(sentence("sign in to continue"), "Sign in to continue.");
        assert_eq!(sentence("Really?"), "Really?");
        assert_eq!(sentence(""), "");
    }
}
