//! The best `k` items of a stream of scored items.

use super::scratch::take_list;
use crate::snapshot::ItemIds;
use std::cell::OnceCell;
use std::cmp::Ordering;
use twinspire_core::ids::ItemNo;

/// The ids of items, which decide between equal scores.
pub(super) trait Ids {
    /// The id of an item; `None` if it cannot be read.
    fn id(&self, item: ItemNo) -> Option<&str>;
}

impl Ids for ItemIds<'_> {
    fn id(&self, item: ItemNo) -> Option<&str> {
        ItemIds::id(self, item)
    }
}

/// Keeps the `k` best scored items, in whatever order they are pushed. Of equal scores the item with the
/// smaller id wins, by bytes: the same items give the same answer, in whatever order they were stored and
/// however they are distributed over segments or databases.
///
/// Ids are only read to decide between equal scores.
pub(crate) struct TopK<'a> {
    k: usize,
    min_score: f32,
    ids: &'a dyn Ids,
    /// In any order before there are `k`. From then on a binary heap with the worst on top.
    items: Vec<(f32, ItemNo)>,
    /// The id of the worst item of the heap, once it was needed.
    worst_id: OnceCell<Option<&'a str>>,
}

impl<'a> TopK<'a> {
    /// Keeps the best `k` of the items that score `min_score` or more.
    pub(super) fn new(k: usize, min_score: f32, ids: &'a dyn Ids) -> Self {
        Self {
            k,
            min_score,
            ids,
            items: take_list(),
            worst_id: OnceCell::new(),
        }
    }

    /// Adds an item if it is among the best so far. NaN scores are ignored.
    #[inline]
    pub(crate) fn push(&mut self, score: f32, item: ItemNo) {
        if score.is_nan() || score < self.min_score {
            return;
        }
        // Negative zero becomes zero: the two are equal, and ids decide between them.
        let score = score + 0.0;
        if self.items.len() < self.k {
            self.items.push((score, item));
            if self.items.len() == self.k {
                (0..self.k / 2).rev().for_each(|at| self.sift_down(at));
            }
        } else if self.is_better_than_worst(score, item) {
            if let Some(worst) = self.items.first_mut() {
                *worst = (score, item);
            }
            self.worst_id.take();
            self.sift_down(0);
        }
    }

    fn is_better_than_worst(&self, score: f32, item: ItemNo) -> bool {
        let Some((worst_score, worst)) = self.items.first() else {
            return false;
        };
        match score.total_cmp(worst_score) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal => {
                let worst_id = self.worst_id.get_or_init(|| self.ids.id(*worst));
                (self.ids.id(item), item) < (*worst_id, *worst)
            }
        }
    }

    /// Moves an item down the heap until no item below is worse.
    fn sift_down(&mut self, mut at: usize) {
        loop {
            let mut worst = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if let (Some(below), Some(above)) = (self.items.get(child), self.items.get(worst))
                    && compare(self.ids, *below, *above).is_gt()
                {
                    worst = child;
                }
            }
            if worst == at {
                return;
            }
            self.items.swap(at, worst);
            at = worst;
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
        let worst = self.items.first().filter(|_| self.items.len() >= self.k);
        worst.map_or(self.min_score, |(score, _)| *score)
    }

    /// The items in no particular order.
    pub(crate) fn into_unsorted(self) -> Vec<(f32, ItemNo)> {
        self.items
    }

    /// The items, best first.
    pub(crate) fn into_sorted(self) -> Vec<(f32, ItemNo)> {
        let Self { mut items, ids, .. } = self;
        items.sort_unstable_by(|a, b| compare(ids, *a, *b));
        items
    }
}

/// Compares two scored items; the better one is the less.
fn compare(ids: &dyn Ids, a: (f32, ItemNo), b: (f32, ItemNo)) -> Ordering {
    let by_score = b.0.total_cmp(&a.0);
    by_score.then_with(|| (ids.id(a.1), a.1).cmp(&(ids.id(b.1), b.1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The id of each item.
    struct Names(Vec<String>);

    impl Ids for Names {
        fn id(&self, item: ItemNo) -> Option<&str> {
            self.0.get(item.0 as usize).map(String::as_str)
        }
    }

    proptest! {
        #[test]
        fn top_k_keeps_what_sorting_all_items_by_score_and_id_would(
            scores in prop::collection::vec(-4i8..12, 0..60), k in 1usize..12, min_score in -3i8..12,
        ) {
            // Ids in another order than the items were stored.
            let names = Names((0..scores.len()).map(|item| format!("{}", item * 37 % 101)).collect());
            let mut best = TopK::new(k, f32::from(min_score), &names);
            let mut all = Vec::new();
            for (item, score) in scores.iter().enumerate() {
                let (item, score) = (ItemNo(item as u32), f32::from(*score));
                // Every other zero is negative.
                best.push(if score == 0.0 && item.0 % 2 == 0 { -0.0 } else { score }, item);
                best.push(f32::NAN, item);
                all.push((score, item));
            }
            all.retain(|(score, _)| *score >= f32::from(min_score));
            all.sort_by_key(|(score, item)| (-*score as i8, names.id(*item)));
            all.truncate(k);
            let worst = all.last().filter(|_| all.len() == k);
            let expected = worst.map_or(f32::from(min_score), |(score, _)| *score);
            prop_assert_eq!(best.threshold(), expected);
            prop_assert_eq!(best.into_sorted(), all);
        }
    }
}
