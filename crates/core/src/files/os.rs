//! The file system of the operating system, read through memory maps.
#![expect(
    clippy::disallowed_methods,
    reason = "the lint sends all other code here"
)]

use super::blob::Blob;
use super::file_system::{FileSystem, LockMode, NewFile};
use super::network;
use super::regular::open_regular;
use crate::telemetry::{self, Stopwatch, metrics};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The wait before the first retry of a refused rename; it doubles with each retry.
const FIRST_WAIT: Duration = Duration::from_millis(1);
/// The wait before the last retry.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// The file system of the operating system.
#[derive(Debug)]
pub struct OsFiles {
    /// Whether `open` reads files into memory instead of mapping them.
    in_memory: bool,
}

impl OsFiles {
    /// Maps files into memory.
    pub const MAPPED: Self = Self { in_memory: false };
    /// Reads files into memory.
    pub const IN_MEMORY: Self = Self { in_memory: true };
}

impl FileSystem for OsFiles {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
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
        let mut file = open_regular(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Blob::from_bytes(&[]));
        }
        if self.in_memory {
            return read_all(&mut file).map(|bytes| Blob::from_bytes(&bytes));
        }
        map(&file).map(Blob::Mapped)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        read_all(&mut open_regular(path)?)
    }

    fn read_from(&self, path: &Path, offset: u64) -> io::Result<Vec<u8>> {
        let (mut file, mut bytes) = (open_regular(path)?, Vec::new());
        file.seek(SeekFrom::Start(offset))?;
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        // On Windows a file cannot be replaced while another program has it open, a virus scanner say.
        let mut wait = FIRST_WAIT;
        loop {
            match fs::rename(from, to) {
                Err(error)
                    if cfg!(windows)
                        && error.kind() == ErrorKind::PermissionDenied
                        && wait <= LAST_WAIT =>
                {
                    std::thread::sleep(wait);
                    wait *= 2;
                }
                other => return other,
            }
        }
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        use ErrorKind::{AlreadyExists, NotFound, StorageFull};
        match fs::hard_link(from, to) {
            Err(error) if !matches!(error.kind(), AlreadyExists | NotFound | StorageFull) => {
                copy(from, to)
            }
            other => other,
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut names = Vec::new();
        for entry in entries {
            // Twinspire creates no names that are not UTF-8.
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort();
        Ok(names)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        sync(&File::open(path)?, "file")
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // Windows cannot sync a directory.
        if cfg!(windows) {
            return Ok(());
        }
        sync(&File::open(path)?, "directory")
    }

    fn lock(&self, path: &Path, mode: LockMode) -> io::Result<Box<dyn Send + Sync>> {
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?;
            if mode == LockMode::Shared {
                file.lock_shared()?;
            } else {
                match file.try_lock() {
                    Ok(()) => {}
                    Err(TryLockError::WouldBlock) => return Err(ErrorKind::WouldBlock.into()),
                    Err(TryLockError::Error(error)) => return Err(error),
                }
            }
            // The file may have been unlinked meanwhile: then the lock excludes nobody, so try again.
            if !is_at(&file, path)? {
                continue;
            }
            if mode == LockMode::Owner {
                sign(&file);
            }
            return Ok(Box::new(Held::new(file)));
        }
    }

    fn network(&self, path: &Path) -> Option<String> {
        network::kind(path)
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
        sync(&self.0, "file")
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        // On Windows a read-only file cannot be unlinked.
        #[cfg(unix)]
        self.0.set_permissions(fs::Permissions::from_mode(0o444))?;
        sync(&self.0, "file")
    }
}

/// Makes a file or a directory durable.
fn sync(file: &File, of: &'static str) -> io::Result<()> {
    let (_span, watch) = (
        telemetry::trace_span!("fsync", of).entered(),
        Stopwatch::start(),
    );
    let synced = file.sync_all();
    metrics::FSYNCS.add_for(of, 1);
    metrics::FSYNC_SECONDS.observe_for(of, watch.seconds());
    synced
}

/// A held lock, released on drop.
///
/// Closing the file is not enough: a child process that another thread is starting has a copy of the
/// descriptor until it executes its program, and would keep the lock until then. Conversely, a fork of this
/// process that drops its copy must not release the lock, so the process id is compared.
struct Held {
    file: File,
    process: u32,
}

impl Held {
    fn new(file: File) -> Self {
        let process = std::process::id();
        Self { file, process }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if std::process::id() == self.process
            && let Err(error) = self.file.unlock()
        {
            telemetry::warn!(
                "cannot unlock a lock file, which is released when its descriptors are closed: {error}"
            );
        }
    }
}

/// Writes the owner's process id into the lock file, for the message that another process shows. The lock
/// does not depend on it, and a full disk must not prevent a database from being opened.
fn sign(mut file: &File) {
    let text = format!("process {}\n", std::process::id());
    if let Err(error) = file
        .set_len(0)
        .and_then(|()| file.write_all(text.as_bytes()))
    {
        telemetry::warn!("cannot write the process id into the lock file: {error}");
    }
}

/// Whether the open file is the one that `path` names.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Always true: an open file cannot be unlinked here.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// The content of a file, in memory of its size.
fn read_all(file: &mut File) -> io::Result<Vec<u8>> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or_default();
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length)?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Copies a file and its permissions to a name that must not exist, and syncs the copy. A failed copy is
/// removed.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = OpenOptions::new().write(true).create_new(true).open(to)?;
    let copied = io::copy(&mut source, &mut target)
        .and_then(|_| target.set_permissions(source.metadata()?.permissions()))
        .and_then(|()| sync(&target, "file"));
    if copied.is_err() {
        drop(target);
        fs::remove_file(to)?;
    }
    copied
}

#[expect(unsafe_code, reason = "another process could change a mapped file")]
pub(super) fn map(file: &File) -> io::Result<memmap2::Mmap> {
    // SAFETY: the map is read-only, and Twinspire never writes to or truncates a published file:
    // files are appended to under a new name and later only unlinked. A foreign process that
    // truncates the file can end this one by a signal, as the documentation of `Database::open`
    // says. It cannot make this process read other memory.
    unsafe { memmap2::Mmap::map(file) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_exclude_by_mode_and_only_an_owner_writes_its_process_id() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("READERS");
        let lock = |mode| OsFiles::MAPPED.lock(&path, mode);
        let shared = [
            lock(LockMode::Shared).unwrap(),
            lock(LockMode::Shared).unwrap(),
        ];
        let refused = lock(LockMode::Exclusive).err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::WouldBlock);
        drop(shared);
        drop(lock(LockMode::Exclusive).unwrap());
        assert!(OsFiles::MAPPED.read(&path).unwrap().is_empty());
        let owner = lock(LockMode::Owner).unwrap();
        let refused = lock(LockMode::Owner).err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::WouldBlock);
        drop(owner);
        let text = String::from_utf8(OsFiles::MAPPED.read(&path).unwrap()).unwrap();
        assert_eq!(text, format!("process {}\n", std::process::id()));
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_is_released_despite_a_childs_copy_but_never_by_a_fork() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("LOCK");
        let lock = || {
            let file = OpenOptions::new().create(true).append(true).open(&path);
            let file = file.unwrap();
            file.try_lock().map(|()| Held::new(file))
        };
        let held = lock().unwrap();
        let copy = held.file.try_clone().unwrap();
        drop(held);
        let mut held = lock().unwrap();
        drop(copy);
        let copy = held.file.try_clone().unwrap();
        held.process += 1;
        drop(held);
        assert!(lock().is_err(), "the copy of the fork still holds the lock");
        drop(copy);
        assert!(lock().is_ok());
    }

    #[test]
    fn a_lock_is_taken_on_the_file_that_currently_has_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("LOCK");
        let file = File::options().create_new(true).write(true).open(&path);
        let file = file.unwrap();
        assert!(is_at(&file, &path).unwrap());
        OsFiles::MAPPED.remove(&path).unwrap();
        assert!(!is_at(&file, &path).unwrap());
        let _owner = OsFiles::MAPPED.lock(&path, LockMode::Owner).unwrap();
        assert!(!is_at(&file, &path).unwrap());
    }

    #[test]
    fn a_finished_file_is_read_only_under_all_its_names() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name| dir.path().join(name);
        let mut file = OsFiles::MAPPED.create_new(&at("first")).unwrap();
        file.append(b"content").unwrap();
        file.finish().unwrap();
        OsFiles::MAPPED.link(&at("first"), &at("second")).unwrap();
        copy(&at("first"), &at("third")).unwrap();
        for name in ["first", "second", "third"] {
            assert_eq!(OsFiles::MAPPED.read(&at(name)).unwrap(), b"content");
            #[cfg(unix)]
            assert_eq!(fs::metadata(at(name)).unwrap().mode() & 0o777, 0o444);
            let again = OsFiles::MAPPED.link(&at("first"), &at(name)).unwrap_err();
            assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        }
        let again = copy(&at("first"), &at("second")).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        let absent = OsFiles::MAPPED
            .link(&at("absent"), &at("fourth"))
            .unwrap_err();
        assert_eq!(absent.kind(), ErrorKind::NotFound);
    }
}
