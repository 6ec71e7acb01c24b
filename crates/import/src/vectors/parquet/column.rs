//! A row group: its ids and its vectors, side by side.

use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::column::reader::ColumnReaderImpl;
use ::parquet::data_type::{ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::RowGroupMetaData;
use ::parquet::file::properties::{ReaderProperties, ReaderPropertiesPtr};
use ::parquet::file::serialized_reader::SerializedPageReader;
use ::parquet::schema::types::ColumnDescPtr;

use super::super::super::fields;
use super::super::super::lines::utf8;
use super::super::{Row, check};
use super::input::{Chunk, Input};
use super::pages::Pages;
use super::schema::{Columns, IdKind};

/// A row group that is read.
pub(super) struct Group {
    ids: Ids,
    vectors: Vectors,
    /// How many rows it declares, and how many have been read.
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

    /// How many bytes it takes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The share of its bytes that its rows so far are.
    pub(super) fn bytes_read(&self) -> u64 {
        let share = u128::from(self.bytes) * u128::from(self.row) / u128::from(self.rows.max(1));
        u64::try_from(share).unwrap_or(self.bytes)
    }

    /// The next row, with what is wrong with it if it is alone in that; `None` at the end.
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
            Self::Text(column) => column.id(|name, text| fields::checked(name, utf8(text.data())?)),
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
                    check::narrow(at + 1, *component, &mut vector)?;
                }
                Ok(vector)
            }),
        })
    }
}

/// A column of a row group, with what its last row held.
struct Column<T: DataType> {
    reader: ColumnReaderImpl<T>,
    descriptor: ColumnDescPtr,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    values: Vec<T::T>,
}

impl<T: DataType> Column<T> {
    fn open(group: &RowGroupMetaData, leaf: usize, input: &Arc<Input>) -> Result<Self> {
        let pages = Box::new(pages_of(group, leaf, input)?);
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

    /// Reads a row; `false` at the end of the row group. One at a time, for only so much of a row is
    /// bounded.
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

    /// Reads a row as an id; `convert` has the name of the column for its errors.
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

    /// Whether the row is a list, and each of its elements a number. A definition level says how far
    /// down from the column to the number there is something.
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

/// The pages of a column of a row group, each looked at before it is given.
pub(super) fn pages_of(
    group: &RowGroupMetaData,
    leaf: usize,
    input: &Arc<Input>,
) -> Result<Pages<SerializedPageReader<Chunk>>> {
    let chunk = group.column(leaf);
    let gzip = matches!(chunk.compression(), Compression::GZIP(_));
    let bytes = Arc::new(Chunk::new(Arc::clone(input), gzip));
    let rows = usize::try_from(group.num_rows())?;
    let pages = SerializedPageReader::new_with_properties(bytes, chunk, rows, None, properties())?;
    Ok(Pages::new(pages, chunk.column_descr_ptr()))
}

fn properties() -> ReaderPropertiesPtr {
    // Pages of the old LZ4 that are not as its framing says would be tried as something else, without
    // bound.
    let properties = ReaderProperties::builder().set_backward_compatible_lz4(false);
    Arc::new(properties.build())
}
