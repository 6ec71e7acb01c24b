//! Exact search: every row is scored.

use super::node_vectors::NodeVectors;
use super::scored_node::ScoredNode;
use super::top_k::TopK;

/// Rows per block: they stay in the cache while each query is compared with them.
const BLOCK: u32 = 256;

/// The exact top `k` of each query among the nodes that `accept` lets through: best first, ties by node.
///
/// `queries` are concatenated vectors. Each block of rows is read once for all of them.
pub(crate) fn search_exact(
    vectors: &NodeVectors<'_>,
    queries: &[f32],
    k: usize,
    accept: impl Fn(u32) -> bool,
) -> Vec<Vec<ScoredNode>> {
    let (rows, scorer) = (vectors.rows, vectors.metric.scorer());
    let queries: Vec<&[f32]> = queries.chunks_exact(rows.dimension().max(1)).collect();
    let mut all: Vec<TopK> = queries.iter().map(|_| TopK::default()).collect();
    all.iter_mut().for_each(|best| best.reset(k));
    for from in (0..rows.count()).step_by(BLOCK as usize) {
        let block = from..rows.count().min(from.saturating_add(BLOCK));
        let accepted: Vec<u32> = block.filter(|node| accept(*node)).collect();
        for (query, best) in queries.iter().zip(&mut all) {
            for node in &accepted {
                let Some(row) = rows.row(*node) else { continue };
                let scored = ScoredNode::new(*node, scorer.score(query, row));
                if best.admits(scored) {
                    best.push(scored);
                }
            }
        }
    }
    all.into_iter().map(TopK::into_sorted).collect()
}
