//! Training towers on raw logs, and the steps of training that need a database.
//!
//! The recipes are those of the crate `twinspire-train`, which knows no database. They are re-exported here.
//! The steps that need a database are defined in this module:
//!
//! - [`Database::evaluate`](crate::Database::evaluate): judge spaces, ensembles and generations on held-out events,
//!   beside baselines.
//! - [`release`]: publish new towers on trial, compare them with the active generation, keep or roll back.
//! - [`Blend`]: publish an easy-trained and a hard-trained EBR model and the ensembles over both.
//! - [`expected_revenue`]: rank by score times bid, as Mobius does.
//!
//! The negatives that one EBR model confuses with positives are what the next one learns from:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use serde_json::json;
//! use twinspire::train::{Dataset, TrainParams, ebr};
//! use twinspire::{Database, Event};
//!
//! let near = |n: usize| json!({"lat": 47.0 + (n % 2) as f64, "lon": 8.0});
//! let data = Dataset {
//!     items: (0..8).map(|n| json!({"id": n.to_string(), "place": near(n)})).collect(),
//!     users: (0..8).map(|n| json!({"user_id": n.to_string(), "place": near(n)})).collect(),
//!     events: (0..8)
//!         .map(|n| Event { user: n.to_string(), item: n.to_string(), at: 0, weight: 1.0 })
//!         .collect(),
//! };
//! let training = TrainParams { epochs: 2, ..ebr::TRAINING };
//! let config = ebr::Config { dimension: 8, training, ..ebr::Config::default() };
//! let easy = ebr::train(&data, &config, |_| {})?.towers;
//!
//! # let dir = tempfile::tempdir()?;
//! let db = Database::open(dir.path().join("places.twin"))?;
//! db.items().put_many(&data.items)?;
//! db.publish("easy").towers(easy).run()?;
//! let mined = db.mine("easy").ranks(2..=5).pairs(ebr::pairs(&data, &config)?)?;
//! let mined: Vec<_> = mined.collect::<Result<_, _>>()?;
//! let hard = ebr::train_mined(None, &data, mined, &config, |_| {})?.towers;
//! db.publish("hard").towers(hard).run()?;
//! # Ok(())
//! # }
//! ```

mod blend;
mod evaluation;
pub mod release;
mod revenue;

pub use blend::Blend;
pub use evaluation::{DEFAULT_MAX_USERS, EvaluateError, Evaluation, EvaluationProgress};
pub use revenue::expected_revenue;
pub use twinspire_train::*;

#[cfg(test)]
mod tests;
