//! What one shard contributes to an answer.

use super::bytes;
use super::shard_statistics::ShardStatistics;
use crate::ensemble::Ensemble;
use crate::error::{Error, ShardsError};
use crate::filter::KnownFields;
use crate::lexical::TermStatistics;
use bincode::{Decode, Encode};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use twinspire_core::ids::ItemNo;

/// What one shard contributes to an answer over several; made by [`Recall::top_of_shard`](crate::Recall::top_of_shard), read by
/// [`merge`](crate::merge()).
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct ShardHits {
    /// What was asked.
    pub(super) request: Request,
    /// What the lists are for.
    pub(crate) round: Round,
    /// A hash of the towers or of the definition of each space, in the order of the recipe.
    pub(crate) spaces: Vec<(String, u64)>,
    /// The ids of all items below, each once.
    pub(crate) ids: Vec<String>,
    /// The scores of each item in the spaces of an ensemble; `None` without a vector.
    pub(crate) scores: Vec<Vec<Option<f32>>>,
    /// The business number of each item, where the answer is ranked after the merge.
    pub(crate) numbers: Vec<Option<f64>>,
    /// The ranking of this shard, where shards rank.
    pub(crate) ranking: ShardList,
    /// The list of each space, where lists are fused after the merge.
    pub(crate) lists: Vec<ShardList>,
    /// The statistics of this shard for the words of the query.
    pub(crate) terms: Vec<(String, TermStatistics)>,
    /// The fields of the items of this shard, if the filters do not fit them.
    pub(crate) unfit: Option<KnownFields>,
}

/// Items of a shard by their place in `ids`, with scores, best first.
pub(super) type ShardList = Vec<(f32, u32)>;

/// What a shard was asked.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct Request {
    /// The space or ensemble.
    pub(crate) name: String,
    /// The recipe of an ensemble.
    pub(crate) ensemble: Option<Ensemble>,
    /// Number of hits of the answer.
    pub(crate) k: usize,
    /// Number of best hits to skip.
    pub(crate) offset: usize,
    /// Minimum score of a hit.
    pub(crate) at_least: Option<f32>,
    /// The filters, as text.
    pub(crate) filters: Vec<String>,
    /// The figures of all shards that were given.
    pub(crate) statistics: ShardStatistics,
}

/// What the lists of a contribution are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Round {
    /// There are only statistics of words.
    Terms,
    /// Lists give the scales of a normalised sum.
    Scales,
    /// Lists give the answer.
    Answer,
}

impl ShardHits {
    /// A contribution without items.
    pub(crate) fn new(request: Request, round: Round) -> Self {
        Self {
            request,
            round,
            spaces: Vec::new(),
            ids: Vec::new(),
            scores: Vec::new(),
            numbers: Vec::new(),
            ranking: Vec::new(),
            lists: Vec::new(),
            terms: Vec::new(),
            unfit: None,
        }
    }

    /// Sets the ranking and the lists. Returns their items, each once, in the order in which the scores, numbers and ids
    /// of items are to be set.
    pub(crate) fn set_lists(
        &mut self,
        ranking: Vec<(f32, ItemNo)>,
        lists: Vec<Vec<(f32, ItemNo)>>,
    ) -> Vec<(f32, ItemNo)> {
        let (mut places, mut items) = (HashMap::new(), Vec::new());
        let mut numbered = std::iter::once(ranking).chain(lists).map(|list| {
            let each = list.into_iter().map(|(score, item)| {
                let next = items.len() as u32;
                let place = match places.entry(item) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(vacant) => {
                        items.push((score, item));
                        *vacant.insert(next)
                    }
                };
                (score, place)
            });
            each.collect::<ShardList>()
        });
        self.ranking = numbered.next().unwrap_or_default();
        self.lists = numbered.collect();
        items
    }

    /// Number of items in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether it has no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The contribution as bytes, for another process of the same version.
    ///
    /// # Errors
    /// [`Error::Shards`] if there is no memory for them.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        bytes::encode(self)
    }

    /// Reads [`to_bytes`](Self::to_bytes).
    ///
    /// # Errors
    /// [`Error::Shards`] for other bytes, or those of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let hits: Self = bytes::decode(bytes)?;
        let (count, channels) = (hits.ids.len(), hits.spaces.len());
        let of_items = |length: usize| length == 0 || length == count;
        let mut lists = std::iter::once(&hits.ranking).chain(&hits.lists);
        let is_whole = of_items(hits.scores.len())
            && of_items(hits.numbers.len())
            && hits.scores.iter().all(|scores| scores.len() <= channels)
            && lists.all(|list| list.iter().all(|(_, place)| (*place as usize) < count));
        match is_whole {
            true => Ok(hits),
            false => Err(Error::Shards(ShardsError::Bytes)),
        }
    }
}
