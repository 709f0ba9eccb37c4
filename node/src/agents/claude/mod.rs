//! Claude Code over stream-json both ways, with its control protocol on stdio.
//! It must not assume a closed protocol: kinds, words and fields it does not know are passed on or ignored, never an error.

pub mod permission;
