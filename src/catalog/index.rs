//! The ordered index of unsealed items by id: sled on a disk, a map in memory otherwise.
//!
//! Every call into sled is made here, and none is trusted: an error or a panic moves the index to
//! a map in memory, filled from the journal.

use super::{Fresh, recover};
use crate::format::journal::Op;
use crate::ids::Revision;
use crate::store::Directory;
use crate::wire::{pack, unpack};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Memory sled may use for its page cache.
const CACHE_BYTES: u64 = 32 << 20;

type Map = BTreeMap<String, Fresh>;

/// The index; shared by the writer and all readers.
pub(crate) struct Index {
    directory: Directory,
    database: u64,
    backing: RwLock<Backing>,
}

enum Backing {
    Sled(sled::Db),
    Memory(Map),
}

/// Something sled did not do.
type Fault = Box<dyn std::error::Error + Send + Sync>;

impl Index {
    /// Opens the index and makes it hold exactly `ops`. With no path sled may write to, or where
    /// sled fails twice, the index is kept in memory.
    pub(crate) fn open(
        directory: &Directory,
        database: u64,
        path: Option<&Path>,
        ops: &[(Revision, Op)],
    ) -> Self {
        let rows = newest(ops);
        let backing = path.map_or_else(
            || Backing::Memory(rows.clone()),
            |path| on_disk(path, &rows),
        );
        Self {
            directory: directory.clone(),
            database,
            backing: RwLock::new(backing),
        }
    }

    /// The unsealed version of an item.
    pub(crate) fn get(&self, id: &str) -> Option<Fresh> {
        let fault = match &*self.read() {
            Backing::Memory(map) => return map.get(id).cloned(),
            Backing::Sled(db) => {
                match guarded(|| db.get(id)?.map(|value| decode(&value)).transpose()) {
                    Ok(found) => return found,
                    Err(fault) => fault,
                }
            }
        };
        self.give_up_sled(&fault);
        self.get(id)
    }

    /// Every unsealed version, in order of ids.
    pub(crate) fn all(&self) -> BTreeMap<String, Fresh> {
        let fault = match &*self.read() {
            Backing::Memory(map) => return map.clone(),
            Backing::Sled(db) => match guarded(|| rows_of(db)) {
                Ok(rows) => return rows,
                Err(fault) => fault,
            },
        };
        self.give_up_sled(&fault);
        self.all()
    }

    /// Takes in operations that the journal already has.
    pub(crate) fn apply(&self, first: Revision, ops: &[Op]) {
        let numbered: Vec<_> = (first.0..).map(Revision).zip(ops.iter().cloned()).collect();
        let rows = newest(&numbered);
        let fault = match &mut *self.write() {
            Backing::Memory(map) => return map.extend(rows),
            Backing::Sled(db) => match guarded(|| insert(db, &rows)) {
                Ok(()) => return,
                Err(fault) => fault,
            },
        };
        // The journal has these operations, so the map it is read into has them too.
        self.give_up_sled(&fault);
    }

    /// Lets go of every version up to `sealed`; newer ones of the same items stay.
    pub(crate) fn drop_sealed(&self, sealed: Revision) {
        let fault = match &mut *self.write() {
            Backing::Memory(map) => return map.retain(|_, fresh| fresh.revision > sealed),
            Backing::Sled(db) => match guarded(|| {
                let mut batch = sled::Batch::default();
                let rows = rows_of(db)?;
                rows.iter()
                    .filter(|(_, fresh)| fresh.revision <= sealed)
                    .for_each(|(id, _)| batch.remove(id.as_bytes()));
                Ok(db.apply_batch(batch)?)
            }) {
                Ok(()) => return,
                Err(fault) => fault,
            },
        };
        self.give_up_sled(&fault);
        self.drop_sealed(sealed);
    }

    /// Goes on in memory with what the journal says.
    fn give_up_sled(&self, fault: &Fault) {
        log::warn!("sled's index failed ({fault}); it is rebuilt from the journal, in memory");
        let mut backing = self.write();
        if matches!(*backing, Backing::Memory(_)) {
            return;
        }
        let map = self.unsealed();
        if let Backing::Sled(db) = std::mem::replace(&mut *backing, Backing::Memory(map)) {
            // Dropping it may panic as well.
            drop(guarded(|| {
                drop(db);
                Ok(())
            }));
        }
    }

    /// What the journal holds beyond the sealed state.
    fn unsealed(&self) -> Map {
        let sealed = match crate::store::load(&self.directory) {
            Ok(Some(manifest)) => manifest.sealed,
            _ => Revision(0),
        };
        match recover(&self.directory, self.database, sealed) {
            Ok(recovered) => newest(&recovered.ops),
            Err(error) => {
                log::error!("the journal cannot be read either: {error}");
                Map::new()
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Backing> {
        self.backing.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Backing> {
        self.backing.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last operation on each id.
fn newest(ops: &[(Revision, Op)]) -> Map {
    let fresh = |(revision, op): &(Revision, Op)| {
        let fresh = Fresh {
            item: op.item,
            revision: *revision,
            record: op.record.clone(),
        };
        (op.id.clone(), fresh)
    };
    ops.iter().map(fresh).collect()
}

/// sled at `path` holding exactly `rows`: as found, else built anew, else a map in memory.
fn on_disk(path: &Path, rows: &Map) -> Backing {
    let found = guarded(|| {
        let db = open_sled(path)?;
        if rows_of(&db)? == *rows {
            return Ok(db);
        }
        db.clear()?;
        insert(&db, rows)?;
        Ok(db)
    });
    let built = found.or_else(|fault| {
        log::warn!(
            "sled's index at {} is unusable ({fault}); it is built anew",
            path.display()
        );
        std::fs::remove_dir_all(path)?;
        guarded(|| {
            let db = open_sled(path)?;
            insert(&db, rows)?;
            Ok(db)
        })
    });
    match built {
        Ok(db) => Backing::Sled(db),
        Err(fault) => {
            log::warn!(
                "sled cannot be used at {} ({fault}); the index stays in memory",
                path.display()
            );
            Backing::Memory(rows.clone())
        }
    }
}

fn open_sled(path: &Path) -> Result<sled::Db, Fault> {
    let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES);
    // Nothing depends on its flushes: a lost index is built again.
    Ok(config.flush_every_ms(None).open()?)
}

fn rows_of(db: &sled::Db) -> Result<Map, Fault> {
    let row = |row: sled::Result<(sled::IVec, sled::IVec)>| {
        let (id, value) = row?;
        Ok((String::from_utf8(id.to_vec())?, decode(&value)?))
    };
    db.iter().map(row).collect()
}

fn insert(db: &sled::Db, rows: &Map) -> Result<(), Fault> {
    let mut batch = sled::Batch::default();
    for (id, fresh) in rows {
        batch.insert(id.as_bytes(), pack(fresh)?);
    }
    Ok(db.apply_batch(batch)?)
}

fn decode(value: &[u8]) -> Result<Fresh, Fault> {
    Ok(unpack(value)?)
}

/// Calls into sled, whose panics become faults.
fn guarded<T>(call: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err("sled panicked".into()))
}
