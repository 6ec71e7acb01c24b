//! The lists of all shards as one.

use super::shard_hits::{ShardHits, ShardList};
use crate::ensemble::BusinessWeight;
use crate::error::{Error, ShardsError};
use crate::recall::explain::FusionStepKind;
use crate::recall::fusion::{Lists, Ranking};
use crate::recall::top_k::{Ids, TopK};
use std::collections::HashSet;
use twinspire_core::ids::ItemNo;

/// The lists of all shards as one. Items are numbered shard by shard.
pub(super) struct GatheredLists<'a> {
    /// The names of the spaces.
    spaces: Vec<&'a str>,
    /// The shard of each item, and its place there.
    items: Vec<(&'a ShardHits, usize)>,
    /// The merged list of each space.
    lists: Vec<Ranking>,
    /// The merged ranking.
    ranking: Ranking,
    business: Option<&'a BusinessWeight>,
    /// Minimum score of a hit.
    at_least: Option<f32>,
}

impl<'a> GatheredLists<'a> {
    /// Merges the lists of shards whose requests are equal.
    pub(super) fn new(shards: &'a [ShardHits], first: &'a ShardHits) -> Result<Self, Error> {
        let (mut items, mut known, mut starts) = (Vec::new(), HashSet::new(), Vec::new());
        for shard in shards {
            starts.push(items.len() as u32);
            for (place, id) in shard.ids.iter().enumerate() {
                if !known.insert(id.as_str()) {
                    return Err(Error::Shards(ShardsError::Repeated { id: id.clone() }));
                }
                items.push((shard, place));
            }
        }
        let ensemble = first.request.ensemble.as_ref();
        let mut gathered = Self {
            spaces: first.spaces.iter().map(|(name, _)| name.as_str()).collect(),
            items,
            lists: Vec::new(),
            ranking: Vec::new(),
            business: ensemble.and_then(|ensemble| ensemble.recipe().business.as_ref()),
            at_least: first.request.at_least,
        };
        let merged = |list_of: &dyn Fn(&'a ShardHits) -> Option<&'a ShardList>| {
            let each = shards.iter().zip(&starts);
            let each = each.map(|(shard, start)| {
                let list = list_of(shard).into_iter().flatten();
                let numbered =
                    |(score, place): &(f32, u32)| (*score, ItemNo(start.saturating_add(*place)));
                list.map(numbered).collect::<Ranking>()
            });
            merge_lists(&each.collect::<Vec<_>>(), &gathered)
        };
        let ranking = merged(&|shard| Some(&shard.ranking));
        let lists = (0..first.lists.len()).map(|at| merged(&|shard| shard.lists.get(at)));
        let lists = lists.collect();
        gathered.ranking = ranking;
        gathered.lists = lists;
        Ok(gathered)
    }

    /// The merged ranking.
    pub(super) fn ranking(&self) -> &Ranking {
        &self.ranking
    }

    /// The scores of an item in each space that has one, by name.
    pub(super) fn scores(&self, item: ItemNo) -> impl Iterator<Item = (&str, f32)> {
        let scores = self
            .shard(item)
            .and_then(|(shard, at)| shard.scores.get(at));
        let each = self.spaces.iter().zip(scores.into_iter().flatten());
        each.filter_map(|(space, score)| Some((*space, (*score)?)))
    }

    /// The shard of an item, and its place there.
    fn shard(&self, item: ItemNo) -> Option<(&'a ShardHits, usize)> {
        self.items.get(item.0 as usize).copied()
    }
}

impl Ids for GatheredLists<'_> {
    fn id(&self, item: ItemNo) -> Option<&str> {
        let (shard, at) = self.shard(item)?;
        shard.ids.get(at).map(String::as_str)
    }
}

impl Lists for GatheredLists<'_> {
    fn spaces(&self) -> Vec<&str> {
        self.spaces.clone()
    }

    fn best(&self, channel: usize, _: Option<f32>, depth: usize) -> Result<Ranking, Error> {
        // Shards apply the minimum score.
        let list = self.lists.get(channel).into_iter().flatten();
        Ok(list.take(depth).copied().collect())
    }

    fn pages(&self, channel: usize, _: usize, depth: usize) -> Result<Ranking, Error> {
        self.best(channel, None, depth)
    }

    fn score(&self, channel: usize, item: ItemNo) -> Option<f32> {
        let (shard, at) = self.shard(item)?;
        *shard.scores.get(at)?.get(channel)?
    }

    fn ids(&self) -> &dyn Ids {
        self
    }

    fn rank(&self, scored: Ranking, k: usize) -> Result<Ranking, Error> {
        let mut best = TopK::new(k, self.at_least.unwrap_or(f32::NEG_INFINITY), self);
        for (score, item) in scored {
            let number = self
                .shard(item)
                .and_then(|(shard, at)| *shard.numbers.get(at)?);
            let weighed = self.business.map(|business| business.weigh(score, number));
            best.push(weighed.unwrap_or(score), item);
        }
        Ok(best.into_sorted())
    }

    fn record(&self, _: FusionStepKind, _: Option<&str>, _: Option<usize>, _: usize) {}
}

/// Merges lists by their heads: the best of all heads comes next. So a longer list starts with the shorter ones even where
/// a [page](crate::recall::pages) begins with a better item than the one before ends with.
fn merge_lists(lists: &[Ranking], ids: &dyn Ids) -> Ranking {
    let mut heads: Vec<_> = lists
        .iter()
        .map(|list| list.iter().copied().peekable())
        .collect();
    let count = lists.iter().map(Vec::len).sum();
    let mut merged = Ranking::with_capacity(count);
    while merged.len() < count {
        let mut best: Option<(usize, (f32, ItemNo))> = None;
        for (at, head) in heads.iter_mut().enumerate() {
            let Some((score, item)) = head.peek().copied() else {
                continue;
            };
            let is_better = best.is_none_or(|(_, (most, of))| {
                let by_score = score.total_cmp(&most);
                by_score.then_with(|| ids.id(of).cmp(&ids.id(item))).is_gt()
            });
            if is_better {
                best = Some((at, (score, item)));
            }
        }
        let Some((at, head)) = best else { break };
        merged.push(head);
        heads.get_mut(at).and_then(Iterator::next);
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Numbers;

    impl Ids for Numbers {
        fn id(&self, item: ItemNo) -> Option<&str> {
            // Ids in another order than the numbers.
            ["d", "b", "a", "c"].get(item.0 as usize % 4).copied()
        }
    }

    proptest! {
        #[test]
        fn merged_lists_are_sorted_and_a_longer_merge_starts_with_a_shorter_one(
            scores in prop::collection::vec(prop::collection::vec(0u8..6, 0..20), 0..5), first in 0usize..20,
        ) {
            let mut sorted = scores.clone();
            sorted.iter_mut().for_each(|list| list.sort_unstable_by(|a, b| b.cmp(a)));
            let lists = |scores: &[Vec<u8>], depth: usize| -> Vec<Ranking> {
                let each = scores.iter().enumerate().map(|(at, list)| {
                    let list = list.iter().take(depth);
                    list.map(|score| (f32::from(*score), ItemNo(at as u32))).collect()
                });
                each.collect()
            };
            let merged = merge_lists(&lists(&sorted, 20), &Numbers);
            prop_assert_eq!(merged.len(), scores.iter().map(Vec::len).sum::<usize>());
            prop_assert!(merged.is_sorted_by(|a, b| a.0 >= b.0));
            // Lists of pages need not be sorted.
            let (whole, start) = (lists(&scores, 20), lists(&scores, first));
            let (whole, start) = (merge_lists(&whole, &Numbers), merge_lists(&start, &Numbers));
            let length = start.len().min(first);
            prop_assert_eq!(&whole[..length], &start[..length]);
        }
    }
}
