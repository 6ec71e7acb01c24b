//! Vectors of items, computed elsewhere.
//!
//! | kind | extension | ids |
//! |---|---|---|
//! | NumPy array of 2 dimensions: `float16`, `float32` or `float64` of either byte order, C order | `.npy` | [a file of them](VectorOptions::ids), or row numbers |
//! | each row preceded by its dimension, floats or bytes | `.fvecs`, `.bvecs` | as for `.npy` |
//! | JSON lines: `{"id": "B01", "vector": [0.5, …]}`, or what an export with vectors wrote ([`VectorOptions::space`]) | `.jsonl`, `.ndjson`, `.json` | in the line |
//! | Parquet: a column of texts or whole numbers, and a column of lists of numbers | `.parquet`, with the feature `parquet` of this crate | in the row |
//!
//! [`open`] goes by the extension. [`Vectors`] is an iterator of ids with their vectors, one row at a time: a file
//! of any size takes the memory of one row (for Parquet, of the footer and one page of each of the two columns).
//! What a file declares is not trusted: no memory is reserved for a count before its bytes are there.
//!
//! ```no_run
//! # mod twinspire { pub use twinspire_import as import; }
//! use twinspire::import::vectors::{self, VectorOptions};
//! # fn main() -> Result<(), twinspire::import::ImportError> {
//! let options = VectorOptions::new().ids("models/items.txt");
//! for row in vectors::open("models/items.npy", &options)? {
//!     let (id, vector) = row?;
//!     println!("{id}: {} components", vector.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! All vectors of a file have one dimension, from 1 to 65,536, and finite components; 64-bit numbers are rounded to
//! 32 bits. Anything else is an [`ImportError`](crate::ImportError) with the number of the row. After a bad row the
//! iterator continues with the next; a damaged row group of Parquet is one error for all its rows. After damage that
//! hides where the next row begins, the iterator ends, with an error that is no
//! [bad record](crate::ImportError::is_bad_record).
//!
//! Out of scope: NumPy arrays of integers, in Fortran order, or in archives (`.npz`), and compressed
//! files (refused with advice; pages of Parquet may be compressed); whether two rows have the same id.
//!
//! `open` has a function for each kind of file and `reader` the iterator. Below are the kinds (`npy` and `fvecs`, both
//! on `binary`; `jsonl`; `parquet`), the ids of files without ids (`ids`), the options and the checks of a row.

mod binary;
mod fvecs;
mod ids;
mod jsonl;
mod npy;
mod open;
mod options;
#[cfg(feature = "parquet")]
mod parquet;
mod reader;
mod row;
#[cfg(test)]
mod tests;

pub use open::{bvecs, fvecs, fvecs_from, jsonl, jsonl_from, npy, npy_from, open};
#[cfg(feature = "parquet")]
pub use open::{parquet, parquet_from};
pub use options::VectorOptions;
pub use reader::Vectors;
