//! Long lists of which only what is near the reader is in the document: the list is cut into chunks, and one that is
//! far away is an empty element as high as its rows were. It must not know what a row is, and nothing is left out on
//! the server or before the browser has taken over.

use crate::{browser, view};
use leptos::{html, prelude::*};
use std::time::Duration;

/// Whether a chunk is left out: `None` while its rows are drawn, else how high they were, in pixels.
/// Whoever leads the reader to a row sets `None` first.
pub type Blank = ArcRwSignal<Option<f64>>;

/// So high is a row until it was laid out.
const ROW_PX: f64 = 28.0;

/// Some rows of a long list. They stay drawn while something in them has the focus: what is half done must not be lost.
#[component]
pub fn VirtualChunk(
    /// Whether it is left out.
    #[prop(optional)]
    blank: Blank,
    /// How many rows it has: their height is guessed where they were never laid out, in what is folded away.
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
                    // Each in a task of its own: after a jump several come near at once, and some have gone by before
                    // it is their turn.
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
            // The focus has moved on by the next frame.
            on:focusout=move |_| request_animation_frame(leave.clone())
        >
            {move || drawn.get().then(|| children())}
        </div>
    }
}

fn is_kept(element: &web_sys::Element) -> bool {
    element.matches(":focus-within").unwrap_or(false)
}
