//! Form fields. Every field has a visible label or a name for screen readers; its error is beside it.

use super::Icon;
use crate::view;
use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;

/// Reports the text of a field at hydration: it was typed before WASM was there, and a bound value would erase it. Use
/// as `use:keep_typed=callback` on an `<input>` or `<textarea>`. A field created in the browser is empty and reports
/// nothing.
pub fn keep_typed(element: web_sys::Element, hears: Callback<String>) {
    let typed = match element.dyn_into::<web_sys::HtmlInputElement>() {
        Ok(input) if input.value() != input.default_value() => input.value(),
        Ok(_) => return,
        Err(other) => other
            .dyn_into::<web_sys::HtmlTextAreaElement>()
            .map(|area| area.value())
            .unwrap_or_default(),
    };
    if !typed.is_empty() {
        hears.run(typed);
    }
}

/// A label, the control (`children`), and below it a hint or the error.
#[component]
pub fn Field(
    /// The label.
    #[prop(into)]
    label: String,
    /// The id of the control inside; the error is `<id>-error`, the hint `<id>-hint`.
    #[prop(into)]
    id: String,
    /// A hint.
    #[prop(optional, into)]
    hint: MaybeProp<String>,
    /// The error.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
    /// The control.
    children: Children,
) -> impl IntoView {
    let error_id = format!("{id}-error");
    let hint_id = format!("{id}-hint");
    view! {
        <div class="field">
            <label for=id>{label}</label>
            {children()}
            {hint.get_untracked().map(|hint| view! { <p class="hint" id=hint_id>{hint}</p> })}
            {move || {
                error
                    .get()
                    .map(|error| {
                        view! {
                            <p class="hint hint-bad" id=error_id.clone() role="alert">
                                <Icon name="circle-alert" small=true />
                                {error}
                            </p>
                        }
                    })
            }}
        </div>
    }
}

/// A labelled line of text, the usual field of a form.
#[component]
pub fn TextInput(
    /// The label.
    #[prop(into)]
    label: String,
    /// The field's name in the form; also its id.
    name: &'static str,
    /// The initial value.
    #[prop(optional, into)]
    value: Option<String>,
    /// `text`, `password`, ...
    #[prop(default = "text")]
    kind: &'static str,
    /// The kind of value that the browser may fill in.
    #[prop(optional)]
    autocomplete: Option<&'static str>,
    /// Required: the form is not sent without it.
    #[prop(optional)]
    required: bool,
    /// The most characters.
    #[prop(optional)]
    maxlength: Option<u32>,
    /// A hint.
    #[prop(optional, into)]
    hint: MaybeProp<String>,
    /// The error.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
    /// The element, for reading and clearing it.
    #[prop(optional)]
    node_ref: NodeRef<html::Input>,
    /// Called with its value after every change.
    #[prop(optional, into)]
    on_input: Option<Callback<String>>,
) -> impl IntoView {
    let has_hint = hint.get_untracked().is_some();
    let typed = Callback::new(move |text: String| {
        if let Some(callback) = on_input {
            callback.run(text);
        }
    });
    let described = move || {
        if error.read().is_some() {
            Some(format!("{name}-error"))
        } else {
            has_hint.then(|| format!("{name}-hint"))
        }
    };
    view! {
        <Field label=label id=name hint=hint error=error>
            <input
                class="input input-lg"
                id=name
                name=name
                type=kind
                value=value
                autocomplete=autocomplete
                required=required
                maxlength=maxlength
                aria-invalid=move || error.read().is_some().then_some("true")
                aria-describedby=described
                node_ref=node_ref
                use:keep_typed=typed
                on:input:target=move |event| typed.run(event.target().value())
            />
        </Field>
    }
}

/// Several lines of text. The text is set as a property only, since text between the tags would be rendered unescaped.
#[component]
pub fn TextArea(
    /// The text.
    value: RwSignal<String>,
    /// Its id.
    #[prop(optional, into)]
    id: Option<String>,
    /// The field's name in the form.
    #[prop(optional)]
    name: Option<&'static str>,
    /// Its name for screen readers, where it has no visible label.
    #[prop(optional, into)]
    label: Option<String>,
    /// The placeholder while it is empty.
    #[prop(optional, into)]
    placeholder: Signal<String>,
    /// The initial number of lines.
    #[prop(default = 3)]
    rows: u32,
    /// The most characters.
    #[prop(optional)]
    maxlength: Option<u32>,
    /// Cannot be changed now.
    #[prop(optional, into)]
    disabled: Signal<bool>,
    /// Its classes.
    #[prop(default = "input area")]
    class: &'static str,
    /// The element, for focus and selection.
    #[prop(optional)]
    node_ref: NodeRef<html::Textarea>,
) -> impl IntoView {
    view! {
        <textarea
            class=class
            id=id
            name=name
            rows=rows
            aria-label=label
            placeholder=move || placeholder.get()
            maxlength=maxlength
            disabled=move || disabled.get()
            use:keep_typed=Callback::new(move |typed| value.set(typed))
            prop:value=move || value.get()
            on:input:target=move |event| value.set(event.target().value())
            node_ref=node_ref
        ></textarea>
    }
}

/// A choice of one among five or more; fewer are a [`super::Segment`].
#[component]
pub fn Select(
    /// Values with their words.
    #[prop(into)]
    options: Signal<Vec<(String, String)>>,
    /// The chosen value.
    #[prop(into)]
    value: Signal<String>,
    /// Called with the newly chosen value.
    #[prop(optional, into)]
    on_change: Option<Callback<String>>,
    /// Its id.
    #[prop(optional, into)]
    id: Option<String>,
    /// The field's name in the form.
    #[prop(optional)]
    name: Option<&'static str>,
    /// Its name for screen readers, where it has no visible label.
    #[prop(optional, into)]
    label: Option<String>,
    /// 32 px, in forms.
    #[prop(optional)]
    large: bool,
    /// Cannot be changed now.
    #[prop(optional, into)]
    disabled: Signal<bool>,
) -> impl IntoView {
    view! {
        <span class="select-w">
            <select
                class=if large { "select input-lg" } else { "select" }
                id=id
                name=name
                aria-label=label
                disabled=move || disabled.get()
                prop:value=move || value.get()
                on:change:target=move |event| {
                    if let Some(callback) = on_change {
                        callback.run(event.target().value());
                    }
                }
            >
                {move || {
                    let chosen = value.get();
                    options
                        .get()
                        .into_iter()
                        .map(|(key, word)| {
                            let selected = key == chosen;
                            view! { <option value=key selected=selected>{word}</option> }
                        })
                        .collect_view()
                }}
            </select>
            <Icon name="chevron-down" />
        </span>
    }
}
