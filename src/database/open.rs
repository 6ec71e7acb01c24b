//! Opening: the lock, recovery and the first snapshot.

use super::Database;
use crate::catalog::{self, Index, Journal, recover};
use crate::error::{Damage, Error};
use crate::maintain::{Background, Limits, Writer, Writing, tidy};
use crate::manifest::Manifest;
use crate::snapshot::{Live, Snapshot};
use crate::store::{self, Directory, StoreError, fresh_identity};
use arc_swap::ArcSwap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use twinspire_core::files::{FileSystem, LockMode, OsFiles, names};
use twinspire_core::ids::{FileNo, ItemNo};

/// Bytes of the journal that are sealed in the background.
const SEAL_BYTES: u64 = 32 << 20;
/// Writes that are sealed in the background: to scan their vectors takes about as long as a walk over
/// the graph of a million.
const SEAL_WRITES: u64 = 8_192;
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
    background: bool,
    collect: bool,
    in_memory: bool,
    allow_network: bool,
    limits: Limits,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            create: true,
            read_only: false,
            background: true,
            collect: true,
            in_memory: false,
            allow_network: false,
            limits: Limits {
                journal_bytes: SEAL_BYTES,
                writes: SEAL_WRITES,
            },
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

    /// Whether a thread seals and merges when enough has been written, and calibrates when enough was
    /// asked; yes by default. Without it the program calls [`Database::seal`], [`Database::merge`]
    /// and [`Database::calibrate`] when it suits; a put still seals by itself once four times as much
    /// has gathered as the thread would wait for.
    #[must_use]
    pub fn background(mut self, background: bool) -> Self {
        self.background = background;
        self
    }

    /// Whether files that nothing needs are unlinked on opening, such as those that a crash left
    /// behind; yes by default. Without it [`Database::garbage`] tells what there is, until
    /// [`Database::collect`], or the first seal, merge or publish.
    #[must_use]
    pub fn collect(mut self, collect: bool) -> Self {
        self.collect = collect;
        self
    }

    /// Whether files are read into memory instead of mapped; no by default, and always on a network
    /// file system. A mapped file that fails to be read (a bad disk, a file cut short) ends the
    /// process; one in memory is an error when it is opened.
    #[must_use]
    pub fn in_memory(mut self, in_memory: bool) -> Self {
        self.in_memory = in_memory;
        self
    }

    /// Whether to write to a database on a network file system (as far as Linux's table of mounts
    /// tells); no by default, for its locks and renames may not keep what is promised. A second
    /// writer is then noticed at its next commit at the latest.
    #[must_use]
    pub fn allow_network(mut self, allow: bool) -> Self {
        self.allow_network = allow;
        self
    }

    /// How many bytes of fresh writes wait in the journal before they are sealed in the background;
    /// 32 MiB by default.
    #[must_use]
    pub fn seal_bytes(mut self, bytes: u64) -> Self {
        self.limits.journal_bytes = bytes.max(1);
        self
    }

    /// How many fresh writes wait before they are sealed in the background, if there is a space:
    /// their vectors are scanned in every recall. 8,192 by default.
    #[must_use]
    pub fn seal_writes(mut self, writes: u64) -> Self {
        self.limits.writes = writes.max(1);
        self
    }

    /// Opens the database in the directory `path`.
    ///
    /// # Errors
    /// As [`Database::open`] and [`Database::open_read_only`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Database, Error> {
        let path = path.as_ref();
        let network = OsFiles::MAPPED.network(path);
        if let Some(kind) = &network
            && !(self.read_only || self.allow_network)
        {
            let (path, kind) = (path.to_owned(), kind.clone());
            return Err(Error::NetworkFileSystem { path, kind });
        }
        let files = match self.in_memory || network.is_some() {
            true => OsFiles::IN_MEMORY,
            false => OsFiles::MAPPED,
        };
        self.open_on(Arc::new(files), path)
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
        if !directory.fits() {
            let (bytes, limit) = (root.as_os_str().len(), names::MAX_ROOT_BYTES);
            return Err(Error::PathTooLong { bytes, limit });
        }
        if !self.read_only {
            return open_to_write(directory, self);
        }
        Ok(Database {
            live: ArcSwap::from_pointee(read(&directory, None)?),
            writing: None,
            background: None,
        })
    }
}

fn open_to_write(directory: Directory, options: &OpenOptions) -> Result<Database, Error> {
    let root = &directory.root;
    let files = &*directory.files;
    let inside = files.list(root).map_err(StoreError::io("list", root))?;
    let fresh = !inside.iter().any(|name| name == names::CURRENT);
    if fresh && !inside.iter().all(|name| is_ours(name)) {
        return Err(Error::NotADatabase { path: root.clone() });
    }
    if inside.is_empty() && !options.create {
        return Err(Error::NoDatabase { path: root.clone() });
    }
    let create_dir = |path: &Path| {
        files
            .create_dir(path)
            .map_err(StoreError::io("create the directory", path))
    };
    create_dir(root)?;
    let lock = lock(&directory)?;
    for name in [names::JOURNAL, names::SEGMENTS, names::TOWERS] {
        create_dir(&root.join(name))?;
    }
    let manifest = load_or_create(&directory)?;
    let recovered = recover(&directory, manifest.database, manifest.sealed);
    let recovered = recovered.map_err(missing)?;
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
        &recovered,
    )?;
    let highest = store::highest_number(&directory)?;
    let mut next_file = FileNo(manifest.next_file.0.max(highest + 1));
    let number = || {
        next_file.0 += 1;
        FileNo(next_file.0 - 1)
    };
    let mut journal = Journal::resume(directory.clone(), manifest.database, recovered, number)?;
    let sealed = manifest.sealed;
    let snapshot = Snapshot::open(&directory, manifest, &index.all(), None).map_err(missing)?;
    let journal_bytes = journal.bytes();
    // A writer may have died between the commit of a seal and this, its last step.
    journal.drop_sealed(sealed);
    let live = Arc::new(Live {
        asked: Arc::default(),
        directory,
        snapshot: ArcSwap::from_pointee(snapshot),
        index,
        journal_bytes,
    });
    let writer = Writer::new(journal, next_item, next_file);
    let writing = Arc::new(Writing::new(writer, options.limits, lock));
    if options.collect {
        tidy(&live, &writing);
    }
    let background = options
        .background
        .then(|| Background::start(Arc::clone(&live), Arc::clone(&writing)));
    Ok(Database {
        live: ArcSwap::new(live),
        writing: Some(writing),
        background,
    })
}

pub(super) fn lock(directory: &Directory) -> Result<Box<dyn Send + Sync>, Error> {
    let path = directory.root.join(names::LOCK);
    directory
        .files
        .lock(&path, LockMode::Owner)
        .map_err(|error| {
            if error.kind() != ErrorKind::WouldBlock {
                return StoreError::io("lock", &path)(error).into();
            }
            let text = directory.files.read(&path).unwrap_or_default();
            let holder = String::from_utf8_lossy(&text).trim().to_owned();
            let lock = path.clone();
            Error::Locked { lock, holder }
        })
}

/// Looks at a state that a writer may be replacing meanwhile, until it holds still. Files that
/// `before` has open are not opened again.
fn read(directory: &Directory, before: Option<&Snapshot>) -> Result<Live, Error> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let last = attempt == READ_ATTEMPTS;
        match look(directory, before) {
            Ok((settled, read)) if settled || last => return read.map_err(missing),
            Err(error) if last || !is_gone(&error) => return Err(missing(error)),
            _ => {}
        }
    }
}

/// What can be read now, and whether it counts: when CURRENT is the same before and after, and no
/// file went meanwhile. A writer unlinks sealed journal files after its commit, so that one which
/// was listed may be gone though CURRENT has not changed since.
fn look(
    directory: &Directory,
    before: Option<&Snapshot>,
) -> Result<(bool, Result<Live, Error>), Error> {
    let _opening = hold_files(directory)?;
    let Some(manifest) = store::load(directory)? else {
        refuse_without_current(directory)?;
        return Err(Error::NoDatabase {
            path: directory.root.clone(),
        });
    };
    let number = manifest.number;
    let read = read_state(directory, manifest, before);
    let after = store::load(directory)?.map(|manifest| manifest.number);
    let gone = read.as_ref().err().is_some_and(is_gone);
    Ok((after == Some(number) && !gone, read))
}

/// Keeps a writer from unlinking files while they are opened. Where that cannot be asked for, as on
/// a medium that cannot be written to, looking again has to do.
pub(super) fn hold_files(directory: &Directory) -> Result<Option<Box<dyn Send + Sync>>, Error> {
    let (files, root) = (&directory.files, &directory.root);
    let inside = files.list(root).map_err(StoreError::io("list", root))?;
    let there = inside.iter().any(|name| name == names::READERS);
    let lock = || files.lock(&root.join(names::READERS), LockMode::Shared);
    Ok(there.then(lock).and_then(Result::ok))
}

/// Whether a file was not there that had been a moment before.
pub(super) fn is_gone(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == ErrorKind::NotFound)
}

/// A file that is named elsewhere and is not there, as the damage it is when nobody can be replacing
/// it just now.
fn missing(error: impl Into<Error>) -> Error {
    match error.into() {
        Error::Io { path, source, .. } if source.kind() == ErrorKind::NotFound => {
            Error::corrupt(&path, "file", Damage::MissingFile)
        }
        other => other,
    }
}

fn read_state(
    directory: &Directory,
    manifest: Manifest,
    before: Option<&Snapshot>,
) -> Result<Live, Error> {
    let recovered = catalog::read(directory, manifest.database, manifest.sealed)?;
    for loss in &recovered.losses {
        log::warn!(
            "{}: {}: {}; serving what can be read",
            loss.path.display(),
            loss.section,
            loss.what
        );
    }
    let index = Index::open(directory, manifest.database, None, &recovered)?;
    let snapshot = Snapshot::open(directory, manifest, &index.all(), before)?;
    Ok(Live {
        directory: directory.clone(),
        snapshot: ArcSwap::from_pointee(snapshot),
        index,
        journal_bytes: recovered.bytes,
        asked: Arc::default(),
    })
}

impl Database {
    /// Opens the database in the directory `path` for reading and writing, making it if it is not
    /// there.
    ///
    /// # Errors
    /// [`Error::Locked`] when another writer has it open, [`Error::NotADatabase`] when the
    /// directory holds something else, [`Error::Corrupt`] naming the file and the part of it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::options().open(path)
    }

    /// Opens the database in the directory `path` for reading, whether another process writes to it
    /// or not. It stays as it was at that moment until [`refresh`](Self::refresh).
    ///
    /// Damage in the journal is no error here: what can be read is served, and
    /// [`check`](Self::check) tells what cannot.
    ///
    /// # Errors
    /// [`Error::NoDatabase`] when there is none; others as [`open`](Self::open).
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::options().read_only(true).open(path)
    }

    /// How to open a database, one choice at a time.
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::default()
    }

    /// Moves a database that was opened read-only on to what is there now: all that had been
    /// acknowledged when this was called. Recalls that run meanwhile finish on what they began with.
    /// A database open for writing is always up to date.
    ///
    /// # Errors
    /// As [`open_read_only`](Self::open_read_only); the state before stays then.
    pub fn refresh(&self) -> Result<(), Error> {
        if self.writing.is_none() {
            let before = self.live();
            let snapshot = before.snapshot.load_full();
            let mut next = read(&before.directory, Some(&snapshot))?;
            next.asked = Arc::clone(&before.asked);
            self.live.store(Arc::new(next));
        }
        Ok(())
    }
}

/// Whether a database puts files of this name into its directory.
fn is_ours(name: &str) -> bool {
    let whole = [
        names::LOCK,
        names::READERS,
        names::CURRENT,
        names::CURRENT_NEXT,
        names::JOURNAL,
        names::CATALOG,
        names::SEGMENTS,
        names::TOWERS,
        names::DAMAGED,
    ];
    whole.contains(&name) || names::number_of(name, "manifest").is_some()
}

/// The manifest in force, made durable first: its writer may have died between the rename and the
/// sync, and nothing may build on what a power cut could take back.
fn load_or_create(directory: &Directory) -> Result<Manifest, Error> {
    if let Some(manifest) = store::load(directory).map_err(missing)? {
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
    directory.sync_parent()?;
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
        let current = directory.root.join(names::CURRENT);
        let what = "the file is missing, but the directory holds data";
        return Err(Error::corrupt(&current, "file", what));
    }
    Ok(())
}
