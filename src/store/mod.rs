//! Stored files as files: the bytes of `format` written and opened through `files`.
//!
//! A writer is consumed by its `finish`, which syncs the file; until then there is nothing but an
//! orphan that collection removes. Errors here add the path to what `format` found.

mod current;
mod gc;
mod items;
mod segment;
mod space;
mod towers;

pub(crate) use current::{commit, commit_over, load};
pub(crate) use gc::{collect, garbage, highest_number};
pub(crate) use items::{ItemsSegment, ItemsWriter};
pub(crate) use segment::fresh_identity;
pub(crate) use space::{SpaceContent, SpaceSegment, write_space};
pub(crate) use towers::{clear_towers, read_towers, write_towers};

use crate::format::FormatError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use twinspire_core::files::{FileSystem, names};

/// A file that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The bytes are not what they should be.
    #[error("{}: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: FormatError,
    },
    /// A commit failed at a point after which nobody knows whether it took place.
    #[error("the commit may or may not have taken place")]
    CommitUncertain {
        /// What failed.
        source: Box<StoreError>,
    },
}

impl StoreError {
    /// For `map_err` after an operation on `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
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
}

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
        .map(|id| FormatError::bad("section", format!("{id}: checksum does not match")))
        .collect();
    if !sections.padding_is_zero(bytes) {
        problems.push(FormatError::bad("padding", "is not zero"));
    }
    problems
}
