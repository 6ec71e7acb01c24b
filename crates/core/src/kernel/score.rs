//! Scores of vectors in `f32`, against rows in either storage.

use super::level::Level;
use super::metric::Metric;
use super::stored::Row;

/// A metric together with the kernels that compute it.
#[derive(Clone, Copy, Debug)]
pub struct Scorer {
    metric: Metric,
    level: Level,
}

impl Metric {
    /// The score of two vectors of one dimension; `b` is a stored row.
    #[inline]
    pub fn score<'a>(self, a: &[f32], b: impl Into<Row<'a>>) -> f32 {
        self.scorer().score(a, b)
    }

    /// The scorer of this metric. Choose it once when computing many scores.
    #[inline]
    pub fn scorer(self) -> Scorer {
        Scorer {
            metric: self,
            level: Level::best(),
        }
    }
}

impl Scorer {
    /// The score of two vectors of one dimension; `b` is a stored row.
    #[inline]
    pub fn score<'a>(self, a: &[f32], b: impl Into<Row<'a>>) -> f32 {
        match (self.metric, b.into()) {
            (Metric::Cosine | Metric::InnerProduct, Row::Full(b)) => self.level.dot(a, b),
            (Metric::Cosine | Metric::InnerProduct, Row::Half(b)) => self.level.dot_f16(a, b),
            (Metric::L2, Row::Full(b)) => -self.level.l2_squared(a, b),
            (Metric::L2, Row::Half(b)) => -self.level.l2_squared_f16(a, b),
        }
    }
}
