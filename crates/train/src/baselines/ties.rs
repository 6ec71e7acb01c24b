//! The order of items with equal scores.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A random order of all items, by a seed: counts are often equal, and an order by id would favour old items or new
/// ones.
pub(super) struct Ties {
    keys: Vec<u64>,
}

impl Ties {
    pub(super) fn new(items: usize, seed: u64) -> Self {
        let key = |item: usize| xxh3_64_with_seed(&item.to_le_bytes(), seed);
        Self {
            keys: (0..items).map(key).collect(),
        }
    }

    /// Whether an item comes before another one of the same score.
    pub(super) fn before(&self, item: u32, other: u32) -> bool {
        self.key(item) < self.key(other)
    }

    /// What equal scores are ordered by.
    pub(super) fn key(&self, item: u32) -> (u64, u32) {
        (self.keys[item as usize], item)
    }
}
