//! Schema and weights together.

use super::layer::{Layer, Step};
use super::lookup::Lookup;
use super::matrix::Matrix;
use super::onnx::OnnxModel;
use super::schema::{FeatureSchema, OtherFields, Schema, TowerSchema};
use super::sequence::SequenceModel;
use super::side::Side;
use super::tokens::Tokenizer;
use std::sync::Arc;
use twinspire_core::files::Blob;
use twinspire_core::kernel::Weights;

/// Both towers and their tables.
#[derive(Clone, Debug)]
pub struct Model {
    /// The description.
    pub schema: Schema,
    /// The embedding tables, sorted by name.
    pub tables: Vec<Table>,
    /// The user tower. Without features it stands for an absent tower.
    pub user: Tower,
    /// The item tower. Without features it stands for an absent tower.
    pub item: Tower,
}

/// An embedding table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name in the schema.
    pub name: String,
    /// Strings to rows.
    pub lookup: Lookup,
    /// `[rows, dimension]`; a table that only numbers strings has no columns.
    pub weights: Matrix,
}

/// One tower. Its features refer to tables by their index in [`Model::tables`].
#[derive(Clone, Debug)]
pub struct Tower {
    /// Which of the two it is.
    pub side: Side,
    /// What it reads.
    pub features: Vec<Feature>,
    /// What it computes.
    pub layers: Vec<Layer>,
    /// What happens to fields that no feature reads.
    pub other_fields: Option<OtherFields>,
}

/// One feature of a tower.
#[derive(Clone, Debug)]
pub struct Feature {
    /// The description.
    pub schema: FeatureSchema,
    /// The index of its table, if it has one.
    pub table: Option<usize>,
    /// Width of its output.
    pub width: usize,
    /// The encoder of its sequence, if it has one.
    pub sequence: Option<SequenceModel>,
    /// What cuts its text into tokens, if it reads tokens.
    pub tokenizer: Option<Tokenizer>,
}

impl Feature {
    /// Number of learned weights, without the table.
    pub(super) fn parameters(&self) -> usize {
        let weights = self.sequence.iter().flat_map(SequenceModel::weights);
        weights.map(|(_, all)| all.len()).sum()
    }
}

impl Model {
    /// A model of these tables and of the towers that `build` makes from their descriptions.
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

    /// Whether the model has a tower of a side.
    pub fn has(&self, side: Side) -> bool {
        !self.tower(side).features.is_empty()
    }

    /// Whether `other` has the same item tower, so that it gives every item the same vector.
    pub fn has_same_item_tower(&self, other: &Self) -> bool {
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
        let layers = self.item.weights().into_iter().flatten();
        let mut layers = layers.zip(other.item.weights().into_iter().flatten());
        let file = |model: &Self| model.item.onnx().map(|onnx| Arc::clone(onnx.blob()));
        let same_file = |a: Option<Arc<Blob>>, b: Option<Arc<Blob>>| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(&a, &b) || **a == **b,
            (None, None) => true,
            _ => false,
        };
        let models = same_file(file(self), file(other));
        let tokenizer = |model: &Self| model.item.tokenizer().map(|all| Arc::clone(all.blob()));
        described
            && models
            && same_file(tokenizer(self), tokenizer(other))
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

    /// The same model with all weights in memory, in 32 bits, for training.
    #[must_use]
    pub fn in_memory(&self) -> Self {
        let mut model = self.clone();
        for table in &mut model.tables {
            table.weights = table.weights.in_memory();
        }
        for tower in [&mut model.user, &mut model.item] {
            let layers = tower.layers.iter().map(Layer::in_memory);
            tower.layers = layers.collect();
            for feature in &mut tower.features {
                feature.sequence = feature.sequence.as_ref().map(SequenceModel::in_memory);
            }
        }
        model
    }

    /// The tower of a side, for training.
    pub fn tower_mut(&mut self, side: Side) -> &mut Tower {
        match side {
            Side::User => &mut self.user,
            Side::Item => &mut self.item,
        }
    }

    /// Number of learned weights. Of an ONNX model, its floating-point tensors count.
    pub fn parameters(&self) -> usize {
        let tables = self.tables.iter().map(|table| table.weights.len());
        let towers = [&self.user, &self.item].map(Tower::parameters);
        tables.chain(towers).sum()
    }
}

impl Tower {
    /// A tower of these layers. Its tables are found in `schema`. `sequences` are the encoders of the features, in
    /// their order; behind the last there are none.
    pub fn new(
        side: Side,
        description: &TowerSchema,
        sequences: Vec<Option<SequenceModel>>,
        layers: Vec<Layer>,
        schema: &Schema,
    ) -> Self {
        let widths = schema.widths(description);
        let sequences = sequences.into_iter().chain(std::iter::repeat(None));
        let features = description.features.iter().zip(widths).zip(sequences);
        let features = features.map(|((feature, width), sequence)| Feature {
            tokenizer: None,
            sequence,
            table: feature
                .table()
                .and_then(|named| schema.tables.keys().position(|name| name == named)),
            schema: feature.clone(),
            width,
        });
        Self {
            side,
            features: features.collect(),
            layers,
            other_fields: description.other_fields.clone(),
        }
    }

    /// The same tower with what cuts texts into tokens.
    #[must_use]
    pub(crate) fn with_tokenizer(mut self, tokenizer: Option<&Tokenizer>) -> Self {
        let features = self.features.iter_mut();
        for feature in features.filter(|feature| feature.schema.reads_tokens()) {
            feature.tokenizer = tokenizer.cloned();
        }
        self
    }

    /// What cuts its texts into tokens, if a feature reads tokens.
    pub(crate) fn tokenizer(&self) -> Option<&Tokenizer> {
        let mut features = self.features.iter();
        features.find_map(|feature| feature.tokenizer.as_ref())
    }

    /// The encoders of its features, in their order.
    pub fn sequences(&self) -> Vec<Option<SequenceModel>> {
        let features = self.features.iter();
        features.map(|feature| feature.sequence.clone()).collect()
    }

    /// The learned weights by tensor name: those of each feature, then those of each layer.
    pub fn weights(&self) -> Vec<Vec<(&str, Weights<'_>)>> {
        let sequences = self.features.iter().map(|feature| &feature.sequence);
        let sequences =
            sequences.map(|of| of.as_ref().map_or_else(Vec::new, SequenceModel::weights));
        let layers = self.layers.iter().map(Layer::weights);
        sequences.chain(layers).collect()
    }

    /// The trainable weights, in the order of [`weights`](Self::weights).
    pub fn weights_mut(&mut self) -> Vec<Vec<&mut [f32]>> {
        let sequences = self
            .features
            .iter_mut()
            .map(|feature| &mut feature.sequence);
        let sequences = sequences.map(|of| {
            of.as_mut()
                .map_or_else(Vec::new, SequenceModel::weights_mut)
        });
        let layers = self.layers.iter_mut().map(Layer::weights_mut);
        sequences.chain(layers).collect()
    }

    /// Number of learned weights, without tables. Of an ONNX model, its floating-point tensors count.
    pub(super) fn parameters(&self) -> usize {
        let features = self.features.iter().map(Feature::parameters);
        let layers = self.layers.iter().map(Layer::parameters);
        features.chain(layers).sum()
    }

    /// The largest number of numbers that the encoders of its features compute for a record.
    pub(super) fn sequence_numbers(&self) -> usize {
        let sequences = self
            .features
            .iter()
            .filter_map(|feature| feature.sequence.as_ref());
        sequences
            .map(|of| of.schema.numbers(of.limit, of.input))
            .sum()
    }

    /// Its ONNX model, if it has one.
    pub(super) fn onnx(&self) -> Option<&OnnxModel> {
        self.layers.iter().find_map(|layer| match &layer.step {
            Step::Onnx(model) => Some(model),
            _ => None,
        })
    }
}
