//! A shop whose items all say which version of the shop they are of, and what an epoch of it answers.

use serde_json::{Value, json};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use twinspire::Database;
use twinspire_remote::Remote;
use twinspire_testkit::open_without_background;
use twinspire_testkit::towers::field_towers;

/// Number of items.
pub const ITEMS: usize = 40;

/// A shop and a store.
pub struct World {
    pub home: TempDir,
    pub shop: Database,
    pub remote: Remote,
}

impl World {
    /// An empty shop, and a store in memory.
    pub fn new() -> Self {
        Self::with(Remote::memory().unwrap())
    }

    pub fn with(remote: Remote) -> Self {
        let home = tempfile::tempdir().unwrap();
        let shop = open_without_background(&home.path().join("shop.twin"));
        Self { home, shop, remote }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Writes version `version` of the shop: with new towers if it is odd, else unsealed only.
    pub fn write(&self, version: u64) {
        write(&self.shop, version);
    }

    /// Writes and pushes versions, an epoch each.
    pub fn push_all(&self, versions: RangeInclusive<u64>) {
        for version in versions {
            self.push(version);
        }
    }

    /// Writes and pushes a version; returns the epoch.
    pub fn push(&self, version: u64) -> u64 {
        self.write(version);
        self.remote.push(&self.shop).run().unwrap().epoch
    }
}

/// Writes a version into a shop.
pub fn write(shop: &Database, version: u64) {
    let items: Vec<Value> = (0..ITEMS).map(|at| item(version, at)).collect();
    shop.items().put_many(&items).unwrap();
    if version % 2 == 1 {
        let towers = field_towers("l2", &["price"]);
        shop.publish("by-price").towers(towers).run().unwrap();
    }
}

fn item(version: u64, at: usize) -> Value {
    json!({"id": format!("B{at:02}"), "price": version * 1_000 + at as u64, "version": version})
}

/// Asserts that a database is version `version` and nothing else, by its records and by recalls.
pub fn assert_is(db: &Database, version: u64) {
    for at in 0..ITEMS {
        let found = db.items().get(&format!("B{at:02}")).unwrap();
        assert_eq!(found, Some(item(version, at)), "version {version}");
    }
    let user = json!({"price": version * 1_000 + 7});
    let hits = db.recall("by-price").user(&user).top(3).unwrap();
    let found: Vec<(&str, f32)> = hits.iter().map(|hit| (&*hit.id, hit.score)).collect();
    assert_eq!(found[0], ("B07", 0.0), "version {version}: {found:?}");
    assert_eq!(found[1].1, -1.0, "version {version}: {found:?}");
}

/// The version of the shop that a database has, of which all its items must be.
pub fn version(db: &Database) -> u64 {
    let first = db.items().get("B00").unwrap().unwrap();
    let version = first["version"].as_u64().unwrap();
    assert_is(db, version);
    version
}

/// Bytes of all files below a directory, hard links counted once.
#[cfg(unix)]
pub fn bytes_on_disk(directory: &Path) -> u64 {
    use std::collections::BTreeSet;
    use std::os::unix::fs::MetadataExt;
    fn walk(directory: &Path, seen: &mut BTreeSet<u64>) -> u64 {
        let entries = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap());
        entries
            .map(|entry| match entry.file_type().unwrap().is_dir() {
                true => walk(&entry.path(), seen),
                false => {
                    let meta = entry.metadata().unwrap();
                    u64::from(seen.insert(meta.ino())) * meta.len()
                }
            })
            .sum()
    }
    walk(directory, &mut BTreeSet::new())
}
