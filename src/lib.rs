//! Twinspire is an embedded vector-recall database for two-tower recommenders and search.
//!
//! What works today is its ground floor: items, stored so that none is lost.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("shop.twin");
//! use serde_json::json;
//! use twinspire::Database;
//!
//! let db = Database::open(&path)?; // a directory; made when absent
//! db.items().put(&json!({"id": "B01", "title": "red shoes", "price": 12.5}))?; // on the disk now
//! assert_eq!(db.items().get("B01")?.unwrap()["title"], "red shoes");
//! db.seal()?; // out of the journal, into an immutable, checksummed segment
//! # Ok(())
//! # }
//! ```
//!
//! An *item* is a JSON object with a string `id`. Every write gets a *revision*, increasing over the
//! whole database. A write is *fresh* (in the journal, indexed by sled) until it is *sealed*.

mod catalog;
mod database;
mod error;
mod files;
mod format;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod graph;
mod ids;
#[cfg(feature = "import")]
pub mod import;
mod kernel;
mod maintain;
mod manifest;
mod recall;
mod record;
mod snapshot;
mod store;
mod tower;
#[cfg(feature = "train")]
pub mod train;
mod wire;

pub use database::{
    Batch, Database, GenerationInfo, Items, OpenOptions, Problem, Progress, PublishOptions, Recall,
    Report, SpaceStats, Stats, Towers,
};
pub use error::{Error, ErrorKind, VectorlessError};
pub use graph::DEFAULT_EF;
pub use ids::{GenerationNo, Revision};
pub use kernel::Metric;
pub use recall::{Hit, Hits};
pub use record::{Event, RecordError};
pub use tower::TowerError;
