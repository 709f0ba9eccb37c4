//! Tokens as they were read last, so that a program which asks often costs no statement a request.
//! Everything that changes an account passes through this process and is told (`AccountsService::tell`): then all of it is forgotten.
//! Nothing is believed for longer than a second, so that a process which no longer holds the database learns what another one changed.

use crate::entity::{token, user};
use model::{Millis, id::TokenId};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A token and whose it is.
pub(super) type Pair = (token::Model, user::Model);

/// So long what was read is believed.
const BELIEVED_MS: Millis = 1_000;

/// What is known; only tokens that exist, so it is never larger than their table.
#[derive(Default)]
pub(super) struct Known(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// Rises whenever something is told.
    changes: u64,
    /// With when they were read.
    tokens: HashMap<TokenId, (Millis, Pair)>,
}

impl Known {
    /// The token, and what to give to [`keep`](Self::keep) after reading it where it is not known.
    pub(super) fn find(&self, id: TokenId, now: Millis) -> Result<Pair, u64> {
        let inner = self.inner();
        let fresh = inner.tokens.get(&id).filter(|(read, _)| (0..BELIEVED_MS).contains(&(now - read)));
        fresh.map(|(_, pair)| pair.clone()).ok_or(inner.changes)
    }

    /// Keeps what was read at `now`, unless something has changed since it was asked for: the reading may be older than that.
    pub(super) fn keep(&self, asked: u64, id: TokenId, now: Millis, pair: Pair) {
        let mut inner = self.inner();
        if inner.changes == asked {
            inner.tokens.insert(id, (now, pair));
        }
    }

    /// Its use was noted.
    pub(super) fn used(&self, id: TokenId, at: Millis) {
        if let Some((_, (token, _))) = self.inner().tokens.get_mut(&id) {
            token.used = Some(at);
        }
    }

    /// Something changed.
    pub(super) fn forget(&self) {
        let mut inner = self.inner();
        inner.changes += 1;
        inner.tokens.clear();
    }

    /// Nothing that panics runs under this lock.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
