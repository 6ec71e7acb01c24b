//! Weighted sum: each space gives its best items, and an item that any of them found is scored in all.

use super::channel::Channel;
use super::context::FusionContext;
use super::ranking::Ranking;
use super::threshold::{Candidates, Scoring, score_everything, search_until_certain};
use crate::error::Error;
use crate::recall::explain::FusionStepKind;
use crate::recall::params::Effort;

/// Each space gives at least this many times `k` candidates: the best items of the sum are seldom among
/// the very best of any space.
const CANDIDATES_PER_HIT: usize = 6;

/// The weighted sum of an item's scores.
pub(super) fn sum(weights: &[f32], scores: &[f32]) -> f32 {
    let each = weights.iter().zip(scores);
    let sum: f32 = each.clone().map(|(weight, score)| weight * score).sum();
    if sum.is_finite() {
        return sum;
    }
    // Large weights on large scores: the fused score is the nearest finite one.
    let wide = each.map(|(weight, score)| f64::from(*weight) * f64::from(*score));
    (wide.sum::<f64>()).clamp(f32::MIN.into(), f32::MAX.into()) as f32
}

/// The best `k` items by their fused scores.
pub(super) fn best(
    context: &FusionContext<'_>,
    scoring: &Scoring<'_>,
    k: usize,
) -> Result<Ranking, Error> {
    let channels = &context.channels;
    let depth = |channel: &Channel<'_>| {
        // A search for all items above a score may find few.
        let k = if k == usize::MAX { 1 } else { k };
        match context.channel_effort(channel, k) {
            Effort::Exact => None,
            Effort::Scan => Some(k.saturating_mul(CANDIDATES_PER_HIT)),
            Effort::Beam(ef) => Some(ef.max(k.saturating_mul(CANDIDATES_PER_HIT))),
        }
    };
    let depths: Option<Vec<usize>> = channels.iter().map(depth).collect();
    let Some(depth) = depths.and_then(|depths| depths.into_iter().max()) else {
        return score_everything(context, scoring, k);
    };
    let items = context.most_items();
    search_until_certain(context, scoring, k, depth, &|depth| {
        let depth = depth.min(items);
        let mut found = Vec::new();
        let mut worst = Vec::with_capacity(channels.len());
        let mut exhausted = 0;
        for channel in channels {
            // `at_least` applies to the fused score, not to that of a channel.
            let list = context.top_k(channel, None, depth)?;
            context.record_step(FusionStepKind::List, Some(channel.name), None, list.len());
            // A shorter list holds every item of the space, or every one with a word of the query.
            let last = list.last().filter(|_| list.len() >= depth);
            exhausted += usize::from(last.is_none());
            let last = last.map_or(channel.unlisted_score(), |(score, _)| *score);
            worst.push(scoring.missing.map_or(last, |missing| missing.max(last)));
            found.extend(list.into_iter().map(|(_, item)| item));
        }
        Ok(Candidates {
            items: found,
            bound: match exhausted == channels.len() {
                true => f32::NEG_INFINITY,
                false => (scoring.fuse)(&worst),
            },
        })
    })
}
