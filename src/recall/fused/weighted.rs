//! Scores of all spaces as one sum.
//!
//! Each space gives the best of its own; an item that any of them found gets its score in all of
//! them. What none has found cannot beat the fusion of the worst scores that the spaces gave: when the
//! last of the answer does not fall below this bound, the answer is that of all items, as far as the
//! spaces found their own best. Otherwise they reach further (the threshold algorithm of Fagin, Lotem
//! and Naor, PODS 2001).

use super::super::request::Effort;
use super::{Channel, Fusing, Ranking};
use crate::error::Error;
use std::collections::BTreeSet;

/// By how much further the spaces reach when the answer is not certain yet.
const FURTHER: usize = 4;

/// The weighted sum.
pub(super) fn sum(weights: &[f32], scores: &[f32]) -> f32 {
    let each = weights.iter().zip(scores);
    each.map(|(weight, score)| weight * score).sum()
}

/// The best `k` by what `fuse` makes of an item's scores in all channels: a larger one of any makes it no
/// smaller, and of minus infinity it is minus infinity.
pub(super) fn best(
    fusing: &Fusing<'_>,
    k: usize,
    fuse: &dyn Fn(&[f32]) -> f32,
) -> Result<Ranking, Error> {
    let channels = &fusing.channels;
    let items = channels.iter().map(|c| c.serving.items() as usize).max();
    let items = items.unwrap_or(0).max(1);
    let wide = |channel: &Channel<'_>| {
        // All that score so much may be few.
        let k = if k == usize::MAX { 1 } else { k };
        match fusing.request.effort(&channel.serving.base.generation, k) {
            Effort::Exact => items,
            Effort::Beam(ef) => ef.max(k).min(items),
        }
    };
    let mut reach = channels.iter().map(wide).max().unwrap_or(items).max(1);
    loop {
        let mut found = BTreeSet::new();
        let mut worst = Vec::with_capacity(channels.len());
        for channel in channels {
            // The least fused score is none of a channel's.
            let list = fusing.list(channel, None, reach)?;
            fusing.step("list", Some(channel.name), None, list.len());
            // A shorter list has everything there is.
            let last = list.last().filter(|_| list.len() >= reach);
            worst.push(last.map_or(f32::NEG_INFINITY, |(score, _)| *score));
            found.extend(list.into_iter().map(|(_, item)| item));
        }
        let count = found.len();
        let scored = found.into_iter().filter_map(|item| {
            let scores: Option<Vec<f32>> = channels.iter().map(|c| c.score(item)).collect();
            Some((fuse(&scores?), item))
        });
        let best = fusing.rank(scored, k)?;
        fusing.step("fusion", None, Some(count), best.len());
        let bound = fusing.bound(fuse(&worst));
        let full = best.len() >= k && best.last().is_some_and(|(last, _)| *last >= bound);
        let certain = full || bound < fusing.least();
        if certain || bound == f32::NEG_INFINITY || reach >= items {
            return Ok(best);
        }
        reach = reach.saturating_mul(FURTHER).min(items);
    }
}
