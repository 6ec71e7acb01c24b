//! The scan of the overlay of a space: every fresh item that may be returned is scored.
//!
//! Full blocks are scored by codes of one byte a component; what may be among the best by its code is scored
//! exactly. As in a segment, quantisation error cannot change the answer.
//!
//! Cost: that of a scan of a segment in memory order; `cargo bench --bench fresh` measures it.

use super::params::Effort;
use super::scratch::SCRATCH;
use super::space_query::SpaceQuery;
use super::top_k::TopK;
use crate::error::Error;
use crate::graph::{BeamParams, rerank};
use crate::snapshot::{Shared, VectorBlock};
use twinspire_core::ids::ItemNo;

/// Adds the best fresh items.
pub(super) fn scan_fresh(
    query: &SpaceQuery<'_>,
    effort: Effort,
    best: &mut TopK<'_>,
) -> Result<(), Error> {
    let mut filter = query.filter.map(|filter| (filter, filter.fresh_cursor()));
    let (excluded, mut failed) = (&query.excluded, None);
    for block in query.serving.overlay.blocks() {
        let (items, revisions) = (block.block().items(), block.revisions());
        let accepts = |row: &u32| {
            let at = *row as usize;
            let (Some(item), Some(revision)) = (items.get(at), revisions.get(at)) else {
                return false;
            };
            let item = ItemNo(*item);
            if !block.is_live(at) || !excluded.is_empty() && excluded.contains(item) {
                return false;
            }
            let Some((filter, cursor)) = &mut filter else {
                return true;
            };
            // What was sealed since the cut of the generation is tested as a sealed item.
            let fresh = cursor.passes(*revision).map(Ok);
            let passes = fresh.unwrap_or_else(|| filter.passes(item));
            passes.unwrap_or_else(|error| {
                failed = Some(error);
                false
            })
        };
        let rows = (0..block.block().len() as u32).filter(accepts);
        score(block, query.vector, rows, effort, best);
    }
    failed.map_or(Ok(()), Err)
}

/// Scores rows of a block: by their codes first, unless all of them are wanted.
fn score(
    shared: &Shared<VectorBlock>,
    query: &[f32],
    rows: impl Iterator<Item = u32>,
    effort: Effort,
    best: &mut TopK<'_>,
) {
    let (items, vectors) = (shared.block().items(), shared.block().node_vectors());
    if effort == Effort::Exact || vectors.codes.is_none() || best.k() >= shared.live() {
        let scorer = vectors.metric.scorer();
        for row in rows {
            let (vector, item) = (vectors.rows.row(row), items.get(row as usize));
            if let (Some(vector), Some(item)) = (vector, item) {
                best.push(scorer.score(query, vector), ItemNo(*item));
            }
        }
        return;
    }
    let mut params = BeamParams::new(query, best.k(), best.k());
    params.threshold = best.threshold();
    SCRATCH.with_borrow_mut(|scratch| {
        for scored in rerank(&vectors, &params, rows, &mut scratch.graph) {
            if let Some(item) = items.get(scored.node as usize) {
                best.push(scored.score, ItemNo(*item));
            }
        }
    });
}
