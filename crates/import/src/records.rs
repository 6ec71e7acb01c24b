//! The records of a source, whatever its format.

use std::fs::Metadata;
use std::path::Path;

use crate::csv::Rows;
use crate::error::ImportError;
use crate::lines::Lines;
#[cfg(feature = "parquet")]
use crate::parquet;

/// Iterator over the records of a source, one at a time.
#[derive(Debug)]
pub struct Records<T> {
    inner: Inner<T>,
    bytes_total: Option<u64>,
}

#[derive(Debug)]
enum Inner<T> {
    Lines(Lines<T>),
    Rows(Box<Rows<T>>),
    #[cfg(feature = "parquet")]
    Table(Box<parquet::Rows<T>>),
    /// A part of a source that is not there.
    Absent,
}

impl<T> Records<T> {
    fn new(inner: Inner<T>) -> Self {
        Self {
            inner,
            bytes_total: None,
        }
    }

    /// No records: the source lacks this part.
    pub(crate) fn absent() -> Self {
        Self::new(Inner::Absent)
    }

    /// Sets the size of the file, if it has one.
    pub(crate) fn with_size_of(mut self, file: &Path) -> Self {
        let metadata = file.metadata().ok().filter(Metadata::is_file);
        self.bytes_total = metadata.map(|metadata| metadata.len());
        self
    }

    /// Bytes read so far, for a progress bar.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        match &self.inner {
            Inner::Lines(lines) => lines.bytes_read(),
            Inner::Rows(rows) => rows.bytes_read(),
            #[cfg(feature = "parquet")]
            Inner::Table(rows) => rows.bytes_read(),
            Inner::Absent => 0,
        }
    }

    /// Size of the file in bytes; `None` for a pipe.
    #[must_use]
    pub fn bytes_total(&self) -> Option<u64> {
        self.bytes_total
    }
}

impl<T> Iterator for Records<T> {
    type Item = Result<T, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.inner {
            Inner::Lines(lines) => lines.next(),
            Inner::Rows(rows) => rows.next(),
            #[cfg(feature = "parquet")]
            Inner::Table(rows) => rows.next(),
            Inner::Absent => None,
        }
    }
}

impl<T> From<Lines<T>> for Records<T> {
    fn from(lines: Lines<T>) -> Self {
        Self::new(Inner::Lines(lines))
    }
}

impl<T> From<Rows<T>> for Records<T> {
    fn from(rows: Rows<T>) -> Self {
        Self::new(Inner::Rows(Box::new(rows)))
    }
}

#[cfg(feature = "parquet")]
impl<T> From<parquet::Rows<T>> for Records<T> {
    fn from(rows: parquet::Rows<T>) -> Self {
        Self::new(Inner::Table(Box::new(rows)))
    }
}
