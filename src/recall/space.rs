//! The best items of one space: the overlay is scanned, each segment walked or scanned.

use super::explain::{SpaceSearch, count_ranked};
use super::part::best_passing;
use super::request::Effort;
use super::{Best, SCRATCH, Sought};
use crate::error::Error;
use crate::graph::{BeamParams, WalkLimits, search, search_filtered, search_radius};
use crate::snapshot::{Part, Serving};
use crate::store::SpaceSegment;
use twinspire_core::ids::ItemNo;

/// The best `k` items of a space, best first.
pub(super) fn best_of(
    serving: &Serving,
    sought: Sought<'_>,
    k: usize,
) -> Result<Vec<(f32, ItemNo)>, Error> {
    let effort = sought.request.effort(&serving.base.generation, k);
    Ok(search_space(serving, sought, effort, k)?.into_sorted())
}

/// Every item of a space that may be answered with, each with its score, in no order.
pub(super) fn all_of(serving: &Serving, sought: Sought<'_>) -> Result<Vec<(f32, ItemNo)>, Error> {
    Ok(search_space(serving, sought, Effort::Exact, usize::MAX)?.into_unsorted())
}

fn search_space(
    serving: &Serving,
    sought: Sought<'_>,
    effort: Effort,
    k: usize,
) -> Result<Best, Error> {
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
    sought.trace.space(|| SpaceSearch {
        space: sought.space.to_owned(),
        generation: generation.number,
        ef: match effort {
            Effort::Exact => None,
            Effort::Beam(ef) => Some(ef),
        },
        late: serving.overlay.len(),
        passing: sought.passing.map(|passing| passing.share()),
        segments: Vec::new(),
    });
    for part in &serving.base.parts {
        let file = part.segment.pinned().file.number.0;
        let search = || best_of_part(part, serving, sought, effort, &mut best);
        sought
            .trace
            .segment(file, part.segment.items().len(), search)?;
    }
    Ok(best)
}

/// Offers the best of a segment, and tells how they were found.
fn best_of_part(
    part: &Part,
    serving: &Serving,
    sought: Sought<'_>,
    effort: Effort,
    best: &mut Best,
) -> Result<&'static str, Error> {
    if let Some(passing) = sought.passing {
        return best_passing(part, serving, sought, passing, effort, best);
    }
    let items = part.segment.items();
    let shown = |node: u32| {
        let item = items.get(node as usize).map(|item| ItemNo(*item));
        part.shows(node) && item.is_some_and(|item| sought.shows(serving, item))
    };
    let effort = match effort {
        // Nothing is saved by a walk, which may end before it has met all.
        Effort::Beam(ef) if ef >= items.len() => Effort::Exact,
        other => other,
    };
    match (effort, sought.at_least) {
        (Effort::Exact, _) => {
            scan(&part.segment, sought.query, shown, best);
            Ok("scan of all nodes")
        }
        (Effort::Beam(ef), Some(least)) if best.wanted() == usize::MAX => {
            walk_within(&part.segment, (sought.query, least), ef, shown, best)?;
            Ok("walk for all that score so much")
        }
        (Effort::Beam(ef), _) => {
            let k = best.wanted().min(items.len());
            let mut params = BeamParams::new(sought.query, k, ef.min(items.len()));
            params.threshold = best.bar();
            let written_since = serving.overlay.len() + sought.hidden.len();
            let all_shown = part.shown() == items.len() && written_since == 0;
            walk(&part.segment, &params, shown, all_shown, best)?;
            Ok("walk")
        }
    }
}

/// Scores every node of a segment.
fn scan(segment: &SpaceSegment, query: &[f32], shown: impl Fn(u32) -> bool, best: &mut Best) {
    let (rows, items) = (segment.rows(), segment.items());
    let mut scored = 0;
    for (node, item) in (0u32..).zip(items).filter(|(node, _)| shown(*node)) {
        if let Some(row) = rows.row(node) {
            best.offer(segment.metric().score(query, row), ItemNo(*item));
            scored += 1;
        }
    }
    count_ranked(scored);
}

/// Walks the graph of a segment.
fn walk(
    segment: &SpaceSegment,
    params: &BeamParams<'_>,
    mut shown: impl Fn(u32) -> bool,
    all_shown: bool,
    best: &mut Best,
) -> Result<(), Error> {
    let (graph, points, items) = (segment.graph()?, segment.node_vectors(), segment.items());
    SCRATCH.with_borrow_mut(|scratch| {
        let found = if all_shown {
            search(&graph, &points, params, scratch)
        } else {
            let reach = WalkLimits::for_beam(params.ef);
            search_filtered(&graph, &points, params, reach, &mut shown, scratch).unwrap_or_default()
        };
        for scored in found {
            if let Some(item) = items.get(scored.node as usize) {
                best.offer(scored.score, ItemNo(*item));
            }
        }
    });
    Ok(())
}

/// Walks the graph of a segment for all that score so much.
pub(super) fn walk_within(
    segment: &SpaceSegment,
    (query, least): (&[f32], f32),
    ef: usize,
    shown: impl FnMut(u32) -> bool,
    best: &mut Best,
) -> Result<(), Error> {
    let (graph, points, items) = (segment.graph()?, segment.node_vectors(), segment.items());
    SCRATCH.with_borrow_mut(|scratch| {
        let found = search_radius(&graph, &points, (query, least), ef, shown, scratch);
        for scored in found {
            if let Some(item) = items.get(scored.node as usize) {
                best.offer(scored.score, ItemNo(*item));
            }
        }
    });
    Ok(())
}
