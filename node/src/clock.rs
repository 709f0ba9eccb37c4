//! The injected sources of time, randomness and identity.
//! Nothing else in this crate may read a clock or draw random bytes: that is what makes every run repeatable in a test.

use model::Millis;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Instant, SystemTime},
};
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, in unix milliseconds. It may be set, forwards and backwards.
    fn now(&self) -> Millis;

    /// Milliseconds since some moment before: it never goes back and does not notice when the clock is set. For limits
    /// and waiting; it means nothing after a restart.
    fn elapsed(&self) -> Millis;
}

/// Draws random bytes fit for secrets.
pub trait Random: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// Time and randomness, together as everything takes them.
#[derive(Clone)]
pub struct Deps {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws random bytes.
    pub random: Arc<dyn Random>,
    /// The millisecond of the last id, and how many ids it has seen.
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

    /// Time and randomness from elsewhere.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self {
            clock,
            random,
            last_id: Arc::default(),
        }
    }

    /// Now, in unix milliseconds.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Milliseconds since some moment before, untouched by a clock that is set: for limits and waiting.
    pub fn elapsed(&self) -> Millis {
        self.clock.elapsed()
    }

    /// `N` random bytes fit for secrets.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }

    /// A new UUIDv7: sorts by the time it was made, and those of one millisecond by the order in which they were made
    /// (RFC 9562, 6.2, method 1).
    pub fn uuid_v7(&self) -> Uuid {
        let mut bytes: [u8; 10] = self.bytes();
        let millis = u64::try_from(self.now()).unwrap_or(0);
        let mut last = self.last_id.lock().unwrap_or_else(PoisonError::into_inner);
        *last = match *last {
            (at, count) if at == millis => (at, (count + 1).min(0x0fff)),
            // A random start leaves half of the twelve bits to count in.
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

/// Sources a test can steer.
pub mod testing {
    use super::{Clock, Deps, Millis, Random};
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    };

    /// A clock that moves only when told.
    #[derive(Default)]
    pub struct ManualClock {
        now: AtomicI64,
        elapsed: AtomicI64,
    }

    impl ManualClock {
        /// Starts at `now`.
        pub fn new(now: Millis) -> Arc<Self> {
            Arc::new(Self {
                now: AtomicI64::new(now),
                elapsed: AtomicI64::new(0),
            })
        }

        /// Time passes: `by` milliseconds. Less than none is as [`step`](Self::step).
        pub fn advance(&self, by: Millis) {
            self.now.fetch_add(by, Ordering::SeqCst);
            self.elapsed.fetch_add(by.max(0), Ordering::SeqCst);
        }

        /// Somebody sets the clock: `by` milliseconds forwards, or backwards, while no time passes.
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

    /// The same bytes for the same seed; for tests only, never for secrets.
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

    /// A steerable clock at 2026-11-22 and the random sequence of `seed`.
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
