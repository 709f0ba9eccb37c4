//! Supervision: notices the end of essential tasks, and says once why the node must end. A task's owner decides what
//! its end means: nothing is restarted here, and the process goes on.

use futures::FutureExt;
use std::{any::Any, future::Future, panic::AssertUnwindSafe, sync::Arc};
use tokio::sync::watch;

/// A task panicked; the text is the panic's message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it panicked: {0}")]
pub struct Panicked(pub String);

/// Runs a task and turns its panic into an error.
///
/// # Errors
/// [`Panicked`]. What the task held was dropped; state it shares with others may be half changed.
pub async fn caught<T>(task: impl Future<Output = T>) -> Result<T, Panicked> {
    AssertUnwindSafe(task)
        .catch_unwind()
        .await
        .map_err(|panic| Panicked(said(&*panic)))
}

/// Runs one round of a repeated task. Errors and panics are logged and give `None`. `what` is a sentence for the log.
pub(crate) async fn survived<T>(what: &str, round: impl Future<Output = model::Result<T>> + Send) -> Option<T> {
    match caught(round).await {
        Ok(Ok(value)) => return Some(value),
        Ok(Err(error)) => tracing::warn!(%error, "{what}"),
        Err(panic) => tracing::error!(%panic, "{what}: this node failed there"),
    }
    None
}

/// A panic's message, if it is text.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it did not say why".into())
}

/// Whether the node can still do its work. Cheap to clone; clones share the state.
#[derive(Clone, Debug, Default)]
pub struct Vitals(Arc<watch::Sender<Option<String>>>);

impl Vitals {
    /// Runs a task without which the node is useless. A panic fails the node and gives `None`; a task that returns has
    /// ended as it should.
    pub fn essential<T, F: Future<Output = T>>(
        &self,
        name: &'static str,
        task: F,
    ) -> impl Future<Output = Option<T>> + use<T, F> {
        let vitals = self.clone();
        async move {
            match caught(task).await {
                Ok(value) => Some(value),
                Err(panicked) => {
                    vitals.fail(format!("{name} has stopped: {panicked}"));
                    None
                }
            }
        }
    }

    /// Fails the node; `why` is one sentence. The first cause stays.
    pub fn fail(&self, why: impl Into<String>) {
        let why = why.into();
        let first = self.0.send_if_modified(|failure| {
            let first = failure.is_none();
            if first {
                *failure = Some(why.clone());
            }
            first
        });
        if first {
            tracing::error!(why, "this node can no longer work and ends");
        }
    }

    /// Why the node must end; `None` while it is well.
    pub fn failure(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Waits until the node must end; returns why.
    pub async fn failed(&self) -> String {
        let mut failure = self.0.subscribe();
        let why = failure
            .wait_for(Option::is_some)
            .await
            .expect("the sender lives as long as `self`")
            .clone();
        why.expect("it was waited for")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_panic_of_an_essential_task_is_the_nodes_failure_and_its_end_is_not() {
        let vitals = Vitals::default();
        assert_eq!(vitals.essential("the one", async { 1 }).await, Some(1));
        assert_eq!(vitals.failure(), None);
        let waits = tokio::spawn({
            let vitals = vitals.clone();
            async move { vitals.failed().await }
        });
        assert_eq!(
            vitals.essential("the other", async { panic!("broken {}", 7) }).await,
            None::<()>
        );
        vitals.fail("something later");
        let why = "the other has stopped: it panicked: broken 7";
        assert_eq!(
            (vitals.failure().as_deref(), waits.await.expect("it waits").as_str()),
            (Some(why), why)
        );
    }
}
