//! Icons and status shapes, from the one sprite `/icons.svg`; a page names them and never has SVG of its own.

use super::Look;
use crate::view;
use leptos::prelude::*;

/// A symbol of the sprite. Tests fail for one that is missing there: it would be an empty picture without an error.
fn symbol(kind: char, name: &str) -> String {
    #[cfg(test)]
    assert!(
        include_str!("../../../public/icons.svg").contains(&format!("id=\"{kind}-{name}\"")),
        "no symbol `{kind}-{name}` in public/icons.svg"
    );
    format!("/icons.svg#{kind}-{name}")
}

/// A Lucide icon of the sprite, 16 px (12 when `small`). It stands beside a word, so screen readers skip it.
#[component]
pub fn Icon(
    /// The symbol's name without its prefix: `inbox`.
    #[prop(into)]
    name: Signal<&'static str>,
    /// 12 px instead of 16.
    #[prop(optional)]
    small: bool,
    /// More classes.
    #[prop(optional, into)]
    class: String,
) -> impl IntoView {
    let class = format!("ic {}{class}", if small { "ic-s " } else { "" });
    view! {
        <svg class=class.trim_end().to_owned() aria-hidden="true">
            <use href=move || symbol('i', name.get())></use>
        </svg>
    }
}

/// A status shape, 12 px, in its colour. Never alone: it has a word beside it, or `label`.
#[component]
pub fn Shape(
    /// The look.
    #[prop(into)]
    look: Signal<Look>,
    /// Its name for screen readers, where no word stands beside it.
    #[prop(optional, into)]
    label: Option<String>,
) -> impl IntoView {
    let hidden = label.is_none().then_some("true");
    let role = label.is_some().then_some("img");
    view! {
        <svg class=move || format!("sh {}", look.get().tone) aria-hidden=hidden role=role aria-label=label>
            <use href=move || symbol('s', look.get().shape)></use>
        </svg>
    }
}

/// The mark of OrchWiz.
#[component]
pub fn Mark(
    /// Its width and height in pixels.
    #[prop(default = 20)]
    size: u32,
    /// More classes.
    #[prop(optional, into)]
    class: String,
) -> impl IntoView {
    view! {
        <svg width=size height=size class=format!("mark {class}").trim_end().to_owned() aria-hidden="true">
            <use href="/icons.svg#mark"></use>
        </svg>
    }
}
