//! The ordered index of unsealed items by id, in sled on a disk.
//!
//! This is the only file that calls sled. The index is a second witness of the journal: it takes a write in
//! after the journal has it, so that a journal that lost its end shows when the database is opened, and
//! `repair` finds there what the journal lost. Nothing else reads it while the database is open. No call
//! is trusted: after an error or a panic the index is closed, and the next opening rebuilds it.

use super::error::{CatalogError, Loss};
use super::fresh::Fresh;
use crate::format::Damage;
use crate::format::journal::Op;
use crate::store::Directory;
use arc_swap::ArcSwapOption;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use twinspire_core::files::names;
use twinspire_core::ids::Revision;
use twinspire_core::wire::{pack, unpack};

/// Size of sled's page cache in bytes.
const CACHE_BYTES: u64 = 32 << 20;
/// Key of the identity of the database that the index belongs to. No item has this id.
const DATABASE_KEY: &[u8] = b"";

type Map = BTreeMap<String, Fresh>;

/// The index of the writer. Closed where there is no disk, and once sled has failed.
pub(crate) struct Index(ArcSwapOption<sled::Db>);

/// A failure of sled.
type Fault = Box<dyn std::error::Error + Send + Sync>;

impl Index {
    /// Opens the index at `path` so that it holds exactly `rows`, what was recovered of the database up to
    /// revision `last`.
    ///
    /// # Errors
    /// [`CatalogError::Lost`] if the index has later revisions than the journal, which has lost its end.
    pub(crate) fn open(
        database: u64,
        path: Option<&Path>,
        rows: &Map,
        last: Revision,
    ) -> Result<Self, CatalogError> {
        let db = match path {
            Some(path) => on_disk(path, rows, database, last)?,
            None => None,
        };
        Ok(Self(ArcSwapOption::from_pointee(db)))
    }

    /// Takes in the newest version of each of some ids. The journal must have them already.
    pub(crate) fn apply<'f>(&self, rows: impl Iterator<Item = (&'f str, &'f Fresh)>) {
        self.call(|db| insert(db, rows));
    }

    /// Drops every version up to `sealed`. Newer versions of the same items stay, even those that are
    /// being written.
    pub(crate) fn drop_sealed(&self, sealed: Revision) {
        self.call(|db| remove(db, sealed));
    }

    /// Calls sled, if it is open. Closes it after a failure.
    fn call(&self, call: impl FnOnce(&sled::Db) -> Result<(), Fault>) {
        let Some(db) = self.0.load_full() else {
            return;
        };
        if let Err(fault) = guarded(|| call(&db)) {
            log::warn!("sled's index failed ({fault}); the next opening rebuilds it");
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

/// The index with exactly `rows`: sled at `path` as found, else rebuilt, else none.
fn on_disk(
    path: &Path,
    rows: &Map,
    database: u64,
    last: Revision,
) -> Result<Option<sled::Db>, CatalogError> {
    let found = guarded(|| {
        let db = open_sled(path)?;
        let ours = belongs_to(&db, database)?;
        let held = if ours { sled_rows(&db)? } else { Map::new() };
        let newest = held.values().map(|fresh| fresh.revision).max();
        if let Some(newest) = newest.filter(|newest| *newest > last) {
            return Ok(Err((last.next(), newest)));
        }
        if !ours || held != *rows {
            db.clear()?;
            fill(&db, rows, database)?;
        }
        Ok(Ok(db))
    });
    let built = found.or_else(|fault| {
        log::warn!(
            "sled's index at {} is unusable ({fault}); it is rebuilt",
            path.display()
        );
        remove_sled_directory(path)?;
        guarded(|| {
            let db = open_sled(path)?;
            fill(&db, rows, database)?;
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
            log::warn!(
                "sled cannot be used at {} ({fault}); the database works without its index",
                path.display()
            );
            Ok(None)
        }
    }
}

/// The rows of the index with revisions above `last`: what is left of a journal that lost its end.
pub(crate) fn newer_in_index(
    directory: &Directory,
    database: u64,
    last: Revision,
) -> BTreeMap<String, Fresh> {
    let path = directory.root.join(names::CATALOG);
    let outside = directory.files.outside(&path).filter(|path| path.exists());
    let Some(path) = outside else {
        return Map::new();
    };
    let found = guarded(|| {
        let db = open_sled(&path)?;
        let mut rows = if belongs_to(&db, database)? {
            sled_rows(&db)?
        } else {
            Map::new()
        };
        rows.retain(|_, fresh| fresh.revision > last);
        Ok(rows)
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
        log::warn!("cannot remove {}: {error}", path.display());
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

fn sled_rows(db: &sled::Db) -> Result<Map, Fault> {
    let row = |row: sled::Result<(sled::IVec, sled::IVec)>| {
        let (id, value) = row?;
        Ok((String::from_utf8(id.to_vec())?, decode(&value)?))
    };
    let is_row = |row: &sled::Result<(sled::IVec, _)>| {
        row.as_ref().map_or(true, |(id, _)| *id != DATABASE_KEY)
    };
    db.iter().filter(is_row).map(row).collect()
}

fn fill(db: &sled::Db, rows: &Map, database: u64) -> Result<(), Fault> {
    insert(db, rows.iter().map(|(id, fresh)| (id.as_str(), fresh)))?;
    db.insert(DATABASE_KEY, &database.to_le_bytes())?;
    Ok(())
}

fn insert<'f>(
    db: &sled::Db,
    rows: impl Iterator<Item = (&'f str, &'f Fresh)>,
) -> Result<(), Fault> {
    let mut batch = sled::Batch::default();
    for (id, fresh) in rows {
        batch.insert(id.as_bytes(), pack(fresh)?);
    }
    Ok(db.apply_batch(batch)?)
}

/// Removes every version up to `sealed`. A version that replaces one meanwhile stays.
fn remove(db: &sled::Db, sealed: Revision) -> Result<(), Fault> {
    for row in db.iter() {
        let (id, value) = row?;
        if id != DATABASE_KEY && decode(&value)?.revision <= sealed {
            let _ = db.compare_and_swap(id, Some(value), None::<&[u8]>)?;
        }
    }
    Ok(())
}

fn decode(value: &[u8]) -> Result<Fresh, Fault> {
    Ok(unpack(value)?)
}

/// Calls sled. A panic becomes a fault.
fn guarded<T>(call: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err("sled panicked".into()))
}
