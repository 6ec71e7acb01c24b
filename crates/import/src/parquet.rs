//! Parquet: one record a row, a field a column.
//!
//! Columns may be values, lists of them and groups, not lists in lists. Times become seconds since 1970;
//! null and NaN are absent fields. Files are read a row group at a time and trusted in nothing that they
//! declare, as those of [vectors](super::vectors::parquet()) are.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::ImportError;
use super::fields;
use super::vectors::ParquetRecords;
use twinspire_towers::Event;

/// The records of a Parquet file, read as they are asked for.
///
/// A bad row is an error that names it, and the next call goes on with the row after; a file that
/// cannot be decoded ends the iteration.
pub struct Rows<T> {
    path: PathBuf,
    records: ParquetRecords,
    convert: fn(Value) -> Result<T, String>,
}

/// Items from a file: each row with an `id` (a whole number becomes its text).
pub fn items(path: impl AsRef<Path>) -> Result<Rows<Value>, ImportError> {
    open(path.as_ref(), fields::item)
}

/// Users from a file: each row with a `user_id`, or an `id`, which is then called `user_id`.
pub fn users(path: impl AsRef<Path>) -> Result<Rows<Value>, ImportError> {
    open(path.as_ref(), fields::user)
}

/// Events from a file: columns as [JSON lines](super::jsonl::events) have fields.
pub fn events(path: impl AsRef<Path>) -> Result<Rows<Event>, ImportError> {
    open(path.as_ref(), fields::event)
}

/// Items from anything that can be read in any order; `name` is what errors call it.
pub fn items_from(
    reader: impl Read + Seek + Send + 'static,
    name: impl AsRef<Path>,
) -> Result<Rows<Value>, ImportError> {
    Rows::new(reader, name.as_ref(), fields::item)
}

fn open<T>(path: &Path, convert: fn(Value) -> Result<T, String>) -> Result<Rows<T>, ImportError> {
    let file = File::open(path).map_err(|error| ImportError::io(path, &error))?;
    Rows::new(file, path, convert)
}

impl<T> Rows<T> {
    fn new(
        reader: impl Read + Seek + Send + 'static,
        path: &Path,
        convert: fn(Value) -> Result<T, String>,
    ) -> Result<Self, ImportError> {
        Ok(Self {
            path: path.to_owned(),
            records: ParquetRecords::open(Box::new(reader), path)?,
            convert,
        })
    }

    /// How many bytes of the file have been read: for a progress bar.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.records.bytes_read()
    }
}

impl<T> Iterator for Rows<T> {
    type Item = Result<T, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.records.next()?;
        let at = self.records.row();
        Some(record.and_then(|record| {
            (self.convert)(record).map_err(|what| ImportError::row(&self.path, at, what))
        }))
    }
}

impl<T> fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("path", &self.path)
            .field("row", &self.records.row())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::parquet::basic::Compression;
    use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
    use ::parquet::file::properties::WriterProperties;
    use ::parquet::file::writer::SerializedFileWriter;
    use ::parquet::schema::parser::parse_message_type;
    use proptest::prelude::*;
    use serde_json::json;
    use std::io::Cursor;
    use std::sync::Arc;

    const SCHEMA: &str = "
        message log {
            required binary id (UTF8);
            optional int64 clicked (TIMESTAMP(NANOS,true));
            optional double price;
            optional group tags (LIST) { repeated group list { optional binary element (UTF8); } }
        }";

    /// Three rows, the middle one with nothing but an id.
    fn file(schema: &str) -> Vec<u8> {
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
        let properties = Arc::new(properties.build());
        let mut bytes = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).unwrap();
        let texts = |all: &[&str]| {
            all.iter()
                .map(|text| ByteArray::from(*text))
                .collect::<Vec<_>>()
        };
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let ids = column.typed::<ByteArrayType>();
        ids.write_batch(&texts(&["a", "b", "c"]), None, None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let times = [1_500_000_000_000_000_000, 1_500_000_000_250_000_000];
        let of = column.typed::<Int64Type>();
        of.write_batch(&times, Some(&[1, 0, 1]), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let of = column.typed::<DoubleType>();
        of.write_batch(&[2.5, f64::NAN], Some(&[1, 0, 1]), None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let of = column.typed::<ByteArrayType>();
        let levels = ([3, 3, 0, 1], [0, 1, 0, 0]);
        of.write_batch(&texts(&["x", "y"]), Some(&levels.0), Some(&levels.1))
            .unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        bytes
    }

    fn read(bytes: Vec<u8>) -> Result<Vec<Value>, String> {
        let rows = items_from(Cursor::new(bytes), "a.parquet");
        let rows = rows.map_err(|error| error.to_string())?;
        rows.map(|row| row.map_err(|error| error.to_string()))
            .collect()
    }

    #[test]
    fn rows_become_objects_without_what_is_missing() {
        assert_eq!(
            read(file(SCHEMA)).unwrap(),
            [
                json!({"id": "a", "clicked": 1_500_000_000, "price": 2.5, "tags": ["x", "y"]}),
                json!({"id": "b"}),
                json!({"id": "c", "clicked": 1_500_000_000.25, "tags": []}),
            ]
        );
    }

    #[test]
    fn what_makes_no_record_is_named() {
        let error = read(file(&SCHEMA.replace(" id ", " key "))).unwrap_err();
        let expected = "a.parquet, row 1: field `id`: expected a non-empty string";
        assert!(error.starts_with(expected), "{error}");
        assert!(
            read(b"PAR1".to_vec())
                .unwrap_err()
                .contains("a Parquet file expected")
        );
    }

    proptest! {
        #[test]
        fn no_damage_is_more_than_an_error(at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let mut bytes = file(SCHEMA);
            let at = at.index(bytes.len());
            bytes[at] = to;
            let rows = items_from(Cursor::new(bytes), "a.parquet");
            prop_assert!(rows.map_or(0, |rows| rows.take(100).count()) <= 100);
        }
    }
}
