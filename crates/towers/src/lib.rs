//! User and item towers: raw features in, embeddings out. They serve without a database.
//!
//! [`Towers`] are a user tower and an item tower that were trained together. They are read from a
//! directory, checked, described, and embed one record or many:
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
//! The crate also defines the records that the other crates exchange: an [`Event`] of an interaction log,
//! a training [`TrainingPair`] and what was [`MinedPair`] for it.
//!
//! Use it through `twinspire`, which re-exports it. [`internals`] has no stability promise.

mod directory;
mod error;
mod record;
mod tower;

pub use directory::Towers;
pub use error::TowersError;
pub use record::{Event, MinedNegative, MinedPair, RecordError, TrainingPair};
pub use tower::{
    EmbedError, FeatureCheck, FeatureInfo, LayerInfo, SelfTest, Side, TableInfo, TowerError,
    TowerInfo, TowersInfo,
};

/// What the crates of Twinspire share and users should not name. It changes without notice.
#[doc(hidden)]
pub mod internals {
    pub use crate::record::*;
    pub use crate::tower::*;
}
