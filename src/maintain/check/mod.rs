//! Checking that a database is sound: every byte against its checksum, and the files with each other.

mod report;
mod run;

pub use report::CheckReport;
pub(crate) use run::check;
