//! The same records from every kind of file, and no silent end of any.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not see under `all`"
)]

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::file::properties::{WriterProperties, WriterVersion};
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{ImportError, ReadOptions, csv, jsonl, open, parquet};

fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/fixtures/types").join(name)
}

fn items(name: &str) -> Vec<Value> {
    let items = open(fixture(name)).unwrap().items().unwrap();
    items.collect::<Result<_, _>>().unwrap()
}

#[test]
fn values_of_every_type_are_read_as_the_table_says() {
    for name in [
        "arrow-numbers",
        "arrow-decimals-bytes",
        "arrow-decimals-integer",
        "arrow-times",
        "arrow-int96",
        "arrow-texts",
        "arrow-nested",
        "duckdb",
        "polars",
        "pandas",
        "pandas-frame",
        "spark",
        "spark-legacy",
    ] {
        let expected = items(&format!("{name}.jsonl"));
        assert_eq!(items(&format!("{name}.parquet")), expected, "{name}");
    }
}

#[test]
fn a_frame_has_the_same_types_in_every_dialect_of_csv() {
    let expected = items("pandas-frame.jsonl");
    let mut names = vec![
        "pandas-frame.csv",
        "pandas-frame-quoted.csv",
        "pandas-frame-by-type.csv",
    ];
    if cfg!(feature = "compressed") {
        names.push("pandas-frame.tsv.gz");
    }
    for name in names {
        assert_eq!(items(name), expected, "{name}");
    }
}

/// A row of a frame, null where a cell is empty.
#[derive(Debug, Clone)]
struct Row {
    whole: Option<i64>,
    float: Option<f64>,
    flag: Option<bool>,
    text: Option<String>,
    /// Microseconds since 1970.
    at: Option<i64>,
}

fn any_row() -> impl Strategy<Value = Row> {
    let float = any::<f64>().prop_filter("finite", |number| number.is_finite());
    let text = "t[a-z\",;|\t\n'é ]{0,12}";
    let at = (-2_000_000_000i64..4_000_000_000, 0i64..2);
    let at = at.prop_map(|(second, half)| second * 1_000_000 + half * 500_000);
    (
        prop::option::of(any::<i64>()),
        prop::option::of(float),
        prop::option::of(any::<bool>()),
        prop::option::of(text),
        prop::option::of(at),
    )
        .prop_map(|(whole, float, flag, text, at)| Row {
            whole,
            float,
            flag,
            text,
            at,
        })
}

impl Row {
    fn record(&self, id: usize) -> Value {
        let seconds = self.at.map(|at| match at % 1_000_000 {
            0 => json!(at / 1_000_000),
            _ => json!(at as f64 / 1e6),
        });
        let fields = [
            ("id", Some(json!(format!("i{id}")))),
            ("whole", self.whole.map(Value::from)),
            ("float", self.float.map(Value::from)),
            ("flag", self.flag.map(Value::from)),
            ("text", self.text.clone().map(Value::from)),
            ("at", seconds),
        ];
        let fields = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(fields.collect::<Map<_, _>>())
    }

    /// The cells as Python writes them.
    fn cells(&self, id: usize) -> [String; 6] {
        let float = |number: f64| {
            let plain = format!("{number:?}");
            match plain.split_once('e') {
                Some((digits, exponent)) if exponent.starts_with('-') => {
                    format!("{digits}e-{:0>2}", &exponent[1..])
                }
                Some((digits, exponent)) => format!("{digits}e+{exponent:0>2}"),
                None => plain,
            }
        };
        let flag = |flag| if flag { "True" } else { "False" }.to_owned();
        let at = |at: i64| {
            let moment =
                time::OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000_000)).unwrap();
            let (date, time) = (moment.date(), moment.time());
            format!(
                "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}",
                date.year(),
                u8::from(date.month()),
                date.day(),
                time.hour(),
                time.minute(),
                time.second(),
                at.rem_euclid(1_000_000)
            )
        };
        [
            format!("i{id}"),
            self.whole
                .map_or_else(String::new, |whole| whole.to_string()),
            self.float.map_or_else(String::new, float),
            self.flag.map_or_else(String::new, flag),
            self.text.clone().unwrap_or_default(),
            self.at.map_or_else(String::new, at),
        ]
    }
}

const NAMES: [&str; 6] = ["id", "whole", "float", "flag", "text", "at"];

/// Which cells have quotes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Quotes {
    Needed,
    Text,
    All,
}

fn csv_file(rows: &[Row], delimiter: &str, end: &str, quotes: Quotes, mark: bool) -> String {
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let line = |cells: &[String]| {
        let cells = cells.iter().enumerate().map(|(at, cell)| {
            let special = cell.contains(['"', '\n', '\r']) || cell.contains(delimiter);
            let is_text = matches!(at, 0 | 4 | 5);
            match quotes {
                Quotes::All => quoted(cell),
                Quotes::Text if is_text => quoted(cell),
                _ if special => quoted(cell),
                _ => cell.clone(),
            }
        });
        cells.collect::<Vec<_>>().join(delimiter) + end
    };
    let mut text = if mark { "\u{feff}" } else { "" }.to_owned();
    text.push_str(&line(&NAMES.map(str::to_owned)));
    for (id, row) in rows.iter().enumerate() {
        text.push_str(&line(&row.cells(id)));
    }
    text
}

/// A Parquet file with row groups of `group` rows.
fn parquet_file(rows: &[Row], group: usize, version: WriterVersion) -> Vec<u8> {
    let ids = StringArray::from_iter_values((0..rows.len()).map(|id| format!("i{id}")));
    let columns: [(&str, ArrayRef); 6] = [
        ("id", Arc::new(ids)),
        (
            "whole",
            Arc::new(rows.iter().map(|row| row.whole).collect::<Int64Array>()),
        ),
        (
            "float",
            Arc::new(rows.iter().map(|row| row.float).collect::<Float64Array>()),
        ),
        (
            "flag",
            Arc::new(rows.iter().map(|row| row.flag).collect::<BooleanArray>()),
        ),
        (
            "text",
            Arc::new(
                rows.iter()
                    .map(|row| row.text.clone())
                    .collect::<StringArray>(),
            ),
        ),
        (
            "at",
            Arc::new(
                rows.iter()
                    .map(|row| row.at)
                    .collect::<TimestampMicrosecondArray>(),
            ),
        ),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder()
        .set_writer_version(version)
        .set_max_row_group_row_count(Some(group))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn read_csv(text: String) -> Vec<Result<Value, ImportError>> {
    let rows = csv::items_from(Cursor::new(text), "a.csv", &ReadOptions::new());
    rows.unwrap().collect()
}

fn read_lines(text: Vec<u8>) -> Vec<Result<Value, ImportError>> {
    jsonl::items_from(Cursor::new(text), "a.jsonl", &ReadOptions::new()).collect()
}

fn read_parquet(bytes: Vec<u8>) -> Result<Vec<Result<Value, ImportError>>, ImportError> {
    let rows = parquet::items_from(Cursor::new(bytes), "a.parquet", &ReadOptions::new())?;
    Ok(rows.collect())
}

fn good(rows: Vec<Result<Value, ImportError>>) -> Vec<Value> {
    rows.into_iter().collect::<Result<_, _>>().unwrap()
}

fn some_rows() -> Vec<Row> {
    let row = |id: i64| Row {
        whole: Some(id),
        float: Some(id as f64 / 4.0),
        flag: Some(id % 2 == 0),
        text: Some(format!("text {id}")),
        at: Some(id * 1_000_000),
    };
    (0..300).map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_frame_gives_the_same_records_from_every_kind_of_file(
        rows in prop::collection::vec(any_row(), 1..12),
        delimiter in prop::sample::select(vec![",", ";", "\t", "|"]),
        end in prop::sample::select(vec!["\n", "\r\n"]),
        quotes in prop::sample::select(vec![Quotes::Needed, Quotes::Text, Quotes::All]),
        mark in any::<bool>(),
        group in 1usize..5,
    ) {
        let expected: Vec<Value> = rows.iter().enumerate().map(|(id, row)| row.record(id)).collect();
        let lines: String = expected.iter().map(|record| format!("{record}\n")).collect();
        prop_assert_eq!(&good(read_lines(lines.into_bytes())), &expected);
        let text = csv_file(&rows, delimiter, end, quotes, mark);
        prop_assert_eq!(&good(read_csv(text)), &expected);
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            let bytes = parquet_file(&rows, group, version);
            prop_assert_eq!(&good(read_parquet(bytes).unwrap()), &expected);
        }
    }

    #[test]
    fn a_damaged_byte_gives_records_or_errors(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut bytes = std::fs::read(fixture("arrow-nested.parquet")).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(rows) = read_parquet(bytes) {
            prop_assert!(rows.len() <= 1_000);
        }
    }
}

#[test]
fn a_damaged_row_group_is_lost_with_its_extent_and_the_next_is_read() {
    let rows = some_rows();
    let bytes = parquet_file(&rows, 100, WriterVersion::PARQUET_1_0);
    let whole = good(read_parquet(bytes.clone()).unwrap());
    assert_eq!(whole.len(), 300);
    let middle = bytes
        .windows(8)
        .position(|window| window == b"text 150")
        .unwrap();
    let mut damaged = bytes;
    for byte in &mut damaged[middle - 300..middle] {
        *byte = 0xff;
    }
    let found = read_parquet(damaged).unwrap();
    let errors: Vec<_> = found.iter().filter_map(|row| row.as_ref().err()).collect();
    let lost: u64 = errors.iter().map(|error| error.lost()).sum();
    assert!(
        errors
            .iter()
            .all(|error| error.is_bad_record() && error.is_loss()),
        "{errors:?}"
    );
    assert!((1..=100).contains(&lost), "{errors:?}");
    let read: Vec<_> = found.into_iter().flatten().collect();
    assert_eq!(read.len() as u64 + lost, 300);
    assert_eq!(read[..100], whole[..100]);
    assert_eq!(read[read.len() - 100..], whole[200..]);
}

#[test]
fn a_file_that_is_cut_never_ends_as_if_it_were_whole() {
    let rows = &some_rows()[..3];
    let bytes = parquet_file(rows, 2, WriterVersion::PARQUET_2_0);
    for end in 0..bytes.len() {
        assert!(read_parquet(bytes[..end].to_vec()).is_err(), "{end}");
    }
    let records = rows.iter().enumerate().map(|(id, row)| row.record(id));
    let lines: String = records.map(|record| format!("{record}\n")).collect();
    for end in 0..lines.len() {
        let found = read_lines(lines.as_bytes()[..end].to_vec());
        // A cut between lines leaves whole ones.
        let whole = lines[..end].matches('\n').count() + usize::from(lines[..end].ends_with('}'));
        assert!(
            end == 0 || found.iter().any(Result::is_err) || found.len() == whole,
            "{end}"
        );
    }
}

#[cfg(feature = "compressed")]
#[test]
fn a_compressed_file_that_is_cut_never_ends_as_if_it_were_whole() {
    let records = some_rows();
    let records = records
        .iter()
        .take(20)
        .enumerate()
        .map(|(id, row)| row.record(id));
    let lines: String = records.map(|record| format!("{record}\n")).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(lines.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::stream::encode_all(lines.as_bytes(), 3).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for whole in [gzip, zstd] {
        for end in 4..=whole.len() {
            let path = crate::test_files::write_file(dir.path(), "a.jsonl", &whole[..end]);
            let last = match open(&path).unwrap().items() {
                Ok(items) => items.last(),
                Err(error) => Some(Err(error)),
            };
            let ended = matches!(&last, Some(Err(error)) if !error.is_bad_record());
            assert_eq!(
                ended,
                end < whole.len(),
                "{end} of {}: {last:?}",
                whole.len()
            );
        }
    }
}
