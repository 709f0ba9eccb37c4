//! The shim's socket: lines for the agent, signals, the end, and notifications. It must write each numbered line only
//! once, however often it is asked.

use super::{Input, Shim, hold, keep};
use crate::process::wire::{self, Op, Status};
use rustix::process::Signal;
use std::{
    fs::{self, Permissions},
    io::{self, Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// The most connections: more than a node and a command line need.
const CONNECTIONS: usize = 64;
/// The interval at which a follower that is gone is noticed.
const FOLLOW_BEAT: Duration = Duration::from_secs(10);

/// Binds the socket for its owner only. Until its mode is set, the mode of the run's directory keeps others away.
pub(super) fn bind(path: &Path) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers each connection in its own thread.
pub(super) fn serve(shim: &Arc<Shim>, listener: &UnixListener) {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let Ok((stream, _)) = listener.accept() else {
            thread::sleep(Duration::from_millis(50));
            continue;
        };
        if open.fetch_add(1, Ordering::SeqCst) >= CONNECTIONS {
            open.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let (shim, open) = (shim.clone(), open.clone());
        thread::spawn(move || {
            // A broken connection is the node's matter.
            let _ = answer(&shim, stream);
            open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

fn answer(shim: &Shim, mut stream: UnixStream) -> io::Result<()> {
    loop {
        let mut head = [0; wire::HEAD];
        stream.read_exact(&mut head)?;
        let (op, number, length) = wire::parse_request(head)?;
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload)?;
        let (status, number, text) = match op {
            Op::Ping => (Status::Ok, 0, String::new()),
            Op::Line => line(shim, number, payload),
            Op::Aside => aside(shim, payload),
            Op::Close => {
                hold(&shim.stdin).pipe = None;
                (Status::Ok, 0, String::new())
            }
            Op::Signal => signal(shim, number),
            Op::Kill => match shim.tree.end(Duration::from_millis(number)) {
                0 => (Status::Ok, 0, String::new()),
                left => (Status::Left, u64::try_from(left).unwrap_or(u64::MAX), String::new()),
            },
            Op::Follow => return follow(shim, stream),
        };
        stream.write_all(&wire::reply(status, number, &text))?;
    }
}

/// Writes line `number` to the agent unless it has it. The lock is held until the agent has taken the line, however
/// long that takes. A repeated request waits for the lock and then finds the line written.
fn line(shim: &Shim, number: u64, mut line: Vec<u8>) -> (Status, u64, String) {
    let mut input = hold(&shim.stdin);
    if number <= input.last {
        return (Status::Ok, input.last, String::new());
    }
    if number != input.last + 1 {
        return (Status::Gap, input.last + 1, String::new());
    }
    match write(&mut input, &mut line) {
        Ok(()) => {
            input.last = number;
            (Status::Ok, number, String::new())
        }
        Err(why) => (Status::Ended, 0, why),
    }
}

/// Writes an unnumbered line to the agent, at every request.
fn aside(shim: &Shim, mut line: Vec<u8>) -> (Status, u64, String) {
    match write(&mut hold(&shim.stdin), &mut line) {
        Ok(()) => (Status::Ok, 0, String::new()),
        Err(why) => (Status::Ended, 0, why),
    }
}

fn write(input: &mut Input, line: &mut Vec<u8>) -> Result<(), String> {
    let pipe = input.pipe.as_mut().ok_or_else(String::new)?;
    line.push(b'\n');
    pipe.write_all(line).map_err(|error| {
        // The agent has stopped reading, perhaps in the middle of this line, so no line can follow.
        input.pipe = None;
        error.to_string()
    })
}

fn signal(shim: &Shim, number: u64) -> (Status, u64, String) {
    let Some(signal) = i32::try_from(number).ok().and_then(Signal::from_named_raw) else {
        return (Status::Failed, 0, "there is no such signal".to_owned());
    };
    let agent = hold(&shim.agent);
    if agent.exit.is_some() {
        return (Status::Ended, 0, String::new());
    }
    match rustix::process::kill_process(agent.pid, signal) {
        Ok(()) => (Status::Ok, 0, String::new()),
        Err(error) => (Status::Failed, 0, error.to_string()),
    }
}

fn follow(shim: &Shim, mut stream: UnixStream) -> io::Result<()> {
    stream.write_all(&wire::reply(Status::Ok, 0, ""))?;
    let mut seen = 0;
    loop {
        seen = keep::wait_for_change(shim, seen, FOLLOW_BEAT);
        stream.write_all(b".")?;
    }
}
