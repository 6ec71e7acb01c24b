//! Reading: from a query to ranked items, on one snapshot and without a lock.
//!
//! [`run`] makes the query vector (from features by the user tower of the very generation that is
//! searched, from an item, or as given), walks each segment's graph, scans the overlay of late items
//! exactly, and merges. Nodes whose item was written since are walked through and not answered
//! with: their newer version stands in the overlay. An ensemble does so in each of its spaces, and
//! [fuses](fused) what they found.

mod best;
mod filtered;
mod fused;
mod hits;
mod part;
mod plan;
mod tree;

pub(crate) use best::Best;
pub use hits::{Hit, Hits};
#[cfg(test)]
pub(crate) use plan::{Plan, forced};

use crate::error::Error;
use crate::filter::Filter;
use crate::graph::{Ask, DEFAULT_EF, Scored, Scratch, search, search_kept, within};
use crate::ids::ItemNo;
use crate::kernel::prepare;
use crate::manifest::Generation;
use crate::snapshot::{Late, Live, Serving, Snapshot, parse};
use crate::store::SpaceSegment;
use crate::tower::Side;
use filtered::Passing;
use part::best_passing;
use rayon::prelude::*;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};

/// What a recall asks for.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    /// The space.
    pub(crate) space: &'a str,
    /// For whom or what.
    pub(crate) query: Option<Query<'a>>,
    /// What takes its place in some spaces of an ensemble.
    pub(crate) queries: Vec<(&'a str, Query<'a>)>,
    /// Ids never answered with.
    pub(crate) exclude: Vec<String>,
    /// What every answer has to match.
    pub(crate) filters: Vec<Filter>,
    /// The width of the beam.
    pub(crate) ef: usize,
    /// The share of the exact answer that is wanted, in place of a width.
    pub(crate) target: Option<f32>,
    /// The least score that is answered with.
    pub(crate) at_least: Option<f32>,
    /// Whether every item is scored.
    pub(crate) exact: bool,
    /// Whether hits carry their records.
    pub(crate) records: bool,
}

/// For whom or what.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Query<'a> {
    /// A user, by raw features.
    User(&'a Value),
    /// A vector of the space.
    Vector(&'a [f32]),
    /// An item, by id.
    Similar(&'a str),
}

impl<'a> Request<'a> {
    /// A recall of a space with every option at its default.
    pub(crate) fn new(space: &'a str) -> Self {
        Self {
            space,
            query: None,
            queries: Vec::new(),
            exclude: Vec::new(),
            filters: Vec::new(),
            ef: DEFAULT_EF,
            target: None,
            at_least: None,
            exact: false,
            records: false,
        }
    }
}

impl<'a> Request<'a> {
    /// For whom or what in a space.
    fn query_in(&self, space: &str) -> Result<Query<'a>, Error> {
        let mut own = self.queries.iter().rev();
        let own = own
            .find(|(name, _)| *name == space)
            .map(|(_, query)| *query);
        own.or(self.query).ok_or(Error::NoQuery)
    }
}

/// How hard a space is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effort {
    /// Every item is scored.
    Exact,
    /// By beams of this width.
    Beam(usize),
}

impl Request<'_> {
    /// How hard a generation is searched for the best `k`.
    fn effort(&self, generation: &Generation, k: usize) -> Effort {
        match self.target {
            _ if self.exact => Effort::Exact,
            Some(target) if target >= 1.0 => Effort::Exact,
            Some(target) if k == usize::MAX => {
                Effort::Beam(generation.calibration.ef(DEFAULT_EF, target))
            }
            Some(target) => Effort::Beam(generation.calibration.ef(k, target)),
            None => Effort::Beam(self.ef),
        }
    }
}

/// What is sought in a space.
#[derive(Clone, Copy)]
struct Sought<'a> {
    request: &'a Request<'a>,
    query: &'a [f32],
    /// Items that must not be answered with.
    hidden: &'a HashSet<ItemNo>,
    /// Those that may be; all, if there is no filter.
    passing: Option<&'a Passing<'a>>,
    /// The least score that counts.
    at_least: Option<f32>,
}

impl Sought<'_> {
    /// Whether an item of a segment may be answered with, as far as there is no filter.
    fn shows(&self, serving: &Serving, item: ItemNo) -> bool {
        !serving.overlay.contains_key(&item) && !self.hidden.contains(&item)
    }

    /// Whether an item of the overlay may be answered with.
    fn shows_late(&self, item: ItemNo, late: &Late) -> bool {
        !self.hidden.contains(&item) && self.passing.is_none_or(|passing| passing.late_passes(late))
    }
}

/// So many hidden nodes are few, whatever is asked for.
const FEW: usize = 16;

thread_local! {
    /// The memory of searches on this thread.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Answers one request.
pub(crate) fn run(live: &Live, request: &Request<'_>, k: usize) -> Result<Hits, Error> {
    let snapshot = live.snapshot.load_full();
    if let Some(ensemble) = snapshot.sealed.manifest.ensembles.get(request.space) {
        let passing = fused::passing(&snapshot, ensemble, request)?;
        return fused::run(live, &snapshot, ensemble, request, passing.as_ref(), k);
    }
    let serving = snapshot.space(request.space)?;
    let mut hidden = hidden(live, request, k)?;
    let passing = Passing::of(&snapshot, [&**serving].into_iter(), &request.filters)?;
    let vector = match request.query_in(request.space)? {
        Query::User(user) => embed_users(serving, std::slice::from_ref(user), None)?,
        Query::Vector(vector) => check_vector(serving, vector)?,
        Query::Similar(id) => {
            let unknown = || Error::UnknownItem { id: id.to_owned() };
            let (item, _) = live.find(id)?.ok_or_else(unknown)?;
            hidden.insert(item);
            serving.vector(item).ok_or_else(unknown)?.to_vec()
        }
    };
    let number = serving.base.generation.number;
    live.asked.notice(request.space, number, &vector);
    let sought = Sought {
        request,
        query: &vector,
        hidden: &hidden,
        passing: passing.as_ref(),
        at_least: request.at_least,
    };
    answer(live, &snapshot, serving, sought, k)
}

/// Answers for many users, in their order, all by one snapshot.
pub(crate) fn run_many(
    live: &Live,
    request: &Request<'_>,
    users: &[Value],
    k: usize,
) -> Result<Vec<Hits>, Error> {
    let snapshot = live.snapshot.load_full();
    if let Some(ensemble) = snapshot.sealed.manifest.ensembles.get(request.space) {
        let passing = fused::passing(&snapshot, ensemble, request)?;
        // What passes is known by now, and lists in filters may be long.
        let mut bare = request.clone();
        bare.filters.clear();
        let each = users.par_iter().enumerate().map(|(at, user)| {
            let mut request = bare.clone();
            request.query = Some(Query::User(user));
            let hits = fused::run(live, &snapshot, ensemble, &request, passing.as_ref(), k);
            hits.map_err(|error| match error {
                Error::User { source, .. } => Error::User {
                    at: Some(at),
                    source,
                },
                other => other,
            })
        });
        return each.collect();
    }
    let serving = snapshot.space(request.space)?;
    let hidden = hidden(live, request, k)?;
    let passing = Passing::of(&snapshot, [&**serving].into_iter(), &request.filters)?;
    let vectors = embed_users(serving, users, Some(()))?;
    let each = vectors.chunks_exact(serving.base.model.schema.dimension as usize);
    let number = serving.base.generation.number;
    let queries: Vec<&[f32]> = each.collect();
    let answers = queries.into_par_iter().map(|query| {
        live.asked.notice(request.space, number, query);
        let sought = Sought {
            request,
            query,
            hidden: &hidden,
            passing: passing.as_ref(),
            at_least: request.at_least,
        };
        answer(live, &snapshot, serving, sought, k)
    });
    answers.collect()
}

/// The items that must not be answered with; refuses a `k` of 0.
fn hidden(live: &Live, request: &Request<'_>, k: usize) -> Result<HashSet<ItemNo>, Error> {
    if k == 0 {
        return Err(Error::TopZero);
    }
    let mut hidden = HashSet::with_capacity(request.exclude.len());
    for id in &request.exclude {
        hidden.extend(live.find(id)?.map(|(item, _)| item));
    }
    Ok(hidden)
}

/// Query vectors of users; `batch` says whether an error tells the place of the user.
fn embed_users(serving: &Serving, users: &[Value], batch: Option<()>) -> Result<Vec<f32>, Error> {
    let vectors = serving.base.model.embed_many(Side::User, users);
    vectors.map_err(|(at, source)| Error::User {
        at: batch.map(|()| at),
        source: source.into(),
    })
}

fn check_vector(serving: &Serving, vector: &[f32]) -> Result<Vec<f32>, Error> {
    let schema = &serving.base.model.schema;
    if vector.len() != schema.dimension as usize {
        return Err(Error::Vector {
            what: format!(
                "it has {} components, the space has dimension {}",
                vector.len(),
                schema.dimension
            ),
        });
    }
    let mut vector = vector.to_vec();
    prepare(schema.metric, &mut vector).map_err(|error| Error::Vector {
        what: error.to_string(),
    })?;
    Ok(vector)
}

fn answer(
    live: &Live,
    snapshot: &Snapshot,
    serving: &Serving,
    sought: Sought<'_>,
    k: usize,
) -> Result<Hits, Error> {
    let best = best_of(serving, sought, k)?;
    let hits = best.into_iter().map(|(score, item)| {
        let id = match serving.overlay.get(&item) {
            Some(late) => late.id.clone(),
            None => snapshot.sealed.id(item)?.to_owned(),
        };
        let record = if sought.request.records {
            record(live, &id)?
        } else {
            None
        };
        let channels = BTreeMap::new();
        Ok(Hit {
            id,
            score,
            record,
            channels,
        })
    });
    Ok(Hits::new(
        serving.base.generation.number,
        hits.collect::<Result<_, Error>>()?,
    ))
}

/// The best `k` items of a space, best first.
fn best_of(serving: &Serving, sought: Sought<'_>, k: usize) -> Result<Vec<(f32, ItemNo)>, Error> {
    let (query, generation) = (sought.query, &serving.base.generation);
    let metric = generation.metric;
    let mut best = Best::above(sought.at_least.unwrap_or(f32::NEG_INFINITY), k);
    // What is scanned comes first: the walks may end where they do not come near it.
    for (item, late) in &serving.overlay {
        if let Some(vector) = &late.vector
            && sought.shows_late(*item, late)
        {
            best.offer(metric.score(query, vector), *item);
        }
    }
    let effort = sought.request.effort(generation, k);
    let written_since = serving.overlay.len() + sought.hidden.len();
    for part in &serving.base.parts {
        if let Some(passing) = sought.passing {
            best_passing(part, serving, sought, passing, effort, &mut best)?;
            continue;
        }
        let items = part.segment.items();
        let shown = |node: u32| {
            let item = items.get(node as usize).map(|item| ItemNo(*item));
            part.shows(node) && item.is_some_and(|item| sought.shows(serving, item))
        };
        match (effort, sought.at_least) {
            (Effort::Exact, _) => scan(&part.segment, query, shown, &mut best),
            (Effort::Beam(ef), Some(least)) if k == usize::MAX => {
                walk_within(&part.segment, (query, least), ef, shown, &mut best)?;
            }
            (Effort::Beam(ef), _) => {
                let mut ask = Ask::new(query, k.min(items.len()), ef.min(items.len()));
                ask.bar = best.bar();
                let hidden = items.len() - part.shown() + written_since;
                walk(&part.segment, &ask, shown, hidden, &mut best)?;
            }
        }
    }
    Ok(best.into_sorted())
}

/// Scores every node of a segment.
fn scan(segment: &SpaceSegment, query: &[f32], shown: impl Fn(u32) -> bool, best: &mut Best) {
    let (rows, items) = (segment.rows(), segment.items());
    for (node, item) in (0u32..).zip(items).filter(|(node, _)| shown(*node)) {
        if let Some(row) = rows.row(node) {
            best.offer(segment.metric().score(query, row), ItemNo(*item));
        }
    }
}

/// Walks the graph of a segment, at most `hidden` nodes of which are not shown.
fn walk(
    segment: &SpaceSegment,
    ask: &Ask<'_>,
    shown: impl Fn(u32) -> bool,
    hidden: usize,
    best: &mut Best,
) -> Result<(), Error> {
    let (graph, points, items) = (segment.graph()?, segment.points(), segment.items());
    let is_shown = |scored: &&Scored| shown(scored.node);
    SCRATCH.with_borrow_mut(|scratch| {
        // Where few are hidden, the beam is made so much wider and they are left out of its answers.
        let more = hidden.min(ask.k.max(FEW));
        let wider = Ask {
            k: (ask.k + more).min(items.len()),
            ef: ask.ef + more,
            ..*ask
        };
        let mut found = search(&graph, &points, &wider, scratch);
        if hidden > more && found.iter().filter(is_shown).count() < ask.k {
            let kept = search_kept(&graph, &points, ask, &shown, u64::MAX, scratch);
            found = kept.unwrap_or_default();
        }
        for scored in found.iter().filter(is_shown) {
            if let Some(item) = items.get(scored.node as usize) {
                best.offer(scored.score, ItemNo(*item));
            }
        }
    });
    Ok(())
}

/// Walks the graph of a segment for all that score so much.
fn walk_within(
    segment: &SpaceSegment,
    (query, least): (&[f32], f32),
    ef: usize,
    shown: impl FnMut(u32) -> bool,
    best: &mut Best,
) -> Result<(), Error> {
    let (graph, points, items) = (segment.graph()?, segment.points(), segment.items());
    SCRATCH.with_borrow_mut(|scratch| {
        let found = within(&graph, &points, (query, least), ef, shown, scratch);
        for scored in found {
            if let Some(item) = items.get(scored.node as usize) {
                best.offer(scored.score, ItemNo(*item));
            }
        }
    });
    Ok(())
}

/// The newest record of an id; none when it was deleted after the snapshot was taken.
fn record(live: &Live, id: &str) -> Result<Option<Value>, Error> {
    match live.find(id)? {
        Some((_, Some(text))) => parse(id, &text).map(Some),
        _ => Ok(None),
    }
}
