//! Rate limits in bounded memory, and the key of a network. It only counts; it does not know what is tried or who is
//! right.

use crate::clock::Deps;
use model::{Error, Millis, Result};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

const MINUTE_MS: Millis = 60_000;
/// Above this many cells, empty ones are dropped, at most once a minute. Without that bound, an attack that fills the
/// cells would make every try scan them all. There are at most 65,536.
const SWEEP_AT: usize = 4_096;

/// A rate limiter for each key, as a leaky bucket (GCRA).
///
/// Keys fall into one of 65,536 cells by a keyed hash, so a million invented names cost no more memory than a few; keys
/// in one cell share its tries. [`forgive`](Self::forgive) gives back a legitimate try, which no ready-made limiter
/// offers. It uses the monotonic clock, so that setting a wrong clock right locks nobody out.
pub struct Limiter {
    deps: Deps,
    key: [u8; 32],
    burst: Millis,
    every: Millis,
    cells: Mutex<Cells>,
}

#[derive(Default)]
struct Cells {
    /// When each cell will be empty.
    empty_at: HashMap<u16, Millis>,
    /// The last time that empty cells were dropped.
    swept: Millis,
}

impl Limiter {
    /// `tries` at once, then one every `minute / tries`.
    pub fn per_minute(tries: u32, deps: &Deps) -> Self {
        Self::within(tries, MINUTE_MS, deps)
    }

    /// `tries` at once, then one every `hour / tries`.
    pub fn per_hour(tries: u32, deps: &Deps) -> Self {
        Self::within(tries, 60 * MINUTE_MS, deps)
    }

    fn within(tries: u32, span: Millis, deps: &Deps) -> Self {
        let tries = Millis::from(tries.max(1));
        Self {
            key: deps.bytes(),
            deps: deps.clone(),
            burst: tries,
            every: span / tries,
            cells: Mutex::default(),
        }
    }

    /// Counts a try. `RateLimited` with the seconds to wait after too many.
    pub fn check(&self, key: &str) -> Result<()> {
        let now = self.deps.elapsed();
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if cells.empty_at.len() > SWEEP_AT && now - cells.swept >= MINUTE_MS {
            cells.swept = now;
            cells.empty_at.retain(|_, empty_at| *empty_at > now);
        }
        let empty_at = cells.empty_at.entry(self.cell(key)).or_insert(now);
        let from = (*empty_at).max(now);
        let wait = from - now - (self.burst - 1) * self.every;
        if wait > 0 {
            return Err(Error::RateLimited(u64::try_from(wait).unwrap_or(0).div_ceil(1_000)));
        }
        *empty_at = from + self.every;
        Ok(())
    }

    /// Gives back a legitimate try.
    pub fn forgive(&self, key: &str) {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(empty_at) = cells.empty_at.get_mut(&self.cell(key)) {
            *empty_at -= self.every;
        }
    }

    fn cell(&self, key: &str) -> u16 {
        let hash = blake3::keyed_hash(&self.key, key.as_bytes());
        let [first, second, ..] = *hash.as_bytes();
        u16::from_be_bytes([first, second])
    }
}

/// The key of an address: the IPv4 address, or the 64-bit IPv6 network that one customer has.
pub fn network_key(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        None => "none".into(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => format!("{:x}/64", address.to_bits() >> 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing;

    #[test]
    fn five_a_minute_means_five_at_once_and_one_every_twelve_seconds() {
        let (deps, clock) = testing::deps(1);
        let limiter = Limiter::per_minute(5, &deps);
        for _ in 0..5 {
            assert_eq!(limiter.check("mara"), Ok(()));
        }
        assert_eq!(limiter.check("mara"), Err(Error::RateLimited(12)));
        assert_eq!(limiter.check("noor"), Ok(()), "others are not concerned");
        clock.advance(11_500);
        assert_eq!(limiter.check("mara"), Err(Error::RateLimited(1)));
        clock.advance(500);
        assert_eq!(limiter.check("mara"), Ok(()));
        assert_eq!(limiter.check("mara"), Err(Error::RateLimited(12)));
    }

    #[test]
    fn a_forgiven_try_does_not_count() {
        let limiter = Limiter::per_minute(5, &testing::deps(1).0);
        for _ in 0..50 {
            assert_eq!(limiter.check("mara"), Ok(()));
            limiter.forgive("mara");
        }
        limiter.forgive("never seen");
    }

    #[test]
    fn a_million_keys_stay_within_the_cells() {
        let limiter = Limiter::per_minute(5, &testing::deps(1).0);
        for key in 0..1_000_000 {
            let _ = limiter.check(&key.to_string());
        }
        assert!(limiter.cells.lock().unwrap().empty_at.len() <= 65_536);
    }

    #[test]
    fn cells_are_dropped_once_they_are_empty() {
        let (deps, clock) = testing::deps(1);
        let limiter = Limiter::per_minute(5, &deps);
        for key in 0..10_000 {
            let _ = limiter.check(&key.to_string());
        }
        clock.advance(MINUTE_MS);
        let _ = limiter.check("one more");
        assert_eq!(limiter.cells.lock().unwrap().empty_at.len(), 1);
    }

    #[test]
    fn a_machines_clock_that_is_set_changes_no_limit() {
        let (deps, clock) = testing::deps(1);
        let limiter = Limiter::per_minute(5, &deps);
        clock.step(2 * 3_600_000);
        for _ in 0..5 {
            assert_eq!(limiter.check("mara"), Ok(()));
        }
        for by in [-2 * 3_600_000, -1_000_000_000_000, 5_000_000_000_000] {
            clock.step(by);
            assert_eq!(limiter.check("mara"), Err(Error::RateLimited(12)));
        }
        clock.advance(12_000);
        assert_eq!(limiter.check("mara"), Ok(()));
    }

    #[test]
    fn one_customer_is_one_key() {
        let key = |text: &str| network_key(Some(text.parse().unwrap()));
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:10.0.0.1"), key("10.0.0.1"));
        assert_ne!(key("10.0.0.1"), key("10.0.0.2"));
    }
}
