//! Buttons and keys. They take handlers like elements: `<Button on:click=...>`.

use super::Icon;
use crate::view;
use leptos::prelude::*;

/// The emphasis of a button.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ButtonKind {
    /// An edge.
    #[default]
    Plain,
    /// The main action of its place; only one.
    Primary,
    /// No edge until hovered.
    Quiet,
    /// Destroys or refuses: red text, never a red block.
    Danger,
}

impl ButtonKind {
    const fn class(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Primary => " btn-p",
            Self::Quiet => " btn-q",
            Self::Danger => " btn-d",
        }
    }
}

/// A button with a word.
#[component]
pub fn Button(
    /// Its emphasis.
    #[prop(optional)]
    kind: ButtonKind,
    /// 32 px, in forms and decisions.
    #[prop(optional)]
    large: bool,
    /// Submits the form around it.
    #[prop(optional)]
    submit: bool,
    /// Cannot be pressed now.
    #[prop(optional, into)]
    disabled: Signal<bool>,
    /// Ignores presses for a moment, but keeps the focus and its looks.
    #[prop(optional, into)]
    soon: Signal<bool>,
    /// The name of the field that it adds to a submitted form.
    #[prop(optional)]
    name: Option<&'static str>,
    /// The value of that field.
    #[prop(optional)]
    value: Option<&'static str>,
    /// The id of a popover that the browser itself opens, unless a handler prevents it.
    #[prop(optional, into)]
    opens: Option<String>,
    /// An icon before the word.
    #[prop(optional)]
    icon: Option<&'static str>,
    /// The key that presses it; shown in the button.
    #[prop(optional)]
    keys: Option<&'static str>,
    /// More classes.
    #[prop(optional, into)]
    class: String,
    /// The word.
    children: Children,
) -> impl IntoView {
    let class = format!("btn{}{} {class}", kind.class(), if large { " btn-lg" } else { "" });
    view! {
        <button
            type=if submit { "submit" } else { "button" }
            class=class.trim_end().to_owned()
            name=name
            value=value
            popovertarget=opens
            disabled=move || disabled.get()
            aria-disabled=move || soon.get().then_some("true")
            aria-keyshortcuts=keys
        >
            {icon.map(|name| view! { <Icon name=name /> })}
            {children()}
            {keys.map(|key| view! { <kbd class="kbd" aria-hidden="true">{key}</kbd> })}
        </button>
    }
}

/// A button that is only an icon; its name is read aloud and shown on hover.
#[component]
pub fn IconButton(
    /// The icon.
    icon: &'static str,
    /// Its name.
    #[prop(into)]
    label: Signal<String>,
    /// Its emphasis.
    #[prop(default = ButtonKind::Quiet)]
    kind: ButtonKind,
    /// Cannot be pressed now.
    #[prop(optional, into)]
    disabled: Signal<bool>,
    /// More classes.
    #[prop(optional, into)]
    class: String,
) -> impl IntoView {
    let class = format!("btn btn-i{} {class}", kind.class());
    view! {
        <button
            type="button"
            class=class.trim_end().to_owned()
            aria-label=move || label.get()
            title=move || label.get()
            disabled=move || disabled.get()
        >
            <Icon name=icon />
        </button>
    }
}

/// A key, as printed on keyboards.
#[component]
pub fn Kbd(
    /// The key: `J`, `Ctrl K`.
    key: &'static str,
) -> impl IntoView {
    view! { <kbd class="kbd">{key}</kbd> }
}
