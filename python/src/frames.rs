//! Frames: record batches in and out by the Arrow C stream, so that no library of frames is needed.

use crate::failure::Failure;
use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchIterator};
use arrow_pyarrow::FromPyArrow;
use arrow_schema::{DataType, Field, Schema};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use std::sync::Arc;

/// What errors call a frame.
pub const NAME: &str = "frame";

/// The method that exports a stream of record batches.
const EXPORT: &str = "__arrow_c_stream__";

/// The record batches of a frame; `None` for an object that is no frame.
pub fn reader(object: &Bound<'_, PyAny>) -> Result<Option<RecordBatchStreamReader>, Failure> {
    if !object.hasattr(EXPORT)? {
        return Ok(None);
    }
    let module = PyModule::import(object.py(), "twinspire._frames")?;
    let frame = module.getattr("exportable")?.call1((object,))?;
    Ok(Some(RecordBatchStreamReader::from_pyarrow_bound(&frame)?))
}

/// A stream of one record batch, for `__arrow_c_stream__`.
pub fn export<'py>(
    py: Python<'py>,
    columns: Vec<(&str, DataType, ArrayRef)>,
) -> Result<Bound<'py, PyCapsule>, Failure> {
    let fields = columns.iter();
    let fields = fields.map(|(name, kind, _)| Field::new(*name, kind.clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = columns.into_iter().map(|(_, _, array)| array).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays)
        .map_err(|error| Failure::new("InternalError", error.to_string()))?;
    let reader = RecordBatchIterator::new([Ok(batch)], schema);
    let stream = FFI_ArrowArrayStream::new(Box::new(reader));
    Ok(PyCapsule::new_with_value(
        py,
        stream,
        c"arrow_array_stream",
    )?)
}
