//! The command `twinspire`, for the script that the wheel installs.

use crate::failure::Failure;
use crate::process;
use pyo3::prelude::*;
use std::ffi::OsString;

/// Run a command line, whose first argument is the name of the program.
///
/// Returns
/// -------
/// int
///     The exit code.
#[pyfunction]
pub fn run_command(py: Python<'_>, arguments: Vec<OsString>) -> Result<u8, Failure> {
    process::check()?;
    Ok(py.detach(|| twinspire_cli::run(arguments)))
}
