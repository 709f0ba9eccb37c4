//! The OrchWiz dashboard: pages, components and thin server functions over the ports of `model`.
//! It must not see a database, a process or an HTTP server beyond what server functions are handed.
//!
//! Where this crate differs from the Leptos book:
//!
//! | the book says | we write | because |
//! |---|---|---|
//! | `leptos::view!` | [`crate::view!`](view) (routes excepted) | one type for all views: the code is half as large and builds in a third of the time |
//! | `Resource::new` | [`NodeResource::new`] | compiled once; retries reads that failed while the node was away |
//! | `Action::new`, `ServerAction` | [`NodeAction::new`] | compiled once; never writes to a page that was left |
//! | `<ActionForm>` | [`NodeForm`] with a [`FormAction`] | sends the form's fields unparsed, as before WASM has loaded, so it needs no serializer |
//! | `<For>` | [`ui::keyed_list`](ui) | compiled once instead of 10 kB for each list |
//! | `Suspense` around a resource | [`ui::QueryState`] | loading, refused and loaded look the same on every page |
//! | `#[server]` | `#[server(prefix = "/api/rpc", endpoint = "feature/verb", protocol = Rpc)]` ([`wire`]) | one client; `FormRpc` where a plain form calls too |
//! | `HashMap` | `litemap`, ordered lists | code for hash maps, trees and sorting is larger than what a page keeps in them |
//! | `set_timeout`, `window()` | [`browser`] | one module for the browser's APIs, which do nothing on the server |
//! | `Title` with a closure | [`ui::LiveTitle`] | `leptos_meta` reads titles outside the request's reactive arena |
//! | `view=Page` of a route | `lazy_page!` (`lazy.rs`) | each group of pages has a wasm file of its own |
//!
//! `tests/source.rs` checks these against the source. `kit_page/sample.rs` is a page to copy.
#![recursion_limit = "256"]

/// Leptos' `view!` with its type erased at once, so that closures around it are compiled for one type instead of one
/// each. Routes need their types and call `leptos::view!`.
macro_rules! erased_view {
    ($($tokens:tt)*) => { ::leptos::prelude::IntoAny::into_any(::leptos::view! { $($tokens)* }.into_inner()) };
}
pub(crate) use erased_view as view;

pub mod auth;
pub mod browser;
pub mod decision;
pub mod error;
pub mod fleet;
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
mod once;
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
