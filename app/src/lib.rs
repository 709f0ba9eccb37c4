//! The OrchWiz dashboard: pages, components and thin server functions over the ports of `model`.
//! It must not see a database, a process or an HTTP server beyond what server functions are handed.
#![recursion_limit = "256"]

/// Leptos' `view!` with the type of what it makes erased at once: each closure that shows something is then compiled for one type,
/// not for one of its own. Routes, whose types matter, call `leptos::view!`.
macro_rules! erased_view {
    ($($tokens:tt)*) => { ::leptos::prelude::IntoAny::into_any(::leptos::view! { $($tokens)* }.into_inner()) };
}
pub(crate) use erased_view as view;

mod act;
pub mod auth;
pub mod browser;
pub mod error;
mod form;
mod frame;
pub mod inbox;
mod kit_page;
mod lazy;
pub mod live;
mod not_found;
mod objects;
pub mod overview;
mod palette;
pub mod projects;
mod reading;
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

pub use act::Act;
pub use error::{AppError, AppResult};
pub use form::{SendForm, Sending};
pub use reading::Reading;
pub use shell::App;
#[cfg(feature = "ssr")]
pub use shell::shell;
