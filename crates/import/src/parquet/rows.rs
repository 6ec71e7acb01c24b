//! Items, users and events from a Parquet file.

use std::io::{Read, Seek};
use std::path::Path;

use serde_json::Value;
use twinspire_towers::Event;

use super::groups::Groups;
use crate::arrow::{Batches, Kind, Rows};
use crate::error::ImportError;
use crate::input::open_file;
use crate::options::ReadOptions;

/// Items from a file: each row with an `id`, a string or a whole number.
pub fn items(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Rows<Value>, ImportError> {
    let path = path.as_ref();
    items_from(open_file(path)?, path, options)
}

/// Users from a file: each row with a `user_id`, or an `id`, which is renamed to `user_id`.
pub fn users(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Rows<Value>, ImportError> {
    let path = path.as_ref();
    let groups = groups(open_file(path)?, path, Kind::Users, options)?;
    Ok(Rows::users(groups, path, options))
}

/// Events from a file: the columns are the fields of [JSON lines](crate::jsonl::events).
pub fn events(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Rows<Event>, ImportError> {
    let path = path.as_ref();
    let groups = groups(open_file(path)?, path, Kind::Events, options)?;
    Ok(Rows::events(groups, path, options))
}

/// Items from a reader with random access; errors call it `name`.
pub fn items_from(
    reader: impl Read + Seek + Send + 'static,
    name: impl AsRef<Path>,
    options: &ReadOptions,
) -> Result<Rows<Value>, ImportError> {
    let path = name.as_ref();
    let groups = groups(reader, path, Kind::Items, options)?;
    Ok(Rows::items(groups, path, options))
}

fn groups(
    reader: impl Read + Seek + Send + 'static,
    path: &Path,
    kind: Kind,
    options: &ReadOptions,
) -> Result<Box<dyn Batches>, ImportError> {
    let select = |names: &[&str]| kind.select(names, options, path);
    Ok(Box::new(Groups::open(Box::new(reader), path, select)?))
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
        let rows = items_from(Cursor::new(bytes), "a.parquet", &ReadOptions::new());
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
    fn a_file_without_ids_is_refused_at_once() {
        let error = read(file(&SCHEMA.replace(" id ", " key "))).unwrap_err();
        assert_eq!(
            error,
            "a.parquet: a column `id` or `item_id` expected, found these columns: key, clicked, price, tags"
        );
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
            let rows = items_from(Cursor::new(bytes), "a.parquet", &ReadOptions::new());
            prop_assert!(rows.map_or(0, |rows| rows.take(100).count()) <= 100);
        }
    }
}
