//! One end of a link as a state machine: inputs in, wishes out, both ends alike. It must not hold events, but those of the
//! batches that it hands on: what is to be sent is a position in each log, what was received is in the store.
//!
//! | input | `Away`: no connection | `Greets`: the peer has not said hello | `Live` | `Over`: revoked |
//! |---|---|---|---|---|
//! | connected | Go to `Greets`; who dials says hello. | The same, with the new connection. | the same | Say "revoked" and close. |
//! | lost | Who dials sets the time of the next try. | Go to `Away`, as there. | the same | nothing |
//! | a message | nothing | A hello: go to `Live`; who did not dial says hello too. "Revoked": go to `Over`. Else nothing. | A hello: take over what the peer has. A batch: check it, wish that it be applied. An acknowledgement: the cursor moves. A refusal: go back to where the peer is, wait, or stop that log. | close |
//! | unreadable bytes | nothing | Say so; the eighth closes. | the same | close |
//! | a tick | At its time: dial. | Every two seconds: who dials says hello again. After 30 s: close. | After 10 s without a word of its own: ping. After 30 s without the peer's: close. Batches unacknowledged for too long: go back. Then send what is due. | nothing |
//! | something new | Note it. | the same | Note it; after 20 ms, or with a full batch: read, unless too much is on the way. | nothing |
//! | rows read | nothing | nothing | Send them as a batch, unless the contents of the log were changed meanwhile. | nothing |
//! | applied | Note it. | the same | Note it and acknowledge. | nothing |
//! | not applied | nothing | nothing | Tell the peer why. | nothing |
//! | another filter | Note it. | the same | Say hello; what has another pass is sent from the start. | nothing |
//! | paused | Note it. | the same | Say so; send no events and take none. | nothing |
//! | resumed | Note it. | the same | Say hello; send from where the peer is. | nothing |
//! | revoked | Go to `Over`. | Say "revoked", close, go to `Over`. | the same | nothing |
//!
//! A log is not sent while the peer's hash of it is another than ours at the same place. If it is the present epoch of
//! this node, the node has lost events that the peer has: it must open a new epoch, and sends nothing of the old one.

mod receiving;
mod sending;

use super::{
    BATCH_BYTES, ITEMS_MAX, PROTO,
    codec::{Message, Refusal},
    frame::{Batch, Epoch, Frame, Have, Head, Hello, Item, Known, LogId, Nack, Ping, Withdrawn},
};
use model::{Millis, fleet::LinkState, id::NodeId};
use receiving::Planned;
use sending::{Flight, ReadUnderWay, Sending};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// After so many messages that could not be read a connection is closed.
const REFUSALS_MAX: u32 = 8;

/// What one end of a link is made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// This node.
    pub node: NodeId,
    /// The node at the other end.
    pub peer: NodeId,
    /// The present epoch of this node's own log.
    pub epoch: Epoch,
    /// This node's name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Its version of OrchWiz.
    pub version: String,
    /// What it sends.
    pub offer: Offer,
    /// Of which third nodes it takes events from the peer.
    pub takes: Passes,
    /// Whether this end opens the connections.
    pub dials: bool,
    /// Whether a person paused it.
    pub paused: bool,
    /// Whether a person ended it.
    pub revoked: bool,
    /// The seed of the waiting times; random, and another one on each node.
    pub seed: u64,
    /// Sizes and times.
    pub limits: Limits,
}

/// What one end of a link sends.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The filter's version, of which no two with other contents are alike: not a counter that a restore sets back.
    pub filter: u64,
    /// The third nodes whose events are passed on.
    pub passes: Passes,
    /// Those of them that are known.
    pub nodes: Vec<Known>,
}

/// Third nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passes {
    /// None.
    None,
    /// All.
    All,
    /// These.
    Some(BTreeSet<NodeId>),
}

impl Passes {
    /// Whether a node is one of them.
    pub fn has(&self, node: NodeId) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(nodes) => nodes.contains(&node),
        }
    }
}

/// Sizes and times of a link; times in ms.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long to wait for more before a batch is read.
    pub linger: Millis,
    /// The most items of a batch.
    pub items: usize,
    /// About the most bytes of a batch, before compression.
    pub bytes: usize,
    /// The most batches on the way, unacknowledged.
    pub batches: usize,
    /// How many bytes of batches this end lets be on the way to it.
    pub credit: u64,
    /// Batches that are not acknowledged for so long are sent again; twice as long each time.
    pub patience: Millis,
    /// A hello that is not answered is said again.
    pub hello: Millis,
    /// A ping is sent after so long without another message.
    pub ping: Millis,
    /// A connection without a word of the peer is closed.
    pub silence: Millis,
    /// The shortest and the longest wait before the next try.
    pub retry: [Millis; 2],
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            linger: 20,
            items: ITEMS_MAX,
            bytes: BATCH_BYTES,
            batches: 4,
            credit: 4 << 20,
            patience: 10_000,
            hello: 2_000,
            ping: 10_000,
            silence: 30_000,
            retry: [200, 30_000],
        }
    }
}

/// What this node holds of a log, and what there is to say of it on this link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Which log.
    pub id: LogId,
    /// Everything up to here is stored, as events or as skips.
    pub seq: i64,
    /// The hash there; zeros at 0.
    pub hash: [u8; 32],
    /// The last position up to `seq` that is a skip or an event without its payload; 0 if there is none.
    pub hole: i64,
    /// Whether it may be sent to the peer. Not where all of it came from the peer; of this node's own, the present epoch
    /// alone.
    pub offered: bool,
    /// A number for what would be sent of it from begin to end, other than 0. It changes when the filter does, and when
    /// something below `seq` came or went; no two different contents ever have the same.
    pub pass: u64,
    /// The pass of the peer that was taken last.
    pub taken: Taken,
}

impl Log {
    /// As it is told to the peer.
    pub const fn have(&self) -> Have {
        Have {
            log: self.id,
            seq: self.seq,
            hash: self.hash,
            hole: self.hole,
            pass: self.taken.pass,
            through: self.taken.through,
        }
    }
}

impl Log {
    /// What is taken of another link's peer once a batch of this log was applied that came over some link. The store keeps
    /// it in the same commit: what that peer need not send stays so, whatever holes come behind it, and what was taken away
    /// it may send again. `self` is the log before the batch; `withdrew` the first position that it took something from.
    pub fn taken_beside(&self, withdrew: Option<i64>) -> Taken {
        let through = self.have().after(self.taken.pass);
        Taken {
            pass: self.taken.pass,
            through: withdrew.map_or(through, |seq| through.min(seq - 1)),
        }
    }
}

/// How far a peer's pass over a log was taken. It is stored in the commit of each batch, for the link it came over: `pass`
/// is the batch's, `through` its last position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The pass; 0 if there was none.
    pub pass: u64,
    /// How far it has come.
    pub through: i64,
}

/// What a link hears: of its connection, of people, and the outcomes of its wishes.
#[derive(Clone, Debug)]
pub enum Input {
    /// There is a connection. `id` is random, drawn by whoever dialled, and the same at both ends; `logs` is all that this
    /// node holds.
    Connected {
        /// The connection.
        id: [u8; 16],
        /// What is stored at this moment.
        logs: Vec<Log>,
    },
    /// The connection has ended, or could not be made.
    Lost,
    /// A message of the peer.
    Received(Vec<u8>),
    /// Time has passed; see [`Link::wake_at`].
    Tick,
    /// The outcome of [`Do::Read`].
    Read(Reading),
    /// The outcome of [`Do::Apply`]: the log as it is stored now, durably.
    Applied(Log),
    /// The other outcome of [`Do::Apply`].
    NotApplied {
        /// Which log.
        log: LogId,
        /// Why.
        why: NotApplied,
    },
    /// A log has changed durably, by this node or over another link. An own log that is offered and has another epoch is
    /// the answer to [`Do::NewEpoch`].
    Committed(Log),
    /// The node's own newest signed head, or one that came with [`Do::Head`] and was found true.
    Head(Head),
    /// The newest health of this node, for the next ping.
    Health(Vec<u8>),
    /// From now on at most so many bytes may be on the way to this end.
    Room(u64),
    /// What is sent has changed; with all logs anew.
    FilterChanged {
        /// What is sent from now on.
        offer: Offer,
        /// All logs with their new passes.
        logs: Vec<Log>,
    },
    /// The peer shall hold this no longer.
    Withdraw(Withdrawn),
    /// A person paused the link.
    Paused,
    /// A person resumed it.
    Resumed,
    /// A person ended it.
    Revoked,
}

/// Rows of a log.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Which log.
    pub log: LogId,
    /// The pass by whose contents they were chosen.
    pub pass: u64,
    /// The position after which they were read.
    pub after: i64,
    /// The hash there; `None` inside of a skip.
    pub previous: Option<[u8; 32]>,
    /// The rows after it, without a gap: events, and what the filter or this node lacks as skips. Empty where they could
    /// not be read.
    pub rows: Vec<Item>,
}

/// Why a batch was not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotApplied {
    /// It does not begin where it must; one before it failed.
    Gap,
    /// A hash in it is another than the stored one at the same position.
    Diverged,
    /// The database takes nothing for the moment.
    Busy,
}

/// The wishes of a link, to be done in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do {
    /// Opens a connection: its outcome is `Connected` or `Lost`.
    Dial,
    /// Sends a message to the peer.
    Send(Vec<u8>),
    /// Reads rows of a log; at most so many, of about so many bytes.
    Read {
        /// Which log.
        log: LogId,
        /// The pass by whose contents they are chosen.
        pass: u64,
        /// After which position.
        after: i64,
        /// The most rows; runs of skipped events are one.
        limit: usize,
        /// About the most bytes; at least one row.
        max_bytes: usize,
    },
    /// Stores a batch in one transaction with [`Taken`]. Its chain holds by itself; what the store has at the same positions
    /// must have the same hashes, and it must begin at most one after [`Have::after`] of its pass.
    Apply(Batch),
    /// Stores how far the peer has come.
    Acked {
        /// In which log.
        log: LogId,
        /// Up to which position.
        seq: i64,
    },
    /// The peer has events of this epoch that this node does not have: opens a new one, in which everything is said anew.
    NewEpoch {
        /// The epoch to leave.
        epoch: Epoch,
    },
    /// Closes the connection.
    Close(Over),
    /// Shows what the link is doing.
    State(LinkState, Option<Why>),
    /// What the peer says of itself.
    Hello(Hello),
    /// An origin's word on its log: it is checked against the stored hash and the origin's key, and passed on.
    Head(Head),
    /// The peer's health.
    Health(Vec<u8>),
    /// What this node shall no longer hold of what came from the peer.
    Withdraw(Withdrawn),
    /// Counts, and perhaps shows, what was wrong.
    Fault(Fault),
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Nothing was heard.
    Silent,
    /// Another node answers than the link is with.
    OtherNode(NodeId),
    /// No version of the protocol is common; these are the peer's.
    Version([u32; 2]),
    /// Too many messages could not be read.
    Unreadable,
    /// The link was revoked.
    Revoked,
}

/// Why a link is in its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The connection was lost, or could not be made.
    Lost,
    /// This end closed it.
    Closed(Over),
    /// A person on this node did it.
    Here,
    /// A person on the peer did it.
    There,
}

/// What was wrong with something that came from the peer, or with what was read here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A message could not be read.
    Refused(Refusal),
    /// The peer could not read a message of ours; its word for it.
    RefusedThere(String),
    /// A message belongs to another connection, or comes after a later one.
    Late,
    /// So many frames are of kinds that this version does not know.
    Unknown(usize),
    /// Events of this node itself came back.
    Echo(LogId),
    /// The peer sent events of a node that it must not pass on.
    Unwanted(LogId),
    /// Events do not continue what is stored of the log here.
    Diverged(LogId),
    /// Our events do not continue what is stored of the log there.
    DivergedThere(LogId),
    /// A position of the log could not be read here.
    Unread(LogId, i64),
}

/// What a link is, for whoever shows or measures it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether events flow, or would.
    pub live: bool,
    /// How many positions of all logs wait to be read and sent; 0 without a connection.
    pub unsent: i64,
    /// Batches on the way, unacknowledged.
    pub batches: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Received batches that are being applied.
    pub applying: usize,
}

/// One end of a link.
#[derive(Debug)]
pub struct Link {
    config: Config,
    phase: Phase,
    clock: Clock,
    /// Random bits for waiting times.
    random: u64,
    logs: BTreeMap<LogId, Log>,
    /// What the peer has, and how far each log was sent.
    sending: BTreeMap<LogId, Sending>,
    flights: VecDeque<Flight>,
    reading: Option<ReadUnderWay>,
    /// The log that was read last, so that the others come next.
    turn: Option<LogId>,
    work_since: Option<Millis>,
    /// Nothing is sent before: the peer or the database was busy.
    hold_until: Millis,
    /// How often in a row something was tried in vain.
    tries: u32,
    peer_paused: bool,
    /// What the peer takes: bytes of a batch, bytes on the way.
    room: [u64; 2],
    /// The own epoch that must not be sent any more.
    forked: Option<Epoch>,
    planned: BTreeMap<LogId, Planned>,
    /// The batches that are being applied.
    applying: VecDeque<LogId>,
    heads: BTreeMap<LogId, Head>,
    health: Option<Vec<u8>>,
    shown: Option<(LinkState, Option<Why>)>,
    /// What goes into the messages of this step.
    frames: Vec<Frame>,
    todo: Vec<Do>,
}

#[derive(Debug)]
enum Phase {
    Away {
        /// When to dial; `None` while that is under way, or for who does not.
        dial_at: Option<Millis>,
    },
    Greets(Connection),
    Live(Connection),
    Over,
}

#[derive(Clone, Copy, Debug)]
struct Connection {
    id: [u8; 16],
    sent: u64,
    heard: u64,
    sent_at: Millis,
    heard_at: Millis,
    hello_at: Millis,
    refusals: u32,
}

/// A clock that never goes back, whatever it is told.
#[derive(Debug, Default)]
struct Clock {
    told: Millis,
    lag: Millis,
}

impl Clock {
    fn read(&mut self, told: Millis) -> Millis {
        if told < self.told {
            self.lag = self.lag.saturating_add(self.told.saturating_sub(told));
        }
        self.told = told;
        told.saturating_add(self.lag)
    }
}

impl Link {
    /// A link without a connection. Nothing happens before its first input; a tick lets it dial.
    pub fn new(config: Config) -> Self {
        let phase = if config.revoked {
            Phase::Over
        } else {
            Phase::Away {
                dial_at: config.dials.then_some(Millis::MIN),
            }
        };
        Self {
            random: config.seed,
            config,
            phase,
            clock: Clock::default(),
            logs: BTreeMap::new(),
            sending: BTreeMap::new(),
            flights: VecDeque::new(),
            reading: None,
            turn: None,
            work_since: None,
            hold_until: Millis::MIN,
            tries: 0,
            peer_paused: false,
            room: [0, 0],
            forked: None,
            planned: BTreeMap::new(),
            applying: VecDeque::new(),
            heads: BTreeMap::new(),
            health: None,
            shown: None,
            frames: Vec::new(),
            todo: Vec::new(),
        }
    }

    /// What it is doing.
    pub fn standing(&self) -> Standing {
        Standing {
            live: matches!(self.phase, Phase::Live(_)) && !self.config.paused && !self.peer_paused,
            unsent: if self.is_live() { self.unsent() } else { 0 },
            batches: self.flights.len(),
            bytes: self.flights.iter().map(|flight| flight.bytes).sum(),
            applying: self.applying.len(),
        }
    }

    /// The wishes that follow from an input. `now` is a clock that does not step, in ms.
    pub fn step(&mut self, input: Input, now: Millis) -> Vec<Do> {
        let now = self.clock.read(now);
        if let Phase::Over = self.phase {
            self.over(input);
        } else {
            self.hear(input, now);
            self.send_due(now);
        }
        self.flush(now);
        std::mem::take(&mut self.todo)
    }

    /// When the next [`Input::Tick`] is due, by the clock that [`Link::step`] was told last.
    pub fn wake_at(&self) -> Option<Millis> {
        let limits = &self.config.limits;
        let at = match &self.phase {
            Phase::Over => None,
            Phase::Away { dial_at } => *dial_at,
            Phase::Greets(connection) => Some(connection.heard_at.saturating_add(limits.silence).min(
                if self.config.dials {
                    connection.hello_at.saturating_add(limits.hello)
                } else {
                    Millis::MAX
                },
            )),
            Phase::Live(connection) => [
                Some(connection.heard_at.saturating_add(limits.silence)),
                Some(connection.sent_at.saturating_add(limits.ping)),
                self.patience_ends(),
                self.read_at(),
            ]
            .into_iter()
            .flatten()
            .min(),
        };
        at.map(|at| at.saturating_sub(self.clock.lag))
    }

    /// The inputs of a revoked link: whoever still speaks hears it once more.
    fn over(&mut self, input: Input) {
        match input {
            Input::Connected { id, .. } => {
                let message = Message {
                    connection: id,
                    number: 1,
                    frames: vec![Frame::Nack(Nack::Revoked)],
                };
                if let Ok(bytes) = message.encode() {
                    self.todo.push(Do::Send(bytes));
                }
                self.todo.push(Do::Close(Over::Revoked));
            }
            Input::Received(_) => self.todo.push(Do::Close(Over::Revoked)),
            _ => {}
        }
    }

    fn hear(&mut self, input: Input, now: Millis) {
        match input {
            Input::Connected { id, logs } => self.connected(id, logs, now),
            Input::Lost => self.leave(Why::Lost, now),
            Input::Received(bytes) => self.received(&bytes, now),
            Input::Tick => self.tick(now),
            Input::Read(reading) => self.read(reading, now),
            Input::Applied(log) => self.applied(log),
            Input::NotApplied { log, why } => self.not_applied(log, why),
            Input::Committed(log) => self.changed(log),
            Input::Head(head) => {
                let known = self.heads.get(&head.log).is_some_and(|known| known.seq >= head.seq);
                if !known {
                    self.heads.insert(head.log, head);
                }
            }
            Input::Health(health) => self.health = Some(health),
            Input::Room(bytes) => {
                self.config.limits.credit = bytes;
                self.say(Frame::Credit(bytes));
            }
            Input::FilterChanged { offer, logs } => {
                self.config.offer = offer;
                for log in logs {
                    self.changed(log);
                }
                self.say_hello(now);
            }
            Input::Withdraw(withdrawn) => self.say(Frame::Withdrawn(withdrawn)),
            Input::Paused => {
                self.config.paused = true;
                self.rewind();
                self.say(Frame::Nack(Nack::Paused));
                self.show_live();
            }
            Input::Resumed => {
                self.config.paused = false;
                self.rewind();
                self.say_hello(now);
                self.show_live();
            }
            Input::Revoked => {
                self.say(Frame::Nack(Nack::Revoked));
                self.end(Why::Here, now);
            }
        }
    }

    fn connected(&mut self, id: [u8; 16], logs: Vec<Log>, now: Millis) {
        self.forget();
        self.logs = logs.into_iter().map(|log| (log.id, log)).collect();
        let present = |log: &&Log| log.id.origin == self.config.node && log.offered;
        if let Some(own) = self.logs.values().find(present) {
            self.config.epoch = own.id.epoch;
        }
        self.phase = Phase::Greets(Connection {
            id,
            sent: 0,
            heard: 0,
            sent_at: now,
            heard_at: now,
            hello_at: now,
            refusals: 0,
        });
        if self.config.dials {
            self.say_hello(now);
        }
    }

    /// Forgets what belongs to a connection.
    fn forget(&mut self) {
        self.sending.clear();
        self.flights.clear();
        self.reading = None;
        self.work_since = None;
        self.hold_until = Millis::MIN;
        self.peer_paused = false;
        self.forked = None;
        self.planned.clear();
        self.applying.clear();
        self.frames.clear();
    }

    /// The connection is no more; who dials tries again after a random time.
    fn leave(&mut self, why: Why, now: Millis) {
        let waits = matches!(self.phase, Phase::Away { dial_at: Some(_) });
        let passive = matches!(self.phase, Phase::Away { .. }) && !self.config.dials;
        if waits || passive {
            return;
        }
        self.forget();
        let dial_at = self.config.dials.then(|| now.saturating_add(self.wait()));
        self.phase = Phase::Away { dial_at };
        self.show(LinkState::Retrying, Some(why));
    }

    /// Full jitter: any time from the shortest wait to one that doubles with every try.
    fn wait(&mut self) -> Millis {
        let [least, most] = self.config.limits.retry;
        let doubled = least.saturating_mul(1 << self.tries.min(20)).clamp(least, most);
        self.tries = self.tries.saturating_add(1);
        least.saturating_add(self.draw(doubled.saturating_sub(least)))
    }

    /// A random number from 0 to `most` (SplitMix64).
    fn draw(&mut self, most: Millis) -> Millis {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        let most = u64::try_from(most).unwrap_or(0);
        Millis::try_from(bits % (most + 1)).unwrap_or(0)
    }

    fn close(&mut self, over: Over, now: Millis) {
        self.flush(now);
        self.todo.push(Do::Close(over));
        self.leave(Why::Closed(over), now);
    }

    /// The link is revoked.
    fn end(&mut self, why: Why, now: Millis) {
        self.flush(now);
        if self.connection().is_some() {
            self.todo.push(Do::Close(Over::Revoked));
        }
        self.forget();
        self.heads.clear();
        self.phase = Phase::Over;
        self.show(LinkState::Revoked, Some(why));
    }

    fn connection(&mut self) -> Option<&mut Connection> {
        match &mut self.phase {
            Phase::Greets(connection) | Phase::Live(connection) => Some(connection),
            Phase::Away { .. } | Phase::Over => None,
        }
    }

    fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live(_))
    }

    /// Says something to a peer that has said hello; to another, nothing.
    fn say(&mut self, frame: Frame) {
        if self.is_live() {
            self.frames.push(frame);
        }
    }

    fn say_hello(&mut self, now: Millis) {
        let dials = self.config.dials;
        let live = self.is_live();
        let Some(connection) = self.connection() else {
            return;
        };
        if !live && !dials {
            return;
        }
        connection.hello_at = now;
        let config = &self.config;
        let hello = Hello {
            proto: PROTO,
            node: config.node,
            epoch: config.epoch,
            have: self.logs.values().map(Log::have).collect(),
            filter: config.offer.filter,
            name: config.name.clone(),
            kind: config.kind.clone(),
            version: config.version.clone(),
            nodes: config.offer.nodes.clone(),
            max_bytes: config.limits.bytes as u64,
            credit: config.limits.credit,
            paused: config.paused,
        };
        self.frames.push(Frame::Hello(hello));
    }

    fn show(&mut self, state: LinkState, why: Option<Why>) {
        if self.shown != Some((state, why)) {
            self.shown = Some((state, why));
            self.todo.push(Do::State(state, why));
        }
    }

    /// Shows a link that has a connection.
    fn show_live(&mut self) {
        if self.config.paused {
            self.show(LinkState::Paused, Some(Why::Here));
        } else if self.is_live() && self.peer_paused {
            self.show(LinkState::Paused, Some(Why::There));
        } else if self.is_live() {
            self.show(LinkState::Live, None);
        }
    }

    fn tick(&mut self, now: Millis) {
        let limits = self.config.limits;
        let dials = self.config.dials;
        match &mut self.phase {
            Phase::Over => {}
            Phase::Away { dial_at } => {
                if dial_at.is_some_and(|at| at <= now) {
                    *dial_at = None;
                    self.todo.push(Do::Dial);
                }
            }
            Phase::Greets(connection) | Phase::Live(connection)
                if connection.heard_at.saturating_add(limits.silence) <= now =>
            {
                self.close(Over::Silent, now);
            }
            Phase::Greets(connection) => {
                if dials && connection.hello_at.saturating_add(limits.hello) <= now {
                    self.say_hello(now);
                }
            }
            Phase::Live(connection) => {
                let ping = connection.sent_at.saturating_add(limits.ping) <= now;
                if self.patience_ends().is_some_and(|at| at <= now) {
                    self.tries = self.tries.saturating_add(1);
                    self.rewind();
                }
                if ping {
                    let health = self.health.take();
                    let paused = self.config.paused;
                    self.say(Frame::Ping(Ping { health, paused }));
                }
            }
        }
    }

    /// Puts the frames of this step into messages.
    fn flush(&mut self, now: Millis) {
        let mut message = Vec::new();
        for frame in std::mem::take(&mut self.frames) {
            let is_batch = |frame: &Frame| matches!(frame, Frame::Batch(_));
            if is_batch(&frame) && message.iter().any(is_batch) {
                self.post(std::mem::take(&mut message), now);
            }
            message.push(frame);
        }
        if !message.is_empty() {
            self.post(message, now);
        }
    }

    fn post(&mut self, frames: Vec<Frame>, now: Millis) {
        let Some(connection) = self.connection() else {
            return;
        };
        let message = Message {
            connection: connection.id,
            number: connection.sent + 1,
            frames,
        };
        match message.encode() {
            Ok(bytes) => {
                connection.sent += 1;
                connection.sent_at = now;
                self.todo.push(Do::Send(bytes));
            }
            Err(_) if message.frames.len() > 1 => {
                for frame in message.frames {
                    self.post(vec![frame], now);
                }
            }
            Err(refusal) => match message.frames.into_iter().next() {
                Some(Frame::Batch(batch)) => self.post_less(batch, now),
                _ => self.todo.push(Do::Fault(Fault::Refused(refusal))),
            },
        }
    }
}
