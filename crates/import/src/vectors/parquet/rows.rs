//! The rows of a file, row group by row group.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::file::metadata::ParquetMetaData;

use super::column::Group;
use super::schema::Columns;
use crate::error::ImportError;
use crate::parquet::decode::{Input, ReadSeek, check_groups, footer, guarded, metadata};
use crate::vectors::options::{Setting, VectorOptions};
use crate::vectors::row::{Row, Shape};

/// The rows of a Parquet file: a column of ids and a column of vectors.
pub(crate) struct Rows {
    path: PathBuf,
    input: Arc<Input>,
    metadata: ParquetMetaData,
    columns: Columns,
    shape: Shape,
    /// The current row group, and the number of the next.
    group: Option<Group>,
    next_group: usize,
    /// Number of rows read, and the size of the earlier row groups in bytes.
    row: u64,
    bytes: u64,
    done: bool,
}

impl Rows {
    pub(crate) fn open(
        reader: Box<dyn ReadSeek>,
        path: &Path,
        options: &VectorOptions,
    ) -> Result<Self, ImportError> {
        options.only(path, &[Setting::Columns])?;
        let input = Input::new(reader).map_err(|error| ImportError::io(path, &error))?;
        let footer = footer(&input, path)?;
        let at_fault = |what| ImportError::file(path, what);
        let id = options.id_column.as_deref().unwrap_or("id");
        let vector = options.vector_column.as_deref().unwrap_or("vector");
        let read = guarded(|| {
            let metadata = metadata(&footer)?;
            let schema = metadata.file_metadata().schema_descr();
            let columns = Columns::find(schema, id, vector);
            Ok(columns.and_then(|columns| {
                check_groups(&metadata, &[columns.id, columns.vector])?;
                Ok((metadata, columns))
            }))
        });
        let (metadata, columns) = read.map_err(at_fault)?.map_err(at_fault)?;
        Ok(Self {
            path: path.to_owned(),
            input: Arc::new(input),
            metadata,
            columns,
            shape: Shape::default(),
            group: None,
            next_group: 0,
            row: 0,
            bytes: 0,
            done: false,
        })
    }

    /// Bytes read so far; within a row group estimated by the share of rows.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes + self.group.as_ref().map_or(0, Group::bytes_read)
    }

    pub(crate) fn bytes_total(&self) -> u64 {
        let groups = 0..self.metadata.num_row_groups();
        groups
            .map(|group| group_bytes(&self.metadata, self.columns, group))
            .sum()
    }

    pub(crate) fn rows_total(&self) -> u64 {
        let groups = self.metadata.row_groups().iter();
        groups.map(|group| group.num_rows().unsigned_abs()).sum()
    }

    /// The next row. The outer error ends the file, the inner one concerns this row only.
    fn read(&mut self) -> Result<Option<Result<Row, String>>, ImportError> {
        loop {
            let Some(mut group) = self.group.take() else {
                if self.next_group == self.metadata.num_row_groups() {
                    return Ok(None);
                }
                let (columns, input) = (self.columns, Arc::clone(&self.input));
                let bytes = group_bytes(&self.metadata, columns, self.next_group);
                let metadata = self.metadata.row_group(self.next_group);
                let group = guarded(|| Group::open(metadata, &input, columns, bytes));
                self.group = Some(group.map_err(|what| self.at_row(what))?);
                self.next_group += 1;
                continue;
            };
            let row = guarded(|| group.next());
            match row.map_err(|what| self.at_row(what))? {
                Some(row) => {
                    self.row += 1;
                    self.group = Some(group);
                    return Ok(Some(row));
                }
                None => self.bytes += group.bytes(),
            }
        }
    }

    /// An error at the next row.
    fn at_row(&self, what: String) -> ImportError {
        ImportError::row(&self.path, self.row + 1, what)
    }
}

impl Iterator for Rows {
    type Item = Result<Row, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let row = match self.read() {
            Ok(Some(row)) => row,
            Ok(None) => {
                self.done = true;
                return None;
            }
            Err(error) => {
                self.done = true;
                return Some(Err(error));
            }
        };
        let row = row.and_then(|(id, vector)| {
            self.shape.check(&vector)?;
            Ok((id, vector))
        });
        Some(row.map_err(|what| ImportError::row(&self.path, self.row, what)))
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("path", &self.path)
            .field("row", &self.row)
            .finish_non_exhaustive()
    }
}

/// Size of the two columns in a row group, in bytes.
fn group_bytes(metadata: &ParquetMetaData, columns: Columns, group: usize) -> u64 {
    let group = metadata.row_group(group);
    let bytes = |column| group.column(column).compressed_size().max(0).unsigned_abs();
    bytes(columns.id).saturating_add(bytes(columns.vector))
}
