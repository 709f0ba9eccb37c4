//! What can be done on the page that is open, for the palette: a page says it, the palette offers it first.

use leptos::prelude::*;
use std::sync::Arc;

/// Something that the open page can do.
#[derive(Clone)]
pub(crate) struct Verb {
    /// What it is called.
    pub name: String,
    /// Its icon.
    pub icon: &'static str,
    /// Does it.
    pub run: Callback<()>,
}

type List = Arc<dyn Fn() -> Vec<Verb> + Send + Sync>;

/// The verbs of the open page, and whose they are.
#[derive(Clone, Copy)]
pub(crate) struct PageVerbs(RwSignal<Option<(u32, List)>>);

impl PageVerbs {
    pub(crate) fn new() -> Self {
        Self(RwSignal::new(None))
    }

    /// What the open page can do now. Subscribes, also to what the page looks at.
    pub(crate) fn list(self) -> Vec<Verb> {
        self.0.get().map(|(_, list)| list()).unwrap_or_default()
    }
}

/// Offers what `list` gives, until the owner that asked is gone. Call it in a page's body; on the server it does
/// nothing.
pub(crate) fn offer_verbs(list: impl Fn() -> Vec<Verb> + Send + Sync + 'static) {
    let Some(PageVerbs(verbs)) = use_context::<PageVerbs>().filter(|_| cfg!(feature = "hydrate")) else {
        return;
    };
    let number = verbs.with_untracked(|before| before.as_ref().map_or(0, |(number, _)| number.wrapping_add(1)));
    verbs.set(Some((number, Arc::new(list))));
    // The next page may have said its own already.
    on_cleanup(move || {
        if verbs.try_with_untracked(|now| now.as_ref().is_some_and(|(other, _)| *other == number)) == Some(true) {
            verbs.set(None);
        }
    });
}
