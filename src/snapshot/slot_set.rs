//! A set of item slots of one segment, as a sorted list or as a bit map.

use std::ops::Range;

/// Sets of at most one slot in this many are stored as a list, which then takes at most half the memory
/// of a bit map.
const SPARSE: usize = 64;

/// A set of item slots of one segment.
#[derive(Debug)]
pub(crate) enum SlotSet {
    /// Few slots of many, sorted.
    List(Vec<u32>),
    /// One bit a slot, and the number of bits that are set.
    Bits { bits: Vec<u64>, count: usize },
}

impl SlotSet {
    /// A set of `slots`, in any order, of a segment with `segment_len` items.
    pub(crate) fn of(mut slots: Vec<u32>, segment_len: usize) -> Self {
        if slots.len().saturating_mul(SPARSE) <= segment_len {
            slots.sort_unstable();
            slots.dedup();
            slots.shrink_to_fit();
            return Self::List(slots);
        }
        let mut bits = vec![0u64; segment_len.div_ceil(64)];
        for slot in slots {
            if let Some(word) = bits.get_mut(slot as usize / 64) {
                *word |= 1 << (slot % 64);
            }
        }
        let count = bits.iter().map(|word| word.count_ones() as usize).sum();
        Self::Bits { bits, count }
    }

    /// A bit map with every bit set.
    #[cfg(test)]
    pub(super) fn full(segment_len: usize) -> Self {
        let bits = vec![u64::MAX; segment_len.div_ceil(64)];
        let count = bits.len() * 64;
        Self::Bits { bits, count }
    }

    /// Number of slots in the set.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::List(slots) => slots.len(),
            Self::Bits { count, .. } => *count,
        }
    }

    /// Whether the set holds any slot of a range.
    pub(crate) fn contains_some(&self, range: Range<u32>) -> bool {
        let (from, to) = (range.start as usize, range.end as usize);
        match self {
            Self::List(slots) => {
                let at = slots.partition_point(|slot| *slot < range.start);
                slots.get(at).is_some_and(|slot| *slot < range.end)
            }
            Self::Bits { bits, .. } => (from / 64..to.div_ceil(64)).any(|at| {
                let word = bits.get(at).copied().unwrap_or_default();
                // The bits of the word that are in the range.
                let before = from.saturating_sub(64 * at).min(63);
                let after = (64 * (at + 1)).saturating_sub(to).min(63);
                word >> before << before << after != 0
            }),
        }
    }

    /// Whether the set holds a slot.
    #[inline]
    pub(crate) fn contains(&self, slot: u32) -> bool {
        match self {
            Self::List(slots) => slots.binary_search(&slot).is_ok(),
            Self::Bits { bits, .. } => {
                let word = bits.get(slot as usize / 64);
                word.is_some_and(|word| word >> (slot % 64) & 1 != 0)
            }
        }
    }

    /// The slots in increasing order.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> {
        let (list, bits): (&[u32], &[u64]) = match self {
            Self::List(slots) => (slots, &[]),
            Self::Bits { bits, .. } => (&[], bits),
        };
        let in_word = |(at, word): (u32, &u64)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(at * 64 + bit)
            })
        };
        let in_bits = (0u32..).zip(bits).flat_map(in_word);
        list.iter().copied().chain(in_bits)
    }

    /// Size on the heap in bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::List(slots) => size_of_val(slots.as_slice()),
            Self::Bits { bits, .. } => size_of_val(bits.as_slice()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_slot_set_holds_exactly_the_slots_it_was_made_of(
            slots in prop::collection::vec(0u32..1_000, 0..60), len in 1_000usize..5_000,
            (from, width) in (0u32..1_000, 0u32..200),
        ) {
            let plain: BTreeSet<u32> = slots.iter().copied().collect();
            let set = SlotSet::of(slots, len);
            prop_assert_eq!(set.len(), plain.len());
            prop_assert!(set.slots().eq(plain.iter().copied()));
            prop_assert!((0..6_000).all(|slot| set.contains(slot) == plain.contains(&slot)));
            for (from, to) in [(0, len as u32), (from, from + width), (from & !63, from), (from, from)] {
                prop_assert_eq!(set.contains_some(from..to), plain.range(from..to).next().is_some());
            }
        }
    }
}
