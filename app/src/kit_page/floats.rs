//! Floating elements: menus, dialogs, toasts.

use super::Part;
use crate::{
    ui::{Button, ButtonKind, Dialog, Icon, Kbd, Menu, Toast, ToastRow, toast},
    view,
};
use leptos::prelude::*;

#[component]
pub(super) fn Floats() -> impl IntoView {
    let open = RwSignal::new(false);
    view! {
        <Part title="Menu, dialog, toast, pill" rule="The only things with a shadow.">
            <div class="row wrap">
                <Menu label="A menu" button="btn" trigger=|| view! { "Menu" <Icon name="chevron-down" small=true /> }>
                    <button type="button">
                        <Icon name="pencil" />
                        "Rename"
                        <span class="push">
                            <Kbd key="T" />
                        </span>
                    </button>
                    <button type="button">
                        <Icon name="copy" />
                        "Copy link"
                    </button>
                    <hr />
                    <button type="button" class="bad">
                        <Icon name="trash-2" />
                        "Delete session…"
                    </button>
                </Menu>
                <Button on:click=move |_| open.set(true)>"Open the dialog"</Button>
                <Button on:click=move |_| toast(Toast::done("Allowed once: replay.sh").undo(|| toast(Toast::done("Taken back"))))>"Show a toast"</Button>
                <Button on:click=move |_| toast(Toast::failed("Not sent: the node did not answer.").action("Retry", || ()))>"Show a failure"</Button>
            </div>
            <div class="stack">
                <ToastRow toast=Toast::done("Allowed once: replay.sh").undo(|| ()) on_close=|| () />
                <ToastRow toast=Toast::failed("Not sent: the node did not answer. Kept, tried again in 8 s.").action("Retry", || ()) on_close=|| () />
                <span>
                    <button type="button" class="pill">
                        <Icon name="arrow-down" small=true />
                        "3 new, 1 waits for you"
                    </button>
                </span>
            </div>
            <Dialog
                open=open
                title="Delete this session?"
                footer=move || {
                    view! {
                        <Button large=true on:click=move |_| open.set(false)>
                            "Keep it"
                        </Button>
                        <Button kind=ButtonKind::Danger large=true on:click=move |_| open.set(false)>
                            "Delete session"
                        </Button>
                    }
                }
            >
                <p class="muted">
                    "Removes the transcript (214 entries) of " <b class="ink medium">"Try to cache the planner output"</b> ". Commits and files stay. You can undo it for 30 days."
                </p>
            </Dialog>
        </Part>
    }
}
