//! The sealed items: a manifest and its items segments, open.

use super::filter_cache::FilterCache;
use super::record::parse;
use crate::catalog::Fresh;
use crate::error::{Damage, Error};
use crate::manifest::{ItemsFile, Manifest};
use crate::store::{Directory, ItemsSegment, StoreError};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use twinspire_core::files::names;
use twinspire_core::ids::{ItemNo, Revision};

/// A manifest and its items segments, open, oldest first.
pub(crate) struct Sealed {
    /// The manifest.
    pub(crate) manifest: Manifest,
    /// Its items segments.
    pub(crate) items: Vec<Arc<ItemsSegment>>,
    /// Cached results of filters over these segments.
    pub(crate) filter_cache: FilterCache,
    /// Cached number of items that are not deleted.
    count: OnceLock<u64>,
}

impl Sealed {
    /// A manifest with its segments, which are open already.
    pub(crate) fn new(manifest: Manifest, items: Vec<Arc<ItemsSegment>>) -> Self {
        Self {
            manifest,
            items,
            filter_cache: FilterCache::default(),
            count: OnceLock::new(),
        }
    }

    /// Opens the items segments of a manifest. Reuses those that `before` holds open.
    pub(crate) fn open(
        directory: &Directory,
        manifest: Manifest,
        before: Option<&Self>,
    ) -> Result<Self, StoreError> {
        let open = |pinned: &ItemsFile| {
            let mut known = before.into_iter().flat_map(|before| &before.items);
            match known.find(|segment| segment.pinned() == pinned) {
                Some(segment) => Ok(Arc::clone(segment)),
                None => ItemsSegment::open(directory, pinned).map(Arc::new),
            }
        };
        let items = manifest.items.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self::new(manifest, items))
    }

    /// Segment and row of every item's newest version with a revision above `after`, tombstones
    /// included.
    pub(crate) fn newest(&self, after: Revision) -> BTreeMap<ItemNo, (&ItemsSegment, usize)> {
        let mut newest = BTreeMap::new();
        let later = |segment: &&Arc<ItemsSegment>| segment.pinned().newest > after;
        for segment in self.items.iter().filter(later) {
            let versions = (0..segment.rows()).map_while(|row| Some((row, segment.version(row)?)));
            for (row, (item, _)) in versions.filter(|(_, (_, revision))| *revision > after) {
                newest.insert(item, (&**segment, row));
            }
        }
        newest
    }

    /// The revision of the first put after the last delete of an item with this unsealed version; 0 if it was
    /// never deleted. The journal may hold that delete, or the segments.
    ///
    /// A generation uses a vector that the caller supplied only if this revision is not above the generation's
    /// cut: a delete discards such vectors in every generation. So the revision is stored with each row,
    /// and seals and merges keep it.
    pub(crate) fn born(&self, fresh: &Fresh) -> Result<Revision, Error> {
        if fresh.since > Revision(0) {
            return Ok(fresh.since);
        }
        for segment in self.items.iter().rev() {
            if let Some(row) = segment.find_item(fresh.item)? {
                return Ok(match row.record {
                    Some(_) => row.born,
                    // That put is not recorded. All generations were cut before it, so this later revision
                    // decides the same.
                    None => fresh.revision,
                });
            }
        }
        Ok(Revision(0))
    }

    /// The number of sealed items that are not deleted. Counted once: segments never change.
    pub(crate) fn count(&self) -> Result<u64, Error> {
        if let Some(count) = self.count.get() {
            return Ok(*count);
        }
        // A merge of the segments, newest first: the item numbers of a segment ascend.
        let cursor = |segment| {
            (
                segment,
                ItemsSegment::numbers(segment).iter().enumerate().peekable(),
            )
        };
        let mut cursors: Vec<_> = self.items.iter().rev().map(|it| cursor(&**it)).collect();
        let mut count = 0;
        loop {
            let next = cursors
                .iter_mut()
                .filter_map(|(_, rows)| Some(*rows.peek()?.1));
            let Some(item) = next.min() else {
                break;
            };
            let mut is_newest = true;
            for (segment, rows) in &mut cursors {
                if let Some((row, _)) = rows.next_if(|(_, number)| **number == item)
                    && std::mem::take(&mut is_newest)
                {
                    count += u64::from(segment.is_put(row)?);
                }
            }
        }
        Ok(*self.count.get_or_init(|| count))
    }

    /// Whether an item is sealed and not deleted.
    pub(crate) fn contains(&self, item: ItemNo) -> Result<bool, Error> {
        let mut segments = self.items.iter().rev();
        let found = segments.find_map(|segment| Some((segment, segment.row_of(item)?)));
        found.map_or(
            Ok(false),
            |(segment, row)| Ok(segment.is_put(row as usize)?),
        )
    }

    /// The item of a sealed id, deleted or not.
    pub(crate) fn find_item(&self, id: &str) -> Result<Option<ItemNo>, Error> {
        let mut item = None;
        self.find_items(&[id], std::slice::from_mut(&mut item))?;
        Ok(item)
    }

    /// Finds the sealed item of each id that has none in `items` yet, deleted or not.
    pub(crate) fn find_items(
        &self,
        ids: &[&str],
        items: &mut [Option<ItemNo>],
    ) -> Result<(), Error> {
        for segment in self.items.iter().rev() {
            segment.find_items(ids, items)?;
            if items.iter().all(Option::is_some) {
                break;
            }
        }
        Ok(())
    }

    /// Hints to the processor that [`prefetch_id`](Self::prefetch_id) will soon read where the id of an item is.
    pub(crate) fn prefetch_row(&self, item: ItemNo) {
        self.items
            .iter()
            .for_each(|segment| segment.prefetch_row(item));
    }

    /// Hints to the processor that the [id](Self::id) of an item will soon be read.
    pub(crate) fn prefetch_id(&self, item: ItemNo) {
        let mut segments = self.items.iter().rev();
        segments.find(|segment| segment.prefetch_id(item));
    }

    /// The newest record of a sealed id; `None` if it is deleted or unknown.
    pub(crate) fn record(&self, id: &str) -> Result<Option<Value>, Error> {
        for segment in self.items.iter().rev() {
            if let Some(row) = segment.find_id(id)? {
                let record = row.record.map(|text| parse(segment.path(), id, text));
                return record.transpose();
            }
        }
        Ok(None)
    }

    /// The id of a sealed item.
    pub(crate) fn id(&self, item: ItemNo) -> Result<&str, Error> {
        for segment in self.items.iter().rev() {
            if let Some(row) = segment.row_of(item) {
                return Ok(segment.id(row)?);
            }
        }
        let newest = self.items.last();
        let path = newest.map_or(Path::new(names::SEGMENTS), |segment| segment.path());
        Err(Error::corrupt(path, "ids", Damage::UnknownItem { item }))
    }
}
