//! The sizes of type.

use super::Part;
use crate::view;
use leptos::prelude::*;

#[component]
pub(super) fn Type() -> impl IntoView {
    view! {
        <Part title="Type" rule="Five sizes. Nothing is upper-case or letter-spaced.">
            <div class="stack">
                <p class="text-xl">"24 sign-in title"</p>
                <p class="text-lg">"18 the one sentence, big figures 1,284"</p>
                <p class="text-md strong">"15 page and dialog titles"</p>
                <p>"13 base: text, rows, buttons. " <b class="medium">"Medium for names"</b> ", " <b>"strong for heads"</b></p>
                <p class="xs muted">"12 meta and labels. " <code>"12 JetBrains Mono 0123456789 4m 12s $1.84 != =>"</code></p>
            </div>
        </Part>
    }
}
