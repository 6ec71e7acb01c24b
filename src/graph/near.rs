//! What a walk asks of the vectors it walks on, be they floats or codes.

use super::{Codes, Rows, StoredRows};
use twinspire_core::kernel::{Metric, Scorer};

/// The vectors of a graph's nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeVectors<'a> {
    /// How they are compared.
    pub(crate) metric: Metric,
    /// What they are.
    pub(crate) rows: StoredRows<'a>,
    /// What a walk looks at in their place, if there is such a thing.
    pub(crate) codes: Option<Codes<'a>>,
}

impl<'a> NodeVectors<'a> {
    /// Vectors in full precision, without codes.
    pub(crate) fn plain(metric: Metric, rows: Rows<'a>) -> Self {
        Self {
            metric,
            rows: rows.into(),
            codes: None,
        }
    }
}

/// Scores nodes for one query.
pub(super) trait Near {
    /// How many nodes it can score.
    fn count(&self) -> u32;
    /// The score of a node; none for one that is not there.
    fn score(&self, node: u32) -> Option<f32>;
    /// The scores of four; none if one of them is not there.
    fn score_4(&self, nodes: [u32; 4]) -> Option<[f32; 4]>;
    /// Asks for what scoring a node will read.
    fn prefetch(&self, node: u32);
    /// What a node must score here, at least, if its exact score can be this.
    fn lowest(&self, score: f32) -> f32;
    /// What a node must score, at least, for a walk to go on from it when the k-th best scores this.
    fn worth(&self, score: f32) -> f32;
}

/// Exact scores.
#[derive(Clone, Copy)]
pub(super) struct RowScorer<'a> {
    rows: StoredRows<'a>,
    query: &'a [f32],
    scorer: Scorer,
}

impl<'a> RowScorer<'a> {
    pub(super) fn new(points: &NodeVectors<'a>, query: &'a [f32]) -> Self {
        Self {
            rows: points.rows,
            query,
            scorer: points.metric.scorer(),
        }
    }
}

impl Near for RowScorer<'_> {
    fn count(&self) -> u32 {
        self.rows.count()
    }

    fn score(&self, node: u32) -> Option<f32> {
        let row = self.rows.row(node)?;
        Some(self.scorer.score(self.query, row))
    }

    fn score_4(&self, nodes: [u32; 4]) -> Option<[f32; 4]> {
        let [a, b, c, d] = nodes.map(|node| self.score(node));
        Some([a?, b?, c?, d?])
    }

    fn prefetch(&self, node: u32) {
        if let Some(row) = self.rows.row(node) {
            row.prefetch();
        }
    }

    fn lowest(&self, score: f32) -> f32 {
        score
    }

    fn worth(&self, _: f32) -> f32 {
        f32::NEG_INFINITY
    }
}
