//! Rows of all columns as JSON objects.
//!
//! The `parquet` crate assembles the rows (its module `record`), from pages that were checked first.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::basic::{LogicalType, TimeUnit};
use ::parquet::bloom_filter::Sbbf;
use ::parquet::column::page::PageReader;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use ::parquet::file::reader::RowGroupReader;
use ::parquet::record::reader::{ReaderIter, RowIter, TreeBuilder};
use ::parquet::record::{Field, Row};
use ::parquet::schema::types::{SchemaDescriptor, Type};
use serde_json::{Map, Number, Value};
use time::Duration;

use super::decode::{Input, ReadSeek, check_groups, footer, guarded, metadata, open_pages};
use crate::error::ImportError;
use crate::lines::utf8;

/// Number of values of a column that the crate decodes at a time: strings can be large.
const BATCH_VALUES: usize = 64;

/// The rows of a file.
pub(super) struct Records {
    path: PathBuf,
    input: Arc<Input>,
    metadata: ParquetMetaData,
    /// Columns of timestamps that the crate returns as integers, with the units per second of each.
    times: HashMap<String, i64>,
    /// The rows of the current row group, and the number of the next.
    group: Option<ReaderIter>,
    next_group: usize,
    row: u64,
    bytes: u64,
    done: bool,
}

impl Records {
    pub(super) fn open(reader: Box<dyn ReadSeek>, path: &Path) -> Result<Self, ImportError> {
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

    /// Size of the row groups up to the current one, in bytes.
    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes
    }

    /// Number of the last row read, from 1.
    pub(super) fn row(&self) -> u64 {
        self.row
    }

    fn read(&mut self) -> Result<Option<Row>, ImportError> {
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
                    let tree = TreeBuilder::new().with_batch_size(BATCH_VALUES);
                    tree.as_iter(schema, &group)
                });
                self.group = Some(rows.map_err(|what| self.at_row(what))?);
                continue;
            };
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
    type Item = Result<Value, ImportError>;

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

/// A row group whose pages are checked before they are decompressed.
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

    fn get_column_page_reader(&self, column: usize) -> Result<Box<dyn PageReader>, ParquetError> {
        Ok(Box::new(open_pages(&self.metadata, column, &self.input)?))
    }

    fn get_column_bloom_filter(&self, _: usize) -> Option<&Sbbf> {
        None
    }

    fn get_row_iter(&self, _: Option<Type>) -> Result<RowIter<'_>, ParquetError> {
        let what = "rows are read by a tree builder";
        Err(ParquetError::General(what.to_owned()))
    }
}

/// Refuses lists of lists: the length of such a row cannot be bounded before it is decoded.
fn check_columns(schema: &SchemaDescriptor) -> Result<(), String> {
    let columns = schema.columns().iter();
    let nested = columns.filter(|column| column.max_rep_level() > 1);
    match nested.map(|column| column.path().string()).next() {
        Some(path) => Err(format!(
            "columns of values, lists and groups expected, found lists in lists: `{path}`"
        )),
        None => Ok(()),
    }
}

/// The columns of nanosecond timestamps, which the crate returns as integers.
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

/// A row, or a group in it, as a JSON object. Null fields are left out.
fn object(
    fields: Vec<(String, Field)>,
    times: Option<&HashMap<String, i64>>,
) -> Result<Value, String> {
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

/// A value as JSON. Times are seconds since 1970. NaN is null, as pandas writes missing numbers so.
fn value(field: Field) -> Result<Value, String> {
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
        // By its own digits: 0.1, not 0.10000000149.
        Field::Float(number) => number.to_string().parse().map_or(Value::Null, float),
        Field::Double(number) => float(number),
        Field::Decimal(_) => field.to_string().parse().map_or(Value::Null, float),
        Field::Str(text) => text.into(),
        Field::Bytes(bytes) => utf8(bytes.data())?.into(),
        Field::Date(days) => Duration::days(days.into()).whole_seconds().into(),
        Field::TimeMillis(time) => seconds(time.into(), 1_000),
        Field::TimestampMillis(time) => seconds(time, 1_000),
        Field::TimeMicros(time) | Field::TimestampMicros(time) => seconds(time, 1_000_000),
        Field::Group(row) => object(row.into_columns(), None)?,
        Field::ListInternal(list) => {
            let elements = list.elements().iter().cloned().map(value);
            Value::Array(elements.collect::<Result<_, _>>()?)
        }
        Field::MapInternal(map) => {
            let entries = map.entries().iter().cloned();
            let entries = entries.map(|(key, of)| match value(key)? {
                Value::String(key) => Ok((key, value(of)?)),
                _ => Err("a map from texts expected".to_owned()),
            });
            Value::Object(entries.collect::<Result<_, String>>()?)
        }
    })
}

/// A time as seconds: an integer where nothing is lost.
fn seconds(units: i64, units_per_second: i64) -> Value {
    let (whole, rest) = (
        units.div_euclid(units_per_second),
        units.rem_euclid(units_per_second),
    );
    match rest {
        0 => whole.into(),
        // Whole seconds and fraction apart, so that the division loses no digit.
        _ => (whole as f64 + rest as f64 / units_per_second as f64).into(),
    }
}
