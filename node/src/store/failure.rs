//! Database failures and their messages for people. Causes are logged here, once, with the place of the failure; they
//! never travel further.

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
    /// Another process uses it. The sentence names the process and a remedy.
    #[error("{0}")]
    Held(String),
    /// Database and data directory belong to different nodes. The sentence names both and a remedy. Nothing was
    /// changed.
    #[error("{0}")]
    Foreign(String),
    /// A newer version of OrchWiz has migrated the schema. Nothing was changed.
    #[error(
        "this database was written by a newer version of OrchWiz (it has the schema step {0}, unknown here): install that version or restore a backup; nothing was changed"
    )]
    Newer(String),
    /// The database version is too old.
    #[error("{found} is too old: OrchWiz needs {needed}")]
    TooOld {
        /// The version found.
        found: String,
        /// The version needed, and why.
        needed: &'static str,
    },
    /// A file or folder of the data directory failed.
    #[error("cannot use {path}: {cause}", path = path.display())]
    File {
        /// The directory or file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        cause: io::Error,
    },
    /// The database returned an error.
    #[error("database: {0}")]
    Database(#[from] DbErr),
}

/// Whether the error or one of its sources is a full disk: `SQLITE_FULL`, `ENOSPC`, `EDQUOT`, PostgreSQL's 53100.
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

/// The message while the database cannot be reached; it claims nothing about what was written.
pub(crate) const UNREACHABLE: &str = "the database of this node does not answer at the moment: try again";

/// Whether the error or one of its sources is a database that is gone, too slow, or no longer accepts writes.
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

/// PostgreSQL's codes for an unavailable server:
///
/// - a lost or refused connection (08), or too many (53300)
/// - a statement (57014) or lock (55P03) that took too long
/// - a server that stops or starts (57P), or only reads (25006)
/// - a transaction left open (25P03)
fn is_away(code: &str) -> bool {
    matches!(code, "53300" | "57014" | "55P03" | "25P03" | "25006")
        || code.starts_with("57P")
        || (code.starts_with("08") && code.len() == 5)
}

/// Maps errors that only a fault of this node can cause: of its database, its files, its tasks.
pub trait Stored<T> {
    /// The value, or the cause mapped by [`internal`]; the log names the caller's place.
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

/// Maps an unexpected cause. A full disk is `StorageFull`, an unreachable database `Unavailable`; any other cause
/// becomes a reference. All but a full disk are logged here once, with the caller's place; within a request the line
/// carries the request's id.
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

/// Eight hex digits that people can read out and search the log for. Unique within a process, and very likely between
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
