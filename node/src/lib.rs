//! What an OrchWiz node does: the journal and the features folded from it, the agents and their processes.
//! It serves no HTTP and draws no page; `server` and `app` reach it through the ports in `model`.

pub mod accounts;
pub mod agents;
pub mod blob;
pub mod clock;
pub mod entity;
pub mod journal;
pub mod process;
pub mod projects;
pub mod render;
pub mod store;
