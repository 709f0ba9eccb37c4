//! Pages that come when they are opened: the code of each group of pages is a file of its own, fetched once, so that a first visit
//! carries only what it shows. It must not know what is on a page.

use crate::ui::hear;
use crate::{ui::Button, view};
use leptos::prelude::*;
use leptos_meta::Title;

/// The code of a page did not come.
pub(crate) struct NotLoaded;

#[cfg(feature = "hydrate")]
impl From<leptos::wasm_split::SplitLoaderError> for NotLoaded {
    fn from(_: leptos::wasm_split::SplitLoaderError) -> Self {
        Self
    }
}

/// `lazy_page!(Name, group, component)`: a route whose component is in the file of its group. The server has all of them at hand.
macro_rules! lazy_page {
    ($route:ident, $group:ident, $component:path) => {
        pub(crate) struct $route;

        const _: () = {
            #[cfg_attr(feature = "hydrate", leptos::wasm_split::wasm_split($group, wasm_split_path = ::leptos::wasm_split, preload(load), fallible))]
            fn page() -> Result<leptos::prelude::AnyView, crate::lazy::NotLoaded> {
                Ok(leptos::prelude::IntoAny::into_any($component()))
            }

            impl leptos_router::LazyRoute for $route {
                fn data() -> Self {
                    Self
                }

                async fn view(_: Self) -> leptos::prelude::AnyView {
                    #[cfg(feature = "hydrate")]
                    let page = page().await;
                    #[cfg(not(feature = "hydrate"))]
                    let page = {
                        // The answer names the files of this group, so that the browser fetches them beside the others.
                        leptos::prefetch_lazy_fn_on_server(stringify!($group));
                        page()
                    };
                    page.unwrap_or_else(crate::lazy::not_loaded)
                }

                // The router awaits it before it takes the page over: the view must then be there at once.
                async fn preload() {
                    #[cfg(feature = "hydrate")]
                    let _ = load().await;
                }
            }
        };
    };
}
pub(crate) use lazy_page;

/// What stands in place of a page that did not come: the node is away, or was upgraded and has other files now.
pub(crate) fn not_loaded(_: NotLoaded) -> AnyView {
    view! {
        <Title text="Not loaded" />
        <div class="page">
            <div class="page-bar"><h1>"This page could not be loaded"</h1></div>
            <p class="muted">"The node did not answer, or was upgraded while this tab was open. Loading again gets what it has now."</p>
            <p><Button on:click=hear::click(|_| crate::browser::load_again())>"Load again"</Button></p>
        </div>
    }
}
