//! The protocol between node and shim over the run's socket: framed requests, short replies. A shim outlives upgrades
//! of the node, so every change must stay compatible with older versions.

use std::io;

/// The version of the frame, the first byte of every request.
pub(super) const VERSION: u8 = 1;
/// The longest payload in bytes: one line for the agent.
pub(super) const MAX_PAYLOAD: usize = 32 << 20;
/// The longest text of a reply, in bytes.
pub(super) const MAX_REPLY: usize = 4096;
/// The length of a request's head, in bytes.
pub(super) const HEAD: usize = 14;
/// The length of a reply's head, in bytes.
pub(super) const REPLY_HEAD: usize = 13;

/// A request to a shim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// Does the shim answer?
    Ping,
    /// Write the payload and a line feed to the agent; the number is the line's.
    Line,
    /// Write the payload and a line feed to the agent, without a line number and without remembering it.
    Aside,
    /// Close the agent's input.
    Close,
    /// Send the signal with this number to the agent.
    Signal,
    /// End the whole tree; the number is the grace in milliseconds.
    Kill,
    /// From now on send a byte whenever the spools have grown or the run has ended.
    Follow,
}

impl Op {
    const ALL: [Self; 7] = [
        Self::Ping,
        Self::Line,
        Self::Aside,
        Self::Close,
        Self::Signal,
        Self::Kill,
        Self::Follow,
    ];

    const fn code(self) -> u8 {
        match self {
            Self::Ping => 1,
            Self::Line => 2,
            Self::Close => 3,
            Self::Signal => 4,
            Self::Kill => 5,
            Self::Follow => 6,
            Self::Aside => 7,
        }
    }
}

/// The status of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Done.
    Ok,
    /// The agent has ended or closed its input.
    Ended,
    /// A line is missing before this one; the number is that of the next expected line.
    Gap,
    /// Processes are left; the number counts them.
    Left,
    /// It failed; the text says why.
    Failed,
}

impl Status {
    const ALL: [Self; 5] = [Self::Ok, Self::Ended, Self::Gap, Self::Left, Self::Failed];

    const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Ended => 1,
            Self::Gap => 2,
            Self::Left => 3,
            Self::Failed => 4,
        }
    }
}

/// A request as bytes.
pub(super) fn request(op: Op, number: u64, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("callers keep to MAX_PAYLOAD");
    let mut frame = Vec::with_capacity(HEAD + payload.len());
    frame.extend([VERSION, op.code()]);
    frame.extend(number.to_be_bytes());
    frame.extend(length.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Parses a request's head: operation, number, payload length.
pub(super) fn parse_request(head: [u8; HEAD]) -> io::Result<(Op, u64, usize)> {
    let [version, code, rest @ ..] = head;
    let (number, length) = numbers(rest);
    let op = Op::ALL
        .into_iter()
        .find(|op| op.code() == code)
        .filter(|_| version == VERSION)
        .ok_or_else(unreadable)?;
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= MAX_PAYLOAD)
        .ok_or_else(unreadable)?;
    Ok((op, number, length))
}

/// A reply as bytes.
pub(super) fn reply(status: Status, number: u64, text: &str) -> Vec<u8> {
    let text = &text.as_bytes()[..text.len().min(MAX_REPLY)];
    let length = u32::try_from(text.len()).expect("cut to MAX_REPLY just now");
    let mut frame = Vec::with_capacity(REPLY_HEAD + text.len());
    frame.push(status.code());
    frame.extend(number.to_be_bytes());
    frame.extend(length.to_be_bytes());
    frame.extend(text);
    frame
}

/// Parses a reply's head: status, number, text length.
pub(super) fn parse_reply(head: [u8; REPLY_HEAD]) -> io::Result<(Status, u64, usize)> {
    let [code, rest @ ..] = head;
    let (number, length) = numbers(rest);
    let status = Status::ALL
        .into_iter()
        .find(|status| status.code() == code)
        .ok_or_else(unreadable)?;
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= MAX_REPLY)
        .ok_or_else(unreadable)?;
    Ok((status, number, length))
}

fn numbers(bytes: [u8; 12]) -> (u64, u32) {
    let (number, length) = bytes.split_at(8);
    (
        u64::from_be_bytes(number.try_into().expect("eight bytes")),
        u32::from_be_bytes(length.try_into().expect("four bytes")),
    )
}

fn unreadable() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a frame that this version cannot read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_back_and_nonsense_is_refused() {
        for op in Op::ALL {
            let frame = request(op, u64::MAX - 1, b"abc");
            let head = frame[..HEAD].try_into().expect("a head");
            assert_eq!(parse_request(head).expect("readable"), (op, u64::MAX - 1, 3));
        }
        for status in Status::ALL {
            let frame = reply(status, 7, "why");
            assert_eq!(
                parse_reply(frame[..REPLY_HEAD].try_into().expect("a head")).expect("readable"),
                (status, 7, 3)
            );
            assert_eq!(&frame[REPLY_HEAD..], b"why");
        }
        assert!(parse_request([0; HEAD]).is_err());
        assert!(parse_request([VERSION, 1, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]).is_err());
        assert!(parse_reply([9; REPLY_HEAD]).is_err());
    }
}
