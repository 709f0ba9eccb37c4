//! Grounds, lines, inks and the accent.

use super::Part;
use crate::view;
use leptos::prelude::*;

const COLOURS: &[(&str, &str)] = &[
    ("canvas", "bg-canvas"),
    ("surface", "bg-surface"),
    ("raised", "bg-raised"),
    ("fill", "bg-fill"),
    ("fill-strong", "bg-fill-strong"),
    ("line", "bg-line"),
    ("line-strong", "bg-line-strong"),
    ("line-control", "bg-line-control"),
    ("ink-faint", "bg-ink-faint"),
    ("ink-muted", "bg-ink-muted"),
    ("ink", "bg-ink"),
    ("accent-soft", "bg-accent-soft"),
    ("accent", "bg-accent"),
    ("accent-solid", "bg-accent-solid"),
    ("working-soft", "bg-working-soft"),
    ("working", "bg-working"),
    ("waiting-soft", "bg-waiting-soft"),
    ("waiting", "bg-waiting"),
    ("done-soft", "bg-done-soft"),
    ("done", "bg-done"),
    ("failed-soft", "bg-failed-soft"),
    ("failed", "bg-failed"),
    ("unknown-soft", "bg-unknown-soft"),
    ("unknown", "bg-unknown"),
    ("add-ground", "bg-add-ground"),
    ("add-word", "bg-add-word"),
    ("del-ground", "bg-del-ground"),
    ("del-word", "bg-del-word"),
    ("mark-ground", "bg-mark-ground"),
];

#[component]
pub(super) fn Colour() -> impl IntoView {
    view! {
        <Part title="Colour" rule="Three grounds, three lines, three inks, one accent.">
            <div class="sws">
                {COLOURS
                    .iter()
                    .map(|(name, class)| {
                        view! {
                            <div class="sw">
                                <i class=*class></i>
                                <code>{*name}</code>
                            </div>
                        }
                    })
                    .collect_view()}
            </div>
        </Part>
    }
}
