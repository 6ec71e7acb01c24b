//! Whether rows get codes, and of which kind: decided by how well codes rank a sample of the rows.
//!
//! The error of a single score does not tell. What matters is that error beside the differences between
//! the scores that a search compares, which are small among the best.

use super::code_book::MIN_TASK_ROWS;
use super::code_scorer::{CodeScorer, QueryBuffer};
use super::codes::OwnedCodes;
use super::node_scorer::NodeScorer;
use super::rotation::rotate;
use super::rows::Rows;
use super::scored_node::ScoredNode;
use rayon::prelude::*;
use twinspire_core::kernel::Metric;

/// Rows from all over the set that are ranked.
const SAMPLE: usize = 2048;
/// For inner products, longest rows that are ranked beside them.
const LONGEST: usize = 512;
/// Of the rows from all over the set, those that serve as queries.
const QUERIES: usize = 64;
/// Codes must find the best ten of the sample, and as many as the best hundred of all rows are of it.
const FEW: usize = 10;
const MOST: usize = 100;
/// The best rows by exact scores are sought among this many times as many by codes: no more than a walk
/// re-ranks.
const BY_CODES: f32 = 1.5;
/// Codes that find this share serve: a walk on them then finds nearly as much as one on floats. Of most sets
/// they find all.
const GOOD: f64 = 0.98;

impl OwnedCodes {
    /// Quantises rows for searches by `metric`, fewer than [`MIN_TASK_ROWS`] on this thread alone. `None` if
    /// one byte per component could not rank them.
    pub(crate) fn quantise(rows: Rows<'_>, metric: Metric) -> Option<Self> {
        let plain = Self::encode(rows, metric, false);
        let sample = Sample::new(rows, metric);
        let share = |codes: &Self| {
            let of_best = |count| sample.share_found(codes, rows, metric, count);
            of_best(FEW).min(of_best(sample.hundred.max(FEW)))
        };
        if plain.as_ref().is_some_and(|codes| share(codes) >= GOOD) {
            return plain;
        }
        let mut rotated = rows.data().to_vec();
        rotated
            .par_chunks_exact_mut(rows.dimension().max(1))
            .with_min_len(MIN_TASK_ROWS)
            .for_each(rotate);
        let rotated = Self::encode(Rows::new(&rotated, rows.dimension()), metric, true);
        rotated.filter(|codes| share(codes) >= GOOD)
    }
}

/// The rows by which codes are judged.
struct Sample {
    rows: Vec<u32>,
    /// The first of them, which are from all over the set.
    spread: usize,
    /// How many of the best hundred of all rows are expected in the sample.
    hundred: usize,
}

impl Sample {
    fn new(rows: Rows<'_>, metric: Metric) -> Self {
        let count = rows.count();
        let step = (count as usize).div_ceil(SAMPLE).max(1);
        let mut sample: Vec<u32> = (0..count).step_by(step).collect();
        let spread = sample.len();
        let hundred = match metric {
            Metric::InnerProduct => {
                let spread = |row: &u32| (*row as usize).is_multiple_of(step);
                sample.extend(longest(rows).iter().filter(|row| !spread(row)));
                MOST.min(count as usize)
            }
            Metric::Cosine | Metric::L2 => MOST * spread / (count as usize).max(1),
        };
        Self {
            rows: sample,
            spread,
            hundred,
        }
    }

    /// The share of the best `count` rows that are also among the best by codes, over queries of the sample.
    fn share_found(&self, codes: &OwnedCodes, rows: Rows<'_>, metric: Metric, count: usize) -> f64 {
        let queries = self.rows.iter().take(self.spread);
        let queries = queries.step_by(self.spread.div_ceil(QUERIES).max(1));
        let (scorer, mut buffer) = (metric.scorer(), QueryBuffer::default());
        let (mut found, mut wanted) = (0usize, 0usize);
        for node in queries {
            let query = rows.row(*node).unwrap_or_default();
            let Some(approximate) = CodeScorer::new(codes.view(), metric, query, &mut buffer)
            else {
                continue;
            };
            let best = |k: usize, score: &dyn Fn(u32) -> f32| {
                let others = self.rows.iter().filter(|other| *other != node);
                let scored = others.map(|other| ScoredNode::new(*other, score(*other)));
                let mut scored: Vec<ScoredNode> = scored.collect();
                if k < scored.len() {
                    scored.select_nth_unstable_by(k, |a, b| b.cmp(a));
                    scored.truncate(k);
                }
                scored
            };
            let by_codes = best((count as f32 * BY_CODES) as usize, &|other| {
                approximate.score(other).unwrap_or(f32::NEG_INFINITY)
            });
            let exact = best(count, &|other| {
                scorer.score(query, rows.row(other).unwrap_or_default())
            });
            let is_found =
                |best: &&ScoredNode| by_codes.iter().any(|other| other.node == best.node);
            found += exact.iter().filter(is_found).count();
            wanted += exact.len();
        }
        if wanted == 0 {
            return 1.0;
        }
        found as f64 / wanted as f64
    }
}

/// The longest rows, at most [`LONGEST`], in no order.
fn longest(rows: Rows<'_>) -> Vec<u32> {
    let length = |node| {
        let row = rows.row(node).unwrap_or_default();
        ScoredNode::new(node, row.iter().map(|x| x * x).sum())
    };
    let mut scored: Vec<ScoredNode> = (0..rows.count()).map(length).collect();
    if LONGEST < scored.len() {
        scored.select_nth_unstable_by(LONGEST, |a, b| b.cmp(a));
        scored.truncate(LONGEST);
    }
    scored.into_iter().map(|scored| scored.node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from -1 to 1 without a pattern.
    fn noise(count: usize) -> Vec<f32> {
        let number = |at: usize| {
            let mixed = (at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            (mixed >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        (0..count).map(number).collect()
    }

    #[test]
    fn rows_of_uneven_components_are_rotated_and_rows_that_codes_cannot_rank_get_none() {
        let mut data = noise(16 * 400);
        let kind = |data: &[f32]| {
            let codes = OwnedCodes::quantise(Rows::new(data, 16), Metric::L2);
            codes.map(|codes| codes.book.rotated)
        };
        let stretched = |factor: f32| {
            let stretch = |(at, x): (usize, &f32)| match at % 16 {
                // Two groups far apart: the large component tells nothing within a group.
                3 => x.signum() * factor,
                _ => *x,
            };
            data.iter().enumerate().map(stretch).collect::<Vec<f32>>()
        };
        assert_eq!(kind(&stretched(1.0)), Some(false));
        assert_eq!(kind(&stretched(30.0)), Some(true));
        assert_eq!(kind(&stretched(10_000.0)), None);
        data[9] = 1e9;
        assert_eq!(kind(&data), None);
        assert_eq!(kind(&[0.5; 160]), None);
        assert_eq!(kind(&[]), None);
    }

    #[test]
    fn long_rows_are_not_clipped_for_inner_products() {
        let mut data = noise(16 * 5_000);
        // One that the sample of the code book misses.
        let row = data.chunks_exact_mut(16).nth(1).unwrap();
        row.iter_mut().for_each(|x| *x *= 30.0);
        let clips = |metric| {
            let codes = OwnedCodes::encode(Rows::new(&data, 16), metric, false).unwrap();
            // Half a step per component.
            codes.book.error > codes.book.scale * 2.1
        };
        assert!(clips(Metric::L2));
        assert!(!clips(Metric::InnerProduct));
    }
}
