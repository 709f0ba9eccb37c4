//! The demo agent: a program that speaks Claude Code's dialect from a script, to show OrchWiz at work without a model.
//! It really edits files in its folder and runs commands. It must not pose as a model, and never runs what a prompt
//! says.

mod hands;
mod history;
mod script;
mod wire;

use history::History;
use serde_json::json;
use std::{ffi::OsString, path::PathBuf, process::ExitCode};
use wire::{Prompt, Stop, Wire};

/// The only model that it names.
pub const MODEL: &str = "demo, no model";
/// Environment: the directory of its histories, for resume and fork.
pub const STATE: &str = "ORCHWIZ_DEMO_STATE";
/// Environment: `fast` leaves out the pauses for human readers.
pub const PACE: &str = "ORCHWIZ_DEMO_PACE";

/// Its arguments; all others of the dialect are ignored.
struct Arguments {
    mode: String,
    session: String,
    resume: Option<String>,
    fork: bool,
}

fn arguments(args: Vec<OsString>) -> Arguments {
    let mut found = Arguments {
        mode: "default".into(),
        session: String::new(),
        resume: None,
        fork: false,
    };
    let mut args = args.into_iter().map(|arg| arg.to_string_lossy().into_owned());
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--permission-mode" => found.mode = args.next().unwrap_or(found.mode),
            "--session-id" => found.session = args.next().unwrap_or_default(),
            "--resume" => found.resume = args.next(),
            "--fork-session" => found.fork = true,
            _ => {}
        }
    }
    if found.session.is_empty() {
        found.session = found.resume.clone().unwrap_or_else(|| "demo".into());
    }
    found
}

#[expect(
    clippy::disallowed_methods,
    reason = "it is an agent, a program of its own: nothing of the node's configuration is read here"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Runs the agent on stdin and stdout until stdin ends. `args` are the arguments after `demo-agent`.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let args = arguments(args);
    let mut wire = Wire::open(&args.session, &args.mode, environment(PACE).as_deref() == Some("fast"));
    let state = environment(STATE).map(PathBuf::from);
    let history = match &args.resume {
        None => Ok(History::fresh(state, &args.session)),
        Some(from) => History::resume(state, from, &args.session, args.fork),
    };
    let Ok(mut history) = history else {
        let missing = args.resume.unwrap_or_default();
        wire.emit(
            json!({"type": "result", "subtype": "error_during_execution", "is_error": true, "num_turns": 0, "total_cost_usd": 0, "usage": {}, "modelUsage": {},
            "errors": [format!("No conversation found with session ID: {missing}")]}),
        );
        return ExitCode::FAILURE;
    };
    while let Some(prompt) = wire.next_prompt() {
        match turn(&mut wire, &mut history, prompt) {
            Ok(()) | Err(Stop::Interrupted | Stop::Failed(_)) => {}
            Err(Stop::Ended) => break,
            Err(Stop::Crash) => return ExitCode::from(3),
        }
    }
    ExitCode::SUCCESS
}

/// Plays one turn: records the prompt, chooses a script and writes the result line.
fn turn(wire: &mut Wire, history: &mut History, prompt: Prompt) -> Result<(), Stop> {
    if prompt.id.as_ref().is_some_and(|id| history.has(id)) {
        // Claude Code does the same with a prompt in its transcript.
        wire.lifecycle(&prompt, "completed");
        return Ok(());
    }
    wire.lifecycle(&prompt, "started");
    history.add(&prompt);
    wire.begin(history.turns());
    let end = script::play(wire, history, &prompt);
    match &end {
        Ok(()) => wire.result(
            json!({"subtype": "success", "is_error": false, "terminal_reason": "completed", "result": "Done."}),
        ),
        Err(Stop::Interrupted) => {
            wire.emit(json!({"type": "user", "message": {"role": "user", "content": [{"type": "text", "text": "[Request interrupted by user]"}]}, "parent_tool_use_id": null}));
            wire.result(
                json!({"subtype": "error_during_execution", "is_error": true, "terminal_reason": "aborted_streaming"}),
            );
        }
        Err(Stop::Failed(text)) => {
            wire.result(
                json!({"subtype": "success", "is_error": true, "terminal_reason": "api_error", "result": text}),
            );
        }
        Err(Stop::Ended | Stop::Crash) => return end,
    }
    wire.lifecycle(&prompt, "completed");
    end
}
