//! Processes: agents under their shims, their spools and their ends.
//! The only module that spawns.

mod spec;

pub use spec::Spec;
