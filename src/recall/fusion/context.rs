//! One query of an ensemble while it is answered, and the primitives that fusion methods use.

use super::business_value::BusinessValues;
use super::channel::{Channel, Source};
use super::lists::Lists;
use super::ranking::Ranking;
use crate::error::Error;
use crate::recall::excluded::Excluded;
use crate::recall::explain::{FusionStep, FusionStepKind};
use crate::recall::lexical_space::LexicalLimits;
use crate::recall::params::{Effort, SearchParams};
use crate::recall::query::QueryOrigin;
use crate::recall::ranks::exact_ranks;
use crate::recall::resolved_filter::ResolvedFilter;
use crate::recall::space_query::SpaceQuery;
use crate::recall::space_search::{score_all, top_k, top_pages};
use crate::recall::top_k::{Ids, TopK};
use crate::recall::trace::Trace;
use crate::snapshot::{ItemIds, Serving, Snapshot};
use std::collections::HashMap;
use twinspire_core::ids::ItemNo;

/// One query of an ensemble while it is answered.
pub(super) struct FusionContext<'a> {
    /// The snapshot that is searched.
    pub(super) snapshot: &'a Snapshot,
    /// How to search.
    pub(super) params: &'a SearchParams,
    /// The spaces of the ensemble, each once, in the order of the recipe.
    pub(super) channels: Vec<Channel<'a>>,
    /// The filter that every item passes, if there is one.
    pub(super) filter: Option<&'a ResolvedFilter<'a>>,
    /// The business values of the items, if the recipe ranks by them.
    pub(super) business: Option<&'a BusinessValues<'a>>,
    /// The ids of items, which decide between equal scores.
    pub(super) ids: &'a ItemIds<'a>,
    /// Items that must not be returned.
    pub(super) excluded: Excluded<'a>,
    /// Records the steps.
    pub(super) trace: &'a Trace,
}

impl<'c> FusionContext<'c> {
    /// The channel at a place.
    fn at(&self, channel: usize) -> Result<&Channel<'c>, Error> {
        self.channels.get(channel).ok_or(Error::NoQuery)
    }

    /// How hard to search the fused space of all channels for its best `k` items.
    pub(super) fn fused_effort(&self, fused: &Serving, k: usize) -> Effort {
        self.params.effort(&fused.base, k, self.origin())
    }

    /// Where the query vector of all channels together comes from.
    pub(super) fn origin(&self) -> QueryOrigin {
        let mut sources = self.channels.iter().map(|channel| &channel.source);
        let is_given = |source: &Source<'_>| {
            matches!(
                source,
                Source::Vectors {
                    origin: QueryOrigin::Vector,
                    ..
                }
            )
        };
        match sources.any(is_given) {
            true => QueryOrigin::Vector,
            false => QueryOrigin::User,
        }
    }

    /// How hard to search a channel for its best `k` items.
    pub(super) fn channel_effort(&self, channel: &Channel<'_>, k: usize) -> Effort {
        match &channel.source {
            Source::Vectors {
                serving, origin, ..
            } => self.params.effort(&serving.base, k, *origin),
            Source::Words(_) if self.params.exact => Effort::Exact,
            // Lists of words are exact whatever their length.
            Source::Words(_) => Effort::Scan,
        }
    }

    /// What a search of a lexical space may return.
    fn limits(&self, at_least: Option<f32>) -> LexicalLimits<'_> {
        LexicalLimits {
            excluded: self.excluded,
            filter: self.filter,
            at_least,
        }
    }

    /// Number of items in the largest channel.
    pub(super) fn most_items(&self) -> usize {
        let items = self.channels.iter().map(|c| c.items() as usize);
        items.max().unwrap_or(0)
    }

    /// The best `k` items of a channel, by their score in it.
    pub(super) fn top_k(
        &self,
        channel: &Channel<'_>,
        at_least: Option<f32>,
        k: usize,
    ) -> Result<Ranking, Error> {
        match &channel.source {
            Source::Vectors {
                serving,
                vector,
                origin,
            } => top_k(
                &self.space_query((channel.name, serving), (vector, *origin), at_least),
                k,
            ),
            Source::Words(query) => query.top_k(&self.limits(at_least), self.ids, k),
        }
    }

    /// The first `depth` items of a channel, for pages of size `page`.
    pub(super) fn top_pages(
        &self,
        channel: &Channel<'_>,
        page: usize,
        depth: usize,
    ) -> Result<Ranking, Error> {
        match &channel.source {
            Source::Vectors {
                serving,
                vector,
                origin,
            } => top_pages(
                &self.space_query((channel.name, serving), (vector, *origin), None),
                page,
                depth,
            ),
            Source::Words(query) => query.top_k(&self.limits(None), self.ids, depth),
        }
    }

    /// Every item of a channel that may be returned, with its score, in no particular order.
    pub(super) fn score_all(&self, channel: &Channel<'_>) -> Result<Ranking, Error> {
        match &channel.source {
            Source::Vectors {
                serving,
                vector,
                origin,
            } => score_all(&self.space_query((channel.name, serving), (vector, *origin), None)),
            Source::Words(query) => query.score_all(&self.limits(None)),
        }
    }

    /// The exact ranks of items in a channel.
    pub(super) fn exact_ranks(
        &self,
        channel: &Channel<'_>,
        items: &[(f32, ItemNo)],
    ) -> Result<HashMap<ItemNo, u32>, Error> {
        match &channel.source {
            Source::Vectors {
                serving,
                vector,
                origin,
            } => exact_ranks(
                &self.space_query((channel.name, serving), (vector, *origin), None),
                items,
            ),
            Source::Words(query) => query.exact_ranks(&self.limits(None), self.ids, items),
        }
    }

    /// A query in a space of vectors.
    pub(super) fn space_query<'a>(
        &'a self,
        (space, serving): (&'a str, &'a Serving),
        (vector, origin): (&'a [f32], QueryOrigin),
        at_least: Option<f32>,
    ) -> SpaceQuery<'a> {
        SpaceQuery {
            space,
            serving,
            vector,
            origin,
            params: self.params,
            excluded: self.excluded,
            filter: self.filter,
            ids: self.ids,
            at_least,
            trace: self.trace,
        }
    }

    /// The minimum fused score of a hit.
    pub(super) fn min_score(&self) -> f32 {
        self.params.at_least.unwrap_or(f32::NEG_INFINITY)
    }

    /// The best `k` of scored items, by their scores and business values.
    pub(super) fn best_of(
        &self,
        scored: impl IntoIterator<Item = (f32, ItemNo)>,
        k: usize,
    ) -> Result<Ranking, Error> {
        let mut best = TopK::new(k, self.min_score(), self.ids);
        for (score, item) in scored {
            let score = match &self.business {
                Some(business) => business.ranking_score(score, item)?,
                None => score,
            };
            best.push(score, item);
        }
        Ok(best.into_sorted())
    }

    /// An upper bound of the ranking score of items with a score of at most `score` and a business value of
    /// at most `largest`.
    pub(super) fn bound(&self, score: f32, largest: f64) -> f32 {
        self.business
            .map_or(score, |business| business.bound(score, largest))
    }

    /// About `count` of the returnable items with the largest business values, and an upper bound of the
    /// values of all others. Empty if the recipe has no business value.
    pub(super) fn most_valuable(&self, count: usize) -> Result<(Vec<ItemNo>, f64), Error> {
        let Some(business) = &self.business else {
            return Ok((Vec::new(), f64::INFINITY));
        };
        let (mut items, largest) = business.highest(count);
        let mut failed = None;
        items.retain(|item| {
            self.may_return(*item).unwrap_or_else(|error| {
                failed = Some(error);
                false
            })
        });
        failed.map_or(Ok((items, largest)), Err)
    }

    /// Whether an item passes the filter and is not excluded.
    fn may_return(&self, item: ItemNo) -> Result<bool, Error> {
        if self.excluded.contains(item) {
            return Ok(false);
        }
        self.filter
            .map_or(Ok(true), |filter| filter.passes_newest(item))
    }

    /// Records a step of the fusion, which kept `kept` of `of` items.
    pub(super) fn record_step(
        &self,
        step: FusionStepKind,
        space: Option<&str>,
        of: Option<usize>,
        kept: usize,
    ) {
        self.trace.fusion_step(|| FusionStep {
            step,
            space: space.map(str::to_owned),
            of,
            kept,
        });
    }
}

impl Lists for FusionContext<'_> {
    fn spaces(&self) -> Vec<&str> {
        self.channels.iter().map(|channel| channel.name).collect()
    }

    fn best(&self, channel: usize, at_least: Option<f32>, depth: usize) -> Result<Ranking, Error> {
        self.top_k(self.at(channel)?, at_least, depth)
    }

    fn pages(&self, channel: usize, page: usize, depth: usize) -> Result<Ranking, Error> {
        self.top_pages(self.at(channel)?, page, depth)
    }

    fn score(&self, channel: usize, item: ItemNo) -> Option<f32> {
        self.channels.get(channel)?.score(item)
    }

    fn ids(&self) -> &dyn Ids {
        self.ids
    }

    fn rank(&self, scored: Ranking, k: usize) -> Result<Ranking, Error> {
        self.best_of(scored, k)
    }

    fn record(&self, step: FusionStepKind, space: Option<&str>, of: Option<usize>, kept: usize) {
        self.record_step(step, space, of, kept);
    }
}
