//! What every handler takes and gives: the request's parts by type, and the one shape of an error.
//! It must not know what any value means.

pub mod error;
pub mod extract;
