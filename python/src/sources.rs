//! What trainings and evaluations learn from: files, frames and dicts, with the options by which they are read.

use crate::failure::Failure;
use crate::frames;
use crate::read_options::read_options;
use crate::rows::{Locked, add_line, json_lines, read_text};
use arrow_array::RecordBatchReader;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use serde_json::Value;
use std::path::PathBuf;
use twinspire::import::{self, Format, ImportError, Lines, ReadOptions, Records, arrow, jsonl};
use twinspire::{Event, MinedPair, TrainingPair};

/// Files, a frame or dicts with the options by which they are read. Taken wherever items, users or events are.
///
/// Parameters
/// ----------
/// data : path, list of paths, frame or iterable of dict
///     Of a directory all data files are read, in the order of their paths.
/// format : {'json-lines', 'csv', 'parquet', 'movielens', 'export'}, optional
///     Of a file whose name does not tell.
/// id : str, optional
///     The column of the id of items.
/// user, item, time, weight : str, optional
///     Columns of events. `user` is the column of the id of users too.
/// columns, drop : list of str, optional
///     Read these columns alone; leave these out.
/// lists, text : list of str, optional
///     CSV: columns that are lists separated by ``|``; columns that are strings even where they look like numbers.
/// delimiter : str, optional
///     CSV: separates cells by this.
/// header : list of str, optional
///     CSV: the names of the columns of a file without a header row.
///
/// Examples
/// --------
/// >>> views = [{"visitor": f"u{n % 3}", "sku": f"i{n % 4}", "at": n} for n in range(12)]
/// >>> events = twinspire.Source(views, user="visitor", item="sku", time="at")
/// >>> before, test = twinspire.split_events(events)
/// >>> test[0]["item"], len(before)
/// ('i1', 9)
#[pyclass(frozen, module = "twinspire")]
pub struct Source {
    data: Py<PyAny>,
    format: Option<Format>,
    options: ReadOptions,
}

#[pymethods]
impl Source {
    #[new]
    #[pyo3(signature = (data, **options), text_signature = "(data, *, format=None, id=None, user=None, item=None, \
        time=None, weight=None, columns=None, drop=None, lists=None, text=None, delimiter=None, header=None)")]
    fn new(data: Py<PyAny>, options: Option<&Bound<'_, PyDict>>) -> Result<Self, Failure> {
        let (format, options) = read_options(options)?;
        Ok(Self {
            data,
            format,
            options,
        })
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("Source({})", self.data.bind(py).repr()?))
    }
}

/// The data of a source, or of an object without options.
pub struct Given<'py> {
    pub object: Bound<'py, PyAny>,
    pub format: Option<Format>,
    pub options: ReadOptions,
}

impl<'py> Given<'py> {
    pub fn new(object: &Bound<'py, PyAny>) -> Self {
        match object.cast::<Source>() {
            Ok(source) => {
                let Source {
                    data,
                    format,
                    options,
                } = source.get();
                Self {
                    object: data.bind(object.py()).clone(),
                    format: *format,
                    options: options.clone(),
                }
            }
            Err(_) => Self {
                object: object.clone(),
                format: None,
                options: ReadOptions::new(),
            },
        }
    }

    /// The files, if this is a path or a list of paths.
    fn files(&self) -> Result<Option<Vec<import::Source>>, Failure> {
        let paths = match self.object.extract::<PathBuf>() {
            Ok(path) => vec![path],
            // The columns of some frames are a sequence of names.
            Err(_)
                if !self.object.is_instance_of::<PyList>()
                    && !self.object.is_instance_of::<PyTuple>() =>
            {
                return Ok(None);
            }
            Err(_) => match self.object.extract::<Vec<PathBuf>>() {
                Ok(paths) if !paths.is_empty() => paths,
                _ => return Ok(None),
            },
        };
        let mut sources = Vec::new();
        for path in paths {
            match self.format {
                Some(format) => sources.push(import::Source::new(path, format)),
                None => {
                    for file in import::files_of(path)? {
                        sources.push(import::open(file)?);
                    }
                }
            }
        }
        let each = sources.into_iter();
        Ok(Some(
            each.map(|source| source.options(self.options.clone()))
                .collect(),
        ))
    }
}

/// All records of an object: by one of three functions, for files, frames and text of JSON lines.
macro_rules! read {
    ($(#[$doc:meta])* $name:ident: $type:ty, $of_file:ident, $of_frame:ident, $of_text:ident, $label:literal) => {
        $(#[$doc])*
        pub fn $name(object: &Bound<'_, PyAny>) -> Result<Vec<$type>, Failure> {
            let (py, given) = (object.py(), Given::new(object));
            if let Some(files) = given.files()? {
                return read_files(py, &files, import::Source::$of_file);
            }
            let options = given.options;
            if let Some(reader) = frames::reader(&given.object)? {
                let schema = reader.schema();
                let rows = arrow::$of_frame(reader, &schema, frames::NAME, &options)?;
                let mut rows = Locked::new(rows);
                return Ok(py.detach(|| rows.by_ref().collect::<Result<_, _>>())?);
            }
            let text = json_lines(&given.object)?;
            read_text(py, text, |text| jsonl::$of_text(text, $label, &options))
        }
    };
}

read!(
    /// Items of a file, a frame or dicts.
    items: Value, items, items_from, items_from, "items"
);
read!(
    /// Users of a file, a frame or dicts.
    users: Value, users, users_from, users_from, "users"
);
read!(
    /// Events of a file, a frame or dicts.
    events: Event, events, events_from, events_from, "events"
);

/// All records of some files.
fn read_files<T: Send>(
    py: Python<'_>,
    files: &[import::Source],
    open: impl Fn(&import::Source) -> Result<Records<T>, ImportError> + Sync,
) -> Result<Vec<T>, Failure> {
    let records = py.detach(|| {
        let mut records = Vec::new();
        for file in files {
            for record in open(file)? {
                records.push(record?);
            }
        }
        Ok::<_, ImportError>(records)
    });
    Ok(records?)
}

/// Pairs to mine, from a file of JSON lines, a frame or dicts.
pub fn pairs(object: &Bound<'_, PyAny>) -> Result<Vec<TrainingPair>, Failure> {
    match object.extract::<PathBuf>() {
        Ok(path) => read_lines(object.py(), || jsonl::pairs(path)),
        Err(_) => read_text(object.py(), text_of(object)?, |text| {
            jsonl::pairs_from(text, "pairs")
        }),
    }
}

/// Mined pairs, from a file of JSON lines, a frame or dicts.
pub fn mined(object: &Bound<'_, PyAny>) -> Result<Vec<MinedPair>, Failure> {
    match object.extract::<PathBuf>() {
        Ok(path) => read_lines(object.py(), || jsonl::mined(path)),
        Err(_) => read_text(object.py(), text_of(object)?, |text| {
            jsonl::mined_from(text, "mined")
        }),
    }
}

fn read_lines<T: Send>(
    py: Python<'_>,
    open: impl FnOnce() -> Result<Lines<T>, ImportError> + Send,
) -> Result<Vec<T>, Failure> {
    Ok(py.detach(|| open()?.collect::<Result<Vec<T>, _>>())?)
}

/// Records of any kind as text of JSON lines.
fn text_of(object: &Bound<'_, PyAny>) -> Result<Vec<u8>, Failure> {
    let Some(reader) = frames::reader(object)? else {
        return json_lines(object);
    };
    let schema = reader.schema();
    let rows = arrow::records_from(reader, &schema, frames::NAME, &ReadOptions::new())?;
    let mut rows = Locked::new(rows);
    let text = object.py().detach(|| {
        let mut text = Vec::new();
        for row in rows.by_ref() {
            add_line(&mut text, &row?);
        }
        Ok::<_, ImportError>(text)
    });
    Ok(text?)
}
