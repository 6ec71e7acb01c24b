//! A recall, set up once and run for any number of queries.

use super::excluded::{Excluded, items_of};
use super::explain::StageMicros;
use super::fusion::EnsembleSearch;
use super::hits::{Hit, Hits};
use super::lexical_space::{LexicalLimits, LexicalQuery, LexicalSpace};
use super::params::SearchParams;
use super::promise::{self, Promise};
use super::query::{Query, QueryInput, QueryOrigin};
use super::query_vector::QueryVector;
use super::query_vectors::{UserReading, query_item, query_vector, user_towers};
use super::ranks::exact_ranks;
use super::resolved_filter::ResolvedFilter;
use super::scratch::return_list;
use super::shard::{Request, Round, ShardHits, ShardStatistics};
use super::space_query::SpaceQuery;
use super::space_search::top_pages;
use super::stage::Stage;
use super::trace::{Trace, micros};
use super::view::View;
use crate::ensemble::Ensemble;
use crate::error::{Error, ShardsError};
use crate::snapshot::{ItemIds, Serving};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;
use twinspire_core::ids::ItemNo;
use twinspire_core::telemetry::{self, METRICS, metrics};
use twinspire_towers::internals::Model;

/// A recall that is set up: names, ids and filters are resolved against one snapshot.
pub(crate) struct Search<'a> {
    pub(super) view: &'a View,
    pub(super) params: &'a SearchParams,
    /// The name of the target.
    pub(super) name: &'a str,
    target: Target<'a>,
    filter: Option<ResolvedFilter<'a>>,
    /// The ids of the snapshot's items.
    ids: ItemIds<'a>,
    /// Items that no query may return.
    excluded: HashSet<ItemNo>,
    /// How long the set-up took, if the recall is to be explained or measured.
    pub(super) prepare_micros: f64,
}

/// What is searched.
enum Target<'a> {
    Space { name: &'a str, serving: &'a Serving },
    Ensemble(EnsembleSearch<'a>),
    Lexical(LexicalSpace<'a>),
}

/// Answers one query.
pub(crate) fn run_one(
    view: &View,
    name: &str,
    query: &Query<'_>,
    params: &SearchParams,
) -> Result<Hits, Error> {
    let _span = telemetry::debug_span!("recall", target = name, k = params.k).entered();
    answer_one(view, name, query, params).inspect_err(count_error)
}

fn answer_one(
    view: &View,
    name: &str,
    query: &Query<'_>,
    params: &SearchParams,
) -> Result<Hits, Error> {
    let search = Search::new(view, name, params)?;
    let trace = search.trace(None);
    let one = OneQuery::new(&search, query)?;
    let vector_in = |_, space: &str| one.vector_in(space);
    search.answer(query, (one.item, &one.own), vector_in, trace)
}

/// A single query, resolved for a search.
struct OneQuery<'s> {
    search: &'s Search<'s>,
    query: &'s Query<'s>,
    /// The item of a query by item.
    item: Option<ItemNo>,
    /// Items that the query excludes.
    own: HashSet<ItemNo>,
    /// Towers that read the features of the user.
    towers: Vec<Arc<Model>>,
    /// Fields of the user that lexical spaces read.
    texts: Vec<&'s str>,
}

impl<'s> OneQuery<'s> {
    fn new(search: &'s Search<'s>, query: &'s Query<'s>) -> Result<Self, Error> {
        Ok(Self {
            search,
            query,
            item: query_item(search.view, query)?,
            own: items_of(search.view, query.exclude)?,
            towers: search.user_towers(std::slice::from_ref(query))?,
            texts: search.texts(),
        })
    }

    /// The query vector in a space.
    fn vector_in(&self, space: &str) -> Result<QueryVector<'static>, Error> {
        let Search { view, params, .. } = self.search;
        let reading = UserReading::shared(params.check, &self.towers, &self.texts);
        let vector = query_vector(view, space, (self.query, self.item), reading);
        vector.map(QueryVector::Owned)
    }
}

/// What this database contributes to the answer to one query over several databases.
pub(crate) fn run_shard(
    view: &View,
    name: &str,
    query: &Query<'_>,
    params: &SearchParams,
    statistics: ShardStatistics,
) -> Result<ShardHits, Error> {
    let _span = telemetry::debug_span!("shard", target = name, k = params.k).entered();
    contribute_one(view, name, query, params, statistics).inspect_err(count_error)
}

fn contribute_one(
    view: &View,
    name: &str,
    query: &Query<'_>,
    params: &SearchParams,
    statistics: ShardStatistics,
) -> Result<ShardHits, Error> {
    let option = |option| Err(Error::Shards(ShardsError::Option { option }));
    match params {
        SearchParams { records: true, .. } => return option("records"),
        SearchParams {
            exact_ranks: true, ..
        } => return option("exact ranks"),
        SearchParams { explain: true, .. } => return option("an explanation"),
        _ => {}
    }
    // Items of other shards may have the fields.
    let mut unfiltered = params.clone();
    let filters = std::mem::take(&mut unfiltered.filters);
    let mut search = Search::new(view, name, &unfiltered)?;
    let (filter, unfit) = ResolvedFilter::resolve_in_shard(view.snapshot(), &filters)?;
    search.filter = filter;
    let trace = search.trace(None);
    let one = OneQuery::new(&search, query)?;
    let vector_in = |_, space: &str| one.vector_in(space);
    let request = Request {
        name: name.to_owned(),
        ensemble: search.ensemble().cloned(),
        k: params.k,
        offset: params.offset,
        at_least: params.at_least,
        filters: filters.iter().map(ToString::to_string).collect(),
        statistics,
    };
    let mut hits = search.contribute(query, (one.item, &one.own), vector_in, (request, &trace))?;
    hits.unfit = unfit;
    trace.measure(name, 1);
    Ok(hits)
}

/// Counts a query that was not answered.
pub(super) fn count_error(error: &Error) {
    if METRICS {
        metrics::RECALL_ERRORS.add_for(&format!("{:?}", error.kind()), 1);
    }
}

impl<'a> Search<'a> {
    /// Sets up a recall of the space or ensemble of a name.
    pub(super) fn new(
        view: &'a View,
        name: &'a str,
        params: &'a SearchParams,
    ) -> Result<Self, Error> {
        let started = (METRICS || params.explain).then(Instant::now);
        let snapshot = view.snapshot();
        params.check()?;
        let target = match snapshot.sealed.manifest.ensembles.get_key_value(name) {
            Some((name, ensemble)) => {
                Target::Ensemble(EnsembleSearch::new(snapshot, name, ensemble, params)?)
            }
            None => match LexicalSpace::of(snapshot, name)? {
                Some(space) => Target::Lexical(space),
                None => Target::Space {
                    name,
                    serving: snapshot.space(name)?,
                },
            },
        };
        let mut search = Self {
            view,
            params,
            name,
            target,
            filter: None,
            ids: ItemIds::of(snapshot),
            excluded: items_of(view, &params.exclude)?,
            prepare_micros: 0.0,
        };
        if !params.filters.is_empty() {
            let _span = telemetry::trace_span!("filter").entered();
            search.filter = ResolvedFilter::resolve(snapshot, &params.filters)?;
        }
        search.prepare_micros = started.map_or(0.0, micros);
        Ok(search)
    }

    /// The spaces whose query vectors are needed.
    pub(super) fn spaces(&self) -> impl Iterator<Item = &str> {
        let (space, ensemble) = match &self.target {
            Target::Space { name, .. } => (Some(*name), None),
            Target::Ensemble(ensemble) => (None, Some(ensemble.vector_spaces())),
            Target::Lexical(_) => (None, None),
        };
        space.into_iter().chain(ensemble.into_iter().flatten())
    }

    /// The fields of users that lexical spaces read.
    pub(super) fn texts(&self) -> Vec<&str> {
        match &self.target {
            Target::Space { .. } => Vec::new(),
            Target::Lexical(space) => vec![space.field()],
            Target::Ensemble(ensemble) => {
                let spaces = ensemble.lexical_spaces().iter();
                spaces.map(LexicalSpace::field).collect()
            }
        }
    }

    /// The space in which many queries are best answered by one scan: all items are to be scored, whatever
    /// their fields. A scan for many has no stages of each, so explained queries are answered one by one.
    pub(super) fn scanned_space(&self) -> Option<(&'a str, &'a Serving)> {
        let together = self.params.exact && self.filter.is_none() && !self.params.explain;
        match self.target {
            Target::Space { name, serving } if together => Some((name, serving)),
            _ => None,
        }
    }

    /// A trace of one query; of a batch, with the time that the query vectors of all took.
    pub(super) fn trace(&self, query_micros: Option<f64>) -> Trace {
        let stages = StageMicros {
            prepare: self.prepare_micros,
            query: query_micros.unwrap_or_default(),
            ..StageMicros::default()
        };
        Trace::new(self.params.explain, stages, query_micros.is_some())
    }

    /// The towers that get the features of the same user; none if there are no users.
    pub(super) fn user_towers(&self, queries: &[Query<'_>]) -> Result<Vec<Arc<Model>>, Error> {
        let mut inputs = queries.iter().filter_map(|query| query.input);
        match inputs.any(|input| matches!(input, QueryInput::User(_))) {
            true => user_towers(self.view, self.spaces()),
            false => Ok(Vec::new()),
        }
    }

    /// Answers one query. `vector_in` gives its vector in each of the [spaces](Self::spaces), by position
    /// and name; `item` is the item it is made from, `own` are the items that it excludes.
    pub(super) fn answer<'v>(
        &self,
        query: &Query<'_>,
        (item, own): (Option<ItemNo>, &HashSet<ItemNo>),
        vector_in: impl Fn(usize, &str) -> Result<QueryVector<'v>, Error>,
        trace: Trace,
    ) -> Result<Hits, Error> {
        let hits = self.find(query, (item, own), vector_in, &trace)?;
        trace.measure(self.name, 1);
        Ok(hits.with_explain(trace.finish()))
    }

    fn find<'v>(
        &self,
        query: &Query<'_>,
        (item, own): (Option<ItemNo>, &HashSet<ItemNo>),
        vector_in: impl Fn(usize, &str) -> Result<QueryVector<'v>, Error>,
        trace: &Trace,
    ) -> Result<Hits, Error> {
        let excluded = self.excluded(item, own);
        match &self.target {
            Target::Space { name, serving } => {
                let vector = vector_in(0, name)?;
                let generation = serving.base.generation.number;
                self.view.sample_query(name, generation, &vector);
                trace.end_stage(Stage::Query);
                let origin = query.origin_in(name);
                let query = self.space_query((name, serving), (&vector, origin), excluded, trace);
                let depth = self.params.k.saturating_add(self.params.offset);
                let best = top_pages(&query, self.params.k, depth)?;
                trace.end_stage(Stage::Search);
                let hits = self.hits(&query, &best)?;
                return_list(best);
                trace.end_stage(Stage::Answer);
                let promise = promise::of_space(&query);
                Ok(Hits::of_space(generation, hits, promise))
            }
            Target::Ensemble(ensemble) => {
                let filter = self.filter.as_ref();
                ensemble.answer(self.view, query, filter, excluded, vector_in, trace)
            }
            Target::Lexical(space) => {
                space.check_text(query)?;
                self.answer_by_words(&space.query(self.view, query, None)?, excluded, trace)
            }
        }
    }

    /// The ensemble that is searched, if it is one.
    fn ensemble(&self) -> Option<&Ensemble> {
        match &self.target {
            Target::Ensemble(search) => Some(search.recipe()),
            Target::Space { .. } | Target::Lexical(_) => None,
        }
    }

    /// What this database contributes to the answer to a query; otherwise as [`answer`](Self::answer).
    fn contribute<'v>(
        &self,
        query: &Query<'_>,
        (item, own): (Option<ItemNo>, &HashSet<ItemNo>),
        vector_in: impl Fn(usize, &str) -> Result<QueryVector<'v>, Error>,
        (request, trace): (Request, &Trace),
    ) -> Result<ShardHits, Error> {
        let excluded = self.excluded(item, own);
        let depth = self.params.k.saturating_add(self.params.offset);
        let (best, space, hash) = match &self.target {
            Target::Ensemble(ensemble) => {
                let filter = self.filter.as_ref();
                let request = (request, trace);
                return ensemble.contribute(self.view, query, filter, excluded, vector_in, request);
            }
            Target::Space { name, serving } => {
                let vector = vector_in(0, name)?;
                trace.end_stage(Stage::Query);
                let generation = &serving.base.generation;
                self.view.sample_query(name, generation.number, &vector);
                let origin = query.origin_in(name);
                let query = self.space_query((name, serving), (&vector, origin), excluded, trace);
                let best = top_pages(&query, self.params.k, depth)?;
                (best, *name, generation.towers_hash)
            }
            Target::Lexical(space) => {
                space.check_text(query)?;
                let Some(terms) = request.statistics.terms.get(space.name) else {
                    let terms = space.statistics(self.view, query)?;
                    let mut hits = ShardHits::new(request, Round::Terms);
                    hits.terms.push((space.name.to_owned(), terms));
                    return Ok(hits);
                };
                let limits = LexicalLimits {
                    excluded,
                    filter: self.filter.as_ref(),
                    at_least: self.params.at_least,
                };
                let query = space.query(self.view, query, Some(terms))?;
                (
                    query.top_k(&limits, &self.ids, depth)?,
                    space.name,
                    space.hash(),
                )
            }
        };
        trace.end_stage(Stage::Search);
        let mut hits = ShardHits::new(request, Round::Answer);
        hits.spaces = vec![(space.to_owned(), hash)];
        let items = hits.set_lists(best, Vec::new());
        hits.ids = self.view.item_ids(&items).collect::<Result<_, _>>()?;
        trace.end_stage(Stage::Answer);
        Ok(hits)
    }

    /// Answers a query of a lexical space.
    fn answer_by_words(
        &self,
        query: &LexicalQuery<'_>,
        excluded: Excluded<'_>,
        trace: &Trace,
    ) -> Result<Hits, Error> {
        trace.end_stage(Stage::Query);
        trace.words(|| query.explain());
        let limits = LexicalLimits {
            excluded,
            filter: self.filter.as_ref(),
            at_least: self.params.at_least,
        };
        let depth = self.params.k.saturating_add(self.params.offset);
        let best = query.top_k(&limits, &self.ids, depth)?;
        trace.end_stage(Stage::Search);
        let shown = best.get(self.params.offset..).unwrap_or_default();
        let ranks = match self.params.exact_ranks {
            true => query.exact_ranks(&limits, &self.ids, shown)?,
            false => HashMap::new(),
        };
        let hits = self.with_records(query.space(), shown, &ranks)?;
        return_list(best);
        trace.end_stage(Stage::Answer);
        let promise = self.params.recall_target.map(|_| Promise::Exact);
        Ok(Hits::of_space(query.generation(), hits, promise))
    }

    /// The items that a query must not return.
    pub(super) fn excluded<'e>(
        &'e self,
        item: Option<ItemNo>,
        own: &'e HashSet<ItemNo>,
    ) -> Excluded<'e> {
        Excluded {
            items: &self.excluded,
            own,
            query_item: item,
        }
    }

    /// A query in a space, by the parameters of this recall.
    pub(super) fn space_query<'q>(
        &'q self,
        (space, serving): (&'q str, &'q Serving),
        (vector, origin): (&'q [f32], QueryOrigin),
        excluded: Excluded<'q>,
        trace: &'q Trace,
    ) -> SpaceQuery<'q> {
        SpaceQuery {
            space,
            serving,
            vector,
            origin,
            params: self.params,
            excluded,
            filter: self.filter.as_ref(),
            ids: &self.ids,
            at_least: self.params.at_least,
            trace,
        }
    }

    /// The hits of a query in a space, of its best items.
    pub(super) fn hits(
        &self,
        query: &SpaceQuery<'_>,
        best: &[(f32, ItemNo)],
    ) -> Result<Vec<Hit>, Error> {
        let _span = telemetry::trace_span!("answer").entered();
        let best = best.get(self.params.offset..).unwrap_or_default();
        let ranks = match self.params.exact_ranks {
            true => exact_ranks(query, best)?,
            false => HashMap::new(),
        };
        self.with_records(query.space, best, &ranks)
    }

    /// The hits of the best items of a space, which have these ranks in it.
    fn with_records(
        &self,
        space: &str,
        best: &[(f32, ItemNo)],
        ranks: &HashMap<ItemNo, u32>,
    ) -> Result<Vec<Hit>, Error> {
        let (view, params) = (self.view, self.params);
        let hit = |(score, item): &(f32, ItemNo), id: String| -> Result<Hit, Error> {
            let rank = ranks.get(item).map(|rank| (space.to_owned(), *rank));
            Ok(Hit {
                record: params.record(view, &id)?,
                id,
                score: *score,
                channels: BTreeMap::new(),
                ranks: rank.into_iter().collect(),
            })
        };
        let mut hits = Vec::with_capacity(best.len());
        for (best, id) in best.iter().zip(view.item_ids(best)) {
            hits.push(hit(best, id?)?);
        }
        Ok(hits)
    }
}
