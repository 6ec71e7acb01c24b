//! `tower.json`: what the towers read, and how they are built.
//!
//! - [`Schema`] is the description of both towers, [`TableSchema`] that of an embedding table.
//! - [`FeatureSchema`]: what a tower reads of a record; `options` holds the types of its options.
//! - [`SequenceEncoder`]: how a sequence of embeddings becomes one vector.
//! - [`LayerSchema`]: what a tower computes; [`Wiring`]: which outputs each layer reads.
//! - `check` and `wiring` refuse descriptions from which no tower can be built, and bound the memory that a
//!   hostile one can ask for.

mod check;
mod description;
mod features;
mod layers;
mod options;
mod sequence;
mod table;
mod wiring;

pub use description::{FORMAT, OtherFields, Schema, TowerSchema};
pub use features::{FeatureKind, FeatureSchema};
pub use layers::{Activation, From, INPUT, LayerKind, LayerSchema, OnnxInput, OnnxTokens};
#[cfg(any(feature = "onnx", feature = "tokens"))]
pub use options::TokenPooling;
pub use options::{Grams, Missing, PadAt, Pooling, Recency, To, TokenPart, Unreadable, Until};
pub use sequence::{AttentionSchema, EncoderTensor, GruSchema, Positions, SequenceEncoder};
pub use table::{HashFunction, LookupSchema, RowsAt, TableSchema, Unknown, UnknownHash};
pub use wiring::Wiring;
