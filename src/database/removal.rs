//! Removing many items, and replacing the whole catalogue.

use super::Database;
use super::items::Items;
use crate::error::Error;
use crate::filter::Filter;
use crate::maintain::{self, Change};
use crate::recall::{View, passing};
use crate::snapshot::Snapshot;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use twinspire_core::ids::{ItemNo, Revision};
use twinspire_towers::internals::{Fields, check_item};

/// The largest share of all items that [`Replacement::finish`] removes unless told otherwise.
pub const DEFAULT_MAX_REMOVED: f64 = 0.5;

/// Puts a whole new catalogue; see [`Items::replace_all`].
///
/// Dropped before [`finish`](Self::finish), it removes nothing; what was put stays.
#[must_use = "nothing is removed before `finish` is called"]
pub struct Replacement<'a> {
    database: &'a Database,
    /// The last revision before it began. Items written later stay.
    began: Revision,
    /// Items of the new catalogue that did not change.
    kept: HashSet<ItemNo>,
    done: Replaced,
    max_removed: f64,
}

/// What a [`Replacement`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replaced {
    /// Items whose ids were new.
    pub added: u64,
    /// Items that were there with another record.
    pub changed: u64,
    /// Items that were there with the same record. They were not written again.
    pub unchanged: u64,
    /// Items that the new catalogue does not have.
    pub removed: u64,
}

impl<'a> Items<'a> {
    /// Deletes many items in one call, all or none. Returns how many of the ids there were. One sync makes
    /// all deletes durable.
    ///
    /// # Errors
    /// [`Error::CallTooLarge`] for more than about a million ids.
    pub fn delete_many(
        &self,
        ids: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<u64, Error> {
        let live = self.database.live();
        let ids: Vec<_> = ids.into_iter().collect();
        let mut seen = HashSet::new();
        let unique = ids.iter().map(AsRef::as_ref).filter(|id| seen.insert(*id));
        let deletes = unique.map(|id| Change { id, record: None });
        let deletes: Vec<Change<'_>> = deletes.collect();
        let is_due =
            |state: &Snapshot, change: &Change<'_>| Ok(state.revision(change.id)?.is_some());
        let written = maintain::write_due(&live, self.database.writing()?, &deletes, is_due)?;
        Ok(written.changes as u64)
    }

    /// Deletes every item that passes a filter. Returns their number.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), twinspire::Error> {
    /// # let db = twinspire::Database::open("shop.twin")?;
    /// let removed = db.items().delete_where("sold_out = true or price > 1000")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Other threads may write meanwhile: an item goes if its newest record passes at the moment of its
    /// deletion. The deletes are written in calls of 10,000, each whole or not at all. After an error or a
    /// crash, the items of the calls before are gone and the others are there; the same filter removes them.
    ///
    /// # Errors
    /// [`Error::Filter`] when the filter does not fit the items.
    pub fn delete_where(&self, filter: impl Into<Filter>) -> Result<u64, Error> {
        let (writing, live, filter) = (
            self.database.writing()?,
            self.database.live(),
            filter.into(),
        );
        let ids = passing(&View::now(self.database.live()), &filter)?;
        let condition = filter.any_condition();
        let passes = |state: &Snapshot, id: &str| {
            let record = state.record(id)?;
            Ok(record.is_some_and(|record| condition.matches(&Fields::of(&record))))
        };
        maintain::remove(&live, writing, &Vec::from_iter(ids), passes)
    }

    /// The number of items that [`delete_where`](Self::delete_where) would delete.
    ///
    /// # Errors
    /// As [`delete_where`](Self::delete_where).
    pub fn count_where(&self, filter: impl Into<Filter>) -> Result<u64, Error> {
        self.ids_where(filter).map(|ids| ids.len() as u64)
    }

    /// The ids of all items that pass a filter, sorted.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let db = twinspire::Database::open(dir.path().join("shop.twin"))?;
    /// # use serde_json::json;
    /// db.items().put_many(&[json!({"id": "B01", "price": 5}), json!({"id": "B02", "price": 50})])?;
    /// assert_eq!(db.items().ids_where("price < 30")?, ["B01"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`delete_where`](Self::delete_where).
    pub fn ids_where(&self, filter: impl Into<Filter>) -> Result<Vec<String>, Error> {
        let (live, filter) = (self.database.live(), filter.into());
        let condition = filter.any_condition();
        let mut ids = Vec::new();
        for id in passing(&View::now(self.database.live()), &filter)? {
            let record = live.record(&id)?;
            if record.is_some_and(|record| condition.matches(&Fields::of(&record))) {
                ids.push(id);
            }
        }
        ids.sort();
        Ok(ids)
    }

    /// Begins to put a whole new catalogue. Put all of its items, then [`finish`](Replacement::finish)
    /// removes every item that was not among them.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), twinspire::Error> {
    /// # let db = twinspire::Database::open("shop.twin")?;
    /// # let batches: Vec<Vec<serde_json::Value>> = Vec::new();
    /// let mut catalogue = db.items().replace_all()?;
    /// for batch in &batches {
    ///     catalogue.put_many(batch)?;
    /// }
    /// let replaced = catalogue.finish()?;
    /// println!("{} items removed", replaced.removed);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Recalls see each batch as soon as it is put, and the removals at the end. Items whose record did not
    /// change are not written again. An item that something else writes meanwhile stays. After a crash the
    /// database holds the new catalogue as far as it was put, and the old items that were not removed yet.
    /// The same replacement, run again, completes it.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] in a handle open for reading only.
    pub fn replace_all(&self) -> Result<Replacement<'a>, Error> {
        let live = self.database.live();
        Ok(Replacement {
            database: self.database,
            began: maintain::write(&live, self.database.writing()?, &[])?,
            kept: HashSet::new(),
            done: Replaced::default(),
            max_removed: DEFAULT_MAX_REMOVED,
        })
    }
}

impl Replacement<'_> {
    /// The largest share of all items that may be removed, from 0 to 1; [`DEFAULT_MAX_REMOVED`] by
    /// default. Guards against a new catalogue that is cut short.
    pub fn max_removed(mut self, share: f64) -> Self {
        self.max_removed = share;
        self
    }

    /// Puts items of the new catalogue, all or none. An id that was put before is replaced.
    ///
    /// # Errors
    /// As [`Items::put_many`].
    pub fn put_many(&mut self, items: &[Value]) -> Result<(), Error> {
        let live = self.database.live();
        let (mut places, mut changes) = (HashMap::new(), Vec::new());
        let (mut same, mut done) = (Vec::new(), self.done);
        for (at, item) in items.iter().enumerate() {
            let id = check_item(item).map_err(|source| Error::Item { at, source })?;
            if let Some(first) = places.insert(id, at) {
                let (id, second) = (id.to_owned(), at);
                return Err(Error::DuplicateId { id, first, second });
            }
            match live.find(id)? {
                Some((number, Some(record))) if record == item.to_string().as_bytes() => {
                    same.push(number);
                    done.unchanged += 1;
                    continue;
                }
                Some((_, Some(_))) => done.changed += 1,
                _ => done.added += 1,
            }
            let record = Some(item);
            changes.push(Change { id, record });
        }
        maintain::write(&live, self.database.writing()?, &changes)?;
        self.kept.extend(same);
        self.done = done;
        Ok(())
    }

    /// The number of items that [`finish`](Self::finish) would remove now, and of all items.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when an items segment is damaged.
    pub fn missing(&self) -> Result<(u64, u64), Error> {
        let outdated = maintain::outdated(&self.database.live(), self.began, &self.kept)?;
        Ok((outdated.ids.len() as u64, outdated.items))
    }

    /// Removes every item that was there before and was not put since. The removals are written in calls
    /// of 10,000, each whole or not at all.
    ///
    /// # Errors
    /// [`Error::TooManyRemoved`] when more than the [allowed share](Self::max_removed) would go; nothing is
    /// removed then.
    pub fn finish(self) -> Result<Replaced, Error> {
        let live = self.database.live();
        let outdated = maintain::outdated(&live, self.began, &self.kept)?;
        let (removed, items) = (outdated.ids.len() as u64, outdated.items);
        if removed as f64 > self.max_removed * items as f64 {
            let limit = self.max_removed;
            return Err(Error::TooManyRemoved {
                removed,
                items,
                limit,
            });
        }
        let began = self.began;
        let is_outdated = |state: &Snapshot, id: &str| {
            let written = state.revision(id)?;
            Ok(written.is_some_and(|written| written <= began))
        };
        let removed =
            maintain::remove(&live, self.database.writing()?, &outdated.ids, is_outdated)?;
        Ok(Replaced {
            removed,
            ..self.done
        })
    }
}
