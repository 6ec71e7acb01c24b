//! A file system in memory that can lose power and fail: the twin that tests put in the disk's
//! place.
//!
//! It keeps two images: the *live* one, which a running process sees, and the *durable* one, which
//! is all that is left after a power cut. Content becomes durable by `sync`, names by `sync_dir`.
#![cfg_attr(
    not(test),
    allow(dead_code, reason = "fuzzing takes the files without the faults")
)]

use super::{Blob, FileSystem, NewFile};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What goes wrong at a chosen operation that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The power goes: this operation and all later ones fail.
    PowerCut { at: u64 },
    /// This one operation fails, without effect.
    FailOnce { at: u64 },
}

/// The file system; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryFiles(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    live: Image,
    durable: Image,
    contents: Vec<Content>,
    locks: BTreeSet<PathBuf>,
    operations: u64,
    fault: Option<Fault>,
}

/// Names to content numbers; a directory is a name without content.
#[derive(Clone, Debug, Default)]
struct Image(BTreeMap<PathBuf, Option<usize>>);

#[derive(Debug, Default)]
struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
}

impl MemoryFiles {
    /// Sets what goes wrong; operations are counted from now.
    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        let mut state = self.state();
        state.fault = fault;
        state.operations = 0;
    }

    /// How many changing operations there have been since `set_fault`.
    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// What a machine finds after a power cut: the durable image alone. With `torn`, content that
    /// was appended and not synced is half there instead of gone.
    pub(crate) fn after_power_cut(&self, torn: bool) -> Self {
        let state = self.state();
        let mut next = State::default();
        for (path, content) in &state.durable.0 {
            let copied = content.map(|number| {
                let old = &state.contents[number];
                let kept = if torn {
                    let half = (old.durable.len() + old.live.len()).div_ceil(2);
                    old.live[..half].to_vec()
                } else {
                    old.durable.clone()
                };
                next.contents.push(Content {
                    live: kept.clone(),
                    durable: kept,
                });
                next.contents.len() - 1
            });
            next.live.0.insert(path.clone(), copied);
        }
        next.durable = next.live.clone();
        Self(Arc::new(Mutex::new(next)))
    }

    /// Puts a whole file there, in the place of what was.
    pub(crate) fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        state.contents.push(Content {
            live: bytes.to_vec(),
            durable: bytes.to_vec(),
        });
        let number = state.contents.len() - 1;
        state.live.0.insert(path.to_owned(), Some(number));
        state.durable.0.insert(path.to_owned(), Some(number));
    }

    /// Every file there is, for tests that look for leaks.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let state = self.state();
        let files = state.live.0.iter().filter(|(_, content)| content.is_some());
        files.map(|(path, _)| path.clone()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts one changing operation and fails it when its time has come.
    fn step(&mut self) -> io::Result<()> {
        self.operations += 1;
        let fails = match self.fault {
            Some(Fault::PowerCut { at }) => self.operations >= at,
            Some(Fault::FailOnce { at }) => self.operations == at,
            None => false,
        };
        if fails {
            return Err(io::Error::other("a fault put here by a test"));
        }
        Ok(())
    }

    fn content(&self, path: &Path) -> io::Result<usize> {
        match self.live.0.get(path) {
            Some(Some(number)) => Ok(*number),
            _ => Err(ErrorKind::NotFound.into()),
        }
    }
}

impl FileSystem for MemoryFiles {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        state.live.0.entry(path.to_owned()).or_insert(None);
        Ok(())
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        let mut state = self.state();
        state.step()?;
        if state.live.0.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        state.contents.push(Content::default());
        let number = state.contents.len() - 1;
        state.live.0.insert(path.to_owned(), Some(number));
        Ok(Box::new(MemoryFile {
            files: self.clone(),
            number,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Blob> {
        self.read(path).map(|bytes| Blob::from_bytes(&bytes))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.state();
        Ok(state.contents[state.content(path)?].live.clone())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        let content = state.content(from)?;
        state.live.0.remove(from);
        state.live.0.insert(to.to_owned(), Some(content));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        state.content(path)?;
        state.live.0.remove(path);
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        match state.live.0.get(path) {
            Some(None) => state.live.0.remove(path),
            _ => return Err(ErrorKind::NotFound.into()),
        };
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        let inside = state.live.0.keys().filter(|key| key.parent() == Some(path));
        let names = inside.filter_map(|key| key.file_name()?.to_str().map(str::to_owned));
        Ok(names.collect())
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        let number = state.content(path)?;
        let content = &mut state.contents[number];
        content.durable = content.live.clone();
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        let inside = |key: &Path| key.parent() == Some(path);
        state.durable.0.retain(|key, _| !inside(key));
        let names: Vec<_> = state
            .live
            .0
            .iter()
            .filter(|(key, _)| inside(key))
            .map(|(k, v)| (k.clone(), *v))
            .collect();
        state.durable.0.extend(names);
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        if !self.state().locks.insert(path.to_owned()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Held {
            files: self.clone(),
            path: path.to_owned(),
        }))
    }

    fn outside(&self, _: &Path) -> Option<PathBuf> {
        None
    }
}

struct Held {
    files: MemoryFiles,
    path: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.files.state().locks.remove(&self.path);
    }
}

struct MemoryFile {
    files: MemoryFiles,
    number: usize,
}

impl NewFile for MemoryFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.files.state();
        state.step()?;
        state.contents[self.number].live.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.files.state();
        state.step()?;
        let content = &mut state.contents[self.number];
        content.durable = content.live.clone();
        Ok(())
    }
}

#[test]
fn a_power_cut_leaves_what_was_synced_under_names_that_were_synced() {
    let files = MemoryFiles::default();
    let dir = Path::new("db");
    files.create_dir(dir).unwrap();
    files.sync_dir(Path::new("")).unwrap();
    let mut kept = files.create_new(&dir.join("kept")).unwrap();
    kept.append(b"ab").unwrap();
    kept.sync().unwrap();
    kept.append(b"cdef").unwrap();
    files.sync_dir(dir).unwrap();
    files
        .create_new(&dir.join("unnamed"))
        .unwrap()
        .sync()
        .unwrap();
    let later = files.after_power_cut(false);
    assert_eq!(later.list(dir).unwrap(), ["kept"]);
    assert_eq!(later.read(&dir.join("kept")).unwrap(), b"ab");
    let torn = files.after_power_cut(true);
    assert_eq!(torn.read(&dir.join("kept")).unwrap(), b"abcd");
}
