//! The only door to the disk: a thin file-system trait, its real form and the names of all files.
//!
//! Everything the database writes goes through [`FileSystem`], so that a test can put a twin in
//! its place that loses what was not synced or fails at a chosen call. Files are written once, by
//! appending, and never opened for writing again; what replaces a file is a rename. A file is read
//! as a [`Blob`]: mapped, or held in memory by a file system that has no maps.

mod blob;
#[cfg(any(test, fuzzing, feature = "memory-files"))]
mod memory;
pub mod names;
mod network;
mod os;

pub use blob::Blob;
#[cfg(any(test, feature = "memory-files"))]
pub use memory::Operation;
#[cfg(any(test, fuzzing, feature = "memory-files"))]
pub use memory::{Failure, Fault, Loss, MemoryFiles};
pub use os::OsFiles;

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

/// What the database asks of a file system.
pub trait FileSystem: Debug + Send + Sync {
    /// Makes a directory; fine when it is there.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes a file that must not exist yet.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn NewFile>>;
    /// The whole of a file, mapped where that is possible.
    fn open(&self, path: &Path) -> io::Result<Blob>;
    /// The whole of a file as bytes of one's own, for files that are small or may change.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Puts `from` in the place of `to`, atomically.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a further name, which must not exist yet; where the file system cannot, a copy
    /// of the content, synced.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Unlinks a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, sorted; a directory that is absent has none.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Makes a file's content durable.
    fn sync_file(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Takes a lock on a file, made when absent, until what this gives is dropped.
    fn lock(&self, path: &Path, mode: LockMode) -> io::Result<Box<dyn Send + Sync>>;
    /// The kind of network file system a path is on, if it is on one.
    fn network(&self, path: &Path) -> Option<String>;
    /// Where a library that writes by itself (sled) may do so; none when there is no disk.
    fn outside(&self, path: &Path) -> Option<PathBuf>;
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Alone, and the file's text says by whom; `WouldBlock` when another holds it.
    Owner,
    /// Beside others who share it; waits for one who does not.
    Shared,
    /// Alone, and nothing is written; `WouldBlock` when anyone else holds it.
    Exclusive,
}

/// A file being written: append, sync, then finish or drop.
pub trait NewFile: Send {
    /// Appends bytes.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was appended durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Makes the content durable and the file read-only: nothing is appended any more, and other
    /// names it gets share what can no longer be changed by mistake.
    fn finish(self: Box<Self>) -> io::Result<()>;
}
