//! The parts of a decision: input, buttons, keys, words. The Inbox, the Overview and a session place them. It must not
//! know what an answer does to a session; the node knows that.

pub mod api;
pub mod decider;
#[expect(clippy::module_inception, reason = "the drawn decision is what the folder is about")]
pub mod decision;
pub mod keys;
mod until;
pub mod waits;
pub mod words;

pub use until::Until;
