//! Ranks of one item for each user, by inner products of vectors.

use crate::chunks::chunks;
use ndarray::{ArrayView2, s};
use rayon::prelude::*;

/// The rank, from 0, of one item for each user, by inner products of vectors `[users, dimension]` and
/// `[items, dimension]`. `wanted` gives the item, and `hidden` the items that are excluded for the user; an
/// excluded item has no rank. Ties rank before the item.
pub(crate) fn ranks(
    users: ArrayView2<'_, f32>,
    items: ArrayView2<'_, f32>,
    wanted: impl Fn(usize) -> u32 + Sync,
    hidden: impl Fn(usize, u32) -> bool + Sync,
) -> Vec<Option<usize>> {
    let chunks = chunks(users.nrows());
    let each = chunks.par_iter().flat_map_iter(|chunk| {
        let scores = users.slice(s![chunk.clone(), ..]).dot(&items.t());
        let rows = chunk.clone().zip(scores.rows());
        let ranks = rows.map(|(at, scores)| {
            let item = wanted(at);
            let own = scores[item as usize];
            let better = scores.iter().enumerate().filter(|(other, score)| {
                let other = *other as u32;
                **score >= own && other != item && !hidden(at, other)
            });
            (!hidden(at, item)).then(|| better.count())
        });
        ranks.collect::<Vec<_>>()
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_rank_before_and_excluded_items_do_not_count() {
        let users = ndarray::array![[1.0, 0.0], [0.0, 1.0]];
        let items = ndarray::array![[0.9, 0.1], [0.5, 0.5], [0.5, 0.7], [0.1, 0.9]];
        let hidden = |row: usize, item: u32| row == 1 && [1, 3].contains(&item);
        let found = ranks(users.view(), items.view(), |row| 1 - row as u32, hidden);
        assert_eq!(found, [Some(2), Some(1)]);
        let hidden = ranks(users.view(), items.view(), |_| 1, |_, item| item == 1);
        assert_eq!(hidden, [None, None]);
    }
}
