//! Messages after a change of a session, with an undo, and after a failed one.

use super::{
    acts::{Done, SessionAct, archive_word, set_archived},
    api::restore_session,
};
use crate::{
    error::AppError,
    ui::{Toast, Toasts},
};
use model::{id::SessionId, sessions::Session};

/// The message of a failure: `“Fix it” was not deleted: its agent is running: stop it first.`
fn not_done(title: &str, what: &str, error: &AppError) -> String {
    let why = error.to_string();
    format!("“{title}” was not {what}: {}.", why.trim_end_matches('.'))
}

/// Shows a failure as a toast; without a frame there are none.
pub(crate) fn say(toasts: Option<Toasts>, title: &str, what: &str, error: &AppError) {
    if let Some(toasts) = toasts {
        toasts.show(Toast::failed(not_done(title, what, error)));
    }
}

/// Says that a session was deleted, and offers to take it back.
fn say_deleted(toasts: Option<Toasts>, id: SessionId, title: String) {
    let Some(toasts) = toasts else { return };
    let text = format!("Deleted {title}. You can restore it from its page for 30 days.");
    toasts.show(Toast::done(text).undo(move || restore(Some(toasts), id, &title)));
}

/// Undoes the deletion of a session; `title` is for the message when that is refused.
pub(crate) fn restore(toasts: Option<Toasts>, id: SessionId, title: &str) {
    let title = title.to_owned();
    leptos::task::spawn_local(async move {
        if let Err(error) = restore_session(id).await {
            say(toasts, &title, "restored", &error);
        }
    });
}

/// Says that a session was put into the archive or taken out of it, and offers to take that back.
fn say_archived(toasts: Option<Toasts>, session: &Session, archived: bool) {
    let Some(toasts) = toasts else { return };
    let (id, title) = (session.id, session.title.clone());
    let text = format!(
        "{}: {title}.",
        if archived {
            "Archived"
        } else {
            "Taken out of the archive"
        }
    );
    toasts.show(Toast::done(text).undo(move || {
        let title = title.clone();
        leptos::task::spawn_local(async move {
            if let Err(error) = set_archived(id, !archived).await {
                say(Some(toasts), &title, archive_word(!archived), &error);
            }
        });
    }));
}

/// Says what was done where that takes something out of sight, with the way back.
pub(crate) fn say_done(toasts: Option<Toasts>, id: SessionId, title: &str, act: &SessionAct, done: &Done) {
    match (act, done) {
        (SessionAct::Archive(archived), Done::Changed(session)) => say_archived(toasts, session, *archived),
        (_, Done::Deleted) => say_deleted(toasts, id, title.to_owned()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_session_and_ends_with_one_full_stop() {
        let error = AppError(model::Error::Conflict("its agent is running: stop it first".into()));
        assert_eq!(
            not_done("Fix it", "deleted", &error),
            "“Fix it” was not deleted: its agent is running: stop it first."
        );
        let error = AppError(model::Error::Unavailable("gone.".into()));
        assert_eq!(
            not_done("a", archive_word(false), &error),
            "“a” was not taken out of the archive: gone."
        );
    }
}
