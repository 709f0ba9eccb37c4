//! Extractors for requests, and the one error shape of answers. It must not know what any value means.

pub mod error;
pub mod extract;
