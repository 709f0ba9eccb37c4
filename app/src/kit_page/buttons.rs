//! Buttons.

use super::Part;
use crate::{
    ui::{Button, ButtonKind, IconButton},
    view,
};
use leptos::prelude::*;

#[component]
pub(super) fn Buttons() -> impl IntoView {
    view! {
        <Part title="Buttons" rule="28 in bars, 32 in forms and decisions, 48 under a thumb. One primary a decision.">
            <div class="row wrap">
                <Button kind=ButtonKind::Primary keys="A">"Allow once"</Button>
                <Button>"Always…"</Button>
                <Button kind=ButtonKind::Danger keys="D">"Deny…"</Button>
                <Button kind=ButtonKind::Quiet icon="columns-3">"Columns"</Button>
                <IconButton icon="ellipsis" label="More" />
            </div>
            <div class="row wrap">
                <Button kind=ButtonKind::Primary class="is-hover">"Hover"</Button>
                <Button class="is-hover">"Hover"</Button>
                <Button kind=ButtonKind::Danger class="is-hover">"Hover"</Button>
                <Button class="is-active">"Pressed"</Button>
                <Button kind=ButtonKind::Primary class="is-focus">"Focus"</Button>
                <Button class="is-focus">"Focus"</Button>
            </div>
            <div class="row wrap">
                <Button disabled=true>"Disabled"</Button>
                <Button kind=ButtonKind::Primary disabled=true>"Disabled"</Button>
                <Button kind=ButtonKind::Primary large=true>"Approve 5 steps"</Button>
                <Button large=true icon="plus">"Large"</Button>
            </div>
        </Part>
    }
}
