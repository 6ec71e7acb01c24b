//! Radius search of one segment, with or without a filter.

use super::scratch::SCRATCH;
use super::top_k::TopK;
use crate::error::Error;
use crate::graph::search_radius;
use crate::store::SpaceSegment;
use twinspire_core::ids::ItemNo;

/// Adds the nodes of a segment that score `min_score` or more and that `accepts` holds for.
pub(super) fn search_radius_into(
    segment: &SpaceSegment,
    (query, min_score): (&[f32], f32),
    ef: usize,
    accepts: impl FnMut(u32) -> bool,
    best: &mut TopK<'_>,
) -> Result<(), Error> {
    let (graph, vectors, items) = (segment.graph()?, segment.node_vectors(), segment.items());
    SCRATCH.with_borrow_mut(|scratch| {
        let found = search_radius(&graph, &vectors, (query, min_score), ef, accepts, scratch);
        for scored in found {
            if let Some(item) = items.get(scored.node as usize) {
                best.push(scored.score, ItemNo(*item));
            }
        }
    });
    Ok(())
}
