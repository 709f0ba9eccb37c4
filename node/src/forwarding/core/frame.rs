//! What two nodes say to each other: the frames of OWF/1 and their parts. Plain data; the bytes are the codec's.

use crate::journal::chain::{self, Fields};
use model::id::NodeId;
use std::fmt;

/// The oldest and the newest version of the protocol that this program speaks.
pub const PROTO: [u32; 2] = [1, 1];

/// One incarnation of a node's log: 64 random bits, shown as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub [u8; 8]);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A log: one epoch of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// The node that makes its events.
    pub origin: NodeId,
    /// Which incarnation.
    pub epoch: Epoch,
}

/// A frame of a message. Kinds that a program does not know are left out when a message is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Who speaks, what it has, what it can take.
    Hello(Hello),
    /// Events of one log, in order.
    Batch(Batch),
    /// How far the speaker has come in a log, durably.
    Ack(Ack),
    /// An origin's own word on how its log looks.
    Head(Head),
    /// From now on at most so many bytes of batches may be on the way, unacknowledged.
    Credit(u64),
    /// What the speaker did not take, and why.
    Nack(Nack),
    /// A sign of life.
    Ping(Ping),
    /// What the hearer shall no longer hold.
    Withdrawn(Withdrawn),
}

/// The first frame of a connection, and again whenever something in it has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The oldest and the newest protocol version that it speaks.
    pub proto: [u32; 2],
    /// Who speaks.
    pub node: NodeId,
    /// The present epoch of its own log.
    pub epoch: Epoch,
    /// How far it has come in every log that it holds.
    pub have: Vec<Have>,
    /// The version of the filter by which it sends; another number means other contents.
    pub filter: u64,
    /// Its name, as it says it.
    pub name: String,
    /// Its kind: `local`, `cloud`, `hybrid`, or a word of a later version.
    pub kind: String,
    /// Its version of OrchWiz.
    pub version: String,
    /// The nodes whose events it passes on.
    pub nodes: Vec<Known>,
    /// The most bytes of one batch that it takes.
    pub max_bytes: u64,
    /// How many bytes of batches may be on the way to it, unacknowledged.
    pub credit: u64,
    /// Whether a person paused the link on its side.
    pub paused: bool,
}

/// A node that is passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Which node.
    pub id: NodeId,
    /// Its name, as it said it.
    pub name: String,
    /// Its kind.
    pub kind: String,
}

/// How far a node has come in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Have {
    /// Which log.
    pub log: LogId,
    /// Everything up to here is there, as events or as skips. 0: nothing.
    pub seq: i64,
    /// The hash there; zeros where there is nothing.
    pub hash: [u8; 32],
    /// The last position up to `seq` that is a skip or an event without its payload. 0: everything is there in full.
    pub hole: i64,
    /// The number of the last pass over this log that came over this link, as its batches named it. 0: none yet.
    pub pass: u64,
    /// How far that pass has come. Before the first: everything up to here was there in full already.
    pub through: i64,
}

impl Have {
    /// Nothing of a log.
    pub const fn nothing(log: LogId) -> Self {
        Self {
            log,
            seq: 0,
            hash: chain::GENESIS,
            hole: 0,
            pass: 0,
            through: 0,
        }
    }

    /// The position after which a pass over the log must go on, so that this node gets all that the pass contains.
    ///
    /// A first pass, and one that goes on, begins after `through`, and where nothing is missing behind that, at the end.
    /// Another pass than the last begins at the first event, since it may give more or take something away.
    pub const fn after(&self, pass: u64) -> i64 {
        if self.pass != pass && self.pass != 0 {
            0
        } else if self.through < self.hole {
            self.through
        } else {
            self.seq
        }
    }
}

/// Events of one log, in order and without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Whose log.
    pub log: LogId,
    /// The pass that it belongs to: the sender's number for what it would send of this log from begin to end. Not 0.
    pub pass: u64,
    /// The position of its first event or skip, from 1.
    pub first: i64,
    /// The position of its last.
    pub last: i64,
    /// The last position up to `last` that the sender itself does not have in full; 0 if there is none.
    pub hole: i64,
    /// The hash before `first`. `None` where the sender does not have it; then the first item is a skip.
    pub previous: Option<[u8; 32]>,
    /// What is at `first` to `last`: at least one.
    pub items: Vec<Item>,
}

/// A part of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An event.
    Event(Event),
    /// Positions without their events.
    Skip(Skip),
}

impl Item {
    /// Its first position.
    pub const fn first(&self) -> i64 {
        match self {
            Self::Event(event) => event.seq,
            Self::Skip(skip) => skip.from,
        }
    }

    /// Its last position.
    pub const fn last(&self) -> i64 {
        match self {
            Self::Event(event) => event.seq,
            Self::Skip(skip) => skip.to,
        }
    }

    /// The hash at its last position.
    pub const fn hash(&self) -> [u8; 32] {
        match self {
            Self::Event(event) => event.hash,
            Self::Skip(skip) => skip.hash,
        }
    }
}

/// An event as it travels. Origin and epoch are the batch's; the session is what the receiver makes of the fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its position.
    pub seq: i64,
    /// The hybrid logical clock.
    pub hlc: i64,
    /// Who did it.
    pub actor: String,
    /// What happened.
    pub kind: String,
    /// The version of the payload's shape.
    pub v: i32,
    /// What it is about.
    pub subject: String,
    /// Payload and salt; `None` when they were purged or are withheld.
    pub payload: Option<Payload>,
    /// BLAKE3 over salt and payload. It is sent only where these are not.
    pub commitment: [u8; 32],
    /// Its hash.
    pub hash: [u8; 32],
}

impl Event {
    /// The hash that its fields give after `previous`.
    pub fn hash_after(&self, log: LogId, previous: &[u8; 32]) -> [u8; 32] {
        chain::hash(
            previous,
            &Fields {
                origin: &log.origin.uuid().as_simple().to_string(),
                epoch: &log.epoch.to_string(),
                seq: self.seq,
                hlc: self.hlc,
                actor: &self.actor,
                kind: &self.kind,
                v: self.v,
                subject: &self.subject,
                commitment: &self.commitment,
            },
        )
    }

    /// About how many bytes it takes before compression.
    pub fn size(&self) -> usize {
        let texts = self.actor.len() + self.kind.len() + self.subject.len();
        let payload = self.payload.as_ref().map_or(0, |payload| payload.bytes.len());
        texts + payload + 240
    }
}

/// What happened in full.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    /// JSON in UTF-8, byte for byte as its origin wrote it.
    pub bytes: Vec<u8>,
    /// The salt of the commitment.
    pub salt: [u8; 16],
}

impl fmt::Debug for Payload {
    /// Payloads hold what people said: only the length goes into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.bytes.len())
    }
}

/// Positions whose events are not sent. Where the sender is their origin, a receiver that has their payloads from it drops
/// them: they were taken back. From a relay it means nothing of the kind, or two relays would give and take for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// The first of them.
    pub from: i64,
    /// The last of them.
    pub to: i64,
    /// Why.
    pub reason: Reason,
    /// The hash at `to`, so that the chain goes on.
    pub hash: [u8; 32],
}

/// Why events are skipped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The filter leaves them out.
    Filtered,
    /// The sender does not have them.
    Absent,
    /// A word of a later version.
    Other(String),
}

impl Reason {
    /// The word on the wire.
    pub fn word(&self) -> &str {
        match self {
            Self::Filtered => "filtered",
            Self::Absent => "absent",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for Reason {
    fn from(word: String) -> Self {
        match word.as_str() {
            "filtered" => Self::Filtered,
            "absent" => Self::Absent,
            _ => Self::Other(word),
        }
    }
}

/// How far the speaker has come in a log; everything in it is durable.
pub type Ack = Have;

/// An origin's signed word on its log, passed on as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which log.
    pub log: LogId,
    /// A position.
    pub seq: i64,
    /// The hash there.
    pub hash: [u8; 32],
    /// The origin's signature over the three.
    pub signature: Vec<u8>,
}

/// What was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nack {
    /// The next batch of this log must begin at `seq` or before.
    Expected {
        /// Which log.
        log: LogId,
        /// The next position.
        seq: i64,
    },
    /// The events of this log do not continue what the speaker has of it.
    Diverged {
        /// Which log.
        log: LogId,
    },
    /// The speaker takes nothing of this log from the hearer.
    Unwanted {
        /// Which log.
        log: LogId,
    },
    /// No version of the protocol is common; these are the speaker's.
    BadVersion([u32; 2]),
    /// A person paused the link on the speaker's side.
    Paused,
    /// A person ended the link on the speaker's side.
    Revoked,
    /// The speaker cannot take anything for the moment.
    Busy,
    /// The message could not be read; the word of the [`Refusal`](super::Refusal).
    Refused(String),
    /// A word of a later version.
    Other(String),
}

/// A sign of life.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ping {
    /// The newest health of the node, as it wrote it.
    pub health: Option<Vec<u8>>,
    /// Whether a person paused the link on the speaker's side.
    pub paused: bool,
}

/// What the hearer shall no longer hold of an origin, at once. What a filter takes away of single events, the next pass
/// says with a [`Skip`], which is repeated until it is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// Whose events.
    pub origin: NodeId,
    /// The ids of the subjects; empty for all.
    pub subjects: Vec<String>,
}
