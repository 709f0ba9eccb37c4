//! What many want to read at the same moment is read once, and everybody gets that.
//! It must not give anybody what was read before the position they have heard of, nor anything old.

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

/// What was read is given away for so long: what it shows besides rows (folders, names of people) changes without an
/// event.
const FRESH: Duration = Duration::from_secs(1);
/// Readings kept at most; who comes later reads again.
const KEPT: usize = 256;

/// Readings under way and done, by what they read.
pub(super) struct Readings<K, V> {
    fresh: Duration,
    readings: Mutex<HashMap<K, Reading<V>>>,
}

struct Reading<V> {
    /// All up to here was committed when it began.
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
    /// What is behind `key` at `needed` or later. `ready` is committed; who is the first to ask reads by `read`, in a
    /// task of the node's own: a follower that is no longer polled, or is gone, holds up nobody.
    ///
    /// # Errors
    /// Those of reading, told to everybody who waits for it; whoever asks afterwards reads again.
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
                        // Who waits for one of them still gets it.
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

    /// What was read may be otherwise now, without a newer position.
    pub(super) fn forget(&self) {
        self.readings().clear();
    }

    /// Lets go of what nobody will be given any more.
    pub(super) fn sweep(&self) {
        self.readings().retain(|_, reading| reading.is_good(self.fresh));
    }

    /// Nothing that panics runs under this lock.
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
        // Asked, never polled again: as a stream whose client does not read.
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
