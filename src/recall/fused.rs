//! Recalls of an ensemble.
//!
//! Each space gives the best of its own; an item that any of them found gets its score in all of
//! them, computed from the stored vectors. What none has found cannot beat the fusion of the worst
//! scores that the spaces gave: when the last of the answer does not fall below this bound, the answer
//! is that of all items, as far as the spaces found their own best. Otherwise they reach further
//! (the threshold algorithm of Fagin, Lotem and Naor, PODS 2001).

use super::request::Effort;
use super::{
    Best, Hit, Hits, Passing, Request, Sought, Trace, best_of, hidden, query_vector, record,
};
use crate::ensemble::Ensemble;
use crate::error::Error;
use crate::ids::ItemNo;
use crate::snapshot::{Live, Serving, Snapshot};
use std::collections::{BTreeSet, HashSet};

/// By how much further the spaces reach when the answer is not certain yet.
const FURTHER: usize = 4;

/// A space of the ensemble, and the query in it.
struct Channel<'a> {
    name: &'a str,
    serving: &'a Serving,
    query: Vec<f32>,
}

/// The items that pass the filters of a request.
pub(super) fn passing<'a>(
    snapshot: &'a Snapshot,
    ensemble: &Ensemble,
    request: &Request<'_>,
) -> Result<Option<Passing<'a>>, Error> {
    let servings = ensemble
        .spaces()
        .filter_map(|(name, _)| snapshot.spaces.get(name));
    Passing::of(
        snapshot,
        servings.map(|serving| &**serving),
        &request.filters,
    )
}

/// Answers one request.
pub(super) fn run(
    live: &Live,
    snapshot: &Snapshot,
    ensemble: &Ensemble,
    request: &Request<'_>,
    passing: Option<&Passing<'_>>,
    k: usize,
    trace: Trace,
) -> Result<Hits, Error> {
    let mut hidden = hidden(live, request, k)?;
    trace.stage(|micros| &mut micros.prepare);
    let mut channels = Vec::new();
    for (name, _) in ensemble.spaces() {
        let serving = &**snapshot.space(name)?;
        let query = query_vector(live, serving, name, request, &mut hidden)?;
        let number = serving.base.generation.number;
        live.asked.notice(name, number, &query);
        channels.push(Channel {
            name,
            serving,
            query,
        });
    }
    trace.stage(|micros| &mut micros.query);
    let best = best_fused(ensemble, &channels, request, (&hidden, passing), k, &trace)?;
    trace.stage(|micros| &mut micros.search);
    let hits = best.into_iter().map(|(score, item)| {
        let scores = channels.iter().map(|channel| {
            let score = channel.score(item).unwrap_or(f32::NAN);
            (channel.name.to_owned(), score)
        });
        let late = channels.iter().find_map(|c| c.serving.overlay.get(&item));
        let id = match late {
            Some(late) => late.id.clone(),
            None => snapshot.sealed.id(item)?.to_owned(),
        };
        Ok(Hit {
            score,
            record: if request.records {
                record(live, &id)?
            } else {
                None
            },
            channels: scores.collect(),
            id,
        })
    });
    let hits = hits.collect::<Result<_, Error>>()?;
    trace.stage(|micros| &mut micros.answer);
    let generations = channels.iter().map(|channel| {
        let number = channel.serving.base.generation.number;
        (channel.name.to_owned(), number)
    });
    let mut hits = Hits::of_ensemble(generations.collect(), hits);
    hits.explain(trace);
    Ok(hits)
}

impl Channel<'_> {
    /// The score of an item; none if it is not there, or no number.
    fn score(&self, item: ItemNo) -> Option<f32> {
        let vector = self.serving.vector(item)?;
        let score = self
            .serving
            .base
            .generation
            .metric
            .score(&self.query, vector);
        (!score.is_nan()).then_some(score)
    }
}

fn best_fused(
    ensemble: &Ensemble,
    channels: &[Channel<'_>],
    request: &Request<'_>,
    (hidden, passing): (&HashSet<ItemNo>, Option<&Passing<'_>>),
    k: usize,
    trace: &Trace,
) -> Result<Vec<(f32, ItemNo)>, Error> {
    let items = channels.iter().map(|c| c.serving.items() as usize).max();
    let items = items.unwrap_or(0).max(1);
    let wide = |channel: &Channel<'_>| {
        // All that score so much may be few.
        let k = if k == usize::MAX { 1 } else { k };
        match request.effort(&channel.serving.base.generation, k) {
            Effort::Exact => items,
            Effort::Beam(ef) => ef.max(k).min(items),
        }
    };
    let mut reach = channels.iter().map(wide).max().unwrap_or(items).max(1);
    let least = request.at_least.unwrap_or(f32::NEG_INFINITY);
    loop {
        let mut found = BTreeSet::new();
        let mut worst = Vec::with_capacity(channels.len());
        for channel in channels {
            let sought = Sought {
                request,
                query: &channel.query,
                hidden,
                passing,
                // The least fused score is none of a channel's.
                at_least: None,
                space: channel.name,
                trace,
            };
            let list = best_of(channel.serving, sought, reach)?;
            // A shorter list has everything there is.
            let last = list.last().filter(|_| list.len() >= reach);
            worst.push(last.map_or(f32::NEG_INFINITY, |(score, _)| *score));
            found.extend(list.into_iter().map(|(_, item)| item));
        }
        let mut best = Best::above(least, k);
        for item in found {
            let scores: Option<Vec<f32>> = channels.iter().map(|c| c.score(item)).collect();
            if let Some(scores) = scores {
                best.offer(ensemble.fuse(scores), item);
            }
        }
        let best = best.into_sorted();
        let bound = ensemble.fuse(worst);
        let full = best.len() >= k && best.last().is_some_and(|(last, _)| *last >= bound);
        let certain = full || bound < least;
        if certain || bound == f32::NEG_INFINITY || reach >= items {
            return Ok(best);
        }
        reach = reach.saturating_mul(FURTHER).min(items);
    }
}
