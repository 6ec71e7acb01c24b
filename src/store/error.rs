//! Why a stored file cannot be used.

use crate::format::FormatError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;
use twinspire_core::files::IoAction;

/// A step of a write that can fail with an unknown outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WriteOperation {
    /// Appending a put or a delete to the journal, and syncing it.
    Append,
    /// Replacing CURRENT, which commits a seal, merge, publish, rollback or definition.
    Commit,
}

impl fmt::Display for WriteOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Append => "appending to the journal",
            Self::Commit => "replacing CURRENT",
        })
    }
}

/// Why a stored file cannot be read or written.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The operation.
        action: IoAction,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file is damaged.
    #[error("{}: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The section, and what is wrong with it.
        source: FormatError,
    },
    /// CURRENT names another manifest than this writer committed last.
    #[error("{} names manifest {found}; this writer committed {committed} last", path.display())]
    Superseded {
        /// CURRENT.
        path: PathBuf,
        /// The manifest it names.
        found: u64,
        /// The manifest this writer committed last.
        committed: u64,
    },
    /// An operation failed at a point after which only the disk knows whether it took place.
    #[error("{operation} failed midway")]
    Uncertain {
        /// The operation.
        operation: WriteOperation,
        /// Its failure.
        source: Box<StoreError>,
    },
}

impl StoreError {
    /// For `map_err` after an operation on `path`.
    pub(crate) fn io(action: IoAction, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// For `map_err` after reading the bytes of `path`.
    pub(crate) fn format(path: &Path) -> impl Fn(FormatError) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Format {
            path: path.clone(),
            source,
        }
    }

    /// [`format`](Self::format) for reads of an open file, which are many: without an error nothing is allocated.
    pub(super) fn reading(path: &Path) -> impl Fn(FormatError) -> Self {
        move |source| Self::Format {
            path: path.to_owned(),
            source,
        }
    }

    /// For `map_err` after the failure of a step whose outcome is unknown.
    pub(crate) fn uncertain(operation: WriteOperation) -> impl Fn(Self) -> Self {
        move |source| Self::Uncertain {
            operation,
            source: Box::new(source),
        }
    }
}
