//! The segments of a generation, each with the items that newer segments hide.

use crate::format::NodeItems;
use crate::store::SpaceSegment;
use std::sync::Arc;
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::Row;
use twinspire_towers::internals::IDS_PER_LOOKUP;

/// A segment, and the set of its item slots that newer segments hide.
#[derive(Clone)]
pub(crate) struct Part {
    /// The segment.
    pub(crate) segment: Arc<SpaceSegment>,
    hidden: Hidden,
}

/// A set of item slots; takes no memory while it is empty.
#[derive(Clone, Debug, Default)]
struct Hidden {
    words: Vec<u64>,
    count: usize,
}

impl Part {
    /// The segments as parts, oldest first.
    pub(crate) fn all(segments: Vec<Arc<SpaceSegment>>) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::with_capacity(segments.len());
        for segment in segments {
            Self::push(&mut parts, segment);
        }
        parts
    }

    /// Adds a segment newer than all there are.
    pub(crate) fn push(parts: &mut Vec<Self>, segment: Arc<SpaceSegment>) {
        for part in parts.iter_mut() {
            let newer = segment.items().iter().chain(segment.gone());
            for slot in newer.filter_map(|item| part.segment.slot(ItemNo(*item))) {
                part.hidden.insert(slot, part.segment.items().len());
            }
        }
        let hidden = Hidden::default();
        parts.push(Self { segment, hidden });
    }

    /// Whether the item of a slot has no newer version in another segment.
    #[inline]
    pub(crate) fn shows(&self, slot: u32) -> bool {
        !self.hidden.contains(slot)
    }

    /// Whether some item of a node is shown.
    #[inline]
    pub(crate) fn shows_node(&self, items: &NodeItems<'_>, node: u32) -> bool {
        items.slots(node).any(|slot| self.shows(slot))
    }

    /// Items that are shown.
    pub(crate) fn shown(&self) -> usize {
        self.segment.items().len().saturating_sub(self.hidden.count)
    }

    /// The vector of an item, if this segment has the newest.
    pub(crate) fn vector(&self, item: ItemNo) -> Option<Row<'_>> {
        let slot = self.segment.slot(item)?;
        self.shows(slot).then(|| self.row(slot))?
    }

    /// Finds the vector of each item that has none in `rows` yet, if this segment has the newest. The memory accesses of up to [`IDS_PER_LOOKUP`] items overlap: each step prefetches what the next one
    /// reads.
    pub(super) fn find_vectors<'a>(
        &'a self,
        items: &[Option<ItemNo>],
        rows: &mut [Option<Row<'a>>],
    ) {
        let (finder, nodes) = (self.segment.finder(), self.segment.node_items());
        let chunks = items.chunks(IDS_PER_LOOKUP);
        for (items, rows) in chunks.zip(rows.chunks_mut(IDS_PER_LOOKUP)) {
            let due = items.iter().zip(&*rows);
            let due = due.filter_map(|(item, row)| item.filter(|_| row.is_none()));
            due.for_each(|item| finder.prefetch(item));
            let mut slots = [None; IDS_PER_LOOKUP];
            for ((item, row), slot) in items.iter().zip(&*rows).zip(&mut slots) {
                let item = item.filter(|_| row.is_none());
                *slot = item.and_then(|item| finder.find(item));
                if let Some(slot) = *slot {
                    nodes.prefetch_node(slot);
                }
            }
            for (slot, row) in slots.iter().zip(rows) {
                if let Some(slot) = slot.filter(|slot| self.shows(*slot)) {
                    *row = self.row(slot);
                }
            }
        }
    }

    /// The vector of the item of a slot.
    pub(crate) fn row(&self, slot: u32) -> Option<Row<'_>> {
        let node = self.segment.node_items().node(slot)?;
        self.segment.rows().row(node)
    }
}

impl Hidden {
    fn insert(&mut self, slot: u32, slots: usize) {
        if self.words.is_empty() {
            self.words.resize(slots.div_ceil(64), 0);
        }
        if let Some(word) = self.words.get_mut(slot as usize / 64) {
            let bit = 1 << (slot % 64);
            self.count += usize::from(*word & bit == 0);
            *word |= bit;
        }
    }

    #[inline]
    fn contains(&self, slot: u32) -> bool {
        let word = self.words.get(slot as usize / 64);
        word.is_some_and(|word| word & (1 << (slot % 64)) != 0)
    }
}

/// Number of vectors in these segments.
pub(crate) fn count_vectors(parts: &[Part]) -> usize {
    let nodes = parts.iter().map(|part| part.segment.node_items().nodes());
    nodes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn hidden_slots_are_a_set(slots in prop::collection::vec(0u32..300, 0..60)) {
            let (mut hidden, mut plain) = (Hidden::default(), BTreeSet::new());
            for slot in slots {
                hidden.insert(slot, 300);
                plain.insert(slot);
            }
            prop_assert_eq!(hidden.count, plain.len());
            prop_assert!((0..400).all(|slot| hidden.contains(slot) == plain.contains(&slot)));
        }
    }
}
