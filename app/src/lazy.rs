//! Code splitting: each group of pages, and of dialogs, has a wasm file of its own, fetched once when it is first
//! opened. A first visit loads only what it shows. This module must not know what is on a page.

use crate::{
    ui::{Button, Toast, use_toasts},
    view,
};
use leptos::prelude::*;
use leptos_meta::Title;

/// The code of a page could not be fetched.
pub(crate) struct NotLoaded;

#[cfg(feature = "hydrate")]
impl From<leptos::wasm_split::SplitLoaderError> for NotLoaded {
    fn from(_: leptos::wasm_split::SplitLoaderError) -> Self {
        Self
    }
}

/// `lazy_page!(Name, group, component)`: a route whose component is in its group's file. On the server all groups are
/// linked.
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
                        // The answer names this group's file, so that the browser fetches it beside the others.
                        leptos::prefetch_lazy_fn_on_server(stringify!($group));
                        page()
                    };
                    page.unwrap_or_else(crate::lazy::not_loaded)
                }

                // The router awaits this before hydration, when the view must be there at once.
                async fn preload() {
                    #[cfg(feature = "hydrate")]
                    let _ = load().await;
                }
            }
        };
    };
}
pub(crate) use lazy_page;

/// `lazy_dialog!(Name, group, component)`: a component that is rendered when `open` is first true, and stays
/// afterwards.
macro_rules! lazy_dialog {
    ($name:ident, $group:ident, $component:path) => {
        #[leptos::component]
        pub(crate) fn $name(
            /// Whether it is open.
            open: leptos::prelude::RwSignal<bool>,
        ) -> impl leptos::prelude::IntoView {
            #[cfg_attr(feature = "hydrate", leptos::wasm_split::wasm_split($group, wasm_split_path = ::leptos::wasm_split, fallible))]
            fn dialog(open: leptos::prelude::RwSignal<bool>) -> Result<leptos::prelude::AnyView, crate::lazy::NotLoaded> {
                Ok(crate::view! { <$component open=open /> })
            }

            crate::lazy::when_opened(open, move || {
                #[cfg(feature = "hydrate")]
                let dialog = dialog(open);
                #[cfg(not(feature = "hydrate"))]
                let dialog = std::future::ready(dialog(open));
                Box::pin(dialog)
            })
        }
    };
}
pub(crate) use lazy_dialog;

/// A view whose code is being fetched.
pub(crate) type Coming = std::pin::Pin<Box<dyn Future<Output = Result<AnyView, NotLoaded>> + Send>>;

/// The view that `load` gives, once `open` was true. If it cannot be fetched, the dialog stays closed, and the next
/// opening tries again.
pub(crate) fn when_opened(open: RwSignal<bool>, load: impl Fn() -> Coming + Send + Sync + 'static) -> AnyView {
    let toasts = use_toasts();
    let wanted = RwSignal::new(false);
    Effect::new(move || {
        if open.get() && !wanted.get_untracked() {
            wanted.set(true);
        }
    });
    (move || {
        wanted.get().then(|| {
            let coming = load();
            Suspend::new(async move {
                coming.await.unwrap_or_else(|NotLoaded| {
                    open.set(false);
                    wanted.set(false);
                    if let Some(toasts) = toasts {
                        toasts.show(Toast::failed("This could not be loaded. The node did not answer, or was upgraded while this tab was open."));
                    }
                    ().into_any()
                })
            })
        })
    })
    .into_any()
}

/// Shown in place of a page whose file could not be fetched: the node is away, or was upgraded and has other files.
pub(crate) fn not_loaded(_: NotLoaded) -> AnyView {
    crate::live::use_live().on_return(crate::browser::load_again);
    view! {
        <Title text="Not loaded" />
        <div class="page">
            <div class="page-bar"><h1>"This page could not be loaded"</h1></div>
            <p class="muted">"The node did not answer, or was upgraded while this tab was open. Loading again gets what it has now."</p>
            <p><Button on:click=|_| crate::browser::load_again()>"Load again"</Button></p>
        </div>
    }
}
