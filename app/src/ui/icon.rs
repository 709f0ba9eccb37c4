//! Icons and status shapes, drawn from the one sprite `/icons.svg`; a page names them, it never draws its own.

use super::Look;
use crate::view;
use leptos::prelude::*;

/// A symbol of the sprite. Tests draw nothing that is not in it: a missing symbol is an empty picture, and no error.
fn symbol(kind: char, name: &str) -> String {
    #[cfg(test)]
    assert!(
        include_str!("../../../public/icons.svg").contains(&format!("id=\"{kind}-{name}\"")),
        "no symbol `{kind}-{name}` in public/icons.svg"
    );
    format!("/icons.svg#{kind}-{name}")
}

/// A Lucide icon of the sprite, 16 px (12 when `small`). Stands beside a word: it is hidden from screen readers.
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

/// A status shape, 12 px, in its colour. Never alone: a word stands beside it, or `label` says it.
#[component]
pub fn Shape(
    /// What it shows.
    #[prop(into)]
    look: Signal<Look>,
    /// Names it for screen readers, where no word stands beside it.
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
    /// Its edge in pixels.
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
