//! Storing records a batch at a time, and files of items.
//!
//! A batch is read, stored, and only then the next one is read; in between, signals are handled and progress is
//! reported. So Ctrl-C ends an import between two batches.

use crate::failure::Failure;
use crate::info;
use crate::jobs::{Listener, Report};
use crate::read_options::read_options;
use crate::records::Records;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Value, json};
use std::path::Path;
use twinspire::import::{self, Source};
use twinspire::{Database, Error};

/// Number of records of a batch.
pub const BATCH_ITEMS: usize = 2_000;
/// Estimated size at which a batch ends sooner.
const BATCH_BYTES: usize = 16 << 20;
/// Number of records that are read at a time.
const READ_ITEMS: usize = 256;

/// Records in batches.
pub struct Batches {
    records: Records,
    most: Option<usize>,
}

impl Batches {
    /// Batches of `most` records, or a single one.
    pub fn new(records: Records, most: Option<usize>) -> Self {
        Self { records, most }
    }

    /// The next batch; empty at the end.
    fn next(&mut self, py: Python<'_>) -> Result<Vec<Value>, Failure> {
        let Some(most) = self.most else {
            return self.records.take(py, usize::MAX);
        };
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < most.max(1) && bytes < BATCH_BYTES {
            let read = self
                .records
                .take(py, READ_ITEMS.min(most.max(1) - batch.len()))?;
            if read.is_empty() {
                break;
            }
            bytes += read.iter().map(size).sum::<usize>();
            batch.extend(read);
        }
        Ok(batch)
    }
}

/// The size of a record, about as much as its text has.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 3,
        Value::Array(values) => values.iter().map(size).sum::<usize>() + 2,
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| name.len() + 4 + size(value))
            .sum(),
    }
}

/// Passes all records to `put`, batch by batch. Returns their number.
pub fn put_all(
    py: Python<'_>,
    mut batches: Batches,
    progress: Option<&Bound<'_, PyAny>>,
    mut put: impl FnMut(&[Value]) -> Result<(), Error> + Send,
) -> Result<u64, Failure> {
    let listener = Listener::new(progress)?;
    let mut done = 0;
    let result = loop {
        let stored = match batches.next(py) {
            Ok(batch) if batch.is_empty() => break Ok(done),
            Ok(batch) => py.detach(|| put(&batch)).map(|()| batch.len() as u64),
            Err(failure) => break Err(failure),
        };
        match stored {
            Ok(stored) => done += stored,
            Err(error) => break Err(error.into()),
        }
        let attended = py.check_signals().map_err(Failure::from);
        let attended = attended.and_then(|()| listener.tell(py, storing(done, 0)));
        if let Err(failure) = attended {
            break Err(failure);
        }
    };
    listener.close(py);
    result
}

fn storing(done: u64, total: u64) -> Report {
    Report {
        stage: "storing",
        done,
        total,
        loss: None,
    }
}

/// Puts a whole new catalogue.
pub fn replace_all(
    py: Python<'_>,
    database: &Database,
    batches: Batches,
    max_removed: f64,
    progress: Option<&Bound<'_, PyAny>>,
) -> Result<Py<PyAny>, Failure> {
    let begun = py.detach(|| database.items().replace_all())?;
    let mut catalogue = begun.max_removed(max_removed);
    put_all(py, batches, progress, |items| catalogue.put_many(items))?;
    let done = py.detach(|| catalogue.finish())?;
    info::record(py, "Replaced", &replaced(done))
}

fn replaced(done: twinspire::Replaced) -> Value {
    json!({
        "added": done.added,
        "changed": done.changed,
        "unchanged": done.unchanged,
        "removed": done.removed,
    })
}

/// A file, read with the options of a call.
pub fn source(path: &Path, options: Option<&Bound<'_, PyDict>>) -> Result<Source, Failure> {
    let (format, options) = read_options(options)?;
    let source = match format {
        Some(format) => Source::new(path, format),
        None => import::open(path)?,
    };
    Ok(source.options(options))
}

/// Imports the items of a file. With a share, items that it lacks are removed, up to that share.
pub fn import(
    py: Python<'_>,
    database: &Database,
    source: Source,
    skip_bad: bool,
    max_removed: Option<f64>,
    progress: Option<&Bound<'_, PyAny>>,
) -> Result<Py<PyAny>, Failure> {
    let mut items = py.detach(|| source.items())?;
    let listener = Listener::new(progress)?;
    let mut catalogue = match max_removed {
        Some(share) => {
            let begun = py.detach(|| database.items().replace_all())?;
            Some(begun.max_removed(share))
        }
        None => None,
    };
    let (mut read, mut skipped) = (0, 0);
    let result = loop {
        let step = py.detach(|| -> Result<bool, Failure> {
            let (mut batch, mut bytes) = (Vec::new(), 0);
            while batch.len() < BATCH_ITEMS && bytes < BATCH_BYTES {
                match items.next() {
                    None => break,
                    Some(Ok(item)) => {
                        bytes += size(&item);
                        batch.push(item);
                    }
                    Some(Err(error)) if skip_bad && error.is_bad_record() => {
                        skipped += error.lost();
                    }
                    Some(Err(error)) => {
                        // What was read before it is stored all the same.
                        put(database, catalogue.as_mut(), last_of_each(batch))?;
                        return Err(error.into());
                    }
                }
            }
            read += batch.len() as u64;
            let is_end = batch.is_empty();
            put(database, catalogue.as_mut(), last_of_each(batch))?;
            Ok(is_end)
        });
        match step {
            Ok(true) => break Ok(()),
            Ok(false) => {}
            Err(failure) => break Err(failure),
        }
        let report = storing(items.bytes_read(), items.bytes_total().unwrap_or(0));
        let attended = py.check_signals().map_err(Failure::from);
        if let Err(failure) = attended.and_then(|()| listener.tell(py, report)) {
            break Err(failure);
        }
    };
    listener.close(py);
    result?;
    let mut imported = json!({"items": read, "skipped": skipped});
    if let Some(catalogue) = catalogue {
        let (missing, items) = py.detach(|| catalogue.missing())?;
        if skipped > 0 && missing > 0 && max_removed.is_some_and(|share| share < 1.0) {
            let message = format!(
                "{missing} of {items} items are not in the file, but {skipped} records could not be read: \
                 nothing was removed; `max_removed=1.0` removes them all the same"
            );
            return Err(Failure::new("ItemError", message));
        }
        imported["replaced"] = replaced(py.detach(|| catalogue.finish())?);
    }
    info::record(py, "Imported", &imported)
}

/// Stores a batch.
fn put(
    database: &Database,
    catalogue: Option<&mut twinspire::Replacement<'_>>,
    batch: Vec<Value>,
) -> Result<(), Error> {
    match catalogue {
        _ if batch.is_empty() => Ok(()),
        Some(catalogue) => catalogue.put_many(&batch),
        None => database.items().put_many(&batch).map(drop),
    }
}

/// The records without those that a later one of the same id replaces.
fn last_of_each(mut batch: Vec<Value>) -> Vec<Value> {
    let mut seen = std::collections::HashSet::new();
    batch.reverse();
    batch.retain(|item| {
        let id = item["id"].as_str().unwrap_or_default();
        seen.insert(id.to_owned())
    });
    batch.reverse();
    batch
}

/// Exports every item to a file.
pub fn export(
    py: Python<'_>,
    database: &Database,
    path: &Path,
    spaces: Vec<String>,
) -> Result<u64, Failure> {
    let with_vectors = !spaces.is_empty();
    let mut items = py.detach(|| database.export().vectors(spaces).run())?;
    // The file is the caller's: Python writes it.
    let module = PyModule::import(py, "twinspire._files")?;
    let file = module.getattr("AtomicFile")?.call1((path,))?;
    let mut count = 0;
    loop {
        let text = py.detach(|| -> Result<String, Failure> {
            let mut text = String::new();
            for item in items.by_ref().take(READ_ITEMS) {
                let item = item?;
                let line = match with_vectors {
                    true => info::value(&item)?,
                    false => item.record,
                };
                text += &line.to_string();
                text.push('\n');
                count += 1;
            }
            Ok(text)
        });
        let written = text.and_then(|text| {
            py.check_signals()?;
            match text.is_empty() {
                true => file.call_method0("commit")?,
                false => file.call_method1("write", (&text,))?,
            };
            Ok(text.is_empty())
        });
        match written {
            Ok(true) => return Ok(count),
            Ok(false) => {}
            Err(failure) => {
                file.call_method0("discard")?;
                return Err(failure);
            }
        }
    }
}
