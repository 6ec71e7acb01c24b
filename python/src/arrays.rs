//! NumPy arrays and ids.

use crate::failure::Failure;
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString};

/// An array of contiguous and aligned 32-bit floats: the object itself if it is one, else a copy.
fn floats<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let numpy = PyModule::import(object.py(), "numpy")?;
    let requirements = ("C_CONTIGUOUS", "ALIGNED", "ENSUREARRAY");
    let arguments = (object, numpy.getattr("float32")?, requirements);
    numpy.call_method1("require", arguments)
}

/// A vector from an array or a sequence of numbers.
pub fn vector(object: &Bound<'_, PyAny>) -> PyResult<Vec<f32>> {
    // The usual query needs no help of NumPy.
    if let Ok(array) = object.cast::<PyArray1<f32>>()
        && let Ok(numbers) = array.try_readonly()?.as_slice()
    {
        return Ok(numbers.to_vec());
    }
    let array = floats(object)?;
    match array.cast::<PyArray1<f32>>() {
        Ok(array) => Ok(array.try_readonly()?.as_slice()?.to_vec()),
        Err(_) => Err(PyValueError::new_err(
            "a vector of one dimension expected, found an array of another shape",
        )),
    }
}

/// A matrix of vectors, one a row. Contiguous 32-bit floats are not copied.
pub fn matrix<'py>(object: &Bound<'py, PyAny>) -> PyResult<PyReadonlyArray2<'py, f32>> {
    let array = floats(object)?;
    match array.cast::<PyArray2<f32>>() {
        Ok(array) => Ok(array.try_readonly()?),
        Err(_) => Err(PyValueError::new_err(
            "a matrix with a row for each id expected, found an array of another shape",
        )),
    }
}

/// A matrix of rows of this dimension, from their concatenation.
pub fn from_rows(
    py: Python<'_>,
    rows: Vec<f32>,
    dimension: usize,
) -> Result<Py<PyArray2<f32>>, Failure> {
    let count = rows.len() / dimension.max(1);
    let array = PyArray1::from_vec(py, rows).reshape([count, dimension])?;
    Ok(array.unbind())
}

/// The number of rows and columns of a matrix.
pub fn shape(matrix: &PyReadonlyArray2<'_, f32>) -> (usize, usize) {
    match matrix.shape() {
        [rows, columns] => (*rows, *columns),
        _ => (0, 0),
    }
}

/// Ids from a sequence or an array of strings or whole numbers.
pub fn ids(object: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    if object.is_instance_of::<PyString>() {
        let reason = "an iterable of ids expected, found a string";
        return Err(PyTypeError::new_err(reason));
    }
    for method in ["tolist", "to_pylist"] {
        if object.hasattr(method)? {
            return each_id(&object.call_method0(method)?);
        }
    }
    each_id(object)
}

fn each_id(object: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let each = object.try_iter()?.map(|id| {
        let id = id?;
        match id.is_instance_of::<PyInt>() {
            true => Ok(id.str()?.to_cow()?.into_owned()),
            false => id.extract::<String>(),
        }
    });
    each.collect()
}
