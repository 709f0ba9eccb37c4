//! Tokens as they were read last, so that a program which asks often costs no statement a request.
//! Everything that changes an account passes through this process and is told (`AccountsService::tell`): then all of it is forgotten.

use crate::entity::{token, user};
use model::{Millis, id::TokenId};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A token and whose it is.
pub(super) type Pair = (token::Model, user::Model);

/// What is known; only tokens that exist, so it is never larger than their table.
#[derive(Default)]
pub(super) struct Known(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// Rises whenever something is told.
    changes: u64,
    tokens: HashMap<TokenId, Pair>,
}

impl Known {
    /// The token, and what to give to [`keep`](Self::keep) after reading it where it is not known.
    pub(super) fn find(&self, id: TokenId) -> Result<Pair, u64> {
        let inner = self.inner();
        inner.tokens.get(&id).cloned().ok_or(inner.changes)
    }

    /// Keeps what was read, unless something has changed since it was asked for: the reading may be older than that.
    pub(super) fn keep(&self, asked: u64, id: TokenId, pair: Pair) {
        let mut inner = self.inner();
        if inner.changes == asked {
            inner.tokens.insert(id, pair);
        }
    }

    /// Its use was noted.
    pub(super) fn used(&self, id: TokenId, at: Millis) {
        if let Some((token, _)) = self.inner().tokens.get_mut(&id) {
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
