//! Why a handle has stopped writing.

use crate::error::{Error, Invariant};
use crate::store::WriteOperation;
use std::path::PathBuf;
use std::sync::Arc;

/// The failure after which nothing is written, because the state of the disk is unknown or is that of
/// another writer. Opening the database again reads the state.
pub(super) enum Stopped {
    /// A write failed midway.
    Uncertain {
        operation: WriteOperation,
        source: Arc<Error>,
    },
    /// Another process committed.
    Superseded {
        path: PathBuf,
        found: u64,
        committed: u64,
    },
    /// A panic ended a commit.
    Interrupted,
}

impl Stopped {
    /// The stop that an error causes; `None` if writes can continue.
    pub(super) fn by(error: &Error) -> Option<Self> {
        match error {
            Error::Uncertain { operation, source } => Some(Self::Uncertain {
                operation: *operation,
                source: Arc::clone(source),
            }),
            Error::Superseded {
                path,
                found,
                committed,
            } => Some(Self::Superseded {
                path: path.clone(),
                found: *found,
                committed: *committed,
            }),
            _ => None,
        }
    }

    /// The error of a write that is not tried.
    pub(super) fn error(&self) -> Error {
        match self {
            Self::Uncertain { operation, source } => Error::Poisoned {
                operation: *operation,
                source: Arc::clone(source),
            },
            Self::Superseded {
                path,
                found,
                committed,
            } => Error::Superseded {
                path: path.clone(),
                found: *found,
                committed: *committed,
            },
            Self::Interrupted => Error::Internal {
                invariant: Invariant::InterruptedCommit,
            },
        }
    }
}
