//! Items, users, logs and vectors from files.
//!
//! There are four kinds of source: [`jsonl`] (one JSON object per line, or an export), [`csv`] (with a header row),
//! Parquet (with the feature `parquet` of this crate) and [`movielens`] (its directories). Each is an iterator over
//! single records: a file of any size takes the memory of one line, which is bounded (for Parquet, of the current
//! pages). Text may be compressed with gzip or Zstandard (with the feature `compressed`). [`open`] picks the kind by
//! the path, [`ReadOptions`] name columns:
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
//! Every error is an [`ImportError`]: the file, the line, what is wrong and what would be right. After a bad record
//! ([`ImportError::is_bad_record`]) the iterator continues with the next, so a caller may stop at the first or count
//! them. After any other error it ends: what follows in the file is unread.
//!
//! Out of scope: network access, and writing to a database, which is one `put_many` of the caller.
//!
//! From bottom to top: `error` and `options`; `input` opens text, `lines` reads it line by line and `json` parses a
//! line; `names` finds columns, `times` reads moments, `fields` checks records; then the kinds of source and their
//! `records`; `source` on top of them.

#![warn(clippy::indexing_slicing)]

#[cfg(feature = "arrow")]
pub mod arrow;
pub mod csv;
mod error;
mod fields;
mod input;
mod json;
pub mod jsonl;
mod lines;
pub mod movielens;
mod names;
mod options;
#[cfg(feature = "parquet")]
pub mod parquet;
mod records;
mod source;
mod standard_input;
#[cfg(test)]
mod test_files;
#[cfg(all(test, feature = "parquet"))]
mod tests;
mod times;
pub mod vectors;

pub use error::{ImportError, ImportErrorKind};
pub use input::regular_file;
pub use lines::Lines;
pub use movielens::MovieLens;
pub use options::ReadOptions;
pub use records::Records;
pub use source::{Format, Source, files_of, open};
pub use twinspire_towers::Event;
pub use twinspire_towers::internals::{check_integers, misread_places};
