#![no_main]

#[allow(dead_code, reason = "each target calls one of them")]
#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::socket_frame(bytes));
