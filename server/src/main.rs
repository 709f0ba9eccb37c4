//! The `orchwiz` program: hands over to the command line.
//! It must not do anything itself.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::cli::main()
}
