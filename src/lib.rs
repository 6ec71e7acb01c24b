//! Twinspire is an embedded vector-recall database for two-tower recommenders and search.

#[cfg(feature = "import")]
pub mod import;
mod record;

pub use record::{Event, RecordError};
