//! Rows of all columns, as JSON objects.
//!
//! The crate puts rows together by itself (`record`); it is given pages that were looked at, as the
//! reader of vectors is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::basic::{LogicalType, TimeUnit};
use ::parquet::bloom_filter::Sbbf;
use ::parquet::column::page::PageReader;
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use ::parquet::file::reader::RowGroupReader;
use ::parquet::record::reader::{ReaderIter, RowIter, TreeBuilder};
use ::parquet::record::{Field, Row};
use ::parquet::schema::types::{SchemaDescriptor, Type};
use serde_json::{Map, Number, Value};

use super::super::super::error::ImportError;
use super::super::super::lines::utf8;
use super::column::pages_of;
use super::input::{Input, ReadSeek};
use super::{check_groups, footer, guarded, metadata};

/// Values of a column that the crate keeps ready: texts can be large.
const READY: usize = 64;

/// The rows of a file.
pub(in super::super::super) struct Records {
    path: PathBuf,
    input: Arc<Input>,
    metadata: ParquetMetaData,
    /// Columns of times, and how many of their units a second has.
    times: HashMap<String, i64>,
    /// The row group that is read, how many of its rows are left, and the number of the next.
    group: Option<ReaderIter>,
    next_group: usize,
    row: u64,
    bytes: u64,
    done: bool,
}

impl Records {
    pub(in super::super::super) fn open(
        reader: Box<dyn ReadSeek>,
        path: &Path,
    ) -> std::result::Result<Self, ImportError> {
        let input = Input::new(reader).map_err(|error| ImportError::io(path, &error))?;
        let at_fault = |what| ImportError::file(path, what);
        let footer = footer(&input, path)?;
        let read = guarded(|| {
            let metadata = metadata(&footer)?;
            let schema = metadata.file_metadata().schema_descr_ptr();
            Ok(check_columns(&schema).and_then(|()| {
                let columns: Vec<usize> = (0..schema.num_columns()).collect();
                check_groups(&metadata, &columns)?;
                Ok((times(&schema), metadata))
            }))
        });
        let (times, metadata) = read.map_err(at_fault)?.map_err(at_fault)?;
        Ok(Self {
            path: path.to_owned(),
            input: Arc::new(input),
            metadata,
            times,
            group: None,
            next_group: 0,
            row: 0,
            bytes: 0,
            done: false,
        })
    }

    /// The bytes of the row groups that have been begun.
    pub(in super::super::super) fn bytes_read(&self) -> u64 {
        self.bytes
    }

    /// The number of the row last read, from 1.
    pub(in super::super::super) fn row(&self) -> u64 {
        self.row
    }

    fn read(&mut self) -> std::result::Result<Option<Row>, ImportError> {
        loop {
            let Some(mut rows) = self.group.take() else {
                if self.next_group == self.metadata.num_row_groups() {
                    return Ok(None);
                }
                let group = Group {
                    metadata: self.metadata.row_group(self.next_group).clone(),
                    input: Arc::clone(&self.input),
                };
                self.bytes += group.metadata.compressed_size().max(0).unsigned_abs();
                self.next_group += 1;
                let schema = self.metadata.file_metadata().schema_descr_ptr();
                let rows = guarded(|| {
                    let tree = TreeBuilder::new().with_batch_size(READY);
                    tree.as_iter(schema, &group)
                });
                self.group = Some(rows.map_err(|what| self.at_row(what))?);
                continue;
            };
            // What goes on after the end of a row group is the next one.
            if let Some(row) =
                guarded(|| rows.next().transpose()).map_err(|what| self.at_row(what))?
            {
                self.row += 1;
                self.group = Some(rows);
                return Ok(Some(row));
            }
        }
    }

    fn at_row(&self, what: String) -> ImportError {
        ImportError::row(&self.path, self.row + 1, what)
    }
}

impl Iterator for Records {
    type Item = std::result::Result<Value, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        match self.read() {
            Ok(Some(row)) => {
                let record = object(row.into_columns(), Some(&self.times));
                Some(record.map_err(|what| ImportError::row(&self.path, self.row, what)))
            }
            Ok(None) => {
                self.done = true;
                None
            }
            Err(error) => {
                self.done = true;
                Some(Err(error))
            }
        }
    }
}

/// A row group whose pages are looked at before they are unpacked.
struct Group {
    metadata: RowGroupMetaData,
    input: Arc<Input>,
}

impl RowGroupReader for Group {
    fn metadata(&self) -> &RowGroupMetaData {
        &self.metadata
    }

    fn num_columns(&self) -> usize {
        self.metadata.num_columns()
    }

    fn get_column_page_reader(&self, column: usize) -> Result<Box<dyn PageReader>> {
        Ok(Box::new(pages_of(&self.metadata, column, &self.input)?))
    }

    fn get_column_bloom_filter(&self, _: usize) -> Option<&Sbbf> {
        None
    }

    fn get_row_iter(&self, _: Option<Type>) -> Result<RowIter<'_>> {
        let what = "rows are read by the tree of their columns";
        Err(ParquetError::General(what.to_owned()))
    }
}

/// Lists in lists are not read: how long their rows are cannot be told beforehand.
fn check_columns(schema: &SchemaDescriptor) -> std::result::Result<(), String> {
    let columns = schema.columns().iter();
    let nested = columns.filter(|column| column.max_rep_level() > 1);
    match nested.map(|column| column.path().string()).next() {
        Some(path) => Err(format!(
            "columns of values, lists and groups expected, found lists in lists: `{path}`"
        )),
        None => Ok(()),
    }
}

/// The columns of times that the crate gives as plain numbers, those of nanoseconds.
fn times(schema: &SchemaDescriptor) -> HashMap<String, i64> {
    let fields = schema.root_schema().get_fields().iter();
    let nanoseconds = fields.filter(|field| {
        let logical = field.get_basic_info().logical_type_ref();
        matches!(logical, Some(LogicalType::Timestamp(time)) if time.unit == TimeUnit::NANOS)
    });
    nanoseconds
        .map(|field| (field.name().to_owned(), 1_000_000_000))
        .collect()
}

fn object(
    fields: Vec<(String, Field)>,
    times: Option<&HashMap<String, i64>>,
) -> std::result::Result<Value, String> {
    let mut object = Map::new();
    for (name, field) in fields {
        let unit = times.and_then(|times| times.get(&name));
        let value = match (&field, unit) {
            (Field::Long(time), Some(unit)) => Ok(seconds(*time, *unit)),
            _ => value(field),
        };
        let value = value.map_err(|what| format!("field `{name}`: {what}"))?;
        if !value.is_null() {
            object.insert(name, value);
        }
    }
    Ok(Value::Object(object))
}

/// A value as JSON. Times are seconds since 1970; a number that is none is nothing, as pandas writes
/// missing numbers.
fn value(field: Field) -> std::result::Result<Value, String> {
    let float = |number: f64| Number::from_f64(number).map_or(Value::Null, Value::Number);
    Ok(match field {
        Field::Null => Value::Null,
        Field::Bool(flag) => flag.into(),
        Field::Byte(number) => number.into(),
        Field::Short(number) => number.into(),
        Field::Int(number) => number.into(),
        Field::Long(number) => number.into(),
        Field::UByte(number) => number.into(),
        Field::UShort(number) => number.into(),
        Field::UInt(number) => number.into(),
        Field::ULong(number) => number.into(),
        Field::Float16(number) => float(number.to_f64()),
        // By its digits: 0.1, not 0.10000000149.
        Field::Float(number) => number.to_string().parse().map_or(Value::Null, float),
        Field::Double(number) => float(number),
        Field::Decimal(_) => field.to_string().parse().map_or(Value::Null, float),
        Field::Str(text) => text.into(),
        Field::Bytes(bytes) => utf8(bytes.data())?.into(),
        Field::Date(days) => (i64::from(days) * 86_400).into(),
        Field::TimeMillis(time) => seconds(time.into(), 1_000),
        Field::TimestampMillis(time) => seconds(time, 1_000),
        Field::TimeMicros(time) | Field::TimestampMicros(time) => seconds(time, 1_000_000),
        Field::Group(row) => object(row.into_columns(), None)?,
        Field::ListInternal(list) => {
            let elements = list.elements().iter().cloned().map(value);
            Value::Array(elements.collect::<std::result::Result<_, _>>()?)
        }
        Field::MapInternal(map) => {
            let entries = map.entries().iter().cloned();
            let entries = entries.map(|(key, of)| match value(key)? {
                Value::String(key) => Ok((key, value(of)?)),
                _ => Err("a map from texts expected".to_owned()),
            });
            Value::Object(entries.collect::<std::result::Result<_, String>>()?)
        }
    })
}

/// A number of units as seconds, whole where it is.
fn seconds(units: i64, of_a_second: i64) -> Value {
    let (whole, rest) = (units.div_euclid(of_a_second), units.rem_euclid(of_a_second));
    match rest {
        0 => whole.into(),
        // Apart, so that no digit of the fraction is lost to the division.
        _ => (whole as f64 + rest as f64 / of_a_second as f64).into(),
    }
}
