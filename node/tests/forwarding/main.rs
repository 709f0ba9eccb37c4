//! The protocol between nodes: its bytes, and a simulated fleet in which everything goes wrong (docs/protocol.md).

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed; a seed that failed is told in full where somebody asks for it"
)]

mod codec;
mod disk;
mod golden;
mod simulation;
mod world;
