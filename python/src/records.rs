//! Records of a caller: dicts, or the rows of a frame.

use crate::failure::Failure;
use crate::{frames, json};
use arrow_array::RecordBatchReader;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyString};
use serde_json::Value;
use std::io::Cursor;
use std::sync::mpsc::channel;
use std::{panic, thread};
use twinspire::Event;
use twinspire::import::{ImportError, Lines, ReadOptions, arrow, jsonl};

/// Dicts that are passed on together by [`Records::stream`].
const STREAMED: usize = 64;

/// What the rows of a frame are.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Items: a column `id` is needed.
    Items,
    /// Anything.
    Any,
}

/// Records that are read a batch at a time.
pub enum Records {
    /// From an iterator of dicts.
    Dicts(Py<PyIterator>),
    /// From record batches, or a file.
    Rows(Box<dyn Iterator<Item = Result<Value, ImportError>> + Send + Sync>),
}

impl Records {
    /// The records of a frame, or of an iterable of dicts.
    pub fn new(object: &Bound<'_, PyAny>, kind: Kind) -> Result<Self, Failure> {
        if let Some(reader) = frames::reader(object)? {
            let (schema, options) = (reader.schema(), ReadOptions::new());
            let rows = match kind {
                Kind::Items => arrow::items_from(reader, &schema, frames::NAME, &options)?,
                Kind::Any => arrow::records_from(reader, &schema, frames::NAME, &options)?,
            };
            return Ok(Self::Rows(Box::new(Locked::new(rows))));
        }
        Ok(Self::Dicts(dicts(object)?.unbind()))
    }

    /// The next records, `most` at most; none at the end.
    pub fn take(&mut self, py: Python<'_>, most: usize) -> Result<Vec<Value>, Failure> {
        match self {
            Self::Dicts(dicts) => {
                let dicts = dicts.bind(py).clone().take(most);
                let each = dicts.map(|dict| Ok(json::to_object(&dict?)?));
                each.collect()
            }
            Self::Rows(rows) => Ok(py.detach(|| rows.take(most).collect::<Result<_, _>>())?),
        }
    }

    /// All records.
    pub fn all(mut self, py: Python<'_>) -> Result<Vec<Value>, Failure> {
        self.take(py, usize::MAX)
    }
}

impl Records {
    /// Passes all records to `work`, which runs without the interpreter's lock while dicts are read under it.
    pub fn stream<T: Send>(
        mut self,
        py: Python<'_>,
        work: impl FnOnce(&mut dyn Iterator<Item = Value>) -> T + Send,
    ) -> Result<T, Failure> {
        if let Self::Rows(rows) = &mut self {
            return py.detach(|| {
                let mut failed = None;
                let result =
                    work(&mut rows.map_while(|row| row.map_err(|e| failed = Some(e)).ok()));
                failed.map_or(Ok(result), |error| Err(error.into()))
            });
        }
        let first = self.take(py, STREAMED)?;
        if first.len() < STREAMED {
            return Ok(py.detach(|| work(&mut first.into_iter())));
        }
        thread::scope(|scope| {
            let (sender, groups) = channel::<Vec<Value>>();
            let worker =
                scope.spawn(|| work(&mut first.into_iter().chain(groups.into_iter().flatten())));
            let read = loop {
                match self.take(py, STREAMED) {
                    Ok(group) if group.is_empty() => break Ok(()),
                    Ok(group) => {
                        // The worker has failed, and has dropped the iterator.
                        if sender.send(group).is_err() {
                            break Ok(());
                        }
                    }
                    Err(failure) => break Err(failure),
                }
            };
            drop(sender);
            let result = py.detach(|| worker.join());
            read?;
            Ok(result.unwrap_or_else(|panicked| panic::resume_unwind(panicked)))
        })
    }
}

/// An iterator over an iterable of dicts.
fn dicts<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyIterator>> {
    if object.is_instance_of::<PyDict>() || object.is_instance_of::<PyString>() {
        let reason = format!(
            "a frame or an iterable of dicts expected, found {}",
            object.get_type().name()?
        );
        return Err(PyTypeError::new_err(reason));
    }
    object.try_iter()
}

/// An iterator that is used through `&mut` alone, and so may be shared.
pub struct Locked<T>(std::sync::Mutex<T>);

impl<T> Locked<T> {
    pub fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }
}

impl<T: Iterator> Iterator for Locked<T> {
    type Item = T::Item;

    fn next(&mut self) -> Option<T::Item> {
        let inner = self.0.get_mut();
        inner
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .next()
    }
}

/// Dicts as text of JSON lines, to be read by the rules of files.
pub fn json_lines(object: &Bound<'_, PyAny>) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    for dict in dicts(object)? {
        let record = json::to_object(&dict?)?;
        text.extend(record.to_string().into_bytes());
        text.push(b'\n');
    }
    Ok(text)
}

/// Reads text without the interpreter's lock, to its end or its first bad record.
pub fn read_text<T: Send>(
    py: Python<'_>,
    text: Vec<u8>,
    read: impl FnOnce(Cursor<Vec<u8>>) -> Lines<T> + Send,
) -> Result<Vec<T>, Failure> {
    Ok(py.detach(|| read(Cursor::new(text)).collect::<Result<_, _>>())?)
}

/// The events of a frame, or of an iterable of dicts.
pub fn events(object: &Bound<'_, PyAny>, options: &ReadOptions) -> Result<Vec<Event>, Failure> {
    let py = object.py();
    if let Some(reader) = frames::reader(object)? {
        let schema = reader.schema();
        let rows = arrow::events_from(reader, &schema, frames::NAME, options)?;
        let mut rows = Locked::new(rows);
        return Ok(py.detach(|| rows.by_ref().collect::<Result<_, _>>())?);
    }
    let text = json_lines(object)?;
    read_text(py, text, |text| jsonl::events_from(text, "events", options))
}
