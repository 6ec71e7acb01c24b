//! The handle users hold: opening, the lock, and the state one writer changes.

mod items;
mod seal;

pub use items::Items;

use crate::catalog::{Index, Journal, recover};
use crate::error::Error;
use crate::files::{FileSystem, OsFiles, names};
use crate::ids::{FileNo, ItemNo};
use crate::manifest::Manifest;
use crate::store::{self, Directory, ItemsSegment, StoreError, fresh_identity};
use arc_swap::ArcSwap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A database in a directory, open for writing by this process alone.
///
/// A handle can be shared by threads; readers do not wait for writers.
///
/// The files are mapped: another program that cuts one of them short while the database is open
/// can end this process. Replace files by rename, and copy databases that are closed.
pub struct Database {
    directory: Directory,
    sealed: ArcSwap<Sealed>,
    index: Index,
    writer: Mutex<Writer>,
    _lock: Box<dyn Send + Sync>,
}

/// What is sealed: a manifest and the files it names, open.
struct Sealed {
    manifest: Manifest,
    items: Vec<Arc<ItemsSegment>>,
}

/// What only the thread that writes may touch.
struct Writer {
    journal: Journal,
    next_item: ItemNo,
    next_file: FileNo,
    poisoned: bool,
}

impl Database {
    /// Opens the database in the directory `path`, making it if it is not there.
    ///
    /// # Errors
    /// [`Error::Locked`] when another writer has it open, [`Error::NotADatabase`] when the
    /// directory holds something else, [`Error::Corrupt`] naming the file and the part of it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_on(Arc::new(OsFiles), path.as_ref())
    }

    /// The items of the database.
    pub fn items(&self) -> Items<'_> {
        Items::new(self)
    }

    pub(crate) fn open_on(files: Arc<dyn FileSystem>, root: &Path) -> Result<Self, Error> {
        let directory = Directory {
            files,
            root: root.to_owned(),
        };
        let files = &*directory.files;
        files
            .create_dir(root)
            .map_err(StoreError::io("create the directory", root))?;
        let inside = files.list(root).map_err(StoreError::io("list", root))?;
        let ours = |name: &String| {
            let parts = [
                names::LOCK,
                names::CURRENT,
                names::CURRENT_NEXT,
                names::JOURNAL,
                names::CATALOG,
            ];
            let more = [names::SEGMENTS, names::TOWERS];
            parts.contains(&name.as_str())
                || more.contains(&name.as_str())
                || names::number_of(name, "manifest").is_some()
        };
        let fresh = !inside.iter().any(|name| name == names::CURRENT);
        if fresh && !inside.iter().all(ours) {
            return Err(Error::NotADatabase {
                path: root.to_owned(),
            });
        }
        let path = root.join(names::LOCK);
        let lock = files.lock(&path).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => Error::Locked { lock: path.clone() },
            _ => StoreError::io("lock", &path)(error).into(),
        })?;
        for name in [names::JOURNAL, names::SEGMENTS, names::TOWERS] {
            let path = root.join(name);
            files
                .create_dir(&path)
                .map_err(StoreError::io("create the directory", &path))?;
        }
        let manifest = load_or_create(&directory)?;
        let recovered = recover(&directory, manifest.database, manifest.sealed)?;
        let numbers = recovered
            .ops
            .iter()
            .map(|(_, op)| op.item.0.saturating_add(1));
        let next_item = ItemNo(numbers.fold(manifest.next_item.0, u32::max));
        let outside = directory.files.outside(&root.join(names::CATALOG));
        let index = Index::open(
            &directory,
            manifest.database,
            outside.as_deref(),
            &recovered.ops,
        );
        let journal = Journal::resume(directory.clone(), manifest.database, recovered)?;
        let highest = store::highest_number(&directory)?;
        let next_file = FileNo(manifest.next_file.0.max(highest + 1));
        store::collect(&directory, &manifest)?;
        let sealed = Sealed::open(&directory, manifest)?;
        Ok(Self {
            directory,
            sealed: ArcSwap::from_pointee(sealed),
            index,
            writer: Mutex::new(Writer {
                journal,
                next_item,
                next_file,
                poisoned: false,
            }),
            _lock: lock,
        })
    }

    /// The writer, if it may still write.
    fn writer(&self) -> Result<MutexGuard<'_, Writer>, Error> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.poisoned {
            Err(Error::Poisoned)
        } else {
            Ok(writer)
        }
    }
}

impl Sealed {
    fn open(directory: &Directory, manifest: Manifest) -> Result<Self, StoreError> {
        let open = |pinned| ItemsSegment::open(directory, pinned).map(Arc::new);
        let items = manifest.items.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self { manifest, items })
    }
}

impl Writer {
    /// A file number never used before.
    fn number(&mut self) -> FileNo {
        let number = self.next_file;
        self.next_file = FileNo(number.0 + 1);
        number
    }
}

/// The manifest in force, made durable first: its writer may have died between the rename and the
/// sync, and nothing may build on what a power cut could take back.
fn load_or_create(directory: &Directory) -> Result<Manifest, Error> {
    if let Some(manifest) = store::load(directory)? {
        let current = directory.root.join(names::CURRENT);
        directory
            .files
            .sync_file(&current)
            .map_err(StoreError::io("sync", &current))?;
        directory.sync_dir(&directory.root)?;
        return Ok(manifest);
    }
    refuse_without_current(directory)?;
    let manifest = Manifest::new(fresh_identity());
    // A crash while the database was first made leaves a first manifest that nothing names.
    let orphan = directory.root.join(names::manifest(manifest.number));
    match directory.files.remove(&orphan) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(StoreError::io("remove", &orphan)(error).into());
        }
        _ => {}
    }
    directory.sync_dir(&directory.root)?;
    store::commit(directory, &manifest)?;
    if let Some(parent) = directory.root.parent() {
        let parent = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        };
        directory.sync_dir(parent)?;
    }
    Ok(manifest)
}

/// A directory that holds data and no CURRENT has lost it: to begin anew would throw the data away.
fn refuse_without_current(directory: &Directory) -> Result<(), Error> {
    let list = |path: &Path| {
        directory
            .files
            .list(path)
            .map_err(StoreError::io("list", path))
    };
    let later = |name: &String| names::number_of(name, "manifest").is_some_and(|number| number > 1);
    let holds_data = list(&directory.root)?.iter().any(later)
        || !list(&directory.root.join(names::SEGMENTS))?.is_empty()
        || !list(&directory.root.join(names::JOURNAL))?.is_empty();
    if holds_data {
        return Err(Error::Corrupt {
            what: format!(
                "{} is missing, but the directory holds data",
                directory.root.join(names::CURRENT).display()
            ),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
