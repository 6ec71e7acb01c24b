//! `twinspire mine`: hard negatives and hard positives for training.
//!
//! `args` are the flags, `known` collects the known positives of each user, `sink` writes JSON lines and
//! `table` Parquet, `run` puts them together.

mod args;
mod known;
mod run;
mod sink;
mod table;

pub use args::MineArgs;
pub use run::run;
