//! Rows of other nodes: the node's name, and a state that does not claim more than was heard. It knows no page.

use super::{Ago, Look, StatusWord};
use crate::view;
use leptos::prelude::*;
use model::{fleet::NodeRef, sessions::Session};

/// The name of another node; nothing for this one.
#[component]
pub fn NodeChip(
    /// The node of the row.
    node: Signal<NodeRef>,
) -> impl IntoView {
    move || {
        let node = node.get();
        (!node.here)
            .then(|| view! { <span class="chip" title=format!("Runs on {}", node.name)>{node.name.clone()}</span> " " })
    }
}

/// A session's state. Of a node that is not heard it says the last known one, and how old that is.
#[component]
pub fn NodeStatus(
    /// The session.
    session: Signal<Session>,
) -> impl IntoView {
    let silent = Memo::new(move |_| session.with(|session| session.node.silent_since));
    let look = Signal::derive(move || Look::from(session.with(|session| session.state)));
    move || match silent.get() {
        None => view! { <StatusWord look=look /> },
        Some(since) => view! {
            <span class="st muted" title="The last that was heard of it; its node is silent now">
                {move || look.get().word} ", " <Ago at=Signal::stored(since) short=true />
            </span>
        },
    }
}

/// What stands where a session of another node could be driven.
#[component]
pub fn RunsElsewhere(
    /// The node of the session.
    node: NodeRef,
    /// What is done there: `speak to it`.
    what: &'static str,
) -> impl IntoView {
    view! { <p class="xs muted">{format!("Runs on {}: open it there to {what}.", node.name)}</p> }
}
