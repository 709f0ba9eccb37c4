//! The list of keys, under `?`. A table with one line per key.

use super::PAGES;
use crate::{
    lazy::lazy_dialog,
    ui::{Dialog, Kbd},
    view,
};
use leptos::prelude::*;

/// Keys and their effects, by the place where they work.
const KEYS: &[(&str, &[(&str, &str)])] = &[
    (
        "Everywhere",
        &[
            ("Ctrl K", "Search or run a command"),
            ("N", "New session"),
            ("[", "Narrow or widen the navigation"),
            ("?", "This list"),
            ("Esc", "Close what is open"),
            ("Ctrl ⏎", "Send what is written: a first prompt, a reason"),
        ],
    ),
    (
        "Inbox and approvals, also from an empty message",
        &[
            ("A", "Allow once"),
            ("Shift A", "Always allow; Enter confirms it"),
            ("D", "Deny, with a reason"),
            ("J", "The next one"),
            ("K", "The one before"),
        ],
    ),
    (
        "Sessions",
        &[("/", "Filter"), ("J", "Next row"), ("K", "The row before")],
    ),
    (
        "Session",
        &[
            ("E", "Next error"),
            ("W", "Next edit"),
            ("F", "Find"),
            ("O", "Outline"),
            ("]", "Open or close the details"),
            ("Esc", "Leave the message; then interrupt the turn"),
            ("↑", "In the message: what was said before"),
        ],
    ),
];

lazy_dialog!(KeysDialog, dialogs, Keys);

/// The dialog.
#[component]
fn Keys(
    /// Whether it is open.
    open: RwSignal<bool>,
) -> impl IntoView {
    view! {
        <Dialog open=open title="Keys" class="dialog-wide keys">
            <div class="g2">
                <section>
                    <h4 class="keys-t">"Go to"</h4>
                    <dl class="kv kv-keys">
                        {PAGES
                            .iter()
                            .filter_map(|page| page.letter.zip(Some(page.name)))
                            .map(|(letter, name)| view! { <dt><Kbd key="G" /> " " <Kbd key=letter /></dt> <dd>{name}</dd> })
                            .collect_view()}
                    </dl>
                </section>
                {KEYS
                    .iter()
                    .map(|(place, keys)| {
                        view! {
                            <section>
                                <h4 class="keys-t">{*place}</h4>
                                <dl class="kv kv-keys">
                                    {keys
                                        .iter()
                                        .map(|(key, does)| {
                                            view! {
                                                <dt>
                                                    <Kbd key=key />
                                                </dt>
                                                <dd>{*does}</dd>
                                            }
                                        })
                                        .collect_view()}
                                </dl>
                            </section>
                        }
                    })
                    .collect_view()}
            </div>
            <div class="acts">
                <button type="button" class="btn btn-lg" on:click=move |_| open.set(false)>
                    "Close"
                </button>
            </div>
        </Dialog>
    }
}
