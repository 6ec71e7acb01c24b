//! Mined pairs as a flat table in Parquet.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, FloatType, Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use twinspire::MinedPair;

use super::sink::Sink;

/// The columns.
const SCHEMA: &str = "message mined {
  required int64 pair;
  required binary user (STRING);
  required binary positive (STRING);
  optional int32 positive_rank;
  required float positive_score;
  required boolean hard_positive;
  optional binary negative (STRING);
  optional int32 negative_rank;
  optional float negative_score;
}";
/// Number of rows in a row group, which is held in memory.
const GROUP_ROWS: usize = 1 << 16;

/// Writes a Parquet file: a row for each negative, and one for each pair without negatives.
pub struct TableWriter<W: Write + Send> {
    /// `None` once finished.
    writer: Option<SerializedFileWriter<W>>,
    rows: Rows,
}

/// Rows that are not written yet, column by column. An optional column has its values, and for each row its
/// definition level: 1 for a value, 0 for a null.
#[derive(Default)]
struct Rows {
    pairs: Vec<i64>,
    users: Vec<ByteArray>,
    positives: Vec<ByteArray>,
    positive_ranks: (Vec<i32>, Vec<i16>),
    positive_scores: Vec<f32>,
    hard: Vec<bool>,
    negatives: Vec<ByteArray>,
    negative_ranks: Vec<i32>,
    negative_scores: Vec<f32>,
    /// Definition levels of the three columns of the negative.
    has_negative: Vec<i16>,
}

impl<W: Write + Send> TableWriter<W> {
    /// Begins a file with this metadata.
    pub fn new(out: W, metadata: [(&str, String); 2]) -> io::Result<Self> {
        let schema = parse_message_type(SCHEMA).map_err(failed)?;
        let metadata = metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value));
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_key_value_metadata(Some(metadata.to_vec()))
            .build();
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties));
        Ok(Self {
            writer: Some(writer.map_err(failed)?),
            rows: Rows::default(),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        match &mut self.writer {
            Some(writer) if !rows.pairs.is_empty() => rows.write(writer).map_err(failed),
            _ => Ok(()),
        }
    }
}

impl<W: Write + Send> Sink for TableWriter<W> {
    fn write(&mut self, mined: MinedPair) -> io::Result<()> {
        let user = ByteArray::from(serde_json::to_vec(&mined.pair.user)?);
        let positive = ByteArray::from(mined.pair.positive.into_bytes());
        let push_pair = |rows: &mut Rows| {
            rows.pairs.push(mined.at as i64);
            rows.users.push(user.clone());
            rows.positives.push(positive.clone());
            rows.positive_ranks
                .0
                .extend(mined.positive_rank.map(|rank| rank as i32));
            rows.positive_ranks
                .1
                .push(i16::from(mined.positive_rank.is_some()));
            rows.positive_scores.push(mined.positive_score);
            rows.hard.push(mined.hard_positive);
        };
        if mined.negatives.is_empty() {
            push_pair(&mut self.rows);
            self.rows.has_negative.push(0);
        }
        for negative in mined.negatives {
            let rows = &mut self.rows;
            push_pair(rows);
            rows.negatives
                .push(ByteArray::from(negative.id.into_bytes()));
            rows.negative_ranks.push(negative.rank as i32);
            rows.negative_scores.push(negative.score);
            rows.has_negative.push(1);
            if rows.pairs.len() >= GROUP_ROWS {
                self.flush()?;
            }
        }
        if self.rows.pairs.len() >= GROUP_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        match self.writer.take() {
            Some(writer) => writer.close().map(drop).map_err(failed),
            None => Ok(()),
        }
    }
}

impl Rows {
    fn write<W: Write + Send>(
        self,
        file: &mut SerializedFileWriter<W>,
    ) -> Result<(), ParquetError> {
        let mut group = file.next_row_group()?;
        let there = Some(&*self.has_negative);
        column::<Int64Type, W>(&mut group, &self.pairs, None)?;
        column::<ByteArrayType, W>(&mut group, &self.users, None)?;
        column::<ByteArrayType, W>(&mut group, &self.positives, None)?;
        let (ranks, has_rank) = &self.positive_ranks;
        column::<Int32Type, W>(&mut group, ranks, Some(has_rank))?;
        column::<FloatType, W>(&mut group, &self.positive_scores, None)?;
        column::<BoolType, W>(&mut group, &self.hard, None)?;
        column::<ByteArrayType, W>(&mut group, &self.negatives, there)?;
        column::<Int32Type, W>(&mut group, &self.negative_ranks, there)?;
        column::<FloatType, W>(&mut group, &self.negative_scores, there)?;
        group.close().map(drop)
    }
}

fn column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("more columns written than the schema has".to_owned());
    let mut writer = group.next_column()?.ok_or_else(missing)?;
    writer.typed::<T>().write_batch(values, levels, None)?;
    writer.close()
}

fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        other => io::Error::other(other),
    }
}
