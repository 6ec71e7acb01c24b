//! The iterator over vectors, whatever file they come from.

use super::binary::Binary;
#[cfg(feature = "parquet")]
use super::parquet::Rows;
use super::row::Row;
use crate::error::ImportError;
use crate::lines::Lines;

/// Iterator over the vectors of a file, one row at a time.
///
/// After a bad row the next call reads the next row. An error of the file system, or damage that hides where the
/// next row begins, ends the iteration.
#[derive(Debug)]
#[must_use = "vectors are read while they are iterated over"]
pub struct Vectors {
    inner: Inner,
    /// Size of the file, if known; of Parquet the reader knows it.
    bytes_total: Option<u64>,
}

#[derive(Debug)]
pub(super) enum Inner {
    Binary(Box<Binary>),
    Lines(Box<Lines<Row>>),
    #[cfg(feature = "parquet")]
    Parquet(Box<Rows>),
}

impl Vectors {
    /// The vectors that a reader of one kind of file gives.
    pub(super) fn new(inner: Inner, bytes_total: Option<u64>) -> Self {
        Self { inner, bytes_total }
    }

    /// Bytes read so far, for a progress bar. For Parquet only the two columns count.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        match &self.inner {
            Inner::Binary(rows) => rows.bytes_read(),
            Inner::Lines(lines) => lines.bytes_read(),
            #[cfg(feature = "parquet")]
            Inner::Parquet(rows) => rows.bytes_read(),
        }
    }

    /// Bytes to read in all; `None` for a pipe, whose end is unknown.
    #[must_use]
    pub fn bytes_total(&self) -> Option<u64> {
        match &self.inner {
            #[cfg(feature = "parquet")]
            Inner::Parquet(rows) => Some(rows.bytes_total()),
            _ => self.bytes_total,
        }
    }

    /// Number of rows that the file declares, if it does.
    #[must_use]
    pub fn rows_total(&self) -> Option<u64> {
        match &self.inner {
            Inner::Binary(rows) => rows.rows_total(),
            Inner::Lines(_) => None,
            #[cfg(feature = "parquet")]
            Inner::Parquet(rows) => Some(rows.rows_total()),
        }
    }

    /// Dimension of the vectors, if the file declares it: `.npy` and `.fvecs` do.
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
