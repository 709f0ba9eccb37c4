//! Detached work: it goes on in a task of the node's own when its caller hangs up. It decides nothing; it only keeps
//! together what belongs together.

use super::{Journal, Outcome, Stored, Tx};
use futures::future::BoxFuture;
use model::{Caller, Result};
use tracing::Instrument;

/// Runs `work` to its end, even if the caller drops the returned future: the effects of a commit must not depend on the
/// caller's connection. A future that is dropped before its first poll does nothing.
///
/// # Errors
/// Its own; `Internal` when it panics.
pub async fn own<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    tokio::spawn(work.in_current_span()).await.stored()?
}

impl Journal {
    /// Runs [`commit`](Self::commit) and then `tell` with its result, both in a task of the node's own. Every port uses
    /// it for a change that others must hear of. `tell` also runs after an error, because the commit may still be in
    /// doubt; whoever is told reads the tables.
    ///
    /// # Errors
    /// Those of [`commit`](Self::commit).
    pub async fn commit_then<T: Send + 'static>(
        &self,
        caller: &Caller,
        operation: impl for<'t> FnOnce(&'t Tx<'t>) -> BoxFuture<'t, Result<Outcome<T>>> + Send + 'static,
        tell: impl FnOnce(&Result<T>) + Send + 'static,
    ) -> Result<T> {
        let (journal, caller) = (self.clone(), caller.clone());
        own(async move {
            let outcome = journal.commit(&caller, operation).await;
            tell(&outcome);
            outcome
        })
        .await
    }
}
