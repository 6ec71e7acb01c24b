//! Hard mining: for pairs of a user and a positive item, the items that the space confuses with the
//! positive (hard mining in Huang et al., KDD 2020).
//!
//! Each pair is one search that excludes the user's known positives, so that ranks count possible
//! negatives only. The positive's rank follows from its exact score, and does not depend on whether the
//! graph search reaches it.

use super::excluded::{Excluded, items_of};
use super::params::SearchParams;
use super::query::QueryOrigin;
use super::query_vectors::{UserReading, with_item_vectors};
use super::sample::sample;
use super::search::Search;
use super::space_search::top_k;
use super::trace::Trace;
use super::view::View;
use crate::error::Error;
use crate::snapshot::Serving;
use rayon::prelude::*;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use twinspire_core::ids::ItemNo;
use twinspire_core::wire::checksum;
use twinspire_towers::internals::Side;
use twinspire_towers::{MinedNegative, MinedPair, TrainingPair};

/// Maximum number of users that a task embeds together.
const MAX_PAIRS_PER_TASK: usize = 16;
/// Minimum number of tasks. A constant, not the number of threads, so that the same pairs are embedded
/// together on any machine.
const MIN_TASKS: usize = 8;

/// What to mine.
pub(crate) struct MineParams<'a> {
    /// The space.
    pub(crate) space: &'a str,
    /// How to search it; `k` is the [depth](Self::depth).
    pub(crate) search: SearchParams,
    /// The ranks that negatives are taken from.
    pub(crate) ranks: RangeInclusive<u32>,
    /// Number of negatives of each pair; none for every rank.
    pub(crate) per_pair: Option<usize>,
    /// Seed of the samples.
    pub(crate) seed: u64,
    /// A positive is hard if its rank is larger than this.
    pub(crate) hard_beyond: u32,
}

impl MineParams<'_> {
    /// The last rank that a search has to reach.
    pub(crate) fn depth(&self) -> usize {
        self.hard_beyond.max(*self.ranks.end()) as usize
    }

    /// Maximum number of negatives of a pair.
    pub(crate) fn max_negatives(&self) -> usize {
        let ranks = (self.ranks.end() - self.ranks.start()) as usize + 1;
        self.per_pair.unwrap_or(usize::MAX).min(ranks)
    }

    /// Refuses filters that do not fit the items' fields.
    pub(crate) fn check(&self, view: &View) -> Result<(), Error> {
        Search::new(view, self.space, &self.search).map(drop)
    }
}

/// Mines pairs on all cores, and returns their results in order; `from` is the position of the first
/// pair in the stream. A pair that cannot be mined has an inner error. The outer error is one of the
/// database.
pub(crate) fn mine(
    view: &View,
    params: &MineParams<'_>,
    from: u64,
    pairs: Vec<TrainingPair>,
) -> Result<Vec<Result<MinedPair, Error>>, Error> {
    let serving = &**view.snapshot().space(params.space)?;
    let miner = PairMiner {
        view,
        params,
        serving,
        search: Search::new(view, params.space, &params.search)?,
    };
    let shared = miner.shared_known(&pairs)?;
    let size = pairs.len().div_ceil(MIN_TASKS).clamp(1, MAX_PAIRS_PER_TASK);
    let tasks = pairs.par_chunks(size).enumerate();
    let found =
        tasks.map(|(task, pairs)| miner.mine_task(from + (task * size) as u64, pairs, &shared));
    let found: Vec<Vec<Result<MinedRanks, Error>>> = found.collect::<Result<_, Error>>()?;
    let each = (from..).zip(pairs).zip(found.into_iter().flatten());
    let mined = each.map(|((at, pair), found)| match found {
        Ok(found) => Ok(MinedPair {
            at,
            generation: serving.base.generation.number,
            pair,
            positive_score: found.score,
            positive_rank: found.rank,
            hard_positive: found.rank.is_none_or(|rank| rank > params.hard_beyond),
            negatives: found.negatives,
        }),
        Err(source) => Err(Error::Pair {
            at,
            source: Box::new(source),
        }),
    });
    Ok(mined.collect())
}

/// Items of shared lists of known positives, by the address of the list.
type SharedKnown = HashMap<usize, HashSet<ItemNo>>;

/// The address of a pair's list of known positives, which tells shared lists.
fn list_of(pair: &TrainingPair) -> usize {
    pair.known.as_ptr() as usize
}

/// The search result of one pair.
struct MinedRanks {
    /// The positive's score.
    score: f32,
    /// The positive's rank; `None` if it is below the depth.
    rank: Option<u32>,
    negatives: Vec<MinedNegative>,
}

/// The set-up that all pairs share.
struct PairMiner<'a> {
    view: &'a View,
    params: &'a MineParams<'a>,
    serving: &'a Serving,
    search: Search<'a>,
}

impl PairMiner<'_> {
    /// Mines the pairs of one task. The outer error concerns the database, not a pair.
    fn mine_task(
        &self,
        from: u64,
        pairs: &[TrainingPair],
        shared: &SharedKnown,
    ) -> Result<Vec<Result<MinedRanks, Error>>, Error> {
        let users: Vec<&Value> = pairs.iter().map(|pair| &pair.user).collect();
        let reading = UserReading::alone(self.params.search.check);
        let model = self.serving.base.model()?;
        let vectors = with_item_vectors(self.view, self.serving, reading, |reading| {
            model.embed_each(Side::User, &users, reading)
        })?;
        let each = (from..).zip(pairs).zip(vectors);
        let mined = each.map(|((at, pair), vector)| match vector {
            Ok(vector) => match shared.get(&list_of(pair)) {
                Some(known) => self.mine_pair(at, pair, known, &vector),
                None => self.mine_pair(at, pair, &items_of(self.view, &pair.known)?, &vector),
            },
            Err(source) => Ok(Err(Error::User { at: None, source })),
        });
        mined.collect()
    }

    /// The known positives of lists that several pairs share. They are looked up once for a batch: each event of
    /// a long history comes with all of it.
    fn shared_known(&self, pairs: &[TrainingPair]) -> Result<SharedKnown, Error> {
        let mut pairs_of: HashMap<usize, (usize, &[String])> = HashMap::new();
        for pair in pairs.iter().filter(|pair| !pair.known.is_empty()) {
            pairs_of.entry(list_of(pair)).or_insert((0, &pair.known)).0 += 1;
        }
        let shared = pairs_of.into_iter().filter(|(_, (pairs, _))| *pairs > 1);
        let each = shared.map(|(list, (_, ids))| Ok((list, items_of(self.view, ids)?)));
        each.collect()
    }

    fn mine_pair(
        &self,
        at: u64,
        pair: &TrainingPair,
        known: &HashSet<ItemNo>,
        vector: &[f32],
    ) -> Result<Result<MinedRanks, Error>, Error> {
        let item = self.view.find_item(&pair.positive)?;
        let stored = item.and_then(|item| Some((item, self.serving.vector(item)?)));
        let Some((positive, stored)) = stored else {
            let id = pair.positive.clone();
            return Ok(Err(Error::UnknownItem { id }));
        };
        let score = self.serving.base.generation.metric.score(vector, stored);
        let excluded = Excluded {
            items: known,
            own: &HashSet::new(),
            query_item: Some(positive),
        };
        let (trace, depth) = (Trace::default(), self.params.depth());
        let space = (self.params.space, self.serving);
        let vector = (vector, QueryOrigin::User);
        let query = self.search.space_query(space, vector, excluded, &trace);
        let list = top_k(&query, depth)?;
        // Zeros are never negative in a list.
        let score = score + 0.0;
        let better = list.iter().take_while(|(other, item)| {
            let by_score = other.total_cmp(&score);
            let by_id = || query.ids.compare(positive, *item);
            by_score.then_with(by_id).is_gt()
        });
        let better = better.count();
        let rank = (better < depth && !score.is_nan()).then_some(better as u32 + 1);
        let negatives = self.negatives(at, &list)?;
        Ok(Ok(MinedRanks {
            score,
            rank,
            negatives,
        }))
    }

    /// The negatives of the pair at a position of the stream, from its ranked items.
    fn negatives(&self, at: u64, list: &[(f32, ItemNo)]) -> Result<Vec<MinedNegative>, Error> {
        let first = *self.params.ranks.start() as usize;
        let last = list.len().min(*self.params.ranks.end() as usize);
        let candidates = list.get(first - 1..last).unwrap_or_default();
        let chosen = match self.params.per_pair {
            None => (0..candidates.len()).collect(),
            Some(wanted) => sample(candidates.len(), wanted, |draw| {
                let state = [self.params.seed, at, draw].map(u64::to_le_bytes);
                checksum(state.as_flattened())
            }),
        };
        let chosen = chosen.into_iter().filter_map(|at| {
            let (score, item) = candidates.get(at)?;
            Some(((first + at) as u32, *score, *item))
        });
        let negatives = chosen.map(|(rank, score, item)| {
            let id = self.view.item_id(item)?;
            Ok(MinedNegative { id, rank, score })
        });
        negatives.collect()
    }
}
