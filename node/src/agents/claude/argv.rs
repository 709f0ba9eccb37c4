//! Claude Code's command: arguments and environment for a session. Mode and settings sources are always set, never left
//! to a default: a resumed process forgets its mode, and an untrusted folder must run nothing of its own.

use super::mode_word;
use crate::{
    agents::{How, Start},
    process::Spec,
};

/// The command for a session.
pub fn spec(lead: &[&str], start: &Start) -> Spec {
    let mut args: Vec<String> = lead.iter().map(|&arg| arg.to_owned()).collect();
    let mut push = |list: &[&str]| args.extend(list.iter().map(|&arg| arg.to_owned()));
    push(&[
        "-p",
        "--output-format",
        "stream-json",
        "--verbose",
        "--input-format",
        "stream-json",
    ]);
    push(&[
        "--permission-prompt-tool",
        "stdio",
        "--permission-mode",
        mode_word(start.mode),
        "--include-partial-messages",
    ]);
    let session = start.session.uuid().to_string();
    match start.how {
        How::Fresh => push(&["--session-id", &session]),
        How::Resume => push(&["--resume", &session]),
        How::Fork { from } => push(&[
            "--resume",
            &from.uuid().to_string(),
            "--fork-session",
            "--session-id",
            &session,
        ]),
    }
    if start.trusted {
        push(&["--setting-sources", "user,project,local"]);
    } else {
        // Without the project's sources, Claude Code ignores its hooks, skills, commands, subagents, environment, key
        // helpers and CLAUDE.md. The strict flag keeps the MCP servers of its `.mcp.json` out.
        push(&["--setting-sources", "user", "--strict-mcp-config"]);
    }
    if let Some(model) = &start.model {
        // In one argument, so that a name with a leading dash is still a name.
        push(&[&format!("--model={model}")]);
    }
    let mut env = start.env.clone();
    // A failed start then explains itself on stdout, and the version stays the same during a session.
    for key in ["CLAUDE_CODE_STARTUP_FAILURE_RESULTS", "DISABLE_AUTOUPDATER"] {
        env.entry(key.into()).or_insert_with(|| "1".into());
    }
    Spec {
        program: start.program.clone(),
        args,
        cwd: start.cwd.clone(),
        env,
    }
}
