//! How files and frames are read, as keyword arguments.

use crate::arguments::{choice, of_argument};
use crate::arrays;
use crate::failure::Failure;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use twinspire::import::{Format, ReadOptions};

/// The names of all options.
const OPTIONS: [&str; 12] = [
    "format",
    "id",
    "user",
    "item",
    "time",
    "weight",
    "columns",
    "drop",
    "lists",
    "text",
    "delimiter",
    "header",
];

/// How a file or a frame is read, as the keyword arguments of a call.
pub fn read_options(
    arguments: Option<&Bound<'_, PyDict>>,
) -> Result<(Option<Format>, ReadOptions), Failure> {
    let (mut format, mut options) = (None, ReadOptions::new());
    for (name, value) in arguments.into_iter().flatten() {
        let name = name.cast::<PyString>()?.to_str()?;
        if !OPTIONS.contains(&name) {
            let reason = format!("unexpected keyword argument '{name}'");
            return Err(PyTypeError::new_err(reason).into());
        }
        if value.is_none() {
            continue;
        }
        let read = read_option(name, &value, &mut format, options);
        options = read.map_err(|error| of_argument(&value, name, error))?;
    }
    Ok((format, options))
}

fn read_option(
    name: &str,
    value: &Bound<'_, PyAny>,
    format: &mut Option<Format>,
    options: ReadOptions,
) -> PyResult<ReadOptions> {
    let text = || value.extract::<String>();
    Ok(match name {
        "format" => {
            *format = Some(format_of(&text()?)?);
            options
        }
        "id" => options.id(text()?),
        "user" => options.user(text()?),
        "item" => options.item(text()?),
        "time" => options.time(text()?),
        "weight" => options.weight(text()?),
        "columns" => options.columns(arrays::ids(value)?),
        "drop" => options.drop(arrays::ids(value)?),
        "lists" => options.lists(arrays::ids(value)?),
        "text" => options.text(arrays::ids(value)?),
        "delimiter" => options.delimiter(text()?),
        "header" => options.header(arrays::ids(value)?),
        _ => options,
    })
}

fn format_of(name: &str) -> PyResult<Format> {
    match name {
        "json-lines" => Ok(Format::JsonLines),
        "csv" => Ok(Format::Csv),
        "parquet" => Ok(Format::Parquet),
        "movielens" => Ok(Format::MovieLens),
        "export" => Ok(Format::Export),
        other => Err(choice(
            other,
            "'json-lines', 'csv', 'parquet', 'movielens' or 'export'",
        )),
    }
}
