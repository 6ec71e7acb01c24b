//! The ordered index of unsealed items by id: sled on a disk, a map in memory otherwise.
//!
//! This is the only file that calls sled. No call is trusted: after an error or a panic the index
//! continues as a map in memory, filled from the journal. Readers take no lock: sled needs none, and the
//! map is persistent and replaced as a whole.

use super::error::{CatalogError, Loss};
use super::fresh::Fresh;
use super::recovery::{Recovered, recover};
use crate::format::Damage;
use crate::format::journal::Op;
use crate::store::Directory;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use twinspire_core::files::names;
use twinspire_core::ids::Revision;
use twinspire_core::wire::{pack, unpack};

/// Size of sled's page cache in bytes.
const CACHE_BYTES: u64 = 32 << 20;
/// Key of the identity of the database that the index belongs to. No item has this id.
const DATABASE_KEY: &[u8] = b"";

type Map = BTreeMap<String, Fresh>;

/// The index, shared by all readers and the one writer.
pub(crate) struct Index {
    directory: Directory,
    database: u64,
    backing: ArcSwap<Backing>,
    /// The last revision that was applied.
    applied: AtomicU64,
    /// The revision up to which all versions were dropped. Once it has reached `applied`, the index is empty
    /// and lookups skip it.
    dropped: AtomicU64,
}

enum Backing {
    Sled(sled::Db),
    Memory(imbl::OrdMap<String, Fresh>),
}

/// A failure of sled.
type Fault = Box<dyn std::error::Error + Send + Sync>;

impl Index {
    /// Opens the index so that it holds exactly what was recovered. Keeps it in memory without a path,
    /// or if sled fails twice.
    ///
    /// # Errors
    /// [`CatalogError::Lost`] if the index has later revisions than the journal, which has lost its end.
    pub(crate) fn open(
        directory: &Directory,
        database: u64,
        path: Option<&Path>,
        recovered: &Recovered,
    ) -> Result<Self, CatalogError> {
        let rows = newest(recovered.ops.iter().cloned());
        let last = rows.values().map(|fresh| fresh.revision.0).max();
        let backing = match path {
            Some(path) => on_disk(path, &rows, database, recovered.last)?,
            None => Backing::Memory(rows.into()),
        };
        Ok(Self {
            directory: directory.clone(),
            database,
            backing: ArcSwap::from_pointee(backing),
            applied: last.unwrap_or_default().into(),
            dropped: 0.into(),
        })
    }

    /// The unsealed version of an item.
    pub(crate) fn get(&self, id: &str) -> Option<Fresh> {
        if self.applied.load(Ordering::Acquire) <= self.dropped.load(Ordering::Acquire) {
            return None;
        }
        let fault = match &**self.backing.load() {
            Backing::Memory(map) => return map.get(id).cloned(),
            Backing::Sled(db) => {
                match guarded(|| db.get(id)?.map(|value| decode(&value)).transpose()) {
                    Ok(found) => return found,
                    Err(fault) => fault,
                }
            }
        };
        self.fall_back_to_memory(&fault);
        self.get(id)
    }

    /// Every unsealed version, in order of ids.
    pub(crate) fn all(&self) -> BTreeMap<String, Fresh> {
        let fault = match &**self.backing.load() {
            Backing::Memory(map) => {
                let pairs = map.iter().map(|(id, fresh)| (id.clone(), fresh.clone()));
                return pairs.collect();
            }
            Backing::Sled(db) => match guarded(|| sled_rows(db)) {
                Ok(rows) => return rows,
                Err(fault) => fault,
            },
        };
        self.fall_back_to_memory(&fault);
        self.all()
    }

    /// Applies operations in order of revision. The journal must have them already.
    pub(crate) fn apply(&self, first: Revision, ops: Vec<Op>) {
        if let Some(last) = (first.0..).take(ops.len()).last() {
            self.applied.fetch_max(last, Ordering::Release);
        }
        let rows = (first.0..).map(Revision).zip(ops);
        let backing = self.backing.load_full();
        let fault = match &*backing {
            Backing::Memory(_) => {
                let rows: Vec<_> = rows.collect();
                return self.change(|map| {
                    for (revision, op) in rows.iter().cloned() {
                        let id = op.id.clone();
                        let fresh = Fresh::after(map.get(&id), revision, op);
                        map.insert(id, fresh);
                    }
                });
            }
            Backing::Sled(db) => match guarded(|| apply_to_sled(db, rows)) {
                Ok(()) => return,
                Err(fault) => fault,
            },
        };
        // The map is filled from the journal, which has these operations.
        self.fall_back_to_memory(&fault);
    }

    /// Drops every version up to `sealed`. Newer versions of the same items stay, even those that are
    /// being written.
    pub(crate) fn drop_sealed(&self, sealed: Revision) {
        self.dropped.fetch_max(sealed.0, Ordering::Release);
        let backing = self.backing.load_full();
        let fault = match &*backing {
            Backing::Memory(_) => {
                return self.change(|map| {
                    let newer = |(_, fresh): &(&String, &Fresh)| fresh.revision > sealed;
                    let newer = map.iter().filter(newer);
                    *map = newer
                        .map(|(id, fresh)| (id.clone(), fresh.clone()))
                        .collect();
                });
            }
            Backing::Sled(db) => match guarded(|| remove(db, sealed)) {
                Ok(()) => return,
                Err(fault) => fault,
            },
        };
        self.fall_back_to_memory(&fault);
        self.drop_sealed(sealed);
    }

    /// Changes the map in memory, if the index is one.
    fn change(&self, change: impl Fn(&mut imbl::OrdMap<String, Fresh>)) {
        self.backing.rcu(|backing| match &**backing {
            Backing::Memory(map) => {
                let mut map = map.clone();
                change(&mut map);
                Arc::new(Backing::Memory(map))
            }
            Backing::Sled(_) => Arc::clone(backing),
        });
    }

    /// Replaces sled by a map in memory, filled from the journal.
    fn fall_back_to_memory(&self, fault: &Fault) {
        log::warn!("sled's index failed ({fault}); it is rebuilt from the journal, in memory");
        let map: imbl::OrdMap<_, _> = self.unsealed().into();
        let before = self.backing.rcu(|backing| match &**backing {
            Backing::Sled(_) => Arc::new(Backing::Memory(map.clone())),
            Backing::Memory(_) => Arc::clone(backing),
        });
        // Dropping it may panic as well.
        drop(guarded(|| {
            drop(before);
            Ok(())
        }));
    }

    /// The unsealed writes, from the journal.
    fn unsealed(&self) -> Map {
        let sealed = match crate::store::load(&self.directory) {
            Ok(Some(manifest)) => manifest.sealed,
            _ => Revision(0),
        };
        match recover(&self.directory, self.database, sealed) {
            Ok(recovered) => newest(recovered.ops),
            Err(error) => {
                log::error!("the journal cannot be read either: {error}");
                Map::new()
            }
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

/// The index with exactly `rows`: sled at `path` as found, else rebuilt, else a map in memory.
fn on_disk(
    path: &Path,
    rows: &Map,
    database: u64,
    last: Revision,
) -> Result<Backing, CatalogError> {
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
        Ok(Ok(db)) => Ok(Backing::Sled(db)),
        Ok(Err(lost)) => Err(CatalogError::Lost(Loss {
            path: path.with_file_name(names::JOURNAL),
            section: "frame",
            what: Damage::MissingEnd { newest: lost.1 },
            lost: Some(lost),
        })),
        Err(fault) => {
            log::warn!(
                "sled cannot be used at {} ({fault}); the index stays in memory",
                path.display()
            );
            Ok(Backing::Memory(rows.clone().into()))
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
    insert(db, rows.clone())?;
    db.insert(DATABASE_KEY, &database.to_le_bytes())?;
    Ok(())
}

/// Applies operations of different ids.
fn apply_to_sled(db: &sled::Db, ops: impl Iterator<Item = (Revision, Op)>) -> Result<(), Fault> {
    let row = |(revision, op): (Revision, Op)| {
        let id = op.id.clone();
        let before = db.get(&id)?.map(|value| decode(&value)).transpose()?;
        Ok((id, Fresh::after(before.as_ref(), revision, op)))
    };
    insert(db, ops.map(row).collect::<Result<Vec<_>, Fault>>()?)
}

fn insert(db: &sled::Db, rows: impl IntoIterator<Item = (String, Fresh)>) -> Result<(), Fault> {
    let mut batch = sled::Batch::default();
    for (id, fresh) in rows {
        batch.insert(id.as_bytes(), pack(&fresh)?);
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
