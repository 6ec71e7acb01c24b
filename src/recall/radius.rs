//! Radius search of one segment, with or without a filter.

use super::node_hits::push_node;
use super::scratch::SCRATCH;
use super::top_k::TopK;
use crate::error::Error;
use crate::graph::NodeFilter;
use crate::store::SpaceSegment;

/// Adds the items of a segment that score `min_score` or more, of the nodes that `filter` accepts and the slots
/// that `accepts` holds for.
pub(super) fn search_radius_into(
    segment: &SpaceSegment,
    ball: (&[f32], f32),
    ef: usize,
    filter: &mut impl NodeFilter,
    mut accepts: impl FnMut(u32) -> bool,
    best: &mut TopK<'_>,
) -> Result<(), Error> {
    let (index, vectors, items) = (
        segment.index()?,
        segment.node_vectors(),
        segment.node_items(),
    );
    SCRATCH.with_borrow_mut(|scratch| {
        for scored in index.search_radius(&vectors, ball, ef, filter, scratch) {
            push_node(&items, *scored, &mut accepts, best);
        }
    });
    Ok(())
}
