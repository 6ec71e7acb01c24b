//! Vectors from Parquet: a column of ids and a column of lists of numbers.

use std::fmt;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field};
use serde_json::Value;
use twinspire_towers::internals::describe;

use super::options::{Setting, VectorOptions};
use super::row::{self, Row, Shape};
use crate::arrow::{Batches, Budget, Part, cells};
use crate::error::ImportError;
use crate::fields;
use crate::parquet::decode::{MAX_LIST_LENGTH, ReadSeek};
use crate::parquet::groups::Groups;
use crate::vectors::row::MAX_DIMENSION;

const _: () = assert!(
    MAX_LIST_LENGTH >= MAX_DIMENSION,
    "every vector that is accepted can be decoded"
);

/// Maximum number of columns that an error lists.
const MAX_NAMES: usize = 30;

const IDS: &str = "texts or whole numbers";
const LISTS: &str = "lists of numbers";

/// The rows of a Parquet file: a column of ids and a column of vectors.
pub(crate) struct Rows {
    path: PathBuf,
    groups: Groups,
    /// Positions of the id column and the vector column among the columns that are read.
    columns: [usize; 2],
    shape: Shape,
    /// Rows of the current batch that are left, the next one last.
    ready: Vec<Result<Row, String>>,
    row: u64,
}

impl Rows {
    pub(crate) fn open(
        reader: Box<dyn ReadSeek>,
        path: &Path,
        options: &VectorOptions,
    ) -> Result<Self, ImportError> {
        options.only(path, &[Setting::Columns])?;
        let id = options.id_column.as_deref().unwrap_or("id");
        let vector = options.vector_column.as_deref().unwrap_or("vector");
        let groups = Groups::open(reader, path, |names| {
            let mut columns = vec![
                column(names, id, IDS, path)?,
                column(names, vector, LISTS, path)?,
            ];
            columns.sort_unstable();
            columns.dedup();
            Ok(columns)
        })?;
        let place = |name: &str| {
            let place = groups
                .fields()
                .iter()
                .position(|field| field.name() == name);
            place.unwrap_or_default()
        };
        let columns = [place(id), place(vector)];
        let rows = Self {
            path: path.to_owned(),
            columns,
            groups,
            shape: Shape::default(),
            ready: Vec::new(),
            row: 0,
        };
        rows.check_types()
            .map_err(|what| ImportError::file(path, what))?;
        Ok(rows)
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.groups.bytes_read()
    }

    pub(crate) fn bytes_total(&self) -> u64 {
        self.groups.bytes_total()
    }

    pub(crate) fn rows_total(&self) -> u64 {
        self.groups.rows_total()
    }

    fn field(&self, at: usize) -> Option<&Field> {
        let at = self.columns.get(at)?;
        self.groups.fields().get(*at).map(|field| &**field)
    }

    fn check_types(&self) -> Result<(), String> {
        for (at, wanted) in [IDS, LISTS].into_iter().enumerate() {
            let Some(field) = self.field(at) else {
                continue;
            };
            let kind = field.data_type();
            let fits = match (at, kind) {
                (0, kind) => is_id(kind),
                (_, DataType::List(element)) => is_number(element.data_type()),
                _ => false,
            };
            if !fits {
                let name = field.name();
                return Err(format!("column `{name}`: {wanted} expected, found {kind}"));
            }
        }
        Ok(())
    }

    /// The rows of a batch, the last one first.
    fn rows(&self, batch: &RecordBatch) -> Result<Vec<Result<Row, String>>, String> {
        let column = |at: usize| {
            let place = self.columns.get(at).copied().unwrap_or_default();
            let column = self.field(at).zip(batch.columns().get(place));
            column.ok_or_else(|| "the columns of ids and vectors are missing from a part of the file; it may be damaged".to_owned())
        };
        let ((id, ids), (field, vectors)) = (column(0)?, column(1)?);
        let ids = cells(id, ids)?;
        let components = components(vectors)?;
        let row = |at: usize| {
            let id = match ids(at, &Budget::new())? {
                Value::Null => Err(format!("field `{}`: an id expected, found null", id.name())),
                value => fields::id(id.name(), value),
            }?;
            let vector = components(at);
            let vector = vector.map_err(|what| format!("field `{}`: {what}", field.name()))?;
            Ok((id, vector))
        };
        Ok((0..batch.num_rows()).rev().map(row).collect())
    }

    /// The error of rows that cannot be decoded; reading goes on after them.
    fn lost(&mut self, rows: u64, what: String) -> ImportError {
        let first = self.row + 1;
        self.row += rows;
        ImportError::rows(&self.path, first, self.row, what)
    }
}

fn column(names: &[&str], name: &str, wanted: &str, path: &Path) -> Result<usize, ImportError> {
    let place = names.iter().position(|column| *column == name);
    place.ok_or_else(|| {
        let columns: Vec<&str> = names.iter().take(MAX_NAMES).copied().collect();
        let columns = columns.join(", ");
        let what =
            format!("a column `{name}` of {wanted} expected, found these columns: {columns}");
        ImportError::file(path, what)
    })
}

fn is_id(kind: &DataType) -> bool {
    let text = matches!(
        kind,
        DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_)
            | DataType::Decimal128(_, 0)
    );
    text || kind.is_integer()
}

fn is_number(kind: &DataType) -> bool {
    kind.is_integer() || kind.is_floating()
}

/// Gives the vector of a row.
type Components<'a> = Box<dyn Fn(usize) -> Result<Vec<f32>, String> + 'a>;

fn components(lists: &ArrayRef) -> Result<Components<'_>, String> {
    let DataType::List(element) = lists.data_type() else {
        return Err(format!("{LISTS} expected, found {}", lists.data_type()));
    };
    Ok(match element.data_type() {
        DataType::Float16 => numbers::<Float16Type>(lists, |number| f64::from(number.to_f32())),
        DataType::Float32 => numbers::<Float32Type>(lists, f64::from),
        DataType::Float64 => numbers::<Float64Type>(lists, |number| number),
        DataType::Int8 => numbers::<Int8Type>(lists, f64::from),
        DataType::Int16 => numbers::<Int16Type>(lists, f64::from),
        DataType::Int32 => numbers::<Int32Type>(lists, f64::from),
        DataType::Int64 => numbers::<Int64Type>(lists, |number| number as f64),
        DataType::UInt8 => numbers::<UInt8Type>(lists, f64::from),
        DataType::UInt16 => numbers::<UInt16Type>(lists, f64::from),
        DataType::UInt32 => numbers::<UInt32Type>(lists, f64::from),
        DataType::UInt64 => numbers::<UInt64Type>(lists, |number| number as f64),
        other => return Err(format!("{LISTS} expected, found lists of {other}")),
    })
}

fn numbers<'a, T: ArrowPrimitiveType>(
    lists: &'a ArrayRef,
    wide: impl Fn(T::Native) -> f64 + 'a,
) -> Components<'a> {
    let lists = lists.as_list::<i32>();
    let values = lists.values().as_primitive::<T>();
    Box::new(move |row| {
        if lists.is_null(row) {
            return Err("a vector expected, found null".to_owned());
        }
        let offset = |at: usize| {
            lists
                .value_offsets()
                .get(at)
                .map_or(0, |offset| *offset as usize)
        };
        let (start, end) = (offset(row), offset(row + 1));
        if start == end {
            return Err("a vector expected, found an empty list".to_owned());
        }
        let mut vector = Vec::with_capacity(end - start);
        for at in start..end {
            let component = at - start + 1;
            if values.is_null(at) {
                let found = describe(&Value::Null);
                return Err(format!(
                    "component {component}: a number expected, found {found}"
                ));
            }
            row::narrow(component, wide(values.value(at)), &mut vector)?;
        }
        Ok(vector)
    })
}

impl Iterator for Rows {
    type Item = Result<Row, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.ready.pop() {
                self.row += 1;
                let row = row.and_then(|(id, vector)| {
                    self.shape.check(&vector)?;
                    Ok((id, vector))
                });
                return Some(row.map_err(|what| ImportError::row(&self.path, self.row, what)));
            }
            match self.groups.next()? {
                Part::Lost { rows, what } => return Some(Err(self.lost(rows, what))),
                Part::Batch(batch) => match self.rows(&batch) {
                    Ok(rows) => self.ready = rows,
                    Err(what) => return Some(Err(self.lost(batch.num_rows() as u64, what))),
                },
            }
        }
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
