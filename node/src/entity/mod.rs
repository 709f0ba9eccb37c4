//! The tables as SeaORM sees them, one file each. Rows are plain data; the rules for them belong to the features. Only
//! `journal::projection` writes projected tables; everybody may read them.

use crate::{origin::node_of, store::Projected};
use model::fleet::NodeRef;
use std::{fmt::Display, str::FromStr};

pub mod approval;
pub mod blob;
pub mod credential;
pub mod cursor;
pub mod entry;
pub mod event;
pub mod health_sample;
pub mod idempotency;
pub mod input;
pub mod invite;
pub mod known_network;
pub mod known_node;
pub mod lease;
pub mod link;
pub mod log;
pub mod login;
pub mod project;
pub mod prompt;
pub mod run;
pub mod run_cursor;
pub mod secret;
pub mod session;
pub mod setting;
pub mod setup_link;
pub mod skip;
pub mod taken;
pub mod token;
pub mod usage_day;
pub mod usage_total;
pub mod user;

macro_rules! projected {
    ($($table:ident),+) => {
        $(impl Projected for $table::Entity {
            const ORIGIN: Self::Column = $table::Column::Origin;
        })+
    };
}

projected!(
    user,
    project,
    session,
    run,
    prompt,
    entry,
    approval,
    usage_total,
    usage_day
);

/// The node of rows with this `origin`. Its name is added when the row is shown.
pub(crate) fn nameless(origin: &str) -> NodeRef {
    NodeRef {
        id: node_of(origin),
        name: String::new(),
        here: false,
        silent_since: None,
    }
}

/// Parses a stored id. A row with a bad id is left out and logged once.
pub(crate) fn id<T: FromStr>(text: &str) -> Option<T>
where
    T::Err: Display,
{
    text.parse()
        .map_err(|error| tracing::error!(%error, text, "a stored id is damaged; its row is left out"))
        .ok()
}
