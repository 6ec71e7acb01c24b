//! The items of unsealed ids: hash tables that never change, shared by the snapshots that hold them.
//!
//! A put adds a table of its own size, and merges tables until each has at least twice the ids of the next. So
//! n ids are in log₂(n) tables at most, and each is copied as many times. An id keeps its item, so nothing is
//! ever overwritten.

use std::sync::Arc;
use twinspire_core::ids::ItemNo;
use xxhash_rust::xxh3::xxh3_64;

/// The items of ids. A clone shares everything.
#[derive(Clone, Debug, Default)]
pub(super) struct FreshIds {
    /// Largest first.
    tables: Vec<Arc<Table>>,
}

/// A hash table with linear probing; a third of the slots are empty.
#[derive(Debug)]
struct Table {
    /// A hash tag of the id in the upper half, its item in the lower.
    slots: Vec<u64>,
    ids: usize,
}

/// An id with its item, as a slot holds them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry(u64);

/// A slot without an id.
const EMPTY: u64 = u64::MAX;

impl FreshIds {
    /// An id and its item.
    pub(super) fn entry(id: &str, item: ItemNo) -> Entry {
        Entry(tag(id) << 32 | u64::from(item.0))
    }

    /// Adds ids. Those of an item that is there already may come again.
    pub(super) fn add(&mut self, mut entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        while let Some(last) = self.tables.pop_if(|last| last.ids < 2 * entries.len()) {
            entries.extend(last.entries());
        }
        self.tables.push(Arc::new(Table::new(&entries)));
    }

    /// The items that an id may belong to: most often one or none. Which, their own ids tell.
    pub(super) fn candidates(&self, id: &str) -> impl Iterator<Item = ItemNo> {
        let tag = tag(id);
        let newest_first = self.tables.iter().rev();
        newest_first.flat_map(move |table| table.candidates(tag))
    }
}

impl Table {
    fn new(entries: &[Entry]) -> Self {
        let mut slots = vec![EMPTY; entries.len() + entries.len() / 2 + 1];
        let count = slots.len();
        for Entry(entry) in entries {
            let mut at = first(entry >> 32, count);
            while slots.get(at).is_some_and(|slot| *slot != EMPTY) {
                at = (at + 1) % count;
            }
            if let Some(slot) = slots.get_mut(at) {
                *slot = *entry;
            }
        }
        Self {
            slots,
            ids: entries.len(),
        }
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        let filled = self.slots.iter().filter(|slot| **slot != EMPTY);
        filled.map(|slot| Entry(*slot))
    }

    fn candidates(&self, tag: u64) -> impl Iterator<Item = ItemNo> {
        let from = first(tag, self.slots.len()).min(self.slots.len());
        let (after, from) = self.slots.split_at(from);
        let probed = from.iter().chain(after);
        let probed = probed.take_while(|slot| **slot != EMPTY);
        let alike = probed.filter(move |slot| **slot >> 32 == tag);
        alike.map(|slot| ItemNo(*slot as u32))
    }
}

/// 32 bits of the hash of an id. All of them set would look like an empty slot.
fn tag(id: &str) -> u64 {
    (xxh3_64(id.as_bytes()) >> 32).min(u64::from(u32::MAX - 1))
}

/// The slot where probing for a tag begins: ⌊tag · slots / 2^32⌋.
fn first(tag: u64, slots: usize) -> usize {
    ((u128::from(tag) * slots as u128) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn every_id_leads_to_its_item_and_older_clones_stay_as_they_were(
            puts in prop::collection::vec(prop::collection::btree_set("[a-z]{1,2}", 0..30), 0..40)
        ) {
            let (mut ids, mut items) = (FreshIds::default(), BTreeMap::new());
            for put in puts {
                let (before, known) = (ids.clone(), items.clone());
                let mut entries = Vec::new();
                for id in put {
                    if !items.contains_key(&id) {
                        let item = ItemNo(items.len() as u32);
                        entries.push(FreshIds::entry(&id, item));
                        items.insert(id, item);
                    }
                }
                ids.add(entries);
                for (id, item) in &items {
                    prop_assert!(ids.candidates(id).any(|found| found == *item));
                    let was = before.candidates(id).any(|found| found == *item);
                    prop_assert_eq!(was, known.contains_key(id));
                }
                let sizes: Vec<usize> = ids.tables.iter().map(|table| table.ids).collect();
                prop_assert!(sizes.is_sorted_by(|a, b| *a >= 2 * b), "{sizes:?}");
                prop_assert_eq!(sizes.iter().sum::<usize>(), items.len());
            }
        }
    }
}
