//! Schema and weights together.

use super::encode::{Encoder, Reading, Texts};
use super::encoded::Encoded;
use super::forward::Pass;
use super::layer::{Layer, LayerError, Step};
use super::lookup::Lookup;
use super::matrix::Matrix;
use super::onnx::OnnxModel;
use super::schema::{FeatureSchema, OtherFields, Schema, TowerSchema};
use crate::record::RecordError;
use serde_json::Value;
use std::borrow::Borrow;
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;
use twinspire_core::kernel::{VectorError, Weights, prepare};

/// Which of the two towers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
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
pub struct Model {
    /// What it was built from.
    pub schema: Schema,
    /// The embedding tables, in the order of their names.
    pub tables: Vec<Table>,
    /// The tower for queries; one that is not there reads no features.
    pub user: Tower,
    /// The tower for items; one that is not there reads no features.
    pub item: Tower,
}

/// An embedding table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name in the schema.
    pub name: String,
    /// Strings to rows.
    pub lookup: Lookup,
    /// `[rows, dimension]`; of a table that only numbers strings, no columns.
    pub weights: Matrix,
}

/// One tower; its features name tables by their place in [`Model::tables`].
#[derive(Clone, Debug)]
pub struct Tower {
    /// Which of the two it is.
    pub side: Side,
    /// What it reads.
    pub features: Vec<Feature>,
    /// What it computes.
    pub layers: Vec<Layer>,
    /// What happens to other fields.
    pub other_fields: Option<OtherFields>,
}

/// One feature of a tower.
#[derive(Clone, Debug)]
pub struct Feature {
    /// What it was built from.
    pub schema: FeatureSchema,
    /// Its table.
    pub table: Option<usize>,
    /// Components it gives.
    pub width: usize,
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
pub enum EmbedError {
    /// Its features cannot be read.
    #[error(transparent)]
    Features(#[from] RecordError),
    /// There is no tower for it.
    #[error("there is no {side} tower; {}", instead(*.side))]
    NoTower {
        /// Which of the two.
        side: Side,
    },
    /// A layer cannot be computed.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// What the tower computed cannot be compared.
    #[error("the tower's output is not a vector to compare by: {0}")]
    Output(#[from] VectorError),
}

fn instead(side: Side) -> &'static str {
    match side {
        Side::User => "ask with a vector, or with an item to be similar to",
        Side::Item => "the vectors of items are published with them",
    }
}

impl Model {
    /// The tables with the towers that `build` makes of their descriptions.
    pub fn assemble<E>(
        schema: Schema,
        tables: Vec<Table>,
        mut build: impl FnMut(Side, &TowerSchema, &Schema, &[Table]) -> Result<Tower, E>,
    ) -> Result<Self, E> {
        let mut tower = |side, description: &Option<TowerSchema>| match description {
            Some(description) => build(side, description, &schema, &tables),
            None => Ok(Tower {
                side,
                features: Vec::new(),
                layers: Vec::new(),
                other_fields: None,
            }),
        };
        Ok(Self {
            user: tower(Side::User, &schema.user)?,
            item: tower(Side::Item, &schema.item)?,
            tables,
            schema,
        })
    }

    /// Whether there is a tower of a side.
    pub fn has(&self, side: Side) -> bool {
        !self.tower(side).features.is_empty()
    }

    /// Whether `other` gives every item the same vector.
    pub fn embeds_as(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.schema, &other.schema);
        let described = ours.item.is_some()
            && ours.item == theirs.item
            && (ours.dimension, ours.metric) == (theirs.dimension, theirs.metric);
        let features = self.item.features.iter().zip(&other.item.features);
        let mut tables = features.filter_map(|(a, b)| {
            let (a, b) = (self.tables.get(a.table?)?, other.tables.get(b.table?)?);
            Some((a, ours.tables.get(&a.name), b, theirs.tables.get(&b.name)))
        });
        let same = |a: Weights<'_>, b: Weights<'_>| a.len() == b.len() && a.iter().eq(b.iter());
        let layers = self.item.layers.iter().flat_map(Layer::weights);
        let mut layers = layers.zip(other.item.layers.iter().flat_map(Layer::weights));
        let file = |model: &Self| model.item.onnx().map(|onnx| Arc::clone(onnx.blob()));
        let models = match (file(self), file(other)) {
            (Some(a), Some(b)) => **a == **b,
            (None, None) => true,
            _ => false,
        };
        described
            && models
            && layers.all(|((_, a), (_, b))| same(a, b))
            && tables.all(|(a, a_schema, b, b_schema)| {
                a_schema == b_schema && same(a.weights.weights(), b.weights.weights())
            })
    }

    /// The tower of a side.
    pub fn tower(&self, side: Side) -> &Tower {
        match side {
            Side::User => &self.user,
            Side::Item => &self.item,
        }
    }

    /// The vector of one record, fit to be stored or asked for: finite, and of length 1 under
    /// cosine.
    pub fn embed(
        &self,
        side: Side,
        record: &Value,
        reading: Reading<'_>,
    ) -> Result<Vec<f32>, EmbedError> {
        let mut vector = Vec::with_capacity(self.schema.dimension as usize);
        let one = std::slice::from_ref(record);
        let embedded = self.embed_into(side, one, reading, &mut vector);
        embedded.map_err(|(_, error)| error)?;
        Ok(vector)
    }

    /// The vector of each of many records, or why it has none.
    pub fn embed_each<R: Borrow<Value>>(
        &self,
        side: Side,
        records: &[R],
        reading: Reading<'_>,
    ) -> Vec<Result<Vec<f32>, EmbedError>> {
        match self.embed_many(side, records, reading) {
            Ok(vectors) => {
                let each = vectors.chunks_exact(self.schema.dimension as usize);
                each.map(|vector| Ok(vector.to_vec())).collect()
            }
            Err(_) => {
                let each = records.iter();
                each.map(|record| self.embed(side, record.borrow(), reading))
                    .collect()
            }
        }
    }

    /// The vectors of many records, side by side; with an error, which of them it was.
    pub fn embed_many<R: Borrow<Value>>(
        &self,
        side: Side,
        records: &[R],
        reading: Reading<'_>,
    ) -> Result<Vec<f32>, (usize, EmbedError)> {
        let mut vectors = Vec::with_capacity(records.len() * self.schema.dimension as usize);
        self.embed_into(side, records, reading, &mut vectors)?;
        Ok(vectors)
    }

    /// Appends the vectors of many records; with an error, which of them it was. No memory is taken but
    /// for the vectors once a thread has seen such records.
    pub(crate) fn embed_into<R: Borrow<Value>>(
        &self,
        side: Side,
        records: &[R],
        reading: Reading<'_>,
        vectors: &mut Vec<f32>,
    ) -> Result<(), (usize, EmbedError)> {
        // Taken, not borrowed: what finds an item's vector may embed a record on this thread.
        let mut scratch = SCRATCH.take();
        let result = self.embed_by(side, records, reading, vectors, &mut scratch);
        SCRATCH.set(scratch);
        result
    }

    fn embed_by<R: Borrow<Value>>(
        &self,
        side: Side,
        records: &[R],
        reading: Reading<'_>,
        vectors: &mut Vec<f32>,
        scratch: &mut Scratch,
    ) -> Result<(), (usize, EmbedError)> {
        let (tower, tables) = (self.tower(side), &self.tables);
        let dimension = self.schema.dimension as usize;
        if tower.features.is_empty() && !records.is_empty() {
            return Err((0, EmbedError::NoTower { side }));
        }
        for (batch, records) in records.chunks(BATCH).enumerate() {
            let first = batch * BATCH;
            if scratch.encoded.len() < records.len() {
                scratch.encoded.resize_with(records.len(), Encoded::default);
            }
            let mut encoder = Encoder {
                tables,
                reading,
                texts: &mut scratch.texts,
            };
            for (at, (record, encoded)) in records.iter().zip(&mut scratch.encoded).enumerate() {
                let encoded = tower.encode(&mut encoder, record.borrow(), encoded);
                encoded.map_err(|error| (first + at, error.into()))?;
            }
            let encoded = scratch.encoded.iter().take(records.len());
            let output = tower.forward(tables, encoded, &mut scratch.pass);
            let output = output.map_err(|error| (first + error.row, error.into()))?;
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

    /// All that is wrong with a record, taken strictly.
    pub fn problems(&self, side: Side, record: &Value) -> Vec<RecordError> {
        self.tower(side).problems(&self.tables, record)
    }

    /// The same model with all weights in memory, in 32 bits, there to be learnt.
    pub fn in_memory(&self) -> Self {
        let mut model = self.clone();
        for table in &mut model.tables {
            table.weights = table.weights.in_memory();
        }
        for tower in [&mut model.user, &mut model.item] {
            let layers = tower.layers.iter().map(Layer::in_memory);
            tower.layers = layers.collect();
        }
        model
    }

    /// The tower of a side, to be learnt.
    pub fn tower_mut(&mut self, side: Side) -> &mut Tower {
        match side {
            Side::User => &mut self.user,
            Side::Item => &mut self.item,
        }
    }

    /// How many numbers were learnt; of an ONNX model those that lie in it as numbers with a point.
    pub fn parameters(&self) -> usize {
        let tables = self.tables.iter().map(|table| table.weights.len());
        let layers = self.user.layers.iter().chain(&self.item.layers);
        tables.chain(layers.map(Layer::parameters)).sum()
    }
}

impl Tower {
    /// Its ONNX model, if it has one.
    pub(super) fn onnx(&self) -> Option<&OnnxModel> {
        self.layers.iter().find_map(|layer| match &layer.step {
            Step::Onnx(model) => Some(model),
            _ => None,
        })
    }
}
