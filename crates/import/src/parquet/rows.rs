use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use serde_json::Value;
use twinspire_towers::Event;

use super::records::Records;
use crate::error::ImportError;
use crate::fields;

/// Iterator over the records of a Parquet file, one row at a time.
///
/// A bad row is an error with its number, and the next call reads the next row. A file that cannot be decoded
/// ends the iteration.
pub struct Rows<T> {
    path: PathBuf,
    records: Records,
    convert: fn(Value) -> Result<T, String>,
}

/// Items from a file: each row with an `id`, a string or a whole number.
pub fn items(path: impl AsRef<Path>) -> Result<Rows<Value>, ImportError> {
    open(path.as_ref(), fields::item)
}

/// Users from a file: each row with a `user_id`, or an `id`, which is renamed to `user_id`.
pub fn users(path: impl AsRef<Path>) -> Result<Rows<Value>, ImportError> {
    open(path.as_ref(), fields::user)
}

/// Events from a file: the columns are the fields of [JSON lines](crate::jsonl::events).
pub fn events(path: impl AsRef<Path>) -> Result<Rows<Event>, ImportError> {
    open(path.as_ref(), fields::event)
}

/// Items from a reader with random access; errors call it `name`.
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
            records: Records::open(Box::new(reader), path)?,
            convert,
        })
    }

    /// Bytes read so far, for a progress bar.
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
    fn rows_become_objects_without_absent_fields() {
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
    fn a_row_that_is_no_record_is_reported_with_its_number() {
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
        fn damage_is_an_error_and_never_a_panic(at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let mut bytes = file(SCHEMA);
            let at = at.index(bytes.len());
            bytes[at] = to;
            let rows = items_from(Cursor::new(bytes), "a.parquet");
            prop_assert!(rows.map_or(0, |rows| rows.take(100).count()) <= 100);
        }
    }
}
