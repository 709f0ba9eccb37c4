//! Virtual lists: only rows near the reader are in the document. The list is cut into chunks, and a chunk far away is
//! an empty element of the same height. On the server and before hydration all rows are there. This module must not
//! know what a row is.

use crate::{browser, view};
use leptos::{html, prelude::*};
use std::time::Duration;

/// Whether a chunk is left out: `None` while its rows are rendered, else their height in pixels. Set it to `None`
/// before scrolling to a row.
pub type Blank = ArcRwSignal<Option<f64>>;

/// The estimated height of a row before its layout.
const ROW_PX: f64 = 28.0;

/// A chunk of a virtual list. It stays rendered while something in it has the focus, so that no input is lost.
#[component]
pub fn VirtualChunk(
    /// Whether it is left out.
    #[prop(optional)]
    blank: Blank,
    /// The number of its rows, for an estimate of their height where they had no layout yet, inside something folded.
    #[prop(into)]
    rows: Signal<usize>,
    /// Class of the element.
    #[prop(optional)]
    class: &'static str,
    /// Role of the element.
    #[prop(optional)]
    role: Option<&'static str>,
    /// The rows.
    children: ChildrenFn,
) -> impl IntoView {
    let element = NodeRef::<html::Div>::new();
    // The height to keep when it is left out; `None` while it is near.
    let far = ArcRwSignal::new(None::<f64>);
    let leave = {
        let (blank, far) = (blank.clone(), far.clone());
        move || {
            let kept = || {
                element
                    .try_get_untracked()
                    .flatten()
                    .is_none_or(|element| is_kept(&element))
            };
            if let Some(height) = far
                .get_untracked()
                .filter(|_| blank.with_untracked(Option::is_none) && !kept())
            {
                blank.set(Some(height));
            }
        }
    };
    {
        let (blank, leave) = (blank.clone(), leave.clone());
        Effect::new(move || {
            let Some(element) = element.get() else { return };
            let (blank, far, leave) = (blank.clone(), far.clone(), leave.clone());
            browser::when_near(&element, move |near, height| {
                #[allow(clippy::cast_precision_loss, reason = "a chunk has some dozens of rows")]
                let guess = || rows.try_get_untracked().unwrap_or_default() as f64 * ROW_PX;
                far.set((!near).then(|| if height > 0.0 { height } else { guess() }));
                if near && blank.with_untracked(Option::is_some) {
                    // Each chunk in a task of its own: after a jump several come near at once, and some have left again
                    // before their turn.
                    let (blank, far) = (blank.clone(), far.clone());
                    set_timeout(
                        move || {
                            if far.with_untracked(Option::is_none) {
                                blank.set(None);
                            }
                        },
                        Duration::ZERO,
                    );
                } else {
                    leave();
                }
            });
        });
    }
    let height = {
        let blank = blank.clone();
        move || blank.get().map(|height| format!("{height}px"))
    };
    let drawn = Memo::new(move |_| blank.with(Option::is_none));
    view! {
        <div
            class=class
            role=role
            node_ref=element
            style:height=height
            // In the next frame the focus is at its new place.
            on:focusout=move |_| request_animation_frame(leave.clone())
        >
            {move || drawn.get().then(|| children())}
        </div>
    }
}

fn is_kept(element: &web_sys::Element) -> bool {
    element.matches(":focus-within").unwrap_or(false)
}
