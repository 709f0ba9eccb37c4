//! A fleet in memory: nodes with stores, links between them, a network that loses, doubles, delays and cuts, and a time
//! that is only counted. All of it follows from one seed.

use crate::disk::{Cell, Cells, Disk, Filter, SUBJECTS, Said, Side};
use model::id::NodeId;
use node::forwarding::core::{
    Config, Do, Epoch, Fault, Frame, Have, Input, Limits, Link, LogId, Message, Nack, NotApplied, Offer, Over, Passes,
    Reading,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Arc,
};

/// A repeatable source of choices (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % end as u64).unwrap()
    }

    /// Between both, inclusive.
    pub fn span(&mut self, least: i64, most: i64) -> i64 {
        least + i64::try_from(self.roll() % u64::try_from(most - least + 1).unwrap()).unwrap()
    }

    /// Whether something happens that happens so many times in a thousand.
    pub fn in_1000(&mut self, times: u64) -> bool {
        self.roll() % 1_000 < times
    }
}

/// Who is linked with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Pair,
    Chain,
    Ring,
    Mesh,
    /// A pair, one of which was linked with itself by mistake.
    Loop,
}

impl Shape {
    pub const ALL: [Self; 5] = [Self::Pair, Self::Chain, Self::Ring, Self::Mesh, Self::Loop];

    fn links(self) -> (usize, Vec<(usize, usize)>) {
        match self {
            Self::Pair => (2, vec![(0, 1)]),
            Self::Chain => (4, vec![(0, 1), (2, 1), (2, 3)]),
            Self::Ring => (4, vec![(0, 1), (1, 2), (2, 3), (3, 0)]),
            Self::Mesh => (3, vec![(0, 1), (0, 2), (1, 2)]),
            Self::Loop => (2, vec![(0, 1), (0, 0)]),
        }
    }
}

pub struct Node {
    pub id: NodeId,
    pub up: bool,
    /// Counts starts: what was under way before one is gone.
    boot: u64,
    /// What is on the disk for sure.
    pub synced: Disk,
    /// What was committed, synced or not.
    pub disk: Disk,
    copies: Vec<Disk>,
    /// How far its wall clock, and the clock that it gives its links, are off.
    wall: i64,
    ticks: i64,
    /// When its last sync ends.
    sync_at: i64,
}

/// One end of a link.
pub struct End {
    node: usize,
    peer: usize,
    pub link: Option<Link>,
    pub revoked: bool,
    pub paused: bool,
    /// The filter that the link was told.
    told: Filter,
    /// The last cursor of each log, with its pass.
    acked: BTreeMap<LogId, (u64, i64)>,
}

pub struct Edge {
    pub ends: [End; 2],
    connection: Option<[u8; 16]>,
    pub cut: bool,
    /// How many restores there had been when it was connected last.
    restores: u64,
    /// Messages arrive in order: none before this time, by direction.
    due: [i64; 2],
}

enum What {
    Deliver {
        edge: usize,
        side: usize,
        bytes: Vec<u8>,
    },
    Input {
        node: usize,
        boot: u64,
        edge: usize,
        side: usize,
        input: Box<Input>,
    },
    /// A disk becomes durable; then its link hears of it, and the others.
    Synced {
        node: usize,
        boot: u64,
        disk: Box<Disk>,
        log: Option<LogId>,
        applied: Option<(usize, usize)>,
        refilter: Option<(usize, usize)>,
    },
    Connect {
        edge: usize,
        id: [u8; 16],
    },
    Lost {
        edge: usize,
        side: usize,
        id: Option<[u8; 16]>,
    },
}

/// What may go wrong, each in a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub drop: u64,
    pub double: u64,
    pub delay: u64,
    pub garble: u64,
    /// Messages of a later version.
    pub season: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    pub messages: u64,
    pub bytes: u64,
    pub events: u64,
    pub epochs: u64,
    pub crashes: u64,
    pub restores: u64,
    pub refused: u64,
    pub diverged: u64,
}

pub struct World {
    pub dice: Dice,
    pub now: i64,
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
    pub faults: Faults,
    pub stats: Stats,
    /// Sends of each event over each edge, by pass; at most one where nothing goes wrong.
    sends: BTreeMap<(usize, usize, LogId, u64, i64), u32>,
    pub strict: bool,
    /// Whether every message is printed.
    pub trace: bool,
    /// Whether something was taken away where it can come another way, so that a peer's cursor goes back.
    withdrew: bool,
    /// Every version of every position that an origin ever committed durably or not: hash and payload's commitment.
    oracle: BTreeMap<(LogId, i64), Vec<[u8; 32]>>,
    queue: BinaryHeap<Reverse<(i64, u64)>>,
    whats: BTreeMap<u64, What>,
    count: u64,
    unique: u64,
    /// Messages with more than pings since the last look.
    pub busy: u64,
    shape: Shape,
}

impl World {
    pub fn new(seed: u64, shape: Shape, limits: Limits) -> Self {
        let mut dice = Dice(seed ^ 0x5eed_0f0f);
        let (count, links) = shape.links();
        let mut world = Self {
            now: 0,
            nodes: Vec::new(),
            edges: Vec::new(),
            faults: Faults::default(),
            stats: Stats::default(),
            sends: BTreeMap::new(),
            strict: false,
            trace: false,
            withdrew: false,
            oracle: BTreeMap::new(),
            queue: BinaryHeap::new(),
            whats: BTreeMap::new(),
            count: 0,
            unique: 1,
            busy: 0,
            shape,
            dice: Dice(dice.roll()),
        };
        for number in 0..count {
            let id = NodeId::from_uuid(uuid::Uuid::from_u128(0xabc0 + number as u128));
            let own = LogId {
                origin: id,
                epoch: world.epoch(),
            };
            let disk = Disk {
                own,
                logs: BTreeMap::from([(own, Arc::default())]),
                sides: BTreeMap::new(),
                hlc: 0,
            };
            world.nodes.push(Node {
                id,
                up: true,
                boot: 0,
                synced: disk.clone(),
                disk,
                copies: Vec::new(),
                wall: 0,
                ticks: 0,
                sync_at: 0,
            });
        }
        for (edge, (a, b)) in links.into_iter().enumerate() {
            let mut ends = Vec::new();
            for (node, peer, side) in [(a, b, 0), (b, a, 1)] {
                let filter = world.filter();
                let stored = Side {
                    filter,
                    taken: BTreeMap::new(),
                };
                world.nodes[node].disk.sides.insert(edge * 2 + side, stored);
                ends.push(End {
                    node,
                    peer,
                    link: None,
                    revoked: false,
                    paused: false,
                    told: filter,
                    acked: BTreeMap::new(),
                });
            }
            world.edges.push(Edge {
                ends: ends.try_into().ok().expect("two ends"),
                connection: None,
                cut: false,
                restores: 0,
                due: [0, 0],
            });
        }
        for node in 0..count {
            world.nodes[node].synced = world.nodes[node].disk.clone();
        }
        for edge in 0..world.edges.len() {
            for side in 0..2 {
                world.start_link(edge, side, limits);
            }
        }
        world
    }

    fn unique(&mut self) -> u64 {
        self.unique += 1;
        self.unique
    }

    fn epoch(&mut self) -> Epoch {
        Epoch(self.unique().to_be_bytes())
    }

    fn filter(&mut self) -> Filter {
        let all = (1 << SUBJECTS) - 1;
        let some = self.dice.in_1000(400);
        Filter {
            version: self.unique(),
            subjects: if some {
                u8::try_from(self.dice.below(16)).unwrap()
            } else {
                all
            },
            outline: self.dice.in_1000(150),
            relay: self.dice.in_1000(850),
        }
    }

    fn start_link(&mut self, edge: usize, side: usize, limits: Limits) {
        let end = &self.edges[edge].ends[side];
        let (own, peer) = (&self.nodes[end.node], &self.nodes[end.peer]);
        let filter = own.synced.sides[&(edge * 2 + side)].filter;
        let config = Config {
            node: own.id,
            peer: peer.id,
            epoch: own.synced.own.epoch,
            name: format!("n{}", end.node),
            kind: "local".into(),
            version: "1".into(),
            offer: offer(filter),
            takes: Passes::All,
            dials: side == 0,
            paused: end.paused,
            revoked: end.revoked,
            seed: self.dice.roll(),
            limits,
        };
        let end = &mut self.edges[edge].ends[side];
        end.told = filter;
        end.acked.clear();
        end.link = Some(Link::new(config));
    }

    fn at(&mut self, due: i64, what: What) {
        self.count += 1;
        self.queue.push(Reverse((due, self.count)));
        self.whats.insert(self.count, what);
    }

    /// Whether nothing but the links' own timers is under way.
    pub fn is_quiet(&self) -> bool {
        let waits = |end: &End| {
            let standing = end.link.as_ref().map(Link::standing);
            standing.is_some_and(|standing| standing.batches > 0 || standing.unsent > 0)
        };
        self.queue.is_empty() && !self.edges.iter().flat_map(|edge| &edge.ends).any(waits)
    }

    /// Lets the next thing happen that is due before `until`; false if there is none.
    pub fn step(&mut self, until: i64) -> bool {
        let queued = self.queue.peek().map(|Reverse((due, _))| *due);
        let mut next: Option<(i64, usize, usize)> = None;
        for (at, edge) in self.edges.iter().enumerate() {
            for (side, end) in edge.ends.iter().enumerate() {
                if let Some(due) = end.link.as_ref().and_then(Link::wake_at) {
                    let due = due.saturating_sub(self.nodes[end.node].ticks).max(self.now);
                    if next.is_none_or(|(first, ..)| due < first) {
                        next = Some((due, at, side));
                    }
                }
            }
        }
        match (queued, next) {
            (Some(due), tick) if due <= until && tick.is_none_or(|(at, ..)| due <= at) => {
                let Reverse((due, number)) = self.queue.pop().expect("it was there");
                self.now = self.now.max(due);
                let what = self.whats.remove(&number).expect("queued");
                self.happen(what);
                true
            }
            (_, Some((due, edge, side))) if due <= until => {
                self.now = due;
                self.hear(edge, side, Input::Tick);
                true
            }
            _ => {
                self.now = self.now.max(until);
                false
            }
        }
    }

    /// Whether all links that can be are live, and the others know that they are over.
    pub fn is_linked(&self) -> bool {
        let settled = |end: &End| {
            let over = |link: &Link| link.standing().live || link.wake_at().is_none();
            end.node == end.peer || end.link.as_ref().is_some_and(over)
        };
        self.edges.iter().flat_map(|edge| &edge.ends).all(settled)
    }

    /// Lets a time pass.
    pub fn run(&mut self, ms: i64) {
        let until = self.now + ms;
        while self.step(until) {}
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Deliver { edge, side, bytes } => self.hear(edge, side, Input::Received(bytes)),
            What::Input {
                node,
                boot,
                edge,
                side,
                input,
            } => {
                if self.nodes[node].boot == boot && self.nodes[node].up {
                    self.hear(edge, side, *input);
                }
            }
            What::Connect { edge, id } => {
                if self.edges[edge].cut || self.edges[edge].ends.iter().any(|end| end.link.is_none()) {
                    return self.lost(edge, 0, None);
                }
                self.edges[edge].connection = Some(id);
                if std::mem::replace(&mut self.edges[edge].restores, self.stats.restores) < self.stats.restores {
                    self.edges[edge].ends.iter_mut().for_each(|end| end.acked.clear());
                }
                for side in [1, 0] {
                    let logs = self.logs(edge, side);
                    self.hear(edge, side, Input::Connected { id, logs });
                }
            }
            What::Lost { edge, side, id } => {
                if id.is_none() || self.edges[edge].connection == id {
                    self.hear(edge, side, Input::Lost);
                }
            }
            What::Synced {
                node,
                boot,
                disk,
                log,
                applied,
                refilter,
            } => {
                if self.nodes[node].boot != boot {
                    return;
                }
                self.nodes[node].synced = *disk;
                self.tell(node, log, applied, refilter);
            }
        }
    }

    /// All logs of a node as an end of a link is told of them.
    fn logs(&self, edge: usize, side: usize) -> Vec<node::forwarding::core::Log> {
        let end = &self.edges[edge].ends[side];
        let disk = &self.nodes[end.node].synced;
        disk.logs
            .keys()
            .map(|id| disk.log(*id, edge * 2 + side, end.peer))
            .collect()
    }

    /// Tells the links of a node what became durable.
    fn tell(
        &mut self,
        node: usize,
        log: Option<LogId>,
        applied: Option<(usize, usize)>,
        refilter: Option<(usize, usize)>,
    ) {
        for edge in 0..self.edges.len() {
            for side in 0..2 {
                let end = &self.edges[edge].ends[side];
                if end.node != node {
                    continue;
                }
                let (peer, number) = (end.peer, edge * 2 + side);
                if refilter == Some((edge, side)) {
                    let filter = self.nodes[node].synced.sides[&number].filter;
                    self.edges[edge].ends[side].told = filter;
                    let logs = self.logs(edge, side);
                    let offer = offer(filter);
                    self.hear(edge, side, Input::FilterChanged { offer, logs });
                }
                if let Some(id) = log {
                    let log = self.nodes[node].synced.log(id, number, peer);
                    let input = if applied == Some((edge, side)) {
                        Input::Applied(log)
                    } else {
                        Input::Committed(log)
                    };
                    self.hear(edge, side, input);
                }
            }
        }
    }

    /// What a node committed becomes durable in a while, in order.
    fn sync(
        &mut self,
        node: usize,
        log: Option<LogId>,
        applied: Option<(usize, usize)>,
        refilter: Option<(usize, usize)>,
    ) {
        let wait = self.dice.span(1, 8);
        let own = &mut self.nodes[node];
        own.sync_at = own.sync_at.max(self.now) + wait;
        let (due, boot, disk) = (own.sync_at, own.boot, Box::new(own.disk.clone()));
        self.at(
            due,
            What::Synced {
                node,
                boot,
                disk,
                log,
                applied,
                refilter,
            },
        );
    }

    fn lost(&mut self, edge: usize, side: usize, id: Option<[u8; 16]>) {
        let due = self.now + self.dice.span(1, 50);
        self.at(due, What::Lost { edge, side, id });
    }

    fn hear(&mut self, edge: usize, side: usize, input: Input) {
        let now = self.now + self.nodes[self.edges[edge].ends[side].node].ticks;
        let Some(link) = &mut self.edges[edge].ends[side].link else {
            return;
        };
        let todo = link.step(input, now);
        let standing = link.standing();
        assert!(standing.batches <= 4 && standing.applying <= 16, "I17: {standing:?}");
        for wish in todo {
            self.grant(edge, side, wish);
        }
    }

    fn later(&mut self, edge: usize, side: usize, wait: [i64; 2], input: Input) {
        let node = self.edges[edge].ends[side].node;
        let due = self.now + self.dice.span(wait[0], wait[1]);
        let what = What::Input {
            node,
            boot: self.nodes[node].boot,
            edge,
            side,
            input: Box::new(input),
        };
        self.at(due, what);
    }

    fn grant(&mut self, edge: usize, side: usize, wish: Do) {
        let (node, peer) = (self.edges[edge].ends[side].node, self.edges[edge].ends[side].peer);
        let number = edge * 2 + side;
        match wish {
            Do::Dial => {
                let id = u128::from(self.unique()).to_be_bytes();
                let due = self.now + self.dice.span(1, 20);
                self.at(due, What::Connect { edge, id });
            }
            Do::Send(bytes) => self.send(edge, side, bytes),
            Do::Read {
                log,
                after,
                limit,
                pass,
                ..
            } => {
                let mut reading = self.nodes[node].synced.read(log, number, after, limit);
                if reading.pass != pass && self.dice.in_1000(500) {
                    reading = Reading {
                        rows: Vec::new(),
                        ..reading
                    };
                }
                self.later(edge, side, [0, 3], Input::Read(reading));
            }
            Do::Apply(batch) => {
                let log = batch.log;
                let generation = self.unique();
                let busy = self.faults.drop > 0 && self.dice.in_1000(10);
                let applied = if busy || self.edges[edge].ends[side].revoked {
                    Err(NotApplied::Busy)
                } else {
                    let direct = self.nodes[peer].id == log.origin;
                    self.nodes[node].disk.apply(&batch, number, (peer, direct), generation)
                };
                match applied {
                    Ok(withdrew) => {
                        self.withdrew |= withdrew && matches!(self.shape, Shape::Ring | Shape::Mesh);
                        self.sync(node, Some(log), Some((edge, side)), None);
                    }
                    Err(why) => {
                        self.stats.diverged += u64::from(why == NotApplied::Diverged);
                        self.later(edge, side, [0, 3], Input::NotApplied { log, why });
                    }
                }
            }
            Do::Acked { log, seq } => {
                let synced = &self.nodes[node].synced;
                assert!(seq <= synced.logs[&log].seq(), "I6: the cursor is beyond the log");
                let pass = synced.log(log, number, peer).pass;
                let before = self.edges[edge].ends[side].acked.insert(log, (pass, seq));
                let same = |(of, _): &(u64, i64)| *of == pass && !self.withdrew;
                if let Some((_, before)) = before.filter(same) {
                    assert!(seq >= before, "I6: the cursor of {log:?} went from {before} to {seq}");
                }
            }
            Do::NewEpoch { epoch } => {
                if self.nodes[node].disk.own.epoch == epoch {
                    self.open_epoch(node);
                }
            }
            Do::Close(over) => {
                if over != Over::Revoked || self.edges[edge].connection.is_some() {
                    let id = self.edges[edge].connection;
                    self.lost(edge, 1 - side, id);
                }
            }
            Do::Fault(fault) => match fault {
                Fault::Refused(_) => self.stats.refused += 1,
                Fault::Unread(..) => panic!("{fault:?}"),
                _ => {}
            },
            Do::State(..) | Do::Hello(_) | Do::Head(_) | Do::Health(_) | Do::Withdraw(_) => {}
        }
    }

    fn open_epoch(&mut self, node: usize) {
        self.stats.epochs += 1;
        let epoch = self.epoch();
        let wall = self.wall(node);
        self.nodes[node].disk.new_epoch(wall, epoch);
        self.record(node);
        let log = self.nodes[node].disk.own;
        self.sync(node, Some(log), None, None);
    }

    fn wall(&self, node: usize) -> i64 {
        1_795_305_600_000 + self.now + self.nodes[node].wall
    }

    /// Notes what a node has said.
    fn record(&mut self, node: usize) {
        let disk = &self.nodes[node].disk;
        let cells = &disk.logs[&disk.own];
        for cell in cells.places.iter().rev() {
            let Cell::Event { event, .. } = cell else {
                panic!("a node has its own log in full")
            };
            let known = self.oracle.entry((disk.own, event.seq)).or_default();
            if known.contains(&event.hash) {
                break;
            }
            known.push(event.hash);
        }
    }

    /// A message leaves: what is on the wire is looked at, then it has its fate.
    fn send(&mut self, edge: usize, side: usize, bytes: Vec<u8>) {
        self.stats.messages += 1;
        self.stats.bytes += bytes.len() as u64;
        let decoded = Message::decode(&bytes).expect("a link writes what can be read");
        self.tap(edge, side, &decoded.message);
        let to = 1 - side;
        let mut bytes = bytes;
        if self.dice.in_1000(self.faults.season) {
            bytes = crate::codec::seasoned(&decoded.message);
        }
        if self.edges[edge].cut || self.dice.in_1000(self.faults.drop) {
            return;
        }
        if self.dice.in_1000(self.faults.garble) {
            let at = self.dice.below(bytes.len());
            match self.dice.below(3) {
                0 => bytes.truncate(at),
                1 => bytes[at] ^= 0x55,
                _ => bytes = vec![0x28; 40],
            }
        }
        let latency = self.dice.span(1, 15);
        let mut due = (self.now + latency).max(self.edges[edge].due[to]);
        if self.dice.in_1000(self.faults.delay) {
            due = self.now + self.dice.span(20, 5_000);
        } else {
            self.edges[edge].due[to] = due;
        }
        if self.dice.in_1000(self.faults.double) {
            let again = due + self.dice.span(0, 3_000);
            let bytes = bytes.clone();
            self.at(again, What::Deliver { edge, side: to, bytes });
        }
        self.at(due, What::Deliver { edge, side: to, bytes });
    }

    fn tap(&mut self, edge: usize, side: usize, message: &Message) {
        let end = &self.edges[edge].ends[side];
        let (node, peer, told, revoked) = (end.node, end.peer, end.told, end.revoked);
        let own = self.nodes[node].id;
        let mut only_pings = true;
        for frame in &message.frames {
            if self.trace {
                println!("{} {node}->{peer} {}", self.now, brief(frame));
            }
            only_pings &= matches!(frame, Frame::Ping(_));
            match frame {
                Frame::Batch(batch) => {
                    let id = batch.log;
                    assert!(!revoked, "I11: sent after the end");
                    assert!(!end_paused(&self.edges[edge].ends[side]), "sent while paused");
                    assert_ne!(id.origin, self.nodes[peer].id, "split horizon");
                    assert!(id.origin == own || told.relay, "I12: passed on without leave");
                    for item in &batch.items {
                        let node::forwarding::core::Item::Event(event) = item else {
                            continue;
                        };
                        self.stats.events += 1;
                        let (goes, whole) = told.lets(event);
                        assert!(goes, "I12: {event:?} is outside of {told:?}");
                        assert!(
                            whole || event.payload.is_none(),
                            "I12: a payload is outside of {told:?}"
                        );
                        let known = self.oracle.get(&(id, event.seq));
                        assert!(
                            known.is_some_and(|known| known.contains(&event.hash)),
                            "I13, I4: changed on the way"
                        );
                        if id.origin == own {
                            let there = self.nodes[peer]
                                .synced
                                .logs
                                .get(&id)
                                .and_then(|log| log.hash_at(event.seq));
                            assert!(
                                there.is_none_or(|hash| hash == event.hash),
                                "I10: a number is used again"
                            );
                        }
                        let sends = self.sends.entry((edge, side, id, batch.pass, event.seq)).or_default();
                        *sends += 1;
                        // In a circle a batch may cross with the same events from another side, and be asked for again.
                        let most = 1 + u32::from(matches!(self.shape, Shape::Ring | Shape::Mesh));
                        assert!(
                            !self.strict || self.withdrew || *sends <= most,
                            "I9: {id:?} {} was sent {sends} times",
                            event.seq
                        );
                    }
                }
                Frame::Ack(have) => {
                    assert!(!revoked, "I11: acknowledged after the end");
                    let stored = self.nodes[node].synced.logs.get(&have.log).map_or(0, |log| log.seq());
                    assert!(have.seq <= stored, "I2: acknowledged {have:?}, stored {stored}");
                }
                _ => {}
            }
        }
        self.busy += u64::from(!only_pings);
    }

    // What people and the world do.

    pub fn commit(&mut self, node: usize, many: usize) {
        if !self.nodes[node].up {
            return;
        }
        for _ in 0..many {
            let number = self.unique();
            let kind = match self.dice.below(12) {
                0 => "link.paused",
                1 => "of.a_later_version",
                _ => "session.moved",
            };
            let said = Said {
                kind: kind.into(),
                v: if kind.starts_with("of") { 99 } else { 1 },
                subject: format!("s{}", self.dice.below(SUBJECTS)),
                payload: format!("{{\"n\":{number},\"x\":\"\\u00e4\"}}").into_bytes(),
            };
            let wall = self.wall(node);
            self.nodes[node].disk.append(wall, &said);
        }
        self.record(node);
        let log = self.nodes[node].disk.own;
        self.sync(node, Some(log), None, None);
    }

    pub fn crash(&mut self, node: usize) {
        self.stats.crashes += u64::from(self.nodes[node].up);
        let own = &mut self.nodes[node];
        own.up = false;
        own.boot += 1;
        own.disk = own.synced.clone();
        own.sync_at = 0;
        for edge in 0..self.edges.len() {
            for side in 0..2 {
                if self.edges[edge].ends[side].node == node {
                    self.edges[edge].ends[side].link = None;
                    if self.dice.in_1000(700) {
                        let id = self.edges[edge].connection;
                        self.lost(edge, 1 - side, id);
                    }
                }
            }
        }
    }

    pub fn start(&mut self, node: usize, limits: Limits) {
        if std::mem::replace(&mut self.nodes[node].up, true) {
            return;
        }
        for edge in 0..self.edges.len() {
            for side in 0..2 {
                if self.edges[edge].ends[side].node == node {
                    self.start_link(edge, side, limits);
                }
            }
        }
    }

    pub fn copy(&mut self, node: usize) {
        let disk = self.nodes[node].synced.clone();
        self.nodes[node].copies.push(disk);
    }

    /// Puts an old copy in the place of a node's disk. Where not all others are its peers it notices by itself, as a node
    /// does whose directory remembers more than its database.
    pub fn restore(&mut self, node: usize, limits: Limits) {
        if self.nodes[node].copies.is_empty() {
            return;
        }
        self.crash(node);
        self.stats.restores += 1;
        let which = self.dice.below(self.nodes[node].copies.len());
        let own = &mut self.nodes[node];
        own.disk = own.copies[which].clone();
        // What it sends under a number is another than before: it gives new ones.
        for cells in own.disk.logs.values_mut() {
            self.unique += 1;
            Arc::make_mut(cells).generation = self.unique;
        }
        own.synced = own.disk.clone();
        for edge in &mut self.edges {
            for end in &mut edge.ends {
                end.acked.clear();
            }
        }
        let unseen = matches!(self.shape, Shape::Pair | Shape::Mesh | Shape::Loop) && self.dice.in_1000(700);
        if !unseen {
            let epoch = self.epoch();
            let wall = self.wall(node);
            self.nodes[node].disk.new_epoch(wall, epoch);
            self.record(node);
            self.nodes[node].synced = self.nodes[node].disk.clone();
        }
        self.start(node, limits);
    }

    pub fn refilter(&mut self, edge: usize, side: usize) {
        let node = self.edges[edge].ends[side].node;
        if self.nodes[node].up {
            let filter = self.filter();
            self.nodes[node].disk.sides.get_mut(&(edge * 2 + side)).unwrap().filter = filter;
            self.sync(node, None, None, Some((edge, side)));
        }
    }

    pub fn pause(&mut self, edge: usize, side: usize, paused: bool) {
        self.edges[edge].ends[side].paused = paused;
        self.hear(edge, side, if paused { Input::Paused } else { Input::Resumed });
    }

    pub fn revoke(&mut self, edge: usize, side: usize) {
        if self.edges[edge].ends[side].link.is_some() {
            self.hear(edge, side, Input::Revoked);
            self.edges[edge].ends[side].revoked = true;
        }
    }

    pub fn reset(&mut self, edge: usize) {
        let id = self.edges[edge].connection;
        for side in 0..2 {
            self.lost(edge, side, id);
        }
    }

    pub fn jump(&mut self, node: usize) {
        self.nodes[node].wall = self.dice.span(-3_600_000, 3_600_000);
        self.nodes[node].ticks += self.dice.span(-20_000, 60_000);
    }

    pub fn garbage(&mut self, edge: usize, side: usize) {
        let length = self.dice.below(60);
        let bytes = (0..length)
            .map(|_| u8::try_from(self.dice.below(256)).unwrap())
            .collect();
        self.hear(edge, side, Input::Received(bytes));
    }

    // What must hold.

    /// The invariants of what is stored, at any moment.
    pub fn check(&self) {
        for node in &self.nodes {
            for disk in [&node.synced, &node.disk] {
                for (id, cells) in &disk.logs {
                    self.check_log(*id, cells);
                }
            }
        }
    }

    fn check_log(&self, id: LogId, cells: &Cells) {
        assert_eq!(cells.view, cells.fold(), "I5, I3: the view is not what the log says");
        let mut previous = Some(node::journal::chain::GENESIS);
        for (cell, seq) in cells.places.iter().zip(1_i64..) {
            if let Cell::Event { event, .. } = cell {
                assert_eq!(event.seq, seq, "I4");
                let known = self.oracle.get(&(id, seq));
                assert!(
                    known.is_some_and(|known| known.contains(&event.hash)),
                    "I1: not of that log"
                );
                if let Some(previous) = previous {
                    assert_eq!(
                        event.hash_after(id, &previous),
                        event.hash,
                        "I1: the chain breaks at {seq}"
                    );
                }
            }
            previous = cell.hash();
        }
    }

    /// Whether every node has what it shall have, by paths of links that are open.
    pub fn has_converged(&self) -> Result<(), String> {
        for origin in 0..self.nodes.len() {
            let own = &self.nodes[origin].synced;
            let id = own.own;
            let said = &own.logs[&id];
            // Which positions each node shall have, and in full.
            let mut reached = vec![false; self.nodes.len()];
            let mut full = vec![vec![false; said.places.len()]; self.nodes.len()];
            let mut head = vec![vec![false; said.places.len()]; self.nodes.len()];
            reached[origin] = true;
            full[origin].fill(true);
            head[origin].fill(true);
            for _ in 0..self.nodes.len() {
                for (number, edge) in self.edges.iter().enumerate() {
                    if edge.ends.iter().any(|end| end.revoked || end.node == end.peer) {
                        continue;
                    }
                    for (side, end) in edge.ends.iter().enumerate() {
                        let filter = self.nodes[end.node].synced.sides[&(number * 2 + side)].filter;
                        if !reached[end.node] || !(end.node == origin || filter.relay) || end.peer == origin {
                            continue;
                        }
                        reached[end.peer] = true;
                        for (at, cell) in said.places.iter().enumerate() {
                            let Cell::Event { event, .. } = cell else { continue };
                            let (goes, whole) = filter.lets(event);
                            let (has, has_full) = (head[end.node][at] && goes, full[end.node][at] && whole);
                            head[end.peer][at] |= has;
                            full[end.peer][at] |= has_full;
                        }
                    }
                }
            }
            for (node, own) in self.nodes.iter().enumerate() {
                if !reached[node] {
                    continue;
                }
                let none = Cells::default();
                let has = own.synced.logs.get(&id).map_or(&none, |cells| cells);
                if has.seq() != said.seq() || has.end() != said.end() {
                    return Err(format!("{node} has {} of {} of {origin}", has.seq(), said.seq()));
                }
                for (at, cell) in has.places.iter().enumerate() {
                    let has_head = matches!(cell, Cell::Event { .. });
                    if head[node][at] && !has_head || full[node][at] && !cell.is_full() {
                        return Err(format!("{node} lacks {} of {origin}", at + 1));
                    }
                    // Where there is one way only, an origin's peer keeps nothing that was taken back.
                    let one_way = matches!(self.shape, Shape::Pair | Shape::Chain | Shape::Loop);
                    let linked = |edge: &Edge| edge.ends.iter().any(|end| (end.node, end.peer) == (origin, node));
                    if one_way && self.edges.iter().any(linked) && cell.is_full() && !full[node][at] {
                        return Err(format!("{node} still has {} of {origin}", at + 1));
                    }
                }
            }
        }
        Ok(())
    }
}

/// A frame on one line.
fn brief(frame: &Frame) -> String {
    match frame {
        Frame::Batch(batch) => format!(
            "batch {} pass {:x} {}..{} full {}",
            short(batch.log),
            batch.pass,
            batch.first,
            batch.last,
            batch.last_hole() == 0
        ),
        Frame::Ack(have) => format!("ack {}", brief_have(have)),
        Frame::Hello(hello) => format!("hello {:?}", hello.have.iter().map(brief_have).collect::<Vec<_>>()),
        Frame::Nack(Nack::Expected { log, seq }) => format!("expects {} {seq}", short(*log)),
        other => format!("{other:?}"),
    }
}

fn brief_have(have: &Have) -> String {
    let Have {
        log,
        seq,
        hole,
        pass,
        through,
        ..
    } = have;
    format!("{} {seq} hole {hole} pass {pass:x} through {through}", short(*log))
}

fn short(log: LogId) -> String {
    let origin = log.origin.to_string();
    format!("{}/{}", &origin[origin.len() - 1..], log.epoch.0[7])
}

fn end_paused(end: &End) -> bool {
    end.paused
}

fn offer(filter: Filter) -> Offer {
    Offer {
        filter: filter.version,
        passes: if filter.relay { Passes::All } else { Passes::None },
        nodes: Vec::new(),
    }
}
