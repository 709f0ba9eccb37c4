//! The Inbox: everything that waits for a person, one decision at a time; and the parts of a decision that other pages place.
//! It must not know what an answer does to a session: the node says that.

pub mod api;
pub mod decider;
pub mod decision;
pub mod words;
