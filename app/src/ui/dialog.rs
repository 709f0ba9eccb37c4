//! Dialogs based on the browser's `<dialog>`: focus stays inside, Escape closes, the page behind is inert.

use crate::view;
use leptos::{html, prelude::*};

/// A dialog that is open while `open` is true.
#[component]
pub fn Dialog(
    /// Whether it is open; set to false when a person closes it.
    open: RwSignal<bool>,
    /// Its name, shown on top.
    #[prop(into)]
    title: Signal<String>,
    /// More classes: `dialog-wide`.
    #[prop(optional, into)]
    class: String,
    /// The title is only read aloud.
    #[prop(optional)]
    bare: bool,
    /// The buttons; the one without effect comes first.
    #[prop(optional, into)]
    footer: Option<ViewFn>,
    /// The content. Rendered once; it stays in the page while closed.
    children: Children,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move |known: Option<bool>| {
        let wanted = open.get();
        let Some(dialog) = dialog.get() else { return false };
        // As the server drew it, an open dialog holds neither the focus nor the page behind it.
        if known != Some(true) {
            let _ = dialog.remove_attribute("open");
        }
        if dialog.open() != wanted {
            if wanted {
                let _ = dialog.show_modal();
            } else {
                dialog.close();
            }
        }
        true
    });
    // So that a dialog whose address opens it is there before WASM has loaded.
    let drawn = cfg!(feature = "ssr") && open.get_untracked();
    view! {
        <dialog
            node_ref=dialog
            open=drawn
            class=format!("dialog {class}").trim_end().to_owned()
            aria-label=move || title.get()
            on:close=move |_| open.set(false)
            on:click=move |event| {
                // A press on the backdrop targets the dialog element itself.
                if event.target() == event.current_target() {
                    open.set(false);
                }
            }
        >
            <div class="dialog-in">
                {(!bare).then(|| view! { <header><h3>{move || title.get()}</h3></header> })}
                <div class="body">{children()}</div>
                {footer.map(|footer| view! { <footer>{footer.run()}</footer> })}
            </div>
        </dialog>
    }
}
