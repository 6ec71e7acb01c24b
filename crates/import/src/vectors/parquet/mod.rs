//! Parquet, by the column readers of the `parquet` crate.
//!
//! Row group by row group, a page of each of the two columns at a time. The crate is written for files
//! that mean well: on others it may panic, reserve memory that is not to be had or overflow the stack.
//! Against the last two, numbers that files declare are checked before it sees them (`thrift`, `input`,
//! `pages`); a panic ends at [`guarded`].

mod column;
mod input;
mod pages;
pub(super) mod records;
mod schema;
mod thrift;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::super::error::ImportError;
use super::Row;
use super::check::Shape;
use super::options::{Setting, VectorOptions};
use column::Group;
use input::{Input, ReadSeek};
use schema::Columns;

const MAGIC: &[u8; 4] = b"PAR1";
/// The length of the metadata and the magic number, which end the file.
const TAIL: usize = 8;
/// The most metadata that are read: those of a hundred thousand columns of row groups.
const MAX_FOOTER: usize = 32 << 20;

/// The rows of a Parquet file.
pub(super) struct Rows {
    path: PathBuf,
    input: Arc<Input>,
    metadata: ParquetMetaData,
    columns: Columns,
    shape: Shape,
    /// The row group that is read, and the number of the next.
    group: Option<Group>,
    next_group: usize,
    /// How many rows have been read, and how many bytes the row groups before took.
    row: u64,
    bytes: u64,
    done: bool,
}

impl Rows {
    pub(super) fn open(
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

    /// In a row group that is not at its end, the share of its bytes that its rows are.
    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes + self.group.as_ref().map_or(0, Group::bytes_read)
    }

    pub(super) fn bytes_total(&self) -> u64 {
        let groups = 0..self.metadata.num_row_groups();
        groups
            .map(|group| group_bytes(&self.metadata, self.columns, group))
            .sum()
    }

    pub(super) fn rows_total(&self) -> u64 {
        let groups = self.metadata.row_groups().iter();
        groups.map(|group| group.num_rows().unsigned_abs()).sum()
    }

    /// The next row: an error ends the file, or is of this row alone where it is a text in the row.
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

    /// An error at the row after the last that was read.
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

/// The metadata, which are at the end of the file.
fn footer(input: &Input, path: &Path) -> Result<Vec<u8>, ImportError> {
    let io = |error| ImportError::io(path, &error);
    let at_fault = |what: String| Err(ImportError::file(path, what));
    let length = usize::try_from(input.length).unwrap_or(usize::MAX);
    let tail = input.read(input.length.saturating_sub(TAIL as u64), length.min(TAIL));
    let tail = tail.map_err(io)?;
    let Some((size, magic)) = tail.split_first_chunk().filter(|_| tail.len() == TAIL) else {
        return at_fault(format!("a Parquet file expected, found {length} bytes"));
    };
    match magic {
        b"PARE" => return at_fault("a Parquet file that is not encrypted expected".to_owned()),
        magic if magic != MAGIC => {
            let what = "a Parquet file expected, which ends with PAR1, found other bytes: was it cut \
                        short?";
            return at_fault(what.to_owned());
        }
        _ => {}
    }
    let size = u32::from_le_bytes(*size) as usize;
    if size > MAX_FOOTER || size > length.saturating_sub(TAIL + MAGIC.len()) {
        return at_fault(format!(
            "metadata of at most {MAX_FOOTER} bytes, and not more than the file, expected, found {size}"
        ));
    }
    let start = input.length - (size + TAIL) as u64;
    input.read(start, size).map_err(io)
}

/// The metadata of a footer, whose numbers are looked at first.
fn metadata(footer: &[u8]) -> Result<ParquetMetaData, ParquetError> {
    thrift::check_footer(footer).map_err(ParquetError::General)?;
    ParquetMetaDataReader::decode_metadata(footer)
}

/// What each row group declares of the columns that are read.
fn check_groups(metadata: &ParquetMetaData, columns: &[usize]) -> Result<(), String> {
    let mut rows: i64 = 0;
    for group in metadata.row_groups() {
        let declared = Some(group.num_rows()).filter(|rows| *rows >= 0);
        let sum = declared.and_then(|declared| rows.checked_add(declared));
        rows = sum.ok_or_else(|| undecodable("a number of rows that cannot be"))?;
        for column in columns {
            let compression = match group.column(*column).compression() {
                Compression::BROTLI(_) => "Brotli",
                Compression::LZO => "LZO",
                _ => continue,
            };
            return Err(format!(
                "pages packed with Snappy, gzip, LZ4 or Zstandard, or not at all, expected, found \
                 {compression}"
            ));
        }
    }
    Ok(())
}

/// How many bytes the two columns take in a row group.
fn group_bytes(metadata: &ParquetMetaData, columns: Columns, group: usize) -> u64 {
    let group = metadata.row_group(group);
    let bytes = |column| group.column(column).compressed_size().max(0).unsigned_abs();
    bytes(columns.id).saturating_add(bytes(columns.vector))
}

/// The one boundary around calls of the `parquet` crate.
///
/// It indexes, slices and asserts by numbers that it reads from the file, so that damage may be a panic
/// there as well as an error; a file must not end the process that imports it. What was under way is
/// let go after a panic and never called again, which makes it unwind-safe.
fn guarded<T>(call: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(undecodable(&error.to_string())),
        Err(_) => Err(undecodable("the reader of the format gave up")),
    }
}

fn undecodable(what: &str) -> String {
    format!("Parquet that can be decoded expected; the file may be damaged: {what}")
}
