//! The coarse quantiser's side of a search: which leaves are near the query.

use super::codebooks::INTEGERS;
use super::index::Partitions;
use crate::graph::{Rows, ScoredNode};
use twinspire_core::kernel::{Level, MAX_TILE_CODE, Metric, TILE_ROWS, tile_bytes, tile_place};

/// The code of a component that equals the mean.
const MIDDLE: f32 = 64.0;
/// The largest code of a query; the least is its negative.
const LIMIT: f32 = 127.0;
/// Leaves per group. The bound for few leaves is one of the best scores of groups; larger groups are faster.
const GROUPS: [usize; 2] = [16, 4];
/// Buckets of the histogram that ranks many leaves.
const BUCKETS: usize = 256;
/// Scores that are compared at a time.
const LANES: usize = 16;

/// The centroids as codes of 7 bits, in tiles of 16.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CentroidTiles {
    /// What the middle code stands for, by component.
    pub(super) mean: Vec<f32>,
    /// One step of a code.
    pub(super) scale: f32,
    /// The codes, tile after tile; the last one is padded.
    pub(super) tiles: Vec<u8>,
}

/// The scores of all centroids for one query after another.
#[derive(Debug, Default)]
pub(super) struct Router {
    query: Vec<i8>,
    sums: Vec<i32>,
    scores: Vec<f32>,
    /// The best score of each group of leaves.
    best: Vec<f32>,
}

impl CentroidTiles {
    /// The codes of rotated centroids.
    pub(super) fn quantise(centroids: Rows<'_>) -> Self {
        let (count, dimension) = (centroids.count(), centroids.dimension());
        let rows = || centroids.data().chunks_exact(dimension.max(1));
        let mut mean = vec![0.0f32; dimension];
        for row in rows() {
            let each = mean.iter_mut().zip(row);
            each.for_each(|(sum, x)| *sum += x / count as f32);
        }
        let offsets =
            rows().flat_map(|row| row.iter().zip(&mean).map(|(x, mean)| (x - mean).abs()));
        let largest = offsets.fold(0.0, f32::max);
        let scale = (largest / (f32::from(MAX_TILE_CODE) - MIDDLE)).max(f32::MIN_POSITIVE);
        let tiles = tiles(centroids, &mean, scale);
        Self { mean, scale, tiles }
    }
}

/// The tiles of rotated centroids by a mean and a step.
pub(super) fn tiles(centroids: Rows<'_>, mean: &[f32], scale: f32) -> Vec<u8> {
    let (count, dimension) = (centroids.count() as usize, centroids.dimension());
    let size = tile_bytes(dimension);
    let mut tiles = vec![0; count.div_ceil(TILE_ROWS) * size];
    let rows = centroids.data().chunks_exact(dimension.max(1));
    for (at, row) in rows.enumerate() {
        let tile = &mut tiles[at / TILE_ROWS * size..];
        for (component, (x, mean)) in row.iter().zip(mean).enumerate() {
            // The cast saturates.
            let code = ((x - mean) / scale).round() + MIDDLE;
            tile[tile_place(at, component)] = (code as u8).min(MAX_TILE_CODE);
        }
    }
    tiles
}

impl Router {
    /// Scores all centroids for a rotated query.
    pub(super) fn score(
        &mut self,
        level: Level,
        metric: Metric,
        partitions: &Partitions<'_>,
        query: &[f32],
    ) {
        let (halves, book) = (partitions.arrays.halves, partitions.book);
        let step = query.iter().fold(0.0f32, |most, x| most.max(x.abs())) / LIMIT;
        let per_step = if step.is_normal() { 1.0 / step } else { 0.0 };
        self.query.clear();
        self.query
            .extend(query.iter().map(|x| (x * per_step).round() as i8));
        self.query.resize(query.len().next_multiple_of(4), 0);
        let total: i32 = self.query.iter().map(|code| i32::from(*code)).sum();
        self.sums
            .resize(halves.len().next_multiple_of(TILE_ROWS), 0);
        level.dot_tiles(&self.query, partitions.arrays.tiles, &mut self.sums);
        // q·c = q·mean + step scale Σ q' (c' - 64)
        let factor = step * book.tile_scale;
        let term = level.dot(query, &book.tile_mean) - factor * MIDDLE * total as f32;
        let products = self.sums.iter().map(|sum| term + factor * *sum as f32);
        self.scores.clear();
        match metric {
            Metric::Cosine | Metric::InnerProduct => {
                self.scores.extend(products.take(halves.len()));
            }
            Metric::L2 => {
                let length = level.dot(query, query);
                let scores = products.zip(halves);
                self.scores
                    .extend(scores.map(|(product, half)| 2.0 * (product - half) - length));
            }
        }
    }

    /// Gives leaves the least score of all.
    pub(super) fn rule_out(&mut self, is_out: impl Fn(usize) -> bool) {
        for (leaf, score) in self.scores.iter_mut().enumerate() {
            if is_out(leaf) {
                *score = f32::NEG_INFINITY;
            }
        }
    }

    /// The best `count` leaves, best first; `leaves` is filled with their keys.
    pub(super) fn rank(&mut self, count: usize, leaves: &mut Vec<u64>) {
        let least = self.bound_of_best(count);
        leaves.clear();
        let (groups, rest) = self.scores.as_chunks::<LANES>();
        for (group, scores) in groups.iter().enumerate() {
            // Without a branch, so that all are compared at once.
            let found: u32 = scores.iter().map(|x| u32::from(*x >= least)).sum();
            if found > 0 {
                collect(leaves, group * LANES, scores, least);
            }
        }
        collect(leaves, groups.len() * LANES, rest, least);
        leaves.sort_unstable_by(|a, b| b.cmp(a));
        leaves.truncate(count);
    }

    /// A score that the best `count` reach, and few others.
    fn bound_of_best(&mut self, count: usize) -> f32 {
        let scores = &self.scores;
        if count == 0 || count >= scores.len() {
            return f32::NEG_INFINITY;
        }
        // In `count` groups the best score is at least the count-th of the best ones.
        match GROUPS
            .iter()
            .find(|size| 2 * count * **size <= scores.len())
        {
            Some(size) => {
                let larger = |a: f32, b: &f32| if *b > a { *b } else { a };
                let best = scores.chunks(*size);
                let best = best.map(|scores| scores.iter().fold(f32::NEG_INFINITY, larger));
                self.best.clear();
                self.best.extend(best);
                let (_, bound, _) = self
                    .best
                    .select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a));
                *bound
            }
            None => bound_by_histogram(scores, count),
        }
    }
}

/// Adds the keys of the leaves from `first` on whose scores reach the least.
#[inline]
fn collect(leaves: &mut Vec<u64>, first: usize, scores: &[f32], least: f32) {
    let mut found = leaves.len();
    leaves.resize(found + scores.len(), 0);
    // Written and overwritten without a branch: which leaves reach the bound cannot be predicted.
    for (leaf, score) in (first as u32..).zip(scores) {
        if let Some(place) = leaves.get_mut(found) {
            *place = ScoredNode::new(leaf, *score).key();
        }
        found += usize::from(*score >= least);
    }
    leaves.truncate(found);
}

/// The least and the greatest of the scores, without those of leaves that are ruled out.
fn range(scores: &[f32]) -> (f32, f32) {
    let (mut lows, mut highs) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    for scores in scores.chunks(LANES) {
        for ((low, high), score) in lows.iter_mut().zip(&mut highs).zip(scores) {
            let in_rank = if *score > f32::NEG_INFINITY {
                *score
            } else {
                f32::INFINITY
            };
            *low = if in_rank < *low { in_rank } else { *low };
            *high = if *score > *high { *score } else { *high };
        }
    }
    let low = lows.into_iter().fold(f32::INFINITY, f32::min);
    (low, highs.into_iter().fold(f32::NEG_INFINITY, f32::max))
}

/// A score that the best `count` reach, and few others: by a histogram, because most scores are far below.
fn bound_by_histogram(scores: &[f32], count: usize) -> f32 {
    let (low, high) = range(scores);
    let per_bucket = (high - low) / BUCKETS as f32;
    if !per_bucket.is_normal() {
        return f32::NEG_INFINITY;
    }
    let mut counts = [0u32; BUCKETS];
    let (buckets_per, last) = (1.0 / per_bucket, (BUCKETS - 1) as f32);
    for score in scores {
        let place = (high - score) * buckets_per;
        // The best are in the first buckets.
        let place = if place < last { place } else { last };
        // The sum is at least 2^23, and so has its integer part in its lowest bits.
        let bucket = (place + INTEGERS).to_bits();
        counts[bucket as usize % BUCKETS] += 1;
    }
    let mut seen = 0;
    for (bucket, inside) in counts.iter().enumerate() {
        seen += *inside as usize;
        if seen >= count {
            // One more bucket, for scores that rounding put on the wrong side.
            return high - (bucket + 2) as f32 * per_bucket;
        }
    }
    f32::NEG_INFINITY
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_best_leaves_are_those_of_a_sort(
            scores in prop::collection::vec(prop_oneof![-1.0f32..1.0, Just(0.5)], 1..600),
            count in 1usize..80,
        ) {
            let mut wanted: Vec<u64> = (0u32..)
                .zip(&scores)
                .map(|(leaf, score)| ScoredNode::new(leaf, *score).key())
                .collect();
            wanted.sort_unstable_by(|a, b| b.cmp(a));
            wanted.truncate(count);
            let mut router = Router { scores, ..Router::default() };
            let mut leaves = Vec::new();
            router.rank(count, &mut leaves);
            prop_assert_eq!(leaves, wanted);
        }
    }
}
