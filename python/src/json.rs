//! Records: Python objects to JSON values and back.

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyNone, PyString, PyTuple};
use serde_json::{Map, Number, Value};

/// Levels of nesting; a record of more is refused by the database as well.
const MAX_DEPTH: usize = 110;

/// A Python object as JSON.
///
/// `None` is null. A float that is not finite is absent, as in files. Other types become what a column of theirs in a
/// file becomes: `twinspire._convert.plain` has the rule.
pub fn to_value(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    convert(object, 0)
}

/// A Python dict, or another mapping, as a JSON object.
pub fn to_object(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    match to_value(object)? {
        value @ Value::Object(_) => Ok(value),
        _ => Err(PyTypeError::new_err(format!(
            "a dict expected, found {}",
            object.get_type().name()?
        ))),
    }
}

fn convert(object: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    if depth > MAX_DEPTH {
        let reason = format!("a record has more than {MAX_DEPTH} levels, or contains itself");
        return Err(PyValueError::new_err(reason));
    }
    if let Ok(string) = object.cast::<PyString>() {
        return text(string);
    }
    if object.is_instance_of::<PyBool>() {
        return Ok(Value::Bool(object.is_truthy()?));
    }
    if let Ok(number) = object.cast::<PyInt>() {
        return integer(number);
    }
    if let Ok(number) = object.cast::<PyFloat>() {
        return Ok(float(number.value()));
    }
    if object.is_exact_instance_of::<PyNone>() {
        return Ok(Value::Null);
    }
    if let Ok(dict) = object.cast::<PyDict>() {
        return mapping(dict, depth);
    }
    if let Ok(list) = object.cast::<PyList>() {
        return match strings(list)? {
            Some(values) => Ok(values),
            None => sequence(list.iter(), depth),
        };
    }
    if let Ok(tuple) = object.cast::<PyTuple>() {
        return sequence(tuple.iter(), depth);
    }
    let module = PyModule::import(object.py(), "twinspire._convert")?;
    convert(&module.getattr("plain")?.call1((object,))?, depth + 1)
}

fn text(string: &Bound<'_, PyString>) -> PyResult<Value> {
    Ok(Value::String(string.to_cow()?.into_owned()))
}

/// A list of strings, such as a history; `None` for any other.
///
/// The strings lie anywhere in memory. Each pass reads one part of all of them, so that the processor fetches many at a
/// time; the last one copies what is in the cache.
fn strings(list: &Bound<'_, PyList>) -> PyResult<Option<Value>> {
    let mut objects = Vec::with_capacity(list.len());
    for object in list {
        match object.cast_into::<PyString>() {
            Ok(string) => objects.push(string),
            Err(_) => return Ok(None),
        }
    }
    let mut texts = Vec::with_capacity(objects.len());
    for object in &objects {
        texts.push(object.to_str()?);
    }
    let values = texts.into_iter().map(|text| Value::String(text.to_owned()));
    Ok(Some(Value::Array(values.collect())))
}

fn sequence<'py>(
    objects: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
    depth: usize,
) -> PyResult<Value> {
    // A `collect` of results would not know the length.
    let mut values = Vec::with_capacity(objects.len());
    for object in objects {
        values.push(convert(&object, depth + 1)?);
    }
    Ok(Value::Array(values))
}

fn integer(number: &Bound<'_, PyInt>) -> PyResult<Value> {
    if let Ok(number) = number.extract::<i64>() {
        return Ok(number.into());
    }
    number.extract::<u64>().map(Value::from).map_err(|_| {
        let reason = format!("integer {number} has more than 64 bits; store it as a string");
        PyValueError::new_err(reason)
    })
}

fn float(number: f64) -> Value {
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

fn mapping(dict: &Bound<'_, PyDict>, depth: usize) -> PyResult<Value> {
    let mut fields = Map::new();
    for (key, value) in dict {
        let Ok(key) = key.cast::<PyString>() else {
            let reason = format!("field names are strings, found {}", key.repr()?);
            return Err(PyTypeError::new_err(reason));
        };
        let key = key.to_cow()?.into_owned();
        match convert(&value, depth + 1) {
            // What is not finite is absent.
            Ok(Value::Null) if !value.is_none() => {}
            Ok(value) => drop(fields.insert(key, value)),
            Err(error) => return Err(at_field(dict.py(), &key, error)),
        }
    }
    Ok(Value::Object(fields))
}

/// The same exception, with the field that it is about.
fn at_field(py: Python<'_>, field: &str, error: PyErr) -> PyErr {
    let message = format!("field `{field}`: {}", error.value(py));
    match error.is_instance_of::<PyTypeError>(py) {
        true => PyTypeError::new_err(message),
        false if error.is_instance_of::<PyValueError>(py) => PyValueError::new_err(message),
        false => error,
    }
}

/// A JSON value as a Python object.
pub fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Null => Ok(py.None().into_bound(py)),
        Value::Bool(value) => value.into_bound_py_any(py),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into_bound_py_any(py),
            (None, Some(number)) => number.into_bound_py_any(py),
            (None, None) => number.as_f64().into_bound_py_any(py),
        },
        Value::String(text) => Ok(PyString::new(py, text).into_any()),
        Value::Array(values) => {
            let list = PyList::empty(py);
            for value in values {
                list.append(to_python(py, value)?)?;
            }
            Ok(list.into_any())
        }
        Value::Object(fields) => {
            let dict = PyDict::new(py);
            for (name, value) in fields {
                dict.set_item(name, to_python(py, value)?)?;
            }
            Ok(dict.into_any())
        }
    }
}
