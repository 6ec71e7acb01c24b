//! The beam of a walk: the best nodes so far.

use super::node_scorer::NodeScorer;
use super::params::BeamParams;
use super::scored_node::ScoredNode;
use std::cmp::Reverse;

/// The longest beam that is kept sorted: beyond this length, inserting takes longer than anything else.
pub(super) const LONGEST: usize = 1_024;

/// Minimum k of the early stop: with a smaller k the walk ends as it would with this one.
const MIN_K: usize = 10;

/// The best nodes so far, at most `width` of them, best first. Each is expanded once.
#[derive(Debug, Default)]
pub(super) struct Beam {
    entries: Vec<Entry>,
    width: usize,
    /// Index of the best node that is not expanded yet.
    next: usize,
    /// A key must exceed this to get in.
    worst: u64,
}

/// A node in a beam, or one that was pushed out of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// The [key](ScoredNode::key) of the node.
    pub(super) key: u64,
    /// Whether its links were followed.
    pub(super) expanded: bool,
}

impl Entry {
    #[inline]
    fn scored(&self) -> ScoredNode {
        ScoredNode::from_key(self.key)
    }
}

impl Beam {
    /// Empties the beam and sets its width.
    pub(super) fn reset(&mut self, width: usize) {
        self.entries.clear();
        (self.width, self.next, self.worst) = (width, 0, 0);
    }

    /// Fills an empty beam with nodes that are not expanded; there must be room for them.
    pub(super) fn fill(&mut self, keys: impl Iterator<Item = u64>) {
        self.entries.extend(keys.map(|key| Entry {
            key,
            expanded: false,
        }));
        self.entries
            .sort_unstable_by_key(|entry| Reverse(entry.key));
        self.update_worst();
    }

    #[inline]
    fn update_worst(&mut self) {
        if self.entries.len() >= self.width {
            self.worst = self.entries.last().map_or(0, |entry| entry.key);
        }
    }

    /// The beam width.
    #[inline]
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Number of nodes in the beam.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Number of nodes before the first that is not expanded.
    #[inline]
    pub(super) fn expanded(&self) -> usize {
        self.next
    }

    /// The keys of its nodes, best first.
    #[inline]
    pub(super) fn keys(&self) -> impl Iterator<Item = u64> + Clone + '_ {
        self.entries.iter().map(|entry| entry.key)
    }

    /// Whether a node would get in.
    #[inline]
    pub(super) fn admits(&self, scored: ScoredNode) -> bool {
        scored.key() > self.worst
    }

    /// Whether a node is in the beam or would get in.
    #[inline]
    pub(super) fn holds_or_admits(&self, scored: ScoredNode) -> bool {
        scored.key() >= self.worst
    }

    /// Inserts a node if it is good enough.
    #[inline]
    pub(super) fn offer(&mut self, scored: ScoredNode) {
        self.insert(scored.key());
    }

    /// Inserts a node if it is good enough. Returns the node that is not in the beam because of that: the
    /// one pushed out, or this one.
    #[inline]
    pub(super) fn insert(&mut self, key: u64) -> Option<Entry> {
        let entry = Entry {
            key,
            expanded: false,
        };
        if key <= self.worst {
            return Some(entry);
        }
        let evicted = match self.entries.len() >= self.width {
            true => self.entries.pop(),
            false => None,
        };
        let at = self.entries.partition_point(|entry| entry.key > key);
        self.entries.insert(at, entry);
        self.next = self.next.min(at);
        self.update_worst();
        evicted
    }

    /// The score of the k-th best node, of the tenth for a smaller `k`: the best one may be so near that
    /// nothing else looks worth expanding. Negative infinity if there are fewer.
    #[inline]
    pub(super) fn kth_score(&self, k: usize) -> f32 {
        let kth = self.entries.get(k.max(MIN_K) - 1);
        kth.map_or(f32::NEG_INFINITY, |entry| entry.scored().score)
    }

    /// Takes the best node that is not expanded yet; `None` if it is not worth expanding.
    #[inline]
    pub(super) fn next_to_expand(
        &mut self,
        params: &BeamParams<'_>,
        scorer: &impl NodeScorer,
    ) -> Option<ScoredNode> {
        // The threshold counts once half of the beam is expanded: before that, the walk is not yet
        // where the best nodes are.
        let threshold = match self.next >= self.width / 2 {
            true => params.threshold,
            false => f32::NEG_INFINITY,
        };
        let cutoff = match self.next >= params.k.max(MIN_K) {
            true => scorer.expansion_cutoff(self.kth_score(params.k).max(threshold)),
            false => f32::NEG_INFINITY,
        };
        self.peek().filter(|next| next.score >= cutoff)?;
        self.take()
    }

    /// Takes the best node that is not expanded yet; from now on it counts as expanded.
    #[inline]
    pub(super) fn take(&mut self) -> Option<ScoredNode> {
        let next = self.entries.get_mut(self.next)?;
        next.expanded = true;
        let scored = next.scored();
        let rest = self.entries.get(self.next..).unwrap_or_default();
        let ahead = rest.iter().position(|entry| !entry.expanded);
        self.next += ahead.unwrap_or(rest.len());
        Some(scored)
    }

    /// The node that [`take`](Self::take) would take.
    #[inline]
    pub(super) fn peek(&self) -> Option<ScoredNode> {
        self.entries.get(self.next).map(Entry::scored)
    }
}
