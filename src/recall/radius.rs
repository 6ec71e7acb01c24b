//! Radius search of one segment, with or without a filter.

use super::node_hits::{accepts_any, push_node};
use super::scratch::SCRATCH;
use super::top_k::TopK;
use crate::error::Error;
use crate::graph::search_radius;
use crate::store::SpaceSegment;

/// Adds the items of a segment that score `min_score` or more and whose slots `accepts` holds for.
pub(super) fn search_radius_into(
    segment: &SpaceSegment,
    (query, min_score): (&[f32], f32),
    ef: usize,
    mut accepts: impl FnMut(u32) -> bool,
    best: &mut TopK<'_>,
) -> Result<(), Error> {
    let (graph, vectors, items) = (
        segment.graph()?,
        segment.node_vectors(),
        segment.node_items(),
    );
    SCRATCH.with_borrow_mut(|scratch| {
        let accepts_node = |node: u32| accepts_any(&items, node, &mut accepts);
        let ball = (query, min_score);
        let found = search_radius(&graph, &vectors, ball, ef, accepts_node, scratch);
        for scored in found {
            push_node(&items, *scored, &mut accepts, best);
        }
    });
    Ok(())
}
