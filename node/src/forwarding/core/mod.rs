//! The pure core of forwarding ("OWF/1", docs/protocol.md): frames, their bytes, and the state machine of one end of a
//! link. It must not wait, read, write, look at a clock or draw random bytes: whoever runs it does, and reports the outcome.

mod batch;
mod codec;
mod frame;
mod link;

pub use batch::{Trimmed, Untrue};
pub use codec::{Decoded, Message, Refusal, pack, unpack};
pub use frame::{
    Ack, Batch, Epoch, Event, Frame, Have, Head, Hello, Item, Known, LogId, Nack, PROTO, Payload, Ping, Reason, Skip,
    Withdrawn,
};
pub use link::{
    Config, Do, Fault, Input, Limits, Link, Log, NotApplied, Offer, Over, Passes, Reading, Standing, Taken, Why,
};

/// The most bytes of one message on the wire.
pub const WIRE_MAX: usize = 1 << 20;
/// The most bytes of one message once it is unpacked.
pub const PLAIN_MAX: usize = 8 << 20;
/// The most events and skips of one batch.
pub const ITEMS_MAX: usize = 500;
/// About the most bytes of events in one batch; a batch has at least one event.
pub const BATCH_BYTES: usize = 1 << 20;
/// A longer payload is withheld: its event would not fit into a message. Texts of 4 KiB and more are blobs, so none is.
pub const PAYLOAD_MAX: usize = 512 << 10;
