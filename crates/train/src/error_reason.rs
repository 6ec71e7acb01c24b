//! The parts of a [`TrainError`](crate::TrainError): where and why.

use thiserror::Error;
use twinspire_towers::{EmbedError, RecordError, Side};

/// What a dataset lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MissingData {
    /// There are no items.
    #[error("items")]
    Items,
    /// There are no events.
    #[error("events")]
    Events,
    /// All events have weight 0 or happened before `since`.
    #[error("events with a weight above 0 as late as `since`; check weights and `since`")]
    NewEvents,
    /// No event is a click.
    #[error("clicks: no event reaches the weight of the setting `click`")]
    Clicks,
    /// No pair of texts can be formed.
    #[error("examples: no document of two sentences, no click on a document with a text")]
    Texts,
    /// The settings ask for mined negatives alone.
    #[error("mined negatives; give some, or let the settings use other negatives")]
    MinedNegatives,
    /// No held-out event can test a recall.
    #[error("held-out events with an item that is new to its user")]
    TestCases,
}

/// A part of the towers' description.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SchemaPlace {
    /// A tower.
    #[error("{0} tower")]
    Tower(Side),
    /// A feature of a tower.
    #[error("{side} feature {at} ({field:?})")]
    Feature {
        /// The tower.
        side: Side,
        /// The index of the feature, from 0.
        at: usize,
        /// The field that it reads.
        field: String,
    },
    /// A layer of a tower.
    #[error("{side} layer {at}")]
    Layer {
        /// The tower.
        side: Side,
        /// The index of the layer, from 0.
        at: usize,
    },
    /// A field of the records.
    #[error("{side} field {field:?}")]
    Field {
        /// Whether it is a field of users or of items.
        side: Side,
        /// The field.
        field: String,
    },
    /// A table.
    #[error("table {0:?}")]
    Table(String),
    /// The frequency estimate that is kept with towers.
    #[error("frequency estimate")]
    Frequency,
}

/// What is wrong with a mined pair.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum MinedFault {
    /// Its positive is not an item of the dataset.
    #[error("its positive {0:?} is not an item of the dataset")]
    UnknownPositive(String),
    /// One of its negatives is not an item of the dataset.
    #[error("its negative {0:?} is not an item of the dataset")]
    UnknownNegative(String),
    /// Its user cannot be read.
    #[error("its user: {0}")]
    User(RecordError),
}

/// Why a feature or a layer has no gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Untrainable {
    /// The tower is missing.
    #[error("it is missing; two towers are trained together")]
    NoTower,
    /// The feature reads vectors of items.
    #[error("vectors of items exist only in a published generation; use `ids`")]
    ItemVectors,
    /// The feature gives row numbers to an ONNX model.
    #[error("row numbers are inputs of ONNX models, which are trained elsewhere; use `ids`")]
    RowNumbers,
    /// The feature reads tokens.
    #[error("tokens belong to an encoder, which is trained elsewhere; use `text`")]
    Tokens,
    /// The layer is a batch normalisation.
    #[error("batch normalisation is not implemented in training; use `layer_norm`")]
    BatchNorm,
    /// The layer weighs features.
    #[error("feature weights are not implemented in training; import trained towers")]
    FeatureWeights,
    /// The layer is an ONNX model.
    #[error("ONNX models are trained elsewhere; import trained towers")]
    Onnx,
}

/// What is wrong with an override.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OverrideFault {
    /// The recipe reads the field itself.
    #[error("the recipe reads this field itself; remove the override")]
    ReadByRecipe,
    /// No record has the field.
    #[error("no record has this field")]
    UnknownField,
    /// The kind of the feature is not given and cannot be derived.
    #[error("its kind cannot be derived from the values; add a `kind`")]
    KindNeeded,
    /// The rule is neither a string nor an object.
    #[error(
        "expected \"drop\", \"keep\", a kind of feature or an object of its keys, found {found}"
    )]
    Rule {
        /// What was found instead.
        found: String,
    },
    /// The table is neither a string nor an object.
    #[error("its table must be the name of a table or an object")]
    Table,
    /// The feature, table or layer is malformed.
    #[error("{0}")]
    Malformed(String),
}

/// How towers differ from those to be trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WarmStartFault {
    /// The tower differs.
    #[error("its features or layers differ")]
    Tower,
    /// The table is new.
    #[error("the earlier towers do not have it")]
    NewTable,
    /// The rows of the table have another width.
    #[error("its rows have another width")]
    Width,
    /// The table has another lookup.
    #[error("its lookup differs")]
    Lookup,
    /// The frequency estimator has another size.
    #[error("`frequency_hashes` or `frequency_cells` differ")]
    FrequencySize,
}

/// Why a teacher cannot judge relevance.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum TeacherFault {
    /// No field of the items holds categories.
    #[error("no field of the items holds categories; name one")]
    NoCategoryField,
    /// No item has a category in the named fields.
    #[error("no item has a category in {}", .0.join(", "))]
    NoCategoryIn(Vec<String>),
    /// The teacher's towers cannot read a record.
    #[error("its towers cannot read {side} {at}: {source}")]
    Unreadable {
        /// Whether it is a user or an item.
        side: Side,
        /// The index of the record, from 0.
        at: usize,
        /// What is wrong with it.
        source: EmbedError,
    },
}

/// Why a checkpoint cannot be written or read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CheckpointFault {
    /// The file system refuses.
    #[error("{0}")]
    Io(String),
    /// It is not a checkpoint, or not a whole one.
    #[error("damaged: {0}; delete it to start from the beginning")]
    Damaged(String),
    /// It belongs to a training with other data or settings.
    #[error(
        "of another training: data, settings, starting towers or the version of Twinspire differ; use another \
         directory, or delete this file to start from the beginning"
    )]
    OtherTraining,
}
