//! Dicts and rows on their way to the readers of files.

use crate::failure::Failure;
use crate::json;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyString};
use serde_json::Value;
use std::io::Cursor;
use twinspire::import::Lines;

/// An iterator over an iterable of dicts.
pub fn dicts<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyIterator>> {
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
        add_line(&mut text, &json::to_object(&dict?)?);
    }
    Ok(text)
}

/// Adds a record to text of JSON lines.
pub fn add_line(text: &mut Vec<u8>, record: &Value) {
    text.extend(record.to_string().into_bytes());
    text.push(b'\n');
}

/// Reads text without the interpreter's lock, to its end or its first bad record.
pub fn read_text<T: Send>(
    py: Python<'_>,
    text: Vec<u8>,
    read: impl FnOnce(Cursor<Vec<u8>>) -> Lines<T> + Send,
) -> Result<Vec<T>, Failure> {
    Ok(py.detach(|| read(Cursor::new(text)).collect::<Result<_, _>>())?)
}
