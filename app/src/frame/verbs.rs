//! The actions of the open page, for the palette: a page offers them, the palette lists them first.

use leptos::prelude::*;
use std::sync::Arc;

/// An action of the open page.
#[derive(Clone)]
pub(crate) struct Verb {
    /// Its name.
    pub name: String,
    /// Its icon.
    pub icon: &'static str,
    /// Runs it.
    pub run: Callback<()>,
}

type List = Arc<dyn Fn() -> Vec<Verb> + Send + Sync>;

/// The verbs of the open page, and the number of the page that offered them.
#[derive(Clone, Copy)]
pub(crate) struct PageVerbs(RwSignal<Option<(u32, List)>>);

impl PageVerbs {
    pub(crate) fn new() -> Self {
        Self(RwSignal::new(None))
    }

    /// The present verbs of the open page. Subscribes, also to the signals that the page's list reads.
    pub(crate) fn list(self) -> Vec<Verb> {
        self.0.get().map(|(_, list)| list()).unwrap_or_default()
    }
}

/// Offers the verbs that `list` gives, until the current owner is disposed. Call it in a page's body; on the server it
/// does nothing.
pub(crate) fn offer_verbs(list: impl Fn() -> Vec<Verb> + Send + Sync + 'static) {
    let Some(PageVerbs(verbs)) = use_context::<PageVerbs>().filter(|_| cfg!(feature = "hydrate")) else {
        return;
    };
    let number = verbs.with_untracked(|before| before.as_ref().map_or(0, |(number, _)| number.wrapping_add(1)));
    verbs.set(Some((number, Arc::new(list))));
    // The next page may already have offered its own.
    on_cleanup(move || {
        if verbs.try_with_untracked(|now| now.as_ref().is_some_and(|(other, _)| *other == number)) == Some(true) {
            verbs.set(None);
        }
    });
}
