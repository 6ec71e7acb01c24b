//! A recall of an ensemble: the set-up that all queries share, and the answer to one query.

use super::business_value::BusinessValues;
use super::channel::{Channel, Source};
use super::context::FusionContext;
use super::lists::Lists;
use super::ranking::{Fused, Ranking};
use super::threshold::Scoring;
use super::{cascade, diversity, normalised, quotas, rank_fusion, single_graph, weighted};
use crate::ensemble::{Diversity, Ensemble, Method, Normalisation, Scale};
use crate::error::{Error, ShardsError};
use crate::recall::excluded::Excluded;
use crate::recall::explain::FusionStepKind;
use crate::recall::hits::{Hit, Hits};
use crate::recall::lexical_space::LexicalSpace;
use crate::recall::pages::stable_list;
use crate::recall::params::SearchParams;
use crate::recall::promise;
use crate::recall::query::Query;
use crate::recall::query_vector::QueryVector;
use crate::recall::resolved_filter::ResolvedFilter;
use crate::recall::shard::{Request, Round, ShardHits, ShardStatistics};
use crate::recall::stage::Stage;
use crate::recall::trace::Trace;
use crate::recall::view::View;
use crate::snapshot::{ItemIds, Snapshot};
use std::collections::HashMap;
use twinspire_core::ids::ItemNo;
use twinspire_core::telemetry;

/// A recall of an ensemble, set up for any number of queries.
pub(crate) struct EnsembleSearch<'a> {
    snapshot: &'a Snapshot,
    ensemble: &'a Ensemble,
    params: &'a SearchParams,
    business: Option<BusinessValues<'a>>,
    /// The lexical spaces of the ensemble.
    lexical: Vec<LexicalSpace<'a>>,
    ids: ItemIds<'a>,
}

impl<'a> EnsembleSearch<'a> {
    /// Sets up recalls of the ensemble `name`.
    pub(crate) fn new(
        snapshot: &'a Snapshot,
        name: &str,
        ensemble: &'a Ensemble,
        params: &'a SearchParams,
    ) -> Result<Self, Error> {
        let recipe = ensemble.recipe();
        if matches!(recipe.method, Method::Quotas { .. }) && params.at_least.is_some() {
            let name = name.to_owned();
            return Err(Error::NoScore { name });
        }
        let business = recipe.business.as_ref();
        let mut lexical = Vec::new();
        for space in ensemble.spaces() {
            lexical.extend(LexicalSpace::of(snapshot, space)?);
        }
        Ok(Self {
            snapshot,
            ensemble,
            params,
            business: business.map(|business| BusinessValues::of(snapshot, business)),
            lexical,
            ids: ItemIds::of(snapshot),
        })
    }

    /// The spaces of the ensemble that have vectors.
    pub(crate) fn vector_spaces(&self) -> impl Iterator<Item = &'a str> {
        let names = self.ensemble.spaces();
        names.filter(|name| !self.lexical.iter().any(|space| space.name == *name))
    }

    /// The stored recipe.
    pub(crate) fn recipe(&self) -> &'a Ensemble {
        self.ensemble
    }

    /// The lexical spaces of the ensemble.
    pub(crate) fn lexical_spaces(&self) -> &[LexicalSpace<'a>] {
        &self.lexical
    }

    /// Answers one query. `vector_in` gives its vector in each of the [spaces of vectors](Self::vector_spaces), by
    /// position and name.
    pub(crate) fn answer<'v>(
        &self,
        view: &View,
        query: &Query<'_>,
        filter: Option<&ResolvedFilter<'_>>,
        excluded: Excluded<'_>,
        vector_in: impl Fn(usize, &str) -> Result<QueryVector<'v>, Error>,
        trace: &Trace,
    ) -> Result<Hits, Error> {
        let channels = self.channels(view, query, vector_in, None, trace)?;
        trace.end_stage(Stage::Query);
        let context = self.context(channels, filter, excluded, trace);
        let depth = self.params.k.saturating_add(self.params.offset);
        let span = telemetry::trace_span!("fuse", spaces = context.channels.len()).entered();
        let fused = self.fuse_and_diversify(&context, depth)?;
        drop(span);
        trace.end_stage(Stage::Search);
        let _span = telemetry::trace_span!("answer").entered();
        let hits = self.hits(view, &context, fused)?;
        trace.end_stage(Stage::Answer);
        let generations = context.channels.iter().map(|channel| {
            let number = channel.generation();
            (channel.name.to_owned(), number)
        });
        let generations = generations.collect();
        let promise = promise::of_ensemble(self.params);
        Ok(Hits::of_ensemble(generations, hits, promise))
    }

    /// What this database contributes to an answer over several, with the figures of all of them in `request`; otherwise
    /// as [`answer`](Self::answer).
    pub(crate) fn contribute<'v>(
        &self,
        view: &View,
        query: &Query<'_>,
        filter: Option<&ResolvedFilter<'_>>,
        excluded: Excluded<'_>,
        vector_in: impl Fn(usize, &str) -> Result<QueryVector<'v>, Error>,
        (request, trace): (Request, &Trace),
    ) -> Result<ShardHits, Error> {
        let statistics = &request.statistics;
        let unknown = |space: &&LexicalSpace<'_>| !statistics.terms.contains_key(space.name);
        if self.lexical.iter().any(|space| unknown(&space)) {
            let mut hits = ShardHits::new(request, Round::Terms);
            for space in &self.lexical {
                let terms = space.statistics(view, query)?;
                hits.terms.push((space.name.to_owned(), terms));
            }
            return Ok(hits);
        }
        let channels = self.channels(view, query, vector_in, Some(statistics), trace)?;
        trace.end_stage(Stage::Query);
        let context = self.context(channels, filter, excluded, trace);
        let recipe = self.ensemble.recipe();
        let pool = recipe.diversity.as_ref().map_or(0, Diversity::pool);
        let depth = self.params.k.saturating_add(self.params.offset).max(pool);
        let page = self.params.k.max(pool);
        let each = || 0..context.channels.len();
        let (mut ranking, mut lists, mut round) = (Ranking::new(), Vec::new(), Round::Answer);
        match &recipe.method {
            Method::Normalised { by, depth, .. } if statistics.scales.is_empty() => {
                round = Round::Scales;
                for (at, channel) in context.channels.iter().enumerate() {
                    let calibrated = *by == Normalisation::Calibration && channel.has_vectors();
                    if calibrated && !statistics.calibrations.contains_key(channel.name) {
                        let space = channel.name.to_owned();
                        return Err(Error::Shards(ShardsError::Calibration { space }));
                    }
                    lists.push(match calibrated {
                        true => Ranking::new(),
                        false => context.best(at, None, *depth as usize)?,
                    });
                }
            }
            Method::Weighted { .. } | Method::Normalised { .. } => {
                let scales = &statistics.scales;
                ranking = self.fuse(&context, page, depth, Some(scales))?.best;
            }
            Method::Cascade { stages } => {
                if let Some(first) = stages.first() {
                    let channel = context.channel_of(&first.space)?;
                    lists.resize(channel, Ranking::new());
                    lists.push(context.best(channel, first.at_least, first.take as usize)?);
                }
            }
            Method::RankFusion { depth, .. } => {
                let list = |channel| context.best(channel, None, *depth as usize);
                lists = each().map(list).collect::<Result<_, _>>()?;
            }
            Method::Quotas { .. } => {
                let list = |channel| context.pages(channel, page, depth);
                lists = each().map(list).collect::<Result<_, _>>()?;
            }
        }
        trace.end_stage(Stage::Search);
        let mut hits = ShardHits::new(request, round);
        hits.spaces = self.hashes(&context);
        let items = hits.set_lists(ranking, lists);
        hits.ids = view.item_ids(&items).collect::<Result<_, _>>()?;
        if round == Round::Answer {
            let scores = items.iter().map(|(_, item)| {
                let channels = context.channels.iter();
                channels.map(|channel| channel.score(*item)).collect()
            });
            hits.scores = scores.collect();
            if let Some(business) = context.business.filter(|_| !hits.lists.is_empty()) {
                let numbers = items.iter().map(|(_, item)| business.number(*item));
                hits.numbers = numbers.collect::<Result<_, _>>()?;
            }
        }
        trace.end_stage(Stage::Answer);
        Ok(hits)
    }

    /// The name of each space, with a hash of its towers or its definition.
    fn hashes(&self, context: &FusionContext<'_>) -> Vec<(String, u64)> {
        let each = context.channels.iter().map(|channel| {
            let hash = match &channel.source {
                Source::Vectors { serving, .. } => serving.base.generation.towers_hash,
                Source::Words(query) => query.definition_hash(),
            };
            (channel.name.to_owned(), hash)
        });
        each.collect()
    }

    /// The channels of a query, over the statistics of its words in all shards or in this database.
    fn channels<'c, 'v: 'c>(
        &'c self,
        view: &View,
        query: &Query<'_>,
        vector_in: impl Fn(usize, &str) -> Result<QueryVector<'v>, Error>,
        statistics: Option<&ShardStatistics>,
        trace: &Trace,
    ) -> Result<Vec<Channel<'c>>, Error> {
        let mut channels = Vec::new();
        let mut vectors = 0;
        for name in self.ensemble.spaces() {
            let mut lexical = self.lexical.iter();
            if let Some(space) = lexical.find(|space| space.name == name) {
                let terms = statistics.and_then(|statistics| statistics.terms.get(name));
                let query = space.query(view, query, terms)?;
                trace.words(|| query.explain());
                let source = Source::Words(query);
                channels.push(Channel { name, source });
                continue;
            }
            let serving = &**self.snapshot.space(name)?;
            let vector = vector_in(vectors, name)?;
            vectors += 1;
            view.sample_query(name, serving.base.generation.number, &vector);
            let source = Source::Vectors {
                serving,
                vector,
                origin: query.origin_in(name),
            };
            channels.push(Channel { name, source });
        }
        Ok(channels)
    }

    fn context<'c>(
        &'c self,
        channels: Vec<Channel<'c>>,
        filter: Option<&'c ResolvedFilter<'c>>,
        excluded: Excluded<'c>,
        trace: &'c Trace,
    ) -> FusionContext<'c> {
        FusionContext {
            snapshot: self.snapshot,
            params: self.params,
            channels,
            filter,
            business: self.business.as_ref(),
            ids: &self.ids,
            excluded,
            trace,
        }
    }

    /// The first `depth` items of the answer.
    fn fuse_and_diversify(
        &self,
        context: &FusionContext<'_>,
        depth: usize,
    ) -> Result<Fused, Error> {
        let page = self.params.k;
        let Some(diversity) = &self.ensemble.recipe().diversity else {
            return self.fuse(context, page, depth, None);
        };
        let pool = diversity.pool();
        let mut fused = self.fuse(context, page.max(pool), depth.max(pool), None)?;
        let of = fused.best.len();
        let serving = self.snapshot.space(diversity.space())?;
        let vector_of = |item| Some(serving.vector(item)?.to_vec());
        fused.best = diversity::choose(diversity, fused.best, depth, vector_of);
        fused.best.truncate(depth);
        let (step, kept) = (FusionStepKind::Diversity, fused.best.len());
        context.record_step(step, Some(diversity.space()), Some(of), kept);
        Ok(fused)
    }

    /// The first `depth` items of the fusion, for pages of size `page`. `scales` are those of a normalised sum; without
    /// them, the lists of this database give them.
    fn fuse(
        &self,
        context: &FusionContext<'_>,
        page: usize,
        depth: usize,
        scales: Option<&[Scale]>,
    ) -> Result<Fused, Error> {
        // Exact answers are slices of one ranking anyway.
        let first = if self.params.exact { depth } else { page };
        let ranking: Result<Ranking, Error> = match &self.ensemble.recipe().method {
            Method::Weighted {
                spaces,
                missing,
                fused,
            } => {
                let weights: Vec<f32> = spaces.values().copied().collect();
                let scoring = Scoring {
                    missing: *missing,
                    fuse: &|scores| weighted::sum(&weights, scores),
                };
                let graph = fused.as_deref().and_then(|name| {
                    let serving = single_graph::usable(context, name)?;
                    Some((name, serving))
                });
                stable_list(first, depth, |k| match graph {
                    Some(graph) => single_graph::best(context, graph, &weights, &scoring, k),
                    None => weighted::best(context, &scoring, k),
                })
            }
            // These rank lists of fixed length: a longer answer starts with the shorter ones.
            Method::Cascade { stages } => cascade::best(context, stages, depth),
            Method::Normalised {
                spaces,
                by,
                depth: listed,
            } => {
                let own = || normalised::scales(context, (*by, *listed));
                let scales = scales.map_or_else(own, |scales| Ok(scales.to_vec()))?;
                stable_list(first, depth, |k| {
                    normalised::best(context, spaces, &scales, k)
                })
            }
            Method::RankFusion {
                spaces,
                k: constant,
                depth: listed,
            } => return rank_fusion::best(context, spaces, (*constant, *listed), depth),
            Method::Quotas { channels } => return quotas::best(context, channels, page, depth),
        };
        ranking.map(Fused::from)
    }

    /// The hits of a fusion, without the first ones that the recall skips.
    fn hits(
        &self,
        view: &View,
        context: &FusionContext<'_>,
        Fused { best, ranks }: Fused,
    ) -> Result<Vec<Hit>, Error> {
        let (params, channels) = (self.params, &context.channels);
        let best = best.get(params.offset..).unwrap_or_default();
        let ranks: Vec<HashMap<ItemNo, u32>> = if params.exact_ranks {
            let of_channel = |channel| context.exact_ranks(channel, best);
            channels.iter().map(of_channel).collect::<Result<_, _>>()?
        } else {
            ranks
        };
        let hit = |((score, item), id): (&(f32, ItemNo), Result<String, Error>)| {
            let id = id?;
            let scores = channels
                .iter()
                .filter_map(|channel| Some((channel.name.to_owned(), channel.score(*item)?)));
            let ranks = ranks
                .iter()
                .zip(channels)
                .filter_map(|(ranks, c)| Some((c.name.to_owned(), *ranks.get(item)?)));
            Ok(Hit {
                record: params.record(view, &id)?,
                id,
                score: *score,
                channels: scores.collect(),
                ranks: ranks.collect(),
            })
        };
        best.iter().zip(view.item_ids(best)).map(hit).collect()
    }
}
