//! The one error users see: what was wrong, where, and what would be right.

use crate::catalog::CatalogError;
use crate::manifest::TransitionError;
use crate::record::RecordError;
use crate::store::StoreError;
use std::path::PathBuf;
use thiserror::Error;

/// Everything a call on a database can fail with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// An item record that cannot be stored.
    #[error("item {at} of the call: {source}")]
    Item {
        /// Its place in the call, from 0.
        at: usize,
        /// What is wrong with it.
        source: RecordError,
    },
    /// One call with the same id twice: which one should win cannot be known.
    #[error("items {first} and {second} of the call have the same id {id:?}; leave one out")]
    DuplicateId {
        /// The id.
        id: String,
        /// Where it stands first, from 0.
        first: usize,
        /// Where it stands again.
        second: usize,
    },
    /// There is no database at this path.
    #[error("there is no database at {}", path.display())]
    NoDatabase {
        /// The directory that was looked for.
        path: PathBuf,
    },
    /// The directory holds files, but no database.
    #[error("{} is not a database and not empty; choose a directory of its own", path.display())]
    NotADatabase {
        /// The directory.
        path: PathBuf,
    },
    /// Another process, or another handle in this one, has the database open for writing.
    #[error("{} is held by another writer; close that one first", lock.display())]
    Locked {
        /// The lock file; its text names the process.
        lock: PathBuf,
    },
    /// A file is damaged.
    #[error("damaged: {what}")]
    Corrupt {
        /// The file, the part of it, and what is wrong.
        what: String,
    },
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// An earlier write failed in a way that leaves its outcome open; reading goes on.
    #[error("an earlier write failed midway: close the database and open it again to write")]
    Poisoned,
    /// There are more items than item numbers.
    #[error("a database holds at most 4,294,967,295 different ids over its life")]
    TooManyItems,
}

/// The kinds of [`Error`](enum@Error), for callers that decide by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call asked for something that cannot be.
    InvalidInput,
    /// What was asked for is not there.
    NotFound,
    /// A file is damaged.
    Corrupt,
    /// Someone else holds it.
    Busy,
    /// The operating system refused, or did so before.
    Io,
}

impl Error {
    /// What kind of error this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Item { .. }
            | Self::DuplicateId { .. }
            | Self::NotADatabase { .. }
            | Self::TooManyItems => ErrorKind::InvalidInput,
            Self::NoDatabase { .. } => ErrorKind::NotFound,
            Self::Locked { .. } => ErrorKind::Busy,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Io { .. } | Self::Poisoned => ErrorKind::Io,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Io {
                action,
                path,
                source,
            } => Self::Io {
                action,
                path,
                source,
            },
            StoreError::CommitUncertain { source } => (*source).into(),
            other @ StoreError::Format { .. } => Self::Corrupt {
                what: other.to_string(),
            },
        }
    }
}

impl From<CatalogError> for Error {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Store(error) => error.into(),
            lost @ CatalogError::Lost { .. } => Self::Corrupt {
                what: lost.to_string(),
            },
        }
    }
}

impl From<TransitionError> for Error {
    fn from(_: TransitionError) -> Self {
        Self::Poisoned
    }
}
