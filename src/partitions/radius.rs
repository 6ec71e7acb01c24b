//! Radius search: all accepted nodes above a score, none missed.
//!
//! A leaf is skipped if its radius proves that none of its nodes reaches the score. The nodes of the others
//! are scored by their codes of one byte, whose error is bounded, and those that may reach it exactly.

use super::index::Partitions;
use super::search::LeafScratch;
use crate::graph::{NodeFilter, NodeVectors, ScoredNode, Scratch, rerank_radius};
use twinspire_core::kernel::{Level, Metric};

/// Relative rounding error of rotated vectors and their distances, with room to spare.
const ROUNDING: f32 = 1e-4;

/// The accepted nodes that score `least` or more, with exact scores: best first, ties by node.
pub(crate) fn search_radius<'s>(
    partitions: &Partitions<'_>,
    vectors: &NodeVectors<'_>,
    (query, least): (&[f32], f32),
    filter: &mut impl NodeFilter,
    leaf_scratch: &mut LeafScratch,
    scratch: &'s mut Scratch,
) -> &'s [ScoredNode] {
    let LeafScratch {
        buffer,
        query: rotated,
        leaves,
        ..
    } = leaf_scratch;
    let level = Level::best();
    partitions.rotation().apply(level, query, buffer, rotated);
    let bound = LeafBound {
        level,
        metric: vectors.metric,
        partitions,
        query: rotated,
        length: level.dot(rotated, rotated).sqrt(),
    };
    leaves.clear();
    for leaf in 0..partitions.leaves() {
        // A bound that is no number proves nothing.
        let proven = bound.of(leaf) < least;
        if !proven && filter.accepts_some(partitions.nodes(leaf)) {
            leaves.push(leaf as u64);
        }
    }
    scratch.counters().expanded += leaves.len() as u64;
    let nodes = leaves.iter();
    let nodes = nodes.flat_map(|leaf| partitions.nodes(*leaf as usize));
    rerank_radius(
        vectors,
        (query, least),
        nodes,
        |node| filter.accepts(node),
        scratch,
    )
}

/// Bounds the scores of leaves for a rotated query.
struct LeafBound<'a> {
    level: Level,
    metric: Metric,
    partitions: &'a Partitions<'a>,
    query: &'a [f32],
    length: f32,
}

impl LeafBound<'_> {
    /// No node of a leaf scores more than this.
    fn of(&self, leaf: usize) -> f32 {
        let arrays = &self.partitions.arrays;
        let (radius, half) = (arrays.radii[leaf], arrays.halves[leaf]);
        let product = self.level.dot(self.query, self.partitions.centroid(leaf));
        let reach = radius + (2.0 * half).sqrt();
        match self.metric {
            Metric::Cosine | Metric::InnerProduct => {
                product + self.length * (radius + ROUNDING * reach)
            }
            Metric::L2 => {
                let squared = self.length * self.length - 2.0 * (product - half);
                // The difference of large numbers is less exact than each of them.
                let slack = ROUNDING * (self.length * self.length + 2.0 * half);
                let distance = (squared - slack).max(0.0).sqrt();
                let apart = distance - radius * (1.0 + ROUNDING) - ROUNDING * self.length;
                -apart.max(0.0).powi(2)
            }
        }
    }
}
