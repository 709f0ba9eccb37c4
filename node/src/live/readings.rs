//! A single-flight cache: concurrent readers of a key share one read. A value must be at least as new as the position
//! its caller knows of, and younger than a second.

use crate::supervise::caught;
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use model::{Pos, Result};
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// The lifetime of a value. It is short, because folders and names of people change without an event.
const FRESH: Duration = Duration::from_secs(1);
/// The most values; beyond that the cache starts over.
const KEPT: usize = 256;

/// Reads under way and done, by key.
pub(super) struct Readings<K, V> {
    fresh: Duration,
    readings: Mutex<HashMap<K, Reading<V>>>,
}

struct Reading<V> {
    /// Everything up to here was committed when the read began.
    at: Pos,
    begun: Instant,
    value: Shared<BoxFuture<'static, Result<V>>>,
}

impl<K, V> Default for Readings<K, V> {
    fn default() -> Self {
        Self {
            fresh: FRESH,
            readings: Mutex::default(),
        }
    }
}

impl<K: Eq + Hash, V: Clone + Send + Sync + 'static> Readings<K, V> {
    /// The value of `key` at `needed` or later, where `ready` is committed. The first caller starts `read` in a task of
    /// the node's own, so a stalled or dropped follower blocks nobody else.
    ///
    /// # Errors
    /// Those of reading, for everybody who waits for this read; the next caller reads again.
    pub(super) async fn get<F>(&self, key: K, needed: Pos, ready: Pos, read: impl FnOnce() -> F) -> Result<V>
    where
        F: Future<Output = Result<V>> + Send + 'static,
    {
        let value = {
            let mut readings = self.readings();
            match readings
                .get(&key)
                .filter(|reading| reading.at >= needed && reading.is_good(self.fresh))
            {
                Some(reading) => reading.value.clone(),
                None => {
                    let task = tokio::spawn(caught(read()));
                    let value = async move {
                        match task.await {
                            Ok(Ok(value)) => value,
                            Ok(Err(panicked)) => Err(crate::store::internal(panicked)),
                            Err(cancelled) => Err(crate::store::internal(cancelled)),
                        }
                    };
                    let value = value.boxed().shared();
                    if readings.len() >= KEPT {
                        // Callers that wait for a cleared read still get its value.
                        readings.clear();
                    }
                    readings.insert(
                        key,
                        Reading {
                            at: ready,
                            begun: Instant::now(),
                            value: value.clone(),
                        },
                    );
                    value
                }
            }
        };
        value.await
    }

    /// Invalidates all values, because something without a position changed.
    pub(super) fn forget(&self) {
        self.readings().clear();
    }

    /// Drops expired values.
    pub(super) fn sweep(&self) {
        self.readings().retain(|_, reading| reading.is_good(self.fresh));
    }

    /// Nothing under this lock panics, so a poisoned lock is sound.
    fn readings(&self) -> MutexGuard<'_, HashMap<K, Reading<V>>> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Clone> Reading<V> {
    fn is_good(&self, fresh: Duration) -> bool {
        self.begun.elapsed() < fresh && !matches!(self.value.peek(), Some(Err(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Error;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    struct Counted {
        readings: Readings<&'static str, usize>,
        times: Arc<AtomicUsize>,
    }

    impl Counted {
        fn fresh_for(fresh: Duration) -> Self {
            Self {
                readings: Readings {
                    fresh,
                    ..Readings::default()
                },
                times: Arc::default(),
            }
        }

        async fn get(&self, needed: Pos, ready: Pos) -> Result<usize> {
            let times = self.times.clone();
            let read = || async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Ok(times.fetch_add(1, Ordering::SeqCst))
            };
            self.readings.get("a", needed, ready, read).await
        }
    }

    #[tokio::test]
    async fn many_share_a_reading_until_the_position_moves_on() {
        let counted = Counted::fresh_for(Duration::from_hours(1));
        let all = futures::future::join_all((0..100).map(|_| counted.get(5, 7))).await;
        assert!(all.iter().all(|read| *read == Ok(0)), "{all:?}");
        assert_eq!(counted.get(7, 9).await, Ok(0), "it began when 7 was there");
        assert_eq!(counted.get(8, 9).await, Ok(1), "it did not know 8");
        counted.readings.forget();
        assert_eq!(counted.get(8, 9).await, Ok(2));
        counted.readings.sweep();
        assert_eq!(counted.readings.readings().len(), 1);
    }

    #[tokio::test]
    async fn what_is_old_is_read_again_and_let_go() {
        let counted = Counted::fresh_for(Duration::ZERO);
        assert_eq!((counted.get(1, 1).await, counted.get(1, 1).await), (Ok(0), Ok(1)));
        counted.readings.sweep();
        assert!(counted.readings.readings().is_empty());
    }

    #[tokio::test]
    async fn whoever_asked_first_and_is_gone_holds_up_nobody() {
        let counted = Counted::fresh_for(Duration::from_hours(1));
        // The first caller stops polling, like a stream with a stalled client.
        let mut first = Box::pin(counted.get(1, 1));
        assert!(futures::poll!(&mut first).is_pending());
        let second = tokio::time::timeout(Duration::from_secs(20), counted.get(1, 1)).await;
        assert_eq!(second, Ok(Ok(0)));
        drop(first);
        assert_eq!(counted.times.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_failure_and_a_panic_are_told_to_who_waits_and_read_again_after() {
        let readings = Readings::<u8, u8>::default();
        let waiting = (0..3).map(|_| readings.get(1, 1, 1, || async { Err(Error::Unavailable("away".into())) }));
        assert!(futures::future::join_all(waiting).await.iter().all(Result::is_err));
        assert!(readings.get(1, 1, 1, || async { panic!("a fault") }).await.is_err());
        assert_eq!(readings.get(1, 1, 1, || async { Ok(4) }).await, Ok(4));
    }
}
