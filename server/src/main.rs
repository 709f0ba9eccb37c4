//! The `orchwiz` program: hands over to the command line.
//! It must not do anything itself.

use std::process::ExitCode;

/// Pages are drawn in very many small pieces: with the C library's allocator that took a third longer, and memory once
/// used was kept.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    server::cli::main()
}
