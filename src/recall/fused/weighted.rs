//! Scores of all spaces as one sum: each space gives the best of its own, and an item that any of them
//! found gets its score in all of them.

use super::super::request::Effort;
use super::certain::{Candidates, Scoring, best as certain, everything, most_items};
use super::{Channel, Fusing, Ranking};
use crate::error::Error;

/// How many times as many as are wanted each space gives at least: what is best in the sum is seldom among
/// the very first of any.
const WIDER: usize = 6;

/// The weighted sum.
pub(super) fn sum(weights: &[f32], scores: &[f32]) -> f32 {
    let each = weights.iter().zip(scores);
    each.map(|(weight, score)| weight * score).sum()
}

/// The best `k` by what `scoring` makes of an item's scores in all channels.
pub(super) fn best(fusing: &Fusing<'_>, scoring: &Scoring<'_>, k: usize) -> Result<Ranking, Error> {
    let channels = &fusing.channels;
    let wide = |channel: &Channel<'_>| {
        // All that score so much may be few.
        let k = if k == usize::MAX { 1 } else { k };
        match fusing.request.effort(&channel.serving.base.generation, k) {
            Effort::Exact => None,
            Effort::Beam(ef) => Some(ef.max(k.saturating_mul(WIDER))),
        }
    };
    let wide: Option<Vec<usize>> = channels.iter().map(wide).collect();
    let Some(reach) = wide.and_then(|wide| wide.into_iter().max()) else {
        return everything(fusing, scoring, k);
    };
    let items = most_items(fusing);
    certain(fusing, scoring, k, reach, &|reach| {
        let reach = reach.min(items);
        let mut found = Vec::new();
        let mut worst = Vec::with_capacity(channels.len());
        let mut complete = 0;
        for channel in channels {
            // The least fused score is none of a channel's.
            let list = fusing.list(channel, None, reach)?;
            fusing.step("list", Some(channel.name), None, list.len());
            // A shorter list has everything there is.
            let last = list.last().filter(|_| list.len() >= reach);
            complete += usize::from(last.is_none());
            let last = last.map_or(f32::NEG_INFINITY, |(score, _)| *score);
            worst.push(scoring.missing.map_or(last, |missing| missing.max(last)));
            found.extend(list.into_iter().map(|(_, item)| item));
        }
        Ok(Candidates {
            items: found,
            bound: match complete == channels.len() {
                true => f32::NEG_INFINITY,
                false => (scoring.fuse)(&worst),
            },
        })
    })
}
