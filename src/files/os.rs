//! The real file system: std's files, read through memory maps.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the door the lint sends everyone else to"
)]

use super::{Blob, FileSystem, NewFile};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Files of the operating system.
#[derive(Debug)]
pub(crate) struct OsFiles;

impl FileSystem for OsFiles {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other,
        }
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)?;
        Ok(Box::new(OsFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Blob> {
        let file = File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Blob::from_bytes(&[]));
        }
        map(&file).map(Blob::Mapped)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut names = Vec::new();
        for entry in entries {
            // A name that is not UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort();
        Ok(names)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // Windows has no handle on a directory that could be synced.
        if cfg!(windows) {
            return Ok(());
        }
        File::open(path)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Only for the message another process shows; the lock is what counts.
        file.set_len(0)?;
        writeln!(file, "process {}", std::process::id())?;
        Ok(Box::new(file))
    }

    fn outside(&self, path: &Path) -> Option<PathBuf> {
        Some(path.to_owned())
    }
}

struct OsFile(File);

impl NewFile for OsFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }
}

#[expect(unsafe_code, reason = "mapping a file is unsafe by nature")]
fn map(file: &File) -> io::Result<memmap2::Mmap> {
    // SAFETY: the map is read-only, and the database never writes, truncates or replaces in place
    // a file it has published: files are appended to under a new name and then only unlinked.
    // A foreign process that cuts the file short can end this one by a signal, as the
    // documentation of `Database::open` says; it cannot make us read other memory.
    unsafe { memmap2::Mmap::map(file) }
}
