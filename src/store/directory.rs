//! The database directory.

use super::error::StoreError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twinspire_core::files::{FileSystem, IoAction, names};

/// A database directory on a file system.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    /// The file system.
    pub(crate) files: Arc<dyn FileSystem>,
    /// The database directory.
    pub(crate) root: PathBuf,
}

impl Directory {
    /// The path of a file in one of the directories below the root.
    pub(crate) fn path(&self, directory: &str, name: &str) -> PathBuf {
        names::below(&self.root, directory, name)
    }

    /// Whether the root is short enough for the longest path below it.
    pub(crate) fn fits(&self) -> bool {
        self.root.as_os_str().len() <= names::MAX_ROOT_BYTES
    }

    /// Creates a directory; fine if it exists.
    pub(crate) fn create_dir(&self, path: &Path) -> Result<(), StoreError> {
        self.files
            .create_dir(path)
            .map_err(StoreError::io(IoAction::CreateDirectory, path))
    }

    /// Makes the directory's own name durable.
    pub(crate) fn sync_parent(&self) -> Result<(), StoreError> {
        match self.root.parent() {
            Some(parent) if parent.as_os_str().is_empty() => self.sync_dir(Path::new(".")),
            Some(parent) => self.sync_dir(parent),
            None => Ok(()),
        }
    }

    /// Makes names in a directory durable.
    pub(crate) fn sync_dir(&self, path: &Path) -> Result<(), StoreError> {
        self.files
            .sync_dir(path)
            .map_err(StoreError::io(IoAction::SyncDirectory, path))
    }
}
