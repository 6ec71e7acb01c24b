//! Options for opening a database.

use super::Database;
use crate::error::Error;
use crate::maintain::{Known, Limits, OpenSettings, Opened, open_reader, open_writer};
use crate::store::Directory;
use arc_swap::ArcSwap;
use std::path::Path;
use std::sync::Arc;
use twinspire_core::files::{FileSystem, OsFiles, names};
use twinspire_core::telemetry::{self, Stopwatch, metrics};

/// Journal bytes at which the background seals.
const SEAL_BYTES: u64 = 32 << 20;
/// Unsealed writes at which the background seals. Scanning their vectors takes about as long as a search
/// of a graph over a million items.
const SEAL_WRITES: u64 = 8_192;
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
    read_only: bool,
    in_memory: bool,
    allow_network: bool,
    settings: OpenSettings,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            read_only: false,
            in_memory: false,
            allow_network: false,
            settings: OpenSettings {
                create: true,
                collect: true,
                background: true,
                limits: Limits {
                    journal_bytes: SEAL_BYTES,
                    writes: SEAL_WRITES,
                },
            },
        }
    }
}

impl OpenOptions {
    /// Whether to create a database that does not exist; yes by default.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.settings.create = create;
        self
    }

    /// Whether to open read-only, which also works while another process writes; no by default.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Whether a background thread seals, merges and calibrates; yes by default.
    ///
    /// Without it, call [`Database::seal`], [`Database::merge`] and [`Database::calibrate`] when it
    /// suits. A put still seals at four times the limits of [`seal_bytes`](Self::seal_bytes) and
    /// [`seal_writes`](Self::seal_writes).
    #[must_use]
    pub fn background(mut self, background: bool) -> Self {
        self.settings.background = background;
        self
    }

    /// Whether opening unlinks files that nothing needs, such as those that a crash left behind; yes by
    /// default. Without it they stay until [`Database::collect`] or the first seal, merge or publish;
    /// [`Database::garbage`] lists them.
    #[must_use]
    pub fn collect(mut self, collect: bool) -> Self {
        self.settings.collect = collect;
        self
    }

    /// Whether files are read into memory instead of mapped; no by default, always on a network file
    /// system. A read error in a mapped file (a bad disk, a truncated file) ends the process; a file in
    /// memory returns it as an error on opening.
    #[must_use]
    pub fn in_memory(mut self, in_memory: bool) -> Self {
        self.in_memory = in_memory;
        self
    }

    /// Whether to write to a database on a network file system, as listed in Linux's table of mounts;
    /// no by default, because its locks and renames may not be reliable. A second writer is then
    /// noticed at its next commit at the latest.
    #[must_use]
    pub fn allow_network(mut self, allow: bool) -> Self {
        self.allow_network = allow;
        self
    }

    /// Journal size at which the background seals, in bytes; 32 MiB by default.
    #[must_use]
    pub fn seal_bytes(mut self, bytes: u64) -> Self {
        self.settings.limits.journal_bytes = bytes.max(1);
        self
    }

    /// Number of unsealed writes at which the background seals, if there is a space; 8,192 by default.
    /// Every recall scans the vectors of these writes.
    #[must_use]
    pub fn seal_writes(mut self, writes: u64) -> Self {
        self.settings.limits.writes = writes.max(1);
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
        telemetry::describe();
        let _span = telemetry::info_span!(
            "open",
            path = %root.display(),
            read_only = self.read_only
        )
        .entered();
        let directory = Directory {
            files,
            root: root.to_owned(),
        };
        if !directory.fits() {
            let (bytes, limit) = (root.as_os_str().len(), names::MAX_ROOT_BYTES);
            return Err(Error::PathTooLong { bytes, limit });
        }
        if self.read_only {
            return Ok(Database {
                live: ArcSwap::new(open_reader(&directory, Known::Nothing)?),
                writing: None,
                background: None,
            });
        }
        let Opened {
            live,
            writing,
            background,
        } = open_writer(directory, &self.settings)?;
        Ok(Database {
            live: ArcSwap::new(live),
            writing: Some(writing),
            background,
        })
    }
}

impl Database {
    /// Opens the database in the directory `path` for reading and writing. Creates it if it does not
    /// exist.
    ///
    /// # Errors
    /// [`Error::Locked`] when another writer has it open, [`Error::NotADatabase`] when the directory
    /// holds something else, [`Error::Corrupt`] with the file and the section that is damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::options().open(path)
    }

    /// Opens the database in the directory `path` for reading, whether another process writes to it or
    /// not. It shows the state of that moment until [`refresh`](Self::refresh).
    ///
    /// Damage in the journal is no error here: the rest is served, and [`check`](Self::check) reports
    /// the damage.
    ///
    /// # Errors
    /// [`Error::NoDatabase`] when there is no database at `path`; others as [`open`](Self::open).
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::options().read_only(true).open(path)
    }

    /// How to open a database, option by option.
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::default()
    }

    /// Brings a database that was opened read-only up to date: it then shows every write that was
    /// acknowledged before this call. Only what was written since the last time is read and embedded.
    /// Recalls under way finish on the old state. A database open for writing is always up to date.
    ///
    /// # Errors
    /// As [`open_read_only`](Self::open_read_only); the old state stays in force then.
    pub fn refresh(&self) -> Result<(), Error> {
        if self.writing.is_none() {
            let (_span, watch) = (
                telemetry::debug_span!("refresh").entered(),
                Stopwatch::start(),
            );
            let before = self.live();
            self.live
                .store(open_reader(&before.directory, Known::Before(&before))?);
            metrics::REFRESHES.add(1);
            metrics::REFRESH_SECONDS.observe(watch.seconds());
        }
        Ok(())
    }

    /// Opens another directory of the same database read-only, such as a [snapshot](Self::snapshot). Segments and
    /// towers that both directories have are shared with this handle: they are neither opened nor parsed again.
    /// Either handle can be dropped first.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let (path, copy) = (dir.path().join("shop.twin"), dir.path().join("copy"));
    /// # let db = twinspire::Database::open(path)?;
    /// db.items().put(&serde_json::json!({"id": "B01"}))?;
    /// db.snapshot(&copy)?;
    /// let then = db.open_beside(&copy)?;
    /// db.items().delete("B01")?;
    /// assert!(then.items().contains("B01")?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`open_read_only`](Self::open_read_only).
    pub fn open_beside(&self, path: impl AsRef<Path>) -> Result<Self, Error> {
        let live = self.live();
        let directory = Directory {
            files: Arc::clone(&live.directory.files),
            root: path.as_ref().to_owned(),
        };
        if !directory.fits() {
            let (bytes, limit) = (directory.root.as_os_str().len(), names::MAX_ROOT_BYTES);
            return Err(Error::PathTooLong { bytes, limit });
        }
        let snapshot = live.snapshot.load_full();
        let opened = open_reader(&directory, Known::Elsewhere(&snapshot))?;
        Ok(Self {
            live: ArcSwap::new(opened),
            writing: None,
            background: None,
        })
    }
}
