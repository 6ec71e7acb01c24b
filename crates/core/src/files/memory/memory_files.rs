use super::disk::{Disk, Entry};
use super::fault::{Call, Failure, Fault, Faults, Operation};
use super::lock::Locks;
use super::loss::Loss;
use crate::files::blob::Blob;
use crate::files::file_system::{FileSystem, LockMode, NewFile};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A file system in memory; clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    unlocked: Condvar,
}

#[derive(Debug, Default)]
struct State {
    disk: Disk,
    locks: Locks,
    faults: Faults,
}

impl MemoryFiles {
    /// Sets the fault, or none, and counts operations from here on.
    pub fn set_fault(&self, fault: Option<Fault>) {
        let operations = Vec::new();
        self.state().faults = Faults { fault, operations };
    }

    /// The operations since `set_fault` that change something.
    pub fn operations(&self) -> Vec<Operation> {
        self.state().faults.operations.clone()
    }

    /// Number of pending changes, which a power cut could undo.
    pub fn pending(&self) -> usize {
        self.state().disk.pending.len()
    }

    /// The file system that a machine finds after a power cut: a separate one with no pending changes.
    #[must_use]
    pub fn after_power_cut(&self, loss: Loss) -> Self {
        let state = State {
            disk: self.state().disk.after(loss),
            ..State::default()
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            unlocked: Condvar::new(),
        }))
    }

    /// The different file systems that a machine may find after a power cut, each with the first loss that leads to it.
    #[must_use]
    pub fn after_power_cuts(&self, losses: &[Loss]) -> Vec<(Loss, Self)> {
        let mut found: Vec<(Loss, Self)> = Vec::new();
        for loss in losses {
            let after = self.after_power_cut(*loss);
            let known = found
                .iter()
                .any(|(_, other)| other.state().disk.holds_the_same(&after.state().disk));
            if !known {
                found.push((*loss, after));
            }
        }
        found
    }

    /// A separate file system in the same state, with the same pending changes.
    #[must_use]
    pub fn twin(&self) -> Self {
        let state = State {
            disk: self.state().disk.clone(),
            ..State::default()
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            unlocked: Condvar::new(),
        }))
    }

    /// Writes a whole file, durable at once, replacing any existing one.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        self.state().disk.put(path, bytes);
    }

    /// All files and all empty directories, for tests that look for leftovers.
    pub fn paths(&self) -> Vec<PathBuf> {
        let disk = &self.state().disk;
        let live = disk.live.iter();
        let mut paths: Vec<_> = live
            .map(|(path, entry)| (Path::new(path), entry))
            .filter(|(path, entry)| **entry != Entry::Directory || disk.list(path).is_empty())
            .map(|(path, _)| path.to_owned())
            .collect();
        paths.sort();
        paths
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, then performs it unless the fault hits it.
    fn change<T>(
        &self,
        call: Call,
        path: &Path,
        change: impl FnOnce(&mut Disk) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.state();
        match state.faults.next(call, path) {
            Some(failure) => Err(failure.error()),
            None => change(&mut state.disk),
        }
    }

    /// Counts a sync of a file's content, then performs it unless the fault hits it.
    fn sync_content(&self, call: Call, path: &Path, number: usize) -> io::Result<()> {
        let mut state = self.state();
        match state.faults.next(call, path) {
            Some(failure) => {
                if failure == Failure::Sync {
                    state.disk.fail_sync(number);
                }
                Err(failure.error())
            }
            None => {
                state.disk.sync(number);
                Ok(())
            }
        }
    }
}

impl FileSystem for MemoryFiles {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        if self.state().disk.is_dir(path) {
            // Nothing changes, so it is not counted.
            return Ok(());
        }
        self.change(Call::CreateDir, path, |disk| disk.create_dir(path))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        let number = self.change(Call::CreateNew, path, |disk| disk.create_new(path))?;
        Ok(Box::new(MemoryFile {
            files: self.clone(),
            path: path.to_owned(),
            number,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Blob> {
        self.read(path).map(|bytes| Blob::from_bytes(&bytes))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let disk = &self.state().disk;
        Ok(disk.contents[disk.content(path)?].clone())
    }

    fn read_from(&self, path: &Path, offset: u64) -> io::Result<Vec<u8>> {
        let disk = &self.state().disk;
        let content = &disk.contents[disk.content(path)?];
        Ok(content.get(offset as usize..).unwrap_or_default().to_vec())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(Call::Rename, to, |disk| disk.rename(from, to))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(Call::Link, to, |disk| disk.link(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(Call::Remove, path, |disk| disk.remove(path))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.change(Call::RemoveDir, path, |disk| disk.remove_dir(path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let disk = &self.state().disk;
        match disk.content(path) {
            Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
            Err(_) => Ok(disk.list(path)),
        }
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        let number = self.state().disk.content(path)?;
        self.sync_content(Call::Sync, path, number)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.change(Call::SyncDir, path, |disk| disk.sync_dir(path))
    }

    fn lock(&self, path: &Path, mode: LockMode) -> io::Result<Box<dyn Send + Sync>> {
        let mut state = self.state();
        loop {
            let found = state.disk.content(path);
            let number = match found {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if let Some(failure) = state.faults.next(Call::Lock, path) {
                        return Err(failure.error());
                    }
                    state.disk.create_new(path)?
                }
                other => other?,
            };
            if state.locks.take(number, mode) {
                return Ok(Box::new(Held {
                    files: self.clone(),
                    number,
                }));
            }
            if mode != LockMode::Shared {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let unlocked = self.0.unlocked.wait(state);
            state = unlocked.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn network(&self, _: &Path) -> Option<String> {
        None
    }

    fn outside(&self, _: &Path) -> Option<PathBuf> {
        None
    }
}

struct MemoryFile {
    files: MemoryFiles,
    path: PathBuf,
    number: usize,
}

impl NewFile for MemoryFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.files.state();
        let failure = state.faults.next(Call::Append, &self.path);
        let written = match failure {
            None => bytes.len(),
            Some(Failure::ShortWrite { kept }) => kept.min(bytes.len().saturating_sub(1)),
            Some(_) => 0,
        };
        if written > 0 {
            state.disk.append(self.number, &bytes[..written]);
        }
        failure.map_or(Ok(()), |failure| Err(failure.error()))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.files.sync_content(Call::Sync, &self.path, self.number)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.files
            .sync_content(Call::Finish, &self.path, self.number)
    }
}

/// A held lock, released on drop.
struct Held {
    files: MemoryFiles,
    number: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.files.state().locks.release(self.number);
        self.files.0.unlocked.notify_all();
    }
}
