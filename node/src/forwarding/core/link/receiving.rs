//! What a link receives: messages are read, batches checked and handed on. It must not acknowledge what is not stored.

use super::{Do, Fault, Link, NotApplied, Over, Phase, Why};
use crate::forwarding::core::{
    PROTO,
    batch::{Trimmed, Untrue},
    codec::{Message, Refusal},
    frame::{Batch, Frame, Have, Hello, LogId, Nack, Ping},
};
use model::{Millis, id::NodeId};

/// A log as it will be once the batches that are being applied are stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    have: Have,
    /// What the peer was told to begin with: the pass, the position, and where the batch began that was not taken. Those
    /// behind it were on the way already; one that does not come later than it was sent again.
    told: Option<(u64, i64, i64)>,
}

impl Link {
    pub(super) fn received(&mut self, bytes: &[u8], now: Millis) {
        let Some(connection) = self.connection() else {
            return self.todo.push(Do::Fault(Fault::Late));
        };
        let decoded = match Message::decode(bytes) {
            Ok(decoded) => decoded,
            Err(refusal) => return self.refuse(refusal, now),
        };
        let message = decoded.message;
        if message.connection != connection.id || message.number <= connection.heard {
            return self.todo.push(Do::Fault(Fault::Late));
        }
        connection.heard = message.number;
        connection.heard_at = now;
        if decoded.unknown > 0 {
            self.todo.push(Do::Fault(Fault::Unknown(decoded.unknown)));
        }
        for frame in message.frames {
            self.frame(frame, now);
            if self.connection().is_none() {
                return;
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal, now: Millis) {
        let word = refusal.word().to_owned();
        self.todo.push(Do::Fault(Fault::Refused(refusal)));
        let Some(connection) = self.connection() else {
            return;
        };
        connection.refusals += 1;
        let over = connection.refusals >= super::REFUSALS_MAX;
        self.frames.push(Frame::Nack(Nack::Refused(word)));
        if over {
            self.close(Over::Unreadable, now);
        }
    }

    fn frame(&mut self, frame: Frame, now: Millis) {
        let live = self.is_live();
        match frame {
            Frame::Hello(hello) => self.hello(hello, now),
            Frame::Nack(Nack::Revoked) => self.end(Why::There, now),
            Frame::Nack(Nack::BadVersion(theirs)) => self.close(Over::Version(theirs), now),
            Frame::Nack(nack) if live => self.nack(nack, now),
            Frame::Batch(batch) if live => self.batch(batch),
            Frame::Ack(have) if live => self.acknowledged(have),
            Frame::Credit(bytes) if live => self.room[1] = bytes,
            Frame::Ping(ping) if live => self.ping(ping),
            Frame::Head(head) if live => {
                if self.takes(head.log.origin) {
                    self.todo.push(Do::Head(head));
                } else {
                    self.todo.push(Do::Fault(Fault::Unwanted(head.log)));
                }
            }
            Frame::Withdrawn(withdrawn) if live => self.todo.push(Do::Withdraw(withdrawn)),
            _ => {}
        }
    }

    fn hello(&mut self, hello: Hello, now: Millis) {
        if hello.node != self.config.peer || hello.node == self.config.node {
            return self.close(Over::OtherNode(hello.node), now);
        }
        if hello.proto[0] > PROTO[1] || hello.proto[1] < PROTO[0] {
            self.frames.push(Frame::Nack(Nack::BadVersion(PROTO)));
            return self.close(Over::Version(hello.proto), now);
        }
        self.room = [hello.max_bytes, hello.credit];
        let resumes = std::mem::replace(&mut self.peer_paused, hello.paused) && !hello.paused;
        if let Phase::Greets(connection) = &self.phase {
            self.phase = Phase::Live(*connection);
            self.tries = 0;
            self.peer_has(&hello.have);
        } else {
            for have in &hello.have {
                self.acknowledged(*have);
            }
        }
        if resumes || hello.paused {
            self.rewind();
        }
        self.todo.push(Do::Hello(hello));
        if !self.config.dials {
            self.say_hello(now);
        }
        self.show_live();
    }

    fn ping(&mut self, ping: Ping) {
        if self.peer_paused != ping.paused {
            self.peer_paused = ping.paused;
            self.rewind();
            self.show_live();
        }
        if let Some(health) = ping.health {
            self.todo.push(Do::Health(health));
        }
    }

    fn nack(&mut self, nack: Nack, now: Millis) {
        match nack {
            Nack::Expected { log, seq } => self.expected(log, seq),
            Nack::Diverged { log } => {
                self.stop(log);
                self.todo.push(Do::Fault(Fault::DivergedThere(log)));
            }
            Nack::Unwanted { log } => self.stop(log),
            Nack::Paused => {
                self.peer_paused = true;
                self.rewind();
                self.show_live();
            }
            Nack::Busy => {
                self.rewind();
                self.hold_until = now.saturating_add(self.wait());
            }
            Nack::Refused(word) => self.todo.push(Do::Fault(Fault::RefusedThere(word))),
            Nack::Revoked | Nack::BadVersion(_) | Nack::Other(_) => {}
        }
    }

    /// Whether events of a node are taken from the peer.
    fn takes(&self, origin: NodeId) -> bool {
        origin != self.config.node && (origin == self.config.peer || self.config.takes.has(origin))
    }

    fn batch(&mut self, batch: Batch) {
        let id = batch.log;
        if self.config.paused {
            return self.frames.push(Frame::Nack(Nack::Paused));
        }
        if !self.takes(id.origin) {
            let fault = if id.origin == self.config.node {
                Fault::Echo(id)
            } else {
                Fault::Unwanted(id)
            };
            self.todo.push(Do::Fault(fault));
            return self.frames.push(Frame::Nack(Nack::Unwanted { log: id }));
        }
        let have = self
            .planned
            .get(&id)
            .map_or_else(|| self.stored(id), |planned| planned.have);
        let after = have.after(batch.pass);
        let (pass, first) = (batch.pass, batch.first);
        let batch = match batch.trimmed(after) {
            Ok(Trimmed::Rest(batch)) => batch,
            Ok(Trimmed::Nothing) => {
                let have = self.stored(id);
                return self.frames.push(Frame::Ack(have));
            }
            Err(_) => return self.expect(id, have, (pass, after + 1, first)),
        };
        if let Err(untrue) = fits(&batch, &have) {
            // A peer that has lost events cannot be told from one that changes them: both are named and not taken.
            self.todo.push(Do::Fault(Fault::Diverged(id)));
            let nack = match untrue {
                Untrue::Gap => Nack::Expected {
                    log: id,
                    seq: after + 1,
                },
                Untrue::Hash(_) => Nack::Diverged { log: id },
            };
            return self.frames.push(Frame::Nack(nack));
        }
        self.peer_sent(&batch);
        self.planned.insert(
            id,
            Planned {
                have: after_applying(have, &batch),
                told: None,
            },
        );
        self.applying.push_back(id);
        self.todo.push(Do::Apply(batch));
    }

    /// What is stored of a log.
    fn stored(&self, id: LogId) -> Have {
        self.logs.get(&id).map_or(Have::nothing(id), super::Log::have)
    }

    /// Tells the peer, once for all that is on the way, what is expected of it.
    fn expect(&mut self, log: LogId, have: Have, (pass, seq, first): (u64, i64, i64)) {
        let planned = self.planned.entry(log).or_insert(Planned { have, told: None });
        let same = |(of, said, from): (u64, i64, i64)| of == pass && said == seq && first > from;
        if !planned.told.is_some_and(same) {
            planned.told = Some((pass, seq, first));
            self.say(Frame::Nack(Nack::Expected { log, seq }));
        }
    }

    pub(super) fn applied(&mut self, log: super::Log) {
        self.done(log.id);
        self.changed(log);
        self.say(Frame::Ack(log.have()));
    }

    fn done(&mut self, id: LogId) -> bool {
        let at = self.applying.iter().position(|log| *log == id);
        at.is_some_and(|at| self.applying.remove(at).is_some())
    }

    pub(super) fn not_applied(&mut self, id: LogId, why: NotApplied) {
        if !self.done(id) {
            return;
        }
        let told = self.planned.remove(&id).and_then(|planned| planned.told);
        let have = self.stored(id);
        match why {
            NotApplied::Gap => {
                let pass = have.pass;
                self.planned.insert(id, Planned { have, told });
                self.expect(id, have, (pass, have.after(pass) + 1, i64::MAX));
            }
            NotApplied::Diverged => {
                self.todo.push(Do::Fault(Fault::Diverged(id)));
                self.say(Frame::Nack(Nack::Diverged { log: id }));
            }
            NotApplied::Busy => self.say(Frame::Nack(Nack::Busy)),
        }
    }
}

/// Whether a batch continues what is there, as far as that can be seen without the rows.
fn fits(batch: &Batch, have: &Have) -> Result<(), Untrue> {
    let here = batch.hash_at(have.seq);
    if here.is_some_and(|hash| hash != have.hash) {
        return Err(Untrue::Hash(have.seq));
    }
    batch.verify()
}

/// What will be there once the batch is applied.
fn after_applying(have: Have, batch: &Batch) -> Have {
    let longer = batch.last > have.seq;
    Have {
        log: have.log,
        seq: have.seq.max(batch.last),
        hash: if longer { batch.end() } else { have.hash },
        hole: if have.hole > batch.last {
            have.hole
        } else {
            batch.last_hole()
        },
        pass: batch.pass,
        through: batch.last,
    }
}
