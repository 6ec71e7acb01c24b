//! A row group: its ids and its vectors side by side.

use std::sync::Arc;

use ::parquet::column::reader::ColumnReaderImpl;
use ::parquet::data_type::{ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::RowGroupMetaData;
use ::parquet::schema::types::ColumnDescPtr;

use super::schema::{Columns, IdKind};
use crate::fields;
use crate::lines::utf8;
use crate::parquet::decode::{Input, open_pages};
use crate::vectors::row::{self, Row};

/// The rows of a row group.
pub(super) struct Group {
    ids: Ids,
    vectors: Vectors,
    /// Number of rows declared, and number of rows read.
    rows: u64,
    row: u64,
    bytes: u64,
}

enum Ids {
    Text(Column<ByteArrayType>),
    Int(Column<Int32Type>, bool),
    Long(Column<Int64Type>, bool),
}

enum Vectors {
    Floats(Column<FloatType>),
    Doubles(Column<DoubleType>),
}

impl Group {
    pub(super) fn open(
        group: &RowGroupMetaData,
        input: &Arc<Input>,
        columns: Columns,
        bytes: u64,
    ) -> Result<Self> {
        let id = columns.id;
        Ok(Self {
            ids: match columns.id_kind {
                IdKind::Text => Ids::Text(Column::open(group, id, input)?),
                IdKind::Int { unsigned } => Ids::Int(Column::open(group, id, input)?, unsigned),
                IdKind::Long { unsigned } => Ids::Long(Column::open(group, id, input)?, unsigned),
            },
            vectors: match columns.doubles {
                false => Vectors::Floats(Column::open(group, columns.vector, input)?),
                true => Vectors::Doubles(Column::open(group, columns.vector, input)?),
            },
            rows: group.num_rows().max(0).unsigned_abs(),
            row: 0,
            bytes,
        })
    }

    /// Size of the two columns in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes read so far, estimated by the share of rows.
    pub(super) fn bytes_read(&self) -> u64 {
        let share = u128::from(self.bytes) * u128::from(self.row) / u128::from(self.rows.max(1));
        u64::try_from(share).unwrap_or(self.bytes)
    }

    /// The next row; `None` at the end. The inner error concerns this row only.
    pub(super) fn next(&mut self) -> Result<Option<Result<Row, String>>> {
        let id = self.ids.next()?;
        let vector = self.vectors.next()?;
        let (id, vector) = match (id, vector) {
            (Some(id), Some(vector)) if self.row < self.rows => (id, vector),
            (None, None) if self.row == self.rows => return Ok(None),
            _ => {
                let rows = self.rows;
                let what = format!("a row group of {rows} rows has columns of other lengths");
                return Err(ParquetError::General(what));
            }
        };
        self.row += 1;
        Ok(Some(id.and_then(|id| Ok((id, vector?)))))
    }
}

impl Ids {
    fn next(&mut self) -> Result<Option<Result<String, String>>> {
        match self {
            Self::Text(column) => {
                column.id(|name, text| fields::check_id_text(name, utf8(text.data())?))
            }
            Self::Int(column, false) => column.id(|_, id| Ok(id.to_string())),
            Self::Int(column, true) => column.id(|_, id| Ok(id.cast_unsigned().to_string())),
            Self::Long(column, false) => column.id(|_, id| Ok(id.to_string())),
            Self::Long(column, true) => column.id(|_, id| Ok(id.cast_unsigned().to_string())),
        }
    }
}

impl Vectors {
    fn next(&mut self) -> Result<Option<Result<Vec<f32>, String>>> {
        Ok(match self {
            Self::Floats(column) => column.next()?.then(|| {
                column.check_list()?;
                Ok(std::mem::take(&mut column.values))
            }),
            Self::Doubles(column) => column.next()?.then(|| {
                column.check_list()?;
                let mut vector = Vec::with_capacity(column.values.len());
                for (at, component) in column.values.iter().enumerate() {
                    row::narrow(at + 1, *component, &mut vector)?;
                }
                Ok(vector)
            }),
        })
    }
}

/// A column of a row group, with the content of its last row.
struct Column<T: DataType> {
    reader: ColumnReaderImpl<T>,
    descriptor: ColumnDescPtr,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    values: Vec<T::T>,
}

impl<T: DataType> Column<T> {
    fn open(group: &RowGroupMetaData, leaf: usize, input: &Arc<Input>) -> Result<Self> {
        let pages = Box::new(open_pages(group, leaf, input)?);
        let descriptor = group.column(leaf).column_descr_ptr();
        Ok(Self {
            reader: ColumnReaderImpl::new(Arc::clone(&descriptor), pages),
            descriptor,
            definitions: Vec::new(),
            repetitions: Vec::new(),
            values: Vec::new(),
        })
    }

    fn name(&self) -> &str {
        let name = self.descriptor.path().parts().first();
        name.map_or("", String::as_str)
    }

    /// Reads a row; `false` at the end of the row group. One row at a time, as the length of a row is bounded
    /// but the number of rows is not.
    fn next(&mut self) -> Result<bool> {
        self.definitions.clear();
        self.repetitions.clear();
        self.values.clear();
        let (rows, ..) = self.reader.read_records(
            1,
            Some(&mut self.definitions),
            Some(&mut self.repetitions),
            &mut self.values,
        )?;
        Ok(rows == 1)
    }

    /// Reads a row as an id; `convert` gets the name of the column for its errors.
    fn id(
        &mut self,
        convert: impl FnOnce(&str, &T::T) -> Result<String, String>,
    ) -> Result<Option<Result<String, String>>> {
        if !self.next()? {
            return Ok(None);
        }
        let name = self.name();
        Ok(Some(match self.values.first() {
            Some(value) => convert(name, value),
            None => Err(format!("field `{name}`: an id expected, found null")),
        }))
    }

    /// Checks that the row is a list of numbers. A definition level says how many of the levels from the column
    /// down to the number are present.
    fn check_list(&self) -> Result<(), String> {
        let (name, all) = (self.name(), self.descriptor.max_def_level());
        let element = self.descriptor.repeated_ancestor_def_level();
        let found = match self.definitions.iter().position(|level| *level != all) {
            None => return Ok(()),
            Some(at)
                if self
                    .definitions
                    .get(at)
                    .is_some_and(|level| *level >= element) =>
            {
                return Err(format!(
                    "field `{name}`: component {}: a number expected, found null",
                    at + 1
                ));
            }
            Some(at) if self.definitions.get(at) == Some(&(element - 1)) => "an empty list",
            Some(_) => "null",
        };
        Err(format!("field `{name}`: a vector expected, found {found}"))
    }
}
