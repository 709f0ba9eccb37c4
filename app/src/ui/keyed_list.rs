//! Keyed lists: a row is rendered once and kept while its key is there. This module must not know what a row shows.

use crate::view;
use leptos::prelude::*;
use std::sync::Arc;

/// A row to render.
struct Row {
    key: String,
    draw: Box<dyn FnOnce() -> AnyView + Send>,
}

/// A row for each of `items`, rendered by `row` when its `key` is new. It replaces `<For>` in all lists: compiled once,
/// and not for each kind of item, key and closure (10 kB of wasm a list).
pub(crate) fn keyed_list<T: Send + 'static>(
    items: impl Fn() -> Vec<T> + Send + Sync + 'static,
    key: fn(&T) -> String,
    row: impl Fn(T) -> AnyView + Send + Sync + 'static,
) -> AnyView {
    let row = Arc::new(row);
    let rows = move || {
        let drawn = |item: T| {
            let (key, row) = (key(&item), Arc::clone(&row));
            Row {
                key,
                draw: Box::new(move || row(item)),
            }
        };
        items().into_iter().map(drawn).collect()
    };
    keyed(Box::new(rows))
}

fn keyed(rows: Box<dyn Fn() -> Vec<Row> + Send + Sync>) -> AnyView {
    view! { <For each=rows key=|row| row.key.clone() children=|row| (row.draw)() /> }
}
