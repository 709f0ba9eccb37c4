//! The bytes of a message: JSON in one zstd frame (docs/protocol.md). It must not take more memory than its limits say,
//! whatever the bytes are, and never panics on them.
//!
//! JSON, because the tree has no other self-describing format, payloads are JSON in UTF-8 already and travel as strings
//! byte for byte, and golden messages can be read by people; zstd takes out what it repeats. Binary values are base64,
//! which zstd brings back to about their own length.

mod wire;

use super::{PLAIN_MAX, WIRE_MAX, frame::Frame};
use serde::{Deserialize, Serialize};
use std::io::Read;
use wire::{FrameWire, Hex};

/// The zstd level: what travels must keep up with what happens.
const LEVEL: i32 = 1;
/// The largest window that a message may ask for: 8 MiB.
const WINDOW_LOG_MAX: u32 = 23;
/// The first bytes of a zstd frame. Older formats, which the library reads as well, are refused.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The most frames of one message, unknown ones included.
const FRAMES_MAX: usize = 256;
/// The most messages in one body.
const MESSAGES_MAX: usize = 64;

/// Frames that travel together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The connection that it belongs to, as whoever dialled drew it.
    pub connection: [u8; 16],
    /// Its number among the messages of its sender on this connection, from 1.
    pub number: u64,
    /// The frames, in order.
    pub frames: Vec<Frame>,
}

/// A message that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// What is known of it.
    pub message: Message,
    /// How many frames of unknown kinds it had.
    pub unknown: usize,
}

/// Why a message was refused. It names nothing of the message's contents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More bytes than [`WIRE_MAX`].
    #[error("the message has {0} bytes, at most {WIRE_MAX} are taken")]
    WireTooLarge(usize),
    /// More than [`PLAIN_MAX`] bytes once unpacked.
    #[error("the message unpacks to more than {PLAIN_MAX} bytes")]
    PlainTooLarge,
    /// Not one zstd frame, or a damaged, cut or oversized one.
    #[error("the message is not one whole zstd frame with a window of at most 8 MiB")]
    NotZstd,
    /// Not the JSON of a message.
    #[error("the message is not the JSON of OWF/1 (column {0})")]
    Malformed(usize),
    /// Values that contradict one another or a limit.
    #[error("the message contradicts itself: {0}")]
    Shape(&'static str),
}

impl Refusal {
    /// A word for counters.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::WireTooLarge(_) => "too_large",
            Self::PlainTooLarge => "bomb",
            Self::NotZstd => "not_zstd",
            Self::Malformed(_) => "malformed",
            Self::Shape(_) => "shape",
        }
    }
}

#[derive(Serialize, Deserialize)]
struct MessageWire {
    connection: Hex<16>,
    number: u64,
    #[serde(deserialize_with = "wire::bounded::<_, _, FRAMES_MAX>")]
    frames: Vec<FrameWire>,
}

impl Message {
    /// The bytes on the wire. Fails if they would be too many; see [`Refusal`].
    pub fn encode(&self) -> Result<Vec<u8>, Refusal> {
        let wire = MessageWire {
            connection: Hex(self.connection),
            number: self.number,
            frames: self.frames.iter().map(FrameWire::from).collect(),
        };
        let plain = serde_json::to_vec(&wire).expect("plain data without maps");
        if plain.len() > PLAIN_MAX {
            return Err(Refusal::PlainTooLarge);
        }
        let bytes = packed(&plain).expect("zstd packs any bytes into a buffer of the size that it asks for");
        if bytes.len() > WIRE_MAX {
            return Err(Refusal::WireTooLarge(bytes.len()));
        }
        Ok(bytes)
    }

    /// Reads a message. Nothing is parsed before its size is known to be within the limits.
    pub fn decode(bytes: &[u8]) -> Result<Decoded, Refusal> {
        let plain = unpacked(bytes)?;
        let wire: MessageWire = serde_json::from_slice(&plain).map_err(|error| Refusal::Malformed(error.column()))?;
        let total = wire.frames.len();
        let frames = wire
            .frames
            .into_iter()
            .filter_map(|frame| Option::<Frame>::try_from(frame).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Decoded {
            unknown: total - frames.len(),
            message: Self {
                connection: wire.connection.0,
                number: wire.number,
                frames,
            },
        })
    }
}

fn packed(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    compressor.set_parameter(zstd::zstd_safe::CParameter::ChecksumFlag(true))?;
    compressor.compress(plain)
}

fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    if bytes.len() > WIRE_MAX {
        return Err(Refusal::WireTooLarge(bytes.len()));
    }
    if !bytes.starts_with(&MAGIC) {
        return Err(Refusal::NotZstd);
    }
    if let Ok(Some(size)) = zstd::zstd_safe::get_frame_content_size(bytes)
        && size > PLAIN_MAX as u64
    {
        return Err(Refusal::PlainTooLarge);
    }
    let mut decoder = zstd::Decoder::with_buffer(bytes)
        .map_err(|_| Refusal::NotZstd)?
        .single_frame();
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(|_| Refusal::NotZstd)?;
    let mut plain = Vec::new();
    // A header may lie about the size, or be silent.
    decoder
        .by_ref()
        .take(PLAIN_MAX as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|_| Refusal::NotZstd)?;
    if plain.len() > PLAIN_MAX {
        return Err(Refusal::PlainTooLarge);
    }
    if decoder.finish().is_empty() {
        Ok(plain)
    } else {
        Err(Refusal::NotZstd)
    }
}

/// Several messages as one body, each after its length (4 bytes, big endian).
pub fn pack(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::with_capacity(messages.iter().map(|message| message.len() + 4).sum());
    for message in messages {
        let length = u32::try_from(message.len()).expect("a message has at most 1 MiB");
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(message);
    }
    body
}

/// The messages of a body made by [`pack`].
pub fn unpack(mut body: &[u8]) -> Result<Vec<&[u8]>, Refusal> {
    let mut messages = Vec::new();
    while !body.is_empty() {
        let (length, rest) = body
            .split_first_chunk::<4>()
            .ok_or(Refusal::Shape("a length is cut off"))?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > WIRE_MAX {
            return Err(Refusal::WireTooLarge(length));
        }
        let (message, rest) = rest
            .split_at_checked(length)
            .ok_or(Refusal::Shape("a message is cut off"))?;
        if messages.len() == MESSAGES_MAX {
            return Err(Refusal::Shape("too many messages in one body"));
        }
        messages.push(message);
        body = rest;
    }
    Ok(messages)
}
