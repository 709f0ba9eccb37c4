//! What followers hear, written out once for all who hear the same.

use super::{Touched, touched::Hides};
use crate::rows::{RowId, Whose};
use model::{
    Caller, Pos,
    live::{Row, ServerSays},
};
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::{Arc, OnceLock};

/// A value and its JSON, which the first who needs it writes.
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

/// What a follower hears.
#[derive(Clone, Debug)]
pub enum Told {
    /// [`ServerSays::Row`]: the position is the follower's, the row everybody's who may see it.
    Row {
        /// The position up to which the follower has heard all others.
        pos: Pos,
        /// The row.
        row: Arc<Written<Row>>,
    },
    /// The same for all.
    Same(Arc<Written<ServerSays>>),
    /// For this follower alone.
    Own(ServerSays),
}

impl Told {
    /// As it goes over the socket: the JSON of [`ServerSays`].
    pub fn text(&self) -> String {
        /// [`ServerSays::Row`] around a row that is written already.
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

/// The rows behind an id, as everybody gets them who may.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) rows: Vec<Arc<Written<Row>>>,
    pub(super) of: Of,
}

/// Whose rows are, judged after they were read: nobody gets what was added after they lost sight of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// Everybody sees them.
    Everybody,
    /// Who sees the session.
    Session(Whose),
    /// Of a session of which nothing is left.
    Nobody,
}

impl Shown {
    /// Whether a caller may see the rows, if there are any.
    pub(super) fn is_for(&self, caller: &Caller) -> bool {
        match self.of {
            Of::Everybody => true,
            Of::Session(whose) => whose.is_seen_by(caller),
            Of::Nobody => false,
        }
    }

    /// What a caller hears of a row that is not there for them: only who could see it before hears that it is gone.
    pub(super) fn takes_away(&self, touched: Touched, caller: &Caller) -> Option<ServerSays> {
        let gone = ServerSays::Gone {
            pos: touched.pos,
            id: touched.touch.row.to_string(),
        };
        match (touched.hides, touched.touch.row, self.of) {
            (Hides::Nothing, ..) => None,
            (Hides::Deleted, RowId::Session(_), Of::Session(whose)) => whose.is_shared_with(caller).then_some(gone),
            // Purged meanwhile: nothing tells any more whose it was.
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
