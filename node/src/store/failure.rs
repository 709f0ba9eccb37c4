//! What can go wrong with a database, and how it is told to people.
//! Causes are logged here, once, with the place that met them; they never travel further.

use sea_orm::{DbErr, RuntimeErr, SqlxError};
use std::{
    error::Error as StdError,
    io,
    panic::Location,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it. The sentence says which and what to do.
    #[error("{0}")]
    Held(String),
    /// The database and the data directory are not of the same node. The sentence says which and what to do. Nothing
    /// was touched.
    #[error("{0}")]
    Foreign(String),
    /// A newer version of OrchWiz has changed the schema. Nothing was touched.
    #[error(
        "this database was written by a newer version of OrchWiz (it has the schema step {0}, unknown here): install that version or restore a backup; nothing was changed"
    )]
    Newer(String),
    /// The database program is too old.
    #[error("{found} is too old: OrchWiz needs {needed}")]
    TooOld {
        /// What was found.
        found: String,
        /// What is needed and why.
        needed: &'static str,
    },
    /// A file or folder of the data directory.
    #[error("cannot use {path}: {cause}", path = path.display())]
    File {
        /// The directory or file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        cause: io::Error,
    },
    /// The database said no.
    #[error("database: {0}")]
    Database(#[from] DbErr),
}

/// Whether the cause, or a cause of it, is a full disk: `SQLITE_FULL`, `ENOSPC`, `EDQUOT`, PostgreSQL's 53100.
pub fn is_storage_full(cause: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(cause);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        {
            return true;
        }
        if let Some(
            DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error))
            | DbErr::Conn(RuntimeErr::SqlxError(error)),
        ) = error.downcast_ref::<DbErr>()
        {
            match &**error {
                SqlxError::Database(error) => return error.code().is_some_and(|code| code == "13" || code == "53100"),
                SqlxError::Io(error) => return is_storage_full(error),
                _ => {}
            }
        }
        next = error.source();
    }
    false
}

/// What is said while the database cannot be reached; it claims nothing about what was written.
pub(crate) const UNREACHABLE: &str = "the database of this node does not answer at the moment: try again";

/// Whether the cause, or a cause of it, is a database that is gone, does not answer in time, or is no longer the one
/// that takes writes.
pub fn is_unreachable(cause: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(cause);
    while let Some(error) = next {
        match error.downcast_ref::<DbErr>() {
            Some(DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) => return true,
            Some(DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) => {
                return match &**error {
                    SqlxError::Database(error) => error.code().is_some_and(|code| is_away(&code)),
                    SqlxError::Io(_)
                    | SqlxError::Tls(_)
                    | SqlxError::Protocol(_)
                    | SqlxError::PoolTimedOut
                    | SqlxError::PoolClosed
                    | SqlxError::WorkerCrashed => true,
                    _ => false,
                };
            }
            _ => next = error.source(),
        }
    }
    false
}

/// PostgreSQL's codes for: a connection that is lost or refused (08), too many (53300), a statement that took too long
/// (57014), a lock that did (55P03), a server that stops or starts (57P), a transaction left open (25P03), a server
/// that only reads (25006).
fn is_away(code: &str) -> bool {
    matches!(code, "53300" | "57014" | "55P03" | "25P03" | "25006")
        || code.starts_with("57P")
        || (code.starts_with("08") && code.len() == 5)
}

/// For what only fails when something is wrong with this node: its database, its files, its tasks.
pub trait Stored<T> {
    /// The value, or what [`internal`] makes of the cause; the place that is logged is the caller's.
    ///
    /// # Errors
    /// `StorageFull`, `Unavailable` or `Internal`.
    #[track_caller]
    fn stored(self) -> model::Result<T>;
}

impl<T, E: StdError + 'static> Stored<T> for Result<T, E> {
    #[track_caller]
    fn stored(self) -> model::Result<T> {
        match self {
            Ok(value) => Ok(value),
            Err(cause) => Err(internal(cause)),
        }
    }
}

/// Maps an unexpected cause: a full disk is `StorageFull`, a database that does not answer `Unavailable`, everything
/// else becomes a reference. But for a full disk it is logged once, here, with the caller's place; within a request the
/// line carries the request's id.
#[track_caller]
pub fn internal(cause: impl StdError + 'static) -> model::Error {
    if is_storage_full(&cause) {
        return model::Error::StorageFull;
    }
    let place = Location::caller();
    if is_unreachable(&cause) {
        tracing::warn!(error = %cause, %place, "the database does not answer");
        return model::Error::Unavailable(UNREACHABLE.into());
    }
    let reference = reference(&cause.to_string());
    tracing::error!(error = %cause, %reference, %place, "something unexpected happened");
    model::Error::Internal(reference)
}

/// Eight hex digits that people can read out and search the log for; distinct within and, in all likelihood, between
/// processes.
fn reference(cause: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    hasher.update(&std::process::id().to_be_bytes());
    hasher.update(cause.as_bytes());
    hasher.finalize().to_hex()[..8].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_does_not_answer_is_told_apart_from_other_failures() {
        let timed_out = || DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout);
        assert_eq!(internal(timed_out()), model::Error::Unavailable(UNREACHABLE.into()));
        assert_eq!(
            internal(StoreError::Database(timed_out())),
            model::Error::Unavailable(UNREACHABLE.into())
        );
        let io = SqlxError::Io(io::ErrorKind::ConnectionReset.into());
        assert!(is_unreachable(&DbErr::Query(RuntimeErr::SqlxError(io.into()))));
        assert!(
            !is_unreachable(&DbErr::RecordNotInserted) && !is_unreachable(&io::Error::from(io::ErrorKind::NotFound))
        );
        assert!(is_away("57P01") && is_away("08006") && is_away("25006"));
        assert!(
            !is_away("23505") && !is_away("8") && !is_away("40001"),
            "SQLite's own codes and other failures"
        );
    }

    #[test]
    fn a_full_disk_is_told_apart_from_other_failures() {
        assert_eq!(
            internal(io::Error::from(io::ErrorKind::StorageFull)),
            model::Error::StorageFull
        );
        let nested = StoreError::File {
            path: "/x".into(),
            cause: io::ErrorKind::QuotaExceeded.into(),
        };
        assert_eq!(internal(nested), model::Error::StorageFull);
        let other = internal(io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(
            matches!(&other, model::Error::Internal(reference) if reference.len() == 8),
            "{other:?}"
        );
        assert_ne!(
            internal(DbErr::RecordNotInserted),
            internal(DbErr::RecordNotInserted),
            "references repeat"
        );
    }
}
