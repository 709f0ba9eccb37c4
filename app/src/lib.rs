//! The OrchWiz dashboard: pages, components and thin server functions over the ports of `model`.
//! It must not see a database, a process or an HTTP server beyond what server functions are handed.
//!
//! Where this crate writes something else than the Leptos book:
//!
//! | the book says | we write | because |
//! |---|---|---|
//! | `leptos::view!` | [`crate::view!`](view) (routes excepted) | one type for everything that is shown: the code is half as large and builds in a third of the time |
//! | `Resource::new` | [`NodeResource::new`] | compiled once; reads again by itself what failed while the node was away |
//! | `Action::new`, `ServerAction` | [`NodeAction::new`] | compiled once; never writes to a page that was left |
//! | `<ActionForm>` | [`NodeForm`] with a [`FormAction`] | the fields go as they are, as they do before WASM has loaded; no reader and writer of them |
//! | `<For>` | [`ui::keyed_list`](ui) | compiled once instead of 10 kB for each list |
//! | `Suspense` around a resource | [`ui::QueryState`] | waiting, refused and there look the same on every page |
//! | `#[server]` | `#[server(prefix = "/api/rpc", endpoint = "feature/verb", protocol = Rpc)]` ([`wire`]) | one client; `FormRpc` where a plain form calls too |
//! | `HashMap` | `litemap`, lists kept in order | hash maps, trees and sorting are larger than what a page keeps in them |
//! | `set_timeout`, `window()` | [`browser`] | one place that knows the browser, and nothing of it on the server |
//! | `Title` with a closure | [`ui::LiveTitle`] | `leptos_meta` asks for titles outside of the request's own arena |
//! | `view=Page` of a route | `lazy_page!` (`lazy.rs`) | each group of pages is a file of its own |
//!
//! `tests/source.rs` holds these against the source. A page to copy is `kit_page/sample.rs`.
#![recursion_limit = "256"]

/// Leptos' `view!` with the type of what it makes erased at once: each closure that shows something is then compiled
/// for one type, not for one of its own. Routes, whose types matter, call `leptos::view!`.
macro_rules! erased_view {
    ($($tokens:tt)*) => { ::leptos::prelude::IntoAny::into_any(::leptos::view! { $($tokens)* }.into_inner()) };
}
pub(crate) use erased_view as view;

pub mod auth;
pub mod browser;
pub mod decision;
pub mod error;
mod frame;
pub mod inbox;
mod kit_page;
mod lazy;
pub mod live;
mod nav;
mod node_action;
mod node_form;
mod node_resource;
mod not_found;
pub mod overview;
mod page;
pub mod projects;
#[cfg(feature = "ssr")]
pub mod server;
pub mod session;
pub mod sessions;
mod settings;
mod shell;
#[cfg(all(test, feature = "ssr"))]
pub mod testing;
pub mod ui;
pub mod usage;
pub mod wire;

pub use error::{AppError, AppResult};
pub use node_action::NodeAction;
pub use node_form::{FormAction, NodeForm};
pub use node_resource::NodeResource;
pub use shell::App;
#[cfg(feature = "ssr")]
pub use shell::shell;
