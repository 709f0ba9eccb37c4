//! One exchange over HTTP: the body of `POST /fwd/v1/exchange`, and what waits to go out on a link. A connection is a
//! number that the dialling side drew; messages are the core's and opaque here.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// The path of an exchange.
pub const PATH: &str = "/fwd/v1/exchange";
/// Its content type.
pub const CONTENT_TYPE: &str = "application/vnd.orchwiz.frames";
/// The most bytes of messages in one answer, but for a single one that is longer.
const ANSWER: usize = 1 << 20;
/// The most bytes that wait to go out; a peer that takes nothing has its connection started anew.
const WAITING: usize = 16 << 20;

/// What one request carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The connection.
    pub connection: [u8; 16],
    /// What the dialling side says; `None` asks for what the other side has to say.
    pub messages: Option<Vec<Vec<u8>>>,
}

impl Exchange {
    /// The bytes of the request: the connection, a byte that is 1 for a question, the messages.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.connection.to_vec();
        bytes.push(u8::from(self.messages.is_none()));
        bytes.extend(joined(self.messages.as_deref().unwrap_or_default()));
        bytes
    }

    /// Reads them; `None` for anything else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (connection, rest) = bytes.split_first_chunk::<16>()?;
        let (polls, rest) = rest.split_first()?;
        let messages = split(rest)?;
        match (polls, messages.is_empty()) {
            (0, _) => Some(Self {
                connection: *connection,
                messages: Some(messages),
            }),
            (1, true) => Some(Self {
                connection: *connection,
                messages: None,
            }),
            _ => None,
        }
    }
}

/// Messages, each after its length as 4 bytes, big endian.
pub(super) fn joined(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(messages.iter().map(|message| message.len() + 4).sum());
    for message in messages {
        bytes.extend(u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(message);
    }
    bytes
}

/// Reads [`joined`]; `None` for anything else.
pub(super) fn split(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (message, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        messages.push(message.to_vec());
        bytes = rest;
    }
    Some(messages)
}

/// What waits to go out on a link, for the connection at this moment. Cheap to clone.
#[derive(Clone, Default)]
pub struct Outbox(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Default)]
struct Waiting {
    connection: Option<[u8; 16]>,
    messages: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Outbox {
    /// From now on it holds what this connection is told; `false` where it did already.
    pub(super) fn open(&self, connection: [u8; 16]) -> bool {
        let mut waiting = self.waiting();
        if waiting.connection == Some(connection) {
            return false;
        }
        *waiting = Waiting {
            connection: Some(connection),
            ..Waiting::default()
        };
        drop(waiting);
        self.0.news.notify_waiters();
        true
    }

    /// Nobody is told anything until the next connection.
    pub(super) fn close(&self) {
        *self.waiting() = Waiting::default();
        self.0.news.notify_waiters();
    }

    /// Adds a message; `false` where there is no connection, or too much waits.
    pub(super) fn push(&self, message: Vec<u8>) -> bool {
        let mut waiting = self.waiting();
        if waiting.connection.is_none() || waiting.bytes + message.len() > WAITING {
            return false;
        }
        waiting.bytes += message.len();
        waiting.messages.push_back(message);
        drop(waiting);
        self.0.news.notify_waiters();
        true
    }

    /// What waits for this connection, at the latest after `patience` and then perhaps nothing.
    pub(super) async fn take(&self, connection: [u8; 16], patience: Duration) -> Vec<Vec<u8>> {
        let until = tokio::time::Instant::now() + patience;
        loop {
            let news = self.0.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            {
                let mut waiting = self.waiting();
                if waiting.connection != Some(connection) {
                    return Vec::new();
                }
                if !waiting.messages.is_empty() {
                    return waiting.take();
                }
            }
            if tokio::time::timeout_at(until, news).await.is_err() {
                return Vec::new();
            }
        }
    }

    /// Nothing under this lock panics, so a poisoned lock is sound.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn take(&mut self) -> Vec<Vec<u8>> {
        let (mut taken, mut size) = (Vec::new(), 0);
        while let Some(next) = self.messages.front()
            && (taken.is_empty() || size + next.len() <= ANSWER)
        {
            size += next.len();
            taken.extend(self.messages.pop_front());
        }
        self.bytes -= size;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_is_read_as_it_was_written_and_nothing_else_is_one() {
        for messages in [
            None,
            Some(Vec::new()),
            Some(vec![vec![1, 2, 3], Vec::new(), vec![0; 300]]),
        ] {
            let exchange = Exchange {
                connection: [7; 16],
                messages,
            };
            let bytes = exchange.bytes();
            assert_eq!(Exchange::read(&bytes), Some(exchange));
            assert_eq!(Exchange::read(&bytes[..16]), None);
        }
        let mut cut = Exchange {
            connection: [7; 16],
            messages: Some(vec![vec![1; 9]]),
        }
        .bytes();
        cut.pop();
        assert_eq!(Exchange::read(&cut), None);
    }

    #[tokio::test]
    async fn what_waits_goes_to_the_connection_that_is_there_and_to_no_other() {
        let outbox = Outbox::default();
        assert!(!outbox.push(vec![1]), "there is no connection");
        assert!(outbox.open([1; 16]) && !outbox.open([1; 16]));
        assert!(outbox.push(vec![1]) && outbox.push(vec![2]));
        assert_eq!(outbox.take([1; 16], Duration::ZERO).await, [vec![1], vec![2]]);
        assert!(outbox.push(vec![3]));
        assert!(outbox.open([2; 16]));
        assert_eq!(outbox.take([2; 16], Duration::ZERO).await, Vec::<Vec<u8>>::new());
        let waits = {
            let outbox = outbox.clone();
            tokio::spawn(async move { outbox.take([2; 16], Duration::from_secs(20)).await })
        };
        tokio::task::yield_now().await;
        assert!(outbox.push(vec![4]));
        assert_eq!(waits.await.expect("it ends"), [vec![4]]);
    }
}
