//! Arguments of calls: words, lists of strings, values by space.

use crate::arrays;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use twinspire::FeatureCheck;

/// The same exception, with the argument that it is about.
pub fn of_argument(value: &Bound<'_, PyAny>, name: &str, error: PyErr) -> PyErr {
    let py = value.py();
    if error.is_instance_of::<PyOverflowError>(py) {
        let message =
            format!("argument '{name}': a whole number of 0 or more expected, found {value}");
        return PyValueError::new_err(message);
    }
    let message = format!("argument '{name}': {}", error.value(py));
    match error.is_instance_of::<PyTypeError>(py) {
        true => PyTypeError::new_err(message),
        false if error.is_instance_of::<PyValueError>(py) => PyValueError::new_err(message),
        false => error,
    }
}

/// The error for a word that is not one of the expected ones.
pub fn choice(found: &str, expected: &str) -> PyErr {
    PyValueError::new_err(format!("{expected} expected, found '{found}'"))
}

/// How strictly features are read, by name.
pub fn feature_check(name: &str) -> PyResult<FeatureCheck> {
    match name {
        "described" => Ok(FeatureCheck::Described),
        "strict" => Ok(FeatureCheck::Strict),
        "lenient" => Ok(FeatureCheck::Lenient),
        other => Err(choice(other, "'described', 'strict' or 'lenient'")),
    }
}

/// One string, or several; none for `None`.
pub fn strings(value: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    match value.cast::<PyString>() {
        _ if value.is_none() => Ok(Vec::new()),
        Ok(text) => Ok(vec![text.to_cow()?.into_owned()]),
        Err(_) => arrays::ids(value),
    }
}

/// The values of a dict from spaces.
pub fn by_space<T>(
    value: &Bound<'_, PyAny>,
    convert: impl Fn(&Bound<'_, PyAny>) -> PyResult<T>,
) -> PyResult<Vec<(String, T)>> {
    if value.is_none() {
        return Ok(Vec::new());
    }
    let dict = value.cast::<PyDict>()?;
    let each = dict
        .iter()
        .map(|(space, value)| Ok((space.extract()?, convert(&value)?)));
    each.collect()
}
