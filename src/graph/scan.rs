//! Finding the nearest rows exactly, by comparing all of them.

use super::near::NodeVectors;
use super::scored::{Best, ScoredNode};

/// Rows that stay at hand while many queries are compared with them.
const BLOCK: usize = 256;

/// For each of the queries, which lie back to back, the `k` best rows that are kept: best first, ties by
/// node. Rows are read once for all queries.
pub(crate) fn search_exact(
    points: &NodeVectors<'_>,
    queries: &[f32],
    k: usize,
    keep: impl Fn(u32) -> bool,
) -> Vec<Vec<ScoredNode>> {
    let (rows, scorer) = (points.rows, points.metric.scorer());
    let queries: Vec<&[f32]> = queries.chunks_exact(rows.dimension().max(1)).collect();
    let mut all: Vec<Best> = queries.iter().map(|_| Best::default()).collect();
    all.iter_mut().for_each(|best| best.start(k));
    for from in (0..rows.count()).step_by(BLOCK) {
        let block = from..rows.count().min(from.saturating_add(BLOCK as u32));
        let kept: Vec<u32> = block.filter(|node| keep(*node)).collect();
        for (query, best) in queries.iter().zip(&mut all) {
            for node in &kept {
                let Some(row) = rows.row(*node) else { continue };
                let scored = ScoredNode::new(*node, scorer.score(query, row));
                if best.admits(scored) {
                    best.push(scored);
                }
            }
        }
    }
    let sorted = all.iter_mut().map(|best| {
        let mut found = Vec::new();
        best.drain_into(&mut found);
        found
    });
    sorted.collect()
}
