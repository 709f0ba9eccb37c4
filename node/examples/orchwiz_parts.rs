//! The parts of the `orchwiz` program that the engine's tests start: the shim and the demo agent. It has no other use.

use std::{env, ffi::OsString, process::ExitCode};

fn main() -> ExitCode {
    let mut args: Vec<OsString> = env::args_os().skip(1).collect();
    let part = if args.is_empty() {
        OsString::new()
    } else {
        args.remove(0)
    };
    match part.to_str() {
        Some("shim") => node::process::shim_main(args),
        Some("demo-agent") => node::agents::demo::main(args),
        _ => ExitCode::from(2),
    }
}
