//! The record batches of a file, row group by row group.

use std::iter;
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowGroups};
use ::parquet::column::page::{PageIterator, PageReader};
use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use arrow_schema::Fields;

use super::decode::{Input, ReadSeek, check_groups, footer, guarded, metadata, open_pages};
use super::schema::{Plan, names};
use crate::arrow::{Batches, Part};
use crate::error::ImportError;

/// Number of rows that are decoded at a time. A row may hold much, and its size is unknown before.
const BATCH_ROWS: usize = 64;

/// The row groups of a file. Rows that cannot be decoded are lost, and reading continues with the next row group.
pub(crate) struct Groups {
    input: Arc<Input>,
    metadata: Arc<ParquetMetaData>,
    plan: Plan,
    group: Option<Current>,
    next_group: usize,
    /// Size of the earlier row groups in bytes.
    bytes: u64,
}

/// The current row group.
struct Current {
    batches: ParquetRecordBatchReader,
    rows: u64,
    row: u64,
    bytes: u64,
}

impl Groups {
    /// Opens a file; `select` gives the numbers of the columns that are read.
    pub(crate) fn open(
        reader: Box<dyn ReadSeek>,
        path: &Path,
        select: impl FnOnce(&[&str]) -> Result<Vec<usize>, ImportError>,
    ) -> Result<Self, ImportError> {
        let input = Input::new(reader).map_err(|error| ImportError::io(path, &error))?;
        let at_fault = |what| ImportError::file(path, what);
        let footer = footer(&input, path)?;
        let metadata = guarded(|| metadata(&footer)).map_err(at_fault)?;
        let columns = select(&names(&metadata))?;
        let plan = guarded(|| {
            Ok(Plan::new(&metadata, &columns).and_then(|plan| {
                check_groups(&metadata, &plan.leaves)?;
                Ok(plan)
            }))
        });
        let plan = plan.map_err(at_fault)?.map_err(at_fault)?;
        Ok(Self {
            input: Arc::new(input),
            metadata: Arc::new(metadata),
            plan,
            group: None,
            next_group: 0,
            bytes: 0,
        })
    }

    /// Number of bytes to read in all: those of the columns that are read.
    pub(crate) fn bytes_total(&self) -> u64 {
        let groups = self.metadata.row_groups().iter();
        groups.fold(0, |sum, group| sum.saturating_add(self.group_bytes(group)))
    }

    pub(crate) fn rows_total(&self) -> u64 {
        let groups = self.metadata.row_groups().iter();
        groups
            .map(|group| group.num_rows().max(0).unsigned_abs())
            .sum()
    }

    fn group_bytes(&self, group: &RowGroupMetaData) -> u64 {
        let leaves = self.plan.leaves.iter();
        let bytes = leaves.map(|leaf| group.column(*leaf).compressed_size().max(0).unsigned_abs());
        bytes.fold(0, u64::saturating_add)
    }

    fn open_group(&self, number: usize) -> Result<Current, String> {
        let group = self.metadata.row_group(number);
        let pages = GroupPages {
            input: Arc::clone(&self.input),
            metadata: Arc::clone(&self.metadata),
            group: number,
            leaves: self.plan.leaves.clone(),
        };
        let batches = guarded(|| {
            ParquetRecordBatchReader::try_new_with_row_groups(
                &self.plan.levels,
                &pages,
                BATCH_ROWS,
                None,
            )
        })?;
        Ok(Current {
            batches,
            rows: group.num_rows().max(0).unsigned_abs(),
            row: 0,
            bytes: self.group_bytes(group),
        })
    }
}

impl Batches for Groups {
    fn fields(&self) -> &Fields {
        &self.plan.fields
    }

    fn next(&mut self) -> Option<Part> {
        loop {
            let Some(mut group) = self.group.take() else {
                if self.next_group == self.metadata.num_row_groups() {
                    return None;
                }
                let number = self.next_group;
                self.next_group += 1;
                match self.open_group(number) {
                    Ok(group) => self.group = Some(group),
                    Err(what) => {
                        let group = self.metadata.row_group(number);
                        self.bytes += self.group_bytes(group);
                        let rows = group.num_rows().max(0).unsigned_abs();
                        return Some(Part::Lost { rows, what });
                    }
                }
                continue;
            };
            let batch = guarded(|| group.batches.next().transpose().map_err(ParquetError::from));
            let left = group.rows - group.row;
            let rows = group.rows;
            match batch {
                Ok(Some(batch)) if batch.num_rows() as u64 <= left => {
                    group.row += batch.num_rows() as u64;
                    self.group = Some(group);
                    return Some(Part::Batch(batch));
                }
                Ok(None) if left == 0 => self.bytes += group.bytes,
                lost => {
                    self.bytes += group.bytes;
                    let what = match lost {
                        Ok(_) => format!("a row group of {rows} rows has columns of other lengths"),
                        Err(what) => what,
                    };
                    return Some(Part::Lost { rows: left, what });
                }
            }
        }
    }

    fn bytes_read(&self) -> u64 {
        let current = self.group.as_ref().map_or(0, |group| {
            // Estimated by the share of rows.
            let share = u128::from(group.bytes) * u128::from(group.row);
            u64::try_from(share / u128::from(group.rows.max(1))).unwrap_or(group.bytes)
        });
        self.bytes.saturating_add(current)
    }
}

/// The pages of a row group, checked before they are decoded.
struct GroupPages {
    input: Arc<Input>,
    metadata: Arc<ParquetMetaData>,
    group: usize,
    leaves: Vec<usize>,
}

impl RowGroups for GroupPages {
    fn num_rows(&self) -> usize {
        let rows = self.metadata.row_group(self.group).num_rows();
        usize::try_from(rows).unwrap_or_default()
    }

    fn column_chunks(&self, column: usize) -> ParquetResult<Box<dyn PageIterator>> {
        let leaf = self.leaves.get(column).copied();
        let leaf = leaf.ok_or_else(|| ParquetError::General(format!("no column {column}")))?;
        let group = self.metadata.row_group(self.group);
        let pages = open_pages(group, leaf, &self.input)?;
        Ok(Box::new(Chunk(Some(Box::new(pages)))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(iter::once(self.metadata.row_group(self.group)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// The one column chunk of a row group.
struct Chunk(Option<Box<dyn PageReader>>);

impl Iterator for Chunk {
    type Item = ParquetResult<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for Chunk {}
