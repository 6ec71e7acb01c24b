//! Limits of the ONNX models that towers run.

use crate::failure::Failure;
use crate::info;
use pyo3::prelude::*;
use serde_json::json;
use std::time::Duration;

/// The limits of ONNX models that are opened from now on.
///
/// Returns
/// -------
/// ModelLimits
///
/// Examples
/// --------
/// >>> twinspire.model_limits().memory
/// 1073741824
#[pyfunction]
pub fn model_limits(py: Python<'_>) -> Result<Py<PyAny>, Failure> {
    let limits = twinspire::model_limits();
    let fields = json!({
        "memory": limits.memory,
        "operations": limits.operations,
        "seconds": limits.time.as_secs_f64(),
    });
    info::record(py, "ModelLimits", &fields)
}

/// Set limits of ONNX models that are opened from now on, in the whole process. What is not given stays.
///
/// Parameters
/// ----------
/// memory : int, optional
///     Memory that one run may take, in bytes, in addition to eight times the size of the file.
/// operations : int, optional
///     Multiplications and additions of one run.
/// seconds : float, optional
///     Longest time of one run.
///
/// Examples
/// --------
/// >>> before = twinspire.model_limits()
/// >>> twinspire.set_model_limits(seconds=5)
/// >>> twinspire.model_limits().seconds, twinspire.model_limits().memory == before.memory
/// (5.0, True)
/// >>> twinspire.set_model_limits(seconds=before.seconds)
#[pyfunction]
#[pyo3(signature = (*, memory=None, operations=None, seconds=None))]
pub fn set_model_limits(
    memory: Option<u64>,
    operations: Option<u64>,
    seconds: Option<f64>,
) -> Result<(), Failure> {
    let mut limits = twinspire::model_limits();
    if let Some(memory) = memory {
        limits = limits.with_memory(memory);
    }
    if let Some(operations) = operations {
        limits = limits.with_operations(operations);
    }
    if let Some(seconds) = seconds {
        let time = Duration::try_from_secs_f64(seconds)
            .map_err(|error| Failure::invalid(format!("seconds is {seconds}: {error}")))?;
        limits = limits.with_time(time);
    }
    twinspire::set_model_limits(limits);
    Ok(())
}
