//! The forms in which lists have been written over the years, by the writer of the `parquet` crate.

use super::*;
use std::sync::Arc;

use ::parquet::basic::{Compression, Encoding};
use ::parquet::data_type::{ByteArray, ByteArrayType, FloatType};
use ::parquet::file::properties::{WriterProperties, WriterVersion};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;

/// A form of lists, and whether what is null may be written in it.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    schema: &'static str,
    /// The definition level of a number.
    full: i16,
    version: WriterVersion,
}

const STANDARD: &str =
    "optional group vector (LIST) { repeated group list { optional float element; } }";
const REQUIRED: &str =
    "required group vector (LIST) { repeated group list { required float element; } }";
const TWO_LEVELS: &str = "optional group vector (LIST) { repeated float array; }";
const ONE_LEVEL: &str = "repeated float vector;";

pub(super) const KINDS: [Kind; 5] = [
    kind(STANDARD, 3, WriterVersion::PARQUET_1_0),
    kind(STANDARD, 3, WriterVersion::PARQUET_2_0),
    kind(REQUIRED, 1, WriterVersion::PARQUET_1_0),
    kind(TWO_LEVELS, 2, WriterVersion::PARQUET_1_0),
    kind(ONE_LEVEL, 1, WriterVersion::PARQUET_2_0),
];

const fn kind(schema: &'static str, full: i16, version: WriterVersion) -> Kind {
    Kind {
        schema,
        full,
        version,
    }
}

/// Ids are the numbers of the rows, as texts; two rows make a row group.
pub(super) fn write(kind: Kind, rows: &[Vec<f32>]) -> Vec<u8> {
    let schema = format!("message m {{ required binary id (UTF8); {} }}", kind.schema);
    let properties = WriterProperties::builder()
        .set_writer_version(kind.version)
        .set_data_page_row_count_limit(1)
        .set_write_batch_size(1)
        .set_compression(Compression::SNAPPY)
        .set_column_encoding("id".into(), Encoding::DELTA_LENGTH_BYTE_ARRAY);
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let mut file =
        SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build())).unwrap();
    for (group, rows) in rows.chunks(2).enumerate() {
        let mut writer = file.next_row_group().unwrap();
        let ids: Vec<ByteArray> = (0..rows.len())
            .map(|row| (group * 2 + row).to_string().as_str().into())
            .collect();
        let mut column = writer.next_column().unwrap().unwrap();
        column
            .typed::<ByteArrayType>()
            .write_batch(&ids, None, None)
            .unwrap();
        column.close().unwrap();
        let mut column = writer.next_column().unwrap().unwrap();
        for row in rows {
            let definitions = vec![kind.full; row.len()];
            let mut repetitions = vec![1; row.len()];
            repetitions[0] = 0;
            let typed = column.typed::<FloatType>();
            typed
                .write_batch(row, Some(&definitions), Some(&repetitions))
                .unwrap();
        }
        column.close().unwrap();
        writer.close().unwrap();
    }
    file.into_inner().unwrap()
}

#[test]
fn a_row_may_continue_in_the_next_page() {
    // Version 1 lets pages end anywhere.
    let rows = [vec![1.0; 3000], vec![2.0; 3000], vec![3.0; 3000]];
    for kind in KINDS {
        let file = write(kind, &rows);
        let found = all(parquet_from(Cursor::new(file), "a", &VectorOptions::new()));
        let expected: Vec<_> = rows
            .iter()
            .enumerate()
            .map(|(at, vector)| row(&at.to_string(), vector))
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn counts_that_a_parquet_file_declares_are_not_trusted() {
    let too_long = vec![vec![0.5; 65_537]];
    let file = write(KINDS[0], &too_long);
    let rows = all(parquet_from(Cursor::new(file), "a", &VectorOptions::new()));
    let error = rows[0].as_ref().unwrap_err();
    assert!(
        error.contains("Parquet that can be decoded expected"),
        "{error}"
    );
    assert!(
        error.contains("a list of more than 65,536 values"),
        "{error}"
    );
    assert_eq!(rows.len(), 1);
    for (bytes, says) in [
        (&b""[..], "a Parquet file expected, found 0 bytes"),
        (b"PAR1PAR1", "metadata of at most"),
        (
            b"PAR1\xff\xff\xff\xffPAR1",
            "metadata of at most 33554432 bytes",
        ),
        (b"PAR1\0\0\0\0PAR1", "damaged"),
        (b"PAR1\0\0\0\0PARE", "that is not encrypted expected"),
        (b"PAR1\0\0\0\0PAR2", "which ends with PAR1"),
    ] {
        let error = refusal(parquet_from(
            Cursor::new(bytes.to_vec()),
            "a",
            &VectorOptions::new(),
        ));
        assert!(error.contains(says), "{error}");
    }
}
