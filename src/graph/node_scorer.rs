//! What a walk asks of the vectors it scores, be they floats or codes.

/// Scores nodes for one query; a larger score is better.
pub(super) trait NodeScorer {
    /// Number of nodes that it can score.
    fn count(&self) -> u32;
    /// The score of a node; `None` for a node out of range.
    fn score(&self, node: u32) -> Option<f32>;
    /// Writes the scores of nodes to `scores`. A node out of range may get any score.
    fn score_all(&self, nodes: &[u32], scores: &mut Vec<f32>);
    /// Prefetches what scoring a node reads.
    fn prefetch(&self, node: u32);
    /// Says that what scoring a node read will not be read again soon.
    fn release(&self, _: u32) {}
    /// The least score that a node can have here if its exact score is `score`.
    fn lower_bound(&self, score: f32) -> f32;
    /// The same for [`Margin::Likely`](super::Margin::Likely).
    fn likely_lower_bound(&self, score: f32) -> f32;
    /// The score below which no node is worth expanding, given the score of the k-th best.
    fn expansion_cutoff(&self, kth: f32) -> f32;
}
