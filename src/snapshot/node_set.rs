//! A set of nodes of one segment, as a sorted list or as a bit map.

/// Sets of at most one node in this many are stored as a list, which then takes at most half the memory
/// of a bit map.
const SPARSE: usize = 64;

/// A set of nodes of one segment.
#[derive(Debug)]
pub(crate) enum NodeSet {
    /// Few nodes of many, sorted.
    List(Vec<u32>),
    /// One bit a node, and the number of bits that are set.
    Bits { bits: Vec<u64>, count: usize },
}

impl NodeSet {
    /// A set of `nodes`, in any order, of a segment with `segment_len` nodes.
    pub(crate) fn of(mut nodes: Vec<u32>, segment_len: usize) -> Self {
        if nodes.len().saturating_mul(SPARSE) <= segment_len {
            nodes.sort_unstable();
            nodes.dedup();
            nodes.shrink_to_fit();
            return Self::List(nodes);
        }
        let mut bits = vec![0u64; segment_len.div_ceil(64)];
        for node in nodes {
            if let Some(word) = bits.get_mut(node as usize / 64) {
                *word |= 1 << (node % 64);
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

    /// Number of nodes in the set.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::List(nodes) => nodes.len(),
            Self::Bits { count, .. } => *count,
        }
    }

    /// Whether the set holds a node.
    #[inline]
    pub(crate) fn contains(&self, node: u32) -> bool {
        match self {
            Self::List(nodes) => nodes.binary_search(&node).is_ok(),
            Self::Bits { bits, .. } => {
                let word = bits.get(node as usize / 64);
                word.is_some_and(|word| word >> (node % 64) & 1 != 0)
            }
        }
    }

    /// The nodes in increasing order.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = u32> {
        let (list, bits): (&[u32], &[u64]) = match self {
            Self::List(nodes) => (nodes, &[]),
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
            Self::List(nodes) => size_of_val(nodes.as_slice()),
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
        fn a_node_set_holds_exactly_the_nodes_it_was_made_of(
            nodes in prop::collection::vec(0u32..1_000, 0..60), len in 1_000usize..5_000
        ) {
            let plain: BTreeSet<u32> = nodes.iter().copied().collect();
            let set = NodeSet::of(nodes, len);
            prop_assert_eq!(set.len(), plain.len());
            prop_assert!(set.nodes().eq(plain.iter().copied()));
            prop_assert!((0..6_000).all(|node| set.contains(node) == plain.contains(&node)));
        }
    }
}
