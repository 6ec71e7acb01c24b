//! Twinspire is an embedded vector-recall database for two-tower recommenders and search.

mod catalog;
mod database;
mod error;
mod files;
mod format;
mod graph;
mod ids;
#[cfg(feature = "import")]
pub mod import;
mod kernel;
mod manifest;
mod record;
mod store;
mod wire;

pub use database::{Database, Items};
pub use error::{Error, ErrorKind};
pub use ids::{GenerationNo, Revision};
pub use kernel::Metric;
pub use record::{Event, RecordError};
