//! Putting, getting and deleting items.

use super::{Database, Writer};
use crate::error::Error;
use crate::format::journal::Op;
use crate::ids::{ItemNo, Revision};
use crate::record::check_item;
use serde_json::Value;
use std::collections::HashMap;

/// An item and its newest record; no record when it was deleted.
type Found = (ItemNo, Option<Vec<u8>>);

/// The items of a database: JSON objects, each with a string `id`.
#[derive(Clone, Copy)]
pub struct Items<'a> {
    database: &'a Database,
}

impl<'a> Items<'a> {
    pub(super) fn new(database: &'a Database) -> Self {
        Self { database }
    }

    /// Stores an item, in the place of the one with the same id if there is one. It is on the disk
    /// when this returns.
    ///
    /// # Errors
    /// [`Error::Item`] when the record is not a JSON object with a string `id`.
    pub fn put(&self, item: &Value) -> Result<Revision, Error> {
        self.put_many(std::slice::from_ref(item))
    }

    /// Stores many items at once, all or none; gives the last one's revision. The cost of making
    /// them durable is that of one.
    ///
    /// # Errors
    /// [`Error::Item`] and [`Error::DuplicateId`] name the place in `items`; nothing is stored then.
    pub fn put_many(&self, items: &[Value]) -> Result<Revision, Error> {
        let mut places = HashMap::new();
        let mut records = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let id = check_item(item).map_err(|source| Error::Item { at, source })?;
            if let Some(first) = places.insert(id, at) {
                return Err(Error::DuplicateId {
                    id: id.to_owned(),
                    first,
                    second: at,
                });
            }
            records.push((id, Some(item.to_string().into_bytes())));
        }
        self.write(records)
    }

    /// The record of an id.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when its place on the disk is damaged.
    pub fn get(&self, id: &str) -> Result<Option<Value>, Error> {
        let Some((_, Some(record))) = self.find(id)? else {
            return Ok(None);
        };
        let value = serde_json::from_slice(&record);
        value.map(Some).map_err(|error| Error::Corrupt {
            what: format!("the record of {id:?}: {error}"),
        })
    }

    /// Deletes an item; false when there is none of this id.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn delete(&self, id: &str) -> Result<bool, Error> {
        if self.find(id)?.is_none_or(|(_, record)| record.is_none()) {
            return Ok(false);
        }
        self.write(vec![(id, None)])?;
        Ok(true)
    }

    fn write(&self, records: Vec<(&str, Option<Vec<u8>>)>) -> Result<Revision, Error> {
        let mut writer = self.database.writer()?;
        if records.is_empty() {
            return Ok(writer.journal.last());
        }
        let mut ops = Vec::with_capacity(records.len());
        let mut next_item = writer.next_item;
        for (id, record) in records {
            let item = match self.find(id)? {
                Some((item, _)) => item,
                None => {
                    let item = next_item;
                    next_item = ItemNo(item.0.checked_add(1).ok_or(Error::TooManyItems)?);
                    item
                }
            };
            ops.push(Op {
                item,
                id: id.to_owned(),
                record,
            });
        }
        let kept = ops.clone();
        let Writer {
            journal, next_file, ..
        } = &mut *writer;
        let number = || {
            let number = *next_file;
            next_file.0 += 1;
            number
        };
        match journal.append(ops, number) {
            Ok(first) => {
                self.database.index.apply(first, &kept);
                writer.next_item = next_item;
                Ok(writer.journal.last())
            }
            Err(error) => {
                writer.poisoned = true;
                Err(error.into())
            }
        }
    }

    /// An id's item and newest record, fresh or sealed.
    fn find(&self, id: &str) -> Result<Option<Found>, Error> {
        // In this order: what leaves the index is in the sealed state before it does.
        if let Some(fresh) = self.database.index.get(id) {
            return Ok(Some((fresh.item, fresh.record)));
        }
        for segment in self.database.sealed.load().items.iter().rev() {
            if let Some(row) = segment.find_id(id)? {
                return Ok(Some((row.item, row.record.map(<[u8]>::to_vec))));
            }
        }
        Ok(None)
    }
}
