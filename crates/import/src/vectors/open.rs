//! A function for each kind of file.

use std::fs::{File, Metadata};
#[cfg(feature = "parquet")]
use std::io::Seek;
use std::io::{BufRead, Read};
use std::path::Path;

use super::binary::{Binary, Component};
use super::options::VectorOptions;
#[cfg(feature = "parquet")]
use super::parquet::Rows;
use super::reader::{Inner, Vectors};
use crate::error::ImportError;
use crate::input;
use crate::lines::Lines;

/// Opens a file of vectors by its extension: `.npy`, `.fvecs`, `.bvecs`, `.jsonl`,
/// `.ndjson`, `.json` or `.parquet`.
///
/// # Errors
/// Fails for another extension, for `.parquet` without the feature `parquet`, and as the function of the kind does.
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
/// Fails for a file that cannot be read, has another format or another length than its shape needs, and for options
/// of other kinds of file.
pub fn npy(path: impl AsRef<Path>, options: &VectorOptions) -> Result<Vectors, ImportError> {
    let path = path.as_ref();
    let (file, length) = open_file(path)?;
    binary(
        super::npy::read(Box::new(file), length, path, options)?,
        length,
    )
}

/// As [`npy`], from any reader, such as a pipe; errors call it `name`.
///
/// # Errors
/// As [`npy`]; a wrong length is found at the end.
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
        super::npy::read(Box::new(reader), None, name.as_ref(), options)?,
        None,
    )
}

/// Vectors from `.fvecs`: each row is its dimension, a little-endian `int32`, and as many `float32`.
///
/// # Errors
/// Fails for a file that cannot be read or whose first dimension is out of range, and for options of other kinds of
/// file.
pub fn fvecs(path: impl AsRef<Path>, options: &VectorOptions) -> Result<Vectors, ImportError> {
    prefixed_rows(path.as_ref(), Component::F4, options)
}

/// As [`fvecs`], from any reader; errors call it `name`.
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
        super::fvecs::read(reader, None, name.as_ref(), Component::F4, options)?,
        None,
    )
}

/// As [`fvecs`], with components of one byte, 0 to 255.
///
/// # Errors
/// As [`fvecs`].
pub fn bvecs(path: impl AsRef<Path>, options: &VectorOptions) -> Result<Vectors, ImportError> {
    prefixed_rows(path.as_ref(), Component::U1, options)
}

/// Vectors from JSON lines: each line an object with an `id`, a string or a whole number, and a `vector`, a list of
/// numbers. [`VectorOptions::space`] reads the lines of an export.
///
/// # Errors
/// Fails for a file that cannot be read or is no text, and for options of other kinds of file.
pub fn jsonl(path: impl AsRef<Path>, options: &VectorOptions) -> Result<Vectors, ImportError> {
    let path = path.as_ref();
    let convert = super::jsonl::convert(path, options)?;
    let lines = Lines::open(path, convert)?;
    let metadata = path.metadata().ok().filter(Metadata::is_file);
    let length = metadata.map(|metadata| metadata.len());
    Ok(Vectors::new(Inner::Lines(Box::new(lines)), length))
}

/// As [`jsonl`], from any reader, such as standard input; errors call it `name`.
///
/// # Errors
/// Fails for options of other kinds of file.
pub fn jsonl_from(
    reader: impl BufRead + Send + 'static,
    name: impl AsRef<Path>,
    options: &VectorOptions,
) -> Result<Vectors, ImportError> {
    let convert = super::jsonl::convert(name.as_ref(), options)?;
    let lines = Lines::new(reader, name.as_ref(), convert);
    Ok(Vectors::new(Inner::Lines(Box::new(lines)), None))
}

/// Vectors from a Parquet file: a column of ids, strings or whole numbers, and a column of lists of numbers, as pyarrow, pandas, polars and DuckDB write them. Pages may be compressed with Snappy, gzip, LZ4 or Zstandard.
///
/// # Errors
/// Fails for a file that cannot be read, is no Parquet or has no such columns (the error lists its columns), and for
/// options of other kinds of file.
#[cfg(feature = "parquet")]
pub fn parquet(path: impl AsRef<Path>, options: &VectorOptions) -> Result<Vectors, ImportError> {
    let path = path.as_ref();
    let (file, _) = open_file(path)?;
    parquet_from(file, path, options)
}

/// As `parquet`, from a reader with random access; errors call it `name`.
///
/// # Errors
/// As `parquet`.
#[cfg(feature = "parquet")]
pub fn parquet_from(
    reader: impl Read + Seek + Send + 'static,
    name: impl AsRef<Path>,
    options: &VectorOptions,
) -> Result<Vectors, ImportError> {
    let rows = Rows::open(Box::new(reader), name.as_ref(), options)?;
    Ok(Vectors::new(Inner::Parquet(Box::new(rows)), None))
}

/// A file of rows that are preceded by their dimension.
fn prefixed_rows(
    path: &Path,
    component: Component,
    options: &VectorOptions,
) -> Result<Vectors, ImportError> {
    let (file, length) = open_file(path)?;
    binary(
        super::fvecs::read(Box::new(file), length, path, component, options)?,
        length,
    )
}

/// The vectors of a file whose rows have one length in bytes.
fn binary(rows: Binary, length: Option<u64>) -> Result<Vectors, ImportError> {
    Ok(Vectors::new(Inner::Binary(Box::new(rows)), length))
}

/// Opens a regular file, with its length.
fn open_file(path: &Path) -> Result<(File, Option<u64>), ImportError> {
    let file = input::open_file(path)?;
    let metadata = file
        .metadata()
        .map_err(|error| ImportError::io(path, &error))?;
    Ok((file, Some(metadata.len())))
}
