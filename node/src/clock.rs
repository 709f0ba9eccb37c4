//! The injected sources of time, randomness and ids. Nothing else in this crate may read a clock or draw random bytes,
//! so that tests are repeatable.

use model::Millis;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Instant, SystemTime},
};
use uuid::Uuid;

/// A source of time.
pub trait Clock: Send + Sync {
    /// The wall clock in unix ms. It may be set forwards and backwards.
    fn now(&self) -> Millis;

    /// The monotonic clock in ms since some earlier moment, for limits and waits. It has no meaning after a restart.
    fn elapsed(&self) -> Millis;
}

/// A source of random bytes fit for secrets.
pub trait Random: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// Time and randomness, as all parts take them.
#[derive(Clone)]
pub struct Deps {
    /// The source of time.
    pub clock: Arc<dyn Clock>,
    /// The source of random bytes.
    pub random: Arc<dyn Random>,
    /// The millisecond of the last id, and its counter.
    last_id: Arc<Mutex<(u64, u16)>>,
}

impl Deps {
    /// The machine's own clock and random source.
    pub fn system() -> Self {
        Self::new(
            Arc::new(SystemClock {
                started: Instant::now(),
            }),
            Arc::new(SystemRandom),
        )
    }

    /// Uses other sources.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self {
            clock,
            random,
            last_id: Arc::default(),
        }
    }

    /// The wall clock in unix ms.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// The monotonic clock in ms, for limits and waits.
    pub fn elapsed(&self) -> Millis {
        self.clock.elapsed()
    }

    /// `N` random bytes fit for secrets.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }

    /// A new UUIDv7. Ids sort by their time, and within one millisecond by their order (RFC 9562, 6.2, method 1).
    pub fn uuid_v7(&self) -> Uuid {
        let mut bytes: [u8; 10] = self.bytes();
        let millis = u64::try_from(self.now()).unwrap_or(0);
        let mut last = self.last_id.lock().unwrap_or_else(PoisonError::into_inner);
        *last = match *last {
            (at, count) if at == millis => (at, (count + 1).min(0x0fff)),
            // A random start leaves half of the twelve bits for counting.
            _ => (millis, u16::from_be_bytes([bytes[0], bytes[1]]) & 0x07ff),
        };
        bytes[..2].copy_from_slice(&last.1.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }
}

struct SystemClock {
    started: Instant,
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Millis {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .ok()
            .and_then(|since| Millis::try_from(since.as_millis()).ok())
            .unwrap_or(0)
    }

    fn elapsed(&self) -> Millis {
        Millis::try_from(self.started.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }
}

struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "the one place that draws random bytes")]
        getrandom::fill(buffer).expect("the operating system's random source answers");
    }
}

/// Manual and seeded sources for tests.
pub mod testing {
    use super::{Clock, Deps, Millis, Random};
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    };

    /// A clock that moves only when told to.
    #[derive(Default)]
    pub struct ManualClock {
        now: AtomicI64,
        elapsed: AtomicI64,
    }

    impl ManualClock {
        /// A clock that starts at `now`, in unix ms.
        pub fn new(now: Millis) -> Arc<Self> {
            Arc::new(Self {
                now: AtomicI64::new(now),
                elapsed: AtomicI64::new(0),
            })
        }

        /// Lets `by` milliseconds pass. A negative `by` acts like [`step`](Self::step).
        pub fn advance(&self, by: Millis) {
            self.now.fetch_add(by, Ordering::SeqCst);
            self.elapsed.fetch_add(by.max(0), Ordering::SeqCst);
        }

        /// Sets the wall clock `by` milliseconds forwards or backwards while no time passes.
        pub fn step(&self, by: Millis) {
            self.now.fetch_add(by, Ordering::SeqCst);
        }
    }

    impl Clock for ManualClock {
        fn now(&self) -> Millis {
            self.now.load(Ordering::SeqCst)
        }

        fn elapsed(&self) -> Millis {
            self.elapsed.load(Ordering::SeqCst)
        }
    }

    /// A deterministic sequence of bytes; for tests only, never for secrets.
    pub struct SeededRandom(Mutex<blake3::OutputReader>);

    impl SeededRandom {
        /// Starts the sequence of `seed`.
        pub fn new(seed: u64) -> Arc<Self> {
            Arc::new(Self(Mutex::new(
                blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof(),
            )))
        }
    }

    impl Random for SeededRandom {
        fn fill(&self, buffer: &mut [u8]) {
            self.0.lock().expect("no test panics while drawing").fill(buffer);
        }
    }

    /// A manual clock at 2026-11-22 and the random sequence of `seed`.
    pub fn deps(seed: u64) -> (Deps, Arc<ManualClock>) {
        let clock = ManualClock::new(1_795_305_600_000);
        (Deps::new(clock.clone(), SeededRandom::new(seed)), clock)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::deps;

    #[test]
    fn ids_sort_in_the_order_in_which_they_were_made() {
        let (deps, clock) = deps(7);
        let mut made = Vec::new();
        for _ in 0..3 {
            made.extend((0..1_000).map(|_| deps.uuid_v7()));
            clock.advance(1);
        }
        assert!(made.is_sorted_by(|one, next| one < next));
        assert!(made.iter().all(|id| id.get_version_num() == 7));
    }
}
