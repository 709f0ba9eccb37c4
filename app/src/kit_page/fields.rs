//! Fields.

use super::Part;
use crate::{
    ui::{Field, Icon, Kbd, Select, TextArea, TextInput},
    view,
};
use leptos::prelude::*;

#[component]
pub(super) fn Fields() -> impl IntoView {
    let area = RwSignal::new(String::from("Several lines\nof text"));
    let model = RwSignal::new(String::from("sonnet"));
    let models: Vec<(String, String)> = ["sonnet", "opus", "haiku", "fable", "default"]
        .map(|name| (name.to_owned(), name.to_owned()))
        .into();
    view! {
        <Part title="Fields">
            <div class="g2">
                <Field label="Empty" id="kit-empty">
                    <input class="input" id="kit-empty" placeholder="What is this about?" />
                </Field>
                <Field label="Focus" id="kit-focus">
                    <input class="input is-focus" id="kit-focus" value="Retry webhooks" />
                </Field>
                <TextInput label="Invalid" name="kit-invalid" value="Bash(rm" error=Signal::stored(Some("The bracket is not closed.".to_owned())) />
                <TextInput label="With a hint" name="kit-hint" hint="1 to 64 characters." />
                <Field label="Disabled" id="kit-disabled">
                    <input class="input" id="kit-disabled" disabled value="set by the node" />
                </Field>
                <Field label="Select" id="kit-select">
                    <Select options=models value=model on_change=move |value| model.set(value) id="kit-select" />
                </Field>
                <Field label="Several lines" id="kit-area">
                    <TextArea value=area id="kit-area" rows=2 />
                </Field>
                <Field label="Search" id="kit-search">
                    <div class="search">
                        <Icon name="search" />
                        <input class="input" id="kit-search" type="search" placeholder="Search" />
                        <span class="end">
                            <Kbd key="/" />
                        </span>
                    </div>
                </Field>
            </div>
            <div class="row wrap">
                <label class="check">
                    <input type="checkbox" />
                    <span>"Off"</span>
                </label>
                <label class="check">
                    <input type="checkbox" checked />
                    <span>"On"</span>
                </label>
                <label class="check">
                    <input type="radio" name="kit-radio" />
                    <span>"This session"</span>
                </label>
                <label class="check">
                    <input type="radio" name="kit-radio" checked />
                    <span>"Project"</span>
                </label>
            </div>
        </Part>
    }
}
