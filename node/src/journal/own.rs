//! Work that its asker may leave: it goes on in a task of the node's own, whoever hangs up.
//! It must not decide anything; it only keeps together what belongs together.

use super::{Journal, Outcome, Stored, Tx};
use futures::future::BoxFuture;
use model::{Caller, Result};
use tracing::Instrument;

/// Runs `work` to its end, also when whoever asked drops the returned future: what a commit leads to must not depend on
/// the connection it was asked over. Dropped before it is first polled, it does nothing at all.
///
/// # Errors
/// Its own; `Internal` when it panics.
pub async fn own<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    tokio::spawn(work.in_current_span()).await.stored()?
}

impl Journal {
    /// [`commit`](Self::commit), and then `tell`, with what came of it, both in a task of the node's own: the one way
    /// for a port to change something that somebody must hear of. `tell` is called on an error too: whether a commit
    /// was written may be in doubt, and who is told looks at the tables.
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
