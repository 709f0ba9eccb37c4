//! Discovery: the agent programs on this machine, their versions, and what is missing. It asks the programs; it neither
//! changes their settings nor signs in.

use crate::process::probe;
use model::{node::AgentFound, sessions::AgentKind};
use rustix::fs::{Access, access};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a program may take to report its version: a cold start reads 380 MB from disk.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// The program of an agent, or a sentence that names what is missing. `own` is the node's program, `claude` the
/// configured path of Claude Code.
pub fn program(agent: AgentKind, own: &Path, claude: Option<&Path>) -> Result<PathBuf, String> {
    match agent {
        AgentKind::Demo => Ok(own.to_owned()),
        AgentKind::Claude => claude_program(claude).ok_or_else(|| {
            "Claude Code was not found on this machine: install it, or name its program with agents.claude_path".into()
        }),
    }
}

/// Claude Code's program: the configured one, else `claude` on PATH. `None` when that cannot be run.
pub fn claude_program(configured: Option<&Path>) -> Option<PathBuf> {
    if let Some(path) = configured {
        return runnable(path).then(|| path.to_owned());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("claude"))
        .find(|program| runnable(program))
}

fn runnable(program: &Path) -> bool {
    program.is_file() && access(program, Access::EXEC_OK).is_ok()
}

/// Every agent that this version knows, found or not.
pub async fn discover(configured_claude: Option<&Path>) -> Vec<AgentFound> {
    vec![claude(configured_claude).await, demo()]
}

fn demo() -> AgentFound {
    let version = Some(env!("CARGO_PKG_VERSION").to_owned());
    AgentFound {
        agent: AgentKind::Demo,
        path: std::env::current_exe().ok().map(|path| path.display().to_string()),
        version,
        signed_in: Some(true),
        problem: None,
    }
}

async fn claude(configured: Option<&Path>) -> AgentFound {
    let mut found = AgentFound {
        agent: AgentKind::Claude,
        path: None,
        version: None,
        signed_in: None,
        problem: None,
    };
    let Some(program) = claude_program(configured) else {
        found.problem = Some(match configured {
            Some(path) => format!("{} cannot be run: check agents.claude_path", path.display()),
            None => "not found on PATH: install Claude Code, or name its program with agents.claude_path".into(),
        });
        return found;
    };
    found.path = Some(program.display().to_string());
    match probe(&program, &["--version"], ANSWER_WITHIN).await {
        Ok(answer) if answer.code == Some(0) => {
            found.version = answer.output.split_whitespace().next().map(str::to_owned);
        }
        Ok(answer) => {
            found.problem = Some(format!(
                "asked for its version it ended with code {}",
                answer.code.map_or_else(|| "unknown".into(), |code| code.to_string())
            ));
        }
        Err(error) => found.problem = Some(format!("asked for its version it failed: {error}")),
    }
    if found.problem.is_none() {
        found.signed_in = signed_in(&program).await;
        if found.signed_in == Some(false) {
            found.problem = Some("not signed in: run claude once on this machine as the node's user and sign in, or set ANTHROPIC_API_KEY for the node".into());
        }
    }
    found
}

/// The result of `claude auth status`: exit code 0 is signed in, 1 is not; any other gives `None`.
async fn signed_in(program: &Path) -> Option<bool> {
    match probe(program, &["auth", "status"], ANSWER_WITHIN).await.ok()?.code {
        Some(0) => Some(true),
        Some(1) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    async fn with_program(script: &str) -> AgentFound {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("claude");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        claude(Some(&program)).await
    }

    #[tokio::test]
    async fn a_ready_program_has_a_version_and_no_problem() {
        let found = with_program("[ \"$1\" = --version ] && echo '2.1.330 (Claude Code)'; exit 0").await;
        assert_eq!(
            (found.version.as_deref(), found.signed_in, found.problem),
            (Some("2.1.330"), Some(true), None)
        );
    }

    #[tokio::test]
    async fn what_is_missing_is_said() {
        let found = with_program("[ \"$1\" = --version ] && { echo 2.1.330; exit 0; }; exit 1").await;
        assert_eq!(found.signed_in, Some(false));
        assert!(found.problem.is_some_and(|problem| problem.contains("sign in")));
        let broken = with_program("exit 7").await;
        assert!(broken.problem.is_some_and(|problem| problem.contains("code 7")));
        let missing = claude(Some(Path::new("/nowhere/claude"))).await;
        assert!(missing.path.is_none() && missing.problem.is_some());
    }
}
