//! The facade: the handle of a database, and a builder for each call that has options.
//!
//! Nothing is computed here. A builder collects options and hands them to `recall` (reading) or `maintain`
//! (writing), with the snapshot and the locks of the handle.
//!
//! - `handle` is [`Database`] itself; `open` and `OpenOptions` make one.
//! - `items` and `removal`, `ensembles`, `generations` are what it stores.
//! - `recall`, `mine`, `pin`, `vectors` read; `publish` and `rollback` move a space to another generation.
//! - `filter_fields` says which fields filters do not read.
//! - `export`, `copies`, `check`, `repair`, `audit` and `inspect` look at a database as a whole.

mod audit;
mod check;
mod copies;
mod ensembles;
mod export;
mod filter_fields;
mod fused;
mod generations;
mod handle;
mod inspect;
mod items;
mod lexical;
mod mine;
mod open;
mod pin;
mod publish;
mod recall;
mod removal;
mod repair;
mod rollback;
#[cfg(test)]
mod tests;
mod towers;
mod vectors;

pub use check::{CheckReport, FileProblem};
pub use ensembles::Ensembles;
pub use export::{Export, ExportedItem, ExportedItems};
pub use generations::GenerationInfo;
pub use handle::Database;
pub use inspect::{DatabaseStats, LexicalStats, SpaceStats};
pub use items::Items;
pub use lexical::{LexicalInfo, LexicalSpaces};
pub use mine::{DEFAULT_NEGATIVE_RANKS, DEFAULT_NEGATIVES_PER_PAIR, MinedPairs, Miner};
pub use open::OpenOptions;
pub use pin::Pinned;
pub use publish::{DEFAULT_RETAIN, Publish};
pub use recall::{BatchRecall, Recall, StreamRecall};
pub use removal::{DEFAULT_MAX_REMOVED, Replaced, Replacement};
pub use repair::RepairReport;
pub use rollback::Rollback;
