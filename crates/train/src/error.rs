//! Why a training fails.

use super::error_reason::{
    CheckpointFault, MinedFault, MissingData, OverrideFault, SchemaPlace, TeacherFault,
    Untrainable, WarmStartFault,
};
use super::unknown_ids::UnknownIds;
use std::path::PathBuf;
use thiserror::Error;
use twinspire_towers::{RecordError, Side, TowerError};

/// Why a training fails.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum TrainError {
    /// There is nothing to learn from.
    #[error("the dataset has no {missing}")]
    Empty {
        /// What the dataset lacks.
        missing: MissingData,
    },
    /// A user or item that cannot be read.
    #[error("{side} {at}: {source}")]
    Record {
        /// Whether it is a user or an item.
        side: Side,
        /// Its index in the dataset, from 0.
        at: usize,
        /// What is wrong with it.
        source: RecordError,
    },
    /// Two users or two items with the same id.
    #[error("{side}s {first} and {second} have the same id {id:?}")]
    Duplicate {
        /// Whether they are users or items.
        side: Side,
        /// The id.
        id: String,
        /// Index of the first one, from 0.
        first: usize,
        /// Index of the second one.
        second: usize,
    },
    /// An event with an invalid weight.
    #[error("event {at}: its weight is {weight}; it must be finite and at least 0")]
    Weight {
        /// Its index in the dataset, from 0.
        at: usize,
        /// The weight.
        weight: f32,
    },
    /// Too many events name users or items without a record: their ids are probably written otherwise.
    #[error("{unknown}; at most {:.4} % may (setting `max_unknown_ids`)", most * 100.0)]
    UnknownIds {
        /// The ids.
        unknown: UnknownIds,
        /// The largest share of events that may name them.
        most: f32,
    },
    /// A mined pair that cannot be learnt from.
    #[error("mined pair {at}: {fault}")]
    Mined {
        /// Its index among the mined pairs, from 0.
        at: usize,
        /// What is wrong with it.
        #[source]
        fault: MinedFault,
    },
    /// No text field was found.
    #[error(
        "no field of the {side}s holds texts (found: {}); name text fields with the setting `{setting}`",
        listed(.fields)
    )]
    NoTexts {
        /// Whether users or items lack texts.
        side: Side,
        /// The setting that names fields.
        setting: &'static str,
        /// The fields of the records.
        fields: Vec<String>,
    },
    /// A setting names a field that no record has.
    #[error("the setting `{setting}`: no {side} has a field `{field}` (found: {})", listed(.fields))]
    NoField {
        /// Whether it is a field of users or of items.
        side: Side,
        /// The setting.
        setting: &'static str,
        /// The field.
        field: String,
        /// The fields of the records.
        fields: Vec<String>,
    },
    /// A setting outside of its range.
    #[error("{knob} is {found}; it must be between {least} and {most}")]
    Config {
        /// The setting.
        knob: &'static str,
        /// Its value.
        found: String,
        /// The smallest valid value.
        least: String,
        /// The largest valid value.
        most: String,
    },
    /// A setting of the wrong type.
    #[error("settings: {found}")]
    Settings {
        /// What is wrong.
        found: String,
    },
    /// A metric that is not known.
    #[error(
        "there is no metric {found:?}; hit@10, recall@10, ndcg@10, mrr@10 or map@10 with any number expected"
    )]
    UnknownMeasure {
        /// What was asked for.
        found: String,
    },
    /// A criterion of segments that is not known.
    #[error(
        "there are no segments by {found:?}; history, popularity, cold_users, cold_items, user.FIELD or \
         item.FIELD expected"
    )]
    UnknownSegment {
        /// What was asked for.
        found: String,
    },
    /// A feature or a layer without a gradient.
    #[error("{place} cannot be trained: {reason}")]
    Untrainable {
        /// The tower, feature or layer.
        place: SchemaPlace,
        /// Why, and what to use instead.
        reason: Untrainable,
    },
    /// An invalid entry of [`Overrides`](crate::Overrides).
    #[error("{place}: {fault}")]
    Override {
        /// The field or layer.
        place: SchemaPlace,
        /// What is wrong with the entry.
        #[source]
        fault: OverrideFault,
    },
    /// A warm start from towers that differ from those to be trained.
    #[error("cannot warm start from these towers: {place}: {fault}")]
    WarmStart {
        /// The tower, table or file that differs.
        place: SchemaPlace,
        /// How it differs.
        fault: WarmStartFault,
    },
    /// A Mobius teacher that cannot judge relevance.
    #[error("the teacher cannot judge relevance: {fault}")]
    Teacher {
        /// Why not.
        #[source]
        fault: TeacherFault,
    },
    /// The loss is not finite.
    #[error("the loss of epoch {epoch} is not finite; use a smaller learning rate")]
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
    },
    /// A checkpoint that cannot be written, or that the training cannot continue from.
    #[error("checkpoint {}: {fault}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        fault: CheckpointFault,
    },
    /// The progress callback cancelled the training.
    #[error("the training was cancelled")]
    Cancelled,
    /// The trained model does not make valid towers.
    #[error(transparent)]
    Towers(#[from] TowerError),
}

fn listed(fields: &[String]) -> String {
    fields.join(", ")
}
