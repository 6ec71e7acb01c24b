//! Schema and weights together.

use super::lookup::Lookup;
use super::schema::{Activation, FeatureSchema, OtherFields, Schema};
use crate::kernel::{VectorError, prepare};
use crate::record::RecordError;
use ndarray::{Array1, Array2};
use serde_json::Value;
use std::fmt;
use thiserror::Error;

/// Which of the two towers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// For queries.
    User,
    /// For items.
    Item,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Item => "item",
        })
    }
}

/// Both towers and the tables they share.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// What it was built from.
    pub(crate) schema: Schema,
    /// The embedding tables, in the order of their names.
    pub(crate) tables: Vec<Table>,
    /// The tower for queries.
    pub(crate) user: Tower,
    /// The tower for items.
    pub(crate) item: Tower,
}

/// An embedding table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// Its name in the schema.
    #[cfg_attr(
        not(any(test, feature = "train")),
        expect(dead_code, reason = "only writing needs it")
    )]
    pub(crate) name: String,
    /// Strings to rows.
    pub(crate) lookup: Lookup,
    /// `[rows, dimension]`.
    pub(crate) weights: Array2<f32>,
}

/// One tower; its features name tables by their place in [`Model::tables`].
#[derive(Clone, Debug)]
pub(crate) struct Tower {
    /// Which of the two it is.
    pub(crate) side: Side,
    /// What it reads.
    pub(crate) features: Vec<Feature>,
    /// What it computes.
    pub(crate) layers: Vec<Layer>,
    /// What happens to other fields.
    pub(crate) other_fields: Option<OtherFields>,
}

/// One feature of a tower.
#[derive(Clone, Debug)]
pub(crate) struct Feature {
    /// What it was built from.
    pub(crate) schema: FeatureSchema,
    /// Its table.
    pub(crate) table: Option<usize>,
    /// Components it gives.
    pub(crate) width: usize,
}

/// One layer of a tower.
#[derive(Clone, Debug)]
pub(crate) enum Layer {
    /// `activation(weight · x + bias)`.
    Dense {
        /// `[units, inputs]`.
        weight: Array2<f32>,
        /// `[units]`.
        bias: Array1<f32>,
        /// What is done to each component.
        activation: Activation,
    },
    /// Scales to length 1.
    L2Normalise,
}

/// A record without a vector.
#[derive(Clone, Debug, Error, PartialEq)]
pub(crate) enum EmbedError {
    /// Its features cannot be read.
    #[error(transparent)]
    Features(#[from] RecordError),
    /// What the tower computed cannot be compared.
    #[error("the tower's output is not a vector to compare by: {0}")]
    Output(#[from] VectorError),
}

impl Model {
    /// The tower of a side.
    pub(crate) fn tower(&self, side: Side) -> &Tower {
        match side {
            Side::User => &self.user,
            Side::Item => &self.item,
        }
    }

    /// The vector of one record, fit to be stored or asked for: finite, and of length 1 under
    /// cosine.
    pub(crate) fn embed(&self, side: Side, record: &Value) -> Result<Vec<f32>, EmbedError> {
        let tower = self.tower(side);
        let encoded = tower.encode(&self.tables, record)?;
        let output = tower.forward(&self.tables, &[&encoded]).output;
        let mut vector: Vec<f32> = output.iter().copied().collect();
        prepare(self.schema.metric, &mut vector)?;
        Ok(vector)
    }

    /// The vectors of many records, side by side; with an error, which of them it was.
    pub(crate) fn embed_many(
        &self,
        side: Side,
        records: &[Value],
    ) -> Result<Vec<f32>, (usize, EmbedError)> {
        let tower = self.tower(side);
        let encoded = records.iter().enumerate().map(|(at, record)| {
            let encoded = tower.encode(&self.tables, record);
            encoded.map_err(|error| (at, error.into()))
        });
        let encoded = encoded.collect::<Result<Vec<_>, _>>()?;
        let batch: Vec<_> = encoded.iter().collect();
        let output = tower.forward(&self.tables, &batch).output;
        let mut vectors: Vec<f32> = output.iter().copied().collect();
        for (at, vector) in vectors
            .chunks_exact_mut(self.schema.dimension as usize)
            .enumerate()
        {
            prepare(self.schema.metric, vector).map_err(|error| (at, error.into()))?;
        }
        Ok(vectors)
    }

    /// How many numbers were learnt.
    pub(crate) fn parameters(&self) -> usize {
        let tables = self.tables.iter().map(|table| table.weights.len());
        let layers = self.user.layers.iter().chain(&self.item.layers);
        let layers = layers.map(|layer| match layer {
            Layer::Dense { weight, bias, .. } => weight.len() + bias.len(),
            Layer::L2Normalise => 0,
        });
        tables.chain(layers).sum()
    }
}
