//! The JSON of frames, apart from the frames themselves: how binary values are written, and what is checked when they are
//! read. Nothing here knows what a frame is for.

use super::Refusal;
use crate::{
    forwarding::core::{
        ITEMS_MAX,
        frame::{
            Batch, Epoch, Event, Frame, Have, Head, Hello, Item, Known, LogId, Nack, Payload, Ping, Skip, Withdrawn,
        },
    },
    journal::chain::{self, GENESIS},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use model::id::NodeId;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, SeqAccess, Visitor},
};
use std::{fmt, marker::PhantomData};
use uuid::Uuid;

/// The most logs in a hello.
pub(super) const HAVE_MAX: usize = 4_096;
/// The most nodes in a hello, and subjects in a withdrawal.
const NAMES_MAX: usize = 1_024;
/// The longest text beside a payload, in bytes.
const TEXT_MAX: usize = 512;
/// The longest signature, in bytes.
const SIGNATURE_MAX: usize = 512;
/// The most bytes of a node's health.
const HEALTH_MAX: usize = 16 << 10;
/// Positions end here, so that no sum of two overflows.
const SEQ_MAX: i64 = i64::MAX / 4;

/// Reads a list of at most `N` values: the rest is not even parsed.
pub(super) fn bounded<'de, D: Deserializer<'de>, T: Deserialize<'de>, const N: usize>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct Bounded<T, const N: usize>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Bounded<T, N> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {N}")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut values = Vec::new();
            while let Some(value) = list.next_element()? {
                if values.len() == N {
                    return Err(A::Error::custom("too many"));
                }
                values.push(value);
            }
            Ok(values)
        }
    }
    deserializer.deserialize_seq(Bounded::<T, N>(PhantomData))
}

/// Bytes as lower-case hex digits.
#[derive(Clone, Copy)]
pub(super) struct Hex<const N: usize>(pub(super) [u8; N]);

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&crate::hex::hex(&self.0))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; N];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != N || !rest.is_empty() {
            return Err(D::Error::custom("hex digits of another length"));
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)
                .zip(digit(*low))
                .map(|(high, low)| high << 4 | low)
                .ok_or_else(|| D::Error::custom("not lower-case hex digits"))?;
        }
        Ok(Self(bytes))
    }
}

/// Bytes as base64 without padding.
#[derive(Clone)]
struct Base64<B>(B);

impl<B: AsRef<[u8]>> Serialize for Base64<B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de, B: TryFrom<Vec<u8>>> Deserialize<'de> for Base64<B> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64.decode(text).map_err(|_| D::Error::custom("not base64"))?;
        B::try_from(bytes)
            .map(Self)
            .map_err(|_| D::Error::custom("bytes of another length"))
    }
}

type Hash = Base64<[u8; 32]>;
type Node = Hex<16>;

fn node(id: NodeId) -> Node {
    Hex(*id.uuid().as_bytes())
}

fn node_id(node: Node) -> NodeId {
    NodeId::from_uuid(Uuid::from_bytes(node.0))
}

/// One frame: an object whose only key is its kind.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct FrameWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    hello: Option<HelloWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<BatchWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack: Option<HaveWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<HeadWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credit: Option<CreditWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nack: Option<NackWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ping: Option<PingWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn: Option<WithdrawnWire>,
}

#[derive(Serialize, Deserialize)]
struct HelloWire {
    proto: [u32; 2],
    node: Node,
    epoch: Hex<8>,
    #[serde(deserialize_with = "bounded::<_, _, HAVE_MAX>")]
    have: Vec<HaveWire>,
    filter: u64,
    name: String,
    kind: String,
    version: String,
    #[serde(default, deserialize_with = "bounded::<_, _, NAMES_MAX>")]
    nodes: Vec<KnownWire>,
    max_bytes: u64,
    credit: u64,
    #[serde(default)]
    paused: bool,
}

#[derive(Serialize, Deserialize)]
struct KnownWire {
    id: Node,
    name: String,
    kind: String,
}

#[derive(Serialize, Deserialize)]
struct HaveWire {
    origin: Node,
    epoch: Hex<8>,
    seq: i64,
    hash: Hash,
    #[serde(default)]
    hole: i64,
    #[serde(default)]
    pass: u64,
    #[serde(default)]
    through: i64,
}

#[derive(Serialize, Deserialize)]
struct BatchWire {
    origin: Node,
    epoch: Hex<8>,
    pass: u64,
    first: i64,
    last: i64,
    #[serde(default)]
    hole: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Hash>,
    #[serde(deserialize_with = "bounded::<_, _, ITEMS_MAX>")]
    items: Vec<ItemWire>,
}

/// An event or a skip; which of them, the fields say.
#[derive(Default, Serialize, Deserialize)]
struct ItemWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hlc: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// The payload as text, where it is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    /// The payload, where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload64: Option<Base64<Vec<u8>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    salt: Option<Base64<[u8; 16]>>,
    /// Only without payload and salt, which give it.
    #[serde(skip_serializing_if = "Option::is_none")]
    commitment: Option<Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<Hash>,
}

#[derive(Serialize, Deserialize)]
struct HeadWire {
    origin: Node,
    epoch: Hex<8>,
    seq: i64,
    hash: Hash,
    signature: Base64<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct CreditWire {
    bytes: u64,
}

#[derive(Default, Serialize, Deserialize)]
struct NackWire {
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Node>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<Hex<8>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proto: Option<[u32; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct PingWire {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    health: Option<Base64<Vec<u8>>>,
    #[serde(default)]
    paused: bool,
}

#[derive(Serialize, Deserialize)]
struct WithdrawnWire {
    origin: Node,
    #[serde(default, deserialize_with = "bounded::<_, _, NAMES_MAX>")]
    subjects: Vec<String>,
}

impl From<&Frame> for FrameWire {
    fn from(frame: &Frame) -> Self {
        let mut wire = Self::default();
        match frame {
            Frame::Hello(hello) => wire.hello = Some(hello.into()),
            Frame::Batch(batch) => wire.batch = Some(batch.into()),
            Frame::Ack(have) => wire.ack = Some(have.into()),
            Frame::Head(head) => {
                wire.head = Some(HeadWire {
                    origin: node(head.log.origin),
                    epoch: Hex(head.log.epoch.0),
                    seq: head.seq,
                    hash: Base64(head.hash),
                    signature: Base64(head.signature.clone()),
                });
            }
            Frame::Credit(bytes) => wire.credit = Some(CreditWire { bytes: *bytes }),
            Frame::Nack(nack) => wire.nack = Some(nack.into()),
            Frame::Ping(ping) => {
                wire.ping = Some(PingWire {
                    health: ping.health.clone().map(Base64),
                    paused: ping.paused,
                });
            }
            Frame::Withdrawn(withdrawn) => {
                wire.withdrawn = Some(WithdrawnWire {
                    origin: node(withdrawn.origin),
                    subjects: withdrawn.subjects.clone(),
                });
            }
        }
        wire
    }
}

/// `None` for a frame of an unknown kind.
impl TryFrom<FrameWire> for Option<Frame> {
    type Error = Refusal;

    fn try_from(wire: FrameWire) -> Result<Self, Refusal> {
        let mut frames = [
            wire.hello.map(|hello| hello.read().map(Frame::Hello)),
            wire.batch.map(|batch| batch.read().map(Frame::Batch)),
            wire.ack.map(|have| have.read().map(Frame::Ack)),
            wire.head.map(|head| head.read().map(Frame::Head)),
            wire.credit.map(|credit| Ok(Frame::Credit(credit.bytes))),
            wire.nack.map(|nack| nack.read().map(Frame::Nack)),
            wire.ping.map(|ping| ping.read().map(Frame::Ping)),
            wire.withdrawn.map(|withdrawn| withdrawn.read().map(Frame::Withdrawn)),
        ]
        .into_iter()
        .flatten();
        let frame = frames.next().transpose()?;
        match frames.next() {
            Some(_) => Err(Refusal::Shape("a frame has two kinds")),
            None => Ok(frame),
        }
    }
}

fn require(holds: bool, what: &'static str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::Shape(what)) }
}

/// A text beside a payload: short, and storable in either database.
fn text(text: String) -> Result<String, Refusal> {
    require(text.len() <= TEXT_MAX, "a text is too long")?;
    require(!text.contains('\0'), "a text has a NUL")?;
    Ok(text)
}

fn log_id(origin: Node, epoch: Hex<8>) -> LogId {
    LogId {
        origin: node_id(origin),
        epoch: Epoch(epoch.0),
    }
}

impl From<&Hello> for HelloWire {
    fn from(hello: &Hello) -> Self {
        Self {
            proto: hello.proto,
            node: node(hello.node),
            epoch: Hex(hello.epoch.0),
            have: hello.have.iter().map(HaveWire::from).collect(),
            filter: hello.filter,
            name: hello.name.clone(),
            kind: hello.kind.clone(),
            version: hello.version.clone(),
            nodes: hello
                .nodes
                .iter()
                .map(|known| KnownWire {
                    id: node(known.id),
                    name: known.name.clone(),
                    kind: known.kind.clone(),
                })
                .collect(),
            max_bytes: hello.max_bytes,
            credit: hello.credit,
            paused: hello.paused,
        }
    }
}

impl HelloWire {
    fn read(self) -> Result<Hello, Refusal> {
        let known = |known: KnownWire| {
            Ok(Known {
                id: node_id(known.id),
                name: text(known.name)?,
                kind: text(known.kind)?,
            })
        };
        Ok(Hello {
            proto: self.proto,
            node: node_id(self.node),
            epoch: Epoch(self.epoch.0),
            have: self.have.into_iter().map(HaveWire::read).collect::<Result<_, _>>()?,
            filter: self.filter,
            name: text(self.name)?,
            kind: text(self.kind)?,
            version: text(self.version)?,
            nodes: self.nodes.into_iter().map(known).collect::<Result<_, Refusal>>()?,
            max_bytes: self.max_bytes,
            credit: self.credit,
            paused: self.paused,
        })
    }
}

impl From<&Have> for HaveWire {
    fn from(have: &Have) -> Self {
        Self {
            origin: node(have.log.origin),
            epoch: Hex(have.log.epoch.0),
            seq: have.seq,
            hash: Base64(have.hash),
            hole: have.hole,
            pass: have.pass,
            through: have.through,
        }
    }
}

impl HaveWire {
    fn read(self) -> Result<Have, Refusal> {
        require((0..=SEQ_MAX).contains(&self.seq), "a position is out of range")?;
        require((0..=self.seq).contains(&self.hole), "a hole is beyond the end")?;
        require((0..=self.seq).contains(&self.through), "a pass is beyond the end")?;
        require(self.seq > 0 || self.hash.0 == GENESIS, "nothing has a hash")?;
        Ok(Have {
            log: log_id(self.origin, self.epoch),
            seq: self.seq,
            hash: self.hash.0,
            hole: self.hole,
            pass: self.pass,
            through: self.through,
        })
    }
}

impl From<&Batch> for BatchWire {
    fn from(batch: &Batch) -> Self {
        Self {
            origin: node(batch.log.origin),
            epoch: Hex(batch.log.epoch.0),
            pass: batch.pass,
            first: batch.first,
            last: batch.last,
            hole: batch.hole,
            previous: batch.previous.map(Base64),
            items: batch.items.iter().map(ItemWire::from).collect(),
        }
    }
}

impl BatchWire {
    fn read(self) -> Result<Batch, Refusal> {
        require((1..=SEQ_MAX).contains(&self.first), "a position is out of range")?;
        require(
            (self.first..=SEQ_MAX).contains(&self.last),
            "a position is out of range",
        )?;
        require((0..=self.last).contains(&self.hole), "a hole is beyond the end")?;
        require(self.pass != 0, "a pass has no number")?;
        let items = self
            .items
            .into_iter()
            .map(ItemWire::read)
            .collect::<Result<Vec<_>, _>>()?;
        let mut next = self.first;
        for item in &items {
            require(
                item.first() == next && item.last() >= next && item.last() <= self.last,
                "a batch has a gap",
            )?;
            next = item.last() + 1;
        }
        require(next == self.last + 1, "a batch ends elsewhere than it says")?;
        let begins_with_event = matches!(items.first(), Some(Item::Event(_)));
        require(
            self.previous.is_some() || !begins_with_event,
            "an event has no hash before it",
        )?;
        Ok(Batch {
            log: log_id(self.origin, self.epoch),
            pass: self.pass,
            first: self.first,
            last: self.last,
            hole: self.hole,
            previous: self.previous.map(|hash| hash.0),
            items,
        })
    }
}

impl From<&Item> for ItemWire {
    fn from(item: &Item) -> Self {
        match item {
            Item::Event(event) => {
                let (text, bytes) = match &event.payload {
                    Some(payload) => match std::str::from_utf8(&payload.bytes) {
                        Ok(text) => (Some(text.to_owned()), None),
                        Err(_) => (None, Some(Base64(payload.bytes.clone()))),
                    },
                    None => (None, None),
                };
                Self {
                    seq: Some(event.seq),
                    hlc: Some(event.hlc),
                    actor: Some(event.actor.clone()),
                    kind: Some(event.kind.clone()),
                    v: Some(event.v),
                    subject: Some(event.subject.clone()),
                    payload: text,
                    payload64: bytes,
                    salt: event.payload.as_ref().map(|payload| Base64(payload.salt)),
                    commitment: event.payload.is_none().then_some(Base64(event.commitment)),
                    hash: Some(Base64(event.hash)),
                    ..Self::default()
                }
            }
            Item::Skip(skip) => Self {
                from: Some(skip.from),
                to: Some(skip.to),
                reason: Some(skip.reason.word().to_owned()),
                hash: Some(Base64(skip.hash)),
                ..Self::default()
            },
        }
    }
}

impl ItemWire {
    fn read(self) -> Result<Item, Refusal> {
        let missing = Refusal::Shape("a part of a batch lacks a field");
        let hash = self.hash.ok_or(missing.clone())?.0;
        if let (Some(from), Some(to), Some(reason), None) = (self.from, self.to, &self.reason, self.seq) {
            return Ok(Item::Skip(Skip {
                from,
                to,
                reason: text(reason.clone())?.into(),
                hash,
            }));
        }
        let bytes = match (self.payload, self.payload64) {
            (Some(_), Some(_)) => return Err(Refusal::Shape("an event has two payloads")),
            (Some(text), None) => Some(text.into_bytes()),
            (None, Some(bytes)) => Some(bytes.0),
            (None, None) => None,
        };
        let payload = match (bytes, self.salt) {
            (Some(bytes), Some(salt)) => Some(Payload { bytes, salt: salt.0 }),
            (None, None) => None,
            _ => return Err(Refusal::Shape("an event has a payload or a salt alone")),
        };
        let commitment = match (&payload, self.commitment) {
            (Some(payload), _) => chain::commitment(&payload.salt, &payload.bytes),
            (None, Some(commitment)) => commitment.0,
            (None, None) => return Err(missing),
        };
        let fields = (self.seq, self.hlc, self.actor, self.kind, self.v, self.subject);
        let (Some(seq), Some(hlc), Some(actor), Some(kind), Some(v), Some(subject)) = fields else {
            return Err(missing);
        };
        Ok(Item::Event(Event {
            seq,
            hlc,
            actor: text(actor)?,
            kind: text(kind)?,
            v,
            subject: text(subject)?,
            payload,
            commitment,
            hash,
        }))
    }
}

impl HeadWire {
    fn read(self) -> Result<Head, Refusal> {
        require((1..=SEQ_MAX).contains(&self.seq), "a position is out of range")?;
        require(self.signature.0.len() <= SIGNATURE_MAX, "a signature is too long")?;
        Ok(Head {
            log: log_id(self.origin, self.epoch),
            seq: self.seq,
            hash: self.hash.0,
            signature: self.signature.0,
        })
    }
}

impl From<&Nack> for NackWire {
    fn from(nack: &Nack) -> Self {
        let of = |reason: &str| Self {
            reason: reason.to_owned(),
            ..Self::default()
        };
        let about = |reason: &str, log: &LogId| Self {
            origin: Some(node(log.origin)),
            epoch: Some(Hex(log.epoch.0)),
            ..of(reason)
        };
        match nack {
            Nack::Expected { log, seq } => Self {
                seq: Some(*seq),
                ..about("expected", log)
            },
            Nack::Diverged { log } => about("diverged", log),
            Nack::Unwanted { log } => about("unwanted", log),
            Nack::BadVersion(proto) => Self {
                proto: Some(*proto),
                ..of("bad_version")
            },
            Nack::Paused => of("paused"),
            Nack::Revoked => of("revoked"),
            Nack::Busy => of("busy"),
            Nack::Refused(why) => Self {
                detail: Some(why.clone()),
                ..of("refused")
            },
            Nack::Other(word) => of(word),
        }
    }
}

impl NackWire {
    fn read(self) -> Result<Nack, Refusal> {
        let log = self.origin.zip(self.epoch).map(|(origin, epoch)| log_id(origin, epoch));
        let log = || log.ok_or(Refusal::Shape("a refusal names no log"));
        Ok(match self.reason.as_str() {
            "expected" => {
                let seq = self.seq.filter(|seq| (1..=SEQ_MAX).contains(seq));
                Nack::Expected {
                    log: log()?,
                    seq: seq.ok_or(Refusal::Shape("a position is out of range"))?,
                }
            }
            "diverged" => Nack::Diverged { log: log()? },
            "unwanted" => Nack::Unwanted { log: log()? },
            "bad_version" => Nack::BadVersion(self.proto.unwrap_or_default()),
            "paused" => Nack::Paused,
            "revoked" => Nack::Revoked,
            "busy" => Nack::Busy,
            "refused" => Nack::Refused(text(self.detail.unwrap_or_default())?),
            _ => Nack::Other(text(self.reason)?),
        })
    }
}

impl PingWire {
    fn read(self) -> Result<Ping, Refusal> {
        let health = self.health.map(|health| health.0);
        let fits = health.as_ref().is_none_or(|health| health.len() <= HEALTH_MAX);
        require(fits, "a node's health is too long")?;
        Ok(Ping {
            health,
            paused: self.paused,
        })
    }
}

impl WithdrawnWire {
    fn read(self) -> Result<Withdrawn, Refusal> {
        Ok(Withdrawn {
            origin: node_id(self.origin),
            subjects: self.subjects.into_iter().map(text).collect::<Result<_, _>>()?,
        })
    }
}
