//! Stored files as files: the bytes of `format` written and opened through `files`.
//!
//! A writer is consumed by its `finish`, which syncs the file; until then there is nothing but an
//! orphan that collection removes. Errors here add the path to what `format` found.

mod current;
mod error;
mod gc;
mod items;
mod segment;
mod space;
mod towers;

pub(crate) use current::{commit, commit_over, load};
pub(crate) use error::StoreError;
pub use error::WriteOperation;
pub(crate) use gc::{collect, garbage, highest_number};
pub(crate) use items::{ItemsSegment, ItemsWriter};
pub(crate) use segment::fresh_identity;
pub(crate) use space::{SpaceContent, SpaceSegment, write_space};
pub(crate) use towers::{read_towers, write_towers};

use crate::format::{Damage, FormatError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twinspire_core::files::{FileSystem, names};

/// A database directory on a file system.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    /// The file system.
    pub(crate) files: Arc<dyn FileSystem>,
    /// The database directory.
    pub(crate) root: PathBuf,
}

impl Directory {
    /// A file below the root.
    pub(crate) fn path(&self, directory: &str, name: &str) -> PathBuf {
        names::below(&self.root, directory, name)
    }

    /// Whether the paths of all files can be as long as they get.
    pub(crate) fn fits(&self) -> bool {
        self.root.as_os_str().len() <= names::MAX_ROOT_BYTES
    }

    /// Creates a directory; fine if it exists.
    pub(crate) fn create_dir(&self, path: &Path) -> Result<(), StoreError> {
        self.files
            .create_dir(path)
            .map_err(StoreError::io("create the directory", path))
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
            .map_err(StoreError::io("sync the directory", path))
    }
}

/// The damage that checksums show in the sections of a file.
fn damage(sections: &crate::format::container::Sections, bytes: &[u8]) -> Vec<FormatError> {
    let torn = sections.damaged(bytes).into_iter();
    let mut problems: Vec<_> = torn
        .map(|id| FormatError::bad("section", Damage::SectionChecksum { id }))
        .collect();
    if !sections.padding_is_zero(bytes) {
        problems.push(FormatError::bad("padding", "is not zero"));
    }
    problems
}
