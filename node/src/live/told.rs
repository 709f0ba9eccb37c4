//! Messages for followers, serialised once for all who get the same.

use super::{Touched, touched::Hides};
use crate::rows::{RowId, Whose};
use model::{
    Caller, Pos,
    live::{Row, ServerSays},
};
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::{Arc, OnceLock};

/// A value and its JSON, serialised at first use.
#[derive(Debug)]
pub struct Written<T> {
    value: T,
    json: OnceLock<Box<RawValue>>,
}

impl<T: Serialize> Written<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            value,
            json: OnceLock::new(),
        }
    }

    /// The value.
    pub fn value(&self) -> &T {
        &self.value
    }

    fn json(&self) -> &RawValue {
        self.json.get_or_init(|| {
            serde_json::value::to_raw_value(&self.value).expect("rows and what the node says are plain data")
        })
    }
}

/// A message for a follower.
#[derive(Clone, Debug)]
pub enum Told {
    /// [`ServerSays::Row`]: the position is the follower's own, the row is shared.
    Row {
        /// The follower has been told everything before this position.
        pos: Pos,
        /// The row.
        row: Arc<Written<Row>>,
    },
    /// A message shared by all.
    Same(Arc<Written<ServerSays>>),
    /// A message for this follower alone.
    Own(ServerSays),
}

impl Told {
    /// The JSON of [`ServerSays`], as the socket sends it.
    pub fn text(&self) -> String {
        /// [`ServerSays::Row`] around a row that is already serialised.
        #[derive(Serialize)]
        #[serde(rename_all = "snake_case")]
        enum Frame<'a> {
            Row { pos: Pos, row: &'a RawValue },
        }
        let text = match self {
            Self::Row { pos, row } => serde_json::to_string(&Frame::Row {
                pos: *pos,
                row: row.json(),
            }),
            Self::Same(says) => return says.json().get().to_owned(),
            Self::Own(says) => serde_json::to_string(says),
        };
        text.expect("what the node says is plain data")
    }
}

impl From<Told> for ServerSays {
    fn from(told: Told) -> Self {
        match told {
            Told::Row { pos, row } => Self::Row {
                pos,
                row: row.value.clone(),
            },
            Told::Same(says) => says.value.clone(),
            Told::Own(says) => says,
        }
    }
}

impl From<ServerSays> for Told {
    fn from(says: ServerSays) -> Self {
        Self::Own(says)
    }
}

/// The rows of an id, shared by all callers who may see them.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) rows: Vec<Arc<Written<Row>>>,
    pub(super) of: Of,
}

/// Who may see the rows. It is read after them, so nobody gets what was added after they lost sight of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Everybody,
    /// Whoever sees the session.
    Session(Whose),
    /// The session is purged, so nobody does.
    Nobody,
}

impl Shown {
    /// Whether a caller may see the rows.
    pub(super) fn is_for(&self, caller: &Caller) -> bool {
        match self.of {
            Of::Everybody => true,
            Of::Session(whose) => whose.is_seen_by(caller),
            Of::Nobody => false,
        }
    }

    /// The message for a caller who does not get the row: only a caller who could see it before hears that it is gone.
    pub(super) fn takes_away(&self, touched: Touched, caller: &Caller) -> Option<ServerSays> {
        let gone = ServerSays::Gone {
            pos: touched.pos,
            id: touched.touch.row.to_string(),
        };
        match (touched.hides, touched.touch.row, self.of) {
            (Hides::Nothing, ..) => None,
            (Hides::Deleted, RowId::Session(_), Of::Session(whose)) => whose.is_shared_with(caller).then_some(gone),
            // A purged session no longer says who could see it.
            (Hides::Deleted, RowId::Session(_), Of::Nobody) => Some(ServerSays::Reload),
            (Hides::Deleted | Hides::Shared, ..) => Some(gone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{id::PromptId, id::SessionId, sessions::Prompt, sessions::PromptState};
    use uuid::Uuid;

    #[test]
    fn a_row_that_was_written_before_reads_as_any_other() {
        let prompt = Prompt {
            id: PromptId::from_uuid(Uuid::from_u128(1)),
            session: SessionId::from_uuid(Uuid::from_u128(2)),
            text: "a \"quoted\"\nline".into(),
            by_name: "mara".into(),
            at: 3,
            state: PromptState::Queued,
        };
        let told = Told::Row {
            pos: 7,
            row: Arc::new(Written::new(Row::Prompt(prompt.clone()))),
        };
        let says = ServerSays::Row {
            pos: 7,
            row: Row::Prompt(prompt),
        };
        assert_eq!(told.text(), serde_json::to_string(&says).expect("encodes"));
        assert_eq!(ServerSays::from(told), says);
        let same = Told::Same(Arc::new(Written::new(ServerSays::Reload)));
        assert_eq!(
            (same.text(), Told::Own(ServerSays::Reload).text()),
            ("\"reload\"".into(), "\"reload\"".into())
        );
    }
}
