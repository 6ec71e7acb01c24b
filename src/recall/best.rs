//! The best few of many, whatever order they come in.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use twinspire_core::ids::ItemNo;

/// Keeps the `k` best offers. Equal scores are decided by the item, the one stored first winning,
/// so that equal inputs give equal answers.
#[derive(Debug)]
pub(crate) struct Best {
    k: usize,
    floor: f32,
    heap: BinaryHeap<Reverse<Offer>>,
}

#[derive(Debug, PartialEq)]
struct Offer {
    score: f32,
    item: ItemNo,
}

impl Eq for Offer {}

impl Ord for Offer {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.score.total_cmp(&other.score);
        by_score.then_with(|| other.item.cmp(&self.item))
    }
}

impl PartialOrd for Offer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Best {
    /// Keeps `k` of those that score `floor` or more.
    pub(crate) fn above(floor: f32, k: usize) -> Self {
        Self {
            k,
            floor,
            heap: BinaryHeap::new(),
        }
    }

    /// Takes the offer if it is among the best so far. A score that is no number never is.
    pub(crate) fn offer(&mut self, score: f32, item: ItemNo) {
        if score.is_nan() || score < self.floor {
            return;
        }
        let offer = Reverse(Offer { score, item });
        if self.heap.len() < self.k {
            self.heap.push(offer);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && offer < *worst
        {
            *worst = offer;
        }
    }

    /// How many it keeps.
    pub(crate) fn wanted(&self) -> usize {
        self.k
    }

    /// The least score that an offer can be taken with.
    pub(crate) fn bar(&self) -> f32 {
        let worst = self.heap.peek().filter(|_| self.heap.len() >= self.k);
        worst.map_or(self.floor, |Reverse(worst)| worst.score)
    }

    /// The best, in no order.
    pub(crate) fn into_unsorted(self) -> Vec<(f32, ItemNo)> {
        let all = self.heap.into_iter();
        all.map(|Reverse(offer)| (offer.score, offer.item))
            .collect()
    }

    /// The best, best first.
    pub(crate) fn into_sorted(self) -> Vec<(f32, ItemNo)> {
        let sorted = self.heap.into_sorted_vec();
        sorted
            .into_iter()
            .map(|Reverse(offer)| (offer.score, offer.item))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_keeps_what_sorting_everything_would(
            scores in prop::collection::vec(0u8..20, 0..60), k in 1usize..12, floor in 0u8..20
        ) {
            let mut best = Best::above(f32::from(floor), k);
            let mut all = Vec::new();
            for (item, score) in scores.iter().enumerate() {
                best.offer(f32::from(*score), ItemNo(item as u32));
                best.offer(f32::NAN, ItemNo(item as u32));
                all.push((f32::from(*score), ItemNo(item as u32)));
            }
            all.retain(|(score, _)| *score >= f32::from(floor));
            all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            all.truncate(k);
            let worst = all.last().filter(|_| all.len() == k);
            prop_assert_eq!(best.bar(), worst.map_or(f32::from(floor), |(score, _)| *score));
            prop_assert_eq!(best.into_sorted(), all);
        }
    }
}
