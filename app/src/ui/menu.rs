//! Menus, segments and tabs. A menu is a `<details>`: it opens without WASM; with WASM, a press elsewhere or Escape
//! closes it.

use crate::view;
use leptos::{ev, html, prelude::*};
use std::sync::Mutex;
use wasm_bindgen::JsCast;

/// A button (`trigger`) that opens a list of links and buttons (`children`).
#[component]
pub fn Menu(
    /// The button's name.
    #[prop(into)]
    label: Signal<String>,
    /// The button's content.
    #[prop(into)]
    trigger: ViewFn,
    /// The button's classes.
    #[prop(default = "btn btn-q")]
    button: &'static str,
    /// Opens towards the left.
    #[prop(optional)]
    end: bool,
    /// Opens upwards.
    #[prop(optional)]
    up: bool,
    /// More classes of the list: `sheet`.
    #[prop(optional)]
    class: &'static str,
    /// Renders the content when it is first opened, which needs WASM: for menus in every row of a list.
    #[prop(optional)]
    lazy: bool,
    /// Links and buttons; `<hr/>` between groups.
    children: Children,
) -> impl IntoView {
    let details = NodeRef::<html::Details>::new();
    let made = RwSignal::new(!lazy);
    let make = move || {
        // Once only. The `toggle` event comes later, when the menu may be gone with its page.
        if made.try_get_untracked() == Some(false) {
            made.set(true);
        }
    };
    // It may have been opened before hydration.
    Effect::new(move || {
        if details.get().is_some_and(|details| details.has_attribute("open")) {
            make();
        }
    });
    let content = if lazy {
        let children = Mutex::new(Some(children));
        (move || {
            made.get().then(|| {
                children
                    .lock()
                    .ok()
                    .and_then(|mut children| children.take())
                    .map(|children| children())
            })
        })
        .into_any()
    } else {
        children().into_any()
    };
    let close = move || {
        if let Some(details) = details.get_untracked() {
            let _ = details.remove_attribute("open");
        }
    };
    // Closing consumes the key: else Escape on a session's page would interrupt the agent as well.
    let escape = move |event: &ev::KeyboardEvent| {
        let Some(details) = details.get_untracked().filter(|details| details.has_attribute("open")) else {
            return;
        };
        if event.key() != "Escape" || event.default_prevented() {
            return;
        }
        event.prevent_default();
        event.stop_propagation();
        close();
        if let Some(summary) = details
            .query_selector("summary")
            .ok()
            .flatten()
            .and_then(|summary| summary.dyn_into::<web_sys::HtmlElement>().ok())
        {
            let _ = summary.focus();
        }
    };
    if cfg!(feature = "hydrate") {
        let presses = window_event_listener(ev::click, move |event| {
            let outside = details.get_untracked().is_some_and(|details| {
                let target = event
                    .target()
                    .and_then(|target| target.dyn_into::<web_sys::Node>().ok());
                !details.contains(target.as_ref())
            });
            if outside {
                close();
            }
        });
        // The window gets the key when nothing in the menu has the focus.
        let keys = window_event_listener(ev::keydown, move |event| escape(&event));
        on_cleanup(move || {
            presses.remove();
            keys.remove();
        });
    }
    let class = format!(
        "menu{}{} {class}",
        if end { " menu-end" } else { "" },
        if up { " menu-up" } else { "" }
    )
    .trim_end()
    .to_owned();
    view! {
        <details
            class="menu-w"
            node_ref=details
            on:toggle=move |_| make()
            on:keydown=move |event| escape(&event)
        >
            <summary class=button aria-label=move || label.get() title=move || label.get()>
                {trigger.run()}
            </summary>
            // A choice closes the menu; the press itself still reaches its target.
            <div class=class on:click=move |_| close()>
                {content}
            </div>
        </details>
    }
}

/// Two to four exclusive views or values.
#[component]
pub fn Segment(
    /// Values with their words.
    #[prop(into)]
    options: Signal<Vec<(String, String)>>,
    /// The chosen value.
    #[prop(into)]
    value: Signal<String>,
    /// Called with the pressed value.
    #[prop(into)]
    on_change: Callback<String>,
    /// The name of the choice, for screen readers.
    #[prop(into)]
    label: String,
    /// Cannot be changed now.
    #[prop(optional, into)]
    disabled: Signal<bool>,
) -> impl IntoView {
    view! {
        <div class="seg" role="group" aria-label=label>
            {move || {
                options
                    .get()
                    .into_iter()
                    .map(|(key, word)| {
                        let pressed = { let key = key.clone(); move || (value.get() == key).to_string() };
                        view! {
                            <button
                                type="button"
                                aria-pressed=pressed
                                disabled=move || disabled.get()
                                on:click=move |_| on_change.run(key.clone())
                            >
                                {word}
                            </button>
                        }
                    })
                    .collect_view()
            }}
        </div>
    }
}

/// A tab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tab {
    /// Its value.
    pub key: &'static str,
    /// Its word.
    pub word: &'static str,
    /// The count beside the word; none for zero.
    pub count: Option<i64>,
}

/// Tabs. Their panel has `id=<panel>` and `role="tabpanel"`.
#[component]
pub fn Tabs(
    /// The tabs.
    #[prop(into)]
    tabs: Signal<Vec<Tab>>,
    /// The chosen key.
    #[prop(into)]
    value: Signal<String>,
    /// Called with the pressed key.
    #[prop(into)]
    on_change: Callback<String>,
    /// The name of the whole.
    #[prop(into)]
    label: String,
    /// The id of the panel.
    #[prop(into)]
    panel: String,
    /// More classes.
    #[prop(optional, into)]
    class: String,
) -> impl IntoView {
    let step = move |event: ev::KeyboardEvent| {
        let keys: Vec<_> = tabs.read_untracked().iter().map(|tab| tab.key).collect();
        let Some(at) = keys.iter().position(|key| *key == value.get_untracked()) else {
            return;
        };
        let next = match event.key().as_str() {
            "ArrowRight" => (at + 1) % keys.len(),
            "ArrowLeft" => (at + keys.len() - 1) % keys.len(),
            "Home" => 0,
            "End" => keys.len() - 1,
            _ => return,
        };
        event.prevent_default();
        on_change.run(keys[next].to_owned());
        if let Some(list) = event
            .current_target()
            .and_then(|target| target.dyn_into::<web_sys::Element>().ok())
            && let Ok(Some(tab)) = list.query_selector(&format!("[data-tab=\"{}\"]", keys[next]))
            && let Ok(tab) = tab.dyn_into::<web_sys::HtmlElement>()
        {
            let _ = tab.focus();
        }
    };
    view! {
        <div class=format!("tabs {class}").trim_end().to_owned() role="tablist" aria-label=label on:keydown=step>
            {move || {
                tabs.get()
                    .into_iter()
                    .map(|tab| {
                        let chosen = move || value.get() == tab.key;
                        view! {
                            <button
                                type="button"
                                role="tab"
                                data-tab=tab.key
                                aria-selected=move || chosen().to_string()
                                aria-controls=panel.clone()
                                tabindex=move || if chosen() { "0" } else { "-1" }
                                on:click=move |_| on_change.run(tab.key.to_owned())
                            >
                                {tab.word}
                                {tab.count.filter(|n| *n > 0).map(|n| view! { <span class="cnt">{n}</span> })}
                            </button>
                        }
                    })
                    .collect_view()
            }}
        </div>
    }
}
