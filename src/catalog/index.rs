//! The index of unsealed writes by revision, in sled on a disk.
//!
//! This is the only file that calls sled. The index is a second witness of the journal: it takes a write in
//! after the journal has it, so that a journal that lost its end shows when the database is opened, and
//! `repair` finds there what the journal lost. Nothing else reads it while the database is open. No call
//! is trusted: after an error or a panic the index is closed, and the next opening rebuilds it.
//!
//! A key is a revision, big-endian; its value is a chunk of packed operations that begins with this revision.
//! Keys only grow, and one stands for many writes: sled takes a few microseconds for each. A chunk is
//! part of one frame of the journal. A seal ends between two frames, so it removes whole chunks.

use super::error::{CatalogError, Loss};
use super::fresh::Fresh;
use crate::format::Damage;
use crate::format::journal::{FrameBuilder, Op, unpack_ops};
use crate::store::Directory;
use arc_swap::ArcSwapOption;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use twinspire_core::files::names;
use twinspire_core::ids::Revision;
use twinspire_core::telemetry;

/// Size of sled's page cache in bytes.
const CACHE_BYTES: u64 = 32 << 20;
/// Key of the identity of the database that the index belongs to. No revision is empty.
const DATABASE_KEY: &[u8] = b"";

type Map = BTreeMap<String, Fresh>;
/// An operation with its revision.
type Numbered = (Revision, Op);

/// The index of the writer. Closed where there is no disk, and once sled has failed.
pub(crate) struct Index(ArcSwapOption<sled::Db>);

/// A failure of sled.
type Fault = Box<dyn std::error::Error + Send + Sync>;

impl Index {
    /// Opens the index at `path` so that it holds exactly `ops`, what was recovered of the database up to
    /// revision `last`.
    ///
    /// # Errors
    /// [`CatalogError::Lost`] if the index has later revisions than the journal, which has lost its end.
    pub(crate) fn open(
        database: u64,
        path: Option<&Path>,
        ops: &[Numbered],
        last: Revision,
    ) -> Result<Self, CatalogError> {
        let db = match path {
            Some(path) => on_disk(path, ops, database, last)?,
            None => None,
        };
        Ok(Self(ArcSwapOption::from_pointee(db)))
    }

    /// Takes in a frame whose first revision is `first`. The journal must have it already.
    pub(crate) fn apply(&self, first: Revision, frame: &FrameBuilder) {
        self.call(|db| insert(db, first, frame));
    }

    /// Drops every write up to `sealed`.
    pub(crate) fn drop_sealed(&self, sealed: Revision) {
        self.call(|db| remove(db, sealed));
    }

    /// Calls sled, if it is open. Closes it after a failure.
    fn call(&self, call: impl FnOnce(&sled::Db) -> Result<(), Fault>) {
        let Some(db) = self.0.load_full() else {
            return;
        };
        if let Err(fault) = guarded(|| call(&db)) {
            telemetry::warn!("sled's index failed ({fault}); the next opening rebuilds it");
            self.0.store(None);
            // Dropping it may panic as well.
            drop(guarded(|| {
                drop(db);
                Ok(())
            }));
        }
    }
}

/// The newest version of each id.
pub(crate) fn newest(ops: impl IntoIterator<Item = (Revision, Op)>) -> Map {
    let mut map = Map::new();
    for (revision, op) in ops {
        let id = op.id.clone();
        let fresh = Fresh::after(map.get(&id), revision, op);
        map.insert(id, fresh);
    }
    map
}

/// The index with exactly `ops`: sled at `path` as found, else rebuilt, else none.
fn on_disk(
    path: &Path,
    ops: &[Numbered],
    database: u64,
    last: Revision,
) -> Result<Option<sled::Db>, CatalogError> {
    let found = guarded(|| {
        let db = open_sled(path)?;
        let ours = belongs_to(&db, database)?;
        let held = if ours { ops_of(&db)? } else { Vec::new() };
        let newest = held.last().map(|(revision, _)| *revision);
        if let Some(newest) = newest.filter(|newest| *newest > last) {
            return Ok(Err((last.next(), newest)));
        }
        if !ours || held != *ops {
            db.clear()?;
            fill(&db, ops, database)?;
        }
        Ok(Ok(db))
    });
    let built = found.or_else(|fault| {
        telemetry::warn!(
            "sled's index at {} is unusable ({fault}); it is rebuilt",
            path.display()
        );
        remove_sled_directory(path)?;
        guarded(|| {
            let db = open_sled(path)?;
            fill(&db, ops, database)?;
            Ok(Ok(db))
        })
    });
    match built {
        Ok(Ok(db)) => Ok(Some(db)),
        Ok(Err(lost)) => Err(CatalogError::Lost(Loss {
            path: path.with_file_name(names::JOURNAL),
            section: "frame",
            what: Damage::MissingEnd { newest: lost.1 },
            lost: Some(lost),
        })),
        Err(fault) => {
            telemetry::warn!(
                "sled cannot be used at {} ({fault}); the database works without its index",
                path.display()
            );
            Ok(None)
        }
    }
}

/// The operations of the index above the revision `last`: what is left of a journal that lost its end.
pub(crate) fn newer_in_index(
    directory: &Directory,
    database: u64,
    last: Revision,
) -> Vec<Numbered> {
    let path = directory.root.join(names::CATALOG);
    let outside = directory.files.outside(&path).filter(|path| path.exists());
    let Some(path) = outside else {
        return Vec::new();
    };
    let found = guarded(|| {
        let db = open_sled(&path)?;
        let mut ops = if belongs_to(&db, database)? {
            ops_of(&db)?
        } else {
            Vec::new()
        };
        ops.retain(|(revision, _)| *revision > last);
        Ok(ops)
    });
    // An index that cannot be read holds nothing to salvage.
    found.unwrap_or_default()
}

#[expect(
    clippy::disallowed_methods,
    reason = "sled writes its directory itself, outside the file layer"
)]
fn remove_sled_directory(path: &Path) -> std::io::Result<()> {
    std::fs::remove_dir_all(path)
}

/// Removes the index from the disk; the next opening rebuilds it.
pub(crate) fn remove_index(directory: &Directory) {
    let path = directory
        .files
        .outside(&directory.root.join(names::CATALOG));
    if let Some(path) = path.filter(|path| path.exists())
        && let Err(error) = remove_sled_directory(&path)
    {
        telemetry::warn!("cannot remove {}: {error}", path.display());
    }
}

/// Whether the index belongs to this database.
fn belongs_to(db: &sled::Db, database: u64) -> Result<bool, Fault> {
    let found = db.get(DATABASE_KEY)?;
    Ok(found.is_some_and(|value| *value == database.to_le_bytes()))
}

fn open_sled(path: &Path) -> Result<sled::Db, Fault> {
    let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES);
    // No flushes: a lost index is rebuilt from the journal.
    Ok(config.flush_every_ms(None).open()?)
}

/// The operations in the index.
fn ops_of(db: &sled::Db) -> Result<Vec<Numbered>, Fault> {
    let mut ops: Vec<Numbered> = Vec::new();
    for chunk in db.iter() {
        let (key, value) = chunk?;
        if key != DATABASE_KEY {
            let first = revision_of(&key)?;
            ops.extend((first.0..).map(Revision).zip(unpack_ops(&value)?));
        }
    }
    Ok(ops)
}

fn fill(db: &sled::Db, ops: &[Numbered], database: u64) -> Result<(), Fault> {
    // Revisions that are sealed already may be missing between others.
    for run in ops.chunk_by(|(one, _), (next, _)| one.next() == *next) {
        let mut frame = FrameBuilder::default();
        for (_, op) in run {
            frame.push(op.into())?;
        }
        if let Some((first, _)) = run.first() {
            insert(db, *first, &frame)?;
        }
    }
    db.insert(DATABASE_KEY, &database.to_le_bytes())?;
    Ok(())
}

#[expect(clippy::big_endian_bytes, reason = "sled orders keys by their bytes")]
fn key(revision: Revision) -> [u8; 8] {
    revision.0.to_be_bytes()
}

#[expect(clippy::big_endian_bytes, reason = "sled orders keys by their bytes")]
fn revision_of(key: &[u8]) -> Result<Revision, Fault> {
    Ok(Revision(u64::from_be_bytes(key.try_into()?)))
}

fn insert(db: &sled::Db, first: Revision, frame: &FrameBuilder) -> Result<(), Fault> {
    let mut batch = sled::Batch::default();
    for (before, chunk) in frame.chunks() {
        let revision = Revision(first.0 + u64::from(before));
        batch.insert(&key(revision), chunk);
    }
    Ok(db.apply_batch(batch)?)
}

/// Removes every chunk that begins up to `sealed`.
fn remove(db: &sled::Db, sealed: Revision) -> Result<(), Fault> {
    let mut batch = sled::Batch::default();
    for chunk in db.range(key(Revision(0))..=key(sealed)) {
        batch.remove(chunk?.0);
    }
    Ok(db.apply_batch(batch)?)
}

/// Calls sled. A panic becomes a fault.
fn guarded<T>(call: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err("sled panicked".into()))
}
