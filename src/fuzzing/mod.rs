//! The fuzz targets: hostile bytes in, answers or errors out, never a panic.
//!
//! `cargo fuzz` calls them, and so do the crate's own tests, with mutations of the golden database.
//! Checksums would stop most mutations at once; the targets correct them first ([`reseal`]), as a hostile
//! author would.

mod database;
mod golden;
mod import;
mod operations;
mod requests;
mod reseal;
mod segment;
mod shard;
#[cfg(test)]
mod tests;
mod towers;

pub use database::database;
#[cfg(feature = "import")]
pub use import::{import, vectors};
pub use operations::operations;
pub use requests::{filter, query};
pub use segment::segment;
pub use shard::shard;
pub use towers::towers;
