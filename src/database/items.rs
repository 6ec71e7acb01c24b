//! Putting, getting and deleting items.

use super::Database;
use crate::error::Error;
use crate::maintain::{self, Change};
use crate::snapshot::ItemRevision;
use serde_json::Value;
use std::collections::HashMap;
use twinspire_core::ids::Revision;
use twinspire_towers::internals::check_item;

/// The items of a database: JSON objects, each with a string `id`.
#[derive(Clone, Copy)]
pub struct Items<'a> {
    pub(super) database: &'a Database,
}

impl Database {
    /// The items of the database.
    #[must_use]
    pub fn items(&self) -> Items<'_> {
        Items { database: self }
    }
}

impl Items<'_> {
    /// Stores an item. It replaces the item with the same id, if there is one. When this returns, the
    /// item is durable and the next recall of every space can return it.
    ///
    /// Integers keep their value to 64 bits. `serde_json` rounds longer ones when it parses them;
    /// `import::check_integers` finds them in a text.
    ///
    /// # Errors
    /// [`Error::Item`] when the record is not a JSON object with a string `id`, [`Error::Embed`]
    /// when the item tower of a space cannot embed it.
    pub fn put(&self, item: &Value) -> Result<Revision, Error> {
        self.put_many(std::slice::from_ref(item))
    }

    /// Stores many items in one call, all or none. Returns the revision of the last one. One sync makes all
    /// of them durable.
    ///
    /// # Errors
    /// As [`put`](Self::put), and [`Error::DuplicateId`]. They name the item.
    pub fn put_many(&self, items: &[Value]) -> Result<Revision, Error> {
        let mut places = HashMap::new();
        let mut changes = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let id = check_item(item).map_err(|source| Error::Item { at, source })?;
            if let Some(first) = places.insert(id, at) {
                return Err(Error::DuplicateId {
                    id: id.to_owned(),
                    first,
                    second: at,
                });
            }
            let record = Some(item);
            changes.push(Change { id, record });
        }
        maintain::write(&self.database.live(), self.database.writing()?, &changes)
    }

    /// The record of an id.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the stored record is damaged.
    pub fn get(&self, id: &str) -> Result<Option<Value>, Error> {
        self.database.live().record(id)
    }

    /// The versions of an item that are still stored, newest first, deletes included. Empty for an unknown id.
    ///
    /// The journal keeps every version until a seal. An items segment keeps the newest version at its seal, and a merge
    /// the newest of the merged segments. So seals and merges drop older versions. All of a deleted item is dropped once
    /// no kept generation was cut before its delete. The call reads the journal files.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// use serde_json::json;
    ///
    /// let db = twinspire::Database::open(dir.path().join("shop.twin"))?;
    /// db.items().put(&json!({"id": "B01", "price": 12}))?;
    /// db.items().put(&json!({"id": "B01", "price": 10}))?;
    /// let revisions = db.items().revisions("B01")?;
    /// assert_eq!(revisions[0].record.as_ref().map(|record| &record["price"]), Some(&json!(10)));
    /// assert!(revisions[1].replaced && revisions[1].revision < revisions[0].revision);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a stored version is damaged, [`Error::Io`] when a journal file cannot be read.
    pub fn revisions(&self, id: &str) -> Result<Vec<ItemRevision>, Error> {
        let live = self.database.live();
        let snapshot = live.snapshot.load_full();
        snapshot.revisions(&live.directory, id)
    }

    /// Whether there is an item with this id.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when an items segment is damaged.
    pub fn contains(&self, id: &str) -> Result<bool, Error> {
        let found = self.database.live().find(id)?;
        Ok(found.is_some_and(|(_, record)| record.is_some()))
    }

    /// The number of items. The first call after a commit reads the table of every items segment.
    ///
    /// # Errors
    /// As [`contains`](Self::contains).
    pub fn count(&self) -> Result<u64, Error> {
        let live = self.database.live();
        let snapshot = live.snapshot.load_full();
        snapshot.count_items()
    }

    /// Deletes an item. Returns false if no item has this id.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn delete(&self, id: &str) -> Result<bool, Error> {
        let writing = self.database.writing()?;
        let live = self.database.live();
        let found = live.find(id)?;
        if found.is_none_or(|(_, record)| record.is_none()) {
            return Ok(false);
        }
        maintain::write(&live, writing, &[Change { id, record: None }])?;
        Ok(true)
    }
}
