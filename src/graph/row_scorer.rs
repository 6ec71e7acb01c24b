//! Exact scores, from the stored vectors.

use super::node_scorer::NodeScorer;
use super::rows::StoredRows;
use twinspire_core::files::Blob;
use twinspire_core::kernel::{Metric, Scorer};

/// Scores nodes by their vectors.
#[derive(Clone, Copy)]
pub(super) struct RowScorer<'a> {
    rows: StoredRows<'a>,
    query: &'a [f32],
    scorer: Scorer,
    /// The file of the rows, if it is larger than memory.
    pub(super) paged: Option<&'a Blob>,
}

impl<'a> RowScorer<'a> {
    pub(super) fn new(rows: StoredRows<'a>, metric: Metric, query: &'a [f32]) -> Self {
        Self {
            rows,
            query,
            scorer: metric.scorer(),
            paged: None,
        }
    }
}

impl NodeScorer for RowScorer<'_> {
    #[inline]
    fn count(&self) -> u32 {
        self.rows.count()
    }

    #[inline]
    fn score(&self, node: u32) -> Option<f32> {
        let row = self.rows.row(node)?;
        Some(self.scorer.score(self.query, row))
    }

    #[inline]
    fn score_all(&self, nodes: &[u32], scores: &mut Vec<f32>) {
        scores.clear();
        let each = nodes.iter().map(|node| self.score(*node));
        scores.extend(each.map(|score| score.unwrap_or(f32::NEG_INFINITY)));
    }

    #[inline]
    fn prefetch(&self, node: u32) {
        if let Some(row) = self.rows.row(node) {
            match self.paged {
                Some(file) => file.will_need(row.bytes()),
                None => row.prefetch(),
            }
        }
    }

    #[inline]
    fn release(&self, node: u32) {
        if let (Some(file), Some(row)) = (self.paged, self.rows.row(node)) {
            file.release(row.bytes());
        }
    }

    #[inline]
    fn lower_bound(&self, score: f32) -> f32 {
        score
    }

    #[inline]
    fn likely_lower_bound(&self, score: f32) -> f32 {
        score
    }

    #[inline]
    fn expansion_cutoff(&self, _: f32) -> f32 {
        f32::NEG_INFINITY
    }
}
