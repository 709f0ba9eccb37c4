//! The protocol between nodes: its bytes, and a simulated fleet in which everything goes wrong (docs/protocol.md).

mod codec;
mod disk;
mod simulation;
mod world;
