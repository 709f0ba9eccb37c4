//! One end of a link at work: does what the core wishes, and tells it what came of it. It is the only one that speaks
//! to the core; what waits for the network or the disk comes back as an input.

use super::{
    Forwarding, Outbox,
    contents::Contents,
    core::{
        Batch, Config, Do, Fault, Hello, Input, Item, Limits, Link, Log, LogId, NotApplied, Offer, Over, Passes, Why,
    },
    exchange::{self, CONTENT_TYPE, Exchange, PATH},
    logs,
};
use crate::{
    fleet::{LinkEnd, NotAnswered},
    journal::{self, Received, TakenBy},
    origin::origin_of,
};
use model::{
    Error, Millis, Pos,
    fleet::{LinkState, Transport},
};
use std::{collections::VecDeque, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// The longest sleep without a look at the clock.
const LONGEST: Duration = Duration::from_secs(1);

/// What the task of a link is told from outside.
pub(super) enum Told {
    /// There is a connection.
    Connected([u8; 16]),
    /// A message came over this connection.
    Received([u8; 16], Vec<u8>),
    /// This connection has ended, for this reason.
    Lost([u8; 16], String),
}

/// The task of one link.
pub(super) struct End {
    forwarding: Forwarding,
    side: LinkEnd,
    link: Link,
    contents: Contents,
    pass: u64,
    outbox: Outbox,
    told: mpsc::Sender<Told>,
    connection: Option<[u8; 16]>,
    carriers: Vec<JoinHandle<()>>,
    /// The logs as the core knows them.
    logs: Vec<Log>,
    /// Why the last connection ended.
    lost: Option<String>,
    /// What the peer has of this node's own log.
    acked: i64,
}

impl Drop for End {
    fn drop(&mut self) {
        self.hang_up();
    }
}

impl End {
    pub(super) fn new(forwarding: Forwarding, end: LinkEnd, outbox: Outbox, told: mpsc::Sender<Told>) -> Self {
        let inner = &forwarding.0;
        let pass = Contents::pass(&end.send);
        let passes = |passes: bool| if passes { Passes::All } else { Passes::None };
        let config = Config {
            node: inner.journal.node_id(),
            peer: end.peer,
            epoch: logs::epoch_of(inner.journal.epoch()).unwrap_or(super::core::Epoch([0; 8])),
            name: inner.identity.name.clone(),
            kind: inner.identity.kind.word().to_owned(),
            version: inner.identity.version.clone(),
            offer: Offer {
                filter: pass,
                passes: passes(end.send.relay),
                nodes: Vec::new(),
            },
            takes: passes(end.receive.relay),
            dials: !end.inviter,
            paused: false,
            revoked: false,
            seed: u64::from_be_bytes(inner.deps.bytes()),
            limits: Limits::default(),
        };
        Self {
            contents: Contents::new(inner.store.clone(), end.send.clone()),
            link: Link::new(config),
            pass,
            outbox,
            told,
            connection: None,
            carriers: Vec::new(),
            logs: Vec::new(),
            lost: None,
            acked: 0,
            side: end,
            forwarding,
        }
    }

    /// Serves until it is dropped.
    pub(super) async fn serve(mut self, mut tells: mpsc::Receiver<Told>) {
        let mut head = self.forwarding.0.journal.watch();
        self.hear(Input::Tick).await;
        loop {
            let now = self.now();
            let sleep = self.link.wake_at().map_or(LONGEST, |at| {
                Duration::from_millis(u64::try_from(at.saturating_sub(now)).unwrap_or(0)).min(LONGEST)
            });
            tokio::select! {
                told = tells.recv() => match told {
                    Some(told) => self.obey(told).await,
                    None => return,
                },
                committed = head.changed() => {
                    if committed.is_err() {
                        return;
                    }
                    self.look(&mut head).await;
                }
                () = tokio::time::sleep(sleep) => self.hear(Input::Tick).await,
            }
        }
    }

    fn now(&self) -> Millis {
        self.forwarding.0.deps.now()
    }

    async fn obey(&mut self, told: Told) {
        match told {
            Told::Connected(id) => self.connected(id).await,
            Told::Received(id, message) if self.connection == Some(id) => self.hear(Input::Received(message)).await,
            Told::Lost(id, why) if self.connection == Some(id) => {
                self.lost = Some(why);
                self.hang_up();
                self.hear(Input::Lost).await;
            }
            // Of a connection that is over.
            Told::Received(..) | Told::Lost(..) => {}
        }
    }

    async fn connected(&mut self, id: [u8; 16]) {
        self.connection = Some(id);
        match self.all().await {
            Ok(logs) => {
                self.logs.clone_from(&logs);
                self.hear(Input::Connected { id, logs }).await;
            }
            Err(error) => {
                tracing::warn!(link = %self.side.id, %error, "the logs cannot be read");
                self.hang_up();
                self.hear(Input::Lost).await;
            }
        }
    }

    async fn all(&self) -> model::Result<Vec<Log>> {
        logs::all(&self.forwarding.0.store, &self.side, self.pass).await
    }

    /// Tells the core which logs have grown.
    async fn look(&mut self, head: &mut watch::Receiver<Pos>) {
        head.borrow_and_update();
        let Ok(logs) = self.all().await else { return };
        let grown: Vec<Log> = logs.iter().filter(|log| !self.logs.contains(log)).copied().collect();
        self.logs = logs;
        for log in grown {
            self.hear(Input::Committed(log)).await;
        }
        self.show_unsent().await;
    }

    /// Does everything that follows from an input, before the next one is taken.
    async fn hear(&mut self, input: Input) {
        let mut todo = VecDeque::from(self.link.step(input, self.now()));
        while let Some(next) = todo.pop_front() {
            if let Some(outcome) = self.perform(next).await {
                todo.extend(self.link.step(outcome, self.now()));
            }
        }
    }

    async fn perform(&mut self, what: Do) -> Option<Input> {
        match what {
            Do::Dial => return self.dial().await,
            Do::Send(message) => {
                if !self.outbox.push(message) {
                    self.hang_up();
                    return Some(Input::Lost);
                }
            }
            Do::Read {
                log,
                pass,
                after,
                limit,
                max_bytes,
            } => return Some(Input::Read(self.read(log, pass, after, limit, max_bytes).await)),
            Do::Apply(batch) => return Some(self.apply(batch).await),
            Do::Acked { log, seq } => {
                if log.origin == logs::here(&self.forwarding.0.store) {
                    self.acked = seq;
                    self.show_unsent().await;
                }
            }
            Do::Close(over) => {
                self.lost = Some(said(over).to_owned());
                self.hang_up();
            }
            Do::State(state, why) => self.show(state, why),
            Do::Hello(hello) => self.greeted(hello).await,
            Do::NewEpoch { .. } => {
                tracing::error!(link = %self.side.id, "the peer has events of this node that this node does not have: it was restored from an older copy");
            }
            Do::Fault(fault) => self.note(&fault),
            // The newest health and signed heads travel with a later version.
            Do::Head(_) | Do::Health(_) | Do::Withdraw(_) => {}
        }
        None
    }

    async fn dial(&mut self) -> Option<Input> {
        self.hang_up();
        let Some(url) = self.side.url.clone() else {
            return Some(Input::Lost);
        };
        let id = self.forwarding.0.deps.bytes();
        self.outbox.open(id);
        self.carriers = vec![
            tokio::spawn(push(self.carrier(url.clone(), id))),
            tokio::spawn(poll(self.carrier(url, id))),
        ];
        self.connection = Some(id);
        let logs = match self.all().await {
            Ok(logs) => logs,
            Err(error) => {
                tracing::warn!(link = %self.side.id, %error, "the logs cannot be read");
                self.hang_up();
                return Some(Input::Lost);
            }
        };
        self.logs.clone_from(&logs);
        Some(Input::Connected { id, logs })
    }

    fn carrier(&self, url: String, connection: [u8; 16]) -> Carrier {
        Carrier {
            forwarding: self.forwarding.clone(),
            side: self.side.clone(),
            url,
            connection,
            outbox: self.outbox.clone(),
            told: self.told.clone(),
        }
    }

    fn hang_up(&mut self) {
        self.connection = None;
        self.outbox.close();
        for carrier in self.carriers.drain(..) {
            carrier.abort();
        }
    }

    async fn read(
        &mut self,
        log: LogId,
        pass: u64,
        after: i64,
        limit: usize,
        max_bytes: usize,
    ) -> super::core::Reading {
        let store = &self.forwarding.0.store;
        match logs::read(store, &mut self.contents, (log, pass, after), limit, max_bytes).await {
            Ok(reading) => reading,
            Err(error) => {
                tracing::warn!(link = %self.side.id, %error, "events could not be read for a peer");
                super::core::Reading {
                    log,
                    pass,
                    after,
                    previous: None,
                    rows: Vec::new(),
                }
            }
        }
    }

    async fn apply(&mut self, batch: Batch) -> Input {
        let log = batch.log;
        let received = Received {
            origin: origin_of(log.origin),
            epoch: log.epoch.to_string(),
            via: origin_of(self.side.peer),
            taken: Some(TakenBy {
                link: self.side.id.to_string(),
                pass: batch.pass.cast_signed(),
                through: batch.last,
            }),
            items: batch.items.into_iter().map(item).collect(),
        };
        let (first, origin, epoch) = (batch.first, received.origin.clone(), received.epoch.clone());
        let inner = &self.forwarding.0;
        let refused = match inner.journal.receive(received).await {
            Ok(_) => match logs::one(&inner.store, &self.side, self.pass, log).await {
                Ok(Some(log)) => {
                    self.logs.retain(|known| known.id != log.id);
                    self.logs.push(log);
                    return Input::Applied(log);
                }
                _ => NotApplied::Busy,
            },
            Err(Error::Conflict(why)) => {
                tracing::warn!(link = %self.side.id, why, "a batch of a peer was refused");
                match inner.journal.frontier(&origin, &epoch).await {
                    Ok(frontier) if first > frontier.seq + 1 => NotApplied::Gap,
                    _ => NotApplied::Diverged,
                }
            }
            Err(error) => {
                tracing::warn!(link = %self.side.id, %error, "a batch of a peer could not be stored");
                NotApplied::Busy
            }
        };
        Input::NotApplied { log, why: refused }
    }

    async fn greeted(&mut self, hello: Hello) {
        self.forwarding.0.fleet.links().heard(self.side.peer, None);
        if !self.side.inviter {
            // What the peer sends may be another than when it was asked last.
            self.forwarding.0.fleet.ask_again();
        }
        let named = self
            .forwarding
            .0
            .fleet
            .introduced(self.side.peer, &hello.name, &hello.kind, &hello.version)
            .await;
        if let Err(error) = named {
            tracing::warn!(link = %self.side.id, %error, "what a peer says of itself could not be stored");
        }
    }

    fn show(&self, state: LinkState, why: Option<Why>) {
        let detail = match why {
            None => None,
            Some(Why::Lost) => Some(self.lost.clone().unwrap_or_else(|| "the connection was lost".into())),
            Some(Why::Closed(over)) => Some(said(over).to_owned()),
            Some(Why::Here) => Some("somebody on this node did this".to_owned()),
            Some(Why::There) => Some(format!("somebody on {} did this", self.side.name)),
        };
        let transport = (state == LinkState::Live).then_some(Transport::Push);
        self.forwarding
            .0
            .fleet
            .links()
            .set_state(self.side.id, state, detail, transport);
    }

    async fn show_unsent(&self) {
        let inner = &self.forwarding.0;
        let Some(own) = self
            .logs
            .iter()
            .find(|log| log.id.origin == logs::here(&inner.store) && log.offered)
        else {
            return;
        };
        if let Ok((events, since)) = logs::unsent(&inner.store, self.acked, own.id).await {
            let lag = since.filter(|_| events > 0).map(|since| (self.now() - since).max(0));
            inner.fleet.links().set_unsent(self.side.id, events, lag);
        }
    }

    fn note(&self, fault: &Fault) {
        match fault {
            // Both are part of connections that come and go.
            Fault::Late | Fault::Unknown(_) => tracing::debug!(link = %self.side.id, ?fault, "of a link"),
            fault => tracing::warn!(link = %self.side.id, ?fault, "something is wrong on a link"),
        }
    }
}

/// An item as the journal takes it.
fn item(item: Item) -> journal::Item {
    match item {
        Item::Skip(skip) => journal::Item::Skip {
            upto: skip.to,
            hash: skip.hash,
        },
        Item::Event(event) => journal::Item::Event(Box::new(journal::Sent {
            seq: event.seq,
            hlc: event.hlc,
            actor: event.actor,
            kind: event.kind,
            v: event.v,
            subject: event.subject,
            whole: event.payload.map(|payload| (payload.bytes, payload.salt)),
            commitment: event.commitment,
            hash: event.hash,
        })),
    }
}

/// Why a connection was closed, for people.
fn said(over: Over) -> &'static str {
    match over {
        Over::Silent => "nothing was heard of it for 30 seconds",
        Over::OtherNode(_) => "another node answers at its address",
        Over::Version(_) => "it speaks no version of the protocol that this node speaks: update the older one",
        Over::Unreadable => "what it says cannot be read",
        Over::Revoked => "the link was revoked",
    }
}

/// Carries one connection over HTTP, from the side that dials.
struct Carrier {
    forwarding: Forwarding,
    side: LinkEnd,
    url: String,
    connection: [u8; 16],
    outbox: Outbox,
    told: mpsc::Sender<Told>,
}

impl Carrier {
    async fn exchange(&self, messages: Option<Vec<Vec<u8>>>) -> Result<Vec<u8>, String> {
        let exchange = Exchange {
            connection: self.connection,
            messages,
        };
        let fleet = &self.forwarding.0.fleet;
        let answer = fleet
            .post(&self.url, PATH, CONTENT_TYPE, exchange.bytes(), &self.side.key)
            .await;
        let answer = answer.map_err(|error| match error {
            NotAnswered::Refused { status: 401, .. } => {
                format!(
                    "{} does not take this link: look there whether it was revoked",
                    self.side.name
                )
            }
            error => error.to_string(),
        })?;
        fleet.links().heard(self.side.peer, None);
        Ok(answer)
    }

    async fn lost(&self, why: String) {
        self.told.send(Told::Lost(self.connection, why)).await.ok();
    }
}

/// Sends what waits, at once.
async fn push(carrier: Carrier) {
    loop {
        let messages = carrier.outbox.take(carrier.connection, LONGEST).await;
        if messages.is_empty() {
            continue;
        }
        if let Err(why) = carrier.exchange(Some(messages)).await {
            return carrier.lost(why).await;
        }
    }
}

/// Asks what the other side has to say; it answers when there is something.
async fn poll(carrier: Carrier) {
    loop {
        let answer = match carrier.exchange(None).await {
            Ok(answer) => answer,
            Err(why) => return carrier.lost(why).await,
        };
        let Some(messages) = exchange::split(&answer) else {
            return carrier.lost("its answer cannot be read".into()).await;
        };
        for message in messages {
            if carrier
                .told
                .send(Told::Received(carrier.connection, message))
                .await
                .is_err()
            {
                return;
            }
        }
    }
}
