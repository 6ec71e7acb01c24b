//! One space of an ensemble, and the query in it.

use crate::recall::query_vector::QueryVector;
use crate::snapshot::Serving;
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::Row;

/// One space of an ensemble, and the query in it.
pub(super) struct Channel<'a> {
    /// Name of the space.
    pub(super) name: &'a str,
    /// What the space serves.
    pub(super) serving: &'a Serving,
    /// The query vector.
    pub(super) vector: QueryVector<'a>,
}

impl Channel<'_> {
    /// The score of an item; `None` if the space has no vector of it, or the score is NaN.
    pub(super) fn score(&self, item: ItemNo) -> Option<f32> {
        self.score_vector(self.serving.vector(item)?)
    }

    /// The score of a stored vector; `None` if it is NaN.
    pub(super) fn score_vector(&self, vector: Row<'_>) -> Option<f32> {
        let metric = self.serving.base.generation.metric;
        let score = metric.score(&self.vector, vector);
        (!score.is_nan()).then_some(score)
    }
}
