//! A cache of the slots that pass a filter, for filters that are used again and again.
//!
//! The result of a filter stays the same until a segment changes. Evaluating the filter anew for every
//! recall can take longer than the search itself. The slots are therefore cached once the saved work
//! exceeds the cost of computing them.

use super::slot_set::SlotSet;
use crate::filter::Condition;
use crate::partitions::Selection;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use twinspire_core::ids::FileNo;

/// Maximum number of entries, over all spaces. An entry is one filter on one segment.
const MAX_ENTRIES: usize = 64;
/// Maximum size of all that is cached, in bytes.
const MAX_BYTES: usize = 64 << 20;
/// Maximum size of one selection, in bytes.
pub(crate) const MAX_SELECTION_BYTES: usize = MAX_BYTES / 4;

/// The slots that pass each filter in each segment, for one state of the segments. Most recently used
/// entries come first.
#[derive(Default)]
pub(crate) struct FilterCache(Mutex<Vec<Entry>>);

/// One filter on one segment of a space.
struct Entry {
    condition: Condition,
    segment: FileNo,
    /// The cost that earlier recalls would have saved, in nanoseconds.
    saved: f64,
    passing: Option<Arc<Passing>>,
}

/// What passes a filter in one segment.
#[derive(Debug)]
pub(crate) struct Passing {
    /// The slots.
    pub(crate) slots: SlotSet,
    /// The codes of their nodes, where searches of leaves are faster with them.
    pub(crate) selection: Option<Selection>,
}

impl Passing {
    fn bytes(&self) -> usize {
        let selection = self.selection.as_ref();
        self.slots.bytes() + selection.map_or(0, Selection::bytes)
    }
}

/// The result of a cache lookup.
pub(crate) enum CacheLookup {
    /// The slots are cached.
    Hit(Arc<Passing>),
    /// The slots are not cached, and computing them pays off now: the caller should
    /// [insert](FilterCache::insert) them.
    Due,
    /// The slots are not cached, and computing them does not pay off yet.
    Miss,
}

impl FilterCache {
    /// Looks up the slots of a segment that pass a filter. `cost` is the time to compute the slots, and
    /// `saving` the time that this recall would save with them, both in nanoseconds.
    pub(crate) fn lookup(
        &self,
        condition: &Condition,
        segment: FileNo,
        cost: f64,
        saving: f64,
    ) -> CacheLookup {
        let mut entries = self.entries();
        let Some(at) = entries.iter().position(|e| e.is_for(condition, segment)) else {
            entries.truncate(MAX_ENTRIES - 1);
            let entry = Entry {
                condition: condition.clone(),
                segment,
                saved: saving,
                passing: None,
            };
            entries.insert(0, entry);
            return CacheLookup::Miss;
        };
        if let Some(recent) = entries.get_mut(..=at) {
            recent.rotate_right(1);
        }
        match entries.first_mut() {
            Some(Entry {
                passing: Some(passing),
                ..
            }) => CacheLookup::Hit(Arc::clone(passing)),
            Some(entry) if entry.saved >= cost => {
                // Recalls that run meanwhile evaluate the filter themselves.
                entry.saved = 0.0;
                CacheLookup::Due
            }
            Some(entry) => {
                entry.saved += saving;
                CacheLookup::Miss
            }
            None => CacheLookup::Miss,
        }
    }

    /// Caches the slots of a segment that pass a filter. The least recently used are evicted
    /// when the cache exceeds its size limit.
    pub(crate) fn insert(&self, condition: &Condition, segment: FileNo, passing: &Arc<Passing>) {
        let mut entries = self.entries();
        let mut each = entries.iter_mut();
        if let Some(entry) = each.find(|entry| entry.is_for(condition, segment)) {
            entry.passing = Some(Arc::clone(passing));
        }
        let mut bytes = 0;
        entries.retain(|entry| {
            bytes += entry.passing.as_ref().map_or(0, |passing| passing.bytes());
            entry.passing.is_none() || bytes <= MAX_BYTES
        });
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn is_for(&self, condition: &Condition, segment: FileNo) -> bool {
        self.segment == segment && self.condition == *condition
    }
}

impl fmt::Debug for FilterCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} filters", self.entries().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_towers::internals::{Term, Test};

    fn condition(value: usize) -> Condition {
        Condition::Leaf {
            field: "bucket".to_owned(),
            test: Test::OneOf(vec![Term::Number((value as u64).into())]),
        }
    }

    fn passing(slots: SlotSet) -> Arc<Passing> {
        let selection = None;
        Arc::new(Passing { slots, selection })
    }

    #[test]
    fn a_filter_used_often_enough_is_due_once_and_then_hits() {
        let cache = FilterCache::default();
        let lookup = |value, segment| cache.lookup(&condition(value), FileNo(segment), 10.0, 4.0);
        for _ in 0..3 {
            assert!(matches!(lookup(1, 1), CacheLookup::Miss));
        }
        assert!(matches!(lookup(2, 1), CacheLookup::Miss));
        assert!(matches!(lookup(1, 2), CacheLookup::Miss));
        assert!(matches!(lookup(1, 1), CacheLookup::Due));
        assert!(matches!(lookup(1, 1), CacheLookup::Miss), "due once");
        let slots = SlotSet::of(vec![3], 100);
        cache.insert(&condition(1), FileNo(1), &passing(slots));
        assert!(matches!(lookup(1, 1), CacheLookup::Hit(found) if found.slots.contains(3)));
        assert!(matches!(lookup(1, 2), CacheLookup::Miss));
    }

    #[test]
    fn the_least_recently_used_entries_are_evicted() {
        let cache = FilterCache::default();
        let lookup = |value| cache.lookup(&condition(value), FileNo(1), 0.0, 1.0);
        // Each set takes half of the size limit.
        let large = passing(SlotSet::full(MAX_BYTES * 4));
        for value in 0..3 {
            lookup(value);
            cache.insert(&condition(value), FileNo(1), &large);
        }
        assert!(matches!(lookup(2), CacheLookup::Hit(_)));
        assert!(matches!(lookup(1), CacheLookup::Hit(_)));
        assert!(matches!(lookup(0), CacheLookup::Miss));
        for value in 10..10 + MAX_ENTRIES {
            assert!(matches!(lookup(value), CacheLookup::Miss));
        }
        assert!(matches!(lookup(1), CacheLookup::Miss));
        assert_eq!(cache.entries().len(), MAX_ENTRIES);
    }
}
