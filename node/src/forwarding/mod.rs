//! Forwarding: how events of this node and of others reach its peers, and theirs reach it. It must not interpret facts;
//! what a peer's event means is the projection's affair.

pub mod core;
