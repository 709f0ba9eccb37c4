//! The protocol between nodes: its bytes, and a simulated fleet in which everything goes wrong (docs/protocol.md).

mod codec;
mod disk;
mod golden;
mod simulation;
mod world;
