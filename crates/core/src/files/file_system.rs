use super::blob::Blob;
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

/// The operations that Twinspire needs of a file system.
///
/// Two implementors: [`OsFiles`](super::OsFiles) is the operating system; `MemoryFiles`, behind the feature
/// `memory-files`, lives in memory and loses power or fails on request.
pub trait FileSystem: Debug + Send + Sync {
    /// Creates a directory; succeeds if it exists already.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Creates a file that must not exist yet.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn NewFile>>;
    /// The content of a file, memory-mapped where possible.
    fn open(&self, path: &Path) -> io::Result<Blob>;
    /// The content of a file as an owned copy, for files that are small or may change.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// The content of a file from an offset on, as an owned copy; empty beyond its end.
    fn read_from(&self, path: &Path, offset: u64) -> io::Result<Vec<u8>>;
    /// Renames a file, atomically replacing one at `to`; or renames a directory to a name that is free.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Creates a hard link `to`, which must not exist yet. Where the file system has no hard links, a synced
    /// copy of the content.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Unlinks a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, sorted; empty if the directory does not exist.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Makes the content of a file durable.
    fn sync_file(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Locks a file, which is created if absent. Dropping the returned guard unlocks it.
    fn lock(&self, path: &Path, mode: LockMode) -> io::Result<Box<dyn Send + Sync>>;
    /// The type of the network file system that holds a path; `None` for a local disk.
    fn network(&self, path: &Path) -> Option<String>;
    /// The real path for a library that does its own I/O (sled); `None` if there is no disk.
    fn outside(&self, path: &Path) -> Option<PathBuf>;

    /// Creates a directory and its missing ancestors, and makes each new name durable.
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        // A directory with names in it was there before.
        if matches!(self.list(path), Ok(names) if !names.is_empty()) {
            return Ok(());
        }
        match self.create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.parent().is_some() => {
                self.create_dir_all(parent(path))?;
                self.create_dir(path)?;
            }
            other => other?,
        }
        self.sync_dir(parent(path))
    }
}

/// The directory that holds the last name of a path: `.` for a bare name.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Exclusive, and the file's text names the owner; `WouldBlock` if another process holds it.
    Owner,
    /// Shared with other readers; waits while it is held exclusively.
    Shared,
    /// Exclusive, and nothing is written; `WouldBlock` if anyone else holds it.
    Exclusive,
}

/// A file being written: append, sync, then finish or drop.
pub trait NewFile: Send {
    /// Appends bytes.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes the appended bytes durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Makes the content durable and the file read-only. Nothing is appended afterwards, so further names of
    /// the file share content that cannot change by mistake.
    fn finish(self: Box<Self>) -> io::Result<()>;
}
