//! Rows of record batches as records.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Fields, SchemaRef};
use serde_json::Value;
use twinspire_towers::Event;

use super::cells::{Budget, cells, object};
use super::select::Kind;
use crate::error::ImportError;
use crate::fields;
use crate::options::ReadOptions;

/// Number of rows that are converted at a time.
const SLICE_ROWS: usize = 64;

/// A part of a table.
pub(crate) enum Part {
    Batch(RecordBatch),
    /// Rows that cannot be decoded; reading continues after them.
    Lost {
        rows: u64,
        what: String,
    },
}

/// A table, batch by batch.
pub(crate) trait Batches: Send {
    /// What the columns mean, in the order of the batches.
    fn fields(&self) -> &Fields;

    fn next(&mut self) -> Option<Part>;

    fn bytes_read(&self) -> u64;
}

/// Iterator over the records of a table, one row at a time.
///
/// A bad row is an error with its number, and the next call reads the next row. Rows that cannot be decoded are one
/// error with the numbers of the first and the last.
pub struct Rows<T> {
    path: PathBuf,
    batches: Box<dyn Batches>,
    convert: Convert<T>,
    /// What is left of the current batch, and the rows that are converted.
    batch: Option<(RecordBatch, usize)>,
    ready: VecDeque<Result<Value, String>>,
    row: u64,
}

type Convert<T> = Box<dyn FnMut(Value) -> Result<T, String> + Send>;

/// Items from record batches: each row with an `id`, a string or a whole number. Errors call the table `name`.
pub fn items_from(
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static,
    schema: &SchemaRef,
    name: impl AsRef<Path>,
    options: &ReadOptions,
) -> Result<Rows<Value>, ImportError> {
    let path = name.as_ref();
    let given = Given::new(batches, schema, Kind::Items, options, path)?;
    Ok(Rows::items(Box::new(given), path, options))
}

/// Users from record batches: each row with a `user_id`, or an `id`, which is renamed to `user_id`.
pub fn users_from(
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static,
    schema: &SchemaRef,
    name: impl AsRef<Path>,
    options: &ReadOptions,
) -> Result<Rows<Value>, ImportError> {
    let path = name.as_ref();
    let given = Given::new(batches, schema, Kind::Users, options, path)?;
    Ok(Rows::users(Box::new(given), path, options))
}

/// Objects of any kind from record batches, such as the users of a batch of recalls: each row with its columns as
/// fields. No column is required.
pub fn records_from(
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static,
    schema: &SchemaRef,
    name: impl AsRef<Path>,
    options: &ReadOptions,
) -> Result<Rows<Value>, ImportError> {
    let path = name.as_ref();
    let given = Given::new(batches, schema, Kind::Records, options, path)?;
    Ok(Rows::new(Box::new(given), path, Box::new(Ok)))
}

/// Events from record batches: the columns are the fields of [JSON lines](crate::jsonl::events).
pub fn events_from(
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static,
    schema: &SchemaRef,
    name: impl AsRef<Path>,
    options: &ReadOptions,
) -> Result<Rows<Event>, ImportError> {
    let path = name.as_ref();
    let given = Given::new(batches, schema, Kind::Events, options, path)?;
    Ok(Rows::events(Box::new(given), path, options))
}

impl Rows<Value> {
    pub(crate) fn items(batches: Box<dyn Batches>, path: &Path, options: &ReadOptions) -> Self {
        Self::new(batches, path, Box::new(fields::items(options)))
    }

    pub(crate) fn users(batches: Box<dyn Batches>, path: &Path, options: &ReadOptions) -> Self {
        Self::new(batches, path, Box::new(fields::users(options)))
    }
}

impl Rows<Event> {
    pub(crate) fn events(batches: Box<dyn Batches>, path: &Path, options: &ReadOptions) -> Self {
        let mut events = fields::Events::new(options);
        Self::new(batches, path, Box::new(move |record| events.read(record)))
    }
}

impl<T> Rows<T> {
    fn new(batches: Box<dyn Batches>, path: &Path, convert: Convert<T>) -> Self {
        Self {
            path: path.to_owned(),
            batches,
            convert,
            batch: None,
            ready: VecDeque::new(),
            row: 0,
        }
    }

    /// Bytes read so far, for a progress bar.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.batches.bytes_read()
    }

    /// Converts the next rows of the current batch.
    fn convert_slice(&mut self, batch: RecordBatch, from: usize) -> Result<(), String> {
        let rows = SLICE_ROWS.min(batch.num_rows() - from);
        let mut columns = Vec::new();
        for (field, column) in self.batches.fields().iter().zip(batch.columns()) {
            let cells = cells(field, column);
            let cells = cells.map_err(|what| format!("field `{}`: {what}", field.name()))?;
            columns.push((field.name().clone(), cells));
        }
        for row in from..from + rows {
            let record = object(&columns, row, &Budget::new());
            self.ready.push_back(record.map(Value::Object));
        }
        drop(columns);
        if from + rows < batch.num_rows() {
            self.batch = Some((batch, from + rows));
        }
        Ok(())
    }
}

impl<T> Iterator for Rows<T> {
    type Item = Result<T, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                self.row += 1;
                let record = record.and_then(|record| (self.convert)(record));
                return Some(record.map_err(|what| ImportError::row(&self.path, self.row, what)));
            }
            let (batch, from) = match self.batch.take() {
                Some(left) => left,
                None => match self.batches.next()? {
                    Part::Batch(batch) => (batch, 0),
                    Part::Lost { rows, what } => return Some(Err(self.lost(rows, what))),
                },
            };
            let rows = (batch.num_rows() - from) as u64;
            if rows == 0 {
                continue;
            }
            if let Err(what) = self.convert_slice(batch, from) {
                return Some(Err(self.lost(rows, what)));
            }
        }
    }
}

impl<T> Rows<T> {
    fn lost(&mut self, rows: u64, what: String) -> ImportError {
        let first = self.row + 1;
        self.row += rows;
        ImportError::rows(&self.path, first, self.row, what)
    }
}

impl<T> fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("path", &self.path)
            .field("row", &self.row)
            .finish_non_exhaustive()
    }
}

/// Record batches of a caller.
struct Given<I> {
    /// The columns that are read, and their numbers.
    fields: Fields,
    columns: Vec<usize>,
    batches: I,
}

impl<I> Given<I> {
    fn new(
        batches: I,
        schema: &SchemaRef,
        kind: Kind,
        options: &ReadOptions,
        path: &Path,
    ) -> Result<Self, ImportError> {
        let names: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        let columns = kind.select(&names, options, path)?;
        let fields = columns.iter().filter_map(|at| schema.fields().get(*at));
        Ok(Self {
            fields: fields.cloned().collect(),
            columns,
            batches,
        })
    }
}

impl<I: Iterator<Item = Result<RecordBatch, ArrowError>> + Send> Batches for Given<I> {
    fn fields(&self) -> &Fields {
        &self.fields
    }

    fn next(&mut self) -> Option<Part> {
        let batch = self.batches.next()?;
        Some(match batch.and_then(|batch| batch.project(&self.columns)) {
            Ok(batch) => Part::Batch(batch),
            Err(error) => Part::Lost {
                rows: 1,
                what: error.to_string(),
            },
        })
    }

    fn bytes_read(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Float32Array, RecordBatchIterator, StringArray};
    use arrow_schema::{DataType, Field, Schema};
    use serde_json::json;
    use std::sync::Arc;

    /// Three rows with columns `query` and `price`, in batches of `rows`.
    fn read(rows: usize, options: &ReadOptions) -> Result<Vec<Value>, ImportError> {
        let fields = [
            Field::new("query", DataType::Utf8, true),
            Field::new("price", DataType::Float32, true),
        ];
        let schema = Arc::new(Schema::new(fields.to_vec()));
        let queries = StringArray::from(vec![Some("red"), None, Some("blue")]);
        let prices = Float32Array::from(vec![Some(0.1), Some(f32::NAN), None]);
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(queries), Arc::new(prices)]);
        let batch = batch.unwrap();
        let parts: Vec<_> = (0..3)
            .step_by(rows)
            .map(|from| Ok(batch.slice(from, rows.min(3 - from))))
            .collect();
        let batches = RecordBatchIterator::new(parts, schema.clone());
        records_from(batches, &schema, "frame", options)?.collect()
    }

    #[test]
    fn rows_of_any_kind_are_objects_without_an_id() {
        for rows in 1..=3 {
            let all = read(rows, &ReadOptions::new()).unwrap();
            let expected = [
                json!({"query": "red", "price": 0.1}),
                json!({}),
                json!({"query": "blue"}),
            ];
            assert_eq!(all, expected);
        }
        let all = read(2, &ReadOptions::new().drop(["price"])).unwrap();
        assert_eq!(
            all,
            [json!({"query": "red"}), json!({}), json!({"query": "blue"})]
        );
        let error = read(2, &ReadOptions::new().columns(["prize"])).unwrap_err();
        let message = "frame: a column `prize` expected, found these columns: query, price";
        assert_eq!(error.to_string(), message);
    }
}
