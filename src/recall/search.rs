//! A recall, set up once and run for any number of queries.

use super::excluded::{Excluded, items_of};
use super::explain::StageMicros;
use super::fusion::EnsembleSearch;
use super::hits::{Hit, Hits};
use super::params::SearchParams;
use super::promise;
use super::query::{Query, QueryInput};
use super::query_vectors::{UserReading, query_item, query_vector, query_vectors, user_towers};
use super::ranks::exact_ranks;
use super::resolved_filter::ResolvedFilter;
use super::space_query::SpaceQuery;
use super::space_search::top_pages;
use super::trace::{Trace, micros};
use super::view::View;
use crate::error::Error;
use crate::snapshot::{ItemIds, Serving};
use rayon::prelude::*;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;
use twinspire_core::ids::ItemNo;
use twinspire_towers::internals::Model;

/// A recall that is set up: names, ids and filters are resolved against one snapshot.
pub(crate) struct Search<'a> {
    view: &'a View,
    params: &'a SearchParams,
    target: Target<'a>,
    filter: Option<ResolvedFilter<'a>>,
    /// The ids of the snapshot's items.
    ids: ItemIds<'a>,
    /// Items that no query may return.
    excluded: HashSet<ItemNo>,
    /// How long the set-up took, if the recall is to be explained.
    prepare_micros: f64,
}

/// What is searched.
enum Target<'a> {
    Space { name: &'a str, serving: &'a Serving },
    Ensemble(EnsembleSearch<'a>),
}

/// Answers one query.
pub(crate) fn run_one(
    view: &View,
    name: &str,
    query: &Query<'_>,
    params: &SearchParams,
) -> Result<Hits, Error> {
    let search = Search::new(view, name, params)?;
    let trace = search.trace(0.0);
    let item = query_item(view, query)?;
    let own = items_of(view, query.exclude)?;
    let towers = search.user_towers(std::slice::from_ref(query))?;
    let reading = UserReading::shared(params.check, &towers);
    let vector_in =
        |_, space: &str| query_vector(view, space, (query, item), reading).map(Cow::Owned);
    search.answer((item, &own), vector_in, trace)
}

/// Answers queries in their order, on all cores: all of them or none.
pub(crate) fn run(
    view: &View,
    name: &str,
    queries: &[Query<'_>],
    params: &SearchParams,
) -> Result<Vec<Hits>, Error> {
    // The first error in the order of the queries, whichever thread failed first.
    run_each(view, name, queries, params)?.into_iter().collect()
}

/// Answers queries in their order, on all cores. A query that cannot be answered has an error of its
/// own; the outer error concerns all of them.
pub(crate) fn run_each(
    view: &View,
    name: &str,
    queries: &[Query<'_>],
    params: &SearchParams,
) -> Result<Vec<Result<Hits, Error>>, Error> {
    let search = Search::new(view, name, params)?;
    let started = Instant::now();
    let (mut items, mut vectors) = (Vec::new(), Vec::new());
    for query in queries {
        let item = query_item(view, query);
        items.push(item.as_ref().ok().copied().flatten());
        vectors.push(item.map(|_| Vec::new()));
    }
    let towers = search.user_towers(queries)?;
    let reading = UserReading::shared(params.check, &towers);
    for space in search.spaces() {
        let found = query_vectors(view, space, (queries, &items), reading)?;
        for (vectors, found) in vectors.iter_mut().zip(found) {
            match (vectors, found) {
                (Ok(vectors), Ok(vector)) => vectors.push(vector),
                (vectors @ Ok(_), Err(error)) => *vectors = Err(error),
                // Its error in an earlier space stands.
                (Err(_), _) => {}
            }
        }
    }
    let query_micros = micros(started);
    let each = vectors.into_par_iter().zip(queries).zip(items);
    let answers = each.map(|((vectors, query), item)| {
        let vectors: Vec<Vec<f32>> = vectors?;
        let own = items_of(view, query.exclude)?;
        let vector_in = |space: usize, _: &str| {
            let vector = vectors.get(space).map(Vec::as_slice);
            Ok(Cow::Borrowed(vector.unwrap_or_default()))
        };
        search.answer((item, &own), vector_in, search.trace(query_micros))
    });
    Ok(answers.collect())
}

impl<'a> Search<'a> {
    /// Sets up a recall of the space or ensemble of a name.
    pub(super) fn new(
        view: &'a View,
        name: &'a str,
        params: &'a SearchParams,
    ) -> Result<Self, Error> {
        let started = params.explain.then(Instant::now);
        let snapshot = view.snapshot();
        params.check()?;
        let target = match snapshot.sealed.manifest.ensembles.get_key_value(name) {
            Some((name, ensemble)) => {
                Target::Ensemble(EnsembleSearch::new(snapshot, name, ensemble, params)?)
            }
            None => Target::Space {
                name,
                serving: snapshot.space(name)?,
            },
        };
        let mut search = Self {
            view,
            params,
            target,
            filter: None,
            ids: ItemIds::of(snapshot),
            excluded: items_of(view, &params.exclude)?,
            prepare_micros: 0.0,
        };
        search.filter = ResolvedFilter::resolve(snapshot, &params.filters)?;
        search.prepare_micros = started.map_or(0.0, micros);
        Ok(search)
    }

    /// The spaces whose query vectors are needed.
    fn spaces(&self) -> impl Iterator<Item = &str> {
        let (space, ensemble) = match &self.target {
            Target::Space { name, .. } => (Some(*name), None),
            Target::Ensemble(ensemble) => (None, Some(ensemble.spaces())),
        };
        space.into_iter().chain(ensemble.into_iter().flatten())
    }

    /// A trace of one query, whose vectors may have been made before.
    fn trace(&self, query_micros: f64) -> Trace {
        let stages = StageMicros {
            prepare: self.prepare_micros,
            query: query_micros,
            ..StageMicros::default()
        };
        Trace::with_stages(self.params.explain, stages)
    }

    /// The towers that get the features of the same user; none if there are no users.
    fn user_towers(&self, queries: &[Query<'_>]) -> Result<Vec<Arc<Model>>, Error> {
        let mut inputs = queries.iter().filter_map(|query| query.input);
        match inputs.any(|input| matches!(input, QueryInput::User(_))) {
            true => user_towers(self.view, self.spaces()),
            false => Ok(Vec::new()),
        }
    }

    /// Answers one query. `vector_in` gives its vector in each of the [spaces](Self::spaces), by position
    /// and name; `item` is the item it is made from, `own` are the items that it excludes.
    fn answer<'v>(
        &self,
        (item, own): (Option<ItemNo>, &HashSet<ItemNo>),
        vector_in: impl Fn(usize, &str) -> Result<Cow<'v, [f32]>, Error>,
        trace: Trace,
    ) -> Result<Hits, Error> {
        let excluded = Excluded {
            items: &self.excluded,
            own,
            query_item: item,
        };
        match &self.target {
            Target::Space { name, serving } => {
                let vector = vector_in(0, name)?;
                let generation = serving.base.generation.number;
                self.view.sample_query(name, generation, &vector);
                trace.end_stage(|micros| &mut micros.query);
                let query = self.space_query((name, serving), &vector, excluded, &trace);
                let hits = self.space_hits(&query)?;
                trace.end_stage(|micros| &mut micros.answer);
                let promise = promise::of_space(&query);
                Ok(Hits::of_space(generation, hits, promise, trace.finish()))
            }
            Target::Ensemble(ensemble) => {
                let filter = self.filter.as_ref();
                ensemble.answer(self.view, filter, excluded, vector_in, trace)
            }
        }
    }

    /// A query in a space, by the parameters of this recall.
    pub(super) fn space_query<'q>(
        &'q self,
        (space, serving): (&'q str, &'q Serving),
        vector: &'q [f32],
        excluded: Excluded<'q>,
        trace: &'q Trace,
    ) -> SpaceQuery<'q> {
        SpaceQuery {
            space,
            serving,
            vector,
            params: self.params,
            excluded,
            filter: self.filter.as_ref(),
            ids: &self.ids,
            at_least: self.params.at_least,
            trace,
        }
    }

    /// The hits of a query in a space.
    fn space_hits(&self, query: &SpaceQuery<'_>) -> Result<Vec<Hit>, Error> {
        let (view, params) = (self.view, self.params);
        let depth = params.k.saturating_add(params.offset);
        let best = top_pages(query, params.k, depth)?;
        query.trace.end_stage(|micros| &mut micros.search);
        let best = best.get(params.offset..).unwrap_or_default();
        let ranks = match params.exact_ranks {
            true => exact_ranks(query, best)?,
            false => HashMap::new(),
        };
        let hit = |(score, item): &(f32, ItemNo)| {
            let id = view.item_id(*item)?;
            let rank = ranks.get(item).map(|rank| (query.space.to_owned(), *rank));
            Ok(Hit {
                record: params.record(view, &id)?,
                id,
                score: *score,
                channels: BTreeMap::new(),
                ranks: rank.into_iter().collect(),
            })
        };
        best.iter().map(hit).collect()
    }
}
