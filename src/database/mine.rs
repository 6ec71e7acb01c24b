//! Asking for training examples: the builder of a mining, and the stream it gives.

use super::{Database, Pinned};
use crate::error::Error;
use crate::filter::Filter;
use crate::recall::{Order, Request, View, mine};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::ops::RangeInclusive;
use twinspire_core::ids::GenerationNo;
use twinspire_towers::FeatureCheck;
use twinspire_towers::{MinedPair, TrainingPair};

/// The ranks that negatives are taken from unless told otherwise: below the first hundred, which may
/// be positives that nobody knows of, and still far nearer than chance (Huang et al., KDD 2020).
pub const DEFAULT_NEGATIVE_RANKS: RangeInclusive<u32> = 101..=500;
/// Negatives of each pair unless told otherwise.
pub const DEFAULT_NEGATIVES_PER_PAIR: usize = 4;

/// Pairs taken from the stream at a time, and fewer if each gives many negatives.
const BATCH: usize = 1024;
/// Negatives held at a time.
const HELD: usize = 1 << 20;

/// A mining being put together: options, and [`pairs`](Self::pairs) to run it.
#[must_use = "nothing is mined before `pairs` is called"]
pub struct Miner<'a> {
    state: Pinned,
    request: Request<'a>,
    ranks: RangeInclusive<u32>,
    per_pair: Option<usize>,
    seed: u64,
    bound: Option<u32>,
    only_hard: bool,
    left_out: Option<LeftOut<'a>>,
}

/// Told of what is left out.
type LeftOut<'a> = Box<dyn FnMut(&Error) + 'a>;

/// What was mined of each pair, in their order; see [`Miner::pairs`].
#[must_use = "nothing is mined before it is iterated over"]
pub struct MinedPairs<'a, I> {
    view: View,
    order: Order<'a>,
    generation: GenerationNo,
    only_hard: bool,
    left_out: Option<LeftOut<'a>>,
    pairs: I,
    /// The place of the next pair.
    next: u64,
    ready: VecDeque<Result<MinedPair, Error>>,
    done: bool,
}

impl Database {
    /// Mines hard training examples from a space: for each pair of a user and an item that the user took,
    /// items at given ranks of the user's recall as negatives, and whether the item is a hard positive,
    /// one that the space does not find.
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
    /// Mines hard training examples from a space in this state; as [`Database::mine`].
    pub fn mine<'a>(&self, space: &'a str) -> Miner<'a> {
        Miner {
            state: self.clone(),
            request: Request::new(space),
            ranks: DEFAULT_NEGATIVE_RANKS,
            per_pair: Some(DEFAULT_NEGATIVES_PER_PAIR),
            seed: 0,
            bound: None,
            only_hard: false,
            left_out: None,
        }
    }
}

impl<'a> Miner<'a> {
    /// The ranks that negatives are taken from, from 1; [`DEFAULT_NEGATIVE_RANKS`] by default. The pair's positive
    /// and its known ones are not counted. Where a recall has fewer items, there are fewer negatives.
    pub fn ranks(mut self, ranks: RangeInclusive<u32>) -> Self {
        self.ranks = ranks;
        self
    }

    /// How many negatives each pair gets: a sample of the ranks, each as likely as any other;
    /// [`DEFAULT_NEGATIVES_PER_PAIR`] by default. With 0, positives alone are looked for.
    pub fn per_pair(mut self, negatives: usize) -> Self {
        self.per_pair = Some(negatives);
        self
    }

    /// Gives every item at the ranks, in place of a sample.
    pub fn every_rank(mut self) -> Self {
        self.per_pair = None;
        self
    }

    /// What decides the samples; 0 by default. The same seed gives the same ranks to the pair at the same
    /// place in the stream, on any number of threads.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// A positive is hard when it is at none of the first `rank` ranks; by default, of those up to the last
    /// that negatives are taken from. Recalls go as deep as the larger of the two.
    pub fn hard_positives_beyond(mut self, rank: u32) -> Self {
        self.bound = Some(rank);
        self
    }

    /// Gives only the pairs whose positive is hard.
    pub fn only_hard_positives(mut self) -> Self {
        self.only_hard = true;
        self
    }

    /// Takes only items that match a filter for negatives; see [`Recall::filter`](crate::Recall::filter). The
    /// positive need not match: its rank is the one it would have.
    pub fn filter(mut self, filter: impl Into<Filter>) -> Self {
        self.request.filters.push(filter.into());
        self
    }

    /// As [`Recall::check_features`](crate::Recall::check_features).
    pub fn check_features(mut self, check: FeatureCheck) -> Self {
        self.request.check = check;
        self
    }

    /// As [`Recall::recall_target`](crate::Recall::recall_target), for as many as the deepest rank.
    pub fn recall_target(mut self, share: f32) -> Self {
        self.request.target = Some(share);
        self
    }

    /// As [`Recall::ef`](crate::Recall::ef); never fewer than the deepest rank.
    pub fn ef(mut self, ef: usize) -> Self {
        self.request.ef = ef;
        self
    }

    /// Scores every item for every pair.
    pub fn exact(mut self) -> Self {
        self.request.exact = true;
        self
    }

    /// Leaves out pairs that fail, in place of ending with the first of them: those whose user cannot be
    /// embedded, or whose positive is no item of the space. `told` is called with the [`Error::Pair`] of
    /// each.
    pub fn leave_out(mut self, told: impl FnMut(&Error) + 'a) -> Self {
        self.left_out = Some(Box::new(told));
        self
    }

    /// Mines a stream of pairs. All of them see one state of the database, whatever is written and
    /// published meanwhile. They are taken some at a time and mined on all cores, so that a stream of any
    /// length takes the same memory; the order stays.
    ///
    /// The iteration ends with the first error: [`Error::Pair`] naming the pair, unless these are
    /// [left out](Self::leave_out), or an error of the database.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`], [`Error::NotASpace`] for an ensemble, [`Error::Ranks`] for a range that
    /// begins at 0 or holds nothing, [`Error::Filter`].
    pub fn pairs<I: IntoIterator<Item = TrainingPair>>(
        self,
        pairs: I,
    ) -> Result<MinedPairs<'a, impl Iterator<Item = Result<TrainingPair, Infallible>>>, Error> {
        self.try_pairs(pairs.into_iter().map(Ok))
    }

    /// [`pairs`](Self::pairs), of a stream that may fail to be read, such as the file that
    /// [`import::jsonl::pairs`](crate::import::jsonl::pairs) reads. Its first error ends the iteration as an
    /// [`Error::PairSource`], after what was mined of the pairs before.
    ///
    /// # Errors
    /// As [`pairs`](Self::pairs).
    pub fn try_pairs<I, E>(self, pairs: I) -> Result<MinedPairs<'a, I::IntoIter>, Error>
    where
        I: IntoIterator<Item = Result<TrainingPair, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let space = self.request.space;
        let generation = self.state.active_generation(space)?;
        let members = &self
            .state
            .view()
            .snapshot()
            .space(space)?
            .base
            .generation
            .members;
        if !members.is_empty() {
            return Err(Error::NotASpace {
                name: space.to_owned(),
                spaces: members.keys().cloned().collect(),
            });
        }
        let (from, to) = (*self.ranks.start(), *self.ranks.end());
        if from == 0 || from > to {
            return Err(Error::Ranks { from, to });
        }
        let view = self.state.view().clone();
        let order = Order {
            request: self.request,
            ranks: self.ranks,
            per_pair: self.per_pair,
            seed: self.seed,
            bound: self.bound.unwrap_or(to),
        };
        order.check(&view)?;
        Ok(MinedPairs {
            view,
            order,
            generation,
            only_hard: self.only_hard,
            left_out: self.left_out,
            pairs: pairs.into_iter(),
            next: 0,
            ready: VecDeque::new(),
            done: false,
        })
    }
}

impl<I> MinedPairs<'_, I> {
    /// The generation whose towers and vectors everything is mined from.
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
    /// Mines the next pairs; nothing is ready then if there are none.
    fn fill(&mut self) {
        let most = (HELD / self.order.width().max(1)).clamp(1, BATCH);
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
        match mine(&self.view, &self.order, self.next, pairs) {
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
                self.fill();
            }
            match self.ready.pop_front() {
                None => self.done = true,
                Some(Ok(mined)) if self.only_hard && !mined.hard_positive => {}
                Some(Ok(mined)) => return Some(Ok(mined)),
                Some(Err(error)) => match (&mut self.left_out, &error) {
                    (Some(told), Error::Pair { .. }) => told(&error),
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
            .field("space", &self.order.request.space)
            .field("generation", &self.generation)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
