//! Reading: from a query to ranked items, on one snapshot and without a lock.
//!
//! [`run`] makes the query vector (from features by the user tower of the very generation that is
//! searched, from an item, or as given), walks each segment's graph, scans the overlay of late items
//! exactly, and merges. Nodes whose item was written since are walked through and not answered
//! with: their newer version stands in the overlay. An ensemble does so in each of its spaces, and
//! [fuses](fused) what they found.

mod best;
mod compare;
mod explain;
mod filtered;
mod fused;
mod hits;
mod mine;
mod part;
mod plan;
mod request;
mod space;
mod tree;
mod view;

pub(crate) use best::Best;
pub use compare::{ComparedItem, ComparedRank, Comparison, ComparisonSummary, RankChange};
pub use explain::{Explain, FusionStep, SegmentSearch, SpaceSearch, StageMicros};
pub use hits::{Hit, Hits};
pub(crate) use mine::{Order, mine};
#[cfg(test)]
pub(crate) use plan::{Plan, forced};
pub(crate) use request::{Query, Request};
pub(crate) use view::View;

use crate::error::{Error, InvalidVector};
use crate::graph::Scratch;
use crate::snapshot::{FreshItem, Serving};
use explain::Trace;
use filtered::Passing;
use fused::Prepared;
use rayon::prelude::*;
use serde_json::Value;
use space::{all_of, best_of};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::{Row, prepare};
use twinspire_towers::FeatureCheck;
use twinspire_towers::internals::{Reading, Side};

/// What is sought in a space.
#[derive(Clone, Copy)]
struct Sought<'a> {
    request: &'a Request<'a>,
    /// The space's name.
    space: &'a str,
    query: &'a [f32],
    /// Items that must not be answered with.
    hidden: &'a HashSet<ItemNo>,
    /// Those that may be; all, if there is no filter.
    passing: Option<&'a Passing<'a>>,
    /// The least score that counts.
    at_least: Option<f32>,
    /// Where what is done is written down.
    trace: &'a Trace,
}

impl Sought<'_> {
    /// Whether an item of a segment may be answered with, as far as there is no filter.
    fn shows(&self, serving: &Serving, item: ItemNo) -> bool {
        !serving.overlay.contains_key(&item) && !self.hidden.contains(&item)
    }

    /// Whether an item of the overlay may be answered with.
    fn shows_late(&self, item: ItemNo, late: &FreshItem) -> bool {
        !self.hidden.contains(&item) && self.passing.is_none_or(|passing| passing.late_passes(late))
    }
}

thread_local! {
    /// The memory of searches on this thread.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Answers one request.
pub(crate) fn run(view: &View, request: &Request<'_>, k: usize) -> Result<Hits, Error> {
    let snapshot = view.snapshot();
    let trace = Trace::new(request.explain);
    if let Some(ensemble) = snapshot.sealed.manifest.ensembles.get(request.space) {
        let prepared = Prepared::of(snapshot, ensemble, request)?;
        return fused::run(view, &prepared, request, k, trace);
    }
    of_space(view, request, k, trace)
}

/// Answers one request of a space.
fn of_space(view: &View, request: &Request<'_>, k: usize, trace: Trace) -> Result<Hits, Error> {
    let snapshot = view.snapshot();
    let serving = snapshot.space(request.space)?;
    let mut hidden = hidden(view, request, k)?;
    let passing = Passing::of(snapshot, [&**serving].into_iter(), &request.filters)?;
    trace.stage(|micros| &mut micros.prepare);
    let vector = query_vector(view, request.space, request, &mut hidden)?;
    let number = serving.base.generation.number;
    view.notice(request.space, number, &vector);
    trace.stage(|micros| &mut micros.query);
    let sought = Sought {
        request,
        space: request.space,
        query: &vector,
        hidden: &hidden,
        passing: passing.as_ref(),
        at_least: request.at_least,
        trace: &trace,
    };
    let mut hits = answer(view, serving, sought, k)?;
    hits.explain(trace);
    Ok(hits)
}

/// Answers for many users, in their order, all by one snapshot.
pub(crate) fn run_many(
    view: &View,
    request: &Request<'_>,
    users: &[Value],
    k: usize,
) -> Result<Vec<Hits>, Error> {
    let snapshot = view.snapshot();
    if let Some(ensemble) = snapshot.sealed.manifest.ensembles.get(request.space) {
        let prepared = Prepared::of(snapshot, ensemble, request)?;
        // What passes is known by now, and lists in filters may be long.
        let mut bare = request.clone();
        bare.filters.clear();
        let each = users.par_iter().enumerate().map(|(at, user)| {
            let mut request = bare.clone();
            request.query = Some(Query::User(user));
            let trace = Trace::new(request.explain);
            let hits = fused::run(view, &prepared, &request, k, trace);
            hits.map_err(|error| error.of_user(at))
        });
        return each.collect();
    }
    let serving = snapshot.space(request.space)?;
    if serving.base.generation.is_fused() {
        let each = users.par_iter().enumerate().map(|(at, user)| {
            let mut request = request.clone();
            request.query = Some(Query::User(user));
            let hits = of_space(view, &request, k, Trace::new(request.explain));
            hits.map_err(|error| error.of_user(at))
        });
        return each.collect();
    }
    let hidden = hidden(view, request, k)?;
    let passing = Passing::of(snapshot, [&**serving].into_iter(), &request.filters)?;
    let vectors = embed_users(view, serving, users, request.check, Some(()))?;
    let each = vectors.chunks_exact(serving.base.model.schema.dimension as usize);
    let number = serving.base.generation.number;
    let queries: Vec<&[f32]> = each.collect();
    let answers = queries.into_par_iter().map(|query| {
        view.notice(request.space, number, query);
        let trace = Trace::new(request.explain);
        let sought = Sought {
            request,
            space: request.space,
            query,
            hidden: &hidden,
            passing: passing.as_ref(),
            at_least: request.at_least,
            trace: &trace,
        };
        let mut hits = answer(view, serving, sought, k)?;
        hits.explain(trace);
        Ok(hits)
    });
    answers.collect()
}

/// The items that must not be answered with; refuses a `k` of 0.
fn hidden(view: &View, request: &Request<'_>, k: usize) -> Result<HashSet<ItemNo>, Error> {
    if k == 0 {
        return Err(Error::TopZero);
    }
    let mut hidden = HashSet::with_capacity(request.exclude.len());
    for id in &request.exclude {
        hidden.extend(view.find_item(id)?);
    }
    Ok(hidden)
}

/// The query vector of a request in a space; an item that others should be similar to is hidden. That of
/// a user in a fused space is made of those in its members, as are its items' vectors.
fn query_vector(
    view: &View,
    space: &str,
    request: &Request<'_>,
    hidden: &mut HashSet<ItemNo>,
) -> Result<Vec<f32>, Error> {
    let serving = view.snapshot().space(space)?;
    let generation = &serving.base.generation;
    let query = request.query_in(space);
    if generation.is_fused() && !matches!(query, Ok(Query::Vector(_) | Query::Similar(_))) {
        let mut vector = Vec::with_capacity(generation.dimension as usize);
        for member in generation.members.keys() {
            vector.extend(query_vector(view, member, request, hidden)?);
        }
        return Ok(vector);
    }
    match query? {
        Query::User(user) => {
            let one = std::slice::from_ref(user);
            embed_users(view, serving, one, request.check, None)
        }
        Query::Vector(vector) => check_vector(serving, vector),
        Query::Similar(id) => {
            let unknown = || Error::UnknownItem { id: id.to_owned() };
            let item = view.find_item(id)?.ok_or_else(unknown)?;
            hidden.insert(item);
            Ok(serving.vector(item).ok_or_else(unknown)?.to_vec())
        }
    }
}

/// Query vectors of users; `batch` says whether an error tells the place of the user.
fn embed_users(
    view: &View,
    serving: &Serving,
    users: &[Value],
    check: FeatureCheck,
    batch: Option<()>,
) -> Result<Vec<f32>, Error> {
    let failed = RefCell::new(None);
    let items = |id: &str, read: &mut dyn FnMut(Row<'_>)| match view.find_item(id) {
        Ok(item) => {
            if let Some(row) = item.and_then(|item| serving.vector(item)) {
                read(row);
            }
        }
        Err(error) => drop(failed.borrow_mut().get_or_insert(error)),
    };
    let model = &serving.base.model;
    let reading = Reading {
        items: Some(&items),
        check,
    };
    let vectors = model.embed_many(Side::User, users, reading);
    if let Some(error) = failed.take() {
        return Err(error);
    }
    vectors.map_err(|(at, source)| Error::User {
        at: batch.map(|()| at),
        source,
    })
}

fn check_vector(serving: &Serving, vector: &[f32]) -> Result<Vec<f32>, Error> {
    let schema = &serving.base.model.schema;
    if vector.len() != schema.dimension as usize {
        return Err(Error::Vector {
            source: InvalidVector::Dimension {
                found: vector.len(),
                expected: schema.dimension as usize,
            },
        });
    }
    let mut vector = vector.to_vec();
    prepare(schema.metric, &mut vector).map_err(|error| Error::Vector {
        source: error.into(),
    })?;
    Ok(vector)
}

fn answer(view: &View, serving: &Serving, sought: Sought<'_>, k: usize) -> Result<Hits, Error> {
    let offset = sought.request.offset;
    let best = best_of(serving, sought, k.saturating_add(offset))?;
    sought.trace.stage(|micros| &mut micros.search);
    let hits = best.into_iter().skip(offset).map(|(score, item)| {
        let id = match serving.overlay.get(&item) {
            Some(late) => late.id.clone(),
            None => view.snapshot().sealed.id(item)?.to_owned(),
        };
        let record = if sought.request.records {
            view.record(&id)?
        } else {
            None
        };
        Ok(Hit {
            id,
            score,
            record,
            channels: BTreeMap::new(),
            ranks: BTreeMap::new(),
        })
    });
    let hits = hits.collect::<Result<_, Error>>()?;
    sought.trace.stage(|micros| &mut micros.answer);
    Ok(Hits::new(serving.base.generation.number, hits))
}
