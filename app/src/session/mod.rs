//! The Session page: one conversation, live, with everything to drive it. It must read and change sessions only through
//! its server functions.

pub(crate) mod acts;
pub mod api;
mod approval;
mod body;
pub(crate) mod changed;
mod composer;
mod entry;
mod find;
mod header;
mod order;
mod page;
mod panel;
mod queue;
mod scroll;
mod store;
#[cfg(all(test, feature = "ssr"))]
mod tests;
mod timeline;
mod usage;

pub use header::{Offer, offer};
pub use page::SessionPage;
pub use queue::queued_why;
