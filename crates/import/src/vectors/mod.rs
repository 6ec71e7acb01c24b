//! Vectors of items that were computed elsewhere.
//!
//! | kind | extension | ids |
//! |---|---|---|
//! | NumPy array of 2 dimensions: `float16`, `float32` or `float64` of either byte order, C order | `.npy` | [a file of them](VectorOptions::ids), or row numbers |
//! | each row after its dimension, floats or bytes | `.fvecs`, `.bvecs` | as for `.npy` |
//! | JSON lines: `{"id": "B01", "vector": [0.5, …]}`, or what an export with vectors wrote ([`VectorOptions::space`]) | `.jsonl`, `.ndjson`, `.json` | in the line |
//! | Parquet: a column of texts or whole numbers, and a column of lists of floats or doubles | `.parquet`, with the feature `parquet` of this crate | in the row |
//!
//! [`open`] goes by the extension. [`Vectors`] is an iterator of ids with their vectors, one row at a
//! time, so that a file of any size costs the memory of one row (of Parquet, of a page of each of the
//! two columns, and its footer). What a file declares about itself is not believed: nothing is
//! allocated for a count before its bytes are there.
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
//! All vectors of a file have one dimension, from 1 to 65,536, and finite components; numbers of 64
//! bits are rounded to 32. Whatever is not so is an [`ImportError`] that names the row. After a bad row
//! the iterator goes on with the next; after damage that leaves unclear where the next begins, it ends.
//!
//! Out of scope: NumPy arrays of integers, in Fortran order, or in archives (`.npz`), and compressed
//! files (refused with advice; pages of Parquet may be compressed); whether two rows have the same id.

mod binary;
mod check;
mod fvecs;
mod ids;
mod jsonl;
mod npy;
mod options;
#[cfg(feature = "parquet")]
mod parquet;

#[cfg(feature = "parquet")]
pub(super) use self::parquet::records::Records as ParquetRecords;
#[cfg(test)]
mod tests;

use std::fs::{File, Metadata};
#[cfg(feature = "parquet")]
use std::io::Seek;
use std::io::{BufRead, Read};
use std::path::Path;

use self::binary::{Binary, Component};
use super::error::ImportError;
use super::lines::Lines;
pub use options::VectorOptions;

/// The most components of a vector that are read.
const MAX_DIMENSION: usize = 65_536;

/// An id and its vector.
type Row = (String, Vec<f32>);

/// The vectors of a file, read as they are asked for.
///
/// After a bad row the next call goes on with the row after; an error of the file system, or damage
/// that leaves unclear where the next row begins, ends the iteration.
#[derive(Debug)]
#[must_use = "vectors are not read before they are iterated over"]
pub struct Vectors {
    inner: Inner,
    bytes_total: Option<u64>,
}

#[derive(Debug)]
enum Inner {
    Binary(Box<Binary>),
    Lines(Box<Lines<Row>>),
    #[cfg(feature = "parquet")]
    Parquet(Box<parquet::Rows>),
}

impl Vectors {
    fn of(inner: Inner, bytes_total: Option<u64>) -> Self {
        Self { inner, bytes_total }
    }

    /// How many bytes of the file have been read: for a progress bar. Of Parquet only the two columns
    /// count.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        match &self.inner {
            Inner::Binary(rows) => rows.bytes_read(),
            Inner::Lines(lines) => lines.bytes_read(),
            #[cfg(feature = "parquet")]
            Inner::Parquet(rows) => rows.bytes_read(),
        }
    }

    /// How many bytes there are to read, where that is known (a pipe has no end).
    #[must_use]
    pub fn bytes_total(&self) -> Option<u64> {
        match &self.inner {
            #[cfg(feature = "parquet")]
            Inner::Parquet(rows) => Some(rows.bytes_total()),
            _ => self.bytes_total,
        }
    }

    /// How many rows the file says it has, where it says so up front.
    #[must_use]
    pub fn rows_total(&self) -> Option<u64> {
        match &self.inner {
            Inner::Binary(rows) => rows.rows_total(),
            Inner::Lines(_) => None,
            #[cfg(feature = "parquet")]
            Inner::Parquet(rows) => Some(rows.rows_total()),
        }
    }

    /// How many components each vector has, where the file says so up front: `.npy` and `.fvecs`.
    #[must_use]
    pub fn dimension(&self) -> Option<usize> {
        match &self.inner {
            Inner::Binary(rows) => rows.dimension(),
            _ => None,
        }
    }
}

impl Iterator for Vectors {
    type Item = Result<(String, Vec<f32>), ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.inner {
            Inner::Binary(rows) => rows.next(),
            Inner::Lines(lines) => lines.next(),
            #[cfg(feature = "parquet")]
            Inner::Parquet(rows) => rows.next(),
        }
    }
}

/// Opens a file of vectors, whose kind its extension tells: `.npy`, `.fvecs`, `.bvecs`, `.jsonl`,
/// `.ndjson`, `.json` or `.parquet`.
///
/// # Errors
/// Another extension, `.parquet` without the feature `parquet`, and those of the function for the kind.
pub fn open(path: impl AsRef<Path>, options: &VectorOptions) -> Result<Vectors, ImportError> {
    let path = path.as_ref();
    let extension = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    match extension.as_str() {
        "npy" => npy(path, options),
        "fvecs" => fvecs(path, options),
        "bvecs" => bvecs(path, options),
        "jsonl" | "ndjson" | "json" => jsonl(path, options),
        #[cfg(feature = "parquet")]
        "parquet" => parquet(path, options),
        #[cfg(not(feature = "parquet"))]
        "parquet" => {
            let what = "this build reads no Parquet: build it with the feature `parquet` of the crate \
                        `twinspire`, or write the vectors as .npy, .fvecs or JSON lines";
            Err(ImportError::file(path, what))
        }
        _ => {
            let metadata = path.metadata();
            metadata.map_err(|error| ImportError::io(path, &error))?;
            let what =
                "a file called .npy, .fvecs, .bvecs, .jsonl, .ndjson, .json or .parquet expected";
            Err(ImportError::file(path, what))
        }
    }
}

/// Vectors from a NumPy array of 2 dimensions, one row each, as `numpy.save` writes it: format
/// versions 1.0 to 3.0; `float16`, `float32` or `float64`, little- or big-endian; C order.
///
/// # Errors
/// A file that cannot be read or is none of these, whose length is not what its shape comes to, or
/// options that are for other kinds.
pub fn npy(path: impl AsRef<Path>, options: &VectorOptions) -> Result<Vectors, ImportError> {
    let path = path.as_ref();
    let (file, length) = open_file(path)?;
    binary(npy::read(Box::new(file), length, path, options)?, length)
}

/// Vectors from a NumPy array from any reader, such as a pipe; `name` is what errors call it.
///
/// # Errors
/// As [`npy`], but that the length is wrong is found out at the end.
///
/// ```
/// # mod twinspire { pub use twinspire_import as import; }
/// use twinspire::import::vectors::{self, VectorOptions};
/// # fn main() -> Result<(), twinspire::import::ImportError> {
/// let mut file = b"\x93NUMPY\x01\x00\x3b\x00".to_vec();
/// file.extend(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)} \n");
/// file.extend([0.5f32, -2.0].iter().flat_map(|x| x.to_le_bytes()));
/// let mut rows = vectors::npy_from(std::io::Cursor::new(file), "stdin", &VectorOptions::new())?;
/// assert_eq!(rows.dimension(), Some(2));
/// assert_eq!(rows.next().transpose()?, Some(("0".to_owned(), vec![0.5, -2.0])));
/// # Ok(())
/// # }
/// ```
pub fn npy_from(
    reader: impl Read + Send + 'static,
    name: impl AsRef<Path>,
    options: &VectorOptions,
) -> Result<Vectors, ImportError> {
    binary(
        npy::read(Box::new(reader), None, name.as_ref(), options)?,
        None,
    )
}

/// Vectors each of which comes after its dimension: a little-endian `int32`, and so many `float32`.
///
/// # Errors
/// A file that cannot be read or whose first dimension cannot be one, or options that are for other
/// kinds.
pub fn fvecs(path: impl AsRef<Path>, options: &VectorOptions) -> Result<Vectors, ImportError> {
    vecs_of_file(path.as_ref(), Component::F4, options)
}

/// As [`fvecs`], from any reader; `name` is what errors call it.
///
/// # Errors
/// As [`fvecs`].
pub fn fvecs_from(
    reader: impl Read + Send + 'static,
    name: impl AsRef<Path>,
    options: &VectorOptions,
) -> Result<Vectors, ImportError> {
    let reader = Box::new(reader);
    binary(
        fvecs::read(reader, None, name.as_ref(), Component::F4, options)?,
        None,
    )
}

/// As [`fvecs`], with components that are bytes, from 0 to 255.
///
/// # Errors
/// As [`fvecs`].
pub fn bvecs(path: impl AsRef<Path>, options: &VectorOptions) -> Result<Vectors, ImportError> {
    vecs_of_file(path.as_ref(), Component::U1, options)
}

/// Vectors from JSON lines: each an object with an `id`, a text or a whole number, and a `vector`, a
/// list of numbers. [`VectorOptions::space`] reads the lines of an export.
///
/// # Errors
/// A file that cannot be read or is no text, or options that are for other kinds.
pub fn jsonl(path: impl AsRef<Path>, options: &VectorOptions) -> Result<Vectors, ImportError> {
    let path = path.as_ref();
    let convert = jsonl::convert(path, options)?;
    let lines = Lines::open(path, convert)?;
    let metadata = path.metadata().ok().filter(Metadata::is_file);
    let length = metadata.map(|metadata| metadata.len());
    Ok(Vectors::of(Inner::Lines(Box::new(lines)), length))
}

/// As [`jsonl`], from any reader, such as standard input; `name` is what errors call it.
///
/// # Errors
/// Options that are for other kinds.
pub fn jsonl_from(
    reader: impl BufRead + Send + 'static,
    name: impl AsRef<Path>,
    options: &VectorOptions,
) -> Result<Vectors, ImportError> {
    let convert = jsonl::convert(name.as_ref(), options)?;
    let lines = Lines::new(reader, name.as_ref(), convert);
    Ok(Vectors::of(Inner::Lines(Box::new(lines)), None))
}

/// Vectors from a Parquet file: a column of ids, texts or whole numbers, and a column of lists of
/// floats or doubles, as pyarrow, pandas, polars and DuckDB write them. Pages may be compressed
/// with Snappy, gzip, LZ4 or Zstandard.
///
/// # Errors
/// A file that cannot be read, is no Parquet or has no such columns (the error lists those it has), or
/// options that are for other kinds.
#[cfg(feature = "parquet")]
pub fn parquet(path: impl AsRef<Path>, options: &VectorOptions) -> Result<Vectors, ImportError> {
    let path = path.as_ref();
    let (file, _) = open_file(path)?;
    parquet_from(file, path, options)
}

/// As [`parquet`], from anything that can be read in any order; `name` is what errors call it.
///
/// # Errors
/// As [`parquet`].
#[cfg(feature = "parquet")]
pub fn parquet_from(
    reader: impl Read + Seek + Send + 'static,
    name: impl AsRef<Path>,
    options: &VectorOptions,
) -> Result<Vectors, ImportError> {
    let rows = parquet::Rows::open(Box::new(reader), name.as_ref(), options)?;
    Ok(Vectors::of(Inner::Parquet(Box::new(rows)), None))
}

fn vecs_of_file(
    path: &Path,
    component: Component,
    options: &VectorOptions,
) -> Result<Vectors, ImportError> {
    let (file, length) = open_file(path)?;
    binary(
        fvecs::read(Box::new(file), length, path, component, options)?,
        length,
    )
}

fn binary(rows: Binary, length: Option<u64>) -> Result<Vectors, ImportError> {
    Ok(Vectors::of(Inner::Binary(Box::new(rows)), length))
}

/// Opens a file, and tells its length unless it is a pipe.
fn open_file(path: &Path) -> Result<(File, Option<u64>), ImportError> {
    let io = |error| ImportError::io(path, &error);
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if metadata.is_dir() {
        let what = "a file expected, a directory found";
        return Err(ImportError::file(path, what));
    }
    let length = metadata.is_file().then_some(metadata.len());
    Ok((file, length))
}
