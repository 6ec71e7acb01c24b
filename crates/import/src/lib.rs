//! Items, users, logs and vectors from files.
//!
//! There are four kinds of source: [`jsonl`] (one JSON object per line, or an export), [`csv`] (with a header row),
//! Parquet (with the feature `parquet` of this crate) and [`movielens`] (the MovieLens-100K directory). Each is an
//! iterator over single records: a file of any size takes the memory of one line, which is bounded (for Parquet, of
//! the current pages). [`open`] picks the kind by the path:
//!
//! ```no_run
//! # mod twinspire { pub use twinspire_import as import; }
//! # fn main() -> Result<(), twinspire::import::ImportError> {
//! for item in twinspire::import::open("shop/items.csv")?.items()? {
//!     println!("{}", item?);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`vectors`] reads vectors of items that were computed elsewhere: NumPy arrays, `.fvecs`, JSON lines and, with the
//! feature `parquet`, Parquet.
//!
//! Every error is an [`ImportError`]: the file, the line, what is wrong and what would be right. After a bad line the
//! iterator continues with the next, so a caller may stop at the first or count them.
//!
//! Out of scope: compressed files (refused with advice), network access, and writing to a database, which is one
//! `put_many` of the caller.
//!
//! From bottom to top: `error`; `lines` reads text files line by line and `json` parses a line; `fields` checks
//! records; then the kinds of source; `source` on top of them.

#![warn(clippy::indexing_slicing)]

pub mod csv;
mod error;
mod fields;
mod json;
pub mod jsonl;
mod lines;
pub mod movielens;
#[cfg(feature = "parquet")]
pub mod parquet;
mod source;
#[cfg(test)]
mod test_files;
pub mod vectors;

pub use self::csv::CsvOptions;
pub use error::{ImportError, ImportErrorKind};
pub use lines::Lines;
pub use movielens::MovieLens;
pub use source::{Format, Records, Source, open};
pub use twinspire_towers::Event;
pub use twinspire_towers::internals::{check_integers, misread_places};
