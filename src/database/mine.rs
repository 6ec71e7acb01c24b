//! The builder of a mining, and the stream of mined pairs.

use super::{Database, Pinned};
use crate::error::Error;
use crate::filter::Filter;
use crate::recall::{MineParams, SearchParams, View, mine};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::ops::RangeInclusive;
use twinspire_core::ids::GenerationNo;
use twinspire_towers::FeatureCheck;
use twinspire_towers::{MinedPair, TrainingPair};

/// The default ranks that negatives are taken from (Huang et al., KDD 2020). The first hundred are left
/// out: many of them are positives nobody has clicked yet. The last are still far nearer than random.
pub const DEFAULT_NEGATIVE_RANKS: RangeInclusive<u32> = 101..=500;
/// The default number of negatives of each pair.
pub const DEFAULT_NEGATIVES_PER_PAIR: usize = 4;

/// Maximum number of pairs read from the stream at a time.
const MAX_BATCH: usize = 1024;
/// Maximum number of negatives held in memory at a time.
const MAX_HELD: usize = 1 << 20;

/// Builds a mining: options in any order, then [`pairs`](Self::pairs) to run it.
#[must_use = "nothing is mined before `pairs` is called"]
pub struct Miner<'a> {
    state: Pinned,
    space: &'a str,
    search: SearchParams,
    ranks: RangeInclusive<u32>,
    per_pair: Option<usize>,
    seed: u64,
    hard_beyond: Option<u32>,
    only_hard: bool,
    on_skip: Option<OnSkip<'a>>,
}

/// Called with the error of each skipped pair.
type OnSkip<'a> = Box<dyn FnMut(&Error) + 'a>;

/// An iterator of mined pairs, in the order of the input; see [`Miner::pairs`].
#[must_use = "nothing is mined before it is iterated over"]
pub struct MinedPairs<'a, I> {
    view: View,
    params: MineParams<'a>,
    generation: GenerationNo,
    only_hard: bool,
    on_skip: Option<OnSkip<'a>>,
    pairs: I,
    /// The position of the next pair.
    next: u64,
    ready: VecDeque<Result<MinedPair, Error>>,
    done: bool,
}

impl Database {
    /// Mines hard training examples from a space. For each pair of a user and a positive item it returns
    /// negatives, which are items at given ranks of the user's recall. It also says whether the item is a
    /// hard positive: one that the recall does not find.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), twinspire::Error> {
    /// # let db = twinspire::Database::open("shop.twin")?;
    /// use serde_json::json;
    /// use twinspire::TrainingPair;
    ///
    /// let pairs = [TrainingPair::new(json!({"user_id": "u42"}), "B01").known(["B02", "B07"])];
    /// for mined in db.mine("unified").ranks(101..=500).per_pair(4).pairs(pairs)? {
    ///     let mined = mined?;
    ///     println!("{:?} at {:?}: {:?}", mined.pair, mined.positive_rank, mined.negatives);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn mine<'a>(&self, space: &'a str) -> Miner<'a> {
        self.pin().mine(space)
    }
}

impl Pinned {
    /// Mines hard training examples from a space of this state; as [`Database::mine`].
    pub fn mine<'a>(&self, space: &'a str) -> Miner<'a> {
        Miner {
            state: self.clone(),
            space,
            search: SearchParams::default(),
            ranks: DEFAULT_NEGATIVE_RANKS,
            per_pair: Some(DEFAULT_NEGATIVES_PER_PAIR),
            seed: 0,
            hard_beyond: None,
            only_hard: false,
            on_skip: None,
        }
    }
}

impl<'a> Miner<'a> {
    /// The ranks that negatives are taken from, counted from 1; [`DEFAULT_NEGATIVE_RANKS`] by default. The
    /// pair's positive and its known positives have no rank. A recall with fewer items gives fewer
    /// negatives.
    pub fn ranks(mut self, ranks: RangeInclusive<u32>) -> Self {
        self.ranks = ranks;
        self
    }

    /// The number of negatives of each pair, a uniform sample of the ranks;
    /// [`DEFAULT_NEGATIVES_PER_PAIR`] by default. With 0 only the positives are ranked.
    pub fn per_pair(mut self, negatives: usize) -> Self {
        self.per_pair = Some(negatives);
        self
    }

    /// Returns the items at all of the ranks instead of a sample.
    pub fn every_rank(mut self) -> Self {
        self.per_pair = None;
        self
    }

    /// The seed of the samples; 0 by default. The same seed gives the same ranks to the pair at the same
    /// position of the stream, on any number of threads.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// A positive is hard if its rank is larger than `rank`; by default, than the last rank that
    /// negatives are taken from. Searches go as deep as the larger of the two.
    pub fn hard_positives_beyond(mut self, rank: u32) -> Self {
        self.hard_beyond = Some(rank);
        self
    }

    /// Returns only pairs whose positive is hard.
    pub fn only_hard_positives(mut self) -> Self {
        self.only_hard = true;
        self
    }

    /// Takes negatives only from items that pass a filter; see
    /// [`Recall::filter`](crate::Recall::filter). The positive need not pass: its rank is counted among
    /// the items that do.
    pub fn filter(mut self, filter: impl Into<Filter>) -> Self {
        self.search.filters.push(filter.into());
        self
    }

    /// As [`Recall::check_features`](crate::Recall::check_features).
    pub fn check_features(mut self, check: FeatureCheck) -> Self {
        self.search.check = check;
        self
    }

    /// As [`Recall::recall_target`](crate::Recall::recall_target), with the depth of the search as `k`.
    pub fn recall_target(mut self, share: f32) -> Self {
        self.search.recall_target = Some(share);
        self
    }

    /// As [`Recall::ef`](crate::Recall::ef); at least the depth of the search.
    pub fn ef(mut self, ef: usize) -> Self {
        self.search.ef = Some(ef);
        self
    }

    /// Scores every item for every pair.
    pub fn exact(mut self) -> Self {
        self.search.exact = true;
        self
    }

    /// Skips pairs that fail instead of ending with the first of them: pairs whose user cannot be
    /// embedded, or whose positive is not an item of the space. `on_skip` is called with the
    /// [`Error::Pair`] of each.
    pub fn skip_failures(mut self, on_skip: impl FnMut(&Error) + 'a) -> Self {
        self.on_skip = Some(Box::new(on_skip));
        self
    }

    /// Mines a stream of pairs. All pairs see one state of the database, whatever is written and published
    /// meanwhile. They are read in batches and mined on all cores, so that memory does not grow with the
    /// stream; results come in its order.
    ///
    /// The iteration ends with the first error: an [`Error::Pair`], unless such pairs are
    /// [skipped](Self::skip_failures), or an error of the database.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`], [`Error::NotASpace`] for an ensemble or a fused space, [`Error::Ranks`]
    /// for a range that is empty or begins at 0, [`Error::Filter`].
    pub fn pairs<I: IntoIterator<Item = TrainingPair>>(
        self,
        pairs: I,
    ) -> Result<MinedPairs<'a, impl Iterator<Item = Result<TrainingPair, Infallible>>>, Error> {
        self.try_pairs(pairs.into_iter().map(Ok))
    }

    /// As [`pairs`](Self::pairs), for a stream with errors of its own, such as the file that
    /// [`import::jsonl::pairs`](crate::import::jsonl::pairs) reads. Its first error ends the iteration as
    /// an [`Error::PairSource`], after the results of the pairs before it.
    ///
    /// # Errors
    /// As [`pairs`](Self::pairs).
    pub fn try_pairs<I, E>(self, pairs: I) -> Result<MinedPairs<'a, I::IntoIter>, Error>
    where
        I: IntoIterator<Item = Result<TrainingPair, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (space, view) = (self.space, self.state.view().clone());
        let number = self.state.active_generation(space)?;
        let generation = &view.snapshot().space(space)?.base.generation;
        if generation.is_fused() {
            return Err(Error::NotASpace {
                name: space.to_owned(),
                spaces: generation.members.keys().cloned().collect(),
            });
        }
        let (from, to) = (*self.ranks.start(), *self.ranks.end());
        if from == 0 || from > to {
            return Err(Error::Ranks { from, to });
        }
        let mut params = MineParams {
            space,
            search: self.search,
            ranks: self.ranks,
            per_pair: self.per_pair,
            seed: self.seed,
            hard_beyond: self.hard_beyond.unwrap_or(to),
        };
        params.search.k = params.depth();
        params.check(&view)?;
        Ok(MinedPairs {
            view,
            params,
            generation: number,
            only_hard: self.only_hard,
            on_skip: self.on_skip,
            pairs: pairs.into_iter(),
            next: 0,
            ready: VecDeque::new(),
            done: false,
        })
    }
}

impl<I> MinedPairs<'_, I> {
    /// The generation that is mined: its towers make the queries, its vectors are searched.
    #[must_use]
    pub fn generation(&self) -> GenerationNo {
        self.generation
    }
}

impl<I, E> MinedPairs<'_, I>
where
    I: Iterator<Item = Result<TrainingPair, E>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Mines the next batch into `ready`, which stays empty at the end of the stream.
    fn mine_batch(&mut self) {
        let most = (MAX_HELD / self.params.max_negatives().max(1)).clamp(1, MAX_BATCH);
        let (mut pairs, mut failed) = (Vec::with_capacity(most), None);
        for pair in self.pairs.by_ref().take(most) {
            match pair {
                Ok(pair) => pairs.push(pair),
                Err(source) => {
                    let source = source.into();
                    failed = Some(Error::PairSource { source });
                    break;
                }
            }
        }
        let count = pairs.len() as u64;
        match mine(&self.view, &self.params, self.next, pairs) {
            Ok(mined) => self.ready.extend(mined),
            Err(error) => self.ready.push_back(Err(error)),
        }
        self.ready.extend(failed.map(Err));
        self.next += count;
    }
}

impl<I, E> Iterator for MinedPairs<'_, I>
where
    I: Iterator<Item = Result<TrainingPair, E>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Item = Result<MinedPair, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            if self.ready.is_empty() {
                self.mine_batch();
            }
            match self.ready.pop_front() {
                None => self.done = true,
                Some(Ok(mined)) if self.only_hard && !mined.hard_positive => {}
                Some(Ok(mined)) => return Some(Ok(mined)),
                Some(Err(error)) => match (&mut self.on_skip, &error) {
                    (Some(on_skip), Error::Pair { .. }) => on_skip(&error),
                    _ => {
                        self.done = true;
                        return Some(Err(error));
                    }
                },
            }
        }
        None
    }
}

impl<I> fmt::Debug for MinedPairs<'_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MinedPairs")
            .field("space", &self.params.space)
            .field("generation", &self.generation)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
