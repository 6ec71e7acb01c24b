//! Figures that depend on the items of all shards.

use super::bytes;
use crate::ensemble::Scale;
use crate::error::Error;
use crate::lexical::TermStatistics;
use bincode::{Decode, Encode};
use std::collections::BTreeMap;

/// Figures that depend on the items of all shards, for one query: the frequencies of its words and the scales of normalised
/// scores. [`merge`](crate::merge()) gives them where a shard needs them to answer.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct ShardStatistics {
    /// Of each lexical space.
    pub(crate) terms: BTreeMap<String, TermStatistics>,
    /// Mean scores of the hundredth and of the best item, for spaces where they are known.
    pub(crate) calibrations: BTreeMap<String, (f32, f32)>,
    /// The scale of each space of a normalised sum, in the order of the recipe; empty before they are known.
    pub(crate) scales: Vec<Scale>,
}

impl ShardStatistics {
    /// Sets what a normalised sum by [`Calibration`](crate::Normalisation::Calibration) needs of a space: the mean scores
    /// of the hundredth and of the best item of a query, over all shards. No shard can measure them alone.
    #[must_use]
    pub fn with_calibration(mut self, space: impl Into<String>, hundredth: f32, best: f32) -> Self {
        self.calibrations.insert(space.into(), (hundredth, best));
        self
    }

    /// The figures as bytes, for another process of the same version.
    ///
    /// # Errors
    /// [`Error::Shards`] if there is no memory for them.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        bytes::encode(self)
    }

    /// Reads [`to_bytes`](Self::to_bytes).
    ///
    /// # Errors
    /// [`Error::Shards`] for other bytes, or those of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        bytes::decode(bytes)
    }
}
