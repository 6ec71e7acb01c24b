//! The best of a fusion, certain: candidates from lists that reach further and further, until nothing
//! outside of them can be better.
//!
//! What no list has cannot beat the fusion of the worst scores that the lists gave, times the largest
//! field that is left: the threshold algorithm of Fagin, Lotem and Naor (PODS 2001), with what items are
//! worth as one list more. Where the lists would have to reach far, scoring everything is quicker.

use super::{Fusing, Ranking};
use crate::error::Error;
use std::collections::HashSet;
use twinspire_core::ids::ItemNo;

/// By how much further the lists reach when the answer is not certain yet.
const FURTHER: usize = 2;
/// Lists that reach for more than one in so many items take longer than scoring all of them.
const WORTH_WALKING: usize = 8;
/// For each item that lists reach for, so many of those that are worth most are looked at: an item found
/// by a walk takes longer.
const WORTH_MOST: usize = 2;

/// What lists of some length gave.
pub(super) struct Candidates {
    pub(super) items: Vec<ItemNo>,
    /// No other item has a larger fused score than this.
    pub(super) bound: f32,
}

/// How a fusion scores.
pub(super) struct Scoring<'a> {
    /// What an item scores in a space where it has no vector; none if it is left out then.
    pub(super) missing: Option<f32>,
    /// What becomes of an item's scores in all channels: a larger one of any makes it no smaller, and of
    /// minus infinity it is minus infinity.
    pub(super) fuse: &'a dyn Fn(&[f32]) -> f32,
}

/// The best `k`. `look` gives the candidates of lists of a length, which is `reach` at first.
pub(super) fn best(
    fusing: &Fusing<'_>,
    scoring: &Scoring<'_>,
    k: usize,
    mut reach: usize,
    look: &dyn Fn(usize) -> Result<Candidates, Error>,
) -> Result<Ranking, Error> {
    let share = fusing.prepared.passing.as_ref().map_or(1.0, |p| p.share());
    let passing = (most_items(fusing) as f64 * share) as usize;
    let (mut seen, mut scored) = (HashSet::new(), Ranking::new());
    while reach.saturating_mul(WORTH_WALKING) <= passing {
        let Candidates { mut items, bound } = look(reach)?;
        let (worth_most, largest) = fusing.worth_most(reach.saturating_mul(WORTH_MOST))?;
        items.extend(worth_most);
        items.retain(|item| seen.insert(*item));
        scored.extend(scoring.score(fusing, &mut items));
        let best = fusing.rank(scored.iter().copied(), k)?;
        fusing.step("fusion", None, Some(scored.len()), best.len());
        let bound = fusing.bound(bound, largest);
        // Of equal ones the item stored first would be due.
        let full = best.len() >= k && best.last().is_some_and(|(last, _)| *last > bound);
        if full || bound < fusing.least() || bound == f32::NEG_INFINITY {
            return Ok(best);
        }
        reach = reach.saturating_mul(FURTHER);
    }
    everything(fusing, scoring, k)
}

/// The best `k`, by scoring all items.
pub(super) fn everything(
    fusing: &Fusing<'_>,
    scoring: &Scoring<'_>,
    k: usize,
) -> Result<Ranking, Error> {
    let channels = &fusing.channels;
    // Who has a vector everywhere is in the shortest list.
    let shortest = (0..channels.len()).min_by_key(|at| {
        let channel = channels.get(*at);
        channel.map_or(0, |channel| channel.serving.items())
    });
    let mut all = Vec::new();
    for (at, channel) in channels.iter().enumerate() {
        if scoring.missing.is_none() && shortest != Some(at) {
            continue;
        }
        let new = fusing.all(channel)?.into_iter().map(|(_, item)| item);
        all.extend(new);
    }
    let scored = scoring.score(fusing, &mut all);
    let best = fusing.rank(scored, k)?;
    fusing.step("all", None, Some(all.len()), best.len());
    Ok(best)
}

/// The items of the channel that has most.
pub(super) fn most_items(fusing: &Fusing<'_>) -> usize {
    let items = fusing.channels.iter().map(|c| c.serving.items() as usize);
    items.max().unwrap_or(0)
}

/// Items whose vectors are asked for at a time.
const TOGETHER: usize = 32;

impl Scoring<'_> {
    /// The fused scores of items, which become sorted and are each there once; those without one are not
    /// among them.
    pub(super) fn score(&self, fusing: &Fusing<'_>, items: &mut Vec<ItemNo>) -> Ranking {
        items.sort_unstable();
        items.dedup();
        let channels = &fusing.channels;
        let mut scored = Vec::with_capacity(items.len());
        let mut scores = Vec::with_capacity(channels.len());
        let mut rows = Vec::with_capacity(TOGETHER * channels.len());
        for items in items.chunks(TOGETHER) {
            // All are on their way before the first is needed.
            rows.clear();
            for item in items {
                rows.extend(channels.iter().map(|channel| {
                    let row = channel.serving.vector(*item);
                    row.inspect(|row| row.prefetch())
                }));
            }
            for (item, rows) in items.iter().zip(rows.chunks(channels.len())) {
                scores.clear();
                for (channel, row) in channels.iter().zip(rows) {
                    let score = row.and_then(|row| channel.score_of(row));
                    scores.extend(score.or(self.missing));
                }
                if scores.len() == channels.len() {
                    scored.push(((self.fuse)(&scores), *item));
                }
            }
        }
        scored
    }
}
