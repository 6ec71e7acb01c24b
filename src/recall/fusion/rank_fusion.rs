//! Reciprocal rank fusion: ranks in the candidate lists of the channels, in place of scores.

use super::context::FusionContext;
use super::ranking::{Fused, ranks_of};
use crate::ensemble::finite;
use crate::error::Error;
use crate::recall::explain::FusionStepKind;
use std::collections::BTreeMap;
use twinspire_core::ids::ItemNo;

/// The best `k` items by Σ weight / (constant + rank).
pub(super) fn best(
    context: &FusionContext<'_>,
    weights: &BTreeMap<String, f32>,
    (constant, depth): (u32, u32),
    k: usize,
) -> Result<Fused, Error> {
    let mut scores: BTreeMap<ItemNo, f64> = BTreeMap::new();
    let mut ranks = Vec::with_capacity(context.channels.len());
    for channel in &context.channels {
        let list = context.top_k(channel, None, depth as usize)?;
        context.record(FusionStepKind::List, Some(channel.name), None, list.len());
        let weight = f64::from(weights.get(channel.name).copied().unwrap_or_default());
        for (rank, (_, item)) in (1u32..).zip(&list) {
            *scores.entry(*item).or_default() += weight / (f64::from(constant) + f64::from(rank));
        }
        ranks.push(ranks_of(&list));
    }
    let count = scores.len();
    let scored = scores
        .into_iter()
        .map(|(item, score)| (finite(score), item));
    let best = context.rank(scored, k)?;
    context.record(FusionStepKind::Fusion, None, Some(count), best.len());
    Ok(Fused { best, ranks })
}
