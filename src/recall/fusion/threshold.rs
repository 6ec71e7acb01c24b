//! The threshold algorithm: candidates from ever longer lists, until no other item can be better.
//!
//! An item outside all lists cannot exceed the fusion of the lists' worst scores, combined with the
//! largest business value that is left (Fagin, Lotem and Naor, PODS 2001; business values are one more
//! list). Where the lists would have to be long, scoring every item is faster.

use super::context::FusionContext;
use super::ranking::Ranking;
use crate::error::Error;
use crate::recall::explain::FusionStepKind;
use std::collections::HashSet;
use twinspire_core::ids::ItemNo;

/// The factor by which lists grow while the answer is uncertain.
const GROWTH: usize = 2;
/// Lists longer than one item in this many take longer than scoring every item.
const ITEMS_PER_CANDIDATE: usize = 8;
/// Items taken from the list by business value for each candidate from a graph search, which costs more.
const VALUABLE_PER_CANDIDATE: usize = 2;
/// Items whose vectors are prefetched at a time.
const BATCH: usize = 32;

/// The candidates of lists of some length.
pub(super) struct Candidates {
    /// The items of the lists.
    pub(super) items: Vec<ItemNo>,
    /// An upper bound of the fused score of every other item.
    pub(super) bound: f32,
}

/// How scores are fused.
pub(super) struct Scoring<'a> {
    /// The score of an item in a space without a vector of it; `None` leaves such items out.
    pub(super) missing: Option<f32>,
    /// Fuses an item's scores in all channels. It is monotonic in each score, and gives minus infinity
    /// if all are minus infinity.
    pub(super) fuse: &'a dyn Fn(&[f32]) -> f32,
}

/// The best `k` items. `search` gives the candidates of lists of a length, at first `depth`.
pub(super) fn search_until_certain(
    context: &FusionContext<'_>,
    scoring: &Scoring<'_>,
    k: usize,
    mut depth: usize,
    search: &dyn Fn(usize) -> Result<Candidates, Error>,
) -> Result<Ranking, Error> {
    let selectivity = context.filter.map_or(
        1.0,
        super::super::resolved_filter::ResolvedFilter::selectivity,
    );
    let passing = (context.most_items() as f64 * selectivity) as usize;
    let (mut seen, mut scored) = (HashSet::new(), Ranking::new());
    while depth.saturating_mul(ITEMS_PER_CANDIDATE) <= passing {
        let Candidates { mut items, bound } = search(depth)?;
        let (valuable, largest) =
            context.most_valuable(depth.saturating_mul(VALUABLE_PER_CANDIDATE))?;
        items.extend(valuable);
        items.retain(|item| seen.insert(*item));
        scored.extend(scoring.score(context, &mut items));
        let best = context.best_of(scored.iter().copied(), k)?;
        context.record_step(FusionStepKind::Fusion, None, Some(scored.len()), best.len());
        let bound = context.bound(bound, largest);
        // Strictly greater: of equal scores an unseen item with a smaller id would win.
        let full = best.len() >= k && best.last().is_some_and(|(last, _)| *last > bound);
        if full || bound < context.min_score() || bound == f32::NEG_INFINITY {
            return Ok(best);
        }
        depth = depth.saturating_mul(GROWTH);
    }
    score_everything(context, scoring, k)
}

/// The best `k` items, by scoring every item.
pub(super) fn score_everything(
    context: &FusionContext<'_>,
    scoring: &Scoring<'_>,
    k: usize,
) -> Result<Ranking, Error> {
    let channels = &context.channels;
    // An item with a vector in every space is in the smallest space of vectors too.
    let sized = channels.iter().enumerate();
    let sized = sized.filter(|(_, channel)| channel.has_vectors());
    let smallest = sized.min_by_key(|(_, channel)| channel.items());
    let smallest = smallest
        .map(|(at, _)| at)
        .filter(|_| scoring.missing.is_none());
    let mut all = Vec::new();
    for (at, channel) in channels.iter().enumerate() {
        if smallest.is_some_and(|smallest| smallest != at) {
            continue;
        }
        let items = context.score_all(channel)?;
        all.extend(items.into_iter().map(|(_, item)| item));
    }
    let scored = scoring.score(context, &mut all);
    let best = context.best_of(scored, k)?;
    context.record_step(FusionStepKind::FullScan, None, Some(all.len()), best.len());
    Ok(best)
}

impl Scoring<'_> {
    /// The fused scores of items. Sorts the items and removes duplicates. Items without a fused score, and those of no
    /// space, are left out.
    pub(super) fn score(&self, context: &FusionContext<'_>, items: &mut Vec<ItemNo>) -> Ranking {
        items.sort_unstable();
        items.dedup();
        let channels = &context.channels;
        let mut scored = Vec::with_capacity(items.len());
        let mut scores = Vec::with_capacity(channels.len());
        let mut rows = Vec::with_capacity(BATCH * channels.len());
        for items in items.chunks(BATCH) {
            // Prefetches all rows of the batch before the first is read.
            rows.clear();
            for item in items {
                rows.extend(channels.iter().map(|channel| {
                    let row = channel.row(*item);
                    row.inspect(|row| row.prefetch())
                }));
            }
            for (item, rows) in items.iter().zip(rows.chunks(channels.len())) {
                scores.clear();
                let mut is_listed = false;
                for (channel, row) in channels.iter().zip(rows) {
                    let score = channel.score_row(*item, *row);
                    is_listed |= score.is_some_and(|score| channel.lists(score));
                    scores.extend(score.or(self.missing));
                }
                if is_listed && scores.len() == channels.len() {
                    scored.push(((self.fuse)(&scores), *item));
                }
            }
        }
        scored
    }
}
