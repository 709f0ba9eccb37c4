//! The `orchwiz` program: calls the command line, and does nothing else.

use std::process::ExitCode;

/// Rendering a page makes very many small allocations. With the C library's allocator that took a third longer, and
/// used memory was not given back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    server::cli::main()
}
