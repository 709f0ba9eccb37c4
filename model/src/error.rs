//! The one error that crosses ports. It says what a person can act on; the node logs any other cause once, with its
//! place in the code.

use crate::approvals::Decided;
use serde::{Deserialize, Serialize};

/// `Result` with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call was refused or failed. Each variant has one HTTP status: [`Error::status`].
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Error {
    /// Nobody is signed in. 401.
    #[error("sign in to continue")]
    Unauthenticated,
    /// The caller may not do this; the text says what it takes. 403.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing, or the caller may not see it. 404. Names the kind of thing: `session`.
    #[error("there is no such {0}")]
    NotFound(String),
    /// A value is wrong. 422.
    #[error("{message}")]
    Invalid {
        /// The field as the caller named it; empty for the whole.
        field: String,
        /// One sentence: what is wrong and what would be right.
        message: String,
    },
    /// It conflicts with the present state. 409.
    #[error("{0}")]
    Conflict(String),
    /// The approval was decided before. 409, with that decision.
    #[error("{} decided this before: {}", .0.by_name.as_deref().unwrap_or("somebody"), .0.decision.word())]
    AlreadyDecided(Box<Decided>),
    /// The input is larger than allowed. 413. The limit, in bytes.
    #[error("too large: at most {0} bytes are accepted here")]
    TooLarge(u64),
    /// Too many tries. 429. Seconds until the next is accepted.
    #[error("too many attempts, try again in {0} s")]
    RateLimited(u64),
    /// The disk is full; nothing was written. 507.
    #[error("the disk of this node is full: nothing was written, free some space and try again")]
    StorageFull,
    /// It cannot be done at the moment; the text says what is missing. 503.
    #[error("{0}")]
    Unavailable(String),
    /// The database went away during the write and did not answer afterwards: the change may or may not hold. 504.
    #[error("the database went away while this was being stored: look whether it took effect before you try again")]
    InDoubt,
    /// Something unexpected. 500. The reference under which the cause was logged.
    #[error("something went wrong on this node (reference {0})")]
    Internal(String),
    /// The call did not reach the node, or its answer could not be read. The technical cause is for logs and bug
    /// reports; the sentence leaves it out.
    #[error("the node did not answer: it may be restarting, or the connection is down")]
    Transport(String),
}

impl Error {
    /// A wrong value of one field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            message: message.into(),
        }
    }

    /// The same refusal, under the name that this caller gave the field.
    #[must_use]
    pub fn about(self, field: &str) -> Self {
        match self {
            Self::Invalid { message, .. } => Self::invalid(field, message),
            other => other,
        }
    }

    /// The stable word for programs: `not_found`, `conflict`, ...
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::Invalid { .. } => "invalid",
            Self::Conflict(_) => "conflict",
            Self::AlreadyDecided(_) => "already_decided",
            Self::TooLarge(_) => "too_large",
            Self::RateLimited(_) => "rate_limited",
            Self::StorageFull => "storage_full",
            Self::Unavailable(_) => "unavailable",
            Self::InDoubt => "in_doubt",
            Self::Internal(_) => "internal",
            Self::Transport(_) => "transport",
        }
    }

    /// The HTTP status this error answers with.
    pub fn status(&self) -> u16 {
        match self {
            Self::Unauthenticated => 401,
            Self::Forbidden(_) => 403,
            Self::NotFound(_) => 404,
            Self::Invalid { .. } => 422,
            Self::Conflict(_) | Self::AlreadyDecided(_) => 409,
            Self::TooLarge(_) => 413,
            Self::RateLimited(_) => 429,
            Self::StorageFull => 507,
            Self::Unavailable(_) => 503,
            Self::InDoubt => 504,
            Self::Internal(_) | Self::Transport(_) => 500,
        }
    }
}
