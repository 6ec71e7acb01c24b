//! Finding the nearest rows exactly, by comparing all of them.

use super::near::Points;
use super::scored::{Best, Scored};

/// The `k` best rows that are kept: best first, ties by node.
pub(crate) fn exact(
    points: &Points<'_>,
    query: &[f32],
    k: usize,
    mut keep: impl FnMut(u32) -> bool,
) -> Vec<Scored> {
    let (rows, scorer) = (points.rows, points.metric.scorer());
    let mut best = Best::default();
    best.start(k);
    for node in (0..rows.count()).filter(|node| keep(*node)) {
        let Some(row) = rows.row(node) else { break };
        let scored = Scored::new(node, scorer.score(query, row));
        if best.admits(scored) {
            best.push(scored);
        }
    }
    let mut found = Vec::new();
    best.drain_into(&mut found);
    found
}
