//! How often something may be tried: per account, per address, in bounded memory.
//! It counts; it must not know what is being tried, nor who is right.

use model::{Error, Millis, Result};
use node::clock::Deps;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

const MINUTE_MS: Millis = 60_000;
/// Above so many cells, those that are empty again are dropped, at most once a minute: under an attack that fills them
/// every try would look at all of them otherwise. There are never more than 65,536.
const SWEEP_AT: usize = 4_096;

/// At most so many tries a minute for each key, as a leaky bucket (GCRA).
///
/// Keys fall into one of 65,536 cells by a keyed hash, so that a million made-up names cost no more memory than a few:
/// two keys that share a cell share its tries. A try that turned out to be legitimate is given back, which no ready-made limiter offers.
pub struct Limiter {
    deps: Deps,
    key: [u8; 32],
    burst: Millis,
    every: Millis,
    cells: Mutex<Cells>,
}

#[derive(Default)]
struct Cells {
    /// When each cell would be empty again.
    empty_at: HashMap<u16, Millis>,
    /// When the empty ones were dropped last.
    swept: Millis,
}

impl Limiter {
    /// `tries` at once, then one every `minute / tries`.
    pub fn per_minute(tries: u32, deps: &Deps) -> Self {
        let tries = Millis::from(tries.max(1));
        Self { key: deps.bytes(), deps: deps.clone(), burst: tries, every: MINUTE_MS / tries, cells: Mutex::default() }
    }

    /// Counts a try; `RateLimited` with the seconds to wait when there were too many.
    pub fn check(&self, key: &str) -> Result<()> {
        let now = self.deps.now();
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

    /// Gives a try back: it was legitimate.
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

/// The limits of a node.
#[derive(Clone)]
pub struct Limits {
    /// Sign-ins: 5 a minute for an account.
    pub account: Arc<Limiter>,
    /// Sign-ins: 20 a minute from an address.
    pub address: Arc<Limiter>,
    /// Set-ups: 5 a minute from an address.
    pub setup: Arc<Limiter>,
}

impl Limits {
    /// All of them, untouched.
    pub fn new(deps: &Deps) -> Self {
        Self {
            account: Arc::new(Limiter::per_minute(5, deps)),
            address: Arc::new(Limiter::per_minute(20, deps)),
            setup: Arc::new(Limiter::per_minute(5, deps)),
        }
    }
}

/// The key of an address: one IPv4 address, or the network of 64 bits that one IPv6 customer has.
pub fn address_key(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        None => "none".into(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => format!("{:x}/64", address.to_bits() >> 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use node::clock::testing;

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
    fn one_customer_is_one_key() {
        let key = |text: &str| address_key(Some(text.parse().unwrap()));
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:10.0.0.1"), key("10.0.0.1"));
        assert_ne!(key("10.0.0.1"), key("10.0.0.2"));
    }
}
