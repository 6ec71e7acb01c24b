//! The segments of a generation, each with the nodes that newer segments hide.

use crate::store::SpaceSegment;
use std::sync::Arc;
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::Row;

/// A segment, and the set of its nodes that newer segments hide.
#[derive(Clone)]
pub(crate) struct Part {
    /// The segment.
    pub(crate) segment: Arc<SpaceSegment>,
    hidden: Hidden,
}

/// A set of nodes; takes no memory while it is empty.
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
            for node in newer.filter_map(|item| part.segment.node(ItemNo(*item))) {
                part.hidden.insert(node, part.segment.items().len());
            }
        }
        let hidden = Hidden::default();
        parts.push(Self { segment, hidden });
    }

    /// Whether the node's item has no newer version in another segment.
    pub(crate) fn shows(&self, node: u32) -> bool {
        !self.hidden.contains(node)
    }

    /// Nodes that are shown.
    pub(crate) fn shown(&self) -> usize {
        self.segment.items().len().saturating_sub(self.hidden.count)
    }

    /// The vector of an item, if this segment has the newest.
    pub(crate) fn vector(&self, item: ItemNo) -> Option<Row<'_>> {
        let node = self.segment.node(item)?;
        self.shows(node).then(|| self.segment.rows().row(node))?
    }
}

impl Hidden {
    fn insert(&mut self, node: u32, nodes: usize) {
        if self.words.is_empty() {
            self.words.resize(nodes.div_ceil(64), 0);
        }
        if let Some(word) = self.words.get_mut(node as usize / 64) {
            let bit = 1 << (node % 64);
            self.count += usize::from(*word & bit == 0);
            *word |= bit;
        }
    }

    fn contains(&self, node: u32) -> bool {
        let word = self.words.get(node as usize / 64);
        word.is_some_and(|word| word & (1 << (node % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn hidden_nodes_are_a_set(nodes in prop::collection::vec(0u32..300, 0..60)) {
            let (mut hidden, mut plain) = (Hidden::default(), BTreeSet::new());
            for node in nodes {
                hidden.insert(node, 300);
                plain.insert(node);
            }
            prop_assert_eq!(hidden.count, plain.len());
            prop_assert!((0..400).all(|node| hidden.contains(node) == plain.contains(&node)));
        }
    }
}
