//! Items, users, logs and vectors from files.
//!
//! Four kinds of source: [`jsonl`] (one JSON object a line, or what an export wrote), [`csv`] (with a
//! header row), Parquet (with the feature `parquet` of this crate) and [`movielens`] (the MovieLens-100K
//! directory). Each reads as an iterator, one record at a time, so
//! that a file of any size costs the memory of one line (of Parquet, of the pages at hand); lines are
//! bounded. [`open`] looks at a path
//! and picks the kind:
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
//! [`vectors`] reads vectors of items that were computed elsewhere: NumPy arrays, `.fvecs`, JSON lines
//! and, with the feature `parquet` of this crate, Parquet.
//!
//! Every error is an [`ImportError`]: file, line, what would be right. After a bad line the iterator
//! goes on with the next, so a caller may stop at the first or count them.
//!
//! Out of scope: compressed files (refused with advice), fetching anything
//! from a network, and writing to a database: that is one `put_many` of the caller's.

pub mod csv;
mod error;
mod fields;
pub mod jsonl;
mod lines;
pub mod movielens;
#[cfg(feature = "parquet")]
pub mod parquet;
mod source;
pub mod vectors;

pub use self::csv::CsvOptions;
pub use error::ImportError;
pub use lines::Lines;
pub use movielens::MovieLens;
pub use source::{Format, Records, Source, open};
pub use twinspire_towers::Event;
