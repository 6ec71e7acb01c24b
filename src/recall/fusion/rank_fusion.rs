//! Reciprocal rank fusion: ranks in the candidate lists of the channels, in place of scores.

use super::lists::Lists;
use super::ranking::{Fused, ranks_of};
use crate::ensemble::finite;
use crate::error::Error;
use crate::recall::explain::FusionStepKind;
use std::collections::BTreeMap;
use twinspire_core::ids::ItemNo;

/// The best `k` items by Σ weight / (constant + rank).
pub(crate) fn best(
    lists: &impl Lists,
    weights: &BTreeMap<String, f32>,
    (constant, depth): (u32, u32),
    k: usize,
) -> Result<Fused, Error> {
    let mut scores: BTreeMap<ItemNo, f64> = BTreeMap::new();
    let mut ranks = Vec::with_capacity(weights.len());
    for (channel, space) in lists.spaces().into_iter().enumerate() {
        let list = lists.best(channel, None, depth as usize)?;
        lists.record(FusionStepKind::List, Some(space), None, list.len());
        let weight = f64::from(weights.get(space).copied().unwrap_or_default());
        for (rank, (_, item)) in (1u32..).zip(&list) {
            *scores.entry(*item).or_default() += weight / (f64::from(constant) + f64::from(rank));
        }
        ranks.push(ranks_of(&list));
    }
    let count = scores.len();
    let scored = scores
        .into_iter()
        .map(|(item, score)| (finite(score), item));
    let best = lists.rank(scored.collect(), k)?;
    lists.record(FusionStepKind::Fusion, None, Some(count), best.len());
    Ok(Fused { best, ranks })
}
