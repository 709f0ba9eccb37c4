//! What a link sends: a position in each log, and at most a few batches on the way. It must not send what it has not read
//! since the contents of the log last changed, nor anything of a log that the peer has another version of.

use super::{Do, Fault, Link, Log, Reading};
use crate::forwarding::core::{
    BATCH_BYTES, PAYLOAD_MAX,
    frame::{Batch, Frame, Have, Item, LogId},
};
use model::Millis;

/// The least that a peer must take in one batch; it may ask for no less.
const BYTES_MIN: u64 = 64 << 10;
/// Rows that could not be read are tried again after so many ms.
const UNREAD_MS: Millis = 1_000;
/// Patience is doubled at most so often.
const DOUBLED_MAX: u32 = 3;

/// The other end's side of a log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    /// What it has.
    have: Have,
    /// Everything up to here was sent, or need not be.
    next: i64,
    /// Something of another pass was sent that it has not answered: it may have begun that one.
    between: bool,
    /// Whether its hash is the one that this node has at the same position.
    checked: bool,
    /// It is not sent on this connection any more.
    stopped: bool,
    /// What was last reported as acknowledged.
    acked: Option<i64>,
    /// The newest head that was sent.
    head: i64,
}

/// A batch on the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    log: LogId,
    pass: u64,
    last: i64,
    pub(super) bytes: u64,
    at: Millis,
}

/// Rows that are being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadUnderWay {
    log: LogId,
    after: i64,
}

impl Sending {
    /// Up to which position nothing needs to be sent of a pass, as far as is known.
    fn after(&self, pass: u64) -> i64 {
        if self.between { 0 } else { self.have.after(pass) }
    }
}

impl Link {
    /// The peer says how far it has come in all logs, for the first time on this connection.
    pub(super) fn peer_has(&mut self, haves: &[Have]) {
        for have in haves {
            self.sending.insert(have.log, self.begin(*have));
        }
        let unheard: Vec<_> = self
            .logs
            .keys()
            .filter(|log| !self.sending.contains_key(log))
            .copied()
            .collect();
        for log in unheard {
            self.sending.insert(log, self.begin(Have::nothing(log)));
        }
        for have in haves {
            self.compare(have.log);
            self.report(have.log);
        }
    }

    fn begin(&self, have: Have) -> Sending {
        Sending {
            have,
            next: self.logs.get(&have.log).map_or(have.seq, |log| have.after(log.pass)),
            between: false,
            checked: have.seq == 0,
            stopped: false,
            acked: None,
            head: 0,
        }
    }

    /// The peer has come further, or says again where it is.
    pub(super) fn acknowledged(&mut self, have: Have) {
        let begun = self.begin(have);
        let sending = self.sending.entry(have.log).or_insert(begun);
        // What was there stays compared: a log only grows.
        sending.checked &= have.seq >= sending.have.seq;
        let pass = self.logs.get(&have.log).map_or(0, |log| log.pass);
        // Who lacks nothing begins no pass, and says so.
        let most = self
            .flights
            .iter()
            .filter(|flight| flight.log == have.log)
            .map(|flight| flight.last);
        sending.between &= have.pass == 0 && most.max().is_none_or(|last| last > have.after(pass));
        let after = if sending.between { 0 } else { have.after(pass) };
        // Another peer of its took something back: what this node may still give is wanted again.
        if have.pass == sending.have.pass && have.through < sending.have.through && after < sending.next {
            sending.next = after;
            self.flights.retain(|flight| flight.log != have.log);
        }
        sending.have = have;
        sending.next = sending.next.max(after);
        if pass != 0 && (have.pass == pass || have.pass == 0) {
            let before = self.flights.len();
            self.flights
                .retain(|flight| flight.log != have.log || flight.pass != pass || flight.last > after);
            if self.flights.len() < before {
                self.tries = 0;
            }
        }
        self.compare(have.log);
        self.report(have.log);
    }

    /// The peer sent a batch, so it has what is in it.
    pub(super) fn peer_sent(&mut self, batch: &Batch) {
        let begun = self.begin(Have::nothing(batch.log));
        let sending = self.sending.entry(batch.log).or_insert(begun);
        if batch.last > sending.have.seq && batch.first <= sending.have.seq + 1 {
            sending.have.through = sending.have.after(sending.have.pass);
            sending.have.seq = batch.last;
            sending.have.hash = batch.end();
            sending.have.hole = sending.have.hole.max(batch.hole);
            if let Some(log) = self.logs.get(&batch.log) {
                sending.next = sending.next.max(sending.after(log.pass));
            }
        }
    }

    /// Compares the peer's hash with ours where both are at the same position; elsewhere the next read does.
    fn compare(&mut self, id: LogId) {
        let (Some(log), Some(sending)) = (self.logs.get(&id), self.sending.get_mut(&id)) else {
            return;
        };
        if !log.offered {
            return;
        }
        let same = match sending.have.seq {
            0 => true,
            seq if seq == log.seq => sending.have.hash == log.hash,
            // Nothing of this node's own present log can be known elsewhere and not here.
            seq if seq > log.seq => id.origin != self.config.node || id.epoch != self.config.epoch,
            _ => return,
        };
        sending.checked = true;
        if !same {
            self.diverges(id);
        }
    }

    /// The peer has another version of a log.
    fn diverges(&mut self, id: LogId) {
        if let Some(sending) = self.sending.get_mut(&id) {
            sending.stopped = true;
        }
        self.flights.retain(|flight| flight.log != id);
        let own = id.origin == self.config.node && id.epoch == self.config.epoch;
        if !own {
            self.todo.push(Do::Fault(Fault::DivergedThere(id)));
        } else if self.forked != Some(id.epoch) {
            self.forked = Some(id.epoch);
            self.todo.push(Do::NewEpoch { epoch: id.epoch });
        }
    }

    /// Reports how far the peer has come, where that is news.
    fn report(&mut self, id: LogId) {
        let (Some(log), Some(sending)) = (self.logs.get(&id), self.sending.get_mut(&id)) else {
            return;
        };
        let seq = sending.after(log.pass).min(log.seq);
        if log.offered && !sending.stopped && sending.acked != Some(seq) {
            sending.acked = Some(seq);
            self.todo.push(Do::Acked { log: id, seq });
        }
    }

    /// A log is another than before: longer, or with other contents.
    pub(super) fn changed(&mut self, log: Log) {
        let id = log.id;
        let before = self.logs.insert(id, log);
        if id.origin == self.config.node && log.offered && id.epoch != self.config.epoch {
            self.config.epoch = id.epoch;
            self.forked = None;
        }
        if !self.is_live() {
            return;
        }
        if before.is_some_and(|before| before.taken.pass == log.taken.pass && before.taken.through > log.taken.through)
        {
            self.frames.push(Frame::Ack(log.have()));
        }
        if !self.applying.contains(&id) {
            // The store may have more than was planned: from another link.
            self.planned.remove(&id);
        }
        let begun = self.begin(Have::nothing(id));
        let sending = self.sending.entry(id).or_insert(begun);
        if before.is_none_or(|before| before.pass != log.pass || before.offered != log.offered) {
            let sent = self.flights.iter().any(|flight| flight.log == id);
            sending.between |= sent && sending.have.pass == 0;
            sending.next = sending.after(log.pass);
            self.flights.retain(|flight| flight.log != id);
        }
        if !self.sending.get(&id).is_some_and(|sending| sending.checked) {
            self.compare(id);
        }
    }

    /// Sends again from where the peer is known to be.
    pub(super) fn rewind(&mut self) {
        self.flights.clear();
        for (id, sending) in &mut self.sending {
            if let Some(log) = self.logs.get(id) {
                sending.next = sending.after(log.pass);
            }
        }
    }

    /// The peer expects `seq` next.
    pub(super) fn expected(&mut self, id: LogId, seq: i64) {
        let Some(log) = self.logs.get(&id) else {
            return;
        };
        let own = id.origin == self.config.node && id.epoch == self.config.epoch;
        if own && seq > log.seq + 1 {
            return self.diverges(id);
        }
        if let Some(sending) = self.sending.get_mut(&id)
            && seq <= sending.next
        {
            sending.next = seq - 1;
            self.flights.retain(|flight| flight.log != id);
        }
    }

    /// The peer takes nothing more of a log.
    pub(super) fn stop(&mut self, id: LogId) {
        if let Some(sending) = self.sending.get_mut(&id) {
            sending.stopped = true;
        }
        self.flights.retain(|flight| flight.log != id);
    }

    /// When batches on the way are given up.
    pub(super) fn patience_ends(&self) -> Option<Millis> {
        let patience = self.config.limits.patience << self.tries.min(DOUBLED_MAX);
        let oldest = self.flights.front()?;
        Some(oldest.at.saturating_add(patience))
    }

    /// Whether events of a log go to the peer.
    fn sends(&self, log: &Log) -> bool {
        let id = log.id;
        let own = id.origin == self.config.node;
        let allowed = if own {
            id.epoch == self.config.epoch && self.forked != Some(id.epoch)
        } else {
            id.origin != self.config.peer && self.config.offer.passes.has(id.origin)
        };
        log.offered && allowed && self.sending.get(&id).is_some_and(|sending| !sending.stopped)
    }

    fn is_open(&self) -> bool {
        self.is_live() && !self.config.paused && !self.peer_paused
    }

    /// How many positions of a log wait to be sent.
    fn waiting(&self, log: &Log) -> i64 {
        let next = self.sending.get(&log.id).map_or(0, |sending| sending.next);
        if self.sends(log) { (log.seq - next).max(0) } else { 0 }
    }

    /// How many positions of all logs wait to be sent.
    pub(super) fn unsent(&self) -> i64 {
        let each = self.logs.values().map(|log| self.waiting(log));
        each.fold(0, i64::saturating_add)
    }

    /// When the next read is due; `None` while nothing waits, or too much is on the way.
    pub(super) fn read_at(&self) -> Option<Millis> {
        let [_, credit] = self.room;
        let bytes: u64 = self.flights.iter().map(|flight| flight.bytes).sum();
        let full = self.flights.len() >= self.config.limits.batches || (bytes >= credit && !self.flights.is_empty());
        if !self.is_open() || self.reading.is_some() || full {
            return None;
        }
        let waiting = self.unsent();
        if waiting == 0 {
            return None;
        }
        let since = self.work_since?;
        let enough = i64::try_from(self.config.limits.items).unwrap_or(i64::MAX);
        let linger = if waiting >= enough {
            0
        } else {
            self.config.limits.linger
        };
        Some(since.saturating_add(linger).max(self.hold_until))
    }

    /// Reads what is due, and sends the heads of what was sent.
    pub(super) fn send_due(&mut self, now: Millis) {
        if !self.is_open() {
            return;
        }
        self.send_heads();
        if !self.logs.values().any(|log| self.waiting(log) > 0) {
            self.work_since = None;
            return;
        }
        self.work_since.get_or_insert(now);
        if self.read_at().is_some_and(|at| at <= now) {
            self.read_next();
        }
    }

    fn read_next(&mut self) {
        let waits = |log: &&Log| self.waiting(log) > 0;
        let later = |log: &&Log| self.turn.is_none_or(|turn| log.id > turn);
        let next = self.logs.values().filter(waits).find(later);
        let Some(log) = next.or_else(|| self.logs.values().find(waits)) else {
            return;
        };
        let id = log.id;
        let Some(sending) = self.sending.get(&id) else {
            return;
        };
        // The hash at the peer's position is looked at before anything is sent.
        let check = !sending.checked && sending.have.seq <= log.seq;
        let after = if check { sending.have.seq } else { sending.next };
        let pass = log.pass;
        self.turn = Some(id);
        self.reading = Some(ReadUnderWay { log: id, after });
        let most = self.room[0].max(BYTES_MIN).min(BATCH_BYTES as u64);
        self.todo.push(Do::Read {
            log: id,
            pass,
            after,
            limit: self.config.limits.items,
            max_bytes: usize::try_from(most)
                .unwrap_or(BATCH_BYTES)
                .min(self.config.limits.bytes),
        });
    }

    /// Rows were read.
    pub(super) fn read(&mut self, reading: Reading, now: Millis) {
        let asked = self
            .reading
            .take_if(|asked| asked.log == reading.log && asked.after == reading.after);
        let Some(asked) = asked else {
            return;
        };
        let id = asked.log;
        let (Some(log), Some(sending)) = (self.logs.get(&id), self.sending.get_mut(&id)) else {
            return;
        };
        // What was chosen by other contents than the present ones is of no use, and may be what must not be sent.
        if log.pass != reading.pass {
            return;
        }
        if !sending.checked && sending.have.seq == asked.after {
            sending.checked = true;
            // Inside of a run of skipped events there is nothing to compare.
            if reading.previous.is_some_and(|hash| hash != sending.have.hash) {
                return self.diverges(id);
            }
        }
        if sending.next != asked.after || !self.is_open() {
            return;
        }
        let (pass, hole) = (log.pass, log.hole);
        let (items, bytes) = self.fitting(asked.after, reading.rows);
        let Some(last) = items.last().map(Item::last) else {
            self.hold_until = now.saturating_add(UNREAD_MS);
            self.todo.push(Do::Fault(Fault::Unread(id, asked.after + 1)));
            return;
        };
        if reading.previous.is_none() && matches!(items.first(), Some(Item::Event(_))) {
            self.hold_until = now.saturating_add(UNREAD_MS);
            self.todo.push(Do::Fault(Fault::Unread(id, asked.after)));
            return;
        }
        if let Some(sending) = self.sending.get_mut(&id) {
            sending.next = last;
        }
        self.flights.push_back(Flight {
            log: id,
            pass,
            last,
            bytes,
            at: now,
        });
        self.frames.push(Frame::Batch(Batch {
            log: id,
            pass,
            first: asked.after + 1,
            last,
            // Of a log with holes further on nothing better is known.
            hole: hole.min(last),
            previous: reading.previous,
            items,
        }));
    }

    /// The rows that fit into a batch, up to the first gap; runs of skips as one.
    fn fitting(&self, after: i64, rows: Vec<Item>) -> (Vec<Item>, u64) {
        let most = self.room[0].max(BYTES_MIN).min(self.config.limits.bytes as u64);
        let mut items: Vec<Item> = Vec::new();
        let mut bytes = 0_u64;
        let mut next = after + 1;
        for mut row in rows {
            if row.first() != next || row.last() < next {
                break;
            }
            if let Item::Event(event) = &mut row {
                event.payload.take_if(|payload| payload.bytes.len() > PAYLOAD_MAX);
            }
            let size = match &row {
                Item::Event(event) => event.size() as u64,
                Item::Skip(_) => 120,
            };
            next = row.last() + 1;
            if let (Some(Item::Skip(run)), Item::Skip(skip)) = (items.last_mut(), &row)
                && run.reason == skip.reason
            {
                run.to = skip.to;
                run.hash = skip.hash;
                continue;
            }
            if items.len() == self.config.limits.items || (bytes + size > most && !items.is_empty()) {
                break;
            }
            bytes += size;
            items.push(row);
        }
        (items, bytes)
    }

    /// A batch that does not fit into a message goes as half of it; a single event goes without its payload.
    pub(super) fn post_less(&mut self, mut batch: Batch, now: Millis) {
        if let [item] = batch.items.as_mut_slice() {
            if let Item::Event(event) = item
                && event.payload.take().is_some()
            {
                self.post(vec![Frame::Batch(batch)], now);
            }
            return;
        }
        batch.items.truncate(batch.items.len() / 2);
        let whole = std::mem::replace(&mut batch.last, batch.items.last().map_or(0, Item::last));
        batch.hole = batch.hole.min(batch.last);
        if let Some(flight) = self
            .flights
            .iter_mut()
            .find(|flight| flight.log == batch.log && flight.last == whole)
        {
            flight.last = batch.last;
        }
        if let Some(sending) = self.sending.get_mut(&batch.log) {
            sending.next = sending.next.min(batch.last);
        }
        self.post(vec![Frame::Batch(batch)], now);
    }

    fn send_heads(&mut self) {
        for (id, head) in &self.heads {
            let sends = self.logs.get(id).is_some_and(|log| self.sends(log));
            if let Some(sending) = self.sending.get_mut(id)
                && sends
                && sending.checked
                && sending.next >= head.seq
                && sending.head < head.seq
            {
                sending.head = head.seq;
                self.frames.push(Frame::Head(head.clone()));
            }
        }
    }
}
