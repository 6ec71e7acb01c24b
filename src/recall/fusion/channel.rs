//! One space of an ensemble, and the query in it.

use crate::recall::lexical_space::LexicalQuery;
use crate::recall::query::QueryOrigin;
use crate::recall::query_vector::QueryVector;
use crate::snapshot::Serving;
use twinspire_core::ids::{GenerationNo, ItemNo};
use twinspire_core::kernel::Row;

/// One space of an ensemble, and the query in it.
pub(super) struct Channel<'a> {
    /// Name of the space.
    pub(super) name: &'a str,
    /// What gives its scores.
    pub(super) source: Source<'a>,
}

/// What gives the scores of a channel.
pub(super) enum Source<'a> {
    /// Vectors.
    Vectors {
        /// What the space serves.
        serving: &'a Serving,
        /// The query vector.
        vector: QueryVector<'a>,
        /// Where the query vector comes from.
        origin: QueryOrigin,
    },
    /// Words.
    Words(LexicalQuery<'a>),
}

impl Channel<'_> {
    /// The score of an item; `None` if the space has no vector of it, or the score is NaN. In a lexical space
    /// every item has a score.
    pub(super) fn score(&self, item: ItemNo) -> Option<f32> {
        match &self.source {
            Source::Vectors { serving, .. } => self.score_vector(serving.vector(item)?),
            Source::Words(query) => Some(query.score(item)),
        }
    }

    /// The stored vector of an item.
    pub(super) fn row(&self, item: ItemNo) -> Option<Row<'_>> {
        match &self.source {
            Source::Vectors { serving, .. } => serving.vector(item),
            Source::Words(_) => None,
        }
    }

    /// The score of a stored vector; `None` if it is NaN.
    fn score_vector(&self, row: Row<'_>) -> Option<f32> {
        match &self.source {
            Source::Vectors {
                serving, vector, ..
            } => {
                let metric = serving.base.generation.metric;
                let score = metric.score(vector, row);
                (!score.is_nan()).then_some(score)
            }
            Source::Words(_) => None,
        }
    }

    /// [`score`](Self::score) of an item whose [`row`](Self::row) is known.
    pub(super) fn score_row(&self, item: ItemNo, row: Option<Row<'_>>) -> Option<f32> {
        match &self.source {
            Source::Vectors { .. } => self.score_vector(row?),
            Source::Words(query) => Some(query.score(item)),
        }
    }

    /// The score of an item that is in no list of the channel, and lower than that of any item in one.
    pub(super) fn unlisted_score(&self) -> f32 {
        match &self.source {
            Source::Vectors { .. } => f32::NEG_INFINITY,
            Source::Words(_) => 0.0,
        }
    }

    /// Whether an item of this score is one of the space: one with a vector, or with a word of the query.
    pub(super) fn lists(&self, score: f32) -> bool {
        match &self.source {
            Source::Vectors { .. } => true,
            Source::Words(_) => score > 0.0,
        }
    }

    /// Whether items are compared by vectors.
    pub(super) fn has_vectors(&self) -> bool {
        matches!(self.source, Source::Vectors { .. })
    }

    /// Number of items that recalls of the space can return; of a lexical space an upper bound.
    pub(super) fn items(&self) -> u64 {
        match &self.source {
            Source::Vectors { serving, .. } => serving.items(),
            Source::Words(query) => query.items(),
        }
    }

    /// The generation that is searched.
    pub(super) fn generation(&self) -> GenerationNo {
        match &self.source {
            Source::Vectors { serving, .. } => serving.base.generation.number,
            Source::Words(query) => query.generation(),
        }
    }
}
