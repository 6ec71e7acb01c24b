//! Search of one space: the overlay is scanned, each segment is searched or scanned.

use super::explain::{SegmentPlan, SpaceSearch};
use super::filtered_segment;
use super::fresh_scan::scan_fresh;
use super::node_hits::{accepts_any, push_node};
use super::pages::stable_list;
use super::params::Effort;
use super::radius::search_radius_into;
use super::scratch::{SCRATCH, count_ranked};
use super::space_query::SpaceQuery;
use super::top_k::TopK;
use crate::error::Error;
use crate::graph::{BeamParams, ScoredNode, WalkLimits, rerank};
use crate::index::IndexKind;
use crate::snapshot::{Part, count_vectors};
use crate::store::SpaceSegment;
use twinspire_core::ids::ItemNo;
use twinspire_core::telemetry;

/// Nodes per block of a scan: their vectors stay in the cache while each query is compared with them.
const BLOCK: u32 = 256;

/// A walk scores the neighbours of each candidate of its beam: about as many as a node has links.
const SCORES_PER_CANDIDATE: usize = 32;

/// The items of one answer, best first, with their scores.
type List = Result<Vec<(f32, ItemNo)>, Error>;

/// The best `k` items of a space, best first.
pub(super) fn top_k(query: &SpaceQuery<'_>, k: usize) -> Result<Vec<(f32, ItemNo)>, Error> {
    Ok(search_space(query, query.effort(k), k)?.into_sorted())
}

/// The first `depth` items of a space, for pages of size `page`.
pub(super) fn top_pages(
    query: &SpaceQuery<'_>,
    page: usize,
    depth: usize,
) -> Result<Vec<(f32, ItemNo)>, Error> {
    match query.effort(page) {
        // A deeper search is not easier: it is exact as well.
        Effort::Exact | Effort::Scan => top_k(query, depth),
        Effort::Beam(_) => stable_list(page, depth, |wanted| top_k(query, wanted)),
    }
}

/// The first `depth` items of a space for each of some queries: exact, without a filter. Each block of vectors
/// is read once for all queries.
pub(super) fn exact_lists(queries: &[SpaceQuery<'_>], depth: usize) -> Vec<List> {
    let mut lists: Vec<_> = queries
        .iter()
        .map(|query| {
            let at_least = query.at_least.unwrap_or(f32::NEG_INFINITY);
            let mut best = TopK::new(depth, at_least, query.ids);
            scan_fresh(query, Effort::Exact, &mut best).map(|()| (query, best))
        })
        .collect();
    if let Some(query) = queries.first() {
        for part in &query.serving.base.parts {
            let mut scans: Vec<_> = lists
                .iter_mut()
                .flatten()
                .map(|(query, best)| (*query, best))
                .collect();
            scan(part, &mut scans);
        }
    }
    let sorted = |list: Result<(_, TopK<'_>), Error>| Ok(list?.1.into_sorted());
    lists.into_iter().map(sorted).collect()
}

/// Every item of a space that the query may return, with its score, in no particular order.
pub(super) fn score_all(query: &SpaceQuery<'_>) -> Result<Vec<(f32, ItemNo)>, Error> {
    Ok(search_space(query, Effort::Exact, usize::MAX)?.into_unsorted())
}

fn search_space<'a>(query: &SpaceQuery<'a>, effort: Effort, k: usize) -> Result<TopK<'a>, Error> {
    let _span = telemetry::trace_span!("search", space = query.space, k).entered();
    let serving = query.serving;
    let generation = &serving.base.generation;
    let mut best = TopK::new(k, query.at_least.unwrap_or(f32::NEG_INFINITY), query.ids);
    // Fresh items first: their scores raise the threshold at which graph searches stop.
    scan_fresh(query, effort, &mut best)?;
    query.trace.begin_space(|| SpaceSearch {
        space: query.space.to_owned(),
        generation: generation.number,
        index_reason: generation.index_reason,
        ef: match effort {
            Effort::Exact | Effort::Scan => None,
            Effort::Beam(ef) => Some(ef),
        },
        measured: match effort {
            Effort::Exact | Effort::Scan => None,
            Effort::Beam(ef) => {
                let vectors = count_vectors(&serving.base.parts) as u64;
                generation.calibration.measured(k, ef.max(k), vectors)
            }
        },
        fresh: serving.overlay.len(),
        selectivity: query
            .filter
            .map(super::resolved_filter::ResolvedFilter::selectivity),
        segments: Vec::new(),
    });
    for part in &serving.base.parts {
        let file = part.segment.pinned().file.number.0;
        let search = || search_segment(part, query, effort, &mut best);
        query
            .trace
            .segment(file, part.segment.node_items().nodes(), search)?;
    }
    Ok(best)
}

/// Searches one segment.
fn search_segment(
    part: &Part,
    query: &SpaceQuery<'_>,
    effort: Effort,
    best: &mut TopK<'_>,
) -> Result<SegmentPlan, Error> {
    if let Some(filter) = query.filter {
        return filtered_segment::search(part, query, filter, effort, best);
    }
    let items = part.segment.node_items();
    let may_return = |slot: u32| may_return(part, query, slot);
    let radius = query.at_least.filter(|_| best.k() == usize::MAX);
    let wanted = if radius.is_some() { 0 } else { best.k() };
    let effort = match effort {
        // A beam as wide as the segment saves nothing, and may miss unreachable nodes.
        Effort::Beam(ef) if ef.max(wanted) >= items.nodes() => Effort::Exact,
        Effort::Beam(ef) if is_scan_cheaper(part.shown(), items.len(), ef) => Effort::Exact,
        Effort::Scan if best.k() >= items.nodes() => Effort::Exact,
        other => other,
    };
    match (effort, radius) {
        (Effort::Exact, _) => {
            scan(part, &mut [(query, best)]);
            Ok(SegmentPlan::FullScan)
        }
        (Effort::Scan, _) => {
            scan_codes(part, query.vector, may_return, best);
            Ok(SegmentPlan::CodeScan)
        }
        (Effort::Beam(ef), Some(least)) => {
            let (ball, mut filter) = ((query.vector, least), |node: u32| {
                accepts_any(&items, node, may_return)
            });
            search_radius_into(&part.segment, ball, ef, &mut filter, may_return, best)?;
            Ok(match part.segment.index_kind() {
                IndexKind::Graph => SegmentPlan::RadiusSearch,
                IndexKind::Partitions => SegmentPlan::LeafRadiusSearch,
            })
        }
        (Effort::Beam(ef), None) => {
            let nodes = items.nodes();
            let mut params = BeamParams::new(query.vector, best.k().min(nodes), ef.min(nodes));
            params.threshold = best.threshold();
            let all = part.shown() == items.len() && query.may_return_all();
            let kind = part.segment.index_kind();
            let found = search_index(&part.segment, &params, may_return, all, best)?;
            if !found {
                scan(part, &mut [(query, best)]);
            }
            Ok(match kind {
                IndexKind::Partitions if found => SegmentPlan::LeafSearch,
                IndexKind::Partitions => SegmentPlan::AbandonedLeafSearch,
                IndexKind::Graph if found => SegmentPlan::GraphSearch,
                IndexKind::Graph => SegmentPlan::AbandonedGraphSearch,
            })
        }
    }
}

/// Whether a scan of the items of a segment that are shown takes less than a walk, which meets hidden ones too: until
/// a merge, a segment may consist of overwritten items.
fn is_scan_cheaper(shown: usize, items: usize, ef: usize) -> bool {
    // Of mostly visible items a walk scores so few that only the smallest segments are scanned.
    if shown > items / 4 {
        return false;
    }
    let walk = SCORES_PER_CANDIDATE
        .saturating_mul(ef)
        .saturating_mul(items);
    shown.saturating_mul(shown) <= walk
}

/// Whether the item of a slot may be returned.
fn may_return(part: &Part, query: &SpaceQuery<'_>, slot: u32) -> bool {
    let item = part.segment.node_items().item(slot);
    part.shows(slot) && item.is_some_and(|item| query.may_return(ItemNo(item)))
}

/// Scores, for each query, every node of a segment that has an item that may be returned.
fn scan(part: &Part, queries: &mut [(&SpaceQuery<'_>, &mut TopK<'_>)]) {
    let (rows, items) = (part.segment.rows(), part.segment.node_items());
    let scorer = part.segment.metric().scorer();
    let (nodes, mut scored) = (items.nodes() as u32, 0);
    for from in (0..nodes).step_by(BLOCK as usize) {
        for (query, best) in &mut *queries {
            let may_return = |slot: u32| may_return(part, query, slot);
            for node in from..nodes.min(from.saturating_add(BLOCK)) {
                if !accepts_any(&items, node, may_return) {
                    continue;
                }
                if let Some(row) = rows.row(node) {
                    let score = scorer.score(query.vector, row);
                    push_node(&items, ScoredNode { node, score }, may_return, best);
                    scored += 1;
                }
            }
        }
    }
    count_ranked(scored);
}

/// Scores every node of a segment that has an item that may be returned, by its codes first.
fn scan_codes(part: &Part, query: &[f32], may_return: impl Fn(u32) -> bool, best: &mut TopK<'_>) {
    let (items, vectors) = (part.segment.node_items(), part.segment.node_vectors());
    let mut params = BeamParams::new(query, best.k(), best.k());
    params.threshold = best.threshold();
    let nodes = (0..items.nodes() as u32).filter(|node| accepts_any(&items, *node, &may_return));
    SCRATCH.with_borrow_mut(|scratch| {
        for scored in rerank(&vectors, &params, nodes, &mut scratch.graph) {
            push_node(&items, *scored, &may_return, best);
        }
    });
}

/// Searches the index of a segment. `all` says that every item may be returned.
///
/// Returns false, and adds nothing, if fewer items were found than are wanted although none was left out
/// for its score: the rest must be scanned for.
fn search_index(
    segment: &SpaceSegment,
    params: &BeamParams<'_>,
    may_return: impl Fn(u32) -> bool,
    all: bool,
    best: &mut TopK<'_>,
) -> Result<bool, Error> {
    let (index, vectors, items) = (
        segment.index()?,
        segment.node_vectors(),
        segment.node_items(),
    );
    let accepts = |slot: u32| all || may_return(slot);
    SCRATCH.with_borrow_mut(|scratch| {
        let found = if all {
            index.search(&vectors, params, scratch)
        } else {
            let limits = WalkLimits::for_beam(params.ef);
            let mut accepts = |node: u32| accepts_any(&items, node, accepts);
            let found = index.search_filtered(&vectors, params, limits, &mut accepts, scratch);
            found.unwrap_or_default()
        };
        if found.len() < params.k && params.threshold == f32::NEG_INFINITY {
            return Ok(false);
        }
        for scored in found {
            push_node(&items, *scored, accepts, best);
        }
        Ok(true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_scanned_once_most_of_it_is_hidden() {
        let scanned = |shown| is_scan_cheaper(shown, 100_000, 64);
        assert!(scanned(0) && scanned(10_000));
        assert!(!scanned(20_000) && !scanned(100_000));
        assert!(!is_scan_cheaper(300, 1_000, 64), "a quarter is visible");
    }
}
