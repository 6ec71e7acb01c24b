//! What can be wrong with a towers directory, and with a record that a tower should embed.

use super::files;
use super::side::Side;
use crate::record::RecordError;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;
use twinspire_core::kernel::VectorError;
use twinspire_core::wire::WireError;

/// Why a towers directory cannot be used: the file, the place in it, and the fault.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{file}: {place}: {fault}")]
#[non_exhaustive]
pub struct TowerError {
    /// The file in the towers directory.
    pub file: &'static str,
    /// The feature, layer, table, tensor or line; `file` for the file as a whole.
    pub place: String,
    /// What is wrong there, and what would be right.
    #[source]
    pub fault: TowerFault,
}

/// What is wrong with a file of a towers directory.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum TowerFault {
    /// A file or tensor that the description requires does not exist.
    #[error("is missing; {needed}")]
    Missing {
        /// What requires it.
        needed: String,
    },
    /// A file or tensor that the description does not mention.
    #[error("is not described in tower.json")]
    Undescribed,
    /// The text is not the JSON of such a file.
    #[error("{0}")]
    Json(#[source] Arc<serde_json::Error>),
    /// The description is valid JSON, but no tower can be built from it.
    #[error("{0}")]
    Description(String),
    /// The file is not in the safetensors format, or cannot be written in it.
    #[error("{0}")]
    Safetensors(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// A tensor has a type that is not supported.
    #[error("is of type {found}, not F32, F16 or BF16")]
    Type {
        /// The type in the file.
        found: String,
    },
    /// A tensor has another shape than the description requires.
    #[error("has shape {found:?}, the schema asks for {expected:?}")]
    Shape {
        /// The shape in the file.
        found: Vec<usize>,
        /// The shape that the description requires.
        expected: Vec<usize>,
    },
    /// The data of a tensor extends beyond the end of the file.
    #[error("does not lie within the file")]
    Bounds,
    /// A weight is NaN or infinite.
    #[error("component {component} is not a finite number")]
    NotFinite {
        /// The component of the tensor, from 0.
        component: usize,
    },
    /// A variance is negative.
    #[error("component {component} is below 0, but it is a variance")]
    NegativeVariance {
        /// The component of the tensor, from 0.
        component: usize,
    },
    /// A layer cannot be written to a file.
    #[error(
        "batch normalisation cannot be written, only read: its statistics are folded into one factor"
    )]
    Unwritable,
    /// The ONNX model cannot be used for its layer.
    #[error("{0}")]
    Onnx(String),
    /// Texts cannot be cut into tokens as the file says.
    #[error("{0}")]
    Tokens(String),
    /// The ONNX model needs more than its [limits](crate::ModelLimits) allow.
    #[error(
        "needs {needed} {of} with all operators before it, the limit is {limit}; see ModelLimits"
    )]
    Exceeds {
        /// What it needs too much of.
        of: ModelResource,
        /// How much it needs.
        needed: u64,
        /// How much it may take.
        limit: u64,
    },
    /// The file ends too early or too late.
    #[error(transparent)]
    Length(#[from] WireError),
    /// The file does not start with the magic bytes of its kind.
    #[error("does not start with the magic bytes {}", String::from_utf8_lossy(.expected))]
    Magic {
        /// The magic bytes of such a file.
        expected: [u8; 8],
    },
    /// The file has a version that this program cannot read.
    #[error("has version {found}, this program reads {supported}")]
    Version {
        /// The version of the file.
        found: u32,
        /// The version that this program reads.
        supported: u32,
    },
    /// The checksum does not match: the file is damaged.
    #[error("is damaged: its checksum does not match its content")]
    Checksum,
    /// The state of a training does not belong to these towers, or no training produces it.
    #[error("{0}")]
    TrainingState(String),
    /// A vector of the self-test has another dimension than the towers.
    #[error("the vector has {found} components, the towers' dimension is {expected}")]
    Dimension {
        /// Components of the vector.
        found: usize,
        /// The dimension of the towers.
        expected: usize,
    },
    /// The towers cannot embed a record of the self-test.
    #[error("the record: {0}")]
    Embed(#[source] Box<EmbedError>),
    /// The towers give a record of the self-test another vector.
    #[error(
        "component {component} of the vector is {found}, should be {expected}: towers and self-test \
         are of different models, or the export is wrong"
    )]
    SelfTest {
        /// The component, from 0.
        component: usize,
        /// What the towers compute.
        found: f32,
        /// What the self-test expects.
        expected: f32,
    },
    /// A feature gives other numbers than the self-test expects.
    #[error(
        "feature `{feature}` gives {found} at component {component}, should be {expected}: the record is \
         read in another way than in the training"
    )]
    SelfTestFeature {
        /// The first field that the feature reads.
        feature: String,
        /// The component of its numbers, from 0.
        component: usize,
        /// What the towers compute.
        found: f32,
        /// What the self-test expects.
        expected: f32,
    },
    /// A feature gives more or fewer numbers than the self-test expects, or there is no such feature.
    #[error("feature `{feature}` gives {found} numbers, the self-test expects {expected}")]
    SelfTestWidth {
        /// The first field that the feature reads.
        feature: String,
        /// How many numbers it gives; 0 if there is no such feature.
        found: usize,
        /// How many the self-test expects.
        expected: usize,
    },
    /// The towers give a record of the self-test another vector in a batch than alone.
    #[error("the model gives the record another vector in a batch than alone")]
    Batch,
}

/// What a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelResource {
    /// Memory, in bytes.
    Memory,
    /// Multiplications and additions.
    Operations,
}

impl fmt::Display for ModelResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "bytes of memory",
            Self::Operations => "operations",
        })
    }
}

/// Why a layer cannot be computed, and for which record of the batch.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{file} cannot be run: {what}")]
pub struct LayerError {
    /// The record of the batch, from 0.
    pub row: usize,
    /// The file of the model in the towers directory.
    pub file: &'static str,
    /// The message of the runtime.
    pub what: String,
}

/// Why a record has no vector.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum EmbedError {
    /// Its features cannot be read.
    #[error(transparent)]
    Features(#[from] RecordError),
    /// There is no tower for it.
    #[error("there is no {side} tower; {}", advice(*.side))]
    NoTower {
        /// The tower that is absent.
        side: Side,
    },
    /// A layer cannot be computed.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// The output of the tower cannot be compared.
    #[error("the tower's output is not a vector to compare by: {0}")]
    Output(#[from] VectorError),
}

fn advice(side: Side) -> &'static str {
    match side {
        Side::User => "ask with a vector, or with an item to be similar to",
        Side::Item => "the vectors of items are published with them",
    }
}

impl EmbedError {
    /// The field at fault, if a field is: its name, what was expected and what was found.
    #[must_use]
    pub fn field(&self) -> Option<&RecordError> {
        match self {
            Self::Features(error) => Some(error),
            Self::Layer(_) | Self::Output(_) | Self::NoTower { .. } => None,
        }
    }
}

impl TowerError {
    /// A fault at a place of a file.
    pub(crate) fn new(
        file: &'static str,
        place: impl Into<String>,
        fault: impl Into<TowerFault>,
    ) -> Self {
        Self {
            file,
            place: place.into(),
            fault: fault.into(),
        }
    }

    /// A description of which no tower can be built.
    pub(crate) fn description(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(
            files::DESCRIPTION,
            place,
            TowerFault::Description(what.into()),
        )
    }

    /// A tokenizer that cannot be used.
    pub(crate) fn tokens(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(files::TOKENIZER, place, TowerFault::Tokens(what.into()))
    }

    /// A text that is not the JSON of such a file.
    pub(crate) fn json(file: &'static str, error: serde_json::Error) -> Self {
        let place = format!("line {} column {}", error.line(), error.column());
        Self::new(file, place, error)
    }
}

/// Faults are equal if their messages are: their sources cannot be compared.
impl PartialEq for TowerFault {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for TowerFault {}

impl From<EmbedError> for TowerFault {
    fn from(error: EmbedError) -> Self {
        Self::Embed(Box::new(error))
    }
}

impl From<serde_json::Error> for TowerFault {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(Arc::new(error))
    }
}

impl From<safetensors::SafeTensorError> for TowerFault {
    fn from(error: safetensors::SafeTensorError) -> Self {
        Self::Safetensors(Arc::new(error))
    }
}
