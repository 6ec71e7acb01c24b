//! The vectors of a graph's nodes: what a search reads.

use super::code_scorer::{CodeScorer, QueryBuffer};
use super::codes::Codes;
use super::row_scorer::RowScorer;
use super::rows::{Rows, StoredRows};
use twinspire_core::files::Blob;
use twinspire_core::kernel::Metric;

/// The vectors of a graph's nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeVectors<'a> {
    /// How they are compared.
    pub(crate) metric: Metric,
    /// The stored vectors, which give exact scores.
    pub(crate) rows: StoredRows<'a>,
    /// The codes that a walk scores in their place, if there are any.
    pub(crate) codes: Option<Codes<'a>>,
    /// The file they lie in, if it is larger than memory: what a search will read is then asked of the disk in time.
    pub(crate) paged: Option<&'a Blob>,
}

impl<'a> NodeVectors<'a> {
    /// Vectors in full precision, without codes.
    pub(crate) fn full_precision(metric: Metric, rows: Rows<'a>) -> Self {
        Self {
            metric,
            rows: rows.into(),
            codes: None,
            paged: None,
        }
    }

    /// Scores nodes exactly.
    pub(super) fn row_scorer(&self, query: &'a [f32]) -> RowScorer<'a> {
        let mut scorer = RowScorer::new(self.rows, self.metric, query);
        scorer.paged = self.paged;
        scorer
    }

    /// Scores nodes by their codes. `buffer` receives the codes of the query. `None` where there are no
    /// codes, or where they would mislead for this query.
    pub(super) fn code_scorer<'b>(
        &self,
        query: &[f32],
        buffer: &'b mut QueryBuffer,
    ) -> Option<CodeScorer<'b>>
    where
        'a: 'b,
    {
        let mut scorer = CodeScorer::new(self.codes?, self.metric, query, buffer)?;
        scorer.paged = self.paged;
        Some(scorer)
    }
}
