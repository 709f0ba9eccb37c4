//! Data that a page reads from the node. It comes with the page, and is read again when its dependencies change and
//! when a read failed because the node was away. This module must not know what is read.

use crate::{
    browser,
    error::{AppError, AppResult},
    live::{Live, LiveState},
};
use leptos::{
    prelude::*,
    server::codee::{Decoder, Encoder},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    any::Any,
    marker::PhantomData,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// The retry interval after a temporary failure, while the connection stands.
const AGAIN: Duration = Duration::from_secs(5);

/// A `Resource` of a server function's answer. Its types are erased underneath, so that it is compiled once and not for
/// each answer, source and future (14 kB of wasm each).
pub struct NodeResource<T: 'static> {
    answer: Resource<Answer, AsJson>,
    read: PhantomData<fn() -> T>,
}

impl<T> Clone for NodeResource<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for NodeResource<T> {}

impl<T: Clone + Send + Sync + Serialize + DeserializeOwned + 'static> NodeResource<T> {
    /// Reads with `fetch`, and again whenever a signal that `when` tracks has changed.
    pub fn new<F>(when: impl Fn() + Send + Sync + 'static, fetch: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = AppResult<T>> + Send + 'static,
    {
        Self::made(when, fetch, false)
    }

    /// The same, but the page waits for the answer: for data that decides the response's head.
    pub fn blocking<F>(when: impl Fn() + Send + Sync + 'static, fetch: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = AppResult<T>> + Send + 'static,
    {
        Self::made(when, fetch, true)
    }

    fn made<F>(
        when: impl Fn() + Send + Sync + 'static,
        fetch: impl Fn() -> F + Send + Sync + 'static,
        blocking: bool,
    ) -> Self
    where
        F: Future<Output = AppResult<T>> + Send + 'static,
    {
        let fetch = move || {
            let answer = fetch();
            Box::pin(async move {
                answer
                    .await
                    .map_or_else(Answer::Refused, |read| Answer::Read(Arc::new(read)))
            }) as Fetching
        };
        Self {
            answer: resource(Box::new(when), Box::new(fetch), blocking),
            read: PhantomData,
        }
    }

    /// The answer; `None` before the first. Subscribes.
    pub fn get(self) -> Option<AppResult<T>> {
        self.answer.get().map(|answer| match answer {
            Answer::Written(text) => serde_json::from_str(&text).map_err(|error| unreadable(error.to_string())),
            Answer::Read(read) => typed(&*read),
            Answer::Refused(error) => Err(error),
        })
    }

    /// Reads again.
    pub fn refetch(self) {
        self.answer.refetch();
    }
}

type Fetching = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// An answer: as the page brought it, or as read.
#[derive(Clone)]
enum Answer {
    /// The JSON of a `T`.
    Written(Arc<str>),
    /// A `T`.
    Read(Arc<dyn Written>),
    /// No value.
    Refused(AppError),
}

/// An answer that the server can write into the page.
trait Written: Any + Send + Sync {
    #[cfg(feature = "ssr")]
    fn json(&self) -> serde_json::Result<String>;
}

impl<T: Serialize + Send + Sync + 'static> Written for T {
    #[cfg(feature = "ssr")]
    fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

fn typed<T: Clone + 'static>(read: &dyn Written) -> AppResult<T> {
    let read: &dyn Any = read;
    read.downcast_ref::<T>()
        .cloned()
        .ok_or_else(|| unreadable("an answer of another kind".into()))
}

const fn unreadable(why: String) -> AppError {
    AppError(model::Error::Transport(why))
}

/// The wire form in a page: the value's JSON, or a refusal's JSON after a mark that no JSON begins with. It saves a
/// `Result` parser for each kind of answer.
struct AsJson;

const REFUSED: char = '!';

impl Encoder<Answer> for AsJson {
    type Error = serde_json::Error;
    type Encoded = String;

    fn encode(answer: &Answer) -> serde_json::Result<String> {
        match answer {
            Answer::Written(text) => Ok((**text).to_owned()),
            Answer::Refused(error) => Ok(format!("{REFUSED}{}", serde_json::to_string(error)?)),
            #[cfg(feature = "ssr")]
            Answer::Read(read) => read.json(),
            #[cfg(not(feature = "ssr"))]
            Answer::Read(_) => Err(serde::ser::Error::custom("only the server writes")),
        }
    }
}

impl Decoder<Answer> for AsJson {
    type Error = serde_json::Error;
    type Encoded = str;

    fn decode(text: &str) -> serde_json::Result<Answer> {
        match text.strip_prefix(REFUSED) {
            Some(error) => serde_json::from_str(error).map(Answer::Refused),
            None => Ok(Answer::Written(text.into())),
        }
    }
}

fn resource(
    when: Box<dyn Fn() + Send + Sync>,
    fetch: Box<dyn Fn() -> Fetching + Send + Sync>,
    blocking: bool,
) -> Resource<Answer, AsJson> {
    // Each run of `when` gives another value, so every change counts as new.
    let runs = AtomicU32::new(0);
    let source = move || {
        when();
        runs.fetch_add(1, Ordering::Relaxed)
    };
    let answer = Resource::new_with_options(source, move |_| fetch(), blocking);
    if cfg!(feature = "hydrate")
        && let Some(live) = use_context::<Live>()
    {
        recover(answer, live);
    }
    answer
}

/// Retries reads that failed while the node was away: when the connection returns, and periodically while it stands.
fn recover(answer: Resource<Answer, AsJson>, live: Live) {
    let failed = |answer: Option<Answer>| matches!(answer, Some(Answer::Refused(error)) if error.may_pass());
    live.on_return(move || {
        if failed(answer.get_untracked()) {
            answer.refetch();
        }
    });
    Effect::new(move || {
        if failed(answer.get()) && live.state.get() == LiveState::Live {
            browser::after(AGAIN, move || answer.refetch());
        }
    });
}
