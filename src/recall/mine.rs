//! Mining training examples: for pairs of a user and an item the user took, the items that the space
//! confuses with it (hard mining in Huang et al., KDD 2020).
//!
//! Each pair is one search, in which the user's known positives are hidden, so that ranks count what
//! could be a negative. The positive's rank follows from its exact score: whether a walk comes to it
//! makes no difference.

use super::explain::Trace;
use super::filtered::Passing;
use super::space::best_of;
use super::{Request, Sought, View};
use crate::error::Error;
use crate::snapshot::{FreshItem, Serving};
use rayon::prelude::*;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::RangeInclusive;
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::Row;
use twinspire_core::wire::checksum;
use twinspire_towers::internals::{Reading, Side};
use twinspire_towers::{MinedNegative, MinedPair, TrainingPair};

/// At most so many users are embedded at a time; a task of a thread.
const TASK: usize = 16;
/// Few pairs are so many tasks. Not by the number of threads: the same pairs are embedded together
/// on any machine.
const TASKS: usize = 8;

/// What is wanted of each pair.
pub(crate) struct Order<'a> {
    /// How the space is searched.
    pub(crate) request: Request<'a>,
    /// The ranks that negatives are taken from.
    pub(crate) ranks: RangeInclusive<u32>,
    /// How many of them; none if all.
    pub(crate) per_pair: Option<usize>,
    /// What decides which.
    pub(crate) seed: u64,
    /// The last rank at which a positive is not hard.
    pub(crate) bound: u32,
}

impl Order<'_> {
    /// The last rank that is looked at.
    fn depth(&self) -> u32 {
        self.bound.max(*self.ranks.end())
    }

    /// The most negatives a pair can have.
    pub(crate) fn width(&self) -> usize {
        let ranks = (self.ranks.end() - self.ranks.start()) as usize + 1;
        self.per_pair.unwrap_or(usize::MAX).min(ranks)
    }

    /// Refuses filters that make no sense.
    pub(crate) fn check(&self, view: &View) -> Result<(), Error> {
        self.passing(view).map(drop)
    }

    fn passing<'v>(&self, view: &'v View) -> Result<Option<Passing<'v>>, Error> {
        let snapshot = view.snapshot();
        let serving = &**snapshot.space(self.request.space)?;
        Passing::of(snapshot, [serving].into_iter(), &self.request.filters)
    }
}

/// Mines pairs, the first of which has the place `from` in the stream, on all cores; gives in their order
/// what was mined of each, or why it cannot be mined. What is left then is an error of the database.
pub(crate) fn mine(
    view: &View,
    order: &Order<'_>,
    from: u64,
    pairs: Vec<TrainingPair>,
) -> Result<Vec<Result<MinedPair, Error>>, Error> {
    let serving = &**view.snapshot().space(order.request.space)?;
    let passing = order.passing(view)?;
    let miner = Miner {
        view,
        order,
        serving,
        passing: passing.as_ref(),
    };
    let size = pairs.len().div_ceil(TASKS).clamp(1, TASK);
    let tasks = pairs.par_chunks(size).enumerate();
    let found = tasks.map(|(task, pairs)| miner.task(from + (task * size) as u64, pairs));
    let found: Vec<Vec<Result<Found, Error>>> = found.collect::<Result<_, Error>>()?;
    let each = (from..).zip(pairs).zip(found.into_iter().flatten());
    let mined = each.map(|((at, pair), found)| match found {
        Ok(found) => Ok(MinedPair {
            at,
            generation: serving.base.generation.number,
            pair,
            positive_score: found.score,
            positive_rank: found.rank,
            hard_positive: found.rank.is_none_or(|rank| rank > order.bound),
            negatives: found.negatives,
        }),
        Err(source) => Err(Error::Pair {
            at,
            source: Box::new(source),
        }),
    });
    Ok(mined.collect())
}

/// What was found of a pair.
struct Found {
    score: f32,
    rank: Option<u32>,
    negatives: Vec<MinedNegative>,
}

/// What all pairs have in common.
struct Miner<'a> {
    view: &'a View,
    order: &'a Order<'a>,
    serving: &'a Serving,
    passing: Option<&'a Passing<'a>>,
}

impl Miner<'_> {
    /// Mines a few pairs; the outer error is one of the database.
    fn task(&self, from: u64, pairs: &[TrainingPair]) -> Result<Vec<Result<Found, Error>>, Error> {
        let users: Vec<&Value> = pairs.iter().map(|pair| &pair.user).collect();
        let failed = RefCell::new(None);
        let items = |id: &str, read: &mut dyn FnMut(Row<'_>)| match self.view.find_item(id) {
            Ok(item) => {
                if let Some(row) = item.and_then(|item| self.serving.vector(item)) {
                    read(row);
                }
            }
            Err(error) => drop(failed.borrow_mut().get_or_insert(error)),
        };
        let reading = Reading {
            items: Some(&items),
            check: self.order.request.check,
        };
        let model = &self.serving.base.model;
        let vectors = model.embed_each(Side::User, &users, reading);
        if let Some(error) = failed.take() {
            return Err(error);
        }
        let each = (from..).zip(pairs).zip(vectors);
        let mined = each.map(|((at, pair), vector)| match vector {
            Ok(vector) => self.pair(at, pair, &vector),
            Err(source) => Ok(Err(Error::User { at: None, source })),
        });
        mined.collect()
    }

    fn pair(
        &self,
        at: u64,
        pair: &TrainingPair,
        query: &[f32],
    ) -> Result<Result<Found, Error>, Error> {
        let item = self.view.find_item(&pair.positive)?;
        let vector = item.and_then(|item| Some((item, self.serving.vector(item)?)));
        let Some((positive, vector)) = vector else {
            let id = pair.positive.clone();
            return Ok(Err(Error::UnknownItem { id }));
        };
        let score = self.serving.base.generation.metric.score(query, vector);
        let mut hidden = HashSet::from([positive]);
        for id in &pair.known {
            hidden.extend(self.view.find_item(id)?);
        }
        let depth = self.order.depth() as usize;
        let sought = Sought {
            request: &self.order.request,
            space: self.order.request.space,
            query,
            hidden: &hidden,
            passing: self.passing,
            at_least: None,
            trace: &Trace::new(false),
        };
        let list = best_of(self.serving, sought, depth)?;
        let better = list.iter().take_while(|(other, item)| {
            let by_score = other.total_cmp(&score);
            by_score.then_with(|| positive.cmp(item)).is_gt()
        });
        let better = better.count();
        let rank = (better < depth && !score.is_nan()).then_some(better as u32 + 1);
        let first = *self.order.ranks.start() as usize;
        let last = list.len().min(*self.order.ranks.end() as usize);
        let candidates = list.get(first - 1..last).unwrap_or_default();
        let chosen = match self.order.per_pair {
            None => (0..candidates.len()).collect(),
            Some(wanted) => sample(candidates.len(), wanted, |draw| {
                let state = [self.order.seed, at, draw].map(u64::to_le_bytes);
                checksum(state.as_flattened())
            }),
        };
        let chosen = chosen.into_iter().filter_map(|at| {
            let (score, item) = candidates.get(at)?;
            Some(((first + at) as u32, *score, *item))
        });
        let negatives = chosen.map(|(rank, score, item)| {
            let id = self.id(item)?;
            Ok(MinedNegative { id, rank, score })
        });
        let negatives = negatives.collect::<Result<_, Error>>()?;
        Ok(Ok(Found {
            score,
            rank,
            negatives,
        }))
    }

    fn id(&self, item: ItemNo) -> Result<String, Error> {
        match self.serving.overlay.get(&item).map(|late| &**late) {
            Some(FreshItem { id, .. }) => Ok(id.clone()),
            None => Ok(self.view.snapshot().sealed.id(item)?.to_owned()),
        }
    }
}

/// So many of the numbers below `count`, increasing; every choice of them is as likely as any other, as far
/// as `random` is, which is called with the numbers from 0 (selection sampling, Knuth's algorithm S).
fn sample(count: usize, wanted: usize, random: impl Fn(u64) -> u64) -> Vec<usize> {
    let mut wanted = wanted.min(count);
    let mut chosen = Vec::with_capacity(wanted);
    for at in 0..count {
        let below = (u128::from(random(at as u64)) * (count - at) as u128) >> 64;
        if below < wanted as u128 {
            chosen.push(at);
            wanted -= 1;
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The statistic of Pearson's test that all counts come from the same chance.
    fn chi_square(counts: &[u32]) -> f64 {
        let expected = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
        let parts = counts.iter().map(|count| {
            let off = f64::from(*count) - expected;
            off * off / expected
        });
        parts.sum()
    }

    #[test]
    fn every_rank_and_every_pair_of_ranks_is_as_likely() {
        let (mut ranks, mut couples) = ([0u32; 40], [0u32; 45]);
        for at in 0u64..20_000 {
            let random = |draw: u64| checksum([7, at, draw].map(u64::to_le_bytes).as_flattened());
            let chosen = sample(40, 5, random);
            assert_eq!(chosen.len(), 5);
            assert!(chosen.is_sorted());
            chosen.iter().for_each(|rank| ranks[*rank] += 1);
            let two = sample(10, 2, random);
            couples[two[1] * (two[1] - 1) / 2 + two[0]] += 1;
        }
        // Quantiles 0.999 of the chi-square distribution with 39 and 44 degrees of freedom.
        assert!(chi_square(&ranks) < 72.1, "{}", chi_square(&ranks));
        assert!(chi_square(&couples) < 78.7, "{}", chi_square(&couples));
    }

    #[test]
    fn a_sample_of_more_than_there_is_is_all_of_it() {
        assert_eq!(sample(3, 9, |_| u64::MAX), [0, 1, 2]);
        assert!(sample(3, 0, |_| 0).is_empty());
        assert!(sample(0, 2, |_| 0).is_empty());
    }
}
