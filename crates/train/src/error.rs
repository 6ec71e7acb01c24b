//! Why towers cannot be trained.

use thiserror::Error;
use twinspire_towers::RecordError;
use twinspire_towers::TowerError;

/// Why towers cannot be trained.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum TrainError {
    /// There is nothing to learn from.
    #[error("the dataset has no {what}")]
    Empty {
        /// What is missing: items or events.
        what: &'static str,
    },
    /// An item or user that cannot be read.
    #[error("{what} {at}: {source}")]
    Record {
        /// `item` or `user`.
        what: &'static str,
        /// Its place in the dataset, from 0.
        at: usize,
        /// What is wrong with it.
        source: RecordError,
    },
    /// Two items or users of one id.
    #[error("{what}s {first} and {second} have the same id {id:?}")]
    Duplicate {
        /// `item` or `user`.
        what: &'static str,
        /// The id.
        id: String,
        /// Where it stands first, from 0.
        first: usize,
        /// Where it stands again.
        second: usize,
    },
    /// An event whose weight is no positive number.
    #[error("event {at}: its weight is {weight}; it must be finite and at least 0")]
    Weight {
        /// Its place in the dataset, from 0.
        at: usize,
        /// The weight.
        weight: f32,
    },
    /// A mined pair that cannot be learnt from.
    #[error("mined pair {at}: {what}")]
    Mined {
        /// Its place among those that were given, from 0.
        at: usize,
        /// What is wrong with it.
        what: String,
    },
    /// No field of the records can be told to hold texts.
    #[error(
        "no field of the {what}s can be told to hold texts (there are {}); name those to be read by \
         the setting `{setting}`",
        listed(.fields)
    )]
    NoTexts {
        /// `item` or `user`.
        what: &'static str,
        /// The setting that names fields.
        setting: &'static str,
        /// The fields there are.
        fields: Vec<String>,
    },
    /// A field that is to be read and that no record has.
    #[error("the setting `{setting}`: no {what} has a field `{field}` (there are {})", listed(.fields))]
    NoField {
        /// `item` or `user`.
        what: &'static str,
        /// The setting that names it.
        setting: &'static str,
        /// The field.
        field: String,
        /// The fields there are.
        fields: Vec<String>,
    },
    /// A setting out of its range.
    #[error("{knob} is {found}; it must be between {least} and {most}")]
    Config {
        /// The setting.
        knob: &'static str,
        /// Its value.
        found: String,
        /// The least it may be.
        least: String,
        /// The most it may be.
        most: String,
    },
    /// A feature or a layer that no gradient goes through.
    #[error("{place} cannot be trained: {why}")]
    Untrainable {
        /// The tower, and what of it.
        place: String,
        /// Why, and what would do.
        why: &'static str,
    },
    /// Something said in [`Overrides`](super::Overrides) that cannot be followed.
    #[error("{place}: {what}")]
    Override {
        /// The tower, and the field or layer.
        place: String,
        /// What is wrong with it.
        what: String,
    },
    /// Towers to begin with that are not of the towers to be trained.
    #[error("the towers to begin with do not fit: {place}: {what}")]
    WarmStart {
        /// The tower or table.
        place: String,
        /// What is different.
        what: &'static str,
    },
    /// A teacher that cannot say what is relevant.
    #[error("the teacher cannot tell what is relevant: {what}")]
    Teacher {
        /// Why not.
        what: String,
    },
    /// The loss is no number any more.
    #[error("the loss of pass {epoch} is not finite; try a smaller learning rate")]
    Diverged {
        /// The pass, from 1.
        epoch: usize,
    },
    /// The trained model does not make towers.
    #[error(transparent)]
    Towers(#[from] TowerError),
}

fn listed(fields: &[String]) -> String {
    fields.join(", ")
}
