//! Pushing a database: a snapshot of it, the files that the store lacks, and the head that commits them.
//!
//! ```text
//! snapshot ─ checksums ─ upload what the newest head does not name ─ create heads/<newest + 1> ─ collect
//!                                                                    └ the one commit point
//! ```
//! - `staging` makes the snapshot, by hard links: so a push is one consistent state of everything that was
//!   acknowledged, unsealed writes too, while others write.
//! - `inventory` describes its files. A file that the newest head names already is not read.
//! - `upload` writes objects.
//!
//! Why a collection never removes what a push relies on: an object is relied on if the newest head names it, and that
//! head stays newest until this push commits or fails; or if it was written less than half of [`GRACE`] ago, by this
//! push or one before it that did not commit. A collection removes no unnamed object that is younger than [`GRACE`], and
//! a push that takes more than half of it does not commit.

mod inventory;
mod staging;
mod upload;

use crate::checksum::Checksum;
use crate::collect::{self, Collected, GRACE};
use crate::error::{RemoteError, StoreFault};
use crate::head::{Head, HeadFault, HeadFile, MAX_BYTES};
use crate::heads;
use crate::layout;
use crate::remote::Remote;
use inventory::Inventory;
use serde::Serialize;
use staging::Staging;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use twinspire::Database;
use twinspire_core::telemetry;

/// Number of heads that a push keeps unless told otherwise.
pub const DEFAULT_KEEP: usize = 8;

/// What a push did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Pushed {
    /// The epoch that now has the state of the database.
    pub epoch: u64,
    /// Whether that epoch was there before, because nothing was written since.
    pub unchanged: bool,
    /// Number of files of the database.
    pub files: usize,
    /// Bytes of all files.
    pub bytes: u64,
    /// Number of files that were uploaded.
    pub uploaded_files: usize,
    /// Bytes that were uploaded.
    pub uploaded_bytes: u64,
    /// What was removed from the store afterwards.
    pub collected: Collected,
}

/// A push to be run; made by [`Remote::push`].
#[must_use = "a push does nothing until `run`"]
pub struct Push<'a> {
    remote: &'a Remote,
    source: Source<'a>,
    keep: usize,
    replace: bool,
    upload_all: bool,
}

/// What is pushed.
enum Source<'a> {
    Open(&'a Database),
    Directory(PathBuf),
}

impl Remote {
    /// Pushes everything acknowledged so far, unsealed writes too, as the next epoch of the store. Others may write
    /// meanwhile: the push is one consistent state of its beginning.
    pub fn push<'a>(&'a self, database: &'a Database) -> Push<'a> {
        Push::new(self, Source::Open(database))
    }

    /// [`push`](Self::push) of the database in a directory, which another process may have open.
    pub fn push_directory(&self, path: impl Into<PathBuf>) -> Push<'_> {
        Push::new(self, Source::Directory(path.into()))
    }
}

impl<'a> Push<'a> {
    fn new(remote: &'a Remote, source: Source<'a>) -> Self {
        Self {
            remote,
            source,
            keep: DEFAULT_KEEP,
            replace: false,
            upload_all: false,
        }
    }

    /// Number of heads that the store keeps, this one included; [`DEFAULT_KEEP`] unless set. The epochs of older ones
    /// can no longer be fetched, and their objects are removed once they are a day old.
    pub fn keep(mut self, heads: usize) -> Self {
        self.keep = heads.max(1);
        self
    }

    /// Whether this database may take the place of another one; no by default. Followers flip to it as to any epoch.
    pub fn replace(mut self, replace: bool) -> Self {
        self.replace = replace;
        self
    }

    /// Whether to upload every object again, also those that the store has: this repairs damaged ones, and commits after
    /// a newest head that is damaged. No by default.
    pub fn upload_all(mut self, all: bool) -> Self {
        self.upload_all = all;
        self
    }

    /// Pushes.
    ///
    /// # Errors
    /// [`RemoteError::Superseded`] when another push was faster, [`RemoteError::OtherDatabase`],
    /// [`RemoteError::Store`], and [`RemoteError::Database`] when the database cannot be read. Nothing is committed
    /// then; a push that follows uses what was uploaded.
    pub fn run(self) -> Result<Pushed, RemoteError> {
        let opened;
        let database = match &self.source {
            Source::Open(database) => *database,
            Source::Directory(path) => {
                opened = Database::open_read_only(path)?;
                &opened
            }
        };
        let begun = Instant::now();
        let remote = self.remote;
        let newest = match remote.block_on(|| heads::newest(remote))? {
            // Its objects are uploaded again anyway, and the next head takes its place.
            Err(RemoteError::Damaged { .. }) if self.upload_all => None,
            newest => newest?,
        };
        let before = match &newest {
            Some(head) => head.epoch,
            None => remote
                .block_on(|| remote.epochs())??
                .last()
                .copied()
                .unwrap_or(0),
        };
        let staging = Staging::new(&database.path())?;
        let snapshot = staging.snapshot(database)?;
        let known: BTreeMap<&str, &HeadFile> = newest
            .iter()
            .flat_map(|head| &head.files)
            .map(|file| (&*file.path, file))
            .collect();
        let known = match self.upload_all {
            true => BTreeMap::new(),
            false => known,
        };
        let inventory = Inventory::take(&snapshot, |path| known.get(path).copied())?;
        if let Some(newest) = &newest {
            if newest.database != inventory.database && !self.replace {
                return Err(RemoteError::OtherDatabase {
                    store: remote.name().to_owned(),
                    found: newest.database,
                    pushed: inventory.database,
                });
            }
            let same = (newest.database, newest.state) == (inventory.database, inventory.state);
            if same && !self.upload_all {
                return Ok(unchanged(newest));
            }
        }
        let named: BTreeSet<Checksum> = match (&newest, self.upload_all) {
            (Some(head), false) => head.files.iter().map(|file| file.checksum).collect(),
            _ => BTreeSet::new(),
        };
        let uploaded = upload::upload(
            remote,
            &snapshot.path,
            &inventory.files,
            &named,
            self.upload_all,
        )?;
        let head = Head {
            epoch: before + 1,
            database: inventory.database,
            created_unix_ms: now_unix_ms(),
            state: inventory.state,
            push: RandomState::new().hash_one(std::process::id()),
            spaces: inventory.spaces,
            files: inventory.files,
        };
        if begun.elapsed() > GRACE / 2 {
            let hours = (GRACE / 2).as_secs() / 3600;
            return Err(RemoteError::TooSlow { hours });
        }
        remote.block_on(|| commit(remote, &head))??;
        drop(staging);
        // The push is committed whatever becomes of the collection, which the next push repeats.
        let collected = collect::collect(remote, self.keep, GRACE).unwrap_or_else(|error| {
            telemetry::warn!("old epochs of {} are not collected: {error}", remote.name());
            Collected::default()
        });
        Ok(Pushed {
            epoch: head.epoch,
            unchanged: false,
            files: head.files.len(),
            bytes: head.bytes(),
            uploaded_files: uploaded.files,
            uploaded_bytes: uploaded.bytes,
            collected,
        })
    }
}

fn unchanged(head: &Head) -> Pushed {
    Pushed {
        epoch: head.epoch,
        unchanged: true,
        files: head.files.len(),
        bytes: head.bytes(),
        uploaded_files: 0,
        uploaded_bytes: 0,
        collected: Collected::default(),
    }
}

/// Creates the head. This is the commit.
async fn commit(remote: &Remote, head: &Head) -> Result<(), RemoteError> {
    let path = layout::head(head.epoch);
    let bytes = head.encode().map_err(|fault| match fault {
        HeadFault::Newer(format) => heads::unsupported(remote, &path, format),
        HeadFault::Damaged(what) => heads::damaged(remote, &path, what),
    })?;
    match remote.create_object(&path, bytes.clone()).await {
        Err(RemoteError::Store {
            fault: StoreFault::Exists,
            ..
        }) => {
            // The answer to an earlier try may have been lost, and the head may be this one.
            if remote
                .read(&path, MAX_BYTES)
                .await?
                .is_some_and(|found| found == bytes)
            {
                return Ok(());
            }
            Err(RemoteError::Superseded {
                store: remote.name().to_owned(),
                epoch: head.epoch,
            })
        }
        other => other,
    }
}

pub(crate) fn now_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
