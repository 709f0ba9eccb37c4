//! Segments, tabs and chips.

use super::Part;
use crate::{
    ui::{Icon, Kbd, Segment, Tab, Tabs},
    view,
};
use leptos::prelude::*;

fn words(words: &[&str]) -> Vec<(String, String)> {
    words
        .iter()
        .map(|word| (crate::ui::format::lower(word), (*word).to_owned()))
        .collect()
}

#[component]
pub(super) fn Choices() -> impl IntoView {
    let mode = RwSignal::new(String::from("plan"));
    let tab = RwSignal::new(String::from("files"));
    let tabs = vec![
        Tab {
            key: "plan",
            word: "Plan",
            count: None,
        },
        Tab {
            key: "files",
            word: "Files",
            count: Some(5),
        },
        Tab {
            key: "raw",
            word: "Raw",
            count: Some(0),
        },
    ];
    view! {
        <Part title="Segments, tabs, chips" rule="Segment: 2 to 4 exclusive views. Tabs: parts of one thing. Select: 5 or more.">
            <div class="row wrap">
                <Segment options=words(&["Plan", "Ask", "Auto-accept"]) value=mode on_change=move |value| mode.set(value) label="Mode in the kit" />
                <Segment options=words(&["Plan", "Ask"]) value=mode on_change=|_| () label="Disabled" disabled=true />
                <span class="chip chip-f">
                    "State "
                    <b>"failed"</b>
                    <button type="button" aria-label="Remove the filter State failed">
                        <Icon name="x" small=true />
                    </button>
                </span>
            </div>
            <Tabs tabs=tabs value=tab on_change=move |value| tab.set(value) label="Tabs in the kit" panel="kit-panel" />
            <p id="kit-panel" role="tabpanel" class="muted" tabindex="0">
                {move || format!("The part called {}.", tab.get())}
            </p>
            <div class="row wrap">
                <span class="chip">"this node"</span>
                <span class="chip mono">"main"</span>
                <span class="av" aria-hidden="true">"MK"</span>
                <Kbd key="Ctrl K" />
                <Kbd key="?" />
                <span class="tip">"Edit title " <Kbd key="T" /></span>
            </div>
        </Part>
    }
}
