//! User and item towers: raw features in, embeddings out. They serve without a database.
//!
//! [`Towers`] are a user tower and an item tower that were trained together. They are opened from a directory, checked,
//! described, and embed one record or many:
//!
//! ```no_run
//! # fn main() -> Result<(), twinspire_towers::TowersError> {
//! use serde_json::json;
//! use twinspire_towers::Towers;
//!
//! let towers = Towers::open("models/shop")?;
//! let embedding = towers.embed_user(&json!({"user_id": "u42", "history": ["B07", "B13"]}))?;
//! assert_eq!(embedding.len(), towers.dimension());
//! # Ok(())
//! # }
//! ```
//!
//! Every failure is a [`TowersError`], which is `#[non_exhaustive]`: it names the file and the place in it, or the
//! record and its field.
//!
//! The crate also defines the records that the other crates exchange: an [`Event`] of an interaction log, a
//! [`TrainingPair`] of a user and an item, and a [`MinedPair`] with its hard negatives.
//!
//! Use it through `twinspire`, which re-exports it. [`internals`] has no stability promise.

mod directory;
#[cfg(feature = "tokens")]
mod encoder;
mod error;
mod record;
mod tower;

pub use directory::{Towers, UserContext};
#[cfg(feature = "tokens")]
pub use encoder::TextTowers;
pub use error::TowersError;
pub use record::{
    Event, KnownIds, MinedNegative, MinedPair, Moment, RecordError, TimeUnit, TrainingPair,
};
pub use tower::{
    EmbedError, Embedded, EmbeddedFeature, FeatureCheck, FeatureInfo, LayerError, LayerInfo,
    ModelLimits, ModelResource, SelfTest, Side, TableInfo, TowerError, TowerFault, TowerInfo,
    TowersInfo, model_limits, set_model_limits,
};

/// What the other crates of Twinspire use and users should not. It changes without notice.
#[doc(hidden)]
pub mod internals {
    pub use crate::record::{
        FieldValue, Fields, MAX_PATH_BYTES, MAX_RECORD_BYTES, Moment, Number, Place, Term, Test,
        TimeUnit, check_id, check_integers, check_item, describe, misread_places,
    };
    pub use crate::tower::{
        BlockPass, Cell, Coverage, Encoded, FREQUENCY, Feature, FrequencyState, GruPass,
        IDS_PER_LOOKUP, Input, Layer, Lookup, MAX_CELLS, MAX_HASHES, Matrix, Model, NamedBlob,
        OptimiserMethod, OptimiserState, OtherReaders, Pass, REPORT, Reading, SequenceModel,
        SequencePass, Side, Step, TOWER_FILES, Table, Tower, content_hash, exp,
    };

    /// The description of towers.
    pub mod schema {
        pub use crate::tower::schema::{
            Activation, AttentionSchema, EncoderTensor, FORMAT, FeatureKind, FeatureSchema, From,
            Grams, GruSchema, HashFunction, INPUT, LayerKind, LayerSchema, LookupSchema, Missing,
            OtherFields, Pooling, Positions, Recency, Schema, SequenceEncoder, TableSchema,
            TowerSchema, Unknown, Unreadable, Until,
        };
    }
}
