//! A recall of an ensemble: the set-up that all queries share, and the answer to one query.

use super::business_value::BusinessValues;
use super::channel::{Channel, Source};
use super::context::FusionContext;
use super::ranking::{Fused, Ranking};
use super::threshold::Scoring;
use super::{cascade, diversity, normalised, quotas, rank_fusion, single_graph, weighted};
use crate::ensemble::{Ensemble, Method};
use crate::error::Error;
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
use crate::recall::trace::Trace;
use crate::recall::view::View;
use crate::snapshot::{ItemIds, Snapshot};
use std::collections::HashMap;
use twinspire_core::ids::ItemNo;

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
        trace: Trace,
    ) -> Result<Hits, Error> {
        let mut channels = Vec::new();
        let mut vectors = 0;
        for name in self.ensemble.spaces() {
            let mut lexical = self.lexical.iter();
            if let Some(space) = lexical.find(|space| space.name == name) {
                let source = Source::Words(space.query(view, query)?);
                channels.push(Channel { name, source });
                continue;
            }
            let serving = &**self.snapshot.space(name)?;
            let vector = vector_in(vectors, name)?;
            vectors += 1;
            view.sample_query(name, serving.base.generation.number, &vector);
            let source = Source::Vectors { serving, vector };
            channels.push(Channel { name, source });
        }
        trace.end_stage(|micros| &mut micros.query);
        let context = FusionContext {
            snapshot: self.snapshot,
            params: self.params,
            channels,
            filter,
            business: self.business.as_ref(),
            ids: &self.ids,
            excluded,
            trace: &trace,
        };
        let depth = self.params.k.saturating_add(self.params.offset);
        let fused = self.fuse_and_diversify(&context, depth)?;
        trace.end_stage(|micros| &mut micros.search);
        let hits = self.hits(view, &context, fused)?;
        trace.end_stage(|micros| &mut micros.answer);
        let generations = context.channels.iter().map(|channel| {
            let number = channel.generation();
            (channel.name.to_owned(), number)
        });
        let generations = generations.collect();
        let promise = promise::of_ensemble(self.params);
        Ok(Hits::of_ensemble(
            generations,
            hits,
            promise,
            trace.finish(),
        ))
    }

    /// The first `depth` items of the answer.
    fn fuse_and_diversify(
        &self,
        context: &FusionContext<'_>,
        depth: usize,
    ) -> Result<Fused, Error> {
        let page = self.params.k;
        let Some(diversity) = &self.ensemble.recipe().diversity else {
            return self.fuse(context, page, depth);
        };
        let pool = diversity.pool();
        let mut fused = self.fuse(context, page.max(pool), depth.max(pool))?;
        let of = fused.best.len();
        fused.best = diversity::choose(self.snapshot, diversity, fused.best, depth)?;
        fused.best.truncate(depth);
        let (step, kept) = (FusionStepKind::Diversity, fused.best.len());
        context.record(step, Some(diversity.space()), Some(of), kept);
        Ok(fused)
    }

    /// The first `depth` items of the fusion, for pages of size `page`.
    fn fuse(&self, context: &FusionContext<'_>, page: usize, depth: usize) -> Result<Fused, Error> {
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
            } => stable_list(first, depth, |k| {
                normalised::best(context, spaces, (*by, *listed), k)
            }),
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
