//! A node's store in memory: logs, applied view, filters and cursors. Like the real one it changes in transactions, and
//! only what was synced is there after a crash.

use node::{
    forwarding::core::{Batch, Event, Item, Log, LogId, NotApplied, Payload, Reading, Reason, Skip, Taken},
    journal::chain,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How many subjects there are; a filter lets some of them through.
pub const SUBJECTS: usize = 4;

/// What one end of a link sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    pub version: u64,
    /// A bit for each subject.
    pub subjects: u8,
    /// No payloads.
    pub outline: bool,
    pub relay: bool,
}

impl Filter {
    /// Whether an event goes, and its payload.
    pub fn lets(&self, event: &Event) -> (bool, bool) {
        let subject = event.subject.bytes().last().map_or(0, |digit| digit - b'0');
        let goes = !event.kind.starts_with("link.") && self.subjects >> subject & 1 == 1;
        (goes, goes && !self.outline)
    }
}

/// One position of a log. `via`: the peer that the payload came from.
#[derive(Clone, Debug)]
pub enum Cell {
    Event { event: Arc<Event>, via: Option<usize> },
    Skip { hash: Option<[u8; 32]> },
}

impl Cell {
    pub fn hash(&self) -> Option<[u8; 32]> {
        match self {
            Self::Event { event, .. } => Some(event.hash),
            Self::Skip { hash } => *hash,
        }
    }

    pub fn is_full(&self) -> bool {
        matches!(self, Self::Event { event, .. } if event.payload.is_some())
    }
}

#[derive(Clone, Debug, Default)]
pub struct Cells {
    pub places: Vec<Cell>,
    pub hole: i64,
    /// The peers that anything of it came from; empty for a node's own.
    pub sources: BTreeSet<usize>,
    /// Changes when something below the end came or went.
    pub generation: u64,
    dirty: bool,
    /// The applied view: for each subject the number of events in full and the sum of what they say.
    pub view: BTreeMap<String, (u64, u64)>,
}

impl Cells {
    pub fn seq(&self) -> i64 {
        i64::try_from(self.places.len()).unwrap()
    }

    /// The hash at a position.
    pub fn hash_at(&self, seq: i64) -> Option<[u8; 32]> {
        match seq {
            0 => Some(chain::GENESIS),
            seq => self.places.get(usize::try_from(seq - 1).ok()?).and_then(Cell::hash),
        }
    }

    pub fn end(&self) -> [u8; 32] {
        self.hash_at(self.seq()).expect("a log ends with a hash")
    }

    fn see(view: &mut BTreeMap<String, (u64, u64)>, event: &Event, comes: bool) {
        let Some(payload) = &event.payload else {
            return;
        };
        let says = u64::from_le_bytes(*blake3::hash(&payload.bytes).as_bytes().first_chunk().unwrap());
        let (count, sum) = view.entry(event.subject.clone()).or_default();
        if comes {
            *count += 1;
            *sum = sum.wrapping_add(says);
        } else {
            *count -= 1;
            *sum = sum.wrapping_sub(says);
            if *count == 0 {
                view.remove(&event.subject);
            }
        }
    }

    /// The view as a fold over the cells.
    pub fn fold(&self) -> BTreeMap<String, (u64, u64)> {
        let mut view = BTreeMap::new();
        for cell in &self.places {
            if let Cell::Event { event, .. } = cell {
                Self::see(&mut view, event, true);
            }
        }
        view
    }

    fn find_hole(&mut self) {
        let hole = self.places.iter().rposition(|cell| !cell.is_full());
        self.hole = hole.map_or(0, |at| i64::try_from(at + 1).unwrap());
    }

    pub fn append(&mut self, log: LogId, hlc: i64, said: &Said) {
        let payload = Payload {
            bytes: said.payload.clone(),
            salt: *blake3::hash(&said.payload).as_bytes().first_chunk().unwrap(),
        };
        let mut event = Event {
            seq: self.seq() + 1,
            hlc,
            actor: "node".into(),
            kind: said.kind.clone(),
            v: said.v,
            subject: said.subject.clone(),
            commitment: chain::commitment(&payload.salt, &payload.bytes),
            payload: Some(payload),
            hash: [0; 32],
        };
        event.hash = event.hash_after(log, &self.end());
        Self::see(&mut self.view, &event, true);
        self.places.push(Cell::Event {
            event: Arc::new(event),
            via: None,
        });
    }

    /// Applies a batch; what it says is the first position that it took something from.
    fn apply(&mut self, batch: &Batch, via: usize, direct: bool, generation: u64) -> Result<Option<i64>, NotApplied> {
        let mut taken = None;
        let before = self.seq();
        let compare = |seq: i64| match (self.hash_at(seq), batch.hash_at(seq)) {
            (Some(here), Some(there)) if seq <= before => here == there,
            _ => true,
        };
        if !(batch.first - 1..=batch.last.min(before)).all(compare) {
            return Err(NotApplied::Diverged);
        }
        self.sources.insert(via);
        for item in &batch.items {
            match item {
                Item::Event(event) => self.apply_event(event, (via, direct), before, &mut taken),
                Item::Skip(skip) => self.apply_skip(skip, (via, direct), before, &mut taken),
            }
        }
        if let Some(previous) = batch.previous
            && let Some(Cell::Skip { hash }) = usize::try_from(batch.first - 2)
                .ok()
                .and_then(|at| self.places.get_mut(at))
        {
            *hash = Some(previous);
        }
        self.find_hole();
        // A log that is new here may have been here before a restore: never the same number again.
        if before == 0 || self.dirty && batch.last >= self.seq() {
            self.dirty = false;
            self.generation = generation;
        }
        Ok(taken)
    }

    fn apply_event(&mut self, event: &Event, (via, direct): (usize, bool), before: i64, taken: &mut Option<i64>) {
        let new = Cell::Event {
            event: Arc::new(event.clone()),
            via: Some(via),
        };
        if event.seq > before {
            Self::see(&mut self.view, event, true);
            return self.places.push(new);
        }
        let cell = &mut self.places[usize::try_from(event.seq - 1).unwrap()];
        let replace = match cell {
            Cell::Skip { .. } => true,
            Cell::Event { event: held, via: from } => {
                // More of it, or less from whom all of it came.
                held.payload.is_none() && event.payload.is_some()
                    || held.payload.is_some() && event.payload.is_none() && *from == Some(via) && direct
            }
        };
        if replace {
            if let Cell::Event { event: held, .. } = cell {
                if event.payload.is_none() {
                    taken.get_or_insert(event.seq);
                }
                Self::see(&mut self.view, held, false);
            }
            Self::see(&mut self.view, event, true);
            *cell = new;
            self.dirty = true;
        }
    }

    fn apply_skip(&mut self, skip: &Skip, (via, direct): (usize, bool), before: i64, taken: &mut Option<i64>) {
        for seq in skip.from..=skip.to {
            let at = usize::try_from(seq - 1).unwrap();
            let hash = (seq == skip.to).then_some(skip.hash);
            if seq > before {
                self.places.push(Cell::Skip { hash });
                continue;
            }
            match &mut self.places[at] {
                Cell::Skip { hash: known } => *known = known.or(hash),
                Cell::Event { event, via: from } => {
                    if *from == Some(via) && direct && event.payload.is_some() {
                        Self::see(&mut self.view, event, false);
                        Arc::make_mut(event).payload = None;
                        taken.get_or_insert(seq);
                        self.dirty = true;
                    }
                }
            }
        }
    }
}

/// What happens on a node.
#[derive(Clone, Debug)]
pub struct Said {
    pub kind: String,
    pub v: i32,
    pub subject: String,
    pub payload: Vec<u8>,
}

/// What one end of a link stores.
#[derive(Clone, Debug)]
pub struct Side {
    pub filter: Filter,
    pub taken: BTreeMap<LogId, Taken>,
}

/// Everything that a node stores.
#[derive(Clone, Debug)]
pub struct Disk {
    pub own: LogId,
    pub logs: BTreeMap<LogId, Arc<Cells>>,
    /// By link.
    pub sides: BTreeMap<usize, Side>,
    pub hlc: i64,
}

impl Disk {
    /// A log as the link to `peer` is told of it.
    pub fn log(&self, id: LogId, link: usize, peer: usize) -> Log {
        let none = Cells::default();
        let cells = self.logs.get(&id).map_or(&none, |cells| cells);
        let side = &self.sides[&link];
        Log {
            id,
            seq: cells.seq(),
            hash: cells.end(),
            hole: cells.hole,
            offered: if id.origin == self.own.origin {
                id == self.own
            } else {
                side.filter.relay && cells.sources.iter().any(|source| *source != peer)
            },
            pass: side.filter.version << 32 | cells.generation,
            taken: side.taken.get(&id).copied().unwrap_or_default(),
        }
    }

    pub fn append(&mut self, wall: i64, said: &Said) {
        self.hlc = chain::tick(self.hlc, wall);
        let cells = self.logs.entry(self.own).or_default();
        Arc::make_mut(cells).append(self.own, self.hlc, said);
    }

    /// Says everything of this node's own anew, in a new epoch.
    pub fn new_epoch(&mut self, wall: i64, epoch: node::forwarding::core::Epoch) {
        let old = self.logs.get(&self.own).cloned().unwrap_or_default();
        self.own.epoch = epoch;
        self.logs.entry(self.own).or_default();
        for cell in &old.places {
            if let Cell::Event { event, .. } = cell {
                let said = Said {
                    kind: event.kind.clone(),
                    v: event.v,
                    subject: event.subject.clone(),
                    payload: event.payload.clone().expect("a node has its own payloads").bytes,
                };
                self.append(wall, &said);
            }
        }
    }

    /// Applies a batch; says whether it took something away.
    pub fn apply(
        &mut self,
        batch: &Batch,
        link: usize,
        (peer, direct): (usize, bool),
        generation: u64,
    ) -> Result<bool, NotApplied> {
        let id = batch.log;
        let have = self.log(id, link, peer).have();
        if batch.first > have.after(batch.pass) + 1 {
            return Err(NotApplied::Gap);
        }
        let before: Vec<_> = self
            .sides
            .keys()
            .map(|side| (*side, self.log(id, *side, peer)))
            .collect();
        let withdrew = Arc::make_mut(self.logs.entry(id).or_default()).apply(batch, peer, direct, generation)?;
        for (side, log) in before {
            let taken = log.taken_beside(withdrew);
            self.sides.get_mut(&side).unwrap().taken.insert(id, taken);
        }
        let taken = Taken {
            pass: batch.pass,
            through: batch.last,
        };
        self.sides.get_mut(&link).unwrap().taken.insert(id, taken);
        Ok(withdrew.is_some())
    }

    /// Rows for a peer.
    pub fn read(&self, id: LogId, link: usize, after: i64, limit: usize) -> Reading {
        let side = &self.sides[&link];
        let cells = &self.logs[&id];
        let mut rows: Vec<Item> = Vec::new();
        let mut from = None;
        for (cell, seq) in cells.places[usize::try_from(after).unwrap()..].iter().zip(after + 1..) {
            if rows.len() >= limit {
                break;
            }
            rows.push(match cell {
                Cell::Event { event, .. } => {
                    let (goes, whole) = side.filter.lets(event);
                    if goes {
                        let mut event = (**event).clone();
                        event.payload.take_if(|_| !whole);
                        Item::Event(event)
                    } else {
                        Item::Skip(Skip {
                            from: seq,
                            to: seq,
                            reason: Reason::Filtered,
                            hash: event.hash,
                        })
                    }
                }
                Cell::Skip { hash: None } => {
                    from.get_or_insert(seq);
                    continue;
                }
                Cell::Skip { hash: Some(hash) } => Item::Skip(Skip {
                    from: from.take().unwrap_or(seq),
                    to: seq,
                    reason: Reason::Absent,
                    hash: *hash,
                }),
            });
            assert!(from.is_none(), "a run of skips ends with a hash");
        }
        Reading {
            log: id,
            pass: side.filter.version << 32 | cells.generation,
            after,
            previous: cells.hash_at(after),
            rows,
        }
    }
}
