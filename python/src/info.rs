//! Information that calls return: the serialised Rust value as a record of `twinspire._records`.

use crate::failure::Failure;
use crate::json;
use pyo3::prelude::*;
use serde::Serialize;
use serde_json::Value;

/// A class of `twinspire._records`.
pub fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    PyModule::import(py, "twinspire._records")?.getattr(name)
}

/// A record of this class.
pub fn record(py: Python<'_>, name: &str, info: &impl Serialize) -> Result<Py<PyAny>, Failure> {
    let fields = json::to_python(py, &value(info)?)?;
    Ok(class(py, "record")?.call1((name, fields))?.unbind())
}

/// A list of records of this class.
pub fn records<T: Serialize>(
    py: Python<'_>,
    name: &str,
    infos: &[T],
) -> Result<Vec<Py<PyAny>>, Failure> {
    infos.iter().map(|info| record(py, name, info)).collect()
}

/// The JSON of a value. What calls return always has one.
pub fn value(info: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(info).map_err(|error| Failure::new("InternalError", error.to_string()))
}
