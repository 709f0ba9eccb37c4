//! The real binary, started as by a person or a script.

#![expect(
    clippy::disallowed_methods,
    reason = "these tests start the binary; nothing else here does"
)]

use crate::bench::BIN;
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

/// Runs a command to its end.
pub fn run(args: &[&str], input: Option<&str>) -> Output {
    run_with(args, input, &[])
}

pub fn run_with(args: &[&str], input: Option<&str>, environment: &[(&str, &str)]) -> Output {
    let mut command = command(args);
    command
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // A command that is refused does not read its input.
    let _ = child
        .stdin
        .take()
        .unwrap()
        .write_all(input.unwrap_or_default().as_bytes());
    child.wait_with_output().unwrap()
}

/// Runs a command with `folder` as the current folder.
pub fn run_in(folder: &Path, args: &[&str], environment: &[(&str, &str)]) -> Output {
    command(args)
        .current_dir(folder)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn command(args: &[&str]) -> Command {
    command_under(&[], args)
}

/// The binary, started through a wrapper that executes it.
fn command_under(wrapper: &[&str], args: &[&str]) -> Command {
    let words = [wrapper, &[BIN], args].concat();
    let mut command = Command::new(words[0]);
    // Without this machine's settings.
    command
        .args(&words[1..])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .current_dir(std::env::temp_dir());
    command
}

/// Whether a program of this machine succeeds.
pub fn succeeds(words: &[&str]) -> bool {
    let status = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// Starts a program that keeps running after it has printed a word; `None` if it ends before.
pub fn holding(words: &[&str], said: &str) -> Option<Child> {
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    if lines.next().is_some_and(|line| line.is_ok_and(|line| line == said)) {
        return Some(child);
    }
    // It may have ended already.
    let _ = child.kill();
    let _ = child.wait();
    None
}

pub fn text(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A running node.
pub struct Running {
    child: Child,
    pub url: String,
    pub data: PathBuf,
    /// Its output until it was ready.
    pub greeting: Vec<String>,
}

impl Running {
    /// Starts a node on `data` and waits until it is ready.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    pub fn start_with(data: &Path, more: &[&str]) -> Self {
        Self::start_under(&[], data, more)
    }

    pub fn start_under(wrapper: &[&str], data: &Path, more: &[&str]) -> Self {
        Self::started(data, more, |args| command_under(wrapper, args))
    }

    /// Starts a node with `folder` as the current folder.
    pub fn start_in(folder: &Path, data: &Path, environment: &[(&str, &str)]) -> Self {
        Self::started(data, &[], |args| {
            let mut command = command(args);
            command.current_dir(folder).envs(environment.iter().copied());
            command
        })
    }

    fn started(data: &Path, more: &[&str], command: impl FnOnce(&[&str]) -> Command) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let mut args = vec!["serve", "--listen", &listen, "--data", data.to_str().unwrap()];
        args.extend(more);
        let mut child = command(&args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The last line of the greeting.
        let greeting = lines
            .by_ref()
            .map(Result::unwrap)
            .take_while(|line| line != "Ready.")
            .collect();
        Self {
            child,
            url: format!("http://{listen}"),
            data: data.to_owned(),
            greeting,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.pid().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the node's end.
    pub fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + within;
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => return Some(status),
                None if Instant::now() > end => return None,
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            // A failed test starts no next node, so its agents would stay.
            node::process::testing::clear(&self.data);
        }
    }
}
