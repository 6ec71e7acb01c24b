//! Recalls of many queries: their vectors are made together, then each is answered on all cores.

use super::excluded::items_of;
use super::hits::Hits;
use super::params::SearchParams;
use super::promise;
use super::query::Query;
use super::query_vector::QueryVector;
use super::query_vectors::{UserReading, query_item, query_vectors};
use super::search::{Search, count_error};
use super::space_query::SpaceQuery;
use super::space_search::exact_lists;
use super::stage::Stage;
use super::trace::micros;
use super::view::View;
use crate::error::Error;
use crate::snapshot::Serving;
use rayon::prelude::*;
use std::collections::HashSet;
use std::time::Instant;
use twinspire_core::ids::ItemNo;
use twinspire_core::telemetry::{self, METRICS, metrics};

/// Maximum number of queries that are scanned for together.
const SCANNED_TOGETHER: usize = 16;

/// A query of a batch, with its vectors.
struct ReadQuery<'q> {
    /// The query itself.
    query: &'q Query<'q>,
    /// Its vector in each of the [spaces](Search::spaces).
    vectors: Vec<Vec<f32>>,
    /// The item it is made from.
    item: Option<ItemNo>,
    /// The items that it excludes.
    exclude: HashSet<ItemNo>,
}

impl ReadQuery<'_> {
    fn vector(&self, space: usize) -> &[f32] {
        self.vectors
            .get(space)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }
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
    let _span = telemetry::debug_span!(
        "batch",
        target = name,
        k = params.k,
        queries = queries.len()
    )
    .entered();
    let search = Search::new(view, name, params).inspect_err(count_error)?;
    search.measure_prepare();
    search.answers(queries)
}

impl Search<'_> {
    /// Records how long the set-up of a batch took.
    pub(super) fn measure_prepare(&self) {
        if METRICS {
            let prepare = Some(self.prepare_micros / 1e6);
            metrics::record_recall_stages([prepare, None, None, None]);
        }
    }

    /// Answers queries in their order, on all cores; as [`run_each`].
    pub(super) fn answers(&self, queries: &[Query<'_>]) -> Result<Vec<Result<Hits, Error>>, Error> {
        let started = (METRICS || self.params.explain).then(Instant::now);
        let batch = telemetry::current_span();
        let (mut items, mut vectors) = (Vec::new(), Vec::new());
        for query in queries {
            let item = query_item(self.view, query);
            items.push(item.as_ref().ok().copied().flatten());
            vectors.push(item.map(|_| Vec::new()));
        }
        let towers = self.user_towers(queries)?;
        let texts = self.texts();
        let reading = UserReading::shared(self.params.check, &towers, &texts);
        for space in self.spaces() {
            let found = query_vectors(self.view, space, (queries, &items), reading)?;
            for (vectors, found) in vectors.iter_mut().zip(found) {
                match (vectors, found) {
                    (Ok(vectors), Ok(vector)) => vectors.push(vector),
                    (vectors @ Ok(_), Err(error)) => *vectors = Err(error),
                    // Its error in an earlier space stands.
                    (Err(_), _) => {}
                }
            }
        }
        let query_micros = started.map_or(0.0, micros);
        if METRICS {
            metrics::record_recall_stages([None, Some(query_micros / 1e6), None, None]);
        }
        let each = vectors.into_par_iter().zip(queries).zip(items);
        let each = each.map(|((vectors, query), item)| {
            Ok(ReadQuery {
                query,
                vectors: vectors?,
                item,
                exclude: items_of(self.view, query.exclude)?,
            })
        });
        let space = self.scanned_space();
        let share = queries.len().div_ceil(rayon::current_num_threads());
        let together = space.map_or(1, |_| share.clamp(1, SCANNED_TOGETHER));
        let answers = each.chunks(together).flat_map_iter(|group| match space {
            Some(space) => batch.in_scope(|| self.answer_by_scan(space, group)),
            None => {
                let answer = |read: Result<ReadQuery<'_>, Error>| {
                    let read = read?;
                    let vector_in = |space, _: &str| Ok(QueryVector::Borrowed(read.vector(space)));
                    let trace = self.trace(Some(query_micros));
                    self.answer(read.query, (read.item, &read.exclude), vector_in, trace)
                };
                batch.in_scope(|| group.into_iter().map(answer).collect())
            }
        });
        let answers: Vec<Result<Hits, Error>> = answers.collect();
        let failed = answers.iter().filter_map(|answer| answer.as_ref().err());
        failed.for_each(count_error);
        Ok(answers)
    }

    /// Answers queries of a [scanned space](Self::scanned_space) by one scan.
    fn answer_by_scan(
        &self,
        (name, serving): (&str, &Serving),
        group: Vec<Result<ReadQuery<'_>, Error>>,
    ) -> Vec<Result<Hits, Error>> {
        let (generation, trace) = (serving.base.generation.number, self.trace(Some(0.0)));
        let queries = group.iter().flatten().map(|read| {
            let excluded = self.excluded(read.item, &read.exclude);
            self.view.sample_query(name, generation, read.vector(0));
            let vector = (read.vector(0), read.query.origin_in(name));
            self.space_query((name, serving), vector, excluded, &trace)
        });
        let queries: Vec<SpaceQuery<'_>> = queries.collect();
        let depth = self.params.k.saturating_add(self.params.offset);
        let lists = exact_lists(&queries, depth);
        let answer = |(query, list): (&SpaceQuery<'_>, Result<Vec<_>, Error>)| {
            let (hits, promise) = (self.hits(query, &list?)?, promise::of_space(query));
            Ok(Hits::of_space(generation, hits, promise))
        };
        trace.end_stage(Stage::Search);
        let answers: Vec<_> = queries.iter().zip(lists).map(answer).collect();
        trace.end_stage(Stage::Answer);
        let answered = answers.iter().filter(|answer| answer.is_ok());
        trace.measure(self.name, answered.count() as u64);
        let mut answers = answers.into_iter();
        let each = group.into_iter().filter_map(|read| match read {
            Ok(_) => answers.next(),
            Err(error) => Some(Err(error)),
        });
        each.collect()
    }
}
