//! Probes: short programs that answer one question, such as their version. They get an agent's environment, a time
//! limit and no input. They must not be used for a program that keeps working.

use super::environment;
use std::{io, path::Path, process::Stdio, time::Duration};
use tokio::io::AsyncReadExt;

/// The most bytes of an answer that are read.
const OUTPUT_MAX: u64 = 64 * 1024;

/// A program's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// The exit code; `None` when a signal ended the program.
    pub code: Option<i32>,
    /// The first 64 KiB of its output.
    pub output: String,
}

/// Runs the program with these arguments and returns its answer. After `limit` it kills the program.
pub async fn probe(program: &Path, args: &[&str], limit: Duration) -> io::Result<Probed> {
    #[expect(clippy::disallowed_methods, reason = "this module is where processes are started")]
    let mut command = tokio::process::Command::new(program);
    command
        .args(args)
        .env_clear()
        .envs(environment::passed_on(std::env::vars_os()))
        .current_dir("/");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .process_group(0);
    let mut child = command.spawn()?;
    let stdout = child.stdout.take();
    let answer = async move {
        let mut output = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(OUTPUT_MAX).read_to_end(&mut output).await?;
        }
        let status = child.wait().await?;
        Ok(Probed {
            code: status.code(),
            output: String::from_utf8_lossy(&output).into_owned(),
        })
    };
    tokio::time::timeout(limit, answer)
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "it did not answer in time")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_answers_or_is_given_up() {
        let probed = probe(
            Path::new("/bin/sh"),
            &["-c", "echo 1.2.3; exit 3"],
            Duration::from_secs(10),
        )
        .await
        .unwrap();
        assert_eq!(
            probed,
            Probed {
                code: Some(3),
                output: "1.2.3\n".into()
            }
        );
        let slow = probe(Path::new("/bin/sh"), &["-c", "sleep 30"], Duration::from_millis(200)).await;
        assert_eq!(slow.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
        assert!(
            probe(Path::new("/nowhere/claude"), &[], Duration::from_secs(1))
                .await
                .is_err()
        );
    }
}
