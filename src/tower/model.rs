//! Schema and weights together.

use super::encode::{Encoder, ItemVectors, Texts};
use super::encoded::Encoded;
use super::forward::Pass;
use super::layer::Layer;
use super::lookup::Lookup;
use super::matrix::Matrix;
use super::schema::{FeatureSchema, OtherFields, Schema};
use crate::kernel::{VectorError, prepare};
use crate::record::RecordError;
use serde_json::Value;
use std::cell::RefCell;
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
    pub(crate) name: String,
    /// Strings to rows.
    pub(crate) lookup: Lookup,
    /// `[rows, dimension]`.
    pub(crate) weights: Matrix,
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

/// Memory that is used again for one record after the other.
#[derive(Default)]
struct Scratch {
    texts: Texts,
    encoded: Vec<Encoded>,
    pass: Pass,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Records that go through a tower together.
const BATCH: usize = 64;

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
    pub(crate) fn embed(
        &self,
        side: Side,
        record: &Value,
        items: Option<ItemVectors<'_>>,
    ) -> Result<Vec<f32>, EmbedError> {
        let mut vector = Vec::with_capacity(self.schema.dimension as usize);
        let one = std::slice::from_ref(record);
        let embedded = self.embed_into(side, one, items, &mut vector);
        embedded.map_err(|(_, error)| error)?;
        Ok(vector)
    }

    /// The vectors of many records, side by side; with an error, which of them it was.
    pub(crate) fn embed_many(
        &self,
        side: Side,
        records: &[Value],
        items: Option<ItemVectors<'_>>,
    ) -> Result<Vec<f32>, (usize, EmbedError)> {
        let mut vectors = Vec::with_capacity(records.len() * self.schema.dimension as usize);
        self.embed_into(side, records, items, &mut vectors)?;
        Ok(vectors)
    }

    /// Appends the vectors of many records; with an error, which of them it was. No memory is taken but
    /// for the vectors once a thread has seen such records.
    pub(crate) fn embed_into(
        &self,
        side: Side,
        records: &[Value],
        items: Option<ItemVectors<'_>>,
        vectors: &mut Vec<f32>,
    ) -> Result<(), (usize, EmbedError)> {
        // Taken, not borrowed: what finds an item's vector may embed a record on this thread.
        let mut scratch = SCRATCH.take();
        let result = self.embed_by(side, records, items, vectors, &mut scratch);
        SCRATCH.set(scratch);
        result
    }

    fn embed_by(
        &self,
        side: Side,
        records: &[Value],
        items: Option<ItemVectors<'_>>,
        vectors: &mut Vec<f32>,
        scratch: &mut Scratch,
    ) -> Result<(), (usize, EmbedError)> {
        let (tower, tables) = (self.tower(side), &self.tables);
        let dimension = self.schema.dimension as usize;
        for (batch, records) in records.chunks(BATCH).enumerate() {
            let first = batch * BATCH;
            if scratch.encoded.len() < records.len() {
                scratch.encoded.resize_with(records.len(), Encoded::default);
            }
            let mut encoder = Encoder {
                tables,
                items,
                texts: &mut scratch.texts,
            };
            for (at, (record, encoded)) in records.iter().zip(&mut scratch.encoded).enumerate() {
                let encoded = tower.encode(&mut encoder, record, encoded);
                encoded.map_err(|error| (first + at, error.into()))?;
            }
            let encoded = scratch.encoded.iter().take(records.len());
            let output = tower.forward(tables, encoded, &mut scratch.pass);
            let from = vectors.len();
            vectors.extend_from_slice(output);
            let new = vectors.get_mut(from..).unwrap_or_default();
            for (at, vector) in new.chunks_exact_mut(dimension).enumerate() {
                let prepared = prepare(self.schema.metric, vector);
                prepared.map_err(|error| (first + at, error.into()))?;
            }
        }
        Ok(())
    }

    /// How many numbers were learnt.
    pub(crate) fn parameters(&self) -> usize {
        let tables = self.tables.iter().map(|table| table.weights.len());
        let layers = self.user.layers.iter().chain(&self.item.layers);
        let layers = layers
            .flat_map(Layer::weights)
            .map(|(_, weights)| weights.len());
        tables.chain(layers).sum()
    }
}
