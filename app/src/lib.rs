//! The OrchWiz dashboard: pages, components and thin server functions over the ports of `model`.
//! It must not see a database, a process or an HTTP server beyond what server functions are handed.
#![recursion_limit = "256"]

pub mod browser;
pub mod error;
pub mod inbox;
pub mod live;
pub mod overview;
pub mod projects;
#[cfg(feature = "ssr")]
pub mod server;
pub mod session;
pub mod sessions;
pub mod ui;
pub mod usage;

pub use error::{AppError, AppResult};
