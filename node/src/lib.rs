//! An OrchWiz node: the journal and the features folded from it, the agents and their processes. It serves no HTTP and
//! draws no page; `server` and `app` reach it through the ports in `model`.

pub mod accounts;
pub mod agents;
pub mod approvals;
pub mod clock;
mod edit;
pub mod entity;
pub mod fleet;
pub mod folder;
pub mod health;
mod hex;
pub mod journal;
mod known;
pub mod limits;
pub mod live;
pub mod node;
pub mod overview;
pub mod page;
pub mod process;
pub mod projects;
pub mod render;
pub mod reserve;
mod retention;
pub mod rows;
pub mod sessions;
pub mod store;
pub mod supervise;
pub mod usage;
