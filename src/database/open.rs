//! Opening: the lock, recovery and the first snapshot.

use super::{Database, Writing};
use crate::catalog::{Index, Journal, recover};
use crate::error::Error;
use crate::files::{FileSystem, LockMode, OsFiles, names};
use crate::ids::{FileNo, ItemNo};
use crate::maintain::Writer;
use crate::manifest::Manifest;
use crate::snapshot::{Live, Snapshot};
use crate::store::{self, Directory, StoreError, fresh_identity};
use arc_swap::ArcSwap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// How often a reader looks again when a writer commits while it opens.
const READ_ATTEMPTS: usize = 64;

/// How to open a database.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("shop.twin");
/// use twinspire::{Database, ErrorKind};
///
/// let absent = Database::options().create(false).open(&path);
/// assert_eq!(absent.err().map(|error| error.kind()), Some(ErrorKind::NotFound));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    create: bool,
    read_only: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            create: true,
            read_only: false,
        }
    }
}

impl OpenOptions {
    /// Whether a database that is not there is made; yes by default.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Whether to read only, beside whoever writes; no by default.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Opens the database in the directory `path`.
    ///
    /// # Errors
    /// As [`Database::open`] and [`Database::open_read_only`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Database, Error> {
        self.open_on(Arc::new(OsFiles), path.as_ref())
    }

    pub(crate) fn open_on(
        &self,
        files: Arc<dyn FileSystem>,
        root: &Path,
    ) -> Result<Database, Error> {
        let directory = Directory {
            files,
            root: root.to_owned(),
        };
        if self.read_only {
            open_to_read(directory)
        } else {
            open_to_write(directory, self.create)
        }
    }
}

fn open_to_write(directory: Directory, create: bool) -> Result<Database, Error> {
    let root = &directory.root;
    let files = &*directory.files;
    let inside = files.list(root).map_err(StoreError::io("list", root))?;
    let fresh = !inside.iter().any(|name| name == names::CURRENT);
    if fresh && !inside.iter().all(|name| is_ours(name)) {
        return Err(Error::NotADatabase { path: root.clone() });
    }
    if inside.is_empty() && !create {
        return Err(Error::NoDatabase { path: root.clone() });
    }
    let create_dir = |path: &Path| {
        files
            .create_dir(path)
            .map_err(StoreError::io("create the directory", path))
    };
    create_dir(root)?;
    let path = root.join(names::LOCK);
    let lock = files.lock(&path, LockMode::Owner);
    let lock = lock.map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => Error::Locked { lock: path.clone() },
        _ => StoreError::io("lock", &path)(error).into(),
    })?;
    for name in [names::JOURNAL, names::SEGMENTS, names::TOWERS] {
        create_dir(&root.join(name))?;
    }
    let manifest = load_or_create(&directory)?;
    let recovered = recover(&directory, manifest.database, manifest.sealed)?;
    let numbers = recovered
        .ops
        .iter()
        .map(|(_, op)| op.item.0.saturating_add(1));
    let next_item = ItemNo(numbers.fold(manifest.next_item.0, u32::max));
    let outside = files.outside(&root.join(names::CATALOG));
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
    let snapshot = Snapshot::open(&directory, manifest, &index.all())?;
    let writer = Writer {
        journal,
        next_item,
        next_file,
        poisoned: false,
    };
    Ok(Database {
        live: Live {
            directory,
            snapshot: ArcSwap::from_pointee(snapshot),
            index,
        },
        writing: Some(Writing {
            writer: Mutex::new(writer),
            publisher: Mutex::new(()),
            _lock: lock,
        }),
    })
}

/// Reads a state that a writer may be replacing meanwhile: what was read counts when CURRENT is
/// the same before and after.
fn open_to_read(directory: Directory) -> Result<Database, Error> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let Some(manifest) = store::load(&directory)? else {
            refuse_without_current(&directory)?;
            return Err(Error::NoDatabase {
                path: directory.root,
            });
        };
        let number = manifest.number;
        let read = read_state(&directory, manifest);
        let after = store::load(&directory)?.map(|manifest| manifest.number);
        if after == Some(number) || attempt == READ_ATTEMPTS {
            let (index, snapshot) = read?;
            return Ok(Database {
                live: Live {
                    directory,
                    snapshot: ArcSwap::from_pointee(snapshot),
                    index,
                },
                writing: None,
            });
        }
    }
}

fn read_state(directory: &Directory, manifest: Manifest) -> Result<(Index, Snapshot), Error> {
    let recovered = recover(directory, manifest.database, manifest.sealed)?;
    let index = Index::open(directory, manifest.database, None, &recovered.ops);
    let snapshot = Snapshot::open(directory, manifest, &index.all())?;
    Ok((index, snapshot))
}

/// Whether a database puts files of this name into its directory.
fn is_ours(name: &str) -> bool {
    let whole = [
        names::LOCK,
        names::CURRENT,
        names::CURRENT_NEXT,
        names::JOURNAL,
        names::CATALOG,
        names::SEGMENTS,
        names::TOWERS,
    ];
    whole.contains(&name) || names::number_of(name, "manifest").is_some()
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
    // Before there is a CURRENT: who finds one need not ask whether the directory itself would
    // outlast a power cut.
    if let Some(parent) = directory.root.parent() {
        let parent = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        };
        directory.sync_dir(parent)?;
    }
    store::commit(directory, &manifest)?;
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
