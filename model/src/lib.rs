//! What OrchWiz exchanges: ids, enums, rows, events, errors and the ports pages need.
//! Plain data that compiles to wasm; it must not do input or output, read a clock or draw randomness.

pub mod accounts;
pub mod approvals;
pub mod caller;
pub mod calls;
pub mod entries;
pub mod error;
pub mod event;
pub mod fleet;
pub mod id;
pub mod live;
pub mod node;
pub mod page;
pub mod ports;
pub mod projects;
pub mod runs;
pub mod sessions;
pub mod shown;
pub mod standing;
pub mod usage;

pub use caller::{Action, Caller, Role, Via, decide};
pub use error::{Error, Result};
pub use page::{Page, PageQuery};
pub use ports::Services;

/// A moment, in milliseconds since 1970-01-01 UTC.
pub type Millis = i64;

/// Money, in millionths of a US dollar. Every cost is the agent's own estimate.
pub type Micros = i64;

/// The position of a stored event in this node's commit order, from 1. Cursors of listeners, sockets and REST are
/// positions.
pub type Pos = i64;
