//! Actions: calls to the node that a person triggers, one or several at a time, with a pending state. It must not know
//! what they do.

use leptos::{
    prelude::*,
    reactive::{
        computed::ScopedFuture,
        owner::{Owner, WeakOwner},
    },
    task::spawn_local,
};
use std::{any::Any, marker::PhantomData, pin::Pin, sync::Arc};

/// Leptos' `Action` without a value to read: the future itself applies the result. Its type is erased underneath, so
/// that it is compiled once and not for each future (4 kB of wasm each).
pub struct NodeAction<I: 'static> {
    does: StoredValue<Does>,
    going: RwSignal<u32>,
    pending: Memo<bool>,
    takes: PhantomData<fn(I)>,
}

type Doing = Pin<Box<dyn Future<Output = ()>>>;
type Does = Arc<dyn Fn(&dyn Any) -> Option<Doing> + Send + Sync>;

impl<I> Clone for NodeAction<I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I> Copy for NodeAction<I> {}

impl<I: 'static> NodeAction<I> {
    /// Nothing runs before [`NodeAction::dispatch`].
    pub fn new<F: Future<Output = ()> + 'static>(act: impl Fn(&I) -> F + Send + Sync + 'static) -> Self {
        let does: Does = Arc::new(move |input| input.downcast_ref().map(|input| Box::pin(act(input)) as Doing));
        let (does, going, pending) = stored(does);
        Self {
            does,
            going,
            pending,
            takes: PhantomData,
        }
    }

    /// Runs it. It goes on after the page is left; writes to disposed signals are then ignored.
    pub fn dispatch(self, input: I) {
        start(self.does, self.going, &input);
    }

    /// Whether a call is under way.
    pub fn pending(self) -> Memo<bool> {
        self.pending
    }
}

/// Runs with the creator's owner, so that the future finds the same contexts.
fn stored(does: Does) -> (StoredValue<Does>, RwSignal<u32>, Memo<bool>) {
    let owner = Owner::current().map(|owner| owner.downgrade());
    let owned: Does = Arc::new(move |input| {
        let doing = untrack(|| does(input))?;
        Some(match owner.as_ref().and_then(WeakOwner::upgrade) {
            Some(owner) => Box::pin(owner.with(|| ScopedFuture::new_untracked(doing))),
            None => doing,
        })
    });
    let going = RwSignal::new(0_u32);
    (StoredValue::new(owned), going, Memo::new(move |_| going.get() > 0))
}

fn start(does: StoredValue<Does>, going: RwSignal<u32>, input: &dyn Any) {
    let Some(doing) = does.try_get_value().and_then(|does| does(input)) else {
        return;
    };
    going.update(|n| *n += 1);
    spawn_local(async move {
        doing.await;
        going.try_update(|n| *n = n.saturating_sub(1));
    });
}
