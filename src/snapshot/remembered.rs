//! The nodes that pass filters which are asked for again and again.
//!
//! What passes a filter is the same for as long as no segment changes. Finding it anew for every recall
//! can take longer than the search itself, so that it is kept once that would have been saved which
//! finding all of it costs.

use crate::filter::Condition;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use twinspire_core::ids::FileNo;

/// Filters that are thought of, in all spaces together.
const FILTERS: usize = 64;
/// Bytes that the nodes of all of them may take.
const BYTES: usize = 16 << 20;
/// A list of nodes is shorter than a bit for each where they are one of so many.
const SPARSE: usize = 64;

/// What is remembered for one state of the segments.
#[derive(Default)]
pub(crate) struct Remembered(Mutex<Vec<Filtered>>);

/// A filter, and what passes it in one segment of a space.
struct Filtered {
    condition: Condition,
    segment: FileNo,
    /// What recalls since would have saved.
    saved: f64,
    nodes: Option<Arc<NodeSet>>,
}

/// What is remembered of a filter.
pub(crate) enum Memory {
    /// What passes it.
    Nodes(Arc<NodeSet>),
    /// Nothing, but it is worth the while now.
    Due,
    /// Nothing.
    Nothing,
}

impl Remembered {
    /// What passes a filter in a segment. Finding that out costs so much, and knowing it would save so
    /// much now.
    pub(crate) fn ask(
        &self,
        condition: &Condition,
        segment: FileNo,
        cost: f64,
        saving: f64,
    ) -> Memory {
        let mut all = self.all();
        let is_it = |it: &Filtered| it.segment == segment && it.condition == *condition;
        let Some(at) = all.iter().position(is_it) else {
            all.truncate(FILTERS - 1);
            let filtered = Filtered {
                condition: condition.clone(),
                segment,
                saved: saving,
                nodes: None,
            };
            all.insert(0, filtered);
            return Memory::Nothing;
        };
        if let Some(recent) = all.get_mut(..=at) {
            recent.rotate_right(1);
        }
        match all.first_mut() {
            Some(Filtered {
                nodes: Some(nodes), ..
            }) => Memory::Nodes(Arc::clone(nodes)),
            Some(it) if it.saved >= cost => {
                // Whoever asks meanwhile does without.
                it.saved = 0.0;
                Memory::Due
            }
            Some(it) => {
                it.saved += saving;
                Memory::Nothing
            }
            None => Memory::Nothing,
        }
    }

    /// Remembers what passes a filter in a segment; the filters asked for longest ago are forgotten when
    /// it becomes too much.
    pub(crate) fn keep(&self, condition: &Condition, segment: FileNo, nodes: &Arc<NodeSet>) {
        let mut all = self.all();
        let mut each = all.iter_mut();
        let it = each.find(|it| it.segment == segment && it.condition == *condition);
        if let Some(it) = it {
            it.nodes = Some(Arc::clone(nodes));
        }
        let mut bytes = 0;
        all.retain(|it| {
            bytes += it.nodes.as_ref().map_or(0, |nodes| nodes.bytes());
            it.nodes.is_none() || bytes <= BYTES
        });
    }

    fn all(&self) -> MutexGuard<'_, Vec<Filtered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} filters", self.all().len())
    }
}

/// A set of nodes.
#[derive(Debug)]
pub(crate) enum NodeSet {
    /// Few of many, increasing.
    List(Vec<u32>),
    /// A bit for each node, and how many are set.
    Bits { bits: Vec<u64>, count: usize },
}

impl NodeSet {
    /// These of so many nodes, in any order.
    pub(crate) fn of(mut nodes: Vec<u32>, all: usize) -> Self {
        if nodes.len().saturating_mul(SPARSE) <= all {
            nodes.sort_unstable();
            nodes.dedup();
            nodes.shrink_to_fit();
            return Self::List(nodes);
        }
        let mut bits = vec![0u64; all.div_ceil(64)];
        for node in nodes {
            if let Some(word) = bits.get_mut(node as usize / 64) {
                *word |= 1 << (node % 64);
            }
        }
        let count = bits.iter().map(|word| word.count_ones() as usize).sum();
        Self::Bits { bits, count }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::List(nodes) => nodes.len(),
            Self::Bits { count, .. } => *count,
        }
    }

    /// Whether a node is in it.
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

    /// All of them, increasing.
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

    fn bytes(&self) -> usize {
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
    use twinspire_towers::internals::{Term, Test};

    fn condition(value: usize) -> Condition {
        Condition::Leaf {
            field: "bucket".to_owned(),
            test: Test::OneOf(vec![Term::Number(value as f64)]),
        }
    }

    #[test]
    fn what_is_asked_often_enough_is_due_once_and_then_known() {
        let remembered = Remembered::default();
        let ask = |value, segment| remembered.ask(&condition(value), FileNo(segment), 10.0, 4.0);
        for _ in 0..3 {
            assert!(matches!(ask(1, 1), Memory::Nothing));
        }
        assert!(matches!(ask(2, 1), Memory::Nothing));
        assert!(matches!(ask(1, 2), Memory::Nothing));
        assert!(matches!(ask(1, 1), Memory::Due));
        assert!(matches!(ask(1, 1), Memory::Nothing), "once");
        let nodes = Arc::new(NodeSet::of(vec![3], 100));
        remembered.keep(&condition(1), FileNo(1), &nodes);
        assert!(matches!(ask(1, 1), Memory::Nodes(found) if found.contains(3)));
        assert!(matches!(ask(1, 2), Memory::Nothing));
    }

    #[test]
    fn what_was_asked_longest_ago_is_forgotten() {
        let remembered = Remembered::default();
        let ask = |value| remembered.ask(&condition(value), FileNo(1), 0.0, 1.0);
        // Half of what is allowed, each.
        let bits = vec![u64::MAX; BYTES / 16];
        let large = Arc::new(NodeSet::Bits { bits, count: 0 });
        for value in 0..3 {
            ask(value);
            remembered.keep(&condition(value), FileNo(1), &large);
        }
        assert!(matches!(ask(2), Memory::Nodes(_)));
        assert!(matches!(ask(1), Memory::Nodes(_)));
        assert!(matches!(ask(0), Memory::Nothing));
        for value in 10..10 + FILTERS {
            assert!(matches!(ask(value), Memory::Nothing));
        }
        assert!(matches!(ask(1), Memory::Nothing));
        assert_eq!(remembered.all().len(), FILTERS);
    }

    proptest! {
        #[test]
        fn a_set_of_nodes_is_what_was_put_in(
            nodes in prop::collection::vec(0u32..1_000, 0..60), all in 1_000usize..5_000
        ) {
            let plain: BTreeSet<u32> = nodes.iter().copied().collect();
            let set = NodeSet::of(nodes, all);
            prop_assert_eq!(set.len(), plain.len());
            prop_assert!(set.nodes().eq(plain.iter().copied()));
            prop_assert!((0..6_000).all(|node| set.contains(node) == plain.contains(&node)));
        }
    }
}
