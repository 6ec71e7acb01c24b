//! The best `k` items of a stream of scored items.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use twinspire_core::ids::ItemNo;

/// Keeps the `k` best scored items, in whatever order they are pushed. Of equal scores the item that
/// was stored first wins, so that equal inputs give equal answers.
#[derive(Debug)]
pub(crate) struct TopK {
    k: usize,
    min_score: f32,
    heap: BinaryHeap<Reverse<ScoredItem>>,
}

#[derive(Debug, PartialEq)]
struct ScoredItem {
    score: f32,
    item: ItemNo,
}

impl Eq for ScoredItem {}

impl Ord for ScoredItem {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.score.total_cmp(&other.score);
        by_score.then_with(|| other.item.cmp(&self.item))
    }
}

impl PartialOrd for ScoredItem {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TopK {
    /// Keeps the best `k` of the items that score `min_score` or more.
    pub(crate) fn new(k: usize, min_score: f32) -> Self {
        Self {
            k,
            min_score,
            heap: BinaryHeap::new(),
        }
    }

    /// Adds an item if it is among the best so far. NaN scores are ignored.
    #[inline]
    pub(crate) fn push(&mut self, score: f32, item: ItemNo) {
        if score.is_nan() || score < self.min_score {
            return;
        }
        let scored = Reverse(ScoredItem { score, item });
        if self.heap.len() < self.k {
            self.heap.push(scored);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && scored < *worst
        {
            *worst = scored;
        }
    }

    /// Maximum number of items kept.
    #[inline]
    pub(crate) fn k(&self) -> usize {
        self.k
    }

    /// The minimum score that can still change the result: the k-th best score so far.
    #[inline]
    pub(crate) fn threshold(&self) -> f32 {
        let worst = self.heap.peek().filter(|_| self.heap.len() >= self.k);
        worst.map_or(self.min_score, |Reverse(worst)| worst.score)
    }

    /// The items in no particular order.
    pub(crate) fn into_unsorted(self) -> Vec<(f32, ItemNo)> {
        let all = self.heap.into_iter();
        all.map(|Reverse(scored)| (scored.score, scored.item))
            .collect()
    }

    /// The items, best first.
    pub(crate) fn into_sorted(self) -> Vec<(f32, ItemNo)> {
        let sorted = self.heap.into_sorted_vec();
        sorted
            .into_iter()
            .map(|Reverse(scored)| (scored.score, scored.item))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn top_k_keeps_what_sorting_all_items_would(
            scores in prop::collection::vec(0u8..20, 0..60), k in 1usize..12, min_score in 0u8..20
        ) {
            let mut best = TopK::new(k, f32::from(min_score));
            let mut all = Vec::new();
            for (item, score) in scores.iter().enumerate() {
                best.push(f32::from(*score), ItemNo(item as u32));
                best.push(f32::NAN, ItemNo(item as u32));
                all.push((f32::from(*score), ItemNo(item as u32)));
            }
            all.retain(|(score, _)| *score >= f32::from(min_score));
            all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            all.truncate(k);
            let worst = all.last().filter(|_| all.len() == k);
            let expected = worst.map_or(f32::from(min_score), |(score, _)| *score);
            prop_assert_eq!(best.threshold(), expected);
            prop_assert_eq!(best.into_sorted(), all);
        }
    }
}
