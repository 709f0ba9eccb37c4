//! The OrchWiz dashboard: pages, components and thin server functions over the ports of `model`.
//! It must not see a database, a process or an HTTP server beyond what server functions are handed.
#![recursion_limit = "256"]

pub mod auth;
pub mod browser;
pub mod error;
mod frame;
pub mod inbox;
mod kit_page;
pub mod live;
mod not_found;
pub mod overview;
mod palette;
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

pub use error::{AppError, AppResult};
pub use shell::App;
#[cfg(feature = "ssr")]
pub use shell::shell;
