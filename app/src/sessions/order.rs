//! Keeps a list of sessions in the order of its head: newest activity first. Rows that work at the same time must not
//! swap places all the time, or nobody could press one.

use super::filter::place;
use crate::{live::Rows, ui::format};
use model::{
    Millis,
    sessions::{Session, SessionFilter},
};

/// A row passes another only if its activity is newer by this much, so that rows that both work keep their places.
const PASSES_AFTER: Millis = 60_000;

/// Whether the just active `session` belongs above `other`.
fn passes(session: &Session, other: &Session) -> bool {
    session.updated - other.updated > PASSES_AFTER
}

/// Applies a row from the socket to the list of `filter`. A known row is patched and rises, a new one is inserted, one
/// that no longer matches is removed. `more`: the list continues beyond the loaded rows.
pub fn patch_sessions(rows: Rows<Session>, filter: &SessionFilter, session: &Session, more: bool) {
    let key = session.id.to_string();
    if !filter.shows(session, format::lower) {
        rows.remove(&key);
        return;
    }
    rows.patch(session.clone(), |rows| place(rows, filter, session, more));
    let from = rows.position_untracked(|other| other.id == session.id);
    let to = rows.position_untracked(|other| passes(session, other));
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        rows.move_to(&key, to);
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::testing::session;
    use leptos::prelude::Owner;

    #[test]
    fn a_row_that_becomes_active_rises_and_rows_that_work_together_keep_their_places() {
        Owner::new().with(|| {
            let rows = Rows::new(|session: &Session| session.id.to_string());
            let at = |n: u8, minutes: i64| session(n, |s| s.updated = minutes * 60_000);
            rows.replace(vec![at(1, 30), at(2, 20), at(3, 10)]);
            let all = SessionFilter::default();
            let order = || {
                rows.items_untracked()
                    .iter()
                    .map(|s| s.title.clone())
                    .collect::<Vec<_>>()
            };

            patch_sessions(rows, &all, &at(3, 25), false);
            assert_eq!(order(), ["Session 1", "Session 3", "Session 2"]);
            patch_sessions(rows, &all, &at(3, 31), false);
            assert_eq!(
                order(),
                ["Session 1", "Session 3", "Session 2"],
                "a minute apart is together"
            );
            patch_sessions(rows, &all, &at(3, 32), false);
            patch_sessions(rows, &all, &at(3, 32), false);
            assert_eq!(order(), ["Session 3", "Session 1", "Session 2"], "twice is once");
            patch_sessions(rows, &all, &at(4, 40), true);
            assert_eq!(order()[0], "Session 4", "a new row comes to its place");
            patch_sessions(rows, &all, &session(1, |s| s.archived = Some(1)), false);
            assert_eq!(order(), ["Session 4", "Session 3", "Session 2"]);
        });
    }
}
