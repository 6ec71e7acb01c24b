//! The public error of towers.

use crate::tower::{EmbedError, TowerError};
use std::path::{Path, PathBuf};
use thiserror::Error;
use twinspire_core::files::IoAction;

/// Why towers cannot be opened, saved or used. More reasons may be added.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TowersError {
    /// A file or directory cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The operation.
        action: IoAction,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A path to save towers to that does not end with a name.
    #[error("cannot save towers to {}: the path must end with a name", path.display())]
    Unnamed {
        /// The path.
        path: PathBuf,
    },
    /// The directory to save towers to holds a file that does not belong to towers, and would be lost.
    #[error("cannot save towers over {}, which would be lost; choose another directory", path.display())]
    OtherFile {
        /// The file.
        path: PathBuf,
    },
    /// The directory does not hold valid towers.
    #[error("towers in {}: {source}", path.display())]
    Invalid {
        /// The directory.
        path: PathBuf,
        /// The file, the place in it, and the fault.
        source: TowerError,
    },
    /// A user that the user tower cannot embed.
    #[error("{}: {source}", user(*.at))]
    User {
        /// The index in the batch, from 0; `None` outside a batch.
        at: Option<usize>,
        /// The reason.
        source: EmbedError,
    },
    /// An item that the item tower cannot embed.
    #[error("item {id:?} cannot be embedded: {source}")]
    Item {
        /// The id of the item.
        id: String,
        /// The reason.
        source: EmbedError,
    },
}

fn user(at: Option<usize>) -> String {
    match at {
        Some(at) => format!("user {at} of the batch"),
        None => "the user".to_owned(),
    }
}

impl TowersError {
    /// Wraps an I/O error with what was tried and on which path.
    pub(crate) fn io(action: IoAction, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
